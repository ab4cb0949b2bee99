"""The console in the frames of the debug page: what it can do, and whom it refuses."""

import asyncio
import json
import re
import urllib.error
import urllib.request
from collections.abc import Iterator
from html import unescape
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from asgi import Response, get, post
from browser import Page, chromium
from servers.processes import free_port, running
from werkzeug.datastructures import Headers

from quart import Quart, g, request  # noqa: F401  # the console's
from quart.debug import console, page

PIN = "123-456-789"
TIMEOUT = 60


@pytest.fixture(autouse=True)
def pin(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A PIN that is known, no waiting after a wrong one, and no console left behind."""
    monkeypatch.setenv("WERKZEUG_DEBUG_PIN", PIN)
    monkeypatch.setattr("werkzeug.debug.time.sleep", lambda seconds: None)
    monkeypatch.setattr(page, "console", None)
    yield


def failing_app() -> Quart:
    app = Quart(__name__)
    app.debug = True

    @app.before_request
    async def before() -> None:
        g.user = "ann"

    async def double(number: int) -> int:
        await asyncio.sleep(0)
        return 2 * number

    @app.get("/async/<word>")
    async def in_async(word: str) -> None:
        number = 21
        raise KeyError(word, number, double)

    @app.get("/sync/<word>")
    def in_sync(word: str) -> None:
        number = 21
        raise KeyError(word, number, double)

    return app


class Client:
    """A browser that knows the page of one error."""

    def __init__(self, app: Quart, host: str = "localhost") -> None:
        self.app, self.host, self.cookie = app, host, ""
        self.html = self.secret = self.frame = ""

    async def open(self, path: str = "/async/apple") -> None:
        headers = {"accept": "text/html", "host": self.host}
        self.html = (await get(self.app, path, headers=headers)).text
        self.secret = self._found('data-secret="(.*?)"')
        self.frame = self._found('class="frame own" open data-frame="(.*?)"')

    def _found(self, pattern: str) -> str:
        match = re.search(pattern, self.html)
        return match[1] if match else ""

    async def ask(self, **parameters: Any) -> Response:
        parameters = {"__debugger__": "yes", "s": self.secret, **parameters}
        headers = {"host": self.host, "cookie": self.cookie}
        response = await post(self.app, f"/__debugger__?{urlencode(parameters)}", headers=headers)
        cookie = Headers(response.headers).get("set-cookie")
        if cookie:
            self.cookie = cookie.partition(";")[0]
        return response

    async def enter(self, pin: str = PIN) -> Any:
        return json.loads((await self.ask(cmd="pinauth", pin=pin)).text)

    async def run(self, code: str) -> str:
        response = await self.ask(cmd=code, frm=self.frame)
        assert 200 == response.status
        return unescape(re.sub("<[^>]*>", "", response.text)).partition("\n")[2].strip()


@pytest.mark.parametrize("kind", ["async", "sync"])
async def test_code_runs_in_the_frame_of_any_view(kind: str) -> None:
    """Its variables are there, `await` works, the request is the one that failed."""
    app = failing_app()
    console.start(app)
    client = Client(app)
    await client.open(f"/{kind}/apple")
    await client.enter()

    assert "42" == await client.run("2 * number")
    assert "" == await client.run("number += 1")
    assert "44" == await client.run("await double(number)")
    assert f"'/{kind}/apple', 'ann'" in await client.run("(request.path, g.user)")
    assert "44" == await client.run("value = await double(number); print(value)")


async def test_more_than_a_line_errors_and_exits() -> None:
    app = failing_app()
    console.start(app)
    client = Client(app)
    await client.open()
    await client.enter()

    await client.run("async def triple(x):")
    await client.run("    return 3 * (await double(x))")
    await client.run("")
    assert "126" == await client.run("await triple(number)")
    error = await client.run("await double(None)")
    assert error.startswith('Traceback (most recent call last):\n  File "<debugger>", line 1')
    assert error.endswith("TypeError: unsupported operand type(s) for *: 'int' and 'NoneType'")
    assert "SyntaxError" in await client.run("1 +* 2")
    assert "ZeroDivisionError" in await client.run("1 / 0")
    assert "SystemExit" in await client.run("exit()")
    assert "CancelledError" in await client.run("raise asyncio.CancelledError")
    assert "42" == await client.run("2 * number")


async def test_output_is_escaped() -> None:
    app = failing_app()
    console.start(app)
    client = Client(app)
    await client.open()
    await client.enter()
    evil = "<script>alert(1)</script>"

    for code in (f"print({evil!r})", f"{evil!r}", f"raise ValueError({evil!r})", evil):
        response = await client.ask(cmd=code, frm=client.frame)
        assert "<script" not in response.text.lower()


async def test_without_the_secret_it_refuses() -> None:
    app = failing_app()
    console.start(app)
    client = Client(app)
    await client.open()
    await client.enter()

    for secret in ("", "x" * 20, client.secret[:-1]):
        assert 403 == (await client.ask(cmd="1", frm=client.frame, s=secret)).status
        assert 403 == (await client.ask(cmd="pinauth", pin=PIN, s=secret)).status
    assert 403 == (await get(app, "/__debugger__")).status
    assert 403 == (await get(app, "/__debugger__/x?__debugger__=yes&cmd=resource&f=a")).status


async def test_without_the_pin_it_refuses() -> None:
    app = failing_app()
    console.start(app)
    client = Client(app)
    await client.open()

    assert 403 == (await client.ask(cmd="1", frm=client.frame)).status
    assert {"auth": False, "exhausted": False} == await client.enter("111-111-111")
    assert 403 == (await client.ask(cmd="1", frm=client.frame)).status
    client.cookie = "__wzd0=1|2"
    assert 403 == (await client.ask(cmd="1", frm=client.frame)).status
    assert {"auth": True, "exhausted": False} == await client.enter()
    assert 200 == (await client.ask(cmd="1", frm=client.frame)).status
    assert 403 == (await client.ask(cmd="1", frm="999")).status


async def test_after_eleven_wrong_pins_the_right_one_is_refused() -> None:
    """Werkzeug's count."""
    app = failing_app()
    console.start(app)
    client = Client(app)
    await client.open()
    for _ in range(11):
        await client.enter("111-111-111")

    assert {"auth": False, "exhausted": True} == await client.enter()


@pytest.mark.parametrize("host", ["example.org", "127.0.0.1.example.org", "[::1]", "localhost.org"])
async def test_foreign_hosts_get_no_console(host: str) -> None:
    """The page is served to them, without the secret; and with it the console refuses them."""
    app = failing_app()
    console.start(app)
    client = Client(app, host)
    await client.open()
    assert "KeyError" in client.html
    assert "" == client.secret == client.frame

    trusted = Client(app)
    await trusted.open()
    await trusted.enter()
    trusted.host = host
    assert 400 == (await trusted.ask(cmd="1", frm=trusted.frame)).status
    assert 400 == (await trusted.ask(cmd="pinauth", pin=PIN)).status


async def test_a_pin_that_is_missing_or_off(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without one the answer is 400; where the PIN is off, everybody has entered it."""
    app = failing_app()
    made = console.start(app)
    client = Client(app)
    await client.open()
    assert 400 == (await client.ask(cmd="pinauth")).status

    monkeypatch.setattr(made, "pin", None)
    assert {"auth": True, "exhausted": False} == await client.enter()
    client.host = "elsewhere.example"
    assert 400 == (await client.ask(cmd="pinauth")).status


async def test_there_is_no_console_unless_it_was_started() -> None:
    """Debug mode by itself does not start it."""
    app = failing_app()
    client = Client(app)
    await client.open()

    assert 'data-secret=""' in client.html
    assert "" == client.frame
    assert 404 == (await client.ask(cmd="1", frm="1")).status


async def test_the_frames_of_few_errors_are_kept() -> None:
    app = failing_app()
    console.start(app)
    first = Client(app)
    await first.open()
    await first.enter()
    other = Client(app)
    for _ in range(console.MOST_ERRORS):
        await other.open()

    assert 403 == (await first.ask(cmd="1", frm=first.frame)).status
    other.cookie = first.cookie
    assert 200 == (await other.ask(cmd="1", frm=other.frame)).status


async def test_an_application_that_is_mounted_has_the_console_too() -> None:
    outer, inner = Quart("outer", root_path="."), failing_app()
    outer.mount("/inner", inner)
    outer.debug = True
    console.start(outer)
    client = Client(outer)
    await client.open("/inner/async/apple")
    await client.enter()

    assert 'data-console="/__debugger__"' in client.html
    assert "42" == await client.run("2 * number")


# Over a server


PROGRAM = """
import asyncio
from quart import Quart

app = Quart(__name__)

async def double(number):
    await asyncio.sleep(0)
    return 2 * number

def broken(rows):
    password = "hunter" + "2"
    return rows["email"].lower()

@app.get("/")
async def index():
    number = 21
    rows = {"name": "<b>Ann</b>"}
    await asyncio.wait_for(asyncio.sleep(0), 1)
    return broken(rows)
"""


def serve(path: Path, *options: str) -> Any:
    (path / "app.py").write_text(PROGRAM)
    port = free_port()
    return port, running(port, "-m", "quart", "run", "--port", str(port), *options, cwd=path)


@pytest.mark.parametrize(
    "options, there",
    [(["--debug"], True), (["--debug", "--no-debugger"], False), ([], False)],
)
def test_which_commands_start_it(tmp_path: Path, options: list[str], there: bool) -> None:
    port, server = serve(tmp_path, *options)
    with server as process:
        with pytest.raises(urllib.error.HTTPError) as caught:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/__debugger__")
        assert (403 if there else 404) == caught.value.code
        assert there is (f"Debugger PIN: {PIN}" in process.said())
        caught.value.close()


async def test_the_page_in_a_browser(tmp_path: Path) -> None:
    """Frames, the console with `await`, copy, dark, and on a telephone."""
    port, server = serve(tmp_path, "--debug")
    (tmp_path / "browser").mkdir()
    with server:
        async with asyncio.timeout(TIMEOUT), chromium(tmp_path / "browser") as browser:
            shown = await browser.open(f"http://localhost:{port}/")
            await shown.until("document.querySelectorAll('.own .console button').length == 2")
            await _see_the_frames(shown)
            await _use_the_console(shown)
            await _copy(shown)
            await _see_it_dark_and_narrow(shown)
            await shown.close()


async def _see_the_frames(shown: Page) -> None:
    visible = (
        "[...document.querySelectorAll('{}')].filter(e => e.checkVisibility())"
        ".map(e => e.innerText)"
    )

    assert ["broken", "index"] == await shown.evaluate(visible.format(".own > summary b"))
    assert ['rows["email"]'] == (await shown.evaluate(visible.format("mark")))[:1]
    assert [] == await shown.evaluate(visible.format(".library .frame"))
    await shown.evaluate("document.querySelector('.library > summary').click()")
    assert [] != await shown.evaluate(visible.format(".library .frame"))
    assert "********" in await shown.evaluate("document.querySelector('table').innerText")
    assert 0 == await shown.evaluate("document.querySelectorAll('td b').length")
    errors = await shown.evaluate("performance.getEntriesByType('resource').map(e => e.name)")
    assert [] == errors  # nothing was fetched


async def _use_the_console(shown: Page) -> None:
    enter = (
        "(() => {{ const form = document.querySelector('.console form');"
        "form.querySelector('input').value = {!r}; form.requestSubmit(); }})()"
    )
    log = "document.querySelector('.console .log').innerText"
    await shown.evaluate("document.querySelectorAll('.own .console button')[1].click()")
    await shown.evaluate(enter.format("number"))
    await shown.until("document.querySelector('.console form').innerText == 'PIN'")
    await shown.evaluate(enter.format("000-000-000"))
    await shown.until(f"{log}.includes('This is not the PIN')")
    await shown.evaluate(enter.format(PIN))
    await shown.until(f"{log}.includes('>>> number\\n21')")
    await shown.evaluate(enter.format("await double(number)"))
    await shown.until(f"{log}.includes('42')")
    await shown.evaluate(enter.format("rows"))
    await shown.until(f"{log}.includes('<b>Ann</b>')")
    assert 0 == await shown.evaluate("document.querySelectorAll('.log b').length")


async def _copy(shown: Page) -> None:
    browser = shown.browser
    await browser.call("Browser.grantPermissions", permissions=["clipboardReadWrite"])
    await browser.call("Page.bringToFront", shown.session)
    await shown.evaluate("document.getElementById('copy').click()")
    await shown.until("document.getElementById('copy').innerText == 'Copied'")
    await shown.evaluate("navigator.clipboard.readText().then(text => { window.copied = text; })")
    await shown.until("window.copied.includes(\"KeyError: 'email'\")")


async def _see_it_dark_and_narrow(shown: Page) -> None:
    async def emulate(scheme: str, width: int) -> None:
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        await shown.browser.call("Emulation.setEmulatedMedia", shown.session, features=features)
        await shown.browser.call(
            "Emulation.setDeviceMetricsOverride",
            shown.session,
            width=width,
            height=844,
            deviceScaleFactor=1,
            mobile=True,
        )

    background = "getComputedStyle(document.body).backgroundColor"
    await emulate("light", 390)
    assert 390 == await shown.evaluate("document.documentElement.scrollWidth")
    light = await shown.evaluate(background)
    await emulate("dark", 390)
    await shown.until(f"{background} != {light!r}")
    assert 390 == await shown.evaluate("document.documentElement.scrollWidth")
