"""The WSGI environment (PEP 3333) of an ASGI scope."""

from __future__ import annotations

import sys
from inspect import signature
from typing import IO, TYPE_CHECKING, Any

from .globals import _cv_quart

if TYPE_CHECKING:
    from wsgiref.types import WSGIEnvironment

    from werkzeug.exceptions import HTTPException
    from werkzeug.sansio.response import Response


def response_of(error: HTTPException) -> Response:
    """Return the response that an exception makes itself.

    Code for Flask may have written its `get_response` so that it needs an environment.
    """
    try:
        signature(error.get_response).bind()
    except TypeError:
        return error.get_response(_cv_quart.get().request.environ)
    return error.get_response()


def environ_of(
    scope: Any, root_path: str, path: str, body: IO[bytes], size: int | None
) -> WSGIEnvironment:
    """Return the WSGI environment of an HTTP scope with a body of `size` bytes (None: unknown).

    Headers whose names a WSGI application could confuse with others are left out: names with an
    underscore, and Proxy.
    """
    server = scope.get("server") or ("localhost", None)
    client = scope.get("client") or ("", None)
    environ = {
        "REQUEST_METHOD": scope["method"],
        "SCRIPT_NAME": _as_latin_1(root_path),
        "PATH_INFO": _as_latin_1(path),
        "QUERY_STRING": scope.get("query_string", b"").decode("latin-1"),
        "SERVER_NAME": server[0],
        "SERVER_PORT": str(server[1] or 80),
        "SERVER_PROTOCOL": f"HTTP/{scope['http_version']}",
        "REMOTE_ADDR": client[0],
        "REMOTE_PORT": str(client[1] or ""),
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": scope.get("scheme", "http"),
        "wsgi.input": body,
        "wsgi.input_terminated": True,
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": True,
        "wsgi.run_once": False,
    }
    for name, value in scope["headers"]:
        if b"_" in name or name in (b"proxy", b"content-length", b"transfer-encoding"):
            continue
        key = name.decode("latin-1").upper().replace("-", "_")
        if key != "CONTENT_TYPE":
            key = f"HTTP_{key}"
        text = value.decode("latin-1")
        if key in environ:
            text = f"{environ[key]}{'; ' if key == 'HTTP_COOKIE' else ','}{text}"
        environ[key] = text
    expected = scope["method"] not in ("GET", "HEAD", "OPTIONS", "DELETE")
    if size or (size is not None and expected):
        environ["CONTENT_LENGTH"] = str(size)
    return environ


def _as_latin_1(text: str) -> str:
    """Encode text as PEP 3333 requires: a str whose characters are its UTF-8 bytes."""
    return text.encode("utf-8", "replace").decode("latin-1")
