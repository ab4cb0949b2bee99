"""`ASGILifespan`: startup and shutdown of the process (ASGI Lifespan, spec_version 2.0)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .messages import Receive, Scope, Send

if TYPE_CHECKING:
    from ..app import Quart


class ASGILifespan:
    """Starts the application and shuts it down when the server asks for it."""

    def __init__(self, app: Quart, scope: Scope) -> None:
        self.app = app
        self.scope = scope

    async def __call__(self, receive: Receive, send: Send) -> None:
        while True:
            message = await receive()
            if message["type"] == "lifespan.startup":
                if not await self._run("startup", send):
                    return
            elif message["type"] == "lifespan.shutdown":
                await self._run("shutdown", send)
                return

    async def _run(self, phase: str, send: Send) -> bool:
        try:
            if phase == "startup":
                self.app.lifespan_state = self.scope.get("state")
                await self.app.startup()
            else:
                await self.app.shutdown()
        except Exception as error:
            await send({"type": f"lifespan.{phase}.failed", "message": str(error)})
            return False
        await send({"type": f"lifespan.{phase}.complete"})
        return True
