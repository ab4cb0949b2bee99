"""Long JSON documents, parsed in a thread while the event loop continues.

The standard library's parser is written in C, and no other thread can interrupt it: 16 MB block
everybody for a second or two. Here it gets pieces; where that is not possible, the library's parser
in Python is used.

The garbage collector is off meanwhile: while a document grows, it would go through all of it again
and again. Once it is complete, full collections go through it, and whoever frees it does too. Each
blocks everybody, so the number of arrays and objects in a document is limited.
"""

from __future__ import annotations

import gc
import itertools
import json
import re
from collections.abc import Callable, Iterator
from contextvars import copy_context
from functools import partial
from json.decoder import WHITESPACE, JSONArray, JSONObject  # type: ignore[attr-defined]
from json.scanner import py_make_scanner  # type: ignore[attr-defined]  # not in typeshed
from time import sleep
from typing import Any, TypeVar

from flask.json.provider import DefaultJSONProvider as FlaskDefaultJSONProvider
from werkzeug.exceptions import RequestEntityTooLarge

from ..threads import parse_off_loop
from .provider import DefaultJSONProvider, JSONProvider

T = TypeVar("T")

# After so many documents all garbage is collected, because what became garbage meanwhile is in the
# oldest generation, too, and the interpreter does not count it. In the pause before, in seconds,
# most applications let go of the last document.
_COLLECT_AFTER = 64
_PAUSE = 0.1
_documents = itertools.count(1)

# An application that freezes its objects has more of them. CPython 3.12 itself freezes 375.
_FROZEN = 1000

#: JSON of at least this many bytes is parsed off the loop.
LONG_JSON = 256 * 1024

# In characters: the length of the first trial, and the longest run that C parses at once.
_VALUE = 4096
_RUN = 32_768
# Seconds after each run in which the event loop gets the interpreter's lock. Otherwise it waits for
# 5 ms (`sys.getswitchinterval`) whenever it has read a socket.
_REST = 1e-5

# In characters: what a failed trial costs besides its length. When failed trials have cost as much
# as the document is long, there are no more; the parser in Python does the rest.
_TRIAL = 256

# The limit: one array or object per this many bytes of MAX_CONTENT_LENGTH, and at least as many as
# its default allows, which is 1,048,576.
_BYTES_PER_CONTAINER = 16
_LEAST_LIMIT = 16 * 1024 * 1024 // _BYTES_PER_CONTAINER

