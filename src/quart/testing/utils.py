"""Makes headers, a body and a scope from a test's arguments, which are Quart's or Flask's."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable, Mapping
from io import BytesIO
from mimetypes import guess_type
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Literal, NamedTuple
from urllib.parse import quote, unquote, urlencode, urljoin, urlsplit

from werkzeug.datastructures import Authorization, Headers, MultiDict
from werkzeug.datastructures import FileStorage as WerkzeugFileStorage
from werkzeug.http import parse_options_header
from werkzeug.utils import get_content_type

from ..datastructures import FileStorage
from ..headers import encode_headers
from ..json import dumps
from ..json.provider import DefaultJSONProvider
from ..typing import Scope

if TYPE_CHECKING:
    from ..app import Quart
    from ..typing import Fields
    from ..wrappers import Request

__all__ = (
    "FileStorage",
    "RequestBuilder",
    "RequestWords",
    "Scope",
    "describe_request",
    "dumps",
    "encode_headers",
    "make_test_body_with_headers",
    "make_test_headers_path_and_query_string",
    "make_test_scope",
    "no_op_push",
    "sentinel",
)

#: The default of `json`, because None can be sent as JSON.
sentinel = object()

_BOUNDARY = "----QuartBoundary"
_MULTIPART = "multipart/form-data"
_URLENCODED = "application/x-www-form-urlencoded"
# The characters of a path, and those of a URL that may be quoted already.
_SAFE_IN_PATH = "/:@!$&'()*+,;=~"
_SAFE_IN_URL = _SAFE_IN_PATH + "%?[]"
_QUOTED = str.maketrans({'"': "%22", "\r": "%0D", "\n": "%0A"})

# Name, filename (None unless it is a file), headers and content.
_Part = tuple[str, str | None, Headers, bytes]


class RequestWords(NamedTuple):
    """A request in Quart's arguments, in the order of those of `QuartClient._make_request`."""

    path: str
    method: str
    headers: Headers
    data: object
    form: Fields | None
    files: Fields | None
    query_string: Fields | str | bytes | None
    json: object
    scheme: str
    root_path: str
    http_version: str
    scope_base: dict[str, Any]
    auth: Authorization | tuple[str, str] | None = None
    subdomain: str | None = None


