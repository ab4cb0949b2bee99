"""From sync code to async and back, and the small tools beside that."""

import asyncio
import functools
import gc
import os
import signal
import subprocess
import sys
import threading
import time
import types
import weakref
from collections.abc import AsyncIterator, Iterator
from contextvars import ContextVar, copy_context
from pathlib import Path
from typing import Any
from unittest.mock import AsyncMock, MagicMock, patch

import pytest
from werkzeug.datastructures import Headers

from quart import utils, workers
from quart.threads import Pool
from quart.utils import (
    MustReloadError,
    cancel_tasks,
    decode_headers,
    encode_headers,
    file_path_to_path,
    is_coroutine_callable,
    observe_changes,
    raise_task_exceptions,
    run_sync,
    run_sync_iterable,
)
from quart.workers import async_to_sync, awaited_or_blocking, wait_in_thread

variable: ContextVar[str] = ContextVar("variable")


# run_sync


async def test_run_sync_calls_in_another_thread() -> None:
    """The arguments go there and the value comes back."""

    def work(*args: int, **kwargs: int) -> tuple[Any, ...]:
        return threading.current_thread(), args, kwargs

    thread, args, kwargs = await run_sync(work)(1, 2, three=3)

    assert threading.current_thread() is not thread
    assert thread.daemon
    assert ((1, 2), {"three": 3}) == (args, kwargs)


async def test_run_sync_keeps_the_face_of_the_function() -> None:
    """Name, docstring and the marker that extensions look for."""

    def work() -> None:
        """Work."""

    wrapped = run_sync(work)

    assert ("work", "Work.", True) == (
        wrapped.__name__,
        wrapped.__doc__,
        wrapped._quart_async_wrapper,  # type: ignore[attr-defined]
    )


async def test_context_variables_go_there_and_come_back() -> None:
    """What was set before is seen in the thread, and what the thread sets is seen afterwards."""
    variable.set("before")
    seen = []

    def work() -> None:
        seen.append(variable.get())
        variable.set("after")

    await run_sync(work)()

    assert ["before"] == seen
    assert "after" == variable.get()


async def test_context_variables_come_back_from_a_function_that_fails() -> None:
    def work() -> None:
        variable.set("set")
        raise KeyError("gone")

    with pytest.raises(KeyError, match="gone"):
        await run_sync(work)()

    assert "set" == variable.get()


async def test_context_variables_of_two_tasks_stay_apart() -> None:
    def work(value: str) -> str:
        variable.set(value)
        time.sleep(0.01)
        return variable.get()

    async def task(value: str) -> str:
        assert value == await run_sync(work)(value)
        return variable.get()

    assert ["a", "b", "c"] == await asyncio.gather(task("a"), task("b"), task("c"))
    assert "none" == variable.get("none")


async def test_stop_iteration_becomes_a_runtime_error() -> None:
    """It must neither hang nor end something else."""

    def work() -> None:
        next(iter(()))

    with pytest.raises(RuntimeError, match="StopIteration") as caught:
        await run_sync(work)()

    assert isinstance(caught.value.__cause__, StopIteration)


@pytest.mark.parametrize("error", [SystemExit(3), KeyboardInterrupt()])
async def test_a_base_exception_comes_back(error: BaseException) -> None:
    """It does not end the thread, nor is it lost."""

    def work() -> None:
        raise error

    with pytest.raises(type(error)):
        await run_sync(work)()

    assert 1 == await run_sync(lambda: 1)()


async def test_a_cancellation_waits_for_the_end_of_the_thread() -> None:
    """Nothing is torn down while the function still runs, however often it is cancelled."""
    events = []
    started, release = threading.Event(), threading.Event()

    def work() -> None:
        started.set()
        release.wait(5)
        events.append("function")

    async def caller() -> None:
        try:
            await run_sync(work)()
        finally:
            events.append("teardown")

    task = asyncio.create_task(caller())
    while not started.is_set():
        await asyncio.sleep(0.001)
    for _ in range(3):
        task.cancel()
        await asyncio.sleep(0.01)
    assert [] == events
    release.set()
    with pytest.raises(asyncio.CancelledError):
        await task

    assert ["function", "teardown"] == events


