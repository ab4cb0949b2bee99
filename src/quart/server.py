"""Runs an application on Hypercorn: where it listens, its certificates, its log, how it ends.

This is the only file that imports a server. It is imported when a server is started.
"""

from __future__ import annotations

import asyncio
import atexit
import errno
import importlib.util
import logging
import os
import shutil
import ssl
import sys
import tempfile
import warnings
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from hypercorn.asyncio import serve as hypercorn_serve
from hypercorn.config import Config, Sockets
from hypercorn.logging import AccessLogAtoms, Logger
from hypercorn.typing import (
    ASGIReceiveCallable,
    ASGIReceiveEvent,
    ASGISendCallable,
    ASGISendEvent,
    Event,
    ResponseSummary,
    Scope,
    WWWScope,
)
from hypercorn.utils import LifespanFailureError, LifespanTimeoutError

from . import signals
from .config import DEFAULT_CONFIG
from .logging import create_access_logger
from .process import CANCEL_TIMEOUT, end_tasks, on_stop_signal, until_empty
from .utils import printable

if TYPE_CHECKING:
    from .app import Quart

#: Seconds in which Hypercorn must close its connections once the application has ended.
CLOSE_TIMEOUT = 1.0


class StartError(OSError):
    """The server cannot start; the message says why in one line."""


#: Errors that `run` reports in one line.
START_ERRORS = (StartError, LifespanFailureError, LifespanTimeoutError)


class _ConsoleLogger(Logger):
    """Hypercorn's log. Its messages for the user, such as where it listens, go to the console."""

    async def info(self, message: str, *args: object, **kwargs: object) -> None:
        click.echo(f" * {message}")

    async def exception(self, message: str, *args: object, **kwargs: object) -> None:
        # The application has logged the error; Hypercorn would call it one of the framework.
        if not getattr(sys.exception(), "_quart_logged", False):
            await super().exception(message, *args, **kwargs)

    def atoms(
        self, request: WWWScope, response: ResponseSummary | None, request_time: float
    ) -> Mapping[str, str]:
        """Return Hypercorn's atoms for formats, and `client`, `target` and `ms`.

        Nothing that a client sends can end a line or prevent it from being written.
        """
        scope: Any = request
        query = scope["query_string"].decode(errors="backslashreplace")
        scope = {**scope, "path": printable(scope["path"]), "query_string": query.encode()}
        atoms = AccessLogAtoms(scope, response, request_time)
        atoms["client"] = (scope.get("client") or ["-"])[0] or "-"
        atoms["target"] = printable(atoms["Uq"])
        atoms["ms"] = f"{request_time * 1000:.0f}"
        if scope["type"] == "websocket":
            atoms["m"] = "WEBSOCKET"
        return atoms


class ServerConfig(Config):
    """Hypercorn's configuration, with sockets and certificates that were checked."""

    logger_class = _ConsoleLogger
    ssl_context: ssl.SSLContext | None = None
    passthrough_errors = False
    _sockets: Sockets | None = None

    @property
    def ssl_enabled(self) -> bool:
        return self.ssl_context is not None or super().ssl_enabled

    def create_ssl_context(self) -> ssl.SSLContext | None:
        if self.ssl_context is None:
            return super().create_ssl_context()
        self.ssl_context.set_alpn_protocols(self.alpn_protocols)
        return self.ssl_context

    def create_sockets(self) -> Sockets:
        if self._sockets is None:
            self._sockets = super().create_sockets()
        return self._sockets

    def open(self) -> None:
        """Load the certificates and bind the sockets, so that errors appear before the start.

        Raises StartError.
        """
        for path in (self.certfile, self.keyfile, self.ca_certs):
            if path is not None and not Path(path).is_file():
                raise StartError(f"There is no certificate or key file {str(path)!r}.")
        try:
            self.create_ssl_context()
        except (ssl.SSLError, OSError) as error:
            raise StartError(f"Cannot use the certificate {self.certfile!r}: {error}") from error
        if self.quic_bind and self.certfile is None:
            raise StartError("HTTP/3 is always encrypted: it requires a certificate and its key.")
        if self.quic_bind and importlib.util.find_spec("aioquic") is None:
            raise StartError("HTTP/3 requires more packages: pip install 'quart[h3]'.")
        try:
            self.create_sockets()
        except (OSError, OverflowError, ValueError) as error:
            binds = [*self.bind, *self.insecure_bind, *self.quic_bind]
            hint = ""
            if isinstance(error, OSError) and error.errno == errno.EADDRINUSE:
                hint = _who_listens(binds)
            raise StartError(f"Cannot listen on {', '.join(binds)}: {error}{hint}") from error

    def close(self) -> None:
        """Close the sockets, even if the server did not use them."""
        sockets = self.create_sockets()
        for sock in sockets.secure_sockets + sockets.insecure_sockets + sockets.quic_sockets:
            sock.close()


