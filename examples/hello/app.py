"""The smallest complete application: a page, and a websocket that greets it every second."""

import asyncio
import platform
from importlib.metadata import version

from quart import Quart, render_template_string, request, websocket

app = Quart(__name__)

PAGE = """\
<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Hello</title>
<link rel="icon" href="data:,">
<style>
  :root { color-scheme: light dark; --line: color-mix(in srgb, currentColor 20%, transparent); }
  body { font: 16px/1.6 system-ui, sans-serif; max-width: 34rem; margin: auto; padding: 2rem 1rem; }
  h1 { margin: 0 0 1rem; }
  dl { display: grid; grid-template-columns: auto 1fr; margin: 1.5rem 0; }
  dt, dd { margin: 0; padding: .4rem .8rem .4rem 0; border-top: 1px solid var(--line); }
  #alive { font-variant-numeric: tabular-nums; }
  .dot { display: inline-block; width: .7em; height: .7em; border-radius: 50%; background: #c33; }
  .open .dot { background: #2a5; }
</style>
<h1>Hello from Quart</h1>
<p>This page was answered by a view, and stays in touch with another one by a websocket.</p>
<dl>
  <dt>Quart</dt><dd>{{ quart }}, on Python {{ python }}</dd>
  <dt>This page</dt><dd>came by HTTP/{{ request.http_version }} from {{ request.host }}</dd>
  <dt>Websocket</dt><dd id="alive"><span class="dot"></span> <span id="said">connecting</span></dd>
</dl>
<p>Change <code>app.py</code>, and see it at once with <code>quart run --debug</code>. Then read the
  quickstart, <code>docs/tutorials/quickstart.md</code>. The rest of the documentation is in
  <code>docs/</code> too.</p>
<script>
  const said = document.getElementById("said"), alive = document.getElementById("alive");
  let count = 0;
  const socket = new WebSocket(new URL("ws", location.href.replace("http", "ws")));
  socket.onopen = () => alive.classList.add("open");
  socket.onmessage = (event) => {
    count += 1;
    said.textContent = `says ${event.data}, ${count} ${count === 1 ? "time" : "times"} so far`;
  };
  socket.onclose = (event) => {
    alive.classList.remove("open");
    said.textContent = `closed with ${event.code}`;
  };
</script>
</html>
"""


@app.route("/")
async def hello():
    return await render_template_string(
        PAGE, quart=version("quart"), python=platform.python_version(), request=request
    )


@app.websocket("/ws")
async def ws():
    while True:
        await websocket.send("hello")
        await asyncio.sleep(1)


if __name__ == "__main__":
    app.run()
