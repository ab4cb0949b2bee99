"""A request or websocket that a test holds open: the application in a task, as under a server."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import cached_property, lru_cache
from linecache import getline
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Generic, NoReturn, Self, TypeVar

from werkzeug.datastructures import Headers

from ..flask_names import enter
from ..headers import decode_headers
from ..json import dumps, loads
from ..process import CANCEL_TIMEOUT
from ..sse import EventReader
from ..typing import HTTPScope, WebsocketScope, WWWScope
from ..wrappers import Request, Response
from ..wrappers.response_body import DataBody
from .utils import RequestBuilder

if TYPE_CHECKING:
    from ..app import Quart

__all__ = (
    "ASGIReceiveEvent",
    "ASGISendEvent",
    "HTTPDisconnectError",
    "Response",
    "TestHTTPConnection",
    "TestResponse",
    "TestWebsocketConnection",
    "WebsocketDisconnectError",
    "WebsocketResponseError",
    "decode_headers",
    "dumps",
    "loads",
)

#: A message that an application receives, and one that it sends.
ASGIReceiveEvent = dict[str, Any]
ASGISendEvent = dict[str, Any]

Item = TypeVar("Item", bytes, str | bytes)

#: How long an application that has closed a websocket may take to return, in seconds.
_LAST_WORDS = 0.1

# The directories of code that no test is about, and how many other places are named.
_LIBRARIES = (str(Path(__file__).parents[1]), str(Path(asyncio.__file__).parents[1]))
_PLACES = 3


class HTTPDisconnectError(Exception):
    """The response ended early: the test has disconnected, or the application gave up."""


class WebsocketDisconnectError(Exception):
    """The websocket is closed, by either side, with `code` (RFC 6455, section 7.4) and `reason`."""

    def __init__(self, code: int, reason: str = "") -> None:
        super().__init__(code)
        self.code = code
        self.reason = reason


class WebsocketResponseError(Exception):
    """The application answered the handshake with `response` instead of accepting it."""

    def __init__(self, response: Response) -> None:
        super().__init__(response)
        self.response = response


class TestResponse(Response):
    """A response to a test, read to its end. It is also of the application's `response_class`."""

    __test__ = False
    automatically_set_content_length = False
    default_mimetype = None  # the headers are those that were sent

    #: The redirects that led here, first to last.
    history: tuple[TestResponse, ...] = ()
    #: The request that this answers, as the test described it.
    builder: RequestBuilder

    @cached_property
    def request(self) -> Request:
        """The request that this response answers."""
        return self.builder.request()

    @property
    def text(self) -> str:
        """The body decoded as UTF-8, without `await`."""
        assert isinstance(self.response, DataBody)
        return self.response.data.decode()


def make_test_response(
    app: Quart, data: bytes, status_code: int | None, headers: Headers | None
) -> TestResponse:
    """Make a response to a test, with its whole body and the headers that were sent."""
    response = _test_response_class(app.response_class)(data, status_code, headers)
    response.json_module = app.json  # type: ignore[assignment]  # it has the functions used here
    return response


@lru_cache(maxsize=32)
def _test_response_class(response_class: type[Response]) -> type[TestResponse]:
    if issubclass(TestResponse, response_class):
        return TestResponse
    if issubclass(response_class, TestResponse):
        return response_class
    return type(response_class.__name__, (TestResponse, response_class), {})


async def close_preserved_context(app: Quart) -> None:
    """Tear down the context that was kept open for a test, if there is one."""
    ctx, app._preserved_context = app._preserved_context, None
    if ctx is not None:
        error, ctx.failed = ctx.failed, None  # its traceback refers to the context
        await ctx.pop(error)


class AsyncOnly:
    """A context manager for `async with` that raises a helpful error if used with `with`."""

    def __enter__(self) -> NoReturn:
        raise TypeError(f"Use 'async with' instead of 'with' for {type(self).__name__}.")

    def __exit__(self, *_: object) -> None: ...


