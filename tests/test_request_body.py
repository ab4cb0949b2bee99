"""Request bodies: pulled by their reader, counted as they come, timed while they do not."""

import asyncio
import gc
import io
import json
import threading
import tracemalloc
import weakref
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import flask
import pytest
from asgi import Response, http_scope, post, request, stream
from flask.json.provider import DefaultJSONProvider as FlaskJSONProvider
from werkzeug.datastructures import FileStorage, Headers
from werkzeug.exceptions import RequestEntityTooLarge, RequestTimeout

from quart import Quart
from quart import request as current
from quart.json.long import InterruptibleDecoder
from quart.json.provider import DefaultJSONProvider
from quart.threads import Pool
from quart.wrappers.base import ClientDisconnectedError
from quart.wrappers.request import Body

FORM = "application/x-www-form-urlencoded"
MULTIPART = "multipart/form-data; boundary=b"
MULTIPART_BODY = b'--b\r\nContent-Disposition: form-data; name="a"\r\n\r\n%s\r\n--b--\r\n'


def make_app(view: Callable[[], Awaitable[Any]], **options: Any) -> Quart:
    app = Quart("tests", root_path="tests")
    app.add_url_rule("/", "view", view, methods=["GET", "POST"], **options)
    return app


async def read_data() -> Any:
    return await current.data


async def read_get_data() -> Any:
    return await current.get_data()


async def read_body() -> Any:
    return await current.body


async def read_chunks() -> Any:
    return b"".join([chunk async for chunk in current.body])


async def read_stream() -> Any:
    return b"".join([chunk async for chunk in current.stream])


async def read_json() -> Any:
    return {"json": await current.get_json(force=True)}


async def read_form() -> Any:
    return {"form": await current.form}


async def read_files() -> Any:
    return {"files": list(await current.files)}


async def read_values() -> Any:
    return {"values": list(await current.values)}


async def read_multipart() -> Any:
    return {"parts": [await part.text() async for part in current.multipart()]}


READERS = [
    (read_data, "text/plain", b"x" * 1000),
    (read_get_data, "text/plain", b"x" * 1000),
    (read_body, "text/plain", b"x" * 1000),
    (read_chunks, "text/plain", b"x" * 1000),
    (read_stream, "text/plain", b"x" * 1000),
    (read_json, "application/json", json.dumps(["x" * 1000]).encode()),
    (read_form, FORM, b"a=" + b"x" * 1000),
    (read_form, MULTIPART, MULTIPART_BODY % (b"x" * 1000)),
    (read_files, MULTIPART, MULTIPART_BODY % (b"x" * 1000)),
    (read_values, FORM, b"a=" + b"x" * 1000),
    (read_multipart, MULTIPART, MULTIPART_BODY % (b"x" * 1000)),
]
every_way = pytest.mark.parametrize(
    ("reader", "content_type", "body"), READERS, ids=lambda value: getattr(value, "__name__", "")
)


async def send(app: Quart, body: Any, content_type: str, **headers: str) -> Response:
    return await post(app, body=body, headers={"content-type": content_type, **headers})


# --- reading


@pytest.mark.slow
@pytest.mark.parametrize(
    ("reader", "content_type", "head", "tail"),
    [
        (read_data, "text/plain", b"", b""),
        (read_form, FORM, b"a=", b""),
        (read_form, MULTIPART, *MULTIPART_BODY.split(b"%s")),
        (read_multipart, MULTIPART, *MULTIPART_BODY.split(b"%s")),
        (read_files, MULTIPART, *MULTIPART_BODY.replace(b'"a"', b'"a"; filename="f"').split(b"%s")),
    ],
)
async def test_a_body_in_tiny_pieces_takes_no_more_memory(
    reader: Callable[[], Awaitable[Any]], content_type: str, head: bytes, tail: bytes
) -> None:
    """At most twice its size, and a little: an object for each byte would be 41 times as much."""
    size = 30_000
    body = head + b"x" * size + tail
    app = make_app(discarding(reader))
    position = 0

    async def receive() -> Any:
        nonlocal position
        position += 1
        more = position < len(body)
        return {"type": "http.request", "body": body[position - 1 : position], "more_body": more}

    sent = []

    async def send(message: Any) -> None:
        sent.append(message)

    scope = http_scope("POST", headers={"content-type": content_type})
    small = head + b"x" + tail
    assert 200 == (await post(app, body=small, headers={"content-type": content_type})).status
    tracemalloc.start()  # all that is made once is made
    try:
        await app(scope, receive, send)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert 200 == sent[0]["status"]
    assert 2 * size + 2**20 > peak