_STRING = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+(?:"|\Z)', re.DOTALL)


async def loads_off_loop(provider: JSONProvider, data: bytes, max_size: int | None) -> Any:
    """Do what `provider.loads(data)` does, for a body that may have `max_size` bytes.

    Raises RequestEntityTooLarge if the document has more arrays and objects than 1,048,576 or one
    per 16 of these bytes, whichever is more. With None there is no limit.
    """
    if max_size is not None:
        limit = max(_LEAST_LIMIT, max_size // _BYTES_PER_CONTAINER)
        if len(data) >= 2 * limit and await parse_off_loop(_holds_more_than, limit, data):
            raise RequestEntityTooLarge("The JSON document has too many arrays and objects.")
    options: dict[str, Any] = {}
    if type(provider).loads in (DefaultJSONProvider.loads, FlaskDefaultJSONProvider.loads):
        options["cls"] = InterruptibleDecoder
    loads = partial(provider.loads, data, **options)
    return await parse_off_loop(copy_context().run, _without_collections, loads)


def _without_collections(loads: Callable[[], T]) -> T:
    """Parse a document with the garbage collector off, and spare it the collections after that.

    What a document consists of has no cycles, but collections, each of which goes through all of it
    and blocks everybody, would take most of the time.
    """
    if not gc.isenabled():
        return loads()
    if next(_documents) % _COLLECT_AFTER == 0:
        sleep(_PAUSE)
        gc.collect()
    gc.disable()
    try:
        return loads()
    finally:
        _grow_old()
        gc.enable()


def _grow_old() -> None:
    """Move all objects into the oldest generation, which is seldom collected, at no cost."""
    # If the application has frozen objects, to share them with other processes, they stay frozen.
    if hasattr(gc, "freeze") and gc.get_freeze_count() < _FROZEN:
        gc.freeze()
        gc.unfreeze()


def _holds_more_than(limit: int, data: bytes) -> bool:
    """Whether a document has more arrays and objects than `limit`."""
    brackets = data.count(b"[") + data.count(b"{")
    if brackets <= limit:
        return False
    if b"\0" in data:  # UTF-16 or 32, in which bytes do not show where strings are
        return True
    for string in _STRING.finditer(data):
        brackets -= string[0].count(b"[") + string[0].count(b"{")
        if brackets <= limit:
            return False
    return True


class InterruptibleDecoder(json.JSONDecoder):
    """The standard library's decoder, in short steps, with the same values and errors."""

    _credit: int

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs, object_pairs_hook=_make_dict)
        self._scan = json.JSONDecoder(**kwargs).scan_once  # type: ignore[attr-defined]
        self.parse_object = self._parse_object
        self.parse_array = self._parse_array
        self.scan_once = py_make_scanner(self)

    def raw_decode(self, s: str, idx: int = 0) -> tuple[Any, int]:
        self._credit = len(s)
        return super().raw_decode(s, idx)

    def _try(self, text: str) -> tuple[object, int] | None:
        """Return the value at the beginning of `text` and its end, or None if there is none."""
        try:
            value: tuple[object, int] = self._scan(text, 0)
            return value
        except (StopIteration, ValueError, RecursionError):
            self._credit -= len(text) + _TRIAL
            return None

    def _parse_object(self, text_and_start: tuple[str, int], *args: object) -> tuple[object, int]:
        if self._credit < 0:
            result: tuple[object, int] = JSONObject(text_and_start, *args)
            return result
        text, start = text_and_start
        if (short := self._take_value(text, start, "}")) is not None:
            return short
        members: dict[str, object] = {}
        for run, following in self._take_runs(text, start, "{}"):
            members.update(run)
            start = following
        rest, end = JSONObject((text, start), *args)
        members.update(rest)
        return members, end

    def _parse_array(
        self, text_and_start: tuple[str, int], scan_once: object
    ) -> tuple[object, int]:
        if self._credit < 0:
            result: tuple[object, int] = JSONArray(text_and_start, scan_once)
            return result
        text, start = text_and_start
        if (short := self._take_value(text, start, "]")) is not None:
            return short
        elements: list[object] = []
        for run, following in self._take_runs(text, start, "[]"):
            elements += run
            start = following
        rest, end = JSONArray((text, start), scan_once)
        # PERF: the outer list has to be the older one, or the garbage collector takes seconds.
        elements += rest
        return elements, end

    def _take_value(self, text: str, start: int, bracket: str) -> tuple[object, int] | None:
        """Return the object or array begun before `start`, and its end, if it is flat and short."""
        end = text.find(bracket, start, start + _VALUE) + 1
        if end == 0:
            return None
        value = self._try(text[start - 1 : end])
        return None if value is None else (value[0], end)

    def _take_runs(self, text: str, start: int, brackets: str) -> Iterator[tuple[Any, int]]:
        """Iterate over runs of whole members from `start` on, with the index of the next run."""
        size = _VALUE
        while (run := self._take_run(text, start, start + size, brackets)) is not None:
            yield run
            sleep(_REST)
            start = run[1]
            size = min(2 * size, _RUN)

    def _take_run(self, text: str, start: int, end: int, brackets: str) -> tuple[Any, int] | None:
        if len(text) < end or self._credit < 0:
            return None
        mark = "," if text.find("},", start, end) < 0 else "},"
        # Only a trial shows which comma is between members, and not within one.
        for _ in range(4):
            end = text.rfind(mark, start, end)
            if end < 0:
                return None
            comma = end + len(mark) - 1
            run = brackets[0] + text[start:comma] + brackets[1]
            value = self._try(run)
            if value is None:
                continue
            members, length = value
            following = WHITESPACE.match(text, comma + 1).end()
            # Nothing before a comma, or the end after it, is an error that the other parser
            # reports.
            if members and length == len(run) and not text.startswith(brackets[1], following):
                return members, following
            self._credit -= len(run)
        return None


def _make_dict(pairs: list[tuple[str, object]]) -> dict[str, object]:
    return {name: value for name, value in pairs}  # noqa: C416 (dict() cannot be interrupted)
