"""The life of the process: start-up, background tasks, shutdown, and the server behind `run`."""

import asyncio
import contextlib
import contextvars
import http.client
import io
import logging
import os
import re
import signal
import socket
import ssl
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
import websockets
from asgi import LifespanFailed, connect, get, lifespan, stream
from connections import Connection
from servers.processes import Process, free_port, make_certificate, port_is_free, running

import quart
from quart import (
    Blueprint,
    Quart,
    Response,
    current_app,
    g,
    has_request_context,
    render_template_string,
    request,
    session,
    signals,
    websocket,
)
from quart.ctx import AppContext
from quart.globals import app_ctx

TIMEOUT = 10  # seconds, for what takes less than one


@pytest.fixture
def app() -> Quart:
    """An application whose shutdown takes no longer than it must."""
    app = Quart(__name__)
    app.config.update(SHUTDOWN_TIMEOUT=0.2, BACKGROUND_TASK_SHUTDOWN_TIMEOUT=0.2)
    app.secret_key = "key"
    return app


@pytest.fixture
def log() -> list[str]:
    """What happened, in order."""
    return []


# --- start-up and shutdown ------------------------------------------------------------------


def _while_serving(app: Quart, log: list[str], name: str) -> None:
    @app.while_serving
    async def lives() -> AsyncIterator[None]:
        log.append(f"{name} starts in {current_app.name}")
        yield
        log.append(f"{name} ends in {current_app.name}")


async def test_the_order_of_a_life(app: Quart, log: list[str]) -> None:
    """Before, while forwards; while backwards, after: in an app context, sync or async."""
    app.before_serving(lambda: log.append(f"before in {current_app.name}"))
    _while_serving(app, log, "first")
    _while_serving(app, log, "second")

    @app.after_serving
    async def after() -> None:
        log.append(f"after in {current_app.name}")

    async with lifespan(app):
        log.append("serving")

    parts = ["before", "first starts", "second starts"], ["second ends", "first ends", "after"]
    expected = [[f"{part} in {app.name}" for part in half] for half in parts]
    assert [*expected[0], "serving", *expected[1]] == log


async def test_the_state_of_the_lifespan(app: Quart) -> None:
    """What a start puts into `lifespan_state` is in the scope of each connection."""

    @app.before_serving
    async def before() -> None:
        app.lifespan_state["key"] = "value"

    @app.get("/state")
    async def state() -> Any:
        return request.scope["state"]

    async with lifespan(app) as state_of_scopes:
        assert {"key": "value"} == (await get(app, "/state", state=dict(state_of_scopes))).json


async def test_an_application_starts_again(app: Quart, log: list[str]) -> None:
    """Each life has its own generators and its own shutdown event."""
    _while_serving(app, log, "it")
    events = []
    for _ in range(2):
        async with lifespan(app):
            events.append(app.shutdown_event)
            assert not app.shutdown_event.is_set()
        assert app.shutdown_event.is_set()

    assert events[0] is not events[1]
    assert ["starts", "ends"] * 2 == [entry.split()[1] for entry in log]


async def test_the_functions_can_be_driven_one_by_one(app: Quart, log: list[str]) -> None:
    """`while_serving_gens` holds what starts, and ends, with `anext`, as often as wanted."""
    _while_serving(app, log, "it")
    (generator,) = app.while_serving_gens
    async with app.app_context():
        for _ in range(2):
            await anext(generator)
            with pytest.raises(StopAsyncIteration):
                await anext(generator)

    assert ["starts", "ends"] * 2 == [entry.split()[1] for entry in log]


async def test_a_generator_of_ones_own(app: Quart, log: list[str]) -> None:
    """A generator object in `while_serving_gens` lives once."""

    async def lives() -> AsyncIterator[None]:
        log.append("starts")
        yield
        log.append("ends")

    app.while_serving_gens.append(lives())
    async with lifespan(app):
        pass

    assert ["starts", "ends"] == log


