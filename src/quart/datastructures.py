"""`FileStorage`: an uploaded file, read in place and saved or loaded without blocking the loop."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Coroutine
from os import PathLike
from shutil import copyfileobj
from typing import IO, Any, ParamSpec

from werkzeug.datastructures import FileStorage as WerkzeugFileStorage

from .threads import off_loop

P = ParamSpec("P")


def _off_loop_or_here(
    func: Callable[P, Any], *args: P.args, **kwargs: P.kwargs
) -> Coroutine[Any, Any, None]:
    if asyncio._get_running_loop() is None:
        # A sync view has its thread already, and does not await.
        return func(*args, **kwargs)  # type: ignore[no-any-return]
    return off_loop(func, *args, **kwargs)


class FileStorage(WerkzeugFileStorage):
    """An uploaded file: Werkzeug's, with `save` and `load` to be awaited, but not in sync views.

    Reads (`read`, iteration, `seek`) act on `stream`, which is in memory while it is small.
    """

    def save(  # type: ignore[override]
        self,
        destination: str | PathLike[str] | IO[bytes],
        buffer_size: int = 16384,
    ) -> Coroutine[Any, Any, None]:
        """Copy what is left of the file to a path or an open binary file, in a thread.

        `buffer_size` is the number of bytes copied at a time. An open file is left open.
        """
        return _off_loop_or_here(self._save, destination, buffer_size)

    def load(
        self, source: str | PathLike[str], buffer_size: int = 16384
    ) -> Coroutine[Any, Any, None]:
        """Append the content of the file at the path `source` to the stream, in a thread."""
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
