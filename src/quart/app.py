"""`Quart`: the application object that users make and servers call."""

from __future__ import annotations

import asyncio
import logging
import os
import sys
import warnings
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import AbstractAsyncContextManager
from types import MethodType
from typing import TYPE_CHECKING, Any, Generic, Self, cast, overload

from flask.blueprints import Blueprint as FlaskBlueprint
from flask.ctx import _AppCtxGlobals
from flask.sansio.scaffold import setupmethod
from werkzeug.datastructures import Headers, ImmutableDict
from werkzeug.utils import cached_property

from . import flask_names
from .asgi import (
    ASGIHTTPConnection,
    ASGILifespan,
    ASGIWebsocketConnection,
    in_origin_form,
)
from .cli import AppGroup
from .config import DEFAULT_CONFIG, Config
from .ctx import AppContext, RequestContext
from .globals import _cv_quart, g, request, session
from .helpers import get_flashed_messages
from .json.provider import DefaultJSONProvider
from .logging import create_logger
from .mounting import Mounts
from .registration import F, QuartScaffold, open_file, with_or_without_name
from .routing import QuartMap, QuartRule
from .serving import Serving, StateT
from .templating import Environment, update_template_context_here
from .templating import update_template_context as _update_template_context
from .workers import remind_of_awaits, with_blocking_form
from .wrappers import Request, Response, Websocket

if TYPE_CHECKING:
    from aiofiles.base import AiofilesContextManager
    from flask import Flask

    from .asgi import Receive, Scope, Send
    from .testing import QuartCliRunner
    from .typing import (
        ASGIApp,
        ASGIHTTPProtocol,
        ASGILifespanProtocol,
        ASGIWebsocketProtocol,
        FilePath,
        TestAppProtocol,
        TestClientProtocol,
    )
    from .wsgi import WSGIApplication

#: A warning about a late set-up call names the first caller outside these packages.
_SETUP_PACKAGES = frozenset({"quart", "flask.sansio"})


class _Testing:
    """A class of `quart.testing` as an attribute, imported when it is used.

    Importing `quart.testing` takes a third of the time to import this package, and no request
    needs it.
    """

    def __init__(self, name: str) -> None:
        self.name = name

    def __get__(self, app: object, owner: type | None = None) -> Any:
        from . import testing

        return getattr(testing, self.name)


_testing = cast("Callable[[str], Any]", _Testing)


def _update_template_context_here(
    app: Quart,
    ctx: AppContext | dict[str, object] | None = None,
    context: dict[str, object] | None = None,
) -> None:
    if context is None:  # as before Flask 3.2, which passed only the template's context
        ctx, context = _cv_quart.get(None), ctx  # type: ignore[assignment]
    update_template_context_here(app, ctx, context)  # type: ignore[arg-type]


class _NoWSGI:
    """Flask's name for its WSGI application, which middleware wraps. Reading it raises an error."""

    def __get__(self, app: object, owner: type | None = None) -> Any:
        raise AttributeError("Quart is an ASGI application: use 'asgi_app' instead of 'wsgi_app'.")


