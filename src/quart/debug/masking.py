"""How the debug page shows a value: short, whatever its own `repr` does, and without secrets."""

from __future__ import annotations

import re
import reprlib
from array import array
from collections import deque
from collections.abc import Iterable
from typing import Any

from werkzeug.datastructures import Headers

#: Shown in the place of a secret.
MASK = "********"
#: Kinds of which only the first items are shown, their subclasses included.
_LONG = (list, tuple, set, frozenset, deque, array)
#: How much of one value is shown, in characters.
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
# Also found where nothing separates them from the rest of a name: DBPASSWORD, mytoken.
_SECRET_PARTS = re.compile("password|passwd|secret|token|credential", re.IGNORECASE)
_WORDS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")

# user:password@ in a URL; the user may be missing, and the password may hold anything but blanks.
_URL_PASSWORD = re.compile(r"(\w://[^\s/:@'\"]*:)([^\s/?#'\"]+)(?=@)")
# name=value, "name": value and name: value, as in queries, connection strings and reprs.
_PAIR = re.compile(
    r"""(?<![\w-])(?P<name>[\w-]+)(?P<between>['"]?\s*[=:]\s*)"""
    r"""(?P<value>[bB]?'(?:[^'\\]|\\.)*'|[bB]?"(?:[^"\\]|\\.)*"|[^\s,;&'"(){}\[\]<>]+)"""
)
_AUTHORIZATION = re.compile(r"\b(Basic|Bearer|Digest) +[\w.~+/=-]{6,}")


def is_secret(name: object) -> bool:
    """Whether a name, of a variable, a setting, a header or a field, says that it is of a secret.

    It does where one of its words is "password", "token", "secret", "key", "dsn" or a word like
    them.
    """
    if isinstance(name, bytes):
        name = name.decode("latin-1")
    if not isinstance(name, str):
        return False
    if _SECRET_PARTS.search(name):
        return True
    return any(word.lower() in _SECRET_WORDS for word in _WORDS.findall(name))


def mask_text(text: str) -> str:
    """A text without the passwords in its URLs, and the values beside names that are secret."""
    text = _URL_PASSWORD.sub(rf"\1{MASK}", text)
    text = _AUTHORIZATION.sub(rf"\1 {MASK}", text)
    return _PAIR.sub(_masked_pair, text)


def _masked_pair(match: re.Match[str]) -> str:
    name = match["name"]
    # A bare "key" is an argument or a field of many things; and a type stands after many names.
    if name.lower() == "key" or not is_secret(name):
        return match[0]
    return f"{name}{match['between']}{MASK}"


def _is_harmless(value: object) -> bool:
    """Whether a value is no secret under any name: it says only that there is none, or of what
    kind it is."""
    return value is None or type(value) is bool or issubclass(type(value), type)


def cut(text: str, most: int) -> str:
    """A text of at most so many characters, and how many are left out of a longer one."""
    if len(text) <= most:
        return text
    return f"{text[:most]} ... ({len(text) - most:,} more characters)"


def type_name(value: object) -> str:
    """The name of a value's type, whatever the class of that type makes of the question."""
    return type.__dict__["__name__"].__get__(type(value))  # type: ignore[no-any-return]


class Masking(reprlib.Repr):
    """Shows values: never an error, never much text, and no secret that a name gives away.

    :param secrets: Values that are secret under whatever name they are found.
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
        """The text for a value, under a name that may say that it is secret."""
        if is_secret(name) and not _is_harmless(value):
            return MASK
        # The text is cut, so a secret in it may be: it is looked for before.
        return cut(mask_text(self._without_secrets(self.repr1(value, self.maxlevel))), MOST_TEXT)

    def _without_secrets(self, text: str) -> str:
        for secret in self._secrets:
            text = text.replace(secret, MASK)
        return text

    def repr1(self, x: Any, level: int) -> str:
        cls = type(x)
        # User code runs here and may raise anything, even a KeyboardInterrupt.
        try:
            # By the type, because an object may claim another class, or fail when it is asked.
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
                # The whole text of a long one, of which little is shown, takes long to make.
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
        # More than is shown, so that a secret that is cut off is still found whole.
        text = repr(x[: 4 * self.maxstring])
        more = len(x) - 4 * self.maxstring
        return f"{text} ... ({more:,} more)" if more > 0 else text

    def _of_other(self, x: object) -> str:
        text = repr(x)
        if type(text) is not str:  # it may lie about its length and what is in it
            text = str.__str__(text)
        return text[: 4 * self.maxother]
