"""`app.run` and the reloader, in processes of their own."""

import asyncio
import contextlib
import http.client
import io
import logging
import os
import re
import signal
import socket
import ssl
import subprocess
import sys
import textwrap
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import websockets
from servers.processes import Process, free_port, make_certificate, port_is_free, running
from test_serving import TIMEOUT

from quart import (
    Quart,
    websocket,
)


@pytest.fixture
def app() -> Quart:
    """An application whose shutdown takes no longer than it must."""
    app = Quart(__name__)
    app.config.update(SHUTDOWN_TIMEOUT=0.2, BACKGROUND_TASK_SHUTDOWN_TIMEOUT=0.2)
    app.secret_key = "key"
    return app


# --- run ------------------------------------------------------------------------------------

PROGRAM = """
import asyncio, logging, sys, time
from quart import Quart, websocket
app = Quart(__name__)

@app.while_serving
async def lives():
    print("starts", flush=True)
    yield
    print("ends", flush=True)

@app.get("/")
async def hello():
    return "hello"

@app.get("/slow")
async def slow():
    print("slow begins", flush=True)
    await asyncio.sleep(0.5)
    return "slow"

@app.get("/stuck")
def stuck():
    time.sleep(30)

@app.get("/deaf")
async def deaf():
    while True:
        try:
            await asyncio.sleep(30)
        except asyncio.CancelledError:
            pass

@app.websocket("/deaf")
async def deaf_socket():
    await websocket.accept()
    while True:
        try:
            await asyncio.sleep(30)
        except asyncio.CancelledError:
            pass

@app.get("/unread")
async def unread():
    async def much():
        while True:
            yield "x" * 1_000_000
            await asyncio.sleep(0)
    response = await app.make_response(much())
    response.timeout = None
    return response

@app.get("/ticks")
async def ticks():
    async def ticks():
        while True:
            yield "tick"
            await asyncio.sleep(0.1)
    response = await app.make_response(ticks())
    response.timeout = None
    return response

@app.websocket("/ws")
async def ws():
    while True:
        await websocket.send("hello")
        await asyncio.sleep(0.1)

@app.websocket("/flood")
async def flood():
    while True:
        await websocket.send("hello")

inner = Quart("inner")
inner.websocket("/ws")(ws)
app.mount("/inner", inner)
"""


@pytest.fixture
def program(tmp_path: Path) -> Path:
    """A program that serves, but for its last line."""
    path = tmp_path / "program.py"
    path.write_text(textwrap.dedent(PROGRAM))
    return path


@contextlib.contextmanager
def run(program: Path, last_lines: str, port: int) -> Iterator[Process]:
    with program.open("a") as file:
        file.write(f"\n{last_lines}\n")
    with running(port, program.name, cwd=program.parent) as process:
        _wait_for(process, "Running on")  # said right after the port is open
        yield process


def ends_with(program: Path, last_lines: str) -> tuple[int, str]:
    """The exit status of a program that does not get to serve, and what it says."""
    with program.open("a") as file:
        file.write(f"\n{last_lines}\n")
    ended = subprocess.run(
        [sys.executable, program.name],
        cwd=program.parent,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=TIMEOUT,
        check=False,
    )
    return ended.returncode, ended.stdout


def _wait_for(process: Process, text: str, count: int = 1) -> None:
    deadline = time.monotonic() + TIMEOUT
    while process.said().count(text) < count:
        assert time.monotonic() < deadline, process.said()
        time.sleep(0.05)


def ask(port: int, path: str = "/", context: ssl.SSLContext | None = None) -> str:
    """The body of an answer."""
    sock = socket.create_connection(("127.0.0.1", port), TIMEOUT)
    with context.wrap_socket(sock, server_hostname="localhost") if context else sock as sock:
        sock.sendall(f"GET {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n".encode())
        answer = b""
        while data := sock.recv(2**16):
            answer += data
    return answer.partition(b"\r\n\r\n")[2].decode()


