"""The built files of a single-page application, and its page for every path the client routes."""

from __future__ import annotations

import mimetypes
import re
from typing import TYPE_CHECKING

from werkzeug.exceptions import MethodNotAllowed, NotFound

from .files import send_from_directory
from .globals import _cv_quart

if TYPE_CHECKING:
    from .wrappers import Request, Response

_YEAR = 31_536_000
#: A file name with a hash, as bundlers make it: eight or more letters and digits. Words with a
#: number ("version2") and sizes ("1024x1024") do not count, nor do several words ("icons-v1"); but
#: exactly eight characters, of upper and lower case, may include dashes.
_HASHED = re.compile(
    r"""(?x) [.-] (?! (?: [A-Za-z]+ \d{1,3} | \d+ x \d+ ) \. )
    (?= [\w-]* \d ) (?= [\w-]* [A-Za-z] )
    (?: \w{8,} | (?= [\w-]* [a-z] ) (?= [\w-]* [A-Z] ) [\w-]{8} ) \. [\w.]+ $""",
    re.ASCII,
)
#: Kinds of files that pages load and nobody navigates to.
_ASSETS = re.compile(r"(?:audio|font|image|video)/|.*(?:css|javascript|json|wasm|manifest)")


class Frontend:
    """The view behind `app.frontend`."""

    def __init__(self, directory: str, index: str) -> None:
        self.directory = directory
        self.index = index

    async def __call__(self, path: str = "") -> Response:
        """Send a file of the directory, or the page if the browser navigates.

        Raises NotFound for anything else, and MethodNotAllowed if another route has the path.
        """
        ctx = _cv_quart.current()
        request: Request = ctx.request
        if path and not _is_private(path):
            try:
                return await self._file(path)
            except NotFound:
                adapter = ctx.url_adapter
                assert adapter is not None  # every request has one
                others = set(adapter.allowed_methods()) - {"GET", "HEAD", "OPTIONS"}
                if others:
                    raise MethodNotAllowed(sorted(others)) from None
        if path and (_is_private(path) or not _is_navigation(request) or _is_asset(path)):
            raise NotFound()
        response = await self._file(self.index)
        response.vary.update(["Accept", "Sec-Fetch-Mode"])
        return response

    async def _file(self, name: str) -> Response:
        hashed = name != self.index and _HASHED.search(name) is not None
        response: Response = await send_from_directory(
            self.directory, name, max_age=_YEAR if hashed else None, precompressed=True
        )
        if hashed:
            response.cache_control.public = True
            response.cache_control.immutable = True
        else:
            response.headers["Cache-Control"] = "no-cache"
            response.headers.pop("Expires", None)
        return response


def _is_private(path: str) -> bool:
    """Whether a path leaves the directory, or has a hidden name (except `.well-known`)."""
    names = re.split(r"[/\\]", path)
    return "\0" in path or any(name[:1] == "." and name != ".well-known" for name in names)


def _is_asset(path: str) -> bool:
    mimetype, _ = mimetypes.guess_type(path)
    return path.endswith(".map") or (mimetype is not None and _ASSETS.match(mimetype) is not None)


def _is_navigation(request: Request) -> bool:
    """Whether a browser opens a page: by Sec-Fetch-Mode, or in old browsers by HTML in Accept."""
    mode = request.headers.get("Sec-Fetch-Mode")
    if mode is not None and mode != "navigate":
        return False
    return any(value == "text/html" and quality for value, quality in request.accept_mimetypes)
