"""JSON: the text Flask's provider makes, with both names of each argument."""

import dataclasses
import enum
import io
import json as stdlib
import subprocess
import sys
from collections import OrderedDict
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from functools import partial
from typing import Any, NamedTuple
from uuid import UUID

import flask
import flask.json.provider
import flask.json.tag
import pytest
from asgi import get
from hypothesis import given
from hypothesis import strategies as st
from markupsafe import Markup
from werkzeug.datastructures import ImmutableMultiDict, MultiDict

from quart import Quart, json, jsonify
from quart.json.orjson import OrjsonProvider
from quart.json.provider import DefaultJSONProvider, JSONProvider
from quart.sessions import session_json_serializer


@dataclasses.dataclass
class Point:
    x: int
    y: Any


class Html:
    def __html__(self) -> str:
        return "<b>"


class OrjsonApp(Quart):
    json_provider_class = OrjsonProvider


app = Quart(__name__)
orjson_app = OrjsonApp(__name__)
flask_app = flask.Flask(__name__)
each_provider = pytest.mark.parametrize("provider_class", [DefaultJSONProvider, OrjsonProvider])
each_app = pytest.mark.parametrize("app", [app, orjson_app], ids=["default", "orjson"])

text = st.text(max_size=10)
scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | text
    | st.decimals()
    | st.uuids()
    | st.dates()
    | st.datetimes()
    | text.map(Markup)
    | st.builds(Point, st.integers(), text)
    | st.builds(Html)
)
values = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.tuples(inner, inner)
        | st.dictionaries(text, inner, max_size=4)
        | st.dictionaries(st.integers(), inner, max_size=4)
    ),
    max_leaves=12,
)


@each_provider
@given(
    value=values,
    ensure_ascii=st.booleans(),
    sort_keys=st.booleans(),
    separators=st.sampled_from([None, (",", ":"), (", ", ": ")]),
)
def test_the_text_is_flasks(
    provider_class: Any, value: Any, ensure_ascii: bool, sort_keys: bool, separators: Any
) -> None:
    """For every value and option, byte for byte."""
    ours, theirs = provider_class(app), flask.json.provider.DefaultJSONProvider(flask_app)
    for provider in (ours, theirs):
        provider.ensure_ascii = ensure_ascii
        provider.sort_keys = sort_keys
    kwargs = {} if separators is None else {"separators": separators}

    assert theirs.dumps(value, **kwargs) == ours.dumps(value, **kwargs)


@each_provider
@pytest.mark.parametrize(
    "kwargs",
    [
        {"separators": (",", ":")},
        {"separators": (",", ":"), "sort_keys": False},
        {"indent": 2},
        {"indent": None, "separators": None},
        {"default": repr},
        {"sort_keys": False},
        {"skipkeys": True},
        {"ensure_ascii": False},
        {"cls": stdlib.JSONEncoder},
        {"allow_nan": False},
    ],
)
def test_the_arguments_are_json_dumps(provider_class: Any, kwargs: dict[str, Any]) -> None:
    theirs = flask.json.provider.DefaultJSONProvider(flask_app)
    for value in ({"b": [1, "ü"], "a": {"x": None}}, {"b": [1, "ü"], "a": {"x": 1.5}}):
        assert theirs.dumps(value, **kwargs) == provider_class(app).dumps(value, **kwargs)


tagged_keys = text | st.sampled_from([" t", " di", " b", " d__", " "])


@given(
    st.recursive(
        scalars.filter(lambda value: not isinstance(value, (Point, Html))),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.tuples(inner, inner)
            | st.dictionaries(tagged_keys, inner, max_size=2)
        ),
        max_leaves=8,
    )
)
def test_tagged_json_is_flasks(value: Any) -> None:
    """Also of dictionaries whose only key could be taken for a tag."""
    theirs = flask.json.tag.TaggedJSONSerializer()
    ours = session_json_serializer

    assert repr(theirs.tag(value)) == repr(ours.tag(value))
    assert repr(ours.loads(ours.dumps(value))) == repr(
        theirs._untag_scan(stdlib.loads(ours.dumps(value)))
    )


class Text(str):
    def __str__(self) -> str:
        return "other"


class Number(int):
    def __repr__(self) -> str:
        return "other"


class Real(float):
    def __repr__(self) -> str:
        return "other"


class Listed(list[int]):
    def __iter__(self) -> Any:
        return iter((3, 4))


