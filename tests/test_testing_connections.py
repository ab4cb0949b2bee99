"""Tests of `quart.testing.connections`: requests and websockets that a test holds open."""

import asyncio
from collections.abc import AsyncGenerator
from io import BytesIO
from typing import Any

import pytest

from quart import Quart, Response, abort, request, send_early_hints, session, websocket
from quart.testing import (
    HTTPDisconnectError,
    QuartClient,
    TestHTTPConnection,
    TestResponse,
    TestWebsocketConnection,
    WebsocketDisconnectError,
    WebsocketResponseError,
)


@pytest.fixture
def app() -> Quart:
    app = Quart("tests", root_path="tests")
    app.testing = True
    app.secret_key = "secret"
    return app


@pytest.fixture
def client(app: Quart) -> QuartClient:
    return QuartClient(app)


# --- requests -------------------------------------------------------------------------------


async def test_a_websocket_view_that_does_not_end_is_named() -> None:
    """With the line that it waits in; the block ends all the same, after a bounded time."""
    app = Quart(__name__)
    app.config.update(WEBSOCKET_CLOSE_TIMEOUT=0.05, CANCEL_ON_DISCONNECT=False)

    async def waits_for_ever() -> None:
        await asyncio.Event().wait()

    @app.websocket("/ws")
    async def view() -> None:
        async for _ in websocket:
            pass
        await waits_for_ever()

    with pytest.raises(TimeoutError) as caught:
        async with app.test_client().websocket("/ws"):
            pass

    said = str(caught.value)
    assert "The handler of '/ws' has not ended 1.05 s after" in said
    assert ".view, " in said
    assert "waits_for_ever, " in said
    assert "await asyncio.Event().wait()" in said


@pytest.mark.parametrize("fails", [True, False])
async def test_a_request_whose_view_does_not_end_is_named(fails: bool) -> None:
    """Beside the test's own error, where there is one."""
    app = Quart(__name__)
    app.config["RESPONSE_TIMEOUT"] = 0.05

    @app.get("/")
    async def view() -> str:
        while True:
            try:
                await asyncio.sleep(0.2)
                return "late"
            except asyncio.CancelledError:
                continue

    with pytest.raises(ValueError if fails else TimeoutError) as caught:
        async with app.test_client().request("/"):
            if fails:
                await asyncio.sleep(0.01)
                raise ValueError("the test's own")

    said = caught.value.__notes__[0] if fails else str(caught.value)
    assert "The handler of '/' has not ended 0.05 s after" in said
    assert "await asyncio.sleep(0.2)" in said


async def test_a_connection_that_is_not_open(client: QuartClient) -> None:
    """It says so, rather than wait for what cannot come."""
    for receive in (
        client.request("/").as_response,
        client.request("/").receive,
        client.websocket("/").receive,
    ):
        with pytest.raises(RuntimeError, match="enter it with 'async with' first"):
            await receive()


@pytest.mark.parametrize(
    "body",
    [
        {"data": b"body"},
        {"json": None},
        {"form": {"a": "b"}},
        {"files": {"a": (BytesIO(b"file"), "name")}},
        {"input_stream": BytesIO(b"body")},
    ],
)
def test_a_body_is_sent_piece_by_piece_only(client: QuartClient, body: dict[str, Any]) -> None:
    with pytest.raises(TypeError, match=r"connection\.send"):
        client.request("/", method="POST", **body)
    with pytest.raises(TypeError, match=r"websocket\.send"):
        client.websocket("/", data="body")


async def test_a_request_is_sent_and_read_piece_by_piece(app: Quart, client: QuartClient) -> None:
    @app.post("/")
    async def echo() -> Response:
        body = request.body

        async def pieces() -> AsyncGenerator[bytes, None]:
            async for data in body:
                yield data.upper()

        return Response(pieces(), 201, {"X-Echo": "yes"})

    async with client.request("/", method="POST") as connection:
        assert isinstance(connection, TestHTTPConnection)
        assert connection.status_code is None
        await connection.send(b"one")

        assert b"ONE" == await connection.receive()
        assert 201 == connection.status_code
        assert connection.headers is not None
        assert "yes" == connection.headers["X-Echo"]

        await connection.send(b"two")

        assert b"TWO" == await connection.receive()

        await connection.send(b"three")
        await connection.send_complete()

    response = await connection.as_response()

    assert isinstance(response, TestResponse)
    assert (201, "THREE") == (response.status_code, response.text)
    assert ("POST", "/") == (response.request.method, response.request.path)
    assert b"" == await connection.receive()
    assert bytearray(b"THREE") == connection.response_data


