"""The context of a connection, or of the bare application, and the functions that use it.

A context is a plain record. The application opens and closes it, in one place (dispatch.py);
`push`, `pop` and the `with` statements here only ask for that.
"""

from __future__ import annotations

import asyncio
import inspect
import sys
from collections.abc import Awaitable, Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from contextvars import copy_context
from functools import wraps
from types import EllipsisType, TracebackType
from typing import TYPE_CHECKING, ParamSpec, TypeGuard, TypeVar, cast

from flask.ctx import _AppCtxGlobals
from werkzeug.exceptions import HTTPException

from . import routing
from .flask_names import Entered, enter, leave
from .globals import _ContextView, _cv_quart, _cv_request, _cv_websocket
from .hosts import accepted_hosts, accepts_host
from .kinds import REQUEST, WEBSOCKET, Kind, Stages, WebsocketStages
from .one_thread import KeptThread, OneThread
from .outside_loop import getting_values
from .sessions import SecureCookieSessionInterface
from .workers import in_worker_thread, own_thread, wait_in_thread
from .wrappers.base import clean_path

if TYPE_CHECKING:
    from werkzeug.routing import MapAdapter

    from .app import Quart
    from .routing import Found
    from .sessions import SessionInterface, SessionMixin
    from .typing import AfterRequestCallable, AfterWebsocketCallable
    from .wrappers import Request, Websocket

P = ParamSpec("P")
T = TypeVar("T")
C = TypeVar("C", bound="AppContext")


class _Lacking:
    """An attribute that this kind of context does not have. Setting it on an instance wins."""

    def __init__(self, word: str) -> None:
        self.word = word

    def __get__(self, ctx: object, owner: type | None = None) -> _Lacking:
        if ctx is None:
            return self
        raise RuntimeError(f"There is no {self.word} in this context.")


