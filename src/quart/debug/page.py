"""The page that shows an error: page.html, page.css and page.js filled in, in one document.

It fetches nothing, and can be read without its script. The script copies, uses the console if there
is one, and reloads the page once a program that could not be imported is corrected.
"""

from __future__ import annotations

import secrets
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from jinja2 import Environment, Template

from ..wrappers import Request
from .frames import Error, Frame
from .masking import MASK, Masking, cut, is_secret

if TYPE_CHECKING:
    from ..ctx import AppContext
    from ..wrappers import Websocket

_HERE = Path(__file__).parent
#: How many headers, fields and so on are shown, of each kind.
_MOST_ROWS = 100


class Console(Protocol):
    """Runs code in the frames of a page; console.py implements it."""

    #: The application in which it is mounted, and the path there.
    app: Any
    path: str
    #: What a page must know to use it.
    secret: str

    def is_for(self, host: str | None) -> bool:
        """Whether a page that was requested under this host name may have the console."""
        ...

    def keep(self, frames: list[Frame], ctx: AppContext | None) -> list[int]:
        """Keep the frames of an error, and return the number of each."""
        ...


#: The console of this process. Only `quart run --debug`, or `use_debugger`, sets it.
console: Console | None = None


@cache
def _template() -> Template:
    environment = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True)
    environment.filters["id"] = id
    environment.globals.update(
        style=(_HERE / "page.css").read_text("utf-8"),
        script=(_HERE / "page.js").read_text("utf-8"),
    )
    return environment.from_string((_HERE / "page.html").read_text("utf-8"))


def page(
    errors: list[Error], text: str, ctx: AppContext | None, masking: Masking, waits: bool
) -> tuple[str, str]:
    """Return the nonce for the style and script of a page, and the page.

    :param text: Everything as plain text, to be copied.
    :param waits: The page reloads itself when an answer comes without `X-Quart-Waits`.
    """
    connection = None if ctx is None or ctx.kind is None else ctx.request_websocket
    nonce = secrets.token_urlsafe(16)
    numbers: dict[int, int] = {}
    served, address = None, ""
    if (
        console is not None
        and ctx is not None
        and connection is not None
        and console.is_for(connection.headers.get("host"))
    ):
        served = console
        frames = list(_all_frames(errors))
        numbers = dict(zip(map(id, frames), served.keep(frames, ctx), strict=True))
        # A mounted application does not know the root path of the outer one.
        root = connection.root_path if ctx.app is served.app else ""
        address = root + served.path
    about = None
    if ctx is not None and connection is not None:
        about = _about(ctx, connection, masking)
    html = _template().render(
        errors=errors,
        title=cut(errors[0].message.partition("\n")[0], 200),
        text=text,
        request=about,
        nonce=nonce,
        numbers=numbers,
        console=address,
        secret="" if served is None else served.secret,
        waits=waits,
    )
    return nonce, html


def _all_frames(errors: list[Error]) -> list[Frame]:
    frames = []
    for error in errors:
        frames += error.frames
        for part in error.parts:
            frames += _all_frames(part)
    return frames


def _about(ctx: AppContext, connection: Request | Websocket, masking: Masking) -> dict[str, object]:
    """Describe a request or websocket, without those parts that raise an error."""
    tables: list[tuple[str, list[tuple[str, str]]]] = []

    def add(title: str, pairs: Any) -> None:
        try:
            found = list(pairs())[:_MOST_ROWS]
        except BaseException:  # raised by the session interface, or by a class of the application
            return
        if found:
            tables.append((title, [(str(key), masking.show(value, key)) for key, value in found]))

    def route() -> object:
        rule = connection.url_rule
        if rule is not None:
            yield "rule", _Plain(rule.rule)
            yield "endpoint", _Plain(rule.endpoint)
            yield from (connection.view_args or {}).items()

    add("Route", route)
    add("Query", lambda: connection.args.items(multi=True))
    add("Headers", lambda: ((name, _Plain(value)) for name, value in connection.headers))
    if isinstance(connection, Request):
        form, files = connection._form, connection._files
        add("Form", lambda: form.items(multi=True) if form else ())
        add("Files", lambda: files.items(multi=True) if files else ())
    add("Session", lambda: dict(ctx.session).items())
    return {"method": connection.method, "url": _url(connection), "tables": tables}


class _Plain(str):
    """A text that is shown without quotes."""

    __slots__ = ()

    def __repr__(self) -> str:
        return str(self)


def _url(connection: Request | Websocket) -> str:
    try:
        url = connection.url
    except BaseException:  # the host is not valid
        url = connection.path
    base, mark, query = url.partition("?")
    fields = [field.partition("=") for field in query.split("&")]
    query = "&".join(
        f"{name}={MASK}" if is_secret(name) and value else f"{name}{equals}{value}"
        for name, equals, value in fields
    )
    return cut(f"{base}{mark}{query}", 2000)
