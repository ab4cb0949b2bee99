"""Server-sent events: how one is written and read, and the life of a stream of them."""

import asyncio
import contextlib
import itertools
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextvars import ContextVar
from pathlib import Path
from typing import Any

import pytest
from asgi import connect, get, lifespan, settle, stream
from browser import chromium
from hypothesis import given
from hypothesis import strategies as st
from servers.processes import free_port, running

import quart
from quart import (
    Quart,
    Response,
    ServerSentEvent,
    g,
    request,
    sse_response,
    stream_with_context,
)
from quart.sse import EventReader
from quart.testing import HTTPDisconnectError

COMMENT = b":\n\n"


@pytest.fixture
def app() -> Quart:
    return Quart("tests", root_path="tests")


async def read(*pieces: bytes) -> list[ServerSentEvent]:
    """The events in a stream that arrives in these pieces."""
    waiting = iter([piece for piece in pieces if piece])

    async def receive() -> bytes:
        return next(waiting, b"")

    return [event async for event in EventReader(receive)]


class Ticker:
    """Events that a test makes, and what became of the generator that gives them."""

    def __init__(self) -> None:
        self.queue: asyncio.Queue[Any] = asyncio.Queue()
        self.log: list[str] = []

    async def events(self) -> AsyncIterator[Any]:
        try:
            while True:
                self.log.append("waits")
                yield await self.queue.get()
        finally:
            self.log.append("closed")


# --- one event ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("event", "expected"),
    [
        (ServerSentEvent("hello"), b"data: hello\n\n"),
        (ServerSentEvent(""), b"data: \n\n"),
        (ServerSentEvent("a\nb\r\nc\rd"), b"data: a\ndata: b\ndata: c\ndata: d\n\n"),
        (ServerSentEvent("\n"), b"data: \ndata: \n\n"),
        (ServerSentEvent("a\u2028b\x85c\x0bd"), "data: a\u2028b\x85c\x0bd\n\n".encode()),
        (ServerSentEvent("ä €"), "data: ä €\n\n".encode()),
        (ServerSentEvent(json={"a": [1, None]}), b'data: {"a": [1, null]}\n\n'),
        (ServerSentEvent(json=None), b"data: null\n\n"),
        (ServerSentEvent("x", event="tick"), b"event: tick\ndata: x\n\n"),
        (ServerSentEvent("x", id="7"), b"id: 7\ndata: x\n\n"),
        (ServerSentEvent(id=""), b"id: \n\n"),
        (ServerSentEvent(retry=3000), b"retry: 3000\n\n"),
        (ServerSentEvent(comment="a\nevent: b"), b": a\n: event: b\n\n"),
        (
            ServerSentEvent("x", event="e", id="i", retry=0, comment="c"),
            b": c\nevent: e\nid: i\nretry: 0\ndata: x\n\n",
        ),
    ],
)
def test_encoding(event: ServerSentEvent, expected: bytes) -> None:
    """Each line of data has its own field; only CR, LF and CRLF end a line."""
    assert expected == event.encode()


@pytest.mark.parametrize(
    "fields",
    [
        {"data": "x", "event": "a\nb"},
        {"data": "x", "event": "a\rb"},
        {"id": "a\nb"},
        {"id": "a\rb"},
        {"id": "a\0b"},
        {"retry": -1},
        {"event": "never heard"},
        {"data": "x", "json": 1},
    ],
)
def test_what_would_break_the_stream(fields: dict[str, Any]) -> None:
    """No field can smuggle in another one, and nothing is sent that clients drop."""
    with pytest.raises(ValueError):
        ServerSentEvent(**fields)


@pytest.mark.parametrize(
    "fields",
    [
        {"data": b"x"},
        {"data": 1},
        {"id": 1},
        {"data": "x", "event": 1},
        {"retry": 1.5},
        {"retry": "3"},
    ],
)
def test_wrong_types(fields: dict[str, Any]) -> None:
    """Data and id are text, the time to retry an int."""
    with pytest.raises(TypeError):
        ServerSentEvent(**fields)


def test_events_compare_by_what_they_say() -> None:
    """A value and its JSON are the same event; the representation shows what is set."""
    event = ServerSentEvent(json={"a": 1}, id="7")

    assert ServerSentEvent('{"a": 1}', id="7") == event
    assert ServerSentEvent('{"a": 1}') != event
    assert "text" != event
    assert {"a": 1} == ServerSentEvent('{"a": 1}').json
    assert ServerSentEvent(retry=1).json is None
    assert "ServerSentEvent(data='x', id='7')" == repr(ServerSentEvent("x", id="7"))


