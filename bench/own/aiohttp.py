import sys

import uvloop
from aiohttp import web
from apps.common import GREETING, user


async def hello(request):
    return web.Response(text=GREETING)


async def show_user(request):
    return web.json_response(user(int(request.match_info["id"])))


app = web.Application()
app.add_routes([web.get("/", hello), web.get(r"/user/{id:\d+}", show_user)])
web.run_app(
    app,
    host="127.0.0.1",
    port=int(sys.argv[1]),
    access_log=None,
    print=None,
    loop=uvloop.new_event_loop(),
)
