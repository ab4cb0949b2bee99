"""Contexts: one for each connection, in the words of every generation of Flask and Quart."""

from __future__ import annotations

import asyncio
import copy
import threading
from collections.abc import Callable
from typing import Any

import pytest
from asgi import get, settle, stream
from connections import Connection
from werkzeug.datastructures import Headers

import quart
from quart import (
    Quart,
    Request,
    Websocket,
    copy_current_app_context,
    current_app,
    g,
    has_app_context,
    has_request_context,
    has_websocket_context,
    session,
)
from quart.ctx import AppContext, RequestContext, WebsocketContext
from quart.globals import (
    _cv_app,
    _cv_request,
    _cv_websocket,
    app_ctx,
    request_ctx,
    websocket_ctx,
)


@pytest.fixture
def app() -> Quart:
    app = Quart("tests", root_path="tests")
    app.secret_key = "secret"
    return app


def make_request(app: Quart, path: str = "/") -> Request:
    return app.test_request_context(path).request


def make_websocket(app: Quart) -> Websocket:
    async def nothing(*args: Any) -> Any:
        return None

    scope = {"type": "websocket", "path": "/", "headers": [], "query_string": b"", "scheme": "ws"}
    rest = ("", "1.1", [], nothing, nothing, nothing, nothing, scope)
    return app.websocket_class("/", b"", "ws", Headers({"Host": "localhost"}), *rest)


# One connection, one context


async def test_each_connection_has_its_own_context(connection: Connection) -> None:
    """Within a context that is open outside, too: nothing of one reaches the next."""
    app = connection.app

    @connection.route("/")
    async def view() -> str:
        seen = g.get("seen", 0)
        g.seen = seen + 1
        return f"{seen} {connection.twin('{}', quart).path}"

    async with app.app_context():
        g.seen = 5
        assert ["0 /", "0 /"] == [(await connection.get()).text for _ in range(2)]
        assert 5 == g.seen
        assert not has_request_context()

    both = await asyncio.gather(connection.get(), connection.get())
    assert ["0 /", "0 /"] == [answer.text for answer in both]
    assert not has_app_context()


async def test_what_a_context_has(connection: Connection) -> None:
    """The names of Quart 0.22, and those of Quart 0.23 and Flask 3.2."""
    app = connection.app
    app.secret_key = "secret"
    found: dict[str, Any] = {}

    @connection.route("/")
    async def view() -> None:
        session["key"] = "value"
        await quart.flash("message")
        is_request = connection.kind == "request"
        ctx: Any = _cv_app.get()
        old: Any = request_ctx if is_request else websocket_ctx
        view: Any = _cv_request if is_request else _cv_websocket
        proxied = connection.twin("{}", quart)._get_current_object()
        found["old and new are one"] = (
            ctx is view.get() is old._get_current_object() is app_ctx._get_current_object()
        )
        found["connection"] = (
            getattr(ctx, connection.kind) is proxied is ctx.request_websocket
            and getattr(old, connection.kind) is proxied
        )
        found["flags"] = (ctx.has_request, ctx.has_websocket) == (is_request, not is_request)
        found["functions"] = (
            has_app_context(),
            has_request_context(),
            has_websocket_context(),
        ) == (
            True,
            is_request,
            not is_request,
        )
        found["app"] = ctx.app is app is current_app._get_current_object()  # type: ignore[attr-defined]
        found["g"] = ctx.g is g._get_current_object()
        found["session"] = ctx.session["key"] == "value" == old.session["key"]
        found["url adapter"] = ctx.url_adapter.build("view").endswith("/")
        found["flashes"] = ctx.flashes is ctx._flashes is None
        quart.get_flashed_messages()
        found["flashes taken"] = ctx.flashes == ctx._flashes == [("message", "message")]
        found["after functions"] = ctx._after_request_functions == []
        found["type"] = type(ctx) is (RequestContext if is_request else WebsocketContext)
        found["is an AppContext"] = isinstance(ctx, AppContext)
        with pytest.raises(RuntimeError, match=f"no {'websocket' if is_request else 'request'} in"):
            _ = AppContext(app, **{connection.kind: proxied}).__getattribute__(
                "websocket" if is_request else "request"
            )

    await connection.get()

    assert [] == [name for name, fine in found.items() if fine is not True]
    assert 13 == len(found)


def test_the_stages_of_a_websocket_are_an_ordinary_object(app: Quart) -> None:
    """Which can be asked for what is not there, and be copied."""
    stages = WebsocketContext(app, make_websocket(app)).stages

    assert not hasattr(stages, "nothing")
    assert app.dispatch_websocket == copy.copy(stages).dispatch_request