# --- reading --------------------------------------------------------------------------------

TEXT = st.text(st.characters(exclude_categories=["Cs"]))
LINE = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r\n\0"))
EVENTS = st.builds(
    lambda data, event, comment, **fields: ServerSentEvent(
        data, event=None if data is None else event, comment=comment, **fields
    ),
    st.none() | TEXT,
    st.none() | LINE,
    st.none() | TEXT,
    id=st.none() | LINE,
    retry=st.none() | st.integers(0, 10**9),
)


def as_received(event: ServerSentEvent) -> ServerSentEvent:
    """What arrives of an event: line ends are LF, comments are passed over."""
    data = event.data
    return ServerSentEvent(
        data if data is None else data.replace("\r\n", "\n").replace("\r", "\n"),
        event=event.event or None,
        id=event.id,
        retry=event.retry,
    )


@given(events=st.lists(EVENTS), cuts=st.lists(st.integers(0, 400)))
async def test_what_is_written_is_read(events: list[ServerSentEvent], cuts: list[int]) -> None:
    """Any event comes back as it was, wherever the stream is cut into pieces."""
    written = COMMENT + b"".join(event.encode() for event in events)
    ends = sorted({min(cut, len(written)) for cut in cuts} | {0, len(written)})
    pieces = [written[begin:end] for begin, end in itertools.pairwise(ends)]

    expected = [as_received(event) for event in events]
    assert [event for event in expected if event != ServerSentEvent()] == await read(*pieces)


@given(data=st.binary())
async def test_nothing_breaks_the_reader(data: bytes) -> None:
    """Any bytes are a stream."""
    assert await read(data) == await read(*[bytes([byte]) for byte in data])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("\ufeffdata: x\n\n", [ServerSentEvent("x")]),
        ("data:x\ndata\ndata:  y\n\n", [ServerSentEvent("x\n\n y")]),
        ("data: a\r\rdata: b\r\n\r\ndata: c\n\n", [ServerSentEvent(x) for x in "abc"]),
        ("event: lost\n\ndata: x\n\n", [ServerSentEvent("x")]),
        ("id: a\0b\nretry: 1x\nother: y\ndata: x\n\n", [ServerSentEvent("x")]),
        (": nothing\n\ndata: x\n\ndata: cut off\n", [ServerSentEvent("x")]),
    ],
)
async def test_reading_by_the_standard(text: str, expected: list[ServerSentEvent]) -> None:
    """Streams of other authors are read as the standard says."""
    data = text.encode()

    assert expected == await read(data)
    assert expected == await read(*[data[n : n + 1] for n in range(len(data))])


# --- the response ---------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "QUERY"])
async def test_a_whole_stream(app: Quart, method: str) -> None:
    """Any method, events as objects, text and values; the stream ends with the generator."""

    @app.route("/", methods=[method])
    async def view() -> Response:
        async def events() -> AsyncIterator[Any]:
            yield ServerSentEvent("1", id="1")
            yield "two\nlines"
            yield {"n": 3}
            yield [4]

        return sse_response(events())

    async with stream(app, method) as http:
        http.body()
        response = await http.response()

    assert 200 == response.status
    assert "text/event-stream" == response.headers["Content-Type"]
    assert "no-cache" == response.headers["Cache-Control"]
    assert "no" == response.headers["X-Accel-Buffering"]
    assert "Content-Length" not in response.headers
    assert [
        COMMENT,
        b"id: 1\ndata: 1\n\n",
        b"data: two\ndata: lines\n\n",
        b'data: {"n": 3}\n\n',
        b"data: [4]\n\n",
    ] == response.chunks


async def test_the_headers_go_out_at_once(app: Quart) -> None:
    """The client knows that it is connected before there is an event."""
    ticker = Ticker()
    app.add_url_rule("/", view_func=lambda: sse_response(ticker.events()))

    async with stream(app) as http:
        assert 200 == (await http.start()).status
        assert COMMENT == await http.chunk()
        http.disconnect()


async def test_a_head_request(app: Quart) -> None:
    """The headers of the stream, and no step of the generator."""
    ticker = Ticker()

    @app.get("/")
    async def view() -> Response:
        return sse_response(ticker.events())

    async with stream(app, "HEAD") as http:
        response = await http.response()

    assert (200, "text/event-stream", b"") == (
        response.status,
        response.headers["Content-Type"],
        response.body,
    )
    assert [] == ticker.log


