"""From a connection's task down to where user code waits, each coroutine names the next one.

Profilers, `aiomonitor` and `asyncio ps` of Python 3.14 find by this chain where a request waits.
"""

import asyncio
import re
import time
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from asgi import HTTP, Websocket, get, http_scope, settle, websocket_scope
from pyinstrument import Profiler

from quart import Quart, stream_with_context, websocket
from quart import request as current


def chain(task: asyncio.Task[Any]) -> list[str]:
    """The names of the coroutines and generators that a task waits in, from its own inwards."""
    names = []
    waits: Any = task.get_coro()
    while waits is not None:
        name = getattr(waits, "__qualname__", None)
        if name is not None:
            names.append(name.rpartition(".")[2])
        inner = None
        for attribute in ("cr_await", "gi_yieldfrom", "ag_await"):
            inner = inner or getattr(waits, attribute, None)
        if inner is None and type(waits).__name__.startswith("async_generator_"):
            # What awaits the next item of an async generator; Python does not name that.
            inner = running.get("generator")
            inner = None if inner is None or inner.ag_await is waits else inner
        if inner is not None and not hasattr(inner, "__qualname__"):
            names.append(type(inner).__name__)
        waits = inner
    return names


running: dict[str, Any] = {}


async def innermost(times: int) -> None:
    for _ in range(times):
        await asyncio.sleep(0.001)
    await asyncio.sleep(60)


async def in_view() -> Any:
    await innermost(running["times"])


async def in_hook() -> Any:
    return "view"


async def in_websocket() -> None:
    await websocket.accept()
    await innermost(running["times"])


async def in_stream() -> Any:
    @stream_with_context
    async def pieces() -> AsyncIterator[str]:
        yield "first"
        await innermost(running["times"])

    return pieces()


async def in_body() -> Any:
    return await current.get_data()


@pytest.mark.parametrize("times", [0, 3])
@pytest.mark.parametrize("view", [in_view, in_hook, in_websocket, in_stream, in_body])
async def test_the_chain_is_whole(view: Callable[..., Any], times: int) -> None:
    """For each kind of handler, where it waits for the first time or has waited before."""
    app = Quart("tests", root_path="tests")
    running.clear()
    running["times"] = times
    if view is in_websocket:
        app.websocket("/")(view)
        connection: Any = Websocket(app, websocket_scope("/"))
        connection.feed({"type": "websocket.connect"})
    else:
        app.post("/")(view)
        connection = HTTP(app, http_scope("POST", "/"))
        connection.body(b"x", more=view is in_body)
    if view is in_hook:

        @app.before_request
        async def hook() -> None:
            await innermost(times)

    async with connection:
        await asyncio.sleep(0.02)
        await settle()
        names = chain(connection._task)
        connection.disconnect()

    last = {
        in_view: "innermost",
        in_hook: "innermost",
        in_websocket: "innermost",
        in_body: "get_data",
        in_stream: "_send_pieces",
    }[view]
    assert "__call__" in names
    assert last in names, names


async def test_a_profiler_finds_the_view() -> None:
    """pyinstrument follows a request through its waits, and names what computes."""

    def computes() -> None:
        until = time.perf_counter() + 0.05
        while time.perf_counter() < until:
            pass

    async def view() -> str:
        await asyncio.sleep(0.02)
        computes()
        await asyncio.sleep(0.02)
        return "answer"

    app = Quart("tests", root_path="tests")
    app.get("/")(view)
    profiler = Profiler(interval=0.001, async_mode="enabled")
    with profiler:
        assert "answer" == (await get(app)).text
    shown = profiler.output_text(show_all=True)

    for name in ("handle_request", "view", "computes", "sleep"):
        assert re.search(rf"\b{name}  ", shown), shown
