"""asgi-lifespan: the start and the end of an application in tests with other clients."""

import asyncio
from contextlib import asynccontextmanager

import httpx
from asgi_lifespan import LifespanManager

from quart import Quart, request

log = []


@asynccontextmanager
async def lifespan(app):
    log.append("start")
    yield {"name": "shop"}
    log.append("end")


app = Quart(__name__, lifespan=lifespan)


@app.get("/")
async def index():
    return request.state.name


def test_a_lifespan():
    async def main():
        async with LifespanManager(app) as manager:
            assert ["start"] == log
            transport = httpx.ASGITransport(manager.app)
            async with httpx.AsyncClient(transport=transport, base_url="http://shop") as client:
                assert "shop" == (await client.get("/")).text
        assert ["start", "end"] == log

    asyncio.run(main())
