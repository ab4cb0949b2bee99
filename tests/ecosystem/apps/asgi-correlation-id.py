"""asgi-correlation-id: the `X-Request-ID` of a request in the logs of sync and async code."""

import asyncio
import logging

from asgi_correlation_id import CorrelationIdFilter, CorrelationIdMiddleware, correlation_id

from quart import Quart

records: list[tuple[str, str | None]] = []


class Kept(logging.Handler):
    def emit(self, record):
        records.append((record.getMessage(), record.correlation_id))


log = logging.getLogger("shop")
log.setLevel("INFO")
handler = Kept()
handler.addFilter(CorrelationIdFilter())
log.addHandler(handler)

app = Quart(__name__)
app.asgi_app = CorrelationIdMiddleware(app.asgi_app, validator=None)


@app.before_request
def before():
    log.info("sync hook")


@app.get("/async")
async def in_async():
    log.info("async view")

    async def later():
        log.info("background task")

    app.add_background_task(later)
    await asyncio.sleep(0)
    return correlation_id.get()


@app.get("/sync")
def in_sync():
    log.info("sync view")
    return correlation_id.get()


@app.get("/stream")
async def stream():
    def pieces():
        log.info("sync stream")
        yield correlation_id.get()

    return pieces()


@app.get("/error")
async def error():
    raise RuntimeError("asked for")


def test_logs_and_answers_have_it(client):
    for path, message in (
        ("/async", "async view"),
        ("/sync", "sync view"),
        ("/stream", "sync stream"),
    ):
        records.clear()
        answer = client.get(path, headers={"X-Request-ID": f"id of {path}"})
        assert f"id of {path}" == answer.text == answer.headers["X-Request-ID"]
        assert ("sync hook", f"id of {path}") == records[0]
        assert (message, f"id of {path}") in records


def test_background_tasks_have_it(client):
    client.get("/async", headers={"X-Request-ID": "mine"})
    assert ("background task", "mine") in records


def test_one_is_made_where_none_came(client):
    first, second = client.get("/sync"), client.get("/sync")
    assert first.text == first.headers["X-Request-ID"]
    assert first.text != second.text


def test_errors_have_it(client):
    answer = client.get("/error", headers={"X-Request-ID": "mine"})
    assert (500, "mine") == (answer.status, answer.headers["X-Request-ID"])
