"""The `quart` command."""

import asyncio
import contextlib
import contextvars
import http.client
import os
import re
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from importlib.metadata import EntryPoint, EntryPoints, version
from pathlib import Path
from types import ModuleType
from typing import Any

import click
import flask.cli
import pytest
from click.testing import CliRunner, Result
from servers.processes import Process, free_port, running

import quart.cli
from quart import Blueprint, Quart, current_app, g, render_template_string
from quart.cli import (
    AppGroup,
    NoAppException,
    QuartGroup,
    ScriptInfo,
    cli,
    find_app_by_string,
    find_best_app,
    load_dotenv,
    locate_app,
    pass_script_info,
    prepare_import,
    run_command,
    with_appcontext,
)

TIMEOUT = 20  # seconds, for a command


@pytest.fixture(autouse=True)
def clean(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """An empty working directory, and an environment and modules to be given back as they were."""
    environ, modules, path = dict(os.environ), set(sys.modules), list(sys.path)
    monkeypatch.chdir(tmp_path)
    yield
    os.environ.clear()
    os.environ.update(environ)
    sys.path[:] = path
    for name in set(sys.modules) - modules:
        if getattr(sys.modules[name], "__file__", None) and str(tmp_path) in str(
            sys.modules[name].__file__
        ):
            del sys.modules[name]


@pytest.fixture
def app() -> Quart:
    return Quart("the_app")


def invoke(*args: str, app: Quart | None = None, group: click.Group = cli, **kwargs: Any) -> Result:
    """Run a command within this process."""
    obj = ScriptInfo(create_app=lambda: app) if app is not None else None  # type: ignore[arg-type,return-value]
    return CliRunner().invoke(group, args, obj=obj, catch_exceptions=False, **kwargs)


def quart_command(*args: str, **kwargs: Any) -> subprocess.CompletedProcess[str]:
    """Run a command in a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "quart", *args],
        text=True,
        capture_output=True,
        timeout=TIMEOUT,
        check=False,
        **kwargs,
    )


# --- finding the application ----------------------------------------------------------------


def module(**names: Any) -> ModuleType:
    made = ModuleType("some_module")
    vars(made).update(names)
    return made


@pytest.mark.parametrize("name", ["app", "application", "anything"])
def test_the_application_in_a_module(app: Quart, name: str) -> None:
    """By the usual names, or the only one there is."""
    assert app is find_best_app(module(**{name: app}))


@pytest.mark.parametrize("name", ["create_app", "make_app"])
def test_the_factory_in_a_module(app: Quart, name: str) -> None:
    """Where it takes no arguments."""
    assert app is find_best_app(module(**{name: lambda: app}))


@pytest.mark.parametrize(
    ("names", "message"),
    [
        ({}, "no Quart application or factory in the module 'some_module'"),
        ({"one": Quart("one"), "two": Quart("two")}, "several Quart applications"),
        ({"create_app": lambda number: None}, "'some_module:create_app' cannot be called"),
        ({"create_app": lambda: None}, "'some_module:create_app' returned None"),
    ],
)
def test_no_application_in_a_module(names: dict[str, Any], message: str) -> None:
    """The error says what there is instead."""
    with pytest.raises(NoAppException, match=message):
        find_best_app(module(**names))


@pytest.mark.parametrize(
    ("name", "args"),
    [("make", ()), ("make()", ()), (" make(1, b='x') ", (1, "x")), ("app", None)],
)
def test_an_application_by_an_expression(app: Quart, name: str, args: Any) -> None:
    """A name, or a call with literal values."""
    called = []

    def make(*args: Any, **kwargs: Any) -> Quart:
        called.append((*args, *kwargs.values()))
        return app

    assert app is find_app_by_string(module(make=make, app=app), name)
    assert ([] if args is None else [args]) == called


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("", "must be a name, or a call"),
        ("a b", "must be a name, or a call"),
        ("app.attribute", "must be a name, or a call"),
        ("a.b()", "must be a name, or a call"),
        ("make(name)", "not literal values"),
        ("make(1)", "cannot be called like this: too many positional arguments"),
        ("other", "There is no 'other' in the module 'some_module'"),
        ("number", "'some_module:number' is not a Quart application"),
        ("make", "'some_module:make' returned None"),
    ],
)
def test_no_application_by_an_expression(name: str, message: str) -> None:
    """The error says why."""
    with pytest.raises(NoAppException, match=message):
        find_app_by_string(module(make=lambda: None, number=1), name)


def test_an_error_within_a_factory_is_its_own() -> None:
    """It is not taken for a wrong call."""

    def create_app() -> Quart:
        raise TypeError("of the factory")

    with pytest.raises(TypeError, match="of the factory"):
        find_best_app(module(create_app=create_app))


def test_prepare_import() -> None:
    """A path becomes the name of a module, and its place is looked in."""
    Path("package/inner").mkdir(parents=True)
    for name in ("package/__init__.py", "package/inner/__init__.py", "package/inner/app.py"):
        Path(name).touch()

    assert "package.inner.app" == prepare_import("package/inner/app.py")
    assert os.getcwd() == sys.path[0]


def test_a_module_that_is_not_there() -> None:
    """It may be asked for."""
    with pytest.raises(NoAppException, match="'nowhere_at_all': there is no such module"):
        locate_app("nowhere_at_all", None)
    assert locate_app("nowhere_at_all", None, raise_if_not_found=False) is None


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("import nowhere_at_all", "ModuleNotFoundError: No module named 'nowhere_at_all' "),
        ("x =", "SyntaxError: "),
        ("1 / 0", "ZeroDivisionError: division by zero "),
    ],
)
def test_a_module_that_cannot_be_imported(source: str, message: str) -> None:
    """The last line says what is wrong, and where; the exit status is 1."""
    Path("broken.py").write_text(f"'''A module.'''\n{source}\n")
    result = invoke("--app", "broken", "run")
    last = result.output.splitlines()[-1]

    assert 1 == result.exit_code
    assert last.startswith(f"Error: Could not import 'broken': {message}")
    assert "broken.py" in last
    assert "line 2" in last


@pytest.mark.parametrize("options", [[], ["--debug"]])
@pytest.mark.parametrize("command", [["run", "--no-reload"], ["routes"], ["--help"], ["unknown"]])
def test_the_traceback_of_an_import_is_shown(options: list[str], command: list[str]) -> None:
    """In front of the line that says it, from the module on."""
    Path("broken.py").write_text("import inner\n")
    Path("inner.py").write_text("try:\n    1 / 0\nexcept ZeroDivisionError:\n    int('x')\n")
    ended = quart_command("--app", "broken", *options, *command)
    files = re.findall('File "(.*)"', ended.stderr)

    assert ["inner.py", "broken.py", "inner.py"] == [Path(file).name for file in files]
    assert "1 / 0" in ended.stderr
    assert "Error: Could not import 'broken': ValueError: invalid literal" in ended.stderr


APP = "from quart import Quart\napp = Quart('{0}')\ndef make(name): return Quart(name)\n"


@pytest.mark.parametrize(
    ("file", "option", "name"),
    [
        ("app.py", None, "file"),
        ("wsgi.py", None, "file"),
        ("main.py", None, "file"),
        ("other.py", "other", "file"),
        ("other.py", "other.py", "file"),
        ("other.py", "other:app", "file"),
        ("other.py", "other:make('factory')", "factory"),
        ("package/__init__.py", "package", "file"),
        ("package/other.py", "package/other.py:app", "file"),
    ],
)
@pytest.mark.parametrize("by", ["option", "environment"])
def test_where_the_application_is(file: str, option: str | None, name: str, by: str) -> None:
    """A path, a module, a name in it, a factory; or a file with a usual name."""
    Path(file).parent.mkdir(exist_ok=True)
    Path(file).write_text(APP.format("file"))
    args = ["--app", option] if option and by == "option" else []
    if option and by == "environment":
        os.environ["QUART_APP"] = option

    @click.command()
    @pass_script_info
    def show(info: ScriptInfo) -> None:
        click.echo(info.load_app().name)
        assert info.load_app() is info.load_app()

    group = QuartGroup()
    group.add_command(show)
    assert f"{name}\n" == invoke(*args, "show", group=group).output


def test_no_application() -> None:
    """One line says how to name it."""
    result = invoke("run")

    assert 1 == result.exit_code
    assert result.output.startswith("Error: Could not locate a Quart application. Use the")
    assert "FLASK_APP" not in result.output


def test_the_variable_of_flask_is_named_where_it_is_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLASK_APP", "hello")

    assert "'FLASK_APP' is set, but only 'flask' reads it: set 'QUART_APP'" in invoke("run").output


@pytest.mark.parametrize("where", ["made", "made:create_app", "made:create_app()"])
def test_a_factory_may_be_async(where: str) -> None:
    Path("made.py").write_text(
        "import asyncio\nfrom quart import Quart\n"
        "async def create_app():\n    await asyncio.sleep(0)\n    return Quart('made')\n"
    )
    result = invoke("--app", where, "routes")

    assert (0, True) == (result.exit_code, "static" in result.output)


@pytest.mark.parametrize("where", ["wrong", "wrong:create_app"])
@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("def create_app(): Quart('x')", "returned None: it ends without a 'return app'."),
        ("def create_app(): return 3", "returned a int, not a Quart application."),
        ("async def create_app(): return None", "returned None: it ends without a 'return app'."),
    ],
)
def test_what_is_no_application_is_named(where: str, source: str, message: str) -> None:
    Path("wrong.py").write_text(f"from quart import Quart\n{source}\n")
    result = invoke("--app", where, "routes")

    assert 1 == result.exit_code
    assert message in result.output
    assert "'wrong:create_app'" in result.output
    sys.modules.pop("wrong", None)


@pytest.mark.parametrize(
    ("where", "source"),
    [
        ("site", "app = Flask('site')"),
        ("site", "only_one = Flask('site')"),
        ("site", "def create_app(): return Flask('site')"),
        ("site:create_app", "create_app = Flask('site')"),
        ("site:create_app()", "def create_app(): return Flask('site')"),
    ],
)
def test_an_application_of_flask_is_carried_over(where: str, source: str) -> None:
    """The command says so, and goes on with it."""
    where = where.replace("site", "flask_site")
    Path("flask_site.py").write_text(f"from flask import Flask\n{source}\n")
    result = invoke("--app", where, "routes")

    assert 0 == result.exit_code, result.output
    assert "/static/<path:filename>" in result.stdout
    assert "is a Flask application, converted by 'Quart.from_flask()'" in result.output
    sys.modules.pop("flask_site", None)


def test_an_application_of_flask_that_cannot_be_carried_over() -> None:
    Path("flask_site.py").write_text(
        "from flask import Flask\napp = Flask('site')\napp.wsgi_app = print\n"
    )
    result = invoke("--app", "flask_site", "routes")

    assert 1 == result.exit_code
    assert "'flask_site:app' is a Flask application. The 'wsgi_app' of 'site'" in result.output
    sys.modules.pop("flask_site", None)


def test_a_file_with_the_name_of_the_framework() -> None:
    Path("quart.py").write_text("from quart import Quart\napp = Quart(__name__)\n")
    ended = subprocess.run(
        [Path(sys.executable).parent / "quart", "--app", "quart", "routes"],
        capture_output=True,
        text=True,
    )

    assert 1 == ended.returncode
    assert "'quart' is the name of the framework" in ended.stderr


@pytest.mark.parametrize("arguments", ["", "port=5001", "debug=True"])
def test_an_unguarded_run_does_not_block(arguments: str) -> None:
    """A module that calls `app.run()` when it is imported serves the commands too.

    Nothing is lost, so nothing is said, unless it has arguments.
    """
    Path("app.py").write_text(APP.format("file") + f"app.run({arguments})\n")
    result = invoke("routes")

    assert 0 == result.exit_code
    assert bool(arguments) is ("The arguments of 'app.run()' have no effect here" in result.output)
    assert "static" in result.output


@pytest.mark.parametrize("command", ["serve", "child"])
def test_a_command_may_serve(command: str) -> None:
    """Or start a program that does."""
    port = free_port()
    Path("guarded.py").write_text(
        APP.format("guarded") + f"if __name__ == '__main__':\n    app.run(port={port})\n"
    )
    Path("app.py").write_text(
        f"""\
import subprocess, sys
{APP.format("file")}
@app.cli.command()
def serve():
    app.run(port={port})

@app.cli.command()
def child():
    subprocess.run([sys.executable, "guarded.py"])

app.run(debug=False)
"""
    )
    with running(port, "-m", "quart", command, cwd=Path.cwd()) as process:
        assert 1 == process.said().count("The arguments of 'app.run()'")


# --- the command itself ---------------------------------------------------------------------


def test_version() -> None:
    """Of what matters."""
    lines = invoke("--version").output.splitlines()

    assert ["Python", "Quart", "Flask", "Werkzeug"] == [line.split()[0] for line in lines]
    assert f"Quart {version('quart')}" == lines[1].partition(" (")[0]


def test_python_m_quart() -> None:
    """It is the command."""
    ended = quart_command("--help")

    assert ended.stdout.startswith("Usage: python -m quart [OPTIONS] COMMAND")
    for option in ("--app", "--env-file", "--debug / --no-debug", "--version"):
        assert option in ended.stdout


@pytest.mark.parametrize(
    ("option", "variable", "expected"),
    [
        ("--debug", None, True),
        ("--no-debug", "1", False),
        (None, "1", True),
        (None, "0", False),
        (None, None, False),
    ],
)
def test_the_debug_flag(
    app: Quart, option: str | None, variable: str | None, expected: bool
) -> None:
    """The option comes before the variable; both can be ignored."""
    if variable is not None:
        os.environ["QUART_DEBUG"] = variable

    @app.cli.command()
    def show() -> None:
        click.echo(current_app.debug)

    args = [option, "show"] if option else ["show"]
    assert f"{expected}\n" == invoke(*args, app=app).output
    app.debug = True
    group = QuartGroup(create_app=lambda: app, set_debug_flag=False)
    assert "True\n" == CliRunner().invoke(group, args).output


def test_commands_are_listed(app: Quart) -> None:
    """Its own and the application's."""
    app.cli.command("mine", short_help="My own.")(lambda: None)
    output = invoke("--help", app=app).output

    assert ["migrate", "mine", "new", "routes", "run", "serve", "shell"] == [
        line.split()[0] for line in output.partition("Commands:\n")[2].splitlines()
    ]


def test_help_where_the_application_cannot_be_loaded() -> None:
    """It is shown all the same."""
    Path("app.py").write_text("def create_app(): 1 / 0")
    result = invoke("--help")

    assert 0 == result.exit_code
    assert "ZeroDivisionError" in result.output
    assert "routes" in result.output
    assert "there is no such module" in invoke("--app", "nowhere_at_all", "--help").output


def test_an_unknown_command(app: Quart) -> None:
    """Click says so; without an application it is said that it might be there."""
    assert "No such command 'other'" in invoke("other", app=app).output
    assert "Could not locate" in invoke("other").output


def test_commands_of_packages(monkeypatch: pytest.MonkeyPatch, app: Quart) -> None:
    """Those for Quart win over Flask's; one that cannot be loaded stops nothing."""

    @click.command()
    @flask.cli.with_appcontext
    def from_flask() -> None:
        click.echo("Flask's")

    @click.command()
    @with_appcontext
    def from_quart() -> None:
        click.echo(f"Quart's in {current_app.name}")

    vars(quart.cli).update(_one=from_flask, _two=from_quart)
    points = EntryPoints(
        [
            EntryPoint("one", "quart.cli:_one", "flask.commands"),
            EntryPoint("both", "quart.cli:_one", "flask.commands"),
            EntryPoint("run", "quart.cli:_one", "flask.commands"),
            EntryPoint("both", "quart.cli:_two", "quart.commands"),
            EntryPoint("bad", "nowhere_at_all:x", "quart.commands"),
        ]
    )
    monkeypatch.setattr(quart.cli, "entry_points", lambda group: points.select(group=group))
    try:
        output = invoke("one", app=app, group=QuartGroup()).output
        assert "The command 'bad' could not be loaded: ModuleNotFoundError" in output
        assert "Flask's" in output
        assert "Quart's in the_app" in invoke("both", app=app, group=QuartGroup()).output
        assert "development server" in invoke("run", "--help", app=app, group=QuartGroup()).output
    finally:
        del quart.cli._one, quart.cli._two  # type: ignore[attr-defined]


# --- environment files ----------------------------------------------------------------------


@pytest.fixture
def env_files() -> None:
    """Each sets its own name and those of the less important ones."""
    pytest.importorskip("dotenv")
    for number, name in enumerate([".flaskenv", ".quartenv", ".env", "given"]):
        Path(name).write_text("".join(f"QT_{n}={name}\n" for n in range(number + 1)))


@pytest.mark.usefixtures("env_files")
def test_environment_files() -> None:
    """The one that is given, then `.env`, `.quartenv`, `.flaskenv`; the environment before all."""
    os.environ["QT_1"] = "environment"

    assert load_dotenv("given")
    assert ["given", "environment", "given", "given"] == [os.environ[f"QT_{n}"] for n in range(4)]


@pytest.mark.usefixtures("env_files")
def test_the_default_environment_files() -> None:
    """They are found from a directory within."""
    Path("inner").mkdir()
    os.chdir("inner")

    assert load_dotenv()
    assert [".env", ".env", ".env"] == [os.environ[f"QT_{n}"] for n in range(3)]
    assert not load_dotenv("nothing", load_defaults=False)


@pytest.mark.usefixtures("env_files")
@pytest.mark.parametrize(
    ("args", "skip", "expected"),
    [
        ([], None, ".env"),
        (["--env-file", "given"], None, "given"),
        ([], "1", None),
        (["-e", "given"], "1", "given"),
    ],
)
def test_the_command_loads_environment_files(
    app: Quart, args: list[str], skip: str | None, expected: str | None
) -> None:
    """Unless `QUART_SKIP_DOTENV` says otherwise."""
    if skip:
        os.environ["QUART_SKIP_DOTENV"] = skip
    app.cli.command("show")(lambda: click.echo(str(os.environ.get("QT_0"))))
    group = QuartGroup(create_app=lambda: app)

    assert f"{expected}\n" == CliRunner().invoke(group, [*args, "show"]).output


def test_the_tip_about_python_dotenv_stands_once() -> None:
    """Whatever loads these files, and however often."""
    Path(".env").write_text("QT_0=1")
    Path("sitecustomize.py").write_text("import sys\nsys.modules['dotenv'] = None\n")
    Path("app.py").write_text(APP.format("file"))
    port = free_port()
    os.environ["PYTHONPATH"] = os.getcwd()
    with running(port, "-m", "quart", "run", "--debug", "-p", str(port), cwd=Path.cwd()) as process:
        assert 1 == process.said().count("python-dotenv")


def test_environment_files_without_python_dotenv(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is loaded; a line says why."""
    Path(".env").write_text("QT_0=1")
    monkeypatch.setitem(sys.modules, "dotenv", None)
    result = invoke("--version")

    assert 0 == result.exit_code
    assert not load_dotenv()
    monkeypatch.setattr(quart.cli, "find_spec", lambda name: None)
    assert "python-dotenv must be installed" in invoke("-e", ".env", "routes").output


# --- commands of the application ------------------------------------------------------------


def test_a_command_has_an_app_context(app: Quart) -> None:
    """And so do the callbacks of its parameters; no loop runs, so that it can run one."""

    def callback(ctx: click.Context, param: click.Parameter, value: str) -> str:
        return f"{value} in {current_app.name}"

    @app.cli.command()
    @click.argument("name", callback=callback)
    def greet(name: str) -> None:
        async def inner() -> None:
            click.echo(f"hello {name}, {current_app.name}")

        asyncio.run(inner())

    assert "hello you in the_app, the_app\n" == invoke("greet", "you", app=app).output


def test_an_async_command(app: Quart) -> None:
    """It is awaited, within the app context that is torn down in the same loop."""
    loops = []
    variable: contextvars.ContextVar[str] = contextvars.ContextVar("variable")

    @app.cli.command()
    @click.option("--name")
    async def greet(name: str) -> None:
        await asyncio.sleep(0)
        loops.append(asyncio.get_running_loop())
        g.name = name
        variable.set("set")
        click.echo(f"hello {name} from {current_app.name}")

    @app.teardown_appcontext
    async def teardown(error: BaseException | None) -> None:
        loops.append(asyncio.get_running_loop())
        click.echo(f"torn down {g.name} {variable.get()} {error}")

    output = invoke("greet", "--name", "you", app=app).output
    assert "hello you from the_app\ntorn down you set None\n" == output
    assert loops[0] is loops[1]


def test_an_error_in_an_async_command(app: Quart) -> None:
    """It ends the command, and teardown functions get it."""
    errors = []

    @app.cli.command()
    async def fails() -> None:
        raise ValueError("bad command")

    app.teardown_appcontext(errors.append)
    with pytest.raises(ValueError, match="bad command"):
        invoke("fails", app=app)
    assert ["bad command"] == list(map(str, errors))


def test_a_forgotten_await_in_a_command(app: Quart) -> None:
    """It is named."""

    @app.cli.command("forgets")
    async def taken_for_text() -> None:
        with contextlib.closing(render_template_string("x")) as text:  # type: ignore[type-var]
            text.upper()

    with pytest.raises(AttributeError) as caught:
        invoke("forgets", app=app)
    assert "Perhaps an 'await' is missing" in caught.value.__notes__[0]


def test_a_sync_command_has_values(app: Quart) -> None:
    """As sync views have: of templates, of files, of the test client, of what is made sync."""

    async def double(number: int) -> int:
        await asyncio.sleep(0)
        return 2 * number

    @app.get("/")
    def index() -> str:
        return render_template_string("in a view")  # type: ignore[return-value]

    @app.cli.command("values")
    def values() -> None:
        click.echo(render_template_string("{{ 1 + 1 }}"))
        click.echo(current_app.ensure_sync(double)(21))
        with current_app.open_resource("file.txt") as file:  # type: ignore[attr-defined]
            click.echo(file.read())
        response = app.test_client().get("/")
        click.echo(response.get_data(as_text=True))  # type: ignore[attr-defined]

    Path("file.txt").write_text("in a file")
    app.root_path = os.getcwd()
    result = invoke("values", app=app)

    assert ["2", "42", "in a file", "in a view"] == result.output.splitlines()


def test_a_sync_command_may_run_a_loop_of_its_own(app: Quart) -> None:
    @app.cli.command("own")
    def own() -> None:
        async def main() -> str:
            return await render_template_string("own loop")

        click.echo(asyncio.run(main()))

    assert "own loop\n" == invoke("own", app=app).output


FLASKS_WAY = """
import sqlite3
import click
from quart import Quart, current_app, g

def get_db():
    if "db" not in g:
        g.db = sqlite3.connect(current_app.config["DATABASE"])
        g.db.row_factory = sqlite3.Row
    return g.db

def close_db(error=None):
    db = g.pop("db", None)
    if db is not None:
        db.close()
        print("closed", flush=True)

def init_db():
    with current_app.open_resource("schema.sql") as file:
        get_db().executescript(file.read().decode("utf8"))

@click.command("init-db")
def init_db_command():
    init_db()
    click.echo("Initialized the database.")

def create_app():
    app = Quart(__name__)
    app.config["DATABASE"] = "blog.sqlite"
    app.teardown_appcontext(close_db)
    app.cli.add_command(init_db_command)
    return app
"""


def test_a_command_written_for_flask_opens_and_closes_its_database() -> None:
    """With a connection that is the thread's that opened it, as SQLite's are."""
    Path("blog").mkdir()
    Path("blog/__init__.py").write_text(FLASKS_WAY)
    Path("blog/schema.sql").write_text("CREATE TABLE post (id INTEGER, title TEXT);")
    ended = quart_command("--app", "blog", "init-db")

    assert (0, "") == (ended.returncode, ended.stderr)
    assert "Initialized the database.\nclosed\n" == ended.stdout
    with contextlib.closing(sqlite3.connect("blog.sqlite")) as database:
        assert [] == database.execute("SELECT title FROM post").fetchall()


def test_teardown_functions_of_a_command(app: Quart) -> None:
    """Sync ones run in its thread, wait for async code of the command's loop, and may fail."""
    seen: list[Any] = []

    @app.teardown_appcontext
    def fails(error: BaseException | None) -> None:
        raise KeyError("in the teardown")

    @app.teardown_appcontext
    async def in_async_code(error: BaseException | None) -> None:
        await asyncio.sleep(0)
        seen.append(asyncio.get_running_loop())

    @app.teardown_appcontext
    def in_sync_code(error: BaseException | None) -> None:
        async def inner() -> None:
            await app.ensure_async(lambda: seen.append("in a worker"))()
            seen.append(asyncio.get_running_loop())

        seen.append(threading.current_thread())
        app.ensure_sync(inner)()

    @app.cli.command("ends")
    async def ends() -> None:
        seen.append(asyncio.get_running_loop())

    with pytest.raises(BaseExceptionGroup):
        invoke("ends", app=app)
    loop = seen[0]

    assert [loop, threading.main_thread(), "in a worker", loop, loop] == seen
    assert "sync_to_async" not in vars(app)


def test_commands_without_a_context(app: Quart) -> None:
    """Sync or async: asked for, or made with click alone."""

    @app.cli.command(with_appcontext=False)
    def sync() -> None:
        click.echo("sync")

    @app.cli.command(with_appcontext=False)
    async def coroutine() -> None:
        click.echo("async")

    @click.command()
    async def other() -> None:
        click.echo("other")

    app.cli.add_command(other)
    for name in ("sync", "other"):
        assert f"{name}\n" == CliRunner().invoke(app.cli, [name]).output
    assert "async\n" == CliRunner().invoke(app.cli, ["coroutine"]).output


def test_groups(app: Quart) -> None:
    """Groups within groups, with and without parentheses."""

    @app.cli.group
    def outer() -> None:
        click.echo("outer")

    @outer.group()
    async def inner() -> None:
        click.echo("inner")

    @inner.command
    async def command() -> None:
        click.echo(current_app.name)

    assert isinstance(inner, AppGroup)
    assert "outer\ninner\nthe_app\n" == invoke("outer", "inner", "command", app=app).output


def test_a_blueprints_command(app: Quart) -> None:
    """In a group of the blueprint's name."""
    blueprint = Blueprint("blue", __name__)

    @blueprint.cli.command()
    async def show() -> None:
        click.echo(f"blue in {current_app.name}")

    assert "blue" == blueprint.cli.name

    app.register_blueprint(blueprint)
    assert "blue in the_app\n" == invoke("blue", "show", app=app).output


def test_a_function_that_takes_the_script_info(app: Quart) -> None:
    """It is given it if it cannot do without an argument."""

    def create_app(info: ScriptInfo) -> Quart:
        assert "tests:app" == info.app_import_path
        return app

    assert app is ScriptInfo("tests:app", create_app=create_app).load_app()
    assert app is ScriptInfo("tests:app", create_app=lambda info=None: info or app).load_app()


@pytest.mark.parametrize("decorate", [with_appcontext, with_appcontext()])
def test_with_appcontext(app: Quart, decorate: Any) -> None:
    """For commands of click's own, with and without parentheses, sync or async."""

    @decorate
    async def coroutine() -> None:
        click.echo(current_app.name)

    command = click.command("show")(coroutine)
    info = ScriptInfo(create_app=lambda: app)
    assert "the_app\n" == CliRunner().invoke(command, [], obj=info).output


# --- shell ----------------------------------------------------------------------------------


def shell(app: Quart, *lines: str) -> str:
    # The banner and the prompts go to stderr.
    return invoke("shell", app=app, input="\n".join([*lines, ""])).output


def test_the_shell_has_names(app: Quart) -> None:
    """The application's, and those of its shell context processors."""
    app.shell_context_processor(lambda: {"answer": 42})
    output = shell(app, "answer", "app.name", "from quart import current_app", "current_app.name")

    assert "42\n" in output
    assert 2 == output.count("'the_app'")
    assert "App: the_app" in output


def test_the_shell_awaits(app: Quart) -> None:
    """At the top level, all in one loop, with the names that it sets; an error does not end it."""
    output = shell(
        app,
        "import asyncio",
        "loop = await asyncio.sleep(0, asyncio.get_running_loop())",
        "async def same(): return loop is asyncio.get_running_loop()",
        "",
        "print('same', await same())",
        "await asyncio.sleep('x')",
        "from quart import current_app",
        "async def name(): return current_app.name",
        "",
        "await name()",
        "1 + 1",
    )

    assert "same True\n" in output
    assert "TypeError" in output
    assert "'the_app'\n" in output
    assert "2\n" in output


def test_the_shell_ends_with_exit(app: Quart) -> None:
    """With the status that is given."""
    assert 3 == invoke("shell", app=app, input="raise SystemExit(3)\n").exit_code
    assert (
        4
        == invoke(
            "shell", app=app, input="import asyncio\nexit(await asyncio.sleep(0, 4))\n"
        ).exit_code
    )


def test_the_startup_file_of_the_shell(app: Quart) -> None:
    """`PYTHONSTARTUP`, as Python's own."""
    Path("startup.py").write_text("started = 'so'\n")
    os.environ["PYTHONSTARTUP"] = "startup.py"

    assert "'so'\n" in shell(app, "started")


# --- routes ---------------------------------------------------------------------------------


@pytest.fixture
def routed() -> Quart:
    app = Quart("routed", static_folder=None)

    async def view(**kwargs: Any) -> str:
        return ""

    app.add_url_rule("/b", "one", view, methods=["POST", "GET"])
    app.add_url_rule("/a/<int:number>", "two", view)
    app.add_websocket("/c", "three", view)  # type: ignore[arg-type]
    return app


def test_routes(routed: Quart) -> None:
    """With their methods, and which are websockets."""
    assert [
        "Endpoint  Methods    Rule",
        "--------  ---------  ---------------",
        "one       GET, POST  /b",
        "three     WEBSOCKET  /c",
        "two       GET        /a/<int:number>",
    ] == invoke("routes", app=routed).output.splitlines()


@pytest.mark.parametrize(
    ("sort", "expected"),
    [
        ("endpoint", ["one", "three", "two"]),
        ("methods", ["two", "one", "three"]),
        ("rule", ["two", "one", "three"]),
        ("match", None),
        ("domain", None),
    ],
)
def test_routes_are_sorted(routed: Quart, sort: str, expected: list[str] | None) -> None:
    """As asked for; without domains there is nothing to sort by them."""
    output = invoke("routes", "--sort", sort, app=routed).output

    names = [line.split()[0] for line in output.splitlines()[2:]]
    assert (expected or [rule.endpoint for rule in routed.url_map.iter_rules()]) == names


def test_routes_with_all_methods(routed: Quart) -> None:
    """Those that are there by themselves."""
    output = invoke("routes", "--all-methods", app=routed).output

    assert "GET, HEAD, OPTIONS, POST" in output


@pytest.mark.parametrize(("title", "key"), [("Subdomain", "subdomain"), ("Host", "host")])
def test_routes_with_domains(title: str, key: str) -> None:
    """Subdomains, or hosts where they are matched."""
    app = Quart("routed", static_folder=None, host_matching=key == "host", subdomain_matching=True)
    app.get("/", endpoint="one", **{key: "x"})(lambda: "")
    app.get("/", endpoint="two", **{key: "a"})(lambda: "")
    lines = invoke("routes", "-s", "domain", app=app).output.splitlines()

    assert ["Endpoint", "Methods", title, "Rule"] == lines[0].split()
    assert [["two", "GET", "a", "/"], ["one", "GET", "x", "/"]] == [
        line.split() for line in lines[2:]
    ]


def test_no_routes() -> None:
    """It says so."""
    app = Quart("routed", static_folder=None)

    assert "No routes were registered.\n" == invoke("routes", app=app).output


# --- run ------------------------------------------------------------------------------------


@pytest.fixture
def calls(app: Quart) -> list[dict[str, Any]]:
    """What `app.run` is called with."""
    calls: list[dict[str, Any]] = []

    def run(host: str, port: int, debug: bool, **kwargs: Any) -> None:
        calls.append({"host": host, "port": port, "debug": debug, **kwargs})

    app.run = run  # type: ignore[method-assign,assignment]
    return calls


DEFAULTS = {
    "host": "127.0.0.1",
    "port": 5000,
    "debug": False,
    "use_reloader": False,
    "ca_certs": None,
    "certfile": None,
    "keyfile": None,
}


@pytest.mark.parametrize(
    ("args", "expected"),
    [
        ([], {}),
        (["-h", "0.0.0.0", "-p", "80"], {"host": "0.0.0.0", "port": 80}),
        (["--host", "unix:x"], {"host": "unix:x"}),
        (["--debug", "--no-reload"], {"debug": True, "use_debugger": True}),
        (["--debug", "--no-reload", "--no-debugger"], {"debug": True}),
        (["--passthrough-errors"], {"passthrough_errors": True}),
        (
            ["--debug", "--no-reload", "--passthrough-errors"],
            {"debug": True, "passthrough_errors": True},
        ),
        (["-b", "5001"], {"bind": ["127.0.0.1:5001"]}),
        (["-h", "::", "-b", "1"], {"host": "::", "bind": ["[::]:1"]}),
        (["--cert", "a", "--key", "b"], {"certfile": "a", "keyfile": "b"}),
        (["--certfile", "a", "--keyfile", "b"], {"certfile": "a", "keyfile": "b"}),
        (["--cert", "adhoc", "--ca-certs", "c"], {"certfile": "adhoc", "ca_certs": "c"}),
        (["-b", "x:1", "--bind", "unix:y"], {"bind": ["x:1", "unix:y"]}),
        (["--quic-bind", "x:1"], {"quic_bind": ["x:1"]}),
        (["--insecure-bind", "x:1"], {"insecure_bind": ["x:1"]}),
        (["--with-threads", "--debugger", "--extra-files", "a:b", "--exclude-patterns", "c"], {}),
        (["--without-threads", "--no-debugger"], {}),
    ],
)
def test_the_options_of_run(
    app: Quart, calls: list[dict[str, Any]], args: list[str], expected: dict[str, Any]
) -> None:
    """All of Flask's and Quart's."""
    for name in "abc":
        Path(name).touch()
    assert 0 == invoke("run", *args, app=app).exit_code
    assert [{**DEFAULTS, **expected}] == calls


@pytest.mark.parametrize("option", ["--cert", "--certfile", "--key", "--keyfile", "--ca-certs"])
@pytest.mark.parametrize("path", ["none.pem", "."])
def test_a_file_that_is_none(app: Quart, option: str, path: str) -> None:
    """It is refused while the arguments are parsed, before the application is loaded."""
    with pytest.raises(click.BadParameter, match=r"does not exist|is a directory"):
        run_command.make_context("run", [option, path])


def test_an_ssl_context_to_import(app: Quart, calls: list[dict[str, Any]]) -> None:
    """As a certificate."""
    Path("tls.py").write_text("import ssl\ncontext = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)\n")
    sys.path.insert(0, os.getcwd())
    invoke("run", "--cert", "tls:context", app=app)

    assert (None, "SSLContext") == (calls[0]["certfile"], type(calls[0]["ssl_context"]).__name__)


def test_without_the_debugger(app: Quart, calls: list[dict[str, Any]]) -> None:
    """An error under debug is an ordinary 500."""
    invoke("run", "--no-debugger", app=app)

    assert app.config["PROPAGATE_EXCEPTIONS"] is False


def test_options_from_the_environment(app: Quart, calls: list[dict[str, Any]]) -> None:
    """By the command's and the option's name."""
    os.environ["QUART_RUN_PORT"] = "8000"
    invoke("run", app=app)

    assert 8000 == calls[0]["port"]


def wait_for(process: Process, text: str) -> None:
    deadline = time.monotonic() + TIMEOUT
    while text not in process.said():
        assert time.monotonic() < deadline, process.said()
        time.sleep(0.05)


def test_run_serves() -> None:
    """On what is bound, until Ctrl-C."""
    Path("app.py").write_text(APP.format("file"))
    ports = free_port(), free_port()
    binds = [part for port in ports for part in ("-b", f"127.0.0.1:{port}")]
    with running(ports[1], "-m", "quart", "run", *binds, cwd=Path.cwd()) as process:
        for port in ports:
            wait_for(process, f" * Running on http://127.0.0.1:{port} (CTRL + C to quit)")
        assert 5 > process.interrupt()
        assert 0 == process.popen.returncode


def test_run_passes_errors_through() -> None:
    """The command ends with the error itself, whose traceback goes to where it was raised.

    It does not wait for other requests.
    """
    source = "@app.get('/fails')\nasync def fails():\n    raise ValueError('on purpose')\n"
    source += "@app.get('/lasts')\nasync def lasts():\n    print('lasts', flush=True)\n"
    source += "    import asyncio\n    await asyncio.sleep(60)\n"
    Path("app.py").write_text(APP.format("file") + source)
    port = free_port()
    args = ["run", "--passthrough-errors", "-p", str(port)]
    with running(port, "-m", "quart", *args, cwd=Path.cwd()) as process:
        assert 404 == ask(port, "/")[0]
        with socket.create_connection(("127.0.0.1", port)) as client:
            client.sendall(b"GET /lasts HTTP/1.1\r\nHost: a\r\n\r\n")
            wait_for(process, "lasts\n")
            assert 500 == ask(port, "/fails")[0]
            began = time.monotonic()
            status = process.popen.wait(TIMEOUT)
        assert 10 > time.monotonic() - began
        assert 1 == status
        said = process.said()
    assert said.rstrip().endswith("ValueError: on purpose")
    assert "in fails" in said.rpartition("Traceback (most recent call last)")[2]


def test_run_with_the_reloader() -> None:
    """Without debug too, where it is asked for; `app.run()` in a module stays ignored."""
    Path("app.py").write_text(APP.format("file") + "app.run(debug=False)\n")
    port = free_port()
    args = ["run", "--reload", "-p", str(port)]
    with running(port, "-m", "quart", *args, cwd=Path.cwd()) as process:
        assert 1 == process.said().count(" * Debug mode: off")
        assert 1 == process.said().count("The arguments of 'app.run()'")
        Path("app.py").write_text("print('changed', flush=True)\n" + APP.format("file"))
        wait_for(process, "changed\n")
        assert "Detected change in" in process.said()
        assert 5 > process.interrupt()


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["-b", "127.0.0.1:1", "-b", "nonsense.invalid:x"], "Error: Cannot listen on 127.0.0.1:1"),
    ],
)
def test_what_keeps_run_from_starting(args: list[str], message: str) -> None:
    """One line, exit status 1."""
    Path("app.py").write_text(APP.format("file"))
    ended = quart_command("run", *args)

    assert 1 == ended.returncode
    assert ended.stderr.startswith(message)
    assert 1 == ended.stderr.count("\n")


