"""Headers, paths and queries of a megabyte: refused, or read in no time."""

import time

from attackers import Raw
from targets import Target

#: Servers refuse long headers, each from a size of its own on, but Uvicorn, which takes any. Daphne
#: closes the connection.
REFUSED = {0, 400, 413, 414, 431}


def test_a_long_host(target: Target) -> None:
    """It is refused, and keeps nobody waiting: a few of them had held the loop for a minute."""
    target.lag()
    for size in (300, 10_000, 60_000, 1_000_000):
        begin = time.monotonic()
        with Raw(target.port) as client:
            client.request("/", headers=[("Host", "\xe9" * size)])
            assert client.answer().status in REFUSED
        assert 5 > time.monotonic() - begin
    assert 1 > target.lag()
    assert b"hello" == target.ask("/").body