async def test_a_call_that_waits_for_a_thread_is_given_up_at_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """With all threads busy, a cancelled call neither waits nor runs later."""
    monkeypatch.setattr(workers, "_workers", Pool("quart-worker", 1))
    release = threading.Event()
    ran = []
    blocker = asyncio.create_task(run_sync(release.wait)(5))
    await asyncio.sleep(0.01)
    waiting = asyncio.create_task(run_sync(ran.append)("waiting"))
    await asyncio.sleep(0.01)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(waiting, 1)
    release.set()
    await blocker
    await run_sync(ran.append)("next")

    assert ["next"] == ran


async def test_a_cancellation_in_the_last_moment() -> None:
    """A task cancelled while the thread's report is on its way ends, at whatever point."""
    for turns in range(30):
        task = asyncio.create_task(run_sync(time.sleep)(0))
        for _ in range(turns):
            await asyncio.sleep(0)
        task.cancel()
        (result,) = await asyncio.wait_for(asyncio.gather(task, return_exceptions=True), 5)
        assert result is None or isinstance(result, asyncio.CancelledError)


def test_an_error_after_the_cancellation_is_reported() -> None:
    """Nobody awaits it any more, so it goes where lost errors go."""
    lost: list[dict[str, Any]] = []
    started = threading.Event()

    def work() -> None:
        started.set()
        time.sleep(0.05)
        raise KeyError("late")

    async def main() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda _, context: lost.append(context))
        task = asyncio.create_task(run_sync(work)())
        while not started.is_set():
            await asyncio.sleep(0.001)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())

    assert ["KeyError('late')"] == [repr(context["exception"]) for context in lost]


async def test_many_calls_at_once_have_threads_of_their_own() -> None:
    """As many as the limit allows run side by side."""
    barrier = threading.Barrier(20)

    await asyncio.gather(*[run_sync(barrier.wait)(5) for _ in range(20)])


def _give_threads(monkeypatch: pytest.MonkeyPatch, most: int) -> None:
    """Let the system give so many more worker threads, as a limit of a container does."""
    start = threading.Thread.start

    def limited(thread: threading.Thread) -> None:
        nonlocal most
        if thread.name == "quart-worker":
            if not most:
                raise RuntimeError("can't start new thread")
            most -= 1
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", limited)


async def test_the_system_gives_no_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    """The call raises and does not happen. Later ones do, once there are threads again."""
    monkeypatch.setattr(workers, "_workers", Pool("quart-worker", 40))
    called: list[int] = []
    with monkeypatch.context() as patched:
        _give_threads(patched, 0)
        for number in range(workers.WORKER_THREADS + 1):
            with pytest.raises(RuntimeError, match="can't start new thread"):
                await run_sync(called.append)(number)
            with pytest.raises(RuntimeError, match="can't start new thread"):
                await anext(run_sync_iterable(iter([number])))
    await asyncio.wait_for(run_sync(called.append)(-1), 5)

    assert [-1] == called


@pytest.mark.parametrize("pause", [0, 0.1])
async def test_the_system_gives_one_thread(pause: float, monkeypatch: pytest.MonkeyPatch) -> None:
    """It does all the work; only what would need a second one for its own end raises.

    The event loop may run a coroutine before the thread goes on that handed it over.
    """
    monkeypatch.setattr(workers, "_workers", Pool("quart-worker", 40))
    _give_threads(monkeypatch, 1)
    hand_over = asyncio.run_coroutine_threadsafe

    def hand_over_and_pause(*args: Any) -> Any:
        future = hand_over(*args)
        time.sleep(pause)
        return future

    monkeypatch.setattr(asyncio, "run_coroutine_threadsafe", hand_over_and_pause)

    async def work(kind: str) -> Any:
        if kind == "plain":
            return await run_sync(lambda: 1)()
        if kind == "waits for the loop":
            return await run_sync(lambda: double(1))()
        return await run_sync(lambda: calls_back())()

    @awaited_or_blocking
    async def calls_back() -> Any:
        return await run_sync(lambda: 1)()

    kinds = ["plain", "waits for the loop", "plain"]
    assert [1, 2, 1] == await asyncio.wait_for(asyncio.gather(*map(work, kinds)), 5)
    with pytest.raises(RuntimeError, match="can't start new thread"):
        await asyncio.wait_for(work("waits for a thread"), 5)
    assert 1 == await asyncio.wait_for(work("plain"), 5)


