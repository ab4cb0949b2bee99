"""Fail when this checkout has become slower against raw ASGI than `recorded.json` says.

Counts instructions, by valgrind's callgrind, in this interpreter: on a busy machine seconds say
that code is slower when only its neighbours are, whereas instructions differ by a hundredth from
run to run (where threads work, by three), so that one run is enough. The loop is asyncio's: what
the framework adds is the same on every loop.
"""

import argparse
import json
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from frameworks import BENCH
from instructions import MARK, count_requests
from report import names
from scenarios import SCENARIOS

RECORDED = BENCH / "recorded.json"
ALLOWED_GROWTH = 1.25

Counts = dict[str, float]  # By scenario.


def instructions(apps: str, scenarios: list[str]) -> Counts:
    """Per request, or per message of a websocket."""
    with tempfile.TemporaryDirectory() as directory:
        out = Path(directory) / "out"
        command = [
            "valgrind",
            "--tool=callgrind",
            f"--dump-before={MARK}",
            f"--callgrind-out-file={out}",
            sys.executable,
            str(BENCH / "instructions.py"),
            apps,
            *scenarios,
        ]
        environment = os.environ | {"PYTHONHASHSEED": "0"}
        child = subprocess.run(
            command, env=environment, stderr=subprocess.PIPE, text=True, timeout=1800
        )
        if child.returncode:
            sys.exit(child.stderr)
        # The first is what came before the first mark; then scenarios and what is between them.
        dumps = [Path(f"{out}.{i}").read_text() for i in range(1, 2 * len(scenarios) + 1)]
    totals = [int(re.search(r"^totals: (\d+)", dump, re.M)[1]) for dump in dumps]
    return {name: total / units(name) for name, total in zip(scenarios, totals[1::2], strict=True)}


def units(name: str) -> int:
    return count_requests(SCENARIOS[name]) * (SCENARIOS[name].messages or 1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--scenarios", type=names(SCENARIOS), default=list(SCENARIOS))
    parser.add_argument("--record", action="store_true", help=f"write {RECORDED.name} anew")
    options = parser.parse_args()
    if not shutil.which("valgrind"):
        sys.exit("valgrind is missing: on Debian, sudo apt-get install valgrind")

    python = ".".join(platform.python_version_tuple()[:2])
    recorded = json.loads(RECORDED.read_text()) if RECORDED.exists() else {}
    if recorded and recorded["python"] != python and not options.record:
        sys.exit(f"{RECORDED.name} was recorded on Python {recorded['python']}, this is {python}")

    raw = instructions("raw", options.scenarios)
    ours = instructions("quart", options.scenarios)
    ratios = {name: ours[name] / raw[name] for name in options.scenarios}
    before: Counts = recorded.get("ratios", {})
    print(f"{'instructions':18} {'raw':>10} {'ours':>10}  ratio  recorded")
    for name, ratio in ratios.items():
        was = f"{before[name]:8.3f}" if name in before else "       -"
        print(f"{name:18} {raw[name]:10,.0f} {ours[name]:10,.0f} {ratio:6.3f}  {was}")
    if options.record:
        kept = before if recorded.get("python") == python else {}
        figures = kept | {name: round(ratio, 3) for name, ratio in ratios.items()}
        RECORDED.write_text(json.dumps({"python": python, "ratios": figures}, indent=2) + "\n")
    elif missing := [name for name in ratios if name not in before]:
        sys.exit(f"not recorded, --record does it: {', '.join(missing)}")
    elif slow := [name for name in ratios if ratios[name] > ALLOWED_GROWTH * before[name]]:
        sys.exit(f"slower than recorded by more than {ALLOWED_GROWTH - 1:.0%}: {', '.join(slow)}")


if __name__ == "__main__":
    main()
