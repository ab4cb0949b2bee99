"""Configuration: the keys that Quart reads, their defaults, and the mapping that holds them."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

from flask.config import Config as FlaskConfig
from flask.config import ConfigAttribute

__all__ = ("DEFAULT_CONFIG", "Config", "ConfigAttribute")

#: Every key that Quart reads, with its default. Sizes are in bytes and times in seconds; if the
#: default is a timedelta, a timedelta is accepted, too.
DEFAULT_CONFIG: dict[str, Any] = {
    "ACCESS_LOG": True,
    "ACCESS_LOG_FORMAT": "%(client)s %(m)s %(target)s %(s)s %(b)s %(ms)sms",
    "AFTER_SERVING_TIMEOUT": 30,
    "APPLICATION_ROOT": "/",
    "BACKGROUND_TASK_SHUTDOWN_TIMEOUT": 5,
    "BODY_MIN_RATE": 240,
    "BODY_TIMEOUT": 60,
    "CANCEL_ON_DISCONNECT": True,
    "DEBUG": None,
    "DISCONNECT_CHECK_AFTER": 0.1,
    "ENV": None,
    "ERROR_FORMAT": "html",
    "EXPLAIN_TEMPLATE_LOADING": False,
    "JSON_REQUIRES_CONTENT_TYPE": False,
    "MAX_CONTENT_LENGTH": 16 * 1024 * 1024,
    "MAX_COOKIE_SIZE": 4093,
    "MAX_FORM_MEMORY_SIZE": 500_000,
    "MAX_FORM_PARTS": 1_000,
    "ONE_THREAD_PER_REQUEST": False,
    "PERMANENT_SESSION_LIFETIME": timedelta(days=31),
    "PREFERRED_URL_SCHEME": "http",
    "PREFER_SECURE_URLS": False,
    "PRESERVE_CONTEXT_ON_EXCEPTION": None,
    "PROPAGATE_EXCEPTIONS": None,
    "PROVIDE_AUTOMATIC_OPTIONS": True,
    "RESPONSE_TIMEOUT": 60,
    "SECRET_KEY": None,
    "SECRET_KEY_FALLBACKS": None,
    "SEND_FILE_MAX_AGE_DEFAULT": timedelta(hours=12),
    "SERVER_NAME": None,
    "SESSION_COOKIE_DOMAIN": None,
    "SESSION_COOKIE_HTTPONLY": True,
    "SESSION_COOKIE_NAME": "session",
    "SESSION_COOKIE_PARTITIONED": False,
    "SESSION_COOKIE_PATH": None,
    "SESSION_COOKIE_SAMESITE": None,
    "SESSION_COOKIE_SECURE": False,
    "SESSION_REFRESH_EACH_REQUEST": True,
    "SHUTDOWN_ON_SIGNAL": True,
    "SHUTDOWN_TIMEOUT": 5,
    "STATIC_PRECOMPRESSED": False,
    "TEMPLATES_AUTO_RELOAD": None,
    "TESTING": False,
    "TRAP_BAD_REQUEST_ERRORS": None,
    "TRAP_HTTP_EXCEPTIONS": False,
    "TRUSTED_HOSTS": None,
    "USE_X_SENDFILE": False,
    "WEBSOCKET_CLOSE_TIMEOUT": 2,
}


#: Keys whose values are text. Those of sizes and times above are numbers or timedeltas.
_TEXTS = {
    "APPLICATION_ROOT",
    "PREFERRED_URL_SCHEME",
    "SECRET_KEY",
    "SERVER_NAME",
    "SESSION_COOKIE_DOMAIN",
    "SESSION_COOKIE_NAME",
    "SESSION_COOKIE_PATH",
    "SESSION_COOKIE_SAMESITE",
}
_NUMBERS = {key for key, default in DEFAULT_CONFIG.items() if type(default) is int}
_TIMEDELTAS = {key for key, default in DEFAULT_CONFIG.items() if isinstance(default, timedelta)}
_TYPES: list[tuple[set[str], tuple[type, ...]]] = [
    (_NUMBERS, (int, float)),
    (_TIMEDELTAS, (int, float, timedelta)),
    (_TEXTS, (str, bytes, bool)),
]


def settings_of_wrong_types(config: Mapping[str, object]) -> list[str]:
    """Describe settings whose values have the wrong type, such as text instead of a number.

    The values are left out, because some are secret.
    """
    return [
        f"{key} is of type {type(config[key]).__name__}"
        for keys, types in _TYPES
        for key in sorted(keys)
        if config.get(key) is not None and not isinstance(config[key], types)
    ]


class Config(FlaskConfig):
    """A dictionary that fills itself from objects, files and the environment, as Flask's does."""

    def from_prefixed_env(
        self, prefix: str = "QUART", *, loads: Callable[[str], object] = json.loads
    ) -> bool:
        """Set a key for each environment variable that starts with ``prefix`` and an underscore.

        ``loads`` decodes the value; if that fails, it stays a string. A double underscore in the
        name sets a key of a nested dictionary. Returns True.
        """
        return super().from_prefixed_env(prefix, loads=loads)
