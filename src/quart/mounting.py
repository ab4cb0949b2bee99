"""Applications mounted below a prefix of another: which one a path belongs to, and lifespans.

They are called as a server calls them, before anything of the outer application runs.
"""

from __future__ import annotations

import asyncio
import inspect
import logging
from typing import TYPE_CHECKING, Any

from werkzeug.exceptions import HTTPException, SecurityError
from werkzeug.sansio.utils import get_host

from .asgi import Message, Receive, Scope, Send, split_root_path
from .config import DEFAULT_CONFIG
from .headers import check_host_length
from .process import end_tasks, give_up
from .workers import is_coroutine_callable
from .wsgi import WSGIBridge, refuse

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Collection, Mapping, MutableMapping

    from .typing import ASGIApp
    from .wsgi import WSGIApplication

# Seconds that an application has to return in after it has answered that it is shut down.
_RETURN_TIMEOUT = 1.0


class Mount:
    """An ASGI application and the prefix of its paths, such as "/admin"."""

    def __init__(self, prefix: str, app: ASGIApp) -> None:
        self.prefix = prefix
        self.app = app
        #: The path for middleware, which reads it from `scope["route"]` like that of a route.
        self.path = self.path_format = prefix
        #: The `state` that the application filled at startup, for its connections.
        self.state: dict[str, object] = {}

    async def __call__(
        self,
        scope: MutableMapping[str, Any],
        receive: Receive,
        send: Send,
        trusted_hosts: Collection[str] | None = None,
    ) -> None:
        """Call the application. The prefix joins the root path; the path stays whole.

        Answers 400 instead if the host is too long or not among `trusted_hosts`.
        """
        try:
            _check_hosts(scope, trusted_hosts)
        except HTTPException as error:
            if scope["type"] == "websocket":
                await receive()
                await send({"type": "websocket.close"})
            else:
                seconds = DEFAULT_CONFIG["RESPONSE_TIMEOUT"]
                await refuse(error, scope["method"], send, seconds)
            return
        scope["route"], scope["endpoint"] = self, self.app
        scope = {
            **scope,
            "root_path": scope.get("root_path", "").rstrip("/") + self.prefix,
            "state": {**(scope.get("state") or {}), **self.state},
        }
        # The test client keeps the context of the application that made it.
        scope.pop("_quart._preserve_context", None)
        await self.app(scope, receive, send)


class Mounts(list[Mount]):
    """The mounts of one application, in the order in which they were made."""

    def __init__(self) -> None:
        super().__init__()
        self._by_prefix: dict[str, Mount] = {}
        #: The number of slashes in the longest prefix.
        self._depth = 0

    def add(
        self, prefix: str, app: ASGIApp | WSGIApplication, limits: Mapping[str, object]
    ) -> None:
        """Mount an ASGI application, or a WSGI one with these limits (see `WSGIBridge`).

        Raises ValueError if the prefix is not valid, or is taken.
        """
        prefix = prefix.rstrip("/")
        if not prefix.startswith("/") or "//" in prefix:
            raise ValueError(f"A mount needs a prefix such as '/admin', not {prefix!r}.")
        if prefix in self._by_prefix:
            raise ValueError(f"Something is mounted at {prefix!r} already.")
        mount = Mount(prefix, app if _is_asgi(app) else WSGIBridge(app, limits))  # type: ignore[arg-type]
        self.append(mount)
        self._by_prefix[prefix] = mount
        self._depth = max(self._depth, prefix.count("/"))

    def find(self, scope: Scope) -> Mount | None:
        """Return the mount with the longest prefix of a request's or websocket's path."""
        if scope["type"] not in ("http", "websocket"):
            return None
        _, path, found = split_root_path(scope)
        if not found:
            return None
        segments = path.split("/", self._depth + 1)[: self._depth + 1]
        while segments:
            mount = self._by_prefix.get("/".join(segments))
            if mount is not None:
                return mount
            segments.pop()
        return None

    def begin_shutdown(self) -> None:
        """Tell mounted applications that can be told (other `Quart`s) that the shutdown begins."""
        for mount in self:
            begin = getattr(mount.app, "begin_shutdown", None)
            if begin is not None:
                begin()

    async def live(
        self,
        own: Callable[[Receive, Send], Awaitable[None]],
        scope: Scope,
        receive: Receive,
        send: Send,
        logger: logging.Logger,
        seconds: float | None,
    ) -> None:
        """Run the lifespan of the outer application, `own`, and of all that are mounted in it.

        The outer one starts first, then the mounted ones in their order; they shut down in reverse.
        If one fails to start, those before it are shut down. Each gets a copy of the `state` that
        the outer one has set. An application without a lifespan is skipped. One that does not shut
        down within `seconds` (None: no limit) is given up.
        """

        async def outer(scope: Scope, receive: Receive, send: Send) -> None:
            await own(receive, send)

        lives: list[_Life] = []
        try:
            await receive()  # lifespan.startup
            failures = await self._start(lives, _Life(outer, scope), scope, logger, seconds)
            if failures:
                await _end(lives)
            await send(_outcome("startup", failures))
            if not failures:
                await receive()  # lifespan.shutdown
                await send(_outcome("shutdown", await _end(lives)))
        finally:
            for life in lives:
                await life.cancel()

    async def _start(
        self,
        lives: list[_Life],
        outer: _Life,
        scope: Scope,
        logger: logging.Logger,
        seconds: float | None,
    ) -> list[str]:
        """Start them one after another, and add each to `lives`; return the first failure."""
        lives.append(outer)
        failures = await outer.ask("startup")
        if outer.error is not None:
            raise outer.error
        states: dict[int, dict[str, object]] = {}
        for mount in self:
            if failures:
                break
            if isinstance(mount.app, WSGIBridge):
                continue  # WSGI has no lifespan
            if id(mount.app) in states:  # mounted twice, started once
                mount.state = states[id(mount.app)]
                continue
            mount.state = states[id(mount.app)] = dict(scope.get("state") or {})
            # Another `Quart` has its own limits.
            limit = None if hasattr(mount.app, "begin_shutdown") else seconds
            life = _Life(mount.app, {**scope, "state": mount.state}, limit)
            lives.append(life)
            failures = await life.ask("startup")
            if life.absent:
                logger.info("%r takes no part in the lifespan", mount.app, exc_info=life.error)
        return failures


