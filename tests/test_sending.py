"""Responses on their way: those that take too long, and errors in streams."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from asgi import get, stream
from test_disconnects import endless, failing, make_app, numbers
from werkzeug.datastructures import Headers
from werkzeug.wrappers import Response as WSGIResponse

from quart import (
    Blueprint,
    Quart,
    Response,
    g,
    make_response,
    session,
    stream_with_context,
)
from quart import request as current
from quart.asgi import ResponseTimeoutError

pytestmark = pytest.mark.usefixtures("at_once")


# --- answers that take too long


def slow(log: list[str], first: str | None = "first") -> Any:
    async def words() -> AsyncIterator[str]:
        try:
            if first is not None:
                yield first
            await asyncio.sleep(60)
        finally:
            log.append("closed")

    return words()


@pytest.mark.parametrize("where", ["app", "response"])
async def test_a_response_that_takes_too_long(where: str, caplog: pytest.LogCaptureFixture) -> None:
    """It is logged, its generator is closed, and the client can tell that it is not whole."""
    log: list[str] = []

    async def view() -> Any:
        response = Response(slow(log))
        if where == "response":
            response.timeout = 0.02
        return response

    app = make_app(view)
    app.config["RESPONSE_TIMEOUT"] = 0.02 if where == "app" else 60
    response = await get(app, raises=ResponseTimeoutError, aborts=True)

    assert (200, b"first") == (response.status, response.body)
    assert ["closed"] == log
    assert ["/ [GET]"] == [r.getMessage()[16:23] for r in caplog.records if r.name == app.name]


async def test_a_response_that_never_begins() -> None:
    """Nothing of it was sent, so the server can answer 500."""

    async def view() -> Any:
        return slow([], first=None)

    app = make_app(view)
    app.config["RESPONSE_TIMEOUT"] = 0.02
    response = await get(app, raises=ResponseTimeoutError, aborts=True)

    assert [] == response.messages


async def test_a_closed_window_of_a_stream() -> None:
    """HTTP/2 holds up a small body, too."""
    app = make_app(lambda: "small")
    app.config["RESPONSE_TIMEOUT"] = 0.02
    async with stream(app, raises=ResponseTimeoutError, aborts=True, http_version="2") as http:
        http.pause()
        http.body()
        await http.finish()


@pytest.mark.parametrize("size", [1_000_000, 65_537])
async def test_a_client_that_does_not_read(size: int) -> None:
    """What is in memory has the same limit as a stream, when it is too large for a buffer."""

    async def view() -> Any:
        return b"x" * size

    app = make_app(view)
    app.config["RESPONSE_TIMEOUT"] = 0.02
    async with stream(app, raises=ResponseTimeoutError, aborts=True) as http:
        http.pause()
        http.body()
        await http.finish()


async def test_no_timeout() -> None:
    """None is no limit, on the response or the application."""

    async def view() -> Any:
        async def words() -> AsyncIterator[str]:
            yield "a"
            await asyncio.sleep(0.04)
            yield "b"

        response = Response(words())
        if "response" in current.args:
            response.timeout = None
        return response

    app = make_app(view)
    app.config["RESPONSE_TIMEOUT"] = 0.01
    assert "ab" == (await get(app, "/?response")).text
    app.config["RESPONSE_TIMEOUT"] = None
    assert "ab" == (await get(app, "/")).text


async def test_a_timeout_of_the_handlers_own_is_its_own() -> None:
    """It is an error like others; the timeout of the response is not blamed."""

    async def view() -> Any:
        async def words() -> AsyncIterator[str]:
            async with asyncio.timeout(0.01):
                await asyncio.sleep(60)
            yield "never"

        return words()

    assert 500 == (await get(make_app(view))).status


# --- errors in streams


@pytest.mark.parametrize("first", ["first", None])
@pytest.mark.parametrize("sync", [True, False])
async def test_teardown_is_told_what_a_stream_ended_in(sync: bool, first: str | None) -> None:
    """So that work is undone. A client that goes cancels the work, as it does that of a view."""
    told = []

    async def view() -> Any:
        words = endless([], sync=sync) if current.args else failing(sync, first)
        response = Response(stream_with_context(words))
        response.timeout = None
        return response

    async def tear_down(error: BaseException | None) -> None:
        told.append(type(error))

    app = make_app(view)
    app.teardown_request(tear_down)
    app.teardown_appcontext(tear_down)
    async with stream(app, raises=LookupError if first else None, aborts=bool(first)) as http:
        http.body()
        while not told:
            await asyncio.sleep(0.001)
    async with stream(app, target="/?endless") as http:
        http.body()
        await http.start()
        http.disconnect()

    assert [LookupError] * 2 + [asyncio.CancelledError] * 2 == told


@pytest.mark.parametrize("sync", [True, False])
async def test_an_error_before_the_first_byte(sync: bool, caplog: pytest.LogCaptureFixture) -> None:
    """A 500, by the application's own handler; one traceback in the log."""

    async def view() -> Any:
        return failing(sync, first=None)

    app = make_app(view)
    app.register_error_handler(500, lambda error: ("handled", 500))
    response = await get(app)

    assert (500, "handled") == (response.status, response.text)
    assert 1 == caplog.text.count("Traceback (most recent call last)")


