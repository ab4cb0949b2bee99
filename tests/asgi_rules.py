"""The ASGI specification as code: scopes as servers build them, and what may be sent when.

It covers HTTP and websocket 2.0 to 2.5, lifespan 2.0 and the extensions of the specification.
Nothing here runs an application: `asgi.py` does.
"""

import os
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple
from urllib.parse import quote, unquote

Scope = dict[str, Any]
Message = dict[str, Any]
Pairs = Mapping[str, str | None] | Iterable[tuple[str | bytes, str | bytes | None]]

SPEC_VERSIONS = ("2.0", "2.1", "2.2", "2.3", "2.4", "2.5")
HTTP_EXTENSIONS = (
    "http.response.debug",
    "http.response.early_hint",
    "http.response.pathsend",
    "http.response.push",
    "http.response.trailers",
    "http.response.zerocopysend",
)
BROWSER_HEADERS = {
    b"host": b"localhost",
    b"user-agent": b"Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
    b"accept": b"text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
    b"accept-language": b"en-GB,en;q=0.5",
    b"accept-encoding": b"gzip, deflate, br, zstd",
    b"connection": b"keep-alive",
    b"sec-fetch-mode": b"navigate",
    b"priority": b"u=0, i",
}
HANDSHAKE_HEADERS = BROWSER_HEADERS | {
    b"connection": b"Upgrade",
    b"upgrade": b"websocket",
    b"sec-websocket-version": b"13",
    b"sec-websocket-key": b"dGhlIHNhbXBsZSBub25jZQ==",
    b"sec-fetch-mode": b"websocket",
}
TLS = {
    "server_cert": None,
    "client_cert_chain": (),
    "client_cert_name": None,
    "client_cert_error": None,
    "tls_version": 0x0304,
    "cipher_suite": 0x1301,
}


# --- scopes ---------------------------------------------------------------------------------


def http_scope(method: str = "GET", target: str = "/", **options: Any) -> Scope:
    """Build the scope of a request for *target*, a path with perhaps a query string.

    Options, the same for `websocket_scope`:

    - ``headers``: a mapping or pairs, beside a browser's; they replace those of the same name,
      and None takes one away;
    - ``spec_version``: "2.0" to "2.5", the default;
    - ``extensions``: names the server offers, or a mapping of them;
    - ``without``: keys to leave out, such as "asgi", "state", "extensions" and "raw_path";
    - any other: the value of the scope's key of this name.
    """
    scope = {"type": "http", "method": method, "scheme": "http"}
    return _connection_scope(scope, target, BROWSER_HEADERS, **options)


def websocket_scope(
    target: str = "/", *, subprotocols: Iterable[str] = (), headers: Pairs = (), **options: Any
) -> Scope:
    """Build the scope of a handshake for *target*; the options are those of `http_scope`."""
    subprotocols = list(subprotocols)
    scope = {"type": "websocket", "scheme": "ws", "subprotocols": subprotocols}
    default = dict(HANDSHAKE_HEADERS)
    if subprotocols:
        default[b"sec-websocket-protocol"] = ", ".join(subprotocols).encode()
    return _connection_scope(scope, target, default, headers=headers, **options)


def lifespan_scope(*, without: Iterable[str] = (), **fields: Any) -> Scope:
    """Build the scope of a process's life; *without* and *fields* are as for `http_scope`."""
    scope = {
        "type": "lifespan",
        "asgi": {"version": "3.0", "spec_version": "2.0"},
        "state": {},
        **fields,
    }
    return {key: value for key, value in scope.items() if key not in set(without)}


def _connection_scope(
    scope: Scope,
    target: str,
    default_headers: Mapping[bytes, bytes],
    *,
    headers: Pairs = (),
    spec_version: str = "2.5",
    extensions: Mapping[str, dict[str, Any]] | Iterable[str] = (),
    without: Iterable[str] = (),
    **fields: Any,
) -> Scope:
    raw_path, _, query = quote(target, safe="/%?:@!$&'()*+,;=-._~[]").partition("?")
    if not isinstance(extensions, Mapping):
        extensions = {name: dict(TLS) if name == "tls" else {} for name in extensions}
    scope |= {
        "asgi": {"version": "3.0", "spec_version": spec_version},
        "http_version": "1.1",
        "path": unquote(raw_path),
        "raw_path": raw_path.encode(),
        "query_string": query.encode(),
        "root_path": "",
        "headers": [
            (name, value)
            for name, value in merge_headers(default_headers, headers)
            if value is not None
        ],
        "client": ("127.0.0.1", 50000),
        "server": ("127.0.0.1", 80),
        "state": {},
        "extensions": dict(extensions),
        **fields,
    }
    return {key: value for key, value in scope.items() if key not in set(without)}


