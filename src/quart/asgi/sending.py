"""`Answer`: sends a response that is not just a few bytes, and records what has been sent."""

from __future__ import annotations

import asyncio
from enum import Enum
from time import monotonic
from types import EllipsisType
from typing import TYPE_CHECKING

from ..headers import encode_header_items
from ..wrappers import ClientDisconnectedError, Response
from ..wrappers.response_body import FileBody, SizedBody
from .messages import Draft, is_event_stream, offers
from .work import Reason

if TYPE_CHECKING:
    from .http import ASGIHTTPConnection

# Statuses whose responses have no body (RFC 9110, section 6.4.1).
BODILESS = frozenset({*range(100, 200), 204, 304})

# After this many pieces of a stream, if they took this many seconds, other tasks get a turn.
_TURNS = 32
_TURN = 0.005


class ResponseTimeoutError(Exception):
    """The response took longer than its timeout and was cut off, so that the client notices."""


class Sent(Enum):
    """What has been sent of a response, or of the answer to a websocket."""

    NOTHING = "nothing: another answer may take its place"
    BEGUN = "the start, and perhaps more"
    ALL = "the last message is out, or on its way"


class Manner(Enum):
    """How a response ends."""

    PLAIN = "by itself"
    ENDLESS = "perhaps never: a shutdown cuts it off"
    EVENTS = "perhaps never: a stream of events, which a shutdown ends cleanly"


NOTHING, BEGUN, ALL = Sent
PLAIN, ENDLESS, EVENTS = Manner

#: The states that may follow each state.
MOVES: dict[Sent, set[Sent]] = {NOTHING: {BEGUN, ALL}, BEGUN: {ALL}, ALL: set()}


class NoAnswer:
    """Stands in for an Answer: before there is one, after it, or if none was needed."""

    manner = PLAIN
    timeout: float | EllipsisType | None = ...

    def __init__(self, sent: Sent) -> None:
        self.sent = sent


#: No response has been made yet.
UNANSWERED = NoAnswer(NOTHING)
#: A small response, handed to the server at once.
WHOLE = NoAnswer(ALL)


class Answer:
    """A response being sent: a stream, a file, a long body in memory, or one with trailers."""

    __slots__ = ("_http", "_response", "_start", "manner", "sent")

    def __init__(self, http: ASGIHTTPConnection, response: Response, start: Draft) -> None:
        self.sent = NOTHING
        self.manner = PLAIN
        self._http = http
        self._response = response
        self._start = start

    @property
    def timeout(self) -> float | EllipsisType | None:
        """Seconds that sending may take. None: no limit; `...`: RESPONSE_TIMEOUT."""
        return self._response.timeout

    async def send(self) -> None:
        """Send the response. Raises ClientDisconnectedError if the client has disconnected."""
        http, response = self._http, self._response
        if response.status_code in BODILESS or http.scope["method"] == "HEAD":
            await self._send_whole(b"")
            return
        trailers = response.trailers if offers(http.scope, "http.response.trailers") else None
        if trailers is not None:
            try:
                encode_header_items(trailers)  # check those that are set already
                self._start["trailers"] = True
            except ValueError as error:
                trailers = None
                await self._replace(error)
        await self._send_body()
        if trailers is not None:
            items = encode_header_items(trailers)
            await http._send_message({"type": "http.response.trailers", "headers": items})

    async def _send_whole(self, data: bytes) -> None:
        self.sent = ALL
        await self._http._send_message(self._start)
        await self._http._send_message({"type": "http.response.body", "body": data})

    async def _send_body(self) -> None:
        response = self._response
        if response._data is not None and self._http.task is None:
            await self._send_whole(response._data)
            return
        events = is_event_stream(self._start["headers"])
        if events or (response.timeout is None and response._data is None):
            self.manner = EVENTS if events else ENDLESS
            if self._http.app._in_flight.shutting_down:
                self._http.shut_down()  # the process is ending already
        body = response.response
        if not (isinstance(body, SizedBody) and await self._send_by_server(body)):
            await self._send_pieces()

    async def _send_pieces(self, late: bool = False) -> None:
        """Send the body piece by piece. `late`: this response already answers an error."""
        http, response = self._http, self._response
        send, client = http._send, http.client
        begun, untimed, turn = self.sent is BEGUN, _TURNS, monotonic()
        try:
            async with response.response as pieces:
                async for data in pieces:
                    # An error before the first piece can still be answered with a 500.
                    if not begun:
                        self.sent, begun = BEGUN, True
                        await http._send_message(self._start)
                    elif http.client.error is not None:
                        raise http.client.error
                    if type(data) is not bytes:
                        data = data.encode() if isinstance(data, str) else _as_bytes(data)
                    # PERF: this does what `_send_message` does, without its frames.
                    try:
                        await send({"type": "http.response.body", "body": data, "more_body": True})
                    except ClientDisconnectedError:
                        raise
                    except OSError as error:
                        raise ClientDisconnectedError() from error
                    untimed -= 1
                    if not untimed:
                        untimed = _TURNS
                        if monotonic() - turn > _TURN:
                            await client.give_turn()
                            turn = monotonic()
        except asyncio.CancelledError as error:
            if not self._ends_well():
                _tell_context(response, error)
                raise
        except Exception as error:
            _tell_context(response, error)
            if self.sent is BEGUN or late or isinstance(error, ClientDisconnectedError):
                raise
            await self._replace(error)
            await self._send_pieces(late=True)
            return
        self.sent = ALL
        if not begun:
            await http._send_message(self._start)
        await http._send_message({"type": "http.response.body", "body": b""})

    def _ends_well(self) -> bool:
        """Whether a shutdown cancelled a stream of events, which then ends without an error."""
        work = self._http.work
        return (
            self.manner is EVENTS
            and work is not None
            and work.reason is Reason.SHUTDOWN
            and not work.cancelled_by_others
        )

    async def _send_by_server(self, body: SizedBody) -> bool:
        """Let the server send a file itself, if it can. Return False if it is left to us."""
        http = self._http
        if (
            isinstance(body, FileBody)
            and offers(http.scope, "http.response.pathsend")
            and not self._response._on_close  # it may delete the file, which Granian opens later
            and await body.is_whole()
        ):
            self.sent = BEGUN
            await http._send_message(self._start)
            self.sent = ALL
            path = str(body.file_path.absolute())
            await http._send_message({"type": "http.response.pathsend", "path": path})
            return True
        if offers(http.scope, "http.response.zerocopysend"):
            async with body.descriptor() as descriptor:
                if descriptor is not None:
                    self.sent = BEGUN
                    await http._send_message(self._start)
                    self.sent = ALL
                    await http._send_message(
                        {
                            "type": "http.response.zerocopysend",
                            "file": descriptor,
                            "offset": body.begin,
                            "count": body.end - body.begin,
                        }
                    )
                    return True
        return False

    async def _replace(self, error: Exception) -> None:
        """Answer an error that was found before anything was sent."""
        response = await self._http._late_response(self._response, error)
        self._response = response
        self._start.update(status=response.status_code, headers=response.header_items())


def _as_bytes(data: bytes | bytearray | memoryview) -> bytes:
    """Return a piece as bytes. The server refuses what is not a piece at all."""
    return bytes(data) if isinstance(data, (bytearray, memoryview)) else data


def _tell_context(response: Response, error: BaseException) -> None:
    """If a context waits for this body, let its teardown functions know that the body failed."""
    ctx = response._context
    if ctx is not None and ctx.held:
        ctx.failed = error
