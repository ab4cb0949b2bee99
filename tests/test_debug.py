"""The debug page: everything in it but secrets, and nothing of it unescaped."""

import asyncio
import linecache
import os
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from asgi import Rejected, connect, get

from quart import Quart, Response
from quart.debug import traceback_response

EVIL = "<script>alert('x')</script>\"'&"


class Page(HTMLParser):
    """The elements and the text of a page."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: set[str] = set()
        self.attributes: set[str] = set()
        self.text = ""
        self.open: list[str] = []
        self.marked: list[str] = []
        self._summary = self._mark = False
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.elements.add(tag)
        self.attributes.update(name for name, _ in attrs)
        self._summary = (tag == "details" and ("open", None) in attrs) or self._summary
        self._mark = tag == "mark"

    def handle_data(self, data: str) -> None:
        self.text += data
        if self._mark:
            self.marked.append(data)
            self._mark = False
        if self._summary and data.strip():
            self.open.append(data)  # the function whose frame is open
            self._summary = False


async def page_of(error: BaseException) -> Page:
    response = await traceback_response(error)
    assert isinstance(response, Response)
    assert (500, "text/html; charset=utf-8") == (response.status_code, response.content_type)
    return Page(await response.get_data(as_text=True))


def raised(func: Any) -> BaseException:
    try:
        func()
    except BaseException as error:
        return error
    raise AssertionError("nothing was raised")


async def test_the_page_shows_frames_source_and_locals() -> None:
    def inner(number: int) -> None:
        inside = "inner value"
        raise KeyError(f"{number} {inside}")  # the line that raised

    def outer() -> None:
        outside = "outer value"
        inner(7)
        print(outside)

    page = await page_of(raised(outer))

    assert "KeyError: '7 inner value'" in page.text
    assert Path(__file__).name in page.text
    assert "# the line that raised" in page.text
    assert "outer value" in page.text
    assert "inner value" in page.text
    assert ".<locals>.inner" in page.text


async def test_everything_is_escaped(tmp_path: Path) -> None:
    """The message, the type, locals, names, source and file names; and nothing could run."""

    class Evil:
        def __repr__(self) -> str:
            return EVIL

    source = f"def f(value, evil):\n    raise ValueError(value)  # {EVIL}\n"
    name = f"{tmp_path}/{EVIL}.py"
    linecache.cache[name] = (len(source), None, source.splitlines(True), name)
    namespace: dict[str, Any] = {}
    exec(compile(source, name, "exec"), namespace)
    error_type = type(EVIL, (Exception,), {})

    def fail() -> None:
        try:
            namespace["f"](EVIL, Evil())
        except ValueError as error:
            error.add_note(EVIL)
            raise error_type(EVIL) from ExceptionGroup(EVIL, [error])

    error = raised(fail)
    page = await page_of(error)
    response = await traceback_response(error)
    html = await response.get_data(as_text=True)

    policy = response.headers["Content-Security-Policy"]
    nonces = set(re.findall("'nonce-(.+?)'", policy))

    assert 1 == len(nonces)
    assert [f'<script nonce="{nonces.pop()}"'] == re.findall("<script[^>]*", html)
    assert EVIL in page.text
    assert page.attributes <= {
        *("class", "start", "open", "lang", "charset", "name", "content", "nonce", "type", "id"),
        *("data-console", "data-secret"),
    }
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "http" not in policy


async def test_causes_and_contexts_are_shown() -> None:
    def chain() -> None:
        try:
            try:
                raise KeyError("first")
            except KeyError:
                raise ValueError("second")  # noqa: B904
        except ValueError as error:
            raise TypeError("third") from error

    text = (await page_of(raised(chain))).text

    places = [
        text.index(word) for word in ("'third'", "because of", "'second'", "while", "'first'")
    ]
    assert sorted(places) == places


async def test_a_suppressed_context_is_not_shown() -> None:
    def fail() -> None:
        try:
            raise KeyError("hidden")
        except KeyError:
            raise ValueError("shown") from None

    text = (await page_of(raised(fail))).text

    assert "ValueError: shown" in text
    assert f"KeyError: {'hidden'!r}" not in text


async def test_groups_are_opened() -> None:
    """And groups within groups, each error with its own frames."""

    def part() -> None:
        in_part = "value in the part"
        raise KeyError(in_part)

    group = ExceptionGroup(
        "outer",
        [raised(part), ExceptionGroup("inner", [ValueError("deep")])],  # type: ignore[list-item]
    )
    text = (await page_of(group)).text

    for expected in ("outer (2 sub-exceptions)", "value in the part", "inner", "ValueError: deep"):
        assert expected in text


async def test_notes_are_shown() -> None:
    error = ValueError("x")
    error.add_note("a note")

    assert "a note" in (await page_of(error)).text


async def test_a_circle_of_errors_ends() -> None:
    one, two = ValueError("one"), ValueError("two")
    one.__cause__, two.__cause__ = two, one

    assert "ValueError: two" in (await page_of(one)).text


async def test_a_long_chain_and_a_deep_recursion_are_cut() -> None:
    def recurse(depth: int) -> None:
        if depth:
            recurse(depth - 1)
        raise ValueError("bottom")

    error: BaseException = ValueError("0")
    for number in range(200):
        following = ValueError(f"{number}")
        following.__cause__ = error
        error = following

    assert "frames are left out" in (await page_of(raised(lambda: recurse(500)))).text
    assert 60 > (await page_of(error)).text.partition("As text")[0].count("because of")


async def test_objects_that_misbehave_are_shown_somehow() -> None:
    """Reprs that fail, are endless or huge, and messages that cannot be had."""

    class Failing:
        def __repr__(self) -> str:
            raise RuntimeError("no")

    class FailingError(Exception):
        def __str__(self) -> str:
            raise RuntimeError("no")

    def fail() -> None:
        failing = Failing()
        endless: list[Any] = []
        endless.append(endless)
        huge = "x" * 10_000_000
        many = list(range(1_000_000))
        raise FailingError(failing, endless, huge, many)

    response = await traceback_response(raised(fail))
    html = await response.get_data(as_text=True)

    assert "Failing, whose repr raises RuntimeError" in Page(html).text
    assert 100_000 > len(html)


async def test_classes_and_names_that_misbehave_are_shown_somehow() -> None:
    """Classes that answer no question, and class bodies whose names are no text."""

    class Meta(type):
        def __getattribute__(cls, name: str) -> Any:
            raise RuntimeError("no")

        @classmethod
        def __prepare__(metacls, name: str, bases: Any, **options: Any) -> Any:
            return {Failing(): 1} if options else {}

    class Failing:
        def __str__(self) -> str:
            raise RuntimeError("no")

    class Silent(metaclass=Meta):
        pass

    def fail() -> None:
        silent = object.__new__(Silent)

        class Body(metaclass=Meta, raises=True):
            raise ValueError(silent)

    page = await page_of(raised(fail))
    assert "<Silent, whose repr raises RuntimeError>" in page.text


async def test_plain_text_commands_no_terminal() -> None:
    """Control characters in an error, which may be a client's, are escaped."""
    app = Quart(__name__)
    app.debug = True

    @app.get("/")
    async def index() -> str:
        raise ValueError("\x1b]0;title\x07\x9b31m\ttab")

    body = (await get(app, "/", headers={"accept": "*/*"})).body.decode()
    assert "ValueError: \\x1b]0;title\\x07\\x9b31m\ttab\n" in body


