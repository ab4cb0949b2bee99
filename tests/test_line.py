"""The line: every stage of a connection, in order, for requests and websockets alike."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import functools
import gc
import io
import logging
import threading
import weakref
from pathlib import Path
from typing import Any, ClassVar

import pytest
from asgi import HTTP, Websocket, get, http_scope, request, stream, websocket_scope
from connections import Connection
from werkzeug.datastructures import CombinedMultiDict, Headers, MultiDict
from werkzeug.exceptions import Conflict, HTTPException, NotFound
from werkzeug.routing import BaseConverter, RequestRedirect

import quart
from quart import Blueprint, Quart, abort, g, signals, url_for
from quart.views import MethodView


def listen(signal: Any, log: list[str], word: str) -> Any:
    def receiver(sender: Any, **extra: Any) -> None:
        log.append(word)

    signal.connect(receiver)
    return receiver


async def test_hook_order(connection: Connection) -> None:
    """Application inwards before the view, outwards after it, session and signals between."""
    app, log = connection.app, []
    parent = Blueprint("parent", __name__, url_prefix="/p")
    child = Blueprint("child", __name__, url_prefix="/c")

    def note(word: str, result: Any = None) -> Any:
        async def hook(*args: Any) -> Any:
            log.append(word)
            return result if not args else args[0]

        return hook

    for owner, name in ((app, "app"), (parent, "parent"), (child, "child")):
        for number in (1, 2):
            connection.twin("before_{}", owner)(note(f"before {name} {number}"))
            connection.twin("after_{}", owner)(note(f"after {name} {number}"))
            connection.twin("teardown_{}", owner)(note(f"teardown {name} {number}"))
        owner.url_value_preprocessor(lambda endpoint, values, name=name: log.append(f"url {name}"))
    app.teardown_appcontext(note("app teardown 1"))
    app.teardown_appcontext(note("app teardown 2"))
    keep = [
        listen(connection.twin("{}_started", signals), log, "started"),
        listen(connection.twin("{}_finished", signals), log, "finished"),
        listen(connection.twin("{}_tearing_down", signals), log, "tearing down"),
        listen(signals.appcontext_pushed, log, "pushed"),
        listen(signals.appcontext_tearing_down, log, "app tearing down"),
        listen(signals.appcontext_popped, log, "popped"),
    ]

    @connection.route("/", child)
    async def view() -> str:
        connection.twin("after_this_{}", quart)(note("after this 1"))
        connection.twin("after_this_{}", quart)(note("after this 2"))
        log.append("view")
        return "done"

    parent.register_blueprint(child)
    app.register_blueprint(parent)

    assert "done" == (await connection.get("/p/c/")).text
    assert keep
    assert [
        "pushed",
        "started",
        "url app",
        "url parent",
        "url child",
        *(f"before {name} {n}" for name in ("app", "parent", "child") for n in (1, 2)),
        "view",
        "after this 1",
        "after this 2",
        *(f"after {name} {n}" for name in ("child", "parent", "app") for n in (2, 1)),
        "finished",
        *(f"teardown {name} {n}" for name in ("child", "parent", "app") for n in (2, 1)),
        "tearing down",
        "app teardown 2",
        "app teardown 1",
        "app tearing down",
        "popped",
    ] == log


@pytest.mark.parametrize("sync", [True, False])
async def test_receivers_of_signals(connection: Connection, sync: bool) -> None:
    """They are sync or async, and are told the application and what is known."""
    app, seen = connection.app, []

    def receiver(word: str) -> Any:
        def receive(sender: Any, **known: Any) -> None:
            seen.append((word, sender, known))

        async def receive_async(sender: Any, **known: Any) -> None:
            receive(sender, **known)

        return receive if sync else receive_async

    words = ["{}_started", "got_{}_exception", "{}_finished", "{}_tearing_down"]
    keep = [receiver(word) for word in words]
    for word, each in zip(words, keep, strict=True):
        connection.twin(word, signals).connect(each, app)
    error = ValueError("inside")

    @connection.route("/")
    async def view() -> None:
        raise error

    assert 500 == (await connection.get("/")).status
    assert [*words] == [word for word, _, _ in seen]
    assert all(sender is app for _, sender, _ in seen)
    assert {"exception": error} == seen[1][2]
    assert 500 == seen[2][2]["response"].status_code
    assert {"exc": error} == seen[3][2]


async def test_a_before_function_can_stand_for_the_view(connection: Connection) -> None:
    """Its value ends the stage, and the view is not called."""
    log = []
    connection.before(lambda: None)
    connection.before(lambda: ("stopped", 403))
    connection.before(lambda: log.append("never"))

    @connection.route("/")
    async def view() -> str:
        log.append("never")
        return "view"

    answer = await connection.get("/")

    assert (403, "stopped") == (answer.status, answer.text)
    assert [] == log


async def test_a_sync_hook_that_gives_an_awaitable_ends_nothing(connection: Connection) -> None:
    """A lambda around an async function, say: the hooks after it are called."""

    async def load() -> None:
        pass

    connection.before(lambda: load())
    connection.before(lambda: load())
    connection.before(lambda: ("refused", 403))
    connection.route("/")(lambda: "secret")

    answer = await connection.get("/")

    assert (403, "refused") == (answer.status, answer.text)


async def test_sync_and_async_hooks_keep_their_order(connection: Connection) -> None:
    """Sync neighbours share a thread; the order, `g` and context variables stay as written."""
    variable: contextvars.ContextVar[str] = contextvars.ContextVar("variable", default="")
    threads = []

    def append(word: str) -> None:
        variable.set(variable.get() + word)
        g.words = variable.get()

    @connection.before
    def first() -> None:
        threads.append(threading.get_ident())
        append("a")

    @connection.before
    def second() -> None:
        threads.append(threading.get_ident())
        append("b")

    @connection.before
    async def third() -> None:
        append("c")

    @connection.before
    def fourth() -> None:
        append("d")

    @connection.route("/")
    async def view() -> str:
        append("e")
        return f"{g.words} {variable.get()}"

    assert "abcde abcde" == (await connection.get("/")).text
    assert threads[0] == threads[1] != threading.get_ident()


async def test_sync_neighbours_share_one_hop(connection: Connection) -> None:
    """However many there are, between async ones and before or after the view."""
    hops: list[Any] = []

    class Counting(Quart):
        def sync_to_async(self, func: Any) -> Any:
            hops.append(func)
            return super().sync_to_async(func)

    app = connection.app = Counting(__name__)
    log = []
    for number in range(3):
        connection.before(lambda number=number: log.append(f"before {number}"))
        connection.after(lambda response, number=number: log.append(f"after {number}") or response)

    @connection.before
    async def between() -> None:
        log.append("between")

    connection.before(lambda: log.append("last"))

    @connection.route("/")
    async def view() -> str:
        log.append("view")
        return "x"

    assert "x" == (await connection.get("/")).text
    assert ["before 0", "before 1", "before 2", "between", "last", "view"] == log[:6]
    assert ["after 2", "after 1", "after 0"] == log[6:]
    assert 3 == len(hops)
    assert isinstance(app, Counting)


IN_A_THREAD: dict[str, tuple[Any, type]] = {
    "request.form": (lambda: quart.request.form, MultiDict),
    "request.files": (lambda: quart.request.files, MultiDict),
    "request.values": (lambda: quart.request.values, CombinedMultiDict),
    "request.data": (lambda: quart.request.data, bytes),
    "request.get_data()": (lambda: quart.request.get_data(), bytes),
    "request.stream.read()": (lambda: quart.request.stream.read(), bytes),
    "request.json": (lambda: quart.request.json, type(None)),
    "request.get_json()": (lambda: quart.request.get_json(force=True, silent=True), type(None)),
    "request.is_disconnected()": (lambda: quart.request.is_disconnected(), bool),
    "flash()": (lambda: quart.flash("x"), type(None)),
    "make_response()": (lambda: quart.make_response("x"), quart.Response),
    "render_template()": (
        lambda: quart.render_template(quart.current_app.jinja_env.from_string("x")),
        str,
    ),
    "render_template_string()": (lambda: quart.render_template_string("x"), str),
    "send_file()": (lambda: quart.send_file(__file__), quart.Response),
    "send_from_directory()": (
        lambda: quart.send_from_directory(Path(__file__).parent, Path(__file__).name),
        quart.Response,
    ),
    "app.send_static_file()": (
        lambda: quart.current_app.send_static_file(Path(__file__).name),
        quart.Response,
    ),
    "app.open_resource()": (
        lambda: quart.current_app.open_resource(__file__).__enter__(),
        io.IOBase,
    ),  # type: ignore[attr-defined]
    "response.get_data()": (lambda: quart.Response("x").get_data(), bytes),
    "response.get_json()": (lambda: quart.Response("1").get_json(force=True), int),
    "response.add_etag()": (lambda: quart.Response("x").add_etag(), type(None)),
    "response.freeze()": (lambda: quart.Response("x").freeze(), type(None)),
    "a request of the test client": (
        lambda: quart.current_app.test_client().get("/nowhere"),
        quart.Response,
    ),
}


@pytest.mark.parametrize(("ask", "expected"), IN_A_THREAD.values(), ids=IN_A_THREAD)
@pytest.mark.parametrize("where", ["view", "hook"])
async def test_sync_code_gets_values(ask: Any, expected: type, where: str) -> None:
    """What is awaited on the loop is there at once in a sync view or hook, as in Flask."""
    app = Quart(__name__, static_folder=str(Path(__file__).parent))
    app.secret_key = "secret"
    got: list[Any] = []

    def view() -> str:
        value = ask()
        got.append(value)
        if isinstance(value, io.IOBase):
            value.close()
        return ""

    if where == "view":
        app.post("/")(view)
    else:

        @app.before_request
        def hook() -> None:
            if quart.request.path == "/":
                view()

        @app.post("/")
        async def nothing() -> str:
            return ""

    response = await request(app, "POST", "/", form={"a": "b"})

    assert 200 == response.status
    assert [True] == [isinstance(value, expected) for value in got]


async def test_after_functions_pass_the_response_on(connection: Connection) -> None:
    """Sync and async ones alike; what one returns the next one gets."""
    log = []

    @connection.after
    async def last(value: Any) -> Any:
        log.append(("last", value))
        return value

    @connection.after
    def second(value: Any) -> Any:
        log.append(("second", value))
        return value

    @connection.after
    def first(value: Any) -> Any:
        log.append(("first", value))
        return value

    @connection.route("/")
    async def view() -> str | None:
        return "x"

    await connection.get("/")

    assert ["first", "second", "last"] == [word for word, _ in log]
    assert 1 == len({id(value) for _, value in log})


async def test_every_teardown_function_runs(connection: Connection) -> None:
    """One that raises keeps none of the others from running, nor the answer from being sent."""
    log: list[Any] = []

    def failing(error: Any) -> None:
        log.append("failing")
        raise ValueError("in a teardown")

    connection.teardown(lambda error: log.append(("request", error)))
    connection.teardown(failing)
    connection.app.teardown_appcontext(lambda error: log.append(("app", error)))
    connection.app.teardown_appcontext(failing)

    @connection.route("/")
    async def view() -> str:
        return "kept"

    assert "kept" == (await connection.get("/")).text
    assert ["failing", ("request", None), "failing", ("app", None)] == log


async def test_teardown_does_not_get_an_ignored_error(connection: Connection) -> None:
    """Flask's hook for it, which Flask 3.2 keeps for those that have it."""
    log: list[Any] = []

    class Ignoring(Quart):
        def should_ignore_error(self, error: BaseException | None) -> bool:
            return isinstance(error, KeyError)

    connection.app = Ignoring(__name__)
    connection.teardown(log.append)
    connection.app.teardown_appcontext(log.append)

    @connection.route("/")
    async def view() -> None:
        raise KeyError("x")

    assert 500 == (await connection.get("/")).status
    assert [None, None] == log


