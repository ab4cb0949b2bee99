"""ASGI messages and scopes as values: their types, and what they say."""

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

#: A message or a scope of ours, while it is put together. ASGI leaves open what is in it.
Draft = dict[str, Any]

HeaderItems = list[tuple[bytes, bytes]]

#: Types of messages by which the client goes; the last is ours, for an OSError of the server's.
DISCONNECTS = frozenset({"http.disconnect", "websocket.disconnect", "disconnect"})

SERVER_ERROR: Message = {"type": "disconnect"}


def speaks(scope: Scope, version: str) -> bool:
    """Whether the server's spec_version is at least this one."""
    offered: str = (scope.get("asgi") or {}).get("spec_version", "2.0")
    return offered >= version


def offers(scope: Scope, extension: str) -> bool:
    """Whether the server offers this extension."""
    return extension in (scope.get("extensions") or ())


def split_root_path(scope: Scope) -> tuple[str, str, bool]:
    """The root path and the path below it; False where the path is not below it."""
    path, root_path = scope["path"], scope.get("root_path", "").rstrip("/")
    below = path.removeprefix(root_path)
    found = path.startswith(root_path) and (not below or below[0] == "/")
    return root_path, below if found else path, found


# What a target in absolute form begins with, and the authority in it.
_ABSOLUTE = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://(?:[^/?#@]*@)?([^/?#@]+)")


def in_origin_form(scope: Scope) -> Scope:
    """The scope of a request whose target is a whole URL, as if that were a path and a `Host`.

    The header `Host` is not asked for then (RFC 9112, section 3.2.2). Some servers have done this
    already. A path that only has a URL in it, or begins with one that was percent-encoded, stays.
    """
    path, root_path = scope["path"], scope.get("root_path", "").rstrip("/")
    # Uvicorn puts the root path in front of whatever the target is.
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
    """How many bytes or characters a received message carries."""
    return len(message.get("body") or message.get("text") or message.get("bytes") or b"")


def is_event_stream(headers: HeaderItems) -> bool:
    """Whether a response with these headers is a stream of server-sent events."""
    for name, value in headers:
        if name == b"content-type":
            return value.partition(b";")[0].rstrip() == b"text/event-stream"
    return False


async def send_to(send: Send, message: Message) -> None:
    """Send a message. Raises ClientDisconnectedError where the server raises OSError."""
    try:
        await send(message)
    except ClientDisconnectedError:
        raise
    except OSError as error:
        raise ClientDisconnectedError() from error


def convert_os_error(send: Send) -> Send:
    """A `send` that raises ClientDisconnectedError where this one raises OSError."""
    return partial(send_to, send)
