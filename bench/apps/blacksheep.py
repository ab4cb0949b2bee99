"""BlackSheep (compiled): bound parameters, and middleware functions around the handler."""

from blacksheep import Application, Router, json, text

from apps.common import GREETING, HOOKS, RESOURCES, calls, user

UNEQUAL = {"def_hooks": "`def` hooks are called on the loop."}


async def hello():
    return text(GREETING)


async def show_user(id: int):
    return json(user(id))


async def async_hook(request, handler):
    await before(request)
    response = await handler(request)
    await after(request, response)
    return response


async def before(request):
    calls.before += 1


async def after(request, response):
    calls.after += 1


async def def_hook(request, handler):
    calls.before += 1
    response = await handler(request)
    calls.after += 1
    return response


def make_app():
    app = Application(router=Router())
    app.router.add_get("/", hello)
    return app


def plain():
    app = make_app()
    app.router.add_get("/user/{int:id}", show_user)
    return app


def many_routes():
    app = Application(router=Router())
    for i in range(RESOURCES):
        app.router.add_get(f"/resource{i}", hello)
        app.router.add_get(f"/resource{i}/{{int:id}}", show_user)
    return app


def async_hooks():
    app = make_app()
    app.middlewares.extend([async_hook] * HOOKS)
    return app


def def_hooks():
    app = make_app()
    app.middlewares.extend([def_hook] * HOOKS)
    return app
