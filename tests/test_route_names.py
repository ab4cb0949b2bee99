"""What ASGI middleware finds in the scope once the application has matched its URL."""

from __future__ import annotations

from typing import Any

from asgi import connect, get, post

from quart import Blueprint, Quart, request, websocket


class Observer:
    """Middleware that keeps the scope as it was when the response began."""

    def __init__(self, app: Any) -> None:
        self.app = app
        self.seen: list[dict[str, Any]] = []

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        async def note(message: Any) -> None:
            if message["type"] in ("http.response.start", "websocket.accept"):
                self.seen.append(dict(scope))
            await send(message)

        await self.app(scope, receive, note)


def observed(app: Quart) -> Observer:
    observer = Observer(app.asgi_app)
    app.asgi_app = observer  # type: ignore[method-assign]
    return observer


async def test_a_matched_route_is_named() -> None:
    """By its template, its view and the values of its variables."""
    app = Quart(__name__)
    observer = observed(app)

    @app.get("/user/<int:id>")
    async def user(id: int) -> str:
        return str(id)

    await get(app, "/user/7")

    (scope,) = observer.seen
    assert "/user/<int:id>" == scope["route"].path == scope["route"].path_format
    assert scope["endpoint"] is user
    assert {"id": 7} == scope["path_params"]


async def test_both_ways_of_matching(monkeypatch: Any) -> None:
    """Werkzeug's matcher names the same."""
    monkeypatch.setattr(Quart.url_map_class, "short_way", False)
    app = Quart(__name__)
    observer = observed(app)
    app.get("/user/<int:id>", max_content_length=5)(lambda id: str(id))
    app.post("/user/<path:name>", endpoint="other")(lambda name: name)

    await get(app, "/user/7")
    await post(app, "/user/a/b")

    assert ["/user/<int:id>", "/user/<path:name>"] == [s["route"].path for s in observer.seen]
    assert [{"id": 7}, {"name": "a/b"}] == [s["path_params"] for s in observer.seen]


async def test_errors_are_named_too() -> None:
    """A view that fails has a route; a path that is nowhere, or a method, has none."""
    app = Quart(__name__)
    observer = observed(app)

    @app.get("/fails")
    async def fails() -> str:
        raise RuntimeError("asked for")

    await get(app, "/fails")
    await get(app, "/nowhere")
    await post(app, "/fails")

    assert "/fails" == observer.seen[0]["route"].path
    assert all("route" not in scope and "endpoint" not in scope for scope in observer.seen[1:])


async def test_blueprints_and_websockets() -> None:
    """A prefix is part of the template."""
    app = Quart(__name__)
    observer = observed(app)
    blueprint = Blueprint("part", __name__, url_prefix="/part")

    @blueprint.websocket("/room/<name>")
    async def room(name: str) -> None:
        await websocket.accept()

    app.register_blueprint(blueprint)

    async with connect(app, "/part/room/lobby"):
        pass

    (scope,) = observer.seen
    assert "/part/room/<name>" == scope["route"].path
    assert scope["endpoint"] is room
    assert {"name": "lobby"} == scope["path_params"]


async def test_a_mount_is_named_by_its_prefix() -> None:
    """What wraps the mounted application itself sees its routes."""
    inner, outer = Quart("inner"), Quart("outer")
    inner.get("/user/<int:id>")(lambda id: str(id))
    within, without = observed(inner), observed(outer)
    outer.mount("/inner", inner)

    await get(outer, "/inner/user/7")

    assert "/user/<int:id>" == within.seen[0]["route"].path
    assert "/inner" == without.seen[0]["route"].path
    assert without.seen[0]["endpoint"] is inner


async def test_views_that_are_replaced_later() -> None:
    """The view that is called is the view that is named."""
    app = Quart(__name__)
    observer = observed(app)
    app.add_url_rule("/", "index", lambda: "first")

    async def second() -> str:
        return request.path

    app.view_functions["index"] = second
    await get(app)

    assert observer.seen[0]["endpoint"] is second
