"""Responses: how they are made, what they send, what they refuse."""

import asyncio
import io
import threading
from collections.abc import AsyncIterator, Iterator
from http import HTTPStatus
from pathlib import Path
from typing import Any

import flask
import pytest
import werkzeug.exceptions
from asgi import get, request, stream
from test_request_body import make_app
from werkzeug.datastructures import Headers, WWWAuthenticate
from werkzeug.exceptions import HTTPException, NotFound, RequestedRangeNotSatisfiable
from werkzeug.sansio.response import Response as SansIOResponse
from werkzeug.wrappers import Response as WSGIResponse

from quart import Quart, Response
from quart import request as current
from quart.wrappers.response import (
    DataBody,
    FileBody,
    IOBody,
    IterableBody,
    ResponseBody,
    _raise_if_invalid_range,
)

HTML = ("Content-Type", "text/html; charset=utf-8")


# --- made


@pytest.mark.parametrize(
    ("arguments", "status", "headers", "body"),
    [
        ({}, "200 OK", [HTML, ("Content-Length", "0")], b""),
        ({"response": "é"}, "200 OK", [HTML, ("Content-Length", "2")], "é".encode()),
        ({"response": b"x", "status": 201}, "201 CREATED", [HTML, ("Content-Length", "1")], b"x"),
        ({"response": bytearray(b"x")}, "200 OK", [HTML, ("Content-Length", "1")], b"x"),
        ({"response": memoryview(b"x")}, "200 OK", [HTML, ("Content-Length", "1")], b"x"),
        ({"status": HTTPStatus.NO_CONTENT}, "204 NO CONTENT", [HTML, ("Content-Length", "0")], b""),
        ({"status": "404 GONE FISHING"}, "404 GONE FISHING", [HTML, ("Content-Length", "0")], b""),
        ({"status": "404"}, "404 NOT FOUND", [HTML, ("Content-Length", "0")], b""),
        ({"status": 599}, "599 UNKNOWN", [HTML, ("Content-Length", "0")], b""),
        (
            {"response": "{}", "mimetype": "application/json"},
            "200 OK",
            [("Content-Type", "application/json"), ("Content-Length", "2")],
            b"{}",
        ),
        (
            {"response": "x", "content_type": "a/b; c=d", "mimetype": "e/f"},
            "200 OK",
            [("Content-Type", "a/b; c=d"), ("Content-Length", "1")],
            b"x",
        ),
        (
            {"response": "x", "headers": {"X-A": "b", "content-type": "a/b"}},
            "200 OK",
            [("X-A", "b"), ("content-type", "a/b"), ("Content-Length", "1")],
            b"x",
        ),
        (
            {"response": "x", "headers": [("X-A", "b"), ("X-A", "c")]},
            "200 OK",
            [("X-A", "b"), ("X-A", "c"), HTML, ("Content-Length", "1")],
            b"x",
        ),
        (
            {"response": "x", "headers": {"X-A": ["b", "c"]}, "mimetype": "text/plain"},
            "200 OK",
            [
                ("X-A", "b"),
                ("X-A", "c"),
                ("Content-Type", "text/plain; charset=utf-8"),
                ("Content-Length", "1"),
            ],
            b"x",
        ),
        (
            {"headers": {"Content-Length": "9"}},
            "200 OK",
            [("Content-Length", "9"), HTML],
            b"",
        ),
    ],
)
async def test_a_response(arguments: Any, status: str, headers: Any, body: bytes) -> None:
    """Status, headers and body come of the arguments as in Werkzeug."""
    response = Response(**arguments)

    assert status == response.status
    assert int(status[:3]) == response.status_code
    assert headers == list(response.headers)
    assert body == await response.get_data()


@pytest.mark.parametrize("status", [0, -1, 99, 600, 1000, "0", "abc", "600 X", "", True])
def test_a_status_is_from_100_to_599(status: Any) -> None:
    """Another status is refused where it is set."""
    with pytest.raises(ValueError):
        Response(status=status)
    response = Response()
    with pytest.raises(ValueError):
        response.status = status


