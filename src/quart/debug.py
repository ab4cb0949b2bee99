"""The page that shows a developer an unhandled error: for debug mode and nothing else."""

from __future__ import annotations

import linecache
import reprlib
import traceback
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from types import FrameType

from jinja2 import Environment, Template

from .wrappers import Response

#: How many lines of source are shown before and after the one that was running.
_CONTEXT_LINES = 5
#: How many errors are shown in all, and how many frames of each: a recursion has a thousand.
_MOST_ERRORS = 50
_MOST_FRAMES = 100

TEMPLATE = """\
{%- macro show(errors) -%}
{% for error in errors %}
<section>
  {% if error.relation %}<p class="relation">{{ error.relation }}</p>{% endif %}
  <pre class="error">{{ error.message }}</pre>
  {% if error.left_out %}
  <p class="relation">{{ error.left_out }} frames are left out.</p>
  {% endif %}
  {% for frame in error.frames %}
  <details{% if loop.last %} open{% endif %}>
    <summary><b>{{ frame.function }}</b> in {{ frame.file }}, line {{ frame.line }}</summary>
    <ol start="{{ frame.first }}">
      {% for text in frame.source %}
      {% set current = loop.index0 + frame.first == frame.line %}
      <li{% if current %} class="current"{% endif %}><code>{{ text }}</code></li>
      {% endfor %}
    </ol>
    <table>
      {% for name, value in frame.locals %}
      <tr><th>{{ name }}</th><td><code>{{ value }}</code></td></tr>
      {% endfor %}
    </table>
  </details>
  {% endfor %}
  {% for part in error.parts %}
  <div class="part">{{ show(part) }}</div>
  {% endfor %}
</section>
{% endfor %}
{%- endmacro -%}
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>{{ title }}</title>
<style>
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 70rem; padding: 0 1rem; }
body { color: #222; background: #fff; }
code, pre, ol, summary { font-family: ui-monospace, monospace; font-size: 13px; }
pre, code { white-space: pre-wrap; overflow-wrap: anywhere; }
.error { font-size: 16px; font-weight: bold; color: #a11; }
.relation { color: #666; font-style: italic; }
.part { border-left: 3px solid #a11; padding-left: 1rem; }
details { margin: .4rem 0; }
summary { cursor: pointer; background: #f3f3f3; padding: .3rem .6rem; }
ol { margin: 0; padding-left: 4rem; background: #fafafa; }
.current { background: #fdd; font-weight: bold; }
table { border-collapse: collapse; width: 100%; margin: .4rem 0; }
th, td { border-top: 1px solid #eee; text-align: left; vertical-align: top; padding: .2rem .6rem; }
th { width: 12rem; font-weight: normal; }
</style>
</head>
<body>
<h1>The application raised an error</h1>
{{ show(errors) }}
</body>
</html>
"""


@dataclass(frozen=True)
class _Frame:
    """One call on the way to an error: ``source`` are lines from number ``first`` on."""

    file: str
    function: str
    line: int
    first: int
    source: list[str]
    locals: list[tuple[str, str]]


@dataclass(frozen=True)
class _Error:
    """An error, how it came out of the one shown before it, and the chains of what it groups."""

    relation: str
    message: str
    left_out: int
    frames: list[_Frame]
    parts: list[list[_Error]]


class _Repr(reprlib.Repr):
    """Short representations, whatever an object's own one does."""

    def __init__(self) -> None:
        super().__init__()
        self.maxstring = self.maxother = self.maxlong = 500
        self.maxlevel = 3
        self.maxdict = self.maxlist = self.maxtuple = self.maxset = 20

    def repr1(self, x: object, level: int) -> str:
        try:
            return super().repr1(x, level)
        except Exception as error:
            return f"<{type(x).__name__}, whose repr raises {type(error).__name__}>"


_short = _Repr().repr


@cache
def _template() -> Template:
    return Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True).from_string(TEMPLATE)


async def traceback_response(error: BaseException) -> Response:
    """A page, of status 500, with the error, what led to it, and each frame's source and locals."""
    errors = list(_chain(error, set()))
    title = f"{type(error).__name__}: {_text(error)}"
    response = Response(_template().render(title=title, errors=errors), 500)
    # Everything in the page is escaped; and nothing in it could run if it were not.
    response.headers["Content-Security-Policy"] = (
        "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
    )
    return response


def _text(error: BaseException) -> str:
    try:
        return str(error)
    except Exception:
        return "<an error whose str fails>"


def _chain(error: BaseException | None, seen: set[int]) -> Iterator[_Error]:
    """An error and those it came out of, the last one first."""
    relation = ""
    while error is not None and id(error) not in seen and len(seen) < _MOST_ERRORS:
        seen.add(id(error))
        frames = list(traceback.walk_tb(error.__traceback__))
        shown = frames[-_MOST_FRAMES:]
        yield _Error(
            relation,
            "".join(traceback.format_exception_only(error)).rstrip(),
            len(frames) - len(shown),
            [_frame(frame, line) for frame, line in shown],
            [list(_chain(part, seen)) for part in getattr(error, "exceptions", ())],
        )
        if error.__cause__ is not None:
            error, relation = error.__cause__, "The error above was raised because of this one:"
        else:
            relation = "The error above was raised while this one was handled:"
            error = None if error.__suppress_context__ else error.__context__


def _frame(frame: FrameType, line: int) -> _Frame:
    code = frame.f_code
    first = max(1, line - _CONTEXT_LINES)
    lines = linecache.getlines(code.co_filename, frame.f_globals)
    return _Frame(
        file=code.co_filename,
        function=code.co_qualname,
        line=line,
        first=first,
        source=[text.rstrip("\n") for text in lines[first - 1 : line + _CONTEXT_LINES]],
        locals=[(name, _short(value)) for name, value in list(frame.f_locals.items())],
    )
