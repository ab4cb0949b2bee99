"""One framework with bodies in and out, in a process that does as it is told on standard input.

A line of JSON, `{"work": name, "times": n}`, is answered by another: seconds of CPU time and of
the clock for one request of that work, at the ASGI seam. The first answer of each is looked at.
"""

import asyncio
import importlib
import json
import os
import sys
import time
from collections.abc import Awaitable, Callable
from typing import Any

from apps.bodies.common import WORKS, Work
from driver import BROWSER_HEADERS, Lifespan, WrongAnswer

App = Callable[[Any, Any, Any], Awaitable[None]]


async def ask(app: App, work: Work, state: dict[str, Any], keep: bool = False) -> bytes:
    """One request as a server makes it, and the body of its answer, if it is to be kept."""
    lines = (BROWSER_HEADERS, *work.header_lines)
    headers = [tuple(line.split(b": ", 1)) for line in b"\n".join(lines).split(b"\n")]
    scope = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "server": ("127.0.0.1", 8000),
        "client": ("127.0.0.1", 54321),
        "scheme": "http",
        "root_path": "",
        "method": work.method,
        "path": work.path,
        "raw_path": work.path.encode("ascii"),
        "query_string": b"",
        "headers": headers,
        "state": state.copy(),
    }
    pieces = iter(work.pieces)
    left = len(work.pieces)
    ended = asyncio.Event()
    body = []
    status = 0

    async def receive() -> dict[str, Any]:
        nonlocal left
        if left:
            left -= 1
            return {"type": "http.request", "body": next(pieces), "more_body": left > 0}
        await ended.wait()
        return {"type": "http.disconnect"}

    async def send(message: dict[str, Any]) -> None:
        nonlocal status
        if message["type"] == "http.response.start":
            status = message["status"]
        else:
            if keep:
                body.append(message.get("body", b""))
            if not message.get("more_body", False):
                ended.set()

    await app(scope, receive, send)
    if status != 200 or not ended.is_set():
        raise WrongAnswer(f"{work.name}: status {status}, complete: {ended.is_set()}, {body[:1]}")
    return b"".join(body)


async def measure(app: App, work: Work, state: dict[str, Any], times: int) -> dict[str, float]:
    """Seconds for one request, the mean of `times` of them."""
    cpu, clock = time.process_time(), time.perf_counter()
    for _ in range(times):
        await asyncio.create_task(ask(app, work, state))
    return {
        "cpu": (time.process_time() - cpu) / times,
        "clock": (time.perf_counter() - clock) / times,
    }


def main() -> None:
    name, folder = sys.argv[1:]
    right: set[str] = set()
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    app = importlib.import_module(f"apps.bodies.{name}").make_app(folder)
    with asyncio.Runner() as runner:
        lifespan = Lifespan(app)
        runner.run(lifespan.start())
        print(json.dumps({"ready": True}), file=answers)
        for line in sys.stdin:
            command = json.loads(line)
            work = WORKS[command["work"]]
            try:
                if work.name not in right:
                    answer = runner.run(ask(app, work, lifespan.state, keep=True))
                    if not work.is_right(answer):
                        raise WrongAnswer(f"{work.name}: {answer[:100]!r}")
                    right.add(work.name)
                result = runner.run(measure(app, work, lifespan.state, command["times"]))
            except Exception as error:
                result = {"error": f"{type(error).__name__}: {error}"}
            print(json.dumps(result), file=answers)
        runner.run(lifespan.stop())


if __name__ == "__main__":
    main()
