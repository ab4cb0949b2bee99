"""Websockets: messages, closing, disconnects, denials, bad input."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from json import JSONDecodeError
from typing import Any

import pytest
from asgi import Rejected, Websocket, connect, settle, stream, websocket_scope
from werkzeug.exceptions import BadRequest, Unauthorized

from quart import Blueprint, Quart, Response, abort, g, make_response, session, signals, websocket
from quart.json.long import LONG_JSON
from quart.wrappers import ClientDisconnectedError


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the sweep look at each connection in the loop's next turn, not in 0.1 seconds."""
    defaults = {**Quart.default_config, "DISCONNECT_CHECK_AFTER": 0}
    monkeypatch.setattr(Quart, "default_config", defaults)


def make_app(view: Any) -> Quart:
    app = Quart(__name__)
    app.websocket("/")(view)
    return app


async def echo() -> None:
    while True:
        await websocket.send(await websocket.receive())


@pytest.mark.parametrize("message", ["text", b"bytes", "", b"", "é" * 10_000, b"\0" * 100_000])
async def test_messages_keep_type_and_value(message: str | bytes) -> None:
    """The empty frame arrives as the empty frame."""
    async with connect(make_app(echo)) as ws:
        ws.send(message)

        assert message == await ws.receive()


async def test_json() -> None:
    async def view() -> None:
        value = await websocket.receive_json()
        await websocket.send_json(value)
        await websocket.send_json(a=value)
        await websocket.send_json(1, 2)

    async with connect(make_app(view)) as ws:
        ws.send_json({"é": [1, None]})

        assert {"é": [1, None]} == await ws.receive_json()
        assert {"a": {"é": [1, None]}} == await ws.receive_json()
        assert [1, 2] == await ws.receive_json()
        assert (1000, "") == await ws.closed()


@pytest.mark.parametrize("message", ["{", "", b"\xff", "[" * 100_000])
async def test_bad_json_closes_with_1007(message: str | bytes) -> None:
    """A client's mistake: closed with the code for it, and no traceback in the log."""

    async def view() -> None:
        await websocket.receive_json()

    async with connect(make_app(view)) as ws:
        ws.send(message)

        assert 1007 == (await ws.closed())[0]


@pytest.mark.parametrize("message", ["{", '{"a": x}', b"\xff", "[" * 100_000])
@pytest.mark.parametrize("kind", [ValueError, JSONDecodeError, BadRequest])
async def test_bad_json_is_caught_as_before(message: str | bytes, kind: type[Exception]) -> None:
    """Code for 0.22 catches the error of the parser, and reads where it is."""

    async def view() -> None:
        try:
            await websocket.receive_json()
        except kind as error:
            assert isinstance(error, JSONDecodeError)
            await websocket.send_json(error.pos)

    async with connect(make_app(view)) as ws:
        ws.send(message)

        assert {"{": 1, '{"a": x}': 6}.get(str(message), 0) == await ws.receive_json()
        assert (1000, "") == await ws.closed()


async def test_a_handler_for_bad_json() -> None:
    app = make_app(lambda: websocket.receive_json())

    @app.errorhandler(JSONDecodeError)
    async def handle(error: JSONDecodeError) -> str:
        await websocket.send(error.msg)
        return ""

    async with connect(app) as ws:
        ws.send("[")

        assert "Expecting value" == await ws.receive()


@pytest.mark.parametrize("testing", [False, True])
async def test_the_view_that_outlives_bad_json_fails_by_its_own_error(testing: bool) -> None:
    async def view() -> None:
        with pytest.raises(BadRequest):
            await websocket.receive_json()
        raise ValueError("inside")

    app = make_app(view)
    app.testing = testing
    async with connect(app, raises=ValueError if testing else None) as ws:
        ws.send("{")

        assert 1011 == (await ws.closed())[0]


async def test_an_unhandled_error_closes_with_1011(caplog: pytest.LogCaptureFixture) -> None:
    async def view() -> None:
        await websocket.accept()
        raise ValueError("inside")

    async with connect(make_app(view)) as ws:
        assert 1011 == (await ws.closed())[0]
    assert "Exception on websocket /" in caplog.text


