"""`Blueprint`: Flask's, plus websockets, serving hooks and async file access."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from flask.blueprints import Blueprint as FlaskBlueprint
from flask.sansio.app import App
from flask.sansio.blueprints import BlueprintSetupState
from flask.sansio.scaffold import setupmethod

from .cli import AppGroup
from .registration import (
    QuartScaffold,
    T_after_websocket,
    T_before_request,
    T_before_websocket,
    T_error_handler,
    T_teardown,
    with_or_without_name,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from .typing import AfterServingCallable, BeforeServingCallable, WhileServingCallable

__all__ = ("Blueprint", "BlueprintSetupState")

T_after_serving = TypeVar("T_after_serving", bound="AfterServingCallable")
T_before_serving = TypeVar("T_before_serving", bound="BeforeServingCallable")
T_while_serving = TypeVar("T_while_serving", bound="WhileServingCallable")


# A view may return more than Flask's types allow.
class Blueprint(QuartScaffold, FlaskBlueprint):  # type: ignore[misc]  # pyright: ignore[reportIncompatibleMethodOverride]
    """Routes, websockets and hooks that are registered together on an application.

    It is a `flask.Blueprint`, with the same arguments.
    """

    def __init__(self, *args: object, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)
        #: The commands of this blueprint: `quart <name of the blueprint> <command>`.
        self.cli = AppGroup()
        self.cli.name = self.name

    if TYPE_CHECKING:  # Flask's methods, whose functions may return more here

        def before_app_request(self, f: T_before_request) -> T_before_request: ...  # type: ignore[override]

        def app_errorhandler(  # type: ignore[override]
            self, code: type[Exception] | int
        ) -> Callable[[T_error_handler], T_error_handler]: ...

    def _merge_blueprint_funcs(self, app: App, name: str) -> None:
        super()._merge_blueprint_funcs(app, name)
        for kind in ("before", "after", "teardown"):
            theirs = getattr(app, f"{kind}_websocket_funcs")
            for key, funcs in getattr(self, f"{kind}_websocket_funcs").items():
                theirs[name if key is None else f"{name}.{key}"].extend(funcs)

    @setupmethod
    def before_app_websocket(self, func: T_before_websocket) -> T_before_websocket:
        """Like `before_websocket`, for every websocket of the application."""
        self.record_once(lambda state: state.app.before_websocket_funcs[None].append(func))  # type: ignore[attr-defined]
        return func

    @setupmethod
    def after_app_websocket(self, func: T_after_websocket) -> T_after_websocket:
        """Like `after_websocket`, for every websocket of the application."""
        self.record_once(lambda state: state.app.after_websocket_funcs[None].append(func))  # type: ignore[attr-defined]
        return func

    @setupmethod
    def teardown_app_websocket(self, func: T_teardown) -> T_teardown:
        """Like `teardown_websocket`, for every websocket of the application."""
        self.record_once(lambda state: state.app.teardown_websocket_funcs[None].append(func))  # type: ignore[attr-defined]
        return func

    @setupmethod
    def before_app_serving(self, func: T_before_serving) -> T_before_serving:
        """Like `Quart.before_serving`."""
        self.record_once(lambda state: state.app.before_serving(func))  # type: ignore[attr-defined]
        return func

    @setupmethod
    def after_app_serving(self, func: T_after_serving) -> T_after_serving:
        """Like `Quart.after_serving`."""
        self.record_once(lambda state: state.app.after_serving(func))  # type: ignore[attr-defined]
        return func

    @setupmethod
    def while_app_serving(self, func: T_while_serving) -> T_while_serving:
        """Like `Quart.while_serving`."""
        self.record_once(lambda state: state.app.while_serving(func))  # type: ignore[attr-defined]
        return func

    @setupmethod
    def app_template_filter(self, name: object = None) -> Any:
        """Like `Quart.template_filter`, for the whole application."""
        return with_or_without_name(self.add_app_template_filter, name)

    @setupmethod
    def app_template_test(self, name: object = None) -> Any:
        """Like `Quart.template_test`, for the whole application."""
        return with_or_without_name(self.add_app_template_test, name)

    @setupmethod
    def app_template_global(self, name: object = None) -> Any:
        """Like `Quart.template_global`, for the whole application."""
        return with_or_without_name(self.add_app_template_global, name)
