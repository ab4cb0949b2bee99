"""Templates: an application's Jinja environment, and rendering, at once or as a stream.

Names imported "as" themselves could be imported from here in earlier releases.
"""

from __future__ import annotations

import asyncio
import inspect
import os
import sys
from collections import ChainMap
from collections.abc import (
    AsyncIterable,
    AsyncIterator,
    Callable,
    Coroutine,
    Iterator,
    Mapping,
    MutableMapping,
)
from typing import TYPE_CHECKING, Any

from flask.templating import DispatchingJinjaLoader
from flask.templating import _default_template_ctx_processor as _flask_default_processor
from jinja2 import Environment as BaseEnvironment
from jinja2 import Template
from jinja2.runtime import Context, new_context

from . import unawaited
from .ctx import has_app_context as has_app_context
from .ctx import has_request_context as has_request_context
from .globals import _cv_quart, session
from .globals import app_ctx as app_ctx
from .globals import current_app as current_app
from .globals import request_ctx as request_ctx
from .helpers import get_template_attribute, stream_with_context
from .signals import before_render_template, template_rendered
from .sync_templates import SyncForms, items_of, value_of
from .workers import (
    may_block,
    needs_no_thread,
    wait_in_thread,
    with_blocking_form,
)

if TYPE_CHECKING:
    from types import CodeType

    from flask.sansio.app import App

    from .app import Quart
    from .ctx import AppContext

__all__ = (
    "DispatchingJinjaLoader",
    "Environment",
    "get_template_attribute",
    "render_template",
    "render_template_string",
    "stream_template",
    "stream_template_string",
)

# The names of a dict's own attributes, which win over its items.
_OF_DICTS = frozenset(dir(dict))


class _Template(Template):
    """A template that sync code can render anywhere, as Flask's own `render_template` does."""

    #: Its source, if it has no name.
    source: str | None = None

    def new_context(
        self,
        vars: dict[str, object] | None = None,
        shared: bool = False,
        locals: Mapping[str, object] | None = None,
    ) -> Context:
        # PERF: this repeats `Template.new_context`, which copies the globals of the template and of
        # the environment key by key. It is safe because `update` in this order gives the same dict.
        globals: MutableMapping[str, object] = self.globals
        if isinstance(globals, ChainMap) and not shared:
            merged: dict[str, object] = {}
            for mapping in reversed(globals.maps):
                merged.update(mapping)
            globals = merged
        return new_context(self.environment, self.name, self.blocks, vars, shared, globals, locals)

    async def render_async(self, *args: object, **kwargs: object) -> str:
        whole = unawaited.whole_of(self.root_render_func)
        if whole is None:
            return await super().render_async(*args, **kwargs)
        context = self.new_context(dict(*args, **kwargs))
        try:
            return self.environment.concat(await whole(context))
        except Exception:
            self.environment.handle_exception()

    def render(self, *args: object, **kwargs: object) -> str:
        if not self.environment.is_async:
            return super().render(*args, **kwargs)
        sync_form = self._sync_form()
        if sync_form is not None:
            return sync_form.render(*args, **kwargs)
        return _completed(self.render_async(*args, **kwargs))

    def generate(self, *args: object, **kwargs: object) -> Iterator[str]:
        if not self.environment.is_async:
            return super().generate(*args, **kwargs)
        sync_form = self._sync_form()
        if sync_form is not None:
            return sync_form.generate(*args, **kwargs)
        return iter((_completed(self.render_async(*args, **kwargs)),))

    def _sync_form(self) -> Template | None:
        """Return the form that sync code in a thread renders; None on the event loop."""
        if not may_block():
            return None
        forms: SyncForms | None = getattr(self.environment, "sync_forms", None)
        return None if forms is None else forms.of(self)


def _completed(coroutine: Coroutine[object, None, str]) -> str:
    """Return the result of a coroutine.

    For a worker thread the event loop runs it; without an event loop, a new one does. On the event
    loop itself the coroutine must not wait.
    """
    rendered = wait_in_thread(coroutine)
    if isinstance(rendered, str):
        return rendered
    if asyncio._get_running_loop() is None:
        return asyncio.run(coroutine)
    hooks = sys.get_asyncgen_hooks()
    sys.set_asyncgen_hooks(None, None)  # the loop need not close a generator that ends here
    try:
        coroutine.send(None)
    except StopIteration as stop:
        result: str = stop.value
        return result
    finally:
        coroutine.close()
        sys.set_asyncgen_hooks(*hooks)
    raise RuntimeError(
        "This template waits for something: on the event loop, render it with"
        " 'await template.render_async()' or 'await render_template()'."
    )


