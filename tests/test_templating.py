"""Templates: rendered whole and as streams, and all that they see."""

import logging
import os
import threading
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import jinja2
import pytest
from asgi import Response, connect, get
from markupsafe import Markup

from quart import (
    Blueprint,
    Quart,
    before_render_template,
    flash,
    g,
    get_template_attribute,
    render_template,
    render_template_string,
    request,
    session,
    stream_template,
    stream_template_string,
    template_rendered,
    websocket,
)
from quart.templating import DispatchingJinjaLoader, Environment


@pytest.fixture
def app(tmp_path: Path) -> Quart:
    """An app with a folder of templates, and a blueprint within a blueprint, each with its own."""
    for folder, names in {
        "templates": ["app.html", "both.html"],
        "outer": ["outer.html", "both.html"],
        "inner": ["inner.html"],
    }.items():
        (tmp_path / folder).mkdir()
        for name in names:
            (tmp_path / folder / name).write_text(f"{folder}: {{{{ value }}}}")
    app = Quart(__name__, root_path=str(tmp_path))
    app.secret_key = "secret"
    outer = Blueprint("outer", __name__, root_path=str(tmp_path), template_folder="outer")
    inner = Blueprint("inner", __name__, root_path=str(tmp_path), template_folder="inner")

    @outer.context_processor
    def of_outer() -> dict[str, str]:
        return {"b": "outer", "c": "outer"}

    @inner.context_processor
    async def of_inner() -> dict[str, str]:
        return {"c": "inner"}

    @inner.get("/inner")
    async def view() -> str:
        return await render_template_string(app.source)  # type: ignore[attr-defined]

    @app.get("/")
    async def index() -> str:
        return await render_template_string(app.source)  # type: ignore[attr-defined]

    outer.register_blueprint(inner)
    app.register_blueprint(outer)
    return app


async def render(app: Quart, source: str, path: str = "/") -> str:
    """What a view makes of the source of a template."""
    app.source = source  # type: ignore[attr-defined]
    response = await get(app, path)
    assert 200 == response.status
    return response.text


# Rendering


async def test_render_template(app: Quart) -> None:
    """By name, by the first name of a list that exists, or a template itself."""
    async with app.app_context():
        template = app.jinja_env.get_template("app.html")

        assert "templates: &lt;" == await render_template("app.html", value="<")
        assert "templates: 1" == await render_template(["no.html", "app.html"], value=1)
        assert "templates: 1" == await render_template(template, value=1)
        assert "templates: 1" == await render_template(["no.html", template], value=1)
        assert "inner: 1" == await render_template("inner.html", value=1)
        assert "templates: 1" == await render_template("both.html", value=1)


async def test_a_missing_template_is_named(app: Quart) -> None:
    async with app.app_context():
        for name in ("no.html", ["no.html", "none.html"]):
            with pytest.raises(jinja2.TemplateNotFound, match=r"no\.html"):
                await render_template(name)


async def test_rendering_needs_an_application() -> None:
    for function in (render_template, render_template_string, stream_template):
        with pytest.raises(RuntimeError, match="application context"):
            await function("x")


async def test_stream_template(app: Quart) -> None:
    """In parts, by name or from source."""
    async with app.app_context():
        parts = await stream_template("app.html", value="<")
        from_source = await stream_template_string("{% for i in range(3) %}{{ i }},{% endfor %}")

        assert isinstance(parts, AsyncIterator)
        assert ["templates: ", "&lt;"] == [part async for part in parts]
        assert "0,1,2," == "".join([part async for part in from_source])


async def test_stream_template_in_sync_code(app: Quart) -> None:
    """It gives an iterator of text, as Flask's; what yields async items is still streamed so."""

    async def numbers() -> AsyncIterator[int]:
        yield 1
        yield 2

    source = "{% for item in items %}{{ item }},{% endfor %}"
    kinds = []

    @app.get("/joined")
    def joined() -> str:
        parts: Any = stream_template("app.html", value="<")
        kinds.append(type(next(parts)))
        return "".join(parts) + "".join(stream_template_string(source, items=[1, 2]))  # type: ignore[arg-type]

    @app.get("/async")
    def of_async_items() -> Any:
        return stream_template_string(source, items=numbers())

    assert "&lt;1,2," == (await get(app, "/joined")).text
    assert [str] == kinds
    assert "1,2," == (await get(app, "/async")).text


