"""Small tools below the framework: paths, bytes, tasks, and the names of 0.22's `quart.utils`."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Awaitable, Callable, MutableSequence
from pathlib import Path

from .headers import decode_headers as decode_headers
from .headers import encode_headers as encode_headers
from .typing import Event, FilePath
from .workers import WORKER_THREADS as WORKER_THREADS
from .workers import is_coroutine_callable as is_coroutine_callable
from .workers import run_sync as run_sync
from .workers import run_sync_iterable as run_sync_iterable


class MustReloadError(Exception):
    """A source file has changed, so the process has to restart."""


# Paths


def file_path_to_path(*paths: FilePath) -> Path:
    """Join parts (str, bytes or path-like objects) into one path."""
    return Path(*[os.fsdecode(path) for path in paths])


# Bytes

# Pieces smaller than this are joined, into pieces of at most about the second size.
_SMALL_PIECE = 4096
_JOINED_PIECE = 65_536


def add_piece(pieces: MutableSequence[bytes | bytearray], data: bytes) -> None:
    """Append a piece of bytes to a list; a small piece is joined with small ones before it.

    So a client that sends byte by byte uses no more memory than others: as separate objects, each
    byte would take 41.
    """
    if not pieces or len(data) >= _SMALL_PIECE:
        pieces.append(bytes(data))
        return
    last = pieces[-1]
    if type(last) is bytearray:
        last += data
        if len(last) >= _JOINED_PIECE:
            pieces[-1] = bytes(last)
    elif len(last) < _SMALL_PIECE:
        pieces[-1] = bytearray(last) + data
    else:
        pieces.append(data)


# Tasks


async def cancel_tasks(tasks: set[asyncio.Task[object]]) -> None:
    """Cancel tasks, wait for all of them, and raise any error that one of them raised instead."""
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    raise_task_exceptions(tasks)


def raise_task_exceptions(tasks: set[asyncio.Task[object]]) -> None:
    """Raise the exception with which one of these finished tasks ended, if any did."""
    for task in tasks:
        if not task.cancelled():
            error = task.exception()
            if error is not None:
                raise error


# The polling reloader


async def observe_changes(
    sleep: Callable[[float], Awaitable[object]], shutdown_event: Event
) -> None:
    """Check the source files of all imported modules every second, until the event is set.

    Raises MustReloadError if one of them has changed.
    """
    seen: dict[str, float] = {}
    while not shutdown_event.is_set():
        await sleep(1)
        for name in _source_files():
            try:
                changed = os.stat(name).st_mtime
            except OSError:
                continue  # the file is being replaced, or exists only in an archive
            if seen.setdefault(name, changed) != changed:
                raise MustReloadError


def _source_files() -> list[str]:
    files = [getattr(module, "__file__", None) for module in list(sys.modules.values())]
    return [name for name in files if name]


def restart() -> None:
    """Replace this process with a new one that has the same command line."""
    os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])


def printable(text: str) -> str:
    """Escape what is not printable, such as line breaks, in a client's text for a log."""
    return text if text.isprintable() else text.encode("unicode_escape").decode()