def ask(port: int, path: str = "/", **headers: str) -> tuple[int, str]:
    with contextlib.closing(http.client.HTTPConnection("127.0.0.1", port, 5)) as client:
        client.request("GET", path, headers=headers)
        response = client.getresponse()
        return response.status, response.read().decode()


def wait_until(is_so: Callable[[], bool], process: Process) -> None:
    deadline = time.monotonic() + 20
    while True:
        with contextlib.suppress(OSError, http.client.HTTPException):
            if is_so():
                return
        assert time.monotonic() < deadline, process.said()
        time.sleep(0.05)


def test_a_program_that_cannot_be_loaded_under_the_reloader() -> None:
    """The page shows why, and so does the console; after the mend it comes back by itself."""
    good = APP.format("file") + "import inner\n@app.get('/')\nasync def f(): return inner.word\n"
    Path("app.py").write_text(good)
    inner = Path("inner.py")
    inner.write_text("word = 'one'")
    port = free_port()
    with running(port, "-m", "quart", "run", "--debug", "-p", str(port), cwd=Path.cwd()) as process:
        assert (200, "one") == ask(port)
        time.sleep(0.5)  # until the files are known
        inner.write_text("word =")
        wait_until(lambda: "SyntaxError: invalid syntax" in ask(port, "/any")[1], process)
        status, page = ask(port, accept="text/html")
        assert (500, True) == (status, "data-waits" in page)
        assert "importlib" not in process.said()
        inner.write_text("import missing_by_now\nword = missing_by_now.word")
        wait_until(lambda: "No module named 'missing_by_now'" in ask(port)[1], process)
        Path("missing_by_now.py").write_text("word = 'two'")
        wait_until(lambda: (200, "two") == ask(port), process)
        inner.write_text("word = 1 / 0")
        wait_until(lambda: "ZeroDivisionError" in ask(port)[1], process)
        inner.write_text("word = 'three'")
        wait_until(lambda: (200, "three") == ask(port), process)


def test_the_reloader_watches_environment_files() -> None:
    pytest.importorskip("dotenv")
    Path("app.py").write_text(
        APP.format("file") + "import os\n@app.get('/')\nasync def f():\n"
        "    return '-'.join(os.environ.get(name, '') for name in ('QT_0', 'QT_1'))\n"
    )
    Path(".env").write_text("QT_0=one\nQT_1=set")
    port = free_port()
    with running(port, "-m", "quart", "run", "--debug", "-p", str(port), cwd=Path.cwd()) as process:
        assert (200, "one-set") == ask(port)
        time.sleep(0.5)
        Path(".env").write_text("QT_0=two")
        wait_until(lambda: (200, "two-") == ask(port), process)
        Path(".flaskenv").write_text("QT_1=new")
        wait_until(lambda: (200, "two-new") == ask(port), process)