@pytest.mark.parametrize("raises", [KeyboardInterrupt, SystemExit, GeneratorExit, RecursionError])
async def test_a_repr_may_raise_anything(raises: type[BaseException]) -> None:
    class Failing:
        def __repr__(self) -> str:
            raise raises

        @property  # type: ignore[misc]
        def __class__(self) -> Any:
            raise raises

    class FailingError(Exception):
        def __str__(self) -> str:
            raise raises

    def fail() -> None:
        failing = Failing()
        within = {"list": [Failing()]}
        raise FailingError(failing, within)

    text = (await page_of(raised(fail))).text

    assert f"Failing, whose repr raises {raises.__name__}" in text
    assert "FailingError" in text


async def test_lone_surrogates_are_shown() -> None:
    """As file names have them that are no UTF-8."""

    def fail() -> None:
        name = "\udcff"
        raise OSError(f"cannot read {name}")

    text = (await page_of(raised(fail))).text

    assert "cannot read \\udcff" in text


async def test_errors_without_source_or_traceback() -> None:
    namespace: dict[str, Any] = {}
    exec("def f():\n    raise KeyError('generated')", namespace)

    assert "generated" in (await page_of(raised(namespace["f"]))).text
    assert "ValueError: never raised" in (await page_of(ValueError("never raised"))).text
    assert "SyntaxError" in (await page_of(raised(lambda: compile("a b", "x", "exec")))).text


