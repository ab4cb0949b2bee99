"""Code written for Flask, which imports from `flask`, finds the connection that is handled here."""

import asyncio
import inspect
import io
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from contextvars import Context
from pathlib import Path
from typing import Any, ClassVar

import click
import flask
import pytest
import werkzeug.test
from asgi import Closed, connect, get, post, request
from blinker import Namespace
from jinja2 import FileSystemBytecodeCache, nodes
from jinja2.ext import Extension

import quart
from quart import Quart
from quart.cli import with_appcontext
from quart.utils import run_sync


@pytest.fixture
def app(tmp_path: Path) -> Quart:
    app = Quart("flask_code", root_path=str(tmp_path))
    app.secret_key = "secret"
    return app


async def test_the_application_and_g(app: Quart) -> None:
    """`flask.current_app` and `flask.g` are those of Quart, in async code too."""

    @app.before_request
    async def before() -> None:
        flask.g.value = "kept"

    @app.get("/")
    async def view() -> str:
        assert flask.current_app == app
        return f"{flask.current_app.name} {quart.g.value} {flask.has_app_context()}"

    assert "flask_code kept True" == (await get(app, "/")).text
    assert not flask.has_app_context()


async def test_the_request_in_sync_views(app: Quart) -> None:
    """A `def` view reads `flask.request`, body included, and `flask.session`."""

    @app.post("/echo/<name>")
    def view(name: str) -> dict[str, Any]:
        flask.session["seen"] = name
        return {
            "there": flask.has_request_context(),
            "path": flask.request.path,
            "form": flask.request.form["key"],
            "url": flask.url_for("view", name="x"),
            "same": flask.request._get_current_object() is quart.request._get_current_object(),
        }

    response = await post(app, "/echo/ada", form={"key": "value"})

    expected = {
        "there": True,
        "path": "/echo/ada",
        "form": "value",
        "url": "/echo/x",
        "same": True,
    }
    assert expected == response.json
    assert "session=" in response.headers["Set-Cookie"]


async def test_what_flask_makes_of_it(app: Quart) -> None:
    """Flask's `jsonify`, `flash`, `after_this_request` and `render_template_string` work."""

    @app.context_processor
    async def processor() -> dict[str, str]:
        return {"from_processor": "processed"}

    @app.get("/")
    def view() -> flask.Response:
        @flask.after_this_request
        def after(response: flask.Response) -> flask.Response:
            response.headers["X-After"] = "yes"
            return response

        flask.flash("flashed")
        text = flask.render_template_string(
            "{{ from_processor }} {{ request.path }} {{ get_flashed_messages()[0] }}"
        )
        return flask.jsonify(text=text)

    response = await get(app, "/")

    assert {"text": "processed / flashed"} == response.json
    assert "yes" == response.headers["X-After"]


async def test_sync_generators(app: Quart) -> None:
    """A sync generator, which a thread advances, sees the request."""

    @app.get("/streamed")
    async def view() -> Any:
        def generate() -> Any:
            yield flask.request.path

        return generate()

    assert "/streamed" == (await get(app, "/streamed")).text


async def test_the_request_on_the_event_loop(app: Quart) -> None:
    """Async hooks and views, receivers of signals, and sync functions they call find it, too."""
    seen = []

    def note(*args: object, **kwargs: object) -> None:
        seen.append(flask.request.args["of"])

    changed = Namespace().signal("changed")
    changed.connect(note)

    @app.before_request
    async def before() -> None:
        flask.session["user"] = "ada"
        note()

    @app.get("/")
    async def view() -> str:
        @flask.after_this_request
        def after(response: flask.Response) -> flask.Response:
            response.headers["X-User"] = flask.session["user"]
            return response

        changed.send(app)
        await run_sync(note)()
        assert flask.has_request_context()
        return f"{flask.session['user']} {flask.url_for('view')} {flask.request.is_json}"

    @app.after_request
    async def after(response: quart.Response) -> quart.Response:
        note()
        return response

    @app.teardown_request
    async def teardown(error: BaseException | None) -> None:
        note()

    response = await get(app, "/?of=this")

    assert ("ada / False", "ada") == (response.text, response.headers["X-User"])
    assert ["this"] * 5 == seen
    assert not flask.has_request_context()
    assert not await run_sync(flask.has_request_context)()


