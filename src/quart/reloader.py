"""The reloader: a parent process that watches files, and a child that runs the program."""

from __future__ import annotations

import fnmatch
import os
import signal
import subprocess
import sys
import sysconfig
import tempfile
import threading
import time
import traceback
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

import click

from . import process
from .process import CHILD, is_child, on_stop_signal

#: Seconds between two looks at the watched files, and so the longest delay of Ctrl-C.
POLL_INTERVAL = 0.2
#: Seconds between two looks at all files: also those of installed packages and of Python, and those
#: in directories for which the system reports no changes.
LONG_INTERVAL = 2.0
#: Seconds that a child has to end before it is killed.
CHILD_TIMEOUT = 10.0

_REPORT = "QUART_RELOADER_REPORT"
# The directories of Python's modules and of installed packages.
_INSTALLED = tuple(
    {sysconfig.get_path(key) + os.sep for key in ("stdlib", "platstdlib", "purelib", "platlib")}
)


def loaded_files() -> set[str]:
    """Return the files of all modules loaded in this process."""
    files = {getattr(module, "__file__", None) for module in list(sys.modules.values())}
    return {os.path.abspath(file) for file in files if file and os.path.isfile(file)}


def modified(name: str) -> int:
    """Return when a file or directory was last changed, in nanoseconds; 0 if it does not exist."""
    try:
        return os.stat(name).st_mtime_ns
    except OSError:
        return 0


#: In a child: what is watched besides loaded files, and when each was last changed.
_watched_too: dict[str, int] = {}


def watch_failure(error: BaseException) -> None:
    """In a reloader's child, make the parent watch the files in which an error may be corrected.

    These are the files in its traceback and their directories: a file may be missing there.
    """
    each: BaseException | None = error
    while each is not None:
        files = [frame.filename for frame in traceback.extract_tb(each.__traceback__)]
        if isinstance(each, SyntaxError) and each.filename:
            files.append(each.filename)
        for file in filter(os.path.isfile, files):
            path = os.path.abspath(file)
            _watched_too.update({name: modified(name) for name in (path, os.path.dirname(path))})
        each = each.__cause__ or each.__context__
    _watched_too[os.getcwd()] = modified(os.getcwd())


def report_loaded_files() -> None:
    """In a reloader's child, keep telling the parent which files are loaded."""
    path, parent = os.environ.get(_REPORT), os.getppid()
    if path is None or not is_child():
        return

    def report() -> None:
        reported: set[str] = set()
        seen = 0
        with suppress(OSError):  # when the parent ends, it removes the directory
            while os.getppid() == parent:
                # Look at the modules only if there are new ones, because there are thousands.
                if len(sys.modules) + len(_watched_too) != seen:
                    seen = len(sys.modules) + len(_watched_too)
                    new = (loaded_files() | _watched_too.keys() | process.env_files) - reported
                    # Report the time as seen here, because the parent may look only after a change.
                    lines = [f"{_watched_too.get(name) or modified(name)} {name}\n" for name in new]
                    with open(path, "a", encoding="utf-8") as file:
                        file.writelines(lines)
                    reported |= new
                time.sleep(POLL_INTERVAL)
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=report, name="quart-reloader", daemon=True).start()


