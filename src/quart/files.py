"""Files as responses: `send_file` and `send_from_directory`, conditions, ranges and caching."""

from __future__ import annotations

import os
import re
import unicodedata
from collections.abc import Callable, Iterable
from datetime import datetime
from errno import ENOENT
from functools import partial
from io import BytesIO, TextIOBase
from mimetypes import guess_type
from os import PathLike
from stat import S_ISREG
from time import time
from typing import IO, TYPE_CHECKING, Any, NamedTuple
from urllib.parse import quote
from zlib import adler32

from werkzeug.datastructures import Headers
from werkzeug.exceptions import NotFound
from werkzeug.http import dump_options_header, http_date
from werkzeug.security import safe_join

from .globals import _cv_quart
from .threads import off_loop
from .workers import awaited_or_blocking
from .wrappers.response_body import IOBody

if TYPE_CHECKING:
    from .typing import FilePath
    from .wrappers.request import Request
    from .wrappers.response import FileBody, Response, ResponseBody

#: The content codings of precompressed files, best first, with the endings of their names.
PRECOMPRESSED = {"br": ".br", "zstd": ".zst", "gzip": ".gz"}

#: The content type of a file whose name does not show it.
DEFAULT_MIMETYPE = "application/octet-stream"

_UNSAFE_NAME = re.compile(r"[\\\0]|(?:\A|/)[A-Za-z]:")


class _Paths(tuple[str, ...]):
    """The paths where a file may be, the likeliest first."""


class _Found(NamedTuple):
    """A file that exists: its path, size in bytes, modification time, coding and body."""

    path: str
    size: int
    modified: float
    coding: str | None
    body: FileBody


@awaited_or_blocking
async def send_file(
    path_or_file: FilePath | IO[bytes] | _Paths | None = None,
    mimetype: str | None = None,
    as_attachment: bool = False,
    download_name: str | None = None,
    conditional: bool = True,
    etag: bool | str = True,
    last_modified: datetime | float | None = None,
    max_age: int | Callable[[str | None], int | None] | None = None,
    *,
    filename_or_io: FilePath | IO[bytes] | None = None,
    attachment_filename: str | None = None,
    add_etags: bool | None = None,
    cache_timeout: int | None = None,
    precompressed: bool | None = None,
) -> Response:
    """Make a response with the content of a file, streamed.

    `path_or_file` is a path or a binary file object. A relative path is looked for under
    `app.root_path`, then under the working directory. `download_name` is the name for the client
    and for guessing `mimetype`. `conditional` applies the request's conditions and ranges. `etag`
    is True (make one for a path) or the ETag itself. `last_modified` is a datetime or seconds
    since the epoch. `max_age` is in seconds, or a function of the path (None for a file object),
    or None for the application's `get_send_file_max_age`. The keyword-only names are those of
    Quart 0.22.

    With STATIC_PRECOMPRESSED (True, or a list of "br", "zstd" and "gzip"), a sibling such as
    `app.js.br` is sent instead if it exists and the client accepts it. `precompressed` overrides
    that setting for this file.

    Raises FileNotFoundError, ValueError if the mimetype cannot be guessed, and
    RequestedRangeNotSatisfiable. Never pass a path that a client chose: use
    `send_from_directory` for that.
    """
    source = filename_or_io if path_or_file is None else path_or_file
    if attachment_filename is not None:
        download_name = attachment_filename
    if add_etags is not None:
        etag = add_etags
    ctx = _cv_quart.current()
    if max_age is None:
        max_age = ctx.app.get_send_file_max_age if cache_timeout is None else cache_timeout
    config = ctx.app.config
    response_class = ctx.app.response_class
    request = ctx.request if ctx.has_request else None
    headers = Headers()
    path: str | None = None
    stream: IO[bytes] | None = None
    size: int | None
    body: ResponseBody

    if isinstance(source, (str, bytes, PathLike)):
        source = _Paths(_under_root(ctx.app.root_path, os.fsdecode(source)))
    if isinstance(source, _Paths):
        if download_name is None:
            download_name = os.path.basename(source[0])
        mimetype, encoding = _guess_type(download_name, mimetype)
        codings: list[str] = []
        if encoding is not None:
            if not as_attachment:
                headers.add("Content-Encoding", encoding)
        elif offered := (
            config.get("STATIC_PRECOMPRESSED") if precompressed is None else precompressed
        ):
            headers.add("Vary", "Accept-Encoding")
            if request is not None and "Accept-Encoding" in request.headers:
                codings = _accepted_codings(request, PRECOMPRESSED if offered is True else offered)
        found = await off_loop(_find, source, codings, response_class.file_body_class)
        path, size, body = found.path, found.size, found.body
        if found.coding is not None:
            headers.add("Content-Encoding", found.coding)
        if last_modified is None:
            last_modified = found.modified
        if etag is True:
            etag = f"{found.modified}-{size}-{adler32(os.fsencode(path))}"
        if config["USE_X_SENDFILE"]:
            headers.add("X-Sendfile", os.fsencode(path).decode("latin-1"))
            body, size = response_class.data_body_class(b""), 0
    elif source is None or isinstance(source, TextIOBase):
        raise ValueError("send_file() takes a path or a file opened in binary mode.")
    else:
        mimetype, _ = _guess_type(download_name, mimetype)
        stream = source
        body, size = await _stream_body(stream, response_class)

    _set_disposition(headers, as_attachment, download_name)
    _set_caching(headers, max_age(path) if callable(max_age) else max_age)
    if size is not None:
        headers.add("Content-Length", str(size))
    if last_modified is not None:
        headers.add("Last-Modified", http_date(last_modified))
    response = response_class(body, headers=headers, mimetype=mimetype)
    if isinstance(etag, str):
        response.set_etag(etag)
    if stream is not None and not isinstance(stream, BytesIO):
        response.call_on_close(partial(off_loop, stream.close))
    if conditional and request is not None:
        try:
            await response.make_conditional(
                request, accept_ranges="X-Sendfile" not in headers, complete_length=size
            )
        except BaseException:
            await response.close()
            raise
    return response


