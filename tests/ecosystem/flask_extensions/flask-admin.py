"""The rows of a table: listed, added by a form, edited; a page of one's own."""

from flask_admin import Admin, BaseView, expose
from flask_admin.contrib.sqla import ModelView
from flask_babel import Babel
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

    class Page(BaseView):
        @expose("/")
        def index(self):
            return self.render("admin/index.html")

    Babel(app)  # where it is installed, Flask-Admin wants it set up
    admin = Admin(app, name="Notes")
    admin.add_view(ModelView(Note, db))
    admin.add_view(Page(name="Page", endpoint="page"))

    @app.before_serving
    async def create():
        async with app.app_context():
            db.create_all()

    @views.add("/")
    def count():
        return str(db.session.query(Note).count())


def check(client):
    assert "Notes" in client.get("/admin/").text
    assert 302 == client.post("/admin/note/new/", form={"text": "one"}).status
    assert "one" in client.get("/admin/note/").text
    assert 302 == client.post("/admin/note/edit/?id=1", form={"text": "two"}).status
    assert "two" in client.get("/admin/note/").text
    assert "1" == client.get("/").text
    assert 200 == client.get("/admin/page/").status
    assert 200 == client.get("/admin/static/admin/css/bootstrap4/admin.css").status
