"""JSON by orjson, for those who install it (``pip install quart[orjson]``) and choose it.

It writes and reads exactly what `DefaultJSONProvider` does, byte for byte: where orjson differs,
the standard library is used.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from json.encoder import encode_basestring_ascii
from typing import Any

import orjson

from .provider import DefaultJSONProvider

__all__ = ("OrjsonProvider",)

_OPTIONS = (
    orjson.OPT_PASSTHROUGH_DATACLASS
    | orjson.OPT_PASSTHROUGH_DATETIME
    | orjson.OPT_PASSTHROUGH_SUBCLASS
)

# An exponent, which orjson may have written without sign or leading zero.
_EXPONENT = re.compile(rb"e(?<=[0-9]e)[-+]?[0-9]+(?:[,\]}]|\Z)")

# PERF: a long number is found four times as fast after all digits were made equal.
_DIGITS = bytes.maketrans(b"123456789", b"0" * 9)
_LONG_NUMBER = b"0" * 19

_TO_ESCAPE = re.compile("[^\0-\x7e]+")


class OrjsonProvider(DefaultJSONProvider):
    """The default provider, faster: set it as ``app.json_provider_class`` or ``app.json``.

    orjson writes compact JSON, as in responses and sessions, and reads everything. Documents that
    contain null, or numbers with exponents, are written by the standard library, because orjson
    does not distinguish None from NaN.
    """

    def dumps(self, obj: object, **kwargs: object) -> str:
        """Serialize an object to JSON text; keyword arguments are those of ``json.dumps``.

        Raises TypeError for a value that cannot be serialized, ValueError for a circular reference.
        """
        if kwargs == {"separators": (",", ":")}:
            options = _OPTIONS | orjson.OPT_SORT_KEYS if self.sort_keys else _OPTIONS
            try:
                data = orjson.dumps(obj, _plain(self.default), options)
            except TypeError:
                pass  # the standard library can do it, or names the reason
            else:
                if not _may_differ(data):
                    text = data.decode()
                    if self.ensure_ascii and not (text.isascii() and "\x7f" not in text):
                        text = _TO_ESCAPE.sub(_escape, text)
                    return text
        return super().dumps(obj, **kwargs)

    def loads(self, s: str | bytes, **kwargs: object) -> Any:
        """Deserialize JSON text, or UTF-8 bytes; keyword arguments are those of ``json.loads``.

        Raises ValueError if it is not JSON.
        """
        if not kwargs:
            try:
                data = s.encode() if isinstance(s, str) else s
                if _LONG_NUMBER not in data.translate(_DIGITS):  # it could become a float
                    return orjson.loads(data)
            except ValueError:
                pass  # NaN, surrogates, UTF-16; or the standard library names the mistake
        return super().loads(s, **kwargs)


def _may_differ(data: bytes) -> bool:
    """Whether the text may contain NaN, written as null, or a number in another form."""
    return b"null" in data or b"0.0000" in data or _EXPONENT.search(data) is not None


def _plain(default: Callable[[Any], object]) -> Callable[[Any], object]:
    """Extend `default` to do what the standard library does with subclasses of its types."""

    def plain(value: object) -> object:
        match value:
            case str():
                return str.__str__(value)
            case int():
                return int.__int__(value)
            case float():
                return float.__float__(value)
            case dict():
                return dict(value.items())
            case list() | tuple():
                return list(value)
        return default(value)

    return plain


def _escape(match: re.Match[str]) -> str:
    return encode_basestring_ascii(match[0])[1:-1]
