"""Tests of `app.test_app()`, which runs the lifespan, and of `app.test_cli_runner()`."""

import asyncio
from typing import Any

import click
import pytest

from quart import Quart, current_app, request
from quart.testing import LifespanError, QuartClient, QuartCliRunner, TestApp


@pytest.fixture
def app() -> Quart:
    return Quart("tests", root_path="tests")


async def test_the_application_starts_and_ends(app: Quart) -> None:
    events: list[str] = []

    @app.before_serving
    async def before() -> None:
        events.append("before")

    @app.after_serving
    async def after() -> None:
        events.append("after")

    @app.route("/")
    async def index() -> str:
        events.append("request")
        return ""

    async with app.test_app() as test_app:
        assert isinstance(test_app, TestApp)
        await test_app.test_client().get("/")

    assert ["before", "request", "after"] == events

    await test_app.startup()
    await test_app.shutdown()

    assert ["before", "request", "after", "before", "after"] == events


async def test_a_failing_start_is_an_error(app: Quart) -> None:
    @app.before_serving
    async def before() -> None:
        raise ValueError("for the test")

    with pytest.raises(LifespanError, match=r"startup failed: .*for the test"):
        async with app.test_app():
            raise AssertionError


async def test_a_failing_end_is_an_error(app: Quart) -> None:
    @app.after_serving
    async def after() -> None:
        raise ValueError("for the test")

    with pytest.raises(LifespanError, match=r"shutdown failed: .*for the test"):
        async with app.test_app():
            pass


async def test_an_application_without_lifespan_is_an_error(app: Quart) -> None:
    async def asgi_app(scope: Any, receive: Any, send: Any) -> None:
        raise RuntimeError("no lifespan")

    app.asgi_app = asgi_app  # type: ignore[method-assign]
    with pytest.raises(LifespanError, match="no lifespan"):
        await TestApp(app).startup()


async def test_start_and_end_have_a_time_limit(app: Quart) -> None:
    @app.before_serving
    async def before() -> None:
        if app.config["SLOW"] == "start":
            await asyncio.sleep(60)

    @app.after_serving
    async def after() -> None:
        await asyncio.sleep(60)

    app.config["SLOW"] = "start"
    with pytest.raises(LifespanError, match=r"startup took longer than 0\.05 seconds") as failed:
        await TestApp(app, startup_timeout=0.05).startup()
    assert isinstance(failed.value, TimeoutError)

    app.config["SLOW"] = "end"
    test_app = TestApp(app, shutdown_timeout=0.05)
    await test_app.startup()
    with pytest.raises(LifespanError, match="shutdown took longer") as failed:
        await test_app.shutdown()
    assert isinstance(failed.value, TimeoutError)


async def test_requests_share_the_state_of_the_start(app: Quart) -> None:
    """`scope["state"]` of each is a copy of what the start has left in its own."""
    asgi_app = app.asgi_app

    async def with_state(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            scope["state"]["name"] = "value"
        await asgi_app(scope, receive, send)

    app.asgi_app = with_state  # type: ignore[method-assign]

    @app.route("/")
    async def index() -> dict[str, Any]:
        state = dict(request.scope["state"])
        request.scope["state"]["name"] = "changed"
        return state

    async with app.test_app() as test_app:
        client = test_app.test_client()

        assert isinstance(client, QuartClient)
        for _ in range(2):
            assert {"name": "value"} == await (await client.get("/")).get_json()


# --- commands -------------------------------------------------------------------------------


@pytest.fixture
def runner(app: Quart) -> QuartCliRunner:
    @app.cli.command("greet")
    @click.argument("name")
    def greet(name: str) -> None:
        click.echo(f"{name} {current_app.name}")

    @app.cli.command("wait")
    async def wait() -> None:
        await asyncio.sleep(0)
        click.echo(f"waited in {current_app.name}")

    return app.test_cli_runner()


def test_commands_run_and_tell_what_they_print(runner: QuartCliRunner) -> None:
    assert "hello tests\n" == runner.invoke(args=["greet", "hello"]).output
    assert "waited in tests\n" == runner.invoke(args=["wait"]).output


async def test_commands_run_in_async_tests_too(runner: QuartCliRunner) -> None:
    """They have an event loop of their own there."""
    assert "hello tests\n" == runner.invoke(args=["greet", "hello"]).output
    assert "waited in tests\n" == runner.invoke(args=["wait"]).output


@pytest.mark.parametrize("name", ["succeeds", "exits", "fails"])
def test_teardown_functions_get_the_error_of_the_command(app: Quart, name: str) -> None:
    """Not one that somebody handles around it."""
    errors: list[BaseException | None] = []
    app.teardown_appcontext(errors.append)

    @app.cli.command("succeeds")
    def succeeds() -> None: ...

    @app.cli.command("exits")
    @click.pass_context
    def exits(ctx: click.Context) -> None:
        ctx.exit()

    error = KeyError("for the test")

    @app.cli.command("fails")
    def fails() -> None:
        raise error

    try:
        raise ValueError
    except ValueError:
        result = app.test_cli_runner().invoke(args=[name])
    expected = error if name == "fails" else None

    assert [expected] == errors
    assert expected is result.exception

    app.test_cli_runner().invoke(args=[name])
    assert [expected] * 2 == errors


def test_another_command_and_another_obj(app: Quart, runner: QuartCliRunner) -> None:
    @click.command()
    @click.pass_obj
    def show(obj: Any) -> None:
        click.echo(obj.load_app().name if obj != "mine" else obj)

    assert "tests\n" == runner.invoke(show).output
    assert "mine\n" == runner.invoke(show, obj="mine").output
    assert {"A": "b"} == app.test_cli_runner(env={"A": "b"}).env