async def test_requests_at_the_same_time(app: Quart) -> None:
    """Each finds its own."""
    both = asyncio.Barrier(2)

    @app.get("/<name>")
    async def view(name: str) -> str:
        await both.wait()
        return flask.request.path

    answers = await asyncio.gather(get(app, "/ada"), get(app, "/bob"))

    assert ["/ada", "/bob"] == [answer.text for answer in answers]


async def test_tasks_find_the_request_of_who_started_them(app: Quart) -> None:
    """A background task has it, and a task that the view makes."""
    seen = []

    async def note() -> None:
        seen.append(flask.request.path)

    @app.get("/path")
    async def view() -> str:
        app.add_background_task(note)
        await asyncio.create_task(note())
        return ""

    async with app.test_app():
        await get(app, "/path")

    assert ["/path"] * 2 == seen


async def test_flasks_copy_of_the_context(app: Quart) -> None:
    """`flask.copy_current_request_context` works in callbacks of the loop, and in threads."""
    seen = []

    @app.get("/path")
    async def view() -> str:
        @flask.copy_current_request_context
        def note() -> None:
            seen.append((flask.request.path, quart.request.path))

        loop = asyncio.get_running_loop()
        await loop.run_in_executor(None, note)
        loop.call_soon(note, context=Context())
        await asyncio.sleep(0)
        note()
        assert flask.has_request_context()
        return ""

    await get(app, "/path")

    assert [("/path", "/path")] * 3 == seen


async def test_contexts_that_are_entered(app: Quart) -> None:
    """Inside `async with app.test_request_context()` there is a request, and after it none."""
    async with app.test_request_context("/path"):
        assert "/path" == flask.request.path
        with quart.globals.app_ctx.copy():
            assert "/path" == flask.request.path
    async with app.app_context():
        assert not flask.has_request_context()
    assert not flask.has_request_context()


def test_contexts_that_are_entered_without_a_loop(app: Quart) -> None:
    """The same inside `with`, as tests for Flask have it."""
    with app.test_request_context("/path"):
        flask.session["user"] = "ada"
        assert ("/path", "ada") == (flask.request.path, quart.session["user"])
        assert flask.has_request_context()
    assert not flask.has_request_context()


@pytest.mark.parametrize("imports", ["import flask", "from flask import url_for", "import json"])
def test_who_asks_for_flasks_names(tmp_path: Path, imports: str) -> None:
    """On the event loop they are set if a module has imported one of them, else not."""
    (tmp_path / "extension.py").write_text(imports)
    program = """
import asyncio, sys
from quart import Quart
import extension
app = Quart(__name__)

@app.get("/")
async def view():
    return str(sys.modules["flask"].has_request_context())

async def main():
    print((await app.test_client().get("/")).text)

asyncio.run(main())
"""

    ran = subprocess.run(
        [sys.executable, "-c", program],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )

    assert f"{imports != 'import json'}\n" == ran.stdout, ran.stderr


def test_a_name_that_a_function_imports_from_flask_is_explained(tmp_path: Path) -> None:
    """The log says where to import it from, because the request is there."""
    program = """
import asyncio
from quart import Quart
app = Quart(__name__)

@app.get("/")
async def view():
    from flask import request
    return request.path

asyncio.run(app.test_client().get("/"))
"""
    command = [sys.executable, "-c", program]
    ran = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert "A request is there, but this name is Flask's" in ran.stderr


async def test_websockets_have_no_request(app: Quart) -> None:
    """In a websocket Flask finds the application, and no request."""

    @app.websocket("/ws")
    async def ws() -> None:
        there = await run_sync(lambda: (flask.has_app_context(), flask.has_request_context()))()
        await quart.websocket.send(str(there))

    async with connect(app, "/ws") as ws_:
        assert "(True, False)" == await ws_.receive()


async def test_a_context_of_flasks_own(app: Quart) -> None:
    """A Flask application that a view uses in passing has its own context meanwhile."""
    other = flask.Flask("other")

    @other.get("/")
    def inner() -> str:
        return f"{flask.current_app.name} {quart.has_request_context()}"

    @app.get("/")
    def view() -> str:
        text = other.test_client().get("/").text
        return f"{text}, {flask.current_app.name} {quart.has_request_context()}"

    assert "other False, flask_code True" == (await get(app, "/")).text


