"""What a lifespan yields, for mypy and pyright: nothing here runs."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import assert_type

from quart import Quart


@dataclass
class State:
    name: str


@asynccontextmanager
async def lifespan(app: Quart) -> AsyncIterator[State]:
    yield State("shop")


app = Quart(__name__, lifespan=lifespan)
assert_type(app, Quart[State])
assert_type(app.state.name, str)

plain = Quart(__name__)
plain.state.anything = 1


def create_app() -> Quart:
    """An annotation without an argument is as it was."""
    return Quart(__name__)


class Shop(Quart):
    """So is a subclass."""


Shop(__name__).state.anything = 1