def test_defaults_of_a_subclass() -> None:
    """A subclass has its own defaults and bodies."""

    class Data(DataBody):
        pass

    class Plain(Response):
        default_mimetype = "text/plain"
        default_status = 202
        automatically_set_content_length = False
        data_body_class = Data

    response = Plain("x")

    assert 202 == response.status_code
    assert [("Content-Type", "text/plain; charset=utf-8")] == list(response.headers)
    assert isinstance(response.response, Data)


def test_no_default_mimetype() -> None:
    """A subclass may say no Content-Type where none is given, as in Werkzeug."""

    class Untyped(Response):
        default_mimetype = None

    for arguments, content_type in [
        ({}, None),
        ({"response": iter("x")}, None),
        ({"headers": {"X-A": "b"}}, None),
        ({"mimetype": "text/plain"}, "text/plain; charset=utf-8"),
    ]:
        assert content_type == Untyped(**arguments).headers.get("Content-Type")


# --- header_items


def test_header_items() -> None:
    """Names are lower case, values Latin-1 without the space around them, which servers refuse."""
    response = Response("x", headers={"X-Unsafe": "é", "ETAG": '"a"', "x": "\ta "})

    assert [
        (b"x-unsafe", b"\xe9"),
        (b"etag", b'"a"'),
        (b"x", b"a"),
        (b"content-type", b"text/html; charset=utf-8"),
        (b"content-length", b"1"),
    ] == response.header_items()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *[("X-A", f"a{character}b") for character in "\r\n\0\x01\x1f\x7f"],
        ("X-A", "a\r\nSet-Cookie: b=c"),
        ("X-A", "☃"),
        *[
            (f"X{character}A", "a")
            for character in " \t\r\n\0:;,/?(){}[]@\"'\\é☃"
            if character != "'"
        ],
        ("", "a"),
        (" X-A", "a"),
        ("X-A ", "a"),
        ("X-A: b\r\nX-C", "a"),
        (b"X-A", "a"),
    ],
)
def test_header_items_refuses_what_breaks_the_protocol(name: str, value: str) -> None:
    """A header that would end the header, or is none, is named in a ValueError."""
    response = Response()
    response.headers._list.append((name, value))
    with pytest.raises(ValueError) as error:
        response.header_items()

    assert repr(name) in str(error.value)


@pytest.mark.parametrize("name", ["Location", "Content-Location"])
@pytest.mark.parametrize(
    "value",
    ["/a b?c=ü", "/поиск?q=д#я", "https://bücher.example/ü", "/%20%C3?x=%zz", "//a/<b>", "", "*"],
)
def test_a_location_is_a_uri(name: str, value: str) -> None:
    """As Flask sends it: what may not stand in one is percent-encoded, the rest left alone."""
    theirs = flask.Response(status=302, headers={name: value}).get_wsgi_headers({})
    for status in (201, 302, 308, 404):
        ours = dict(Response(status=status, headers={name: value}).header_items())

        assert theirs[name] == ours[name.lower().encode()].decode()


@pytest.mark.parametrize("sync", [True, False])
@pytest.mark.parametrize(
    ("asked", "status", "body", "content_range"),
    [
        ("bytes=2-4", 206, b"234", "bytes 2-4/10"),
        ("bytes=-3", 206, b"789", "bytes 7-9/10"),
        ("bytes=0-", 206, b"0123456789", "bytes 0-9/10"),
        ("bytes=9-20", 206, b"9", "bytes 9-9/10"),
        ("bytes=0-1,5-6", 200, b"0123456789", None),
        ("bytes=10-", 416, None, "bytes */10"),
    ],
)
async def test_a_range_of_a_stream_of_known_length(
    sync: bool, asked: str, status: int, body: bytes | None, content_range: str | None
) -> None:
    """One range of it is sent, and no more than that is made."""
    app, closed = Quart(__name__), []
    pieces = [b"01", "2345", b"", bytearray(b"678"), "9"]

    def sync_pieces() -> Iterator[Any]:
        try:
            yield from pieces
        finally:
            closed.append(True)

    async def async_pieces() -> AsyncIterator[Any]:
        try:
            for piece in pieces:
                yield piece
        finally:
            closed.append(True)

    @app.get("/")
    async def view() -> Response:
        response = Response(sync_pieces() if sync else async_pieces())
        await response.make_conditional(current, accept_ranges=True, complete_length=10)
        return response

    response = await get(app, "/", headers={"range": asked})

    assert (status, content_range) == (response.status, response.headers.get("Content-Range"))
    if body is not None:
        assert body == response.body
        assert [True] == closed


