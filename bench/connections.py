"""What connections that stay open cost: websockets, event streams, and the end of the process.

    python bench/connections.py [--write]

Beside a raw ASGI application and Starlette, in one run; servers run on loopback and are ended.
"""

import argparse
import asyncio
import contextlib
import gc
import importlib.metadata
import json
import os
import random
import re
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

from frameworks import BENCH, CHECKOUT, Framework
from report import Spread, measured_on, table, write

APPS = {"raw": "raw ASGI", "quart": "Quart (this checkout)", "starlette": "Starlette"}
SERVERS = {
    "uvicorn": ["uvicorn", "apps.connections:app", "--log-level", "warning", "--port"],
    "hypercorn": ["hypercorn", "apps.connections:app", "--bind"],
}
MESSAGES = 1000  # echoed by one connection
OFFERED = 20_000  # to a handler that sleeps
FLOOD = 60_000_000  # bytes
IDLE = 500  # websockets
COLLECTED = 5000  # websockets, which a full garbage collection looks through
OPEN = 100  # websockets, and as many event streams
PATIENCE = 15  # seconds for anything that a server should do at once

environment = Framework(
    "connections",
    "the applications and servers",
    "connections",
    ("--editable", str(CHECKOUT), "starlette", "uvicorn", "websockets"),
)


# At the ASGI seam: echoes, and a handler that sleeps


class Peer:
    """The server and the client of one websocket.

    A client that waits sends its next message when it has the echo of the last; else all are there.
    """

    def __init__(self, messages: int, waits: bool) -> None:
        self.loop = asyncio.get_running_loop()
        self.messages, self.waits = messages, waits
        self.ready = 0 if waits else messages
        self.pulled = self.echoed = 0
        self.connected = False
        self.waiter: asyncio.Future[None] | None = None
        self.began = self.seconds = 0.0

    async def receive(self) -> dict[str, Any]:
        if not self.connected:
            self.connected = True
            return {"type": "websocket.connect"}
        while not self.ready:
            if self.echoed == self.messages:
                return {"type": "websocket.disconnect", "code": 1000}
            self.waiter = self.loop.create_future()
            await self.waiter
        self.ready -= 1
        self.pulled += 1
        return {"type": "websocket.receive", "text": "x" * 20}

    async def send(self, message: dict[str, Any]) -> None:
        if message["type"] == "websocket.accept":
            self.began = time.process_time()
        else:
            self.echoed += 1
            if self.echoed == self.messages:
                self.seconds = time.process_time() - self.began
                self._wake()
                return
        if self.waits:
            self.loop.call_soon(self._next)

    def _next(self) -> None:
        self.ready += 1
        self._wake()

    def _wake(self) -> None:
        if self.waiter is not None and not self.waiter.done():
            self.waiter.set_result(None)


class SilentPeer(Peer):
    """A client that opens a websocket and sends nothing."""

    def __init__(self) -> None:
        super().__init__(1, waits=True)

    def _next(self) -> None: ...


def scope(path: str) -> dict[str, Any]:
    headers = [(b"host", b"bench.example"), (b"upgrade", b"websocket"), (b"origin", b"http://a.b")]
    return {
        "type": "websocket",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "scheme": "ws",
        "server": ("127.0.0.1", 8000),
        "client": ("127.0.0.1", 54321),
        "root_path": "",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "headers": headers,
        "subprotocols": [],
        "state": {},
    }


async def echo(app: Any, waits: bool) -> float:
    """Microseconds of CPU for one message."""
    peer = Peer(MESSAGES, waits)
    await asyncio.create_task(app(scope("/echo"), peer.receive, peer.send))
    assert peer.echoed == MESSAGES, peer.echoed
    return peer.seconds * 1e6 / MESSAGES


async def offer(app: Any) -> int:
    """How many messages a handler that sleeps has pulled after a second."""
    peer = Peer(OFFERED, waits=False)
    task = asyncio.create_task(app(scope("/sleep"), peer.receive, peer.send))
    await asyncio.sleep(1)
    task.cancel()
    await asyncio.wait([task])
    return peer.pulled


async def collect(app: Any) -> list[float]:
    """Milliseconds of a full garbage collection while websockets wait, and objects for each."""
    gc.collect()
    objects = len(gc.get_objects())
    peers = [SilentPeer() for _ in range(COLLECTED)]
    tasks = [asyncio.create_task(app(scope("/idle"), peer.receive, peer.send)) for peer in peers]
    await asyncio.sleep(1)
    gc.collect()
    objects = len(gc.get_objects()) - objects
    times = []
    for _ in range(9):
        began = time.process_time()
        gc.collect()
        times.append((time.process_time() - began) * 1e3)
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)
    return [statistics.median(times), objects / COLLECTED]


def work(name: str) -> None:
    """A process with one application, which does as it is told on standard input."""
    from apps import connections

    app = getattr(connections, name)()
    with asyncio.Runner() as runner:
        for line in sys.stdin:
            wanted = json.loads(line)
            if wanted == "collect":
                answer: Any = runner.run(collect(app))
            else:
                answer = runner.run(offer(app) if wanted is None else echo(app, wanted))
            print(json.dumps(answer), flush=True)


