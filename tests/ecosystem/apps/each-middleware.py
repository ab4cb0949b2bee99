"""Each middleware passes on all that Quart sends, on Granian, which sends files by their paths."""

from __future__ import annotations

import http.client
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from email.message import Message
from pathlib import Path

import brotli
import pytest
from served import TIMEOUT, Client, free_port
from websockets.sync.client import connect
from wrapped import FILE, WRAPPERS

COMPRESSED = {"Accept-Encoding": "br, gzip"}
HERE = Path(__file__).parent


def decoded(headers: Message, body: bytes) -> bytes:
    return brotli.decompress(body) if headers["Content-Encoding"] == "br" else body


@pytest.fixture(scope="module", params=WRAPPERS)
def client(request: pytest.FixtureRequest) -> Iterator[Client]:
    port = free_port()
    command = [sys.executable, "-m", "granian", "--interface", "asgi", "--factory"]
    server = subprocess.Popen(
        [*command, "--port", str(port), "wrapped:make_app"],
        cwd=HERE,
        env={**os.environ, "MIDDLEWARE": request.param},
    )
    client = Client(port)
    client.name = request.param
    try:
        for _ in range(TIMEOUT * 10):
            try:
                client.get("/sent")
                break
            except OSError:
                time.sleep(0.1)
        yield client
    finally:
        server.terminate()
        server.wait(TIMEOUT)


def test_a_stream(client):
    assert "".join(str(number) * 1000 for number in range(5)) == client.get("/stream").text


@pytest.mark.parametrize("headers", [{}, COMPRESSED], ids=["plain", "compressed"])
def test_a_file(client, headers):
    answer = client.get("/file", headers)
    assert (200, FILE.read_bytes()) == (answer.status, decoded(answer.headers, answer.body))
    part = client.get("/file", {**headers, "Range": "bytes=10-19"})
    assert (206, FILE.read_bytes()[10:20]) == (part.status, decoded(part.headers, part.body))


def test_files_are_sent_by_their_paths(client):
    client.get("/file")
    by_path = "http.response.pathsend" in client.get("/sent").json
    assert by_path is (client.name != "BrotliMiddleware")


@pytest.mark.parametrize("headers", [{}, COMPRESSED], ids=["plain", "compressed"])
def test_events(client, headers):
    """The first arrives, although there is no end."""
    connection = http.client.HTTPConnection("127.0.0.1", client.port, timeout=TIMEOUT)
    connection.request("GET", "/events", headers=headers)
    response = connection.getresponse()
    assert 200 == response.status
    brotlied = response.headers["Content-Encoding"] == "br"
    decode = brotli.Decompressor().process if brotlied else bytes
    seen = b""
    while b"first" not in seen:
        seen += decode(response.read1())
    connection.close()


def test_a_websocket(client):
    with connect(f"ws://127.0.0.1:{client.port}/ws") as connection:
        for message in ("text", b"bytes", "x" * 100_000):
            connection.send(message)
            assert message == connection.recv(TIMEOUT)
