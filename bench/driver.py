"""The server in this process: scopes, receive and send as a server makes them, and the clock.

Like a server it makes a task per request and a fresh scope with fresh header bytes; sixteen
connections take turns. The clock is the CPU time of the whole process: threads count, other
processes do not.
"""

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from apps.common import calls
from scenarios import Answer, Scenario

Message = MutableMapping[str, Any]
App = Callable[
    [Message, Callable[[], Awaitable[Message]], Callable[[Message], Awaitable[None]]],
    Awaitable[None],
]

CONNECTIONS = 16

BROWSER_HEADERS = b"""\
host: bench.example:8000
user-agent: Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0
accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8
accept-language: en-GB,en;q=0.7,de;q=0.3
accept-encoding: gzip, deflate, br, zstd
connection: keep-alive
upgrade-insecure-requests: 1
cache-control: max-age=0"""


class WrongAnswer(Exception):
    """The application answered something else than the scenario expects."""


class Exchange:
    """The server's end of one request and its response."""

    __slots__ = ("body", "ended", "headers", "status", "unread")

    def __init__(self) -> None:
        self.unread = True
        self.status = 0
        self.headers: list[tuple[bytes, bytes]] = []
        self.body: list[bytes] = []
        # Set when the response is complete; an event only if someone waits for the disconnect.
        self.ended: bool | asyncio.Event = False

    async def receive(self) -> Message:
        if self.unread:
            self.unread = False
            return {"type": "http.request", "body": b"", "more_body": False}
        if self.ended is False:
            self.ended = asyncio.Event()
        if self.ended is not True:
            await self.ended.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self.headers = list(message.get("headers", ()))
        else:
            self.body.append(message.get("body", b""))
            if not message.get("more_body", False):
                if self.ended is not False:
                    self.ended.set()
                self.ended = True

    async def run(self, app: App, scope: Message, status: int) -> None:
        await app(scope, self.receive, self.send)
        if self.status != status or self.ended is not True:
            raise WrongAnswer(f"{scope['path']}: status {self.status}, complete: {self.ended}")


class Client:
    """Sixteen connections that ask one application one scenario's request again and again."""

    def __init__(self, app: App, scenario: Scenario, state: dict[str, Any]) -> None:
        self.app = app
        self.scenario = scenario
        self.state = state
        self.header_block = BROWSER_HEADERS
        self.sent = 0

    def make_scope(self) -> Message:
        self.sent += 1
        path = self.scenario.path.format(self.sent)
        return {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.3"},
            "http_version": "1.1",
            "server": ("127.0.0.1", 8000),
            "client": ("127.0.0.1", 54321),
            "scheme": "http",
            "root_path": "",
            "method": self.scenario.method,
            "path": path,
            "raw_path": path.encode("ascii"),
            "query_string": b"",
            # Splitting makes new bytes objects, as a server's parser does: no hash is remembered.
            "headers": [tuple(line.split(b": ", 1)) for line in self.header_block.split(b"\n")],
            "state": self.state.copy(),
        }

    async def check(self) -> None:
        """Ask once and look at the whole answer."""
        exchange = Exchange()
        await exchange.run(self.app, self.make_scope(), self.scenario.status)
        answer = Answer(exchange.status, exchange.headers, b"".join(exchange.body))
        if not self.scenario.is_right(answer, self.sent):
            raise WrongAnswer(f"{self.scenario.name}: {answer}")

    async def measure(self, requests: int) -> float:
        """CPU seconds that `requests` requests took, with caches warm from some before them."""
        await self._ask(CONNECTIONS)
        calls.before = calls.after = 0
        start = time.process_time()
        await self._ask(requests)
        seconds = time.process_time() - start
        expected = self.scenario.hooks * requests
        if (calls.before, calls.after) != (expected, expected):
            raise WrongAnswer(f"{calls.before} before and {calls.after} after, not {expected} each")
        return seconds

    async def _ask(self, requests: int) -> None:
        loop = asyncio.get_running_loop()
        finished = loop.create_future()
        tasks: set[asyncio.Task[None]] = set()
        left = requests

        def ask() -> None:
            nonlocal left
            left -= 1
            scope = self.make_scope()
            task = loop.create_task(Exchange().run(self.app, scope, self.scenario.status))
            tasks.add(task)
            task.add_done_callback(on_done)

        def on_done(task: asyncio.Task[None]) -> None:
            tasks.discard(task)
            if error := task.exception():
                finished.done() or finished.set_exception(error)
            elif left:
                ask()
            elif not tasks:
                finished.done() or finished.set_result(None)

        for _ in range(min(CONNECTIONS, requests)):
            ask()
        await finished


class Lifespan:
    """The lifespan protocol for one application, from start to stop."""

    def __init__(self, app: App) -> None:
        self.app = app
        self.state: dict[str, Any] = {}
        self._to_app: asyncio.Queue[Message] = asyncio.Queue()
        self._from_app: asyncio.Queue[Message] = asyncio.Queue()

    async def start(self) -> None:
        self._task = asyncio.create_task(self._run())
        await self._tell("startup")

    async def stop(self) -> None:
        await self._tell("shutdown")
        await self._task

    async def _run(self) -> None:
        scope = {
            "type": "lifespan",
            "asgi": {"version": "3.0", "spec_version": "2.0"},
            "state": self.state,
        }
        # An application without lifespan raises or returns: servers carry on.
        with contextlib.suppress(Exception):
            await self.app(scope, self._to_app.get, self._from_app.put)

    async def _tell(self, event: str) -> None:
        await self._to_app.put({"type": f"lifespan.{event}"})
        answer = asyncio.create_task(self._from_app.get())
        await asyncio.wait({answer, self._task}, return_when=asyncio.FIRST_COMPLETED)
        if not answer.done():
            answer.cancel()
        elif answer.result()["type"] != f"lifespan.{event}.complete":
            raise WrongAnswer(f"lifespan: {answer.result()}")