class Level(enum.IntEnum):
    LOW = 1


class Named(NamedTuple):
    a: int


@each_provider
@pytest.mark.parametrize(
    "value",
    [
        MultiDict([("a", "1"), ("a", "2"), ("b", "3")]),
        ImmutableMultiDict([("a", "1"), ("a", "2")]),
        OrderedDict(b=1, a=2),
        Markup("<é>"),
        Text("t"),
        {Text("t"): 1},
        Number(5),
        Real(1.5),
        Listed([1, 2]),
        Level.LOW,
        {Level.LOW: 1},
        Named(1),
        {True: 1},
        {None: 1},
        {1.5: 1},
        {10: 1, 9: 2},
        {"é": 1, "z": 2, "\U0001f600": 3, "\uffff": 4},
        "\ud800",
        "\x00\x1f\x7f\x80\"\\/<>&'\u2028",
        2**63,
        2**64,
        -(2**63) - 1,
        10**30,
        [float("nan"), float("inf"), -float("inf"), -0.0],
        [1e-4, 1e-5, 9e15, 1e16, 1.5e16, 1e22, 5e-324, 1.7976931348623157e308, 1e100, 123456789.5],
        [[[[]]]] * 2,
        "12e5",
        '[1e5,"null"]',
        dict.fromkeys("zyx"),
        time.min,
    ],
    ids=repr,
)
def test_odd_values_are_flasks(provider_class: Any, value: Any) -> None:
    """Subclasses, keys that are no text, numbers at the edge: the text or the error of Flask."""
    theirs = flask.json.provider.DefaultJSONProvider(flask_app)
    for kwargs in ({}, {"separators": (",", ":")}):
        assert outcome(theirs.dumps, value, **kwargs) == outcome(
            provider_class(app).dumps, value, **kwargs
        )


def outcome(function: Any, *args: Any, **kwargs: Any) -> Any:
    try:
        return repr(function(*args, **kwargs))
    except (TypeError, ValueError) as error:
        return type(error), str(error)


@each_provider
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "utf-32-le", "str"])
@pytest.mark.parametrize(
    "document",
    [
        '{"a": [1, -2.5, true, null, "é\U0001f600"]}',
        '{"a": 1, "a": 2}',
        '["\\ud800", "\\u00e9", "\\/"]',
        "[NaN, Infinity, -Infinity]",
        "[-0, -0.0, 1E5, 1e-5, 0.1, 1e400, -1e400, 1e-400]",
        "[9223372036854775807, 9223372036854775808, -9223372036854775809, 18446744073709551616]",
        "123456789012345678901234567890",
        "0.12345678901234567890123",
        "[1,]",
        "{",
        "",
        "\ufeff1",
        "01",
        "1 2",
        "'a'",
        '"\n"',
        "\x0c1",
        "nul",
    ],
)
def test_what_is_read_is_flasks(provider_class: Any, encoding: str, document: str) -> None:
    """The value or the error, whatever the document is encoded in."""
    data = document if encoding == "str" else document.encode(encoding)
    theirs = flask.json.provider.DefaultJSONProvider(flask_app)

    assert outcome(theirs.loads, data) == outcome(provider_class(app).loads, data)


@each_provider
@given(value=values)
def test_what_was_made_is_read(provider_class: Any, value: Any) -> None:
    """As the standard library reads it."""
    text = provider_class(app).dumps(value)

    assert repr(stdlib.loads(text)) == repr(provider_class(app).loads(text))


def test_orjson_is_imported_by_who_asks_for_it() -> None:
    """It is an extra: nothing else needs it."""
    code = "import sys, quart, quart.json.provider; sys.exit('orjson' in sys.modules)"

    assert 0 == subprocess.run([sys.executable, "-c", code]).returncode


def circular() -> list[Any]:
    value: list[Any] = []
    value.append(value)
    return value


@pytest.mark.parametrize(
    ("value", "error"),
    [
        (object(), "Object of type object is not JSON serializable"),
        ({"a": {1, 2}}, "Object of type set is not JSON serializable"),
        ({(1, 2): 3}, "keys must be str"),
        ({"a": 1, 2: 3}, "'<' not supported"),
        (circular(), "Circular reference detected"),
    ],
)
@each_provider
@pytest.mark.parametrize("kwargs", [{}, {"separators": (",", ":")}])
def test_what_is_no_json_raises_what_flask_raises(
    provider_class: Any, kwargs: Any, value: Any, error: str
) -> None:
    """Twice, because nothing of the first failure may be left."""
    for _ in range(2):
        with pytest.raises((TypeError, ValueError), match=error) as ours:
            provider_class(app).dumps(value, **kwargs)
        with pytest.raises((TypeError, ValueError)) as theirs:
            flask.json.provider.DefaultJSONProvider(flask_app).dumps(value)
        assert (theirs.type, str(theirs.value)) == (ours.type, str(ours.value))


