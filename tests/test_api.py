"""Every public name of Quart 0.22, and those of Flask that make sense on ASGI, are there and take
the arguments they took. What is left out on purpose stands, with its reason, in the tables of
docs/contributing/names.md; an entry that is no longer needed fails too.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import inspect
import json
import pkgutil
import re
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple, TypeVar

import click
import flask
import flask.cli
import pytest

import quart.cli
from quart import Quart

HERE = Path(__file__).resolve().parent
QUART = json.loads((HERE / "data" / "quart_api.json").read_text())
PAGE = HERE.parent / "docs" / "contributing" / "names.md"

# The first cell of each row holds names, the second the reason.
LEFT_OUT = {
    name
    for names in re.findall(r"^\| (`.+`) \| .+ \|$", PAGE.read_text(), re.MULTILINE)
    for name in re.findall(r"`([\w.]+)`", names)
}


class Missing(Exception):
    """There is no such name."""


class Fact(NamedTuple):
    """What is known of a name: its kind, its parameters, whether it is a property to be set."""

    kind: str
    parameters: inspect.Signature | None
    settable: bool = False

    @classmethod
    def parse(cls, text: str) -> Fact:
        kind, bracket, parameters = text.partition("(")
        if not bracket:
            return cls(kind, None)
        code = f"def function({parameters.replace('=', '=None')}: pass"
        names: dict[str, Any] = {}
        exec(code, names)
        return cls(kind, inspect.signature(names["function"]))


def find(path: str) -> Any:
    """What a dotted name stands for, descriptors as they are. Raises Missing."""
    parts = path.split(".")
    for length in range(len(parts), 0, -1):
        try:
            value: Any = importlib.import_module(".".join(parts[:length]))
        except ModuleNotFoundError:
            continue
        break
    for part in parts[length:]:
        try:
            if inspect.ismodule(value):
                value = getattr(value, part)
            else:
                value = inspect.getattr_static(value, part)
        except AttributeError:
            raise Missing(path) from None
    return value


def call_styles(wanted: inspect.Signature) -> list[tuple[list[str], dict[str, str]]]:
    """Ways to call a function of this signature; each argument is the name of its parameter."""
    positional, keyword = [], []
    for parameter in wanted.parameters.values():
        if parameter.kind in (parameter.POSITIONAL_ONLY, parameter.POSITIONAL_OR_KEYWORD):
            positional.append(parameter)
        elif parameter.kind is parameter.KEYWORD_ONLY:
            keyword.append(parameter)
    required = [p.name for p in positional if p.default is p.empty]
    only = {p.name: p.name for p in keyword if p.default is p.empty}
    by_name = {p.name: p.name for p in keyword}
    first = [p.name for p in positional if p.name in ("self", "cls") or p.kind is p.POSITIONAL_ONLY]
    return [
        (required, only),
        ([p.name for p in positional], by_name),
        (first, by_name | {p.name: p.name for p in positional if p.name not in first}),
    ]


def refused(function: Any, wanted: inspect.Signature) -> str | None:
    """The first way of calling it that a function does not take, or takes for another."""
    actual = inspect.signature(function)
    for args, kwargs in call_styles(wanted):
        try:
            bound = actual.bind(*args, **kwargs)
        except TypeError as error:
            return f"({', '.join([*args, *(f'{name}=' for name in kwargs)])}): {error}"
        for name, value in bound.arguments.items():
            parameter = actual.parameters[name]
            if value == name or not isinstance(value, str):
                continue
            namesake = actual.parameters.get(value)
            if namesake and parameter.kind is namesake.kind is parameter.POSITIONAL_OR_KEYWORD:
                return f"argument {args.index(value) + 1}, {value}, is taken for {name}"
    return None


def trouble_with(path: str, fact: Fact) -> str | None:
    """What keeps code written for a name from working with it, or None."""
    try:
        value = find(path)
    except Missing:
        if fact.kind == "attribute" and on_instance(path):
            return None
        return "is missing"
    if fact.kind == "class" and not inspect.isclass(value):
        return "is no class"
    if fact.settable and isinstance(value, property) and value.fset is None:
        return "cannot be set"
    if isinstance(value, classmethod | staticmethod):
        value = value.__func__
    if fact.parameters is not None:
        if not callable(value):
            return "cannot be called"
        problem = refused(value, fact.parameters)
        if problem is not None:
            return f"does not take {problem}"
    return None


def on_instance(path: str) -> bool:
    """Whether objects of the class have the attribute: a sample has it, or its class says so."""
    owner, _, name = path.rpartition(".")
    cls = find(owner)
    annotated = any(name in vars(base).get("__annotations__", ()) for base in cls.__mro__)
    return annotated or any(hasattr(sample, name) for sample in SAMPLES if isinstance(sample, cls))


def make_samples() -> list[Any]:
    from werkzeug.datastructures import Headers

    from quart import asgi, cli, ctx, testing, wrappers

    app = Quart("samples", root_path=str(HERE))
    scope = {"type": "websocket", "path": "/", "headers": [], "query_string": b"", "scheme": "ws"}
    plain = ("GET", "http", "/", b"", Headers(), "", "1.1", scope)
    request = wrappers.Request(*plain)

    async def nothing(*args: Any) -> Any:
        return None

    line = (b"", "ws", Headers(), "", "1.1", [], nothing, nothing, nothing, nothing, scope)
    websocket = wrappers.Websocket("/", *line)
    client = app.test_client()
    return [
        app,
        quart.Blueprint("sample", "samples", root_path=str(HERE)),
        asgi.ASGIHTTPConnection(app, scope),
        asgi.ASGIWebsocketConnection(app, scope),
        cli.ScriptInfo(),
        ctx.AppContext(app),
        ctx.RequestContext(app, request),
        ctx.WebsocketContext(app, websocket),
        testing.QuartClient(app),
        app.test_app(),
        client.request("/"),
        client.websocket("/"),
        request,
        wrappers.Response("text"),
        websocket,
    ]


SAMPLES = make_samples()


def is_left_out(path: str) -> bool:
    """Whether the page lists a name, or what it belongs to."""
    parts = path.split(".")
    return any(".".join(parts[:length]) in LEFT_OUT for length in range(1, len(parts) + 1))


def troubles(facts: dict[str, Fact]) -> list[str]:
    """What is wrong with names that the page does not list, each with its reason."""
    found = {path: trouble_with(path, fact) for path, fact in facts.items()}
    return [
        f"{path} {trouble}" for path, trouble in found.items() if trouble if not is_left_out(path)
    ]


def facts_of_quart() -> dict[str, Fact]:
    return {
        f"{owner}.{name}": Fact.parse(fact)
        for owner, facts in QUART["names"].items()
        for name, fact in facts.items()
    }


def facts_of_flask() -> dict[str, Fact]:
    """The public names of the Flask that is installed, under the names that they have here."""
    facts = {}
    modules = [
        "flask",
        *(module.name for module in pkgutil.walk_packages(flask.__path__, "flask.")),
    ]
    for module in modules:
        if module == "flask.__main__" or module.startswith("flask.sansio"):
            continue
        for name, value in public_names(module):
            path = ".".join(RENAMED.get(part, part) for part in [*module.split("."), name])
            facts[path] = fact_of(value)
            if inspect.isclass(value) and value.__module__ == module:
                for member in dir(value):
                    if not member.startswith("_") or member == "__init__":
                        facts[f"{path}.{member}"] = fact_of(inspect.getattr_static(value, member))
    return facts


def public_names(module: str) -> Iterator[tuple[str, Any]]:
    """What a module of Flask's defines, and all that its face shows."""
    for name, value in vars(importlib.import_module(module)).items():
        if name.startswith("_") or name == "annotations":
            continue
        if isinstance(value, ModuleType | TypeVar):
            continue
        if module == "flask" or getattr(value, "__module__", module) in (module, None):
            yield name, value


