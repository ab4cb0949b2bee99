"""`Quart.from_flask`: converts a Flask application to Quart, in place.

It does so in place because extensions keep the application as a key, and views and hooks close over
it. The same holds for its settings, its URL map and its Jinja environment.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from importlib import import_module
from inspect import getattr_static
from types import MethodType
from typing import TYPE_CHECKING, Any, TypeVar, cast

import flask.cli
import flask.ctx
import flask.globals
import flask.json.provider
import flask.sessions
import flask.signals
import flask.templating
from blinker import Signal
from flask.blueprints import Blueprint as FlaskBlueprint
from werkzeug.middleware.dispatcher import DispatcherMiddleware
from werkzeug.middleware.proxy_fix import ProxyFix as WSGIProxyFix
from werkzeug.routing import Map, Rule
from werkzeug.routing.matcher import State

from . import signals
from .generations import STAGES
from .middleware import ProxyFix
from .registration import QuartScaffold
from .routing import QuartMap, QuartRule

if TYPE_CHECKING:
    from .app import Quart

Q = TypeVar("Q", bound="Quart")

#: Settings whose defaults differ from Quart's, so that code and pages work as on Flask.
FLASKS_DEFAULTS = {"JSON_REQUIRES_CONTENT_TYPE": True, "ONE_THREAD_PER_REQUEST": True}

# Attributes that are classes, with the Flask class from which a user's class is derived.
_CLASSES = {
    "jinja_environment": "flask.templating:Environment",
    "request_class": "flask.wrappers:Request",
    "response_class": "flask.wrappers:Response",
    "test_cli_runner_class": "flask.testing:FlaskCliRunner",
    "test_client_class": "flask.testing:FlaskClient",
    "url_map_class": "werkzeug.routing:Map",
    "url_rule_class": "werkzeug.routing:Rule",
}

# Flask's signals about requests and contexts. Flask's own functions, which the application's code
# keeps calling, send those about templates and messages.
_SIGNALS = (
    "appcontext_popped",
    "appcontext_pushed",
    "appcontext_tearing_down",
    "got_request_exception",
    "request_finished",
    "request_started",
    "request_tearing_down",
)

# Besides the stages, the methods that extensions replace with functions of their own.
_REPLACED = STAGES | {"create_url_adapter", "ensure_sync", "make_response"}


def adopt(app: flask.Flask, quart_class: type[Q]) -> Q:
    """Convert a Flask application: see `Quart.from_flask`."""
    if isinstance(app, quart_class):
        return app
    if not isinstance(app, flask.Flask):
        raise TypeError(f"from_flask() takes a Flask application, not a {type(app).__name__}.")
    if app._got_first_request:
        raise RuntimeError(
            f"The application {app.name!r} has already handled a request with Flask: call"
            " from_flask() before it serves requests."
        )
    _check_class(type(app))
    middleware = list(_middleware_of(app))
    flask_class, theirs = type(app), dict(vars(app))
    own = _class_for(flask_class, quart_class)
    adopted = cast(Q, app)
    try:
        adopted.__class__ = own
        quart_class.__init__(
            adopted,
            app.import_name,
            static_folder=None,
            host_matching=app.url_map.host_matching,
            subdomain_matching=theirs["subdomain_matching"],
            root_path=theirs["root_path"],
        )
    except BaseException:
        app.__class__ = flask_class
        vars(app).clear()
        vars(app).update(theirs)
        raise
    _bring_along(adopted, theirs, quart_class)
    _close_as_flask(flask.globals._cv_app.get(None), adopted)
    vars(adopted)["_relays"] = [_Relay(adopted, name) for name in _SIGNALS]
    for wrap in reversed(middleware):
        wrap(adopted)
    return adopted


# Classes


class _Grafted(type):
    """The metaclass of a class that puts Quart's class between a user's class and the Flask class
    from which that is derived. So `super()` in the user's methods is Quart.
    """

    def mro(cls) -> list[type]:
        *users, ours, flasks = cls.__bases__
        shared = flasks.__mro__
        order = [each for base in (*users, ours) for each in base.__mro__ if each not in shared]
        return [cls, *dict.fromkeys(order), *shared]


# The classes made so far, by the user's class and ours.
_grafts: dict[tuple[type, type], type] = {}


def graft(users: type, ours: type, flasks: type, **attributes: object) -> Any:
    """Return a class like the one a user derived from Flask's, but derived from ours."""
    if users is flasks and issubclass(ours, flasks):
        return ours
    if (users, ours) not in _grafts:
        bases = (ours, flasks) if users is flasks else (users, ours, flasks)
        names = {"__module__": users.__module__, "__doc__": users.__doc__, **attributes}
        _grafts[users, ours] = _Grafted(users.__name__, bases, names)
    return _grafts[users, ours]


