"""What the files of a project define: modules, classes and functions, how they refer to one
another, and the role of each function. What names hold is in `values`."""

from __future__ import annotations

import sys
import warnings
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import libcst as cst
from libcst.metadata import CodeRange, MetadataWrapper, PositionProvider

from .report import Report
from .sources import Source
from .spec import flasks

if TYPE_CHECKING:
    from .values import Site, Value

_MOCKS = ("mock.", "unittest.mock.")
ROUTES = frozenset({"add_url_rule", "delete", "get", "patch", "post", "put", "route"})
HOOKS = frozenset(
    {
        "after_app_request",
        "after_request",
        "app_context_processor",
        "app_errorhandler",
        "before_app_first_request",
        "before_app_request",
        "before_first_request",
        "before_request",
        "context_processor",
        "errorhandler",
        "register_error_handler",
        "teardown_app_request",
        "teardown_appcontext",
        "teardown_request",
    }
)
#: Functions that run on the event loop although they are `def`, and must not block it.
ON_LOOP = frozenset(
    {
        "app_template_filter",
        "app_template_global",
        "app_template_test",
        "app_url_value_preprocessor",
        "connect",
        "shell_context_processor",
        "template_filter",
        "template_global",
        "template_test",
        "url_defaults",
        "url_value_preprocessor",
    }
)
_VIEWS = frozenset({"flask.views.MethodView", "flask.views.View", "flask_restful.Resource"})
_METHODS_OF_VIEWS = frozenset(
    {"delete", "dispatch_request", "get", "head", "options", "patch", "post", "put", "trace"}
)
_SETUP_OF_CASES = {"setUp": "asyncSetUp", "tearDown": "asyncTearDown"}
_CASES = frozenset({"TestCase", "case.TestCase", "unittest.TestCase", "unittest.case.TestCase"})
_ASYNC_CASES = "unittest.IsolatedAsyncioTestCase"


def dotted(node: cst.CSTNode | None) -> str:
    """Return a node's dotted name, or an empty string."""
    if isinstance(node, cst.Name):
        return node.value
    if isinstance(node, cst.Attribute):
        base = dotted(node.value)
        return f"{base}.{node.attr.value}" if base else ""
    return ""


def text_of(node: cst.BaseExpression) -> str | None:
    """Return the text of a string literal, or None."""
    if isinstance(node, cst.SimpleString):
        value = node.evaluated_value
        return value if isinstance(value, str) else None
    return None


def parameters_of(node: cst.FunctionDef | cst.Lambda) -> list[cst.Param]:
    """Return the parameters of a function, without `*args` and `**kwargs`."""
    params = node.params
    return [*params.posonly_params, *params.params, *params.kwonly_params]


@dataclass(eq=False)
class Function:
    """One `def`, and what is known about it."""

    module: Module
    node: cst.FunctionDef
    name: str
    owner: Class | None
    outer: Function | None
    role: str = "helper"
    """test, fixture, setup, command, view, hook, loop or helper: says what calls it, and so whether
    it can be async."""
    was_async: bool = False
    is_async: bool = False
    fixture: str = ""
    """The name under which tests request a fixture."""
    inner: dict[str, Function] = field(default_factory=dict)
    inner_classes: dict[str, Class] = field(default_factory=dict)
    # Set by `values`:
    parameters: dict[str, Value] = field(default_factory=dict)
    variables: dict[str, Value] = field(default_factory=dict)
    gives: Value = None
    sites: list[Site] = field(default_factory=list)
    calls: set[Function] = field(default_factory=set)
    callees: dict[cst.CSTNode, Function] = field(default_factory=dict)
    known_calls: set[cst.CSTNode] = field(default_factory=set)
    """Calls on an object of a known kind."""
    waits: bool = False
    """It, or a function that it calls, contains something that async code awaits."""
    enters: bool = False
    """It, or a function that it calls, enters a context by `with`, which an event loop forbids."""
    escapes: bool = False
    """Its name is passed on, so code that is not visible here may call it."""
    stays: str = ""
    """Why it cannot be async, although it would have to be."""

    @property
    def decorators(self) -> list[str]:
        """The dotted names of its decorators, as Flask's names."""
        return [
            self.module.resolve(
                dotted(d.decorator.func if isinstance(d.decorator, cst.Call) else d.decorator)
            )
            for d in self.node.decorators
        ]


@dataclass(eq=False)
class Class:
    """One `class`, with the names of its bases as in the source."""

    module: Module
    node: cst.ClassDef
    name: str
    bases: list[str]
    outer: Function | None
    methods: dict[str, Function] = field(default_factory=dict)
    attributes: dict[str, Value] = field(default_factory=dict)
    assigned: set[str] = field(default_factory=set)
    """The names of attributes that the project sets, even if it is not known to what."""


