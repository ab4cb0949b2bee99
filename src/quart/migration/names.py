"""Turns Flask's names into Quart's, if Quart has them: in imports, attributes, annotations, strings
that name modules, and settings in the environment."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence
from functools import cache
from importlib import import_module

import libcst as cst
from libcst import matchers as m

from .model import Module, Project, dotted, text_of
from .report import Report
from .spec import RENAMED, quarts

#: Settings that the command line reads from the environment.
ENVIRONMENT = re.compile(r"\bFLASK_(APP|DEBUG|RUN_[A-Z_]+|SHELL_[A-Z_]+|SKIP_DOTENV)\b")
_ALL_SETTINGS = re.compile(r"\bFLASK_([A-Z]\w*)")
_NAMERS = frozenset(
    {"patch", "setattr", "getLogger", "import_module", "importorskip", "import_string"}
)
_MODULE = re.compile(r"flask(\.\w+)+")


@cache
def quart_has(name: str) -> bool:
    """Whether Quart has a dotted name of Flask, in its own spelling."""
    parts = quarts(name).split(".")
    for length in range(len(parts), 0, -1):
        try:
            found: object = import_module(".".join(parts[:length]))
        except ImportError:
            continue
        for part in parts[length:]:
            if not hasattr(type(found), part) and part not in vars(found):
                return False
            found = getattr(type(found), part, None) or vars(found).get(part)
        return True
    return False


def own_settings(project: Project) -> bool:
    """Whether the application reads all environment variables that start with FLASK_."""
    return any(
        isinstance(node, cst.Call)
        and isinstance(node.func, cst.Attribute)
        and node.func.attr.value == "from_prefixed_env"
        and not node.args
        for module in project.modules.values()
        if "from_prefixed_env" in module.source.text
        for node in _all_nodes(module.tree)
    )


def rename_settings(text: str, all_of_them: bool) -> str:
    """Rename FLASK_APP to QUART_APP, and so on; names that only the project knows stay."""
    pattern = _ALL_SETTINGS if all_of_them else ENVIRONMENT
    return pattern.sub(lambda found: f"QUART_{found[1]}", text)


def _all_nodes(node: cst.CSTNode) -> Sequence[cst.CSTNode]:
    found = [node]
    for child in node.children:
        found.extend(_all_nodes(child))
    return found


class Names:
    """What is known about a project's names before any of its files is changed."""

    def __init__(self, project: Project) -> None:
        self.project = project
        self.all_settings = own_settings(project)
        self.exported: dict[str, set[str]] = defaultdict(set)
        """By module, the names that other files import from it; they are not renamed in it."""
        for module in project.modules.values():
            for name in module.imports.values():
                place, _, last = name.rpartition(".")
                if place in project.modules:
                    self.exported[place].add(last)
            for star in module.stars:
                self.exported[star].add("*")

    def rename(self, module: Module, tree: cst.Module) -> cst.Module:
        """Return a file's tree with Quart's names in the place of Flask's."""
        if "flask" not in module.source.text.lower():
            return tree
        # The first pass is over the original tree, because only its nodes have lines to report.
        module.tree.visit(_Renamer(self, module, module.tree, Report()))
        return tree.visit(_Renamer(self, module, tree, self.project.report))

    def keeps(self, module: Module, name: str, tree_names: set[str]) -> bool:
        """Whether a name in a module must stay as it is, because others import it from there, or
        the new name is taken."""
        exported = self.exported.get(module.name, set())
        return name in exported or "*" in exported or RENAMED[name] in tree_names


