"""Headers as ASGI's bytes and as Werkzeug's `Headers` of text, in both directions.

Received headers are decoded here; a response's headers are checked and encoded here. This file does
not know what a single header means.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Self

from werkzeug.datastructures import Headers, MultiDict
from werkzeug.exceptions import BadRequest, BadRequestKeyError, RequestHeaderFieldsTooLarge
from werkzeug.urls import iri_to_uri

from ._speedups import all_values, decoded, encoded, first_value, is_in_one_line, lazily, put_all

if TYPE_CHECKING:
    from ._speedups.pure import Header

if TYPE_CHECKING:
    from .typing import Scope

# PERF: common names are looked up in tables instead of being converted.
_NAMES = """
    Accept Accept-Encoding Accept-Language Accept-Ranges Access-Control-Allow-Credentials
    Access-Control-Allow-Headers Access-Control-Allow-Methods Access-Control-Allow-Origin
    Access-Control-Expose-Headers Access-Control-Max-Age Age Allow Authorization Cache-Control
    Connection Content-Disposition Content-Encoding Content-Language Content-Length
    Content-Location Content-Range Content-Security-Policy Content-Type Cookie
    Cross-Origin-Embedder-Policy Cross-Origin-Opener-Policy Date ETag Expires Host
    If-Modified-Since If-None-Match Last-Modified Link Location Origin Referer Referrer-Policy
    Retry-After Sec-Fetch-Dest Sec-Fetch-Mode Sec-Fetch-Site Server Set-Cookie
    Strict-Transport-Security Trailer Transfer-Encoding Upgrade-Insecure-Requests User-Agent
    Vary WWW-Authenticate X-Accel-Buffering X-Content-Type-Options X-Forwarded-For
    X-Forwarded-Proto X-Frame-Options X-Request-ID X-Requested-With X-Sendfile X-XSS-Protection
""".split()  # noqa: SIM905
#: From a name as it is sent to the name that readers of a request see.
_TITLES = {name.lower().encode(): name.title() for name in _NAMES}
#: From common spellings of a name to the name as it is sent.
_SENT = {spelling: name.lower().encode() for name in _NAMES for spelling in (name, name.lower())}

_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_BROKEN_VALUE = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
# How many names are remembered as they are sent, and how long such a name may be.
_MOST_NAMES = 1000
_LONGEST_NAME = 100


# PERF: makes an object without calling its constructor.
_new = object.__new__

# Received headers


def decode_header_items(items: Iterable[tuple[bytes, bytes]]) -> list[tuple[str, str]]:
    """Decode headers: names in title case, values from Latin-1."""
    return decoded(items, _TITLES)


def decode_headers(headers: Iterable[tuple[bytes, bytes]]) -> Headers:
    """Make `Headers` from ASGI's pairs of Latin-1 bytes."""
    return Headers([(key.decode("latin-1"), value.decode("latin-1")) for key, value in headers])


