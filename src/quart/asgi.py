"""The only file on the line that reads or writes ASGI messages (https://asgi.readthedocs.io).

A scope becomes a `Request` or a `Websocket`, a `Response` becomes messages. Nothing here knows
of views, hooks or contexts: in between stands the application's `handle_request` or
`handle_websocket`.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Generator, Iterable
from contextlib import suppress
from functools import partial
from time import monotonic
from typing import TYPE_CHECKING, Any, Generic, NoReturn, TypeVar

from werkzeug.datastructures import Headers
from werkzeug.exceptions import BadRequest, NotFound

from . import signals
from .headers import ScopeHeaders, check_header_value, encode_header_items, encode_headers
from .helpers import preload
from .routing import blueprint_names
from .utils import printable
from .wrappers import ClientDisconnectedError, Request, Response, Websocket
from .wrappers.base import clean_path
from .wrappers.body import Started, leave
from .wrappers.response_body import FileBody, SizedBody

if TYPE_CHECKING:
    from .app import Quart
    from .ctx import AppContext
    from .wrappers.body import Body

T_connection = TypeVar("T_connection", Request, Websocket)

Message = dict[str, Any]
HeaderItems = list[tuple[bytes, bytes]]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

# What is read ahead of the view, to notice a disconnect behind it: no more than this.
_READ_AHEAD_MESSAGES = 64
_READ_AHEAD_BYTES = 65_536

# After so many messages, of a stream if they took so many seconds, the event loop gets a turn.
_TURNS = 32
_TURN = 0.005

# What has no body (RFC 9110, section 6.4.1).
_BODILESS = frozenset({*range(100, 200), 204, 304})

# A body up to this size fits into the server's buffers, so sending it needs no timer.
_SMALL = 65_536

# Makes an object without calling its constructor.
_new = object.__new__


class ResponseTimeoutError(Exception):
    """The response took longer than its timeout; it was cut off, for the client to notice."""


class _ASGIConnection(Generic[T_connection]):
    """What an HTTP and a websocket connection have in common: how they are read.

    Messages are pulled by whoever reads. Only while the handler waits for something else does a
    look-out read ahead, a little, to notice that the client has gone; the handler is then
    cancelled, unless `CANCEL_ON_DISCONNECT` is off for the application or the route.

    A subclass may have a `__call__` of its own, on any event loop, that receives the messages and
    pushes them into the request's body or the websocket's buffer. It says `_disconnected = True`
    when the client has gone, and cancels and times its work by itself: nothing here does it then.
    """

    connection: T_connection
    _send: Send
    _loop: asyncio.AbstractEventLoop

    if TYPE_CHECKING:
        _receive: Receive
    else:
        _receive = None  # as long as nobody here receives

    # PERF: a connection whose handler does not wait never sets these.
    disconnected: ClientDisconnectedError | None = None
    _armed: asyncio.Handle | None = None
    _look_out: asyncio.Task[None] | None = None
    _deadline: asyncio.TimerHandle | None = None
    _waited_for: Started | _Watched | None = None
    _ahead: deque[Message] | None = None
    _ahead_size = 0
    _receiving = False
    _turns = 0
    _waiters: list[asyncio.Future[None]] | None = None  # of readers behind another one
    _running = False  # the handler's own task is at work, watched by a `_Watched`
    _ending = False  # no look-out starts any more
    _answered = False  # from the last message on, a disconnect is only the server's good-bye
    _cancelled = False
    _counted_before = 0  # cancellations: a TaskGroup leaves one behind on CPython 3.11 and 3.12
    _shutting_down = False
    _registered = False
    _dropped = False

    def __init__(self, app: Quart, scope: Any) -> None:
        self.app = app
        self.scope = scope
        self._task: asyncio.Task[Any] | None = None  # the handler's, from when it first waits

    def _note_task(self) -> None:
        """Called in the handler's task: it is what a disconnect cancels."""
        self._loop = asyncio.get_running_loop()
        self._task = asyncio.current_task(self._loop)

    def _expect_to_wait(self) -> None:
        """Called in the handler's task when it is about to wait: look out from then on."""
        if self._task is None:
            self._note_task()
        self._arm()

    async def _close(self) -> None:
        """Leave nothing behind where the handler has waited."""
        self._answered = True  # the look-out may still find that the client has gone
        self._disarm()
        self.app._connections.discard(self)
        if self._deadline is not None:
            self._deadline.cancel()
        await self._end_look_out()
        if self._cancelled and self._task is not None:
            self._task.uncancel()
        self._waited_for = None

    # Reading

    async def next_message(self) -> Message:
        """The next message from the client, for one reader at a time.

        Raises ClientDisconnectedError when the client has gone.
        """
        while True:
            if self._ahead:
                message = self._ahead.popleft()
                self._ahead_size -= _size(message)
                self._arm()
                if message["type"] == "error":
                    raise message["error"]
                return message
            if self.disconnected is not None:
                await self._raise_disconnected()
            if not self._receiving:
                message = await self._receive_one()
                if self.disconnected is None:
                    return message
            else:
                waiter = asyncio.get_running_loop().create_future()
                if self._waiters is None:
                    self._waiters = []
                self._waiters.append(waiter)
                await waiter

    async def _raise_disconnected(self) -> NoReturn:
        if self._cancelled:
            # The cancellation is delivered here, to a task that the handler waits for too.
            await asyncio.sleep(0)
        assert self.disconnected is not None
        raise self.disconnected

    async def _receive_one(self) -> Message:
        self._receiving = True
        message: Message
        try:
            message = await self._receive()
        except OSError:
            message = {"type": "disconnect"}
        finally:
            self._receiving = False
            self._let_others_read()
        if message["type"].endswith("disconnect"):
            self._gone(message.get("code"), message.get("reason") or "")
        return message

    def _let_others_read(self) -> None:
        self._arm()
        if self._waiters is not None:
            waiters, self._waiters = self._waiters, None
            for waiter in waiters:
                if not waiter.done():
                    waiter.set_result(None)

    def _arm(self) -> None:
        """Have the look-out start when the handler waits next, if none stands already."""
        if (
            self._task is not None  # else it starts anyway, as soon as the handler waits
            and not self._running  # likewise
            and self._armed is None
            and self._look_out is None
            and self.disconnected is None
        ):
            self._armed = self._loop.call_soon(self._watch)

    def _disarm(self) -> None:
        if self._armed is not None:
            self._armed.cancel()
            self._armed = None

    def _watch(self) -> None:
        self._armed = None
        if not self._registered:
            self._registered = True
            self.app._connections.add(self)
        if not self._receiving and self._look_out is None and not self._ending:
            task = asyncio.create_task(self._read_ahead())
            if not task.done():  # as one that is eager may be
                self._look_out = task

    async def _read_ahead(self) -> None:
        if self._ahead is None:
            self._ahead = deque()
        try:
            while (
                not self._receiving  # a reader came first; it arms the look-out again
                and not self._ending  # a receive may outlive its cancellation
                and self.disconnected is None
            ):
                full = (
                    len(self._ahead) >= _READ_AHEAD_MESSAGES
                    or self._ahead_size >= _READ_AHEAD_BYTES
                )
                if full and not self._reads_no_more():
                    break
                message = await self._receive_one()
                if self.disconnected is not None:
                    break
                if not full:
                    self._ahead.append(message)
                    self._ahead_size += _size(message)
                elif self._dropped:
                    await asyncio.sleep(0)  # others have their turn, however much is sent
                else:
                    self._dropped = True
                    self._note_dropped()
        except Exception as error:  # perhaps of a middleware: it is for whoever reads next
            self._ahead.append({"type": "error", "error": error})
        finally:
            self._look_out = None

    def _reads_no_more(self) -> bool:
        """Whether more than is read ahead may be dropped, to find the disconnect behind it.

        So it is where the handler might go on for ever otherwise, and does not read.
        """
        raise NotImplementedError

    def _note_dropped(self) -> None:
        """Called when something is dropped for the first time."""
        raise NotImplementedError

    async def _end_look_out(self) -> None:
        """Let no receive wait any more. It may tell at last that the client has gone."""
        self._ending = True
        if self._look_out is not None:
            self._look_out.cancel()
            await asyncio.wait((self._look_out,))
            self._look_out = None  # it may not have begun

    def _gone(self, code: int | None, reason: str) -> None:
        self.disconnected = ClientDisconnectedError(code, reason)
        if self._receive is not None and self._cancels():
            self._cancel()

    @property
    def _disconnected(self) -> bool:
        """Whether the client has gone, for a subclass to set."""
        return self.disconnected is not None

    @_disconnected.setter
    def _disconnected(self, value: bool) -> None:
        if value and self.disconnected is None:
            self._gone(None, "")

    def _cancels(self) -> bool:
        connection = getattr(self, "connection", None)
        if connection is None or connection._tearing_down:
            return False
        choice = connection.cancel_on_disconnect
        return bool(self.app.config["CANCEL_ON_DISCONNECT"] if choice is None else choice)

    def _cancel(self) -> None:
        if not self._cancelled and not self._answered:
            self._cancelled = True
            if self._task is None:
                self._note_task()
            assert self._task is not None
            self._counted_before = self._task.cancelling()
            self._task.cancel()

    def _cancelled_by_others(self) -> bool:
        """Whether the handler was cancelled once more since it was cancelled here."""
        return self._task is not None and self._task.cancelling() > self._counted_before + 1

    def shut_down(self) -> None:
        """Called when the application shuts down, while the handler waits."""
        raise NotImplementedError

    def _cancel_in_time(self) -> None:
        """Let the handler finish, for `SHUTDOWN_TIMEOUT` seconds."""
        self._call_later(self._cancel_for_good)

    def _cancel_for_good(self) -> None:
        """Cancel the handler. It has as many seconds to end: no server waits for it longer."""
        self._cancel()
        self._call_later(self._leave)

    def _call_later(self, func: Callable[[], None]) -> None:
        seconds = self.app.config["SHUTDOWN_TIMEOUT"]
        if seconds is not None:
            self._deadline = self._loop.call_later(seconds, func)

    def _leave(self) -> None:
        if self._waited_for is not None and self._task is not None:
            self.app.logger.error(
                "The handler of %s ignores its cancellation", printable(self.connection.path)
            )
            if self._cancelled:
                self._task.uncancel()  # what was ignored
            self._waited_for.left = self._cancelled = True
            self._task.cancel()

    # Sending

    async def _send_message(self, message: Message) -> None:
        if self.disconnected is not None:  # before ASGI 2.4 servers say nothing
            await self._raise_disconnected()
        await _send(self._send, message)

    def _context_of(self, response: Response) -> AppContext:
        """A context to answer in when a response cannot be sent.

        It is the one that the response was made in, closed or held, if it has a stream; else
        one that knows the blueprint only.
        """
        ctx, connection = response._context, self.connection
        if ctx is None or ctx.kind is None or ctx.request_websocket is not connection:
            if isinstance(connection, Request):
                ctx = self.app.request_context(connection)
            else:
                ctx = self.app.websocket_context(connection)
            if connection.url_rule is not None:
                ctx.blueprint_names = blueprint_names(connection.url_rule.endpoint)
        return ctx

    def _speaks(self, version: str) -> bool:
        """Whether the server's spec_version is at least this one."""
        offered: str = (self.scope.get("asgi") or {}).get("spec_version", "2.0")
        return offered >= version

    def _offers(self, extension: str) -> bool:
        return extension in (self.scope.get("extensions") or ())


