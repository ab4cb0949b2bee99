"""Flask's tutorial, as it is, carried over by `Quart.from_flask`: a plugin for its own tests."""

from functools import wraps

import flaskr
import pytest

from quart import Quart

create_app = flaskr.create_app


@wraps(create_app)
def carried_over(*args, **kwargs):
    return Quart.from_flask(create_app(*args, **kwargs))


flaskr.create_app = carried_over


@pytest.fixture(autouse=True)
def is_carried_over(app):
    assert isinstance(app, Quart)
