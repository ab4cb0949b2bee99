"""Response headers: what Werkzeug's do, and what is sent of them, whichever way they were set."""

import copy
import re
from types import MappingProxyType
from typing import Any

import pytest
from asgi import get
from hypothesis import example, given
from hypothesis import strategies as st
from werkzeug.datastructures import Headers, MultiDict
from werkzeug.urls import iri_to_uri

from quart import Quart, Response
from quart.headers import ResponseHeaders, encode_header_items

# Few names, so that they meet; in several spellings, one of them no valid name.
names = st.sampled_from(
    [
        "Content-Type",
        "content-length",
        "X-One",
        "x-one",
        "X-TWO",
        "Location",
        "Set-Cookie",
        "no name",
    ]
)
values = st.one_of(
    st.sampled_from(
        ["a", " spaced ", "", "/é?q=ü", "caf\xe9", "€", "a\tb", "a\x00b", "a\nb", "a\rb"]
    ),
    st.text(max_size=4),
    st.integers(0, 9),
)
pairs = st.lists(st.tuples(names, values), max_size=6)
several = st.dictionaries(names, st.one_of(values, st.lists(values, max_size=3)), max_size=5)
given_headers = st.one_of(
    st.dictionaries(names, values, max_size=6),
    several,
    several.map(MappingProxyType),
    pairs,
    pairs.map(MultiDict),
    st.lists(st.tuples(names, st.sampled_from("abc")), max_size=8).map(Headers),
)
operations = st.one_of(
    st.tuples(st.just("__setitem__"), names, values),
    st.tuples(st.sampled_from(["get", "__getitem__", "__contains__", "getlist", "pop"]), names),
    st.tuples(st.sampled_from(["set", "add", "setdefault"]), names, values),
    st.tuples(st.just("setlist"), names, st.lists(values, max_size=3)),
    st.tuples(st.just("__delitem__"), names),
    st.tuples(st.sampled_from(["update", "extend"]), given_headers),
    st.tuples(st.sampled_from(["__len__", "__repr__", "copy", "keys"])),
)
made = st.lists(
    st.sampled_from([(b"content-type", b"text/html; charset=utf-8"), (b"content-length", b"5")]),
    unique=True,
)


def outcome(headers: Headers, operation: tuple[Any, ...]) -> tuple[str, Any]:
    name, *arguments = operation
    try:
        result = getattr(headers, name)(*arguments)
    except Exception as error:
        return type(error).__name__, str(error)
    if name == "__repr__":
        result = result.replace("ResponseHeaders", "Headers")
    elif name in ("copy", "keys"):
        result = list(result)
    return "returns", result


def sent(headers: Headers) -> list[tuple[bytes, bytes]] | str:
    """What `encode_header_items` is to give, by the book: RFC 9110, sections 5.1 and 5.5."""
    items = []
    for name, value in headers:
        if not re.fullmatch(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+", name):
            return f"{name!r} is not a valid header name."
        broken = re.search(r"[\x00-\x08\x0a-\x1f\x7f]", value)
        if broken is None and name.lower() in ("location", "content-location"):
            value = iri_to_uri(value)
        if broken is not None:
            return f"The value of the header {name!r} has a control character: {value!r}."
        if max(value, default="") > "\xff":
            return f"The value of the header {name!r} has a character outside Latin-1: {value!r}."
        items.append((name.lower().encode(), value.encode("latin-1").strip()))
    return items


@given(made, st.lists(operations, max_size=8))
@example([], [("update", Headers([("X", "1"), ("Y", "1"), ("x", "2"), ("X", "3")]))])
@example([], [("update", {"X": "1", "x": "2"}), ("__repr__",)])
@example([(b"content-length", b"5")], [("update", {"X-One": "a", "no name": "b"})])
def test_response_headers_do_what_werkzeugs_do(
    first: list[tuple[bytes, bytes]], steps: list[tuple[Any, ...]]
) -> None:
    """Same items, same order, same answers and errors after any operations; sent by the book."""
    ours = ResponseHeaders.of(first)
    plain = Headers([(name.decode().title(), value.decode()) for name, value in first])
    for step in steps:
        before = sent(plain)
        try:
            assert before == encode_header_items(ours)
        except ValueError as error:
            assert before == str(error)

        assert outcome(plain, step) == outcome(ours, step)

    assert ours == plain
    assert plain == ours
    assert ours == copy.copy(ours)
    assert list(plain) == list(ours)


@given(st.one_of(st.none(), given_headers))
@example({"X": "1", "x": "2"})
def test_a_response_takes_the_headers_it_is_given(given: Any) -> None:
    """All of them, as Werkzeug's `Headers` would, beside its own."""
    try:
        plain = Headers(given)
    except ValueError as error:
        with pytest.raises(ValueError, match=re.escape(str(error))):
            Response(headers=given, content_type="a/b")
        return
    plain["Content-Type"] = "a/b"
    plain.setdefault("Content-Length", "0")

    assert list(plain) == list(Response(headers=given, content_type="a/b").headers)


def test_headers_that_differ_are_not_equal() -> None:
    """Neither to Werkzeug's nor to each other."""
    ours = ResponseHeaders.of([(b"content-length", b"5")])

    assert ours != Headers([("Content-Length", "6")])
    assert ours != ResponseHeaders.of([(b"content-length", b"6")])
    assert ours != {"Content-Length": "5"}


@pytest.mark.parametrize("value", ["a\r\nX: b", "a\nb", "a\rb"])
@pytest.mark.parametrize("way", ["tuple", "item", "update", "constructor", "pairs"])
async def test_a_line_break_is_refused_however_it_is_set(way: str, value: str) -> None:
    """A value with a line break is a 500 of the request that set it; nothing of it is sent."""
    app = Quart(__name__)

    @app.get("/")
    async def index() -> Any:
        if way == "tuple":
            return "text", 200, {"X-Fine": "a", "X-Name": value}
        if way == "pairs":
            return "text", 200, [("X-Fine", "a"), ("X-Name", value)]
        if way == "constructor":
            return Response("text", headers={"X-Fine": "a", "X-Name": value})
        response = Response("text")
        if way == "item":
            response.headers["X-Name"] = value
        else:
            response.headers.update({"X-Name": value})
        return response

    response = await get(app, "/")

    assert 500 == response.status
    assert b"x-name" not in dict(response.headers)


def test_setting_many_headers_takes_a_time_that_grows_with_their_number() -> None:
    """Nobody looks through all headers for each: names are compared a few times at most."""

    class Name(str):
        lowered = 0

        def lower(self) -> str:
            Name.lowered += 1
            return super().lower()

    response = Response("text")
    response.headers.update(Headers([(Name(f"X-{number}"), "value") for number in range(500)]))
    encode_header_items(response.headers)

    assert 502 == len(response.headers)
    assert Name.lowered <= 5 * 500
