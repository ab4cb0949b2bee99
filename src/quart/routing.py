"""The URL map: Werkzeug's, with a faster matcher in front for plain rules (the short way).

The short way answers only if it is sure to agree with Werkzeug's matcher. `matching.py` searches
for the rest (other converters, no rule). Werkzeug's adapter asks it, too, where redirects, defaults
or hosts matter.
"""

from __future__ import annotations

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
from werkzeug.routing.exceptions import RoutingException
from werkzeug.routing.matcher import StateMachineMatcher

from .headers import MAX_PARSED
from .hosts import raise_if_not_idna, subdomain_of, without_default_port
from .matching import VALUE, Matcher, Node, Variable

if TYPE_CHECKING:
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

# Printable ASCII without the space.
_PRINTABLE = bytes(range(0x21, 0x7F))

# A subdomain that no rule matches: a variable in a rule's subdomain matches no slash.
_NO_SUBDOMAIN = "<invalid>/"

#: A rule, its arguments, and the names under which its hooks are stored, outermost first.
Found = tuple["QuartRule", dict[str, Any], tuple[str | None, ...]]


class QuartRule(Rule):
    """A Werkzeug rule that also records whether it is for a websocket.

    The keywords in `REQUEST_OPTIONS` (bytes, counts or seconds; None for no limit) are set on each
    request that matches.
    """

    provide_automatic_options: bool | None

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
        super().bind(map, rebind)
        if self.subdomain != map.default_subdomain and isinstance(map, QuartMap):
            map.has_subdomains = True

    def get_empty_kwargs(self) -> dict[str, Any]:
        """Return the keywords that build this rule again, for `Rule.empty` and rule factories."""
        return {
            **super().get_empty_kwargs(),
            **self.request_options,
            "websocket": self.websocket,
            "provide_automatic_options": self.provide_automatic_options,
        }


class QuartMap(Map):
    """A Werkzeug map that binds to ASGI requests and matches them with `matching.py`."""

    #: Set it to False in a subclass to send every path through Werkzeug's matcher.
    short_way = True

    #: Finds the rule for (path, method, websocket) and its arguments if the short way is sure,
    #: else returns None. PERF: an attribute, so that a request makes one call.
    find: Callable[[str, str, bool], Found | None]
    #: True once a rule with its own subdomain was added.
    has_subdomains = False
    #: The same for paths on which `find` is unsure. It may return an error to answer, too, and
    #: returns None if an adapter is needed.
    match: Callable[[str, str, bool], Found | HTTPException | None]
    #: Counts added rules, because a view in a thread may add some while others are matched.
    _additions = 0

    def __init__(
        self, rules: Iterable[RuleFactory] | None = None, *args: Any, **kwargs: Any
    ) -> None:
        super().__init__(None, *args, **kwargs)
        self.take_matcher()
        for factory in rules or ():
            self.add(factory)

    def take_matcher(self) -> None:
        """Replace the matcher by a new one, which has no rules yet."""
        matcher = Matcher if self.short_way else StateMachineMatcher
        self._matcher = matcher(self.merge_slashes)
        self._remap = True
        self.find = self._build_and_find

    def add(self, rulefactory: RuleFactory) -> None:
        """Add a rule, or a factory of rules."""
        try:
            super().add(rulefactory)
        finally:
            self._additions += 1
            self._remap = True  # also where the factory failed after some rules
            self.find = self._build_and_find

    def prepare(self) -> None:
        """Build the matcher now, and not with the first request."""
        self.find("", "", False)

    def _build_and_find(self, path: str, method: str, websocket: bool) -> Found | None:
        additions = self._additions
        finder = _Finder(self)
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


