"""`quart serve` over the real servers: what it starts, how it ends, and how it fails."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from servers.processes import Process, free_port, make_certificate, running

from quart import serve
from quart.cli import QuartGroup

SHOP = """\
import asyncio, os
from quart import Quart, request

def create_app():
    app = Quart(__name__)
    app.debug = True  # which does not count

    @app.before_serving
    async def start():
        if "FAILS" in os.environ:
            raise ValueError("no database")

    @app.get("/")
    async def index():
        assert not app.debug
        return {"pid": os.getpid(), "client": request.remote_addr, "scheme": request.scheme}

    @app.get("/slow")
    async def slow():
        await asyncio.sleep(1)
        return {"slow": True}

    @app.get("/die")
    async def die():
        os._exit(9)

    return app
"""
SERVERS = [server.name for server in serve.SERVERS]
each_server = pytest.mark.parametrize("name", SERVERS)


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    (tmp_path / "shop.py").write_text(SHOP)
    return tmp_path


def ask(port: int, path: str = "/", headers: Any = None, tries: int = 100) -> Any:
    """What the server answers; while it starts anew, it may have to be asked again."""
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", headers=headers or {})
    for left in reversed(range(tries)):
        try:
            with urllib.request.urlopen(request, timeout=10) as response:
                return json.load(response)
        except (OSError, ValueError):
            if not left:
                raise
            time.sleep(0.1)


@pytest.fixture(params=SERVERS)
def served(request: Any, shop: Path) -> Iterator[tuple[str, int, Process]]:
    """Two workers of each server, behind one proxy, with a log of JSON."""
    pytest.importorskip(request.param)
    port = free_port()
    options = ["--server", request.param, "--workers", "2", "--bind", f"127.0.0.1:{port}"]
    options += ["--proxy-headers", "1", "--access-log", "json"]
    with running(port, "-m", "quart", "--app", "shop", "serve", *options, cwd=shop) as process:
        ask(port)
        yield request.param, port, process


def test_its_life(served: tuple[str, int, Process]) -> None:
    """Proxies are believed, a dead worker is replaced, SIGHUP renews, SIGTERM drains."""
    name, port, process = served
    forwarded = {"X-Forwarded-For": "9.9.9.9", "X-Forwarded-Proto": "https"}
    first = ask(port, headers=forwarded)
    assert ("9.9.9.9", "https") == (first["client"], first["scheme"])

    with pytest.raises(OSError):
        ask(port, "/die", tries=1)
    second = ask(port)
    pids = {ask(port)["pid"] for _ in range(20)}
    if name != "hypercorn":
        process.popen.send_signal(signal.SIGHUP)
        deadline = time.monotonic() + 30
        while ask(port)["pid"] in pids | {second["pid"]}:
            assert time.monotonic() < deadline, process.said()
            time.sleep(0.2)

    answers: list[Any] = []
    in_flight = threading.Thread(target=lambda: answers.append(ask(port, "/slow", tries=1)))
    in_flight.start()
    time.sleep(0.4)
    process.popen.send_signal(signal.SIGTERM)
    assert 0 == process.popen.wait(40), process.said()
    in_flight.join()
    assert [{"slow": True}] == answers

    said = process.said()
    assert f"by {name} " in said
    lines = [json.loads(line) for line in said.splitlines() if line.startswith('{"time"')]
    assert any(("9.9.9.9", "/", 200) == (x["client"], x["route"], x["status"]) for x in lines)


def failing(shop: Path, *options: str, **environment: str) -> str:
    """The last line of a server that does not start: exit status 1, and nobody is left."""
    command = [sys.executable, "-m", "quart", "--app", "shop", "serve", *options]
    popen = subprocess.Popen(
        command,
        cwd=shop,
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    try:
        said, _ = popen.communicate(timeout=60)  # which ends when the last worker has
    finally:
        if popen.poll() is None:
            os.killpg(popen.pid, signal.SIGKILL)
    assert 1 == popen.returncode, said
    deadline = time.monotonic() + 10
    with pytest.raises(ProcessLookupError):
        while time.monotonic() < deadline:
            os.killpg(popen.pid, 0)
            time.sleep(0.1)
    return said.splitlines()[-1]


@each_server
def test_a_start_that_fails_in_a_worker(shop: Path, name: str) -> None:
    """One line tells why."""
    options = ["--server", name, "--workers", "2", "--bind", f"127.0.0.1:{free_port()}"]

    assert "Error: The application did not start: no database" == failing(shop, *options, FAILS="1")


def test_what_is_found_before_the_start(shop: Path) -> None:
    """An application that cannot be imported, DEBUG, a port taken, a bad certificate."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        bind = f"127.0.0.1:{taken.getsockname()[1]}"
        assert f"Error: Cannot listen on {bind}: Address already in use." == failing(
            shop, "--bind", bind
        )
    cert = make_certificate(shop)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.1", 0))
        bind = f"127.0.0.1:{taken.getsockname()[1]}"
        tls = ["--certfile", str(cert), "--keyfile", str(cert.with_suffix(".key"))]
        assert f"Error: Cannot listen on {bind}: Address already in use." == failing(
            shop, "--bind", f"127.0.0.1:{free_port()}", "--quic-bind", bind, *tls
        )
    (shop / "bad.pem").write_text("no certificate")
    cases: list[tuple[list[str], dict[str, str], str]] = [
        ([], {"QUART_DEBUG": "1"}, "Debug mode shows secrets"),
        (["--certfile", "bad.pem"], {}, "Cannot use the certificate 'bad.pem'"),
        (["--certfile", "none.pem"], {}, "There is no file 'none.pem'"),
        (["--quic-bind", "127.0.0.1:1"], {}, "A certificate is missing"),
        (["--uds", "none/s"], {}, "Cannot listen on none/s: there is no such directory."),
        (["--uds", "shop.py"], {}, "Cannot listen on shop.py: it is not a socket."),
        (["--uds", "taken"], {}, "Cannot listen on taken: Address already in use."),
        (["--uds", "x" * 200], {}, "too long"),
    ]
    taken_path = socket.socket(socket.AF_UNIX)
    taken_path.bind(str(shop / "taken"))
    taken_path.listen()
    runner = CliRunner()
    for options, environment, message in cases:
        with pytest.MonkeyPatch.context() as patch:
            patch.chdir(shop)
            patch.delitem(sys.modules, "shop", raising=False)
            patch.syspath_prepend(str(shop))
            for key, value in environment.items():
                patch.setenv(key, value)
            result = runner.invoke(QuartGroup(), ["--app", "shop", "serve", *options])
        assert (1, True) == (result.exit_code, message in result.output), result.output
        assert 1 == result.output.count("\n"), result.output
    taken_path.close()
    (shop / "broken.py").write_text("raise RuntimeError('asked for')")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(shop)
        result = runner.invoke(QuartGroup(), ["--app", "broken", "serve"])
    assert 1 == result.exit_code
    assert "RuntimeError: asked for" in result.output


