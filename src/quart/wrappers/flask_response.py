"""Makes our `Response` a `flask.Response`, for code that checks with `isinstance`.

Werkzeug's `Response`, from which Flask's derives, is a WSGI application, too. So is ours in sync
code: there its whole body is read.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any, NoReturn

from ..workers import may_block

if TYPE_CHECKING:
    # Type checkers would demand that our methods match Flask's, so they see the sans-IO class.
    from werkzeug.sansio.response import Response as FlaskResponse
else:
    from flask.wrappers import Response as FlaskResponse


class AsFlaskResponse(FlaskResponse):
    """The parts of `flask.Response` that our `Response` has only for sync code."""

    def __repr__(self) -> str:
        return f"<{type(self).__name__} [{self.status}]>"

    def iter_encoded(self) -> AsyncIterator[bytes]:
        """Iterate over the body, in bytes: by a plain iterator in sync code, else an async one."""
        ours: Any = self
        pieces: AsyncIterator[bytes]
        pieces = iter((ours.get_data(),)) if may_block() else ours.iter_encode()  # type: ignore[assignment]
        return pieces

    @property
    def stream(self) -> NoReturn:
        """Not available: a body is made by an iterator, or assigned."""
        raise AttributeError("A response cannot be written to: pass an iterator or set its data.")
