"""Bodies: `Body`, that comes in with a request, and the kinds of `ResponseBody` that go out.

They know bytes and how to wait for them; who sends them belongs to asgi.py.
"""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import (
    AsyncGenerator,
    AsyncIterable,
    AsyncIterator,
    Awaitable,
    Callable,
    Coroutine,
    Generator,
    Iterable,
)
from contextlib import asynccontextmanager, suppress
from io import SEEK_END, BufferedReader, BytesIO, FileIO, RawIOBase
from os import PathLike, fstat
from pathlib import Path
from types import AsyncGeneratorType, EllipsisType, GeneratorType, TracebackType
from typing import IO, TYPE_CHECKING, Any

from werkzeug.exceptions import (
    RequestedRangeNotSatisfiable,
    RequestEntityTooLarge,
    RequestTimeout,
)

from ..threads import off_loop
from ..utils import run_sync_iterable, waits_in_threads
from .base import ClientDisconnectedError

if TYPE_CHECKING:
    from ..app import Quart


class Body:
    """The bytes of a request, pulled from the client by whoever reads them.

    `await body` gives all of it, and again the next time; `async for chunk in body` gives each
    chunk once. `source`, where there is one, is given the body, receives one message and calls
    `append` or `set_complete`; without it the reader waits until somebody else has called them, or
    `put` and `disconnect`.

    Reading raises RequestEntityTooLarge when more than `max_content_length` bytes have come or
    are announced by `expected_content_length`, and RequestTimeout after `timeout` seconds of
    silence. Both limits may be set until the body is read; None is no limit, and a timeout of
    `...` is the BODY_TIMEOUT of `app`.

    A subclass for another event loop than asyncio's has a constructor of its own, which sets
    `_max_content_length` and `_queue`, that loop's queue.
    """

    source: Callable[[Body], Awaitable[None]] | None = None
    timeout: float | EllipsisType | None = None
    app: Quart | None = None

    # PERF: no further defaults on the class: behind one an attribute takes twice as long.
    def __init__(self, expected_content_length: int | None, max_content_length: int | None) -> None:
        self.expected_content_length = expected_content_length
        self._max_content_length = max_content_length
        self.complete = False
        self._chunks: deque[bytes] = deque()
        self._received = 0
        self._dropped = False
        self._receiving = False
        self._received_one: asyncio.Event | None = None
        # What rings for the reader of a body without a source; None is the last put there.
        self._queue: Any = None

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if cls.__init__ is not Body.__init__:  # it may not call this one
            setattr(cls, "__new__", _new_body)  # noqa: B010

    @property
    def max_content_length(self) -> int | None:
        """The most bytes that may come."""
        return self._max_content_length

    @max_content_length.setter
    def max_content_length(self, value: int | None) -> None:
        self._max_content_length = value

    def append(self, data: bytes) -> None:
        """Add bytes that have arrived; what is over the limit is counted and dropped."""
        if data:
            self._received += len(data)
            limit = self._max_content_length
            if limit is not None and self._received > limit:
                self._dropped = True
                self._chunks.clear()
            else:
                self._chunks.append(data)
            if self._queue is not None:
                self._queue.put_nowait(True)

    async def put(self, data: bytes) -> None:
        """Add bytes that have arrived, as `append` does."""
        self.append(data)

    def set_complete(self) -> None:
        """Nothing more will arrive."""
        self.complete = True
        if self._queue is not None:
            self._queue.put_nowait(None)

    def disconnect(self) -> None:
        """The client has gone: whoever waits for more gets ClientDisconnectedError."""
        self.source = _raise_disconnected
        if self._queue is not None:
            self._queue.put_nowait(None)

    def set_result(self, data: bytes) -> None:
        """Add the last bytes, or all of them at once."""
        self.append(data)
        self.set_complete()

    def clear(self) -> None:
        """Forget what has arrived and was not iterated over."""
        self._chunks.clear()

    async def get(self) -> bytes:
        """The next chunk, as an iteration gives it; b"" is the end."""
        return await anext(self, b"")

    def __aiter__(self) -> Body:
        return self

    async def __anext__(self) -> bytes:
        if self._chunks:
            self._check_limit()  # which may have been set since they came
        while not self._chunks:
            self._check_limit()
            if self.complete:
                raise StopAsyncIteration
            if (rest := self._receive()) is not None:
                await rest
        return self._chunks.popleft()

    def __await__(self) -> Generator[Any, None, bytes]:
        return self.read_whole().__await__()

    @waits_in_threads
    async def read(self, size: int | None = -1) -> bytes:
        """At most the next `size` bytes, each given once; b"" is the end.

        Without a size it is all that was not given out yet, kept for the next time.
        """
        if size is None or size < 0:
            return await self.read_whole()
        data = await anext(self, b"")
        if len(data) > size:
            self._chunks.appendleft(data[size:])
        return data[:size]

    async def read_whole(self, max_size: int | None = None) -> bytes:
        """All that was not given out yet, kept for the next time.

        Raises RequestEntityTooLarge also when more than `max_size` bytes have come.
        """
        while not self.complete:
            self._check_limit(max_size)
            if (rest := self._receive()) is not None:
                await rest
        self._check_limit(max_size)
        chunks = self._chunks
        if len(chunks) == 1:
            return chunks[0]
        data = b"".join(chunks)
        self._chunks = deque([data]) if data else deque()
        return data

    def _check_limit(self, max_size: int | None = None) -> None:
        limit = self._max_content_length
        if (
            self._dropped
            or (
                limit is not None
                and (self._received > limit or (self.expected_content_length or 0) > limit)
            )
            or (max_size is not None and self._received > max_size)
        ):
            raise RequestEntityTooLarge()

    def _receive(self) -> Awaitable[None] | None:
        """Receive until there is more than before, or the end; what is to be awaited for that."""
        # One reader receives, for a message reaches one only; the others look again after it.
        if self._receiving and self.source is not None:
            if self._received_one is None:
                self._received_one = asyncio.Event()
            return self._wait_for(self._received_one)
        self._receiving = True
        # PERF: a message that is already there comes without suspending, so the first step is
        # taken before a timer is started, or a coroutine made for what follows. `next` with a
        # default costs no exception where that step is the last.
        try:
            source = self.source
            waiting = (self._next_arrival() if source is None else source(self)).__await__()
            blocker = next(waiting, ...)
        except BaseException:
            self._end_receiving()
            raise
        if blocker is ...:
            self._end_receiving()
            return None
        return self._receive_in_time(waiting, blocker)

    async def _wait_for(self, event: asyncio.Event) -> None:
        await event.wait()

    async def _receive_in_time(self, waiting: Generator[Any, Any, None], blocker: Any) -> None:
        if asyncio._get_running_loop() is None:
            # On another event loop, whose timers are for its own code to set.
            try:
                await Started(waiting, blocker)
            finally:
                self._end_receiving()
            return
        timeout = self.timeout
        if timeout is ...:
            timeout = None if self.app is None else self.app.config["BODY_TIMEOUT"]
        timer = asyncio.timeout(timeout)
        try:
            async with timer:
                await Started(waiting, blocker)
        except TimeoutError:
            if not timer.expired():
                raise
            raise RequestTimeout() from None
        finally:
            self._end_receiving()

    def _end_receiving(self) -> None:
        self._receiving = False
        if self._received_one is not None:
            self._received_one.set()
            self._received_one = None

    async def _next_arrival(self) -> None:
        if self._queue is None:
            self._queue = asyncio.Queue()
        if await self._queue.get() is None:
            self._queue.put_nowait(None)  # for the next reader