class _SyncClient:
    """The class of a sync test client as an attribute, imported when a test uses it."""

    def __get__(self, app: object, owner: object) -> type:
        testing = import_module("quart.testing")  # it is on a higher floor
        client_class: type = testing.SyncClient
        return client_class


#: Attributes of the class of an application that code for Flask has set up.
_ATTRIBUTES = {"is_for_sync_code": True, "test_client_class": _SyncClient()}


def _grafted(name: str, users: Any, quart_class: type[Quart]) -> type | None:
    """Return a user's class for an attribute, grafted; None if it is Flask's own class."""
    if users is None:
        return None
    module, _, flasks_name = _CLASSES[name].partition(":")
    flasks = getattr(import_module(module), flasks_name)
    if name == "test_client_class":
        ours = _SyncClient().__get__(None, None)
    else:
        ours = getattr(quart_class, name)
    return None if users is flasks else graft(users, ours, flasks)


def _class_for(flask_class: type[flask.Flask], quart_class: type[Q]) -> type[Q]:
    attributes: dict[str, object] = dict(_ATTRIBUTES)
    for name in _CLASSES:
        if any(name in vars(each) for each in _users(flask_class)):
            grafted = _grafted(name, getattr(flask_class, name), quart_class)
            attributes[name] = grafted or attributes.get(name) or getattr_static(quart_class, name)
    own: type[Q] = graft(flask_class, quart_class, flask.Flask, **attributes)
    return own


def _users(flask_class: type) -> list[type]:
    """Return the classes that users derived from Flask, with their mixins."""
    return [each for each in flask_class.__mro__ if each not in flask.Flask.__mro__]


def _check_class(flask_class: type[flask.Flask]) -> None:
    for each in _users(flask_class):
        for name in ("__call__", "wsgi_app"):
            if name in vars(each):
                raise TypeError(
                    f"{each.__name__} overrides '{name}', which is WSGI and has no place in an ASGI"
                    " application. Serve it as it is with quart.wsgi.WSGIBridge(app), or wrap"
                    " 'asgi_app' with ASGI middleware instead."
                )


# WSGI middleware


def _middleware_of(app: flask.Flask) -> Iterator[Callable[[Quart], None]]:
    """Return functions that add ASGI middleware and mounts for WSGI ones, outermost first."""
    within: Any = vars(app).get("wsgi_app")
    while within is not None and not _is_flasks(within, app, "wsgi_app"):
        if type(within) is WSGIProxyFix:
            yield partial(_trust_proxies, within)
        elif type(within) is DispatcherMiddleware:
            yield partial(_mount, within)
        else:
            raise ValueError(
                f"The 'wsgi_app' of {app.name!r} is {within!r}, WSGI middleware that has no"
                " counterpart here. Remove it (del app.wsgi_app) and wrap 'asgi_app' with ASGI"
                " middleware instead; or serve the application as it is with"
                " quart.wsgi.WSGIBridge(app)."
            )
        within = within.app


def _trust_proxies(proxy_fix: WSGIProxyFix, app: Quart) -> None:
    numbers = {name: value for name, value in vars(proxy_fix).items() if name.startswith("x_")}
    app.asgi_app = ProxyFix(app.asgi_app, **numbers)  # type: ignore[method-assign]


def _mount(dispatcher: DispatcherMiddleware, app: Quart) -> None:
    for prefix, mounted in dispatcher.mounts.items():
        app.mount(prefix, mounted)


# The parts of an application


def _bring_along(app: Quart, theirs: dict[str, Any], quart_class: type[Quart]) -> None:
    """Replace the parts that Quart has made by those of the Flask application."""
    cli, json = app.cli, app.json
    theirs.pop("wsgi_app", None)
    for name, value in theirs.items():
        if name in _CLASSES:
            if grafted := _grafted(name, value, quart_class):
                setattr(app, name, grafted)
        elif name in _REPLACED:
            setattr(app, name, _with_our_stages(value, app))
        else:
            vars(app)[name] = value
    for setting, default in {**quart_class.default_config, **FLASKS_DEFAULTS}.items():
        app.config.setdefault(setting, default)
    if type(app.cli) is flask.cli.AppGroup:
        cast(Any, app).cli.__class__ = type(cli)
    if type(app.json) is flask.json.provider.DefaultJSONProvider:
        for name, value in vars(app.json).items():
            vars(json).setdefault(name, value)
        app.json = json
    interface: Any = app.session_interface
    if type(interface) is flask.sessions.SecureCookieSessionInterface:
        app.session_interface = quart_class.session_interface
    _take_rules(app.url_map)
    for endpoint, view in app.view_functions.items():
        if getattr(view, "__func__", None) is FlaskBlueprint.send_static_file:
            view = MethodType(QuartScaffold.send_static_file, cast(Any, view).__self__)
        elif endpoint == "static" and view.__module__ == "flask.app":
            view = app.send_static_file
        app.view_functions[endpoint] = view
    if "jinja_env" in theirs:
        _take_environment(theirs["jinja_env"], app, quart_class)