async def test_blueprints_of_flasks_own(app: Quart, tmp_path: Path) -> None:
    """A `flask.Blueprint` brings its views, hooks, static files and those of one inside it."""
    for name in ("outer", "inner"):
        (tmp_path / name / "static").mkdir(parents=True)
        (tmp_path / name / "static" / "file.txt").write_text(name)
    outer, inner = (
        flask.Blueprint(
            name,
            name,
            static_folder="static",
            url_prefix=f"/{name}",
            root_path=str(tmp_path / name),
        )
        for name in ("outer", "inner")
    )

    @inner.before_request
    def before() -> None:
        flask.g.before = "before"

    @inner.get("/")
    def view() -> str:
        return f"{flask.g.before} {flask.request.blueprint}"

    outer.register_blueprint(inner)
    app.register_blueprint(outer)

    assert "before outer.inner" == (await get(app, "/outer/inner/")).text
    assert "outer" == (await get(app, "/outer/static/file.txt")).text
    assert "inner" == (await get(app, "/outer/inner/static/file.txt")).text
    assert 404 == (await get(app, "/outer/static/nothing")).status
    # As extensions ask that document the views.
    assert "send_static_file" == app.view_functions["outer.static"].__name__
    assert inspect.getfile(app.view_functions["outer.static"])


async def test_ensure_sync(app: Quart) -> None:
    """It leaves a sync function alone; of an async one sync code gets the result."""

    def sync() -> str:
        return "sync"

    async def work(word: str) -> str:
        await asyncio.sleep(0)
        return f"{word} {quart.request.path}"

    @app.get("/sync")
    def in_a_thread() -> str:
        return app.ensure_sync(work)("thread")

    assert app.ensure_sync(sync) is sync
    assert "thread /sync" == (await get(app, "/sync")).text


async def test_async_views_behind_sync_decorators(app: Quart) -> None:
    """A decorator for Flask calls `current_app.ensure_sync(view)`, and may change the result."""

    def decorated(*args: Any, **kwargs: Any) -> str:
        return flask.current_app.ensure_sync(view)(*args, **kwargs).upper()

    async def view(name: str) -> str:
        return f"hello {name}"

    app.add_url_rule("/<name>", "view", decorated)

    assert "HELLO ADA" == (await get(app, "/ada")).text


async def test_sync_error_handling_of_an_extension(app: Quart) -> None:
    """`handle_user_exception` may be replaced by a sync function that gives a response."""
    original = app.handle_user_exception

    def router(error: Exception) -> Any:
        if isinstance(error, KeyError):
            return app.response_class("routed", 418)
        return original(error)

    app.handle_user_exception = router  # type: ignore[method-assign]

    @app.get("/<name>")
    async def view(name: str) -> str:
        raise {"key": KeyError, "zero": ZeroDivisionError}[name]

    @app.errorhandler(ZeroDivisionError)
    async def handler(error: Exception) -> str:
        return "handled"

    assert (418, "routed") == ((await get(app, "/key")).status, (await get(app, "/key")).text)
    assert "handled" == (await get(app, "/zero")).text


async def test_a_decorator_of_a_stage(app: Quart) -> None:
    """What an extension puts around a stage gets its value, and makes a response of it."""

    def decorated(stage: Any) -> Any:
        def wrapper(*args: Any, **kwargs: Any) -> Any:
            response = app.make_response(stage(*args, **kwargs))
            response.headers["X-Error"] = flask.request.path
            return response

        return wrapper

    app.handle_exception = decorated(app.handle_exception)  # type: ignore[method-assign]
    app.handle_user_exception = decorated(app.handle_user_exception)  # type: ignore[method-assign]

    @app.get("/broken")
    async def view() -> str:
        raise ZeroDivisionError

    @app.errorhandler(405)
    async def handler(error: Exception) -> tuple[str, int]:
        return "handled", 405

    answers = [await get(app, path) for path in ("/broken", "/nothing")]
    answers.append(await post(app, "/broken"))

    assert [500, 404, 405] == [answer.status for answer in answers]
    assert ["/broken", "/nothing", "/broken"] == [answer.headers["X-Error"] for answer in answers]
    assert "handled" == answers[2].text