def _new_body(cls: type[Body], *args: object, **kwargs: object) -> Body:
    body = object.__new__(cls)
    Body.__init__(body, None, None)
    return body


async def _raise_disconnected(body: Body) -> None:
    raise ClientDisconnectedError()


class Started:
    """Awaits the rest of a coroutine whose first step gave `blocker`, for its result."""

    #: Set before a cancellation that the coroutine may not ignore: it is closed.
    left = False

    def __init__(
        self, rest: Generator[Any, Any, Any] | Coroutine[Any, Any, Any], blocker: Any
    ) -> None:
        self.rest = rest
        self.blocker = blocker

    def __await__(self) -> Generator[Any, Any, Any]:
        blocker = self.blocker
        try:
            while True:
                try:
                    answer = yield blocker
                except GeneratorExit:
                    self.rest.close()
                    raise
                except BaseException as error:
                    if self.left:
                        leave(self.rest)
                        raise
                    blocker = self.rest.throw(error)
                else:
                    blocker = self.rest.send(answer)
        except StopIteration as end:
            return end.value


def leave(rest: Generator[Any, Any, Any] | Coroutine[Any, Any, Any]) -> None:
    """Have a coroutine go on no more, whatever it does about that."""
    with suppress(Exception):
        rest.close()


class BodyFile(RawIOBase):
    """A body as a binary file, for sync code in a worker thread."""

    def __init__(self, body: Body) -> None:
        self._body = body

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        data: Any = self._body.read(len(buffer))  # in a worker thread these are the bytes
        buffer[: len(data)] = data
        return len(data)


def _raise_if_invalid_range(begin: int, end: int | None, size: int) -> None:
    """RequestedRangeNotSatisfiable unless [begin, end) holds at least one of `size` bytes."""
    if begin < 0 or begin >= size or (end is not None and end <= begin):
        raise RequestedRangeNotSatisfiable(size)


