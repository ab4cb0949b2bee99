"""What every application shares: the hooks' counter, the sizes of the work, and what is shown."""

import asyncio
from pathlib import Path

TEMPLATES = Path(__file__).parent / "templates"
HOOKS = 5
RESOURCES = 250  # Each has two routes: /resource<i> and /resource<i>/<id>.
GREETING = "Hello, world!"
CHUNK = bytes(10_000)
CHUNKS = 100
SECRET = "sixteen and sixteen bytes secret"
# The first wants escaping; `templates/rows.html` shows them.
ROWS = [
    {"id": 0, "name": "<user 0>", "score": 1},
    *({"id": i, "name": f"user {i}", "score": i * 7} for i in range(1, 10)),
]


# What views and hooks set; the last name is in no framework's table of names.
FIVE_HEADERS = {
    "Cache-Control": "max-age=60",
    "ETag": '"4f2c"',
    "X-Frame-Options": "DENY",
    "X-Request-ID": "7b1e",
    "X-Bench-Shard": "eu-7",
}
THREE_HEADERS = {
    "X-Frame-Options": "DENY",
    "X-Request-ID": "7b1e",
    "X-Bench-Shard": "eu-7",
}


class Calls:
    """How often hooks ran: the driver compares it with the number of requests it made."""

    before = 0
    after = 0


calls = Calls()


def user(id: int) -> dict[str, object]:
    return {"id": id, "name": f"user {id}"}


def item(id: int, page: str, theme: str) -> dict[str, object]:
    return {"id": id, "page": page, "theme": theme}


async def wait():
    """Wait once for what the loop brings on its next turn, as for a database that answers."""
    loop = asyncio.get_running_loop()
    answer = loop.create_future()
    loop.call_soon(answer.set_result, None)
    await answer


async def chunks():
    for _ in range(CHUNKS):
        yield CHUNK
