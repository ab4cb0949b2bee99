"""Tests of `quart.testing.client`: requests, responses, redirects, sessions, contexts."""

import asyncio
import inspect
import json
from collections.abc import AsyncGenerator
from contextlib import nullcontext
from typing import Any

import pytest

from quart import (
    Blueprint,
    Quart,
    Response,
    abort,
    g,
    has_app_context,
    has_request_context,
    jsonify,
    make_push_promise,
    redirect,
    request,
    session,
)
from quart.sessions import SecureCookieSession, SessionInterface
from quart.testing import (
    ClientRedirectError,
    HTTPDisconnectError,
    QuartClient,
    TestHTTPConnection,
    TestResponse,
)
from quart.utils import run_sync

METHODS = ["DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "TRACE"]


@pytest.fixture
def app() -> Quart:
    app = Quart("tests", root_path="tests")
    app.testing = True
    app.secret_key = "secret"

    @app.route("/echo/", defaults={"path": ""}, methods=METHODS)
    @app.route("/echo/<path:path>", methods=METHODS)
    async def echo(path: str) -> Response:
        response = jsonify(
            method=request.method,
            path=path,
            url=request.url,
            query=request.query_string.decode(),
            body=await request.get_data(as_text=True),
            headers=dict(request.headers),
        )
        response.headers["X-Method"] = request.method
        return response

    @app.route("/redirect/<int:code>", methods=METHODS)
    async def redirects(code: int) -> Any:
        return redirect(request.args["to"], code)

    return app


@pytest.fixture
def client(app: Quart) -> QuartClient:
    return QuartClient(app)


async def json_of(response: Any) -> Any:
    return await response.get_json()


# --- requests -------------------------------------------------------------------------------


@pytest.mark.parametrize("method", METHODS)
async def test_each_method_has_its_own(client: QuartClient, method: str) -> None:
    response = await getattr(client, method.lower())("/echo/")

    assert method == response.headers["X-Method"]
    assert method == (await client.open("/echo/", method=method)).headers["X-Method"]


async def test_a_request_is_described_in_quarts_words_or_flasks(client: QuartClient) -> None:
    quart = await client.post("/echo/x", form={"a": "b"}, query_string={"c": "d"}, scheme="https")
    flask = await client.post("/echo/x?c=d", base_url="https://localhost/", data={"a": "b"})

    assert await json_of(quart) == await json_of(flask)
    assert "https://localhost/echo/x?c=d" == (await json_of(flask))["url"]
    assert "a=b" == (await json_of(flask))["body"]


async def test_positions_are_flasks(client: QuartClient) -> None:
    response = await client.get("/echo/", "http://example.com/")

    assert "http://example.com/echo/" == (await json_of(response))["url"]


async def test_path_and_query_may_have_any_character(client: QuartClient) -> None:
    data = await json_of(await client.get("/echo/日本?name=ä b"))

    assert "日本" == data["path"]
    assert "name=%C3%A4%20b" == data["query"]


@pytest.mark.parametrize(("value", "read"), [("é", "é"), ("Ā", "Ā".encode().decode("latin-1"))])
async def test_a_header_may_have_any_character(client: QuartClient, value: str, read: str) -> None:
    """As from clients that send UTF-8 where Latin-1 does not suffice."""
    client.app.add_url_rule("/header", view_func=lambda: {"X": request.headers["X"]})
    response = await client.get("/header", headers={"X": value})
    assert {"X": read} == await response.get_json()


async def test_environ_base_of_the_client_is_in_every_request(client: QuartClient) -> None:
    client.environ_base["HTTP_AUTHORIZATION"] = "Bearer abc"
    client.environ_base["REMOTE_ADDR"] = "10.0.0.1"
    data = await json_of(await client.get("/echo/", environ_base={"HTTP_X": "y"}))

    assert "Bearer abc" == data["headers"]["Authorization"]
    assert "10.0.0.1" == data["headers"]["Remote-Addr"]
    assert "y" == data["headers"]["X"]


async def test_an_unknown_argument_is_named(client: QuartClient) -> None:
    with pytest.raises(TypeError, match="'jsn'"):
        await client.post("/echo/", jsn={})


async def test_head_has_no_body(client: QuartClient) -> None:
    """Its headers tell the length the body would have."""
    response = await client.head("/echo/")

    assert b"" == await response.get_data()
    assert (response.content_length or 0) > 0


async def test_a_large_body_arrives_whole(client: QuartClient) -> None:
    data = await json_of(await client.post("/echo/", data="x" * 1_000_000))

    assert 1_000_000 == len(data["body"])


async def test_push_promises_are_collected(app: Quart, client: QuartClient) -> None:
    """The client offers pushes where the protocol has them, in HTTP/2."""

    @app.route("/")
    async def index() -> str:
        await make_push_promise("/style.css")
        return ""

    await client.get("/")
    await client.get("/", http_version="2", headers={"Accept": "text/html"})

    assert ["/style.css"] == [path for path, _ in client.push_promises]
    assert "text/html" == client.push_promises[0][1]["Accept"]


# --- responses ------------------------------------------------------------------------------


async def test_response_is_flasks_and_quarts(client: QuartClient) -> None:
    """`text`, `request` and `history` are at hand; `data` and `json` are awaited, as in Quart."""
    response = await client.get("/echo/ä?a=b")

    assert isinstance(response, TestResponse)
    assert '"path":"ä"' in response.text.replace("\\u00e4", "ä")
    assert response.text.encode() == await response.get_data() == await response.data
    assert await response.get_json() == await response.json
    assert ("GET", "/echo/ä") == (response.request.method, response.request.path)
    assert {"a": "b"} == response.request.args.to_dict()
    assert () == response.history


async def test_response_has_the_headers_that_were_sent_and_no_more(
    app: Quart, client: QuartClient
) -> None:
    @app.route("/")
    async def stream() -> Response:
        async def pieces() -> AsyncGenerator[bytes, None]:
            yield b"a"
            yield b"b"

        response = Response(pieces())
        del response.headers["Content-Type"]
        return response

    response = await client.get("/")

    assert [] == list(response.headers)
    assert "ab" == response.text


async def test_response_is_of_the_applications_class_too(app: Quart, client: QuartClient) -> None:
    class OwnResponse(Response):
        default_mimetype = "text/plain"

        def own(self) -> str:
            return f"own {self.status_code}"

    app.response_class = OwnResponse
    response = await client.get("/nowhere")

    assert isinstance(response, OwnResponse)
    assert isinstance(response, TestResponse)
    assert "own 404" == response.own()


async def test_json_is_parsed_as_the_application_does(app: Quart, client: QuartClient) -> None:
    class Provider(type(app.json)):  # type: ignore[misc]
        def loads(self, s: str | bytes, **kwargs: Any) -> Any:
            return {"parsed": super().loads(s, **kwargs)}

    @app.route("/")
    async def index() -> list[int]:
        return [1]

    app.json = Provider(app)

    assert {"parsed": [1]} == await (await client.get("/")).get_json()


# --- errors ---------------------------------------------------------------------------------


@pytest.mark.parametrize("error", [ValueError, FileNotFoundError, ConnectionError, TimeoutError])
async def test_exceptions_reach_the_test_under_testing(
    app: Quart, client: QuartClient, error: type[Exception]
) -> None:
    @app.route("/")
    async def fail() -> str:
        raise error("for the test")

    with pytest.raises(error, match="for the test"):
        await client.get("/")

    app.testing = False

    assert 500 == (await client.get("/")).status_code


async def test_exceptions_in_a_stream_reach_the_test(app: Quart, client: QuartClient) -> None:
    @app.route("/")
    async def fail() -> AsyncGenerator[bytes, None]:
        async def pieces() -> AsyncGenerator[bytes, None]:
            yield b"a"
            raise ValueError("for the test")

        return pieces()

    with pytest.raises(ValueError, match="for the test"):
        await client.get("/")


async def test_an_answer_that_does_not_end_is_an_error() -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"a", "more_body": True})

    quart = Quart("tests")
    quart.asgi_app = app  # type: ignore[method-assign]
    with pytest.raises(HTTPDisconnectError, match="ended early"):
        await QuartClient(quart).get("/")


