"""What the documentation shows, as users write it, for mypy and pyright: nothing here runs."""
# pyright: reportUnknownVariableType=true

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from typing import Any

from werkzeug.exceptions import NotFound
from werkzeug.wrappers import Response as WerkzeugResponse

from quart import (
    Blueprint,
    Quart,
    Response,
    abort,
    flash,
    g,
    jsonify,
    make_response,
    redirect,
    render_template,
    request,
    send_file,
    session,
    stream_template,
    url_for,
    websocket,
)
from quart.typing import ResponseReturnValue
from quart.utils import run_sync

app = Quart(__name__)
blueprint = Blueprint("shop", __name__)


# Views


@app.get("/a")
async def returns_anything() -> ResponseReturnValue:
    return "", 201, {"X-A": "b"}


@app.route("/b", methods=["GET", "POST"], max_content_length=2**20, cancel_on_disconnect=False)
def returns_anything_in_a_thread() -> ResponseReturnValue:
    return {"a": 1}


@app.post("/c", body_timeout=None, max_form_parts=10, max_form_memory_size=None)
async def form() -> WerkzeugResponse | Response:
    name = (await request.form)["name"]
    session["name"] = name
    await flash(f"Hello, {name}")
    return redirect(url_for("returns_anything"))


@blueprint.delete("/d/<int:number>")
async def delete(number: int) -> tuple[str, int]:
    if number:
        abort(404)
    return "", 204


@app.get("/e")
async def template() -> str:
    return await render_template("a.html", user=g.user)


@app.get("/f")
async def file() -> Response:
    return await send_file("a.txt")


@app.get("/g")
async def stream() -> AsyncIterator[str]:
    return await stream_template("a.html")


@app.get("/h")
def generate() -> Iterator[str]:
    yield "a"


@app.get("/i")
async def json() -> Response:
    data: Any = await request.get_json()
    response = await make_response(jsonify(data))
    response.headers["X-A"] = "b"
    return response


@app.websocket("/ws")
async def ws() -> None:
    async for message in websocket:
        await websocket.send(message)


# Hooks


@app.before_request
async def before() -> ResponseReturnValue | None:
    return None


@app.before_request
def before_in_a_thread() -> None:
    g.user = "ann"


@app.after_request
async def after(response: Response) -> Response:
    return response


@app.teardown_request
async def teardown(error: BaseException | None) -> None: ...


@app.errorhandler(404)
async def not_found(error: NotFound) -> ResponseReturnValue:
    return "", 404


@app.errorhandler(KeyError)
def key_error(error: KeyError) -> tuple[dict[str, str], int]:
    return {"error": str(error)}, 500


@blueprint.app_errorhandler(500)
async def failed(error: Exception) -> ResponseReturnValue:
    return "", 500


@app.while_serving
async def lifespan() -> AsyncIterator[None]:
    yield


@app.while_serving
async def other_lifespan() -> AsyncGenerator[None, None]:
    yield


@app.before_serving
async def start() -> None: ...


@app.template_filter("shout")
def shout(text: str) -> str:
    return text.upper()


@app.template_filter()
def whisper(text: str) -> str:
    return text.lower()


@app.template_global("now")
def now() -> str:
    return ""


@app.context_processor
async def values() -> dict[str, Any]:
    return {}


# Tests and sync code


async def test_view() -> None:
    client = app.test_client()
    response = await client.post("/c", form={"name": "Ann"}, headers={"A": "b"})
    assert response.status_code == 302
    response = await client.get("/a", query_string={"page": "2"}, follow_redirects=True)
    text: str = await response.get_data(as_text=True)
    assert text
    assert (await response.json)["a"] == 1
    async with client.websocket("/ws") as connection:
        await connection.send("a")
    number: int = await run_sync(len)("a")
    assert number
    response.text.upper()


# What is an error


async def errors() -> None:
    client = app.test_client()
    await client.get("/", params={"a": 1})  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    await run_sync(len)(1)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    (request.form)["a"]  # type: ignore[index]  # pyright: ignore[reportIndexIssue]


@app.get("/x", max_content_length="1")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
async def wrong_option() -> str:
    return ""


@app.get("/y")  # type: ignore[type-var]  # pyright: ignore[reportArgumentType]
async def wrong_value() -> set[int]:
    return {1}
