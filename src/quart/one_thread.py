"""One thread for all sync functions of a request, as code for Flask expects.

A connection to SQLite, or a `threading.local`, belongs to one thread. If an application sets
`ONE_THREAD_PER_REQUEST`, all sync functions of a request run in one thread, which is kept for as
long as the request's context exists. In a sync test, that is the thread of the test.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from concurrent.futures import Future
from queue import SimpleQueue
from typing import TypeVar

T = TypeVar("T")

#: How many kept threads may run at once, and how many are left for later requests.
MOST_THREADS = 40

_Job = Callable[[], object]


class OneThread:
    """Runs jobs one after another, in the thread that waits in `run_until`.

    So a job may wait there for something that needs this very thread.
    """

    def __init__(self) -> None:
        self._jobs: SimpleQueue[_Job | None] = SimpleQueue()  # None only wakes the waiting thread

    def submit(self, job: _Job) -> None:
        """Run a job after those before it. Raises RuntimeError if the system gives no thread."""
        self._jobs.put(job)

    def run_until(self, done: Future[T]) -> T:
        """Run jobs until a future is done, and return its result."""
        done.add_done_callback(lambda _: self._jobs.put(None))
        while not done.done():
            self._run_next()
        return done.result()

    def _run_next(self) -> None:
        job = self._jobs.get()
        if job is not None:
            job()


class _Kept(OneThread):
    """A thread of ours, which serves one request after another."""

    _started = _ended = False

    def submit(self, job: _Job) -> None:
        if not self._started:
            self._start()
        super().submit(job)

    def run_until(self, done: Future[T]) -> T:
        _turns.put(None)  # a waiting thread needs no turn
        try:
            return super().run_until(done)
        finally:
            _turns.get()

    def end(self) -> None:
        self._ended = True
        self._jobs.put(None)

    def _start(self) -> None:
        threading.Thread(target=self._work, name="quart-kept", daemon=True).start()
        self._started = True

    def _work(self) -> None:
        try:
            while not self._ended:
                self._run_next()
        finally:
            if not self._ended:  # a job has ended the thread by an exception
                self._start()

    def _run_next(self) -> None:
        job = self._jobs.get()
        if job is not None:
            _turns.get()
            try:
                job()
            finally:
                _turns.put(None)


class KeptThread(OneThread):
    """A thread that a request keeps for as long as this object exists."""

    def __init__(self) -> None:
        try:
            self._thread = _idle.pop()
        except IndexError:
            self._thread = _Kept()

    def submit(self, job: _Job) -> None:
        self._thread.submit(job)

    def run_until(self, done: Future[T]) -> T:
        return self._thread.run_until(done)

    def __del__(self) -> None:
        if len(_idle) < MOST_THREADS:
            _idle.append(self._thread)
        else:
            self._thread.end()


_idle: list[_Kept] = []
# PERF: one item per thread that may run. A queue is written in C; a semaphore is not.
_turns: SimpleQueue[None]


def _forget_threads() -> None:
    """Forget all threads. A forked child has none of its parent's threads."""
    global _turns
    _idle.clear()
    _turns = SimpleQueue()
    for _ in range(MOST_THREADS):
        _turns.put(None)


_forget_threads()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_threads)