@pytest.mark.parametrize("kind", ["async", "sync"])
async def test_a_streamed_template_keeps_the_context(app: Quart, kind: str) -> None:
    """``g``, the request and the session are there to the last part; teardown is after that."""
    events = []
    source = (
        "{% for i in range(2) %}{{ g.x }}{{ request.path }}{{ session.y }}{{ url_for('index') }} "
        "{% endfor %}"
    )

    @app.get("/async")
    async def view() -> Any:
        g.x, session["y"] = 1, 2
        return await stream_template_string(source)

    @app.get("/sync")
    def sync_view() -> Any:
        g.x, session["y"] = 1, 2
        return stream_template_string(source)

    @template_rendered.connect_via(app)
    def rendered(*args: Any, **kwargs: Any) -> None:
        events.append("rendered")

    @app.teardown_request
    async def teardown(error: BaseException | None) -> None:
        events.append("teardown")

    response = await get(app, f"/{kind}")

    assert f"1/{kind}2/ " * 2 == response.text
    assert ["rendered", "teardown"] == events


async def test_sync_views_render_without_await(app: Quart) -> None:
    @app.get("/sync")
    def view() -> str:
        flash("hey")  # type: ignore[unused-coroutine]
        return render_template("app.html", value=request.path) + render_template_string(  # type: ignore[return-value, operator]
            "{{ get_flashed_messages()[0] }}"
        )

    assert "templates: /synchey" == (await get(app, "/sync")).text


async def test_get_template_attribute(app: Quart) -> None:
    """A macro, or a variable; what the macro gives is awaited, but not in sync code."""
    (Path(app.root_path) / "templates" / "macros.html").write_text(
        "{% macro hello(name) %}Hello {{ name }}!{% endmacro %}{% set number = 3 %}"
    )

    @app.get("/sync")
    def view() -> str:
        return str(get_template_attribute("macros.html", "hello")("you"))

    async with app.app_context():
        assert 3 == get_template_attribute("macros.html", "number")
        assert "Hello &lt;!" == await get_template_attribute("macros.html", "hello")("<")
        with pytest.raises(AttributeError, match="nothing"):
            get_template_attribute("macros.html", "nothing")
    assert "Hello you!" == (await get(app, "/sync")).text


# What templates see


async def test_the_globals(app: Quart) -> None:
    app.config["X"] = "config"

    @app.before_request
    async def before() -> None:
        g.x, session["x"] = "g", "session"
        await flash("flashed")

    assert "config g / session / flashed" == await render(
        app,
        "{{ config.X }} {{ g.x }} {{ request.path }} {{ session.x }} {{ url_for('index') }}"
        " {{ get_flashed_messages()[0] }}",
    )


async def test_macros_that_are_imported_see_the_globals(app: Quart) -> None:
    """They have no context of their own."""
    (Path(app.root_path) / "templates" / "m.html").write_text(
        "{% macro m() %}{{ request.path }}{{ config.TESTING }}{{ g.x }}{% endmacro %}"
    )

    assert "/False" == await render(app, "{% from 'm.html' import m %}{{ m() }}")


async def test_a_websocket_renders_templates(app: Quart) -> None:
    """``websocket`` stands where ``request`` does, and flashed messages are there too."""

    @app.websocket("/ws")
    async def ws() -> None:
        await flash("flashed")
        g.x = "g"
        for source in (
            "{{ websocket.path }} {{ g.x }} {{ url_for('index') }}",
            "{{ get_flashed_messages()[0] }} {{ request is defined }}",
        ):
            await websocket.send(await render_template_string(source))

    async with connect(app, "/ws") as client:
        assert "/ws g /" == await client.receive()
        assert "flashed" == (await client.receive()).split()[0]


async def test_a_request_has_no_websocket(app: Quart) -> None:
    """It is not there, rather than there and out of reach."""
    source = "{{ websocket is defined }} {{ websocket|default('none') }}"

    assert "False none" == await render(app, source)
    async with app.app_context():
        assert "False none" == await render_template_string(source)