async def test_a_form_is_read_before_the_view_is_known(app: Quart) -> None:
    """A `url_value_preprocessor` may make a form of an extension for Flask, such as Flask-WTF."""

    @app.url_value_preprocessor
    def read(endpoint: str | None, values: dict[str, Any] | None) -> None:
        flask.g.sent = flask.request.form.get("name") or len(flask.request.files)

    @app.post("/")
    async def view() -> str:
        return str(quart.g.sent)

    assert "ada" == (await post(app, form={"name": "ada"})).text


async def test_an_extension_around_the_whole_line(app: Quart) -> None:
    """It puts sync functions in the place of the outer stages, and gets responses of those."""
    dispatch, finalize = app.full_dispatch_request, app.finalize_request

    def timed() -> Any:
        response = dispatch()
        response.headers["X-Dispatched"] = flask.request.path
        return response

    def finalized(value: Any, from_error_handler: bool = False) -> Any:
        response = finalize(value, from_error_handler)
        response.headers["X-Finalized"] = str(from_error_handler)
        return response

    app.full_dispatch_request = timed  # type: ignore[method-assign, assignment]
    app.finalize_request = finalized  # type: ignore[method-assign, assignment]

    @app.after_request
    async def after(response: quart.Response) -> quart.Response:
        response.headers["X-After"] = "yes"
        return response

    @app.get("/ada")
    async def view() -> str:
        return "ada"

    @app.get("/broken")
    def broken() -> str:
        raise ZeroDivisionError

    ada, nothing, failed = [await get(app, path) for path in ("/ada", "/nothing", "/broken")]

    assert [(200, "ada"), (404, nothing.text)] == [
        (ada.status, ada.text),
        (nothing.status, nothing.text),
    ]
    assert ["/ada", "/nothing"] == [each.headers["X-Dispatched"] for each in (ada, nothing)]
    assert ["False", "False", "True"] == [
        each.headers["X-Finalized"] for each in (ada, nothing, failed)
    ]
    assert (500, "yes") == (failed.status, failed.headers["X-After"])


async def test_requests_within_a_request(app: Quart) -> None:
    """A `def` view answers several requests, as extensions for batches do."""

    @app.get("/<name>")
    async def greet(name: str) -> str:
        return f"hello {name}"

    @app.after_request
    async def after(response: quart.Response) -> quart.Response:
        response.headers["X-After"] = flask.request.path
        return response

    @app.get("/batch/<first>/<second>")
    def batch(first: str, second: str) -> str:
        answers = []
        for name in (first, second):
            with app.test_request_context(f"/{name}"):
                answers.append(app.full_dispatch_request())
        with app.test_request_context("/third"):
            answers.append(app.finalize_request(app.dispatch_request()))
        return ", ".join(
            f"{each.get_data(as_text=True)} {each.headers['X-After']}" for each in answers
        )

    assert (
        "hello ada /ada, hello bob /bob, hello third /third"
        == (await get(app, "/batch/ada/bob")).text
    )


async def test_stages_of_a_subclass_for_flask() -> None:
    """A subclass whose stages are written for Flask gets values of those that it overrides."""
    seen = []

    class App(Quart):
        def preprocess_request(self) -> Any:
            seen.append(super().preprocess_request())

        def dispatch_request(self) -> Any:
            return f"{super().dispatch_request()} dispatched"

        def process_response(self, response: Any) -> Any:
            response = super().process_response(response)
            response.set_data(f"{response.get_data(as_text=True)} processed")
            return response

        def handle_http_exception(self, e: Any) -> Any:
            return f"{super().handle_http_exception(e).code} handled"

        def update_template_context(self, context: Any) -> None:
            super().update_template_context(context)
            context["word"] += " updated"

    app = App("flask_code", root_path=".")

    @app.before_request
    async def before() -> None:
        seen.append("before")

    @app.after_request
    async def after(response: quart.Response) -> quart.Response:
        response.headers["X-After"] = "yes"
        return response

    @app.context_processor
    async def processor() -> dict[str, str]:
        return {"word": "word"}

    @app.get("/")
    async def view() -> str:
        return "view"

    @app.get("/template")
    async def render() -> str:
        return await quart.render_template_string("{{ word }}")

    answer = await get(app, "/")

    assert ("view dispatched processed", "yes") == (answer.text, answer.headers["X-After"])
    assert "word updated dispatched processed" == (await get(app, "/template")).text
    assert "404 handled processed" == (await get(app, "/nothing")).text
    assert ["before", None] * 3 == seen


