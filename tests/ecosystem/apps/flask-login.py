"""Flask-Login: logging in, a view for users only, who it is in a template, logging out."""

import quart_flask_patch  # noqa: F401  # first, as it asks
from flask_login import (
    LoginManager,
    UserMixin,
    current_user,
    login_required,
    login_user,
    logout_user,
)

from quart import Quart, redirect, render_template_string, request

app = Quart(__name__)
app.secret_key = "secret"
manager = LoginManager(app)
manager.login_view = "login"


class User(UserMixin):
    def __init__(self, name: str) -> None:
        self.id = name


@manager.user_loader
def load(name: str) -> User | None:
    return User(name) if name == "ada" else None


@app.post("/login")
async def login():
    login_user(User((await request.form)["name"]), remember=True)
    return redirect("/private")


@app.get("/private")
@login_required
async def private():
    return current_user.id


@app.get("/page")
async def page():
    return await render_template_string("{{ current_user.is_authenticated }}")


@app.get("/logout")
async def logout():
    logout_user()
    return ""


def test(client):
    refused = client.get("/private")
    assert (302, "/login?next=%2Fprivate") == (refused.status, refused.headers["Location"])
    assert "False" == client.get("/page").text

    assert 302 == client.post("/login", form={"name": "ada"}).status
    assert "ada" == client.get("/private").text
    assert "True" == client.get("/page").text

    del client.cookies["session"]
    assert "ada" == client.get("/private").text  # remembered

    client.get("/logout")
    assert 302 == client.get("/private").status
