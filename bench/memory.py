"""Fail if memory grows: ask for each scenario a million times, in this process.

It prints the resident memory, the objects that the garbage collector knows and the blocks of memory
after a tenth, half and all of the requests; with a debug build of Python the references, too. The
accelerator is used if it is there: `QUART_PURE_PYTHON=1` leaves it out.
"""

import argparse
import asyncio
import gc
import importlib
import sys
from pathlib import Path

from driver import ASGIClient, Lifespan
from report import names
from scenarios import SCENARIOS, Scenario

STAGES = (0.1, 0.5, 1)
# The most that each may grow from the first stage to the last, for caches and free lists.
BLOCKS, OBJECTS, REFERENCES, KILOBYTES = 500, 200, 1000, 1024


def held() -> dict[str, int]:
    """What this process holds once garbage is collected."""
    gc.collect()
    status = Path("/proc/self/status").read_text()
    counts = {
        "KB": int(status.partition("VmRSS:")[2].split()[0]),
        "objects": len(gc.get_objects()),
        "blocks": sys.getallocatedblocks(),
    }
    if hasattr(sys, "gettotalrefcount"):
        counts["references"] = sys.gettotalrefcount()
    return counts


async def ask(scenario: Scenario, module: str, requests: int) -> bool:
    """Make the requests, print what was held, and return whether it stayed the same."""
    make_app = getattr(importlib.import_module(f"apps.{module}"), scenario.app)
    lifespan = Lifespan(make_app())
    await lifespan.start()
    client = ASGIClient(lifespan.app, scenario, lifespan.state)
    await client.check()
    stages, asked = [], 0
    for stage in STAGES:
        until = max(1, round(stage * requests / (scenario.messages or 1)))
        await client.ask(until - asked)
        asked = until
        stages.append(held())
    await lifespan.stop()
    grown = {name: stages[-1][name] - stages[0][name] for name in stages[0]}
    most = {"KB": KILOBYTES, "objects": OBJECTS, "blocks": BLOCKS, "references": REFERENCES}
    flat = all(grown[name] <= most[name] for name in grown)
    told = ", ".join(f"{' '.join(f'{each[name]:,}' for each in stages)} {name}" for name in grown)
    print(f"{scenario.name}: {told}{'' if flat else ' GREW'}", flush=True)
    return flat


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--scenarios", type=names(SCENARIOS), default=list(SCENARIOS))
    parser.add_argument("--requests", type=int, default=1_000_000, help="or messages, of each")
    options = parser.parse_args()
    from quart import _speedups

    print("compiled" if _speedups.COMPILED else "in Python", sys.version.partition(" ")[0])
    grew = [
        name
        for name in options.scenarios
        if not asyncio.run(ask(SCENARIOS[name], "quart", options.requests))
    ]
    sys.exit(f"grew: {', '.join(grew)}" if grew else None)


if __name__ == "__main__":
    main()