class ResponseBody(ABC):
    """What a response sends: `async with body as chunks: async for chunk in chunks`.

    A body that can send a part of itself has `async make_conditional(begin, end)`: it narrows
    the body to the bytes [begin, end), None being the end, and returns the length of the whole,
    None where that is not known.
    """

    @abstractmethod
    async def __aenter__(self) -> AsyncIterable[Any]: ...

    @abstractmethod
    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc_value: BaseException | None,
        tb: TracebackType | None,
    ) -> None: ...


class DataBody(ResponseBody):
    """Bytes in memory: `data` is what will be sent."""

    _whole: bytes | None = None

    def __init__(self, data: bytes) -> None:
        self.data = data

    async def __aenter__(self) -> DataBody:
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc_value: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        pass

    async def __aiter__(self) -> AsyncIterator[bytes]:
        yield self.data

    async def make_conditional(self, begin: int, end: int | None) -> int:
        if self._whole is None:
            self._whole = self.data
        size = len(self._whole)
        if begin or end is not None:
            _raise_if_invalid_range(begin, end, size)
        self.data = self._whole[begin:end]
        return size


class IterableBody(ResponseBody):
    """The items of any iterable or iterator, sync or async.

    Lists and tuples are walked on the loop, other sync iterables in a thread, several items
    at a time. What has a `close()` (`aclose()` where it is async) is closed, once, as soon as the
    body is left.
    """

    #: Whether there is something to close in a body that nobody enters.
    must_be_closed = False
    _closed = False
    _part: tuple[int, int] | None = None

    def __init__(self, iterable: AsyncIterable[Any] | Iterable[Any]) -> None:
        #: Whether the items are made while they are sent.
        self.streamed = not isinstance(iterable, (list, tuple))
        self.iter: AsyncIterator[Any]
        if isinstance(iterable, AsyncIterable):
            self.iter = aiter(iterable)
            self.must_be_closed = hasattr(self.iter, "aclose")
        elif isinstance(iterable, (list, tuple)):
            self.iter = _walk(iterable)
        else:
            self.iter = run_sync_iterable(iterable)
            self.must_be_closed = bool(self.iter.closers)
        if isinstance(iterable, (AsyncGeneratorType, GeneratorType)):
            self.must_be_closed = False  # it has not begun

    async def close(self) -> None:
        """Close what the items come from, unless that was done."""
        if not self._closed:
            self._closed = True
            close = getattr(self.iter, "aclose", None)
            if close is not None:
                await close()

    async def __aenter__(self) -> IterableBody:
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc_value: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        await self.close()

    def __aiter__(self) -> AsyncIterator[Any]:
        return self.iter if self._part is None else _Part(self.iter, *self._part)

    async def make_conditional(self, begin: int, end: int | None) -> None:
        """Narrow the body to the bytes [begin, end); the length of the whole is not known."""
        self._part = None if end is None else (begin, end)


class _Part(AsyncIterator[bytes]):
    """The bytes [begin, end) of what an iterator gives."""

    def __init__(self, items: AsyncIterator[Any], begin: int, end: int) -> None:
        self._items = items
        self._to_skip = begin
        self._to_give = end - begin

    async def __anext__(self) -> bytes:
        while self._to_give:
            item = await anext(self._items)
            data = item.encode() if isinstance(item, str) else item
            given = data[self._to_skip :][: self._to_give]
            self._to_skip = max(0, self._to_skip - len(data))
            self._to_give -= len(given)
            if given:
                return bytes(given)
        raise StopAsyncIteration


async def _walk(items: list[Any] | tuple[Any, ...]) -> AsyncIterator[Any]:
    for item in items:
        yield item


class SizedBody(ResponseBody):
    """A body of known size, read piece by piece: the bytes [begin, end) of `size`."""

    buffer_size = 256 * 1024
    size: int
    begin: int
    end: int
    _position: int

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        wanted = min(self.buffer_size, self.end - self._position)
        if wanted <= 0:
            raise StopAsyncIteration
        chunk = await self._read(wanted)
        if not chunk:
            raise EOFError(
                f"The body ended {self.end - self._position} bytes before its Content-Length"
            )
        self._position += len(chunk)
        return chunk

    @abstractmethod
    async def _read(self, size: int) -> bytes: ...

    @asynccontextmanager
    async def descriptor(self) -> AsyncIterator[IO[bytes] | None]:
        """An open file of the operating system that holds the bytes [begin, end), or None.

        A server may send them from there. None is for what is empty, in memory, shorter than it
        was, or not what a file holds (a compressed file has a descriptor too).
        """
        file: IO[bytes] | None = None
        if self.begin < self.end:
            file = await off_loop(self._plain_file)
        try:
            yield file
        finally:
            if file is not None:
                self._release(file)

    def _plain_file(self) -> IO[bytes] | None:
        return None

    def _release(self, file: IO[bytes]) -> None:
        pass

    async def make_conditional(self, begin: int, end: int | None) -> int:
        if begin or end is not None:
            _raise_if_invalid_range(begin, end, self.size)
        self.begin = begin
        self.end = self.size if end is None else min(self.size, end)
        return self.size


