"""Ranges of a body (RFC 9110, section 14): parsing a request for them, and sending several."""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator
from typing import TYPE_CHECKING, Protocol, Self, runtime_checkable

from werkzeug.exceptions import RequestedRangeNotSatisfiable

from .response_body import ResponseBody

if TYPE_CHECKING:
    from types import TracebackType

    from ..typing import Chunk

#: If a request has more ranges than this, they are ignored and the whole body is sent.
MAX_RANGES = 32

#: A Range header whose unit is bytes.
RANGES = re.compile(r"bytes[ \t]*=(.*)", re.IGNORECASE)
_RANGE = re.compile(r"([0-9]*)[ \t]*-[ \t]*([0-9]*)", re.ASCII)


def satisfiable_ranges(value: str, length: int) -> list[tuple[int, int]] | None:
    """Return the requested ranges [begin, end) that exist, with overlapping ones joined.

    None means that the header is ignored. Raises RequestedRangeNotSatisfiable if a range is
    malformed, or if all of them are beyond the end.
    """
    items = value.split(",", MAX_RANGES)
    if len(items) > MAX_RANGES:
        return None
    ranges: list[tuple[int, int]] = []
    for item in items:
        match = _RANGE.fullmatch(item.strip(" \t"))
        if match is None or not any(match.groups()):
            raise RequestedRangeNotSatisfiable(length)
        first, last = match.groups()
        if not first:
            begin, end = max(0, length - _number(last)), length
        else:
            begin = _number(first)
            end = min(length, _number(last) + 1) if last else length
            if last and _number(last) < begin:
                raise RequestedRangeNotSatisfiable(length)
        if begin < end:
            ranges.append((begin, end))
    if not ranges:
        raise RequestedRangeNotSatisfiable(length)
    joined: list[tuple[int, int]] = []
    for begin, end in sorted(ranges):
        if joined and begin <= joined[-1][1]:
            begin, end = joined[-1][0], max(end, joined.pop()[1])
        joined.append((begin, end))
    return joined


def _number(digits: str) -> int:
    """Parse a number. More than 18 digits give 10**18, because no body is that long."""
    digits = digits.lstrip("0")
    return int(digits or "0") if len(digits) <= 18 else 10**18


@runtime_checkable
class SlicedBody(Protocol):
    """A `ResponseBody` that can send a part of itself."""

    async def make_conditional(self, begin: int, end: int | None) -> int | None: ...

    async def __aenter__(self) -> AsyncIterable[Chunk]: ...

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc_value: BaseException | None,
        tb: TracebackType | None,
    ) -> None: ...


class MultiRangeBody(ResponseBody):
    """Several ranges of one body as multipart/byteranges (RFC 9110, section 14.6)."""

    def __init__(
        self,
        body: SlicedBody,
        ranges: list[tuple[int, int]],
        size: int,
        content_type: str,
        boundary: str,
    ) -> None:
        self.body = body
        self.parts = [
            (
                begin,
                end,
                f"\r\n--{boundary}\r\nContent-Type: {content_type}\r\n"
                f"Content-Range: bytes {begin}-{end - 1}/{size}\r\n\r\n".encode("latin-1"),
            )
            for begin, end in ranges
        ]
        self.tail = f"\r\n--{boundary}--\r\n".encode()
        self.size = sum(end - begin + len(head) for begin, end, head in self.parts)
        self.size += len(self.tail)

    async def __aenter__(self) -> Self:
        self._chunks = self._iterate()
        return self

    async def close(self) -> None:
        await self._chunks.aclose()

    def __aiter__(self) -> AsyncIterator[Chunk]:
        return self._chunks

    async def _iterate(self) -> AsyncGenerator[Chunk, None]:
        for begin, end, head in self.parts:
            await self.body.make_conditional(begin, end)
            yield head
            async with self.body as chunks:
                async for chunk in chunks:
                    yield chunk
        yield self.tail
