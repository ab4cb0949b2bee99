"""What ends early: clients that go, servers that give up, answers that take too long."""

import asyncio
import gc
import socket
import sys
import threading
import time
import weakref
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from asgi import HTTP, Websocket, get, http_scope, post, settle, stream, websocket_scope
from servers.processes import free_port, running

from quart import (
    Quart,
    Response,
    ServerSentEvent,
    make_push_promise,
    make_response,
    send_early_hints,
    sse_response,
    stream_with_context,
    websocket,
)
from quart import request as current
from quart.wrappers import ClientDisconnectedError

pytestmark = pytest.mark.usefixtures("at_once")

VERSIONS = pytest.mark.parametrize("version", ["2.3", "2.5"])  # sends raise from 2.4 on


def make_app(view: Any, **options: Any) -> Quart:
    """An application with one view, for requests with or without a body."""
    app = Quart("tests", root_path="tests")
    app.add_url_rule("/", "view", view, methods=["GET", "POST"], **options)
    return app


def make_websocket_app(view: Any, **options: Any) -> Quart:
    app = Quart("tests", root_path="tests")
    app.websocket("/", **options)(view)
    return app


def open_websocket(app: Quart, **options: Any) -> Websocket:
    ws = Websocket(app, websocket_scope("/", **options))
    ws.feed({"type": "websocket.connect"})
    return ws


def failing(sync: bool, first: str | None) -> Any:
    async def words() -> AsyncIterator[str]:
        if first is not None:
            yield first
        raise LookupError("in a stream")

    def sync_words() -> Iterator[str]:
        if first is not None:
            yield first
            time.sleep(0.02)
        raise LookupError("in a stream")

    return sync_words() if sync else words()


async def numbers() -> AsyncIterator[str]:
    yield "1"


# --- a client that goes: reads


async def read_data() -> Any:
    return await current.get_data()


async def read_iterator() -> Any:
    async for _ in current.body:
        pass


async def read_form() -> Any:
    return await current.form


async def read_parts() -> Any:
    async for _ in current.multipart():
        pass


READERS = [
    (read_data, "text/plain", b"data"),
    (read_iterator, "text/plain", b"data"),
    (read_form, "application/x-www-form-urlencoded", b"a=b"),
    (read_form, "multipart/form-data; boundary=b", b"--b\r\n"),
    (read_parts, "multipart/form-data; boundary=b", b"--b\r\n"),
]


@pytest.mark.parametrize(("read", "content_type", "begin"), READERS)
@pytest.mark.parametrize("cancels", [True, False])
async def test_reads_end_with_the_client(
    read: Callable[[], Awaitable[Any]], content_type: str, begin: bytes, cancels: bool
) -> None:
    """A handler that is not cancelled gets ClientDisconnectedError, each time it reads."""
    seen: list[str] = []

    async def view() -> Any:
        for _ in range(2):
            try:
                await read()
            except BaseException as error:
                seen.append(type(error).__name__)
                if cancels:
                    raise
        return "late"

    app = make_app(view)
    app.config["CANCEL_ON_DISCONNECT"] = cancels
    async with stream(app, "POST", headers={"content-type": content_type}) as http:
        http.body(begin, more=True)
        await settle()
        http.disconnect()

    assert (["CancelledError"] if cancels else ["ClientDisconnectedError"] * 2) == seen
    assert [] == http.messages


async def test_a_body_that_came_is_read_after_the_client_has_gone() -> None:
    """What was offered before the disconnect is not lost."""
    seen = []

    async def view() -> Any:
        await asyncio.sleep(0.01)
        seen.append(await current.get_data())

    app = make_app(view, cancel_on_disconnect=False)
    async with stream(app, "POST") as http:
        http.body(b"a", more=True)
        http.body(b"b")
        http.disconnect()

    assert [b"ab"] == seen


@pytest.mark.parametrize("begun", [True, False])
async def test_reads_after_the_answer(begun: bool) -> None:
    """The rest of a read that waits comes as ever; a later one finds the client gone."""
    seen: list[Any] = []
    go = asyncio.Event()

    async def read() -> None:
        try:
            if not begun:
                await go.wait()
            seen.append(await current.get_data())
            seen.append(await current.body.get())
        except ClientDisconnectedError:
            seen.append("gone")

    async def view() -> Any:
        app.add_background_task(read)
        if begun:
            await asyncio.sleep(0)
        return ""

    app = make_app(view)
    async with stream(app, "POST", leaves_tasks=True) as http:
        await http.response()
        go.set()
        await settle()
        http.body(b"a", more=True)
        await settle()
        http.disconnect()
        await settle()

    assert ["gone"] == seen


