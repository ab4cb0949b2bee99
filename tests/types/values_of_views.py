"""What views may return, for mypy and pyright: nothing here runs."""

from __future__ import annotations

from dataclasses import dataclass

import attrs
import msgspec
import pydantic

from quart import Quart
from quart.typing import ResponseReturnValue

app = Quart(__name__)


@dataclass
class Data:
    x: int


@dataclass(frozen=True, slots=True)
class Frozen:
    x: int


@attrs.define
class Attrs:
    x: int


class Struct(msgspec.Struct):
    x: int


class Model(pydantic.BaseModel):
    x: int


class Plain:
    x: int


@app.get("/data")
async def data() -> Data:
    return Data(1)


@app.get("/frozen")
def frozen() -> tuple[Frozen, int]:
    return Frozen(1), 201


@app.get("/attrs")
async def attrs_class() -> tuple[Attrs, int, dict[str, str]]:
    return Attrs(1), 201, {"X-Made": "1"}


@app.get("/struct")
async def struct() -> Struct:
    return Struct(1)


@app.get("/model")
async def model() -> Model:
    return Model(x=1)


@app.get("/list")
async def several() -> list[Model]:
    return [Model(x=1)]


@app.get("/any")
async def whatever() -> ResponseReturnValue:
    return Attrs(1), {"X-Made": "1"}


@app.get("/wrong")  # type: ignore[type-var]  # pyright: ignore[reportArgumentType]
async def wrong() -> Plain:
    return Plain()
