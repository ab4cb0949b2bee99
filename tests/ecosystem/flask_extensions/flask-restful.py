"""A resource with arguments, fields and errors."""

import flask
from flask_restful import Api, Resource, abort, fields, marshal_with, reqparse

FAILS = {"async": "its resources are `def`, as on Flask; they run beside `async` views"}


def use(app, views):
    api = Api(views.owner)
    notes = {}

    class Note(Resource):
        @marshal_with({"id": fields.Integer, "text": fields.String})
        def get(self, id):
            if id not in notes:
                abort(404, message="no such note")
            return {"id": id, "text": notes[id], "other": True}

        def put(self, id):
            parser = reqparse.RequestParser()
            parser.add_argument("text", required=True, location="json")
            notes[id] = parser.parse_args()["text"]
            return {"id": id}, 201, {"X-Note": str(id)}

        def delete(self, id):
            return flask.redirect("/notes")

    views.add_methods(Note)
    api.add_resource(Note, "/notes/<int:id>")


def check(client):
    missing = client.get("/notes/1")
    assert (404, "no such note") == (missing.status, missing.json["message"])
    body = b'{"text": "one"}'
    put = client.request("PUT", "/notes/1", body, {"Content-Type": "application/json"})
    assert (201, "1") == (put.status, put.headers["X-Note"])
    assert {"id": 1, "text": "one"} == client.get("/notes/1").json
    bad = client.request("PUT", "/notes/1", b"{}", {"Content-Type": "application/json"})
    assert 400 == bad.status and "text" in bad.json["message"]
    gone = client.request("DELETE", "/notes/1", None, {})
    assert (302, "/notes") == (gone.status, gone.headers["Location"])
    assert 405 == client.post("/notes/1", json={}).status
