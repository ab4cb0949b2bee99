"""The table of what differs between requests and websockets.

Every stage in dispatch.py is written once and looks its names up here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from blinker import NamedSignal

from . import signals

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence

    from werkzeug.sansio.response import Response as SansIOResponse

    from .app import Quart
    from .ctx import AppContext
    from .wrappers import Response

    #: The hooks of the application (under None) and of each blueprint.
    Hooks = Mapping[str | None, Sequence[Callable[..., object]]]


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of connection: its signals, and its word in log lines and error messages."""

    word: str
    started: NamedSignal
    finished: NamedSignal
    tearing_down: NamedSignal
    got_exception: NamedSignal


REQUEST = Kind(
    word="request",
    started=signals.request_started,
    finished=signals.request_finished,
    tearing_down=signals.request_tearing_down,
    got_exception=signals.got_request_exception,
)

WEBSOCKET = Kind(
    word="websocket",
    started=signals.websocket_started,
    finished=signals.websocket_finished,
    tearing_down=signals.websocket_tearing_down,
    got_exception=signals.got_websocket_exception,
)

# A websocket's names for what a request calls by these.
_WEBSOCKET_NAMES = {
    # The stages, by their public names, so that overrides and patches take effect.
    "full_dispatch_request": "full_dispatch_websocket",
    "preprocess_request": "preprocess_websocket",
    "dispatch_request": "dispatch_websocket",
    "finalize_request": "finalize_websocket",
    "process_response": "postprocess_websocket",
    "do_teardown_request": "do_teardown_websocket",
    "handle_exception": "handle_websocket_exception",
    # The hooks, which are grouped by blueprint.
    "before_request_funcs": "before_websocket_funcs",
    "after_request_funcs": "after_websocket_funcs",
    "teardown_request_funcs": "teardown_websocket_funcs",
}


class Stages(Protocol):
    """The stages and hooks of one kind of connection, under a request's names.

    A websocket may end without a response, so it may have None in the place of a Response.
    """

    @property
    def before_request_funcs(self) -> Hooks: ...
    @property
    def after_request_funcs(self) -> Hooks: ...
    @property
    def teardown_request_funcs(self) -> Hooks: ...

    def full_dispatch_request(self, ctx: AppContext, /) -> Awaitable[Response]: ...
    def preprocess_request(self, ctx: AppContext, /) -> Awaitable[object]: ...
    def dispatch_request(self, ctx: AppContext, /) -> Awaitable[object]: ...
    def finalize_request(
        self, ctx: AppContext, result: object, /, from_error_handler: bool = False
    ) -> Awaitable[Response]: ...
    def process_response(
        self, ctx: AppContext, response: SansIOResponse | None, /
    ) -> Awaitable[Response]: ...
    def do_teardown_request(
        self, ctx: AppContext, exc: BaseException | None, /
    ) -> Awaitable[None]: ...
    def handle_exception(self, ctx: AppContext, error: BaseException, /) -> Awaitable[Response]: ...


class WebsocketStages:
    """The application's stages and hooks for websockets.

    dispatch.py asks for them under a request's names, and gets the websocket's.
    """

    def __init__(self, app: Quart) -> None:
        self._app = app

    def __getattr__(self, name: str) -> Any:
        try:
            twin = _WEBSOCKET_NAMES[name]
        except KeyError:
            raise AttributeError(f"Websockets have no counterpart of {name!r}.") from None
        return getattr(self._app, twin)
