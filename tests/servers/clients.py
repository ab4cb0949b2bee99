"""The clients: curl and nghttp as commands, and a websocket over HTTP/2 by hand."""

import asyncio
import contextlib
import shutil
import subprocess
from collections.abc import AsyncIterator
from typing import Any

import h2.config
import h2.connection
import h2.events
import pytest
import wsproto
import wsproto.events
from asgi import Response
from werkzeug.datastructures import Headers

TIMEOUT = 10  # seconds, for any one exchange


def command(*arguments: str) -> bytes:
    """Run a client's command and return what it prints, or skip where it is not installed."""
    if shutil.which(arguments[0]) is None:
        pytest.skip(f"{arguments[0]} is not installed")
    run = subprocess.run(arguments, capture_output=True, timeout=TIMEOUT, check=False)
    assert run.returncode == 0, f"{' '.join(arguments)}: {run.stderr.decode()}"
    return run.stdout


def curl(*arguments: str) -> Response:
    """Ask by curl; ``http_version`` comes as a header of the answer."""
    answer = command("curl", "--silent", "--show-error", "--include", *arguments)
    head, _, body = answer.partition(b"\r\n\r\n")
    while head.split(b" ")[1].startswith(b"1"):  # 100 and 103 announce the response
        head, _, body = body.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    protocol, status = first.split(" ")[:2]
    pairs = [tuple(line.split(": ", 1)) if ": " in line else (line[:-1], "") for line in lines]
    return Response(int(status), Headers([("protocol", protocol), *pairs]), body)


@contextlib.asynccontextmanager
async def websocket_over_http2(port: int, path: str) -> AsyncIterator["WebsocketOverHTTP2"]:
    """Open a websocket by extended CONNECT (RFC 8441), in clear text on *port*."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        ws = WebsocketOverHTTP2(reader, writer)
        await ws.handshake(path)
        yield ws
    finally:
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()


class WebsocketOverHTTP2:
    """The least client that sends and receives text on a stream of HTTP/2."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer
        self.http2 = h2.connection.H2Connection(h2.config.H2Configuration(client_side=True))
        self.frames = wsproto.connection.Connection(wsproto.ConnectionType.CLIENT)
        self.status = 0

    async def handshake(self, path: str) -> None:
        self.http2.initiate_connection()
        await self._exchange(lambda: self.http2.remote_settings.enable_connect_protocol)
        self.http2.send_headers(
            1,
            [
                (":method", "CONNECT"),
                (":protocol", "websocket"),
                (":scheme", "http"),
                (":authority", "localhost"),
                (":path", path),
                ("sec-websocket-version", "13"),
            ],
        )
        await self._exchange(lambda: self.status)

    async def send(self, event: wsproto.events.Event) -> None:
        self.http2.send_data(1, self.frames.send(event))
        await self._exchange(lambda: True)

    async def receive(self) -> Any:
        """Return the next event of wsproto's: a message or a close."""
        received: list[Any] = []
        await self._exchange(lambda: received.extend(self.frames.events()) or received)
        return received[0]

    async def _exchange(self, ready: Any) -> None:
        """Send what is to be sent, and read until *ready*."""
        async with asyncio.timeout(TIMEOUT):
            self.writer.write(self.http2.data_to_send())
            while not ready():
                data = await self.reader.read(2**16)
                assert data, "the server has closed the connection"
                for event in self.http2.receive_data(data):
                    self._handle(event)
                self.writer.write(self.http2.data_to_send())

    def _handle(self, event: h2.events.Event) -> None:
        if isinstance(event, h2.events.ResponseReceived):
            self.status = int(dict(event.headers)[b":status"])
        elif isinstance(event, h2.events.DataReceived):
            self.frames.receive_data(event.data)
