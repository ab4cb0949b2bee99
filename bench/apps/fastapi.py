"""FastAPI: Starlette's middleware, its own parameters and JSON; the schema pages are off."""

from typing import Annotated, Any

from fastapi import Cookie, FastAPI, Form, Header, Request, UploadFile, WebSocket
from fastapi.responses import PlainTextResponse, StreamingResponse
from fastapi.templating import Jinja2Templates
from starlette.middleware.sessions import SessionMiddleware

from apps.asgi_hooks import UNEQUAL_HOOKS, AsyncHook, DefHook
from apps.common import (
    FIVE_HEADERS,
    GREETING,
    HOOKS,
    RESOURCES,
    ROWS,
    SECRET,
    TEMPLATES,
    chunks,
    item,
    user,
    wait,
)
from apps.starlette import SetHeaders

UNEQUAL = UNEQUAL_HOOKS | {"values": "Its parameters are validated against their annotations."}

templates = Jinja2Templates(TEMPLATES)
templates.env.auto_reload = False


async def hello():
    return GREETING


async def show_path(name: str):
    return name


async def wait_once():
    await wait()
    return GREETING


async def with_headers():
    return PlainTextResponse(GREETING, headers=FIVE_HEADERS)


async def show_item(id: int, page: str, theme: Annotated[str, Cookie()]) -> dict[str, Any]:
    await wait()
    return item(id, page, theme)


def def_hello():
    return GREETING


async def show_user(id: int) -> dict[str, Any]:
    return user(id)


async def echo_document(document: dict[str, Any]) -> dict[str, Any]:
    return document


async def read_values(
    q: str, x_request_id: Annotated[str, Header()], theme: Annotated[str, Cookie()]
):
    return f"{q}, {x_request_id}, {theme}"


async def show_rows(request: Request):
    return templates.TemplateResponse(request, "rows.html", {"title": "Ten rows", "rows": ROWS})


async def visit(request: Request):
    request.session["visits"] = request.session.get("visits", 0) + 1
    return str(request.session["visits"])


async def stream():
    return StreamingResponse(chunks())


async def upload(title: Annotated[str, Form()], state: Annotated[str, Form()], file: UploadFile):
    return f"{title}, {state}, {len(await file.read())}"


async def echo(websocket: WebSocket):
    await websocket.accept()
    async for text in websocket.iter_text():
        await websocket.send_text(text)


def make_app():
    return FastAPI(openapi_url=None)


def greeter(view=hello):
    app = make_app()
    app.get("/", response_class=PlainTextResponse)(view)
    return app


def plain():
    app = greeter()
    app.get("/user/{id}")(show_user)
    app.get("/files/{name:path}", response_class=PlainTextResponse)(show_path)
    app.get("/wait", response_class=PlainTextResponse)(wait_once)
    app.get("/headers")(with_headers)
    return app


def application():
    app = make_app()
    app.get("/items/{id}")(show_item)
    app.add_middleware(SetHeaders)
    return app


def many_routes():
    app = make_app()
    for i in range(RESOURCES):
        app.get(f"/resource{i}", response_class=PlainTextResponse)(hello)
        app.get(f"/resource{i}/{{id}}")(show_user)
    return app


def async_hooks():
    app = greeter()
    for _ in range(HOOKS):
        app.add_middleware(AsyncHook)
    return app


def def_hooks():
    app = greeter()
    for _ in range(HOOKS):
        app.add_middleware(DefHook)
    return app


def def_view():
    return greeter(def_hello)


def values():
    app = make_app()
    app.post("/document")(echo_document)
    app.get("/values", response_class=PlainTextResponse)(read_values)
    return app


def template():
    app = make_app()
    app.get("/rows")(show_rows)
    return app


def with_session():
    app = greeter()
    app.add_middleware(SessionMiddleware, secret_key=SECRET)
    app.get("/visit", response_class=PlainTextResponse)(visit)
    return app


def streaming():
    app = make_app()
    app.get("/stream")(stream)
    return app


def uploading():
    app = make_app()
    app.post("/upload", response_class=PlainTextResponse)(upload)
    return app


def echoing():
    app = make_app()
    app.websocket("/echo")(echo)
    return app