async def test_the_end_of_the_block_ends_the_request(app: Quart, client: QuartClient) -> None:
    """A body that the test did not complete is complete then."""

    @app.post("/")
    async def length() -> str:
        return str(len(await request.get_data()))

    async with client.request("/", method="POST") as connection:
        await connection.send(b"abc")

    assert "3" == await (await connection.as_response()).get_data(as_text=True)


async def test_the_end_of_the_response_is_empty_bytes(app: Quart, client: QuartClient) -> None:
    @app.route("/")
    async def index() -> str:
        return "all"

    async with client.request("/") as connection:
        await connection.send_complete()

        assert [b"all", b"", b""] == [await connection.receive() for _ in range(3)]


async def test_a_response_without_an_end_is_left(app: Quart, client: QuartClient) -> None:
    """The application learns of it, and its generator is closed."""
    closed = False

    @app.route("/")
    async def ticks() -> Response:
        async def pieces() -> AsyncGenerator[bytes, None]:
            nonlocal closed
            try:
                while True:
                    yield b"tick"
            finally:
                closed = True

        return Response(pieces())

    async with client.request("/") as connection:
        await connection.send_complete()

        assert b"tick" == await connection.receive()

        await connection.disconnect()

    assert closed
    response = await connection.as_response()
    assert 200 == response.status_code
    with pytest.raises(HTTPDisconnectError):
        await connection.receive()


async def test_a_disconnect_before_the_response(app: Quart, client: QuartClient) -> None:
    cancelled = False

    @app.route("/")
    async def index() -> str:
        nonlocal cancelled
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            cancelled = True
            raise
        return ""

    async with client.request("/") as connection:
        await connection.send_complete()
        await connection.disconnect()
        with pytest.raises(HTTPDisconnectError):
            await connection.receive()

    assert cancelled
    with pytest.raises(HTTPDisconnectError):
        await connection.as_response()


async def test_exceptions_are_raised_once(app: Quart, client: QuartClient) -> None:
    """Where the test reads, or else at the end of the block."""

    @app.route("/")
    async def fail() -> str:
        raise ValueError("for the test")

    async with client.request("/") as connection:
        await connection.send_complete()
        with pytest.raises(ValueError, match="for the test"):
            await connection.receive()

    with pytest.raises(ValueError, match="for the test"):
        async with client.request("/") as connection:
            await connection.send_complete()


async def test_an_error_of_the_test_ends_the_application(app: Quart, client: QuartClient) -> None:
    @app.route("/")
    async def wait() -> str:
        await asyncio.sleep(60)
        return ""

    with pytest.raises(KeyError, match="of the test"):
        async with client.request("/") as connection:
            await connection.send_complete()
            await asyncio.sleep(0)
            raise KeyError("of the test")


async def test_an_error_of_the_test_tells_of_the_applications(
    app: Quart, client: QuartClient
) -> None:
    """It may well be the cause."""

    @app.route("/")
    async def fail() -> str:
        raise ValueError("for the test")

    with pytest.raises(AssertionError) as caught:
        async with client.request("/") as connection:
            await connection.send_complete()
            await asyncio.sleep(0.01)
            raise AssertionError

    assert ["The application had raised ValueError('for the test')."] == caught.value.__notes__


