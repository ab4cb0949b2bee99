"""Matching: our matcher, and the short way in front of it, agree with Werkzeug's matcher."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from contextlib import suppress
from typing import Any
from urllib.parse import quote

import pytest
from asgi import Response, http_scope, request
from hypothesis import HealthCheck, assume, currently_in_test_context, given, settings
from hypothesis import event as note
from hypothesis import strategies as st
from werkzeug.exceptions import Conflict, HTTPException
from werkzeug.routing import (
    BaseConverter,
    Map,
    MapAdapter,
    RequestRedirect,
    Rule,
    RuleFactory,
    ValidationError,
)
from werkzeug.routing.matcher import StateMachineMatcher

from quart import Quart, routing
from quart import request as current_request
from quart.routing import Found, QuartMap, QuartRule
from quart.wrappers.base import clean_path

# 20,000 with `--hypothesis-profile nightly`: see conftest.py.
EXAMPLES = max(500, settings().max_examples)


class ShortWay(QuartMap):
    """A map that matches by itself, also where the tests' option has Werkzeug do it."""

    short_way = True


class LongWay(QuartMap):
    """A map that asks Werkzeug's matcher for everything."""

    short_way = False


class Shout(BaseConverter):
    """Letters, given to the view in upper case; used in place of one of the usual converters."""

    regex = "[a-z]+"
    weight = 70

    def to_python(self, value: str) -> str:
        return value.upper()

    def to_url(self, value: str) -> str:
        return str(value).lower()


class Even(BaseConverter):
    """Digits, of which those that end in an odd one are refused, and zeros an error."""

    regex = "[0-9]+"
    weight = 40

    def to_python(self, value: str) -> int:
        if value.strip("0") == "":
            raise Conflict()
        if int(value) % 2:
            raise ValidationError()
        return int(value)


class Steps(BaseConverter):
    """Words with slashes between them, by a regex with a group of its own."""

    regex = "[a-z]+(/[a-z]+)*"
    part_isolating = False


CONVERTERS: dict[str, type[BaseConverter]] = {"shout": Shout, "even": Even, "steps": Steps}


# A segment of a rule, with "{}" where a variable's name goes, and what may stand in a URL there.
SEGMENTS: dict[str, list[str]] = {
    "a": ["a"],
    "b": ["b"],
    "c.d": ["c.d"],
    "café": ["café"],
    "a b": ["a b"],
    "a%20b": ["a%20b", "a b"],
    "": [""],
    "<{}>": ["a", "1", "x y", "é", "x\ny", "%2F"],
    "<string:{}>": ["b", "07"],
    "<string():{}>": ["b", "7"],
    "<default:{}>": ["c.d"],
    "<int:{}>": ["1", "007", "٣", "9" * 20, "9" * 5000],
    "<string(length=2):{}>": ["ab", "12", "abc"],
    "<string(minlength=2, maxlength=3):{}>": ["ab", "a"],
    "<int(min=3):{}>": ["2", "3"],
    "<int(fixed_digits=2):{}>": ["07", "7"],
    "<int(signed=True):{}>": ["-1", "1"],
    "<float:{}>": ["1.5", "1"],
    "<path:{}>": ["a", "a/b", "1/c.d/", "a//b"],
    "<uuid:{}>": ["a8098c1a-f86e-11da-bd1a-00112444be1e"],
    "<any(a, b):{}>": ["a", "b", "c"],
    '<any("a/b", b):{}>': ["a/b", "b"],
    "v<int:{}>": ["v1", "v"],
    "<{}>.x": ["a.x", ".x"],
    "<shout:{}>": ["loud", "LOUD"],
    "<even:{}>": ["2", "3", "0", "12"],
    "<steps:{}>": ["a", "a/b", "1/c"],
    "<path:{}>.x": ["a.x", "a/b.x"],
    "<float:{}>-<steps:w>": ["1.5-a", "1.5-a/b", "1-a"],
    "<w>-<int:{}>": ["a-1", "1-2-3"],
}
WORDS = sorted({word for words in SEGMENTS.values() for word in words} | {"+1", " 1", "1_0", "²"})
# What rules are made of most often, so that they meet.
COMMON = ["a", "b", "", "<{}>", "<int:{}>", "a", "<{}>"]
NAMES = ["v0", "v1", "v2", "v3"]