def _place(task: asyncio.Task[object]) -> str:
    """Name the functions in which a task waits, and the places, without Python's and ours."""
    places = []
    waits: Any = task.get_coro()
    while waits is not None:
        frame = getattr(waits, "cr_frame", None) or getattr(waits, "gi_frame", None)
        if frame is not None and not frame.f_code.co_filename.startswith(_LIBRARIES):
            code = frame.f_code
            line = getline(code.co_filename, frame.f_lineno).strip()
            places.append(
                f"in {waits.__qualname__}, {code.co_filename}, line {frame.f_lineno}: {line}"
            )
        waits = getattr(waits, "cr_await", None) or getattr(waits, "gi_yieldfrom", None)
    return ", ".join(places[-_PLACES:]) or "outside the application's code"


class _TestConnection(AsyncOnly, Generic[Item]):
    """What requests and websockets share: the task, and a queue in each direction."""

    __test__ = False

    def __init__(self, app: Quart, scope: WWWScope) -> None:
        self.app = app
        self.scope = scope
        self.status_code: int | None = None
        self.headers: Headers | None = None
        self.response_data = bytearray()
        #: The request that the test described, which the response refers to.
        self.builder: RequestBuilder | None = None
        #: Called with the headers as soon as the application has sent them.
        self.on_headers: Callable[[Headers], None] | None = None
        self._events: asyncio.Queue[ASGIReceiveEvent] = asyncio.Queue()
        # None means that nothing follows.
        self._sent: asyncio.Queue[Item | None] = asyncio.Queue()
        self._task: asyncio.Task[None] | None = None
        #: The error that the application raised, until it is raised in the test.
        self._error: BaseException | None = None

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._run())
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc_value: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        assert self._task is not None
        if exc_value is None:
            self._leave()
        else:
            if self._error is not None:
                exc_value.add_note(f"The application had raised {self._error!r}.")
            self._task.cancel()
        try:
            done, _ = await asyncio.wait([self._task], timeout=self._seconds_to_end())
        except asyncio.CancelledError:
            self._task.cancel()
            await asyncio.wait([self._task])
            raise
        if not done:
            late = TimeoutError(
                f"The handler of {self.scope['path']!r} has not ended {self._seconds_to_end()} s"
                f" after the end of the test's 'async with' block. It waits {_place(self._task)}."
            )
            self._task.cancel()
            await asyncio.wait([self._task], timeout=CANCEL_TIMEOUT)
            if exc_value is None:
                raise late
            exc_value.add_note(str(late))
        if exc_value is None:
            self._raise_error()

    def _seconds_to_end(self) -> float | None:
        """How many seconds the application may take after the block; None: no limit."""
        raise NotImplementedError

    async def _run(self) -> None:
        try:
            await self.app(self.scope, self._events.get, self._send)
        except BaseException as error:
            self._error = error
        finally:
            self._sent.put_nowait(None)

    async def _next(self) -> Item | None:
        """Return the next piece, or None at the end; raise the application's error, if any."""
        if self._task is None:
            raise RuntimeError("The connection is not open: enter it with 'async with' first.")
        item = await self._sent.get()
        if item is None:
            self._sent.put_nowait(None)
            self._raise_error()
        return item

    def _raise_error(self) -> None:
        error, self._error = self._error, None
        # A cancellation that ends the application's task does not concern the test.
        if error is not None and not isinstance(error, asyncio.CancelledError):
            raise error

    def _leave(self) -> None:
        """Do what a client does at the end of an `async with` block."""
        raise NotImplementedError

    async def _send(self, message: ASGISendEvent) -> None:
        """Receive one message from the application."""
        raise NotImplementedError

    def _take_headers(self, message: ASGISendEvent) -> None:
        self.headers = decode_headers(message.get("headers", ()))
        if self.on_headers is not None:
            self.on_headers(self.headers)

    def _make_response(self) -> TestResponse:
        response = make_test_response(
            self.app, bytes(self.response_data), self.status_code, self.headers
        )
        if self.builder is not None:
            response.builder = self.builder
        return response