async def test_teardown_gets_the_unhandled_error(connection: Connection) -> None:
    """The error of the view, and None where a handler answered it."""
    log = []
    connection.teardown(log.append)
    connection.app.register_error_handler(KeyError, lambda error: ("handled", 400))

    @connection.route("/unhandled")
    async def unhandled() -> str:
        raise ValueError("unhandled")

    @connection.route("/handled")
    async def handled() -> str:
        raise KeyError("handled")

    assert 500 == (await connection.get("/unhandled")).status
    answer = await connection.get("/handled")

    assert (400, "handled") == (answer.status, answer.text)
    assert ["ValueError('unhandled')", "None"] == [repr(error) for error in log]


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (Conflict(), "app 409"),
        (NotFound(), "blueprint 404"),
        (LookupError(), "app LookupError"),
        (KeyError("subclass"), "app LookupError"),
        (ZeroDivisionError(), "blueprint ZeroDivisionError"),
        (ExceptionGroup("one", [KeyError("x")]), "app LookupError"),
        (ExceptionGroup("nested", [ExceptionGroup("in", [NotFound()])]), "blueprint 404"),
        (ExceptionGroup("http wins", [KeyError("x"), Conflict()]), "app 409"),
        (ExceptionGroup("two", [KeyError("x"), ValueError("y")]), "app 500 ExceptionGroup"),
        (ValueError("no handler"), "app 500 ValueError"),
    ],
)
async def test_error_handlers(connection: Connection, error: Exception, expected: str) -> None:
    """By code, by class and its bases, blueprint before application, inside groups."""
    app = connection.app
    blueprint = Blueprint("blueprint", __name__)

    @app.errorhandler(409)
    async def conflict(error: HTTPException) -> Any:
        return "app 409", 409

    @app.errorhandler(404)
    async def not_found(error: HTTPException) -> Any:
        return "app 404", 404

    @app.errorhandler(LookupError)
    def lookup(error: Exception) -> Any:
        return "app LookupError", 400

    @app.errorhandler(500)
    async def server_error(error: Any) -> Any:
        return f"app 500 {type(error.original_exception).__name__}", 500

    @blueprint.errorhandler(404)
    def blueprint_not_found(error: HTTPException) -> Any:
        return "blueprint 404", 404

    @blueprint.errorhandler(ZeroDivisionError)
    async def division(error: Exception) -> Any:
        return "blueprint ZeroDivisionError", 400

    @connection.route("/", blueprint)
    async def view() -> str:
        raise error

    app.register_blueprint(blueprint)

    assert expected == (await connection.get("/")).text


