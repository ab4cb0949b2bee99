"""One ASGI driver for every test: it runs an application and checks each message it sends.

::

    response = await get(app, "/hello?name=x", headers={"cookie": "a=b"})
    assert 200 == response.status

    async with stream(app, "POST", "/upload") as http:
        http.body(b"first", more=True)
        http.disconnect()

    async with connect(app, "/ws") as ws:
        ws.send("hello")
        assert "hello" == await ws.receive()

    async with lifespan(app) as state:
        ...

What the client does is instant, so these are plain methods; what it waits for is awaited, twenty
seconds at the most. Each of these functions takes, beside its own arguments, those of
`http_scope` or `websocket_scope`, and these:

- ``raises``: the class of the exception that has to leave the application;
- ``aborts=True``: the application has to end without completing its answer;
- ``leaves_tasks=True``: the application may leave tasks that run on;
- ``suspends=True``: each `receive` and `send` gives the event loop a turn first;
- ``outlives=True``: a `receive` that was cancelled returns an event that is there, or comes at
  once, all the same (as under `asyncio.wait_for` on Python 3.11).

At the end of a connection AssertionError is raised if the application sent a message against the
specification (`asgi_rules.py`; even if it caught the error it got at once), let two tasks wait in
`receive` together, read on after ``websocket.disconnect``, did not return, raised, ended without
an answer or left a task behind.
"""

import asyncio
import contextlib
import contextvars
import json as jsonlib
import weakref
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, NoReturn, Self
from urllib.parse import urlencode

from asgi_rules import (
    Message,
    Rules,
    Scope,
    http_scope,
    lifespan_scope,
    merge_headers,
    websocket_scope,
)
from werkzeug.datastructures import Headers

__all__ = [
    "HTTP",
    "Application",
    "ClientGone",
    "Closed",
    "Lifespan",
    "LifespanFailed",
    "Rejected",
    "Response",
    "Websocket",
    "connect",
    "get",
    "http_scope",
    "lifespan",
    "lifespan_scope",
    "post",
    "request",
    "settle",
    "stream",
    "websocket_scope",
]

Application = Callable[
    [Scope, Callable[[], Awaitable[Message]], Callable[[Message], Awaitable[None]]],
    Awaitable[None],
]

TIMEOUT = 20.0  # seconds; nothing in a test takes as long, on a busy machine, unless it hangs


class ClientGone(OSError):
    """What `send` raises after a disconnect, from version 2.4 of the specification on."""


class LifespanFailed(Exception):
    """The application answered that its startup or shutdown failed."""


@dataclass(frozen=True)
class Response:
    """What a client has got: the status, the headers, the body and all messages behind them.

    The status is 0 where the application ended before it sent one.
    """

    status: int
    headers: Headers
    body: bytes = b""
    chunks: list[bytes] = field(default_factory=list)
    messages: list[Message] = field(default_factory=list)

    @property
    def text(self) -> str:
        return self.body.decode()

    @property
    def json(self) -> Any:
        return jsonlib.loads(self.body)

    @property
    def trailers(self) -> Headers:
        return _headers(*self._of_type("http.response.trailers"))

    @property
    def pushes(self) -> list[str]:
        """The paths of the promised responses."""
        return [message["path"] for message in self._of_type("http.response.push")]

    @property
    def early_hints(self) -> list[bytes]:
        """The links that arrived ahead of the response."""
        hints = self._of_type("http.response.early_hint")
        return [link for message in hints for link in message["links"]]

    def _of_type(self, name: str) -> list[Message]:
        return [message for message in self.messages if message["type"] == name]


class Rejected(Exception):
    """The application refused the handshake; a plain close counts as an empty 403."""

    def __init__(self, response: Response) -> None:
        super().__init__(f"the handshake was refused with {response.status}")
        self.response = response