async def test_sync_generators(app: Quart) -> None:
    """A sync view gives a sync generator, which runs in a thread."""

    @app.get("/")
    def view() -> Response:
        def events() -> Iterator[str]:
            yield "1"
            time.sleep(0.01)
            yield "2"

        return sse_response(events())

    response = await get(app)

    assert [COMMENT, b"data: 1\n\n", b"data: 2\n\n"] == response.chunks


async def test_keep_alive(app: Quart) -> None:
    """While nothing is sent a comment follows the other, and no event is lost by it."""
    ticker = Ticker()

    @app.get("/")
    async def view() -> Response:
        return sse_response(ticker.events(), keep_alive=0.01)

    async with stream(app) as http:
        assert [COMMENT] * 4 == [await http.chunk() for _ in range(4)]
        ticker.queue.put_nowait("1")
        ticker.queue.put_nowait("2")
        chunks = [await http.chunk() for _ in range(8)]
        http.disconnect()

    assert [b"data: 1\n\n", b"data: 2\n\n"] == [chunk for chunk in chunks if chunk != COMMENT]
    assert ["waits"] * 3 + ["closed"] == ticker.log


async def test_no_keep_alive(app: Quart) -> None:
    """None turns it off; a time that has passed already is a mistake."""
    ticker = Ticker()

    @app.get("/")
    async def view() -> Response:
        return sse_response(ticker.events(), keep_alive=None)

    async with stream(app) as http:
        assert COMMENT == await http.chunk()
        await asyncio.sleep(0.05)
        ticker.queue.put_nowait("1")
        assert b"data: 1\n\n" == await http.chunk()
        http.disconnect()

    with pytest.raises(ValueError):
        sse_response(ticker.events(), keep_alive=0)


async def test_no_response_timeout(app: Quart) -> None:
    """A stream of events is meant to stay open."""
    app.config["RESPONSE_TIMEOUT"] = 0.01

    @app.get("/")
    async def view() -> Response:
        async def events() -> AsyncIterator[str]:
            await asyncio.sleep(0.05)
            yield "late"

        return sse_response(events())

    assert b"data: late\n\n" == (await get(app)).chunks[-1]


async def test_a_slow_client_slows_the_generator_down(app: Quart) -> None:
    """The next step is taken when the event before has been sent."""
    steps: list[int] = []

    @app.get("/")
    async def view() -> Response:
        async def events() -> AsyncIterator[str]:
            for n in range(100):
                steps.append(n)
                yield str(n)

        return sse_response(events())

    async with stream(app) as http:
        assert COMMENT == await http.chunk()
        http.pause()
        await settle()
        before = len(steps)
        await settle(100)
        assert before == len(steps)
        assert 3 > before - len(http.chunks)
        http.resume()
        assert 101 == len((await http.response()).chunks)


async def test_the_last_event_id(app: Quart) -> None:
    """A client that comes back says what it has seen."""

    @app.get("/")
    async def view() -> Response:
        async def events(first: int) -> AsyncIterator[ServerSentEvent]:
            for n in range(first, 4):
                yield ServerSentEvent(str(n), id=str(n))

        return sse_response(events(int(request.headers.get("Last-Event-ID", 0)) + 1))

    response = await get(app, headers={"Last-Event-ID": "2"})

    assert [COMMENT, b"id: 3\ndata: 3\n\n"] == response.chunks


async def test_json_by_the_provider_of_the_app(app: Quart) -> None:
    """Values become JSON as everywhere in the application, outside of its contexts too."""

    class Provider(quart.json.provider.DefaultJSONProvider):
        def dumps(self, object_: Any, **kwargs: Any) -> str:
            return f"<{object_!r}>"

    app.json = Provider(app)

    @app.get("/")
    async def view() -> Response:
        async def events() -> AsyncIterator[Any]:
            yield ServerSentEvent(json=1)
            yield {}

        return sse_response(events())

    assert [COMMENT, b"data: <1>\n\n", b"data: <{}>\n\n"] == (await get(app)).chunks


