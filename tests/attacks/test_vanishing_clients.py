"""Clients that go without a word, or stay and do nothing: what waits for them ends."""

import contextlib
import time
from contextlib import ExitStack

import pytest
from attackers import HTTP2, Raw
from targets import Target

CONNECTIONS, STREAMS = 10, 50
#: More than is read ahead of a handler.
UNREAD_BODY = b"x" * 200_000
UNREAD_MESSAGES = 200
#: Of site.py, in seconds, and what the sweep and a busy machine may add.
BODY_TIMEOUT, RESPONSE_TIMEOUT, MORE = 2, 3, 5
#: Seconds after which BODY_MIN_RATE counts.
GRACE = 5
FORM = [("Content-Type", "application/x-www-form-urlencoded")]


@pytest.mark.parametrize("path", ["/events", "/", "/large", "/inner/"])
def test_closed_windows(http2_target: Target, path: str) -> None:
    """A disconnect ends the sends that wait for windows to open, the last one of a body as well."""
    for _ in range(CONNECTIONS):
        client = HTTP2(http2_target.port, window=0)
        for _ in range(STREAMS):
            client.request(path)
        time.sleep(0.05)
        client.cut()
    http2_target.settle(2 + MORE)


def test_resets(http2_target: Target) -> None:
    """Streams that are opened and given up at once leave nothing."""
    # Granian ends a connection with so many.
    with HTTP2(http2_target.port) as client, contextlib.suppress(OSError):
        for path in ("/events", "/never", "/", "/large") * 20:
            client.reset(client.request(path))
        time.sleep(0.2)
    http2_target.settle(2 + MORE)


def test_behind_a_body_that_is_not_read(target: Target) -> None:
    """After BODY_TIMEOUT what is not read is dropped, and the disconnect behind it is found."""
    clients = [Raw(target.port) for _ in range(50)]
    for client in clients:
        client.request("/unread", "POST", body=UNREAD_BODY)
    time.sleep(0.5)
    for client in clients:
        client.cut()
    target.settle(BODY_TIMEOUT + MORE)


def test_behind_messages_that_are_not_received(target: Target) -> None:
    """The websocket is closed with 1008 for its part."""
    clients = [Raw(target.port) for _ in range(50)]
    for client in clients:
        assert 101 == client.websocket("/ws/unread")
        for _ in range(UNREAD_MESSAGES):
            client.message(b"x" * 1000)
    time.sleep(0.5)
    for client in clients:
        client.cut()
    target.settle(BODY_TIMEOUT + MORE)


def test_a_trickle_has_an_end(target: Target) -> None:
    """A byte now and then, so that BODY_TIMEOUT never comes, is a 408 all the same."""
    if target.name == "daphne":
        pytest.skip("it calls the application when the whole body has come")
    with ExitStack() as stack:
        clients = []
        for path in ("/body", "/pieces", "/form", "/sync/body"):
            client = stack.enter_context(Raw(target.port))
            client.request(path, "POST", [*FORM, ("Content-Length", "1000")], body=None)
            client.send(b"\r\n")
            clients.append(client)
        begin = time.monotonic()
        while time.monotonic() < begin + GRACE + 1:
            for client in clients:
                with contextlib.suppress(OSError):
                    client.send(b"x")
            time.sleep(0.2)
        assert [408] * 4 == [client.answer(body=False).status for client in clients]


def test_clients_that_do_not_read_small_answers(target: Target) -> None:
    """Where a send of one waits, because those before fill all buffers, RESPONSE_TIMEOUT counts."""
    if target.name == "hypercorn":
        pytest.skip("after a response that was aborted it waits for ever with requests behind it")
    with ExitStack() as stack:
        for _ in range(20):
            client = stack.enter_context(Raw(target.port, receive_buffer=4096))
            client.send(b"GET /small HTTP/1.1\r\nHost: localhost\r\n\r\n" * 150)
        time.sleep(RESPONSE_TIMEOUT + 1)
        left = target.more_than_idle()
        assert 20 > left.get("contexts", 0), left
    target.settle(RESPONSE_TIMEOUT + MORE)
