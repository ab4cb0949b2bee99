"""The `quart` command: how it finds an application and its commands, and its built-in commands."""

from __future__ import annotations

import ast
import asyncio
import inspect
import os
import platform
import re
import ssl
import sys
import traceback
from code import InteractiveConsole
from collections.abc import Callable, Coroutine
from functools import partial, update_wrapper
from importlib import import_module
from importlib.metadata import entry_points, version
from importlib.util import find_spec
from pathlib import Path
from types import CodeType, FunctionType, ModuleType
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar, cast, overload

import click
import flask.cli
from click.core import ParameterSource
from flask.cli import CertParamType as CertParamType
from flask.cli import SeparatedPathType as SeparatedPathType
from flask.cli import prepare_import
from werkzeug.utils import import_string

from . import process, reloader
from ._speedups import COMPILED
from .command_context import command_context
from .globals import _cv_quart
from .globals import current_app as current_app
from .helpers import get_debug_flag, get_load_dotenv
from .process import load_dotenv, show_server_banner
from .serving import Serving

if TYPE_CHECKING:
    from typing import IO

    from werkzeug.routing import Rule

    from .app import Quart

P = ParamSpec("P")
T = TypeVar("T")

__all__ = (
    "AppGroup",
    "NoAppException",
    "QuartGroup",
    "ScriptInfo",
    "cli",
    "current_app",
    "find_app_by_string",
    "find_best_app",
    "get_debug_flag",
    "get_load_dotenv",
    "get_version",
    "load_dotenv",
    "locate_app",
    "main",
    "migrate_command",
    "pass_script_info",
    "prepare_import",
    "routes_command",
    "run_command",
    "shell_command",
    "show_server_banner",
    "version_option",
    "with_appcontext",
)

#: The files (or packages of the same names) in the working directory that may hold the application
#: if none is named.
APP_FILES = ("app.py", "wsgi.py", "asgi.py", "main.py")

# The key in click's `meta` of the event loop that runs a command's context and coroutines.
_RUNNER = "quart.cli.runner"


# Finding the application


class NoAppException(click.UsageError):
    """The application cannot be found or loaded: one line on the console, exit status 1.

    If its module raised an error, the traceback comes before that line.
    """

    exit_code = 1

    def show(self, file: IO[str] | None = None) -> None:
        click.echo(f"{self.traceback()}Error: {self.format_message()}", file=file, err=file is None)

    def traceback(self) -> str:
        """Return the traceback of the error in the module, from the module on."""
        if self.__cause__ is None:
            return ""
        exception = traceback.TracebackException.from_exception(self.__cause__)
        _leave_out_the_import(exception)
        return "".join(exception.format())


def _leave_out_the_import(exception: traceback.TracebackException | None) -> None:
    if exception is not None:
        for frame in [*exception.stack]:
            if "importlib" in frame.filename or frame.filename == __file__:
                exception.stack.remove(frame)
        _leave_out_the_import(exception.__cause__)
        _leave_out_the_import(exception.__context__)


def find_best_app(module: ModuleType) -> Quart:
    """Return the application in a module.

    That is `app` or `application`, else the only `Quart` in it, else what `create_app()` or
    `make_app()` returns. If there is no `Quart`, a Flask application is converted.

    Raises NoAppException.
    """
    hint = f"Use '{module.__name__}:name' to specify the right one."
    for name in ("app", "application"):
        app = getattr(module, name, None)
        if isinstance(app, Serving):
            return cast("Quart", app)
    apps = [value for value in vars(module).values() if isinstance(value, Serving)]
    if len(apps) == 1:
        return cast("Quart", apps[0])
    if apps:
        raise NoAppException(f"There are several Quart applications in {module.__name__!r}. {hint}")
    flasks = {name: value for name, value in vars(module).items() if isinstance(value, flask.Flask)}
    for name in flasks.keys() & {"app", "application"}:
        return _adopted(flasks[name], f"{module.__name__}:{name}")
    for name in ("create_app", "make_app"):
        factory = getattr(module, name, None)
        if inspect.isfunction(factory):
            _check_arguments(factory, f"{module.__name__}:{name}")
            return _made_by(factory, f"{module.__name__}:{name}")
    if module.__name__ == "quart":
        raise NoAppException(
            "'quart' is the name of the framework, and a file 'quart.py' of your own hides it or is"
            " hidden by it: give the file another name."
        )
    if len(flasks) == 1:
        ((name, app),) = flasks.items()
        return _adopted(app, f"{module.__name__}:{name}")
    raise NoAppException(
        f"There is no Quart application or factory in the module {module.__name__!r}. {hint}"
    )


