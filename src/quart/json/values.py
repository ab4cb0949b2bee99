"""Values that JSON has no form for: what a provider's ``default`` makes of them.

A model is recognised by what its library leaves on the class, so no library is imported.
Each is taken apart one level deep: what it holds comes to ``default`` in its turn.
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
    """Turn a value into one that JSON has: as Flask does, and for models and enums as we do.

    Dates become the text that HTTP has for them, decimals, UUIDs and ``__html__`` their text,
    members of an enum their value. Data classes, attrs classes and msgspec's structs become
    objects of their fields. A pydantic model becomes what its ``model_dump()`` gives.

    Raises TypeError for anything else.
    """
    if not isinstance(o, (date, Decimal, UUID)):
        take_apart = _way_to_take_apart(type(o))
        if take_apart is not None:
            return take_apart(o)
        if isinstance(o, Enum):
            return o.value
        if type(o).__module__.startswith(("pydantic.", "pydantic_core.")):
            return str(o)  # an URL, a secret, an e-mail address
    return _flask_default(o)


def is_model(value: object) -> bool:
    """Whether a value is a data class's, an attrs class's, a struct or a pydantic model."""
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
    """A struct as msgspec writes it: with its tag, its names, and no default it is to omit."""
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