class Odd(BaseException):
    """Neither an Exception nor anything the event loop ends for."""


@pytest.mark.parametrize("error", [Odd("x"), asyncio.CancelledError(), StopAsyncIteration()])
@pytest.mark.parametrize("sync", [True, False])
async def test_odd_errors_are_a_500(
    connection: Connection, error: BaseException, sync: bool, caplog: pytest.LogCaptureFixture
) -> None:
    """Whatever user code raises: one answer, one traceback in the log, teardown run."""
    log = []
    connection.teardown(lambda error: log.append("teardown"))

    if sync:

        @connection.route("/")
        def sync_view() -> str:
            raise error

    else:

        @connection.route("/")
        async def view() -> str:
            raise error

    assert 500 == (await connection.get("/")).status
    assert ["teardown"] == log
    assert 1 == sum(record.levelname == "ERROR" for record in caplog.records)


async def test_stop_iteration_in_a_thread_is_a_500(connection: Connection) -> None:
    """A future cannot hold a StopIteration, so it would wait for ever."""

    @connection.route("/")
    def view() -> str:
        raise StopIteration

    assert 500 == (await connection.get("/")).status


@pytest.mark.parametrize("setting", ["TESTING", "PROPAGATE_EXCEPTIONS"])
async def test_unhandled_errors_propagate(setting: str) -> None:
    """Under TESTING or PROPAGATE_EXCEPTIONS the error leaves the application."""
    app = Quart(__name__)
    app.config[setting] = True

    @app.get("/")
    async def view() -> str:
        raise ValueError("propagated")

    await request(app, "GET", "/", raises=ValueError)


