"""A `def` view that reads a form and renders a template, beside Flask: requests per second over
sockets, and what one costs the server. One process each; wrk with 32 connections.

All are pinned to one core and wrk to another; no two servers run at a time.
"""

import argparse
import os
import random
import re
import statistics
import subprocess
import sys
import urllib.request
from collections import defaultdict

import report
from frameworks import BENCH, CHECKOUT, Framework
from serving import COMMANDS, Server

CONNECTIONS = THREADS = 32
SERVER_CORE, WRK_CORE = 0, 1
WARM_UP = 1  # Seconds.

PLACE = Framework(
    "def-views", "def views", "quart", ("--editable", str(CHECKOUT), "gunicorn", "waitress")
)
COMMANDS |= {
    "gunicorn": f"gunicorn --worker-class gthread --threads {THREADS} --workers 1"
    " --bind 127.0.0.1:{port} --log-level warning {app}",
    "waitress": f"waitress --threads {THREADS + 8} --listen 127.0.0.1:{{port}} {{app}}",
}
# What is served, the server, and the application in `form_app.py`.
ROWS = [
    ("Flask", "gunicorn", "by_flask"),
    ("Flask", "waitress", "by_flask"),
    ("`Quart.from_flask`", "uvicorn", "carried_over"),
    ("`Quart.from_flask`", "granian", "carried_over"),
    ("Quart, `def`", "uvicorn", "migrated"),
    ("Quart, `def`", "granian", "migrated"),
    ("Quart, `async def`", "uvicorn", "asynchronous"),
    ("Quart, `async def`", "granian", "asynchronous"),
]


def page_of(server: Server) -> bytes:
    url = f"http://127.0.0.1:{server.port}/"
    with urllib.request.urlopen(url, b"name=Ada", timeout=10) as response:
        return response.read()


def run_wrk(server: Server, seconds: int) -> tuple[float, float]:
    """Requests per second, and microseconds of the server's processor time for one."""
    command = ["taskset", "--cpu-list", str(WRK_CORE), "wrk", "--threads", "1"]
    command += ["--connections", str(CONNECTIONS), "--duration", f"{seconds}s"]
    command += ["--script", str(BENCH / "form.lua"), f"http://127.0.0.1:{server.port}/"]
    before = server.cpu_seconds()
    output = subprocess.run(
        command, stdout=subprocess.PIPE, text=True, check=True, timeout=seconds + 30
    ).stdout
    cpu = server.cpu_seconds() - before
    requests = int(re.search(r"(\d+) requests in", output)[1])
    if not requests or re.search("Non-2xx|Socket errors", output):
        raise RuntimeError(f"{server.server}: {output}")
    return float(re.search(r"Requests/sec:\s*([\d.]+)", output)[1]), cpu * 1e6 / requests


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=4)
    parser.add_argument("--dry", action="store_true", help="leave README.md as it is")
    options = parser.parse_args()
    PLACE.install()
    loads = defaultdict(list)
    pages = set()
    for i in range(options.rounds):
        print(f"round {i + 1} of {options.rounds}", file=sys.stderr, flush=True)
        for row in random.sample(ROWS, len(ROWS)):
            with Server(PLACE, row[1], f"form_app:{row[2]}", SERVER_CORE) as server:
                pages.add(page_of(server))
                run_wrk(server, WARM_UP)
                loads[row].append(run_wrk(server, options.seconds))
    assert len(pages) == 1, "the pages differ"
    medians = {
        row: [statistics.median(values) for values in zip(*loads[row], strict=True)] for row in ROWS
    }
    flask_rate = medians[ROWS[0]][0]
    head = ["", "server", "requests per second", "beside gunicorn", "processor time, us"]
    table = report.table(
        [
            head,
            *(
                [*row[:2], f"{rate:,.0f}", f"{rate / flask_rate:.2f}", f"{cpu:,.0f}"]
                for row, (rate, cpu) in medians.items()
            ),
        ]
    )
    versions = [
        f"{name} {PLACE.version_of(name)}" for name in ("flask", "gunicorn", "waitress", "uvicorn")
    ]
    load = f"Other work on the machine: a load of {os.getloadavg()[0]:.0f} at the end."
    text = f"{report.measured_on(versions)} {load}\n\n{table}"
    print(text)
    if not options.dry:
        report.write("def views", text)


if __name__ == "__main__":
    main()
