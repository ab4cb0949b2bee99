"""`SameSite`: writes from pages of other sites are refused, by what browsers say of them."""

from __future__ import annotations

from typing import Any

import pytest
from asgi import Rejected, connect, request
from werkzeug.datastructures import Headers

from quart import Quart, websocket
from quart.middleware import ProxyFix, SameSite


def guarded(**options: Any) -> Quart:
    app = Quart(__name__)

    @app.route("/", methods=["GET", "POST", "QUERY", "DELETE"])
    @app.route("/webhooks/<name>", methods=["POST"])
    async def view(name: str = "") -> str:
        return "passed"

    @app.websocket("/ws")
    async def ws() -> None:
        await websocket.accept()

    app.asgi_app = SameSite(app.asgi_app, **options)  # type: ignore[method-assign]
    return app


HOST = "shop.example"


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),  # no browser
        ({"Sec-Fetch-Site": "same-origin"}, 200),
        ({"Sec-Fetch-Site": "none"}, 200),
        ({"Sec-Fetch-Site": "same-site"}, 403),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "forged"}, 403),
        ({"Sec-Fetch-Site": ""}, 403),
        ({"Sec-Fetch-Site": "cross-site", "Origin": "http://shop.example"}, 403),
        ({"Sec-Fetch-Site": "same-origin", "Origin": "http://shop.example"}, 200),
        # Old browsers.
        ({"Origin": "http://shop.example"}, 200),
        ({"Origin": "http://SHOP.example"}, 200),
        ({"Origin": "https://shop.example"}, 403),
        ({"Origin": "http://shop.example:8080"}, 403),
        ({"Origin": "http://evil.example"}, 403),
        ({"Origin": "http://shop.example.evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": ""}, 403),
    ],
)
@pytest.mark.parametrize("method", ["POST", "DELETE"])
async def test_writes(headers: dict[str, str], status: int, method: str) -> None:
    """The headers decide; a browser sets both, and no page can forge them."""
    response = await request(guarded(), method, "/", headers=Headers({"Host": HOST, **headers}))

    assert status == response.status
    assert (b"passed" == response.body) == (status == 200)


@pytest.mark.parametrize("name", ["Origin", "Sec-Fetch-Site"])
async def test_a_header_that_comes_twice(name: str) -> None:
    """It is not believed, whatever comes first."""
    values = {"Origin": ("http://shop.example", "http://evil.example")}
    first, second = values.get(name, ("same-origin", "cross-site"))
    for pair in ((first, second), (second, first)):
        headers = Headers([("Host", HOST), *[(name, value) for value in pair]])
        assert 403 == (await request(guarded(), "POST", "/", headers=headers)).status


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS", "QUERY"])
async def test_reads_pass(method: str) -> None:
    """A link from another site is none of a write."""
    headers = Headers({"Sec-Fetch-Site": "cross-site", "Origin": "http://evil.example"})

    assert 200 == (await request(guarded(), method, "/", headers=headers)).status


async def test_trusted_origins_and_exemptions() -> None:
    """Both are exact; a path that ends in a slash stands for what is below it."""
    app = guarded(trusted_origins=["https://pay.example"], exempt=["/webhooks/"])
    foreign = {"Host": HOST, "Sec-Fetch-Site": "cross-site"}
    trusted = Headers({**foreign, "Origin": "https://pay.example"})
    other = Headers({**foreign, "Origin": "https://pay.example.evil.example"})

    assert 200 == (await request(app, "POST", "/", headers=trusted)).status
    assert 403 == (await request(app, "POST", "/", headers=other)).status
    assert 200 == (await request(app, "POST", "/webhooks/a", headers=other)).status
    same_site = Headers({"Host": HOST, "Sec-Fetch-Site": "same-site"})
    assert 200 == (await request(guarded(same_site=True), "POST", "/", headers=same_site)).status


async def test_websockets() -> None:
    """Cookies go with them, too, and no preflight comes before."""
    app = guarded()
    async with connect(app, "/ws", headers=Headers({"Host": HOST, "Origin": f"http://{HOST}"})):
        pass
    with pytest.raises(Rejected):
        async with connect(app, "/ws", headers=Headers({"Origin": "http://evil.example"})):
            pass


async def test_behind_a_proxy() -> None:
    """The scheme and the host are those that the client used."""
    app = guarded()
    app.asgi_app = ProxyFix(app.asgi_app, x_host=1)  # type: ignore[method-assign]
    headers = Headers(
        {
            "X-Forwarded-Proto": "https",
            "X-Forwarded-Host": "shop.example:443",
            "Origin": "https://shop.example",
        }
    )

    assert 200 == (await request(app, "POST", "/", headers=headers)).status


def test_a_str_is_no_list() -> None:
    """Else the slashes of one path would exempt all paths."""
    for options in ({"exempt": "/webhooks/"}, {"trusted_origins": "https://shop.example"}):
        with pytest.raises(TypeError, match="must be lists"):
            guarded(**options)


async def test_a_default_port_is_none_of_an_origin() -> None:
    """Browsers leave it out, so it counts for nothing where it is written."""
    app = guarded(trusted_origins=["https://pay.example:443", "http://pay.example:80/"])
    foreign = {"Host": HOST, "Sec-Fetch-Site": "cross-site"}

    for origin in ("https://pay.example", "http://pay.example"):
        headers = Headers({**foreign, "Origin": origin})
        assert 200 == (await request(app, "POST", "/", headers=headers)).status
    headers = Headers({**foreign, "Origin": "https://pay.example:80"})
    assert 403 == (await request(app, "POST", "/", headers=headers)).status


def test_not_all_paths_can_be_exempt() -> None:
    """As "/" would have it, which looks as if it meant the first page."""
    with pytest.raises(ValueError, match="every path"):
        guarded(exempt=["/"])
