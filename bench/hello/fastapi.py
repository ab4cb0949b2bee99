from fastapi import FastAPI, WebSocket
from fastapi.responses import PlainTextResponse

app = FastAPI(openapi_url=None)


@app.get("/", response_class=PlainTextResponse)
async def hello():
    return "Hello, world!"


@app.websocket("/echo")
async def echo(websocket: WebSocket):
    await websocket.accept()
    async for text in websocket.iter_text():
        await websocket.send_text(text)