class ScopeHeaders(Headers):
    """The headers of a scope, decoded when they are first used.

    `Remote-Addr` is the client's address as the server knows it, whatever the client sent, or
    "<local>" if the server does not know it. For a header that is a list, such as `Accept`, `get`
    and `headers[name]` return all of its lines, joined by commas (RFC 9110, section 5.3); `getlist`
    and iteration return each line. For any other header they return the first line.
    """

    # PERF: eight headers take 5 us to decode, and most views read one or none.
    scope: Scope
    #: True until the headers are decoded.
    _undecoded = False

    @classmethod
    def of(cls, scope: Scope) -> Self:
        """Make the headers of a connection scope."""
        headers = cls.__new__(cls)
        headers.scope = scope
        headers._undecoded = True
        return headers

    @lazily
    def _list(self) -> list[tuple[str, str]]:  # pyright: ignore[reportIncompatibleVariableOverride]
        items = decode_header_items(self.scope.get("headers", ()))
        items = [item for item in items if item[0] != "Remote-Addr"]
        self._undecoded = False
        return [("Remote-Addr", client_address(self.scope)), *items]

    if not TYPE_CHECKING:

        def __getitem__(self, key: object) -> object:
            if not isinstance(key, str):
                return super().__getitem__(key)
            if self._undecoded:
                value = self._find(key)  # PERF: a frame less than by `_get_key`
                if value is not None:
                    return value
            try:
                return self._get_key(key)
            except BadRequestKeyError:
                if _raw_name(key) == b"host" and self.scope.get("http_version") == "1.0":
                    return ""  # HTTP/1.0 allows that; code for Quart expects a value
                raise

        def get(self, key: str, default: object = None, type: object = None) -> object:
            """Return a header's value, converted by `type`, or the default if it is missing."""
            if type is not None or not self._undecoded:
                return super().get(key, default, type)
            value = self._find(key)  # PERF: avoids an exception for a missing header
            return default if value is None else value

        def getlist(self, key: str, type: object = None) -> list[object]:
            """Return all values of a header in the order received, each converted by `type`."""
            if type is None and self._undecoded:
                wanted = _raw_name(key)
                if wanted != b"remote-addr":
                    values = all_values(self.scope.get("headers", ()), wanted)
                    return [value.decode("latin-1") for value in values]
            return super().getlist(key, type)

    def _get_key(self, key: str) -> str:
        value: str | None
        if self._undecoded:
            value = self._find(key)
        elif _raw_name(key) in _LISTS:
            lines = self.getlist(key)
            value = ", ".join(lines) if lines else None
        else:
            value = super()._get_key(key)
        if value is None:
            raise BadRequestKeyError(key)
        return value

    def _find(self, key: str) -> str | None:
        wanted = _raw_name(key)
        if wanted in _NOT_FOUND_IN_ONE_LINE:
            if wanted == b"remote-addr":
                return client_address(self.scope)
            return all_lines(self.scope, wanted)
        value = first_value(self.scope.get("headers", ()), wanted)
        return None if value is None else value.decode("latin-1")

    def copy(self) -> Self:
        """Return the same headers in a new object."""
        copied = type(self).__new__(type(self))
        copied.scope = self.scope
        copied.__dict__["_list"] = self._list.copy()
        return copied

    def __copy__(self) -> Self:
        return self.copy()


#: Headers that are lists: several lines mean the same as one line with all values.
_LISTS = frozenset(
    {
        b"accept",
        b"accept-charset",
        b"accept-encoding",
        b"accept-language",
        b"access-control-request-headers",
        b"cache-control",
        b"connection",
        b"content-encoding",
        b"content-language",
        b"forwarded",
        b"if-match",
        b"if-none-match",
        b"pragma",
        b"sec-websocket-extensions",
        b"sec-websocket-protocol",
        b"te",
        b"upgrade",
        b"via",
        b"x-forwarded-for",
        b"x-forwarded-host",
        b"x-forwarded-port",
        b"x-forwarded-prefix",
        b"x-forwarded-proto",
    }
)
# PERF: one test tells all other headers from these.
_NOT_FOUND_IN_ONE_LINE = _LISTS | {b"remote-addr"}


def all_lines(scope: Scope, wanted: bytes) -> str | None:
    """Join the lines of a header that is a list; None if there are no lines."""
    lines = all_values(scope.get("headers", ()), wanted)
    return b", ".join(lines).decode("latin-1") if lines else None


#: The longest Host header, in bytes. A host name has at most 253 (RFC 1035, section 2.3.4), and
#: code that reads host names takes time that grows with the square of their length.
MAX_HOST_LENGTH = 255


def check_host_length(host: str | None) -> None:
    """Raise BadRequest if a host is too long to be looked at."""
    if host is not None and len(host) > MAX_HOST_LENGTH:
        raise BadRequest("The Host header is too long.")


#: The longest path, query or header, in bytes, that is parsed on the event loop, where everyone
#: else waits. (Longer bodies are parsed in threads, but code that reads a header cannot wait for
#: one.)
MAX_PARSED = 32 * 1024


def check_parsed_length(value: str | None, longest: int = MAX_PARSED) -> str | None:
    """Return a header's value; raise RequestHeaderFieldsTooLarge if it is too long to be parsed."""
    if value is not None and len(value) > longest:
        raise RequestHeaderFieldsTooLarge()
    return value


def client_address(scope: Scope) -> str:
    """The client's address as the server knows it, or "<local>" if it does not."""
    client = scope.get("client")
    return (client and client[0]) or "<local>"


