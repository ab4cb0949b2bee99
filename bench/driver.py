"""The server in this process: scopes, receive and send as a server makes them, and the clock.

Like a server it makes a task per request and a fresh scope with fresh header bytes; sixteen
connections take turns. Under WSGI requests follow one another without a loop. The clock is the CPU
time of the whole process: threads count, other processes do not.
"""

import asyncio
import contextlib
import io
import sys
import time
from collections import deque
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

    __slots__ = ("body", "ended", "headers", "pieces", "read", "status")

    def __init__(self, scenario: Scenario) -> None:
        self.pieces = scenario.pieces
        self.read = 0
        self.status = 0
        self.headers: list[tuple[bytes, bytes]] = []
        self.body: list[bytes] = []
        # Set when the response is complete; an event only if someone waits for the disconnect.
        self.ended: bool | asyncio.Event = False

    async def receive(self) -> Message:
        if self.read < len(self.pieces):
            piece = self.pieces[self.read]
            self.read += 1
            more = self.read < len(self.pieces)
            return {"type": "http.request", "body": piece, "more_body": more}
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


class Conversation:
    """The server's end of one websocket: each echo brings the next message, a turn of the loop on.

    The client leaves after the last echo. The status is 101 if all were right.
    """

    __slots__ = ("body", "echoed", "headers", "inbox", "messages", "status", "waiter")

    def __init__(self, scenario: Scenario) -> None:
        self.messages = scenario.messages
        self.echoed = 0
        self.status = 0
        self.headers: list[tuple[bytes, bytes]] = []
        self.body: list[bytes] = []
        self.inbox: deque[Message] = deque([{"type": "websocket.connect"}])
        self.waiter: asyncio.Future[None] | None = None

    async def receive(self) -> Message:
        while not self.inbox:
            self.waiter = asyncio.get_running_loop().create_future()
            await self.waiter
        return self.inbox.popleft()

    async def send(self, message: Message) -> None:
        if message["type"] == "websocket.send":
            if message.get("text") != f"message {self.echoed}":
                raise WrongAnswer(f"echo {self.echoed}: {message}")
            self.echoed += 1
        elif message["type"] != "websocket.accept":
            return
        asyncio.get_running_loop().call_soon(self._deliver)

    def _deliver(self) -> None:
        if self.echoed < self.messages:
            self.inbox.append({"type": "websocket.receive", "text": f"message {self.echoed}"})
        else:
            self.status = 101
            self.inbox.append({"type": "websocket.disconnect", "code": 1000})
        if self.waiter is not None and not self.waiter.done():
            self.waiter.set_result(None)

    async def run(self, app: App, scope: Message, status: int) -> None:
        await app(scope, self.receive, self.send)
        if self.status != status:
            raise WrongAnswer(f"{scope['path']}: {self.echoed} of {self.messages} echoes")


class Client:
    """A client that asks one application one scenario's request again and again."""

    def __init__(self, app: App, scenario: Scenario, state: dict[str, Any]) -> None:
        self.app = app
        self.scenario = scenario
        self.state = state
        self.path = scenario.path
        self.header_block = b"\n".join((BROWSER_HEADERS, *scenario.header_lines))
        self.sent = 0

    async def check(self) -> None:
        """Sign in where the scenario does, ask once, and look at the whole answer."""
        if self.scenario.signs_in:
            self.path = self.scenario.signs_in
            cookies = (await self.answer()).cookies
            self.path = self.scenario.path
            self.header_block += b"\ncookie: " + cookies
        answer = await self.answer()
        if not self.scenario.is_right(answer, self.sent):
            raise WrongAnswer(f"{self.scenario.name}: {answer}")

    async def measure(self, requests: int) -> float:
        """CPU seconds that `requests` requests took, with caches warm from some before them."""
        if not self.scenario.messages:  # A conversation is long enough to be warm for most of it.
            await self.ask(CONNECTIONS)
        calls.before = calls.after = 0
        start = time.process_time()
        await self.ask(requests)
        seconds = time.process_time() - start
        expected = self.scenario.hooks * requests
        if (calls.before, calls.after) != (expected, expected):
            raise WrongAnswer(f"{calls.before} before and {calls.after} after, not {expected} each")
        return seconds

    def next_target(self) -> tuple[str, str]:
        """Path and query of the next request."""
        self.sent += 1
        return self.path.format(self.sent), self.scenario.query.format(self.sent)

    async def answer(self) -> Answer:
        """Ask once."""
        raise NotImplementedError

    async def ask(self, requests: int) -> None:
        """Ask so often, and compare the status."""
        raise NotImplementedError


