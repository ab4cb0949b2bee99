"""The console in the frames of the debug page: Python, with `await`, where the error was raised.

Werkzeug's debugger decides who may use it, by its own rules: the PIN, how often a wrong one is
accepted, the trusted hosts, and the secret that a page knows.

Only `quart run --debug`, or `use_debugger` of `app.run`, loads this.
"""

from __future__ import annotations

import ast
import inspect
import sys
import traceback
from codeop import CommandCompiler
from collections import deque
from contextlib import nullcontext
from types import CodeType, FunctionType
from typing import TYPE_CHECKING, Any

import click
from markupsafe import escape
from werkzeug.debug import DebuggedApplication
from werkzeug.debug.console import Console as WerkzeugConsole
from werkzeug.debug.console import _InteractiveConsole
from werkzeug.exceptions import Forbidden, HTTPException
from werkzeug.sansio.utils import host_is_trusted
from werkzeug.wrappers import Request, Response

from ..workers import wait_in_thread
from . import page

if TYPE_CHECKING:
    from collections.abc import Iterator
    from wsgiref.types import StartResponse, WSGIEnvironment

    from ..app import Quart
    from ..ctx import AppContext
    from .frames import Frame

#: The console works in the frames of this many errors, the latest ones.
MOST_ERRORS = 10


class Console(DebuggedApplication):
    """A WSGI application that runs code in the frames it keeps, for those who may use it."""

    path = "/__debugger__"

    def __init__(self, app: Quart) -> None:
        super().__init__(app, evalex=True, console_path="", pin_logging=False)  # type: ignore[arg-type]
        self.pin_logging = True  # log it when a page asks for it
        self._numbers: deque[list[int]] = deque()
        self._next = 1

    def debug_application(
        self, environ: WSGIEnvironment, start_response: StartResponse
    ) -> Iterator[bytes]:
        """Refuse requests that Werkzeug would pass to the application that it wraps."""
        return iter(Forbidden()(environ, start_response))

    def get_resource(self, request: object, filename: str) -> Any:
        """Refuse, because the page has everything it needs."""
        return Forbidden()

    def pin_auth(self, request: Request) -> Response:
        """Check a PIN, as Werkzeug does. Without a PIN this is a 400, unless the PIN is off."""
        if self.pin is None and self.check_host_trust(request.environ):
            return Response('{"auth": true, "exhausted": false}', mimetype="application/json")
        try:
            return super().pin_auth(request)
        except HTTPException as error:
            return error  # type: ignore[return-value]  # a WSGI application, too

    def is_for(self, host: str | None) -> bool:
        """Whether a page that was requested under this host name may have the console."""
        return host_is_trusted(host, self.trusted_hosts)

    def keep(self, frames: list[Frame], ctx: AppContext | None) -> list[int]:
        """Keep the frames of an error, and return the number of each."""
        numbers = [*range(self._next, self._next + len(frames))]
        self._next += len(frames)
        kept: Any = {
            number: _Frame(each, ctx) for number, each in zip(numbers, frames, strict=True)
        }
        self.frames.update(kept)
        self._numbers.append(numbers)
        if len(self._numbers) > MOST_ERRORS:
            for number in self._numbers.popleft():
                del self.frames[number]
        return numbers


def start(app: Quart) -> Console:
    """Give the debug pages of this process a console, below a path of the application.

    Prints its PIN, which is the same at the next start.
    """
    page.console = console = Console(app)
    app.mount(console.path, console)
    if console.pin is None:
        click.echo(" * Debugger PIN: off. Anyone who reaches this server can run code in it!")
    else:
        click.echo(f" * Debugger PIN: {console.pin}")
    return console


class _Frame:
    """A frame in which code can run, in the context of the request that failed."""

    def __init__(self, frame: Frame, ctx: AppContext | None) -> None:
        self._frame = frame.frame
        self._ctx = ctx
        self._console: _Console | None = None

    def eval(self, code: str) -> str:
        """Run a line of code in a worker thread; return its output as HTML."""
        if self._console is None:
            self._console = _Console(self._frame.f_globals, self._frame.f_locals)
        try:
            with nullcontext() if self._ctx is None else self._ctx.entered():
                return self._console.eval(code)
        except BaseException as error:  # so that `exit()` ends no thread and no server
            return str(escape(f">>> {code}\n{type(error).__name__}: {error}"))


class _Console(WerkzeugConsole):
    def __init__(self, globals: dict[str, object], locals: dict[str, object]) -> None:
        super().__init__()
        self._ipy = _Interpreter(globals, locals)


class _Interpreter(_InteractiveConsole):
    """Werkzeug's console, with `await`, which runs in the server's event loop."""

    def __init__(self, globals: dict[str, object], locals: dict[str, object]) -> None:
        super().__init__(globals, locals)
        compiler = CommandCompiler()
        compiler.compiler.flags |= ast.PyCF_ALLOW_TOP_LEVEL_AWAIT

        def compile(source: str, filename: str, symbol: str) -> CodeType | None:
            code = compiler(source, filename, symbol)
            if code is not None:
                self.loader.register(code, source)
            return code

        self.compile = compile  # type: ignore[assignment]

    def runcode(self, code: CodeType) -> None:
        """Run a piece of code, and wait for what it awaits."""
        if not code.co_flags & inspect.CO_COROUTINE:
            super().runcode(code)
            return
        try:
            wait_in_thread(FunctionType(code, self.locals)())
        except Exception:
            self.showtraceback()

    def showtraceback(self) -> None:
        """Write the traceback as Python's own console does, from the entered line on."""
        error = sys.exception()
        assert error is not None
        tb = error.__traceback__
        while tb is not None and tb.tb_frame.f_code.co_filename != "<debugger>":
            tb = tb.tb_next
        self.write("".join(traceback.format_exception(type(error), error, tb)))

    def showsyntaxerror(self, filename: str | None = None, **kwargs: object) -> None:
        """Write what is wrong with the line that was entered."""
        self.write("".join(traceback.format_exception_only(sys.exception())))
