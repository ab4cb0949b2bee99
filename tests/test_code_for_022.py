"""Code written for Quart 0.22: what it counts on. Every test here passes on 0.22.0 too.

Most of it was found by running the tests of libraries and applications on both.
"""

import asyncio
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from unittest import mock

import click
import flask
import pytest
from asgi import get, post

from quart import (
    Blueprint,
    Quart,
    Request,
    Response,
    after_this_request,
    copy_current_app_context,
    copy_current_request_context,
    current_app,
    g,
    has_app_context,
    has_request_context,
    has_websocket_context,
    jsonify,
    make_response,
    render_template_string,
    request,
    session,
    url_for,
    websocket,
)
from quart.cli import run_command
from quart.ctx import RequestContext
from quart.sessions import SecureCookieSession, SecureCookieSessionInterface, SessionInterface
from quart.utils import run_sync


@pytest.fixture
def app() -> Quart:
    app = Quart("tests", root_path="tests")
    app.secret_key = "secret"
    return app


# A subclass may have its own copy of a method of 0.22, and touch what that touched.


class CopiedRequest(Request):
    async def get_json(self, force: bool = False, silent: bool = False, cache: bool = True) -> Any:
        if cache and self._cached_json[silent] is not Ellipsis:
            return self._cached_json[silent]
        data = await self.get_data(cache=cache, as_text=True)
        result = self.json_module.loads(data)
        if cache:
            self._cached_json = {**self._cached_json, silent: result}
            self._cached_json[not silent] = result
        return result

    @property
    def max_content_length(self) -> int | None:
        if self._max_content_length is not None:
            return self._max_content_length
        return current_app.config["MAX_CONTENT_LENGTH"]

    @max_content_length.setter
    def max_content_length(self, value: int | None) -> None:
        self._max_content_length = value

    @property
    def max_form_parts(self) -> int | None:
        if self._max_form_parts is not None:
            return self._max_form_parts
        return current_app.config["MAX_FORM_PARTS"]

    @property
    def max_form_memory_size(self) -> int | None:
        if self._max_form_memory_size is not None:
            return self._max_form_memory_size
        return current_app.config["MAX_FORM_MEMORY_SIZE"]

    @property
    async def form(self) -> Any:
        await self._load_form_data()
        return self._form

    @property
    async def files(self) -> Any:
        await self._load_form_data()
        return self._files


async def test_a_request_with_copied_methods(app: Quart) -> None:
    app.request_class = CopiedRequest
    app.config["MAX_CONTENT_LENGTH"] = 100

    @app.post("/json")
    async def json() -> Any:
        assert 100 == request.max_content_length
        return [await request.get_json(), await request.get_json(silent=True), await request.json]

    @app.post("/form")
    async def form() -> Any:
        assert (1000, 500_000) == (request.max_form_parts, request.max_form_memory_size)
        assert {} == await request.files
        return await request.form

    response = await post(app, "/json", json={"a": 1})
    assert [{"a": 1}, {"a": 1}, {"a": 1}] == response.json
    response = await post(app, "/form", form={"a": "1"})
    assert {"a": "1"} == response.json


async def test_a_response_with_copied_methods(app: Quart) -> None:
    asked = []

    class CopiedResponse(Response):
        async def make_conditional(
            self, request: Request, accept_ranges: Any = False, complete_length: int | None = None
        ) -> Any:
            is_partial = await self._process_range_request(request, complete_length, "bytes")
            asked.append((is_partial, self._is_range_request_processable(request)))
            return self

    @app.get("/")
    async def view() -> Any:
        return await CopiedResponse(b"0123456789").make_conditional(request, complete_length=10)

    assert b"123" == (await get(app, headers={"range": "bytes=1-3"})).body
    assert b"0123456789" == (await get(app)).body
    assert (
        b"0123456789"
        == (await get(app, headers={"range": "bytes=1-3", "if-range": '"another"'})).body
    )
    assert [(True, True), (False, False), (False, False)] == asked


async def test_ranges_with_a_complete_length(app: Quart) -> None:
    @app.get("/")
    async def view() -> Any:
        return await Response(b"0123456789").make_conditional(request, complete_length=10)

    response = await get(app, headers={"range": "bytes=1-3"})
    assert (206, b"123") == (response.status, response.body)
    assert "bytes 1-3/10" == response.headers["content-range"]


# Headers


async def test_the_address_of_the_client_is_the_first_header(app: Quart) -> None:
    @app.get("/")
    async def view() -> Any:
        return list(request.headers.items())

    response = await get(app, headers={"x-one": "1"}, client=("10.0.0.1", 1))
    assert ["Remote-Addr", "10.0.0.1"] == response.json[0]
    assert ["X-One", "1"] in response.json


