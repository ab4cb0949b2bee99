"""`BaseRequestWebsocket`: all that a request and a websocket have in common.

Everything here is read from the ASGI connection scope; nothing does IO.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, quote

from werkzeug.sansio.request import Request as SansIORequest
from werkzeug.utils import cached_property

from ..globals import _cv_app

if TYPE_CHECKING:
    from werkzeug.datastructures import Authorization, Headers, MultiDict
    from werkzeug.exceptions import HTTPException
    from werkzeug.routing import Rule

    from ..json.provider import JSONProvider


# All of ASCII, for quoting only what is outside it.
_ASCII = bytes(range(128))


class ClientDisconnectedError(ConnectionError):
    """The client has gone: nothing more can be read from it or sent to it.

    `code` (int or None) and `reason` (str) are those of the websocket close, where there was one.
    """

    def __init__(self, code: int | None = None, reason: str = "") -> None:
        super().__init__("The client disconnected" + (f" ({code})" if code is not None else ""))
        self.code = code
        self.reason = reason


class BaseRequestWebsocket(SansIORequest):
    """The common ancestor of `Request` and `Websocket`: a client's opening words.

    `path` and `root_path` are str, `query_string` is bytes as received, `headers` a Werkzeug
    `Headers`, `http_version` a str such as "1.1", `scope` the ASGI connection scope.
    """

    #: The rule that matched, and the values of its variables.
    url_rule: Rule | None = None
    view_args: dict[str, Any] | None = None
    #: The HTTPException that matching ended in; raised when the view would be called.
    routing_exception: HTTPException | None = None
    #: Set by the route; None is the application's CANCEL_ON_DISCONNECT.
    cancel_on_disconnect: bool | None = None

    # PERF: this runs once per connection, so it stores what Werkzeug's constructor would, and
    # calls nothing. The class attribute is the port's default where the scope names no server.
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
        self.method = method
        self.scheme = scheme
        self.root_path = root_path
        if path[:1] != "/" or "//" in path:
            path = "/" + path.lstrip("/")
        self.path = path
        self.query_string = query_string
        self.headers = headers
        self.http_version = http_version
        self.scope = scope
        # PERF: each request asks for these, and an attribute of the class is found ten times
        # more slowly than one of the instance.
        self.routing_exception = None
        self._files: MultiDict[str, Any] | None = None
        # A request's; here, so that there is one constructor.
        if max_content_length is not None:
            setattr(self, "max_content_length", max_content_length)  # noqa: B010
        if body_timeout is not None:
            setattr(self, "body_timeout", body_timeout)  # noqa: B010
        self._send_push_promise = send_push_promise

    @cached_property
    def server(self) -> tuple[str, int | None] | None:
        """The server's address, (host, port) or (path, None), where it is known."""
        return self.scope.get("server")  # type: ignore[no-any-return]

    @cached_property
    def remote_addr(self) -> str | None:
        """The client's address as the server knows it."""
        client = self.scope.get("client")
        return client[0] if client else "<local>"

    @cached_property
    def args(self) -> MultiDict[str, str]:
        """The parsed query string; bytes that are not UTF-8 stay percent-encoded."""
        query = self.query_string
        if not query.isascii():
            query = quote(query, safe=_ASCII).encode()
        return self.parameter_storage_class(
            parse_qsl(query.decode(), keep_blank_values=True, errors="werkzeug.url_quote")
        )

    @cached_property
    def authorization(self) -> Authorization | None:
        """The Authorization header, None where there is none or it cannot be understood."""
        try:
            return super().authorization
        except ValueError:  # Basic credentials that are not ASCII, in Werkzeug 3.1
            return None

    @property
    def endpoint(self) -> str | None:
        """The endpoint that matched, None where none did."""
        return None if self.url_rule is None else self.url_rule.endpoint

    @property
    def blueprint(self) -> str | None:
        """The registered name of the blueprint whose rule matched, None outside one."""
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
        """`root_path`, under the name it has in WSGI."""
        return self.root_path

    @property
    def url_root(self) -> str:
        """`root_url`, under its older name."""
        return self.root_url

    @property
    def json_module(self) -> JSONProvider:
        """The JSON provider of the current application."""
        return _cv_app.get().app.json
