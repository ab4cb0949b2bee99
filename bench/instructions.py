"""What `perf.py` runs under callgrind: an application of every scenario, asked so many times.

Each counted stretch lies between two calls of `os.getppid`, which nothing else calls: callgrind is
told to write its counts down, and to begin anew, at each. The names of the scenarios that were
counted are printed: not every framework has all.
"""

import asyncio
import gc
import importlib
import itertools
import json
import os
import sys
import time

from driver import CONNECTIONS, ASGIClient, Lifespan
from scenarios import SCENARIOS, Scenario

MARK = "getppid"
WARM_UP = 2 * CONNECTIONS  # CPython has specialised its code by then.


def count_requests(scenario: Scenario) -> int:
    return CONNECTIONS if scenario.messages else 20 * CONNECTIONS


async def main(apps: str, names: list[str]) -> None:
    module = importlib.import_module(f"apps.{apps}")
    stop_clocks()
    names = [name for name in names if hasattr(module, SCENARIOS[name].app)]
    for scenario in (SCENARIOS[name] for name in names):
        lifespan = Lifespan(getattr(module, scenario.app)())
        await lifespan.start()
        client = ASGIClient(lifespan.app, scenario, lifespan.state)
        await client.check()
        await client.ask(1 if scenario.messages else WARM_UP)
        gc.collect()
        os.getppid()
        await client.ask(count_requests(scenario))
        os.getppid()
        await lifespan.stop()
    print(json.dumps(names))


def stop_clocks() -> None:
    """Have ours see no time pass while it streams.

    It gives the loop a turn every few milliseconds, and those are many more under callgrind.
    """
    for name, module in list(sys.modules.items()):
        if name.partition(".")[0] == "quart" and getattr(module, "monotonic", None):
            module.monotonic = itertools.repeat(time.monotonic()).__next__


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2:]))
