"""`ASGIHTTPConnection`: makes a Request from the scope, and sends the Response.

It follows ASGI HTTP, spec_version 2.0 to 2.5.
"""

from __future__ import annotations

import asyncio
from asyncio import get_running_loop
from collections.abc import Iterable
from math import inf
from types import EllipsisType
from typing import TYPE_CHECKING

from werkzeug.datastructures import Headers
from werkzeug.exceptions import NotFound, RequestTimeout

from ..headers import ScopeHeaders, check_header_value, encode_headers
from ..helpers import preload
from ..utils import printable
from ..wrappers import ClientDisconnectedError, Request, Response
from ..wrappers.base import clean_path
from .client import QUIET, READER, UNREAD, Client, Pace
from .connection import ASGIConnection, current_task
from .messages import HeaderItems, Receive, Send, offers, split_root_path
from .sending import (
    ALL,
    BODILESS,
    NOTHING,
    PLAIN,
    UNANSWERED,
    WHOLE,
    Answer,
    NoAnswer,
    ResponseTimeoutError,
)
from .work import Limit, Reason, Work

if TYPE_CHECKING:
    from ..wrappers.body import Body

# A body of at most this many bytes is sent in one message, without an `Answer`.
_SMALL = 65_536

# Seconds that the last send may take once the client has disconnected. If that disconnect was only
# the server's sign that the exchange is over, the send does not wait at all.
_LAST_SEND = 0.5

# Makes an object without calling its constructor.
_new = object.__new__


