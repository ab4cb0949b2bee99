"""`--async`: which views and hooks become async. Those do that call nothing that may block, by the
tables here. For each that stays `def`, a note names the reason and its place."""

from __future__ import annotations

import builtins
from collections.abc import Iterator
from dataclasses import dataclass, field

import libcst as cst

from .awaits import callers, forced
from .model import HOOKS, ROUTES, Class, Function, Project, dotted, parameters_of
from .report import shorten
from .values import has_yield

#: Calls that are known to block, by the beginning of their full names.
BLOCKS = (
    "MySQLdb",
    "PIL",
    "bcrypt",
    "boto3",
    "celery",
    "concurrent.futures",
    "ftplib",
    "hashlib.pbkdf2_hmac",
    "hashlib.scrypt",
    "http.client",
    "httpx.delete",
    "httpx.get",
    "httpx.patch",
    "httpx.post",
    "httpx.put",
    "httpx.request",
    "imaplib",
    "input",
    "mysql.connector",
    "numpy",
    "open",
    "os.listdir",
    "os.makedirs",
    "os.mkdir",
    "os.remove",
    "os.rename",
    "os.scandir",
    "os.stat",
    "os.system",
    "os.unlink",
    "os.walk",
    "pandas",
    "passlib",
    "pathlib",
    "peewee",
    "poplib",
    "psycopg",
    "psycopg2",
    "pymongo",
    "pymysql",
    "redis",
    "requests",
    "shutil",
    "smtplib",
    "socket",
    "sqlalchemy",
    "sqlite3",
    "ssl",
    "subprocess",
    "tempfile",
    "threading",
    "time.sleep",
    "urllib.request",
    "urllib3",
    "werkzeug.security",
    "zipfile",
)
#: Calls that are known not to block.
DOES_NOT = (
    "abc",
    "base64",
    "binascii",
    "calendar",
    "click.echo",
    "collections",
    "colorsys",
    "copy",
    "dataclasses",
    "datetime",
    "decimal",
    "difflib",
    "enum",
    "flask",
    "fractions",
    "functools",
    "hashlib",
    "hmac",
    "html",
    "http.HTTPStatus",
    "io",
    "ipaddress",
    "itertools",
    "itsdangerous",
    "json",
    "logging",
    "markupsafe",
    "math",
    "mimetypes",
    "operator",
    "os.environ",
    "os.getenv",
    "os.path.basename",
    "os.path.dirname",
    "os.path.join",
    "os.path.splitext",
    "os.urandom",
    "quart",
    "random",
    "re",
    "secrets",
    "six",
    "statistics",
    "string",
    "struct",
    "sys",
    "textwrap",
    "time",
    "traceback",
    "typing",
    "typing_extensions",
    "unicodedata",
    "urllib.parse",
    "uuid",
    "warnings",
    "werkzeug",
    "zlib",
)
_ORDINARY = frozenset(dir(builtins)) - {"compile", "eval", "exec", "input", "open"}
#: Flask's own functions that run code of the application, or wait.
_OF_FLASK = {
    "flask.copy_current_request_context": "passes the request on to a thread",
    "flask.g": "uses g, which may hold anything",
    "flask.stream_with_context": "streams from a generator",
}


@dataclass
class Reason:
    """Why a function stays `def`."""

    text: str
    function: Function
    node: cst.CSTNode

    @property
    def place(self) -> str:
        """The call, with its file and line."""
        module = self.function.module
        return f"{self.text} ({module.source.name}:{module.line(self.node)})"


@dataclass
class _Chooser:
    project: Project
    reasons: dict[Function, Reason | None] = field(default_factory=dict)

    def reason(self, function: Function) -> Reason | None:
        """Return why a function may block, or None."""
        if function not in self.reasons:
            self.reasons[function] = None  # for one that calls itself
            self.reasons[function] = next(self._reasons(function), None)
        return self.reasons[function]

    def _reasons(self, function: Function) -> Iterator[Reason]:
        if has_yield(function.node):
            yield Reason("is a generator", function, function.node)
        for decorator, name in zip(function.node.decorators, function.decorators, strict=True):
            if name.rpartition(".")[2] not in ROUTES | HOOKS:
                shown = shorten(function.module.code(decorator.decorator))
                yield Reason(f"is decorated by {shown}", function, decorator)
        for site in function.sites:
            if site.place:
                yield Reason(f"would await in a {site.place}", function, site.node)
        for inner in function.inner.values():
            if forced(inner):
                yield Reason(f"would await in its function {inner.name}", function, inner.node)
        yield from _Body(self, function).reasons(function.node.body)