class Closed(Exception):
    """The application has closed the websocket."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(f"the application closed the websocket: {code} {reason!r}")
        self.code = code
        self.reason = reason


# --- any connection -------------------------------------------------------------------------

_current: contextvars.ContextVar["Connection"] = contextvars.ContextVar("connection")


class Connection:
    """Runs the application in a task of its own, hands it events and keeps what it sends.

    ``messages`` holds what reached the client, ``received`` counts the events that the
    application has pulled.
    """

    def __init__(
        self,
        app: Application,
        scope: Scope,
        *,
        raises: type[BaseException] | None = None,
        aborts: bool = False,
        leaves_tasks: bool = False,
        suspends: bool = False,
        outlives: bool = False,
    ) -> None:
        self.app = app
        self.scope = scope
        self.raises = raises
        self.aborts = aborts
        self.leaves_tasks = leaves_tasks
        self.suspends = suspends
        self.outlives = outlives
        self.messages: list[Message] = []
        self.chunks: list[bytes] = []  # the content of each of them
        self.received = 0
        self.gone = False  # whether the client has left
        self.rules = Rules(scope)
        self.tasks: weakref.WeakSet[asyncio.Task[Any]] = weakref.WeakSet()
        self._events: deque[Message] = deque()
        self._unread: deque[tuple[Message, bytes]] = deque()
        self._changed = asyncio.Event()
        self._paused = False
        self._told = False  # whether the application knows that the websocket has gone
        self._receiving = False
        self._cancelled = False
        self._violations: list[AssertionError] = []

    # - the client's side

    def feed(self, *events: Message) -> None:
        """Offer *events* to the application, in this order, whether or not they make sense."""
        for event in events:
            self._events.append(event)
            self.gone = self.gone or event["type"].endswith(".disconnect")
        self._changed.set()

    def pause(self) -> None:
        """Stop reading: from now on the application's `send` waits."""
        self._paused = True

    def resume(self) -> None:
        """Read on."""
        self._paused = False
        self._changed.set()

    def disconnect(self) -> None:
        """Leave, which a client does by itself at the end of the block."""

    async def cancel(self) -> None:
        """Cancel the application as a server does that gives it up; judge how it ended."""
        self._cancelled = True
        self._task.cancel()
        await self.finish()

    def cancelled(self) -> bool:
        """Whether the application has let a cancellation of the server's pass."""
        return self._task.cancelled()

    async def finish(self) -> None:
        """Wait until the application has returned, and judge all it did."""
        await asyncio.wait({self._task}, timeout=TIMEOUT)
        hangs = not self._task.done()
        if hangs:
            self._task.cancel()
            await asyncio.wait({self._task}, timeout=TIMEOUT)
        await settle(3)  # for tasks that were cancelled just now
        self._judge(hangs)

    # - the application's side

    async def _receive(self) -> Message:
        if self._receiving:
            self._object("two tasks of the application wait in receive()")
        if self._told:
            self._object("the application reads on after websocket.disconnect")
        self._receiving = True
        try:
            if self.suspends:
                await asyncio.sleep(0)
            while not self._events and not self.rules.ended:
                await self._change()
        except asyncio.CancelledError:
            if not self.outlives or not await self._outlive():
                raise
        finally:
            self._receiving = False
        event = self._events.popleft() if self._events else self._last_event()
        self.rules.note(event)
        self.received += 1
        self._told = event["type"] == "websocket.disconnect"
        return event

    async def _outlive(self) -> bool:
        """Whether an event is there, or comes within a few turns."""
        for _ in range(3):
            if self._events or self.rules.ended:
                return True
            await asyncio.sleep(0)
        return False

    async def _send(self, message: Message) -> None:
        try:
            content = self.rules.check(message)
        except AssertionError as error:
            self._violations.append(error)
            raise
        if self.suspends:
            await asyncio.sleep(0)
        while self._paused and not self.gone:
            await self._change()
        if not self.gone:
            self.messages.append(message)
            self.chunks.append(content)
            self._unread.append((message, content))
            self._changed.set()
        elif self.rules.spec_version >= "2.4":
            raise ClientGone("the client has disconnected")

    def _last_event(self) -> Message:
        """What the application gets when it reads on after the end."""
        raise NotImplementedError

    # - the referee

    def _object(self, violation: str) -> NoReturn:
        self._violations.append(AssertionError(violation))
        raise self._violations[-1]

    def _judge(self, hangs: bool) -> None:
        left = [task for task in self.tasks if not task.done()]
        for task in left:
            if not self.leaves_tasks:
                task.cancel()
        # Asked for first: an error that nobody asked for is logged whenever the garbage
        # collector finds its task, which may be in this test or in the next.
        error = _outcome(self._task) if self._task.done() else None
        if self._violations:
            raise self._violations[0]
        assert not hangs, self._tell(f"the application did not end within {TIMEOUT} seconds")
        if self.raises is not None:
            assert isinstance(error, self.raises), self._tell(
                f"{self.raises.__name__} should have left the application, not {error!r}"
            )
        elif error is not None and not (self._cancelled and self._task.cancelled()):
            raise AssertionError(self._tell(f"{error!r} left the application")) from error
        if self.aborts:
            assert not self.rules.ended, self._tell("the application completed its answer")
        elif error is None and not self.gone and not self._cancelled:
            assert self.rules.ended or (self.received and not self.rules.asked), self._tell(
                "the application ended without its full answer"
            )
        assert self.leaves_tasks or not left, self._tell(f"tasks were left behind: {left}")

    def _tell(self, verdict: str) -> str:
        messages = "".join(f"\n  {message!r}" for message in self.messages)
        return f"{verdict}\n{self.received} events received, sent:{messages or ' nothing'}"

    # - the machinery

    async def __aenter__(self) -> Self:
        loop = asyncio.get_running_loop()
        loop.set_task_factory(_create_task)
        context = contextvars.copy_context()
        context.run(_current.set, self)
        self._task = loop.create_task(self._run(), context=context)
        self._task.add_done_callback(lambda _: self._changed.set())
        self.tasks.discard(self._task)
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if exc is None:
            await settle()
            if not self._task.done() and not self.rules.ended:
                self.disconnect()
            await self.finish()
        else:  # the test's own error matters more than how the application takes its end
            self._task.cancel()
            await asyncio.wait({self._task}, timeout=TIMEOUT)
            if self._task.done():
                _outcome(self._task)
            violations = "".join(f"\n{violation}" for violation in self._violations)
            exc.add_note(self._tell(f"At the end of the connection:{violations}"))

    async def _run(self) -> None:
        await self.app(self.scope, self._receive, self._send)

    async def _change(self) -> None:
        self._changed.clear()
        await self._changed.wait()

    async def _next(self, *types: str) -> tuple[Message, bytes]:
        """Return the next message of one of *types* and its content; others are passed over.

        Where the application has ended before: its judgement, and an empty message at best.
        """
        try:
            async with asyncio.timeout(TIMEOUT):
                while self._unread or not self._task.done():
                    if not self._unread:
                        await self._change()
                    elif self._unread[0][0]["type"] in types:
                        return self._unread.popleft()
                    else:
                        self._unread.popleft()
        except TimeoutError:
            raise AssertionError(self._tell(f"no {types} within {TIMEOUT} seconds")) from None
        await self.finish()
        return {"type": None}, b""


