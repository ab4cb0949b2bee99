"""The recipes of docs/how-to/editors.md, run by debugpy over the debug adapter protocol, as VS Code
runs them."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import IO, Any

import pytest
from servers.processes import free_port, port_is_free

pytest.importorskip("debugpy")
pytestmark = pytest.mark.server

PAGE = Path(__file__).parent.parent / "docs" / "how-to" / "editors.md"
TIMEOUT = 30  # seconds for one message
SHOP = """\
from quart import Quart
app = Quart(__name__)

@app.get("/sync")
def in_a_thread():
    local = "sync"
    return local  # line 7

@app.get("/async")
async def on_the_loop():
    local = "async"
    return local  # line 12

@app.get("/fails")
async def fails():
    local = "fails"
    raise ValueError(local)  # line 17
"""


def recipe(name: str) -> dict[str, Any]:
    """The configuration of this name on the page."""
    blocks = re.findall(r"^```json\n(.*?)^```$", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    found = [json.loads(block) for block in blocks]
    every = [each for block in found for each in block.get("configurations", [block])]
    (configuration,) = (each for each in every if each["name"] == name)
    return configuration


class Debugger:
    """An editor's side of the protocol: requests, and what the adapter says."""

    def __init__(self, reads: IO[bytes], writes: IO[bytes]) -> None:
        self._reads, self._writes = reads, writes
        self._said: list[dict[str, Any]] = []
        self._more = threading.Condition()
        self._number = 0
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        with contextlib.suppress(OSError, ValueError):
            while line := self._reads.readline():
                length = int(line.partition(b":")[2])
                while self._reads.readline().strip():
                    pass
                with self._more:
                    self._said.append(json.loads(self._reads.read(length)))
                    self._more.notify_all()

    def send(self, command: str, **arguments: Any) -> int:
        self._number += 1
        message = {"seq": self._number, "type": "request", "command": command}
        data = json.dumps({**message, "arguments": arguments}).encode()
        self._writes.write(b"Content-Length: %d\r\n\r\n%b" % (len(data), data))
        self._writes.flush()
        return self._number

    def _wait(self, wanted: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        def there() -> dict[str, Any] | None:
            return next(filter(wanted, self._said), None)

        with self._more:
            found = self._more.wait_for(there, TIMEOUT)
            assert found is not None, self._said
            self._said.remove(found)
        return found

    def event(self, name: str) -> dict[str, Any]:
        return self._wait(lambda message: message.get("event") == name)["body"]

    def ask(self, command: str, **arguments: Any) -> Any:
        number = self.send(command, **arguments)
        answer = self._wait(lambda message: message.get("request_seq") == number)
        assert answer["success"], answer
        return answer.get("body")

    def start(self, configuration: dict[str, Any], file: Path) -> None:
        """Do what an editor does first, with breakpoints in a file, and for uncaught errors."""
        self.ask("initialize", adapterID="debugpy", pathFormat="path")
        self.send(configuration["request"], **configuration)
        self._wait(lambda message: message.get("event") == "initialized")
        lines = [{"line": 7}, {"line": 12}]
        self.ask("setBreakpoints", source={"path": str(file)}, breakpoints=lines)
        self.ask("setExceptionBreakpoints", filters=["uncaught"])
        self.ask("configurationDone")

    def stopped(self) -> tuple[str, int, str]:
        """Why it stopped, in which line and with which value of `local`; it goes on then."""
        event = self.event("stopped")
        frame = self.ask("stackTrace", threadId=event["threadId"])["stackFrames"][0]
        value = self.ask("evaluate", expression="local", frameId=frame["id"])["result"]
        self.ask("continue", threadId=event["threadId"])
        return event["reason"], frame["line"], value


@contextlib.contextmanager
def debugging(name: str, directory: Path) -> Iterator[tuple[Debugger, int]]:
    """Launch a configuration; the debugger of the process that serves, and its port."""
    file, port = directory / "shop.py", free_port()
    file.write_text(SHOP)
    configuration = recipe(name) | {"cwd": str(directory), "console": "internalConsole"}
    configuration |= {"python": [sys.executable]}
    configuration["args"] += ["--port", str(port)]
    adapter = subprocess.Popen(
        [sys.executable, "-m", "debugpy.adapter"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    assert adapter.stdin is not None and adapter.stdout is not None
    with contextlib.ExitStack() as stack:
        stack.enter_context(adapter)
        stack.callback(os.killpg, adapter.pid, signal.SIGKILL)
        debugger = serves = Debugger(adapter.stdout, adapter.stdin)
        debugger.start(configuration, file)
        stack.callback(debugger.ask, "disconnect", terminateDebuggee=True)
        if "--debug" in configuration["args"]:
            child = debugger.event("debugpyAttach")
            address = child["connect"]["host"], child["connect"]["port"]
            sock = stack.enter_context(socket.create_connection(address, TIMEOUT))
            serves = Debugger(sock.makefile("rb"), sock.makefile("wb"))
            serves.start(child, file)
        deadline = time.monotonic() + TIMEOUT
        while port_is_free(port):
            assert time.monotonic() < deadline
            time.sleep(0.05)
        yield serves, port


def ask(port: int, path: str) -> tuple[int, str]:
    with contextlib.closing(http.client.HTTPConnection("127.0.0.1", port, TIMEOUT)) as client:
        client.request("GET", path)
        response = client.getresponse()
        return response.status, response.read().decode()


@pytest.mark.parametrize("name", ["Quart", "Quart with the reloader"])
def test_breakpoints_in_views(tmp_path: Path, name: str) -> None:
    """In a sync view, which runs in a thread, and in an async one."""
    with debugging(name, tmp_path) as (debugger, port), ThreadPoolExecutor() as pool:
        for path, line in (("sync", 7), ("async", 12)):
            answer = pool.submit(ask, port, f"/{path}")
            assert ("breakpoint", line, repr(path)) == debugger.stopped()
            assert (200, path) == answer.result(TIMEOUT)


def test_an_unhandled_error_stops_where_it_was_raised(tmp_path: Path) -> None:
    """And then the server ends with it."""
    name = "Quart, stop at unhandled errors"
    with debugging(name, tmp_path) as (debugger, port):
        assert 500 == ask(port, "/fails")[0]
        assert ("exception", 17, "'fails'") == debugger.stopped()
        assert 1 == debugger.event("exited")["exitCode"]