async def test_debug_shows_the_traceback_and_logs_it(caplog: pytest.LogCaptureFixture) -> None:
    """The page names the error, everything in it escaped."""
    app = Quart(__name__)
    app.debug = True

    @app.get("/")
    async def view() -> str:
        raise ValueError("<script>")

    response = await get(app, "/")

    assert 500 == response.status
    assert "&lt;script&gt;" in response.text
    assert "<script>" not in response.text
    assert "Exception on request GET /" in caplog.text


async def test_production_shows_nothing_of_an_error() -> None:
    """Nor of one outside the view."""
    app = Quart(__name__)

    @app.teardown_request
    async def teardown(error: Any) -> None:
        raise ValueError("secret")

    @app.get("/")
    async def view() -> str:
        return "fine"

    response = await get(app, "/")

    assert (200, "fine") == (response.status, response.text)


# What a view may return


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
    assert "is no response, but a int" in caplog.text


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


async def test_other_mistakes_have_no_such_note(
    connection: Connection, caplog: pytest.LogCaptureFixture
) -> None:
    @connection.route("/")
    async def view() -> str:
        return None.upper()  # type: ignore[attr-defined,no-any-return]

    await connection.get()

    assert "has no attribute 'upper'" in caplog.text
    assert "Perhaps" not in caplog.text


# Routing


async def test_methods_head_and_options() -> None:
    """HEAD comes with GET, OPTIONS by itself; another method is a 405 with Allow."""
    app = Quart(__name__)

    @app.get("/")
    async def view() -> str:
        return "body"

    head = await request(app, "HEAD", "/")
    options = await request(app, "OPTIONS", "/")
    post = await request(app, "POST", "/")

    assert (200, b"", "4") == (head.status, head.body, head.headers["Content-Length"])
    assert {"GET", "HEAD", "OPTIONS"} == set(options.headers["Allow"].split(", "))
    assert 405 == post.status
    assert {"GET", "HEAD", "OPTIONS"} == set(post.headers["Allow"].split(", "))


async def test_a_missing_slash_is_a_308_that_keeps_the_query() -> None:
    app = Quart(__name__)

    @app.get("/directory/")
    async def view() -> str:
        return ""

    response = await get(app, "/directory?a=b")

    assert 308 == response.status
    assert response.headers["Location"].endswith("/directory/?a=b")


@pytest.mark.parametrize(
    ("method", "code", "debug", "expected"),
    [
        ("POST", 302, True, 500),
        ("POST", 308, True, 308),
        ("GET", 302, True, 302),
        ("POST", 302, False, 302),
    ],
)
async def test_a_redirect_that_would_lose_a_body(
    method: str, code: int, debug: bool, expected: int, caplog: pytest.LogCaptureFixture
) -> None:
    """In debug mode it is an error that names both URLs, as in Flask."""

    class Moved(RequestRedirect):
        pass

    Moved.code = code

    class Converter(BaseConverter):
        def to_python(self, value: str) -> str:
            raise Moved("http://localhost/new")

    app = Quart(__name__)
    app.debug = debug
    app.config["PROPAGATE_EXCEPTIONS"] = False
    app.url_map.converters["moved"] = Converter
    app.add_url_rule("/<moved:name>", "view", lambda name: name, methods=["GET", "POST"])

    assert expected == (await request(app, method, "/old")).status
    if expected == 500:
        assert "'http://localhost/old', which redirects to 'http://localhost/new'" in caplog.text


