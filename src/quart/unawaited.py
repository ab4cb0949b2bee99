"""Jinja's async templates, without awaiting values that need no await.

In async mode Jinja compiles a template to async generators. They await each value, because any
value might be awaitable, and loop over each iterable asynchronously. This file rewrites that Python
before it is compiled:

- a value of a plain type is used as it is;
- a loop over something that is not an async iterable is a plain loop;
- each function that yields the pieces of a text, `root` or a block, gets a twin, its `whole`, which
  returns them in a list. Rendering a whole template calls that.

Every awaitable is still awaited, once, in the same place and order.

This relies on `Environment._compile`, the hook that Jinja offers for it, and on the names and the
shape of the Python that Jinja generates. Code of any other shape stays as it is.
"""

from __future__ import annotations

import ast
import copy
from collections.abc import AsyncGenerator, AsyncIterable, Awaitable, Callable, Generator, Iterator
from types import CodeType
from typing import Any, TypeGuard

from jinja2.runtime import AsyncLoopContext, Context, LoopContext
from markupsafe import Markup

#: Types whose values are never awaitable. Templates check each value for them.
PLAIN = frozenset({bool, bytes, dict, float, int, list, Markup, set, str, tuple, type(None)})

#: The result of awaiting a `Waiting` after the last item.
END = object()

#: A function of a template: `root`, or a block.
Pieces = Callable[[Context], AsyncGenerator[str, None]]
#: Its `whole`.
Whole = Callable[[Context], Awaitable[list[str]]]


class Waiting(Iterator["Waiting"]):
    """An async iterator in the form of an iterator that yields itself; awaiting it gives an item.

    After the last item it gives `END`.
    """

    __slots__ = ("_next",)

    def __init__(self, items: AsyncIterable[object]) -> None:
        self._next = items.__aiter__().__anext__

    def __next__(self) -> Waiting:
        return self

    def __await__(self) -> Generator[object, None, object]:
        try:
            return (yield from self._next().__await__())
        except StopAsyncIteration:
            return END


def each(items: Any) -> Iterator[object]:
    """Return the iterator for a loop: of the items, or a `Waiting` for them."""
    return Waiting(items) if hasattr(items, "__aiter__") else iter(items)


def each_with_loop(items: Any, *args: Any) -> Iterator[object]:
    """Like `each`, for a loop whose body uses `loop`: pairs of an item and the loop context."""
    if hasattr(items, "__aiter__"):
        return Waiting(AsyncLoopContext(items, *args))
    return LoopContext(items, *args)


def whole_of(pieces: Callable[[Context], object]) -> Whole | None:
    """Return the function that lists another's pieces; None if that was not compiled here."""
    return getattr(pieces, "whole", None)


async def listed(pieces: Pieces, context: Context) -> list[str]:
    """Return the pieces of another template's or block's function in a list."""
    whole = whole_of(pieces)
    return [piece async for piece in pieces(context)] if whole is None else await whole(context)


def compiled(source: str, filename: str) -> CodeType:
    """Compile the async Python that Jinja generated for a template."""
    tree = ast.parse(source, filename)
    _Unawaited().visit(tree)
    functions = []
    for node in tree.body:
        functions.append(node)
        if isinstance(node, ast.AsyncFunctionDef):
            functions += _whole(node)
    tree.body = [*_IMPORT, *functions]
    return compile(ast.fix_missing_locations(tree), filename, "exec")


class _Unawaited(ast.NodeTransformer):
    """Avoids awaiting what is available already."""

    def __init__(self) -> None:
        self._count = 0

    def _name(self) -> str:
        self._count += 1
        return f"_taken_{self._count}"

    def visit_Await(self, node: ast.Await) -> ast.AST:
        """`await auto_await(value)`: use the value itself if its type is plain."""
        self.generic_visit(node)
        call = node.value
        if not _is_call_of(call, "auto_await", 1):
            return node
        name = self._name()
        value, call.args[0] = call.args[0], _load(name)
        kept = ast.NamedExpr(ast.Name(name, ast.Store()), value)
        plain = ast.Compare(_call("type", kept), [ast.In()], [_load("_PLAIN")])
        return ast.copy_location(ast.IfExp(plain, _load(name), node), node)

    def visit_AsyncFor(self, node: ast.AsyncFor) -> ast.AST:
        """`async for target in auto_aiter(items)`: a plain loop that awaits only a `Waiting`."""
        self.generic_visit(node)
        call = node.iter
        if _is_call_of(call, "auto_aiter", 1):
            call.func = _load("_each")
        elif _is_call_of(call, "AsyncLoopContext"):
            call.func = _load("_each_with_loop")
        else:
            return node
        name = self._name()
        take = ast.parse(
            f"if type({name}) is _Waiting:\n"
            f"    {name} = await {name}\n"
            f"    if {name} is _END: break\n"
        ).body
        take.append(ast.Assign([node.target], _load(name)))
        loop = ast.For(ast.Name(name, ast.Store()), call, [*take, *node.body], node.orelse)
        return ast.copy_location(loop, node)


