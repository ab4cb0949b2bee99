"""`BaseRequestWebsocket`: everything that requests and websockets have in common.

Everything here is read from the ASGI connection scope; nothing does IO.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, TypeVar

from werkzeug.datastructures import Headers, IfRange, ImmutableMultiDict, MultiDict
from werkzeug.exceptions import RequestHeaderFieldsTooLarge, RequestURITooLarge
from werkzeug.http import parse_date
from werkzeug.sansio.http import parse_cookie
from werkzeug.sansio.request import Request as SansIORequest
from werkzeug.utils import cached_property

from .. import json
from .._speedups import all_values, find_cookie, first_value, lazily, split_cookies, split_query
from ..datastructures import State
from ..globals import _cv_quart
from ..headers import (
    MAX_PARSED,
    ScopeHeaders,
    check_host_length,
    check_parsed_length,
    client_address,
)
from .urls import complete_url, decode, parse_query

if TYPE_CHECKING:
    from datetime import datetime

    from werkzeug.datastructures import Authorization
    from werkzeug.exceptions import HTTPException
    from werkzeug.routing import Rule


# Shared by all requests without cookies, because nobody can change it.
_NO_COOKIES: ImmutableMultiDict[str, str] = ImmutableMultiDict()


class ClientDisconnectedError(ConnectionError):
    """The client has disconnected: nothing can be read from it or sent to it any more.

    `code` (int or None) and `reason` (str) are those of the websocket close, if there was one.
    """

    def __init__(self, code: int | None = None, reason: str = "") -> None:
        super().__init__("The client disconnected" + (f" ({code})" if code is not None else ""))
        self.code = code
        self.reason = reason


def read_date(value: str | None) -> datetime | None:
    """Parse a date in a header; None if it is not a date, or has numbers that are too large."""
    check_parsed_length(value)
    try:
        return parse_date(value)
    except OverflowError:  # Werkzeug 3.1 does not catch it
        return None


_Values = TypeVar("_Values", bound="MultiDict[str, str]")


def _takes_lists(cls: type[MultiDict[str, str]]) -> bool:
    """Whether objects of this class are plain dicts of lists."""
    return cls.__init__ is MultiDict.__init__


def clean_path(path: str) -> str:
    """Return a path that begins with exactly one slash, as Werkzeug does."""
    return "/" + path.lstrip("/")


# In characters. The best match of a list of 32 KiB takes a tenth of a second.
_MAX_ACCEPT = 8 * 1024


def _bounded(name: str, header: str, longest: int = MAX_PARSED) -> property:
    """Return Werkzeug's attribute of this name, with a check of the header's length first."""
    parse: cached_property[object] = SansIORequest.__dict__[name]

    def read(self: BaseRequestWebsocket) -> object:
        check_parsed_length(self.headers.get(header), longest)
        return parse.__get__(self, type(self))

    read.__doc__ = parse.__doc__
    return property(read)


class BaseRequestWebsocket(SansIORequest):
    """The common ancestor of `Request` and `Websocket`: what the client sent to open it.

    `path` and `root_path` are str, `query_string` is bytes as received, `headers` is a Werkzeug
    `Headers`, `http_version` a str such as "1.1", and `scope` the ASGI connection scope.
    """

    #: The rule that matched; None if none did.
    url_rule: Rule | None = None
    #: The values that the rule took from the path; None if no rule matched.
    view_args: dict[str, Any] | None = None
    #: The HTTPException that matching raised. It is raised again instead of calling the view.
    routing_exception: HTTPException | None = None
    #: The route's choice; None means the application's CANCEL_ON_DISCONNECT.
    cancel_on_disconnect: bool | None = None
    #: The headers, once somebody has read or set them.
    _headers: Headers | None = None
    #: True while teardown functions, or those of `call_on_close`, run: neither a disconnect nor
    #: a shutdown interrupts them.
    _tearing_down = False

    if not TYPE_CHECKING:
        # These defaults serve requests that asgi makes from the scope, without the constructor.
        #: `http` or `https`, for a websocket `ws` or `wss`.
        scheme = lazily(lambda self: self.scope.get("scheme", "http"))
        #: The part after the question mark, in bytes as the client sent it.
        query_string = lazily(lambda self: self.scope.get("query_string", b""))
        #: The path at which the application is mounted, without a trailing slash.
        root_path = lazily(lambda self: "")
        #: `1.0`, `1.1`, `2` or `3`.
        http_version = lazily(lambda self: self.scope["http_version"])
        state = lazily(lambda self: State(self.scope.setdefault("state", {})))

        @property
        def headers(self) -> Headers:
            """The headers; `Remote-Addr` among them is the client's address."""
            if self._headers is None:
                self._headers = ScopeHeaders.of(self.scope)
            return self._headers

        @headers.setter
        def headers(self, headers: Headers) -> None:
            self._headers = headers

        accept_charsets = _bounded("accept_charsets", "Accept-Charset", _MAX_ACCEPT)
        accept_encodings = _bounded("accept_encodings", "Accept-Encoding", _MAX_ACCEPT)
        accept_languages = _bounded("accept_languages", "Accept-Language", _MAX_ACCEPT)
        accept_mimetypes = _bounded("accept_mimetypes", "Accept", _MAX_ACCEPT)
        access_control_request_headers = _bounded(
            "access_control_request_headers", "Access-Control-Request-Headers"
        )
        access_route = _bounded("access_route", "X-Forwarded-For")
        cache_control = _bounded("cache_control", "Cache-Control")
        if_match = _bounded("if_match", "If-Match")
        if_none_match = _bounded("if_none_match", "If-None-Match")
        pragma = _bounded("pragma", "Pragma")
        range = _bounded("range", "Range")

        def _parse_content_type(self) -> None:
            check_parsed_length(self.headers.get("Content-Type"))
            super()._parse_content_type()

    #: The values that startup code left in `scope["state"]`.
    state: State

    # Sets the attributes that Werkzeug's constructor would set.
    def __init__(
        self,
        method: str,
        scheme: str,
        path: str,
        query_string: bytes,
        headers: Headers,
        root_path: str,
        http_version: str,
        scope: Any,
        *,
        max_content_length: int | None = None,
        body_timeout: float | None = None,
        send_push_promise: Callable[[str, Headers], Awaitable[None]] | None = None,
    ) -> None:
        self.method = method.upper()
        self.scheme = scheme
        self.root_path = root_path
        self.path = clean_path(path)
        self.query_string = query_string
        self.headers = headers
        self.http_version = http_version
        self.scope = scope
        self.routing_exception = None
        self._files: MultiDict[str, Any] | None = None
        # Only requests have these two; they are here so that one constructor is enough.
        if max_content_length is not None:
            setattr(self, "max_content_length", max_content_length)  # noqa: B010
        if body_timeout is not None:
            setattr(self, "body_timeout", body_timeout)  # noqa: B010
        self._send_push_promise = send_push_promise

    def _received(self, name: bytes) -> bytes | None:
        """Return the first value of a header, as received or as set later, in bytes."""
        if self._headers is None:
            return first_value(self.scope.get("headers", ()), name)
        text = self._headers.get(name.decode())
        return None if text is None else text.encode("latin-1", "replace")

    @cached_property
    def server(self) -> tuple[str, int | None] | None:
        """The server's address: (host, port), or (path, None); None if unknown."""
        return self.scope.get("server")  # type: ignore[no-any-return]

    @cached_property
    def host(self) -> str:
        """The host that the client asked for, with the port if it is not the scheme's default.

        Raises SecurityError, a 400, if it is not among `trusted_hosts`, and BadRequest if it is
        longer than 255 bytes.
        """
        check_host_length(self.headers.get("Host"))
        return super().host

    @cached_property
    def remote_addr(self) -> str | None:
        """The client's address, as the server reports it."""
        return client_address(self.scope)

    @lazily
    def args(self) -> MultiDict[str, str]:
        """The parsed query string; bytes that are not UTF-8 stay percent-encoded."""
        query = self.query_string
        if len(query) > MAX_PARSED:
            raise RequestURITooLarge()
        cls: type[MultiDict[str, str]] = self.parameter_storage_class
        # PERF: the usual class is known without a call, here and in `cookies`.
        if cls is ImmutableMultiDict or _takes_lists(cls):
            made = cls.__new__(cls)
            if split_query(query, made):  # PERF: most queries have nothing to unquote
                return made
        return cls(parse_query(query))

    @lazily
    def cookies(self) -> ImmutableMultiDict[str, str]:
        """The cookies that the client sent."""
        line = self._cookie_line()
        cls: type[ImmutableMultiDict[str, str]] = self.dict_storage_class  # type: ignore[assignment]
        if not line and cls is ImmutableMultiDict:
            return _NO_COOKIES
        if cls is ImmutableMultiDict or _takes_lists(cls):
            made = cls.__new__(cls)
            if split_cookies(line, made):  # PERF: this needs no regular expression
                return made
        return parse_cookie(line, cls=cls)  # type: ignore[return-value]

    def _cookie_line(self) -> str:
        """Return all cookies as received, in one line."""
        headers = self._headers
        if headers is None or (isinstance(headers, ScopeHeaders) and headers._undecoded):
            # PERF: only this header has to be decoded.
            scope = self.scope if headers is None else headers.scope
            lines = all_values(scope.get("headers", ()), b"cookie")
            line = b";".join(lines).decode("latin-1")
        else:
            line = ";".join(headers.getlist("Cookie"))
        if len(line) > MAX_PARSED:
            raise RequestHeaderFieldsTooLarge()
        return line

    def check_length(self) -> None:
        """Raise RequestURITooLarge (414) if the path or the query is too long to be parsed."""
        if len(self.path) > MAX_PARSED or len(self.query_string) > MAX_PARSED:
            raise RequestURITooLarge()

    def _cookie(self, name: str) -> str | None:
        """Return one cookie, as in `cookies`; None if it is missing."""
        # PERF: this repeats `cookies` for what browsers send, and reads only this cookie. It is
        # safe if `cookies` was neither read nor replaced.
        if (
            "cookies" not in self.__dict__
            and type(self).cookies is _COOKIES
            and self.dict_storage_class is ImmutableMultiDict
        ):
            found = find_cookie(self._cookie_line(), name) if name.isidentifier() else ...
            if found is not ...:
                return found
        return self.cookies.get(name)

    @cached_property
    def full_path(self) -> str:
        """The path and the query; bytes that are not UTF-8 stay percent-encoded."""
        self.check_length()
        return f"{self.path}?{decode(self.query_string)}"

    @cached_property
    def url(self) -> str:
        """The complete URL: scheme, host, root path, path and query.

        Raises RequestURITooLarge (414) if the path or the query is longer than 32 KiB.
        """
        self.check_length()
        return complete_url(self._origin, self.root_path, self.path, self.query_string)

    @cached_property
    def base_url(self) -> str:
        """`url` without the query."""
        self.check_length()
        return complete_url(self._origin, self.root_path, self.path)

    @cached_property
    def root_url(self) -> str:
        """`url` without the path and the query."""
        return complete_url(self._origin, self.root_path)

    @property
    def _origin(self) -> str:
        return self.host_url.removesuffix("/")

    @cached_property
    def authorization(self) -> Authorization | None:
        """The Authorization header; None if it is missing or cannot be parsed."""
        check_parsed_length(self.headers.get("Authorization"))
        try:
            return super().authorization
        except ValueError:  # Werkzeug 3.1 raises it for Basic credentials that are not ASCII
            return None

    @cached_property
    def if_modified_since(self) -> datetime | None:
        """The If-Modified-Since header; None if it is missing or not a date."""
        return read_date(self.headers.get("If-Modified-Since"))

    @cached_property
    def if_unmodified_since(self) -> datetime | None:
        """The If-Unmodified-Since header; None if it is missing or not a date."""
        return read_date(self.headers.get("If-Unmodified-Since"))

    @cached_property
    def if_range(self) -> IfRange:
        """The If-Range header: an ETag, a date, or neither."""
        check_parsed_length(self.headers.get("If-Range"))
        try:
            return super().if_range
        except OverflowError:
            return IfRange()

    @cached_property
    def date(self) -> datetime | None:
        """The Date header; None if it is missing or not a date."""
        return read_date(self.headers.get("Date"))

    @property
    def endpoint(self) -> str | None:
        """The endpoint that matched; None if none did."""
        return None if self.url_rule is None else self.url_rule.endpoint

    @property
    def blueprint(self) -> str | None:
        """The registered name of the blueprint whose rule matched; None outside a blueprint."""
        endpoint = self.endpoint
        return None if endpoint is None else endpoint.rpartition(".")[0] or None

    @property
    def blueprints(self) -> list[str]:
        """The names of the current blueprint and its parents, innermost first."""
        names = []
        name = self.blueprint or ""
        while name:
            names.append(name)
            name = name.rpartition(".")[0]
        return names

    @property
    def script_root(self) -> str:
        """`root_path`, under its WSGI name."""
        return self.root_path

    @property
    def url_root(self) -> str:
        """`root_url`, under its older name."""
        return self.root_url

    @property
    def json_module(self) -> Any:
        """The JSON provider of the current application; or else a module like it."""
        ctx = _cv_quart.get(None)
        return json if ctx is None else ctx.app.json


_COOKIES = BaseRequestWebsocket.__dict__["cookies"]