async def test_a_message_that_is_none_of_a_response_is_named() -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "websocket.accept"})

    quart = Quart("tests")
    quart.asgi_app = app  # type: ignore[method-assign]
    with pytest.raises(RuntimeError, match=r"websocket\.accept"):
        await QuartClient(quart).get("/")


@pytest.mark.parametrize("name", ["status_code", "text", "headers"])
async def test_a_forgotten_await_is_named(client: QuartClient, name: str) -> None:
    response: Any = client.get("/echo/")
    with pytest.raises(AttributeError, match=rf"write \(await client\.get\(\.\.\.\)\)\.{name}"):
        getattr(response, name)
    response.close()


async def test_a_forgotten_async_is_named(client: QuartClient) -> None:
    """Where `with` was written for `async with`, as in tests of Flask applications."""
    blocks: list[Any] = [
        client,
        client.session_transaction(),
        client.app.test_app(),
        client.request("/"),
        client.websocket("/"),
    ]
    for block in blocks:
        message = f"Use 'async with' instead of 'with' for {type(block).__name__}"
        with pytest.raises(TypeError, match=message), block:
            pass


async def test_a_request_can_be_given_wherever_a_coroutine_can(client: QuartClient) -> None:
    first = asyncio.create_task(client.get("/echo/1"))
    async with asyncio.TaskGroup() as group:
        second = group.create_task(client.open("/echo/2"))
    third, fourth = await asyncio.gather(client.get("/echo/3"), client.get("/echo/4"))
    fifth = await asyncio.wait_for(client.get("/echo/5"), 5)

    for response in (await first, await second, third, fourth, fifth):
        assert 200 == response.status_code

    sixth = client.get("/echo/6")
    assert asyncio.iscoroutine(sixth)
    assert inspect.isawaitable(sixth)
    assert "cr_frame" in dir(sixth.__await__()) or sixth.cr_frame  # type: ignore[attr-defined]
    assert 200 == (await sixth).status_code