async def test_accept_with_headers_and_subprotocol() -> None:
    async def view() -> None:
        assert ["a", "b"] == websocket.requested_subprotocols
        await websocket.accept(headers={"X-Extra": "1"}, subprotocol="b")
        await websocket.accept()

    async with connect(make_app(view), subprotocols=["a", "b"]) as ws:
        accept = ws.messages[0]

    assert ("b", [(b"x-extra", b"1")]) == (accept["subprotocol"], accept["headers"])


async def test_close_before_accept_rejects() -> None:
    """What comes after it is an error that says so."""
    errors = []

    async def view() -> None:
        await websocket.close()
        assert (True, 1000, "") == (
            websocket.closed,
            websocket.close_code,
            websocket.close_reason,
        )
        for action in (websocket.accept(), websocket.receive(), websocket.send("late")):
            with pytest.raises(RuntimeError) as caught:
                await action
            errors.append(str(caught.value))

    with pytest.raises(Rejected):
        async with connect(make_app(view)):
            pass
    assert ["The websocket is closed (1000): cannot accept."] * 3 == errors


@pytest.mark.parametrize(
    ("headers", "subprotocol"),
    [({"X-A": "a\r\nX-B: b"}, None), ([("X A", "a")], None), ({}, "a\r\nX-B: b"), ({}, "\0")],
)
async def test_an_accept_that_would_break_the_handshake(headers: Any, subprotocol: Any) -> None:
    """It is an error in the view, and the handshake is refused."""

    async def view() -> None:
        await websocket.accept(headers, subprotocol)

    with pytest.raises(Rejected):
        async with connect(make_app(view)):
            pass


@pytest.mark.parametrize("cancels", [True, False])
async def test_what_waits_on_after_an_iteration_is_cancelled(cancels: bool) -> None:
    """WEBSOCKET_CLOSE_TIMEOUT seconds after the client has gone, with its tasks; but teardown."""
    seen: list[str] = []
    go = asyncio.Event()

    async def sends() -> None:
        try:
            await go.wait()
            seen.append("sender ended")
        except asyncio.CancelledError:
            seen.append("sender cancelled")
            raise

    async def view() -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(sends())
            async for _ in websocket:
                pass
            seen.append("iteration ended")
            await asyncio.sleep(0.01)
            seen.append("what follows ended")

    app = make_app(view)
    app.config.update(WEBSOCKET_CLOSE_TIMEOUT=0.1, CANCEL_ON_DISCONNECT=cancels)

    @app.teardown_websocket
    async def teardown(error: BaseException | None) -> None:
        await asyncio.sleep(0.01)
        seen.append("teardown")

    async with connect(app) as ws:
        await settle()
        ws.disconnect()
        await asyncio.sleep(0.05)
        assert ["iteration ended", "what follows ended"] == seen
        if not cancels:
            await asyncio.sleep(0.1)
            go.set()

    last = ["sender cancelled" if cancels else "sender ended", "teardown"]
    assert ["iteration ended", "what follows ended", *last] == seen


@pytest.mark.parametrize("accepts", [True, False])
@pytest.mark.parametrize(("version", "has"), [("2.2", False), ("2.3", True), ("2.5", True)])
async def test_a_close_that_is_asked_for_has_a_reason(
    version: str, has: bool, accepts: bool
) -> None:
    """An empty one, too, where the server knows of reasons."""

    async def view() -> None:
        if accepts:
            await websocket.accept()
        await websocket.close(4000)

    async with Websocket(make_app(view), websocket_scope("/", spec_version=version)) as ws:
        ws.feed({"type": "websocket.connect"})
        await ws.finish()

    assert ({"reason": ""} if has else {}) == {
        key: value for key, value in ws.messages[-1].items() if key == "reason"
    }


