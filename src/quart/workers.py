"""Sync code in worker threads, and the way back from there to the event loop.

Also sync code that says of itself that it needs no thread (`non_blocking`).
"""

from __future__ import annotations

import asyncio
import inspect
import os
import sys
import threading
from collections import deque
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable, Iterator
from concurrent.futures import CancelledError, Future
from contextlib import ExitStack, contextmanager, suppress
from contextvars import Context, copy_context
from functools import partial, wraps
from time import monotonic
from typing import TYPE_CHECKING, Any, ParamSpec, TypeGuard, TypeVar

from .flask_names import flask_request, lend_request_here, lend_request_to_thread
from .forgotten import reminder_of, written
from .globals import _cv_app, _cv_quart
from .one_thread import OneThread
from .threads import Call, Job, Pool, certainly, wait_shielded

if TYPE_CHECKING:
    from types import CodeType

P = ParamSpec("P")
T = TypeVar("T")
R = TypeVar("R")

#: What an async function gives when it is called.
Coro = Coroutine[object, None, R]

#: The most threads that sync views, hooks and iterables run in at once.
WORKER_THREADS = 40

_workers = Pool("quart-worker", WORKER_THREADS)


class _SyncCode:
    """Sync code that gets values where async code gets awaitables."""

    #: Whether it runs on an event loop. If it does not, but starts one, code on that is async code.
    on_loop = False
    #: The thread that it keeps to, if it does.
    thread: OneThread | None = None

    def wait_for(self, coroutine: Coro[R], outlasting: bool) -> R:
        """The result of a coroutine. An `outlasting` one is not cancelled with the code."""
        raise NotImplementedError


class _ThisThread(threading.local):
    """What a thread knows of itself: the sync code that it runs."""

    runs: _SyncCode | None = None


_this_thread = _ThisThread()


def _forget_loop() -> None:
    """In a forked child no loop waits for the thread that forked: that was the parent's."""
    _this_thread.runs = None


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_loop)


class _SyncJob(Job[T], _SyncCode):
    """Sync code that a thread runs within a context, while the event loop waits for it: a worker
    thread, or the one that the context keeps to.
    """

    def __init__(self, context: Context, func: Callable[[], T]) -> None:
        super().__init__(func)
        lend_request_to_thread(context)
        self._context = context
        self.thread = getattr(context.get(_cv_app), "thread", None)

    def _run(self) -> T:
        before, _this_thread.runs = _this_thread.runs, self
        try:
            return self._context.run(self._func)
        finally:
            _this_thread.runs = before

    def wait_for(self, coroutine: Coro[R], outlasting: bool) -> R:
        """The result of a coroutine, which the loop runs."""
        return self._wait(asyncio.run_coroutine_threadsafe(coroutine, self._loop))

    def _wait(self, future: Future[R]) -> R:
        """Wait for the loop. Another thread may take the place of this one meanwhile, unless the
        context keeps to this one, which then runs its other functions."""
        if self.thread is not None:
            return self.thread.run_until(future)
        with _workers.not_counted():
            return future.result()


class _Call(_SyncJob[T], Call[T]):
    """One call of a function in a worker thread."""

    # What the thread waits for on the loop.
    _awaited: Future[Any] | None = None

    def wait_for(self, coroutine: Coro[R], outlasting: bool) -> R:
        """The same. It is cancelled with the caller, who may have been cancelled already."""
        if outlasting:
            return super().wait_for(coroutine, outlasting)
        future = self._awaited = asyncio.run_coroutine_threadsafe(coroutine, self._loop)
        if self._ended is not None:
            future.cancel()
        try:
            result: R = self._wait(future)
        except CancelledError:
            raise asyncio.CancelledError from None
        return result

    def _cancelled(self) -> None:
        if self._awaited is not None:
            self._awaited.cancel()


def adopt(context: Context) -> None:
    """Set the context variables here that code set in a copy of this context."""
    for variable, value in context.items():
        if variable.get(None) is not value and variable is not flask_request:
            variable.set(value)