def _adopted(app: flask.Flask, where: str) -> Quart:
    """Convert a Flask application, and print a line about that.

    Raises NoAppException if it cannot be converted.
    """
    quart = import_module("quart")  # on a higher floor than this file
    try:
        adopted: Quart = quart.Quart.from_flask(app)
    except (RuntimeError, TypeError, ValueError) as error:
        raise NoAppException(f"{where!r} is a Flask application. {error}") from error
    if not process.is_child():
        click.echo(
            f" * {where!r} is a Flask application, converted by 'Quart.from_flask()': its 'def'"
            " views run in threads, and you can add async views and websockets.",
            err=True,
        )
    return adopted


def _made_by(factory: Callable[..., object], where: str, *args: object, **kwargs: object) -> Quart:
    """Call a factory, which may be async, and return its application. Raises NoAppException."""
    app = factory(*args, **kwargs)
    if inspect.iscoroutine(app):
        app = asyncio.run(app)
    if isinstance(app, Serving):
        return cast("Quart", app)
    if app is None:
        raise NoAppException(
            f"The factory {where!r} returned None: it ends without a 'return app'."
        )
    if isinstance(app, flask.Flask):
        return _adopted(app, where)
    raise NoAppException(
        f"The factory {where!r} returned a {type(app).__name__}, not a Quart application."
    )


def find_app_by_string(module: ModuleType, app_name: str) -> Quart:
    """Return the application that `name` or `factory(literal, ...)` names in a module.

    Raises NoAppException.
    """
    where = f"{module.__name__}:{app_name}"
    try:
        expression = ast.parse(app_name.strip(), mode="eval").body
    except SyntaxError:
        expression = None
    call = expression if isinstance(expression, ast.Call) else None
    name = call.func if call else expression
    if not isinstance(name, ast.Name):
        raise NoAppException(f"{app_name!r} must be a name, or a call of a function by its name.")
    try:
        args = [ast.literal_eval(each) for each in call.args] if call else []
        keywords = call.keywords if call else []
        kwargs = {each.arg: ast.literal_eval(each.value) for each in keywords if each.arg}
    except ValueError:
        raise NoAppException(f"The arguments in {app_name!r} are not literal values.") from None
    try:
        app = getattr(module, name.id)
    except AttributeError:
        raise NoAppException(
            f"There is no {name.id!r} in the module {module.__name__!r}."
        ) from None
    if inspect.isfunction(app):
        _check_arguments(app, where, *args, **kwargs)
        return _made_by(app, where, *args, **kwargs)
    if isinstance(app, Serving):
        return cast("Quart", app)
    if isinstance(app, flask.Flask):
        return _adopted(app, where)
    raise NoAppException(f"{where!r} is not a Quart application, nor a function that makes one.")


def _check_arguments(
    factory: Callable[..., object], where: str, *args: object, **kwargs: object
) -> None:
    try:
        inspect.signature(factory).bind(*args, **kwargs)
    except TypeError as error:
        raise NoAppException(
            f"The factory {where!r} cannot be called like this: {error}."
            " Use 'module:factory(args)' to pass arguments."
        ) from None


def locate_app(
    module_name: str, app_name: str | None, raise_if_not_found: bool = True
) -> Quart | None:
    """Import a module and return the application in it: the named one, or the best.

    Returns None if there is no such module and `raise_if_not_found` is false. Raises
    NoAppException if the module cannot be imported.
    """
    try:
        module = import_module(module_name)
    except Exception as error:
        missing = isinstance(error, ModuleNotFoundError) and error.name
        if missing and f"{module_name}.".startswith(f"{missing}."):
            if not raise_if_not_found:
                return None
            raise NoAppException(
                f"Could not import {module_name!r}: there is no such module."
            ) from None
        raise NoAppException(
            f"Could not import {module_name!r}: {type(error).__name__}: {error}{_place(error)}"
        ) from error
    return find_best_app(module) if app_name is None else find_app_by_string(module, app_name)


