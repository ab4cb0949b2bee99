"""Rows that are added, found or a 404, and paginated; what a request leaves is rolled back."""

import flask
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy.orm import Mapped, mapped_column
from sqlalchemy.pool import StaticPool


def use(app, views):
    app.config.update(
        SQLALCHEMY_DATABASE_URI="sqlite://",
        SQLALCHEMY_ENGINE_OPTIONS={
            "poolclass": StaticPool,
            "connect_args": {"check_same_thread": False},
        },
    )
    db = SQLAlchemy(app)

    class Note(db.Model):
        id: Mapped[int] = mapped_column(primary_key=True)
        text: Mapped[str]

    @app.before_serving
    async def create():
        async with app.app_context():
            db.create_all()

    @views.add("/add/<text>")
    def add(text):
        db.session.add(Note(text=text))
        db.session.commit()
        db.session.add(Note(text="lost"))
        db.session.flush()
        return "added"

    @views.add("/note/<int:id>")
    def show(id):
        return db.get_or_404(Note, id).text

    @views.add("/notes")
    def notes():
        page = db.paginate(db.select(Note).order_by(Note.id), per_page=2)
        return flask.jsonify(notes=[note.text for note in page.items], pages=page.pages)


def check(client):
    for text in ("one", "two", "three"):
        assert "added" == client.get(f"/add/{text}").text
    assert "two" == client.get("/note/2").text
    assert 404 == client.get("/note/4").status
    assert {"notes": ["three"], "pages": 2} == client.get("/notes?page=2").json
