"""Flask-RESTful: a resource, its arguments checked, its fields marshalled, errors as JSON."""

import quart_flask_patch  # noqa: F401
from flask_restful import Api, Resource, abort, fields, marshal_with, reqparse

from quart import Quart

app = Quart(__name__)
api = Api(app)
todos = {"1": {"task": "sleep", "secret": 1}}
parser = reqparse.RequestParser()
parser.add_argument("task", required=True, help="a task is needed")


class Todo(Resource):
    @marshal_with({"task": fields.String})
    def get(self, key):
        if key not in todos:
            abort(404, message=f"{key} is not there")
        return todos[key]

    def put(self, key):
        todos[key] = parser.parse_args()
        return todos[key], 201, {"X-Made": key}

    def delete(self, key):
        raise ValueError


api.add_resource(Todo, "/todos/<key>", endpoint="todo")


@app.get("/url")
async def url():
    return api.url_for(Todo, key="1")


def test(client):
    answer = client.get("/todos/1")
    assert ("application/json", {"task": "sleep"}) == (answer.headers["Content-Type"], answer.json)
    answer = client.get("/todos/2")
    assert (404, {"message": "2 is not there"}) == (answer.status, answer.json)
    assert 405 == client.post("/todos/1").status

    body = b'{"task": "wake"}'
    answer = client.request("PUT", "/todos/2", body, {"Content-Type": "application/json"})
    assert (201, "2") == (answer.status, answer.headers["X-Made"])
    assert {"task": "wake"} == client.get("/todos/2").json
    answer = client.request("PUT", "/todos/3", b"{}", {"Content-Type": "application/json"})
    assert (400, {"message": {"task": "a task is needed"}}) == (answer.status, answer.json)
    assert "/todos/1" == client.get("/url").text


def test_errors(client):
    assert 404 == client.get("/nothing").status
    answer = client.request("DELETE", "/todos/1", None, {})
    assert (500, {"message": "Internal Server Error"}) == (answer.status, answer.json)
