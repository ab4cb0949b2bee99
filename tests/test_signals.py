"""The signals there are, and that they are Quart's own."""

import flask.signals
import pytest
from blinker import NamedSignal

import quart
from quart import signals

NAMES = {
    "appcontext_popped",
    "appcontext_pushed",
    "appcontext_tearing_down",
    "before_render_template",
    "got_background_exception",
    "got_request_exception",
    "got_serving_exception",
    "got_websocket_exception",
    "message_flashed",
    "request_finished",
    "request_started",
    "request_tearing_down",
    "template_rendered",
    "websocket_finished",
    "websocket_received",
    "websocket_sent",
    "websocket_started",
    "websocket_tearing_down",
}
# Too special for the top level.
INNER = {
    "got_background_exception",
    "got_serving_exception",
    "websocket_received",
    "websocket_sent",
}


def test_the_signals_are_these() -> None:
    assert NAMES == {
        name for name, value in vars(signals).items() if isinstance(value, NamedSignal)
    }
    assert signals.signals_available


@pytest.mark.parametrize("name", sorted(NAMES))
def test_a_signal(name: str) -> None:
    """It has a name like its variable's, is Quart's own, and most are at the top level."""
    signal = getattr(signals, name)

    assert name.replace("_", "-") == signal.name
    assert signal is not getattr(flask.signals, name, None)
    assert name in INNER or signal is getattr(quart, name)
