"""The kinds of `ResponseBody` that a response can have.

They produce bytes and know how to wait for them; sending them belongs to asgi.
"""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import AsyncIterable, AsyncIterator, Iterable
from contextlib import asynccontextmanager
from io import SEEK_END, BufferedReader, BytesIO, FileIO
from os import PathLike, fstat
from pathlib import Path
from types import AsyncGeneratorType, GeneratorType, TracebackType
from typing import IO, TYPE_CHECKING, Self

from werkzeug.exceptions import RequestedRangeNotSatisfiable

from ..threads import off_loop
from ..workers import run_sync_iterable

if TYPE_CHECKING:
    from ..typing import Chunk

#: Bytes in memory are sent in pieces of at most this many bytes.
LARGEST_PIECE = 256 * 1024


def _raise_if_invalid_range(begin: int, end: int | None, size: int) -> None:
    """Raise RequestedRangeNotSatisfiable unless [begin, end) holds at least one of `size` bytes."""
    if begin < 0 or begin >= size or (end is not None and end <= begin):
        raise RequestedRangeNotSatisfiable(size)


class ResponseBody(ABC):
    """The content of a response: `async with body as chunks: async for chunk in chunks`.

    A body that can send a part of itself has `async make_conditional(begin, end)`. That narrows
    it to the bytes [begin, end), where None means the end, and returns the length of the whole
    body, or None if that is unknown.
    """

    @abstractmethod
    async def __aenter__(self) -> AsyncIterable[Chunk]: ...

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc_value: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        await self.close()

    async def close(self) -> None:  # noqa: B027 (bodies that open nothing have nothing to close)
        """Close what the body has opened."""


class DataBody(ResponseBody):
    """Bytes in memory: `data` is what will be sent."""

    _whole: bytes | None = None

    def __init__(self, data: bytes) -> None:
        self.data = data

    async def __aenter__(self) -> Self:
        return self

    async def __aiter__(self) -> AsyncIterator[bytes]:
        """Iterate in pieces, because a server may buffer a whole piece for a slow client."""
        data = self.data
        if len(data) <= LARGEST_PIECE:
            yield data
        else:
            for begin in range(0, len(data), LARGEST_PIECE):
                yield data[begin : begin + LARGEST_PIECE]

    async def make_conditional(self, begin: int, end: int | None) -> int:
        if self._whole is None:
            self._whole = self.data
        size = len(self._whole)
        if begin or end is not None:
            _raise_if_invalid_range(begin, end, size)
        self.data = self._whole[begin:end]
        return size


def as_body(body: ResponseBody | Iterable[str | bytes]) -> ResponseBody:
    """Make a body from what code for Flask assigns to `response.response`, such as a list."""
    if isinstance(body, ResponseBody):
        return body
    if isinstance(body, (str, bytes, list, tuple)):
        pieces = [body] if isinstance(body, (str, bytes)) else body
        return DataBody(b"".join(p.encode() if isinstance(p, str) else p for p in pieces))
    return IterableBody(body)


class IterableBody(ResponseBody):
    """The items of any iterable or iterator, sync or async.

    Lists and tuples are iterated on the event loop; other sync iterables in a thread, several
    items at a time. If the iterator has a `close()` (`aclose()` if it is async), that is called
    once, as soon as the body is left.
    """

    #: Whether there is something to close even if the body is never entered.
    must_be_closed = False
    _closed = False
    _part: tuple[int, int] | None = None

    def __init__(self, iterable: AsyncIterable[Chunk] | Iterable[Chunk]) -> None:
        #: Whether the items are made while they are sent.
        self.streamed = not isinstance(iterable, (list, tuple))
        self.iter: AsyncIterator[Chunk]
        if isinstance(iterable, AsyncIterable):
            self.iter = aiter(iterable)
            self.must_be_closed = hasattr(self.iter, "aclose")
        elif isinstance(iterable, (list, tuple)):
            self.iter = _walk(iterable)
        else:
            self.iter = run_sync_iterable(iterable)
            self.must_be_closed = bool(self.iter.closers)
        if isinstance(iterable, (AsyncGeneratorType, GeneratorType)):
            self.must_be_closed = False  # a generator that has not started needs no close

    async def close(self) -> None:
        """Close the iterator behind the items, unless that was done."""
        if not self._closed:
            self._closed = True
            close = getattr(self.iter, "aclose", None)
            if close is not None:
                await close()

    async def __aenter__(self) -> Self:
        return self

    def __aiter__(self) -> AsyncIterator[Chunk]:
        return self.iter if self._part is None else _Part(self.iter, *self._part)

    async def make_conditional(self, begin: int, end: int | None) -> None:
        """Narrow the body to the bytes [begin, end). Returns None: its length is unknown."""
        self._part = None if end is None else (begin, end)


class _Part(AsyncIterator[bytes]):
    """The bytes [begin, end) of what an iterator yields."""

    def __init__(self, items: AsyncIterator[Chunk], begin: int, end: int) -> None:
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


async def _walk(items: Iterable[Chunk]) -> AsyncIterator[Chunk]:
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
        """Give an open operating-system file that holds the bytes [begin, end), or None.

        A server may send them from there. It is None if the part is empty, in memory, shorter than
        it was, or not stored as such in a file (a compressed file has a descriptor, too).
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

    `begin` and `end` are offsets of the part that is sent, and `size` is the file's size when
    the body was made. If the file has become shorter, sending it raises EOFError.
    """

    def __init__(self, file_path: str | PathLike[str], *, buffer_size: int | None = None) -> None:
        self.file_path = Path(file_path)
        self.size = self.file_path.stat().st_size
        self.begin = 0
        self.end = self.size
        if buffer_size is not None:
            self.buffer_size = buffer_size
        self._file: IO[bytes] | None = None

    async def __aenter__(self) -> Self:
        self._position = self.begin
        # PERF: a file of one piece is opened, read and closed in one trip to a thread.
        try:
            self._first = await off_loop(self._open)
        except asyncio.CancelledError:
            await self.close()
            raise
        return self

    async def close(self) -> None:
        if self._file is not None:
            await off_loop(self._file.close)

    async def is_whole(self) -> bool:
        """Whether the body is all that the file holds now, so that a server may send the file."""
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
            return None  # reading it will fail, too, and raise the error
        if fstat(file.fileno()).st_size < self.end:
            file.close()
            return None
        return file

    def _release(self, file: IO[bytes]) -> None:
        file.close()  # at once, even if cancelled: closing a read-only file never waits

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
    """A seekable binary file object. A BytesIO is read on the event loop, others in threads."""

    def __init__(self, io_stream: IO[bytes], *, buffer_size: int | None = None) -> None:
        self.io_stream = io_stream
        self.size = io_stream.seek(0, SEEK_END)
        io_stream.seek(0)
        self.begin = 0
        self.end = self.size
        if buffer_size is not None:
            self.buffer_size = buffer_size

    async def __aenter__(self) -> Self:
        self._position = self.begin
        self.io_stream.seek(self.begin)
        return self

    async def _read(self, size: int) -> bytes:
        if isinstance(self.io_stream, BytesIO):
            return self.io_stream.read(size)
        return await off_loop(self.io_stream.read, size)

    def _plain_file(self) -> IO[bytes] | None:
        raw: object = self.io_stream
        if type(raw) is BufferedReader:
            raw = raw.raw
        if not isinstance(raw, FileIO) or type(self)._read is not IOBody._read:
            return None
        return None if fstat(raw.fileno()).st_size < self.end else raw
