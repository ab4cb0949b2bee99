"""Logging in, a view for users only, who it is in a template, being remembered, logging out."""

import flask
from flask_login import (
    LoginManager,
    UserMixin,
    current_user,
    login_required,
    login_user,
    logout_user,
)

from quart import render_template_string


class User(UserMixin):
    def __init__(self, name):
        self.id = name


def use(app, views):
    manager = LoginManager(app)
    manager.login_view = views.endpoint("login")
    manager.user_loader(lambda name: User(name) if name == "ada" else None)

    @views.add("/login")
    def login():
        login_user(User(flask.request.args["name"]), remember=True)
        return flask.redirect("/private")

    @views.add("/private", login_required)
    def private():
        return current_user.id

    @views.add("/page")
    def page():
        return render_template_string("{{ current_user.is_authenticated }}")

    @views.add("/logout")
    def logout():
        logout_user()
        return ""


def check(client):
    refused = client.get("/private")
    assert (302, "/login?next=%2Fprivate") == (refused.status, refused.headers["Location"])
    assert "False" == client.get("/page").text

    assert 302 == client.get("/login?name=ada").status
    assert "ada" == client.get("/private").text
    assert "True" == client.get("/page").text

    del client.cookies["session"]
    assert "ada" == client.get("/private").text  # remembered

    client.get("/logout")
    assert 302 == client.get("/private").status
