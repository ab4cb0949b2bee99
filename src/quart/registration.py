"""The set-up methods that applications and blueprints share: Flask's, websockets and files."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Callable, Coroutine, Iterable, Mapping
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeVar, cast

from flask.sansio.scaffold import Scaffold, setupmethod

from .config import DEFAULT_CONFIG
from .globals import _cv_quart
from .helpers import send_from_directory
from .utils import file_path_to_path
from .workers import awaited_or_blocking, in_worker_thread

if TYPE_CHECKING:
    from aiofiles.base import AiofilesContextManager

    from .typing import (
        AfterWebsocketCallable,
        BeforeRequestCallable,
        BeforeWebsocketCallable,
        ErrorHandlerCallable,
        FilePath,
        RouteCallable,
        TeardownCallable,
        WebsocketCallable,
    )
    from .wrappers import Response

F = TypeVar("F", bound=Callable[..., object])
T_before_request = TypeVar("T_before_request", bound="BeforeRequestCallable")
T_error_handler = TypeVar("T_error_handler", bound="ErrorHandlerCallable")
T_route = TypeVar("T_route", bound="RouteCallable")
T_websocket = TypeVar("T_websocket", bound="WebsocketCallable")
T_before_websocket = TypeVar("T_before_websocket", bound="BeforeWebsocketCallable")
T_after_websocket = TypeVar("T_after_websocket", bound="AfterWebsocketCallable")
T_teardown = TypeVar("T_teardown", bound="TeardownCallable")


class _RouteDecorator(Protocol):
    def __call__(self, view: T_route, /) -> T_route: ...


def _typed_as(function: F) -> Callable[[object], F]:
    """Give the decorated function the signature of another one, for type checkers."""
    return lambda decorated: function


class QuartScaffold(Scaffold):
    """Registers websocket views and their hooks, and opens files of the package."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # By blueprint name, or None for all, as Flask stores the functions for requests.
        self.before_websocket_funcs: dict[str | None, list[BeforeWebsocketCallable]] = defaultdict(
            list
        )
        self.after_websocket_funcs: dict[str | None, list[AfterWebsocketCallable]] = defaultdict(
            list
        )
        self.teardown_websocket_funcs: dict[str | None, list[TeardownCallable]] = defaultdict(list)

    if TYPE_CHECKING:  # Flask's methods; views may return more, and rules have more options

        def route(  # type: ignore[override]
            self,
            rule: str,
            *,
            endpoint: str | None = ...,
            methods: Iterable[str] | None = ...,
            defaults: Mapping[str, object] | None = ...,
            subdomain: str | None = ...,
            host: str | None = ...,
            strict_slashes: bool | None = ...,
            merge_slashes: bool | None = ...,
            provide_automatic_options: bool | None = ...,
            body_timeout: float | None = ...,
            cancel_on_disconnect: bool = ...,
            max_content_length: int | None = ...,
            max_form_memory_size: int | None = ...,
            max_form_parts: int | None = ...,
            **options: object,
        ) -> Callable[[T_route], T_route]:
            """Decorate a view, `async def` or `def`, to be called for requests that match a rule.

            :param rule: The path, with variables such as `<name>` and `<int:number>`.
            :param endpoint: The name for `url_for`; by default the function's name.
            :param methods: The methods, by default GET. HEAD and OPTIONS are added.
            :param defaults: Values for variables that this rule does not have.
            :param body_timeout: `BODY_TIMEOUT` for these requests, in seconds; None: no limit.
            :param cancel_on_disconnect: `CANCEL_ON_DISCONNECT` for these requests.
            :param max_content_length: `MAX_CONTENT_LENGTH` for these requests, in bytes.
            :param max_form_memory_size: `MAX_FORM_MEMORY_SIZE` for these requests, in bytes.
            :param max_form_parts: `MAX_FORM_PARTS` for these requests.
            :param options: Other options of the rule: see `werkzeug.routing.Rule`.

            The view returns a str, bytes, dict, list, Response, iterator, or a tuple of one of
            these with a status, headers or both::

                @app.route("/users/<int:number>", methods=["GET", "POST"])
                async def user(number: int) -> ResponseReturnValue:
                    return {"number": number}, 200
            """
            ...

        def _route_of_one_method(
            self,
            rule: str,
            *,
            endpoint: str | None = ...,
            defaults: Mapping[str, object] | None = ...,
            subdomain: str | None = ...,
            host: str | None = ...,
            strict_slashes: bool | None = ...,
            merge_slashes: bool | None = ...,
            provide_automatic_options: bool | None = ...,
            body_timeout: float | None = ...,
            cancel_on_disconnect: bool = ...,
            max_content_length: int | None = ...,
            max_form_memory_size: int | None = ...,
            max_form_parts: int | None = ...,
            **options: object,
        ) -> _RouteDecorator: ...

        @_typed_as(_route_of_one_method)
        def get(self) -> None:  # type: ignore[override]
            """Decorate a view to be called for GET requests that match a rule: see `route`."""

        @_typed_as(_route_of_one_method)
        def post(self) -> None:  # type: ignore[override]
            """Decorate a view to be called for POST requests that match a rule: see `route`."""

        @_typed_as(_route_of_one_method)
        def put(self) -> None:  # type: ignore[override]
            """Decorate a view to be called for PUT requests that match a rule: see `route`."""

        @_typed_as(_route_of_one_method)
        def delete(self) -> None:  # type: ignore[override]
            """Decorate a view to be called for DELETE requests that match a rule: see `route`."""

        @_typed_as(_route_of_one_method)
        def patch(self) -> None:  # type: ignore[override]
            """Decorate a view to be called for PATCH requests that match a rule: see `route`."""

        def add_url_rule(  # type: ignore[override]
            self,
            rule: str,
            endpoint: str | None = None,
            view_func: RouteCallable | None = None,
            provide_automatic_options: bool | None = None,
            **options: object,
        ) -> None: ...

        def before_request(self, f: T_before_request) -> T_before_request: ...  # type: ignore[override]

        def errorhandler(  # type: ignore[override]
            self, code_or_exception: type[Exception] | int
        ) -> Callable[[T_error_handler], T_error_handler]: ...

        def register_error_handler(  # type: ignore[override]  # pyright: ignore[reportIncompatibleMethodOverride]
            self, code_or_exception: type[Exception] | int, f: ErrorHandlerCallable
        ) -> None: ...

    if not TYPE_CHECKING:

        @setupmethod
        def route(self, rule: str, **options: object) -> object:
            """Decorate a view, `async def` or `def`, to be called for requests that match a rule.

            The options are those of `werkzeug.routing.Rule`, and `body_timeout`,
            `cancel_on_disconnect`, `max_content_length`, `max_form_memory_size` and
            `max_form_parts`, which replace the settings of these names for these requests.
            """
            _check_rule("route", rule)
            return super().route(rule, **options)

    @setupmethod
    def query(self, rule: str, **options: object) -> Callable[[T_route], T_route]:
        """Decorate a view to be called for QUERY requests that match the rule: see `route`.

        QUERY is like GET with a body: safe and idempotent (RFC 10008).
        """
        return self._method_route("QUERY", rule, options)  # type: ignore[return-value]

    @setupmethod
    def websocket(self, rule: str, **options: Any) -> Callable[[T_websocket], T_websocket]:
        """Decorate a view to be called for websockets that match the rule.

        The options are those of `route`.
        """
        _check_rule("websocket", rule)

        def decorator(func: T_websocket) -> T_websocket:
            endpoint = options.pop("endpoint", None)
            self.add_websocket(rule, endpoint, func, **options)
            return func

        return decorator

    @setupmethod
    def add_websocket(
        self,
        rule: str,
        endpoint: str | None = None,
        view_func: WebsocketCallable | None = None,
        **options: Any,
    ) -> None:
        """Add a rule for websockets, as `add_url_rule` does for requests."""
        self.add_url_rule(
            rule,
            endpoint,
            cast("RouteCallable", view_func),
            methods=["GET"],
            websocket=True,
            **options,
        )

    @setupmethod
    def frontend(
        self,
        rule: str,
        directory: FilePath,
        *,
        index: str = "index.html",
        endpoint: str = "frontend",
        **options: Any,
    ) -> None:
        """Serve the built files of a single-page application below a rule such as "/".

        `directory` is relative to `root_path`. If a browser navigates to a path for which there is
        neither a route nor a file, it gets the file `index`, so that the client can route; any
        other such request gets a 404. Clients revalidate `index` each time and keep files with a
        hash in their name forever. Precompressed siblings (`.br`, `.zst`, `.gz`) are sent to
        clients that accept them.
        """
        from .frontend import Frontend  # imported late: no other application needs it

        root = os.path.join(self.root_path, os.fsdecode(directory))
        view = Frontend(root, index)
        prefix = rule.rstrip("/")
        for each in (f"{prefix}/", f"{prefix}/<path:path>"):
            self.add_url_rule(each, endpoint, view, methods=["GET"], **options)

    @setupmethod
    def before_websocket(self, func: T_before_websocket) -> T_before_websocket:
        """Call a function without arguments before each websocket view.

        If it returns a value other than None, that is used instead of calling the view.
        """
        self.before_websocket_funcs[None].append(func)
        return func

    @setupmethod
    def after_websocket(self, func: T_after_websocket) -> T_after_websocket:
        """Call a function with the response, or None, after each websocket view. It returns the
        response to use."""
        self.after_websocket_funcs[None].append(func)
        return func

    @setupmethod
    def teardown_websocket(self, func: T_teardown) -> T_teardown:
        """Call a function with the unhandled error, or None, when a websocket's context ends."""
        self.teardown_websocket_funcs[None].append(func)
        return func

    def get_send_file_max_age(self, filename: str | None) -> int | None:
        """How long a client may keep a file, in seconds; None makes it ask each time.

        It is `SEND_FILE_MAX_AGE_DEFAULT`. Unless that setting was changed, it is None for a file
        without a name, which may have been made for one user, and in debug mode, where files
        change. Override it to treat files differently.
        """
        config = getattr(self, "config", None) or _cv_quart.current().app.config
        value = config["SEND_FILE_MAX_AGE_DEFAULT"]
        is_default = value is DEFAULT_CONFIG["SEND_FILE_MAX_AGE_DEFAULT"]
        if is_default and (filename is None or config["DEBUG"]):
            return None
        if isinstance(value, timedelta):
            return int(value.total_seconds())
        return cast("int | None", value)

    @awaited_or_blocking
    async def send_static_file(self, filename: str) -> Response:
        """Send a file from the static folder. This is the view of the static route.

        Raises NotFound if there is no such file, RuntimeError without a static folder.
        """
        if self.static_folder is None:
            raise RuntimeError("'static_folder' must be set to serve static files.")
        max_age = self.get_send_file_max_age(filename)
        return await send_from_directory(self.static_folder, filename, max_age=max_age)

    def open_resource(
        self,
        path: FilePath | None = None,
        mode: str = "rb",
        encoding: str | None = None,
        *,
        resource: FilePath | None = None,
    ) -> Coroutine[object, None, AiofilesContextManager[Any]]:
        """Open a file of this package for reading: `async with await app.open_resource(path):`.

        In sync views and hooks it is an ordinary file: `with app.open_resource(path):`.

        `path` (`resource` in Flask) is relative to `root_path`. Raises ValueError for a mode other
        than "r", "rt" and "rb".
        """
        if mode not in {"r", "rt", "rb"}:
            raise ValueError(f"Resources can only be opened for reading, not with mode {mode!r}.")
        return open_file(self.root_path, path or resource, mode, encoding)


