"""Real servers give real clients the same answers."""

import asyncio
import contextlib
import functools
import hashlib
from collections.abc import Callable, Iterator
from importlib import metadata
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import websockets
from clients import TIMEOUT, command, curl, over_http3, websocket_over_http2
from processes import (
    DENIES,
    HELLO,
    HTTP2,
    SERVERS,
    TESTS,
    Server,
    free_port,
    free_udp_port,
    make_certificate,
    port_is_free,
    running,
    serving,
)
from werkzeug.datastructures import Headers
from wsproto.events import CloseConnection, TextMessage

TEXT = {"content-type": "text/plain; charset=utf-8"}
HTML = {"content-type": "text/html; charset=utf-8"}
JSON = {"content-type": "application/json"}


class Page(str):
    """What is somewhere in the text of an error or a redirect."""


class Expected(NamedTuple):
    """A path with curl's options, and the answer to it."""

    path: str
    options: list[str]
    status: int
    headers: dict[str, str | None]
    body: Any


ANSWERS = {
    "text": Expected("/", [], 200, {**TEXT, "content-length": "5"}, "hello"),
    "HEAD": Expected("/", ["--head"], 200, {**TEXT, "content-length": "5"}, ""),
    "OPTIONS": Expected("/", ["--request", "OPTIONS"], 200, {"allow": "GET, HEAD, OPTIONS"}, ""),
    "JSON with a parameter": Expected("/user/7", [], 200, JSON, {"number": 7}),
    "path and query": Expected(
        "/where/a%20b/%C3%A4?q=%26+%C3%B6",
        [],
        200,
        JSON,
        {"path": "a b/ä", "query": "& ö", "url": "/where/a b/ä"},
    ),
    "form": Expected("/form", ["--data", "a=1&b=%C3%BC"], 200, JSON, {"a": "1", "b": "ü"}),
    "multipart form": Expected("/form", ["--form", "a=1"], 200, JSON, {"a": "1"}),
    "QUERY": Expected("/found", ["--request", "QUERY", "--data", "a"], 200, JSON, {"asked": "a"}),
    "stream": Expected("/stream", [], 200, {**TEXT, "content-length": None}, "0\n1\n2\n"),
    "not found": Expected("/nowhere", [], 404, HTML, Page("Not Found")),
    "wrong parameter": Expected("/user/x", [], 404, HTML, Page("Not Found")),
    "method not allowed": Expected(
        "/form", [], 405, {"allow": "OPTIONS, POST"}, Page("Not Allowed")
    ),
    "error": Expected("/error", [], 500, HTML, Page("Internal Server Error")),
    "redirect": Expected("/old", [], 302, {"location": "/"}, Page("Redirecting")),
    "no content": Expected("/empty", [], 204, {}, ""),
    "sync view": Expected("/sync?name=thread", [], 200, TEXT, "hello thread"),
    "websocket's path": Expected("/ws", [], 400, HTML, Page("Bad Request")),
}

WAYS = {
    **{f"{name}, HTTP/1.1": (name, "HTTP/1.1", ["--http1.1"]) for name in SERVERS},
    **{f"{name}, HTTP/2": (name, "HTTP/2", ["--http2-prior-knowledge"]) for name in HTTP2},
    "hypercorn, HTTP/1.1 and TLS": ("hypercorn", "HTTP/1.1", ["--http1.1", "--cacert"]),
    "hypercorn, HTTP/2 and TLS": ("hypercorn", "HTTP/2", ["--http2", "--cacert"]),
}


# --- the servers that run while these tests do -----------------------------------------------


@pytest.fixture(scope="session")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Server]]:
    """``servers("uvicorn")`` runs the site, other arguments other applications, each once."""
    cert = make_certificate(tmp_path_factory.mktemp("certificate"))
    with contextlib.ExitStack() as stack:

        @functools.cache
        def start(
            name: str, app: str = "servers.site:app", *options: str, cwd: Path = TESTS
        ) -> Server:
            return stack.enter_context(serving(name, app, *options, cwd=cwd, cert=cert))

        yield start


@pytest.fixture(params=SERVERS)
def server(request: pytest.FixtureRequest, servers: Callable[..., Server]) -> Iterator[Server]:
    """The site on each server in turn; what the server says meanwhile is the test's output."""
    server = servers(request.param)
    said = len(server.process.said().encode())
    yield server
    print(server.process.said(said))


class Way(NamedTuple):
    """How curl reaches a server."""

    url: str
    protocol: str
    options: list[str]