# What Werkzeug raises for a rule that it does not accept.
NO_RULE = (ValueError, LookupError, SyntaxError)


@st.composite
def rules(draw: st.DrawFn) -> dict[str, Any]:
    """The arguments of a rule."""

    def seldom() -> bool:
        return draw(st.integers(0, 19)) == 7  # Hypothesis prefers the ends

    chosen = draw(st.lists(st.sampled_from(COMMON * 5 + list(SEGMENTS)), min_size=1, max_size=4))
    names = NAMES if not seldom() else ["v0", "v0", "v0", "v1"]
    options: dict[str, Any] = {
        "string": "".join(f"/{part.format(name)}" for part, name in zip(chosen, names)),  # noqa: B905
        "endpoint": draw(st.sampled_from(["one", "two", "bp.one", "bp.inner.two"])),
        "methods": draw(
            st.sampled_from([["GET"], ["GET", "OPTIONS"], ["get", "POST"], ["GET"], ["POST"], None])
        ),
    }
    if seldom():
        options["strict_slashes"] = False
    if seldom():
        options["websocket"], options["methods"] = True, draw(st.sampled_from([["GET"], None]))
    if seldom():
        options["merge_slashes"] = False
    if seldom():
        options["redirect_to"] = draw(st.sampled_from(["/elsewhere", "a/<v0>", to_elsewhere]))
    if seldom():
        options["defaults"] = draw(st.sampled_from([{"v0": 1}, {"v0": "a"}, {"v1": "b"}, {"z": 1}]))
    if seldom():
        options["build_only"] = True
    if seldom():
        options["alias"] = True
    if draw(st.integers(0, 40)) == 7:
        options["subdomain"] = draw(st.sampled_from(["", "sub", "<v9>"]))
    if draw(st.integers(0, 40)) == 7:
        options["host"] = draw(st.sampled_from(["localhost", "<v9>", "other.host"]))
    return options


def to_elsewhere(adapter: MapAdapter, **values: Any) -> str:
    return "/".join(["else", *map(str, values)])


def plain_or_not(options: dict[str, Any]) -> Rule:
    """A rule of this package, or now and then one of Werkzeug's own."""
    options = dict(options)
    return Rule(**options) if options.pop("of_werkzeug", False) else QuartRule(**options)


@st.composite
def paths(draw: st.DrawFn, strings: list[str]) -> str:
    """A path near one of some rules: what fits its segments, then changed a little."""
    segments = draw(st.sampled_from(strings)).split("/")[1:]
    words = []
    for segment in segments:
        shape = re.sub(r"(<|:)v\d>", r"\1{}>", segment)
        words.append(draw(st.sampled_from(SEGMENTS.get(shape, WORDS))))
    for _ in range(draw(st.sampled_from([0, 0, 0, 1, 1, 2]))):
        place = draw(st.integers(0, len(words)))
        change = draw(st.sampled_from(["slash", "word", "double", "drop", "quote", "case"]))
        if change == "slash":
            words = words[:-1] if words and words[-1] == "" else [*words, ""]
        elif change == "word":
            words[place : place + draw(st.integers(0, 1))] = [draw(st.sampled_from(WORDS))]
        elif change == "double":
            words.insert(place, "")
        elif change == "drop":
            del words[place : place + 1]
        else:
            changed = quote if change == "quote" else str.upper
            words[place : place + 1] = map(changed, words[place : place + 1])
    path = "/" + "/".join(words)
    return path[1:] if path != "/" and draw(st.integers(0, 30)) == 7 else path


maps = st.just({}) | st.fixed_dictionaries(
    {},
    optional={
        "strict_slashes": st.booleans(),
        "merge_slashes": st.booleans(),
        "redirect_defaults": st.booleans(),
        "default_subdomain": st.sampled_from(["", "sub"]),
        "host_matching": st.integers(0, 4).map(lambda number: number == 3),
        "converters": st.sampled_from(["int", "string", "default"]).map(lambda name: {name: Shout}),
    },
)


