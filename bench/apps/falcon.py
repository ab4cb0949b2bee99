"""Falcon (its helpers are compiled): a hook is a middleware component with both methods."""

import falcon
import falcon.asgi
from jinja2 import Environment, FileSystemLoader

from apps.common import (
    FIVE_HEADERS,
    GREETING,
    HOOKS,
    RESOURCES,
    ROWS,
    TEMPLATES,
    THREE_HEADERS,
    calls,
    chunks,
    item,
    user,
    wait,
)

UNEQUAL = {"template": "It has no templates of its own: a Jinja environment beside it."}
MISSING = {
    "def_hooks": "its middleware has to be `async def`.",
    "def_view": "its responders have to be `async def`.",
    "with_session": "it has no sessions.",
}

templates = Environment(loader=FileSystemLoader(TEMPLATES), autoescape=True, auto_reload=False)


class Hello:
    async def on_get(self, req, resp):
        resp.content_type = falcon.MEDIA_TEXT
        resp.text = GREETING


class User:
    async def on_get(self, req, resp, id):
        resp.media = user(id)


class Files:
    async def on_get(self, req, resp, name):
        resp.content_type = falcon.MEDIA_TEXT
        resp.text = name


class Wait:
    async def on_get(self, req, resp):
        await wait()
        resp.content_type = falcon.MEDIA_TEXT
        resp.text = GREETING


class WithHeaders:
    async def on_get(self, req, resp):
        resp.set_headers(FIVE_HEADERS)
        resp.content_type = falcon.MEDIA_TEXT
        resp.text = GREETING


class Item:
    async def on_get(self, req, resp, id):
        page, theme = req.get_param("page"), req.cookies["theme"]
        await wait()
        resp.media = item(id, page, theme)


class SetHeaders:
    async def process_response(self, req, resp, resource, req_succeeded):
        for name, value in THREE_HEADERS.items():
            resp.set_header(name, value)


class Document:
    async def on_post(self, req, resp):
        resp.media = await req.get_media()


class Values:
    async def on_get(self, req, resp):
        word, id = req.get_param("q"), req.get_header("X-Request-ID")
        resp.content_type = falcon.MEDIA_TEXT
        resp.text = f"{word}, {id}, {req.cookies['theme']}"


class Rows:
    async def on_get(self, req, resp):
        resp.content_type = falcon.MEDIA_HTML
        resp.text = templates.get_template("rows.html").render(title="Ten rows", rows=ROWS)


class Stream:
    async def on_get(self, req, resp):
        resp.stream = chunks()


class Upload:
    async def on_post(self, req, resp):
        form = {}
        async for part in await req.get_media():
            if part.filename:
                form[part.name] = await part.stream.read()
            else:
                form[part.name] = await part.get_text()
        resp.content_type = falcon.MEDIA_TEXT
        resp.text = f"{form['title']}, {form['state']}, {len(form['file'])}"


class Echo:
    async def on_websocket(self, req, ws):
        await ws.accept()
        try:
            while True:
                await ws.send_text(await ws.receive_text())
        except falcon.WebSocketDisconnected:
            pass


class AsyncHook:
    async def process_request(self, req, resp):
        calls.before += 1

    async def process_response(self, req, resp, resource, req_succeeded):
        calls.after += 1


def with_routes(routes, middleware=()):
    app = falcon.asgi.App(middleware=middleware)
    for path, resource in routes.items():
        app.add_route(path, resource)
    return app


def plain():
    return with_routes(
        {
            "/": Hello(),
            "/user/{id:int}": User(),
            "/files/{name:path}": Files(),
            "/wait": Wait(),
            "/headers": WithHeaders(),
        }
    )


def application():
    return with_routes({"/items/{id:int}": Item()}, [SetHeaders()])


def many_routes():
    app = falcon.asgi.App()
    for i in range(RESOURCES):
        app.add_route(f"/resource{i}", Hello())
        app.add_route(f"/resource{i}/{{id:int}}", User())
    return app


def async_hooks():
    return with_routes({"/": Hello()}, [AsyncHook() for _ in range(HOOKS)])


def values():
    return with_routes({"/document": Document(), "/values": Values()})


def template():
    return with_routes({"/rows": Rows()})


def streaming():
    return with_routes({"/stream": Stream()})


def uploading():
    return with_routes({"/upload": Upload()})


def echoing():
    return with_routes({"/echo": Echo()})