async def test_the_response_class_of_the_app(app: Quart) -> None:
    """It is a response like others: hooks see it and add to it."""

    class OwnResponse(Response):
        pass

    app.response_class = OwnResponse

    @app.after_request
    async def after(response: Response) -> Response:
        assert isinstance(response, OwnResponse)
        assert response.is_streamed
        response.headers["X-After"] = "yes"
        return response

    @app.get("/")
    async def view() -> tuple[Response, int]:
        return sse_response(["1"]), 201

    response = await get(app)

    assert (201, "yes") == (response.status, response.headers["X-After"])


async def test_the_request_in_the_generator(app: Quart) -> None:
    """`stream_with_context` keeps request and `g` for it, and tears down once, at the end."""
    torn_down: list[str] = []

    @app.teardown_request
    async def teardown(error: BaseException | None) -> None:
        torn_down.append(request.path)

    @app.get("/<name>")
    async def view(name: str) -> Response:
        g.name = name

        @stream_with_context
        async def events() -> AsyncIterator[str]:
            for n in request.args["n"].split():
                await asyncio.sleep(0.02)
                assert [] == torn_down
                yield f"{g.name} {n}"

        return sse_response(events(), keep_alive=0.005)

    response = await get(app, "/bob?n=1+2")

    assert [b"data: bob 1\n\n", b"data: bob 2\n\n"] == [
        chunk for chunk in response.chunks if chunk != COMMENT
    ]
    assert ["/bob"] == torn_down


async def test_one_task_for_all_steps(app: Quart) -> None:
    """What a generator holds open over its events works: variables, timeouts, groups."""
    variable: ContextVar[int] = ContextVar("variable")
    ended: list[str] = []

    @app.get("/")
    async def view() -> Response:
        async def events() -> AsyncIterator[str]:
            token = variable.set(1)
            try:
                async with asyncio.timeout(0.1):
                    for n in range(3):
                        yield f"{n} {variable.get()}"
                    await asyncio.Event().wait()
            except TimeoutError:
                ended.append("in time")
            variable.reset(token)

        return sse_response(events(), keep_alive=0.02)

    response = await get(app)

    assert [b"data: 0 1\n\n", b"data: 1 1\n\n", b"data: 2 1\n\n"] == [
        chunk for chunk in response.chunks if chunk != COMMENT
    ]
    assert ["in time"] == ended


# --- the end --------------------------------------------------------------------------------


@pytest.mark.parametrize("suspends", [False, True])
@pytest.mark.parametrize("events", [0, 1, 2])
@pytest.mark.parametrize("cancels", [True, False])
async def test_a_disconnect(app: Quart, events: int, suspends: bool, cancels: bool) -> None:
    """The generator is closed where it waits, even where handlers are let finish."""
    ticker = Ticker()
    app.config["CANCEL_ON_DISCONNECT"] = cancels

    @app.get("/")
    async def view() -> Response:
        return sse_response(ticker.events())

    async with stream(app, suspends=suspends) as http:
        for n in range(events):
            ticker.queue.put_nowait(str(n))
        for _ in range(events + 1):
            await http.chunk()
        http.disconnect()
        await http.finish()

    assert "closed" in ticker.log or [] == ticker.log


async def test_a_disconnect_while_the_client_does_not_read(app: Quart) -> None:
    """A generator that waits between two events is closed, too, within its own task."""
    tasks: list[Any] = []

    @app.get("/")
    async def view() -> Response:
        async def events() -> AsyncIterator[str]:
            try:
                while True:
                    tasks.append(asyncio.current_task())
                    yield "x"
            finally:
                tasks.append(asyncio.current_task())
                await asyncio.sleep(0)
                tasks.append("closed")

        return sse_response(events())

    async with stream(app) as http:
        await http.chunk()
        await http.chunk()
        http.pause()
        await settle()
        http.disconnect()
        await http.finish()

    assert "closed" == tasks.pop()
    assert 1 == len(set(tasks))


async def test_a_cancellation_by_the_server(app: Quart) -> None:
    """As hard as a server may end it, the generator is closed."""
    ticker = Ticker()

    @app.get("/")
    async def view() -> Response:
        return sse_response(ticker.events())

    async with stream(app, aborts=True) as http:
        ticker.queue.put_nowait("1")
        await http.chunk()
        await http.chunk()
        await http.cancel()

    assert "closed" == ticker.log[-1]


