"""Long JSON documents, parsed in a thread while the event loop goes on.

The standard library's parser is C that no other thread can interrupt: 16 MB hold up everybody
for a second or two. Here it is given pieces; what cannot be taken in pieces goes through the
library's parser in Python.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextvars import copy_context
from functools import partial
from json.decoder import WHITESPACE, JSONArray, JSONObject  # type: ignore[attr-defined]
from json.scanner import py_make_scanner  # type: ignore[attr-defined]  # not in typeshed
from typing import Any

from flask.json.provider import DefaultJSONProvider, JSONProvider

from ..threads import off_loop

# In characters: what is tried first, and the most that C gets at once.
_VALUE = 4096
_RUN = 65_536


async def loads_off_loop(provider: JSONProvider, data: bytes) -> Any:
    """What `provider.loads(data)` gives or raises."""
    options: dict[str, Any] = {}
    if type(provider).loads is DefaultJSONProvider.loads:
        options["cls"] = InterruptibleDecoder
    return await off_loop(copy_context().run, partial(provider.loads, data, **options))


class InterruptibleDecoder(json.JSONDecoder):
    """The standard library's decoder, with the same values and errors, in short steps."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs, object_pairs_hook=_make_dict)
        self._scan = json.JSONDecoder(**kwargs).scan_once  # type: ignore[attr-defined]
        self.parse_object = self._parse_object
        self.parse_array = self._parse_array
        self.scan_once = py_make_scanner(self)

    def _parse_object(self, text_and_start: tuple[str, int], *args: Any) -> tuple[Any, int]:
        text, start = text_and_start
        if (short := self._take_value(text, start, "}")) is not None:
            return short
        members: dict[str, Any] = {}
        for run, following in self._take_runs(text, start, "{}"):
            members.update(run)
            start = following
        rest, end = JSONObject((text, start), *args)
        members.update(rest)
        return members, end

    def _parse_array(self, text_and_start: tuple[str, int], scan_once: Any) -> tuple[Any, int]:
        text, start = text_and_start
        if (short := self._take_value(text, start, "]")) is not None:
            return short
        elements: list[Any] = []
        for run, following in self._take_runs(text, start, "[]"):
            elements += run
            start = following
        rest, end = JSONArray((text, start), scan_once)
        # PERF: the outer list has to be the older one, or the garbage collector takes seconds.
        elements += rest
        return elements, end

    def _take_value(self, text: str, start: int, bracket: str) -> tuple[Any, int] | None:
        """The object or array that begins before `start`, if it is flat and short, and its end."""
        end = text.find(bracket, start, start + _VALUE) + 1
        if end == 0:
            return None
        try:
            return self._scan(text[start - 1 : end], 0)[0], end
        except (StopIteration, ValueError, RecursionError):
            return None

    def _take_runs(self, text: str, start: int, brackets: str) -> Iterator[tuple[Any, int]]:
        """Runs of whole members from `start` on, each with the index where the next begins."""
        size = _VALUE
        while (run := self._take_run(text, start, start + size, brackets)) is not None:
            yield run
            start = run[1]
            size = min(2 * size, _RUN)

    def _take_run(self, text: str, start: int, end: int, brackets: str) -> tuple[Any, int] | None:
        if len(text) < end:
            return None
        mark = "," if text.find("},", start, end) < 0 else "},"
        # Which comma is between members, and not within one, only a trial tells.
        for _ in range(4):
            end = text.rfind(mark, start, end)
            if end < 0:
                return None
            comma = end + len(mark) - 1
            run = brackets[0] + text[start:comma] + brackets[1]
            try:
                members, length = self._scan(run, 0)
            except (StopIteration, ValueError, RecursionError):
                continue
            following = WHITESPACE.match(text, comma + 1).end()
            # Nothing before a comma, or the end behind it, is an error for the other parser.
            if members and length == len(run) and not text.startswith(brackets[1], following):
                return members, following
        return None


def _make_dict(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    return {name: value for name, value in pairs}  # noqa: C416 (dict() cannot be interrupted)
