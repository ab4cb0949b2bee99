"""The QUERY method, RFC 10008: a request that is safe, as GET is, and has a body."""

from __future__ import annotations

from typing import Any, ClassVar

import pytest
from asgi import get, request
from werkzeug.datastructures import Headers

from quart import Blueprint, Quart, make_response, redirect
from quart import request as quart_request
from quart.views import MethodView


async def test_query_routes() -> None:
    """Of an application and a blueprint; other methods are not allowed."""
    app = Quart(__name__)
    blueprint = Blueprint("part", __name__, url_prefix="/part")

    async def search() -> Any:
        return {"asked": await quart_request.get_json()}

    app.query("/search")(search)
    blueprint.query("/search")(search)
    app.register_blueprint(blueprint)

    for path in ("/search", "/part/search"):
        response = await request(app, "QUERY", path, json={"name": "x"})
        assert (200, b'{"asked":{"name":"x"}}\n') == (response.status, response.body)
        refused = await get(app, path)
        assert 405 == refused.status
        assert {"OPTIONS", "QUERY"} == set(refused.headers["Allow"].split(", "))


async def test_query_takes_no_methods() -> None:
    """As `get` and `post` do not."""
    app = Quart(__name__)
    with pytest.raises(TypeError, match="methods"):
        app.query("/", methods=["GET"])


async def test_a_method_view() -> None:
    """Its `query` answers; an attribute of that name that is no method does not make it one."""
    app = Quart(__name__)

    class Search(MethodView):
        def query(self) -> str:
            return "found"

    class Other(MethodView):
        query: ClassVar[Any] = ["a", "list"]

        async def get(self) -> str:
            return "got"

    app.add_url_rule("/search", view_func=Search.as_view("search"))
    app.add_url_rule("/other", view_func=Other.as_view("other"))

    assert b"found" == (await request(app, "QUERY", "/search")).body
    assert 405 == (await request(app, "QUERY", "/other")).status


async def test_the_test_client() -> None:
    """It sends a body, in each of its forms."""
    app = Quart(__name__)

    @app.query("/")
    async def echo() -> Any:
        return {"method": quart_request.method, "form": (await quart_request.form).to_dict()}

    response = await app.test_client().query("/", form={"a": "1"})
    assert {"method": "QUERY", "form": {"a": "1"}} == await response.get_json()


@pytest.mark.parametrize(
    ("code", "method", "body"),
    [(301, "QUERY", "a"), (302, "QUERY", "a"), (303, "GET", ""), (307, "QUERY", "a")],
)
async def test_redirects(code: int, method: str, body: str) -> None:
    """A QUERY stays one, but after 303."""
    app = Quart(__name__)

    @app.query("/old")
    async def old() -> Any:
        return redirect("/new", code)

    @app.route("/new", methods=["GET", "QUERY"])
    async def new() -> Any:
        return {"method": quart_request.method, "body": await quart_request.get_data(as_text=True)}

    response = await app.test_client().query("/old", data="a", follow_redirects=True)
    assert {"method": method, "body": body} == await response.get_json()


async def test_conditions() -> None:
    """`If-None-Match` is answered with 304, as to a GET."""
    app = Quart(__name__)

    @app.query("/")
    async def found() -> Any:
        response = await make_response("found")
        response.set_etag("1")
        return await response.make_conditional(quart_request)  # type: ignore[arg-type]

    response = await request(app, "QUERY", "/", headers=Headers({"If-None-Match": '"1"'}))
    assert (304, b"") == (response.status, response.body)
    response = await request(app, "QUERY", "/", headers=Headers({"If-None-Match": '"2"'}))
    assert (200, b"found") == (response.status, response.body)
