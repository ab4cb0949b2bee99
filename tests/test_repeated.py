"""What repeats another function for speed gives what that function gives.

The other places that do so are held where their subject is: responses beside Werkzeug's in
`test_response.py`, routes in `test_routing.py`, cookies in `test_sessions.py`.
"""

from __future__ import annotations

from typing import Any

import jinja2
import pytest
from asgi import http_scope, websocket_scope
from hypothesis import given
from hypothesis import strategies as st
from werkzeug.local import LocalProxy
from werkzeug.sansio.request import Request as SansIORequest

import quart
from quart import Quart, Request, Websocket
from quart.ctx import AppContext, RequestContext, WebsocketContext
from quart.headers import ScopeHeaders


def request_of(headers: list[tuple[bytes, bytes]]) -> Request:
    scope = {**http_scope("POST", "/"), "headers": headers}
    given = ScopeHeaders.of(scope)
    return Request("POST", "http", "/", b"", given, "", "1.1", scope)


def websocket_of() -> Any:
    scope = websocket_scope("/")
    unused: Any = None
    given = ScopeHeaders.of(scope)
    return Websocket("/", b"", "ws", given, "", "1.1", [], unused, unused, unused, unused, scope)


LACKING = {"request", "websocket", "request_websocket", "stages"}


def attributes(ctx: AppContext) -> dict[str, Any]:
    """What a context was made with, beside the connection."""
    stored = [name for name in vars(AppContext) if name not in LACKING and name[:2] != "__"]
    names = [name for name in stored if not hasattr(vars(AppContext)[name], "__get__")]
    return {name: getattr(ctx, name) for name in {*names, *vars(ctx)} - LACKING}


@pytest.mark.parametrize("kind", ["request", "websocket"])
def test_the_contexts_of_connections(kind: str) -> None:
    """They have what `AppContext` sets for the same arguments, however they are made."""
    app = Quart(__name__)
    connection: Any = request_of([]) if kind == "request" else websocket_of()
    cls: Any = RequestContext if kind == "request" else WebsocketContext
    make: Any = app.request_context if kind == "request" else app.websocket_context
    plain = AppContext(app, **{kind: connection})

    for own in (cls(app, connection), make(connection)):
        assert type(own) is cls
        assert attributes(plain) == attributes(own)
        assert connection is getattr(own, kind) is getattr(plain, kind)
        assert connection is own.request_websocket is plain.request_websocket
        assert type(plain.stages) is type(own.stages)


LENGTHS = st.sampled_from(
    [b"", b"0", b"12", b" 12", b"+1", b"-1", b"1_0", b"12a", b"9" * 25, "²".encode("latin-1")]
)
TYPES = st.sampled_from(
    [
        b"application/json",
        b"application/json; charset=utf-8",
        b"APPLICATION/JSON",
        b"application/problem+json",
        b"application/jsonp",
        b"text/json",
        b"",
    ]
)


@given(st.none() | LENGTHS, st.none() | TYPES, st.sampled_from([None, b"chunked", b"gzip", b""]))
def test_the_length_and_the_type_of_a_body(
    length: bytes | None, content_type: bytes | None, coding: bytes | None
) -> None:
    """They are known from the bytes as Werkzeug knows them from the headers."""
    named = {
        b"content-length": length,
        b"content-type": content_type,
        b"transfer-encoding": coding,
    }
    headers = [(name, value) for name, value in named.items() if value is not None]
    ours = request_of(headers)
    theirs = SansIORequest("POST", "http", None, "", "/", b"", request_of(headers).headers, None)

    assert theirs.content_length == ours.content_length
    assert theirs.is_json == ours.is_json


@pytest.mark.parametrize("shared", [True, False])
def test_the_context_of_a_template(shared: bool) -> None:
    """It has Jinja's names: those of the environment, of the template, and of the call."""
    app = Quart(__name__)
    app.jinja_env.globals.update(a="environment", b="environment", c="environment")
    template = app.jinja_env.from_string("", globals={"b": "template", "c": "template"})
    arguments: Any = ({"c": "call"}, shared, {"l_1_d": "local"})
    ours = template.new_context(*arguments)
    theirs = jinja2.Template.new_context(template, *arguments)

    assert theirs.get_all() == ours.get_all()
    assert theirs.parent == ours.parent
    assert theirs.vars == ours.vars


@pytest.mark.parametrize("name", ["current_app", "g", "request", "session"])
async def test_proxies(name: str) -> None:
    """An attribute is found in the object that they stand for; what is missing is told alike."""
    app = Quart(__name__)
    app.secret_key = "key"
    async with app.request_context(request_of([])):
        proxy = getattr(quart, name)
        stands_for = proxy._get_current_object()
        plain = LocalProxy(lambda: stands_for)
        methods = [
            each
            for each in dir(type(stands_for))
            if each[0] >= "a" and callable(getattr(type(stands_for), each, None))
        ]
        assert methods
        for each in methods:
            assert getattr(plain, each) == getattr(proxy, each)
        for each in ("missing", "_missing", "Missing"):
            with pytest.raises(AttributeError) as ours:
                getattr(proxy, each)
            with pytest.raises(AttributeError) as theirs:
                getattr(plain, each)
            assert str(theirs.value) == str(ours.value)
    with pytest.raises(RuntimeError, match="outside"):
        getattr(proxy, "missing")  # noqa: B009


async def test_the_proxy_of_a_session_reads_and_writes_items() -> None:
    """As the session itself, which notes both."""
    app = Quart(__name__)
    app.secret_key = "key"
    async with app.request_context(request_of([])) as ctx:
        quart.session["a"] = 1
        assert 1 == quart.session["a"] == ctx.session["a"]
        assert ctx.session.modified
        with pytest.raises(KeyError):
            quart.session["b"]
