"""Time to import, time from a new process to the first answer, and memory after it."""

import argparse
import json
import os
import re
import statistics
import subprocess
import sys
import time
from collections import defaultdict

from frameworks import BENCH, FRAMEWORKS, OURS, Framework
from report import table
from run import names

# Byte code is written and used, as it is where applications run.
ENVIRONMENT = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}


def run(command: list[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command, capture_output=True, text=True, check=True, timeout=60, env=ENVIRONMENT
    )


def measure(framework: Framework) -> dict[str, float]:
    started = time.clock_gettime(time.CLOCK_MONOTONIC)
    command = [str(framework.python), str(BENCH / "first_answer.py"), framework.apps, str(started)]
    child = run(command)
    return json.loads(child.stdout.splitlines()[-1])


# Our set-up code is Flask's, and there is no way to a part of Flask but through `import flask`.
IMPORT_FLASK = """
import asyncio, time
before = time.perf_counter()
import flask
print((time.perf_counter() - before) * 1e3)
"""


def flask_alone(framework: Framework) -> float:
    """Milliseconds to import Flask, with all that it imports."""
    return float(run([str(framework.python), "-c", IMPORT_FLASK]).stdout)


def import_shares(framework: Framework) -> dict[str, float]:
    """Milliseconds of importing it by top-level package, as `-X importtime` tells them."""
    command = [str(framework.python), "-X", "importtime", "-c", f"import {framework.distribution}"]
    child = run(command)
    shares: dict[str, float] = defaultdict(float)
    for own, name in re.findall(r"import time:\s+(\d+) \|\s+\d+ \|\s+([\w.]+)", child.stderr):
        package = name.partition(".")[0]
        standard = package in sys.stdlib_module_names or package.startswith("_")
        shares["standard library" if standard else package] += int(own) / 1e3
    return dict(sorted(shares.items(), key=lambda share: -share[1]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--frameworks", type=names(FRAMEWORKS), default=list(FRAMEWORKS))
    parser.add_argument("--rounds", type=int, default=9)
    options = parser.parse_args()
    chosen = [FRAMEWORKS[name] for name in options.frameworks]
    for framework in chosen:
        framework.install()
        measure(framework)  # Writes the byte code.
    rounds, flask = [], []
    for _ in range(options.rounds):
        rounds.append({framework: measure(framework) for framework in chosen})
        if OURS in chosen:
            flask.append(flask_alone(OURS))
    columns = list(rounds[0][chosen[0]])
    rows = [["framework", *columns]]
    for framework in chosen:
        medians = (statistics.median(r[framework][column] for r in rounds) for column in columns)
        rows.append([framework.title, *(f"{median:.1f}" for median in medians)])
    print(table(rows))
    if OURS in chosen:
        print(f"\nFlask alone, which ours imports: {statistics.median(flask):.1f} ms.")
        shares = import_shares(OURS).items()
        print(
            "Of our import:", ", ".join(f"{name} {ms:.1f} ms" for name, ms in shares if ms >= 0.5)
        )


if __name__ == "__main__":
    main()
