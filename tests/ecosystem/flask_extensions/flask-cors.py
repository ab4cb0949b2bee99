"""Headers for all views, preflights, one view's own, and those of errors."""

from flask_cors import CORS, cross_origin


def use(app, views):
    CORS(app, resources={r"/api/*": {"origins": "https://example.org"}})

    @views.add("/api/view", methods=["GET", "PUT"])
    def view():
        return "api"

    @views.add("/api/broken")
    def broken():
        raise ZeroDivisionError

    @views.add("/own", cross_origin(origins="*", expose_headers=["X-Own"]))
    def own():
        return "own"

    @views.add("/plain")
    def plain():
        return "plain"


def check(client):
    origin = {"Origin": "https://example.org"}
    allows = "Access-Control-Allow-Origin"
    assert origin["Origin"] == client.get("/api/view", origin).headers[allows]
    assert client.get("/api/view", {"Origin": "https://other.org"}).headers[allows] is None
    asks = {**origin, "Access-Control-Request-Method": "PUT"}
    preflight = client.request("OPTIONS", "/api/view", None, asks)
    assert (200, origin["Origin"]) == (preflight.status, preflight.headers[allows])
    assert "PUT" in preflight.headers["Access-Control-Allow-Methods"]
    for path, status in (("/api/nothing", 404), ("/api/broken", 500)):
        answer = client.get(path, origin)
        assert (status, origin["Origin"]) == (answer.status, answer.headers[allows])
    own = client.get("/own", origin)
    assert ("own", "X-Own") == (own.text, own.headers["Access-Control-Expose-Headers"])
    assert client.get("/plain", origin).headers[allows] is None
