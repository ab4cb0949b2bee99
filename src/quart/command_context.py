"""The app context in which a command runs: how its sync code waits, and how the context closes.

A command runs in the main thread, because `app.run`, prompts and Ctrl-C need that. Sync teardown
functions run there, too, because a connection to SQLite must be closed by the thread that opened
it.
"""

from __future__ import annotations

import asyncio
import inspect
import sys
import threading
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from contextvars import copy_context
from functools import wraps
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any, TypeVar

import click

from .workers import adopt, run_sync, waiting_by

if TYPE_CHECKING:
    from .app import Quart

T = TypeVar("T")


@contextmanager
def command_context(app: Quart) -> Iterator[asyncio.Runner]:
    """An app context for a command, opened and closed in the event loop of its coroutines.

    Within it, sync code gets values where other code awaits.
    """
    ctx = app.app_context()
    with asyncio.Runner() as runner:
        runner.run(ctx.__aenter__())
        handled = sys.exc_info()[1]  # an exception that the caller is handling already

        def wait(coroutine: Coroutine[object, None, T]) -> T:
            loop = runner.get_loop()
            if loop.is_running():  # in the thread that closes the context
                return asyncio.run_coroutine_threadsafe(coroutine, loop).result()
            context = copy_context()
            try:
                return runner.run(coroutine, context=context)
            finally:
                adopt(context)

        with waiting_by(wait):
            try:
                with ctx.entered():
                    yield runner
            finally:
                raised = sys.exc_info()[1]  # click 8.2 does not pass the exception
                if raised is handled or isinstance(raised, click.exceptions.Exit):
                    raised = None  # click 8.1 ends each command with an Exit
                try:
                    _Closing(app, runner).run(ctx.__aexit__(None, raised, None))
                finally:
                    handled = raised = None  # their tracebacks refer to this frame


class _Closing:
    """Runs a coroutine in another thread, and the sync functions that it calls in this one."""

    def __init__(self, app: Quart, runner: asyncio.Runner) -> None:
        self._app = app
        self._runner = runner
        #: Jobs for this thread; None when the coroutine has ended.
        self._jobs: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        #: Whether this thread is free for a job. Only the event loop's thread changes it.
        self._idle = True

    def run(self, coroutine: Coroutine[object, None, None]) -> None:
        """Run the coroutine to its end, and raise what it raises."""
        errors: list[BaseException] = []

        def drive() -> None:
            try:
                self._runner.run(coroutine)
            except BaseException as error:
                errors.append(error)
            finally:
                self._jobs.put(None)

        app: Any = self._app
        before = vars(app).get("sync_to_async")
        app.sync_to_async = self._sync_to_async
        thread = threading.Thread(target=drive, name="quart-closing")
        thread.start()
        try:
            while (job := self._jobs.get()) is not None:
                job()
        except BaseException:  # Ctrl-C
            loop = self._runner.get_loop()
            for task in asyncio.all_tasks(loop):
                loop.call_soon_threadsafe(task.cancel)
            raise
        finally:
            thread.join()
            del app.sync_to_async
            if before is not None:
                app.sync_to_async = before
        for error in errors:
            raise error

    def _sync_to_async(
        self, func: Callable[..., object]
    ) -> Callable[..., Coroutine[object, None, Any]]:
        in_worker = run_sync(func)

        @wraps(func)
        async def wrapper(*args: object, **kwargs: object) -> object:
            if not self._idle:
                return await in_worker(*args, **kwargs)
            self._idle = False
            loop = asyncio.get_running_loop()
            context = copy_context()
            ended = loop.create_future()
            outcome: list[Any] = [None, None]

            def job() -> None:
                try:
                    outcome[0] = context.run(func, *args, **kwargs)
                except BaseException as error:
                    outcome[1] = error
                loop.call_soon_threadsafe(ended.set_result, None)

            self._jobs.put(job)
            await ended
            self._idle = True
            adopt(context)
            result, error = outcome
            if error is not None:
                raise error
            return await result if inspect.isawaitable(result) else result

        return wrapper
