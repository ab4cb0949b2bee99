"""Applications below a prefix: paths, websockets, lifespans, and WSGI in threads."""

import asyncio
import contextlib
import functools
import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack
from typing import Any

import flask
import pytest
from asgi import (
    LifespanFailed,
    Rejected,
    connect,
    get,
    http_scope,
    lifespan,
    post,
    request,
    settle,
    stream,
)
from hypothesis import given
from hypothesis import strategies as st

from quart import Quart, g, websocket
from quart import request as current
from quart.asgi import ResponseTimeoutError
from quart.utils import WORKER_THREADS
from quart.wsgi import WSGIBridge


def make_app() -> Quart:
    return Quart("tests", root_path="tests", static_folder=None)


def teller(name: str) -> Quart:
    """An application that tells where it believes to be, by both kinds of connection."""
    app = make_app()

    @app.get("/", defaults={"path": ""})
    @app.get("/<path:path>")
    async def http(path: str) -> Any:
        return [name, current.root_path, current.path, current.scope["path"], current.url]

    @app.websocket("/ws")
    async def ws() -> None:
        await websocket.send_json([name, websocket.root_path, websocket.path])

    return app


@pytest.fixture
def outer() -> Quart:
    app = teller("outer")
    app.mount("/a", teller("a"))
    app.mount("/a/b", teller("b"))
    app.mount("/ä c/", teller("c"))
    return app


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        ("/", ["outer", "", "/"]),
        ("/x", ["outer", "", "/x"]),
        ("/ab", ["outer", "", "/ab"]),
        ("/a", ["a", "/a", "/"]),
        ("/a/", ["a", "/a", "/"]),
        ("/a/x/y", ["a", "/a", "/x/y"]),
        ("/a/bc", ["a", "/a", "/bc"]),
        ("/a/b", ["b", "/a/b", "/"]),
        ("/a/b/x", ["b", "/a/b", "/x"]),
        ("/%C3%A4%20c/x", ["c", "/ä c", "/x"]),
        ("/%61/x", ["a", "/a", "/x"]),
        ("/A/x", ["outer", "", "/A/x"]),
    ],
)
async def test_prefixes(outer: Quart, target: str, expected: list[str]) -> None:
    """The longest prefix wins, and ends at a slash; the scope's path stays whole."""
    answer = (await get(outer, target)).json

    assert expected == answer[:3]
    assert expected[1] + expected[2] == answer[3] or answer[3] == expected[1]


segments = st.lists(st.sampled_from(["a", "b", "ab", ""]), min_size=1, max_size=4)


