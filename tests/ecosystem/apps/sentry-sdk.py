"""Sentry's SDK: errors of async and sync views with their requests, messages, transactions."""

import time

import sentry_sdk
from sentry_sdk.integrations.quart import QuartIntegration
from sentry_sdk.transport import Transport

from quart import Quart, request

events = []


class Kept(Transport):
    """A transport to nowhere."""

    def capture_envelope(self, envelope) -> None:
        events.extend((item.type, item.payload.json) for item in envelope.items)


sentry_sdk.init(
    dsn="http://key@localhost/1",
    transport=Kept,
    integrations=[QuartIntegration()],
    traces_sample_rate=1.0,
    send_default_pii=True,
)

app = Quart(__name__)


@app.get("/fine")
async def fine():
    return "fine"


@app.get("/fine/<int:id>")
async def fine_one(id: int):
    return "fine"


@app.post("/error/<name>")
async def error(name: str):
    raise ValueError(name)


@app.get("/sync")
def sync():
    raise KeyError("sync")


@app.get("/handled")
async def handled():
    sentry_sdk.capture_message(f"at {request.path}")
    return "handled"


def event(kind: str, endpoint: str) -> dict:
    """The event or transaction of an endpoint, which is sent when the answer has arrived."""
    for _ in range(100):
        for found, payload in events:
            if (kind, endpoint) == (found, payload.get("transaction")):
                return payload
        time.sleep(0.05)
    raise AssertionError(f"no {kind} of {endpoint} among {[kind for kind, _ in events]}")


def test_errors(client):
    assert 500 == client.post("/error/x?a=b", json={"key": "value"}).status
    seen = event("event", "error")
    raised = seen["exception"]["values"][-1]
    assert ("ValueError", "x") == (raised["type"], raised["value"])
    assert {"type": "quart", "handled": False} == raised["mechanism"]
    assert "'x'" == raised["stacktrace"]["frames"][-1]["vars"]["name"]
    assert "POST" == seen["request"]["method"]
    assert seen["request"]["url"].startswith(f"http://127.0.0.1:{client.port}/error/x")
    assert "a=b" == seen["request"]["query_string"]
    assert {"REMOTE_ADDR": "127.0.0.1"} == seen["request"]["env"]


def test_errors_in_sync_views(client):
    assert 500 == client.get("/sync").status
    assert "KeyError" == event("event", "sync")["exception"]["values"][-1]["type"]


def test_messages(client):
    assert "handled" == client.get("/handled").text
    assert "at /handled" == event("event", "handled")["message"]


def test_transactions(client):
    assert "fine" == client.get("/fine").text
    assert "component" == event("transaction", "fine")["transaction_info"]["source"]


def test_transactions_by_path(client):
    integration = sentry_sdk.get_client().get_integration(QuartIntegration)
    integration.transaction_style = "url"
    try:
        assert "fine" == client.get("/fine/7").text
        assert "route" == event("transaction", "/fine/<int:id>")["transaction_info"]["source"]
    finally:
        integration.transaction_style = "endpoint"