async def test_close_with_code_and_reason() -> None:
    """After it, sending is an error that says so; closing again too."""
    errors = []

    async def view() -> None:
        await websocket.accept()
        assert not websocket.closed
        await websocket.close(4000, "enough")
        assert (True, 4000, "enough") == (
            websocket.closed,
            websocket.close_code,
            websocket.close_reason,
        )
        for action in (websocket.send("late"), websocket.close(1000)):
            with pytest.raises(RuntimeError, match="4000") as caught:
                await action
            errors.append(str(caught.value))

    async with connect(make_app(view)) as ws:
        assert (4000, "enough") == await ws.closed()
    assert [
        "The websocket is closed (4000): cannot send.",
        "The websocket is closed (4000): cannot close.",
    ] == errors


@pytest.mark.parametrize(("code", "reason"), [(999, ""), (1005, ""), (5000, ""), (1000, "x" * 124)])
async def test_what_must_not_be_sent_as_a_close(code: int, reason: str) -> None:
    async def view() -> None:
        await websocket.accept()
        with pytest.raises(ValueError):
            await websocket.close(code, reason)

    async with connect(make_app(view)) as ws:
        assert (1000, "") == await ws.closed()


@pytest.mark.parametrize("data", [b"x", bytearray(b"x"), memoryview(b"x")])
async def test_bytes_of_any_kind_are_a_binary_message(data: Any) -> None:
    async def view() -> None:
        await websocket.send(data)

    async with connect(make_app(view)) as ws:
        assert b"x" == await ws.receive()


async def test_sending_anything_else_is_a_type_error() -> None:
    async def view() -> None:
        with pytest.raises(TypeError, match="dict"):
            await websocket.send({"a": 1})  # type: ignore[arg-type]

    with pytest.raises(Rejected):
        async with connect(make_app(view)):
            pass


async def test_iteration_ends_with_the_client() -> None:
    """`async for` gives every message, and the view goes on after the last."""
    seen: list[Any] = []

    async def view() -> None:
        async for message in websocket:
            seen.append(message)
        seen.append((websocket.closed, websocket.close_code, websocket.close_reason))
        with pytest.raises(ClientDisconnectedError) as caught:
            await websocket.send("into the void")
        seen.append(caught.value.code)

    async with connect(make_app(view), spec_version="2.3") as ws:
        ws.send("a")
        ws.send(b"b")
        ws.disconnect(4001, "bye")

    assert ["a", b"b", (True, 4001, "bye"), 4001] == seen


async def test_a_disconnect_cancels_a_waiting_receive() -> None:
    """As always in Quart: `except CancelledError` is where a view cleans up."""
    log = []

    async def view() -> None:
        try:
            while True:
                await websocket.receive()
        except asyncio.CancelledError:
            log.append((websocket.close_code, "cancelled"))
            raise

    async with connect(make_app(view)) as ws:
        ws.disconnect(1001)

    assert [(1001, "cancelled")] == log


async def test_reads_raise_where_a_disconnect_does_not_cancel() -> None:
    """With CANCEL_ON_DISCONNECT off, after the messages that came before it."""
    log: list[Any] = []
    gone = asyncio.Event()

    async def view() -> None:
        await websocket.accept()
        await gone.wait()
        log.append(await websocket.receive())
        with pytest.raises(ClientDisconnectedError) as caught:
            await websocket.receive()
        log.append(caught.value.code)

    app = make_app(view)
    app.config["CANCEL_ON_DISCONNECT"] = False
    async with connect(app) as ws:
        ws.send("before")
        ws.disconnect(1000)
        await asyncio.sleep(0.01)
        gone.set()

    assert ["before", 1000] == log