async def test_sync_code_closes_a_response() -> None:
    app, closed = Quart(__name__), []

    @app.get("/")
    def view() -> str:
        response = Response("x")
        response.call_on_close(lambda: closed.append(True))
        response.close()  # type: ignore[unused-coroutine]
        return str(closed)

    assert "[True]" == (await get(app, "/")).text


@pytest.mark.parametrize("name", ["X-A\r\nX-B", "X A", "", "X-A:"])
async def test_a_broken_header_is_a_500(name: str) -> None:
    """Nothing of a response with a broken header is sent."""

    async def view() -> Any:
        return "", {name: "value"}

    response = await get(make_app(view))

    assert 500 == response.status
    assert name.lower() not in response.headers


@pytest.mark.parametrize("value", ["%00", "%D0%96"])
@pytest.mark.parametrize("streams", [False, True])
async def test_a_broken_header_of_every_response_is_a_500(
    streams: bool, value: str, caplog: pytest.LogCaptureFixture
) -> None:
    """What answers the error would have it, too. Each response is closed."""
    closed: list[int] = []

    async def stream() -> Any:
        raise KeyError("before the first piece")
        yield

    async def view() -> Any:
        return stream() if streams else ""

    async def after(response: Any) -> Any:
        if response.status_code == 500 or not streams:
            response.headers["X-A"] = current.args["x"]
        response.call_on_close(lambda: closed.append(response.status_code))
        return response

    app = make_app(view)
    app.after_request(after)

    response = await get(app, f"/?x={value}")

    assert 500 == response.status
    assert "x-a" not in response.headers
    assert [200, 500] == sorted(closed)
    assert "The value of the header 'X-A' has" in caplog.text


async def test_trailers() -> None:
    """They may be set until the body has been sent, and are sent where the server can."""

    async def view() -> Any:
        async def stream() -> Any:
            yield b"a"
            response.trailers.add("X-Late", " 2")

        response: Any = Response(stream())
        response.trailers = Headers([("X-Sum", "1")])
        return response

    app = make_app(view)
    response = await get(app, extensions=["http.response.trailers"])

    assert (b"a", [("x-sum", "1"), ("x-late", "2")]) == (
        response.body,
        [(name.lower(), value) for name, value in response.trailers],
    )
    assert not (await get(app)).trailers
    assert not (await request(app, "HEAD", extensions=["http.response.trailers"])).trailers


@pytest.mark.parametrize(("name", "value"), [("X-A", "a\r\nX-B: b"), ("X A", "a")])
async def test_broken_trailers_are_not_sent(name: str, value: str) -> None:
    """A 500 if they are there at the start; later the response is aborted."""

    async def view() -> Any:
        async def stream() -> Any:
            yield b"a"
            response.trailers._list.append((name, value))

        response: Any = Response(stream())
        response.trailers = Headers()
        if not late:
            response.trailers._list.append((name, value))
        return response

    app = make_app(view)
    late = False
    assert 500 == (await get(app, extensions=["http.response.trailers"])).status
    late = True
    options: Any = {"raises": ValueError, "aborts": True}
    response = await get(app, extensions=["http.response.trailers"], **options)
    assert (200, []) == (response.status, list(response.trailers))


@pytest.mark.parametrize("status", [100, 204, 304])
async def test_no_length_without_a_body(status: int) -> None:
    """Responses that must not have a body do not announce one."""
    names = {name for name, _ in Response("x", status).header_items()}

    assert b"content-length" not in names
    assert (status == 304) == (b"content-type" not in names)


async def test_204_and_304_are_sent_without_a_body() -> None:
    """Whatever the view gave."""
    for status in (204, 304):

        async def view(status: int = status) -> Any:
            return "body", status

        response = await get(make_app(view))
        assert (status, b"") == (response.status, response.body)


# --- bodies


async def numbers() -> AsyncIterator[str]:
    for number in range(3):
        yield str(number)


class Countdown:
    """An async iterator that is no generator."""

    def __init__(self) -> None:
        self.left = 3

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self  # type: ignore[return-value]

    async def __anext__(self) -> bytes:
        if not self.left:
            raise StopAsyncIteration
        self.left -= 1
        return b"%d" % self.left


