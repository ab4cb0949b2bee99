"""Applications whose connections stay open, by hand, in Quart and in Starlette.

`/echo` sends back what comes, `/idle` waits for the client's leaving, `/sleep` reads nothing,
`/events` is an endless stream of events. Each connection that was torn down adds a byte to the
file that `TEARDOWNS` names, if any. `app` is what `APP` names.
"""

import asyncio
import os

TEARDOWNS = os.environ.get("TEARDOWNS")


def note_teardown():
    if TEARDOWNS:
        with open(TEARDOWNS, "ab", buffering=0) as file:
            file.write(b".")


def raw():
    async def app(scope, receive, send):
        if scope["type"] == "lifespan":
            while True:
                message = await receive()
                await send({"type": f"{message['type']}.complete"})
                if message["type"] == "lifespan.shutdown":
                    return
        await receive()
        await send({"type": "websocket.accept"})
        if scope["path"] == "/sleep":
            await asyncio.sleep(3600)
        while (message := await receive())["type"] == "websocket.receive":
            text = message.get("text")
            if text is not None:
                await send({"type": "websocket.send", "text": text})
            else:
                await send({"type": "websocket.send", "bytes": message["bytes"]})

    return app


def quart():
    from quart import Quart, make_response, websocket

    app = Quart("connections", static_folder=None)

    @app.websocket("/echo")
    async def echo():
        while True:
            await websocket.send(await websocket.receive())

    @app.websocket("/idle")
    async def idle():
        await websocket.receive()  # accepts, and waits

    @app.websocket("/sleep")
    async def sleep():
        await websocket.accept()
        await asyncio.sleep(3600)

    @app.route("/events")
    async def events():
        async def generate():
            while True:
                yield b"data: x\n\n"
                await asyncio.sleep(1)

        response = await make_response(generate(), {"content-type": "text/event-stream"})
        response.timeout = None
        return response

    if TEARDOWNS:

        @app.teardown_request
        @app.teardown_websocket
        async def teardown(error):
            note_teardown()

    return app


def starlette():
    from starlette.applications import Starlette
    from starlette.responses import StreamingResponse
    from starlette.routing import Route, WebSocketRoute
    from starlette.websockets import WebSocketDisconnect

    async def echo(websocket):
        await websocket.accept()
        try:
            while True:
                await websocket.send_text(await websocket.receive_text())
        except WebSocketDisconnect:
            pass

    async def idle(websocket):
        await websocket.accept()
        try:
            await websocket.receive_text()
        except WebSocketDisconnect:
            pass
        finally:
            note_teardown()

    async def sleep(websocket):
        await websocket.accept()
        await asyncio.sleep(3600)

    async def events(request):
        async def generate():
            try:
                while True:
                    yield b"data: x\n\n"
                    await asyncio.sleep(1)
            finally:
                note_teardown()

        return StreamingResponse(generate(), media_type="text/event-stream")

    return Starlette(
        routes=[
            WebSocketRoute("/echo", echo),
            WebSocketRoute("/idle", idle),
            WebSocketRoute("/sleep", sleep),
            Route("/events", events),
        ]
    )


if "APP" in os.environ:
    app = {"raw": raw, "quart": quart, "starlette": starlette}[os.environ["APP"]]()
