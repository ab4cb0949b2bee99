"""A query and a body that become models, and errors of theirs."""

from flask_pydantic import validate
from pydantic import BaseModel


class Query(BaseModel):
    number: int


class Note(BaseModel):
    text: str


def use(app, views):
    @views.add("/query", validate())
    def with_query(query: Query):
        return Note(text=str(query.number * 2))

    @views.add("/body", validate(), methods=["POST"])
    def with_body(body: Note):
        return body


def check(client):
    assert {"text": "4"} == client.get("/query?number=2").json
    assert 400 == client.get("/query?number=x").status
    assert {"text": "one"} == client.post("/body", json={"text": "one"}).json
    assert 400 == client.post("/body", json={}).status
