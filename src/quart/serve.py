"""`quart serve`, the production command: chooses a server, checks what can be checked, and runs
the server's own command, with its own supervisor of workers.

The command runs in the parent process, `load` in each worker.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import json
import multiprocessing
import os
import signal
import socket
import ssl
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypedDict

import click

from .cli import NoAppException, ScriptInfo
from .helpers import get_debug_flag
from .middleware import ProxyFix
from .workers import _workers

if TYPE_CHECKING:
    from .app import Quart
    from .asgi import Message, Receive, Scope, Send
    from .typing import ASGIApp

# The seconds that a worker has to write its traceback before the parent says why none starts.
_LAST_WORDS = 5.0
# A file beside the failure report; it exists once a worker has started.
_STARTED = "started"
# The environment variable in which the parent passes settings to the workers, as JSON.
_ENVIRONMENT = "_QUART_SERVE"
#: The target from which the workers load the application.
_TARGET = "quart.serve:load"


@dataclass(frozen=True)
class Settings:
    """The options of the command."""

    server: str
    bind: tuple[str, ...]
    workers: int
    threads: int | None
    uds: str | None
    certfile: str | None
    keyfile: str | None
    http2: bool
    quic_bind: tuple[str, ...]
    proxy_headers: int
    graceful_timeout: int
    access_log: str
    max_requests: int | None

    @property
    def wishes(self) -> set[str]:
        """The options in use that not every server supports."""
        asked = {
            _HTTP2: self.http2,
            _HTTP3: bool(self.quic_bind),
            _MAX_REQUESTS: self.max_requests is not None,
            _ADDRESSES: len(self.bind) > 1,
        }
        return {name for name, wanted in asked.items() if wanted}


class WorkerSettings(TypedDict):
    """The settings that the parent passes to each worker."""

    app: str | None
    server: str
    supervisor: int
    report: str
    proxies: int
    json_log: bool
    threads: int | None
    shutdown_timeout: int


def _spelled_alike(settings: Settings) -> list[str]:
    """Return the options that Uvicorn and Granian spell alike."""
    options = ["--workers", str(settings.workers)]
    options += ["--access-log" if settings.access_log == "on" else "--no-access-log"]
    if settings.uds:
        options += ["--uds", settings.uds]
    else:
        host, port = _split(settings.bind[0])
        options += ["--host", host, "--port", str(port)]
    if settings.keyfile:
        options += ["--ssl-keyfile", settings.keyfile]
    return options


def _uvicorn(settings: Settings) -> list[str]:
    options = [_TARGET, "--factory", "--lifespan", "on", "--no-proxy-headers"]
    options += ["--no-server-header", *_spelled_alike(settings)]
    options += ["--timeout-graceful-shutdown", str(settings.graceful_timeout)]
    if settings.certfile:
        options += ["--ssl-certfile", settings.certfile]
    if settings.max_requests is not None:
        options += ["--limit-max-requests", str(settings.max_requests)]
        options += ["--limit-max-requests-jitter", str(settings.max_requests // 10)]
    return options


def _granian(settings: Settings) -> list[str]:
    options = ["--interface", "asgi", "--factory", *_spelled_alike(settings)]
    options += ["--respawn-failed-workers", "--http", "auto" if settings.http2 else "1"]
    # A worker that does not end when asked is killed, after it has had time to end by itself.
    options += ["--workers-kill-timeout", str(settings.graceful_timeout + 30)]
    if settings.certfile:
        options += ["--ssl-certificate", settings.certfile]
    return [*options, _TARGET]


def _hypercorn(settings: Settings) -> list[str]:
    options = ["--workers", str(settings.workers)]
    options += ["--graceful-timeout", str(settings.graceful_timeout)]
    options += ["--worker-class", "uvloop" if _version("uvloop") else "asyncio"]
    for bind in [f"unix:{settings.uds}"] if settings.uds else settings.bind:
        options += ["--bind", bind]
    for bind in settings.quic_bind:
        options += ["--quic-bind", bind]
    if settings.certfile:
        options += ["--certfile", settings.certfile]
    if settings.keyfile:
        options += ["--keyfile", settings.keyfile]
    if settings.access_log == "on":
        options += ["--access-logfile", "-"]
    if settings.max_requests is not None:
        options += ["--max-requests", str(settings.max_requests)]
        options += ["--max-requests-jitter", str(settings.max_requests // 10)]
    return [*options, f"{_TARGET}()"]


@dataclass(frozen=True)
class Server:
    """A server that can be chosen."""

    name: str
    command: Callable[[Settings], list[str]]
    lacks: set[str] = field(default_factory=set)

    def run(self, arguments: Sequence[str]) -> int:
        """Run the server's own command in this process until it ends; return its exit status."""
        try:
            if self.name == "uvicorn":
                from uvicorn.main import main as uvicorn

                uvicorn(list(arguments), prog_name="uvicorn")
            elif self.name == "granian":
                from granian.cli import entrypoint as granian

                sys.argv = ["granian", *arguments]
                granian()  # type: ignore[no-untyped-call]
            else:
                from hypercorn.__main__ import main as hypercorn

                return hypercorn(list(arguments)) or 0
        except SystemExit as end:
            return end.code if isinstance(end.code, int) else int(end.code is not None)
        return 0


