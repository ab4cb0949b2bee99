"""Mistakes, and tests, written for Flask and made in both: side by side they come out the same.

Each mistake is a function of `Side`, the framework that it is made in. Where a message differs from
Flask's it says at least as much.
"""

from __future__ import annotations

import asyncio
import inspect
import io
import random
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from types import ModuleType
from typing import Any

import flask
import pytest
from werkzeug.datastructures import FileStorage, ImmutableMultiDict, MultiDict

import quart

INCOMPRESSIBLE = random.Random(1).randbytes(5000).hex()

Mistake = Callable[["Side"], Any]


class Side:
    """One of the two frameworks: its module, and a new application."""

    def __init__(self, module: ModuleType, app_class: Any, root_path: Path) -> None:
        self.module: Any = module
        self.app_class = app_class
        self.app = app_class("side", root_path=str(root_path))
        self.app.testing = True

    def outcome(self, mistake: Mistake) -> tuple[str, str]:
        """The name of the error's class, and its message; no error is a failure of the test."""
        try:
            result = mistake(self)
            if inspect.isawaitable(result):
                asyncio.run(self._wait(result))
        except Exception as error:
            return type(error).__name__, str(error)
        raise AssertionError(f"nothing was raised, but there is {result!r}")

    async def _wait(self, result: Any) -> Any:
        return await result

    def view(self, view: Any, path: str = "/", rule: str = "/", **options: Any) -> Any:
        """What comes of a request to a view: its status and text, for a mistake that is answered
        in a response, which is taken for the error."""
        self.app.add_url_rule(rule, "the_view", view, methods=["GET", "POST"])
        return self.ask(path, **options)

    def ask(self, *args: Any, cookies: dict[str, str] | None = None, **options: Any) -> Any:
        async def ask() -> Any:
            client = self.app.test_client()
            for name, value in (cookies or {}).items():
                client.set_cookie(name, value)
            response = client.open(*(args or ("/",)), **options)
            if inspect.isawaitable(response):
                response = await response
            return response.status_code, response.text

        return asyncio.run(ask())

    def session_with(self, value: Any = 1, **config: Any) -> Any:
        """A view that writes into its session, under these settings."""
        self.app.config.update({"SECRET_KEY": "secret", **config})

        def view() -> str:
            self.module.session["key"] = value
            self.module.session.permanent = True
            return ""

        return self.view(view)


@pytest.fixture
def sides(tmp_path: Path) -> list[Side]:
    (tmp_path / "resource.txt").write_text("text")
    return [Side(flask, flask.Flask, tmp_path), Side(quart, quart.Quart, tmp_path)]


def blueprint(side: Side, name: str = "name") -> Any:
    return side.module.Blueprint(name, "blueprint", root_path=".")


def registered_twice(side: Side) -> None:
    side.app.register_blueprint(blueprint(side))
    side.app.register_blueprint(blueprint(side))


def within_itself(side: Side) -> None:
    itself = blueprint(side)
    itself.register_blueprint(itself)


def changed_after_registration(side: Side) -> None:
    late = blueprint(side)
    side.app.register_blueprint(late)
    late.add_url_rule("/", "late", str)


def endpoint_taken(side: Side) -> None:
    side.app.add_url_rule("/", "taken", lambda: "one")
    side.app.add_url_rule("/two", "taken", lambda: "two")


def endpoint_without_a_view(side: Side) -> Any:
    side.app.add_url_rule("/", "nameless")
    return side.ask()


def large_cookie(side: Side) -> Any:
    def view() -> Any:
        response = side.app.response_class("")
        response.set_cookie("large", "x" * 5000)
        return response

    return side.view(view)


def built_without_a_server_name(side: Side) -> str:
    side.app.add_url_rule("/", "index", str)
    with side.app.app_context():
        return str(side.module.url_for("index"))


def named_server_of_another_type(side: Side) -> str:
    side.app.config["SERVER_NAME"] = 5
    return built_without_a_server_name(side)


def read_with_a_limit_of_another_type(side: Side) -> Any:
    side.app.config["MAX_CONTENT_LENGTH"] = "1000"
    return side.view(lambda: side.module.request.get_data(), method="POST", data=b"x")


