"""What every application shares: the hooks' counter, the sizes of the work, and what is shown."""

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


class Calls:
    """How often hooks ran: the driver compares it with the number of requests it made."""

    before = 0
    after = 0


calls = Calls()


def user(id: int) -> dict[str, object]:
    return {"id": id, "name": f"user {id}"}


async def chunks():
    for _ in range(CHUNKS):
        yield CHUNK