async def test_a_context_without_a_connection(app: Quart) -> None:
    async with app.app_context() as ctx:
        assert (False, False, False) == (ctx.has_request, ctx.has_websocket, ctx.has_session)
        assert (True, False, False) == (
            has_app_context(),
            has_request_context(),
            has_websocket_context(),
        )
        for name in ("request", "websocket", "session"):
            with pytest.raises(RuntimeError):
                getattr(ctx, name)
        for variable in (_cv_request, _cv_websocket):
            assert variable.get(None) is None
            with pytest.raises(LookupError):
                variable.get()
        assert ctx.url_adapter is None


# Opened by hand


def makers() -> dict[str, Callable[[Quart], AppContext]]:
    return {
        "app_context": lambda app: app.app_context(),
        "request_context": lambda app: app.request_context(make_request(app)),
        "websocket_context": lambda app: app.websocket_context(make_websocket(app)),
        "test_request_context": lambda app: app.test_request_context("/path"),
        "AppContext": lambda app: AppContext(app),
        "RequestContext": lambda app: RequestContext(app, make_request(app)),
        "WebsocketContext": lambda app: WebsocketContext(app, make_websocket(app)),
        "AppContext with a request": lambda app: AppContext(app, request=make_request(app)),
        "AppContext with a websocket": lambda app: AppContext(app, websocket=make_websocket(app)),
    }


def test_both_constructors_of_a_requests_context_set_the_same(app: Quart) -> None:
    request = make_request(app)

    assert vars(AppContext(app, request=request)) == vars(RequestContext(app, request))


@pytest.mark.parametrize("make", makers().values(), ids=makers())
@pytest.mark.parametrize("way", ["async with", "push and pop", "with"])
def test_opened_by_hand(app: Quart, make: Callable[[Quart], AppContext], way: str) -> None:
    """In each way it is the current context, and closed once, however often it was entered."""
    log: list[Any] = []
    app.teardown_appcontext(lambda error: log.append(error))

    def look(ctx: AppContext) -> None:
        assert _cv_app.get() is ctx
        assert "tests" == current_app.name
        g.key = ctx
        assert g.key is ctx.g.key
        assert [] == log

    async def main() -> None:
        ctx = make(app)
        if way == "async with":
            async with ctx as entered:
                assert entered is ctx
                look(ctx)
                async with ctx:
                    look(ctx)
                look(ctx)
        else:
            await ctx.push()
            await ctx.push()
            look(ctx)
            await ctx.pop()
            look(ctx)
            await ctx.pop()
        assert [None] == log
        assert not has_app_context()

    if way == "with":
        ctx = make(app)
        with ctx as entered:
            assert entered is ctx
            look(ctx)
        assert [None] == log
        assert not has_app_context()
    else:
        asyncio.run(main())


async def test_with_on_an_event_loop_names_the_way(app: Quart) -> None:
    for context in (app.app_context(), app.test_request_context("/")):
        with pytest.raises(RuntimeError, match="use 'async with' instead of 'with'"), context:
            pass


async def test_with_in_a_sync_view(app: Quart) -> None:
    """Async hooks run on the loop that waits for the thread, also when the client has gone."""
    seen: list[Any] = []
    entered, gone = asyncio.Event(), threading.Event()

    async def hook(*args: Any, **kwargs: Any) -> None:
        await asyncio.sleep(0)
        seen.append(asyncio.get_running_loop())

    @app.get("/")
    def view() -> str:
        with app.app_context():
            g.value = 1
            return str(quart.copy_current_app_context(lambda: (g.get("value"), len(seen)))())

    @app.get("/gone")
    def waiting() -> str:
        with app.app_context():
            loop.call_soon_threadsafe(entered.set)
            gone.wait(5)
        return ""

    loop = asyncio.get_running_loop()
    app.teardown_appcontext(hook)
    with quart.appcontext_pushed.connected_to(hook, app):
        assert "(None, 3)" == (await get(app, "/")).text
    assert [loop] * 6 == seen

    async with stream(app, "GET", "/gone") as http:
        http.body()
        await entered.wait()
        http.disconnect()
        await settle()
        gone.set()
    assert [loop] * 8 == seen


async def test_the_error_of_a_block_reaches_teardown(app: Quart) -> None:
    """As do the one given to `pop`, and the one that is handled where nothing is given."""
    errors: list[Any] = []
    app.teardown_appcontext(lambda error: errors.append(repr(error)))

    with pytest.raises(KeyError):
        async with app.app_context():
            raise KeyError("block")
    ctx = app.app_context()
    await ctx.push()
    await ctx.pop(KeyError("given"))
    try:
        await ctx.push()
        raise KeyError("handled")
    except KeyError:
        await ctx.pop()
    await ctx.push()
    await ctx.pop(None)

    assert ["KeyError('block')", "KeyError('given')", "KeyError('handled')", "None"] == errors


