"""Notes on errors that name a likely cause, which are added outside debug mode, too."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING

from jinja2 import TemplateNotFound

from ..config import settings_of_wrong_types
from ..flask_names import is_about_flasks_request
from ..globals import _cv_quart
from ..templating import searched_places

if TYPE_CHECKING:
    from ..dispatch import Dispatch


def add_notes(app: Dispatch, error: BaseException) -> None:
    """Add notes that name a likely cause: a missing `await`, one too many in a sync view, a setting
    of a wrong type, a result in the place of a function, the places where a template was looked
    for, SQLite used from another thread, or Flask's name for the request.
    """
    if isinstance(error, TemplateNotFound):
        error.add_note(searched_places(app))
    if type(error).__name__ == "ProgrammingError" and "created in a thread" in str(error):
        error.add_note(
            "A connection to SQLite belongs to a thread. Set ONE_THREAD_PER_REQUEST, so that"
            " the sync functions of a request run in one thread, or open it with"
            " check_same_thread=False."
        )
    if type(error) in (TypeError, ValueError) and _is_asyncio_refusing_a_value(str(error)):
        error.add_note(
            "In sync views and hooks, request.form, request.get_json(), render_template() and"
            " others return values: use them without asyncio.run or run_until_complete."
        )
        return
    if type(error) is TypeError and str(error) == "the first argument must be callable":
        error.add_note(
            "Perhaps add_background_task or run_sync got a function's result: pass the function"
            " itself, and its arguments."
        )
    ctx = _cv_quart.get(None)
    if ctx is not None and ctx.has_request and is_about_flasks_request(error):
        error.add_note(
            "A request is there, but this name is Flask's, and a function imported it: import"
            " it from quart, or at the top of a module."
        )
    if not isinstance(error, (AttributeError, TypeError)):
        return
    if "coroutine" in str(error) or "Reminder" in str(error):
        error.add_note(
            "Perhaps an 'await' is missing: await request.form, request.get_json(),"
            " render_template() and other calls that wait, except in sync views and hooks."
        )
    wrong = settings_of_wrong_types(app.config)
    if wrong:
        error.add_note(f"Perhaps a setting is wrong: {', '.join(wrong)}.")


def _is_asyncio_refusing_a_value(text: str) -> bool:
    return "a coroutine was expected" in text or "coroutine or an awaitable is required" in text


def add_place_of_view(error: BaseException) -> None:
    """Add a note that says where the current view is, because no traceback does."""
    ctx = _cv_quart.get(None)
    if ctx is None or not ctx.kind:
        return
    view = ctx.app.view_functions.get(ctx.request_websocket.endpoint or "")
    code = getattr(inspect.unwrap(view), "__code__", None) if view is not None else None
    if code is not None and not hasattr(view, "view_class"):
        place = f'File "{code.co_filename}", line {code.co_firstlineno}, in {code.co_name}'
        error.add_note(f"The view: {place}")
