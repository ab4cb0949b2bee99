"""Server-sent events: one event, a response that sends events, and a reader of a stream.

The format is that of the HTML standard (https://html.spec.whatwg.org, section 9.2).
"""

from __future__ import annotations

import asyncio
import codecs
import re
from collections import deque
from collections.abc import (
    AsyncIterable,
    AsyncIterator,
    Awaitable,
    Callable,
    Iterable,
    Mapping,
    Sequence,
)
from types import TracebackType
from typing import Any

from . import json as quart_json
from .globals import _cv_quart
from .wrappers import Response
from .wrappers.response_body import IterableBody

__all__ = ("EventBody", "EventReader", "ServerSentEvent", "sse_response")

# The three line ends of the format; `str.splitlines` splits at others, too.
_LINE_END = re.compile(r"\r\n|\r|\n")
_DIGITS = re.compile(r"[0-9]{1,15}")

# A comment, which clients ignore.
_KEEP_ALIVE = b":\n\n"


class ServerSentEvent:
    """One event of a stream of server-sent events.

    `data` is its text, of any number of lines; `json` is a value to send as JSON instead. `event`
    is the type that listeners in the browser register for, "message" by default. When a client
    reconnects, it sends the last `id` that it has seen in the header `Last-Event-ID`. `retry` is
    the time in milliseconds that clients wait before they reconnect. `comment` is text that clients
    ignore.

    >>> ServerSentEvent("two\\nlines", event="greeting", id="7").encode()
    b'event: greeting\\nid: 7\\ndata: two\\ndata: lines\\n\\n'

    Raises ValueError for anything that would break the stream or never reach a listener: a line
    break in `event` or `id`, NUL in `id`, a negative `retry`, an `event` without data, both kinds
    of data. Raises TypeError for text that is not a str, and for a `retry` that is not an int.
    """

    __slots__ = ("_json", "_text", "comment", "event", "id", "retry")

    def __init__(
        self,
        data: str | None = None,
        *,
        event: str | None = None,
        id: str | None = None,
        retry: int | None = None,
        comment: str | None = None,
        json: object = ...,
    ) -> None:
        for name, value in (("data", data), ("event", event), ("id", id), ("comment", comment)):
            if value is not None and not isinstance(value, str):
                raise TypeError(
                    f"{name!r} of an event must be a str, not {type(value).__name__};"
                    " to send data of another type, pass 'json'."
                )
        if data is not None and json is not ...:
            raise ValueError("An event has either 'data' or 'json'.")
        if event is not None:
            if _LINE_END.search(event):
                raise ValueError(f"The type of an event must be one line, not {event!r}.")
            if data is None and json is ...:
                raise ValueError("Clients drop an event without data: pass data='' if it has none.")
        if id is not None and ("\0" in id or _LINE_END.search(id)):
            raise ValueError(f"The id of an event must be one line without NUL, not {id!r}.")
        if retry is not None:
            if not isinstance(retry, int):
                raise TypeError(f"'retry' must be an int, in milliseconds, not {retry!r}.")
            if retry < 0:
                raise ValueError(f"'retry' must not be negative, but it is {retry}.")
        self._text = data
        self._json = json
        self.event = event
        self.id = id
        self.retry = retry
        self.comment = comment

    @property
    def data(self) -> str | None:
        """The text of the event: as given or received, else `json` as JSON."""
        return self._data(quart_json.dumps)

    @property
    def json(self) -> Any:
        """The value that was given, else the data parsed as JSON; None if there is neither.

        Raises ValueError if the data is not JSON.
        """
        if self._json is not ...:
            return self._json
        return None if self._text is None else quart_json.loads(self._text)

    def encode(self, dumps: Callable[[object], str] = quart_json.dumps) -> bytes:
        """Encode the event in UTF-8, as it is sent; `dumps` turns its `json` into text.

        Raises UnicodeEncodeError for lone surrogates.
        """
        lines = []
        if self.comment is not None:
            lines += [f": {line}" for line in _LINE_END.split(self.comment)]
        if self.event is not None:
            lines.append(f"event: {self.event}")
        if self.id is not None:
            lines.append(f"id: {self.id}")
        if self.retry is not None:
            lines.append(f"retry: {self.retry:d}")
        data = self._data(dumps)
        if data is not None:
            lines += [f"data: {line}" for line in _LINE_END.split(data)]
        return "\n".join([*lines, "", ""]).encode()

    def _data(self, dumps: Callable[[object], str]) -> str | None:
        return self._text if self._json is ... else dumps(self._json)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, ServerSentEvent):
            return NotImplemented
        return self._fields() == other._fields()

    __hash__ = None  # type: ignore[assignment]  # its value may be mutable

    def __repr__(self) -> str:
        fields = self._fields().items()
        given = ", ".join(f"{name}={value!r}" for name, value in fields if value is not None)
        return f"ServerSentEvent({given})"

    def _fields(self) -> dict[str, object]:
        names = ("data", "event", "id", "retry", "comment")
        return {name: getattr(self, name) for name in names}