@each_provider
def test_a_default_of_ones_own(provider_class: Any) -> None:
    """On the class or on the provider; it may call the usual one."""

    class Provider(provider_class):  # type: ignore[misc]
        @staticmethod
        def default(o: Any) -> Any:  # type: ignore[override]
            return "set" if isinstance(o, set) else DefaultJSONProvider.default(o)

    provider = Provider(app)

    assert '["set", "1"]' == provider.dumps([set(), Decimal(1)])
    provider.default = lambda o: "all"  # type: ignore[method-assign, misc, assignment]
    assert '["all", "all"]' == provider.dumps([set(), Decimal(1)])
    assert '["all","all"]' == provider.dumps([set(), Decimal(1)], separators=(",", ":"))


def test_the_classes_are_flasks() -> None:
    """Extensions test for them."""
    assert isinstance(app.json, flask.json.provider.DefaultJSONProvider)
    assert isinstance(app.json, DefaultJSONProvider)
    assert JSONProvider is flask.json.provider.JSONProvider


# The functions


class Shouting(DefaultJSONProvider):
    def dumps(self, obj: Any, **kwargs: Any) -> str:
        return super().dumps(obj, **kwargs).upper()

    def loads(self, s: str | bytes, **kwargs: Any) -> Any:
        return super().loads(s.lower(), **kwargs)


class ShoutingApp(Quart):
    json_provider_class = Shouting


async def test_the_functions_ask_the_app() -> None:
    async with ShoutingApp(__name__).app_context():
        file = io.StringIO()
        json.dump({"a": 1}, file)

        assert '{"A": 1}' == file.getvalue() == json.dumps({"a": 1})
        assert {"a": 1} == json.loads('{"A": 1}') == json.load(io.BytesIO(b'{"A": 1}'))


def test_the_functions_work_without_an_app() -> None:
    file = io.StringIO()
    json.dump({"a": Decimal(1)}, file)

    assert '{"a": "1"}' == file.getvalue() == json.dumps({"a": Decimal(1)})
    assert {"a": 1} == json.loads(b'{"a": 1}') == json.load(io.StringIO('{"a": 1}'))


async def test_both_names_of_each_argument() -> None:
    """Quart's ``object_``, and Flask's ``obj`` and ``s``."""
    ones: Any = json
    for context in (app.app_context(), ShoutingApp(__name__).app_context()):
        async with context:
            file = io.StringIO()
            ones.dump(object_=1, fp=file)
            ones.dump(obj=2, fp=file)
            ones.dump(3, file)

            assert "123" == file.getvalue()
            assert "1" == ones.dumps(object_=1) == ones.dumps(obj=1)
            assert 1 == ones.loads(object_="1") == ones.loads(s="1") == ones.load(io.StringIO("1"))
    assert "null" == json.dumps(None)
    for function in (ones.dumps, ones.loads, ones.dump):
        with pytest.raises(TypeError):
            function()


# Responses


@each_app
async def test_jsonify(app: Quart) -> None:
    """Positional arguments are a value or a list, named ones a dictionary."""
    async with app.app_context():
        for response, expected in (
            (jsonify({"b": 1, "a": 2}), b'{"a":2,"b":1}\n'),
            (jsonify(b=1, a=2), b'{"a":2,"b":1}\n'),
            (jsonify(1, 2), b"[1,2]\n"),
            (jsonify([1]), b"[1]\n"),
            (jsonify("ü"), b'"\\u00fc"\n'),
            (jsonify(), b"null\n"),
        ):
            assert expected == await response.get_data(as_text=False)
            assert "application/json" == response.content_type
        with pytest.raises(TypeError, match="not both"):
            jsonify(1, a=2)
    with pytest.raises(RuntimeError, match="application context"):
        jsonify(1)