def session_within_a_time_of_another_type(side: Side) -> Any:
    return side.session_with(object(), BODY_TIMEOUT=timedelta(seconds=1))


def lacking_key_in_debug(side: Side) -> Any:
    side.app.debug = True
    return side.view(lambda: side.module.request.args["lacking"])


def lacking_field_when_trapped(side: Side) -> Any:
    side.app.config["TRAP_BAD_REQUEST_ERRORS"] = True
    return side.view(lambda: side.module.request.form["lacking"], method="POST", data={"a": "b"})


def processed_to_none(side: Side) -> Any:
    side.app.context_processor(lambda: None)
    return side.view(lambda: side.module.render_template_string("x"))


# What both say in the same words, some of which are named here.
SAME: dict[str, tuple[Mistake, str]] = {
    "a blueprint of the same name": (registered_twice, "'name'"),
    "a blueprint with a dot": (lambda side: blueprint(side, "a.b"), "dot"),
    "a blueprint without a name": (lambda side: blueprint(side, ""), "empty"),
    "a blueprint within itself": (within_itself, "itself"),
    "a blueprint changed late": (changed_after_registration, "'name'"),
    "an endpoint with a dot in a blueprint": (
        lambda side: blueprint(side).add_url_rule("/", "a.b", str),
        "endpoint",
    ),
    "an endpoint that is taken": (endpoint_taken, "taken"),
    "an endpoint without a view": (endpoint_without_a_view, "nameless"),
    "a rule without a slash": (lambda side: side.app.add_url_rule("x", "v", str), "'x'"),
    "a rule without an endpoint": (lambda side: side.app.add_url_rule("/"), "endpoint"),
    "a rule with an unknown converter": (
        lambda side: side.app.add_url_rule("/<odd:x>", "v", str),
        "'odd'",
    ),
    "a rule with an unknown option": (
        lambda side: side.app.add_url_rule("/", "v", str, odd=1),
        "'odd'",
    ),
    "methods that are one text": (
        lambda side: side.app.add_url_rule("/", "v", str, methods="GET"),
        "methods",
    ),
    "methods for get()": (lambda side: side.app.get("/", methods=["POST"]), "'route'"),
    "a handler for an unknown code": (
        lambda side: side.app.register_error_handler(999, str),
        "999",
    ),
    "a handler for a text": (lambda side: side.app.register_error_handler("404", str), "class"),
    "a handler for an instance": (
        lambda side: side.app.register_error_handler(KeyError(), str),
        "KeyError()",
    ),
    "a handler for another class": (lambda side: side.app.register_error_handler(int, str), "int"),
    "an instance path that is relative": (
        lambda side: side.app_class("side", instance_path="relative"),
        "absolute",
    ),
    "a static URL without a slash": (
        lambda side: side.app_class("side", static_url_path="static"),
        "'static/<path:filename>'",
    ),
    "a configuration file that is missing": (
        lambda side: side.app.config.from_pyfile("missing.py"),
        "missing.py",
    ),
    "a configuration of an unset variable": (
        lambda side: side.app.config.from_envvar("QUART_LACKING"),
        "'QUART_LACKING'",
    ),
    "a view that takes other arguments": (lambda side: side.view(str, "/1", "/<x>"), "'x'"),
    "a template that is missing": (
        lambda side: side.view(lambda: side.module.render_template("missing.html")),
        "missing.html",
    ),
    "a context processor that returns None": (processed_to_none, "NoneType"),
    "an endpoint that is not there": (
        lambda side: side.view(lambda: side.module.url_for("nowhere")),
        "'nowhere'",
    ),
    "a URL without a request or SERVER_NAME": (built_without_a_server_name, "'SERVER_NAME'"),
    "JSON that is none": (lambda side: side.view(lambda: {"a": object()}), "object"),
    "a session without a secret key": (
        lambda side: side.session_with(SECRET_KEY=None),
        "secret key",
    ),
    "flash() without a secret key": (
        lambda side: side.view(lambda: side.module.flash("x")),
        "secret key",
    ),
    "an invalid SameSite": (
        lambda side: side.session_with(SESSION_COOKIE_SAMESITE="Odd"),
        "SameSite",
    ),
    "a session that is too large": (
        lambda side: side.session_with(INCOMPRESSIBLE),
        "'session' cookie is too large",
    ),
    "a cookie that is too large": (large_cookie, "'large' cookie is too large"),
    "PERMANENT_SESSION_LIFETIME": (
        lambda side: side.session_with(PERMANENT_SESSION_LIFETIME="x"),
        "str",
    ),
    "MAX_COOKIE_SIZE": (lambda side: side.session_with(MAX_COOKIE_SIZE="x"), "'int' and 'str'"),
    "MAX_CONTENT_LENGTH": (read_with_a_limit_of_another_type, "'int' and 'str'"),
    "SECRET_KEY": (lambda side: side.session_with(SECRET_KEY=5), "int"),
    "SESSION_COOKIE_DOMAIN": (lambda side: side.session_with(SESSION_COOKIE_DOMAIN=5), "int"),
    "SERVER_NAME": (named_server_of_another_type, "'int'"),
    "a key that was not sent, in debug": (lacking_key_in_debug, "'lacking'"),
    "a field that was not sent, trapped": (lacking_field_when_trapped, "'lacking'"),
    "abort() with an unknown code": (lambda side: side.module.abort(999), "999"),
}


