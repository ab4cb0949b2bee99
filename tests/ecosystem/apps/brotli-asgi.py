"""brotli-asgi: JSON, streams and files compressed, with gzip for clients that know no Brotli."""

import brotli
from brotli_asgi import BrotliMiddleware

from quart import Quart

app = Quart(__name__)
app.asgi_app = BrotliMiddleware(app.asgi_app, minimum_size=100)


@app.get("/json")
async def in_json():
    return {"items": list(range(1000))}


@app.get("/stream")
async def stream():
    async def pieces():
        for number in range(5):
            yield f"{number}" * 1000

    return pieces()


def test_brotli(client):
    for path in ("/json", "/stream"):
        plain = client.get(path)
        small = client.get(path, headers={"Accept-Encoding": "br"})
        assert "br" == small.headers["Content-Encoding"]
        assert plain.body == brotli.decompress(small.body)
        assert len(small.body) < len(plain.body)


def test_gzip(client):
    answer = client.get("/json", headers={"Accept-Encoding": "gzip"})
    assert "gzip" == answer.headers["Content-Encoding"]
