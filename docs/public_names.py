"""What is awaited is marked: in the reference, and in the tables of every public name of a class.

```{public-names} quart.Request
```

A name in these that Quart documents has the first sentence of its docstring. One that comes from
Flask or Werkzeug links to their documentation.
"""

import inspect
import re
from collections.abc import Iterator
from importlib import import_module
from typing import Any, NamedTuple

from docutils import nodes
from docutils.statemachine import StringList
from sphinx.application import Sphinx
from sphinx.pycode import ModuleAnalyzer
from sphinx.util.docutils import SphinxDirective

from quart.migration.spec import ATTRIBUTES, METHODS
from quart.workers import is_coroutine_callable

#: What `quart migrate` calls the classes.
KINDS = {"Quart": "app", "Blueprint": "blueprint", "Request": "request", "Response": "response"}
AWAITED = re.compile(r"(Awaitable|Coroutine)\[")


class Name(NamedTuple):
    """One row of the table."""

    name: str
    kind: str
    """`method`, `property` or `attribute`."""
    awaited: bool
    owner: type
    text: str
    """The first sentence of the docstring, where it is ours."""


def class_named(dotted: str) -> type:
    """The class of that dotted name."""
    module, _, name = dotted.rpartition(".")
    found: type = getattr(import_module(module), name)
    return found


def names_of(cls: type) -> Iterator[Name]:
    """The public names of a class, sorted."""
    for name in sorted(dir(cls)):
        if name.startswith("_"):
            continue
        owners = [each for each in cls.__mro__ if name in vars(each)]
        value = inspect.getattr_static(cls, name)
        func: Any = getattr(value, "__func__", value)
        kind = "method" if callable(func) and not isinstance(value, type) else "attribute"
        if isinstance(value, property) or (hasattr(type(value), "__get__") and kind == "attribute"):
            kind, func = "property", function_of(value)
        text = sentence_of(owners[0], name, func) if is_ours(owners[0]) else ""
        # Ours says nothing: it stands for the one of the same name that it replaces.
        owner = next((each for each in owners if text or not is_ours(each)), owners[0])
        yield Name(name, kind, callable(func) and is_awaited(func), owner, text)


def function_of(value: Any) -> Any:
    """What makes the value of a property, of whichever class; None where there is no function."""
    read = (getattr(value, name, None) for name in ("fget", "func", "read"))
    return next((func for func in read if func is not None), None)


def is_ours(cls: type) -> bool:
    return cls.__module__.startswith("quart")


def sentence_of(owner: type, name: str, func: Any) -> str:
    """The first sentence that the source says of a name: its docstring, or its `#:` comment."""
    if callable(func) and func.__doc__:
        return first_sentence(func.__doc__)
    for module in {owner.__module__, *(each.__module__ for each in owner.__mro__)}:
        if module.startswith("quart"):
            comments = ModuleAnalyzer.for_module(module).find_attr_docs()
            for cls in owner.__mro__:
                if lines := comments.get((cls.__name__, name)):
                    return first_sentence("\n".join(lines))
    return ""


def is_awaited(func: Any) -> bool:
    """Whether what a function or a property gives is awaited."""
    returns = str(getattr(func, "__annotations__", {}).get("return", ""))
    return is_coroutine_callable(func) or AWAITED.match(returns) is not None


def first_sentence(docstring: str) -> str:
    paragraph = " ".join(inspect.cleandoc(docstring).partition("\n\n")[0].split())
    return re.split(r"(?<=\.) (?=[A-Z])", paragraph)[0]


class PublicNames(SphinxDirective):
    """Renders the table."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        cls = class_named(self.arguments[0])
        kind = KINDS.get(cls.__name__, "")
        known = METHODS.get(kind, frozenset()) | ATTRIBUTES.get(kind, frozenset())
        if unmarked := known - {each.name for each in names_of(cls) if each.awaited}:
            raise self.error(f"{', '.join(sorted(unmarked))} of {cls.__name__} are awaited.")
        lines = ["| name | is | |", "|---|---|---|"]
        for each in names_of(cls):
            kind = f"{each.kind}, **await**" if each.awaited else each.kind
            lines.append(f"| `{each.name}` | {kind} | {self._about(each)} |")
        node = nodes.container()
        self.state.nested_parse(StringList(lines, source=self.arguments[0]), 0, node)
        return node.children

    def _about(self, each: Name) -> str:
        project = each.owner.__module__.partition(".")[0]
        if each.text or project == "quart":
            if not each.text:
                raise self.error(f"Nothing is said of {each.owner.__qualname__}.{each.name}.")
            return each.text.replace("``", "`").replace("|", "\\|")
        role = "meth" if each.kind == "method" else "attr"
        title = {"flask": "Flask", "werkzeug": "Werkzeug"}.get(project, project)
        public = public_owner(each)
        return f"{{external:py:{role}}}`{title}'s documentation <{public}.{each.name}>`"


def public_owner(each: Name) -> str:
    """The class under which the other project documents the name."""
    if each.owner.__module__.startswith("flask.sansio"):
        return "flask.Blueprint" if each.owner.__name__ == "Blueprint" else "flask.Flask"
    if each.owner.__module__.startswith(("werkzeug.sansio", "werkzeug.wrappers")):
        return f"werkzeug.wrappers.{each.owner.__name__}"
    if each.owner.__module__ == "flask.wrappers":
        return f"flask.{each.owner.__name__}"
    return f"{each.owner.__module__}.{each.owner.__name__}"


def mark_awaited(
    app: Sphinx, what: str, name: str, obj: Any, options: Any, lines: list[str]
) -> None:
    """Begin the entry of a function, method or property that is awaited with the word."""
    func = function_of(obj) or obj
    if what in ("function", "method", "property", "attribute") and is_awaited(func):
        lines[:] = [f":bdg-info:`await` {lines[0] if lines else ''}", *lines[1:]]


def setup(app: Sphinx) -> None:
    """Called by Sphinx."""
    app.connect("autodoc-process-docstring", mark_awaited)
    app.add_directive("public-names", PublicNames)
