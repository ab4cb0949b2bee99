"""Flask-Compress: a body compressed as the client asks, one that is too short left alone."""

import gzip

from flask_compress import Compress

from quart import Quart

app = Quart(__name__)
compress = Compress(app)
TEXT = "All work and no play makes Jack a dull boy. " * 100


@app.get("/long")
async def long():
    return TEXT


@app.get("/short")
async def short():
    return "short"


@app.get("/stream")
async def stream():
    async def lines():
        for _ in range(100):
            yield TEXT[:44]

    return lines()


def test(client):
    asked = {"Accept-Encoding": "gzip"}
    answer = client.get("/long", asked)
    assert "gzip" == answer.headers["Content-Encoding"]
    assert str(len(answer.body)) == answer.headers["Content-Length"]
    assert TEXT == gzip.decompress(answer.body).decode()
    assert "Accept-Encoding" in answer.headers["Vary"]
    assert TEXT == client.get("/long").text
    assert "short" == client.get("/short", asked).text
    answer = client.get("/stream", asked)
    body = answer.body
    if answer.headers["Content-Encoding"] == "gzip":
        body = gzip.decompress(body)
    assert TEXT == body.decode()
