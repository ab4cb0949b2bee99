"""Threads for work that would block the event loop: pools, and calls in their threads.

The framework's own work has its own pools, one for files and one for long parsing. So neither
blocked sync views (see `workers.py`) nor long documents delay a static file.
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

#: Parsers hold the interpreter's lock. With a second one, the event loop waits for it twice as
#: long, and all documents together take longer.
PARSER_THREADS = 1

# For how many seconds `certainly` retries if the system gives no threads, and its pauses.
_PATIENCE = 10.0
_PAUSE = 0.1


class Job(Generic[T]):
    """Work for a thread. The event loop gets its outcome."""

    def __init__(self, func: Callable[[], T]) -> None:
        self._func = func
        self._loop = asyncio.get_running_loop()
        # One ticket. The thread takes it to run the function, or the caller to give up the job.
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
            # A future cannot carry it, and in a coroutine it would end something else.
            error = RuntimeError("A function that ran in a thread raised StopIteration")
            error.__cause__ = stop
        except BaseException as raised:
            error = raised
        self.report(result, error)
        error = None  # its traceback refers to this frame

    def _run(self) -> T:
        return self._func()

    def report(self, result: T | None, error: BaseException | None) -> None:
        """Pass the outcome to the event loop."""
        with suppress(RuntimeError):  # if the loop is closed, nobody waits any more
            self._loop.call_soon_threadsafe(self._end, result, error)

    def _end(self, result: T | None, error: BaseException | None) -> None:
        """Receive the outcome on the event loop: a result, or else an error.

        If the thread was killed, there may be a second outcome, which is ignored.
        """
        raise NotImplementedError


class Pool:
    """Daemon threads that run jobs. They are started when they are needed, up to a limit.

    They are daemons because a thread that never ends must not keep a server from ending; whoever
    waits for a job decides for how long. A thread whose job waits for the event loop does not
    count, because the loop may need another thread before it can answer.

    The threads may be killed by an exception that somebody raises in each of them. Then no job is
    lost with an idle thread, and the job of a busy thread fails.
    """

    # PERF: a job reports to its loop itself. ThreadPoolExecutor makes a future for it, which
    # ``loop.run_in_executor`` chains to one of the loop: that takes up to three times as long.

    def __init__(self, name: str, limit: int) -> None:
        self.name = name
        self.limit = limit
        _pools.add(self)
        self.forget()

    def forget(self) -> None:
        """Start again, because a forked child has no threads of its parent."""
        self._jobs: SimpleQueue[Job[Any]] = SimpleQueue()
        self._lock = threading.Lock()
        # Sets, so that removing a thread twice does no harm if it is killed at any point.
        self._threads: set[threading.Thread] = set()
        self._starting: set[threading.Thread] = set()  # those that have not reached `_work`
        self._waiting: set[int] = set()  # identifiers of threads whose job waits for the loop
        self._unfinished: set[Job[Any]] = set()  # waiting or running

    def submit(self, job: Job[Any]) -> None:
        """Run a job as soon as a thread is free.

        Raises RuntimeError if there is no thread and the system gives none.
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
        """Let another thread take the place of this one, whose job waits for the event loop."""
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
        # An exception raised in an idle thread arrives when the thread next runs Python code. One
        # call in C takes and records a job, so it cannot be lost in between.
        taking = map(taken.append, iter(self._jobs.get, None))
        try:
            self._starting.discard(threading.current_thread())
            while True:
                next(taking)
                taken[0]()
                # PERF: without the lock. If `submit` reads the sizes at this moment, there may be
                # one thread too many, which ends here later.
                self._unfinished.discard(taken[0])
                taken.clear()  # nothing of a request may stay alive while the thread waits
                if len(self._threads) - len(self._waiting) > self.limit and self._ends_this():
                    return
        except SystemExit:
            pass  # it ends the thread silently, as in other threads
        finally:
            self._leave(taken)

    def _ends_this(self) -> bool:
        """Whether this thread is one too many; if so, stop counting it."""
        with self._lock:
            too_many = len(self._threads) - len(self._waiting) > self.limit
            if too_many:
                self._threads.discard(threading.current_thread())
            return too_many

    def _leave(self, taken: list[Job[Any]]) -> None:
        """Take this thread out of the pool. Its last job may be unfinished."""
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
        """Fail all waiting jobs, because there is no thread and the system gives none."""
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

        A call that is cancelled before a thread takes it never runs. One that is running cannot be
        stopped: the cancellation continues when it has ended, so that nothing it uses is torn down
        meanwhile.
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
            del waiter  # it holds an error whose traceback refers to this frame

    def _cancelled(self) -> None:
        """Called on the event loop if the caller was cancelled and the thread is still running."""

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
        # If the caller was cancelled or the client disconnected, nobody waits for such an error.
        elif error is not None and not isinstance(error, (asyncio.CancelledError, OSError)):
            self._loop.call_exception_handler(
                {
                    "message": f"{self._func!r} failed in a thread after its caller was cancelled",
                    "exception": error,
                }
            )


async def wait_shielded(future: asyncio.Future[T]) -> None:
    """Wait until a future is done, even if cancelled; the cancellation continues afterwards."""
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
    """Pass `func` to `in_thread`, which calls it in a thread, until it has been called.

    So it is called even if a cancellation arrives before a thread is free; the cancellation
    continues afterwards. If the system gives no threads, this retries for a while.
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
    """Call `func`, which works on files, in one of the file threads, and return its result.

    If it is cancelled, it waits until a running call has ended, so that nobody closes a file that
    the call still uses. On another event loop than asyncio's, it uses `sync_to_async` of the
    current application, which knows that loop; without an application, it calls `func` directly.
    """
    return await _in_pool(_file_threads, partial(func, *args, **kwargs))


async def parse_off_loop(func: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Do the same for a function that parses something long, in a thread for that."""
    return await _in_pool(_parser_threads, partial(func, *args, **kwargs))


async def _in_pool(pool: Pool, func: Callable[[], T]) -> T:
    if asyncio._get_running_loop() is not None:
        return await Call(func).result(pool)
    ctx = _cv_quart.get(None)
    if ctx is None:
        return func()
    result: T = await ctx.app.sync_to_async(func)()
    return result
