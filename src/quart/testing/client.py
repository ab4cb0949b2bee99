"""The client through which a test calls an application: requests, redirects, cookies, sessions."""

from __future__ import annotations

import inspect
from collections.abc import AsyncGenerator, Callable, Coroutine, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import partial, wraps
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal, ParamSpec, Self, TypeVar
from urllib.parse import urlsplit

from werkzeug.datastructures import Authorization, Headers
from werkzeug.http import dump_cookie
from werkzeug.test import ClientRedirectError

from ..datastructures import FileStorage
from ..flask_names import enter
from ..forgotten import Reminder
from ..globals import _cv_quart, _cv_request
from ..sessions import SessionMixin
from ..typing import TestHTTPConnectionProtocol, TestWebsocketConnectionProtocol
from ..workers import awaited_or_blocking
from ..wrappers import Response
from .connections import (
    AsyncOnly,
    TestHTTPConnection,
    TestResponse,
    TestWebsocketConnection,
    close_preserved_context,
    make_test_response,
)
from .cookies import Cookie, CookieJar, is_within
from .utils import (
    RequestBuilder,
    RequestWords,
    describe_request,
    make_test_body_with_headers,
    make_test_headers_path_and_query_string,
    make_test_scope,
    sentinel,
)

if TYPE_CHECKING:
    from ..app import Quart
    from ..typing import Fields

__all__ = (
    "ClientRedirectError",
    "Cookie",
    "CookieJar",
    "FileStorage",
    "QuartClient",
    "Response",
    "SessionMixin",
    "TestHTTPConnection",
    "TestHTTPConnectionProtocol",
    "TestWebsocketConnection",
    "TestWebsocketConnectionProtocol",
    "make_test_body_with_headers",
    "make_test_headers_path_and_query_string",
    "make_test_scope",
    "sentinel",
)

P = ParamSpec("P")
T = TypeVar("T", covariant=True)
C = TypeVar("C", TestHTTPConnectionProtocol, TestWebsocketConnectionProtocol)

#: The keywords that describe a request.
_WORDS = frozenset(inspect.signature(describe_request).parameters) - {"app"}

#: As many as browsers follow.
MAX_REDIRECTS = 20


def _to_be_awaited(
    method: Callable[P, Coroutine[object, None, T]],
) -> Callable[P, Coroutine[object, None, T]]:
    """Make a forgotten `await` raise an error that names it, where the result is used."""

    @wraps(method)
    def wrapper(*args: P.args, **kwargs: P.kwargs) -> Coroutine[object, None, T]:
        return Reminder(method(*args, **kwargs), f"client.{method.__name__}(...)")

    return awaited_or_blocking(wrapper)


class SessionTransaction(AsyncOnly):
    """The block of `QuartClient.session_transaction`."""

    def __init__(self, transaction: AbstractAsyncContextManager[SessionMixin]) -> None:
        self._transaction = transaction

    async def __aenter__(self) -> SessionMixin:
        return await self._transaction.__aenter__()

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc_value: BaseException | None,
        tb: TracebackType | None,
    ) -> bool | None:
        return await self._transaction.__aexit__(exc_type, exc_value, tb)


