"""Takes the pictures of the examples, by Chromium: ``python examples/screenshots.py``."""

import asyncio
import base64
import os
import sys
import tempfile
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

EXAMPLES = Path(__file__).resolve().parent
PICTURES = EXAMPLES.parent / "docs" / "_static" / "screenshots"
sys.path.insert(0, str(EXAMPLES.parent / "tests"))

from browser import Browser, Page, chromium  # noqa: E402
from servers.processes import free_port, running  # noqa: E402

WIDTH = 720


@contextmanager
def served(name: str, *options: str, **environment: str) -> Iterator[str]:
    """Run an example as its README says, and give its URL."""
    port = free_port()
    arguments = ["-m", "quart", *options, "run", "--port", str(port)]
    before = dict(os.environ)
    os.environ.update(environment)
    try:
        with running(port, *arguments, cwd=EXAMPLES / name):
            yield f"http://127.0.0.1:{port}"
    finally:
        os.environ.clear()
        os.environ.update(before)


async def picture(page: Page, name: str, height: int) -> None:
    call, session = page.browser.call, page.session
    await call("Target.activateTarget", targetId=page.target)
    size = {"width": WIDTH, "height": height, "deviceScaleFactor": 1, "mobile": False}
    await call("Emulation.setDeviceMetricsOverride", session, **size)
    await call("Emulation.setScrollbarsHidden", session, hidden=True)
    taken = await call("Page.captureScreenshot", session, format="png")
    (PICTURES / f"{name}.png").write_bytes(base64.b64decode(taken["data"]))


async def go(page: Page, url: str) -> None:
    await page.browser.call("Page.navigate", page.session, url=url)
    await page.until(f"location.href === {url!r} && document.readyState === 'complete'")


async def submit(page: Page, url: str, **fields: str) -> None:
    """Fill in the form of a page, and wait for the page after it."""
    await go(page, url)
    for name, value in fields.items():
        await page.evaluate(f"document.querySelector('main [name={name}]').value = {value!r}")
    await page.evaluate("document.querySelector('main form').requestSubmit()")
    await page.until(f"location.href !== {url!r} && document.readyState === 'complete'")


async def hello(browser: Browser, directory: Path) -> None:
    with served("hello") as url:
        page = await browser.open(url)
        await page.until("said.textContent.includes('2 times')")
        await picture(page, "hello", 480)


async def blog(browser: Browser, directory: Path) -> None:
    database = {"QUART_DATABASE": str(directory / "blog.sqlite")}
    init = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "quart", "--app", "quart_blog", "init-db"),
        cwd=EXAMPLES / "blog",
        env={**os.environ, **database},
    )
    assert 0 == await init.wait()
    with served("blog", "--app", "quart_blog", **database) as url:
        page = await browser.open(url)
        await submit(page, f"{url}/auth/register", name="Ada", password="engine")
        await submit(page, f"{url}/auth/login", name="Ada", password="engine")
        for headline, body in [
            ("Notes", "On the engine, with a table of numbers."),
            ("More notes", "The engine weaves patterns, as the loom weaves flowers and leaves."),
        ]:
            await submit(page, f"{url}/new", headline=headline, body=body)
        await picture(page, "blog", 480)


async def chat(browser: Browser, directory: Path) -> None:
    with served("chat") as url:
        pages = [await browser.open(url) for _ in range(2)]
        for page, name in zip(pages, ("Ann", "Bob"), strict=True):
            await page.until("document.body.classList.contains('open')")
            await page.evaluate(f"name.value = {name!r}; name.onchange()")
        said = [(0, "Good morning"), (1, "Hello, Ann"), (0, "Is the kettle on?"), (1, "It is.")]
        for number, (who, text) in enumerate(said, 1):
            await pages[who].evaluate(f"text.value = {text!r}; button.click()")
            for page in pages:
                await page.until(f"document.querySelectorAll('li').length === {number}")
        await picture(pages[0], "chat", 480)


async def files(browser: Browser, directory: Path) -> None:
    for name, size in [("film.mp4", 48_300_000), ("notes.txt", 1_200), ("photo.jpg", 2_100_000)]:
        with (directory / name).open("wb") as file:
            file.truncate(size)
    with served("files", QUART_UPLOADS=str(directory)) as url:
        await picture(await browser.open(url), "files", 330)


async def api(browser: Browser, directory: Path) -> None:
    with served("api") as url:
        page = await browser.open(url)
        await page.until("document.querySelectorAll('#operations li').length === 5")
        for number, (title, due) in enumerate(
            [("Order tea", "2026-12-01"), ("Sweep the yard", ""), ("Paint the door", "2026-12-24")],
            1,
        ):
            await page.evaluate(
                f"form.elements.title.value = {title!r}; form.elements.due.value = {due!r};"
                "form.requestSubmit()"
            )
            await page.until(f"document.querySelectorAll('#tasks li').length === {number}")
        await page.evaluate("document.querySelector('#tasks input').click()")
        await page.until("document.querySelector('#tasks .done') !== null")
        await page.evaluate("form.requestSubmit()")
        await page.until("said.textContent.includes('title:')")
        await picture(page, "api", 560)


EACH: list[Callable[[Browser, Path], Awaitable[None]]] = [hello, blog, chat, files, api]


async def main() -> None:
    PICTURES.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as directory:
        async with chromium(Path(directory, "chromium")) as browser:
            for each in EACH:
                own = Path(directory, each.__name__)
                own.mkdir()
                await each(browser, own)


if __name__ == "__main__":
    asyncio.run(main())