def outcome(adapter: MapAdapter) -> tuple[Any, ...]:
    """What an adapter says: by the matcher of its map."""
    try:
        return as_outcome(routing.match(adapter))
    except HTTPException as error:
        return as_outcome(error)
    except Exception as error:  # a redirect that cannot be built
        return ("error", type(error).__name__)


def as_outcome(match: Found | HTTPException) -> tuple[Any, ...]:
    """The same of what `QuartMap.match` gives, with the position of the rule in its map."""
    if isinstance(match, RequestRedirect):
        return (match.code, match.new_url)
    if isinstance(match, HTTPException):
        methods = getattr(match, "valid_methods", None)
        return (match.code, type(match).__name__, *([sorted(methods)] if methods else []))
    rule, arguments, names = match
    return (str(rule), vars(rule).get("number"), arguments, names)


def with_rules(
    way: type[QuartMap], rules: list[str] | list[dict[str, Any]], **options: Any
) -> QuartMap:
    """A map, with what it accepts of some rules."""
    url_map = way(**{**options, "converters": {**CONVERTERS, **options.get("converters", {})}})
    for number, rule in enumerate(rules):
        if isinstance(rule, str):
            rule = {"string": rule, "endpoint": rule, "methods": ["GET"]}
        elif rule.get("changed"):
            url_map.find("/", "GET", False)
            url_map.converters[rule["changed"]] = Shout
        made = plain_or_not({name: rule[name] for name in rule if name != "changed"})
        vars(made)["number"] = number
        with suppress(*NO_RULE):
            url_map.add(made)
    return url_map


def event(what: str) -> None:
    """Count for the statistics of Hypothesis, if this is one of its tests."""
    if currently_in_test_context():
        note(what)


def answer(
    url_map: QuartMap, path: str, method: str = "GET", websocket: bool = False, **bound: Any
) -> tuple[Any, ...]:
    """What a request is answered with: by the short way, the matcher, or an adapter."""
    adapter = url_map.bind(
        "localhost",
        url_scheme="ws" if websocket else "http",
        path_info=path,
        default_method=method,
        **bound,
    )
    found: Any = None
    if not bound:
        found = url_map.find(path, method, websocket)
        event(f"found the short way: {found is not None}")
        if found is None:
            found = url_map.match(clean_path(path), method, websocket)
            event(f"needs an adapter: {found is None}")
    return outcome(adapter) if found is None else as_outcome(found)


def merges_all_slashes() -> bool:
    """Whether this release of Werkzeug does: 3.1.0 merges them two by two."""
    with suppress(RequestRedirect):
        return Map([Rule("/a/b", endpoint="b")]).bind("localhost").test("/a////b")
    return True


MERGES_ALL = merges_all_slashes()


@settings(max_examples=EXAMPLES, suppress_health_check=[HealthCheck.too_slow])
@given(st.data())
def test_the_short_way_agrees_with_werkzeug(data: st.DataObject) -> None:
    """Rule, arguments, redirect, 404, 405 with its methods: of any rules, added early or late."""
    options = data.draw(maps, "map")
    drawn = data.draw(st.lists(rules(), min_size=1, max_size=8), "rules")
    late = data.draw(st.integers(0, len(drawn)), "rules added late, from")
    changed = data.draw(st.sampled_from([None, None, None, "int", "string", "default"]), "changed")
    for number, rule in enumerate(drawn):
        if rule.get("host") and not options.get("host_matching"):
            del rule["host"]
        if number == late:
            rule["changed"] = changed
        rule["of_werkzeug"] = data.draw(st.integers(0, 20)) == 7
    path = data.draw(paths([rule["string"] for rule in drawn]), "path")
    assume(MERGES_ALL or "///" not in path)
    # A longer one is refused if a rule has several: see the test of paths that take long.
    assume(len(path) <= 4096 or not any(rule["string"].count("<path:") > 1 for rule in drawn))
    websocket = data.draw(st.integers(0, 5), "websocket") == 3
    methods = st.sampled_from(["GET", "GET", "HEAD", "POST", "OPTIONS"])
    method = "GET" if websocket else data.draw(methods, "method")
    subdomain = data.draw(st.sampled_from([None, None, None, "sub", "other"]), "subdomain")
    bound = {} if subdomain is None or options.get("host_matching") else {"subdomain": subdomain}
    ours, werkzeugs = (with_rules(way, drawn, **options) for way in (ShortWay, LongWay))

    wanted = answer(werkzeugs, path, method, websocket, **bound)
    event(f"{wanted[0] if isinstance(wanted[0], int) else 'a rule'}")
    assert wanted == answer(ours, path, method, websocket, **bound)
    for asked in (method, "--"):  # the second is asked for the methods that are allowed
        bound |= {"path_info": path, "default_method": asked}
        bound["url_scheme"] = "ws" if websocket else "http"
        assert outcome(werkzeugs.bind("localhost", **bound)) == outcome(
            ours.bind("localhost", **bound)
        )


