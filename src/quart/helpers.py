"""Functions that views call: URLs, redirects, flashed messages, streams, hints to the client.

Each finds the application or the connection through the current context. In sync views and hooks,
which run in threads, the async ones return values instead of awaitables. Names imported "as"
themselves could be imported from here in earlier releases.
"""

from __future__ import annotations

import mimetypes
import os
from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterable, Iterator
from datetime import UTC as UTC
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, ParamSpec, TypeVar, overload

from flask.helpers import get_root_path
from flask.sansio.scaffold import find_package as flask_find_package
from jinja2.runtime import Macro
from werkzeug.exceptions import abort as werkzeug_abort
from werkzeug.security import safe_join as safe_join
from werkzeug.utils import redirect as werkzeug_redirect

from . import wrappers
from .files import DEFAULT_MIMETYPE as DEFAULT_MIMETYPE
from .files import send_file, send_from_directory
from .globals import _cv_quart, _cv_request, _cv_session
from .globals import current_app as current_app
from .globals import request as request
from .globals import request_ctx as request_ctx
from .globals import session as session
from .signals import message_flashed
from .typing import FilePath as FilePath
from .typing import ResponseReturnValue as ResponseReturnValue
from .typing import ResponseTypes
from .utils import file_path_to_path as file_path_to_path
from .workers import awaited_or_blocking
from .wrappers.response_body import ResponseBody as ResponseBody

if TYPE_CHECKING:
    from .ctx import AppContext

__all__ = (
    "abort",
    "find_package",
    "flash",
    "get_debug_flag",
    "get_flashed_messages",
    "get_load_dotenv",
    "get_root_path",
    "get_template_attribute",
    "make_push_promise",
    "make_response",
    "redirect",
    "send_early_hints",
    "send_file",
    "send_from_directory",
    "stream_with_context",
    "url_for",
)

P = ParamSpec("P")
R = TypeVar("R")
T = TypeVar("T")

#: What preloading calls these kinds of files. Browsers ignore a hint without it.
_PRELOADED_AS = {
    "application/javascript": "script",
    "text/css": "style",
    "text/javascript": "script",
    "text/vtt": "track",
}


def get_debug_flag() -> bool:
    """Whether QUART_DEBUG is set to anything but "0", "false" or "no"."""
    return os.environ.get("QUART_DEBUG", "0").lower() not in {"", "0", "false", "no"}


def get_load_dotenv(default: bool = True) -> bool:
    """Whether to load .env files: QUART_SKIP_DOTENV decides, or ``default`` if that is unset."""
    skip = os.environ.get("QUART_SKIP_DOTENV")
    return skip.lower() in {"0", "false", "no"} if skip else default


# Responses


@awaited_or_blocking
async def make_response(*args: object) -> wrappers.Response:
    """Make a response from anything a view may return. Several arguments count as a tuple.

    Raises TypeError if the value cannot become a response.
    """
    app = _cv_quart.current().app
    if not args:
        return app.response_class()
    return await app.make_response(args[0] if len(args) == 1 else args)


@overload
def redirect(location: str, code: int = 302, Response: None = None) -> wrappers.Response: ...
@overload
def redirect(location: str, code: int = 302, *, Response: type[R]) -> R: ...
@overload
def redirect(location: str, code: int, Response: type[R]) -> R: ...
def redirect(location: str, code: int = 302, Response: object = None) -> Any:
    """Make a response that sends the client to `location`; its class is the app's by default."""
    ctx = _cv_quart.get(None)
    if Response is None and ctx is not None:
        return ctx.app.redirect(location, code)
    response_class: Any = Response or wrappers.Response  # Werkzeug only uses its constructor
    return werkzeug_redirect(location, code, response_class)


def abort(code: int | ResponseTypes, *args: object, **kwargs: object) -> NoReturn:
    """Raise the HTTPException for a status code, or one that carries a response.

    Other arguments are passed to the exception. Raises LookupError for a code without one.
    """
    ctx = _cv_quart.get(None)
    if ctx is not None:
        ctx.app.aborter(code, *args, **kwargs)
    werkzeug_abort(code, *args, **kwargs)


def url_for(
    endpoint: str,
    *,
    _anchor: str | None = None,
    _method: str | None = None,
    _scheme: str | None = None,
    _external: bool | None = None,
    **values: object,
) -> str:
    """Build the URL of an endpoint with these values, like ``current_app.url_for``.

    A leading dot means the current blueprint. Values that the rule has no variable for become the
    query string. ``_anchor`` is appended, ``_method`` chooses among rules, and ``_scheme`` makes
    the URL external, as ``_external`` does, which is the default outside a connection. Raises
    BuildError.
    """
    return _cv_quart.current().app.url_for(
        endpoint,
        _anchor=_anchor,
        _method=_method,
        _scheme=_scheme,
        _external=_external,
        **values,
    )


# Flashed messages


@awaited_or_blocking
async def flash(message: str, category: str = "message") -> None:
    """Keep a message in the session until ``get_flashed_messages`` takes it, usually for a page.

    Raises RuntimeError outside a connection, or without a secret key.
    """
    ctx = _cv_session.current()
    flashes = ctx.session.get("_flashes", [])
    flashes.append((category, message))
    # Assign the list again, because a session notices only changes of its own items.
    ctx.session["_flashes"] = flashes
    if message_flashed.receivers:
        await ctx.app._send_signal(message_flashed, message=message, category=category)


