"""The smallest complete application: a page, and a websocket that greets it every second."""

import asyncio

from quart import Quart, websocket

app = Quart(__name__)

PAGE = """\
<!doctype html>
<title>Hello</title>
<h1>hello</h1>
<ul></ul>
<script>
  const show = (text) => {
    const item = document.createElement("li");
    item.textContent = text;
    document.querySelector("ul").append(item);
  };
  const socket = new WebSocket(new URL("ws", location.href.replace("http", "ws")));
  socket.onmessage = (event) => show(event.data);
  socket.onclose = (event) => show(`closed with ${event.code}`);
</script>
"""


@app.route("/")
async def hello():
    return PAGE


@app.websocket("/ws")
async def ws():
    while True:
        await websocket.send("hello")
        await asyncio.sleep(1)


if __name__ == "__main__":
    app.run()
