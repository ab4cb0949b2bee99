"""Configuration: the defaults, and every way to set a key."""

import json
import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import flask
import pytest

import quart
from quart import Config, Quart
from quart.config import DEFAULT_CONFIG, ConfigAttribute

QUART_DEFAULTS = {
    "APPLICATION_ROOT": "/",
    "BACKGROUND_TASK_SHUTDOWN_TIMEOUT": 5,
    "BODY_TIMEOUT": 60,
    "DEBUG": None,
    "ENV": None,
    "EXPLAIN_TEMPLATE_LOADING": False,
    "MAX_CONTENT_LENGTH": 16777216,
    "MAX_COOKIE_SIZE": 4093,
    "MAX_FORM_MEMORY_SIZE": 500000,
    "MAX_FORM_PARTS": 1000,
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
    "TEMPLATES_AUTO_RELOAD": None,
    "TESTING": False,
    "TRAP_BAD_REQUEST_ERRORS": None,
    "TRAP_HTTP_EXCEPTIONS": False,
    "TRUSTED_HOSTS": None,
    "USE_X_SENDFILE": False,
}


def test_the_defaults_are_quarts() -> None:
    """Every key of Quart 0.22 has the same default here."""
    assert QUART_DEFAULTS == {key: DEFAULT_CONFIG.get(key, ...) for key in QUART_DEFAULTS}


def test_every_key_of_flask_is_there() -> None:
    assert set() == flask.Flask.default_config.keys() - DEFAULT_CONFIG.keys()


def test_every_key_that_is_read_has_a_default() -> None:
    """What the package looks up in a config is in the list."""
    source = "".join(path.read_text() for path in Path(quart.__file__).parent.rglob("*.py"))
    read = set(re.findall(r"""config(?:\.get)?[\[(]"([A-Z_]+)"[\],)]""", source))

    assert read
    assert set() == read - DEFAULT_CONFIG.keys()


def test_an_app_starts_with_the_defaults() -> None:
    """And has a copy of them."""
    app = Quart(__name__)
    app.config["TESTING"] = True

    assert DEFAULT_CONFIG.keys() <= app.config.keys()
    assert Quart(__name__).config["TESTING"] is False
    assert isinstance(app.config, Config)
    assert isinstance(app.config, flask.Config)


def test_from_prefixed_env(monkeypatch: pytest.MonkeyPatch) -> None:
    """Quart's prefix by default; values are JSON where they can be; two underscores nest."""
    for name, value in {
        "QUART_A": "1",
        "QUART_B": "text",
        "QUART_C__D": "true",
        "FLASK_E": "1",
        "OTHER_F": "[1]",
    }.items():
        monkeypatch.setenv(name, value)
    config = Config("/", {"C": {"X": 1}})

    assert config.from_prefixed_env()
    assert {"A": 1, "B": "text", "C": {"X": 1, "D": True}} == {key: config[key] for key in "ABC"}
    assert "E" not in config
    assert config.from_prefixed_env("OTHER", loads=str)
    assert "[1]" == config["F"]


def test_from_everything_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Objects, files of Python and of other formats, mappings, the environment, namespaces."""

    class Settings:
        FROM_OBJECT = 1
        ignored = 2

    (tmp_path / "settings.py").write_text("FROM_PYFILE = 1\n")
    (tmp_path / "env.py").write_text("FROM_ENV = 1\n")
    (tmp_path / "settings.json").write_text('{"FROM_JSON": 1}')
    (tmp_path / "settings.toml").write_text("FROM_TOML = 1\n")
    monkeypatch.setenv("SETTINGS", str(tmp_path / "env.py"))
    import tomllib

    config = Config(tmp_path)
    config.from_object(Settings)
    config.from_pyfile("settings.py")
    config.from_envvar("SETTINGS")
    config.from_file("settings.json", json.load)
    config.from_file("settings.toml", tomllib.load, text=False)
    config.from_mapping({"FROM_MAPPING": 1}, FROM_KEYWORD=1, lower=1)

    names = ["OBJECT", "PYFILE", "ENV", "JSON", "TOML", "MAPPING", "KEYWORD"]
    assert {f"FROM_{name}": 1 for name in names} == config
    assert {name.lower(): 1 for name in names} == config.get_namespace("FROM_")
    assert not config.from_pyfile("missing.py", silent=True)
    with pytest.raises(FileNotFoundError):
        config.from_pyfile("missing.py")
    with pytest.raises(RuntimeError, match="NO_SUCH_VARIABLE"):
        config.from_envvar("NO_SUCH_VARIABLE")


def test_an_attribute_of_an_app_can_be_a_key() -> None:
    class App(Quart):
        limit: ConfigAttribute[Any] = ConfigAttribute("LIMIT", get_converter=int)

    app = App(__name__)
    app.limit = "7"

    assert ("7", 7) == (app.config["LIMIT"], app.limit)
