"""`Quart.from_flask`: an application of Flask's becomes one of Quart, and answers as before."""

from __future__ import annotations

import asyncio
import io
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

import flask
import pytest
from asgi import connect, get, lifespan, post
from blinker import Signal
from crawl import FILE, Page, Step, crawl
from werkzeug.exceptions import Forbidden, HTTPException
from werkzeug.middleware.dispatcher import DispatcherMiddleware
from werkzeug.middleware.proxy_fix import ProxyFix
from werkzeug.routing import BaseConverter

import quart
from quart import Quart


def by_flask(app: flask.Flask, **options: Any) -> list[Page]:
    """The pages of a site that Flask serves."""
    client = app.test_client()
    crawling = crawl("/", **options)
    step = next(crawling)
    while True:
        response = client.open(step.path, method=step.method, data=_body(step), buffered=True)
        try:
            step = crawling.send(
                Page.of(step, response.status_code, response.headers.items(), response.data)
            )
        except StopIteration as end:
            return end.value


def by_quart(app: Quart, **options: Any) -> list[Page]:
    """The pages of a site that Quart serves."""

    async def main() -> list[Page]:
        client = quart.testing.QuartClient(app)
        crawling = crawl("/", **options)
        step = next(crawling)
        while True:
            response = await client.open(step.path, method=step.method, data=_body(step))
            body = await response.get_data()
            try:
                step = crawling.send(
                    Page.of(step, response.status_code, response.headers.items(), body)
                )
            except StopIteration as end:
                return end.value

    return asyncio.run(main())


def _body(step: Step) -> dict[str, Any] | None:
    if step.method == "GET":
        return None
    files = {name: (io.BytesIO(FILE[1]), FILE[0]) for name in step.files}
    return {**dict(step.fields), **files}


# A site


class Shouting(flask.Request):
    """A request class of a site's own."""

    @property
    def shout(self) -> str:
        return self.path.upper()

    def on_json_loading_failed(self, e: ValueError | None) -> Any:
        raise Forbidden("No JSON of that kind.")