def configure(
    app: Quart,
    host: str,
    port: int,
    ca_certs: str | None,
    certfile: str | None,
    keyfile: str | None,
    options: dict[str, Any],
) -> ServerConfig:
    """Make the configuration for `app.run`.

    `options` are further settings of Hypercorn, by their names there, and Flask's `ssl_context` and
    `passthrough_errors`. Others cause a warning.
    """
    context = options.pop("ssl_context", None)
    config = ServerConfig()
    config.passthrough_errors = bool(options.pop("passthrough_errors", False))
    config.bind = _bind(host, port)
    config.accesslog = _access_log(app)
    config.access_log_format = app.config.get(
        "ACCESS_LOG_FORMAT", DEFAULT_CONFIG["ACCESS_LOG_FORMAT"]
    )
    config.errorlog = app.logger
    unknown = [name for name in options if not hasattr(Config, name)]
    for name in options.keys() - unknown:
        setattr(config, name, options[name])
    if unknown:
        warnings.warn(
            f"Additional arguments, {', '.join(unknown)}, are not supported by Hypercorn, the"
            " server that runs here.",
            stacklevel=3,
        )
    if isinstance(context, ssl.SSLContext):
        config.ssl_context = context
    elif context is not None:
        certfile, keyfile = (context, None) if isinstance(context, str) else context
    if certfile == "adhoc":
        certfile, keyfile = _adhoc_certificate()
    if keyfile is not None and certfile is None:
        raise StartError("A key file requires a certificate file.")
    config.ca_certs, config.certfile, config.keyfile = ca_certs, certfile, keyfile or certfile
    return config


def _bind(host: str, port: int) -> str:
    if host.startswith("unix:"):
        return host
    if host.startswith("fd:"):
        return f"fd://{host.removeprefix('fd:').removeprefix('//')}"
    return f"{host}:{port}"


def _who_listens(binds: list[str]) -> str:
    """Name the process that uses one of these addresses, if Linux shows it, and what to do."""
    ports = {int(port) for _, _, port in (bind.rpartition(":") for bind in binds) if port.isdigit()}
    process = ""
    with suppress(OSError, ValueError):
        process = _listening_process(ports)
    has_it = f": {process} uses it" if process else ""
    return f"{has_it}. Use another port, as with '--port 5001', or end that process."


def _listening_process(ports: set[int]) -> str:
    inodes = set()
    for table in ("tcp", "tcp6"):
        for line in Path("/proc/net", table).read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] == "0A" and int(fields[1].rpartition(":")[2], 16) in ports:
                inodes.add(f"socket:[{fields[9]}]")
    for descriptor in Path("/proc").glob("[0-9]*/fd/*"):
        with suppress(OSError):
            if os.readlink(descriptor) in inodes:
                directory = descriptor.parent.parent
                words = (directory / "cmdline").read_bytes().replace(b"\0", b" ").decode().strip()
                return f"process {directory.name} ({words[:100]})"
    return ""