def _check_rule(decorator: str, rule: object) -> None:
    if callable(rule):
        name = getattr(rule, "__name__", "view")
        raise TypeError(
            f"'{decorator}' requires a rule: write @app.{decorator}('/{name}') above {name},"
            f" not @app.{decorator}."
        )


def open_file(
    directory: str, path: FilePath | None, mode: str, encoding: str | None
) -> Coroutine[object, None, AiofilesContextManager[Any]]:
    """Open a file: in a worker thread at once, elsewhere by awaiting and entering the result."""
    if path is None:
        raise TypeError("The path of the resource is missing.")
    file = file_path_to_path(directory, path)
    if "b" in mode:
        encoding = None
    elif encoding is None:
        encoding = "utf-8"
    if in_worker_thread():
        return cast(Any, file.open(mode, encoding=encoding))  # type: ignore[no-any-return]
    return _opening(file, mode, encoding)


async def _opening(file: Path, mode: Any, encoding: str | None) -> AiofilesContextManager[Any]:
    import aiofiles  # imported late: no request needs it

    return aiofiles.open(file, mode, encoding=encoding)


def with_or_without_name(add: Callable[..., None], name: object) -> object:
    """Return a decorator that registers a function; as in Flask 3.2, parentheses are optional."""
    if callable(name):
        add(name)
        return name

    def decorator(func: F) -> F:
        add(func, name=name)
        return func

    return decorator
