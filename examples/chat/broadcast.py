"""How a message reaches the clients of one process; broadcast_redis.py is for more."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

LAG = 100  # messages that a client may be behind the others


class Subscriber:
    """One client: what it has not been sent yet, and how long that is put up with."""

    def __init__(self):
        self.messages: asyncio.Queue[str] = asyncio.Queue(LAG)
        #: Around the work for the client. It ends with TimeoutError when the client is let go.
        self.patience = asyncio.timeout(None)

    def let_go(self):
        self.patience.reschedule(0)  # that is, it is over


class LocalBroadcaster:
    """Between the clients of this process."""

    connected = True

    def __init__(self):
        self._subscribers: set[Subscriber] = set()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """What lasts as long as the process."""
        yield

    @contextmanager
    def subscribe(self) -> Iterator[Subscriber]:
        """In this block the subscriber gets each message."""
        subscriber = Subscriber()
        self._subscribers.add(subscriber)
        try:
            yield subscriber
        finally:
            self._subscribers.discard(subscriber)

    async def publish(self, message: str) -> None:
        self._deliver(message)
        await asyncio.sleep(0)  # the clients get their turn, however fast one of them writes

    def _deliver(self, message: str) -> None:
        for subscriber in tuple(self._subscribers):
            try:
                subscriber.messages.put_nowait(message)
            except asyncio.QueueFull:
                # One that does not read must neither hold up the others nor fill the memory.
                self._let_go(subscriber)

    def _let_go(self, subscriber: Subscriber) -> None:
        self._subscribers.discard(subscriber)
        subscriber.let_go()
