"""The URL map: Werkzeug's, with a faster matcher in front for plain rules (the short way).

The short way answers only if it is sure to agree with Werkzeug's matcher. For other converters and
repeated slashes it asks Werkzeug's matcher; where redirects, defaults or hosts matter, the adapter.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import quote

from werkzeug.exceptions import BadRequest, HTTPException, MethodNotAllowed, NotFound
from werkzeug.routing import (
    BaseConverter,
    IntegerConverter,
    Map,
    MapAdapter,
    Rule,
    RuleFactory,
    UnicodeConverter,
)
from werkzeug.routing.exceptions import (
    NoMatch,
    RequestAliasRedirect,
    RequestPath,
    RequestRedirect,
    RoutingException,
)

from .headers import MAX_PARSED
from .hosts import raise_if_not_idna, subdomain_of, without_default_port

if TYPE_CHECKING:
    from werkzeug.routing.matcher import StateMachineMatcher

    from .wrappers.base import BaseRequestWebsocket

#: Keywords of a route that set limits and choices; they are set on each matching request.
REQUEST_OPTIONS = frozenset(
    {
        "body_timeout",
        "cancel_on_disconnect",
        "max_content_length",
        "max_form_memory_size",
        "max_form_parts",
    }
)

# A segment that is all static text, or exactly one variable.
_STATIC_SEGMENT = re.compile(r"[^<>/]*\Z")
_VARIABLE_SEGMENT = re.compile(r"<(?:[a-zA-Z_]\w*(?:\([^/<>]*\))?:)?(?P<name>[a-zA-Z_]\w*)>\Z")

# Printable ASCII without the space.
_PRINTABLE = bytes(range(0x21, 0x7F))

# A subdomain that no rule matches: a variable in a rule's subdomain matches no slash.
_NO_SUBDOMAIN = "<invalid>/"

# Numbers the rules in the order in which they are added to maps.
_positions = itertools.count()

#: A rule, its arguments, and the names under which its hooks are stored, outermost first.
Found = tuple["QuartRule", dict[str, Any], tuple[str | None, ...]]


class QuartRule(Rule):
    """A Werkzeug rule that also records whether it is for a websocket.

    The keywords in `REQUEST_OPTIONS` (bytes, counts or seconds; None for no limit) are set on each
    request that matches.
    """

    provide_automatic_options: bool | None
    #: Rules that match the same URL are tried in the order in which they were added.
    position: int
    #: The class of each variable's converter; None if it has arguments, or if the name is repeated.
    variables: dict[str, type[BaseConverter] | None]
    #: The converters themselves.
    converters: dict[str, BaseConverter]

    def __init__(
        self,
        string: str,
        defaults: Mapping[str, object] | None = None,
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
        #: The path's template, under the names that ASGI middleware looks for.
        self.path = self.path_format = string

    def bind(self, map: Map, rebind: bool = False) -> None:
        """Called by the map when this rule is added to it."""
        if not rebind:
            self.position = next(_positions)
        super().bind(map, rebind)
        if self.subdomain != map.default_subdomain and isinstance(map, QuartMap):
            map.has_subdomains = True

    def compile(self) -> None:
        """Called by `bind`. Reads the rule with the converters that the map has now."""
        self.variables = {}
        self.converters = {}
        super().compile()

    def get_converter(
        self,
        variable_name: str,
        converter_name: str,
        args: tuple[object, ...],
        kwargs: Mapping[str, object],
    ) -> BaseConverter:
        """Called by `compile` for each variable. Raises LookupError for an unknown converter."""
        converter = super().get_converter(variable_name, converter_name, args, kwargs)
        unclear = args or kwargs or variable_name in self.variables
        self.variables[variable_name] = None if unclear else type(converter)
        self.converters[variable_name] = converter
        return converter

    def get_empty_kwargs(self) -> dict[str, Any]:
        """Return the keywords that build this rule again, for `Rule.empty` and rule factories."""
        return {
            **super().get_empty_kwargs(),
            **self.request_options,
            "websocket": self.websocket,
            "provide_automatic_options": self.provide_automatic_options,
        }


class QuartMap(Map):
    """A Werkzeug map that binds to ASGI requests and matches plain rules faster."""

    #: Set it to False in a subclass to send every path through Werkzeug's matcher.
    short_way = True

    #: Finds the rule for (path, method, websocket) and its arguments if the short way is sure,
    #: else returns None. PERF: an attribute, so that a request makes one call.
    find: Callable[[str, str, bool], Found | None]
    #: The short way itself, as of the last call of `find` or `prepare`.
    finder: _Finder
    #: True once a rule with its own subdomain was added.
    has_subdomains = False
    #: Werkzeug's matcher, for paths on which `find` is unsure: returns a rule, or an error to
    #: answer.
    match: Callable[[str, str, bool], Found | HTTPException | None]
    #: Counts added rules, because a view in a thread may add some while others are matched.
    _additions = 0

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self.find = self._build_and_find
        super().__init__(*args, **kwargs)

    def add(self, rulefactory: RuleFactory) -> None:
        """Add a rule, or a factory of rules."""
        try:
            super().add(rulefactory)
        finally:
            self._additions += 1
            self.find = self._build_and_find

    def prepare(self) -> None:
        """Build the matcher now, and not with the first request."""
        self.find("", "", False)

    def _build_and_find(self, path: str, method: str, websocket: bool) -> Found | None:
        additions = self._additions
        finder = self.finder = _Finder(self)
        self.find, self.match = finder.find, finder.match
        if additions != self._additions:
            self.find = self._build_and_find
        return finder.find(path, method, websocket)

    def bind_to_request(
        self,
        request: BaseRequestWebsocket,
        subdomain: str | None = None,
        server_name: str | None = None,
    ) -> MapAdapter:
        """Return an adapter for a request's host and path, like `Map.bind_to_environ` for WSGI.

        If `server_name` is given, built URLs have it as their host. If `subdomain` is not given
        then, the request's host must be `server_name` or below it; otherwise no rule matches.
        """
        request.check_length()
        host = without_default_port(request.host.lower(), request.scheme)
        if server_name is None:
            server_name = host
        else:
            server_name = without_default_port(server_name.lower(), request.scheme)
            if subdomain is None and not self.host_matching:
                subdomain = subdomain_of(request, server_name)
                if subdomain is None:
                    subdomain = _NO_SUBDOMAIN
        try:
            raise_if_not_idna(host)
            return self.bind(
                server_name,
                request.root_path,
                subdomain,
                request.scheme,
                request.method,
                request.path,
                # Redirects repeat the query as it came, without bytes that no header may hold.
                quote(request.query_string, safe=_PRINTABLE),
            )
        except UnicodeError as error:  # IDNA refuses the host
            raise BadRequest("The Host header is not a host name.") from error


def allowed_methods(adapter: MapAdapter) -> Iterable[str]:
    """Return the methods with which the path of a request may be requested."""
    finder = _finder_for(adapter)
    methods = None if finder is None else finder.methods(adapter.path_info)
    return adapter.allowed_methods() if methods is None else methods


def match(adapter: MapAdapter) -> Found:
    """Match with Werkzeug's matcher.

    Raises NotFound, MethodNotAllowed or a redirect if that is what matching gives.
    """
    path, method, finder = adapter.path_info, adapter.default_method, _finder_for(adapter)
    if finder is not None and finder.lacks_slash(path, method, adapter.websocket):
        path = quote(f"{path}/", safe="!$&'()*+,/:;=@")
        raise RequestRedirect(adapter.make_redirect_url(path))
    try:
        rule, view_args = adapter.match(return_rule=True)
    except HTTPException:
        raise
    except ValueError as error:  # a converter cannot read its segment, such as 5000 digits
        raise NotFound() from error
    if not isinstance(rule, QuartRule):  # a plain rule of Werkzeug's
        cast(QuartRule, rule).request_options = {}
    return cast(QuartRule, rule), dict(view_args), blueprint_names(rule.endpoint)


def _finder_for(adapter: MapAdapter) -> _Finder | None:
    """Return the short way, if it can tell why nothing matches an adapter; else None."""
    url_map = adapter.map
    if type(adapter) is not MapAdapter or not isinstance(url_map, QuartMap):
        return None
    url_map.prepare()
    return url_map.finder if adapter.subdomain == url_map.default_subdomain else None


def blueprint_names(endpoint: str) -> tuple[str | None, ...]:
    """Return the names of an endpoint's hooks, such as (None, "parent", "parent.child")."""
    parts = endpoint.split(".")[:-1]
    return (None, *(".".join(parts[: i + 1]) for i in range(len(parts))))


