"""`Websocket`: the object that a websocket view works with.

It handles messages as str and bytes; the ASGI messages that carry them belong to asgi.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from functools import cached_property
from json import JSONDecodeError
from typing import TYPE_CHECKING, Any

from werkzeug.exceptions import BadRequest

from ..json.long import LONG_JSON, loads_off_loop
from .base import BaseRequestWebsocket, ClientDisconnectedError

if TYPE_CHECKING:
    from werkzeug.datastructures import Headers

    from ..typing import HeadersValue


class Buffer:
    """The messages of a websocket whose connection pushes them.

    Here, whoever wants a message reads it from the connection. The connection of a subclass may
    push messages instead, for example because it runs on another event loop than asyncio's.
    """

    def __init__(self) -> None:
        self._queue: asyncio.Queue[str | bytes | None] = asyncio.Queue()

    async def put(self, data: str | bytes) -> None:
        """Add a message that has arrived."""
        await self._queue.put(data)

    async def get(self) -> str | bytes:
        """Return the next message. Raises ClientDisconnectedError if there will be none."""
        data = await self._queue.get()
        if data is None:
            self.disconnect()  # so that the next reader wakes up, too
            raise ClientDisconnectedError()
        return data

    def disconnect(self) -> None:
        """Note that the client has disconnected."""
        self._queue.put_nowait(None)


class BadMessage(BadRequest, JSONDecodeError):
    """Raised for a message that is not JSON. Code for 0.22 catches the error of the parser."""

    response = None

    def __init__(self, error: Exception) -> None:
        at = error if isinstance(error, JSONDecodeError) else JSONDecodeError(str(error), "", 0)
        JSONDecodeError.__init__(self, at.msg, at.doc, at.pos)  # BadRequest's would call it bare
        self.description = f"The message is not JSON: {error}"


class Websocket(BaseRequestWebsocket):
    """One websocket connection, from its handshake to its close.

    The constructor's `receive`, `send`, `accept` and `close` are functions of the connection. The
    first `receive` or `send` accepts the handshake; a view calls `accept` to choose headers or a
    subprotocol. `async for message in websocket` gives each message (str or bytes) until the
    client disconnects.
    """

    buffer_class = Buffer

    #: Whether a message was not JSON. If no handler answers that, the close code is 1007.
    _bad_json = False
    #: True while an iteration waits for a message: a disconnect ends it without cancelling it.
    _iterating = False

    def __init__(
        self,
        path: str,
        query_string: bytes,
        scheme: str,
        headers: Headers,
        root_path: str,
        http_version: str,
        subprotocols: list[str],
        receive: Callable[[], Awaitable[str | bytes]],
        send: Callable[[str | bytes], Awaitable[None]],
        accept: Callable[[HeadersValue | None, str | None], Awaitable[None]],
        close: Callable[[int, str], Awaitable[None]],
        scope: Any,
    ) -> None:
        super().__init__("GET", scheme, path, query_string, headers, root_path, http_version, scope)
        self._subprotocols = subprotocols
        self._receive = receive
        self._send = send
        self._accept = accept
        self._close = close
        self.accepted = False
        self._closed_here = False
        #: The code (int) and reason (str) with which either side closed the connection.
        self.close_code: int | None = None
        self.close_reason: str | None = None

    @cached_property
    def buffer(self) -> Buffer:
        """The buffer into which a connection that pushes puts the messages."""
        return self.buffer_class()

    @property
    def requested_subprotocols(self) -> list[str]:
        """The subprotocols that the client offers, preferred ones first (RFC 6455, section 1.9)."""
        return self._subprotocols

    @property
    def closed(self) -> bool:
        """Whether either side has closed the connection."""
        return self.close_code is not None

    async def accept(
        self, headers: HeadersValue | None = None, subprotocol: str | None = None
    ) -> None:
        """Accept the handshake. Later calls do nothing.

        `headers` are added to the handshake's response; `subprotocol` should be one of
        `requested_subprotocols`.
        """
        if not self.accepted:
            self._raise_if_closed("accept")
            self.accepted = True
            try:
                await self._accept(headers, subprotocol)
            except (TypeError, ValueError):  # an invalid header: nothing was sent
                self.accepted = False
                raise

    async def receive(self) -> str | bytes:
        """Receive the next message: str for a text frame, bytes for a binary one.

        Raises ClientDisconnectedError, with the close code, if the client has disconnected.
        """
        if not self.accepted:
            await self.accept()
        return await self._receive()

    async def send(self, data: str | bytes | bytearray | memoryview) -> None:
        """Send one message: a text frame for str, a binary one for bytes.

        Raises ClientDisconnectedError if the client has disconnected, RuntimeError after `close`,
        and TypeError for anything but str and bytes.
        """
        if not isinstance(data, _DATA):
            if not isinstance(data, (bytearray, memoryview)):
                raise TypeError(
                    f"websocket.send takes str or bytes, not {type(data).__name__};"
                    " see websocket.send_json for other values."
                )
            data = bytes(data)
        if not self.accepted:
            await self.accept()
        if self._closed_here:
            self._raise_if_closed("send")
        try:  # the connection may return the awaitable of the server, which knows only OSError
            await self._send(data)
        except ClientDisconnectedError:
            raise
        except OSError as error:
            raise ClientDisconnectedError() from error

    async def receive_json(self) -> Any:
        """Receive the next message and decode it as JSON.

        Raises an error that is a BadRequest and a JSONDecodeError if it is not JSON; if that is not
        handled, the websocket closes with 1007.
        Raises RequestEntityTooLarge if it has more than 1,048,576 arrays and objects.
        """
        data = await self.receive()
        try:
            if len(data) < LONG_JSON:
                return self.json_module.loads(data)
            raw = data.encode() if isinstance(data, str) else data
            return await loads_off_loop(self.json_module, raw, len(raw))
        except (ValueError, RecursionError) as error:
            self._bad_json = True
            return self.on_json_loading_failed(error)

    async def send_json(self, *args: object, **kwargs: object) -> None:
        """Send the arguments, in the form that `jsonify` takes, as one JSON text message."""
        if args and kwargs:
            raise TypeError("send_json takes positional or keyword arguments, not both.")
        value = args[0] if len(args) == 1 else args or kwargs
        await self.send(self.json_module.dumps(value))

    def on_json_loading_failed(self, error: Exception) -> object:
        """Raise BadMessage with the reason. Called for a message that is not JSON."""
        raise BadMessage(error) from error

    async def close(self, code: int = 1000, reason: str = "") -> None:
        """Close the connection, or reject the handshake if it was not accepted yet.

        `code` is a close code (RFC 6455, section 7.4), and `reason` has at most 123 bytes of UTF-8.
        Raises RuntimeError if it was closed here before, and ValueError for a code or reason that
        may not be sent.
        """
        if code not in _CLOSE_CODES and not 3000 <= code <= 4999:
            raise ValueError(f"{code} is not a close code that may be sent (RFC 6455, 7.4).")
        if len(reason.encode()) > 123:
            raise ValueError("A close reason is at most 123 bytes of UTF-8.")
        self._raise_if_closed("close")
        self._closed_here = True
        if self.close_code is None:
            self.close_code, self.close_reason = code, reason
            await self._close(code, reason)

    def __aiter__(self) -> AsyncIterator[str | bytes]:
        return self._iterate()

    async def _iterate(self) -> AsyncIterator[str | bytes]:
        while True:
            self._iterating = True
            try:
                message = await self.receive()
            except ClientDisconnectedError:
                return
            finally:
                self._iterating = False
            yield message

    def _raise_if_closed(self, action: str) -> None:
        if self._closed_here:
            raise RuntimeError(f"The websocket is closed ({self.close_code}): cannot {action}.")


_DATA = (str, bytes)  # PERF: `str | bytes` makes an object each time

# The codes below 3000 that an endpoint may send. 1004 is undefined; 1005, 1006 and 1015 are
# never sent.
_CLOSE_CODES = frozenset({1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014})
