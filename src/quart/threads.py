"""The framework's own threads: for file work and long parsing, apart from those of sync views.

So any number of blocked sync views does not keep a static file from being sent.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")

#: All that runs here is short: a few threads keep any disk busy.
THREADS = 8

_executor: ThreadPoolExecutor | None = None


def _forget_executor() -> None:
    """A forked child has none of its parent's threads: it starts its own."""
    global _executor
    _executor = None


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_executor)


async def off_loop(func: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Call `func` in one of the threads, started when first needed, and give its result.

    A cancellation waits until a call that has begun has ended, so that nobody closes a file
    under its feet.
    """
    global _executor
    if _executor is None:
        _executor = ThreadPoolExecutor(THREADS, thread_name_prefix="quart")
    call = _executor.submit(func, *args, **kwargs)
    result = asyncio.wrap_future(call)
    try:
        return await asyncio.shield(result)
    except asyncio.CancelledError:
        if not call.cancel():
            await asyncio.wait([result])
        raise
