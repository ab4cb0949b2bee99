"""Which functions become async. A function does if it contains something that is awaited, and if
its callers can await it. Then its callers await it, and so on, until nothing changes in the whole
project."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable

import libcst as cst

from .model import Class, Function, Project
from .report import shorten
from .values import Site, is_property
from .walks import learn

_ROUNDS = 50
_XUNIT = frozenset(
    {
        "setUpClass",
        "setUpModule",
        "setup",
        "setup_class",
        "setup_function",
        "setup_method",
        "setup_module",
        "tearDownClass",
        "tearDownModule",
        "teardown",
        "teardown_class",
        "teardown_function",
        "teardown_method",
        "teardown_module",
    }
)
#: Roles of functions that the application does not call: the event loop does, or a thread of it.
CALLED_BY_QUART = frozenset({"hook", "loop", "view"})


def decide(project: Project, choose: Callable[[Project], None] | None = None) -> None:
    """Find the functions that become async; note those that would have to be, and cannot.

    :param choose: Makes views and hooks async, once it is known what all functions call.
    """
    functions = list(project.functions())
    _settle(project, functions)
    if choose is not None:
        choose(project)
        _settle(project, functions)
    _note_what_is_left(project, functions)


def _settle(project: Project, functions: list[Function]) -> None:
    for _ in range(_ROUNDS):
        news = learn(project, functions)
        news |= _make_async(project, functions)
        if not news:
            return


def callers(functions: Iterable[Function]) -> dict[Function, set[Function]]:
    """Return, for each function, those that call it."""
    found: dict[Function, set[Function]] = defaultdict(set)
    for function in functions:
        for callee in function.calls:
            found[callee].add(function)
    return found


def forced(function: Function) -> list[Site]:
    """Return the sites of a function because of which it has to be async."""
    return [site for site in function.sites if site.forces and not site.place]


def _make_async(project: Project, functions: list[Function]) -> bool:
    called_by = callers(functions)
    news = _find_what_waits(functions, called_by)
    at_once = _given_values_at_once(functions)
    for function in functions:
        if function.is_async or function.stays:
            continue
        if not forced(function) and not _enters_for_async(function, called_by):
            continue
        if not _may_become_async(function, called_by, at_once):
            continue
        function.stays = _obstacle(function)
        if not function.stays:
            function.is_async = True
        news = True
    return news


def _find_what_waits(functions: list[Function], called_by: dict[Function, set[Function]]) -> bool:
    """Mark functions that contain something awaited, and their callers; return if any is new."""
    before = {(function, function.waits, function.enters) for function in functions}
    for function in functions:
        function.enters = not function.is_async and (
            any(site.rule == "with context" for site in function.sites)
            or any(callee.enters for callee in function.calls)
        )
    todo = [function for function in functions if forced(function)]
    found = set(todo)
    while todo:
        for caller in called_by[todo.pop()] - found:
            found.add(caller)
            todo.append(caller)
    for function in functions:
        function.waits = function in found
    return before != {(function, function.waits, function.enters) for function in functions}


def _enters_for_async(function: Function, called_by: dict[Function, set[Function]]) -> bool:
    """Whether it is a test helper that enters a context while an event loop runs."""
    return (
        function.module.is_test
        and function.role == "helper"
        and any(site.rule == "with context" for site in function.sites)
        and any(caller.is_async for caller in called_by[function])
    )


def _may_become_async(
    function: Function, called_by: dict[Function, set[Function]], at_once: set[Function]
) -> bool:
    if function.role in CALLED_BY_QUART or function in at_once:
        return False
    if function.role != "helper":
        return True
    by = called_by[function]
    if function.module.is_test:
        # A function that is only passed on is called by code that may not await it.
        return bool(by) or not function.escapes
    # A function without a known caller may be called by anybody.
    return (
        bool(by)
        and all(
            caller.is_async or caller.module.is_test or caller.role in {"command", "helper"}
            for caller in by
        )
        and any(caller.is_async or caller.role == "command" for caller in by)
    )


def _given_values_at_once(functions: list[Function]) -> set[Function]:
    """Return the application's functions that stay `def`, in which names that async code awaits
    give values: views, hooks, what they call, and commands that share a function with them."""
    ours = [f for f in functions if not f.module.is_test and not f.is_async]
    found: set[Function] = {f for f in ours if f.role in CALLED_BY_QUART}
    while True:
        todo = list(found)
        while todo:
            for callee in todo.pop().calls:
                if callee not in found and not callee.is_async and not callee.module.is_test:
                    found.add(callee)
                    todo.append(callee)
        more = {
            f
            for f in ours
            if f.role == "command" and f not in found
            if any(callee in found and callee.waits for callee in f.calls)
        }
        if not more:
            return found
        found |= more


def _obstacle(function: Function) -> str:
    """Return why a function cannot be async, or an empty string."""
    if function.name in _XUNIT and function.role != "setup":
        return "setup"
    if function.name.startswith("__") and function.name.endswith("__"):
        return "lambda"
    if is_property(function) and "cached_property" in function.decorators:
        return "lambda"
    return ""


def runs_coroutines(command: Function) -> bool:
    """Whether an async command would be run. Click alone does not run it; Quart's `with_appcontext`
    does, and an application's commands have that by default."""
    names = command.decorators
    return any(name.endswith("with_appcontext") for name in names) or not any(
        name in {"click.command", "click.group"} for name in names
    )


