"""The life of the process that serves an application: startup, background tasks, shutdown, `run`.

This file does not know which server is used: any server's lifespan calls `startup` and `shutdown`,
and so does ours (server.py), which `run` starts.
"""

from __future__ import annotations

import asyncio
import inspect
import os
import sys
import time
from collections.abc import (
    AsyncGenerator,
    AsyncIterator,
    Awaitable,
    Callable,
    Coroutine,
    Mapping,
)
from contextlib import AbstractAsyncContextManager, suppress
from functools import cached_property, partial
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, Generic, Self, TypeVar, cast
from urllib.parse import urlsplit

import click
from flask.sansio.scaffold import setupmethod
from werkzeug.exceptions import HTTPException

from . import process, reloader, signals
from .asgi.in_flight import AtWork, InFlight
from .ctx import AppContext
from .datastructures import attributes_of
from .dispatch import Dispatch, _collect
from .forgotten import log_forgotten_awaits
from .globals import _cv_quart
from .helpers import get_debug_flag, get_load_dotenv
from .workers import is_coroutine_callable, remind_of_awaits, wait_in_thread

if TYPE_CHECKING:
    from typing_extensions import TypeVar as TypeVarWithDefault  # type checkers have it

    from .app import Quart
    from .typing import (
        AfterServingCallable,
        BeforeServingCallable,
        Event,
        WhileServingCallable,
    )

T = TypeVar("T")
T_after_serving = TypeVar("T_after_serving", bound="AfterServingCallable")
T_before_serving = TypeVar("T_before_serving", bound="BeforeServingCallable")
T_while_serving = TypeVar("T_while_serving", bound="WhileServingCallable")
if TYPE_CHECKING:
    StateT = TypeVarWithDefault("StateT", default=Any)  # what the lifespan yields
else:
    StateT = TypeVar("StateT")


class WhileServing(AsyncIterator[None]):
    """A `while_serving` function. The first `anext` runs it to its `yield`, the second to its end.

    After that it can start again.
    """

    def __init__(self, func: WhileServingCallable) -> None:
        self.func = func
        self._generator: AsyncGenerator[None, None] | None = None

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.func!r}>"

    async def __anext__(self) -> None:
        starts = self._generator is None
        # A generator function may be annotated with a wider type.
        made = self._generator or cast("AsyncGenerator[None, None]", self.func())
        generator = self._generator = made
        try:
            await anext(generator)
        except BaseException as error:
            self._generator = None
            if starts and isinstance(error, StopAsyncIteration):
                raise RuntimeError(f"{self.func!r} did not yield.") from None
            raise
        if not starts:
            self._generator = None
            await generator.aclose()
            raise RuntimeError(f"{self.func!r} yielded a second time.")


class BackgroundContext(AppContext):
    """The app context of a background task, which can still use what started it."""

    def __init__(self, app: Quart, origin: AppContext) -> None:
        super().__init__(app, session=origin._session)
        self.request_websocket = origin.request_websocket
        if origin.has_request:
            self.request = origin.request
        else:
            self.websocket = origin.websocket
        self.blueprint_names = origin.blueprint_names
        with suppress(HTTPException):  # the host of the request is not acceptable
            self._url_adapter = origin.url_adapter

    def detached(self) -> Self:
        """Return a context for the same connection and session, with a `g` of its own."""
        return type(self)(self.app, self)

    @property
    def has_request(self) -> bool:
        return "request" in self.__dict__

    @property
    def has_websocket(self) -> bool:
        return "websocket" in self.__dict__

    @property
    def has_session(self) -> bool:
        return True


