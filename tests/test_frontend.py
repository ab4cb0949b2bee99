"""A single-page application: its files, its page for navigations, and what is neither."""

from __future__ import annotations

import asyncio
import gzip
from pathlib import Path
from typing import Any

import pytest
from asgi import get, post
from browser import chromium
from hypothesis import given
from hypothesis import strategies as st
from servers.processes import free_port, running
from werkzeug.datastructures import Headers

from quart import Blueprint, Quart

NAVIGATION = Headers({"Accept": "text/html,*/*;q=0.8", "Sec-Fetch-Mode": "navigate"})
OLD_BROWSER = Headers({"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"})
FETCH = Headers({"Accept": "*/*", "Sec-Fetch-Mode": "cors"})
SCRIPT = b"document.title = 'ran at ' + location.pathname"
PAGE = b"<title>page</title><script src=/assets/app-B3kq9aDx.js></script>"


@pytest.fixture
def dist(tmp_path: Path) -> Path:
    directory = tmp_path / "dist"
    (directory / "assets").mkdir(parents=True)
    (directory / ".well-known").mkdir()
    for name, content in {
        "index.html": PAGE,
        "robots.txt": b"User-agent: *",
        ".env": b"SECRET=1",
        ".well-known/security.txt": b"Contact: us",
        "assets/app-B3kq9aDx.js": SCRIPT,
        "assets/app-B3kq9aDx.js.gz": gzip.compress(SCRIPT),
        "assets/main-component.js": b"plain",
        "report-20240101.pdf": b"pdf",
    }.items():
        (directory / name).write_bytes(content)
    (tmp_path / "secret.txt").write_text("secret")
    return directory


@pytest.fixture
def app(dist: Path) -> Quart:
    app = Quart(__name__)

    @app.get("/api/items")
    async def items() -> Any:
        return {"items": []}

    @app.post("/api/orders")
    async def orders() -> Any:
        return {}

    app.frontend("/", directory=dist)
    return app


@pytest.mark.parametrize("headers", [NAVIGATION, OLD_BROWSER])
@pytest.mark.parametrize("path", ["/", "/user/7", "/user/john.doe", "/assets/", "/api/typo"])
async def test_navigations_get_the_page(app: Quart, path: str, headers: Headers) -> None:
    """It is revalidated each time, and kept apart from what others get there."""
    response = await get(app, path, headers=headers)

    assert (200, PAGE) == (response.status, response.body)
    assert "no-cache" == response.headers["Cache-Control"]
    assert {"Accept", "Sec-Fetch-Mode"} <= set(response.headers["Vary"].split(", "))
    again = Headers([*headers, ("If-None-Match", response.headers["ETag"])])
    assert 304 == (await get(app, path, headers=again)).status


@pytest.mark.parametrize(
    ("path", "headers", "status"),
    [
        ("/api/typo", FETCH, 404),
        ("/api/typo", Headers({"Accept": "*/*"}), 404),
        ("/api/typo", Headers({"Accept": "application/json"}), 404),
        ("/assets/gone-B3kq9aDx.js", FETCH, 404),
        ("/assets/gone-B3kq9aDx.js", NAVIGATION, 404),
        ("/logo.png", OLD_BROWSER, 404),
        ("/assets", FETCH, 404),
        ("/.env", NAVIGATION, 404),
        ("/assets/.git/config", NAVIGATION, 404),
        ("/../secret.txt", NAVIGATION, 404),
        ("/%2e%2e/secret.txt", NAVIGATION, 404),
        ("/..%2fsecret.txt", NAVIGATION, 404),
        ("/..%5csecret.txt", NAVIGATION, 404),
        ("/assets%2f..%2f..%2fsecret.txt", NAVIGATION, 404),
        ("/x%00y", NAVIGATION, 404),
        ("/api/orders", FETCH, 405),
        ("/api/orders", NAVIGATION, 405),
    ],
)
async def test_what_gets_no_page(app: Quart, path: str, headers: Headers, status: int) -> None:
    """An API's typo, a missing asset, what is private, another method's route."""
    response = await get(app, path, headers=headers)

    assert status == response.status
    assert b"secret" not in response.body.lower() or status != 200