class _Listed(ast.NodeTransformer):
    """Turns a function that yields pieces into one that returns them in a list."""

    def visit_Expr(self, node: ast.Expr) -> ast.AST:
        """`yield piece`."""
        if isinstance(node.value, ast.Yield) and node.value.value is not None:
            node.value = _call("_add", node.value.value)
        return node

    def visit_AsyncFor(self, node: ast.AsyncFor) -> ast.AST:
        """`async for event in pieces(context): yield event`."""
        if _hands_on(node) and isinstance(node.iter, ast.Call) and len(node.iter.args) == 1:
            listed = ast.Await(_call("_listed", node.iter.func, *node.iter.args))
            return ast.copy_location(ast.Expr(_call("_extend", listed)), node)
        return self.generic_visit(node)

    def visit_If(self, node: ast.If) -> ast.AST:
        node.body = self._block(node.body)
        node.orelse = self._block(node.orelse)
        return node

    def visit_Return(self, node: ast.Return) -> ast.AST:
        return ast.copy_location(ast.Return(_load("_pieces")), node)

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> ast.AST:
        return node  # a macro, or the filter of a loop: it yields no pieces

    def _block(self, statements: list[ast.stmt]) -> list[ast.stmt]:
        """Rewrite statements. A generator whose pieces are only passed on is not made first.

        Jinja writes `gen = pieces(context)`, and then the loop in a `try` that closes it.
        """
        done: list[ast.stmt] = []
        for node in statements:
            made = done[-1] if done else None
            if (
                isinstance(node, ast.Try)
                and len(node.body) == 1
                and isinstance(loop := node.body[0], ast.AsyncFor)
                and isinstance(made, ast.Assign)
                and isinstance(made.value, ast.Call)
                and isinstance(loop.iter, ast.Name)
                and ast.unparse(made.targets[0]) == loop.iter.id
            ):
                done.pop()
                loop.iter = made.value
                node = loop
            done.append(node)
        return [self.visit(node) for node in done]


def _whole(node: ast.AsyncFunctionDef) -> list[ast.stmt]:
    """Return a copy of a template's function that is its `whole`, and the code that attaches it."""
    whole = copy.deepcopy(node)
    whole.name = f"{node.name}_whole"
    head = ast.parse("_pieces = []; _add = _pieces.append; _extend = _pieces.extend").body
    whole.body = [*head, *_Listed()._block(whole.body), ast.Return(_load("_pieces"))]
    return [whole, *ast.parse(f"{node.name}.whole = {whole.name}").body]


def _hands_on(loop: ast.AsyncFor) -> bool:
    body = loop.body[0]
    return (
        len(loop.body) == 1
        and isinstance(body, ast.Expr)
        and isinstance(body.value, ast.Yield)
        and isinstance(body.value.value, ast.Name)
        and isinstance(loop.target, ast.Name)
        and body.value.value.id == loop.target.id
    )


def _is_call_of(node: ast.AST, name: str, arguments: int | None = None) -> TypeGuard[ast.Call]:
    return (
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id == name
        and (arguments is None or len(node.args) == arguments)
    )


def _load(name: str) -> ast.Name:
    return ast.Name(name, ast.Load())


def _call(name: str, *arguments: ast.expr) -> ast.Call:
    return ast.Call(_load(name), list(arguments), [])


_IMPORT = ast.parse(
    f"from {__name__} import PLAIN as _PLAIN, END as _END, Waiting as _Waiting, each as _each,"
    " each_with_loop as _each_with_loop, listed as _listed"
).body