async def _in_worker(func: Callable[[], T]) -> T:
    """Call a function in a worker thread; context variables go there and come back."""
    context = copy_context()
    try:
        call = _Call(context, func)
        result: T = await call.result(call.thread or _workers)
    finally:
        adopt(context)
    return result


def run_sync(func: Callable[P, Any]) -> Callable[P, Coroutine[None, None, Any]]:
    """An async function that calls ``func`` in a worker thread and gives its result.

    The thread sees the caller's context variables, and what it sets the caller sees. A generator
    becomes an async iterator that is advanced in a worker thread, and a coroutine is awaited.
    StopIteration becomes RuntimeError. A cancellation of the caller waits for the function's end.
    """

    @wraps(func)
    async def wrapper(*args: P.args, **kwargs: P.kwargs) -> Any:
        result = await _in_worker(partial(func, *args, **kwargs))
        if inspect.isgenerator(result):
            return run_sync_iterable(result)
        return await result if inspect.iscoroutine(result) else result

    wrapper._quart_async_wrapper = True  # type: ignore[attr-defined]
    return wrapper


def wait_in_thread(coroutine: Coro[T], outlasting: bool = False) -> Coro[T] | T:
    """Give sync code the result of a coroutine, and async code the coroutine itself.

    A worker thread waits while the loop runs the coroutine, which is cancelled with the caller of
    the thread, unless it is `outlasting`. A `non_blocking` function cannot wait: RuntimeError is
    raised if the coroutine has to.
    """
    runs = _this_thread.runs
    if runs is None or not in_worker_thread():
        return coroutine
    return runs.wait_for(coroutine, outlasting)


def wait_uncounted(future: Future[T]) -> T:
    """Wait in a worker thread for a future that the loop will set, and give its result.

    As long as the thread waits, another one may run in its place.
    """
    with _workers.not_counted():
        return future.result()


class _Waiting(_SyncCode):
    """Sync code of a thread that is no worker. A function of its own waits for coroutines."""

    def __init__(
        self, wait: Callable[[Coro[Any]], Any], thread: OneThread | None, on_loop: bool
    ) -> None:
        self._wait = wait
        self.thread = thread
        self.on_loop = on_loop

    def wait_for(self, coroutine: Coro[R], outlasting: bool) -> R:
        _this_thread.runs = None  # async code gets awaitables
        try:
            result: R = self._wait(coroutine)
        finally:
            _this_thread.runs = self
        return result


@contextmanager
def waiting_by(
    wait: Callable[[Coro[Any]], Any], thread: OneThread | None = None, on_loop: bool = False
) -> Iterator[None]:
    """Have sync code of this thread, which is no worker, wait for coroutines by a function."""
    before, _this_thread.runs = _this_thread.runs, _Waiting(wait, thread, on_loop)
    try:
        yield
    finally:
        _this_thread.runs = before


def own_thread() -> OneThread | None:
    """The thread that this is, if the sync code that it runs keeps to it."""
    return _this_thread.runs.thread if in_worker_thread() and _this_thread.runs else None


def in_worker_thread() -> bool:
    """Whether this is sync code that gets values where async code gets awaitables.

    Such code runs in a worker thread, or is `non_blocking`, or is a command.
    """
    runs = _this_thread.runs
    return runs is not None and runs.on_loop == (asyncio._get_running_loop() is not None)


def may_block() -> bool:
    """Whether this is such code in a thread: it may block, and no event loop waits meanwhile."""
    runs = _this_thread.runs
    return runs is not None and not runs.on_loop and asyncio._get_running_loop() is None


# Whether what is to be awaited is a `forgotten.Reminder` of that, instead of a coroutine.
_reminding = False


def remind_of_awaits() -> None:
    """Have forgotten awaits named from now on, in this process: for debug mode and tests."""
    global _reminding
    _reminding = True