class _Relay:
    """What sends a signal of Flask's when the application sends ours, once that has a receiver.

    Both know it by a weak reference only, so it lasts as long as the application, which holds it.
    """

    def __init__(self, app: Quart, name: str) -> None:
        self._app = app
        self._ours: Signal = getattr(signals, name)
        self._flasks: Signal = getattr(flask.signals, name)
        if self._flasks.receivers:
            self._start()
        else:
            self._flasks.receiver_connected.connect(self._start)

    def _start(self, *_: object, **__: object) -> None:
        self._ours.connect(self._send, self._app)
        self._flasks.receiver_connected.disconnect(self._start)

    def _send(self, sender: Quart, **values: object) -> None:
        self._flasks.send(sender, _async_wrapper=sender.ensure_sync, **values)


def _close_as_flask(ctx: object, app: Quart) -> None:
    """If a Flask context of this application is open, close it later as Flask does."""
    if type(ctx) is not flask.ctx.AppContext or cast(object, ctx.app) is not app:
        return
    teardown = MethodType(flask.Flask.do_teardown_appcontext, app)

    def pop(*error: BaseException | None) -> None:
        vars(app)["do_teardown_appcontext"] = teardown
        try:
            flask.ctx.AppContext.pop(ctx, *error)
        finally:
            del vars(app)["do_teardown_appcontext"]

    vars(ctx)["pop"] = pop


def _with_our_stages(value: object, app: Quart) -> Any:
    """Return what an extension has put in the place of a stage, so that it calls ours.

    A partial may have got Flask's stage as an argument.
    """
    if isinstance(value, partial):
        arguments = (_ours(each, app) for each in value.args)
        return partial(value.func, *arguments, **value.keywords)
    return _ours(value, app)


def _ours(value: Any, app: Quart) -> Any:
    """Return Quart's method for a Flask method of this application; other values unchanged."""
    if getattr(value, "__self__", None) is app and value.__func__ in vars(flask.Flask).values():
        return MethodType(getattr(type(app), value.__name__), app)
    return value


def _take_rules(url_map: Map) -> None:
    rules = list(_in_order(url_map._matcher._root))
    rules += [rule for rule in url_map.iter_rules() if rule.build_only]
    url_map.__class__ = graft(type(url_map), QuartMap, Map)
    assert isinstance(url_map, QuartMap)
    url_map.take_matcher()
    for rule in rules:
        rule.__class__ = graft(type(rule), QuartRule, Rule)
        assert isinstance(rule, QuartRule)
        rule.request_options = {}
        rule.path = rule.path_format = rule.rule
        vars(rule)["map"] = None
        rule.bind(url_map)
        if not rule.build_only:
            url_map._matcher.add(rule)


def _in_order(state: State) -> Iterator[Rule]:
    """Iterate over the rules; those that match the same URL come in the order they were added."""
    yield from state.rules
    for below in state.static.values():
        yield from _in_order(below)
    for _, below in state.dynamic:
        yield from _in_order(below)


def _take_environment(environment: Any, app: Quart, quart_class: type[Quart]) -> None:
    """Convert a Flask Jinja environment to ours, and keep what was added to it."""
    flasks = flask.templating.Environment
    environment.__class__ = graft(type(environment), quart_class.jinja_environment, flasks)
    environment.is_async = True
    if environment.cache is not None:
        environment.cache.clear()  # its templates were compiled for sync code
    ours = quart_class.create_jinja_environment(app)
    for name, value in ours.globals.items():
        there = environment.globals.get(name)
        if there is getattr(flask, name, None) or _is_flasks(there, app, name):
            environment.globals[name] = value
    environment.policies["json.dumps_function"] = app.json.dumps


def _is_flasks(value: object, app: object, name: str) -> bool:
    """Whether a value is the method of that name that Flask gives this application."""
    return getattr(value, "__self__", None) is app and getattr(value, "__func__", None) is getattr(
        flask.Flask, name, None
    )
