"""Litestar: only one `before_request` applies to a route, so hooks are ASGI middleware."""

from pathlib import Path
from typing import Annotated, Any

from litestar import Litestar, MediaType, Request, Response, WebSocket, get, post, websocket
from litestar.contrib.jinja import JinjaTemplateEngine
from litestar.datastructures import UploadFile
from litestar.enums import RequestEncodingType
from litestar.exceptions import WebSocketDisconnect
from litestar.middleware.session.client_side import CookieBackendConfig
from litestar.params import Body, Parameter
from litestar.response import Stream, Template
from litestar.template import TemplateConfig

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

UNEQUAL = UNEQUAL_HOOKS | {
    "values": "Its parameters are validated against their annotations.",
    "with_session": "Its session in a cookie is encrypted (AES-GCM), not signed.",
}


async def hello() -> str:
    return GREETING


async def show_path(name: Path) -> str:
    return str(name).lstrip("/")


async def wait_once() -> str:
    await wait()
    return GREETING


async def with_headers() -> Response[str]:
    return Response(GREETING, headers=FIVE_HEADERS)


async def show_item(
    id: int, page: str, theme: Annotated[str, Parameter(cookie="theme")]
) -> dict[str, object]:
    await wait()
    return item(id, page, theme)


async def set_headers(response: Response[Any]) -> Response[Any]:
    for name, value in THREE_HEADERS.items():
        response.headers[name] = value
    return response


def def_hello() -> str:
    return GREETING


async def show_user(id: int) -> dict[str, object]:
    return user(id)


async def echo_document(data: dict[str, Any]) -> dict[str, Any]:
    return data


async def read_values(
    q: str,
    id: Annotated[str, Parameter(header="X-Request-ID")],
    theme: Annotated[str, Parameter(cookie="theme")],
) -> str:
    return f"{q}, {id}, {theme}"


async def show_rows() -> Template:
    return Template("rows.html", context={"title": "Ten rows", "rows": ROWS})


async def visit(request: Request[Any, Any, Any]) -> str:
    request.session["visits"] = request.session.get("visits", 0) + 1
    return str(request.session["visits"])


async def stream() -> Stream:
    return Stream(chunks())


async def upload(
    data: Annotated[dict[str, Any], Body(media_type=RequestEncodingType.MULTI_PART)],
) -> str:
    file: UploadFile = data["file"]
    return f"{data['title']}, {data['state']}, {len(await file.read())}"


async def echo(socket: WebSocket[Any, Any, Any]) -> None:
    await socket.accept()
    try:
        while True:
            await socket.send_text(await socket.receive_text())
    except WebSocketDisconnect:
        pass


def make_app(*handlers, **options):
    return Litestar(handlers, openapi_config=None, **options)


def greeter(middleware=()):
    return make_app(get("/", media_type=MediaType.TEXT)(hello), middleware=middleware)


def plain():
    return make_app(
        get("/", media_type=MediaType.TEXT)(hello),
        get("/user/{id:int}")(show_user),
        get("/files/{name:path}", media_type=MediaType.TEXT)(show_path),
        get("/wait", media_type=MediaType.TEXT)(wait_once),
        get("/headers", media_type=MediaType.TEXT)(with_headers),
    )


def application():
    return make_app(get("/items/{id:int}")(show_item), after_request=set_headers)


def many_routes():
    handlers = []
    for i in range(RESOURCES):
        handlers.append(get(f"/resource{i}", media_type=MediaType.TEXT)(hello))
        handlers.append(get(f"/resource{i}/{{id:int}}")(show_user))
    return make_app(*handlers)


def async_hooks():
    return greeter([AsyncHook] * HOOKS)


def def_hooks():
    return greeter([DefHook] * HOOKS)


def def_view():
    return make_app(get("/", media_type=MediaType.TEXT, sync_to_thread=True)(def_hello))


def values():
    return make_app(
        post("/document", status_code=200)(echo_document),
        get("/values", media_type=MediaType.TEXT)(read_values),
    )


def template():
    engine = JinjaTemplateEngine(TEMPLATES)
    engine.engine.auto_reload = False
    return make_app(get("/rows")(show_rows), template_config=TemplateConfig(instance=engine))


def with_session():
    session = CookieBackendConfig(secret=SECRET.encode())
    return make_app(
        get("/", media_type=MediaType.TEXT)(hello),
        get("/visit", media_type=MediaType.TEXT)(visit),
        middleware=[session.middleware],
    )


def streaming():
    return make_app(get("/stream")(stream))


def uploading():
    return make_app(post("/upload", status_code=200, media_type=MediaType.TEXT)(upload))


def echoing():
    return make_app(websocket("/echo")(echo))