async def test_all_errors_of_teardown_are_raised_in_one_group(app: Quart) -> None:
    """As in Flask 3.2; every function runs, the last registered first."""
    ran: list[int] = []

    def failing(number: int) -> Callable[[Any], None]:
        def teardown(error: Any) -> None:
            ran.append(number)
            raise KeyError(number)

        return teardown

    for number in (1, 2):
        app.teardown_appcontext(failing(number))
    app.teardown_request(failing(3))

    with pytest.raises(BaseExceptionGroup) as caught:
        async with app.test_request_context("/"):
            pass

    assert [3, 2, 1] == ran
    assert [(3,), (2,), (1,)] == [error.args for error in caught.value.exceptions]
    assert not has_app_context()


async def test_popping_what_is_not_pushed(app: Quart) -> None:
    with pytest.raises(RuntimeError, match="is not pushed"):
        await app.app_context().pop()


async def test_auto_pop_leaves_what_is_preserved(app: Quart) -> None:
    ctx = app.test_request_context("/")
    await ctx.push()
    ctx.preserved = True
    await ctx.auto_pop(None)
    assert has_request_context()

    ctx.preserved = False
    await ctx.auto_pop(None)
    assert not has_request_context()


async def test_contexts_within_contexts(app: Quart) -> None:
    """The inner one counts; of another application, of a request, and back."""
    other = Quart("other", root_path="tests")

    async with app.test_request_context("/outer"):
        g.name = "outer"
        async with other.app_context():
            assert ("other", False, None) == (
                current_app.name,
                has_request_context(),
                g.get("name"),
            )
            async with app.test_request_context("/inner"):
                assert "/inner" == quart.request.path
                assert "name" not in g
        assert ("tests", "/outer", "outer") == (current_app.name, quart.request.path, g.name)


async def test_a_context_matches_its_url(app: Quart) -> None:
    """When it is pushed, once; one that does not match says so when it is asked to dispatch."""
    app.add_url_rule("/<int:number>", "view", lambda number: str(number))

    async with app.test_request_context("/5") as ctx:
        ctx.match_request()
        assert ("view", {"number": 5}) == (ctx.request.endpoint, ctx.request.view_args)
        assert "5" == await (await app.full_dispatch_request(ctx)).get_data(as_text=True)
    async with app.test_request_context("/nowhere") as ctx:
        assert 404 == (await app.full_dispatch_request(ctx)).status_code


async def test_contexts_of_ones_own(connection: Connection) -> None:
    """A subclass given by an override of the application is used on the line."""
    seen: list[str] = []

    class OwnRequestContext(RequestContext):
        async def push(self) -> None:
            seen.append("pushed")
            await super().push()

    class OwnWebsocketContext(WebsocketContext):
        pass

    class App(Quart):
        def request_context(self, request: Request) -> RequestContext:
            return OwnRequestContext(self, request)

        def websocket_context(self, websocket: Websocket) -> WebsocketContext:
            return OwnWebsocketContext(self, websocket)

    connection.app = App("tests", root_path="tests")

    @connection.route("/")
    async def view() -> str:
        return type(_cv_app.get()).__name__

    expected = f"Own{connection.kind.capitalize()}Context"
    assert expected == (await connection.get()).text
    assert (["pushed"] if connection.kind == "request" else []) == seen

    seen.clear()
    async with connection.app.test_request_context("/"):
        assert ["pushed"] == seen


# Copies


async def test_a_copied_context(connection: Connection) -> None:
    """Has the same connection and session; `g` too, where its original is open and current."""
    app = connection.app
    app.secret_key = "secret"
    closed: list[str] = []
    app.teardown_appcontext(lambda error: closed.append("closed"))
    found: list[Any] = []

    @connection.route("/")
    async def view() -> None:
        session["key"] = "value"
        g.key = "value"
        old = _cv_app.get()
        words: Any = {connection.kind: old.request_websocket, "session": old.session}
        for ctx in (old, AppContext(app, **words)):
            copied = ctx.copy()
            found.append(copied is not ctx and type(copied) is type(ctx))
            async with copied:
                found.append("value" == session["key"])
                found.append(copied.request_websocket is ctx.request_websocket)
                found.append(g.get("key"))
            found.append(len(closed))
        found.append(g.key)

    await connection.get()

    assert [True, True, True, "value", 0, True, True, True, None, 1, "value"] == found
    assert 2 == len(closed)


