"""The pools of threads: who is killed takes no job along, and what must be called is called."""

import asyncio
import ctypes
import os
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any
from weakref import WeakSet

import pytest
from asgi import get, settle, stream

from quart import Quart, signals, workers
from quart.threads import Pool, certainly, off_loop, parse_off_loop
from quart.workers import run_sync, run_sync_iterable

NO_THREAD = repr(RuntimeError("can't start new thread"))
NAMES = ("quart-worker", "quart-file", "quart-parser")


killed: WeakSet[threading.Thread] = WeakSet()


def kill(threads: Iterable[threading.Thread]) -> None:
    """Raise SystemExit in threads, as some test runners do in all."""
    for thread in threads:
        killed.add(thread)
        ctypes.pythonapi.PyThreadState_SetAsyncExc(
            ctypes.c_ulong(thread.ident or 0), ctypes.py_object(SystemExit)
        )


def kill_once(threads: Iterable[threading.Thread]) -> None:
    """The same, of those that were not killed before: the first exception may be ending them."""
    kill(set(threads) - set(killed))


def pool_threads() -> set[threading.Thread]:
    threads = threading.enumerate()
    return {thread for thread in threads if thread.name in NAMES and thread.ident is not None}


async def in_worker(func: Callable[[], Any]) -> Any:
    return await run_sync(func)()


async def iterated(func: Callable[[], Any]) -> Any:
    def items() -> Iterator[Any]:
        yield func()

    return await anext(run_sync_iterable(items()))


DOORS: Any = pytest.mark.parametrize("door", [in_worker, iterated, off_loop, parse_off_loop])


@DOORS
async def test_an_idle_thread_that_is_killed_takes_no_job_with_it(door: Any) -> None:
    """The exception arrives when a job wakes the thread. Another thread runs the job."""
    for _ in range(20):
        await asyncio.gather(*[door(lambda: time.sleep(0.001)) for _ in range(3)])
        kill_once(pool_threads())
        async with asyncio.timeout(5):
            assert [1] * 5 == await asyncio.gather(*[door(lambda: 1) for _ in range(5)])


@DOORS
async def test_a_thread_that_is_killed_at_work_fails_its_call(door: Any) -> None:
    begun = threading.Event()

    def work() -> None:
        begun.set()
        while True:
            time.sleep(0.001)

    async def call() -> None:
        with pytest.raises(SystemExit):
            await door(work)

    task = asyncio.create_task(call())
    before = pool_threads()
    while not begun.is_set():
        await asyncio.sleep(0.001)
    kill([thread for thread in pool_threads() | before if _runs(thread, work)])
    await asyncio.wait_for(task, 5)

    assert 1 == await asyncio.wait_for(door(lambda: 1), 5)


def _runs(thread: threading.Thread, func: Any) -> bool:
    frame = sys._current_frames().get(thread.ident or 0)
    while frame is not None:
        if frame.f_code is func.__code__:
            return True
        frame = frame.f_back
    return False


