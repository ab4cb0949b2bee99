"""The floor: an ASGI application by hand, which knows the answers and does nothing else."""

import json
from html import escape

from apps.common import (
    CHUNK,
    CHUNKS,
    FIVE_HEADERS,
    GREETING,
    HOOKS,
    RESOURCES,
    ROWS,
    THREE_HEADERS,
    calls,
    item,
    user,
    wait,
)

LAST_STATIC = f"/resource{RESOURCES - 1}"
LAST_WITH_PARAMETER = LAST_STATIC + "/"
TEXT = b"text/plain; charset=utf-8"
HTML = b"text/html; charset=utf-8"
CELLS = (f"<td>{escape(str(cell))}</td>" for row in ROWS for cell in row.values())
PAGE = f"<!doctype html><table>{''.join(CELLS)}</table>".encode()
COOKIE = (b"set-cookie", b"session=eyJ2aXNpdHMiOjF9; HttpOnly; Path=/")

FIVE = [(name.lower().encode(), value.encode()) for name, value in FIVE_HEADERS.items()]
THREE = [(name.lower().encode(), value.encode()) for name, value in THREE_HEADERS.items()]


async def plain_app(scope, receive, send):
    if scope["type"] == "lifespan":
        return await serve_lifespan(receive, send)
    path = scope["path"]
    if path == "/" or path == LAST_STATIC:
        await answer(send, GREETING.encode())
    elif path.startswith(("/user/", LAST_WITH_PARAMETER)):
        id = int(path.rpartition("/")[2])
        await answer(send, json.dumps(user(id)).encode(), b"application/json")
    elif path == "/wait":
        await wait()
        await answer(send, GREETING.encode())
    elif path == "/headers":
        await answer(send, GREETING.encode(), TEXT, 200, *FIVE)
    elif path.startswith("/files/"):
        await answer(send, path.removeprefix("/files/").encode())
    else:
        await answer(send, b"Not Found", status=404)


async def values_app(scope, receive, send):
    if scope["type"] == "lifespan":
        return await serve_lifespan(receive, send)
    if scope["path"] == "/document":
        document = json.loads((await receive())["body"])
        await answer(send, json.dumps(document).encode(), b"application/json")
    else:
        number = scope["query_string"].partition(b"&")[0].removeprefix(b"q=word+")
        await answer(send, b"word %b, abc, dark" % number)


async def application_app(scope, receive, send):
    if scope["type"] == "lifespan":
        return await serve_lifespan(receive, send)
    id = int(scope["path"].rpartition("/")[2])
    page = scope["query_string"].removeprefix(b"page=").decode()
    await wait()
    body = json.dumps(item(id, page, "dark")).encode()
    await answer(send, body, b"application/json", 200, *THREE)


async def template_app(scope, receive, send):
    if scope["type"] == "lifespan":
        return await serve_lifespan(receive, send)
    await answer(send, PAGE, HTML)


async def session_app(scope, receive, send):
    if scope["type"] == "lifespan":
        return await serve_lifespan(receive, send)
    if scope["path"] == "/visit":
        await answer(send, b"2", TEXT, 200, COOKIE)
    else:
        await answer(send, GREETING.encode())


async def streaming_app(scope, receive, send):
    if scope["type"] == "lifespan":
        return await serve_lifespan(receive, send)
    await send({"type": "http.response.start", "status": 200, "headers": []})
    for _ in range(CHUNKS):
        await send({"type": "http.response.body", "body": CHUNK, "more_body": True})
    await send({"type": "http.response.body", "body": b""})


async def uploading_app(scope, receive, send):
    if scope["type"] == "lifespan":
        return await serve_lifespan(receive, send)
    while (await receive())["more_body"]:
        pass
    await answer(send, b"A title, draft, 1000000")


async def echoing_app(scope, receive, send):
    if scope["type"] == "lifespan":
        return await serve_lifespan(receive, send)
    await receive()
    await send({"type": "websocket.accept"})
    while (message := await receive())["type"] == "websocket.receive":
        await send({"type": "websocket.send", "text": message["text"]})


async def async_hooks_app(scope, receive, send):
    if scope["type"] == "lifespan":
        return await serve_lifespan(receive, send)
    for _ in range(HOOKS):
        await before()
    await answer(send, GREETING.encode())
    for _ in range(HOOKS):
        await after()


async def def_hooks_app(scope, receive, send):
    if scope["type"] == "lifespan":
        return await serve_lifespan(receive, send)
    for _ in range(HOOKS):
        calls.before += 1
    await answer(send, GREETING.encode())
    for _ in range(HOOKS):
        calls.after += 1


async def before():
    calls.before += 1


async def after():
    calls.after += 1


async def answer(send, body, content_type=TEXT, status=200, *more_headers):
    headers = [(b"content-type", content_type), (b"content-length", b"%d" % len(body))]
    headers += more_headers
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


def def_view():
    return plain_app


def many_routes():
    return plain_app


def values():
    return values_app


def application():
    return application_app


def template():
    return template_app


def with_session():
    return session_app


def streaming():
    return streaming_app


def uploading():
    return uploading_app


def echoing():
    return echoing_app


def async_hooks():
    return async_hooks_app


def def_hooks():
    return def_hooks_app