class QuartClient(AsyncOnly):
    """Calls an application as a client would, without a server::

        client = app.test_client()
        response = await client.get("/")
        assert "hello" == response.text

    The arguments that describe requests are those of `describe_request`; both Quart's and Flask's
    work. Cookies are stored and sent by the rules of browsers, unless `use_cookies` is False.
    Within `async with client:` the context of the last request stays open, so that tests can read
    `request`, `g` and `session`; the next request, or the end of the block, tears it down.
    """

    http_connection_class: type[TestHTTPConnectionProtocol] = TestHTTPConnection
    websocket_connection_class: type[TestWebsocketConnectionProtocol] = TestWebsocketConnection

    def __init__(
        self, app: Quart, use_cookies: bool = True, allow_subdomain_redirects: bool = False
    ) -> None:
        self.app = app
        self.cookie_jar = CookieJar() if use_cookies else None
        self.allow_subdomain_redirects = allow_subdomain_redirects
        #: Arguments for every request, under their WSGI names: see `describe_request`.
        self.environ_base: dict[str, Any] = {}
        self.preserve_context = False
        self.push_promises: list[tuple[str, Headers]] = []
        #: The values that startup code sets, for `scope["state"]`.
        self.state: dict[str, Any] | None = None

    @property
    def application(self) -> Quart:
        """The application, under its name in Flask."""
        return self.app

    # Requests

    @_to_be_awaited
    async def open(
        self, *args: object, follow_redirects: bool = False, buffered: bool = True, **kwargs: object
    ) -> TestResponse:
        """Make a request and return the response, which is always read to its end.

        The other arguments are those of `describe_request`; `buffered` has no effect. With
        `follow_redirects` the result is the last response, and its `history` has those before.
        Raises errors that the application does not handle (with `TESTING`, any unhandled error),
        HTTPDisconnectError if it ends without a complete response, ClientRedirectError for too many
        redirects, and RuntimeError for a redirect to another host.
        """
        return await self._open(
            *args, follow_redirects=follow_redirects, buffered=buffered, **kwargs
        )

    async def _open(
        self, *args: object, follow_redirects: bool = False, buffered: bool = True, **kwargs: object
    ) -> TestResponse:
        words = self._describe(args, kwargs)
        history: list[TestResponse] = []
        while True:
            response = await self._make_request(*words)
            response.history = tuple(history)
            location = response.headers.get("Location")
            if (
                not follow_redirects
                or response.status_code not in {301, 302, 303, 305, 307, 308}
                or not location
            ):
                return response
            history.append(response)
            if len(history) > MAX_REDIRECTS:
                raise ClientRedirectError(
                    f"More than {MAX_REDIRECTS} redirects, the last to {location!r}."
                )
            words = response.builder.redirected(location, response.status_code)
            self._raise_if_foreign(words, response.builder)

    async def _ask(
        self, method: str, args: tuple[object, ...], words: Mapping[str, Any]
    ) -> TestResponse:
        return await self.open(*args, **{**words, "method": method})

    @_to_be_awaited
    async def delete(self, *args: object, **kwargs: object) -> TestResponse:
        """Make a DELETE request: see `open`."""
        return await self._ask("DELETE", args, kwargs)

    @_to_be_awaited
    async def get(self, *args: object, **kwargs: object) -> TestResponse:
        """Make a GET request: see `open`."""
        return await self._ask("GET", args, kwargs)

    @_to_be_awaited
    async def head(self, *args: object, **kwargs: object) -> TestResponse:
        """Make a HEAD request, whose response has no body: see `open`."""
        return await self._ask("HEAD", args, kwargs)

    @_to_be_awaited
    async def options(self, *args: object, **kwargs: object) -> TestResponse:
        """Make an OPTIONS request: see `open`."""
        return await self._ask("OPTIONS", args, kwargs)

    @_to_be_awaited
    async def patch(self, *args: object, **kwargs: object) -> TestResponse:
        """Make a PATCH request: see `open`."""
        return await self._ask("PATCH", args, kwargs)

    @_to_be_awaited
    async def post(self, *args: object, **kwargs: object) -> TestResponse:
        """Make a POST request: see `open`."""
        return await self._ask("POST", args, kwargs)

    @_to_be_awaited
    async def put(self, *args: object, **kwargs: object) -> TestResponse:
        """Make a PUT request: see `open`."""
        return await self._ask("PUT", args, kwargs)

    @_to_be_awaited
    async def query(self, *args: object, **kwargs: object) -> TestResponse:
        """Make a QUERY request: see `open`."""
        return await self._ask("QUERY", args, kwargs)

    @_to_be_awaited
    async def trace(self, *args: object, **kwargs: object) -> TestResponse:
        """Make a TRACE request: see `open`."""
        return await self._ask("TRACE", args, kwargs)

    def request(self, *args: object, **kwargs: object) -> TestHTTPConnectionProtocol:
        """Open a request to be sent and read piece by piece: see `TestHTTPConnection`.

        The arguments are those of `describe_request`; those for a body raise TypeError.
        """
        request = self._with_cookies(self._describe(args, kwargs))
        if request.body:
            raise TypeError(
                "An opened request has no body yet: send it with 'await connection.send(...)'."
            )
        return self._listen(self._connect(request), request)

    def websocket(
        self, *args: object, subprotocols: list[str] | None = None, **kwargs: object
    ) -> TestWebsocketConnectionProtocol:
        """Open a websocket that offers these subprotocols: see `TestWebsocketConnection`.

        The other arguments are those of `describe_request`; those for a body raise TypeError.
        """
        words = self._describe(args, kwargs)
        words = words._replace(
            scheme={"http": "ws", "https": "wss"}.get(words.scheme, words.scheme)
        )
        if subprotocols:
            words.headers["Sec-WebSocket-Protocol"] = ", ".join(subprotocols)
        request = self._with_cookies(words)
        if request.body:
            raise TypeError(
                "A websocket opens without a body: send data with 'await websocket.send(...)'."
            )
        scope = self._scope(request, "websocket")
        scope.setdefault("subprotocols", list(subprotocols or ()))
        return self._listen(self.websocket_connection_class(self.app, scope), request)

    def _describe(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> RequestWords:
        for name in kwargs.keys() - _WORDS:
            hint = "; for the query use 'query_string'" if name in {"params", "query"} else ""
            raise TypeError(f"A test client takes no argument {name!r}{hint}.")
        environ_base = {**self.environ_base, **(kwargs.pop("environ_base", None) or {})}
        return describe_request(self.app, *args, environ_base=environ_base, **kwargs)

    def _scope(
        self,
        request: RequestBuilder,
        type_: Literal["http", "websocket"],
        preserve_context: bool = False,
    ) -> dict[str, Any]:
        scope = request.scope(type_, preserve_context=preserve_context)
        ctx = _cv_quart.get(None)
        if ctx is not None and ctx.has_request and ctx.app is self.app:
            # A test inside a request context reads what the request left in `g`. The context kept
            # from the last request does not share its `g`: each request has its own.
            g = ctx.request.scope.get("_quart._g") if ctx.preserved else ctx.g
            if g is not None:
                scope["_quart._g"] = g
        state = self.state
        if state is None:  # the application may have been started in another way
            state = getattr(self.app, "lifespan_state", None)
        if state is not None:
            scope.setdefault("state", dict(state))
        return scope

    def _connect(self, request: RequestBuilder) -> TestHTTPConnectionProtocol:
        scope = self._scope(request, "http", preserve_context=self.preserve_context)
        return self.http_connection_class(self.app, scope, _preserve_context=self.preserve_context)

    def _listen(self, connection: C, request: RequestBuilder) -> C:
        """Tell a connection that a test holds open its request, and keep the cookies it gets."""
        if isinstance(connection, TestHTTPConnection | TestWebsocketConnection):
            connection.builder = request
            connection.on_headers = partial(self._keep_cookies, request)
        return connection

    async def _make_request(
        self,
        path: str,
        method: str,
        headers: Headers | Fields | None,
        data: object,
        form: Fields | None,
        files: Fields | None,
        query_string: Fields | str | bytes | None,
        json: object,
        scheme: str,
        root_path: str,
        http_version: str,
        scope_base: Mapping[str, object] | None,
        auth: Authorization | tuple[str, str] | None = None,
        subdomain: str | None = None,
    ) -> TestResponse:
        """Make one request. Extensions override this to change what a test has described."""
        request = self._with_cookies(
            RequestWords(
                path,
                method,
                Headers(headers),
                data,
                form,
                files,
                query_string,
                json,
                scheme,
                root_path,
                http_version,
                dict(scope_base or {}),
                auth,
                subdomain,
            )
        )
        async with self._connect(request) as connection:
            if request.body:
                await connection.send(request.body)
            await connection.send_complete()
        response = await connection.as_response()
        if not isinstance(response, TestResponse):  # from somebody else's connection class
            response = make_test_response(
                self.app, await response.get_data(), response.status_code, response.headers
            )
        response.builder = request
        self.push_promises += connection.push_promises
        self._keep_cookies(request, response.headers)
        return response

    def _raise_if_foreign(self, words: RequestWords, before: RequestBuilder) -> None:
        """Refuse to follow a redirect to a host that is not the application's."""
        host, known = (_hostname(request.headers["Host"]) for request in (words, before))
        if not (
            host == known
            or is_within(host, self._own_host())
            or (self.allow_subdomain_redirects and is_within(host, known))
            or self.app.url_map.host_matching
        ):
            raise RuntimeError(
                f"The redirect to {words.scheme}://{words.headers['Host']}{words.path} leaves the"
                " application, so it is not followed."
            )

    def _own_host(self) -> str:
        return _hostname(self.app.config["SERVER_NAME"] or "localhost")

    # Cookies

    def get_cookie(self, key: str, domain: str | None = None, path: str = "/") -> Cookie | None:
        """Return the cookie set for exactly this domain (by default the application's) and path."""
        return self._jar().find(key, domain or self._own_host(), path)

    def set_cookie(self, *args: object, **kwargs: object) -> None:
        """Set a cookie to be sent with later requests. Takes Flask's arguments or Quart's::

            client.set_cookie(key, value="", *, domain=None, origin_only=True, path="/", ...)
            client.set_cookie(server_name, key, value, max_age, expires, path, domain, secure,
                              httponly, samesite)

        Two positional arguments are `key` and `value`, unless the first is the application's host.
        Without a `domain`, the cookie is sent to the application's host and to `server_name`, if
        that is another one.
        """
        names: tuple[str, ...] = ("key", "value")
        if _begins_with_server(args, kwargs, names) or (
            len(args) == 2 and args[0] in {"localhost", self._own_host()}
        ):
            names = _QUARTS_COOKIE
        options = _by_name(names, args, kwargs)
        host, domain = options.pop("server_name", None), options.pop("domain", None)
        origin_only = options.pop("origin_only", True)
        hosts = [host]
        if host is None:
            hosts = [domain or self._own_host()]
            domain = None if origin_only else hosts[0]
        elif domain is None and host != self._own_host():
            hosts.append(self._own_host())
        for host in hosts:
            self._jar().keep(f"https://{host}/", dump_cookie(domain=domain, **options))

    def delete_cookie(self, *args: str, **kwargs: object) -> None:
        """Delete a cookie, if it exists. Takes Flask's arguments or Quart's::

            client.delete_cookie(key, *, domain=None, path="/")
            client.delete_cookie(server_name, key, path="/", domain=None)

        Raises TypeError if the client has no cookies.
        """
        names: tuple[str, ...] = ("server_name", "key", "path", "domain")
        if not _begins_with_server(args, kwargs, ("key",)):
            names = names[1:]
        options = {"path": "/", **_by_name(names, args, kwargs)}
        own = self._own_host()
        domain = options.get("domain")
        for host in {domain} if domain else {options.get("server_name") or own, own}:
            self._jar().remove(options["key"], host, options["path"])

    def _jar(self) -> CookieJar:
        if self.cookie_jar is None:
            raise TypeError("Cookies are disabled. Create a client with 'use_cookies=True'.")
        return self.cookie_jar

    def _with_cookies(self, words: RequestWords) -> RequestBuilder:
        """Return the request, with the cookies of the jar after its own."""
        request = RequestBuilder(self.app, words)
        cookies = (
            [] if self.cookie_jar is None else [self.cookie_jar.header_for(request.url_of_cookies)]
        )
        cookies = [cookie for cookie in request.headers.getlist("Cookie") + cookies if cookie]
        if cookies:
            request.headers["Cookie"] = "; ".join(cookies)
        return request

    def _keep_cookies(self, request: RequestBuilder, headers: Headers) -> None:
        if self.cookie_jar is not None:
            for header in headers.getlist("Set-Cookie"):
                self.cookie_jar.keep(request.url_of_cookies, header)

    # Sessions and contexts

    def session_transaction(self, *args: object, **kwargs: object) -> SessionTransaction:
        """Open this client's session to read and change it; save it after the block::

            async with client.session_transaction() as session:
                session["user_id"] = 1

        It is the session that a request would have; the arguments are those of `describe_request`.
        If there is a `request` around the block, it stays the same inside. Raises RuntimeError if
        the application opens no session or the client has no cookies.
        """
        return SessionTransaction(self._session_transaction(args, kwargs))

    @asynccontextmanager
    async def _session_transaction(
        self, args: tuple[object, ...], kwargs: dict[str, Any]
    ) -> AsyncGenerator[SessionMixin, None]:
        if self.cookie_jar is None:
            raise RuntimeError("Session transactions only make sense with cookies enabled.")
        made = self._with_cookies(self._describe(args, kwargs))
        app, interface = self.app, self.app.session_interface
        around = _cv_request.get(None)
        if around is not None and around.app is not app:
            around = None
        async with app.request_context(made.request()) as ctx:
            session = ctx.session
            if interface.is_null_session(session):
                raise RuntimeError("The session could not be opened: is the 'secret_key' set?")
            with (around or ctx).entered():
                yield session
            response = app.response_class(b"")
            if _cv_quart.get(None) is not ctx:
                enter(ctx)  # a sync test leaves the block in another task, which ends here
            # An interface may be sync.
            await app.ensure_async(interface.save_session)(app, session, response)
        self._keep_cookies(made, response.headers)

    async def __aenter__(self) -> Self:
        if self.preserve_context:
            raise RuntimeError("Cannot nest client invocations")
        self.preserve_context = True
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc_value: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        self.preserve_context = False
        await close_preserved_context(self.app)


_QUARTS_COOKIE = (
    "server_name",
    "key",
    "value",
    "max_age",
    "expires",
    "path",
    "domain",
    "secure",
    "httponly",
    "samesite",
)


def _begins_with_server(
    args: tuple[object, ...], kwargs: Mapping[str, object], flasks: tuple[str, ...]
) -> bool:
    """Whether arguments are Quart's and begin with `server_name`: Flask's names do not fit them."""
    return (
        "server_name" in kwargs
        or len(args) > len(flasks)
        or not kwargs.keys().isdisjoint(flasks[: len(args)])
    )


def _by_name(
    names: tuple[str, ...], args: tuple[object, ...], kwargs: dict[str, Any]
) -> dict[str, Any]:
    if len(args) > len(names):
        raise TypeError(f"A cookie's arguments are {', '.join(names)}; {len(args)} were given.")
    return {**dict(zip(names, args, strict=False)), **kwargs}


def _hostname(host: str) -> str:
    """Return a host without its port."""
    return urlsplit(f"//{host}").hostname or ""