async def test_http_1_0_without_a_host(app: Quart) -> None:
    @app.get("/")
    async def view() -> Any:
        return [request.headers["host"], request.headers["Host"]]

    response = await get(app, headers={"host": None}, http_version="1.0")
    assert ["", ""] == response.json


# Proxies and names


def test_the_repr_of_an_unbound_proxy() -> None:
    for proxy in (current_app, g, request, session, websocket):
        assert "<LocalProxy unbound>" == repr(proxy)


def test_names_that_can_be_imported() -> None:
    from quart.helpers import ResponseBody

    assert issubclass(Response.data_body_class, ResponseBody)


# The test client


async def test_each_request_of_a_client_has_its_own_g(app: Quart) -> None:
    """In the block of a client the context of the last request is kept; the next has another."""
    users = {"1": "ada", "2": "bob"}

    @app.get("/<key>")
    async def view(key: str) -> str:
        if "user" not in g:
            g.user = users[key]
        return g.user

    async with app.test_client() as client:
        for key, user in users.items():
            response = await client.get(f"/{key}")
            assert user == await response.get_data(as_text=True)
            assert f"/{key}" == request.path


async def test_the_g_of_a_request_context_around_a_client(app: Quart) -> None:
    @app.get("/")
    async def view() -> str:
        g.count += 1
        return ""

    async with app.test_request_context("/around"):
        g.count = 1
        client = app.test_client()
        for _ in range(3):
            assert 200 == (await client.get("/")).status_code
        assert 4 == g.count


async def test_a_session_transaction_leaves_the_request_as_it_is(app: Quart) -> None:
    @app.get("/")
    async def view() -> dict[str, str]:
        return dict(session)

    client = app.test_client()
    async with client.session_transaction() as changed:
        changed["before"] = "1"
        assert app is current_app._get_current_object()
    assert not has_app_context()
    async with app.test_request_context("/around"):
        async with client.session_transaction() as changed:
            changed["within"] = "2"
            assert "/around" == request.path
        assert "/around" == request.path
    async with app.test_client() as client_of_block:
        client_of_block.cookie_jar = client.cookie_jar
        assert {"before": "1", "within": "2"} == await (await client_of_block.get("/")).get_json()
        async with client_of_block.session_transaction() as changed:
            changed["last"] = "3"
            assert "/" == request.path
            assert "last" not in session
    assert "3" == (await (await client.get("/")).get_json())["last"]


@pytest.mark.parametrize("server_name", ["anything", "127.0.0.1", "tests.example", "localhost"])
@pytest.mark.parametrize("own_host", [None, "quart.example"])
async def test_a_cookie_set_with_a_server_name(
    app: Quart, server_name: str, own_host: str | None
) -> None:
    app.config["SERVER_NAME"] = own_host

    @app.get("/")
    async def view() -> dict[str, str]:
        return dict(request.cookies)

    client = app.test_client()
    client.set_cookie(server_name, "key", "value")
    assert {"key": "value"} == await (await client.get("/")).get_json()
    client.delete_cookie(server_name, "key")
    assert {} == await (await client.get("/")).get_json()
    client.set_cookie(server_name, "key", "value", domain="elsewhere.example")
    assert {} == await (await client.get("/")).get_json()


# Subdomains


async def test_rules_with_a_subdomain(app: Quart) -> None:
    """They are matched below SERVER_NAME, though nobody has asked for `subdomain_matching`."""
    app.config["SERVER_NAME"] = "quart.example"
    blueprint = Blueprint("api", __name__, subdomain="api")
    app.add_url_rule("/", "main", lambda: "main")
    blueprint.add_url_rule("/", "index", lambda: "api")
    app.register_blueprint(blueprint)

    @app.get("/user", subdomain="<name>")
    async def user(name: str) -> str:
        return name

    client = app.test_client()

    async def ask(host: str, path: str = "/") -> tuple[int, str]:
        response = await client.get(path, headers={"host": host})
        text = await response.get_data(as_text=True)
        return response.status_code, text if response.status_code == 200 else ""

    assert (200, "main") == await ask("quart.example")
    assert (200, "api") == await ask("api.quart.example")
    assert (200, "bob") == await ask("bob.quart.example", "/user")
    assert (404, "") == await ask("bob.quart.example")
    assert (404, "") == await ask("quart.example", "/user")


