"""One message to many websockets of a process: `quart.broadcast`, Starlette with broadcaster.

    python bench/broadcast.py [websockets]

runs both on Uvicorn, in memory, twice, and prints for 5,000 websockets by default the milliseconds
from a message to the last client that has it (the median of twenty), those of CPU that the server
took, and the kilobytes of resident memory for each websocket. The bar is Starlette's, for all
three. It makes an environment for Starlette below `.venvs/`.
"""

import asyncio
import os
import resource
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import venv
from pathlib import Path

COUNT = int(sys.argv[1]) if len(sys.argv) > 1 else 5000
MESSAGES = 20
PLACE = Path(__file__).resolve().parent / ".venvs" / "broadcaster"

OURS = """\
import asyncio
from quart import Quart, request, websocket
from quart.broadcast import Rooms

app = Quart(__name__)
rooms = Rooms(app)

@app.websocket("/ws")
async def ws():
    async with rooms.join("all") as messages:
        await websocket.accept()
        async for message in messages:
            await websocket.send(message)

@app.post("/send")
async def send():
    await rooms.send("all", await request.get_data(as_text=True))
    return ""
"""

THEIRS = """\
import contextlib
from broadcaster import Broadcast
from starlette.applications import Starlette
from starlette.responses import Response
from starlette.routing import Route, WebSocketRoute

broadcast = Broadcast("memory://")

@contextlib.asynccontextmanager
async def lifespan(app):
    async with broadcast:
        yield

async def ws(websocket):
    async with broadcast.subscribe(channel="all") as subscriber:
        await websocket.accept()
        async for event in subscriber:
            await websocket.send_text(event.message)

async def send(request):
    await broadcast.publish(channel="all", message=(await request.body()).decode())
    return Response()

app = Starlette(
    routes=[WebSocketRoute("/ws", ws), Route("/send", send, methods=["POST"])], lifespan=lifespan
)
"""

HANDSHAKE = (
    b"GET /ws HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)
SEND = b"POST /send HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n\r\nhello"
FRAME = b"\x81\x05hello"


class Client(asyncio.Protocol):
    """A websocket that counts what it receives."""

    waiting = 0
    done: asyncio.Future[None]

    def __init__(self) -> None:
        self.opened = asyncio.get_running_loop().create_future()
        self.buffer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        transport.write(HANDSHAKE)  # type: ignore[attr-defined]

    def data_received(self, data: bytes) -> None:
        if not self.opened.done():
            self.buffer += data
            if b"\r\n\r\n" in self.buffer:
                assert b" 101 " in self.buffer, self.buffer
                self.opened.set_result(None)
            return
        Client.waiting -= data.count(FRAME)
        if not Client.waiting:
            Client.done.set_result(None)


def memory(pid: int) -> int:
    """Resident kilobytes."""
    return (
        int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") // 1024
    )


def cpu(pid: int) -> float:
    """Milliseconds of CPU so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) * 1000 / os.sysconf("SC_CLK_TCK")


async def measure(python: str | Path, source: str) -> tuple[float, float, float]:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with tempfile.TemporaryDirectory() as directory:
        Path(directory, "site_.py").write_text(source)
        command = [
            python,
            "-m",
            "uvicorn",
            "site_:app",
            "--port",
            str(port),
            "--log-level",
            "error",
        ]
        command += ["--ws-ping-interval", "600"]
        server = subprocess.Popen(command, cwd=directory)
        try:
            for _ in range(200):
                try:
                    reader, writer = await asyncio.open_connection("127.0.0.1", port)
                    break
                except OSError:
                    await asyncio.sleep(0.1)
            loop = asyncio.get_running_loop()
            before = memory(server.pid)
            for start in range(0, COUNT, 100):
                clients = [
                    (await loop.create_connection(Client, "127.0.0.1", port))[1]
                    for _ in range(min(100, COUNT - start))
                ]
                await asyncio.wait_for(asyncio.gather(*[each.opened for each in clients]), 60)
            await asyncio.sleep(1)
            held = memory(server.pid) - before
            times, spent = [], cpu(server.pid)
            for _ in range(MESSAGES):
                Client.waiting, Client.done = COUNT, loop.create_future()
                began = time.perf_counter()
                writer.write(SEND)
                await asyncio.wait_for(Client.done, 60)
                times.append(time.perf_counter() - began)
                await reader.readuntil(b"\r\n\r\n")
            spent = (cpu(server.pid) - spent) / MESSAGES
            return statistics.median(times) * 1000, spent, held / COUNT
        finally:
            server.kill()
            server.wait()


def starlette() -> Path:
    python = PLACE / "bin" / "python"
    if not python.exists():
        venv.create(PLACE, with_pip=True)
        packages = ["starlette", "broadcaster", "uvicorn", "websockets", "uvloop", "httptools"]
        subprocess.run([python, "-m", "pip", "install", "-q", *packages], check=True)
    return python


def main() -> None:
    limit = 2 * COUNT + 1000
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, max(limit, resource.getrlimit(7)[1])))
    python = starlette()
    for name, where, source in (
        ("Quart", sys.executable, OURS),
        ("Starlette with broadcaster", python, THEIRS),
    ) * 2:
        milliseconds, busy, kilobytes = asyncio.run(measure(where, source))
        print(f"{name:28} {milliseconds:7.1f} ms, {busy:7.1f} of CPU {kilobytes:6.1f} KB each")


if __name__ == "__main__":
    main()
