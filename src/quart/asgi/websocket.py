"""`ASGIWebsocketConnection`: accepts, closes or denies, and passes messages in both directions.

It follows ASGI WebSocket, spec_version 2.0 to 2.5.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING

from werkzeug.datastructures import Headers
from werkzeug.exceptions import BadRequest, NotFound

from .. import signals
from ..headers import ScopeHeaders, check_header_value, encode_header_items
from ..utils import printable
from ..wrappers import ClientDisconnectedError, Response, Websocket
from .client import FULL, PUSHED, QUIET, READ_AHEAD_MESSAGES, READER, Client
from .connection import ASGIConnection
from .messages import (
    DISCONNECTS,
    SERVER_ERROR,
    Draft,
    Message,
    Receive,
    Scope,
    Send,
    offers,
    send_to,
    speaks,
    split_root_path,
)
from .sending import ALL, BEGUN, NOTHING, Sent
from .work import Reason, Work

if TYPE_CHECKING:
    from ..app import Quart
    from ..typing import HeadersValue

# With every so many messages after the first, let other tasks run.
_TURNS = 32

# Seconds for which unread messages are discarded before the websocket is closed because of them.
_DRAIN = 0.5

#: The close code if the view was cancelled.
_CODES = {Reason.SHUTDOWN: 1001, Reason.UNREAD: 1008}


class ASGIWebsocketConnection(ASGIConnection[Websocket]):
    """One websocket connection."""

    sent: Sent = NOTHING

    def __init__(self, app: Quart, scope: Scope) -> None:
        super().__init__(app, scope)
        self._turns = 0  # messages sent
        self._receives = False  # True once the handler has asked for a message

    async def _serve(self, receive: Receive, loop: asyncio.AbstractEventLoop) -> None:
        client = self.client = Client(receive, self)
        websocket = self._create_websocket_from_scope(self._send)
        message = await client.next_message()
        if message["type"] != "websocket.connect":
            return
        self._young = self.app._in_flight.join(self, loop)
        if self.work is not None:
            await asyncio.sleep(0)  # a cancellation arrives before the view begins
        await self.handle_websocket(websocket, self._send)

    async def _after_cancel(self, work: Work) -> None:
        if work.reason is Reason.UNREAD and isinstance(self.client, Client):
            # Hypercorn's task ends only if its messages are received; the last may be a disconnect.
            await self.client.drained(_DRAIN)
        if work.reason in _CODES:
            await self._end(_CODES[work.reason])

    def lasts(self) -> None:
        """Start the watcher, or discard messages, for a handler that takes a while."""
        assert isinstance(self.client, Client)
        if self.client.state is READER:
            self.client.settle()
        elif self.sent is ALL and self.client.state in (QUIET, FULL):
            self.client.drain()
        elif self.client.state is QUIET:
            self.client.watch()

    def _create_websocket_from_scope(self, send: Send) -> Websocket:
        scope = self.scope
        root_path, path, found = split_root_path(scope)
        websocket = self.app.websocket_class(
            path,
            scope.get("query_string", b""),
            scope.get("scheme", "ws"),
            ScopeHeaders.of(scope),
            root_path,
            scope.get("http_version", "1.1"),
            list(scope.get("subprotocols") or ()),
            self._next_pushed if self.client is PUSHED else self.receive_data,
            partial(self.send_data, send),
            partial(self.accept_connection, send),
            partial(self.close_connection, send),
            scope,
        )
        self.connection = websocket
        self._send = send
        if not found:
            websocket.routing_exception = NotFound()
        return websocket

    async def handle_websocket(self, websocket: Websocket, send: Send) -> None:
        """Run the view, and close or reject the websocket afterwards."""
        try:
            response = await self.app.handle_websocket(websocket)
        except Exception as error:
            gone = isinstance(error, ClientDisconnectedError)
            if websocket.accepted or gone:
                await self._end(self._code_for(400 if isinstance(error, BadRequest) else 500))
                if not gone and self.app.testing:
                    raise
                return
            if self.app.testing or not self.app.debug:
                await self._end(1011)
                raise
            from ..debug import traceback_response  # imported late: most applications never need it

            response = await traceback_response(error)
        if not websocket.accepted and response is not None and self._may_deny():
            await self._deny(response)
            return
        code = 1000
        if websocket.accepted and response is not None and response.status_code >= 400:
            code = self._code_for(response.status_code)
        try:
            await self._end(code)
        finally:
            if response is not None:
                await response.close()

    def _code_for(self, status: int) -> int:
        """The close code for what would be this status in an HTTP response."""
        if status == 400 and self.connection._bad_json:
            return 1007
        return 1011 if status >= 500 else 1008

    # Reading

    async def receive_data(self) -> str | bytes:
        """Receive the next message, as str or bytes."""
        self._receives = True
        client = self.client
        if TYPE_CHECKING:
            assert isinstance(client, Client)  # a websocket that is pushed to has `_next_pushed`
        message: Message
        if client.state is QUIET and not client.ahead:
            # PERF: this does what `Client.next_message` does, without its frame. It is only safe if
            # nobody else reads and nothing was read ahead.
            client.state = READER
            try:
                message = await client.receive()
            except OSError:
                message = SERVER_ERROR
            finally:
                if client.state is READER and client.turn is None:
                    client.state = QUIET
                else:
                    client.end_reading()
        else:
            message = await client.next_message()
        data = message.get("text")
        if data is None:
            if message["type"] in DISCONNECTS:  # `next_message` would have raised
                await client.go(message)
            data = message.get("bytes") or b""
        if signals.websocket_received.receivers:
            await signals.websocket_received.send_async(data, _sync_wrapper=self.app.ensure_async)
        return data

    async def _next_pushed(self) -> str | bytes:
        return await self.connection.buffer.get()

    def client_gone(self, code: int | None, reason: str) -> ClientDisconnectedError:
        """Note that the client has disconnected, with its close code unless we closed first."""
        super().client_gone(code, reason)
        return self._note_close(code, reason)

    def _error_for_pushed(self) -> ClientDisconnectedError:
        return self._note_close(None, "")

    def _note_close(self, code: int | None, reason: str) -> ClientDisconnectedError:
        if code is None:
            code = 1005
        websocket = self.connection
        if websocket.close_code is None:
            websocket.close_code, websocket.close_reason = code, reason
        return ClientDisconnectedError(websocket.close_code, reason)

    def seconds_until_dropping(self) -> float | None:
        """How long to keep what the handler does not read, in seconds; None means forever."""
        if self._turns and not self._receives:
            return 0
        seconds: float | None = self.app.config["BODY_TIMEOUT"]
        return seconds if self._cancels() else None

    def dropping(self) -> None:
        """Discard messages if the handler only sends; otherwise close the websocket."""
        if self._turns and not self._receives:
            self.app.logger.warning(
                "The handler of %s sends, but has never received: of what the client sends only the"
                " first %d messages are kept",
                printable(self.connection.path),
                READ_AHEAD_MESSAGES,
            )
        else:
            self._work().cancel(Reason.UNREAD)

    # The end of the handler

    def _end_for_client(self, work: Work) -> None:
        if self.sent is ALL:
            return  # what the view does after it has closed does not concern the client
        if self.connection._iterating:
            # The iteration ends, and the code after it may finish.
            seconds = self.app.config["WEBSOCKET_CLOSE_TIMEOUT"]
            work.cancel_in(seconds, Reason.CLIENT, self._cancels)
        else:
            work.cancel(Reason.CLIENT)

    def _may_finish(self) -> bool:
        return False

    # Sending

    def send_data(self, send: Send, data: str | bytes) -> Awaitable[None]:
        """Send one message, and send the signal `websocket_sent`. The result is to be awaited."""
        message: Message
        if isinstance(data, str):
            message = {"type": "websocket.send", "text": data}
        else:
            message = {"type": "websocket.send", "bytes": data}
        turns = self._turns
        if turns % _TURNS and self.client.error is None and not signals.websocket_sent.receivers:
            self._turns = turns + 1
            return send(message)  # PERF: without a frame of ours
        return self._send_and_tell(send, message, data)

    async def _send_and_tell(self, send: Send, message: Message, data: str | bytes) -> None:
        if self.client.error is not None:
            await self._raise_gone()
        await send_to(send, message)
        self._turns += 1
        if self._turns > 1 and self._turns % _TURNS == 1:
            await self.client.give_turn()
        if signals.websocket_sent.receivers:
            await signals.websocket_sent.send_async(data, _sync_wrapper=self.app.ensure_async)

    async def accept_connection(
        self, send: Send, headers: HeadersValue | None, subprotocol: str | None
    ) -> None:
        """Accept the handshake. Headers are left out if the server cannot send them."""
        if self.client.error is not None:
            await self._raise_gone()
        if subprotocol is not None:
            check_header_value("Sec-WebSocket-Protocol", subprotocol)
        message: Draft = {"type": "websocket.accept", "subprotocol": subprotocol}
        if headers and speaks(self.scope, "2.1"):
            message["headers"] = encode_header_items(
                headers if isinstance(headers, Headers) else Headers(headers)
            )
        self.sent = BEGUN
        await send_to(send, message)

    async def close_connection(self, send: Send, code: int, reason: str) -> None:
        """Close the websocket, or reject its handshake."""
        if isinstance(self.client, Client):
            await self.client.stop_watching()  # Granian sends no close while `receive` waits
        if self.client.error is not None:
            return  # the watcher's last message was a disconnect
        self.sent = ALL
        self.look_again()  # Hypercorn waits until its messages are received
        message: Draft = {"type": "websocket.close", "code": code}
        # If the view closed, the key is there even if it is empty: clients of some protocols read
        # it.
        if (reason or self.connection._closed_here) and speaks(self.scope, "2.3"):
            message["reason"] = reason
        await send_to(send, message)

    async def _end(self, code: int) -> None:
        """Close after the view, unless it is closed already or the client has disconnected."""
        websocket = self.connection
        if self.sent is not ALL and self.client.error is None:
            if websocket.close_code is None:
                websocket.close_code, websocket.close_reason = code, ""
            with suppress(ClientDisconnectedError):
                await self.close_connection(
                    self._send, websocket.close_code, websocket.close_reason or ""
                )

    def _may_deny(self) -> bool:
        return offers(self.scope, "websocket.http.response") and not self.connection.closed

    async def _deny(self, response: Response) -> None:
        """Answer the handshake with a response (extension websocket.http.response)."""
        try:
            try:
                body = await response.get_data()
                headers = response.header_items()
            finally:
                await response.close()
        except Exception as error:
            late = await self.app._late_response(self.connection, response, error)
            try:
                body, headers = await late.get_data(), late.header_items()
            finally:
                await late.close()
            response = late
        self.sent = ALL
        self.look_again()
        await self._send_message(
            {
                "type": "websocket.http.response.start",
                "status": response.status_code,
                "headers": headers,
            }
        )
        # In one piece: Granian accepts no more.
        await self._send_message({"type": "websocket.http.response.body", "body": body})