def discarding(reader: Callable[[], Awaitable[Any]]) -> Callable[[], Awaitable[Any]]:
    """A view that reads, and answers with little."""

    async def view() -> Any:
        await reader()
        return "read"

    return view


@pytest.mark.parametrize("reader", [read_data, read_get_data, read_body, read_chunks, read_stream])
@pytest.mark.parametrize("body", [b"", b"one", [b"on", b"e"], [b"", b"one", b""]])
async def test_a_body_is_read_in_every_way(reader: Any, body: Any) -> None:
    """Data, body and stream give what was sent, however it was cut."""
    response = await post(make_app(reader), body=body)

    assert 200 == response.status
    assert (body if isinstance(body, bytes) else b"".join(body)) == response.body


async def test_data_can_be_read_again() -> None:
    """The data is kept for whoever asks next."""

    async def view() -> Any:
        return [(await current.get_data(as_text=True)) for _ in range(3)]

    assert ["data"] * 3 == (await post(make_app(view), body=b"data")).json


async def test_data_that_is_not_cached_is_gone() -> None:
    """`cache=False` forgets the data."""

    async def view() -> Any:
        return [(await current.get_data(cache=cache, as_text=True)) for cache in (False, True)]

    assert ["data", ""] == (await post(make_app(view), body=b"data")).json


async def test_data_that_was_cached_stays() -> None:
    """`cache=False` does not forget what an earlier read has kept, as in Flask."""

    async def view() -> Any:
        caches = (True, False, False)
        return [(await current.get_data(cache=cache, as_text=True)) for cache in caches]

    assert ["data"] * 3 == (await post(make_app(view), body=b"data")).json


async def test_text_that_is_no_utf_8_has_replacement_characters() -> None:
    """`as_text` never raises, as in Flask."""

    async def view() -> Any:
        return await current.get_data(as_text=True)

    assert "a�" == (await post(make_app(view), body=b"a\xff")).text


async def test_two_readers_share_one_body() -> None:
    """Tasks that read at the same time get the same data and pull each message once."""

    async def view() -> Any:
        return [
            data.decode()
            for data in await asyncio.gather(current.get_data(), current.body, current.data)
        ]

    response = await post(make_app(view), body=[b"a", b"b", b"c"], suspends=True)

    assert ["abc"] * 3 == response.json


async def test_chunks_arrive_while_the_client_sends() -> None:
    """An iteration gives each chunk when it comes, not at the end."""

    async def view() -> Any:
        async def echo(body: Body) -> Any:
            async for chunk in body:
                yield chunk.upper()

        return echo(current.body)

    async with stream(make_app(view), "POST") as http:
        http.body(b"one", more=True)
        assert b"ONE" == await http.chunk()
        http.body(b"two")
        assert b"TWO" == await http.chunk()


async def test_what_was_iterated_over_is_not_read_again() -> None:
    """The rest of a body can be read whole."""

    async def view() -> Any:
        first = await anext(current.body)
        return [first.decode(), (await current.get_data()).decode()]

    assert ["a", "bc"] == (await post(make_app(view), body=[b"a", b"b", b"c"])).json


async def test_a_body_is_read_in_steps() -> None:
    """With a size `read` gives the next bytes, each once, and b"" at the end."""

    async def view() -> Any:
        pieces = [await current.stream.read(2) for _ in range(4)]
        return [piece.decode() for piece in (*pieces, await current.get_data())]

    response = await post(make_app(view), body=[b"abc", b"d", b"e"])
    assert ["ab", "c", "d", "e", ""] == response.json


async def test_the_stream_is_a_file_in_sync_code() -> None:
    """As in Flask: it is read by sizes and lines, and its limit holds."""
    app = Quart("tests", root_path="tests")

    @app.post("/")
    def view() -> Any:
        stream: Any = current.stream
        return [piece.decode() for piece in (stream.read(3), *stream, stream.read())]

    body = [b"a", b"bcd\ne", b"f\n", b"g"]
    assert ["abc", "d\n", "ef\n", "g", ""] == (await post(app, body=body)).json
    app.config["MAX_CONTENT_LENGTH"] = 5
    assert 413 == (await post(app, body=body)).status


async def test_environ() -> None:
    """A WSGI environment, made when it is asked for; its input is the body, which comes yet."""

    def view() -> dict[str, Any]:
        environ = current.environ
        assert environ is current.environ
        assert current._get_current_object() is environ["werkzeug.request"]
        wsgi = flask.Request(environ)
        return {
            "url": wsgi.url,
            "remote_addr": wsgi.remote_addr,
            "name": wsgi.headers["X-Name"],
            "length": wsgi.content_length,
            "first": environ["wsgi.input"].read(3).decode(),
            "rest": environ["wsgi.input"].read().decode(),
        }

    app = make_app(view)
    answer = await post(app, "/?q=1", body=[b"ab", b"cd", b"e"], headers={"X-Name": "ada"})

    assert {
        "url": "http://localhost/?q=1",
        "remote_addr": "127.0.0.1",
        "name": "ada",
        "length": None,
        "first": "abc",
        "rest": "de",
    } == answer.json