def _place(error: Exception) -> str:
    if isinstance(error, SyntaxError):
        return ""  # its message names the place
    frame = traceback.extract_tb(error.__traceback__)[-1]
    return f" ({frame.filename}, line {frame.lineno})"


class ScriptInfo(flask.cli.ScriptInfo):
    """What a command knows about the application: where it is, and how to make it.

    It derives from Flask's class, so that commands of Flask extensions find it.
    """

    app_import_path: str | None
    create_app: Callable[..., Quart] | None  # type: ignore[assignment]  # not a Flask

    def __init__(
        self,
        app_import_path: str | None = None,
        create_app: Callable[..., Quart] | None = None,
        set_debug_flag: bool = True,
        load_dotenv_defaults: bool = True,
    ) -> None:
        super().__init__(app_import_path, None, set_debug_flag, load_dotenv_defaults)
        self.create_app = create_app
        self.load_dotenv_defaults = get_load_dotenv(load_dotenv_defaults)
        self._app: Quart | None = None

    def load_app(self) -> Quart:  # type: ignore[override]  # not a Flask
        """Load the application, the first time, and return it. Raises NoAppException."""
        if self._app is None:
            with process.importing_application():
                app = self._locate()
            if app is None:
                raise NoAppException(_not_found())
            if self.set_debug_flag:
                # The property also sets what depends on the debug flag.
                app.debug = get_debug_flag()
            self._app = app
        return self._app

    def _locate(self) -> Quart | None:
        if self.create_app is not None:
            return self.create_app(self) if _takes_info(self.create_app) else self.create_app()
        if self.app_import_path:
            # Split at a colon that is not part of a Windows drive.
            path, *name = re.split(r":(?![\\/])", self.app_import_path, maxsplit=1)
            return locate_app(prepare_import(path), name[0] if name else None)
        for file in APP_FILES:
            if os.path.isfile(file) or os.path.isdir(file.removesuffix(".py")):
                app = locate_app(prepare_import(file), None, raise_if_not_found=False)
                if app is not None:
                    return app
        return None


def _takes_info(create_app: Callable[..., Quart]) -> bool:
    """Whether a function that makes the application needs an argument."""
    try:
        inspect.signature(create_app).bind()
    except TypeError:
        return True
    except ValueError:  # a function in C without a signature
        pass
    return False


def _not_found() -> str:
    files = ", ".join(map(repr, APP_FILES[:-1]))
    text = (
        "Could not locate a Quart application. Use the 'quart --app' option, the 'QUART_APP'"
        f" environment variable, or a file {files} or {APP_FILES[-1]!r} in the current directory."
    )
    if "FLASK_APP" in os.environ:
        text += " 'FLASK_APP' is set, but only 'flask' reads it: set 'QUART_APP' instead."
    return text


pass_script_info = click.make_pass_decorator(ScriptInfo, ensure=True)


# The context that commands run in


def _push_app_context(ctx: click.Context) -> None:
    current = _cv_quart.get(None)
    app = ctx.ensure_object(ScriptInfo).load_app()
    if current is None or current.app is not app:
        ctx.meta[_RUNNER] = ctx.with_resource(command_context(app))
        ctx.call_on_close(partial(ctx.meta.pop, _RUNNER, None))


def _run(coroutine: Coroutine[object, None, T]) -> T:
    runner: asyncio.Runner | None = click.get_current_context().meta.get(_RUNNER)
    return asyncio.run(coroutine) if runner is None else runner.run(coroutine)