@pytest.mark.parametrize("what", ["app", "connection"])
@pytest.mark.parametrize("kind", ["async", "sync on the loop", "sync in a thread"])
async def test_functions_that_take_the_context_along(
    connection: Connection, what: str, kind: str
) -> None:
    """A sync function stays sync, an async one async; outside they see what was inside."""
    name = f"copy_current_{'app' if what == 'app' else connection.kind}_context"
    copy: Any = getattr(quart, name)
    taken: list[Any] = []

    def seen() -> str:
        there = {"request": has_request_context, "websocket": has_websocket_context}
        path = connection.twin("{}", quart).path if there[connection.kind]() else "no connection"
        return f"{current_app.name} {path}"

    @connection.route("/here")
    async def view() -> None:
        if kind == "async":

            @copy
            async def later() -> str:
                """Documented."""
                await asyncio.sleep(0)
                return seen()

        else:

            @copy
            def later() -> str:
                """Documented."""
                return seen()

        taken.append(later)

    await connection.get("/here")
    later = taken[0]

    assert ("later", "Documented.") == (later.__name__, later.__doc__)
    assert not has_app_context()
    if kind == "async":
        result = await asyncio.create_task(later())
    elif kind == "sync on the loop":
        result = later()
    else:
        results: list[str] = []
        thread = threading.Thread(target=lambda: results.append(later()))
        thread.start()
        await asyncio.to_thread(thread.join)
        result = results[0]
    assert "tests /here" == result
    assert not has_app_context()


def test_copying_needs_a_context() -> None:
    for what, name in (("an app", "app"), ("a request", "request"), ("a websocket", "websocket")):
        copy = getattr(quart, f"copy_current_{name}_context")
        with pytest.raises(RuntimeError, match=f"while there is {what} context"):
            copy(print)


async def test_a_copied_app_context(app: Quart) -> None:
    async with app.app_context():
        name = copy_current_app_context(lambda: f"{current_app.name} {has_request_context()}")

    assert "tests False" == name()


# What goes wrong while a context is opened


async def test_a_session_store_that_is_down(
    connection: Connection, caplog: pytest.LogCaptureFixture
) -> None:
    """The client gets a 500, the log a traceback; hooks of the end run."""
    app = connection.app
    ended: list[str] = []
    app.teardown_appcontext(lambda error: ended.append(type(error).__name__))
    connection.route("/")(lambda: "never")

    class Store(quart.sessions.SessionInterface):
        async def open_session(self, app: Quart, request: Any) -> Any:
            raise ConnectionError("the store is down")

    app.session_interface = Store()
    answer = await connection.get()

    assert 500 == answer.status
    assert 1 == sum(record.levelname == "ERROR" for record in caplog.records)
    assert "the store is down" in caplog.text
    assert ["ConnectionError"] == ended


@pytest.mark.parametrize("make", makers().values(), ids=makers())
@pytest.mark.parametrize("way", ["async with", "push", "with"])
def test_a_context_that_fails_to_open(
    app: Quart, make: Callable[[Quart], AppContext], way: str
) -> None:
    """It is not current afterwards, and can be opened when what failed works again."""

    def fail(sender: Quart) -> None:
        raise ConnectionError("the database is down")

    async def main() -> None:
        ctx = make(app)
        async with app.app_context() as outer:
            with quart.appcontext_pushed.connected_to(fail, app), pytest.raises(ConnectionError):
                if way == "async with":
                    async with ctx:
                        pass
                else:
                    await ctx.push()
            assert outer is _cv_app.get()
            async with ctx:
                assert ctx is _cv_app.get()
            assert outer is _cv_app.get()

    if way == "with":
        ctx = make(app)
        with quart.appcontext_pushed.connected_to(fail, app), pytest.raises(ConnectionError):
            ctx.__enter__()
        assert not has_app_context()
        with ctx:
            assert ctx is _cv_app.get()
        assert not has_app_context()
    else:
        asyncio.run(main())


async def test_flask_style_g(app: Quart) -> None:
    """`get`, `pop`, `setdefault`, `in` and iteration work as in Flask."""
    app.add_url_rule("/", "view", lambda: str(g.setdefault("list", []) is g.list))

    assert "True" == (await get(app, "/")).text
    async with app.app_context():
        g.a = 1
        assert (1, ["a"], True) == (g.get("a"), list(g), "a" in g)
        assert (1, None) == (g.pop("a"), g.pop("a", None))
        with pytest.raises(AttributeError):
            _ = g.a
