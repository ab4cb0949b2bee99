"""What each request does with bytes and their like, in Python: compiled.pyx has the same names.

These know nothing of applications, stages or errors. What a function does not understand at once it
leaves to its caller, and says so by what it gives.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from json import JSONEncoder, encoder
from types import EllipsisType
from typing import TYPE_CHECKING, Any

# PERF: a byte is found in bytes ten times faster as a number than as bytes.
_PERCENT = ord("%")

Pairs = Iterable[tuple[bytes, bytes]]
#: Of a response: the value as it is sent, or the name and the value as they were written.
Header = bytes | tuple[str, str]
#: A `MultiDict`, which Werkzeug's types take for a dict of single values.
Lists = dict[str, Any]


def first_value(headers: Pairs, name: bytes) -> bytes | None:
    """The value of the first header of a name, as it is sent; None where there is none."""
    for other, value in headers:
        if other == name:
            return value
    return None


def all_values(headers: Pairs, name: bytes) -> list[bytes]:
    """The values of all headers of a name, as it is sent."""
    return [value for other, value in headers if other == name]


def decoded(headers: Pairs, titles: Mapping[bytes, str]) -> list[tuple[str, str]]:
    """Headers in Latin-1, by their names in title case, of which the usual ones are given."""
    return [
        (titles.get(name) or name.decode("latin-1").title(), value.decode("latin-1"))
        for name, value in headers
    ]


def split_query(query: bytes, lists: Lists) -> bool:
    """Put the values in a query into lists, by their names; False where not all is plain ASCII."""
    if _PERCENT in query or not query.isascii():
        return False
    words = query.decode().replace("+", " ").split("&")
    _put([word for word in words if word], lists)
    return True


def split_cookies(line: str, lists: Lists) -> bool:
    """Put the cookies in a header into lists, by their names.

    False where there are quotes, or space as no browser sends it. What begins with an equals sign
    is no cookie.
    """
    words = _plain_cookies(line)
    if words is None:
        return False
    _put([word for word in words if word and word[0] != "="], lists)
    return True


def _put(words: list[str], lists: Lists) -> None:
    """Each word is a name and a value."""
    made: dict[str, list[str]] = {}
    for word in words:
        name, _, value = word.partition("=")
        if name in made:
            made[name].append(value)
        else:
            made[name] = [value]
    dict.update(lists, made)  # a subclass may know better


def find_cookie(line: str, name: str) -> str | EllipsisType | None:
    """The first cookie of a name that is not empty; None where there is none.

    `...` where `split_cookies` gives False.
    """
    words = _plain_cookies(line)
    if words is None:
        return ...
    for word in words:
        other, _, value = word.partition("=")
        if other == name:
            return value
    return None


def _plain_cookies(line: str) -> list[str] | None:
    line = line.replace("; ", ";")
    return None if '"' in line or " " in line or "\t" in line else line.split(";")


def is_in_one_line(value: object) -> bool:
    """Whether a value is text without line breaks."""
    return isinstance(value, str) and "\n" not in value and "\r" not in value


def put_all(
    headers: dict[bytes, Header],
    given: Mapping[str, str],
    sent_names: Mapping[str, bytes],
    learn: Callable[[str], bytes | None],
) -> bool:
    """Put headers into a dict by the names that are sent; what is not among them is learned.

    False where a name is none or a value is no text in one line; some may have been put.
    """
    for name, value in given.items():
        sent = sent_names.get(name) or learn(name)
        if sent is None or not is_in_one_line(value):
            return False
        headers[sent] = name, value
    return True


def encoded(
    headers: Iterable[tuple[bytes, Header]],
    special: Collection[bytes],
    encode: Callable[[bytes, str, str], bytes],
) -> list[tuple[bytes, bytes]]:
    """Headers as they are sent, without space around the values.

    A value that is not printable ASCII, or whose header is a special one, is what `encode` makes of
    the name that is sent, the name and the value.
    """
    items = []
    for sent, header in headers:
        if isinstance(header, bytes):
            data = header
        else:
            name, value = header
            if value.isascii() and value.isprintable() and sent not in special:
                data = value.encode().strip()
            else:
                data = encode(sent, name, value)
        items.append((sent, data))
    return items


# The library's own accelerator, which only CPython has.
_make_encoder: Any = getattr(encoder, "c_make_encoder", None)


def json_encoder(
    default: Callable[[Any], object],
    ensure_ascii: bool,
    sort_keys: bool,
    item_separator: str,
    key_separator: str,
) -> Callable[[object], str]:
    """Make a function that does as `json.dumps` with these options."""
    dumps = JSONEncoder(
        default=default,
        ensure_ascii=ensure_ascii,
        sort_keys=sort_keys,
        separators=(item_separator, key_separator),
    ).encode
    if _make_encoder is None:
        return dumps
    # PERF: JSONEncoder makes this anew for each object, and keeps the containers in mind.
    escape = encoder.encode_basestring_ascii if ensure_ascii else encoder.encode_basestring
    encode = _make_encoder(
        None, default, escape, None, key_separator, item_separator, sort_keys, False, True
    )

    def encoded(value: object) -> str:
        try:
            return "".join(encode(value, 0))
        except RecursionError:
            return dumps(value)  # to which a circular reference is a ValueError

    return encoded


if TYPE_CHECKING:
    from werkzeug.utils import cached_property

    lazily = cached_property
else:

    class lazily:
        """An attribute worked out when it is first asked for, and kept on the instance."""

        # PERF: on the instance it is then found without a call, unlike with Werkzeug's
        # `cached_property`, and there is no lock, unlike in that of Python 3.11.
        def __init__(self, read: Callable[[Any], object]) -> None:
            self.read = read
            self.__doc__ = read.__doc__

        def __set_name__(self, owner: type, name: str) -> None:
            self.name = name

        def __get__(self, instance: object, owner: type | None = None) -> Any:
            if instance is None:
                return self
            value = self.read(instance)
            setattr(instance, self.name, value)
            return value
