"""`Client`: who may call `receive`, what is read ahead, and when the client disconnects.

Rule 1: `receive` is called here, by one caller at a time. Only
`ASGIWebsocketConnection.receive_data` repeats that call, and only if nothing was read ahead.
Rule 2: nothing here sends, and nothing here cancels the handler. `Client` tells the connection that
the client has disconnected; `Work` does the rest.
"""

from __future__ import annotations

import asyncio
from contextvars import Context
from enum import Enum
from time import monotonic
from typing import NoReturn, Protocol

from ..wrappers import ClientDisconnectedError
from .messages import DISCONNECTS, SERVER_ERROR, Message, Receive, size_of
from .work import Limit

# Read at most this much ahead of the handler, so that a disconnect behind it is noticed.
READ_AHEAD_MESSAGES = 64
READ_AHEAD_BYTES = 65_536


# Seconds that readers may wait before BODY_MIN_RATE applies.
_GRACE = 5.0


class ClientState(Enum):
    """Who calls `receive`."""

    QUIET = "nobody; if the handler takes a while, the sweep starts the watcher"
    READER = "a reader: code of the application that waits for a message"
    SETTLED = "a reader that has waited for a while; the sweep leaves it alone"
    WATCHER = "the watcher, ahead of all readers"
    DROPPER = "the watcher, which discards messages and only looks for the disconnect"
    STOPPING = "the watcher, which was told to stop"
    FULL = "nobody, until a reader makes room"
    GONE = "nobody any more: the client has disconnected"


QUIET, READER, SETTLED, WATCHER, DROPPER, STOPPING, FULL, GONE = ClientState

#: The states that may follow each state.
MOVES: dict[ClientState, set[ClientState]] = {
    QUIET: {READER, WATCHER, DROPPER, GONE},
    READER: {QUIET, SETTLED, GONE},
    SETTLED: {QUIET, GONE},
    WATCHER: {QUIET, FULL, DROPPER, STOPPING, GONE},
    DROPPER: {QUIET, STOPPING, FULL, GONE},
    STOPPING: {QUIET, FULL, GONE},
    FULL: {QUIET, DROPPER},
    GONE: set(),
}


class Owner(Protocol):
    """What a Client needs of its connection."""

    @property
    def context(self) -> Context:
        """A context to call the server's `receive` in: a copy of the handler's."""
        ...

    def client_gone(self, code: int | None, reason: str) -> ClientDisconnectedError:
        """Note that the client has disconnected; return the error for later reads and sends."""
        ...

    def look_again(self) -> None:
        """Have the sweep look at this connection again, because nobody calls `receive` now."""
        ...

    def seconds_until_dropping(self) -> float | None:
        """How many seconds to wait before unread messages are discarded; None means forever.

        Called when the read-ahead buffer is full. Discarding finds the disconnect behind them.
        """
        ...

    def dropping(self) -> Exception | None:
        """Called when discarding starts. Returns the error for whoever reads that far."""
        ...


class Pace:
    """How long readers have waited for a body, and whether it arrives fast enough.

    Only time spent waiting counts: a handler that is slow to read is not the client's fault.
    """

    __slots__ = ("_since", "_waited")

    def __init__(self) -> None:
        self._waited = 0.0
        self.begin()

    def begin(self) -> None:
        """A reader starts to wait."""
        self._since = monotonic()

    def end(self) -> None:
        """A reader has stopped waiting."""
        self._waited += monotonic() - self._since

    def seconds_left(self, received: int, rate: float) -> float:
        """For how many more seconds readers may wait, when `received` bytes have arrived.

        On average the body must arrive at `rate` bytes per second, after the first few seconds.
        """
        return max(_GRACE, received / rate) - self._waited


