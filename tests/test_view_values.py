"""Models as the values of views: by the provider, whatever library they are of."""

from __future__ import annotations

import dataclasses
import datetime
import enum
import json as stdlib
import subprocess
import sys
from decimal import Decimal
from typing import Any, ClassVar
from uuid import UUID

import attrs
import flask.json.provider
import msgspec
import pydantic
import pydantic.dataclasses
import pytest
from asgi import get
from hypothesis import given
from hypothesis import strategies as st

from quart import Quart, json, jsonify, request, websocket
from quart.json.orjson import OrjsonProvider
from quart.json.provider import DefaultJSONProvider

ID = UUID("6ba7b810-9dad-11d1-80b4-00c04fd430c8")
DAY = datetime.date(2026, 11, 30)
HTTP_DAY = "Mon, 30 Nov 2026 00:00:00 GMT"


class Color(enum.Enum):
    RED = "red"
    BLUE = 2


@dataclasses.dataclass
class Data:
    x: Any
    y: Any = dataclasses.field(default=2, repr=False)
    of_class: ClassVar[int] = 3


@dataclasses.dataclass(frozen=True, slots=True)
class Slotted:
    x: Any
    y: Any = 2


@attrs.define
class Attrs:
    x: Any
    y: Any = 2


class Struct(msgspec.Struct):
    x: Any
    y: Any = 2


class Model(pydantic.BaseModel):
    x: Any
    y: Any = 2


@pydantic.dataclasses.dataclass
class PydanticData:
    x: Any
    y: Any = 2


MODELS = [Data, Slotted, Attrs, Struct, Model, PydanticData]
each_model = pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)


def returning(value: Any, provider: type[DefaultJSONProvider] | None = None) -> Quart:
    app = Quart(__name__)
    if provider is not None:
        app.json = provider(app)

    @app.get("/")
    async def view() -> Any:
        return value

    return app


async def answer_to(value: Any, provider: Any = None) -> Any:
    response = await get(returning(value, provider))
    assert "application/json" == response.headers["Content-Type"]
    return stdlib.loads(response.body)


@each_model
@pytest.mark.parametrize("provider", [DefaultJSONProvider, OrjsonProvider])
async def test_a_model_alone(model: Any, provider: Any) -> None:
    """`return T(1)` is what `return {"x": 1, "y": 2}` is."""
    assert {"x": 1, "y": 2} == await answer_to(model(x=1), provider)


@each_model
async def test_a_model_in_a_tuple(model: Any) -> None:
    """With a status and headers."""
    response = await get(returning((model(x=1), 201, {"X-Made": "yes"})))

    assert 201 == response.status
    assert "yes" == response.headers["X-Made"]
    assert b'{"x":1,"y":2}\n' == response.body


@each_model
@pytest.mark.parametrize("provider", [DefaultJSONProvider, OrjsonProvider])
async def test_models_within(model: Any, provider: Any) -> None:
    """In lists, in dictionaries, in models of their own and of other libraries."""
    plain = {"x": 1, "y": 2}

    assert [plain] == await answer_to([model(x=1)], provider)
    assert {"a": [plain]} == await answer_to({"a": [model(x=1)]}, provider)
    for outer in MODELS:
        within = await answer_to(outer(x=[model(x=1)], y={"k": model(x=1)}), provider)
        assert {"x": [plain], "y": {"k": plain}} == within


@each_model
async def test_values_within_are_as_flask_writes_them(model: Any) -> None:
    """Dates, UUIDs, decimals; members of enums are their values."""
    value = model(x=[DAY, ID, Decimal("1.50")], y=Color.RED)

    assert {"x": [HTTP_DAY, str(ID), "1.50"], "y": "red"} == await answer_to(value)


@pytest.mark.parametrize("provider", [DefaultJSONProvider, OrjsonProvider])
async def test_members_of_enums(provider: Any) -> None:
    """In both providers."""
    assert ["red", 2, {"k": "red"}] == await answer_to(
        [Color.RED, Color.BLUE, {"k": Color.RED}], provider
    )


@each_model
async def test_a_default_of_ones_own_is_asked_first(model: Any) -> None:
    """For the model, and for what it holds."""

    class Provider(DefaultJSONProvider):
        @staticmethod
        def default(value: Any) -> Any:
            if isinstance(value, datetime.date):
                return value.isoformat()
            if isinstance(value, model) and value.x == "mine":
                return "my own"
            return DefaultJSONProvider.default(value)

    assert "my own" == await answer_to(model(x="mine"), Provider)
    assert {"x": "2026-11-30", "y": 2} == await answer_to(model(x=DAY), Provider)


async def test_a_provider_of_flasks() -> None:
    """Its `default` knows data classes alone, and says so of others."""

    class Provider(flask.json.provider.DefaultJSONProvider):
        pass

    assert {"x": 1, "y": 2} == await answer_to(Data(1), Provider)
    app = returning(Struct(1), Provider)  # type: ignore[arg-type]
    assert 500 == (await get(app)).status