async def test_early_hints_and_trailers(app: Quart, client: QuartClient) -> None:
    @app.route("/")
    async def index() -> Response:
        await send_early_hints("</style.css>; rel=preload")
        response = Response("body")
        response.trailers = app.response_class(headers={"X-Sum": "4"}).headers
        return response

    async with client.request("/", http_version="2") as connection:
        await connection.send_complete()
    response = await connection.as_response()

    assert isinstance(connection, TestHTTPConnection)
    assert ["</style.css>; rel=preload"] == connection.early_hints
    assert response.trailers is not None
    assert "4" == response.trailers["X-Sum"]


async def test_the_application_learns_that_a_complete_response_ends_the_connection() -> None:
    received: list[str] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 204})
        await send({"type": "http.response.body"})
        received.extend([(await receive())["type"] for _ in range(2)])

    quart = Quart("tests")
    quart.asgi_app = app  # type: ignore[method-assign]
    await QuartClient(quart).get("/")

    assert ["http.request", "http.disconnect"] == received


async def test_connection_classes_can_be_replaced(app: Quart) -> None:
    class HTTP(TestHTTPConnection):
        pass

    class Socket(TestWebsocketConnection):
        pass

    class Client(QuartClient):
        http_connection_class = HTTP
        websocket_connection_class = Socket

    assert isinstance(Client(app).request("/"), HTTP)
    assert isinstance(Client(app).websocket("/"), Socket)


# --- websockets -----------------------------------------------------------------------------


@pytest.fixture
def echo(app: Quart) -> None:
    @app.websocket("/echo")
    async def echo() -> None:
        async for message in websocket:
            await websocket.send(message)


@pytest.mark.parametrize("message", ["text", b"bytes", "", b""])
async def test_messages_go_both_ways(client: QuartClient, echo: None, message: str | bytes) -> None:
    async with client.websocket("/echo") as socket:
        await socket.send(message)

        assert message == await socket.receive()


async def test_json_goes_both_ways(client: QuartClient, echo: None) -> None:
    async with client.websocket("/echo") as socket:
        await socket.send_json({"a": [1, None]})

        assert {"a": [1, None]} == await socket.receive_json()


async def test_the_handshake(app: Quart, client: QuartClient) -> None:
    """A websocket is asked for as a request is, and offers sub-protocols."""

    @app.websocket("/<name>")
    async def index(name: str) -> None:
        await websocket.accept({"X-Name": name}, websocket.requested_subprotocols[1])
        await websocket.send_json([websocket.url, websocket.headers["Sec-WebSocket-Protocol"]])

    async with client.websocket(
        "/ä", base_url="https://example.com", query_string={"a": "b"}, subprotocols=["one", "two"]
    ) as socket:
        assert isinstance(socket, TestWebsocketConnection)
        assert not socket.accepted
        assert ["wss://example.com/ä?a=b", "one, two"] == await socket.receive_json()
        assert socket.accepted
        assert "two" == socket.subprotocol
        assert socket.headers is not None
        assert "ä" == socket.headers["X-Name"]


async def test_the_application_closes(app: Quart, client: QuartClient) -> None:
    """What it sent before is read first."""

    @app.websocket("/")
    async def index() -> None:
        await websocket.send("last")
        await websocket.close(4000, "enough")

    async with client.websocket("/") as socket:
        assert "last" == await socket.receive()
        for _ in range(2):
            with pytest.raises(WebsocketDisconnectError) as caught:
                await socket.receive()

            assert (4000,) == caught.value.args
            assert (4000, "enough") == (caught.value.code, caught.value.reason)


@pytest.mark.parametrize(
    ("leave", "code"), [("close", 1000), ("disconnect", 1006), ("block", 1000)]
)
async def test_the_test_closes(app: Quart, client: QuartClient, leave: str, code: int) -> None:
    seen: list[int | None] = []

    @app.websocket("/")
    async def index() -> None:
        socket = websocket._get_current_object()  # type: ignore[attr-defined]
        try:
            await socket.receive()
            await socket.receive()
        finally:
            seen.append(socket.close_code)

    async with client.websocket("/") as socket:
        await socket.send("hello")
        await asyncio.sleep(0.01)
        if leave != "block":
            await getattr(socket, leave)()
            with pytest.raises(WebsocketDisconnectError) as caught:
                await socket.receive()

            assert code == caught.value.code

    assert [code] == seen


