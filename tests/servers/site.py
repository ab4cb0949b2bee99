"""A small site with one view of each sort, which all servers serve to all clients.

``python -m servers.site PORT`` serves it by itself.
"""

import asyncio
import contextlib
import sys
import time
from collections.abc import AsyncIterator, Iterator
from typing import Any

from werkzeug.datastructures import Headers

from quart import (
    Quart,
    abort,
    make_push_promise,
    make_response,
    redirect,
    request,
    send_early_hints,
    session,
    url_for,
    websocket,
)

app = Quart(__name__)
app.secret_key = "for these tests alone"
counter = {"open": 0}  # of the connections that only their client ends
TEXT = {"Content-Type": "text/plain; charset=utf-8"}


@app.get("/")
async def index() -> Any:
    return "hello", TEXT


@app.get("/user/<int:number>")
async def user(number: int) -> Any:
    return {"number": number}


@app.get("/where/<path:path>")
async def where(path: str) -> Any:
    return {"path": path, "query": request.args.get("q"), "url": request.path}


@app.post("/form")
async def form() -> Any:
    return (await request.form).to_dict()


@app.query("/found")
async def found() -> Any:
    return {"asked": (await request.get_data()).decode()}


@app.get("/stream")
async def stream() -> Any:
    async def lines() -> AsyncIterator[str]:
        for number in range(3):
            yield f"{number}\n"
            await asyncio.sleep(0.01)

    return lines(), TEXT


@app.post("/upload")
async def upload() -> Any:
    body = request.body

    async def pieces() -> AsyncIterator[bytes]:
        async for piece in body:
            yield piece

    return pieces(), {"Content-Type": "application/octet-stream"}


@app.get("/error")
async def error() -> Any:
    raise RuntimeError("asked for")


@app.get("/count")
async def count() -> Any:
    session["count"] = session.get("count", 0) + 1
    return str(session["count"]), TEXT


@app.get("/old")
async def old() -> Any:
    return redirect(url_for("index"))


@app.get("/empty")
async def empty() -> Any:
    return "", 204


@app.get("/sync")
def sync() -> Any:
    time.sleep(0.01)
    return f"hello {request.args['name']}", TEXT


@app.get("/push")
async def push() -> Any:
    await make_push_promise(url_for("index"))
    return "pushed", TEXT


@app.get("/hint")
async def hint() -> Any:
    await send_early_hints("/style.css")
    return "hinted", TEXT


@app.get("/trailers")
async def trailers() -> Any:
    response = await make_response("followed", TEXT)
    response.trailers = Headers({"Checksum": "abc"})
    return response


@app.get("/open")
async def count_open() -> Any:
    return str(counter["open"]), TEXT


@contextlib.contextmanager
def counted() -> Iterator[None]:
    counter["open"] += 1
    try:
        yield
    finally:
        counter["open"] -= 1


@app.get("/forever")
async def forever() -> Any:
    async def ticks() -> AsyncIterator[str]:
        with counted():
            while True:
                yield "tick\n"
                await asyncio.sleep(0.01)

    response = await make_response(ticks(), TEXT)
    response.timeout = None
    return response


@app.get("/never")
async def never() -> Any:
    with counted():
        await asyncio.Event().wait()


@app.websocket("/ws")
async def echo() -> None:
    with counted():
        while True:
            await websocket.send(await websocket.receive())


@app.websocket("/ws/bye")
async def bye() -> None:
    await websocket.accept(subprotocol=websocket.requested_subprotocols[0])
    await websocket.close(4000, "bye")


@app.websocket("/ws/nothing")
async def nothing() -> None:
    pass


@app.websocket("/ws/no")
async def no() -> None:
    abort(401)


if __name__ == "__main__":
    app.run(port=int(sys.argv[1]), use_reloader=False)