@pytest.mark.parametrize(
    ("make", "body"),
    [
        (lambda: ["a", b"b", "é"], "abé".encode()),
        (lambda: ("a", "b"), b"ab"),
        (lambda: iter(["a", "b"]), b"ab"),
        (lambda: map(str, range(3)), b"012"),
        (lambda: {"a": 1, "b": 2}.keys(), b"ab"),
        (lambda: (str(number) for number in range(1000)), "".join(map(str, range(1000))).encode()),
        (numbers, b"012"),
        (Countdown, b"210"),
        (lambda: io.BytesIO(b"bytes"), b"bytes"),
        (lambda: DataBody(b"data"), b"data"),
        (lambda: IterableBody([]), b""),
        (lambda: FileBody(__file__), Path(__file__).read_bytes()),
        (lambda: IOBody(io.BytesIO(b"x" * 1_000_000)), b"x" * 1_000_000),
    ],
)
async def test_every_kind_of_body(make: Any, body: bytes) -> None:
    """A body may be anything that gives text or bytes: sent, read, and read again."""

    async def view() -> Any:
        return Response(make())

    assert body == (await get(make_app(view))).body
    response = Response(make())
    assert body == await response.get_data()
    assert body == await response.data
    assert body.decode("latin-1") == (await response.get_data()).decode("latin-1")


@pytest.mark.parametrize(
    ("items", "length"),
    [
        ([], "0"),
        (["a", b"bc", "é"], "5"),
        (("a", b"bc"), "3"),
        ([bytearray(b"ab")], None),  # what has not a length that is sure is sent without
    ],
)
@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_a_list_has_a_length(items: Any, length: str | None, method: str) -> None:
    """As in Flask; what is done to the list later does not change the response."""
    body = b"".join(item.encode() if isinstance(item, str) else item for item in items)

    async def view() -> Any:
        given = type(items)(items)
        response = Response(given)
        if isinstance(given, list):
            given.append("more")
        return response

    response = await request(make_app(view), method)

    assert length == response.headers.get("Content-Length")
    assert (body if method == "GET" else b"") == response.body


async def test_iter_encode() -> None:
    """A body is read piece by piece as bytes."""
    assert [b"a", b"b"] == [chunk async for chunk in Response(["a", b"b"]).iter_encode()]


async def test_a_sync_iterable_is_advanced_in_batches() -> None:
    """In threads other than the loop's; every item arrives."""
    threads = set()
    wakes = 0
    loop = asyncio.get_running_loop()
    wake = loop.call_soon_threadsafe

    def counted(*args: Any, **kwargs: Any) -> Any:
        nonlocal wakes
        wakes += 1
        return wake(*args, **kwargs)

    def items() -> Iterator[str]:
        for number in range(2000):
            threads.add(threading.current_thread())
            yield str(number)

    loop.call_soon_threadsafe = counted  # type: ignore[method-assign]
    async with IterableBody(items()) as body:
        assert 2000 == len([item async for item in body])

    assert threading.current_thread() not in threads
    assert 500 > wakes > 0


async def test_items_of_a_slow_iterable_are_not_held_back() -> None:
    """An item is there as soon as it was made, however long the next one takes."""
    go_on = threading.Event()

    def items() -> Iterator[str]:
        yield "a"
        yield "b"
        go_on.wait(5)
        yield "c"

    async with IterableBody(items()) as body:
        chunks = aiter(body)
        assert "a" == await asyncio.wait_for(anext(chunks), 2)
        assert "b" == await asyncio.wait_for(anext(chunks), 2)
        go_on.set()
        assert "c" == await asyncio.wait_for(anext(chunks), 2)


@pytest.mark.parametrize("kind", ["sync", "async"])
async def test_generators_are_closed_when_the_body_is_left(kind: str) -> None:
    """A generator that was not exhausted is closed at once."""
    closed = []

    def sync_items() -> Iterator[str]:
        try:
            while True:
                yield "x"
        finally:
            closed.append(True)

    async def async_items() -> AsyncIterator[str]:
        try:
            while True:
                yield "x"
        finally:
            closed.append(True)

    async with IterableBody(sync_items() if kind == "sync" else async_items()) as body:
        await anext(aiter(body))

    assert [True] == closed


