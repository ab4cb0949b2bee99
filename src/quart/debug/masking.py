"""How the debug page shows a value: short, whatever its `repr` does, and without secrets."""

from __future__ import annotations

import re
import reprlib
from array import array
from collections import deque
from collections.abc import Iterable
from typing import Any

from werkzeug.datastructures import Headers

#: Shown instead of a secret.
MASK = "********"
#: Types, and their subclasses, of which only the first items are shown.
_LONG = (list, tuple, set, frozenset, deque, array)
#: How many characters of one value are shown.
MOST_TEXT = 500

_SECRET_WORDS = {
    "apikey",
    "auth",
    "authorization",
    "cookie",
    "credential",
    "credentials",
    "csrf",
    "dsn",
    "key",
    "passphrase",
    "passwd",
    "password",
    "passwords",
    "pwd",
    "secret",
    "secrets",
    "token",
    "tokens",
}
# Also found inside a name without separators: DBPASSWORD, mytoken.
_SECRET_PARTS = re.compile("password|passwd|secret|token|credential", re.IGNORECASE)
_WORDS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")

# user:password@ in a URL. The user may be missing, and the password may contain all but blanks.
_URL_PASSWORD = re.compile(r"(\w://[^\s/:@'\"]*:)([^\s/?#'\"]+)(?=@)")
# name=value, "name": value and name: value, as in queries, connection strings and reprs.
_PAIR = re.compile(
    r"""(?<![\w-])(?P<name>[\w-]+)(?P<between>['"]?\s*[=:]\s*)"""
    r"""(?P<value>[bB]?'(?:[^'\\]|\\.)*'|[bB]?"(?:[^"\\]|\\.)*"|[^\s,;&'"(){}\[\]<>]+)"""
)
_AUTHORIZATION = re.compile(r"\b(Basic|Bearer|Digest) +[\w.~+/=-]{6,}")


def is_secret(name: object) -> bool:
    """Whether the name of a variable, setting, header or field suggests that its value is secret.

    It does if one of its words is "password", "token", "secret", "key", "dsn" or a similar word.
    """
    if isinstance(name, bytes):
        name = name.decode("latin-1")
    if not isinstance(name, str):
        return False
    if _SECRET_PARTS.search(name):
        return True
    return any(word.lower() in _SECRET_WORDS for word in _WORDS.findall(name))


def mask_text(text: str) -> str:
    """Remove the passwords in URLs, and values next to secret names, from a text."""
    text = _URL_PASSWORD.sub(rf"\1{MASK}", text)
    text = _AUTHORIZATION.sub(rf"\1 {MASK}", text)
    return _PAIR.sub(_masked_pair, text)


def _masked_pair(match: re.Match[str]) -> str:
    name = match["name"]
    # A bare "key" is an argument or field of many things. And a type often follows a name.
    if name.lower() == "key" or not is_secret(name):
        return match[0]
    return f"{name}{match['between']}{MASK}"


def _is_harmless(value: object) -> bool:
    """Whether a value is never a secret, because it is None, a bool or a type."""
    return value is None or type(value) is bool or issubclass(type(value), type)


def cut(text: str, most: int) -> str:
    """Cut a text to this many characters, and say how many are left out."""
    if len(text) <= most:
        return text
    return f"{text[:most]} ... ({len(text) - most:,} more characters)"


def type_name(value: object) -> str:
    """Return the name of a value's type, even if its class interferes with the question."""
    return type.__dict__["__name__"].__get__(type(value))  # type: ignore[no-any-return]


class Masking(reprlib.Repr):
    """Shows values: never raises an error, keeps them short, and hides secrets.

    :param secrets: Values that are secret under any name.
    """

    def __init__(self, secrets: Iterable[object] = ()) -> None:
        super().__init__()
        self.maxstring = self.maxother = self.maxlong = MOST_TEXT
        self.maxlevel = 4
        self.maxdict = self.maxlist = self.maxtuple = self.maxset = self.maxfrozenset = 20
        self.maxdeque = self.maxarray = 20
        found = {repr(each)[1:-1] for each in secrets if type(each) is str and len(each) >= 8}
        found |= {repr(each)[2:-1] for each in secrets if type(each) is bytes and len(each) >= 8}
        self._secrets = sorted(found, key=len, reverse=True)

    def show(self, value: object, name: object = None) -> str:
        """Return the text for a value whose name may suggest that it is secret."""
        if is_secret(name) and not _is_harmless(value):
            return MASK
        # Look for secrets before the text is cut, because that may cut a secret.
        return cut(mask_text(self._without_secrets(self.repr1(value, self.maxlevel))), MOST_TEXT)

    def _without_secrets(self, text: str) -> str:
        for secret in self._secrets:
            text = text.replace(secret, MASK)
        return text

    def repr1(self, x: Any, level: int) -> str:
        cls = type(x)
        # User code runs here and may raise anything, even KeyboardInterrupt.
        try:
            # Ask for the type, because an object may claim another class, or fail when it is asked.
            if issubclass(cls, dict):
                return self._of_dict(x, level)
            if issubclass(cls, Headers):
                return f"{cls.__name__}({self.repr1(list(x), level)})"
            if issubclass(cls, tuple) and len(x) == 2 and is_secret(tuple.__getitem__(x, 0)):
                return f"({self.repr1(tuple.__getitem__(x, 0), level - 1)}, {MASK})"
            if cls is str or cls is bytes:
                return self._of_text(x)
            if cls.__module__ == "builtins":
                return super().repr1(x, level)
            for base in _LONG:
                # The whole text of a long value takes long to make, and little of it is shown.
                if issubclass(cls, base) and cls.__repr__ is base.__repr__:
                    return getattr(self, f"repr_{base.__name__}")(x, level)  # type: ignore[no-any-return]
            return self._of_other(x)
        except BaseException as error:
            return f"<{type_name(x)}, whose repr raises {type_name(error)}>"

    def _of_dict(self, x: dict[object, object], level: int) -> str:
        items: list[str] = []
        if level > 0:
            for key, value in list(dict.items(x))[: self.maxdict]:
                masked = is_secret(key) and not _is_harmless(value)
                shown = MASK if masked else self.repr1(value, level - 1)
                items.append(f"{self.repr1(key, level - 1)}: {shown}")
        if len(items) < dict.__len__(x):
            items.append("...")
        text = f"{{{', '.join(items)}}}"
        return text if type(x) is dict else f"{type(x).__name__}({text})"

    def _of_text(self, x: str | bytes) -> str:
        # More than is shown, so that a secret at the cut is still found whole.
        text = repr(x[: 4 * self.maxstring])
        more = len(x) - 4 * self.maxstring
        return f"{text} ... ({more:,} more)" if more > 0 else text

    def _of_other(self, x: object) -> str:
        text = repr(x)
        if type(text) is not str:  # a subclass may lie about its length and content
            text = str.__str__(text)
        return text[: 4 * self.maxother]
