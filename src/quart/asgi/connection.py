"""`ASGIConnection`: what a request and a websocket share, from their first message on.

It holds three objects: `client` (who may read), `work` (how the handler ends) and the answer (what
has been sent). Each is made when it is first needed; most requests need none of them.
"""

from __future__ import annotations

import asyncio
import sys
from asyncio import AbstractEventLoop, get_running_loop
from typing import TYPE_CHECKING, Generic, TypeVar

from ..process import context_of
from ..utils import printable
from ..wrappers import ClientDisconnectedError, Request, Websocket
from .client import DROPPER, PUSHED, UNREAD, WATCHER, Client, Pushed, Unread
from .messages import Message, Receive, Scope, Send, send_to
from .work import DONE, Reason, Work

if TYPE_CHECKING:
    from collections.abc import Coroutine
    from contextvars import Context

    from ..app import Quart
    from .in_flight import AtWork

if TYPE_CHECKING or sys.version_info >= (3, 12):
    from asyncio import current_task as current_task
else:
    # PERF: before Python 3.12 `current_task` is written in Python, which takes 0.3 us.
    current_task = asyncio.tasks._current_tasks.get

# A placeholder until the connection joins `InFlight`; then `_young` holds those the sweep has yet
# to see.
_NOT_JOINED: dict[AtWork, int] = {}

T_connection = TypeVar("T_connection", Request, Websocket)


class ASGIConnection(Generic[T_connection]):
    """One connection, whose handler runs in the task that the server made for it.

    A subclass may have its own `__call__`, on any event loop, that receives the messages and pushes
    them into the request's body or the websocket's buffer. Such a subclass sets `_disconnected` to
    True when the client disconnects, and cancels and times its handler itself.
    """

    app: Quart
    scope: Scope
    connection: T_connection

    _inner: Coroutine[object, None, None]
    _send: Send

    # PERF: an attribute with a default on the class takes twice as long to read, so these have
    # none.
    def __init__(self, app: Quart, scope: Scope) -> None:
        self.app = app
        self.scope = scope
        self.client: Client | Unread | Pushed = PUSHED
        self.work: Work | None = None
        self.task: asyncio.Task[object] | None = None
        self._young = _NOT_JOINED

    async def __call__(self, receive: Receive, send: Send) -> None:
        loop = get_running_loop()
        self.task = current_task(loop)
        self._send = send
        # A separate coroutine, so that it can be closed from outside; see `process.abandon`.
        inner = self._inner = self._serve(receive, loop)
        try:
            await inner
        except ClientDisconnectedError:
            pass  # there is nobody to answer
        except (asyncio.CancelledError, RuntimeError) as error:
            # A cancellation of ours ends here; one by the server goes on to the server.
            if self.work is None or not self.work.has_ended_in(error):
                raise
            await self._after_cancel(self.work)
        finally:
            if self._young.pop(self, None) is None:  # the sweep has moved it to `old`
                self.app._in_flight.leave(self)
            if self.work is not None or self.client is not UNREAD:
                await self._close()
            try:  # noqa: SIM105 (a `suppress` costs a call for each connection)
                del self.connection  # PERF: no cycle is left for the collector
            except AttributeError:
                pass  # no Request could be made of the scope

    def lasts(self) -> None:
        """Called by the sweep when the handler has been at work for a while."""
        raise NotImplementedError

    async def _serve(self, receive: Receive, loop: AbstractEventLoop) -> None:
        """Have the application handle the connection, and send its answer."""
        raise NotImplementedError

    async def _after_cancel(self, work: Work) -> None:
        """Called when the handler has ended because it was cancelled here."""

    async def _close(self) -> None:
        client = self.client
        watched = isinstance(client, Client) and client.state in (WATCHER, DROPPER)
        if watched or self.work is not None:
            self._work().end()  # from here on a disconnect cancels nothing
        if isinstance(client, Client):
            try:
                if watched:
                    await client.stop_watching()
            finally:
                client.end()

    def _work(self) -> Work:
        if self.work is None:
            assert self.task is not None
            self.work = Work(self.task, self._inner)
        return self.work

    @property
    def server_send(self) -> Send:
        """The `send` that the server gave us."""
        return self._send

    @property
    def context(self) -> Context:
        """A copy of the context that the handler runs in."""
        assert self.task is not None
        return context_of(self.task).copy()

    # Called by the client when it disconnects

    def client_gone(self, code: int | None, reason: str) -> ClientDisconnectedError:
        """Note that the client has disconnected; return the error for later reads and sends."""
        if self._cancels():
            self._end_for_client(self._work())
        return ClientDisconnectedError(code, reason)

    def _end_for_client(self, work: Work) -> None:
        """End the handler because the client has disconnected."""
        work.cancel(Reason.CLIENT)

    def _cancels(self) -> bool:
        """Whether a disconnect cancels the handler."""
        connection = getattr(self, "connection", None)
        if connection is None or connection._tearing_down:
            return False
        choice = connection.cancel_on_disconnect
        return bool(self.app.config["CANCEL_ON_DISCONNECT"] if choice is None else choice)

    def look_again(self) -> None:
        """Have the sweep look at this connection again."""
        if self.task is not None and (self.work is None or self.work.state is not DONE):
            self.app._in_flight.look_again(self, self.task.get_loop())

    @property
    def _disconnected(self) -> bool:
        """Whether the client has disconnected. A subclass that pushes sets this."""
        return self.client.error is not None

    @_disconnected.setter
    def _disconnected(self, value: bool) -> None:
        if value and self.client.error is None:
            self.client = Pushed(self._error_for_pushed())

    def _error_for_pushed(self) -> ClientDisconnectedError:
        return ClientDisconnectedError()

    # The shutdown

    def shut_down(self) -> None:
        """Called when the application shuts down, while the handler is at work."""
        at_once = not self.connection._tearing_down and not self._may_finish()
        self._work().shut_down(self.app.config["SHUTDOWN_TIMEOUT"], at_once, self._note_ignored)

    def _may_finish(self) -> bool:
        """Whether the handler has SHUTDOWN_TIMEOUT seconds to finish."""
        raise NotImplementedError

    def _note_ignored(self) -> None:
        path = printable(self.connection.path)
        self.app.logger.error("The handler of %s ignores its cancellation", path)

    # Sending

    async def _send_message(self, message: Message) -> None:
        """Send one message. Raises ClientDisconnectedError if the client has disconnected."""
        if self.client.error is not None:
            await self._raise_gone()  # servers before ASGI 2.4 ignore such a send
        await send_to(self._send, message)

    async def _raise_gone(self) -> None:
        assert self.client.error is not None
        await self.client.give_turn()  # a handler that waits for this task is cancelled first
        raise self.client.error
