"""A request leaves nothing to the garbage collector: without it memory does not grow.

The requests are made by hand, because a driver may leave cycles of its own.
"""

import asyncio
import gc
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from typing import Any

import pytest
from asgi import http_scope, websocket_scope

from quart import Quart, Request, Websocket, abort, redirect, request, send_file, session, websocket
from quart.sessions import SecureCookieSessionInterface

FORM = {"content-type": "application/x-www-form-urlencoded"}
MULTIPART = {"content-type": "multipart/form-data; boundary=b"}
PART = b'--b\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n--b--\r\n'


def make_app() -> Quart:
    app = Quart(__name__)
    app.secret_key = "for these tests alone"

    @app.get("/")
    async def index() -> Any:
        return "hello"

    @app.get("/below/")
    async def below() -> Any:
        return "hello"

    @app.get("/number/<int:number>")
    async def number(number: int) -> Any:
        return {"number": number}

    @app.get("/sync")
    def sync() -> Any:
        return "hello"

    @app.get("/abort")
    async def aborted() -> Any:
        abort(403)

    @app.get("/redirect")
    async def redirected() -> Any:
        return redirect("/")

    @app.get("/error")
    async def error() -> Any:
        raise ValueError("asked for")

    @app.get("/sync/error")
    def sync_error() -> Any:
        raise ValueError("asked for")

    @app.get("/key")
    async def key() -> Any:
        return request.args["none"]

    @app.get("/handled")
    async def handled() -> Any:
        raise KeyError("asked for")

    @app.errorhandler(KeyError)
    async def handle(error: KeyError) -> Any:
        return "handled", 500

    @app.get("/file")
    async def file() -> Any:
        return await send_file(__file__)

    @app.post("/form")
    async def form() -> Any:
        return {**(await request.form)}

    @app.post("/sync/form")
    def sync_form() -> Any:
        return {**request.form}

    @app.post("/json")
    async def json() -> Any:
        return {"json": await request.get_json()}

    @app.get("/session")
    async def count() -> Any:
        session["count"] = session.get("count", 0) + 1
        return "hello"

    @app.get("/stream")
    async def stream() -> Any:
        async def pieces() -> AsyncIterator[bytes]:
            yield b"one"
            yield b"two"

        return pieces()

    @app.get("/stream/error")
    async def broken_stream() -> Any:
        async def pieces() -> AsyncIterator[bytes]:
            yield b"one"
            raise ValueError("asked for")

        return pieces()

    @app.websocket("/ws")
    async def echo() -> Any:
        while True:
            await websocket.send(await websocket.receive())

    @app.websocket("/ws/error")
    async def ws_error() -> Any:
        await websocket.accept()
        raise ValueError("asked for")

    return app


@pytest.fixture(autouse=True)
def no_kept_errors(monkeypatch: pytest.MonkeyPatch) -> None:
    """pytest keeps what is logged, with its errors: then they are no garbage."""
    monkeypatch.setattr(make_app().logger, "disabled", True)


async def ask(app: Quart, scope: Any, events: list[Any]) -> None:
    events.reverse()

    async def receive() -> Any:
        if not events:
            await asyncio.Event().wait()
        return events.pop()

    async def send(message: Any) -> None:
        pass

    with suppress(ValueError):
        await app(scope, receive, send)


async def left_by(once: Callable[[], Any]) -> float:
    """How many objects are left to the collector each time."""
    for _ in range(3):
        await once()
    gc.collect()
    gc.disable()
    try:
        for _ in range(10):
            await once()
        return gc.collect() / 10
    finally:
        gc.enable()


REQUESTS: dict[str, tuple[str, str, dict[str, str], bytes]] = {
    "a page": ("GET", "/", {}, b""),
    "HEAD": ("HEAD", "/", {}, b""),
    "a parameter": ("GET", "/number/7", {}, b""),
    "a wrong parameter": ("GET", "/number/x", {}, b""),
    "not found": ("GET", "/nowhere", {}, b""),
    "another method": ("POST", "/", {}, b""),
    "another method, with a parameter": ("POST", "/number/7", {}, b""),
    "OPTIONS": ("OPTIONS", "/", {}, b""),
    "a slash is missing": ("GET", "/below", {}, b""),
    "a sync view": ("GET", "/sync", {}, b""),
    "abort": ("GET", "/abort", {}, b""),
    "a redirect": ("GET", "/redirect", {}, b""),
    "an error": ("GET", "/error", {}, b""),
    "an error in a thread": ("GET", "/sync/error", {}, b""),
    "a missing key": ("GET", "/key", {}, b""),
    "an error that is handled": ("GET", "/handled", {}, b""),
    "a file": ("GET", "/file", {}, b""),
    "a range": ("GET", "/file", {"range": "bytes=0-1"}, b""),
    "several ranges": ("GET", "/file", {"range": "bytes=0-1,5-6"}, b""),
    "no range": ("GET", "/file", {"range": "bytes=9999999-"}, b""),
    "a form": ("POST", "/form", FORM, b"a=1"),
    "a form in a thread": ("POST", "/sync/form", FORM, b"a=1"),
    "a multipart form": ("POST", "/form", MULTIPART, PART),
    "a broken form": ("POST", "/form", MULTIPART, PART[:-8]),
    "JSON": ("POST", "/json", {"content-type": "application/json"}, b'{"a":1}'),
    "broken JSON": ("POST", "/json", {"content-type": "application/json"}, b'{"a":'),
    "a session": ("GET", "/session", {}, b""),
    "a stream": ("GET", "/stream", {}, b""),
    "a broken stream": ("GET", "/stream/error", {}, b""),
    "a host that is too long": ("GET", "/", {"host": "x" * 300}, b""),
    "a query that is too long": ("GET", "/key?" + "x" * 40_000, {}, b""),
}