class ASGIClient(Client):
    """Sixteen connections."""

    def make_scope(self) -> Message:
        path, query = self.next_target()
        scope = {
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
            "query_string": query.encode("ascii"),
            # Splitting makes new bytes objects, as a server's parser does: no hash is remembered.
            "headers": [tuple(line.split(b": ", 1)) for line in self.header_block.split(b"\n")],
            "state": self.state.copy(),
        }
        if self.scenario.messages:
            del scope["method"]
            scope |= {"type": "websocket", "scheme": "ws", "subprotocols": []}
        return scope

    def make_exchange(self) -> Exchange | Conversation:
        return Conversation(self.scenario) if self.scenario.messages else Exchange(self.scenario)

    async def answer(self) -> Answer:
        exchange = self.make_exchange()
        await exchange.run(self.app, self.make_scope(), self.scenario.status)
        return Answer(exchange.status, exchange.headers, b"".join(exchange.body))

    async def ask(self, requests: int) -> None:
        loop = asyncio.get_running_loop()
        finished = loop.create_future()
        tasks: set[asyncio.Task[None]] = set()
        left = requests

        def ask() -> None:
            nonlocal left
            left -= 1
            exchange = self.make_exchange()
            task = loop.create_task(exchange.run(self.app, self.make_scope(), self.scenario.status))
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


class WSGIClient(Client):
    """One connection: what a WSGI server's worker thread does. `async` only to be driven alike."""

    def make_environ(self) -> dict[str, Any]:
        path, query = self.next_target()
        environ: dict[str, Any] = {
            "REQUEST_METHOD": self.scenario.method,
            "SCRIPT_NAME": "",
            "PATH_INFO": path,
            "QUERY_STRING": query,
            "REQUEST_URI": path,
            "SERVER_NAME": "127.0.0.1",
            "SERVER_PORT": "8000",
            "SERVER_PROTOCOL": "HTTP/1.1",
            "REMOTE_ADDR": "127.0.0.1",
            "REMOTE_PORT": "54321",
            "wsgi.version": (1, 0),
            "wsgi.url_scheme": "http",
            "wsgi.input": io.BytesIO(self.scenario.body),
            "wsgi.errors": sys.stderr,
            "wsgi.multithread": True,
            "wsgi.multiprocess": False,
            "wsgi.run_once": False,
        }
        for line in self.header_block.decode("latin-1").split("\n"):
            name, value = line.split(": ", 1)
            key = name.upper().replace("-", "_")
            environ[key if key in ("CONTENT_TYPE", "CONTENT_LENGTH") else "HTTP_" + key] = value
        return environ

    def exchange(self) -> tuple[str, list[tuple[str, str]], list[bytes]]:
        status, headers, body = "", [], []

        def start_response(to_status: str, to_headers: list[tuple[str, str]], *_: Any) -> None:
            nonlocal status, headers
            status, headers = to_status, to_headers

        chunks = self.app(self.make_environ(), start_response)
        try:
            body.extend(chunks)
        finally:
            if hasattr(chunks, "close"):
                chunks.close()
        if int(status[:3]) != self.scenario.status:
            raise WrongAnswer(f"{self.scenario.name}: status {status}")
        return status, headers, body

    async def answer(self) -> Answer:
        status, headers, body = self.exchange()
        pairs = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers]
        return Answer(int(status[:3]), pairs, b"".join(body))

    async def ask(self, requests: int) -> None:
        for _ in range(requests):
            self.exchange()


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