# What is shown of it at once


async def test_the_frames_of_the_application_are_open_and_the_innermost_is_first() -> None:
    """Those of libraries and of the framework are folded, wherever they are."""

    def innermost() -> None:
        raise KeyError("x")

    def key(number: int) -> int:
        innermost()
        return number

    async def view() -> None:
        import json

        json.loads("[1]", object_hook=key, parse_int=key)

    app = Quart(__name__)
    app.debug = True
    app.add_url_rule("/", view_func=view)
    page = Page((await get(app, headers={"accept": "text/html"})).text)
    names = [name.rpartition(".")[2] for name in page.open]

    assert ["innermost", "key", "view"] == names
    assert re.search(r"calls? in Python, quart|calls? in quart", page.text)
    assert re.search(r"calls? in Python", page.text)


async def test_the_expression_that_raised_is_marked() -> None:
    def fail() -> None:
        numbérs = {"one": 1}
        print(numbérs["one"] + len(numbérs["two"]))  # type: ignore[arg-type]

    def over_lines() -> None:
        print(
            1,
            fail(),
        )

    page = await page_of(raised(over_lines))

    assert 'numbérs["two"]' == page.marked[0]
    assert "fail()" == page.marked[1]


async def test_a_line_as_long_as_a_file_is_cut_around_the_mark(tmp_path: Path) -> None:
    source = f"x = ['{'a' * 100_000}', {{}}['missing'], '{'b' * 100_000}']\n"
    file = tmp_path / "long.py"
    file.write_text(source)
    page = await page_of(raised(lambda: exec(compile(source, str(file), "exec"), {})))

    assert ["{}['missing']"] == page.marked[:1]
    assert 20_000 > len(page.text)


async def test_the_request_is_shown() -> None:
    app = Quart(__name__)
    app.debug = True
    app.secret_key = "a secret key"

    @app.post("/things/<int:number>")
    async def view(number: int) -> None:
        from quart import request, session

        session["cart"] = ["apple"]
        await request.form
        raise KeyError(number)

    async with connect_client(app) as client:
        response = await client.post(
            "/things/7?colour=green",
            form={"size": "large", "password": SECRET},
            headers={"Accept": "text/html", "X-Word": "a word"},
        )
        text = Page(await response.get_data(as_text=True)).text

    assert "POST http://localhost/things/7?colour=green" in " ".join(text.split())
    for expected in ("/things/<int:number>", "X-Word", "a word", "size", "large", "apple"):
        assert expected in text
    assert SECRET not in text


def connect_client(app: Quart) -> Any:
    client = app.test_client()
    client.raise_exceptions = False
    return client


# Secrets


SECRET = "s3cr3t-value-0123"