class TestHTTPConnection(_TestConnection[bytes]):
    """A request that a test sends, and whose response it reads, piece by piece::

        async with client.request("/", method="POST") as connection:
            await connection.send(b"first")
            await connection.send_complete()
            assert b"answer" == await connection.receive()

    The block ends when the application has ended: the request's body is completed, and the rest of
    the response is available from `as_response`. For endless responses, use `disconnect`.
    """

    def __init__(self, app: Quart, scope: HTTPScope, _preserve_context: bool = False) -> None:
        super().__init__(app, scope)
        self.push_promises: list[tuple[str, Headers]] = []
        #: The `Link` values of the 103 responses that came first.
        self.early_hints: list[str] = []
        self.trailers: Headers | None = None
        self._preserve_context = _preserve_context
        self._request_sent = False
        self._disconnected = False
        self._has_trailers = False
        self._complete = False
        self._event_reader = EventReader(self.receive)

    async def __aenter__(self) -> Self:
        if self._preserve_context:
            await close_preserved_context(self.app)
        return await super().__aenter__()

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc_value: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        try:
            await super().__aexit__(exc_type, exc_value, tb)
        finally:
            ctx = self.app._preserved_context if self._preserve_context else None
            if ctx is not None:
                ctx._tokens = [enter(ctx)]  # as if it were pushed here, so that `pop` ends it

    async def send(self, data: bytes) -> None:
        """Send a piece of the request's body."""
        self._events.put_nowait({"type": "http.request", "body": data, "more_body": True})

    async def send_complete(self) -> None:
        """End the request's body."""
        self._request_sent = True
        self._events.put_nowait({"type": "http.request", "body": b"", "more_body": False})

    async def disconnect(self) -> None:
        """Disconnect, before or after the end of the response."""
        self._disconnected = True
        self._events.put_nowait({"type": "http.disconnect"})

    async def receive(self) -> bytes:
        """Wait for the next piece of the response's body; b"" at its end.

        Raises HTTPDisconnectError if the response ended early, and errors of the application.
        """
        data = await self._next()
        if data is None:
            if not self._complete:
                raise HTTPDisconnectError("The response ended early.")
            return b""
        return data

    def events(self) -> EventReader:
        """Iterate over the server-sent events of the response, as they come::

            async for event in connection.events():
                assert {"n": 1} == event.json
                break

        An iteration continues where the one before stopped. Raises the same errors as `receive`.
        """
        return self._event_reader

    async def as_response(self) -> TestResponse:
        """Wait for the response. Its body is what `receive` has not returned before.

        Raises HTTPDisconnectError if it ended early, unless the test has disconnected.
        """
        while (data := await self._next()) is not None:
            self.response_data += data
        if self.status_code is None or not (self._complete or self._disconnected):
            raise HTTPDisconnectError("The response ended early.")
        response = self._make_response()
        response.trailers = self.trailers
        return response

    def _seconds_to_end(self) -> float | None:
        seconds: float | None = self.app.config["RESPONSE_TIMEOUT"]
        return seconds

    def _leave(self) -> None:
        if not (self._request_sent or self._disconnected):
            self._events.put_nowait({"type": "http.request", "body": b"", "more_body": False})

    async def _send(self, message: ASGISendEvent) -> None:
        match message["type"]:
            case "http.response.start":
                self.status_code = message["status"]
                self._has_trailers = message.get("trailers", False)
                self._take_headers(message)
            case "http.response.body":
                data = message.get("body", b"")
                if data and self.scope["method"] != "HEAD":
                    self._sent.put_nowait(data)
                if message.get("more_body", False):
                    # An endless stream lets the test that reads it run.
                    await asyncio.sleep(0)
                elif not self._has_trailers:
                    self._end()
            case "http.response.trailers":
                self.trailers = decode_headers(message["headers"])
                self._end()
            case "http.response.push":
                self.push_promises.append((message["path"], decode_headers(message["headers"])))
            case "http.response.early_hint":
                self.early_hints += [link.decode("latin-1") for link in message["links"]]
            case other:
                raise RuntimeError(f"The application sent {other!r} in answer to a request.")

    def _end(self) -> None:
        self._complete = True
        self._sent.put_nowait(None)
        self._events.put_nowait({"type": "http.disconnect"})