async def test_websockets_with_a_subdomain(app: Quart) -> None:
    app.config["SERVER_NAME"] = "quart.example"

    @app.websocket("/")
    async def main() -> None:
        await websocket.send("main")

    @app.websocket("/", subdomain="api")
    async def api() -> None:
        await websocket.send("api")

    client = app.test_client()
    for host, expected in (("quart.example", "main"), ("api.quart.example", "api")):
        async with client.websocket("/", headers={"host": host}) as connection:
            assert expected == await connection.receive()


# Session interfaces that answer by instance only


@pytest.fixture
def counting(app: Quart) -> Quart:
    @app.get("/")
    async def view() -> str:
        session["count"] = session.get("count", 0) + 1
        return str(session["count"])

    return app


@pytest.mark.parametrize("kind", [mock.AsyncMock, mock.Mock])
@pytest.mark.parametrize("spec", [SessionInterface, SecureCookieSessionInterface, None])
async def test_a_session_interface_that_is_a_mock(counting: Quart, kind: Any, spec: Any) -> None:
    interface = mock.Mock(spec=spec)
    interface.open_session = kind(return_value=SecureCookieSession({"count": 41}))
    interface.save_session = kind(return_value=None)
    interface.is_null_session = mock.Mock(return_value=False)
    counting.session_interface = interface

    response = await counting.test_client().get("/")

    assert "42" == await response.get_data(as_text=True)
    assert (1, 1) == (interface.open_session.call_count, interface.save_session.call_count)
    if kind is mock.AsyncMock:
        interface.open_session.assert_awaited_once()
        interface.save_session.assert_awaited_once()


async def test_a_session_interface_that_delegates(counting: Quart) -> None:
    class Delegating:
        def __init__(self, interface: SessionInterface) -> None:
            self.interface = interface

        def __getattr__(self, name: str) -> Any:
            return getattr(self.interface, name)

    counting.session_interface = Delegating(SecureCookieSessionInterface())  # type: ignore
    client = counting.test_client()
    for expected in ("1", "2"):
        assert expected == await (await client.get("/")).get_data(as_text=True)


@pytest.mark.parametrize("of_class", [False, True])
async def test_a_method_of_the_session_interface_that_is_replaced(
    counting: Quart, of_class: bool
) -> None:
    counting.session_interface = SecureCookieSessionInterface()
    owner = SecureCookieSessionInterface if of_class else counting.session_interface
    saved = []

    async def open_session(*args: Any) -> SecureCookieSession:
        return SecureCookieSession({"count": 41})

    async def save_session(*args: Any) -> None:
        saved.append(dict(args[-2]))

    with (
        mock.patch.object(owner, "open_session", open_session),
        mock.patch.object(owner, "save_session", save_session),
    ):
        response = await counting.test_client().get("/")
    assert "42" == await response.get_data(as_text=True)
    assert [{"count": 42}] == saved


def test_an_application_while_flask_is_not_among_the_modules() -> None:
    with mock.patch.dict(sys.modules):
        del sys.modules["flask"]
        Quart("tests", root_path="tests")


# Beside Flask in one process


async def test_the_context_of_a_flask_application() -> None:
    """It is none of Quart's."""
    flask_app = flask.Flask("flask", root_path="tests")
    flask_app.add_url_rule("/", "index", str)

    def raises(function: Callable[[], Any]) -> bool:
        try:
            function()
        except RuntimeError as error:
            return "context" in str(error)
        return False

    async def see_nothing() -> None:
        assert not has_app_context()
        assert not has_request_context()
        assert not has_websocket_context()
        for proxy in (current_app, g, request, session, websocket):
            assert "<LocalProxy unbound>" == repr(proxy)
            assert not proxy
        assert raises(lambda: current_app.name)
        assert raises(lambda: g.get("key"))
        assert raises(lambda: setattr(g, "key", 1))
        assert raises(lambda: request.path)
        assert raises(lambda: session.get("key"))
        assert raises(lambda: url_for("index"))
        assert raises(lambda: jsonify(a=1))
        assert raises(lambda: after_this_request(lambda response: response))
        assert raises(lambda: copy_current_app_context(print))
        assert raises(lambda: copy_current_request_context(print))
        for work in (render_template_string("x"), make_response("x")):
            with pytest.raises(RuntimeError):
                await work

    with flask_app.app_context():
        await see_nothing()
        assert "flask" == flask.current_app.name
    with flask_app.test_request_context("/flask"):
        await see_nothing()
        assert "/flask" == flask.request.path


