"""Code written for Flask, which imports from `flask`, finds the connection that is handled here."""

from pathlib import Path
from typing import Any

import pytest
from asgi import get, request

import quart
from quart import Quart


@pytest.fixture
def app(tmp_path: Path) -> Quart:
    app = Quart("flask_code", root_path=str(tmp_path))
    app.secret_key = "secret"
    return app


async def test_sync_error_handling_of_an_extension(app: Quart) -> None:
    """`handle_user_exception` may be replaced by a sync function that gives a response."""
    original = app.handle_user_exception

    def router(error: Exception) -> Any:
        if isinstance(error, KeyError):
            return app.response_class("routed", 418)
        return original(error)

    app.handle_user_exception = router  # type: ignore[method-assign]

    @app.get("/<name>")
    async def view(name: str) -> str:
        raise {"key": KeyError, "zero": ZeroDivisionError}[name]

    @app.errorhandler(ZeroDivisionError)
    async def handler(error: Exception) -> str:
        return "handled"

    assert (418, "routed") == ((await get(app, "/key")).status, (await get(app, "/key")).text)
    assert "handled" == (await get(app, "/zero")).text


async def test_make_response_of_several_arguments(app: Quart) -> None:
    """Several arguments stand for the tuple that a view would return."""

    @app.get("/")
    async def view() -> quart.Response:
        return await app.make_response("text", 201, {"X-Key": "value"})

    response = await get(app, "/")

    assert (201, "text", "value") == (response.status, response.text, response.headers["X-Key"])


# Copies of contexts


async def test_a_copy_entered_within_its_context(app: Quart) -> None:
    """It is the same context once more: `g` is shared, and nothing is torn down twice."""
    events = []
    app.teardown_request(lambda error: events.append("request"))
    app.teardown_appcontext(lambda error: events.append("app"))

    @app.get("/")
    async def view() -> str:
        quart.g.value = "shared"
        async with quart.globals.app_ctx.copy():
            events.append(quart.g.value)
            quart.g.value = "changed"
        events.append(quart.g.value)
        return quart.request.path

    assert "/" == (await get(app, "/")).text
    assert ["shared", "changed", "request", "app"] == events


async def test_a_copy_entered_later(app: Quart) -> None:
    """After the request it is a context of its own, closed when it is left."""
    events = []
    copies = []
    app.teardown_appcontext(lambda error: events.append("app"))

    @app.get("/")
    async def view() -> str:
        quart.g.value = "of the request"
        copies.append(quart.globals.app_ctx.copy())
        return ""

    await request(app, "GET", "/")
    async with copies[0]:
        events.append(quart.g.get("value", "nothing"))
        events.append(quart.request.path)

    assert ["app", "nothing", "/", "app"] == events


def test_a_copy_without_a_loop(app: Quart) -> None:
    """`with` outside a loop does the same."""
    with app.app_context() as ctx:
        quart.g.value = "shared"
        with ctx.copy():
            assert "shared" == quart.g.value
        assert "shared" == quart.g.value
