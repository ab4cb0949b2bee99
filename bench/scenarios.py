"""The requests: what is asked of every framework, and what each must answer before it is timed."""

import json
import random
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from apps.common import (
    CHUNK,
    CHUNKS,
    FIVE_HEADERS,
    GREETING,
    HOOKS,
    RESOURCES,
    ROWS,
    THREE_HEADERS,
    item,
    user,
)

FILE = random.Random(1).randbytes(1_000_000)
DOCUMENT = {
    "title": "One kilobyte",
    "tags": ["alpha", "beta", "gamma"],
    "rows": [{"id": i, "name": f"user {i}", "score": i / 8, "active": True} for i in range(15)],
}
MESSAGES = 1000


@dataclass(frozen=True)
class Answer:
    """What came back for one request."""

    status: int
    headers: list[tuple[bytes, bytes]]
    body: bytes

    def has_headers(self, expected: dict[str, str]) -> bool:
        sent = {name.lower(): value for name, value in self.headers}
        return all(
            sent.get(name.lower().encode()) == value.encode() for name, value in expected.items()
        )

    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def cookies(self) -> bytes:
        """What a browser would send back in its `cookie` header."""
        set_cookies = (value for name, value in self.headers if name.lower() == b"set-cookie")
        return b"; ".join(value.partition(b";")[0] for value in set_cookies)


@dataclass(frozen=True)
class Scenario:
    """One kind of request; `{}` in `path` and `query` is a number that no earlier one carried."""

    name: str
    title: str
    path: str
    is_right: Callable[[Answer, int], bool]  # Of the answer to the request with that number.
    app: str = "plain"
    method: str = "GET"
    status: int = 200
    hooks: int = 0
    query: str = ""
    headers: tuple[bytes, ...] = ()  # Beside the browser's own, `name: value`.
    body: bytes = b""
    piece: int = 2**30  # Bytes of the body in one ASGI message.
    signs_in: str = ""  # A path whose cookies come with every later request.
    messages: int = 0  # Of a websocket: how many are echoed in one connection, and the unit.

    @cached_property
    def header_lines(self) -> list[bytes]:
        length = [b"content-length: %d" % len(self.body)] if self.body else []
        return [*self.headers, *length]

    @cached_property
    def pieces(self) -> list[bytes]:
        """The body as ASGI messages carry it: one at least."""
        starts = range(0, max(1, len(self.body)), self.piece)
        return [self.body[start : start + self.piece] for start in starts]


def is_greeting(answer: Answer, n: int) -> bool:
    return answer.body == GREETING.encode()


def is_user(answer: Answer, n: int) -> bool:
    return answer.json() == user(n)


def is_anything(answer: Answer, n: int) -> bool:
    return True


def is_document(answer: Answer, n: int) -> bool:
    return answer.json() == DOCUMENT


def has_values(answer: Answer, n: int) -> bool:
    return answer.body == b"word %d, abc, dark" % n


def has_five_headers(answer: Answer, n: int) -> bool:
    return answer.body == GREETING.encode() and answer.has_headers(FIVE_HEADERS)


def is_path(answer: Answer, n: int) -> bool:
    return answer.body == b"docs/chapter/%d.txt" % n


def is_item(answer: Answer, n: int) -> bool:
    return answer.json() == item(n, "3", "dark") and answer.has_headers(THREE_HEADERS)


def has_rows(answer: Answer, n: int) -> bool:
    cells = (f"<td>{row['name']}</td>".encode() for row in ROWS[1:])
    return b"<td>&lt;user 0&gt;</td>" in answer.body and all(cell in answer.body for cell in cells)


def has_second_visit(answer: Answer, n: int) -> bool:
    return answer.body == b"2" and answer.cookies != b""


def is_stream(answer: Answer, n: int) -> bool:
    return answer.body == CHUNK * CHUNKS


def has_upload(answer: Answer, n: int) -> bool:
    return answer.body == b"A title, draft, %d" % len(FILE)


def multipart(boundary: bytes) -> bytes:
    part = b'--%s\r\nContent-Disposition: form-data; name="%s"'
    return b"\r\n".join(
        (
            part % (boundary, b"title") + b"\r\n\r\nA title",
            part % (boundary, b"state") + b"\r\n\r\ndraft",
            part % (boundary, b"file") + b'; filename="file.bin"',
            b"Content-Type: application/octet-stream\r\n\r\n" + FILE,
            b"--%s--\r\n" % boundary,
        )
    )


HELLO = {"path": "/", "is_right": is_greeting}
UPLOAD = {
    "path": "/upload",
    "is_right": has_upload,
    "app": "uploading",
    "method": "POST",
    "headers": (b"content-type: multipart/form-data; boundary=bench-boundary-1f0c",),
    "body": multipart(b"bench-boundary-1f0c"),
}

SCENARIOS = {
    scenario.name: scenario
    for scenario in (
        Scenario("plaintext", "plaintext", **HELLO),
        Scenario("parameter", "`/user/<int:id>` to JSON", "/user/{}", is_user),
        Scenario("path", "`/files/<path:name>`", "/files/docs/chapter/{}.txt", is_path),
        Scenario("waits", "a handler that waits once", "/wait", is_greeting),
        Scenario("headers", "five response headers", "/headers", has_five_headers),
        Scenario(
            "application",
            "the application",
            "/items/{}",
            is_item,
            app="application",
            query="page=3",
            headers=(b"cookie: theme=dark; seen=1",),
        ),
        Scenario(
            "json",
            "1 KB of JSON in and out",
            "/document",
            is_document,
            app="values",
            method="POST",
            headers=(b"content-type: application/json",),
            body=json.dumps(DOCUMENT).encode(),
        ),
        Scenario(
            "values",
            "query, header and cookie read",
            "/values",
            has_values,
            app="values",
            query="q=word+{}&page=3",
            headers=(b"x-request-id: abc", b"cookie: theme=dark; seen=1"),
        ),
        Scenario("template", "Jinja template of ten rows", "/rows", has_rows, app="template"),
        Scenario(
            "routes_static",
            "500 routes, last static",
            f"/resource{RESOURCES - 1}",
            is_greeting,
            app="many_routes",
        ),
        Scenario(
            "routes_parameter",
            "500 routes, last with parameter",
            f"/resource{RESOURCES - 1}/{{}}",
            is_user,
            app="many_routes",
        ),
        Scenario(
            "session",
            "signed session, read and written",
            "/visit",
            has_second_visit,
            app="with_session",
            signs_in="/visit",
        ),
        Scenario(
            "untouched",
            "session configured, untouched",
            "/",
            is_greeting,
            app="with_session",
            signs_in="/visit",
        ),
        Scenario(
            "async_hooks",
            "5 before + 5 after, `async def`",
            **HELLO,
            app="async_hooks",
            hooks=HOOKS,
        ),
        Scenario("def_hooks", "5 before + 5 after, `def`", **HELLO, app="def_hooks", hooks=HOOKS),
        Scenario("def_view", "`def` view", **HELLO, app="def_view"),
        Scenario("not_found", "404", "/nowhere", is_anything, status=404),
        Scenario("stream", "stream of 100 x 10 KB", "/stream", is_stream, app="streaming"),
        Scenario("multipart", "1 MB multipart, whole", **UPLOAD),
        Scenario("multipart_pieces", "1 MB multipart, pieces of 64 KB", **UPLOAD, piece=65_536),
        Scenario(
            "echo",
            "websocket echo, per message",
            "/echo",
            is_anything,
            app="echoing",
            status=101,
            messages=MESSAGES,
        ),
    )
}
