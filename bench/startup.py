"""Time to import, time from a new process to the first answer, and memory.

Memory is that of the process after its first answer; and what one idle websocket adds to a
process of Uvicorn that serves the application.
"""

import argparse
import json
import os
import re
import statistics
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Sequence

import report
from frameworks import BENCH, FRAMEWORKS, OURS, Framework
from serving import Server

WITHOUT_WEBSOCKETS = ("emmett55", "flask")
# Those that are there already have made the server's and the application's pools grow.
WARM_WEBSOCKETS, WEBSOCKETS = 100, 500

# Byte code is written and used, as it is where applications run.
ENVIRONMENT = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}


def run(command: list[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command, cwd=BENCH, capture_output=True, text=True, check=True, timeout=60, env=ENVIRONMENT
    )


def measure(framework: Framework) -> dict[str, float]:
    """Figures of `first_answer.py`, by name."""
    started = time.clock_gettime(time.CLOCK_MONOTONIC)
    command = [str(framework.python), str(BENCH / "first_answer.py")]
    command += [framework.apps, framework.interface, str(started)]
    child = run(command)
    return json.loads(child.stdout.splitlines()[-1])


def bytes_per_websocket(framework: Framework) -> float | None:
    """None where there are no websockets under ASGI."""
    if framework.name in WITHOUT_WEBSOCKETS:
        return None
    with Server(framework, "uvicorn", f"hello.{framework.apps}:app") as server:
        command = [str(framework.python), str(BENCH / "idle.py"), str(server.port)]
        with subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
        ) as client:
            resident = []
            for connections in (WARM_WEBSOCKETS, WEBSOCKETS):
                client.stdin.write(f"{connections}\n")
                if client.stdout.readline() != "open\n":
                    raise RuntimeError(f"{framework.title}: the websockets did not open")
                resident.append(server.resident_bytes())
            client.stdin.close()
            client.wait(timeout=60)
    return (resident[1] - resident[0]) / WEBSOCKETS


def import_shares(framework: Framework, rounds: int) -> dict[str, float]:
    """Milliseconds of importing it by top-level package, as `-X importtime` tells them: medians."""
    module = f"hello.{framework.apps}"
    command = [str(framework.python), "-X", "importtime", "-c", f"import asyncio, {module}"]
    shares: dict[str, list[float]] = defaultdict(list)
    for _ in range(rounds):
        child = run(command)
        own_shares: dict[str, float] = defaultdict(float)
        for own, name in re.findall(r"import time:\s+(\d+) \|\s+\d+ \|\s+([\w.]+)", child.stderr):
            package = name.partition(".")[0]
            standard = package in sys.stdlib_module_names or package.startswith("_")
            own_shares["standard library" if standard else package] += int(own) / 1e3
        for package, milliseconds in own_shares.items():
            shares[package].append(milliseconds)
    medians = {package: statistics.median(figures) for package, figures in shares.items()}
    return dict(sorted(medians.items(), key=lambda share: -share[1]))


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


def section(frameworks: Sequence[Framework], rounds: int) -> str:
    """Measure, and tell it in Markdown."""
    for framework in frameworks:
        measure(framework)  # Writes the byte code.
    results, flask = [], []
    for i in range(rounds):
        print(f"startup: round {i + 1} of {rounds}", file=sys.stderr, flush=True)
        results.append({framework: measure(framework) for framework in frameworks})
        if OURS in frameworks:
            flask.append(flask_alone(OURS))
    columns = list(results[0][frameworks[0]])
    rows = [["", *columns, "idle websocket, KB"]]
    for framework in frameworks:
        spreads = (report.Spread.of([r[framework][column] for r in results]) for column in columns)
        websocket = bytes_per_websocket(framework)
        last = "-" if websocket is None else f"{websocket / 1e3:.1f}"
        rows.append([framework.title, *map(str, spreads), last])
    parts = [
        f"Medians (quartiles) of {rounds} new processes; an idle websocket is what one of"
        f" {WEBSOCKETS} adds to a process of Uvicorn, the server's own part included.",
        report.table(rows),
    ]
    if OURS in frameworks:
        parts.append("Shares of ours, by `-X importtime`, which itself takes time:")
        shares = import_shares(OURS, rounds)
        named = (f"{name} {ms:.1f} ms" for name, ms in shares.items() if ms >= 0.5)
        parts.append(", ".join(named) + ".")
        parts.append(
            f"Flask alone, which ours imports, takes {statistics.median(flask):.1f} ms; the bar is"
            " Starlette's time to import and that."
        )
    versions = [f"{each.title} {each.version}" for each in frameworks if each.version]
    parts.append(report.measured_on(versions))
    return "\n\n".join(parts)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--frameworks", type=report.names(FRAMEWORKS), default=list(FRAMEWORKS))
    parser.add_argument("--rounds", type=int, default=15)
    options = parser.parse_args()
    if options.rounds < 2:
        parser.error("one round has no spread: --rounds 2 at least")
    chosen = [FRAMEWORKS[name] for name in options.frameworks]
    for framework in chosen:
        framework.install()
    print(section(chosen, options.rounds))


if __name__ == "__main__":
    main()