class ASGIHTTPConnection(_ASGIConnection[Request]):
    """One HTTP request and its response (ASGI HTTP, spec_version 2.0 to 2.5)."""

    _events = False
    _endless = False
    _begun = False

    async def __call__(self, receive: Any, send: Any) -> None:
        self._receive = receive
        try:
            request = self._create_request_from_scope(send)
            try:
                # PERF: the first step is taken by hand, and most handlers need no other: they are
                # spared the callback that starts the look-out, and its cancellation.
                work = self.app.handle_request(request)
                try:
                    blocker = work.send(None)
                except StopIteration as end:
                    response = end.value
                else:
                    self._expect_to_wait()
                    self._waited_for = Started(work, blocker)
                    response = await self._waited_for
            except Exception as error:
                response = await self._response_to(error)
            try:
                status = response._status_code
                items = response._encoded  # PERF: as made, if nobody has asked for them
                if items is None or status in _BODILESS:
                    response, items = await self._with_header_items(response)
                    status = response._status_code
                start = {"type": "http.response.start", "status": status, "headers": items}
                data = response._data
                if data is None or len(data) > _SMALL or response.trailers is not None:
                    await self._send_long(start, response)
                else:
                    # A small body that is in memory is sent at once: nothing to look out for.
                    self._answered = True
                    if self._task is not None:
                        self._disarm()
                    if self.scope["method"] == "HEAD" or status in _BODILESS:
                        data = b""
                    try:
                        if self.scope.get("http_version", "1.1") < "2":
                            await send(start)
                            await send({"type": "http.response.body", "body": data})
                        else:
                            await self._send_small(start, data, response)
                    except OSError:
                        pass  # from a server whose client has gone
            finally:
                if response._on_close:
                    await response.close()
        except ClientDisconnectedError:
            pass  # there is nobody to answer
        except asyncio.CancelledError:
            # The look-out's cancellation ends here; the server's goes on.
            if not self._cancelled:
                raise
        finally:
            if self._task is not None:
                await self._close()
        del self.connection  # PERF: no cycle is left for the garbage collector

    def _create_request_from_scope(self, send: Send) -> Request:
        scope = self.scope
        root_path, path, mounted = "", scope["path"], True
        if scope.get("root_path"):
            root_path, path, mounted = split_root_path(scope)
        if path[:1] != "/":
            path = clean_path(path)
        cls = self.app.request_class
        if cls is Request or cls.__init__ is Request.__init__:
            # PERF: the rest comes from the scope when it is first asked for.
            request = _new(cls)
            request.scope = scope
            request.method = scope["method"]
            request.path = path
            request.routing_exception = None
            request._files = None
            if root_path:
                request.root_path = root_path
        else:
            request = cls(
                scope["method"],
                scope.get("scheme", "http"),
                path,
                scope.get("query_string", b""),
                ScopeHeaders.of(scope),
                root_path,
                scope["http_version"],
                scope,
                send_push_promise=self.send_push_promise,
            )
        request._connection = self
        self.connection = request
        self._send = send
        if not mounted:
            request.routing_exception = NotFound()
        return request

    async def _response_to(self, error: Exception) -> Response:
        """The page for an error that the application would not keep."""
        if self.app.testing or not self.app.debug:
            raise error
        from .debug import traceback_response  # which no request needs

        return await traceback_response(error)

    # Reading

    async def pull_body(self, body: Body) -> None:
        message: Message
        if self._ahead or self._receiving or self.disconnected is not None:
            message = await self.next_message()
        else:
            # PERF: `next_message` and `_receive_one` without their frames.
            self._receiving = True
            try:
                message = await self._receive()
            except OSError:
                message = {"type": "disconnect"}
            finally:
                self._receiving = False
                if self._task is not None or self._waiters is not None:
                    self._let_others_read()
            if message["type"] != "http.request" and message["type"].endswith("disconnect"):
                self._gone(None, "")
                message = await self.next_message()  # it raises what there is to raise
        body.append(message.get("body", b""))
        if not message.get("more_body", False):
            body.set_complete()

    def _reads_no_more(self) -> bool:
        return self._endless and self.connection._body is None

    def _note_dropped(self) -> None:
        error = RuntimeError("The request's body was not read before its endless response began.")
        if self._ahead is not None:
            self._ahead.append({"type": "error", "error": error})

    async def is_disconnected(self) -> bool:
        if self._task is None and self._receive is not None:
            # Another task may ask: the handler has to have waited, and be known, before a look-out
            # may cancel it.
            await asyncio.sleep(0)
        if self.disconnected is None and self._receive is not None and not self._answered:
            self._watch()
            await asyncio.sleep(0)
            await asyncio.sleep(0)
        return self.disconnected is not None

    # Sending

    async def _with_header_items(self, response: Response) -> tuple[Response, HeaderItems]:
        """A response and its headers as they are sent; a 500 where they must not be sent."""
        try:
            return response, response.header_items()
        except ValueError as error:
            late = await self._late_response_to(error, response)
            late.call_on_close(response.close)
            return late, late.header_items()

    async def _send_small(self, start: Message, data: bytes, response: Response) -> None:
        """Send a small body within the response's timeout: a stream of HTTP/2 or 3 has a window of
        its own, which a client may keep closed.
        """
        sending = self._send_both(start, data).__await__()
        blocker = next(sending, ...)
        if blocker is not ...:
            await self._send_in_time(sending, blocker, response)

    async def _send_both(self, start: Message, data: bytes) -> None:
        await self._send(start)
        await self._send({"type": "http.response.body", "body": data})

    async def _send_response(self, send: Send, response: Response) -> None:
        """Send a response, for a subclass that has the application handle the request."""
        self._send = send
        try:
            response, items = await self._with_header_items(response)
            status = response.status_code
            start = {"type": "http.response.start", "status": status, "headers": items}
            # A body that needs a thread asks the current application for one.
            with self.app.app_context().entered():
                await self._send_long(start, response)
        except ClientDisconnectedError:
            pass  # there is nobody to answer
        finally:
            await response.close()

    async def _send_long(self, start: Message, response: Response) -> None:
        """Send a response that is not small bytes: a stream, a file, one with trailers."""
        if response.status_code in _BODILESS or self.scope["method"] == "HEAD":
            self._answered = True
            await self._send_message(start)
            await self._send_message({"type": "http.response.body", "body": b""})
            return
        trailers = response.trailers if self._offers("http.response.trailers") else None
        if trailers is not None:
            try:
                encode_header_items(trailers)  # those that are there already
                start["trailers"] = True
            except ValueError as error:
                trailers = None
                response = await self._late_response_to(error, response)
                start.update(status=response.status_code, headers=response.header_items())
        await self._send_stream(start, response)
        if trailers is not None:
            await self._send_message(
                {"type": "http.response.trailers", "headers": encode_header_items(trailers)}
            )

    async def _send_stream(self, start: Message, response: Response) -> None:
        """Send a body piece by piece, within the response's timeout (seconds in all)."""
        if self._receive is None:
            data = response._data
            if data is None:
                await self._send_pieces(start, response)
            else:
                await self._send_message(start)
                await self._send_message({"type": "http.response.body", "body": data})
            return
        self._events = _is_event_stream(start["headers"])
        self._endless = self._events or response.timeout is None
        if self._endless and self._registered and self.app._connections.told:
            self.shut_down()  # it begins while the process ends
        # PERF: the first step is taken by hand: what never waits needs no timer and no look-out.
        work = self._send_pieces(start, response).__await__()
        blocker = next(work, ...)
        if blocker is not ...:
            self._expect_to_wait()
            await self._send_in_time(work, blocker, response)

    async def _send_in_time(
        self, work: Generator[Any, Any, None], blocker: Any, response: Response
    ) -> None:
        """See what has begun to be sent through, within the response's timeout (seconds)."""
        if self._receive is None:  # another event loop, whose timers are not ours
            await Started(work, blocker)
            return
        seconds = response.timeout
        if seconds is ...:
            seconds = self.app.config["RESPONSE_TIMEOUT"]
        timer = asyncio.timeout(seconds)
        try:
            async with timer:
                self._waited_for = Started(work, blocker)
                await self._waited_for
        except TimeoutError:
            if not timer.expired():
                raise
            self.app.logger.error(
                "The response to %s [%s] took longer than its timeout of %s s and was cut off",
                printable(self.connection.path),
                self.connection.method,
                seconds,
            )
            raise ResponseTimeoutError(f"No complete response within {seconds} s") from None

    async def _send_pieces(self, start: Message, response: Response, late: bool = False) -> None:
        body = response.response
        if isinstance(body, SizedBody) and await self._send_by_server(start, response, body):
            return
        started, untimed = False, _TURNS
        send, turn = self._send, monotonic()
        try:
            async with body as pieces:
                async for data in pieces:
                    # What fails before the first piece can still be answered with a 500.
                    if not started:
                        started = self._begun = True
                        await self._send_message(start)
                        self.disconnected = self.disconnected  # PERF: found faster from here on
                    # PERF: what `_send_message` does, without its frames.
                    elif self.disconnected is not None:
                        raise self.disconnected
                    if type(data) is not bytes:
                        if isinstance(data, str):
                            data = data.encode()
                        elif isinstance(data, (bytearray, memoryview)):
                            data = bytes(data)
                    try:
                        await send({"type": "http.response.body", "body": data, "more_body": True})
                    except ClientDisconnectedError:
                        raise
                    except OSError as error:
                        raise ClientDisconnectedError() from error
                    untimed -= 1
                    if not untimed:
                        untimed = _TURNS
                        if monotonic() - turn > _TURN:
                            if self._receive is not None:
                                await asyncio.sleep(0)
                            turn = monotonic()
        except asyncio.CancelledError as error:
            if not self._shutting_down or self._cancelled_by_others():
                _tell_context(response, error)
                raise
        except Exception as error:
            _tell_context(response, error)
            if started or late or isinstance(error, ClientDisconnectedError):
                raise
            response = await self._late_response_to(error, response)
            start.update(status=response.status_code, headers=response.header_items())
            await self._send_pieces(start, response, late=True)
            return
        self._answered = True
        if not started:
            await self._send_message(start)
        await self._send_message({"type": "http.response.body", "body": b""})

    async def _send_by_server(self, start: Message, response: Response, body: SizedBody) -> bool:
        """Let a server that can do it send a file by itself; False where it is ours to send."""
        if (
            isinstance(body, FileBody)
            and self._offers("http.response.pathsend")
            and not response._on_close  # which may delete it; Granian opens it later still
            and await body.is_whole()
        ):
            await self._send_message(start)
            self._answered = True
            path = str(body.file_path.absolute())
            await self._send_message({"type": "http.response.pathsend", "path": path})
            return True
        if self._offers("http.response.zerocopysend"):
            async with body.descriptor() as descriptor:
                if descriptor is not None:
                    await self._send_message(start)
                    self._answered = True
                    await self._send_message(
                        {
                            "type": "http.response.zerocopysend",
                            "file": descriptor,
                            "offset": body.begin,
                            "count": body.end - body.begin,
                        }
                    )
                    return True
        return False

    async def _late_response_to(self, error: Exception, made: Response) -> Response:
        """What answers an error found when a response was made already, but not begun.

        It is closed with the one that was made.
        """
        if self._receive is not None:
            self._expect_to_wait()
        app, ctx = self.app, self._context_of(made)
        response: Response
        try:
            with ctx.entered():
                try:
                    value = await app.handle_user_exception(ctx, error)
                except Exception as unhandled:
                    response = await app.handle_exception(ctx, unhandled)
                else:
                    response = await app.finalize_request(ctx, value, from_error_handler=True)
        except Exception as raised:
            response = await self._response_to(raised)
        made.call_on_close(response.close)
        return response

    async def send_push_promise(self, path: str, headers: Headers) -> None:
        """Promise a push (extension http.response.push); where it is not offered, hint at it."""
        if self._answered:
            return
        if self._offers("http.response.push"):
            check_header_value(":path", path)
            items = encode_headers(headers)  # the client's own
            await self._send_message({"type": "http.response.push", "path": path, "headers": items})
        else:
            await self.send_early_hints([preload(path)])

    async def send_early_hints(self, links: Iterable[str]) -> None:
        """Send 103 with these Link values (extension http.response.early_hint), or nothing."""
        if not (self._begun or self._answered) and self._offers("http.response.early_hint"):
            links = list(links)
            for link in links:
                check_header_value("Link", link)
            await self._send_message(
                {
                    "type": "http.response.early_hint",
                    "links": [link.encode("latin-1") for link in links],
                }
            )

    def shut_down(self) -> None:
        """End a stream of events, cut one that has no timeout; the others may finish for
        `SHUTDOWN_TIMEOUT` seconds."""
        if self._endless and not self.connection._tearing_down:
            self._shutting_down = self._events
            self._cancel_for_good()
        else:
            self._cancel_in_time()