# A view may return more than Flask's types allow.
class Quart(QuartScaffold, Serving[StateT], Generic[StateT]):  # pyright: ignore[reportIncompatibleMethodOverride]
    """An ASGI application with the Flask API: `app = Quart(__name__)`.

    The arguments are those of `flask.Flask`. With `subdomain_matching=None`, subdomains of
    `SERVER_NAME` are matched as soon as a rule has a subdomain; other hosts are not restricted.
    Servers call `await app(scope, receive, send)` for "http", "websocket" and "lifespan" scopes; to
    add ASGI middleware, wrap `app.asgi_app`.

    `lifespan` is an async context manager function that takes the application. It is entered first
    at startup and left last. What it yields is `app.state`, and `request.state` in requests.
    """

    app_ctx_globals_class = _AppCtxGlobals
    asgi_http_class: type[ASGIHTTPProtocol] = ASGIHTTPConnection
    asgi_lifespan_class: type[ASGILifespanProtocol] = ASGILifespan
    asgi_websocket_class: type[ASGIWebsocketProtocol] = ASGIWebsocketConnection
    config_class = Config
    event_class = asyncio.Event
    jinja_environment = Environment  # type: ignore[assignment]  # Flask's is its own
    json_provider_class = DefaultJSONProvider
    lock_class = asyncio.Lock
    request_class = Request
    response_class = Response
    #: The class that `test_app` uses.
    test_app_class: type[TestAppProtocol] = _testing("TestApp")
    test_client_class: type[TestClientProtocol] = _testing("QuartClient")  # type: ignore[assignment]
    test_cli_runner_class: type[QuartCliRunner] = _testing("QuartCliRunner")  # type: ignore[assignment]
    url_map_class = QuartMap
    url_rule_class = QuartRule  # type: ignore[assignment]  # it takes fewer positional arguments
    websocket_class = Websocket
    #: Not available: reading it raises an AttributeError that names `asgi_app`.
    wsgi_app = _NoWSGI()

    #: The settings with which an application starts.
    default_config = ImmutableDict(DEFAULT_CONFIG)

    def __init__(
        self,
        import_name: str,
        static_url_path: str | None = None,
        static_folder: str | os.PathLike[str] | None = "static",
        static_host: str | None = None,
        host_matching: bool = False,
        subdomain_matching: bool | None = None,
        template_folder: str | os.PathLike[str] | None = "templates",
        instance_path: str | None = None,
        instance_relative_config: bool = False,
        root_path: str | None = None,
        *,
        lifespan: Callable[[Quart], AbstractAsyncContextManager[StateT]] | None = None,
    ) -> None:
        super().__init__(
            import_name,
            static_url_path,
            static_folder,
            static_host,
            host_matching,
            bool(subdomain_matching),
            template_folder,
            instance_path,
            instance_relative_config,
            root_path,
        )
        self._lifespan = lifespan
        self._ignores_subdomains = subdomain_matching is False
        #: The commands of this application: `quart <command>`.
        self.cli = AppGroup()
        self.cli.name = self.name
        self._mounts = Mounts()
        if self.has_static_folder:
            if bool(static_host) != host_matching:
                raise AssertionError(
                    "Pass 'static_host' if 'host_matching' is true, and only then;"
                    " or pass 'static_folder=None'."
                )
            self.add_url_rule(
                f"{self.static_url_path}/<path:filename>",
                "static",
                self.send_static_file,
                host=static_host,
            )

    @classmethod
    def from_flask(cls, app: Flask) -> Self:
        """Convert a Flask application, set up by code written for Flask, in place::

            app = Quart.from_flask(create_app())

        The object stays the same, so extensions, views and hooks that refer to it keep working. It
        keeps its rules, blueprints, hooks, error handlers, settings, templates, commands, session
        interface and JSON provider; settings that Flask does not have get Quart's defaults. Methods
        that a subclass of `flask.Flask` overrides stay overridden, and their `super()` is Quart. Of
        WSGI middleware around `wsgi_app`, Werkzeug's `ProxyFix` becomes ours, and applications
        behind a `DispatcherMiddleware` are mounted.

        An application that was converted before is returned unchanged. Raises TypeError if `app` is
        not a Flask application, or if its class overrides `wsgi_app` or `__call__`; ValueError for
        other WSGI middleware; RuntimeError if the application has already handled a request.
        """
        from .from_flask import adopt  # imported late: no other application needs it

        return adopt(app, cls)

    # The ASGI face

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection, or the lifespan of the process: ASGI version 3."""
        await self.asgi_app(scope, receive, send)

    async def asgi_app(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The ASGI application itself. Replace it to wrap it with middleware.

        Raises RuntimeError for an unknown scope type.
        """
        if "://" in scope.get("path", ""):
            scope = in_origin_form(scope)
        if self._mounts:
            mount = self._mounts.find(scope)
            if mount is not None:
                trusted = self.config["TRUSTED_HOSTS"] or self.request_class.trusted_hosts
                # Servers pass dicts.
                await mount(scope, receive, send, trusted)  # type: ignore[arg-type]
                return
        kind = scope["type"]
        if not self._got_first_request and kind != "lifespan":
            self._got_first_request = True
            self._has_flask_code = flask_names.are_imported()
        if kind == "http":
            # PERF: CPython calls `__call__` by name faster than it calls the instance.
            await self.asgi_http_class(self, scope).__call__(receive, send)
        elif kind == "websocket":
            await self.asgi_websocket_class(self, scope)(receive, send)
        elif kind == "lifespan":
            lifespan = self.asgi_lifespan_class(self, scope)
            if self._mounts:
                seconds = self.config["AFTER_SERVING_TIMEOUT"]
                await self._mounts.live(lifespan, scope, receive, send, self.logger, seconds)
            else:
                await lifespan(receive, send)
        else:
            raise RuntimeError(f"ASGI Scope type is unknown: {kind!r}")

    @setupmethod
    def mount(self, prefix: str, app: ASGIApp | WSGIApplication) -> None:
        """Hand all requests and websockets below a path prefix to another application.

        `app` is an ASGI application, such as another `Quart`, or a WSGI application, which runs in
        threads (see `quart.wsgi.WSGIBridge`) with this application's `MAX_CONTENT_LENGTH` and
        `BODY_TIMEOUT`. The prefix is appended to its root path. If several prefixes match, the
        longest wins. Routes, hooks and error handlers of this application do not apply below a
        prefix; `TRUSTED_HOSTS` and middleware around `asgi_app` do. A mounted ASGI application
        starts after this one and shuts down before it.

        Raises ValueError if the prefix is only a slash, does not start with one, or is taken.
        """
        self._mounts.add(prefix, app, self.config)

    def begin_shutdown(self) -> None:
        """Set `shutdown_event`, and tell open streams and websockets to end, here and in mounts.

        A server calls it as soon as it is asked to stop, before it waits for its connections.
        """
        if not self.shutdown_event.is_set():
            super().begin_shutdown()
            self._mounts.begin_shutdown()

    @setupmethod
    def add_url_rule(
        self,
        rule: str,
        endpoint: str | None = None,
        view_func: Any = None,
        provide_automatic_options: bool | None = None,
        **options: Any,
    ) -> None:
        """Route requests for a rule to a view, as `route` does."""
        if provide_automatic_options is None:
            provide_automatic_options = getattr(view_func, "provide_automatic_options", None)
        if provide_automatic_options:  # Flask 3.1 does not count it as one of the methods
            methods = options.get("methods") or getattr(view_func, "methods", None) or ("GET",)
            if not isinstance(methods, str):
                options["methods"] = {*methods, "OPTIONS"}
        if getattr(view_func, "__func__", None) is FlaskBlueprint.send_static_file:
            view_func = MethodType(QuartScaffold.send_static_file, view_func.__self__)
        super().add_url_rule(rule, endpoint, view_func, provide_automatic_options, **options)

    def asgi2(self, scope: Scope) -> Callable[[Receive, Send], Awaitable[None]]:
        """Serve as ASGI version 2: called with the scope, then with `receive` and `send`."""

        async def instance(receive: Receive, send: Send) -> None:
            await self(scope, receive, send)

        return instance

    def _check_setup_finished(self, f_name: str) -> None:
        # Flask raises an error here. Extensions register late, and in Quart that works.
        if self._got_first_request:
            self._has_flask_code = flask_names.are_imported()
            level, frame = 3, sys._getframe(2)
            while frame.f_back and frame.f_globals.get("__package__") in _SETUP_PACKAGES:
                level, frame = level + 1, frame.f_back
            warnings.warn(
                f"The application {self.name!r} is changed after its first request. Only"
                " this process has the change, not others that serve the application.",
                RuntimeWarning,
                stacklevel=level,
            )

    # Resources and templates

    def open_instance_resource(
        self,
        path: FilePath | None = None,
        mode: str = "rb",
        encoding: str | None = "utf-8",
        *,
        resource: FilePath | None = None,
    ) -> Coroutine[object, None, AiofilesContextManager[Any]]:
        """Open a file in the instance folder, like `open_resource`, and also for writing."""
        return open_file(self.instance_path, path or resource, mode, encoding)

    @cached_property
    def jinja_env(self) -> Environment:  # type: ignore[override]
        """The Jinja environment that loads templates, made when it is first used."""
        return self.create_jinja_environment()

    def create_jinja_environment(self) -> Environment:  # type: ignore[override]
        """Make a Jinja environment with the application's options and the usual globals."""
        options = dict(self.jinja_options)
        options.setdefault("autoescape", self.select_jinja_autoescape)
        if "auto_reload" not in options:
            reload = self.config["TEMPLATES_AUTO_RELOAD"]
            options["auto_reload"] = self.debug if reload is None else reload
        environment = self.jinja_environment(self, **options)
        environment.globals.update(
            get_flashed_messages=get_flashed_messages,
            url_for=self.url_for,
            config=self.config,
            g=g,
            request=request,
            session=session,
        )
        environment.policies["json.dumps_function"] = self.json.dumps
        return environment

    @with_blocking_form(_update_template_context_here)
    async def update_template_context(
        self,
        ctx: AppContext | dict[str, object] | None = None,
        context: dict[str, object] | None = None,
    ) -> None:
        """Add the values of the context processors to a template's context; its own values win."""
        if context is None:  # as before Flask 3.2, which passed only the template's context
            ctx, context = _cv_quart.get(None), ctx  # type: ignore[assignment]
        await _update_template_context(self, ctx, context)  # type: ignore[arg-type]

    def make_shell_context(self) -> dict[str, Any]:
        """Return the names that `quart shell` starts with."""
        context: dict[str, object] = {"app": self, "g": g}
        for processor in self.shell_context_processors:
            context.update(processor())
        return context

    @cached_property
    def logger(self) -> logging.Logger:
        """The application's logger, under its name; Flask's rules decide on a handler."""
        return create_logger(self)

    # Testing

    def test_client(self, use_cookies: bool = True, **kwargs: object) -> TestClientProtocol:
        """Make a client that calls the application without a server."""
        remind_of_awaits()
        return self.test_client_class(self, use_cookies=use_cookies, **kwargs)

    def test_cli_runner(self, **kwargs: object) -> QuartCliRunner:
        """Make a runner for the application's commands."""
        return self.test_cli_runner_class(self, **kwargs)

    def test_app(self) -> TestAppProtocol:
        """Run the application with its lifespan: `async with app.test_app() as test_app:`."""
        return self.test_app_class(self)

    def test_request_context(
        self,
        path: str = "/",
        *args: Any,
        send_push_promise: Callable[[str, Headers], Awaitable[None]] | None = None,
        **kwargs: Any,
    ) -> RequestContext:
        """Make the context of an invented request, for tests and shells.

        Use `async with app.test_request_context("/path"):`, or `with` outside an event loop. The
        arguments are those of the test client's `open`.
        """
        from . import testing

        words = testing.describe_request(self, path, *args, **kwargs)
        request = testing.RequestBuilder(self, words).request(
            send_push_promise=send_push_promise or testing.no_op_push
        )
        return self.request_context(request)

    # Decorators that, as in Flask 3.2, also work without parentheses

    @overload
    def template_filter(self, name: F) -> F: ...

    @overload
    def template_filter(self, name: str | None = None) -> Callable[[F], F]: ...

    @setupmethod
    def template_filter(self, name: object = None) -> object:
        """Register a Jinja filter under `name`, by default the function's."""
        return with_or_without_name(self.add_template_filter, name)

    @overload
    def template_test(self, name: F) -> F: ...

    @overload
    def template_test(self, name: str | None = None) -> Callable[[F], F]: ...

    @setupmethod
    def template_test(self, name: object = None) -> object:
        """Register a Jinja test under `name`, by default the function's."""
        return with_or_without_name(self.add_template_test, name)

    @overload
    def template_global(self, name: F) -> F: ...

    @overload
    def template_global(self, name: str | None = None) -> Callable[[F], F]: ...

    @setupmethod
    def template_global(self, name: object = None) -> object:
        """Register a Jinja global under `name`, by default the function's."""
        return with_or_without_name(self.add_template_global, name)