def _create_task(
    loop: asyncio.AbstractEventLoop, coroutine: Any, **options: Any
) -> asyncio.Task[Any]:
    """Create a task as usual, and note it on the connection it belongs to."""
    task = asyncio.Task(coroutine, loop=loop, **options)
    context = options.get("context") or contextvars.copy_context()
    if _current in context:
        context[_current].tasks.add(task)
    return task


def _outcome(task: asyncio.Task[Any]) -> BaseException | None:
    return asyncio.CancelledError() if task.cancelled() else task.exception()


async def settle(turns: int = 25) -> None:
    """Let all that can run without waiting for time, threads or sockets run."""
    for _ in range(turns):
        await asyncio.sleep(0)


# --- requests -------------------------------------------------------------------------------


class HTTP(Connection):
    """One request."""

    def body(self, data: bytes = b"", *, more: bool = False) -> None:
        """Send a piece of the request's body, the last one unless *more*."""
        self.feed({"type": "http.request", "body": data, "more_body": more})

    def disconnect(self) -> None:
        self.feed({"type": "http.disconnect"})

    async def start(self) -> Response:
        """Wait for the status and the headers."""
        message, _ = await self._next("http.response.start")
        assert message["type"], self._tell("the application ended without a response")
        return self._so_far()

    async def chunk(self) -> bytes:
        """Wait for the next bytes of the body; empty bytes tell its end."""
        content, more = b"", True
        while more and not content:
            message, content = await self._next(*_CONTENT)
            more = message.get("more_body", False)
        return content

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while content := await self.chunk():
            yield content

    async def response(self) -> Response:
        """Wait until the application has returned, and return all it sent."""
        await self.finish()
        return self._so_far()

    def _so_far(self) -> Response:
        return _response("http.response.start", self.messages, self.chunks)

    def _last_event(self) -> Message:
        return {"type": "http.disconnect"}


