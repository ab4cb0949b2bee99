"""Flask-Caching: a view's answer and a function's value kept, by argument, and forgotten."""

import quart_flask_patch  # noqa: F401
from flask_caching import Cache

from quart import Quart

app = Quart(__name__)
app.config["CACHE_TYPE"] = "SimpleCache"
cache = Cache(app)
calls = []


@cache.memoize()
def square(number: int) -> int:
    calls.append(number)
    return number * number


@app.get("/square/<int:number>")
async def show(number: int):
    return str(square(number))


@app.get("/cached")
@cache.cached(query_string=True)
def cached():
    calls.append("cached")
    return str(len(calls))


@app.get("/forget")
async def forget():
    cache.clear()
    return ""


def test(client):
    assert ["4", "9", "4"] == [client.get(f"/square/{n}").text for n in (2, 3, 2)]
    assert [2, 3] == calls
    assert ["3", "3", "4"] == [client.get(f"/cached{q}").text for q in ("", "", "?a=1")]
    client.get("/forget")
    assert "5" == client.get("/cached").text
