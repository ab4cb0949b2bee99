"""Fail when this checkout has become slower against raw ASGI than `recorded.json` says.

Counts instructions, by valgrind's callgrind, in this interpreter: on a busy machine seconds say
that code is slower when only its neighbours are, whereas instructions differ by a hundredth from
run to run (where threads work, by three), so that one run is enough. The loop is asyncio's: what
the framework adds is the same on every loop. `--peers` counts others beside it.
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

import report
from frameworks import BENCH, FRAMEWORKS, OURS, PURE, RAW, Framework
from instructions import MARK, count_requests
from report import names
from scenarios import SCENARIOS

RECORDED = BENCH / "recorded.json"
ALLOWED_GROWTH = 1.25
PEERS = {name: FRAMEWORKS[name] for name in ("blacksheep", "falcon", "starlette")}
# What the README of the project shows of them.
IN_SHORT = ["parameter", "application", "session", "template", "echo"]
# Of these one request is worth a minute under callgrind, in a peer: beside them they are left out.
LARGE = {"multipart", "multipart_pieces", "routes_static", "routes_parameter"}

Counts = dict[str, float]  # By scenario.


def instructions(python: str, apps: str, scenarios: list[str]) -> Counts:
    """Per request, or per message of a websocket, of those that the framework has."""
    with tempfile.TemporaryDirectory() as directory:
        out = Path(directory) / "out"
        command = [
            "valgrind",
            "--tool=callgrind",
            f"--dump-before={MARK}",
            f"--callgrind-out-file={out}",
            python,
            str(BENCH / "instructions.py"),
            apps,
            *scenarios,
        ]
        environment = os.environ | {"PYTHONHASHSEED": "0"}
        child = subprocess.run(command, env=environment, capture_output=True, text=True)
        if child.returncode:
            sys.exit(child.stderr)
        counted: list[str] = json.loads(child.stdout.splitlines()[-1])
        # The first is what came before the first mark; then scenarios and what is between them.
        dumps = [Path(f"{out}.{i}").read_text() for i in range(1, 2 * len(counted) + 1)]
    totals = [int(re.search(r"^totals: (\d+)", dump, re.M)[1]) for dump in dumps]
    return {name: total / units(name) for name, total in zip(counted, totals[1::2], strict=True)}


def units(name: str) -> int:
    return count_requests(SCENARIOS[name]) * (SCENARIOS[name].messages or 1)


def beside_peers(chosen: list[str], scenarios: list[str]) -> tuple[str, str]:
    """A table in thousands of instructions, over raw, of the frameworks in their environments; and
    a short one, without those that are ours in another way."""
    frameworks = [RAW, OURS, PURE, *(PEERS[name] for name in chosen)]
    for framework in frameworks:
        framework.install()
    counts = {
        framework: instructions(str(framework.python), framework.apps, scenarios)
        for framework in frameworks
    }

    def cell(framework: Framework, name: str) -> str:
        if name not in counts[framework]:
            return "-"
        over = counts[framework][name] - (0 if framework is RAW else counts[RAW][name])
        return f"{over / 1000:.1f}"

    def written(shown: list[Framework], scenarios: list[str]) -> str:
        rows = [["scenario", *(framework.title for framework in shown)]]
        for name in scenarios:
            rows.append([SCENARIOS[name].title, *(cell(framework, name) for framework in shown)])
        versions = [f"{each.title} {each.version}" for each in shown if each.version]
        return f"{report.table(rows)}\n\n{report.measured_on(versions)}"

    short = [name for name in IN_SHORT if name in scenarios]
    others = [framework for framework in frameworks if framework is not PURE]
    return written(frameworks, scenarios), written(others, short)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--scenarios", type=names(SCENARIOS))
    parser.add_argument("--record", action="store_true", help=f"write {RECORDED.name} anew")
    parser.add_argument(
        "--peers", type=names(PEERS), nargs="?", const=list(PEERS), help="count these, too"
    )
    parser.add_argument("--write", action="store_true", help="put their table into the READMEs")
    options = parser.parse_args()
    if not shutil.which("valgrind"):
        sys.exit("valgrind is missing: on Debian, sudo apt-get install valgrind")
    python = ".".join(platform.python_version_tuple()[:2])

    if options.peers:
        scenarios = options.scenarios or [name for name in SCENARIOS if name not in LARGE]
        table, short = beside_peers(options.peers, scenarios)
        print(table)
        if options.write:
            report.write(f"instructions on {python}", table)
            if python == "3.11":
                report.write("short", short, report.PROJECT_README)
        return

    scenarios = options.scenarios or list(SCENARIOS)
    recorded: dict[str, Counts] = json.loads(RECORDED.read_text()) if RECORDED.exists() else {}
    if python not in recorded and not options.record:
        sys.exit(f"{RECORDED.name} was recorded on {', '.join(recorded)}, this is Python {python}")
    before = recorded.get(python, {})

    raw = instructions(sys.executable, "raw", scenarios)
    ours = instructions(sys.executable, "quart", scenarios)
    ratios = {name: ours[name] / raw[name] for name in scenarios}
    print(f"{'instructions':18} {'raw':>10} {'ours':>10} {'over raw':>10}  ratio  recorded")
    for name, ratio in ratios.items():
        was = f"{before[name]:8.3f}" if name in before else "       -"
        over = ours[name] - raw[name]
        print(f"{name:18} {raw[name]:10,.0f} {ours[name]:10,.0f} {over:10,.0f} {ratio:6.3f}  {was}")
    if options.record:
        recorded[python] = before | {name: round(ratio, 3) for name, ratio in ratios.items()}
        RECORDED.write_text(json.dumps(recorded, indent=2) + "\n")
    elif missing := [name for name in ratios if name not in before]:
        sys.exit(f"not recorded, --record does it: {', '.join(missing)}")
    elif slow := [name for name in ratios if ratios[name] > ALLOWED_GROWTH * before[name]]:
        sys.exit(f"slower than recorded by more than {ALLOWED_GROWTH - 1:.0%}: {', '.join(slow)}")


if __name__ == "__main__":
    main()
