"""`Request`: what a client asks for, with a body that is read when a view awaits it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterable
from io import BufferedReader
from math import inf
from types import EllipsisType
from typing import TYPE_CHECKING, Any, Literal, Protocol, Self, TypeVar, overload

from werkzeug.datastructures import CombinedMultiDict, Headers, MultiDict
from werkzeug.exceptions import BadRequest, UnsupportedMediaType

from .._speedups import lazily
from ..datastructures import FileStorage
from ..environ import environ_of
from ..formparser import FormDataParser
from ..globals import _cv_quart, current_app
from ..json.long import LONG_JSON, loads_off_loop
from ..workers import awaited_or_blocking, in_worker_thread
from .base import BaseRequestWebsocket
from .body import Body, BodyFile

if TYPE_CHECKING:
    from wsgiref.types import WSGIEnvironment

    from ..app import Quart
    from ..formparser import Part, Parts

__all__ = (
    "SERVER_PUSH_HEADERS_TO_COPY",
    "BaseRequestWebsocket",
    "Body",
    "FileStorage",
    "FormDataParser",
    "Request",
    "current_app",
)

T = TypeVar("T")

#: The request headers that a server push promise repeats.
SERVER_PUSH_HEADERS_TO_COPY = {
    "accept",
    "accept-encoding",
    "accept-language",
    "cache-control",
    "user-agent",
}


class Connection(Protocol):
    """The parts of a connection that a request uses; asgi implements them."""

    app: Quart
    task: asyncio.Task[object] | None  # None if the body is pushed

    async def pull_body(self, body: Body) -> None: ...
    async def is_disconnected(self) -> bool: ...
    async def send_early_hints(self, links: Iterable[str]) -> None: ...
    async def send_push_promise(self, path: str, headers: Headers) -> None: ...


class DebugFilesKeyError(KeyError, AssertionError):
    """Raised for a missing file if the form's encoding sends only the names of files."""

    def __init__(self, key: str, mimetype: str, names: list[str]) -> None:
        self._message = (
            f"There is no file {key!r} in request.files: the request has the type {mimetype!r},"
            ' which cannot carry files. Put enctype="multipart/form-data" into the form.'
        )
        if names:
            sent = ", ".join(repr(name) for name in names)
            self._message += f" The browser sent only the name of the file: {sent}."
        super().__init__(key)

    def __str__(self) -> str:
        return self._message


class _NoFiles(MultiDict[str, FileStorage]):
    """The files of a form that cannot carry any; in debug mode it explains why."""

    mimetype = ""
    form: MultiDict[str, str] = MultiDict()

    def __getitem__(self, key: str) -> FileStorage:
        raise DebugFilesKeyError(key, self.mimetype, self.form.getlist(key))


