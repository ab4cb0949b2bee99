"""Has Jinja's own tests use Quart's environment for theirs."""

from typing import Any

import jinja2
import jinja2.environment

from quart import templating

Original = jinja2.Environment


class Environment(templating.Environment):
    """Quart's, without an application, and async only where a test asks for it."""

    def __init__(self, *args: Any, **options: Any) -> None:
        Original.__init__(self, *args, **options)


jinja2.Environment = jinja2.environment.Environment = Environment
