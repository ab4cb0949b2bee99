"""Whatever events come, in whatever order: one well-formed answer, or a clean end.

The driver is the judge: it knows which messages may be sent when, and looks for tasks, errors and
waits that are left over.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import checked_states
import pytest
from asgi import HTTP, Websocket, http_scope, settle, websocket_scope
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from quart import Quart, abort, websocket
from quart import request as current
from quart.asgi import client


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the sweep look at each connection in the loop's next turn, not in 0.1 seconds."""
    defaults = {**Quart.default_config, "DISCONNECT_CHECK_AFTER": 0}
    monkeypatch.setattr(Quart, "default_config", defaults)


Event = dict[str, Any]

# What happens between two events: the application gets some turns, the client stops reading, or
# the process is to end.
TURN, PAUSE, RESUME, SHUTDOWN = "turn", "pause", "resume", "shutdown"

# --- requests


async def answers() -> Any:
    return "answer"


async def reads() -> Any:
    return await current.get_data()


async def iterates() -> Any:
    return b"".join([chunk async for chunk in current.body])


async def reads_once() -> Any:
    async for chunk in current.body:
        return chunk
    return "nothing"


async def reads_form() -> Any:
    return (await current.form).to_dict()


async def reads_twice_at_once() -> Any:
    return b"".join(await asyncio.gather(current.get_data(), current.get_data()))


async def asks() -> Any:
    return [await current.is_disconnected(), await current.is_disconnected()]


async def waits() -> Any:
    for _ in range(10):
        await asyncio.sleep(0)
    return "waited"


async def echoes() -> Any:
    body = current.body

    async def pieces() -> AsyncIterator[bytes]:
        async for piece in body:
            yield piece

    return pieces()


async def streams() -> Any:
    async def pieces() -> AsyncIterator[str]:
        for _ in range(3):
            yield "piece"
            await asyncio.sleep(0)

    return pieces()


async def sends_much() -> Any:
    return b"x" * 100_000


async def fails() -> Any:
    await asyncio.sleep(0)
    raise ValueError


async def fails_in_a_stream() -> Any:
    async def pieces() -> AsyncIterator[str]:
        await asyncio.sleep(0)
        raise ValueError
        yield

    return pieces()


async def aborts() -> Any:
    abort(418)


async def swallows() -> Any:
    try:
        return await current.get_data()
    except BaseException:
        return "swallowed"


def runs_in_a_thread() -> Any:
    return current.get_data()


VIEWS = [
    answers,
    reads,
    iterates,
    reads_once,
    reads_form,
    reads_twice_at_once,
    asks,
    waits,
    echoes,
    streams,
    sends_much,
    fails,
    fails_in_a_stream,
    aborts,
    swallows,
    runs_in_a_thread,
]

