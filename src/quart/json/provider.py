"""How an application reads and writes JSON: Flask's providers, the default one a little faster."""

from __future__ import annotations

from json import JSONDecoder, encoder
from typing import Any

from flask.json.provider import DefaultJSONProvider as FlaskDefaultJSONProvider
from flask.json.provider import JSONProvider

from .values import default as _default

__all__ = ("DefaultJSONProvider", "JSONProvider")

# The accelerator, which only CPython has.
_make_encoder: Any = getattr(encoder, "c_make_encoder", None)

_decode = JSONDecoder().raw_decode
_BRACKETS = (b"{", b"[")


def _encoder(
    markers: dict[int, Any] | None,
    default: Any,
    ensure_ascii: bool,
    sort_keys: bool,
    item_separator: str,
    key_separator: str,
) -> Any:
    """What `json.JSONEncoder` encodes with: a function of an object and a level, to chunks."""
    escape = encoder.encode_basestring_ascii if ensure_ascii else encoder.encode_basestring
    return _make_encoder(
        markers, default, escape, None, key_separator, item_separator, sort_keys, False, True
    )


class DefaultJSONProvider(FlaskDefaultJSONProvider):
    """The standard library's JSON, and with it dates, decimals, UUIDs, members of enums,
    ``__html__``, data classes, attrs classes, msgspec's structs and pydantic models.

    ``default``, ``ensure_ascii``, ``sort_keys``, ``compact`` and ``mimetype`` are its options.
    A ``default`` of your own is asked first, for all of these; it leaves the rest to this one::

        class Provider(DefaultJSONProvider):
            @staticmethod
            def default(value):
                if isinstance(value, datetime):
                    return value.isoformat()
                return DefaultJSONProvider.default(value)
    """

    default = staticmethod(_default)

    def dumps(self, obj: Any, **kwargs: Any) -> str:
        """Serialize an object to JSON text; keyword arguments are those of ``json.dumps``.

        Raises TypeError for what cannot be serialized, ValueError for a circular reference.
        """
        separators = kwargs.pop("separators", None)
        if kwargs or _make_encoder is None:
            return super().dumps(obj, separators=separators, **kwargs)
        # PERF: this is what JSONEncoder does with these options, without making one for each call:
        # 1.7 us against 5.7 us for a small dictionary.
        item_separator, key_separator = separators or (", ", ": ")
        # A new dictionary each time, to keep track of circular references.
        encode = _encoder(
            {}, self.default, self.ensure_ascii, self.sort_keys, item_separator, key_separator
        )
        return "".join(encode(obj, 0))

    def loads(self, s: str | bytes, **kwargs: Any) -> Any:
        """Deserialize JSON from text or bytes; keyword arguments are those of ``json.loads``.

        Raises ValueError for what is no JSON.
        """
        # PERF: an object or array with no NUL as its second byte is not UTF-16 or -32, which
        # ``json.loads`` would look for, and has no byte order mark. What is not all of it, or no
        # JSON, is left to ``json.loads``, which knows what is wrong.
        if type(s) is bytes and s[:1] in _BRACKETS and s[1:2] != b"\0" and not kwargs:
            try:
                text = s.decode()
                value, end = _decode(text)
            except ValueError:
                pass
            else:
                if end == len(text) or not text[end:].strip(" \t\n\r"):
                    return value
        return super().loads(s, **kwargs)

    def response(self, *args: Any, **kwargs: Any) -> Any:
        """A JSON response of one value, or of several as a list, or of keywords as an object.

        Raises TypeError for positional and keyword arguments at once.
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
        # PERF: one value in compact form is the usual case, and its encoder is made once.
        options = (self.default, self.ensure_ascii, self.sort_keys)
        if options != self._encoder_options:
            self._encoder = _encoder(None, *options, ",", ":")
            self._encoder_options = options
        try:
            data = "".join(self._encoder(args[0], 0))
        except RecursionError:
            data = self.dumps(args[0], separators=(",", ":"))  # knows a circular reference
        return app.response_class(data + "\n", mimetype=self.mimetype)

    _encoder: Any = None
    _encoder_options: tuple[Any, ...] | None = None
    #: Whether `dumps` was not replaced on this very instance.
    _as_written = True

    def __setattr__(self, name: str, value: Any) -> None:
        if name == "dumps":
            self._as_written = False
        super().__setattr__(name, value)
