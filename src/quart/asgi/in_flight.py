"""`InFlight`: the connections of one application that are at work, and the sweep over them.

A connection joins when its handler starts and leaves when its handler ends. A timer runs while
there are any. It finds those that have been at work for a while, and starts what only they need:
timers, and a watcher that notices a disconnect.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextvars import Context
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from ..app import Quart
    from .messages import Send

# A default timeout (BODY_TIMEOUT, RESPONSE_TIMEOUT) may be late by this share of its length.
_LATE = 0.25


class AtWork(Protocol):
    """A connection, as the sweep and the shutdown see it."""

    @property
    def server_send(self) -> Send:
        """The `send` that the server gave us."""
        ...

    def lasts(self) -> None:
        """Called when the connection has been at work for a while."""
        ...

    def shut_down(self) -> None:
        """Called when the application shuts down."""
        ...


class _Sweep:
    """The connections of one application on one event loop."""

    def __init__(self, in_flight: InFlight, loop: asyncio.AbstractEventLoop) -> None:
        self.in_flight = in_flight
        self.loop = loop
        #: Connections that the sweep has yet to look at, and the number of the sweep when they
        #: joined.
        self.young: dict[AtWork, int] = {}
        #: Connections that the sweep has looked at, and that have not asked for another look.
        self.old: set[AtWork] = set()
        self.number = 0
        self.timer: asyncio.Handle | None = None

    def start(self) -> None:
        """Start the timer, because there is a connection to look at."""
        self.period = self.in_flight.period()
        # An empty context, not that of the first connection: the timer starts watchers for all.
        context = Context()
        if self.period:
            self.timer = self.loop.call_later(self.period, self._run, context=context)
        else:
            self.timer = self.loop.call_soon(self._run, context=context)

    def _run(self) -> None:
        self.timer = None
        number = self.number
        self.number += 1
        for connection, joined in tuple(self.young.items()):
            if joined < number or not self.period:
                del self.young[connection]
                self.old.add(connection)
                try:
                    connection.lasts()
                except Exception as error:  # perhaps a setting is no number; the others go on
                    self.loop.call_exception_handler(
                        {"message": f"Error in the sweep over {connection!r}", "exception": error}
                    )
        if self.young and self.timer is None:
            self.start()


class InFlight:
    """The connections of one application that are at work, on all its event loops."""

    def __init__(self, app: Quart) -> None:
        self._app = app
        self._sweeps: list[_Sweep] = []
        self._sweep: _Sweep | None = None  # the sweep of the event loop that was used last
        #: Called once, with the first connection.
        self.on_first: Callable[[AtWork], None] | None = None
        #: True while the application shuts down: a connection that joins is told at once.
        self.shutting_down = False

    def __iter__(self) -> Iterator[AtWork]:
        return iter([each for sweep in self._sweeps for each in (*sweep.young, *sweep.old)])

    def __len__(self) -> int:
        return sum(len(sweep.young) + len(sweep.old) for sweep in self._sweeps)

    def join(self, connection: AtWork, loop: asyncio.AbstractEventLoop) -> dict[AtWork, int]:
        """Add a connection whose handler starts. The sweep looks at it when it has lasted a while.

        Returns a dict. When the handler ends, the connection removes itself from that dict; if it
        is no longer in there, it calls `leave`.
        """
        sweep = self._sweep
        if sweep is None or sweep.loop is not loop or sweep.timer is None:
            sweep = self._sweep_on(loop)
            self._begin(sweep, connection)
            # PERF: the next connection finds it here. During a shutdown each one goes through
            # `_begin`.
            self._sweep = None if self.shutting_down else sweep
        young = sweep.young
        young[connection] = sweep.number
        return young

    def _begin(self, sweep: _Sweep, connection: AtWork) -> None:
        """Start the timer, and tell the connection if a shutdown has begun."""
        if sweep.timer is None:
            sweep.start()
        if self.on_first is not None:
            on_first, self.on_first = self.on_first, None
            on_first(connection)
        if self.shutting_down:
            connection.shut_down()

    def look_again(self, connection: AtWork, loop: asyncio.AbstractEventLoop) -> None:
        """Have the sweep look once more at a connection that has joined."""
        sweep = self._sweep_on(loop)
        sweep.old.discard(connection)
        sweep.young[connection] = sweep.number
        if sweep.timer is None:
            sweep.start()

    def leave(self, connection: AtWork) -> None:
        """Remove a connection that the sweep has looked at: its handler has ended."""
        for sweep in self._sweeps:
            sweep.young.pop(connection, None)
            sweep.old.discard(connection)

    def _sweep_on(self, loop: asyncio.AbstractEventLoop) -> _Sweep:
        for sweep in self._sweeps:
            if sweep.loop is loop:
                return sweep
        self._sweeps = [sweep for sweep in self._sweeps if not sweep.loop.is_closed()]
        sweep = _Sweep(self, loop)
        self._sweeps.append(sweep)
        return sweep

    def period(self) -> float:
        """Seconds between two sweeps. With 0, a connection is looked at as soon as it waits."""
        config = self._app.config
        period: float = config["DISCONNECT_CHECK_AFTER"]
        for key in ("BODY_TIMEOUT", "RESPONSE_TIMEOUT"):
            timeout = config[key]
            if isinstance(timeout, (int, float)):
                period = min(period, timeout * _LATE)
        return period

    def shut_down(self) -> None:
        """Tell all connections that the application shuts down."""
        self.shutting_down = True
        self._sweep = None  # so that connections which join from now on are told, too
        for connection in self:
            connection.shut_down()
