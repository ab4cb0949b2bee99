"""Runs an application on Hypercorn: where it listens, its certificates, its log, how it ends.

The only file that imports a server; it is loaded when one is started.
"""

from __future__ import annotations

import asyncio
import atexit
import importlib.util
import logging
import shutil
import ssl
import tempfile
import warnings
from collections.abc import Awaitable, Callable
from contextlib import nullcontext, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from hypercorn.asyncio import serve as hypercorn_serve
from hypercorn.config import Config, Sockets
from hypercorn.logging import Logger
from hypercorn.typing import (
    ASGIReceiveCallable,
    ASGIReceiveEvent,
    ASGISendCallable,
    ASGISendEvent,
    Scope,
)
from hypercorn.utils import LifespanFailureError, LifespanTimeoutError

from .process import end_tasks, on_stop_signal

if TYPE_CHECKING:
    from .app import Quart

#: Client, request, status, bytes and microseconds.
ACCESS_LOG_FORMAT = "%(h)s %(r)s %(s)s %(b)s %(D)s"
#: Seconds in which Hypercorn must let go of its connections once the application has ended.
CLOSE_TIMEOUT = 1.0


class StartError(OSError):
    """The server cannot start; the message is one line that says why."""


#: What `run` says in one line.
START_ERRORS = (StartError, LifespanFailureError, LifespanTimeoutError)


class _ConsoleLogger(Logger):
    """Hypercorn's log, of which what it tells the user goes to the console: where it listens."""

    async def info(self, message: str, *args: Any, **kwargs: Any) -> None:
        click.echo(f" * {message}")


