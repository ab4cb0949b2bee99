"""The ASGI driver catches each violation of the specification, and lets pass what is allowed."""

import asyncio
import contextlib
import gc
import io
import os
from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from pathlib import Path
from typing import Any

import h11
import pytest
from asgi import (
    HTTP,
    Application,
    ClientGone,
    Closed,
    LifespanFailed,
    Rejected,
    Websocket,
    connect,
    get,
    http_scope,
    lifespan,
    lifespan_scope,
    post,
    request,
    settle,
    stream,
    websocket_scope,
)
from asgi_rules import HTTP_EXTENSIONS, SPEC_VERSIONS, TLS, Message, Rules, Scope
from hypothesis import given
from hypothesis import strategies as st

Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

START: Message = {"type": "http.response.start", "status": 200, "headers": []}
END: Message = {"type": "http.response.body"}
DENIAL: Message = {"type": "websocket.http.response.start", "status": 401}
DENIAL_END: Message = {"type": "websocket.http.response.body"}
ACCEPT: Message = {"type": "websocket.accept"}
CLOSE: Message = {"type": "websocket.close"}


def saying(*messages: Any) -> Application:
    """Make an application that reads one event, sends *messages* and returns."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        for message in messages:
            await send(message)

    return app


def start(*headers: Any, **fields: Any) -> Message:
    return {**START, "headers": list(headers), **fields}


def length(number: int) -> tuple[bytes, bytes]:
    return (b"content-length", str(number).encode())


def body(content: bytes, *, more: bool = False) -> Message:
    return {"type": "http.response.body", "body": content, "more_body": more}


# --- scopes ---------------------------------------------------------------------------------


@given(path=st.text().map("/{}".format), query=st.text())
def test_a_target_becomes_a_path_as_servers_decode_it(path: str, query: str) -> None:
    """Any characters arrive in the path; ASCII alone is in the raw path and the query string."""
    path = path.encode("utf-8", "ignore").decode().replace("%", "").replace("?", "")
    query = query.encode("utf-8", "ignore").decode()
    scope = http_scope("GET", f"{path}?{query}")

    assert path == scope["path"]
    assert scope["raw_path"].isascii() and b"?" not in scope["raw_path"]
    assert scope["query_string"].isascii()


def test_percent_encoding_is_decoded_in_the_path_alone() -> None:
    """The raw path and the query string stay as the client wrote them."""
    scope = http_scope("GET", "/a%20b/%C3%A4?q=%20")

    assert ("/a b/ä", b"/a%20b/%C3%A4", b"q=%20") == (
        scope["path"],
        scope["raw_path"],
        scope["query_string"],
    )


def test_headers_replace_a_browsers_and_none_takes_one_away() -> None:
    """Names are lower-cased, repeated headers stay repeated."""
    pairs = [("Host", None), (b"ACCEPT", "text/plain"), ("x-a", b"1"), ("X-A", "\xe9")]
    headers = http_scope(headers=pairs)["headers"]

    assert b"host" not in dict(headers)
    assert [b"text/plain"] == [value for name, value in headers if name == b"accept"]
    assert [b"1", b"\xe9"] == [value for name, value in headers if name == b"x-a"]
    assert b"user-agent" in dict(headers)


async def test_a_request_can_go_without_a_host() -> None:
    """What a test gives as headers reaches the scope through every function."""
    seen = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        seen.extend(scope["headers"])
        await saying(START, END)(scope, receive, send)

    await post(app, body=b"a", headers={"Host": None, "Content-Length": "7"})

    assert b"host" not in dict(seen)
    assert [b"7"] == [value for name, value in seen if name == b"content-length"]


@pytest.mark.parametrize("key", ["asgi", "state", "extensions", "raw_path", "client", "server"])
@pytest.mark.parametrize("make", [http_scope, websocket_scope])
def test_any_key_can_be_left_out_or_given(make: Callable[..., Scope], key: str) -> None:
    """A scope is as poor as a test wants it."""
    assert key in make()
    assert key not in make(without=[key])
    assert make(**{key: "given"} if key != "extensions" else {"extensions": ["given"]})[key]


def test_scopes_carry_what_the_server_offers() -> None:
    """Extensions are given by name, subprotocols show in the headers, too."""
    scope = websocket_scope("/", subprotocols=["a", "b"], extensions=["tls", "x"])

    assert {"tls": TLS, "x": {}} == scope["extensions"]
    assert ["a", "b"] == scope["subprotocols"]
    assert b"a, b" == dict(scope["headers"])[b"sec-websocket-protocol"]
    assert "state" not in lifespan_scope(without=["state"])


# --- responses ------------------------------------------------------------------------------

FILE = Path(__file__)
ALL = {"extensions": HTTP_EXTENSIONS}

GOOD_RESPONSES: dict[str, tuple[list[Message], dict[str, Any]]] = {
    "the least": ([{"type": "http.response.start", "status": 200}, END], {}),
    "in pieces": ([start(length(2)), body(b"a", more=True), body(b"b")], {}),
    "headers as lists and tuples": ([{**START, "headers": ([b"a", b""], (b"b", b"1"))}, END], {}),
    "HEAD with a length": ([start(length(9)), END], {"method": "HEAD"}),
    "304 with a length": ([start(length(9), status=304), END], {}),
    "push": ([{"type": "http.response.push", "path": "/a", "headers": []}, START, END], ALL),
    "push, later": ([START, {"type": "http.response.push", "path": "/", "headers": []}, END], ALL),
    "hint": ([{"type": "http.response.early_hint", "links": [b"</a>"]}, START, END], ALL),
    "debug": ([{"type": "http.response.debug", "info": {}}, START, END], ALL),
    "trailers": (
        [start(trailers=True), END, {"type": "http.response.trailers", "headers": [(b"a", b"b")]}],
        ALL,
    ),
    "trailers in parts": (
        [
            start(trailers=True),
            END,
            {"type": "http.response.trailers", "headers": [], "more_trailers": True},
            {"type": "http.response.trailers", "headers": []},
        ],
        ALL,
    ),
    "path": (
        [start(length(FILE.stat().st_size)), {"type": "http.response.pathsend", "path": str(FILE)}],
        ALL,
    ),
}


@pytest.mark.parametrize("version", SPEC_VERSIONS)
@pytest.mark.parametrize("name", GOOD_RESPONSES)
async def test_a_good_response_passes(name: str, version: str) -> None:
    """What the specification allows is let through, in every version of it."""
    messages, options = GOOD_RESPONSES[name]
    method = options.get("method", "GET")
    options = {key: value for key, value in options.items() if key != "method"}
    response = await request(saying(*messages), method, spec_version=version, **options)

    assert messages == response.messages


BAD_RESPONSES: dict[str, tuple[list[Any], str]] = {
    "no dict": ([None], "a message is a dict"),
    "no type": ([{}], "unknown type None"),
    "unknown type": ([{"type": "http.response.end"}], "unknown type 'http.response.end'"),
    "other scope's type": ([CLOSE], "does not belong to a scope of type 'http'"),
    "no status": ([{"type": "http.response.start"}], "'status' is missing"),
    "status is text": ([start(status="200")], "'status': must be an int"),
    "status is a bool": ([start(status=True)], "'status': must be an int"),
    "status out of range": ([start(status=600)], "'status': must be an HTTP status"),
    "status too low": ([start(status=99)], "'status': must be an HTTP status"),
    "unknown field": ([START, {**END, "more_boby": True}], "unknown field 'more_boby'"),
    "headers are a dict": ([{**START, "headers": {}}], "'headers': must be a list"),
    "headers are an iterator": ([{**START, "headers": iter([])}], "'headers': must be a list"),
    "header is no pair": ([start((b"a",))], "not a pair"),
    "header is one string": ([start(b"ab")], "not a pair"),
    "header name is text": ([start(("a", b"b"))], "not bytes"),
    "header value is text": ([start((b"a", "b"))], "not bytes"),
    "header name in upper case": ([start((b"Date", b""))], "not a lower-case header name"),
    "header name is empty": ([start((b"", b""))], "not a lower-case header name"),
    "header name with a space": ([start((b"a b", b""))], "not a lower-case header name"),
    "pseudo header": ([start((b":status", b"200"))], "not a lower-case header name"),
    "header value with a line feed": ([start((b"a", b"b\nc"))], "not a header value"),
    "header value with a return": ([start((b"a", b"b\rc"))], "not a header value"),
    "header value with NUL": ([start((b"a", b"b\0"))], "not a header value"),
    "header value with outer space": ([start((b"a", b" b"))], "not a header value"),
    "body before the start": ([END], "does not fit the state 'request'"),
    "two starts": ([START, START], "does not fit the state 'response'"),
    "after the end": ([START, END, END], "does not fit the state 'ended'"),
    "start after the end": ([START, END, START], "does not fit the state 'ended'"),
    "body is text": ([START, {**END, "body": "a"}], "'body': must be bytes"),
    "body is a bytearray": ([START, {**END, "body": bytearray()}], "'body': must be bytes"),
    "body is None": ([START, {**END, "body": None}], "'body': must be bytes"),
    "more_body is no bool": ([START, {**END, "more_body": 1}], "'more_body': must be a bool"),
    "more than the length": ([start(length(1)), body(b"ab")], "2 bytes are more than"),
    "more, in pieces": (
        [start(length(1)), body(b"a", more=True), body(b"b", more=True)],
        "2 bytes are more than",
    ),
    "less than the length": ([start(length(2)), body(b"a")], "1 bytes are fewer than"),
    "two lengths": ([start(length(0), length(0))], "more than one content-length"),
    "length is no number": ([start((b"content-length", b"-1"))], "is not a number"),
    "204 with content": ([start(status=204), body(b"a")], "must not have content"),
    "304 with content": ([start(status=304), body(b"a")], "must not have content"),
    "trailers not offered": ([start(trailers=True)], "does not offer 'http.response.trailers'"),
    **{
        f"{name} not offered": ([START, {"type": name}], f"does not offer '{name}'")
        for name in HTTP_EXTENSIONS
    },
}

EXTENDED_START = start(trailers=True)
BAD_EXTENSIONS: dict[str, tuple[list[Any], str]] = {
    "push to a relative path": (
        [{"type": "http.response.push", "path": "a", "headers": []}],
        "'path': must be an absolute path",
    ),
    "push without headers": ([{"type": "http.response.push", "path": "/"}], "is missing"),
    "push after the end": (
        [START, END, {"type": "http.response.push", "path": "/", "headers": []}],
        "does not fit the state 'ended'",
    ),
    "hint after the start": (
        [START, {"type": "http.response.early_hint", "links": []}],
        "does not fit the state 'response'",
    ),
    "hint is text": (
        [{"type": "http.response.early_hint", "links": ["</a>"]}],
        "'links': must be bytes",
    ),
    "hint with a line feed": (
        [{"type": "http.response.early_hint", "links": [b"a\n"]}],
        "must hold header values",
    ),
    "hints are one value": (
        [{"type": "http.response.early_hint", "links": b"a"}],
        "'links': must be a list",
    ),
    "debug without a dict": (
        [{"type": "http.response.debug", "info": None}],
        "'info': must be a dict",
    ),
    "trailers not announced": (
        [START, {"type": "http.response.trailers", "headers": []}],
        "does not fit the state 'response'",
    ),
    "trailers before the body's end": (
        [EXTENDED_START, {"type": "http.response.trailers", "headers": []}],
        "does not fit the state 'response'",
    ),
    "trailers missing": ([EXTENDED_START, END], "without its full answer"),
    "trailers after the end": (
        [EXTENDED_START, END, *[{"type": "http.response.trailers", "headers": []}] * 2],
        "does not fit the state 'ended'",
    ),
    "path is relative": (
        [START, {"type": "http.response.pathsend", "path": FILE.name}],
        "must be the absolute path of a file",
    ),
    "path is a directory": (
        [START, {"type": "http.response.pathsend", "path": str(FILE.parent)}],
        "must be the absolute path of a file",
    ),
    "path after content": (
        [START, body(b"a", more=True), {"type": "http.response.pathsend", "path": str(FILE)}],
        "a path is the whole body",
    ),
    "content after a path": (
        [START, {"type": "http.response.pathsend", "path": str(FILE)}, END],
        "does not fit the state 'ended'",
    ),
    "path against the length": (
        [start(length(1)), {"type": "http.response.pathsend", "path": str(FILE)}],
        "more than the content-length 1",
    ),
    "zero copy of no file": (
        [START, {"type": "http.response.zerocopysend", "file": b""}],
        "must be a file of the operating system",
    ),
    "zero copy of memory": (
        [START, {"type": "http.response.zerocopysend", "file": io.BytesIO()}],
        "'file': fileno",
    ),
}


@pytest.mark.parametrize("name", BAD_RESPONSES)
async def test_a_bad_response_is_caught(name: str) -> None:
    """Each violation raises, and names the rule."""
    messages, rule = BAD_RESPONSES[name]

    with pytest.raises(AssertionError, match=rule):
        await get(saying(*messages))


@pytest.mark.parametrize("name", BAD_EXTENSIONS)
async def test_a_bad_use_of_an_extension_is_caught(name: str) -> None:
    """Offered extensions have rules of their own."""
    messages, rule = BAD_EXTENSIONS[name]

    with pytest.raises(AssertionError, match=rule):
        await get(saying(*messages), extensions=HTTP_EXTENSIONS)


async def test_a_violation_shows_the_message() -> None:
    """The message stands below the reason."""
    with pytest.raises(AssertionError, match=r"in the message \{.*'status': 'shown'"):
        await get(saying(start(status="shown")))


async def test_a_head_response_has_no_content() -> None:
    """Bytes for HEAD are a violation even where their number is right."""
    with pytest.raises(AssertionError, match="must not have content"):
        await request(saying(start(length(1)), body(b"a")), "HEAD")


async def test_a_violation_that_the_application_catches_is_raised_all_the_same() -> None:
    """Swallowing the error and answering well does not help."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await send(END)
        except AssertionError:
            await saying(START, END)(scope, receive, send)

    with pytest.raises(AssertionError, match="does not fit the state 'request'"):
        await get(app)


