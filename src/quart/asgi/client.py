"""`Client`: who may call `receive`, what is read ahead, and when the client has gone.

Rule 1: `receive` is called here, by one caller at a time. `ASGIWebsocketConnection.receive_data`
alone repeats that, where nothing was read ahead.
Rule 2: nothing here sends or cancels the handler. The connection is told that the client has gone,
and what follows from that is `Work`.
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


# Seconds of waiting after which a body has to have come at BODY_MIN_RATE.
_GRACE = 5.0


class ClientState(Enum):
    """Who calls `receive`."""

    QUIET = "nobody; if the handler goes on for a while, the sweep starts the watcher"
    READER = "a reader of the application"
    SETTLED = "a reader of the application, for a while: the sweep passes it over"
    WATCHER = "the watcher, ahead of all readers"
    DROPPER = "the watcher, which keeps nothing more: it only looks for the disconnect"
    STOPPING = "the watcher, which was told to end"
    FULL = "nobody, until a reader makes room"
    GONE = "nobody any more: the client has gone"


QUIET, READER, SETTLED, WATCHER, DROPPER, STOPPING, FULL, GONE = ClientState

#: Which state may follow which.
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
    """The connection that a client is on the other end of."""

    @property
    def context(self) -> Context:
        """A context for the server's `receive`, as the handler's."""
        ...

    def client_gone(self, code: int | None, reason: str) -> ClientDisconnectedError:
        """The client has gone. Gives the error for those who read or send from now on."""
        ...

    def look_again(self) -> None:
        """Have the sweep look at this connection again: nobody calls `receive` now."""
        ...

    def seconds_until_dropping(self) -> float | None:
        """As much as may be was read ahead: how long the rest is left with the client.

        Then it is dropped, to find the disconnect behind it; None is never.
        """
        ...

    def dropping(self) -> Exception | None:
        """The rest is dropped from now on. Gives the error for whoever reads as far as that."""
        ...


class Pace:
    """How long readers have waited for a body, and whether it comes fast enough for that.

    Only waiting counts: a handler that takes its time for what came is not the client's fault.
    """

    __slots__ = ("_since", "_waited")

    def __init__(self) -> None:
        self._waited = 0.0
        self.begin()

    def begin(self) -> None:
        """A reader begins to wait."""
        self._since = monotonic()

    def end(self) -> None:
        """It has waited."""
        self._waited += monotonic() - self._since

    def seconds_left(self, received: int, rate: float) -> float:
        """How long readers may wait on, of a body of which so many bytes have been received.

        It has to come at `rate` (bytes per second) on the whole, a few seconds aside.
        """
        return max(_GRACE, received / rate) - self._waited


class Client:
    """The client of one connection, as its messages tell of it.

    Readers pull: a body, a form parser, `websocket.receive`. The watcher is a task that reads
    ahead, a little, while the handler waits for something else.
    """

    __slots__ = ("ahead", "error", "limit", "owner", "pace", "receive", "state", "task", "turn")

    def __init__(self, receive: Receive, owner: Owner) -> None:
        self.state = QUIET
        self.receive = receive
        #: None once the connection is over.
        self.owner: Owner | None = owner
        #: What was read ahead, or went wrong meanwhile.
        # PERF: a list, for it is short, and mostly empty.
        self.ahead: list[Message | Exception] = []
        #: What readers and senders get once the client has gone.
        self.error: ClientDisconnectedError | None = None
        #: The watcher, or a reader whose time may be limited.
        self.task: asyncio.Task[object] | None = None
        #: The time that the reader has, or the one until the rest is dropped.
        self.limit: Limit | asyncio.TimerHandle | None = None
        #: How fast a body comes, from when a reader of it has waited for a while.
        self.pace: Pace | None = None
        #: Set when another reader or the watcher has received a message.
        self.turn: asyncio.Event | None = None

    # Readers

    async def next_message(self) -> Message:
        """The next message. Raises ClientDisconnectedError when the client has gone."""
        while self.state is not QUIET or self.ahead:
            if self.ahead:
                return self._take()
            if self.state is GONE:
                await self.raise_gone()
            await self.wait_for_turn()
        self.state = READER
        receive = self.receive  # PERF: what is no method takes longer to call as one
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

    def end_reading(self) -> None:
        """A reader has had its message, or given up: others wait, or the sweep passes it over."""
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
                self.ahead.append(message)  # what follows is lost to every reader
            raise message
        return message

    @property
    def can_be_asked(self) -> bool:
        """Whether `next_message` need not wait behind another reader or the watcher."""
        return self.state is QUIET or self.state is GONE or bool(self.ahead)

    async def wait_for_turn(self) -> None:
        """Wait until whoever calls `receive` now has had a message, or given up."""
        if self.turn is None:
            self.turn = asyncio.Event()
        await self.turn.wait()

    def _wake(self) -> None:
        if self.turn is not None:
            self.turn.set()
            self.turn = None

    async def raise_gone(self) -> NoReturn:
        """Raise what says that the client has gone."""
        # A handler that waits for the task that calls this gets its own cancellation first.
        await asyncio.sleep(0)
        assert self.error is not None
        raise self.error

    async def give_turn(self) -> None:
        """Let others run, in the middle of sending much."""
        await asyncio.sleep(0)

    def settle(self) -> None:
        """The sweep has found a reader that has waited for a while."""
        self.state = SETTLED

    # The watcher

    def watch(self) -> None:
        """Start the watcher, where nobody calls `receive`."""
        self.state = WATCHER
        self._start_watcher()

    def _start_watcher(self) -> None:
        assert self.owner is not None
        loop, context = asyncio.get_running_loop(), self.owner.context
        task = loop.create_task(self._read_ahead(), context=context)
        if not task.done():  # as one that is eager may be
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
                    await asyncio.sleep(0)  # others have their turn, however much is sent
                else:
                    self.ahead.append(message)
                    if self._is_full() and self.state is WATCHER:
                        self._stop_or_drop()
        except Exception as error:  # perhaps of a middleware: it is for whoever reads next
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
        """Drop what comes, where nobody calls `receive`: a server may wait for room to close."""
        self.stop_limit()
        self.state = DROPPER
        self._start_watcher()

    async def drained(self, seconds: float) -> None:
        """Drop what comes until the client has gone, or for so many seconds."""
        if self.state is QUIET or self.state is FULL:
            self.drain()
        if self.task is not None:
            await asyncio.wait((self.task,), timeout=seconds)

    async def stop_watching(self) -> None:
        """Let no `receive` wait any more. It may tell at last that the client has gone."""
        if self.state is WATCHER or self.state is DROPPER:
            self.state = STOPPING
            if self.task is not None:
                self.task.cancel()
                await asyncio.wait((self.task,))
            if self.state is STOPPING:  # the task had not begun
                self.task = None
                self._end_watch()

    def end(self) -> None:
        """The connection is over, and nothing reads ahead any more. Readers may go on."""
        if self.limit is not None:
            self.stop_limit()
        self.owner = None

    def stop_limit(self) -> None:
        """What was limited has ended in time."""
        if self.limit is not None:
            self.limit.cancel()
            self.limit = None

    # The end

    async def go(self, message: Message) -> NoReturn:
        """Take a message by which the client goes, and raise what says so."""
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
    """Stands for the Client until somebody reads or looks; for most requests nobody does."""

    # PERF: an attribute of its own, which a stream reads for each piece; one of the class is slow.
    def __init__(self) -> None:
        self.error: ClientDisconnectedError | None = None

    async def give_turn(self) -> None:
        """Let others run, in the middle of sending much."""
        await asyncio.sleep(0)


class Pushed:
    """Stands for the Client where a subclass receives, on any event loop, and pushes.

    Nothing of ours reads ahead, makes tasks or sets timers then.
    """

    def __init__(self, error: ClientDisconnectedError | None = None) -> None:
        self.error = error

    async def give_turn(self) -> None:
        """Other event loops have ways of their own to be fair."""


UNREAD = Unread()
PUSHED = Pushed()
