"""Long pages and JSON by gzip, for clients that take it."""

import gzip

import flask
from flask_compress import Compress


def use(app, views):
    app.config["COMPRESS_ALGORITHM"] = ["gzip"]
    compress = Compress()
    compress.init_app(app)

    @views.add("/long")
    def long():
        return "long " * 1000

    @views.add("/short")
    def short():
        return "short"

    @views.add("/json")
    def json():
        return flask.jsonify(list(range(1000)))


def check(client):
    accepts = {"Accept-Encoding": "gzip"}
    packed = client.get("/long", accepts)
    assert "gzip" == packed.headers["Content-Encoding"]
    assert "long " * 1000 == gzip.decompress(packed.body).decode()
    assert "Accept-Encoding" in packed.headers["Vary"]
    assert client.get("/long").headers["Content-Encoding"] is None
    assert client.get("/short", accepts).headers["Content-Encoding"] is None
    assert gzip.decompress(client.get("/json", accepts).body).startswith(b"[0,")
