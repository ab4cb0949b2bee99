"""The example of a JSON API: its own tests, its page in a browser, its description."""

import asyncio
import subprocess
import sys
from pathlib import Path

import pytest
from browser import chromium
from servers.processes import TESTS, free_port, running

API = TESTS.parent / "examples" / "api"


@pytest.fixture(autouse=True)
def _needs_quart_schema() -> None:
    pytest.importorskip("quart_schema", reason="quart-schema is not installed")


def test_its_own_tests() -> None:
    """They pass as its README says they are run."""
    pytest.importorskip("pytest_asyncio", reason="pytest-asyncio is not installed")
    command = (sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-W", "error")
    done = subprocess.run(
        command, cwd=API, capture_output=True, text=True, timeout=100, check=False
    )

    assert 0 == done.returncode, done.stdout + done.stderr


async def test_the_page(tmp_path: Path) -> None:
    """It adds a task, shows what the API refuses, and lists what it describes."""
    port = free_port()
    with running(port, "-m", "quart", "run", "--port", str(port), cwd=API):
        async with asyncio.timeout(60), chromium(tmp_path) as browser:
            page = await browser.open(f"http://127.0.0.1:{port}/")
            await page.until("document.querySelectorAll('#operations li').length === 5")

            await page.evaluate("document.querySelector('form').requestSubmit()")
            await page.until("said.textContent.includes('title: String should have at least 1')")

            title = "document.querySelector('[name=title]')"
            await page.evaluate(f"{title}.value = '<b>Sweep</b>'; form.requestSubmit()")
            await page.until("document.querySelector('#tasks li')?.textContent === '<b>Sweep</b>'")
            await page.evaluate("document.querySelector('#tasks input').click()")
            await page.until("document.querySelector('#tasks .done') !== null")