def describe_request(
    app: Quart,
    path: str = "/",
    base_url: str | None = None,
    subdomain: str | None = None,
    url_scheme: str | None = None,
    query_string: Fields | str | bytes | None = None,
    *,
    method: str = "GET",
    headers: Headers | Fields | None = None,
    data: object = None,
    form: Fields | None = None,
    files: Fields | None = None,
    json: object = sentinel,
    scheme: str | None = None,
    root_path: str = "",
    http_version: str = "1.1",
    scope_base: Mapping[str, object] | None = None,
    auth: Authorization | tuple[str, str] | None = None,
    content_type: str | None = None,
    mimetype: str | None = None,
    content_length: int | None = None,
    input_stream: IO[bytes] | None = None,
    environ_base: Mapping[str, object] | None = None,
    environ_overrides: Mapping[str, object] | None = None,
) -> RequestWords:
    """Describe a request with Quart's arguments, Flask's or both. Test clients take all of these.

    - `path`: with or without a query string; or a whole URL.
    - `base_url`: scheme, host and root path together. `path` is below this root path.
    - `subdomain`: a name to put before `SERVER_NAME`.
    - `scheme` or `url_scheme`: by default the URL's, else `PREFERRED_URL_SCHEME`.
    - `root_path`: the prefix at which the application is mounted. `path` includes it.
    - `query_string`: a mapping or pairs, a str, or bytes, which are sent unchanged.
    - `headers`: a mapping or pairs. `auth`: an `Authorization`, or a name and password.
    - `data`: a str, bytes, an open file, or a mapping of form fields and files, as in Flask.
    - `form`: a mapping of form fields; a list or tuple means several values of one field.
    - `files`: a mapping to a `FileStorage`, an open file, a tuple (file or path, filename, content
      type), or a list of these.
    - `json`: any JSON value. `input_stream`: an open file from which the body is read.
    - `content_type`, `mimetype`, `content_length`: these win over those of the body.
    - `environ_base`, `environ_overrides`: values that WSGI calls `REMOTE_ADDR`, `HTTP_...` and
      `wsgi.url_scheme`, as defaults and as overrides; other entries are put in the scope.
    - `scope_base`: entries of the ASGI scope.

    Raises ValueError if these contradict one another.
    """
    if base_url is not None and (subdomain or url_scheme):
        raise ValueError("Cannot pass 'subdomain' or 'url_scheme' with 'base_url'.")
    if input_stream is not None and data is not None:
        raise ValueError("Cannot pass 'input_stream' with 'data'.")
    base = urlsplit(base_url or "")
    if base.query or base.fragment:
        raise ValueError("A 'base_url' has no query string and no fragment.")
    path_scheme, host, path, query = _split(path)
    prefix = base.path.rstrip("/")

    all_headers, default_scheme, defaults = _from_environ(environ_base or {})
    fixed_headers, fixed_scheme, fixed = _from_environ(environ_overrides or {})
    all_headers.update(Headers(headers))
    if mimetype is not None:
        content_type = get_content_type(mimetype, "utf-8")
    if content_type is not None:
        all_headers["Content-Type"] = content_type
    if content_length is not None:
        all_headers["Content-Length"] = str(content_length)
    if host or base.netloc:
        all_headers.setdefault("Host", host or base.netloc)
    all_headers.update(fixed_headers)

    return RequestWords(
        path=prefix + path + ("" if query is None else f"?{query}"),
        method=method.upper(),
        headers=all_headers,
        data=data if input_stream is None else input_stream,
        form=form,
        files=files,
        query_string=query_string,
        json=json,
        scheme=fixed_scheme
        or scheme
        or url_scheme
        or path_scheme
        or base.scheme
        or default_scheme
        or app.config["PREFERRED_URL_SCHEME"],
        root_path=unquote(prefix) or root_path,
        http_version=http_version,
        scope_base={**defaults, **(scope_base or {}), **fixed},
        auth=auth,
        subdomain=subdomain,
    )


