"""Quart, by its ordinary means; asked of this checkout and of PyPI's Quart 0.22."""

from apps.bodies.common import CHUNK, CHUNKS, ITEMS
from quart import Quart, request


def make_app(folder):
    app = Quart("apps", static_folder=folder, static_url_path="/static")

    @app.post("/form")
    async def receive_form():
        form = await request.form
        file = (await request.files)["file"]
        return {"size": len(file.read()), "fields": sum(len(value) for value in form.values())}

    @app.get("/stream")
    async def stream():
        async def chunks():
            for _ in range(CHUNKS):
                yield CHUNK

        return chunks()

    @app.get("/items")
    async def items():
        return (item for item in ITEMS)

    @app.post("/json")
    async def echo():
        return await request.get_json()

    return app