async def test_routes_come_first(app: Quart) -> None:
    """The API answers navigations to it, too."""
    assert b'{"items":[]}\n' == (await get(app, "/api/items", headers=NAVIGATION)).body
    assert b"{}\n" == (await post(app, "/api/orders")).body
    assert 405 == (await post(app, "/api/typo")).status


async def test_files(app: Quart) -> None:
    """Hashed ones are kept for ever, others are revalidated; ranges and siblings work."""
    hashed = await get(app, "/assets/app-B3kq9aDx.js", headers=FETCH)
    assert 200 == hashed.status
    assert {"public", "immutable", "max-age=31536000"} == set(
        hashed.headers["Cache-Control"].split(", ")
    )
    for path in ("/robots.txt", "/assets/main-component.js", "/report-20240101.pdf"):
        assert "no-cache" == (await get(app, path)).headers["Cache-Control"]
    assert b"Contact: us" == (await get(app, "/.well-known/security.txt")).body

    accepts = Headers({"Accept-Encoding": "gzip"})
    compressed = await get(app, "/assets/app-B3kq9aDx.js", headers=accepts)
    assert SCRIPT == gzip.decompress(compressed.body)
    assert "gzip" == compressed.headers["Content-Encoding"]
    part = await get(app, "/robots.txt", headers=Headers({"Range": "bytes=0-3"}))
    assert (206, b"User") == (part.status, part.body)


async def test_a_blueprint(dist: Path) -> None:
    """Below its prefix, and nowhere else."""
    app = Quart(__name__)
    blueprint = Blueprint("admin", __name__, url_prefix="/admin", root_path=str(dist.parent))
    blueprint.frontend("/", directory="dist")
    app.register_blueprint(blueprint)

    assert PAGE == (await get(app, "/admin/users/7", headers=NAVIGATION)).body
    assert b"User-agent: *" == (await get(app, "/admin/robots.txt")).body
    assert 404 == (await get(app, "/users/7", headers=NAVIGATION)).status


@given(st.text(max_size=20))
async def test_nothing_else_is_ever_sent(text: str) -> None:
    """Whatever a client makes of a path."""
    from urllib.parse import quote

    app = Quart(__name__)
    app.frontend("/", directory=Path(__file__).parent / "types")
    response = await get(app, "/" + quote(text, safe="/.\\"))
    assert response.status in (200, 304, 308, 400, 404)
    assert response.status != 200 or text.strip("/.\\").endswith(".py")


async def test_in_a_browser(dist: Path, tmp_path: Path) -> None:
    """A page below a path of the client's runs its script, from a server."""
    (tmp_path / "spa.py").write_text(
        "from quart import Quart\napp = Quart(__name__)\napp.frontend('/', directory='dist')\n"
    )
    port = free_port()
    async with asyncio.timeout(60), chromium(tmp_path) as browser:
        with running(port, "-m", "uvicorn", "spa:app", "--port", str(port), cwd=tmp_path):
            page = await browser.open(f"http://127.0.0.1:{port}/user/7")
            await page.until("document.title == 'ran at /user/7'")
            await page.evaluate("fetch('/api/typo').then(r => window.status_ = r.status)")
            await page.until("window.status_ == 404")
            await page.close()


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        ("app-B3kq9aDx.js", True),
        ("app-B3kq9-Dx.js", True),
        ("app.0123abcd.js.map", True),
        ("main.a1b2c3d4e5f6a7b8c9d0.chunk.js", True),
        ("chunk-7DBHK3SX.js", True),
        ("android-chrome-192x192.png", False),
        ("apple-touch-icon-180x180.png", False),
        ("icon-1024x1024.png", False),
        ("bootstrap-icons-v1.css", False),
        ("service-worker-v2.js", False),
        ("app-version2.js", False),
        ("OpenSans-SemiBold600.ttf", False),
    ],
)
async def test_what_is_taken_for_a_hash(app: Quart, dist: Path, name: str, kept: bool) -> None:
    """A name that people gave is none: a browser would not ask for the file again for a year."""
    (dist / name).write_bytes(b"x")
    assert kept is ("immutable" in (await get(app, f"/{name}")).headers["Cache-Control"])
