"""Small functions on bytes and the like that each request calls, in Python.

compiled.pyx has the same names. These functions know nothing of applications, stages or errors.
What a function cannot handle at once it leaves to its caller, as its result shows.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from types import EllipsisType
from typing import TYPE_CHECKING, Any

# PERF: a byte is found in bytes ten times faster as a number than as bytes.
_PERCENT = ord("%")

Pairs = Iterable[tuple[bytes, bytes]]
#: A response's header: the value as it is sent, or the name and the value as they were written.
Header = bytes | tuple[str, str]
#: A `MultiDict`. Werkzeug's types describe it as a dict of single values.
Lists = dict[str, Any]


def first_value(headers: Pairs, name: bytes) -> bytes | None:
    """Return the first value of the header `name` (as it is sent); None if it is missing."""
    for other, value in headers:
        if other == name:
            return value
    return None


def all_values(headers: Pairs, name: bytes) -> list[bytes]:
    """Return all values of the header `name` (as it is sent)."""
    return [value for other, value in headers if other == name]


def decoded(headers: Pairs, titles: Mapping[bytes, str]) -> list[tuple[str, str]]:
    """Decode headers from Latin-1, with names in title case; `titles` has the common ones."""
    return [
        (titles.get(name) or name.decode("latin-1").title(), value.decode("latin-1"))
        for name, value in headers
    ]


def split_query(query: bytes, lists: Lists) -> bool:
    """Put the values of a query into lists, by name; return False if not all is plain ASCII."""
    if _PERCENT in query or not query.isascii():
        return False
    words = query.decode().replace("+", " ").split("&")
    _put([word for word in words if word], lists)
    return True


def split_cookies(line: str, lists: Lists) -> bool:
    """Put the cookies of a header into lists, by name.

    Returns False if it has quotes, or spaces that no browser sends. Text that begins with an
    equals sign is not a cookie.
    """
    words = _plain_cookies(line)
    if words is None:
        return False
    _put([word for word in words if word and word[0] != "="], lists)
    return True


def _put(words: list[str], lists: Lists) -> None:
    """Add words, each of the form name=value, to the lists."""
    made: dict[str, list[str]] = {}
    for word in words:
        name, _, value = word.partition("=")
        if name in made:
            made[name].append(value)
        else:
            made[name] = [value]
    dict.update(lists, made)  # a subclass may know better


def find_cookie(line: str, name: str) -> str | EllipsisType | None:
    """Return the first cookie with this name, which is not empty; None if there is none.

    Returns `...` if `split_cookies` would return False.
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
    """Put headers into a dict by the names that are sent; names not in `sent_names` are learned.

    Returns False if a name is not valid or a value is not a single line of text; some headers may
    have been put by then.
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
    """Encode headers as they are sent, without space around the values.

    `encode` gets the sent name, the name and the value if the value is not printable ASCII, or if
    the header is one of `special`.
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


if TYPE_CHECKING:
    from werkzeug.utils import cached_property

    lazily = cached_property
else:

    class lazily:
        """An attribute that is computed when it is first read, and kept on the instance."""

        # PERF: later reads find it on the instance without a call, unlike with Werkzeug's
        # `cached_property`, and there is no lock, unlike with that of Python 3.11.
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
