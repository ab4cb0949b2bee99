"""A function in a pool, with the request, the application and `g` of who submits it."""

import flask
from flask_executor import Executor


def use(app, views):
    executor = Executor(app)

    def work(word):
        return f"{word} {flask.request.path} {flask.current_app.name} {flask.g.word}"

    @views.add("/path")
    def view():
        flask.g.word = "kept"
        return executor.submit(work, "worked").result(timeout=5)


def check(client):
    assert "worked /path app kept" == client.get("/path").text