class _Life:
    """The lifespan of one application, in its own task."""

    #: True if it ended before it answered its startup: it has no lifespan.
    absent = False

    def __init__(self, app: ASGIApp, scope: Scope, seconds: float | None = None) -> None:
        self._seconds = seconds
        self._events: asyncio.Queue[Message] = asyncio.Queue()
        self._answers: asyncio.Queue[Message | None] = asyncio.Queue()
        self.error: Exception | None = None
        self._task = asyncio.create_task(self._run(app, scope))

    async def _run(self, app: ASGIApp, scope: Scope) -> None:
        try:
            await app(scope, self._events.get, self._answers.put)
        except Exception as error:
            self.error = error
        finally:
            self._answers.put_nowait(None)

    async def ask(self, phase: str) -> list[str]:
        """Have it start up or shut down; return its failure in a list, if it fails."""
        if self._task.done():
            return []
        self._events.put_nowait({"type": f"lifespan.{phase}"})
        answer = await self._answers.get()
        if answer is None:
            self.absent = phase == "startup"
            return [] if self.absent or self.error is None else [repr(self.error)]
        return [answer.get("message", "")] if answer["type"].endswith(".failed") else []

    async def end(self) -> list[str]:
        """Shut it down and leave no task behind; return its failure in a list, if it fails."""
        try:
            async with asyncio.timeout(self._seconds):
                failures = await self.ask("shutdown")
        except TimeoutError:
            failures = [f"An application did not shut down within {self._seconds} seconds"]
        else:
            await asyncio.wait([self._task], timeout=_RETURN_TIMEOUT)
        await self.cancel()
        return failures

    async def cancel(self) -> None:
        """Leave no task behind. Without a time limit, wait until it has ended."""
        if not self._task.done():
            self._task.cancel()
            if self._seconds is None:
                await asyncio.wait([self._task])
            elif await end_tasks({self._task}, 0):
                give_up(self._task)


async def _end(lives: list[_Life]) -> list[str]:
    return [failure for life in reversed(lives) for failure in await life.end()]


def _outcome(phase: str, failures: list[str]) -> Message:
    if failures:
        return {"type": f"lifespan.{phase}.failed", "message": "; ".join(failures)}
    return {"type": f"lifespan.{phase}.complete"}


def _check_hosts(scope: Scope, trusted_hosts: Collection[str] | None) -> None:
    """Raise a 400 if one of the hosts in the request is not acceptable."""
    hosts = [value for name, value in scope["headers"] if name == b"host"]
    for host in hosts or [None]:
        text = None if host is None else host.decode("latin-1")
        check_host_length(text)
        if trusted_hosts is not None:
            scheme = scope.get("scheme", "http")
            host_name = get_host(scheme, text, scope.get("server"), trusted_hosts)
            if "@" in host_name:  # Werkzeug 3.1.0 does not look behind the port
                raise SecurityError(f"Host {host_name!r} is not trusted.")


def _is_asgi(app: Callable[..., object]) -> bool:
    """Whether this is an ASGI application, and not a WSGI one.

    It is if it is async, or cannot be called with the two arguments of WSGI.
    """
    if is_coroutine_callable(app):
        return True
    try:
        inspect.signature(app).bind("environ", "start_response")
    except TypeError:
        return True
    except ValueError:  # a function in C without a signature
        pass
    return False