class Worker:
    def __init__(self, name: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, __file__, "--work", name],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            bufsize=1,
        )

    def ask(self, wanted: bool | str | None) -> Any:
        """An echo that is waited for or not, by a bool; an offer, by None; or "collect"."""
        assert self.process.stdin and self.process.stdout
        self.process.stdin.write(json.dumps(wanted) + "\n")
        return json.loads(self.process.stdout.readline())

    def close(self) -> None:
        assert self.process.stdin and self.process.stdout
        self.process.stdin.close()
        self.process.wait(PATIENCE)
        self.process.stdout.close()


def echoes(rounds: int) -> Iterator[str]:
    with contextlib.ExitStack() as stack:
        workers = {name: stack.enter_context(contextlib.closing(Worker(name))) for name in APPS}
        rows = [["echo of 1,000 messages", *APPS.values()]]
        for title, waits in (("each waited for", True), ("all there at once", False)):
            figures: dict[str, list[float]] = defaultdict(list)
            for name in APPS:
                workers[name].ask(waits)  # warm
            for _ in range(rounds):
                for name in random.sample(list(APPS), len(APPS)):
                    figures[name].append(workers[name].ask(waits))
            raw = statistics.median(figures["raw"])
            over = {name: [each - raw for each in figures[name]] for name in APPS if name != "raw"}
            rows.append([title, f"{raw:.2f}", *(spread(each) for each in over.values())])
        yield (
            "Microseconds of CPU per message at the ASGI seam: raw's, and what the others need"
            f" over it, median (quartiles) of {rounds} interleaved rounds:\n\n{table(rows)}"
        )
        pulled = {APPS[name]: workers[name].ask(None) for name in APPS if name != "raw"}
        yield (
            f"{OFFERED:,} messages offered to a handler that sleeps, pulled after a second: "
            + ", ".join(f"{name} {count}" for name, count in pulled.items())
            + ". (Ours reads a little ahead, to notice that the client has gone.)"
        )


def collections(rounds: int) -> Iterator[str]:
    figures: dict[str, list[list[float]]] = defaultdict(list)
    for _ in range(rounds):
        for name in random.sample(list(APPS), len(APPS)):
            with contextlib.closing(Worker(name)) as worker:
                figures[name].append(worker.ask("collect"))
    rows = [["", *APPS.values()]]
    for place, title in enumerate(("milliseconds", "objects for each")):
        values = ([figure[place] for figure in figures[name]] for name in APPS)
        rows.append([title, *(spread(each, 1) for each in values)])
    yield (
        f"A full garbage collection at the ASGI seam while {COLLECTED:,} websockets wait, and the"
        " objects of theirs that it looks at, the server's included, median (quartiles) of"
        f" {rounds} interleaved rounds:\n\n{table(rows)}"
    )


def spread(values: list[float], digits: int = 2) -> str:
    found = Spread(*statistics.quantiles(values, n=4, method="inclusive"))
    return f"{found.median:.{digits}f} ({found.first:.{digits}f} to {found.third:.{digits}f})"


# Under servers