@pytest.fixture(params=WAYS)
def way(request: pytest.FixtureRequest, servers: Callable[..., Server]) -> Way:
    """Each server, by each protocol it speaks."""
    name, protocol, options = WAYS[request.param]
    server = servers(name)
    if "--cacert" in options:
        return Way(server.tls_url, protocol, [*options, str(server.cert)])
    return Way(server.url, protocol, options)


# --- HTTP -----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ANSWERS)
def test_all_servers_give_the_same_answers(way: Way, name: str) -> None:
    """Status, headers and body, over HTTP/1.1 and HTTP/2, with TLS and without."""
    path, options, status, headers, body = ANSWERS[name]
    response = curl(*way.options, *options, way.url + path)

    assert (status, way.protocol) == (response.status, response.headers["protocol"])
    assert headers == {name: _sorted(name, response.headers) for name in headers}
    match body:
        case Page():
            assert body in response.text
        case str():
            assert body == response.text
        case _:
            assert body == response.json


def _sorted(name: str, headers: Headers) -> str | None:
    value = headers.get(name)
    return ", ".join(sorted(value.split(", "))) if value and name == "allow" else value


def test_an_upload_comes_back(way: Way, tmp_path: Path) -> None:
    """Bytes stream in and out: as many and the same."""
    content = b"".join(hashlib.sha256(bytes([i % 256])).digest() for i in range(10_000))
    (tmp_path / "upload").write_bytes(content)
    upload = ["--data-binary", f"@{tmp_path / 'upload'}", "--header", "Expect:"]
    response = curl(*way.options, *upload, f"{way.url}/upload")

    assert 200 == response.status
    assert content == response.body


def test_a_session_lasts_from_one_request_to_the_next(way: Way, tmp_path: Path) -> None:
    """The cookie travels with curl's jar."""
    jar = str(tmp_path / "jar")
    ask = [*way.options, "--cookie-jar", jar, "--cookie", jar, f"{way.url}/count"]

    assert ["1", "2", "3"] == [curl(*ask).text for _ in range(3)]


@pytest.mark.parametrize("server", HTTP2, indirect=True)
def test_nghttp_asks_over_http2_in_clear_text(server: Server) -> None:
    """Another client's view of the same answer."""
    answer = command("nghttp", "--verbose", f"{server.url}/").decode()

    assert ":status: 200" in answer
    assert "hello" in answer


@pytest.mark.parametrize("server", ["hypercorn"], indirect=True)
def test_nghttp_asks_over_http2_with_tls(server: Server) -> None:
    """HTTP/2 is agreed on in the handshake."""
    answer = command("nghttp", "--verbose", f"{server.tls_url}/user/7").decode()

    assert "negotiated protocol: h2" in answer
    assert ":status: 200" in answer
    assert '{"number":7}' in answer


@pytest.mark.parametrize("server", ["hypercorn"], indirect=True)
@pytest.mark.parametrize(
    ("path", "signs"),
    [
        ("/push", ["PUSH_PROMISE", ":path: /", "pushed", "hello"]),
        ("/hint", [":status: 103", "link: </style.css>", ":status: 200", "hinted"]),
        ("/trailers", [":status: 200", "followed", "checksum: abc"]),
    ],
)
def test_what_surrounds_a_response_reaches_nghttp(
    server: Server, path: str, signs: list[str]
) -> None:
    """A pushed response, early hints and trailers."""
    if metadata.version("hypercorn") < "0.18" and path != "/hint":
        pytest.skip("Hypercorn 0.17 breaks off HTTP/2 connections at a push or a trailer")
    answer = command("nghttp", "--verbose", "--header=te: trailers", server.url + path).decode()

    assert [] == [sign for sign in signs if sign not in answer]


# --- HTTP/3 ---------------------------------------------------------------------------------

PROGRAM = """
import sys
from quart import Quart, request

app = Quart(__name__)

@app.route("/<name>", methods=["GET", "POST"])
async def hello(name):
    return {"name": name, "version": request.http_version, "length": len(await request.get_data())}

@app.get("/stream")
async def stream():
    async def pieces():
        for _ in range(100):
            yield b"x" * 10_000
    return pieces()

if __name__ == "__main__":
    port, quic_bind, cert, key = sys.argv[1:]
    app.run(port=int(port), quic_bind=[quic_bind], certfile=cert, keyfile=key)
"""
STARTS = {
    "app.run": "program.py {port} 127.0.0.1:{quic_port} {cert} {key}",
    "quart run": "-m quart --app program run --port {port} --quic-bind 127.0.0.1:{quic_port}"
    " --cert {cert} --key {key}",
    "quart serve": "-m quart --app program serve --bind 127.0.0.1:{port}"
    " --quic-bind 127.0.0.1:{quic_port} --certfile {cert} --keyfile {key}"
    " --graceful-timeout 1",  # which Hypercorn waits for whatever there is to wait for
}