class RequestBuilder:
    """One request, from its description to a scope and a body.

    Raises ValueError if a body or a query string is given twice, TypeError if the body cannot be
    sent.
    """

    def __init__(self, app: Quart, words: RequestWords) -> None:
        self.app = app
        self.method = words.method
        self.scheme = words.scheme
        self.root_path = words.root_path
        self.http_version = words.http_version
        self.scope_base = words.scope_base
        self.headers, self.path, self.query_string = make_test_headers_path_and_query_string(
            app, words.path, words.headers, words.query_string, words.auth, words.subdomain
        )
        #: The path as it is written in a request.
        self.raw_path = quote(_split(words.path)[2], safe=_SAFE_IN_URL)
        is_json_left_out = words.json is None and app.is_for_sync_code  # as Flask reads None
        self.body, body_headers = make_test_body_with_headers(
            data=words.data,
            form=words.form,
            files=words.files,
            json=sentinel if is_json_left_out else words.json,
            app=app,
            content_type=self.headers.get("Content-Type"),
        )
        self.headers.update(body_headers)
        #: The cookies that the test has described, without those that the client adds.
        self.described_cookies = self.headers.getlist("Cookie")
        if self.body and "Transfer-Encoding" not in self.headers:
            self.headers.setdefault("Content-Length", str(len(self.body)))

    @property
    def url(self) -> str:
        """The whole URL, quoted."""
        query = f"?{self.query_string.decode('latin-1')}" if self.query_string else ""
        return f"{self._origin}{self.raw_path}{query}"

    @property
    def url_of_cookies(self) -> str:
        """The URL that cookies are for: below `APPLICATION_ROOT`, which tests leave out."""
        root = self.app.config["APPLICATION_ROOT"].rstrip("/")
        if self.root_path or f"{self.raw_path}/".startswith(f"{root}/"):
            root = ""
        return f"{self._origin}{root}{self.raw_path}"

    @property
    def _origin(self) -> str:
        return f"{self.scheme}://{self.headers['Host']}"

    def redirected(self, location: str, status_code: int) -> RequestWords:
        """Return the request that follows a redirect (RFC 9110, section 15.4).

        It keeps method and body after 307 and 308, and a QUERY after 301 and 302 (RFC 10008).
        Otherwise it is a GET, or a HEAD, without a body.
        """
        url = urlsplit(urljoin(self.url, location))
        method, body, headers = self.method, self.body, self.headers.copy()
        headers["Host"] = url.netloc
        headers.setlist("Cookie", self.described_cookies)
        kept = {301, 302, 307, 308} if method == "QUERY" else {307, 308}
        if status_code not in kept:
            method = "HEAD" if method == "HEAD" else "GET"
            body = b""
            for name in ("Content-Type", "Content-Length", "Transfer-Encoding"):
                headers.pop(name, None)
        return RequestWords(
            path=f"{url.path or '/'}?{url.query}" if url.query else url.path or "/",
            method=method,
            headers=headers,
            data=body or None,
            form=None,
            files=None,
            query_string=None,
            json=sentinel,
            scheme=url.scheme,
            root_path=self.root_path,
            http_version=self.http_version,
            scope_base=self.scope_base,
        )

    def scope(
        self, type_: Literal["http", "websocket"] = "http", *, preserve_context: bool = False
    ) -> dict[str, Any]:
        """Return the ASGI scope of the request, or of a websocket's handshake."""
        return make_test_scope(
            type_,
            self.path,
            self.method,
            self.headers,
            self.query_string,
            self.scheme,
            self.root_path,
            self.http_version,
            {
                "raw_path": self.raw_path.encode(),
                # What tests of each kind have always seen as `remote_addr`.
                "client": ("127.0.0.1" if self.app.is_for_sync_code else "<local>", 0),
                **self.scope_base,
            },
            _preserve_context=preserve_context,
        )

    def request(
        self, send_push_promise: Callable[[str, Headers], Awaitable[None]] | None = None
    ) -> Request:
        """Return the request as the application sees it, of its `request_class`, with the body."""
        path = self.path
        if path == self.root_path or path.startswith(f"{self.root_path}/"):
            path = path.removeprefix(self.root_path)
        request = self.app.request_class(
            self.method,
            self.scheme,
            path,
            self.query_string,
            self.headers,
            self.root_path,
            self.http_version,
            self.scope(),
            send_push_promise=send_push_promise,
        )
        request.body.set_result(self.body)
        return request


def make_test_headers_path_and_query_string(
    app: Quart,
    path: str,
    headers: Headers | Fields | None = None,
    query_string: Fields | str | bytes | None = None,
    auth: Authorization | tuple[str, str] | None = None,
    subdomain: str | None = None,
    base_url: str | None = None,
) -> tuple[Headers, str, bytes]:
    """Return the headers with `Host` and `User-Agent`, the unquoted path, and the query string.

    Raises ValueError if there are two query strings.
    """
    _, host, raw_path, query = _split(path)
    if query is not None and query_string is not None:
        raise ValueError("Query string is defined in the path and as an argument")
    if isinstance(query_string, bytes):
        query_bytes = query_string
    else:
        if query_string is None or isinstance(query_string, str):
            query = quote(query_string or query or "", safe=_SAFE_IN_URL)
        else:
            query = urlencode(_pairs(query_string, (list, tuple)))
        query_bytes = query.encode()

    headers = Headers(headers)
    if auth is not None:
        if isinstance(auth, tuple):
            auth = Authorization("basic", {"username": auth[0], "password": auth[1]})
        headers["Authorization"] = auth.to_header()
    headers.setdefault("User-Agent", "Quart")
    host = host or urlsplit(base_url or "").netloc or app.config["SERVER_NAME"] or "localhost"
    headers.setdefault("Host", f"{subdomain}.{host}" if subdomain else host)
    return headers, unquote(raw_path), query_bytes


