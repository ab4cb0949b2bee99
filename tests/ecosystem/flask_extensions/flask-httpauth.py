"""Basic and token authentication, with roles and a page of one's own for errors."""

import base64

import flask
from flask_httpauth import HTTPBasicAuth, HTTPTokenAuth


def use(app, views):
    basic, token = HTTPBasicAuth(), HTTPTokenAuth("Bearer")

    @basic.verify_password
    def verify(name, password):
        return name if password == "right" else None

    @basic.get_user_roles
    def roles(user):
        return ["admin"] if user == "ada" else []

    @basic.error_handler
    def refuse(status):
        return f"refused {status}", status

    @token.verify_token
    def verify_token(word):
        return "ada" if word == "right" else None

    @views.add("/basic", basic.login_required)
    def with_basic():
        return basic.current_user()

    @views.add("/admin", basic.login_required(role="admin"))
    def with_role():
        return f"{basic.current_user()} {flask.request.path}"

    @views.add("/token", token.login_required)
    def with_token():
        return token.current_user()


def check(client):
    def as_(name, password="right"):
        words = base64.b64encode(f"{name}:{password}".encode()).decode()
        return {"Authorization": f"Basic {words}"}

    assert (401, "refused 401") == (client.get("/basic").status, client.get("/basic").text)
    assert 401 == client.get("/basic", as_("ada", "wrong")).status
    assert "ada" == client.get("/basic", as_("ada")).text
    assert "ada /admin" == client.get("/admin", as_("ada")).text
    assert "refused 403" == client.get("/admin", as_("bob")).text
    assert 401 == client.get("/token").status
    assert "ada" == client.get("/token", {"Authorization": "Bearer right"}).text