@pytest.mark.parametrize("start", STARTS)
async def test_http3(start: str, tmp_path: Path) -> None:
    """Requests, uploads and streams over QUIC, beside HTTP/2 and HTTP/1.1 on another port."""
    pytest.importorskip("aioquic", reason="aioquic is not installed")
    if metadata.version("hypercorn") < "0.18":
        pytest.skip("with Hypercorn 0.17 comes an aioquic before 1.0, and requests get no answer")
    cert = make_certificate(tmp_path)
    (tmp_path / "program.py").write_text(PROGRAM)
    port, quic_port = free_port(), free_udp_port()
    arguments = STARTS[start].format(
        port=port, quic_port=quic_port, cert=cert, key=cert.with_suffix(".key")
    )
    with running(port, *arguments.split(), cwd=tmp_path) as process:
        hello, upload, stream, nothing = await over_http3(
            quic_port,
            cert,
            ("GET", "/hello", []),
            ("POST", "/upload", [b"x" * 10_000] * 20),
            ("GET", "/stream", []),
            ("GET", "/", []),
        )
        assert {"name": "hello", "version": "3", "length": 0} == hello.json
        assert {"name": "upload", "version": "3", "length": 200_000} == upload.json
        assert (200, 1_000_000) == (stream.status, len(stream.body))
        assert 404 == nothing.status

        other = await asyncio.to_thread(
            curl, "--cacert", str(cert), "--http2", f"https://localhost:{port}/hello"
        )
        assert {"name": "hello", "version": "2", "length": 0} == other.json
        assert f'h3=":{quic_port}"' in other.headers["alt-svc"]
        assert await asyncio.to_thread(process.interrupt) < 5
        assert "Traceback" not in process.said()


# --- websockets -----------------------------------------------------------------------------


async def test_all_servers_echo_messages(server: Server) -> None:
    """Text and bytes, empty and large, in order."""
    messages = ["text", b"bytes", "", b"", "ä" * 50_000, b"\0" * 100_000]
    if server.name == "daphne":  # sends no empty messages
        messages = [message for message in messages if message]
    async with asyncio.timeout(TIMEOUT), websockets.connect(f"{server.ws_url}/ws") as ws:
        for message in messages:
            await ws.send(message)

        assert messages == [await ws.recv() for _ in messages]


async def test_all_servers_close_with_the_applications_code(server: Server) -> None:
    """So do the subprotocol and, where the server speaks version 2.3, the reason arrive."""
    async with (
        asyncio.timeout(TIMEOUT),
        websockets.connect(f"{server.ws_url}/ws/bye", subprotocols=["a", "b"]) as ws,
    ):
        with pytest.raises(websockets.ConnectionClosed):
            await ws.recv()

        reason = "" if server.name == "daphne" else "bye"
        assert ("a", 4000, reason) == (ws.subprotocol, ws.close_code, ws.close_reason)


@pytest.mark.parametrize(("path", "status"), [("/ws/no", 401), ("/nowhere", 404), ("/", 400)])
async def test_a_handshake_is_refused(server: Server, path: str, status: int) -> None:
    """With the response where the server can, with 403 elsewhere."""
    with pytest.raises(websockets.InvalidStatus) as caught:
        async with asyncio.timeout(TIMEOUT), websockets.connect(server.ws_url + path):
            pass

    answer = caught.value.response
    assert (status if server.name in DENIES else 403) == answer.status_code
    assert server.name not in DENIES or answer.body.startswith(b"<!doctype html>")


async def test_a_view_that_does_nothing_rejects(server: Server) -> None:
    """It ends without accepting, and leaves no error in any server's log."""
    said = len(server.process.said().encode())
    with pytest.raises(websockets.InvalidStatus) as caught:
        async with asyncio.timeout(TIMEOUT), websockets.connect(f"{server.ws_url}/ws/nothing"):
            pass

    assert 403 == caught.value.response.status_code
    assert "Traceback" not in server.process.said(said)


