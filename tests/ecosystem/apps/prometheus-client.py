"""The Prometheus client: requests counted by route, and its own ASGI application mounted."""

from prometheus_client import CollectorRegistry, Histogram, make_asgi_app

from quart import Quart

registry = CollectorRegistry()
seconds = Histogram("http_seconds", "Time", ["method", "route", "status"], registry=registry)


class Measured:
    """ASGI middleware: how long each route takes."""

    def __init__(self, app):
        self.app = app

    async def __call__(self, scope, receive, send):
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        status = "500"

        async def note(message):
            nonlocal status
            if message["type"] == "http.response.start":
                status = str(message["status"])
            await send(message)

        with seconds.time() as timer:
            try:
                await self.app(scope, receive, note)
            finally:
                route = getattr(scope.get("route"), "path", "none")
                timer.labels(scope["method"], route, status)


app = Quart(__name__)
app.asgi_app = Measured(app.asgi_app)
app.mount("/metrics", make_asgi_app(registry))


@app.get("/user/<int:id>")
async def user(id: int):
    return {"id": id}


def test_requests_are_counted_by_route(client):
    for path in ("/user/7", "/user/8", "/nowhere/1", "/nowhere/2"):
        client.get(path)
    exposed = client.get("/metrics/").text
    count = 'http_seconds_count{method="GET",route="%s",status="%s"} 2.0'
    assert count % ("/user/<int:id>", "200") in exposed
    assert count % ("none", "404") in exposed
    assert "/user/7" not in exposed
    assert 'route="/metrics"' in client.get("/metrics/").text
