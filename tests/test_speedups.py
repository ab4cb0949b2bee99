"""The compiled functions do what those in Python do, whatever they are given, and leak nothing."""

import os
import subprocess
import sys
import tracemalloc
from collections.abc import Callable, Iterable
from importlib import import_module
from types import ModuleType
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from werkzeug.datastructures import ImmutableMultiDict, MultiDict

from quart import _speedups
from quart._speedups import pure

NAMES = [name for name in _speedups.__all__ if name != "COMPILED"]


@pytest.fixture(scope="module")
def compiled() -> ModuleType:
    return pytest.importorskip("quart._speedups.compiled", reason="there was no compiler")


def outcome(function: Callable[..., Any], *args: Any) -> Any:
    """What a function gives, with its type, or the type of its error."""
    try:
        given = function(*args)
    except Exception as error:
        return type(error)
    return type(given), given


BYTES = st.one_of(
    st.sampled_from([b"host", b"cookie", b"x-token", b"Host", b""]), st.binary(max_size=6)
)
PAIR = st.one_of(
    st.tuples(BYTES, BYTES),
    st.lists(BYTES, min_size=2, max_size=2),  # as some middleware writes them
    st.tuples(BYTES.map(bytearray), BYTES),
)
TEXT = st.one_of(
    st.text('ab =;\t&+%,"\\\r\n\x7f\x00\u00e9\u20ac', max_size=12), st.text(max_size=6)
)


class Subclass(str):
    pass


def headers_as(kind: str, pairs: list[Any]) -> Iterable[Any]:
    return {"list": pairs, "tuple": tuple(pairs), "iterator": iter(pairs)}[kind]


@given(st.lists(PAIR, max_size=4), BYTES, st.sampled_from(["list", "tuple", "iterator"]))
@example([(b"a", b"1"), (b"b", b"2"), (b"a", b"3")], b"a", "list")
@example([(b"a",)], b"a", "list")
@example([("a", "1")], b"a", "list")
@example([(b"a", None)], b"a", "tuple")
def test_headers_that_came(compiled: ModuleType, pairs: list[Any], name: bytes, kind: str) -> None:
    """One value, all values, and all headers as text."""
    for function in ("first_value", "all_values"):
        assert outcome(getattr(pure, function), headers_as(kind, pairs), name) == outcome(
            getattr(compiled, function), headers_as(kind, pairs), name
        )
    pairs = [(bytes(pair[0]), *pair[1:]) for pair in pairs if type(pair[0]) is not str]
    titles = {b"host": "Host", b"x-token": "X-Token"}
    assert outcome(pure.decoded, headers_as(kind, pairs), titles) == outcome(
        compiled.decoded, headers_as(kind, pairs), titles
    )


@given(st.one_of(st.binary(max_size=12), TEXT.map(str.encode)))
@example(b"a=1&b&=2&&a=3+4&c=d=e&")
@example(b"a=%20")
@example("a=\u00e9".encode())
def test_queries(compiled: ModuleType, query: bytes) -> None:
    """Into the same lists in the same order, or not at all."""
    ours, theirs = MultiDict[str, str](), MultiDict[str, str]()

    assert pure.split_query(query, theirs) is compiled.split_query(query, ours)
    assert [*dict.items(theirs)] == [*dict.items(ours)]


@given(TEXT, st.sampled_from(["a", "b", "ab", "\u00e9", "\u20ac"]))
@example("a=1; b=2;; a=3;=4;c; ", "b")
@example("ab=1; a=2", "a")
@example("a=1;  b=2", "b")
@example(" a=1", "a")
@example("\u20ac=1; a=2", "\u20ac")
def test_cookies(compiled: ModuleType, line: str, name: str) -> None:
    """All of a header, and one."""
    ours, theirs = ImmutableMultiDict[str, str](), ImmutableMultiDict[str, str]()

    assert pure.split_cookies(line, theirs) is compiled.split_cookies(line, ours)
    assert [*dict.items(theirs)] == [*dict.items(ours)]
    assert pure.find_cookie(line, name) == compiled.find_cookie(line, name)


VALUE = st.one_of(TEXT, TEXT.map(Subclass), st.none(), st.integers())


@given(st.dictionaries(st.sampled_from(["A", "a", "Host", "b c"]), VALUE))
def test_headers_that_are_set(compiled: ModuleType, given: dict[str, Any]) -> None:
    """Into the same dict, as far as the first that is none."""
    learn = {"a": b"a", "A": b"a"}.get
    outcomes, dicts = [], []
    for module in (pure, compiled):
        headers: dict[bytes, Any] = {b"a": b"before"}
        outcomes.append(outcome(module.put_all, headers, given, {"Host": b"host"}, learn))
        dicts.append([*headers.items()])
        assert all(
            module.is_in_one_line(value) == pure.is_in_one_line(value) for value in given.values()
        )

    assert outcomes[0] == outcomes[1]
    assert dicts[0] == dicts[1]


