"""What concerns the process itself: the files its environment is read from, the signals and the
tasks at its end, and the child in which the program runs again whenever a file changes."""

from __future__ import annotations

import asyncio
import fnmatch
import functools
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sized
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from pathlib import Path
from types import FrameType
from typing import Any

import click

#: The signals that ask a process to end: Ctrl-C, `kill`, and Ctrl-Break on Windows.
STOP_SIGNALS = [
    getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGBREAK") if hasattr(signal, name)
]

#: From the least to the most important.
ENV_FILES = (".flaskenv", ".quartenv", ".env")

#: Seconds that a task has to end once it is cancelled.
CANCEL_TIMEOUT = 1.0
#: Seconds between two looks at the watched files, and so the longest that Ctrl-C waits for one.
POLL_INTERVAL = 0.5
#: Seconds that a child has to end before it is killed.
CHILD_TIMEOUT = 10.0

_CHILD = "WERKZEUG_RUN_MAIN"  # the name that programs written for Flask look for
_REPORT = "QUART_RELOADER_REPORT"


# The environment


def load_dotenv(path: str | os.PathLike[str] | None = None, load_defaults: bool = True) -> bool:
    """Set environment variables from files, where they are not set yet; tell whether there were
    any.

    What `path` says wins over `.env`, that over `.quartenv` and that over `.flaskenv`, each looked
    for from the working directory upwards, with `load_defaults` alone. Needs python-dotenv:
    without it nothing is loaded, and a line on the console says so where there are such files.
    """
    try:
        import dotenv
    except ImportError:
        if path or any(os.path.isfile(name) for name in ENV_FILES):
            click.secho(
                " * Tip: There are .env files present. Install python-dotenv to use them.",
                fg="yellow",
                err=True,
            )
        return False
    values: dict[str, str | None] = {}
    for name in ENV_FILES if load_defaults else ():
        if found := dotenv.find_dotenv(name, usecwd=True):
            values |= dotenv.dotenv_values(found, encoding="utf-8")
    if path is not None and os.path.isfile(path):
        values |= dotenv.dotenv_values(path, encoding="utf-8")
    for name, value in values.items():
        if value is not None:
            os.environ.setdefault(name, value)
    return bool(values)


def show_server_banner(debug: bool, app_import_path: str | None) -> None:
    """Say on the console what is going to be served; a reloader says it once."""
    if is_child():
        return
    if app_import_path is not None:
        click.echo(f" * Serving Quart app {app_import_path!r}")
    click.echo(f" * Debug mode: {'on' if debug else 'off'}")


# Its end: signals and tasks


def _in_main_thread() -> bool:
    return threading.current_thread() is threading.main_thread()


@contextmanager
def on_stop_signal(stop: Callable[[], None]) -> Iterator[None]:
    """Call `stop` for the first signal that asks the process to end; a second one ends it at once.

    Signals reach the main thread alone: in another one this does nothing.
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
        # Ctrl-C reaches parent and child alike; the parent hands it on, so that it counts once.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        for each, handler in previous.items():
            signal.signal(each, signal.SIG_DFL if handler is None else handler)


def follow_stop_signals(notice: Callable[[], None]) -> Callable[[], None]:
    """Call `notice` before the handlers that a server has set for the signals that end it.

    Where there is no such handler the signal is left alone: it ends the process, or raises
    KeyboardInterrupt. Gives a function that undoes it.
    """
    followed: dict[int, tuple[Any, Any]] = {}

    def follow(signum: int, handler: Any) -> None:
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


def _is_a_servers(handler: Any) -> bool:
    if handler is signal.SIG_IGN:
        # PERF: takes long to load, and a worker of a parent has it loaded.
        from multiprocessing import parent_process

        # What a worker is to ignore, its parent sees to: Ctrl-C reaches them both.
        return parent_process() is not None
    # Python's own handler, and the partial that asyncio.run sets, end the program.
    own = handler is signal.default_int_handler or isinstance(handler, functools.partial)
    return callable(handler) and not own


async def until_empty(things: Sized, seconds: float | None) -> bool:
    """Wait some seconds (None: any time) until there is nothing left; tell whether there is not."""
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            while len(things):
                await asyncio.sleep(0.02)
    return not len(things)


async def end_tasks(tasks: set[asyncio.Task[Any]], seconds: float | None) -> set[asyncio.Task[Any]]:
    """Wait some seconds (None: any time) for these tasks and those that join the set meanwhile,
    then cancel what is left. Gives the tasks that go on all the same; they are not waited for.
    """
    me = asyncio.current_task()

    def left() -> set[asyncio.Task[Any]]:
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


def give_up(task: asyncio.Task[Any]) -> None:
    """Leave a task that ignores its cancellation behind, where `asyncio.run` would wait for it."""
    asyncio.tasks._unregister_task(task)


# The import of the application


#: Whether the command line imports the application, whose own `app.run()` would block the command.
imports_application = ContextVar("imports_application", default=False)


@contextmanager
def importing_application() -> Iterator[None]:
    """Have `app.run()` do nothing in this block."""
    token = imports_application.set(True)
    try:
        yield
    finally:
        imports_application.reset(token)


# The reloader: a parent that watches files, and a child that runs the program


def is_child() -> bool:
    """Whether this process is the one that a reloader starts anew."""
    return os.environ.get(_CHILD) == "true"


def loaded_files() -> set[str]:
    """The files of all modules loaded in this process."""
    files = {getattr(module, "__file__", None) for module in list(sys.modules.values())}
    return {os.path.abspath(file) for file in files if file and os.path.isfile(file)}


def report_loaded_files() -> None:
    """In a reloader's child, tell the parent from now on which files are loaded."""
    path, parent = os.environ.get(_REPORT), os.getppid()
    if path is None or not is_child():
        return

    def report() -> None:
        reported: set[str] = set()
        with suppress(OSError):  # the directory is gone when the parent is
            while os.getppid() == parent:
                new = loaded_files() - reported
                if new:
                    with open(path, "a", encoding="utf-8") as file:
                        file.writelines(f"{name}\n" for name in new)
                    reported |= new
                time.sleep(POLL_INTERVAL)
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=report, name="quart-reloader", daemon=True).start()