# A rule, the names of its variables, and the names under which its hooks are stored.
_Plan = tuple[QuartRule, tuple[str, ...], tuple[str | None, ...]]


class _Leaf:
    """A variable, of any converter, that ends its rules; it matches as Werkzeug's matcher does."""

    __slots__ = ("final", "match", "plans", "weight")

    def __init__(self, converter: BaseConverter) -> None:
        self.weight = converter.weight
        #: True if it matches the rest of the path, and not only one segment.
        self.final = not converter.part_isolating
        self.match = re.compile(rf"({converter.regex})\Z").match
        #: By method, or True for websockets: the plan, and the function that converts the text.
        self.plans: dict[str | bool, tuple[_Plan, Callable[[str], object]]] = {}


class _Node:
    """A place in the tree of plain rules: what ends here, and which segments may follow."""

    __slots__ = ("doubtful", "leaves", "mixed", "number", "plans", "static", "text", "unsure")

    def __init__(self) -> None:
        self.static: dict[str, _Node] = {}
        self.number: _Node | None = None  # the node after an <int:...>
        self.text: _Node | None = None  # the node after a <string:...>
        #: The rule for a path that ends here, by method, or by True for websockets.
        self.plans: dict[str | bool, _Plan] = {}
        self.doubtful = False  # a rule that is not plain ends here, so there are no plans
        self.unsure = False  # a rule that is not plain continues from here
        self.mixed = False  # such a rule, and it does not end in a leaf
        self.leaves: dict[tuple[str, bool, int], _Leaf] = {}  # in the order in which they are tried