class AppContext:
    """The state of one connection while it is handled, or of work outside a connection.

    `g`, the session and the URL adapter are made when they are first used.
    """

    # PERF: what each connection sets has no default on the class. From Python 3.12 on, such an
    # attribute of an instance takes ten times as long to read and set.
    kind: Kind | None
    _session: SessionMixin | None
    _after_functions: list[Callable[..., object]] | None
    #: True if it stays open when the response is ready, because the body still needs it.
    held: bool
    #: True once its teardown functions have run or begun to run.
    closed: bool
    #: The names under which hooks are stored: None for the application, then each blueprint.
    blueprint_names: tuple[str | None, ...]

    if TYPE_CHECKING:
        request: Request
        websocket: Websocket
        request_websocket: Request | Websocket
    else:
        request = _Lacking("request")
        websocket = _Lacking("websocket")
        request_websocket = _Lacking("request or websocket")

    # PERF: what most connections never touch stays a class attribute until it is set.
    _g: _AppCtxGlobals | None = None
    _flashes: list[tuple[str, str]] | None = None
    _url_adapter: MapAdapter | None = None
    #: How it was entered; it is left in the reverse order.
    _tokens: list[Entered] | None = None
    _thread: OneThread | None = None
    #: Ends the mode in which sync code outside an event loop gets values; see `__enter__`.
    _values: AbstractContextManager[None] | None = None
    #: True if `copy` made it. `_original` is what it copies, until it is entered elsewhere.
    _copied = False
    _original: AppContext | None = None
    #: True if the test client keeps it open, and closes it later.
    preserved = False
    #: The error that ended the connection of a context kept open; its teardown functions get it.
    failed: BaseException | None = None
    #: True if its class has its own `push` or `pop`, which are then called for connections too.
    opens_itself = False

    def __init__(
        self,
        app: Quart,
        *,
        request: Request | None = None,
        websocket: Websocket | None = None,
        session: SessionMixin | None = None,
    ) -> None:
        self.app = app
        #: Where the stages and hooks for this kind of connection are found.
        self.stages: Stages = app
        self.kind = self._after_functions = None
        self._session = session
        self.held = self.closed = False
        self.blueprint_names = (None,)
        if request is not None:
            self.kind = REQUEST
            self.request = self.request_websocket = request
        if websocket is not None:
            self.kind = WEBSOCKET
            self.websocket = self.request_websocket = websocket
            self.stages = WebsocketStages(app)  # pyright: ignore[reportAttributeAccessIssue]

    def __init_subclass__(cls, **kwargs: object) -> None:
        super().__init_subclass__(**kwargs)
        cls.opens_itself = cls.push is not AppContext.push or cls.pop is not AppContext.pop

    def __repr__(self) -> str:
        about = f" {self.request_websocket!r}" if self.kind else ""
        return f"<{type(self).__name__} of {self.app.name}{about}>"

    @property
    def has_request(self) -> bool:
        return self.kind is REQUEST

    @property
    def has_websocket(self) -> bool:
        return self.kind is WEBSOCKET

    @property
    def has_session(self) -> bool:
        return self.kind is not None

    @property
    def g(self) -> _AppCtxGlobals:
        """The namespace of this context."""
        g = self._g
        if g is None:
            g = self.request_websocket.scope.get("_quart._g") if self.kind else None
            if g is None:
                g = self.app.app_ctx_globals_class()
            self._g = g
        return g

    @g.setter
    def g(self, value: _AppCtxGlobals) -> None:
        self._g = value

    @property
    def session(self) -> SessionMixin:
        """The session of the connection, opened from its cookie when it is first used."""
        if self._session is None:
            interface = self.app.session_interface
            if not opens_on_touch(interface):
                raise RuntimeError("The session is opened with the context, which is not open yet.")
            opened = interface.load_session(self.app, self.request_websocket)
            self._session = interface.null_session_class() if opened is None else opened
        return self._session

    @session.setter
    def session(self, value: SessionMixin) -> None:
        self._session = value

    async def open_session(self) -> None:
        """Open the session now, for a session interface that has to be awaited.

        If that raises an HTTPException, it is stored on the connection, like one from matching.
        """
        if self._session is None:
            app, interface = self.app, self.app.session_interface
            # An interface may be sync or async.
            opened: SessionMixin | None = None
            try:
                opened = await app.ensure_async(interface.open_session)(app, self.request_websocket)
            except HTTPException as error:  # for example, the cookie is too long to be parsed
                self.request_websocket.routing_exception = error
            if opened is None:
                opened = await app.ensure_async(interface.make_null_session)(app)
            self._session = opened

    @property
    def url_adapter(self) -> MapAdapter | None:
        """The adapter that builds URLs here; None for a bare context without `SERVER_NAME`.

        Raises BadRequest (or SecurityError) if the request's host is not acceptable.
        """
        if self._url_adapter is None:
            self._url_adapter = self.app.create_url_adapter(
                self.request_websocket if self.kind else None
            )
        return self._url_adapter

    @url_adapter.setter
    def url_adapter(self, value: MapAdapter | None) -> None:
        self._url_adapter = value

    @property
    def thread(self) -> OneThread | None:
        """The thread in which all sync functions run here. None: each may run in any thread."""
        if self._thread is None:
            if self.kind is not None:  # a sync test lends its own thread
                self._thread = self.request_websocket.scope.get("_quart._thread")
            if self._thread is None and self.app.config.get("ONE_THREAD_PER_REQUEST"):
                self._thread = KeptThread()
        return self._thread

    @property
    def flashes(self) -> list[tuple[str, str]] | None:
        """The messages taken from the session, after `get_flashed_messages` was called."""
        return self._flashes

    @flashes.setter
    def flashes(self, value: list[tuple[str, str]] | None) -> None:
        self._flashes = value

    @property
    def _after_request_functions(self) -> list[Callable[..., object]]:
        if self._after_functions is None:
            self._after_functions = []
        return self._after_functions

    _after_websocket_functions = _after_request_functions

    def match_request(self) -> None:
        """Match the URL to a rule; store the rule, or the exception, on the connection.

        Our own matcher is asked first, if that is allowed; where it is unsure, Werkzeug decides.
        """
        app, connection = self.app, self.request_websocket
        if connection.routing_exception is not None:
            return
        found: Found | HTTPException | None = None
        scope = connection.scope
        if (
            app._matches_plainly
            and connection.trusted_hosts is None
            and app.config["TRUSTED_HOSTS"] is None
            and not app.subdomain_matching
        ):
            accepted = True
            for name, value in scope.get("headers", ()):
                if name == b"host":  # `request.host`, too, is the first of several
                    # PERF: the same few hosts come again and again.
                    accepted = value in accepted_hosts or accepts_host(value)
                    break
            if accepted:
                is_websocket = self.kind is WEBSOCKET
                found = app.url_map.find(connection.path, connection.method, is_websocket)
                if found is None:
                    connection.path = clean_path(connection.path)
                    found = app.url_map.match(connection.path, connection.method, is_websocket)
        if found is None:
            connection.path = clean_path(connection.path)
            try:
                adapter = self.url_adapter
                assert adapter is not None  # every connection has one
                found = routing.match(adapter)
            except HTTPException as error:
                found = error
        if isinstance(found, HTTPException):
            connection.routing_exception = found
            return
        rule, view_args, self.blueprint_names = found
        connection.url_rule, connection.view_args = rule, view_args
        if rule.request_options:
            for name, value in rule.request_options.items():
                setattr(connection, name, value)
        # ASGI middleware names what it observes after the route.
        scope["route"] = rule
        scope["path_params"] = view_args
        scope["endpoint"] = app.view_functions.get(rule.endpoint)

    def copy(self: C) -> C:
        """Return a context for the same connection and session.

        If it is entered where this context is open and current, it is this context once more, with
        the same `g`. Elsewhere, as in a task that outlives the request, it has a `g` of its own,
        and runs the teardown functions when it is left.
        """
        copied = self.detached()
        copied._copied, copied._original = True, self
        return copied

    def detached(self: C) -> C:
        """Return a context for the same connection and session, always with a `g` of its own."""
        cls = cast("Callable[..., C]", type(self))  # its arguments depend on the kind
        if self.kind is None:
            return cls(self.app)
        if isinstance(self, (RequestContext, WebsocketContext)):
            copied = cls(self.app, self.request_websocket, self._session)
        else:
            connection = {self.kind.word: self.request_websocket}
            copied = cls(self.app, session=self._session, **connection)
        copied.blueprint_names = self.blueprint_names
        return copied

    def hold(self) -> None:
        """Keep this context open until the response's body has been sent; then close it."""
        self.held = True

    @contextmanager
    def entered(self) -> Iterator[None]:
        """Make this the current context in a `with` block, without opening or closing it."""
        entered = enter(self)
        try:
            yield
        finally:
            leave(entered)

    def push(self) -> Awaitable[None]:
        """Open this context and make it the current one, as `async with` does.

        If opening it raises an error, that is raised, and the context is not the current one.
        """
        if self.app.is_for_sync_code and not _in_loop():
            self.__enter__()
            return cast("Awaitable[None]", None)
        return self._push()

    async def _push(self) -> None:
        if self._tokens is None:
            self._tokens = []
        if self._original is not None and not self._tokens:
            if self._original is _cv_quart.get(None) and not self._original.closed:
                self._tokens.append(enter(self._original))
                return
            self._original = None
            current = _cv_quart.get(None)
            if current is not None and current.kind is None and current.app is self.app:
                self._g = current.g  # as in Flask, if the application's context was entered first
        self._tokens.append(enter(self))
        if len(self._tokens) == 1:
            try:
                await self.app.open_context(self)
            except BaseException:
                leave(self._tokens.pop())
                raise

    def pop(self, exc: BaseException | EllipsisType | None = ...) -> Awaitable[None]:
        """Leave this context. The last `pop` runs the teardown functions with `exc`.

        If `exc` is not given, it is the exception being handled, or None.

        Raises a group with the errors of teardown functions, and RuntimeError if the context
        was not pushed.
        """
        if self.app.is_for_sync_code and not _in_loop():
            self.__exit__(None, sys.exception() if exc is ... else exc, None)
            return cast("Awaitable[None]", None)
        return self._pop(exc)

    async def _pop(self, exc: BaseException | EllipsisType | None) -> None:
        if not self._tokens:
            raise RuntimeError(f"{self!r} is not pushed, so it cannot be popped.")
        entered = self._tokens.pop()
        if exc is ...:
            exc = sys.exception()
        try:
            if not self._tokens and self._original is None:
                await self.app.close_context(self, exc)
        finally:
            leave(entered)

    async def auto_pop(self, exc: BaseException | None) -> None:
        """Leave this context unless the test client keeps it."""
        if not self.preserved:
            await self.pop(exc)

    async def __aenter__(self: C) -> C:
        await self.push()
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc_value: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        await self.auto_pop(exc_value)

    def __enter__(self: C) -> C:
        if self._copied and _in_loop():
            self._tokens = [*(self._tokens or ()), enter(self)]  # opening it takes an await
            return self
        if self._values is None and self.app.is_for_sync_code:
            self._values = getting_values()
            self._values.__enter__()
        self._thread = self._thread or own_thread()
        _run_outside_loop(self.push)
        # The loop ran in a copy of this thread's context variables, so set the context here again.
        assert self._tokens is not None
        self._tokens[-1] = enter(self._original or self)
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc_value: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        if self._copied and _in_loop():
            assert self._tokens is not None
            leave(self._tokens.pop())
            return
        entered = self._tokens[-1] if self._tokens else None
        try:
            _run_outside_loop(self.auto_pop, exc_value)
        finally:
            if entered is not None and not self.preserved:
                leave(entered)
            if self._values is not None and not self._tokens:
                values, self._values = self._values, None
                values.__exit__(None, None, None)


