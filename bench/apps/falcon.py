"""Falcon (its helpers are compiled): a hook is a middleware component with both methods."""

import falcon
import falcon.asgi

from apps.common import GREETING, HOOKS, RESOURCES, calls, user


class Hello:
    async def on_get(self, req, resp):
        resp.content_type = falcon.MEDIA_TEXT
        resp.text = GREETING


class User:
    async def on_get(self, req, resp, id):
        resp.media = user(id)


class AsyncHook:
    async def process_request(self, req, resp):
        calls.before += 1

    async def process_response(self, req, resp, resource, req_succeeded):
        calls.after += 1


def plain():
    app = falcon.asgi.App()
    app.add_route("/", Hello())
    app.add_route("/user/{id:int}", User())
    return app


def many_routes():
    app = falcon.asgi.App()
    for i in range(RESOURCES):
        app.add_route(f"/resource{i}", Hello())
        app.add_route(f"/resource{i}/{{id:int}}", User())
    return app


def async_hooks():
    app = falcon.asgi.App(middleware=[AsyncHook() for _ in range(HOOKS)])
    app.add_route("/", Hello())
    return app
