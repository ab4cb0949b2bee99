"""The application's logger, set up as Flask sets up its own.

A record is written at once, by whoever logs it: what a dying process says last is not lost, and
no thread is left behind.
"""

from __future__ import annotations

import logging
import sys
from logging import DEBUG, NOTSET
from logging.handlers import QueueHandler
from typing import TYPE_CHECKING

from flask.logging import has_level_handler

if TYPE_CHECKING:
    from .app import Quart

__all__ = (
    "DEBUG",
    "NOTSET",
    "LocalQueueHandler",
    "create_logger",
    "default_handler",
    "has_level_handler",
)


class _Stderr:
    """What ``sys.stderr`` is at the time of writing: tests, for one, put another in its place."""

    def write(self, text: str) -> int:
        return sys.stderr.write(text)

    def flush(self) -> None:
        sys.stderr.flush()


#: Writes to standard error, with the time, the level and the module.
default_handler = logging.StreamHandler(_Stderr())
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