@pytest.mark.parametrize(("mistake", "word"), SAME.values(), ids=SAME)
def test_the_same_error(sides: list[Side], mistake: Mistake, word: str) -> None:
    theirs, ours = (side.outcome(mistake) for side in sides)

    assert theirs == ours
    assert word in ours[1]


@pytest.mark.parametrize(
    ("mistake", "setting"),
    [
        (SAME["MAX_COOKIE_SIZE"][0], "MAX_COOKIE_SIZE is of type str"),
        (SAME["MAX_CONTENT_LENGTH"][0], "MAX_CONTENT_LENGTH is of type str"),
        (session_within_a_time_of_another_type, "BODY_TIMEOUT is of type timedelta"),
        (SAME["SECRET_KEY"][0], "SECRET_KEY is of type int"),
        (SAME["SESSION_COOKIE_DOMAIN"][0], "SESSION_COOKIE_DOMAIN is of type int"),
    ],
)
def test_a_setting_of_the_wrong_type_is_named(
    sides: list[Side], mistake: Mistake, setting: str
) -> None:
    """In a note to the error that Flask gives, too."""
    with pytest.raises((AttributeError, TypeError)) as caught:
        mistake(sides[1])

    assert [f"Perhaps a setting is wrong: {setting}."] == caught.value.__notes__


def after_request_without_a_return(side: Side) -> Any:
    @side.app.after_request
    def forgetful(response: Any) -> None:
        pass

    return side.view(lambda: "x")


def error_handler_without_a_return(side: Side) -> Any:
    @side.app.errorhandler(404)
    def forgetful(error: Any) -> None:
        pass

    return side.ask("/nowhere")


def file_in_a_form_without_files(side: Side) -> Any:
    side.app.debug = True
    return side.view(
        lambda: side.module.request.files["photo"].name, method="POST", data={"photo": "me.png"}
    )


def sent(content: Any, **options: Any) -> Mistake:
    return lambda side: side.view(lambda: side.module.send_file(content(), **options))