async def test_an_async_view_behind_a_decorator_that_makes_a_response(app: Quart) -> None:
    """`flask.make_response(view())` waits for an async view, in sync code."""

    async def view() -> tuple[str, int]:
        await asyncio.sleep(0)
        return "made", 201

    def decorated() -> flask.Response:
        response = flask.make_response(view())
        response.headers["X-Made"] = "yes"
        return response

    app.add_url_rule("/", "view", decorated)

    answer = await get(app, "/")

    assert (201, "made", "yes") == (answer.status, answer.text, answer.headers["X-Made"])


async def test_send_file_of_flasks_own(app: Quart, tmp_path: Path) -> None:
    """`flask.send_file` and `flask.send_from_directory`, with conditions and ranges."""
    (tmp_path / "file.txt").write_text("content")

    @app.get("/file")
    def file() -> flask.Response:
        return flask.send_file("file.txt")

    @app.get("/memory")
    def memory() -> flask.Response:
        return flask.send_file(io.BytesIO(b"memory"), mimetype="text/plain")

    @app.get("/files/<name>")
    def files(name: str) -> flask.Response:
        return flask.send_from_directory(tmp_path, name)

    answer = await get(app, "/file")
    assert ("content", "7") == (answer.text, answer.headers["Content-Length"])
    etag = {"If-None-Match": answer.headers["ETag"]}
    assert (304, b"") == ((same := await get(app, "/file", headers=etag)).status, same.body)
    part = await get(app, "/file", headers={"Range": "bytes=2-3"})
    assert (206, "nt", "bytes 2-3/7") == (part.status, part.text, part.headers["Content-Range"])
    assert 416 == (await get(app, "/file", headers={"Range": "bytes=9-"})).status
    assert "memory" == (await get(app, "/memory")).text
    assert "content" == (await get(app, "/files/file.txt")).text
    assert 404 == (await get(app, "/files/nothing.txt")).status


@pytest.mark.parametrize("body", [["new"], [b"n", b"ew"], "new", iter([b"new"])])
async def test_a_body_that_is_assigned(app: Quart, body: Any) -> None:
    """An `after_request` function reads the body, and assigns another to `response.response`."""

    @app.after_request
    def after(response: Any) -> Any:
        assert "old" == response.get_data(as_text=True)
        response.response = body
        response.content_length = 3
        return response

    @app.get("/")
    async def view() -> str:
        return "old"

    answer = await get(app, "/")

    assert ("new", "3") == (answer.text, answer.headers["Content-Length"])


async def test_a_response_is_one_of_flasks(app: Quart) -> None:
    """Extensions ask, so as to leave it as it is; in sync code it is a WSGI application, too."""

    @app.get("/")
    def view() -> str:
        response = flask.make_response("text", 201)
        assert isinstance(response, flask.Response)
        assert isinstance(flask.redirect("/"), flask.Response)
        assert "<Response [201 CREATED]>" == repr(response)
        client = werkzeug.test.Client(response)
        return client.get("/").text + b"".join(response.iter_encoded()).decode()  # type: ignore[arg-type]

    assert "texttext" == (await get(app, "/")).text


def test_a_blueprint_is_one_of_flasks() -> None:
    """Extensions ask, to register on it."""
    assert isinstance(quart.Blueprint("name", __name__), flask.Blueprint)


async def test_conditions_of_an_environ(app: Quart) -> None:
    """`make_conditional` takes an `environ`, this framework's and others'."""

    @app.get("/")
    def view() -> flask.Response:
        response = flask.make_response("text")
        response.set_etag("tag")
        environ = flask.request.environ
        if "foreign" in flask.request.args:
            environ = {"REQUEST_METHOD": "GET", "HTTP_IF_NONE_MATCH": '"tag"'}
        return response.make_conditional(environ)

    assert 200 == (await get(app, "/")).status
    assert 304 == (await get(app, "/", headers={"If-None-Match": '"tag"'})).status
    assert 304 == (await get(app, "/?foreign")).status