async def test_environ_on_the_event_loop() -> None:
    """There its input has what has come, and says so where that is not all."""

    async def view() -> str:
        file = current.environ["wsgi.input"]
        with pytest.raises(RuntimeError, match="has not arrived yet"):
            file.read()
        await current.get_data()
        return f"{file.read(2)} {file.read()} {file.read()} {current.environ['CONTENT_LENGTH']}"

    assert "b'ab' b'c' b'' 3" == (await post(make_app(view), body=b"abc")).text


@pytest.mark.parametrize("handler_waits", [False, True])
async def test_an_unread_upload_stays_with_the_client(handler_waits: bool) -> None:
    """Of 64 MiB offered to a view that does not read, at most 1 MiB is pulled."""

    async def view() -> Any:
        if handler_waits:
            await asyncio.sleep(0.05)
        return "done"

    async with stream(make_app(view), "POST") as http:
        for _ in range(1024):
            http.body(b"x" * 65536, more=True)
        assert 200 == (await http.response()).status
        assert 16 >= http.received


async def test_a_slow_reader_does_not_let_the_body_pile_up() -> None:
    """Chunks are pulled when they are asked for."""

    async def view() -> Any:
        await anext(current.body)
        await asyncio.sleep(0.05)
        return "done"

    async with stream(make_app(view), "POST") as http:
        for _ in range(1024):
            http.body(b"x" * 65536, more=True)
        assert 200 == (await http.response()).status
        assert 16 >= http.received


async def test_a_disconnect_while_the_body_is_read() -> None:
    """Reading raises ClientDisconnectedError where the handler is not cancelled."""
    caught = []

    async def view() -> Any:
        try:
            await current.get_data()
        except ClientDisconnectedError as error:
            caught.append(error)
            raise

    app = make_app(view)
    app.config["CANCEL_ON_DISCONNECT"] = False
    async with stream(app, "POST") as http:
        http.body(b"x", more=True)
        http.disconnect()

    assert 1 == len(caught)


# --- limits


@every_way
@pytest.mark.parametrize("announced", [True, False])
async def test_max_content_length(
    reader: Any, content_type: str, body: bytes, announced: bool
) -> None:
    """More than MAX_CONTENT_LENGTH is 413 however it is read, announced or not."""
    app = make_app(reader)
    pieces = body if announced else [body[:500], body[500:]]

    app.config["MAX_CONTENT_LENGTH"] = len(body)
    assert 200 == (await send(app, pieces, content_type)).status

    app.config["MAX_CONTENT_LENGTH"] = len(body) - 1
    assert 413 == (await send(app, pieces, content_type)).status


@every_way
async def test_a_content_length_that_lies(reader: Any, content_type: str, body: bytes) -> None:
    """What counts is what comes, not what was announced."""
    app = make_app(reader)
    app.config["MAX_CONTENT_LENGTH"] = len(body) - 1
    async with stream(app, "POST", headers={"content-type": content_type}) as http:
        http.scope["headers"].append((b"content-length", b"3"))
        http.body(body[:10], more=True)
        http.body(body[10:])
        response = await http.response()

    assert 413 == response.status


async def test_an_announced_excess_is_refused_before_it_is_pulled() -> None:
    """Nothing is read of a body whose Content-Length is too large."""
    app = make_app(read_data)
    app.config["MAX_CONTENT_LENGTH"] = 10
    async with stream(app, "POST", headers={"content-length": "11"}) as http:
        assert 413 == (await http.response()).status
        assert 0 == http.received


@every_way
async def test_the_limit_of_one_request(reader: Any, content_type: str, body: bytes) -> None:
    """`request.max_content_length` lowers, raises and lifts the limit of the application."""
    app = make_app(reader)
    limits: list[int | None] = [len(body), len(body) - 1, None, 10**9]

    @app.before_request
    async def set_limit() -> None:
        current.max_content_length = limits.pop(0)

    app.config["MAX_CONTENT_LENGTH"] = 10
    for status in (200, 413, 200, 200):
        assert status == (await send(app, [body], content_type)).status


