"""In debug mode, a 404 or 405 names the routes that the client may mean."""

from __future__ import annotations

from difflib import SequenceMatcher
from typing import TYPE_CHECKING

from werkzeug.exceptions import HTTPException, MethodNotAllowed, NotFound

if TYPE_CHECKING:
    from werkzeug.routing import Rule

    from ..ctx import AppContext

#: How many routes are named, and how similar (0 to 1) each must be.
_MOST_ROUTES = 5
_LEAST_NEARNESS = 0.6
#: How many characters of a path are compared, because comparing takes time.
_MOST_PATH = 200


def with_routes(error: HTTPException, ctx: AppContext) -> HTTPException:
    """Return the error of matching a URL, with similar routes in its description."""
    path = ctx.request_websocket.path[:_MOST_PATH]
    rules = list(ctx.app.url_map.iter_rules())
    if isinstance(error, MethodNotAllowed):
        methods = ", ".join(sorted(error.valid_methods or ()))
        text = f"The path allows these methods: {methods}."
        return MethodNotAllowed(error.valid_methods, f"{error.description}\n\n{text}")
    if not isinstance(error, NotFound):
        return error
    nearness = sorted(
        ((_nearness(rule.rule, path), rule) for rule in rules), key=_first, reverse=True
    )
    near = [rule for number, rule in nearness[:_MOST_ROUTES] if number >= _LEAST_NEARNESS]
    if near:
        text = "Similar routes:\n" + "\n".join(map(_line, near))
    elif rules:
        text = f"No route is similar; 'quart routes' shows all {len(rules)}."
    else:
        text = "The application has no routes."
    return NotFound(f"{error.description}\n\n{text}")


def _first(pair: tuple[float, Rule]) -> float:
    return pair[0]


def _line(rule: Rule) -> str:
    methods = "WEBSOCKET" if rule.websocket else ", ".join(sorted(_own_methods(rule)))
    host = rule.host or (f"{rule.subdomain}." if rule.subdomain else "")
    return f"{methods} {host}{rule.rule} (endpoint {rule.endpoint!r})"


def _own_methods(rule: Rule) -> set[str]:
    methods = set(rule.methods or ("ANY",))
    return methods - {"HEAD", "OPTIONS"} or methods


def _nearness(rule: str, path: str) -> float:
    """How similar a rule and a path are (0 to 1); a variable is rather similar to anything."""
    if rule.strip("/") == path.strip("/"):
        return 1  # they differ in kind, host or slash
    parts, segments = rule.strip("/").split("/"), path.strip("/").split("/")
    alike = 0.0
    for part, segment in zip(parts, segments, strict=False):
        if "<" in part:
            alike += 0.8 if segment else 0
        else:
            alike += SequenceMatcher(None, part.lower(), segment.lower()).ratio()
    return alike / max(len(parts), len(segments))
