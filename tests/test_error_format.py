"""Errors for clients that prefer JSON, and what errors say."""

from pathlib import Path
from typing import Any

import pytest
from asgi import Response, connect, get, post

from quart import Quart, abort, request, websocket

PROBLEM = "application/problem+json"


def make_app(**config: Any) -> Quart:
    app = Quart(__name__)
    app.config.update(ERROR_FORMAT="auto", **config)

    @app.get("/missing")
    async def missing() -> None:
        abort(404, "There is no such thing.")

    @app.get("/broken")
    async def broken() -> None:
        raise KeyError("a secret")

    @app.post("/form")
    async def form() -> str:
        return (await request.form)["name"]

    @app.get("/own")
    async def own() -> None:
        from quart import Response

        abort(Response("mine", 418))

    return app


async def ask(app: Quart, path: str, accept: str) -> Response:
    return await get(app, path, headers={"accept": accept})


@pytest.mark.parametrize(
    "accept",
    ["application/json", PROBLEM, "text/html;q=0.5, application/json", "application/*"],
)
async def test_a_client_that_prefers_json_gets_a_problem(accept: str) -> None:
    """RFC 9457, with the headers that belong to the error."""
    app = make_app()
    response = await ask(app, "/missing", accept)
    not_allowed = await ask(app, "/form", accept)
    broken = await ask(app, "/broken", accept)

    assert (404, PROBLEM) == (response.status, response.headers["content-type"])
    assert {
        "title": "Not Found",
        "status": 404,
        "detail": "There is no such thing.",
    } == response.json
    assert "Accept" in response.headers["vary"]
    assert (405, PROBLEM) == (not_allowed.status, not_allowed.headers["content-type"])
    assert {"OPTIONS", "POST"} == set(not_allowed.headers["allow"].split(", "))
    assert (500, "Internal Server Error") == (broken.status, broken.json["title"])
    assert "a secret" not in broken.text


@pytest.mark.parametrize("accept", ["*/*", "text/html", "text/html, application/json", ""])
async def test_other_clients_get_html(accept: str) -> None:
    response = await ask(make_app(), "/missing", accept)

    assert "text/html; charset=utf-8" == response.headers["content-type"]
    assert "Accept" in response.headers["vary"]


async def test_an_accept_header_that_nobody_parses_gets_html() -> None:
    """It is too long for that. The view's error stays, and so does what reading the header says."""
    app = make_app()

    @app.get("/accept")
    async def accept() -> str:
        return str(request.accept_mimetypes)

    for path, status in (("/missing", 404), ("/broken", 500), ("/accept", 431)):
        response = await ask(app, path, "a/b," * 10_000)

        assert (status, "text/html; charset=utf-8") == (
            response.status,
            response.headers["content-type"],
        )


async def test_html_is_the_default() -> None:
    app = make_app()
    app.config["ERROR_FORMAT"] = Quart.default_config["ERROR_FORMAT"]
    response = await ask(app, "/missing", "application/json")

    assert "text/html; charset=utf-8" == response.headers["content-type"]
    assert "vary" not in response.headers


async def test_responses_of_ones_own_are_left_alone() -> None:
    response = await ask(make_app(), "/own", "application/json")

    assert (418, "mine") == (response.status, response.text)


async def test_what_a_validation_found_is_listed() -> None:
    """As Quart-Schema raises it."""
    from werkzeug.exceptions import BadRequest

    class Invalid(Exception):
        def errors(self) -> list[dict[str, Any]]:
            return [{"loc": ("size",), "msg": "too large", "type": "x", "ctx": {"e": object()}}]

    class RequestSchemaValidationError(BadRequest):
        def __init__(self, error: Exception) -> None:
            super().__init__()
            self.validation_error = error

    app = make_app()

    @app.get("/pydantic")
    async def pydantic() -> None:
        raise RequestSchemaValidationError(Invalid())

    @app.get("/other")
    async def other() -> None:
        raise RequestSchemaValidationError(TypeError("no dict"))

    listed = await ask(app, "/pydantic", "application/json")
    other_text = await ask(app, "/other", "application/json")

    assert [{"loc": ["size"], "msg": "too large", "type": "x"}] == listed.json["errors"]
    assert "no dict" == other_text.json["errors"]


@pytest.mark.parametrize(
    ("config", "body", "content_type", "text"),
    [
        ({"MAX_CONTENT_LENGTH": 10}, b"a" * 11, "text/plain", "MAX_CONTENT_LENGTH allows (10"),
        (
            {"MAX_FORM_MEMORY_SIZE": 10},
            b"a=" + b"a" * 11,
            "application/x-www-form-urlencoded",
            "MAX_FORM_MEMORY_SIZE allows (10",
        ),
        (
            {"MAX_FORM_MEMORY_SIZE": 2},
            b'--x\r\nContent-Disposition: form-data; name="note"\r\n\r\nlong\r\n--x--\r\n',
            "multipart/form-data; boundary=x",
            "The field 'note' is larger than MAX_FORM_MEMORY_SIZE allows (2 bytes)",
        ),
        (
            {"MAX_FORM_PARTS": 0},
            b'--x\r\nContent-Disposition: form-data; name="note"\r\n\r\nlong\r\n--x--\r\n',
            "multipart/form-data; boundary=x",
            "MAX_FORM_PARTS",
        ),
    ],
)
async def test_a_413_names_the_limit(
    config: dict[str, Any], body: bytes, content_type: str, text: str
) -> None:
    app = Quart(__name__)
    app.config.update(config)

    @app.post("/")
    async def view() -> str:
        await request.form
        await request.data
        return ""

    response = await post(app, body=body, headers={"content-type": content_type})

    assert 413 == response.status
    assert text in response.text.replace("&#39;", "'")


async def test_the_proxy_of_the_other_kind_is_named() -> None:
    app = Quart(__name__)
    app.testing = True
    said = []

    @app.websocket("/ws")
    async def ws() -> None:
        with pytest.raises(RuntimeError) as caught:
            print(request.path)
        said.append(str(caught.value))
        await websocket.accept()

    @app.get("/")
    async def view() -> str:
        with pytest.raises(RuntimeError) as caught:
            await websocket.receive()
        said.append(str(caught.value))
        return ""

    async with connect(app, "/ws"):
        pass
    await get(app)

    assert "use 'websocket' instead of 'request'" in said[0]
    assert "use 'request' instead of 'websocket'" in said[1]
    with pytest.raises(RuntimeError, match="To solve this in a test"):
        print(request.path)


def test_wsgi_middleware_is_told_of_asgi() -> None:
    app: Any = Quart(__name__)

    with pytest.raises(AttributeError, match="use 'asgi_app' instead of 'wsgi_app'"):
        print(app.wsgi_app)
    assert not hasattr(app, "wsgi_app")


@pytest.mark.parametrize(
    ("debug", "setting", "expected"),
    [(True, None, "no-cache"), (False, None, "max-age=43200"), (True, 60, "max-age=60")],
)
async def test_static_files_under_debug(debug: bool, setting: int | None, expected: str) -> None:
    """Browsers ask each time whether they have changed, unless the setting was made."""
    app = Quart(__name__, static_folder=str(Path(__file__).parent), static_url_path="/static")
    app.debug = debug
    if setting is not None:
        app.config["SEND_FILE_MAX_AGE_DEFAULT"] = setting
    response = await get(app, "/static/conftest.py")

    assert expected in response.headers["cache-control"]
