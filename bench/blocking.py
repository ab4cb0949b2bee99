"""How long one hostile body holds up the event loop: the longest gap between two of its turns.

    python bench/blocking.py

prints milliseconds for bodies within the default limits, the median of several attempts. The bar
is 250 ms. `--json` prints the medians as an object.
"""

import asyncio
import json
import statistics
import sys
from collections.abc import Iterator
from typing import Any

from quart import Quart, request

ATTEMPTS = 5
FORM = "application/x-www-form-urlencoded"
SIZE = 16_000_000
CONTAINERS = 1_048_576  # that a JSON document may hold


def bodies() -> Iterator[tuple[str, str, bytes]]:
    """A name, a content type, and the body itself."""
    for piece in ("a&", "a=1&", "%41", "%FF", "+", "&"):
        yield f"form of {piece}", FORM, piece.encode() * (SIZE // len(piece))
        yield f"short form of {piece}", FORM, piece.encode() * (499_998 // len(piece))
    yield "JSON numbers", "application/json", b"[" + b"0," * 4_000_000 + b"0]"
    yield "JSON text", "application/json", b'{"a":"' + b"x" * 8_000_000 + b'"}'
    yield "JSON records", "application/json", b"[" + b'{"a":{"b":1},"c":""},' * 120_000 + b"0]"
    for name, unit in (
        ("lists", b"[]"),
        ("pairs", b"[0,1]"),
        ("objects", b'{"":0}'),
        ("objects in objects", b'{"":{}}'),
        ("nests of 4", b"[[[[]]]]"),
        ("nests of 300", b"[" * 300 + b"]" * 300),
    ):
        times = (CONTAINERS - 1) // (unit.count(b"[") + unit.count(b"{"))
        padded = (unit + b",").ljust(SIZE // times)
        yield f"JSON {name}", "application/json", b"[" + padded * times + b"0]"
    yield "JSON lists over the limit", "application/json", b"[" + b"[]," * 5_000_000 + b"0]"
    yield "JSON escapes", "application/json", b'["' + b"\\u00e9" * 2_600_000 + b'"]'
    yield "JSON texts", "application/json", b"[" + b'"ab",' * 3_000_000 + b"0]"
    yield "JSON digits", "application/json", b"[" + b",".join([b"1" * 4300] * 1800) + b"]"
    part = b'--b\r\nContent-Disposition: form-data; name="f"; filename="f"\r\n\r\n'
    for name, near in (
        ("near misses", b"\r\n--"),
        ("nearer misses", b"\r\n--a"),
        ("line breaks", b"\r\n"),
        ("carriage returns", b"\r"),
    ):
        content = (near * (SIZE // len(near)))[: SIZE - 1000]
        whole = part + content + b"\r\n--b--\r\n"
        yield f"multipart {name}", "multipart/form-data; boundary=b", whole
    field = b'--b\r\nContent-Disposition: form-data; name="f"\r\n\r\n'
    fields = (field + b"x" * 15_000 + b"\r\n") * 1000
    yield "multipart fields", "multipart/form-data; boundary=b", fields + b"--b--"


app = Quart(__name__)


@app.post("/")
async def read() -> str:
    if request.is_json:
        await request.get_json()
    else:
        await request.form
    return ""


async def longest_gap(content_type: str, body: bytes) -> tuple[int, float]:
    """The status of the answer, and milliseconds."""
    loop = asyncio.get_running_loop()
    pieces = [body[i : i + 65_536] for i in range(0, len(body), 65_536)]
    status = 0

    async def receive() -> dict[str, Any]:
        await asyncio.sleep(0)
        if not pieces:
            await asyncio.Event().wait()  # the client stays
        piece = pieces.pop(0)
        return {"type": "http.request", "body": piece, "more_body": bool(pieces)}

    async def send(message: dict[str, Any]) -> None:
        nonlocal status
        status = message.get("status", status)

    scope = {
        "type": "http",
        "http_version": "1.1",
        "method": "POST",
        "path": "/",
        "headers": [(b"content-type", content_type.encode())],
    }
    work = asyncio.create_task(app(scope, receive, send))
    longest = 0.0
    while not work.done():
        before = loop.time()
        await asyncio.sleep(0)
        longest = max(longest, loop.time() - before)
    await work
    return status, longest * 1000


async def main() -> None:
    medians = {}
    for name, content_type, body in bodies():
        attempts = [await longest_gap(content_type, body) for _ in range(ATTEMPTS)]
        gaps = [gap for _, gap in attempts]
        medians[name] = statistics.median(gaps)
        spread = f"({min(gaps):.1f}-{max(gaps):.1f})"
        print(
            f"{name:26} {attempts[0][0]} {medians[name]:8.1f} ms  {spread}",
            file=sys.stderr,
        )
    if "--json" in sys.argv:
        print(json.dumps(medians))


if __name__ == "__main__":
    asyncio.run(main())
