"""What attacks are made on: each server with the site, and the check that nothing is left."""

import contextlib
import functools
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from attackers import Answer, Headers, ask
from servers.processes import HTTP2, SERVERS, TESTS, Server, make_certificate, serving

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


@pytest.fixture(scope="session")
def targets(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Target]]:
    """``targets("uvicorn")`` runs the site, other arguments other applications, each once."""
    cert = make_certificate(tmp_path_factory.mktemp("certificate"))
    with contextlib.ExitStack() as stack:

        @functools.cache
        def start(
            name: str, app: str = "attacks.site:app", *options: str, cwd: Path = TESTS
        ) -> Target:
            options = (*OPTIONS.get(name, ()), *options)
            server = stack.enter_context(serving(name, app, *options, cwd=cwd, cert=cert))
            target = Target(server)
            target.warm_up()
            return target

        yield start


@pytest.fixture(params=SERVERS)
def target(request: pytest.FixtureRequest, targets: Callable[..., Target]) -> Iterator[Target]:
    """The site on each server in turn. After the test nothing may be left of it.

    What the server says meanwhile is the test's output.
    """
    target = targets(request.param)
    said = len(target.server.process.said().encode())
    yield target
    try:
        target.settle()
    finally:
        print(target.server.process.said(said))


@pytest.fixture(params=HTTP2)
def http2_target(
    request: pytest.FixtureRequest, targets: Callable[..., Target]
) -> Iterator[Target]:
    """The same, of the servers that speak HTTP/2."""
    target = targets(request.param)
    said = len(target.server.process.said().encode())
    yield target
    try:
        target.settle()
    finally:
        print(target.server.process.said(said))