def match(adapter: MapAdapter) -> Found:
    """Match with an adapter.

    Raises NotFound, MethodNotAllowed or a redirect if that is what matching gives.
    """
    try:
        rule, view_args = adapter.match(return_rule=True)
    except HTTPException:
        raise
    except ValueError as error:  # a converter cannot read its segment, such as 5000 digits
        raise NotFound() from error
    if not isinstance(rule, QuartRule):  # a plain rule of Werkzeug's
        cast(QuartRule, rule).request_options = {}
    return cast(QuartRule, rule), dict(view_args), blueprint_names(rule.endpoint)


def blueprint_names(endpoint: str) -> tuple[str | None, ...]:
    """Return the names of an endpoint's hooks, such as (None, "parent", "parent.child")."""
    parts = endpoint.split(".")[:-1]
    return (None, *(".".join(parts[: i + 1]) for i in range(len(parts))))


# A rule, the names of its variables, and the names under which its hooks are stored.
_Plan = tuple[QuartRule, tuple[str, ...], tuple[str | None, ...]]

# The rules for a path, by method, or by True for websockets.
_Plans = dict[str | bool, _Plan]

# The group of a pattern that has the first value.
_VALUE = f"{VALUE}0"

# The patterns of plain variables, and whether they match more than one segment.
_NUMBER = rf"(?P<{_VALUE}>{IntegerConverter.regex})\Z", False
_TEXT = rf"(?P<{_VALUE}>[^/]{{1,}})\Z", False


def _keys_of(rule: Rule) -> Iterable[str | bool] | None:
    """Return the methods of a rule, or True for websockets; None if more than that decides."""
    if rule.alias or rule.redirect_to is not None:
        return None
    if rule.websocket:  # its method is always GET
        return {True} if rule.methods is None or "GET" in rule.methods else None
    return rule.methods


def _is_plain(converter: BaseConverter) -> bool:
    """Whether a converter accepts all that its regex matches, as an int or unchanged."""
    if type(converter) is IntegerConverter:
        return not converter.fixed_digits and converter.min is converter.max is None
    return type(converter) is UnicodeConverter


