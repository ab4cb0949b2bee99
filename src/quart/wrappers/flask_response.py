"""What makes our `Response` a `flask.Response`, for code that asks for one by `isinstance`.

Werkzeug's `Response`, which Flask's derives from, is a WSGI application too. In sync code that is
true of ours: its body is read there, whole.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any, NoReturn

from ..workers import may_block

if TYPE_CHECKING:
    # Where ours is another than Flask's, a type checker would have it be the same.
    from werkzeug.sansio.response import Response as FlaskResponse
else:
    from flask.wrappers import Response as FlaskResponse


class AsFlaskResponse(FlaskResponse):
    """The parts of a `flask.Response` that our `Response` has for sync code only."""

    def __repr__(self) -> str:
        return f"<{type(self).__name__} [{self.status}]>"

    def iter_encoded(self) -> AsyncIterator[bytes]:
        """The pieces of the body as bytes, by an async iterator; in sync code by a plain one."""
        ours: Any = self
        pieces: AsyncIterator[bytes]
        pieces = iter((ours.get_data(),)) if may_block() else ours.iter_encode()  # type: ignore[assignment]
        return pieces

    @property
    def stream(self) -> NoReturn:
        """There is none: a body is made by an iterator, or assigned."""
        raise AttributeError("A response is not written to: give it an iterator, or set its data.")
