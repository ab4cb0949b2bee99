"""Clients that mean no good: raw sockets, and HTTP/2 whose windows and resets are their own.

Everything here blocks, for `TIMEOUT` seconds at the most, so that a test of theirs is a plain
function. ::

    with Raw(port, receive_buffer=4096) as client:      # a slow reader
        client.request("/large")

    with HTTP2(port, window=0) as client:               # a closed window
        streams = [client.request("/events") for _ in range(50)]
        client.cut()                                    # gone, without a word

    assert 200 == ask(port, "/sync").status
"""

import contextlib
import http.client
import json
import socket
import struct
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Self

import h2.config
import h2.connection
import h2.events
import h2.settings

TIMEOUT = 20.0  # seconds, for any one exchange

Headers = Iterable[tuple[str, str]]


@dataclass
class Answer:
    """What has come of a response; `seconds` is how long it took."""

    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    ended: bool = False
    seconds: float = 0.0

    @property
    def json(self) -> Any:
        return json.loads(self.body)


def ask(
    port: int, path: str, method: str = "GET", headers: Headers = (), body: bytes = b""
) -> Answer:
    """Make one request over a connection of its own, as a client that means well."""
    begin = time.monotonic()
    with Raw(port) as client:
        client.request(path, method, [*headers, ("Connection", "close")], body)
        answer = client.answer()
    answer.seconds = time.monotonic() - begin
    return answer