class _Finder:
    """The rules of one map that a look-up or two can find, and its matcher for the others.

    A look-up gives only the rule that the matcher would find.
    """

    def __init__(self, url_map: QuartMap) -> None:
        #: The rules that static segments alone lead to, by path; empty for nodes on the way.
        self.static: dict[str, _Plans] = {}
        #: The rules that one more segment leads to: a number, or another text. None if no variable
        #: of that kind follows. No variable of a third kind follows.
        self.branches: dict[str, tuple[_Plans | None, _Plans | None]] = {}
        #: The only variable that follows, and its rules, if it matches all segments that are left.
        self.finals: dict[str, tuple[Variable, _Plans]] = {}
        #: The map's matcher, if all rules are for one domain.
        self.matcher: Matcher | None = None
        self.domain = url_map.default_subdomain
        #: Endpoints that have a rule with defaults: Werkzeug may redirect to that rule.
        self.with_defaults: set[object] = set()
        self.names: dict[Any, tuple[str | None, ...]] = {}
        rules = [rule for rule in url_map.iter_rules() if not rule.build_only]
        url_map.update()
        matcher = url_map._matcher
        if (
            not isinstance(matcher, Matcher)
            or url_map.host_matching
            or type(url_map).bind is not Map.bind
            or type(url_map).bind_to_request is not QuartMap.bind_to_request
            or any(rule.subdomain != self.domain for rule in rules)
        ):
            return
        self.matcher = matcher
        self.with_defaults = {rule.endpoint for rule in rules if rule.defaults}
        of_domain = matcher.tree.static.get(self.domain)
        if of_domain is not None:
            self._index("", of_domain.static[""])

    def _index(self, path: str, node: Node) -> None:
        if path:
            self.static[path] = self._plans(node)
        if path == "/":  # no clean path begins with two slashes
            return
        kinds = [(variable.regex, variable.final) for variable in node.variables]
        if kinds in ([_NUMBER], [_TEXT], [_NUMBER, _TEXT]):
            plans = {
                kind: self._plain_plans(variable.node)
                for kind, variable in zip(kinds, node.variables)  # noqa: B905
            }
            self.branches[path] = plans.get(_NUMBER), plans.get(_TEXT)
        elif len(kinds) == 1:
            (variable,) = node.variables
            if variable.final and not variable.suffixed and not variable.takes_square:
                self.finals[path] = variable, self._plans(variable.node)
        for segment, following in node.static.items():
            self._index(f"{path}/{segment}", following)

    def _plans(self, node: Node) -> _Plans:
        """Return the rules that end at a node; none if more than the method decides for one."""
        plans: _Plans = {}
        for rule in node.rules:
            keys = _keys_of(rule)
            if (
                keys is None
                or rule.endpoint in self.with_defaults
                or not isinstance(rule, QuartRule)
            ):
                return {}
            plan = rule, tuple(rule._converters), blueprint_names(rule.endpoint)
            for key in keys:
                plans.setdefault(key, plan)
        return plans

    def _plain_plans(self, node: Node) -> _Plans:
        """Return the same; none if a rule has a converter that is not plain."""
        converters = [each for rule in node.rules for each in rule._converters.values()]
        return self._plans(node) if all(map(_is_plain, converters)) else {}

    # PERF: a path without variables costs two look-ups, and one whose last segment is its only
    # variable costs four.
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
            return None
        value: Any = tail
        numbers, texts = branch
        if numbers is not None and tail.isdecimal():
            plans = numbers
            try:
                value = int(tail)
            except ValueError:  # more digits than Python converts
                return None
        elif texts is not None and tail:
            plans = texts
        else:
            return None
        plan = plans.get(websocket or method)
        if plan is None:
            return None
        rule, names, blueprints = plan
        return rule, {names[0]: value}, blueprints

    def _find_final(self, path: str, key: str | bool) -> Found | None:
        """Find a rule that ends with a variable for several segments, such as a `<path:...>`.

        PERF: this takes half the time of a search. Static files have such a rule.
        """
        head, end = "", path.find("/", 1)
        while end > 0 and path[:end] in self.static:
            head, end = path[:end], path.find("/", end + 1)
        final = self.finals.get(head)
        if final is None or path in self.static:
            return None
        variable, plans = final
        plan = plans.get(key)
        match = variable.pattern.match(path[len(head) + 1 :])
        if plan is None or match is None:
            return None
        rule, names, blueprints = plan
        if len(names) != 1:
            return None
        (name,) = names
        try:
            return rule, {name: rule._converters[name].to_python(match[_VALUE])}, blueprints
        except (ValueError, HTTPException):  # let the search decide
            return None

    def match(self, path: str, method: str, websocket: bool) -> Found | HTTPException | None:
        """Match a clean path as `MapAdapter.match` does; None for a redirect or if unsure.

        PERF: this does without an adapter, because making one costs three times as much as the
        search. It is safe if all rules are for one domain.
        """
        if self.matcher is None or len(path) > MAX_PARSED:  # Werkzeug's adapter refuses it
            return None
        found = self._find_final(path, websocket or method)
        if found is not None:
            return found
        try:
            search = self.matcher.search(self.domain, path, method.upper(), websocket)
        except HTTPException as error:  # raised by a converter
            return error
        except ValueError:  # raised by a converter that cannot convert, such as 5000 digits
            return NotFound()
        rule = search.rule
        if search.redirect is not None:
            return None
        if rule is None:
            if search.methods:
                return MethodNotAllowed(valid_methods=list(search.methods))
            return None if search.mismatch else NotFound()
        endpoint = rule.endpoint
        if (
            rule.alias
            or rule.redirect_to is not None
            or endpoint in self.with_defaults
            or not isinstance(rule, QuartRule)
        ):
            return None
        names = self.names.get(endpoint)
        if names is None:
            names = self.names[endpoint] = blueprint_names(endpoint)
        return rule, search.arguments, names


__all__ = ("Map", "MapAdapter", "QuartMap", "QuartRule", "RoutingException", "Rule")