async def test_ctrl_c_with_everything_open(program: Path) -> None:
    """A websocket is closed, a stream is cut, a request is finished."""
    port = free_port()
    with run(program, f"app.run(port={port})", port) as process:
        assert f" * Running on http://127.0.0.1:{port} (CTRL + C to quit)" in process.said()
        assert "hello" == await asyncio.to_thread(ask, port)
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"GET /ticks HTTP/1.1\r\nHost: a\r\n\r\n")
        slow = asyncio.create_task(asyncio.to_thread(ask, port, "/slow"))
        async with websockets.connect(f"ws://127.0.0.1:{port}/ws") as ws:
            await ws.recv()
            await asyncio.to_thread(_wait_for, process, "slow begins")
            interrupted = asyncio.create_task(asyncio.to_thread(process.interrupt))
            with pytest.raises(websockets.ConnectionClosed):
                while True:
                    await ws.recv()
            assert 1001 == ws.close_code
            assert "slow" == await slow
            seconds = await interrupted
        writer.close()
        assert 5 > seconds
        assert 0 == process.popen.returncode
        assert "ends" == process.said().splitlines()[-1]


@pytest.mark.parametrize(
    "server",
    [
        "uvicorn program:app --port",
        "hypercorn program:app -b",
        "granian program:app --interface asgi --port",
    ],
)
async def test_ctrl_c_under_other_servers(program: Path, server: str) -> None:
    """Streams and websockets, those of mounted applications too, end before the lifespan does."""
    name, *arguments = server.split()
    pytest.importorskip(name)
    port = free_port()
    where = f"127.0.0.1:{port}" if name == "hypercorn" else str(port)
    with running(port, "-m", name, *arguments, where, cwd=program.parent) as process:
        _, writer = await asyncio.open_connection("127.0.0.1", port, limit=2)
        writer.write(b"GET /ticks HTTP/1.1\r\nHost: a\r\n\r\n")
        async with (
            websockets.connect(f"ws://127.0.0.1:{port}/ws") as ws,
            websockets.connect(f"ws://127.0.0.1:{port}/inner/ws") as inner,
        ):
            await ws.recv()
            await inner.recv()
            interrupted = asyncio.create_task(asyncio.to_thread(process.interrupt))
            for each in (ws, inner):
                with pytest.raises(websockets.ConnectionClosed):
                    while True:
                        await each.recv()
                assert 1001 == each.close_code
            seconds = await interrupted
        writer.close()
        assert 5 > seconds
        assert "ends" in process.said().splitlines()
        assert "Traceback" not in process.said()


@pytest.mark.parametrize("path", ["/deaf", "/stuck", "/unread"])
async def test_what_cannot_be_cancelled(program: Path, path: str) -> None:
    """It does not hold the process: a handler on the loop or in a thread, a client that waits."""
    port = free_port()
    with run(
        program, f"app.config['SHUTDOWN_TIMEOUT'] = 0.2\napp.run(port={port})", port
    ) as process:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(f"GET {path} HTTP/1.1\r\nHost: a\r\n\r\n".encode())
        await asyncio.sleep(0.2)

        assert 10 > await asyncio.to_thread(process.interrupt)
        assert "ends" in process.said().splitlines()
        writer.close()


SERVERS = [
    "program.py",
    "-m uvicorn program:app --port",
    "-m hypercorn program:app -b",
    "-m granian program:app --interface asgi --port",
]


@pytest.mark.parametrize("path", ["/deaf", "/stuck"])
@pytest.mark.parametrize("server", SERVERS[1:])
async def test_a_handler_that_ignores_its_cancellation_is_left(
    program: Path, server: str, path: str
) -> None:
    """A server waits for its connections, some without a limit."""
    with program.open("a") as file:
        file.write("app.config['SHUTDOWN_TIMEOUT'] = 0.2\n")
    port = free_port()
    where = f"127.0.0.1:{port}" if "hypercorn" in server else str(port)
    with running(port, *server.split(), where, cwd=program.parent) as process:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(f"GET {path} HTTP/1.1\r\nHost: a\r\n\r\n".encode())
        async with websockets.connect(f"ws://127.0.0.1:{port}/deaf"):
            await asyncio.sleep(0.2)

            assert 10 > await asyncio.to_thread(process.interrupt)
        writer.close()
        said = process.said()

    assert "ends" in said.splitlines()
    assert f"The handler of {path} ignores its cancellation" in said
    assert 2 == said.count("ignores its cancellation")