class _Body:
    """What one function does, checked node by node."""

    def __init__(self, chooser: _Chooser, function: Function) -> None:
        self.chooser = chooser
        self.function = function
        self.module = function.module
        self.local = {parameter.name.value for parameter in parameters_of(function.node)}
        self.plain: set[str] = set()
        if function.role == "view":
            self.plain |= self.local  # what a URL converter gives
        _Locals(self.local).look(function.node.body)
        for _ in range(2):  # in a loop, names that are bound below are used above
            self._learn(function.node.body)

    def reasons(self, node: cst.CSTNode) -> Iterator[Reason]:
        if isinstance(node, cst.Annotation):
            return
        if isinstance(node, cst.Attribute | cst.Name):
            name = dotted(node)
            if name:
                yield from self._of_name(node, name)
                return
        if isinstance(node, cst.Call):
            yield from self._of_call(node)
        for child in node.children:
            is_label = isinstance(node, cst.Attribute) and child is node.attr
            is_keyword = isinstance(node, cst.Arg) and child is node.keyword
            if not is_label and not is_keyword:
                yield from self.reasons(child)

    def _why(self, text: str, node: cst.CSTNode) -> Reason:
        return Reason(text, self.function, node)

    def _learn(self, node: cst.CSTNode) -> None:
        """Find the variables that hold plain values: text, numbers, collections of them."""
        for child in node.children:
            self._learn(child)
        targets: list[cst.CSTNode] = []
        if isinstance(node, cst.Assign) and self._is_plain(node.value):
            targets = [target.target for target in node.targets]
        elif isinstance(node, cst.For | cst.CompFor) and self._is_plain(node.iter):
            targets = [node.target]
        for target in targets:
            elements = target.elements if isinstance(target, cst.Tuple) else ()
            self.plain |= {dotted(e.value) for e in elements} | {dotted(target)} - {""}

    def _is_plain(self, node: cst.CSTNode) -> bool:
        if isinstance(
            node,
            cst.SimpleString | cst.FormattedString | cst.ConcatenatedString | cst.BaseNumber,
        ):
            return True
        if isinstance(node, cst.Comparison | cst.UnaryOperation):
            return True
        if isinstance(node, cst.Dict | cst.List | cst.Set | cst.Tuple | cst.BaseComp):
            return True
        if isinstance(node, cst.BinaryOperation):
            return self._is_plain(node.left)
        if isinstance(node, cst.BooleanOperation):
            return self._is_plain(node.left) and self._is_plain(node.right)
        if isinstance(node, cst.IfExp):
            return self._is_plain(node.body) and self._is_plain(node.orelse)
        if isinstance(node, cst.Subscript | cst.Await):
            inner = node.value if isinstance(node, cst.Subscript) else node.expression
            return self._is_plain(inner)
        name = dotted(node)
        if name:
            first = name.partition(".")[0]
            if first in self.local:
                return first in self.plain
            full = self.module.resolve(name)
            return full.startswith(("flask.request.", "flask.session", "os.environ", "string."))
        if isinstance(node, cst.Attribute):
            return self._is_plain(node.value)
        if isinstance(node, cst.Call):
            name = dotted(node.func)
            if name and name.partition(".")[0] not in self.local:
                full = self.module.resolve(name)
                return self._is_plain(node.func) or (
                    self._verdict(full) == "" and not full.startswith(("flask.g", "getattr"))
                )
            return self._is_plain(node.func)
        return False

    def _verdict(self, full: str) -> str | None:
        """Return why a full name blocks, an empty string if it does not, None if unknown."""
        if full in _ORDINARY:
            return ""
        for name, text in _OF_FLASK.items():
            if full == name or full.startswith(f"{name}."):
                return text
        # The longest match decides: `time` does not block, but `time.sleep` does.
        found: tuple[int, str] | None = None
        for names, text in ((BLOCKS, f"uses {full}, which blocks"), (DOES_NOT, "")):
            for name in names:
                if full == name or full.startswith(f"{name}."):
                    found = max(found or (0, ""), (len(name), text))
        return found[1] if found is not None else None

    def _of_name(self, node: cst.CSTNode, name: str) -> Iterator[Reason]:
        first = name.partition(".")[0]
        function: Function | None = self.function
        while function is not None:
            if first in function.inner or (
                function is not self.function and first in _names(function)
            ):
                return
            function = function.outer
        if first in self.local:
            return
        full = self.module.resolve(name)
        found = self.chooser.project.find(full if first in self.module.imports else "")
        if found is None and first not in self.module.imports:
            found = (
                self.module.functions.get(name)
                or self.module.classes.get(first)
                or ((self.module, first) if first in self.module.variables else None)
            )
        if isinstance(found, Function):
            yield from self._of_function(node, found)
        elif isinstance(found, Class):
            for base in self.chooser.project.bases_elsewhere(found):
                if self._verdict(base) != "":
                    yield self._why(f"uses {found.name}, a {base}", node)
        elif isinstance(found, tuple):
            module, variable = found
            if module.variables.get(variable) is None and not _is_constant(module.tree, variable):
                yield self._why(f"uses {variable}, and it is not known what that does", node)
        elif found is None:
            verdict = self._verdict(full)
            if verdict is None:
                text = f"uses {full}, and it is not known whether that blocks"
                yield self._why(text, node)
            elif verdict:
                yield self._why(verdict, node)

    def _of_function(self, node: cst.CSTNode, found: Function) -> Iterator[Reason]:
        inner = self.chooser.reason(found)
        if inner is not None:
            yield self._why(f"uses {found.name}, which {inner.place}", node)

    def _of_call(self, node: cst.Call) -> Iterator[Reason]:
        callee = self.function.callees.get(node)
        if callee is not None:
            yield from self._of_function(node, callee)
            return
        if node in self.function.known_calls:
            return  # a call on an application, a request, a response
        name = dotted(node.func)
        first = name.partition(".")[0]
        if name and first not in self.local:
            return  # it is judged by its name
        if isinstance(node.func, cst.Attribute) and self._is_plain(node.func.value):
            return
        code = shorten(self.module.code(node.func))
        yield self._why(f"calls {code}(), and it is not known whether that blocks", node)


