"""The application's logger, set up as in Flask, and the access log of the development server.

Records are written at once, by whoever logs them: the last words of a dying process are not lost,
and no thread is left behind.
"""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Mapping
from logging import DEBUG, INFO, NOTSET
from logging.handlers import QueueHandler
from typing import TYPE_CHECKING, ClassVar, TextIO, cast

import click
from flask.logging import has_level_handler
from werkzeug.local import LocalProxy

if TYPE_CHECKING:
    from .app import Quart

__all__ = (
    "DEBUG",
    "NOTSET",
    "LocalQueueHandler",
    "create_logger",
    "default_handler",
    "has_level_handler",
    "wsgi_errors_stream",
)


#: Whatever ``sys.stderr`` is when a line is written, because tests replace it. The name is Flask's,
#: for configurations that contain ``ext://flask.logging.wsgi_errors_stream``.
wsgi_errors_stream: TextIO = cast(TextIO, LocalProxy(lambda: sys.stderr))

#: Writes to standard error, with the time, the level and the module.
default_handler = logging.StreamHandler(wsgi_errors_stream)
default_handler.setFormatter(
    logging.Formatter("[%(asctime)s] %(levelname)s in %(module)s: %(message)s")
)


class LocalQueueHandler(QueueHandler):
    """Puts records on a queue of this process unformatted, because no other process reads them."""

    def prepare(self, record: logging.LogRecord) -> logging.LogRecord:
        """Return the record unchanged."""
        return record


def create_logger(app: Quart) -> logging.Logger:
    """Return the logger that has the app's name.

    In debug mode its level is DEBUG, unless one is set. It gets ``default_handler`` if neither it
    nor a logger that it propagates to has a handler for its level.
    """
    logger = logging.getLogger(app.name)
    if app.debug and logger.level == NOTSET:
        logger.setLevel(DEBUG)
    if not has_level_handler(logger):
        logger.addHandler(default_handler)
    return logger


class _AccessFormatter(logging.Formatter):
    """Formats the time and the line, on a terminal in the colour of its status."""

    _COLOURS: ClassVar = {"3": "cyan", "4": "yellow", "5": "red"}

    def format(self, record: logging.LogRecord) -> str:
        line = super().format(record)
        status = record.args.get("s") if isinstance(record.args, Mapping) else None
        colour = self._COLOURS.get(str(status)[:1])
        if colour is None or "NO_COLOR" in os.environ or not wsgi_errors_stream.isatty():
            return line
        return click.style(line, fg=colour)


_access_handler = logging.StreamHandler(wsgi_errors_stream)
_access_handler.setFormatter(_AccessFormatter("[%(asctime)s] %(message)s", "%Y-%m-%d %H:%M:%S"))


def create_access_logger(app: Quart) -> logging.Logger:
    """Return the logger "<app's name>.access", which gets one line about each request.

    Its level is INFO unless one is set. Its lines go to handlers that are set for them, on it or
    on a logger that it propagates to; otherwise to standard error.
    """
    logger = app.logger.getChild("access")
    if logger.level == NOTSET:
        logger.setLevel(INFO)
    if not _has_own_handler(logger):
        logger.addHandler(_access_handler)
        logger.propagate = False  # because the format of `default_handler` is for other lines
    return logger


def _has_own_handler(logger: logging.Logger) -> bool:
    current: logging.Logger | None = logger
    while current is not None:
        if any(each is not default_handler and each.level <= INFO for each in current.handlers):
            return True
        current = current.parent if current.propagate else None
    return False