class Server:
    """A server with one application, in a process group of its own."""

    def __init__(self, server: str, app: str, **variables: str) -> None:
        with socket.socket() as found:
            found.bind(("127.0.0.1", 0))
            self.port: int = found.getsockname()[1]
        where = str(self.port) if server == "uvicorn" else f"127.0.0.1:{self.port}"
        self.process = subprocess.Popen(
            [sys.executable, "-m", *SERVERS[server], where],
            cwd=BENCH,
            env={**os.environ, **variables, "APP": app},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port)).close()
                return
            except OSError:
                if time.monotonic() > deadline or self.process.poll() is not None:
                    self.close()
                    raise
                time.sleep(0.05)

    def memory(self) -> float:
        """Kilobytes resident, of the process and its children."""
        kilobytes = 0
        for status in Path("/proc").glob("[0-9]*/status"):
            with contextlib.suppress(OSError):
                if os.getsid(int(status.parent.name)) == self.process.pid:
                    found = re.search(r"VmRSS:\s+(\d+)", status.read_text())
                    kilobytes += int(found[1]) if found else 0
        return kilobytes

    def interrupt(self) -> float:
        """Seconds from Ctrl-C to the end."""
        began = time.monotonic()
        os.kill(self.process.pid, signal.SIGINT)
        self.process.wait(60)
        return time.monotonic() - began

    def close(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


@contextlib.asynccontextmanager
async def websockets_to(server: Server, path: str, count: int) -> AsyncIterator[list[Any]]:
    import websockets

    async with contextlib.AsyncExitStack() as stack:
        opened = []
        for _ in range(count):
            connection = websockets.connect(
                f"ws://127.0.0.1:{server.port}{path}",
                ping_interval=None,
                close_timeout=0.1,
                compression=None,
            )
            opened.append(await stack.enter_async_context(connection))
        yield opened


async def flood(server: Server) -> tuple[float, float]:
    """Megabytes of the flood that left the client, and by how many the server grew meanwhile."""
    async with websockets_to(server, "/sleep", 1) as (ws,):
        await asyncio.sleep(0.5)
        before = most = server.memory()
        message, sent = b"x" * 65_536, 0

        async def send() -> None:
            nonlocal sent
            while sent < FLOOD:
                await ws.send(message)
                sent += len(message)

        task = asyncio.create_task(send())
        for _ in range(50):
            await asyncio.sleep(0.1)
            most = max(most, server.memory())
        task.cancel()
        await asyncio.wait([task])
        ws.transport.abort()
    return sent / 1e6, (most - before) / 1024


async def idle(server: Server) -> float:
    """Kilobytes for one idle websocket."""
    async with websockets_to(server, "/idle", 20):
        pass  # what is made once is made
    await asyncio.sleep(0.5)
    before = server.memory()
    async with websockets_to(server, "/idle", IDLE):
        await asyncio.sleep(0.5)
        return (server.memory() - before) / IDLE


async def leave_open(server: Server, teardowns: Path) -> tuple[float, int]:
    """Seconds from Ctrl-C to the end of the process, and how many connections were torn down."""
    async with websockets_to(server, "/idle", OPEN), contextlib.AsyncExitStack() as stack:
        for _ in range(OPEN):
            reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
            stack.callback(writer.close)
            writer.write(b"GET /events HTTP/1.1\r\nHost: bench.example\r\n\r\n")
            await asyncio.wait_for(reader.readuntil(b"data: x"), PATIENCE)
        seconds = await asyncio.to_thread(server.interrupt)
    return seconds, len(teardowns.read_bytes()) if teardowns.exists() else 0


def floods() -> Iterator[str]:
    rows = [["flood of 60 MB", "application", "left the client", "growth"]]
    for name in SERVERS:
        for app, title in APPS.items():
            with contextlib.closing(Server(name, app)) as server:
                left, growth = asyncio.run(flood(server))
                rows.append([name, title, f"{left:.1f} MB", f"{growth:.1f} MB"])
    yield (
        "Messages of 64 KiB sent for five seconds to a handler that sleeps, what of them left the"
        f" client, and by how much the server's resident memory grew:\n\n{table(rows)}"
    )


def memory(rounds: int) -> Iterator[str]:
    figures: dict[str, list[float]] = defaultdict(list)
    for _ in range(rounds):
        for name in random.sample(list(APPS), len(APPS)):
            with contextlib.closing(Server("uvicorn", name)) as server:
                figures[name].append(asyncio.run(idle(server)))
    rows = [["", *APPS.values()]]
    rows.append(["an idle websocket", *(spread(figures[name], 1) for name in APPS)])
    yield (
        f"Kilobytes of resident memory for one of {IDLE} idle websockets over Uvicorn,"
        f" median (quartiles) of {rounds} interleaved rounds:\n\n{table(rows)}"
    )


def ends(rounds: int) -> Iterator[str]:
    rows = [["Ctrl-C under", "seconds, slowest", "torn down, fewest"]]
    for name in SERVERS:
        outcomes = []
        for _ in range(rounds):
            with tempfile.TemporaryDirectory() as directory:
                teardowns = Path(directory) / "teardowns"
                server = Server(name, "quart", TEARDOWNS=str(teardowns))
                with contextlib.closing(server):
                    outcomes.append(asyncio.run(leave_open(server, teardowns)))
        slowest = max(seconds for seconds, _ in outcomes)
        fewest = min(count for _, count in outcomes)
        rows.append([name, f"{slowest:.2f}", f"{fewest} of {2 * OPEN}"])
    yield (
        f"Seconds from Ctrl-C to the end of the process with {OPEN} websockets and {OPEN} event"
        f" streams of ours open, and connections torn down, of {rounds} attempts:\n\n{table(rows)}"
    )


def notes() -> str:
    packages = ("starlette", "uvicorn", "hypercorn", "websockets")
    return measured_on([f"{name} {importlib.metadata.version(name)}" for name in packages])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=40, help="of echoes")
    parser.add_argument("--processes", type=int, default=5, help="rounds with new processes")
    parser.add_argument("--write", action="store_true", help="put the tables into bench/README.md")
    parser.add_argument("--work", choices=APPS, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.work:
        work(options.work)
        return
    environment.install()
    if Path(sys.executable) != environment.python:
        sys.exit(subprocess.run([environment.python, __file__, *sys.argv[1:]]).returncode)
    text = ""
    for measured in (
        echoes(options.rounds),
        floods(),
        memory(options.processes),
        collections(options.processes),
        ends(options.processes),
    ):
        for paragraph in measured:
            print(paragraph, end="\n\n", flush=True)
            text += f"{paragraph}\n\n"
    text += notes()
    print(notes())
    if options.write:
        write("connections", text)


if __name__ == "__main__":
    main()