async def test_a_generator_that_resists(app: Quart) -> None:
    """One that goes on after its cancellation is closed at its next event."""
    log: list[str] = []

    @app.get("/")
    async def view() -> Response:
        async def events() -> AsyncIterator[str]:
            try:
                while True:
                    with contextlib.suppress(asyncio.CancelledError):
                        await asyncio.Event().wait()
                    log.append("resists")
                    yield "x"
            finally:
                log.append("closed")

        return sse_response(events(), keep_alive=0.01)

    async with stream(app) as http:
        await http.chunk()
        await http.chunk()
        http.disconnect()
        await http.finish()

    assert ["resists", "closed"] == log


async def test_the_shutdown(app: Quart) -> None:
    """It ends the stream cleanly, at once, and the generator is closed before it is done."""
    ticker = Ticker()
    app.after_serving(lambda: ticker.log.append("shut down"))

    @app.get("/")
    async def view() -> Response:
        return sse_response(ticker.events())

    async with stream(app) as http:
        async with lifespan(app, leaves_tasks=True):
            ticker.queue.put_nowait("1")
            await http.chunk()
            await http.chunk()
        response = await http.response()

    assert [COMMENT, b"data: 1\n\n"] == response.chunks
    assert ["waits", "waits", "closed", "shut down"] == ticker.log


async def test_the_shutdown_after_a_task_group_that_failed(app: Quart) -> None:
    """The stream ends cleanly; on CPython 3.11 and 3.12 the group leaves a cancellation counted."""
    ticker = Ticker()

    async def fails() -> None:
        await asyncio.sleep(0)
        raise ValueError

    @app.get("/")
    async def view() -> Response:
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(fails())
        except* ValueError:
            pass
        return sse_response(ticker.events())

    async with stream(app) as http:
        async with lifespan(app, leaves_tasks=True):
            ticker.queue.put_nowait("1")
            await http.chunk()
            await http.chunk()
        response = await http.response()

    assert [COMMENT, b"data: 1\n\n"] == response.chunks


async def test_a_stream_that_begins_during_the_shutdown(app: Quart) -> None:
    """It ends at once, in good order; it has no SHUTDOWN_TIMEOUT as other requests have."""
    go = asyncio.Event()

    @app.get("/late")
    async def late() -> Any:
        await go.wait()

        async def forever() -> AsyncIterator[str]:
            while True:
                yield "event"
                await asyncio.sleep(0)

        return sse_response(forever())

    async with stream(app, "GET", "/late") as http:
        http.body()
        await settle()
        app.begin_shutdown()
        go.set()
        response = await http.response()

    assert 200 == response.status
    assert 2 >= response.body.count(b"event")


async def test_an_error_in_the_generator(app: Quart) -> None:
    """The events before it are sent; the stream is cut off, so that the client comes back."""

    @app.get("/")
    async def view() -> Response:
        async def events() -> AsyncIterator[str]:
            yield "1"
            raise ZeroDivisionError

        return sse_response(events())

    async with stream(app, raises=ZeroDivisionError, aborts=True) as http:
        assert [COMMENT, b"data: 1\n\n"] == [chunk async for chunk in http]


async def test_an_error_at_the_close_of_the_generator(app: Quart) -> None:
    """It is not lost."""

    @app.get("/")
    async def view() -> Response:
        async def events() -> AsyncIterator[str]:
            try:
                yield "1"
                await asyncio.Event().wait()
            finally:
                raise ZeroDivisionError

        return sse_response(events())

    async with stream(app, raises=ZeroDivisionError, aborts=True) as http:
        await http.chunk()
        await http.chunk()
        http.disconnect()
        await http.finish()


async def test_what_is_no_event(app: Quart) -> None:
    """A stream of something else says so, and closes what it has begun."""
    ticker = Ticker()

    @app.get("/")
    async def view() -> Response:
        return sse_response(ticker.events())

    async with stream(app, raises=TypeError, aborts=True) as http:
        ticker.queue.put_nowait(b"bytes")
        await http.chunk()
        await http.finish()

    assert ["waits", "closed"] == ticker.log


async def test_outside_of_a_connection() -> None:
    """It needs no application."""
    response = sse_response([{"a": 1}])

    assert b':\n\ndata: {"a": 1}\n\n' == await response.get_data()


async def test_beside_websockets(app: Quart) -> None:
    """In a websocket it rejects, like any response: one that ends."""

    @app.websocket("/")
    async def view() -> Response:
        return sse_response(["1"])

    with pytest.raises(Exception, match="200"):
        async with connect(app, extensions=["websocket.http.response"]):
            pass