PIECES = st.fixed_dictionaries(
    {"type": st.just("http.request")},
    optional={"body": st.sampled_from([b"", b"a=b", b"x" * 70_000]), "more_body": st.booleans()},
)
HTTP_STEPS = st.lists(
    st.one_of(
        PIECES,
        PIECES,
        st.just({"type": "http.disconnect"}),
        st.sampled_from([TURN, PAUSE, RESUME, SHUTDOWN]),
    ),
    max_size=8,
)
VERSIONS = st.sampled_from(["2.0", "2.3", "2.4", "2.5"])
LIFE = ["begun", "async teardown", "teardown"]
MANY = settings(
    max_examples=max(300, settings().max_examples),  # the nightly profile wants more
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


def make_app(view: Callable[..., Any], kind: str, cancels: bool, log: list[str]) -> Quart:
    app = Quart("event_orders", root_path="tests", static_folder=None)
    app.config["CANCEL_ON_DISCONNECT"] = cancels
    app.logger.disabled = True  # of the errors that are meant; the name is this file's
    app.teardown_appcontext(lambda error: log.append("teardown"))

    @app.teardown_appcontext
    async def teardown(error: Any) -> None:
        await asyncio.sleep(0)
        log.append("async teardown")

    @app.before_request
    @app.before_websocket
    async def begin() -> None:
        log.append("begun")

    if kind == "http":
        app.add_url_rule("/", "view", view, methods=["GET", "POST", "HEAD"])
    else:
        app.websocket("/")(view)
    return app


async def take(app: Quart, connection: Any, steps: list[Any]) -> None:
    """Do to the application what the steps say."""
    for step in steps:
        if step == TURN:
            await settle(3)
        elif step == PAUSE:
            connection.pause()
        elif step == RESUME:
            connection.resume()
        elif step == SHUTDOWN:
            app.begin_shutdown()
        else:
            connection.feed(step)
    await settle()
    connection.resume()


@MANY
@given(
    view=st.sampled_from(VIEWS),
    method=st.sampled_from(["GET", "POST", "HEAD"]),
    content_type=st.sampled_from(
        ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=b"]
    ),
    steps=HTTP_STEPS,
    cancels=st.booleans(),
    suspends=st.booleans(),
    version=VERSIONS,
    outlives=st.booleans(),
)
async def test_requests(
    view: Any,
    method: str,
    content_type: str,
    steps: list[Any],
    cancels: bool,
    suspends: bool,
    version: str,
    outlives: bool,
) -> None:
    """An answer that is complete, or none to a client that has gone; teardown ran once."""
    log: list[str] = []
    app = make_app(view, "http", cancels, log)
    scope = http_scope(method, "/", headers={"content-type": content_type}, spec_version=version)
    async with HTTP(app, scope, suspends=suspends, outlives=outlives) as http:
        await take(app, http, steps)
        if not http.rules.ended:
            http.disconnect()
        response = await http.response()

    assert http.rules.ended or http.gone
    assert response.status in (0, 200, 400, 418, 500)
    assert LIFE == log


# --- websockets


async def echoes_messages() -> None:
    while True:
        await websocket.send(await websocket.receive())


async def iterates_messages() -> None:
    async for message in websocket:
        await websocket.send(message)


async def receives_once() -> None:
    await websocket.receive()


async def receives_json() -> None:
    await websocket.receive_json()


async def accepts_and_closes() -> None:
    await websocket.accept()
    await asyncio.sleep(0)
    await websocket.close(4000, "enough")


async def closes() -> None:
    await websocket.close(1008)


async def closes_late() -> None:
    await asyncio.sleep(0)
    await websocket.close()


async def denies() -> Any:
    await asyncio.sleep(0)
    return "denied", 403


async def denies_piece_by_piece() -> Any:
    async def pieces() -> AsyncIterator[str]:
        await asyncio.sleep(0)
        yield "den"
        await asyncio.sleep(0)
        yield "ied"

    return pieces(), 403


async def fails_to_deny() -> Any:
    async def pieces() -> AsyncIterator[str]:
        await asyncio.sleep(0)
        raise ValueError
        yield

    return pieces(), 403


async def denies_with_a_bad_header() -> Any:
    return "denied", 403, {"Content Type": "text/plain"}


async def fails_after_accept() -> None:
    await websocket.accept()
    await asyncio.sleep(0)
    raise ValueError


async def sends_on() -> None:
    for _ in range(5):
        await websocket.send("x")
        await asyncio.sleep(0)


async def sends_from_two_tasks() -> None:
    await websocket.accept()
    async with asyncio.TaskGroup() as group:
        group.create_task(echoes_messages())
        group.create_task(sends_on())


async def returns() -> None:
    pass


async def swallows_all() -> None:
    try:
        while True:
            await websocket.receive()
    except BaseException:
        pass


WEBSOCKET_VIEWS = [
    echoes_messages,
    iterates_messages,
    receives_once,
    receives_json,
    accepts_and_closes,
    closes,
    closes_late,
    denies,
    denies_piece_by_piece,
    fails_to_deny,
    denies_with_a_bad_header,
    fails,
    fails_after_accept,
    sends_on,
    sends_from_two_tasks,
    returns,
    swallows_all,
    aborts,
    waits,
]

MESSAGES = st.fixed_dictionaries(
    {"type": st.just("websocket.receive")},
    optional={
        "text": st.sampled_from([None, "", "text", "{"]),
        "bytes": st.sampled_from([None, b"", b"bytes"]),
    },
)
DISCONNECTS = st.fixed_dictionaries(
    {"type": st.just("websocket.disconnect")},
    optional={
        "code": st.sampled_from([None, 1000, 1005, 1006, 4000]),
        "reason": st.sampled_from([None, "", "reason"]),
    },
)
WEBSOCKET_STEPS = st.lists(
    st.one_of(
        MESSAGES,
        MESSAGES,
        DISCONNECTS,
        st.just({"type": "websocket.connect"}),
        st.sampled_from([TURN, PAUSE, RESUME, SHUTDOWN]),
    ),
    max_size=8,
)


@MANY
@given(
    view=st.sampled_from(WEBSOCKET_VIEWS),
    connects=st.sampled_from([True, True, True, False]),
    steps=WEBSOCKET_STEPS,
    cancels=st.booleans(),
    suspends=st.booleans(),
    version=VERSIONS,
    may_deny=st.booleans(),
    outlives=st.booleans(),
)
async def test_websockets(
    view: Any,
    connects: bool,
    steps: list[Any],
    cancels: bool,
    suspends: bool,
    version: str,
    may_deny: bool,
    outlives: bool,
) -> None:
    """A close or a refusal, or an end with the client; teardown ran if the view did."""
    log: list[str] = []
    app = make_app(view, "websocket", cancels, log)
    extensions = ["websocket.http.response"] if may_deny else []
    scope = websocket_scope("/", spec_version=version, extensions=extensions)
    async with Websocket(app, scope, suspends=suspends, outlives=outlives) as ws:
        if connects:
            ws.feed({"type": "websocket.connect"})
        await take(app, ws, steps)
        if not ws.rules.ended:
            ws.disconnect(1006)
        await ws.finish()

    first = next((step["type"] for step in steps if isinstance(step, dict)), None)
    connected = connects or first == "websocket.connect"
    assert ws.rules.ended or ws.gone or not connected
    refused = SHUTDOWN in steps and not log  # it came when the process was ending already
    assert ([] if refused or not connected else LIFE) == log


# --- a server that gives up, at any point


@MANY
@pytest.mark.parametrize("kind", ["http", "websocket"])
@given(data=st.data(), turns=st.integers(0, 12), suspends=st.booleans())
async def test_a_cancel_at_any_point(kind: str, data: Any, turns: int, suspends: bool) -> None:
    """No task is left; what had begun was torn down."""
    views, steps = (VIEWS, HTTP_STEPS) if kind == "http" else (WEBSOCKET_VIEWS, WEBSOCKET_STEPS)
    view, taken = data.draw(st.sampled_from(views)), data.draw(steps)
    log: list[str] = []
    app = make_app(view, kind, True, log)
    if kind == "http":
        connection: Any = HTTP(app, http_scope("POST", "/"), suspends=suspends)
    else:
        connection = Websocket(app, websocket_scope("/"), suspends=suspends)
        connection.feed({"type": "websocket.connect"})
    async with connection:
        for step in taken:
            if isinstance(step, dict):
                connection.feed(step)
        await settle(turns)
        await connection.cancel()

    assert log[:1] in ([], ["begun"])
    assert len(log) in (0, 2, 3)  # a teardown function itself may be cancelled


def test_an_illegal_move_is_noticed() -> None:
    """As it would be in any of these orders: `checked_states.py` sees each move."""
    moved: Any = client.Client.__new__(client.Client)
    moved.state = client.GONE
    moved.state = client.READER

    assert ["Client: GONE -> READER"] == checked_states.take_illegal()
