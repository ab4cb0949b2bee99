"""The pages as a reader has them: `tox -e docs` runs this on what it has built, in Chromium."""

import asyncio
import functools
import http.server
import re
import sys
import threading
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

DOCS = Path(__file__).resolve().parent
HTML = DOCS / "_build" / "html"
sys.path.insert(0, str(DOCS.parent / "tests"))

from browser import Page, chromium  # noqa: E402

from quart.migration.spec import ATTRIBUTES, METHODS  # noqa: E402

#: What people search for, and the pages one of which has to be found first.
SEARCHES = {
    "deploy": ["deployment", "docker", "linux-server"],
    "docker": ["docker"],
    "route": ["routing"],
    "set_cookie": ["cookies"],
    "login": ["sessions", "security", "ecosystem"],
    "database": ["databases"],
    "csrf": ["security", "forms-and-uploads"],
    "logging": ["logging"],
    "upload": ["forms-and-uploads"],
    "websocket": ["websockets"],
    "test": ["testing"],
    "debug": ["debugging"],
    "blueprint": ["blueprints"],
    "error handler": ["errors"],
    "favicon": ["static-files"],
    "heroku": ["deployment"],
    "hooks": ["hooks"],
    "openapi": ["json-api", "return-models"],
    "mongodb": ["databases"],
}


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture(scope="module")
def site() -> Iterator[str]:
    """Where the built pages are served."""
    handler = functools.partial(Quiet, directory=str(HTML))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def in_browser(tmp_path: Path, work: Callable[[Page], Awaitable[Any]]) -> Any:
    """What is found out on one page of a browser."""

    async def run() -> Any:
        async with chromium(tmp_path) as browser:
            page = await browser.open("about:blank")
            size = {"width": 390, "height": 844, "deviceScaleFactor": 1, "mobile": True}
            await browser.call("Emulation.setDeviceMetricsOverride", page.session, **size)
            return await work(page)

    return asyncio.run(run())


async def go(page: Page, url: str) -> None:
    await page.browser.call("Page.navigate", page.session, url=url)
    await page.until(f"location.href === {url!r} && document.readyState === 'complete'")


def test_no_page_is_wider_than_a_phone(site: str, tmp_path: Path) -> None:
    """At 390 pixels a page scrolls down only; wide tables and code scroll by themselves."""
    pages = sorted(str(path.relative_to(HTML)) for path in HTML.rglob("*.html"))

    async def widths(page: Page) -> dict[str, int]:
        found = {}
        for name in pages:
            await go(page, f"{site}/{name}")
            found[name] = await page.evaluate("document.documentElement.scrollWidth")
        return found

    found = in_browser(tmp_path, widths)

    assert len(found) > 50
    assert {} == {name: width for name, width in found.items() if width > 390}


def test_searches_find_their_page_first(site: str, tmp_path: Path) -> None:
    """What people type leads them to the page about it."""

    async def firsts(page: Page) -> dict[str, str]:
        found = {}
        for words in SEARCHES:
            await go(page, f"{site}/search.html?q={words.replace(' ', '+')}")
            await page.until(
                "document.querySelector('#search-results .search-summary') && "
                "/found|match/.test(document.querySelector('.search-summary').textContent)"
            )
            link = await page.evaluate("document.querySelector('#search-results li a').href")
            found[words] = link.partition("#")[0].partition("?")[0].rpartition("/")[2]
        return found

    found = in_browser(tmp_path, firsts)

    assert {} == {
        words: found[words]
        for words, pages in SEARCHES.items()
        if found[words].removesuffix(".html") not in pages
    }


def entries() -> dict[str, str]:
    """What each entry of the reference says, by its name."""
    found = {}
    for page in (HTML / "reference").glob("*.html"):
        for name, text in re.findall(
            r'<dt class="sig [^>]*id="(quart[\w.]*)">.*?</dt>\s*<dd>(.*?)</dd>',
            page.read_text("utf-8"),
            re.DOTALL,
        ):
            found[name] = text
    return found


def test_what_is_awaited_is_marked() -> None:
    """Of the names that are awaited in Quart and not in Flask, each entry of ours says so."""
    owners = {
        "flask": ["quart"],
        "app": ["quart.Quart", "quart.registration.QuartScaffold"],
        "client": ["quart.testing.QuartClient"],
        "file": ["quart.datastructures.FileStorage"],
        "request": ["quart.Request"],
        "response": ["quart.Response"],
    }
    found = entries()
    awaited = [
        f"{owner}.{name}"
        for kind, classes in owners.items()
        for owner in classes
        for name in METHODS[kind] | ATTRIBUTES.get(kind, frozenset())
        if f"{owner}.{name}" in found
    ]

    assert len(awaited) > 30
    assert [] == [name for name in awaited if ">await<" not in found[name]]
    assert ">await<" not in found["quart.url_for"]


def test_programs_have_a_list_of_the_pages() -> None:
    """`llms.txt` names each page with what it is about."""
    text = (HTML / "llms.txt").read_text("utf-8")
    about = (DOCS / "how-to/databases.md").read_text("utf-8").split("\n")[2]

    assert f"[Databases](how-to/databases.html): {about}" in text