GOES_ON = """
app.config.update(BACKGROUND_TASK_SHUTDOWN_TIMEOUT=0.1, AFTER_SERVING_TIMEOUT=0.1)
app.before_serving(lambda: app.add_background_task(deaf) and None)
app.after_serving(lambda: time.sleep(60))
if __name__ == "__main__":
    app.run(port=int(sys.argv[1]))
"""


@pytest.mark.parametrize("server", SERVERS)
async def test_what_outlives_the_shutdown(program: Path, server: str) -> None:
    """Neither a background task that ignores its cancellation holds the process, nor a thread."""
    with program.open("a") as file:
        file.write(GOES_ON)
    port = free_port()
    where = f"127.0.0.1:{port}" if "hypercorn" in server else str(port)
    with running(port, *server.split(), where, cwd=program.parent) as process:
        assert "hello" == await asyncio.to_thread(ask, port)

        assert 10 > await asyncio.to_thread(process.interrupt)
        assert "ends" in process.said().splitlines()
        assert "'deaf' ignores its cancellation" in process.said()


def test_ctrl_c_cancels_a_start_up(program: Path) -> None:
    """What had started is ended; nothing has to be waited for."""
    last_lines = """
@app.while_serving
async def hangs():
    print("hangs", flush=True)
    await asyncio.sleep(60)
    yield

print("loaded", flush=True)
app.run(port=0)
"""
    with program.open("a") as file:
        file.write(last_lines)
    with subprocess.Popen(
        [sys.executable, program.name], cwd=program.parent, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        while process.stdout.readline() != "hangs\n":
            assert process.poll() is None
        process.send_signal(signal.SIGINT)
        rest = process.stdout.read()
        assert 0 == process.wait(TIMEOUT)

    assert "ends\n" == rest


async def test_a_websocket_that_sends_without_end(program: Path) -> None:
    """It leaves their turns to other connections, and to Ctrl-C."""
    port = free_port()
    flooded = asyncio.Event()

    async def read() -> int | None:
        async with websockets.connect(f"ws://127.0.0.1:{port}/flood") as ws:
            with contextlib.suppress(websockets.ConnectionClosed):
                while True:
                    await ws.recv()
                    flooded.set()
        return ws.close_code

    with run(program, f"app.run(port={port})", port) as process:
        reader = asyncio.create_task(read())
        await asyncio.wait_for(flooded.wait(), TIMEOUT)
        assert "hello" == await asyncio.to_thread(ask, port)
        assert 5 > await asyncio.to_thread(process.interrupt)
        assert 1001 == await reader


async def test_a_second_ctrl_c_ends_it_at_once(program: Path) -> None:
    """Whatever it was waiting for."""
    port = free_port()
    with run(
        program, f"app.config['SHUTDOWN_TIMEOUT'] = 60\napp.run(port={port})", port
    ) as process:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"GET /deaf HTTP/1.1\r\nHost: a\r\n\r\n")
        await asyncio.sleep(0.2)
        os.killpg(process.popen.pid, signal.SIGINT)
        await asyncio.sleep(0.3)

        assert process.popen.poll() is None
        assert 5 > await asyncio.to_thread(process.interrupt)
        writer.close()


