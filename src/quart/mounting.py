"""Applications below a prefix of another: which one a path belongs to, and their lifespans.

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

# Seconds that an application has to return in once it has answered that it is shut down.
_RETURN_TIMEOUT = 1.0


class Mount:
    """An ASGI application and the prefix ("/admin") that its paths begin with."""

    def __init__(self, prefix: str, app: ASGIApp) -> None:
        self.prefix = prefix
        self.app = app
        #: The path for middleware, which reads it from `scope["route"]` as that of a route.
        self.path = self.path_format = prefix
        #: The `state` that the application filled at start-up, for its connections.
        self.state: dict[str, object] = {}

    async def __call__(
        self,
        scope: MutableMapping[str, Any],
        receive: Receive,
        send: Send,
        trusted_hosts: Collection[str] | None = None,
    ) -> None:
        """Call the application: the prefix joins the root path, the path stays whole.

        A host that is too long, or not among `trusted_hosts`, is a 400 instead.
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
        # The test client keeps the context of the application that it was made by.
        scope.pop("_quart._preserve_context", None)
        await self.app(scope, receive, send)


class Mounts(list[Mount]):
    """The mounts of one application, in the order they were made in."""

    def __init__(self) -> None:
        super().__init__()
        self._by_prefix: dict[str, Mount] = {}
        #: How many slashes the longest prefix has.
        self._depth = 0

    def add(
        self, prefix: str, app: ASGIApp | WSGIApplication, limits: Mapping[str, object]
    ) -> None:
        """Mount an ASGI application, or a WSGI one with these limits (see `WSGIBridge`).

        Raises ValueError for a prefix that is not one, or is taken.
        """
        prefix = prefix.rstrip("/")
        if not prefix.startswith("/") or "//" in prefix:
            raise ValueError(f"A mount needs a prefix such as '/admin', not {prefix!r}")
        if prefix in self._by_prefix:
            raise ValueError(f"There is a mount at {prefix!r} already")
        mount = Mount(prefix, app if _is_asgi(app) else WSGIBridge(app, limits))  # type: ignore[arg-type]
        self.append(mount)
        self._by_prefix[prefix] = mount
        self._depth = max(self._depth, prefix.count("/"))

    def find(self, scope: Scope) -> Mount | None:
        """The mount with the longest prefix that a request's or websocket's path is below."""
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
        """Tell the applications that can be told, other `Quart`s, that the shutdown begins."""
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
        """The lifespan of the outer application, `own`, and of all that are mounted in it.

        They start in the order they were mounted in, after the outer one, and are shut down in
        the reverse order. The first that fails to start ends those before it. Each gets a copy of
        the `state` that the outer one has left. One that does not know of lifespans takes no part;
        one that does not shut down in so many seconds (None: any time) is left behind.
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
        """Start one after the other, noting each in `lives`; what the first failing one says."""
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
            # Another `Quart` has limits of its own.
            limit = None if hasattr(mount.app, "begin_shutdown") else seconds
            life = _Life(mount.app, {**scope, "state": mount.state}, limit)
            lives.append(life)
            failures = await life.ask("startup")
            if life.absent:
                logger.info("%r takes no part in the lifespan", mount.app, exc_info=life.error)
        return failures


class _Life:
    """The lifespan of one application, in a task of its own."""

    #: It ended before it answered to its start, so it takes no part in the lifespan.
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
        """Have it start or shut down; what it says where it fails, in a list."""
        if self._task.done():
            return []
        self._events.put_nowait({"type": f"lifespan.{phase}"})
        answer = await self._answers.get()
        if answer is None:
            self.absent = phase == "startup"
            return [] if self.absent or self.error is None else [repr(self.error)]
        return [answer.get("message", "")] if answer["type"].endswith(".failed") else []

    async def end(self) -> list[str]:
        """Shut it down and leave no task behind; what it says where it fails, in a list."""
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
        """Leave no task behind. It does not wait where there is none: servers do not either."""
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
    """Raise a 400 if any of the hosts that are named must not be answered for."""
    hosts = [value for name, value in scope["headers"] if name == b"host"]
    for host in hosts or [None]:
        text = None if host is None else host.decode("latin-1")
        check_host_length(text)
        if trusted_hosts is not None:
            scheme = scope.get("scheme", "http")
            host_name = get_host(scheme, text, scope.get("server"), trusted_hosts)
            if "@" in host_name:  # after the port, where Werkzeug 3.1.0 does not look
                raise SecurityError(f"Host {host_name!r} is not trusted.")


def _is_asgi(app: Callable[..., object]) -> bool:
    """Whether this is an ASGI application rather than a WSGI one.

    It is if it is async, or cannot be called with the two arguments of WSGI.
    """
    if is_coroutine_callable(app):
        return True
    try:
        inspect.signature(app).bind("environ", "start_response")
    except TypeError:
        return True
    except ValueError:  # something in C that does not tell
        pass
    return False