class Words:
    """An iterator that is no generator, and wants to be closed."""

    def __init__(self, fails: bool) -> None:
        self.words = iter(["a", "b"])
        self.fails = fails
        self.closed = 0

    def __iter__(self) -> Iterator[str]:
        return self  # type: ignore[return-value]

    def __next__(self) -> str:
        if self.fails:
            raise LookupError("in an iterator")
        return next(self.words)

    def close(self) -> None:
        self.closed += 1


class IterableWords(Words):
    """An iterable whose iterator is a generator."""

    def __iter__(self) -> Iterator[str]:
        while (word := next(self, None)) is not None:
            yield word


class AsyncWords(Words):
    """An async iterator that is no generator."""

    __iter__ = None  # type: ignore[assignment]

    def __aiter__(self) -> AsyncIterator[str]:
        return self  # type: ignore[return-value]

    async def __anext__(self) -> str:
        try:
            return next(self)
        except StopIteration:
            raise StopAsyncIteration from None

    async def aclose(self) -> None:
        self.close()


@pytest.mark.parametrize("kind", [Words, IterableWords, AsyncWords])
@pytest.mark.parametrize("how", ["sent", "HEAD", "204", "304", "refused", "failed", "read"])
async def test_a_body_is_closed(kind: type[Words], how: str) -> None:
    """Once, when it was sent, was given up, or was not asked for, as in Flask."""
    words = kind(fails=how == "failed")

    async def view() -> Any:
        response = Response(words, status=204 if how == "204" else 200)  # type: ignore[arg-type]
        response.set_etag("x")
        if how == "refused":
            response.headers["Not A Name"] = "value"
        elif how == "304":
            await response.make_conditional(current)
        elif how == "read":
            await response.get_data()
        return response

    method = "HEAD" if how == "HEAD" else "GET"
    response = await request(make_app(view), method, headers={"if-none-match": '"x"'})

    expected = {"204": 204, "304": 304, "refused": 500, "failed": 500}.get(how, 200)
    assert (expected, 1) == (response.status, words.closed)
    if how in ("sent", "read"):
        assert b"ab" == response.body


async def test_an_open_file_is_closed() -> None:
    """As in Flask: the response has become its owner."""
    file = open(__file__, "rb")  # noqa: SIM115

    async def view() -> Any:
        return Response(file)

    assert Path(__file__).read_bytes() == (await get(make_app(view))).body
    assert file.closed


@pytest.mark.parametrize("kind", ["sync", "async"])
async def test_a_generator_that_fails_later_aborts_the_response(kind: str) -> None:
    """The client can tell that the body is not complete."""

    def sync_items() -> Iterator[str]:
        yield "x"
        raise ValueError("fail")

    async def async_items() -> AsyncIterator[str]:
        yield "x"
        raise ValueError("fail")

    async def view() -> Any:
        return sync_items() if kind == "sync" else async_items()

    async with stream(make_app(view), raises=ValueError) as http:
        http.body()
        assert b"x" == await http.chunk()
        await http.finish()


async def test_a_file_that_shrinks_while_it_is_sent(tmp_path: Path) -> None:
    """The response is aborted rather than ended short."""
    path = tmp_path / "file"
    path.write_bytes(b"x" * 1_000_000)
    body = FileBody(path)
    chunks = []
    with pytest.raises(EOFError):
        async with body as pieces:
            async for chunk in pieces:
                chunks.append(chunk)
                path.write_bytes(b"")

    assert 1_000_000 > len(b"".join(chunks))

    path.write_bytes(b"x" * 10)
    body = FileBody(path)
    path.write_bytes(b"x")
    with pytest.raises(EOFError):
        async with body as pieces:
            assert b"x" == await anext(aiter(pieces))
            await anext(aiter(pieces))


async def test_is_whole(tmp_path: Path) -> None:
    """A server may send the file itself only while it is what was announced."""
    path = tmp_path / "file"
    path.write_bytes(b"12345")
    body = FileBody(path)
    assert await body.is_whole()
    await body.make_conditional(1, None)
    assert not await body.is_whole()
    await body.make_conditional(0, None)
    path.write_bytes(b"1")
    assert not await body.is_whole()
    path.unlink()
    assert not await body.is_whole()