def settings(**changes: Any) -> serve.Settings:
    usual: dict[str, Any] = {
        "server": "auto", "bind": ("127.0.0.1:8000",), "workers": 1, "threads": None, "uds": None,
        "certfile": None, "keyfile": None, "http2": False, "quic_bind": (), "proxy_headers": 0,
        "graceful_timeout": 30, "access_log": "off", "max_requests": None,
    }  # fmt: skip
    return serve.Settings(**{**usual, **changes})


@pytest.mark.parametrize(
    ("changes", "installed", "name", "why"),
    [
        ({}, {*SERVERS}, "granian", "the fastest"),
        ({}, {"uvicorn", "hypercorn"}, "uvicorn", "granian is not installed"),
        ({}, {"hypercorn"}, "hypercorn", "uvicorn is not installed"),
        ({"http2": True}, {*SERVERS}, "granian", "the fastest"),
        ({"max_requests": 9}, {*SERVERS}, "uvicorn", "granian does not offer --max-requests"),
        ({"quic_bind": ("[::1]:1",)}, {*SERVERS}, "hypercorn", "uvicorn does not offer HTTP/3"),
        ({"bind": ("a:1", "b:2")}, {*SERVERS}, "hypercorn", "several addresses"),
        ({"server": "uvicorn"}, {*SERVERS}, "uvicorn", "as asked for"),
    ],
)
def test_auto(
    monkeypatch: pytest.MonkeyPatch, changes: Any, installed: set[str], name: str, why: str
) -> None:
    """The fastest that is installed and offers what is asked for, and why."""
    monkeypatch.setattr(serve, "_version", lambda package: "1" if package in installed else None)
    server, reason = serve.choose(settings(**changes))

    assert name == server.name
    assert why in reason


