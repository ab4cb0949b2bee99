"""The hello example in a browser."""

import asyncio
from pathlib import Path

from browser import chromium
from servers.processes import HELLO, free_port, running


async def test_the_page_of_the_hello_example(tmp_path: Path) -> None:
    """It says what runs, the websocket is alive, nothing is fetched, light and dark, 390 px."""
    port = free_port()
    arguments = ("-m", "quart", "run", "--port", str(port))
    with running(port, *arguments, cwd=HELLO):
        async with asyncio.timeout(60), chromium(tmp_path) as browser:
            page = await browser.open(f"http://127.0.0.1:{port}/")
            await page.until("said.textContent.includes('says hello, 2 times')")
            text = await page.evaluate("document.body.innerText")
            assert "HTTP/1.1 from 127.0.0.1" in text
            fetched = "performance.getEntriesByType('resource').map((each) => each.name)"
            assert [] == await page.evaluate(fetched)
            colours = []
            for scheme in ("light", "dark"):
                features = [{"name": "prefers-color-scheme", "value": scheme}]
                emulate = browser.call
                await emulate("Emulation.setEmulatedMedia", page.session, features=features)
                metrics = {"width": 390, "height": 800, "deviceScaleFactor": 1, "mobile": True}
                await emulate("Emulation.setDeviceMetricsOverride", page.session, **metrics)
                assert 390 == await page.evaluate("document.documentElement.scrollWidth")
                colours.append(await page.evaluate("getComputedStyle(document.body).color"))
            assert colours[0] != colours[1]
