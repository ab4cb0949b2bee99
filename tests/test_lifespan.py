"""Start-up in one order, the `lifespan` of an application, and the state that it leaves."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, TypedDict

import pytest
from asgi import connect, get, lifespan

from quart import Blueprint, Quart, current_app, request, websocket
from quart.testing import LifespanError


def started(app: Quart | Blueprint, log: list[str], name: str) -> None:
    register = app.while_serving if isinstance(app, Quart) else app.while_app_serving

    @register
    async def lives() -> AsyncIterator[None]:
        log.append(f"{name} starts")
        yield
        log.append(f"{name} ends")


async def test_one_order() -> None:
    """`before_serving` and `while_serving` as they were registered, undone in reverse."""
    app, blueprint, log = Quart(__name__), Blueprint("part", __name__), list[str]()
    started(app, log, "first")
    app.before_serving(lambda: log.append("second"))
    started(blueprint, log, "third")
    blueprint.before_app_serving(lambda: log.append("fourth"))
    app.register_blueprint(blueprint)
    app.before_serving(lambda: log.append("fifth"))
    started(app, log, "sixth")
    app.after_serving(lambda: log.append("after"))

    async with lifespan(app):
        assert [
            "first starts", "second", "third starts", "fourth", "fifth", "sixth starts",
        ] == log  # fmt: skip
        log.clear()

    assert ["sixth ends", "third ends", "first ends", "after"] == log


async def test_what_was_put_into_the_lists_by_hand() -> None:
    """It comes after what is before it in its list; a function taken out is not called."""
    app, log = Quart(__name__), list[str]()
    app.before_serving_funcs.append(lambda: log.append("by hand, first"))
    started(app, log, "one")
    app.before_serving(lambda: log.append("two"))
    app.before_serving_funcs.append(lambda: log.append("by hand, last"))
    started(app, log, "three")
    app.before_serving(lambda: log.append("never"))
    app.before_serving_funcs.pop()

    async with lifespan(app):
        assert ["by hand, first", "one starts", "two", "by hand, last", "three starts"] == log


async def test_a_failure_ends_what_had_started() -> None:
    """In the one order, and nothing after it starts."""
    log: list[str] = []

    @asynccontextmanager
    async def lives(app: Quart) -> AsyncIterator[None]:
        log.append("lifespan starts")
        yield
        log.append("lifespan ends")

    app = Quart(__name__, lifespan=lives)
    started(app, log, "one")

    @app.before_serving
    async def fails() -> None:
        raise ValueError("asked for")

    started(app, log, "never")
    with pytest.raises(ValueError, match="asked for"):
        await app.startup()

    assert ["lifespan starts", "one starts", "one ends", "lifespan ends"] == log


@dataclass
class Shop:
    name: str
    sold: list[str]


class ShopState(TypedDict):
    name: str
    sold: list[str]


@dataclass(slots=True)
class Slotted:
    name: str
    sold: list[str]


def shop(kind: Any) -> Quart[Any]:
    @asynccontextmanager
    async def lives(app: Quart) -> AsyncIterator[Any]:
        assert app.name == current_app.name
        yield kind(name="corner shop", sold=[])

    app = Quart(__name__, lifespan=lives)

    @app.get("/sell/<what>")
    async def sell(what: str) -> Any:
        request.state.sold.append(what)
        return {"name": request.state.name, "sold": request.state["sold"]}

    @app.get("/sync")
    def in_sync() -> Any:
        return request.state.name

    @app.websocket("/ws")
    async def ws() -> None:
        await websocket.send(websocket.state.name)

    return app


@pytest.mark.parametrize("kind", [Shop, ShopState, Slotted])
async def test_the_state_of_connections(kind: Any) -> None:
    """By a server that hands on the state, in requests and websockets, async and sync."""
    app = shop(kind)
    async with lifespan(app) as state:
        assert {"name": "corner shop", "sold": []} == state
        response = await get(app, "/sell/tea", state=dict(state))
        assert b'{"name":"corner shop","sold":["tea"]}\n' == response.body
        assert b"corner shop" == (await get(app, "/sync", state=dict(state))).body
        async with connect(app, "/ws", state=dict(state)) as ws:
            assert "corner shop" == await ws.receive_text()
        assert isinstance(app.state, dict if kind is ShopState else kind)


@pytest.mark.parametrize("way", ["the test app's client", "the app's client"])
async def test_the_state_in_tests(way: str) -> None:
    """With either client."""
    app = shop(Shop)
    async with app.test_app() as test_app:
        client = test_app.test_client() if way.startswith("the test") else app.test_client()
        await client.get("/sell/tea")
        response = await client.get("/sell/salt")
        assert {"name": "corner shop", "sold": ["tea", "salt"]} == await response.get_json()
        async with client.websocket("/ws") as connection:
            assert "corner shop" == await connection.receive()
        assert ["tea", "salt"] == app.state.sold


async def test_names_are_a_connections_own() -> None:
    """What one request sets, the next does not see."""
    app = shop(Shop)

    @app.get("/set")
    async def sets() -> Any:
        seen = "mine" in request.state
        request.state.mine = 1
        request.state["too"] = 2
        del request.state.too
        return {"seen": seen, "names": sorted(request.state)}

    async with app.test_app() as test_app:
        for _ in range(2):
            response = await test_app.test_client().get("/set")
            assert {"seen": False, "names": ["mine", "name", "sold"]} == await response.get_json()


async def test_without_a_lifespan() -> None:
    """The state is empty, and says so; `app.state` takes attributes of one's own."""
    app = Quart(__name__)

    @app.before_serving
    async def opens() -> None:
        app.state.opened = True

    @app.get("/")
    async def index() -> Any:
        with pytest.raises(AttributeError, match="no 'name'"):
            request.state.name  # noqa: B018
        with pytest.raises(KeyError):
            request.state["name"]
        return repr(request.state)

    assert b"State({})" == (await get(app)).body
    async with app.test_app():
        assert app.state.opened


