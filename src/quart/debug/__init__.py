"""The page that shows a developer an unhandled error, in debug mode only.

It is a page, or plain text for clients that do not read HTML. The console that `quart run --debug`
adds to each frame of the page is in console.py, which this file does not load.
"""

from __future__ import annotations

import traceback
from typing import TYPE_CHECKING

from ..ctx import AppContext
from ..wrappers import Request, Response
from .frames import collect
from .masking import Masking, is_secret
from .text import plain_text

if TYPE_CHECKING:
    from ..wrappers import Websocket

__all__ = ("traceback_response",)

_HTML = {"application/xhtml+xml", "text/*", "text/html"}


async def traceback_response(
    error: BaseException, *, ctx: AppContext | None = None, waits: bool = False
) -> Response:
    """Make the 500 response to an unhandled error: what led to it, with source and variables.

    It is a page, or plain text if the request does not accept HTML.

    :param ctx: The context of the request. Default: the one in which the error was raised.
    :param waits: The page reloads itself when an answer comes without `X-Quart-Waits`.
    """
    if ctx is None:
        ctx = _context_of(error)
    app = None if ctx is None else ctx.app
    config = {} if app is None else dict(app.config)
    masking = Masking(value for name, value in config.items() if is_secret(name))
    errors = collect(error, None if app is None else app.root_path, masking)
    text = plain_text(error, errors)
    connection = None if ctx is None or ctx.kind is None else ctx.request_websocket
    if connection is not None and not _reads_html(connection):
        if isinstance(connection, Request):
            text += f"\n{connection.method} {connection.path}\n"
        return Response(_encoded(text), 500, content_type="text/plain; charset=utf-8")

    from .page import page  # imported late: clients that read text do not need it

    nonce, html = page(errors, text, ctx, masking, waits)
    response = Response(_encoded(html), 500, content_type="text/html; charset=utf-8")
    # Everything in the page is escaped. Even if something were not, it could not run or be fetched.
    response.headers["Content-Security-Policy"] = (
        f"default-src 'none'; style-src 'nonce-{nonce}'; script-src 'nonce-{nonce}';"
        " connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
    response.headers["X-Content-Type-Options"] = "nosniff"
    if waits:
        response.headers["X-Quart-Waits"] = "1"
    return response


def _context_of(error: BaseException) -> AppContext | None:
    """Return the context in which an error was raised: each stage has it as its `ctx`."""
    for frame, _ in traceback.walk_tb(error.__traceback__):
        ctx = frame.f_locals.get("ctx")
        if isinstance(ctx, AppContext):
            return ctx
    return None


def _reads_html(connection: Request | Websocket) -> bool:
    """Whether a client says that it reads HTML: browsers do, `curl` and `fetch` do not."""
    return any(
        quality > 0 and mimetype.partition(";")[0].strip().lower() in _HTML
        for mimetype, quality in connection.accept_mimetypes
    )


def _encoded(text: str) -> bytes:
    # The text may contain half a surrogate pair, as file names may.
    return text.encode(errors="backslashreplace")