def awaited_or_blocking(func: Callable[P, Coro[T]]) -> Callable[P, Coro[T]]:
    """Let an async function give its result to sync code that calls it, and not an awaitable."""

    @wraps(func)
    def wrapper(*args: P.args, **kwargs: P.kwargs) -> Coro[T] | T:
        coroutine = func(*args, **kwargs)
        if _this_thread.runs is not None:
            return wait_in_thread(coroutine)
        return reminder_of(coroutine, written(func, args, kwargs)) if _reminding else coroutine

    return _as_async(wrapper)


def _as_async(wrapper: Callable[P, object]) -> Callable[P, Coro[T]]:
    marked: Any = _marked_async(wrapper)
    marked._quart_marked = marked
    return marked  # type: ignore[no-any-return]


def with_blocking_form(
    blocking: Callable[..., T],
) -> Callable[[Callable[P, Coro[T]]], Callable[P, Coro[T]]]:
    """Decorate an async function as `awaited_or_blocking`; sync code in a thread gets `blocking`'s
    result, which is worked out there.
    """

    def decorator(func: Callable[P, Coro[T]]) -> Callable[P, Coro[T]]:
        awaited = awaited_or_blocking(func)

        @wraps(func)
        def wrapper(*args: P.args, **kwargs: P.kwargs) -> T | Coro[T]:
            return blocking(*args, **kwargs) if may_block() else awaited(*args, **kwargs)

        return _as_async(wrapper)

    return decorator


def async_to_sync(func: Callable[P, Coro[T]]) -> Callable[P, T]:
    """A sync function that calls an async one and waits for its result.

    In a worker thread the loop that the thread works for runs it. Where there is no loop, as in a
    script, a command or a thread of one's own, one is made for the call. The async function sees
    the caller's context variables, and what it sets the caller sees.

    The function raises RuntimeError on an event loop, which would wait for itself.
    """

    @wraps(func, updated=())  # without the marks of an async function
    def wrapper(*args: P.args, **kwargs: P.kwargs) -> Any:
        if asyncio._get_running_loop() is not None and not in_worker_thread():
            name = getattr(func, "__qualname__", repr(func))
            raise RuntimeError(
                f"{name} is async and was made sync, but the event loop that runs here cannot wait"
                f" for it: await {name} itself, or call this from a 'def' function that runs in a"
                " thread."
            )
        context: Context | None = None

        async def call() -> T:
            nonlocal context
            try:
                return await func(*args, **kwargs)
            finally:
                context = copy_context()

        try:
            return asyncio.run(call()) if _this_thread.runs is None else wait_in_thread(call())
        finally:
            if context is not None:
                adopt(context)

    return wrapper


if sys.version_info >= (3, 12):
    _marked_async = inspect.markcoroutinefunction
    _is_marked_async = inspect.iscoroutinefunction
else:

    def _marked_async(func: Callable[P, T]) -> Callable[P, T]:
        func._is_coroutine = asyncio.coroutines._is_coroutine  # type: ignore[attr-defined]
        return func

    def _is_marked_async(func: Callable[..., object]) -> bool:
        mark = asyncio.coroutines._is_coroutine  # type: ignore[attr-defined]
        return getattr(func, "_is_coroutine", None) is mark


# Sync code on the event loop

# A `non_blocking` function that takes longer (seconds) is logged under debug.
_TOO_LONG = 0.05