class Client:
    """The client of one connection, as its messages show it.

    Readers pull messages: a body, a form parser, `websocket.receive`. The watcher is a task that
    reads a little ahead while the handler waits for something else.
    """

    __slots__ = ("ahead", "error", "limit", "owner", "pace", "receive", "state", "task", "turn")

    def __init__(self, receive: Receive, owner: Owner) -> None:
        self.state = QUIET
        self.receive = receive
        #: None when the connection has ended.
        self.owner: Owner | None = owner
        #: What was read ahead, and errors raised meanwhile.
        # PERF: a list is fast enough, because it is short and mostly empty.
        self.ahead: list[Message | Exception] = []
        #: What readers and senders raise once the client has disconnected.
        self.error: ClientDisconnectedError | None = None
        #: The watcher, or a reader whose waiting may be limited.
        self.task: asyncio.Task[object] | None = None
        #: The time limit of a reader, or the timer after which unread messages are discarded.
        self.limit: Limit | asyncio.TimerHandle | None = None
        #: How fast a body arrives; set when a reader has waited for a while.
        self.pace: Pace | None = None
        #: Set when another reader or the watcher has received a message.
        self.turn: asyncio.Event | None = None

    # Readers

    async def next_message(self) -> Message:
        """Receive one message. Raises ClientDisconnectedError if the client has disconnected."""
        while self.state is not QUIET or self.ahead:
            if self.ahead:
                return self._take()
            if self.state is GONE:
                await self.raise_gone()
            await self.wait_for_turn()
        self.state = READER
        receive = self.receive  # PERF: calling an attribute that is no method is slower
        message: Message
        try:
            message = await receive()
        except OSError:
            message = SERVER_ERROR
        finally:
            if self.state is READER and self.turn is None:
                self.state = QUIET
            else:
                self.end_reading()
        if message["type"] in DISCONNECTS:
            await self.go(message)
        return message

    def knows_nothing(self) -> bool:
        """Whether a new Client would know as much: nobody waits, and nothing was read ahead."""
        return self.state is QUIET and self.pace is None and not self.ahead

    def end_reading(self) -> None:
        """Called when a reader has its message or gives up. Wakes whoever waits for a turn."""
        if self.state is SETTLED and self.owner is not None:
            self.owner.look_again()
        self.state = QUIET
        self._wake()

    def _take(self) -> Message:
        message = self.ahead.pop(0)
        if self.state is FULL:
            self.stop_limit()
            self.state = QUIET
            if self.owner is not None:
                self.owner.look_again()
        if isinstance(message, Exception):
            if self.state is DROPPER:
                self.ahead.append(message)  # messages after it were discarded, for every reader
            raise message
        return message

    @property
    def can_be_asked(self) -> bool:
        """Whether `next_message` need not wait behind another reader or the watcher."""
        return self.state is QUIET or self.state is GONE or bool(self.ahead)

    async def wait_for_turn(self) -> None:
        """Wait until whoever calls `receive` now has a message, or gives up."""
        if self.turn is None:
            self.turn = asyncio.Event()
        await self.turn.wait()

    def _wake(self) -> None:
        if self.turn is not None:
            self.turn.set()
            self.turn = None

    async def raise_gone(self) -> NoReturn:
        """Raise the error for a client that has disconnected."""
        # If the handler waits for the calling task, its own cancellation has to arrive first.
        await asyncio.sleep(0)
        assert self.error is not None
        raise self.error

    async def give_turn(self) -> None:
        """Let other tasks run, in the middle of a long response."""
        await asyncio.sleep(0)

    def settle(self) -> None:
        """Called by the sweep when a reader has waited for a while."""
        self.state = SETTLED

    # The watcher

    def watch(self) -> None:
        """Start the watcher. Call it only if nobody calls `receive`."""
        self.state = WATCHER
        self._start_watcher()

    def _start_watcher(self) -> None:
        assert self.owner is not None
        loop, context = asyncio.get_running_loop(), self.owner.context
        task = loop.create_task(self._read_ahead(), context=context)
        if not task.done():  # an eager task may be done already
            self.task = task

    async def _read_ahead(self) -> None:
        failed = False
        try:
            while self.state is WATCHER or self.state is DROPPER:
                try:
                    message = await self.receive()
                except OSError:
                    message = SERVER_ERROR
                if message["type"] in DISCONNECTS:
                    self._go(message)
                elif self.turn is not None:
                    self.ahead.append(message)
                    break  # the reader takes over
                elif self.state is DROPPER:
                    await asyncio.sleep(0)  # others get their turn, however much the client sends
                else:
                    self.ahead.append(message)
                    if self._is_full() and self.state is WATCHER:
                        self._stop_or_drop()
        except Exception as error:  # perhaps raised by a middleware: the next reader gets it
            self.ahead.append(error)
            failed = True
        finally:
            self.task = None
            self._end_watch(failed)

    def _end_watch(self, failed: bool = False) -> None:
        if self.state is not GONE and self.state is not FULL:
            self.state = FULL if failed or self._is_full() else QUIET
            if self.state is QUIET and self.owner is not None:
                self.owner.look_again()
        self._wake()

    def _is_full(self) -> bool:
        ahead = self.ahead
        return len(ahead) >= READ_AHEAD_MESSAGES or READ_AHEAD_BYTES <= sum(
            size_of(message) for message in ahead if not isinstance(message, Exception)
        )

    def _stop_or_drop(self) -> None:
        seconds = None if self.owner is None else self.owner.seconds_until_dropping()
        if seconds == 0:
            self._drop()
        else:
            self.state = FULL
            if seconds is not None:
                self.limit = asyncio.get_running_loop().call_later(seconds, self._drop_late)

    def _drop(self) -> None:
        self.state = DROPPER
        error = None if self.owner is None else self.owner.dropping()
        if error is not None:
            self.ahead.append(error)

    def _drop_late(self) -> None:
        self.limit = None
        self._drop()
        self._start_watcher()

    def drain(self) -> None:
        """Discard messages, because a server may wait for room before it closes.

        Call it only if nobody calls `receive`.
        """
        self.stop_limit()
        self.state = DROPPER
        self._start_watcher()

    async def drained(self, seconds: float) -> None:
        """Discard messages until the client disconnects, or for this many seconds."""
        if self.state is QUIET or self.state is FULL:
            self.drain()
        if self.task is not None:
            await asyncio.wait((self.task,), timeout=seconds)

    async def stop_watching(self) -> None:
        """Stop the watcher. Its last message may still report that the client has disconnected."""
        if self.state is WATCHER or self.state is DROPPER:
            self.state = STOPPING
            if self.task is not None:
                self.task.cancel()
                await asyncio.wait((self.task,))
            if self.state is STOPPING:  # the task had not started
                self.task = None
                self._end_watch()

    def end(self) -> None:
        """The connection has ended, and nothing reads ahead any more. Readers may go on."""
        if self.limit is not None:
            self.stop_limit()
        self.owner = None

    def stop_limit(self) -> None:
        """What the limit was for has ended in time."""
        if self.limit is not None:
            self.limit.cancel()
            self.limit = None

    # The end

    async def go(self, message: Message) -> NoReturn:
        """Handle a disconnect message, and raise its error."""
        self._go(message)
        await self.raise_gone()

    def _go(self, message: Message) -> None:
        self.state = GONE
        code, reason = message.get("code"), message.get("reason") or ""
        if self.owner is None:
            self.error = ClientDisconnectedError(code, reason)
        else:
            self.error = self.owner.client_gone(code, reason)


class Unread:
    """Stands in for a Client until somebody reads or watches; for most requests nobody does.

    It stands in again when the body is complete, unless the Client knows something.
    """

    # PERF: set on the instance: a stream reads it for each piece, and a class attribute is slower.
    def __init__(self) -> None:
        self.error: ClientDisconnectedError | None = None

    async def give_turn(self) -> None:
        """Let other tasks run, in the middle of a long response."""
        await asyncio.sleep(0)


class Pushed:
    """Stands in for a Client when a subclass receives the messages, on any event loop.

    Then nothing here reads ahead, makes tasks or sets timers.
    """

    def __init__(self, error: ClientDisconnectedError | None = None) -> None:
        self.error = error

    async def give_turn(self) -> None:
        """Do nothing: other event loops schedule fairly in their own ways."""


UNREAD = Unread()
PUSHED = Pushed()