@pytest.mark.parametrize(
    ("last_line", "message"),
    [
        ("app.run(port={port})", "Error: Cannot listen on 127.0.0.1:{port}: "),
        ("app.run(certfile='none.pem')", "Error: There is no certificate or key file 'none.pem'."),
        ("app.run(certfile='program.py')", "Error: Cannot use the certificate 'program.py': "),
        ("app.run(keyfile='program.py')", "Error: A key file requires a certificate"),
        ("app.run(quic_bind=['127.0.0.1:0'])", "Error: HTTP/3 is always encrypted"),
        ("app.run(host='no.such.host.invalid')", "Error: Cannot listen on no.such.host.invalid:50"),
    ],
)
def test_what_keeps_it_from_starting_is_said_in_one_line(
    program: Path, last_line: str, message: str
) -> None:
    """With exit status 1, and before anything was started."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        status, said = ends_with(program, last_line.format(port=port))

    lines = said.splitlines()
    assert 1 == status
    assert lines[-1].startswith(message.format(port=port))
    assert [" * Serving Quart app 'program'", " * Debug mode: off"] == lines[:2]
    assert lines[2].startswith(" * This is a server for development. In production, ")
    assert 4 == len(lines)


def test_a_port_that_is_taken(program: Path) -> None:
    """Who has it is named where the system tells, and the option that helps."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        _, said = ends_with(program, f"app.run(port={port})")

    assert "Use another port, as with '--port 5001'" in said
    if sys.platform == "linux":
        assert f": process {os.getpid()} (" in said


def test_a_start_that_fails_ends_the_process(program: Path) -> None:
    """With exit status 1 and the error's traceback in the log."""
    status, said = ends_with(
        program,
        "@app.before_serving\ndef fails():\n    raise ValueError('bad start')\napp.run(port=0)",
    )

    assert 1 == status
    assert "ValueError: bad start" in said
    assert "Error: Lifespan failure in startup. 'bad start'" == said.splitlines()[-1]


def test_run_within_a_loop_names_the_way(app: Quart) -> None:
    """It cannot start another."""

    async def main() -> None:
        app.run()

    with pytest.raises(RuntimeError, match="run_task"):
        asyncio.run(main())


async def test_run_task(app: Quart) -> None:
    """It serves within a loop until its trigger returns."""
    ends = asyncio.Event()
    port = free_port()

    @app.get("/")
    async def hello() -> str:
        return "hello"

    app.config["ACCESS_LOG"] = None
    task = asyncio.create_task(app.run_task(port=port, shutdown_trigger=ends.wait))
    async with asyncio.timeout(TIMEOUT):
        while True:
            with contextlib.suppress(OSError):
                answer = await asyncio.to_thread(ask, port)
                break
            await asyncio.sleep(0.02)
        ends.set()
        await task

    assert "hello" == answer
    assert app.shutdown_event.is_set()


@contextlib.asynccontextmanager
async def passing_errors(app: Quart, message: str) -> AsyncIterator[int]:
    """Serve on a port until an error passes through, which has this message."""
    port = free_port()
    app.config["ACCESS_LOG"] = None
    task = asyncio.create_task(app.run_task(port=port, passthrough_errors=True))
    async with asyncio.timeout(TIMEOUT):
        while port_is_free(port):
            await asyncio.sleep(0.02)
        yield port
        with pytest.raises(ValueError, match=message) as raised:
            await task
    assert "fails" in [entry.name for entry in raised.traceback]
    assert app.shutdown_event.is_set()


@pytest.mark.parametrize("debug", [False, True])
@pytest.mark.parametrize("path", ["/request", "/stream", "/background", "/with-handler"])
async def test_errors_that_pass_through(app: Quart, path: str, debug: bool) -> None:
    """One that nothing handles ends the server and is raised.

    The client has its answer all the same. Errors that are handled are not concerned.
    """

    def fails() -> None:
        raise ValueError(path)

    @app.get("/request")
    async def request_fails() -> None:
        fails()

    @app.get("/stream")
    async def stream() -> AsyncIterator[str]:
        yield "begun"
        fails()

    @app.get("/background")
    async def background() -> str:
        app.add_background_task(fails)
        return "begun"

    @app.get("/with-handler")
    async def with_handler() -> None:
        fails()

    if path == "/with-handler":
        app.register_error_handler(500, lambda error: ("own page", 500))

    @app.get("/handled")
    async def handled() -> None:
        raise KeyError

    app.debug = debug
    app.register_error_handler(KeyError, lambda error: "handled")
    async with passing_errors(app, path) as port:
        assert "handled" == await asyncio.to_thread(ask, port, "/handled")
        assert await asyncio.to_thread(ask, port, path)