def get_flashed_messages(
    with_categories: bool = False, category_filter: Iterable[str] = ()
) -> list[str] | list[tuple[str, str]]:
    """Take the flashed messages out of the session. Later calls in this request return them again.

    With ``with_categories`` they are pairs of category and message. ``category_filter`` limits
    them to these categories. Raises RuntimeError outside a connection.
    """
    ctx = _cv_session.current()
    flashes = ctx.flashes
    if flashes is None:
        flashes = ctx.session.pop("_flashes") if "_flashes" in ctx.session else []
        ctx.flashes = flashes
    if category_filter:
        flashes = [flash for flash in flashes if flash[0] in category_filter]
    return flashes if with_categories else [message for _, message in flashes]


# Streams


class _AsyncStream(AsyncIterator[T]):
    """An async iterator whose every step runs in a context."""

    def __init__(self, ctx: AppContext, iterable: AsyncIterable[T]) -> None:
        self._ctx = ctx
        self._iterator = aiter(iterable)

    async def __anext__(self) -> T:
        with self._ctx.entered():
            return await anext(self._iterator)

    async def aclose(self) -> None:
        close = getattr(self._iterator, "aclose", None)
        if close is not None:
            with self._ctx.entered():
                await close()


class _SyncStream(Iterator[T]):
    """An iterator whose every step runs in a context."""

    def __init__(self, ctx: AppContext, iterable: Iterable[T]) -> None:
        self._ctx = ctx
        self._iterator = iter(iterable)

    def __next__(self) -> T:
        with self._ctx.entered():
            return next(self._iterator)

    def close(self) -> None:
        close = getattr(self._iterator, "close", None)
        if close is not None:
            with self._ctx.entered():
                close()


@overload
def stream_with_context(func: AsyncIterable[T]) -> AsyncIterator[T]: ...
@overload
def stream_with_context(func: Iterable[T]) -> Iterator[T]: ...
@overload
def stream_with_context(func: Callable[P, AsyncIterable[T]]) -> Callable[P, AsyncIterator[T]]: ...
@overload
def stream_with_context(func: Callable[P, Iterable[T]]) -> Callable[P, Iterator[T]]: ...
def stream_with_context(func: object = None, *, generator_or_function: object = None) -> object:
    """Run what produces a response's body in the context of the connection, and keep that open.

    Takes a generator, any other iterator, or a function that returns one, sync or async. ``g``,
    the session and the request stay the same. Teardown runs once the body has been sent::

        @app.get("/")
        async def view():
            @stream_with_context
            async def generate():
                yield "Hello "
                yield request.args["name"]

            return generate()

    Raises RuntimeError outside a context.
    """
    if func is None:
        func = generator_or_function
    ctx = _cv_quart.get(None)
    if ctx is not None:
        ctx.hold()
    if callable(func) and not isinstance(func, (AsyncIterable, Iterable)):

        @wraps(func)
        def wrapper(*args: object, **kwargs: object) -> object:
            return _stream_in(_cv_quart.get(None) or ctx, func(*args, **kwargs))

        return wrapper
    return _stream_in(ctx, func)


def _stream_in(ctx: AppContext | None, iterable: Any) -> object:
    if ctx is None:
        raise RuntimeError(
            "'stream_with_context' can only be used when a context is active, such as in a view"
            " function."
        )
    ctx.hold()
    if isinstance(iterable, AsyncIterable):
        return _AsyncStream(ctx, iterable)
    return _SyncStream(ctx, iterable)


# Hints


@awaited_or_blocking
async def make_push_promise(path: str) -> None:
    """Promise the client the resource at a path before it asks for it (HTTP/2 server push).

    If the server cannot push, this sends an early hint instead.
    """
    await _cv_request.current().request.send_push_promise(path)


@awaited_or_blocking
async def send_early_hints(*links: str) -> None:
    """Tell the client what the response will need, in a 103 response before it.

    A link is a URL to preload, or a whole Link header value, ``<url>; rel=...``. Nothing is sent
    if the server cannot send hints, or if the response has started.
    """
    connection = _cv_request.current().request._asgi
    if connection is not None:
        await connection.send_early_hints(
            [link if link.startswith("<") else preload(link) for link in links]
        )


def preload(url: str) -> str:
    """Return a Link header value that makes the client load a URL in advance."""
    mimetype = mimetypes.guess_type(url.partition("?")[0])[0] or ""
    kind = _PRELOADED_AS.get(mimetype, mimetype.partition("/")[0])
    if kind == "font":
        kind = "font; crossorigin"
    known = kind in {"font; crossorigin", "image", "script", "style", "track"}
    url = url.replace("<", "%3C").replace(">", "%3E")  # these would end the URL
    return f"<{url}>; rel=preload" + (f"; as={kind}" if known else "")


# Templates and packages


def get_template_attribute(template_name: str, attribute: str) -> Any:
    """Return a macro or variable that a template defines at its top level.

    Await what a macro returns, except in sync views and hooks. Raises AttributeError if there is
    nothing of that name, RuntimeError if the template's top level awaits something.
    """
    template = _cv_quart.current().app.jinja_env.get_template(template_name)
    making = template.make_module_async()
    try:
        making.send(None)
    except StopIteration as made:
        value: object = getattr(made.value, attribute)
        if isinstance(value, Macro):
            invoke: Any = value  # in an async environment it is async, unlike its type
            return awaited_or_blocking(invoke)
        return value
    making.close()
    raise RuntimeError(f"The top level of template {template_name!r} awaits something.")


def find_package(name: str) -> tuple[Path | None, Path]:
    """Find a package: the prefix where it is installed, or None, and its import path."""
    prefix, path = flask_find_package(name)
    return Path(prefix) if prefix else None, Path(path)


def _split_blueprint_path(name: str) -> list[str]:
    """Return a blueprint's name and those of its parents, from the inside out."""
    names = [name]
    while "." in name:
        name = name.rpartition(".")[0]
        names.append(name)
    return names
