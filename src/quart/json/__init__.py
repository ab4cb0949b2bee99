"""JSON, written and read by the current application's provider, or else the standard library."""

from __future__ import annotations

import json as _json
from typing import IO, TYPE_CHECKING, Any, AnyStr

from ..globals import _cv_quart
from ..globals import current_app as current_app
from .values import default as _default

if TYPE_CHECKING:
    from ..wrappers import Response

__all__ = ("dump", "dumps", "jsonify", "load", "loads")


def _argument(function: str, name: str, value: object, kwargs: dict[str, Any]) -> Any:
    """Return an argument to which Flask gives another name."""
    if value is not ...:
        return value
    try:
        return kwargs.pop(name)
    except KeyError:
        raise TypeError(f"{function}() is missing the argument {name!r}.") from None


def dumps(object_: object = ..., **kwargs: Any) -> str:
    """Serialize an object to JSON text with ``current_app.json``.

    The object may also be passed as ``obj``. Keyword arguments are passed to the provider's
    ``dumps``. Raises TypeError if the object cannot be serialized.
    """
    object_ = _argument("dumps", "obj", object_, kwargs)
    ctx = _cv_quart.get(None)
    if ctx is not None:
        return ctx.app.json.dumps(object_, **kwargs)
    kwargs.setdefault("default", _default)
    return _json.dumps(object_, **kwargs)


def dump(object_: object = ..., fp: IO[str] = ..., **kwargs: Any) -> None:  # type: ignore[assignment]
    """Serialize an object to JSON with ``current_app.json`` and write it to a text file.

    The object may also be passed as ``obj``.
    """
    object_ = _argument("dump", "obj", object_, kwargs)
    ctx = _cv_quart.get(None)
    if ctx is not None:
        ctx.app.json.dump(object_, fp, **kwargs)
    else:
        kwargs.setdefault("default", _default)
        _json.dump(object_, fp, **kwargs)


def loads(object_: str | bytes = ..., **kwargs: Any) -> Any:  # type: ignore[assignment]
    """Deserialize JSON from text or UTF-8 bytes with ``current_app.json``.

    The text may also be passed as ``s``. Raises ValueError if it is not JSON.
    """
    object_ = _argument("loads", "s", object_, kwargs)
    ctx = _cv_quart.get(None)
    if ctx is not None:
        return ctx.app.json.loads(object_, **kwargs)
    return _json.loads(object_, **kwargs)


def load(fp: IO[AnyStr], **kwargs: Any) -> Any:
    """Deserialize JSON from a file of text or UTF-8 bytes with ``current_app.json``."""
    ctx = _cv_quart.get(None)
    if ctx is not None:
        return ctx.app.json.load(fp, **kwargs)
    return _json.load(fp, **kwargs)


def jsonify(*args: object, **kwargs: object) -> Response:
    """Make a JSON response: of one argument itself, several as a list, or keywords as a dict.

    Raises TypeError for both kinds together, RuntimeError outside an application context.
    """
    return _cv_quart.current().app.json.response(*args, **kwargs)  # type: ignore[return-value]  # our own class
