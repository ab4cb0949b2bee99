"""How an application reads and writes JSON: Flask's providers, the default one a little faster."""

from __future__ import annotations

from collections.abc import Callable
from json import JSONDecoder, encoder
from types import NoneType
from typing import Any

from flask.json.provider import DefaultJSONProvider as FlaskDefaultJSONProvider
from flask.json.provider import JSONProvider

from .values import default as _default

__all__ = ("DefaultJSONProvider", "JSONProvider")

# The standard library's accelerator, which only CPython has.
_make_encoder: Any = getattr(encoder, "c_make_encoder", None)

# Returns the value at an index of a text, and the index after it.
_scan = JSONDecoder().scan_once  # type: ignore[attr-defined]  # not in typeshed
_BRACKETS = (b"{", b"[")
_MOST_ENCODERS = 16


def _encoder(
    markers: dict[int, object] | None,
    default: Callable[[Any], object],
    ensure_ascii: bool,
    sort_keys: bool,
    item_separator: str,
    key_separator: str,
) -> Any:
    """Make what `json.JSONEncoder` encodes with: a function of an object and a level, to chunks."""
    escape = encoder.encode_basestring_ascii if ensure_ascii else encoder.encode_basestring
    return _make_encoder(
        markers, default, escape, None, key_separator, item_separator, sort_keys, False, True
    )


class DefaultJSONProvider(FlaskDefaultJSONProvider):
    """The standard library's JSON, plus dates, decimals, UUIDs, enum members, ``__html__``,
    dataclasses, attrs classes, msgspec structs and pydantic models.

    ``default``, ``ensure_ascii``, ``sort_keys``, ``compact`` and ``mimetype`` are its options. Your
    own ``default`` is asked first, for all of these; it can leave the rest to this one::

        class Provider(DefaultJSONProvider):
            @staticmethod
            def default(value):
                if isinstance(value, datetime):
                    return value.isoformat()
                return DefaultJSONProvider.default(value)
    """

    default = staticmethod(_default)

    def dumps(self, obj: object, **kwargs: object) -> str:
        """Serialize an object to JSON text; keyword arguments are those of ``json.dumps``.

        Raises TypeError for a value that cannot be serialized, ValueError for a circular reference.
        """
        separators = kwargs.pop("separators", None)
        if kwargs or _make_encoder is None or not isinstance(separators, (tuple, NoneType)):
            return super().dumps(obj, separators=separators, **kwargs)
        return self._encode(obj, separators or (", ", ": "))

    def _encode(self, obj: object, separators: tuple[str, str]) -> str:
        """Do what `json.dumps` does with these separators and the provider's options."""
        # PERF: JSONEncoder makes an encoder for each call.
        options = (self.default, self.ensure_ascii, self.sort_keys)
        if options != self._encoder_options:
            self._encoders, self._encoder_options = {}, options
        encode = self._encoders.get(separators)
        if encode is None:
            encode = _encoder(None, *options, *separators)
            if len(self._encoders) < _MOST_ENCODERS:
                self._encoders[separators] = encode
        try:
            return "".join(encode(obj, 0))
        except RecursionError:
            # Encode it again with the containers in mind: a circular reference is a ValueError.
            return "".join(_encoder({}, *options, *separators)(obj, 0))

    def loads(self, s: str | bytes, **kwargs: object) -> Any:
        """Deserialize JSON from text or bytes; keyword arguments are those of ``json.loads``.

        Raises ValueError if it is not JSON.
        """
        # PERF: an object or array whose second byte is not NUL is not UTF-16 or -32, which
        # ``json.loads`` would look for, and has no byte order mark. Anything after the value, or
        # invalid JSON, is left to ``json.loads``, which knows what is wrong.
        if not kwargs and (
            type(s) is str or (type(s) is bytes and s[:1] in _BRACKETS and s[1:2] != b"\0")
        ):
            try:
                text: str = s if type(s) is str else s.decode()  # type: ignore[union-attr]
                value, end = _scan(text, 0)
            except (StopIteration, ValueError):
                pass
            else:
                if end == len(text) or not text[end:].strip(" \t\n\r"):
                    return value
        return super().loads(s, **kwargs)

    def response(self, *args: object, **kwargs: object) -> Any:
        """Make a JSON response of one value, of several as a list, or of keywords as an object.

        Raises TypeError for both positional and keyword arguments.
        """
        app: Any = self._app
        cls, compact = type(self), self.compact
        if (
            len(args) != 1
            or kwargs
            or not (compact or (compact is None and not app.config["DEBUG"]))
            or (cls is not DefaultJSONProvider and cls.dumps is not DefaultJSONProvider.dumps)
            or not self._as_written
            or _make_encoder is None
        ):
            return super().response(*args, **kwargs)
        # PERF: one value in compact form is the most common case.
        data = self._encode(args[0], (",", ":"))
        return app.response_class(data + "\n", mimetype=self.mimetype)

    #: By their separators, the encoders for the options below.
    _encoders: dict[tuple[str, str], Any]
    _encoder_options: tuple[object, ...] | None = None
    #: False if `dumps` was replaced on this instance.
    _as_written = True

    def __setattr__(self, name: str, value: object) -> None:
        if name == "dumps":
            self._as_written = False
        super().__setattr__(name, value)
