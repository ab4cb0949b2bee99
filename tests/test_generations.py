"""Stages that others wrote, in the signatures of all releases, and as they are called."""

from __future__ import annotations

import gc
import logging
import weakref
from typing import Any

import pytest
from asgi import get
from connections import Connection
from werkzeug.exceptions import HTTPException

import quart
from quart import Quart


async def test_stages_overridden_with_the_context_last() -> None:
    """Quart before 0.23 passed the context last, and optional."""
    calls = []

    class Old(Quart):
        async def full_dispatch_request(self, request_context: Any = None) -> Any:
            calls.append(("full_dispatch", request_context.request.path))
            return await super().full_dispatch_request(request_context)

        async def finalize_request(
            self, result: Any, request_context: Any = None, from_error_handler: bool = False
        ) -> Any:
            calls.append(("finalize", result, request_context.request.path, from_error_handler))
            return await super().finalize_request(result, request_context, from_error_handler)

        async def process_response(self, response: Any, request_context: Any = None) -> Any:
            calls.append(("process", response.status_code))
            return await super().process_response(response, request_context)

        async def handle_user_exception(self, error: Exception) -> Any:
            calls.append(("user exception", repr(error)))
            return await super().handle_user_exception(error)

        async def handle_exception(self, error: Exception) -> Any:
            calls.append(("exception", repr(error)))
            return await super().handle_exception(error)

        async def do_teardown_request(self, exc: Any, request_context: Any = None) -> None:
            calls.append(("teardown", repr(exc)))
            await super().do_teardown_request(exc, request_context)

        async def do_teardown_appcontext(self, exc: Any) -> None:
            calls.append(("teardown app", repr(exc)))
            await super().do_teardown_appcontext(exc)

    app = Old(__name__)

    @app.get("/")
    async def view() -> str:
        return "text"

    @app.get("/error")
    async def error() -> str:
        raise KeyError("x")

    await get(app, "/")
    assert 500 == (await get(app, "/error")).status

    assert [
        ("full_dispatch", "/"),
        ("finalize", "text", "/", False),
        ("process", 200),
        ("teardown", "None"),
        ("teardown app", "None"),
        ("full_dispatch", "/error"),
        ("user exception", "KeyError('x')"),
        ("exception", "KeyError('x')"),
    ] == calls[:8]
    assert ("finalize", "/error", True) == (calls[8][0], *calls[8][2:])
    assert ("teardown", "KeyError('x')") in calls
    assert ("teardown app", "KeyError('x')") in calls


async def test_stages_overridden_with_the_context_first() -> None:
    """Quart 0.23 and Flask 3.2 pass it first."""
    calls = []

    class New(Quart):
        async def finalize_request(
            self, ctx: Any, result: Any, from_error_handler: bool = False
        ) -> Any:
            calls.append(("finalize", ctx.request.path, result))
            return await super().finalize_request(ctx, result, from_error_handler)

        async def do_teardown_request(self, ctx: Any, exc: Any = None) -> None:
            calls.append(("teardown", ctx.request.path, exc))
            await super().do_teardown_request(ctx, exc)

    app = New(__name__)
    app.get("/")(lambda: "text")
    await get(app, "/")

    assert [("finalize", "/", "text"), ("teardown", "/", None)] == calls


async def test_stages_overridden_in_a_mixin() -> None:
    """In Quart's older order, and in Flask's."""

    class Process:
        async def process_response(self, response: Any, request_context: Any = None) -> Any:
            assert "/missing" == request_context.request.path
            response.headers["X"] = "process"
            return await super().process_response(response, request_context)  # type: ignore[misc]

    class Handle:
        async def handle_http_exception(self, error: HTTPException) -> Any:
            handled = await super().handle_http_exception(error)  # type: ignore[misc]
            return handled, {"Y": type(error).__name__}

    class Outer(Process, Quart):
        pass

    class Inner(Handle, Outer):
        pass

    response = await get(Inner(__name__), "/missing")

    assert 404 == response.status
    assert ("process", "NotFound") == (response.headers["X"], response.headers["Y"])


