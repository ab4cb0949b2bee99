"""The fixture `client`: a module's `app` is served by Hypercorn on a free port, over real HTTP."""

from __future__ import annotations

import asyncio
import http.client
import json
import socket
import threading
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from email.message import Message
from http.cookies import SimpleCookie
from typing import Any
from urllib.parse import urlencode

import pytest
from hypercorn.asyncio import serve
from hypercorn.config import Config

TIMEOUT = 20  # seconds for one answer


@dataclass
class Answer:
    status: int
    headers: Message
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode()

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class Client:
    """A client that keeps cookies and follows nothing."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.cookies: dict[str, str] = {}

    def get(self, path: str, headers: Mapping[str, str] = {}) -> Answer:
        return self.request("GET", path, None, headers)

    def post(
        self,
        path: str,
        form: Mapping[str, str] | None = None,
        json: Any = None,
        files: Mapping[str, tuple[str, bytes]] | None = None,
        headers: Mapping[str, str] = {},
    ) -> Answer:
        body, content_type = encode(form or {}, json, files)
        return self.request("POST", path, body, {"Content-Type": content_type, **headers})

    def request(
        self, method: str, path: str, body: bytes | None, headers: Mapping[str, str]
    ) -> Answer:
        headers = dict(headers)
        if self.cookies:
            headers["Cookie"] = "; ".join(f"{key}={value}" for key, value in self.cookies.items())
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=TIMEOUT)
        try:
            connection.request(method, path, body, headers)
            response = connection.getresponse()
            answer = Answer(response.status, response.headers, response.read())
        finally:
            connection.close()
        for header in answer.headers.get_all("Set-Cookie", []):
            for name, morsel in SimpleCookie(header).items():
                if morsel.value and morsel["max-age"] != "0":
                    self.cookies[name] = morsel.value
                else:
                    self.cookies.pop(name, None)
        return answer


def encode(
    form: Mapping[str, str], data: Any, files: Mapping[str, tuple[str, bytes]] | None
) -> tuple[bytes, str]:
    """A body and its content type: multipart where there are files, else JSON or urlencoded."""
    if data is not None:
        return json.dumps(data).encode(), "application/json"
    if files is None:
        return urlencode(form).encode(), "application/x-www-form-urlencoded"
    boundary = uuid.uuid4().hex
    parts = [(f'name="{name}"', value.encode()) for name, value in form.items()]
    parts += [(f'name="{key}"; filename="{name}"', data) for key, (name, data) in files.items()]
    body = b"".join(
        f"--{boundary}\r\nContent-Disposition: form-data; {name}\r\n\r\n".encode() + data + b"\r\n"
        for name, data in parts
    )
    return body + f"--{boundary}--\r\n".encode(), f"multipart/form-data; boundary={boundary}"


@contextmanager
def served(app: Any) -> Iterator[Client]:
    """A client of an application that a thread serves meanwhile."""
    listener = socket.create_server(("127.0.0.1", 0))
    port = listener.getsockname()[1]
    config = Config()
    config.bind = [f"fd://{listener.detach()}"]  # which the server closes
    config.loglevel = "WARNING"
    done = threading.Event()

    async def ended() -> None:
        while not done.is_set():
            await asyncio.sleep(0.05)

    async def main() -> None:
        await serve(app, config, shutdown_trigger=ended)

    def run() -> None:
        loop = asyncio.new_event_loop()
        asyncio.set_event_loop(loop)
        try:
            loop.run_until_complete(main())
        finally:
            loop.close()

    server = threading.Thread(target=run)
    server.start()
    try:
        yield Client(port)
    finally:
        done.set()
        server.join()


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


@pytest.fixture
def client(request: pytest.FixtureRequest) -> Iterator[Client]:
    """A client of the module's `app`."""
    with served(request.module.app) as client:
        yield client