async def test_g_of_a_copy_within_an_application_context(app: Quart) -> None:
    """It is that context's, as with Flask, where the code that submits to a pool counts on it."""

    @app.get("/path")
    def view() -> str:
        @flask.copy_current_request_context
        def work() -> str:
            return f"{flask.request.path} {flask.g.word}"

        def submitted() -> str:
            with app.app_context():
                flask.g.word = "kept"
                return work()

        with ThreadPoolExecutor() as executor:
            return executor.submit(submitted).result()

    assert "/path kept" == (await get(app, "/path")).text


async def test_make_response_of_several_arguments(app: Quart) -> None:
    """Several arguments stand for the tuple that a view would return."""

    @app.get("/")
    async def view() -> quart.Response:
        return await app.make_response("text", 201, {"X-Key": "value"})

    response = await get(app, "/")

    assert (201, "text", "value") == (response.status, response.text, response.headers["X-Key"])


# Templates rendered by sync code


async def test_a_template_rendered_on_the_loop(app: Quart) -> None:
    """`template.render()` works on the loop, where the template waits for nothing."""

    @app.get("/")
    async def view() -> str:
        template = app.jinja_env.from_string("{% for n in numbers %}{{ n }}{% endfor %}")
        return template.render(numbers=[1, 2]) + "".join(template.generate(numbers=[3]))

    assert "123" == (await get(app, "/")).text


async def test_a_template_that_waits_on_the_loop(app: Quart) -> None:
    """One that waits for something says how to render it."""

    async def slow() -> str:
        await asyncio.sleep(0)
        return "slow"

    template = app.jinja_env.from_string("{{ slow() }}")

    with pytest.raises(RuntimeError, match="render_async"):
        template.render(slow=slow)
    assert "slow" == await run_sync(template.render)(slow=slow)


def test_a_template_without_a_loop(app: Quart) -> None:
    """Without a loop, as in a command or a thread of one's own, one is made."""

    async def value() -> str:
        await asyncio.sleep(0)
        return "value"

    assert "value" == app.jinja_env.from_string("{{ value() }}").render(value=value)


class Shouting(Extension):
    """A tag as extensions for Flask have it: it wants the text of its block."""

    tags: ClassVar = {"shout"}

    def parse(self, parser: Any) -> nodes.Node:
        line = next(parser.stream).lineno
        body = parser.parse_statements(("name:endshout",), drop_needle=True)
        return nodes.CallBlock(self.call_method("_shout"), [], [], body).set_lineno(line)

    def _shout(self, caller: Any) -> str:
        return caller().upper() + self.environment.mark  # type: ignore[no-any-return,attr-defined]


class Whispering(Shouting):
    """One that is written for async templates."""

    tags: ClassVar = {"whisper"}

    def parse(self, parser: Any) -> nodes.Node:
        line = next(parser.stream).lineno
        body = parser.parse_statements(("name:endwhisper",), drop_needle=True)
        return nodes.CallBlock(self.call_method("_whisper"), [], [], body).set_lineno(line)

    async def _whisper(self, caller: Any) -> str:
        return (await caller()).lower()  # type: ignore[no-any-return]


async def _in_both(app: Quart, source: str, **values: Any) -> list[str]:
    """What a template becomes in a `def` view and in an `async` one."""

    @app.get("/def")
    def sync() -> str:
        return quart.render_template_string(source, **values)  # type: ignore[return-value]

    @app.get("/async")
    async def waiting() -> str:
        return await quart.render_template_string(source, **values)

    @app.get("/flask")
    def of_flask() -> str:
        return flask.render_template_string(source, **values)

    return [(await get(app, path)).text for path in ("/def", "/async", "/flask")]


async def test_tags_of_extensions_of_jinja(app: Quart) -> None:
    """They get text in sync and async views; what the environment is given later is there."""
    app.jinja_env.add_extension(Shouting)
    app.jinja_env.mark = "!"  # type: ignore[attr-defined]

    texts = await _in_both(app, "{% shout %}{{ word }}{% endshout %}", word="word")

    assert ["WORD!"] * 3 == texts


