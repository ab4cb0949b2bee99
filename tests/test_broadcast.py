"""Rooms: in one process, and through a real Redis in several."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from asgi import Websocket, connect, lifespan, stream, websocket_scope
from servers.processes import free_port
from test_chat import kill, redis_server

from quart import Quart, ServerSentEvent, sse_response, websocket
from quart.broadcast import Messages, Rooms


async def read(messages: Messages, count: int) -> list[str | bytes]:
    async with asyncio.timeout(5):
        return [await messages.get() for _ in range(count)]


async def test_who_is_in_a_room_reads_what_is_sent_to_it() -> None:
    """In order, text and bytes, from the first line of the block to its last."""
    rooms = Rooms()
    await rooms.send("lobby", "nobody reads this")
    async with rooms.join("lobby") as first, rooms.join("lobby") as second:  # noqa: SIM117
        async with rooms.join("other") as other:
            await rooms.send("lobby", "one")
            await rooms.send("lobby", b"two")
            await rooms.send("other", "three")
            assert ["one", b"two"] == await read(first, 2) == await read(second, 2)
            assert ["three"] == await read(other, 1)
    await rooms.send("lobby", "nobody reads this")
    with pytest.raises(EOFError):
        await first.get()
    assert not rooms._rooms


async def test_a_waiting_reader_is_woken() -> None:
    """By `async for`, which ends with the rooms."""
    rooms = Rooms()
    got: list[Any] = []

    async def reader() -> None:
        async with rooms.join("lobby") as messages:
            async for message in messages:
                got.append(message)

    running = rooms.running()
    await anext(running)
    task = asyncio.create_task(reader())
    await asyncio.sleep(0.01)
    await rooms.send("lobby", "one")
    await asyncio.sleep(0.01)
    assert ["one"] == got
    await running.aclose()
    await asyncio.wait_for(task, 5)


async def test_the_oldest_is_dropped_for_a_slow_reader() -> None:
    """And counted."""
    rooms = Rooms(limit=2)
    async with rooms.join("lobby") as messages:
        for number in range(5):
            await rooms.send("lobby", str(number))
        assert ["3", "4"] == await read(messages, 2)
        assert 3 == messages.dropped
    assert 3 == rooms.dropped


async def test_a_slow_reader_is_closed() -> None:
    """Its block ends, whatever it waits for; the others go on."""
    rooms = Rooms(limit=2, slow="close")
    ended = asyncio.Event()

    async def never_reads() -> None:
        async with rooms.join("lobby") as messages:
            await asyncio.sleep(60)
        assert messages.closed
        ended.set()

    task = asyncio.create_task(never_reads())
    async with rooms.join("lobby", slow="drop") as messages:
        await asyncio.sleep(0.01)
        for number in range(4):
            await rooms.send("lobby", str(number))
        await asyncio.wait_for(ended.wait(), 5)
        assert ["2", "3"] == await read(messages, 2)
    await task
    assert 1 == rooms.closed


async def test_the_sender_waits_for_a_slow_reader() -> None:
    """Nothing is lost; one that leaves is waited for no more."""
    rooms = Rooms(limit=1, slow="wait")
    async with rooms.join("lobby") as messages:
        await rooms.send("lobby", "one")
        sending = asyncio.create_task(rooms.send("lobby", "two"))
        await asyncio.sleep(0.02)
        assert not sending.done()
        assert ["one", "two"] == await read(messages, 2)
        await asyncio.wait_for(sending, 5)
        await rooms.send("lobby", "three")
        sending = asyncio.create_task(rooms.send("lobby", "four"))
        await asyncio.sleep(0.02)
    await asyncio.wait_for(sending, 5)
    assert 0 == rooms.dropped


async def test_a_message_over_the_limit() -> None:
    """It is refused, and the sender told."""
    rooms = Rooms(max_size=4)
    async with rooms.join("lobby") as messages:
        await rooms.send("lobby", "four")
        with pytest.raises(ValueError, match="5 bytes is over the limit, 4"):
            await rooms.send("lobby", "fünf")
        assert ["four"] == await read(messages, 1)


async def test_what_is_no_message_limit_or_policy() -> None:
    """Each is refused where it is said, not when the first reader is slow."""
    wrong: list[dict[str, Any]] = [{"limit": 0}, {"limit": -1}, {"slow": "dorp"}]
    for options in wrong:
        with pytest.raises(ValueError, match=r"'limit' must be|'drop', 'close' or"):
            Rooms(**options)
        with pytest.raises(ValueError, match=r"'limit' must be|'drop', 'close' or"):
            Rooms().join("lobby", **options)
    with pytest.raises(TypeError, match="must be str or bytes, not dict"):
        await Rooms().send("lobby", {"a": 1})  # type: ignore[arg-type]


async def test_two_tasks_that_read_the_same_messages() -> None:
    """The second is told, where it would wait for ever."""
    async with Rooms().join("lobby") as messages:
        first = asyncio.create_task(messages.get())
        await asyncio.sleep(0)
        with pytest.raises(RuntimeError, match="each must join itself"):
            await asyncio.wait_for(messages.get(), 5)
        first.cancel()


async def test_a_reader_that_is_closed_with_the_rooms_was_not_slow() -> None:
    """It is not counted."""
    app = Quart(__name__)
    rooms = Rooms(app, slow="close")
    await app.startup()
    async with rooms.join("lobby") as messages:
        await app.shutdown()
        assert messages.closed
    assert 0 == rooms.closed


def chat(rooms: Rooms, app: Quart) -> Quart:
    @app.websocket("/ws/<room>")
    async def ws(room: str) -> None:
        async with rooms.join(room) as messages:
            await websocket.accept()
            async with asyncio.TaskGroup() as group:

                async def pass_on() -> None:
                    async for message in messages:
                        await websocket.send(message)

                task = group.create_task(pass_on())
                async for data in websocket:
                    await rooms.send(room, data)
                task.cancel()

    @app.get("/events/<room>")
    async def events(room: str) -> Any:
        async def each() -> AsyncIterator[ServerSentEvent]:
            async with rooms.join(room) as messages:
                async for message in messages:
                    yield ServerSentEvent(str(message))

        return sse_response(each())

    return app


async def test_websockets_and_event_streams() -> None:
    """They share a room, and leave it with their clients."""
    app = Quart(__name__)
    rooms = Rooms(app)
    chat(rooms, app)
    async with lifespan(app), connect(app, "/ws/lobby") as first:
        async with connect(app, "/ws/lobby") as second:
            async with stream(app, "GET", "/events/lobby") as events:
                events.body()
                while len(rooms._rooms["lobby"]) < 3:
                    await asyncio.sleep(0.01)
                first.send("hello")
                assert "hello" == await first.receive() == await second.receive()
                while b"hello" not in await events.chunk():
                    pass
                events.disconnect()
            while len(rooms._rooms["lobby"]) > 2:
                await asyncio.sleep(0.01)
        while len(rooms._rooms["lobby"]) > 1:
            await asyncio.sleep(0.01)


async def test_a_slow_websocket_is_closed_with_1013() -> None:
    """Try again later."""
    app = Quart(__name__)
    rooms = Rooms(app, limit=1, slow="close")

    @app.websocket("/ws")
    async def ws() -> None:
        async with rooms.join("lobby"):
            await websocket.accept()
            await asyncio.sleep(60)

    async with Websocket(app, websocket_scope("/ws")) as client:
        client.feed({"type": "websocket.connect"})
        await client.accepted()
        for number in range(3):
            await rooms.send("lobby", str(number))
        assert (1013, "Too slow") == await client.closed()


async def test_shutdown_ends_them() -> None:
    """A websocket in a room does not hold up the end of the process."""
    app = Quart(__name__)
    chat(Rooms(app), app)
    async with lifespan(app):
        client = Websocket(app, websocket_scope("/ws/lobby"))
        async with client:
            client.feed({"type": "websocket.connect"})
            await client.accepted()
            app.begin_shutdown()
            assert 1001 == (await client.closed())[0]


# --- through Redis ---------------------------------------------------------------------------


@asynccontextmanager
async def process(port: int, **options: Any) -> AsyncIterator[Rooms]:
    """Rooms as another process has them: nothing is shared but Redis."""
    app = Quart(__name__)
    rooms = Rooms(app, f"redis://127.0.0.1:{port}", **options)
    await app.startup()
    try:
        yield rooms
    finally:
        await app.shutdown()


async def back(rooms: Rooms, *names: str) -> None:
    """Wait until Redis is back, and has said that it sends the messages of rooms."""
    async with asyncio.timeout(20):
        while True:
            redis = rooms._redis
            assert redis is not None
            confirmed = [redis.confirmed.get(name) for name in names]
            if not redis.away and all(each is not None and each.is_set() for each in confirmed):
                return
            await asyncio.sleep(0.02)


async def test_several_processes(tmp_path: Path) -> None:
    """Each message reaches each reader once, as text or bytes, wherever it was sent."""
    port = free_port()
    with redis_server(tmp_path, port):
        async with process(port) as one, process(port) as two, process(port, prefix="x") as apart:
            async with one.join("lobby") as here, two.join("lobby") as there:  # noqa: SIM117
                async with apart.join("lobby") as elsewhere:
                    for number in range(50):
                        await one.send("lobby", f"{number} ü")
                    assert [f"{number} ü" for number in range(50)] == await read(there, 50)
                    await two.send("lobby", b"\0\xff")
                    assert b"\0\xff" == (await read(here, 51))[-1]
                    assert [b"\0\xff"] == await read(there, 1)
                    await two.send("other", "not for the lobby")
                    await asyncio.sleep(0.05)
                    assert not here._queue and not there._queue and not elsewhere._queue
            async with two.join("lobby") as again:
                await one.send("lobby", "again")
                assert ["again"] == await read(again, 1)


async def test_no_redis_at_the_start() -> None:
    """The error is clear, and holds no password."""
    app = Quart(__name__)
    port = free_port()
    Rooms(app, f"redis://:secret@127.0.0.1:{port}")
    with pytest.raises(RuntimeError, match=f"Redis cannot be reached at 127.0.0.1:{port}"):
        await app.startup()


async def test_rooms_that_were_not_started() -> None:
    """They say so, instead of keeping messages to themselves."""
    rooms = Rooms(url="redis://127.0.0.1")
    with pytest.raises(RuntimeError, match="start the application"):
        await rooms.send("lobby", "lost")
    with pytest.raises(RuntimeError, match="start the application"):
        async with rooms.join("lobby"):
            pass


async def test_redis_goes_and_comes_back(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Meanwhile messages pass within the process; afterwards everywhere, and none twice."""
    caplog.set_level(logging.WARNING, "quart.broadcast")
    port = free_port()
    with ExitStack() as stack:
        redis = stack.enter_context(redis_server(tmp_path, port))
        async with process(port) as one, process(port) as two:  # noqa: SIM117
            async with one.join("lobby") as here, two.join("lobby") as there:
                await one.send("lobby", "before")
                assert ["before"] == await read(here, 1) == await read(there, 1)
                kill(redis)
                for number in range(3):
                    await one.send("lobby", f"during {number}")
                async with one.join("new") as new:
                    await one.send("new", "within")
                    assert ["within"] == await read(new, 1)
                    assert ["during 0", "during 1", "during 2"] == await read(here, 3)
                    stack.enter_context(redis_server(tmp_path, port))
                    await back(one, "lobby", "new")
                    await back(two, "lobby")
                    await two.send("new", "after")
                    assert ["after"] == await read(new, 1)
                await one.send("lobby", "after")
                assert ["after"] == await read(here, 1) == await read(there, 1)
                await asyncio.sleep(0.05)
                assert not here._queue and not there._queue
    told = [record.message.partition(",")[0] for record in caplog.records]
    assert 2 == sum("is away" in line for line in told)  # once by each
    assert 2 == sum("is back" in line for line in told)


