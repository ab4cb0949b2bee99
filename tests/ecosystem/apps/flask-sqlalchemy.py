"""Flask-SQLAlchemy: rows written and read, a page of them, a 404, a session for each request."""

import quart_flask_patch  # noqa: F401
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy.orm import Mapped, mapped_column

from quart import Quart, request

app = Quart(__name__)
app.config["SQLALCHEMY_DATABASE_URI"] = "sqlite://"
db = SQLAlchemy(app)
sessions = []


class Note(db.Model):
    id: Mapped[int] = mapped_column(primary_key=True)
    text: Mapped[str]


@app.before_serving
async def create() -> None:
    async with app.app_context():
        db.create_all()


@app.post("/notes")
async def add():
    note = Note(text=(await request.get_json())["text"])
    db.session.add(note)
    db.session.commit()
    return {"id": note.id}


@app.get("/notes/<int:key>")
async def show(key: int):
    sessions.append(db.session())
    return db.get_or_404(Note, key).text


@app.get("/lost")
async def lost():
    db.session.add(Note(text="lost"))
    db.session.flush()
    return ""


@app.get("/notes")
async def notes():
    page = db.paginate(db.select(Note).order_by(Note.id), per_page=1)
    return {"total": page.total, "texts": [note.text for note in page.items]}


def test(client):
    assert {"id": 1} == client.post("/notes", json={"text": "one"}).json
    assert {"id": 2} == client.post("/notes", json={"text": "two"}).json
    assert "two" == client.get("/notes/2").text
    assert 404 == client.get("/notes/3").status
    assert sessions[0] is not sessions[1]

    client.get("/lost")  # rolled back at the end of the request
    assert {"total": 2, "texts": ["two"]} == client.get("/notes?page=2").json
