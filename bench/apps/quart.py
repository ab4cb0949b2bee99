"""Quart: this one file is asked of PyPI's Quart 0.22 and of this checkout."""

from apps.common import (
    FIVE_HEADERS,
    GREETING,
    HOOKS,
    RESOURCES,
    ROWS,
    SECRET,
    THREE_HEADERS,
    calls,
    chunks,
    item,
    user,
    wait,
)
from quart import Quart, render_template, request, session, websocket

UNEQUAL = {
    "plain": "A string is `text/html`, here and below, as in Flask; for others `text/plain`.",
    "template": "Jinja renders in its async mode, which awaits what can be awaited.",
    "values": "JSON has its keys sorted and is in ASCII, as in Flask.",
    "def_hooks": "`def` hooks run in a thread, so that one that blocks does not stop the loop.",
}


async def hello():
    return GREETING


async def show_user(id: int):
    return user(id)


async def show_path(name: str):
    return name


async def wait_once():
    await wait()
    return GREETING


async def with_headers():
    return GREETING, 200, FIVE_HEADERS


async def show_item(id: int):
    page, theme = request.args["page"], request.cookies["theme"]
    await wait()
    return item(id, page, theme)


async def set_headers(response):
    for name, value in THREE_HEADERS.items():
        response.headers[name] = value
    return response


def def_hello():
    return GREETING


async def echo_document():
    return await request.get_json()


async def read_values():
    word, id = request.args["q"], request.headers["X-Request-ID"]
    return f"{word}, {id}, {request.cookies['theme']}"


async def show_rows():
    return await render_template("rows.html", title="Ten rows", rows=ROWS)


async def visit():
    session["visits"] = session.get("visits", 0) + 1
    return str(session["visits"])


async def stream():
    return chunks()


async def upload():
    form, files = await request.form, await request.files
    return f"{form['title']}, {form['state']}, {len(files['file'].read())}"


async def echo():
    while True:
        await websocket.send(await websocket.receive())


async def before():
    calls.before += 1


async def after(response):
    calls.after += 1
    return response


def def_before():
    calls.before += 1


def def_after(response):
    calls.after += 1
    return response


def make_app():
    return Quart("apps", static_folder=None)


def greeter(view=hello):
    app = make_app()
    app.add_url_rule("/", "hello", view)
    return app


def plain():
    app = greeter()
    app.add_url_rule("/user/<int:id>", "user", show_user)
    app.add_url_rule("/files/<path:name>", "files", show_path)
    app.add_url_rule("/wait", "wait", wait_once)
    app.add_url_rule("/headers", "headers", with_headers)
    return app


def application():
    app = make_app()
    app.add_url_rule("/items/<int:id>", "item", show_item)
    app.after_request(set_headers)
    return app


def many_routes():
    app = make_app()
    for i in range(RESOURCES):
        app.add_url_rule(f"/resource{i}", f"hello{i}", hello)
        app.add_url_rule(f"/resource{i}/<int:id>", f"user{i}", show_user)
    return app


def async_hooks():
    app = greeter()
    for _ in range(HOOKS):
        app.before_request(before)
        app.after_request(after)
    return app


def def_hooks():
    app = greeter()
    for _ in range(HOOKS):
        app.before_request(def_before)
        app.after_request(def_after)
    return app


def def_view():
    return greeter(def_hello)


def values():
    app = make_app()
    app.add_url_rule("/document", "document", echo_document, methods=["POST"])
    app.add_url_rule("/values", "values", read_values)
    return app


def template():
    app = make_app()
    app.add_url_rule("/rows", "rows", show_rows)
    return app


def with_session():
    app = greeter()
    app.secret_key = SECRET
    app.add_url_rule("/visit", "visit", visit)
    return app


def streaming():
    app = make_app()
    app.add_url_rule("/stream", "stream", stream)
    return app


def uploading():
    app = make_app()
    app.add_url_rule("/upload", "upload", upload, methods=["POST"])
    return app


def echoing():
    app = make_app()
    app.add_websocket("/echo", "echo", echo)
    return app