async def test_a_request_in_a_worker_thread_gives_its_response(client: QuartClient) -> None:
    """There it waits, as the framework's other async functions do."""
    response = await run_sync(lambda: client.get("/echo/"))()

    assert 200 == response.status_code


def test_a_request_can_be_run_from_sync_code(client: QuartClient) -> None:
    assert 200 == asyncio.run(client.get("/echo/")).status_code


async def test_a_client_that_is_cancelled_ends_the_application(
    app: Quart, client: QuartClient
) -> None:
    ended = False

    @app.route("/")
    async def index() -> str:
        nonlocal ended
        try:
            await asyncio.sleep(60)
        finally:
            ended = True
        return ""

    with pytest.raises(TimeoutError):
        await asyncio.wait_for(client.get("/"), 0.01)

    assert ended


async def test_a_subclass_may_override_open_and_get(app: Quart) -> None:
    class OwnClient(QuartClient):
        async def open(self, *args: Any, **kwargs: Any) -> Response:
            kwargs["headers"] = {"X-Own": kwargs["method"]}
            return await super().open(*args, **kwargs)

    app.test_client_class = OwnClient
    data = await json_of(await app.test_client().post("/echo/"))

    assert "POST" == data["headers"]["X-Own"]


async def test_connection_classes_of_others_give_such_responses_too(app: Quart) -> None:
    class Plain(TestHTTPConnection):
        async def as_response(self) -> Any:
            response = await super().as_response()
            return Response(await response.get_data(), response.status_code, response.headers)

    class Client(QuartClient):
        http_connection_class = Plain

    response = await Client(app).get("/echo/")

    assert response.text.startswith("{")
    assert "/echo/" == response.request.path


async def test_an_extension_may_change_what_is_asked(app: Quart) -> None:
    """By `_make_request`, which takes the words of each request, redirected ones too."""

    class Mixin:
        async def _make_request(
            self, path: str, method: str, headers: Any, data: Any, form: Any, *args: Any
        ) -> Any:
            if form is not None:
                form = {"changed": form["a"]}
            headers = {**dict(headers), "X-Mixin": method}
            parent: Any = super()
            return await parent._make_request(path, method, headers, data, form, *args)

    class Client(Mixin, QuartClient):
        pass

    data = await json_of(
        await Client(app).post(
            "/redirect/307?to=/echo/%3Fb%3Dc",
            data=None,
            form={"a": 1},
            base_url="https://localhost",
            follow_redirects=True,
        )
    )

    assert "https://localhost/echo/?b=c" == data["url"]
    assert ("changed=1", "POST") == (data["body"], data["headers"]["X-Mixin"])


# --- redirects ------------------------------------------------------------------------------


