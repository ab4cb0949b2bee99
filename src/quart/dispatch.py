"""One connection, from a Request or Websocket to a Response: each stage once, in order.

This file works with Python objects; messages and bytes belong to `asgi`. A stage is a plain
function that is called by its public name, so that a subclass or an extension can replace it. It
returns an awaitable. If it had to wait for nothing, it returns `NOTHING_TO_DO` or the response
itself, and its caller awaits neither. What differs between requests and websockets is looked up in
kinds.py.
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import (
    AsyncIterable,
    Awaitable,
    Callable,
    Coroutine,
    Generator,
    Iterable,
    Iterator,
    Mapping,
)
from contextlib import AbstractContextManager
from functools import partial
from typing import TYPE_CHECKING, Any, NoReturn, ParamSpec, TypeVar
from urllib.parse import quote

from blinker import NamedSignal
from flask.sansio.app import App
from werkzeug.datastructures import Headers
from werkzeug.exceptions import (
    BadRequestKeyError,
    HTTPException,
    InternalServerError,
    RequestHeaderFieldsTooLarge,
    SecurityError,
)
from werkzeug.routing import BuildError, RequestRedirect
from werkzeug.routing.exceptions import RoutingException
from werkzeug.sansio.response import Response as SansIOResponse

from . import signals
from .ctx import OPEN_FROM_COOKIE, AppContext, RequestContext, WebsocketContext, opens_on_touch
from .flask_names import are_patched, lend_request, take_back
from .generations import STAGES, context_first, in_order
from .globals import _cv_app, _cv_quart
from .hosts import subdomain_of
from .json.values import is_model
from .kinds import REQUEST
from .routing import QuartMap, blueprint_names
from .sessions import SecureCookieSessionInterface, SessionInterface
from .threads import certainly
from .under_patch import give_values
from .utils import printable
from .workers import (
    async_to_sync,
    awaited_or_blocking,
    in_worker_thread,
    is_coroutine_callable,
    needs_no_thread,
    on_loop_form,
    run_sync,
    wait_in_thread,
)
from .wrappers import (
    BaseRequestWebsocket,
    ClientDisconnectedError,
    Request,
    Response,
    Websocket,
)

if TYPE_CHECKING:
    from itsdangerous import URLSafeTimedSerializer
    from werkzeug.routing import MapAdapter

    from .kinds import Hooks
    from .typing import ExcInfo, HeadersValue, ResponseReturnValue, StatusCode

P = ParamSpec("P")
T = TypeVar("T")

# A view or hook. The caller checks what it returns, or what its coroutine returns.
UserFunction = Callable[..., object]

#: The media type of RFC 9457.
PROBLEM = "application/problem+json"

# PERF: module-level names are found faster, and every connection uses these.
_new = object.__new__
_enter = _cv_app.set
_leave = _cv_app.reset
_pushed_signal = signals.appcontext_pushed
_popped_signal = signals.appcontext_popped
_tearing_down_signal = signals.appcontext_tearing_down

# An interface with this method saves only sessions that were touched, and renews a cookie's age.
_SAVE_IF_TOUCHED = SecureCookieSessionInterface.save_session


class _NothingToDo:
    """Stands in for the awaitable of a stage that had nothing to do. Awaiting it gives None."""

    def __await__(self) -> Generator[object, None, None]:
        yield from ()


NOTHING_TO_DO: Awaitable[None] = _NothingToDo()


def _or_none(stage: Callable[P, Awaitable[T]]) -> Callable[P, Awaitable[T | None]]:
    """Give a stage the type it has for websockets, which may end without a response."""
    return stage


class Dispatch(App):
    """How one connection is handled, on top of Flask's set-up code."""

    request_class: type[Request]
    websocket_class: type[Websocket]
    response_class: type[Response]  # pyright: ignore[reportIncompatibleVariableOverride]
    #: Opens and saves sessions.
    session_interface: SessionInterface = SecureCookieSessionInterface()
    url_map: QuartMap

    #: True if the map's own matcher may be asked first, because no subclass makes its own adapters.
    _matches_plainly = True
    #: True if `subdomain_matching=False` was passed: rules with a subdomain then match nothing.
    _ignores_subdomains = False
    #: What signs sessions, and the settings it was made from. The session interface caches it here.
    _session_serializer: tuple[tuple[object, ...], URLSafeTimedSerializer] | None = None
    #: True if sync code outside an event loop gets values instead of awaitables, as in Flask,
    #: within contexts that it enters. `from_flask` sets it, and so does an application for a sync
    #: client.
    is_for_sync_code = False
    #: The context kept for a test client; it refers to the one before it, if there are more.
    _preserved_context: AppContext | None = None

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        # PERF: the registered views and hooks that are known to need no thread. What cannot be
        # hashed is asked each time. Three places look here themselves, because a call takes longer.
        self._async_functions: set[UserFunction] = set()
        self._matches_plainly = type(self)._matches_plainly
        #: True if Flask's own names (`flask.request` ...) have to be set up on the event loop.
        self._has_flask_code = False
        super().__init__(*args, **kwargs)
        if are_patched():
            give_values(self)  # type: ignore[arg-type]  # a Dispatch is a Quart

    def __init_subclass__(cls, **kwargs: object) -> None:
        super().__init_subclass__(**kwargs)
        for name in STAGES:
            owner = next((each for each in cls.__mro__ if name in each.__dict__), Dispatch)
            if owner is cls or not issubclass(owner, Dispatch):  # itself, or a mixin of it
                setattr(cls, name, context_first(name, owner.__dict__[name]))
        cls._matches_plainly = cls.create_url_adapter is Dispatch.create_url_adapter

    def __setattr__(self, name: str, value: object) -> None:
        if name in STAGES:
            value = context_first(name, value, bound=True)
        elif name == "create_url_adapter":
            super().__setattr__("_matches_plainly", False)
        super().__setattr__(name, value)

    # The line

    async def handle_request(self, request: Request | Websocket) -> Response:
        """Answer a request, or run a websocket, from opening its context to closing it.

        Returns the Response, or None if a websocket's view gave none. Raises what is not the
        application's to answer: a cancellation by the server, and an unhandled error if
        `PROPAGATE_EXCEPTIONS`, debug or testing asks for that.
        """
        if isinstance(request, Websocket):
            ctx: AppContext = self.websocket_context(request)
        else:
            ctx = self.request_context(request)
        token = _enter(ctx)
        lent = lend_request(ctx) if self._has_flask_code else None
        opens_itself = ctx.opens_itself
        raised: BaseException | None = None
        response: Response = None  # type: ignore[assignment]  # a websocket may end without one
        try:
            # PERF: this does what `opens_on_touch` does, without the call.
            opens = getattr(self.session_interface.open_session, "__func__", None)
            if opens_itself:
                await ctx.push()
            else:
                if _pushed_signal.receivers or opens is not OPEN_FROM_COOKIE:
                    await self._announce(ctx)
                ctx.match_request()
            response = await ctx.stages.full_dispatch_request(ctx)
        except BaseException as error:
            raised = None if self.should_ignore_error(error) else error
            gone = isinstance(error, ClientDisconnectedError)
            if not gone and _ends_the_task(error):
                raise
            if _cancelling():
                # On CPython 3.11 and 3.12 a TaskGroup may leave a cancellation pending. Let it
                # arrive here, and not in a teardown function.
                await asyncio.sleep(0)
            if gone:
                raise
            response = await ctx.stages.handle_exception(ctx, error)
        finally:
            try:
                closing: Awaitable[None]
                if ctx.held or "_quart._preserve_context" in request.scope:
                    closing = self._defer_teardown(ctx, raised, response)
                elif opens_itself and ctx._tokens:
                    closing = ctx.pop(raised)
                else:
                    closing = self.close_context(ctx, raised)
                if closing is not NOTHING_TO_DO:
                    await self._await_teardown(ctx, closing)
            except BaseException:
                await _give_up(response)
                raise
            finally:
                raised = None  # its traceback refers to this frame
                _leave(token)
                if lent is not None:
                    take_back(lent)
        return response

    handle_websocket = _or_none(handle_request)

    async def open_context(self, ctx: AppContext) -> None:
        """The first stage of a context that user code pushes: announce it and match its URL."""
        await self._announce(ctx)
        if ctx.kind is not None and ctx.request_websocket.url_rule is None:
            ctx.match_request()

    async def _announce(self, ctx: AppContext) -> None:
        """Send `appcontext_pushed`, and open a session whose interface has to be awaited."""
        if _pushed_signal.receivers:
            await self._send_signal(_pushed_signal)
        if ctx.kind is not None and not opens_on_touch(self.session_interface):
            await ctx.open_session()

    def full_dispatch_request(
        self,
        ctx: AppContext | None = None,
        request_context: AppContext | None = None,
        websocket_context: AppContext | None = None,
    ) -> Awaitable[Response]:
        """Turn a matched connection into its final response, and handle errors on the way."""
        if ctx is None:
            ctx = request_context or websocket_context or _cv_quart.get()
            if in_worker_thread():
                return _value_of(self._full_dispatch(ctx))
        return self._full_dispatch(ctx)

    full_dispatch_websocket = _or_none(full_dispatch_request)

    async def _full_dispatch(self, ctx: AppContext) -> Response:
        stages = ctx.stages
        try:
            assert ctx.kind is not None
            if ctx.kind.started.receivers:
                await self._send_signal(ctx.kind.started)
            result: object = None
            preprocessing = stages.preprocess_request(ctx)
            if preprocessing is not NOTHING_TO_DO:
                result = await preprocessing
            if result is None:
                result = await stages.dispatch_request(ctx)
        except Exception as error:
            result = await self.handle_user_exception(ctx, error)
            if result is error or error is ctx.request_websocket.routing_exception:
                # PERF: this HTTPException is the answer. Drop its traceback, whose frames refer
                # back to it, so that no reference cycle is left for the garbage collector.
                _forget_frames(error)
        response = stages.finalize_request(ctx, result)
        return response if isinstance(response, Response) else await response

    def preprocess_request(
        self,
        ctx: AppContext | None = None,
        request_context: AppContext | None = None,
        websocket_context: AppContext | None = None,
    ) -> Awaitable[ResponseReturnValue | None]:
        """Call the `url_value_preprocessor` and `before_*` functions, application first.

        The first value other than None stops this and is used instead of the view's value.
        """
        if ctx is None:
            ctx = request_context or websocket_context or _cv_quart.get()
            if in_worker_thread():
                return _value_of(Dispatch.preprocess_request(self, ctx))
        if self.url_value_preprocessors:
            return self._preprocess(ctx)
        hooks, names = ctx.stages.before_request_funcs, ctx.blueprint_names
        if not hooks:
            return NOTHING_TO_DO
        # PERF: no list is made for a request that belongs to no blueprint.
        single = len(names) == 1
        return self._first_value(hooks.get(None, ()) if single else _of_all(hooks, names))

    preprocess_websocket = preprocess_request

    async def _preprocess(self, ctx: AppContext) -> ResponseReturnValue | None:
        names = ctx.blueprint_names
        connection = ctx.request_websocket
        for name in names:
            for func in self.url_value_preprocessors.get(name, ()):
                if self._has_flask_code or self.is_for_sync_code:
                    await self.ensure_async(func)(connection.endpoint, connection.view_args)
                else:
                    func(connection.endpoint, connection.view_args)
        hooks = _of_all(ctx.stages.before_request_funcs, names)
        result: ResponseReturnValue | None = await self._first_value(hooks)
        return result

    def dispatch_request(
        self,
        ctx: AppContext | None = None,
        request_context: AppContext | None = None,
        websocket_context: AppContext | None = None,
    ) -> Awaitable[ResponseReturnValue]:
        """Call the view that matched. Awaiting the result gives the view's value unchanged.

        Raises the routing exception if no rule matched.
        """
        if ctx is None:
            ctx = request_context or websocket_context or _cv_quart.get()
            if in_worker_thread():
                return _value_of(Dispatch.dispatch_request(self, ctx))
        connection = ctx.request_websocket
        if connection.routing_exception is not None:
            self.raise_routing_exception(connection)
        rule = connection.url_rule
        if connection.method == "OPTIONS" and getattr(rule, "provide_automatic_options", False):
            return self.make_default_options_response(ctx)
        assert rule is not None
        view: Callable[..., Any] = self.view_functions[rule.endpoint]
        try:
            is_async = view in self._async_functions or self._is_async(view)
        except TypeError:  # it cannot be hashed
            is_async = is_coroutine_callable(view)
        if not is_async:
            view = self.ensure_async(view)
        arguments = connection.view_args
        value: Awaitable[ResponseReturnValue] = view(**arguments) if arguments else view()
        return value

    dispatch_websocket = _or_none(dispatch_request)

    def finalize_request(
        self,
        ctx: AppContext | None = None,
        result: object = None,
        from_error_handler: bool = False,
        request_context: AppContext | None = None,
        websocket_context: AppContext | None = None,
    ) -> Awaitable[Response]:
        """Make a response from the value of a view or error handler, and run the `after_*` stage.

        With `from_error_handler`, an error in that stage is logged and the response is still sent.
        """
        if not isinstance(ctx, AppContext):
            if isinstance(result, bool):  # Flask's order: the value comes before the flag
                from_error_handler, result = result, None
            ctx, result = in_order(ctx, result, request_context or websocket_context)
            if in_worker_thread():
                return _value_of(Dispatch.finalize_request(self, ctx, result, from_error_handler))
        kind = ctx.kind
        assert kind is not None
        made = processing = None
        if result is not None or kind is REQUEST:  # a websocket may end without a response
            made = self.make_response(result)
        if isinstance(made, Response) and not kind.finished.receivers:
            try:
                processing = ctx.stages.process_response(ctx, made)
            except BaseException as error:
                processing = _raising(error)
            if isinstance(processing, Response):
                return processing
        return self._finalize(ctx, made, processing, from_error_handler)

    finalize_websocket = _or_none(finalize_request)

    async def _finalize(
        self,
        ctx: AppContext,
        made: Awaitable[Response] | None,
        processing: Awaitable[Response] | None,
        from_error_handler: bool,
    ) -> Response:
        """Do the rest of `finalize_request`, because something waits: for the response to be made,
        or for what its processing, which may have begun, gives."""
        kind = ctx.kind
        assert kind is not None
        response: Response = made  # type: ignore[assignment]  # as a websocket may end, too
        if processing is None and not (made is None or isinstance(made, Response)):
            response = await made
        try:
            if processing is None:
                processing = ctx.stages.process_response(ctx, response)
            processed = await processing
            if processed is not None and not isinstance(processed, Response):
                processed = self._response_instead(processed)
            response = processed
            if kind.finished.receivers:
                await self._send_signal(kind.finished, response=response)
        except BaseException as error:
            if not (from_error_handler and isinstance(error, Exception)):
                await _give_up(response)
                raise
            self.logger.exception(f"{kind.word.capitalize()} finalizing failed with an error")
        return response

    def process_response(
        self,
        ctx: AppContext | None = None,
        response: SansIOResponse | None = None,
        request_context: AppContext | None = None,
        websocket_context: AppContext | None = None,
    ) -> Awaitable[Response]:
        """Call the `after_this_*` and `after_*` functions, innermost blueprint first.

        Then save the session.
        """
        if not isinstance(ctx, AppContext):
            ctx, response = in_order(ctx, response, request_context or websocket_context)
            if in_worker_thread():
                return _value_of(Dispatch.process_response(self, ctx, response))
        saves = ctx._session is not None
        if not saves:
            # Nobody has touched the session. The cookie interface then only renews the cookie, if
            # the client sent one; another interface saves the session, if it can be opened now.
            interface = self.session_interface
            if (
                self.config["SECRET_KEY"] is not None
                or type(interface) is not SecureCookieSessionInterface
            ) and opens_on_touch(interface):
                saves = getattr(
                    interface.save_session, "__func__", None
                ) is not _SAVE_IF_TOUCHED or interface.needs_refresh(ctx.app, ctx.request_websocket)
        hooks = ctx._after_functions or ctx.stages.after_request_funcs
        if isinstance(response, Response) and not (saves or hooks):
            return response
        return self._process_response(ctx, response, saves)

    postprocess_websocket = _or_none(process_response)

    async def _process_response(self, ctx: AppContext, response: object, saves: bool) -> Any:
        if ctx._after_functions:
            response = await self._passed_through(ctx, ctx._after_functions, response, False)
        hooks = ctx.stages.after_request_funcs
        if hooks:
            for name in reversed(ctx.blueprint_names):
                if name in hooks:
                    response = await self._passed_through(ctx, reversed(hooks[name]), response)
        if saves or ctx._session is not None:
            interface, session = self.session_interface, ctx.session
            if not interface.is_null_session(session):
                save = self.ensure_async(interface.save_session)
                await save(self, session, response)
        return response

    def close_context(self, ctx: AppContext, exc: BaseException | None = None) -> Awaitable[None]:
        """The last stage: run all teardown functions, then announce that the context is closed.

        Raises one group with the errors of all of them.
        """
        ctx.closed = True
        of_connection: Awaitable[None] = NOTHING_TO_DO
        if ctx.kind is not None:
            of_connection = ctx.stages.do_teardown_request(ctx, exc)
        of_app = self.do_teardown_appcontext(ctx, exc)
        if (
            of_connection is NOTHING_TO_DO
            and of_app is NOTHING_TO_DO
            and not _popped_signal.receivers
        ):
            return NOTHING_TO_DO
        return self._run_teardown(ctx, of_connection, of_app)

    async def _run_teardown(self, ctx: AppContext, *stages: Awaitable[None]) -> None:
        errors: list[BaseException] = []
        for stage in stages:
            await _collect(errors, stage)
        if _popped_signal.receivers:
            await self._call_receivers(errors, _popped_signal)
        for kept in errors:
            if _ends_the_task(kept):
                raise kept
        if errors:
            raise BaseExceptionGroup(f"Errors in the teardown of {ctx!r}", errors)

    async def _await_teardown(self, ctx: AppContext, closing: Awaitable[None]) -> None:
        """Await the teardown of a context. A disconnect no longer cancels anything meanwhile."""
        connection = ctx.request_websocket
        before, connection._tearing_down = connection._tearing_down, True
        try:
            await closing
        except BaseExceptionGroup as errors:
            self._teardown_failed(ctx, errors)
        finally:
            connection._tearing_down = before

    def do_teardown_request(
        self,
        ctx: AppContext | None = None,
        exc: BaseException | None = None,
        request_context: AppContext | None = None,
        websocket_context: AppContext | None = None,
    ) -> Awaitable[None]:
        """Call the `teardown_*` functions with the unhandled error or None, and close uploads.

        All are called: innermost blueprint first, and the last registered first. Raises one group
        with their errors.
        """
        if not isinstance(ctx, AppContext):
            ctx, exc = in_order(ctx, exc, request_context or websocket_context)
        kind = ctx.kind
        assert kind is not None
        if (
            ctx.stages.teardown_request_funcs
            or kind.tearing_down.receivers
            or (kind is REQUEST and ctx.request._files is not None)
        ):
            return self._teardown_connection(ctx, exc)
        return NOTHING_TO_DO

    do_teardown_websocket = do_teardown_request

    async def _teardown_connection(self, ctx: AppContext, exc: BaseException | None) -> None:
        kind = ctx.kind
        assert kind is not None
        errors: list[BaseException] = []
        hooks = ctx.stages.teardown_request_funcs
        for name in reversed(ctx.blueprint_names):
            if name in hooks:
                await self._call_all(errors, reversed(hooks[name]), exc)
        if kind.tearing_down.receivers:
            await self._call_receivers(errors, kind.tearing_down, exc=exc)
        if kind is REQUEST and ctx.request._files is not None:
            await _collect(errors, ctx.request.close())
        if errors:
            raise BaseExceptionGroup(f"Errors in the teardown of a {kind.word}", errors)

    def do_teardown_appcontext(
        self, ctx: AppContext | None = None, exc: BaseException | None = None
    ) -> Awaitable[None]:
        """Call all `teardown_appcontext` functions, the last registered first.

        Raises one group with their errors.
        """
        if self.teardown_appcontext_funcs or _tearing_down_signal.receivers:
            if not isinstance(ctx, AppContext):
                ctx, exc = in_order(ctx, exc, None)
            return self._teardown_app(exc)
        return NOTHING_TO_DO

    async def _teardown_app(self, exc: BaseException | None) -> None:
        errors: list[BaseException] = []
        await self._call_all(errors, reversed(self.teardown_appcontext_funcs), exc)
        if _tearing_down_signal.receivers:
            await self._call_receivers(errors, _tearing_down_signal, exc=exc)
        if errors:
            raise BaseExceptionGroup("Errors in the teardown of the app context", errors)

    async def _defer_teardown(
        self, ctx: AppContext, exc: BaseException | None, response: Response | None
    ) -> None:
        """Keep a context open, for the test client or until the response's body has been sent."""
        if "_quart._preserve_context" in ctx.request_websocket.scope:
            ctx.preserved, ctx.failed = True, exc
            self._preserved_context = ctx
        elif response is None or exc is not None:
            await self.close_context(ctx, exc)
        else:
            response.call_on_close(partial(self._close_held, ctx))

    async def _close_held(self, ctx: AppContext) -> None:
        error, ctx.failed = ctx.failed, None
        if error is not None and self.should_ignore_error(error):
            error = None
        with ctx.entered():
            closing = ctx.pop(error) if ctx._tokens else self.close_context(ctx, error)
            await self._await_teardown(ctx, closing)

    def _teardown_failed(self, ctx: AppContext, errors: BaseExceptionGroup[BaseException]) -> None:
        # A response that has been made is still sent if a teardown function fails.
        for error in errors.exceptions:
            self._add_notes(error)
        if self.testing or self.config["PROPAGATE_EXCEPTIONS"]:
            raise errors
        self.log_exception(ctx, (type(errors), errors, errors.__traceback__))

    # Errors

    @awaited_or_blocking
    async def handle_user_exception(
        self, ctx: AppContext | None = None, error: BaseException | None = None
    ) -> ResponseReturnValue | HTTPException:
        """Return what the registered handler gives for an error that user code raised.

        An HTTPException without a handler is returned, as its own response; any other error without
        a handler is raised again. An exception group with one error that counts is handled as that.
        """
        if not isinstance(ctx, AppContext):
            ctx, error = in_order(ctx, error, None)
        assert error is not None
        handler = None
        if isinstance(error, BadRequestKeyError) and (
            self.debug or self.config["TRAP_BAD_REQUEST_ERRORS"]
        ):
            error.show_exception = True  # show the developer the name of the key
        if isinstance(error, BaseExceptionGroup):
            handler = self._handler_for(ctx, error)
            if handler is None:
                error = _one_that_counts(error)
        if isinstance(error, HTTPException) and not self.trap_http_exception(error):
            return await self.handle_http_exception(ctx, error)
        if handler is None:
            handler = self._handler_for(ctx, error)
        if handler is None:
            try:
                raise error
            finally:
                del error  # its traceback refers to this frame
        return await self._call_handler(ctx, handler, error)

    @awaited_or_blocking
    async def handle_http_exception(
        self, ctx: AppContext | None = None, error: HTTPException | None = None
    ) -> ResponseReturnValue | HTTPException:
        """Return what the registered handler gives for an HTTPException, or the exception itself.

        Redirects made by routing, and exceptions without a code, are not handled.
        """
        if not isinstance(ctx, AppContext):
            ctx, error = in_order(ctx, error, None)
        assert error is not None
        if error.code is None or isinstance(error, RoutingException):
            return error
        handler = self._handler_for(ctx, error)
        if handler is not None:
            return await self._call_handler(ctx, handler, error)
        if self.debug and error is ctx.request_websocket.routing_exception:
            from .debug.hints import with_routes  # imported late: production never needs it

            return with_routes(error, ctx)
        return error

    @awaited_or_blocking
    async def handle_exception(
        self, ctx: AppContext | None = None, error: BaseException | None = None
    ) -> Response:
        """Answer an error that nothing has handled: log it and return a 500, or raise it.

        It is raised if `PROPAGATE_EXCEPTIONS` is true, or if that is None in debug or testing. A
        handler for `InternalServerError` or 500 gets one whose `original_exception` is the error.
        """
        if not isinstance(ctx, AppContext):
            ctx, error = in_order(ctx, error, None)
        assert error is not None
        kind = ctx.kind
        assert kind is not None
        if isinstance(error, ClientDisconnectedError):
            # Raised to a subclass that has its own `handle_request`; nobody will read this
            # response.
            return self.response_class.from_exception(InternalServerError())
        self._add_notes(error)
        propagate = self.config["PROPAGATE_EXCEPTIONS"]
        if propagate is None:
            propagate = self.testing or self.debug
        if kind.got_exception.receivers:
            try:
                await self._send_signal(kind.got_exception, exception=error)
            except Exception as failed:
                if propagate:
                    raise
                self._log(ctx, failed)
        if propagate:
            try:
                if not self.testing:
                    self._log(ctx, error)
                raise error
            finally:
                del error  # its traceback refers to this frame
        self._log(ctx, error)
        server_error = InternalServerError(original_exception=error)
        handler = self._handler_for(ctx, server_error)
        if handler is not None:
            # The handler may fail, too; then the plain 500 is sent.
            try:
                result = await self._call_handler(ctx, handler, server_error)
                return await ctx.stages.finalize_request(ctx, result, from_error_handler=True)
            except ClientDisconnectedError:
                raise
            except Exception as failed:
                self._log(ctx, failed)
        return await ctx.stages.finalize_request(ctx, server_error, from_error_handler=True)

    handle_websocket_exception = _or_none(handle_exception)

    async def _late_response(
        self, connection: Request | Websocket, made: Response, error: Exception
    ) -> Response:
        """Answer an error that was found after a response was made and before it was sent.

        This runs in the response's own context, closed or held, if it has one. Otherwise it runs in
        a new context, which knows only the blueprint.
        """
        ctx = made._context
        if ctx is None or ctx.kind is None or ctx.request_websocket is not connection:
            if isinstance(connection, Request):
                ctx = self.request_context(connection)
            else:
                ctx = self.websocket_context(connection)
            if connection.url_rule is not None:
                ctx.blueprint_names = blueprint_names(connection.url_rule.endpoint)
        response: Response
        with ctx.entered():
            try:
                value = await self.handle_user_exception(ctx, error)
            except Exception as unhandled:
                response = await ctx.stages.handle_exception(ctx, unhandled)
            else:
                response = await ctx.stages.finalize_request(ctx, value, from_error_handler=True)
        try:
            response.header_items()
        except ValueError as failed:  # perhaps an `after_request` function breaks every response
            made.call_on_close(response.close)
            self._late_error(connection, failed)
            response = self.response_class.from_exception(InternalServerError())
        return response

    def _late_error(self, connection: Request | Websocket, error: Exception) -> None:
        """Log an error that came too late to be answered.

        Raises it if errors are propagated.
        """
        if self.testing or self.config["PROPAGATE_EXCEPTIONS"]:
            try:
                raise error
            finally:
                del error  # its traceback refers to this frame
        if isinstance(connection, Request):
            self._log(self.request_context(connection), error)
        else:
            self._log(self.websocket_context(connection), error)

    def _made_current(self) -> AbstractContextManager[object]:
        """Make this the current application, with no request, in a `with` block."""
        return self.app_context().entered()

    def _add_notes(self, error: BaseException) -> None:
        from .debug.notes import add_notes  # imported late: only errors need it

        add_notes(self, error)

    def _log(self, ctx: AppContext, error: BaseException) -> None:
        self.log_exception(ctx, (type(error), error, error.__traceback__))

    def log_exception(self, ctx: AppContext | None = None, exc_info: ExcInfo | None = None) -> None:
        """Log an error with its traceback, and the method and path of the request that failed."""
        if not isinstance(ctx, AppContext):
            if ctx is not None:
                ctx, exc_info = exc_info, ctx
            ctx = ctx or _cv_quart.get(None)
        where = ""
        if ctx is not None and ctx.kind is not None:
            where = f" on {self._described(ctx)}"
            if ctx.kind is not REQUEST:
                exc_info = self._from_own_code_on(exc_info)
        self.logger.error(f"Exception{where}", exc_info=exc_info)

    def _log_cut_off(self, described: str, error: BaseException) -> None:
        """Log an error that cut off a response already begun. The server gets the error itself."""
        exc_info = self._from_own_code_on((type(error), error, error.__traceback__))
        self.logger.error(f"Exception in the response to {described}", exc_info=exc_info)

    def _from_own_code_on(self, exc_info: ExcInfo | None) -> ExcInfo | None:
        from .debug.frames import from_own_code_on  # imported late: only errors need it

        if not isinstance(exc_info, tuple) or exc_info[1] is None:
            return exc_info
        return exc_info[0], exc_info[1], from_own_code_on(exc_info[2], self.root_path)

    def _described(self, ctx: AppContext) -> str:
        """Describe a request or websocket as log lines do."""
        assert ctx.kind is not None
        method = f"{ctx.request.method} " if ctx.kind is REQUEST else ""
        return f"{ctx.kind.word} {method}{printable(ctx.request_websocket.path)}"

    def raise_routing_exception(self, request: BaseRequestWebsocket) -> NoReturn:
        """Raise the exception that matching left on a request.

        In debug mode, a redirect that would lose the request's body raises an AssertionError that
        names the URL to use.
        """
        error = request.routing_exception
        assert error is not None
        if (
            self.debug
            and isinstance(error, RequestRedirect)
            and error.code not in {307, 308}
            and request.method not in {"GET", "HEAD", "OPTIONS", "QUERY"}
        ):
            raise AssertionError(
                f"A request was sent to {request.url!r}, which redirects to {error.new_url!r};"
                " the browser would drop its body. Send it to the new URL."
            ) from None
        raise error

    def _handler_for(self, ctx: AppContext, error: BaseException) -> UserFunction | None:
        if not self.error_handler_spec:
            return None
        find: Any = self._find_error_handler  # it takes any error, and any sequence of names
        handler: UserFunction | None = find(error, ctx.blueprint_names[:0:-1])
        return handler

    async def _call_handler(
        self, ctx: AppContext, handler: UserFunction, error: BaseException
    ) -> ResponseReturnValue:
        result: ResponseReturnValue = await self.ensure_async(handler)(error)
        if isinstance(result, Coroutine):
            raise _unawaited(f"The error handler {_name_of(handler)}", result)
        if result is None and ctx.kind is REQUEST:
            raise TypeError(
                f"The error handler {_name_of(handler)} returned None, or ended without a return"
                " statement; it must return what a view may return."
            )
        return result

    # Calling user code

    def ensure_async(self, func: UserFunction) -> Callable[..., Coroutine[object, None, Any]]:
        """Return the function itself if it is async, else an async one that runs it in a thread.

        A function marked `non_blocking` runs on the event loop.
        """
        if is_coroutine_callable(func):
            return func
        return on_loop_form(func) or self.sync_to_async(func)

    def sync_to_async(self, func: UserFunction) -> Callable[..., Coroutine[object, None, Any]]:
        """Return an async function that runs a sync one in a thread, with the caller's context."""
        return run_sync(func)

    def _is_async(self, func: UserFunction) -> bool:
        """Whether a view or hook needs no thread. The answer is remembered."""
        if is_coroutine_callable(func):
            self._async_functions.add(func)
            return True
        return False

    def ensure_sync(self, func: UserFunction) -> Callable[..., Any]:
        """Return the function itself if it is sync, else `async_to_sync` of it.

        Decorators written for Flask call `current_app.ensure_sync(view)(...)`.
        """
        return self.async_to_sync(func) if is_coroutine_callable(func) else func

    def async_to_sync(self, func: Callable[..., Coroutine[object, None, T]]) -> Callable[..., T]:
        """Return a sync function that calls an async one and waits for its result.

        Call it in sync views and hooks, where it waits while the event loop runs the async
        function, or where there is no event loop. On an event loop it raises RuntimeError.
        """
        return async_to_sync(func)

    async def _first_value(self, hooks: Iterable[Callable[..., Any]]) -> Any:
        """Call hooks in order until one returns a value. Neighbouring sync hooks share a thread."""
        remaining, known = iter(hooks), self._async_functions
        for hook in remaining:
            try:
                is_async = hook in known or self._is_async(hook)
            except TypeError:  # it cannot be hashed
                is_async = is_coroutine_callable(hook)
            if not is_async:
                if on_loop_form(hook) is None:
                    result, hook = await self.ensure_async(_values_of_sync)(hook, remaining)
                    if inspect.isawaitable(result):
                        result = await result
                    if result is not None:
                        return result
                    if hook is None:
                        continue
                hook = self.ensure_async(hook)
            result = await hook()
            if result is not None:
                if isinstance(result, Coroutine):
                    raise _unawaited(_name_of(hook), result)
                return result
        return None

    async def _passed_through(
        self,
        ctx: AppContext,
        hooks: Iterable[Callable[..., Any]],
        value: T,
        registered: bool = True,
    ) -> T:
        """Pass a value through hooks in order. Neighbouring sync hooks share a thread.

        Raises TypeError, naming the hook, if a hook loses the response to a request.
        """
        remaining, known = iter(hooks), self._async_functions
        ask = self._is_async if registered else is_coroutine_callable
        required = ctx.kind is REQUEST
        for hook in remaining:
            try:
                is_async = hook in known or ask(hook)
            except TypeError:  # it cannot be hashed
                is_async = is_coroutine_callable(hook)
            if not is_async:
                if on_loop_form(hook) is None:
                    in_thread = self.ensure_async(_through_sync)
                    last, hook, value = await in_thread(hook, remaining, value, required)
                    if inspect.isawaitable(value):
                        value = await value
                    if value is None and required:
                        raise _lost_response(last)
                    if hook is None:
                        continue
                hook = self.ensure_async(hook)
            value = await hook(value)
            if value is None and required:
                raise _lost_response(hook)
            # PERF: asking whether something is a coroutine takes ten times as long.
            if not isinstance(value, Response) and isinstance(value, Coroutine):
                raise _unawaited(_name_of(hook), value)
        return value

    async def _call_all(
        self, errors: list[BaseException], funcs: Iterable[UserFunction], *args: object
    ) -> None:
        """Call every function, and collect the errors.

        A sync function is called even if the task is cancelled before a thread is free.
        """
        for func in funcs:
            if needs_no_thread(func):
                await _collect(errors, self.ensure_async(func)(*args))
            else:
                await _collect(errors, certainly(self._in_thread, partial(func, *args)))

    async def _call_receivers(
        self, errors: list[BaseException], signal: NamedSignal, **kwargs: object
    ) -> None:
        """Send a signal as `_call_all` calls functions, so that every receiver is called."""
        if not signal.is_muted:
            receivers = signal.receivers_for(self)
            await self._call_all(errors, [partial(each, self, **kwargs) for each in receivers])

    def _in_thread(self, func: Callable[[], object]) -> Awaitable[object]:
        return self.ensure_async(func)()

    async def _send_signal(self, signal: NamedSignal, **kwargs: object) -> None:
        await signal.send_async(self, _sync_wrapper=self.ensure_async, **kwargs)

    # Responses

    def make_response(
        self, result: ResponseReturnValue | HTTPException | object, *more: object
    ) -> Awaitable[Response]:
        """Make the response for a view's value.

        A value is a str, bytes, dict, list, Response (ours, or any of Werkzeug's), HTTPException,
        any iterator or async iterator (streamed), a model (a dataclass, attrs class, msgspec
        struct or pydantic model, which the JSON provider writes), or a tuple (value, status),
        (value, headers) or (value, status, headers). A status is an int or a str such as
        "201 CREATED"; headers are a mapping or pairs. Several arguments count as a tuple of them.
        Raises TypeError, which names the endpoint, for anything else.
        """
        if more:
            result = (result, *more)
        # PERF: the most common kinds come first; a tuple of types is tested faster than a union.
        if isinstance(result, (str, bytes)):
            return self.response_class(result)
        if isinstance(result, (dict, list)):
            return self.json.response(result)  # type: ignore[return-value]
        if isinstance(result, tuple):
            body, status, headers = _parts_of(result)
            response = self.make_response(body)
            if isinstance(response, Response):
                return _completed(response, status, headers)
            return _completed_later(response, status, headers)
        if isinstance(result, Response):
            return result
        if isinstance(result, HTTPException):
            if self.config["ERROR_FORMAT"] == "auto" and result.response is None:
                response = self._problem(result) or self.response_class.from_exception(result)
                response.vary.add("Accept")
                return response
            return self.response_class.from_exception(result)
        if isinstance(result, SansIOResponse):
            return self.response_class.force_type(result)
        if isinstance(result, (bytearray, Iterator, AsyncIterable)):
            return self.response_class(result)
        if is_model(result):
            return self.json.response(result)  # type: ignore[return-value]
        if result is None:
            raise _with_place_of_view(
                TypeError(
                    f"{_current_view()} did not return a valid response: it returned None or ended"
                    " without a return statement."
                )
            )
        if isinstance(result, Coroutine):
            value = wait_in_thread(result)  # sync code called it, as decorators for Flask do
            if value is not result:
                return self.make_response(value)
            raise _with_place_of_view(_unawaited(_current_view(), result))
        raise _with_place_of_view(
            TypeError(
                f"{_current_view()} did not return a valid response: it returned a"
                f" {type(result).__name__}. A view returns a str, bytes, dict, list, dataclass or"
                " other model, Response, iterator or a tuple of one of these with a status, headers"
                " or both."
            )
        )

    def _problem(self, error: HTTPException) -> Response | None:
        """Return an error as RFC 9457 writes it if the client prefers JSON to HTML, else None."""
        ctx = _cv_quart.get(None)
        if ctx is None or ctx.kind is None or not error.code:
            return None
        try:
            accepted = ctx.request_websocket.accept_mimetypes
        except RequestHeaderFieldsTooLarge:  # perhaps this very error is being answered
            return None
        wanted = max(accepted.quality("application/json"), accepted.quality(PROBLEM))
        if error.code < 400 or wanted <= accepted.quality("text/html"):
            return None
        problem = {"title": error.name, "status": error.code, "detail": error.description}
        invalid = getattr(error, "validation_error", None)  # Quart-Schema's
        if invalid is not None:
            problem["errors"] = _listed(invalid)
        headers = Headers(error.get_headers())
        headers["Content-Type"] = PROBLEM
        return self.response_class(self.json.dumps(problem), error.code, headers)

    def _response_instead(self, result: object) -> Response:
        """Convert a response that a hook returned to ours."""
        if isinstance(result, SansIOResponse):
            return self.response_class.force_type(result)
        raise TypeError(
            f"The `after_request` functions gave a {type(result).__name__}, not a response:"
            " each must return the response it was given, or another."
        )

    @awaited_or_blocking
    async def make_default_options_response(self, ctx: AppContext | None = None) -> Response:
        """Answer an OPTIONS request that no view handles, with the allowed methods."""
        ctx = ctx or _cv_quart.get()
        adapter = ctx.url_adapter
        assert adapter is not None  # every request has one
        response = self.response_class("")
        response.headers["Allow"] = ", ".join(sorted(adapter.allowed_methods()))
        return response

    # Contexts and URLs

    def app_context(self) -> AppContext:
        """Return a context for work outside a request: `async with app.app_context():`."""
        return AppContext(self)  # type: ignore[arg-type]  # a Dispatch is a Quart

    def request_context(self, request: Request) -> RequestContext:
        """Return the context of a request, not yet opened."""
        # PERF: this repeats `AppContext.__init__`, and is safe while both set the same attributes.
        ctx = _new(RequestContext)
        ctx.app = ctx.stages = self  # type: ignore[assignment]  # as above
        ctx.kind = REQUEST
        ctx.request = ctx.request_websocket = request
        ctx._session = ctx._after_functions = None
        ctx.held = ctx.closed = False
        ctx.blueprint_names = (None,)
        return ctx

    def websocket_context(self, websocket: Websocket) -> WebsocketContext:
        """Return the context of a websocket, not yet opened."""
        return WebsocketContext(self, websocket)  # type: ignore[arg-type]  # as above

    def create_url_adapter(self, request: BaseRequestWebsocket | None) -> MapAdapter | None:
        """Return the adapter that matches and builds URLs for a request.

        Given None, return the application's adapter, made from `SERVER_NAME`, or None if that is
        not set. Raises SecurityError (400) if the host is not among `TRUSTED_HOSTS`.
        """
        config = self.config
        server_name = config["SERVER_NAME"]
        if request is not None:
            trusted_hosts = config["TRUSTED_HOSTS"]
            if trusted_hosts is not None:
                request.trusted_hosts = trusted_hosts
                if "@" in request.host:  # Werkzeug 3.1.0 does not look behind the port
                    raise SecurityError(f"Host {request.host!r} is not trusted.")
            subdomain = None
            if self.url_map.host_matching:
                server_name = None
            elif not self.subdomain_matching:
                if server_name and self.url_map.has_subdomains and not self._ignores_subdomains:
                    subdomain = subdomain_of(request, server_name)
                if subdomain is None:
                    subdomain = self.url_map.default_subdomain or ""
            return self.url_map.bind_to_request(request, subdomain, server_name)
        if server_name is not None:
            scheme = "https" if config["PREFER_SECURE_URLS"] else config["PREFERRED_URL_SCHEME"]
            return self.url_map.bind(
                server_name, script_name=config["APPLICATION_ROOT"], url_scheme=scheme
            )
        return None

    def _adapter_without_host(
        self, connection: BaseRequestWebsocket, external: bool | None
    ) -> MapAdapter:
        """Make an adapter that builds URLs without the connection's host, which is not trusted.

        Raises RuntimeError for an external URL if `SERVER_NAME` is not set.
        """
        server_name = self.config["SERVER_NAME"]
        if external and server_name is None:
            raise RuntimeError(
                "The host of this request is not trusted, so no external URL can be built unless"
                " 'SERVER_NAME' is configured."
            )
        return self.url_map.bind(
            server_name or "localhost", connection.root_path, url_scheme=connection.scheme
        )

    def url_for(
        self,
        /,
        endpoint: str,
        *,
        _anchor: str | None = None,
        _method: str | None = None,
        _scheme: str | None = None,
        _external: bool | None = None,
        **values: object,
    ) -> str:
        """Build the URL of an endpoint. Values that its rule does not use become the query string.

        An endpoint that starts with "." is looked up in the current blueprint. Outside a request
        or websocket the URL is external unless `_external` is False, and `SERVER_NAME` is needed.
        Raises BuildError if no rule fits, RuntimeError if a server name is needed and not set,
        ValueError if `_scheme` is given for a URL that is not external.
        """
        ctx = _cv_quart.get(None)
        if ctx is not None and (ctx.has_request or ctx.has_websocket):
            try:
                adapter = ctx.url_adapter
            except HTTPException:
                adapter = self._adapter_without_host(ctx.request_websocket, _external)
            if endpoint[:1] == ".":
                blueprint = ctx.request_websocket.blueprint
                endpoint = f"{blueprint}{endpoint}" if blueprint else endpoint[1:]
            if _external is None:
                _external = _scheme is not None
        else:
            adapter = self.create_url_adapter(None) if ctx is None else ctx.url_adapter
            if _external is None:
                _external = True
        if adapter is None:
            raise RuntimeError(
                "Unable to build URLs outside an active request without 'SERVER_NAME' configured."
                " Also configure 'APPLICATION_ROOT' and 'PREFERRED_URL_SCHEME' as needed."
            )
        if _scheme is not None and not _external:
            raise ValueError("When specifying '_scheme', '_external' must be True.")
        self.inject_url_defaults(endpoint, values)
        try:
            url = adapter.build(
                endpoint,
                values,
                method=_method,
                url_scheme=_scheme,
                force_external=_external,
            )
        except BuildError as error:
            values.update(_anchor=_anchor, _method=_method, _scheme=_scheme, _external=_external)
            return self.handle_url_build_error(error, endpoint, values)
        if _anchor is not None:
            url = f"{url}#{quote(_anchor, safe='%!#$&()*+,/:;=?@')}"
        return url


