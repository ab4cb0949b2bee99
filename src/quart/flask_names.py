"""How Flask's names find the connection that is handled here: `flask.request` and its kin.

`quart.globals._cv_app` is Flask's own variable, so `flask.current_app` and `flask.g` are those of
Quart. Flask up to 3.1 looks for the request, and for the session in it, in a second variable. It is
set here, to our context, and nothing of Flask's is replaced:

- in sync code that runs in a thread or is `non_blocking`, always;
- where user code enters a context, such as `with app.test_request_context()`, always;
- for a connection on the event loop, if some module of the program has imported Flask's names. An
  application without extensions or blueprints of Flask's has none, and pays nothing.
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

# Quart-Flask-Patch puts itself in the place of Flask's package, from which then only those modules
# can be imported that have been imported before; extensions want this one.
import flask.views
from werkzeug.local import LocalProxy

from .globals import _cv_app

if TYPE_CHECKING:
    from .ctx import AppContext

#: Flask's variable for the request; None from Flask 3.2 on, which has one for all.
flask_request: ContextVar[object] | None = vars(flask.globals).get("_cv_request")

#: What entering a context gives, to leave it by.
Entered = tuple[Token["AppContext"], "Token[object] | None"]


def enter(ctx: AppContext) -> Entered:
    """Make a context the current one, for Flask's names as well."""
    return _cv_app.set(ctx), lend_request(ctx)


def leave(entered: Entered) -> None:
    """Have the context that was current before be the current one again."""
    token, lent = entered
    # Entered in another task, it is set in a copy of the variables that ends with that task.
    with suppress(ValueError):
        _cv_app.reset(token)
    take_back(lent)


def lend_request(ctx: object) -> Token[object] | None:
    """Let Flask's names find the request of a context, if it has one."""
    if flask_request is not None and getattr(ctx, "has_request", False):
        return flask_request.set(ctx)
    return None


def take_back(lent: Token[object] | None) -> None:
    """End what `lend_request` began."""
    if lent is not None:
        with suppress(ValueError):
            lent.var.reset(lent)


def lend_request_to_thread(context: Context) -> None:
    """Let Flask's names find the request in code that a thread will run within a context."""
    if flask_request is not None:
        ctx = context.get(_cv_app)
        if getattr(ctx, "has_request", False):
            context.run(flask_request.set, ctx)


def lend_request_here() -> Callable[[], None] | None:
    """The same for sync code on the event loop, until the function that this gives is called."""
    lent = lend_request(_cv_app.get(None))
    return None if lent is None else partial(take_back, lent)


_NO_FLASK_CODE = sys.stdlib_module_names - {"__main__"} | {"flask", "quart"}
_imported = False
_modules_looked_at = 0


def are_imported() -> bool:
    """Whether a module that is neither Flask's nor Quart's has imported a name of Flask's.

    Quart-Flask-Patch, which runs sync code on the event loop, counts as one.
    """
    global _imported, _modules_looked_at
    if _imported or flask_request is None:
        return _imported
    # What has been looked at is not looked at again, but for the program, which may go on.
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


def are_patched() -> bool:
    """Whether Quart-Flask-Patch has put itself in the place of Flask."""
    return hasattr(sys.modules.get("flask"), "_QUART_PATCHED")


def _names_of_flask() -> set[int]:
    """The ids of Flask's modules, and of what they offer: proxies, functions and classes."""
    modules = (flask, flask.globals, flask.ctx, flask.helpers, flask.templating, flask.views)
    return {id(module) for module in modules} | {
        id(value)
        for module in modules
        for value in vars(module).values()
        if type(value) is LocalProxy or str(getattr(value, "__module__", "")).startswith("flask.")
    }
