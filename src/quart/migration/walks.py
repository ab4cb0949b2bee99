"""One walk over a module's own statements, or over those of a function. It finds what variables
hold, what the function returns, what it calls, and the sites where an await would stand. `awaits`
repeats the walks until nothing changes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import cast

import libcst as cst

from . import spec
from .model import HOOKS, ON_LOOP, ROUTES, Class, Function, Project, dotted, parameters_of, text_of
from .scopes import FACTORIES, Scope
from .values import (
    Above,
    Bound,
    External,
    Instance,
    Manager,
    Many,
    Several,
    Site,
    TheClass,
    TheFunction,
    Value,
    has_yield,
    is_manager,
    is_property,
    kind_of,
)

#: Functions that call a function they are given before they return, or replace another with it.
_TAKERS = frozenset({"patch", "setattr", "setitem"})
_RAISES = frozenset({"assertRaises", "assertRaisesRegex", "assertWarns", "raises", "warns"})
_Handler = Callable[["Walk", cst.CSTNode], Value]


class Walk(Scope):
    """A scope that is walked node by node, in the order of the source."""

    def visit(self, node: cst.CSTNode) -> Value:
        """Walk a node; return the value of an expression."""
        handler = _HANDLERS.get(type(node))
        if handler is not None:
            return handler(self, node)
        for child in node.children:
            self.visit(child)
        return None

    def _walk_plain_name(self, node: cst.CSTNode) -> Value:
        return self._seen(self.name(node), node)

    def _seen(self, value: Value, node: cst.CSTNode) -> Value:
        """Record that a function is passed on, if it is not called here."""
        if isinstance(value, TheFunction) and not self.quiet and node not in self.called:
            value.function.escapes = True
        return value

    def _walk_attribute(self, node: cst.CSTNode) -> Value:
        node = cast(cst.Attribute, node)
        base = self.visit(node.value)
        name = node.attr.value
        value: Value = None
        if isinstance(base, External):
            return self._seen(self.named(spec.flasks(f"{base.name}.{name}")), node)
        if isinstance(base, Instance | TheClass | Above):
            after = base.cls if isinstance(base, Above) else None
            method = self.project.method(base.cls, name, after)
            if method is not None:
                if is_property(method):
                    if method.is_async and node not in self.awaited:
                        self.add(Site(node, "project()", callee=method))
                    self.calls.add(method)
                    return method.gives
                return self._seen(TheFunction(method), node)
            value = self._attribute_of(base.cls, name)
        if value is not None:
            return value
        kind = kind_of(self.project, base)
        if not kind:
            return None
        if (kind, name) == ("request", "environ"):
            self.project.environs.append((node, self.module))
        if name in spec.ATTRIBUTES.get(kind, ()) and node not in self.called:
            self.add(Site(node, f"{kind}.{name}"))
            return None
        held = spec.HOLDS.get((kind, name))
        return held if held is not None else Bound(kind, name)

    def _attribute_of(self, cls: Class, name: str) -> Value:
        """Return what an attribute of an object of the project holds. In a test class, an attribute
        named `client` or `app` that is set out of sight is assumed to be one."""
        line = list(self.project.line_of_classes(cls))
        value = next((c.attributes[name] for c in line if c.attributes.get(name)), None)
        if value is None and cls.module.is_test and not any(name in c.assigned for c in line):
            guess = name if name in {"app", "client"} else None
            value = self.project.given_to_classes.get(name, guess)
        return value

    def add(self, site: Site) -> None:
        """Record a place where an await would stand, unless there is one already."""
        if site.node in self.awaited:
            return
        site.place = "lambda" if self.lambdas else site.place
        self.sites[site.node] = site

    def _walk_call(self, node: cst.CSTNode) -> Value:
        node = cast(cst.Call, node)
        self.called.add(node.func)
        target = self.visit(node.func)
        values = self._arguments(node, target)
        if isinstance(target, TheFunction):
            return self._call_function(node, target.function, values)
        if isinstance(target, TheClass):
            made = self.project.method(target.cls, "__init__")
            if made is not None:
                self.calls.add(made)
                self.callees[node] = made
                self._infer(made, node, values)
            return Instance(target.cls)
        if isinstance(target, Instance):
            method = self.project.method(target.cls, "__call__")
            if method is not None:
                return self._call_function(node, method, values)
        if isinstance(target, str) and target in spec.CALLED:
            self.add(Site(node, f"{target}()"))
            return None
        if isinstance(target, Bound):
            return self._call_bound(node, target)
        if isinstance(target, External):
            return self._call_external(node, target.name, values)
        return None

    def _arguments(self, node: cst.Call, target: Value) -> list[Value]:
        last = dotted(node.func).rpartition(".")[2]
        if not last and isinstance(node.func, cst.Attribute):
            last = node.func.attr.value
        role = ""
        if isinstance(node.func, cst.Attribute):
            if last in ROUTES:
                role = "view"
            elif last in HOOKS:
                role = "hook"
            elif last in ON_LOOP or last.startswith("add_template_"):
                role = "loop"
        takes = role or last in _TAKERS | _RAISES | {"partial", "getattr"}
        in_project = isinstance(target, TheFunction | TheClass)
        values = []
        for argument in node.args:
            is_name = isinstance(argument.value, cst.Name | cst.Attribute)
            self.quiet += bool(is_name and (takes or in_project))
            value = self.visit(argument.value)
            self.quiet -= bool(is_name and (takes or in_project))
            if role and isinstance(value, TheFunction) and value.function.owner is None:
                self._give_role(value.function, role)
            values.append(value)
        if last == "setattr":
            self._fake(node, values)
        return values

    def _fake(self, node: cst.Call, values: Sequence[Value]) -> None:
        """`monkeypatch.setattr(place, name, fake)`: the fake of an async function is async."""
        found: Value = None
        text = text_of(node.args[0].value) if node.args else None
        name = text_of(node.args[1].value) if len(node.args) > 1 else None
        if text is not None:
            found = self.named(text)
        elif name is not None:
            self.quiet += 1
            attribute = cst.Attribute(node.args[0].value, cst.Name(name))
            self.called.add(attribute)
            found = self._walk_attribute(attribute)
            self.quiet -= 1
        fake = values[-1] if values else None
        if isinstance(found, TheFunction) and found.function.is_async:
            if isinstance(fake, TheFunction):
                if not fake.function.is_async:
                    fake.function.is_async = True
                    self.changed = True
            elif not isinstance(node.args[-1].value, cst.Name | cst.Attribute):
                text = f"{found.function.name} is async now; make its replacement async, too"
                self.project.note(self.module, node, "callback", text)

    def _call_function(self, node: cst.Call, function: Function, values: Sequence[Value]) -> Value:
        self.calls.add(function)
        self.callees[node] = function
        self._infer(function, node, values)
        if is_manager(function):
            return Manager(function)
        if function.is_async and not has_yield(function.node):
            self.add(Site(node, "project()", callee=function))
        elif function.waits and self._tests_what_runs_in_threads(function):
            self.add(Site(node, "thread()"))
        elif function.enters and self._tests_what_runs_in_threads(function):
            self.add(Site(node, "thread()", forces=False))
        return function.gives

    def _tests_what_runs_in_threads(self, function: Function) -> bool:
        """Whether this is a test that calls a function of the application which views call, too: in
        a thread it gets values, as in a view."""
        of_tests = self.module.is_test and not function.module.is_test
        here = self.function.role if self.function is not None else ""
        return of_tests and here in {"fixture", "helper", "setup", "test"}

    def _infer(self, function: Function, node: cst.Call, values: Sequence[Value]) -> None:
        """Learn from the arguments of a call what a function's parameters hold."""
        names = [parameter.name.value for parameter in parameters_of(function.node)]
        if function.owner is not None and "staticmethod" not in function.decorators:
            names = names[1:]
        for number, (argument, value) in enumerate(zip(node.args, values, strict=True)):
            name = argument.keyword.value if argument.keyword else ""
            if not name and not argument.star and number < len(names):
                name = names[number]
            known = value is not None and not isinstance(value, External)
            if name and known and function.parameters.get(name) is None:
                function.parameters[name] = value
                self.changed = True

    def _call_bound(self, node: cst.Call, target: Bound) -> Value:
        kind, name = target.kind, target.name
        self.known_calls.add(node)
        if name in spec.METHODS.get(kind, ()) or (kind == "client" and name == "*"):
            forces = not (kind == "context" and self.function is not None and self._may_enter())
            self.add(Site(node, f"{kind}.{name}()", forces))
        if kind == "client" and name == "*":
            return "response"
        return spec.GIVES.get((kind, name))

    def _may_enter(self) -> bool:
        """Whether a push and a pop can become a `with`, so that the function stays `def`."""
        return self.function is not None and self.function.role == "fixture"

    def _call_external(self, node: cst.Call, name: str, values: Sequence[Value]) -> Value:
        if name in spec.CLASSES:
            return spec.CLASSES[name]
        package, _, last = name.rpartition(".")
        if package.split(".")[0] == "flask":
            if last in spec.METHODS["flask"]:
                self.add(Site(node, f"flask.{last}()"))
            return spec.GIVES.get(("flask", last))
        if name == "sqlite3.connect":
            return "connection"
        if name == "super" and self.function is not None and self.function.owner is not None:
            return Above(self.function.owner)
        if name == "getattr" and len(values) >= 2:
            text = text_of(node.args[1].value)
            if text is not None:
                attribute = cst.Attribute(node.args[0].value, cst.Name(text))
                self.called.add(attribute)
                return self._walk_attribute(attribute)
            return Bound("client", "*") if kind_of(self.project, values[0]) == "client" else None
        if name == "functools.partial" and values:
            return values[0]
        if last in FACTORIES or name in FACTORIES:
            return "app"
        if name == "next" and values and isinstance(values[0], Many):
            return values[0].value
        return None

    def _walk_await(self, node: cst.CSTNode) -> Value:
        node = cast(cst.Await, node)
        self.awaited.add(node.expression)
        return self.visit(node.expression)

    def _walk_lambda(self, node: cst.CSTNode) -> Value:
        self.lambdas += 1
        names = [param.name.value for param in cast(cst.Lambda, node).params.params]
        before = {name: self.variables[name] for name in names if name in self.variables}
        for name in names:
            self.variables[name] = None
        self.visit(cast(cst.Lambda, node).body)
        for name in names:
            del self.variables[name]
        self.variables.update(before)
        self.lambdas -= 1
        return None

    def _walk_comprehension(self, node: cst.CSTNode) -> Value:
        node = cast(cst.BaseComp, node)
        self.visit(node.for_in)
        if isinstance(node, cst.DictComp):
            self.visit(node.key)
            return _many(self.visit(node.value))
        return _many(self.visit(cast(cst.BaseSimpleComp, node).elt))

    def _walk_comp_for(self, node: cst.CSTNode) -> Value:
        node = cast(cst.CompFor, node)
        value = self.visit(node.iter)
        self.bind_target(node.target, _element(value))
        for condition in node.ifs:
            self.visit(condition)
        if node.inner_for_in is not None:
            self.visit(node.inner_for_in)
        return None

    def _walk_tuple(self, node: cst.CSTNode) -> Value:
        values = [self.visit(e.value) for e in cast(cst.Tuple, node).elements]
        return Several(tuple(None if isinstance(v, Several | Many) else v for v in values))

    def _walk_list(self, node: cst.CSTNode) -> Value:
        values = [self.visit(e.value) for e in cast(cst.List, node).elements]
        return _many(next((value for value in values if value is not None), None))

    def _walk_subscript(self, node: cst.CSTNode) -> Value:
        node = cast(cst.Subscript, node)
        value = self.visit(node.value)
        for part in node.slice:
            self.visit(part)
        index = node.slice[0].slice if len(node.slice) == 1 else None
        if isinstance(value, Several) and isinstance(index, cst.Index):
            number = index.value
            if isinstance(number, cst.Integer) and int(number.value) < len(value.values):
                return value.values[int(number.value)]
            return None
        return value.value if isinstance(value, Many) else None

    def _walk_either(self, node: cst.CSTNode) -> Value:
        values = [self.visit(child) for child in node.children]
        return next((value for value in values if value is not None), None)

    # Statements

    def _walk_assign(self, node: cst.CSTNode) -> Value:
        node = cast(cst.Assign, node)
        value = self.visit(node.value)
        for target in node.targets:
            self.bind_target(target.target, value)
        for target in node.targets:
            # Functions in more than one thread use a value that a request keeps.
            if value == "connection" and self._is_kept(target.target):
                self.project.bound_connections |= _connections(node.value)
        return None

    def _is_kept(self, target: cst.CSTNode) -> bool:
        place = dotted(target)
        return bool(place) and self.module.resolve(place).startswith(
            ("flask.g.", "flask.globals.g.")
        )

    def _walk_annotated_assign(self, node: cst.CSTNode) -> Value:
        node = cast(cst.AnnAssign, node)
        value = self.visit(node.value) if node.value is not None else None
        annotated = self._annotated(node.annotation.annotation)
        self.bind_target(node.target, annotated if annotated is not None else value)
        return None

    def _walk_named_expression(self, node: cst.CSTNode) -> Value:
        node = cast(cst.NamedExpr, node)
        value = self.visit(node.value)
        self.bind_target(node.target, value)
        return value

    def _walk_branch(self, node: cst.CSTNode) -> Value:
        self.depth += 1
        for child in node.children:
            self.visit(child)
        self.depth -= 1
        return None

    def _walk_loop(self, node: cst.CSTNode) -> Value:
        # Twice, because the beginning of the body uses names that are bound at its end.
        self.depth += 1
        for _ in range(2):
            if isinstance(node, cst.For):
                self.bind_target(node.target, _element(self.visit(node.iter)))
                self.visit(node.body)
                if node.orelse is not None:
                    self.visit(node.orelse)
            else:
                for child in node.children:
                    self.visit(child)
        self.depth -= 1
        return None

    def _walk_with(self, node: cst.CSTNode) -> Value:
        node = cast(cst.With, node)
        entered: list[str] = []
        forces = False
        are_async = []
        for item in node.items:
            value = self.visit(item.item)
            number = len(entered)
            kind = kind_of(self.project, value)
            if isinstance(value, Manager):
                if value.function.is_async:
                    entered.append("project()")
                    forces = True
                value = value.function.gives
            elif isinstance(value, Instance) and not kind:
                method = self.project.method(value.cls, "__enter__")
                value = method.gives if method is not None else None
            elif kind in spec.CONTEXTS:
                entered.append(f"with {kind}")
                forces = forces or kind != "context"
            are_async.append(len(entered) > number)
            if item.asname is not None:
                self.bind_target(item.asname.name, value)
                if kind == "response" and len(node.items) == 1:
                    self.project.with_responses.add(node)
        if entered and node.asynchronous is None:
            self.project.async_items[node] = are_async
            self.add(Site(node, entered[0], forces))
        self.visit(node.body)
        return None

    def expression(self, node: cst.CSTNode) -> Value:
        """`pytest.raises(E, f, ...)`: if `f` is awaited, this becomes a `with`."""
        call = cast(cst.Expr, node).value
        if not isinstance(call, cst.Call):
            return self.visit(call)
        last = call.func.attr.value if isinstance(call.func, cst.Attribute) else dotted(call.func)
        place = 2 if last.endswith("Regex") else 1
        if last not in _RAISES or len(call.args) <= place or call.args[place].keyword:
            return self.visit(call)
        function = call.args[place].value
        if isinstance(function, cst.Lambda) and not parameters_of(function):
            before = len(self.sites)
            for argument in call.args[:place]:
                self.visit(argument.value)
            self.visit(function.body)
            if len(self.sites) > before:
                self.add(Site(node, "raises()"))
            return None
        self.quiet += 1
        self.called.add(function)
        target = self.visit(function)
        self.quiet -= 1
        if isinstance(target, Bound) and (
            target.name in spec.METHODS.get(target.kind, ()) or target.name == "*"
        ):
            self.add(Site(node, "raises()"))
        elif isinstance(target, TheFunction):
            self.calls.add(target.function)
            if target.function.is_async:
                self.add(Site(node, "raises()", callee=target.function))
        for number, argument in enumerate(call.args):
            if number != place:
                self.visit(argument.value)
        return None

    def _walk_return(self, node: cst.CSTNode) -> Value:
        expression = cast(cst.Return, node).value
        if expression is not None:
            value = self.visit(expression)
            self.gives = value if self.gives is None else self.gives
        return None

    def _walk_yield(self, node: cst.CSTNode) -> Value:
        expression = cast(cst.Yield, node).value
        if expression is not None:
            value = self.visit(expression)
            if not isinstance(expression, cst.From):
                self.gives = value if self.gives is None else self.gives
        return None

    def _walk_function(self, node: cst.CSTNode) -> Value:
        node = cast(cst.FunctionDef, node)
        self.quiet += 1
        for decorator in node.decorators:
            self.visit(decorator.decorator)
        for parameter in parameters_of(node):
            if parameter.default is not None:
                self.visit(parameter.default)
        self.quiet -= 1
        return None

    def _walk_class(self, node: cst.CSTNode) -> Value:
        node = cast(cst.ClassDef, node)
        outer, self.cls = self.cls, self.module.all_classes[node]
        for statement in node.body.body:
            self.visit(statement)
        self.cls = outer
        return None

    def _skip(self, node: cst.CSTNode) -> Value:
        return None