@pytest.mark.parametrize("sent_before", [0, 1, 31, 32])
async def test_an_error_of_the_servers_send_is_a_disconnect(sent_before: int) -> None:
    """As soon as the server raises one, which may be before it reports the disconnect."""
    log: list[BaseException | None] = []
    gone = asyncio.Event()

    async def view() -> None:
        await websocket.accept()
        for _ in range(sent_before):
            await websocket.send("before")
        await gone.wait()
        with pytest.raises(ClientDisconnectedError) as caught:
            await websocket.send("after")
        log.append(caught.value.__cause__)

    app = make_app(view)
    app.config.update(CANCEL_ON_DISCONNECT=False, DISCONNECT_CHECK_AFTER=10)
    async with connect(app, asgi={"version": "3.0", "spec_version": "2.4"}) as ws:
        for _ in range(sent_before):
            await ws.receive()
        ws.disconnect(1006)
        gone.set()

    assert ["ClientGone"] == [type(each).__name__ for each in log]


async def test_a_sleeping_handler_reads_little_ahead() -> None:
    """20,000 messages offered: at most 256 are pulled."""

    async def view() -> None:
        await websocket.accept()
        await asyncio.sleep(0.2)

    async with connect(make_app(view)) as ws:
        for number in range(20_000):
            ws.send(str(number))
        await asyncio.sleep(0.1)

        assert 256 > ws.received
        assert (1000, "") == await ws.closed()


async def test_the_look_out_goes_on_when_there_is_room_again() -> None:
    """A disconnect behind a full buffer is noticed once the view has read on."""
    log = []

    async def view() -> None:
        await websocket.accept()
        await asyncio.sleep(0.02)
        for _ in range(100):
            await websocket.receive()
        try:
            await asyncio.sleep(5)
        finally:
            log.append("cancelled")

    async with connect(make_app(view)) as ws:
        for number in range(100):
            ws.send(str(number))
        ws.disconnect()

    assert ["cancelled"] == log


# Refused handshakes


DENIALS: list[tuple[Any, int, bytes | None]] = [
    (lambda: abort(401), 401, None),
    (lambda: ("no", 402), 402, b"no"),
    (lambda: {"a": 1}, 200, b'{"a":1}\n'),
    (lambda: 1 / 0, 500, None),
]


@pytest.mark.parametrize(("make", "status", "body"), DENIALS)
async def test_a_response_before_accept(make: Any, status: int, body: bytes | None) -> None:
    """It is sent where the server can, and a plain rejection elsewhere."""

    async def view() -> Any:
        return make()

    app = make_app(view)
    with pytest.raises(Rejected) as caught:
        async with connect(app, extensions=["websocket.http.response"]):
            pass
    assert status == caught.value.response.status
    if body is not None:
        assert body == caught.value.response.body

    with pytest.raises(Rejected):
        async with connect(app):
            pass


@pytest.mark.parametrize("accepts", [True, False])
@pytest.mark.parametrize("extensions", [[], ["websocket.http.response"]])
async def test_the_response_of_a_view_is_closed(accepts: bool, extensions: list[str]) -> None:
    closed = []

    async def view() -> Response:
        if accepts:
            await websocket.accept()
        response = Response("no", 403)
        response.call_on_close(lambda: closed.append(True))
        return response

    with contextlib.suppress(Rejected):
        async with connect(make_app(view), extensions=extensions) as ws:
            assert (1008, "") == await ws.closed()

    assert [True] == closed


async def test_a_task_that_receives_after_the_end_finds_the_client_gone() -> None:
    async def view() -> None:
        await websocket.accept()
        tasks.append(app.add_background_task(websocket.receive))
        await asyncio.sleep(0.01)

    tasks: list[asyncio.Task[Any]] = []
    app = make_app(view)
    async with connect(app, leaves_tasks=True) as ws:
        assert (1000, "") == await ws.closed()

    with pytest.raises(ClientDisconnectedError):
        await tasks[0]


async def test_long_json_is_parsed_beside_the_loop_and_limited() -> None:
    seen: list[Any] = []

    async def view() -> None:
        seen.append(await websocket.receive_json())
        await websocket.receive_json()

    async with connect(make_app(view)) as ws:
        ws.send(json.dumps(["x" * LONG_JSON]))
        ws.send("[" + "[]," * 1_100_000 + "[]]")
        assert 1008 == (await ws.closed())[0]

    assert [["x" * LONG_JSON]] == seen


