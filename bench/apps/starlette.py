"""Starlette: hooks are pure ASGI middleware, its faster means (`BaseHTTPMiddleware` is slower)."""

from starlette.applications import Starlette
from starlette.datastructures import MutableHeaders
from starlette.middleware import Middleware
from starlette.middleware.sessions import SessionMiddleware
from starlette.responses import JSONResponse, PlainTextResponse, StreamingResponse
from starlette.routing import Route, WebSocketRoute
from starlette.templating import Jinja2Templates

from apps.asgi_hooks import UNEQUAL_HOOKS, AsyncHook, DefHook
from apps.common import (
    FIVE_HEADERS,
    GREETING,
    HOOKS,
    RESOURCES,
    ROWS,
    SECRET,
    TEMPLATES,
    THREE_HEADERS,
    chunks,
    item,
    user,
    wait,
)

UNEQUAL = UNEQUAL_HOOKS

templates = Jinja2Templates(TEMPLATES)
templates.env.auto_reload = False


async def hello(request):
    return PlainTextResponse(GREETING)


async def show_path(request):
    return PlainTextResponse(request.path_params["name"])


async def wait_once(request):
    await wait()
    return PlainTextResponse(GREETING)


async def with_headers(request):
    return PlainTextResponse(GREETING, headers=FIVE_HEADERS)


async def show_item(request):
    page, theme = request.query_params["page"], request.cookies["theme"]
    await wait()
    return JSONResponse(item(request.path_params["id"], page, theme))


class SetHeaders:
    def __init__(self, app):
        self.app = app

    async def __call__(self, scope, receive, send):
        if scope["type"] != "http":
            return await self.app(scope, receive, send)

        async def send_after(message):
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in THREE_HEADERS.items():
                    headers[name] = value
            await send(message)

        await self.app(scope, receive, send_after)


def def_hello(request):
    return PlainTextResponse(GREETING)


async def show_user(request):
    return JSONResponse(user(request.path_params["id"]))


async def echo_document(request):
    return JSONResponse(await request.json())


async def read_values(request):
    word, id = request.query_params["q"], request.headers["x-request-id"]
    return PlainTextResponse(f"{word}, {id}, {request.cookies['theme']}")


async def show_rows(request):
    return templates.TemplateResponse(request, "rows.html", {"title": "Ten rows", "rows": ROWS})


async def visit(request):
    request.session["visits"] = request.session.get("visits", 0) + 1
    return PlainTextResponse(str(request.session["visits"]))


async def stream(request):
    return StreamingResponse(chunks())


async def upload(request):
    async with request.form() as form:
        size = len(await form["file"].read())
        return PlainTextResponse(f"{form['title']}, {form['state']}, {size}")


async def echo(websocket):
    await websocket.accept()
    async for text in websocket.iter_text():
        await websocket.send_text(text)


def plain():
    return Starlette(
        routes=[
            Route("/", hello),
            Route("/user/{id:int}", show_user),
            Route("/files/{name:path}", show_path),
            Route("/wait", wait_once),
            Route("/headers", with_headers),
        ]
    )


def application():
    return Starlette(
        routes=[Route("/items/{id:int}", show_item)], middleware=[Middleware(SetHeaders)]
    )


def many_routes():
    routes = []
    for i in range(RESOURCES):
        routes.append(Route(f"/resource{i}", hello))
        routes.append(Route(f"/resource{i}/{{id:int}}", show_user))
    return Starlette(routes=routes)


def async_hooks():
    return Starlette(routes=[Route("/", hello)], middleware=[Middleware(AsyncHook)] * HOOKS)


def def_hooks():
    return Starlette(routes=[Route("/", hello)], middleware=[Middleware(DefHook)] * HOOKS)


def def_view():
    return Starlette(routes=[Route("/", def_hello)])


def values():
    return Starlette(
        routes=[
            Route("/document", echo_document, methods=["POST"]),
            Route("/values", read_values),
        ]
    )


def template():
    return Starlette(routes=[Route("/rows", show_rows)])


def with_session():
    return Starlette(
        routes=[Route("/", hello), Route("/visit", visit)],
        middleware=[Middleware(SessionMiddleware, secret_key=SECRET)],
    )


def streaming():
    return Starlette(routes=[Route("/stream", stream)])


def uploading():
    return Starlette(routes=[Route("/upload", upload, methods=["POST"])])


def echoing():
    return Starlette(routes=[WebSocketRoute("/echo", echo)])