async def test_context_processors(app: Quart) -> None:
    """Sync, async and sync that return an awaitable; the app's first, in their order, then the
    blueprints' from the outside in."""

    @app.context_processor
    async def of_app() -> dict[str, str]:
        return {"a": "app", "b": "app", "c": "app"}

    async def later() -> dict[str, str]:
        return {"d": "awaited", "e": "awaited"}

    app.context_processor(lambda: later())
    app.context_processor(lambda: {"e": "last"})

    source = "{{ a }} {{ b }} {{ c }} {{ d }} {{ e }}"

    assert "app app app awaited last" == await render(app, source)
    assert "app outer inner awaited last" == await render(app, source, "/inner")


async def test_the_values_of_a_template_come_first(app: Quart) -> None:
    @app.context_processor
    async def processor() -> dict[str, str]:
        return {"a": "processor", "request": "processor"}

    async with app.test_request_context("/"):
        source = "{{ a }} {{ g }} {{ request }}"

        assert "own own processor" == await render_template_string(source, a="own", g="own")


async def test_sync_context_processors_share_a_thread(app: Quart) -> None:
    """They see the context, and do not hold up the loop."""
    seen = []

    @app.context_processor
    def one() -> dict[str, Any]:
        seen.append((threading.current_thread(), request.path))
        return {"a": 1}

    @app.context_processor
    def two() -> dict[str, Any]:
        seen.append((threading.current_thread(), request.path))
        return {"b": 2}

    assert "1 2" == await render(app, "{{ a }} {{ b }}")
    assert seen[0] == seen[1]
    assert threading.main_thread() is not seen[0][0]


async def test_filters_tests_and_globals(app: Quart) -> None:
    """By the three decorators and the three methods, of the app and of blueprints."""
    blueprint = Blueprint("more", __name__)
    app.template_filter()(_double)
    app.template_filter("named")(_double)
    app.add_template_filter(_double, "added")
    app.template_test()(_is_two)
    app.template_global("answer")(lambda: 42)
    blueprint.app_template_filter("from_blueprint")(_double)
    blueprint.app_template_test("of_blueprint")(_is_two)
    blueprint.app_template_global("global_of_blueprint")(lambda: 43)
    app.register_blueprint(blueprint)

    assert "2 2 2 True 42 2 True 43" == await render(
        app,
        "{{ 1|_double }} {{ 1|named }} {{ 1|added }} {{ 2 is _is_two }} {{ answer() }}"
        " {{ 1|from_blueprint }} {{ 2 is of_blueprint }} {{ global_of_blueprint() }}",
    )


async def test_filters_tests_and_globals_without_parentheses(app: Quart) -> None:
    @app.template_filter
    def double(number: int) -> int:
        return 2 * number

    @app.template_test
    def is_two(number: int) -> bool:
        return number == 2

    @app.template_global
    def answer() -> int:
        return 42

    blueprint = Blueprint("blueprint", __name__)
    assert _double is blueprint.app_template_filter(_double)
    assert _is_two is blueprint.app_template_test(_is_two)
    assert _double is blueprint.app_template_global(_double)
    app.register_blueprint(blueprint)

    assert "2 True 42" == await render(app, "{{ 1|double }} {{ 2 is is_two }} {{ answer() }}")
    assert "2 True 4" == await render(app, "{{ 1|_double }} {{ 2 is _is_two }} {{ _double(2) }}")


def _double(number: int) -> int:
    return 2 * number


def _is_two(number: int) -> bool:
    return number == 2


async def test_async_functions_are_awaited(app: Quart) -> None:
    """Those that a template calls, and async iterables that it loops over."""

    async def number() -> int:
        return 7

    async def numbers() -> AsyncIterator[int]:
        for number in range(3):
            yield number

    async with app.app_context():
        assert "7 012" == await render_template_string(
            "{{ number() }} {% for n in numbers() %}{{ n }}{% endfor %}",
            number=number,
            numbers=numbers,
        )


# Signals