class Environment(BaseEnvironment):
    """Jinja's environment, in async mode. It finds the templates of an app and its blueprints."""

    template_class = _Template

    def __init__(self, app: Quart, **options: Any) -> None:
        if "loader" not in options:
            options["loader"] = app.create_global_jinja_loader()
        super().__init__(**{**options, "enable_async": True})
        self.app = app
        #: Its templates in the form that sync code renders.
        self.sync_forms = SyncForms(self)

    value_of = staticmethod(value_of)
    items_of = staticmethod(items_of)

    if not TYPE_CHECKING:

        def from_string(self, source, *args, **kwargs) -> Template:
            template = super().from_string(source, *args, **kwargs)
            if self.is_async and isinstance(source, str):
                template.source = source
            return template

    def getattr(self, obj: object, attribute: str) -> Any:
        """Return an attribute of an object, or else its item of that name."""
        # PERF: this finds items of a dict without an AttributeError for each; its methods win.
        if type(obj) is dict and attribute in obj and attribute not in _OF_DICTS:
            return obj[attribute]
        return super().getattr(obj, attribute)

    def _compile(self, source: str, filename: str) -> CodeType:
        if self.is_async:
            return unawaited.compiled(source, filename)
        return super()._compile(source, filename)


def searched_places(app: App) -> str:
    """Name the places where an application looks for templates, in order, in one sentence."""
    places = []
    for owner in (app, *app.iter_blueprints()):
        loader = owner.jinja_loader
        if loader is None:
            continue
        whose = "the application" if owner is app else f"the blueprint {owner.name!r}"
        paths = getattr(loader, "searchpath", None)
        for path in (repr(loader),) if paths is None else paths:
            missing = "" if paths is None or os.path.isdir(path) else ", which is not a directory"
            places.append(f"{path} ({whose}{missing})")
    return f"Templates are looked for in {', then '.join(places) or 'no place'}."


def _add_usual_values(
    app: Quart, ctx: AppContext | None, context: dict[str, object]
) -> list[Callable[[], Any]]:
    """Add what every template sees to a template's context; return the context processors."""
    names: tuple[str | None, ...] = (None,)
    if ctx is not None:
        names = ctx.blueprint_names
        context["g"] = ctx.g
        if ctx.has_request:
            context["request"] = ctx.request
        elif ctx.has_websocket:
            context["websocket"] = ctx.websocket
        if ctx.has_session:
            context["session"] = session  # the proxy, because a template may not use the session
    processors = app.template_context_processors
    # `request`, `session` and `g`, which Flask's own processor would add, are there already.
    return [
        function
        for name in names
        for function in processors.get(name, ())
        if function is not _flask_default_processor
    ]


def update_template_context_here(
    app: Quart, ctx: AppContext | None, context: dict[str, object]
) -> None:
    """`update_template_context` for sync code: its thread runs the sync context processors."""
    own = context.copy()
    for function in _add_usual_values(app, ctx, context):
        values: dict[str, object] = value_of(app.ensure_sync(function)())
        context.update(values)
    context.update(own)


async def update_template_context(
    app: Quart, ctx: AppContext | None, context: dict[str, object]
) -> None:
    """Add what every template sees to a template's own values, which win.

    These are ``g``, ``request`` or ``websocket``, ``session``, and the values of the context
    processors: the app's first, then those of the blueprints, outermost first.
    """
    own = context.copy()
    functions = _add_usual_values(app, ctx, context)
    while functions:
        # PERF: neighbouring sync functions share a thread.
        sync = 0
        while sync < len(functions) and not needs_no_thread(functions[sync]):
            sync += 1
        if sync:
            values = await app.ensure_async(_values_of)(functions[:sync])
        else:
            sync, values = 1, [functions[0]()]
        for value in values:
            context.update(await value if inspect.isawaitable(value) else value)
        del functions[:sync]
    context.update(own)


def _values_of(functions: list[Callable[[], object]]) -> list[Any]:
    return [function() for function in functions]


async def _prepare(app: Quart, template: Template, context: dict[str, object]) -> None:
    await app.update_template_context(_cv_quart.get(None), context)
    if before_render_template.receivers:
        await app._send_signal(before_render_template, template=template, context=context)


