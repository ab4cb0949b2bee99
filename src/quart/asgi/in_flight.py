"""`InFlight`: the connections of one application that are at work, and the sweep over them.

A connection joins when its handler starts, and leaves when that has ended. A timer, which runs only
while there are some, looks at those that have been at work for a while: it starts what only they
need, a watcher for the disconnect and timers.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextvars import Context
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from ..app import Quart
    from .messages import Send

# A default timeout (BODY_TIMEOUT, RESPONSE_TIMEOUT) may be late by this share of it.
_LATE = 0.25


class AtWork(Protocol):
    """A connection, as the sweep and the shutdown know it."""

    @property
    def server_send(self) -> Send:
        """What the server has given to send with."""
        ...

    def lasts(self) -> None:
        """It has been at work for a while."""
        ...

    def shut_down(self) -> None:
        """The application shuts down."""
        ...


class _Sweep:
    """The connections of one application on one event loop."""

    def __init__(self, in_flight: InFlight, loop: asyncio.AbstractEventLoop) -> None:
        self.in_flight = in_flight
        self.loop = loop
        #: Those to be looked at, and the number of the sweep before which they joined.
        self.young: dict[AtWork, int] = {}
        #: Those that were looked at, and have not asked for it again.
        self.old: set[AtWork] = set()
        self.number = 0
        self.timer: asyncio.Handle | None = None

    def start(self) -> None:
        """Start the timer: there is a connection to look at."""
        self.period = self.in_flight.period()
        # No context of whoever comes first: others' watchers are started here.
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
                except Exception as error:  # of a setting that is no number; the others go on
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
        self._sweep: _Sweep | None = None  # that of the loop which was served last
        #: Called with the first connection.
        self.on_first: Callable[[AtWork], None] | None = None
        #: While the application shuts down, a connection that joins is told at once.
        self.told = False

    def __iter__(self) -> Iterator[AtWork]:
        return iter([each for sweep in self._sweeps for each in (*sweep.young, *sweep.old)])

    def __len__(self) -> int:
        return sum(len(sweep.young) + len(sweep.old) for sweep in self._sweeps)

    def join(self, connection: AtWork, loop: asyncio.AbstractEventLoop) -> dict[AtWork, int]:
        """A handler starts. The sweep looks at its connection when it has lasted for a while.

        Gives what the connection takes itself out of when the handler has ended. If it is not
        there, `leave` is to be called.
        """
        sweep = self._sweep
        if sweep is None or sweep.loop is not loop or sweep.timer is None:
            sweep = self._sweep_on(loop)
            self._begin(sweep, connection)
            # PERF: the next one finds it here. While the application shuts down, none may.
            self._sweep = None if self.told else sweep
        young = sweep.young
        young[connection] = sweep.number
        return young

    def _begin(self, sweep: _Sweep, connection: AtWork) -> None:
        """Start the timer, and tell the connection of a shutdown that has begun."""
        if sweep.timer is None:
            sweep.start()
        if self.on_first is not None:
            on_first, self.on_first = self.on_first, None
            on_first(connection)
        if self.told:
            connection.shut_down()

    def look_again(self, connection: AtWork, loop: asyncio.AbstractEventLoop) -> None:
        """Have the sweep look once more at a connection that has joined."""
        sweep = self._sweep_on(loop)
        sweep.old.discard(connection)
        sweep.young[connection] = sweep.number
        if sweep.timer is None:
            sweep.start()

    def leave(self, connection: AtWork) -> None:
        """Forget a connection that was looked at: its handler has ended."""
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
        """The seconds between two sweeps; with 0 a connection is looked at as soon as it waits."""
        config = self._app.config
        period: float = config["DISCONNECT_CHECK_AFTER"]
        for key in ("BODY_TIMEOUT", "RESPONSE_TIMEOUT"):
            timeout = config[key]
            if isinstance(timeout, (int, float)):
                period = min(period, timeout * _LATE)
        return period

    def shut_down(self) -> None:
        """Tell all connections that the application shuts down."""
        self.told = True
        self._sweep = None  # whoever joins now is told, too
        for connection in self:
            connection.shut_down()