async def test_redirects_are_followed_when_asked(client: QuartClient) -> None:
    """`history` has the responses on the way, first to last, and each knows its request."""
    target = "/redirect/302?to=/redirect/307%3Fto%3D/echo/end%253Fa%253Db"
    response = await client.get(target)

    assert (302, ()) == (response.status_code, response.history)

    response = await client.get(target, follow_redirects=True)

    assert "http://localhost/echo/end?a=b" == (await json_of(response))["url"]
    assert [302, 307] == [step.status_code for step in response.history]
    assert ["/redirect/302", "/redirect/307"] == [step.request.path for step in response.history]
    assert 1 == len(response.history[1].history)
    assert "/echo/end" == response.request.path


@pytest.mark.parametrize("code", [301, 302, 303])
async def test_redirects_drop_method_and_body(client: QuartClient, code: int) -> None:
    response = await client.post(
        f"/redirect/{code}?to=/echo/", json={"a": 1}, headers={"X": "y"}, follow_redirects=True
    )
    data = await json_of(response)

    assert ("GET", "", "") == (data["method"], data["body"], data["query"])
    assert {"Host", "User-Agent", "X"} == data["headers"].keys() - {"Remote-Addr"}


@pytest.mark.parametrize("code", [307, 308])
async def test_redirects_keep_method_and_body(client: QuartClient, code: int) -> None:
    response = await client.post(
        f"/redirect/{code}?to=/echo/", json={"a": 1}, follow_redirects=True
    )
    data = await json_of(response)

    assert ("POST", '{"a": 1}') == (data["method"], data["body"])
    assert "application/json" == data["headers"]["Content-Type"]


async def test_a_redirected_head_stays_one(client: QuartClient) -> None:
    response = await client.head("/redirect/303?to=/echo/", follow_redirects=True)

    assert "HEAD" == response.headers["X-Method"]


async def test_cookies_are_kept_on_the_way(app: Quart, client: QuartClient) -> None:
    @app.route("/")
    async def index() -> Any:
        response = redirect("/echo/")
        response.set_cookie("a", "b")
        return response

    data = await json_of(await client.get("/", follow_redirects=True))

    assert "a=b" == data["headers"]["Cookie"]


async def test_cookies_that_change_on_the_way_are_sent_once(
    app: Quart, client: QuartClient
) -> None:
    """As they are then, behind those that the test described."""

    @app.route("/<action>")
    async def change(action: str) -> Any:
        response = redirect("/echo/")
        if action == "delete":
            response.delete_cookie("a")
        else:
            response.set_cookie("a", action)
        return response

    for action, expected in (("old", "own=1; a=old"), ("new", "own=1; a=new"), ("delete", "own=1")):
        response = await client.get(
            f"/{action}", headers={"Cookie": "own=1"}, follow_redirects=True
        )

        assert expected == (await json_of(response))["headers"]["Cookie"]


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        ("http://localhost/echo/", "http://localhost/echo/"),
        ("https://localhost:8443/echo/", "https://localhost:8443/echo/"),
        ("//api.localhost/echo/", "http://api.localhost/echo/"),
        ("../echo/relative", "http://localhost/echo/relative"),
    ],
)
async def test_redirects_go_where_they_say(client: QuartClient, target: str, expected: str) -> None:
    response = await client.get("/redirect/302", query_string={"to": target}, follow_redirects=True)

    assert expected == (await json_of(response))["url"]


async def test_redirects_to_other_hosts_are_not_followed(app: Quart) -> None:
    """Unless they are the application's: `SERVER_NAME`, those below it, or, if asked, below."""
    query = {"to": "http://example.com/echo/"}
    with pytest.raises(RuntimeError, match=r"http://example\.com/echo/ leaves the application"):
        await QuartClient(app).get("/redirect/302", query_string=query, follow_redirects=True)

    app.config["SERVER_NAME"] = "example.com"
    response = await QuartClient(app).get(
        "/redirect/302", "http://other", query_string=query, follow_redirects=True
    )

    assert 200 == response.status_code

    query = {"to": "http://sub.other/echo/"}
    client = QuartClient(app, allow_subdomain_redirects=True)
    response = await client.get(
        "/redirect/302", "http://other", query_string=query, follow_redirects=True
    )

    assert 200 == response.status_code


async def test_redirects_in_a_circle_end(app: Quart, client: QuartClient) -> None:
    asked = 0

    @app.route("/")
    async def index() -> Any:
        nonlocal asked
        asked += 1
        return redirect("/")

    with pytest.raises(ClientRedirectError, match="More than 20 redirects"):
        await client.get("/", follow_redirects=True)

    assert 21 == asked


