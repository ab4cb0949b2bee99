"""Emmett55 under ASGI: a hook is a pipe with `open_request` and `close_request`."""

import tempfile

from emmett55 import App, Pipe, request, response, session
from emmett55.sessions import SessionManager
from emmett55.tools import service
from jinja2 import Environment, FileSystemLoader

from apps.common import (
    FIVE_HEADERS,
    GREETING,
    HOOKS,
    RESOURCES,
    ROWS,
    SECRET,
    TEMPLATES,
    THREE_HEADERS,
    calls,
    chunks,
    item,
    user,
    wait,
)

UNEQUAL = {
    "async_hooks": "The closing half of a pipe gets no response as an argument.",
    "def_view": "`def` views are called on the loop.",
    "template": "It has no template engine of its own: a Jinja environment beside it.",
    "with_session": "Its session in a cookie is encrypted, not signed.",
}
MISSING = {
    "def_hooks": "its pipes have to be `async def`.",
    "echoing": "under ASGI its websockets fail: it knows no scope of the type `websocket`.",
}

templates = Environment(loader=FileSystemLoader(TEMPLATES), autoescape=True, auto_reload=False)


class AsyncHook(Pipe):
    async def open_request(self):
        calls.before += 1

    async def close_request(self):
        calls.after += 1


async def hello():
    response.content_type = "text/plain; charset=utf-8"
    return GREETING


async def show_path(name: str):
    response.content_type = "text/plain; charset=utf-8"
    return name


async def wait_once():
    await wait()
    response.content_type = "text/plain; charset=utf-8"
    return GREETING


async def with_headers():
    response.headers.update(FIVE_HEADERS)
    response.content_type = "text/plain; charset=utf-8"
    return GREETING


async def show_item(id: int):
    page, theme = request.query_params.page, request.cookies["theme"].value
    await wait()
    return item(id, page, theme)


class SetHeaders(Pipe):
    async def close_request(self):
        response.headers.update(THREE_HEADERS)


def def_hello():
    response.content_type = "text/plain; charset=utf-8"
    return GREETING


async def show_user(id: int):
    return user(id)


async def echo_document():
    return await request.body_params


async def read_values():
    word, id = request.query_params.q, request.headers["x-request-id"]
    response.content_type = "text/plain; charset=utf-8"
    return f"{word}, {id}, {request.cookies['theme'].value}"


async def show_rows():
    response.content_type = "text/html; charset=utf-8"
    return templates.get_template("rows.html").render(title="Ten rows", rows=ROWS)


async def visit():
    session.visits = (session.visits or 0) + 1
    response.content_type = "text/plain; charset=utf-8"
    return str(session.visits)


async def stream():
    return response.wrap_aiter(chunks())


async def upload():
    form, files = await request.body_params, await request.files
    response.content_type = "text/plain; charset=utf-8"
    return f"{form.title}, {form.state}, {len(files.file.read())}"


def make_app(name):
    # Emmett makes folders for logs and static files: give it a place for them.
    app = App(name, root_path=tempfile.mkdtemp())
    app.config.handle_static = False
    return app


def greeter(name, view=hello):
    app = make_app(name)
    app.route("/")(view)
    return app


def plain():
    app = greeter("plain")
    app.route("/user/<int:id>")(service.json(show_user))
    app.route("/files/<any:name>")(show_path)
    app.route("/wait")(wait_once)
    app.route("/headers")(with_headers)
    return app


def application():
    app = make_app("application")
    app.pipeline = [SetHeaders()]
    app.route("/items/<int:id>")(service.json(show_item))
    return app


def many_routes():
    app = make_app("many_routes")
    for i in range(RESOURCES):
        app.route(f"/resource{i}", name=f"hello{i}")(hello)
        app.route(f"/resource{i}/<int:id>", name=f"user{i}")(service.json(show_user))
    return app


def async_hooks():
    app = make_app("async_hooks")
    app.pipeline = [AsyncHook() for _ in range(HOOKS)]
    app.route("/")(hello)
    return app


def def_view():
    return greeter("def_view", def_hello)


def values():
    app = make_app("values")
    app.route("/document", methods="post")(service.json(echo_document))
    app.route("/values")(read_values)
    return app


def template():
    app = make_app("template")
    app.route("/rows")(show_rows)
    return app


def with_session():
    app = make_app("with_session")
    app.pipeline = [SessionManager.cookies(SECRET)]
    app.route("/")(hello)
    app.route("/visit")(visit)
    return app


def streaming():
    app = make_app("streaming")
    app.route("/stream")(stream)
    return app


def uploading():
    app = make_app("uploading")
    app.route("/upload", methods="post")(upload)
    return app
