"""What a view pays to return a model, beside `jsonify` of the dictionary made of it by hand.

    python bench/models.py

prints, for one object and for a list of a hundred, microseconds of CPU for one request at the ASGI
seam: the median of many short turns that take turns. The bar: a dataclass takes no longer than
`jsonify(asdict(x))`.
"""

import asyncio
import dataclasses
import statistics
import time
from typing import Any

from quart import Quart, jsonify

ROUNDS = 60
REQUESTS = 100


@dataclasses.dataclass
class Point:
    x: int
    y: int
    name: str


app = Quart(__name__)
one = Point(1, 2, "here")
many = [Point(n, n, str(n)) for n in range(100)]


@app.get("/one/dataclass")
async def one_dataclass() -> Any:
    return one


@app.get("/one/asdict")
async def one_asdict() -> Any:
    return jsonify(dataclasses.asdict(one))


@app.get("/many/dataclass")
async def many_dataclasses() -> Any:
    return many


@app.get("/many/asdict")
async def many_asdict() -> Any:
    return jsonify([dataclasses.asdict(each) for each in many])


async def receive() -> dict[str, Any]:
    return {"type": "http.request", "body": b""}


async def send(message: dict[str, Any]) -> None:
    assert 200 == message.get("status", 200)


async def turn(path: str) -> float:
    scope = {
        "type": "http",
        "http_version": "1.1",
        "method": "GET",
        "scheme": "http",
        "path": path,
        "query_string": b"",
        "headers": [(b"host", b"localhost")],
    }
    start = time.process_time()
    for _ in range(REQUESTS):
        await app(dict(scope), receive, send)  # type: ignore[arg-type]
    return (time.process_time() - start) / REQUESTS * 1e6


async def main() -> None:
    paths = [f"/{amount}/{way}" for amount in ("one", "many") for way in ("asdict", "dataclass")]
    turns: dict[str, list[float]] = {path: [] for path in paths}
    for number in range(ROUNDS):
        for path in paths if number % 2 else reversed(paths):
            turns[path].append(await turn(path))
    for path in paths:
        print(f"{path:16} {statistics.median(turns[path]):8.1f} us")


asyncio.run(main())
