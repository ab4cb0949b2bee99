"""Flask-Session: a session on the server's side, kept from request to request, and ended."""

import quart_flask_patch  # noqa: F401
from cachelib import SimpleCache
from flask_session import Session

from quart import Quart, session

app = Quart(__name__)
app.config["SESSION_TYPE"] = "cachelib"
app.config["SESSION_CACHELIB"] = store = SimpleCache()
Session(app)


@app.get("/count")
async def count():
    session["count"] = session.get("count", 0) + 1
    return str(session["count"])


@app.get("/end")
async def end():
    session.clear()
    return ""


def test(client):
    assert ["1", "2", "3"] == [client.get("/count").text for _ in range(3)]
    assert {"count": 3} == {
        key: value
        for key, value in store.get(f"session:{client.cookies['session']}").items()
        if key == "count"
    }
    assert "1" == type(client)(client.port).get("/count").text
    client.get("/end")
    assert "1" == client.get("/count").text