async def test_threads_that_are_killed_at_any_time_leave_nobody_waiting(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A call gives its result or an error, wherever its thread is hit."""
    monkeypatch.setattr(workers, "_workers", Pool("quart-worker", 4))
    over = threading.Event()

    def keep_killing() -> None:
        while not over.wait(0.0005):
            kill_once(pool_threads())

    async def call(number: int) -> str:
        try:
            return "result" if number == await run_sync(lambda: number)() else "another's"
        except (SystemExit, RuntimeError):
            return "error"

    killer = threading.Thread(target=keep_killing)
    killer.start()
    try:
        results = []
        async with asyncio.timeout(20):
            for number in range(100):
                results += await asyncio.gather(*[call(number) for _ in range(8)])
    finally:
        over.set()
        killer.join()

    assert {"result"} <= set(results) <= {"result", "error"}
    pool: Any = workers._workers
    await asyncio.sleep(0.01)
    assert not pool._unfinished
    assert not pool._waiting


async def test_a_thread_that_dies_before_it_begins_is_not_counted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(workers, "_workers", Pool("quart-worker", 1))
    with monkeypatch.context() as patched:
        patched.setattr(Pool, "_work", lambda pool: None)
        lost = asyncio.create_task(run_sync(lambda: "first")())
        await asyncio.sleep(0.05)

    assert "second" == await asyncio.wait_for(run_sync(lambda: "second")(), 5)
    assert "first" == await asyncio.wait_for(lost, 5)


async def test_jobs_whose_last_thread_dies_fail_if_the_system_gives_no_other(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """They do not wait for a thread that nobody starts. Later ones are run again."""
    monkeypatch.setattr(workers, "_workers", Pool("quart-worker", 1))
    begun = threading.Event()

    def work() -> None:
        begun.set()
        while True:
            time.sleep(0.001)

    async def call(func: Callable[[], Any]) -> str:
        try:
            return str(await run_sync(func)())
        except (SystemExit, RuntimeError) as error:
            return repr(error)

    running = asyncio.create_task(call(work))
    while not begun.is_set():
        await asyncio.sleep(0.001)
    waiting = asyncio.create_task(call(lambda: "second"))
    await asyncio.sleep(0.01)
    with monkeypatch.context() as patched:

        def refuse(thread: threading.Thread) -> None:
            raise RuntimeError("can't start new thread")

        patched.setattr(threading.Thread, "start", refuse)
        # The first ends what runs, and the second the thread, which has gone back to wait.
        kill(thread for thread in pool_threads() if _runs(thread, work))
        assert "SystemExit()" == await asyncio.wait_for(running, 5)
        assert "second" == await asyncio.wait_for(waiting, 5)
        kill(pool_threads())
        results = [asyncio.create_task(call(lambda: "third")) for _ in range(2)]
        for result in results:
            assert NO_THREAD == await asyncio.wait_for(result, 5)

    assert "fourth" == await asyncio.wait_for(call(lambda: "fourth"), 5)


def test_the_pools_outlive_event_loops() -> None:
    """A job that outlives its loop does not harm the next one's."""

    async def leave() -> None:
        for _ in range(3):
            asyncio.get_running_loop().create_task(run_sync(time.sleep)(0.05))
            await asyncio.sleep(0.01)

    for _ in range(3):
        loop = asyncio.new_event_loop()
        loop.run_until_complete(leave())
        left = asyncio.all_tasks(loop)
        loop.close()
        for task in left:
            task._log_destroy_pending = False  # type: ignore[attr-defined]

    assert 1 == asyncio.run(in_worker(lambda: 1))
    time.sleep(0.1)  # until the threads have told the loops that are closed


async def test_long_parsing_keeps_no_file_waiting() -> None:
    release = threading.Event()
    parsing = [asyncio.create_task(parse_off_loop(release.wait, 10)) for _ in range(20)]
    await asyncio.sleep(0.01)
    try:
        assert 1 == await asyncio.wait_for(off_loop(lambda: 1), 5)
    finally:
        release.set()
    await asyncio.gather(*parsing)


async def test_sync_generators_take_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    """A visit of a thread to one of them ends after 20 ms, however many items it still may make."""
    monkeypatch.setattr(workers, "_workers", Pool("quart-worker", 1))

    def items() -> Iterator[bytes]:
        for _ in range(2000):
            time.sleep(0.01)
            yield b"x"

    iterator: Any = run_sync_iterable(items())
    await anext(iterator)
    begin = time.monotonic()
    assert 1 == await run_sync(lambda: 1)()
    assert 2 > time.monotonic() - begin  # a visit for 256 items takes 2.6
    await iterator.aclose()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there are no forks")
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*:DeprecationWarning")
@DOORS
def test_a_forked_child_has_threads_of_its_own(door: Any) -> None:
    """Those of its parent, which it counts as gone, are busy or idle there."""
    assert 1 == asyncio.run(asyncio.wait_for(door(lambda: 1), 5))
    child = os.fork()
    if child == 0:
        try:
            result = asyncio.run(asyncio.wait_for(door(lambda: 1), 5))
        except BaseException:
            result = 0
        os._exit(0 if result == 1 else 1)

    assert 0 == os.waitpid(child, 0)[1]
    assert 1 == asyncio.run(asyncio.wait_for(door(lambda: 1), 5))


# What must be called


@pytest.fixture
def one_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workers, "_workers", Pool("quart-worker", 1))


