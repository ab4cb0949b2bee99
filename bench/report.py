"""From figures to Markdown: medians, quartiles, ratios, and the place where they are written."""

import argparse
import datetime
import os
import platform
import re
import statistics
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from frameworks import FRAMEWORKS, OURS, RAW, Framework
from scenarios import SCENARIOS

README = Path(__file__).parent / "README.md"
PROJECT_README = Path(__file__).parent.parent / "README.md"
WSGI_WORDS = (
    "Flask is there for reference. It runs under WSGI, without an event loop and tasks, one request"
    " after another; raw ASGI is not its floor, so its column has the whole of its microseconds."
)


@dataclass(frozen=True)
class Figure:
    """Microseconds of CPU per request, the framework's own and raw's just before and after."""

    own: float
    raw: float


@dataclass(frozen=True)
class Spread:
    first: float
    median: float
    third: float

    @classmethod
    def of(cls, figures: list[float]) -> "Spread":
        return cls(*statistics.quantiles(figures, n=4, method="inclusive"))

    def text(self, digits: int) -> str:
        first, median, third = (f"{x:.{digits}f}" for x in (self.first, self.median, self.third))
        return f"{median} ({first}-{third})"

    def __str__(self) -> str:
        return self.text(1)


class Results:
    """One figure per scenario, framework and round."""

    def __init__(self, loop: str) -> None:
        self.loop = loop
        self.versions: dict[str, str] = {}
        # By application and words: the frameworks whose work is not equal, or that have none.
        self.unequal: dict[tuple[str, str], list[str]] = defaultdict(list)
        self.missing: dict[tuple[str, str], list[str]] = defaultdict(list)
        self.rounds: dict[str, list[dict[str, Figure]]] = defaultdict(list)

    def introduce(self, framework: str, app: str, about: dict[str, Any]) -> None:
        """Note what the framework's worker of an application says of itself."""
        self.versions[framework] = about["version"]
        title = FRAMEWORKS[framework].title
        if about["has_app"] and about["unequal"]:
            self.unequal[app, about["unequal"]].append(title)
        if not about["has_app"]:
            self.missing[app, about["missing"]].append(title)

    def add(self, scenario: str, figures: dict[str, Figure]) -> None:
        self.rounds[scenario].append(figures)

    def raw(self, scenario: str) -> float:
        return statistics.median(
            figure.raw for figures in self.rounds[scenario] for figure in figures.values()
        )

    def ratio(self, scenario: str, framework: str) -> Spread | None:
        """How many times as long as raw the framework takes; None without such an application."""
        figures = [figures[framework] for figures in self.rounds[scenario] if framework in figures]
        if not figures:
            return None
        return Spread.of([figure.own / figure.raw for figure in figures])

    def whole(self, scenario: str, framework: str) -> Spread | None:
        """Microseconds, at the speed that raw had in the median."""
        ratio, raw = self.ratio(scenario, framework), self.raw(scenario)
        return ratio and Spread(ratio.first * raw, ratio.median * raw, ratio.third * raw)

    def over_raw(self, scenario: str, framework: str) -> Spread | None:
        """The same without raw's own."""
        whole, raw = self.whole(scenario, framework), self.raw(scenario)
        return whole and Spread(whole.first - raw, whole.median - raw, whole.third - raw)

    @property
    def scenarios(self) -> list[str]:
        return [name for name in SCENARIOS if name in self.rounds]

    def tables(self) -> str:
        parts = [f"### On {self.loop}", self._over_raw_table()]
        if OURS.name in self.versions:
            parts.append(self._ratio_table())
        return "\n\n".join(parts)

    def _over_raw_table(self) -> str:
        peers = [FRAMEWORKS[name] for name in self.versions if name != RAW.name]
        rows = [["scenario", "raw", *(peer.title for peer in peers)]]
        for scenario in self.scenarios:
            cells = (self._cell(scenario, peer) for peer in peers)
            rows.append([SCENARIOS[scenario].title, f"{self.raw(scenario):.1f}", *cells])
        words = "Microseconds of CPU per request: raw's, and what the others need over it"
        return f"{words}, median (quartiles):\n\n{table(rows)}"

    def _cell(self, scenario: str, peer: Framework) -> str:
        whole = peer.interface == "wsgi"
        spread = (self.whole if whole else self.over_raw)(scenario, peer.name)
        return "-" if spread is None else f"all {spread}" if whole else str(spread)

    def _ratio_table(self) -> str:
        peers = [
            name
            for name in self.versions
            if name not in (RAW.name, OURS.name) and FRAMEWORKS[name].interface == "asgi"
        ]
        rows = [["scenario", *(FRAMEWORKS[name].title for name in peers)]]
        for scenario in self.scenarios:
            ours = self.over_raw(scenario, OURS.name)
            spreads = (self.over_raw(scenario, name) for name in peers)
            cells = (
                f"x {spread.median / ours.median:.2f}" if spread and ours else "-"
                for spread in spreads
            )
            rows.append([SCENARIOS[scenario].title, *cells])
        words = "What each needs over raw as a multiple of ours (more than 1: we are faster)"
        return f"{words}:\n\n{table(rows)}"

    def notes(self) -> str:
        """When and where it was measured, whose work is not equal, and who has none."""
        rounds = [len(rounds) for rounds in self.rounds.values()]
        versions = [
            f"{FRAMEWORKS[name].title} {version}"
            for name, version in self.versions.items()
            if version
        ]
        parts = [
            f"{min(rounds)} to {max(rounds)} interleaved rounds. {measured_on(versions)}",
            "Not equal:",
            self._remarks(self.unequal),
            "A dash:",
            self._remarks(self.missing),
        ]
        if any(FRAMEWORKS[name].interface == "wsgi" for name in self.versions):
            parts.insert(1, WSGI_WORDS)
        return "\n\n".join(parts)

    def _remarks(self, remarks: dict[tuple[str, str], list[str]]) -> str:
        lines = []
        for (app, words), who in remarks.items():
            titles = [
                SCENARIOS[name].title for name in self.scenarios if SCENARIOS[name].app == app
            ]
            lines.append(f"- {'; '.join(titles)}: {', '.join(who)}: {words}")
        return "\n".join(lines)


def table(rows: list[list[str]]) -> str:
    head, *body = ("| " + " | ".join(row) + " |" for row in rows)
    return "\n".join([head, "|---" + "|---:" * (len(rows[0]) - 1) + "|", *body])


def measured_on(versions: list[str]) -> str:
    found = re.search(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text())
    processor = found[1] if found else platform.machine()
    return (
        f"Measured {datetime.date.today()}: CPython {platform.python_version()}, {processor},"
        f" {os.cpu_count()} cores, {platform.system()} {platform.release()}."
        f" {', '.join(versions)}."
    )


def names(known: dict[str, Any]) -> Any:
    """An argument type: names separated by commas."""

    def parse(text: str) -> list[str]:
        chosen = text.split(",")
        if unknown := [name for name in chosen if name not in known]:
            raise argparse.ArgumentTypeError(f"unknown: {unknown}; known: {', '.join(known)}")
        return chosen

    return parse


def write(part: str, text: str, readme: Path = README) -> None:
    """Put `text` between the markers of that part of a README."""
    begin, end = f"<!-- begin: {part} -->", f"<!-- end: {part} -->"
    before, _, rest = readme.read_text().partition(begin)
    after = rest.partition(end)[2]
    readme.write_text(f"{before}{begin}\n\n{text}\n\n{end}{after}")
