"""One application of all that Quart sends, in the middleware that MIDDLEWARE names."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from asgi_correlation_id import CorrelationIdMiddleware
from brotli_asgi import BrotliMiddleware
from opentelemetry.instrumentation.asgi import OpenTelemetryMiddleware
from starlette.middleware.cors import CORSMiddleware
from starlette.middleware.gzip import GZipMiddleware

from quart import Quart, ServerSentEvent, send_file, sse_response, websocket
from quart.middleware import ProxyFix, SameSite

FILE = Path(__file__)


def without_pathsend(app: Any) -> Any:
    """Hide from `app` that the server sends files by their paths, which BrotliMiddleware loses."""

    async def hiding(scope: Any, receive: Any, send: Any) -> None:
        extensions = dict(scope.get("extensions") or {})
        extensions.pop("http.response.pathsend", None)
        await app({**scope, "extensions": extensions}, receive, send)

    return hiding


WRAPPERS: dict[str, Callable[[Any], Any]] = {
    "nothing": lambda app: app,
    "GZipMiddleware": GZipMiddleware,
    "CORSMiddleware": lambda app: CORSMiddleware(app, allow_origins=["*"]),
    "BrotliMiddleware": lambda app: without_pathsend(BrotliMiddleware(app)),
    "CorrelationIdMiddleware": CorrelationIdMiddleware,
    "OpenTelemetryMiddleware": OpenTelemetryMiddleware,
    "ProxyFix": ProxyFix,
    "SameSite": SameSite,
}


def make_app() -> Quart:
    app = Quart(__name__)
    app.asgi_app = WRAPPERS[os.environ["MIDDLEWARE"]](app.asgi_app)
    sent: list[str] = []

    @app.get("/stream")
    async def stream():
        async def pieces():
            for number in range(5):
                yield f"{number}" * 1000

        return pieces()

    @app.get("/events")
    async def events():
        async def each():
            yield ServerSentEvent("first")
            await app.shutdown_event.wait()

        return sse_response(each())

    @app.get("/file")
    async def file():
        return await send_file(FILE)

    @app.get("/sent")
    async def types():
        """The types of the messages that left the application for `/file`."""
        return sent

    @app.websocket("/ws")
    async def ws():
        while True:
            await websocket.send(await websocket.receive())

    inside = app.asgi_app

    async def noting(scope, receive, send):
        async def note(message):
            if scope.get("path") == "/file":
                sent.append(message["type"])
            await send(message)

        await inside(scope, receive, note)

    app.asgi_app = noting
    return app
