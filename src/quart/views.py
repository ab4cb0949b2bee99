"""Views as classes: one class for a view, or one with a method for each HTTP method."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any, ClassVar

from .globals import _cv_quart, _cv_request
from .globals import current_app as current_app
from .globals import request as request
from .typing import RouteCallable
from .workers import awaited_or_blocking

http_method_funcs = frozenset(
    {"get", "post", "head", "options", "delete", "put", "trace", "patch", "query"}
)


class View:
    """A view as a class, with an object for its state; register ``MyView.as_view("name")``.

    ``dispatch_request`` is the view function, sync or async::

        class Hello(View):
            async def dispatch_request(self, name):
                return f"Hello, {name}!"

        app.add_url_rule("/hello/<name>", view_func=Hello.as_view("hello"))
    """

    #: The HTTP methods to route here. None means the default of ``route``.
    methods: ClassVar[Collection[str] | None] = None
    #: Whether OPTIONS is answered automatically. None means that the app's config decides.
    provide_automatic_options: ClassVar[bool | None] = None
    #: Applied to the view function, the first one innermost. Class decorators do not affect it.
    decorators: ClassVar[list[Callable[..., Any]]] = []
    #: Whether each request gets its own object. One object for all of them is cheaper.
    init_every_request: ClassVar[bool] = True

    def dispatch_request(self, **kwargs: Any) -> Any:
        """The view: takes the URL's variables and returns anything a view may return."""
        raise NotImplementedError

    @classmethod
    def as_view(cls, name: str, *class_args: object, **class_kwargs: object) -> RouteCallable:
        """Make a view function named ``name``; the other arguments are passed to the class."""
        if cls.init_every_request:

            @awaited_or_blocking
            async def view(**kwargs: object) -> object:
                self = view.view_class(*class_args, **class_kwargs)  # type: ignore[attr-defined]
                return await _call(self.dispatch_request, kwargs)

        else:
            self = cls(*class_args, **class_kwargs)

            @awaited_or_blocking
            async def view(**kwargs: object) -> object:
                return await _call(self.dispatch_request, kwargs)

        function: Any = view
        if cls.decorators:
            function.__name__ = name
            function.__module__ = cls.__module__
            for decorator in cls.decorators:
                function = decorator(function)

        # Others can find the class on the function, and tests can replace it there.
        function.view_class = cls
        function.__name__ = name
        function.__doc__ = cls.__doc__
        function.__module__ = cls.__module__
        function.methods = cls.methods
        function.provide_automatic_options = cls.provide_automatic_options
        view.view_class = cls  # type: ignore[attr-defined]
        return function  # type: ignore[no-any-return]


class MethodView(View):
    """A view with a method, sync or async, for each HTTP method: ``get``, ``post`` and so on.

    ``methods`` follows from them. If there is no ``head``, HEAD requests call ``get``.
    """

    def __init_subclass__(cls, **kwargs: object) -> None:
        super().__init_subclass__(**kwargs)
        if "methods" not in cls.__dict__:
            methods = {
                name.upper() for name in http_method_funcs if callable(getattr(cls, name, None))
            }
            for base in cls.__bases__:
                methods.update(getattr(base, "methods", None) or ())
            if methods:
                cls.methods = methods

    @awaited_or_blocking
    async def dispatch_request(self, **kwargs: Any) -> Any:
        """Call the method that has the name of the request's HTTP method."""
        method = _cv_request.current().request.method
        handler = getattr(self, method.lower(), None)
        if handler is None and method == "HEAD":
            handler = getattr(self, "get", None)
        if handler is None:
            raise AssertionError(f"Unimplemented method {method!r}")
        return await _call(handler, kwargs)


async def _call(handler: Callable[..., object], kwargs: dict[str, object]) -> object:
    return await _cv_quart.current().app.ensure_async(handler)(**kwargs)
