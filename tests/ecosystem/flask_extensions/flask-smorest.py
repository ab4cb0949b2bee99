"""Arguments and answers by schemas, a document of them, ETags."""

import marshmallow
from flask_smorest import Api, Blueprint


class Note(marshmallow.Schema):
    id = marshmallow.fields.Int(dump_only=True)
    text = marshmallow.fields.Str(required=True)


class Query(marshmallow.Schema):
    word = marshmallow.fields.Str()


def use(app, views):
    app.config.update(API_TITLE="Notes", API_VERSION="v1", OPENAPI_VERSION="3.0.2")
    app.config.update(OPENAPI_URL_PREFIX="/", OPENAPI_JSON_PATH="openapi.json")
    api = Api(app)
    pages = Blueprint("notes", __name__)
    notes = []

    if views.is_async:

        @pages.post("/notes")
        @pages.arguments(Note)
        @pages.response(201, Note)
        async def add(note):
            notes.append({"id": len(notes) + 1, **note})
            return notes[-1]

        @pages.get("/notes")
        @pages.arguments(Query, location="query")
        @pages.response(200, Note(many=True))
        async def find(query):
            return [note for note in notes if query.get("word", "") in note["text"]]

    else:

        @pages.post("/notes")
        @pages.arguments(Note)
        @pages.response(201, Note)
        def add(note):
            notes.append({"id": len(notes) + 1, **note})
            return notes[-1]

        @pages.get("/notes")
        @pages.arguments(Query, location="query")
        @pages.response(200, Note(many=True))
        def find(query):
            return [note for note in notes if query.get("word", "") in note["text"]]

    api.register_blueprint(pages)


def check(client):
    made = client.post("/notes", json={"text": "one"})
    assert (201, {"id": 1, "text": "one"}) == (made.status, made.json)
    assert 422 == client.post("/notes", json={}).status
    client.post("/notes", json={"text": "two"})
    assert [{"id": 2, "text": "two"}] == client.get("/notes?word=tw").json
    assert "/notes" in client.get("/openapi.json").json["paths"]
