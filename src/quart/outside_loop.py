"""Sync code for which no event loop waits, and which gets values all the same: tests, scripts and
threads of code for Flask.

An event loop in a separate thread runs what that code waits for. Sync functions called there run in
the waiting thread itself, so a whole test stays in one thread, as in Flask.
"""

from __future__ import annotations

import asyncio
import atexit
import os
import threading
from collections.abc import Coroutine, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from contextvars import copy_context
from typing import TypeVar, cast

from .one_thread import OneThread
from .workers import in_worker_thread, own_thread, wait_in_thread, waiting_by

T = TypeVar("T")


class CallingThread(OneThread):
    """A thread that waits for the event loop, and meanwhile runs sync functions that it calls."""

    def wait(self, coroutine: Coroutine[object, None, T]) -> T:
        """Return the result of a coroutine. It sees the context variables of the caller."""
        context, loop = copy_context(), _loop.get()
        outcome: Future[T] = Future()
        tasks: list[asyncio.Task[T]] = []

        def start() -> None:
            tasks.append(loop.create_task(coroutine, context=context))
            tasks[0].add_done_callback(report)

        def report(task: asyncio.Task[T]) -> None:
            error = asyncio.CancelledError() if task.cancelled() else task.exception()
            if error is None:
                outcome.set_result(task.result())
            else:
                outcome.set_exception(error)

        loop.call_soon_threadsafe(start)
        try:
            return self.run_until(outcome)
        except KeyboardInterrupt:
            loop.call_soon_threadsafe(lambda: tasks[0].cancel())
            raise


class _Loop:
    """The event loop, started when it is first needed, and ended with the process."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None

    def get(self) -> asyncio.AbstractEventLoop:
        with self._lock:
            if self._loop is None:
                self._ending = asyncio.Event()
                started: Future[asyncio.AbstractEventLoop] = Future()
                self._thread = threading.Thread(
                    target=self._run, args=[started], name="quart-loop", daemon=True
                )
                self._thread.start()
                self._loop = started.result()
                atexit.register(self._end, self._loop)
            return self._loop

    def _run(self, started: Future[asyncio.AbstractEventLoop]) -> None:
        with asyncio.Runner() as runner:
            started.set_result(runner.get_loop())
            runner.run(self._until_end())

    async def _until_end(self) -> None:
        await self._ending.wait()

    def _end(self, loop: asyncio.AbstractEventLoop) -> None:
        if loop is self._loop:  # a forked child has no thread for it
            loop.call_soon_threadsafe(self._ending.set)
            self._thread.join()


_loop = _Loop()

if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_loop.__init__)  # type: ignore[misc]


class _Local(threading.local):
    def __init__(self) -> None:
        self.calling = CallingThread()


_local = _Local()


def wait(coroutine: Coroutine[object, None, T]) -> T:
    """Return the result of a coroutine, for sync code outside any event loop."""
    waits = wait_in_thread(coroutine)
    return _local.calling.wait(coroutine) if waits is coroutine else cast(T, waits)


def thread_here() -> OneThread | None:
    """Return the thread for sync functions that are called by what this code waits for."""
    return own_thread() if in_worker_thread() else _local.calling


@contextmanager
def getting_values() -> Iterator[None]:
    """Give sync code values where async code gets awaitables, if it does not get them anyway."""
    if in_worker_thread():
        yield
    else:
        with waiting_by(_local.calling.wait, _local.calling):
            yield
