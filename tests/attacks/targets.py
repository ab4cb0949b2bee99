"""What attacks are made on: each server with the site, and the check that nothing is left."""

import time
from dataclasses import dataclass, field

from attackers import Answer, Headers, ask
from servers.processes import Server

#: Seconds within which nothing may be left of an attack that is over.
SETTLED = 5.0

# Hypercorn keeps a connection that has said nothing, such as that which finds out whether its port
# is open, as long as one that is kept alive.
OPTIONS = {"hypercorn": ("--keep-alive", "1")}


@dataclass
class Target:
    """A server with the site of `site.py`, or another application of the same views.

    `idle` is what `left` gives of a server that has nothing to do: the numbers of tasks, of
    threads at work, of descriptors and of contexts.
    """

    server: Server
    idle: dict[str, int] = field(default_factory=dict)

    @property
    def name(self) -> str:
        return self.server.name

    @property
    def port(self) -> int:
        return self.server.port

    def ask(
        self, path: str, method: str = "GET", headers: Headers = (), body: bytes = b""
    ) -> Answer:
        """Make one request, as a client that means well."""
        return ask(self.port, path, method, headers, body)

    def left(self) -> dict[str, int]:
        """What there is in the process now."""
        return self.ask("/left").json

    def lag(self) -> float:
        """The longest time (seconds) that the event loop was kept, since this was called last."""
        return self.ask("/lag").json["seconds"]

    def warm_up(self) -> None:
        """Use all that is made once, and learn what there is without an attack."""
        for path in ("/", "/sync", "/file", "/wsgi/", "/inner/", "/generator/0.0"):
            assert 200 == self.ask(path).status, path
        form = [("Content-Type", "application/x-www-form-urlencoded")]
        assert b"1 0" == self.ask("/form", "POST", form, b"a=1").body
        time.sleep(1.5 if self.name == "hypercorn" else 0.2)
        self.idle = self.left()

    def more_than_idle(self) -> dict[str, int]:
        """What there is now that was not there before."""
        now = self.left()
        return {
            name: now[name] - number for name, number in self.idle.items() if now[name] > number
        }

    def settle(self, seconds: float = SETTLED) -> None:
        """Wait until nothing is left; fails if anything is after so many seconds."""
        deadline = time.monotonic() + seconds
        while more := self.more_than_idle():
            assert time.monotonic() < deadline, f"left {seconds} s after the attack: {more}"
            time.sleep(0.1)
