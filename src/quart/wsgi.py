"""`WSGIBridge`: serves a WSGI application (PEP 3333) as an ASGI one.

Nothing here knows about Quart's own applications.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Future
from contextlib import suppress
from contextvars import copy_context
from tempfile import SpooledTemporaryFile
from types import TracebackType
from typing import IO, Any

from werkzeug.datastructures import Headers
from werkzeug.exceptions import HTTPException, RequestEntityTooLarge, RequestTimeout
from werkzeug.http import is_hop_by_hop_header
from werkzeug.sansio.utils import get_content_length

from .asgi import Message, Receive, ResponseTimeoutError, Scope, Send, split_root_path
from .config import DEFAULT_CONFIG
from .environ import environ_of
from .headers import all_lines, check_host_length
from .threads import off_loop
from .utils import printable
from .workers import Visit, wait_uncounted
from .wrappers import ClientDisconnectedError, Response

#: The error for which an application calls `start_response` a second time.
ExcInfo = tuple[type[BaseException], BaseException, TracebackType | None]

#: An object that PEP 3333 calls an application.
WSGIApplication = Callable[
    [dict[str, Any], Callable[..., Callable[[bytes], object]]], Iterable[bytes]
]

# A body of up to this many bytes is kept in memory, a larger one in a file.
_IN_MEMORY = 65_536


class WSGIBridge:
    """A WSGI application as an ASGI one. Each request runs in a worker thread.

    The thread starts once the whole request body has arrived. Meanwhile the body is kept in memory
    or, from 64 KiB on, in a temporary file. Each piece of the response is sent before the
    application is asked for the next one.

    `limits` is a mapping like `app.config`; missing settings have their defaults, and None means no
    limit. A body of more than `MAX_CONTENT_LENGTH` bytes gets a 413, and `BODY_TIMEOUT` seconds of
    silence a 408. If sending has waited for the client for `RESPONSE_TIMEOUT` seconds in total, the
    response is cut off and `ResponseTimeoutError` is raised to the server. A thread that still runs
    `SHUTDOWN_TIMEOUT` seconds after the request was given up is left behind. Websockets are
    refused. Errors of the application are raised to the server.
    """

    def __init__(self, app: WSGIApplication, limits: Mapping[str, object] = DEFAULT_CONFIG) -> None:
        self.app = app
        self.limits = limits

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.app!r}>"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.close"})
            return
        if scope["type"] != "http":
            raise RuntimeError(f"WSGI has no connections of type {scope['type']!r}.")
        with SpooledTemporaryFile(_IN_MEMORY) as body, suppress(ClientDisconnectedError):
            try:
                check_host_length(all_lines(scope, b"host"))
                size = await self._receive_body(scope, receive, body)
            except HTTPException as error:
                await refuse(error, scope["method"], send, self._limit("RESPONSE_TIMEOUT"))
            else:
                timeout, patience = self._limit("RESPONSE_TIMEOUT"), self._limit("SHUTDOWN_TIMEOUT")
                environ = make_environ(scope, body, size)
                await _Exchange(self.app, environ, receive, send, timeout, patience).run()

    def _limit(self, name: str) -> float | None:
        limit = self.limits.get(name, DEFAULT_CONFIG[name])
        return limit  # type: ignore[return-value]  # a number or None, as the settings are

    async def _receive_body(self, scope: Scope, receive: Receive, body: IO[bytes]) -> int:
        limit = self._limit("MAX_CONTENT_LENGTH")
        size, more = 0, True
        length = dict(scope["headers"]).get(b"content-length", b"0").decode("latin-1")
        # A length that is not a number is ignored, because the bytes are counted in any case.
        if limit is not None and (get_content_length(length) or 0) > limit:
            raise RequestEntityTooLarge()
        while more:
            message = await self._receive_one(receive)
            chunk = message.get("body", b"")
            size += len(chunk)
            if limit is not None and size > limit:
                raise RequestEntityTooLarge()
            if size > _IN_MEMORY:
                await off_loop(body.write, chunk)
            else:
                body.write(chunk)
            more = message.get("more_body", False)
        body.seek(0)
        return size

    async def _receive_one(self, receive: Receive) -> Message:
        timer = asyncio.timeout(self._limit("BODY_TIMEOUT"))
        try:
            async with timer:
                message = await receive()
        except OSError as error:  # TimeoutError is one
            if timer.expired():
                raise RequestTimeout() from None
            raise ClientDisconnectedError() from error
        if message["type"] == "http.disconnect":
            raise ClientDisconnectedError()
        return message


def make_environ(scope: Scope, body: IO[bytes], size: int) -> dict[str, Any]:
    """Return the WSGI environment (PEP 3333) of an HTTP scope whose body has `size` bytes.

    Headers whose names a WSGI application could confuse with others are left out: names with an
    underscore, and Proxy.
    """
    root_path, path, _ = split_root_path(scope)
    return environ_of(scope, root_path, path, body, size)


class _Exchange:
    """One request in a worker thread, which passes its messages to the task of the connection.

    The thread waits until its messages are sent, so at most one piece of the response is in memory.
    If the connection has ended, it gets an error instead. While it waits, another thread takes its
    place in the pool, so that slow clients do not delay sync views.
    """

    def __init__(
        self,
        app: WSGIApplication,
        environ: dict[str, Any],
        receive: Receive,
        send: Send,
        seconds: float | None,
        patience: float | None,
    ) -> None:
        self._app = app
        self._environ = environ
        self._receive = receive
        self._send = send
        self._seconds = seconds  # for which sends may still wait for the client
        self._patience = patience  # seconds to wait for the thread of an abandoned request
        self._error: BaseException | None = None
        self._loop = asyncio.get_running_loop()
        self._offers: asyncio.Queue[list[Message] | None] = asyncio.Queue()
        self._taken: Future[None] = Future()
        self._sending: asyncio.Timeout | None = None
        self._over = False
        # Used by the thread:
        self._head: Response | None = None
        self._started = self._ended = False
        self._left: int | None = None  # bytes of the announced Content-Length

    # On the event loop

    async def run(self) -> None:
        """Answer the request. Raises the application's errors."""
        work = Visit(copy_context(), self._respond, self._note_end)
        watch = asyncio.create_task(self._watch(work))
        try:
            while (messages := await self._offers.get()) is not None:
                if not self._over:  # it may have ended since they were offered
                    await self._send_all(messages)
        finally:
            # A thread cannot be stopped, but its next message raises an error in it.
            self._end()
            watch.cancel()
            work.give_up()
            await self._wait_for(work)
            await asyncio.wait([watch])
        if self._error is not None:
            raise self._error

    async def _wait_for(self, work: Visit) -> None:
        """Wait until the thread has ended, even if cancelled.

        It does not wait forever, because a server has to be able to shut down.
        """
        if work.done.done():
            return
        deadline = None
        if self._patience is not None:
            deadline = self._loop.time() + self._patience
        while not work.done.done():
            left = None if deadline is None else deadline - self._loop.time()
            if left is not None and left <= 0:
                return
            with suppress(asyncio.CancelledError):  # the first cancellation continues after this
                await asyncio.wait([work.done], timeout=left)
        if self._error is not None:  # the server already gets another error
            self._loop.call_exception_handler(
                {"message": f"{self._app!r} failed after its end", "exception": self._error}
            )

    def _note_end(self, error: BaseException | None) -> None:
        if not (self._over and isinstance(error, OSError)):
            self._error = error
        self._offers.put_nowait(None)

    async def _watch(self, work: Visit) -> None:
        with suppress(OSError):
            while (await self._receive())["type"] != "http.disconnect":
                pass
        self._end()
        if work.give_up():
            self._offers.put_nowait(None)
        if self._sending is not None:
            # Some servers let a send wait for a client that has disconnected.
            self._sending.reschedule(self._loop.time())

    async def _send_all(self, messages: list[Message]) -> None:
        begin = self._loop.time()
        timer = self._sending = asyncio.timeout(self._seconds)
        try:
            async with timer:
                for message in messages:
                    await self._send(message)
        except OSError as error:  # TimeoutError is one
            cut_off = timer.expired() and not self._over
            self._end()
            if cut_off:
                path = printable(self._environ["SCRIPT_NAME"] + self._environ["PATH_INFO"])
                raise ResponseTimeoutError(
                    f"The client took too long to take the response to {path}: RESPONSE_TIMEOUT"
                ) from error
        except Exception as error:  # the server refuses what the application sends
            self._over = True
            if not self._taken.done():
                self._taken.set_exception(error)
        else:
            if not self._taken.done():
                self._taken.set_result(None)
        finally:
            self._sending = None
            if self._seconds is not None:
                self._seconds -= self._loop.time() - begin

    def _end(self) -> None:
        self._over = True
        if not self._taken.done():
            self._taken.set_exception(ClientDisconnectedError())

    def _offer(self, messages: list[Message]) -> None:
        if self._over:
            self._end()
        else:
            self._offers.put_nowait(messages)

    # In the thread

    def _respond(self) -> None:
        result = self._app(self._environ, self._start_response)
        try:
            for data in result:
                if self._ended:
                    break  # bytes beyond the announced length, or in answer to HEAD
                if data:
                    self._write(data)
            if not self._ended:
                self._write(b"", more=False)
        finally:
            close = getattr(result, "close", None)
            if close is not None:
                close()

    def _start_response(
        self, status: str, headers: list[tuple[str, str]], exc_info: ExcInfo | None = None
    ) -> Callable[[bytes], None]:
        if exc_info is not None:
            try:
                if self._started:
                    raise exc_info[1].with_traceback(exc_info[2])
            finally:
                exc_info = None  # or the traceback and this frame would keep each other alive
        elif self._head is not None:
            raise RuntimeError("start_response was called again without exc_info")
        head = Response(status=status)
        head.headers = Headers([item for item in headers if not is_hop_by_hop_header(item[0])])
        self._head = head
        return self._write

    def _write(self, data: bytes, more: bool = True) -> None:
        if self._ended:
            return
        messages = []
        if not self._started:
            messages.append(self._start())
            self._started = True
        if self._left is not None:
            data = data[: self._left]
            self._left -= len(data)
            more = more and self._left > 0
        self._ended = not more
        messages.append({"type": "http.response.body", "body": data, "more_body": more})
        self._taken = Future()
        self._loop.call_soon_threadsafe(self._offer, messages)
        wait_uncounted(self._taken)

    def _start(self) -> Message:
        head = self._head
        if head is None:
            raise RuntimeError("start_response was not called before the first bytes of the body")
        status = head.status_code
        if self._environ["REQUEST_METHOD"] == "HEAD" or status < 200 or status in (204, 304):
            self._left = 0
        else:
            self._left = head.content_length
        return {"type": "http.response.start", "status": status, "headers": head.header_items()}


async def refuse(error: HTTPException, method: str, send: Send, seconds: float | None) -> None:
    """Answer a request with an error, within this many seconds."""
    response = Response.from_exception(error)
    body = b"" if method == "HEAD" else await response.get_data()
    with suppress(OSError):  # TimeoutError is one
        async with asyncio.timeout(seconds):
            await send(
                {
                    "type": "http.response.start",
                    "status": response.status_code,
                    "headers": response.header_items(),
                }
            )
            await send({"type": "http.response.body", "body": body})
