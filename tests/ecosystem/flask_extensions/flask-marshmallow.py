"""A schema with links, as JSON."""

from flask_marshmallow import Marshmallow


def use(app, views):
    ma = Marshmallow(app)

    class Note(ma.Schema):
        text = ma.String()
        link = ma.URLFor(views.endpoint("show"), values={"id": "<id>"})

    @views.add("/notes/<int:id>")
    def show(id):
        return Note().jsonify({"id": id, "text": "one"})


def check(client):
    assert {"text": "one", "link": "/notes/3"} == client.get("/notes/3").json