@pytest.mark.parametrize(
    "make",
    [
        lambda path: DataBody(path.read_bytes()),
        FileBody,
        lambda path: IOBody(io.BytesIO(path.read_bytes())),
        lambda path: FileBody(path, buffer_size=3),
    ],
    ids=["data", "file", "io", "file by 3"],
)
async def test_ranges_of_a_body(tmp_path: Path, make: Any) -> None:
    """A body can be narrowed to any range, and again to another."""
    (tmp_path / "file").write_bytes(b"0123456789")
    body = make(tmp_path / "file")
    for begin, end in [(0, None), (2, 5), (0, 1), (9, 10), (5, None), (0, 10), (3, 99)]:
        assert 10 == await body.make_conditional(begin, end)
        async with body as pieces:
            assert b"0123456789"[begin:end] == b"".join([piece async for piece in pieces])
    for begin, end in [(10, None), (11, 12), (5, 5), (-1, None)]:
        with pytest.raises(RequestedRangeNotSatisfiable):
            await body.make_conditional(begin, end)


def test_raise_if_invalid_range() -> None:
    """Bodies of others use the check too."""
    _raise_if_invalid_range(0, None, 1)
    _raise_if_invalid_range(0, 5, 10)
    for begin, end, size in [(5, 5, 10), (10, None, 10), (-1, None, 10), (0, None, 0)]:
        with pytest.raises(RequestedRangeNotSatisfiable):
            _raise_if_invalid_range(begin, end, size)


async def test_a_body_of_ones_own() -> None:
    """Any `ResponseBody` can be sent."""

    class Hello(ResponseBody):
        async def __aenter__(self) -> Any:
            return numbers()

        async def __aexit__(self, *_: Any) -> None:
            pass

    async def view() -> Any:
        return Response(Hello())

    assert b"012" == (await get(make_app(view))).body


async def test_a_head_request_does_not_run_the_body() -> None:
    """Neither the stream runs nor the file is read; the headers are those of GET."""
    ran = []

    async def items() -> AsyncIterator[str]:
        ran.append(True)
        yield "x"

    async def view() -> Any:
        return items()

    app = make_app(view)
    async with stream(app, "HEAD") as http:
        http.body()
        response = await http.response()

    assert (200, b"", []) == (response.status, response.body, ran)


# --- data, etag, freeze


async def test_set_data() -> None:
    """The body is replaced, and the length with it."""
    response = Response(numbers())
    response.set_data("é")

    assert "é" == await response.get_data(as_text=True)
    assert "2" == response.headers["Content-Length"]


async def test_set_data_as_attribute() -> None:
    """`data` can be assigned, as in Flask."""
    response = Response("longer")
    response.data = b"abc"  # type: ignore[assignment]

    assert b"abc" == await response.data
    assert "3" == response.headers["Content-Length"]


async def test_is_streamed() -> None:
    """A response knows whether its body is at hand."""
    response = Response(numbers())
    assert (True, False) == (response.is_streamed, response.is_sequence)
    await response.make_sequence()
    assert (False, True) == (response.is_streamed, response.is_sequence)
    assert "3" == response.headers["Content-Length"]
    assert not Response(["a"]).is_streamed


async def test_without_implicit_sequence_conversion() -> None:
    """A stream is read without being kept."""
    response = Response(numbers())
    response.implicit_sequence_conversion = False

    assert b"012" == await response.get_data()
    assert response.is_streamed


async def test_freeze() -> None:
    """A frozen response has its data, its length and an ETag."""
    response = Response(numbers())
    await response.freeze()

    assert "3" == response.headers["Content-Length"]
    assert response.get_etag()[0]


async def test_add_etag() -> None:
    """The ETag is Werkzeug's of the data, and is not replaced unasked."""
    response = Response("data")
    await response.add_etag()
    etag = werkzeug.http.generate_etag(b"data")
    assert (etag, False) == response.get_etag()
    response.set_data("other")
    await response.add_etag()
    assert (etag, False) == response.get_etag()
    await response.add_etag(overwrite=True, weak=True)
    assert (werkzeug.http.generate_etag(b"other"), True) == response.get_etag()