@each_app
@given(value=values, ensure_ascii=st.booleans(), sort_keys=st.booleans())
async def test_the_response_is_flasks(
    app: Quart, value: Any, ensure_ascii: bool, sort_keys: bool
) -> None:
    """For every value, and when the options change between two of them."""
    theirs = flask.json.provider.DefaultJSONProvider(flask_app)
    for provider in (app.json, theirs):
        provider.ensure_ascii = ensure_ascii  # type: ignore[attr-defined, union-attr]
        provider.sort_keys = sort_keys  # type: ignore[attr-defined, union-attr]
    async with app.app_context():
        for one in (value, [value]):
            response = jsonify(one)

            assert theirs.response(one).get_data() == await response.get_data(as_text=False)


@each_app
async def test_a_response_that_is_no_json_raises_what_flask_raises(app: Quart) -> None:
    """And the next one is none the worse for it."""
    async with app.app_context():
        for _ in range(2):
            with pytest.raises(TypeError, match="object is not JSON serializable"):
                jsonify([object()])
            with pytest.raises(ValueError, match="Circular reference detected"):
                jsonify(circular())
        shared = [1]
        assert b"[[1],[1]]\n" == await jsonify([shared, shared]).get_data(as_text=False)


async def test_a_provider_of_ones_own_makes_responses() -> None:
    """What it says of ``dumps`` and ``default`` holds there too."""
    async with ShoutingApp(__name__).app_context():
        assert b'{"A":"B"}\n' == await jsonify(a="b").get_data(as_text=False)
        assert b'{"A":"B"}\n' == await jsonify({"a": "b"}).get_data(as_text=False)


async def test_a_function_in_the_place_of_dumps_makes_responses() -> None:
    """On the provider of one application, as in Flask."""
    app, other = Quart(__name__), Quart(__name__)
    app.json.dumps = lambda obj, **kwargs: repr(obj)  # type: ignore[method-assign]
    for each in (app, other):
        each.add_url_rule("/", "index", lambda: {"a": "b"})

    assert ["{'a': 'b'}\n", '{"a":"b"}\n'] == [(await get(each)).text for each in (app, other)]


async def test_responses_are_readable_in_debug_mode() -> None:
    app = Quart(__name__)
    app.debug = True
    async with app.app_context():
        assert b'{\n  "a": 1\n}\n' == await jsonify(a=1).get_data(as_text=False)
        app.json.compact = True  # type: ignore[attr-defined]
        assert b'{"a":1}\n' == await jsonify(a=1).get_data(as_text=False)


async def test_the_mimetype_is_the_providers() -> None:
    app = Quart(__name__)
    app.json.mimetype = "application/vnd.api+json"  # type: ignore[attr-defined]

    @app.get("/")
    async def index() -> dict[str, int]:
        return {"a": 1}

    response = await get(app)

    assert "application/vnd.api+json" == response.headers["Content-Type"]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (date(2020, 1, 2), "Thu, 02 Jan 2020 00:00:00 GMT"),
        (datetime(2020, 1, 2, 3, 4, 5, tzinfo=UTC), "Thu, 02 Jan 2020 03:04:05 GMT"),
        (
            datetime(2020, 1, 2, 3, 4, 5, tzinfo=timezone(timedelta(hours=2))),
            "Thu, 02 Jan 2020 01:04:05 GMT",
        ),
        (Decimal("1.50"), "1.50"),
        (UUID(int=1), "00000000-0000-0000-0000-000000000001"),
        (Html(), "<b>"),
        (Point(1, 2), {"x": 1, "y": 2}),
    ],
)
@pytest.mark.parametrize("app_class", [Quart, OrjsonApp])
async def test_types_beyond_json(app_class: type[Quart], value: Any, expected: Any) -> None:
    app = app_class(__name__)

    @app.get("/")
    async def index() -> dict[str, Any]:
        return {"value": value}

    assert {"value": expected} == stdlib.loads((await get(app)).body)


@given(
    text=st.one_of(
        values.map(partial(stdlib.dumps, default=str)),
        st.text('[]{}":,0 \n\ufeff\x00\ud800a', max_size=12),
    ),
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-32-be"]),
)
def test_bytes_are_read_as_the_standard_library_reads_them(text: str, encoding: str) -> None:
    """Whatever their encoding, and whether they are JSON or not."""
    data = text.encode(encoding, "surrogatepass")

    def outcome(loads: Any) -> Any:
        try:
            return repr(loads(data))
        except ValueError as error:
            return type(error), str(error)

    assert outcome(stdlib.loads) == outcome(DefaultJSONProvider(Quart("tests")).loads)
