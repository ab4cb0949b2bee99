from blacksheep import Application, Router, WebSocket, WebSocketDisconnectError, text

app = Application(router=Router())


@app.router.get("/")
async def hello():
    return text("Hello, world!")


@app.router.ws("/echo")
async def echo(websocket: WebSocket):
    await websocket.accept()
    try:
        while True:
            await websocket.send_text(await websocket.receive_text())
    except WebSocketDisconnectError:
        pass