async def test_nothing_of_a_call_lives_on_in_its_thread() -> None:
    class Thing:
        pass

    thing = Thing()
    reference = weakref.ref(thing)
    await run_sync(lambda thing: None)(thing)
    del thing
    await run_sync(lambda: None)()
    gc.collect()

    assert reference() is None


async def test_a_coroutine_from_a_sync_function_is_awaited() -> None:
    """As of a decorator that is itself a plain function."""

    async def view() -> str:
        return f"{variable.get()} on {threading.current_thread().name}"

    variable.set("on the loop")

    assert "on the loop on MainThread" == await run_sync(lambda: view())()


def test_calls_from_several_loops_share_the_threads() -> None:
    """A process may run loops one after the other, and several at a time."""
    results = []

    def loop() -> None:
        async def main() -> None:
            results.append(await run_sync(lambda: 1)())

        asyncio.run(main())

    threads = [threading.Thread(target=loop) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(5)

    assert [1] * 4 == results


@pytest.mark.skipif(not hasattr(os, "fork"), reason="fork is POSIX")
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*:DeprecationWarning")
def test_a_forked_child_has_threads_of_its_own() -> None:
    async def main() -> int:
        result: int = await asyncio.wait_for(run_sync(lambda: 7)(), 5)
        return result

    assert 7 == asyncio.run(main())
    child = os.fork()
    if not child:
        code = 1
        try:
            code = asyncio.run(main())
        finally:
            os._exit(code)
    _, status = os.waitpid(child, 0)

    assert 7 == os.waitstatus_to_exitcode(status)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="fork is POSIX")
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*:DeprecationWarning")
async def test_a_child_forked_by_sync_code_waits_for_no_loop() -> None:
    """The loop that waited for the thread is the parent's."""

    async def seven() -> int:
        return 7

    def fork() -> int:
        child = os.fork()
        if not child:
            code = 1
            try:
                code = async_to_sync(seven)()
            finally:
                os._exit(code)
        deadline = time.monotonic() + 5
        while time.monotonic() < deadline:
            ended, status = os.waitpid(child, os.WNOHANG)
            if ended:
                return os.waitstatus_to_exitcode(status)
            time.sleep(0.01)
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        return -1

    assert 7 == await run_sync(fork)()


# Generators


async def test_a_generator_becomes_an_async_iterator() -> None:
    def count(to: int) -> Iterator[int]:
        yield from range(to)

    result = await run_sync(count)(3)

    assert isinstance(result, AsyncIterator)
    assert [0, 1, 2] == [item async for item in result]


async def test_items_are_made_in_a_thread_within_one_context() -> None:
    """The context is the one the iterator was made in, and goes on from item to item."""

    def items() -> Iterator[tuple[str, bool]]:
        for number in range(600):  # more than one visit of a thread
            yield variable.get(), threading.current_thread() is threading.main_thread()
            variable.set(f"item {number}")

    variable.set("outside")
    seen = [item async for item in run_sync_iterable(items())]

    assert [("outside", False), ("item 0", False)] == seen[:2]
    assert ("item 598", False) == seen[599]
    assert "outside" == variable.get()


async def test_an_item_does_not_wait_for_the_next() -> None:
    """Each can be taken as soon as it is there."""
    release = threading.Event()

    def items() -> Iterator[str]:
        yield "first"
        release.wait(5)
        yield "second"

    iterator = run_sync_iterable(items())

    assert "first" == await asyncio.wait_for(anext(iterator), 2)
    release.set()
    assert "second" == await anext(iterator)


async def test_a_slow_reader_bounds_what_is_made() -> None:
    """An iterator without end is not run ahead of its reader without end."""
    made = 0

    def items() -> Iterator[bytes]:
        nonlocal made
        while True:
            made += 1
            yield b"x" * 1000

    iterator: Any = run_sync_iterable(items())
    await anext(iterator)
    await asyncio.sleep(0.05)

    assert 70 >= made
    await iterator.aclose()