async def test_the_limit_is_set_after_the_body_was_touched() -> None:
    """A limit counts for a body that exists already."""

    async def view() -> Any:
        body = current.body
        current.max_content_length = 2
        return await body

    assert 413 == (await post(make_app(view), body=[b"abc"])).status


async def test_the_limit_of_a_route() -> None:
    """A route may have limits of its own."""
    app = make_app(read_data, max_content_length=10)
    app.config["MAX_CONTENT_LENGTH"] = 2

    assert 200 == (await post(app, body=[b"x" * 10])).status
    assert 413 == (await post(app, body=[b"x" * 11])).status


async def test_reading_fails_again_after_the_limit() -> None:
    """A second attempt does not get the part that fitted."""

    async def view() -> Any:
        for _ in range(2):
            with pytest.raises(RequestEntityTooLarge):
                await current.get_data()
        with pytest.raises(RequestEntityTooLarge):
            await anext(current.body)
        return "refused"

    app = make_app(view)
    app.config["MAX_CONTENT_LENGTH"] = 3

    assert "refused" == (await post(app, body=[b"ab", b"cd"])).text


# --- timeout


@every_way
async def test_body_timeout(reader: Any, content_type: str, body: bytes) -> None:
    """A client that falls silent is answered with 408, however its body is read."""
    app = make_app(reader)
    app.config["BODY_TIMEOUT"] = 0.02
    async with stream(app, "POST", headers={"content-type": content_type}) as http:
        http.body(body[:5], more=True)
        assert 408 == (await http.response()).status


async def test_body_timeout_counts_silence() -> None:
    """A body may take longer than the timeout as long as something comes."""
    app = make_app(read_data)
    app.config["BODY_TIMEOUT"] = 0.1
    async with stream(app, "POST") as http:
        for _ in range(6):
            http.body(b"x", more=True)
            await asyncio.sleep(0.03)
        http.body()
        assert b"xxxxxx" == (await http.response()).body


async def test_body_timeout_while_the_response_is_sent() -> None:
    """It holds where no context is current any more."""

    async def view() -> Any:
        body = current.body

        async def echo() -> AsyncIterator[bytes]:
            with pytest.raises(RequestTimeout):
                async for chunk in body:
                    yield chunk
            yield b"and nothing more"

        return echo()

    app = make_app(view)
    app.config["BODY_TIMEOUT"] = 0.02
    async with stream(app, "POST") as http:
        http.body(b"something ", more=True)
        assert b"something and nothing more" == (await http.response()).body


async def test_body_timeout_of_one_request() -> None:
    """`request.body_timeout` overrides the application's, None is no limit."""

    async def view() -> Any:
        current.body_timeout = 0.01
        with pytest.raises(RequestTimeout):
            await current.get_data()
        current.body_timeout = None
        return await current.get_data()

    async with stream(make_app(view), "POST") as http:
        await asyncio.sleep(0.03)
        http.body(b"late")
        assert b"late" == (await http.response()).body


async def test_body_timeout_of_a_route() -> None:
    """A route has its own."""
    async with stream(make_app(read_data, body_timeout=0.01), "POST") as http:
        assert 408 == (await http.response()).status


# --- JSON


async def view_json() -> Any:
    return {"json": await current.get_json()}


async def post_json(app: Quart, body: bytes, content_type: str = "application/json") -> Response:
    return await send(app, body, content_type)


@pytest.mark.parametrize(
    "content_type",
    ["application/json", "application/json; charset=utf-8", "application/problem+json"],
)
async def test_json(content_type: str) -> None:
    """A body of a JSON content type is parsed."""
    response = await post_json(make_app(view_json), b'{"a": [1, "\xc3\xa9"]}', content_type)

    assert {"json": {"a": [1, "é"]}} == response.json


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[1,]",
        b'{"a": 1} x',
        b"nul",
        b'"\xff"',
        b"\xff\xfe",
        b"'a'",
        b'"\x00"',
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b"1" * 5000,
    ],
    ids=range(12),
)
async def test_bad_json_is_400(body: bytes) -> None:
    """What is no JSON, no UTF-8 or nested too deep is the client's mistake."""
    app = make_app(view_json)
    response = await post_json(app, body)

    assert 400 == response.status
    assert "Failed to decode" not in response.text


async def test_the_reason_for_bad_json_in_debug_mode() -> None:
    """In debug mode the page says what is wrong."""
    app = make_app(view_json)
    app.debug = True

    assert "Failed to decode JSON object: Expecting" in (await post_json(app, b"{")).text


async def test_json_of_another_content_type_is_none() -> None:
    """Without `force` only JSON content types are parsed."""

    async def view() -> Any:
        return [await current.get_json(), await current.json, await current.get_json(force=True)]

    assert [None, None, 1] == (await send(make_app(view), b"1", "text/plain")).json