async def test_close_takes_a_code_and_a_reason(app: Quart, client: QuartClient) -> None:
    seen: list[Any] = []

    @app.websocket("/")
    async def index() -> None:
        socket = websocket._get_current_object()  # type: ignore[attr-defined]
        async for _ in socket:
            pass
        seen.extend([socket.close_code, socket.close_reason])

    async with client.websocket("/") as socket:
        await socket.send("hello")
        await socket.close(4001, "bye")

    assert [4001, "bye"] == seen


async def test_a_handshake_that_is_refused_with_a_response(app: Quart, client: QuartClient) -> None:
    """The response is raised where the test receives, or else at the end of the block."""

    @app.websocket("/")
    async def index() -> None:
        abort(401, "who are you?")

    async with client.websocket("/") as socket:
        await socket.send("hello")
        for method in (socket.receive, socket.receive_json):
            with pytest.raises(WebsocketResponseError) as caught:
                await method()

    assert isinstance(caught.value.response, TestResponse)
    assert 401 == caught.value.response.status_code
    assert "who are you?" in caught.value.response.text
    with pytest.raises(WebsocketResponseError):
        async with client.websocket("/"):
            pass
    with pytest.raises(WebsocketResponseError) as caught:
        async with client.websocket("/nowhere") as socket:
            await socket.receive()

    assert 404 == caught.value.response.status_code


async def test_a_handshake_that_is_refused_plainly(app: Quart, client: QuartClient) -> None:
    @app.websocket("/")
    async def index() -> None:
        await websocket.close(1008)

    async with client.websocket("/") as socket:
        await socket.send("hello")
        with pytest.raises(WebsocketDisconnectError) as caught:
            await socket.receive()

        assert 1008 == caught.value.code
        assert not socket.accepted  # type: ignore[attr-defined]


@pytest.mark.parametrize("accepts", [False, True])
async def test_exceptions_reach_the_test_under_testing_from_websockets(
    app: Quart, client: QuartClient, accepts: bool
) -> None:
    @app.websocket("/")
    async def fail() -> None:
        if accepts:
            await websocket.accept()
        await asyncio.sleep(0)
        raise ValueError("for the test")

    with pytest.raises(ValueError, match="for the test"):
        async with client.websocket("/") as socket:
            await socket.receive()

    app.testing = False
    expected = WebsocketDisconnectError if accepts else WebsocketResponseError
    with pytest.raises(expected):
        async with client.websocket("/") as socket:
            await socket.receive()


async def test_a_flood_gives_way_to_the_test(app: Quart, client: QuartClient) -> None:
    @app.websocket("/")
    async def flood() -> None:
        while True:
            await websocket.send("hello")

    async with client.websocket("/") as socket:
        for _ in range(3):
            assert "hello" == await socket.receive()


async def test_cookies_and_sessions_of_a_websocket(app: Quart, client: QuartClient) -> None:
    """It sends the client's cookies, and the client keeps those of its handshake."""

    @app.websocket("/")
    async def index() -> None:
        name = session.get("name")
        await websocket.accept({"Set-Cookie": "from=websocket; Path=/"})
        await websocket.send(str(name))

    async with client.session_transaction() as transaction:
        transaction["name"] = "value"
    async with client.websocket("/") as socket:
        assert "value" == await socket.receive()

    assert client.get_cookie("from") is not None


async def test_a_message_that_is_none_of_a_websocket_is_named() -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start"})

    quart = Quart("tests")
    quart.asgi_app = app  # type: ignore[method-assign]
    with pytest.raises(RuntimeError, match=r"http\.response\.start"):
        async with QuartClient(quart).websocket("/") as socket:
            await socket.receive()


async def test_an_application_that_says_nothing(client: QuartClient) -> None:
    """It returned without an answer: to a client the connection is broken, code 1006."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        pass

    client.app.asgi_app = app  # type: ignore[method-assign]
    async with client.websocket("/") as socket:
        with pytest.raises(WebsocketDisconnectError) as caught:
            await socket.receive()

        assert 1006 == caught.value.code
