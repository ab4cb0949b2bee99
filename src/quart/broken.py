"""The application that is served if yours cannot be loaded: its page shows why.

The command line loads it by its name, like any application.
"""

from __future__ import annotations

import os

from .app import Quart
from .debug import traceback_response
from .globals import _cv_app
from .wrappers import Response


def make_app(error: BaseException) -> Quart:
    """Make an application that answers each request with an error, until the reloader ends it."""
    app = Quart("broken", root_path=os.getcwd(), static_folder=None)
    raised = error.__traceback__

    @app.before_request
    async def show() -> Response:
        return await traceback_response(error.with_traceback(raised), ctx=_cv_app.get(), waits=True)

    return app