@given(
    st.sets(segments.filter(all).map(lambda parts: "/" + "/".join(parts)), max_size=5),
    segments.map(lambda parts: "/" + "/".join(parts)),
)
async def test_any_prefixes(prefixes: set[str], path: str) -> None:
    """Of many prefixes, the longest that the path is or goes on from behind a slash."""
    app = make_app()

    @app.route("/", defaults={"path": ""})
    @app.route("/<path:path>", merge_slashes=False)
    async def own(path: str) -> str:
        return ""

    async def mounted(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": scope["root_path"].encode()})

    for prefix in prefixes:
        app.mount(prefix, mounted)
    fitting = [prefix for prefix in prefixes if f"{path}/".startswith(f"{prefix}/")]
    response = await get(app, path)

    if fitting:
        assert max(fitting, key=len) == response.text
    else:
        assert response.text not in prefixes


@pytest.mark.parametrize(
    ("target", "root_path", "expected"),
    [
        ("/root/a/x", "/root", ["a", "/root/a", "/x"]),
        ("/root/a/x", "/root/", ["a", "/root/a", "/x"]),
        ("/root/x", "/root", ["outer", "/root", "/x"]),
        ("/a/x", "/root", None),
        ("/rootless/a/x", "/root", None),
    ],
)
async def test_below_a_root_path(
    outer: Quart, target: str, root_path: str, expected: list[str] | None
) -> None:
    """The outer application may be below a prefix of the server; outside it is nothing."""
    response = await get(outer, target, root_path=root_path)

    assert (404 if expected is None else 200) == response.status
    if expected is not None:
        assert expected == response.json[:3]


async def test_urls_are_built_with_the_prefix(outer: Quart) -> None:
    assert "http://localhost/a/x" == (await get(outer, "/a/x")).json[4]


async def test_websockets(outer: Quart) -> None:
    for target, expected in [
        ("/ws", ["outer", "", "/ws"]),
        ("/a/ws", ["a", "/a", "/ws"]),
        ("/a/b/ws", ["b", "/a/b", "/ws"]),
    ]:
        async with connect(outer, target) as ws:
            assert expected == await ws.receive_json()


async def test_a_mounted_application_learns_of_the_shutdown_at_once() -> None:
    """Not when its lifespan ends, for which servers wait until its websockets have."""
    outer, inner, innermost = make_app(), make_app(), make_app()
    outer.mount("/inner", inner)
    outer.mount("/wsgi", lambda environ, start_response: [])
    inner.mount("/most", innermost)

    @innermost.websocket("/ws")
    async def ws() -> None:
        await websocket.receive()

    async with lifespan(outer), connect(outer, "/inner/most/ws") as open_websocket:
        await settle()
        outer.begin_shutdown()

        assert (1001, "") == await open_websocket.closed()
        assert [True] * 3 == [app.shutdown_event.is_set() for app in (outer, inner, innermost)]


async def test_mounts_within_mounts() -> None:
    """Each takes its own part of the path."""
    inner, middle, outer = teller("inner"), teller("middle"), teller("outer")
    middle.mount("/in", inner)
    outer.mount("/mid", middle)

    assert ["inner", "/mid/in", "/x"] == (await get(outer, "/mid/in/x")).json[:3]
    assert ["middle", "/mid", "/x"] == (await get(outer, "/mid/x")).json[:3]


async def test_a_mount_comes_before_routes_and_hooks() -> None:
    """Nothing of the outer application runs below a mount, but its middleware does."""
    outer, seen = make_app(), []
    outer.before_request(lambda: seen.append("hook"))
    outer.get("/a/x")(lambda: "outer")
    outer.mount("/a", teller("a"))
    asgi_app = outer.asgi_app

    async def middleware(scope: Any, receive: Any, send: Any) -> None:
        seen.append(scope["path"])
        await asgi_app(scope, receive, send)

    outer.asgi_app = middleware  # type: ignore[method-assign]

    assert "a" == (await get(outer, "/a/x")).json[0]
    assert ["/a/x"] == seen


async def test_the_scope_of_the_server_is_left_alone() -> None:
    """What wraps the application sees what it saw before, and the mount by its name."""
    outer = teller("outer")
    outer.mount("/a", teller("a"))
    scope = http_scope("GET", "/a/x")
    before = dict(scope)

    async def app(_: Any, receive: Any, send: Any) -> None:
        await outer(scope, receive, send)

    await get(app, "/a/x")

    assert "/a" == scope.pop("route").path
    assert callable(scope.pop("endpoint"))
    assert before == scope


async def test_contexts_are_apart() -> None:
    """The mounted application has its own `g`, in the test client too."""
    outer, inner = make_app(), make_app()
    outer.mount("/in", inner)

    @inner.get("/")
    async def view() -> Any:
        g.value = 1
        return "in"

    async with outer.test_client() as client:
        assert "in" == await (await client.get("/in/")).get_data(as_text=True)
    assert inner._preserved_context is None


@pytest.mark.parametrize("prefix", ["", "/", "a", "//", "/a//b"])
def test_what_is_no_prefix(prefix: str) -> None:
    with pytest.raises(ValueError, match="prefix"):
        make_app().mount(prefix, make_app())


def test_a_prefix_is_mounted_once() -> None:
    app = make_app()
    app.mount("/a", make_app())

    with pytest.raises(ValueError, match="'/a'"):
        app.mount("/a/", make_app())


async def test_kinds_of_asgi_applications() -> None:
    """Functions, partials, objects and plain functions that return a coroutine."""

    async def function(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 204})
        await send({"type": "http.response.body"})

    class Instance:
        async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
            await function(scope, receive, send)

    app = make_app()
    app.mount("/function", function)
    app.mount("/partial", functools.partial(function))
    app.mount("/object", Instance())
    app.mount("/plain", lambda scope, receive, send: function(scope, receive, send))

    for name in ("function", "partial", "object", "plain"):
        assert 204 == (await get(app, f"/{name}")).status


# Lifespans


