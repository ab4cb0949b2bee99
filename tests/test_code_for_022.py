"""Code written for Quart 0.22: what it counts on. Every test here passes on 0.22.0 too.

Most of it was found by running the tests of libraries and applications on both.
"""

from typing import Any

import pytest
from asgi import get, post

from quart import (
    Blueprint,
    Quart,
    Request,
    Response,
    current_app,
    g,
    has_app_context,
    request,
    session,
    websocket,
)


@pytest.fixture
def app() -> Quart:
    app = Quart("tests", root_path="tests")
    app.secret_key = "secret"
    return app


# A subclass may have its own copy of a method of 0.22, and touch what that touched.


class CopiedRequest(Request):
    async def get_json(self, force: bool = False, silent: bool = False, cache: bool = True) -> Any:
        if cache and self._cached_json[silent] is not Ellipsis:
            return self._cached_json[silent]
        data = await self.get_data(cache=cache, as_text=True)
        result = self.json_module.loads(data)
        if cache:
            self._cached_json = {**self._cached_json, silent: result}
            self._cached_json[not silent] = result
        return result

    @property
    def max_content_length(self) -> int | None:
        if self._max_content_length is not None:
            return self._max_content_length
        return current_app.config["MAX_CONTENT_LENGTH"]

    @max_content_length.setter
    def max_content_length(self, value: int | None) -> None:
        self._max_content_length = value

    @property
    def max_form_parts(self) -> int | None:
        if self._max_form_parts is not None:
            return self._max_form_parts
        return current_app.config["MAX_FORM_PARTS"]

    @property
    def max_form_memory_size(self) -> int | None:
        if self._max_form_memory_size is not None:
            return self._max_form_memory_size
        return current_app.config["MAX_FORM_MEMORY_SIZE"]

    @property
    async def form(self) -> Any:
        await self._load_form_data()
        return self._form

    @property
    async def files(self) -> Any:
        await self._load_form_data()
        return self._files


async def test_a_request_with_copied_methods(app: Quart) -> None:
    app.request_class = CopiedRequest
    app.config["MAX_CONTENT_LENGTH"] = 100

    @app.post("/json")
    async def json() -> Any:
        assert 100 == request.max_content_length
        return [await request.get_json(), await request.get_json(silent=True), await request.json]

    @app.post("/form")
    async def form() -> Any:
        assert (1000, 500_000) == (request.max_form_parts, request.max_form_memory_size)
        assert {} == await request.files
        return await request.form

    response = await post(app, "/json", json={"a": 1})
    assert [{"a": 1}, {"a": 1}, {"a": 1}] == response.json
    response = await post(app, "/form", form={"a": "1"})
    assert {"a": "1"} == response.json


async def test_a_response_with_copied_methods(app: Quart) -> None:
    asked = []

    class CopiedResponse(Response):
        async def make_conditional(
            self, request: Request, accept_ranges: Any = False, complete_length: int | None = None
        ) -> Any:
            is_partial = await self._process_range_request(request, complete_length, "bytes")
            asked.append((is_partial, self._is_range_request_processable(request)))
            return self

    @app.get("/")
    async def view() -> Any:
        return await CopiedResponse(b"0123456789").make_conditional(request, complete_length=10)

    assert b"123" == (await get(app, headers={"range": "bytes=1-3"})).body
    assert b"0123456789" == (await get(app)).body
    assert (
        b"0123456789"
        == (await get(app, headers={"range": "bytes=1-3", "if-range": '"another"'})).body
    )
    assert [(True, True), (False, False), (False, False)] == asked


async def test_ranges_with_a_complete_length(app: Quart) -> None:
    @app.get("/")
    async def view() -> Any:
        return await Response(b"0123456789").make_conditional(request, complete_length=10)

    response = await get(app, headers={"range": "bytes=1-3"})
    assert (206, b"123") == (response.status, response.body)
    assert "bytes 1-3/10" == response.headers["content-range"]


# Headers


async def test_the_address_of_the_client_is_the_first_header(app: Quart) -> None:
    @app.get("/")
    async def view() -> Any:
        return list(request.headers.items())

    response = await get(app, headers={"x-one": "1"}, client=("10.0.0.1", 1))
    assert ["Remote-Addr", "10.0.0.1"] == response.json[0]
    assert ["X-One", "1"] in response.json


async def test_http_1_0_without_a_host(app: Quart) -> None:
    @app.get("/")
    async def view() -> Any:
        return [request.headers["host"], request.headers["Host"]]

    response = await get(app, headers={"host": None}, http_version="1.0")
    assert ["", ""] == response.json