def merge_headers(
    default: Mapping[bytes, bytes], headers: Pairs
) -> list[tuple[bytes, bytes | None]]:
    """Encode *headers*, names in lower case, behind those of *default* they do not replace."""
    pairs = headers.items() if isinstance(headers, Mapping) else headers
    given = [
        (_latin1(name).lower(), None if value is None else _latin1(value)) for name, value in pairs
    ]
    names = {name for name, _ in given}
    return [(name, value) for name, value in default.items() if name not in names] + given


def _latin1(text: str | bytes) -> bytes:
    return text if isinstance(text, bytes) else text.encode("latin-1")


# --- the fields of a message ----------------------------------------------------------------

_LOWER_CASE_TOKEN = re.compile(rb"[!#$%&'*+\-.^_`|~0-9a-z]+")
_FIELD_VALUE = re.compile(rb"([!-~\x80-\xff]([\t -~\x80-\xff]*[!-~\x80-\xff])?)?")


def _bytes(value: Any) -> None:
    assert isinstance(value, bytes), "must be bytes"


def _text(value: Any) -> None:
    assert isinstance(value, str), "must be a string"
    assert value == value.encode("utf-8", "replace").decode(), "must not hold lone surrogates"


def _bool(value: Any) -> None:
    assert isinstance(value, bool), "must be a bool"


def _dict(value: Any) -> None:
    assert isinstance(value, dict), "must be a dict"


def _natural(value: Any) -> None:
    assert isinstance(value, int) and not isinstance(value, bool), "must be an int"
    assert value >= 0, "must not be negative"


def _status(value: Any) -> None:
    _natural(value)
    assert 100 <= value <= 599, "must be an HTTP status from 100 to 599"


def _close_code(value: Any) -> None:
    # RFC 6455, 7.4: 1004 to 1006 and 1015 never travel, 1016 to 2999 are the protocol's own.
    _natural(value)
    sendable = 1000 <= value <= 1003 or 1007 <= value <= 1014 or 3000 <= value <= 4999
    assert sendable, "must be a close code that may be sent"


def _close_reason(value: Any) -> None:
    _or_none(_text)(value)
    assert len((value or "").encode()) <= 123, "must fit in a close frame: 123 bytes"


def _or_none(check: Callable[[Any], None]) -> Callable[[Any], None]:
    return lambda value: None if value is None else check(value)


def _links(value: Any) -> None:
    assert isinstance(value, list | tuple), "must be a list"
    for link in value:
        _bytes(link)
        assert _FIELD_VALUE.fullmatch(link), f"must hold header values, not {link!r}"


def _headers(value: Any) -> None:
    assert isinstance(value, list | tuple), "must be a list"
    for header in value:
        assert isinstance(header, list | tuple) and len(header) == 2, f"not a pair: {header!r}"
        name, content = header
        assert isinstance(name, bytes) and isinstance(content, bytes), f"not bytes: {header!r}"
        assert _LOWER_CASE_TOKEN.fullmatch(name), f"not a lower-case header name: {name!r}"
        assert _FIELD_VALUE.fullmatch(content), f"not a header value: {content!r}"


def _path(value: Any) -> None:
    _text(value)
    assert value.startswith("/"), "must be an absolute path"


def _file_path(value: Any) -> None:
    _text(value)
    assert os.path.isabs(value) and os.path.isfile(value), "must be the absolute path of a file"


def _file(value: Any) -> None:
    assert hasattr(value, "fileno"), "must be a file of the operating system"
    value.fileno()  # fails for BytesIO and closed files


class Field(NamedTuple):
    """A field of a message: how its value is checked, and since when it may be there."""

    check: Callable[[Any], None]
    required: bool = False
    since: str = "2.0"