async def test_hosts_and_subdomains() -> None:
    """Rules for a subdomain of SERVER_NAME, and for whole hosts."""
    app = Quart(__name__, subdomain_matching=True, static_folder=None)
    app.config["SERVER_NAME"] = "example.com"

    @app.get("/", subdomain="<user>")
    async def user(user: str) -> str:
        return user

    @app.get("/")
    async def bare() -> str:
        return "bare"

    async def text(host: str) -> Any:
        response = await get(app, "/", headers={"Host": host})
        return response.text if response.status == 200 else response.status

    assert "bob" == await text("bob.example.com")
    assert "bare" == await text("example.com:80")
    assert 404 == await text("elsewhere.org")

    by_host = Quart(__name__, host_matching=True, static_folder=None)

    @by_host.get("/", host="a.example")
    async def a() -> str:
        return "a"

    response = await get(by_host, "/", headers={"Host": "a.example"})
    assert "a" == response.text
    assert 404 == (await get(by_host, "/", headers={"Host": "b.example"})).status


async def test_server_name_does_not_restrict_hosts() -> None:
    app = Quart(__name__)
    app.config["SERVER_NAME"] = "example.com"
    app.get("/")(lambda: "any")

    assert "any" == (await get(app, "/", headers={"Host": "other.org"})).text


@pytest.mark.parametrize(
    ("asked", "below"), [(None, (404, "api")), (False, (200, "main")), (True, (404, "api"))]
)
async def test_server_name_and_a_rule_with_a_subdomain(
    asked: bool | None, below: tuple[int, str]
) -> None:
    """Hosts that are not below the name keep the main view, unless `subdomain_matching` is True."""
    app = Quart(__name__, subdomain_matching=asked)
    app.config["SERVER_NAME"] = "example.com:5000"
    app.get("/")(lambda: "main")
    app.get("/", subdomain="api", endpoint="api")(lambda: "api")

    async def ask(host: str) -> Any:
        return await get(app, "/", headers={"Host": host})

    assert "main" == (await ask("example.com:5000")).text
    assert below[1] == (await ask("api.example.com:5000")).text
    assert below[0] == (await ask("www.example.com:5000")).status
    for host in ("other.org", "10.0.0.1:8080", "notexample.com:5000"):
        assert (404 if asked else 200) == (await ask(host)).status


async def test_trusted_hosts(connection: Connection) -> None:
    """Another host is a 400."""
    connection.app.config["TRUSTED_HOSTS"] = ["example.com"]

    @connection.route("/")
    async def view() -> str:
        return "in"

    assert "in" == (await connection.get("/", headers={"Host": "example.com"})).text
    assert 400 == (await connection.get("/", headers={"Host": "evil.org"})).status


async def test_trusted_hosts_of_a_class() -> None:
    """A request or websocket class may name them too, whether the view looks at the host or not."""

    class OwnRequest(quart.Request):
        trusted_hosts: ClassVar = ["example.com"]

    class OwnWebsocket(quart.Websocket):
        trusted_hosts: ClassVar = ["example.com"]

    for kind in ("request", "websocket"):
        connection = Connection(kind)
        connection.app.request_class = OwnRequest
        connection.app.websocket_class = OwnWebsocket
        connection.route("/")(lambda: "in")

        assert "in" == (await connection.get("/", headers={"Host": "example.com"})).text
        assert 400 == (await connection.get("/", headers={"Host": "evil.org"})).status


@pytest.mark.parametrize(
    ("trusted", "host", "status"),
    [
        ([".example.com"], "a.example.com", 200),
        ([".example.com"], "example.com", 200),
        ([".example.com"], "badexample.com", 400),
        (["example.com"], "a.example.com", 400),
        (["example.com"], "example.com:8000", 200),
        (["example.com"], "example.com@evil.org", 400),
        (["example.com"], "", 400),
    ],
)
async def test_trusted_hosts_and_names(trusted: list[str], host: str, status: int) -> None:
    """A leading dot takes in subdomains; ports do not matter, an error handler answers."""
    app = Quart(__name__)
    app.config["TRUSTED_HOSTS"] = trusted
    app.config["SERVER_NAME"] = "elsewhere.org"
    app.get("/")(lambda: "in")
    app.register_error_handler(400, lambda error: ("handled", 400))

    response = await get(app, "/", headers={"Host": host})

    assert (status, "in" if status == 200 else "handled") == (response.status, response.text)


async def test_an_error_handler_builds_urls_for_a_host_that_is_not_trusted() -> None:
    """Without the host, below the root path; an external one has the server name."""
    app = Quart(__name__)
    app.config["TRUSTED_HOSTS"] = ["example.com"]
    app.add_url_rule("/help", "help", lambda: "help")

    @app.errorhandler(400)
    async def refuse(error: Any) -> Any:
        return {"url": url_for("help"), "external": url_for("help", _external=True)}, 400

    options = {"headers": {"Host": "evil.example"}, "root_path": "/app"}
    app.config["SERVER_NAME"] = "example.com"
    response = await get(app, "/app/", **options)
    assert 400 == response.status
    assert {"url": "/app/help", "external": "http://example.com/app/help"} == response.json

    app.config["SERVER_NAME"] = None
    assert 500 == (await get(app, "/app/", **options)).status


