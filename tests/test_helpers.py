"""What views call: URLs, redirects, flashed messages, streams, hints to the client."""

import os
import sys
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import flask
import pytest
import werkzeug.wrappers
from asgi import connect, get, stream
from werkzeug.exceptions import HTTPException, NotFound

import quart
from quart import (
    Blueprint,
    Quart,
    Response,
    abort,
    flash,
    g,
    get_flashed_messages,
    make_push_promise,
    make_response,
    message_flashed,
    redirect,
    request,
    send_early_hints,
    session,
    stream_with_context,
    url_for,
    websocket,
)
from quart.helpers import (
    _split_blueprint_path,
    find_package,
    get_debug_flag,
    get_load_dotenv,
    get_root_path,
)


@pytest.fixture
def app() -> Quart:
    app = Quart(__name__)
    app.secret_key = "secret"
    return app


# make_response


@pytest.mark.parametrize(
    ("arguments", "status", "data"),
    [
        ((), 200, ""),
        (("text",), 200, "text"),
        (("text", 201), 201, "text"),
        (("text", 201, {"X-A": "1"}), 201, "text"),
        ((("text", 201),), 201, "text"),
        (({"a": 1}, 418), 418, '{"a":1}\n'),
        ((NotFound("gone"),), 404, "gone"),
    ],
)
async def test_make_response(app: Quart, arguments: Any, status: int, data: str) -> None:
    async with app.test_request_context("/"):
        response = await make_response(*arguments)

        assert isinstance(response, Response)
        assert status == response.status_code
        assert data in await response.get_data(as_text=True)


async def test_make_response_needs_no_await_in_sync_code(app: Quart) -> None:
    @app.get("/")
    def view() -> Any:
        response: Any = make_response("text")
        response.headers["X-Header"] = "1"
        return response

    assert "1" == (await get(app)).headers["X-Header"]


# redirect and abort


async def test_redirect(app: Quart) -> None:
    """302 by default, in the app's class of response."""

    class Own(Response):
        pass

    app.response_class = Own
    async with app.app_context():
        response = redirect("/there")

        assert isinstance(response, Own)
        assert (302, "/there") == (response.status_code, response.location)
        assert 308 == redirect("/there", 308).status_code
        assert 303 == redirect("/there", code=303).status_code


def test_redirect_without_an_app() -> None:
    """Still our own class, or the one that is given."""
    assert isinstance(redirect("/"), Response)
    assert isinstance(redirect("/", 302, werkzeug.wrappers.Response), werkzeug.wrappers.Response)


async def test_redirect_with_another_class(app: Quart) -> None:
    class Own(Response):
        pass

    async with app.app_context():
        assert isinstance(redirect("/", Response=Own), Own)


