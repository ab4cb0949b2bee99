"""ProxyFix: so many values from the right are believed, and no more."""

from typing import Any

import pytest
from asgi import get, lifespan
from connections import Connection

import quart
from quart import Quart, json
from quart.middleware import ProxyFix


def told_by(connection: Connection, **trust: int) -> Connection:
    """The connection, whose application tells what it knows of the client."""

    @connection.route("/", endpoint="root")
    @connection.route("/<path:path>", endpoint="below")
    async def view(path: str = "") -> Any:
        current = getattr(quart, connection.kind)
        names = ("remote_addr", "scheme", "host", "root_path", "path", "server")
        return json.dumps([getattr(current, name) for name in names])

    connection.app.asgi_app = ProxyFix(connection.app.asgi_app, **trust)  # type: ignore
    return connection


async def ask(connection: Connection, headers: Any, target: str = "/", **scope: Any) -> Any:
    return json.loads((await connection.get(target, headers=headers, **scope)).text)


SCHEMES = {
    "request": {"http": "http", "https": "https"},
    "websocket": {"http": "ws", "https": "wss"},
}
TRUST_ALL = dict.fromkeys(("x_for", "x_proto", "x_host", "x_port", "x_prefix"), 1)
ALL = {
    "X-Forwarded-For": "10.0.0.9",
    "X-Forwarded-Proto": "https",
    "X-Forwarded-Host": "example.com",
    "X-Forwarded-Port": "8443",
    "X-Forwarded-Prefix": "/prefix",
}


async def test_everything(connection: Connection) -> None:
    """Each of the headers has its place in the scope."""
    told = await ask(told_by(connection, **TRUST_ALL), ALL, "/x")

    scheme = SCHEMES[connection.kind]["https"]
    assert [
        "10.0.0.9",
        scheme,
        "example.com:8443",
        "/prefix",
        "/x",
        ["example.com", 8443],
    ] == told


async def test_the_default_is_the_address_and_the_scheme(connection: Connection) -> None:
    """As with Werkzeug's."""
    told = await ask(told_by(connection), ALL, "/x")

    scheme = SCHEMES[connection.kind]["https"]
    assert ["10.0.0.9", scheme, "localhost", "", "/x", ["127.0.0.1", 80]] == told


async def test_nothing(connection: Connection) -> None:
    trust = dict.fromkeys(TRUST_ALL, 0)
    told = await ask(told_by(connection, **trust), ALL, "/x")

    scheme = SCHEMES[connection.kind]["http"]
    assert ["127.0.0.1", scheme, "localhost", "", "/x", ["127.0.0.1", 80]] == told


@pytest.mark.parametrize(
    ("count", "values", "expected"),
    [
        (1, ["1.1.1.1"], "1.1.1.1"),
        (1, ["6.6.6.6, 1.1.1.1"], "1.1.1.1"),
        (2, ["6.6.6.6, 1.1.1.1, 2.2.2.2"], "1.1.1.1"),
        (2, ["6.6.6.6", "1.1.1.1, 2.2.2.2"], "1.1.1.1"),
        (2, ["6.6.6.6,1.1.1.1", "2.2.2.2"], "1.1.1.1"),
        (2, ["2.2.2.2"], "127.0.0.1"),
        (1, [""], "127.0.0.1"),
        (1, [], "127.0.0.1"),
        (-1, ["6.6.6.6"], "127.0.0.1"),
        (1, ["::1"], "::1"),
    ],
)
async def test_exactly_so_many_from_the_right(
    connection: Connection, count: int, values: list[str], expected: str
) -> None:
    """What a client puts in front is not believed; with fewer nothing is."""
    headers = [("X-Forwarded-For", value) for value in values]

    assert expected == (await ask(told_by(connection, x_for=count), headers))[0]