async def test_json_requires_content_type() -> None:
    """The config key JSON_REQUIRES_CONTENT_TYPE brings Flask's 415."""
    app = make_app(view_json)
    app.config["JSON_REQUIRES_CONTENT_TYPE"] = True

    assert 415 == (await send(app, b"1", "text/plain")).status
    assert 200 == (await post_json(app, b"1")).status


@pytest.mark.parametrize("end", [b"\n", b" \t\r\n", b" ]", b"\x0c", b"\xc2\xa0"])
async def test_what_follows_json(end: bytes) -> None:
    """White space may, and nothing else."""
    response = await post_json(make_app(view_json), b"[1]" + end)

    assert (400 if end.strip(b" \t\r\n") else 200) == response.status


async def test_headers_of_ones_own() -> None:
    """What is set in their place says what the body is."""

    async def view() -> Any:
        current.headers = Headers({"Content-Type": "application/json", "Content-Length": "7"})
        return [current.is_json, current.content_length, await current.get_json()]

    assert [True, 7, [1]] == (await send(make_app(view), b"[1]", "text/plain")).json


async def test_silent_json() -> None:
    """`silent` gives None for what is no JSON, and does not hide the error from the next."""

    async def view() -> Any:
        assert await current.get_json(silent=True) is None
        return {"json": await current.get_json()}

    assert 400 == (await post_json(make_app(view), b"{")).status


async def test_json_is_cached() -> None:
    """The parsed value is kept, unless `cache` is off."""

    async def view() -> Any:
        first = await current.get_json()
        return [
            first is await current.get_json(),
            first is await current.get_json(cache=False),
        ]

    assert [True, False] == (await post_json(make_app(view), b"[]")).json


async def test_on_json_loading_failed() -> None:
    """A subclass decides what is given for a body that is no JSON."""
    app = make_app(view_json)

    class Request(app.request_class):  # type: ignore[misc, name-defined]
        def on_json_loading_failed(self, error: Exception | None) -> Any:
            return type(error).__name__

    app.request_class = Request

    assert {"json": "JSONDecodeError"} == (await post_json(app, b"{")).json


@pytest.mark.slow
async def test_a_large_json_document_is_equal() -> None:
    """Documents that are parsed off the loop come out as all others."""
    app = make_app(view_json)
    values = [
        list(range(400_000)),
        {str(number): [number, {"a": None}] for number in range(50_000)},
        ["x" * 400_000, 1.5, -7, True],
        [[]] * 200_000,
    ]
    for value in values:
        assert {"json": value} == (await post_json(app, json.dumps(value).encode())).json
    assert 400 == (await post_json(app, b"[" + b"0," * 300_000 + b"]")).status