async def test_a_view_that_ends_without_accepting_rejects() -> None:
    async def view() -> None:
        pass

    with pytest.raises(Rejected):
        async with connect(make_app(view)):
            pass
    with pytest.raises(Rejected):
        async with connect(make_app(view), extensions=["websocket.http.response"]):
            pass


async def test_error_handlers_answer_a_handshake() -> None:
    async def view() -> None:
        raise Unauthorized()

    app = make_app(view)

    @app.errorhandler(401)
    async def unauthorized(error: Any) -> Any:
        return "who are you?", 401, {"X-Who": "you"}

    with pytest.raises(Rejected) as caught:
        async with connect(app, extensions=["websocket.http.response"]):
            pass

    assert "who are you?" == caught.value.response.text
    assert "you" == caught.value.response.headers["X-Who"]


def fails_while_it_is_sent() -> Any:
    async def pieces() -> AsyncIterator[str]:
        yield "no"
        raise ValueError("no end")

    return pieces(), 403


@pytest.mark.parametrize(
    "make", [fails_while_it_is_sent, lambda: ("no", 403, {"Not A Name": "value"})]
)
async def test_a_denial_that_cannot_be_sent_is_a_500(
    make: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """No exception leaves the application, and the log has the reason."""
    closed = []

    async def view() -> Any:
        response = await make_response(make())
        response.call_on_close(lambda: closed.append(True))
        return response

    with pytest.raises(Rejected) as caught:
        async with connect(make_app(view), extensions=["websocket.http.response"]):
            pass

    assert 500 == caught.value.response.status
    assert [True] == closed
    assert "ValueError" in caplog.text


async def test_an_accept_that_is_refused_is_none(caplog: pytest.LogCaptureFixture) -> None:
    """A header that breaks the protocol is an error in the view, and the handshake still open."""

    async def view() -> None:
        await websocket.accept(headers={"Not A Name": "value"})

    with pytest.raises(Rejected) as caught:
        async with connect(make_app(view), extensions=["websocket.http.response"]):
            pass

    assert 500 == caught.value.response.status
    assert "ValueError" in caplog.text


async def test_a_denial_that_fails_is_answered_by_its_blueprint() -> None:
    """As an error in the view would be, with the view's `g`."""
    part = Blueprint("part", __name__)

    @part.websocket("/")
    async def view() -> Any:
        g.name = "g"
        return fails_while_it_is_sent()

    @part.errorhandler(500)
    async def answer(error: Any) -> Any:
        return g.get("name"), 500

    app = Quart("tests", root_path="tests")
    app.register_blueprint(part)
    with pytest.raises(Rejected) as caught:
        async with connect(app, extensions=["websocket.http.response"]):
            pass

    assert (500, "g") == (caught.value.response.status, caught.value.response.text)


# Ends that cross each other


@pytest.mark.parametrize("ends", ["close", "return", "deny"])
async def test_the_client_leaves_while_it_is_told_goodbye(ends: str) -> None:
    """A receive that outlives its cancellation brings the disconnect: nothing follows it."""
    go = asyncio.Event()

    async def view() -> Any:
        if ends != "deny":
            await websocket.accept()
        await go.wait()
        if ends == "close":
            await websocket.close(4000)
        return ("no", 403) if ends == "deny" else None

    app = make_app(view)
    app.config["CANCEL_ON_DISCONNECT"] = False
    scope = websocket_scope(extensions=["websocket.http.response"])
    async with Websocket(app, scope, outlives=True) as ws:
        ws.feed({"type": "websocket.connect"})
        await settle()  # the look-out waits for what the client says next
        go.set()
        ws.disconnect()
        await ws.finish()

        expected = [] if ends == "deny" else ["websocket.accept"]
        assert expected == [message["type"] for message in ws.messages]


async def test_a_denial_outlived_by_a_receive() -> None:
    """The disconnect behind it ends nothing any more: no cancellation leaves the application."""

    async def view() -> Any:
        await settle()  # the look-out stands
        return "no", 403

    scope = websocket_scope(extensions=["websocket.http.response"])
    async with Websocket(make_app(view), scope, outlives=True) as ws:
        ws.feed({"type": "websocket.connect"})
        await ws.finish()

    assert 403 == ws.messages[0]["status"]


async def test_a_task_group_left_by_the_client() -> None:
    """What it leaves of a cancellation is not delivered in a teardown function, nor to the server.

    CPython 3.11 and 3.12 count one cancellation too many, 3.13 delivers one later.
    """
    log: list[str] = []

    async def forever() -> None:
        while True:
            await websocket.send("x")
            await asyncio.sleep(0)

    async def view() -> None:
        await websocket.accept()
        async with asyncio.TaskGroup() as group:
            group.create_task(echo())
            group.create_task(forever())

    app = make_app(view)

    @app.teardown_websocket
    async def teardown(error: BaseException | None) -> None:
        await asyncio.sleep(0)
        log.append("torn down")

    for suspends in (True, False):
        for turns in range(12):
            scope = websocket_scope(spec_version="2.4")
            async with Websocket(app, scope, suspends=suspends) as ws:
                ws.feed(*[{"type": "websocket.connect"}] * 5)
                await settle(3 + turns)
                ws.disconnect()
                await ws.finish()

    assert ["torn down"] * 24 == log


async def test_shutdown_lets_teardown_functions_finish() -> None:
    """One that waits is not cancelled by it."""
    log = []
    go = asyncio.Event()

    async def view() -> None:
        await websocket.accept()

    app = make_app(view)

    @app.teardown_websocket
    async def teardown(error: BaseException | None) -> None:
        await go.wait()
        log.append(error)

    async with connect(app) as ws:
        await settle()
        app.begin_shutdown()
        await settle()
        go.set()
        assert (1000, "") == await ws.closed()

    assert [None] == log


async def test_a_teardown_function_does_not_hold_the_shutdown_for_ever() -> None:
    """It has SHUTDOWN_TIMEOUT seconds."""
    log = []

    async def view() -> None:
        await websocket.accept()

    app = make_app(view)
    app.config["SHUTDOWN_TIMEOUT"] = 0.01

    @app.teardown_websocket
    async def teardown(error: BaseException | None) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            log.append("cancelled")

    async with connect(app) as ws:
        await settle()
        app.begin_shutdown()
        assert 1001 == (await ws.closed())[0]

    assert ["cancelled"] == log


async def test_shutdown_while_a_view_closes() -> None:
    """The close that the view has begun is sent, with its code."""

    async def view() -> None:
        await websocket.accept()
        await websocket.receive()
        await asyncio.sleep(0)  # the look-out starts; to close is to end it first
        await websocket.close(4000, "enough")

    ends = set()
    for turns in range(8):
        app = make_app(view)
        async with connect(app) as ws:
            await settle()
            ws.send("x")
            await settle(turns)
            app.begin_shutdown()
            ends.add(await ws.closed())

    assert {(1001, ""), (4000, "enough")} == ends


async def test_a_handshake_while_the_process_ends_is_refused() -> None:
    """Its view does not begin."""
    log = []

    async def view() -> None:
        log.append("view")

    app = make_app(view)

    @app.after_serving
    async def knock() -> None:
        with pytest.raises(Rejected):
            async with connect(app):
                pass
        log.append("refused")

    await app.startup()
    await app.shutdown()

    assert ["refused"] == log


# Sessions and signals


async def test_the_session_is_readable_and_saved_on_a_denial() -> None:
    async def view() -> Any:
        assert "name" not in session
        session["name"] = "bob"
        return "denied", 403

    app = make_app(view)
    app.secret_key = "secret"
    with pytest.raises(Rejected) as caught:
        async with connect(app, extensions=["websocket.http.response"]):
            pass

    assert caught.value.response.headers["Set-Cookie"].startswith("session=")


@pytest.mark.parametrize("sync", [True, False])
async def test_message_signals(sync: bool) -> None:
    """Sent with the message, to sync and async receivers."""
    seen = []

    def sync_receiver(message: Any) -> None:
        seen.append(message)

    async def async_receiver(message: Any) -> None:
        seen.append(message)

    receiver = sync_receiver if sync else async_receiver
    with (
        signals.websocket_received.connected_to(receiver),
        signals.websocket_sent.connected_to(receiver),
    ):
        async with connect(make_app(echo)) as ws:
            ws.send("a")
            await ws.receive()
            await asyncio.sleep(0.05)

    assert ["a", "a"] == seen


# Bad input


@pytest.mark.parametrize(
    "events",
    [
        [{"type": "websocket.disconnect", "code": 1006}],
        [{"type": "websocket.receive", "text": "early", "bytes": None}],
        [
            {"type": "websocket.connect"},
            {"type": "websocket.receive", "text": "both", "bytes": b"both"},
            {"type": "websocket.disconnect", "code": 1000},
        ],
        [
            {"type": "websocket.connect"},
            {"type": "websocket.receive"},
            {"type": "websocket.disconnect"},
        ],
        [
            {"type": "websocket.connect"},
            {"type": "websocket.receive", "text": None, "bytes": None},
            {"type": "websocket.disconnect", "code": None, "reason": None},
        ],
    ],
)
async def test_odd_events_end_cleanly(events: list[dict[str, Any]]) -> None:
    """Whatever comes, in whatever order: no exception, no task left."""
    async with Websocket(make_app(echo), websocket_scope("/")) as ws:
        ws.feed(*events)
        await asyncio.sleep(0.01)


@pytest.mark.parametrize("message", ["é" * 10_000_000, b"\0" * 20_000_000])
async def test_a_large_message(message: str | bytes) -> None:
    """How large is the server's to say: what it takes, the view gets."""
    async with connect(make_app(echo)) as ws:
        ws.send(message)
        assert message == await ws.receive()


async def test_both_of_text_and_bytes_is_text() -> None:
    """Neither is an empty message."""
    async with connect(make_app(echo)) as ws:
        ws.feed({"type": "websocket.receive", "text": "text", "bytes": b"bytes"})
        assert "text" == await ws.receive()
        ws.feed({"type": "websocket.receive", "text": None, "bytes": None})
        assert b"" == await ws.receive()


@pytest.mark.parametrize("offered", [None, [], ["", "a,b", "ü", "x" * 10_000]])
async def test_odd_subprotocols(offered: list[str] | None) -> None:
    """They are the view's to look at."""

    async def view() -> None:
        await websocket.send_json(websocket.requested_subprotocols)

    scope = websocket_scope() | {"subprotocols": offered}
    async with Websocket(make_app(view), scope) as ws:
        ws.feed({"type": "websocket.connect"})
        assert (offered or []) == await ws.receive_json()


async def test_the_code_and_reason_of_the_client() -> None:
    """They are there while the view cleans up, and a close after the client's does nothing."""
    log: list[Any] = []

    async def view() -> None:
        assert not websocket.closed
        async for _ in websocket:
            pass
        log.append((websocket.closed, websocket.close_code, websocket.close_reason))
        await websocket.close(4001)
        log.append(websocket.close_code)

    async with connect(make_app(view)) as ws:
        await settle()
        ws.disconnect(4000, "enough")

    assert [(True, 4000, "enough"), 4000] == log


async def test_a_view_that_only_sends_leaves_room_for_others() -> None:
    """Where the server's send never waits, the event loop gets its turn all the same."""

    async def view() -> None:
        while True:
            await websocket.send("hello")

    log = []
    async with connect(make_app(view)):
        for turn in range(10):
            await asyncio.sleep(0)
            log.append(turn)

    assert list(range(10)) == log


async def test_a_stream_that_never_waits_leaves_room_for_others() -> None:
    app = Quart(__name__)

    @app.get("/")
    async def endless() -> Any:
        async def pieces() -> Any:
            while True:
                yield "x"

        return pieces()

    async with stream(app, "GET", "/") as http:
        http.body()
        await http.chunk()
        http.disconnect()
