"""Where code that imports from Flask finds the connection that is handled here.

`quart.globals._cv_app` is Flask's own variable, so `flask.current_app` and `flask.g` are those of
Quart. Flask up to 3.1 looks for the request in a second variable, which is set here where sync code
runs, and nowhere else: on the event loop nobody could use Flask's request, but for code under
Quart-Flask-Patch.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextvars import Context, ContextVar
from functools import partial
from typing import Any

import flask.globals

# Quart-Flask-Patch puts itself in the place of Flask's package, from which then only those modules
# can be imported that have been imported before; extensions want this one.
import flask.views

from .globals import _cv_app
from .signals import appcontext_popped, appcontext_pushed

#: Flask's variable for the request; None from Flask 3.2 on, which has one for all.
flask_request: ContextVar[Any] | None = vars(flask.globals).get("_cv_request")


def lend_request(context: Context) -> None:
    """Let Flask's functions find the request in code that a thread will run within a context."""
    if flask_request is not None:
        ctx: Any = context.get(_cv_app)
        if getattr(ctx, "has_request", False):
            context.run(flask_request.set, ctx)


def lend_request_here() -> Callable[[], None] | None:
    """The same for sync code on the event loop, until the function that this gives is called."""
    if flask_request is not None:
        ctx: Any = _cv_app.get(None)
        if getattr(ctx, "has_request", False):
            return partial(flask_request.reset, flask_request.set(ctx))
    return None


def share_with_patched_flask() -> None:
    """Under Quart-Flask-Patch, which runs sync code on the event loop, do the same there."""
    if flask_request is not None and hasattr(sys.modules.get("flask"), "_QUART_PATCHED"):
        appcontext_pushed.connect(_share)
        appcontext_popped.connect(_take_back)


async def _share(app: object) -> None:
    ctx = _cv_app.get()
    if flask_request is not None and ctx.has_request:
        flask_request.set(ctx)


async def _take_back(app: object) -> None:
    if flask_request is not None and flask_request.get(None) is _cv_app.get():
        flask_request.set(None)