class Request(BaseRequestWebsocket):
    """A request. What reads its body is awaited: `data`, `form`, `files`, `json`, `values`.

    Unless they are set, its limits are the application's: `max_content_length` (bytes),
    `body_timeout` (seconds of silence) and those of forms.
    """

    body_class = Body
    form_data_parser_class = FormDataParser
    lock_class = asyncio.Lock

    #: The connection behind it, which receives the body and knows about disconnects.
    _asgi: Connection | None = None

    # PERF: state that most requests never have stays on the class until it is needed.
    _body: Body | None = None
    _body_timeout: float | EllipsisType | None = ...
    # None means the application's limit, as in 0.22; infinity means that there is no limit.
    _max_content_length: float | None = None
    _max_form_memory_size: float | None = None
    _max_form_parts: float | None = None
    _data_awaited = False
    _data_became_form = False
    _form: MultiDict[str, str] | None = None
    _files: MultiDict[str, FileStorage] | None
    _form_error: Exception | None = None
    _parts: Parts | None = None

    # Limits

    def _config(self, key: str, default: T) -> T:
        """Return a value of the application's config, or `default` if there is no application."""
        has_app = self._asgi or _cv_quart.get(None)
        if has_app is None:
            return default
        value: T = has_app.app.config.get(key, default)
        return value

    def _limit(self, own: float | None, key: str, default: int | None) -> int | None:
        if own is None:
            return self._config(key, default)
        return None if own == inf else int(own)

    @property
    def max_content_length(self) -> int | None:
        """The largest number of body bytes that may be read; None: no limit.

        The default is MAX_CONTENT_LENGTH. Set it before the body is read. A longer body raises
        RequestEntityTooLarge, whichever way it is read.
        """
        return self._limit(self._max_content_length, "MAX_CONTENT_LENGTH", None)

    @max_content_length.setter
    def max_content_length(self, value: int | None) -> None:
        self._max_content_length = inf if value is None else value
        if self._body is not None:
            self._body.max_content_length = value

    @property
    def body_timeout(self) -> float | None:
        """For how many seconds the client may be silent while its body is read; None: no limit.

        The default is BODY_TIMEOUT. Longer silence raises RequestTimeout.
        """
        if self._body_timeout is ...:
            default: float | None = None
            return self._config("BODY_TIMEOUT", default)
        return self._body_timeout

    @body_timeout.setter
    def body_timeout(self, value: float | None) -> None:
        self._body_timeout = value
        if self._body is not None:
            self._body.timeout = value

    @property
    def max_form_memory_size(self) -> int | None:
        """The most bytes of one multipart field, or of a urlencoded body; None: no limit.

        The default is MAX_FORM_MEMORY_SIZE.
        """
        return self._limit(self._max_form_memory_size, "MAX_FORM_MEMORY_SIZE", 500_000)

    @max_form_memory_size.setter
    def max_form_memory_size(self, value: int | None) -> None:
        self._max_form_memory_size = inf if value is None else value

    @property
    def max_form_parts(self) -> int | None:
        """The most parts of a multipart form; None: no limit. Default MAX_FORM_PARTS."""
        return self._limit(self._max_form_parts, "MAX_FORM_PARTS", 1_000)

    @max_form_parts.setter
    def max_form_parts(self, value: int | None) -> None:
        self._max_form_parts = inf if value is None else value

    # The body

    # PERF: these two repeat Werkzeug's `content_length` and `is_json` for the usual values, without
    # its parsers. That is safe because any other value goes to Werkzeug.

    @lazily
    def content_length(self) -> int | None:
        """The announced length of the body in bytes; None if missing, or if chunked."""
        value = self._received(b"content-length") or b""
        plain = value.isdigit() and len(value) < 20
        if plain and self._received(b"transfer-encoding") is None:
            return int(value)
        return super().content_length

    @property
    def is_json(self) -> bool:
        """Whether the content type is ``application/json`` or ``application/*+json``."""
        return self._received(b"content-type") == b"application/json" or super().is_json

    @property
    def body(self) -> Body:
        """The body: `await` it to get all of it, or use `async for` for chunks as they arrive."""
        body = self._body
        if body is None:
            body = self._body = self.body_class(self.content_length, self.max_content_length)
            connection = self._asgi
            if connection is not None and connection.task is not None:
                body.source, body.timeout = connection.pull_body, self._body_timeout
            else:
                body.timeout = self.body_timeout
        return body

    @body.setter
    def body(self, value: Body) -> None:
        self._body = value

    @property
    def stream(self) -> Body:
        """The body, under its name in Flask. In sync code it is a binary file."""
        if not in_worker_thread():
            return self.body
        return self._file  # type: ignore[return-value]  # sync code cannot await

    @lazily
    def _file(self) -> BufferedReader:
        return BufferedReader(BodyFile(self._body_to_consume()), 2**16)

    def _body_to_consume(self) -> Body:
        """The body; a copy of it if somebody has read the data, and may read it again."""
        return self.body.copy() if self._data_awaited else self.body

    @lazily
    def environ(self) -> WSGIEnvironment:
        """A WSGI environment for this request, made when it is first used.

        `wsgi.input` is the body. In sync code it waits for more; on the event loop it holds what
        has arrived.
        """
        environ = environ_of(self.scope, self.root_path, self.path, self._file, self.content_length)
        environ["werkzeug.request"] = self
        return environ

    @property
    def data(self) -> Coroutine[object, None, bytes]:
        """The bytes of the body. A form is parsed first; this is what it leaves.

        A multipart form leaves nothing. In sync code, as in Flask, a urlencoded form leaves nothing
        either. If `get_data` has read the body before, both leave it.
        """
        return self._data(in_worker_thread())

    @awaited_or_blocking
    async def _data(self, as_in_flask: bool) -> bytes:
        data = await self.get_data(parse_form_data=True)
        of_form = (
            as_in_flask
            and self._data_became_form
            and self.mimetype == "application/x-www-form-urlencoded"
        )
        return b"" if of_form else data

    @overload
    async def get_data(
        self, cache: bool = ..., as_text: Literal[False] = ..., parse_form_data: bool = ...
    ) -> bytes: ...

    @overload
    async def get_data(
        self, cache: bool = ..., *, as_text: Literal[True], parse_form_data: bool = ...
    ) -> str: ...

    @overload
    async def get_data(
        self, cache: bool, as_text: Literal[True], parse_form_data: bool = ...
    ) -> str: ...

    @overload
    async def get_data(
        self, cache: bool = ..., as_text: bool = ..., parse_form_data: bool = ...
    ) -> str | bytes: ...

    @awaited_or_blocking
    async def get_data(
        self, cache: bool = True, as_text: bool = False, parse_form_data: bool = False
    ) -> str | bytes:
        """Read the whole body, as bytes or as text (UTF-8; invalid bytes become U+FFFD).

        `cache` keeps it for later reads; without it, what an earlier read has kept stays.
        `parse_form_data` parses a form first; after a multipart form there is no data left. Raises
        RequestEntityTooLarge, RequestTimeout and ClientDisconnectedError.
        """
        if parse_form_data:
            await self._load_form_data()
        body = self.body
        # PERF: awaiting a coroutine returns its result without an exception; awaiting a body does
        # not.
        data = await (body.read_whole() if type(body) is Body else body)
        if cache:
            self._data_awaited = True
        elif not self._data_awaited:
            body.clear()
        return data.decode(errors="replace") if as_text else data

    @awaited_or_blocking
    async def is_disconnected(self) -> bool:
        """Whether the client has disconnected."""
        return self._asgi is not None and await self._asgi.is_disconnected()

    # Forms

    @property
    @awaited_or_blocking
    async def form(self) -> MultiDict[str, str]:
        """The fields of a urlencoded or multipart form; empty for other content types."""
        await self._load_form_data()
        assert self._form is not None
        return self._form

    @property
    @awaited_or_blocking
    async def files(self) -> MultiDict[str, FileStorage]:
        """The files of a multipart form; they are closed when the request ends."""
        await self._load_form_data()
        assert self._files is not None
        return self._files

    @property
    @awaited_or_blocking
    async def values(self) -> CombinedMultiDict[str, str]:
        """`args` and, unless the method is GET, `form`, combined."""
        sources = [self.args]
        if self.method != "GET":
            sources.append(await self.form)
        return CombinedMultiDict(
            [item if isinstance(item, MultiDict) else MultiDict(item) for item in sources]
        )

    def make_form_data_parser(self) -> FormDataParser:
        """Make the parser for `form` and `files`, with the limits of this request."""
        return self.form_data_parser_class(
            max_content_length=self.max_content_length,
            max_form_memory_size=self.max_form_memory_size,
            max_form_parts=self.max_form_parts,
            cls=self.parameter_storage_class,
        )

    def multipart(self) -> AsyncIterator[Part]:
        """Iterate over the parts of a multipart body as they arrive, without keeping it in memory.

        ``async for part in request.multipart(): async for chunk in part: ...``; see
        `quart.formparser.Part`. Each part comes once; `form` and `files` do not contain it.
        Raises UnsupportedMediaType if the body is not a multipart form.
        """
        if self._form_error is not None:
            raise self._form_error
        if self._parts is None:
            parser = self.make_form_data_parser()
            self._parts = parser.parts(self.body, self.mimetype, self.mimetype_params)
        return self._parts

    @lazily
    def _parsing_lock(self) -> asyncio.Lock:
        return self.lock_class()

    async def _load_form_data(self) -> None:
        if self._form is None or self._files is None:
            async with self._parsing_lock:
                if self._form_error is not None:
                    raise self._form_error
                if self._form is None or self._files is None:
                    try:
                        self._form, self._files = await self._parse_form()
                    except Exception as error:
                        self._form_error = error
                        raise
                    except asyncio.CancelledError:
                        if self.mimetype == "multipart/form-data" and not self._data_awaited:
                            self._form_error = RuntimeError(
                                "Reading the form was cancelled: what it had read is lost."
                            )
                        raise

    async def _parse_form(self) -> tuple[MultiDict[str, str], MultiDict[str, FileStorage]]:
        parser = self.make_form_data_parser()
        if self._parts is not None:
            async for _ in self._parts:
                pass  # or raise the error once more
        self._data_became_form = not self._data_awaited
        form, files = await parser.parse(
            self._body_to_consume(), self.mimetype, self.content_length, self.mimetype_params
        )
        if self.mimetype != "multipart/form-data":
            ctx = _cv_quart.get(None)
            if ctx is not None and ctx.app.debug:
                files = _NoFiles()
                files.mimetype, files.form = self.mimetype, form
        return form, files

    async def close(self) -> None:
        """Close the uploaded files."""
        self._close_files()

    def _close_files(self) -> None:
        if self._files:
            for _, file in self._files.items(multi=True):
                file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._close_files()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        self._close_files()

    # JSON

    @lazily
    def _cached_json(self) -> dict[bool, object]:
        # The results without and with `silent`. Subclasses with a copy of 0.22's `get_json` store
        # their results here.
        return {False: ..., True: ...}

    @property
    @awaited_or_blocking
    async def json(self) -> Any:
        """The body parsed as JSON, as `get_json` returns it."""
        return await self.get_json()

    @awaited_or_blocking
    async def get_json(self, force: bool = False, silent: bool = False, cache: bool = True) -> Any:
        """Parse the body as JSON; None for another content type unless `force` is set.

        If the body is not JSON, this calls `on_json_loading_failed`, or returns None if `silent`.
        With JSON_REQUIRES_CONTENT_TYPE, another content type raises UnsupportedMediaType, as in
        Flask. Raises RequestEntityTooLarge if the document has more arrays and objects than
        1,048,576 or one per 16 bytes of `max_content_length`, whichever is more.
        """
        cached = self._cached_json
        if cache and cached[silent] is not ...:
            return cached[silent]
        if not (force or self.is_json):
            if not silent and self._config("JSON_REQUIRES_CONTENT_TYPE", False):
                return self.on_json_loading_failed(None)
            return None

        data = await self.get_data(cache=cache)
        try:
            if len(data) < LONG_JSON:
                value = self.json_module.loads(data)
            else:
                value = await loads_off_loop(self.json_module, data, self.max_content_length)
            if cache:
                cached[not silent] = value
        except (ValueError, RecursionError) as error:
            value = None if silent else self.on_json_loading_failed(error)
        if cache:
            cached[silent] = value
        return value

    def on_json_loading_failed(
        self, error: Exception | None = None, *, e: Exception | None = None
    ) -> object:
        """Called by `get_json` if the body is not JSON. What it returns is the result.

        `error` (`e` in Flask) is None if the content type is not JSON. This method raises
        UnsupportedMediaType then, or else BadRequest, which names the error only in debug mode.
        """
        error = e if error is None else error
        if error is None:
            raise UnsupportedMediaType(
                "Did not attempt to load JSON data because the request"
                " Content-Type was not 'application/json'."
            )
        ctx = _cv_quart.get(None)
        if ctx is not None and ctx.app.debug:
            raise BadRequest(f"Failed to decode JSON object: {error}")
        raise BadRequest()

    # Push

    if not TYPE_CHECKING:

        @lazily
        def _send_push_promise(self) -> Callable[[str, Headers], Awaitable[None]] | None:
            return None if self._asgi is None else self._asgi.send_push_promise

    @awaited_or_blocking
    async def send_push_promise(self, path: str) -> None:
        """Promise the client the resource at `path`, if the server and the client support push."""
        if self._send_push_promise is not None:
            headers = Headers()
            for name in SERVER_PUSH_HEADERS_TO_COPY:
                for value in self.headers.getlist(name):
                    headers.add(name, value)
            await self._send_push_promise(path, headers)
