from quart import Quart, websocket

app = Quart(__name__, static_folder=None)


@app.route("/")
async def hello():
    return "Hello, world!"


@app.websocket("/echo")
async def echo():
    while True:
        await websocket.send(await websocket.receive())
