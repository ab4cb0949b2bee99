"""Falcon (its helpers are compiled), by its ordinary means."""

import falcon
import falcon.asgi

from apps.bodies.common import CHUNK, CHUNKS, ITEMS


class Form:
    async def on_post(self, req, resp):
        size = fields = 0
        form = await req.get_media()
        async for part in form:
            if part.filename is None:
                fields += len(await part.text)
            else:
                size += len(await part.stream.read())
        resp.media = {"size": size, "fields": fields}


class Stream:
    async def on_get(self, req, resp):
        async def chunks():
            for _ in range(CHUNKS):
                yield CHUNK

        resp.stream = chunks()


class Items:
    async def on_get(self, req, resp):
        async def chunks():
            for item in ITEMS:
                yield item.encode()

        resp.stream = chunks()


class Echo:
    async def on_post(self, req, resp):
        resp.media = await req.get_media()


def make_app(folder):
    app = falcon.asgi.App()
    handler = falcon.media.MultipartFormHandler()
    handler.parse_options.max_body_part_buffer_size = 2**22
    app.req_options.media_handlers[falcon.MEDIA_MULTIPART] = handler
    app.add_route("/form", Form())
    app.add_route("/stream", Stream())
    app.add_route("/items", Items())
    app.add_route("/json", Echo())
    app.add_static_route("/static", folder)
    return app