class _Locals:
    """The names that a function binds."""

    def __init__(self, names: set[str]) -> None:
        self.names = names

    def look(self, node: cst.CSTNode) -> None:
        if isinstance(
            node, cst.AssignTarget | cst.NamedExpr | cst.AnnAssign | cst.For | cst.CompFor
        ):
            self._add(node.target)
        elif isinstance(node, cst.AsName):
            self._add(node.name)
        elif isinstance(node, cst.Param | cst.FunctionDef | cst.ClassDef):
            self.names.add(node.name.value)
        for child in node.children:
            self.look(child)

    def _add(self, target: cst.CSTNode) -> None:
        if isinstance(target, cst.Name):
            self.names.add(target.value)
        elif isinstance(target, cst.Tuple | cst.List):
            for element in target.elements:
                self._add(element.value)


def _names(function: Function) -> set[str]:
    return {parameter.name.value for parameter in parameters_of(function.node)} | set(
        function.variables
    )


def _is_constant(tree: cst.Module, name: str) -> bool:
    """Whether a module's variable is only ever assigned literals."""
    values = [
        small.value
        for line in tree.body
        if isinstance(line, cst.SimpleStatementLine)
        for small in line.body
        if isinstance(small, cst.Assign)
        and any(dotted(target.target) == name for target in small.targets)
    ]
    literal = (cst.SimpleString, cst.BaseNumber, cst.Dict, cst.List, cst.Tuple, cst.Set)
    return bool(values) and all(isinstance(value, literal) for value in values)


def choose(project: Project) -> None:
    """Make views and hooks async if they call nothing that may block, and note the others."""
    functions = list(project.functions())
    chooser = _Chooser(project)
    called_by = callers(functions)
    all_of_them = [
        function
        for function in functions
        if function.role in {"hook", "view"} and not function.is_async
        if not function.module.is_test
    ]
    chosen = {function for function in all_of_them if chooser.reason(function) is None}
    helpers: set[Function] = set()
    while True:
        helpers = _helpers(chosen)
        shared = {
            helper
            for helper in helpers
            if any(not (c in chosen or c in helpers or c.is_async) for c in called_by[helper])
            or helper.escapes
        }
        if not shared:
            break
        for function in list(chosen):
            for helper in _helpers({function}) & shared:
                text = f"uses {helper.name}, which waits, and which def functions use, too"
                chooser.reasons[function] = Reason(text, function, helper.node)
                chosen.discard(function)
    for function in chosen | helpers:
        function.is_async = True
    for function in all_of_them:
        reason = chooser.reasons.get(function)
        if function not in chosen and reason is not None:
            text = f"{function.name} stays def: it {reason.place}"
            project.note(function.module, function.node, "stays", text)
            project.report.count("views and hooks left def")


def _helpers(functions: set[Function]) -> set[Function]:
    """Return the functions that have to be awaited once these are async."""
    reached: set[Function] = set()
    todo = list(functions)
    while todo:
        for callee in todo.pop().calls:
            if callee not in reached and callee.role == "helper":
                reached.add(callee)
                todo.append(callee)
    # Functions that wait, and functions that call one of them.
    found = {function for function in reached if forced(function) and not function.is_async}
    while True:
        more = {f for f in reached - found if f.calls & found and not f.is_async}
        if not more:
            return found
        found |= more
