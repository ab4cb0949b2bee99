"""The floor: an ASGI application by hand, which knows the answers and does nothing else."""

import json

from apps.common import GREETING, HOOKS, RESOURCES, calls, user

LAST_STATIC = f"/resource{RESOURCES - 1}"
LAST_WITH_PARAMETER = LAST_STATIC + "/"


async def plain_app(scope, receive, send):
    if scope["type"] == "lifespan":
        return await serve_lifespan(receive, send)
    path = scope["path"]
    if path == "/" or path == LAST_STATIC:
        await answer(send, GREETING.encode(), b"text/plain; charset=utf-8")
    elif path.startswith(("/user/", LAST_WITH_PARAMETER)):
        id = int(path.rpartition("/")[2])
        await answer(send, json.dumps(user(id)).encode(), b"application/json")
    else:
        await answer(send, b"Not Found", b"text/plain; charset=utf-8", 404)


async def async_hooks_app(scope, receive, send):
    if scope["type"] == "lifespan":
        return await serve_lifespan(receive, send)
    for _ in range(HOOKS):
        await before()
    await answer(send, GREETING.encode(), b"text/plain; charset=utf-8")
    for _ in range(HOOKS):
        await after()


async def def_hooks_app(scope, receive, send):
    if scope["type"] == "lifespan":
        return await serve_lifespan(receive, send)
    for _ in range(HOOKS):
        calls.before += 1
    await answer(send, GREETING.encode(), b"text/plain; charset=utf-8")
    for _ in range(HOOKS):
        calls.after += 1


async def before():
    calls.before += 1


async def after():
    calls.after += 1


async def answer(send, body, content_type, status=200):
    headers = [(b"content-type", content_type), (b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def serve_lifespan(receive, send):
    while True:
        message = await receive()
        await send({"type": message["type"] + ".complete"})
        if message["type"] == "lifespan.shutdown":
            return


def plain():
    return plain_app


def many_routes():
    return plain_app


def async_hooks():
    return async_hooks_app


def def_hooks():
    return def_hooks_app
