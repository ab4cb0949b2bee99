"""How a message reaches the clients of any number of processes: Redis publish/subscribe."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from broadcast import LocalBroadcaster
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

logger = logging.getLogger(__name__)

PAUSE = 0.5  # seconds between attempts to subscribe


class RedisBroadcaster(LocalBroadcaster):
    """Publishes to Redis, and delivers to its own clients what Redis sends, in that order.

    What is published while the subscription is broken never arrives here. So that nobody takes a
    chat with holes for a whole one, all clients are let go then, and connect again.
    """

    def __init__(self, url: str, channel: str = "chat"):
        super().__init__()
        self._redis = Redis.from_url(
            url,
            decode_responses=True,
            single_connection_client=True,  # one to publish on, however many clients write
            socket_keepalive=True,
            socket_timeout=None,  # a silent channel is a good one
            # What failed may have arrived: tried again, it would be there twice.
            retry=Retry(NoBackoff(), 0),
        )
        self._channel = channel
        self._subscribed = asyncio.Event()

    @property
    def connected(self) -> bool:
        return self._subscribed.is_set()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        async with self._redis:
            await self._redis.ping()  # without Redis there is no start
            listening = asyncio.create_task(self._listen())
            try:
                await self._subscribed.wait()
                yield
            finally:
                listening.cancel()
                await asyncio.wait([listening])

    async def publish(self, message: str) -> None:
        try:
            await self._redis.publish(self._channel, message)
        except (RedisError, OSError) as error:
            logger.warning("A message is lost: %s", error)
            self._let_all_go()

    async def _listen(self) -> None:
        while True:
            try:
                async with self._redis.pubsub() as pubsub:
                    await pubsub.subscribe(self._channel)
                    async for message in pubsub.listen():
                        if message["type"] == "subscribe":
                            self._subscribed.set()
                        else:
                            self._deliver(message["data"])
                            # What came in one piece is not a burst to the clients: they get
                            # their turn between two messages.
                            await asyncio.sleep(0)
            except (RedisError, OSError) as error:
                logger.warning("The subscription is broken: %s", error)
            self._subscribed.clear()
            self._let_all_go()
            await self._redis.connection_pool.disconnect()  # the other one is broken, too
            await asyncio.sleep(PAUSE)

    def _let_all_go(self) -> None:
        for subscriber in tuple(self._subscribers):
            self._let_go(subscriber)