@pytest.mark.parametrize(
    ("root_path", "target", "expected"),
    [
        ("", "/x", "|/x"),
        ("/", "/x", "|/x"),
        ("/app", "/app/x", "/app|/x"),
        ("/app/", "/app/x", "/app|/x"),
        ("/app", "/app", "/app|/"),
        ("/app", "/app/", "/app|/"),
        ("/app", "/app/app/x", "/app|/app/x"),
        ("/ä b", "/%C3%A4%20b/x", "/ä b|/x"),
        ("/app", "/application/x", None),
        ("/app", "/x", None),
        ("/app", "/", None),
        ("/app", "/App/x", None),
    ],
)
async def test_root_path(
    connection: Connection, root_path: str, target: str, expected: str | None
) -> None:
    """It ends at a slash; a path that is not below it is a 404, whatever routes there are."""

    @connection.route("/", endpoint="root")
    @connection.route("/<path:path>", endpoint="path")
    async def view(path: str = "") -> str:
        current = getattr(quart, connection.kind)
        return f"{current.root_path}|{current.path}"

    answer = await connection.get(target, root_path=root_path)

    if expected is None:
        assert 404 == answer.status
    else:
        assert expected == answer.text


async def test_the_other_kind_is_a_mismatch() -> None:
    """HTTP on a websocket's rule is a 400."""
    app = Quart(__name__)

    @app.websocket("/ws")
    async def ws() -> None:
        pass

    assert 400 == (await get(app, "/ws")).status


async def test_method_view() -> None:
    """A method for each verb, sync or async; HEAD falls back to get."""
    app = Quart(__name__)

    class Items(MethodView):
        async def get(self, number: int) -> str:
            return f"get {number}"

        def post(self, number: int) -> str:
            return f"post {number}"

    app.add_url_rule("/<int:number>", view_func=Items.as_view("items"))

    assert "get 1" == (await request(app, "GET", "/1")).text
    assert "post 2" == (await request(app, "POST", "/2")).text
    assert 200 == (await request(app, "HEAD", "/3")).status
    assert 405 == (await request(app, "PUT", "/3")).status


async def test_views_assigned_late_are_called() -> None:
    """Extensions put functions into `view_functions` and the hook lists after the first request."""
    app = Quart(__name__)
    app.get("/", endpoint="view")(lambda: "first")
    await get(app, "/")

    async def second() -> str:
        return "second"

    app.view_functions["view"] = second
    app.before_request_funcs.setdefault(None, []).append(lambda: g.setdefault("late", "late"))
    app.before_request_funcs[None].clear()
    app.after_request_funcs[None].append(lambda response: response)
    with pytest.warns(RuntimeWarning, match="after its first request"):
        app.get("/late", endpoint="late")(lambda: "late rule")

    assert "second" == (await get(app, "/")).text
    assert "late rule" == (await get(app, "/late")).text


# Views that are not functions


async def test_callable_objects() -> None:
    """An object with a sync or an async `__call__` is a view."""
    app = Quart(__name__)

    class Async:
        async def __call__(self) -> str:
            return "async"

    class Sync:
        def __call__(self) -> str:
            return "sync"

    app.add_url_rule("/async", "async", Async())
    app.add_url_rule("/sync", "sync", Sync())

    assert "async" == (await get(app, "/async")).text
    assert "sync" == (await get(app, "/sync")).text


@pytest.mark.parametrize("kind", ["def", "async def"])
async def test_a_sync_decorator_calls_any_view(connection: Connection, kind: str) -> None:
    """A decorator written for Flask, which makes the view sync, leaves it on its loop."""
    app = connection.app

    def login_required(view: Any) -> Any:
        @functools.wraps(view)
        def decorated(**arguments: Any) -> Any:
            g.user = "Ada"
            return quart.current_app.ensure_sync(view)(**arguments)

        return decorated

    def greeting(name: str) -> str:
        return f"{g.user} greets {name} at {connection.twin('{}', quart).path}"

    async def in_a_coroutine(name: str) -> str:
        assert loop is asyncio.get_running_loop()
        return greeting(name)

    loop = asyncio.get_running_loop()
    connection.route("/<name>")(login_required(greeting if kind == "def" else in_a_coroutine))

    assert "Ada greets Bob at /Bob" == (await connection.get("/Bob")).text
    assert greeting is app.ensure_sync(greeting)


async def test_an_async_view_made_sync_is_not_called_on_the_loop() -> None:
    """The error says what to do instead."""
    app = Quart(__name__)

    async def view() -> str:
        return "never"

    with pytest.raises(RuntimeError, match=r"view is async and was made sync, .* await .*view"):
        app.ensure_sync(view)()
    with pytest.raises(RuntimeError, match="call this from a 'def' function"):
        app.async_to_sync(view)()


