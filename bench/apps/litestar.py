"""Litestar: only one `before_request` applies to a route, so hooks are ASGI middleware."""

from litestar import Litestar, MediaType, get

from apps.asgi_hooks import UNEQUAL_HOOKS, AsyncHook, DefHook
from apps.common import GREETING, HOOKS, RESOURCES, user

UNEQUAL = UNEQUAL_HOOKS


async def hello() -> str:
    return GREETING


async def show_user(id: int) -> dict[str, object]:
    return user(id)


def make_app(*handlers, middleware=()):
    return Litestar(handlers, middleware=middleware, openapi_config=None)


def plain():
    return make_app(get("/", media_type=MediaType.TEXT)(hello), get("/user/{id:int}")(show_user))


def many_routes():
    handlers = []
    for i in range(RESOURCES):
        handlers.append(get(f"/resource{i}", media_type=MediaType.TEXT)(hello))
        handlers.append(get(f"/resource{i}/{{id:int}}")(show_user))
    return make_app(*handlers)


def async_hooks():
    return make_app(get("/", media_type=MediaType.TEXT)(hello), middleware=[AsyncHook] * HOOKS)


def def_hooks():
    return make_app(get("/", media_type=MediaType.TEXT)(hello), middleware=[DefHook] * HOOKS)