_HTTP2, _HTTP3 = "HTTP/2 (--http2)", "HTTP/3 (--quic-bind)"
_MAX_REQUESTS, _ADDRESSES = "--max-requests", "several addresses (--bind)"

#: The fastest first: see the tables in bench/README.md.
SERVERS = [
    Server("granian", _granian, {_HTTP3, _MAX_REQUESTS, _ADDRESSES}),
    Server("uvicorn", _uvicorn, {_HTTP2, _HTTP3, _ADDRESSES}),
    Server("hypercorn", _hypercorn),
]


def choose(settings: Settings) -> tuple[Server, str]:
    """Return the server for the settings, and the reason for choosing it.

    Raises click.ClickException if no server fits.
    """
    reasons: list[str] = []
    for server in SERVERS:
        if settings.server not in ("auto", server.name):
            continue
        lacks = sorted(server.lacks & settings.wishes)
        if not _version(server.name):
            reason = f"{server.name} is not installed: pip install 'quart[{server.name}]'"
        elif lacks:
            reason = f"{server.name} does not offer {', '.join(lacks)}"
        else:
            why = "; ".join(reasons) if reasons else "the fastest"
            return server, why if settings.server == "auto" else "as asked for"
        reasons.append(reason)
    raise click.ClickException("; ".join(reasons) + ".")


def _version(package: str) -> str | None:
    if importlib.util.find_spec(package) is None:
        return None
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return "of unknown version"


def _split(bind: str) -> tuple[str, int]:
    """Split host and port. Raises click.BadParameter."""
    host, _, port = bind.rpartition(":")
    if not host or not port.isdecimal() or int(port) > 65535:
        raise click.BadParameter(f"{bind!r} is not an address like 127.0.0.1:8000 or [::1]:8000.")
    return host.removeprefix("[").removesuffix("]"), int(port)


def _check_addresses(ctx: object, param: object, value: tuple[str, ...]) -> tuple[str, ...]:
    for bind in value:
        _split(bind)
    return value


# --- the command ----------------------------------------------------------------------------


