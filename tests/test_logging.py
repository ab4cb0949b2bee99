"""The application's logger follows Flask's rules."""

import io
import logging
import logging.config
import sys
from collections.abc import Iterator
from queue import SimpleQueue
from typing import Any

import pytest
from asgi import get

from quart import Quart
from quart.logging import (
    LocalQueueHandler,
    create_logger,
    default_handler,
    has_level_handler,
)


@pytest.fixture(autouse=True)
def clean_loggers(pytestconfig: pytest.Config) -> Iterator[None]:
    """The root's handlers, those of pytest as well, are put aside, and this app's are removed."""
    plugin = pytestconfig.pluginmanager.unregister(name="logging-plugin")
    root = logging.getLogger()
    handlers, level = root.handlers, root.level
    root.handlers = []
    logger = logging.getLogger(__name__)
    logger.handlers, logger.level, logger.propagate = [], logging.NOTSET, True
    yield
    logger.handlers, logger.level, logger.propagate = [], logging.NOTSET, True
    root.handlers = handlers
    root.setLevel(level)
    if plugin is not None:
        pytestconfig.pluginmanager.register(plugin, "logging-plugin")


@pytest.fixture
def app() -> Quart:
    return Quart(__name__)


def test_the_logger_has_the_apps_name(app: Quart) -> None:
    """It is made once, propagates, and has the default handler."""
    assert logging.getLogger(__name__) is app.logger
    assert app.logger is app.logger
    assert [default_handler] == app.logger.handlers
    assert logging.NOTSET == app.logger.level
    assert app.logger.propagate


def test_a_second_app_adds_no_second_handler(app: Quart) -> None:
    create_logger(app)
    create_logger(Quart(__name__))

    assert [default_handler] == app.logger.handlers


def test_debug_sets_the_level_unless_it_is_set(app: Quart) -> None:
    app.debug = True
    assert logging.DEBUG == app.logger.level

    other = Quart(__name__)
    other.debug = True
    logging.getLogger(__name__).setLevel(logging.ERROR)
    assert logging.ERROR == create_logger(other).level


@pytest.mark.parametrize("where", [__name__, ""])
def test_handlers_set_before_are_kept(app: Quart, where: str) -> None:
    """And none is added, whether they are the logger's own or the root's."""
    handler = logging.StreamHandler()
    logger = logging.getLogger(where)
    logger.addHandler(handler)

    assert default_handler not in app.logger.handlers
    assert [handler] == logger.handlers


def test_a_handler_for_higher_levels_only_does_not_count(app: Quart) -> None:
    handler = logging.StreamHandler()
    handler.setLevel(logging.CRITICAL)
    app_logger = logging.getLogger(__name__)
    app_logger.addHandler(handler)

    assert [handler, default_handler] == app.logger.handlers


def test_a_logger_that_does_not_propagate_has_its_own(app: Quart) -> None:
    logging.getLogger().addHandler(logging.StreamHandler())
    logging.getLogger(__name__).propagate = False

    assert [default_handler] == app.logger.handlers


def test_has_level_handler() -> None:
    logger = logging.getLogger(f"{__name__}.child")
    assert not has_level_handler(logger)

    handler = logging.StreamHandler()
    logging.getLogger().addHandler(handler)
    assert has_level_handler(logger)

    logger.propagate = False
    assert not has_level_handler(logger)


def test_records_go_to_standard_error_at_once(
    app: Quart, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whatever that is at the time, in Flask's format."""
    app.logger.error("first")
    first = capsys.readouterr().err
    app.logger.warning("second")

    assert first.endswith("] ERROR in test_logging: first\n")
    assert capsys.readouterr().err.endswith("] WARNING in test_logging: second\n")


def test_a_configuration_written_for_flask(
    app: Quart, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its stream is standard error, whatever that is at the time."""
    configured = {
        "class": "logging.StreamHandler",
        "stream": "ext://quart.logging.wsgi_errors_stream",
    }
    # One handler of it: `dictConfig` would close all that there are.
    configurator = logging.config.DictConfigurator({"wsgi": configured})
    app.logger.handlers = [configurator.configure_handler(configurator.config["wsgi"])]
    app.logger.error("first")
    first = capsys.readouterr().err
    other = io.StringIO()
    monkeypatch.setattr(sys, "stderr", other)
    app.logger.error("second")

    assert ("first\n", "second\n", "") == (first, other.getvalue(), capsys.readouterr().err)


def test_the_default_handler_can_be_removed(app: Quart, capsys: pytest.CaptureFixture[str]) -> None:
    app.logger.removeHandler(default_handler)
    app.logger.addHandler(logging.NullHandler())
    app.logger.error("silence")

    assert "" == capsys.readouterr().err


async def test_an_unhandled_error_is_logged_with_its_traceback(
    app: Quart, capsys: pytest.CaptureFixture[str]
) -> None:
    @app.get("/path")
    async def view() -> None:
        raise KeyError("the reason")

    assert 500 == (await get(app, "/path")).status
    logged = capsys.readouterr().err
    assert "Exception on request GET /path" in logged
    assert "KeyError: 'the reason'" in logged


def test_the_queue_handler_hands_on_records_as_they_are() -> None:
    """It is here for those who import it."""
    queue: SimpleQueue[Any] = SimpleQueue()
    handler = LocalQueueHandler(queue)
    record = logging.LogRecord("name", logging.INFO, "", 1, "%s", (object(),), None)
    handler.handle(record)

    assert record is queue.get_nowait()
    assert record.args