_CONTENT = ("http.response.body", "http.response.pathsend", "http.response.zerocopysend")


async def get(app: Application, target: str = "/", **options: Any) -> Response:
    """Ask for *target* and return the whole response."""
    return await request(app, "GET", target, **options)


async def post(app: Application, target: str = "/", **options: Any) -> Response:
    """Send ``body``, ``json`` or ``form`` to *target* and return the whole response."""
    return await request(app, "POST", target, **options)


async def request(
    app: Application,
    method: str,
    target: str = "/",
    *,
    body: bytes | Iterable[bytes] = b"",
    json: Any = None,
    form: Any = None,
    headers: Any = (),
    **options: Any,
) -> Response:
    """Make a request and return the whole response.

    An iterable body is sent in pieces without a content-length.
    """
    described: dict[bytes, bytes] = {}
    if json is not None:
        body = jsonlib.dumps(json).encode()
        described[b"content-type"] = b"application/json"
    elif form is not None:
        body = urlencode(form, doseq=True).encode()
        described[b"content-type"] = b"application/x-www-form-urlencoded"
    if isinstance(body, bytes) and body:
        described[b"content-length"] = str(len(body)).encode()
    headers = merge_headers(described, headers)
    async with stream(app, method, target, headers=headers, **options) as http:
        pieces = [body] if isinstance(body, bytes) else list(body)
        for piece in pieces[:-1]:
            http.body(piece, more=True)
        http.body(pieces[-1])
        return await http.response()


def stream(app: Application, method: str = "GET", target: str = "/", **options: Any) -> HTTP:
    """Open a request whose events the test gives: ``async with stream(...) as http``."""
    own, scope_options = _split(options)
    return HTTP(app, http_scope(method, target, **scope_options), **own)


# --- websockets -----------------------------------------------------------------------------


