"""Clients that hold worker threads do not keep others from being answered."""

import time
from contextlib import ExitStack

from attackers import HTTP2, Raw
from targets import Target

#: Seconds in which a sync view answers, whoever else holds on.
ANSWER = 0.5
#: More than there are worker threads.
MANY = 45
#: Seconds until an attack is under way.
UNDER_WAY = 0.5


def answers(target: Target) -> None:
    for _ in range(3):
        answer = target.ask("/sync")
        assert b"hello" == answer.body
        assert ANSWER > answer.seconds


def test_slow_readers_of_a_wsgi_application(target: Target) -> None:
    """The threads that wait for them are not counted."""
    with ExitStack() as stack:
        for _ in range(MANY):
            client = stack.enter_context(Raw(target.port, receive_buffer=4096))
            client.request("/wsgi/large")
        time.sleep(UNDER_WAY)
        answers(target)


def test_streams_of_a_wsgi_application_with_closed_windows(http2_target: Target) -> None:
    """For these one connection is enough."""
    with HTTP2(http2_target.port, window=0) as client:
        for _ in range(MANY):
            client.request("/wsgi/large")
        time.sleep(UNDER_WAY)
        answers(http2_target)


def test_streams_of_a_wsgi_application_that_vanish(http2_target: Target) -> None:
    """The disconnect ends the sends that wait for windows to open, and the threads behind them."""
    for _ in range(10):
        client = HTTP2(http2_target.port, window=0)
        for _ in range(50):
            client.request("/wsgi/large")
        client.cut()
    http2_target.settle(2)
