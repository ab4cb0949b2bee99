"""ASGI middleware to wrap `app.asgi_app` with. It knows nothing about the application inside."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import unquote

if TYPE_CHECKING:
    from collections.abc import Iterable

    from .asgi import Receive, Scope, Send
    from .asgi.messages import Draft
    from .typing import ASGIApp

_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS", "QUERY", "TRACE"})

# A proxy may use the scheme of HTTP for a websocket, and the other way round.
_SCHEMES = {
    "http": {"ws": "http", "wss": "https"},
    "websocket": {"http": "ws", "https": "wss"},
}


_CONTROLS = re.compile("[\x00-\x1f\x7f]")


class ProxyFix:
    """Trust what proxies in front of the server say about the client in `X-Forwarded-*` headers.

    Each argument is the number of proxies that set its header: For (the client's address), Proto
    (its scheme), Host, Port and Prefix (what a proxy removed from the path). That many values,
    counted from the right, are trusted, because a client cannot forge them. If there are fewer
    values, or the number is 0, the header is ignored. Arguments and defaults are those of
    Werkzeug's `ProxyFix`::

        app.asgi_app = ProxyFix(app.asgi_app, x_for=1, x_proto=1, x_host=1)
    """

    def __init__(
        self,
        app: ASGIApp,
        x_for: int = 1,
        x_proto: int = 1,
        x_host: int = 0,
        x_port: int = 0,
        x_prefix: int = 0,
    ) -> None:
        self.app = app
        self.x_for = x_for
        self.x_proto = x_proto
        self.x_host = x_host
        self.x_port = x_port
        self.x_prefix = x_prefix

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] in _SCHEMES:
            scope = self._fixed(scope)
        await self.app(scope, receive, send)

    def _fixed(self, scope: Scope) -> Draft:
        fixed: Draft = dict(scope)
        if client := _trusted(scope, b"x-forwarded-for", self.x_for):
            fixed["client"] = (client, 0)
        if scheme := _trusted(scope, b"x-forwarded-proto", self.x_proto).lower():
            fixed["scheme"] = _SCHEMES[scope["type"]].get(scheme, scheme)
        host = _trusted(scope, b"x-forwarded-host", self.x_host)
        port = _trusted(scope, b"x-forwarded-port", self.x_port)
        if host or port:
            self._set_host(fixed, host, port)
        if prefix := _trusted(scope, b"x-forwarded-prefix", self.x_prefix).strip("/"):
            _extend(fixed, f"/{prefix}")
        return fixed

    def _set_host(self, fixed: Draft, host: str, port: str) -> None:
        host = host or _header(fixed, b"host")
        name, own_port = _split_port(host)
        if port:
            host = f"{name}:{port}"
        if name:
            headers = [item for item in fixed["headers"] if item[0] != b"host"]
            fixed["headers"] = [(b"host", host.encode("latin-1")), *headers]
        server_name, server_port = fixed.get("server") or ("", None)
        port = port or own_port
        if port.isdecimal() and len(port) <= 5:
            server_port = int(port)
        fixed["server"] = (name or server_name, server_port)


class SameSite:
    """Refuse writes that another site's page sends with the user's cookies, with status 403.

    Browsers send the origin of a request in `Sec-Fetch-Site`, and older ones in `Origin`, so forms
    need no token (OWASP: "Fetch Metadata"). Requests with GET, HEAD, OPTIONS, QUERY or TRACE always
    pass. Other requests, and websockets, pass if they come from the same origin, were started by
    the user, come from one of `trusted_origins` ("https://shop.example"), go to a path in `exempt`
    (a path that ends in "/" includes all below it; "/" alone is a ValueError), or have neither
    header, like those of programs, which have no user's cookies. `same_site=True` also trusts other
    hosts of the same site::

        app.asgi_app = SameSite(app.asgi_app, exempt=["/webhooks/"])

    Put it inside `ProxyFix`, which tells it the scheme and host that the client used.
    """

    def __init__(
        self,
        app: ASGIApp,
        trusted_origins: Iterable[str] = (),
        exempt: Iterable[str] = (),
        same_site: bool = False,
    ) -> None:
        if isinstance(trusted_origins, str) or isinstance(exempt, str):
            # The characters of a str would be taken for several paths, and a "/" exempts all paths.
            raise TypeError("trusted_origins and exempt must be lists, not a str.")
        self.app = app
        self.trusted_origins = {_as_sent(origin) for origin in trusted_origins}
        self.exempt = frozenset(exempt)
        if "/" in self.exempt:
            raise ValueError("exempt=['/'] would let every path pass: name the paths that may.")
        self.same_site = same_site

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] in _SCHEMES and not self._may_pass(scope):
            return await _refuse(scope, receive, send)
        await self.app(scope, receive, send)

    def _may_pass(self, scope: Scope) -> bool:
        if scope["type"] == "http" and scope["method"] in _SAFE_METHODS:
            return True
        fetch_site = [value for name, value in scope["headers"] if name == b"sec-fetch-site"]
        origins = [value for name, value in scope["headers"] if name == b"origin"]
        if not fetch_site and not origins:
            return True  # it is not from a recent browser
        origin = origins[0].decode("latin-1").lower() if len(origins) == 1 else None
        if origin in self.trusted_origins or self._is_exempt(scope):
            return True
        if fetch_site:
            allowed = {b"same-origin", b"none"} | ({b"same-site"} if self.same_site else set())
            return len(fetch_site) == 1 and fetch_site[0] in allowed
        return origin is not None and origin == _own_origin(scope)

    def _is_exempt(self, scope: Scope) -> bool:
        path = scope["path"].removeprefix(scope.get("root_path", "").rstrip("/"))
        return any(
            path == each or (each.endswith("/") and path.startswith(each)) for each in self.exempt
        )


def _own_origin(scope: Scope) -> str:
    """Return the origin of this request, as a browser writes it."""
    scheme = "https" if scope.get("scheme") in ("https", "wss") else "http"
    return _as_sent(f"{scheme}://{_header(scope, b'host')}")


def _as_sent(origin: str) -> str:
    """Return an origin as browsers write it: lower case, without the scheme's default port."""
    origin = origin.rstrip("/").lower()
    return origin.removesuffix(":443" if origin.startswith("https:") else ":80")


async def _refuse(scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.close", "code": 1008})  # before accept, so it becomes a 403
        return
    body = b"This request came from another site."
    headers = [
        (b"content-type", b"text/plain; charset=utf-8"),
        (b"content-length", str(len(body)).encode()),
        (b"vary", b"Origin, Sec-Fetch-Site"),
    ]
    await send({"type": "http.response.start", "status": 403, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def _header(scope: Scope, wanted: bytes) -> str:
    values = [value.decode("latin-1") for name, value in scope["headers"] if name == wanted]
    return ",".join(values)


def _trusted(scope: Scope, name: bytes, count: int) -> str:
    """Return the value at this position from the right; empty if there is none."""
    # Do not parse it as a list with quoted strings: a quote that a client sends would swallow the
    # commas of the proxies after it.
    values = _header(scope, name).rsplit(",", count) if count > 0 else []
    return values[-count].strip(" \t") if len(values) >= count > 0 else ""


def _split_port(host: str) -> tuple[str, str]:
    if host.endswith("]"):  # an IPv6 address without a port
        return host, ""
    name, colon, port = host.rpartition(":")
    return (name, port) if colon else (host, "")


def _extend(scope: Draft, prefix: str) -> None:
    """Put the prefix that a proxy removed back in front of the path."""
    text = unquote(prefix)
    if _CONTROLS.search(text):
        return  # not a path: a redirect below it could not be sent
    scope["root_path"] = text + scope.get("root_path", "")
    scope["path"] = text + scope["path"]
    if scope.get("raw_path") is not None:
        scope["raw_path"] = prefix.encode("latin-1") + scope["raw_path"]