# --- sessions -------------------------------------------------------------------------------


async def test_session_transaction_sees_and_changes_the_session(
    app: Quart, client: QuartClient
) -> None:
    @app.route("/")
    async def index() -> dict[str, Any]:
        session["visits"] = session.get("visits", 0) + 1
        return dict(session)

    async with client.session_transaction() as transaction:
        transaction["visits"] = 10

    assert {"visits": 11} == await json_of(await client.get("/"))

    async with client.session_transaction() as transaction:
        assert {"visits": 11} == transaction
        transaction.clear()

    assert client.get_cookie("session") is None
    assert {"visits": 1} == await json_of(await client.get("/"))


async def test_session_transaction_saves_nothing_after_an_error(client: QuartClient) -> None:
    with pytest.raises(ZeroDivisionError):
        async with client.session_transaction() as transaction:
            transaction["a"] = 1 / 0

    assert client.get_cookie("session") is None


async def test_session_transaction_needs_a_secret_key(app: Quart, client: QuartClient) -> None:
    app.secret_key = None
    with pytest.raises(RuntimeError, match="secret_key"):
        async with client.session_transaction():
            pass


async def test_session_transaction_takes_a_request(app: Quart, client: QuartClient) -> None:
    app.config["SESSION_COOKIE_PATH"] = "/admin"
    async with client.session_transaction("/admin/", base_url="http://example.com") as transaction:
        assert "http://example.com/admin/" == request.url
        transaction["a"] = 1

    assert client.get_cookie("session", "example.com", "/admin") is not None


@pytest.mark.parametrize("is_async", [False, True])
async def test_session_transaction_with_any_session_interface(
    app: Quart, client: QuartClient, is_async: bool
) -> None:
    """Its functions may be sync or async."""
    stored: dict[str, Any] = {"a": 1}

    class Sync(SessionInterface):
        def open_session(self, app: Quart, request: Any) -> Any:  # type: ignore[override]
            return SecureCookieSession(stored)

        def save_session(  # type: ignore[override]
            self, app: Quart, session: Any, response: Any
        ) -> None:
            stored.update(session)
            response.set_cookie("saved", "yes")

    class Async(Sync):
        async def open_session(self, app: Quart, request: Any) -> Any:
            return super().open_session(app, request)

        async def save_session(self, app: Quart, session: Any, response: Any) -> None:
            super().save_session(app, session, response)

    app.session_interface = Async() if is_async else Sync()
    async with client.session_transaction() as transaction:
        transaction["b"] = transaction["a"] + 1

    assert {"a": 1, "b": 2} == stored
    assert client.get_cookie("saved") is not None


# --- contexts -------------------------------------------------------------------------------


async def test_the_context_of_the_last_request_is_kept_in_a_block(
    app: Quart, client: QuartClient
) -> None:
    """`request`, `g` and `session` can be looked at until the next request, or the block's end."""
    torn_down: list[str] = []

    @app.route("/<name>")
    async def index(name: str) -> str:
        g.name = session["name"] = name
        return name

    @app.teardown_request
    async def note(error: BaseException | None) -> None:
        torn_down.append(g.name)

    async with client:
        await client.get("/one?a=b")

        assert ("/one", "b") == (request.path, request.args["a"])
        assert ("one", "one") == (g.name, session["name"])
        assert [] == torn_down

        await client.get("/two")

        assert ("/two", "two") == (request.path, g.name)
        assert ["one"] == torn_down

        async with client.request("/three") as connection:
            await connection.send_complete()

        assert ("/three", "three") == (request.path, g.name)
        assert ["one", "two"] == torn_down

    assert ["one", "two", "three"] == torn_down
    assert not has_request_context()
    assert not has_app_context()

    await client.get("/four")

    assert not has_request_context()
    assert 4 == len(torn_down)


async def test_a_block_without_requests_ends(client: QuartClient) -> None:
    async with client as entered:
        assert client is entered
        with pytest.raises(RuntimeError, match="Cannot nest"):
            async with client:
                pass


