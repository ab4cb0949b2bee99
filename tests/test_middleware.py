"""ProxyFix: so many values from the right are believed, and no more."""

from typing import Any

import pytest
from asgi import get, lifespan
from connections import Connection
from hypothesis import example, given
from hypothesis import strategies as st

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


WORDS = st.lists(st.sampled_from([",", '"', "\\", " ", "\t", ";", "a", "10.0.0.1", "=", "x\\"]))
NAMES = {"x_for": "For", "x_proto": "Proto", "x_host": "Host", "x_port": "Port"}


@given(
    theirs=st.lists(WORDS.map("".join), max_size=3),
    proxies=st.lists(st.sampled_from(["1.1.1.1", "proxy-a", "82"]), max_size=3),
    count=st.integers(0, 4),
    one_line=st.booleans(),
)
@example(theirs=['"'], proxies=["1.1.1.1"], count=1, one_line=True)
@example(theirs=["a", '"'], proxies=["1.1.1.1", "82"], count=2, one_line=False)
async def test_a_client_gets_no_more_trust_than_there_are_proxies(
    theirs: list[str], proxies: list[str], count: int, one_line: bool
) -> None:
    """Whatever it sends, the value that counts is the one that the last trusted proxy has added."""
    lines = [",".join([*theirs, *proxies])] if one_line else [*theirs, *proxies]
    if one_line and not lines[0]:
        lines = []
    seen: list[Any] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        seen.append(scope)

    scope = {
        "type": "http",
        "headers": [(b"x-forwarded-for", line.encode()) for line in lines],
        "client": ("9.9.9.9", 1),
        "scheme": "http",
        "path": "/",
    }
    await ProxyFix(app, x_for=count, x_proto=0)(scope, None, None)

    client = seen[0]["client"][0]
    values = ",".join(lines).split(",")
    if count == 0:
        assert "9.9.9.9" == client
    elif count <= len(proxies):
        assert proxies[-count] == client
    else:
        wanted = values[-count].strip(" \t") if count <= len(values) else ""
        assert (wanted or "9.9.9.9") == client


@pytest.mark.parametrize("name", ["x_for", "x_proto", "x_host", "x_port"])
async def test_a_quote_swallows_no_comma(name: str) -> None:
    """A client's `"` would have made one string of its own value and the proxy's."""
    seen: list[Any] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        seen.append(scope)

    header = f"x-forwarded-{NAMES[name].lower()}".encode()
    scope = {"type": "http", "headers": [(header, b'evil"'), (header, b"82")], "client": None}
    scope |= {"scheme": "http", "path": "/"}
    trust = {**dict.fromkeys(NAMES, 0), name: 1}
    await ProxyFix(app, **trust)({**scope, "headers": [*scope["headers"], (b"host", b"h")]}, 1, 1)

    fixed = seen[0]
    host = dict(fixed["headers"])[b"host"]
    assert {
        "x_for": ("82", 0) == fixed["client"],
        "x_proto": fixed["scheme"] == "82",
        "x_host": host == b"82",
        "x_port": host == b"h:82",
    }[name]


@pytest.mark.parametrize("prefix", ["/a%0d%0aX: y", "/a%00", "/a%7f", "/%0a"])
async def test_a_prefix_with_line_ends_is_none(prefix: str) -> None:
    """A redirect below it could not be sent."""
    app = Quart(__name__)
    app.get("/x/")(lambda: "in")
    app.asgi_app = ProxyFix(app.asgi_app, x_prefix=1)  # type: ignore

    response = await get(app, "/x", headers={"X-Forwarded-Prefix": prefix})

    assert 308 == response.status
    assert "http://localhost/x/" == response.headers["location"]