def make_blueprint_app(view: Any) -> tuple[Quart, list[str]]:
    """An application with one view, in a blueprint that answers errors in its own way."""
    closed: list[str] = []
    part = Blueprint("part", __name__)
    part.get("/")(view)

    @part.before_request
    async def begin() -> None:
        g.name = "g"
        session["name"] = "session"

    @part.errorhandler(500)
    async def answer(error: Any) -> Response:
        response = Response(f"{g.get('name')} {session.get('name')}", 500)
        response.call_on_close(lambda: closed.append("error"))
        return response

    @part.after_request
    async def allow(response: Response) -> Response:
        response.headers["Access-Control-Allow-Origin"] = "*"
        return response

    app = Quart("tests", root_path="tests")
    app.secret_key = "secret"
    app.register_blueprint(part)
    return app, closed


def with_broken_trailers() -> Response:
    response = Response(numbers())
    response.trailers = Headers({"Not A Name": "value"})
    return response


@pytest.mark.parametrize(
    "make",
    [
        lambda: failing(sync=False, first=None),
        lambda: failing(sync=True, first=None),
        lambda: stream_with_context(failing(sync=False, first=None)),
        lambda: WSGIResponse(failing(sync=True, first=None)),
        lambda: Response(numbers(), headers={"Not A Name": "value"}),
        with_broken_trailers,
    ],
)
async def test_an_error_after_the_view_is_answered_as_one_in_it(make: Any) -> None:
    """By the blueprint's handlers, with the view's `g`, and the session is saved."""

    async def view() -> Any:
        response = await make_response(make())
        response.call_on_close(lambda: closed.append("view"))
        return response

    app, closed = make_blueprint_app(view)
    response = await get(app, extensions=["http.response.trailers"])

    assert (500, "g session") == (response.status, response.text)
    assert "*" == response.headers["Access-Control-Allow-Origin"]
    assert "session=" in response.headers["Set-Cookie"]
    assert ["error", "view"] == sorted(closed)


async def test_a_broken_header_of_a_small_response_is_answered_by_its_blueprint() -> None:
    """The context is closed by then, and was not kept for a body in memory."""

    async def view() -> Any:
        return Response("", headers={"Not A Name": "value"})

    app, closed = make_blueprint_app(view)
    response = await get(app)

    assert (500, "None None") == (response.status, response.text)
    assert "*" == response.headers["Access-Control-Allow-Origin"]
    assert ["error"] == closed


async def test_an_error_page_that_fails_as_well(caplog: pytest.LogCaptureFixture) -> None:
    """The server answers then; no page is made for the page."""

    async def view() -> Any:
        return failing(sync=False, first=None)

    app = make_app(view)
    app.register_error_handler(500, lambda error: (failing(sync=True, first=None), 500))
    await get(app, raises=LookupError, aborts=True)

    assert 1 == caplog.text.count("Traceback (most recent call last)")


@pytest.mark.parametrize("sync", [True, False])
async def test_an_error_after_the_first_byte(sync: bool) -> None:
    """The answer is broken off: the server is told by the error."""

    async def view() -> Any:
        return failing(sync, first="first")

    response = await get(make_app(view), raises=LookupError, aborts=True)

    assert b"first" == response.body
