"""CSRF tokens that all changes need, and a view that needs none."""

import flask
from flask_seasurf import SeaSurf

from quart import render_template_string


def use(app, views):
    csrf = SeaSurf(app)

    @views.add("/", methods=["GET", "POST"])
    def page():
        if flask.request.method == "POST":
            return "done"
        return render_template_string("{{ csrf_token() }}")

    @views.add("/open", csrf.exempt, methods=["POST"])
    def open_to_all():
        return "open"


def check(client):
    token = client.get("/").text
    assert 403 == client.post("/", form={}).status
    assert "done" == client.post("/", form={"_csrf_token": token}).text
    assert "done" == client.post("/", form={}, headers={"X-CSRFToken": token}).text
    assert "open" == client.post("/open", form={}).text
