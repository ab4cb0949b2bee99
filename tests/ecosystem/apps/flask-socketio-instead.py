"""In the place of Flask-SocketIO: python-socketio's server for ASGI, around the application."""

import json

import socketio

from quart import Quart

app = Quart(__name__)
server = socketio.AsyncServer(async_mode="asgi")
app.asgi_app = socketio.ASGIApp(server, app.asgi_app)


@app.get("/")
async def index():
    return "page"


@server.on("greet")
async def greet(sid, name):
    async with app.app_context():
        await server.emit("greeting", f"{app.name} greets {name}", to=sid)


def test(client):
    assert "page" == client.get("/").text

    path = "/socket.io/?EIO=4&transport=polling"
    opened = client.get(path).text
    assert opened.startswith("0")
    path += f"&sid={json.loads(opened[1:])['sid']}"
    client.request("POST", path, b"40", {"Content-Type": "text/plain"})
    assert client.get(path).text.startswith("40")
    client.request("POST", path, b'42["greet","ada"]', {"Content-Type": "text/plain"})
    assert "greets ada" in client.get(path).text
