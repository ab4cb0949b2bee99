"""Values that JSON has no form for: how a provider's ``default`` converts them.

A model is recognised by what its library leaves on the class, so no library is imported. Each value
is converted one level deep: what it contains is passed to ``default`` in its turn.
"""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from enum import Enum
from typing import Any
from uuid import UUID

from flask.json.provider import _default as _flask_default

__all__ = ("default", "is_model")


def default(o: object) -> Any:
    """Convert a value to one that JSON has: like Flask, and for models and enums in our own way.

    Dates become text in HTTP's format; decimals, UUIDs and objects with ``__html__`` become text;
    enum members become their value. Dataclasses, attrs classes and msgspec structs become objects
    of their fields. A pydantic model becomes the result of its ``model_dump()``.

    Raises TypeError for anything else.
    """
    if not isinstance(o, (date, Decimal, UUID)):
        take_apart = _way_to_take_apart(type(o))
        if take_apart is not None:
            return take_apart(o)
        if isinstance(o, Enum):
            return o.value
        if type(o).__module__.startswith(("pydantic.", "pydantic_core.")):
            return str(o)  # a URL, a secret, an e-mail address
    return _flask_default(o)


def is_model(value: object) -> bool:
    """Whether a value belongs to a dataclass, attrs class, msgspec struct or pydantic model."""
    return _way_to_take_apart(type(value)) is not None


def _way_to_take_apart(cls: type) -> Callable[[Any], object] | None:
    if hasattr(cls, "__dataclass_fields__"):
        return _dataclass
    if hasattr(cls, "__pydantic_fields__") or hasattr(cls, "__fields_set__"):
        return _pydantic
    if hasattr(cls, "__struct_fields__"):
        return _struct
    if hasattr(cls, "__attrs_attrs__"):
        return _attrs
    return None


def _dataclass(value: Any) -> dict[str, object]:
    return {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}


def _attrs(value: Any) -> dict[str, object]:
    return {field.name: getattr(value, field.name) for field in type(value).__attrs_attrs__}


def _pydantic(value: Any) -> object:
    return value.model_dump() if hasattr(value, "model_dump") else value.dict()


def _struct(value: Any) -> dict[str, object] | list[object]:
    """Return a struct as msgspec writes it: with its tag and names, without omitted defaults."""
    cls = type(value)
    config = cls.__struct_config__
    fields = {
        name: getattr(value, attribute)
        for name, attribute in zip(cls.__struct_encode_fields__, cls.__struct_fields__, strict=True)
    }
    if config.array_like:
        values = list(fields.values())
        return values if config.tag is None else [config.tag, *values]
    unset = sys.modules["msgspec"].UNSET
    fields = {name: held for name, held in fields.items() if held is not unset}
    if config.omit_defaults:
        defaults = cls.__struct_defaults__
        names = cls.__struct_encode_fields__[len(cls.__struct_fields__) - len(defaults) :]
        for name, usual in zip(names, defaults, strict=True):
            if name in fields and _is_default(fields[name], usual):
                del fields[name]
    return fields if config.tag is None else {config.tag_field: config.tag, **fields}


def _is_default(held: object, usual: object) -> bool:
    factory = getattr(usual, "factory", None)
    if factory in (dict, list, set):
        return type(held) is factory and not held
    return held is usual