def test_an_async_function_is_called_without_a_loop() -> None:
    """In a script or a command, within the context that is pushed there."""
    app = Quart(__name__)

    async def name() -> str:
        await asyncio.sleep(0)
        g.seen = True
        return quart.current_app.name

    with app.app_context():
        assert __name__ == app.ensure_sync(name)()
        assert g.seen


async def test_an_override_of_async_to_sync_is_used() -> None:
    """An override of `async_to_sync` is what `ensure_sync` uses, as in Flask."""
    made = []

    class Own(Quart):
        def async_to_sync(self, func: Any) -> Any:
            made.append(func)
            return super().async_to_sync(func)

    async def view() -> None: ...

    Own(__name__).ensure_sync(view)

    assert [view] == made


# Both generations of the stages


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


# Bad input


async def test_an_unknown_scope_type_is_named() -> None:
    app = Quart(__name__)

    with pytest.raises(RuntimeError, match="carrier-pigeon"):
        await app({"type": "carrier-pigeon"}, None, None)


@pytest.mark.parametrize(
    ("target", "headers"),
    [
        ("/?q=%FF%FE", {}),
        ("/%FF%FE", {}),
        ("/", {"Host": "\xe9.example"}),
        ("/", {"Host": "a b c/<>"}),
        ("/", {"Host": ""}),
        ("/", {"Host": "x" * 5000}),
        ("/", {"X-Odd": "\xff\x80"}),
        ("/", {"Cookie": "\xff=\xfe; ="}),
        ("/int/" + "9" * 5000, {}),
        ("//////", {}),
        ("/a/../../b", {}),
    ],
)
async def test_malformed_requests_are_answered(
    connection: Connection, target: str, headers: dict[str, str]
) -> None:
    """With a 400, a 404 or an ordinary answer; no exception leaves the application."""

    @connection.route("/", endpoint="root")
    @connection.route("/int/<int:n>", endpoint="int")
    async def view(n: int = 0) -> str:
        current = getattr(quart, connection.kind)
        return f"{current.url}{current.full_path}{current.args}{current.host}{current.cookies}"

    answer = await connection.get(target, headers=headers)

    assert answer.status in {101, 200, 308, 400, 404}


@pytest.mark.parametrize("path", ["/", "/user/1", "/slash", "/nowhere", "/files/a/b"])
@pytest.mark.parametrize("host", ["a..b", ".a", "x" * 64, "x" * 5000, "a..b:80", "xn--a.b"])
async def test_a_host_that_is_no_name_is_400(connection: Connection, host: str, path: str) -> None:
    """As in Flask, whatever the path; and it is answered as any other error."""

    @connection.route("/", endpoint="root")
    @connection.route("/user/<int:n>", endpoint="user")
    @connection.route("/slash/", endpoint="slash")
    @connection.route("/files/<path:name>", endpoint="files")
    async def view(**values: Any) -> str:
        return "served"

    @connection.app.errorhandler(400)
    async def bad_request(error: HTTPException) -> Any:
        return "handled", 400

    for _ in range(2):
        answer = await connection.get(path, headers={"Host": host})

        assert (400, "handled") == (answer.status, answer.text)


@pytest.mark.parametrize(
    "host", ["a", "a.b.", "A.b:80", "[::1]:5000", "x" * 63 + ".b", "\xe9.b", ""]
)
async def test_a_host_that_is_a_name_is_served(connection: Connection, host: str) -> None:
    @connection.route("/")
    async def view() -> str:
        return "served"

    assert "served" == (await connection.get("/", headers={"Host": host})).text


async def test_a_query_that_is_not_utf_8() -> None:
    """Raw bytes stay percent-encoded in the values."""
    app = Quart(__name__)

    @app.get("/")
    async def view() -> Any:
        return [quart.request.args, quart.request.full_path]

    scope = {**http_scope("GET", "/"), "query_string": b"q=\xe9&r=%C3%A9"}
    async with HTTP(app, scope) as http:
        http.body()

        assert [{"q": "%E9", "r": "é"}, "/?q=%E9&r=%C3%A9"] == (await http.response()).json


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"path": "", "raw_path": b""}, 200),
        ({"path": "*", "raw_path": b"*"}, 404),
        ({"path": "/\udcff", "raw_path": b"/\xff"}, 404),
        ({"query_string": b"\xff\x00=\xfe&&=%"}, 200),
        ({"headers": [(b"x-\xff", b"\xff"), (b"cookie", b"\xff\x00=;\xfe")]}, 200),
        ({"headers": [(b"host", b"\xff\xfe")]}, 200),
        ({"headers": []}, 200),
    ],
)
async def test_bytes_that_no_well_formed_client_sends(
    changes: dict[str, Any], status: int, caplog: pytest.LogCaptureFixture
) -> None:
    """Whatever a server lets through is an ordinary answer, without an error in the log."""
    app = Quart(__name__)

    @app.get("/")
    async def view() -> str:
        request = quart.request
        urls = [request.url, request.full_path]
        return ascii([urls, request.args, request.cookies, [*request.headers]])

    async with HTTP(app, {**http_scope("GET", "/"), **changes}) as http:
        http.body()

        assert status == (await http.response()).status
    assert [] == caplog.records


