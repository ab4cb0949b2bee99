"""An error as plain text, for a terminal: its traceback, then the application's own frames."""

from __future__ import annotations

import re
import traceback
from collections.abc import Iterator

from .frames import MOST_LINE, Error, Frame
from .masking import cut, type_name

#: How many characters of a traceback are kept.
MOST_TRACEBACK = 200_000

# Control characters: text in an error, which a client may have sent, could command the terminal.
_CONTROLS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f]")


def plain_text(error: BaseException, errors: list[Error]) -> str:
    """Format a traceback as Python prints it, and then once more the application's own part.

    The second part comes last, because a terminal shows the end.
    """
    try:
        whole = "".join(traceback.format_exception(error)).rstrip()
    except BaseException as failure:
        whole = f"<the traceback cannot be shown: {type_name(failure)}>"
    lines = [cut(line, MOST_LINE) for line in whole.splitlines()]
    parts = [cut("\n".join(lines), MOST_TRACEBACK)]
    own = [frame for frame in errors[0].frames if frame.own]
    if own and own != errors[0].frames:
        parts.append(f"The application's own calls:\n{''.join(map(_lines_of, own))}")
        parts[-1] += errors[0].message
    return _CONTROLS.sub(_escaped, "\n\n".join(parts)) + "\n"


def _escaped(match: re.Match[str]) -> str:
    return f"\\x{ord(match[0]):02x}"


def _lines_of(frame: Frame) -> str:
    return f'  File "{frame.file}", line {frame.line}, in {frame.function}\n' + "".join(
        _current_lines(frame)
    )


def _current_lines(frame: Frame) -> Iterator[str]:
    for line in frame.source:
        if line.current:
            text = line.text.strip()
            yield f"    {text}\n"
            left = len(line.before) - len(line.text) + len(line.text.lstrip())
            if line.marked and line.marked.strip() != text:
                yield f"    {' ' * left}{'^' * len(line.marked)}\n"
