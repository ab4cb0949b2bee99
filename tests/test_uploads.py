"""Uploads that stop, trickle in, or are never read."""

import asyncio
from typing import Any

import pytest
from asgi import post, stream
from test_disconnects import make_app, make_websocket_app, open_websocket, read_data, read_iterator

from quart import request as current
from quart import (
    websocket,
)

pytestmark = pytest.mark.usefixtures("at_once")


async def test_a_silent_client() -> None:
    """`BODY_TIMEOUT` seconds without a byte are a 408, for the application's handlers, too."""
    app = make_app(read_data)
    app.config["BODY_TIMEOUT"] = 0.02
    app.register_error_handler(408, lambda error: ("too slow", 408))
    async with stream(app, "POST") as http:
        http.body(b"x", more=True)
        response = await http.response()

    assert (408, "too slow") == (response.status, response.text)


@pytest.mark.parametrize("read", [read_data, read_iterator])
@pytest.mark.parametrize("rate", [240, None])
async def test_a_body_that_trickles_in(
    read: Any, rate: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`BODY_MIN_RATE` counts once a reader has waited for a few seconds, here for 0.1."""
    monkeypatch.setattr("quart.asgi.client._GRACE", 0.1)

    async def view() -> Any:
        await read()
        return ""

    app = make_app(view)
    app.config["BODY_MIN_RATE"] = rate
    async with stream(app, "POST") as http:
        for _ in range(30):
            http.body(b"x", more=True)
            await asyncio.sleep(0.01)
        http.body(b"x")
        response = await http.response()

    assert (408 if rate else 200) == response.status


async def test_a_slow_reader_is_not_a_slow_client(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a handler takes for what has come is not held against the client."""
    monkeypatch.setattr("quart.asgi.client._GRACE", 0.05)

    async def view() -> Any:
        async for _ in current.body:
            await asyncio.sleep(0.02)
        return ""

    async with stream(make_app(view), "POST") as http:
        await asyncio.sleep(0.01)
        for _ in range(10):
            http.body(b"x", more=True)
        http.body(b"x")
        response = await http.response()

    assert 200 == response.status


@pytest.mark.parametrize("kind", ["request", "websocket"])
async def test_a_disconnect_behind_what_is_left_unread(kind: str) -> None:
    """After BODY_TIMEOUT it is looked for, and what is in front of it is lost."""
    seen: list[Any] = []

    async def view() -> None:
        if kind == "websocket":
            await websocket.accept()
        try:
            await asyncio.sleep(60)
        finally:
            seen.append("ended")

    app = make_websocket_app(view) if kind == "websocket" else make_app(view)
    app.config["BODY_TIMEOUT"] = 0.05
    if kind == "websocket":
        async with open_websocket(app) as ws:
            await ws.accepted()
            for _ in range(100):
                ws.send("x")
            assert (1008, "") == await ws.closed()
    else:
        async with stream(app, "POST") as http:
            for _ in range(100):
                http.body(b"x" * 10_000, more=True)
            await asyncio.sleep(0.1)
            http.disconnect()

    assert ["ended"] == seen


async def test_a_body_that_was_left_unread_for_too_long() -> None:
    """Whoever reads it after all is told, each time."""

    async def view() -> Any:
        await asyncio.sleep(0.1)
        try:
            await current.get_data()
        except RuntimeError as error:
            try:
                await current.get_data()
            except RuntimeError as again:
                return f"{error} {error is again}"

    app = make_app(view)
    app.config["BODY_TIMEOUT"] = 0.02
    async with stream(app, "POST") as http:
        for _ in range(100):
            http.body(b"x" * 10_000, more=True)
        response = await http.response()

    assert "was left unread for longer than BODY_TIMEOUT. True" in response.text


@pytest.mark.parametrize("size", [10, 100_000])
async def test_a_disconnect_ends_the_last_send(size: int) -> None:
    """Where it waits, half a second later: the server's own good-bye takes no time."""

    async def view() -> Any:
        return b"x" * size

    async with stream(make_app(view), "GET") as http:
        http.pause()
        http.body()
        await asyncio.sleep(0.02)
        http.disconnect()
        done, _ = await asyncio.wait([http._task], timeout=5)
        assert done


@pytest.mark.parametrize("piece", [1024, 65_536, 1_048_576])
async def test_an_upload_that_nobody_reads(piece: int) -> None:
    """Of 64 MiB offered to a handler that sleeps at most 1 MiB is pulled."""

    async def view() -> Any:
        await asyncio.sleep(0.02)
        return "done"

    async with stream(make_app(view), "POST") as http:
        for _ in range(64 * 2**20 // piece):
            http.body(b"x" * piece, more=True)
        assert 200 == (await http.response()).status
        assert 2**20 >= http.received * piece


async def test_an_upload_to_a_handler_that_answers_at_once() -> None:
    """Nothing is pulled at all."""

    async def view() -> Any:
        return "done"

    async with stream(make_app(view), "POST") as http:
        http.body(b"x" * 65_536, more=True)
        assert 200 == (await http.response()).status
        assert 0 == http.received


async def test_a_404_pulls_nothing() -> None:
    assert 404 == (await post(make_app(read_data), "/nowhere", body=b"x")).status
