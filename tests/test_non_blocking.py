"""`non_blocking`: `def` functions that run on the event loop, and get values there all the same."""

import asyncio
import functools
import logging
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import flask
import pytest
from asgi import get, post, stream

from quart import (
    Quart,
    Response,
    g,
    non_blocking,
    render_template_string,
    request,
    session,
    signals,
)
from quart.views import MethodView
from quart.workers import run_sync

JSON = {"Content-Type": "application/json"}
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


def make_app(view: Callable[..., Any] | None = None, **options: Any) -> Quart:
    app = Quart(__name__)
    app.secret_key = "for these tests alone"
    if view is not None:
        app.add_url_rule("/", view_func=view, methods=["GET", "POST"], **options)
    return app


def on_loop() -> bool:
    return threading.current_thread() is threading.main_thread()


async def test_a_view_runs_on_the_loop() -> None:
    @non_blocking
    def view() -> Any:
        """What it does."""
        return {"loop": on_loop(), "agent": request.headers["User-Agent"]}

    assert "view" == view.__name__
    assert "What it does." == view.__doc__

    response = await get(make_app(view), headers={"User-Agent": "test"})
    assert {"loop": True, "agent": "test"} == response.json


async def test_everything_that_is_called_may_be_marked() -> None:
    """Hooks, error handlers, context processors, filters, receivers, teardown functions."""
    app, calls = make_app(), []

    def note(name: str, value: Any = None) -> Any:
        @non_blocking
        def marked(*args: Any, **kwargs: Any) -> Any:
            calls.append((name, on_loop()))
            return args[0] if value is ... else value

        return marked

    app.before_request(note("before"))
    app.after_request(note("after", ...))
    app.teardown_request(note("teardown"))
    app.teardown_appcontext(note("teardown of the app"))
    app.url_value_preprocessor(note("values"))
    app.context_processor(note("processor", {"name": "Ada"}))
    app.add_template_filter(note("filter", "filtered"), "shout")
    app.errorhandler(404)(note("handler", ("nowhere", 404)))
    finished = note("signal")

    @app.get("/")
    async def view() -> Any:
        return await render_template_string("{{ name }} {{ name|shout }}")

    with signals.request_finished.connected_to(finished):
        assert "Ada filtered" == (await get(app)).text
    names = ["values", "before", "processor", "filter", "after", "signal", "teardown"]
    assert [(name, True) for name in [*names, "teardown of the app"]] == calls
    assert "nowhere" == (await get(app, "/nowhere")).text
    assert ("handler", True) in calls


async def test_neighbours_that_block_run_in_a_thread() -> None:
    """In the order of the hooks, marked or not, async or not."""
    app, calls = make_app(lambda: "view"), []

    def make(name: str, kind: str) -> Any:
        def hook(*args: Any) -> Any:
            calls.append((name, on_loop()))
            return args[0] if args else None

        async def async_hook(*args: Any) -> Any:
            return hook(*args)

        return {"def": hook, "marked": non_blocking(hook), "async": async_hook}[kind]

    order = ["def", "marked", "def", "def", "async", "marked", "marked", "def"]
    for number, kind in enumerate(order):
        app.before_request(make(f"before {number}", kind))
    for number, kind in enumerate(reversed(order)):
        app.after_request(make(f"after {len(order) - 1 - number}", kind))
    await get(app)

    expected = [(number, kind != "def") for number, kind in enumerate(order)]
    assert [(f"before {number}", loop) for number, loop in expected] == calls[: len(order)]
    assert [(f"after {number}", loop) for number, loop in expected] == calls[len(order) :]


async def test_a_hook_that_answers_and_one_that_loses_the_response() -> None:
    app = make_app(lambda: "view")
    app.before_request(non_blocking(lambda: "hook"))
    assert "hook" == (await get(app)).text
    app = make_app(lambda: "view")

    @app.after_request
    @non_blocking
    def lose(response: Any) -> Any:
        pass

    app.testing = True
    with pytest.raises(TypeError, match="lose returned None"):
        await app.test_client().get("/")


async def test_context_variables_and_g_and_the_session() -> None:
    """What it sets is seen afterwards."""
    app = make_app(non_blocking(lambda: f"{g.name} {session['seen']}"))

    @app.before_request
    @non_blocking
    def before() -> None:
        g.name = "Ada"
        session["seen"] = True

    response = await get(app)
    assert "Ada True" == response.text
    assert "session" in response.headers["Set-Cookie"]


async def test_flasks_proxies() -> None:
    """They are those of the connection, in the function and nowhere else."""
    seen = []

    @non_blocking
    def view() -> Any:
        return f"{flask.request.args['q']} {flask.g.name} {flask.current_app.name}"

    app = make_app(view)

    @app.before_request
    async def before() -> None:
        g.name = "Ada"

    @app.after_request
    async def after(response: Response) -> Response:
        seen.append(flask.has_request_context())
        return response

    plain = make_app(lambda: "")
    plain.after_request(after)
    await get(plain)

    assert f"x Ada {app.name}" == (await get(app, "/?q=x")).text
    assert seen[0] == seen[1]


