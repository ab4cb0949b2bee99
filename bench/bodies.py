"""Measure bodies in and out beside the peers, and what they hold: `python bench/bodies.py --help`.

Each row is a bar that is set in advance. Times are milliseconds of CPU for one request at the ASGI
seam, the median (and quartiles) of rounds in which the frameworks take turns in random order.
"""

import argparse
import contextlib
import json
import os
import random
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import report
from apps.bodies.common import STATIC_SIZE, WORKS
from frameworks import BENCH, FRAMEWORKS, OURS, Framework

PEERS = ("quart", "falcon", "litestar", "starlette")
TURN = 0.05  # seconds of CPU that one turn takes about
CLIENTS, UPLOAD = 20, 15_000_000
UNEQUAL = """\
Not equal:

- Falcon sends no sync iterables: its items come from an async generator. It gives the parts of a
  form one by one, where the others give fields and files at once.
- Litestar reads and writes JSON with msgspec, the others with the standard library."""
SERVED = Framework("quart-uvicorn", "Quart on Uvicorn", "quart", (*OURS.requirements, "uvicorn"))


class Worker:
    """The parent's end of `bodies_worker.py`."""

    def __init__(self, framework: Framework, folder: str) -> None:
        self.framework = framework
        command = [str(framework.python), str(BENCH / "bodies_worker.py"), framework.apps]
        self.process = subprocess.Popen(
            [*command, folder],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            bufsize=1,
        )
        self._read()  # it is ready

    def measure(self, work: str, times: int) -> dict[str, float]:
        print(json.dumps({"work": work, "times": times}), file=self.process.stdin)
        answer = self._read()
        if "error" in answer:
            raise RuntimeError(f"{self.framework.title}: {answer['error']}")
        return answer

    def _read(self) -> dict[str, Any]:
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(f"the worker of {self.framework.title} ended")
        return json.loads(line)

    def close(self) -> None:
        self.process.stdin.close()
        try:
            self.process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process.stdout.close()


def compare(frameworks: list[Framework], work: str, rounds: int, folder: str) -> list[str]:
    """A row of medians, in milliseconds, of new processes: memory remembers what was before."""
    with ExitStack() as stack:
        workers = [
            stack.enter_context(closing(Worker(framework, folder))) for framework in frameworks
        ]
        times = {}
        for worker in workers:
            worker.measure(work, 3)
            guess = worker.measure(work, 1)["cpu"]
            times[worker] = max(1, round(TURN / max(guess, 1e-6)))
        figures: dict[Worker, list[float]] = {worker: [] for worker in workers}
        for _ in range(rounds):
            for worker in random.sample(workers, len(workers)):
                figures[worker].append(worker.measure(work, times[worker])["cpu"] * 1000)
    row = [WORKS[work].title]
    for worker in workers:
        first, median, third = statistics.quantiles(figures[worker], n=4, method="inclusive")
        row.append(f"{median:.3f} ({first:.3f}-{third:.3f})")
    print("|", " | ".join(row), "|", file=sys.stderr, flush=True)
    return row


def version_of(framework: Framework) -> str:
    code = f"import importlib.metadata as m; print(m.version({framework.distribution!r}))"
    command = [str(framework.python), "-c", code]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


# --- what is held, in bytes