@pytest.mark.parametrize("name", REQUESTS)
@pytest.mark.parametrize("propagate", [False, True])
async def test_a_request_leaves_nothing(name: str, propagate: bool) -> None:
    """Of any kind, whether errors are propagated or not."""
    app = make_app()
    app.config["PROPAGATE_EXCEPTIONS"] = propagate
    method, target, headers, body = REQUESTS[name]

    async def once() -> None:
        event = {"type": "http.request", "body": body, "more_body": False}
        await ask(app, http_scope(method, target, headers=headers), [event])

    assert 0 == await left_by(once)


RULES: list[tuple[str, dict[str, Any]]] = [
    ("/path/<path:value>", {}),
    ("/path/<path:value>/edit/", {}),
    ("/float/<float:value>", {}),
    ("/any/<any(a, b):value>/page", {}),
    ("/item/<uuid:value>/<int(max=9):number>", {}),
    ("/mixed/<first>-<int:second>", {}),
    ("/loose", {"strict_slashes": False}),
    ("/moved/<value>", {"redirect_to": "/path/<value>"}),
    ("/pages/", {"defaults": {"page": 1}, "endpoint": "pages"}),
    ("/pages/<int:page>", {"endpoint": "pages"}),
    ("/alias/<int:page>", {"endpoint": "pages", "alias": True}),
]


@pytest.mark.parametrize("hosts", [False, True])
@pytest.mark.parametrize(
    ("target", "status"),
    [
        ("/path/a/b", 200),
        ("/path/a/edit", 308),
        ("/path//a", 308),
        ("/path/", 404),
        ("/float/1.5", 200),
        ("/float/x", 404),
        ("/any/a/page", 200),
        ("/any/c/page", 404),
        ("/item/a8098c1a-f86e-11da-bd1a-00112444be1e/9", 200),
        ("/item/a8098c1a-f86e-11da-bd1a-00112444be1e/10", 404),
        ("/mixed/a-b-1", 200),
        ("/mixed/a-b", 404),
        ("/loose/", 200),
        ("//loose", 200),
        ("/moved/a", 308),
        ("/pages/1", 308),
        ("/alias/2", 308),
        ("/pages", 308),
    ],
)
@pytest.mark.skipif("config.getoption('--long-way')", reason="Werkzeug's matcher leaves garbage")
async def test_matching_leaves_nothing(target: str, status: int, hosts: bool) -> None:
    """Of any rule, whether there is one for the path and the method or not."""
    host = {"host": "<name>"} if hosts else {}
    app = Quart("tests", host_matching=hosts, static_folder=None)
    statuses = set()

    async def view(**values: Any) -> str:
        return "text"

    for rule, options in RULES:
        app.add_url_rule(rule, view_func=view, **{"endpoint": rule, **options, **host})

    async def once() -> None:
        async def receive() -> Any:
            return {"type": "http.request", "body": b"", "more_body": False}

        async def send(message: Any) -> None:
            statuses.add(message.get("status"))

        for method in ("GET", "HEAD", "OPTIONS", "POST"):
            await app(http_scope(method, target), receive, send)

    assert 0 == await left_by(once)
    assert status in statuses


@pytest.mark.parametrize("target", ["/ws", "/ws/error", "/nowhere"])
async def test_a_websocket_leaves_nothing(target: str) -> None:
    app = make_app()

    async def once() -> None:
        events: list[Any] = [{"type": "websocket.connect"}]
        events += [{"type": "websocket.receive", "text": "hello"}]
        events += [{"type": "websocket.disconnect", "code": 1000}]
        await ask(app, websocket_scope(target), events)

    assert 0 == await left_by(once)


class BrokenInterface(SecureCookieSessionInterface):
    def needs_refresh(self, app: Quart, connection: Request | Websocket) -> bool:
        raise ValueError("asked for")


@pytest.mark.parametrize("propagate", [False, True])
async def test_an_error_of_the_last_stage_leaves_nothing(propagate: bool) -> None:
    app = make_app()
    app.session_interface = BrokenInterface()
    app.config["PROPAGATE_EXCEPTIONS"] = propagate

    async def once() -> None:
        event = {"type": "http.request", "body": b"", "more_body": False}
        await ask(app, http_scope("GET", "/"), [event])

    assert 0 == await left_by(once)