@pytest.mark.parametrize("reads", [True, False])
async def test_a_receive_that_fails(reads: bool, caplog: pytest.LogCaptureFixture) -> None:
    """As that of a middleware may: whoever reads next gets the error, and no one else."""
    seen: list[str] = []

    async def view() -> Any:
        await asyncio.sleep(0.01)
        if reads:
            try:
                await current.get_data()
            except ValueError as error:
                seen.append(str(error))
        return ""

    app = make_app(view)

    async def limited(scope: Any, receive: Any, send: Any) -> None:
        async def refuse() -> Any:
            await receive()
            raise ValueError("too large")

        await app(scope, refuse, send)

    assert 200 == (await post(limited, body=b"body")).status
    gc.collect()
    assert ["too large"] * reads == seen
    assert [] == caplog.records


async def test_a_client_that_goes_is_no_error(caplog: pytest.LogCaptureFixture) -> None:
    """Nothing is logged, and no error handler is called for a handler that is cancelled."""
    handled = []

    async def view() -> Any:
        await current.get_data()

    app = make_app(view)
    app.register_error_handler(Exception, handled.append)
    async with stream(app, "POST") as http:
        http.body(b"x", more=True)
        await settle()
        http.disconnect()

    assert [] == handled
    assert [] == caplog.records


@pytest.mark.parametrize("how", ["disconnect", "error"])
async def test_a_response_that_is_given_up_is_closed(how: str) -> None:
    closed = []

    async def view() -> Any:
        response = Response("x")
        response.call_on_close(lambda: closed.append(True))
        return response

    async def after(response: Response) -> Response:
        if how == "error":
            raise ValueError
        await asyncio.sleep(10)
        return response

    app = make_app(view)
    app.after_request(after)
    async with stream(app) as http:
        http.body()
        await settle()
        http.disconnect()

    assert [True] == closed


async def gathered(*work: Any) -> None:
    await asyncio.gather(*work)


async def grouped(*work: Any) -> None:
    async with asyncio.TaskGroup() as group:
        for each in work:
            group.create_task(each)


