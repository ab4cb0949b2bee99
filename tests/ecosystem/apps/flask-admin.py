"""Flask-Admin: the list of a model, a row created and deleted through its forms, a view of ours."""

import quart_flask_patch  # noqa: F401
from flask_admin import Admin, BaseView, expose
from flask_admin.contrib.sqla import ModelView
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy.orm import Mapped, mapped_column

from quart import Quart

app = Quart(__name__)
app.secret_key = "secret"
app.config["SQLALCHEMY_DATABASE_URI"] = "sqlite://"
db = SQLAlchemy(app)


class Note(db.Model):
    id: Mapped[int] = mapped_column(primary_key=True)
    text: Mapped[str]


class Extra(BaseView):
    @expose("/")
    def index(self):
        return "extra"


admin = Admin(app, name="Our admin")
admin.add_view(ModelView(Note, db.session))
admin.add_view(Extra(endpoint="extra"))


@app.before_serving
async def create() -> None:
    async with app.app_context():
        db.create_all()


def test(client):
    home = client.get("/admin/")
    assert 200 == home.status
    assert "Our admin" in home.text
    assert "extra" == client.get("/admin/extra/").text
    assert 200 == client.get("/admin/static/admin/css/bootstrap4/admin.css").status

    assert 200 == client.get("/admin/note/new/").status
    assert 302 == client.post("/admin/note/new/", form={"text": "written"}).status
    assert "written" in client.get("/admin/note/").text
    assert 302 == client.post("/admin/note/delete/", form={"id": "1"}).status
    assert "written" not in client.get("/admin/note/").text
