"""The life of the process: start-up, background tasks, shutdown, and the server behind `run`."""

import asyncio
import contextlib
import signal
import threading
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from asgi import LifespanFailed, connect, get, lifespan, stream

from quart import (
    Quart,
    Response,
    current_app,
    request,
    signals,
    websocket,
)

TIMEOUT = 10  # seconds, for what takes less than one


@pytest.fixture
def app() -> Quart:
    """An application whose shutdown takes no longer than it must."""
    app = Quart(__name__)
    app.config.update(SHUTDOWN_TIMEOUT=0.2, BACKGROUND_TASK_SHUTDOWN_TIMEOUT=0.2)
    app.secret_key = "key"
    return app


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