async def test_files_are_sent_by_descriptor_from_an_offset() -> None:
    """The content of zero-copy messages is read like the server would."""
    with FILE.open("rb") as file:
        response = await get(
            saying(
                start(length(8)),
                {
                    "type": "http.response.zerocopysend",
                    "file": file,
                    "offset": 3,
                    "count": 5,
                    "more_body": True,
                },
                body(b"end"),
            ),
            extensions=HTTP_EXTENSIONS,
        )
        size = os.fstat(file.fileno()).st_size
        message = {"type": "http.response.zerocopysend", "file": file, "count": size + 1}
        with pytest.raises(AssertionError, match="the file holds only"):
            await get(saying(START, message), extensions=HTTP_EXTENSIONS)

    assert FILE.read_bytes()[3:8] + b"end" == response.body


@given(
    pieces=st.lists(st.binary(max_size=3), min_size=1, max_size=5),
    announced=st.integers(min_value=0, max_value=15),
)
async def test_content_must_have_its_announced_length(pieces: list[bytes], announced: int) -> None:
    """However the content is cut, only its own length passes."""
    messages = [start(length(announced))]
    messages += [body(piece, more=True) for piece in pieces[:-1]] + [body(pieces[-1])]
    content = b"".join(pieces)

    if announced == len(content):
        assert content == (await get(saying(*messages))).body
    else:
        with pytest.raises(AssertionError, match="than the content-length"):
            await get(saying(*messages))


