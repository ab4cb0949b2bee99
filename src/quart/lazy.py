"""`lazily`: an attribute that is worked out when it is first asked for."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from werkzeug.utils import cached_property

    lazily = cached_property
else:

    class lazily:
        """An attribute worked out when it is first asked for, and kept on the instance."""

        # PERF: on the instance it is then found without a call, unlike with Werkzeug's
        # `cached_property`, and there is no lock, unlike in that of Python 3.11.
        def __init__(self, read: Callable[[Any], object]) -> None:
            self.read = read
            self.__doc__ = read.__doc__

        def __set_name__(self, owner: type, name: str) -> None:
            self.name = name

        def __get__(self, instance: object, owner: type | None = None) -> Any:
            if instance is None:
                return self
            value = self.read(instance)
            setattr(instance, self.name, value)
            return value
