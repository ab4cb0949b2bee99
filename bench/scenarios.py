"""The requests: what is asked of every framework, and what each must answer before it is timed."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from apps.common import GREETING, HOOKS, RESOURCES, user


@dataclass(frozen=True)
class Answer:
    """What came back for one request."""

    status: int
    headers: list[tuple[bytes, bytes]]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def cookies(self) -> bytes:
        """What a browser would send back in its `cookie` header."""
        set_cookies = (value for name, value in self.headers if name.lower() == b"set-cookie")
        return b"; ".join(value.partition(b";")[0] for value in set_cookies)


@dataclass(frozen=True)
class Scenario:
    """One kind of request; `{}` in `path` is a number that no earlier request carried."""

    name: str
    title: str
    path: str
    is_right: Callable[[Answer, int], bool]  # Of the answer to the request with that number.
    app: str = "plain"
    method: str = "GET"
    status: int = 200
    hooks: int = 0


def is_greeting(answer: Answer, n: int) -> bool:
    return answer.body == GREETING.encode()


def is_user(answer: Answer, n: int) -> bool:
    return answer.json() == user(n)


def is_anything(answer: Answer, n: int) -> bool:
    return True


SCENARIOS = {
    scenario.name: scenario
    for scenario in (
        Scenario("plaintext", "plaintext", "/", is_greeting),
        Scenario("parameter", "`/user/<int:id>` to JSON", "/user/{}", is_user),
        Scenario(
            "routes_static",
            "500 routes, last static",
            f"/resource{RESOURCES - 1}",
            is_greeting,
            app="many_routes",
        ),
        Scenario(
            "routes_parameter",
            "500 routes, last with parameter",
            f"/resource{RESOURCES - 1}/{{}}",
            is_user,
            app="many_routes",
        ),
        Scenario("not_found", "404", "/nowhere", is_anything, status=404),
        Scenario(
            "async_hooks",
            "5 before + 5 after, `async def`",
            "/",
            is_greeting,
            app="async_hooks",
            hooks=HOOKS,
        ),
        Scenario(
            "def_hooks",
            "5 before + 5 after, `def`",
            "/",
            is_greeting,
            app="def_hooks",
            hooks=HOOKS,
        ),
    )
}