async def test_signals(app: Quart) -> None:
    """One before, which may change the context, and one after; receivers sync or async."""
    seen: list[Any] = []

    @before_render_template.connect_via(app)
    async def before(sender: Any, template: Any, context: Any, **kwargs: Any) -> None:
        seen.append(("before", sender, template.name, context["value"]))
        context["value"] = "changed"

    @template_rendered.connect_via(app)
    def after(sender: Any, template: Any, context: Any, **kwargs: Any) -> None:
        seen.append(("after", sender, template.name, context["value"]))
        assert {"g", "request", "session"} <= context.keys()

    async with app.test_request_context("/") as ctx:
        assert "templates: changed" == await render_template("app.html", value="given")
        assert not ctx.session.accessed

    assert [
        ("before", app, "app.html", "given"),
        ("after", app, "app.html", "changed"),
    ] == seen


# The environment


@pytest.mark.parametrize(
    ("name", "escaped"),
    [
        ("a.html", True),
        ("a.htm", True),
        ("a.xml", True),
        ("a.xhtml", True),
        ("a.svg", True),
        ("a.txt", False),
        ("a.js", False),
    ],
)
async def test_autoescape(app: Quart, name: str, escaped: bool) -> None:
    (Path(app.root_path) / "templates" / name).write_text("{{ value }}")
    async with app.app_context():
        expected = "&lt;b&gt; <i>" if escaped else "<b> <i>"

        assert expected == " ".join(
            [await render_template(name, value=value) for value in ("<b>", Markup("<i>"))]
        )


async def test_source_is_escaped(app: Quart) -> None:
    async with app.app_context():
        assert "&lt;" == await render_template_string("{{ '<' }}")


async def test_jinja_options(app: Quart) -> None:
    """They reach the environment, which is the app's own class, async and made once."""

    class Own(Environment):
        pass

    app.jinja_environment = Own  # type: ignore[misc]
    app.jinja_options = {
        "variable_start_string": "<<",
        "variable_end_string": ">>",
        "enable_async": False,
    }
    environment = app.jinja_env

    assert isinstance(environment, Own)
    assert environment is app.jinja_env
    assert environment.is_async
    assert isinstance(environment.loader, DispatchingJinjaLoader)
    async with app.app_context():
        assert "1" == await render_template_string("<< value >>", value=1)


@pytest.mark.parametrize(
    ("setting", "debug", "expected"),
    [(None, False, False), (None, True, True), (True, False, True), (False, True, False)],
)
async def test_auto_reload(app: Quart, setting: Any, debug: bool, expected: bool) -> None:
    """A template that changed is loaded anew if the config says so, or in debug mode."""
    app.config["TEMPLATES_AUTO_RELOAD"] = setting
    app.debug = debug
    path = Path(app.root_path) / "templates" / "app.html"
    async with app.app_context():
        await render_template("app.html")
        path.write_text("changed")
        os.utime(path, (1, 1))

        assert expected == ("changed" == await render_template("app.html"))


async def test_explain_template_loading(app: Quart, caplog: pytest.LogCaptureFixture) -> None:
    """The log says where it was looked for."""
    app.config["EXPLAIN_TEMPLATE_LOADING"] = True
    with caplog.at_level(logging.INFO):
        async with app.app_context():
            await render_template("inner.html")
            with pytest.raises(jinja2.TemplateNotFound):
                await render_template("no.html")

    assert "Locating template 'inner.html'" in caplog.text
    assert "trying loader of application" in caplog.text
    assert f"{app.root_path}/inner" in caplog.text
    assert "no match" in caplog.text


async def test_an_override_of_update_template_context(app: Quart) -> None:
    """In the signature of Flask and Quart 0.22, and in the newer one."""

    class Old(Quart):
        async def update_template_context(self, context: Any) -> None:  # type: ignore[override]
            await super().update_template_context(context)
            context["which"] = "old"

    class New(Quart):
        async def update_template_context(self, ctx: Any, context: Any) -> None:
            await super().update_template_context(ctx, context)
            context["which"] = "new"

    for which, cls in (("old", Old), ("new", New)):
        async with cls(__name__).test_request_context("/path"):
            source = "{{ which }} {{ request.path }}"
            assert f"{which} /path" == await render_template_string(source)


async def test_a_template_error_is_a_500(app: Quart) -> None:
    app.source = "{{ 1 / 0 }}"  # type: ignore[attr-defined]
    response: Response = await get(app)

    assert 500 == response.status
