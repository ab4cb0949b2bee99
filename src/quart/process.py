"""The process: its environment files, and the signals and tasks at its end."""

from __future__ import annotations

import asyncio
import functools
import os
import signal
import sys
import threading
from collections.abc import Callable, Coroutine, Iterator, Sized
from contextlib import contextmanager, suppress
from contextvars import Context, ContextVar, copy_context
from types import FrameType
from typing import Any, cast

import click

#: The signals that ask a process to end: Ctrl-C, `kill`, and Ctrl-Break on Windows.
STOP_SIGNALS = [
    getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGBREAK") if hasattr(signal, name)
]

#: From the least to the most important.
ENV_FILES = (".flaskenv", ".quartenv", ".env")

#: The variables that were set from files, and the files that were read, or looked for.
set_from_files: set[str] = set()
env_files: set[str] = set()

#: Seconds that a task has to end after it is cancelled.
CANCEL_TIMEOUT = 1.0

# One coroutine may await another that ignores being closed, and so on, to at most this depth.
_MOST_COROUTINES = 100

#: Set in the child process of a reloader. Programs written for Flask look for this name.
CHILD = "WERKZEUG_RUN_MAIN"


# The environment


def is_child() -> bool:
    """Whether this process is one that a reloader starts again on each change."""
    return os.environ.get(CHILD) == "true"


def load_dotenv(path: str | os.PathLike[str] | None = None, load_defaults: bool = True) -> bool:
    """Set environment variables from files, unless they are set. Return whether there were any.

    `path` wins over `.env`, then `.quartenv`, then `.flaskenv`. These three are looked for from the
    working directory upwards, and only with `load_defaults`. It needs python-dotenv: without it
    nothing is loaded, and if there are such files a line on the console says so.
    """
    try:
        import dotenv
    except ImportError:
        if path or any(os.path.isfile(name) for name in ENV_FILES):
            _tell_of_dotenv()
        return False
    values: dict[str, str | None] = {}
    for name in ENV_FILES if load_defaults else ():
        found = dotenv.find_dotenv(name, usecwd=True)
        env_files.add(found or os.path.abspath(name))
        if found:
            values |= dotenv.dotenv_values(found, encoding="utf-8")
    if path is not None and os.path.isfile(path):
        env_files.add(os.path.abspath(path))
        values |= dotenv.dotenv_values(path, encoding="utf-8")
    for name, value in values.items():
        if value is not None and name not in os.environ:
            os.environ[name] = value
            set_from_files.add(name)
    return bool(values)


@functools.cache
def _tell_of_dotenv() -> None:
    if not is_child():
        click.secho(
            " * Tip: There are .env files present. Install python-dotenv to use them.",
            fg="yellow",
            err=True,
        )


def show_server_banner(debug: bool, app_import_path: str | None) -> None:
    """Print what will be served. A reloader prints it once."""
    if is_child():
        return
    if app_import_path is not None:
        click.echo(f" * Serving Quart app {app_import_path!r}")
    click.echo(f" * Debug mode: {'on' if debug else 'off'}")
    click.echo(" * This is a server for development. In production, use 'quart serve'.")


# Its end: signals and tasks


def _in_main_thread() -> bool:
    return threading.current_thread() is threading.main_thread()


@contextmanager
def on_stop_signal(stop: Callable[[], None]) -> Iterator[None]:
    """Call `stop` for the first signal that asks the process to end. A second one ends it at once.

    Signals reach only the main thread: in another thread this does nothing.
    """
    if not _in_main_thread():
        yield
        return

    def handle(signum: int, frame: FrameType | None) -> None:
        for each in previous:
            signal.signal(each, signal.SIG_DFL)
        stop()

    previous = {each: signal.signal(each, handle) for each in STOP_SIGNALS}
    if is_child():
        # Ctrl-C reaches both parent and child. The parent passes it on, so that it counts once.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        for each, handler in previous.items():
            signal.signal(each, signal.SIG_DFL if handler is None else handler)