def _note_what_is_left(project: Project, functions: list[Function]) -> None:
    called_by = callers(functions)
    for function in functions:
        module, node, name = function.module, function.node, function.name
        if function.stays == "setup":
            text = f"{name} cannot be async; use a fixture or asyncSetUp for what it awaits"
            project.note(module, node, "setup", text)
        elif function.stays:
            project.note(module, node, "lambda", f"{name} would have to be async and cannot be")
        for site in function.sites:
            code = shorten(module.code(site.node))
            if site.place and function.role not in CALLED_BY_QUART:
                text = f"an await is needed in a {site.place}: {code}"
                if function.is_async or function.module.is_test:
                    project.note(module, site.node, "lambda", text)
            elif site.callee is not None and not function.is_async and not site.callee.was_async:
                text = f"{site.callee.name} is async now, and {name} is not: {code}"
                project.note(module, site.node, "both", text)
        made = function.is_async and not function.was_async
        if made and function.escapes and function.role == "helper" and not called_by[function]:
            text = f"{name} is async now; check that the code that receives it awaits its result"
            project.note(module, node, "callback", text)
        if not function.is_async and function.role == "helper" and forced(function):
            users = called_by[function]
            if module.is_test and function.escapes and not users:
                text = f"{name} is passed on, and contains something that has to be awaited"
                project.note(module, node, "callback", text)
            elif any(user.was_async and user.role == "command" for user in users):
                text = (
                    f"{name} is called by async commands, which await, and by views, which do not"
                )
                project.note(module, node, "both", text)
    for module in project.modules.values():
        for site in module.sites:
            if site.forces:
                code = shorten(module.code(site.node))
                text = f"await is not possible outside a function: {code}"
                project.note(module, site.node, "lambda", text)


def wanted(function: Function, alone: bool) -> dict[cst.CSTNode, Site]:
    """Return the sites of an async function where an await is added.

    :param alone: the file already uses Quart, so it leaves out other awaits on purpose; only what
        has become async now is awaited in it.
    """
    if not function.is_async:
        return {}
    return {
        site.node: site
        for site in function.sites
        if not site.place
        and not (alone and function.was_async and (site.callee is None or site.callee.was_async))
    }


def needs_async_case(project: Project, cls: Class) -> bool:
    """Whether a test case, or a related one that it shares methods with, has an async method."""
    if not project.is_case(cls):
        return False
    above = set(project.line_of_classes(cls))
    for module in project.modules.values():
        for other in module.all_classes.values():
            line = set(project.line_of_classes(other))
            if (other in above or cls in line) and any(m.is_async for m in other.methods.values()):
                return True
    return False