def test_what_no_server_does(monkeypatch: pytest.MonkeyPatch) -> None:
    """The extra is named where the server is missing, the option where it cannot do it."""
    monkeypatch.setattr(serve, "_version", lambda package: None)
    with pytest.raises(Exception, match=r"pip install 'quart\[granian\]'"):
        serve.choose(settings(server="granian"))
    monkeypatch.setattr(serve, "_version", lambda package: "1")
    with pytest.raises(Exception, match="uvicorn does not offer HTTP/2"):
        serve.choose(settings(server="uvicorn", http2=True))


@each_server
def test_tls_and_the_environment(shop: Path, tmp_path: Path, name: str) -> None:
    """A certificate, and settings by `QUART_SERVE_*`."""
    pytest.importorskip(name)
    cert = make_certificate(tmp_path)
    port = free_port()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("QUART_SERVE_SERVER", name)
        patch.setenv("QUART_SERVE_CERTFILE", str(cert))
        patch.setenv("QUART_SERVE_KEYFILE", str(cert.with_suffix(".key")))
        options = ["--bind", f"127.0.0.1:{port}", "--http2", "--threads", "3"]
        if name == "uvicorn":
            options.remove("--http2")
        command = ["-m", "quart", "--app", "shop:create_app()", "serve", *options]
        with running(port, *command, cwd=shop) as process:
            curl = ["curl", "-sS", "--cacert", str(cert), "--retry", "9", "--retry-connrefused"]
            curl += ["-w", " %{http_version}", f"https://localhost:{port}/"]
            said = subprocess.run(curl, capture_output=True, text=True, check=False)
            assert '"scheme":"https"' in said.stdout, said.stderr + process.said()
            assert said.stdout.endswith(" 1.1" if name == "uvicorn" else " 2")


def test_several_addresses(shop: Path) -> None:
    """All of them are served, by Hypercorn, the one that can."""
    ports = free_port(), free_port()
    binds = [option for port in ports for option in ("--bind", f"127.0.0.1:{port}")]
    command = ["-m", "quart", "--app", "shop", "serve", *binds]
    with running(ports[0], *command, cwd=shop) as process:
        first, second = (ask(port)["pid"] for port in ports)
        assert first == second
        assert "by hypercorn" in process.said()


@pytest.mark.parametrize("name", ["hypercorn", "uvicorn"])
def test_a_worker_ends_after_so_many_requests(shop: Path, name: str) -> None:
    """Another one takes its place, and nobody goes without an answer for long."""
    pytest.importorskip(name)
    port = free_port()
    options = ["--server", name, "--bind", f"127.0.0.1:{port}", "--workers", "2"]
    command = ["-m", "quart", "--app", "shop", "serve", *options, "--max-requests", "5"]
    with running(port, *command, cwd=shop) as process:
        pids: set[int] = set()
        deadline = time.monotonic() + 60
        while len(pids) <= 2:  # the server counts now and then
            pids.add(ask(port)["pid"])
            assert time.monotonic() < deadline, process.said()


@each_server
def test_a_unix_socket(shop: Path, tmp_path: Path, name: str) -> None:
    """Instead of an address, and in place of one that a server which was killed left behind."""
    pytest.importorskip(name)
    uds = tmp_path / "s"
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(uds))
    command = [sys.executable, "-m", "quart", "--app", "shop", "serve", "--uds", str(uds)]
    popen = subprocess.Popen(
        [*command, "--server", name], cwd=shop, stderr=subprocess.DEVNULL, start_new_session=True
    )
    try:
        curl = ["curl", "-s", "--unix-socket", str(uds), "http://localhost/"]
        for _ in range(200):
            said = subprocess.run(curl, capture_output=True, text=True, check=False).stdout
            if said:
                break
            time.sleep(0.1)
        assert '"scheme":"http"' in said
        popen.terminate()
        assert 0 == popen.wait(40)
    finally:
        if popen.poll() is None:
            os.killpg(popen.pid, signal.SIGKILL)
