"""What names can hold, as values: a kind of `spec`, one of the classes below, or None if nothing is
known. Also the sites where an await would stand."""

from __future__ import annotations

from dataclasses import dataclass

import libcst as cst

from . import spec
from .model import Class, Function, Project


@dataclass(frozen=True)
class Instance:
    """An object of a class of the project."""

    cls: Class


@dataclass(frozen=True)
class TheClass:
    """A class of the project itself."""

    cls: Class


@dataclass(frozen=True)
class TheFunction:
    """A function of the project."""

    function: Function


@dataclass(frozen=True)
class Bound:
    """A method of an object of some kind. A computed name is `*`."""

    kind: str
    name: str


@dataclass(frozen=True)
class External:
    """Something that the project imports, by its full name."""

    name: str


@dataclass(frozen=True)
class Manager:
    """The result of calling a function that `contextlib.contextmanager` decorates."""

    function: Function


@dataclass(frozen=True)
class Above:
    """`super()` in a class."""

    cls: Class


@dataclass(frozen=True)
class Several:
    """A tuple."""

    values: tuple[Value, ...]


@dataclass(frozen=True)
class Many:
    """A collection of values of one kind."""

    value: Value


Value = (
    str
    | Instance
    | TheClass
    | TheFunction
    | Bound
    | External
    | Manager
    | Above
    | Several
    | Many
    | None
)


@dataclass(eq=False)
class Site:
    """A place where an await would stand if its function were async."""

    node: cst.CSTNode
    rule: str
    """The row of the table, as `spec.rows` writes it, or `project()`."""
    forces: bool = True
    """Whether it forces the function to be async. A context in a `with` also works in a `def`."""
    place: str = ""
    """`lambda`, or empty if an await can stand here."""
    callee: Function | None = None


def kind_of(project: Project, value: Value) -> str:
    """Return the kind of a value: its own, or that of the Flask class its class derives from."""
    if isinstance(value, str):
        return value
    if isinstance(value, Instance | Above):
        for name in project.bases_elsewhere(value.cls):
            if name in spec.CLASSES:
                return spec.CLASSES[name]
    return ""


def is_manager(function: Function) -> bool:
    """Whether a decorator turns a function into a context manager."""
    return any(
        name.rpartition(".")[2] in {"contextmanager", "asynccontextmanager"}
        for name in function.decorators
    )


def is_property(function: Function) -> bool:
    """Whether a decorator turns a method into a property."""
    return any(name in {"property", "cached_property"} for name in function.decorators)


def has_yield(node: cst.FunctionDef) -> bool:
    """Whether a function is a generator."""
    finder = _YieldFinder()
    node.body.visit(finder)
    return finder.found


class _YieldFinder(cst.CSTVisitor):
    found = False

    def visit_FunctionDef(self, node: cst.FunctionDef) -> bool:
        return False

    def visit_Lambda(self, node: cst.Lambda) -> bool:
        return False

    def visit_Yield(self, node: cst.Yield) -> None:
        self.found = True