class TestWebsocketConnection(_TestConnection[str | bytes]):
    """A websocket through which a test sends and receives messages::

        async with client.websocket("/ws") as websocket:
            await websocket.send("hello")
            assert "hello" == await websocket.receive()

    The end of the block closes it, with code 1000 unless `close` or `disconnect` was called.
    """

    def __init__(self, app: Quart, scope: WebsocketScope) -> None:
        super().__init__(app, scope)
        self.accepted = False
        #: The subprotocol that the application chose.
        self.subprotocol: str | None = None
        self._end: WebsocketDisconnectError | WebsocketResponseError | None = None
        self._end_is_known = False

    async def __aenter__(self) -> Self:
        self._events.put_nowait({"type": "websocket.connect"})
        return await super().__aenter__()

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc_value: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        await super().__aexit__(exc_type, exc_value, tb)
        end = self._end
        if isinstance(end, WebsocketResponseError) and exc_value is None and not self._end_is_known:
            raise end

    async def receive(self) -> str | bytes:
        """Wait for the next message.

        Raises WebsocketDisconnectError if the websocket is closed, WebsocketResponseError if the
        application rejected it with a response, and errors of the application.
        """
        data = await self._next()
        if data is None:
            # If an error made the application close, that error is more helpful.
            assert self._task is not None
            await asyncio.wait([self._task], timeout=_LAST_WORDS)
            self._raise_error()
            self._end_is_known = True
            raise self._end or WebsocketDisconnectError(1006)
        return data

    async def receive_json(self) -> Any:
        """Wait for the next message and parse it as JSON."""
        return loads(await self.receive())

    async def send(self, data: str | bytes) -> None:
        """Send a message. If nobody reads it any more, `receive` raises an error."""
        key = "text" if isinstance(data, str) else "bytes"
        self._events.put_nowait({"type": "websocket.receive", key: data})

    async def send_json(self, data: object) -> None:
        """Send a value as JSON."""
        await self.send(dumps(data))

    async def close(self, code: int = 1000, reason: str = "") -> None:
        """Close as a client does, with a close frame."""
        self._disconnect(code, reason)

    async def disconnect(self) -> None:
        """Disconnect without a close frame, as if the network failed: code 1006."""
        self._disconnect(1006, "")

    def _disconnect(self, code: int, reason: str) -> None:
        if self._end is None:
            self._end = WebsocketDisconnectError(code, reason)
            self._events.put_nowait(
                {"type": "websocket.disconnect", "code": code, "reason": reason}
            )
            self._sent.put_nowait(None)

    def _seconds_to_end(self) -> float | None:
        seconds: float = self.app.config["WEBSOCKET_CLOSE_TIMEOUT"]
        return seconds + CANCEL_TIMEOUT

    def _leave(self) -> None:
        self._disconnect(1000, "")

    async def _send(self, message: ASGISendEvent) -> None:
        match message["type"]:
            case "websocket.accept":
                self.accepted = True
                self.subprotocol = message.get("subprotocol")
                self._take_headers(message)
            case "websocket.send":
                text = message.get("text")
                self._sent.put_nowait(message["bytes"] if text is None else text)
                await asyncio.sleep(0)  # a flood of messages lets the test that reads it run
            case "websocket.close":
                self._disconnect(message.get("code", 1000), message.get("reason") or "")
            case "websocket.http.response.start":
                self.status_code = message["status"]
                self._take_headers(message)
            case "websocket.http.response.body":
                self.response_data += message.get("body", b"")
                if not message.get("more_body", False):
                    self._end = WebsocketResponseError(self._make_response())
                    self._sent.put_nowait(None)
            case other:
                raise RuntimeError(f"The application sent {other!r} to a websocket.")
