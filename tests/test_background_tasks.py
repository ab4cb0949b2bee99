"""Background tasks: their context, their errors, and how a shutdown ends them."""

import asyncio
import contextlib
import contextvars
import threading
from typing import Any

import pytest
from asgi import get, lifespan
from connections import Connection
from test_serving import TIMEOUT

import quart
from quart import (
    Blueprint,
    Quart,
    current_app,
    g,
    has_request_context,
    render_template_string,
    request,
    session,
    signals,
)
from quart.ctx import AppContext
from quart.globals import app_ctx


@pytest.fixture
def app() -> Quart:
    """An application whose shutdown takes no longer than it must."""
    app = Quart(__name__)
    app.config.update(SHUTDOWN_TIMEOUT=0.2, BACKGROUND_TASK_SHUTDOWN_TIMEOUT=0.2)
    app.secret_key = "key"
    return app


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


async def test_a_coroutine_in_the_place_of_a_function_is_explained(
    app: Quart, caplog: pytest.LogCaptureFixture
) -> None:
    async def work() -> None: ...

    with contextlib.closing(work()) as coroutine:
        await asyncio.wait([app.add_background_task(coroutine)])  # type: ignore[arg-type]
    assert "pass the function itself, and its arguments" in caplog.text


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
