"""Quart: this one file is asked of PyPI's Quart 0.22 and of this checkout."""

from apps.common import GREETING, HOOKS, RESOURCES, calls, user
from quart import Quart

UNEQUAL = {
    "plain": "A string is `text/html`, as in Flask; the others say `text/plain`.",
    "def_hooks": "`def` hooks run in a thread, so that one that blocks does not stop the loop.",
}


async def hello():
    return GREETING


async def show_user(id: int):
    return user(id)


async def before():
    calls.before += 1


async def after(response):
    calls.after += 1
    return response


def def_before():
    calls.before += 1


def def_after(response):
    calls.after += 1
    return response


def make_app():
    app = Quart("apps", static_folder=None)
    app.add_url_rule("/", "hello", hello)
    return app


def plain():
    app = make_app()
    app.add_url_rule("/user/<int:id>", "user", show_user)
    return app


def many_routes():
    app = Quart("apps", static_folder=None)
    for i in range(RESOURCES):
        app.add_url_rule(f"/resource{i}", f"hello{i}", hello)
        app.add_url_rule(f"/resource{i}/<int:id>", f"user{i}", show_user)
    return app


def async_hooks():
    app = make_app()
    for _ in range(HOOKS):
        app.before_request(before)
        app.after_request(after)
    return app


def def_hooks():
    app = make_app()
    for _ in range(HOOKS):
        app.before_request(def_before)
        app.after_request(def_after)
    return app
