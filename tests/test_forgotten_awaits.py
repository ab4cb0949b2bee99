"""What a developer is told who forgot an `await`: each place is named."""

import asyncio
import gc
import inspect
import re
import warnings
from collections.abc import Callable
from io import BytesIO
from typing import Any

import pytest
from connections import Connection

import quart
from quart import (
    Quart,
    Response,
    flash,
    make_response,
    render_template_string,
    request,
    send_file,
    stream_template_string,
    websocket,
)
from quart.datastructures import FileStorage
from quart.forgotten import log_forgotten_awaits


async def raised_in_a_view(view: Callable[[], Any]) -> str:
    """What an error of a view says, asked with a form, and the notes of the application."""
    app = Quart(__name__)
    app.secret_key = "a key"
    app.testing = True
    app.post("/view", endpoint="a_view")(view)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with pytest.raises((AttributeError, TypeError)) as caught:
            await app.test_client().post("/view", form={"a": "1"})
        text = "\n".join([str(caught.value), *getattr(caught.value, "__notes__", ())])
        del caught  # whose frames hold what was not awaited
        gc.collect()
    return text


async def returned() -> Any:
    return render_template_string("x")


async def item_of_form() -> Any:
    return (request.form)["a"]


async def get_of_form() -> Any:
    return request.form.get("a")


async def truth_of_form() -> Any:
    return "yes" if request.form else "no"


async def in_form() -> Any:
    return "yes" if "a" in request.form else "no"


async def loop_over_form() -> Any:
    return [key.upper() for key in request.form]


async def item_of_files() -> Any:
    return request.files["a"]


async def item_of_json() -> Any:
    return request.get_json()["a"]


async def merged_json() -> Any:
    return request.json | {"b": 2}  # type: ignore[operator]


async def decode_data() -> Any:
    return request.data.decode()


async def decode_get_data() -> Any:
    return request.get_data().decode()


async def upper_of_template() -> Any:
    return render_template_string("x").upper()


async def template_and_more() -> Any:
    return "a" + render_template_string("x")


async def f_string() -> Any:
    return f"<p>{render_template_string('x')}</p>"


async def str_of() -> Any:
    return str(request.get_data())


async def in_a_condition_of_a_template() -> Any:
    return await render_template_string("{% if x == 1 %}a{% endif %}", x=request.form)


async def in_a_template() -> Any:
    return await render_template_string("{{ x }}", x=render_template_string("y"))


async def headers_of_made_response() -> Any:
    response = make_response("x")
    response.headers["a"] = "b"
    return response


async def headers_of_file() -> Any:
    return send_file(BytesIO(b"x")).headers


async def stream_of_template() -> Any:
    async for piece in stream_template_string("x"):
        return piece


async def equal_json_of_response() -> Any:
    response = Response("{}")
    return "yes" if response.json == {} else "no"


async def item_of_json_of_response() -> Any:
    return Response("{}").json["a"]


async def text_of_response() -> Any:
    return Response("{}").get_data(as_text=True).upper()


PLACES = {
    returned: "The view function for 'a_view' returned a coroutine: an 'await' is missing",
    item_of_form: "write (await request.form)",
    get_of_form: "write (await request.form).get",
    truth_of_form: "write (await request.form)",
    in_form: "write (await request.form)",
    loop_over_form: "write (await request.form)",
    item_of_files: "write (await request.files)",
    item_of_json: "write (await request.get_json())",
    merged_json: "write (await request.json)",
    decode_data: "write (await request.data).decode",
    decode_get_data: "write (await request.get_data()).decode",
    upper_of_template: "write (await render_template_string(...)).upper",
    template_and_more: "write (await render_template_string(...))",
    f_string: "write (await render_template_string(...))",
    str_of: "write (await request.get_data())",
    in_a_condition_of_a_template: "write (await request.form)",
    headers_of_made_response: "write (await make_response(...)).headers",
    headers_of_file: "write (await send_file(...)).headers",
    stream_of_template: "Perhaps an 'await' is missing",
    in_a_template: "write (await render_template_string(...))",
    equal_json_of_response: "write (await response.json)",
    item_of_json_of_response: "write (await response.json)",
    text_of_response: "write (await response.get_data(...)).upper",
}


@pytest.mark.parametrize("view", PLACES, ids=lambda view: view.__name__)
async def test_a_value_that_was_not_awaited(view: Callable[[], Any]) -> None:
    assert PLACES[view] in await raised_in_a_view(view)