async def test_it_is_entered_first_and_left_last() -> None:
    """Around all that is registered, as often as the application is started."""
    log: list[str] = []

    @asynccontextmanager
    async def lives(app: Quart) -> AsyncIterator[None]:
        log.append("enters")
        yield
        log.append("leaves")

    app = Quart(__name__, lifespan=lives)
    app.before_serving(lambda: log.append("before"))
    started(app, log, "it")
    app.after_serving(lambda: log.append("after"))

    for _ in range(2):
        async with lifespan(app):
            pass
        assert ["enters", "before", "it starts", "it ends", "after", "leaves"] == log
        log.clear()


async def test_errors_of_the_lifespan() -> None:
    """At the start the server is told; at the end too, when all else has ended."""

    @asynccontextmanager
    async def fails(app: Quart) -> AsyncIterator[None]:
        raise ValueError("no database")
        yield

    with pytest.raises(LifespanError, match="no database"):
        async with Quart(__name__, lifespan=fails).test_app():
            pass

    @asynccontextmanager
    async def fails_later(app: Quart) -> AsyncIterator[None]:
        yield
        raise ValueError("no good-bye")

    with pytest.raises(LifespanError, match="no good-bye"):
        async with Quart(__name__, lifespan=fails_later).test_app():
            pass


async def test_a_lifespan_that_hangs_at_its_end() -> None:
    """It has `AFTER_SERVING_TIMEOUT` seconds, as all that ends."""
    import asyncio

    @asynccontextmanager
    async def hangs(app: Quart) -> AsyncIterator[None]:
        yield
        await asyncio.sleep(60)

    app = Quart(__name__, lifespan=hangs)
    app.config["AFTER_SERVING_TIMEOUT"] = 0.05
    await app.startup()
    with pytest.raises(TimeoutError, match="did not end within"):
        await app.shutdown()


async def test_a_generator_function_is_no_context_manager() -> None:
    """The mistake that is made most is named."""

    async def lives(app: Quart) -> AsyncIterator[None]:
        yield

    app = Quart(__name__, lifespan=lives)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="asynccontextmanager"):
        await app.startup()


async def test_a_mounted_applications_state_is_its_own() -> None:
    """Each connection has that of the application that answers it, on top of the outer one's."""
    inner, outer = shop(Shop), Quart("outer")
    outer.mount("/inner", inner)
    async with outer.test_app() as test_app:
        response = await test_app.test_client().get("/inner/sync")
        assert "corner shop" == await response.get_data(as_text=True)
