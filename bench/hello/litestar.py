from typing import Any

from litestar import Litestar, MediaType, WebSocket, get, websocket


@get("/", media_type=MediaType.TEXT)
async def hello() -> str:
    return "Hello, world!"


@websocket("/echo")
async def echo(socket: WebSocket[Any, Any, Any]) -> None:
    await socket.accept()
    while True:
        await socket.send_text(await socket.receive_text())


app = Litestar([hello, echo], openapi_config=None)
