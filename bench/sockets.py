"""Requests per second over sockets, and what one costs the server: wrk with 64 connections.

The server is pinned to one core and wrk to another; no two servers run at a time.
"""

import argparse
import os
import random
import re
import shutil
import statistics
import subprocess
import sys
import urllib.request
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import report
from frameworks import BENCH, FRAMEWORKS, OWN_SERVERS, RAW, Framework
from scenarios import SCENARIOS, Answer
from serving import Server

SERVERS = ("uvicorn", "granian", "hypercorn")
NAMES = ("plaintext", "parameter")
CONNECTIONS = 64
SERVER_CORE, WRK_CORE = 0, 1
WARM_UP = 1  # Seconds.


@dataclass(frozen=True)
class Load:
    requests_per_second: float
    cpu_microseconds: float  # Of the server, per request.


Loads = dict[tuple[str, str, str], list[Load]]  # By server, framework and scenario.


def check(server: Server, name: str) -> None:
    scenario = SCENARIOS[name]
    url = f"http://127.0.0.1:{server.port}{scenario.path.format(1)}"
    with urllib.request.urlopen(url, timeout=10) as response:
        answer = Answer(response.status, [], response.read())
    if not scenario.is_right(answer, 1):
        raise RuntimeError(f"{server.framework.title} on {server.server}, {name}: {answer}")


def run_wrk(server: Server, name: str, seconds: int) -> Load:
    command = ["taskset", "--cpu-list", str(WRK_CORE), "wrk", "--threads", "1"]
    command += ["--connections", str(CONNECTIONS), "--duration", f"{seconds}s"]
    command += ["--script", str(BENCH / "wrk.lua"), f"http://127.0.0.1:{server.port}"]
    command += ["--", SCENARIOS[name].path]
    before = server.cpu_seconds()
    output = subprocess.run(
        command, stdout=subprocess.PIPE, text=True, check=True, timeout=seconds + 30
    ).stdout
    cpu = server.cpu_seconds() - before
    requests = int(re.search(r"(\d+) requests in", output)[1])
    rate = float(re.search(r"Requests/sec:\s*([\d.]+)", output)[1])
    if not requests or re.search("Non-2xx|Socket errors", output):
        raise RuntimeError(f"{server.framework.title} on {server.server}, {name}: {output}")
    return Load(rate, cpu * 1e6 / requests)


def measure(pairs: list[tuple[str, Framework]], rounds: int, seconds: int) -> Loads:
    """A load for each server, framework, scenario and round."""
    loads: Loads = defaultdict(list)
    for i in range(rounds):
        print(f"sockets: round {i + 1} of {rounds}", file=sys.stderr, flush=True)
        for name, framework in random.sample(pairs, len(pairs)):
            with Server(framework, name, core=SERVER_CORE) as server:
                for scenario in NAMES:
                    check(server, scenario)
                    run_wrk(server, scenario, WARM_UP)
                    load = run_wrk(server, scenario, seconds)
                    loads[name, framework.title, scenario].append(load)
    return loads


def table(loads: Loads, server: str) -> str:
    """Medians and quartiles, and the rate as a share of raw's on the same server."""
    rows = [["", *(f"{name}: {what}" for name in NAMES for what in COLUMNS)]]
    for title in dict.fromkeys(framework for name, framework, _ in loads if name == server):
        row = [title]
        for scenario in NAMES:
            rates = [load.requests_per_second for load in loads[server, title, scenario]]
            cpu = [load.cpu_microseconds for load in loads[server, title, scenario]]
            raw = loads.get((server, RAW.title, scenario))
            share = "-"
            if raw:
                floor = statistics.median(load.requests_per_second for load in raw)
                share = f"{statistics.median(rates) / floor:.0%}"
            row += [report.Spread.of(rates).text(0), share, str(report.Spread.of(cpu))]
        rows.append(row)
    return report.table(rows)


COLUMNS = ("requests/s", "of raw", "CPU us")


def section(frameworks: Sequence[Framework], rounds: int, seconds: int) -> str:
    """Measure, and tell it in Markdown; what is missing if it cannot be done here."""
    for program, package in (("wrk", "wrk"), ("taskset", "util-linux")):
        if not shutil.which(program):
            return f"Not measured: {program} is missing; on Debian, sudo apt-get install {package}."
    if len(os.sched_getaffinity(0)) < 2:
        return "Not measured: server and load need a core each."
    chosen = [framework for framework in frameworks if framework.interface == "asgi"]
    for framework in (*chosen, *OWN_SERVERS):
        framework.install()
    pairs = [(server, framework) for server in SERVERS for framework in chosen]
    pairs += [("own", framework) for framework in OWN_SERVERS]
    loads = measure(pairs, rounds, seconds)
    # In the order of `pairs`, not in that of the first round.
    loads = {
        (server, framework.title, scenario): loads[server, framework.title, scenario]
        for server, framework in pairs
        for scenario in NAMES
    }
    parts = [
        f"wrk, {CONNECTIONS} connections, {rounds} interleaved rounds of {seconds} s: median"
        " (quartiles), and the server's CPU per request."
    ]
    for server in SERVERS:
        version = RAW.version_of(server)
        parts += [f"#### {server.title()} {version}", table(loads, server)]
    parts += ["#### On their own servers", table(loads, "own")]
    versions = (f"{framework.title} {framework.version}" for framework in OWN_SERVERS)
    parts.append(report.measured_on([*versions]))
    return "\n\n".join(parts)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--frameworks", type=report.names(FRAMEWORKS), default=list(FRAMEWORKS))
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=4, help="of load in one turn")
    options = parser.parse_args()
    if options.rounds < 2:
        parser.error("one round has no spread: --rounds 2 at least")
    chosen = dict.fromkeys([RAW.name, *options.frameworks])
    print(section([FRAMEWORKS[name] for name in chosen], options.rounds, options.seconds))


if __name__ == "__main__":
    main()