async def test_get_json() -> None:
    """A JSON body is parsed; `silent` is for what is none."""
    app = Quart("tests", root_path="tests")
    async with app.app_context():
        assert {"a": 1} == await Response('{"a": 1}', mimetype="application/json").get_json()
        assert {"a": 1} == await Response('{"a": 1}', mimetype="application/json").json
        assert await Response('{"a": 1}').get_json() is None
        assert {"a": 1} == await Response('{"a": 1}').get_json(force=True)
        assert await Response("{").get_json(force=True, silent=True) is None
        with pytest.raises(ValueError):
            await Response("{").get_json(force=True)


async def test_cookies() -> None:
    """Cookies are set and deleted as in Werkzeug."""
    app = Quart("tests", root_path="tests")
    async with app.app_context():
        response = Response()
        response.set_cookie("a", "b", partitioned=True, secure=True, samesite="Lax", max_age=5)
        response.delete_cookie("c")

        assert 4093 == response.max_cookie_size
        app.config["MAX_COOKIE_SIZE"] = 10
        assert 10 == response.max_cookie_size
    assert [
        "a=b; Max-Age=5; Secure; Path=/; SameSite=Lax; Partitioned",
        "c=; Expires=Thu, 01 Jan 1970 00:00:00 GMT; Max-Age=0; Path=/",
    ] == sorted(
        "; ".join(
            part for part in value.split("; ") if not part.startswith("Expires=") or "1970" in part
        )
        for value in response.headers.getlist("Set-Cookie")
    )


# --- closing


async def test_call_on_close() -> None:
    """Functions are called once, in their order, when the response was sent or given up."""
    called = []

    async def view() -> Any:
        response = Response("x")

        @response.call_on_close
        def first() -> None:
            called.append("first")

        @response.call_on_close
        async def second() -> None:
            called.append("second")

        return response

    await get(make_app(view))

    assert ["first", "second"] == called


async def test_close_calls_all() -> None:
    """A function that raises does not keep the others from being called."""
    response = Response()
    called = []

    def fails() -> None:
        raise ValueError("fail")

    response.call_on_close(fails)
    response.call_on_close(lambda: called.append(True))
    with pytest.raises(ValueError):
        await response.close()
    assert [True] == called
    await response.close()

    for _ in range(2):
        response.call_on_close(fails)
    with pytest.raises(ExceptionGroup):
        await response.close()


async def test_close_calls_all_where_it_is_cancelled() -> None:
    """The function that waits ends, the others are called, and the cancellation goes on."""
    called = []

    async def waits() -> None:
        await asyncio.sleep(60)

    response = Response()
    response.call_on_close(waits)
    response.call_on_close(lambda: called.append(True))
    closing = asyncio.create_task(response.close())
    await asyncio.sleep(0)
    closing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await closing

    assert [True] == called


# --- foreign responses and exceptions


async def test_force_type() -> None:
    """Werkzeug's responses become ours, with their status, headers and body."""
    app = Quart("tests", root_path="tests")

    class Own(Response):
        pass

    closed = []
    stream = WSGIResponse((item for item in ["a", "b"]), status="202 WAIT", mimetype="a/b")
    stream.call_on_close(lambda: closed.append(True))
    stream.headers.add("X-A", "b")
    async with app.app_context():
        for response, status, body in [
            (WSGIResponse("é", 201), "201 CREATED", "é".encode()),
            (stream, "202 WAIT", b"ab"),
            (SansIOResponse(404), "404 NOT FOUND", b""),
        ]:
            ours = Own.force_type(response)
            assert isinstance(ours, Own)
            assert status == ours.status
            assert body == await ours.get_data()
            assert response.headers["Content-Type"] == ours.headers["Content-Type"]
            await ours.close()
        assert [True] == closed
        own = Own()
        assert own is Response.force_type(own)


@pytest.mark.parametrize("code", sorted(werkzeug.exceptions.default_exceptions))
async def test_every_http_exception(code: int) -> None:
    """The response to an HTTP exception is the one that Werkzeug makes."""
    kind = werkzeug.exceptions.default_exceptions[code]
    described = kind(description="Because <b>I</b> say so.\nAgain.")
    for error in (kind(), kind(), described):
        response = Response.from_exception(error)
        theirs = error.get_response()
        assert theirs.status == response.status
        assert theirs.get_data() == await response.get_data()
        assert sorted(theirs.headers) == sorted(response.headers)