@pytest.mark.parametrize(
    ("headers", "host", "server"),
    [
        ({"X-Forwarded-Host": "e.org"}, "e.org", ["e.org", 80]),
        ({"X-Forwarded-Host": "e.org:81"}, "e.org:81", ["e.org", 81]),
        ({"X-Forwarded-Host": "[::1]"}, "[::1]", ["[::1]", 80]),
        ({"X-Forwarded-Host": "[::1]:81"}, "[::1]:81", ["[::1]", 81]),
        ({"X-Forwarded-Port": "82"}, "localhost:82", ["localhost", 82]),
        ({"X-Forwarded-Host": "e.org:81", "X-Forwarded-Port": "82"}, "e.org:82", ["e.org", 82]),
        ({"X-Forwarded-Host": "[::1]", "X-Forwarded-Port": "82"}, "[::1]:82", ["[::1]", 82]),
        ({"X-Forwarded-Port": "x"}, "localhost:x", ["localhost", 80]),
        ({"X-Forwarded-Port": "82", "Host": None}, "127.0.0.1:82", ["127.0.0.1", 82]),
        ({"X-Forwarded-Host": "a, e.org"}, "e.org", ["e.org", 80]),
        # More digits than Python reads.
        ({"X-Forwarded-Host": "e.org:" + "1" * 5000}, "e.org:" + "1" * 5000, ["e.org", 80]),
        ({"X-Forwarded-Port": "1" * 5000}, "localhost:" + "1" * 5000, ["localhost", 80]),
    ],
)
async def test_hosts_and_ports(headers: Any, host: str, server: list[Any]) -> None:
    """Both reach the Host header and the server's name, as with Werkzeug's."""
    seen = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        seen.append(scope)
        await send({"type": "http.response.start", "status": 204})
        await send({"type": "http.response.body"})

    await get(ProxyFix(app, x_host=1, x_port=1), "/", headers=headers)
    hosts = [value.decode() for name, value in seen[0]["headers"] if name == b"host"]

    assert tuple(server) == seen[0]["server"]
    assert hosts == ([] if headers.get("Host", "") is None else [host])


@pytest.mark.parametrize(
    ("prefix", "root_path", "target", "expected"),
    [
        ("/p", "", "/x", ["/p", "/x", "/p/x"]),
        ("/p/", "", "/x", ["/p", "/x", "/p/x"]),
        ("p", "", "/x", ["/p", "/x", "/p/x"]),
        ("//p", "", "/x", ["/p", "/x", "/p/x"]),
        ("/", "", "/x", ["", "/x", "/x"]),
        ("", "", "/x", ["", "/x", "/x"]),
        ("/p", "/r", "/r/x", ["/p/r", "/x", "/p/r/x"]),
        ("/a%20b", "", "/x", ["/a b", "/x", "/a b/x"]),
        ("/q, /p", "", "/x", ["/p", "/x", "/p/x"]),
    ],
)
async def test_prefixes(prefix: str, root_path: str, target: str, expected: list[str]) -> None:
    """The root path grows, and the path with it."""
    app = Quart(__name__)

    @app.get("/x")
    async def view() -> Any:
        request = quart.request
        assert request.scope["raw_path"].endswith(target.encode())
        return [request.root_path, request.path, request.scope["path"]]

    response = await get(
        ProxyFix(app, x_prefix=1),
        target,
        root_path=root_path,
        headers={"X-Forwarded-Prefix": prefix},
    )

    assert expected == response.json


async def test_urls_and_redirects_name_the_outside() -> None:
    """What the client sees is what it asked for."""
    app = Quart(__name__)

    @app.get("/d/")
    async def view() -> str:
        return quart.url_for("view", _external=True)

    app.asgi_app = ProxyFix(app.asgi_app, x_host=1, x_prefix=1)  # type: ignore
    headers = {
        "X-Forwarded-Proto": "https",
        "X-Forwarded-Host": "example.com",
        "X-Forwarded-Prefix": "/p",
    }

    assert "https://example.com/p/d/" == (await get(app, "/d/", headers=headers)).text
    redirect = await get(app, "/d", headers=headers)
    assert "https://example.com/p/d/" == redirect.headers["Location"]


async def test_trusted_hosts_sees_the_forwarded_host() -> None:
    """So a host that a proxy passes on is checked, too."""
    app = Quart(__name__)
    app.config["TRUSTED_HOSTS"] = ["example.com"]
    app.get("/")(lambda: "in")
    app.asgi_app = ProxyFix(app.asgi_app, x_host=1)  # type: ignore

    good = await get(app, "/", headers={"X-Forwarded-Host": "example.com"})
    bad = await get(app, "/", headers={"X-Forwarded-Host": "evil.org", "Host": "example.com"})

    assert (200, 400) == (good.status, bad.status)


async def test_the_lifespan_passes_through() -> None:
    app = Quart(__name__)
    started = []
    app.before_serving(lambda: started.append(True))

    async with lifespan(ProxyFix(app)):
        assert [True] == started


async def test_a_scheme_is_lower_case_and_of_its_kind(connection: Connection) -> None:
    """A proxy may say HTTPS or wss, whatever the kind of connection."""
    told_by(connection)
    expected = SCHEMES[connection.kind]["https"]

    for value in ("HTTPS", "https", "wss", "http, wss"):
        assert expected == (await ask(connection, {"X-Forwarded-Proto": value}))[1]