async def test_redirect_uses_the_app(app: Quart, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(app, "redirect", lambda location, code: (location, code))
    async with app.app_context():
        assert ("/", 302) == redirect("/")


async def test_abort(app: Quart) -> None:
    """By a code, with a description, or with a response."""
    with pytest.raises(NotFound, match="gone"):
        abort(404, "gone")
    with pytest.raises(LookupError):
        abort(999)
    async with app.app_context():
        with pytest.raises(NotFound, match="gone"):
            abort(404, description="gone")
        response = Response("own", 418)
        with pytest.raises(HTTPException) as caught:
            abort(response)
        assert response is caught.value.get_response()


async def test_abort_asks_the_aborter(app: Quart) -> None:
    class Teapot(HTTPException):
        code = 719

    app.aborter.mapping[719] = Teapot
    async with app.app_context():
        with pytest.raises(Teapot):
            abort(719)


# url_for


@pytest.fixture
def linked(app: Quart) -> Quart:
    blueprint = Blueprint("bp", __name__, url_prefix="/bp")

    @app.get("/")
    async def index() -> str:
        return url_for(request.args["e"])

    @app.get("/user/<int:number>")
    async def user(number: int) -> str:
        return ""

    app.add_url_rule("/user/<int:number>/change", "user", methods=["POST"])

    @app.websocket("/ws")
    async def ws() -> None: ...

    @blueprint.get("/")
    async def view() -> str:
        return f"{url_for('.view')} {url_for('index')}"

    app.register_blueprint(blueprint)
    return app


async def test_url_for(linked: Quart) -> None:
    async with linked.test_request_context("/"):
        assert "/user/7" == url_for("user", number=7)
        assert "/user/7?a=1&b=%C3%BC" == url_for("user", number=7, a=1, b="ü")
        assert "/user/7#there" == url_for("user", number=7, _anchor="there")
        assert "/user/7/change" == url_for("user", number=7, _method="POST")
        assert "http://localhost/" == url_for("index", _external=True)
        assert "https://localhost/" == url_for("index", _external=True, _scheme="https")
        assert "ws://localhost/ws" == url_for("ws")
        with pytest.raises(Exception, match="nothing"):
            url_for("nothing")


async def test_url_for_in_a_blueprint(linked: Quart) -> None:
    assert "/bp/ /" == (await get(linked, "/bp/")).text


async def test_url_for_without_a_connection(linked: Quart) -> None:
    """External, by the configured name."""
    with pytest.raises(RuntimeError, match="application context"):
        url_for("index")
    async with linked.app_context():
        with pytest.raises(RuntimeError, match="SERVER_NAME"):
            url_for("index")
    linked.config.update(SERVER_NAME="example.com", PREFERRED_URL_SCHEME="https")
    async with linked.app_context():
        assert "https://example.com/" == url_for("index")
        assert "/" == url_for("index", _external=False)


# Flashed messages


async def test_flashed_messages(app: Quart) -> None:
    """They wait in the session, are taken out once, and stay for this connection."""

    @app.get("/flash")
    async def put() -> str:
        await flash("one")
        await flash("two", "error")
        return ""

    @app.get("/take")
    async def take() -> list[Any]:
        return [
            get_flashed_messages(),
            get_flashed_messages(with_categories=True),
            get_flashed_messages(category_filter=["error"]),
            get_flashed_messages(True, ["message"]),
            "_flashes" in session,
        ]

    cookie = (await get(app, "/flash")).headers["Set-Cookie"].partition(";")[0]
    response = await get(app, "/take", headers={"cookie": cookie})

    assert [
        ["one", "two"],
        [["message", "one"], ["error", "two"]],
        ["two"],
        [["message", "one"]],
        False,
    ] == response.json
    assert "session=;" in response.headers["Set-Cookie"]


async def test_flash_sends_a_signal(app: Quart) -> None:
    seen: list[Any] = []

    @message_flashed.connect_via(app)
    async def receive(sender: Any, **kwargs: Any) -> None:
        seen.append((sender, kwargs))

    async with app.test_request_context("/"):
        await flash("hey", "error")

    assert (app, "hey", "error") == (seen[0][0], seen[0][1]["message"], seen[0][1]["category"])


async def test_flash_needs_no_await_in_sync_code(app: Quart) -> None:
    @app.get("/")
    def view() -> Any:
        flash("hey")  # type: ignore[unused-coroutine]
        return get_flashed_messages()

    assert ["hey"] == (await get(app)).json


async def test_flash_in_a_websocket(app: Quart) -> None:
    @app.websocket("/")
    async def ws() -> None:
        await flash("hey")
        await websocket.send_json(get_flashed_messages())

    async with connect(app) as client:
        assert '["hey"]' == await client.receive()


async def test_what_a_page_flashed_is_read_in_a_websocket(app: Quart) -> None:
    """It comes with the session's cookie."""

    @app.get("/flash")
    async def put() -> str:
        await flash("from the page", "info")
        return ""

    @app.websocket("/")
    async def ws() -> None:
        await websocket.send_json(get_flashed_messages(with_categories=True))

    cookie = (await get(app, "/flash")).headers["Set-Cookie"].partition(";")[0]
    async with connect(app, headers={"cookie": cookie}) as client:
        assert [["info", "from the page"]] == await client.receive_json()


async def test_flashed_messages_need_a_connection(app: Quart) -> None:
    async with app.app_context():
        with pytest.raises(RuntimeError, match="outside of"):
            await flash("hey")
        with pytest.raises(RuntimeError, match="outside of"):
            get_flashed_messages()


async def test_flash_needs_a_secret_key(app: Quart) -> None:
    app.secret_key = None
    async with app.test_request_context("/"):
        with pytest.raises(RuntimeError, match="secret key"):
            await flash("hey")
        assert [] == get_flashed_messages()


# stream_with_context


async def an_async_generator() -> AsyncIterator[str]:
    yield f"{g.x} "
    yield f"{session['y']} "
    yield request.args["z"]


def a_generator() -> Iterator[str]:
    yield f"{g.x} "
    yield f"{session['y']} "
    yield request.args["z"]


def a_function_of_an_async_iterator() -> AsyncIterator[str]:
    return an_async_generator()


def a_function_of_an_iterator() -> Iterator[str]:
    return iter([f"{g.x} ", "2 ", "3"])


STREAMS: dict[str, Callable[[], Any]] = {
    "async generator function": lambda: stream_with_context(an_async_generator)(),
    "generator function": lambda: stream_with_context(a_generator)(),
    "async generator": lambda: stream_with_context(an_async_generator()),
    "generator": lambda: stream_with_context(a_generator()),
    "function of an async iterator": lambda: stream_with_context(a_function_of_an_async_iterator)(),
    "function of an iterator": lambda: stream_with_context(a_function_of_an_iterator)(),
    "map": lambda: stream_with_context(map("{} 2 3".format, [1])),
    "list": lambda: stream_with_context(["1 ", "2 ", "3"]),
    "in a response": lambda: Response(stream_with_context(an_async_generator())),
    "flask's name": lambda: stream_with_context(generator_or_function=a_generator),  # type: ignore[call-overload]
}


@pytest.mark.parametrize("kind", ["async", "sync"])
@pytest.mark.parametrize("name", STREAMS)
async def test_a_stream_keeps_its_context(app: Quart, name: str, kind: str) -> None:
    """``g``, the session and the request are the very same, and torn down once, at the end."""
    torn_down = []

    def view() -> Any:
        g.x, session["y"] = 1, 2
        result = STREAMS[name]()
        return result() if callable(result) and not isinstance(result, Response) else result

    async def async_view() -> Any:
        return view()

    app.add_url_rule("/", view_func=view if kind == "sync" else async_view)

    @app.teardown_request
    async def teardown(error: BaseException | None) -> None:
        torn_down.append((error, g.x))

    response = await get(app, "/?z=3")

    assert (200, "1 2 3") == (response.status, response.text)
    assert [(None, 1)] == torn_down


async def test_a_stream_does_not_leak_its_context(app: Quart) -> None:
    """Between two of its items the reader has its own."""
    async with app.test_request_context("/?z=3"):
        g.x, session["y"] = 1, 2
        items = stream_with_context(an_async_generator())
        sync_items = stream_with_context(a_generator())
    async with app.app_context():
        g.x = "another"
        seen = [(await anext(items), g.x), (next(sync_items), g.x)]
        seen += [(item, g.x) async for item in items]

    assert [("1 ", "another")] * 2 + [("2 ", "another"), ("3", "another")] == seen
    assert not quart.has_app_context()


async def test_a_stream_that_ends_early_is_closed(app: Quart) -> None:
    """Within its context, when the client goes away; teardown comes after."""
    events: list[Any] = []

    @app.get("/")
    async def view() -> Any:
        @stream_with_context
        async def generate() -> AsyncIterator[bytes]:
            g.x = 1
            try:
                while True:
                    yield b"x" * 100_000
            finally:
                events.append(("closed", g.x, request.path))

        return generate()

    @app.teardown_request
    async def teardown(error: BaseException | None) -> None:
        events.append("teardown")

    async with stream(app, suspends=True) as http:
        http.body()
        await http.start()
        await http.chunk()
        http.disconnect()

    assert [("closed", 1, "/"), "teardown"] == events


async def test_closing_a_stream_closes_what_it_wraps(app: Quart) -> None:
    events = []

    def items() -> Iterator[int]:
        try:
            yield 1
        finally:
            events.append(request.path)

    async def async_items() -> AsyncIterator[int]:
        try:
            yield 1
        finally:
            events.append(request.path)

    async with app.test_request_context("/path"):
        sync: Any = stream_with_context(items())
        asynchronous: Any = stream_with_context(async_items())
        plain: Any = stream_with_context([1])
    next(sync)
    sync.close()
    await anext(asynchronous)
    await asynchronous.aclose()
    plain.close()

    assert ["/path", "/path"] == events


async def test_a_stream_in_a_websocket(app: Quart) -> None:
    @app.websocket("/")
    async def ws() -> None:
        g.x = 1

        @stream_with_context
        async def items() -> AsyncIterator[str]:
            for _ in range(2):
                yield f"{websocket.path} {g.x}"

        async for item in items():
            await websocket.send(item)

    async with connect(app) as client:
        assert ["/ 1", "/ 1"] == [await client.receive(), await client.receive()]


async def test_a_stream_decorated_outside_of_a_view(app: Quart) -> None:
    """As in Flask, the context is the one it is called in."""
    streamed = stream_with_context(a_generator)

    @app.get("/")
    async def view() -> Any:
        g.x, session["y"] = 1, 2
        return streamed()

    assert "1 2 3" == (await get(app, "/?z=3")).text
    with pytest.raises(RuntimeError, match="context is active"):
        streamed()
    with pytest.raises(RuntimeError, match="context is active"):
        stream_with_context(iter([]))


async def test_a_decorated_stream_keeps_its_name(app: Quart) -> None:
    assert "a_generator" == stream_with_context(a_generator).__name__


# Hints


async def test_push_promises_and_early_hints(app: Quart) -> None:
    """Push where it is offered; a 103 with Link headers where that is; else nothing."""

    @app.get("/push")
    async def push() -> str:
        await make_push_promise("/style.css")
        return ""

    @app.get("/hint")
    async def hint() -> str:
        await send_early_hints(
            "/style.css?v=1",
            "/script.js",
            "/font.woff2",
            "/image.png",
            "/page",
            "</x>; rel=prefetch",
        )
        return ""

    @app.get("/sync")
    def sync() -> str:
        send_early_hints("/style.css")  # type: ignore[unused-coroutine]
        make_push_promise("/style.css")  # type: ignore[unused-coroutine]
        return ""

    offers = ["http.response.push", "http.response.early_hint"]
    for path in ("/push", "/hint", "/sync"):
        assert 200 == (await get(app, path)).status

    sent = (await get(app, "/push", extensions=offers)).messages
    assert "/style.css" == sent[0]["path"]

    sent = (await get(app, "/push", extensions=offers[1:])).messages
    assert [b"</style.css>; rel=preload; as=style"] == sent[0]["links"]

    sent = (await get(app, "/hint", extensions=offers)).messages
    assert "http.response.early_hint" == sent[0]["type"]
    assert [
        b"</style.css?v=1>; rel=preload; as=style",
        b"</script.js>; rel=preload; as=script",
        b"</font.woff2>; rel=preload; as=font; crossorigin",
        b"</image.png>; rel=preload; as=image",
        b"</page>; rel=preload",
        b"</x>; rel=prefetch",
    ] == sent[0]["links"]


@pytest.mark.parametrize("late", [send_early_hints, make_push_promise])
async def test_hints_after_the_start_are_not_sent(app: Quart, late: Any) -> None:
    @app.get("/")
    async def index() -> Any:
        async def stream() -> Any:
            yield "a"
            await late("/style.css")

        return stream_with_context(stream)()

    response = await get(app, extensions=["http.response.early_hint"])

    assert (b"a", []) == (response.body, response.early_hints)


@pytest.mark.parametrize("send", [send_early_hints, make_push_promise])
async def test_hints_that_would_break_the_protocol(app: Quart, send: Any) -> None:
    @app.get("/")
    async def index() -> str:
        with pytest.raises(ValueError, match="control character"):
            await send("/style.css\r\nX-Evil: 1")
        return ""

    response = await get(app, extensions=["http.response.early_hint", "http.response.push"])

    assert (200, [], []) == (response.status, response.early_hints, response.pushes)


async def test_hints_need_a_request(app: Quart) -> None:
    async with app.app_context():
        for function in (make_push_promise, send_early_hints):
            with pytest.raises(RuntimeError, match="request context"):
                await function("/")


# Packages and the environment


def test_find_package() -> None:
    """The prefix of what is installed, and where it is imported from; both are paths."""
    prefix, path = find_package("flask")

    assert Path(sys.prefix) == prefix
    assert Path(flask.__file__).parent.parent == path
    assert (None, Path.cwd()) == find_package("__main__x")


def test_get_root_path() -> None:
    assert os.path.dirname(flask.__file__) == get_root_path("flask")


@pytest.mark.parametrize(
    ("value", "debug", "skips"),
    [
        (None, False, None),
        ("", False, None),
        ("0", False, False),
        ("False", False, False),
        ("no", False, False),
        ("1", True, True),
        ("yes", True, True),
    ],
)
def test_flags_of_the_environment(
    monkeypatch: pytest.MonkeyPatch, value: str | None, debug: bool, skips: bool | None
) -> None:
    for name in ("QUART_DEBUG", "QUART_SKIP_DOTENV"):
        monkeypatch.delenv(name, raising=False)
        if value is not None:
            monkeypatch.setenv(name, value)

    assert debug is get_debug_flag()
    for default in (True, False):
        assert (default if skips is None else not skips) is get_load_dotenv(default)


def test_split_blueprint_path() -> None:
    assert ["a.b.c", "a.b", "a"] == _split_blueprint_path("a.b.c")
    assert ["a"] == _split_blueprint_path("a")


def test_sync_helpers_run_on_the_main_thread_too() -> None:
    """Outside of a worker thread the async ones are awaitables, whichever thread asks."""
    results = []
    thread = threading.Thread(target=lambda: results.append(make_response("x")))
    thread.start()
    thread.join()
    results[0].close()

    assert hasattr(results[0], "__await__")


async def test_a_link_cannot_be_ended_by_its_url() -> None:
    """Brackets in the URL of a hint are percent-encoded."""
    app = Quart(__name__)

    @app.get("/")
    async def view() -> str:
        await send_early_hints("/a>; rel=x, </b<c.css")
        await make_push_promise("/a>; rel=y, <.js")
        return "hinted"

    response = await get(app, extensions=["http.response.early_hint"])

    assert [
        b"</a%3E; rel=x, %3C/b%3Cc.css>; rel=preload; as=style",
        b"</a%3E; rel=y, %3C.js>; rel=preload; as=script",
    ] == response.early_hints