async def _render(app: Quart, template: Template, context: dict[str, object]) -> str:
    await _prepare(app, template, context)
    forms = getattr(template.environment, "sync_forms", None)
    if forms is not None and forms.are_needed:
        rendered: str = await app.sync_to_async(template.render)(context)
    else:
        rendered = await template.render_async(context)
    if template_rendered.receivers:
        await app._send_signal(template_rendered, template=template, context=context)
    return rendered


def _prepare_here(app: Quart, template: Template, context: dict[str, object]) -> None:
    value_of(app.update_template_context(_cv_quart.get(None), context))
    if before_render_template.receivers:
        value_of(app._send_signal(before_render_template, template=template, context=context))


def _render_here(app: Quart, template: Template, context: dict[str, object]) -> str:
    """`_render` for sync code, in its thread."""
    _prepare_here(app, template, context)
    rendered = template.render(context)
    if template_rendered.receivers:
        value_of(app._send_signal(template_rendered, template=template, context=context))
    return rendered


def _render_template_here(
    template_name_or_list: str | Template | list[str | Template], **context: object
) -> str:
    app = _cv_quart.current().app
    template = _templates_here(app).get_or_select_template(template_name_or_list)
    return _render_here(app, template, context)


def _render_template_string_here(source: str, **context: object) -> str:
    app = _cv_quart.current().app
    return _render_here(app, _templates_here(app).from_string(source), context)


def _stream_here(app: Quart, template: Template, context: dict[str, object]) -> Any:
    """`_stream` for sync code, in its thread; an iterator if the template has a sync form."""
    if template.environment.is_async:
        return value_of(_stream(app, template, context))
    _prepare_here(app, template, context)

    def generate() -> Iterator[str]:
        yield from template.generate(context)
        if template_rendered.receivers:
            value_of(app._send_signal(template_rendered, template=template, context=context))

    return stream_with_context(generate())


def _stream_template_here(
    template_name_or_list: str | Template | list[str | Template], **context: object
) -> Any:
    app = _cv_quart.current().app
    templates = _templates_of_streams_here(app, context)
    return _stream_here(app, templates.get_or_select_template(template_name_or_list), context)


def _stream_template_string_here(source: str, **context: object) -> Any:
    app = _cv_quart.current().app
    return _stream_here(app, _templates_of_streams_here(app, context).from_string(source), context)


def _templates_of_streams_here(app: Quart, context: dict[str, object]) -> SyncForms | Environment:
    """Return `_templates_here`, but if the template is given async iterables, whose items have to
    be sent as they come, return the async environment."""
    has_async_items = any(isinstance(value, AsyncIterable) for value in context.values())
    return app.jinja_env if has_async_items else _templates_here(app)


def _templates_here(app: Quart) -> SyncForms | Environment:
    """Return the environment in which sync code finds templates, if it is of our class."""
    return getattr(app.jinja_env, "sync_forms", app.jinja_env)


async def _stream(app: Quart, template: Template, context: dict[str, object]) -> AsyncIterator[str]:
    await _prepare(app, template, context)

    async def generate() -> AsyncIterator[str]:
        async for part in template.generate_async(context):
            yield part
        if template_rendered.receivers:
            await app._send_signal(template_rendered, template=template, context=context)

    return stream_with_context(generate())


@with_blocking_form(_render_template_here)
async def render_template(
    template_name_or_list: str | Template | list[str | Template], **context: object
) -> str:
    """Render a template by its name, or the first of several that exists, with these values.

    Raises jinja2.TemplateNotFound, and RuntimeError outside an application context.
    """
    app = _cv_quart.current().app
    template = app.jinja_env.get_or_select_template(template_name_or_list)
    return await _render(app, template, context)


@with_blocking_form(_render_template_string_here)
async def render_template_string(source: str, **context: object) -> str:
    """Render a template from its source, with these values, which are escaped for HTML."""
    app = _cv_quart.current().app
    return await _render(app, app.jinja_env.from_string(source), context)


@with_blocking_form(_stream_template_here)
async def stream_template(
    template_name_or_list: str | Template | list[str | Template], **context: object
) -> AsyncIterator[str]:
    """Render a template like ``render_template``, in parts. A view may return the iterator.

    The context stays open until the last part has been sent.
    """
    app = _cv_quart.current().app
    template = app.jinja_env.get_or_select_template(template_name_or_list)
    return await _stream(app, template, context)


@with_blocking_form(_stream_template_string_here)
async def stream_template_string(source: str, **context: object) -> AsyncIterator[str]:
    """Render a template from its source, in parts, like ``stream_template``."""
    app = _cv_quart.current().app
    return await _stream(app, app.jinja_env.from_string(source), context)