def non_blocking(func: Callable[P, T]) -> Callable[P, T]:
    """Mark a ``def`` function that never blocks: it runs on the event loop, without a thread.

    It is for views, hooks, filters, context processors and whatever else the framework calls. As in
    a thread, what async code awaits gives the function its value. If the function would have to
    wait for it, RuntimeError is raised.

    Everybody waits while the function runs. If it blocks after all, by a query, a request to
    another server, a lock or a long computation, it stops all connections of the process. In debug
    mode one that takes more than 50 milliseconds is logged.

    Raises TypeError for an async function, which needs no mark.
    """
    name = getattr(func, "__qualname__", None) or repr(func)
    if is_coroutine_callable(func):
        raise TypeError(f"{name} is async: it runs on the event loop without a mark")

    code = _NonBlocking(name)

    @wraps(func)
    def marked(*args: P.args, **kwargs: P.kwargs) -> T:
        if asyncio._get_running_loop() is None:  # in a thread, or on another loop than asyncio's
            return func(*args, **kwargs)
        ctx = _cv_quart.get(None)
        begin = monotonic() if ctx is not None and ctx.app.debug else None
        before, _this_thread.runs = _this_thread.runs, code
        take_back = lend_request_here()
        try:
            return func(*args, **kwargs)
        finally:
            _this_thread.runs = before
            if take_back is not None:
                take_back()
            if ctx is not None and begin is not None and monotonic() - begin > _TOO_LONG:
                ctx.app.logger.warning(
                    "%s is marked non_blocking, and kept the event loop for %d ms",
                    name,
                    (monotonic() - begin) * 1000,
                )

    @wraps(marked)
    async def on_loop(*args: P.args, **kwargs: P.kwargs) -> object:
        result = marked(*args, **kwargs)
        return await result if inspect.iscoroutine(result) else result

    marked._quart_on_loop = on_loop  # type: ignore[attr-defined]
    return marked


def on_loop_form(func: Callable[..., object]) -> Callable[..., Coro[Any]] | None:
    """The async function that calls a `non_blocking` one on the loop; None for any other."""
    form = getattr(func, "_quart_on_loop", None)
    if form is None:
        return None
    own = getattr(func, "__func__", func)
    # A decorator takes the attribute over from the function that it wraps, by `functools.wraps`.
    # A mock has every attribute but this one.
    if getattr(form, "__wrapped__", None) is not own:
        return None
    bound: Callable[..., Coro[Any]] = (
        form if own is func else form.__get__(func.__self__)  # type: ignore[attr-defined]
    )
    return bound


class _NonBlocking(_SyncCode):
    """A `non_blocking` function, while it runs on the event loop."""

    on_loop = True

    def __init__(self, name: str) -> None:
        self._name = name

    def wait_for(self, coroutine: Coro[R], outlasting: bool) -> R:
        """The result of a coroutine that has to wait for nothing."""
        _this_thread.runs = None  # async code gets awaitables
        try:
            coroutine.send(None)
        except StopIteration as end:
            result: R = end.value
            return result
        finally:
            _this_thread.runs = self
        with suppress(RuntimeError):  # if it goes on waiting all the same
            coroutine.close()
        raise RuntimeError(
            f"{getattr(coroutine, '__qualname__', repr(coroutine))} has to wait, which {self._name}"
            " cannot do: it is marked non_blocking and runs on the event loop. Make it async and"
            " await there, or take the mark away."
        )


class Visit(_SyncJob[None]):
    """Sync code in a worker thread that no task waits for; `on_end` is told its error, on the loop.

    Raises RuntimeError if the system gives no thread.
    """

    def __init__(
        self,
        context: Context,
        func: Callable[[], None],
        on_end: Callable[[BaseException | None], None],
    ) -> None:
        super().__init__(context, func)
        self._on_end = on_end
        self.done: asyncio.Future[None] = self._loop.create_future()
        (self.thread or _workers).submit(self)

    def give_up(self) -> bool:
        """End it if no thread has begun it, so that none will; whether that is so."""
        given_up = self.takes_ticket()
        if given_up:
            self.done.set_result(None)
        return given_up

    def _end(self, result: None, error: BaseException | None) -> None:
        if not self.done.done():
            self.done.set_result(None)
            self._on_end(error)


