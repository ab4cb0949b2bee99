"""Stages that a subclass overrides, and bodies, for mypy and pyright: nothing here runs."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import assert_type

from werkzeug.exceptions import HTTPException
from werkzeug.sansio.response import Response as SansIOResponse

from quart import Quart, Request, Response, Websocket
from quart.ctx import AppContext
from quart.typing import ResponseReturnValue


class Stages(Quart):
    async def finalize_request(
        self,
        ctx: AppContext | None = None,
        result: object = None,
        from_error_handler: bool = False,
        request_context: AppContext | None = None,
        websocket_context: AppContext | None = None,
    ) -> Response:
        response = await super().finalize_request(ctx, result, from_error_handler)
        response.headers["X-A"] = "b"
        return response

    async def process_response(
        self,
        ctx: AppContext | None = None,
        response: SansIOResponse | None = None,
        request_context: AppContext | None = None,
        websocket_context: AppContext | None = None,
    ) -> Response:
        processed = await super().process_response(ctx, response)
        processed.set_cookie("a", "b")
        return processed

    async def handle_user_exception(
        self, ctx: AppContext | None = None, error: BaseException | None = None
    ) -> ResponseReturnValue | HTTPException:
        return await super().handle_user_exception(ctx, error)


async def call(app: Stages, request: Request, websocket: Websocket) -> None:
    assert_type(await app.handle_request(request), Response)
    assert_type(await app.handle_websocket(websocket), Response | None)


def chunks() -> Iterator[str | bytes]:
    yield "a"


async def later() -> AsyncIterator[bytes]:
    yield b"a"


responses = [
    Response(chunks()),
    Response(later()),
    Response(["a", b"b"]),
    Response(b"a"),
    Response(bytearray(b"a")),
]
