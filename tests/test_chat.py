"""The chat example: one process by itself, several through Redis, and in a browser."""

import asyncio
import contextlib
import importlib.util
import json
import os
import shutil
import signal
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import websockets
from asgi import Websocket, connect, get, settle
from browser import chromium
from servers.processes import TESTS, Process, free_port, running

CHAT = TESTS.parent / "examples" / "chat"
TIMEOUT = 30  # seconds, for a test with processes


def said(name: str, text: str) -> str:
    return json.dumps({"name": name, "text": text})


# --- one process ----------------------------------------------------------------------------


@pytest.fixture
def chat(monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    """The example as a module, for one process."""
    monkeypatch.delenv("REDIS_URL", raising=False)
    monkeypatch.syspath_prepend(CHAT)
    spec = importlib.util.spec_from_file_location("chat_example", CHAT / "app.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, spec.name, module)
    spec.loader.exec_module(module)
    yield module


async def test_the_page(chat: ModuleType) -> None:
    """It is there, with the limits that the server keeps."""
    response = await get(chat.app)

    assert 200 == response.status
    assert 'maxlength="2000"' in response.text


async def test_everybody_reads_everything(chat: ModuleType) -> None:
    """Each message reaches each client, the one who wrote it too, in one order."""
    async with connect(chat.app, "/ws") as ann, connect(chat.app, "/ws") as bob:
        messages = [said("Ann", "hello"), said("Bob", "hello, Ann"), said("Ann", "ä <b>")]
        for message, client in zip(messages, (ann, bob, ann), strict=True):
            client.send(message)
            assert message == await ann.receive()
            assert message == await bob.receive()


@pytest.mark.parametrize(
    "data",
    [
        "no JSON",
        b"\xff",
        "[" * 100_000,
        "1",
        "{}",
        said("", "text"),
        said("name", ""),
        said("x" * 41, "text"),
        said("name", "x" * 2001),
        json.dumps({"name": 1, "text": "text"}),
    ],
    ids=range(10),
)
async def test_what_is_no_message(chat: ModuleType, data: Any) -> None:
    """It closes the connection of its sender, and nobody else notices."""
    async with connect(chat.app, "/ws") as ann, connect(chat.app, "/ws") as bob:
        bob.send(data)
        assert (1008, "That was no message") == await bob.closed()
        ann.send(said("Ann", "hello"))
        assert said("Ann", "hello") == await ann.receive()


async def test_a_slow_client(chat: ModuleType) -> None:
    """It is let go when it lags too far behind; the others get every message meanwhile."""
    lag = chat.rooms.limit
    slow: Websocket
    async with connect(chat.app, "/ws") as ann, connect(chat.app, "/ws") as slow:
        slow.pause()
        for n in range(lag + 10):
            ann.send(said("Ann", str(n)))
            assert said("Ann", str(n)) == await ann.receive()
        await settle()
        slow.resume()
        assert 1013 == (await slow.closed())[0]
    assert 1 == chat.rooms.closed


# --- several processes ----------------------------------------------------------------------


@contextlib.contextmanager
def redis_server(directory: Path, port: int) -> Iterator[Process]:
    """Run Redis, which keeps nothing, on a port."""
    command = shutil.which("redis-server")
    if command is None:
        pytest.skip("redis-server is not installed")
    pytest.importorskip("redis", reason="the package redis is not installed")
    options = f"--port {port} --bind 127.0.0.1 --appendonly no --dir {directory}"
    # `running` starts Python: this one becomes Redis.
    become = "import os, sys; os.execv(sys.argv[1], sys.argv[1:])"
    arguments = ["-c", become, command, *options.split(), "--save", ""]
    with running(port, *arguments, cwd=directory) as process:
        yield process


@contextlib.contextmanager
def chat_process(port: int, redis_port: int) -> Iterator[Process]:
    """Run the example on Uvicorn."""
    pytest.importorskip("uvicorn", reason="uvicorn is not installed")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("REDIS_URL", f"redis://127.0.0.1:{redis_port}")
        context = running(port, "-m", "uvicorn", "app:app", "--port", str(port), cwd=CHAT)
        process = context.__enter__()
    try:
        yield process
    finally:
        context.__exit__(None, None, None)


def kill(process: Process) -> None:
    """End a process as a crash does."""
    os.killpg(process.popen.pid, signal.SIGKILL)
    process.popen.wait()


class Client:
    """A client of the chat, which keeps what it receives."""

    def __init__(self, name: str, socket: websockets.ClientConnection) -> None:
        self.name, self.socket = name, socket
        self.received: list[tuple[str, str]] = []
        self.reading = asyncio.create_task(self.read())

    async def read(self) -> None:
        with contextlib.suppress(websockets.ConnectionClosed):
            async for data in self.socket:
                message = json.loads(data)
                self.received.append((message["name"], message["text"]))

    async def say(self, *texts: str) -> None:
        for text in texts:
            await self.socket.send(said(self.name, text))

    async def has(self, count: int) -> None:
        """Wait until so many messages have come, and a moment longer for more."""
        async with asyncio.timeout(TIMEOUT):
            while len(self.received) < count:
                await asyncio.sleep(0.01)
        await asyncio.sleep(0.1)

    def from_(self, name: str) -> list[str]:
        return [text for author, text in self.received if author == name]


@contextlib.asynccontextmanager
async def client(name: str, port: int) -> AsyncIterator[Client]:
    async with websockets.connect(f"ws://127.0.0.1:{port}/ws") as socket:
        connected = Client(name, socket)
        try:
            yield connected
        finally:
            await socket.close()
            await connected.reading


def texts(begin: int, end: int) -> list[str]:
    return [str(n) for n in range(begin, end)]


async def test_two_processes_and_redis(tmp_path: Path) -> None:
    """Each client reads what another one says once and in order, whatever process dies."""
    redis_port, port, other_port = free_port(), free_port(), free_port()
    async with asyncio.timeout(TIMEOUT), contextlib.AsyncExitStack() as stack:
        stack.enter_context(redis_server(tmp_path, redis_port))
        stack.enter_context(chat_process(port, redis_port))
        other = stack.enter_context(chat_process(other_port, redis_port))
        ann = await stack.enter_async_context(client("Ann", port))
        bob = await stack.enter_async_context(client("Bob", other_port))

        await asyncio.gather(ann.say(*texts(0, 200)), bob.say(*texts(0, 200)))
        await ann.has(400)
        await bob.has(400)
        for each in (ann, bob):
            assert texts(0, 200) == each.from_("Ann") == each.from_("Bob")

        speech = asyncio.create_task(ann.say(*texts(200, 400)))
        kill(other)
        await bob.reading  # which is no longer connected
        await speech
        await ann.has(600)
        assert texts(0, 400) == ann.from_("Ann")
        heard = bob.from_("Ann")
        assert texts(0, len(heard)) == heard

        stack.enter_context(chat_process(other_port, redis_port))
        bob = await stack.enter_async_context(client("Bob", other_port))
        await asyncio.gather(ann.say(*texts(400, 600)), bob.say(*texts(200, 400)))
        await ann.has(1000)
        await bob.has(400)
        assert texts(0, 600) == ann.from_("Ann")
        assert texts(0, 400) == ann.from_("Bob")
        assert texts(400, 600) == bob.from_("Ann")
        assert texts(200, 400) == bob.from_("Bob")


async def test_redis_goes_and_comes_back(tmp_path: Path) -> None:
    """Meanwhile those of one process read each other; afterwards all do, still connected."""
    redis_port, port, other_port = free_port(), free_port(), free_port()
    async with asyncio.timeout(TIMEOUT), contextlib.AsyncExitStack() as stack:
        redis = stack.enter_context(redis_server(tmp_path, redis_port))
        stack.enter_context(chat_process(port, redis_port))
        stack.enter_context(chat_process(other_port, redis_port))
        ann = await stack.enter_async_context(client("Ann", port))
        cid = await stack.enter_async_context(client("Cid", port))
        bob = await stack.enter_async_context(client("Bob", other_port))

        kill(redis)
        await ann.say("away")
        await cid.has(1)
        assert [("Ann", "away")] == cid.received

        stack.enter_context(redis_server(tmp_path, redis_port))
        while not bob.received:
            await ann.say("back")
            await asyncio.sleep(0.1)
        assert ("Ann", "back") == bob.received[0]


# --- the page -------------------------------------------------------------------------------

MESSAGES = "[...document.querySelectorAll('li')].map((each) => each.lastChild.data)"


async def test_two_pages_in_a_browser(tmp_path: Path) -> None:
    """They talk to each other; one is closed, the other goes on, even over a restart."""
    port = free_port()
    arguments = ("-m", "uvicorn", "app:app", "--port", str(port))
    async with asyncio.timeout(2 * TIMEOUT), chromium(tmp_path) as browser:
        with running(port, *arguments, cwd=CHAT):
            ann, bob = [await browser.open(f"http://127.0.0.1:{port}/") for _ in range(2)]

            async def say(page: Any, text: str) -> None:
                await page.until("document.body.classList.contains('open')")
                await page.evaluate(f"text.value = {text!r}; button.click()")

            for page, name in ((ann, "Ann"), (bob, "Bob")):
                await page.until("document.body.classList.contains('open')")
                await page.evaluate(f"name.value = {name!r}; name.onchange()")
            await say(ann, "<b>hello</b>")
            await bob.until(f"{MESSAGES}.length === 1")
            await say(bob, "hello, Ann")
            for page in (ann, bob):
                await page.until(f"{MESSAGES}.length === 2")
                assert ["<b>hello</b>", "hello, Ann"] == await page.evaluate(MESSAGES)
            assert "Ann" == await bob.evaluate("document.querySelector('li b').textContent")

            await bob.close()
            await say(ann, "still here")
            await ann.until(f"{MESSAGES}.length === 3")
        await ann.until("!document.body.classList.contains('open')")
        with running(port, *arguments, cwd=CHAT):
            await say(ann, "again")
            await ann.until(f"{MESSAGES}.length === 4")