SENT = st.one_of(st.binary(max_size=3), st.tuples(st.just("Name"), st.one_of(TEXT, st.none())))


@given(st.lists(st.tuples(st.sampled_from([b"a", b"location"]), SENT), max_size=4))
@example([(b"a", ("A", "  x y \x7f"))])
@example([(b"location", ("Location", "/"))])
@example([(b"a", ("A", Subclass(" x ")))])
def test_headers_that_are_sent(compiled: ModuleType, items: list[Any]) -> None:
    """The plain ones as they are, the others as they are encoded."""

    def encode(sent: bytes, name: str, value: str) -> bytes:
        return b"%s|%s|%s" % (sent, name.encode(), value.encode("latin-1"))

    assert outcome(pure.encoded, items, {b"location"}, encode) == outcome(
        compiled.encoded, items, {b"location"}, encode
    )


@pytest.mark.parametrize("name", ["pure", "compiled"])
def test_an_attribute_is_worked_out_once(name: str, request: pytest.FixtureRequest) -> None:
    """It has the documentation of its function, and may be set, deleted and overridden."""
    lazily = pure.lazily if name == "pure" else request.getfixturevalue("compiled").lazily
    calls = []

    class Base:
        @lazily
        def value(self) -> int:
            """A number."""
            calls.append(self)
            return len(calls)

    class Derived(Base):
        value = lazily(lambda self: -1)

    one, other = Base(), Base()
    assert (1, 1, 2) == (one.value, one.value, other.value)
    del one.value
    assert 3 == one.value
    one.value = 7
    assert 7 == one.value
    assert -1 == Derived().value
    assert "A number." == Base.value.__doc__ == Base.__dict__["value"].__doc__
    with pytest.raises(AttributeError):
        type("Slots", (), {"__slots__": (), "value": Base.__dict__["value"]})().value  # noqa: B018


def test_both_have_the_same_names(compiled: ModuleType) -> None:
    assert [True] * len(NAMES) == [hasattr(compiled, name) for name in NAMES]
    assert [True] * len(NAMES) == [hasattr(pure, name) for name in NAMES]


@pytest.mark.parametrize("asked", ["0", "1"])
def test_the_environment_chooses(compiled: ModuleType, asked: str) -> None:
    """`quart --version` tells which it was; without a build it is Python."""
    words = {"0": "compiled", "1": "pure Python"}
    ended = subprocess.run(
        [sys.executable, "-m", "quart", "--version"],
        env=os.environ | {"QUART_PURE_PYTHON": asked},
        capture_output=True,
        text=True,
        check=True,
    )

    assert f"({words[asked]})" in ended.stdout.splitlines()[1]


def test_without_a_build(monkeypatch: pytest.MonkeyPatch) -> None:
    """The functions in Python stand in."""
    monkeypatch.delenv("QUART_PURE_PYTHON", raising=False)
    monkeypatch.setitem(sys.modules, "quart._speedups.compiled", None)
    monkeypatch.delitem(sys.modules, "quart._speedups")
    chosen = import_module("quart._speedups")

    assert chosen.COMPILED is False
    assert chosen.first_value is pure.first_value


def test_nothing_leaks(compiled: ModuleType) -> None:
    """Neither memory nor references, whatever a function gives or raises."""
    name, value, single = b"x-%d" % len(NAMES), b"value" * 3, {"A": "b", "C": "\u00e9"}
    headers = [(b"host", b"localhost"), (name, value), (name, b"other")]
    kept = (name, value, single, headers, headers[1], single["C"])
    sent = {"A": b"a", "C": b"c"}

    class Lazy:
        number = compiled.lazily(lambda self: [self])

    def call_all() -> None:
        compiled.first_value(headers, name)
        compiled.all_values(headers, name)
        compiled.decoded(headers, {b"host": "Host"})
        for query in (b"a=1&b=2+3&a=4", b"a=%20"):
            compiled.split_query(query, MultiDict())
        for line in ("a=1; b=2;; a=3;=4", 'a="1"', "\u20ac=1; a=2"):
            compiled.split_cookies(line, ImmutableMultiDict())
            compiled.find_cookie(line, "a")
        put: dict[bytes, Any] = {}
        compiled.put_all(put, single, sent, None)
        compiled.encoded(put.items(), {b"a"}, lambda sent, name, value: value.encode())
        for wrong in ([(name,)], [(name, None)], None):
            for function in (compiled.decoded, compiled.encoded):
                outcome(function, wrong, {}, None)
                outcome(function, wrong, {})
        outcome(compiled.put_all, put, {"X": "y"}, {}, None)
        Lazy().number.clear()

    for _ in range(100):
        call_all()
    before = [sys.getrefcount(each) for each in kept]
    tracemalloc.start()
    try:
        call_all()
        start = tracemalloc.get_traced_memory()[0]
        for _ in range(2000):
            call_all()
        grown = tracemalloc.get_traced_memory()[0] - start
    finally:
        tracemalloc.stop()

    assert before == [sys.getrefcount(each) for each in kept]
    assert grown < 2000
