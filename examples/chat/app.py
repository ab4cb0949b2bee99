"""A chat: whoever has the page open reads what everybody writes.

``python app.py`` is enough for one process. With ``REDIS_URL`` in the environment any number of
processes, on any number of hosts, are one chat::

    REDIS_URL=redis://localhost uvicorn --workers 4 app:app
"""

import asyncio
import json
import os

from quart import Quart, render_template, websocket
from quart.broadcast import Rooms

NAME_SIZE, TEXT_SIZE = 40, 2000  # characters

app = Quart(__name__)
rooms = Rooms(app, os.environ.get("REDIS_URL"), limit=1000, slow="close")


@app.get("/")
async def page():
    return await render_template("chat.html", name_size=NAME_SIZE, text_size=TEXT_SIZE)


@app.websocket("/ws")
async def chat():
    async with rooms.join("chat") as messages:
        # After joining: from the handshake on, a client misses nothing.
        await websocket.accept()
        async with asyncio.TaskGroup() as group:
            sending = group.create_task(send_all(messages))
            await receive_all()
            sending.cancel()


async def send_all(messages):
    async for message in messages:
        await websocket.send(message)


async def receive_all():
    async for data in websocket:
        message = checked(data)
        if message is None:
            await websocket.close(1008, "That was no message")
            return
        await rooms.send("chat", message)


def checked(data):
    """The message as it is passed on; None for what no page of ours sends."""
    try:
        match json.loads(data):
            case {"name": str(name), "text": str(text)} if (
                0 < len(name) <= NAME_SIZE and 0 < len(text) <= TEXT_SIZE
            ):
                return json.dumps({"name": name, "text": text})
    except (ValueError, RecursionError):
        pass
    return None


if __name__ == "__main__":
    app.run()
