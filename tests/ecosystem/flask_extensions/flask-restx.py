"""A resource with a model, its document and its page."""

from flask_restx import Api, Resource, fields

FAILS = {"async": "its resources are `def`, as on Flask; they run beside `async` views"}


def use(app, views):
    api = Api(views.owner, title="Notes", doc="/doc")
    model = api.model("Note", {"text": fields.String(required=True)})
    notes = []

    class Notes(Resource):
        @api.marshal_list_with(model)
        def get(self):
            return notes

        @api.expect(model, validate=True)
        def post(self):
            notes.append(api.payload)
            return len(notes), 201

    views.add_methods(Notes)
    api.route("/notes")(Notes)


def check(client):
    assert (201, 1) == ((made := client.post("/notes", json={"text": "one"})).status, made.json)
    assert 400 == client.post("/notes", json={}).status
    assert [{"text": "one"}] == client.get("/notes").json
    assert "/notes" in client.get("/swagger.json").json["paths"]
    assert "swagger" in client.get("/doc").text
    assert 404 == client.get("/nothing").status