@pytest.mark.parametrize(
    ("strings", "path"),
    [
        (["/<v0>", "/a/"], "/a"),
        (["/<v0>/b", "/a/c"], "/a/b"),
        (["/<int:v0>/a", "/<v0>/b"], "/1/b"),
        (["/<v0>/a", "/<path:v0>"], "/b/a"),
        (["/a//b", "/a/b"], "/a/b"),
        (["///a"], "/a"),
        (["/<v0>", "/a"], "a"),
        (["/<v0>/", "/a/<v0>"], "a/1/"),
        (["/<v0>", "/a"], "//a"),
        (["/<int:v0>", "/<v0>"], "/" + "9" * 5000),
        (["/<even:v0>", "/<int:v0>"], "/3"),
        (["/<even:v0>", "/<int:v0>"], "/0"),
        (["/<path:v0>/"], "/a/b"),
        (["/<path:v0>/", "/<path:v0>"], "/a/b/"),
        (["/<steps:v0>/<int:v1>/"], "/a/b/1"),
        (["/<steps:v0>/<int:v1>/"], "/a/b/1/"),
        (["/<any(a, b):v0>/c", "/<v0>/d/"], "/a/d"),
        (["/<v0>/<float:v1>/c", "/a/<v1>/d"], "/a/1.5/c"),
        (["/<v0>-<v1>/a", "/<v0>/a"], "/b-/a"),
        (["/a/b", "/a/<path:v0>"], "/a//b"),
    ],
)
def test_pairs_of_rules_that_are_easily_confused(strings: list[str], path: str) -> None:
    """What the property test once found, or might have, is asked each time."""
    wanted = answer(with_rules(LongWay, strings), path)

    assert wanted == answer(with_rules(ShortWay, strings), path)


def test_rules_for_the_same_url_are_tried_in_the_order_they_were_added() -> None:
    """An endpoint that has had a rule before does not come first."""
    url_map = ShortWay(
        [
            QuartRule("/before", endpoint="one", methods=["GET"]),
            QuartRule("/a", endpoint="two", methods=["GET"]),
            QuartRule("/a", endpoint="one", methods=["GET"]),
        ]
    )

    found = url_map.find("/a", "GET", False)
    assert found is not None
    assert "two" == found[0].endpoint


def test_a_rule_keeps_the_converter_it_was_added_with() -> None:
    """A converter registered later under a usual name is for the rules after it."""
    url_map = ShortWay([QuartRule("/early/<int:n>", endpoint="early", methods=["GET"])])
    url_map.converters["int"] = Shout
    url_map.add(QuartRule("/late/<int:n>", endpoint="late", methods=["GET"]))

    early = url_map.find("/early/1", "GET", False)
    late = url_map.find("/late/a", "GET", False)
    assert early is not None
    assert {"n": 1} == early[1]
    assert late is None


# Whole requests


def answers(options: dict[str, Any], drawn: list[dict[str, Any]], way: type[QuartMap]) -> Quart:
    class App(Quart):
        url_map_class = way

    app = App("tests", root_path="tests", static_folder=None)
    app.url_map.merge_slashes = options.get("merge_slashes", True)
    app.url_map.strict_slashes = options.get("strict_slashes", True)
    app.url_map.redirect_defaults = options.get("redirect_defaults", True)
    app.url_map.converters.update(CONVERTERS)
    app.url_map.converters.update(options.get("converters", {}))

    async def view(**values: Any) -> dict[str, Any]:
        return {
            "rule": str(current_request.url_rule),
            "values": {k: repr(values[k]) for k in values},
        }

    for number, rule in enumerate(drawn):
        rule = {key: value for key, value in rule.items() if key not in ("host", "subdomain")}
        string, endpoint = rule.pop("string"), f"{rule.pop('endpoint')}{number % 3}"
        if rule.get("websocket"):
            rule["methods"] = ["GET"]
        try:
            app.add_url_rule(string, endpoint.replace(".", "_"), None, **rule)
        except NO_RULE:
            continue
        app.view_functions.setdefault(endpoint.replace(".", "_"), view)
    return app