class RequestContext(AppContext):
    """The context of one HTTP request."""

    if not TYPE_CHECKING:
        # PERF: CPython reads an attribute slowly if the class has a descriptor of that name.
        request = request_websocket = None

    def __init__(self, app: Quart, request: Request, session: SessionMixin | None = None) -> None:
        super().__init__(app, request=request, session=session)


class WebsocketContext(AppContext):
    """The context of one websocket connection."""

    if not TYPE_CHECKING:
        websocket = request_websocket = None  # PERF: as above

    def __init__(
        self,
        app: Quart,
        websocket: Websocket | None = None,
        session: SessionMixin | None = None,
        *,
        request: Websocket | None = None,
    ) -> None:
        if websocket is None:
            websocket = _given(request, None)  # the name that Quart up to 0.22 uses
        super().__init__(app, websocket=websocket, session=session)


def opens_on_touch(interface: SessionInterface) -> TypeGuard[SecureCookieSessionInterface]:
    """Whether a session interface is the cookie one, which never has to wait."""
    # Ask the instance: mocks and wrappers have their methods there, and tests replace them there.
    return getattr(interface.open_session, "__func__", None) is OPEN_FROM_COOKIE


OPEN_FROM_COOKIE = SecureCookieSessionInterface.open_session


def _in_loop() -> bool:
    return asyncio._get_running_loop() is not None


