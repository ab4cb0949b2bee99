"""ASGI middleware: wrap `app.asgi_app` with it. Nothing here knows of the application within."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

if TYPE_CHECKING:
    from .typing import ASGIApp

# The scheme of a websocket is told by the name that HTTP has for it, and the other way round.
_SCHEMES = {
    "http": {"ws": "http", "wss": "https"},
    "websocket": {"http": "ws", "https": "wss"},
}


_CONTROLS = re.compile("[\x00-\x1f\x7f]")


class ProxyFix:
    """Believe what proxies in front of the server say of the client, in `X-Forwarded-*` headers.

    Each argument is the number of proxies that set the header of its name: For (the client's
    address), Proto (its scheme), Host, Port and Prefix (what a proxy took from the path). So many
    values are trusted, counted from the right, which a client cannot forge; where there are fewer,
    or for 0, the header is ignored. Arguments and defaults are those of Werkzeug's `ProxyFix`::

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

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] in _SCHEMES:
            scope = self._fixed(scope)
        await self.app(scope, receive, send)

    def _fixed(self, scope: Any) -> dict[str, Any]:
        fixed: dict[str, Any] = dict(scope)
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

    def _set_host(self, fixed: dict[str, Any], host: str, port: str) -> None:
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


def _header(scope: Any, wanted: bytes) -> str:
    values = [value.decode("latin-1") for name, value in scope["headers"] if name == wanted]
    return ",".join(values)


def _trusted(scope: Any, name: bytes, count: int) -> str:
    """The value that is this many from the right; empty where there is none."""
    # Not as a list with quoted strings: a quote that a client sends would swallow the commas of
    # those who come after it.
    values = _header(scope, name).rsplit(",", count) if count > 0 else []
    return values[-count].strip(" \t") if len(values) >= count > 0 else ""


def _split_port(host: str) -> tuple[str, str]:
    if host.endswith("]"):  # an IPv6 address without a port
        return host, ""
    name, colon, port = host.rpartition(":")
    return (name, port) if colon else (host, "")


def _extend(scope: dict[str, Any], prefix: str) -> None:
    """Put back in front what a proxy took from the path."""
    text = unquote(prefix)
    if _CONTROLS.search(text):
        return  # no path: a redirect below it could not be sent
    scope["root_path"] = text + scope.get("root_path", "")
    scope["path"] = text + scope["path"]
    if scope.get("raw_path") is not None:
        scope["raw_path"] = prefix.encode("latin-1") + scope["raw_path"]