@click.command("serve", short_help="Serve the app in production.")
@click.option(
    "--server",
    type=click.Choice(["auto", *(server.name for server in SERVERS)]),
    default="auto",
    help="auto: the fastest one that is installed and supports the other options.",
)
@click.option(
    "--bind",
    "-b",
    multiple=True,
    default=["127.0.0.1:8000"],
    callback=_check_addresses,
    show_default=True,
    help="The address and port to listen on.",
)
@click.option("--workers", "-w", type=click.IntRange(1), default=1, help="Number of processes.")
@click.option("--threads", type=click.IntRange(1), help="Threads for sync code, in each worker.")
@click.option("--uds", help="A Unix domain socket to listen on, instead of --bind.")
@click.option("--certfile", "--cert", help="A certificate file, for TLS.")
@click.option("--keyfile", "--key", help="The key file of the certificate.")
@click.option("--http2", is_flag=True, help="Speak HTTP/2, too.")
@click.option(
    "--quic-bind",
    multiple=True,
    callback=_check_addresses,
    help="An address and port for HTTP/3, on UDP.",
)
@click.option(
    "--proxy-headers",
    type=click.IntRange(0),
    default=0,
    metavar="N",
    help="Trust this many proxies for the client's address and scheme (X-Forwarded-For, -Proto).",
)
@click.option(
    "--graceful-timeout",
    type=click.IntRange(0),
    default=30,
    show_default=True,
    help="Seconds that requests have to finish when the server stops.",
)
@click.option(
    "--access-log",
    type=click.Choice(["off", "on", "json"]),
    default="off",
    show_default=True,
    help="Log each request: 'on' in the server's format, 'json' as one object per line.",
)
@click.option(
    "--max-requests", type=click.IntRange(1), help="Restart a worker after this many requests."
)
@click.pass_context
def serve_command(ctx: click.Context, /, **options: Any) -> None:
    """Serve the application in production: on Granian, Uvicorn or Hypercorn.

    SIGTERM and Ctrl-C let requests finish and shut the application down. SIGHUP makes Granian and
    Uvicorn restart their workers one by one. Each option can be set in the environment, too:
    QUART_SERVE_WORKERS=4.
    """
    settings = Settings(**options)
    info = ctx.ensure_object(ScriptInfo)
    server, why = choose(settings)
    if settings.max_requests and settings.workers == 1 and server.name == "uvicorn":
        raise click.ClickException("Uvicorn restarts workers only with --workers 2 or more.")
    _load_once(info)
    _check_certificate(settings)
    if settings.uds:
        _check_socket(settings.uds)
    for bind in () if settings.uds else settings.bind:
        _check_free(*_split(bind))
    for bind in settings.quic_bind:
        _check_free(*_split(bind), socket.SOCK_DGRAM)
    where = settings.uds or ", ".join(settings.bind)
    click.echo(f" * Serving on {where} by {server.name} {_version(server.name)} ({why})", err=True)
    with tempfile.TemporaryDirectory(prefix="quart-serve-") as directory:
        report = Path(directory) / "failure"
        told: WorkerSettings = {
            "app": info.app_import_path,
            "server": server.name,
            "supervisor": os.getpid(),
            "report": str(report),
            "proxies": settings.proxy_headers,
            "json_log": settings.access_log == "json",
            "threads": settings.threads,
            "shutdown_timeout": settings.graceful_timeout,
        }
        os.environ[_ENVIRONMENT] = json.dumps(told)
        status = _run(server, settings, report)
        for worker in multiprocessing.active_children():
            worker.join(_LAST_WORDS)
        if report.exists():
            raise click.ClickException(f"The application did not start: {report.read_text()}")
    if status:
        raise click.ClickException(f"{server.name} ended with exit status {status}.")


def _run(server: Server, settings: Settings, report: Path) -> int:
    if server.name == "hypercorn" or settings.workers == 1 != (server.name == "granian"):
        with suppress(AttributeError):  # on Windows
            signal.signal(signal.SIGHUP, signal.SIG_IGN)
    # Uvicorn without workers ends with this handler, after everything else has ended.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())
    if server.name != "hypercorn":
        return server.run(server.command(settings))
    # Hypercorn ends when one of its workers dies, with the exit status of another worker.
    started = report.with_name(_STARTED)
    told, tells = socket.socketpair()
    told.setblocking(False)
    tells.setblocking(False)
    with told, tells:
        while True:
            began = time.monotonic()
            started.unlink(missing_ok=True)
            before = signal.set_wakeup_fd(tells.fileno())  # it gets the number of each signal
            try:
                status = server.run(server.command(settings))
                dies_again = report.exists() or not started.exists()
                if not dies_again:
                    time.sleep(max(0.0, began + 1 - time.monotonic()))  # at most once a second
            finally:
                signal.set_wakeup_fd(before)
            with suppress(BlockingIOError):
                if {signal.SIGINT, signal.SIGTERM} & {*told.recv(4096)}:
                    return 0  # it was asked to stop
            if dies_again:
                return status or 1
            click.echo(" * A worker has died: restarting", err=True)


def _load_once(info: ScriptInfo) -> None:
    """Load the application, so that an error is shown once, and refuse debug mode."""
    if info.create_app is not None:
        raise click.ClickException("Workers import the application themselves: use --app.")
    if get_debug_flag():
        raise click.ClickException("Debug mode shows secrets: turn it off, or use 'quart run'.")
    try:
        info.load_app()  # this turns off the application's own DEBUG
    except NoAppException:
        raise
    except Exception as error:
        reason = f"{type(error).__name__}: {error}"
        raise click.ClickException(f"The application cannot be imported: {reason}") from error


def _check_certificate(settings: Settings) -> None:
    if settings.certfile is None:
        if settings.keyfile or settings.quic_bind:
            raise click.ClickException("A certificate is missing: --certfile.")
        return
    for path in (settings.certfile, settings.keyfile):
        if path is not None and not Path(path).is_file():
            raise click.ClickException(f"There is no file {path!r}.")
    try:
        ssl.create_default_context(ssl.Purpose.CLIENT_AUTH).load_cert_chain(
            settings.certfile, settings.keyfile
        )
    except (ssl.SSLError, OSError) as error:
        raise click.ClickException(
            f"Cannot use the certificate {settings.certfile!r}: {error}"
        ) from error


