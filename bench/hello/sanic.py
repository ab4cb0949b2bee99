from sanic import Sanic
from sanic.response import text

app = Sanic("hello", configure_logging=False)
app.config.AUTO_EXTEND = False


@app.get("/")
async def hello(request):
    return text("Hello, world!")


@app.websocket("/echo")
async def echo(request, ws):
    while (message := await ws.recv()) is not None:
        await ws.send(message)