async def test_items_before_an_error_arrive() -> None:
    """The error comes where it was raised; after it there is nothing."""

    def items() -> Iterator[int]:
        yield 1
        yield 2
        raise KeyError("three")

    iterator = run_sync_iterable(items())

    assert [1, 2] == [await anext(iterator), await anext(iterator)]
    with pytest.raises(KeyError, match="three"):
        await anext(iterator)
    with pytest.raises(StopAsyncIteration):
        await anext(iterator)


async def test_any_iterator_is_taken() -> None:
    assert ["1", "2"] == [item async for item in run_sync_iterable(map(str, [1, 2]))]


async def test_closing_ends_the_generator() -> None:
    """Its ``finally`` runs, in a thread, also while it is making an item."""
    events: list[Any] = []

    def items() -> Iterator[int]:
        try:
            yield 1
            time.sleep(0.05)
            yield 2
        finally:
            events.append(threading.current_thread() is threading.main_thread())

    iterator: Any = run_sync_iterable(items())
    await anext(iterator)
    await iterator.aclose()
    await iterator.aclose()

    assert [False] == events
    with pytest.raises(StopAsyncIteration):
        await anext(iterator)


async def test_closing_before_the_first_item() -> None:
    def items() -> Iterator[int]:
        yield 1

    iterator: Any = run_sync_iterable(items())
    await iterator.aclose()

    with pytest.raises(StopAsyncIteration):
        await anext(iterator)


async def test_closing_while_cancelled_waits_for_the_thread() -> None:
    events = []
    entered = threading.Event()

    def items() -> Iterator[int]:
        try:
            entered.set()
            time.sleep(0.1)
            yield 1
        finally:
            events.append("generator")

    async def read() -> None:
        iterator: Any = run_sync_iterable(items())
        try:
            await anext(iterator)
        finally:
            await iterator.aclose()
            events.append("reader")

    task = asyncio.create_task(read())
    while not entered.is_set():
        await asyncio.sleep(0.001)
    task.cancel()
    await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    assert ["generator"] == events


async def test_many_short_items_are_cheap() -> None:
    """Two thousand take a few visits of a thread, not one each."""
    visits = 0
    context: Any = None

    class Counting(workers._ThreadIterator[int]):
        MOST_TIME = 5

        def _make_items(self) -> None:
            nonlocal visits
            visits += 1
            super()._make_items()

    assert list(range(2000)) == [item async for item in Counting(iter(range(2000)))]
    assert 50 > visits
    assert context is None


# Sync code that calls async code


@awaited_or_blocking
async def double(number: int) -> int:
    """Twice a number."""
    await asyncio.sleep(0)
    return 2 * number


async def test_an_async_function_gives_its_result_in_a_thread() -> None:
    """And an awaitable on the loop."""
    assert 4 == await double(2)
    assert 4 == await run_sync(lambda: double(2))()


async def test_an_async_function_raises_in_a_thread() -> None:
    @awaited_or_blocking
    async def fail() -> None:
        raise KeyError("there")

    def work() -> str:
        try:
            fail()  # type: ignore[unused-coroutine]
        except KeyError as error:
            return f"caught {error}"
        return "nothing"

    assert "caught 'there'" == await run_sync(work)()


async def test_what_a_thread_waits_for_sees_its_context() -> None:
    @awaited_or_blocking
    async def read() -> str:
        return f"{variable.get()} {threading.current_thread() is threading.main_thread()}"

    def work() -> Any:
        variable.set("from the thread")
        return read()

    assert "from the thread True" == await run_sync(work)()


