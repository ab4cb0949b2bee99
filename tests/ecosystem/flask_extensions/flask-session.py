"""A session that is kept on the server."""

import flask
from cachelib import SimpleCache
from flask_session import Session


def use(app, views):
    store = SimpleCache()
    app.config.update(SESSION_TYPE="cachelib", SESSION_CACHELIB=store)
    Session(app)

    @views.add("/add/<word>")
    def add(word):
        flask.session["words"] = [*flask.session.get("words", []), word]
        return str(len(store._cache))

    @views.add("/words")
    def words():
        return " ".join(flask.session.get("words", []))

    @views.add("/clear")
    def clear():
        flask.session.clear()
        return ""


def check(client):
    client.get("/add/one")
    assert "1" == client.get("/add/two").text
    assert "one two" == client.get("/words").text
    assert "one" not in client.cookies["session"]
    client.get("/clear")
    assert "" == client.get("/words").text
