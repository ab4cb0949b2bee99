"""The one context variable, and the proxies through which user code reads it.

Nothing in the package reads a proxy while it handles a connection: the context is passed along as
an argument.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextvars import ContextVar, Token
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Generic, TypeVar, cast, overload

import flask.globals
from flask.ctx import AppContext as FlaskContext
from werkzeug.local import LocalProxy

if TYPE_CHECKING:
    from flask.ctx import _AppCtxGlobals

    from .app import Quart
    from .ctx import AppContext, RequestContext, WebsocketContext
    from .sessions import SessionMixin
    from .wrappers import Request, Websocket

T = TypeVar("T")
D = TypeVar("D")

_no_app_msg = """\
Working outside of application context.

This typically means that you attempted to use functionality that needed
the current application. To solve this, set up an application context
with 'async with app.app_context():'.\
"""
_no_request_msg = """\
Working outside of request context.

This typically means that you attempted to use functionality that needed
an active HTTP request. To solve this in a test, set up a request context
with 'async with app.test_request_context("/"):'.\
"""
_no_websocket_msg = """\
Working outside of websocket context.

This typically means that you attempted to use functionality that needed
an active websocket. Use it in websocket views and in what they call.\
"""
_no_session_msg = """\
Working outside of request or websocket context.

This typically means that you attempted to use functionality that needed
the session of an active request or websocket.\
"""

# Flask's own variable, so that `flask.current_app` and `flask.g` are Quart's: see flask_names.py.
# It may hold the context of a Flask application, so the package reads it through `_cv_quart`.
_cv_app: ContextVar[AppContext] = cast(Any, flask.globals._cv_app)


class _ContextView(Generic[T]):
    """`_cv_app` as a variable of Quart alone, or as the older `_cv_request` and `_cv_websocket`.

    It has a value only if the current context is of its kind. The context of a Flask application,
    which may run in the same process, does not count.
    """

    def __init__(self, flag: str, message: str) -> None:
        self._flag = flag
        self._message = message

    @overload
    def get(self) -> T: ...

    @overload
    def get(self, default: D, /) -> T | D: ...

    def get(self, *default: object) -> object:
        """Return the current context or the default, or raise LookupError, like a ContextVar."""
        ctx = _cv_app.get(None)
        if getattr(ctx, self._flag, False) and not isinstance(ctx, FlaskContext):
            return ctx
        if default:
            return default[0]
        raise LookupError(self._message)

    def set(self, ctx: AppContext) -> Token[AppContext]:
        return _cv_app.set(ctx)

    def reset(self, token: Token[AppContext]) -> None:
        _cv_app.reset(token)

    def current(self) -> T:
        """Return the current context, or raise a RuntimeError that says what to do."""
        ctx = self.get(None)
        if ctx is None:
            other = _OTHER_KIND.get(self._flag)
            if other is not None and getattr(_cv_app.get(None), other[0], False):
                raise RuntimeError(other[1])
            raise RuntimeError(self._message)
        return ctx


# The errors for using `request` in a websocket, and `websocket` in a request.
_OTHER_KIND = {
    "has_request": (
        "has_websocket",
        "Working outside of request context: this is a websocket's, so use 'websocket' instead of"
        " 'request'.",
    ),
    "has_websocket": (
        "has_request",
        "Working outside of websocket context: this is a request's, so use 'request' instead of"
        " 'websocket'.",
    ),
}


_cv_quart: _ContextView[AppContext] = _ContextView("app", _no_app_msg)
_cv_request: _ContextView[RequestContext] = _ContextView("has_request", _no_request_msg)
_cv_websocket: _ContextView[WebsocketContext] = _ContextView("has_websocket", _no_websocket_msg)
_cv_session: _ContextView[AppContext] = _ContextView("has_session", _no_session_msg)


def _proxy_of(find: Callable[[AppContext], object]) -> type[LocalProxy[object]]:
    """Make Werkzeug's proxy, with a faster way to the attributes of what `find` finds."""

    class Proxy(LocalProxy[object]):
        __slots__ = ()

        # PERF: this repeats `LocalProxy.__getattr__`, which Python calls only after another search
        # has failed (1.0 us against 0.3 us on Python 3.11). It is safe for names that begin with a
        # small letter, because `LocalProxy` itself has no such names.
        def __getattribute__(self, name: str) -> Any:
            if name < "a":  # begins with an underscore, or a capital
                return object.__getattribute__(self, name)
            try:
                ctx = _cv_app.get()
                if isinstance(ctx, FlaskContext):
                    raise LookupError
                current = find(ctx)
            except (LookupError, RuntimeError):
                # Werkzeug's own code raises the error that names what is missing.
                current = object.__getattribute__(self, "_get_current_object")()
            return getattr(current, name)

    Proxy.__name__ = LocalProxy.__name__  # for its `repr` outside a context
    return Proxy


class _SessionProxy(_proxy_of(attrgetter("session"))):  # type: ignore[misc]  # a base all the same
    __slots__ = ()

    # PERF: these repeat `LocalProxy`, which binds a function again for each call.

    def __getitem__(self, key: str) -> Any:
        return _cv_session.current().session[key]

    def __setitem__(self, key: str, value: object) -> None:
        _cv_session.current().session[key] = value


_SessionProxy.__name__ = LocalProxy.__name__


class _WebsocketProxy(LocalProxy["Websocket"]):
    __slots__ = ()

    # PERF: these two repeat `LocalProxy.__getattr__`, because a view reads them for each message.

    @property
    def receive(self) -> Callable[[], Awaitable[str | bytes]]:
        try:
            return _cv_app.get().websocket.receive
        except (LookupError, RuntimeError):
            return self._get_current_object().receive

    @property
    def send(self) -> Callable[..., Awaitable[None]]:
        try:
            return _cv_app.get().websocket.send
        except (LookupError, RuntimeError):
            return self._get_current_object().send

    def __getattr__(self, name: str) -> Any:
        return getattr(self._get_current_object(), name)


_WebsocketProxy.__name__ = LocalProxy.__name__


if TYPE_CHECKING:
    # To type checkers a proxy is the object it stands for.
    app_ctx: AppContext
    current_app: Quart
    g: _AppCtxGlobals
    request_ctx: RequestContext
    websocket_ctx: WebsocketContext
    request: Request
    websocket: Websocket
    session: SessionMixin
else:
    app_ctx = LocalProxy(_cv_quart.current)
    current_app = _proxy_of(attrgetter("app"))(_cv_quart.current, "app")
    g = _proxy_of(attrgetter("g"))(_cv_quart.current, "g")
    request_ctx = LocalProxy(_cv_request.current)
    websocket_ctx = LocalProxy(_cv_websocket.current)
    request = _proxy_of(attrgetter("request"))(_cv_request.current, "request")
    websocket = _WebsocketProxy(_cv_websocket.current, "websocket")
    session = _SessionProxy(_cv_session.current, "session")
