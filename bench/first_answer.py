"""A process that imports one framework, answers one request and says what that took.

Before the clock it imports what every server does, `asyncio`, and no more: modules that the driver
would bring along must not hide in a framework's figures.
"""

import asyncio
import importlib
import sys
import time

apps, interface = sys.argv[1:3]
started = float(sys.argv[3])  # By the clock that processes share.

before = time.perf_counter()
module = importlib.import_module(f"hello.{apps}")
imported = time.perf_counter()

import json  # noqa: E402
import re  # noqa: E402
from pathlib import Path  # noqa: E402

from driver import ASGIClient, Lifespan, WSGIClient  # noqa: E402
from scenarios import SCENARIOS  # noqa: E402


def resident_bytes() -> int:
    status = Path("/proc/self/status").read_text()
    return int(re.search(r"VmRSS:\s*(\d+) kB", status)[1]) * 1024


async def main() -> None:
    if interface == "wsgi":
        await WSGIClient(module.app, SCENARIOS["plaintext"], {}).check()
    else:
        lifespan = Lifespan(module.app)
        await lifespan.start()
        await ASGIClient(module.app, SCENARIOS["plaintext"], lifespan.state).check()
    answered = time.clock_gettime(time.CLOCK_MONOTONIC)
    figures = {
        "import, ms": (imported - before) * 1e3,
        "first answer, ms": (answered - started) * 1e3,
        "memory, MB": resident_bytes() / 1e6,
    }
    if interface == "asgi":
        await lifespan.stop()
    print(json.dumps(figures))


asyncio.run(main())
