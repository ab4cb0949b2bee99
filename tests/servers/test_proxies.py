"""nginx and Caddy, configured as the page on Linux servers tells its reader."""

import asyncio
import contextlib
import os
import re
import shutil
import ssl
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
import websockets
from asgi import Response
from clients import TIMEOUT, curl
from processes import TESTS, Process, free_port, make_certificate

PAGE = TESTS.parent / "docs/how-to/linux-server.md"
HOST = "shop.example.com"
SHOP = """
import asyncio

from quart import Quart, request, sse_response, websocket
from quart.middleware import ProxyFix

app = Quart(__name__)
app.asgi_app = ProxyFix(app.asgi_app, x_for=1, x_proto=1)
waiting = cancelled = 0
go_on = asyncio.Event()


@app.get("/")
async def index():
    return f"{request.scheme} from {request.remote_addr} for {request.host.partition(':')[0]}"


@app.post("/upload")
async def upload():
    return {"bytes": len((await request.files)["file"].read())}


@app.get("/events")
async def events():
    async def two():
        yield "first"
        await go_on.wait()
        yield "second"

    return sse_response(two())


@app.get("/go-on")
async def let_go_on():
    go_on.set()
    return ""


@app.get("/wait")
async def wait():
    global waiting, cancelled
    waiting += 1
    try:
        await asyncio.sleep(60)
    except asyncio.CancelledError:
        cancelled += 1
        raise


@app.get("/counts")
async def counts():
    return {"waiting": waiting, "cancelled": cancelled}


@app.websocket("/echo")
async def echo():
    async for message in websocket:
        await websocket.send(message)
"""


class Proxy(NamedTuple):
    """A proxy that runs, with its port for TLS."""

    name: str
    port: int

    def ask(self, path: str, *options: str) -> Response:
        url = f"https://{HOST}:{self.port}{path}"
        here = f"{HOST}:{self.port}:127.0.0.1"
        return curl("--insecure", "--noproxy", "*", "--resolve", here, *options, url)

    @contextlib.asynccontextmanager
    async def asked(self, path: str) -> AsyncIterator[asyncio.StreamReader]:
        """Send a request of HTTP/1.1, and go away at the end."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port, ssl=unverified())
        try:
            writer.write(f"GET {path} HTTP/1.1\r\nHost: {HOST}\r\n\r\n".encode())
            yield reader
        finally:
            writer.transport.abort()


def unverified() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def from_the_page(title: str, here: dict[str, str]) -> str:
    """The configuration below this title, whose paths and ports are those *here*."""
    pattern = f"^## {title}\n.*?^```\\w+\n(.*?)^```"
    found = re.search(pattern, PAGE.read_text(), re.MULTILINE | re.DOTALL)
    assert found is not None
    text = found[1]
    for old, new in here.items():
        assert old in text, old
        text = text.replace(old, new)
    return text


def nginx(directory: Path, port: int, cert: Path) -> list[str]:
    """Write the configuration of nginx, and return its command."""
    here = {
        "443 ssl": f"127.0.0.1:{port} ssl",
        f"/etc/letsencrypt/live/{HOST}/fullchain.pem": str(cert),
        f"/etc/letsencrypt/live/{HOST}/privkey.pem": str(cert.with_suffix(".key")),
        "/run/shop/shop.sock": str(directory / "shop.sock"),
        "/srv/shop/": f"{directory}/",
    }
    version = subprocess.run(["nginx", "-v"], capture_output=True, text=True, check=True).stderr
    if [int(part) for part in re.findall(r"\d+", version)[:3]] < [1, 25, 1]:
        here |= {f"127.0.0.1:{port} ssl": f"127.0.0.1:{port} ssl http2", "http2 on;": ""}
    server = from_the_page("nginx", here)
    places = "".join(
        f"{name}_temp_path {directory}/{name};\n"
        for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    user = "user root;\n" if os.geteuid() == 0 else ""
    path = directory / "nginx.conf"
    path.write_text(
        f"{user}pid {directory}/nginx.pid;\nerror_log stderr;\ndaemon off;\nevents {{}}\n"
        f"http {{\naccess_log off;\n{places}{server}}}\n"
    )
    return ["nginx", "-e", "stderr", "-p", str(directory), "-c", str(path)]


def caddy(directory: Path, port: int, cert: Path) -> list[str]:
    """Write the configuration of Caddy, and return its command."""
    own_certificate = f"https://{HOST}:{port} {{\n    tls {cert} {cert.with_suffix('.key')}"
    here = {
        f"{HOST} {{": own_certificate,
        "unix//run/shop/shop.sock": f"unix/{directory}/shop.sock",
        "/srv/shop/": f"{directory}/",
    }
    site = from_the_page("Caddy", here)
    path = directory / "Caddyfile"
    path.write_text(f"{{\n    admin off\n    auto_https disable_redirects\n}}\n{site}")
    return ["caddy", "run", "--adapter", "caddyfile", "--config", str(path)]


@pytest.fixture(scope="module", params=[nginx, caddy], ids=["nginx", "caddy"])
def proxy(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Proxy]:
    """The application on Uvicorn behind the proxy, as the page puts them."""
    pytest.importorskip("uvicorn", reason="uvicorn is not installed")
    name = request.param.__name__
    if shutil.which(name) is None:
        pytest.skip(f"{name} is not installed")
    directory = tmp_path_factory.mktemp(name)
    (directory / "shop/static").mkdir(parents=True)
    (directory / "shop/static/style.css").write_text("body {}")
    (directory / "shop/__init__.py").write_text(SHOP)
    port = free_port()
    command = request.param(directory, port, make_certificate(directory))
    uvicorn = [sys.executable, "-m", "uvicorn", "--uds", str(directory / "shop.sock"), "shop:app"]
    with started(directory, uvicorn) as server, started(directory, command) as front:
        front.wait_for(port)
        running = Proxy(name, port)
        while running.ask("/").status == 502:
            assert server.popen.poll() is None, server.said()
        yield running


@contextlib.contextmanager
def started(directory: Path, command: list[str]) -> Iterator[Process]:
    """Run a command in the directory, where it may keep what it likes."""
    with (directory / f"{Path(command[0]).name}.log").open("w+b") as log:
        popen = subprocess.Popen(
            command,
            cwd=directory,
            env={**os.environ, "HOME": str(directory), "XDG_DATA_HOME": str(directory)},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        process = Process(popen, log)
        try:
            yield process
        finally:
            process.end()


def test_the_client_is_told_of(proxy: Proxy) -> None:
    """Address and scheme are the client's, whatever it claims."""
    response = proxy.ask("/", "--header", "X-Forwarded-For: 192.0.2.7")

    assert (200, f"https from 127.0.0.1 for {HOST}".encode()) == (response.status, response.body)


