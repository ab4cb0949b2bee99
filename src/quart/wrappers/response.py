"""`Response`: what a view's value, a redirect and an HTTP error become before they are sent."""

from __future__ import annotations

import secrets
from asyncio import CancelledError
from collections.abc import AsyncGenerator, AsyncIterable, Callable, Generator, Iterable, Mapping
from functools import lru_cache
from http import HTTPStatus
from inspect import isawaitable
from io import BytesIO
from types import EllipsisType
from typing import TYPE_CHECKING, Any, Literal, Self, TypeVar, overload

from werkzeug.datastructures import Headers
from werkzeug.exceptions import HTTPException
from werkzeug.http import HTTP_STATUS_CODES, generate_etag, parse_etags, remove_entity_headers
from werkzeug.sansio.response import Response as SansIOResponse
from werkzeug.utils import get_content_type
from werkzeug.wrappers import Request as WSGIRequest
from werkzeug.wrappers import Response as WSGIResponse

from .. import json
from ..environ import response_of
from ..globals import _cv_quart, current_app
from ..headers import (
    ResponseHeaders,
    check_header_value,
    check_parsed_length,
    encode_header_items,
)
from ..utils import file_path_to_path
from ..workers import awaited_or_blocking, run_sync_iterable
from .base import read_date
from .flask_response import AsFlaskResponse
from .ranges import RANGES, MultiRangeBody, SlicedBody, satisfiable_ranges
from .response_body import (
    DataBody,
    FileBody,
    IOBody,
    IterableBody,
    ResponseBody,
    _raise_if_invalid_range,
    as_body,
)

if TYPE_CHECKING:
    from ..ctx import AppContext
    from ..typing import Chunk
    from .request import Request

__all__ = (
    "DataBody",
    "FileBody",
    "IOBody",
    "IterableBody",
    "Response",
    "ResponseBody",
    "_raise_if_invalid_range",
    "current_app",
    "file_path_to_path",
    "json",
    "run_sync_iterable",
)

F = TypeVar("F", bound=Callable[[], object])

# PERF: status lines, content types and names are made once, because many responses use them.
_STATUS_LINES: dict[int | str, tuple[str, int]] = {
    code: (f"{code} {phrase.upper()}", code)
    for code, phrase in HTTP_STATUS_CODES.items()
    if 100 <= code <= 599
}


@lru_cache(maxsize=128)
def _content_type(mimetype: str) -> str:
    return get_content_type(mimetype, "utf-8")


@lru_cache(maxsize=128)
def _type_item(content_type: str) -> tuple[bytes, bytes]:
    """Return a Content-Type header as it is sent."""
    check_header_value("Content-Type", content_type)
    return b"content-type", content_type.encode("latin-1").strip()


# PERF: a cache with one argument needs no tuple as its key.
@lru_cache(maxsize=128)
def _mimetype_item(mimetype: str) -> tuple[bytes, bytes]:
    return _type_item(_content_type(mimetype))


# PERF: a dict answers in a third of the time of a cache.
_USUAL_TYPES = {each: _mimetype_item(each) for each in ("text/html", "application/json")}