class ServerConfig(Config):
    """Hypercorn's configuration, with sockets and certificates that are known to be good."""

    logger_class = _ConsoleLogger
    ssl_context: ssl.SSLContext | None = None
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
        """Load the certificates and bind the sockets, so that what fails fails before the start.

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
            raise StartError("HTTP/3 is always encrypted: it needs a certificate and a key file.")
        if self.quic_bind and importlib.util.find_spec("aioquic") is None:
            raise StartError("HTTP/3 needs more packages: pip install 'quart[h3]'.")
        try:
            self.create_sockets()
        except (OSError, OverflowError, ValueError) as error:
            where = ", ".join([*self.bind, *self.insecure_bind, *self.quic_bind])
            raise StartError(f"Cannot listen on {where}: {error}") from error


def configure(
    app: Quart,
    host: str,
    port: int,
    ca_certs: str | None,
    certfile: str | None,
    keyfile: str | None,
    options: dict[str, Any],
) -> ServerConfig:
    """The configuration for `app.run`: `options` are further settings of Hypercorn's by their
    names there, and Flask's `ssl_context`. What neither knows is warned about.
    """
    context = options.pop("ssl_context", None)
    config = ServerConfig()
    config.bind = _bind(host, port)
    config.accesslog = _access_log(app)
    config.access_log_format = app.config.get("ACCESS_LOG_FORMAT", ACCESS_LOG_FORMAT)
    config.errorlog = app.logger
    unknown = [name for name in options if not hasattr(Config, name)]
    for name in options.keys() - unknown:
        setattr(config, name, options[name])
    if unknown:
        warnings.warn(
            f"Additional arguments, {', '.join(unknown)}, are not supported by the server that"
            " runs here, Hypercorn.",
            stacklevel=3,
        )
    if isinstance(context, ssl.SSLContext):
        config.ssl_context = context
    elif context is not None:
        certfile, keyfile = (context, None) if isinstance(context, str) else context
    if certfile == "adhoc":
        certfile, keyfile = _adhoc_certificate()
    if keyfile is not None and certfile is None:
        raise StartError("A key file is of use only with a certificate file.")
    config.ca_certs, config.certfile, config.keyfile = ca_certs, certfile, keyfile or certfile
    return config


def _bind(host: str, port: int) -> str:
    if host.startswith("unix:"):
        return host
    if host.startswith("fd:"):
        return f"fd://{host.removeprefix('fd:').removeprefix('//')}"
    return f"{host}:{port}"


def _access_log(app: Quart) -> logging.Logger | None:
    target = app.config.get("ACCESS_LOG", True)
    if isinstance(target, str):
        return logging.getLogger(target)
    if isinstance(target, logging.Logger):
        return target
    return app.logger if target else None


def _adhoc_certificate() -> tuple[str, str]:
    if importlib.util.find_spec("cryptography") is None:
        raise StartError("An ad-hoc certificate needs a package: pip install cryptography.")
    from werkzeug.serving import make_ssl_devcert

    directory = tempfile.mkdtemp()
    atexit.register(shutil.rmtree, directory, ignore_errors=True)
    return make_ssl_devcert(str(Path(directory, "adhoc")), cn="localhost")


def run(app: Quart, config: ServerConfig, loop: asyncio.AbstractEventLoop | None) -> None:
    """Serve until a signal asks the process to end; no task can keep the loop from closing.

    A loop that is given is left open.
    """
    if loop is not None:
        loop.run_until_complete(serve(app, config))
        return
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    try:
        loop.run_until_complete(serve(app, config))
    finally:
        loop.run_until_complete(end_tasks(asyncio.all_tasks(loop), 0))
        generators = loop.create_task(loop.shutdown_asyncgens())
        loop.run_until_complete(end_tasks({generators}, CLOSE_TIMEOUT))
        asyncio.set_event_loop(None)
        # Threads that are busy are not waited for here, as loop.shutdown_default_executor would.
        loop.close()


async def serve(
    app: Quart,
    config: ServerConfig,
    shutdown_trigger: Callable[[], Awaitable[Any]] | None = None,
) -> None:
    """Serve until the trigger returns, or without one until a signal asks the process to end.

    Then streams and websockets are ended, requests finish in `SHUTDOWN_TIMEOUT` seconds or are
    cancelled, and the lifespan ends. Hypercorn by itself waits for its connections before it
    ends the lifespan, from Python 3.12 on without a limit: any one could keep the process.
    """
    requests: set[asyncio.Task[Any]] = set()
    stopping, drained, ended = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def followed(scope: Scope, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
        if scope["type"] == "lifespan":
            try:
                await app(scope, _receive_until(drained, receive), send)
            finally:
                ended.set()
            return

        async def send_in_turn(event: ASGISendEvent) -> None:
            await send(event)
            # Hypercorn does not wait while the client reads as fast as this is written: one that
            # sends without end would let no other connection have its turn, nor Ctrl-C.
            if event["type"] == "websocket.send" or event.get("more_body"):
                await asyncio.sleep(0)

        task = asyncio.current_task()
        assert task is not None
        requests.add(task)
        try:
            await app(scope, receive, send_in_turn)
        finally:
            requests.discard(task)

    config.open()
    config.graceful_timeout = 24 * 60 * 60  # the limit is set below
    loop = asyncio.get_running_loop()
    signalled = asyncio.Event()

    def stop() -> None:
        loop.call_soon_threadsafe(signalled.set)

    with on_stop_signal(stop) if shutdown_trigger is None else nullcontext():
        server = asyncio.create_task(
            hypercorn_serve(followed, config, shutdown_trigger=stopping.wait)
        )
        trigger = asyncio.ensure_future((shutdown_trigger or signalled.wait)())
        try:
            await asyncio.wait({server, trigger}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            trigger.cancel()
            app.begin_shutdown()
            stopping.set()
            await end_tasks(requests, app.config["SHUTDOWN_TIMEOUT"])
            drained.set()
            with suppress(TimeoutError):
                async with asyncio.timeout(config.shutdown_timeout):
                    await ended.wait()
            await end_tasks({server}, CLOSE_TIMEOUT)
    for task in (server, trigger):
        if not task.cancelled():
            task.result()


def _receive_until(drained: asyncio.Event, receive: ASGIReceiveCallable) -> ASGIReceiveCallable:
    """The lifespan's `receive`, which tells of the shutdown as soon as `drained` is set."""

    async def receive_or_shutdown() -> ASGIReceiveEvent:
        message = asyncio.ensure_future(receive())
        shutdown = asyncio.ensure_future(drained.wait())
        try:
            await asyncio.wait({message, shutdown}, return_when=asyncio.FIRST_COMPLETED)
            if message.done():
                return message.result()
            return {"type": "lifespan.shutdown"}
        finally:
            message.cancel()
            shutdown.cancel()

    return receive_or_shutdown