class _ThreadIterator(AsyncIterator[T]):
    """The items of a sync iterator, made in a worker thread.

    The thread goes on making items while those before are taken. It ends its visit when enough of
    them wait, or others have waited long enough for a thread. Each can be taken as soon as it is
    there, however long the next one needs.
    """

    #: How much one visit may leave to be taken: items, and the bytes or characters in them.
    MOST_ITEMS = 256
    MOST_SIZE = 2**16
    #: How long one visit may go on to the next item, in seconds.
    MOST_TIME = 0.02

    def __init__(self, iterable: Iterable[T]) -> None:
        self._context = copy_context()
        self._iterator = iter(iterable)
        owners: list[Any] = [self._iterator]
        if self._iterator is not iterable:
            owners.append(iterable)
        #: How the iterator, and what it was made of, are closed; empty when that was done.
        self.closers = [owner.close for owner in owners if hasattr(owner, "close")]
        self._items: deque[T] = deque()
        self._error: BaseException | None = None
        self._exhausted = False
        self._closing = False
        self._visit: Visit | None = None
        self._news: asyncio.Future[None] | None = None

    async def __anext__(self) -> T:
        while not self._items:
            if self._visit is None:
                if self._error is not None:
                    error, self._error = self._error, None
                    raise error
                if self._exhausted or self._closing:
                    raise StopAsyncIteration
                self._visit = Visit(self._context, self._make_items, self._end_visit)
            news = self._news = self._visit.done.get_loop().create_future()
            # Asked again, because the thread looks for someone to tell when it has made an item.
            if not self._items:
                await news
        return self._items.popleft()

    async def aclose(self) -> None:
        """Wait for the thread's visit to end, if there is one; close the iterator in a thread.

        That has been done by the visit that came to the iterator's end.
        """
        self._closing = True
        self._items.clear()
        try:
            if self._visit is not None:
                await wait_shielded(self._visit.done)
        finally:
            self._exhausted = True
            if self.closers:
                await certainly(self._in_thread, self._close)

    def _in_thread(self, func: Callable[[], None]) -> Coro[None]:
        call = _Call(self._context, func)
        return call.result(call.thread or _workers)

    def _close(self) -> None:
        with ExitStack() as all_of_them:
            while self.closers:
                all_of_them.callback(self.closers.pop())

    def _make_items(self) -> None:
        size, begin = 0, monotonic()
        try:
            while (
                len(self._items) < self.MOST_ITEMS and size < self.MOST_SIZE and not self._closing
            ):
                item = next(self._iterator)
                self._items.append(item)
                size += len(item) if isinstance(item, (bytes, str)) else 0
                if self._news is not None:
                    news, self._news = self._news, None
                    news.get_loop().call_soon_threadsafe(_wake, news)
                if monotonic() - begin > self.MOST_TIME:
                    break
        except BaseException as error:
            self._exhausted = True
            self._close()
            if not isinstance(error, StopIteration):
                raise

    def _end_visit(self, error: BaseException | None) -> None:
        self._visit, self._error = None, error
        if self._news is not None:
            _wake(self._news)


def _wake(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)


def run_sync_iterable(iterable: Iterable[T]) -> _ThreadIterator[T]:
    """The items of a sync iterable as an async one, made in a worker thread, several at a time.

    All of them are made with the context variables from here. ``close()``, of the iterator and of
    the iterable, is called after the last item, or by ``aclose``.
    """
    return _ThreadIterator(iterable)


def is_coroutine_callable(
    func: Callable[..., object],
) -> TypeGuard[Callable[..., Coro[Any]]]:
    """Whether ``func`` is a coroutine function, a partial of one, or has an async ``__call__``."""
    # PERF: asked for each view and hook of each request; a coroutine function is told at once.
    code: CodeType | None = getattr(func, "__code__", None)
    if code is not None and code.co_flags & inspect.CO_COROUTINE:
        return True
    if _is_marked_async(func):
        # A sync function takes the mark over from what it wraps, by `functools.wraps`.
        own = getattr(func, "__func__", func)
        return getattr(own, "_quart_marked", own) is own
    if isinstance(func, partial):
        return is_coroutine_callable(func.func)
    if code is not None or isinstance(func, type):
        return False
    code = getattr(type(func).__call__, "__code__", None)
    return code is not None and bool(code.co_flags & inspect.CO_COROUTINE)


def needs_no_thread(func: Callable[..., object]) -> bool:
    """Whether a function runs on the event loop: it is async, or marked `non_blocking`."""
    return is_coroutine_callable(func) or on_loop_form(func) is not None