class Site(flask.Flask):
    """A subclass that overrides what Flask says can be overridden."""

    request_class = Shouting
    jinja_options: ClassVar[dict[str, Any]] = {"trim_blocks": True}

    def __init__(self, *args: Any, word: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.word = word

    def select_jinja_autoescape(self, filename: str | None) -> bool:
        return super().select_jinja_autoescape(filename) or filename is None

    def process_response(self, response: Any) -> Any:
        response = super().process_response(response)
        return response

    def make_response(self, rv: Any) -> Any:
        if isinstance(rv, float):
            rv = f"{rv} {self.word}"
        return super().make_response(rv)


class Reversed(BaseConverter):
    def to_python(self, value: str) -> str:
        return value[::-1]

    def to_url(self, value: str) -> str:
        return value[::-1]


LAYOUT = """<title>{% block title %}{% endblock %}</title>
{% for category, message in get_flashed_messages(with_categories=True) %}
<p class={{ category }}>{{ message }}</p>
{% endfor %}
{{ g.user or "nobody" }} {{ session.get("user") }} {{ year }} {{ config.MOTTO }}
<a href="{{ url_for('index') }}">home</a>
<a href="{{ url_for('static', filename='site.css') }}">style</a>
{% block body %}{% endblock %}
"""
INDEX = """{% extends "layout.html" %}{% from "macros.html" import link %}
{% block title %}{{ "title"|shouted }}{% endblock %}
{% block body %}{{ request.shout }} {{ 3 is small }} {{ twice(4) }}
{% for path in paths %}{{ link(path) }}
{% endfor %}{% endblock %}
"""
FORM = """{% extends "layout.html" %}{% block body %}
<form method=post action="{{ url_for('.login') }}"><input name=user><input name=next type=hidden
value="{{ request.args.next }}"></form>
<form method=post action="{{ url_for('.upload') }}" enctype="multipart/form-data">
<input name=title><input type=file name=file></form>
<form action="/search"><input name=q></form>
<a href="{{ url_for('.logout') }}">out</a>
{% endblock %}
"""


MACROS = '{% macro link(path) %}<a href="{{ path }}">{{ path }}</a>{% endmacro %}'


def write_files(root: Path) -> None:
    (root / "static").mkdir()
    (root / "static" / "site.css").write_text("body {}")
    (root / "templates").mkdir()
    templates = {"layout": LAYOUT, "index": INDEX, "form": FORM, "macros": MACROS}
    for name, text in templates.items():
        (root / "templates" / f"{name}.html").write_text(text)


def site(root: Path) -> flask.Flask:
    """Most of what Flask has, in one site."""
    app = Site("site", root_path=str(root), word="kilo")
    app.config.update(SECRET_KEY="secret", MOTTO="<small>", MAX_CONTENT_LENGTH=10_000)
    app.json.sort_keys = False  # type: ignore[attr-defined]
    app.url_map.converters["reversed"] = Reversed
    app.jinja_env.filters["shouted"] = str.upper
    app.jinja_env.globals["twice"] = lambda number: 2 * number
    app.template_test("small")(lambda number: number < 10)
    members = flask.Blueprint("members", __name__, url_prefix="/<lang>/members")

    @app.context_processor
    def values() -> dict[str, int]:
        return {"year": 2026}

    @app.before_request
    def load() -> None:
        flask.g.user = flask.session.get("user")

    @app.after_request
    def seen(response: Any) -> Any:
        response.headers["X-Seen"] = f"{flask.request.endpoint} {flask.g.user}"
        return response

    @members.url_value_preprocessor
    def pull(endpoint: str | None, values: dict[str, Any] | None) -> None:
        flask.g.lang = (values or {}).pop("lang", "en")

    @members.url_defaults
    def push(endpoint: str, values: dict[str, Any]) -> None:
        values.setdefault("lang", flask.g.lang)

    @members.route("/")
    def form() -> str:
        return flask.render_template("form.html")

    @members.post("/login")
    def login() -> Any:
        flask.session["user"] = flask.request.form["user"]
        flask.session.permanent = True
        flask.flash(f"Hello {flask.session['user']} in {flask.g.lang}", "warm")
        return flask.redirect(flask.url_for(".form"))

    @members.route("/logout")
    def logout() -> Any:
        flask.session.clear()
        return flask.redirect(flask.url_for("index"))

    @members.post("/upload")
    def upload() -> Any:
        file = flask.request.files["file"]
        target = root / "uploaded"
        file.save(target)
        flask.flash(f"{file.filename} {target.read_text()} {flask.request.form['title']}")
        return flask.redirect(flask.url_for(".form"))

    @members.errorhandler(KeyError)
    def no_key(error: KeyError) -> Any:
        return f"no {error.args[0]}", 422

    @members.route("/key")
    def key() -> Any:
        return {}["key"]

    app.register_blueprint(members)

    @app.route("/")
    def index() -> str:
        paths = [
            "/en/members/",
            "/en/members",
            "/en/members/key",
            "/json",
            "/float",
            "/tuple",
            "/stream",
            "/file",
            "/back/drawer",
            "/missing",
            "/forbidden",
            "/bad",
            "/error",
            "/cookies",
            flask.url_for("backwards", word="desserts"),
            flask.url_for("static", filename="nothing.css"),
        ]
        return flask.render_template("index.html", paths=paths)

    @app.route("/json")
    def json() -> Any:
        return {"b": 1, "a": [flask.request.shout, None]}  # type: ignore[attr-defined]

    @app.route("/float")
    def number() -> Any:
        return 1.5

    @app.route("/tuple")
    def triple() -> Any:
        return flask.jsonify([1]), 201, {"Cache-Control": "no-store"}

    @app.route("/stream")
    def stream() -> Any:
        @flask.stream_with_context
        def generate() -> Iterator[str]:
            yield "path "
            yield flask.request.path

        return flask.Response(generate(), mimetype="text/plain")

    @app.route("/file")
    def file() -> Any:
        return flask.send_file(io.BytesIO(b"1,2"), "text/csv", True, "numbers.csv")

    @app.route("/back/<reversed:word>")
    def backwards(word: str) -> str:
        return word

    @app.route("/forbidden")
    def forbidden() -> Any:
        flask.abort(403, "Not you.")

    @app.route("/bad")
    def bad() -> Any:
        return flask.request.args["name"]

    @app.route("/error")
    def error() -> Any:
        raise ZeroDivisionError

    @app.route("/cookies")
    def cookies() -> Any:
        response = flask.make_response("cookies")
        response.set_cookie("theme", "dark", max_age=60, httponly=True)
        response.delete_cookie("old")

        @flask.after_this_request
        def after(response: Any) -> Any:
            response.vary.add("Accept")
            return response

        return response

    @app.route("/search")
    def search() -> str:
        return flask.render_template_string("<p>{{ request.args.q }}", q=1)

    @app.errorhandler(HTTPException)
    def on_http(error: HTTPException) -> Any:
        return f"<h1>{error.code}</h1>{error.description}", error.code

    @app.errorhandler(500)
    def on_error(error: Any) -> Any:
        return f"failed: {error.original_exception!r}", 500

    return app


def test_a_crawl_answers_as_on_flask(tmp_path: Path) -> None:
    answers = {"user": "<Ada>", "title": "Notes", "q": "a&b"}
    write_files(tmp_path)
    expected = by_flask(site(tmp_path), answers=answers)
    actual = by_quart(Quart.from_flask(site(tmp_path)), answers=answers)

    assert len(expected) > 26
    for page, here in zip(expected, actual, strict=True):
        assert page == here


# What comes along


@pytest.fixture
def flask_app(tmp_path: Path) -> flask.Flask:
    app = flask.Flask("flask_app", root_path=str(tmp_path))
    app.secret_key = "secret"
    return app


def test_it_is_the_same_object(flask_app: flask.Flask) -> None:
    """So is what others may hold of it; extensions that ask find a Flask."""
    parts = "config", "url_map", "jinja_env", "cli", "blueprints", "extensions"
    before = [id(getattr(flask_app, name)) for name in parts]
    app = Quart.from_flask(flask_app)

    assert app is flask_app
    assert isinstance(app, Quart)
    assert isinstance(app, flask.Flask)
    assert before == [id(getattr(app, name)) for name in parts]
    assert app is Quart.from_flask(app)


async def test_one_session_and_g_for_both_worlds(flask_app: flask.Flask) -> None:
    """Async views and websockets that are added share them with the `def` functions."""

    @flask_app.before_request
    def before() -> None:
        flask.g.name = flask.session.get("name", "nobody")

    @flask_app.post("/name")
    def name() -> str:
        flask.session["name"] = flask.request.form["name"]
        return "kept"

    app = Quart.from_flask(flask_app)

    @app.get("/async")
    async def asynchronous() -> str:
        return f"{quart.g.name} {quart.session['name']}"

    @app.websocket("/ws")
    async def ws() -> None:
        await quart.websocket.send(f"hello {quart.session['name']}")

    cookie = (await post(app, "/name", form={"name": "ada"})).headers["Set-Cookie"]
    headers = {"Cookie": cookie.partition(";")[0]}

    assert "ada ada" == (await get(app, "/async", headers=headers)).text
    async with connect(app, "/ws", headers=headers) as websocket:
        assert "hello ada" == await websocket.receive()


async def test_a_decorator_that_asks_for_flasks_response() -> None:
    """As many do, to read the body of what a view has made and to put another there."""
    flask_app = flask.Flask(__name__)

    def shouting(view: Callable[[], Any]) -> Callable[[], Any]:
        def wrapper() -> Any:
            response = view()
            assert isinstance(response, flask.Response)
            response.data = response.data.upper()
            return response

        return wrapper

    flask_app.get("/")(shouting(lambda: flask.jsonify(a=1)))

    response = await get(Quart.from_flask(flask_app), "/")

    assert {"A": 1} == response.json
    assert "<Response [200 OK]>" == repr(Quart.from_flask(flask_app).response_class("a"))


def test_settings(flask_app: flask.Flask) -> None:
    """Flask's stay, its defaults too; those that it does not have get Quart's defaults."""
    flask_app.config.update(MY_OWN=1, BODY_TIMEOUT=3)
    config = Quart.from_flask(flask_app).config

    assert (1, 3) == (config["MY_OWN"], config["BODY_TIMEOUT"])
    assert (None, None) == (config["MAX_CONTENT_LENGTH"], config["SEND_FILE_MAX_AGE_DEFAULT"])
    assert 60 == config["RESPONSE_TIMEOUT"]


async def test_json_of_another_type_is_415_as_on_flask(flask_app: flask.Flask) -> None:
    flask_app.add_url_rule("/", view_func=lambda: flask.request.get_json(), methods=["POST"])

    assert 415 == (await post(Quart.from_flask(flask_app), "/", body=b"{}")).status


async def test_rules_for_the_same_url_keep_their_order(flask_app: flask.Flask) -> None:
    """Not that of their endpoints."""
    flask_app.add_url_rule("/other", "second", lambda name="second": name)
    flask_app.add_url_rule("/<name>", "first", lambda name: f"first {name}")
    flask_app.add_url_rule("/<name>", "second")
    flask_app.add_url_rule("/only/built", "built", build_only=True)
    app = Quart.from_flask(flask_app)
    app.add_url_rule("/<late>", "late", lambda late: late)

    assert "first x" == (await get(app, "/x")).text
    assert "second" == (await get(app, "/other")).text
    async with app.test_request_context("/"):
        assert "/only/built" == app.url_for("built")


async def test_hosts(flask_app: flask.Flask) -> None:
    matching = flask.Flask("matching", static_host="a.example", host_matching=True)
    matching.add_url_rule("/", "a", lambda: "a", host="a.example")
    matching.add_url_rule("/", "other", lambda host: host, host="<host>")
    app = Quart.from_flask(matching)

    assert "a" == (await get(app, "/", headers={"Host": "a.example"})).text
    assert "b.example" == (await get(app, "/", headers={"Host": "b.example"})).text


@pytest.mark.parametrize("adopted_first", [False, True])
def test_receivers_of_flasks_signals(adopted_first: bool) -> None:
    """They are called as on Flask, in its order, and find the request; async ones, too."""
    names = [name for name in dir(flask.signals) if isinstance(getattr(flask, name, None), Signal)]
    heard: dict[str, list[str]] = {}
    receivers = []  # signals know them by weak references

    def connect(app: flask.Flask) -> None:
        for name in names:

            def receiver(sender: flask.Flask, name: str = name, **values: object) -> None:
                path = "" if name.startswith("appcontext") else flask.request.path
                words = sorted(values.keys() - {"_async_wrapper"})
                heard[app.name].append(f"{sender.name == app.name} {name} {path} {words}")

            getattr(flask, name).connect(receiver, app)
            receivers.append(receiver)

    def make(name: str) -> flask.Flask:
        app = flask.Flask(name)
        app.secret_key = "secret"
        heard[name] = []

        @app.get("/")
        def index() -> str:
            flask.flash("message")
            return flask.render_template_string("page")

        @app.get("/fails")
        def fails() -> None:
            raise ValueError

        return app

    theirs, ours, other = make("theirs"), make("ours"), make("other")
    connect(theirs)
    if adopted_first:
        Quart.from_flask(ours)
        Quart.from_flask(other)
        connect(ours)
    else:
        connect(ours)
        Quart.from_flask(ours)
        Quart.from_flask(other)

    async def later(sender: flask.Flask, **values: object) -> None:
        heard["ours"].append(f"async {quart.request.path}")

    for app in (theirs, ours, other):
        for path in ("/", "/fails"):
            app.test_client().get(path)

    assert heard["theirs"] == heard["ours"]
    assert len(names) == len({line.split()[1] for line in heard["ours"]})
    assert [] == heard["other"]
    heard["ours"].clear()
    flask.request_started.connect(later, ours)
    ours.test_client().get("/")
    assert "async /" in heard["ours"]


async def test_contexts_of_flask_that_are_open(flask_app: flask.Flask) -> None:
    """One around the call is closed as Flask does it, another one may stay open."""
    closed = []
    flask_app.teardown_appcontext(lambda error: closed.append(flask.current_app.name))
    flask_app.add_url_rule("/", view_func=lambda: flask.current_app.name)
    staying = flask_app.app_context()
    staying.push()
    with flask_app.app_context():
        app = Quart.from_flask(flask_app)
    assert ["flask_app"] == closed

    assert "flask_app" == (await get(app, "/")).text
    assert 2 == len(closed)


def test_commands(flask_app: flask.Flask) -> None:
    @flask_app.cli.command("greet")
    def greet() -> None:
        print("hello from", flask.current_app.name)

    app = Quart.from_flask(flask_app)

    @app.cli.command("later")
    async def later() -> None:
        print("later in", quart.current_app.name)

    runner = app.test_cli_runner()
    assert "hello from flask_app\n" == runner.invoke(args=["greet"]).output
    assert "later in flask_app\n" == runner.invoke(args=["later"]).output


async def test_a_json_provider_and_a_session_interface_of_its_own(flask_app: flask.Flask) -> None:
    class Provider(flask.json.provider.DefaultJSONProvider):
        mimetype = "application/own"

    class Sessions(flask.sessions.SecureCookieSessionInterface):
        salt = "own"

    flask_app.json = Provider(flask_app)
    flask_app.session_interface = Sessions()

    @flask_app.route("/")
    def index() -> Any:
        flask.session["count"] = flask.session.get("count", 0) + 1
        return {"count": flask.session["count"]}

    app = Quart.from_flask(flask_app)
    first = await get(app, "/")
    cookie = first.headers["Set-Cookie"].partition(";")[0]

    assert "application/own" == first.headers["Content-Type"]
    assert {"count": 2} == (await get(app, "/", headers={"Cookie": cookie})).json


async def test_an_extension_that_took_a_stage(flask_app: flask.Flask) -> None:
    """It was given Flask's method, to call in the end; it calls ours."""

    def router(original: Callable[[Exception], Any], error: Exception) -> Any:
        if isinstance(error, KeyError):
            return flask_app.response_class("routed", 418)
        return original(error)

    flask_app.handle_user_exception = partial(  # type: ignore[method-assign]
        router, flask_app.handle_user_exception
    )

    @flask_app.errorhandler(ZeroDivisionError)
    def on_zero(error: Exception) -> str:
        return "handled"

    @flask_app.route("/<name>")
    def view(name: str) -> str:
        raise {"key": KeyError, "zero": ZeroDivisionError}[name]

    app = Quart.from_flask(flask_app)

    assert 418 == (await get(app, "/key")).status
    assert "handled" == (await get(app, "/zero")).text


async def test_a_class_of_quarts_own(flask_app: flask.Flask) -> None:
    """`from_flask` of a subclass of Quart gives one of that."""

    class Own(Quart):
        word = "own"

    app: Own = Own.from_flask(flask_app)

    assert "own" == app.word
    async with lifespan(app):
        assert 404 == (await get(app, "/")).status


async def test_wsgi_middleware(flask_app: flask.Flask) -> None:
    """Werkzeug's ProxyFix becomes ours, and what its dispatcher dispatches to is mounted."""

    def metrics(environ: Any, start_response: Any) -> list[bytes]:
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [environ["REMOTE_ADDR"].encode()]

    flask_app.add_url_rule("/", view_func=lambda: flask.request.remote_addr)
    flask_app.wsgi_app = ProxyFix(  # type: ignore[method-assign]
        DispatcherMiddleware(flask_app.wsgi_app, {"/metrics": metrics}), x_for=1
    )
    app = Quart.from_flask(flask_app)
    headers = {"X-Forwarded-For": "192.0.2.7"}

    assert "192.0.2.7" == (await get(app, "/", headers=headers)).text
    assert "192.0.2.7" == (await get(app, "/metrics", headers=headers)).text


# What cannot be carried over


def test_other_wsgi_middleware_is_named(flask_app: flask.Flask) -> None:
    class Gate:
        def __init__(self, app: Any) -> None:
            self.app = app

        def __repr__(self) -> str:
            return "the gate"

    flask_app.wsgi_app = Gate(flask_app.wsgi_app)  # type: ignore[method-assign]

    with pytest.raises(
        ValueError, match=r"'wsgi_app' of 'flask_app' is the gate.*del app\.wsgi_app"
    ):
        Quart.from_flask(flask_app)
    del flask_app.wsgi_app
    assert isinstance(Quart.from_flask(flask_app), Quart)


@pytest.mark.parametrize("name", ["wsgi_app", "__call__"])
def test_a_subclass_with_a_wsgi_face_of_its_own(name: str) -> None:
    own = type("Own", (flask.Flask,), {name: getattr(flask.Flask, name)})

    with pytest.raises(TypeError, match=rf"Own overrides '{name}'.*WSGIBridge\(app\)"):
        Quart.from_flask(own("own"))


async def test_a_subclass_that_dispatches_itself() -> None:
    """`dispatch_request`, sync as in Flask, goes on, and may call that of Quart."""

    class Own(flask.Flask):
        def dispatch_request(self) -> Any:
            if flask.current_app.name == "own" and quart.request.path == "/own":
                return "dispatched"
            return super().dispatch_request()

    app = Own("own")
    app.add_url_rule("/", view_func=lambda: "view")

    assert "view" == (await get(Quart.from_flask(app), "/")).text
    assert "dispatched" == (await get(app, "/own")).text


def test_an_application_that_has_served(flask_app: flask.Flask) -> None:
    flask_app.test_client().get("/")

    with pytest.raises(RuntimeError, match="has already handled a request with Flask"):
        Quart.from_flask(flask_app)


def test_what_is_no_application() -> None:
    with pytest.raises(TypeError, match="takes a Flask application, not a dict"):
        Quart.from_flask({})  # type: ignore[arg-type]


def test_a_failure_leaves_it_as_it_was(flask_app: flask.Flask) -> None:
    class Picky(Quart):
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            raise OSError("no")

    before = dict(vars(flask_app))
    with pytest.raises(OSError, match="no"):
        Picky.from_flask(flask_app)

    assert type(flask_app) is flask.Flask
    assert before == vars(flask_app)
    assert 404 == flask_app.test_client().get("/").status_code


def test_hooks_for_the_values_of_a_url_and_exceptions_as_flask_calls_them() -> None:
    """The first read forms, the second are given a WSGI environment."""
    flask_app = flask.Flask(__name__)

    class SeeOther(HTTPException):
        code = 303

        def get_response(self, environ: Any) -> Any:  # type: ignore[override]
            return flask.redirect(environ["PATH_INFO"] + "/elsewhere", 303)

    @flask_app.url_value_preprocessor
    def read(endpoint: str | None, values: dict[str, Any] | None) -> None:
        flask.g.sent = flask.request.form.get("name") or len(flask.request.files)

    @flask_app.post("/")
    def index() -> str:
        return str(flask.g.sent)

    @flask_app.get("/see")
    def see() -> str:
        raise SeeOther

    client: Any = Quart.from_flask(flask_app).test_client()

    assert "a" == client.post("/", data={"name": "a"}).text
    response = client.get("/see")
    assert (303, "/see/elsewhere") == (response.status_code, response.headers["Location"])
