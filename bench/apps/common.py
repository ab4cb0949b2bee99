"""What every application shares: the hooks' counter and the sizes of the work."""

HOOKS = 5
RESOURCES = 250  # Each has two routes: /resource<i> and /resource<i>/<id>.
GREETING = "Hello, world!"


class Calls:
    """How often hooks ran: the driver compares it with the number of requests it made."""

    before = 0
    after = 0


calls = Calls()


def user(id: int) -> dict[str, object]:
    return {"id": id, "name": f"user {id}"}
