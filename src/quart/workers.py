"""Sync code in worker threads, and its way back to the event loop.

Also sync code that declares that it needs no thread (`non_blocking`).
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
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext, suppress
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

#: What an async function returns when it is called.
Coro = Coroutine[object, None, R]

#: How many threads run sync views, hooks and iterables at once, at most.
WORKER_THREADS = 40

_workers = Pool("quart-worker", WORKER_THREADS)


class _SyncCode:
    """Sync code that gets values where async code gets awaitables."""

    #: Whether it runs on an event loop. Otherwise, code on a loop that it starts is async code.
    on_loop = False
    #: The thread in which all of its functions run, if it has one.
    thread: OneThread | None = None

    def wait_for(self, coroutine: Coro[R], outlasting: bool) -> R:
        """Return a coroutine's result. This code's cancellation cancels it unless `outlasting`."""
        raise NotImplementedError


class _ThisThread(threading.local):
    """What a thread knows about itself: the sync code that it runs."""

    runs: _SyncCode | None = None


_this_thread = _ThisThread()


def _forget_loop() -> None:
    """In a forked child, no event loop waits for this thread: the loop was the parent's."""
    _this_thread.runs = None


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_loop)


class _SyncJob(Job[T], _SyncCode):
    """Sync code that a thread runs in a context while the event loop waits for it.

    The thread is a worker thread, or the one that the context has for all its functions.
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
        """Return the result of a coroutine that the event loop runs."""
        with self._not_counted():
            return self._wait(asyncio.run_coroutine_threadsafe(coroutine, self._loop))

    def _not_counted(self) -> AbstractContextManager[None]:
        """Free this thread's place in the pool. A coroutine may need it as soon as it runs."""
        return _workers.not_counted() if self.thread is None else nullcontext()

    def _wait(self, future: Future[R]) -> R:
        """Wait for the event loop; a thread of one context runs its other functions meanwhile."""
        return future.result() if self.thread is None else self.thread.run_until(future)


class _Call(_SyncJob[T], Call[T]):
    """One call of a function in a worker thread."""

    _awaited: Future[Any] | None = None  # what the thread waits for on the event loop

    def wait_for(self, coroutine: Coro[R], outlasting: bool) -> R:
        """Do the same. The coroutine is cancelled with the caller, who may be cancelled already."""
        if outlasting:
            return super().wait_for(coroutine, outlasting)
        with self._not_counted():
            future = asyncio.run_coroutine_threadsafe(coroutine, self._loop)
            self._awaited = future
            if self._ended is not None:
                future.cancel()
            try:
                return self._wait(future)
            except CancelledError:
                raise asyncio.CancelledError from None

    def _cancelled(self) -> None:
        if self._awaited is not None:
            self._awaited.cancel()


def adopt(context: Context) -> None:
    """Set the context variables here that code set in a copy of this context."""
    for variable, value in context.items():
        if variable.get(None) is not value and variable is not flask_request:
            variable.set(value)


async def _in_worker(func: Callable[[], T]) -> T:
    """Call a function in a worker thread. Context variables are passed there and back."""
    context = copy_context()
    try:
        call = _Call(context, func)
        result: T = await call.result(call.thread or _workers)
    finally:
        adopt(context)
    return result


def run_sync(func: Callable[P, Any]) -> Callable[P, Coroutine[None, None, Any]]:
    """Return an async function that calls ``func`` in a worker thread and returns its result.

    The thread sees the caller's context variables, and the caller sees what the thread sets. A
    generator becomes an async iterator that is advanced in a worker thread; a coroutine is awaited.
    StopIteration becomes RuntimeError. If the caller is cancelled, it waits until the function has
    ended.
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

    A worker thread waits while the event loop runs the coroutine. That is cancelled with the
    thread's caller, unless it is `outlasting`. A `non_blocking` function cannot wait: if the
    coroutine has to wait, RuntimeError is raised.
    """
    runs = _this_thread.runs
    if runs is None or not in_worker_thread():
        return coroutine
    return runs.wait_for(coroutine, outlasting)


def wait_uncounted(future: Future[T]) -> T:
    """Wait in a worker thread for a future that the event loop will set; return its result.

    While the thread waits, another one may run in its place.
    """
    with _workers.not_counted():
        return future.result()


class _Waiting(_SyncCode):
    """Sync code in a thread that is not a worker; a function waits for its coroutines."""

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
    """Let sync code in this thread, which is not a worker, wait for coroutines with `wait`."""
    before, _this_thread.runs = _this_thread.runs, _Waiting(wait, thread, on_loop)
    try:
        yield
    finally:
        _this_thread.runs = before


def own_thread() -> OneThread | None:
    """Return this thread's `OneThread`, if the sync code that it runs has one."""
    return _this_thread.runs.thread if in_worker_thread() and _this_thread.runs else None


def in_worker_thread() -> bool:
    """Whether the running code is sync code that gets values where async code gets awaitables.

    Such code runs in a worker thread, or is `non_blocking`, or is a command.
    """
    runs = _this_thread.runs
    return runs is not None and runs.on_loop == (asyncio._get_running_loop() is not None)


def may_block() -> bool:
    """Whether this is such code in a thread, so that it may block without blocking a loop."""
    runs = _this_thread.runs
    return runs is not None and not runs.on_loop and asyncio._get_running_loop() is None


# Whether awaitables are wrapped in a `forgotten.Reminder`.
_reminding = False


def remind_of_awaits() -> None:
    """From now on, name forgotten awaits in this process. For debug mode and tests."""
    global _reminding
    _reminding = True


