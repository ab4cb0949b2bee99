"""The works: what is asked of every framework, and what it must answer before it is timed."""

import json
import random
from collections.abc import Callable
from dataclasses import dataclass

FIELDS = {"title": "A title", "description": "A description of some length. " * 10, "tag": "x"}
# 1 MiB as in an image or an archive. (How long a boundary is looked for depends on the content.)
FILE = random.Random(0).randbytes(1024 * 1024)
CHUNK, CHUNKS = b"x" * 10_240, 100
ITEMS = [f"item {number}\n" for number in range(2_000)]
STATIC_SIZE = 64 * 1024 * 1024
DOCUMENT = {
    "id": 12345,
    "name": "A name",
    "tags": ["one", "two", "three"],
    "active": True,
    "items": [
        {"id": number, "price": number * 1.25, "label": f"l{number}"} for number in range(22)
    ],
}


def form() -> tuple[bytes, bytes]:
    """A Content-Type and a body: three fields and a file of 1 MiB."""
    boundary = "----WebKitFormBoundary7MA4YWxkTrZu0gW"
    parts = [
        f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()
        for name, value in FIELDS.items()
    ]
    head = (
        f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="file.bin"\r\n'
        "Content-Type: application/octet-stream\r\n\r\n"
    )
    body = b"".join([*parts, head.encode(), FILE, f"\r\n--{boundary}--\r\n".encode()])
    return f"multipart/form-data; boundary={boundary}".encode(), body


@dataclass(frozen=True)
class Work:
    """One kind of request; its body comes in `pieces`."""

    name: str
    title: str
    path: str
    is_right: Callable[[bytes], bool]
    method: str = "GET"
    content_type: bytes = b""
    pieces: tuple[bytes, ...] = (b"",)

    @property
    def header_lines(self) -> tuple[bytes, ...]:
        if not self.content_type:
            return ()
        length = sum(len(piece) for piece in self.pieces)
        return (b"content-type: " + self.content_type, b"content-length: %d" % length)


def is_received(answer: bytes) -> bool:
    """The views answer with what they found in the form."""
    found = json.loads(answer)
    return found == {"size": len(FILE), "fields": sum(len(value) for value in FIELDS.values())}


def is_document(answer: bytes) -> bool:
    return json.loads(answer) == DOCUMENT


CONTENT_TYPE, FORM = form()
WORKS = {
    work.name: work
    for work in (
        Work(
            "multipart",
            "1 MB multipart, whole",
            "/form",
            is_received,
            "POST",
            CONTENT_TYPE,
            (FORM,),
        ),
        Work(
            "multipart_pieces",
            "1 MB multipart, in 64 KB pieces",
            "/form",
            is_received,
            "POST",
            CONTENT_TYPE,
            tuple(FORM[i : i + 65_536] for i in range(0, len(FORM), 65_536)),
        ),
        Work(
            "stream",
            "100 chunks of 10 KB from an async generator",
            "/stream",
            lambda answer: answer == CHUNK * CHUNKS,
        ),
        Work(
            "static",
            "64 MB static file, without pathsend",
            "/static/large.bin",
            lambda answer: len(answer) == STATIC_SIZE,
        ),
        Work(
            "iterable",
            "sync iterable of 2,000 short items",
            "/items",
            lambda answer: answer == "".join(ITEMS).encode(),
        ),
        Work(
            "json",
            "JSON 1 KB in and out",
            "/json",
            is_document,
            "POST",
            b"application/json",
            (json.dumps(DOCUMENT).encode(),),
        ),
    )
}
