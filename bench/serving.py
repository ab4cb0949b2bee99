"""A server in a process of its own, started and ended; what it used of the processor and memory."""

import contextlib
import os
import re
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

from frameworks import BENCH, Framework

TICK = os.sysconf("SC_CLK_TCK")
START_SECONDS = 30
STOP_SECONDS = 5

# One worker, uvloop, nothing written per request.
COMMANDS = {
    "uvicorn": "uvicorn {app} --interface asgi3 --host 127.0.0.1 --port {port} --loop uvloop"
    " --http httptools --log-level warning --no-access-log",
    "granian": "granian --interface asgi {app} --host 127.0.0.1 --port {port} --loop uvloop"
    " --log-level warning --no-access-log",
    "hypercorn": "hypercorn asgi:{app} --bind 127.0.0.1:{port} --worker-class uvloop"
    " --log-level warning",
    "own": "own.{name} {port} --log-level WARN",  # Robyn reads the latter.
}


class Server:
    """`with` it, the application is served on `port`; `core` pins it there."""

    def __init__(
        self, framework: Framework, server: str, app: str = "served:app", core: int | None = None
    ) -> None:
        self.framework = framework
        self.server = server
        self.port = free_port()
        module = COMMANDS[server].format(app=app, name=framework.apps, port=self.port)
        self.command = [str(framework.python), "-m", *module.split()]
        if core is not None:
            self.command = ["taskset", "--cpu-list", str(core), *self.command]

    def __enter__(self) -> "Server":
        environment = os.environ | {"BENCH_APPS": self.framework.apps, "PYTHONPATH": str(BENCH)}
        # In a group of its own, to end as a whole.
        self.process = subprocess.Popen(
            self.command,
            cwd=BENCH,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=sys.stderr,
            start_new_session=True,
        )
        try:
            self._wait_until_it_listens()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        """End the server's whole group: politely, then not."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(timeout=STOP_SECONDS)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def _wait_until_it_listens(self) -> None:
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline and self.process.poll() is None:
            try:
                socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
            except OSError:
                time.sleep(0.05)
            else:
                return
        raise RuntimeError(f"{self.framework.title} on {self.server} does not listen")

    def cpu_seconds(self) -> float:
        """User's and system's, of all its processes and threads."""
        return sum(int(ticks) for stat in self._stats() for ticks in stat[11:13]) / TICK

    def resident_bytes(self) -> int:
        """Of its only process."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(r"VmRSS:\s*(\d+) kB", status)[1]) * 1024

    def _stats(self) -> list[list[str]]:
        """/proc's `stat` from the third field on, of each process of the group."""
        stats = []
        for path in Path("/proc").glob("[0-9]*/stat"):
            try:
                # The second field, in parentheses, is a name that may have blanks.
                stat = path.read_text().rpartition(") ")[2].split()
            except (FileNotFoundError, ProcessLookupError):
                continue
            if int(stat[2]) == self.process.pid:
                stats.append(stat)
        return stats


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]