@pytest.mark.usefixtures("one_thread")
@pytest.mark.parametrize("kind", ["request", "appcontext"])
async def test_a_teardown_function_that_waits_for_a_thread_survives_the_servers_cancel(
    kind: str,
) -> None:
    app, release, calls = Quart(__name__), threading.Event(), []

    @app.get("/")
    async def view() -> str:
        return ""

    @getattr(app, f"teardown_{kind}")
    def first(error: Any) -> None:
        calls.append("first")

    @getattr(app, f"teardown_{kind}")
    def second(error: Any) -> None:
        calls.append("second")
        raise ValueError("of the second")

    busy = asyncio.create_task(run_sync(release.wait)(10))
    await asyncio.sleep(0.01)
    async with stream(app) as http:
        http.body()
        await settle()
        ending = asyncio.create_task(http.cancel())
        await settle()
        assert [] == calls
        release.set()
        await ending
    await busy

    assert ["second", "first"] == calls


@pytest.mark.usefixtures("one_thread")
@pytest.mark.parametrize(
    "name", ["request_tearing_down", "appcontext_tearing_down", "appcontext_popped"]
)
async def test_a_receiver_of_the_teardown_survives_the_servers_cancel(name: str) -> None:
    """As a teardown function does, and one that fails keeps no other from being called."""
    app, release, calls = Quart(__name__), threading.Event(), []

    @app.get("/")
    async def view() -> str:
        return ""

    def receive(sender: Any, **kwargs: Any) -> None:
        calls.append("called")
        raise ValueError("of a receiver")

    def also(sender: Any, **kwargs: Any) -> None:
        receive(sender)

    for each in (receive, also):
        getattr(signals, name).connect(each, app)
    busy = asyncio.create_task(run_sync(release.wait)(10))
    await asyncio.sleep(0.01)
    async with stream(app) as http:
        http.body()
        await settle()
        ending = asyncio.create_task(http.cancel())
        await settle()
        assert [] == calls
        release.set()
        await ending
    await busy

    assert ["called", "called"] == calls


@pytest.mark.usefixtures("one_thread")
async def test_a_closer_that_waits_for_a_thread_survives_a_cancellation() -> None:
    release, closed = threading.Event(), []

    class Items:
        def __iter__(self) -> Iterator[int]:
            return iter([1])

        def close(self) -> None:
            closed.append(True)

    iterator: Any = run_sync_iterable(Items())
    busy = asyncio.create_task(run_sync(release.wait)(10))
    closing = asyncio.create_task(iterator.aclose())
    await asyncio.sleep(0.01)
    closing.cancel()
    await asyncio.sleep(0.01)
    release.set()
    with pytest.raises(asyncio.CancelledError):
        await closing
    await busy

    assert [True] == closed


@pytest.mark.usefixtures("one_thread")
async def test_a_teardown_function_waits_for_a_thread_that_the_system_does_not_give(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    app, calls = Quart(__name__), []

    @app.get("/")
    async def view() -> str:
        return "answered"

    @app.teardown_request
    def teardown(error: Any) -> None:
        calls.append(error)

    start, refused = threading.Thread.start, []

    def refuse(thread: threading.Thread) -> None:
        if thread.name == "quart-worker" and not refused:
            refused.append(thread)
            raise RuntimeError("can't start new thread")
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", refuse)

    assert "answered" == (await get(app)).text
    assert [None] == calls
    assert refused


async def test_an_error_after_a_cancellation_is_kept_beside_it() -> None:
    attempts = 0

    async def in_thread(func: Any) -> Any:
        nonlocal attempts
        attempts += 1
        if attempts == 1:
            raise asyncio.CancelledError
        return func()

    def fail() -> None:
        raise ValueError

    with pytest.raises(BaseExceptionGroup) as caught:
        await certainly(in_thread, fail)

    assert [ValueError, asyncio.CancelledError] == [type(e) for e in caught.value.exceptions]
