"""The parts of an error's page: the errors that led to it, the calls, and their variables.

Nothing here knows about pages; page.py and text.py read it.
"""

from __future__ import annotations

import itertools
import linecache
import os
import sysconfig
import traceback
from collections.abc import Iterator
from dataclasses import dataclass
from types import CodeType, FrameType, TracebackType

from .masking import Masking, cut, type_name

#: How many lines of source are shown before and after the current one.
CONTEXT_LINES = 5
#: How many errors are shown in total, and how many frames of each: a recursion has thousands.
MOST_ERRORS = 50
MOST_FRAMES = 100
#: How many variables of a frame are shown.
MOST_LOCALS = 100
#: How many characters of a message, and of a line of source, are shown.
MOST_MESSAGE = 20_000
MOST_LINE = 500

_PACKAGE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


def _directories() -> dict[str, str]:
    """Return the directories with other people's code, with the package's name if there is one."""
    paths = sysconfig.get_paths()
    found = {}
    for key, name in (
        ("stdlib", "Python"),
        ("platstdlib", "Python"),
        ("purelib", ""),
        ("platlib", ""),
    ):
        for path in (paths[key], os.path.realpath(paths[key])):
            found[path] = name
    for path in (_PACKAGE, os.path.realpath(_PACKAGE)):
        found[path] = "quart"
    return found


_LIBRARIES = _directories()


@dataclass(frozen=True)
class Line:
    """A line of source in three pieces; the middle one was running."""

    number: int
    before: str
    marked: str
    after: str
    current: bool

    @property
    def text(self) -> str:
        return f"{self.before}{self.marked}{self.after}"


@dataclass(frozen=True)
class Frame:
    """One call on the way to an error."""

    frame: FrameType
    file: str
    #: The file as it is shown: relative to the working directory if it is in there.
    place: str
    function: str
    line: int
    source: list[Line]
    locals: list[tuple[str, str]]
    #: The package to which the code belongs; empty for the application's own code.
    library: str

    @property
    def own(self) -> bool:
        return not self.library


@dataclass(frozen=True)
class Error:
    """An error, how it relates to the one shown before it, and the errors in its group, if any.

    The frames are in the order of the calls.
    """

    relation: str
    message: str
    left_out: int
    frames: list[Frame]
    parts: list[list[Error]]

    @property
    def runs(self) -> list[tuple[str, list[Frame]]]:
        """The frames, the innermost first, with neighbouring library frames grouped by name."""
        runs = []
        for own, run in itertools.groupby(reversed(self.frames), lambda frame: frame.own):
            frames = list(run)
            names = dict.fromkeys(frame.library for frame in frames)
            runs.append(("" if own else ", ".join(names), frames))
        return runs


def collect(error: BaseException, root: str | None, masking: Masking) -> list[Error]:
    """Return an error and those that led to it, the last one first.

    :param root: The directory of the application, which may be among installed packages.
    """
    return list(_chain(error, set(), root, masking))


def message_of(error: BaseException) -> str:
    """Return the type, text and notes of an error, as at the end of a traceback."""
    try:
        text = "".join(traceback.format_exception_only(error)).rstrip()
    except BaseException as failure:
        text = f"{type_name(error)}: <its text raises {type_name(failure)}>"
    return cut(text, MOST_MESSAGE)


def _chain(
    error: BaseException | None, seen: set[int], root: str | None, masking: Masking
) -> Iterator[Error]:
    relation = ""
    while error is not None and id(error) not in seen and len(seen) < MOST_ERRORS:
        seen.add(id(error))
        steps = list(_steps(error.__traceback__))
        shown = steps[-MOST_FRAMES:]
        parts = error.exceptions if isinstance(error, BaseExceptionGroup) else ()
        yield Error(
            relation,
            message_of(error),
            len(steps) - len(shown),
            [_frame(*step, root, masking) for step in shown],
            [list(_chain(part, seen, root, masking)) for part in parts],
        )
        if error.__cause__ is not None:
            error, relation = error.__cause__, "The error above was raised because of this one:"
        else:
            relation = "The error above was raised while this one was handled:"
            error = None if error.__suppress_context__ else error.__context__


