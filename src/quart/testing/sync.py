"""The client for sync tests, like those of Flask applications: it returns values, not awaitables.

The application's sync functions run in the test's thread, as in Flask. In an async test the same
client works like the one for async tests.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import lru_cache, wraps
from typing import TYPE_CHECKING, Any, Self

from ..flask_names import Entered, enter, leave
from ..outside_loop import getting_values, thread_here, wait
from ..sessions import SessionMixin
from .client import QuartClient, SessionTransaction
from .connections import TestResponse, close_preserved_context
from .utils import RequestBuilder

if TYPE_CHECKING:
    from ..app import Quart
    from ..one_thread import OneThread


def _in_loop() -> bool:
    return asyncio._get_running_loop() is not None


def _waited_for(method: Callable[..., object]) -> Callable[..., object]:
    """Make a method return to sync tests what async tests await."""

    @wraps(method)
    def wrapper(*args: object, **kwargs: object) -> object:
        made = method(*args, **kwargs)
        return wait(made) if asyncio.iscoroutine(made) and not _in_loop() else made

    return wrapper


class SyncResponse(TestResponse):
    """A response to a sync test."""

    if not TYPE_CHECKING:
        data = property(_waited_for(TestResponse.data.fget), TestResponse.data.fset)
        json = property(_waited_for(TestResponse.json.fget))
        get_data = _waited_for(TestResponse.get_data)
        get_json = _waited_for(TestResponse.get_json)
        make_sequence = _waited_for(TestResponse.make_sequence)
        freeze = _waited_for(TestResponse.freeze)
        add_etag = _waited_for(TestResponse.add_etag)
        make_conditional = _waited_for(TestResponse.make_conditional)
        close = _waited_for(TestResponse.close)


def _by_open(method: str) -> Callable[..., object]:
    def make_request(self: SyncClient, *args: object, **kwargs: Any) -> object:
        return self.open(*args, **{**kwargs, "method": method})

    make_request.__name__ = method.lower()
    make_request.__doc__ = f"Make a {method} request: see `open`."
    return make_request


@lru_cache(maxsize=32)
def _sync(response_class: type[TestResponse]) -> type[TestResponse]:
    return type(response_class.__name__, (SyncResponse, response_class), {})


class SyncTransaction(SessionTransaction):
    """The block of `SyncClient.session_transaction`: `with`, or `async with`."""

    if not TYPE_CHECKING:

        def __enter__(self) -> SessionMixin:
            return super().__enter__() if _in_loop() else wait(self.__aenter__())

        def __exit__(self, *error: object) -> bool | None:
            return wait(self.__aexit__(*error))


class SyncClient(QuartClient):
    """Calls an application in a sync test, like Flask's `app.test_client()`::

        client = sync_client(app)
        response = client.get("/")
        assert b"hello" == response.data

    Within `with client:` the context of the last request stays open, and names that async code
    awaits (`request.form`, `render_template`) give values. Arguments are those of `QuartClient`.
    """

    _thread: OneThread | None = None  # where the sync functions of the next request run
    _entered: Entered | None = None  # the context that is kept open
    _values: AbstractContextManager[None] | None = None

    if not TYPE_CHECKING:  # type checkers see that these differ from the base class

        def open(self, *args: object, **kwargs: object) -> TestResponse:
            """Make a request and return the response: see `QuartClient.open`."""
            if _in_loop():
                return super().open(*args, **kwargs)
            self._close_kept()
            self._thread = thread_here()
            try:
                response = wait(self._open(*args, **kwargs))
            finally:
                self._thread = None
                ctx = self.app._preserved_context if self.preserve_context else None
                if ctx is not None:
                    self._entered = enter(ctx)
            for each in (*response.history, response):
                each.__class__ = _sync(type(each))
            return response

        delete = _by_open("DELETE")
        get = _by_open("GET")
        head = _by_open("HEAD")
        options = _by_open("OPTIONS")
        patch = _by_open("PATCH")
        post = _by_open("POST")
        put = _by_open("PUT")
        query = _by_open("QUERY")
        trace = _by_open("TRACE")

        def __enter__(self) -> Self:
            if _in_loop():
                return super().__enter__()
            if self.preserve_context:
                raise RuntimeError("Cannot nest client invocations")
            self.preserve_context = True
            self._values = getting_values()
            self._values.__enter__()
            return self

        def __exit__(self, *error: object) -> None:
            self.preserve_context = False
            self._close_kept()
            if self._values is not None:
                self._values.__exit__(None, None, None)

    def session_transaction(self, *args: object, **kwargs: object) -> SyncTransaction:
        """Open this client's session to read and change it; save it after the block::

            with client.session_transaction() as session:
                session["user_id"] = 1

        See `QuartClient.session_transaction`.
        """
        return SyncTransaction(self._session_transaction(args, kwargs))

    def _scope(self, request: RequestBuilder, *args: Any, **kwargs: Any) -> dict[str, Any]:
        scope = super()._scope(request, *args, **kwargs)
        if self._thread is not None:
            scope["_quart._thread"] = self._thread
        return scope

    def _close_kept(self) -> None:
        if self._entered is not None:
            entered, self._entered = self._entered, None
            try:
                wait(close_preserved_context(self.app))
            finally:
                leave(entered)


def sync_client(app: Quart, use_cookies: bool = True, **kwargs: bool) -> SyncClient:
    """Make a client of any application for sync tests, such as those written for Flask.

    From then on, sync code outside an event loop gets values in contexts of the application that it
    enters, such as `with app.test_request_context():`. Applications made by `Quart.from_flask` do
    not need this: their `app.test_client()` is such a client already.
    """
    app.is_for_sync_code = True
    return SyncClient(app, use_cookies, **kwargs)