class _Renamer(cst.CSTTransformer):
    def __init__(self, names: Names, module: Module, tree: cst.Module, report: Report) -> None:
        self.names = names
        self.module = module
        self.report = report
        self.notes = tree is module.tree
        self.renamed: dict[str, str] = {}
        """Names imported from Flask, and their names in this file now."""
        self.packages: set[str] = set()
        """The names of the package `flask` in this file, if it becomes `quart`."""
        self.extra: cst.Import | cst.ImportFrom | None = None
        self.callers: list[str] = []
        """The functions in whose calls the walk is, and annotations."""
        self.others = 0
        """Above zero inside things that only look like names: `.attr`, `keyword=`."""
        nodes = _all_nodes(tree)
        self.used = {node.value for node in nodes if isinstance(node, cst.Name)}
        self.bound = _bound_names(nodes)
        self._look_at_imports(nodes)

    def _note(self, node: cst.CSTNode, text: str) -> None:
        if self.notes:
            self.names.project.note(self.module, node, "name", text)

    def _look_at_imports(self, nodes: Sequence[cst.CSTNode]) -> None:
        """Find out what `import flask` and `from flask import ...` are used for."""
        for node in nodes:
            if isinstance(node, cst.ImportFrom) and not node.relative:
                if dotted(node.module).partition(".")[0] != "flask":
                    continue
                for alias in () if isinstance(node.names, cst.ImportStar) else node.names:
                    name = dotted(alias.name)
                    free = alias.asname is None and name not in self.bound
                    if free and name in RENAMED:
                        keeps = self.names.keeps(self.module, name, self.used)
                        self.renamed.update({} if keeps else {name: RENAMED[name]})
        local = {name for name, full in self.module.imports.items() if full == "flask"}
        uses = {name: self._uses(nodes, name) for name in local}
        # An import stays as it is if Quart has none of the names used from it.
        self.packages = {
            name for name in local if all(uses[name]) or (any(uses[name]) and name == "flask")
        }
        self.kept = {name for name in self.packages if not all(uses[name])}

    def _uses(self, nodes: Sequence[cst.CSTNode], package: str) -> list[bool]:
        """Return, for each use of the package, whether Quart has the name used."""
        inner = {id(node.value) for node in nodes if isinstance(node, cst.Attribute)}
        found = []
        for node in nodes:
            if isinstance(node, cst.Attribute) and id(node) not in inner:
                name = dotted(node) or _head(node)
                if name.partition(".")[0] == package:
                    found.append(self._has(name, package))
        return found

    def _has(self, name: str, package: str) -> bool:
        parts = name.split(".")
        full = ".".join(["flask", *parts[1:]])
        # What follows the first name that is not a module depends on that object.
        for length in range(2, len(parts) + 1):
            head = ".".join(["flask", *parts[1:length]])
            if not quart_has(head):
                return False
            try:
                import_module(head)
            except ImportError:
                return True
        return quart_has(full)

    # Imports

    def leave_Import(self, original_node: cst.Import, updated_node: cst.Import) -> cst.Import:
        names = []
        changed = False
        kept: list[cst.ImportAlias] = []
        for alias in updated_node.names:
            name = dotted(alias.name)
            if name.partition(".")[0] != "flask":
                names.append(alias)
                continue
            local = dotted(alias.asname.name) if alias.asname else "flask"
            if not quart_has(name):
                self._note(original_node, f"Quart has no {name}")
            if not quart_has(name) or (name == "flask" and local not in self.packages):
                names.append(alias)
                continue
            if local in self.kept:
                kept.append(alias.with_changes(comma=cst.MaybeSentinel.DEFAULT))
            names.append(alias.with_changes(name=_node(quarts(name))))
            changed = True
        if not changed:
            return updated_node
        self.report.count("imports changed")
        result = updated_node.with_changes(names=names)
        if kept:
            self.extra = cst.Import(kept)
        return result

    def leave_ImportFrom(
        self, original_node: cst.ImportFrom, updated_node: cst.ImportFrom
    ) -> cst.ImportFrom:
        package = "" if updated_node.relative else dotted(updated_node.module)
        if package.partition(".")[0] != "flask":
            return updated_node
        if isinstance(updated_node.names, cst.ImportStar):
            if not quart_has(package):
                self._note(original_node, f"Quart has no {package}")
                return updated_node
            self.report.count("imports changed")
            return updated_node.with_changes(module=_node(quarts(package)))
        ours, theirs = [], []
        for alias in updated_node.names:
            name = dotted(alias.name)
            if quart_has(f"{package}.{name}"):
                ours.append(self._import_of_ours(alias, name))
            else:
                theirs.append(alias)
                self._note(original_node, f"Quart has no {package}.{name}; the import stays")
        if not ours:
            return updated_node
        self.report.count("imports changed")
        if theirs:
            self.extra = cst.ImportFrom(
                module=updated_node.module, names=_listed(theirs, None), relative=()
            )
        return updated_node.with_changes(
            module=_node(quarts(package)), names=_listed(ours, updated_node.names)
        )

    def _import_of_ours(self, alias: cst.ImportAlias, name: str) -> cst.ImportAlias:
        if name not in RENAMED:
            return alias
        new = alias.with_changes(name=cst.Name(RENAMED[name]))
        if alias.asname is not None or name in self.renamed:
            return new
        as_before = cst.AsName(cst.Name(name), cst.SimpleWhitespace(" "), cst.SimpleWhitespace(" "))
        return new.with_changes(asname=as_before)

    def leave_SimpleStatementLine(
        self, original_node: cst.SimpleStatementLine, updated_node: cst.SimpleStatementLine
    ) -> cst.BaseStatement | cst.FlattenSentinel[cst.BaseStatement]:
        if self.extra is None:
            return updated_node
        extra, self.extra = self.extra, None
        return cst.FlattenSentinel([updated_node, cst.SimpleStatementLine([extra])])

    def leave_SimpleStatementSuite(
        self, original_node: cst.SimpleStatementSuite, updated_node: cst.SimpleStatementSuite
    ) -> cst.SimpleStatementSuite:
        if self.extra is None:
            return updated_node
        extra, self.extra = self.extra, None
        return updated_node.with_changes(body=[*updated_node.body, extra])

    # Uses

    def visit_Attribute_attr(self, node: cst.Attribute) -> None:
        self.others += 1

    def leave_Attribute_attr(self, node: cst.Attribute) -> None:
        self.others -= 1

    def leave_Attribute(
        self, original_node: cst.Attribute, updated_node: cst.Attribute
    ) -> cst.BaseExpression:
        name = dotted(original_node)
        package, _, rest = name.partition(".")
        if not rest or self.module.imports.get(package) != "flask" or package in self.bound:
            return updated_node
        if not self._has(name, package):
            if rest.count(".") == 0:
                self._note(original_node, f"Quart has no flask.{rest}; it stays Flask's")
            return updated_node
        if package not in self.packages:
            return updated_node
        if package != "flask":
            return _renamed_attribute(updated_node)
        return _renamed_attribute(updated_node, head=True)

    def leave_Name(self, original_node: cst.Name, updated_node: cst.Name) -> cst.BaseExpression:
        if self.others:
            return updated_node
        new = self.renamed.get(original_node.value)
        return updated_node.with_changes(value=new) if new is not None else updated_node

    def visit_Arg_keyword(self, node: cst.Arg) -> None:
        self.others += 1

    def leave_Arg_keyword(self, node: cst.Arg) -> None:
        self.others -= 1

    def visit_ImportFrom(self, node: cst.ImportFrom) -> bool:
        return False

    def visit_Import(self, node: cst.Import) -> bool:
        return False

    # Strings

    def visit_Call(self, node: cst.Call) -> None:
        last = node.func.attr.value if isinstance(node.func, cst.Attribute) else dotted(node.func)
        self.callers.append(last or "call")

    def leave_Call(self, original_node: cst.Call, updated_node: cst.Call) -> cst.BaseExpression:
        self.callers.pop()
        return updated_node

    def visit_Annotation(self, node: cst.Annotation) -> None:
        self.callers.append("annotation")

    def leave_Annotation(
        self, original_node: cst.Annotation, updated_node: cst.Annotation
    ) -> cst.Annotation:
        self.callers.pop()
        return updated_node

    def leave_SimpleString(
        self, original_node: cst.SimpleString, updated_node: cst.SimpleString
    ) -> cst.BaseExpression:
        text = text_of(original_node)
        if text is None:
            return updated_node
        caller = self.callers[-1] if self.callers else ""
        new = rename_settings(text, self.names.all_settings)
        if caller in _NAMERS and _MODULE.fullmatch(text) and quart_has(text):
            new = quarts(text)
        elif caller == "annotation":
            for name, ours in self.renamed.items():
                new = re.sub(rf"\b{name}\b", ours, new)
            for package in self.packages & {"flask"} - self.bound:
                new = re.sub(rf"\b{package}\.", "quart.", new)
        if new == text:
            return updated_node
        self.report.count("names in strings changed")
        return updated_node.with_changes(value=original_node.value.replace(text, new))


