"""Which view a request reaches: by its path, method, host and root path."""

from __future__ import annotations

from typing import Any, ClassVar

import pytest
from asgi import get, request
from connections import Connection
from werkzeug.routing import BaseConverter, RequestRedirect

import quart
from quart import Quart, g, url_for
from quart.views import MethodView


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
