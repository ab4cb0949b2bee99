"""The line: every stage of a connection, in order, for requests and websockets alike."""

from __future__ import annotations

import asyncio
import contextvars
import functools
import io
import threading
from pathlib import Path
from typing import Any

import pytest
from asgi import Websocket, get, request, stream, websocket_scope
from connections import Connection
from werkzeug.datastructures import CombinedMultiDict, MultiDict
from werkzeug.exceptions import Conflict, HTTPException, NotFound

import quart
from quart import Blueprint, Quart, g, signals


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


async def test_an_error_in_the_handler_of_500(caplog: pytest.LogCaptureFixture) -> None:
    """Both errors are logged, and the client gets the plain 500."""
    app = Quart(__name__)

    @app.get("/")
    async def view() -> str:
        raise ValueError("in the view")

    @app.errorhandler(500)
    async def server_error(error: Any) -> Any:
        raise LookupError("in the handler")

    response = await get(app, "/")

    assert (500, True) == (response.status, "Internal Server Error" in response.text)
    assert ["in the view", "in the handler"] == [
        str(record.exc_info[1]) for record in caplog.records if record.exc_info
    ]


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