def reload_on_change(
    extra_files: Iterable[str | os.PathLike[str]] = (), exclude_patterns: Iterable[str] = ()
) -> int:
    """Run this command in a child process, and again whenever a watched file changes.

    It watches the files of all loaded modules, the env files, and `extra_files` (files, or
    directories with everything in them), except those that match one of `exclude_patterns` (as in
    fnmatch). If a child fails after a change, the parent waits for the next change. Returns the
    exit status for this process, when it is asked to end or the child ends by itself.
    """
    stopping = False

    def stop() -> None:
        nonlocal stopping
        stopping = True

    with tempfile.TemporaryDirectory() as directory, on_stop_signal(stop):
        report = Path(directory, "files")
        watched = _Watched(report, list(map(Path, extra_files)), list(exclude_patterns))
        env = {**os.environ, CHILD: "true", _REPORT: str(report)}
        for name in process.set_from_files:
            env.pop(name, None)  # the child reads the files itself
        reloaded = False
        while True:
            watched.changed()  # the child loads the files as they are now
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
    """The watched files, and when each was last changed."""

    def __init__(self, report: Path, extra: list[Path], exclude_patterns: list[str]) -> None:
        self._report = report
        self._reported = 0  # bytes of the report that were read
        self._extra = extra
        self._exclude_patterns = exclude_patterns
        self._own: set[str] = set()
        self._libraries: set[str] = set()
        self._times: dict[str, int] = {}
        self._notices = _Notices()
        self._look_at_all = 0.0
        self._add(loaded_files() | process.env_files)
        self.changed()

    def add_neighbours(self) -> None:
        """Watch the Python files beside the program's, because one may have made it fail."""
        own = {Path(name).parent for name in self._own}
        self._add(str(path) for each in own for path in each.glob("*.py"))

    def _add(self, names: Iterable[str]) -> None:
        added = set(names)
        for pattern in self._exclude_patterns:
            added.difference_update(fnmatch.filter(added, pattern))
        for name in added - self._own:
            if name.startswith(_INSTALLED):
                self._libraries.add(name)
            else:
                self._own.add(name)
                self._notices.add(name if os.path.isdir(name) else os.path.dirname(name))

    def changed(self) -> str | None:
        """Return the name of a file that has changed since the last call, or None.

        A file that is seen for the first time has not changed.
        """
        reported, told = self._read_report(), self._notices.came()
        look_at_all = self._look_at_all <= time.monotonic()
        if not (reported or told or look_at_all):
            return None
        self._add_extra()
        changed = self._changed_of(self._own)
        if changed is not None and not reported and not told:
            self._notices.complete = False
        if look_at_all:
            changed = changed or self._changed_of(self._libraries)
            self._look_at_all = time.monotonic() + LONG_INTERVAL
        return changed

    def _read_report(self) -> bool:
        """Read the report; return whether the child has reported files since the last call."""
        lines = b""
        with suppress(OSError), open(self._report, "rb") as file:
            file.seek(self._reported)
            lines = file.read()
        lines = lines[: lines.rfind(b"\n") + 1]  # the child may still be writing the last line
        self._reported += len(lines)
        pairs = [line.split(" ", 1) for line in lines.decode().splitlines()]
        for at, name in pairs:
            self._times.setdefault(name, int(at))
        self._add(name for _, name in pairs)
        return bool(pairs)

    def _add_extra(self) -> None:
        for path in self._extra:
            self._add([os.path.abspath(path), *map(os.path.abspath, path.rglob("*"))])

    def _changed_of(self, names: set[str]) -> str | None:
        changed = None
        times = self._times
        for name in names:
            # Like `modified`, but without the call: it runs several times a second for each file.
            try:
                now = os.stat(name).st_mtime_ns
            except OSError:
                now = 0
            if times.setdefault(name, now) != now:
                times[name] = now
                changed = name
        return changed


class _Notices:
    """Notices of changes in directories, on Linux by inotify(7).

    Elsewhere, and on file systems that report nothing, the files have to be looked at.
    """

    # IN_MODIFY, IN_ATTRIB, IN_CLOSE_WRITE, IN_MOVED_FROM, IN_MOVED_TO, IN_CREATE, IN_DELETE
    _CHANGES = 0x3CE

    def __init__(self) -> None:
        import ctypes  # imported late: most programs that import this module do not reload

        self._directories: set[str] = set()
        #: True as long as every change is believed to cause a notice.
        self.complete = False
        with suppress(AttributeError, OSError, TypeError):
            self._libc = ctypes.CDLL(None)
            self._descriptor: int = self._libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
            self.complete = self._descriptor >= 0

    def add(self, directory: str) -> None:
        """Ask for notices of changes in a directory."""
        if self.complete and directory not in self._directories:
            self._directories.add(directory)
            path = os.fsencode(directory)
            watch: int = self._libc.inotify_add_watch(self._descriptor, path, self._CHANGES)
            self.complete = watch >= 0

    def came(self) -> bool:
        """Whether something may have changed since the last call."""
        came = not self.complete
        with suppress(BlockingIOError):
            while self.complete and os.read(self._descriptor, 65_536):
                came = True
        return came