def _keys_of(rule: Rule, has_defaults: bool) -> Iterable[str | bool] | None:
    """Return the methods of a rule, or True for websockets; None if more than that decides."""
    if has_defaults or rule.alias or rule.redirect_to is not None or not rule.strict_slashes:
        return None
    if rule.websocket:  # its method is always GET
        return {True} if rule.methods is None or "GET" in rule.methods else None
    return rule.methods


class _Finder:
    """The plain rules of one map: static paths in a dict, the others in a tree.

    At each node Werkzeug prefers the static part, then <int:>, then <string:>; so does the tree.
    If the preferred branch leads nowhere, or a rule that is not plain might match, it gives up.
    """

    def __init__(self, url_map: QuartMap) -> None:
        self.root = _Node()
        #: The plans of nodes that static segments alone lead to, by path; empty for nodes on the
        #: way.
        self.static: dict[str, dict[str | bool, _Plan]] = {}
        #: The nodes that static segments lead to and only plain variables follow.
        self.branches: dict[str, _Node] = {}
        #: The nodes that static segments lead to and only leaves follow.
        self.before_leaves: dict[str, _Node] = {}
        self.leaf_depth = 0
        #: The numbers of slashes in plain rules that are in neither of the two.
        self.depths: set[int] = set()
        #: Endpoints that have a rule with defaults: Werkzeug may redirect to that rule.
        self.with_defaults: set[object] = set()
        #: Werkzeug's matcher and the domain of all rules; None if the rules differ in their domain.
        self.matcher: StateMachineMatcher | None = None
        self.domain = url_map.default_subdomain
        self.names: dict[Any, tuple[str | None, ...]] = {}
        rules = [rule for rule in url_map.iter_rules() if not rule.build_only]
        if (
            not url_map.short_way
            or url_map.host_matching
            or type(url_map).bind is not Map.bind
            or type(url_map).bind_to_request is not QuartMap.bind_to_request
            or any(rule.subdomain != url_map.default_subdomain for rule in rules)
        ):
            self.root.unsure = self.root.mixed = True
            return
        self.with_defaults = {rule.endpoint for rule in rules if rule.defaults}
        for rule in sorted(rules, key=lambda rule: getattr(rule, "position", 0)):
            self._add(rule, rule.endpoint in self.with_defaults)
        self._index("", self.root)
        url_map.update()
        self.matcher = url_map._matcher

    def _add(self, rule: Rule, has_defaults: bool) -> None:
        node = self.root
        path = rule.rule
        # Only a redirect makes such a path. Werkzeug 3.1.0 does not merge all slashes.
        if path.startswith("//") or (rule.merge_slashes and "//" in path):
            self.root.unsure = self.root.mixed = True
            return
        variables = getattr(rule, "variables", {})  # a plain rule of Werkzeug's does not tell them
        names: list[str] = []
        segments = path.split("/")[1:]
        for depth, segment in enumerate(segments, 1):
            variable = _VARIABLE_SEGMENT.match(segment)
            converter = variables.get(variable["name"]) if variable else None
            if _STATIC_SEGMENT.match(segment):
                node = node.static.setdefault(segment, _Node())
            elif variable is not None and converter is IntegerConverter:
                node.number = node = node.number or _Node()
                names.append(variable["name"])
            elif variable is not None and converter is UnicodeConverter:
                node.text = node = node.text or _Node()
                names.append(variable["name"])
            else:
                node.unsure = True
                if depth < len(segments) or not self._add_leaf(node, rule, variable, has_defaults):
                    node.mixed = True
                return
        if not rule.strict_slashes:
            node.unsure = True  # a slash may follow
        keys = _keys_of(rule, has_defaults)
        if keys is None or not isinstance(rule, QuartRule):
            node.doubtful = True
            node.plans.clear()
        elif not node.doubtful:
            plan = rule, tuple(names), blueprint_names(rule.endpoint)
            for key in keys:
                node.plans.setdefault(key, plan)
            if len(names) > 1 or (names and _STATIC_SEGMENT.match(segments[-1])):
                self.depths.add(len(segments))

    def _add_leaf(
        self, node: _Node, rule: Rule, variable: re.Match[str] | None, has_defaults: bool
    ) -> bool:
        """Add a rule as a leaf behind a node, and return True; False if it is more than that."""
        keys = _keys_of(rule, has_defaults)
        if variable is None or keys is None or not isinstance(rule, QuartRule):
            return False
        name = variable["name"]
        converter = rule.converters[name]
        kind = converter.regex, converter.part_isolating, converter.weight
        leaf = node.leaves.get(kind)
        if leaf is None:
            leaf = node.leaves[kind] = _Leaf(converter)
        plan = rule, (name,), blueprint_names(rule.endpoint)
        for key in keys:
            leaf.plans.setdefault(key, (plan, converter.to_python))
        return True

    def _index(self, path: str, node: _Node) -> None:
        if path:
            self.static[path] = node.plans
        if node.leaves and not node.mixed and node.number is None and node.text is None:
            node.leaves = dict(sorted(node.leaves.items(), key=lambda item: item[1].weight))
            self.before_leaves[path] = node
            self.leaf_depth = max(self.leaf_depth, path.count("/"))
        if not node.unsure and (node.number is not None or node.text is not None):
            self.branches[path] = node
        for segment, following in node.static.items():
            self._index(f"{path}/{segment}", following)

    # PERF: a path without variables costs two look-ups, and one whose last segment is its only
    # variable costs four. Only paths with variables elsewhere are split.
    def find(self, path: str, method: str, websocket: bool) -> Found | None:
        plans = self.static.get(path)
        if plans is not None:
            plan = plans.get(websocket or method)
            if plan is None:
                return None
            rule, _, blueprints = plan
            return rule, {}, blueprints
        head, slash, tail = path.rpartition("/")
        branch = self.branches.get(head)
        if branch is None or not slash:
            if path.count("/") not in self.depths:
                return None
            return self._walk(path, websocket or method)
        value: Any = tail
        if branch.number is not None and tail.isdecimal():
            node = branch.number
            try:
                value = int(tail)
            except ValueError:  # more digits than Python converts
                return None
        elif branch.text is not None and tail:
            node = branch.text
        else:
            return None
        plan = node.plans.get(websocket or method)
        if plan is None:
            return None
        rule, names, blueprints = plan
        return rule, {names[0]: value}, blueprints

    def _walk(self, path: str, key: str | bool) -> Found | None:
        """Follow the path through the tree, taking the preferred branch at each node."""
        if path[:1] != "/":
            return None
        values: list[object] = []
        node = self.root
        for segment in path.split("/")[1:]:
            following = node.static.get(segment)
            if following is None:
                if node.unsure:
                    return None
                if node.number is not None and segment.isdecimal():
                    following = node.number
                    try:
                        values.append(int(segment))
                    except ValueError:  # more digits than Python converts
                        return None
                elif node.text is not None and segment:
                    following = node.text
                    values.append(segment)
                else:
                    return None
            node = following
        plan = node.plans.get(key)
        if plan is None:
            return None
        rule, names, blueprints = plan
        return rule, dict(zip(names, values)), blueprints  # noqa: B905

    def match(self, path: str, method: str, websocket: bool) -> Found | HTTPException | None:
        """Match a clean path as `MapAdapter.match` does; None for a redirect or if unsure.

        PERF: this repeats `MapAdapter.match` without an adapter, because making one costs three
        times as much as the matcher. It is safe if all rules are for one domain.
        """
        if self.matcher is None or len(path) > MAX_PARSED:  # Werkzeug's adapter refuses it
            return None
        found = self._find_leaf(path, websocket or method)
        if found is not None:
            return found
        method = method.upper()
        if self.lacks_slash(path, method, websocket):
            return None
        methods = self.methods(path)
        if methods is not None and method not in methods and not (methods and websocket):
            return MethodNotAllowed(valid_methods=list(methods)) if methods else NotFound()
        try:
            rule, arguments = self.matcher.match(self.domain, path, method, websocket)
        except NoMatch as error:
            if error.have_match_for:
                return MethodNotAllowed(valid_methods=list(error.have_match_for))
            return None if error.websocket_mismatch else NotFound()
        except HTTPException as error:  # raised by a converter
            return error
        except (RequestPath, RequestAliasRedirect, ValueError):
            return None
        endpoint = rule.endpoint
        if (
            rule.redirect_to is not None
            or endpoint in self.with_defaults
            or not isinstance(rule, QuartRule)
        ):
            return None
        names = self.names.get(endpoint)
        if names is None:
            names = self.names[endpoint] = blueprint_names(endpoint)
        return rule, dict(arguments), names

    def _find_leaf(self, path: str, key: str | bool) -> Found | None:
        """Find a rule whose only variable ends it, and to which static segments alone lead."""
        segments = path.split("/", self.leaf_depth + 1)
        for depth in range(min(self.leaf_depth + 1, len(segments) - 1), 0, -1):
            node = self.before_leaves.get("/".join(segments[:depth]))
            if node is None:
                continue
            rest = "/".join(segments[depth:])
            first, slash, _ = rest.partition("/")
            if first in node.static:
                return None
            for leaf in node.leaves.values():
                if (slash and not leaf.final) or leaf.match(rest) is None or key not in leaf.plans:
                    continue
                (rule, (name,), names), to_python = leaf.plans[key]
                try:
                    return rule, {name: to_python(rest)}, names
                except (ValueError, HTTPException):  # let Werkzeug's matcher decide
                    return None
            return None
        return None

    def _ends(self, path: str) -> list[_Node] | None:
        """Return the nodes where a path ends, on all branches of the tree; None if unsure."""
        if "//" in path or path[:1] != "/":
            return None
        nodes = [self.root]
        for segment in path.split("/")[1:]:
            following = []
            for node in nodes:
                if node.unsure:
                    return None
                if segment in node.static:
                    following.append(node.static[segment])
                if node.number is not None and segment.isdecimal():
                    following.append(node.number)
                if node.text is not None and segment:
                    following.append(node.text)
            nodes = following
        return nodes

    def lacks_slash(self, path: str, method: str, websocket: bool) -> bool:
        """Whether a rule matches the path only with a slash appended; False if unsure."""
        ends = self._ends(path)
        if ends is None or len(ends) != 1:
            return False
        node = ends[0]
        below = node.static.get("")
        if below is None or node.unsure or node.doubtful:
            return False
        key = websocket or method
        return key not in node.plans and key in below.plans

    def methods(self, path: str) -> set[str] | None:
        """Return the methods of the rules for a path, empty if there is no rule; None if unsure."""
        methods: set[str] = set()
        ends = self._ends(path)
        if ends is None:
            return None
        for node in ends:
            if node.unsure or node.doubtful or True in node.plans or "" in node.static:
                return None
            methods.update(cast("Iterable[str]", node.plans))
        return methods


__all__ = ("Map", "MapAdapter", "QuartMap", "QuartRule", "RoutingException", "Rule")
