"""Headers, paths and queries of a megabyte: refused, or read in no time."""

import time

import pytest
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


@pytest.mark.parametrize("name", ["Accept-Encoding", "If-None-Match", "Cookie", "Range", "X-Odd"])
def test_other_long_headers(target: Target, name: str) -> None:
    """A file looks at each of them but the last."""
    target.lag()
    for value in ("a,", '"a",', "bytes=0-1,", " ", "\xe9"):
        with Raw(target.port) as client:
            client.request("/file", headers=[(name, "x" + value * (1_000_000 // len(value)) + "x")])
            assert client.answer().status in REFUSED | {200, 206, 416}
    assert 1 > target.lag()


@pytest.mark.parametrize("piece", ["/", "a/", "%e9", "%2f"])
def test_a_long_path_or_query(target: Target, piece: str) -> None:
    """Neither matching nor the page for an error takes it apart."""
    target.lag()
    for target_ in ("/" + piece * 200_000, "/nowhere/?" + piece * 200_000, "/?" + piece * 200_000):
        with Raw(target.port) as client:
            client.request(target_)
            assert client.answer().status in REFUSED | {200, 404}
    assert 1 > target.lag()