def _listed(invalid: Any) -> list[dict[str, object]] | str:
    """The errors of a failed validation: the list that Pydantic gives, or else a text."""
    try:
        return [
            {"loc": list(each["loc"]), "msg": each["msg"], "type": each["type"]}
            for each in invalid.errors()
        ]
    except (AttributeError, KeyError, TypeError):
        return str(invalid)


def _cancelling() -> bool:
    try:
        task = asyncio.current_task()
    except RuntimeError:
        return False  # the event loop is not asyncio's
    return task is not None and task.cancelling() > 0


def _ends_the_task(error: BaseException) -> bool:
    """Whether there is nobody to answer: the client has disconnected, or the task must end."""
    if isinstance(error, asyncio.CancelledError):
        return _cancelling()
    gone = (ClientDisconnectedError, GeneratorExit, KeyboardInterrupt, SystemExit)
    return isinstance(error, gone)


def _one_that_counts(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """Return the only error in a group, or its only HTTPException, or else the group itself."""
    errors = list(_leaves(group))
    if len(errors) > 1:
        errors = [error for error in errors if isinstance(error, HTTPException)]
    return errors[0] if len(errors) == 1 else group


def _value_of(stage: Awaitable[Any]) -> Awaitable[Any]:
    """Wait for a stage that sync code calls as in Flask, without a context; return its value."""

    async def wait() -> Any:
        return await stage

    value: Any = wait_in_thread(wait())
    return value  # type: ignore[no-any-return]


def _of_all(hooks: Hooks, names: Iterable[str | None]) -> list[UserFunction]:
    """List the hooks of the application, then those of blueprints."""
    return [hook for name in names for hook in hooks.get(name, ())]


async def _raising(error: BaseException) -> Any:
    try:
        raise error
    finally:
        del error  # whose traceback holds this frame


async def _give_up(response: object) -> None:
    """Close a response that will not be sent."""
    if isinstance(response, Response) and response._on_close:
        await response.close()


def _forget_frames(error: BaseException | None) -> None:
    """Drop the tracebacks of an error and of the errors that led to it."""
    while error is not None:
        error.__traceback__ = None
        error = error.__context__


def _leaves(group: BaseExceptionGroup[BaseException]) -> Iterator[BaseException]:
    for error in group.exceptions:
        if isinstance(error, BaseExceptionGroup):
            yield from _leaves(error)
        else:
            yield error


async def _collect(errors: list[BaseException], work: Awaitable[object]) -> None:
    """Await one of several teardown functions, and keep its error for the end."""
    try:
        await work
    except BaseException as error:
        _keep_error(errors, error)


def _keep_error(errors: list[BaseException], error: BaseException) -> None:
    if isinstance(error, BaseExceptionGroup):
        errors.extend(error.exceptions)
    elif isinstance(error, (GeneratorExit, KeyboardInterrupt, SystemExit)):
        raise error
    else:
        errors.append(error)


def _name_of(func: object) -> str:
    return getattr(func, "__qualname__", None) or repr(func)


def _current_view() -> str:
    ctx = _cv_quart.get(None)
    endpoint = ctx.request_websocket.endpoint if ctx is not None and ctx.kind else None
    return f"The view function for {endpoint!r}" if endpoint else "The view function"


def _with_place_of_view(error: TypeError) -> TypeError:
    """Return an error about the value of the current view, with a note that says where that is."""
    from .debug.notes import add_place_of_view  # imported late: only errors need it

    add_place_of_view(error)
    return error


def _parts_of(result: tuple[object, ...]) -> tuple[object, Any, Any]:
    """Return the body, status and headers that a view returned; None for each that is missing."""
    if len(result) == 3:
        if type(result[1]) is not int and _are_headers(result[1]):
            raise _with_place_of_view(
                TypeError(
                    f"{_current_view()} returned its headers before its status:"
                    " the order is (body, status, headers)."
                )
            )
        return result
    if len(result) != 2:
        raise _with_place_of_view(
            TypeError(
                f"{_current_view()} returned a tuple of {len(result)}; it may be"
                " (body, status, headers), (body, status) or (body, headers)."
            )
        )
    body, more = result
    if type(more) is int or not _are_headers(more):
        return body, more, None
    return body, None, more


def _are_headers(value: object) -> bool:
    return isinstance(value, (dict, list, tuple, Headers, Mapping))


def _completed(
    response: Response, status: StatusCode | bytes | None, headers: HeadersValue | None
) -> Response:
    """Set the status and headers that a view returned with its body."""
    if status is not None:
        response.status = status.decode("latin-1") if isinstance(status, bytes) else status
    if headers:
        if type(headers) is not dict and not isinstance(headers, (Headers, Mapping)):
            headers = Headers(headers)  # keep all pairs, even if they have the same name
        response.headers.update(headers)
    return response


async def _completed_later(
    response: Awaitable[Response], status: StatusCode | bytes | None, headers: HeadersValue | None
) -> Response:
    return _completed(await response, status, headers)


def _values_of_sync(
    hook: UserFunction, remaining: Iterator[UserFunction]
) -> tuple[object, UserFunction | None]:
    """Call neighbouring sync hooks until one returns a value.

    Returns that value, and the next hook that needs no thread, if there is one.
    """
    while True:
        result = hook()
        if result is not None:
            return result, None
        following = next(remaining, None)
        if following is None or needs_no_thread(following):
            return None, following
        hook = following


def _through_sync(
    hook: UserFunction, remaining: Iterator[UserFunction], value: object, required: bool
) -> tuple[UserFunction, UserFunction | None, object]:
    """Pass a value through neighbouring sync hooks.

    Returns the hook that was called last, the next hook that needs no thread, if any, and the
    value. The event loop awaits that value if it is awaitable, and refuses None if `required`.
    """
    while True:
        value = hook(value)
        waits = inspect.isawaitable(value) and not isinstance(value, Response)
        if waits or (value is None and required):
            return hook, None, value
        following = next(remaining, None)
        if following is None or needs_no_thread(following):
            return hook, following, value
        hook = following


def _unawaited(who: str, coroutine: Coroutine[object, None, object]) -> TypeError:
    coroutine.close()
    return TypeError(f"{who} returned a coroutine: an 'await' is missing before it.")


def _lost_response(hook: object) -> TypeError:
    return TypeError(
        f"{_name_of(hook)} returned None after the request, or ended without a return statement;"
        " it must return the response."
    )