async def test_a_later_start_that_fails_ends_the_earlier_ones(
    app: Quart, log: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    """Backwards, whatever fails on the way; the server is told, and the signal is sent."""

    def receive(sender: Quart, exception: Exception) -> None:
        log.append(f"signal: {exception}")

    _while_serving(app, log, "first")

    @app.while_serving
    async def lives() -> AsyncIterator[None]:
        yield
        raise ValueError("bad end")

    @app.while_serving
    async def fails() -> AsyncIterator[None]:
        raise RuntimeError("bad start")
        yield

    _while_serving(app, log, "never")
    app.after_serving(lambda: log.append("after"))
    with (
        signals.got_serving_exception.connected_to(receive, app),
        pytest.raises(LifespanFailed, match="bad start"),
    ):
        async with lifespan(app):
            pass

    name = f"in {app.name}"
    assert [
        f"first starts {name}",
        "signal: bad start",
        f"first ends {name}",
        "after",
        "signal: bad end",
    ] == log
    assert "bad start" in caplog.text
    assert "bad end" in caplog.text


async def test_nothing_is_ended_when_the_first_start_fails(app: Quart, log: list[str]) -> None:
    """There is nothing yet that `after_serving` could clean up."""

    @app.before_serving
    def fails() -> None:
        raise RuntimeError("bad start")

    app.after_serving(lambda: log.append("after"))
    with pytest.raises(RuntimeError, match="bad start"):
        await app.startup()

    assert [] == log


async def test_a_function_without_a_yield(app: Quart) -> None:
    """It is named."""

    @app.while_serving
    async def forgets() -> AsyncIterator[None]:
        if not app:
            yield

    with pytest.raises(RuntimeError, match="did not yield"):
        await app.startup()


@pytest.mark.parametrize("number", [1, 2])
async def test_every_function_is_called_at_shutdown(
    app: Quart, log: list[str], caplog: pytest.LogCaptureFixture, number: int
) -> None:
    """One error is raised as it is, more of them in a group; each is logged."""
    for name in range(number):

        @app.after_serving
        def fails(name: int = name) -> None:
            raise ValueError(f"bad end {name}")

    app.after_serving(lambda: log.append("after"))
    _while_serving(app, log, "it")
    await app.startup()
    with pytest.raises(ValueError if number == 1 else ExceptionGroup) as caught:
        await app.shutdown()

    assert number == 1 or number == len(caught.value.exceptions)
    assert "after" == log[-1]
    assert "it ends" in log[1]
    assert all(f"bad end {name}" in caplog.text for name in range(number))


async def test_a_function_that_does_not_end_does_not_hold_the_shutdown(
    app: Quart, log: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    """Each has `AFTER_SERVING_TIMEOUT` seconds; a thread that goes on is left behind."""
    app.config["AFTER_SERVING_TIMEOUT"] = 0.05
    goes_on = threading.Event()

    @app.while_serving
    async def waits() -> AsyncIterator[None]:
        yield
        await asyncio.Event().wait()

    @app.after_serving
    async def waits_too() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            log.append("cancelled")

    @app.after_serving
    def blocks() -> None:
        goes_on.wait()
        log.append("thread")

    app.after_serving(lambda: log.append("after"))
    await app.startup()
    try:
        with pytest.raises(ExceptionGroup) as caught:
            await asyncio.wait_for(app.shutdown(), 3)
    finally:
        goes_on.set()
    await asyncio.sleep(0.1)

    assert ["cancelled", "after", "thread"] == log
    assert 3 == len(caught.value.exceptions)
    for name in ("waits", "waits_too", "blocks"):
        assert f"{name} at" in caplog.text
    assert 3 == caplog.text.count("did not end within 0.05 seconds\n")


async def test_a_function_that_ignores_its_cancellation_is_left(app: Quart, log: list[str]) -> None:
    """After `AFTER_SERVING_TIMEOUT` seconds more."""
    app.config["AFTER_SERVING_TIMEOUT"] = 0.05

    @app.after_serving
    async def deaf() -> None:
        while True:
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.Event().wait()

    app.after_serving(lambda: log.append("after"))
    await app.startup()
    with pytest.raises(TimeoutError, match=r"deaf.* did not end within 0\.05 seconds"):
        await app.shutdown()

    assert ["after"] == log
    task = asyncio.current_task()
    assert task is not None
    assert 0 == task.cancelling()


async def test_a_timeout_of_a_functions_own_is_its_own(app: Quart) -> None:
    @app.after_serving
    async def fails() -> None:
        async with asyncio.timeout(0.01):
            await asyncio.Event().wait()

    await app.startup()
    with pytest.raises(TimeoutError, match=r"^$"):
        await app.shutdown()


async def test_open_connections_are_told_to_end(app: Quart, log: list[str]) -> None:
    """Websockets are closed with 1001, streams end; the event is set before."""

    @app.websocket("/ws")
    async def ws() -> None:
        try:
            await websocket.receive()
        finally:
            log.append(f"websocket: {app.shutdown_event.is_set()}")

    @app.get("/stream")
    async def endless() -> Any:
        async def ticks() -> AsyncIterator[str]:
            while True:
                yield "tick"
                await asyncio.sleep(0.01)

        response = await app.make_response((ticks(), {"content-type": "text/event-stream"}))
        response.timeout = None
        return response

    app.after_serving(lambda: log.append("after"))
    await app.startup()
    async with connect(app, "/ws") as open_websocket, stream(app, "GET", "/stream") as http:
        assert b"tick" == await http.chunk()
        await app.shutdown()

        assert (1001, "") == await open_websocket.closed()
        assert (await http.response()).body.startswith(b"tick")
    assert ["websocket: True", "after"] == log


async def test_a_request_in_flight_finishes(app: Quart, log: list[str]) -> None:
    """The functions at the end are called when it has."""

    @app.get("/")
    async def slow() -> str:
        await asyncio.sleep(0.1)
        log.append("view")
        return "done"

    app.after_serving(lambda: log.append("after"))
    await app.startup()
    async with stream(app, "GET", "/") as http:
        await asyncio.sleep(0.02)
        await app.shutdown()

        assert "done" == (await http.response()).text
    assert ["view", "after"] == log


async def test_a_long_response_without_a_timeout_may_finish(app: Quart) -> None:
    """It has an end: the shutdown lets it have its time, unlike a stream without a timeout."""

    @app.get("/")
    async def long() -> Response:
        response = Response(b"x" * 100_000)
        response.timeout = None
        return response

    await app.startup()
    async with stream(app, "GET", "/") as http:
        http.pause()
        await asyncio.sleep(0.02)
        app.begin_shutdown()
        await asyncio.sleep(0.02)
        http.resume()

        assert 100_000 == len((await http.response()).body)
    await app.shutdown()


async def test_a_shutdown_leaves_one_timer_for_the_connections_that_still_come(app: Quart) -> None:
    """However many there are."""
    period = app.config["DISCONNECT_CHECK_AFTER"] = 12.5
    loop = asyncio.get_running_loop()
    started = []

    def call_later(delay: float, *args: Any, **kwargs: Any) -> asyncio.TimerHandle:
        if delay == period:
            started.append(delay)
        return asyncio.BaseEventLoop.call_later(loop, delay, *args, **kwargs)  # type: ignore[arg-type]

    @app.get("/")
    async def view() -> str:
        await asyncio.sleep(0)
        return ""

    await app.startup()
    async with stream(app, "GET", "/"):
        app.begin_shutdown()
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(loop, "call_later", call_later)
            for _ in range(5):
                await get(app, "/")
    await app.shutdown()

    assert len(started) <= 1


@pytest.mark.parametrize("fails", [False, True])
async def test_the_application_serves_on_after_its_shutdown(app: Quart, fails: bool) -> None:
    """As tests do that need no lifespan, and those within another one."""

    @app.after_serving
    async def after() -> None:
        if fails:
            raise ValueError("for the test")

    @app.websocket("/ws")
    async def ws() -> None:
        await websocket.send("hello")
        await websocket.receive()
        await websocket.send("bye")
        await websocket.receive()

    async def check() -> None:
        async with connect(app, "/ws") as open_websocket:
            assert "hello" == await open_websocket.receive()
            open_websocket.send("")
            assert "bye" == await open_websocket.receive()

    await app.startup()
    for _ in range(2):
        await app.startup()
        await check()
        with pytest.raises(ValueError) if fails else contextlib.nullcontext():
            await app.shutdown()
        await check()
    async with connect(app, "/ws") as open_websocket:
        assert "hello" == await open_websocket.receive()
        with pytest.raises(ValueError) if fails else contextlib.nullcontext():
            await app.shutdown()
        assert (1001, "") == await open_websocket.closed()


async def test_a_request_that_does_not_finish_does_not_hold_the_shutdown(
    app: Quart, log: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    """`SHUTDOWN_TIMEOUT` seconds after it began it goes on, and says so."""

    released = asyncio.Event()

    @app.get("/")
    async def deaf() -> str:
        while not released.is_set():
            with contextlib.suppress(asyncio.CancelledError):
                await released.wait()
        return "done"

    app.after_serving(lambda: log.append("after"))
    await app.startup()
    async with stream(app, "GET", "/") as http:
        await asyncio.sleep(0.02)
        app.begin_shutdown()
        await asyncio.sleep(0.1)
        await app.shutdown()

        assert ["after"] == log
        assert "0.2 seconds after the shutdown began" in caplog.text
        released.set()
        assert "done" == (await http.response()).text


# --- background tasks -----------------------------------------------------------------------


async def test_a_background_task_gives_a_handle(app: Quart) -> None:
    """It has a name, and the function's result."""

    async def double(number: int) -> int:
        await asyncio.sleep(0)
        return number * 2

    async with lifespan(app):
        task = app.add_background_task(double, 21, name="doubling")
        other = app.add_background_task(double, number=1)

        assert {task, other} == app.background_tasks
        assert [42, 2] == await asyncio.gather(task, other)
        assert "doubling" == task.get_name()
        assert "double" in other.get_name()
        assert set() == app.background_tasks


async def test_a_name_that_the_function_takes(app: Quart) -> None:
    """It is the function's argument then, as any other."""

    async def greet(name: str) -> str:
        return f"hello {name}"

    async def everything(**kwargs: Any) -> dict[str, Any]:
        return kwargs

    assert "hello world" == await app.add_background_task(greet, name="world")
    assert {"name": "world"} == await app.add_background_task(everything, name="world")


async def test_a_sync_function_runs_in_a_thread(app: Quart) -> None:
    """With the application at hand."""

    def work() -> tuple[str, bool]:
        return current_app.name, threading.current_thread() is threading.main_thread()

    assert (app.name, False) == await app.add_background_task(work)


@pytest.mark.parametrize("sync", [False, True])
async def test_the_request_stays_in_reach(app: Quart, log: list[str], sync: bool) -> None:
    """Also when the response is sent; `g` is the task's own, and teardown functions run once."""
    torn_down = asyncio.Event()

    async def work() -> None:
        await torn_down.wait()
        log.append(f"{request.path} {session['user']} {hasattr(g, 'value')}")
        log.append(app.url_for("view"))

    def start() -> None:
        g.value = 1
        app.add_background_task(work)

    if sync:

        @app.get("/path", endpoint="view")
        def view() -> str:
            session["user"] = "me"
            start()
            return "done"
    else:

        @app.get("/path", endpoint="view")
        async def async_view() -> str:
            session["user"] = "me"
            start()
            return "done"

    @app.teardown_request
    async def teardown(error: BaseException | None) -> None:
        log.append("teardown")

    @app.teardown_appcontext
    async def app_teardown(error: BaseException | None) -> None:
        log.append("app teardown")
        torn_down.set()

    assert "done" == (await get(app, "/path", leaves_tasks=True)).text
    await asyncio.gather(*app.background_tasks)

    assert [
        "teardown",
        "app teardown",
        "/path me False",
        "/path",
        "app teardown",
    ] == log


async def test_a_task_builds_urls_and_renders_as_its_blueprint_does(app: Quart) -> None:
    blueprint = Blueprint("inner", __name__, url_prefix="/inner")
    blueprint.context_processor(lambda: {"word": "of the blueprint"})
    template = "{{ word }}, {{ url_for('.start') }}, {{ url_for('.start', _external=True) }}"

    @blueprint.get("/")
    async def start() -> str:
        task = app.add_background_task(lambda: render_template_string(template))
        tasks.append(task)
        return await render_template_string(template)

    tasks: list[asyncio.Task[Any]] = []
    app.register_blueprint(blueprint)
    async with lifespan(app):
        answer = await get(app, "/inner/", leaves_tasks=True)

        assert "of the blueprint, /inner/, http://localhost/inner/" == answer.text
        assert answer.text == await tasks[0]


async def test_a_task_takes_its_context_along(connection: Connection) -> None:
    """Into functions that copy the context, and into contexts that are copies of it."""
    app = connection.app
    app.secret_key = "secret"
    tasks: list[asyncio.Task[Any]] = []
    copies = [quart.copy_current_app_context, connection.twin("copy_current_{}_context", quart)]

    def seen() -> str:
        return f"{connection.twin('{}', quart).path} {session['user']} {g.get('value')}"

    async def work() -> list[str]:
        g.value = 1
        found = []
        for copy in copies:

            @copy
            async def later() -> str:
                return seen()

            found.append(await later())
            found.append(await asyncio.to_thread(copy(seen)))
        async with app_ctx.copy():
            found.append(seen())
        async with asyncio.TaskGroup() as group:

            async def elsewhere(ctx: AppContext) -> None:
                async with app.app_context(), ctx:
                    found.append(seen())

            group.create_task(elsewhere(app_ctx.copy()))
        return found

    @connection.route("/path")
    async def view() -> None:
        session["user"] = "me"
        tasks.append(app.add_background_task(work))

    await connection.get("/path", leaves_tasks=True)

    assert [*["/path me None"] * 4, "/path me 1", "/path me None"] == await tasks[0]


async def test_a_task_outside_a_request_has_none(app: Quart) -> None:
    """Only the application."""

    async def work() -> bool:
        return has_request_context()

    assert await app.add_background_task(work) is False


async def test_an_error_in_a_background_task(
    app: Quart, log: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    """It is sent, logged with the task's name, and kept in the task."""

    async def fails() -> None:
        raise ValueError("bad task")

    async def receive(sender: Quart, exception: Exception) -> None:
        log.append(f"{exception} in {current_app.name}")

    with signals.got_background_exception.connected_to(receive, app):
        task = app.add_background_task(fails, name="failing")
        await asyncio.wait([task])

    assert [f"bad task in {app.name}"] == log
    assert "bad task" in caplog.text
    assert "failing" in caplog.text
    assert "bad task" == str(task.exception())


async def test_an_error_in_handling_it_is_not_lost(app: Quart) -> None:
    """The task has it, and asyncio complains if nobody asks."""

    async def fails() -> None:
        raise ValueError

    async def handle(error: Exception) -> None:
        raise RuntimeError("bad handler")

    app.handle_background_exception = handle  # type: ignore[method-assign]
    with pytest.raises(RuntimeError, match="bad handler"):
        await app.add_background_task(fails)


def test_a_background_task_needs_a_loop(app: Quart) -> None:
    """Nothing could run it."""
    with pytest.raises(RuntimeError, match="event loop"):
        app.add_background_task(lambda: None)


async def test_shutdown_waits_for_background_tasks(app: Quart, log: list[str]) -> None:
    """Also for those they start; the rest is cancelled; only then come the last functions."""

    async def work() -> None:
        await asyncio.sleep(0.05)
        log.append("work")
        app.add_background_task(more)

    async def more() -> None:
        log.append("more")

    async def endless() -> None:
        try:
            await asyncio.sleep(TIMEOUT)
        except asyncio.CancelledError:
            log.append("cancelled")
            raise

    app.after_serving(lambda: log.append("after"))
    async with lifespan(app):
        app.add_background_task(work)
        app.add_background_task(endless)

    assert ["work", "more", "cancelled", "after"] == log


async def test_a_task_that_ignores_cancellation_does_not_hold_the_shutdown(
    app: Quart, log: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    """It is named in the log."""
    released = asyncio.Event()

    async def deaf() -> None:
        while not released.is_set():
            with contextlib.suppress(asyncio.CancelledError):
                await released.wait()

    app.after_serving(lambda: log.append("after"))
    await app.startup()
    task = app.add_background_task(deaf, name="deaf one")
    await asyncio.sleep(0)
    async with asyncio.timeout(3):
        await app.shutdown()

    assert ["after"] == log
    assert "'deaf one' ignores its cancellation" in caplog.text
    released.set()
    await task


async def test_context_variables_reach_a_background_task(app: Quart) -> None:
    """It runs in a copy of the context it is added in."""
    variable: contextvars.ContextVar[int] = contextvars.ContextVar("variable")
    variable.set(1)

    async def work() -> int:
        return variable.get()

    assert 1 == await app.add_background_task(work)


# --- signals --------------------------------------------------------------------------------


@pytest.fixture
def handled() -> Iterator[list[int]]:
    """The signals that came to a handler such as servers set."""
    handled: list[int] = []
    before = signal.signal(signal.SIGTERM, lambda signum, frame: handled.append(signum))
    yield handled
    signal.signal(signal.SIGTERM, before)


async def test_a_servers_signal_begins_the_shutdown(app: Quart, handled: list[int]) -> None:
    """The server's handler is called as before, and stands again afterwards."""
    handler = signal.getsignal(signal.SIGTERM)
    async with lifespan(app):
        signal.raise_signal(signal.SIGTERM)
        await asyncio.wait_for(app.shutdown_event.wait(), TIMEOUT)

        assert [signal.SIGTERM] == handled
    assert handler is signal.getsignal(signal.SIGTERM)


async def test_signals_can_be_left_alone(app: Quart, handled: list[int]) -> None:
    """By `SHUTDOWN_ON_SIGNAL`."""
    app.config["SHUTDOWN_ON_SIGNAL"] = False
    handler = signal.getsignal(signal.SIGTERM)
    async with lifespan(app):
        assert handler is signal.getsignal(signal.SIGTERM)


async def test_pythons_own_handlers_are_left_alone(app: Quart) -> None:
    """No server stands behind them."""
    before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    async with lifespan(app):
        assert before == (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM))


# --- run ------------------------------------------------------------------------------------

PROGRAM = """
import asyncio, logging, sys, time
from quart import Quart, websocket
app = Quart(__name__)

@app.while_serving
async def lives():
    print("starts", flush=True)
    yield
    print("ends", flush=True)

@app.get("/")
async def hello():
    return "hello"

@app.get("/slow")
async def slow():
    print("slow begins", flush=True)
    await asyncio.sleep(0.5)
    return "slow"

@app.get("/stuck")
def stuck():
    time.sleep(30)

@app.get("/deaf")
async def deaf():
    while True:
        try:
            await asyncio.sleep(30)
        except asyncio.CancelledError:
            pass

@app.websocket("/deaf")
async def deaf_socket():
    await websocket.accept()
    while True:
        try:
            await asyncio.sleep(30)
        except asyncio.CancelledError:
            pass

@app.get("/unread")
async def unread():
    async def much():
        while True:
            yield "x" * 1_000_000
            await asyncio.sleep(0)
    response = await app.make_response(much())
    response.timeout = None
    return response

@app.get("/ticks")
async def ticks():
    async def ticks():
        while True:
            yield "tick"
            await asyncio.sleep(0.1)
    response = await app.make_response(ticks())
    response.timeout = None
    return response

@app.websocket("/ws")
async def ws():
    while True:
        await websocket.send("hello")
        await asyncio.sleep(0.1)

@app.websocket("/flood")
async def flood():
    while True:
        await websocket.send("hello")

inner = Quart("inner")
inner.websocket("/ws")(ws)
app.mount("/inner", inner)
"""


@pytest.fixture
def program(tmp_path: Path) -> Path:
    """A program that serves, but for its last line."""
    path = tmp_path / "program.py"
    path.write_text(textwrap.dedent(PROGRAM))
    return path


@contextlib.contextmanager
def run(program: Path, last_lines: str, port: int) -> Iterator[Process]:
    with program.open("a") as file:
        file.write(f"\n{last_lines}\n")
    with running(port, program.name, cwd=program.parent) as process:
        _wait_for(process, "Running on")  # said right after the port is open
        yield process


def ends_with(program: Path, last_lines: str) -> tuple[int, str]:
    """The exit status of a program that does not get to serve, and what it says."""
    with program.open("a") as file:
        file.write(f"\n{last_lines}\n")
    ended = subprocess.run(
        [sys.executable, program.name],
        cwd=program.parent,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=TIMEOUT,
        check=False,
    )
    return ended.returncode, ended.stdout


def _wait_for(process: Process, text: str, count: int = 1) -> None:
    deadline = time.monotonic() + TIMEOUT
    while process.said().count(text) < count:
        assert time.monotonic() < deadline, process.said()
        time.sleep(0.05)


def ask(port: int, path: str = "/", context: ssl.SSLContext | None = None) -> str:
    """The body of an answer."""
    sock = socket.create_connection(("127.0.0.1", port), TIMEOUT)
    with context.wrap_socket(sock, server_hostname="localhost") if context else sock as sock:
        sock.sendall(f"GET {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n".encode())
        answer = b""
        while data := sock.recv(2**16):
            answer += data
    return answer.partition(b"\r\n\r\n")[2].decode()


async def test_ctrl_c_with_everything_open(program: Path) -> None:
    """A websocket is closed, a stream is cut, a request is finished."""
    port = free_port()
    with run(program, f"app.run(port={port})", port) as process:
        assert f" * Running on http://127.0.0.1:{port} (CTRL + C to quit)" in process.said()
        assert "hello" == await asyncio.to_thread(ask, port)
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"GET /ticks HTTP/1.1\r\nHost: a\r\n\r\n")
        slow = asyncio.create_task(asyncio.to_thread(ask, port, "/slow"))
        async with websockets.connect(f"ws://127.0.0.1:{port}/ws") as ws:
            await ws.recv()
            await asyncio.to_thread(_wait_for, process, "slow begins")
            interrupted = asyncio.create_task(asyncio.to_thread(process.interrupt))
            with pytest.raises(websockets.ConnectionClosed):
                while True:
                    await ws.recv()
            assert 1001 == ws.close_code
            assert "slow" == await slow
            seconds = await interrupted
        writer.close()
        assert 5 > seconds
        assert 0 == process.popen.returncode
        assert "ends" == process.said().splitlines()[-1]


@pytest.mark.parametrize(
    "server",
    [
        "uvicorn program:app --port",
        "hypercorn program:app -b",
        "granian program:app --interface asgi --port",
    ],
)
async def test_ctrl_c_under_other_servers(program: Path, server: str) -> None:
    """Streams and websockets, those of mounted applications too, end before the lifespan does."""
    name, *arguments = server.split()
    pytest.importorskip(name)
    port = free_port()
    where = f"127.0.0.1:{port}" if name == "hypercorn" else str(port)
    with running(port, "-m", name, *arguments, where, cwd=program.parent) as process:
        _, writer = await asyncio.open_connection("127.0.0.1", port, limit=2)
        writer.write(b"GET /ticks HTTP/1.1\r\nHost: a\r\n\r\n")
        async with (
            websockets.connect(f"ws://127.0.0.1:{port}/ws") as ws,
            websockets.connect(f"ws://127.0.0.1:{port}/inner/ws") as inner,
        ):
            await ws.recv()
            await inner.recv()
            interrupted = asyncio.create_task(asyncio.to_thread(process.interrupt))
            for each in (ws, inner):
                with pytest.raises(websockets.ConnectionClosed):
                    while True:
                        await each.recv()
                assert 1001 == each.close_code
            seconds = await interrupted
        writer.close()
        assert 5 > seconds
        assert "ends" in process.said().splitlines()
        assert "Traceback" not in process.said()


@pytest.mark.parametrize("path", ["/deaf", "/stuck", "/unread"])
async def test_what_cannot_be_cancelled(program: Path, path: str) -> None:
    """It does not hold the process: a handler on the loop or in a thread, a client that waits."""
    port = free_port()
    with run(
        program, f"app.config['SHUTDOWN_TIMEOUT'] = 0.2\napp.run(port={port})", port
    ) as process:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(f"GET {path} HTTP/1.1\r\nHost: a\r\n\r\n".encode())
        await asyncio.sleep(0.2)

        assert 10 > await asyncio.to_thread(process.interrupt)
        assert "ends" in process.said().splitlines()
        writer.close()


SERVERS = [
    "program.py",
    "-m uvicorn program:app --port",
    "-m hypercorn program:app -b",
    "-m granian program:app --interface asgi --port",
]


@pytest.mark.parametrize("path", ["/deaf", "/stuck"])
@pytest.mark.parametrize("server", SERVERS[1:])
async def test_a_handler_that_ignores_its_cancellation_is_left(
    program: Path, server: str, path: str
) -> None:
    """A server waits for its connections, some without a limit."""
    with program.open("a") as file:
        file.write("app.config['SHUTDOWN_TIMEOUT'] = 0.2\n")
    port = free_port()
    where = f"127.0.0.1:{port}" if "hypercorn" in server else str(port)
    with running(port, *server.split(), where, cwd=program.parent) as process:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(f"GET {path} HTTP/1.1\r\nHost: a\r\n\r\n".encode())
        async with websockets.connect(f"ws://127.0.0.1:{port}/deaf"):
            await asyncio.sleep(0.2)

            assert 10 > await asyncio.to_thread(process.interrupt)
        writer.close()
        said = process.said()

    assert "ends" in said.splitlines()
    assert f"The handler of {path} ignores its cancellation" in said
    assert 2 == said.count("ignores its cancellation")


GOES_ON = """
app.config.update(BACKGROUND_TASK_SHUTDOWN_TIMEOUT=0.1, AFTER_SERVING_TIMEOUT=0.1)
app.before_serving(lambda: app.add_background_task(deaf) and None)
app.after_serving(lambda: time.sleep(60))
if __name__ == "__main__":
    app.run(port=int(sys.argv[1]))
"""


@pytest.mark.parametrize("server", SERVERS)
async def test_what_outlives_the_shutdown(program: Path, server: str) -> None:
    """Neither a background task that ignores its cancellation holds the process, nor a thread."""
    with program.open("a") as file:
        file.write(GOES_ON)
    port = free_port()
    where = f"127.0.0.1:{port}" if "hypercorn" in server else str(port)
    with running(port, *server.split(), where, cwd=program.parent) as process:
        assert "hello" == await asyncio.to_thread(ask, port)

        assert 10 > await asyncio.to_thread(process.interrupt)
        assert "ends" in process.said().splitlines()
        assert "'deaf' ignores its cancellation" in process.said()


def test_ctrl_c_cancels_a_start_up(program: Path) -> None:
    """What had started is ended; nothing has to be waited for."""
    last_lines = """
@app.while_serving
async def hangs():
    print("hangs", flush=True)
    await asyncio.sleep(60)
    yield

print("loaded", flush=True)
app.run(port=0)
"""
    with program.open("a") as file:
        file.write(last_lines)
    with subprocess.Popen(
        [sys.executable, program.name], cwd=program.parent, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        while process.stdout.readline() != "hangs\n":
            assert process.poll() is None
        process.send_signal(signal.SIGINT)
        rest = process.stdout.read()
        assert 0 == process.wait(TIMEOUT)

    assert "ends\n" == rest


async def test_a_websocket_that_sends_without_end(program: Path) -> None:
    """It leaves their turns to other connections, and to Ctrl-C."""
    port = free_port()
    flooded = asyncio.Event()

    async def read() -> int | None:
        async with websockets.connect(f"ws://127.0.0.1:{port}/flood") as ws:
            with contextlib.suppress(websockets.ConnectionClosed):
                while True:
                    await ws.recv()
                    flooded.set()
        return ws.close_code

    with run(program, f"app.run(port={port})", port) as process:
        reader = asyncio.create_task(read())
        await asyncio.wait_for(flooded.wait(), TIMEOUT)
        assert "hello" == await asyncio.to_thread(ask, port)
        assert 5 > await asyncio.to_thread(process.interrupt)
        assert 1001 == await reader


async def test_a_second_ctrl_c_ends_it_at_once(program: Path) -> None:
    """Whatever it was waiting for."""
    port = free_port()
    with run(
        program, f"app.config['SHUTDOWN_TIMEOUT'] = 60\napp.run(port={port})", port
    ) as process:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"GET /deaf HTTP/1.1\r\nHost: a\r\n\r\n")
        await asyncio.sleep(0.2)
        os.killpg(process.popen.pid, signal.SIGINT)
        await asyncio.sleep(0.3)

        assert process.popen.poll() is None
        assert 5 > await asyncio.to_thread(process.interrupt)
        writer.close()


@pytest.mark.parametrize(
    ("last_line", "message"),
    [
        ("app.run(port={port})", "Error: Cannot listen on 127.0.0.1:{port}: "),
        ("app.run(certfile='none.pem')", "Error: There is no certificate or key file 'none.pem'."),
        ("app.run(certfile='program.py')", "Error: Cannot use the certificate 'program.py': "),
        ("app.run(keyfile='program.py')", "Error: A key file is of use only with a certificate"),
        ("app.run(quic_bind=['127.0.0.1:0'])", "Error: HTTP/3 is always encrypted"),
        ("app.run(host='no.such.host.invalid')", "Error: Cannot listen on no.such.host.invalid:50"),
    ],
)
def test_what_keeps_it_from_starting_is_said_in_one_line(
    program: Path, last_line: str, message: str
) -> None:
    """With exit status 1, and before anything was started."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        status, said = ends_with(program, last_line.format(port=port))

    lines = said.splitlines()
    assert 1 == status
    assert lines[-1].startswith(message.format(port=port))
    assert [" * Serving Quart app 'program'", " * Debug mode: off"] == lines[:2]
    assert lines[2].startswith(" * This is a server for development. In production, ")
    assert 4 == len(lines)


def test_a_port_that_is_taken(program: Path) -> None:
    """Who has it is named where the system tells, and the option that helps."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        _, said = ends_with(program, f"app.run(port={port})")

    assert "Use another port, as with '--port 5001'" in said
    if sys.platform == "linux":
        assert f": process {os.getpid()} (" in said


def test_a_start_that_fails_ends_the_process(program: Path) -> None:
    """With exit status 1 and the error's traceback in the log."""
    status, said = ends_with(
        program,
        "@app.before_serving\ndef fails():\n    raise ValueError('bad start')\napp.run(port=0)",
    )

    assert 1 == status
    assert "ValueError: bad start" in said
    assert "Error: Lifespan failure in startup. 'bad start'" == said.splitlines()[-1]


def test_run_within_a_loop_names_the_way(app: Quart) -> None:
    """It cannot start another."""

    async def main() -> None:
        app.run()

    with pytest.raises(RuntimeError, match="run_task"):
        asyncio.run(main())


async def test_run_task(app: Quart) -> None:
    """It serves within a loop until its trigger returns."""
    ends = asyncio.Event()
    port = free_port()

    @app.get("/")
    async def hello() -> str:
        return "hello"

    app.config["ACCESS_LOG"] = None
    task = asyncio.create_task(app.run_task(port=port, shutdown_trigger=ends.wait))
    async with asyncio.timeout(TIMEOUT):
        while True:
            with contextlib.suppress(OSError):
                answer = await asyncio.to_thread(ask, port)
                break
            await asyncio.sleep(0.02)
        ends.set()
        await task

    assert "hello" == answer
    assert app.shutdown_event.is_set()


@contextlib.asynccontextmanager
async def passing_errors(app: Quart, message: str) -> AsyncIterator[int]:
    """Serve on a port until an error passes through, which has this message."""
    port = free_port()
    app.config["ACCESS_LOG"] = None
    task = asyncio.create_task(app.run_task(port=port, passthrough_errors=True))
    async with asyncio.timeout(TIMEOUT):
        while port_is_free(port):
            await asyncio.sleep(0.02)
        yield port
        with pytest.raises(ValueError, match=message) as raised:
            await task
    assert "fails" in [entry.name for entry in raised.traceback]
    assert app.shutdown_event.is_set()


@pytest.mark.parametrize("debug", [False, True])
@pytest.mark.parametrize("path", ["/request", "/stream", "/background", "/with-handler"])
async def test_errors_that_pass_through(app: Quart, path: str, debug: bool) -> None:
    """One that nothing handles ends the server and is raised.

    The client has its answer all the same. Errors that are handled are not concerned.
    """

    def fails() -> None:
        raise ValueError(path)

    @app.get("/request")
    async def request_fails() -> None:
        fails()

    @app.get("/stream")
    async def stream() -> AsyncIterator[str]:
        yield "begun"
        fails()

    @app.get("/background")
    async def background() -> str:
        app.add_background_task(fails)
        return "begun"

    @app.get("/with-handler")
    async def with_handler() -> None:
        fails()

    if path == "/with-handler":
        app.register_error_handler(500, lambda error: ("own page", 500))

    @app.get("/handled")
    async def handled() -> None:
        raise KeyError

    app.debug = debug
    app.register_error_handler(KeyError, lambda error: "handled")
    async with passing_errors(app, path) as port:
        assert "handled" == await asyncio.to_thread(ask, port, "/handled")
        assert await asyncio.to_thread(ask, port, path)


async def test_an_error_of_a_websocket_passes_through(app: Quart) -> None:
    """After the websocket was accepted, too."""

    @app.websocket("/")
    async def fails() -> None:
        await websocket.accept()
        raise ValueError("in a websocket")

    async with (
        passing_errors(app, "in a websocket") as port,
        websockets.connect(f"ws://127.0.0.1:{port}/") as client,
    ):
        with pytest.raises(websockets.ConnectionClosed):
            await client.recv()


@pytest.mark.filterwarnings("ignore:.*socket.socket")  # Hypercorn leaves it to be collected
async def test_run_task_raises_what_keeps_it_from_starting(app: Quart) -> None:
    """As an OSError."""
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(OSError, match="listen on"):
        await app.run_task(port=taken.getsockname()[1])


async def test_run_task_raises_what_its_trigger_raises(app: Quart) -> None:
    """When the application has ended."""

    async def trigger() -> None:
        raise ValueError("bad trigger")

    with pytest.raises(ValueError, match="bad trigger"):
        await app.run_task(port=0, shutdown_trigger=trigger)
    assert app.shutdown_event.is_set()


async def test_run_task_can_be_cancelled(app: Quart, log: list[str]) -> None:
    """It ends the application first."""
    app.before_serving(lambda: log.append("before"))
    app.after_serving(lambda: log.append("after"))
    task = asyncio.create_task(app.run_task(port=0))
    async with asyncio.timeout(TIMEOUT):
        while not log:
            await asyncio.sleep(0.02)
        await asyncio.sleep(0.05)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    assert ["before", "after"] == log


def test_https(program: Path) -> None:
    """With a certificate, and with one made for the day."""
    cert = make_certificate(program.parent)
    port = free_port()
    context = ssl.create_default_context(cafile=cert)
    context.set_alpn_protocols(["h2", "http/1.1"])
    with run(
        program,
        f"app.run(port={port}, certfile='{cert}', keyfile='{cert.with_suffix('.key')}')",
        port,
    ) as process:
        with (
            socket.create_connection(("127.0.0.1", port), TIMEOUT) as plain,
            context.wrap_socket(plain, server_hostname="localhost") as sock,
        ):
            assert "h2" == sock.selected_alpn_protocol()
        assert f"Running on https://127.0.0.1:{port}" in process.said()


def test_an_ad_hoc_certificate(program: Path) -> None:
    """Nothing has to be prepared."""
    pytest.importorskip("cryptography")
    port = free_port()
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    with run(program, f"app.run(port={port}, certfile='adhoc')", port):
        assert "hello" == ask(port, context=context)


def test_several_binds(program: Path) -> None:
    """Addresses and a Unix socket."""
    ports = free_port(), free_port()
    binds = [f"127.0.0.1:{port}" for port in ports] + ["unix:sock"]
    with run(program, f"app.run(bind={binds})", ports[0]):
        assert ["hello", "hello"] == [ask(port) for port in ports]
        with socket.socket(socket.AF_UNIX) as sock:
            sock.connect(str(program.parent / "sock"))
            sock.sendall(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
            assert sock.recv(100).startswith(b"HTTP/1.1 200")


def test_a_socket_that_is_open_already(program: Path) -> None:
    """By its file descriptor."""
    port = free_port()
    last_lines = f"""
import socket
listening = socket.create_server(("127.0.0.1", {port}))
app.run(host=f"fd://{{listening.detach()}}")
"""
    with run(program, last_lines, port):
        assert "hello" == ask(port)


def test_a_loop_of_ones_own(program: Path) -> None:
    """It is left open, and code after `run` goes on."""
    port = free_port()
    last_lines = f"""
loop = asyncio.new_event_loop()
app.run(port={port}, loop=loop)
print("closed" if loop.is_closed() else "open")
loop.close()
"""
    with run(program, last_lines, port) as process:
        process.interrupt()

        assert "open" == process.said().splitlines()[-1]


def test_the_server_name_says_where(program: Path) -> None:
    """Where the call does not."""
    port = free_port()
    with run(
        program, f"app.config['SERVER_NAME'] = 'localhost:{port}'\napp.run()", port
    ) as process:
        assert f"Running on http://127.0.0.1:{port}" in process.said()


def test_the_environment_says_debug(program: Path) -> None:
    """In a file; the call comes before it."""
    pytest.importorskip("dotenv")
    program.parent.joinpath(".env").write_text("QUART_DEBUG=1\n")
    port = free_port()
    with run(program, f"app.run(port={port}, use_reloader=False)", port) as process:
        assert "Debug mode: on" in process.said()
    port = free_port()
    program.write_text(textwrap.dedent(PROGRAM))
    with run(program, f"app.run(port={port}, debug=False)", port) as process:
        assert "Debug mode: off" in process.said()


@pytest.mark.parametrize(
    ("config", "line"),
    [
        ("{}", "127.0.0.1 GET /?a=b 200 "),
        ("{'DEBUG': True}", "127.0.0.1 GET /?a=b 200 "),
        ("{'DEBUG': True, 'ACCESS_LOG_FORMAT': '%(m)s on %(U)s'}", "GET on /"),
        ("{'DEBUG': True, 'ACCESS_LOG': None}", None),
        ("{'ACCESS_LOG': 'access'}", "access says"),
    ],
)
def test_the_access_log(program: Path, config: str, line: str | None) -> None:
    """A line with the time for each request; it can be named, formatted and silenced."""
    port = free_port()
    last_lines = f"""
logger = logging.getLogger("access")
logger.addHandler(logging.StreamHandler())
logger.handlers[0].setFormatter(logging.Formatter("access says %(message)s"))
logger.setLevel("INFO")
app.config.update({config})
app.run(port={port}, use_reloader=False)
"""
    with run(program, last_lines, port) as process:
        before = len(process.said())
        ask(port, "/?a=b")
        time.sleep(0.1)
        said = process.said(before)

    assert line in said if line else said == ""
    if line and "127" in line:
        assert re.fullmatch(r"\[[-\d]{10} [:\d]{8}\] .+ 200 \d+ \d+ms\n", said)
        assert "in logging" not in said


def test_what_clients_send_breaks_no_line_of_the_access_log(program: Path) -> None:
    port = free_port()
    with run(program, f"app.run(port={port}, use_reloader=False)", port) as process:
        before = len(process.said())
        with socket.create_connection(("127.0.0.1", port)) as client:
            client.sendall(b"GET /%0aa%1b[31m?%00 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
            while client.recv(1000):
                pass
        time.sleep(0.1)
        said = process.said(before)

    assert 1 == said.count("\n")
    assert "GET /\\na\\x1b[31m?%00" in said
    assert "\x1b" not in said


async def test_a_websocket_in_the_access_log(program: Path) -> None:
    port = free_port()
    lines = f"""
@app.websocket("/greeting")
async def greeting():
    await websocket.send("hello")

app.run(port={port}, use_reloader=False)
"""
    with run(program, "from quart import websocket\n" + lines, port) as process:
        async with websockets.connect(f"ws://127.0.0.1:{port}/greeting") as client:
            assert "hello" == await client.recv()
        assert "127.0.0.1 WEBSOCKET /greeting 101 - " in process.said()


async def test_an_error_that_cuts_off_a_response_or_a_websocket(program: Path) -> None:
    """It is logged once, with method and path, and with the application's frames first."""
    port = free_port()
    lines = f"""
@app.get("/cut")
async def cut():
    async def body():
        yield "a"
        yield str(1 / 0)
    return body()

@app.websocket("/failing")
async def failing():
    await websocket.accept()
    raise KeyError("in the websocket")

app.run(port={port}, use_reloader=False)
"""
    with run(program, "from quart import websocket\n" + lines, port) as process:
        with contextlib.suppress(OSError, http.client.HTTPException):
            ask(port, "/cut")
        async with websockets.connect(f"ws://127.0.0.1:{port}/failing") as client:
            with pytest.raises(websockets.ConnectionClosedError):
                await client.recv()
        said = process.said()

    for title, error in (
        ("Exception in the response to request GET /cut", "ZeroDivisionError"),
        ("Exception on websocket /failing", "KeyError: 'in the websocket'"),
    ):
        after = said.partition(title)[2]
        assert "program.py" in after.splitlines()[2]
        assert error in after
    assert 1 == said.count("ZeroDivisionError")
    assert "ASGI Framework" not in said


def test_the_access_log_has_colours_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    from quart.logging import _access_handler

    terminal = io.StringIO()
    terminal.isatty = lambda: True  # type: ignore[method-assign]
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.delenv("NO_COLOR", raising=False)
    for status in ("200", "304", "404", "500"):
        record = logging.LogRecord("x", 20, "", 0, "%(s)s", ({"s": status},), None)
        _access_handler.handle(record)

    lines = terminal.getvalue().splitlines()
    assert ["[", "\x1b[36m", "\x1b[33m", "\x1b[31m"] == [
        line[: 1 if line[0] == "[" else 5] for line in lines
    ]


def test_unknown_arguments_are_warned_about(app: Quart) -> None:
    """Those for another server."""
    with pytest.warns(UserWarning, match="threaded"), contextlib.suppress(SystemExit):
        app.run(threaded=True, keyfile="none.pem")


# --- the reloader ---------------------------------------------------------------------------


def test_the_reloader(program: Path) -> None:
    """A change starts the program anew; what fails then is waited with; Ctrl-C ends both."""
    other = program.parent / "other.py"
    other.write_text("answer = 'one'\n")
    watched = program.parent / "watched.txt"
    watched.touch()
    port = free_port()
    last_lines = f"""
import other

@app.get("/other")
async def read_other():
    return other.answer

app.run(port={port}, debug=True, extra_files=["watched.txt"], exclude_patterns=["*/notes.py"])
"""
    with run(program, last_lines, port) as process:
        assert "one" == ask(port, "/other")
        other.write_text("answer = 'two!'\n")
        _wait_for(process, "Running on", 2)
        assert "two!" == ask(port, "/other")
        other.write_text("answer =\n")
        _wait_for(process, "SyntaxError")
        other.write_text("answer = 'three'\n")
        _wait_for(process, "Running on", 3)
        assert "three" == ask(port, "/other")
        watched.write_text("changed")
        _wait_for(process, "Running on", 4)

        assert "Detected change in" in process.said()
        assert 1 == process.said().count("Debug mode: on")
        assert 5 > process.interrupt()
        assert process.said().count("starts") == process.said().count("ends"), process.said()
        assert 0 == process.popen.returncode


def test_the_reloader_ends_with_what_keeps_it_from_starting(program: Path) -> None:
    """As without it: one line, exit status 1."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        status, said = ends_with(program, f"app.run(port={port}, debug=True)")

    assert 1 == status
    assert 1 == said.count("Cannot listen on")
    assert "Traceback" not in said


def test_a_logger_of_ones_own(app: Quart) -> None:
    """A logger object is taken as it is."""
    from quart.server import configure

    app.config["ACCESS_LOG"] = logging.getLogger("mine")

    assert app.config["ACCESS_LOG"] is configure(app, "", 0, None, None, None, {}).accesslog


async def test_a_second_yield_of_while_serving_is_an_error() -> None:
    """What follows it would never run."""
    app = Quart(__name__)
    log = []

    @app.while_serving
    async def twice() -> AsyncIterator[None]:
        try:
            yield
            yield
        finally:
            log.append("closed")

    with pytest.raises(LifespanFailed, match="yielded a second time"):
        async with lifespan(app):
            pass

    assert ["closed"] == log