FIELDS: dict[str, dict[str, Field]] = {
    "http.response.start": {
        "status": Field(_status, required=True),
        "headers": Field(_headers),
        "trailers": Field(_bool),
    },
    "http.response.body": {"body": Field(_bytes), "more_body": Field(_bool)},
    "http.response.trailers": {
        "headers": Field(_headers, required=True),
        "more_trailers": Field(_bool),
    },
    "http.response.push": {
        "path": Field(_path, required=True),
        "headers": Field(_headers, required=True),
    },
    "http.response.early_hint": {"links": Field(_links, required=True)},
    "http.response.pathsend": {"path": Field(_file_path, required=True)},
    "http.response.zerocopysend": {
        "file": Field(_file, required=True),
        "offset": Field(_natural),
        "count": Field(_natural),
        "more_body": Field(_bool),
    },
    "http.response.debug": {"info": Field(_dict, required=True)},
    "websocket.accept": {
        "subprotocol": Field(_or_none(_text)),
        "headers": Field(_headers, since="2.1"),
    },
    "websocket.send": {"text": Field(_or_none(_text)), "bytes": Field(_or_none(_bytes))},
    "websocket.close": {
        "code": Field(_close_code),
        "reason": Field(_close_reason, since="2.3"),
    },
    "websocket.http.response.start": {
        "status": Field(_status, required=True),
        "headers": Field(_headers),
    },
    "websocket.http.response.body": {"body": Field(_bytes), "more_body": Field(_bool)},
    "lifespan.startup.complete": {},
    "lifespan.startup.failed": {"message": Field(_text)},
    "lifespan.shutdown.complete": {},
    "lifespan.shutdown.failed": {"message": Field(_text)},
}


# --- the order of messages ------------------------------------------------------------------

# A push may precede the start, and an early hint has to: the specification's text puts both
# after it, but a 103 cannot follow the response it announces, and servers take them this way.
STATES: dict[str, dict[str, set[str]]] = {
    "http": {
        "request": {
            "http.response.start",
            "http.response.early_hint",
            "http.response.push",
            "http.response.debug",
        },
        "response": {
            "http.response.body",
            "http.response.pathsend",
            "http.response.zerocopysend",
            "http.response.push",
            "http.response.debug",
        },
        "trailers": {"http.response.trailers"},
        "ended": set(),
    },
    "websocket": {
        "not asked": set(),
        "handshake": {
            "websocket.accept",
            "websocket.close",
            "websocket.http.response.start",
        },
        "open": {"websocket.send", "websocket.close"},
        "denial": {"websocket.http.response.body"},
        "ended": set(),
    },
    "lifespan": {
        "not asked": set(),
        "startup": {"lifespan.startup.complete", "lifespan.startup.failed"},
        "running": set(),
        "shutdown": {"lifespan.shutdown.complete", "lifespan.shutdown.failed"},
        "ended": set(),
    },
}


