"""Each extension for Flask in each way: from `def` views, `async` ones, and a blueprint of Flask's.

A module here is named as the extension is published. Its docstring says what is asked for, `use`
sets the extension up and adds views, `check` asks a client. `FAILS` gives the ways that do not
work, each with its reason; the test wants them to fail, so that the page stays true.

With `pytest -p quart_flask_patch` all of it runs under Quart-Flask-Patch, where sync code runs on
the event loop, so that the views are async.
"""

from __future__ import annotations

import importlib.util
import inspect
import sys
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from types import ModuleType
from typing import Any

import flask
import pytest
from served import served

from quart import Quart

PATCHED = "quart_flask_patch" in sys.modules
HERE = Path(__file__).parent

#: `blueprint` is one of Flask's own.
WAYS = ("async", "blueprint") if PATCHED else ("def", "async", "blueprint")
NAMES = sorted(path.stem for path in HERE.glob("*.py") if path.stem != "ways")


class Views:
    """Where the views of one application are added, in one of the ways."""

    def __init__(self, app: Quart, way: str) -> None:
        self.app = app
        self.way = way
        self.patched = PATCHED
        self.is_async = PATCHED or way == "async"
        #: The application, or the blueprint.
        self.owner: Any = flask.Blueprint("pages", __name__) if way == "blueprint" else app

    def add(self, rule: str, *decorators: Callable[..., Any], **options: Any) -> Any:
        """Decorate a view, below decorators of an extension, to be called for a rule."""

        def add(func: Callable[..., Any]) -> Callable[..., Any]:
            view = _as_async(func) if self.is_async else func
            for decorator in reversed(decorators):
                view = decorator(view)
            self.owner.add_url_rule(rule, func.__name__, view, **options)
            return view

        return add

    def add_methods(self, resource: type) -> None:
        """Make the methods of a class of an extension's what views are."""
        for name in ("get", "put", "post"):
            if name in vars(resource) and self.is_async and not PATCHED:
                setattr(resource, name, _as_async(getattr(resource, name)))

    def endpoint(self, name: str) -> str:
        return f"pages.{name}" if self.way == "blueprint" else name

    def finish(self) -> None:
        if self.owner is not self.app:
            self.app.register_blueprint(self.owner)


def _as_async(func: Callable[..., Any]) -> Callable[..., Any]:
    """The same as an async function: its body runs on the event loop."""
    if inspect.iscoroutinefunction(func):
        return func

    @wraps(func)
    async def view(*args: Any, **kwargs: Any) -> Any:
        value = func(*args, **kwargs)
        return await value if inspect.isawaitable(value) else value

    return view


def load(name: str) -> ModuleType:
    """The module of an extension, under a name that is not the extension's own."""
    module_name = f"use_{name.replace('-', '_')}"
    spec = importlib.util.spec_from_file_location(module_name, HERE / f"{name}.py")
    assert spec is not None and spec.loader is not None
    module = sys.modules[module_name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def attempt(module: ModuleType, way: str, root: Path) -> None:
    app = Quart("app", root_path=str(root))
    app.secret_key = "a secret of thirty-two bytes and more"
    views = Views(app, way)
    module.use(app, views)
    views.finish()
    with served(app) as client:
        module.check(client)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", NAMES)
def test(name: str, way: str, tmp_path: Path) -> None:
    module = load(name)
    if ("patch" if PATCHED else way) in getattr(module, "FAILS", {}):
        with pytest.raises(Exception):  # noqa: B017  # whatever it is
            attempt(module, way, tmp_path)
    else:
        attempt(module, way, tmp_path)