def test_the_proxy_sends_static_files(proxy: Proxy) -> None:
    response = proxy.ask("/static/style.css")

    assert (200, b"body {}") == (response.status, response.body)
    assert response.headers["Server"].lower().startswith(proxy.name)


def test_uploads(proxy: Proxy, tmp_path: Path) -> None:
    """What the application reads in one request passes the proxy; more is refused."""
    file = tmp_path / "file"
    file.write_bytes(bytes(15 * 2**20))
    assert b'{"bytes":15728640}\n' == proxy.ask("/upload", "--form", f"file=@{file}").body

    file.write_bytes(bytes(20 * 2**20))
    assert 413 == proxy.ask("/upload", "--form", f"file=@{file}").status


def test_websockets(proxy: Proxy) -> None:
    async def exchange() -> str | bytes:
        url = f"wss://{HOST}:{proxy.port}/echo"
        async with websockets.connect(
            url, ssl=unverified(), host="127.0.0.1", proxy=None
        ) as socket:
            await socket.send("tea")
            return await socket.recv()

    assert "tea" == asyncio.run(asyncio.wait_for(exchange(), TIMEOUT))


def test_events_are_not_held_back(proxy: Proxy) -> None:
    """The second is sent only after the client has the first."""

    async def exchange() -> None:
        async with proxy.asked("/events") as reader:
            await reader.readuntil(b"data: first")
            await asyncio.to_thread(proxy.ask, "/go-on")
            await reader.readuntil(b"data: second")

    asyncio.run(asyncio.wait_for(exchange(), TIMEOUT))


def test_a_client_that_goes_cancels_the_view(proxy: Proxy) -> None:
    async def exchange() -> None:
        async with proxy.asked("/wait"):
            while b'"waiting":1' not in (await asyncio.to_thread(proxy.ask, "/counts")).body:
                pass
        while b'"cancelled":1' not in (await asyncio.to_thread(proxy.ask, "/counts")).body:
            pass

    asyncio.run(asyncio.wait_for(exchange(), TIMEOUT))