def _many(value: Value) -> Many:
    # Collections of collections are not followed, because one may hold itself.
    return Many(None if isinstance(value, Several | Many) else value)


def _element(value: Value) -> Value:
    """Return what a loop over a value yields."""
    if isinstance(value, Many):
        return value.value
    if isinstance(value, Several):
        return next((part for part in value.values if part is not None), None)
    return None


def _connections(node: cst.BaseExpression) -> set[cst.Call]:
    """Return the call that makes a connection, unless it says which threads may use it."""
    if not isinstance(node, cst.Call):
        return set()
    names = [argument.keyword.value for argument in node.args if argument.keyword]
    return set() if "check_same_thread" in names else {node}


_HANDLERS: dict[type[cst.CSTNode], _Handler] = {
    cst.Name: Walk._walk_plain_name,
    cst.Attribute: Walk._walk_attribute,
    cst.Call: Walk._walk_call,
    cst.Await: Walk._walk_await,
    cst.Lambda: Walk._walk_lambda,
    cst.ListComp: Walk._walk_comprehension,
    cst.SetComp: Walk._walk_comprehension,
    cst.GeneratorExp: Walk._walk_comprehension,
    cst.DictComp: Walk._walk_comprehension,
    cst.CompFor: Walk._walk_comp_for,
    cst.Tuple: Walk._walk_tuple,
    cst.List: Walk._walk_list,
    cst.Subscript: Walk._walk_subscript,
    cst.IfExp: Walk._walk_either,
    cst.BooleanOperation: Walk._walk_either,
    cst.Assign: Walk._walk_assign,
    cst.AnnAssign: Walk._walk_annotated_assign,
    cst.NamedExpr: Walk._walk_named_expression,
    cst.If: Walk._walk_branch,
    cst.Try: Walk._walk_branch,
    cst.Match: Walk._walk_branch,
    cst.For: Walk._walk_loop,
    cst.While: Walk._walk_loop,
    cst.With: Walk._walk_with,
    cst.Expr: Walk.expression,
    cst.Return: Walk._walk_return,
    cst.Yield: Walk._walk_yield,
    cst.FunctionDef: Walk._walk_function,
    cst.ClassDef: Walk._walk_class,
    cst.Import: Walk._skip,
    cst.ImportFrom: Walk._skip,
    cst.Global: Walk._skip,
    cst.Nonlocal: Walk._skip,
    cst.Arg: lambda walk, node: walk.visit(cast(cst.Arg, node).value),
}


def learn(project: Project, functions: Iterable[Function]) -> bool:
    """Do one round of walks over all modules and functions; return whether anything is new."""
    news = False
    for module in project.modules.values():
        news |= Walk(project, module).run()
    for function in functions:
        news |= Walk(project, function.module, function).run()
    return news
