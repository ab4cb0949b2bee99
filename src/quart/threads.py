"""The framework's own threads: for file work and long parsing, apart from those of sync views.

So any number of blocked sync views does not keep a static file from being sent.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import ParamSpec, TypeVar

from .globals import _cv_quart

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
    under its feet. On another event loop than asyncio's the current application's `sync_to_async`
    is asked, which knows that loop; where there is none the function is called here.
    """
    global _executor
    if asyncio._get_running_loop() is None:
        ctx = _cv_quart.get(None)
        if ctx is None:
            return func(*args, **kwargs)
        result: T = await ctx.app.sync_to_async(func)(*args, **kwargs)
        return result
    if _executor is None:
        _executor = ThreadPoolExecutor(THREADS, thread_name_prefix="quart")
    call = _executor.submit(func, *args, **kwargs)
    future = asyncio.wrap_future(call)
    try:
        return await asyncio.shield(future)
    except asyncio.CancelledError:
        if not call.cancel():
            await asyncio.wait([future])
        raise