class ASGIHTTPConnection(ASGIConnection[Request]):
    """One HTTP request and its response."""

    answer: Answer | NoAnswer = UNANSWERED
    _limit: Limit | None = None
    _receive: Receive

    async def _serve(self, receive: Receive, loop: asyncio.AbstractEventLoop) -> None:
        self._receive = receive
        self.client = UNREAD
        request = self._create_request_from_scope(self._send)
        self._young = self.app._in_flight.join(self, loop)
        try:
            response = await self.app.handle_request(request)
        except ClientDisconnectedError:
            raise
        except Exception as error:
            response = await self._response_to(error)
        try:
            status = response._status_code
            items = response._encoded  # PERF: encoded already, unless somebody has read the headers
            if items is None or status in BODILESS:
                response, items = await self._with_header_items(response)
                status = response._status_code
            start = {"type": "http.response.start", "status": status, "headers": items}
            data = response._data
            if data is None or len(data) > _SMALL or response.trailers is not None:
                self.answer = Answer(self, response, start)
                self._limit_sending(response.timeout)
                try:
                    await self.answer.send()
                finally:
                    # PERF: drop the Answer, so that it leaves no reference cycle for the garbage
                    # collector.
                    self.answer = NoAnswer(self.answer.sent)
            else:
                self.answer = WHOLE
                if response.timeout is not ... or self.client is not UNREAD:
                    self._limit_sending(response.timeout)
                if self.scope["method"] == "HEAD" or status in BODILESS:
                    data = b""
                send = self._send  # PERF: calling it as `self._send(...)` is slower
                try:
                    await send(start)
                    await send({"type": "http.response.body", "body": data})
                except OSError:
                    pass  # raised by a server whose client has disconnected
        except asyncio.CancelledError:
            if self._limit is not None and self._limit.expired():
                raise self._too_slow(self._limit.seconds) from None
            raise
        finally:
            if response._on_close:
                await self._close_response(response)

    async def _close_response(self, response: Response) -> None:
        """Run the functions of `call_on_close`. Disconnects and timeouts no longer end the task."""
        self.connection._tearing_down = True
        if self._limit is not None:
            self._limit.cancel()
        try:
            await response.close()
        except Exception as error:
            self.app._late_error(self.connection, error)

    def _create_request_from_scope(self, send: Send) -> Request:
        scope = self.scope
        root_path, path, mounted = "", scope["path"], True
        if scope.get("root_path"):
            root_path, path, mounted = split_root_path(scope)
        if path[:1] != "/":
            path = clean_path(path)
        cls = self.app.request_class
        if cls is Request or cls.__init__ is Request.__init__:
            # PERF: the other attributes are read from the scope when they are first used.
            request = _new(cls)
            request.scope = scope
            method = scope["method"]
            # PERF: a method is almost always in upper case, and to ask is faster than to convert.
            request.method = method if method.isupper() else method.upper()
            request.path = path
            request.routing_exception = None
            request._files = None
            if root_path:
                request.root_path = root_path
        else:
            request = cls(
                scope["method"],
                scope.get("scheme", "http"),
                path,
                scope.get("query_string", b""),
                ScopeHeaders.of(scope),
                root_path,
                scope["http_version"],
                scope,
                send_push_promise=self.send_push_promise,
            )
        request._asgi = self
        self.connection = request
        self._send = send
        if not mounted:
            request.routing_exception = NotFound()
        return request

    async def _response_to(self, error: Exception) -> Response:
        """The debug page for an error that the application raised, or that error itself."""
        if self.app.testing or not self.app.debug:
            try:
                raise error
            finally:
                del error  # its traceback refers to this frame
        from ..debug import traceback_response  # imported late: most applications never need it

        return await traceback_response(error)

    async def _close(self) -> None:
        if self._limit is not None:
            self._limit.cancel()
        await super()._close()

    def lasts(self) -> None:
        """Start the watcher and the timers that only a handler which takes a while needs."""
        client = self._client()
        if client.state is READER:
            client.settle()
            if client.pace is None:
                client.pace = Pace()
            if client.limit is None:
                self._limit_reading(client)
        elif client.state is QUIET:
            client.watch()
        if (
            self._limit is None
            and self.answer is not UNANSWERED
            and self.answer.timeout is ...
            and not self.connection._tearing_down
        ):
            self._limit_sending(self.app.config["RESPONSE_TIMEOUT"])

    # Reading

    def _client(self) -> Client:
        if not isinstance(self.client, Client):
            self.client = Client(self._receive, self)
        return self.client

    async def pull_body(self, body: Body) -> None:
        """Receive one message for a body, or wait while another reader receives one.

        The caller looks at the body again then. Raises RequestTimeout if the client sends nothing
        for longer than `body.timeout` seconds.
        """
        client = self._client()
        receives = client.state is QUIET and not client.ahead
        if receives:
            client.task = current_task(get_running_loop())
            if client.pace is not None:
                client.pace.begin()
            if body.timeout is not ...:
                self._limit_reading(client)
        elif not client.can_be_asked:
            await self._wait_behind_another(client, body)
            return
        try:
            message = await client.next_message()
        except asyncio.CancelledError:
            if isinstance(client.limit, Limit) and client.limit.expired():
                raise RequestTimeout() from None
            raise
        finally:
            if client.limit is not None:
                client.stop_limit()
            if receives:
                client.task = None  # in sync code, its context refers back to this connection
                if client.pace is not None:
                    client.pace.end()
        body.append(message.get("body", b""))
        if not message.get("more_body", False):
            body.set_complete()
            if client.knows_nothing():
                self.client = UNREAD  # PERF: `__call__` then has nothing to close
        elif client.pace is not None and self._seconds_left(client.pace, body) < 0:
            raise RequestTimeout()

    async def _wait_behind_another(self, client: Client, body: Body) -> None:
        timer = asyncio.timeout(self._body_timeout())
        try:
            async with timer:
                await client.wait_for_turn()
        except TimeoutError:
            if not timer.expired():
                raise
            raise RequestTimeout() from None

    def _limit_reading(self, client: Client) -> None:
        seconds = self._body_timeout()
        if seconds is None or client.task is None:
            return
        body = self.connection._body
        if client.pace is not None and body is not None:
            seconds = min(seconds, self._seconds_left(client.pace, body))
        client.limit = Limit(client.task, max(seconds, 0))

    def _seconds_left(self, pace: Pace, body: Body) -> float:
        """For how many more seconds a body may be waited for, by BODY_MIN_RATE."""
        rate: float | None = self.app.config["BODY_MIN_RATE"]
        if not rate or self._body_timeout() is None:
            return inf
        return pace.seconds_left(body.received, rate)

    def _body_timeout(self) -> float | None:
        connection = getattr(self, "connection", None)
        # After the end of the connection there is no limit: the server reports a disconnect to
        # readers.
        return None if connection is None else connection.body_timeout

    def seconds_until_dropping(self) -> float | None:
        """How long to keep what the handler does not read, in seconds; None means forever."""
        if self.answer.manner is not PLAIN and self.connection._body is None:
            return 0
        return self._body_timeout() if self._cancels() else None

    def dropping(self) -> Exception:
        """Return the error for whoever reads the body after all."""
        return RuntimeError(
            "The request's body was not read before its endless response began."
            if self.answer.manner is not PLAIN
            else "The request's body was left unread for longer than BODY_TIMEOUT."
        )

    async def is_disconnected(self) -> bool:
        """Whether the client has disconnected."""
        if self.task is not None and self.answer.sent is not ALL:
            client = self._client()
            if client.state is QUIET:
                client.watch()
            await asyncio.sleep(0)
            await asyncio.sleep(0)
        return self.client.error is not None

    # The end of the handler

    def _end_for_client(self, work: Work) -> None:
        if self.answer.sent is ALL:
            work.cancel_in(_LAST_SEND, Reason.CLIENT, self._cancels)
        else:
            work.cancel(Reason.CLIENT)

    def _may_finish(self) -> bool:
        return self.answer.manner is PLAIN

    # Sending

    def _limit_sending(self, timeout: float | EllipsisType | None = ...) -> None:
        """Limit sending to this many seconds; `...` leaves RESPONSE_TIMEOUT to the sweep."""
        if timeout is ...:
            if self not in self._young:
                self.look_again()
        elif timeout is not None and self.task is not None:
            self._limit = Limit(self.task, timeout)

    def _too_slow(self, seconds: float) -> ResponseTimeoutError:
        self.app.logger.error(
            "The response to %s [%s] took longer than its timeout of %s s and was cut off",
            printable(self.connection.path),
            self.connection.method,
            seconds,
        )
        return ResponseTimeoutError(f"No complete response within {seconds} s")

    async def _with_header_items(self, response: Response) -> tuple[Response, HeaderItems]:
        """Return a response and its encoded headers; a 500 if its headers are not allowed."""
        try:
            return response, response.header_items()
        except ValueError as error:
            late = await self._late_response(response, error)
            late.call_on_close(response.close)
            return late, late.header_items()

    async def _late_response(self, made: Response, error: Exception) -> Response:
        """The answer to an error that is found after a response was made and before it is sent."""
        try:
            response = await self.app._late_response(self.connection, made, error)
        except Exception as raised:
            response = await self._response_to(raised)
        made.call_on_close(response.close)
        return response

    async def _send_response(self, send: Send, response: Response) -> None:
        """Send a response, for a subclass that calls `handle_request` itself."""
        self._send = send
        try:
            response, items = await self._with_header_items(response)
            status = response.status_code
            start = {"type": "http.response.start", "status": status, "headers": items}
            # A body that needs a thread gets it from the current application.
            with self.app._made_current():
                self.answer = Answer(self, response, start)
                await self.answer.send()
        except ClientDisconnectedError:
            pass  # there is nobody to answer
        finally:
            await response.close()

    async def send_push_promise(self, path: str, headers: Headers) -> None:
        """Promise a push (extension http.response.push), or send an early hint instead."""
        if self.answer.sent is ALL:
            return
        if offers(self.scope, "http.response.push"):
            check_header_value(":path", path)
            items = encode_headers(headers)  # headers that the client sent
            await self._send_message({"type": "http.response.push", "path": path, "headers": items})
        else:
            await self.send_early_hints([preload(path)])

    async def send_early_hints(self, links: Iterable[str]) -> None:
        """Send 103 with these Link values, if the server offers http.response.early_hint."""
        if self.answer.sent is NOTHING and offers(self.scope, "http.response.early_hint"):
            links = list(links)
            for link in links:
                check_header_value("Link", link)
            await self._send_message(
                {
                    "type": "http.response.early_hint",
                    "links": [link.encode("latin-1") for link in links],
                }
            )