def _steps(tb: TracebackType | None) -> Iterator[tuple[FrameType, int, int]]:
    while tb is not None:
        yield tb.tb_frame, tb.tb_lineno, tb.tb_lasti
        tb = tb.tb_next


def _frame(
    frame: FrameType, line: int, instruction: int, root: str | None, masking: Masking
) -> Frame:
    code = frame.f_code
    file = code.co_filename
    try:
        found = list(frame.f_locals.items())[:MOST_LOCALS]
        values = [(str(name), value) for name, value in found]
    except BaseException:  # a class body may have a mapping of any kind, with any keys
        values = []
    return Frame(
        frame=frame,
        file=file,
        place=_place(file),
        function=code.co_qualname,
        line=line,
        source=_source(frame, line, instruction),
        locals=[(name, masking.show(value, name)) for name, value in values],
        library=library_of(file, root),
    )


def library_of(file: str, root: str | None = None) -> str:
    """Return the package to which a file belongs; empty for the application's own files."""
    if file.startswith("<frozen"):
        return "Python"
    below = [path for path in _LIBRARIES if file.startswith(path + os.sep)]
    if not below:
        return ""
    path = max(below, key=len)
    if root is not None and len(root) > len(path) and file.startswith(root + os.sep):
        return ""
    return _LIBRARIES[path] or file[len(path) + 1 :].split(os.sep)[0].removesuffix(".py")


def from_own_code_on(tb: TracebackType | None, root: str) -> TracebackType | None:
    """Cut a traceback to start at the application's own code; keep it whole if there is none."""
    own = tb
    while own is not None and library_of(own.tb_frame.f_code.co_filename, root):
        own = own.tb_next
    return tb if own is None else own


def _place(file: str) -> str:
    here = os.getcwd() + os.sep
    return file.removeprefix(here)


def _source(frame: FrameType, line: int, instruction: int) -> list[Line]:
    code = frame.f_code
    lines = linecache.getlines(code.co_filename, frame.f_globals)
    first = max(1, line - CONTEXT_LINES)
    begin, end = _position(code, line, instruction)
    source = []
    for number, text in enumerate(lines[first - 1 : line + CONTEXT_LINES], first):
        text = text.rstrip()
        left = right = 0
        if begin is not None and end is not None and begin[0] <= number <= end[0]:
            indent = len(text) - len(text.lstrip())
            left = _column(text, begin[1]) if number == begin[0] else indent
            right = _column(text, end[1]) if number == end[0] else len(text)
        if left == 0 and len(text) > MOST_LINE:
            text = cut(text, MOST_LINE)
        elif len(text) > MOST_LINE:
            # Show the part around the mark: the line may be as long as a file.
            start = max(0, left - MOST_LINE // 2)
            text = text[start : start + MOST_LINE]
            left, right = left - start, min(right - start, MOST_LINE)
        right = max(left, right)
        source.append(Line(number, text[:left], text[left:right], text[right:], number == line))
    return source


def _position(
    code: CodeType, line: int, instruction: int
) -> tuple[tuple[int, int] | None, tuple[int, int] | None]:
    """Return where the running expression begins and ends: lines, and columns in bytes."""
    positions = next(itertools.islice(code.co_positions(), instruction // 2, None), None)
    if positions is None or instruction < 0:
        return None, None
    first, last, left, right = positions
    if first is None or last is None or left is None or right is None:
        return None, None
    if not first <= line <= last:
        return None, None  # the lines of the code were changed afterwards, as in a template
    return (first, left), (last, right)


def _column(text: str, column: int) -> int:
    """Convert a column in bytes to one in characters."""
    return len(text.encode()[:column].decode(errors="ignore"))
