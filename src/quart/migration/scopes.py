"""What the names in a function stand for: its parameters and variables, those of functions around
it and of its module, and what that imports."""

from __future__ import annotations

from typing import cast

import libcst as cst

from . import spec
from .model import Class, Function, Module, Project, dotted, parameters_of, text_of
from .values import External, Instance, Many, Several, Site, TheClass, TheFunction, Value

#: Functions that make an application, by their common names.
FACTORIES = frozenset({"create_app", "make_app"})


class Scope:
    """The names of a module's own statements, or of a function."""

    def __init__(self, project: Project, module: Module, function: Function | None = None) -> None:
        self.project = project
        self.module = module
        self.function = function
        self.cls: Class | None = None
        self.variables: dict[str, Value] = {}
        self.merged: dict[str, Value] = {}
        self.sites: dict[cst.CSTNode, Site] = {}
        self.calls: set[Function] = set()
        self.callees: dict[cst.CSTNode, Function] = {}
        self.known_calls: set[cst.CSTNode] = set()
        self.gives: Value = None
        self.depth = 0
        self.lambdas = 0
        self.quiet = 0
        self.awaited: set[cst.CSTNode] = set()
        self.called: set[cst.CSTNode] = set()
        self.changed = False

    def run(self) -> bool:
        """Walk, store what was found, and return whether it is new."""
        function = self.function
        if function is None:
            for statement in self.module.tree.body:
                self.visit(statement)
            self.changed |= self.module.variables != self.merged
            self.module.variables = self.merged
            self.module.sites = list(self.sites.values())
            return self.changed
        self._bind_parameters(function)
        self.visit(function.node.body)
        if self.gives is None and function.name in FACTORIES:
            self.gives = "app"
        before = _found(function)
        function.variables = self.merged
        function.gives = function.gives if self.gives is None else self.gives
        function.calls = self.calls
        function.callees = self.callees
        function.known_calls = self.known_calls
        function.sites = list(self.sites.values())
        return self.changed or before != _found(function)

    def _bind_parameters(self, function: Function) -> None:
        owner = function.owner
        for number, parameter in enumerate(parameters_of(function.node)):
            name = parameter.name.value
            value: Value = None
            if owner is not None and number == 0 and "staticmethod" not in function.decorators:
                is_class = "classmethod" in function.decorators or name == "cls"
                value = TheClass(owner) if is_class else Instance(owner)
            if value is None and parameter.annotation is not None:
                value = self._annotated(parameter.annotation.annotation)
            if value is None:
                value = function.parameters.get(name)
            if value is None and (self.module.is_test or function.role == "fixture"):
                value = self._fixture(name, function)
            self.bind(name, value)

    def _fixture(self, name: str, function: Function) -> Value:
        fixture = self.project.fixture_named(name, function)
        if fixture is not None:
            if fixture.gives is None and name in {"app", "client"}:
                return name
            return fixture.gives
        if name in {"app", "client"}:
            return name
        return "client" if name.endswith("_client") else None

    def _annotated(self, node: cst.BaseExpression) -> Value:
        """Return what an annotation names: a class of Flask or of the project."""
        text = text_of(node)
        if text is not None:
            try:
                node = cst.parse_expression(text)
            except cst.ParserSyntaxError:
                return None
        if isinstance(node, cst.BinaryOperation):
            return self._annotated(node.left) or self._annotated(node.right)
        if isinstance(node, cst.Subscript):
            last = dotted(node.value).rpartition(".")[2]
            inner = node.slice[0].slice
            if not isinstance(inner, cst.Index):
                return None
            found = self._annotated(inner.value)
            if last in {"Iterable", "Iterator", "Generator", "List", "list", "Sequence"}:
                return Many(found) if found is not None else None
            return found if last in {"Annotated", "Optional", "Union"} else None
        self.quiet += 1
        value = self.visit(node) if isinstance(node, cst.Name | cst.Attribute) else None
        self.quiet -= 1
        if isinstance(value, External):
            return spec.CLASSES.get(value.name)
        return Instance(value.cls) if isinstance(value, TheClass) else None

    # Names

    def bind(self, name: str, value: Value) -> None:
        """Record what a variable holds. In a branch, an unknown value replaces no known one."""
        if value is not None or self.depth == 0 or name not in self.variables:
            self.variables[name] = value
        if value is not None or name not in self.merged:
            self.merged[name] = value

    def bind_target(self, target: cst.CSTNode, value: Value) -> None:
        """Record what each variable or attribute of an assignment holds."""
        if isinstance(target, cst.Name):
            if self.cls is not None:
                self._set_attribute(self.cls, target.value, value)
            else:
                self.bind(target.value, value)
        elif isinstance(target, cst.Tuple | cst.List):
            for number, element in enumerate(target.elements):
                part: Value = None
                if isinstance(value, Several) and number < len(value.values):
                    part = value.values[number]
                elif isinstance(value, Many):
                    part = value.value
                self.bind_target(element.value, part)
        elif isinstance(target, cst.Attribute):
            if dotted(target.value) == "request.cls" and value is not None:
                self.project.given_to_classes.setdefault(target.attr.value, value)
            base = self.visit(target.value)
            if isinstance(base, Instance | TheClass):
                self._set_attribute(base.cls, target.attr.value, value)
        elif isinstance(target, cst.Subscript):
            self.visit(target)
            place = target.value.attr.value if isinstance(target.value, cst.Attribute) else ""
            if place == "view_functions" and isinstance(value, TheFunction):
                self._give_role(value.function, "view")

    def _set_attribute(self, cls: Class, name: str, value: Value) -> None:
        cls.assigned.add(name)
        if value is not None and cls.attributes.get(name) is None:
            cls.attributes[name] = value
            self.changed = True

    def _give_role(self, function: Function, role: str) -> None:
        if function.role == "helper":
            function.role = role
            self.changed = True

    def name(self, node: cst.CSTNode) -> Value:
        """Return what a name stands for where it is read."""
        name = cast(cst.Name, node).value
        if name in self.variables:
            return self.variables[name]
        function = self.function
        while function is not None:
            if name in function.inner:
                return TheFunction(function.inner[name])
            if name in function.inner_classes:
                return TheClass(function.inner_classes[name])
            if function is not self.function and name in function.variables:
                return function.variables[name]
            function = function.outer
        module = self.module
        if name in module.functions:
            return TheFunction(module.functions[name])
        if name in module.classes:
            return TheClass(module.classes[name])
        if name in module.imports:
            return self.named(module.resolve(name))
        if name in module.variables:
            return module.variables[name]
        for star in module.stars:
            found = self.named(f"{star}.{name}")
            if found is not None and not isinstance(found, External):
                return found
        return External(name)

    def named(self, name: str) -> Value:
        """Return what a full name stands for."""
        if name in spec.PROXIES:
            return spec.PROXIES[name]
        found = self.project.find(name)
        if isinstance(found, Function):
            return TheFunction(found)
        if isinstance(found, Class):
            return TheClass(found)
        if isinstance(found, tuple):
            return found[0].variables.get(found[1])
        return External(name)

    def visit(self, node: cst.CSTNode) -> Value:
        """Walk a node; return the value of an expression."""
        raise NotImplementedError


def _found(function: Function) -> tuple[object, ...]:
    sites = [site.node for site in function.sites]
    return function.variables, function.gives, function.calls, sites