@given(name=st.binary(min_size=1, max_size=4), value=st.binary(max_size=4))
def test_headers_that_pass_can_be_sent(name: bytes, value: bytes) -> None:
    """What passes here passes h11, which two of the servers send with."""
    try:
        Rules(http_scope()).check(start((name, value)))
    except AssertionError:
        return
    sent = h11.Response(status_code=200, headers=[(name, value)]).headers

    assert [(name, value)] == list(sent) or name in (b"content-length", b"transfer-encoding")


# --- requests -------------------------------------------------------------------------------


async def echo(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer each piece of the body with itself."""
    await send(START)
    more = True
    while more:
        event = await receive()
        if event["type"] == "http.disconnect":
            return
        more = event["more_body"]
        await send(body(event["body"], more=more))


async def describe(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer with the content type and the body."""
    headers = dict(scope["headers"])
    content = [headers.get(b"content-type", b""), headers.get(b"content-length", b"")]
    more = True
    while more:
        event = await receive()
        content.append(event["body"])
        more = event["more_body"]
    await send(START)
    await send(body(b"|".join(content)))


@pytest.mark.parametrize("suspends", [False, True])
async def test_bodies_have_their_type_and_length(suspends: bool) -> None:
    """JSON, forms and bytes have headers; pieces arrive as pieces and without a length."""
    answers = [
        (await post(describe, suspends=suspends, **content)).text
        for content in (
            {"json": [1]},
            {"form": {"a": ["1", "2"]}},
            {"body": b"raw", "headers": {"Content-Type": "x/y"}},
            {"body": [b"a", b"b"]},
            {},
        )
    ]

    assert [
        "application/json|3|[1]",
        "application/x-www-form-urlencoded|7|a=1&a=2",
        "x/y|3|raw",
        "||a|b",
        "||",
    ] == answers


async def test_a_test_decides_when_pieces_and_the_disconnect_arrive() -> None:
    """Pieces go in and come out one by one; `received` counts what was pulled."""
    async with stream(echo, "POST") as http:
        http.body(b"one", more=True)
        assert 200 == (await http.start()).status
        assert b"one" == await http.chunk()
        await settle()
        assert 1 == http.received
        http.body(b"two", more=True)
        assert b"two" == await http.chunk()
        http.disconnect()
        response = await http.response()

    assert [b"one", b"two"] == response.chunks
    assert 3 == http.received


async def test_a_response_is_iterated_to_its_end() -> None:
    """Empty pieces are no end."""
    app = saying(START, body(b"a", more=True), body(b"", more=True), body(b"b"))
    async with stream(app) as http:
        http.body()

        assert [b"a", b"b"] == [chunk async for chunk in http]


async def test_a_response_has_all_that_came_with_it() -> None:
    """Pushes, early hints and trailers are read off the messages."""
    app = saying(
        {"type": "http.response.early_hint", "links": [b"</a>", b"</b>"]},
        {"type": "http.response.push", "path": "/c", "headers": []},
        start((b"content-type", b"application/json"), trailers=True),
        body(b"[1]"),
        {"type": "http.response.trailers", "headers": [(b"sum", b"2")]},
    )
    response = await get(app, extensions=HTTP_EXTENSIONS)

    assert [b"</a>", b"</b>"] == response.early_hints
    assert ["/c"] == response.pushes
    assert [1] == response.json
    assert "application/json" == response.headers["Content-Type"]
    assert "2" == response.trailers["Sum"]


async def test_a_client_that_does_not_read_makes_send_wait() -> None:
    """Between `pause` and `resume` no message gets through."""
    async with stream(echo, "POST") as http:
        http.pause()
        http.body(b"a")
        await settle()
        assert [] == http.messages
        http.resume()
        assert b"a" == (await http.response()).body


@pytest.mark.parametrize("version", SPEC_VERSIONS)
async def test_sending_to_a_client_that_has_gone(version: str) -> None:
    """It raises OSError from version 2.4 on, and is ignored before."""
    errors = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        try:
            await send(START)
            await send(END)
        except ClientGone as error:
            errors.append(error)

    async with stream(app, spec_version=version) as http:
        http.disconnect()
        response = await http.response()

    assert [] == response.messages
    assert (version >= "2.4") == bool(errors)


async def test_a_disconnect_ends_a_send_that_waits() -> None:
    """A client that does not read and then leaves does not hold the application."""
    async with stream(saying(START, END), raises=ClientGone) as http:
        http.pause()
        http.body()
        await settle()
        http.disconnect()


async def test_after_the_response_there_is_only_a_disconnect() -> None:
    """Reading on after one's own answer does not block."""
    events = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await saying(START, END)(scope, receive, send)
        events.extend([await receive(), await receive()])

    await get(app)

    assert [{"type": "http.disconnect"}] * 2 == events


# --- how an application ends ----------------------------------------------------------------


async def nothing(scope: Scope, receive: Receive, send: Send) -> None:
    pass


async def raising(scope: Scope, receive: Receive, send: Send) -> None:
    raise ValueError("mine")


async def waiting(scope: Scope, receive: Receive, send: Send) -> None:
    await asyncio.Event().wait()


async def half(scope: Scope, receive: Receive, send: Send) -> None:
    await send(START)
    await send(body(b"a", more=True))


@pytest.mark.parametrize("app", [nothing, half])
async def test_an_answer_must_be_complete(app: Application) -> None:
    """Ending early is a violation, unless the test says that it aborts."""
    with pytest.raises(AssertionError, match="without its full answer"):
        await get(app)
    response = await get(app, aborts=True)

    assert (0 if app is nothing else 200) == response.status


async def test_an_abort_that_is_asked_for_must_happen() -> None:
    """A complete answer is none."""
    with pytest.raises(AssertionError, match="completed its answer"):
        await get(saying(START, END), aborts=True)


async def test_no_exception_leaves_the_application_unless_asked_for() -> None:
    """The exception is told; asked for, it must be of the right class."""
    with pytest.raises(AssertionError, match=r"ValueError\('mine'\) left the application"):
        await get(raising)
    with pytest.raises(AssertionError, match="KeyError should have left the application, not Val"):
        await get(raising, raises=KeyError)
    with pytest.raises(AssertionError, match=r"ValueError should have left .* not None"):
        await get(saying(START, END), raises=ValueError)
    response = await get(raising, raises=ValueError)

    assert 0 == response.status


async def test_a_cancellation_of_its_own_does_not_leave_the_application() -> None:
    """CancelledError counts as an exception, unless the server has cancelled."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        raise asyncio.CancelledError

    with pytest.raises(AssertionError, match=r"CancelledError\(\) left the application"):
        await get(app)
    async with stream(waiting) as http:
        await settle()
        await http.cancel()


async def test_an_application_that_hangs_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """Waits are bounded in time, and so are those for single messages."""
    monkeypatch.setattr("asgi.TIMEOUT", 0.05)

    with pytest.raises(AssertionError, match="did not end within"):
        await get(waiting)
    with pytest.raises(AssertionError, match=r"no \('http.response.start',\) within"):
        async with stream(waiting) as http:
            await http.start()


async def test_a_task_left_behind_is_caught() -> None:
    """The task is named; it may stay where the test says so."""
    tasks = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        async def sleeps() -> None:
            await asyncio.create_task(asyncio.sleep(60))

        tasks.append(asyncio.create_task(sleeps(), name="the one"))
        await asyncio.sleep(0)
        await saying(START, END)(scope, receive, send)

    with pytest.raises(AssertionError, match=r"tasks were left behind.*the one"):
        await get(app)
    await get(app, leaves_tasks=True)

    assert [True, False] == [task.done() for task in tasks]
    tasks[1].cancel()


async def test_connections_at_the_same_time_do_not_answer_for_one_another() -> None:
    """Each connection knows its own tasks, also those that tasks of its own have made."""
    async with stream(echo, "POST") as http:
        await asyncio.gather(get(saying(START, END)), get(saying(START, END)))
        http.body(b"a")
        assert b"a" == await http.chunk()


async def test_two_tasks_in_receive_are_caught() -> None:
    """They would steal each other's events."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        watcher = asyncio.create_task(receive())
        await asyncio.sleep(0)
        try:
            await receive()
        finally:
            watcher.cancel()

    with pytest.raises(AssertionError, match="two tasks of the application wait in receive"):
        async with stream(app):
            await settle()


async def test_the_tests_own_error_comes_first_and_tells_what_was_sent() -> None:
    """A failing test is not hidden by the application's end."""
    with pytest.raises(KeyError) as caught:
        async with stream(saying(START, END)) as http:
            http.body()
            await settle()
            raise KeyError

    assert "'http.response.start'" in caught.value.__notes__[0]


async def test_the_application_runs_in_the_context_of_the_test() -> None:
    """Context variables go in as a server's would, and do not come out."""
    variable: ContextVar[str] = ContextVar("variable")
    variable.set("test")
    seen = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        seen.append(variable.get())
        variable.set("application")
        await saying(START, END)(scope, receive, send)

    await get(app)

    assert (["test"], "test") == (seen, variable.get())


# --- websockets -----------------------------------------------------------------------------


async def websocket_echo(scope: Scope, receive: Receive, send: Send) -> None:
    """Accept with the first subprotocol and echo; "close" closes."""
    await receive()
    await send({**ACCEPT, "subprotocol": next(iter(scope["subprotocols"]), None)})
    while (event := await receive())["type"] == "websocket.receive":
        if event.get("text") == "close":
            await send({**CLOSE, "code": 4000, "reason": "asked to"})
            return
        await send({**event, "type": "websocket.send"})


@pytest.mark.parametrize("suspends", [False, True])
async def test_a_websocket_echoes(suspends: bool) -> None:
    """Text, bytes and JSON; empty messages as well."""
    async with connect(websocket_echo, "/", suspends=suspends) as ws:
        ws.send("")
        ws.send(b"")
        ws.send_json([1])
        assert "" == await ws.receive_text()
        assert b"" == await ws.receive_bytes()
        assert [1] == await ws.receive_json()
        ws.send("text")
        with pytest.raises(AssertionError, match="not bytes: 'text'"):
            await ws.receive_bytes()


async def test_a_websocket_that_the_application_closes() -> None:
    """Reading on raises with code and reason; iteration just ends."""
    async with connect(websocket_echo) as ws:
        ws.send("a")
        ws.send("close")
        assert ["a"] == [message async for message in ws]
    async with connect(websocket_echo) as ws:
        ws.send("close")
        with pytest.raises(Closed) as caught:
            await ws.receive()
    async with connect(websocket_echo) as ws:
        ws.send("close")
        assert (4000, "asked to") == await ws.closed()

    assert (4000, "asked to") == (caught.value.code, caught.value.reason)


async def test_a_subprotocol_is_chosen() -> None:
    """`accepted` gives the message by which the application accepts."""
    scope = websocket_scope(subprotocols=["b", "a"])
    async with Websocket(websocket_echo, scope) as ws:
        ws.feed({"type": "websocket.connect"})

        assert "b" == (await ws.accepted())["subprotocol"]


@pytest.mark.parametrize(
    ("messages", "status", "text"),
    [
        ([CLOSE], 403, ""),
        ([DENIAL, {**DENIAL_END, "body": b"no"}], 401, "no"),
        ([DENIAL, {**DENIAL_END, "body": b"n", "more_body": True}, DENIAL_END], 401, "n"),
    ],
)
async def test_a_handshake_that_is_refused(messages: Any, status: int, text: str) -> None:
    """`connect` raises with the response; a plain close is a 403."""
    with pytest.raises(Rejected) as caught:
        async with connect(saying(*messages), extensions=["websocket.http.response"]):
            pass

    assert (status, text) == (caught.value.response.status, caught.value.response.text)


@pytest.mark.parametrize("version", SPEC_VERSIONS)
async def test_a_disconnect_has_a_reason_since_version_2_3(version: str) -> None:
    """The client's code always arrives."""
    events = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await send(ACCEPT)
        events.append(await receive())

    async with connect(app, spec_version=version) as ws:
        ws.disconnect(4001, "bye")

    reason = {"reason": "bye"} if version >= "2.3" else {}
    assert [{"type": "websocket.disconnect", "code": 4001, **reason}] == events


@pytest.mark.parametrize(
    ("messages", "code"), [([ACCEPT, {**CLOSE, "code": 3000}], 3000), ([CLOSE], 1006)]
)
async def test_after_ones_own_close_there_is_a_disconnect(messages: Any, code: int) -> None:
    """It carries the code, or 1006 where there was no websocket to close."""
    events = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await saying(*messages)(scope, receive, send)
        events.append(await receive())

    async with Websocket(app, websocket_scope()) as ws:
        ws.feed({"type": "websocket.connect"})

    assert [code] == [event["code"] for event in events]


SEND: Message = {"type": "websocket.send", "text": "a"}
BAD_WEBSOCKETS: dict[str, tuple[list[Any], str]] = {
    "other scope's type": ([START], "does not belong to a scope of type 'websocket'"),
    "send before accept": ([SEND], "does not fit the state 'handshake'"),
    "two accepts": ([ACCEPT, ACCEPT], "does not fit the state 'open'"),
    "two closes": ([ACCEPT, CLOSE, CLOSE], "does not fit the state 'ended'"),
    "send after close": ([ACCEPT, CLOSE, SEND], "does not fit the state 'ended'"),
    "accept after close": ([CLOSE, ACCEPT], "does not fit the state 'ended'"),
    "denial after accept": ([ACCEPT, DENIAL], "does not fit the state 'open'"),
    "denial without a start": ([DENIAL_END], "does not fit the state 'handshake'"),
    "close after denial": ([DENIAL, DENIAL_END, CLOSE], "does not fit the state 'ended'"),
    "close within denial": ([DENIAL, CLOSE], "does not fit the state 'denial'"),
    "denial cut short": ([DENIAL], "without its full answer"),
    "denial against its length": (
        [{**DENIAL, "headers": [length(2)]}, DENIAL_END],
        "0 bytes are fewer than",
    ),
    "no answer": ([], "without its full answer"),
    "no close": ([ACCEPT], "without its full answer"),
    "send of nothing": ([ACCEPT, {"type": "websocket.send"}], "exactly one"),
    "send of None": ([ACCEPT, {**SEND, "text": None, "bytes": None}], "exactly one"),
    "send of both": ([ACCEPT, {**SEND, "bytes": b"a"}], "exactly one"),
    "text is bytes": ([ACCEPT, {**SEND, "text": b"a"}], "'text': must be a string"),
    "text with a surrogate": ([ACCEPT, {**SEND, "text": "\ud800"}], "lone surrogates"),
    "bytes are text": ([ACCEPT, {"type": SEND["type"], "bytes": "a"}], "'bytes': must be bytes"),
    "close code is text": ([{**CLOSE, "code": "1000"}], "'code': must be an int"),
    **{
        f"close code {code}": ([{**CLOSE, "code": code}], "must be a close code")
        for code in (0, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000)
    },
    "close reason is bytes": ([{**CLOSE, "reason": b""}], "'reason': must be a string"),
    "close reason is long": ([{**CLOSE, "reason": "é" * 62}], "must fit in a close frame"),
    "subprotocol is bytes": ([{**ACCEPT, "subprotocol": b"a"}], "must be a string"),
    "subprotocol not asked for": ([{**ACCEPT, "subprotocol": "b"}], "did not ask for"),
    "subprotocol as a header": (
        [{**ACCEPT, "headers": [(b"sec-websocket-protocol", b"a")]}],
        "a field of its own",
    ),
    "upper-case header": ([{**ACCEPT, "headers": [(b"A", b"")]}], "not a lower-case header name"),
}


@pytest.mark.parametrize("name", BAD_WEBSOCKETS)
async def test_a_bad_websocket_message_is_caught(name: str) -> None:
    """Each violation raises, and names the rule."""
    messages, rule = BAD_WEBSOCKETS[name]
    scope = websocket_scope(subprotocols=["a"], extensions=["websocket.http.response"])

    with pytest.raises(AssertionError, match=rule):
        async with Websocket(saying(*messages), scope) as ws:
            ws.feed({"type": "websocket.connect"})
            await ws.finish()


@pytest.mark.parametrize("version", SPEC_VERSIONS)
@pytest.mark.parametrize(
    ("message", "since"),
    [({**ACCEPT, "headers": []}, "2.1"), ({**CLOSE, "reason": ""}, "2.3")],
)
async def test_fields_have_a_version(message: Message, since: str, version: str) -> None:
    """Fields of a later version are not sent to an older server."""
    rules = Rules(websocket_scope(spec_version=version))
    rules.note({"type": "websocket.connect"})

    if version >= since:
        rules.check(message)
    else:
        with pytest.raises(AssertionError, match=f"came with version {since}"):
            rules.check(message)


def test_a_scope_without_asgi_is_of_version_2_0() -> None:
    """So says the specification."""
    rules = Rules(websocket_scope(without=["asgi"]))
    rules.note({"type": "websocket.connect"})

    with pytest.raises(AssertionError, match=r"the server has 2\.0"):
        rules.check({**CLOSE, "reason": ""})


async def test_a_denial_must_be_offered() -> None:
    """Without the extension only a close refuses."""
    with pytest.raises(AssertionError, match=r"does not offer 'websocket\.http\.response'"):
        async with connect(saying(DENIAL)):
            pass


async def test_answering_before_the_question_is_caught() -> None:
    """`websocket.connect` has to be read before the handshake is answered."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send(ACCEPT)

    with pytest.raises(AssertionError, match="does not fit the state 'not asked'"):
        async with connect(app):
            pass


async def test_nothing_follows_the_disconnect() -> None:
    """After reading ``websocket.disconnect`` the application neither sends nor reads."""

    async def sends(scope: Scope, receive: Receive, send: Send) -> None:
        await websocket_echo(scope, receive, send)
        await send(CLOSE)

    async def reads(scope: Scope, receive: Receive, send: Send) -> None:
        await websocket_echo(scope, receive, send)
        await receive()

    with pytest.raises(AssertionError, match="does not fit the state 'ended'"):
        async with connect(sends):
            pass
    with pytest.raises(AssertionError, match=r"reads on after websocket\.disconnect"):
        async with connect(reads):
            pass


async def test_an_error_that_was_judged_is_not_logged_as_well() -> None:
    """Whenever the garbage collector comes by: it must not fail whatever test runs by then."""
    errors: list[Any] = []
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda _, context: errors.append(context["message"]))

    async def sends(scope: Scope, receive: Receive, send: Send) -> None:
        await websocket_echo(scope, receive, send)
        await send(CLOSE)

    for outcome in (None, KeyError("the test's own")):
        with contextlib.suppress(AssertionError, KeyError):
            async with connect(sends) as ws:
                if outcome is not None:
                    ws.disconnect()
                    await settle()
                    raise outcome
    del ws
    gc.collect()
    await settle(1)

    assert [] == errors


# --- the lifespan ---------------------------------------------------------------------------


def living(startup: Message, shutdown: Message) -> Application:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await send(startup)
        if startup["type"].endswith("complete"):
            scope.get("state", {})["key"] = "value"
            await receive()
            await send(shutdown)

    return app


STARTED = {"type": "lifespan.startup.complete"}
STOPPED = {"type": "lifespan.shutdown.complete"}


async def test_a_lifespan_yields_the_state() -> None:
    """What the application left in the scope's state is there for requests."""
    async with lifespan(living(STARTED, STOPPED)) as state:
        await settle()
        assert {"key": "value"} == state
    async with lifespan(living(STARTED, STOPPED), without=["state"]) as state:
        assert {} == state


async def test_a_lifespan_that_fails_tells_why() -> None:
    """Both at the start and at the end."""
    failed = {"type": "lifespan.startup.failed", "message": "no database"}
    with pytest.raises(LifespanFailed, match="no database"):
        async with lifespan(living(failed, STOPPED)):
            pass
    failed = {"type": "lifespan.shutdown.failed"}
    with pytest.raises(LifespanFailed):
        async with lifespan(living(STARTED, failed)):
            pass


BAD_LIFESPANS: dict[str, tuple[list[Message], str]] = {
    "other scope's type": ([START], "does not belong to a scope of type 'lifespan'"),
    "unknown field": ([{**STARTED, "message": ""}], "unknown field 'message'"),
    "message is bytes": (
        [{"type": "lifespan.startup.failed", "message": b""}],
        "'message': must be a string",
    ),
    "shutdown before it is asked": ([STOPPED], "does not fit the state 'startup'"),
    "complete twice": ([STARTED, STARTED], "does not fit the state 'running'"),
    "after failing": (
        [{"type": "lifespan.startup.failed"}, STARTED],
        "does not fit the state 'ended'",
    ),
    "no answer": ([], "without its full answer"),
    "no shutdown": ([STARTED], "without its full answer"),
}


@pytest.mark.parametrize("name", BAD_LIFESPANS)
async def test_a_bad_lifespan_message_is_caught(name: str) -> None:
    """Each violation raises, and names the rule."""
    messages, rule = BAD_LIFESPANS[name]

    with pytest.raises(AssertionError, match=rule):
        async with lifespan(saying(*messages)):
            await settle()


async def test_startup_is_answered_when_asked() -> None:
    """Nothing is sent before the first event, and nothing read after the last."""

    async def hasty(scope: Scope, receive: Receive, send: Send) -> None:
        await send(STARTED)

    async def endless(scope: Scope, receive: Receive, send: Send) -> None:
        await living(STARTED, STOPPED)(scope, receive, send)
        await receive()

    with pytest.raises(AssertionError, match="does not fit the state 'not asked'"):
        async with lifespan(hasty):
            pass
    with pytest.raises(AssertionError, match="reads on after the end of its lifespan"):
        async with lifespan(endless):
            pass


# --- how a test ends ------------------------------------------------------------------------


async def test_events_come_in_any_order() -> None:
    """`feed` offers whatever a test can think of."""
    async with HTTP(echo, http_scope("POST", spec_version="2.3")) as http:
        http.feed({"type": "http.disconnect"}, {"type": "http.request", "body": b"late"})
        await http.finish()

    assert 1 == http.received


async def test_what_was_not_asked_needs_no_answer() -> None:
    """An application may turn away from events that do not begin a connection."""
    async with Websocket(saying(), websocket_scope()) as ws:
        ws.feed({"type": "websocket.receive", "text": "early"})
    with pytest.raises(AssertionError, match="without its full answer"):
        async with Websocket(nothing, websocket_scope()) as ws:
            ws.feed({"type": "websocket.connect"})
            await ws.finish()


pytest_plugins = ["pytester"]


def test_async_tests_run_and_are_supervised(pytester: pytest.Pytester) -> None:
    """They fail by themselves, for a task left behind and for an error nobody saw."""
    for name in ("conftest.py", "connections.py", "asgi.py", "asgi_rules.py", "checked_states.py"):
        (pytester.path / name).write_text((FILE.parent / name).read_text())
    pytester.makepyfile(
        """
        import asyncio
        import pytest
        from hypothesis import given, strategies

        @pytest.fixture
        def value():
            return 1

        async def test_passes(value):
            await asyncio.sleep(0)
            assert 1 == value

        async def test_fails(value):
            await asyncio.sleep(0)
            assert 2 == value

        async def test_leaves_a_task():
            asyncio.get_running_loop().left = asyncio.create_task(asyncio.sleep(60))

        async def test_cancels_its_task():
            asyncio.create_task(asyncio.sleep(60)).cancel()

        async def test_loses_an_error():
            asyncio.get_running_loop().call_soon(lambda: 1 / 0)

        @given(strategies.just(1))
        async def test_passes_with_hypothesis(number):
            assert 1 == number

        @given(strategies.just(1))
        async def test_fails_with_hypothesis(number):
            await asyncio.sleep(0)
            assert 2 == number
        """
    )
    result = pytester.runpytest_subprocess(
        "-p", "no:cacheprovider", "-p", "no:asyncio", "-W", "error"
    )

    result.assert_outcomes(passed=3, failed=4)
    result.stdout.fnmatch_lines_random(
        ["*tasks were left behind*", "*errors reached the event loop*", "*assert 2 == 1*"]
    )


async def test_one_test_drives_both_kinds_of_connection(connection: Any) -> None:
    """Views, hooks and answers have the same words for requests and websockets."""
    import quart

    calls = []
    blueprint = quart.Blueprint("blueprint", __name__)

    @connection.route("/<name>", blueprint)
    async def view(name: str) -> str:
        calls.append(connection.twin("{}", quart).path)
        return f"hello {name}"

    connection.before(lambda: calls.append("before"))
    connection.twin("before_{}", blueprint)(lambda: calls.append("before, blueprint"))
    connection.teardown(lambda error: calls.append("teardown"))
    connection.app.register_blueprint(blueprint, url_prefix="/prefix")

    answer = await connection.get("/prefix/bob")
    assert "hello bob" == answer.text
    assert ["before", "before, blueprint", "/prefix/bob", "teardown"] == calls
    assert (101, 1000) == (answer.status, answer.code) or 200 == answer.status
    assert 404 == (await connection.get("/nowhere")).status