def _run_outside_loop(func: Callable[..., Awaitable[T]], *args: object) -> T:
    """Run a coroutine function to its end, from code without an event loop.

    A loop that waits for this thread runs it, because what hooks use may belong to that loop.
    """
    if _in_loop() and not in_worker_thread():
        raise RuntimeError("An event loop is running here: use 'async with' instead of 'with'.")

    async def main() -> T:
        return await func(*args)

    work = main()
    # In a copy of the variables, because a `non_blocking` function runs it right here, and
    # `__enter__` and `__exit__` enter and leave the context themselves.
    result = copy_context().run(wait_in_thread, work, outlasting=True)
    return asyncio.run(work) if result is work else cast(T, result)


def has_app_context() -> bool:
    """Whether a context is active: in a request, a websocket or `app.app_context()`."""
    return _cv_quart.get(None) is not None


def has_request_context() -> bool:
    """Whether `quart.request` refers to a request here."""
    return _cv_request.get(None) is not None


def has_websocket_context() -> bool:
    """Whether `quart.websocket` refers to a websocket here."""
    return _cv_websocket.get(None) is not None


def _given(first: T | None, second: T | None) -> T:
    """Return an argument that has two names: Quart's and Flask's."""
    given = second if first is None else first
    if given is None:
        raise TypeError("The required argument is missing.")
    return given


