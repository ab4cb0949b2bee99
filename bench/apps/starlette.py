"""Starlette: hooks are pure ASGI middleware, its faster means (`BaseHTTPMiddleware` is slower)."""

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.responses import JSONResponse, PlainTextResponse
from starlette.routing import Route

from apps.asgi_hooks import UNEQUAL_HOOKS, AsyncHook, DefHook
from apps.common import GREETING, HOOKS, RESOURCES, user

UNEQUAL = UNEQUAL_HOOKS


async def hello(request):
    return PlainTextResponse(GREETING)


async def show_user(request):
    return JSONResponse(user(request.path_params["id"]))


def plain():
    return Starlette(routes=[Route("/", hello), Route("/user/{id:int}", show_user)])


def many_routes():
    routes = []
    for i in range(RESOURCES):
        routes.append(Route(f"/resource{i}", hello))
        routes.append(Route(f"/resource{i}/{{id:int}}", show_user))
    return Starlette(routes=routes)


def async_hooks():
    return Starlette(routes=[Route("/", hello)], middleware=[Middleware(AsyncHook)] * HOOKS)


def def_hooks():
    return Starlette(routes=[Route("/", hello)], middleware=[Middleware(DefHook)] * HOOKS)
