"""Starlette, by its ordinary means."""

from starlette.applications import Starlette
from starlette.responses import JSONResponse, StreamingResponse
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from apps.bodies.common import CHUNK, CHUNKS, ITEMS


async def receive_form(request):
    async with request.form() as form:
        content = await form["file"].read()
        fields = sum(len(value) for value in form.values() if isinstance(value, str))
        return JSONResponse({"size": len(content), "fields": fields})


async def stream(request):
    async def chunks():
        for _ in range(CHUNKS):
            yield CHUNK

    return StreamingResponse(chunks())


async def items(request):
    return StreamingResponse(item for item in ITEMS)


async def echo(request):
    return JSONResponse(await request.json())


def make_app(folder):
    return Starlette(
        routes=[
            Route("/form", receive_form, methods=["POST"]),
            Route("/stream", stream),
            Route("/items", items),
            Route("/json", echo, methods=["POST"]),
            Mount("/static", StaticFiles(directory=folder)),
        ]
    )