class FileBody(SizedBody):
    """The file at `file_path`, read in the file threads in pieces of `buffer_size` bytes.

    `begin` and `end` are the offsets of what is sent, of a file that had `size` bytes. One that
    has become shorter raises EOFError while it is sent.
    """

    def __init__(self, file_path: str | PathLike[str], *, buffer_size: int | None = None) -> None:
        self.file_path = Path(file_path)
        self.size = self.file_path.stat().st_size
        self.begin = 0
        self.end = self.size
        if buffer_size is not None:
            self.buffer_size = buffer_size
        self._file: IO[bytes] | None = None

    async def __aenter__(self) -> FileBody:
        self._position = self.begin
        # PERF: a file of one piece is opened, read and closed in one visit to the thread.
        try:
            self._first = await off_loop(self._open)
        except asyncio.CancelledError:
            await self.__aexit__(None, None, None)
            raise
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc_value: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        if self._file is not None:
            await off_loop(self._file.close)

    async def is_whole(self) -> bool:
        """Whether the body is all that the file holds now, so that a server may send it."""
        if self.begin or self.end != self.size:
            return False
        try:
            return (await off_loop(self.file_path.stat)).st_size == self.size
        except OSError:
            return False

    def _plain_file(self) -> IO[bytes] | None:
        if type(self)._read is not FileBody._read:
            return None
        try:
            file = open(self.file_path, "rb", buffering=0)  # noqa: SIM115 (_release closes it)
        except OSError:
            return None  # reading it fails too, and says so
        if fstat(file.fileno()).st_size < self.end:
            file.close()
            return None
        return file

    def _release(self, file: IO[bytes]) -> None:
        file.close()  # at once, for a cancelled request too: nothing is written that could wait

    def _open(self) -> bytes:
        file = open(self.file_path, "rb", buffering=0)  # noqa: SIM115 (it is closed later)
        try:
            if self.begin:
                file.seek(self.begin)
            first = file.read(min(self.buffer_size, self.end - self.begin))
        except BaseException:
            file.close()
            raise
        if len(first) == self.end - self.begin:
            file.close()
        else:
            self._file = file
        return first

    async def _read(self, size: int) -> bytes:
        if self._first:
            first, self._first = self._first, b""
            return first
        return b"" if self._file is None else await off_loop(self._file.read, size)


class IOBody(SizedBody):
    """A seekable binary file object: BytesIO is read on the loop, all others in the threads."""

    def __init__(self, io_stream: IO[bytes], *, buffer_size: int | None = None) -> None:
        self.io_stream = io_stream
        self.size = io_stream.seek(0, SEEK_END)
        io_stream.seek(0)
        self.begin = 0
        self.end = self.size
        if buffer_size is not None:
            self.buffer_size = buffer_size

    async def __aenter__(self) -> IOBody:
        self._position = self.begin
        self.io_stream.seek(self.begin)
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc_value: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        pass

    async def _read(self, size: int) -> bytes:
        if isinstance(self.io_stream, BytesIO):
            return self.io_stream.read(size)
        return await off_loop(self.io_stream.read, size)

    def _plain_file(self) -> IO[bytes] | None:
        stream: Any = self.io_stream
        raw = stream.raw if type(stream) is BufferedReader else stream
        if type(raw) is not FileIO or type(self)._read is not IOBody._read:
            return None
        return None if fstat(raw.fileno()).st_size < self.end else raw


class MultiRangeBody(ResponseBody):
    """Several ranges of one body as multipart/byteranges, RFC 9110 section 14.6."""

    def __init__(
        self, body: Any, ranges: list[tuple[int, int]], size: int, content_type: str, boundary: str
    ) -> None:
        self.body = body
        self.parts = [
            (
                begin,
                end,
                f"\r\n--{boundary}\r\nContent-Type: {content_type}\r\n"
                f"Content-Range: bytes {begin}-{end - 1}/{size}\r\n\r\n".encode("latin-1"),
            )
            for begin, end in ranges
        ]
        self.tail = f"\r\n--{boundary}--\r\n".encode()
        self.size = sum(end - begin + len(head) for begin, end, head in self.parts)
        self.size += len(self.tail)

    async def __aenter__(self) -> MultiRangeBody:
        self._chunks = self._iterate()
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc_value: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        await self._chunks.aclose()

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self._chunks

    async def _iterate(self) -> AsyncGenerator[bytes, None]:
        for begin, end, head in self.parts:
            await self.body.make_conditional(begin, end)
            yield head
            async with self.body as chunks:
                async for chunk in chunks:
                    yield chunk
        yield self.tail
