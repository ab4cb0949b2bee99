"""The search for the rule of a path, in the tree that Werkzeug makes of the rules.

It finds what Werkzeug's matcher finds. But that matcher makes a function that calls itself for each
path. Such a function is a cycle, and it is left to the garbage collector.
"""

from __future__ import annotations

import re
from collections.abc import MutableMapping
from functools import cached_property

from werkzeug.exceptions import RequestURITooLarge
from werkzeug.routing import PathConverter, Rule, ValidationError
from werkzeug.routing.exceptions import NoMatch, RequestAliasRedirect, RequestPath
from werkzeug.routing.matcher import State, StateMachineMatcher
from werkzeug.routing.rules import RulePart

#: The beginning of the names of groups that are values. A converter may have other groups.
VALUE = "__werkzeug_"

# The most characters that are matched by a pattern with several `<path:...>`. Its time grows with
# the square of the length: these take 0.05 seconds, 32 KiB would take 3.
_MAX_SQUARE = 4096

_SLASHES = re.compile("/{2,}")


class Node:
    """A place in the tree: the rules that end here, and what may follow."""

    __slots__ = ("rules", "static", "variables")

    def __init__(self, state: State) -> None:
        #: The rules that end here, in the order in which they were added.
        self.rules: list[Rule] = list(state.rules)
        self.static = {text: Node(below) for text, below in list(state.static.items())}
        #: The variables that are tried, in this order, if static text leads nowhere.
        self.variables = [
            Variable(part, below)
            for part, below in sorted(state.dynamic, key=lambda entry: entry[0].weight)
        ]


class Variable:
    """A pattern for one segment, or for all the segments that are left, and the node after it."""

    def __init__(self, part: RulePart, state: State) -> None:
        self.regex = part.content
        #: True if it matches all segments that are left, and not only one.
        self.final = part.final
        #: True if its last group is a slash that may end the path.
        self.suffixed = part.suffixed
        #: True if the time to match grows with the square of the length.
        self.takes_square = part.content.count(PathConverter.regex) > 1
        self.node = Node(state)

    @cached_property
    def pattern(self) -> re.Pattern[str]:
        return re.compile(self.regex)

    @cached_property
    def groups(self) -> list[int]:
        """The numbers of the groups that are values."""
        groups = self.pattern.groupindex.items()
        return sorted(number for name, number in groups if name.startswith(VALUE))


class Search:
    """The search for one request's rule: what is searched for, and what has been found."""

    rule: Rule | None = None
    #: The path that the rule matches, if it is not the path of the request.
    redirect: str | None = None
    #: True if the rule matches the path only with a slash appended.
    lacks_slash = False
    #: True if a rule for the path is for websockets and the request is not, or the reverse.
    mismatch = False

    def __init__(self, method: str, websocket: bool) -> None:
        self.method = method
        self.websocket = websocket
        #: The methods of rules for the path that do not allow the request's method.
        self.methods: set[str] = set()
        #: The texts of the rule's variables, and the values that its converters return for them.
        self.values: list[str] = []
        self.arguments: dict[str, object] = {}

    def walk(self, tree: Node, domain: str, path: str) -> None:
        """Search for the rule of a path."""
        self.segments = [domain, *path.split("/")]
        self.rule = self._rule_below(tree, 0)
        if self.lacks_slash:
            self.redirect = f"{path}/"

    def _rule_below(self, node: Node, depth: int) -> Rule | None:
        """Find the rule to which the segments from a depth on lead from a node."""
        segments = self.segments
        while depth < len(segments) and not node.variables and not node.rules:
            below = node.static.get(segments[depth])
            if below is None:
                return None
            node = below
            depth += 1
        if depth == len(segments):
            return self._rule_at(node)
        segment = segments[depth]
        following = node.static.get(segment)
        if following is not None:
            rule = self._rule_below(following, depth + 1)
            if rule is not None:
                return rule
        for variable in node.variables:
            text, rest = segment, depth + 1
            if variable.final:
                text, rest = "/".join(segments[depth:]), len(segments)
                if variable.takes_square and len(text) > _MAX_SQUARE:
                    raise RequestURITooLarge()
            match = variable.pattern.match(text)
            if match is None:
                continue
            if variable.suffixed and match[variable.pattern.groups] == "/":
                rest = len(segments) - 1
            values = self.values
            before = len(values)
            values += [match[number] for number in variable.groups]
            rule = self._rule_below(variable.node, rest)
            if rule is not None:
                return rule
            del values[before:]
        if segment == "" and depth == len(segments) - 1:
            for rule in node.rules:
                if not rule.strict_slashes and self._fits(rule):
                    return rule
        return None

    def _rule_at(self, node: Node) -> Rule | None:
        """Find the rule for a path that ends at a node, or for the same path with a slash."""
        for rule in node.rules:
            if self._fits(rule):
                return rule
        with_slash = node.static.get("")
        if with_slash is not None:
            for rule in with_slash.rules:
                if rule.websocket == self.websocket and (
                    rule.methods is None or self.method in rule.methods
                ):
                    self.lacks_slash = bool(rule.strict_slashes)
                    return rule
        return None

    def _fits(self, rule: Rule) -> bool:
        """Whether a rule for the path is for the request's method and kind; note why it is not."""
        if rule.methods is not None and self.method not in rule.methods:
            self.methods |= rule.methods
        elif rule.websocket != self.websocket:
            self.mismatch = True
        else:
            return True
        return False

    def read_arguments(self, rule: Rule) -> None:
        """Convert the texts to the rule's arguments. Raises what a converter raises."""
        # A name that is repeated in the rule has one converter, so there may be more values.
        converters = rule._converters.items()
        for (name, converter), value in zip(converters, self.values):  # noqa: B905
            self.arguments[name] = converter.to_python(value)
        if rule.defaults:
            self.arguments.update(rule.defaults)


class Matcher(StateMachineMatcher):
    """A replacement for Werkzeug's matcher that leaves nothing to the garbage collector."""

    def __init__(self, merge_slashes: bool) -> None:
        super().__init__(merge_slashes)
        self.tree = Node(self._root)

    def update(self) -> None:
        """Called by the map, before it matches, if rules were added."""
        self.tree = Node(self._root)

    def search(self, domain: str, path: str, method: str, websocket: bool) -> Search:
        """Search for the rule of a path, or else of the path with repeated slashes merged.

        If a converter raises a ValidationError, there is no rule. Other errors are passed on.
        Raises RequestURITooLarge if the path would take too long to match.
        """
        search = Search(method, websocket)
        search.walk(self.tree, domain, path)
        if search.rule is None and self.merge_slashes and "//" in path:
            path = _SLASHES.sub("/", path)
            search.walk(self.tree, domain, path)
            if search.rule is not None and not search.lacks_slash:
                if search.rule.merge_slashes is False:
                    search.rule = None
                else:
                    search.redirect = path
        if search.rule is not None and search.redirect is None:
            try:
                search.read_arguments(search.rule)
            except ValidationError:
                search.rule = None
        return search

    def match(
        self, domain: str, path: str, method: str, websocket: bool
    ) -> tuple[Rule, MutableMapping[str, object]]:
        """Called by a `MapAdapter`. Raises the exceptions that it catches."""
        search = self.search(domain, path, method, websocket)
        rule = search.rule
        if search.redirect is not None:
            raise RequestPath(search.redirect)
        if rule is None:
            raise NoMatch(search.methods, search.mismatch)
        if rule.alias and rule.map.redirect_defaults:
            raise RequestAliasRedirect(search.arguments, rule.endpoint)
        return rule, search.arguments