def awaited_or_blocking(func: Callable[P, Coro[T]]) -> Callable[P, Coro[T]]:
    """Make an async function return its result, not an awaitable, if sync code calls it."""

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
    blocking: Callable[..., object],
) -> Callable[[Callable[P, Coro[T]]], Callable[P, Coro[T]]]:
    """Decorate an async function like `awaited_or_blocking`, except that sync code in a thread gets
    the result of `blocking`, which runs in that thread.
    """

    def decorator(func: Callable[P, Coro[T]]) -> Callable[P, Coro[T]]:
        awaited = awaited_or_blocking(func)

        @wraps(func)
        def wrapper(*args: P.args, **kwargs: P.kwargs) -> object:
            return blocking(*args, **kwargs) if may_block() else awaited(*args, **kwargs)

        return _as_async(wrapper)

    return decorator


def async_to_sync(func: Callable[P, Coro[T]]) -> Callable[P, T]:
    """Return a sync function that calls an async one and waits for its result.

    In a worker thread, the event loop that waits for the thread runs it. Without an event loop, as
    in a script, a command or a thread of your own, one is made for the call. The async function
    sees the caller's context variables, and the caller sees what it sets.

    On an event loop the function raises RuntimeError, because the loop would wait for itself.
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

# In debug mode, a `non_blocking` function that takes longer than this (seconds) is logged.
_TOO_LONG = 0.05


def non_blocking(func: Callable[P, T]) -> Callable[P, T]:
    """Mark a ``def`` function that never blocks: it runs on the event loop, without a thread.

    Use it for views, hooks, filters, context processors and anything else that the framework calls.
    As in a thread, the function gets values where async code gets awaitables. If it would have to
    wait for one, RuntimeError is raised.

    Everything else waits while the function runs. If it blocks after all, by a query, a request to
    another server, a lock or a long computation, it stops all connections of the process. In debug
    mode, a function that takes more than 50 milliseconds is logged.

    Raises TypeError for an async function, which needs no mark.
    """
    name = getattr(func, "__qualname__", None) or repr(func)
    if is_coroutine_callable(func):
        raise TypeError(f"{name} is async: it runs on the event loop anyway, so do not mark it.")

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
    """Return the async form of a `non_blocking` function; None for any other function."""
    form = getattr(func, "_quart_on_loop", None)
    if form is None:
        return None
    own = getattr(func, "__func__", func)
    # By `functools.wraps` a decorator copies the attribute from the function it wraps. A mock has
    # every attribute except `__wrapped__`.
    if getattr(form, "__wrapped__", None) is not own:
        return None
    bound: Callable[..., Coro[Any]] = (
        form if own is func else form.__get__(func.__self__)  # type: ignore[attr-defined]
    )
    return bound


class _NonBlocking(_SyncCode):
    """A `non_blocking` function while it runs on the event loop."""

    on_loop = True

    def __init__(self, name: str) -> None:
        self._name = name

    def wait_for(self, coroutine: Coro[R], outlasting: bool) -> R:
        """Return the result of a coroutine that must not have to wait."""
        _this_thread.runs = None  # async code gets awaitables
        try:
            coroutine.send(None)
        except StopIteration as end:
            result: R = end.value
            return result
        finally:
            _this_thread.runs = self
        with suppress(RuntimeError):  # if the coroutine ignores being closed
            coroutine.close()
        raise RuntimeError(
            f"{getattr(coroutine, '__qualname__', repr(coroutine))} has to wait, which {self._name}"
            " cannot do: it is marked non_blocking and runs on the event loop. Make it async and"
            " await there, or remove the mark."
        )


class Visit(_SyncJob[None]):
    """Sync code in a worker thread for which no task waits. `on_end` gets its error, on the loop.

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
        """Give it up if no thread has started it; return whether that succeeded."""
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

    The thread keeps making items while earlier ones are taken. It ends its visit when enough of
    them are waiting, or when others have waited long enough for a thread. Each item can be taken as
    soon as it exists, however long the next one takes.
    """

    #: How much one visit may leave waiting: items, and the bytes or characters in them.
    MOST_ITEMS = 256
    MOST_SIZE = 2**16
    #: For how many seconds one visit may go on to the next item.
    MOST_TIME = 0.02

    def __init__(self, iterable: Iterable[T]) -> None:
        self._context = copy_context()
        self._iterator = iter(iterable)
        owners: list[Any] = [self._iterator]
        if self._iterator is not iterable:
            owners.append(iterable)
        #: How to close the iterator and what it was made from; empty once that was done.
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
            # Check again, because the thread looks for a waiter when it has made an item.
            if not self._items:
                await news
        return self._items.popleft()

    async def aclose(self) -> None:
        """Wait for the thread's visit to end, if there is one; then close the iterator in a thread.

        A visit that reached the end of the iterator has closed it already.
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
    """Turn a sync iterable into an async one, whose items a worker thread makes, several at a time.

    All of them are made with the caller's context variables. ``close()`` of the iterator and of the
    iterable is called after the last item, or by ``aclose``.
    """
    return _ThreadIterator(iterable)


def is_coroutine_callable(
    func: Callable[..., object],
) -> TypeGuard[Callable[..., Coro[Any]]]:
    """Whether ``func`` is a coroutine function, a partial of one, or has an async ``__call__``."""
    # PERF: it is asked for each view and hook of each request, so coroutine functions come first.
    code: CodeType | None = getattr(func, "__code__", None)
    if code is not None and code.co_flags & inspect.CO_COROUTINE:
        return True
    if _is_marked_async(func):
        # By `functools.wraps` a sync function copies the mark of what it wraps.
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