@pytest.mark.parametrize("missing", ["asgi", "state", "extensions", "raw_path"])
async def test_scopes_without_optional_keys(connection: Connection, missing: str) -> None:
    @connection.route("/")
    async def view() -> str:
        return "served"

    assert "served" == (await connection.get("/", omit=[missing])).text


@pytest.mark.parametrize("version", ["2.0", "2.1", "2.2", "2.3", "2.4", "2.5"])
async def test_every_spec_version(connection: Connection, version: str) -> None:
    @connection.route("/")
    async def view() -> str:
        return "served"

    @connection.route("/error")
    async def error() -> str:
        raise ValueError

    assert "served" == (await connection.get("/", spec_version=version)).text
    assert 500 == (await connection.get("/error", spec_version=version)).status


async def test_asgi_2() -> None:
    """`app.asgi2` is the application in ASGI 2's two calls."""
    app = Quart(__name__)
    app.get("/")(lambda: "two calls")

    async def as_asgi_3(scope: Any, receive: Any, send: Any) -> None:
        await app.asgi2(scope)(receive, send)

    assert "two calls" == (await get(as_asgi_3, "/")).text


# Disconnects


async def test_a_disconnect_cancels_the_handler(connection: Connection) -> None:
    """Teardown runs, with the cancellation as its error."""
    log = []
    waiting = asyncio.Event()

    @connection.route("/")
    async def view() -> str:
        waiting.set()
        try:
            await asyncio.sleep(30)
        finally:
            log.append("cancelled")
        return ""

    connection.teardown(lambda error: log.append(type(error).__name__))
    if connection.kind == "request":
        async with stream(connection.app, "GET", "/") as http:
            http.body()
            await waiting.wait()
            http.disconnect()
    else:
        async with Websocket(connection.app, websocket_scope("/")) as ws:
            ws.feed({"type": "websocket.connect"})
            await waiting.wait()
            ws.disconnect()

    assert ["cancelled", "CancelledError"] == log


@pytest.mark.parametrize("where", ["app", "route"])
async def test_a_handler_may_finish_after_a_disconnect(where: str) -> None:
    """With CANCEL_ON_DISCONNECT off, for the application or the route."""
    app = Quart(__name__)
    log = []
    waiting = asyncio.Event()
    gone = asyncio.Event()
    app.config["CANCEL_ON_DISCONNECT"] = where == "route"

    @app.get("/", **({"cancel_on_disconnect": False} if where == "route" else {}))
    async def view() -> str:
        waiting.set()
        await gone.wait()
        log.append(await quart.request.is_disconnected())
        return "late"

    async with stream(app, "GET", "/") as http:
        http.body()
        await waiting.wait()
        http.disconnect()
        await asyncio.sleep(0.01)
        gone.set()

    assert [True] == log


@pytest.mark.parametrize("fails", ["handler", "value", "receiver", "both"])
async def test_what_answers_an_error_may_fail_too(
    connection: Connection, fails: str, caplog: pytest.LogCaptureFixture
) -> None:
    """The plain 500 is the answer, and each of the errors is in the log."""

    @connection.route("/")
    async def view() -> str:
        raise ValueError("of the view")

    async def handle(error: Exception) -> Any:
        if fails == "value":
            return object()
        raise KeyError("of the handler")

    async def receive(sender: Any, exception: Exception, **_: Any) -> None:
        raise LookupError("of the receiver")

    logged = ["of the view"]
    if fails in ("handler", "value", "both"):
        connection.app.register_error_handler(500, handle)
        logged.append("did not return a valid response" if fails == "value" else "of the handler")
    if fails in ("receiver", "both"):
        signal = connection.twin("got_{}_exception", signals)
        signal.connect(receive, connection.app)
        logged.insert(0, "of the receiver")

    answer = await connection.get()

    assert 500 == answer.status
    assert "Internal Server Error" in answer.text
    errors = [str(record.exc_info[1]) for record in caplog.records if record.exc_info]
    assert len(logged) == len(errors)
    assert all(word in error for word, error in zip(logged, errors, strict=True))


async def test_an_error_when_a_response_is_closed_is_logged(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """With the request; where errors are propagated it is raised."""
    app = Quart(__name__)

    @app.get("/closes")
    async def view() -> Any:
        response = await app.make_response("sent")
        response.call_on_close(lambda: [][0])
        return response

    assert "sent" == (await get(app, "/closes")).text
    assert ["Exception on request GET /closes"] == [
        record.getMessage() for record in caplog.records if record.exc_info
    ]
    app.config["PROPAGATE_EXCEPTIONS"] = True
    await get(app, "/closes", raises=IndexError)