def follow_stop_signals(notice: Callable[[], None]) -> Callable[[], None]:
    """Call `notice` before the handlers of the server for the signals that end it.

    A signal without such a handler is left alone: it ends the process, or raises
    KeyboardInterrupt. Returns a function that undoes this.
    """
    followed: dict[int, tuple[Any, Any]] = {}

    def follow(signum: int, handler: object) -> None:
        def handle(signum: int, frame: FrameType | None) -> None:
            notice()
            if callable(handler):
                handler(signum, frame)

        followed[signum] = handler, handle
        signal.signal(signum, handle)

    def undo() -> None:
        while followed and _in_main_thread():
            signum, (handler, handle) = followed.popitem()
            if signal.getsignal(signum) is handle:
                signal.signal(signum, handler)

    if _in_main_thread():
        for signum in STOP_SIGNALS:
            handler = signal.getsignal(signum)
            if _is_a_servers(handler):
                follow(signum, handler)
    return undo


def _is_a_servers(handler: object) -> bool:
    if handler is signal.SIG_IGN:
        # PERF: importing it takes long; a worker with a parent process has it loaded already.
        from multiprocessing import parent_process

        # The parent handles the signals that its workers ignore: Ctrl-C reaches both.
        return parent_process() is not None
    # Python's own handler, and the partial that asyncio.run sets, end the program.
    own = handler is signal.default_int_handler or isinstance(handler, functools.partial)
    return callable(handler) and not own


async def until_empty(things: Sized, seconds: float | None) -> bool:
    """Wait up to `seconds` (None: forever) for something to become empty; return whether it did."""
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            while len(things):
                await asyncio.sleep(0.02)
    return not len(things)


async def end_tasks(
    tasks: set[asyncio.Task[object]], seconds: float | None
) -> set[asyncio.Task[object]]:
    """Wait up to `seconds` (None: forever) for these tasks, and for tasks that join the set.

    Then cancel those that are left. Return the ones that ignore it; nobody waits for them.
    """
    me = asyncio.current_task()

    def left() -> set[asyncio.Task[object]]:
        return {task for task in tasks if not task.done() and task is not me}

    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            while left():
                await asyncio.wait(left())
    for task in left():
        task.cancel()
    if left():
        await asyncio.wait(left(), timeout=CANCEL_TIMEOUT)
    return left()


def give_up(task: asyncio.Task[object]) -> None:
    """Abandon a task that ignores its cancellation, so that `asyncio.run` ends without it."""
    asyncio.tasks._unregister_task(task)


def abandon(task: asyncio.Task[object], coroutine: Coroutine[object, None, object]) -> None:
    """Close a coroutine that a task awaits, even if it resists, and cancel the task.

    Its `finally` blocks run until they wait. Code that awaits it in the task gets a RuntimeError.
    """
    context = context_of(task)
    # Each call ends at least the innermost coroutine that resists.
    for _ in range(_MOST_COROUTINES):
        with suppress(Exception):
            context.run(coroutine.close)
        if getattr(coroutine, "cr_frame", None) is None:
            break
    task.cancel()


def context_of(task: asyncio.Task[object]) -> Context:
    """Return the context in which a task runs, so that what it has set there can be reset."""
    if sys.version_info >= (3, 12):
        return task.get_context()
    waited_for: Any = task._fut_waiter  # type: ignore[attr-defined]
    for _, context in getattr(waited_for, "_callbacks", None) or ():
        return cast(Context, context)
    return copy_context()


# The import of the application


#: True while the command line imports the application: its own `app.run()` would block.
imports_application = ContextVar("imports_application", default=False)


@contextmanager
def importing_application() -> Iterator[None]:
    """Make `app.run()` do nothing in this block."""
    token = imports_application.set(True)
    try:
        yield
    finally:
        imports_application.reset(token)