async def test_what_has_come_is_read_at_once() -> None:
    @non_blocking
    def view() -> Any:
        data: Any = request.get_json()
        return render_template_string("Hello, {{ name }}", name=data["name"])

    assert "Hello, Ada" == (await post(make_app(view), headers=JSON, body=b'{"name": "Ada"}')).text


@pytest.mark.parametrize(
    ("read", "name"),
    [
        (lambda: request.get_json(), "get_json"),
        (lambda: request.form, "form"),
        (lambda: request.stream.read(), "read"),  # type: ignore[attr-defined]
        (lambda: render_template_string("{{ wait() }}", wait=waits), "render"),
    ],
)
async def test_what_would_have_to_wait_is_an_error(read: Any, name: str) -> None:
    """It names the function. The request goes on, and the next one too."""
    caught = []

    @non_blocking
    def reads() -> Any:
        try:
            return read()
        except RuntimeError as error:
            caught.append(str(error))
            return "refused"

    app = make_app(reads)
    headers = FORM if name == "form" else JSON
    async with stream(app, "POST", headers=headers) as http:
        assert "refused" == (await http.response()).text

    assert 1 == len(caught)
    assert "reads cannot do" in caught[0]
    assert "non_blocking" in caught[0]
    other = make_app(non_blocking(lambda: "next"))
    assert "next" == (await get(other)).text


async def waits() -> str:
    await asyncio.sleep(0.001)
    return ""


async def test_contexts_of_its_own() -> None:
    """`with` opens a context in it, as in a thread."""
    seen = []

    @non_blocking
    def view() -> str:
        with app.app_context():
            g.name = "ada"
            seen.append(g.name)
        with app.test_request_context("/inner"):
            seen.append(request.path)
        return request.path + g.get("name", "")

    app = make_app(view)

    @app.before_request
    async def before() -> None:
        with pytest.raises(RuntimeError, match="async with"), app.app_context():
            pass

    assert ("/", ["ada", "/inner"]) == ((await get(app)).text, seen)


async def test_async_functions_made_sync() -> None:
    """As far as they wait for nothing."""

    async def double(number: int) -> int:
        return 2 * number

    @non_blocking
    def view() -> Any:
        assert 4 == app.ensure_sync(double)(2)
        with pytest.raises(RuntimeError, match="has to wait"):
            app.async_to_sync(waits)()
        return "done"

    app = make_app(view)

    assert "done" == (await get(app)).text


async def test_async_code_that_it_reaches_gets_awaitables() -> None:
    """And the function goes on getting values after that."""

    async def inner() -> str:
        return str(await request.get_data(as_text=True))

    @non_blocking
    def view() -> Any:
        first = app.ensure_sync(inner)()
        return f"{first} {request.get_data(as_text=True)}"

    app = make_app(view)

    assert "body body" == (await post(app, body=b"body")).text


async def test_generators_and_coroutines() -> None:
    def items() -> Iterator[str]:
        yield "a"
        yield "b"

    async def coroutine() -> str:
        return "awaited"

    assert "ab" == (await get(make_app(non_blocking(items)))).text
    assert "awaited" == (await get(make_app(non_blocking(lambda: coroutine())))).text


async def test_a_decorator_around_it_runs_in_a_thread() -> None:
    """It may block; the mark is not taken over by `functools.wraps`."""

    def decorator(func: Any) -> Any:
        @functools.wraps(func)
        def decorated() -> Any:
            return f"{on_loop()} {func()}"

        return decorated

    assert "False False" == (await get(make_app(decorator(non_blocking(lambda: on_loop()))))).text
    assert "True True" == (await get(make_app(non_blocking(decorator(lambda: on_loop()))))).text


async def test_a_method() -> None:
    class View(MethodView):
        @non_blocking
        def get(self) -> str:
            return f"{on_loop()} {request.method}"

    assert "True GET" == (await get(make_app(View.as_view("view")))).text


async def test_it_may_be_called_anywhere() -> None:
    """On the loop, in a worker thread, in another thread, without a context."""

    @non_blocking
    def add(a: int, b: int) -> int:
        return a + b

    assert 3 == add(1, 2)
    assert 3 == await run_sync(add)(1, b=2)
    assert 3 == await asyncio.to_thread(add, 1, 2)


def test_an_async_function_needs_no_mark() -> None:
    async def view() -> None:
        pass

    with pytest.raises(TypeError, match="view is async"):
        non_blocking(view)


@pytest.mark.parametrize("raised", [ValueError("of the view"), KeyError("x")])
async def test_what_it_raises(raised: Exception) -> None:
    @non_blocking
    def view() -> Any:
        raise raised

    app = make_app(view)
    app.testing = True
    with pytest.raises(type(raised)):
        await app.test_client().get("/")


@pytest.mark.parametrize(
    ("debug", "seconds", "expected"), [(True, 0.06, 1), (True, 0, 0), (False, 0.06, 0)]
)
async def test_one_that_blocks_is_logged_under_debug(
    debug: bool, seconds: float, expected: int, caplog: pytest.LogCaptureFixture
) -> None:
    @non_blocking
    def slow() -> str:
        time.sleep(seconds)
        return ""

    app = make_app(slow)
    app.debug = debug
    with caplog.at_level(logging.WARNING):
        await get(app)
    messages = [message for message in caplog.messages if "slow is marked non_blocking" in message]

    assert expected == len(messages)