class Module:
    """One file: its tree, what it imports, and what it defines."""

    def __init__(self, source: Source, tree: cst.Module) -> None:
        self.source = source
        self.tree = tree
        parts = list(source.parts)
        if parts[0] == "src" and len(parts) > 1:
            del parts[0]
        self.is_package = parts[-1] == "__init__.py"
        parts[-1] = parts[-1].removesuffix(".py")
        if self.is_package:
            del parts[-1]
        self.name = ".".join(parts)
        file = source.parts[-1]
        self.is_test = (
            file.startswith("test")
            or file.endswith("_test.py")
            or file == "conftest.py"
            or any(part in {"test", "tests"} for part in source.parts[:-1])
        )
        self.imports: dict[str, str] = {}
        self.stars: list[str] = []
        self.functions: dict[str, Function] = {}
        self.classes: dict[str, Class] = {}
        self.variables: dict[str, Value] = {}
        self.all_functions: dict[cst.FunctionDef, Function] = {}
        self.all_classes: dict[cst.ClassDef, Class] = {}
        self.sites: list[Site] = []
        self._positions: dict[cst.CSTNode, CodeRange] | None = None

    def line(self, node: cst.CSTNode) -> int:
        """Return the line in which a node begins; 0 for a node that is not in this file."""
        if self._positions is None:
            wrapper = MetadataWrapper(self.tree, unsafe_skip_copy=True)
            self._positions = dict(wrapper.resolve(PositionProvider))
        found = self._positions.get(node)
        return found.start.line if found else 0

    def code(self, node: cst.CSTNode) -> str:
        """Return the source of a node."""
        return self.tree.code_for_node(node)

    def resolve(self, name: str) -> str:
        """Return the full name of a dotted name in this file; names from Quart become Flask's."""
        first, _, rest = name.partition(".")
        base = self.imports.get(first, first)
        return flasks(f"{base}.{rest}" if rest else base)

    @property
    def imports_flask(self) -> bool:
        """Whether this file imports Flask, or names from it."""
        names = (*self.imports.values(), *self.stars)
        return any(name.partition(".")[0] == "flask" for name in names)

    @property
    def imports_quart(self) -> bool:
        """Whether this file imports Quart, or names from it."""
        names = (*self.imports.values(), *self.stars)
        return any(name.partition(".")[0] == "quart" for name in names)


class _Collector(cst.CSTVisitor):
    """Walks a module and fills it."""

    def __init__(self, module: Module) -> None:
        self.module = module
        self.functions: list[Function] = []
        self.scopes: list[Function | Class] = []

    def visit_Import(self, node: cst.Import) -> None:
        for alias in node.names:
            name = dotted(alias.name)
            if alias.asname:
                self.module.imports[dotted(alias.asname.name)] = name
            else:
                first = name.partition(".")[0]
                self.module.imports[first] = first

    def visit_ImportFrom(self, node: cst.ImportFrom) -> None:
        base = dotted(node.module)
        if node.relative:
            parts = self.module.name.split(".") if self.module.name else []
            up = len(node.relative) - (1 if self.module.is_package else 0)
            parts = parts[: len(parts) - up] if up else parts
            base = ".".join([*parts, *([base] if base else [])])
        if isinstance(node.names, cst.ImportStar):
            self.module.stars.append(base)
            return
        for alias in node.names:
            name = dotted(alias.name)
            local = dotted(alias.asname.name) if alias.asname else name
            self.module.imports[local] = f"{base}.{name}"

    def visit_ClassDef(self, node: cst.ClassDef) -> None:
        outer = self.functions[-1] if self.functions else None
        bases = [dotted(base.value) for base in node.bases]
        found = Class(self.module, node, node.name.value, bases, outer)
        self.module.all_classes[node] = found
        if outer is not None:
            outer.inner_classes[found.name] = found
        elif not self.scopes:
            self.module.classes[found.name] = found
        self.scopes.append(found)

    def leave_ClassDef(self, original_node: cst.ClassDef) -> None:
        self.scopes.pop()

    def visit_FunctionDef(self, node: cst.FunctionDef) -> None:
        scope = self.scopes[-1] if self.scopes else None
        owner = scope if isinstance(scope, Class) else None
        outer = self.functions[-1] if self.functions else None
        is_async = node.asynchronous is not None
        found = Function(
            self.module, node, node.name.value, owner, outer, was_async=is_async, is_async=is_async
        )
        self.module.all_functions[node] = found
        if owner is not None:
            owner.methods[found.name] = found
        elif outer is not None:
            outer.inner[found.name] = found
        else:
            self.module.functions[found.name] = found
        self.functions.append(found)
        self.scopes.append(found)

    def leave_FunctionDef(self, original_node: cst.FunctionDef) -> None:
        self.functions.pop()
        self.scopes.pop()


