"""How other releases of Quart and Flask write a stage, and how it is called as ours.

Used when a class is made or a stage is assigned; a request uses only `in_order`, and only where a
stage was called in the older order.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Coroutine
from functools import wraps
from typing import Any

from .ctx import AppContext
from .globals import _cv_quart
from .workers import awaited_or_blocking, is_coroutine_callable, run_sync

#: The stages that now take the context as their first argument, and took it last or not at all.
STAGES = frozenset(
    {
        "do_teardown_appcontext",
        "do_teardown_request",
        "do_teardown_websocket",
        "finalize_request",
        "finalize_websocket",
        "handle_background_exception",
        "handle_exception",
        "handle_http_exception",
        "handle_user_exception",
        "handle_websocket_exception",
        "log_exception",
        "postprocess_websocket",
        "process_response",
        "update_template_context",
        "dispatch_request",
        "dispatch_websocket",
        "full_dispatch_request",
        "full_dispatch_websocket",
        "make_default_options_response",
        "preprocess_request",
        "preprocess_websocket",
    }
)

_CONTEXT_NAMES = frozenset({"ctx", "app_ctx"})
_OLD_CONTEXT_NAMES = frozenset({"request_context", "websocket_context"})


def context_first(stage: str, func: object, bound: bool = False) -> Any:
    """Make a stage that others wrote callable with the context as its first argument.

    Its signature shows the generation: the context comes first (Quart 0.23, Flask 3.2), last and
    optional (Quart before that), or not at all (Flask). A sync stage may return a plain value.
    Unless it takes the context first, it is called in a thread, where the stages that it calls
    give it values, as in Flask.
    """
    if not callable(func):
        return func
    names = list(inspect.signature(func).parameters.values())[0 if bound else 1 :]
    takes_any = any(p.kind is p.VAR_POSITIONAL for p in names)
    first = names[0].name if names else ""
    context_comes_first = first in _CONTEXT_NAMES or (
        first in _OLD_CONTEXT_NAMES and len(names) == 1
    )
    call: Callable[..., Any] = func
    if stage != "log_exception":
        if not is_coroutine_callable(call):
            call = _awaitable(call) if context_comes_first and not takes_any else _in_thread(call)
        if getattr(call, "_quart_marked", None) is not call:
            call = awaited_or_blocking(call)
    if takes_any or context_comes_first:
        return call
    takes_context = any(p.name in _OLD_CONTEXT_NAMES for p in names)
    takes_value = bool(names) and first not in _OLD_CONTEXT_NAMES

    def in_old_order(*args: object, **kwargs: object) -> object:
        own, args = ((), args) if bound else (args[:1], args[1:])
        ctx, value, rest = None, args[:1], args[1:]
        if args and isinstance(args[0], AppContext):
            ctx, value, rest = args[0], args[1:2], args[2:]
        elif rest and isinstance(rest[0], AppContext | None):
            ctx, rest = rest[0], rest[1:]
        given = (*own, *(value if takes_value else ()))
        if takes_context and not kwargs.keys() & _OLD_CONTEXT_NAMES:
            given = (*given, ctx)
        return call(*given, *rest, **kwargs)

    in_old_order.__wrapped__ = call  # type: ignore[attr-defined]
    return in_old_order


def _awaitable(func: Callable[..., object]) -> Callable[..., Coroutine[object, None, object]]:
    @wraps(func)
    async def wrapper(*args: object, **kwargs: object) -> object:
        result = func(*args, **kwargs)
        return await result if inspect.isawaitable(result) else result

    return wrapper


def _in_thread(func: Callable[..., object]) -> Callable[..., Coroutine[object, None, object]]:
    @wraps(func)
    async def wrapper(*args: object, **kwargs: object) -> object:
        ctx = _cv_quart.get(None)
        ensure_async = run_sync if ctx is None else ctx.app.ensure_async
        result: object = await ensure_async(func)(*args, **kwargs)
        return await result if inspect.isawaitable(result) else result

    return wrapper


def in_order(first: object, second: object, named: AppContext | None) -> tuple[AppContext, Any]:
    """Return the context and the other argument of a stage that was called in the older order."""
    if isinstance(second, AppContext):
        return second, first
    return named or _cv_quart.get(), second if first is None else first