@lru_cache(maxsize=256)
def _raw_name(name: str) -> bytes:
    return name.lower().encode("latin-1", "replace")


# Response headers

_URI_HEADERS = frozenset({b"content-location", b"location"})


class ResponseHeaders(Headers):
    """The headers of a response.

    PERF: they are kept in a dict instead of Werkzeug's list, because Werkzeug searches the list
    for each header that is set. They become a list when a name occurs twice, or for operations
    that a dict does not support. The methods below repeat the most used ones of `Headers`.
    """

    #: By the name as it is sent: the value as it is sent, or the name and the value as written.
    _single: dict[bytes, Header] | None = None

    @classmethod
    def of(cls, items: Iterable[tuple[bytes, bytes]]) -> Self:
        """Make headers from encoded items, in which each name may occur once."""
        headers = _new(cls)
        headers._single = dict(items)
        return headers

    @classmethod
    def copied_from(
        cls, given: Mapping[str, str | Iterable[str]] | Iterable[tuple[str, str]] | None
    ) -> Self:
        """Make headers with the items of `Headers(given)`."""
        if type(given) is dict:
            headers = cls.of(())
            if headers._put(given) and len(headers) == len(given):
                return headers
        return cls(given)

    @lazily
    def _list(self) -> list[tuple[str, str]]:  # pyright: ignore[reportIncompatibleVariableOverride]
        single, self._single = self._single or {}, None
        return [_written(sent, header) for sent, header in single.items()]

    if not TYPE_CHECKING:

        def __setitem__(self, key: object, value: object) -> None:
            single = self._single
            if single is not None and type(key) is str and is_in_one_line(value):
                sent = _SENT.get(key) or _learn(key)
                if sent is not None:
                    single[sent] = key, value
                    return
            super().__setitem__(key, value)

        def get(self, key: str, default: object = None, type: object = None) -> object:
            """Return a header's value, converted by `type`, or the default if it is missing."""
            if self._single is not None and key not in self:
                return default  # PERF: avoids making an exception
            return super().get(key, default, type)

        def getlist(self, key: str, type: object = None) -> list[object]:
            """Return all values of a header in their order, each converted by `type`."""
            if self._single is not None and key not in self:
                return []
            return super().getlist(key, type)

        def add(self, key: str, value: object, /, **kwargs: object) -> None:
            """Add a header, keeping others of the same name. Keywords are parameters of the value.

            Raises ValueError if a value contains a line break.
            """
            single = self._single
            if single is None or kwargs or _raw_name(key) in single:
                super().add(key, value, **kwargs)
            else:
                self[key] = value

        def update(self, arg: object = None, /, **kwargs: object) -> None:
            """Set headers from a mapping or pairs, and from keywords.

            Raises ValueError if a value contains a line break.
            """
            if type(arg) is dict and not kwargs and self._put(arg):
                return
            if kwargs or not isinstance(arg, (Headers, Mapping)):
                super().update(arg, **kwargs)
                return
            groups = list(_groups(arg))
            if all(is_in_one_line(value) for _, values in groups for value in values):
                _set_groups(self._list, groups)
            else:
                super().update(arg)  # raises an error that names the value

    def _put(self, given: dict[str, str]) -> bool:
        """Set the plain headers; return whether that is all of them."""
        single = self._single
        return single is not None and put_all(single, given, _SENT, _learn)

    def _get_key(self, key: str) -> str:
        if self._single is None:
            return super()._get_key(key)
        sent = _raw_name(key)
        if sent not in self._single:
            raise BadRequestKeyError(key)
        return _written(sent, self._single[sent])[1]

    def __len__(self) -> int:
        return len(self._list if self._single is None else self._single)

    def __contains__(self, key: str) -> bool:
        if self._single is None:
            return super().__contains__(key)
        return _raw_name(key) in self._single

    def __eq__(self, other: object) -> bool:
        # Plain `Headers` are equal only to objects of their own class.
        return Headers(self) == (Headers(other) if isinstance(other, ResponseHeaders) else other)

    __hash__ = None


def _written(sent: bytes, header: Header) -> tuple[str, str]:
    """Return a name and value from `ResponseHeaders` as they are read."""
    if isinstance(header, bytes):
        return decode_header_items([(sent, header)])[0]
    return header


