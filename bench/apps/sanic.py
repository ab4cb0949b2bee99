"""Sanic under ASGI: request and response middleware are its hooks; `sanic-ext` has templates."""

from types import FunctionType

from sanic import Sanic
from sanic.response import json, text
from sanic_ext import render

from apps.common import (
    CHUNK,
    CHUNKS,
    FIVE_HEADERS,
    GREETING,
    HOOKS,
    RESOURCES,
    ROWS,
    TEMPLATES,
    THREE_HEADERS,
    calls,
    item,
    user,
    wait,
)

UNEQUAL = {
    "def_hooks": "`def` hooks are called on the loop.",
    "def_view": "`def` views are called on the loop.",
}
MISSING = {"with_session": "it has no sessions."}


async def hello(request):
    return text(GREETING)


async def show_path(request, name: str):
    return text(name)


async def wait_once(request):
    await wait()
    return text(GREETING)


async def with_headers(request):
    return text(GREETING, headers=FIVE_HEADERS)


async def show_item(request, id: int):
    page, theme = request.args.get("page"), request.cookies.get("theme")
    await wait()
    return json(item(id, page, theme))


async def set_headers(request, response):
    for name, value in THREE_HEADERS.items():
        response.headers[name] = value


def def_hello(request):
    return text(GREETING)


async def show_user(request, id: int):
    return json(user(id))


async def echo_document(request):
    return json(request.json)


async def read_values(request):
    word, id = request.args.get("q"), request.headers["x-request-id"]
    return text(f"{word}, {id}, {request.cookies.get('theme')}")


async def show_rows(request):
    context = {"title": "Ten rows", "rows": ROWS}
    return await render("rows.html", app=request.app, context=context)


async def stream(request):
    response = await request.respond(content_type="application/octet-stream")
    for _ in range(CHUNKS):
        await response.send(CHUNK)
    await response.eof()


async def upload(request):
    form, file = request.form, request.files.get("file")
    return text(f"{form.get('title')}, {form.get('state')}, {len(file.body)}")


async def echo(request, ws):
    while (message := await ws.recv()) is not None:
        await ws.send(message)


async def before(request):
    calls.before += 1


async def after(request, response):
    calls.after += 1


def def_before(request):
    calls.before += 1


def def_after(request, response):
    calls.after += 1


def make_app(name, extend=False):
    app = Sanic(name, configure_logging=False)
    app.config.AUTO_EXTEND = extend
    return app


def greeter(name, handler=hello):
    app = make_app(name)
    app.add_route(handler, "/")
    return app


def plain():
    app = greeter("plain")
    app.add_route(show_user, "/user/<id:int>")
    app.add_route(show_path, "/files/<name:path>")
    app.add_route(wait_once, "/wait")
    app.add_route(with_headers, "/headers")
    return app


def application():
    app = make_app("application")
    app.add_route(show_item, "/items/<id:int>")
    app.on_response(set_headers)
    return app


def many_routes():
    app = make_app("many_routes")
    for i in range(RESOURCES):
        app.add_route(hello, f"/resource{i}", name=f"hello{i}")
        app.add_route(show_user, f"/resource{i}/<id:int>", name=f"user{i}")
    return app


def async_hooks():
    return with_hooks("async_hooks", before, after)


def def_hooks():
    return with_hooks("def_hooks", def_before, def_after)


def with_hooks(name, before, after):
    app = greeter(name)
    for _ in range(HOOKS):
        # Sanic keeps one entry per function object: each hook has to be a new one.
        app.on_request(copy(before))
        app.on_response(copy(after))
    return app


def copy(func):
    return FunctionType(func.__code__, func.__globals__)


def def_view():
    return greeter("def_view", def_hello)


def values():
    app = make_app("values")
    app.add_route(echo_document, "/document", methods=["POST"])
    app.add_route(read_values, "/values")
    return app


def template():
    app = make_app("template", extend=True)
    app.config.TEMPLATING_PATH_TO_TEMPLATES = str(TEMPLATES)
    app.config.OAS = False

    @app.after_server_start
    async def keep_templates(app):
        app.ext.environment.auto_reload = False

    app.add_route(show_rows, "/rows")
    return app


def streaming():
    app = make_app("streaming")
    app.add_route(stream, "/stream")
    return app


def uploading():
    app = make_app("uploading")
    app.add_route(upload, "/upload", methods=["POST"])
    return app


def echoing():
    app = make_app("echoing")
    app.add_websocket_route(echo, "/echo")
    return app