def _check_free(host: str, port: int, kind: int = socket.SOCK_STREAM) -> None:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        with socket.socket(family, kind) as listener:
            if kind == socket.SOCK_STREAM:
                listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind((host, port))
            if kind == socket.SOCK_STREAM:
                listener.listen()
    except OSError as error:
        raise click.ClickException(f"Cannot listen on {host}:{port}: {error.strerror}.") from error


def _check_socket(path: str) -> None:
    """Check that a server can listen on a path, and remove a socket left behind there.

    A killed server leaves its socket, and Granian does not start if there is one.
    """
    try:
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(1)
            client.connect(path)
        reason = "Address already in use"
    except (ConnectionRefusedError, FileNotFoundError):
        if not Path(path).parent.is_dir():
            reason = "there is no such directory"
        elif Path(path).exists() and not Path(path).is_socket():
            reason = "it is not a socket"
        else:
            return Path(path).unlink(missing_ok=True)
    except OSError as error:
        reason = error.strerror or str(error)
    raise click.ClickException(f"Cannot listen on {path}: {reason}.")


# --- in the workers -------------------------------------------------------------------------


def load() -> ASGIApp:
    """Load the application as a worker serves it."""
    told: WorkerSettings = json.loads(os.environ[_ENVIRONMENT])
    if told["server"] == "hypercorn":
        # Hypercorn's parent tells workers to end by an event. Once the first has ended, it sends
        # SIGTERM to those that still answer requests.
        signal.signal(signal.SIGTERM, lambda *_: None)
    try:
        app = ScriptInfo(told["app"]).load_app()
    except BaseException as error:
        _fail(told, f"{type(error).__name__}: {error}")
        raise
    _configure(app, told)
    served: ASGIApp = _Watched(app, told)
    if told["json_log"]:
        served = JSONAccessLog(served)
    if told["proxies"]:
        served = ProxyFix(served, x_for=told["proxies"], x_proto=told["proxies"])
    return served


def _configure(app: Quart, told: WorkerSettings) -> None:
    app.config["SHUTDOWN_TIMEOUT"] = told["shutdown_timeout"]
    if told["threads"] is not None:
        _workers.limit = told["threads"]


def _fail(told: WorkerSettings, reason: str) -> None:
    """Make the parent end all workers, and report why."""
    path = Path(told["report"])
    with suppress(OSError):  # the parent has ended
        unfinished = path.with_suffix(f".{os.getpid()}")
        unfinished.write_text(" ".join(reason.split()))
        unfinished.replace(path)
    if told["supervisor"] != os.getpid():
        with suppress(ProcessLookupError):
            os.kill(told["supervisor"], signal.SIGTERM)


class _Watched:
    """An application that ends the whole server if its startup fails."""

    def __init__(self, app: ASGIApp, told: WorkerSettings) -> None:
        self.app = app
        self.told = told

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "lifespan":
            return await self.app(scope, receive, send)

        async def watched(message: Message) -> None:
            if message["type"] == "lifespan.startup.complete":
                Path(self.told["report"]).with_name(_STARTED).touch()
            if message["type"] == "lifespan.startup.failed":
                _fail(self.told, message.get("message") or "no reason was given")
            await send(message)

        await self.app(scope, receive, watched)


class JSONAccessLog:
    """ASGI middleware: writes a line of JSON for each request and websocket that has ended."""

    def __init__(self, app: ASGIApp, write: Callable[[str], object] | None = None) -> None:
        self.app = app
        self.write = write or _to_stdout

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            return await self.app(scope, receive, send)
        started = time.perf_counter()
        status, size = 500 if scope["type"] == "http" else 0, 0

        async def noted(message: Message) -> None:
            nonlocal status, size
            if message["type"] == "http.response.start":
                status = message["status"]
            elif message["type"] == "http.response.body":
                size += len(message.get("body", b""))
            elif message["type"] == "websocket.accept":
                status = 101
            await send(message)

        try:
            await self.app(scope, receive, noted)
        finally:
            route = scope.get("route")
            self.write(
                json.dumps(
                    {
                        "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
                        "client": (scope.get("client") or [None])[0],
                        "method": scope.get("method", "WEBSOCKET"),
                        "path": scope["path"],
                        "query": scope["query_string"].decode("latin-1"),
                        "route": getattr(route, "path", None),
                        "status": status,
                        "bytes": size,
                        "seconds": round(time.perf_counter() - started, 6),
                    }
                )
            )


def _to_stdout(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()