def _access_log(app: Quart) -> logging.Logger | None:
    target = app.config.get("ACCESS_LOG", True)
    if isinstance(target, str):
        return logging.getLogger(target)
    if isinstance(target, logging.Logger):
        return target
    return create_access_logger(app) if target else None


def _adhoc_certificate() -> tuple[str, str]:
    if importlib.util.find_spec("cryptography") is None:
        raise StartError("An ad-hoc certificate requires a package: pip install cryptography.")
    from werkzeug.serving import make_ssl_devcert

    directory = tempfile.mkdtemp()
    atexit.register(shutil.rmtree, directory, ignore_errors=True)
    return make_ssl_devcert(str(Path(directory, "adhoc")), cn="localhost")


def run(app: Quart, config: ServerConfig, loop: asyncio.AbstractEventLoop | None) -> None:
    """Serve until a signal asks the process to end. No task can keep the loop from closing.

    A loop that is passed in is left open.
    """
    if loop is not None:
        loop.run_until_complete(serve(app, config))
        return
    loop = asyncio.new_event_loop()
    loop.set_exception_handler(_handle_loop_error)
    asyncio.set_event_loop(loop)
    try:
        loop.run_until_complete(serve(app, config))
    finally:
        loop.run_until_complete(end_tasks(asyncio.all_tasks(loop), 0))
        generators = loop.create_task(loop.shutdown_asyncgens())
        loop.run_until_complete(end_tasks({generators}, CLOSE_TIMEOUT))
        asyncio.set_event_loop(None)
        # Busy threads are not waited for here, unlike in loop.shutdown_default_executor.
        loop.close()


def _handle_loop_error(loop: asyncio.AbstractEventLoop, context: dict[str, object]) -> None:
    # A failed handshake is the client's problem, and connections are cancelled at the end.
    if not isinstance(context.get("exception"), ssl.SSLError | asyncio.CancelledError):
        loop.default_exception_handler(context)


