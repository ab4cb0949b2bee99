"""The one context variable and the proxies that user code reads it through.

Nothing in the package reads a proxy while it handles a connection: the context travels
down the line as an argument.
"""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar, Token
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Generic, TypeVar, cast

import flask.globals
from werkzeug.local import LocalProxy

if TYPE_CHECKING:
    from flask.ctx import _AppCtxGlobals

    from .app import Quart
    from .ctx import AppContext, RequestContext, WebsocketContext
    from .sessions import SessionMixin
    from .wrappers import Request, Websocket

T = TypeVar("T")

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
an active websocket. It is there in websocket views and what they call.\
"""
_no_session_msg = """\
Working outside of request or websocket context.

This typically means that you attempted to use functionality that needed
the session of an active request or websocket.\
"""

# Flask's own, so that `flask.current_app` and `flask.g` are those of Quart. See bridge.py.
_cv_app: ContextVar[AppContext] = cast(Any, flask.globals._cv_app)


class _ContextView(Generic[T]):
    """`_cv_app` seen as one of the older context variables, `_cv_request` or `_cv_websocket`.

    It answers only while the current context is of that kind.
    """

    def __init__(self, flag: str, message: str) -> None:
        self._flag = flag
        self._message = message

    def get(self, *default: Any) -> Any:
        """The current context, else the default, else LookupError: as a ContextVar does."""
        ctx = _cv_app.get(None)
        if ctx is not None and getattr(ctx, self._flag, False):  # it may be Flask's own
            return ctx
        if default:
            return default[0]
        raise LookupError(self._message)

    def set(self, ctx: AppContext) -> Token[AppContext]:
        return _cv_app.set(ctx)

    def reset(self, token: Token[AppContext]) -> None:
        _cv_app.reset(token)

    def current(self) -> Any:
        """The current context; RuntimeError says what to do where there is none."""
        ctx = self.get(None)
        if ctx is None:
            raise RuntimeError(self._message)
        return ctx


_cv_request: _ContextView[RequestContext] = _ContextView("has_request", _no_request_msg)
_cv_websocket: _ContextView[WebsocketContext] = _ContextView("has_websocket", _no_websocket_msg)
_cv_session: _ContextView[AppContext] = _ContextView("has_session", _no_session_msg)


class _Proxy(LocalProxy[T]):
    """Werkzeug's proxy with a short way to the attributes."""

    __slots__ = ()

    # PERF: LocalProxy binds a function anew for each attribute read (1.3 us against 0.5 us).
    def __getattr__(self, name: str) -> Any:
        return getattr(self._get_current_object(), name)


class _RequestProxy(_Proxy[T]):
    __slots__ = ()
    _find: Callable[[AppContext], Any] = attrgetter("request")

    # PERF: the view of the context variable is asked only where something is wrong (0.9 us
    # against 0.5 us).
    def __getattr__(self, name: str) -> Any:
        try:
            current = self._find(_cv_app.get())
        except (LookupError, RuntimeError):
            current = self._get_current_object()  # which says what is wrong
        return getattr(current, name)


class _WebsocketProxy(_RequestProxy[T]):
    __slots__ = ()
    _find = attrgetter("websocket")

    # PERF: two that are read with each message. `__getattr__` is called only after a search that
    # fails; this is found (0.5 us against 0.15 us).

    @property
    def receive(self) -> Any:
        try:
            return _cv_app.get().websocket.receive
        except (LookupError, RuntimeError):
            return self.__getattr__("receive")

    @property
    def send(self) -> Any:
        try:
            return _cv_app.get().websocket.send
        except (LookupError, RuntimeError):
            return self.__getattr__("send")


if TYPE_CHECKING:
    # A proxy is used as the object it stands for.
    app_ctx: AppContext
    current_app: Quart
    g: _AppCtxGlobals
    request_ctx: RequestContext
    websocket_ctx: WebsocketContext
    request: Request
    websocket: Websocket
    session: SessionMixin
else:
    app_ctx = _Proxy(_cv_app, unbound_message=_no_app_msg)
    current_app = _Proxy(_cv_app, "app", unbound_message=_no_app_msg)
    g = _Proxy(_cv_app, "g", unbound_message=_no_app_msg)
    request_ctx = _Proxy(_cv_request.current)
    websocket_ctx = _Proxy(_cv_websocket.current)
    request = _RequestProxy(_cv_request.current, "request")
    websocket = _WebsocketProxy(_cv_websocket.current, "websocket")
    session = _Proxy(_cv_session.current, "session")