def with_appcontext(
    fn: Callable[..., object] | None = None, *, f: Callable[..., object] | None = None
) -> Callable[..., Any]:
    """Make a command's function, sync or async, run in the application's context."""
    fn = fn or f
    if fn is None:
        return with_appcontext

    @click.pass_context
    def decorator(ctx: click.Context, /, *args: object, **kwargs: object) -> object:
        if _cv_quart.get(None) is None:
            _push_app_context(ctx)
        app = _cv_quart.get().app
        try:
            result = ctx.invoke(fn, *args, **kwargs)
            return _run(result) if isinstance(result, Coroutine) else result
        except Exception as error:  # including that of `ctx.exit()`, which has closed the context
            app._add_notes(error)
            raise

    return update_wrapper(decorator, fn)


class AppGroup(click.Group):
    """A group whose commands, sync or async, run in the application's context."""

    @overload
    def command(self, __func: Callable[..., object]) -> click.Command: ...

    @overload
    def command(
        self, *args: object, **kwargs: object
    ) -> Callable[[Callable[..., object]], click.Command]: ...

    def command(self, *args: Any, **kwargs: Any) -> object:
        """Like click's, but the function runs in an app context unless `with_appcontext=False`."""
        if args and callable(args[0]):
            return self.command(*args[1:], **kwargs)(args[0])
        wrap = kwargs.pop("with_appcontext", True)
        super_command = super().command

        def decorator(func: Callable[..., object]) -> object:
            return super_command(*args, **kwargs)(with_appcontext(func) if wrap else func)

        return decorator

    @overload
    def group(self, __func: Callable[..., object]) -> click.Group: ...

    @overload
    def group(
        self, *args: object, **kwargs: object
    ) -> Callable[[Callable[..., object]], click.Group]: ...

    def group(self, *args: Any, **kwargs: Any) -> object:
        """Like click's; the groups are of this class."""
        if args and callable(args[0]):
            return self.group(*args[1:], **kwargs)(args[0])
        kwargs.setdefault("cls", AppGroup)
        return super().group(*args, **kwargs)

    def add_command(self, cmd: click.Command, name: str | None = None) -> None:
        """Like click's; a command whose function is async runs in an event loop."""
        if inspect.iscoroutinefunction(cmd.callback):
            cmd.callback = _in_loop(cmd.callback)
        super().add_command(cmd, name)


def _in_loop(func: Callable[P, Coroutine[object, None, T]]) -> Callable[P, T]:
    def run(*args: P.args, **kwargs: P.kwargs) -> T:
        return _run(func(*args, **kwargs))

    return update_wrapper(run, func)


# The options of the `quart` command itself


def get_version(ctx: click.Context, param: click.Parameter, value: object) -> None:
    """Print the versions that matter, and exit. Called for `--version`."""
    if not value or ctx.resilient_parsing:
        return
    click.echo(f"Python {platform.python_version()}", color=ctx.color)
    runs = "compiled" if COMPILED else "pure Python"
    click.echo(f"Quart {version('quart')} ({runs})", color=ctx.color)
    for name in ("Flask", "Werkzeug"):
        click.echo(f"{name} {version(name.lower())}", color=ctx.color)
    ctx.exit()


version_option = click.Option(
    ["--version"],
    help="Show the Quart version.",
    expose_value=False,
    callback=get_version,
    is_flag=True,
    is_eager=True,
)


def _set_app(ctx: click.Context, param: click.Parameter, value: str | None) -> str | None:
    if value is not None:
        ctx.ensure_object(ScriptInfo).app_import_path = value
    return value


# Eager, so that --help shows the application's commands.
_app_option = click.Option(
    ["-A", "--app"],
    metavar="IMPORT",
    help=(
        "The Quart application or factory function to load, in the form 'module:name'. Module can"
        " be a dotted import or file path. Name is not required if it is 'app', 'application',"
        " 'create_app', or 'make_app', and can be 'name(args)' to pass arguments."
    ),
    is_eager=True,
    expose_value=False,
    callback=_set_app,
)


def _set_debug(ctx: click.Context, param: click.Parameter, value: bool) -> bool | None:
    source = ctx.get_parameter_source(param.name or "")
    if source in (ParameterSource.DEFAULT, ParameterSource.DEFAULT_MAP):
        return None
    # Set the environment variable, so that a factory and the reloader's child process see it.
    os.environ["QUART_DEBUG"] = "1" if value else "0"
    return value


_debug_option = click.Option(
    ["--debug/--no-debug"], help="Set debug mode.", expose_value=False, callback=_set_debug
)