async def test_an_outage_that_only_a_sender_notices(tmp_path: Path) -> None:
    """Messages of other processes arrive again, also in rooms that are joined after it."""
    port = free_port()
    with redis_server(tmp_path, port):
        async with process(port) as one, process(port) as two:
            client = one._redis.client  # type: ignore[union-attr]
            await client.execute_command("ACL", "SETUSER", "default", "-publish")
            await one.send("lobby", "refused")
            await client.execute_command("ACL", "SETUSER", "default", "+publish")
            async with one.join("new") as new:
                await back(one, "new")
                await two.send("new", "after")
                assert ["after"] == await read(new, 1)


async def test_no_message_waits_for_redis_while_it_is_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server that answers nothing is waited for once, not with each message."""
    monkeypatch.setattr("quart.broadcast._ANSWER_TIMEOUT", 0.5)
    port = free_port()
    with redis_server(tmp_path, port) as redis:
        async with process(port) as rooms, rooms.join("lobby") as messages:
            os.kill(redis.popen.pid, signal.SIGSTOP)
            try:
                async with asyncio.timeout(4):
                    for number in range(10):
                        await rooms.send("lobby", str(number))
                assert [*map(str, range(10))] == await read(messages, 10)
            finally:
                os.kill(redis.popen.pid, signal.SIGCONT)
