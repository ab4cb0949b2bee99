"""What views may return, and what they are told of what they must not."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any

import pytest
from asgi import get
from connections import Connection
from werkzeug.datastructures import Headers
from werkzeug.exceptions import Conflict, NotFound

import quart
from quart import Quart, abort


async def words() -> Any:
    yield "a"
    yield b"b"


@pytest.mark.parametrize(
    ("value", "status", "body", "content_type"),
    [
        ("text", 200, b"text", "text/html; charset=utf-8"),
        (b"bytes", 200, b"bytes", "text/html; charset=utf-8"),
        (bytearray(b"array"), 200, b"array", "text/html; charset=utf-8"),
        ({"a": 1}, 200, b'{"a":1}\n', "application/json"),
        ([1, 2], 200, b"[1,2]\n", "application/json"),
        (("a", 201), 201, b"a", "text/html; charset=utf-8"),
        (("a", "201 CREATED"), 201, b"a", "text/html; charset=utf-8"),
        (("a", "202"), 202, b"a", "text/html; charset=utf-8"),
        (("a", {"Content-Type": "x/y"}), 200, b"a", "x/y"),
        (("a", [("Content-Type", "x/y")]), 200, b"a", "x/y"),
        (("a", (("Content-Type", "x/y"),)), 200, b"a", "x/y"),
        (("a", 203, {"Content-Type": "x/y"}), 203, b"a", "x/y"),
        (({"a": 1}, 201), 201, b'{"a":1}\n', "application/json"),
        ((NotFound(), 410), 410, None, "text/html; charset=utf-8"),
        (Conflict(), 409, None, "text/html; charset=utf-8"),
    ],
)
async def test_return_values(
    value: Any, status: int, body: bytes | None, content_type: str
) -> None:
    """Every kind of value that Quart takes, and those only Flask does."""
    app = Quart(__name__)

    @app.get("/")
    async def view() -> Any:
        return value

    response = await get(app, "/")

    assert (status, content_type) == (response.status, response.headers["Content-Type"])
    if body is not None:
        assert body == response.body


@pytest.mark.parametrize(
    "make",
    [
        words,
        lambda: iter(["a", "b"]),
        lambda: map(str, ["a", "b"]),
        lambda: (word for word in "ab"),
        lambda: words().__aiter__(),
    ],
)
async def test_iterators_are_streamed(make: Any) -> None:
    """Any iterator or async iterator is a body."""
    app = Quart(__name__)

    @app.get("/")
    async def view() -> Any:
        return make(), 202

    response = await get(app, "/")

    assert (202, b"ab") == (response.status, response.body)


async def test_werkzeug_responses_become_ours() -> None:
    """So after_request sees one type, for errors and redirects too."""
    from werkzeug.wrappers import Response as WSGIResponse

    app = Quart(__name__)
    seen = []

    @app.after_request
    async def look(response: Any) -> Any:
        seen.append((type(response), await response.get_data()))
        return response

    @app.get("/wsgi")
    async def wsgi() -> Any:
        return WSGIResponse("wsgi", 202)

    @app.get("/abort")
    async def aborted() -> Any:
        abort(418)

    @app.get("/redirect")
    async def redirected() -> Any:
        return quart.redirect("/elsewhere")

    for path in ("/wsgi", "/abort", "/redirect", "/missing"):
        await get(app, path)

    assert {app.response_class} == {kind for kind, _ in seen}
    assert b"wsgi" == seen[0][1]


@pytest.mark.parametrize("sync", [True, False])
async def test_a_hook_may_put_werkzeugs_response_in_place_of_ours(sync: bool) -> None:
    from werkzeug.wrappers import Response as WSGIResponse

    app = Quart(__name__)
    app.get("/")(lambda: "text")

    @app.after_request
    async def replace(response: Any) -> Any:
        return WSGIResponse("replaced", 418, {"X": "1"})

    if sync:
        app.after_request(lambda response: WSGIResponse("replaced", 418, {"X": "1"}))

    response = await get(app, "/")

    assert (418, "replaced", "1") == (response.status, response.text, response.headers["X"])


async def test_a_hook_that_returns_no_response_is_told(caplog: pytest.LogCaptureFixture) -> None:
    app = Quart(__name__)
    app.get("/")(lambda: "text")
    app.after_request(lambda response: 42)

    assert 500 == (await get(app, "/")).status
    assert "gave a int, not a response" in caplog.text


@pytest.mark.parametrize("body", ["text", {"a": 1}, quart.Response("text")])
@pytest.mark.parametrize("pairs", [list, tuple, Headers])
async def test_all_headers_of_a_name_are_kept(body: Any, pairs: Any) -> None:
    app = Quart(__name__)
    given = pairs([("Set-Cookie", "a=1"), ("Set-Cookie", "b=2"), ("X", "1"), ("x", "2")])
    app.get("/")(lambda: (body, given))

    headers = (await get(app, "/")).headers

    assert ["a=1", "b=2"] == headers.getlist("Set-Cookie")
    assert ["1", "2"] == headers.getlist("X")


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (None, "'view' did not return a valid response: it returned None"),
        (5, "it returned a int"),
        (("a", 1, {}, 2), "returned a tuple of 4"),
        (("a", {"X": "1"}, 201), "returned its headers before its status"),
        (("a", [("X", "1")], 201), "returned its headers before its status"),
    ],
)
async def test_wrong_values_are_named(
    value: Any, message: str, caplog: pytest.LogCaptureFixture
) -> None:
    """The error in the log names the endpoint and what is wrong."""
    app = Quart(__name__)

    @app.get("/")
    async def view() -> Any:
        return value

    assert 500 == (await get(app, "/")).status
    assert message in caplog.text


async def test_a_forgotten_await_is_named(caplog: pytest.LogCaptureFixture) -> None:
    """A view that returns a coroutine is told what is missing."""
    app = Quart(__name__)

    @app.get("/")
    async def view() -> Any:
        return quart.render_template_string("x")

    assert 500 == (await get(app, "/")).status
    assert "The view function for 'view' returned a coroutine: an 'await' is missing" in caplog.text


@pytest.mark.parametrize(
    ("wait", "use"),
    [
        (lambda: quart.request.form, lambda form: form["name"]),
        (lambda: quart.request.get_json(), lambda data: data.get("name")),
        (lambda: quart.request.files, lambda files: "name" in files),
        (lambda: quart.request.json, quart.jsonify),
        (lambda: quart.render_template_string("x"), lambda text: "Dear " + text),
        (lambda: quart.make_response("x"), lambda response: response.headers),
        (lambda: quart.current_app.open_resource("x"), contextlib.ExitStack().enter_context),
    ],
)
async def test_a_coroutine_taken_for_its_result_is_named(
    caplog: pytest.LogCaptureFixture, wait: Any, use: Any
) -> None:
    """The error in the log has a note that an `await` is missing."""
    app = Quart(__name__)

    @app.get("/")
    async def view() -> None:
        with contextlib.closing(wait()) as coroutine:
            use(coroutine)

    assert 500 == (await get(app, "/")).status
    assert "Perhaps an 'await' is missing" in caplog.text


def run_until_complete(value: Any) -> Any:
    with contextlib.closing(asyncio.new_event_loop()) as loop:
        return loop.run_until_complete(value)


async def forget_to_return() -> None: ...


async def return_a_coroutine() -> Any:
    return quart.render_template_string("x")


@pytest.mark.parametrize("view", [forget_to_return, return_a_coroutine, lambda: {1, 2}, lambda: ()])
async def test_the_log_says_where_the_view_of_a_wrong_value_is(
    view: Any, caplog: pytest.LogCaptureFixture
) -> None:
    app = Quart(__name__)
    app.add_url_rule("/", view_func=view)
    assert 500 == (await get(app, "/")).status
    code = view.__code__
    assert f'File "{__file__}", line {code.co_firstlineno}, in {code.co_name}' in caplog.text


@pytest.mark.parametrize(
    "wait",
    [asyncio.run, run_until_complete],
)
async def test_a_value_that_a_sync_view_wants_to_wait_for_is_explained(
    wait: Any, caplog: pytest.LogCaptureFixture
) -> None:
    app = Quart(__name__)

    @app.get("/")
    def view() -> Any:
        return wait(quart.request.args)

    assert 500 == (await get(app, "/")).status
    assert "In sync views and hooks, request.form" in caplog.text


async def test_other_mistakes_have_no_such_note(
    connection: Connection, caplog: pytest.LogCaptureFixture
) -> None:
    @connection.route("/")
    async def view() -> str:
        return None.upper()  # type: ignore[attr-defined,no-any-return]

    await connection.get()

    assert "has no attribute 'upper'" in caplog.text
    assert "Perhaps" not in caplog.text