def _load_env_file(ctx: click.Context, param: click.Parameter, value: str | None) -> str | None:
    if value is not None and not _is_installed("dotenv"):
        raise click.BadParameter(
            "python-dotenv must be installed to load an env file.", ctx=ctx, param=param
        )
    defaults = ctx.ensure_object(ScriptInfo).load_dotenv_defaults
    if value is not None or defaults:
        load_dotenv(value, load_defaults=defaults)
    return value


# Eager and first, because these files may set other options.
_env_file_option = click.Option(
    ["-e", "--env-file"],
    type=click.Path(exists=True, dir_okay=False),
    help=(
        "Load environment variables from this file, which wins over '.env', '.quartenv' and"
        " '.flaskenv'. Variables that are set already win over all files. python-dotenv must be"
        " installed."
    ),
    is_eager=True,
    expose_value=False,
    callback=_load_env_file,
)


#: Commands in modules on a higher floor than this one, imported when they are used.
LAZY_COMMANDS = {"new": "quart.new:new_command", "serve": "quart.serve:serve_command"}


class QuartGroup(AppGroup):
    """The `quart` command, or one like it for a single application. Its commands are its own, those
    of installed packages, and those of the application.

    :param add_default_commands: Add `run`, `shell` and `routes`.
    :param create_app: A function that makes the application, instead of `--app`.
    :param add_version_option: Add `--version`.
    :param load_dotenv: Load `.env`, `.quartenv` and `.flaskenv`.
    :param set_debug_flag: Set the application's debug flag from `QUART_DEBUG` and `--debug`.
    """

    def __init__(
        self,
        add_default_commands: bool = True,
        create_app: Callable[..., Quart] | None = None,
        add_version_option: bool = True,
        load_dotenv: bool = True,
        set_debug_flag: bool = True,
        **extra: Any,
    ) -> None:
        params = [*(extra.pop("params", None) or ()), _env_file_option, _app_option, _debug_option]
        if add_version_option:
            params.append(version_option)
        extra.setdefault("context_settings", {}).setdefault("auto_envvar_prefix", "QUART")
        super().__init__(params=params, **extra)
        self.create_app = create_app
        self.load_dotenv = load_dotenv
        self.set_debug_flag = set_debug_flag
        if add_default_commands:
            for command in (run_command, shell_command, routes_command, migrate_command):
                self.add_command(command)
        self._lazy = LAZY_COMMANDS if add_default_commands else {}
        self._plugins_loaded = False

    def _load_plugin_commands(self) -> None:
        if self._plugins_loaded:
            return
        self._plugins_loaded = True
        # Flask's commands first, so that a plugin for Quart wins over one of the same name.
        for group in ("flask.commands", "quart.commands"):
            for entry in entry_points(group=group):
                if group == "quart.commands" or entry.name not in self.commands:
                    try:
                        self.add_command(entry.load(), entry.name)
                    except Exception as error:
                        _complain(f"The command {entry.name!r} could not be loaded: {error!r}")

    def get_command(  # pyright: ignore[reportIncompatibleMethodOverride]  # click's is cmd_name
        self, ctx: click.Context, name: str
    ) -> click.Command | None:
        """Return a command by its name. For the application's own commands, push its context."""
        self._load_plugin_commands()
        if name in self._lazy and name not in self.commands:
            module, _, attribute = self._lazy[name].partition(":")
            self.add_command(getattr(import_module(module), attribute), name)
        command = super().get_command(ctx, name)
        may_be_the_apps = name in self._lazy or (command is migrate_command and _names_an_app(ctx))
        if command is not None and not may_be_the_apps:
            return command
        try:
            app = ctx.ensure_object(ScriptInfo).load_app()
        except Exception as error:
            if name in self._lazy:
                return command  # running it reports the error
            if not isinstance(error, NoAppException):
                raise
            if command is None:
                _complain(error.format_message(), error.traceback())
            return command
        if command is not None and name not in app.cli.list_commands(ctx):
            return command
        # Push the context here, so that callbacks of parameters run in it, too.
        _push_app_context(ctx)
        return app.cli.get_command(ctx, name)

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the sorted names of all commands; report an application that cannot load."""
        self._load_plugin_commands()
        names = {*super().list_commands(ctx), *self._lazy}
        try:
            names.update(ctx.ensure_object(ScriptInfo).load_app().cli.list_commands(ctx))
        except NoAppException as error:
            _complain(error.format_message(), error.traceback())
        except Exception:
            _complain(traceback.format_exc())
        return sorted(names)

    def make_context(
        self,
        info_name: str | None,
        args: list[str],
        parent: click.Context | None = None,
        **extra: object,
    ) -> click.Context:
        """Like click's, with a `ScriptInfo`."""
        if "obj" not in extra and "obj" not in self.context_settings:
            extra["obj"] = ScriptInfo(
                create_app=self.create_app,
                set_debug_flag=self.set_debug_flag,
                load_dotenv_defaults=self.load_dotenv,
            )
        return super().make_context(info_name, args, parent=parent, **extra)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Like click's; before a help page, load the env files and the application."""
        if (not args and self.no_args_is_help) or (
            len(args) == 1 and args[0] in self.get_help_option_names(ctx)
        ):
            _env_file_option.handle_parse_result(ctx, {}, [])
            _app_option.handle_parse_result(ctx, {}, [])
        return super().parse_args(ctx, args)