async def test_a_quart_application_within_the_context_of_a_flask_one(app: Quart) -> None:
    flask_app = flask.Flask("flask", root_path="tests")

    @app.get("/quart")
    async def view() -> str:
        return f"{current_app.name} {request.path} {has_app_context()}"

    with flask_app.test_request_context("/flask"):
        response = await app.test_client().get("/quart")
        assert "tests /quart True" == await response.get_data(as_text=True)
        async with app.app_context():
            assert "tests" == current_app.name
        assert "flask" == flask.current_app.name
        assert not has_app_context()


# Where the context is


async def test_contexts_in_tasks_threads_and_callbacks(app: Quart) -> None:
    def seen() -> tuple[bool, bool, bool]:
        return has_app_context(), has_request_context(), has_websocket_context()

    found: dict[str, Any] = {}
    tasks = []

    def from_callback(function: Callable[[], Any]) -> "asyncio.Future[Any]":
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Any] = loop.create_future()
        loop.call_soon(lambda: future.set_result(function()))
        return future

    @app.get("/view")
    async def view() -> str:
        def tag() -> None:
            @after_this_request
            def add(response: Response) -> Response:
                response.headers.add("x-tag", "1")
                return response

        async def in_task(function: Callable[[], Any]) -> Any:
            return function()

        @copy_current_request_context
        async def copied() -> tuple[Any, str]:
            await asyncio.sleep(0)
            return seen(), request.path

        found["here"] = seen()
        found["task"] = await asyncio.create_task(in_task(seen))
        found["to_thread"] = await asyncio.to_thread(seen)
        found["run_sync"] = await run_sync(seen)()
        found["callback"] = await from_callback(seen)
        found["executor"] = await asyncio.get_running_loop().run_in_executor(None, seen)
        found["copied"] = await copied()
        found["copied in a task"] = await asyncio.create_task(copied())
        thread = threading.Thread(target=lambda: found.update(bare=seen()))
        thread.start()
        thread.join()
        tag()
        await asyncio.create_task(in_task(tag))
        await run_sync(tag)()
        await from_callback(tag)

        async def late() -> None:
            await asyncio.sleep(0.01)
            found["late"] = seen()
            found["late copied"] = await copied()
            after_this_request(lambda response: response)

        tasks.append(asyncio.create_task(late()))
        return ""

    response = await app.test_client().get("/view")
    await asyncio.gather(*tasks)

    assert ["1", "1", "1", "1"] == response.headers.getlist("x-tag")
    there = (True, True, False)
    for key in ("here", "task", "to_thread", "run_sync", "callback", "late"):
        assert there == found[key], key
    for key in ("executor", "bare"):
        assert (False, False, False) == found[key], key
    for key in ("copied", "copied in a task", "late copied"):
        assert (there, "/view") == found[key], key
    assert (False, False, False) == seen()


# The command line


def test_a_certificate_that_is_not_there() -> None:
    with pytest.raises(click.BadParameter):
        run_command.make_context("run", ["--cert", "nowhere.pem"])


# Contexts of their own


async def test_push_and_pop_of_a_subclass_of_a_context(app: Quart) -> None:
    """They are called for each request, once, around all that belongs to it."""
    log = []

    class Context(RequestContext):
        async def push(self) -> None:
            log.append("push")
            await super().push()
            log.append("pushed")

        async def pop(self, exc: BaseException | None) -> None:  # type: ignore[override]
            log.append(f"pop {request.path}")
            await super().pop(exc)
            log.append("popped")

    @app.before_request
    async def before() -> None:
        log.append("before")

    @app.teardown_request
    async def teardown(error: BaseException | None) -> None:
        log.append("teardown")

    @app.get("/path")
    async def view() -> str:
        log.append("view")
        return ""

    app.request_context = lambda made: Context(app, made)  # type: ignore
    for path, middle in (("/path", ["before", "view"]), ("/none", ["before"])):
        log.clear()
        await get(app, path)
        assert ["push", "pushed", *middle, f"pop {path}", "teardown", "popped"] == log
        assert not has_app_context()


async def test_a_view_or_hook_that_cannot_be_hashed(app: Quart) -> None:
    """Objects that can be called and, because they can be compared, not be hashed."""

    @dataclass
    class Called:
        value: Any

        def __call__(self, *responses: Response) -> Any:
            for response in responses:
                response.headers["X-Hook"] = self.value
            return responses[0] if responses else self.value

    app.before_request(Called(None))
    app.after_request(Called("after"))
    app.add_url_rule("/", "view", Called("view"))

    response = await get(app, "/")

    assert ("view", "after") == (response.text, response.headers["X-Hook"])
