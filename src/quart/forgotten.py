"""Forgotten awaits: a coroutine that says what is wrong if it is used without being awaited.

It helps developers, so it is used in debug mode, and once an application has a test client.
Otherwise plain coroutines are used, because they cost less.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable, Coroutine, Generator, Mapping, Sequence
from inspect import getattr_static
from typing import Any, NoReturn, TypeVar

from .globals import _cv_quart

T = TypeVar("T", covariant=True)


class Reminder(Coroutine[object, None, T]):
    """A coroutine that raises TypeError or AttributeError if it is used like its value.

    :param value: The expression that lacks an await, such as "request.form".
    """

    __slots__ = ("_coroutine", "_value")

    def __init__(self, coroutine: Coroutine[object, None, T], value: str) -> None:
        self._coroutine = coroutine
        self._value = value

    def __repr__(self) -> str:
        return f"<{self._value}, to be awaited>"

    def __await__(self) -> Generator[object, None, T]:
        return self._coroutine.__await__()

    def send(self, value: Any) -> Any:
        return self._coroutine.send(value)

    def throw(self, *args: Any) -> Any:
        return self._coroutine.throw(*args)

    def close(self) -> None:
        self._coroutine.close()

    def _text(self) -> str:
        value = self._value
        return f"{value} gives its value only when awaited: write (await {value})"

    def _remind(self, *args: object) -> NoReturn:
        raise TypeError(self._text())

    def __bool__(self) -> bool:
        # asyncio tests whether a task has a coroutine, in order to describe the task.
        if sys._getframe(1).f_globals.get("__name__", "").startswith("asyncio."):
            return True
        self._remind()

    __str__ = __len__ = __iter__ = __getitem__ = __setitem__ = __contains__ = _remind
    __lt__ = __le__ = __gt__ = __ge__ = __add__ = __radd__ = __enter__ = _remind
    __format__ = __call__ = __int__ = __float__ = __or__ = __ror__ = _remind

    def __exit__(self, *args: object) -> None: ...

    def __eq__(self, other: object) -> bool:
        return self is other or self._remind()

    __hash__ = object.__hash__

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") or hasattr(self._coroutine, name):
            return getattr(self._coroutine, name)
        raise AttributeError(f"{self._text()}.{name}")


def written(
    func: Callable[..., object], args: Sequence[object], kwargs: Mapping[str, object]
) -> str:
    """Write a call as the caller has written it: "request.form", "request.get_json()"."""
    # A macro of a template has no name.
    full = getattr(func, "__qualname__", None) or type(func).__name__
    owner, dot, name = full.rpartition(".")
    owner, name = owner.rpartition(".")[2], name.lstrip("_")
    text = f"{owner[:1].lower()}{owner[1:]}{dot}{name}"
    if dot and args:
        if isinstance(getattr_static(type(args[0]), name, None), property):
            return text
        args = args[1:]
    return f"{text}(...)" if args or kwargs else f"{text}()"


def reminder_of(coroutine: Coroutine[object, None, T], value: str) -> Coroutine[object, None, T]:
    """Return a coroutine as a `Reminder`, unless it is one already."""
    return coroutine if isinstance(coroutine, Reminder) else Reminder(coroutine, value)


def log_forgotten_awaits() -> None:
    """Log Python's warnings about coroutines never awaited, with the request they come from."""
    show = warnings.showwarning
    if getattr(show, "_quart_logs", False):
        return

    def show_or_log(
        message: Warning | str, category: type[Warning], filename: str, lineno: int, *more: Any
    ) -> None:
        ctx = _cv_quart.get(None)
        if ctx is None or ctx.kind is None or "was never awaited" not in str(message):
            show(message, category, filename, lineno, *more)
            return
        app = ctx.app
        app.logger.warning(
            "On %s: %s (%s, line %d)", app._described(ctx), message, filename, lineno
        )

    show_or_log._quart_logs = True  # type: ignore[attr-defined]
    warnings.showwarning = show_or_log  # type: ignore[assignment]  # it calls the previous one
    warnings.filterwarnings("always", "coroutine .* was never awaited", RuntimeWarning)