def living(name: str, log: list[str], fails_at: str = "") -> Quart:
    app = make_app()

    def step(word: str) -> Callable[[], None]:
        def note() -> None:
            log.append(f"{name} {word}")
            if fails_at == word:
                raise ValueError(f"{name} fails")

        return note

    app.before_serving(step("starts"))
    app.after_serving(step("ends"))
    return app


async def test_lifespans_in_order() -> None:
    """The outer one starts first and ends last; one mounted twice starts once."""
    log: list[str] = []
    outer, first, inner = living("outer", log), living("first", log), living("inner", log)
    outer.mount("/1", first)
    outer.mount("/2", living("second", log))
    outer.mount("/again", first)
    first.mount("/in", inner)

    async with lifespan(outer):
        log.append("serving")

    assert [
        "outer starts",
        "first starts",
        "inner starts",
        "second starts",
        "serving",
        "second ends",
        "inner ends",
        "first ends",
        "outer ends",
    ] == log


async def test_it_lives_again() -> None:
    """As often as the outer one does."""
    log: list[str] = []
    outer = living("outer", log)
    outer.mount("/1", living("first", log))

    for _ in range(2):
        log.clear()
        async with outer.test_app():
            log.append("serving")
        assert ["outer starts", "first starts", "serving", "first ends", "outer ends"] == log


async def test_a_start_that_fails_ends_those_before_it() -> None:
    """The server is told of it, and nothing is left running."""
    log: list[str] = []
    outer = living("outer", log)
    outer.mount("/1", living("first", log))
    outer.mount("/2", living("second", log, fails_at="starts"))
    outer.mount("/3", living("third", log))

    with pytest.raises(LifespanFailed, match="second fails"):
        async with lifespan(outer):
            pass

    assert [
        "outer starts",
        "first starts",
        "second starts",
        "first ends",
        "outer ends",
    ] == log


async def test_an_end_that_fails_keeps_no_other_from_ending() -> None:
    log: list[str] = []
    outer = living("outer", log)
    outer.mount("/1", living("first", log))
    outer.mount("/2", living("second", log, fails_at="ends"))

    with pytest.raises(LifespanFailed, match="second fails"):
        async with lifespan(outer):
            log.clear()

    assert ["second ends", "first ends", "outer ends"] == log


async def test_an_application_without_a_lifespan(caplog: pytest.LogCaptureFixture) -> None:
    """Whether it raises or returns, the others live; a line in the log says why."""
    log: list[str] = []
    outer = living("outer", log)
    caplog.set_level(logging.INFO)

    async def raises(scope: Any, receive: Any, send: Any) -> None:
        assert scope["type"] == "http"

    async def returns(scope: Any, receive: Any, send: Any) -> None:
        pass

    outer.mount("/raises", raises)
    outer.mount("/returns", returns)
    outer.mount("/wsgi", lambda environ, start_response: [])
    outer.mount("/1", living("first", log))
    async with lifespan(outer):
        pass

    assert ["outer starts", "first starts", "first ends", "outer ends"] == log
    assert "takes no part" in caplog.text
    assert not [record for record in caplog.records if record.levelno > logging.INFO]


async def test_an_application_that_never_returns_is_left() -> None:
    """One that goes on reading after its end, or is cancelled with the server, is cancelled."""
    outer = make_app()
    ended = []

    async def reads_on(scope: Any, receive: Any, send: Any) -> None:
        try:
            while True:
                message = await receive()
                await send({"type": f"{message['type']}.complete"})
        finally:
            ended.append(True)

    outer.mount("/on", reads_on)
    async with lifespan(outer):
        pass
    assert [True] == ended

    async def receive() -> Any:
        return await events.get()

    async def send(message: Any) -> None:
        started.set()

    events: asyncio.Queue[Any] = asyncio.Queue()
    started = asyncio.Event()
    events.put_nowait({"type": "lifespan.startup"})
    task = asyncio.create_task(outer({"type": "lifespan", "asgi": {}}, receive, send))
    await started.wait()
    task.cancel()
    await asyncio.wait([task])
    assert [True, True] == ended