class Rules:
    """What an application may still send on one connection."""

    def __init__(self, scope: Scope) -> None:
        self.scope = scope
        self.states = STATES[scope["type"]]
        self.state = next(iter(self.states))
        self.spec_version: str = scope.get("asgi", {}).get("spec_version", "2.0")
        self._expected: int | None = None  # the content-length it announced
        self._length = 0  # the content it sent
        self._bodiless = False
        self._trailers = False

    @property
    def ended(self) -> bool:
        """Whether the application has said all it may say."""
        return self.state == "ended"

    @property
    def asked(self) -> bool:
        """Whether the application has received what it has to answer."""
        return self.state != "not asked"

    def note(self, event: Message) -> None:
        """Take notice that the application has received *event*."""
        match event["type"]:
            case "websocket.connect" if self.state == "not asked":
                self.state = "handshake"
            case "websocket.disconnect":
                self.state = "ended"
            case "lifespan.startup" | "lifespan.shutdown" as name:
                self.state = name.removeprefix("lifespan.")

    def check(self, message: Any) -> bytes:
        """Return the content that *message* carries, if it may be sent now.

        Raises AssertionError with the reason and the message, if it may not.
        """
        try:
            self._check_form(message)
            return self._proceed(message)
        except AssertionError as error:
            raise AssertionError(f"{error}\nin the message {message!r}") from None

    def _check_form(self, message: Any) -> None:
        assert isinstance(message, dict), "a message is a dict"
        name = message.get("type")
        assert name in FIELDS, f"unknown type {name!r}"
        assert name in set().union(*self.states.values()), (
            f"{name!r} does not belong to a scope of type {self.scope['type']!r}"
        )
        extension = re.sub(r"^(websocket\.http\.response)\..*", r"\1", name)
        optional = (*HTTP_EXTENSIONS, "websocket.http.response")
        assert extension not in optional or self._offers(extension), (
            f"the server does not offer {extension!r}"
        )
        for key in message.keys() - {"type"}:
            assert key in FIELDS[name], f"unknown field {key!r}"
        for key, field in FIELDS[name].items():
            if key not in message:
                assert not field.required, f"the field {key!r} is missing"
                continue
            assert self.spec_version >= field.since, (
                f"{key!r} came with version {field.since}, the server has {self.spec_version}"
            )
            try:
                field.check(message[key])
            except (AssertionError, OSError, ValueError) as error:
                raise AssertionError(f"{key!r}: {error}") from None

    def _offers(self, extension: str) -> bool:
        return extension in (self.scope.get("extensions") or {})

    def _proceed(self, message: Message) -> bytes:
        name = message["type"]
        assert name in self.states[self.state], f"{name!r} does not fit the state {self.state!r}"
        content = b""
        match name:
            case "http.response.start" | "websocket.http.response.start":
                self._start(message)
                self.state = "response" if name.startswith("http") else "denial"
            case "http.response.pathsend":
                assert self._length == 0, "a path is the whole body"
                with open(message["path"], "rb") as file:
                    content = file.read()
                self._count(content, more=False)
            case "http.response.zerocopysend":
                descriptor = message["file"].fileno()
                offset = message.get("offset", os.lseek(descriptor, 0, os.SEEK_CUR))
                rest = max(0, os.fstat(descriptor).st_size - offset)
                count = message.get("count", rest)
                assert count <= rest, f"the file holds only {rest} bytes there"
                content = os.pread(descriptor, count, offset)
                self._count(content, more=message.get("more_body", False))
            case "http.response.body" | "websocket.http.response.body":
                content = message.get("body", b"")
                self._count(content, more=message.get("more_body", False))
            case "http.response.trailers":
                self.state = "trailers" if message.get("more_trailers", False) else "ended"
            case "websocket.accept":
                self._accept(message)
            case "websocket.send":
                given = [key for key in ("text", "bytes") if message.get(key) is not None]
                assert len(given) == 1, "exactly one of 'text' and 'bytes' is needed"
            case "websocket.close" | "lifespan.startup.failed" | "lifespan.shutdown.failed":
                self.state = "ended"
            case "lifespan.startup.complete":
                self.state = "running"
            case "lifespan.shutdown.complete":
                self.state = "ended"
        return content

    def _start(self, message: Message) -> None:
        status, headers = message["status"], message.get("headers", ())
        lengths = [value for name, value in headers if name == b"content-length"]
        assert len(lengths) <= 1, "more than one content-length"
        assert all(value.isdigit() for value in lengths), "content-length is not a number"
        # RFC 9110, 6.4.1: such responses have no content, whatever their headers say.
        self._bodiless = self.scope.get("method") == "HEAD" or status < 200 or status in (204, 304)
        if lengths and not self._bodiless:
            self._expected = int(lengths[0])
        self._trailers = message.get("trailers", False)
        assert not self._trailers or self._offers("http.response.trailers"), (
            "the server does not offer 'http.response.trailers'"
        )

    def _count(self, content: bytes, *, more: bool) -> None:
        self._length += len(content)
        assert not (self._bodiless and content), "this response must not have content"
        if self._expected is not None:
            assert self._length <= self._expected, (
                f"{self._length} bytes are more than the content-length {self._expected}"
            )
            assert more or self._length == self._expected, (
                f"{self._length} bytes are fewer than the content-length {self._expected}"
            )
        if not more:
            self.state = "trailers" if self._trailers else "ended"

    def _accept(self, message: Message) -> None:
        chosen = message.get("subprotocol")
        assert chosen is None or chosen in self.scope["subprotocols"], (
            f"the client did not ask for the subprotocol {chosen!r}"
        )
        assert all(name != b"sec-websocket-protocol" for name, _ in message.get("headers", ())), (
            "the subprotocol has a field of its own"
        )
        self.state = "open"