async def test_secrets_are_masked() -> None:
    """By the name of a variable, key, setting, header or field; in a URL; and by their value."""
    app = Quart(__name__)
    app.debug = True
    app.secret_key = SECRET
    app.config.update(
        DATABASE_URL=f"postgres://ann:{SECRET}@localhost/db",
        STRIPE={"api_key": SECRET},
        SENTRY_DSN=f"https://{SECRET}@sentry.invalid/1",
        MAIL_PASSWORD=SECRET,
    )

    class Settings:
        def __repr__(self) -> str:
            return f"Settings(user='ann', password='{SECRET}', token={SECRET})"

    @app.post("/")
    async def view() -> None:
        from quart import request

        db_password = SECRET
        apiToken = SECRET.encode()
        AWS_SECRET_ACCESS_KEY = [SECRET]
        other_name = app.secret_key
        config = app.config
        database = app.config["DATABASE_URL"]
        sentry = {"SENTRY_DSN": app.config["SENTRY_DSN"]}
        settings = Settings()
        query = f"a=1&access_token={SECRET}"
        connection = f"host=localhost password={SECRET} user=ann"
        nested = {"a": [{"user": "ann", "passwd": SECRET}]}
        pairs = [(b"authorization", f"Bearer {SECRET}".encode())]
        environment = os.environ
        scope = request.scope
        await request.form
        raise KeyError("shown")

    os.environ["MY_TOKEN"] = SECRET
    try:
        async with connect_client(app) as client:
            response = await client.post(
                f"/?token={SECRET}",
                form={"new_password": SECRET},
                headers={
                    "Accept": "text/html",
                    "Authorization": f"Bearer {SECRET}",
                    "Cookie": f"session={SECRET}",
                    "X-Api-Key": SECRET,
                },
            )
    finally:
        del os.environ["MY_TOKEN"]
    html = await response.get_data(as_text=True)
    text = Page(html).text
    shown = text.partition("As text")[0]

    assert "KeyError: 'shown'" in text
    assert SECRET not in html
    for name in ("db_password", "apiToken", "SENTRY_DSN", "new_password", "X-Api-Key", "scope"):
        assert name in shown
    assert "postgres://ann:********@localhost/db" in shown
    assert "user='ann'" in shown


async def test_what_is_no_secret_is_shown() -> None:
    def fail() -> None:
        monkey = "a monkey"
        password = None
        tokens_are_checked = True
        email_in = "https://example.org:8080/?mail=ann@example.org"
        order = "sorted(names, key=len)"
        raise KeyError(monkey, password, tokens_are_checked, email_in, order)

    text = (await page_of(raised(fail))).text
    cells = " ".join(text.split())

    for expected in (
        "monkey'a monkey'",
        "passwordNone",
        "tokens_are_checkedTrue",
        "'https://example.org:8080/?mail=ann@example.org'",
        "'sorted(names, key=len)'",
    ):
        assert expected in cells


# For clients that read no HTML


@pytest.mark.parametrize("accept", ["*/*", "application/json", "text/html;q=0", ""])
async def test_clients_that_read_no_html_get_text(accept: str) -> None:
    """`curl` and `fetch`: a traceback, at its end the application's own frames."""
    app = Quart(__name__)
    app.debug = True

    @app.get("/path")
    async def view() -> None:
        local = "a local"
        await asyncio.wait_for(own(local), 1)

    async def own(number: str) -> None:
        int(number)

    response = await get(app, "/path", headers={"accept": accept})
    end = response.text[-600:]

    assert (500, "text/plain; charset=utf-8") == (response.status, response.headers["content-type"])
    assert response.text.startswith("Traceback (most recent call last):")
    assert "wait_for(own(local), 1)\n" in end
    assert re.search(r"in .*own\n +int\(number\)\nValueError: invalid literal", end)
    assert "/quart/" not in end
    assert end.endswith("\n\nGET /path\n")


@pytest.mark.parametrize("accept", ["text/html", "text/html,application/xhtml+xml,*/*;q=0.8"])
async def test_browsers_get_the_page(accept: str) -> None:
    app = Quart(__name__)
    app.debug = True

    @app.get("/")
    async def view() -> None:
        raise KeyError

    response = await get(app, "/", headers={"accept": accept})

    assert "text/html; charset=utf-8" == response.headers["content-type"]


# Errors of other kinds


def shop() -> Quart:
    app = Quart(__name__)
    app.debug = True

    @app.get("/users/<int:user_id>/orders")
    async def orders(user_id: int) -> str:
        return ""

    @app.post("/basket")
    async def basket() -> str:
        return ""

    @app.websocket("/live")
    async def live() -> None: ...

    return app