async def test_a_message_beyond_the_servers_limit(server: Server) -> None:
    """20 MB: the websocket is closed, its view ends, and the log shows no error."""
    said = len(server.process.said().encode())
    # Hypercorn sends its close, but reads no answer to it: only a ping ends the connection.
    pings = 2 if server.name == "hypercorn" else None
    async with (
        asyncio.timeout(2 * TIMEOUT),
        websockets.connect(
            f"{server.ws_url}/ws",
            compression=None,
            close_timeout=1,
            ping_interval=pings,
            ping_timeout=pings,
        ) as ws,
    ):
        with pytest.raises(websockets.ConnectionClosed):
            await ws.send(b"x" * 20_000_000)
            await ws.recv()

    if server.name in ("hypercorn", "uvicorn"):  # the others have codes of their own
        assert 1009 == ws.close_code
    await _until_open(server, 0)
    assert "Traceback" not in server.process.said(said)


@pytest.mark.parametrize("server", ["hypercorn"], indirect=True)
async def test_a_websocket_over_http2(server: Server) -> None:
    """An extended CONNECT opens it (RFC 8441), a close frame ends it."""
    async with websocket_over_http2(server.port, "/ws") as ws:
        assert 200 == ws.status
        await ws.send(TextMessage("hello"))
        assert "hello" == (await ws.receive()).data
        await ws.send(CloseConnection(1000))
        assert 1000 == (await ws.receive()).code
    async with websocket_over_http2(server.port, "/ws/no") as ws:
        assert 401 == ws.status


# --- clients that leave ----------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/forever", "/never", "/ws"])
async def test_a_client_that_leaves_ends_what_it_asked_for(server: Server, path: str) -> None:
    """A stream, a handler that waits and a websocket are cancelled on every server."""
    if path == "/ws":
        async with asyncio.timeout(TIMEOUT), websockets.connect(f"{server.ws_url}/ws") as ws:
            await ws.send("hello")
            await ws.recv()
            await _until_open(server, 1)
    else:
        _, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        await _until_open(server, 1)
        writer.close()
    await _until_open(server, 0)


async def _until_open(server: Server, number: int) -> None:
    async with asyncio.timeout(TIMEOUT):
        while (await asyncio.to_thread(curl, f"{server.url}/open")).text != str(number):
            await asyncio.sleep(0.05)


# --- other applications ---------------------------------------------------------------------


async def test_asgi_2_under_uvicorn(servers: Callable[..., Server]) -> None:
    """The same application in ASGI 2's style, a callable of the scope."""
    server = servers("uvicorn", "servers.site:app.asgi2", "--interface", "asgi2")

    assert {"number": 7} == curl(f"{server.url}/user/7").json
    async with asyncio.timeout(TIMEOUT), websockets.connect(f"{server.ws_url}/ws") as ws:
        await ws.send("hello")
        assert "hello" == await ws.recv()


@pytest.mark.parametrize("name", SERVERS)
async def test_the_hello_example(servers: Callable[..., Server], name: str) -> None:
    """A page and a websocket, on every server."""
    server = servers(name, "app:app", cwd=HELLO)
    response = curl(f"{server.url}/")

    assert 200 == response.status
    assert "hello" in response.text.lower()
    async with asyncio.timeout(TIMEOUT), websockets.connect(f"{server.ws_url}/ws") as ws:
        assert "hello" == await ws.recv()


# --- the end --------------------------------------------------------------------------------


async def test_ctrl_c_ends_the_site_with_connections_open() -> None:
    """Websockets and streams that go on for ever do not hold it, and it says nothing bad."""
    port = free_port()
    with running(port, "-m", "servers.site", str(port), cwd=TESTS) as process:
        async with contextlib.AsyncExitStack() as stack:
            for _ in range(5):
                ws = await stack.enter_async_context(
                    websockets.connect(f"ws://127.0.0.1:{port}/ws")
                )
                await ws.send("open")
                assert "open" == await ws.recv()
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            stack.callback(writer.close)
            writer.write(b"GET /forever HTTP/1.1\r\nHost: localhost\r\n\r\n")
            await asyncio.wait_for(reader.readuntil(b"tick"), TIMEOUT)

            assert await asyncio.to_thread(process.interrupt) < 5
        assert "Traceback" not in process.said()


async def test_ctrl_c_ends_the_hello_example() -> None:
    """So it does when the program of the quickstart sends without end."""
    if not port_is_free(5000):
        pytest.skip("port 5000 is taken, and the example has no other")
    with running(5000, "app.py", cwd=HELLO) as process:
        async with websockets.connect("ws://127.0.0.1:5000/ws") as ws:
            assert "hello" == await ws.recv()
            assert "127.0.0.1:5000" in process.said()

            assert await asyncio.to_thread(process.interrupt) < 5
        assert "Traceback" not in process.said()
