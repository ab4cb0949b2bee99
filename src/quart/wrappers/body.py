"""`Body`: the bytes of a request's body."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Generator
from copy import copy
from io import RawIOBase
from types import EllipsisType
from typing import TYPE_CHECKING, Literal, Self

from werkzeug.exceptions import (
    RequestEntityTooLarge,
    RequestTimeout,
)

from ..utils import add_piece
from ..workers import awaited_or_blocking, in_worker_thread
from .base import ClientDisconnectedError

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer


class Body:
    """The bytes of a request, pulled from the client by whoever reads them.

    `await body` returns all of it, and returns it again the next time. `async for chunk in body`
    gives each chunk once. `source`, if set, is called with the body: it receives one message and
    calls `append` or `set_complete`. Without a source, the reader waits until somebody else calls
    these, or `put` and `disconnect`.

    Reading raises RequestEntityTooLarge if more than `max_content_length` bytes have arrived, or
    are announced by `expected_content_length`. It raises RequestTimeout after `timeout` seconds of
    silence; if there is a source, the source does that. Both limits may be set until the body is
    read. None means no limit; a timeout of `...` means BODY_TIMEOUT of the application.

    A subclass for another event loop has its own constructor, which sets `_max_content_length` and
    `_queue`, a queue of that event loop.
    """

    source: Callable[[Body], Awaitable[None]] | None = None
    timeout: float | EllipsisType | None = None

    # PERF: add no class-level defaults. An attribute that shadows one takes twice as long to read.
    def __init__(self, expected_content_length: int | None, max_content_length: int | None) -> None:
        self.expected_content_length = expected_content_length
        self._max_content_length = max_content_length
        self.complete = False
        self._chunks: deque[bytes | bytearray] = deque()
        self._received = 0
        self._dropped = False
        # Wakes the reader of a body that has no source; None means that nothing more will come.
        self._queue: asyncio.Queue[Literal[True] | None] | None = None

    def __init_subclass__(cls, **kwargs: object) -> None:
        super().__init_subclass__(**kwargs)
        if cls.__init__ is not Body.__init__:  # that constructor may not call this one
            setattr(cls, "__new__", _new_body)  # noqa: B010

    @property
    def max_content_length(self) -> int | None:
        """The largest number of bytes that may arrive; None: no limit."""
        return self._max_content_length

    @max_content_length.setter
    def max_content_length(self, value: int | None) -> None:
        self._max_content_length = value

    @property
    def received(self) -> int:
        """The number of bytes that have arrived."""
        return self._received

    def append(self, data: bytes) -> None:
        """Add bytes that have arrived. Bytes beyond the limit are counted and dropped."""
        if data:
            self._received += len(data)
            limit = self._max_content_length
            if limit is not None and self._received > limit:
                self._dropped = True
                self._chunks.clear()
            else:
                add_piece(self._chunks, data)
            if self._queue is not None:
                self._queue.put_nowait(True)

    async def put(self, data: bytes) -> None:
        """Add bytes that have arrived, as `append` does."""
        self.append(data)

    def set_complete(self) -> None:
        """Mark the body as complete: nothing more will arrive."""
        self.complete = True
        if self._queue is not None:
            self._queue.put_nowait(None)

    def disconnect(self) -> None:
        """Note that the client has disconnected; waiting readers get ClientDisconnectedError."""
        self.source = _raise_disconnected
        if self._queue is not None:
            self._queue.put_nowait(None)

    def set_result(self, data: bytes) -> None:
        """Add the last bytes, or all of them at once, and mark the body as complete."""
        self.append(data)
        self.set_complete()

    def copy(self) -> Self:
        """Return a body of its own with what has arrived and was not iterated over."""
        copied = copy(self)
        copied._chunks = self._chunks.copy()
        return copied

    def clear(self) -> None:
        """Forget the chunks that have arrived and were not iterated over."""
        self._chunks.clear()

    async def get(self) -> bytes:
        """Return the next chunk, as iterating does; b"" at the end."""
        return await anext(self, b"")

    def __aiter__(self) -> Body:
        return self

    async def __anext__(self) -> bytes:
        if self._chunks:
            self._check_limit()  # the limit may have been set after they arrived
        while not self._chunks:
            self._check_limit()
            if self.complete:
                raise StopAsyncIteration
            source = self.source
            await (self._next_arrival() if source is None else source(self))
        chunk = self._chunks.popleft()
        return chunk if type(chunk) is bytes else bytes(chunk)

    def __await__(self) -> Generator[object, None, bytes]:
        return self.read_whole().__await__()

    @awaited_or_blocking
    async def read(self, size: int | None = -1) -> bytes:
        """Return at most the next `size` bytes, each only once; b"" at the end.

        Without a size, return everything not returned yet, and keep it for the next time.
        """
        if size is None or size < 0:
            return await self.read_whole()
        data = await anext(self, b"")
        if len(data) > size:
            self._chunks.appendleft(data[size:])
        return data[:size]

    def read_arrived(self, size: int) -> bytes:
        """Return at most `size` of the bytes that have arrived, each only once; b"" at the end.

        Raises RuntimeError if more bytes are expected but none has arrived.
        """
        self._check_limit()
        if not self._chunks:
            if self.complete:
                return b""
            raise RuntimeError(
                "The body has not arrived yet: on the event loop, await request.get_data() first."
            )
        data = bytes(self._chunks.popleft())
        if len(data) > size:
            self._chunks.appendleft(data[size:])
        return data[:size]

    async def read_whole(self, max_size: int | None = None) -> bytes:
        """Return everything not returned yet, and keep it for the next time.

        Also raises RequestEntityTooLarge if more than `max_size` bytes have arrived.
        """
        while not self.complete:
            self._check_limit(max_size)
            source = self.source  # PERF: calling a local name is faster than calling an attribute
            await (self._next_arrival() if source is None else source(self))
        self._check_limit(max_size)
        chunks = self._chunks
        if len(chunks) == 1 and type(chunks[0]) is bytes:
            return chunks[0]
        data = b"".join(chunks)
        self._chunks = deque([data]) if data else deque()
        return data

    def _check_limit(self, max_size: int | None = None) -> None:
        limit = self._max_content_length
        if self._dropped or (
            limit is not None
            and (self._received > limit or (self.expected_content_length or 0) > limit)
        ):
            raise RequestEntityTooLarge(
                f"The body is larger than MAX_CONTENT_LENGTH allows ({limit} bytes)."
            )
        if max_size is not None and self._received > max_size:
            raise RequestEntityTooLarge(
                f"The form is larger than MAX_FORM_MEMORY_SIZE allows ({max_size} bytes)."
            )

    async def _next_arrival(self) -> None:
        """Wait until somebody has put something here."""
        if self._queue is None:
            self._queue = asyncio.Queue()
        if asyncio._get_running_loop() is None:
            # Another event loop runs here, and only its own code can set timers.
            arrived = await self._queue.get()
        else:
            timer = asyncio.timeout(None if self.timeout is ... else self.timeout)
            try:
                async with timer:
                    arrived = await self._queue.get()
            except TimeoutError:
                if not timer.expired():
                    raise
                raise RequestTimeout() from None
        if arrived is None:
            self._queue.put_nowait(None)  # so that the next reader wakes up, too


def _new_body(cls: type[Body], *args: object, **kwargs: object) -> Body:
    body = object.__new__(cls)
    Body.__init__(body, None, None)
    return body


async def _raise_disconnected(body: Body) -> None:
    raise ClientDisconnectedError()


class BodyFile(RawIOBase):
    """A body as a binary file, for sync code. On the event loop it holds what has arrived."""

    def __init__(self, body: Body) -> None:
        self._body = body

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer) -> int:
        view = memoryview(buffer)
        data: bytes
        if in_worker_thread():
            data = self._body.read(len(view))  # type: ignore[assignment]  # in sync code, the bytes
        else:
            data = self._body.read_arrived(len(view))
        view[: len(data)] = data
        return len(data)
