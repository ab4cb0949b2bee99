"""The application's logger, set up as Flask sets up its own.

A record is written at once, by whoever logs it: what a dying process says last is not lost, and
no thread is left behind.
"""

from __future__ import annotations

import logging
import sys
from logging import DEBUG, NOTSET
from logging.handlers import QueueHandler
from typing import TYPE_CHECKING, TextIO, cast

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


#: What ``sys.stderr`` is at the time of writing: tests, for one, put another in its place. The name
#: is Flask's, for configurations that have ``ext://flask.logging.wsgi_errors_stream``.
wsgi_errors_stream: TextIO = cast(TextIO, LocalProxy(lambda: sys.stderr))

#: Writes to standard error, with the time, the level and the module.
default_handler = logging.StreamHandler(wsgi_errors_stream)
default_handler.setFormatter(
    logging.Formatter("[%(asctime)s] %(levelname)s in %(module)s: %(message)s")
)


class LocalQueueHandler(QueueHandler):
    """Puts records on a queue of this process as they are, not formatted for another process."""

    def prepare(self, record: logging.LogRecord) -> logging.LogRecord:
        """The record itself."""
        return record


def create_logger(app: Quart) -> logging.Logger:
    """The logger with the app's name.

    In debug mode its level is DEBUG, unless one is set. It gets ``default_handler`` where no
    handler, its own or one that it propagates to, takes records of its level.
    """
    logger = logging.getLogger(app.name)
    if app.debug and logger.level == NOTSET:
        logger.setLevel(DEBUG)
    if not has_level_handler(logger):
        logger.addHandler(default_handler)
    return logger