async def test_tags_for_async_templates(app: Quart) -> None:
    """An extension that is written for an async environment has it in sync views, too."""
    app.jinja_env.add_extension(Whispering)

    texts = await _in_both(app, "{% whisper %}{{ word }}{% endwhisper %}", word="WORD")

    assert ["word"] * 3 == texts


async def test_async_functions_in_templates_of_sync_code(app: Quart) -> None:
    """Functions, filters, tests and iterables may be async, within macros, too."""

    async def double(value: str) -> str:
        await asyncio.sleep(0)
        return value * 2

    async def items() -> Any:
        for item in "ab":
            await asyncio.sleep(0)
            yield item

    async def short(value: str) -> bool:
        return len(value) < 3

    app.add_template_filter(double)
    app.add_template_test(short)
    app.add_template_global(double, "twice")
    app.add_template_global(items)

    texts = await _in_both(
        app,
        "{% macro m(x) %}{{ twice(x) }}{% endmacro %}"
        "{% for item in items() %}{{ loop.index }}{{ m(item)|double|upper }}{% endfor %}"
        "{{ 'c'|double|length }}{{ 'abc' is short }}{{ 'long' if 'abc' is not short }}",
    )

    assert ["1AAAA2BBBB2Falselong"] * 3 == texts


async def test_sync_code_renders_in_its_thread(app: Quart, tmp_path: Path) -> None:
    """So do the sync context processors; async ones run on the loop, and signals are sent."""
    (tmp_path / "templates").mkdir()
    (tmp_path / "templates" / "base.html").write_text("<{% block a %}{% endblock %}>")
    (tmp_path / "templates" / "page.html").write_text(
        "{% extends 'base.html' %}{% block a %}{{ here() }} {{ sync }} {{ waited }}{% endblock %}"
    )
    signals = []

    async def note(sender: Quart, template: Any, context: Any) -> None:
        signals.append((template.name, context["own"]))

    @app.context_processor
    def processor() -> dict[str, object]:
        return {"sync": threading.get_ident(), "own": "processor's"}

    @app.context_processor
    async def waiting() -> dict[str, object]:
        await asyncio.sleep(0)
        return {"waited": threading.get_ident()}

    @app.get("/")
    def view() -> str:
        text = quart.render_template("page.html", here=threading.get_ident, own="own")
        return f"{threading.get_ident()} {text}"

    with (
        quart.template_rendered.connected_to(note, app),
        quart.before_render_template.connected_to(note, app),
    ):
        numbers = (await get(app, "/")).text.replace("<", "").replace(">", "").split()

    assert [numbers[0], numbers[0], str(threading.get_ident())] == numbers[1:]
    assert [("page.html", "own")] * 2 == signals


async def test_templates_of_sync_code_with_a_cache_of_bytecode(app: Quart, tmp_path: Path) -> None:
    """The cache has the async form of a template; sync code compiles its own."""
    (tmp_path / "templates").mkdir()
    (tmp_path / "templates" / "page.html").write_text("{{ [1, 2]|join }}")
    app.jinja_options = {"bytecode_cache": FileSystemBytecodeCache(str(tmp_path))}

    @app.get("/async")
    async def waiting() -> str:
        return await quart.render_template("page.html")

    @app.get("/def")
    def view() -> str:
        return quart.render_template("page.html")  # type: ignore[return-value]

    assert ["12"] * 3 == [(await get(app, path)).text for path in ("/async", "/def", "/async")]


# Copies of contexts


async def test_a_copy_entered_within_its_context(app: Quart) -> None:
    """It is the same context once more: `g` is shared, and nothing is torn down twice."""
    events = []
    app.teardown_request(lambda error: events.append("request"))
    app.teardown_appcontext(lambda error: events.append("app"))

    @app.get("/")
    async def view() -> str:
        quart.g.value = "shared"
        async with quart.globals.app_ctx.copy():
            events.append(quart.g.value)
            quart.g.value = "changed"
        events.append(quart.g.value)
        return quart.request.path

    assert "/" == (await get(app, "/")).text
    assert ["shared", "changed", "request", "app"] == events


