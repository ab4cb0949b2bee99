"""Rooms: everyone in a room gets what is sent to it, in one process or, through Redis, in many.

Each message is delivered at most once. Within a process messages pass directly, in the order in
which they were sent, whether Redis is available or not. Redis carries them to other processes; each
process recognises its own messages and ignores them. There is no history: a reader gets what is
sent after it has joined.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import suppress
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal, get_args

from .globals import _cv_quart

if TYPE_CHECKING:
    from .app import Quart

__all__ = ("Messages", "Rooms")

#: What happens to a reader that is a whole queue behind: its oldest message is dropped, the reader
#: is closed, or the sender waits for it.
Slow = Literal["drop", "close", "wait"]

_ORIGIN_SIZE = 8
_LONGEST_PAUSE = 5.0  # seconds between attempts to reach Redis
_ANSWER_TIMEOUT = 5.0  # seconds that Redis has to answer
_CLOSE_TIMEOUT = 1.0

log = logging.getLogger(__name__)


def _check(limit: int, slow: str) -> None:
    if limit < 1:
        raise ValueError(f"'limit' must be 1 or more, not {limit}.")
    if slow not in get_args(Slow):
        raise ValueError(f"'slow' must be 'drop', 'close' or 'wait', not {slow!r}.")


class Messages(AsyncIterator[str | bytes]):
    """The unread messages of one reader in a room: ``async for message in messages``.

    The iteration ends when the reader or the rooms are closed.
    """

    #: How many messages were dropped because the reader was too slow.
    dropped = 0
    #: True if the reader was closed, for being slow or together with the rooms.
    closed = False

    def __init__(self, limit: int, slow: Slow) -> None:
        _check(limit, slow)
        self._limit = limit
        self._slow = slow
        self._queue: deque[str | bytes] = deque()
        self._arrival: asyncio.Future[None] | None = None  # set while the reader waits
        self._space: asyncio.Event | None = None  # set while a sender waits
        self._patience: asyncio.Timeout | None = None

    async def __anext__(self) -> str | bytes:
        while not self._queue:
            if self.closed:
                raise StopAsyncIteration
            if self._arrival is not None:
                raise RuntimeError("Another task waits for these messages: each must join itself.")
            self._arrival = asyncio.get_running_loop().create_future()
            try:
                await self._arrival
            finally:
                self._arrival = None
        message = self._queue.popleft()
        if self._space is not None:
            self._space.set()
        return message

    async def get(self) -> str | bytes:
        """Return the next message. Raises EOFError when the reader or the rooms are closed."""
        try:
            return await self.__anext__()
        except StopAsyncIteration:
            raise EOFError("The room is closed.") from None

    def _put(self, message: str | bytes) -> bool:
        """Queue a message. Returns False if the sender has to wait first."""
        if self.closed:
            return True
        if len(self._queue) >= self._limit:
            if self._slow == "wait":
                return False
            if self._slow == "close":
                self._close()
                if self._patience is not None:
                    self._patience.reschedule(0)
                return True
            self._queue.popleft()
            self.dropped += 1
        self._queue.append(message)
        if self._arrival is not None and not self._arrival.done():
            self._arrival.set_result(None)
        return True

    async def _put_when_there_is_space(self, message: str | bytes) -> None:
        while not self._put(message):
            self._space = self._space or asyncio.Event()
            self._space.clear()
            await self._space.wait()

    def _close(self) -> None:
        self.closed = True
        if self._slow == "close":
            self._queue.clear()
        if self._arrival is not None and not self._arrival.done():
            self._arrival.set_result(None)
        if self._space is not None:
            self._space.set()


class _Membership:
    """``async with rooms.join(room) as messages:``"""

    def __init__(self, rooms: Rooms, room: str, limit: int, slow: Slow) -> None:
        self._rooms = rooms
        self._room = room
        self._messages = Messages(limit, slow)

    async def __aenter__(self) -> Messages:
        messages = self._messages
        await self._rooms._enter(self._room, messages)
        if messages._slow == "close":
            messages._patience = asyncio.timeout(None)
            await messages._patience.__aenter__()
        return messages

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc_value: BaseException | None,
        traceback: TracebackType | None,
    ) -> bool:
        messages = self._messages
        await self._rooms._leave(self._room, messages)
        if messages._patience is None:
            return False
        with suppress(TimeoutError):
            await messages._patience.__aexit__(exc_type, exc_value, traceback)
        if not messages._patience.expired():
            return False
        ctx = _cv_quart.get(None)
        if ctx is not None and ctx.has_websocket:
            with suppress(Exception):  # the client has disconnected, or does not read
                async with asyncio.timeout(_CLOSE_TIMEOUT):
                    await ctx.websocket.close(1013, "Too slow")
        return True


class Rooms:
    """The rooms of an application::

        rooms = Rooms(app)

        @app.websocket("/chat")
        async def chat():
            async with rooms.join("lobby") as messages:
                async for message in messages:
                    await websocket.send(message)

        await rooms.send("lobby", "Hello")

    With `url`, such as "redis://localhost", rooms are shared by all processes that use the same
    URL and `prefix`. That needs the extra `redis`, and works once the application has started.
    `limit` is how many messages a reader may be behind, and `slow` is what happens then: "drop"
    the oldest message, "close" the reader (and its websocket, with code 1013), or let the sender
    "wait". `max_size` is the largest message, in bytes (text as UTF-8).
    """

    def __init__(
        self,
        app: Quart | None = None,
        url: str | None = None,
        *,
        limit: int = 100,
        slow: Slow = "drop",
        max_size: int = 65_536,
        prefix: str = "quart",
    ) -> None:
        _check(limit, slow)
        self.url = url
        self.limit = limit
        self.slow: Slow = slow
        self.max_size = max_size
        self.prefix = prefix
        #: How many messages slow readers have lost, and how many slow readers were closed.
        self.dropped = self.closed = 0
        self._rooms: dict[str, set[Messages]] = {}
        self._redis: _Redis | None = None
        if app is not None:
            self.init_app(app)

    def init_app(self, app: Quart) -> None:
        """Connect when the application starts, and close the rooms when it stops."""
        app.while_serving(self.running)

    async def running(self) -> AsyncGenerator[None, None]:
        """Run the rooms for as long as the process serves; `init_app` gives it to `while_serving`.

        Raises RuntimeError if Redis cannot be reached.
        """
        if self.url is not None:
            self._redis = _Redis(self, self.url)
            await self._redis.start()
        try:
            yield
        finally:
            for readers in self._rooms.values():
                for messages in readers:
                    messages._close()
            if self._redis is not None:
                redis, self._redis = self._redis, None
                await redis.end()

    def join(self, room: str, *, limit: int | None = None, slow: Slow | None = None) -> _Membership:
        """Join a room for the length of a block: ``async with rooms.join(room) as messages:``.

        No message is missed once the block has begun. `limit` and `slow` are those of the class.
        """
        limit = self.limit if limit is None else limit
        return _Membership(self, room, limit, slow or self.slow)

    async def send(self, room: str, message: str | bytes) -> None:
        """Send a message to everyone in a room.

        Raises ValueError if it is larger than `max_size`, TypeError if it is not str or bytes.
        """
        if not isinstance(message, (str, bytes)):
            raise TypeError(f"A message must be str or bytes, not {type(message).__name__}.")
        data = message.encode() if isinstance(message, str) else message
        if len(data) > self.max_size:
            raise ValueError(f"A message of {len(data)} bytes is over the limit, {self.max_size}.")
        if self._redis is not None:
            await self._redis.publish(room, (b"t" if isinstance(message, str) else b"b") + data)
        elif self.url is not None:
            raise RuntimeError("The rooms are not connected: start the application first.")
        await self._deliver(room, message)
        await asyncio.sleep(0)  # others get their turn, however fast one sender is

    async def _deliver(self, room: str, message: str | bytes) -> None:
        waiting = [
            messages for messages in tuple(self._rooms.get(room, ())) if not messages._put(message)
        ]
        for messages in waiting:
            await messages._put_when_there_is_space(message)

    async def _enter(self, room: str, messages: Messages) -> None:
        readers = self._rooms.get(room)
        if readers is None:
            readers = self._rooms[room] = set()
        readers.add(messages)
        if self._redis is not None:
            try:
                await self._redis.subscribe(room)
            except BaseException:
                await self._leave(room, messages)
                raise
        elif self.url is not None:
            await self._leave(room, messages)
            raise RuntimeError("The rooms are not connected: start the application first.")

    async def _leave(self, room: str, messages: Messages) -> None:
        readers = self._rooms.get(room, set())
        readers.discard(messages)
        self.dropped += messages.dropped
        if messages._patience is not None and messages._patience.when() is not None:
            self.closed += 1  # for being slow; the rooms are still open
        if messages.dropped:
            log.info("A slow reader of %r missed %d messages", room, messages.dropped)
        messages._close()
        if not readers and room in self._rooms:
            del self._rooms[room]
            if self._redis is not None:
                await self._redis.unsubscribe(room)


class _Redis:
    """The link to other processes: one connection publishes, and one listens."""

    def __init__(self, rooms: Rooms, url: str) -> None:
        try:
            from redis import asyncio as redis
            from redis.asyncio.retry import Retry
            from redis.backoff import NoBackoff
        except ImportError:
            raise RuntimeError("Redis needs one more package: pip install 'quart[redis]'") from None
        self.rooms = rooms
        self.url = url
        #: Marks our own messages.
        self.origin = os.urandom(_ORIGIN_SIZE)
        # Do not retry: a message sent again after a late error would arrive twice.
        self.client: Any = redis.Redis.from_url(url, retry=Retry(NoBackoff(), 0))
        self.pubsub: Any = None
        self.confirmed: dict[str, asyncio.Event] = {}
        self.listening: asyncio.Task[None] | None = None
        self.receiving: asyncio.Timeout | None = None  # ends receiving when publishing fails
        self.asked = asyncio.Event()  # set once a room has been subscribed to
        self.away = False

    async def start(self) -> None:
        try:
            await self.client.ping()
        except Exception as error:
            await self.client.aclose()
            raise RuntimeError(f"Redis cannot be reached at {self.shown_url}: {error}") from error
        self.pubsub = self.client.pubsub()
        await self.pubsub.connect()
        self.listening = asyncio.create_task(self._listen())

    async def end(self) -> None:
        if self.listening is not None:
            self.listening.cancel()
            await asyncio.wait({self.listening})
        for each in (self.pubsub, self.client):
            with suppress(Exception):
                await each.aclose()

    @property
    def shown_url(self) -> str:
        """The URL without the password."""
        return self.url.rpartition("@")[2]

    async def publish(self, room: str, data: bytes) -> None:
        if self.away:
            return  # otherwise each message would wait for an error
        try:
            async with asyncio.timeout(_ANSWER_TIMEOUT):
                await self.client.publish(f"{self.rooms.prefix}:{room}", self.origin + data)
        except Exception as error:
            self._note_outage(error)

    async def subscribe(self, room: str) -> None:
        """Subscribe to a room, and wait until Redis confirms it, unless Redis is away."""
        confirmed = self.confirmed.setdefault(room, asyncio.Event())
        if self.away or confirmed.is_set():
            return
        try:
            await self.pubsub.subscribe(f"{self.rooms.prefix}:{room}")
            self.asked.set()
            async with asyncio.timeout(_ANSWER_TIMEOUT):
                await confirmed.wait()
        except Exception as error:
            self._note_outage(error)

    async def unsubscribe(self, room: str) -> None:
        self.confirmed.pop(room, None)
        if not self.away:
            with suppress(Exception):
                await self.pubsub.unsubscribe(f"{self.rooms.prefix}:{room}")

    async def _listen(self) -> None:
        pause = 0.1
        while True:
            try:
                if self.away:
                    await self._connect_anew()
                    pause = 0.1
                async with asyncio.timeout(None) as self.receiving:
                    await self._receive()
            except Exception as error:
                self._note_outage(error)
                await asyncio.sleep(pause)
                pause = min(pause * 2, _LONGEST_PAUSE)

    async def _connect_anew(self) -> None:
        """Listen on a new connection, to every room that has a reader."""
        with suppress(Exception):
            await self.pubsub.aclose()
        await self.client.ping()
        self.pubsub = self.client.pubsub()
        await self.pubsub.connect()
        asked: set[str] = set()
        while rooms := self.rooms._rooms.keys() - asked:  # readers may join others meanwhile
            await self.pubsub.subscribe(*[f"{self.rooms.prefix}:{room}" for room in rooms])
            asked |= rooms
        self.away = False
        log.warning("Redis is back at %s", self.shown_url)

    async def _receive(self) -> None:
        while True:
            if not self.pubsub.subscribed:
                self.asked.clear()
                await self.asked.wait()
                continue
            event = await self.pubsub.get_message(timeout=None)
            if event is None:
                continue
            room = event["channel"].decode().removeprefix(f"{self.rooms.prefix}:")
            if event["type"] == "subscribe":
                self.confirmed.setdefault(room, asyncio.Event()).set()
            elif event["type"] == "message" and not event["data"].startswith(self.origin):
                data = event["data"][_ORIGIN_SIZE:]
                if data and len(data) <= self.rooms.max_size + 1:
                    text = data[:1] == b"t"
                    await self.rooms._deliver(room, data[1:].decode() if text else data[1:])

    def _note_outage(self, error: Exception) -> None:
        if not self.away:
            self.away = True
            log.warning(
                "Redis is away, messages stay in this process: %s: %r", self.shown_url, error
            )
            for confirmed in self.confirmed.values():
                confirmed.clear()
            # The listener connects again, but may not have noticed the outage.
            if self.receiving is not None and asyncio.current_task() is not self.listening:
                self.receiving.reschedule(0)
