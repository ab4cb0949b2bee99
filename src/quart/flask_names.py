"""Lets Flask's names, such as `flask.request`, find the connection that is handled here.

`quart.globals._cv_app` is Flask's own variable, so `flask.current_app` and `flask.g` are those of
Quart. Flask up to 3.1 looks for the request, and for the session in it, in a second variable. This
file sets that variable to our context, and replaces nothing of Flask's:

- in sync code that runs in a thread or is `non_blocking`, always;
- if user code enters a context, such as `with app.test_request_context()`, always;
- for a connection on the event loop, if a module of the program has imported Flask's names. An
  application without Flask extensions or blueprints has none, and pays nothing.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import suppress
from contextvars import Context, ContextVar, Token
from functools import partial
from typing import TYPE_CHECKING

import flask.ctx
import flask.globals
import flask.helpers
import flask.templating

# Quart-Flask-Patch puts itself in the place of Flask's package. After that, only modules that were
# imported before can be imported from the package, and extensions need this one.
import flask.views
from werkzeug.local import LocalProxy

from .globals import _cv_app

if TYPE_CHECKING:
    from .ctx import AppContext

#: Flask's variable for the request. It is None from Flask 3.2 on, which has one variable for all.
flask_request: ContextVar[object] | None = vars(flask.globals).get("_cv_request")

#: What Flask's names for the request say if they find none.
NO_REQUEST_OF_FLASK = getattr(flask.globals, "_no_req_msg", None)

#: What `enter` returns, for `leave`.
Entered = tuple[Token["AppContext"], "Token[object] | None"]


def enter(ctx: AppContext) -> Entered:
    """Make a context the current one, for Flask's names, too."""
    return _cv_app.set(ctx), lend_request(ctx)


def leave(entered: Entered) -> None:
    """Make the previous context the current one again."""
    token, lent = entered
    # If it was entered in another task, it is set only in a copy that ends with that task.
    with suppress(ValueError):
        _cv_app.reset(token)
    take_back(lent)


def lend_request(ctx: object) -> Token[object] | None:
    """Let Flask's names find the request of a context, if it has one."""
    if flask_request is not None and getattr(ctx, "has_request", False):
        return flask_request.set(ctx)
    return None


def take_back(lent: Token[object] | None) -> None:
    """Undo `lend_request`."""
    if lent is not None:
        with suppress(ValueError):
            lent.var.reset(lent)


def lend_request_to_thread(context: Context) -> None:
    """Let Flask's names find the request in code that a thread will run in a context."""
    if flask_request is not None:
        ctx = context.get(_cv_app)
        if getattr(ctx, "has_request", False):
            context.run(flask_request.set, ctx)


def lend_request_here() -> Callable[[], None] | None:
    """Do the same for sync code on the event loop. Returns a function that undoes it."""
    lent = lend_request(_cv_app.get(None))
    return None if lent is None else partial(take_back, lent)


_NO_FLASK_CODE = sys.stdlib_module_names - {"__main__"} | {"flask", "quart"}
_imported = False
_modules_looked_at = 0


def are_imported() -> bool:
    """Whether a module that is neither Flask's nor Quart's has imported one of Flask's names.

    Quart-Flask-Patch, which runs sync code on the event loop, counts, too.
    """
    global _imported, _modules_looked_at
    if _imported or flask_request is None:
        return _imported
    # Look at each module once; only the main program, which may still be running, is looked at
    # again.
    count = len(sys.modules)
    some = ["__main__"] if count == _modules_looked_at else list(sys.modules)
    _modules_looked_at = count
    names = _names_of_flask()
    _imported = are_patched() or any(
        not names.isdisjoint(map(id, getattr(sys.modules.get(name), "__dict__", {}).values()))
        for name in some
        if name.partition(".")[0] not in _NO_FLASK_CODE
    )
    return _imported


def is_about_flasks_request(error: BaseException) -> bool:
    """Whether one of Flask's names for the request was used where it finds none."""
    return type(error) is RuntimeError and str(error) == NO_REQUEST_OF_FLASK


def are_patched() -> bool:
    """Whether Quart-Flask-Patch has put itself in the place of Flask."""
    return hasattr(sys.modules.get("flask"), "_QUART_PATCHED")


def _names_of_flask() -> set[int]:
    """Return the ids of Flask's modules and of their proxies, functions and classes."""
    modules = (flask, flask.globals, flask.ctx, flask.helpers, flask.templating, flask.views)
    return {id(module) for module in modules} | {
        id(value)
        for module in modules
        for value in vars(module).values()
        if type(value) is LocalProxy or str(getattr(value, "__module__", "")).startswith("flask.")
    }
