"""Threads for what would block the event loop: the pools, and a call in one of their threads.

The framework's own work has pools of its own, one for files and one for long parsing. So neither
blocked sync views (see `workers.py`) nor long documents keep a static file from being sent.
"""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from queue import SimpleQueue
from typing import Any, Generic, ParamSpec, TypeVar
from weakref import WeakSet

from .globals import _cv_quart
from .one_thread import OneThread

P = ParamSpec("P")
T = TypeVar("T")

#: A few threads keep any disk busy.
FILE_THREADS = 8

#: Parsers hold the interpreter's lock: with a second, the event loop waits for it twice as long,
#: and all of the documents together take longer.
PARSER_THREADS = 1

# How many seconds `certainly` asks a system that gives no threads, and how many it pauses.
_PATIENCE = 10.0
_PAUSE = 0.1


class Job(Generic[T]):
    """Work for a thread, whose outcome the event loop learns."""

    def __init__(self, func: Callable[[], T]) -> None:
        self._func = func
        self._loop = asyncio.get_running_loop()
        # One ticket: the thread takes it to run the function, or the caller to give the job up.
        self.tickets = [True]

    def takes_ticket(self) -> bool:
        try:
            return self.tickets.pop()
        except IndexError:
            return False

    def __call__(self) -> None:
        """Run the function, in the thread."""
        if not self.takes_ticket():
            return
        result: T | None = None
        error: BaseException | None = None
        try:
            result = self._run()
        except StopIteration as stop:
            # A future cannot carry it, and in a coroutine it would mean the end of something else.
            error = RuntimeError("A function that ran in a thread raised StopIteration")
            error.__cause__ = stop
        except BaseException as raised:
            error = raised
        self.report(result, error)
        error = None  # whose traceback holds this frame

    def _run(self) -> T:
        return self._func()

    def report(self, result: T | None, error: BaseException | None) -> None:
        """Give the outcome to the loop."""
        with suppress(RuntimeError):  # if the loop is closed, nobody waits any more
            self._loop.call_soon_threadsafe(self._end, result, error)

    def _end(self, result: T | None, error: BaseException | None) -> None:
        """Take the outcome, on the loop: a result, or an error and no result.

        If the thread was killed there may be a second one, which is ignored.
        """
        raise NotImplementedError


class Pool:
    """Daemon threads that run jobs. They are started when they are needed, up to a limit.

    They are daemons, because a thread that never ends must not keep a server from ending; whoever
    waits for a job decides how long. A thread whose job waits for the loop does not count, because
    the loop may need another one before it can answer.

    Somebody may kill the threads, by an exception that is raised in each of them. An idle thread
    then takes no job with it, and the job of another one fails.
    """

    # PERF: a job reports to its loop by itself. ThreadPoolExecutor makes a future for it, which
    # ``loop.run_in_executor`` chains to one of the loop: up to three times the time of this.

    def __init__(self, name: str, limit: int) -> None:
        self.name = name
        self.limit = limit
        _pools.add(self)
        self.forget()

    def forget(self) -> None:
        """Start anew, because a forked child has no threads of its parent."""
        self._jobs: SimpleQueue[Job[Any]] = SimpleQueue()
        self._lock = threading.Lock()
        # Sets, so that a thread that is killed at any point can be taken out once more.
        self._threads: set[threading.Thread] = set()
        self._starting: set[threading.Thread] = set()  # they have not reached `_work`
        self._waiting: set[int] = set()  # identifiers of threads whose job waits for the loop
        self._unfinished: set[Job[Any]] = set()  # running or not

    def submit(self, job: Job[Any]) -> None:
        """Run a job as soon as a thread is free.

        Raises RuntimeError if none will be, because the system gives no more threads.
        """
        with self._lock:
            self._unfinished.add(job)
            try:
                self._start_if_needed()
            except RuntimeError:
                if len(self._threads) <= len(self._waiting):
                    self._unfinished.discard(job)
                    raise
        self._jobs.put(job)

    @contextmanager
    def not_counted(self) -> Iterator[None]:
        """Let another thread take the place of this one, whose job waits for the loop."""
        this = threading.get_ident()
        try:
            with self._lock:
                self._waiting.add(this)
                with suppress(RuntimeError):  # the system gives no more; the loop may not need one
                    self._start_if_needed()
            yield
        finally:
            with self._lock:
                self._waiting.discard(this)

    def _start_if_needed(self) -> None:
        if self._starting:
            killed = {thread for thread in self._starting if not thread.is_alive()}
            self._starting -= killed
            self._threads -= killed
        waiting = len(self._waiting)
        wanted = min(len(self._unfinished) - waiting, self.limit)
        if len(self._threads) - waiting < wanted:
            thread = threading.Thread(target=self._work, name=self.name, daemon=True)
            self._threads.add(thread)
            self._starting.add(thread)
            try:
                thread.start()
            except BaseException:
                self._threads.discard(thread)
                self._starting.discard(thread)
                raise

    def _work(self) -> None:
        taken: list[Job[Any]] = []
        # An exception that is raised in an idle thread arrives when the thread next runs Python.
        # A job is taken and noted within one call in C, so that it cannot be lost in between.
        taking = map(taken.append, iter(self._jobs.get, None))
        try:
            self._starting.discard(threading.current_thread())
            while True:
                next(taking)
                taken[0]()
                # PERF: without the lock. If `submit` reads the sizes just now, there may be a
                # thread too many, which ends here later.
                self._unfinished.discard(taken[0])
                taken.clear()  # nothing of a request may live on while the thread waits
                if len(self._threads) - len(self._waiting) > self.limit and self._ends_this():
                    return
        except SystemExit:
            pass  # it ends a thread without a word, as elsewhere
        finally:
            self._leave(taken)

    def _ends_this(self) -> bool:
        """Whether this thread is one too many, and may end: then it is not counted any more."""
        with self._lock:
            too_many = len(self._threads) - len(self._waiting) > self.limit
            if too_many:
                self._threads.discard(threading.current_thread())
            return too_many

    def _leave(self, taken: list[Job[Any]]) -> None:
        """Take this thread out of the pool, whose last job may be unfinished."""
        with self._lock:
            self._threads.discard(threading.current_thread())
            self._waiting.discard(threading.get_ident())
            for job in taken:
                if job.tickets:
                    self._jobs.put(job)
                else:
                    self._unfinished.discard(job)
                    job.report(None, RuntimeError("The thread of a call was killed"))
            try:
                self._start_if_needed()
            except RuntimeError as error:
                if len(self._threads) <= len(self._waiting):
                    self._give_up(error)

    def _give_up(self, error: RuntimeError) -> None:
        """Fail all jobs that wait, for there is no thread, and the system gives none."""
        while not self._jobs.empty():
            job = self._jobs.get()
            self._unfinished.discard(job)
            if job.takes_ticket():
                job.report(None, error)