@awaited_or_blocking
async def send_from_directory(
    directory: FilePath,
    path: FilePath | None = None,
    *,
    file_name: FilePath | None = None,
    filename: FilePath | None = None,
    **kwargs: Any,
) -> Response:
    """Make a response with the file at `path`, which a client may choose, within `directory`.

    A relative `directory` is looked for under `app.root_path`, then under the working directory.
    `kwargs` are those of `send_file`. Raises NotFound if there is no such file, if the path
    leads out of the directory, or if no file should have such a name.
    """
    for name in (path, file_name, filename):
        if name is not None:
            break
    else:
        raise TypeError("send_from_directory() requires the path of a file.")
    name = os.fsdecode(name)
    if _UNSAFE_NAME.search(name):
        raise NotFound()
    bases = _under_root(_cv_quart.current().app.root_path, os.fsdecode(directory))
    joined = [safe_join(base, name) for base in bases]
    paths = _Paths(path for path in joined if path is not None)
    if not paths:
        raise NotFound()
    try:
        return await send_file(paths, **kwargs)
    except (OSError, UnicodeEncodeError):  # the latter if the file system cannot encode the name
        raise NotFound() from None


def _under_root(root_path: str, path: str) -> list[str]:
    """Return where a path may be: under the application's root, as in Flask, then unchanged."""
    rooted = os.path.join(root_path, path)
    return [path] if rooted == path else [rooted, path]


def _find(paths: _Paths, codings: Iterable[str], body_class: type[FileBody]) -> _Found:
    """Return the first of `paths` that is a file, or its first sibling in `codings`."""
    for path in paths:
        stat = _stat_file(path)
        if stat is not None:
            for coding in codings:
                sibling = path + PRECOMPRESSED[coding]
                found = _stat_file(sibling)
                if found is not None:
                    return _Found(
                        sibling, found.st_size, found.st_mtime, coding, body_class(sibling)
                    )
            return _Found(path, stat.st_size, stat.st_mtime, None, body_class(path))
    raise FileNotFoundError(ENOENT, "There is no such file", paths[0])


def _stat_file(path: str) -> os.stat_result | None:
    """Return the status of a regular file, None for anything else."""
    try:
        stat = os.stat(path)
    except OSError:
        return None
    return stat if S_ISREG(stat.st_mode) else None


def _guess_type(name: str | None, mimetype: str | None) -> tuple[str, str | None]:
    """Return the mimetype, and the content coding if the name shows one."""
    if mimetype is not None:
        return mimetype, None
    if name is None:
        raise ValueError(
            "The mimetype cannot be guessed without a file name: pass 'mimetype' or"
            " 'download_name'."
        )
    guessed, encoding = guess_type(name)
    return guessed or DEFAULT_MIMETYPE, encoding


def _accepted_codings(request: Request, offered: Iterable[str]) -> list[str]:
    """Return the offered codings that the client accepts, its favourite first."""
    quality = request.accept_encodings.quality
    codings = [coding for coding in PRECOMPRESSED if coding in offered and quality(coding) > 0]
    return sorted(codings, key=quality, reverse=True)


async def _stream_body(
    stream: IO[bytes], response_class: type[Response]
) -> tuple[ResponseBody, int | None]:
    """Return the body for a file object, and its size in bytes, or None if that is unknown."""
    if isinstance(stream, BytesIO):
        return response_class.io_body_class(stream), stream.getbuffer().nbytes
    if stream.seekable():
        body = await off_loop(response_class.io_body_class, stream)
        return body, body.size
    pieces = iter(partial(stream.read, IOBody.buffer_size), b"")
    return response_class.iterable_body_class(pieces), None


def _set_disposition(headers: Headers, as_attachment: bool, name: str | None) -> None:
    if name is not None:
        names = {"filename": name}
        if not name.isascii():
            # RFC 6266, section 5: a plain name for old clients, and the real name beside it.
            plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode("ascii")
            names = {
                "filename": plain,
                "filename*": "UTF-8''" + quote(name, safe="!#$&+-.^_`|~", errors="replace"),
            }
        kind = "attachment" if as_attachment else "inline"
        headers.add("Content-Disposition", dump_options_header(kind, names))
    elif as_attachment:
        headers.add("Content-Disposition", "attachment")


def _set_caching(headers: Headers, max_age: int | None) -> None:
    """Set how many seconds the response may be cached; with None the client must ask each time."""
    if max_age is None:
        headers.add("Cache-Control", "no-cache")
    else:
        kind = "public" if max_age > 0 else "no-cache"
        headers.add("Cache-Control", f"{kind}, max-age={max_age}")
        headers.add("Expires", http_date(int(time() + max_age)))
