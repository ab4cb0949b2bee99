"""ASGI messages and scopes: their types, and functions that read them."""

from __future__ import annotations

import re
from functools import partial
from typing import Any

from .. import typing
from ..wrappers import ClientDisconnectedError

Message = typing.Message
Scope = typing.Scope
Receive = typing.ASGIReceiveCallable
Send = typing.ASGISendCallable

#: A message or scope that is being put together. ASGI leaves its values open.
Draft = dict[str, Any]

HeaderItems = list[tuple[bytes, bytes]]

#: Types of messages that report a disconnect; the last is ours, for an OSError of the server.
DISCONNECTS = frozenset({"http.disconnect", "websocket.disconnect", "disconnect"})

SERVER_ERROR: Message = {"type": "disconnect"}


def speaks(scope: Scope, version: str) -> bool:
    """Whether the server's spec_version is at least `version`."""
    offered: str = (scope.get("asgi") or {}).get("spec_version", "2.0")
    return offered >= version


def offers(scope: Scope, extension: str) -> bool:
    """Whether the server offers this extension."""
    return extension in (scope.get("extensions") or ())


def split_root_path(scope: Scope) -> tuple[str, str, bool]:
    """Return the root path, the path below it, and whether the path is below it at all."""
    path, root_path = scope["path"], scope.get("root_path", "").rstrip("/")
    below = path.removeprefix(root_path)
    found = path.startswith(root_path) and (not below or below[0] == "/")
    return root_path, below if found else path, found


# How a target in absolute form begins, with the authority as its group.
_ABSOLUTE = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://(?:[^/?#@]*@)?([^/?#@]+)")


def in_origin_form(scope: Scope) -> Scope:
    """Return the scope of a request whose target is a whole URL, with a path and a `Host` instead.

    The `Host` header is ignored then (RFC 9112, section 3.2.2). Some servers do this themselves. A
    path that merely contains a URL, or starts with a percent-encoded one, stays as it is.
    """
    path, root_path = scope["path"], scope.get("root_path", "").rstrip("/")
    # Uvicorn puts the root path in front of every target.
    begin = len(root_path) if path.startswith(root_path) else 0
    absolute = _ABSOLUTE.match(path, begin)
    raw: bytes = scope.get("raw_path") or b"://"
    if absolute is None or b"://" not in raw:
        return scope
    rest = path[absolute.end() :]
    host = absolute[1].encode("latin-1", "replace")
    headers = [(name, value) for name, value in scope["headers"] if name != b"host"]
    changed = {
        **scope,
        "path": path[:begin] + (rest if rest[:1] == "/" else f"/{rest}"),
        "headers": [(b"host", host), *headers],
    }
    if scope.get("raw_path"):
        after = raw.partition(b"://")[2].partition(b"/")[2]
        changed["raw_path"] = path[:begin].encode() + b"/" + after
    return changed


def size_of(message: Message) -> int:
    """The number of bytes or characters in a received message."""
    return len(message.get("body") or message.get("text") or message.get("bytes") or b"")


def is_event_stream(headers: HeaderItems) -> bool:
    """Whether a response with these headers is a stream of server-sent events."""
    for name, value in headers:
        if name == b"content-type":
            return value.partition(b";")[0].rstrip() == b"text/event-stream"
    return False


async def send_to(send: Send, message: Message) -> None:
    """Send a message. Raises ClientDisconnectedError if the server raises OSError."""
    try:
        await send(message)
    except ClientDisconnectedError:
        raise
    except OSError as error:
        raise ClientDisconnectedError() from error


def convert_os_error(send: Send) -> Send:
    """Return a `send` that raises ClientDisconnectedError if this one raises OSError."""
    return partial(send_to, send)
