"""Puts `async` and `await` into a module, as `awaits` has decided. Formatting and comments stay."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import libcst as cst
from libcst import matchers as m
from libcst.codemod import CodemodContext
from libcst.codemod.visitors import AddImportsVisitor, ImportItem

from .advice import PROXY_FIX, proxy_fixes
from .awaits import needs_async_case, runs_coroutines, wanted
from .model import Class, Function, Module, Project, async_name, dotted
from .values import Site, is_manager

_COMMA = cst.Comma(whitespace_after=cst.SimpleWhitespace(" "))
_CASES = frozenset({"unittest.TestCase", "unittest.case.TestCase"})


class _Rewriter(cst.CSTTransformer):
    def __init__(self, project: Project, module: Module, alone: bool) -> None:
        self.project = project
        self.module = module
        self.sites: dict[cst.CSTNode, Site] = {}
        self.imports: set[tuple[str, str]] = set()
        self.functions: list[Function] = []
        self.proxy_fixes = set(proxy_fixes(module))
        for function in module.all_functions.values():
            self.sites.update(wanted(function, alone))

    def count(self, what: str) -> None:
        self.project.report.count(what)

    # Functions and classes

    def visit_FunctionDef(self, node: cst.FunctionDef) -> None:
        self.functions.append(self.module.all_functions[node])

    def leave_FunctionDef(
        self, original_node: cst.FunctionDef, updated_node: cst.FunctionDef
    ) -> cst.FunctionDef:
        function = self.functions.pop()
        if not function.is_async:
            return _with_instead_of_push(updated_node) if _pushes(function) else updated_node
        if function.was_async:
            return updated_node
        plural = {"hook": "hooks", "view": "views"}.get(function.role, "functions")
        self.count(f"{plural} made async")
        if is_manager(function):
            decorators = [self._async_manager(d) for d in updated_node.decorators]
            updated_node = updated_node.with_changes(decorators=decorators)
        if function.role == "command" and not runs_coroutines(function):
            decorator = cst.Decorator(cst.Name("with_appcontext"))
            self.imports.add(("quart.cli", "with_appcontext"))
            updated_node = updated_node.with_changes(
                decorators=[*updated_node.decorators, decorator]
            )
        return updated_node.with_changes(
            asynchronous=cst.Asynchronous(), name=cst.Name(async_name(function))
        )

    def _async_manager(self, decorator: cst.Decorator) -> cst.Decorator:
        name = decorator.decorator
        if isinstance(name, cst.Name) and name.value == "contextmanager":
            self.imports.add(("contextlib", "asynccontextmanager"))
            return decorator.with_changes(decorator=cst.Name("asynccontextmanager"))
        if isinstance(name, cst.Attribute) and name.attr.value == "contextmanager":
            return decorator.with_changes(
                decorator=name.with_changes(attr=cst.Name("asynccontextmanager"))
            )
        return decorator

    def leave_ClassDef(
        self, original_node: cst.ClassDef, updated_node: cst.ClassDef
    ) -> cst.ClassDef:
        cls = self.module.all_classes[original_node]
        if not needs_async_case(self.project, cls):
            return updated_node
        bases = [self._async_case(cls, base) for base in updated_node.bases]
        return updated_node.with_changes(bases=bases)

    def _async_case(self, cls: Class, base: cst.Arg) -> cst.Arg:
        if self.module.resolve(dotted(base.value)) not in _CASES:
            return base
        self.count("test cases made async")
        new = cst.Name("IsolatedAsyncioTestCase")
        if isinstance(base.value, cst.Attribute):
            return base.with_changes(value=base.value.with_changes(attr=new))
        self.imports.add(("unittest", "IsolatedAsyncioTestCase"))
        return base.with_changes(value=new)

    # Awaits

    def _await(self, node: cst.BaseExpression) -> cst.BaseExpression:
        self.count("awaits added")
        # Parentheses go around the await: `return(f())` must not become `returnawait (f())`.
        inner = node.with_changes(lpar=[], rpar=[])
        return cst.Await(expression=inner, lpar=node.lpar, rpar=node.rpar)

    def leave_Call(self, original_node: cst.Call, updated_node: cst.Call) -> cst.BaseExpression:
        updated_node = updated_node.with_changes(func=_in_parentheses(updated_node.func))
        if original_node in self.project.bound_connections:
            self.count("connections to SQLite freed from their thread")
            updated_node = _with_argument(updated_node, "check_same_thread", "False")
        site = self.sites.get(original_node)
        if site is None:
            return updated_node
        if site.rule == "thread()":
            self.count("calls put into a thread")
            self.imports.add(("quart.utils", "run_sync"))
            in_thread = cst.Call(cst.Name("run_sync"), [cst.Arg(updated_node.func)])
            return self._await(updated_node.with_changes(func=in_thread))
        if site.callee is not None and isinstance(updated_node.func, cst.Attribute):
            name = cst.Name(async_name(site.callee))
            updated_node = updated_node.with_changes(func=updated_node.func.with_changes(attr=name))
        return self._await(updated_node)

    def leave_Attribute(
        self, original_node: cst.Attribute, updated_node: cst.Attribute
    ) -> cst.BaseExpression:
        updated_node = updated_node.with_changes(value=_in_parentheses(updated_node.value))
        return self._await(updated_node) if original_node in self.sites else updated_node

    def leave_Subscript(
        self, original_node: cst.Subscript, updated_node: cst.Subscript
    ) -> cst.BaseExpression:
        return updated_node.with_changes(value=_in_parentheses(updated_node.value))

    def leave_GeneratorExp(
        self, original_node: cst.GeneratorExp, updated_node: cst.GeneratorExp
    ) -> cst.BaseExpression:
        # An await would make it an async generator, which `all()` and others do not accept.
        if any(node in self.sites for node in _nodes_of(original_node)):
            return cst.ListComp(elt=updated_node.elt, for_in=updated_node.for_in)
        return updated_node

    # Statements

    def leave_Assign(self, original_node: cst.Assign, updated_node: cst.Assign) -> cst.Assign:
        if original_node not in self.proxy_fixes:
            return updated_node
        self.count("ProxyFix of ASGI instead of WSGI")
        changed = updated_node.visit(_AsgiApp())
        return cst.ensure_type(changed, cst.Assign)

    def leave_ImportFrom(
        self, original_node: cst.ImportFrom, updated_node: cst.ImportFrom
    ) -> cst.ImportFrom:
        if self.proxy_fixes and dotted(updated_node.module) == PROXY_FIX.rpartition(".")[0]:
            module = cst.Attribute(cst.Name("quart"), cst.Name("middleware"))
            return updated_node.with_changes(module=module)
        return updated_node

    def leave_With(
        self, original_node: cst.With, updated_node: cst.With
    ) -> cst.BaseStatement | cst.FlattenSentinel[cst.BaseStatement]:
        function = self.functions[-1] if self.functions else None
        if original_node in self.project.with_responses and function and function.is_async:
            return _assigned(updated_node)
        if original_node not in self.sites:
            return updated_node
        entered = self.project.async_items.get(original_node, [True] * len(original_node.items))
        self.count("with statements made async")
        if all(entered):
            return updated_node.with_changes(asynchronous=cst.Asynchronous())
        return _nested(updated_node, entered)

    def leave_SimpleStatementLine(
        self, original_node: cst.SimpleStatementLine, updated_node: cst.SimpleStatementLine
    ) -> cst.BaseStatement | cst.RemovalSentinel:
        if len(original_node.body) != 1 or not isinstance(original_node.body[0], cst.Expr):
            return updated_node
        site = self.sites.get(original_node.body[0])
        if site is not None:
            return self._raises(updated_node)
        if self._calls_a_setup_that_runs(original_node.body[0].value):
            return updated_node.with_changes(body=[cst.Pass()])
        return updated_node

    def _raises(self, line: cst.SimpleStatementLine) -> cst.BaseStatement:
        """Turn `pytest.raises(E, f, x)` into `with pytest.raises(E): await f(x)`."""
        call = cst.ensure_type(cst.ensure_type(line.body[0], cst.Expr).value, cst.Call)
        keep = 2 if dotted(call.func).endswith("Regex") else 1
        head, function, rest = call.args[:keep], call.args[keep].value, call.args[keep + 1 :]
        if isinstance(function, cst.Lambda):
            body = function.body
        else:
            body = self._await(cst.Call(_in_parentheses(function), list(rest)))
        manager = call.with_changes(
            args=[*head[:-1], head[-1].with_changes(comma=cst.MaybeSentinel.DEFAULT)],
            whitespace_before_args=cst.SimpleWhitespace(""),
        )
        return cst.With(
            items=[cst.WithItem(manager)],
            body=cst.IndentedBlock([cst.SimpleStatementLine([cst.Expr(body)])]),
            leading_lines=line.leading_lines,
        )

    def _calls_a_setup_that_runs(self, node: cst.BaseExpression) -> bool:
        """Whether it is `super().setUp()` in an asyncSetUp: unittest calls setUp by itself."""
        function = self.functions[-1] if self.functions else None
        if function is None or function.role != "setup" or not function.is_async:
            return False
        if function.was_async or not m.matches(
            node, m.Call(func=m.Attribute(value=m.Call(func=m.Name("super"))), args=[])
        ):
            return False
        called = cst.ensure_type(cst.ensure_type(node, cst.Call).func, cst.Attribute).attr.value
        if called != function.name or function.owner is None:
            return False
        above = self.project.method(function.owner, called, function.owner)
        return above is None or not above.is_async


def _in_parentheses(node: cst.BaseExpression) -> cst.BaseExpression:
    """Add the parentheses that an await needs before `.name`, `[...]` or `(...)`."""
    if isinstance(node, cst.Await) and not node.lpar:
        return node.with_changes(lpar=[cst.LeftParen()], rpar=[cst.RightParen()])
    return node


def _with_argument(node: cst.Call, name: str, value: str) -> cst.Call:
    """Add a keyword argument to a call, on its own line if the others have their own lines."""
    argument = cst.Arg(
        cst.Name(value),
        keyword=cst.Name(name),
        equal=cst.AssignEqual(cst.SimpleWhitespace(""), cst.SimpleWhitespace("")),
    )
    if not node.args:
        return node.with_changes(args=[argument])
    *others, last = node.args
    first = node.args[0].comma
    between = first if others and isinstance(first, cst.Comma) else _COMMA
    if isinstance(last.comma, cst.Comma) and not others:
        between = last.comma.with_changes(whitespace_after=node.whitespace_before_args)
    argument = argument.with_changes(
        comma=last.comma, whitespace_after_arg=last.whitespace_after_arg
    )
    last = last.with_changes(comma=between, whitespace_after_arg=cst.SimpleWhitespace(""))
    return node.with_changes(args=[*others, last, argument])


def _nodes_of(node: cst.CSTNode) -> Sequence[cst.CSTNode]:
    found = [node]
    for child in node.children:
        found.extend(_nodes_of(child))
    return found


def _nested(node: cst.With, entered: Sequence[bool]) -> cst.With:
    """Turn `with a, b:` into `with a:` around `async with b:`."""
    groups: list[tuple[bool, list[cst.WithItem]]] = []
    for item, is_async in zip(node.items, entered, strict=True):
        if not groups or groups[-1][0] != is_async:
            groups.append((is_async, []))
        groups[-1][1].append(item)
    result: cst.With | None = None
    for is_async, items in reversed(groups):
        items[-1] = items[-1].with_changes(comma=cst.MaybeSentinel.DEFAULT)
        result = cst.With(
            items=items,
            body=node.body if result is None else cst.IndentedBlock([result]),
            asynchronous=cst.Asynchronous() if is_async else None,
        )
    assert result is not None
    return result.with_changes(leading_lines=node.leading_lines)


def _assigned(node: cst.With) -> cst.BaseStatement | cst.FlattenSentinel[cst.BaseStatement]:
    """Turn `with f() as response:` into `response = f()`: a response is not a context manager."""
    item = node.items[0]
    if item.asname is None or not isinstance(node.body, cst.IndentedBlock):
        return node
    target = cst.AssignTarget(cst.ensure_type(item.asname.name, cst.Name))
    line = cst.SimpleStatementLine(
        [cst.Assign([target], item.item)], leading_lines=node.leading_lines
    )
    return cst.FlattenSentinel([line, *node.body.body])


def _pushes(function: Function) -> bool:
    return any(site.rule in {"context.push()", "context.pop()"} for site in function.sites)


def _called(statement: cst.BaseStatement, method: str) -> cst.BaseExpression | None:
    """Return the object on which a statement calls `push` or `pop`."""
    if m.matches(
        statement,
        m.SimpleStatementLine(
            [m.Expr(m.Call(func=m.Attribute(attr=m.Name(method))))],
        ),
    ):
        line = cst.ensure_type(statement, cst.SimpleStatementLine)
        call = cst.ensure_type(cst.ensure_type(line.body[0], cst.Expr).value, cst.Call)
        return cst.ensure_type(call.func, cst.Attribute).value
    return None


def _with_instead_of_push(node: cst.FunctionDef) -> cst.FunctionDef:
    """Turn push and pop in a fixture that stays `def` into a `with`, which works in both."""
    body = list(cast(Sequence[cst.BaseStatement], node.body.body))
    for start, statement in enumerate(body):
        pushed = _called(statement, "push")
        if pushed is None:
            continue
        ends = [
            number
            for number in range(start + 1, len(body))
            if (popped := _called(body[number], "pop")) is not None and popped.deep_equals(pushed)
        ]
        end = ends[-1] if ends else len(body)
        inner = body[start + 1 : end]
        if not inner:
            continue
        entered = cst.With(
            items=[cst.WithItem(pushed)],
            body=cst.IndentedBlock(inner),
            leading_lines=cst.ensure_type(statement, cst.SimpleStatementLine).leading_lines,
        )
        body[start : end + 1] = [entered]
        return node.with_changes(body=node.body.with_changes(body=body))
    return node


class _AsgiApp(cst.CSTTransformer):
    def leave_Name(self, original_node: cst.Name, updated_node: cst.Name) -> cst.Name:
        is_wsgi = updated_node.value == "wsgi_app"
        return updated_node.with_changes(value="asgi_app") if is_wsgi else updated_node


class _CaseImports(cst.CSTTransformer):
    """Removes `TestCase` from the imports of a module that no longer uses it."""

    def leave_ImportFrom(
        self, original_node: cst.ImportFrom, updated_node: cst.ImportFrom
    ) -> cst.ImportFrom:
        if dotted(updated_node.module) != "unittest" or isinstance(
            updated_node.names, cst.ImportStar
        ):
            return updated_node
        names = [
            alias.with_changes(name=cst.Name("IsolatedAsyncioTestCase"))
            if dotted(alias.name) == "TestCase" and alias.asname is None
            else alias
            for alias in updated_node.names
        ]
        return updated_node.with_changes(names=names)


def rewrite(project: Project, module: Module, alone: bool) -> cst.Module:
    """Return a module with its awaits."""
    rewriter = _Rewriter(project, module, alone)
    tree = module.tree.visit(rewriter)
    context = CodemodContext()
    for package, name in sorted(rewriter.imports):
        if package == "unittest" and not _uses(tree, "TestCase"):
            tree = tree.visit(_CaseImports())
        else:
            tree = AddImportsVisitor(context, [ImportItem(package, name)]).transform_module(tree)
    return tree


def _uses(tree: cst.Module, name: str) -> bool:
    """Whether a module uses a name outside its imports."""
    return any(
        isinstance(node, cst.Name) and node.value == name
        for statement in tree.body
        if not m.matches(statement, m.SimpleStatementLine([m.ImportFrom() | m.Import()]))
        for node in _nodes_of(statement)
    )