async def test_hooks_and_error_handlers_return_models_too() -> None:
    """Whatever gives a value in the place of the view's."""
    app = Quart(__name__)

    @app.before_request
    async def refuse() -> Any:
        return (Data("refused"), 403) if "refused" in request.args else None

    @app.errorhandler(404)
    def missing(error: Exception) -> tuple[Model, int]:
        return Model(x="missing"), 404

    response = await get(app, "/?refused")
    assert (403, b'{"x":"refused","y":2}\n') == (response.status, response.body)
    response = await get(app, "/nowhere")
    assert (404, b'{"x":"missing","y":2}\n') == (response.status, response.body)


class Address(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(serialize_by_alias=True)

    url: pydantic.HttpUrl
    secret: pydantic.SecretStr
    when: datetime.date = pydantic.Field(serialization_alias="day")

    @pydantic.computed_field
    def host(self) -> str:
        return self.url.host or ""

    @pydantic.field_serializer("when")
    def _when(self, when: datetime.date) -> str:
        return when.isoformat()


async def test_pydantics_own_serializers() -> None:
    """Computed fields, serializers and aliases count; a secret stays one."""
    value = Address(url="https://example.org/a", secret="hush", when=DAY)  # type: ignore[arg-type]

    assert {
        "url": "https://example.org/a",
        "secret": "**********",
        "day": "2026-11-30",
        "host": "example.org",
    } == await answer_to(value)


async def test_a_root_model_is_its_root() -> None:
    """A list, say."""
    assert [1, 2] == await answer_to(pydantic.RootModel[list[int]]([1, 2]))


def test_pydantics_first_generation() -> None:
    """Models that have `dict()` and no `model_dump()`."""
    v1 = pytest.importorskip("pydantic.v1")

    class Old(v1.BaseModel):  # type: ignore[name-defined, misc]
        x: int

    assert '{"x": 1}' == json.dumps(Old(x=1))


options = st.fixed_dictionaries(
    {
        "rename": st.sampled_from([None, "camel", "kebab"]),
        "omit_defaults": st.booleans(),
        "array_like": st.booleans(),
        "tag": st.sampled_from([None, True, "kind", 3]),
        "kw_only": st.booleans(),
    }
)


@given(
    options, st.booleans(), st.sampled_from([[], [1]]), st.sampled_from([{}, {"a": 1}]), st.text()
)
def test_structs_are_as_msgspec_writes_them(
    options: dict[str, Any], has_first: bool, items: Any, names: Any, text: str
) -> None:
    """Tags, new names, arrays, what is not set and what is a default."""
    fields: list[Any] = [("the_first", Any)] if has_first else []
    fields += [
        ("the_items", list, msgspec.field(default_factory=list)),
        ("names", dict, msgspec.field(default_factory=dict)),
        ("text", str, "abc"),
    ]
    if not options["array_like"]:
        fields.append(("unset", Any, msgspec.UNSET))
    struct = msgspec.defstruct("Struct", fields, **options)
    first = {"the_first": None} if has_first else {}

    for value in (struct(**first), struct(**first, the_items=items, names=names, text=text)):
        assert msgspec.json.decode(msgspec.json.encode(value)) == stdlib.loads(json.dumps(value))


async def test_what_refers_to_itself_raises() -> None:
    """As a list that holds itself does."""
    circular = Data(1)
    circular.y = [circular]
    with pytest.raises(ValueError, match="Circular"):
        json.dumps(circular)


@pytest.mark.parametrize(
    "value",
    [Data, Model, 1, DAY, ID, Color.RED, {1}, object()],
    ids=lambda value: type(value).__name__,
)
async def test_what_is_no_model_raises_as_before(value: Any) -> None:
    """A class, a number, a date alone: mistakes, as in Flask."""
    app = returning(value)
    app.testing = True
    with pytest.raises(TypeError, match="did not return a valid response"):
        await app.test_client().get("/")


async def test_jsonify_and_clients_and_websockets() -> None:
    """What writes JSON elsewhere writes the same."""
    app = Quart(__name__)
    async with app.app_context():
        assert b'{"x":1,"y":2}\n' == await jsonify(Struct(1)).get_data()

    @app.post("/")
    async def echo() -> Any:
        return await request.get_json()

    @app.websocket("/ws")
    async def ws() -> None:
        await websocket.send_json(Model(x=1))

    client = app.test_client()
    response = await client.post("/", json=Attrs(1))
    assert {"x": 1, "y": 2} == await response.get_json()
    async with client.websocket("/ws") as connection:
        assert {"x": 1, "y": 2} == await connection.receive_json()


def test_none_of_the_libraries_is_imported() -> None:
    """Models are told by what is on their classes."""
    code = (
        "import sys, dataclasses, quart\n"
        "T = dataclasses.make_dataclass('T', ['x'])\n"
        "print(quart.json.dumps([T(1)]), {'attrs', 'attr', 'msgspec', 'pydantic'} & {*sys.modules})"
    )
    python = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )

    assert '[{"x": 1}] set()\n' == python.stdout