@pytest.mark.parametrize(
    "path, route",
    [
        ("/user/3/orders", "GET /users/&lt;int:user_id&gt;/orders (endpoint &#39;orders&#39;)"),
        ("/users/ann/orders", "GET /users/&lt;int:user_id&gt;/orders"),
        ("/baskett", "POST /basket (endpoint &#39;basket&#39;)"),
        ("/lives", "WEBSOCKET /live"),
    ],
)
async def test_a_404_names_the_routes_that_are_near(path: str, route: str) -> None:
    app = shop()
    response = await get(app, path)
    app.debug = False

    assert 404 == response.status
    assert "Similar routes" in response.text
    assert route in response.text
    assert "near" not in (await get(app, path)).text


async def test_a_404_far_from_everything_says_so() -> None:
    response = await get(shop(), "/quite/another/path" + "/x" * 5_000)

    assert "No route is similar" in response.text


async def test_a_405_names_the_methods() -> None:
    response = await get(shop(), "/basket")

    assert 405 == response.status
    assert "The path allows these methods: OPTIONS, POST." in response.text
    assert {"OPTIONS", "POST"} == set(response.headers["allow"].split(", "))


async def test_a_404_of_a_view_and_one_with_a_handler_are_left_alone() -> None:
    app = shop()

    @app.get("/view")
    async def view() -> None:
        from quart import abort

        abort(404)

    assert "near" not in (await get(app, "/view")).text

    app = shop()

    @app.errorhandler(404)
    async def not_found(error: Exception) -> str:
        return str(error)

    assert "near" not in (await get(app, "/baskett")).text


async def test_a_missing_template_names_the_places_that_were_searched(tmp_path: Path) -> None:
    from quart import Blueprint, render_template

    (tmp_path / "pages").mkdir()
    app = Quart(__name__, template_folder=str(tmp_path / "pages"))
    app.debug = True
    blueprint = Blueprint("admin", __name__, template_folder=str(tmp_path / "none"))
    app.register_blueprint(blueprint)

    @app.get("/")
    async def view() -> str:
        return await render_template("missing.html")

    text = (await get(app, "/", headers={"accept": "*/*"})).text

    assert "TemplateNotFound: missing.html" in text
    assert (
        f"Templates are looked for in {tmp_path}/pages (the application), then {tmp_path}/none"
        " (the blueprint 'admin', which is not a directory)." in text
    )


async def test_little_is_asked_of_a_long_value() -> None:
    """Of the items of a long list, a subclass included, only those that are shown."""
    asked = []

    class Item:
        def __repr__(self) -> str:
            asked.append(self)
            return "Item()"

    class Items(list[Item]):
        pass

    app = Quart(__name__)
    app.debug = True

    @app.get("/")
    async def view() -> None:
        items = Items(Item() for _ in range(10_000))
        raise KeyError("broken")

    text = (await get(app, headers={"accept": "text/html"})).text

    assert "Item(), Item()" in text
    assert len(asked) < 1000


# When it is shown


@pytest.mark.parametrize("debug", [True, False])
async def test_the_page_is_for_debug_mode(debug: bool) -> None:
    """In the view, in a hook and in a websocket before it is accepted; never in production."""
    app = Quart(__name__)
    app.debug = debug

    @app.get("/")
    async def view() -> None:
        secret = "a local of the view"
        raise KeyError(secret)

    @app.get("/after")
    async def after() -> str:
        return ""

    @app.after_request
    async def hook(response: Response) -> Response:
        if response.status_code == 200:
            secret = "a local of the hook"
            raise KeyError(secret)
        return response

    @app.websocket("/ws")
    async def ws() -> None:
        secret = "a local of the websocket"
        raise KeyError(secret)

    for path in ("/", "/after"):
        response = await get(app, path, headers={"accept": "text/html"})
        assert 500 == response.status
        assert debug is ("a local of" in response.text)
    if debug:
        with pytest.raises(Rejected) as caught:
            accept = {"accept": "text/html"}
            async with connect(app, "/ws", headers=accept, extensions=["websocket.http.response"]):
                pass
        assert "a local of the websocket" in caught.value.response.text


async def test_testing_alone_raises() -> None:
    """The error goes to the test, not onto a page."""
    app = Quart(__name__)
    app.testing = True

    @app.get("/")
    async def view() -> None:
        raise KeyError("to the test")

    await get(app, raises=KeyError)
