"""JSON: the text Flask's provider makes, with both names of each argument."""

import dataclasses
import io
import json as stdlib
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any
from uuid import UUID

import flask
import flask.json.provider
import pytest
from asgi import get
from hypothesis import given
from hypothesis import strategies as st
from markupsafe import Markup

from quart import Quart, json, jsonify
from quart.json.provider import DefaultJSONProvider, JSONProvider


@dataclasses.dataclass
class Point:
    x: int
    y: Any


class Html:
    def __html__(self) -> str:
        return "<b>"


app = Quart(__name__)
flask_app = flask.Flask(__name__)

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


@given(values, st.booleans(), st.booleans(), st.sampled_from([None, (",", ":"), (", ", ": ")]))
def test_the_text_is_flasks(
    value: Any, ensure_ascii: bool, sort_keys: bool, separators: Any
) -> None:
    """For every value and option, byte for byte."""
    ours, theirs = DefaultJSONProvider(app), flask.json.provider.DefaultJSONProvider(flask_app)
    for provider in (ours, theirs):
        provider.ensure_ascii = ensure_ascii
        provider.sort_keys = sort_keys
    kwargs = {} if separators is None else {"separators": separators}

    assert theirs.dumps(value, **kwargs) == ours.dumps(value, **kwargs)


@pytest.mark.parametrize(
    "kwargs",
    [
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
def test_the_arguments_are_json_dumps(kwargs: dict[str, Any]) -> None:
    value = {"b": [1, "ü"], "a": {"x": None}}
    theirs = flask.json.provider.DefaultJSONProvider(flask_app)

    assert theirs.dumps(value, **kwargs) == DefaultJSONProvider(app).dumps(value, **kwargs)


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
def test_what_is_no_json_raises_what_flask_raises(value: Any, error: str) -> None:
    """Twice, because nothing of the first failure may be left."""
    for _ in range(2):
        with pytest.raises((TypeError, ValueError), match=error) as ours:
            DefaultJSONProvider(app).dumps(value)
        with pytest.raises((TypeError, ValueError)) as theirs:
            flask.json.provider.DefaultJSONProvider(flask_app).dumps(value)
        assert (theirs.type, str(theirs.value)) == (ours.type, str(ours.value))


def test_a_default_of_ones_own() -> None:
    """On the class or on the provider; it may call the usual one."""

    class Provider(DefaultJSONProvider):
        @staticmethod
        def default(o: Any) -> Any:  # type: ignore[override]
            return "set" if isinstance(o, set) else DefaultJSONProvider.default(o)

    provider = Provider(app)

    assert '["set", "1"]' == provider.dumps([set(), Decimal(1)])
    provider.default = lambda o: "all"  # type: ignore[method-assign, misc, assignment]
    assert '["all", "all"]' == provider.dumps([set(), Decimal(1)])


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


async def test_jsonify() -> None:
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


@given(values, st.booleans(), st.booleans())
async def test_the_response_is_flasks(value: Any, ensure_ascii: bool, sort_keys: bool) -> None:
    """For every value, and when the options change between two of them."""
    theirs = flask.json.provider.DefaultJSONProvider(flask_app)
    for provider in (app.json, theirs):
        provider.ensure_ascii = ensure_ascii  # type: ignore[attr-defined, union-attr]
        provider.sort_keys = sort_keys  # type: ignore[attr-defined, union-attr]
    async with app.app_context():
        for one in (value, [value]):
            response = jsonify(one)

            assert theirs.response(one).get_data() == await response.get_data(as_text=False)


async def test_a_response_that_is_no_json_raises_what_flask_raises() -> None:
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
async def test_types_beyond_json(value: Any, expected: Any) -> None:
    app = Quart(__name__)

    @app.get("/")
    async def index() -> dict[str, Any]:
        return {"value": value}

    assert {"value": expected} == stdlib.loads((await get(app)).body)