def _groups(given: Headers | Mapping[str, Any]) -> Iterator[tuple[str, list[str]]]:
    """Iterate over names and all their values, in the order in which `Headers.update` sets them."""
    if isinstance(given, MultiDict):
        for name in given:
            yield name, [_text(value) for value in given.getlist(name)]
    elif isinstance(given, Headers):
        values: dict[str, list[str]] = {}
        for name, value in given:
            values.setdefault(name.lower(), []).append(_text(value))
        seen = dict.fromkeys(values, 0)
        for name, _ in given:
            key = name.lower()
            seen[key] += 1
            # A name stays where it was first set; its other values go where the last one was.
            if seen[key] == len(values[key]):
                yield name, values[key]
            elif seen[key] == 1:
                yield name, values[key][:1]
    else:
        for name, value in given.items():
            several = value if isinstance(value, (list, tuple, set)) else (value,)
            yield name, [_text(each) for each in several]


def _text(value: object) -> str:
    return value if isinstance(value, str) else str(value)


def _set_groups(items: list[tuple[str, str]], groups: Iterable[tuple[str, list[str]]]) -> None:
    """Do what `Headers.setlist` does for each name, in one pass over the items."""
    kept: list[tuple[str, str] | None] = [*items]
    places: dict[str, list[int]] = {}
    for place, (name, _) in enumerate(items):
        places.setdefault(name.lower(), []).append(place)
    for name, values in groups:
        old = places.pop(name.lower(), [])
        for place in old:
            kept[place] = None
        if values:
            first = old[0] if old else len(kept)
            kept[first : first + 1] = [(name, values[0])]
            places[name.lower()] = [first, *range(len(kept), len(kept) + len(values) - 1)]
            kept.extend((name, value) for value in values[1:])
    items[:] = [item for item in kept if item is not None]


def encode_header_items(headers: Headers) -> list[tuple[bytes, bytes]]:
    """Encode headers for ASGI: lower-case names, Latin-1 values without surrounding space.

    In a `Location`, characters that a URI must not have are percent-encoded. Raises ValueError,
    which names the header, for whatever would break the protocol: control characters, names that
    are not tokens, values outside Latin-1.
    """
    items: Iterable[tuple[bytes, Header]]
    if isinstance(headers, ResponseHeaders) and headers._single is not None:
        items = headers._single.items()
    else:
        items = ((_SENT.get(item[0]) or _sent_name(item[0]), item) for item in headers._list)
    return encoded(items, _URI_HEADERS, _encode_value)


def _encode_value(sent: bytes, name: str, value: str) -> bytes:
    if sent in _URI_HEADERS and not _BROKEN_VALUE.search(value):
        value = iri_to_uri(value)
    check_header_value(name, value)
    return value.encode("latin-1").strip()


def _sent_name(name: str) -> bytes:
    sent = _learn(name)
    if sent is None:
        raise ValueError(f"{name!r} is not a valid header name.")
    return sent


def _learn(name: object) -> bytes | None:
    """Return a name as it is sent, and remember it in `_SENT`; None if it is not valid."""
    if not isinstance(name, str) or _TOKEN.fullmatch(name) is None:
        return None
    sent = name.lower().encode()
    if len(_SENT) < _MOST_NAMES and len(name) <= _LONGEST_NAME:
        _SENT[name] = sent
    return sent


def check_header_value(name: str, value: str) -> None:
    """Raise ValueError if a value has control characters, or characters outside Latin-1."""
    if _BROKEN_VALUE.search(value):
        raise ValueError(f"The value of the header {name!r} has a control character: {value!r}.")
    try:
        value.encode("latin-1")
    except UnicodeEncodeError:
        raise ValueError(
            f"The value of the header {name!r} has a character outside Latin-1: {value!r}."
        ) from None


def encode_headers(headers: Headers) -> list[tuple[bytes, bytes]]:
    """Encode headers without checking them: lower-case names, values in Latin-1.

    Raises UnicodeEncodeError for a character outside Latin-1.
    """
    return [(key.lower().encode("latin-1"), value.encode("latin-1")) for key, value in headers]
