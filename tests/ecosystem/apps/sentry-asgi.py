"""Sentry's ASGI middleware by itself, without the integration for Quart: it names routes."""

import time

import sentry_sdk
from sentry_sdk.integrations.asgi import SentryAsgiMiddleware
from sentry_sdk.transport import Transport

from quart import Quart

events = []


class Kept(Transport):
    """A transport to nowhere."""

    def capture_envelope(self, envelope) -> None:
        events.extend((item.type, item.payload.json) for item in envelope.items)


sentry_sdk.init(
    dsn="http://key@localhost/1",
    transport=Kept,
    auto_enabling_integrations=False,
    traces_sample_rate=1.0,
)

app = Quart(__name__)
app.asgi_app = SentryAsgiMiddleware(app.asgi_app, transaction_style="url", asgi_version=3)


@app.get("/user/<int:id>")
async def user(id: int):
    return str(id)


@app.get("/message/<name>")
def message(name: str):
    sentry_sdk.capture_message(name)
    return name


def event(kind: str, name: str) -> dict:
    """The event or transaction of a name, which is sent when the answer has arrived."""
    for _ in range(100):
        for found, payload in events:
            if (kind, name) == (found, payload.get("transaction")):
                return payload
        time.sleep(0.05)
    raise AssertionError(f"no {kind} of {name} among {[p.get('transaction') for _, p in events]}")


def test_transactions(client):
    assert "7" == client.get("/user/7").text
    assert "route" == event("transaction", "/user/<int:id>")["transaction_info"]["source"]


def test_events(client):
    assert "x" == client.get("/message/x").text
    assert "x" == event("event", "/message/<name>")["message"]
