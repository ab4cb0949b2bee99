"""An application with a view of every kind, and what tells how it bears an attack.

Its timeouts are short, so that tests need not wait for long: BODY_TIMEOUT is 2 seconds,
RESPONSE_TIMEOUT 3.
"""

import asyncio
import gc
import os
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from typing import Any

from quart import Quart, request, send_file, sse_response, websocket
from quart.ctx import AppContext

PIECE = b"x" * 65_536
TEXT = {"Content-Type": "text/plain"}

app = Quart(__name__, static_folder=None)
app.secret_key = "for these tests alone"
app.config["BODY_TIMEOUT"] = 2
app.config["RESPONSE_TIMEOUT"] = 3


# --- views ----------------------------------------------------------------------------------


@app.get("/")
async def index() -> Any:
    """Answer at once."""
    return "hello", TEXT


@app.get("/sync")
def sync() -> Any:
    """Answer from a worker thread."""
    return "hello", TEXT


@app.get("/sync/<float:seconds>")
def slow_sync(seconds: float) -> Any:
    """Keep a worker thread for so long."""
    time.sleep(seconds)
    return "hello", TEXT


@app.get("/slow/<float:seconds>")
async def slow(seconds: float) -> Any:
    """Wait for so long."""
    await asyncio.sleep(seconds)
    return "hello", TEXT


@app.get("/never")
async def never() -> Any:
    """Wait for ever."""
    await asyncio.Event().wait()


@app.get("/small")
async def small() -> Any:
    """As much as is sent in one message, from memory."""
    return PIECE[:60_000], TEXT


@app.get("/large")
async def large() -> Any:
    """More than any buffer holds, from memory."""
    return PIECE * 256, TEXT


@app.get("/endless")
async def endless() -> Any:
    """Send without end, and without a timeout."""

    async def pieces() -> AsyncIterator[bytes]:
        while True:
            yield PIECE

    response = app.response_class(pieces(), content_type="text/plain")
    response.timeout = None
    return response


@app.get("/stream")
async def stream() -> Any:
    """Send 16 MB from an async generator, within RESPONSE_TIMEOUT."""

    async def pieces() -> AsyncIterator[bytes]:
        for _ in range(256):
            yield PIECE

    return pieces(), TEXT


@app.get("/generator/<float:seconds>")
def generator(seconds: float) -> Any:
    """Send 1000 items from a generator in a worker thread, each after so long."""

    def items() -> Iterator[bytes]:
        for _ in range(1000):
            time.sleep(seconds)
            yield b"item\n"

    return items(), TEXT


@app.get("/events")
async def events() -> Any:
    """Send an event every 10 ms, for ever."""

    async def ticks() -> AsyncIterator[str]:
        while True:
            yield "tick" * 1000
            await asyncio.sleep(0.01)

    return sse_response(ticks())


@app.get("/file")
async def file() -> Any:
    """Send a file."""
    return await send_file(__file__)


@app.post("/body")
async def body() -> Any:
    """Read the body, and answer with its size."""
    return str(len(await request.get_data())), TEXT


@app.post("/pieces")
async def pieces() -> Any:
    """Read the body piece by piece, and answer with its size."""
    size = 0
    async for piece in request.body:
        size += len(piece)
    return str(size), TEXT


@app.post("/sync/body")
def sync_body() -> Any:
    """Read the body in a worker thread."""
    data: Any = request.get_data()
    return str(len(data)), TEXT


@app.post("/form")
async def form() -> Any:
    """Parse a form, and answer with the numbers of fields and files."""
    fields, files = await request.form, await request.files
    return f"{len(fields)} {len(files)}", TEXT


@app.post("/json")
async def json() -> Any:
    """Parse JSON."""
    return type(await request.get_json()).__name__, TEXT


@app.post("/unread")
async def unread() -> Any:
    """Never read the body, and wait for ever."""
    await asyncio.Event().wait()


@app.websocket("/ws")
async def echo() -> None:
    """Send back what comes."""
    async for message in websocket:
        await websocket.send(message)


@app.websocket("/ws/unread")
async def ws_unread() -> None:
    """Accept, never receive, and wait for ever."""
    await websocket.accept()
    await asyncio.Event().wait()


@app.websocket("/ws/ticks")
async def ws_ticks() -> None:
    """Send for ever, and never receive."""
    while True:
        await websocket.send("tick" * 1000)
        await asyncio.sleep(0.01)


# --- below a mount --------------------------------------------------------------------------


def wsgi(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    """Answer "hello" at ``/``, 16 MB at ``/large``, the size of the body at ``/body``."""
    start_response("200 OK", [("Content-Type", "text/plain")])
    match environ["PATH_INFO"]:
        case "/large":
            return (PIECE for _ in range(256))
        case "/body":
            return [str(len(environ["wsgi.input"].read())).encode()]
    return [b"hello"]


inner = Quart("inner", root_path=app.root_path, static_folder=None)
inner.add_url_rule("/", "index", index)
inner.add_url_rule("/never", "never", never)
inner.add_url_rule("/endless", "endless", endless)
app.mount("/wsgi", wsgi)
app.mount("/inner", inner)


# --- how it bears it ------------------------------------------------------------------------

# Where a thread of ours is that has nothing to do.
IDLE = {"_work", "_worker"}


@app.get("/left")
async def left() -> Any:
    """What there is while this one request is answered, after the garbage has been collected."""
    gc.collect()
    frames = sys._current_frames()
    threads = [frames[thread.ident] for thread in threading.enumerate() if thread.ident in frames]
    return {
        "tasks": len(asyncio.all_tasks()),
        "threads": sum(frame.f_code.co_name not in IDLE for frame in threads),
        "descriptors": len(os.listdir("/proc/self/fd")),
        # A proxy says that it is an instance of what it stands for.
        "contexts": sum(issubclass(type(each), AppContext) for each in gc.get_objects()),
    }


longest = {"seconds": 0.0}


@app.while_serving
async def measure() -> AsyncIterator[None]:
    """Note how long the event loop is kept from its work. (Daphne has no lifespan: 0 there.)"""

    async def look_at_the_clock() -> None:
        while True:
            before = time.monotonic()
            await asyncio.sleep(0.01)
            longest["seconds"] = max(longest["seconds"], time.monotonic() - before - 0.01)

    task = asyncio.create_task(look_at_the_clock())
    yield
    task.cancel()


@app.get("/lag")
async def lag() -> Any:
    """The longest time (seconds) that the event loop was kept, since this was asked last."""
    seconds, longest["seconds"] = longest["seconds"], 0.0
    return {"seconds": seconds}