# What we say in other words than Flask, and the words that name what is wrong.
IN_OTHER_WORDS: dict[str, tuple[Mistake, list[str]]] = {
    "a view that returns None": (lambda side: side.view(lambda: None), ["'the_view'", "None"]),
    "a view that returns a set": (lambda side: side.view(lambda: {1}), ["'the_view'", "a set"]),
    "a view that returns a tuple of four": (
        lambda side: side.view(lambda: ("x", 200, {}, 4)),
        ["'the_view'", "a tuple of 4", "(body, status, headers)"],
    ),
    "a file that was not sent, in debug": (
        file_in_a_form_without_files,
        ["'photo'", "'me.png'", 'enctype="multipart/form-data"'],
    ),
    "a resource that is written to": (
        lambda side: side.app.open_resource("resource.txt", "w"),
        ["reading", "'w'"],
    ),
    "static files and host_matching": (
        lambda side: side.app_class("side", host_matching=True),
        ["'static_host'"],
    ),
    "static_host without host_matching": (
        lambda side: side.app_class("side", static_host="example.com"),
        ["'host_matching'"],
    ),
    "a file that is missing": (sent(lambda: "missing.txt"), ["missing.txt"]),
    "a file opened as text": (sent(io.StringIO, mimetype="text/plain"), ["binary"]),
    "the request outside of one": (lambda side: side.module.request.path, ["request context"]),
    "the session outside of a request": (lambda side: side.module.session["a"], ["session"]),
    "g outside of a context": (lambda side: side.module.g.a, ["application context"]),
    "after_this_request() outside of one": (
        lambda side: side.module.after_this_request(str),
        ["'after_this_request'", "request context"],
    ),
    "a copied context outside of one": (
        lambda side: side.module.copy_current_request_context(str),
        ["'copy_current_request_context'", "request context"],
    ),
    "a stream outside of a context": (
        lambda side: side.module.stream_with_context(iter("x")),
        ["'stream_with_context'", "context"],
    ),
    "an after_request that returns None": (
        after_request_without_a_return,
        ["forgetful", "None", "response"],
    ),
    "an error handler that returns None": (
        error_handler_without_a_return,
        ["forgetful", "None", "return"],
    ),
}


@pytest.mark.parametrize(("mistake", "words"), IN_OTHER_WORDS.values(), ids=IN_OTHER_WORDS)
def test_the_same_error_in_other_words(
    sides: list[Side], mistake: Mistake, words: list[str]
) -> None:
    theirs, ours = (side.outcome(mistake) for side in sides)

    assert theirs[0] == ours[0]
    for word in words:
        assert word in ours[1]


@pytest.mark.parametrize("key", [True, False, None])
@pytest.mark.parametrize("config", [True, False])
def test_automatic_options(sides: list[Side], key: bool | None, config: bool) -> None:
    """An OPTIONS request is answered by itself under the same conditions.

    But a rule that asks for it has it, as in Flask 3.2.
    """

    def status(side: Side) -> Any:
        side.app.config["PROVIDE_AUTOMATIC_OPTIONS"] = config
        side.app.add_url_rule("/", "v", lambda: "x", provide_automatic_options=key)
        return side.ask(method="OPTIONS")[0]

    theirs, ours = map(status, sides)

    assert (200 if key else theirs) == ours


def posted(**options: Any) -> tuple[tuple[str, ...], dict[str, Any]]:
    return ("/echo",), {"method": "POST", **options}


def got(*args: str, **options: Any) -> tuple[tuple[str, ...], dict[str, Any]]:
    return args, options


