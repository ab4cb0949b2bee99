"""How costs grow: with routes, response headers, mounts and blueprints. Writes `growth.svg`.

    python bench/growth.py

Each figure is the least CPU time of several runs, so that neighbours count little. Both axes go by
powers of ten: what is linear rises by one for one, what lies flat does not depend on the number.
"""

import asyncio
import time
from collections.abc import Callable
from functools import partial
from math import log10
from pathlib import Path

from quart import Blueprint, Quart, Response

SVG = Path(__file__).parent / "growth.svg"
RUNS = 3
COLOURS = ("#1b6ca8", "#c0392b", "#2e8b57", "#8e44ad", "#b9770e")

Points = list[tuple[int, float]]  # A number of things, and microseconds.


async def view(**values: object) -> str:
    return "text"


def least(act: Callable[[], object], times: int = 1) -> float:
    """Microseconds of CPU that one call takes, in the quickest run."""
    seconds = []
    for _ in range(RUNS):
        start = time.process_time()
        for _ in range(times):
            act()
        seconds.append((time.process_time() - start) / times)
    return min(seconds) * 1e6


def asked(app: Quart, path: str, method: str = "GET") -> Callable[[], None]:
    """A call that has the application answer one request."""

    async def receive() -> dict[str, object]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: dict[str, object]) -> None:
        pass

    async def ask() -> None:
        for _ in range(20):
            scope = {
                "type": "http",
                "http_version": "1.1",
                "method": method,
                "scheme": "http",
                "path": path,
                "raw_path": path.encode(),
                "query_string": b"",
                "root_path": "",
                "headers": [(b"host", b"localhost")],
            }
            await app(scope, receive, send)

    return lambda: asyncio.run(ask())


def routes() -> dict[str, Points]:
    """A request for the last of so many resources, each with one rule of every kind."""
    kinds = {
        "static": ("", "", "GET"),
        "<int:>": ("/i/<int:v>", "/i/7", "GET"),
        "<path:>": ("/p/<path:v>", "/p/a/b", "GET"),
        "<float:>": ("/f/<float:v>", "/f/1.5", "GET"),
        "405": ("", "", "PUT"),
    }
    lines: dict[str, Points] = {name: [] for name in kinds}
    for number in (10, 100, 1000, 10_000):
        app = Quart("growth", static_folder=None)
        for resource in range(number // 4 + 1):
            for name, (rule, _, method) in kinds.items():
                if method == "GET":
                    app.add_url_rule(f"/r{resource}{rule}", f"{name}{resource}", view)
        app.url_map.prepare()
        for name, (_, tail, method) in kinds.items():
            path = f"/r{number // 4}{tail}"
            lines[name].append((number, least(asked(app, path, method)) / 20))
    return lines


def encoded(way: Callable[[dict[str, str]], Response], given: dict[str, str]) -> object:
    return way(given).header_items()


def headers() -> dict[str, Points]:
    """So many response headers, set in two ways and encoded."""

    def item_by_item(given: dict[str, str]) -> Response:
        response = Response("text")
        for name, value in given.items():
            response.headers[name] = value
        return response

    ways: dict[str, Callable[[dict[str, str]], Response]] = {
        "headers=": lambda given: Response("text", headers=given),
        "headers[name] =": item_by_item,
    }
    lines: dict[str, Points] = {name: [] for name in ways}
    for number in (5, 50, 500):
        given = {f"X-Header-{i}": f"value {i}" for i in range(number)}
        for name, way in ways.items():
            act = partial(encoded, way, given)
            lines[name].append((number, least(act, 20)))
    return lines


def mounts() -> dict[str, Points]:
    """A request for the last of so many mounts."""
    points: Points = []
    for number in (1, 10, 100, 1000):
        app = Quart("growth", static_folder=None)
        inner = Quart("inner", static_folder=None)
        inner.add_url_rule("/", "view", view)
        for i in range(number):
            app.mount(f"/m{i}", inner)
        points.append((number, least(asked(app, f"/m{number - 1}/")) / 20))
    return {"the last mount": points}


def blueprints() -> dict[str, Points]:
    """To register so many routes, in blueprints three deep."""
    points: Points = []
    for number in (10, 100, 1000, 10_000):
        app = Quart("growth", static_folder=None)
        deepest = Blueprint("c", "growth", url_prefix="/c")
        for i in range(number):
            deepest.add_url_rule(f"/r{i}", f"r{i}", view)
        middle = Blueprint("b", "growth", url_prefix="/b")
        middle.register_blueprint(deepest)
        outer = Blueprint("a", "growth", url_prefix="/a")
        outer.register_blueprint(middle)
        start = time.process_time()
        app.register_blueprint(outer)
        points.append((number, (time.process_time() - start) * 1e6))
    return {"register": points}


def panel(title: str, lines: dict[str, Points], left: int, top: int) -> str:
    """One plot, both axes by powers of ten."""
    every = [point for points in lines.values() for point in points]
    x0, x1 = log10(min(x for x, _ in every)), log10(max(x for x, _ in every))
    y0 = int(log10(min(y for _, y in every)))
    y1 = max(int(log10(max(y for _, y in every))) + 1, y0 + 2)

    def at(x: float, y: float) -> str:
        right = left + 50 + 270 * (x - x0) / (x1 - x0)
        return f"{right:.1f},{top + 190 - 160 * (y - y0) / (y1 - y0):.1f}"

    parts = [f'<text x="{left + 50}" y="{top + 18}" font-weight="bold">{title}</text>']
    for power in range(y0, y1 + 1):
        x, y = at(x0, power).split(",")
        parts.append(f'<path d="M{x},{y} H{left + 320}" stroke="#ddd"/>')
        parts.append(f'<text x="{left + 44}" y="{float(y) + 4}" text-anchor="end">1e{power}</text>')
    for x in sorted({x for x, _ in every}):
        place = at(log10(x), y0).split(",")[0]
        parts.append(f'<text x="{place}" y="{top + 206}" text-anchor="middle">{x}</text>')
    for number, (name, points) in enumerate(lines.items()):
        way = " ".join(at(log10(x), log10(y)) for x, y in points)
        colour = COLOURS[number]
        parts.append(
            f'<polyline points="{way}" fill="none" stroke="{colour}" stroke-width="1.8"/>'
            f'<text x="{left + 330}" y="{top + 60 + 16 * number}" fill="{colour}">'
            f"{name.replace('<', '&lt;')}</text>"
        )
    return "".join(parts)


def main() -> None:
    plots = {
        "microseconds of a request, by routes": routes(),
        "microseconds of a response, by headers": headers(),
        "microseconds of a request, by mounts": mounts(),
        "microseconds to register, by routes of nested blueprints": blueprints(),
    }
    panels = []
    for number, (title, lines) in enumerate(plots.items()):
        panels.append(panel(title, lines, 450 * (number % 2), 230 * (number // 2)))
        for name, points in lines.items():
            print(f"{title}; {name}: {', '.join(f'{x}: {y:.1f}' for x, y in points)}")
    SVG.write_text(
        '<svg xmlns="http://www.w3.org/2000/svg" width="900" height="460" font-size="11"'
        ' font-family="sans-serif"><rect width="900" height="460" fill="white"/>'
        + "\n".join(panels)
        + "</svg>\n"
    )


if __name__ == "__main__":
    main()
