"""Flask-Limiter: a default limit, one of a view's own, an exempt view, and the headers."""

import quart_flask_patch  # noqa: F401
from flask_limiter import Limiter
from flask_limiter.util import get_remote_address

from quart import Quart

app = Quart(__name__)
limiter = Limiter(
    get_remote_address,
    app=app,
    default_limits=["3/hour"],
    storage_uri="memory://",
    headers_enabled=True,
)


@app.get("/default")
async def default():
    return "default"


@app.get("/once")
@limiter.limit("1/hour")
async def once():
    return "once"


@app.get("/free")
@limiter.exempt
async def free():
    return "free"


def test(client):
    answers = [client.get("/default") for _ in range(4)]
    assert [200, 200, 200, 429] == [answer.status for answer in answers]
    assert ["2", "1", "0", "0"] == [answer.headers["X-RateLimit-Remaining"] for answer in answers]
    assert "default" == answers[0].text
    assert [200, 429] == [client.get("/once").status for _ in range(2)]
    assert [200] * 5 == [client.get("/free").status for _ in range(5)]