# Made anew for each framework, because files are read to their end.
REQUESTS: dict[str, Callable[[], tuple[tuple[str, ...], dict[str, Any]]]] = {
    "a path": lambda: got("/echo"),
    "a path without a slash": lambda: got("echo"),
    "a path and a query": lambda: got("/echo?a=1&a=2&b=%C3%A9"),
    "any characters": lambda: got("/echo/é ü/%C3%A9%2F%20x+?c=d+e#fragment"),
    "a whole URL": lambda: got("https://example.com:8080/echo?x=1"),
    "a base URL": lambda: got("/echo", "http://example.com/base"),
    "query_string": lambda: got("/echo", query_string={"a": [1, 2], "b": "é c"}),
    "headers and auth": lambda: got("/echo", headers={"X-A": "1"}, auth=("user", "password")),
    "environ_base": lambda: got("/echo", environ_base={"REMOTE_ADDR": "9.9.9.9", "HTTP_X_A": "1"}),
    "environ_overrides": lambda: got("/echo", environ_overrides={"REMOTE_ADDR": "8.8.8.8"}),
    "url_scheme": lambda: got("/echo", url_scheme="https"),
    "subdomain": lambda: got("/echo", subdomain="sub"),
    "text": lambda: posted(data="é", content_type="text/plain"),
    "bytes": lambda: posted(data=b"raw", mimetype="text/csv"),
    "input_stream": lambda: posted(input_stream=io.BytesIO(b"raw"), content_length=3),
    "JSON": lambda: posted(json={"a": [1, None, "é"]}),
    "a form": lambda: posted(data={"a": 1, "b": ["x", "y"], "c": "é", "d": True}),
    "a multipart form": lambda: posted(data={"a": "b"}, content_type="multipart/form-data"),
    "a file": lambda: posted(data={"f": (io.BytesIO(b"abc"), "é.txt"), "a": "b"}),
    "a file with its type": lambda: posted(data={"f": (io.BytesIO(b"abc"), "n", "text/x-odd")}),
    "files of one name": lambda: posted(
        data={"f": [(io.BytesIO(b"1"), "1.txt"), (io.BytesIO(b"2"), "2.txt")]}
    ),
    "a FileStorage": lambda: posted(
        data={"f": FileStorage(io.BytesIO(b"abc"), "storage.bin", content_type="text/x-odd")}
    ),
    "PUT": lambda: got("/echo", method="PUT", data="x"),
    "HEAD": lambda: got("/echo", method="HEAD"),
    "301": lambda: got("/redirect/301", method="POST", data="x", follow_redirects=True),
    "302": lambda: got("/redirect/302", method="PUT", data="x", follow_redirects=True),
    "303": lambda: got("/redirect/303", method="POST", data={"a": "b"}, follow_redirects=True),
    "307": lambda: got("/redirect/307", method="POST", data={"a": "b"}, follow_redirects=True),
    "308": lambda: got("/redirect/308", method="POST", json={"a": "b"}, follow_redirects=True),
    "HEAD and 302": lambda: got("/redirect/302", method="HEAD", follow_redirects=True),
}


@pytest.mark.parametrize("make", REQUESTS.values(), ids=REQUESTS)
def test_the_test_client_asks_the_same(sides: list[Side], make: Any) -> None:
    """In Flask's words, seen by a view."""

    def asked(side: Side) -> Any:
        request = side.module.request
        methods = ["GET", "POST", "PUT"]

        @side.app.route("/echo", methods=methods)
        @side.app.route("/echo/<path:path>", methods=methods)
        def echo(path: str = "") -> Any:
            return {
                "method": request.method,
                "url": request.url,
                "root": request.script_root,
                "path": [request.path, path],
                "args": request.args.to_dict(flat=False),
                "form": request.form.to_dict(flat=False),
                "files": [
                    (name, file.filename, file.mimetype, file.read().decode())
                    for name, file in request.files.items(multi=True)
                ],
                "data": "" if request.files or request.form else request.get_data(as_text=True),
                "type": request.mimetype,
                "header": request.headers.get("X-A"),
                "user": request.authorization and request.authorization.username,
                "address": (request.remote_addr or "").replace("<local>", "127.0.0.1"),
            }

        @side.app.route("/redirect/<int:code>", methods=methods)
        def redirect(code: int) -> Any:
            return side.module.redirect("/echo?redirected=yes", code)

        args, options = make()
        return side.ask(*args, **options)

    theirs, ours = map(asked, sides)

    assert 200 == ours[0]
    assert theirs == ours