class ASGIWebsocketConnection(_ASGIConnection[Websocket]):
    """One websocket connection (ASGI WebSocket, spec_version 2.0 to 2.5)."""

    _said_last = False  # a close or a denial
    _fresh = False  # a message was received since the handler waited
    _reads = False

    async def __call__(self, receive: Any, send: Any) -> None:
        self._receive = receive
        # PERF: read with each message, and found sooner on the instance than on the class.
        self.disconnected = self._ahead = self._look_out = self._waiters = None
        self._receiving = self._running = False
        self._turns = 0
        self._note_task()
        websocket = self._create_websocket_from_scope(send)
        try:
            message = await receive()
            if message["type"] != "websocket.connect":
                return
            self._registered = True
            self.app._connections.add(self)
            if self._shutting_down:
                await asyncio.sleep(0)  # the cancellation is delivered before the view begins
            self._waited_for = _Watched(self, self.handle_websocket(websocket, send).__await__())
            await self._waited_for
        except ClientDisconnectedError:
            pass
        except asyncio.CancelledError:
            # The look-out's cancellation ends here; the server's goes on.
            if not self._cancelled:
                raise
            if self._shutting_down:
                await self._end(1001)
        finally:
            await self._close()
        del self.connection  # as for a request

    def _create_websocket_from_scope(self, send: Send) -> Websocket:
        scope = self.scope
        root_path, path, found = split_root_path(scope)
        websocket = self.app.websocket_class(
            path,
            scope.get("query_string", b""),
            scope.get("scheme", "ws"),
            ScopeHeaders.of(scope),
            root_path,
            scope.get("http_version", "1.1"),
            list(scope.get("subprotocols") or ()),
            self._next_pushed if self._receive is None else self.receive_data,
            partial(self.send_data, send),
            partial(self.accept_connection, send),
            partial(self.close_connection, send),
            scope,
        )
        self.connection = websocket
        self._send = send
        if not found:
            websocket.routing_exception = NotFound()
        return websocket

    async def handle_websocket(self, websocket: Websocket, send: Send) -> None:
        """Have the application run the view, and close or reject as that ends."""
        try:
            response = await self.app.handle_websocket(websocket)
        except Exception as error:
            gone = isinstance(error, ClientDisconnectedError)
            if websocket.accepted or gone:
                await self._end(self._code_for(400 if isinstance(error, BadRequest) else 500))
                if not gone and self.app.testing:
                    raise
                return
            if self.app.testing or not self.app.debug:
                await self._end(1011)
                raise
            from .debug import traceback_response  # which no request needs

            response = await traceback_response(error)
        if not websocket.accepted and response is not None and self._may_deny():
            await self._deny(response)
            return
        code = 1000
        if websocket.accepted and response is not None and response.status_code >= 400:
            code = self._code_for(response.status_code)
        try:
            await self._end(code)
        finally:
            if response is not None:
                await response.close()

    def _code_for(self, status: int) -> int:
        """The code to close with where a request would be answered with this status."""
        if status == 400 and self.connection._bad_json:
            return 1007
        return 1011 if status >= 500 else 1008

    # Reading

    def _reads_no_more(self) -> bool:
        return self._turns > 0 and not self._reads

    def _note_dropped(self) -> None:
        self.app.logger.warning(
            "The handler of %s sends, but has never received: of what the client sends only the"
            " first %d messages are kept",
            printable(self.connection.path),
            _READ_AHEAD_MESSAGES,
        )

    async def receive_data(self) -> str | bytes:
        """The next message, as str or bytes."""
        self._reads = True
        message: Message
        if self._ahead or self._receiving or self.disconnected is not None:
            message = await self.next_message()
        else:
            # PERF: `next_message` and `_receive_one` without their frames.
            self._receiving = self._fresh = True
            try:
                message = await self._receive()
            except OSError:
                message = {"type": "disconnect"}
            finally:
                self._receiving = False
                if not self._running or self._waiters is not None:
                    self._let_others_read()
            if message["type"] != "websocket.receive" and message["type"].endswith("disconnect"):
                self._gone(message.get("code"), message.get("reason") or "")
                message = await self.next_message()  # it raises what there is to raise
        data: str | bytes | None = message.get("text")
        if data is None:
            data = message.get("bytes")
            if data is None:
                data = b""
        if signals.websocket_received.receivers:
            await signals.websocket_received.send_async(data, _sync_wrapper=self.app.ensure_async)
        return data

    async def _next_pushed(self) -> str | bytes:
        return await self.connection.buffer.get()

    def _gone(self, code: int | None, reason: str) -> None:
        if code is None:
            code = 1005
        websocket = getattr(self, "connection", None)
        if websocket is not None:
            if websocket.close_code is None:
                websocket.close_code, websocket.close_reason = code, reason
            code = websocket.close_code
        super()._gone(code, reason)

    def _waits(self, blocker: Any) -> None:
        """Called where the handler waits, for something else than a message."""
        if blocker is None and self._fresh:
            self._fresh = False  # a turn for others; the client was there a moment ago
        elif self.disconnected is None:
            self._watch()

    def _cancels(self) -> bool:
        # An iteration over the websocket that waits just ends.
        websocket = getattr(self, "connection", None)
        return not (websocket and websocket._iterating) and super()._cancels()

    # Sending

    async def send_data(self, send: Send, data: str | bytes) -> None:
        """Send one message, and tell the receivers of `websocket_sent`."""
        if self.disconnected is not None:
            await self._raise_disconnected()
        message: Message
        if isinstance(data, str):
            message = {"type": "websocket.send", "text": data}
        else:
            message = {"type": "websocket.send", "bytes": data}
        try:  # PERF: what `_send` does, without its frame
            await send(message)
        except ClientDisconnectedError:
            raise
        except OSError as error:
            raise ClientDisconnectedError() from error
        self._turns += 1
        if not self._turns % _TURNS and self._receive is not None:
            await asyncio.sleep(0)
        if signals.websocket_sent.receivers:
            await signals.websocket_sent.send_async(data, _sync_wrapper=self.app.ensure_async)

    async def accept_connection(self, send: Send, headers: Any, subprotocol: str | None) -> None:
        """Accept the handshake, with what the server can take of the headers."""
        if self.disconnected is not None:
            await self._raise_disconnected()
        if subprotocol is not None:
            check_header_value("Sec-WebSocket-Protocol", subprotocol)
        message: Message = {"type": "websocket.accept", "subprotocol": subprotocol}
        if headers and self._speaks("2.1"):
            message["headers"] = encode_header_items(
                headers if isinstance(headers, Headers) else Headers(headers)
            )
        await _send(send, message)

    async def close_connection(self, send: Send, code: int, reason: str) -> None:
        """Close the websocket, or reject its handshake."""
        await self._end_look_out()  # Granian sends no close while a receive waits
        if self.disconnected is not None:
            return  # the look-out's last word
        self._said_last = True
        message: Message = {"type": "websocket.close", "code": code}
        if reason and self._speaks("2.3"):
            message["reason"] = reason
        await _send(send, message)

    async def _end(self, code: int) -> None:
        """Close after the view, unless that has been done or the client has gone."""
        websocket = self.connection
        if not self._said_last and self.disconnected is None:
            if websocket.close_code is None:
                websocket.close_code, websocket.close_reason = code, ""
            with suppress(ClientDisconnectedError):
                await self.close_connection(
                    self._send, websocket.close_code, websocket.close_reason or ""
                )

    def _may_deny(self) -> bool:
        return self._offers("websocket.http.response") and not self.connection.closed

    async def _deny(self, response: Response) -> None:
        """Answer the handshake with a response (extension websocket.http.response)."""
        try:
            try:
                body = await response.get_data()
                headers = response.header_items()
            finally:
                await response.close()
        except Exception as error:
            # It cannot be sent; the 500 for that is made of plain values.
            ctx = self._context_of(response)
            with ctx.entered():
                response = await self.app.handle_exception(ctx, error)
            try:
                body, headers = await response.get_data(), response.header_items()
            finally:
                await response.close()
        self._said_last = self._answered = True
        await self._send_message(
            {
                "type": "websocket.http.response.start",
                "status": response.status_code,
                "headers": headers,
            }
        )
        # In one piece: Granian takes no more.
        await self._send_message({"type": "websocket.http.response.body", "body": body})

    def shut_down(self) -> None:
        """End the view; the websocket is closed with 1001. Teardown functions may finish."""
        self._shutting_down = True
        if self.connection._tearing_down:
            self._cancel_in_time()
        else:
            self._cancel_for_good()


