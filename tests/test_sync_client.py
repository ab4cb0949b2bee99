"""`quart.testing.sync_client`, and the client of an application that `from_flask` has made: tests
that were written for Flask's go on as they are.
"""

from __future__ import annotations

import io
import sqlite3
import threading
import unittest
from collections.abc import Iterator
from ipaddress import ip_address
from typing import Any

import flask
import pytest
from flask.testing import FlaskClient

import quart
from quart import Quart
from quart.testing import QuartClient, SyncClient, sync_client


def make_app() -> flask.Flask:
    """As a project for Flask has it."""
    app = flask.Flask("flask_app", static_folder=None)
    app.config.update(SECRET_KEY="secret", TESTING=True)

    def database() -> sqlite3.Connection:
        if "database" not in flask.g:
            flask.g.database = sqlite3.connect(":memory:")
        return flask.g.database

    app.extensions["database"] = database

    @app.teardown_appcontext
    def close(error: BaseException | None) -> None:
        if "database" in flask.g:
            flask.g.database.close()
            flask.current_app.extensions["closed"] = threading.get_ident()

    @app.route("/", methods=["GET", "POST"])
    def index() -> Any:
        database()
        flask.g.name = flask.request.values.get("name", "nobody")
        flask.session["name"] = flask.g.name
        return flask.render_template_string("hello {{ g.name }}")

    @app.route("/json", methods=["PUT"])
    def json() -> Any:
        return {"got": flask.request.get_json(), "thread": threading.get_ident()}

    @app.route("/redirect")
    def away() -> Any:
        flask.flash("moved")
        return flask.redirect("/?name=moved")

    @app.route("/upload", methods=["POST"])
    def upload() -> Any:
        return flask.request.files["file"].read()

    @app.route("/stream")
    def stream() -> Any:
        @flask.stream_with_context
        def generate() -> Iterator[str]:
            yield flask.request.path
            yield str(threading.get_ident())

        return flask.Response(generate())

    @app.route("/error")
    def error() -> Any:
        raise KeyError("the error")

    @app.cli.command("hello")
    def hello() -> None:
        print("hello", flask.current_app.name)

    return app


@pytest.fixture(params=["flask", "quart"])
def app(request: pytest.FixtureRequest) -> flask.Flask:
    """Each test runs on both: as it was, and carried over."""
    app = make_app()
    return app if request.param == "flask" else Quart.from_flask(app)  # type: ignore[return-value]


@pytest.fixture
def client(app: flask.Flask) -> FlaskClient:
    return app.test_client()


def test_what_a_response_has(client: FlaskClient) -> None:
    response = client.post("/", data={"name": "Ada"})

    assert 200 == response.status_code
    assert b"hello Ada" == response.data == response.get_data()
    assert "hello Ada" == response.text == response.get_data(as_text=True)
    assert "text/html" == response.mimetype
    assert response.json is None
    assert "/" == response.request.path
    response.close()


def test_json(client: FlaskClient) -> None:
    response = client.put("/json", json={"a": [1]})

    assert {"a": [1]} == response.json["got"]  # type: ignore[index]
    assert {"a": [1]} == response.get_json()["got"]


def test_the_address_of_the_client(app: flask.Flask) -> None:
    """One that can be parsed, as under Flask."""

    @app.get("/address")
    def address() -> str:
        return str(ip_address(flask.request.remote_addr or ""))

    assert "127.0.0.1" == app.test_client().get("/address").text
    changed = app.test_client().get("/address", environ_base={"REMOTE_ADDR": "1.2.3.4"})
    assert "1.2.3.4" == changed.text


def test_json_that_is_none_is_left_out(client: FlaskClient) -> None:
    """So that a helper of a project may pass on its own default."""
    assert "hello Ada" == client.post("/", data={"name": "Ada"}, json=None).text
    assert 415 == client.put("/json", json=None).status_code


def test_everything_is_in_the_thread_of_the_test(app: flask.Flask, client: FlaskClient) -> None:
    here = threading.get_ident()

    assert here == client.put("/json", json=1).json["thread"]  # type: ignore[index]
    assert f"/stream{here}" == client.get("/stream").text
    client.get("/")
    assert here == app.extensions["closed"]


def test_following_redirects(client: FlaskClient) -> None:
    response = client.get("/redirect", follow_redirects=True)

    assert "hello moved" == response.text
    assert [302] == [each.status_code for each in response.history]
    assert b"Redirecting" in response.history[0].data
    assert "/" == response.request.path


def test_uploads(client: FlaskClient) -> None:
    data = {"file": (io.BytesIO(b"content"), "a.txt")}

    assert b"content" == client.post("/upload", data=data).data


def test_errors_reach_the_test(client: FlaskClient) -> None:
    with pytest.raises(KeyError, match="the error"):
        client.get("/error")


def test_the_context_that_a_client_keeps(app: flask.Flask, client: FlaskClient) -> None:
    with client:
        client.post("/", data={"name": "Ada"})
        assert "Ada" == flask.g.name == flask.session["name"] == flask.request.form["name"]
        client.get("/?name=Bob")
        assert "Bob" == flask.request.args["name"] == flask.g.name
        with pytest.raises(RuntimeError, match="Cannot nest client invocations"), client:
            pass
    assert not flask.has_request_context()
    assert not flask.has_app_context()