def sse_response(
    events: AsyncIterable[ServerSentEvent | str | Mapping[str, object] | Sequence[object]]
    | Iterable[ServerSentEvent | str | Mapping[str, object] | Sequence[object]],
    *,
    keep_alive: float | None = 15.0,
) -> Response:
    """Make a response that sends events as they come, for a request of any method::

        @app.get("/clock")
        async def clock():
            async def ticks():
                while True:
                    yield ServerSentEvent(time.ctime(), event="tick")
                    await asyncio.sleep(1)

            return sse_response(ticks())

    A str becomes the data of an event; a dict or list becomes JSON, written by the application's
    provider. A comment is sent at once, so that the client knows that it is connected. Another one
    is sent after `keep_alive` seconds without an event (None: never), so that proxies do not
    consider the connection dead.

    `RESPONSE_TIMEOUT` does not apply. The stream ends with `events`, or when the client disconnects
    or the server shuts down. Then `events`, which runs in a task of its own, is cancelled where it
    waits, and closed. It advances only as fast as the client reads.

    Raises ValueError if `keep_alive` is not positive.
    """
    if keep_alive is not None and keep_alive <= 0:
        raise ValueError(f"'keep_alive' must be a positive number or None, not {keep_alive}.")
    ctx = _cv_quart.get(None)
    dumps = quart_json.dumps if ctx is None else ctx.app.json.dumps
    response_class = Response if ctx is None else ctx.app.response_class
    if ctx is not None and ctx.has_request:
        # An endless stream cannot be left to finish after the client has disconnected.
        ctx.request.cancel_on_disconnect = True
    response: Response = response_class(
        EventBody(events, keep_alive, dumps), content_type="text/event-stream"
    )
    response.headers["Cache-Control"] = "no-cache"
    response.headers["X-Accel-Buffering"] = "no"
    response.timeout = None
    return response


class EventBody(IterableBody):
    """The body of `sse_response`."""

    # One task runs all steps of the iterable, because a timeout, a task group or a context variable
    # that it holds open may belong to a task. It takes a step only when it is asked to.
    _task: asyncio.Task[None] | None = None
    _item: asyncio.Future[object] | None = None
    _closing = False

    def __init__(
        self,
        events: AsyncIterable[object] | Iterable[object],
        keep_alive: float | None,
        dumps: Callable[[object], str],
    ) -> None:
        super().__init__(events)  # type: ignore[arg-type]  # `_encode` turns them into chunks
        self.streamed = True  # because of keep-alives, whatever the events are
        self._keep_alive = keep_alive
        self._dumps = dumps
        self._wanted = asyncio.Event()

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        if self._task is None:
            self._task = asyncio.create_task(self._take_steps())
            return _KEEP_ALIVE
        if self._item is None:
            self._item = asyncio.get_running_loop().create_future()
            self._wanted.set()
        await asyncio.wait(
            (self._item, self._task),
            timeout=self._keep_alive,
            return_when=asyncio.FIRST_COMPLETED,
        )
        if self._item.done():
            item, self._item = self._item.result(), None
            return self._encode(item)
        if self._task.done():
            self._task.result()
            raise StopAsyncIteration
        return _KEEP_ALIVE

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc_value: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        if self._task is not None:
            self._closing = True
            self._task.cancel()
            await asyncio.wait((self._task,))
            if not self._task.cancelled():
                error = self._task.exception()
                if error is not None and error is not exc_value:
                    raise error
        await super().__aexit__(exc_type, exc_value, tb)  # if the task had not started

    async def _take_steps(self) -> None:
        try:
            await self._wanted.wait()
            async for item in self.iter:
                if self._closing:
                    break  # the iterable has ignored its cancellation
                assert self._item is not None
                self._wanted.clear()
                self._item.set_result(item)
                await self._wanted.wait()
        finally:
            await super().__aexit__(None, None, None)

    def _encode(self, item: object) -> bytes:
        if isinstance(item, ServerSentEvent):
            event = item
        elif isinstance(item, str):
            event = ServerSentEvent(item)
        elif isinstance(item, (dict, list)):
            event = ServerSentEvent(json=item)
        else:
            raise TypeError(
                "A stream of events consists of ServerSentEvent, str, dict and list,"
                f" not {type(item).__name__}."
            )
        return event.encode(self._dumps)


class EventReader(AsyncIterator[ServerSentEvent]):
    """The events of a stream, read as a browser reads them.

    `receive` returns the next bytes of the stream, of any length, and b"" at its end. Comments are
    skipped. An event has the `id` and `retry` that came with it, even if it has nothing else. Text
    after the last empty line is not an event.
    """

    def __init__(self, receive: Callable[[], Awaitable[bytes]]) -> None:
        self._receive = receive
        self._decoder = codecs.getincrementaldecoder("utf-8-sig")("replace")
        self._events: deque[ServerSentEvent] = deque()
        self._rest = ""
        self._after_cr = False
        self._data: list[str] = []
        self._fields: dict[str, Any] = {}

    async def __anext__(self) -> ServerSentEvent:
        while not self._events:
            data = await self._receive()
            if not data:
                raise StopAsyncIteration
            self._feed(self._decoder.decode(data))
        return self._events.popleft()

    def _feed(self, text: str) -> None:
        if not text:
            return
        ends_with_cr = text.endswith("\r")
        if self._after_cr:
            text = text.removeprefix("\n")  # the second half of one line end
        self._after_cr = ends_with_cr
        *lines, self._rest = _LINE_END.split(self._rest + text)
        for line in lines:
            if line:
                self._take_field(line)
            else:
                self._dispatch()

    def _take_field(self, line: str) -> None:
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if name == "data":
            self._data.append(value)
        elif name == "event":
            self._fields["event"] = value or None
        elif name == "id" and "\0" not in value:
            self._fields["id"] = value
        elif name == "retry" and _DIGITS.fullmatch(value):
            self._fields["retry"] = int(value)

    def _dispatch(self) -> None:
        if self._data:
            self._fields["data"] = "\n".join(self._data)
        else:
            self._fields.pop("event", None)
        if self._fields:
            self._events.append(ServerSentEvent(**self._fields))
        self._data, self._fields = [], {}
