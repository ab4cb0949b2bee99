"""From figures to Markdown: medians, quartiles, ratios, and the place where they are written."""

import datetime
import os
import platform
import re
import statistics
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from frameworks import FRAMEWORKS, OURS, RAW
from scenarios import SCENARIOS

README = Path(__file__).parent / "README.md"


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

    def __str__(self) -> str:
        return f"{self.median:.1f} ({self.first:.1f}-{self.third:.1f})"


class Results:
    """One figure per scenario, framework and round."""

    def __init__(self, loop: str, about: dict[str, dict[str, Any]]) -> None:
        self.loop = loop
        self.about = about  # What each framework's worker said of itself.
        self.rounds: dict[str, list[dict[str, Figure]]] = defaultdict(list)

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
        ratios = [figure.own / figure.raw for figure in figures]
        return Spread(*statistics.quantiles(ratios, n=4, method="inclusive"))

    def over_raw(self, scenario: str, framework: str) -> Spread | None:
        """Microseconds over raw, at the speed that raw had in the median."""
        ratio, raw = self.ratio(scenario, framework), self.raw(scenario)
        if ratio is None:
            return None
        return Spread((ratio.first - 1) * raw, (ratio.median - 1) * raw, (ratio.third - 1) * raw)

    def tables(self) -> str:
        parts = [f"### On {self.loop}", self._over_raw_table()]
        if OURS.name in self.about:
            parts.append(self._ratio_table())
        return "\n\n".join(parts)

    def _over_raw_table(self) -> str:
        peers = [name for name in self.about if name != RAW.name]
        rows = [["scenario", "raw", *(FRAMEWORKS[name].title for name in peers)]]
        for scenario in self.rounds:
            spreads = (self.over_raw(scenario, name) for name in peers)
            cells = ("-" if spread is None else str(spread) for spread in spreads)
            rows.append([SCENARIOS[scenario].title, f"{self.raw(scenario):.1f}", *cells])
        words = "Microseconds of CPU per request: raw's, and what the others need over it"
        return f"{words}, median (quartiles):\n\n{table(rows)}"

    def _ratio_table(self) -> str:
        peers = [name for name in self.about if name not in (RAW.name, OURS.name)]
        rows = [["scenario", *(FRAMEWORKS[name].title for name in peers)]]
        for scenario in self.rounds:
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
        """When and where it was measured, and whose work is not equal."""
        rounds = max(len(rounds) for rounds in self.rounds.values())
        versions = ", ".join(
            f"{FRAMEWORKS[name].title} {about['version']}"
            for name, about in self.about.items()
            if about["version"]
        )
        titles = defaultdict(list)
        for name, about in self.about.items():
            for scenario in self.rounds:
                app = SCENARIOS[scenario].app
                if app in about["unequal"]:
                    titles[scenario, about["unequal"][app]].append(FRAMEWORKS[name].title)
        unequal = "\n".join(
            f"- {SCENARIOS[scenario].title}, {' and '.join(who)}: {text}"
            for (scenario, text), who in titles.items()
        )
        return (
            f"Measured {datetime.date.today()}: {rounds} interleaved rounds,"
            f" CPython {self.about[RAW.name]['python']}, {processor()}, {os.cpu_count()} cores,"
            f" {platform.system()} {platform.release()}. {versions}.\n\n"
            f"A dash: the framework has no such thing. Not equal:\n\n{unequal}"
        )


def table(rows: list[list[str]]) -> str:
    head, *body = ("| " + " | ".join(row) + " |" for row in rows)
    return "\n".join([head, "|---" + "|---:" * (len(rows[0]) - 1) + "|", *body])


def processor() -> str:
    found = re.search(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text())
    return found[1] if found else platform.machine()


def write(text: str, block: str = "figures") -> None:
    """Put `text` between the markers of this name in the README."""
    begin, end = f"<!-- begin: {block} -->", f"<!-- end: {block} -->"
    before, _, rest = README.read_text().partition(begin)
    after = rest.partition(end)[2]
    README.write_text(f"{before}{begin}\n\n{text}\n\n{end}{after}")
