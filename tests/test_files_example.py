"""The example of a file service: uploads, ranges, what is refused, and its page in a browser."""

import asyncio
import importlib.util
import sys
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from browser import chromium
from servers.processes import TESTS, free_port, running
from werkzeug.datastructures import FileStorage

FILES = TESTS.parent / "examples" / "files"


@pytest.fixture
def app(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The example, with files in a directory of the test."""
    spec = importlib.util.spec_from_file_location("files_example", FILES / "app.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, spec.name, module)
    spec.loader.exec_module(module)
    module.app.config["UPLOADS"] = str(tmp_path)
    return module.app


async def upload(client: Any, name: str, content: bytes) -> Any:
    files = {"file": FileStorage(BytesIO(content), name)}
    return await client.post("/files", files=files)


async def test_a_file_comes_back_whole_and_in_part(app: Any, tmp_path: Path) -> None:
    client = app.test_client()
    content = bytes(range(256)) * 1000
    response = await upload(client, "film.mp4", content)
    assert 201 == response.status_code
    assert {"url": "/files/film.mp4", "size": len(content)} == await response.get_json()
    assert ["film.mp4"] == [path.name for path in tmp_path.iterdir()]

    assert "film.mp4" in await (await client.get("/")).get_data(as_text=True)
    whole = await client.get("/files/film.mp4")
    assert content == await whole.get_data()
    assert "attachment" in whole.headers["Content-Disposition"]
    part = await client.get("/files/film.mp4", headers={"Range": "bytes=100-199"})
    assert 206 == part.status_code
    assert content[100:200] == await part.get_data()
    again = await client.get("/files/film.mp4", headers={"If-None-Match": whole.headers["ETag"]})
    assert 304 == again.status_code


async def test_what_is_refused(app: Any, tmp_path: Path) -> None:
    """A file that is too large leaves nothing behind, and no name leads out of the directory."""
    client = app.test_client()
    app.config["UPLOAD_SIZE"] = 100_000
    assert 413 == (await upload(client, "film.mp4", b"x" * 200_000)).status_code
    assert [] == list(tmp_path.iterdir())
    assert 415 == (await client.post("/files", data=b"tea")).status_code
    field = b'--x\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n--x--\r\n'
    headers = {"Content-Type": "multipart/form-data; boundary=x"}
    assert 400 == (await client.post("/files", data=field, headers=headers)).status_code

    outside = await upload(client, "../../outside", b"x")
    assert "/files/outside" == (await outside.get_json())["url"]
    assert ["outside"] == [path.name for path in tmp_path.iterdir()]
    assert 404 == (await client.get("/files/..%2Fapp.py")).status_code


async def test_the_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An upload in a browser shows up in the list."""
    monkeypatch.setenv("QUART_UPLOADS", str(tmp_path / "uploads"))
    port = free_port()
    with running(port, "-m", "quart", "run", "--port", str(port), cwd=FILES):
        async with asyncio.timeout(60), chromium(tmp_path / "browser") as browser:
            page = await browser.open(f"http://127.0.0.1:{port}/")
            await page.until("document.querySelector('li').textContent.includes('Nothing')")
            await page.evaluate(
                "{ const chosen = new DataTransfer();"
                " chosen.items.add(new File(['tea'], 'tea.txt'));"
                " file.files = chosen.files; document.querySelector('form').requestSubmit() }"
            )
            await page.until("document.querySelector('li a').textContent === 'tea.txt'")
    assert b"tea" == (tmp_path / "uploads" / "tea.txt").read_bytes()
