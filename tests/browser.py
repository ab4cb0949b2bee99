"""A headless Chromium whose pages a test opens, asks and closes, by the DevTools protocol.

https://chromedevtools.github.io/devtools-protocol/ over the websocket that Chromium offers.
"""

import asyncio
import contextlib
import json
import os
import shutil
import signal
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import websockets

TIMEOUT = 20  # seconds, for the start and for any one answer


class Browser:
    """A browser that runs."""

    def __init__(self, socket: websockets.ClientConnection) -> None:
        self.socket = socket
        self.calls = 0

    async def call(self, method: str, session: str | None = None, **parameters: Any) -> Any:
        """Call a method of the protocol, of the browser or of a page, and return its result."""
        self.calls += 1
        request = {"id": self.calls, "method": method, "params": parameters}
        if session is not None:
            request["sessionId"] = session
        async with asyncio.timeout(TIMEOUT):
            await self.socket.send(json.dumps(request))
            while (answer := json.loads(await self.socket.recv())).get("id") != self.calls:
                pass  # an event
        assert "error" not in answer, answer["error"]
        return answer["result"]

    async def open(self, url: str) -> "Page":
        target = (await self.call("Target.createTarget", url=url))["targetId"]
        attached = await self.call("Target.attachToTarget", targetId=target, flatten=True)
        return Page(self, target, attached["sessionId"])


class Page:
    """A page of the browser."""

    def __init__(self, browser: Browser, target: str, session: str) -> None:
        self.browser, self.target, self.session = browser, target, session

    async def evaluate(self, expression: str) -> Any:
        """The value of an expression in JavaScript."""
        answer = await self.browser.call(
            "Runtime.evaluate", self.session, expression=expression, returnByValue=True
        )
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    async def until(self, expression: str) -> None:
        """Wait until an expression is true, or false by an error: the page may be loading."""
        async with asyncio.timeout(TIMEOUT):
            while not await self.evaluate(
                f"(() => {{ try {{ return {expression} }} catch {{}} }})()"
            ):
                await asyncio.sleep(0.05)

    async def close(self) -> None:
        await self.browser.call("Target.closeTarget", targetId=self.target)


@contextlib.asynccontextmanager
async def chromium(directory: Path) -> AsyncIterator[Browser]:
    """Run Chromium with its files in *directory*, or skip where it is not installed."""
    command = shutil.which("chromium") or shutil.which("google-chrome")
    if command is None:
        pytest.skip("chromium is not installed")
    process = subprocess.Popen(
        [
            command,
            *("--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"),
            *("--no-first-run", "--remote-debugging-port=0", f"--user-data-dir={directory}"),
            "about:blank",
        ],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        address = await _address(process, directory / "DevToolsActivePort")
        async with websockets.connect(address, max_size=None) as socket:
            yield Browser(socket)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        await asyncio.to_thread(process.wait)


async def _address(process: subprocess.Popen[bytes], file: Path) -> str:
    """Where Chromium listens: it writes the port and the path into a file."""
    async with asyncio.timeout(TIMEOUT):
        while True:
            assert process.poll() is None, "chromium did not start"
            with contextlib.suppress(OSError, ValueError):
                port, path = file.read_text().split()
                return f"ws://127.0.0.1:{port}{path}"
            await asyncio.sleep(0.05)