async def serve(
    app: Quart,
    config: ServerConfig,
    shutdown_trigger: Callable[[], Awaitable[Any]] | None = None,
) -> None:
    """Serve until the trigger returns, or, without a trigger, until a signal to stop.

    Then streams and websockets are ended, requests finish within `SHUTDOWN_TIMEOUT` seconds or are
    cancelled, and the lifespan ends. Hypercorn by itself waits for all connections before it ends
    the lifespan, from Python 3.12 on without a limit, so any of them could keep the process alive.

    With `passthrough_errors`, an error that nothing handles ends the server and is raised here.
    """
    config.open()
    config.graceful_timeout = 24 * 60 * 60  # the limits are set below
    loop = asyncio.get_running_loop()
    stopping, signalled = asyncio.Event(), asyncio.Event()
    failed: asyncio.Future[BaseException] = loop.create_future()
    served = _Served(app)

    def stop() -> None:
        loop.call_soon_threadsafe(signalled.set)

    def fail(error: BaseException) -> None:
        if not failed.done():
            failed.set_result(error)

    with (
        on_stop_signal(stop) if shutdown_trigger is None else nullcontext(),
        _passing_errors(served, fail) if config.passthrough_errors else nullcontext(),
    ):
        server = asyncio.create_task(
            hypercorn_serve(served, config, shutdown_trigger=stopping.wait)
        )
        trigger = asyncio.ensure_future((shutdown_trigger or signalled.wait)())
        try:
            await asyncio.wait({server, trigger, failed}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            trigger.cancel()
            app.begin_shutdown()
            stopping.set()
            # Somebody who waits for an error, in a debugger, does not wait for other requests.
            seconds = CLOSE_TIMEOUT if failed.done() else app.config["SHUTDOWN_TIMEOUT"]
            await served.end(seconds, config.shutdown_timeout)
            await end_tasks({server}, CLOSE_TIMEOUT)
            config.close()
    if failed.done():
        raise failed.result()
    for task in (server, trigger):
        if not task.cancelled():
            task.result()


@contextmanager
def _passing_errors(served: _Served, fail: Callable[[BaseException], None]) -> Iterator[None]:
    """Pass each error that nothing handles to `fail`, in a `with` block."""

    async def receive(sender: object, exception: BaseException, **extra: object) -> None:
        fail(exception)

    served.on_error = fail
    with (
        signals.got_request_exception.connected_to(receive),
        signals.got_websocket_exception.connected_to(receive),
        signals.got_background_exception.connected_to(receive),
    ):
        yield


class _Served:
    """The application as Hypercorn calls it. It knows its requests and can end its lifespan."""

    def __init__(self, app: Quart) -> None:
        self._app = app
        self._requests: set[asyncio.Task[object]] = set()
        self._lifespans: set[asyncio.Task[object]] = set()
        self._started = False
        self._requests_ended = asyncio.Event()
        #: Called with an error that ended a connection, usually after its response had begun.
        self.on_error: Callable[[BaseException], None] = lambda error: None

    async def __call__(
        self, scope: Scope, receive: ASGIReceiveCallable, send: ASGISendCallable
    ) -> None:
        if scope["type"] == "lifespan":
            tasks = self._lifespans
            receive, send = self._receive_or_shutdown(receive), self._noting_start(send)
        else:
            tasks, send = self._requests, _in_turn(send)
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        try:
            await self._app(scope, receive, send)
        except Exception as error:
            if scope["type"] != "lifespan":
                self.on_error(error)
            if scope["type"] == "http":
                described = f"request {scope['method']} {printable(scope['path'])}"
                self._app._log_cut_off(described, error)
                error._quart_logged = True  # type: ignore[attr-defined]
            raise
        finally:
            # Hypercorn may wait in this task for a client that does not read; nobody else does.
            tasks.discard(task)

    async def end(self, seconds: float | None, lifespan_seconds: float) -> None:
        """Wait up to `seconds` for the requests, cancel the rest, and end the lifespan.

        A startup that is still running is cancelled.
        """
        if not await until_empty(self._requests, seconds):
            for task in self._requests:
                task.cancel()
            await until_empty(self._requests, CANCEL_TIMEOUT)
        self._requests_ended.set()
        if not self._started:
            for task in self._lifespans:
                task.cancel()
        if not await until_empty(self._lifespans, lifespan_seconds):
            self._app.logger.error("The shutdown did not end within %s seconds", lifespan_seconds)

    def _receive_or_shutdown(self, receive: ASGIReceiveCallable) -> ASGIReceiveCallable:
        async def receive_or_shutdown() -> ASGIReceiveEvent:
            message = asyncio.ensure_future(receive())
            ended = asyncio.ensure_future(self._requests_ended.wait())
            try:
                await asyncio.wait({message, ended}, return_when=asyncio.FIRST_COMPLETED)
                return message.result() if message.done() else {"type": "lifespan.shutdown"}
            finally:
                message.cancel()
                ended.cancel()

        return receive_or_shutdown

    def _noting_start(self, send: ASGISendCallable) -> ASGISendCallable:
        async def send_noting_start(event: ASGISendEvent) -> None:
            self._started = self._started or event["type"] == "lifespan.startup.complete"
            await send(event)

        return send_noting_start


def termination_of(send: object) -> Event | None:
    """Return the event that Hypercorn sets when it ends, found through its `send`, or None.

    Hypercorn's workers learn of the end from their parent, not from a signal.
    """
    stream = getattr(send, "__self__", None)
    terminated: Event | None = getattr(getattr(stream, "context", None), "terminated", None)
    return terminated


def _in_turn(send: ASGISendCallable) -> ASGISendCallable:
    """Return a `send` that lets other tasks run.

    Hypercorn's own does not wait while the client reads as fast as the application writes. An
    endless sender would block all other connections, and Ctrl-C.
    """

    async def send_in_turn(event: ASGISendEvent) -> None:
        await send(event)
        if event["type"] == "websocket.send" or event.get("more_body"):
            await asyncio.sleep(0)

    return send_in_turn