async def test_an_error_of_a_websocket_passes_through(app: Quart) -> None:
    """After the websocket was accepted, too."""

    @app.websocket("/")
    async def fails() -> None:
        await websocket.accept()
        raise ValueError("in a websocket")

    async with (
        passing_errors(app, "in a websocket") as port,
        websockets.connect(f"ws://127.0.0.1:{port}/") as client,
    ):
        with pytest.raises(websockets.ConnectionClosed):
            await client.recv()


@pytest.mark.filterwarnings("ignore:.*socket.socket")  # Hypercorn leaves it to be collected
async def test_run_task_raises_what_keeps_it_from_starting(app: Quart) -> None:
    """As an OSError."""
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(OSError, match="listen on"):
        await app.run_task(port=taken.getsockname()[1])


async def test_run_task_raises_what_its_trigger_raises(app: Quart) -> None:
    """When the application has ended."""

    async def trigger() -> None:
        raise ValueError("bad trigger")

    with pytest.raises(ValueError, match="bad trigger"):
        await app.run_task(port=0, shutdown_trigger=trigger)
    assert app.shutdown_event.is_set()


async def test_run_task_can_be_cancelled(app: Quart, log: list[str]) -> None:
    """It ends the application first."""
    app.before_serving(lambda: log.append("before"))
    app.after_serving(lambda: log.append("after"))
    task = asyncio.create_task(app.run_task(port=0))
    async with asyncio.timeout(TIMEOUT):
        while not log:
            await asyncio.sleep(0.02)
        await asyncio.sleep(0.05)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    assert ["before", "after"] == log


def test_https(program: Path) -> None:
    """With a certificate, and with one made for the day."""
    cert = make_certificate(program.parent)
    port = free_port()
    context = ssl.create_default_context(cafile=cert)
    context.set_alpn_protocols(["h2", "http/1.1"])
    with run(
        program,
        f"app.run(port={port}, certfile='{cert}', keyfile='{cert.with_suffix('.key')}')",
        port,
    ) as process:
        with (
            socket.create_connection(("127.0.0.1", port), TIMEOUT) as plain,
            context.wrap_socket(plain, server_hostname="localhost") as sock,
        ):
            assert "h2" == sock.selected_alpn_protocol()
        assert f"Running on https://127.0.0.1:{port}" in process.said()


def test_an_ad_hoc_certificate(program: Path) -> None:
    """Nothing has to be prepared."""
    pytest.importorskip("cryptography")
    port = free_port()
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    with run(program, f"app.run(port={port}, certfile='adhoc')", port):
        assert "hello" == ask(port, context=context)


