"""A hook before and one after as ASGI middleware, where that is a framework's ordinary means."""

from apps.common import calls

UNEQUAL_HOOKS = {
    "async_hooks": "ASGI middleware: `after` sees the start message, not a response object.",
    "def_hooks": "ASGI middleware as above, with `def` hooks called on the loop.",
}


class AsyncHook:
    def __init__(self, app):
        self.app = app

    async def __call__(self, scope, receive, send):
        if scope["type"] != "http":
            return await self.app(scope, receive, send)

        async def send_after(message):
            if message["type"] == "http.response.start":
                await after(message)
            await send(message)

        await before(scope)
        await self.app(scope, receive, send_after)


class DefHook:
    def __init__(self, app):
        self.app = app

    async def __call__(self, scope, receive, send):
        if scope["type"] != "http":
            return await self.app(scope, receive, send)

        async def send_after(message):
            if message["type"] == "http.response.start":
                calls.after += 1
            await send(message)

        calls.before += 1
        await self.app(scope, receive, send_after)


async def before(scope):
    calls.before += 1


async def after(message):
    calls.after += 1
