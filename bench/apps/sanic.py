"""Sanic under ASGI: request and response middleware are its hooks."""

from types import FunctionType

from sanic import Sanic
from sanic.response import json, text

from apps.common import GREETING, HOOKS, RESOURCES, calls, user

UNEQUAL = {"def_hooks": "`def` hooks are called on the loop."}


async def hello(request):
    return text(GREETING)


async def show_user(request, id: int):
    return json(user(id))


async def before(request):
    calls.before += 1


async def after(request, response):
    calls.after += 1


def def_before(request):
    calls.before += 1


def def_after(request, response):
    calls.after += 1


def plain():
    app = Sanic("plain", configure_logging=False)
    app.add_route(hello, "/")
    app.add_route(show_user, "/user/<id:int>")
    return app


def many_routes():
    app = Sanic("many_routes", configure_logging=False)
    for i in range(RESOURCES):
        app.add_route(hello, f"/resource{i}", name=f"hello{i}")
        app.add_route(show_user, f"/resource{i}/<id:int>", name=f"user{i}")
    return app


def async_hooks():
    return with_hooks("async_hooks", before, after)


def def_hooks():
    return with_hooks("def_hooks", def_before, def_after)


def with_hooks(name, before, after):
    app = Sanic(name, configure_logging=False)
    app.add_route(hello, "/")
    for _ in range(HOOKS):
        # Sanic keeps one entry per function object: each hook has to be a new one.
        app.on_request(copy(before))
        app.on_response(copy(after))
    return app


def copy(func):
    return FunctionType(func.__code__, func.__globals__)
