"""`Work`: the task in which a handler runs, and why and how it is ended.

Rule: a handler is cancelled here and nowhere else. So a cancellation of ours, which ends here, can
be told from one by the server, which must reach the server.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from enum import Enum

from ..process import abandon


class WorkState(Enum):
    """How things stand with the handler."""

    AT_WORK = "nothing has ended it"
    CANCELLED = "it was cancelled here, for a reason"
    ABANDONED = "it ignored its cancellation and was closed"
    DONE = "it has ended; nothing cancels the task any more"


class Reason(Enum):
    """Why a handler was cancelled."""

    CLIENT = "the client has disconnected"
    SHUTDOWN = "the application shuts down"
    UNREAD = "the client sends messages that the handler does not read"


AT_WORK, CANCELLED, ABANDONED, DONE = WorkState

#: The states that may follow each state.
MOVES: dict[WorkState, set[WorkState]] = {
    AT_WORK: {CANCELLED, ABANDONED, DONE},
    CANCELLED: {ABANDONED, DONE},
    ABANDONED: {DONE},
    DONE: set(),
}


class Work:
    """The handler of one connection. Made only when there is something to record about it."""

    __slots__ = ("_cancelled_before", "_inner", "_task", "_timer", "reason", "state")

    def __init__(self, task: asyncio.Task[object], inner: Coroutine[object, None, None]) -> None:
        self.state = AT_WORK
        self.reason: Reason | None = None
        self._task = task
        self._inner = inner
        self._timer: asyncio.TimerHandle | None = None
        # On CPython 3.11 and 3.12 a TaskGroup may leave a cancellation behind; it does not count.
        self._cancelled_before = 0

    def cancel(self, reason: Reason) -> None:
        """Cancel the handler, unless it was cancelled before."""
        if self.state is AT_WORK:
            self._stop_timer()
            self.state, self.reason = CANCELLED, reason
            self._cancelled_before = self._task.cancelling()
            self._task.cancel()

    def cancel_in(self, seconds: float, reason: Reason, applies: Callable[[], bool]) -> None:
        """Give the handler this many seconds to finish; then cancel it if `applies()` is true."""
        if self.state is AT_WORK and self._timer is None:
            self._call_in(seconds, self._cancel_late, reason, applies)

    def _cancel_late(self, reason: Reason, applies: Callable[[], bool]) -> None:
        if applies():
            self.cancel(reason)

    def shut_down(self, seconds: float | None, at_once: bool, ignored: Callable[[], None]) -> None:
        """Cancel the handler, at once or in this many seconds (None: never).

        Once cancelled it has as many seconds again to end, because no server waits longer. After
        that `ignored` is called, and the handler is abandoned.
        """
        if self.state is DONE:
            return
        self._stop_timer()
        if at_once:
            self.cancel(Reason.SHUTDOWN)
            if seconds is not None:
                self._call_in(seconds, self._abandon, ignored)
        elif seconds is not None:
            self._call_in(seconds, self.shut_down, seconds, True, ignored)

    def _abandon(self, ignored: Callable[[], None]) -> None:
        ignored()
        if self.state is CANCELLED:
            self._task.uncancel()  # the cancellation that the handler ignored
        self.state = ABANDONED
        abandon(self._task, self._inner)

    def _call_in(self, seconds: float, func: Callable[..., None], *args: object) -> None:
        self._timer = self._task.get_loop().call_later(seconds, func, *args)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def has_ended_in(self, error: BaseException) -> bool:
        """Whether the handler raised this only because it was cancelled or closed here.

        If the server has cancelled it too, the error must reach the server.
        """
        if isinstance(error, asyncio.CancelledError) and self.cancelled_by_others:
            return False
        return self.state is ABANDONED or (
            self.state is CANCELLED and isinstance(error, asyncio.CancelledError)
        )

    @property
    def cancelled_by_others(self) -> bool:
        """Whether somebody else has cancelled the handler since it was cancelled here."""
        return self._task.cancelling() > self._cancelled_before + 1

    def end(self) -> None:
        """The handler has ended. Undo our cancellation, which must not reach the server."""
        self._stop_timer()
        if self.state is CANCELLED or self.state is ABANDONED:
            self._task.uncancel()
        self.state = DONE


class Limit:
    """A time limit for a task, in seconds. When it is over, the task is cancelled.

    `expired` tells that cancellation from all others.
    """

    __slots__ = ("_cancelled_before", "_task", "_timer", "seconds")

    def __init__(self, task: asyncio.Task[object], seconds: float) -> None:
        self.seconds = seconds
        self._task = task
        self._cancelled_before: int | None = None
        self._timer = task.get_loop().call_later(seconds, self._expire)

    def _expire(self) -> None:
        self._cancelled_before = self._task.cancelling()
        self._task.cancel()

    def expired(self) -> bool:
        """Whether the limit alone has cancelled the task. The cancelled task asks this once."""
        before, self._cancelled_before = self._cancelled_before, None
        return before is not None and self._task.uncancel() <= before

    def cancel(self) -> None:
        """Remove the limit: the task was in time."""
        self._timer.cancel()