async def first_of(*work: Any) -> None:
    tasks = [asyncio.create_task(each) for each in work]
    try:
        await asyncio.wait(tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


@pytest.mark.parametrize("together", [gathered, grouped, first_of])
@pytest.mark.parametrize("order", [1, -1])
@pytest.mark.parametrize("kind", ["request", "websocket"])
async def test_a_client_that_goes_cancels_a_handler_that_reads_in_a_task(
    kind: str, order: int, together: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """No error comes out of the tasks, for the handler or for error handlers."""
    seen: list[Any] = []

    async def send() -> None:
        while True:
            if kind == "websocket":
                await websocket.send("x")
            await asyncio.sleep(0.01)

    async def receive() -> None:
        while True:
            await (websocket.receive() if kind == "websocket" else current.get_data())

    async def view() -> None:
        try:
            await together(*[send(), receive()][::order])
        except BaseException as error:
            seen.append(type(error))
            raise

    async def torn_down(error: BaseException | None) -> None:
        seen.append(type(error))

    app = make_websocket_app(view) if kind == "websocket" else make_app(view)
    app.register_error_handler(Exception, seen.append)
    app.teardown_request(torn_down)
    app.teardown_websocket(torn_down)
    if kind == "websocket":
        async with open_websocket(app) as ws:
            await ws.accepted()
            await settle()
            ws.disconnect()
    else:
        async with stream(app, "POST") as http:
            http.body(b"x", more=True)
            await settle()
            http.disconnect()

    assert [asyncio.CancelledError] * 2 == seen
    assert [] == caplog.records


async def test_a_client_that_goes_after_a_body_that_nobody_reads() -> None:
    """An endless response ends with it; who reads the body after all is told that it is gone."""
    seen: list[Any] = []

    async def view() -> Any:
        async def events() -> AsyncIterator[ServerSentEvent]:
            try:
                while True:
                    yield ServerSentEvent("tick")
                    await asyncio.sleep(0.001)
            finally:
                seen.append("closed")

        response = sse_response(events())
        if "late" in current.args:

            async def read() -> None:
                await asyncio.sleep(0.01)
                await current.get_data()

            tasks.append(app.add_background_task(read))
        return response

    tasks: list[asyncio.Task[Any]] = []
    app = make_app(view)
    for target in ("/", "/?late"):
        async with stream(app, "POST", target, leaves_tasks=True) as http:
            for _ in range(100):
                http.body(b"x" * 10_000, more=True)
            await http.start()
            await asyncio.sleep(0.02)
            http.disconnect()

    assert ["closed"] * 2 == seen
    with pytest.raises(RuntimeError, match="was not read before its endless response"):
        await tasks[0]


@pytest.mark.parametrize("version", ["2.3", "2.5"])
async def test_a_client_that_goes_behind_messages_that_nobody_receives(
    version: str, caplog: pytest.LogCaptureFixture
) -> None:
    ended = []

    async def view() -> None:
        try:
            while True:
                await websocket.send("tick")
                await asyncio.sleep(0.001)
        finally:
            ended.append(True)

    app = make_websocket_app(view)
    async with open_websocket(app, spec_version=version) as ws:
        await ws.accepted()
        for _ in range(500):
            ws.send("x")
        await settle()
        ws.disconnect()

    assert [True] == ended
    assert 1 == caplog.text.count("of what the client sends only the first 64 messages are kept")


@pytest.mark.parametrize(
    ("config", "status"), [({"MAX_CONTENT_LENGTH": 5}, 413), ({"BODY_TIMEOUT": 0.01}, 408)]
)
async def test_a_stream_that_fails_by_the_body_that_it_reads(
    config: dict[str, Any], status: int, caplog: pytest.LogCaptureFixture
) -> None:
    """Before its first piece the client gets its answer, as from a view."""

    async def view() -> Any:
        async def echo() -> AsyncIterator[bytes]:
            yield await body

        body = current.body
        return echo()

    app = make_app(view)
    app.config.update(config)
    async with stream(app, "POST") as http:
        http.body(b"much too long", more=True)
        assert status == (await http.response()).status

    assert [] == caplog.records


# --- a client that goes: sends


@VERSIONS
@pytest.mark.parametrize("send", ["hint", "push"])
async def test_sends_of_a_request_raise(version: str, send: str) -> None:
    """Once the handler can know."""
    seen = []

    async def view() -> Any:
        while not await current.is_disconnected():
            await asyncio.sleep(0)
        try:
            if send == "hint":
                await send_early_hints("/style.css")
            else:
                await make_push_promise("/style.css")
        except ClientDisconnectedError as error:
            seen.append(error)
            raise

    extensions = ["http.response.early_hint", "http.response.push"]
    app = make_app(view, cancel_on_disconnect=False)
    async with stream(app, spec_version=version, extensions=extensions) as http:
        http.body()
        http.disconnect()

    assert 1 == len(seen)


@VERSIONS
async def test_sends_of_a_websocket_raise(version: str) -> None:
    """With the close code and the reason of the client."""
    seen = []

    async def view() -> None:
        await websocket.accept()
        while True:
            try:
                await websocket.send("x")
            except ClientDisconnectedError as error:
                seen.append((error.code, error.reason))
                raise
            await asyncio.sleep(0.001)

    app = make_websocket_app(view, cancel_on_disconnect=False)
    async with open_websocket(app, spec_version=version) as ws:
        await ws.accepted()
        ws.disconnect(4000, "enough")

    assert [(4000, "enough" if version >= "2.3" else "")] == seen


@VERSIONS
async def test_accepting_a_websocket_that_has_gone_raises(version: str) -> None:
    seen = []

    async def view() -> None:
        await asyncio.sleep(0.01)
        try:
            await websocket.accept()
        except ClientDisconnectedError as error:
            seen.append(error)
            raise

    app = make_websocket_app(view, cancel_on_disconnect=False)
    async with open_websocket(app, spec_version=version) as ws:
        ws.disconnect(1006)

    assert 1 == len(seen)


# --- a client that goes: streams


def endless(log: list[str], sync: bool) -> Any:
    async def words() -> AsyncIterator[str]:
        try:
            while True:
                yield "word"
                await asyncio.sleep(0.001)
        finally:
            log.append("closed")

    def sync_words() -> Iterator[str]:
        try:
            while True:
                yield "word"
                time.sleep(0.001)
        finally:
            log.append("closed")

    return sync_words() if sync else words()


@VERSIONS
@pytest.mark.parametrize("sync", [True, False])
@pytest.mark.parametrize("cancels", [True, False])
@pytest.mark.parametrize("paused", [True, False])
async def test_generators_are_closed_at_once(
    version: str, sync: bool, cancels: bool, paused: bool
) -> None:
    """Not when they are collected: before the application returns, whatever a send does then."""
    log: list[str] = []

    async def view() -> Any:
        return endless(log, sync)

    app = make_app(view, cancel_on_disconnect=cancels)
    async with stream(app, spec_version=version) as http:
        http.body()
        assert b"word" == await http.chunk()
        if paused:
            http.pause()
            await settle()
        http.disconnect()
        await http.finish()
        assert ["closed"] == log


async def test_a_generator_that_waits_is_closed() -> None:
    """For something other than the client."""
    log = []

    async def words() -> AsyncIterator[str]:
        try:
            yield "first"
            await asyncio.sleep(60)
        finally:
            log.append("closed")

    async def view() -> Any:
        return words()

    async with stream(make_app(view)) as http:
        http.body()
        await http.chunk()
        http.disconnect()

    assert ["closed"] == log


async def test_a_stream_reads_no_more_of_the_upload_than_a_view() -> None:
    async def view() -> Any:
        async def words() -> AsyncIterator[str]:
            for _ in range(5):
                yield "word"
                await asyncio.sleep(0.01)

        return words()

    async with stream(make_app(view), "POST") as http:
        for _ in range(1024):
            http.body(b"x" * 65536, more=True)
        assert b"word" * 5 == (await http.response()).body
        assert 16 >= http.received


# --- a client that goes: choices


@pytest.mark.parametrize("where", ["app", "route"])
@pytest.mark.parametrize("kind", ["request", "websocket"])
@pytest.mark.parametrize("cancels", [True, False])
async def test_cancel_on_disconnect(where: str, kind: str, cancels: bool) -> None:
    """The route's choice comes before the application's."""
    log = []
    gone = asyncio.Event()

    async def view() -> Any:
        try:
            await gone.wait()
            log.append("finished")
        except asyncio.CancelledError:
            log.append("cancelled")
            raise
        return None if kind == "websocket" else "late"

    options = {"cancel_on_disconnect": cancels} if where == "route" else {}
    app = (make_app if kind == "request" else make_websocket_app)(view, **options)
    app.config["CANCEL_ON_DISCONNECT"] = cancels if where == "app" else not cancels
    if kind == "request":
        http: Any = HTTP(app, http_scope("GET", "/"))
        http.feed({"type": "http.request", "body": b"", "more_body": False})
    else:
        http = open_websocket(app)
    async with http:
        await settle()
        http.disconnect()
        await settle()
        gone.set()

    assert ["cancelled" if cancels else "finished"] == log


async def test_is_disconnected_with_a_body_that_nobody_reads() -> None:
    """It looks behind no more than the read-ahead, and loses nothing of the body."""
    seen = []

    async def view() -> Any:
        seen.append(await current.is_disconnected())
        return await current.get_data()

    async with stream(make_app(view), "POST") as http:
        http.body(b"a", more=True)
        http.body(b"b")
        response = await http.response()

    assert [False] == seen
    assert b"ab" == response.body


async def test_is_disconnected_while_another_task_reads() -> None:
    """Two readers do not wait in `receive` together."""

    async def view() -> Any:
        reader = asyncio.create_task(current.get_data())
        await asyncio.sleep(0)
        gone = await current.is_disconnected()
        return [gone, (await reader).decode()]

    async with stream(make_app(view), "POST", suspends=True) as http:
        await settle()
        http.body(b"body")
        response = await http.response()

    assert [False, "body"] == response.json


@pytest.mark.skipif(sys.version_info < (3, 12), reason="eager tasks came with Python 3.12")
@pytest.mark.parametrize("waits", [True, False])
async def test_is_disconnected_in_an_eager_task(waits: bool) -> None:
    """Nothing is lost where it is asked before the handler has waited, nor where it never waits."""
    answers = []

    async def view() -> Any:
        loop = asyncio.get_running_loop()
        loop.set_task_factory(asyncio.eager_task_factory)
        try:
            asking = asyncio.create_task(current.is_disconnected())
        finally:
            loop.set_task_factory(None)
        asking.add_done_callback(lambda task: answers.append(task.result()))
        return await current.get_data() if waits else "body"

    async with stream(make_app(view), "POST", leaves_tasks=True) as http:
        if waits:
            await settle()
        http.body(b"body")
        response = await http.response()
        await settle()

    assert b"body" == response.body
    assert [False] == answers


@pytest.mark.skipif(sys.version_info < (3, 12), reason="eager tasks came with Python 3.12")
@pytest.mark.parametrize("kind", ["request", "websocket"])
async def test_a_disconnect_is_noticed_where_all_tasks_are_eager(kind: str) -> None:
    """Also behind a look-out that found its first message without waiting."""
    log = []

    async def view() -> None:
        if kind == "websocket":
            await websocket.accept()
        asyncio.get_running_loop().set_task_factory(asyncio.eager_task_factory)
        try:
            await asyncio.sleep(0.01)
            log.append(await (websocket.receive() if kind == "websocket" else current.get_data()))
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            log.append("cancelled")
            raise
        finally:
            asyncio.get_running_loop().set_task_factory(None)

    if kind == "websocket":
        async with open_websocket(make_websocket_app(view)) as ws:
            await ws.accepted()
            for _ in range(64):
                ws.send("a")
            await asyncio.sleep(0.02)
            ws.disconnect()
    else:
        async with stream(make_app(view), "POST") as http:
            for _ in range(63):
                http.body(b"a", more=True)
            http.body(b"a")
            await asyncio.sleep(0.02)
            http.disconnect()

    assert ["a" if kind == "websocket" else b"a" * 64, "cancelled"] == log


async def test_cleanup_may_wait() -> None:
    """A handler that is cancelled may still await, and so may teardown functions."""
    log = []

    async def view() -> Any:
        try:
            await asyncio.sleep(60)
        finally:
            await asyncio.sleep(0.01)
            log.append("view")

    app = make_app(view)

    @app.teardown_request
    async def teardown(error: Any) -> None:
        await asyncio.sleep(0.01)
        log.append(type(error).__name__)

    async with stream(app) as http:
        http.body()
        await settle()
        http.disconnect()

    assert ["view", "CancelledError"] == log


async def test_a_servers_cancel_on_top_of_ours_reaches_the_server() -> None:
    """It comes while a handler, whose client has gone, still cleans up."""
    cleans = asyncio.Event()

    async def view() -> Any:
        try:
            await asyncio.sleep(60)
        finally:
            cleans.set()
            await asyncio.sleep(60)

    async with stream(make_app(view)) as http:
        http.body()
        await settle()
        http.disconnect()
        await cleans.wait()
        await http.cancel()

        assert http.cancelled()


async def test_a_handler_that_swallows_its_cancellation() -> None:
    """Its answer goes nowhere, and nothing is left behind."""

    async def view() -> Any:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            return "swallowed"

    async with stream(make_app(view)) as http:
        http.body()
        await settle()
        http.disconnect()

    assert [] == http.messages


@pytest.mark.parametrize("how", ["disconnect", "cancel"])
async def test_teardown_waits_for_the_thread_of_a_sync_view(how: str) -> None:
    """Nothing is taken from under a view that cannot be stopped."""
    log = []
    begun, go = asyncio.Event(), threading.Event()
    loop = asyncio.get_running_loop()

    def view() -> Any:
        loop.call_soon_threadsafe(begun.set)
        assert go.wait(5)
        log.append("view")
        return ""

    app = make_app(view)
    app.teardown_request(lambda error: log.append("teardown"))
    async with stream(app) as http:
        http.body()
        await begun.wait()
        if how == "disconnect":
            http.disconnect()
        else:
            cancelling = asyncio.create_task(http.cancel())
        await asyncio.sleep(0.02)
        assert [] == log
        go.set()
        if how == "cancel":
            await cancelling

    assert ["view", "teardown"] == log


@pytest.mark.parametrize("how", ["disconnect", "cancel"])
async def test_what_a_sync_view_waits_for_is_cancelled(how: str) -> None:
    """The thread itself cannot be stopped, but what it waits for on the loop can."""
    log = []

    def view() -> Any:
        try:
            return current.get_data()
        except BaseException as error:
            log.append(type(error).__name__)
            raise

    app = make_app(view)
    app.teardown_request(lambda error: log.append("teardown"))
    async with stream(app, "POST") as http:
        http.body(b"x", more=True)
        await asyncio.sleep(0.05)
        if how == "disconnect":
            http.disconnect()
        else:
            await http.cancel()

    assert log[0] in ("CancelledError", "ClientDisconnectedError")
    assert ["teardown"] == log[1:]


@pytest.mark.parametrize("how", ["disconnect", "cancel"])
async def test_teardown_is_not_cut_short(how: str) -> None:
    """A disconnect does not reach it; a server's cancel ends one function, not the others."""
    log = []
    begun = asyncio.Event()

    async def view() -> Any:
        return "answer"

    app = make_app(view)
    app.teardown_appcontext(lambda error: log.append("app"))
    app.teardown_request(lambda error: log.append("last"))

    @app.teardown_request
    async def teardown(error: Any) -> None:
        begun.set()
        await asyncio.sleep(0.02)
        log.append("first")

    async with stream(app) as http:
        http.body()
        await begun.wait()
        if how == "disconnect":
            http.disconnect()
        else:
            await http.cancel()

    assert ["first", "last", "app"][how == "cancel" :] == log


async def test_teardown_after_a_stream_is_not_cut_short() -> None:
    """Neither by a client that goes, where the stream has failed."""
    log = []
    begun = asyncio.Event()

    async def view() -> Any:
        response = Response(stream_with_context(failing(sync=True, first="first")))
        response.timeout = None
        return response

    app = make_app(view)

    @app.teardown_request
    async def teardown(error: Any) -> None:
        begun.set()
        await asyncio.sleep(0.02)
        log.append(current.path)

    async with stream(app, raises=LookupError, aborts=True) as http:
        http.body()
        await begun.wait()
        http.disconnect()

    assert ["/"] == log


# --- a server that gives up


async def waits() -> Any:
    await asyncio.sleep(60)


async def streams() -> Any:
    return endless([], sync=False)


async def streams_in_a_thread() -> Any:
    return endless([], sync=True)


def sync_view() -> Any:
    time.sleep(0.05)
    return ""


@pytest.mark.parametrize(
    "view", [waits, read_data, read_form, streams, streams_in_a_thread, sync_view]
)
@pytest.mark.parametrize("paused", [True, False])
async def test_a_servers_cancel_leaves_nothing(view: Any, paused: bool) -> None:
    """No task, wherever the request stands; the teardown runs."""
    log = []
    begun = asyncio.Event()
    app = make_app(view)

    @app.before_request
    async def note() -> None:
        begun.set()

    app.teardown_request(lambda error: log.append("teardown"))
    async with stream(app, "POST") as http:
        http.body(b"x", more=view in (read_data, read_form))
        if paused:
            http.pause()
        await begun.wait()
        await asyncio.sleep(0.01)
        await http.cancel()

    assert ["teardown"] == log


async def receives() -> None:
    await websocket.receive()


async def iterates() -> None:
    async for _ in websocket:
        pass


async def sends() -> None:
    while True:
        await websocket.send("x")
        await asyncio.sleep(0)


@pytest.mark.parametrize("view", [waits, receives, iterates, sends])
async def test_a_servers_cancel_of_a_websocket_leaves_nothing(view: Any) -> None:
    log = []
    app = make_websocket_app(view)
    app.teardown_websocket(lambda error: log.append(type(error).__name__))
    async with open_websocket(app) as ws:
        await asyncio.sleep(0.01)
        await ws.cancel()

    assert ["CancelledError"] == log


# --- what is left


async def waits_a_turn() -> Any:
    await asyncio.sleep(0)
    return ""


async def waits_longer() -> Any:
    await asyncio.sleep(0.001)
    return ""


async def streams_and_ends() -> Any:
    return numbers()


async def accepts() -> None:
    await websocket.accept()
    await asyncio.sleep(0)


@pytest.mark.parametrize("view", [waits_a_turn, waits_longer, streams_and_ends, accepts])
async def test_nothing_is_left_for_the_garbage_collector(view: Any) -> None:
    """A request or websocket that has ended is gone at once."""
    seen = []

    async def noting() -> Any:
        connection: Any = websocket if view is accepts else current
        seen.append(weakref.ref(connection._get_current_object()))
        return await view()

    app = make_websocket_app(noting) if view is accepts else make_app(noting)
    gc.collect()
    gc.disable()
    try:
        if view is accepts:
            async with open_websocket(app) as ws:
                await ws.closed()
            del ws
        else:
            await get(app)
        assert [None] == [reference() for reference in seen]
    finally:
        gc.enable()


# --- with real servers

SITE = """
import asyncio
from quart import Quart, Response

app = Quart(__name__)
app.config["RESPONSE_TIMEOUT"] = 0.3


async def words(number):
    for _ in range(number):
        yield "word"
        await asyncio.sleep(0.01)
    await asyncio.sleep(0.2 if number == 3 else 60)


@app.get("/cut")
async def cut():
    return words(5)


@app.get("/cut-announced")
async def cut_announced():
    response = Response(words(5))
    response.content_length = 1000
    return response


@app.get("/fails")
async def fails():
    async def broken():
        yield "word"
        await asyncio.sleep(0.01)
        raise ValueError

    return broken()


@app.get("/never")
async def never():
    return words(0)


@app.get("/whole")
async def whole():
    return words(3)
"""


def ask(port: int, path: str) -> bytes:
    """All that a server sends over a connection, until it closes it."""
    with socket.create_connection(("127.0.0.1", port), 10) as connection:
        connection.sendall(
            f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode()
        )
        answer = b""
        while data := connection.recv(65536):
            answer += data
        return answer


@pytest.mark.parametrize("server", ["uvicorn", "hypercorn"])
async def test_real_servers_tell_half_an_answer_from_a_whole_one(
    server: str, tmp_path: Path
) -> None:
    """Without the last chunk, or the announced length, a client knows."""
    pytest.importorskip(server)
    (tmp_path / "site_of_slow_answers.py").write_text(SITE)
    port = free_port()
    where = ["--bind", f"127.0.0.1:{port}"] if server == "hypercorn" else ["--port", str(port)]
    with running(port, "-m", server, "site_of_slow_answers:app", *where, cwd=tmp_path) as process:
        paths = ["/whole", "/cut", "/cut-announced", "/fails", "/never"]
        answers = await asyncio.gather(*(asyncio.to_thread(ask, port, path) for path in paths))
        whole, cut, announced, fails, never = answers

        assert whole.endswith(b"\r\n0\r\n\r\n")
        for answer in (cut, fails):
            assert answer.startswith(b"HTTP/1.1 200")
            assert answer.endswith(b"4\r\nword\r\n")
        assert announced.endswith(b"\r\n\r\n" + b"word" * 5)
        assert never.startswith(b"HTTP/1.1 500")
        assert 3 == process.said().count("took longer than its timeout of 0.3 s and was cut off")


@pytest.mark.parametrize("ends", ["client", "timeout", "default timeout"])
@pytest.mark.parametrize("streams", [False, True])
async def test_nothing_interrupts_what_is_called_on_close(streams: bool, ends: str) -> None:
    """The client, who has its response, and the time to send it are done with then."""
    closed: list[Any] = []
    app = Quart(__name__)
    if ends == "default timeout":
        app.config["RESPONSE_TIMEOUT"] = 0.1

    @app.get("/")
    async def view() -> Response:
        async def pieces() -> AsyncIterator[bytes]:
            yield b"a"

        body = stream_with_context(pieces()) if streams else "a"
        response = await make_response(body)
        if ends == "timeout":
            response.timeout = 0.1

        @response.call_on_close
        async def close() -> None:
            # Longer than the last message may take, once the client has gone.
            await asyncio.sleep(0.7 if ends == "client" else 0.3)
            closed.append(True)

        return response

    async with stream(app) as http:
        await http.response()
        if ends == "client":
            http.disconnect()

    assert [True] == closed


@pytest.mark.parametrize("ends", ["cancellation", "error"])
async def test_a_response_that_is_given_up_in_the_teardown_is_closed(ends: str) -> None:
    closed: list[Any] = []
    app = Quart(__name__)
    app.config["PROPAGATE_EXCEPTIONS"] = True
    tearing_down = asyncio.Event()

    @app.get("/")
    async def view() -> Response:
        response = Response("a")
        response.call_on_close(lambda: closed.append(True))
        return response

    @app.teardown_request
    async def teardown(error: BaseException | None) -> None:
        tearing_down.set()
        if ends == "error":
            raise ValueError("teardown")
        await asyncio.sleep(20)

    raises = asyncio.CancelledError if ends == "cancellation" else ExceptionGroup
    async with stream(app, raises=raises) as http:
        http.body(b"")
        await tearing_down.wait()
        if ends == "cancellation":
            await http.cancel()

    assert [True] == closed
