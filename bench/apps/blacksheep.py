"""BlackSheep (compiled): bound parameters, and middleware functions around the handler."""

from typing import Any

from blacksheep import (
    Application,
    FromCookie,
    FromHeader,
    FromJSON,
    FromQuery,
    Request,
    Response,
    Router,
    StreamedContent,
    WebSocket,
    WebSocketDisconnectError,
    json,
    text,
)
from blacksheep.server.rendering.jinja2 import JinjaRenderer
from blacksheep.server.responses import view
from blacksheep.settings.html import html_settings
from jinja2 import DictLoader

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
    "def_hooks": "`def` hooks are called on the loop.",
    "def_view": "`def` views are called on the loop.",
}


class RequestID(FromHeader[str]):
    name = "X-Request-ID"


FIVE = [(name.encode(), value.encode()) for name, value in FIVE_HEADERS.items()]
THREE = [(name.encode(), value.encode()) for name, value in THREE_HEADERS.items()]


async def hello():
    return text(GREETING)


async def show_path(name: str):
    return text(name)


async def wait_once():
    await wait()
    return text(GREETING)


async def with_headers():
    response = text(GREETING)
    for name, value in FIVE:
        response.add_header(name, value)
    return response


async def show_item(id: int, page: FromQuery[str], theme: FromCookie[str]):
    await wait()
    return json(item(id, page.value, theme.value))


async def set_headers(request, handler):
    response = await handler(request)
    for name, value in THREE:
        response.set_header(name, value)
    return response


def def_hello():
    return text(GREETING)


async def show_user(id: int):
    return json(user(id))


async def echo_document(document: FromJSON[dict[str, Any]]):
    return json(document.value)


async def read_values(q: FromQuery[str], id: RequestID, theme: FromCookie[str]):
    return text(f"{q.value}, {id.value}, {theme.value}")


async def show_rows():
    return view("rows", {"title": "Ten rows", "rows": ROWS})


async def visit(request: Request):
    request.session["visits"] = request.session.get("visits", 0) + 1
    return text(str(request.session["visits"]))


async def stream():
    return Response(200, content=StreamedContent(b"application/octet-stream", chunks))


async def upload(request: Request):
    form = await request.form()
    file = form["file"][0]
    return text(f"{form['title']}, {form['state']}, {len(file.data)}")


async def echo(websocket: WebSocket):
    await websocket.accept()
    try:
        while True:
            await websocket.send_text(await websocket.receive_text())
    except WebSocketDisconnectError:
        pass


async def async_hook(request, handler):
    await before(request)
    response = await handler(request)
    await after(request, response)
    return response


async def before(request):
    calls.before += 1


async def after(request, response):
    calls.after += 1


async def def_hook(request, handler):
    calls.before += 1
    response = await handler(request)
    calls.after += 1
    return response


def make_app():
    return Application(router=Router())


def greeter(handler=hello):
    app = make_app()
    app.router.add_get("/", handler)
    return app


def plain():
    app = greeter()
    app.router.add_get("/user/{int:id}", show_user)
    app.router.add_get("/files/{path:name}", show_path)
    app.router.add_get("/wait", wait_once)
    app.router.add_get("/headers", with_headers)
    return app


def application():
    app = make_app()
    app.middlewares.append(set_headers)
    app.router.add_get("/items/{int:id}", show_item)
    return app


def many_routes():
    app = make_app()
    for i in range(RESOURCES):
        app.router.add_get(f"/resource{i}", hello)
        app.router.add_get(f"/resource{i}/{{int:id}}", show_user)
    return app


def async_hooks():
    app = greeter()
    app.middlewares.extend([async_hook] * HOOKS)
    return app


def def_hooks():
    app = greeter()
    app.middlewares.extend([def_hook] * HOOKS)
    return app


def def_view():
    return greeter(def_hello)


def values():
    app = make_app()
    app.router.add_post("/document", echo_document)
    app.router.add_get("/values", read_values)
    return app


def template():
    pages = {"rows.jinja": (TEMPLATES / "rows.html").read_text()}
    html_settings.use(JinjaRenderer(DictLoader(pages)))
    app = make_app()
    app.router.add_get("/rows", show_rows)
    return app


def with_session():
    app = greeter()
    app.use_sessions(SECRET)
    app.router.add_get("/visit", visit)
    return app


def streaming():
    app = make_app()
    app.router.add_get("/stream", stream)
    return app


def uploading():
    app = make_app()
    app.router.add_post("/upload", upload)
    return app


def echoing():
    app = make_app()
    app.router.add_ws("/echo", echo)
    return app