def make_test_body_with_headers(
    *,
    data: object = None,
    form: Fields | None = None,
    files: Fields | None = None,
    json: object = sentinel,
    app: Quart | None = None,
    content_type: str | None = None,
) -> tuple[bytes, Headers]:
    """Return the body, and a `Content-Type` if there is one: `content_type` or the body's own.

    Raises ValueError for more than one of `json`, `form` and `data`, or for `files` with `json` or
    plain `data`; TypeError for `data` that cannot be sent.
    """
    if [json is not sentinel, form is not None, data is not None].count(True) > 1:
        raise ValueError("Quart test args 'json', 'form', and 'data' are mutually exclusive")
    if files and (json is not sentinel or not isinstance(data, Mapping | None)):
        raise ValueError("Quart test arg 'files' goes with 'form', not with 'json' or 'data'")

    parts = [_file_part(name, value) for name, value in _pairs(files or {}, list)]
    fields = _pairs(form or {}, (list, tuple))
    if isinstance(data, Mapping):
        for name, value in _pairs(data, list):
            if isinstance(value, tuple) or hasattr(value, "read"):
                parts.append(_file_part(name, value, as_flask=True))
            else:
                fields.append((name, value))
        data = None

    mimetype, parameters = parse_options_header(content_type)
    if json is not sentinel:
        if app is None:
            body = dumps(json).encode()
        elif isinstance(app.json, DefaultJSONProvider):
            body = app.json.dumps(json, sort_keys=False).encode()  # as a client writes it
        else:
            body = app.json.dumps(json).encode()
        own_type = "application/json"
    elif parts or (fields and mimetype == _MULTIPART):
        boundary = parameters.get("boundary")
        if boundary is None:
            boundary = _BOUNDARY
            content_type = f"{content_type or _MULTIPART}; boundary={boundary}"
        parts += [(name, None, Headers(), _text(value)) for name, value in fields]
        body = _encode_multipart(parts, boundary)
        own_type = _MULTIPART
    elif form is not None or fields:
        body = urlencode(fields).encode()
        own_type = _URLENCODED
    else:
        body = _as_bytes(data)
        own_type = ""
    content_type = content_type or own_type
    return body, Headers({"Content-Type": content_type} if content_type else None)


def make_test_scope(
    type_: str,
    path: str,
    method: str,
    headers: Headers,
    query_string: bytes,
    scheme: str,
    root_path: str,
    http_version: str,
    scope_base: Mapping[str, object] | None,
    *,
    _preserve_context: bool = False,
) -> dict[str, Any]:
    """Return the ASGI scope of an "http" or "websocket" connection, as a server would make it.

    `path` is unquoted and includes `root_path`; the entries of `scope_base` win.
    """
    scope: dict[str, Any] = {
        "type": type_,
        "http_version": http_version,
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "method": method,
        "scheme": scheme,
        "path": path,
        "raw_path": quote(path, safe=_SAFE_IN_PATH).encode(),
        "query_string": query_string,
        "root_path": root_path,
        "headers": [(name.lower().encode(), _encode_value(value)) for name, value in headers],
        "extensions": _extensions(type_, http_version),
    }
    if _preserve_context:
        scope["_quart._preserve_context"] = True
    scope.update(scope_base or {})
    return scope


def _encode_value(value: str) -> bytes:
    """Encode a header's value in Latin-1, or else in UTF-8, as clients do with other characters."""
    try:
        return value.encode("latin-1")
    except UnicodeEncodeError:
        return value.encode()


async def no_op_push(path: str, headers: Headers) -> None:
    """Do nothing. The `send_push_promise` of requests that no client has made."""


def _extensions(type_: str, http_version: str) -> dict[str, dict[str, object]]:
    if type_ == "websocket":
        return {"websocket.http.response": {}}
    extensions: dict[str, dict[str, object]] = {"http.response.early_hint": {}}
    if http_version >= "2":
        extensions["http.response.push"] = {}
        extensions["http.response.trailers"] = {}
    return extensions


