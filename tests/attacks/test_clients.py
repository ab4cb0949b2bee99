"""The clients of this folder, and the check that nothing is left, do what they say."""

import pytest
from attackers import HTTP2, Raw
from targets import Target


def test_a_raw_client(target: Target) -> None:
    """A request, a chunked body, a websocket."""
    assert b"hello" == target.ask("/").body
    with Raw(target.port) as client:
        client.request("/body", "POST", [("Transfer-Encoding", "chunked")])
        for _ in range(100):
            client.chunk(b"x")
        client.chunk(b"")
        assert b"100" == client.answer().body
    with Raw(target.port) as client:
        assert 101 == client.websocket("/ws")
        client.message(b"hello")
        assert b"\x81\x05hello" == client.socket.recv(7)


def test_an_http2_client(http2_target: Target) -> None:
    """Streams side by side, a body, a window that opens later, a reset."""
    with HTTP2(http2_target.port) as client:
        streams = [client.request("/sync") for _ in range(10)]
        assert [b"hello"] * 10 == [client.answer(stream).body for stream in streams]
        stream = client.request("/body", "POST", body=b"x" * 100_000)
        assert b"100000" == client.answer(stream).body
    with HTTP2(http2_target.port, window=0) as client:
        stream = client.request("/")
        client.read_until(lambda: client.answers[stream].status)
        assert b"" == client.answers[stream].body
        client.open_window(5, stream)
        assert b"hello" == client.answer(stream).body
        client.reset(client.request("/never"))


def test_what_is_left_is_seen(target: Target) -> None:
    """As long as a handler waits, there is more than there was."""
    with Raw(target.port) as client:
        client.request("/never")
        with pytest.raises(AssertionError):
            target.settle(0.5)
        assert {"tasks", "descriptors", "contexts"} <= target.more_than_idle().keys()
