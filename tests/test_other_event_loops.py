"""An extension may run the framework on another event loop; here it is trio's.

It replaces what receives the messages and what waits. The classes below do it as one would: they
push the messages from a nursery, whose cancellation ends the work.
"""

import logging
import math
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from functools import partial, wraps
from pathlib import Path
from typing import Any

import pytest
import trio
from asgi import http_scope, websocket_scope
from werkzeug.exceptions import RequestEntityTooLarge

from quart import Quart, Response, abort, request, send_file, signals, websocket
from quart.asgi import ASGIHTTPConnection, ASGIWebsocketConnection, _convert_os_error
from quart.ctx import AppContext
from quart.wrappers import Request, Websocket
from quart.wrappers.base import ClientDisconnectedError
from quart.wrappers.request import Body
from quart.wrappers.websocket import Buffer

# --- the extension --------------------------------------------------------------------------


class Queue:
    def __init__(self) -> None:
        self._in, self._out = trio.open_memory_channel[Any](math.inf)

    async def put(self, item: Any) -> None:
        await self._in.send(item)

    def put_nowait(self, item: Any) -> None:
        self._in.send_nowait(item)

    async def get(self) -> Any:
        return await self._out.receive()


class TrioBody(Body):
    def __init__(self, expected_content_length: int | None, max_content_length: int | None) -> None:
        self._max_content_length = max_content_length
        self._queue = Queue()


class TrioBuffer(Buffer):
    def __init__(self) -> None:
        self._queue = Queue()


class TrioRequest(Request):
    body_class = TrioBody
    lock_class = trio.Lock  # type: ignore[assignment]


class TrioWebsocket(Websocket):
    buffer_class = TrioBuffer


class HTTPConnection(ASGIHTTPConnection):
    async def __call__(self, receive: Any, send: Any) -> None:
        send = _convert_os_error(send)
        pushed = self._create_request_from_scope(send)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self.push, pushed, receive, nursery.cancel_scope)
            await trio.testing.wait_all_tasks_blocked()  # much may come before the handler begins
            response = await self.app.handle_request(pushed)
            await self._send_response(send, response)
            nursery.cancel_scope.cancel()

    async def push(self, pushed: Request, receive: Any, scope: trio.CancelScope) -> None:
        while (message := await receive())["type"] == "http.request":
            await pushed.body.put(message.get("body", b""))
            if not message.get("more_body", False):
                pushed.body.set_complete()
        self._disconnected = True
        pushed.body.disconnect()
        await trio.testing.wait_all_tasks_blocked()  # it is noticed by the handler first
        scope.cancel()


class WebsocketConnection(ASGIWebsocketConnection):
    async def __call__(self, receive: Any, send: Any) -> None:
        send = _convert_os_error(send)
        pushed = self._create_websocket_from_scope(send)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self.push, pushed, receive, nursery.cancel_scope)
            await self.handle_websocket(pushed, send)
            nursery.cancel_scope.cancel()

    async def push(self, pushed: Websocket, receive: Any, scope: trio.CancelScope) -> None:
        while (message := await receive())["type"] != "websocket.disconnect":
            if message["type"] == "websocket.receive":
                await pushed.buffer.put(message["text"])
        self._disconnected = True
        pushed.buffer.disconnect()
        await trio.testing.wait_all_tasks_blocked()
        scope.cancel()