async def test_an_application_that_does_not_shut_down_is_left() -> None:
    """After AFTER_SERVING_TIMEOUT seconds, even if it ignores its cancellation."""
    log: list[str] = []
    outer = living("outer", log)
    outer.config["AFTER_SERVING_TIMEOUT"] = 0.05
    free = asyncio.Event()

    async def deaf(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "lifespan.startup.complete"})
        while not free.is_set():
            with contextlib.suppress(asyncio.CancelledError):
                await free.wait()

    outer.mount("/deaf", deaf)
    with pytest.raises(LifespanFailed, match="did not shut down"):
        async with lifespan(outer, leaves_tasks=True):
            pass
    free.set()

    assert ["outer starts", "outer ends"] == log


async def test_it_returns_as_soon_as_it_has_answered() -> None:
    """Servers cancel what goes on after that, or complain of it."""
    outer = make_app()
    outer.mount("/1", living("first", []))
    events = [{"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}]
    turns = []

    async def receive() -> Any:
        return events.pop(0)

    async def send(message: Any) -> None:
        turns.clear()
        asyncio.get_running_loop().call_soon(turns.append, message)

    await outer({"type": "lifespan", "asgi": {}}, receive, send)

    assert [] == turns


async def test_each_has_a_copy_of_the_state() -> None:
    """It holds what the outer one has left, and what one adds only its connections see."""

    def with_state(key: str) -> Quart:
        app = make_app()

        @app.before_serving
        async def start() -> None:
            assert app.lifespan_state is not None
            app.lifespan_state[key] = [key]

        @app.get("/")
        async def view() -> Any:
            state = dict(current.scope["state"])
            current.scope["state"]["from a request"] = True
            return state

        return app

    outer, first = with_state("outer"), with_state("first")
    outer.mount("/1", first)
    outer.mount("/again", first)
    outer.mount("/2", with_state("second"))
    async with lifespan(outer) as state:
        for target, expected in [
            ("/", ["outer"]),
            ("/1/", ["outer", "first"]),
            ("/again/", ["outer", "first"]),
            ("/2/", ["outer", "second"]),
            ("/2/", ["outer", "second"]),
        ]:
            answer = (await get(outer, target, state=dict(state))).json
            assert {key: [key] for key in expected} == answer


async def test_a_server_without_state() -> None:
    """A mounted application has one all the same."""
    outer, inner = make_app(), make_app()
    inner.get("/")(lambda: dict(current.scope["state"]))

    @inner.before_serving
    async def start() -> None:
        assert inner.lifespan_state is not None
        inner.lifespan_state["key"] = "value"

    outer.mount("/in", inner)
    async with lifespan(outer, without=["state"]):
        assert {"key": "value"} == (await get(outer, "/in/", without=["state"])).json


# WSGI


def wsgi(app: Callable[..., Any], **config: Any) -> Quart:
    outer = make_app()
    outer.config.update(config)
    outer.mount("/w", app)
    return outer


def simple(start_response: Any, *headers: tuple[str, str], status: str = "200 OK") -> Any:
    return start_response(status, list(headers))


async def test_wsgi_environ() -> None:
    """PEP 3333: names, encodings, repeated headers; none that could be taken for another."""
    environs = []

    def app(environ: Any, start_response: Any) -> Any:
        environs.append(environ)
        simple(start_response)
        return [environ["wsgi.input"].read()]

    headers = [
        ("Content-Type", "text/plain"),
        ("X-Twice", "1"),
        ("X-Twice", "2"),
        ("Cookie", "a=1"),
        ("Cookie", "b=2"),
        ("X_Twice", "3"),
        ("Proxy", "http://evil.example"),
        ("X-Latin", "é"),
    ]
    response = await post(
        wsgi(app), "/w/ä/b%2Fc?q=%C3%A4", body=b"body", headers=headers, scheme="https"
    )
    environ = environs[0]

    assert b"body" == response.body
    assert {
        "REQUEST_METHOD": "POST",
        "SCRIPT_NAME": "/w",
        "PATH_INFO": "/ä/b/c".encode().decode("latin-1"),
        "QUERY_STRING": "q=%C3%A4",
        "CONTENT_TYPE": "text/plain",
        "CONTENT_LENGTH": "4",
        "SERVER_NAME": "127.0.0.1",
        "SERVER_PORT": "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": "127.0.0.1",
        "REMOTE_PORT": "50000",
        "HTTP_HOST": "localhost",
        "HTTP_X_TWICE": "1,2",
        "HTTP_COOKIE": "a=1; b=2",
        "HTTP_X_LATIN": "é",
        "wsgi.url_scheme": "https",
        "wsgi.version": (1, 0),
        "wsgi.input_terminated": True,
    }.items() <= environ.items()
    assert "HTTP_PROXY" not in environ
    assert "HTTP_CONTENT_LENGTH" not in environ


async def test_a_flask_application() -> None:
    """Its URLs, forms, streams and errors work below the prefix."""
    import flask

    inner = flask.Flask("inner", root_path="inner")

    @inner.get("/url")
    def url() -> str:
        return flask.url_for("url", _external=True)

    @inner.post("/form")
    def form() -> Any:
        return flask.request.form.to_dict()

    @inner.get("/stream")
    def streamed() -> Any:
        def words() -> Iterator[str]:
            for word in ("a", "b"):
                yield word + flask.request.path

        return flask.stream_with_context(words())

    app = wsgi(inner)

    assert "http://localhost/w/url" == (await get(app, "/w/url")).text
    assert {"a": "ä"} == (await post(app, "/w/form", form={"a": "ä"})).json
    assert ["a/stream", "b/stream"] == [c.decode() for c in (await get(app, "/w/stream")).chunks]
    assert 404 == (await get(app, "/w/nowhere")).status
    head = await request(app, "HEAD", "/w/url")
    assert (200, b"") == (head.status, head.body)


async def test_wsgi_runs_in_a_thread_and_streams() -> None:
    """Each piece is sent before the next is made; the loop goes on meanwhile."""
    go = threading.Event()
    made = []

    def app(environ: Any, start_response: Any) -> Any:
        assert threading.current_thread() is not threading.main_thread()
        simple(start_response, ("Content-Type", "text/plain"))
        for word in (b"first", b"", b"second"):
            made.append(word)
            yield word
            if word == b"first":
                assert go.wait(5)

    async with stream(wsgi(app), "GET", "/w") as http:
        http.body()
        assert b"first" == await http.chunk()
        assert [b"first"] == made
        go.set()
        assert b"second" == await http.chunk()


async def test_a_slow_client_holds_the_application_up() -> None:
    """Bounded memory: what cannot be sent is not made."""
    made, closed = [], []

    class Endless:
        def __iter__(self) -> Any:
            return self

        def __next__(self) -> bytes:
            made.append(True)
            return b"x" * 65536

        def close(self) -> None:
            closed.append(True)

    def app(environ: Any, start_response: Any) -> Any:
        simple(start_response)
        return Endless()

    async with stream(wsgi(app), "GET", "/w") as http:
        http.body()
        http.pause()
        await asyncio.sleep(0.1)
        assert 1 == len(made)
        assert [] == closed
        http.disconnect()

    assert [True] == closed


@pytest.mark.parametrize("spec_version", ["2.3", "2.4"])
async def test_a_client_that_goes_ends_the_application(spec_version: str) -> None:
    """Whether or not sends raise then; generators are closed."""
    closed = threading.Event()

    def app(environ: Any, start_response: Any) -> Any:
        simple(start_response)
        try:
            while True:
                yield b"x"
                time.sleep(0.001)
        finally:
            closed.set()

    async with stream(wsgi(app), "GET", "/w", spec_version=spec_version) as http:
        http.body()
        assert b"x" == await http.chunk()
        http.disconnect()

    assert closed.is_set()


async def test_a_servers_cancel_waits_for_the_thread() -> None:
    """It ends at its next piece, and `close` is called."""
    closed = threading.Event()

    def app(environ: Any, start_response: Any) -> Any:
        simple(start_response)
        try:
            while True:
                yield b"x"
        finally:
            closed.set()

    async with stream(wsgi(app), "GET", "/w") as http:
        http.body()
        await http.chunk()
        http.pause()
        await asyncio.sleep(0.02)
        await http.cancel()

    assert closed.is_set()


@pytest.mark.parametrize("size", [0, 1, 65_536, 65_537, 3_000_000])
async def test_wsgi_bodies(size: int) -> None:
    """Of any size, announced or not, below the limit."""

    def app(environ: Any, start_response: Any) -> Any:
        simple(start_response)
        body = environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"]))
        return [str(len(body)).encode()]

    data = b"x" * size

    assert str(size) == (await post(wsgi(app), "/w", body=data)).text
    pieces = [data[i : i + 100_000] for i in range(0, size, 100_000)] or [b""]
    assert str(size) == (await post(wsgi(app), "/w", body=pieces)).text


async def test_wsgi_limits() -> None:
    """Those of the outer application, before a thread is taken."""
    calls = []

    def app(environ: Any, start_response: Any) -> Any:
        calls.append(environ)
        simple(start_response)
        return []

    limited = wsgi(app, MAX_CONTENT_LENGTH=10, BODY_TIMEOUT=0.02)

    assert 413 == (await post(limited, "/w", body=b"x" * 11)).status
    head = await request(limited, "HEAD", "/w", headers={"Content-Length": "11"})
    assert (413, b"") == (head.status, head.body)
    assert 413 == (await post(limited, "/w", body=[b"x" * 6, b"x" * 5])).status
    async with stream(limited, "POST", "/w") as http:
        http.body(b"x", more=True)
        assert 408 == (await http.response()).status
    assert [] == calls
    assert 200 == (await post(limited, "/w", body=b"x" * 10)).status

    # What is announced and is no length, or has more digits than Python reads: bytes are counted.
    for length in ("abc", "-1", "1" * 5000, "\xb2"):
        headers = {"Content-Length": length}
        assert 200 == (await post(limited, "/w", body=b"x" * 10, headers=headers)).status
        assert 413 == (await post(limited, "/w", body=b"x" * 11, headers=headers)).status

    unlimited = WSGIBridge(app, {"MAX_CONTENT_LENGTH": None, "BODY_TIMEOUT": None})
    assert 200 == (await post(unlimited, "/", body=b"x" * 100)).status


async def test_limits_that_are_not_given_have_their_defaults() -> None:
    def app(environ: Any, start_response: Any) -> list[bytes]:
        start_response("200 OK", [])
        return [environ["wsgi.input"].read()]

    bridge = WSGIBridge(app, {"MAX_CONTENT_LENGTH": 3})

    assert "abc" == (await post(bridge, "/", body=b"abc")).text
    assert 413 == (await post(bridge, "/", body=b"abcd")).status
    assert "a" == (await post(WSGIBridge(app, {}), "/", body=b"a")).text


async def test_a_client_that_goes_before_its_body_has_come() -> None:
    calls: list[Any] = []
    async with stream(wsgi(lambda *args: calls.append(args)), "POST", "/w") as http:
        http.body(b"x", more=True)
        http.disconnect()

    assert [] == calls


async def test_the_write_callable() -> None:
    """The older way of PEP 3333, in front of the iterable."""

    def app(environ: Any, start_response: Any) -> Any:
        write = simple(start_response)
        write(b"written ")
        return [b"returned"]

    assert "written returned" == (await get(wsgi(app), "/w")).text


async def test_start_response_may_be_called_late_and_again() -> None:
    """At the first piece at the latest; again with an error, as long as nothing is sent."""

    def app(environ: Any, start_response: Any) -> Any:
        import sys

        simple(start_response, ("X-First", "1"))
        yield b""
        try:
            raise ValueError
        except ValueError:
            start_response("500 OH NO", [("X-Second", "2")], sys.exc_info())
        yield b"error page"

    response = await get(wsgi(app), "/w")

    assert (500, "error page") == (response.status, response.text)
    assert [("x-second", "2")] == list(response.headers)


async def test_an_error_after_the_start_is_raised() -> None:
    """The answer is broken off, so that the client can tell."""
    closed = []

    class Body:
        def __init__(self, start_response: Any) -> None:
            self.start_response = start_response

        def __iter__(self) -> Any:
            import sys

            simple(self.start_response)
            yield b"begun"
            try:
                raise LookupError("late")
            except LookupError:
                self.start_response("500 LATE", [], sys.exc_info())

        def close(self) -> None:
            closed.append(True)

    response = await get(
        wsgi(lambda environ, start_response: Body(start_response)),
        "/w",
        raises=LookupError,
        aborts=True,
    )

    assert b"begun" == response.body
    assert [True] == closed


def twice(environ: Any, start_response: Any) -> Any:
    simple(start_response)
    simple(start_response)
    return []


def never(environ: Any, start_response: Any) -> Any:
    return [b"body"]


def bad_status(environ: Any, start_response: Any) -> Any:
    simple(start_response, status="OK")
    return []


def bad_header(environ: Any, start_response: Any) -> Any:
    simple(start_response, ("X-Bad", "a\r\nSet-Cookie: b"))
    return []


def bad_name(environ: Any, start_response: Any) -> Any:
    simple(start_response, ("X Bad", "a"))
    return []


def stops(environ: Any, start_response: Any) -> Any:
    raise StopIteration


def raises_early(environ: Any, start_response: Any) -> Any:
    raise ValueError


@pytest.mark.parametrize(
    "app", [twice, never, bad_status, bad_header, bad_name, stops, raises_early]
)
async def test_what_wsgi_applications_must_not_do(app: Any) -> None:
    """It is raised to the server, which answers 500; nothing was sent."""
    response = await get(wsgi(app), "/w", raises=Exception)

    assert [] == response.messages


async def test_lengths_and_bodies_that_must_not_be() -> None:
    """No more than the announced length goes out, and nothing in answer to HEAD or with 204."""

    def app(environ: Any, start_response: Any) -> Any:
        if environ["PATH_INFO"] == "/204":
            simple(start_response, status="204 NO CONTENT")
        else:
            simple(start_response, ("Content-Length", "3"), ("Connection", "close"))
        yield b"ab"
        yield b"cd"
        yield b"ef"

    mounted = wsgi(app)

    response = await get(mounted, "/w/")
    assert b"abc" == response.body
    assert "Connection" not in response.headers
    assert b"" == (await request(mounted, "HEAD", "/w/")).body
    assert (204, b"") == (lambda r: (r.status, r.body))(await get(mounted, "/w/204"))


async def test_wsgi_refuses_websockets() -> None:
    with pytest.raises(Rejected):
        async with connect(wsgi(never), "/w"):
            pass


async def test_many_at_once() -> None:
    """More requests than threads are all answered."""

    def app(environ: Any, start_response: Any) -> Any:
        time.sleep(0.005)
        simple(start_response)
        return [environ["PATH_INFO"].encode()]

    mounted = wsgi(app)
    answers = await asyncio.gather(*(get(mounted, f"/w/{n}") for n in range(100)))

    assert [f"/{n}" for n in range(100)] == [answer.text for answer in answers]


async def test_a_wsgi_application_does_not_work_for_who_has_gone() -> None:
    """Where no thread was free when its client was there."""
    app, calls, release = Quart(__name__), [], threading.Event()
    app.get("/block")(lambda: release.wait(10) and "")

    def wsgi(environ: Any, start_response: Any) -> Any:
        calls.append(environ)
        start_response("200 OK", [])
        return []

    app.mount("/w", wsgi)
    blocked = [asyncio.create_task(get(app, "/block")) for _ in range(WORKER_THREADS)]
    try:
        await asyncio.sleep(0.05)
        async with stream(app, target="/w") as http:
            http.body()
            await settle()
            http.disconnect()
    finally:
        release.set()
    await asyncio.gather(*blocked)

    assert [] == calls


async def test_a_wsgi_application_does_not_work_for_a_request_that_the_server_gave_up() -> None:
    """It was cancelled before a thread was free: it ends at once, and does not run later."""
    app, calls, release = Quart(__name__), [], threading.Event()
    app.get("/block")(lambda: release.wait(10) and "")
    app.mount("/w", lambda environ, start_response: calls.append(environ))
    blocked = [asyncio.create_task(get(app, "/block")) for _ in range(WORKER_THREADS)]
    try:
        await asyncio.sleep(0.05)
        async with stream(app, target="/w") as http:
            http.body()
            await settle()
            await http.cancel()
        assert not release.is_set()
    finally:
        release.set()
    await asyncio.gather(*blocked)

    assert [] == calls


async def test_wsgi_threads_that_wait_for_their_clients_leave_their_place() -> None:
    """As many slow clients as there are threads keep no sync view waiting."""

    def app(environ: Any, start_response: Any) -> Any:
        simple(start_response)
        return [b"x"]

    outer = wsgi(app)
    outer.get("/def")(lambda: "answered")
    async with AsyncExitStack() as stack:
        for _ in range(WORKER_THREADS):
            http = await stack.enter_async_context(stream(outer, target="/w"))
            http.body()
            http.pause()
        response = await asyncio.wait_for(get(outer, "/def"), 5)

    assert "answered" == response.text


async def test_response_timeout_counts_below_a_mount() -> None:
    """It is the time that the client takes: that of the application does not count."""
    ended = threading.Event()

    def app(environ: Any, start_response: Any) -> Any:
        simple(start_response)
        try:
            for _ in range(3):
                yield b"x"
                time.sleep(0.05)
        finally:
            ended.set()

    mounted = wsgi(app, RESPONSE_TIMEOUT=0.1)
    assert "xxx" == (await get(mounted, "/w")).text
    ended.clear()
    options: Any = {"raises": ResponseTimeoutError, "aborts": True}
    async with stream(mounted, "GET", "/w/slow\n", **options) as http:
        http.body()
        http.pause()
        await http.finish()

    assert ended.is_set()


async def test_a_refusal_below_a_mount_waits_no_longer_than_the_timeout() -> None:
    mounted = wsgi(never, RESPONSE_TIMEOUT=0.05, MAX_CONTENT_LENGTH=1)
    async with stream(mounted, "POST", "/w", aborts=True) as http:
        http.pause()
        http.body(b"too long")
        await http.finish()

    assert [] == http.messages


@pytest.mark.parametrize("kind", ["asgi", "wsgi"])
@pytest.mark.parametrize("hosts", [["evil.org"], ["example.com", "evil.org"], ["x" * 300], [""]])
async def test_trusted_hosts_hold_below_a_mount(kind: str, hosts: list[str]) -> None:
    """A request for another host, or for several, reaches no application that is mounted."""
    app = Quart(__name__)
    app.config["TRUSTED_HOSTS"] = ["example.com"]
    inner = Quart("inner") if kind == "asgi" else flask.Flask("inner")
    inner.get("/")(lambda: "in")
    app.mount("/below", inner)
    headers = [("host", host) for host in hosts]

    assert 200 == (await get(app, "/below/", headers={"host": "example.com:8000"})).status
    assert 400 == (await get(app, "/below/", headers=headers)).status
    with pytest.raises(Rejected):
        async with connect(app, "/below/", headers=headers):
            pass


async def test_trusted_hosts_hold_where_the_server_names_no_scheme() -> None:
    """It may leave that out: then it is "http"."""
    app = Quart(__name__)
    app.config["TRUSTED_HOSTS"] = ["example.com"]
    inner = Quart("inner")
    inner.get("/")(lambda: "in")
    app.mount("/below", inner)

    async def without_scheme(scope: Any, receive: Any, send: Any) -> None:
        await app({key: scope[key] for key in scope if key != "scheme"}, receive, send)

    for host, status in (("example.com:80", 200), ("evil.org", 400)):
        assert status == (await get(without_scheme, "/below/", headers={"host": host})).status


async def test_a_wsgi_thread_that_hangs_is_left_behind_when_the_server_gives_up() -> None:
    """After `SHUTDOWN_TIMEOUT` seconds, however often the server cancels."""
    begun, release = threading.Event(), threading.Event()

    def app(environ: Any, start_response: Any) -> Any:
        begun.set()
        release.wait(10)
        return []

    async with stream(wsgi(app, SHUTDOWN_TIMEOUT=0.1), target="/w") as http:
        http.body()
        while not begun.is_set():
            await asyncio.sleep(0.001)
        ending = asyncio.create_task(http.cancel())
        await asyncio.sleep(0.01)
        http._task.cancel()
        await asyncio.wait_for(ending, 5)
        assert not release.is_set()
    release.set()


def test_an_error_after_the_servers_cancel_is_reported() -> None:
    """The server gets its cancellation, so the error goes where lost errors go."""
    lost: list[dict[str, Any]] = []
    begun = threading.Event()

    def app(environ: Any, start_response: Any) -> Any:
        begun.set()
        time.sleep(0.05)
        raise KeyError("late")

    async def main() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda _, context: lost.append(context))
        async with stream(wsgi(app), target="/w") as http:
            http.body()
            while not begun.is_set():
                await asyncio.sleep(0.001)
            await http.cancel()

    asyncio.run(main())

    assert ["KeyError('late')"] == [repr(context["exception"]) for context in lost]
