"""Objects for user code: `FileStorage`, an uploaded file, and `State`, the values of startup."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Coroutine, Iterator, MutableMapping
from os import PathLike
from shutil import copyfileobj
from typing import IO, Any, ParamSpec

from werkzeug.datastructures import FileStorage as WerkzeugFileStorage

from .forgotten import Reminder
from .threads import off_loop

P = ParamSpec("P")


def _off_loop_or_here(
    func: Callable[P, Any], *args: P.args, **kwargs: P.kwargs
) -> Coroutine[object, None, None]:
    if asyncio._get_running_loop() is None:
        # Sync views have a thread of their own, and do not await.
        return func(*args, **kwargs)  # type: ignore[no-any-return]
    coroutine: Any = off_loop(func, *args, **kwargs)
    name = func.__qualname__.replace("._", ".")
    # Python's warning about a coroutine that is never awaited shows this name.
    coroutine.__qualname__ = name
    return Reminder(coroutine, f"file.{func.__name__.lstrip('_')}()")


class FileStorage(WerkzeugFileStorage):
    """An uploaded file: Werkzeug's, with `save` and `load` to be awaited, except in sync views.

    `read`, `seek` and iteration act on `stream`, which is in memory while the file is small.
    """

    def save(  # type: ignore[override]
        self,
        destination: str | PathLike[str] | IO[bytes],
        buffer_size: int = 16384,
    ) -> Coroutine[object, None, None]:
        """Copy the rest of the file to a path or an open binary file, in a thread.

        `buffer_size` is the number of bytes copied at a time. An open file stays open.
        """
        return _off_loop_or_here(self._save, destination, buffer_size)

    def load(
        self, source: str | PathLike[str], buffer_size: int = 16384
    ) -> Coroutine[object, None, None]:
        """Append the content of the file at path `source` to the stream, in a thread."""
        return _off_loop_or_here(self._load, source, buffer_size)

    def _save(self, destination: str | PathLike[str] | IO[bytes], buffer_size: int) -> None:
        if isinstance(destination, (str, os.PathLike)):
            with open(destination, "wb") as target:
                copyfileobj(self.stream, target, buffer_size)
        else:
            copyfileobj(self.stream, destination, buffer_size)

    def _load(self, source: str | PathLike[str], buffer_size: int) -> None:
        with open(source, "rb") as origin:
            copyfileobj(origin, self.stream, buffer_size)


class State:
    """The values that startup code left for connections, by attribute or by key.

    It is a view of `scope["state"]`: each connection has its own copy of the names, and shares the
    values. A missing name raises AttributeError or KeyError.
    """

    __slots__ = ("_values",)
    _values: MutableMapping[str, Any]

    def __init__(self, values: MutableMapping[str, Any]) -> None:
        object.__setattr__(self, "_values", values)

    def __getattr__(self, name: str) -> Any:
        try:
            return self._values[name]
        except KeyError:
            raise AttributeError(f"The state has no {name!r}: no lifespan has set it.") from None

    def __setattr__(self, name: str, value: object) -> None:
        self._values[name] = value

    def __delattr__(self, name: str) -> None:
        del self._values[name]

    def __getitem__(self, name: str) -> Any:
        return self._values[name]

    def __setitem__(self, name: str, value: object) -> None:
        self._values[name] = value

    def __contains__(self, name: object) -> bool:
        return name in self._values

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __repr__(self) -> str:
        return f"State({dict(self._values)!r})"


def attributes_of(value: object) -> dict[str, Any]:
    """Return the public attributes of an object, with or without slots."""
    names = list(getattr(value, "__dict__", ()))
    for cls in type(value).__mro__:
        slots = cls.__dict__.get("__slots__", ())
        names += [slots] if isinstance(slots, str) else slots
    return {name: getattr(value, name) for name in names if name[0] != "_" and hasattr(value, name)}