class TrioApp(Quart):
    asgi_http_class = HTTPConnection
    asgi_websocket_class = WebsocketConnection
    event_class = trio.Event  # type: ignore[assignment]
    lock_class = trio.Lock  # type: ignore[assignment]
    request_class = TrioRequest
    websocket_class = TrioWebsocket

    def sync_to_async(self, func: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(func)
        async def in_thread(*args: Any, **kwargs: Any) -> Any:
            return await trio.to_thread.run_sync(partial(func, *args, **kwargs))

        return in_thread

    async def handle_request(self, request: Any) -> Any:
        async with self.request_context(request) as ctx:
            try:
                return await self.full_dispatch_request(ctx)
            except Exception as error:
                return await self.handle_exception(ctx, error)

    async def handle_websocket(self, websocket: Any) -> Any:
        async with self.websocket_context(websocket) as ctx:
            try:
                return await self.full_dispatch_websocket(ctx)
            except Exception as error:
                return await self.handle_websocket_exception(ctx, error)


# --- its client -----------------------------------------------------------------------------


def run(main: Callable[[], Awaitable[None]]) -> None:
    async def in_time() -> None:
        with trio.fail_after(5):
            await main()

    trio.run(in_time)


async def talk(app: Quart, scope: dict[str, Any], *messages: dict[str, Any]) -> list[Any]:
    """What the application sends to a client that sends these messages, and then waits."""
    to_app, from_client = trio.open_memory_channel[Any](math.inf)
    sent: list[Any] = []

    async def send(message: dict[str, Any]) -> None:
        await trio.lowlevel.checkpoint()
        sent.append(message)

    for message in messages:
        to_app.send_nowait(message)
    await app(scope, from_client.receive, send)
    return sent


def ask(app: Quart, method: str, path: str, *pieces: bytes, **options: Any) -> tuple[int, bytes]:
    """The status and the body of the response to a request with a body in pieces."""
    messages: list[dict[str, Any]] = [
        {"type": "http.request", "body": piece, "more_body": True} for piece in pieces
    ]
    messages.append({"type": "http.request"})
    sent: list[Any] = []

    async def main() -> None:
        sent.extend(await talk(app, http_scope(method, path, **options), *messages))

    run(main)
    start, *bodies = sent
    return start["status"], b"".join(message["body"] for message in bodies)


def says(text: str) -> dict[str, Any]:
    return {"type": "websocket.receive", "text": text}


def converse(app: Quart, *messages: dict[str, Any], **options: Any) -> list[Any]:
    sent: list[Any] = []

    async def main() -> None:
        connect = {"type": "websocket.connect"}
        sent.extend(await talk(app, websocket_scope("/", **options), connect, *messages))

    run(main)
    return sent


# --- requests -------------------------------------------------------------------------------

FORM = {"content-type": "application/x-www-form-urlencoded"}
JSON = {"content-type": "application/json"}
MULTIPART = {"content-type": "multipart/form-data; boundary=b"}
PART = b'--b\r\ncontent-disposition: form-data; name="f"; filename="f"\r\n\r\n'


async def iterated() -> bytes:
    return b"".join([chunk async for chunk in request.body])


async def got() -> bytes:
    pieces = b""
    while piece := await request.body.get():
        pieces += piece
    return pieces


async def a_field() -> str:
    return (await request.form)["a"]


async def a_file() -> str:
    return str(len((await request.files)["f"].read()))


@pytest.mark.parametrize(
    ("read", "headers", "pieces", "expected"),
    [
        (lambda: request.get_data(), {}, [b"one", b"two"], b"onetwo"),
        (iterated, {}, [b"one", b"two"], b"onetwo"),
        (got, {}, [b"one", b"two"], b"onetwo"),
        (a_field, FORM, [b"a=o", b"ne"], b"one"),
        (lambda: request.get_json(), JSON, [b'{"a":', b"1}"], b'{"a":1}\n'),
        (lambda: request.get_json(), JSON, [b'"', b"a" * 300_000, b'"'], b"%a"),
        (a_file, MULTIPART, [PART, *[b"x" * 2**16] * 20, b"\r\n--b--"], b"%d" % (20 * 2**16)),
    ],
    ids=["data", "iterated", "got", "form", "json", "long json", "long file"],
)
def test_a_body_is_read(read: Any, headers: Any, pieces: list[bytes], expected: bytes) -> None:
    """In every way, long work being done in the application's threads."""
    app = TrioApp(__name__)

    @app.post("/")
    async def view() -> Any:
        return await read()

    status, body = ask(app, "POST", "/", *pieces, headers=headers)

    assert (200, expected) == (status, body.replace(b"a" * 300_000, b"%a"))


def test_a_body_is_waited_for() -> None:
    """The reader may come before the client's words; there may be several."""
    read: list[bytes] = []
    body = TrioBody(None, None)

    async def reader() -> None:
        read.append(await body)

    async def main() -> None:
        async with trio.open_nursery() as nursery:
            for _ in range(2):
                nursery.start_soon(reader)
            for piece in (b"one", b"two"):
                await trio.testing.wait_all_tasks_blocked()
                await body.put(piece)
            await trio.testing.wait_all_tasks_blocked()
            body.set_complete()

    run(main)

    assert [b"onetwo"] * 2 == read


@pytest.mark.parametrize("headers", [{}, FORM], ids=["data", "form"])
def test_the_applications_limit_holds(headers: dict[str, str]) -> None:
    """For a body that was there before the handler, too."""
    app = TrioApp(__name__)
    app.config["MAX_CONTENT_LENGTH"] = 5

    @app.post("/")
    async def view() -> str:
        return str(await request.form if headers else await request.get_data())

    assert 413 == ask(app, "POST", "/", b"a=one", b"two", headers=headers)[0]
    assert 200 == ask(app, "POST", "/", b"a=one", headers=headers)[0]


def test_a_client_that_goes_is_no_error(caplog: pytest.LogCaptureFixture) -> None:
    """Its body's reader is told, the handler ends, and nothing is logged or sent."""
    app = TrioApp(__name__)
    seen: list[object] = []

    @app.post("/")
    async def view() -> bytes:
        try:
            return await request.get_data()
        except ClientDisconnectedError as error:
            seen.append((type(error), await request.is_disconnected()))
            raise

    async def main() -> None:
        messages = [{"type": "http.request", "body": b"a", "more_body": True}]
        messages.append({"type": "http.disconnect"})
        seen.append(await talk(app, http_scope("POST", "/"), *messages))

    run(main)

    assert [(ClientDisconnectedError, True), []] == seen
    assert [] == caplog.records


def test_a_def_view_runs_in_the_applications_threads() -> None:
    app = TrioApp(__name__)
    seen = []

    @app.get("/")
    def view() -> str:
        seen.append(threading.current_thread())
        return request.path

    assert (200, b"/") == ask(app, "GET", "/")
    assert threading.main_thread() not in seen


# --- responses ------------------------------------------------------------------------------


async def stream() -> AsyncIterator[str]:
    for _ in range(100):
        await trio.sleep(0.001)  # some are so slow that asyncio's loop would get a turn
        yield "x"


async def fails() -> AsyncIterator[str]:
    raise ValueError("before the first piece")
    yield ""


def with_broken_header() -> tuple[str, dict[str, str]]:
    return "", {"X-Broken": "\x01"}


@pytest.mark.parametrize(
    ("method", "make", "expected"),
    [
        ("GET", lambda: "text", (200, b"text")),
        ("HEAD", lambda: "text", (200, b"")),
        ("GET", lambda: ("", 204), (204, b"")),
        ("GET", lambda: "x" * 100_000, (200, b"x" * 100_000)),
        ("GET", lambda: Response(["a", b"b"]), (200, b"ab")),
        ("GET", stream, (200, b"x" * 100)),
        ("GET", fails, (500, b"mended")),
        ("GET", with_broken_header, (500, b"mended")),
    ],
    ids=["text", "head", "bodiless", "long", "list", "stream", "failing", "broken header"],
)
def test_a_response_is_sent(method: str, make: Any, expected: tuple[int, bytes]) -> None:
    """Of any kind; and it is closed."""
    app = TrioApp(__name__)
    closed = []

    @app.get("/")
    async def view() -> Any:
        response = await app.make_response(make())
        response.call_on_close(lambda: closed.append(True))
        return response

    @app.errorhandler(500)
    async def mend(error: Exception) -> tuple[str, int]:
        return "mended", 500

    assert expected == ask(app, method, "/")
    assert [True] == closed


@pytest.mark.parametrize("opened", [False, True], ids=["path", "opened"])
def test_a_file_is_sent_from_the_applications_threads(tmp_path: Path, opened: bool) -> None:
    path = tmp_path / "file.txt"
    path.write_bytes(b"x" * 1_000_000)
    calls = []

    class App(TrioApp):
        def sync_to_async(self, func: Callable[..., Any]) -> Callable[..., Any]:
            calls.append(func)
            return super().sync_to_async(func)

    app = App(__name__)

    @app.get("/")
    async def view() -> Response:
        return await send_file(path.open("rb") if opened else path, mimetype="text/plain")

    assert (200, b"x" * 1_000_000) == ask(app, "GET", "/")
    assert len(calls) > 4, "it is found or measured, read in pieces and closed"


def test_a_file_is_read_outside_an_application(tmp_path: Path) -> None:
    """With no application that could be asked for a thread, as in a test that reads a response."""
    path = tmp_path / "file.txt"
    path.write_bytes(b"content")
    app = TrioApp(__name__)
    seen = []

    async def main() -> None:
        async with app.app_context():
            response = await send_file(path)
        seen.append(await response.get_data())

    run(main)

    assert [b"content"] == seen


def test_early_hints_are_sent() -> None:
    app = TrioApp(__name__)
    seen = []

    @app.get("/")
    async def view() -> str:
        await request.send_push_promise("/style.css")
        return ""

    async def main() -> None:
        scope = http_scope("GET", "/", extensions=("http.response.early_hint",))
        seen.extend(await talk(app, scope, {"type": "http.request"}))

    run(main)

    assert "http.response.early_hint" == seen[0]["type"]


def test_a_server_that_cannot_send_ends_the_response() -> None:
    """What it raises when the client has gone stays here."""
    app = TrioApp(__name__)
    app.add_url_rule("/", view_func=stream_view)

    async def send(message: object) -> None:
        raise BrokenPipeError

    async def main() -> None:
        await app(http_scope("GET", "/"), trio.sleep_forever, send)

    run(main)


async def stream_view() -> AsyncIterator[str]:
    return stream()


# --- websockets -----------------------------------------------------------------------------


def test_a_websocket_answers() -> None:
    """More messages than those after which asyncio's loop would get a turn."""
    app = TrioApp(__name__)

    @app.websocket("/")
    async def view() -> None:
        for _ in range(100):
            await websocket.send(await websocket.receive())

    accept, *echoes, close = converse(app, *map(says, map(str, range(100))))

    assert "websocket.accept" == accept["type"]
    assert [str(n) for n in range(100)] == [message["text"] for message in echoes]
    assert ("websocket.close", 1000) == (close["type"], close["code"])


@pytest.mark.parametrize("iterates", [True, False])
def test_a_websockets_client_that_goes_is_no_error(
    iterates: bool, caplog: pytest.LogCaptureFixture
) -> None:
    """An iteration ends, and `receive` raises what nobody logs; nothing more is sent."""
    app = TrioApp(__name__)
    seen = []

    @app.websocket("/")
    async def view() -> None:
        async for message in websocket:
            seen.append(message)
        seen.append(websocket.closed)
        if not iterates:
            await websocket.receive()

    sent = converse(app, says("a"), {"type": "websocket.disconnect"})

    assert ["a", True] == seen
    assert ["websocket.accept"] == [message["type"] for message in sent]
    assert [] == caplog.records


def test_a_websocket_is_refused_or_fails(caplog: pytest.LogCaptureFixture) -> None:
    app = TrioApp(__name__)

    @app.websocket("/")
    async def view() -> None:
        if websocket.args:
            await websocket.accept()
            raise ValueError
        abort(401)

    start, _ = converse(app, extensions=("websocket.http.response",))
    assert 401 == start["status"]

    caplog.set_level(logging.CRITICAL)
    app.config["PROPAGATE_EXCEPTIONS"] = False
    (rejection,) = converse(app, extensions=())
    assert "websocket.close" == rejection["type"]


# --- the process ----------------------------------------------------------------------------


def test_the_application_starts() -> None:
    """It follows no signals then: that is asyncio's way."""
    app = TrioApp(__name__)
    started = []
    app.before_serving(lambda: started.append(True))

    run(app.startup)

    assert [True] == started
    assert isinstance(app.shutdown_event, trio.Event)


@pytest.mark.parametrize("context_first", [True, False])
async def test_an_error_of_a_background_task(
    context_first: bool, caplog: pytest.LogCaptureFixture
) -> None:
    """It may be handed over with its context, as in Quart 0.23, or alone, as before."""
    app = Quart(__name__)
    error = ValueError("mine")
    caplog.set_level(logging.ERROR)
    received = []

    def receive(_: Quart, exception: Exception) -> None:
        received.append(exception)

    with signals.got_background_exception.connected_to(receive, app):
        if context_first:
            await app.handle_background_exception(app.app_context(), error)
        else:
            await app.handle_background_exception(error)

    assert [error] == received
    assert [error] == [record.exc_info[1] for record in caplog.records if record.exc_info]


async def test_background_errors_reach_either_generation() -> None:
    """A subclass written for Quart 0.23 gets the context, one written before it does not."""
    seen: list[object] = []

    class New(Quart):
        async def handle_background_exception(self, ctx: Any, error: Any) -> None:  # type: ignore[override]
            seen.append((isinstance(ctx, AppContext), error))

    class Old(Quart):
        async def handle_background_exception(self, error: Any) -> None:  # type: ignore[override]
            seen.append(error)

    error = ValueError("mine")

    async def work() -> None:
        raise error

    for app in (New(__name__), Old(__name__)):
        task = app.add_background_task(work)
        with pytest.raises(ValueError, match="mine"):
            await task

    assert [(True, error), error] == seen


# --- bodies with constructors of their own, on any loop ---------------------------------------


class OwnBody(Body):
    def __init__(self, *, limit: int | None = None) -> None:
        self._max_content_length = limit


async def test_a_constructor_of_ones_own_is_enough() -> None:
    """The rest of a body's state is there all the same."""
    body = OwnBody(limit=5)

    assert 5 == body.max_content_length
    await body.put(b"one")
    assert b"one" == await body.get()
    body.set_complete()
    assert b"" == await body.get()
    assert b"" == await body

    full = OwnBody(limit=5)
    await full.put(b"sixsix")
    with pytest.raises(RequestEntityTooLarge):
        await full


async def test_what_came_before_the_disconnect_can_be_read() -> None:
    body = Body(None, None)
    await body.put(b"one")
    body.disconnect()

    assert b"one" == await body.get()
    for _ in range(2):
        with pytest.raises(ClientDisconnectedError):
            await body.get()
        with pytest.raises(ClientDisconnectedError):
            await body
