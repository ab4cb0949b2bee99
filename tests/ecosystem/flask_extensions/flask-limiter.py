"""A limit of a view, one of all views, and what headers say of it."""

from flask_limiter import Limiter
from flask_limiter.util import get_remote_address


def use(app, views):
    limiter = Limiter(
        get_remote_address,
        app=app,
        default_limits=["4/hour"],
        storage_uri="memory://",
        headers_enabled=True,
    )

    @views.add("/once", limiter.limit("1/hour"))
    def once():
        return "once"

    @views.add("/some")
    def some():
        return "some"

    @views.add("/any", limiter.exempt)
    def without():
        return "any"


def check(client):
    first = client.get("/once")
    assert ("once", "0") == (first.text, first.headers["X-RateLimit-Remaining"])
    assert 429 == client.get("/once").status
    assert [200] * 4 + [429] == [client.get("/some").status for _ in range(5)]
    assert [200] * 5 == [client.get("/any").status for _ in range(5)]