def reload_on_change(
    extra_files: Iterable[str | os.PathLike[str]] = (), exclude_patterns: Iterable[str] = ()
) -> int:
    """Run this command again in a child process, anew whenever a watched file changes.

    Watched are the files of all loaded modules and `extra_files` (files, or directories with all
    that is in them), but for those that match one of `exclude_patterns` (as fnmatch does). A child
    that fails after a change is waited with until the next one. Gives the exit status for this
    process, when it is asked to end or the child ends by itself.
    """
    stopping = False

    def stop() -> None:
        nonlocal stopping
        stopping = True

    with tempfile.TemporaryDirectory() as directory, on_stop_signal(stop):
        report = Path(directory, "files")
        watched = _Watched(report, list(map(Path, extra_files)), list(exclude_patterns))
        env = {**os.environ, _CHILD: "true", _REPORT: str(report)}
        reloaded = False
        while True:
            watched.changed()  # what has changed by now is what the child is going to load
            child = subprocess.Popen([sys.executable, *sys.orig_argv[1:]], env=env)
            changed = None
            while changed is None and not stopping:
                time.sleep(POLL_INTERVAL)
                changed = watched.changed()
                if child.poll() is not None and changed is None:
                    if not reloaded or child.returncode == 0:
                        return child.returncode
                    watched.add_neighbours()
            if child.poll() is None:
                _end(child)
            if stopping or changed is None:
                return child.returncode
            click.echo(f" * Detected change in {changed!r}, reloading")
            reloaded = True


def _end(child: subprocess.Popen[bytes]) -> None:
    child.terminate()
    try:
        child.wait(CHILD_TIMEOUT)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()


class _Watched:
    """The watched files and when each was last changed."""

    def __init__(self, report: Path, extra: list[Path], exclude_patterns: list[str]) -> None:
        self._report = report
        self._extra = extra
        self._exclude_patterns = exclude_patterns
        self._names = loaded_files()
        self._times: dict[str, int] = {}
        self.changed()

    def add_neighbours(self) -> None:
        """Watch the Python files beside the program's own, one of which may be why it failed."""
        installed = tuple({sys.prefix, sys.base_prefix})
        own = {Path(name).parent for name in self._names if not name.startswith(installed)}
        self._names.update(str(path) for each in own for path in each.glob("*.py"))

    def changed(self) -> str | None:
        """The name of a file that changed since the last call, if there is one.

        A file that is seen for the first time has not changed.
        """
        changed = None
        for name in self._current():
            try:
                modified = os.stat(name).st_mtime_ns
            except OSError:
                modified = 0
            if self._times.setdefault(name, modified) != modified:
                self._times[name] = modified
                changed = name
        return changed

    def _current(self) -> set[str]:
        with suppress(OSError):  # nothing reported yet
            self._names.update(self._report.read_text("utf-8").splitlines())
        names = set(self._names)
        for path in self._extra:
            names.add(os.path.abspath(path))
            names.update(os.path.abspath(each) for each in path.rglob("*"))
        for pattern in self._exclude_patterns:
            names.difference_update(fnmatch.filter(names, pattern))
        return names
