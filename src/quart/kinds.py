"""The table of what differs between a request and a websocket on the line.

Every stage in dispatch.py is written once and looks its names up here.
"""

from __future__ import annotations

from dataclasses import dataclass

from blinker import NamedSignal

from . import signals


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of connection: attribute names on the application, its signals, its word."""

    word: str  # in log lines and error texts
    # The stages, by their public names, so that an override or a patch is honoured.
    full_dispatch: str
    preprocess: str
    dispatch: str
    finalize: str
    postprocess: str
    do_teardown: str
    handle_exception: str
    # The lists of hooks, by blueprint name.
    before_funcs: str
    after_funcs: str
    teardown_funcs: str
    started: NamedSignal
    finished: NamedSignal
    tearing_down: NamedSignal
    got_exception: NamedSignal


REQUEST = Kind(
    word="request",
    full_dispatch="full_dispatch_request",
    preprocess="preprocess_request",
    dispatch="dispatch_request",
    finalize="finalize_request",
    postprocess="process_response",
    do_teardown="do_teardown_request",
    handle_exception="handle_exception",
    before_funcs="before_request_funcs",
    after_funcs="after_request_funcs",
    teardown_funcs="teardown_request_funcs",
    started=signals.request_started,
    finished=signals.request_finished,
    tearing_down=signals.request_tearing_down,
    got_exception=signals.got_request_exception,
)

WEBSOCKET = Kind(
    word="websocket",
    full_dispatch="full_dispatch_websocket",
    preprocess="preprocess_websocket",
    dispatch="dispatch_websocket",
    finalize="finalize_websocket",
    postprocess="postprocess_websocket",
    do_teardown="do_teardown_websocket",
    handle_exception="handle_websocket_exception",
    before_funcs="before_websocket_funcs",
    after_funcs="after_websocket_funcs",
    teardown_funcs="teardown_websocket_funcs",
    started=signals.websocket_started,
    finished=signals.websocket_finished,
    tearing_down=signals.websocket_tearing_down,
    got_exception=signals.got_websocket_exception,
)