def fact_of(value: Any) -> Fact:
    if isinstance(value, classmethod | staticmethod):
        value = value.__func__
    signature = inspect.signature(value) if inspect.isfunction(value) else None
    if signature and set(signature.parameters) <= {"self", "args", "kwargs"}:
        signature = None  # it took anything, which says nothing
    return Fact("name", signature, isinstance(value, property) and value.fset is not None)


RENAMED = {
    "flask": "quart",
    "Flask": "Quart",
    "FlaskClient": "QuartClient",
    "FlaskCliRunner": "QuartCliRunner",
    "FlaskGroup": "QuartGroup",
}


def test_names_of_quart() -> None:
    """Modules, classes, methods and attributes exist, with the parameters they had."""

    facts = facts_of_quart()
    if importlib.metadata.version("click") < "8.2":  # whose groups take their arguments by name
        for name in ("AppGroup", "QuartGroup"):
            for path in (f"quart.cli.{name}", f"quart.cli.{name}.__init__"):
                facts.pop(path, None)

    assert [] == troubles(facts)


def test_names_of_flask() -> None:
    """Flask's names exist too, and take the arguments that Flask names and orders otherwise."""

    assert [] == troubles(facts_of_flask())


def test_what_is_left_out() -> None:
    """The page lists nothing that is there after all."""
    needed = {
        path
        for facts in (facts_of_quart(), facts_of_flask())
        for path, fact in facts.items()
        if trouble_with(path, fact)
    }
    needless = {
        name
        for name in LEFT_OUT
        if not any(path == name or path.startswith(f"{name}.") for path in needed)
    }

    assert set() == needless


def test_names_that_modules_imported() -> None:
    """A name that a module had from another one is where it had it, or at least where it lives."""
    homeless = []
    for path, home in QUART["moved"].items():
        for place in (path, f"{home}.{path.rpartition('.')[2]}"):
            try:
                find(place)
            except Missing:
                continue
            break
        else:
            homeless.append(path)

    assert [] == homeless


@pytest.mark.parametrize("name", QUART["used"])
def test_names_that_extensions_import(name: str) -> None:
    """What published extensions import is where they import it from."""

    assert find(name) is not None


def test_settings() -> None:
    """Every setting is there, with the default it had."""
    known = {"datetime": __import__("datetime")}
    defaults = {key: eval(value, dict(known)) for key, value in QUART["config"].items()}

    assert defaults == {key: Quart.default_config[key] for key in defaults}


def test_commands() -> None:
    """Every command has the options it had, and those of Flask's."""
    options = {name: set(found) for name, found in QUART["cli"].items()}
    for name, command in commands_of(flask.cli.cli).items():
        options[name] |= options_of(command)
    commands = commands_of(quart.cli.cli)

    missing = [
        f"{name} {option}"
        for name, wanted in options.items()
        for option in wanted - options_of(commands[name])
    ]

    assert [] == sorted(missing)


def commands_of(group: click.Group) -> dict[str, click.Command]:
    return {"": group, **group.commands}


def options_of(command: click.Command) -> set[str]:
    context = click.Context(command)
    return {
        option
        for parameter in command.get_params(context)
        for option in (*parameter.opts, *parameter.secondary_opts)
    }