async def test_a_copy_entered_later(app: Quart) -> None:
    """After the request it is a context of its own, closed when it is left."""
    events = []
    copies = []
    app.teardown_appcontext(lambda error: events.append("app"))

    @app.get("/")
    async def view() -> str:
        quart.g.value = "of the request"
        copies.append(quart.globals.app_ctx.copy())
        return ""

    await request(app, "GET", "/")
    async with copies[0]:
        events.append(quart.g.get("value", "nothing"))
        events.append(quart.request.path)

    assert ["app", "nothing", "/", "app"] == events


def test_a_copy_without_a_loop(app: Quart) -> None:
    """`with` outside a loop does the same."""
    with app.app_context() as ctx:
        quart.g.value = "shared"
        with ctx.copy():
            assert "shared" == quart.g.value
        assert "shared" == quart.g.value


# Arguments that Quart and Flask name otherwise


@pytest.mark.parametrize("name", ["f", "func"])
async def test_after_this_request_by_name(app: Quart, name: str) -> None:
    """`f` is Flask's name, `func` Quart's."""

    async def after(response: quart.Response) -> quart.Response:
        response.headers["X-After"] = name
        return response

    @app.get("/")
    async def view() -> str:
        assert after == quart.after_this_request(**{name: after})
        with pytest.raises(TypeError, match="function is missing"):
            quart.after_this_request()
        return ""

    assert name == (await get(app, "/")).headers["X-After"]


@pytest.mark.parametrize("name", ["f", "func"])
async def test_after_this_websocket_by_name(app: Quart, name: str) -> None:
    called = []

    @app.websocket("/ws")
    async def ws() -> None:
        quart.ctx.after_this_websocket(**{name: called.append})
        await quart.websocket.accept()

    async with connect(app, "/ws") as ws_:
        with pytest.raises(Closed):
            await ws_.receive()

    assert [None] == called


@pytest.mark.parametrize("name", ["f", "func"])
async def test_copy_current_request_context_by_name(app: Quart, name: str) -> None:
    @app.get("/path")
    async def view() -> str:
        async def work() -> str:
            return quart.request.path

        return await quart.copy_current_request_context(**{name: work})()

    assert "/path" == (await get(app, "/path")).text


@pytest.mark.parametrize("name", ["f", "fn"])
def test_with_appcontext_by_name(app: Quart, name: str) -> None:
    def command() -> None:
        click.echo(quart.current_app.name)

    app.cli.add_command(click.Command("name", callback=with_appcontext(**{name: command})))

    assert "flask_code\n" == app.test_cli_runner().invoke(args=["name"]).output


@pytest.mark.parametrize("name", ["request", "websocket"])
async def test_a_websocket_context_by_name(app: Quart, name: str) -> None:
    """Up to Quart 0.22 its argument was called `request`."""

    @app.websocket("/ws")
    async def ws() -> None:
        websocket: Any = quart.websocket._get_current_object()  # type: ignore[attr-defined]
        context = quart.ctx.WebsocketContext(app, **{name: websocket})
        await quart.websocket.send(str(context.websocket is websocket))

    async with connect(app, "/ws") as ws_:
        assert "True" == await ws_.receive()


@pytest.mark.parametrize("name", ["e", "error"])
async def test_on_json_loading_failed_by_name(app: Quart, name: str) -> None:
    """A request class may pass the error on by either name."""

    class Request(quart.Request):
        def on_json_loading_failed(self, error: Exception | None) -> Any:  # type: ignore[override]
            return super().on_json_loading_failed(**{name: error})

    app.request_class = Request
    app.debug = True
    app.config["PROPAGATE_EXCEPTIONS"] = False

    @app.post("/")
    async def view() -> Any:
        return await quart.request.get_json()

    response = await post(app, "/", body=b"{", headers={"content-type": "application/json"})

    assert 400 == response.status
    assert "Failed to decode JSON object" in response.text


def test_names_of_helpers() -> None:
    """What could be imported from `quart.helpers` before still can."""

    assert "/static/file.css" == quart.helpers.safe_join("/static", "file.css")
    assert quart.helpers.safe_join("/static", "../secret") is None
    assert "application/octet-stream" == quart.helpers.DEFAULT_MIMETYPE