def test_several_binds(program: Path) -> None:
    """Addresses and a Unix socket."""
    ports = free_port(), free_port()
    binds = [f"127.0.0.1:{port}" for port in ports] + ["unix:sock"]
    with run(program, f"app.run(bind={binds})", ports[0]):
        assert ["hello", "hello"] == [ask(port) for port in ports]
        with socket.socket(socket.AF_UNIX) as sock:
            sock.connect(str(program.parent / "sock"))
            sock.sendall(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
            assert sock.recv(100).startswith(b"HTTP/1.1 200")


def test_a_socket_that_is_open_already(program: Path) -> None:
    """By its file descriptor."""
    port = free_port()
    last_lines = f"""
import socket
listening = socket.create_server(("127.0.0.1", {port}))
app.run(host=f"fd://{{listening.detach()}}")
"""
    with run(program, last_lines, port):
        assert "hello" == ask(port)


def test_a_loop_of_ones_own(program: Path) -> None:
    """It is left open, and code after `run` goes on."""
    port = free_port()
    last_lines = f"""
loop = asyncio.new_event_loop()
app.run(port={port}, loop=loop)
print("closed" if loop.is_closed() else "open")
loop.close()
"""
    with run(program, last_lines, port) as process:
        process.interrupt()

        assert "open" == process.said().splitlines()[-1]


def test_the_server_name_says_where(program: Path) -> None:
    """Where the call does not."""
    port = free_port()
    with run(
        program, f"app.config['SERVER_NAME'] = 'localhost:{port}'\napp.run()", port
    ) as process:
        assert f"Running on http://127.0.0.1:{port}" in process.said()


def test_the_environment_says_debug(program: Path) -> None:
    """In a file; the call comes before it."""
    pytest.importorskip("dotenv")
    program.parent.joinpath(".env").write_text("QUART_DEBUG=1\n")
    port = free_port()
    with run(program, f"app.run(port={port}, use_reloader=False)", port) as process:
        assert "Debug mode: on" in process.said()
    port = free_port()
    program.write_text(textwrap.dedent(PROGRAM))
    with run(program, f"app.run(port={port}, debug=False)", port) as process:
        assert "Debug mode: off" in process.said()


@pytest.mark.parametrize(
    ("config", "line"),
    [
        ("{}", "127.0.0.1 GET /?a=b 200 "),
        ("{'DEBUG': True}", "127.0.0.1 GET /?a=b 200 "),
        ("{'DEBUG': True, 'ACCESS_LOG_FORMAT': '%(m)s on %(U)s'}", "GET on /"),
        ("{'DEBUG': True, 'ACCESS_LOG': None}", None),
        ("{'ACCESS_LOG': 'access'}", "access says"),
    ],
)
def test_the_access_log(program: Path, config: str, line: str | None) -> None:
    """A line with the time for each request; it can be named, formatted and silenced."""
    port = free_port()
    last_lines = f"""
logger = logging.getLogger("access")
logger.addHandler(logging.StreamHandler())
logger.handlers[0].setFormatter(logging.Formatter("access says %(message)s"))
logger.setLevel("INFO")
app.config.update({config})
app.run(port={port}, use_reloader=False)
"""
    with run(program, last_lines, port) as process:
        before = len(process.said())
        ask(port, "/?a=b")
        time.sleep(0.1)
        said = process.said(before)

    assert line in said if line else said == ""
    if line and "127" in line:
        assert re.fullmatch(r"\[[-\d]{10} [:\d]{8}\] .+ 200 \d+ \d+ms\n", said)
        assert "in logging" not in said


def test_what_clients_send_breaks_no_line_of_the_access_log(program: Path) -> None:
    port = free_port()
    with run(program, f"app.run(port={port}, use_reloader=False)", port) as process:
        before = len(process.said())
        with socket.create_connection(("127.0.0.1", port)) as client:
            client.sendall(b"GET /%0aa%1b[31m?%00 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
            while client.recv(1000):
                pass
        time.sleep(0.1)
        said = process.said(before)

    assert 1 == said.count("\n")
    assert "GET /\\na\\x1b[31m?%00" in said
    assert "\x1b" not in said


async def test_a_websocket_in_the_access_log(program: Path) -> None:
    port = free_port()
    lines = f"""
@app.websocket("/greeting")
async def greeting():
    await websocket.send("hello")

app.run(port={port}, use_reloader=False)
"""
    with run(program, "from quart import websocket\n" + lines, port) as process:
        async with websockets.connect(f"ws://127.0.0.1:{port}/greeting") as client:
            assert "hello" == await client.recv()
        assert "127.0.0.1 WEBSOCKET /greeting 101 - " in process.said()


async def test_an_error_that_cuts_off_a_response_or_a_websocket(program: Path) -> None:
    """It is logged once, with method and path, and with the application's frames first."""
    port = free_port()
    lines = f"""
@app.get("/cut")
async def cut():
    async def body():
        yield "a"
        yield str(1 / 0)
    return body()

@app.websocket("/failing")
async def failing():
    await websocket.accept()
    raise KeyError("in the websocket")

app.run(port={port}, use_reloader=False)
"""
    with run(program, "from quart import websocket\n" + lines, port) as process:
        with contextlib.suppress(OSError, http.client.HTTPException):
            ask(port, "/cut")
        async with websockets.connect(f"ws://127.0.0.1:{port}/failing") as client:
            with pytest.raises(websockets.ConnectionClosedError):
                await client.recv()
        said = process.said()

    for title, error in (
        ("Exception in the response to request GET /cut", "ZeroDivisionError"),
        ("Exception on websocket /failing", "KeyError: 'in the websocket'"),
    ):
        after = said.partition(title)[2]
        assert "program.py" in after.splitlines()[2]
        assert error in after
    assert 1 == said.count("ZeroDivisionError")
    assert "ASGI Framework" not in said


def test_the_access_log_has_colours_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    from quart.logging import _access_handler

    terminal = io.StringIO()
    terminal.isatty = lambda: True  # type: ignore[method-assign]
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.delenv("NO_COLOR", raising=False)
    for status in ("200", "304", "404", "500"):
        record = logging.LogRecord("x", 20, "", 0, "%(s)s", ({"s": status},), None)
        _access_handler.handle(record)

    lines = terminal.getvalue().splitlines()
    assert ["[", "\x1b[36m", "\x1b[33m", "\x1b[31m"] == [
        line[: 1 if line[0] == "[" else 5] for line in lines
    ]


def test_unknown_arguments_are_warned_about(app: Quart) -> None:
    """Those for another server."""
    with pytest.warns(UserWarning, match="threaded"), contextlib.suppress(SystemExit):
        app.run(threaded=True, keyfile="none.pem")


# --- the reloader ---------------------------------------------------------------------------


def test_the_reloader(program: Path) -> None:
    """A change starts the program anew; what fails then is waited with; Ctrl-C ends both."""
    other = program.parent / "other.py"
    other.write_text("answer = 'one'\n")
    watched = program.parent / "watched.txt"
    watched.touch()
    port = free_port()
    last_lines = f"""
import other

@app.get("/other")
async def read_other():
    return other.answer

app.run(port={port}, debug=True, extra_files=["watched.txt"], exclude_patterns=["*/notes.py"])
"""
    with run(program, last_lines, port) as process:
        assert "one" == ask(port, "/other")
        other.write_text("answer = 'two!'\n")
        _wait_for(process, "Running on", 2)
        assert "two!" == ask(port, "/other")
        other.write_text("answer =\n")
        _wait_for(process, "SyntaxError")
        other.write_text("answer = 'three'\n")
        _wait_for(process, "Running on", 3)
        assert "three" == ask(port, "/other")
        watched.write_text("changed")
        _wait_for(process, "Running on", 4)

        assert "Detected change in" in process.said()
        assert 1 == process.said().count("Debug mode: on")
        assert 5 > process.interrupt()
        assert process.said().count("starts") == process.said().count("ends"), process.said()
        assert 0 == process.popen.returncode


def test_the_reloader_sees_a_change_that_the_system_does_not_tell_of(program: Path) -> None:
    """As on some file systems: here a file is written by its name in another directory."""
    other = program.parent / "other.py"
    other.write_text("answer = 'one'\n")
    elsewhere = program.parent / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "link.py").hardlink_to(other)
    port = free_port()
    with run(program, f"import other\napp.run(port={port}, debug=True)", port) as process:
        for number in (2, 3):
            (elsewhere / "link.py").write_text(f"answer = {number}\n")
            _wait_for(process, "Running on", number)
        assert 2 == process.said().count("Detected change in")


def test_the_reloader_ends_with_what_keeps_it_from_starting(program: Path) -> None:
    """As without it: one line, exit status 1."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        status, said = ends_with(program, f"app.run(port={port}, debug=True)")

    assert 1 == status
    assert 1 == said.count("Cannot listen on")
    assert "Traceback" not in said


def test_a_logger_of_ones_own(app: Quart) -> None:
    """A logger object is taken as it is."""
    from quart.server import configure

    app.config["ACCESS_LOG"] = logging.getLogger("mine")

    assert app.config["ACCESS_LOG"] is configure(app, "", 0, None, None, None, {}).accesslog