class Websocket(Connection):
    """One websocket."""

    async def accepted(self) -> Message:
        """Wait until the application accepts, and return the message by which it does.

        Raises `Rejected` when it refuses.
        """
        message, _ = await self._next(
            "websocket.accept", "websocket.close", "websocket.http.response.start"
        )
        if message["type"] != "websocket.accept":
            await self.finish()
            raise Rejected(self._rejection())
        return message

    async def receive(self) -> str | bytes:
        """Wait for the next message; raises `Closed` when there is none."""
        message, _ = await self._next("websocket.send", "websocket.close")
        if message["type"] != "websocket.send":
            raise Closed(*_close_of(message))
        text = message.get("text")
        return message["bytes"] if text is None else text

    async def receive_text(self) -> str:
        message = await self.receive()
        assert isinstance(message, str), f"not text: {message!r}"
        return message

    async def receive_bytes(self) -> bytes:
        message = await self.receive()
        assert isinstance(message, bytes), f"not bytes: {message!r}"
        return message

    async def receive_json(self) -> Any:
        return jsonlib.loads(await self.receive_text())

    async def __aiter__(self) -> AsyncIterator[str | bytes]:
        with contextlib.suppress(Closed):
            while True:
                yield await self.receive()

    async def closed(self) -> tuple[int, str]:
        """Wait until the application closes, and return the code and the reason."""
        message, _ = await self._next("websocket.close")
        return _close_of(message)

    def send(self, data: str | bytes) -> None:
        key = "text" if isinstance(data, str) else "bytes"
        self.feed({"type": "websocket.receive", key: data})

    def send_json(self, value: Any) -> None:
        self.send(jsonlib.dumps(value))

    def disconnect(self, code: int = 1000, reason: str = "") -> None:
        """Leave: with a close frame, or for 1006 without."""
        self.feed(self._disconnect_event(code, reason))

    def _disconnect_event(self, code: int, reason: str) -> Message:
        event = {"type": "websocket.disconnect", "code": code}
        return event | {"reason": reason} if self.rules.spec_version >= "2.3" else event

    def _rejection(self) -> Response:
        if any(message["type"] == "websocket.close" for message in self.messages):
            return Response(403, Headers(), messages=self.messages)
        return _response("websocket.http.response.start", self.messages, self.chunks)

    def _last_event(self) -> Message:
        last = self.messages[-1] if self.messages else {"type": None}
        was_open = last["type"] == "websocket.close" and len(self.messages) > 1
        return self._disconnect_event(*(_close_of(last) if was_open else (1006, "")))


def _close_of(message: Message) -> tuple[int, str]:
    if message["type"] is None:
        return 1006, ""
    return message.get("code", 1000), message.get("reason") or ""


@contextlib.asynccontextmanager
async def connect(app: Application, target: str = "/", **options: Any) -> AsyncIterator[Websocket]:
    """Open a websocket; raises `Rejected` where the application refuses it.

    Leaving the block closes it as a browser does. For other orders of events than these, use
    ``async with Websocket(app, websocket_scope(...)) as ws`` and `Connection.feed`.
    """
    own, scope_options = _split(options)
    async with Websocket(app, websocket_scope(target, **scope_options), **own) as ws:
        ws.feed({"type": "websocket.connect"})
        await ws.accepted()
        yield ws


# --- the process ----------------------------------------------------------------------------


class Lifespan(Connection):
    """The life of one process."""

    async def startup(self) -> None:
        """Raises `LifespanFailed` with the application's reason."""
        await self._ask("lifespan.startup")

    async def shutdown(self) -> None:
        """Raises `LifespanFailed` with the application's reason."""
        await self._ask("lifespan.shutdown")
        await self.finish()

    async def _ask(self, event: str) -> None:
        self.feed({"type": event})
        message, _ = await self._next(f"{event}.complete", f"{event}.failed")
        assert message["type"], self._tell(f"{event} was not answered")
        if message["type"].endswith(".failed"):
            await self.finish()
            raise LifespanFailed(message.get("message", ""))

    def _last_event(self) -> Message:
        self._object("the application reads on after the end of its lifespan")


@contextlib.asynccontextmanager
async def lifespan(app: Application, **options: Any) -> AsyncIterator[dict[str, Any]]:
    """Start the application, yield its state for the scopes of requests, and shut it down."""
    own, scope_options = _split(options)
    async with Lifespan(app, lifespan_scope(**scope_options), **own) as process:
        await process.startup()
        yield process.scope.get("state", {})
        await process.shutdown()


# --- helpers --------------------------------------------------------------------------------


def _split(options: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    own = {"raises", "aborts", "leaves_tasks", "suspends", "outlives"} & options.keys()
    return {key: options.pop(key) for key in own}, options


def _response(start: str, messages: list[Message], chunks: list[bytes]) -> Response:
    first = next((message for message in messages if message["type"] == start), {})
    content = [chunk for chunk in chunks if chunk]
    return Response(
        first.get("status", 0), _headers(first), b"".join(content), content, list(messages)
    )


def _headers(*messages: Message) -> Headers:
    pairs = [pair for message in messages for pair in message.get("headers", ())]
    return Headers([(name.decode("latin-1"), value.decode("latin-1")) for name, value in pairs])