CHANGES: dict[str, Callable[[Any], Any]] = {
    "a rule": lambda app: app.add_url_rule("/late", "late", lambda: "late"),
    "a route": lambda app: app.get("/late")(lambda: "late"),
    "a hook": lambda app: app.before_request(lambda: None),
    "a handler": lambda app: app.register_error_handler(404, lambda error: "late"),
    "a filter": lambda app: app.add_template_filter(len, "late"),
    "a blueprint": lambda app: app.register_blueprint(quart.Blueprint("late", __name__)),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_a_change_after_the_first_request(sides: list[Side], change: Callable[[Any], Any]) -> None:
    """Flask refuses it; here it holds, as it did in Quart, and a warning shows where it is."""
    theirs, ours = sides
    for side in sides:
        side.ask("/before")

    with pytest.raises(AssertionError, match="can no longer be called"):
        change(theirs.app)
    with pytest.warns(RuntimeWarning, match="'side' is changed after its first request") as caught:
        change(ours.app)

    assert {__file__} == {warning.filename for warning in caught}


@pytest.mark.filterwarnings("ignore:The application 'side' is changed")
def test_a_change_after_the_first_request_holds(sides: list[Side]) -> None:
    side = sides[1]
    side.ask("/late")
    CHANGES["a route"](side.app)

    assert (200, "late") == side.ask("/late")


def test_a_lifespan_is_no_first_request() -> None:
    """What starts with the application may still add to it."""
    app = quart.Quart(__name__)

    @app.before_serving
    async def start() -> None:
        app.get("/")(lambda: "x")

    async def live() -> int:
        async with app.test_app() as test_app:
            return int((await test_app.test_client().get("/")).status_code)

    assert 200 == asyncio.run(live())


async def test_the_files_of_a_form_without_files_in_debug() -> None:
    """They are an empty mapping in every other respect; in production the key is a 400."""
    app = quart.Quart(__name__)

    @app.post("/")
    async def view() -> dict[str, Any]:
        files = await quart.request.files
        return {
            "get": files.get("photo"),
            "in": "photo" in files,
            "list": files.getlist("photo"),
            "copy": list(files.copy()),
        }

    @app.post("/key")
    async def key() -> str:
        return str((await quart.request.files)["photo"])

    client = app.test_client()
    for debug in (True, False):
        app.debug = debug
        response = await client.post("/", form={"photo": "me.png"})
        assert {"get": None, "in": False, "list": [], "copy": []} == await response.get_json()

    assert 400 == (await client.post("/key", form={"photo": "me.png"})).status_code


class Lowered(ImmutableMultiDict[str, str]):
    def __init__(self, items: Any = ()) -> None:
        super().__init__([(key.lower(), value.lower()) for key, value in items])


@pytest.mark.parametrize("storage", [dict, Lowered, MultiDict])
@pytest.mark.parametrize("query", ["A=B&a=c&=", "A=B%20&a=c"])
def test_storage_classes_of_a_request(sides: list[Side], storage: type, query: str) -> None:
    """Those of a subclass hold a request's arguments and cookies."""
    answers = []
    for side in sides:
        names = {"parameter_storage_class": storage, "dict_storage_class": storage}
        side.app.request_class = type("Own", (side.app.request_class,), names)

        def view(side: Side = side) -> str:
            args, cookies = side.module.request.args, side.module.request.cookies
            assert storage is type(args) is type(cookies)
            return repr([args, cookies])

        side.app.add_url_rule("/", "the_view", view)
        answers.append(side.ask(f"/?{query}", cookies={"X": "Y", "x": "z"}))
    assert answers[0] == answers[1]
    assert 200 == answers[0][0]


@pytest.mark.filterwarnings("ignore:Current server name:UserWarning")  # Werkzeug's, under Flask
@pytest.mark.parametrize("host", ["example.com", "api.example.com", "example.com:8080", "other"])
@pytest.mark.parametrize("server_name", [None, "Example.com:80", "example.com:8080"])
@pytest.mark.parametrize("subdomains", [False, True])
@pytest.mark.parametrize("path", ["/", "/below", "/below/", "/nowhere"])
def test_hosts_of_urls(
    sides: list[Side], path: str, subdomains: bool, server_name: str | None, host: str
) -> None:
    """Those of links in a page, of the redirect to a slash, and of links in an error page."""
    answers = []
    for side in sides:
        app = side.app_class("side", subdomain_matching=subdomains)
        app.config["SERVER_NAME"] = server_name

        def view(side: Side = side) -> str:
            url_for = side.module.url_for
            urls = [url_for(name, _external=outside) for name in "ab" for outside in (0, 1)]
            return " ".join([side.module.request.path, *urls])

        app.add_url_rule("/", "a", view)
        app.add_url_rule("/below/", "b", view, subdomain="api" if subdomains else None)
        app.register_error_handler(404, lambda error, view=view: (view(), 404))
        side.app = app
        answers.append(side.ask(path, headers={"Host": host}))
    assert answers[0] == answers[1]
