"""The lifespan of an application in a test: startup and shutdown, as a server runs them."""

from __future__ import annotations

import asyncio
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from ..typing import TestClientProtocol
from .client import QuartClient
from .connections import ASGIReceiveEvent, ASGISendEvent, AsyncOnly

if TYPE_CHECKING:
    from ..app import Quart

__all__ = (
    "DEFAULT_TIMEOUT",
    "ASGIReceiveEvent",
    "ASGISendEvent",
    "LifespanError",
    "TestApp",
    "TestClientProtocol",
)

#: Seconds for the startup of an application, and for its shutdown.
DEFAULT_TIMEOUT = 6


class LifespanError(Exception):
    """The application failed to start or to shut down."""


class LifespanTimeoutError(LifespanError, TimeoutError):
    """The application took too long to start or to shut down."""


class TestApp(AsyncOnly):
    """An application whose lifespan runs for the length of a block::

        async with app.test_app() as test_app:
            response = await test_app.test_client().get("/")

    The timeouts are seconds.
    """

    __test__ = False

    def __init__(
        self,
        app: Quart,
        startup_timeout: float = DEFAULT_TIMEOUT,
        shutdown_timeout: float = DEFAULT_TIMEOUT,
    ) -> None:
        self.app = app
        self.startup_timeout = startup_timeout
        self.shutdown_timeout = shutdown_timeout
        #: The values that startup code sets; requests find them in `scope["state"]`.
        self.state: dict[str, Any] = {}
        self._events: asyncio.Queue[ASGIReceiveEvent] = asyncio.Queue()
        self._answers: asyncio.Queue[ASGISendEvent] = asyncio.Queue()
        self._task: asyncio.Task[None] | None = None

    def test_client(self, use_cookies: bool = True, **kwargs: object) -> TestClientProtocol:
        """Make a client of the application; its requests share the `state`."""
        client = self.app.test_client(use_cookies=use_cookies, **kwargs)
        if isinstance(client, QuartClient):
            client.state = self.state
        return client

    async def startup(self) -> None:
        """Start the application. Raises LifespanError if that fails, which is also a TimeoutError
        if it takes too long."""
        scope = {
            "type": "lifespan",
            "asgi": {"version": "3.0", "spec_version": "2.0"},
            "state": self.state,
        }
        self._task = asyncio.create_task(self._run(scope))
        await self._ask("startup", self.startup_timeout)

    async def shutdown(self) -> None:
        """Shut the application down. Raises the same errors as `startup`."""
        await self._ask("shutdown", self.shutdown_timeout)
        assert self._task is not None
        await self._task

    async def __aenter__(self) -> Self:
        await self.startup()
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc_value: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        await self.shutdown()

    async def _run(self, scope: dict[str, Any]) -> None:
        try:
            await self.app(scope, self._events.get, self._answers.put)
        except Exception as error:
            self._answers.put_nowait({"type": "error", "message": repr(error)})

    async def _ask(self, phase: str, seconds: float) -> None:
        assert self._task is not None, "The application has not been started."
        self._events.put_nowait({"type": f"lifespan.{phase}"})
        try:
            async with asyncio.timeout(seconds):
                answer = await self._answers.get()
        except TimeoutError:
            self._task.cancel()
            await asyncio.wait([self._task])
            raise LifespanTimeoutError(f"The {phase} took longer than {seconds} seconds.") from None
        if answer["type"] != f"lifespan.{phase}.complete":
            await asyncio.wait([self._task])
            raise LifespanError(f"The {phase} failed: {answer.get('message', '')}")
