"""The reloader: a parent that watches files, and a child that runs the program anew."""

from __future__ import annotations

import fnmatch
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

import click

from .process import CHILD, is_child, on_stop_signal

#: Seconds between two looks at the watched files, and so the longest that Ctrl-C waits for one.
POLL_INTERVAL = 0.5
#: Seconds that a child has to end before it is killed.
CHILD_TIMEOUT = 10.0

_REPORT = "QUART_RELOADER_REPORT"


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
        env = {**os.environ, CHILD: "true", _REPORT: str(report)}
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
