"""A target that is a whole URL, as proxies get them, means its path (RFC 9112, section 3.2.2)."""

from pathlib import Path
from typing import Any

import pytest
from asgi import Websocket, get, http_scope, websocket_scope
from attacks.attackers import Raw
from hypothesis import given
from hypothesis import strategies as st
from servers.processes import SERVERS, free_port, running

from quart import Quart, request, websocket
from quart.asgi import in_origin_form


def make_app() -> Quart:
    app = Quart("tests", root_path="tests", static_folder=None)

    @app.get("/")
    @app.get("/<path:path>")
    async def view(path: str = "") -> Any:
        return {"path": request.path, "root": request.root_path, "host": request.host}

    @app.websocket("/ws")
    async def ws() -> None:
        await websocket.send(f"{websocket.path} {websocket.host}")

    return app


@pytest.mark.parametrize(
    ("path", "root_path", "expected"),
    [
        ("http://other.example/a/b", "", "/a/b"),
        ("HTTP://other.example/a/b", "", "/a/b"),
        ("http://user:word@other.example/a/b", "", "/a/b"),
        ("http://other.example", "", "/"),
        ("http://other.example/", "", "/"),
        ("http://other.example/root/a", "/root", "/a"),  # as the text of ASGI has it
        ("/roothttp://other.example/a", "/root", "/a"),  # as Uvicorn has it
    ],
)
async def test_it_is_served_as_its_path(path: str, root_path: str, expected: str) -> None:
    """And its authority is the host, whatever the header says."""
    scope = http_scope("GET", "/", headers={"host": "localhost"}, root_path=root_path)
    scope |= {"path": path, "raw_path": path.encode()}
    messages: list[Any] = []

    async def receive() -> Any:
        return {"type": "http.request"}

    async def send(message: Any) -> None:
        messages.append(message)

    app = make_app()
    await app(scope, receive, send)

    body = messages[1]["body"].decode()
    assert f'"path":"{expected}"' in body
    assert '"host":"other.example"' in body
    assert f'"root":"{root_path}"' in body


@pytest.mark.parametrize(
    "path", ["/http://other.example/a", "/a?http://other", "http:/a", "http:///a", "://other/a"]
)
def test_other_paths_stay(path: str) -> None:
    scope = http_scope("GET", "/") | {"path": path, "raw_path": path.encode()}

    assert scope is in_origin_form(scope)


def test_a_path_whose_encoded_bytes_look_like_it_stays() -> None:
    scope = http_scope("GET", "/")
    scope |= {"path": "http://other.example/a", "raw_path": b"http%3A//other.example/a"}

    assert scope is in_origin_form(scope)


@given(st.text(alphabet="ht:/@?#.[]ä %", max_size=20), st.sampled_from(["", "/r"]))
def test_any_path_is_taken(path: str, root_path: str) -> None:
    """What is changed begins with a slash, and has one host."""
    scope = http_scope("GET", "/", headers={"host": "a"}, root_path=root_path) | {"path": path}
    changed = in_origin_form(scope)

    if changed is not scope:
        assert changed["path"].startswith("/")
        assert 1 == sum(name == b"host" for name, _ in changed["headers"])


async def test_a_mount_is_found_by_it() -> None:
    app, inner = make_app(), make_app()
    app.mount("/inner", inner)
    scope = {"path": "http://other.example/inner/a", "raw_path": None}

    async def with_target(own: Any, receive: Any, send: Any) -> None:
        await app({**own, **scope}, receive, send)

    response = await get(with_target)

    assert {"path": "/a", "root": "/inner", "host": "other.example"} == response.json


async def test_a_websocket() -> None:
    scope = websocket_scope("/") | {"path": "ws://other.example/ws", "raw_path": None}
    async with Websocket(make_app(), scope) as ws:
        ws.feed({"type": "websocket.connect"})
        await ws.accepted()
        assert "/ws other.example" == await ws.receive()


async def test_a_trusted_host_is_not_got_around() -> None:
    """By an untrusted authority beside a trusted `Host`."""
    app = make_app()
    app.config["TRUSTED_HOSTS"] = ["localhost"]

    async def with_target(own: Any, receive: Any, send: Any) -> None:
        await app({**own, "path": "http://other.example/a", "raw_path": None}, receive, send)

    assert 400 == (await get(with_target)).status


SITE = """
from quart import Quart, request, websocket

app = Quart(__name__)


@app.get("/a/<path:path>")
async def view(path):
    return f"{request.path} {request.host} {request.args.get('q')}"


@app.websocket("/ws")
async def ws():
    await websocket.accept(headers={"x-path": f"{websocket.path} {websocket.host}"})
"""


@pytest.mark.parametrize("server", SERVERS)
def test_real_servers(server: str, tmp_path: Path) -> None:
    """Whatever they make of the target. Two of them keep the authority to themselves."""
    pytest.importorskip(server)
    (tmp_path / "site_of_targets.py").write_text(SITE)
    port = free_port()
    where = {
        "hypercorn": ["--bind", f"127.0.0.1:{port}"],
        "granian": ["--interface", "asgi", "--port", str(port)],
    }.get(server, ["--port", str(port)])
    with running(port, "-m", server, "site_of_targets:app", *where, cwd=tmp_path):
        with Raw(port) as client:
            client.request("http://other.example/a/b%20c?q=1", headers=[("Host", "localhost")])
            answer = client.answer()
        with Raw(port) as client:
            status = client.websocket(f"http://localhost:{port}/ws")

    host = "localhost" if server in ("uvicorn", "granian") else "other.example"
    assert (200, f"/a/b c {host} 1".encode()) == (answer.status, answer.body)
    assert 101 == status