async def never_awaited(drop: Callable[[], Any]) -> str:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        drop()
        gc.collect()
    return "\n".join(str(warning.message) for warning in caught)


async def test_statements_are_named_by_pythons_warning() -> None:
    app = Quart(__name__)
    app.secret_key = "a key"
    file = FileStorage(BytesIO(b"x"))

    @app.websocket("/ws")
    async def ws() -> None:
        assert "Websocket.send' was never awaited" in await never_awaited(
            lambda: websocket.send("x")
        )
        await websocket.send("as it was")

    async with app.test_request_context("/"):
        assert "'flash' was never awaited" in await never_awaited(lambda: flash("x"))
    assert "'FileStorage.save' was never awaited" in await never_awaited(lambda: file.save("x"))
    async with app.test_client().websocket("/ws") as client:
        assert "as it was" == await client.receive()


async def test_a_file_that_is_saved_is_named_where_it_is_used() -> None:
    saving: Any = FileStorage(BytesIO(b"x")).save("x")
    with pytest.raises(TypeError, match=r"file\.save\(\) gives its value only when awaited"):
        bool(saving)
    saving.close()


@pytest.mark.filterwarnings("ignore:coroutine")
@pytest.mark.parametrize("stage", ["before_{}", "after_{}"])
async def test_a_hook_that_returns_a_coroutine_is_named(connection: Connection, stage: str) -> None:
    """Not the view."""
    app = connection.app
    errors: list[str] = []

    def note(app: Quart, exception: Exception) -> None:
        errors.append(str(exception))

    connection.twin("got_{}_exception", quart.signals).connect(note, app)

    @connection.twin(stage)
    async def the_hook(*args: Any) -> Any:
        return render_template_string("x")

    @connection.route()
    async def view() -> str:
        return "x"

    await connection.get()

    assert "the_hook returned a coroutine: an 'await' is missing" in errors[0]


async def test_an_error_handler_that_returns_a_coroutine_is_named() -> None:
    app = Quart(__name__)
    app.testing = True

    @app.errorhandler(404)
    async def not_found(error: Exception) -> Any:
        return render_template_string("x")

    with pytest.raises(TypeError, match=r"The error handler .*not_found returned a coroutine"):
        await app.test_client().get("/")


@pytest.mark.parametrize("decorator", ["route", "get", "post", "websocket"])
def test_a_decorator_without_parentheses(decorator: str) -> None:
    app = Quart(__name__)

    with pytest.raises(
        TypeError, match=r"requires a rule: write @app\.\w+\('/index'\) above index"
    ):

        @getattr(app, decorator)  # type: ignore[untyped-decorator]
        async def index() -> None: ...


async def test_what_is_awaited_is_what_it_was() -> None:
    """In tasks, threads and generic code."""
    app = Quart(__name__)
    app.test_client()
    async with app.test_request_context("/", method="POST", form={"a": "1"}):
        form = request.form
        assert inspect.isawaitable(form)
        assert asyncio.iscoroutine(form)
        assert "<request.form, to be awaited>" == repr(form)
        assert form == form
        assert form in [form]
        assert "1" == (await form)["a"]
        assert "1" == (await asyncio.create_task(request.form))["a"]
        assert ["1", "1"] == [
            each["a"] for each in await asyncio.gather(request.form, request.form)
        ]


async def test_a_task_of_what_is_awaited_can_be_described() -> None:
    """asyncio itself asks for the truth of a coroutine, in the repr of its task."""
    client = Quart(__name__).test_client()
    task = asyncio.create_task(client.get("/"))

    assert "<Task pending name=" in repr(task)
    assert 404 == (await task).status_code
    assert "<Task finished name=" in repr(task)


async def test_a_warning_from_a_request_is_logged_with_it(caplog: pytest.LogCaptureFixture) -> None:
    app = Quart(__name__)
    app.secret_key = "a key"

    @app.get("/path")
    async def view() -> str:
        flash("x")
        return ""

    with warnings.catch_warnings():
        log_forgotten_awaits()
        await app.test_client().get("/path")
        gc.collect()

    line = inspect.getsourcelines(view)[1] + 2
    assert re.fullmatch(
        rf"On request GET /path: coroutine 'flash' was never awaited \(.*\.py, line {line}\)",
        caplog.messages[0].replace("\n", " "),
    ), caplog.messages
