"""Litestar, by its ordinary means."""

from litestar import Litestar, Request, get, post
from litestar.response import Stream
from litestar.static_files import create_static_files_router

from apps.bodies.common import CHUNK, CHUNKS, ITEMS


@post("/form", status_code=200)
async def receive_form(request: Request) -> dict[str, int]:
    form = await request.form()
    content = await form["file"].read()
    fields = sum(len(value) for value in form.values() if isinstance(value, str))
    return {"size": len(content), "fields": fields}


@get("/stream")
async def stream() -> Stream:
    async def chunks():
        for _ in range(CHUNKS):
            yield CHUNK

    return Stream(chunks())


@get("/items")
async def items() -> Stream:
    return Stream(item for item in ITEMS)


@post("/json", status_code=200)
async def echo(request: Request) -> dict[str, object]:
    return await request.json()


def make_app(folder):
    static = create_static_files_router("/static", [folder])
    handlers = [receive_form, stream, items, echo, static]
    return Litestar(handlers, openapi_config=None)
