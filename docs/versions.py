"""Which names of the reference are new or changed since Quart 0.22.

These marks stand here and not in the docstrings, which say how things are. The next releases put
theirs into the docstrings, as the directives `versionadded` and `versionchanged`.
"""

from typing import Any

from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.errors import ExtensionError

VERSION = "1.0"

#: Names that Quart 0.22 does not have.
ADDED = [
    "quart.Quart.asgi2",
    "quart.Quart.from_flask",
    "quart.Quart.mount",
    "quart.Quart.wsgi_app",
    "quart.Request.environ",
    "quart.Request.is_disconnected",
    "quart.Request.multipart",
    "quart.Response.call_on_close",
    "quart.Response.trailers",
    "quart.ServerSentEvent",
    "quart.Websocket.close_code",
    "quart.broadcast.Messages",
    "quart.broadcast.Rooms",
    "quart.json.orjson.OrjsonProvider",
    "quart.middleware.ProxyFix",
    "quart.middleware.SameSite",
    "quart.non_blocking",
    "quart.registration.QuartScaffold.query",
    "quart.send_early_hints",
    "quart.sse.EventReader",
    "quart.sse_response",
    "quart.testing.QuartClient.get_cookie",
    "quart.testing.QuartClient.query",
    "quart.testing.TestHTTPConnection.early_hints",
    "quart.testing.TestHTTPConnection.events",
    "quart.wrappers.ClientDisconnectedError",
    "quart.wsgi.WSGIBridge",
]

#: Names that do something else than in Quart 0.22. docs/differences.md has the reasons.
CHANGED = {
    "quart.Quart.add_background_task": "Returns the task.",
    "quart.Quart.run": "Reloads only in debug mode, or if `use_reloader` says so.",
    "quart.Request.max_content_length": "May be set, for this request.",
    "quart.Request.stream": "Holds the body; it raised `NotImplementedError`.",
    "quart.Response.get_json": "`silent=True` gives None for what is no JSON; it raised.",
    "quart.Response.make_conditional": "Answers several ranges, as `multipart/byteranges`.",
    "quart.Websocket.receive": "Raises `ClientDisconnectedError` after a disconnect.",
    "quart.Websocket.receive_json": "Parses long JSON beside the event loop.",
    "quart.copy_current_app_context": "A sync function stays sync.",
    "quart.copy_current_request_context": "A sync function stays sync.",
    "quart.copy_current_websocket_context": "A sync function stays sync.",
    "quart.render_template": "Returns the text in `def` code, which need not await it.",
    "quart.render_template_string": "Returns the text in `def` code, which need not await it.",
    "quart.send_file": "Names the file in `Content-Disposition`, and takes Flask's arguments too.",
    "quart.stream_with_context": "Takes functions and generators, sync or async, and keeps `g`.",
    "quart.testing.QuartClient": "Treats cookies and redirects as a browser does.",
    "quart.url_for": "Outside a request, URLs begin with `APPLICATION_ROOT`.",
}


def mark(app: Sphinx, what: str, name: str, obj: Any, options: Any, lines: list[str]) -> None:
    """Say in the entry of a name what is new."""
    if name in ADDED:
        lines += ["", f".. versionadded:: {VERSION}", ""]
    if name in CHANGED:
        lines += ["", f".. versionchanged:: {VERSION}", f"   {CHANGED[name]}", ""]


def check(app: Sphinx, env: BuildEnvironment) -> None:
    """Fail if a name here has no entry."""
    entries = env.get_domain("py").objects  # type: ignore[attr-defined]
    if lacking := [name for name in [*ADDED, *CHANGED] if name not in entries]:
        raise ExtensionError(f"docs/versions.py: no entry for {', '.join(lacking)}")


def setup(app: Sphinx) -> None:
    """Called by Sphinx."""
    app.connect("autodoc-process-docstring", mark)
    app.connect("env-check-consistency", check)