def told(response: Response) -> tuple[Any, ...]:
    return (
        response.status,
        response.headers.get("location"),
        sorted(response.headers.get("allow", "").split(", ")),
        response.text,
    )


@settings(max_examples=EXAMPLES // 5, suppress_health_check=[HealthCheck.too_slow])
@given(st.data())
async def test_requests_are_answered_the_same_either_way(data: st.DataObject) -> None:
    """Status, redirect, allowed methods and what the view gets: 200, 308, 400, 404, 405, 500."""
    options = data.draw(maps, "map")
    drawn = data.draw(st.lists(rules(), min_size=1, max_size=6), "rules")
    path = data.draw(paths([rule["string"] for rule in drawn]), "path")
    method = data.draw(st.sampled_from(["GET", "POST", "HEAD", "OPTIONS"]), "method")
    assume(len(path) < 1000)
    assume(MERGES_ALL or "///" not in path)
    target = "/" + quote(path.removeprefix("/")) + "?q=1"

    short, long = [
        told(await request(answers(options, drawn, way), method, target))
        for way in (ShortWay, LongWay)
    ]

    event(f"{short[0]}")
    assert long == short


# What the short way knows


@pytest.mark.parametrize("path", ["/", "/a", "/a/1", "/a/x", "/files", "/files/new"])
def test_plain_rules_take_the_short_way(path: str) -> None:
    """Static paths, and simple variables at their end, are found by look-ups."""
    url_map = ShortWay(
        [
            QuartRule("/", endpoint="root", methods=["GET"]),
            QuartRule("/a", endpoint="a", methods=["GET"]),
            QuartRule("/a/<int:n>", endpoint="n", methods=["GET"]),
            QuartRule("/a/<s>", endpoint="s", methods=["GET"]),
            QuartRule("/files", endpoint="files", methods=["GET"]),
            QuartRule("/files/new", endpoint="new", methods=["GET"]),
            QuartRule("/files/<path:filename>", endpoint="file", methods=["GET"]),
        ]
    )

    found = url_map.find(path, "GET", False)
    assert found is not None
    assert outcome(url_map.bind("localhost", path_info=path)) == as_outcome(found)


@pytest.mark.parametrize(
    ("path", "method"),
    [
        ("/files/a/b.txt", "GET"),
        ("/price/1.5", "GET"),
        ("/item/a8098c1a-f86e-11da-bd1a-00112444be1e", "GET"),
        ("/small/3", "GET"),
        ("/either/a", "GET"),
        ("/loud/abc", "GET"),
        ("/price/1.5", "POST"),
        ("/price/x", "GET"),
        ("/", "POST"),
        ("/files", "GET"),
        ("/b/x/c", "GET"),
        ("/b/x/c", "POST"),
    ],
)
def test_other_converters_and_methods_need_no_adapter(path: str, method: str) -> None:
    """Nor does a path that no rule is for; the answer is that of Werkzeug's adapter."""
    url_map = ShortWay(
        [
            QuartRule("/", endpoint="root", methods=["GET"]),
            QuartRule("/files/<path:filename>", endpoint="bp.file", methods=["GET"]),
            QuartRule("/price/<float:price>", endpoint="price", methods=["GET"]),
            QuartRule("/item/<uuid:key>", endpoint="item", methods=["GET"]),
            QuartRule("/small/<int(max=9):n>", endpoint="small", methods=["GET"]),
            QuartRule("/either/<any(a, b):which>", endpoint="either", methods=["GET"]),
            QuartRule("/loud/<shout:text>", endpoint="loud", methods=["GET"]),
            QuartRule("/b/<s>/c", endpoint="c", methods=["GET"]),
        ],
        converters={"shout": Shout},
    )
    adapter = url_map.bind("localhost", path_info=path, default_method=method)

    assert url_map.find(path, method, False) is None
    match = url_map.match(path, method, False)
    assert match is not None
    assert outcome(adapter) == as_outcome(match)


@settings(max_examples=EXAMPLES, suppress_health_check=[HealthCheck.too_slow])
@given(st.data())
def test_variables_beside_each_other_agree_with_werkzeug(data: st.DataObject) -> None:
    """Of any converters, behind the same static segments, at the end and before it."""
    shapes = st.sampled_from([shape for shape in SEGMENTS if shape not in ("c.d", "café")])
    strings = data.draw(
        st.lists(
            st.tuples(
                st.sampled_from(["", "/a", "/a/b"]), shapes, st.sampled_from(["", "/", "/b"])
            ).map(lambda parts: f"{parts[0]}/{parts[1]}{parts[2]}".format("v0")),
            min_size=1,
            max_size=5,
        ),
        "rules",
    )
    methods = st.sampled_from([["GET"], ["GET"], ["POST"], None])
    drawn = [
        {"string": string, "endpoint": string, "methods": data.draw(methods)} for string in strings
    ]
    path = data.draw(paths(strings), "path")
    assume(MERGES_ALL or "///" not in path)
    method = data.draw(st.sampled_from(["GET", "POST"]), "method")

    wanted = answer(with_rules(LongWay, drawn), path, method)

    assert wanted == answer(with_rules(ShortWay, drawn), path, method)


@pytest.mark.parametrize("path", ["/", "//", "/a", "//a", "//a/", "//b", "///"])
def test_rules_that_begin_with_two_slashes(path: str) -> None:
    """No path begins so once it is clean, but one may be redirected there."""
    rules = [
        {"string": string, "endpoint": string, "methods": ["GET"], "merge_slashes": False}
        for string in ("//", "//a/", "//<v0>")
    ]

    wanted = answer(with_rules(LongWay, rules), path)

    assert (308 if path.strip("/") == "" else 404) == wanted[0]
    assert wanted == answer(with_rules(ShortWay, rules), path)


@pytest.mark.skipif("config.getoption('--long-way')", reason="Werkzeug's matcher has no limit")
@pytest.mark.parametrize("repeated", [900, 8000])
async def test_a_path_that_takes_long_to_match(repeated: int) -> None:
    """With two `<path:...>` in a rule the time grows with the square of the length: a 414."""
    app = Quart("tests")
    app.add_url_rule("/q/<path:a>/x/<path:b>/y", "q", lambda a, b: "found")
    path = "/q/" + "a/x/" * repeated

    begin = time.process_time()
    statuses = [(await request(app, "GET", path + end)).status for end in ("/", "y")]

    assert 1 > time.process_time() - begin
    assert ([404, 200] if repeated < 1000 else [414, 414]) == statuses


async def test_the_rules_are_read_when_the_application_starts() -> None:
    """Not when the first request waits for it; also those that are added while it starts."""
    built: list[QuartMap] = []

    class Map(ShortWay):
        def iter_rules(self, endpoint: Any = None) -> Iterator[Rule]:
            built.append(self)
            return super().iter_rules(endpoint)

    class App(Quart):
        url_map_class = Map

    app = App("tests", root_path="tests")

    @app.before_serving
    async def add() -> None:
        app.add_url_rule("/late", "late", lambda: "late")

    await app.startup()
    read = len(built)

    assert read > 0
    assert 200 == (await request(app, "GET", "/late")).status
    assert read == len(built)
    await app.shutdown()


def test_each_match_has_arguments_of_its_own() -> None:
    """A hook may change the arguments of its request, as `url_value_preprocessor` does."""
    url_map = ShortWay([QuartRule("/a", endpoint="a", methods=["GET"])])

    first = url_map.find("/a", "GET", False)
    assert first is not None
    first[1]["changed"] = True

    second = url_map.find("/a", "GET", False)
    assert second is not None
    assert {} == second[1]


def test_a_rule_added_late_is_found() -> None:
    """The short way notices rules that are added after the first match."""
    url_map = ShortWay([QuartRule("/a", endpoint="a", methods=["GET"])])
    url_map.find("/a", "GET", False)

    url_map.add(QuartRule("/late", endpoint="late", methods=["GET"]))

    found = url_map.find("/late", "GET", False)
    assert found is not None
    assert "late" == found[0].endpoint


def test_a_rule_added_while_others_are_matched_is_found() -> None:
    """A view in a thread adds rules: a request may come before that is done, or the rule come
    while a request reads the map."""
    coming = QuartRule("/coming", endpoint="coming", methods=["GET"])

    class Slow(RuleFactory):
        def get_rules(self, map: Map) -> Iterator[Rule]:
            assert isinstance(map, QuartMap)
            assert map.find("/late", "GET", False) is None  # a request comes
            yield QuartRule("/late", endpoint="late", methods=["GET"])
            raise LookupError("the next rule is wrong")

    class Busy(ShortWay):
        def iter_rules(self, endpoint: Any = None) -> Iterator[Rule]:
            rules = list(super().iter_rules(endpoint))
            if coming.map is None:
                self.add(coming)
            return iter(rules)

    url_map = Busy([QuartRule("/a", endpoint="a", methods=["GET"])])
    with pytest.raises(LookupError):
        url_map.add(Slow())

    for path in ("/late", "/coming"):
        found = url_map.find(path, "GET", False)
        assert found is not None
        assert path == found[0].rule


@pytest.mark.parametrize("name", ["bind", "bind_to_request"])
async def test_a_map_that_binds_in_its_own_way_is_asked(name: str) -> None:
    """Whether it has a rule for the path or none."""
    asked: list[str] = []

    def bind(self: Any, *args: Any, **kwargs: Any) -> Any:
        asked.append(name)
        return getattr(QuartMap, name)(self, *args, **kwargs)

    class App(Quart):
        url_map_class = type("OwnMap", (QuartMap,), {name: bind})

    app = App("tests", root_path="tests")
    app.add_url_rule("/<name>", "view", lambda name: name)

    assert [200, 404] == [(await request(app, "GET", path)).status for path in ("/a", "/a/b")]
    assert [name, name] == asked


def test_the_short_way_can_be_turned_off() -> None:
    """A map whose `short_way` is False leaves every path to Werkzeug's matcher."""
    url_map = LongWay([QuartRule("/a", endpoint="a", methods=["GET"])])

    assert url_map.find("/a", "GET", False) is None
    assert url_map.match("/a", "GET", False) is None
    assert type(url_map._matcher) is StateMachineMatcher


@pytest.mark.parametrize("merge_slashes", [True, False])
@pytest.mark.parametrize(
    "rules", [["//"], ["/", "//"], ["//", "/"], ["//", "/b", "/b/<x>"], ["//a"]]
)
def test_a_rule_of_slashes_is_found_as_werkzeug_finds_it(
    rules: list[str], merge_slashes: bool
) -> None:
    """Or redirected to."""
    ours, werkzeugs = (
        with_rules(way, rules, merge_slashes=merge_slashes) for way in (ShortWay, LongWay)
    )
    for path in ("/", "/a", "/b", "/b/c", "/c"):
        assert answer(werkzeugs, path) == answer(ours, path)


@pytest.mark.parametrize(
    ("query", "kept"),
    [
        (b"a=%C3%A4", "a=%C3%A4"),
        ("a=\xe4".encode(), "a=%C3%A4"),
        (b"a=\xff", "a=%FF"),
        (b"a=%0d%0aX:%20y", "a=%0d%0aX:%20y"),
        (b"a=\r\nX: y", "a=%0D%0AX:%20y"),
        (b"a=\x00\x7f b", "a=%00%7F%20b"),
        (b"a=%2f%2F&b=+", "a=%2f%2F&b=+"),
    ],
)
async def test_a_redirect_keeps_the_query_as_it_came(query: bytes, kept: str) -> None:
    """Percent-encoded where it was, and where no header may hold it."""
    app = Quart(__name__)
    app.get("/x/")(lambda: "in")

    scope = {**http_scope("GET", "/x"), "query_string": query}
    sent: list[Any] = []

    async def receive() -> Any:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None:
        sent.append(message)

    await app(scope, receive, send)
    assert 308 == sent[0]["status"]
    assert f"http://localhost/x/?{kept}".encode() == dict(sent[0]["headers"])[b"location"]