def test_session_transactions(client: FlaskClient) -> None:
    with client.session_transaction() as session:
        session["name"] = "before"
    with client.session_transaction() as session:
        assert "before" == session["name"]
    client.get("/?name=after")
    with client.session_transaction() as session:
        assert "after" == session["name"]
    assert not flask.has_request_context()


def test_cookies(client: FlaskClient) -> None:
    client.set_cookie("theme", "dark")
    cookie = client.get_cookie("theme")

    assert cookie is not None
    assert "dark" == cookie.value
    client.delete_cookie("theme")
    assert client.get_cookie("theme") is None


def test_an_app_context(app: flask.Flask) -> None:
    """What it opens is closed in the same thread, and code in it gets values."""
    database = app.extensions["database"]
    with app.app_context():
        connection = database()
        assert connection is database()
        assert "flask_app" == flask.current_app.name
        assert "<b>" == flask.render_template_string("{{ '<b>'|safe }}")
        assert "text" == flask.make_response("text").get_data(as_text=True)

    with pytest.raises(sqlite3.ProgrammingError, match="closed"):
        connection.execute("select 1")
    assert threading.get_ident() == app.extensions["closed"]


def test_a_request_context(app: flask.Flask) -> None:
    with app.test_request_context("/?name=Ada", method="POST", data={"key": "value"}):
        assert "Ada" == flask.request.args["name"]
        assert "value" == flask.request.form["key"]
        assert "/" == flask.url_for("index")
        flask.session["name"] = "Ada"
        assert "Ada value" == flask.render_template_string(
            "{{ session.name }} {{ request.form.key }}"
        )
    assert not flask.has_request_context()


def test_a_client_in_a_context(app: flask.Flask, client: FlaskClient) -> None:
    with app.app_context():
        assert "hello Ada" == client.get("/?name=Ada").text
        assert "hello" in client.get("/").text
        with client.session_transaction() as session:
            session["name"] = "there"
        with client:
            client.get("/?name=Bob")
            assert "Bob" == flask.session["name"]


def test_contexts_in_setup_and_teardown(app: flask.Flask) -> None:
    class Case(unittest.TestCase):
        def setUp(self) -> None:
            self.context = app.app_context()
            self.context.push()
            self.client = app.test_client()

        def tearDown(self) -> None:
            self.context.pop()

        def test(self) -> None:
            assert "hello Ada" == self.client.get("/?name=Ada").text
            assert "flask_app" == flask.current_app.name
            app.extensions["database"]()

    result = unittest.TestResult()
    Case("test").run(result)

    assert [] == result.errors + result.failures
    assert threading.get_ident() == app.extensions["closed"]
    assert not flask.has_app_context()


def test_commands(app: flask.Flask) -> None:
    assert "hello flask_app\n" == app.test_cli_runner().invoke(args=["hello"]).output


def test_a_client_class_of_a_projects_own(app: flask.Flask) -> None:
    class Client(FlaskClient):
        def __init__(self, *args: Any, name: str = "", **kwargs: Any) -> None:
            super().__init__(*args, **kwargs)
            with self.session_transaction() as session:
                session["name"] = name

        def open(self, *args: Any, **kwargs: Any) -> Any:
            response = super().open(*args, **kwargs)
            response.headers["X-Own"] = "own"
            return response

    if isinstance(app, Quart):
        app = make_app()
        app.test_client_class = Client
        app = Quart.from_flask(app)  # type: ignore[assignment]
    else:
        app.test_client_class = Client
    client = app.test_client(name="Ada")

    with client.session_transaction() as session:
        assert "Ada" == session["name"]
    assert "own" == client.get("/").headers["X-Own"]


def test_threads_of_the_project(app: flask.Flask) -> None:
    """As one that sends mail in the background."""
    texts = []

    def send() -> None:
        with app.app_context():
            texts.append(flask.render_template_string("Dear {{ name }}", name="Ada"))

    thread = threading.Thread(target=send)
    thread.start()
    thread.join()
    assert ["Dear Ada"] == texts


# What Flask does not have


async def test_the_same_client_in_an_async_test() -> None:
    app = Quart.from_flask(make_app())

    @app.websocket("/ws")
    async def ws() -> None:
        await quart.websocket.send(quart.session["name"])

    client = app.test_client()
    assert b"hello Ada" == await (await client.get("/?name=Ada")).data
    async with client.websocket("/ws") as connection:
        assert "Ada" == await connection.receive()
    async with client:
        await client.get("/?name=Bob")
        assert "Bob" == quart.session["name"]
    async with client.session_transaction() as session:
        assert "Bob" == session["name"]


def test_a_client_for_an_application_of_quart() -> None:
    app = Quart("quart_app", static_folder=None)

    @app.get("/<name>")
    async def view(name: str) -> str:
        quart.g.name = name
        return await quart.render_template_string("hello {{ g.name }}")

    assert isinstance(app.test_client(), QuartClient)
    client = sync_client(app)
    assert isinstance(client, SyncClient)
    with client:
        assert "hello Ada" == client.get("/Ada").text
        assert "Ada" == quart.g.name
        assert "A" == quart.render_template_string("A")