async def test_an_adapter_overridden_in_a_mixin() -> None:
    class Redirects:
        def create_url_adapter(self, request: Any) -> Any:
            if request is not None:
                request.path = "/elsewhere"
            return super().create_url_adapter(request)  # type: ignore[misc]

    class App(Redirects, Quart):
        pass

    app = App(__name__)
    app.add_url_rule("/", "here", lambda: "here")
    app.add_url_rule("/elsewhere", "elsewhere", lambda: "elsewhere")

    assert "elsewhere" == (await get(app, "/")).text


async def test_a_view_without_a_value_under_an_overridden_stage() -> None:
    """The None that stands first is the value, and the flag after it the flag."""
    flags = []

    class NoContent(Quart):
        async def finalize_request(self, result: Any, from_error_handler: bool = False) -> Any:
            flags.append(from_error_handler)
            return await super().finalize_request(result, from_error_handler)

        async def make_response(self, result: Any, *more: Any) -> Any:
            return await super().make_response(("", 204) if result is None else result, *more)

    app = NoContent(__name__)
    app.get("/")(lambda: None)

    @app.get("/fails")
    def fails() -> None:
        raise ValueError

    assert 204 == (await get(app, "/")).status
    assert 500 == (await get(app, "/fails")).status
    assert [False, True] == flags


def test_an_error_is_logged_by_hand(caplog: pytest.LogCaptureFixture) -> None:
    """In the older order, by the argument's name, or with the context first."""
    app = Quart(__name__)
    try:
        raise KeyError("x")
    except KeyError as error:
        exc_info = (type(error), error, error.__traceback__)
    app.log_exception(exc_info)
    app.log_exception(exc_info=exc_info)
    app.log_exception(None, exc_info)

    assert 3 == len(caplog.records)
    assert [exc_info] * 3 == [record.exc_info for record in caplog.records]


async def test_an_unhandled_error_leaves_no_cycle() -> None:
    """What it held is let go at once."""
    app, held = Quart(__name__), []

    @app.get("/")
    async def view() -> None:
        held.append(weakref.ref(quart.request._get_current_object()))  # type: ignore[attr-defined]
        raise KeyError

    logging.disable()  # a record would hold the traceback
    gc.disable()
    try:
        assert 500 == (await get(app, "/")).status
        assert held[0]() is None
    finally:
        gc.enable()
        logging.disable(logging.NOTSET)


async def test_a_stage_patched_on_the_object() -> None:
    """A monkeypatch in the older signature is called with what it expects."""
    app = Quart(__name__)
    app.get("/")(lambda: "text")
    original = app.finalize_request
    calls = []

    async def patched(result: Any, request_context: Any = None, **kwargs: Any) -> Any:
        calls.append((result, request_context.request.path))
        return await original(result, request_context, **kwargs)

    app.finalize_request = patched

    assert "text" == (await get(app, "/")).text
    assert [("text", "/")] == calls


async def test_stages_called_by_hand_in_either_order(connection: Connection) -> None:
    """The public methods take the context first or last, by position or by its older name."""
    app = connection.app
    if connection.kind == "websocket":
        return
    async with app.test_request_context("/") as ctx:
        first = await app.finalize_request(ctx, "a")
        last = await app.finalize_request("b", ctx)
        named = await app.finalize_request("c", request_context=ctx)
        current = await app.finalize_request(result="d")

    assert [b"a", b"b", b"c", b"d"] == [await r.get_data() for r in (first, last, named, current)]

    app.before_request(lambda: "before")
    app.get("/")(lambda: "view")
    async with app.test_request_context("/") as ctx:
        assert "before" == await app.preprocess_request(request_context=ctx)
        assert "view" == await app.dispatch_request(request_context=ctx)
        response = await app.full_dispatch_request(request_context=ctx)
    assert b"before" == await response.get_data()