def _names_an_app(ctx: click.Context) -> bool:
    """Whether an application is named. It may have its own `migrate`, from before ours existed."""
    return ctx.ensure_object(ScriptInfo).app_import_path is not None


def _complain(message: str, details: str = "") -> None:
    click.echo(details, err=True, nl=False)
    click.secho(f"Error: {message}\n", err=True, fg="red")


def _is_installed(module: str) -> bool:
    return find_spec(module) is not None


# The commands that come with it


def _import_certificate(
    ctx: click.Context, param: click.Parameter, value: str | None
) -> str | ssl.SSLContext | None:
    """Read `--certfile`: "adhoc", a file, or the import path of an `ssl.SSLContext`.

    Raises click.BadParameter if it is none of these.
    """
    if value is None or value == "adhoc":
        return value
    if not os.path.exists(value):
        context = import_string(value, silent=True)
        if isinstance(context, ssl.SSLContext):
            return context
    return os.fsdecode(_FILE.convert(value, param, ctx))


#: A file that exists.
_FILE = click.Path(exists=True, dir_okay=False)


def _split_paths(ctx: click.Context, param: click.Parameter, value: str | None) -> list[str]:
    return value.split(os.pathsep) if value else []


def _address(host: str, bind: str) -> str:
    """Return the address for `--bind`; a bare port belongs to the host."""
    if not bind.isdecimal():
        return bind
    return f"[{host}]:{bind}" if ":" in host else f"{host}:{bind}"


