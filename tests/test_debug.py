"""The debug page: everything in it, and nothing of it unescaped."""

import linecache
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
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.elements.add(tag)
        self.attributes.update(name for name, _ in attrs)

    def handle_data(self, data: str) -> None:
        self.text += data


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

    assert "script" not in page.elements
    assert "<script" not in html
    assert EVIL in page.text
    assert page.attributes <= {"class", "start", "open", "lang", "charset"}
    assert "default-src 'none'" in response.headers["Content-Security-Policy"]


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
    assert 60 > (await page_of(error)).text.count("because of")


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


async def test_errors_without_source_or_traceback() -> None:
    namespace: dict[str, Any] = {}
    exec("def f():\n    raise KeyError('generated')", namespace)

    assert "generated" in (await page_of(raised(namespace["f"]))).text
    assert "ValueError: never raised" in (await page_of(ValueError("never raised"))).text
    assert "SyntaxError" in (await page_of(raised(lambda: compile("a b", "x", "exec")))).text


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
        response = await get(app, path)
        assert 500 == response.status
        assert debug is ("a local of" in response.text)
    if debug:
        with pytest.raises(Rejected) as caught:
            async with connect(app, "/ws", extensions=["websocket.http.response"]):
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
