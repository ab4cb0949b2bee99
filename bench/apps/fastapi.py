"""FastAPI: Starlette's middleware, its own parameters and JSON; the schema pages are off."""

from fastapi import FastAPI
from fastapi.responses import PlainTextResponse

from apps.asgi_hooks import UNEQUAL_HOOKS, AsyncHook, DefHook
from apps.common import GREETING, HOOKS, RESOURCES, user

UNEQUAL = UNEQUAL_HOOKS


async def hello():
    return GREETING


async def show_user(id: int):
    return user(id)


def make_app():
    app = FastAPI(openapi_url=None)
    app.get("/", response_class=PlainTextResponse)(hello)
    return app


def plain():
    app = make_app()
    app.get("/user/{id}")(show_user)
    return app


def many_routes():
    app = FastAPI(openapi_url=None)
    for i in range(RESOURCES):
        app.get(f"/resource{i}", response_class=PlainTextResponse)(hello)
        app.get(f"/resource{i}/{{id}}")(show_user)
    return app


def async_hooks():
    app = make_app()
    for _ in range(HOOKS):
        app.add_middleware(AsyncHook)
    return app


def def_hooks():
    app = make_app()
    for _ in range(HOOKS):
        app.add_middleware(DefHook)
    return app
