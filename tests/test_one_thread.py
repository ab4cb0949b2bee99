"""`ONE_THREAD_PER_REQUEST`: the sync functions of a request run in one thread, its own."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
from asgi import connect, get

from quart import (
    Quart,
    g,
    render_template_string,
    stream_with_context,
    websocket,
)
from quart.one_thread import MOST_THREADS
from quart.utils import run_sync


@pytest.fixture
def app() -> Quart:
    app = Quart("one_thread", static_folder=None)
    app.config["ONE_THREAD_PER_REQUEST"] = True
    return app


def here() -> int:
    return threading.get_ident()


async def test_hooks_views_and_teardown(app: Quart) -> None:
    """All of them, what an async view calls in between, and a context within."""
    seen: list[int] = []

    @app.before_request
    def before() -> None:
        seen.append(here())

    @app.context_processor
    def processor() -> dict[str, int]:
        seen.append(here())
        return {}

    @app.get("/")
    async def view() -> str:
        await asyncio.sleep(0)
        await run_sync(lambda: seen.append(here()))()
        return await run_sync(inner)()

    def inner() -> str:
        text = render_template_string("{{ request.path }}")
        with app.app_context():
            seen.append(here())
        return text

    @app.after_request
    def after(response: Any) -> Any:
        seen.append(here())
        return response

    @app.teardown_appcontext
    def teardown(error: BaseException | None) -> None:
        seen.append(here())

    assert "/" == (await get(app, "/")).text
    assert 7 == len(seen)
    assert 1 == len(set(seen))


async def test_a_connection_to_sqlite_in_g(app: Quart) -> None:
    """As Flask's documentation has it: made by one function, used by others, closed at the end."""

    def database() -> sqlite3.Connection:
        if "database" not in g:
            g.database = sqlite3.connect(":memory:")
            g.database.execute("create table note (text)")
        return g.database

    @app.before_request
    def before() -> None:
        database().execute("insert into note values ('one')")

    @app.get("/")
    def view() -> str:
        ((text,),) = database().execute("select text from note")
        return text

    closed = []

    @app.teardown_appcontext
    def close(error: BaseException | None) -> None:
        g.pop("database").close()
        closed.append(True)

    texts = await asyncio.gather(*(get(app, "/") for _ in range(20)))
    assert {"one"} == {each.text for each in texts}
    assert 20 == len(closed)


async def test_without_it_an_error_says_what_to_do(
    app: Quart, caplog: pytest.LogCaptureFixture
) -> None:
    """In a view, and in a teardown function."""

    connections: list[sqlite3.Connection] = []
    opened, done = threading.Event(), threading.Event()

    def keep() -> None:
        connections.append(sqlite3.connect(":memory:"))
        opened.set()
        done.wait(20)
        connections[0].close()

    # The worker thread of the function before may have been another one.
    thread = threading.Thread(target=keep)
    thread.start()
    opened.wait(20)

    @app.get("/")
    def view() -> str:
        connections[0].execute("select 1")
        return "never"

    @app.teardown_request
    def close(error: BaseException | None) -> None:
        connections[0].close()

    assert 500 == (await get(app, "/")).status
    done.set()
    thread.join()
    assert 2 == len(caplog.records)
    assert 2 == caplog.text.count("Set ONE_THREAD_PER_REQUEST, so that")


async def test_a_function_that_waits_for_one_in_its_own_thread(app: Quart) -> None:
    """It runs there, in the middle of the first; nothing waits for itself."""

    def outer() -> tuple[int, int]:
        async def between() -> int:
            return await run_sync(here)()

        return here(), app.async_to_sync(between)()

    @app.get("/")
    def view() -> dict[str, bool]:
        one, other = outer()
        return {"same": one == other}

    assert {"same": True} == (await get(app, "/")).json


async def test_a_stream_goes_on_in_the_thread(app: Quart) -> None:
    @app.get("/")
    def view() -> Any:
        database = sqlite3.connect(":memory:")

        @stream_with_context
        def generate() -> Iterator[str]:
            for number in range(3):
                time.sleep(0.03)  # longer than a visit may last
                yield str(*database.execute(f"select {number}").fetchone())
            database.close()

        return generate()

    assert "012" == (await get(app, "/")).text


async def test_websockets(app: Quart) -> None:
    seen = []

    @app.before_websocket
    def before() -> None:
        seen.append(here())

    @app.websocket("/")
    async def view() -> None:
        await run_sync(lambda: seen.append(here()))()
        await websocket.send("done")

    async with connect(app, "/") as connection:
        await connection.receive()
    assert 1 == len(set(seen))


async def test_a_function_that_hangs_keeps_its_own_request_only(app: Quart) -> None:
    release = threading.Event()

    @app.before_request
    def before() -> None:
        g.before = here()

    @app.get("/hangs")
    def hangs() -> str:
        release.wait(20)
        return "late"

    @app.get("/")
    def view() -> str:
        return "" if here() == g.before else "another thread"

    hanging = [asyncio.create_task(get(app, "/hangs")) for _ in range(5)]
    await asyncio.sleep(0.05)
    texts = [(await asyncio.wait_for(get(app, "/"), 10)).text for _ in range(20)]
    release.set()

    assert [""] * 20 == texts
    assert ["late"] * 5 == [(await each).text for each in hanging]


async def test_many_that_wait_take_no_turn_from_others(app: Quart) -> None:
    """More requests than threads may run: each keeps one, and those that wait do not count."""
    begun = asyncio.Event()
    count = 0

    @app.before_request
    def before() -> None:
        pass

    @app.get("/waits")
    async def waits() -> str:
        nonlocal count
        count += 1
        await begun.wait()
        return await run_sync(lambda: "done")()

    tasks = [asyncio.create_task(get(app, "/waits")) for _ in range(MOST_THREADS + 10)]
    async with asyncio.timeout(20):
        while count < len(tasks):
            await asyncio.sleep(0.01)
    begun.set()
    assert {"done"} == {(await each).text for each in tasks}


async def test_threads_serve_again(app: Quart) -> None:
    """A thread that was kept is there for the next request, and is not added to the others."""

    @app.get("/")
    def view() -> str:
        return threading.current_thread().name

    names = {(await get(app, "/")).text for _ in range(10)}
    assert {"quart-kept"} == names
    before = threading.active_count()
    for _ in range(30):
        await get(app, "/")
    assert before == threading.active_count()
