"""The templates of an async environment as sync code renders them, in its own thread.

A sync overlay of the environment compiles them once more. Extensions of Jinja that were written for
Flask, and call what a block of theirs holds, get text there, and what blocks in a template blocks
the thread only. What async functions give to a template is waited for.
"""

from __future__ import annotations

import inspect
from collections.abc import AsyncIterable
from typing import TYPE_CHECKING, Any

from jinja2 import nodes
from jinja2.compiler import CodeGenerator
from jinja2.environment import Environment, Template

from .workers import wait_in_thread

if TYPE_CHECKING:
    from jinja2.compiler import Frame


class _WaitingCode(CodeGenerator):
    """Sync code that waits where an async template awaits: at calls, filters, tests and loops."""

    def visit_Call(self, node: nodes.Call, frame: Frame, forward_caller: bool = False) -> None:
        self.write("environment.value_of(")
        super().visit_Call(node, frame, forward_caller=forward_caller)
        self.write(")")

    def visit_Filter(self, node: nodes.Filter, frame: Frame) -> None:
        self.write("environment.value_of(")
        super().visit_Filter(node, frame)
        self.write(")")

    def visit_Test(self, node: nodes.Test, frame: Frame) -> None:
        self.write("environment.value_of(")
        super().visit_Test(node, frame)
        self.write(")")

    def _output_child_to_const(self, node: nodes.Expr, frame: Frame, finalize: object) -> str:
        # No async filter or test is called ahead, for a constant: nothing can wait for it yet.
        called: tuple[type[nodes.Expr], ...] = (nodes.Filter, nodes.Test)
        if isinstance(node, called) or any(node.find_all(called)):
            raise nodes.Impossible()
        return super()._output_child_to_const(node, frame, finalize)  # type: ignore[arg-type]

    def visit_For(self, node: nodes.For, frame: Frame) -> None:
        items_of = nodes.EnvironmentAttribute("items_of")
        node.iter = nodes.Call(items_of, [node.iter], [], None, None, lineno=node.lineno)
        node.iter.set_environment(self.environment)
        super().visit_For(node, frame)


class _Overlay:
    """What the overlay of an environment finds there: attributes that came after it was made."""

    # PERF: in a class of the overlay's own, because to have it makes all attributes slower.
    def __getattr__(self, name: str) -> object:
        linked_to: Environment | None = vars(self).get("linked_to")
        if linked_to is None:
            raise AttributeError(name)
        return getattr(linked_to, name)


class SyncForms:
    """Of an async environment: its sync overlay, and the templates in that."""

    def __init__(self, environment: Environment) -> None:
        self._environment = environment
        self._overlay: Environment | None = None
        self._extensions = -1  # when that was made
        self._are_usable = self._are_needed = False

    @property
    def are_usable(self) -> bool:
        """Whether templates have them: not if an extension of Jinja is written for async ones."""
        self._look_at_extensions()
        return self._are_usable

    @property
    def are_needed(self) -> bool:
        """Whether only they can be rendered: an extension of Jinja has tags that want text."""
        if not self._environment.extensions:
            return False
        self._look_at_extensions()
        return self._are_needed

    @property
    def environment(self) -> Environment:
        """The overlay, which shares filters and globals; made anew for a new extension."""
        self._look_at_extensions()
        if self._overlay is None:
            # A cache of bytecode knows templates by their names, and those are the async ones.
            self._overlay = self._environment.overlay(bytecode_cache=None, optimized=False)
            kind = type(self._environment)
            self._overlay.__class__ = type(kind.__name__, (_Overlay, kind), {})
            self._overlay.is_async = False
            self._overlay.code_generator_class = _WaitingCode
        return self._overlay

    def _look_at_extensions(self) -> None:
        extensions = self._environment.extensions
        if len(extensions) != self._extensions:
            self._extensions, self._overlay = len(extensions), None
            others = [
                type(each)
                for each in extensions.values()
                if not type(each).__module__.startswith("jinja2.")
            ]
            self._are_usable = not any(
                inspect.iscoroutinefunction(method)
                for each in others
                for method in vars(each).values()
            )
            self._are_needed = self._are_usable and any(each.tags for each in others)

    def get_or_select_template(
        self, name_or_list: str | Template | list[str | Template]
    ) -> Template:
        """A template by its name, or the first of several that exists, as the overlay has it."""
        if not self.are_usable:
            return self._environment.get_or_select_template(name_or_list)
        found = self.environment.get_or_select_template(name_or_list)
        # A loader of templates that were compiled ahead has async ones only.
        if inspect.isasyncgenfunction(found.root_render_func):
            return self._environment.get_or_select_template(name_or_list)
        return found

    def from_string(self, source: str) -> Template:
        """A template of a source."""
        return (self.environment if self.are_usable else self._environment).from_string(source)

    def of(self, template: Template) -> Template | None:
        """The sync form of a template; None if it can only be rendered as it is."""
        if not self.are_usable:
            return None
        source: str | None = getattr(template, "source", None)
        own = getattr(template.globals, "maps", [None])[0]
        if source is not None:
            return self.environment.from_string(source, own)
        if template.name is None or self._environment.loader is None:
            return None
        found = self.environment.get_template(template.name, globals=own)
        return None if inspect.isasyncgenfunction(found.root_render_func) else found


def value_of(value: Any) -> Any:
    """What a function gave to a template of sync code, waited for if that is an awaitable."""
    if not inspect.isawaitable(value):
        return value

    async def wait() -> object:
        return await value

    return wait_in_thread(wait())


def items_of(items: object) -> object:
    """What a template of sync code loops over, all of it waited for if it is async."""
    if not isinstance(items, AsyncIterable):
        return items

    async def wait() -> list[object]:
        return [item async for item in items]

    return wait_in_thread(wait())