@click.command("run", short_help="Run a development server.")
@click.option("--host", "-h", default="127.0.0.1", help="The interface to bind to.")
@click.option("--port", "-p", default=5000, help="The port to bind to.")
@click.option(
    "--bind",
    "-b",
    multiple=True,
    metavar="ADDRESS",
    help="An address to bind to, instead of host and port: 'host:port', a port, 'unix:path' or"
    " 'fd://n'."
    " Can be given several times.",
)
@click.option(
    "--insecure-bind",
    multiple=True,
    metavar="ADDRESS",
    help="With a certificate, an address that is served without it. Can be given several times.",
)
@click.option(
    "--quic-bind",
    multiple=True,
    metavar="ADDRESS",
    help="An address to serve HTTP/3 at; needs a certificate and the 'h3' extra."
    " Can be given several times.",
)
@click.option(
    "--certfile",
    "--cert",
    callback=_import_certificate,
    help="Specify a certificate file to use HTTPS; 'adhoc' makes one.",
)
@click.option(
    "--keyfile",
    "--key",
    type=_FILE,
    help="The key file to use when specifying a certificate.",
)
@click.option(
    "--ca-certs",
    type=_FILE,
    help="A file of certificates to verify clients with.",
)
@click.option(
    "--reload/--no-reload",
    default=None,
    help="Enable or disable the reloader. By default it is active if debug is enabled.",
)
@click.option(
    "--debugger/--no-debugger",
    default=None,
    help="Enable or disable the page that shows an error's traceback, and its console. By default"
    " it is active if debug is enabled.",
)
@click.option(
    "--passthrough-errors",
    is_flag=True,
    help="Raise an error that nothing handles and end the server, so that a debugger stops there.",
)
@click.option(
    "--with-threads/--without-threads",
    default=True,
    help="Accepted because Flask has it; sync code always runs in threads.",
)
@click.option(
    "--extra-files",
    callback=_split_paths,
    help="Extra files that trigger a reload on change. Multiple paths are separated by"
    f" {os.path.pathsep!r}.",
)
@click.option(
    "--exclude-patterns",
    callback=_split_paths,
    help="Files matching these fnmatch patterns will not trigger a reload on change. Multiple"
    f" patterns are separated by {os.path.pathsep!r}.",
)
@pass_script_info
def run_command(
    info: ScriptInfo,
    /,
    host: str,
    port: int,
    certfile: str | ssl.SSLContext | None,
    keyfile: str | None,
    ca_certs: str | None,
    reload: bool | None,
    debugger: bool | None,
    passthrough_errors: bool,
    with_threads: bool,
    extra_files: list[str],
    exclude_patterns: list[str],
    **binds: tuple[str, ...],
) -> None:
    """Run a local development server.

    The reloader and the debugger's error page are enabled by default with the '--debug' option.
    """
    if process.is_child():
        # Before loading the application, because its modules may fail to load.
        reloader.report_loaded_files()
        app = _app_or_why_not(info)
    else:
        app = info.load_app()
    if reload is None:
        reload = get_debug_flag()
    if reload and not process.is_child():
        show_server_banner(app.debug, info.app_import_path or app.name)
        sys.exit(reloader.reload_on_change(extra_files, exclude_patterns))
    if debugger is False and app.config["PROPAGATE_EXCEPTIONS"] is None:
        app.config["PROPAGATE_EXCEPTIONS"] = False
    options: dict[str, Any] = {
        name: [_address(host, each) for each in value] for name, value in binds.items() if value
    }
    if passthrough_errors:
        options["passthrough_errors"] = True
    elif app.debug and debugger is not False:
        options["use_debugger"] = True
    if isinstance(certfile, ssl.SSLContext):
        options["ssl_context"], certfile = certfile, None
    app.run(
        host,
        port,
        app.debug,
        use_reloader=False,
        ca_certs=ca_certs,
        certfile=certfile,
        keyfile=keyfile,
        **options,
    )


run_command.params.insert(0, _debug_option)


def _app_or_why_not(info: ScriptInfo) -> Quart:
    """Load the application; if that fails, return one that shows why until a file changes."""
    try:
        return info.load_app()
    except Exception as error:
        if isinstance(error, NoAppException):
            error.show()
            error = error.__cause__ if isinstance(error.__cause__, Exception) else error
        else:
            traceback.print_exception(error)
        reloader.watch_failure(error)
        # Imported by name, like any application, because it uses everything above this floor.
        broken: Quart = import_string("quart.broken:make_app")(error)
        broken.debug = get_debug_flag()
        return broken


@click.command("shell", short_help="Run a shell in the app context.")
@with_appcontext
def shell_command() -> None:
    """Run an interactive Python shell in the application's context, where 'await' works."""
    app = _cv_quart.get().app
    names: dict[str, object] = {}
    startup = os.environ.get("PYTHONSTARTUP")
    if startup and os.path.isfile(startup):
        with open(startup, "rb") as file:
            exec(compile(file.read(), startup, "exec"), names)
    names.update(app.make_shell_context())
    # `site` sets it to enable completion for the module __main__.
    hook = getattr(sys, "__interactivehook__", None)
    if hook is not None:
        try:
            import readline
            from rlcompleter import Completer
        except ImportError:
            pass
        else:
            readline.set_completer(Completer(names).complete)
        hook()
    _Console(names).interact(
        f"Python {sys.version} on {sys.platform}\n"
        f"App: {app.import_name}\n"
        f"Instance: {app.instance_path}"
    )