# --- the test client ------------------------------------------------------------------------


async def test_the_test_client_reads_event_by_event(app: Quart) -> None:
    """A loop that was left is taken up again, without loss; keep-alives do not show."""
    ticker = Ticker()

    @app.post("/")
    async def view() -> Response:
        return sse_response(ticker.events(), keep_alive=0.005)

    async with app.test_client().request("/", method="POST") as connection:
        await connection.send_complete()
        for n in range(4):
            ticker.queue.put_nowait(ServerSentEvent(json={"n": n}, event="tick", id=str(n)))
        async for event in connection.events():
            assert ServerSentEvent(json={"n": 0}, event="tick", id="0") == event
            break
        await asyncio.sleep(0.02)
        async for event in connection.events():
            if event.json["n"] == 2:
                break
        assert "3" == (await anext(connection.events())).id
        await connection.disconnect()
        with pytest.raises(HTTPDisconnectError):
            await anext(connection.events())

    assert "closed" == ticker.log[-1]


async def test_the_test_client_reads_to_the_end(app: Quart) -> None:
    """The iteration ends with the stream."""

    @app.get("/")
    async def view() -> Response:
        return sse_response("abc")

    async with app.test_client().request("/") as connection:
        assert ["a", "b", "c"] == [event.data async for event in connection.events()]


# --- servers --------------------------------------------------------------------------------

SITE = """
import asyncio
from quart import Quart, sse_response

app = Quart(__name__)

@app.get("/")
async def events():
    async def ticks():
        try:
            yield "open"
            await asyncio.Event().wait()
        finally:
            print("closed", flush=True)
    return sse_response(ticks())

@app.after_serving
async def after():
    print("ended", flush=True)
"""


@pytest.mark.parametrize(
    "command", ["uvicorn site_:app --port {}", "hypercorn site_:app --bind 127.0.0.1:{}"]
)
async def test_ctrl_c_with_streams_open(command: str, tmp_path: Path) -> None:
    """A real server ends in time, every generator is closed, and every client sees the end."""
    pytest.importorskip(command.split()[0])
    (tmp_path / "site_.py").write_text(SITE)
    port = free_port()
    start: Callable[..., Any] = running
    with start(port, "-m", *command.format(port).split(), cwd=tmp_path) as process:
        async with contextlib.AsyncExitStack() as stack, asyncio.timeout(20):
            readers = []
            for _ in range(10):
                reader, writer = await asyncio.open_connection("127.0.0.1", port)
                stack.callback(writer.close)
                writer.write(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
                await reader.readuntil(b"data: open\n\n")
                readers.append(reader)

            assert await asyncio.to_thread(process.interrupt) < 3
            for reader in readers:
                assert (await reader.read()).endswith(b"0\r\n\r\n")
        said = process.said()

    assert 10 == said.count("closed")
    assert "ended" in said
    assert "Traceback" not in said


PAGE = """
from quart import Quart, ServerSentEvent, request, sse_response

app = Quart(__name__)

@app.get("/")
async def page():
    return '''<script>
      const seen = [];
      const source = new EventSource("/events");
      source.addEventListener("tick", (event) => seen.push([event.lastEventId, event.data]));
    </script>'''

@app.get("/events")
async def events():
    seen = int(request.headers.get("Last-Event-ID", 0))
    if seen == 4:
        return "", 204
    async def ticks():
        yield ServerSentEvent(retry=10)
        for n in (seen + 1, seen + 2):
            yield ServerSentEvent(f"{n}\\n \u00e4\\r\\n\\r:", id=str(n), event="tick", comment="x")
    return sse_response(ticks())
"""


async def test_in_a_browser(tmp_path: Path) -> None:
    """`EventSource` gets all events as they were given, over a connection that ends, until 204."""
    pytest.importorskip("uvicorn")
    (tmp_path / "page_.py").write_text(PAGE)
    port = free_port()
    start: Callable[..., Any] = running
    async with asyncio.timeout(60), chromium(tmp_path / "browser") as browser:
        with start(port, "-m", "uvicorn", "page_:app", "--port", str(port), cwd=tmp_path):
            page = await browser.open(f"http://127.0.0.1:{port}/")
            await page.until("source.readyState === EventSource.CLOSED")
            seen = await page.evaluate("seen")

    assert [[str(n), f"{n}\n \u00e4\n\n:"] for n in range(1, 5)] == seen
