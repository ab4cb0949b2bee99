"""One test for both kinds of connection: `Connection`, which conftest.py gives as a fixture."""

import functools
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from asgi import Closed, Rejected, connect, request


@dataclass(frozen=True)
class Answer:
    """What came of a `Connection`: the same words for a response and for a websocket.

    ``status`` is 101 for a websocket that was accepted; then ``text`` is all it sent, and
    ``code`` is how it was closed. A refused handshake has the status and text of its response.
    """

    status: int
    text: str
    code: int | None = None


class Connection:
    """A new application, and one of the two kinds of connection to it, under the same words.

    ``connection.app``
        a new `quart.Quart`.
    ``connection.kind``
        "request" or "websocket".
    ``connection.twin(pattern, owner=None)``
        a public name in which the kinds differ, of the app or another owner::

            connection.twin("full_dispatch_{}")                 # app.full_dispatch_request
            connection.twin("before_app_{}", blueprint)         # blueprint.before_app_websocket
            connection.twin("{}_started", quart.signals)        # signals.request_started
            connection.twin("{}", quart)                        # the proxy
    ``@connection.route(rule, owner=None, **options)``
        registers a view for this kind on the app or a blueprint. A websocket sends what the view
        returns, unless that is None, as its one message. (To return a response from a websocket
        view, register it with ``app.websocket``.)
    ``@connection.before``, ``@connection.after``, ``@connection.teardown``
        register hooks on the app; ``connection.twin("before_{}", blueprint)`` on others.
    ``await connection.get(target="/", **options)``
        drives the app and returns an `Answer`. The options are those of `asgi.get` and
        `asgi.connect`; a websocket is offered ``websocket.http.response`` unless they say
        otherwise.
    """

    def __init__(self, kind: str) -> None:
        from quart import Quart

        self.kind = kind
        self.app = Quart("tests", root_path="tests")

    def twin(self, pattern: str, owner: Any = None) -> Any:
        return getattr(self.app if owner is None else owner, pattern.format(self.kind))

    def route(self, rule: str = "/", owner: Any = None, **options: Any) -> Any:
        owner = self.app if owner is None else owner
        if self.kind == "request":
            return owner.route(rule, **options)
        return lambda view: owner.websocket(rule, **options)(self._sending(view))

    def _sending(self, view: Callable[..., Any]) -> Callable[..., Awaitable[None]]:
        from quart import current_app, websocket

        @functools.wraps(view)
        async def send_what_it_returns(**arguments: Any) -> None:
            value = await current_app.ensure_async(view)(**arguments)
            if value is not None:
                await websocket.send(value)

        return send_what_it_returns

    @property
    def before(self) -> Any:
        return self.twin("before_{}")

    @property
    def after(self) -> Any:
        return self.twin("after_{}")

    @property
    def teardown(self) -> Any:
        return self.twin("teardown_{}")

    async def get(self, target: str = "/", **options: Any) -> Answer:
        if self.kind == "request":
            response = await request(self.app, "GET", target, **options)
            return Answer(response.status, response.text)
        options.setdefault("extensions", ["websocket.http.response"])
        text = ""
        try:
            async with connect(self.app, target, **options) as ws:
                while True:
                    text += await ws.receive_text()
        except Rejected as error:
            return Answer(error.response.status, error.response.text)
        except Closed as error:
            return Answer(101, text, error.code)
