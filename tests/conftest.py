"""What every test has: a loop for ``async def`` tests, a clean end, and the `connection` fixture.

An ``async def test_...`` runs under `asyncio.run`, with or without Hypothesis's ``@given``. It
fails if it leaves a task behind, if an error reaches the event loop's last resort, or if the state
of a connection has moved as no table in `quart.asgi` allows. Fixtures are plain functions: what is
to be opened on the loop is opened in the test with ``async with``.
"""

import asyncio
import functools
import inspect
from collections.abc import Awaitable, Callable
from typing import Any

import checked_states
import pytest
from asgi import settle
from connections import Connection
from hypothesis import settings

from quart import Quart
from quart.routing import QuartMap

# No test fails because a machine is busy.
settings.register_profile("tests", deadline=None)
settings.register_profile("nightly", settings.get_profile("tests"), max_examples=20_000)
settings.load_profile("tests")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--long-way",
        action="store_true",
        help="send every request through Werkzeug's matcher: the answers must be the same",
    )
    parser.addoption(
        "--attack-rounds",
        type=int,
        default=1,
        help="make each attack of tests/attacks so many times on the same server",
    )


def pytest_configure(config: pytest.Config) -> None:
    if config.getoption("--long-way"):
        QuartMap.short_way = False
    checked_states.install()
    for marker in MARKERS:
        config.addinivalue_line("markers", marker)


@pytest.fixture(autouse=True)
def without_reminders(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is to be awaited is a coroutine, as in production, until the test has a test client."""
    monkeypatch.setattr("quart.workers._reminding", False)


MARKERS = (
    "server: starts a process, most often a server; see pytest_collection_modifyitems",
    "slow: tries many examples, feeds what is very long, or runs whole programs",
)

# What a test starts a process with: names that it calls, and fixtures.
_PROCESSES = {"running", "serving", "Popen", "subprocess", "program", "target", "targets"}
_PROCESSES |= {"http2_target", "server", "command", "browser", "shop", "serve", "pytester"}
_SERVERS = ("servers", "attacks")
# Files whose tests take long without one: they run whole programs, or feed what is very long.
_SLOW = ("test_advisories", "test_bad_input", "test_blog", "test_chat", "test_cycles", "test_docs")
_SLOW += ("test_migrate",)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests that start processes or try many examples: see MARKERS."""
    for item in items:
        code = getattr(getattr(item, "function", None), "__code__", None)
        used = {*getattr(item, "fixturenames", ()), *(code.co_names if code else ())}
        if used & _PROCESSES or item.path.parent.name in _SERVERS:
            item.add_marker("server")
        if hasattr(getattr(item, "function", None), "hypothesis") or item.path.stem in _SLOW:
            item.add_marker("slow")


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """Run ``async def`` tests."""
    test = pyfuncitem.obj
    if hasattr(test, "hypothesis"):
        inner = test.hypothesis.inner_test
        if inspect.iscoroutinefunction(inner):
            test.hypothesis.inner_test = _on_a_loop(inner)
        return None
    if not inspect.iscoroutinefunction(test):
        return None
    names = pyfuncitem._fixtureinfo.argnames
    _on_a_loop(test)(**{name: pyfuncitem.funcargs[name] for name in names})
    return True


def _on_a_loop(test: Callable[..., Awaitable[None]]) -> Callable[..., None]:
    @functools.wraps(test)
    def run(*args: Any, **kwargs: Any) -> None:
        asyncio.run(_supervise(test(*args, **kwargs)))

    return run


async def _supervise(test: Awaitable[None]) -> None:
    """Run *test*; then see that no task is left and no error went unnoticed."""
    unnoticed: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: unnoticed.append(context))
    await test
    await settle()  # for tasks that were cancelled just now
    left = asyncio.all_tasks() - {asyncio.current_task()}
    assert not left, "tasks were left behind"
    assert [] == checked_states.take_illegal()
    assert not unnoticed, "errors reached the event loop"


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the sweep look at each connection in the loop's next turn, not in 0.1 seconds."""
    defaults = {**Quart.default_config, "DISCONNECT_CHECK_AFTER": 0}
    monkeypatch.setattr(Quart, "default_config", defaults)


@pytest.fixture
def log() -> list[str]:
    """What happened, in order."""
    return []


@pytest.fixture(params=["request", "websocket"])
def connection(request: pytest.FixtureRequest) -> Connection:
    """Each of the two kinds of connection in turn: see `Connection`."""
    return Connection(request.param)