class _Console(InteractiveConsole):
    """Python's interactive console, with `await`, which runs in the event loop of the context."""

    def __init__(self, names: dict[str, object]) -> None:
        super().__init__(names)
        self.compile.compiler.flags |= ast.PyCF_ALLOW_TOP_LEVEL_AWAIT

    def runcode(self, code: CodeType) -> None:
        if not code.co_flags & inspect.CO_COROUTINE:
            super().runcode(code)
            return
        try:
            _run(FunctionType(code, self.locals)())
        except SystemExit:
            raise
        except BaseException:
            self.showtraceback()


@click.command("migrate", short_help="Turn a Flask project into a Quart project.")
@click.argument("path", type=click.Path(exists=True, path_type=Path))
@click.option(
    "--diff/--write",
    "show",
    default=True,
    help="Show what would change (the default), or change it.",
)
@click.option("--check", is_flag=True, help="Fail if something would change; write nothing.")
@click.option(
    "--async", "make_async", is_flag=True, help="Make views and hooks async if they do not block."
)
@click.option("--allow-dirty", is_flag=True, help="Write even if git has uncommitted changes.")
@click.option("--json", "as_json", is_flag=True, help="Report as JSON, for tools.")
def migrate_command(
    path: Path, show: bool, check: bool, make_async: bool, allow_dirty: bool, as_json: bool
) -> None:
    """Turn the Flask project in PATH, a directory or a file, into a Quart project.

    Names from Flask become Quart's, tests and commands await what Quart awaits, and settings and
    requirements follow. Whatever cannot be decided stays as it is and is reported. Requires LibCST:
    pip install 'quart[migrate]'.
    """
    if not _is_installed("libcst"):
        raise click.UsageError("This command requires LibCST: pip install 'quart[migrate]'")
    from .migration import command

    command.run(
        path,
        write=not show and not check,
        check=check,
        make_async=make_async,
        allow_dirty=allow_dirty,
        as_json=as_json,
    )


@click.command("routes", short_help="Show the routes for the app.")
@click.option(
    "--sort",
    "-s",
    type=click.Choice(("endpoint", "methods", "domain", "rule", "match")),
    default="endpoint",
    help='Method to sort routes by. "match" is the order that Quart will match routes when'
    " dispatching a request.",
)
@click.option("--all-methods", is_flag=True, help="Show HEAD and OPTIONS methods.")
@with_appcontext
def routes_command(sort: str, all_methods: bool) -> None:
    """Show all registered routes with their endpoints and methods (WEBSOCKET for websockets)."""
    url_map = _cv_quart.current().app.url_map
    rules = list(url_map.iter_rules())
    if not rules:
        click.echo("No routes were registered.")
        return

    def methods(rule: Rule) -> str:
        if rule.websocket:
            return "WEBSOCKET"
        hidden = () if all_methods else ("HEAD", "OPTIONS")
        return ", ".join(sorted(set(rule.methods or ()) - set(hidden)))

    def domain(rule: Rule) -> str:
        return (rule.host if url_map.host_matching else rule.subdomain) or ""

    columns: dict[str, tuple[str, Callable[[Rule], str]]] = {
        "endpoint": ("Endpoint", lambda rule: rule.endpoint),
        "methods": ("Methods", methods),
        "domain": ("Host" if url_map.host_matching else "Subdomain", domain),
        "rule": ("Rule", lambda rule: rule.rule),
    }
    if not any(domain(rule) for rule in rules):
        del columns["domain"]
    if sort in columns:
        rules.sort(key=columns[sort][1])
    table = [[title, *map(show, rules)] for title, show in columns.values()]
    widths = [max(map(len, column)) for column in table]
    rows = list(zip(*table, strict=True))
    rows.insert(1, tuple("-" * width for width in widths))
    for row in rows:
        line = "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        click.echo(line.rstrip())


cli = QuartGroup(
    name="quart",
    help="""\
A general utility script for Quart applications.

An application to load must be given with the '--app' option, 'QUART_APP'
environment variable, or with a file 'app.py', 'wsgi.py', 'asgi.py' or 'main.py'
in the current directory.
""",
)


def main() -> None:
    """Run the `quart` command."""
    cli.main()
