"""OpenTelemetry's ASGI middleware: spans and metrics by the template of the path."""

import time

from opentelemetry import trace
from opentelemetry.instrumentation.asgi import OpenTelemetryMiddleware
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from quart import Quart, ServerSentEvent, request, sse_response

spans = InMemorySpanExporter()
metrics = InMemoryMetricReader()
tracer_provider = TracerProvider()
tracer_provider.add_span_processor(SimpleSpanProcessor(spans))

app = Quart(__name__)


app.asgi_app = OpenTelemetryMiddleware(
    app.asgi_app,
    tracer_provider=tracer_provider,
    meter_provider=MeterProvider(metric_readers=[metrics]),
    exclude_spans=["send", "receive"],
)


@app.before_request
async def name_span():
    """Name the span by the route, which the middleware cannot know when it begins."""
    if request.url_rule is not None:
        span = trace.get_current_span()
        span.update_name(f"{request.method} {request.url_rule.rule}")
        span.set_attribute("http.route", request.url_rule.rule)


@app.get("/user/<int:id>")
async def user(id: int):
    return {"id": id}


@app.get("/sync/<name>")
def sync(name: str):
    return name


@app.get("/events/<int:count>")
async def events(count: int):
    async def each():
        for number in range(count):
            yield ServerSentEvent(str(number))

    return sse_response(each())


def names(count: int) -> list[str]:
    """The names of so many spans, which end when the answer has arrived."""
    for _ in range(100):
        if len(spans.get_finished_spans()) >= count:
            break
        time.sleep(0.05)
    return [span.name for span in spans.get_finished_spans()]


def test_spans(client):
    spans.clear()
    assert {"id": 7} == client.get("/user/7").json
    assert "x" == client.get("/sync/x").text
    assert 3 == client.get("/events/3").text.count("data:")
    assert ["GET /user/<int:id>", "GET /sync/<name>", "GET /events/<int:count>"] == names(3)
    assert "/user/<int:id>" == spans.get_finished_spans()[0].attributes["http.route"]


def test_what_is_nowhere_keeps_its_path(client):
    spans.clear()
    assert 404 == client.get("/nowhere").status
    assert ["GET /nowhere"] == names(1)


def test_metrics(client):
    assert 200 == client.get("/user/8").status
    points = [
        point
        for resource in metrics.get_metrics_data().resource_metrics
        for scope in resource.scope_metrics
        for metric in scope.metrics
        if metric.name == "http.server.duration"
        for point in metric.data.data_points
    ]
    assert "/user/<int:id>" in {point.attributes.get("http.target") for point in points}
