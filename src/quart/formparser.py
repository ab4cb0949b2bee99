"""Form parsing: urlencoded and multipart bodies, whole or part by part, within limits."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator
from contextvars import copy_context
from io import BytesIO
from math import inf
from os import PathLike
from tempfile import TemporaryFile
from types import EllipsisType
from typing import IO, TYPE_CHECKING, Any, ClassVar, NoReturn, TypeVar
from urllib.parse import parse_qsl

from multipart import (  # type: ignore[import-untyped]
    MultipartError,
    MultipartSegment,
    ParserLimitReached,
    PushMultipartParser,
)
from werkzeug.datastructures import Headers, MultiDict
from werkzeug.exceptions import BadRequest, RequestEntityTooLarge, UnsupportedMediaType
from werkzeug.http import parse_options_header

from .datastructures import FileStorage
from .threads import off_loop, parse_off_loop
from .utils import add_piece

if TYPE_CHECKING:
    from werkzeug.sansio.multipart import File

    from .wrappers.body import Body

T = TypeVar("T")

Form = tuple[MultiDict[str, Any], MultiDict[str, Any]]
ParserFunc = Callable[["FormDataParser", "Body", str, int | None, dict[str, str]], Awaitable[Form]]
StreamFactory = Callable[[int | None, str | None, str | None, int | None], IO[bytes]]

#: Uploads of up to this many bytes stay in memory; larger ones go to disk.
SPOOL_SIZE = 1024 * 1024
#: Text longer than this many bytes is parsed in a thread.
LONG_TEXT = 32 * 1024
#: A part's header longer than this many characters is parsed in a thread. Werkzeug takes a
#: microsecond for each, and a form may have a thousand parts.
LONG_PART_HEADER = 128
#: Uploads are written to disk this many bytes at a time.
WRITE_SIZE = 256 * 1024


def default_stream_factory(
    total_content_length: int | None,
    content_type: str | None,
    filename: str | None,
    content_length: int | None = None,
) -> IO[bytes]:
    """Make a temporary file for an upload that is too large for memory."""
    return TemporaryFile("w+b")


# The header as browsers write it; all parsers agree about it.
_PLAIN_DISPOSITION = re.compile(
    r'form-data; name="[^"\\%;\x00-\x1f]*"(?:; filename="[^"\\%;\x00-\x1f]*")?'
)


# A header that starts with its name (RFC 5322, section 2.2), or a line that continues the header
# before it. Half a line end does not match.
_HEADER_LINE = re.compile(rb"(?:[!-9;-~]+:|[ \t])[^\r\n]*")
# The number of delimiters in one chunk that are checked one by one.
_FEW_DELIMITERS = 16


class _Parser(PushMultipartParser):  # type: ignore[misc]
    """The parser, except that it refuses space around the name of a header."""

    def _on_segment_headerline(self, line: bytes) -> None:
        if not _HEADER_LINE.fullmatch(line):
            raise MultipartError("Malformed segment header")
        super()._on_segment_headerline(line)


class _Events:
    """The events of a body: for each part its head, its content in pieces, and None."""

    _error: Exception | None = None

    def __init__(self, parser: MultiPartParser, body: Body, boundary: bytes) -> None:
        limit = parser.max_form_parts
        self.max_field_size = parser.max_form_memory_size
        self._fail = parser.fail
        self._receive = aiter(body).__anext__
        self._events: deque[Any] = deque()
        self._empty = True
        self._delimiter = b"--" + boundary
        self._delimited = False  # whether the first delimiter has arrived
        self._tail = b""  # the end of what arrived before
        self._within = False  # whether the next bytes are a part's content
        self._start: bytes | None = None  # of a part's content, while it may be a delimiter
        try:
            self._parser = _Parser(boundary, max_segment_count=inf if limit is None else limit)
        except MultipartError as error:
            self._refuse(error)

    async def next(self) -> Any:
        """Return the next event, or None at the end. A parser that has failed fails again."""
        if self._error is not None:
            raise self._error
        events = self._events
        while not events:
            try:
                # PERF: `async for` would add a frame for each chunk.
                chunk = await self._receive()
            except StopAsyncIteration:
                chunk = None
            try:
                if chunk is None:
                    # A form without fields may be sent as no bytes at all; any other form must be
                    # complete.
                    self._parser.close(check_complete=not self._empty)
                    return None
                self._empty = False
                if not self._parser.closed:
                    if self._is_content(chunk):
                        events.append(chunk)  # PERF: the parser would find nothing else in it
                    else:
                        events.extend(self._checked(self._parser.parse(chunk)))
            except MultipartError as error:
                self._refuse(error)
        return events.popleft()

    # Parsers disagree on what follows, so it is refused: a filter in front may see another form.

    def _is_content(self, chunk: bytes) -> bool:
        """Whether a chunk is only content of a part. Its delimiters are checked."""
        delimiter, tail = self._delimiter, self._tail
        size = len(delimiter)
        self._tail = (tail + chunk[-size - 1 :])[-size - 1 :]
        # PERF: most chunks of a file have no delimiter. They are searched once and not copied.
        if delimiter in chunk or delimiter in tail + chunk[: size - 1]:
            self._check_delimiters(tail + chunk, begun=bool(tail))
            return False
        # After a line end the parser waits, because a delimiter may follow.
        waits = b"\r" in tail or b"\r" in self._tail
        return self._within and self._start is None and not waits

    def _check_delimiters(self, data: bytes, begun: bool) -> None:
        """Refuse a delimiter after half a line end, which other parsers take for a whole one."""
        delimiter = self._delimiter
        at = data.find(delimiter)
        looked_at = 0
        while at >= 0:
            before = data[max(0, at - 2) : at]
            # The first two bytes of a tail were checked with the bytes before them.
            if (
                (at > 1 or not begun)
                and before not in (b"\r\n", b"")
                and (not self._delimited or before[-1:] in (b"\r", b"\n"))
            ):
                self.refuse("A delimiter is not at the beginning of a line")
            self._delimited = True
            looked_at += 1
            # PERF: if there are many, checking each takes long. All are in order, as in nearly
            # every form, if as many delimiters follow a line end.
            if looked_at == _FEW_DELIMITERS and (
                data.count(delimiter, at + 1) == data.count(b"\r\n" + delimiter, at + 1)
            ):
                break
            at = data.find(delimiter, at + len(delimiter))

    def _checked(self, events: Iterable[Any]) -> Iterator[Any]:
        """Refuse a part that begins with a delimiter, which others take for an empty part."""
        for event in events:
            if isinstance(event, MultipartSegment):
                self._within, self._start = True, b""
            elif event is None:
                self._within, self._start = False, None
            elif self._start is not None:
                start = self._start = self._start + event[: len(self._delimiter)]
                if start.startswith(self._delimiter):
                    self.refuse("A part has no content")
                if not self._delimiter.startswith(start):
                    self._start = None
            yield event

    def _refuse(self, error: MultipartError) -> NoReturn:
        if isinstance(error, ParserLimitReached):
            self._error = RequestEntityTooLarge(
                "The form has more parts than MAX_FORM_PARTS allows."
            )
            raise self._error from None
        self.refuse(str(error.args[0]))

    def refuse(self, message: str) -> NoReturn:
        try:
            self._fail(message)
        except Exception as error:
            self._error = error
            raise


class Part:
    """One part of a multipart body while it arrives, from `request.multipart()`.

    `name` (str) is the field's name, `filename` (str or None) the file's, `headers` the part's
    `Headers` and `content_type` its Content-Type (str or None). Iterate over it once to get its
    chunks, or call `read` or `save`. What you leave unread is skipped when you go to the next part.
    """

    def __init__(self, segment: MultipartSegment, events: _Events) -> None:
        # `Parts` replaces both names if the header is not as browsers write it.
        self.name: str = segment.name or ""
        self.filename: str | None = segment.filename
        self.content_type: str | None = segment.header("Content-Type")
        # PERF: the lines were checked already, so `add` need not do it again.
        self.headers = Headers.__new__(Headers)
        self.headers._list = segment.headerlist
        self._events = events
        self._ended = False

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        if not self._ended:
            chunk: bytes | None = await self._events.next()
            if chunk is not None:
                return chunk
            self._ended = True
        raise StopAsyncIteration

    async def read(self, max_size: int | EllipsisType | None = ...) -> bytes:
        """Read the rest of the part. Raises RequestEntityTooLarge for more than `max_size` bytes.

        `...` means the request's `max_form_memory_size`; None means no limit.
        """
        if max_size is ...:
            max_size = self._events.max_field_size
        chunks: list[bytes | bytearray] = []
        size = 0
        async for chunk in self:
            size += len(chunk)
            if max_size is not None and size > max_size:
                raise RequestEntityTooLarge(
                    f"The field {self.name!r} is larger than MAX_FORM_MEMORY_SIZE allows"
                    f" ({max_size} bytes)."
                )
            add_piece(chunks, chunk)
        return b"".join(chunks)

    async def text(self, max_size: int | EllipsisType | None = ...) -> str:
        """Read the rest of the part like `read`, as text in its charset, or else UTF-8."""
        data = await self.read(max_size)
        charset = await _read_header(self.content_type or "", _charset, self.headers)
        return data.decode(charset, "replace")

    async def save(self, destination: str | PathLike[str]) -> int:
        """Write the rest of the part to a file at `destination`; return the number of bytes."""
        file: IO[bytes] | None = None

        def write(chunk: bytes) -> int:
            nonlocal file
            if file is None:
                file = open(destination, "wb")  # noqa: SIM115 (closed below)
            return file.write(chunk)

        try:
            size = await off_loop(write, b"")  # so that an empty part makes an empty file
            async for chunk in self:
                size += await off_loop(write, chunk)
        finally:
            if file is not None:
                await off_loop(file.close)
        return size


class Parts:
    """The parts of a multipart body while they arrive, each of them once."""

    _part: Part | None = None

    def __init__(self, parser: MultiPartParser, body: Body, boundary: bytes) -> None:
        self._events = _Events(parser, body, boundary)

    def __aiter__(self) -> AsyncIterator[Part]:
        return self

    async def __anext__(self) -> Part:
        if self._part is not None:
            async for _ in self._part:
                pass
        segment = await self._events.next()
        if segment is None:
            self._part = None
            raise StopAsyncIteration
        names = [name.lower() for name, _ in segment.headerlist]
        if names.count("content-disposition") > 1 or names.count("content-type") > 1:
            self._events.refuse("A part has the same header twice")
        for _, value in segment.headerlist:
            if "\n" in value or "\r" in value:
                self._events.refuse("Line break in segment header")
        part = self._part = Part(segment, self._events)
        disposition = segment.header("Content-Disposition") or ""
        if not _PLAIN_DISPOSITION.fullmatch(disposition):
            # Read it as Flask does, including names in the form of RFC 5987, which some clients
            # send despite RFC 7578, section 4.2.
            _, options = await _read_header(disposition, parse_options_header, disposition)
            part.name = options.get("name", "")
            part.filename = options.get("filename")
        return part


class MultiPartParser:
    """Parses multipart/form-data (RFC 7578).

    Text fields may have `max_form_memory_size` bytes each, and the form `max_form_parts` parts;
    more raises RequestEntityTooLarge. A malformed or incomplete form raises BadRequest.
    """

    def __init__(
        self,
        *,
        buffer_size: int = 64 * 1024,
        cls: type[MultiDict[str, Any]] = MultiDict,
        file_storage_cls: type[FileStorage] = FileStorage,
        max_content_length: int | None = None,
        max_form_memory_size: int | None = None,
        max_form_parts: int | None = None,
        stream_factory: StreamFactory = default_stream_factory,
    ) -> None:
        self.buffer_size = buffer_size
        self.cls = cls
        self.file_storage_cls = file_storage_cls
        self.max_content_length = max_content_length
        self.max_form_memory_size = max_form_memory_size
        self.max_form_parts = max_form_parts
        self.stream_factory = stream_factory

    def fail(self, message: str) -> NoReturn:
        """Refuse the form: raise BadRequest."""
        raise BadRequest(f"Malformed multipart form: {message}.")

    def get_part_charset(self, headers: Headers) -> str:
        """Return the charset of a text field: its own if it is a common one, else UTF-8."""
        return _charset(headers)

    def start_file_streaming(
        self, event: File | Part, total_content_length: int | None
    ) -> IO[bytes]:
        """Open the file object for an upload of more than SPOOL_SIZE bytes."""
        length = event.headers.get("Content-Length", type=int)
        return self.stream_factory(
            total_content_length, event.headers.get("Content-Type"), event.filename, length
        )

    async def parse(self, body: Body, boundary: bytes, content_length: int | None) -> Form:
        """Parse the form; return its fields and its files."""
        fields: list[tuple[str, str]] = []
        files: list[tuple[str, FileStorage]] = []
        try:
            async for part in self.parts(body, boundary):
                if part.filename is None:
                    data = await part.read()
                    header = part.content_type or ""
                    charset = await _read_header(header, self.get_part_charset, part.headers)
                    fields.append((part.name, data.decode(charset, "replace")))
                else:
                    files.append((part.name, await self._receive_file(part, content_length)))
        except BaseException:
            for _, file in files:
                file.close()
            raise
        return self.cls(fields), self.cls(files)

    def parts(self, body: Body, boundary: bytes) -> Parts:
        """Iterate over the parts of the form as they arrive."""
        return Parts(self, body, boundary)

    async def _receive_file(self, part: Part, content_length: int | None) -> FileStorage:
        chunks: list[bytes | bytearray] = []
        size = 0
        stream: IO[bytes] | None = None
        receive = part._events.next

        def write() -> IO[bytes]:
            nonlocal stream
            if stream is None:
                stream = self.start_file_streaming(part, content_length)
            stream.write(b"".join(chunks))
            return stream

        try:
            # PERF: one event per chunk, without the frame of `part` in between.
            while (chunk := await receive()) is not None:
                add_piece(chunks, chunk)
                size += len(chunk)
                if size > (SPOOL_SIZE if stream is None else WRITE_SIZE):
                    await off_loop(write)
                    chunks.clear()
                    size = 0
            if stream is None and self.stream_factory is default_stream_factory:
                # PERF: BytesIO shares the bytes it is made from; writing to it would copy them.
                stream = BytesIO(b"".join(chunks))
            else:
                (await off_loop(write)).seek(0)
            part._ended = True
        except BaseException:
            if stream is not None:
                stream.close()
            raise
        return self.file_storage_cls(stream, part.filename, part.name, headers=part.headers)


class FormDataParser:
    """Parses the body of a form by its content type: urlencoded or multipart/form-data.

    `cls` is the type of both results. A urlencoded body may have `max_form_memory_size` bytes; for
    multipart see `MultiPartParser`.
    """

    file_storage_class = FileStorage

    def __init__(
        self,
        *,
        cls: type[MultiDict[str, Any]] | None = MultiDict,
        max_content_length: int | None = None,
        max_form_memory_size: int | None = None,
        max_form_parts: int | None = None,
        silent: bool = True,
        stream_factory: StreamFactory = default_stream_factory,
    ) -> None:
        self.cls = MultiDict if cls is None else cls
        self.max_content_length = max_content_length
        self.max_form_memory_size = max_form_memory_size
        self.max_form_parts = max_form_parts
        self.silent = silent
        self.stream_factory = stream_factory

    def get_parse_func(self, mimetype: str, options: dict[str, str]) -> ParserFunc | None:
        """Return the function that parses a content type, or None if it is not a form."""
        return self.parse_functions.get(mimetype)

    async def parse(
        self,
        body: Body,
        mimetype: str,
        content_length: int | None,
        options: dict[str, str] | None = None,
    ) -> Form:
        """Parse the form; return its fields and files, which are empty for other content types.

        Raises BadRequest and RequestEntityTooLarge. If a parse function raises ValueError, the
        result is an empty form if `silent` is true.
        """
        limit = self.max_content_length
        if limit is not None and content_length is not None and content_length > limit:
            raise RequestEntityTooLarge(
                f"The body is larger than MAX_CONTENT_LENGTH allows ({limit} bytes)."
            )
        options = options or {}
        func = self.get_parse_func(mimetype, options)
        if func is not None:
            try:
                return await func(self, body, mimetype, content_length, options)
            except ValueError:
                if not self.silent:
                    raise
        return self.cls(), self.cls()

    def parts(self, body: Body, mimetype: str, options: dict[str, str]) -> Parts:
        """Iterate over the parts of a multipart body as they arrive."""
        if mimetype != "multipart/form-data":
            raise UnsupportedMediaType("The request's Content-Type is not 'multipart/form-data'.")
        return self._multipart_parser().parts(body, _boundary(options))

    def _multipart_parser(self) -> MultiPartParser:
        return MultiPartParser(
            cls=self.cls,
            file_storage_cls=self.file_storage_class,
            max_content_length=self.max_content_length,
            max_form_memory_size=self.max_form_memory_size,
            max_form_parts=self.max_form_parts,
            stream_factory=self.stream_factory,
        )

    async def _parse_multipart(
        self, body: Body, mimetype: str, content_length: int | None, options: dict[str, str]
    ) -> Form:
        parser = self._multipart_parser()
        return await parser.parse(body, _boundary(options), content_length)

    async def _parse_urlencoded(
        self, body: Body, mimetype: str, content_length: int | None, options: dict[str, str]
    ) -> Form:
        # The body keeps its data, because web hooks sign the bytes of a form.
        data = await body.read_whole(self.max_form_memory_size)
        if len(data) < LONG_TEXT:
            return self._parse_query(data), self.cls()
        return await parse_off_loop(self._parse_query, data), self.cls()

    def _parse_query(self, data: bytes) -> MultiDict[str, Any]:
        # Bytes that are not UTF-8 stay percent-encoded, as in Werkzeug's query strings.
        # PERF: done with surrogates, because an error handler is called once for each such byte.
        try:
            text = data.decode()
        except UnicodeDecodeError:
            text = _quote_non_ascii(data).decode()
        pairs = parse_qsl(text, keep_blank_values=True, errors="surrogateescape")
        return self.cls(
            [(_quote_surrogates(name), _quote_surrogates(value)) for name, value in pairs]
        )

    parse_functions: ClassVar[dict[str, ParserFunc]] = {
        "multipart/form-data": _parse_multipart,
        "application/x-www-form-urlencoded": _parse_urlencoded,
        "application/x-url-encoded": _parse_urlencoded,
    }


async def _read_header(value: str, read: Callable[..., T], argument: object) -> T:
    """Return `read(argument)`, which parses this header of a part; if it is long, in a thread."""
    if len(value) <= LONG_PART_HEADER:
        return read(argument)
    return await parse_off_loop(copy_context().run, read, argument)


def _percent_encode(data: bytes) -> str:
    return "%" + data.hex("%").upper()


def _quote_non_ascii(data: bytes) -> bytes:
    return re.sub(rb"[\x80-\xff]+", lambda match: _percent_encode(match[0]).encode(), data)


def _quote_surrogates(text: str) -> str:
    if text.isascii():
        return text
    return re.sub(
        "[\udc80-\udcff]+",
        lambda match: _percent_encode(match[0].encode("ascii", "surrogateescape")),
        text,
    )


def _boundary(options: dict[str, str]) -> bytes:
    try:
        return options.get("boundary", "").encode("ascii")
    except UnicodeEncodeError:
        raise BadRequest("Malformed multipart form: Invalid characters in boundary.") from None


def _charset(headers: Headers) -> str:
    # PERF: most fields have no type, and looking for a missing key in `Headers` is slow.
    for name, value in headers:
        if name == "Content-Type":
            charset = parse_options_header(value)[1].get("charset", "").lower()
            return charset if charset in {"ascii", "us-ascii", "iso-8859-1"} else "utf-8"
    return "utf-8"