class Project:
    """All modules, and how names lead from one to another."""

    def __init__(self, sources: list[Source], report: Report) -> None:
        self.report = report
        self.modules: dict[str, Module] = {}
        self.fixtures: dict[str, list[Function]] = defaultdict(list)
        self.async_items: dict[cst.With, list[bool]] = {}
        """Which items of a `with` are entered with `async with`."""
        self.with_responses: set[cst.With] = set()
        """Places where a response is used as a context manager, which it is not."""
        self.given_to_classes: dict[str, Value] = {}
        """What fixtures set by `request.cls.name = ...`, for all test classes."""
        self.environs: list[tuple[cst.CSTNode, Module]] = []
        """Places where code reads a request's WSGI environment."""
        self.bound_connections: set[cst.Call] = set()
        """Calls of `sqlite3.connect` whose connection a request keeps."""
        for source in sources:
            try:
                tree = cst.parse_module(source.text)
                check(source.text, source.name)
            except (cst.ParserSyntaxError, SyntaxError, ValueError) as error:
                line = getattr(error, "raw_line", None) or getattr(error, "lineno", None) or 0
                python = f"Python {sys.version_info.major}.{sys.version_info.minor}"
                text = f"{python}, which runs this, cannot parse it; it is left alone"
                report.note(source.name, line, "syntax", text)
                continue
            except RecursionError:
                report.note(source.name, 0, "generated", "it is nested too deep; it is left alone")
                continue
            module = Module(source, tree)
            tree.visit(_Collector(module))
            self.modules[module.name] = module
        self._by_ending: dict[str, list[Module]] = defaultdict(list)
        for name, module in self.modules.items():
            parts = name.split(".")
            for number in range(1, len(parts)):
                # A directory that is not a package may be on the path.
                if ".".join(parts[:number]) not in self.modules:
                    self._by_ending[".".join(parts[number:])].append(module)
        for function in self.functions():
            self._give_role(function)
            if function.role == "fixture":
                self.fixtures[function.fixture].append(function)

    def functions(self) -> Iterator[Function]:
        """Iterate over each function of the project, including inner ones and methods."""
        for module in self.modules.values():
            yield from module.all_functions.values()

    def note(self, module: Module, node: cst.CSTNode | None, rule: str, text: str) -> None:
        """Report something for the project's developers to check, at the line of a node."""
        line = module.line(node) if node is not None else 0
        self.report.note(module.source.name, line, rule, text)

    # The meaning of names

    def module(self, name: str) -> Module | None:
        """Return a module by its full name, or by its name from a directory on the path."""
        if name in self.modules:
            return self.modules[name]
        found = self._by_ending.get(name, ())
        return found[0] if len(found) == 1 else None

    def find(self, name: str) -> Module | Function | Class | tuple[Module, str] | None:
        """Return what a full name stands for; for a variable, its module and name."""
        seen = set()
        while name and name not in seen:
            seen.add(name)
            found = self.module(name)
            if found is not None:
                return found
            place, _, last = name.rpartition(".")
            module = self.module(place)
            if module is None:
                owner = self.find(place) if place else None
                return owner.methods.get(last) if isinstance(owner, Class) else None
            if last in module.functions:
                return module.functions[last]
            if last in module.classes:
                return module.classes[last]
            if last in module.imports:
                name = module.imports[last]
            elif module.stars and last not in module.variables:
                name = f"{module.stars[0]}.{last}"
            else:
                return module, last
        return None

    def line_of_classes(self, cls: Class) -> Iterator[Class]:
        """Iterate over a class and those of its bases that the project defines, in MRO order."""
        seen: set[Class] = set()
        todo = [cls]
        while todo:
            current = todo.pop(0)
            if current in seen:
                continue
            seen.add(current)
            yield current
            for base in current.bases:
                found = self.class_named(base, current)
                if found is not None:
                    todo.append(found)

    def class_named(self, name: str, near: Class) -> Class | None:
        """Return the project's class that a name means near a class; None for other classes."""
        outer = near.outer
        while outer is not None:
            if name in outer.inner_classes and outer.inner_classes[name] is not near:
                return outer.inner_classes[name]
            outer = outer.outer
        local = near.module.classes.get(name)
        if local is not None and local is not near:
            return local
        found = self.find(near.module.resolve(name)) if name else None
        return found if isinstance(found, Class) else None

    def bases_elsewhere(self, cls: Class) -> Iterator[str]:
        """Iterate over the full names of bases that the project does not define."""
        for current in self.line_of_classes(cls):
            for base in current.bases:
                if self.class_named(base, current) is None:
                    yield current.module.resolve(base)

    def method(self, cls: Class, name: str, after: Class | None = None) -> Function | None:
        """Return a method of a class or its bases; `after` is the class that uses `super()`."""
        line = list(self.line_of_classes(cls))
        if after is not None and after in line:
            line = line[line.index(after) + 1 :]
        return next((current.methods[name] for current in line if name in current.methods), None)

    def is_case(self, cls: Class) -> bool:
        """Whether it is a `unittest.TestCase`, sync or async."""
        names = set(self.bases_elsewhere(cls))
        return bool(names & _CASES) or _ASYNC_CASES in names

    def is_view(self, cls: Class) -> bool:
        """Whether a class is a class-based view, judged by its bases."""
        return bool(_VIEWS & set(self.bases_elsewhere(cls)))

    def fixture_named(self, name: str, asked_by: Function) -> Function | None:
        """Return the fixture that a function's parameter refers to: the nearest of that name."""
        candidates = [found for found in self.fixtures.get(name, ()) if found is not asked_by]

        def nearness(found: Function) -> tuple[bool, bool, int]:
            same_class = found.owner is not None and found.owner is asked_by.owner
            here = found.module is asked_by.module
            shared = 0
            for one, other in zip(
                found.module.source.parts[:-1], asked_by.module.source.parts[:-1], strict=False
            ):
                if one != other:
                    break
                shared += 1
            return same_class, here, shared

        return max(candidates, key=nearness, default=None)

    # Which part a function plays

    def _give_role(self, function: Function) -> None:
        role = self._role_by_decorators(function) or self._role_by_name(function)
        function.role = role or "helper"

    def _role_by_decorators(self, function: Function) -> str:
        for decorator, name in zip(function.node.decorators, function.decorators, strict=True):
            last = name.rpartition(".")[2]
            call = decorator.decorator if isinstance(decorator.decorator, cst.Call) else None
            if last == "fixture":
                function.fixture = function.name
                for argument in call.args if call else ():
                    if argument.keyword and argument.keyword.value == "name":
                        function.fixture = text_of(argument.value) or function.name
                return "fixture"
            if last == "command" or last == "group":
                return "command"
            if "." in name and not name.startswith(_MOCKS):  # `patch` is a method of HTTP, too
                if last in ON_LOOP:
                    return "loop"
                if last in HOOKS:
                    return "hook"
                if last in ROUTES and (call is None or call.args):
                    return "view"
                if last == "endpoint":
                    return "view"
        return ""

    def _role_by_name(self, function: Function) -> str:
        owner = function.owner
        name = function.name
        if owner is not None:
            if name in _SETUP_OF_CASES or name in _SETUP_OF_CASES.values():
                return "setup" if self.is_case(owner) else ""
            if name in _METHODS_OF_VIEWS and self.is_view(owner):
                return "view"
        collected = owner is None or owner.name.startswith("Test") or self.is_case(owner)
        is_test = function.module.is_test and function.outer is None and collected
        return "test" if name.startswith("test") and is_test else ""


def check(code: str, name: str) -> None:
    """Check that Python can compile code.

    :raises SyntaxError: it cannot.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # warnings about the original code
        compile(code, name, "exec", dont_inherit=True)


def async_name(function: Function) -> str:
    """Return a function's name once it is async: unittest renames `setUp` and `tearDown`."""
    if function.role == "setup":
        return _SETUP_OF_CASES.get(function.name, function.name)
    return function.name


def command_names(function: Function) -> set[str]:
    """Return the names under which the command line finds a command."""
    if function.role != "command":
        return set()
    names = set()
    for decorator in function.node.decorators:
        call = decorator.decorator
        if dotted(call.func if isinstance(call, cst.Call) else call).endswith(("command", "group")):
            given = (
                text_of(call.args[0].value) if isinstance(call, cst.Call) and call.args else None
            )
            names.add(given or function.name.replace("_", "-"))
    return names


def is_wide_fixture(function: Function) -> bool:
    """Whether it is a fixture that several tests may share."""
    return function.role == "fixture" and any(
        argument.keyword is not None
        and argument.keyword.value == "scope"
        and text_of(argument.value) != "function"
        for decorator in function.node.decorators
        if isinstance(decorator.decorator, cst.Call)
        for argument in decorator.decorator.args
    )