async def test_threads_that_wait_for_the_loop_leave_their_place(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What they wait for may need a thread itself, and there is always one."""
    before = threading.active_count()
    monkeypatch.setattr(workers, "_workers", Pool("quart-worker", 2))

    @awaited_or_blocking
    async def outer(depth: int) -> int:
        await asyncio.sleep(0.001)
        return int(await run_sync(work)(depth - 1)) if depth else 0

    def work(depth: int) -> Any:
        return 1 + outer(depth)  # type: ignore[operator]

    results = await asyncio.wait_for(asyncio.gather(*[run_sync(work)(3) for _ in range(10)]), 10)

    assert [4] * 10 == results
    await asyncio.sleep(0.05)
    assert 2 >= threading.active_count() - before


async def test_a_generator_in_a_thread_waits_too() -> None:
    def items() -> Iterator[Any]:
        yield double(1)
        yield double(2)

    assert [2, 4] == [item async for item in run_sync_iterable(items())]


async def test_a_loop_within_a_thread_is_a_loop() -> None:
    """Code in it gets awaitables, as on any other."""

    async def main() -> int:
        return await double(3)

    assert 6 == await run_sync(lambda: asyncio.run(main()))()


async def test_wait_in_thread_leaves_a_coroutine_alone_on_the_loop() -> None:
    coroutine = double(1)

    assert wait_in_thread(coroutine) is coroutine
    assert 2 == await coroutine


def test_it_is_still_seen_as_an_async_function() -> None:
    """By our own check, by asyncio's, and so by mock, which makes an AsyncMock of it."""
    assert is_coroutine_callable(double)
    assert ("double", "Twice a number.") == (double.__name__, double.__doc__)
    with pytest.MonkeyPatch.context() as monkeypatch:
        module = types.ModuleType("module")
        module.double = double  # type: ignore[attr-defined]
        monkeypatch.setitem(sys.modules, "module", module)
        with patch("module.double") as mocked:
            assert isinstance(mocked, AsyncMock)


async def shout(word: str, *, times: int = 1) -> str:
    """A loud word."""
    await asyncio.sleep(0)
    heard = variable.get("nothing")
    variable.set(word)
    if word == "fail":
        raise KeyError(heard)
    return f"{heard}, {word.upper() * times}"


class Shout:
    async def __call__(self, word: str, *, times: int = 1) -> str:
        return await shout(word, times=times)


@pytest.mark.parametrize(
    "func",
    [shout, Shout(), functools.partial(shout), awaited_or_blocking(shout)],
    ids=["function", "object", "partial", "waiting"],
)
@pytest.mark.parametrize("place", ["a worker thread", "a thread", "no thread"])
def test_an_async_function_made_sync(func: Any, place: str) -> None:
    """It gives its result, and context variables go there and come back."""

    def work() -> list[str]:
        made = async_to_sync(func)
        variable.set("before")
        return [made("one", times=2), variable.get(), made("two"), variable.get()]

    if place == "a worker thread":
        heard = asyncio.run(run_sync(work)())
    elif place == "a thread":
        results: list[list[str]] = []
        thread = threading.Thread(target=lambda: results.append(work()))
        thread.start()
        thread.join()
        heard = results[0]
    else:
        heard = copy_context().run(work)

    assert ["before, ONEONE", "one", "one, TWO", "two"] == heard


async def test_an_async_function_made_sync_runs_on_the_loop_that_waits() -> None:
    """So what belongs to the loop, such as a connection to a database, can be used."""

    async def loop() -> asyncio.AbstractEventLoop:
        return asyncio.get_running_loop()

    assert asyncio.get_running_loop() is await run_sync(async_to_sync(loop))()


async def test_an_async_function_made_sync_raises() -> None:
    """What it raises, with its context variables set all the same."""

    def work() -> str:
        try:
            async_to_sync(shout)("fail")
        except KeyError:
            return variable.get()
        return "nothing"

    assert "fail" == await run_sync(work)()


async def test_an_async_function_made_sync_cannot_be_called_on_a_loop() -> None:
    """The loop would wait for itself; the error names the function."""
    with pytest.raises(RuntimeError, match=r"^shout is async .* await shout itself"):
        async_to_sync(shout)("word")
    with pytest.raises(RuntimeError, match=r"Shout object at .* is async"):
        async_to_sync(Shout())("word")


def test_an_async_function_is_made_sync_without_asgiref() -> None:
    """Flask needs that package for it; here it can be missing."""
    program = """
import sys
sys.modules["asgiref"] = None
from quart import Quart
async def seven():
    return 7
app = Quart(__name__)
print(app.ensure_sync(seven)(), app.async_to_sync(seven)())
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )

    assert ("7 7\n", "") == (done.stdout, done.stderr)


def test_an_async_function_made_sync_is_seen_as_sync() -> None:
    for func in (shout, double, run_sync(function)):
        made = async_to_sync(func)

        assert (func.__name__, func.__doc__) == (made.__name__, made.__doc__)
        assert not is_coroutine_callable(made)


# is_coroutine_callable


class Callables:
    async def method(self) -> None: ...

    def sync_method(self) -> None: ...

    @classmethod
    async def class_method(cls) -> None: ...

    @staticmethod
    async def static_method() -> None: ...


class AsyncCall:
    async def __call__(self) -> None: ...


class SyncCall:
    def __call__(self) -> None: ...


async def coroutine_function() -> None: ...


async def async_generator_function() -> AsyncIterator[int]:
    yield 1


def function() -> None: ...


@functools.wraps(coroutine_function)
def wrapping() -> None: ...


@pytest.mark.parametrize(
    ("func", "expected"),
    [
        (coroutine_function, True),
        (Callables().method, True),
        (Callables.class_method, True),
        (Callables.static_method, True),
        (AsyncCall(), True),
        (functools.partial(coroutine_function), True),
        (functools.partial(functools.partial(AsyncCall())), True),
        (AsyncMock(), True),
        (double, True),
        (run_sync(function), True),
        (function, False),
        (wrapping, False),
        (Callables().sync_method, False),
        (SyncCall(), False),
        (AsyncCall, False),
        (functools.partial(function), False),
        (MagicMock(), False),
        (len, False),
        (dict, False),
        (async_generator_function, False),
        (lambda: coroutine_function(), False),
    ],
)
def test_is_coroutine_callable(func: Any, expected: bool) -> None:
    assert expected is is_coroutine_callable(func)


# Paths and headers


def test_file_path_to_path() -> None:
    """Parts may be of every kind that names a file."""
    assert Path("a/b/c/d") == file_path_to_path("a", b"b", Path("c/d"))


def test_headers_are_latin_1_both_ways() -> None:
    """Names go out in lower case; a character that has no byte is refused."""
    assert [(b"x-name", b"caf\xe9")] == encode_headers(Headers([("X-Name", "café")]))
    assert Headers([("x-name", "café")]) == decode_headers([(b"x-name", b"caf\xe9")])
    with pytest.raises(UnicodeEncodeError):
        encode_headers(Headers([("X-Name", "\u20ac")]))


# Tasks


async def test_cancel_tasks_waits_for_all() -> None:
    ended = []

    async def work(number: int) -> None:
        try:
            await asyncio.sleep(60)
        finally:
            await asyncio.sleep(0)
            ended.append(number)

    tasks = {asyncio.create_task(work(number)) for number in range(3)}
    await asyncio.sleep(0)
    await cancel_tasks(tasks)

    assert [0, 1, 2] == sorted(ended)


async def test_cancel_tasks_raises_what_a_task_raised_instead() -> None:
    async def work() -> None:
        try:
            await asyncio.sleep(60)
        finally:
            raise KeyError("no")

    task = asyncio.create_task(work())
    await asyncio.sleep(0)
    with pytest.raises(KeyError, match="no"):
        await cancel_tasks({task})


async def test_raise_task_exceptions() -> None:
    async def fail() -> None:
        raise KeyError("failed")

    good, bad = asyncio.create_task(asyncio.sleep(0)), asyncio.create_task(fail())
    await asyncio.wait({good, bad})

    raise_task_exceptions({good})
    with pytest.raises(KeyError, match="failed"):
        raise_task_exceptions({good, bad})


# The polling reloader


async def test_observe_changes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A changed source file of an imported module raises; until then it looks every second."""
    source = tmp_path / "watched.py"
    source.write_text("")
    module = types.ModuleType("watched")
    module.__file__ = str(source)
    monkeypatch.setitem(sys.modules, "watched", module)
    sleeps: list[float] = []

    async def sleep(seconds: float) -> None:
        sleeps.append(seconds)
        if len(sleeps) == 3:
            os.utime(source, (1, 1))

    with pytest.raises(MustReloadError):
        await observe_changes(sleep, asyncio.Event())

    assert [1, 1, 1] == sleeps


async def test_observe_changes_ends_with_the_event() -> None:
    event = asyncio.Event()

    async def sleep(seconds: float) -> None:
        event.set()

    await observe_changes(sleep, event)


def test_restart_repeats_the_command_line(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []
    monkeypatch.setattr(os, "execv", lambda *args: calls.append(args))
    monkeypatch.setattr(sys, "orig_argv", ["python", "-m", "quart", "run"])
    utils.restart()

    assert [(sys.executable, [sys.executable, "-m", "quart", "run"])] == calls