def _split(path: str) -> tuple[str, str, str, str | None]:
    """Split a path or URL into scheme, host, path and query, which is None without "?"."""
    path, question_mark, query = path.partition("#")[0].partition("?")
    scheme, colon, rest = path.partition("://")
    if colon and scheme.isalpha():
        host, _, path = rest.partition("/")
    else:
        scheme, host = "", ""
    return scheme, host, f"/{path.removeprefix('/')}", query if question_mark else None


def _from_environ(environ: Mapping[str, Any]) -> tuple[Headers, str | None, dict[str, Any]]:
    """Split a WSGI environment into headers, the scheme, and entries for the scope."""
    headers, rest = Headers(), dict(environ)
    for key in environ:
        if key.startswith("HTTP_") or key in {"CONTENT_TYPE", "CONTENT_LENGTH"}:
            headers[key.removeprefix("HTTP_").replace("_", "-").title()] = str(rest.pop(key))
    if "REMOTE_ADDR" in rest:
        rest["client"] = (rest.pop("REMOTE_ADDR"), int(rest.pop("REMOTE_PORT", 0)))
    return headers, rest.pop("wsgi.url_scheme", None), rest


def _pairs(values: Any, several: Any) -> list[tuple[str, Any]]:
    """Return the pairs of a mapping. A value of type `several` holds many values, None none."""
    if isinstance(values, MultiDict):
        pairs = list(values.items(multi=True))
    elif isinstance(values, Mapping):
        pairs = [
            (key, single)
            for key, value in values.items()
            for single in (value if isinstance(value, several) else [value])
        ]
    else:
        pairs = list(values)
    return [(key, value) for key, value in pairs if value is not None]


def _text(value: object) -> bytes:
    return value if isinstance(value, bytes) else str(value).encode()


def _as_bytes(data: Any) -> bytes:
    if data is None:
        return b""
    if hasattr(data, "read"):
        data = data.read()
    if isinstance(data, str):
        return data.encode()
    if isinstance(data, bytes | bytearray | memoryview):
        return bytes(data)
    raise TypeError(
        "The 'data' of a test request is a str, bytes, an open file or a mapping,"
        f" not {type(data).__name__}; see 'json' for other values."
    )


def _file_part(name: str, value: object, as_flask: bool = False) -> _Part:
    """Make a part of a multipart body from a file to upload.

    Its content type is guessed, unless it is a `FileStorage` that is not passed as in Flask. In
    Flask, a file without a name is an ordinary field.
    """
    if isinstance(value, WerkzeugFileStorage):
        file = value
        guesses = as_flask
    else:
        file = _open(*value) if isinstance(value, tuple) else _open(value)
        guesses = True
    filename = file.filename
    headers = Headers(file.headers)
    if guesses and "Content-Type" not in headers:
        headers["Content-Type"] = guess_type(filename or "")[0] or "application/octet-stream"
    if filename is None and not as_flask:
        filename = name
    return name, filename, headers, _as_bytes(file.stream)


def _open(
    file: Any, filename: str | None = None, content_type: str | None = None
) -> WerkzeugFileStorage:
    if isinstance(file, str | os.PathLike):
        return FileStorage(
            BytesIO(Path(file).read_bytes()), filename or os.fspath(file), None, content_type
        )
    if isinstance(file, bytes):
        file = BytesIO(file)
    return FileStorage(file, filename, None, content_type)


def _encode_multipart(parts: list[_Part], boundary: str) -> bytes:
    """Encode parts as browsers do (RFC 7578, and the HTML standard for the quoting)."""
    body = bytearray()
    for name, filename, headers, data in parts:
        disposition = f'form-data; name="{name.translate(_QUOTED)}"'
        if filename is not None:
            disposition += f'; filename="{filename.translate(_QUOTED)}"'
        lines = ["", f"--{boundary}", f"Content-Disposition: {disposition}"]
        lines += [f"{k}: {v}" for k, v in headers if k.lower() != "content-disposition"]
        body += "\r\n".join([*lines, "", ""]).encode() + data
    return bytes(body + f"\r\n--{boundary}--\r\n".encode())
