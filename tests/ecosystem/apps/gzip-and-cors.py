"""Starlette's GZipMiddleware and CORSMiddleware: JSON, streams, events, files, websockets."""

import gzip
import http.client
import time
from pathlib import Path

from served import served
from starlette.middleware.cors import CORSMiddleware
from starlette.middleware.gzip import GZipMiddleware

from quart import Quart, ServerSentEvent, send_file, sse_response, websocket

FILE = Path(__file__)
GZIP = {"Accept-Encoding": "gzip"}


def make_app() -> Quart:
    app = Quart(__name__)

    @app.get("/json")
    async def in_json():
        return {"items": list(range(1000))}

    @app.get("/small")
    async def small():
        return "small"

    @app.get("/stream")
    async def stream():
        async def pieces():
            for number in range(5):
                yield f"{number}" * 1000

        return pieces()

    @app.get("/events")
    async def events():
        async def each():
            yield ServerSentEvent("first")
            await app.shutdown_event.wait()

        return sse_response(each())

    @app.get("/file")
    async def file():
        return await send_file(FILE)

    @app.websocket("/ws")
    async def ws():
        await websocket.send(await websocket.receive())

    return app


app = make_app()
app.asgi_app = GZipMiddleware(app.asgi_app, minimum_size=100)
cors_app = make_app()
cors_app.asgi_app = CORSMiddleware(
    cors_app.asgi_app, allow_origins=["https://shop.example"], expose_headers=["ETag"]
)


def test_gzip(client):
    whole = client.get("/json", headers=GZIP)
    assert "gzip" == whole.headers["Content-Encoding"]
    assert "Accept-Encoding" in whole.headers["Vary"]
    assert gzip.decompress(whole.body) == client.get("/json").body
    assert "Content-Encoding" not in client.get("/small", headers=GZIP).headers
    stream = client.get("/stream", headers=GZIP)
    assert client.get("/stream").body == gzip.decompress(stream.body)


def test_gzip_leaves_events_alone(client):
    began = time.monotonic()
    connection = http.client.HTTPConnection("127.0.0.1", client.port, timeout=10)
    connection.request("GET", "/events", headers=GZIP)
    response = connection.getresponse()
    assert response.headers["Content-Encoding"] is None
    while b"first" not in response.readline():
        pass
    assert time.monotonic() - began < 5  # it has no end
    connection.close()


def test_gzip_and_conditions(client):
    whole = client.get("/file", headers=GZIP)
    assert FILE.read_bytes() == gzip.decompress(whole.body)
    again = client.get("/file", headers={**GZIP, "If-None-Match": whole.headers["ETag"]})
    assert (304, b"") == (again.status, again.body)


def test_gzip_and_ranges(client):
    part = client.get("/file", headers={**GZIP, "Range": "bytes=0-999"})
    assert 206 == part.status
    assert FILE.read_bytes()[:1000] == part.body


def test_cors():
    with served(cors_app) as client:
        origin = {"Origin": "https://shop.example"}
        asked = client.request(
            "OPTIONS", "/json", None, {**origin, "Access-Control-Request-Method": "GET"}
        )
        assert 200 == asked.status
        answer = client.get("/json", headers=origin)
        assert "https://shop.example" == answer.headers["Access-Control-Allow-Origin"]
        assert "ETag" == answer.headers["Access-Control-Expose-Headers"]
        part = client.get("/file", headers={**origin, "Range": "bytes=0-9"})
        assert (206, FILE.read_bytes()[:10]) == (part.status, part.body)
        foreign = client.get("/json", headers={"Origin": "https://evil.example"})
        assert foreign.headers["Access-Control-Allow-Origin"] is None
