"""The URL map: Werkzeug's, with a short way in front for the rules that are plain.

The short way answers only when it is sure to agree with Werkzeug's matcher. Everything else
(a method that is not allowed, redirects, hosts, custom converters) is Werkzeug's.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from werkzeug.exceptions import BadRequest, HTTPException, NotFound
from werkzeug.routing import (
    IntegerConverter,
    Map,
    MapAdapter,
    Rule,
    RuleFactory,
    UnicodeConverter,
)
from werkzeug.routing.exceptions import RoutingException

if TYPE_CHECKING:
    from .wrappers.base import BaseRequestWebsocket

#: Keywords of a route that are limits and choices for its requests; they are set on the request.
REQUEST_OPTIONS = frozenset(
    {
        "body_timeout",
        "cancel_on_disconnect",
        "max_content_length",
        "max_form_memory_size",
        "max_form_parts",
    }
)

# A segment that is wholly static, or wholly one variable with a converter without arguments.
_STATIC_SEGMENT = re.compile(r"[^<>/]+\Z")
_VARIABLE_SEGMENT = re.compile(r"<(?:(?P<converter>string|int|default):)?(?P<name>[a-zA-Z_]\w*)>\Z")

# A variable in a rule's subdomain matches anything without a slash.
_NO_SUBDOMAIN = "<invalid>/"

# Python reads no more than 4300 digits as an int, and Werkzeug's matcher asks for all of them.
_MAX_DIGITS = 18


#: A rule, its arguments, and the names that hooks for it are kept under, outermost first.
Found = tuple["QuartRule", dict[str, Any], tuple[str | None, ...]]


class QuartRule(Rule):
    """A Werkzeug rule that knows whether it is for a websocket.

    The keywords in `REQUEST_OPTIONS` (ints of bytes, counts, seconds; None for no limit) are set
    on each request or websocket that matches.
    """

    provide_automatic_options: bool | None

    def __init__(
        self,
        string: str,
        defaults: Mapping[str, Any] | None = None,
        subdomain: str | None = None,
        methods: Iterable[str] | None = None,
        endpoint: Any = None,
        strict_slashes: bool | None = None,
        merge_slashes: bool | None = None,
        host: str | None = None,
        websocket: bool = False,
        provide_automatic_options: bool | None = False,
        **options: Any,
    ) -> None:
        self.request_options = {
            name: options.pop(name) for name in REQUEST_OPTIONS & options.keys()
        }
        super().__init__(
            string,
            defaults=defaults,
            subdomain=subdomain,
            methods=methods,
            endpoint=endpoint,
            strict_slashes=strict_slashes,
            merge_slashes=merge_slashes,
            host=host,
            websocket=websocket,
            **options,
        )
        self.provide_automatic_options = provide_automatic_options

    def get_empty_kwargs(self) -> dict[str, Any]:
        """The keywords to build this rule again with, for `Rule.empty` and rule factories."""
        return {
            **super().get_empty_kwargs(),
            **self.request_options,
            "websocket": self.websocket,
            "provide_automatic_options": self.provide_automatic_options,
        }


class QuartMap(Map):
    """A Werkzeug map that binds to ASGI requests and finds plain rules the short way."""

    #: Finds the rule for (path, method, websocket) and its arguments, where the short way is
    #: sure of them; else None. PERF: an attribute, so that a request makes one call.
    find: Callable[[str, str, bool], Found | None]
    #: Whether no rule can have to do with a path, not even after a redirect; asked after `find`.
    lacks: Callable[[str], bool]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self.find = self._build_and_find
        super().__init__(*args, **kwargs)

    def add(self, rulefactory: RuleFactory) -> None:
        """Add a rule, or a factory of rules."""
        self.find = self._build_and_find
        super().add(rulefactory)

    def _build_and_find(self, path: str, method: str, websocket: bool) -> Found | None:
        finder = _Finder(self)
        self.find, self.lacks = finder.find, finder.lacks
        return self.find(path, method, websocket)

    def bind_to_request(
        self,
        request: BaseRequestWebsocket,
        subdomain: str | None = None,
        server_name: str | None = None,
    ) -> MapAdapter:
        """An adapter for a request's host and path, as `Map.bind_to_environ` makes for WSGI.

        `server_name` is used only to find the subdomain of the request's host; a host
        outside it gives a subdomain that no rule matches.
        """
        host = _without_default_port(request.host.lower(), request.scheme)
        if subdomain is None and not self.host_matching and server_name is not None:
            server_name = _without_default_port(server_name.lower(), request.scheme)
            if host == server_name:
                subdomain = ""
            elif host.endswith(f".{server_name}"):
                subdomain = host[: -len(server_name) - 1]
            else:
                subdomain = _NO_SUBDOMAIN
        try:
            return self.bind(
                host,
                request.root_path,
                subdomain,
                request.scheme,
                request.method,
                request.path,
                request.query_string.decode("latin-1"),
            )
        except UnicodeError as error:  # a host that IDNA refuses
            raise BadRequest("The Host header is not a host name.") from error


def match(adapter: MapAdapter) -> tuple[Rule, dict[str, Any]]:
    """The rule that Werkzeug's matcher finds, and its arguments.

    Raises the HTTPException that matching ends in: NotFound, MethodNotAllowed, a redirect.
    """
    try:
        rule, view_args = adapter.match(return_rule=True)
    except HTTPException:
        raise
    except ValueError as error:  # a converter that cannot read its segment, such as 5000 digits
        raise NotFound() from error
    return rule, dict(view_args)


def blueprint_names(endpoint: str) -> tuple[str | None, ...]:
    """The names that hooks for an endpoint are kept under: (None, "parent", "parent.child")."""
    parts = endpoint.split(".")[:-1]
    return (None, *(".".join(parts[: i + 1]) for i in range(len(parts))))


def _without_default_port(host: str, scheme: str) -> str:
    if scheme in {"http", "ws"}:
        return host.removesuffix(":80")
    if scheme in {"https", "wss"}:
        return host.removesuffix(":443")
    return host


class _Node:
    """A place in the tree of plain rules: where the path so far leads, and what may follow."""

    __slots__ = ("number", "rules", "static", "text", "unsure")

    def __init__(self) -> None:
        self.static: dict[str, _Node] = {}
        self.number: _Node | None = None  # where an <int:...> leads
        self.text: _Node | None = None  # where a <string:...> leads
        #: Each rule with the names of its variables and those of its blueprints.
        self.rules: list[tuple[QuartRule, tuple[str, ...], tuple[str | None, ...]]] = []
        self.unsure = False  # a rule that is not plain goes through here


class _Finder:
    """The plain rules of one map: whole static paths in a dict, the others in a tree.

    At each node Werkzeug prefers the static part, then <int:>, then <string:>; so does the
    tree. Where the preferred branch ends in nothing, or a rule that is not plain could have
    a say, there is no answer.
    """

    def __init__(self, url_map: Map) -> None:
        self.static: dict[str, _Node] = {}
        self.root = _Node()
        self._converters = {
            name: converter
            for name, converter in url_map.converters.items()
            if converter is UnicodeConverter or converter is IntegerConverter
        }
        rules = [rule for rule in url_map.iter_rules() if not rule.build_only]
        if url_map.host_matching or any(
            rule.subdomain != url_map.default_subdomain for rule in rules
        ):
            self.root.unsure = True
            return
        with_defaults = {rule.endpoint for rule in rules if rule.defaults}
        for rule in rules:
            self._add(rule, rule.endpoint in with_defaults)

    def _add(self, rule: Rule, has_defaults: bool) -> None:
        plain = isinstance(rule, QuartRule) and not (
            has_defaults or rule.alias or rule.redirect_to is not None or not rule.strict_slashes
        )
        segments = rule.rule.split("/")[1:]
        node = self.root
        names: list[str] = []
        for position, segment in enumerate(segments):
            variable = _VARIABLE_SEGMENT.match(segment)
            if not segment and position < len(segments) - 1:
                node.unsure = True  # slashes next to each other, which Werkzeug may merge
                return
            if not segment or _STATIC_SEGMENT.match(segment):
                node = node.static.setdefault(segment, _Node())
            elif variable is not None:
                converter = self._converters.get(variable["converter"] or "default")
                if converter is IntegerConverter:
                    node.number = node = node.number or _Node()
                elif converter is UnicodeConverter:
                    node.text = node = node.text or _Node()
                else:
                    node.unsure = True
                    return
                names.append(variable["name"])
            else:
                node.unsure = True
                return
        if not plain:
            node.unsure = True
            return
        assert isinstance(rule, QuartRule)
        node.rules.append((rule, tuple(names), blueprint_names(rule.endpoint)))
        if not names:
            self.static[rule.rule] = node

    def find(self, path: str, method: str, websocket: bool) -> Found | None:
        values: list[Any] = []
        node = self.static.get(path)
        if node is None:
            node = self.root
            for segment in path[1:].split("/"):
                following = node.static.get(segment)
                if following is None:
                    if node.unsure:
                        return None
                    if node.number is not None and segment.isdecimal():
                        if len(segment) > _MAX_DIGITS:
                            return None
                        following = node.number
                        values.append(int(segment))
                    elif node.text is not None and segment:
                        following = node.text
                        values.append(segment)
                    else:
                        return None
                node = following
        if node.unsure:
            return None
        for rule, names, blueprints in node.rules:
            if rule.websocket is websocket and (rule.methods is None or method in rule.methods):
                return rule, dict(zip(names, values)) if names else {}, blueprints  # noqa: B905
        return None

    def lacks(self, path: str) -> bool:
        """Whether the path leaves the tree, on all branches, without meeting a doubt."""
        if "//" in path:
            return False
        nodes = [self.root]
        for segment in path[1:].split("/"):
            following = []
            for node in nodes:
                if node.unsure:
                    return False
                if segment in node.static:
                    following.append(node.static[segment])
                if node.number is not None and segment.isdecimal():
                    following.append(node.number)
                if node.text is not None and segment:
                    following.append(node.text)
            if not following:
                return True
            nodes = following
        return False  # for Werkzeug to say: another method, a slash is missing, ...


__all__ = ("Map", "MapAdapter", "QuartMap", "QuartRule", "RoutingException", "Rule")
