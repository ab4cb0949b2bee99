"""Emmett55 under ASGI: a hook is a pipe with `open_request` and `close_request`."""

import tempfile

from emmett55 import App, Pipe, response
from emmett55.tools import service

from apps.common import GREETING, HOOKS, RESOURCES, calls, user

UNEQUAL = {
    "async_hooks": "The closing half of a pipe gets no response as an argument.",
}


class AsyncHook(Pipe):
    async def open_request(self):
        calls.before += 1

    async def close_request(self):
        calls.after += 1


async def hello():
    response.content_type = "text/plain; charset=utf-8"
    return GREETING


async def show_user(id: int):
    return user(id)


def make_app(name):
    # Emmett makes folders for logs and static files: give it a place for them.
    app = App(name, root_path=tempfile.mkdtemp())
    app.config.handle_static = False
    return app


def plain():
    app = make_app("plain")
    app.route("/")(hello)
    app.route("/user/<int:id>")(service.json(show_user))
    return app


def many_routes():
    app = make_app("many_routes")
    for i in range(RESOURCES):
        app.route(f"/resource{i}", name=f"hello{i}")(hello)
        app.route(f"/resource{i}/<int:id>", name=f"user{i}")(service.json(show_user))
    return app


def async_hooks():
    app = make_app("async_hooks")
    app.pipeline = [AsyncHook() for _ in range(HOOKS)]
    app.route("/")(hello)
    return app
