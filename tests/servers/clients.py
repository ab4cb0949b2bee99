"""The clients: curl and nghttp as commands, HTTP/3 and a websocket over HTTP/2 by hand."""

import asyncio
import contextlib
import shutil
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path
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


async def over_http3(
    port: int, cert: Path, *requests: tuple[str, str, list[bytes]]
) -> list[Response]:
    """Make requests (method, path and body in pieces) at once over one connection of HTTP/3."""
    pytest.importorskip("aioquic", reason="aioquic is not installed")
    from aioquic.asyncio import QuicConnectionProtocol, connect
    from aioquic.h3.connection import H3_ALPN, H3Connection
    from aioquic.h3.events import DataReceived, H3Event, HeadersReceived
    from aioquic.quic.configuration import QuicConfiguration
    from aioquic.quic.events import QuicEvent

    answers: dict[int, list[H3Event]] = {}
    open_streams: set[int] = set()
    changed = asyncio.Event()

    class Client(QuicConnectionProtocol):
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(*args, **kwargs)
            self.http = H3Connection(self._quic)

        def quic_event_received(self, event: QuicEvent) -> None:
            for answer in self.http.handle_event(event):
                if isinstance(answer, DataReceived | HeadersReceived):
                    answers.setdefault(answer.stream_id, []).append(answer)
                    if answer.stream_ended:
                        open_streams.discard(answer.stream_id)
            changed.set()

    configuration = QuicConfiguration(
        is_client=True, alpn_protocols=H3_ALPN, cafile=str(cert), server_name="localhost"
    )
    async with (
        asyncio.timeout(TIMEOUT),
        connect("127.0.0.1", port, configuration=configuration, create_protocol=Client) as client,
    ):
        streams = []
        for method, path, pieces in requests:
            stream = client._quic.get_next_available_stream_id()
            streams.append(stream)
            open_streams.add(stream)
            pseudo = {"method": method, "scheme": "https", "authority": "localhost", "path": path}
            head = [(f":{name}".encode(), value.encode()) for name, value in pseudo.items()]
            client.http.send_headers(stream, head, end_stream=not pieces)
            for number, piece in enumerate(pieces, 1):
                client.http.send_data(stream, piece, end_stream=number == len(pieces))
        client.transmit()
        while open_streams:
            changed.clear()
            await changed.wait()
    return [_response(answers[stream]) for stream in streams]


def _response(events: list[Any]) -> Response:
    """Of the headers, then the data, of a stream."""
    head = Headers([(name.decode(), value.decode()) for name, value in events[0].headers])
    body = b"".join(event.data for event in events[1:])
    return Response(int(head[":status"]), head, body)


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