class Serving(Dispatch, Generic[StateT]):
    """An application in a process that starts, serves and ends."""

    event_class: type[Event] = asyncio.Event

    #: Set when the shutdown begins. Each startup makes a new one.
    shutdown_event: Event

    def __init__(self, *args: object, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)
        self._lifespan: Callable[[Quart], AbstractAsyncContextManager[StateT]] | None = None
        self._within: AbstractAsyncContextManager[StateT] | None = None  # once entered
        #: The place of each function and generator in the order of registration, by id.
        self._registered: dict[int, int] = {}
        self.before_serving_funcs: list[Callable[[], object]] = []
        self.after_serving_funcs: list[Callable[[], object]] = []
        #: One for each `while_serving` function; `anext` starts it, and ends it.
        self.while_serving_gens: list[AsyncIterator[None]] = []
        self.background_tasks: set[asyncio.Task[object]] = set()
        self.shutdown_event = self.event_class()
        self._in_flight = InFlight(cast("Quart", self))
        self._started: list[AsyncIterator[None]] = []
        self._shutdown_began = 0.0
        self._unfollow_signals: Callable[[], None] = lambda: None
        self._server_ends: asyncio.Task[None] | None = None

    @cached_property
    def state(self) -> StateT:
        """The value that the lifespan yielded, or an object for attributes of your own."""
        return cast(StateT, SimpleNamespace())

    # Registration

    @setupmethod
    def before_serving(self, func: T_before_serving) -> T_before_serving:
        """Call a function, sync or async, before the first connection is accepted.

        These functions and the `while_serving` ones start in the order of registration.
        """
        self.before_serving_funcs.append(func)
        self._registered[id(func)] = len(self._registered)
        return func

    @setupmethod
    def while_serving(self, func: T_while_serving) -> T_while_serving:
        """Run an async generator function to its `yield` at startup, and to its end at shutdown."""
        generator = WhileServing(func)
        self.while_serving_gens.append(generator)
        self._registered[id(generator)] = len(self._registered)
        return func

    @setupmethod
    def after_serving(self, func: T_after_serving) -> T_after_serving:
        """Call a function, sync or async, after the last connection has ended."""
        self.after_serving_funcs.append(func)
        return func

    # Startup and shutdown

    async def startup(self) -> None:
        """Enter the lifespan, then call the `before_serving` functions and start the
        `while_serving` ones, in the order in which they were registered.

        If one fails, whatever had started is ended as at a shutdown, and the error is raised.
        """
        if self.debug:
            remind_of_awaits()
        self.shutdown_event = self.event_class()
        self._in_flight.shutting_down = False
        async with self.app_context() as ctx:
            anything_started = False
            try:
                if self._lifespan is not None:
                    await self._enter_lifespan(self._lifespan)
                    anything_started = True
                for step in self._steps():
                    if isinstance(step, AsyncIterator):
                        await anext(step)
                        self._started.append(step)
                    else:
                        await self.ensure_async(step)()
                    anything_started = True
                self.url_map.prepare()
            except BaseException as error:
                await self._serving_failed(ctx, error)
                if anything_started:
                    await self._end_serving(ctx)
                raise
        if self.config.get("SHUTDOWN_ON_SIGNAL", True):
            self._follow_signals()
            self._in_flight.on_first = self._follow_server

    async def shutdown(self) -> None:
        """End what `startup` started, even if something fails on the way.

        Streams and websockets are ended. Requests have `SHUTDOWN_TIMEOUT` seconds to finish. Then
        background tasks have `BACKGROUND_TASK_SHUTDOWN_TIMEOUT` seconds before they are cancelled.
        Then the `while_serving` functions run to their ends, the last started first, the
        `after_serving` functions are called, and the lifespan is left, each within
        `AFTER_SERVING_TIMEOUT` seconds.

        If one fails, its error is raised; if several fail, a group of their errors.
        """
        self._unfollow_signals()
        if self._server_ends is not None:
            self._server_ends.cancel()
        try:
            self.begin_shutdown()
            if not self._in_flight.shutting_down:  # a lifespan nested in this one has ended
                self._shutdown_began = time.monotonic()
                self._in_flight.shut_down()
            await self._wait_for_connections()
            await self._end_background_tasks()
            async with self.app_context() as ctx:
                errors = await self._end_serving(ctx)
        finally:
            self._in_flight.shutting_down = False  # tests may go on without a lifespan
        if len(errors) == 1:
            raise errors[0]
        if errors:
            raise BaseExceptionGroup("Errors at shutdown", errors)

    def begin_shutdown(self) -> None:
        """Set `shutdown_event`, and tell open streams and websockets to end.

        A server calls it as soon as it is asked to stop, before it waits for its connections.
        """
        if not self.shutdown_event.is_set():
            self.shutdown_event.set()
            self._shutdown_began = time.monotonic()
            self._in_flight.shut_down()

    def _follow_signals(self) -> None:
        """Begin the shutdown when a signal ends the server.

        Servers end the lifespan last, after all connections, and some wait for those forever.
        """
        loop = asyncio._get_running_loop()
        if loop is None:
            return  # not asyncio's event loop; its server has its own way to end

        def notice() -> None:
            if not loop.is_closed():
                loop.call_soon_threadsafe(self.begin_shutdown)

        self._unfollow_signals = process.follow_stop_signals(notice)

    def _follow_server(self, connection: AtWork) -> None:
        """Begin the shutdown when the server does, if that can be known."""
        if "hypercorn" not in sys.modules:
            return
        from . import server

        terminated = server.termination_of(connection.server_send)
        if terminated is not None:

            async def wait() -> None:
                await terminated.wait()
                self.begin_shutdown()

            self._server_ends = asyncio.create_task(wait())

    async def _wait_for_connections(self) -> None:
        seconds = self.config["SHUTDOWN_TIMEOUT"]
        left = None if seconds is None else seconds - time.monotonic() + self._shutdown_began
        if not await process.until_empty(self._in_flight, left):
            self.logger.warning(
                "%d connections were still open %s seconds after the shutdown began",
                len(self._in_flight),
                seconds,
            )

    async def _end_background_tasks(self) -> None:
        seconds = self.config["BACKGROUND_TASK_SHUTDOWN_TIMEOUT"]
        for task in await process.end_tasks(self.background_tasks, seconds):
            self.logger.error("The background task %r ignores its cancellation", task.get_name())
            process.give_up(task)

    def _steps(self) -> list[Callable[[], object] | AsyncIterator[None]]:
        """Return the functions and generators to start, in the order of registration.

        One that was put into a list by hand comes right after the one before it in that list.
        """
        steps: list[tuple[int, Callable[[], object] | AsyncIterator[None]]] = []
        for some in (self.before_serving_funcs, self.while_serving_gens):
            position = -1
            for each in some:
                position = self._registered.get(id(each), position)
                steps.append((position, each))
        steps.sort(key=lambda step: step[0])
        return [each for _, each in steps]

    async def _enter_lifespan(
        self, lifespan: Callable[[Quart], AbstractAsyncContextManager[StateT]]
    ) -> None:
        within = lifespan(cast("Quart", self))
        if not hasattr(within, "__aenter__"):
            raise TypeError(
                f"lifespan={lifespan!r} does not return an async context manager: decorate it with"
                " contextlib.asynccontextmanager."
            )
        state = await within.__aenter__()
        self._within = within
        if state is None:
            return
        self.state = state
        scope_state = getattr(self, "lifespan_state", None)
        if scope_state is not None:  # the server passes it to each connection
            scope_state.update(state if isinstance(state, Mapping) else attributes_of(state))

    async def _end_serving(self, ctx: AppContext) -> list[BaseException]:
        errors: list[BaseException] = []
        started, self._started = self._started, []
        ends: list[Callable[[], object]] = [partial(_finish, each) for each in reversed(started)]
        ends += self.after_serving_funcs
        if self._within is not None:
            within, self._within = self._within, None
            ends.append(partial(within.__aexit__, None, None, None))
        for func in ends:
            await _collect(errors, self._call_in_time(func))
        for error in errors:
            await self._serving_failed(ctx, error)
        return errors

    async def _call_in_time(self, func: Callable[[], object]) -> None:
        seconds = self.config["AFTER_SERVING_TIMEOUT"]
        timer = asyncio.timeout(seconds)
        in_thread: asyncio.Task[object] | None = None
        try:
            async with timer:
                if is_coroutine_callable(func):
                    await _await_or_abandon(func(), seconds)
                else:
                    in_thread = asyncio.create_task(self.ensure_async(func)())
                    await asyncio.shield(in_thread)
        except TimeoutError:
            if not timer.expired():
                raise
            if in_thread is not None:
                process.give_up(in_thread)  # a thread cannot be cancelled
            raise TimeoutError(f"{func!r} did not end within {seconds} seconds") from None

    async def _serving_failed(self, ctx: AppContext, error: BaseException) -> None:
        if signals.got_serving_exception.receivers:
            await self._send_signal(signals.got_serving_exception, exception=error)
        self.log_exception(ctx, (type(error), error, error.__traceback__))

    # Background tasks

    def add_background_task(
        self, func: Callable[..., object], *args: object, **kwargs: Any
    ) -> asyncio.Task[object]:
        """Run a function in the background, in an app context of its own; return its task.

        A sync function runs in a thread. `request`, `websocket` and `session` still refer to the
        connection that starts the task. `name=` names the task, unless the function has an argument
        of that name. An error is passed to `handle_background_exception`, and stays in the task. A
        shutdown waits for the task: see `shutdown`.

        Raises RuntimeError outside an event loop and the threads that it waits for.
        """
        name = _name(func)
        if "name" in kwargs and not _takes_name(func):
            name = kwargs.pop("name")

        def start() -> asyncio.Task[object]:
            work = self._run_in_background(func, args, kwargs)
            task = asyncio.create_task(work, name=name)
            self.background_tasks.add(task)
            task.add_done_callback(self.background_tasks.discard)
            return task

        async def start_on_loop() -> asyncio.Task[object]:
            return start()

        try:
            asyncio.get_running_loop()
        except RuntimeError:
            started = wait_in_thread(start_on_loop())
            if isinstance(started, asyncio.Task):
                return started
            started.close()
            raise RuntimeError("A background task needs a running event loop.") from None
        return start()

    async def _run_in_background(
        self, func: Callable[..., object], args: tuple[object, ...], kwargs: dict[str, object]
    ) -> object:
        task = asyncio.current_task()
        assert task is not None
        origin = _cv_quart.get(None)
        if origin is not None and (origin.has_request or origin.has_websocket):
            ctx: AppContext = BackgroundContext(cast("Quart", self), origin)
        else:
            ctx = self.app_context()
        async with ctx:
            try:
                result = await self.ensure_async(func)(*args, **kwargs)
                return await result if inspect.isawaitable(result) else result
            except Exception as error:
                self._add_notes(error)
                error.add_note(f"Raised in the background task {task.get_name()!r}.")
                await self.handle_background_exception(ctx, error)
                # The error was reported, so asyncio need not complain if nobody asks the task for
                # it.
                task.add_done_callback(lambda task: task.cancelled() or task.exception())
                raise

    async def handle_background_exception(
        self, ctx: AppContext | BaseException | None = None, error: BaseException | None = None
    ) -> None:
        """Send `got_background_exception` and log an error raised in a background task."""
        if not isinstance(ctx, AppContext):
            error = ctx or error
            ctx = _cv_quart.get(None) or self.app_context()
        assert error is not None
        if signals.got_background_exception.receivers:
            await self._send_signal(signals.got_background_exception, exception=error)
        self.log_exception(ctx, (type(error), error, error.__traceback__))

    # The server for development

    def run(
        self,
        host: str | None = None,
        port: int | None = None,
        debug: bool | None = None,
        use_reloader: bool = True,
        loop: asyncio.AbstractEventLoop | None = None,
        ca_certs: str | None = None,
        certfile: str | None = None,
        keyfile: str | None = None,
        **kwargs: Any,
    ) -> None:
        """Serve the application on Hypercorn until Ctrl-C, or another signal to stop.

        Requests then have `SHUTDOWN_TIMEOUT` seconds to finish; a second Ctrl-C ends the process
        at once. If the server cannot start, one line says why, and the exit status is 1.

        :param host: Where to listen: a name, an address, `unix:<path>` or `fd://<number>`.
            Default: the host of `SERVER_NAME`, else 127.0.0.1.
        :param port: Default: the port of `SERVER_NAME`, else 5000. With 0 the system chooses.
        :param debug: Turn debug mode on or off; this wins over `QUART_DEBUG`.
        :param use_reloader: In debug mode, restart when a loaded file changes.
        :param loop: The event loop to run on; it is left open.
        :param ca_certs: A file of certificates to verify clients with.
        :param certfile: A certificate file, or "adhoc", to serve HTTPS and HTTP/2.
        :param keyfile: The certificate's key, if it is not in the same file.
        :param kwargs: `load_dotenv` (default True) reads `.env`, `.quartenv` and `.flaskenv`.
            `extra_files` and `exclude_patterns` belong to the reloader, `ssl_context` to Flask.
            `use_debugger` (default False) adds a console to the debug page: see `quart run`.
            `passthrough_errors` (default False) raises an error that nothing handles here and ends
            the server, so that a debugger stops there. Others are settings of Hypercorn, such as
            `bind` (a list) and `quic_bind` (HTTP/3).
        """
        if process.imports_application.get():
            if (host, port, debug, kwargs) != (None, None, None, {}) and not process.is_child():
                click.echo(
                    " * The arguments of 'app.run()' have no effect here: use the options of the"
                    " 'quart' command."
                )
            return
        if asyncio._get_running_loop() is not None:
            raise RuntimeError(
                "app.run() starts an event loop, but one is running already:"
                " use 'await app.run_task()'."
            )
        if get_load_dotenv(kwargs.pop("load_dotenv", True)):
            process.load_dotenv()
            if "QUART_DEBUG" in os.environ:
                self.debug = get_debug_flag()
        if debug is not None:
            self.debug = debug
        process.show_server_banner(self.debug, self.name)
        use_debugger = kwargs.pop("use_debugger", False)
        watched = kwargs.pop("extra_files", None) or (), kwargs.pop("exclude_patterns", None) or ()
        if self.debug and use_reloader:
            if not process.is_child():
                sys.exit(reloader.reload_on_change(*watched))
            reloader.report_loaded_files()

        # PERF: the server is imported only when one is started.
        from . import server

        app = cast("Quart", self)
        if self.debug:
            log_forgotten_awaits()
        if use_debugger and self.debug:
            from .debug import console

            console.start(app)
        own = urlsplit(f"//{self.config['SERVER_NAME'] or ''}")
        host = host or own.hostname or "127.0.0.1"
        if port is None:
            port = own.port or 5000
        try:
            config = server.configure(app, host, port, ca_certs, certfile, keyfile, kwargs)
            server.run(app, config, loop)
        except server.START_ERRORS as error:
            sys.exit(f"Error: {error}")

    def run_task(
        self,
        host: str = "127.0.0.1",
        port: int = 5000,
        debug: bool | None = None,
        ca_certs: str | None = None,
        certfile: str | None = None,
        keyfile: str | None = None,
        shutdown_trigger: Callable[..., Awaitable[None]] | None = None,
        **kwargs: object,
    ) -> Coroutine[None, None, None]:
        """Serve the application in a running event loop: `await app.run_task()`.

        It ends when `shutdown_trigger()` returns, or, without a trigger, at a signal to stop. The
        other arguments are those of `run`. Raises OSError if it cannot listen.
        """
        from . import server

        if debug is not None:
            self.debug = debug
        app = cast("Quart", self)
        config = server.configure(app, host, port, ca_certs, certfile, keyfile, kwargs)
        return server.serve(app, config, shutdown_trigger)


