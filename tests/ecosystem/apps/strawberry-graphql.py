"""Strawberry's Quart view: a query with variables, a mutation, an error, the page for browsers, and
a subscription over a websocket."""

import asyncio
import base64
import json
import os
import socket
from collections.abc import AsyncGenerator

import strawberry
from strawberry.quart.views import GraphQLView

from quart import Quart, request

names = ["ada"]


@strawberry.type
class Query:
    @strawberry.field
    async def hello(self, name: str) -> str:
        return f"{request.method} {name}"


@strawberry.type
class Mutation:
    @strawberry.mutation
    def add(self, name: str) -> list[str]:
        names.append(name)
        return names


@strawberry.type
class Subscription:
    @strawberry.subscription
    async def count(self, to: int) -> AsyncGenerator[int, None]:
        for number in range(to):
            yield number
            await asyncio.sleep(0)


schema = strawberry.Schema(Query, Mutation, Subscription)
app = Quart(__name__)
app.add_url_rule("/graphql", view_func=GraphQLView.as_view("graphql", schema=schema))
app.add_url_rule(
    "/graphql",
    view_func=GraphQLView.as_view("subscriptions", schema=schema),
    methods=["GET"],
    websocket=True,
)


def test_queries(client):
    query = {"query": "query($n: String!) { hello(name: $n) }", "variables": {"n": "bob"}}
    assert {"data": {"hello": "POST bob"}} == client.post("/graphql", json=query).json

    mutation = {"query": 'mutation { add(name: "bob") }'}
    assert {"data": {"add": ["ada", "bob"]}} == client.post("/graphql", json=mutation).json

    answer = client.post("/graphql", json={"query": "{ nothing }"}).json
    assert "Cannot query field 'nothing'" in answer["errors"][0]["message"]
    assert 400 == client.post("/graphql", form={"a": "b"}).status

    page = client.get("/graphql", {"Accept": "text/html"})
    assert "<html" in page.text.lower()


def test_subscriptions(client):
    with socket.create_connection(("127.0.0.1", client.port), timeout=20) as connection:
        key = base64.b64encode(os.urandom(16)).decode()
        handshake = [
            "GET /graphql HTTP/1.1",
            "Host: localhost",
            "Upgrade: websocket",
            "Connection: Upgrade",
            "Sec-WebSocket-Version: 13",
            f"Sec-WebSocket-Key: {key}",
            "Sec-WebSocket-Protocol: graphql-transport-ws",
        ]
        connection.sendall(("\r\n".join(handshake) + "\r\n\r\n").encode())
        stream = connection.makefile("rb")
        assert b"101" in stream.readline()
        while stream.readline() != b"\r\n":
            pass

        def send(message: dict) -> None:
            data = json.dumps(message).encode()
            assert len(data) < 126
            connection.sendall(bytes([0x81, 0x80 | len(data), 0, 0, 0, 0]) + data)

        def receive() -> dict:
            length = stream.read(2)[1]
            return json.loads(stream.read(length))

        send({"type": "connection_init"})
        assert "connection_ack" == receive()["type"]
        query = {"query": "subscription { count(to: 2) }"}
        send({"type": "subscribe", "id": "1", "payload": query})
        assert [0, 1] == [receive()["payload"]["data"]["count"] for _ in range(2)]
        assert "complete" == receive()["type"]