# Proxies and names


def test_the_repr_of_an_unbound_proxy() -> None:
    for proxy in (current_app, g, request, session, websocket):
        assert "<LocalProxy unbound>" == repr(proxy)


def test_names_that_can_be_imported() -> None:
    from quart.helpers import ResponseBody

    assert issubclass(Response.data_body_class, ResponseBody)


# The test client


async def test_each_request_of_a_client_has_its_own_g(app: Quart) -> None:
    """In the block of a client the context of the last request is kept; the next has another."""
    users = {"1": "ada", "2": "bob"}

    @app.get("/<key>")
    async def view(key: str) -> str:
        if "user" not in g:
            g.user = users[key]
        return g.user

    async with app.test_client() as client:
        for key, user in users.items():
            response = await client.get(f"/{key}")
            assert user == await response.get_data(as_text=True)
            assert f"/{key}" == request.path


async def test_the_g_of_a_request_context_around_a_client(app: Quart) -> None:
    @app.get("/")
    async def view() -> str:
        g.count += 1
        return ""

    async with app.test_request_context("/around"):
        g.count = 1
        client = app.test_client()
        for _ in range(3):
            assert 200 == (await client.get("/")).status_code
        assert 4 == g.count


async def test_a_session_transaction_leaves_the_request_as_it_is(app: Quart) -> None:
    @app.get("/")
    async def view() -> dict[str, str]:
        return dict(session)

    client = app.test_client()
    async with client.session_transaction() as changed:
        changed["before"] = "1"
        assert app is current_app._get_current_object()
    assert not has_app_context()
    async with app.test_request_context("/around"):
        async with client.session_transaction() as changed:
            changed["within"] = "2"
            assert "/around" == request.path
        assert "/around" == request.path
    async with app.test_client() as client_of_block:
        client_of_block.cookie_jar = client.cookie_jar
        assert {"before": "1", "within": "2"} == await (await client_of_block.get("/")).get_json()
        async with client_of_block.session_transaction() as changed:
            changed["last"] = "3"
            assert "/" == request.path
            assert "last" not in session
    assert "3" == (await (await client.get("/")).get_json())["last"]


@pytest.mark.parametrize("server_name", ["anything", "127.0.0.1", "tests.example", "localhost"])
@pytest.mark.parametrize("own_host", [None, "quart.example"])
async def test_a_cookie_set_with_a_server_name(
    app: Quart, server_name: str, own_host: str | None
) -> None:
    app.config["SERVER_NAME"] = own_host

    @app.get("/")
    async def view() -> dict[str, str]:
        return dict(request.cookies)

    client = app.test_client()
    client.set_cookie(server_name, "key", "value")
    assert {"key": "value"} == await (await client.get("/")).get_json()
    client.delete_cookie(server_name, "key")
    assert {} == await (await client.get("/")).get_json()
    client.set_cookie(server_name, "key", "value", domain="elsewhere.example")
    assert {} == await (await client.get("/")).get_json()


# Subdomains


async def test_rules_with_a_subdomain(app: Quart) -> None:
    """They are matched below SERVER_NAME, though nobody has asked for `subdomain_matching`."""
    app.config["SERVER_NAME"] = "quart.example"
    blueprint = Blueprint("api", __name__, subdomain="api")
    app.add_url_rule("/", "main", lambda: "main")
    blueprint.add_url_rule("/", "index", lambda: "api")
    app.register_blueprint(blueprint)

    @app.get("/user", subdomain="<name>")
    async def user(name: str) -> str:
        return name

    client = app.test_client()

    async def ask(host: str, path: str = "/") -> tuple[int, str]:
        response = await client.get(path, headers={"host": host})
        text = await response.get_data(as_text=True)
        return response.status_code, text if response.status_code == 200 else ""

    assert (200, "main") == await ask("quart.example")
    assert (200, "api") == await ask("api.quart.example")
    assert (200, "bob") == await ask("bob.quart.example", "/user")
    assert (404, "") == await ask("bob.quart.example")
    assert (404, "") == await ask("quart.example", "/user")


async def test_websockets_with_a_subdomain(app: Quart) -> None:
    app.config["SERVER_NAME"] = "quart.example"

    @app.websocket("/")
    async def main() -> None:
        await websocket.send("main")

    @app.websocket("/", subdomain="api")
    async def api() -> None:
        await websocket.send("api")

    client = app.test_client()
    for host, expected in (("quart.example", "main"), ("api.quart.example", "api")):
        async with client.websocket("/", headers={"host": host}) as connection:
            assert expected == await connection.receive()
