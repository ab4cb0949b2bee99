"""Every move of a state in `quart.asgi` is checked against its table while the tests run."""

from collections.abc import Iterable
from enum import Enum
from typing import Any

from quart.asgi import ASGIWebsocketConnection, client, sending, work

#: The moves that no table has, since this was last emptied.
illegal: list[str] = []


def check(cls: type, name: str, moves: dict[Any, set[Any]]) -> None:
    """Replace an attribute by one that notes each illegal move."""
    plain = cls.__dict__[name]

    def read(self: Any) -> Any:
        if isinstance(plain, Enum):  # the default of the class
            return self.__dict__.get(name, plain)
        return plain.__get__(self)

    def write(self: Any, state: Enum) -> None:
        try:
            before = read(self)
        except AttributeError:
            before = state
        if state is not before and state not in moves[before]:
            illegal.append(f"{cls.__name__}: {before.name} -> {state.name}")
        if isinstance(plain, Enum):
            self.__dict__[name] = state
        else:
            plain.__set__(self, state)

    setattr(cls, name, property(read, write))


def install() -> None:
    check(client.Client, "state", client.MOVES)
    check(work.Work, "state", work.MOVES)
    check(sending.Answer, "sent", sending.MOVES)
    check(ASGIWebsocketConnection, "sent", sending.MOVES)


def take_illegal() -> Iterable[str]:
    """The illegal moves since the last call."""
    found = illegal.copy()
    illegal.clear()
    return found