class _Client:
    """A connection. `cut` ends it by a reset, `close` politely."""

    def __init__(self, port: int, receive_buffer: int | None = None) -> None:
        self.socket = socket.socket()
        if receive_buffer is not None:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.socket.settimeout(TIMEOUT)
        self.socket.connect(("127.0.0.1", port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def cut(self) -> None:
        """Vanish: what is sent to this client from now on is answered with a reset."""
        with contextlib.suppress(OSError):
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()

    def close(self) -> None:
        self.socket.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()


class Raw(_Client):
    """HTTP/1.1 by hand. With a small `receive_buffer` (bytes) it is a slow reader."""

    def send(self, data: bytes) -> None:
        """Send bytes, whatever they are, unless the server closes: then `answer` tells it."""
        with contextlib.suppress(ConnectionError):
            self.socket.sendall(data)

    def request(
        self, path: str = "/", method: str = "GET", headers: Headers = (), body: bytes | None = b""
    ) -> None:
        """Send a request; with `body=None` the headers and the body are still open."""
        lines = [f"{method} {path} HTTP/1.1"]
        fields = list(headers)
        names = {name.lower() for name, _ in fields}
        if "host" not in names:
            fields.insert(0, ("Host", "localhost"))
        if body and not names & {"content-length", "transfer-encoding"}:
            fields.append(("Content-Length", str(len(body))))
        lines += [f"{name}: {value}" for name, value in fields]
        head = "\r\n".join(lines).encode("latin-1")
        self.send(head + (b"\r\n" if body is None else b"\r\n\r\n" + body))

    def chunk(self, data: bytes) -> None:
        """Send a chunk of a body with ``Transfer-Encoding: chunked``; b"" is the last."""
        self.send(b"%x\r\n%b\r\n" % (len(data), data))

    def websocket(self, path: str) -> int:
        """Shake hands for a websocket; the status of the answer."""
        self.request(
            path,
            headers=[
                ("Connection", "Upgrade"),
                ("Upgrade", "websocket"),
                ("Sec-WebSocket-Version", "13"),
                ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),
            ],
        )
        return self.answer(body=False).status

    def message(self, data: bytes, opcode: int = 1) -> None:
        """Send a frame of a websocket, text unless another opcode says so."""
        size = len(data)
        if size < 126:
            length = bytes([0x80 | size])
        elif size < 65_536:
            length = struct.pack("!BH", 0x80 | 126, size)
        else:
            length = struct.pack("!BQ", 0x80 | 127, size)
        self.send(bytes([0x80 | opcode]) + length + bytes(4) + data)

    def answer(self, body: bool = True) -> Answer:
        """Read a response; without its body, if that is not asked for.

        The status is 0 if the server has closed the connection instead.
        """
        response = http.client.HTTPResponse(self.socket)
        try:
            response.begin()
        except ConnectionError:
            return Answer()
        headers = {name.lower(): value for name, value in response.getheaders()}
        answer = Answer(response.status, headers)
        if body:
            answer.body = response.read()
            answer.ended = True
        return answer


class HTTP2(_Client):
    """HTTP/2 in clear text, with prior knowledge.

    `window` is the room (bytes) that each stream has at first; nothing opens it but `open_window`.
    `answers` holds what has come for each stream, as far as it was read.
    """

    def __init__(self, port: int, window: int = 65_535, receive_buffer: int | None = None) -> None:
        super().__init__(port, receive_buffer)
        self.answers: dict[int, Answer] = {}
        self.state = h2.connection.H2Connection(
            h2.config.H2Configuration(client_side=True, validate_outbound_headers=False)
        )
        self.state.local_settings = h2.settings.Settings(
            initial_values={h2.settings.SettingCodes.INITIAL_WINDOW_SIZE: window}
        )
        self.state.initiate_connection()
        self.flush()
        self.read_until(lambda: self._acknowledged)

    _acknowledged = False

    def flush(self) -> None:
        self.socket.sendall(self.state.data_to_send())

    def request(
        self, path: str = "/", method: str = "GET", headers: Headers = (), body: bytes | None = b""
    ) -> int:
        """Begin a stream, and return its number; with `body=None` the client's side stays open."""
        stream = self.state.get_next_available_stream_id()
        fields = [
            (":method", method),
            (":path", path),
            (":scheme", "http"),
            (":authority", "localhost"),
            *headers,
        ]
        self.answers[stream] = Answer()
        self.state.send_headers(stream, fields, end_stream=body == b"")
        if body:
            self.data(stream, body, end=True)
        self.flush()
        return stream

    def data(self, stream: int, data: bytes, end: bool = False) -> None:
        """Send data, for which the server's window has to have room."""
        size = self.state.max_outbound_frame_size
        pieces = [data[index : index + size] for index in range(0, len(data), size)] or [b""]
        for number, piece in enumerate(pieces, 1):
            room = partial(self.state.local_flow_control_window, stream)
            self.read_until(lambda room=room, piece=piece: room() >= len(piece))
            self.state.send_data(stream, piece, end_stream=end and number == len(pieces))
            self.flush()

    def open_window(self, size: int, stream: int | None = None) -> None:
        """Give the server room, on a stream or on the connection."""
        self.state.increment_flow_control_window(size, stream)
        self.flush()

    def reset(self, stream: int) -> None:
        """Give up a stream (RST_STREAM)."""
        self.state.reset_stream(stream, 8)
        self.flush()

    def answer(self, stream: int) -> Answer:
        """Read until a response is complete. Its size must fit into the windows."""
        answer = self.answers[stream]
        self.read_until(lambda: answer.ended)
        return answer

    def read_until(self, ready: Callable[[], Any]) -> None:
        """Read what comes until *ready*."""
        while not ready():
            data = self.socket.recv(65_536)
            assert data, "the server has closed the connection"
            for event in self.state.receive_data(data):
                self._handle(event)
            self.flush()

    def _handle(self, event: h2.events.Event) -> None:
        match event:
            case h2.events.SettingsAcknowledged():
                self._acknowledged = True
            case h2.events.ResponseReceived():
                fields = {name.decode(): value.decode() for name, value in event.headers}
                answer = self.answers[event.stream_id]
                answer.status, answer.headers = int(fields.pop(":status")), fields
            case h2.events.DataReceived():
                self.answers[event.stream_id].body += event.data
            case h2.events.StreamEnded() | h2.events.StreamReset():
                self.answers[event.stream_id].ended = True
