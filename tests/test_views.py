"""Class-based views."""

import functools
from typing import Any, ClassVar

import pytest
from asgi import get, post, request

from quart import Blueprint, Quart, current_app, make_response
from quart.views import MethodView, View, http_method_funcs


@pytest.fixture
def app() -> Quart:
    return Quart(__name__)


@pytest.mark.parametrize("init_every_request", [True, False])
async def test_a_view_class(app: Quart, init_every_request: bool) -> None:
    """It gets the arguments given to ``as_view``, and the URL's variables."""
    made = []

    class Index(View):
        def __init__(self, word: str, *, end: str) -> None:
            made.append(self)
            self.word, self.end = word, end

        async def dispatch_request(self, name: str) -> str:  # type: ignore[override]
            return f"{self.word} {name}{self.end}"

    Index.init_every_request = init_every_request
    app.add_url_rule("/<name>", view_func=Index.as_view("index", "Hello", end="!"))

    assert "Hello you!" == (await get(app, "/you")).text
    assert "Hello me!" == (await get(app, "/me")).text
    assert (2 if init_every_request else 1) == len(made)


async def test_a_sync_view_class(app: Quart) -> None:
    """It runs in a thread, and reads the request's body there."""
    from quart import request

    class Echo(View):
        methods = ("POST",)

        def dispatch_request(self) -> Any:
            return request.get_json()

    app.add_url_rule("/", view_func=Echo.as_view("echo"))

    assert '{"a":1}\n' == (await post(app, json={"a": 1})).text


@pytest.mark.parametrize("kind", ["decorator", "cache", "subclass", "by name"])
async def test_a_class_of_a_flask_application(app: Quart, kind: str) -> None:
    """Where all is `def`, what a view is called by gets its value, as in Flask."""
    cached: dict[str, Any] = {}

    def decorator(view: Any) -> Any:
        @functools.wraps(view)
        def wrapper(**kwargs: Any) -> Any:
            response = make_response(view(**kwargs))
            response.headers["X"] = "1"
            return response

        return wrapper

    def cache(view: Any) -> Any:
        @functools.wraps(view)
        def wrapper(**kwargs: Any) -> Any:
            if "" not in cached:
                cached[""] = view(**kwargs)
            return cached[""]

        return wrapper

    class Index(MethodView):
        decorators: ClassVar[list[Any]] = {"decorator": [decorator], "cache": [cache]}.get(kind, [])

        if kind == "subclass":

            def dispatch_request(self, **kwargs: Any) -> Any:
                return make_response(super().dispatch_request(**kwargs))

        def get(self) -> Any:
            return [current_app.name]

    app.add_url_rule("/", view_func=Index.as_view("index"))
    app.get("/by-name")(lambda: make_response(current_app.view_functions["index"]()))

    for _ in range(2):
        response = await get(app, "/by-name" if kind == "by name" else "/")
        assert (200, [app.name]) == (response.status, response.json)


def test_the_view_function() -> None:
    """It looks like a view, and tells the class."""

    class Index(View):
        """The index."""

        methods = ("GET", "PUT")
        provide_automatic_options = False

    view: Any = Index.as_view("name")

    assert ("name", "The index.", __name__) == (view.__name__, view.__doc__, view.__module__)
    assert Index is view.view_class
    assert (("GET", "PUT"), False) == (view.methods, view.provide_automatic_options)


async def test_the_class_of_a_view_can_be_replaced(app: Quart) -> None:
    class One(View):
        async def dispatch_request(self) -> str:
            return "one"

    class Two(View):
        async def dispatch_request(self) -> str:
            return "two"

    view: Any = One.as_view("view")
    app.add_url_rule("/", view_func=view)
    view.view_class = Two

    assert "two" == (await get(app)).text


async def test_decorators(app: Quart) -> None:
    """The first is the innermost; each sees a function with the view's name."""
    names = []

    def decorator(letter: str) -> Any:
        def decorate(func: Any) -> Any:
            names.append((func.__name__, func.__module__))

            async def decorated(**kwargs: Any) -> str:
                return f"{letter}({await func(**kwargs)})"

            decorated.__name__ = func.__name__
            decorated.__module__ = func.__module__
            return decorated

        return decorate

    class Index(View):
        decorators: ClassVar[list[Any]] = [decorator("a"), decorator("b")]

        async def dispatch_request(self) -> str:
            return "view"

    app.add_url_rule("/", view_func=Index.as_view("index"))

    assert "b(a(view))" == (await get(app)).text
    assert [("index", __name__)] * 2 == names


async def test_a_method_view(app: Quart) -> None:
    """A method for each HTTP method, sync or async; HEAD is GET's, and others are not allowed."""

    class Index(MethodView):
        async def get(self) -> Any:
            return "got", {"X-Header": "1"}

        def post(self) -> str:
            return "posted"

    app.add_url_rule("/", view_func=Index.as_view("index"))

    assert {"GET", "POST"} == set(Index.methods or ())
    assert "got" == (await get(app)).text
    assert "posted" == (await post(app)).text
    head = await request(app, "HEAD", "/")
    assert (200, "1") == (head.status, head.headers["X-Header"])
    put = await request(app, "PUT", "/")
    assert 405 == put.status
    assert {"GET", "HEAD", "OPTIONS", "POST"} == set(put.headers["Allow"].split(", "))


async def test_the_methods_of_bases_count() -> None:
    class One(MethodView):
        async def get(self) -> str:
            return ""

    class Two(MethodView):
        methods = ("PATCH",)

    class Both(One, Two):
        async def delete(self) -> str:
            return ""

    class Fixed(One):
        methods = ("GET",)

        async def put(self) -> str:
            return ""

    assert {"GET", "PATCH", "DELETE"} == set(Both.methods or ())
    assert {"GET"} == set(Fixed.methods or ())
    assert MethodView.methods is None


async def test_a_head_method_of_its_own(app: Quart) -> None:
    class Index(MethodView):
        async def get(self) -> str:
            return "get"

        async def head(self) -> Any:
            return "", {"X-Own": "1"}

    app.add_url_rule("/", view_func=Index.as_view("index"))

    assert "1" == (await request(app, "HEAD", "/")).headers["X-Own"]


async def test_a_method_without_a_function_is_named(
    app: Quart, caplog: pytest.LogCaptureFixture
) -> None:
    class Index(MethodView):
        methods = ("GET", "PROPFIND")

        async def get(self) -> str:
            return ""

    app.add_url_rule("/", view_func=Index.as_view("index"))

    assert 500 == (await request(app, "PROPFIND", "/")).status
    assert "Unimplemented method 'PROPFIND'" in caplog.text


async def test_a_view_has_to_dispatch() -> None:
    with pytest.raises(NotImplementedError):
        View().dispatch_request()


async def test_a_view_of_a_blueprint(app: Quart) -> None:
    class Index(MethodView):
        async def get(self, number: int) -> str:
            return f"{number + 1}"

    blueprint = Blueprint("bp", __name__, url_prefix="/bp")
    blueprint.add_url_rule("/<int:number>", view_func=Index.as_view("index"))
    app.register_blueprint(blueprint)

    assert "8" == (await get(app, "/bp/7")).text


def test_the_names_of_methods() -> None:
    assert {
        "get", "post", "head", "options", "delete", "put", "trace", "patch", "query",
    } == http_method_funcs  # fmt: skip
