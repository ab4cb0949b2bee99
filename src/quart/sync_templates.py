"""The templates of an async environment in the form in which sync code renders them, in a thread.

A sync overlay of the environment compiles them again. There, Jinja extensions that were written for
Flask and call their block's content get text, and anything that blocks in a template blocks only
the thread. Results of async functions that a template calls are waited for.
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
        # Do not call async filters or tests while compiling, because nothing can wait for them yet.
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
    """Makes an overlay find attributes that its environment got after the overlay was made."""

    # PERF: only the overlay's own class has this, because it makes all attributes slower.
    def __getattr__(self, name: str) -> object:
        linked_to: Environment | None = vars(self).get("linked_to")
        if linked_to is None:
            raise AttributeError(name)
        return getattr(linked_to, name)


class SyncForms:
    """The sync overlay of an async environment, and its templates."""

    def __init__(self, environment: Environment) -> None:
        self._environment = environment
        self._overlay: Environment | None = None
        self._extensions = -1  # their number when the overlay was made
        self._are_usable = self._are_needed = False

    @property
    def are_usable(self) -> bool:
        """Whether sync forms exist: not if an extension of Jinja is written for async templates."""
        self._look_at_extensions()
        return self._are_usable

    @property
    def are_needed(self) -> bool:
        """Whether only sync forms can be rendered, because an extension has tags that need text."""
        if not self._environment.extensions:
            return False
        self._look_at_extensions()
        return self._are_needed

    @property
    def environment(self) -> Environment:
        """The overlay. It shares filters and globals, and is made again for a new extension."""
        self._look_at_extensions()
        if self._overlay is None:
            # A bytecode cache looks templates up by name, and would find the async ones.
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
        """Return a template of the overlay by its name, or the first of several that exists."""
        if not self.are_usable:
            return self._environment.get_or_select_template(name_or_list)
        found = self.environment.get_or_select_template(name_or_list)
        # A loader of templates compiled in advance has only async ones.
        if inspect.isasyncgenfunction(found.root_render_func):
            return self._environment.get_or_select_template(name_or_list)
        return found

    def from_string(self, source: str) -> Template:
        """Make a template from its source."""
        return (self.environment if self.are_usable else self._environment).from_string(source)

    def of(self, template: Template) -> Template | None:
        """Return the sync form of a template; None if it has to be rendered as it is."""
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
    """Return a value that a function gave to a template of sync code; wait if it is awaitable."""
    if not inspect.isawaitable(value):
        return value

    async def wait() -> object:
        return await value

    return wait_in_thread(wait())


def items_of(items: object) -> object:
    """Return what a template of sync code loops over; if it is async, wait for all of it."""
    if not isinstance(items, AsyncIterable):
        return items

    async def wait() -> list[object]:
        return [item async for item in items]

    return wait_in_thread(wait())
