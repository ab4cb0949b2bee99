"""Quart together with Quart-Flask-Patch, which runs sync code on the event loop and can wait there.

The sync functions that an application calls get values there, as they do in threads without it.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable
from functools import wraps
from typing import TYPE_CHECKING, Any

from .workers import is_coroutine_callable, waiting_by

if TYPE_CHECKING:
    from .app import Quart

UserFunction = Callable[..., Any]

#: The name of the patch's function that waits for an awaitable on the event loop.
_WAIT = "sync_with_context"


def give_values(app: Quart) -> None:
    """Give values to the sync functions that an application calls; the patch does the waiting."""
    modules: list[Any] = [
        module
        for name, module in list(sys.modules.items())
        if name.startswith("quart_flask_patch.") and hasattr(module, _WAIT)
    ]
    for module in modules:
        setattr(module, _WAIT, _taking_values(getattr(module, _WAIT)))
    if modules:
        ensure_async = _giving_values(app.ensure_async, getattr(modules[0], _WAIT))
        app.ensure_async = ensure_async  # type: ignore[method-assign, assignment]


def _taking_values(wait: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Let functions such as the patch's `flask.make_response` take values, too."""
    if hasattr(wait, "__wrapped__"):  # it was wrapped for an earlier application
        return wait

    @wraps(wait)
    def wrapper(value: Any) -> Any:
        return wait(value) if inspect.isawaitable(value) else value

    return wrapper


def _giving_values(
    ensure_async: Callable[[UserFunction], UserFunction], wait: Callable[[Any], Any]
) -> Callable[[UserFunction], UserFunction]:
    """Wrap the patch's `ensure_async` so that the functions it runs on the loop get values."""

    def wrapper(func: UserFunction) -> UserFunction:
        if is_coroutine_callable(func):
            return func

        @wraps(func)
        def with_values(*args: object, **kwargs: object) -> object:
            with waiting_by(wait, on_loop=True):
                return func(*args, **kwargs)

        return ensure_async(with_values)

    return wrapper
