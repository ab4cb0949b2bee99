"""Requests and scopes that no well-behaved client or server sends."""

from __future__ import annotations

from typing import Any

import pytest
from asgi import HTTP, get, http_scope
from connections import Connection
from werkzeug.exceptions import HTTPException

import quart
from quart import Quart


async def test_an_unknown_scope_type_is_named() -> None:
    app = Quart(__name__)

    with pytest.raises(RuntimeError, match="carrier-pigeon"):
        await app({"type": "carrier-pigeon"}, None, None)


@pytest.mark.parametrize(
    ("target", "headers"),
    [
        ("/?q=%FF%FE", {}),
        ("/%FF%FE", {}),
        ("/", {"Host": "\xe9.example"}),
        ("/", {"Host": "a b c/<>"}),
        ("/", {"Host": ""}),
        ("/", {"Host": "x" * 5000}),
        ("/", {"X-Odd": "\xff\x80"}),
        ("/", {"Cookie": "\xff=\xfe; ="}),
        ("/int/" + "9" * 5000, {}),
        ("//////", {}),
        ("/a/../../b", {}),
    ],
)
async def test_malformed_requests_are_answered(
    connection: Connection, target: str, headers: dict[str, str]
) -> None:
    """With a 400, a 404 or an ordinary answer; no exception leaves the application."""

    @connection.route("/", endpoint="root")
    @connection.route("/int/<int:n>", endpoint="int")
    async def view(n: int = 0) -> str:
        current = getattr(quart, connection.kind)
        return f"{current.url}{current.full_path}{current.args}{current.host}{current.cookies}"

    answer = await connection.get(target, headers=headers)

    assert answer.status in {101, 200, 308, 400, 404}


@pytest.mark.parametrize("path", ["/", "/user/1", "/slash", "/nowhere", "/files/a/b"])
@pytest.mark.parametrize("host", ["a..b", ".a", "x" * 64, "x" * 5000, "a..b:80", "xn--a.b"])
async def test_a_host_that_is_no_name_is_400(connection: Connection, host: str, path: str) -> None:
    """As in Flask, whatever the path; and it is answered as any other error."""

    @connection.route("/", endpoint="root")
    @connection.route("/user/<int:n>", endpoint="user")
    @connection.route("/slash/", endpoint="slash")
    @connection.route("/files/<path:name>", endpoint="files")
    async def view(**values: Any) -> str:
        return "served"

    @connection.app.errorhandler(400)
    async def bad_request(error: HTTPException) -> Any:
        return "handled", 400

    for _ in range(2):
        answer = await connection.get(path, headers={"Host": host})

        assert (400, "handled") == (answer.status, answer.text)


@pytest.mark.parametrize(
    "host", ["a", "a.b.", "A.b:80", "[::1]:5000", "x" * 63 + ".b", "\xe9.b", ""]
)
async def test_a_host_that_is_a_name_is_served(connection: Connection, host: str) -> None:
    @connection.route("/")
    async def view() -> str:
        return "served"

    assert "served" == (await connection.get("/", headers={"Host": host})).text


async def test_a_query_that_is_not_utf_8() -> None:
    """Raw bytes stay percent-encoded in the values."""
    app = Quart(__name__)

    @app.get("/")
    async def view() -> Any:
        return [quart.request.args, quart.request.full_path]

    scope = {**http_scope("GET", "/"), "query_string": b"q=\xe9&r=%C3%A9"}
    async with HTTP(app, scope) as http:
        http.body()

        assert [{"q": "%E9", "r": "é"}, "/?q=%E9&r=%C3%A9"] == (await http.response()).json


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"path": "", "raw_path": b""}, 200),
        ({"path": "*", "raw_path": b"*"}, 404),
        ({"path": "/\udcff", "raw_path": b"/\xff"}, 404),
        ({"query_string": b"\xff\x00=\xfe&&=%"}, 200),
        ({"headers": [(b"x-\xff", b"\xff"), (b"cookie", b"\xff\x00=;\xfe")]}, 200),
        ({"headers": [(b"host", b"\xff\xfe")]}, 200),
        ({"headers": []}, 200),
    ],
)
async def test_bytes_that_no_well_formed_client_sends(
    changes: dict[str, Any], status: int, caplog: pytest.LogCaptureFixture
) -> None:
    """Whatever a server lets through is an ordinary answer, without an error in the log."""
    app = Quart(__name__)

    @app.get("/")
    async def view() -> str:
        request = quart.request
        urls = [request.url, request.full_path]
        return ascii([urls, request.args, request.cookies, [*request.headers]])

    async with HTTP(app, {**http_scope("GET", "/"), **changes}) as http:
        http.body()

        assert status == (await http.response()).status
    assert [] == caplog.records


@pytest.mark.parametrize("missing", ["asgi", "state", "extensions", "raw_path"])
async def test_scopes_without_optional_keys(connection: Connection, missing: str) -> None:
    @connection.route("/")
    async def view() -> str:
        return "served"

    assert "served" == (await connection.get("/", omit=[missing])).text


@pytest.mark.parametrize("version", ["2.0", "2.1", "2.2", "2.3", "2.4", "2.5"])
async def test_every_spec_version(connection: Connection, version: str) -> None:
    @connection.route("/")
    async def view() -> str:
        return "served"

    @connection.route("/error")
    async def error() -> str:
        raise ValueError

    assert "served" == (await connection.get("/", spec_version=version)).text
    assert 500 == (await connection.get("/error", spec_version=version)).status


async def test_asgi_2() -> None:
    """`app.asgi2` is the application in ASGI 2's two calls."""
    app = Quart(__name__)
    app.get("/")(lambda: "two calls")

    async def as_asgi_3(scope: Any, receive: Any, send: Any) -> None:
        await app.asgi2(scope)(receive, send)

    assert "two calls" == (await get(as_asgi_3, "/")).text