def after_this_request(
    f: AfterRequestCallable | None = None, *, func: AfterRequestCallable | None = None
) -> AfterRequestCallable:
    """Call `f(response) -> response` after the view of this request, once.

    Raises RuntimeError outside a request.
    """
    after = cast("AfterRequestCallable", _given(f, func))
    ctx = _cv_request.get(None)
    if ctx is None:
        raise RuntimeError(
            "'after_this_request' can only be used in a request context,"
            " such as in a view function."
        )
    ctx._after_request_functions.append(after)
    return after


def after_this_websocket(
    f: AfterWebsocketCallable | None = None, *, func: AfterWebsocketCallable | None = None
) -> AfterWebsocketCallable:
    """Call `f(response | None) -> response | None` after the view of this websocket, once.

    Raises RuntimeError outside a websocket.
    """
    after = cast("AfterWebsocketCallable", _given(f, func))
    ctx = _cv_websocket.get(None)
    if ctx is None:
        raise RuntimeError(
            "'after_this_websocket' can only be used in a websocket context,"
            " such as in a websocket view function."
        )
    ctx._after_request_functions.append(after)
    return after


def _copying(
    view: _ContextView[C], name: str, what: str
) -> Callable[[Callable[P, T]], Callable[P, T]]:
    """Make a decorator that runs a function in a copy of the context it is decorated in."""

    def copy_current_context(
        func: Callable[P, T] | None = None, *, f: Callable[P, T] | None = None
    ) -> Callable[P, T]:
        func = _given(func, f)
        ctx = view.get(None)
        if ctx is None:
            raise RuntimeError(
                f"'{name}' can only be used while there is {what} context,"
                " such as in a view function."
            )
        if inspect.iscoroutinefunction(func):

            @wraps(func)
            async def async_wrapper(*args: P.args, **kwargs: P.kwargs) -> object:
                async with ctx.detached():
                    return await func(*args, **kwargs)

            return async_wrapper  # type: ignore[return-value]  # T is a coroutine here

        @wraps(func)
        def wrapper(*args: P.args, **kwargs: P.kwargs) -> T:
            copied = ctx.detached()
            # Nothing can be awaited on the event loop, so there only the proxies are set up.
            with copied.entered() if _in_loop() else copied:
                return func(*args, **kwargs)

        return wrapper

    copy_current_context.__name__ = copy_current_context.__qualname__ = name
    copy_current_context.__doc__ = (
        "Decorate a function, sync or async, to run in a copy of the current context: in a\n"
        f"    task, a thread or a callback.\n\n    Raises RuntimeError without {what} context."
    )
    return copy_current_context


copy_current_app_context = _copying(_cv_quart, "copy_current_app_context", "an app")
copy_current_request_context = _copying(_cv_request, "copy_current_request_context", "a request")
copy_current_websocket_context = _copying(
    _cv_websocket, "copy_current_websocket_context", "a websocket"
)