class _Watched:
    """Awaits a websocket's handler, and has the look-out start where it waits.

    PERF: not where it waits for a message. One that is echoed costs nothing here but a look at
    two attributes; a callback of the event loop's for each cost 1 us.
    """

    left = False  # as in `Started`

    def __init__(
        self, connection: ASGIWebsocketConnection, work: Generator[Any, Any, None]
    ) -> None:
        self.connection = connection
        self.work = work

    def __await__(self) -> Generator[Any, Any, None]:
        connection, work = self.connection, self.work
        connection._running = True
        try:
            blocker = work.send(None)
            while True:
                connection._running = False
                if not connection._receiving and connection._look_out is None:
                    connection._waits(blocker)
                try:
                    answer = yield blocker
                except GeneratorExit:
                    work.close()
                    raise
                except BaseException as error:
                    connection._running = True
                    if self.left:
                        leave(work)
                        raise
                    blocker = work.throw(error)
                else:
                    connection._running = True
                    blocker = work.send(answer)
        except StopIteration:
            pass
        finally:
            connection._running = False


class ASGILifespan:
    """The start and the end of the process (ASGI Lifespan, spec_version 2.0)."""

    def __init__(self, app: Quart, scope: Any) -> None:
        self.app = app
        self.scope = scope

    async def __call__(self, receive: Any, send: Any) -> None:
        while True:
            message = await receive()
            if message["type"] == "lifespan.startup":
                if not await self._run("startup", send):
                    return
            elif message["type"] == "lifespan.shutdown":
                await self._run("shutdown", send)
                return

    async def _run(self, phase: str, send: Send) -> bool:
        try:
            if phase == "startup":
                self.app.lifespan_state = self.scope.get("state")
                await self.app.startup()
            else:
                await self.app.shutdown()
        except Exception as error:
            await send({"type": f"lifespan.{phase}.failed", "message": str(error)})
            return False
        await send({"type": f"lifespan.{phase}.complete"})
        return True


def split_root_path(scope: Any) -> tuple[str, str, bool]:
    """The root path and the path below it; False where the path is not below it."""
    path, root_path = scope["path"], scope.get("root_path", "").rstrip("/")
    below = path.removeprefix(root_path)
    found = path.startswith(root_path) and (not below or below[0] == "/")
    return root_path, below if found else path, found


def _is_event_stream(headers: HeaderItems) -> bool:
    for name, value in headers:
        if name == b"content-type":
            return value.partition(b";")[0].rstrip() == b"text/event-stream"
    return False


def _tell_context(response: Response, error: BaseException) -> None:
    """Have the teardown functions of a context that is held for a body learn that it failed."""
    ctx = response._context
    if ctx is not None and ctx.held:
        ctx.failed = error


async def _send(send: Send, message: Message) -> None:
    try:
        await send(message)
    except ClientDisconnectedError:
        raise
    except OSError as error:  # from a server whose client has gone
        raise ClientDisconnectedError() from error


def _convert_os_error(send: Send) -> Send:
    """A `send` whose OSErrors are ClientDisconnectedError, for classes beside these."""
    return partial(_send, send)


def _size(message: Message) -> int:
    return len(message.get("body") or message.get("text") or message.get("bytes") or b"")
