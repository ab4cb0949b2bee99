"""The servers: each a subprocess on free ports, started once and ended with the session."""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, cast

import pytest

TESTS = Path(__file__).parent.parent
HELLO = TESTS.parent / "examples" / "hello"
STARTUP = 20  # seconds
SHUTDOWN = 5  # seconds

# What runs "module:app" on a port: clear text, and a second port for TLS where there is one.
SERVERS = {
    "hypercorn": (
        "hypercorn {app} --insecure-bind 127.0.0.1:{port} --bind 127.0.0.1:{tls_port} "
        "--certfile {cert} --keyfile {key}"
    ),
    "uvicorn": "uvicorn {app} --port {port}",
    "granian": "granian {app} --interface asgi --port {port} --http auto",
    "daphne": "daphne {app} --port {port}",
}
HTTP2 = ("hypercorn", "granian")  # those that speak it in clear text
DENIES = ("hypercorn", "uvicorn", "granian")  # those with websocket.http.response


@dataclass(frozen=True)
class Server:
    """A server that runs: its name, its ports and its certificate."""

    name: str
    port: int
    tls_port: int
    cert: Path
    process: "Process"

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def ws_url(self) -> str:
        return f"ws://127.0.0.1:{self.port}"

    @property
    def tls_url(self) -> str:
        return f"https://localhost:{self.tls_port}"


@contextlib.contextmanager
def serving(name: str, app: str, *options: str, cwd: Path, cert: Path) -> Iterator[Server]:
    """Serve *app*, "module:name" as seen from *cwd*, by the server of this *name*."""
    pytest.importorskip(name, reason=f"{name} is not installed")
    port, tls_port = free_port(), free_port()
    key = cert.with_suffix(".key")
    arguments = SERVERS[name].format(app=app, port=port, tls_port=tls_port, cert=cert, key=key)
    with running(port, "-m", *arguments.split(), *options, cwd=cwd) as process:
        yield Server(name, port, tls_port, cert, process)


@contextlib.contextmanager
def running(port: int, *arguments: str, cwd: Path) -> Iterator["Process"]:
    """Run Python until *port* answers, and end it, and only it, afterwards."""
    with tempfile.TemporaryFile() as log:
        popen = subprocess.Popen(
            [sys.executable, *arguments],
            cwd=cwd,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # so that Ctrl-C and the end reach its children, too
        )
        process = Process(popen, log)
        try:
            process.wait_for(port)
            yield process
        finally:
            process.end()


@dataclass(frozen=True)
class Process:
    """A subprocess with its children and what it says."""

    popen: subprocess.Popen[bytes]
    log: IO[bytes]

    def said(self, since: int = 0) -> str:
        """Return what it has said on the console, from the byte *since* on."""
        # The file's position belongs to the process.
        return os.pread(self.log.fileno(), 2**20, since).decode(errors="replace")

    def wait_for(self, port: int) -> None:
        """Wait until a connection to *port* is taken."""
        deadline = time.monotonic() + STARTUP
        while True:
            ended = self.popen.poll()
            assert ended is None, f"the server ended with {ended}:\n{self.said()}"
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                return
            assert time.monotonic() < deadline, f"nothing on port {port}:\n{self.said()}"
            time.sleep(0.02)

    def interrupt(self) -> float:
        """Press Ctrl-C, and return the seconds until it has ended."""
        begin = time.monotonic()
        self._send(signal.SIGINT)
        try:
            self.popen.wait(STARTUP)
        except subprocess.TimeoutExpired as error:
            error.add_note(self.said())
            raise
        return time.monotonic() - begin

    def end(self) -> None:
        """Terminate it with its children, by force if need be."""
        for number in (signal.SIGTERM, signal.SIGKILL):
            with contextlib.suppress(ProcessLookupError):
                self._send(number)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.popen.wait(SHUTDOWN)

    def _send(self, number: signal.Signals) -> None:
        # Granian hands what it is sent on to its workers. Two signals at once may block one for
        # good, whatever it serves: in 2.8.9 the second waits for a lock whose holder waits for the
        # GIL.
        hands_on = "granian" in cast("list[str]", self.popen.args)
        alone = hands_on and number is not signal.SIGKILL
        (os.kill if alone else os.killpg)(self.popen.pid, number)


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return taken.getsockname()[1]


def free_udp_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.1", 0))
        return taken.getsockname()[1]


def port_is_free(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) != 0


def make_certificate(directory: Path) -> Path:
    """Make a certificate for localhost, and its key beside it."""
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not installed")
    cert = directory / "localhost.pem"
    request = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2"
    subprocess.run(
        [
            *request.split(),
            *("-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"),
            *("-keyout", cert.with_suffix(".key"), "-out", cert),
        ],
        check=True,
        capture_output=True,
        timeout=10,
    )
    return cert