_pools: WeakSet[Pool] = WeakSet()


def _forget_threads() -> None:
    for pool in _pools:
        pool.forget()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_threads)

_file_threads = Pool("quart-file", FILE_THREADS)
_parser_threads = Pool("quart-parser", PARSER_THREADS)


class Call(Job[T]):
    """One call of a function in a thread, for somebody who awaits its result."""

    def __init__(self, func: Callable[[], T]) -> None:
        super().__init__(func)
        self._waiter: asyncio.Future[T] | None = self._loop.create_future()
        self._ended: asyncio.Future[None] | None = None  # if it is cancelled while it runs

    async def result(self, pool: Pool | OneThread) -> T:
        """Return or raise what the function does.

        A call that is cancelled before a thread took it never runs. One that runs already cannot be
        stopped: the cancellation goes on when it has ended, so that nothing is torn down under its
        feet.
        """
        waiter = self._waiter
        assert waiter is not None
        pool.submit(self)
        try:
            return await waiter
        except asyncio.CancelledError:
            if self._waiter is not None and not self.takes_ticket():
                self._ended = self._loop.create_future()
                self._cancelled()
                await wait_shielded(self._ended)
            raise
        finally:
            del waiter  # which holds an error whose traceback holds this frame

    def _cancelled(self) -> None:
        """Called on the loop when the caller was cancelled, but the thread goes on."""

    def _end(self, result: T | None, error: BaseException | None) -> None:
        waiter, self._waiter = self._waiter, None
        if waiter is None:
            return
        if self._ended is not None:
            self._ended.set_result(None)
        if not waiter.cancelled():
            if error is None:
                waiter.set_result(result)  # type: ignore[arg-type]  # if it is None, T has None
            else:
                waiter.set_exception(error)
        # A cancellation, or that the client has gone, is why nobody waits any more.
        elif error is not None and not isinstance(error, (asyncio.CancelledError, OSError)):
            self._loop.call_exception_handler(
                {
                    "message": f"{self._func!r} failed in a thread after its caller was cancelled",
                    "exception": error,
                }
            )


async def wait_shielded(future: asyncio.Future[T]) -> None:
    """Wait until a future is done, even while cancelled; the cancellation goes on after that."""
    cancelled = None
    while not future.done():
        try:
            await asyncio.shield(future)
        except asyncio.CancelledError as error:
            cancelled = error
    if cancelled is not None:
        raise cancelled


async def certainly(
    in_thread: Callable[[Callable[[], T]], Awaitable[T]], func: Callable[[], T]
) -> T:
    """Give `func` to `in_thread`, which calls it in a thread, until it has been called.

    So a cancellation that comes before a thread is free does not keep it from being called. The
    cancellation goes on after that. If the system gives no threads, it is asked again for a while.
    """
    called = False

    def call() -> T:
        nonlocal called
        called = True
        return func()

    cancelled: asyncio.CancelledError | None = None
    attempts = int(_PATIENCE / _PAUSE)
    while True:
        try:
            result = await in_thread(call)
            break
        except asyncio.CancelledError as error:
            if called:
                raise
            cancelled = error
        except Exception as error:
            attempts -= 1
            if called or not attempts or not isinstance(error, RuntimeError):
                if cancelled is None:
                    raise
                raise BaseExceptionGroup("After a cancellation", [error, cancelled]) from None
            try:
                await asyncio.sleep(_PAUSE)
            except asyncio.CancelledError as later:
                cancelled = later
    if cancelled is not None:
        raise cancelled
    return result


async def off_loop(func: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Call `func`, which works on files, in one of the threads for that, and give its result.

    A cancellation waits until a call that has begun has ended, so that nobody closes a file
    under its feet. On another event loop than asyncio's the current application's `sync_to_async`
    is asked, which knows that loop; where there is none the function is called here.
    """
    return await _in_pool(_file_threads, partial(func, *args, **kwargs))


async def parse_off_loop(func: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """The same, of a function that parses something long."""
    return await _in_pool(_parser_threads, partial(func, *args, **kwargs))


async def _in_pool(pool: Pool, func: Callable[[], T]) -> T:
    if asyncio._get_running_loop() is not None:
        return await Call(func).result(pool)
    ctx = _cv_quart.get(None)
    if ctx is None:
        return func()
    result: T = await ctx.app.sync_to_async(func)()
    return result