async def test_exceptions_with_headers() -> None:
    """What an exception says in headers is kept."""
    errors: list[HTTPException] = [
        werkzeug.exceptions.Unauthorized(www_authenticate=WWWAuthenticate("basic", {"realm": "a"})),
        werkzeug.exceptions.MethodNotAllowed(["GET", "PUT"]),
        werkzeug.exceptions.TooManyRequests(retry_after=7),
        RequestedRangeNotSatisfiable(10),
        werkzeug.routing.RequestRedirect("/elsewhere"),
    ]
    responses = [Response.from_exception(error) for error in errors]

    assert [401, 405, 429, 416, 308] == [response.status_code for response in responses]
    assert [
        "Basic realm=a",
        "GET, PUT",
        "7",
        "bytes */10",
        "/elsewhere",
    ] == [
        response.headers[name]
        for response, name in zip(
            responses,
            ["WWW-Authenticate", "Allow", "Retry-After", "Content-Range", "Location"],
            strict=True,
        )
    ]


async def test_exceptions_of_ones_own() -> None:
    """Whatever an exception class overrides is asked."""

    class Described(NotFound):
        description = "Own <words>."

    class Paged(NotFound):
        def get_body(self, *_: Any, **__: Any) -> str:
            return "page"

        def get_headers(self, *_: Any, **__: Any) -> Any:
            return [("Content-Type", "text/plain"), ("X-A", "b")]

    class Teapot(HTTPException):
        code = 418
        name = "own name"  # type: ignore[assignment]

    class Answered(NotFound):
        def get_response(self, *_: Any, **__: Any) -> Any:
            return WSGIResponse("answer", 299)

    assert b"Own &lt;words&gt;." in await Response.from_exception(Described()).get_data()
    paged = Response.from_exception(Paged())
    assert (b"page", "b") == (await paged.get_data(), paged.headers["X-A"])
    assert b"own name" in await Response.from_exception(Teapot()).get_data()
    assert 299 == Response.from_exception(Answered()).status_code
    own = Response("mine", 403)
    assert own is Response.from_exception(NotFound(response=own))
    error = NotFound()
    error.code = 410
    assert 410 == Response.from_exception(error).status_code
    key_error = werkzeug.exceptions.BadRequestKeyError("a")
    key_error.show_exception = True
    assert b"KeyError" in await Response.from_exception(key_error).get_data()


async def test_after_request_always_has_one_type() -> None:
    """Views, redirects and errors all come as a response whose data can be awaited."""
    seen = []

    async def view() -> Any:
        raise NotFound()

    app = make_app(view)

    @app.after_request
    async def note(response: Response) -> Response:
        seen.append((type(response) is app.response_class, await response.get_data() != b""))
        return response

    for target in ("/", "/missing", "//"):
        await get(app, target)
    app.config["PROPAGATE_EXCEPTIONS"] = False

    assert {(True, True)} == set(seen)


def test_a_headers_object_may_be_given_to_many_responses() -> None:
    """It is copied: one has not the other's length or cookies."""
    headers = Headers({"X-A": "b"})
    first, second = Response("x", headers=headers), Response("longer", headers=headers)
    second.set_cookie("name", "second")

    assert [("X-A", "b")] == list(headers)
    assert [("X-A", "b"), HTML, ("Content-Length", "1")] == list(first.headers)


@pytest.mark.parametrize("headers", [{"X-Shop": "open"}, [("X-Shop", "open")]])
async def test_headers_are_replaced_by_any_kind_of_them(headers: Any) -> None:
    """A dict or pairs become `Headers`, as they do in Flask."""
    app = Quart(__name__)

    @app.get("/")
    async def index() -> Response:
        response = Response("hello")
        response.headers = headers
        return response

    response = await app.test_client().get("/")

    assert (200, "open") == (response.status_code, response.headers["X-Shop"])


@pytest.mark.parametrize("length", [100_000, 1_000_000])
async def test_much_in_memory_is_sent_in_pieces(length: int) -> None:
    """What a server has not sent yet, because a client is slow, is a piece and not all of it."""
    data = bytes(range(250)) * (length // 250)
    app = Quart(__name__)
    app.get("/")(lambda: Response(data))

    response = await get(app, "/")

    assert data == response.body
    assert str(length) == response.headers["Content-Length"]
    assert 256 * 1024 >= max(map(len, response.chunks))