async def _await_or_abandon(work: Awaitable[object], seconds: float | None) -> None:
    """Wait for work in this task, which is cancelled after `seconds`. If the work ignores that for
    as long again, abandon it.
    """
    if seconds is None:
        await work
        return
    task = asyncio.current_task()
    assert task is not None
    inner = _wait_for(work)

    def abandon() -> None:
        task.uncancel()  # the cancellation that was ignored
        process.abandon(task, inner)

    abandoning = asyncio.get_running_loop().call_later(2 * seconds, abandon)
    began = time.monotonic()
    try:
        await inner
    except RuntimeError:
        if not task.cancelling() or time.monotonic() - began < 2 * seconds:
            raise
        raise asyncio.CancelledError() from None
    finally:
        abandoning.cancel()


async def _wait_for(work: Awaitable[object]) -> None:
    await work


async def _finish(generator: AsyncIterator[None]) -> None:
    with suppress(StopAsyncIteration):
        await anext(generator)


def _name(func: Callable[..., object]) -> str:
    return getattr(func, "__qualname__", None) or repr(func)


def _takes_name(func: Callable[..., object]) -> bool:
    try:
        parameters = inspect.signature(func).parameters
    except (TypeError, ValueError):
        return False
    return "name" in parameters or any(
        each.kind is inspect.Parameter.VAR_KEYWORD for each in parameters.values()
    )