def _renamed_attribute(node: cst.Attribute, head: bool = False) -> cst.Attribute:
    """Turn `flask.Flask` into `quart.Quart`; deeper parts were renamed on the way."""
    attr = node.attr.value
    node = node.with_changes(attr=cst.Name(RENAMED.get(attr, attr)))
    if head and isinstance(node.value, cst.Name) and node.value.value == "flask":
        node = node.with_changes(value=cst.Name("quart"))
    return node


def _node(name: str) -> cst.Name | cst.Attribute:
    node = cst.parse_expression(name)
    assert isinstance(node, cst.Name | cst.Attribute)
    return node


def _head(node: cst.Attribute) -> str:
    """Return the dotted name at the beginning of an attribute."""
    return dotted(node.value) if isinstance(node.value, cst.Attribute | cst.Name) else ""


def _listed(
    aliases: Sequence[cst.ImportAlias], before: Sequence[cst.ImportAlias] | None
) -> list[cst.ImportAlias]:
    """Return names of an import separated by commas, with a trailing comma if there was one."""
    names = list(aliases)
    trailing = before is not None and isinstance(before[-1].comma, cst.Comma)
    for number, alias in enumerate(names):
        last = number == len(names) - 1
        if last and not trailing:
            names[number] = alias.with_changes(comma=cst.MaybeSentinel.DEFAULT)
        elif not isinstance(alias.comma, cst.Comma):
            space = cst.SimpleWhitespace("" if last else " ")
            names[number] = alias.with_changes(comma=cst.Comma(whitespace_after=space))
    return names


def _bound_names(nodes: Sequence[cst.CSTNode]) -> set[str]:
    """Return the names that a file binds other than by an import."""
    found = set()
    for node in nodes:
        if isinstance(node, cst.AssignTarget | cst.NamedExpr | cst.AnnAssign | cst.AugAssign):
            found.add(dotted(node.target))
        elif isinstance(node, cst.Param | cst.ClassDef | cst.FunctionDef):
            found.add(node.name.value)
        elif isinstance(node, cst.For | cst.CompFor):
            found.update(n.value for n in _all_nodes(node.target) if isinstance(n, cst.Name))
        elif isinstance(node, cst.AsName) and not m.matches(node.name, m.Attribute()):
            found.update(n.value for n in _all_nodes(node.name) if isinstance(n, cst.Name))
    return found
