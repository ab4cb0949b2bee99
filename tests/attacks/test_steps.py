"""Clients that go at each step of an exchange, with each kind of view; bodies in tiny chunks."""

import contextlib
import time

import pytest
from attackers import HTTP2, Raw
from targets import Target

GETS = [
    *("/", "/sync", "/sync/0.2", "/slow/0.2", "/never", "/large", "/endless", "/stream", "/events"),
    *("/generator/0.01", "/file", "/nowhere", "/wsgi/", "/wsgi/large", "/inner/", "/inner/never"),
    "/inner/endless",
]
POSTS = ["/body", "/pieces", "/sync/body", "/form", "/json", "/unread", "/wsgi/body", "/"]
FORM = "application/x-www-form-urlencoded"


@pytest.mark.parametrize("cut", [True, False])
def test_a_client_that_goes_while_it_asks_or_listens(target: Target, cut: bool) -> None:
    """Before, within and after the head, at once and after the first bytes of the answer."""
    for path in GETS:
        head = f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()
        for size in (0, 10, len(head) - 2, len(head)):
            with Raw(target.port) as client:
                client.send(head[:size])
                if cut:
                    client.cut()
        for wanted in (1, 5000):
            with Raw(target.port, receive_buffer=4096) as client:
                client.send(head)
                client.socket.settimeout(0.1)
                with contextlib.suppress(TimeoutError):
                    client.socket.recv(wanted)
                if cut:
                    client.cut()
    target.settle(10)


@pytest.mark.parametrize("cut", [True, False])
def test_a_client_that_goes_while_it_sends_a_body(target: Target, cut: bool) -> None:
    """At its begin, within it, at its end."""
    for path in POSTS:
        for size in (0, 1, 999, 1000):
            with Raw(target.port) as client:
                client.request(
                    path, "POST", [("Content-Type", FORM), ("Content-Length", "1000")], body=None
                )
                client.send(b"\r\n" + b"x" * size)
                time.sleep(0.01)
                if cut:
                    client.cut()
    target.settle(10)


def test_a_websocket_that_goes(target: Target) -> None:
    """Before the handshake has ended, after it, within a message, after one."""
    for path in ("/ws", "/ws/unread", "/ws/ticks"):
        for size in (0, 1, 3, 20):
            with Raw(target.port) as client:
                assert 101 == client.websocket(path)
                client.send((b"\x81\x8d" + bytes(4) + b"hello, world!" + b"\x81")[:size])
                client.cut()
    target.settle(10)


@pytest.mark.parametrize("path", [path for path in GETS if path != "/nowhere"])
def test_a_stream_that_is_reset_or_cut(http2_target: Target, path: str) -> None:
    """At once, after the head, with its window closed and open."""
    for window in (0, 65_535):
        with HTTP2(http2_target.port, window=window) as client:
            streams = [client.request(path) for _ in range(3)]
            client.reset(streams[0])
            if path not in ("/never", "/inner/never"):
                client.read_until(lambda: client.answers[streams[1]].status)  # noqa: B023
                with contextlib.suppress(Exception):  # it may be closed on both sides
                    client.reset(streams[1])
            client.cut()
    http2_target.settle(10)


@pytest.mark.parametrize("path", ["/body", "/pieces", "/sync/body", "/form", "/wsgi/body"])
def test_a_body_in_tiny_chunks(target: Target, path: str) -> None:
    """Byte by byte it costs time in proportion, and keeps nobody waiting."""
    target.lag()
    size = 20_000
    with Raw(target.port) as client:
        client.request(
            path, "POST", [("Content-Type", FORM), ("Transfer-Encoding", "chunked")], body=None
        )
        client.send(b"\r\n" + b"1\r\nx\r\n" * size + b"0\r\n\r\n")
        answer = client.answer()

    assert 200 == answer.status
    assert answer.body in (b"%d" % size, b"1 0")
    assert 1 > target.lag()