def bytes_pulled() -> dict[str, int]:
    """Of 64 MiB that are offered: by a handler that sleeps, by one that answers at once."""
    code = """
import asyncio, json
from quart import Quart
app = Quart("apps")

@app.post("/sleep")
async def sleep():
    await asyncio.sleep(0.3)
    return ""

@app.post("/answer")
async def answer():
    return ""

async def ask(path):
    pulled = 0
    async def receive():
        nonlocal pulled
        await asyncio.sleep(0)
        if pulled >= 64 * 2**20:
            await asyncio.Event().wait()
        pulled += 2**16
        return {"type": "http.request", "body": bytes(2**16), "more_body": True}
    async def send(message):
        pass
    await app({"type": "http", "http_version": "1.1", "method": "POST", "path": path,
               "headers": [(b"content-length", b"%d" % (64 * 2**20))]}, receive, send)
    return pulled

app.config["MAX_CONTENT_LENGTH"] = None
print(json.dumps({path[1:]: asyncio.run(ask(path)) for path in ("/sleep", "/answer")}))
"""
    done = subprocess.run(
        [str(OURS.python), "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    return json.loads(done.stdout)


APP = """
from quart import Quart, request
app = Quart("apps")

@app.post("/")
async def upload():
    return {"size": len((await request.files)["file"].read())}

@app.get("/")
async def index():
    return ""
"""


@contextlib.contextmanager
def served() -> Iterator[tuple[int, int]]:
    """An application on Uvicorn: the port and the process's id."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "served.py").write_text(APP)
        command = [str(SERVED.python), "-m", "uvicorn", "--port", str(port), "served:app"]
        with subprocess.Popen([*command, "--log-level", "error"], cwd=folder) as process:
            try:
                for _ in range(100):
                    try:
                        answer_of(port, "GET")
                        break
                    except OSError:
                        time.sleep(0.1)
                yield port, process.pid
            finally:
                process.terminate()


def answer_of(port: int, method: str, body: bytes = b"", headers: Any = ()) -> bytes:
    with closing(HTTPConnection("127.0.0.1", port, timeout=60)) as connection:
        connection.request(method, "/", body, dict(headers))
        return connection.getresponse().read()


def resident(pid: int, what: str) -> int:
    """Bytes of memory: VmRSS now, VmHWM at most."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(what):
            return int(line.split()[1]) * 1024
    raise RuntimeError(f"{what} is not known")


def growth_of_uploads() -> float:
    """MB by which the process grew at most while twenty clients sent their files."""
    head = b'--b\r\nContent-Disposition: form-data; name="file"; filename="x"\r\n\r\n'
    body = head + bytes(UPLOAD) + b"\r\n--b--\r\n"
    headers = {"content-type": "multipart/form-data; boundary=b"}
    wrong = []

    def send() -> None:
        answer = answer_of(port, "POST", body, headers)
        if b'{"size":%d}' % UPLOAD not in answer:
            wrong.append(answer)

    with served() as (port, pid):
        answer_of(port, "POST", head + b"x\r\n--b--\r\n", headers)
        before = resident(pid, "VmRSS")
        clients = [threading.Thread(target=send) for _ in range(CLIENTS)]
        for client in clients:
            client.start()
        for client in clients:
            client.join()
        if wrong:
            raise RuntimeError(f"wrong answers: {wrong}")
        return (resident(pid, "VmHWM") - before) / 1e6


def blocked() -> tuple[str, float]:
    """The body that held up the loop for longest, and milliseconds."""
    done = subprocess.run(
        [str(OURS.python), str(BENCH / "blocking.py"), "--json"],
        capture_output=True,
        text=True,
        check=True,
        timeout=900,
    )
    gaps = json.loads(done.stdout)
    worst = max(gaps, key=lambda name: gaps[name])
    return worst, gaps[worst]


def held(growths: int) -> list[list[str]]:
    pulled = bytes_pulled()
    mega = [growth_of_uploads() for _ in range(growths)]
    worst, gap = blocked()
    return [
        ["bar", "at most", "measured"],
        [
            "64 MiB offered while the handler sleeps, and never read",
            "1 MiB pulled",
            f"{pulled['sleep'] // 1024} KiB, {pulled['answer'] // 1024} KiB",
        ],
        [
            "20 clients uploading 15 MB each to a form, on Uvicorn",
            "64 MB of RSS",
            f"{statistics.median(mega):.1f} MB ({min(mega):.1f}-{max(mega):.1f})",
        ],
        [
            "any one body within the default limits (`blocking.py`)",
            "250 ms of blocked event loop",
            f"{gap:.0f} ms ({worst})",
        ],
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--frameworks", default=",".join(PEERS))
    parser.add_argument("--works", default=",".join(WORKS))
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--only-times", action="store_true", help="leave out what is held")
    parser.add_argument("--write", action="store_true", help="put the tables into bench/README.md")
    options = parser.parse_args()
    frameworks = [FRAMEWORKS[name] for name in options.frameworks.split(",")]
    for framework in (*frameworks, SERVED):
        framework.install()

    parts = []
    if not options.only_times:
        parts.append(report.table(held(3)))
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        with Path(folder, "large.bin").open("wb") as file:
            file.write(os.urandom(1024 * 1024) * (STATIC_SIZE // 1024 // 1024))
        works = options.works.split(",")
        rows = [compare(frameworks, work, options.rounds, folder) for work in works]
    titles = [["milliseconds of CPU for one request", *(f.title for f in frameworks)]]
    parts.append(report.table(titles + rows))
    versions = [f"{each.title} {version_of(each)}" for each in frameworks]
    parts.append(
        f"Medians (quartiles) of {options.rounds} interleaved rounds. "
        f"{report.measured_on(versions)}\n\n{UNEQUAL}"
    )
    text = "\n\n".join(parts)
    print(text)
    if options.write:
        report.write("bodies", text)


if __name__ == "__main__":
    main()