@pytest.mark.parametrize("provider", [DefaultJSONProvider, FlaskJSONProvider])
async def test_a_long_json_document_is_parsed_in_steps(
    provider: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By a decoder that the event loop can interrupt, whichever standard provider reads it."""
    parsed = []
    raw_decode = InterruptibleDecoder.raw_decode

    def note(self: InterruptibleDecoder, s: str, idx: int = 0) -> tuple[Any, int]:
        parsed.append(len(s))
        return raw_decode(self, s, idx)

    async def view() -> Any:
        return str(len(await current.get_json()))

    monkeypatch.setattr(InterruptibleDecoder, "raw_decode", note)
    app = make_app(view)
    app.json = provider(app)

    assert "100" == (await send(app, b"[%s]" % b",".join([b"1"] * 100), "application/json")).text
    assert [] == parsed
    assert (
        "200000"
        == (await send(app, b"[%s]" % b",".join([b"1"] * 200_000), "application/json")).text
    )
    assert [400_001] == parsed


@pytest.mark.parametrize("enabled", [True, False])
@pytest.mark.parametrize("broken", [False, True])
async def test_no_garbage_is_collected_while_a_long_document_is_parsed(
    enabled: bool, broken: bool
) -> None:
    """Afterwards the collector is as it was, whether that was JSON or not."""
    while_parsing: list[bool] = []

    class Provider(DefaultJSONProvider):
        def loads(self, s: str | bytes, **kwargs: object) -> Any:
            while_parsing.append(gc.isenabled())
            return super().loads(s, **kwargs)

    async def view() -> Any:
        return {"length": len(await current.get_json())}

    app = make_app(view)
    app.json = Provider(app)
    body = b"[" + b"[]," * 100_000 + (b"" if broken else b"[]]")
    if not enabled:
        gc.disable()
    try:
        response = await send(app, body, "application/json")
        after = gc.isenabled()
    finally:
        gc.enable()

    assert (400 if broken else 200) == response.status
    assert ([False], enabled) == (while_parsing, after)


async def test_no_collection_goes_through_a_long_document_at_once() -> None:
    """None of what is young: everybody else would wait."""
    looked_at: list[int] = []

    def note(phase: str, info: dict[str, int]) -> None:
        if phase == "start" and info["generation"] < 2:
            generations = range(info["generation"] + 1)
            looked_at.append(sum(len(gc.get_objects(each)) for each in generations))

    async def view() -> Any:
        length = len(await current.get_json())
        gc.collect(1)
        return {"length": length}

    app = make_app(view)
    gc.callbacks.append(note)
    try:
        await send(app, b"[" + b"[]," * 100_000 + b"[]]", "application/json")
    finally:
        gc.callbacks.remove(note)

    assert 0 < max(looked_at) < 100_000


async def test_what_the_application_froze_stays_frozen() -> None:
    async def view() -> Any:
        return {"length": len(await current.get_json())}

    app = make_app(view)
    gc.freeze()
    try:
        frozen = gc.get_freeze_count()
        await send(app, b"[" + b"[]," * 100_000 + b"[]]", "application/json")
        after = gc.get_freeze_count()
    finally:
        gc.unfreeze()

    assert frozen // 2 < after <= frozen


async def test_garbage_beside_long_documents_is_collected(monkeypatch: pytest.MonkeyPatch) -> None:
    """However many follow each other."""
    monkeypatch.setattr("quart.json.long._COLLECT_AFTER", 4)
    made: list[weakref.ref[Any]] = []

    class Provider(DefaultJSONProvider):
        def loads(self, s: str | bytes, **kwargs: object) -> Any:
            cycle = Provider(app)
            cycle.itself = cycle  # type: ignore[attr-defined]
            made.append(weakref.ref(cycle))
            return super().loads(s, **kwargs)

    async def view() -> Any:
        return {"length": len(await current.get_json())}

    app = make_app(view)
    app.json = Provider(app)
    for _ in range(9):
        await send(app, b"[" + b"0," * 200_000 + b"0]", "application/json")

    assert 4 <= sum(each() is None for each in made) < 9


@pytest.mark.slow
@pytest.mark.parametrize(
    "document",
    [
        b"[" + b"0," * 4_000_000 + b"0]",
        b'{"a":"' + b"x" * 8_000_000 + b'"}',
        b"[" + b'{"a":{"b":1},"c":""},' * 120_000 + b"0]",
        b"{" + b",".join(b'"%d":""' % number for number in range(300_000)) + b"}",
        b"[" + b",".join([b"1" * 4300] * 1800) + b"]",
        b"[" * 200 + b"0" + b",0" * 2_000_000 + b"]" * 200,
        b"[" + (b"[" * 300 + b"]" * 300 + b" " * 4200 + b",") * 1000 + b"0]",
    ],
    ids=["numbers", "text", "records", "keys", "digits", "depth", "deep and wide"],
)
async def test_a_hostile_json_document_is_read(
    document: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """How long it holds up the loop is measured by bench/blocking.py."""
    monkeypatch.setattr("asgi.TIMEOUT", 60)  # what is read in Python takes seconds

    async def view() -> Any:
        await current.get_json()
        return ""

    app = make_app(view)

    assert 200 == (await post_json(app, document)).status


CONTAINERS = 1_048_576  # that a document may hold by default


@pytest.mark.slow
@pytest.mark.parametrize(
    ("document", "limit", "status"),
    [
        (b"[" + b"[]," * (CONTAINERS - 2) + b"[]]", 16 << 20, 200),
        (b"[" + b"[]," * (CONTAINERS - 1) + b"[]]", 16 << 20, 413),
        (b"[" + b'{"":{}},' * (CONTAINERS // 2) + b"0]", 16 << 20, 413),
        (b"[" + b"[]," * (CONTAINERS - 1) + b"[]]", (16 << 20) + 16, 200),
        (b"[" + b"[]," * CONTAINERS + b"[]]", None, 200),
        (b"[" + b"[]," * CONTAINERS + b"[]]", 4 << 20, 413),
        (b'["' + b"[" * 3_000_000 + b'"]', 16 << 20, 200),
        (b"[" + b'"[{]\\"[",' * 500_000 + b"0]", 16 << 20, 200),
        (b"[" + b'"\\\\",[],' * (CONTAINERS - 1) + b"0]", 16 << 20, 200),
        (b"[" + b'"\\\\",[],' * CONTAINERS + b"0]", 16 << 20, 413),
        (b"[" * 3_000_000 + b'"' + b"\\" * 3_000_000, 16 << 20, 413),
        (("[" + "[]," * CONTAINERS + '"\u0122"]').encode("utf-16"), 16 << 20, 413),
    ],
    ids=range(12),
)
async def test_the_most_arrays_and_objects_of_a_document(
    document: bytes, limit: int | None, status: int
) -> None:
    """One for 16 bytes of the limit of the body: the garbage collector has to see them all.

    Brackets within text do not count, and a smaller limit of the body makes none of this one.
    """

    async def view() -> Any:
        current.max_content_length = limit
        await current.get_json()
        return ""

    app = make_app(view)

    assert status == (await post_json(app, document)).status


@pytest.mark.slow
@pytest.mark.parametrize(
    "unit",
    [
        b"[" * 250 + b"]" * 250,
        b"[" * 250 + b"0," * 500 + b"0" + b"]" * 250,
        b'{"a":' * 250 + b"0" + b"}" * 250,
        b'{"a":[],"b":{"c":[{}]}}',
        b"[[],[[]],[[],[[]]]]",
        b'["},],[",{"]}":"},"}]',
        b"[" * 300 + b"]" * 300 + b" " * 4200,
        b"[" * 250 + b"0," * 3000 + b"0" + b"]" * 250 + b" " * 70_000,
        b'{"a":' * 250 + b" " * 3000 + b"0" + b"}" * 250 + b" " * 9000,
    ],
    ids=range(9),
)
async def test_the_work_on_a_json_document_is_bound_by_its_size(unit: bytes) -> None:
    """However it is nested: the work is calls, and the text that is cut out and tried."""
    document = b"[" + b",".join([unit] * (1 + 300_000 // len(unit))) + b"]"
    work = 0

    def note(frame: Any, event: str, _: Any) -> None:
        nonlocal work
        work += 1
        if event == "call":
            pieces = (value for value in frame.f_locals.values() if type(value) is str)
            work += sum(len(piece) for piece in pieces if len(piece) < len(document))

    async def view() -> Any:
        threading.setprofile(note)  # for the thread that parses, which starts here
        try:
            await current.get_json()
        finally:
            threading.setprofile(None)  # type: ignore[arg-type]
        return ""

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("quart.threads._parser_threads", Pool("quart-parser", 1))
        patch.setattr("asgi.TIMEOUT", 60)  # a profiler makes it slow

        assert 200 == (await post_json(make_app(view), document)).status
    assert 0 < work < 10 * len(document)


# --- the push side, as test contexts and extensions use it


async def test_a_body_that_is_pushed() -> None:
    """`append` and `set_complete` wake whoever waits."""
    body = Body(None, None)
    reader = asyncio.ensure_future(body.read())
    await asyncio.sleep(0)
    body.append(b"a")
    await asyncio.sleep(0)
    body.append(b"b")
    body.set_complete()

    assert b"ab" == await reader
    assert b"ab" == await body


async def test_set_result() -> None:
    """A body may be given at once; `clear` forgets it."""
    body = Body(None, None)
    body.set_result(b"data")

    assert b"data" == await body
    body.clear()
    assert b"" == await body
    assert [] == [chunk async for chunk in body]


async def test_a_pushed_body_drops_what_is_too_much() -> None:
    """Over the limit nothing is kept in memory."""
    body = Body(None, 5)
    for _ in range(100):
        body.append(b"abc")

    with pytest.raises(RequestEntityTooLarge):
        await body
    with pytest.raises(RequestEntityTooLarge):
        await anext(body)


@pytest.mark.parametrize("limits", [{}, {"body_timeout": 20}])
async def test_a_body_is_read_after_the_answer(limits: dict[str, Any]) -> None:
    """By a background task, where the server still gives it."""
    app = Quart(__name__)

    @app.post("/", **limits)
    async def view() -> str:
        tasks.append(app.add_background_task(read))
        return "answered"

    async def read() -> list[Any]:
        await answered.wait()
        return [await current.get_json(), await current.get_json()]

    tasks: list[asyncio.Task[Any]] = []
    answered = asyncio.Event()

    headers = {"content-type": "application/json"}
    async with stream(app, "POST", headers=headers, leaves_tasks=True) as http:
        http.body(b'{"a":', more=True)
        http.body(b" 1}")
        await http.start()
    answered.set()

    assert [{"a": 1}] * 2 == await tasks[0]


async def test_a_body_is_read_in_a_kept_context() -> None:
    app = Quart(__name__)
    app.post("/")(lambda: "answered")

    async with app.test_client() as client:
        await client.post("/", form={"a": "b"})
        assert {"a": "b"} == dict(await current.form)


async def test_json_outside_of_a_context() -> None:
    context = Quart(__name__).test_request_context("/", method="POST", json={"a": 1})

    assert {"a": 1} == await context.request.get_json()


@pytest.mark.parametrize("sync", [True, False])
async def test_the_data_of_a_form(sync: bool) -> None:
    """A multipart form leaves nothing; to code written for Flask, a urlencoded one neither."""
    app = Quart(__name__)

    if sync:

        @app.post("/")
        def view() -> Any:
            return {"data": current.data.decode(), "form": current.form}  # type: ignore[attr-defined]
    else:

        @app.post("/")
        async def async_view() -> Any:
            return {"data": (await current.data).decode(), "form": await current.form}

    client = app.test_client()
    sent = {
        "urlencoded": {"form": {"a": "b"}},
        "multipart": {"form": {"a": "b"}, "files": {"c": FileStorage(io.BytesIO(b"d"))}},
        "text": {"data": "text"},
    }
    answers = {name: (await client.post("/", **words)).json for name, words in sent.items()}

    assert {"data": "" if sync else "a=b", "form": {"a": "b"}} == await answers["urlencoded"]
    assert {"data": "", "form": {"a": "b"}} == await answers["multipart"]
    assert {"data": "text", "form": {}} == await answers["text"]


@pytest.mark.parametrize("form", [{"form": {"a": "b"}}, {"form": {"a": "b"}, "files": {"c": b"d"}}])
async def test_the_data_of_a_form_that_was_read_before(form: dict[str, Any]) -> None:
    """What `get_data` has read, such as for a signature, `data` is after the form, as in Flask."""
    app = Quart(__name__)

    @app.before_request
    def check() -> None:
        app.raw = current.get_data()  # type: ignore[attr-defined]

    @app.post("/")
    def view() -> Any:
        assert app.raw  # type: ignore[attr-defined]
        before = current.data == app.raw  # type: ignore[attr-defined]
        fields: Any = current.form
        return {"form": fields, "same": [before, current.data == app.raw]}  # type: ignore[attr-defined]

    if "files" in form:
        form = {**form, "files": {"c": FileStorage(io.BytesIO(b"d"))}}
    answer = await app.test_client().post("/", **form)

    assert {"form": {"a": "b"}, "same": [True, True]} == await answer.json


async def test_an_error_of_the_source_reaches_the_reader() -> None:
    """What the source raises, at once or after waiting, the reader gets."""

    async def fails(body: Body) -> None:
        raise ClientDisconnectedError()

    async def fails_later(body: Body) -> None:
        await asyncio.sleep(0)
        raise ClientDisconnectedError()

    for source in (fails, fails_later):
        body = Body(None, None)
        body.source = source
        for _ in range(2):
            with pytest.raises(ClientDisconnectedError):
                await body


async def test_a_timeout_within_the_source_is_not_the_bodys() -> None:
    """Only the silence of the client becomes RequestTimeout."""

    async def source(body: Body) -> None:
        await asyncio.sleep(0)
        raise TimeoutError("mine")

    body = Body(None, None)
    body.source = source
    body.timeout = 5

    with pytest.raises(TimeoutError, match="mine"):
        await body


async def test_a_reader_may_be_cancelled() -> None:
    """The next reader goes on where the cancelled one waited."""
    body = Body(None, None)
    first = asyncio.ensure_future(body.read())
    second = asyncio.ensure_future(body.read())
    await asyncio.sleep(0)
    first.cancel()
    await asyncio.sleep(0)
    body.set_result(b"data")

    assert b"data" == await second
    assert first.cancelled()


# --- the rest of the request


async def test_is_disconnected() -> None:
    """A handler may ask whether the client has gone."""
    seen = []

    async def view() -> Any:
        seen.append(await current.is_disconnected())
        while not await current.is_disconnected():
            await asyncio.sleep(0.001)
        seen.append(True)
        return ""

    app = make_app(view)
    app.config["CANCEL_ON_DISCONNECT"] = False
    async with stream(app, "POST") as http:
        http.body()
        await asyncio.sleep(0.01)
        http.disconnect()

    assert [False, True] == seen


async def test_a_sync_view_reads_the_body() -> None:
    """In a sync view what is awaited elsewhere gives its value."""
    app = Quart("tests", root_path="tests")

    @app.post("/")
    def view() -> Any:
        return [
            current.get_json(),
            current.json,
            current.get_data(as_text=True),
            current.data.decode(),  # type: ignore[attr-defined]
        ]

    response = await request(app, "POST", json={"a": 1})

    assert [{"a": 1}, {"a": 1}, '{"a": 1}', '{"a": 1}'] == response.json