@pytest.mark.parametrize("raised", [True, False])
async def test_the_context_of_a_failed_request_is_kept_too(
    app: Quart, client: QuartClient, raised: bool
) -> None:
    """Its teardown functions get the error of the request, and no other."""
    errors: list[str] = []

    @app.route("/")
    async def fail() -> str:
        raise KeyError("for the test")

    @app.route("/good")
    async def succeed() -> str:
        return ""

    @app.teardown_request
    @app.teardown_appcontext
    async def note(error: BaseException | None) -> None:
        errors.append(repr(error))

    app.testing = raised
    with pytest.raises(ZeroDivisionError):
        async with client:
            with pytest.raises(KeyError) if raised else nullcontext():
                assert 500 == (await client.get("/")).status_code

            assert "/" == request.path
            assert [] == errors

            await client.get("/good")

            assert ["KeyError('for the test')"] * 2 == errors
            raise ZeroDivisionError
    assert ["KeyError('for the test')"] * 2 + ["None"] * 2 == errors
    assert not has_request_context()


async def test_blueprints_hosts_and_subdomains_are_reached() -> None:
    app = Quart("tests", root_path="tests", subdomain_matching=True)
    app.config["SERVER_NAME"] = "example.com"
    blueprint = Blueprint("api", "tests", subdomain="api")

    @blueprint.route("/")
    async def index() -> str:
        return request.host

    app.register_blueprint(blueprint)
    client = QuartClient(app)

    assert "api.example.com" == (await client.get("/", subdomain="api")).text
    assert "api.example.com" == (await client.get("http://api.example.com/")).text
    assert 404 == (await client.get("/")).status_code


async def test_application_is_the_app(app: Quart, client: QuartClient) -> None:
    assert app is client.app
    assert app is client.application
    assert isinstance(app.test_client(), QuartClient)
    assert app.test_client(use_cookies=False).cookie_jar is None


async def test_http_errors_are_responses(app: Quart, client: QuartClient) -> None:
    @app.route("/")
    async def index() -> str:
        abort(418)

    assert 418 == (await client.get("/")).status_code


async def test_g_of_a_request_context_around_the_client() -> None:
    """Inside a request context a test sees what a request left in `g`; else each has its own."""
    app = Quart("tests")

    @app.get("/")
    async def view() -> dict[str, int]:
        g.number = g.get("number", 0) + 1
        return {"number": g.number}

    client = app.test_client()
    async with app.test_request_context("/"):
        assert {"number": 1} == await (await client.get("/")).json
        assert 1 == g.number

    async with app.app_context():
        assert {"number": 1} == await (await client.get("/")).json
        assert {"number": 1} == await (await client.get("/")).json
        assert "number" not in g


async def test_json_is_sent_in_the_order_it_is_given() -> None:
    """The keys of `json=` are not sorted as those of responses are."""
    app = Quart("tests")

    @app.post("/")
    async def view() -> bytes:
        return await request.get_data()

    response = await app.test_client().post("/", json={"b": 1, "a": 2})

    assert ["b", "a"] == list(json.loads(await response.get_data()))


@pytest.mark.parametrize("path", ["/me", "/shop/me"])
async def test_cookies_of_an_application_with_a_root(path: str) -> None:
    """A test leaves `APPLICATION_ROOT` out of the path, or the server adds it."""
    app = Quart(__name__)
    app.secret_key = "secret"
    app.config["APPLICATION_ROOT"] = "/shop"

    @app.get("/me")
    @app.get("/shop/me")
    async def me() -> str:
        session["visits"] = session.get("visits", 0) + 1
        return str(session["visits"])

    client = app.test_client()

    assert "1" == (await client.get(path)).text
    assert "2" == (await client.get(path)).text
    async with client.session_transaction() as kept:
        kept["visits"] = 10
    assert "11" == (await client.get("/shop/me", root_path="/shop")).text
    assert "12" == (await client.get("/me")).text


async def test_headers_are_those_that_were_sent() -> None:
    """A stream has no length; the test that asks for it sees that."""
    app = Quart(__name__)
    app.get("/")(lambda: iter(["a", "b"]))

    response = await app.test_client().get("/")

    assert "ab" == response.text
    assert "Content-Length" not in response.headers


@pytest.mark.parametrize("name", ["params", "colour"])
async def test_a_keyword_that_is_not_known_is_named(name: str) -> None:
    """And what it may have meant."""
    client = Quart(__name__).test_client()

    with pytest.raises(TypeError, match=f"A test client takes no argument '{name}'") as caught:
        await client.get("/", **{name: {}})  # type: ignore[arg-type]
    assert (name == "params") is ("for the query use 'query_string'" in str(caught.value))
