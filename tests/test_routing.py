"""Matching: the short way in front of Werkzeug's matcher agrees with it, whatever the rules."""

from __future__ import annotations

import os
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from werkzeug.exceptions import HTTPException
from werkzeug.routing import RequestRedirect

from quart.routing import QuartMap, QuartRule

EXAMPLES = int(os.environ.get("QUART_TEST_EXAMPLES", "500"))

segments = st.sampled_from(
    [
        "a",
        "b",
        "c.d",
        "<x>",
        "<int:n>",
        "<string:s>",
        "<int(min=3):m>",
        "<string(length=2):t>",
        "<path:p>",
        "<float:f>",
        "v<int:n>",
        "<any(a,b):o>",
        "",
    ]
)
words = st.sampled_from(["a", "b", "c.d", "1", "07", "٣", "ab", "v1", "1.5", "", "x\ny", "é", "%"])


def unique_names(parts: list[str]) -> str:
    """A rule of these segments, each variable with a name of its own."""
    return "/" + "/".join(
        part[:-1].rpartition(":")[0] + f":{i}>".replace(":", ":v" if ":" in part else "v")
        if part.endswith(">") and ":" in part
        else part.replace("<x>", f"<v{i}>")
        for i, part in enumerate(parts)
    )


@st.composite
def rules(draw: st.DrawFn) -> list[dict[str, Any]]:
    drawn = []
    for number in range(draw(st.integers(1, 8))):
        options: dict[str, Any] = {
            "string": unique_names(draw(st.lists(segments, min_size=1, max_size=4))),
            "endpoint": draw(st.sampled_from(["one", "two", f"e{number}"])),
            "methods": draw(st.sampled_from([None, ["GET"], ["POST"], ["GET", "POST"]])),
        }
        if draw(st.integers(0, 5)) == 0:
            options["strict_slashes"] = False
        if draw(st.integers(0, 8)) == 0:
            options["websocket"], options["methods"] = True, ["GET"]
        if draw(st.integers(0, 8)) == 0:
            options["merge_slashes"] = False
        if draw(st.integers(0, 8)) == 0:
            options["redirect_to"] = "/elsewhere"
        if draw(st.integers(0, 8)) == 0:
            options["defaults"] = {"v9": 1}
        if draw(st.integers(0, 10)) == 0:
            options["build_only"] = True
        drawn.append(options)
    return drawn


def outcome(url_map: QuartMap, path: str, method: str, scheme: str) -> tuple[Any, ...]:
    adapter = url_map.bind("localhost", url_scheme=scheme, path_info=path, default_method=method)
    try:
        rule, args = adapter.match(return_rule=True)
    except RequestRedirect as redirect:
        return ("redirect", redirect.new_url)
    except HTTPException as error:
        return (type(error).__name__,)
    return (rule, dict(args))


@settings(max_examples=EXAMPLES, deadline=None)
@given(
    rules(),
    st.lists(words, min_size=1, max_size=4).map(lambda parts: "/" + "/".join(parts)),
    st.sampled_from(["GET", "POST", "HEAD", "OPTIONS"]),
    st.sampled_from(["http", "ws"]),
)
@example(
    [{"string": "/<x>", "endpoint": "x"}, {"string": "/a/", "endpoint": "a"}], "/a", "GET", "http"
)
@example(
    [{"string": "/<x>/b", "endpoint": "x"}, {"string": "/a/c", "endpoint": "a"}],
    "/a/b",
    "GET",
    "http",
)
def test_the_short_way_agrees_with_werkzeug(
    drawn: list[dict[str, Any]], path: str, method: str, scheme: str
) -> None:
    """Where the short way answers, Werkzeug's matcher says the same: rule, arguments, 404."""
    url_map = QuartMap()
    for options in drawn:
        try:
            url_map.add(QuartRule(**options))
        except (ValueError, LookupError):
            return  # no rule for Werkzeug either

    found = url_map.find(path, method, scheme == "ws")

    if found is not None:
        assert outcome(url_map, path, method, scheme) == found[:2]
    elif url_map.lacks(path):
        assert ("NotFound",) == outcome(url_map, path, method, scheme)


@pytest.mark.parametrize("path", ["/", "/a", "/a/1", "/a/x", "/b/x/c"])
def test_plain_rules_take_the_short_way(path: str) -> None:
    """Static paths and simple variables do not need Werkzeug's matcher."""
    url_map = QuartMap(
        [
            QuartRule("/", endpoint="root"),
            QuartRule("/a", endpoint="a"),
            QuartRule("/a/<int:n>", endpoint="n"),
            QuartRule("/a/<s>", endpoint="s"),
            QuartRule("/b/<s>/c", endpoint="c"),
            QuartRule("/static/<path:filename>", endpoint="static"),
        ]
    )

    found = url_map.find(path, "GET", False)
    assert found is not None
    assert outcome(url_map, path, "GET", "http") == found[:2]


@pytest.mark.parametrize(
    ("path", "lacks"),
    [
        ("/b", True),
        ("/a/1/2", True),
        ("/a/", True),
        ("/a", False),
        ("/slash", False),
        ("//b", False),
        ("/static/b", False),
    ],
)
def test_the_short_way_knows_what_is_not_there(path: str, lacks: bool) -> None:
    """No match is told without Werkzeug, unless a redirect or a rule not plain may be meant."""
    url_map = QuartMap(
        [
            QuartRule("/a", endpoint="a"),
            QuartRule("/a/<int:n>", endpoint="n"),
            QuartRule("/slash/", endpoint="slash"),
            QuartRule("/static/<path:filename>", endpoint="static"),
        ]
    )
    url_map.find(path, "GET", False)

    assert lacks == url_map.lacks(path)


def test_a_rule_added_late_is_found() -> None:
    """The short way notices rules that are added after the first match."""
    url_map = QuartMap([QuartRule("/a", endpoint="a")])
    url_map.find("/a", "GET", False)

    url_map.add(QuartRule("/late", endpoint="late"))

    found = url_map.find("/late", "GET", False)
    assert found is not None
    assert "late" == found[0].endpoint