class Response(AsFlaskResponse):
    """A response. `response` is its body, one of the kinds of `ResponseBody`.

    `response` may be a str, bytes, a `ResponseBody`, any iterable or async iterable of str or
    bytes, or None for an empty body; `status` may be an int, an HTTPStatus or "201 CREATED".
    Raises ValueError for a status outside 100 to 599.
    """

    #: Whether a body in memory sets Content-Length.
    automatically_set_content_length = True
    default_mimetype: str | None = "text/html"
    #: Whether `get_data` keeps the bytes of a stream that it has read.
    implicit_sequence_conversion = True
    #: As in Flask; bodies are never changed here, so it has no effect.
    direct_passthrough = False
    #: As in Flask; a relative Location is sent unchanged, which RFC 9110 allows.
    autocorrect_location_header = False
    #: Decodes the body for `json` and `get_json`.
    json_module = json

    data_body_class = DataBody
    file_body_class = FileBody
    io_body_class = IOBody
    iterable_body_class = IterableBody

    #: Seconds that sending may take in total. `...`: RESPONSE_TIMEOUT; None: no limit.
    timeout: float | EllipsisType | None = ...
    #: Headers that are sent after the body, if the server and the client support it.
    trailers: Headers | None

    # PERF: for bytes in memory, the body object and `headers` are made when they are first used;
    # until then `_encoded` holds the headers as they are sent.
    _data: bytes | None
    _body: ResponseBody | None = None
    _headers: Headers | None = None
    _encoded: list[tuple[bytes, bytes]] | None
    _on_close: list[Callable[[], object]] | None
    #: The context in which a streamed body was made: an error in the body is answered there.
    _context: AppContext | None = None

    # PERF: this repeats the constructor of Werkzeug's `Response`, which takes longer. It is safe
    # while status, headers and body follow from the arguments as they do there.
    def __init__(
        self,
        response: ResponseBody | Chunk | Iterable[Chunk] | AsyncIterable[Chunk] | None = None,
        status: int | str | HTTPStatus | None = None,
        headers: Mapping[str, str | Iterable[str]] | Iterable[tuple[str, str]] | None = None,
        mimetype: str | None = None,
        content_type: str | None = None,
        direct_passthrough: bool = False,  # as in Flask; it has no effect here
    ) -> None:
        if status is None:
            status = self.default_status
        self._status, self._status_code = _STATUS_LINES.get(status) or self._clean_status(status)

        data: bytes | None
        if isinstance(response, str):
            data = response.encode()
        elif isinstance(response, (bytes, bytearray, memoryview)):
            data = response if type(response) is bytes else bytes(response)
        else:
            data = None

        item = None
        if headers is None:
            if content_type is not None:
                item = _type_item(content_type)
            elif plain := mimetype or self.default_mimetype:
                item = _USUAL_TYPES.get(plain) or _mimetype_item(plain)
        if item is not None:
            if data is not None and self.automatically_set_content_length:
                self._encoded = [item, (b"content-length", b"%d" % len(data))]
            else:
                self._encoded = [item]
        else:
            # A copy, because the caller may give the same headers to two responses.
            self.headers = ResponseHeaders.copied_from(headers)  # pyright: ignore[reportIncompatibleVariableOverride]
            if content_type is None:
                if mimetype is not None:
                    content_type = _content_type(mimetype)
                elif self.default_mimetype is not None and "Content-Type" not in self.headers:
                    content_type = _content_type(self.default_mimetype)
            if content_type is not None:
                self.headers["Content-Type"] = content_type
            if data is not None and self.automatically_set_content_length:
                self.headers["Content-Length"] = str(len(data))

        self.trailers = None
        self._on_close = None
        self._data = data
        if response is None:
            self._data = b""
            if self.automatically_set_content_length:
                self.headers.setdefault("Content-Length", "0")
        elif data is None:
            if isinstance(response, ResponseBody):
                self._body = response
            elif isinstance(response, BytesIO):
                self._body = self.io_body_class(response)
            elif isinstance(response, (list, tuple)):
                items = tuple(response)  # a copy, so that the length stays right
                self._body = self.iterable_body_class(items)
                if self.automatically_set_content_length:
                    length = _length_of(items)
                    if length is not None:
                        self.headers["Content-Length"] = str(length)
            else:
                # Bytes were handled above.
                self._body = self.iterable_body_class(response)  # type: ignore[arg-type]
            if isinstance(self._body, IterableBody) and self._body.must_be_closed:
                self._on_close = [self._body.close]
            self._context = _cv_quart.get(None)

    @property
    def headers(self) -> Headers:
        """The headers. They can be changed until they are sent."""
        headers = self._headers
        if headers is None:
            headers = self._headers = ResponseHeaders.of(self._encoded or ())
            self._encoded = None
        return headers

    @headers.setter
    def headers(self, headers: Headers | Mapping[str, str] | Iterable[tuple[str, str]]) -> None:
        self._headers = headers if isinstance(headers, Headers) else Headers(headers)
        self._encoded = None

    @property
    def response(self) -> ResponseBody:
        """The body."""
        if self._body is None:
            assert self._data is not None
            self._body = self.data_body_class(self._data)
            self._data = None
        return self._body

    @response.setter
    def response(self, body: ResponseBody | Iterable[str | bytes]) -> None:
        self._body = as_body(body)
        self._data = self._context = None

    @classmethod
    def force_type(cls, response: SansIOResponse, environ: object = None) -> Response:
        """Convert a response of Werkzeug's, WSGI or sans-IO, to this class.

        `environ` may be given, as in Flask; it is not used.
        """
        if isinstance(response, Response):
            return response
        typed = "Content-Type" in response.headers
        if not isinstance(response, WSGIResponse):
            result = cls(None, response.status, response.headers)
        elif response.is_sequence:
            result = cls(response.get_data(), response.status, response.headers)
            result.call_on_close(response.close)
        else:
            result = cls(response.iter_encoded(), response.status, response.headers)
            result.call_on_close(response.close)
        if not typed:
            del result.headers["Content-Type"]
        return result

    @classmethod
    def from_exception(cls, error: HTTPException) -> Response:
        """Return the response of an HTTP exception: the one it carries, or its error page."""
        # PERF: this repeats `HTTPException.get_response` with a page that is made once. It is safe
        # if neither the exception nor its class has changed anything the page is made from.
        kind = type(error)
        page = _default_page(kind)  # type: ignore[arg-type]  # classes are hashable
        if (
            page is not None
            and error.response is None
            and error.description is page[0]
            and error.code == page[1]
        ):
            data = page[2]
        elif kind.get_response is not HTTPException.get_response or error.response is not None:
            return cls.force_type(response_of(error))
        else:
            data = error.get_body().encode()
        if kind.get_headers is HTTPException.get_headers:
            return cls(data, error.code, content_type="text/html; charset=utf-8")
        return cls(data, error.code, error.get_headers())

    # Status and headers

    def _clean_status(self, value: str | int | HTTPStatus) -> tuple[str, int]:
        if type(value) is int and value in _STATUS_LINES:
            return _STATUS_LINES[value]
        status, code = super()._clean_status(value)
        if not 100 <= code <= 599:
            raise ValueError(f"The status of a response must be from 100 to 599, not {value!r}.")
        return status, code

    def header_items(self) -> list[tuple[bytes, bytes]]:
        """Return the headers as ASGI sends them: lower-case names, Latin-1 values.

        Raises ValueError like `encode_header_items`. Headers that the status forbids are left out:
        Content-Length for 1xx and 204, the entity headers for 304.
        """
        items = encode_header_items(self.headers) if self._encoded is None else self._encoded
        code = self._status_code
        if code < 200 or code == 204:
            items = [item for item in items if item[0] != b"content-length"]
        elif code == 304:
            items = [item for item in items if item[0] not in _ENTITY_HEADERS]
        return items

    @property
    def max_cookie_size(self) -> int:  # type: ignore[override]
        """The size in bytes above which a cookie causes a warning: MAX_COOKIE_SIZE."""
        ctx = _cv_quart.get(None)
        size: int = 4093 if ctx is None else ctx.app.config["MAX_COOKIE_SIZE"]
        return size

    def __await__(self) -> Generator[object, None, Self]:
        # Stages return an awaitable; one that has its response ready returns the response itself.
        yield from ()
        return self

    # The body

    @property
    def is_streamed(self) -> bool:
        """Whether the body is made while it is sent."""
        body = self._body
        return isinstance(body, IterableBody) and body.streamed

    @property
    def is_sequence(self) -> bool:
        """Whether the whole body is in memory."""
        return isinstance(self.response, DataBody)

    @property
    @awaited_or_blocking
    async def data(self) -> bytes:
        """The whole body as bytes. Setting it replaces the body, as `set_data` does."""
        return await self.get_data(as_text=False)

    @data.setter
    def data(self, value: str | bytes) -> None:
        self.set_data(value)

    @overload
    async def get_data(self, as_text: Literal[True]) -> str: ...

    @overload
    async def get_data(self, as_text: Literal[False] = ...) -> bytes: ...

    @overload
    async def get_data(self, as_text: bool = ...) -> str | bytes: ...

    @awaited_or_blocking
    async def get_data(self, as_text: bool = False) -> str | bytes:
        """Return the whole body, as bytes or decoded from UTF-8.

        A streamed body is read, and kept if `implicit_sequence_conversion` is set.
        """
        if self.implicit_sequence_conversion:
            await self.make_sequence()
        if isinstance(self.response, DataBody):
            data = self.response.data
        else:
            data = b"".join([chunk async for chunk in self.iter_encode()])
        return data.decode() if as_text else data

    def set_data(self, data: str | bytes = b"", *, value: str | bytes = b"") -> None:
        """Replace the body, and Content-Length if `automatically_set_content_length` is set.

        Flask calls the argument `value`.
        """
        data = data or value
        if isinstance(data, str):
            data = data.encode()
        self.response = self.data_body_class(data)
        if self.automatically_set_content_length:
            self.headers["Content-Length"] = str(len(data))

    def calculate_content_length(self) -> int | None:
        """Return the length in bytes of a body in memory; None for a stream."""
        body = self.response
        return len(body.data) if isinstance(body, DataBody) else None

    @property
    @awaited_or_blocking
    async def json(self) -> Any:
        """The body parsed as JSON; None for another content type."""
        return await self.get_json()

    @awaited_or_blocking
    async def get_json(self, force: bool = False, silent: bool = False) -> Any:
        """Parse the body as JSON; None for another content type unless `force` is set.

        If the body is not JSON, this raises ValueError, or returns None if `silent`.
        """
        if not (force or self.is_json):
            return None
        try:
            return self.json_module.loads(await self.get_data())
        except ValueError:
            if silent:
                return None
            raise

    @awaited_or_blocking
    async def make_sequence(self) -> None:
        """Read the body into memory."""
        if not isinstance(self.response, DataBody):
            self.set_data(b"".join([chunk async for chunk in self.iter_encode()]))

    async def iter_encode(self) -> AsyncGenerator[bytes, None]:
        """Iterate over the pieces of the body, as bytes."""
        async with self.response as chunks:
            async for chunk in chunks:
                yield chunk.encode() if isinstance(chunk, str) else bytes(chunk)

    @awaited_or_blocking
    async def freeze(self) -> None:
        """Read the body into memory and set its length and ETag, so that it can be cached."""
        await self.make_sequence()
        self.headers["Content-Length"] = str(len(await self.get_data()))
        await self.add_etag()

    @awaited_or_blocking
    async def add_etag(self, overwrite: bool = False, weak: bool = False) -> None:
        """Set an ETag computed from the body, unless there is one and `overwrite` is false."""
        if overwrite or "ETag" not in self.headers:
            self.set_etag(generate_etag(await self.get_data()), weak)

    def call_on_close(self, func: F) -> F:
        """Call `func`, sync or async, when the response has been sent or given up."""
        if self._on_close is None:
            self._on_close = []
        self._on_close.append(func)
        return func

    @awaited_or_blocking
    async def close(self) -> None:
        """Call all functions given to `call_on_close`, once; then raise their errors, if any."""
        functions, self._on_close = self._on_close or [], None
        errors: list[Exception] = []
        cancelled = None
        for func in functions:
            try:
                result = func()
                if isawaitable(result):
                    await result
            except CancelledError as error:
                cancelled = error
            except Exception as error:
                errors.append(error)
        if cancelled is not None:
            raise cancelled
        if len(errors) == 1:
            raise errors[0]
        if errors:
            raise ExceptionGroup("Errors while a response was closed", errors)

    # Conditions and ranges

    @awaited_or_blocking
    async def make_conditional(
        self,
        request: Request | dict[str, object],
        accept_ranges: bool | str = False,
        complete_length: int | None = None,
    ) -> Self:
        """Apply the request's conditions (GET, HEAD, QUERY) and ranges (GET): RFC 9110, sections
        13 and 14.

        The response becomes 304 or 412 if a condition says so. It becomes 206 for the requested
        ranges if `accept_ranges` is set or `complete_length` is given, which is the length of the
        body in bytes, for bodies that do not know it. Raises RequestedRangeNotSatisfiable. Instead
        of the request its `environ` may be given, as in Flask.
        """
        asking: Any = request
        if isinstance(request, dict):
            asking = request.get("werkzeug.request") or WSGIRequest(request)
        if asking.method not in ("GET", "HEAD", "QUERY"):
            return self
        code = self._failed_condition(asking)
        if code is not None:
            self.status_code = code
            self.set_data(b"")
            remove_entity_headers(self.headers)
            return self
        if accept_ranges or complete_length is not None:
            unit = accept_ranges if isinstance(accept_ranges, str) else "bytes"
            self.headers["Accept-Ranges"] = unit
            if unit == "bytes" and asking.method == "GET" and self.status_code == 200:
                await self._process_range_request(asking, complete_length, unit)
        return self

    def _failed_condition(self, request: Request) -> Literal[304, 412] | None:
        asked = request.headers
        # PERF: parse the ETag and the date of the response only if there is a condition.
        if if_match := parse_etags(check_parsed_length(asked.get("If-Match"))):
            etag, weak = self.get_etag()
            if etag is not None and not if_match.star_tag and (weak or not if_match.contains(etag)):
                return 412
        elif limit := read_date(asked.get("If-Unmodified-Since")):
            modified = self.last_modified
            if modified is not None and modified > limit:
                return 412
        if if_none_match := parse_etags(check_parsed_length(asked.get("If-None-Match"))):
            etag, _ = self.get_etag()
            if etag is not None and if_none_match.contains_weak(etag):
                return 304
        elif since := read_date(asked.get("If-Modified-Since")):
            modified = self.last_modified
            if modified is not None and modified <= since:
                return 304
        return None

    def _satisfies_if_range(self, value: str) -> bool:
        """Whether If-Range allows a range: strong comparison, RFC 9110 section 13.1.5."""
        if value.endswith('"'):
            etag, weak = self.get_etag()
            return etag is not None and not weak and value == f'"{etag}"'
        date = read_date(value)
        return date is not None and date == self.last_modified

    def _is_range_request_processable(self, request: Request) -> bool:
        """Whether a range is requested, and any If-Range still names this version of the body."""
        if_range = request.headers.get("If-Range")
        return "Range" in request.headers and (
            if_range is None or self._satisfies_if_range(if_range)
        )

    async def _process_range_request(
        self,
        request: Request,
        complete_length: int | None = None,
        accept_ranges: str | None = None,
    ) -> bool:
        """Narrow the response to the requested ranges; return False if it stays whole."""
        asked = RANGES.fullmatch(request.headers.get("Range", ""))
        body = self.response
        if (
            asked is None
            or not isinstance(body, SlicedBody)
            or not self._is_range_request_processable(request)
        ):
            return False
        if complete_length is None:
            complete_length = await body.make_conditional(0, None)
        if not complete_length:
            return False  # an empty body has no ranges; Flask sends it whole
        ranges = satisfiable_ranges(asked[1], complete_length)
        if ranges is None or (len(ranges) > 1 and isinstance(body, IterableBody)):
            return False
        self.status_code = 206
        if len(ranges) == 1:
            begin, end = ranges[0]
            await body.make_conditional(begin, end)
            self.headers["Content-Range"] = f"bytes {begin}-{end - 1}/{complete_length}"
            self.headers["Content-Length"] = str(end - begin)
        else:
            boundary = secrets.token_hex(16)
            content_type = self.headers.get("Content-Type", "application/octet-stream")
            parts = MultiRangeBody(body, ranges, complete_length, content_type, boundary)
            self.response = parts
            self.headers["Content-Type"] = f"multipart/byteranges; boundary={boundary}"
            self.headers["Content-Length"] = str(parts.size)
        return True


def _length_of(items: tuple[object, ...]) -> int | None:
    """Return the length of a body in bytes; None if an item is neither str nor bytes."""
    length = 0
    for item in items:
        if isinstance(item, str):
            item = item.encode()
        elif not isinstance(item, bytes):
            return None
        length += len(item)
    return length


_ENTITY_HEADERS = frozenset(
    f"content-{name}".encode()
    for name in ("encoding", "language", "length", "md5", "range", "type")
)


@lru_cache(maxsize=256)
def _default_page(kind: type[HTTPException]) -> tuple[str | None, int | None, bytes] | None:
    """Return description, code and page of an exception class; None if its instances differ."""
    description = kind.description
    if isinstance(description, property) or any(
        getattr(kind, name) is not getattr(HTTPException, name)
        for name in ("get_body", "get_description", "get_response", "name")
    ):
        return None
    plain = HTTPException(description)
    plain.code = kind.code
    return description, kind.code, plain.get_body().encode()
