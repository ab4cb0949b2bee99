"""Run what others have built on Quart against this checkout: `tox -e ecosystem`.

The published source distributions are downloaded now, their own test suites run in a virtual
environment each, and the number of tests that pass is held against the number expected. Nothing
of theirs is kept here.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tarfile
import venv
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

ROOT = Path(__file__).resolve().parent.parent.parent


@dataclass(frozen=True)
class Suite:
    """One extension's release, and how many of its tests have to pass."""

    release: str
    passes: int
    needs: Sequence[str] = ()
    """What its tests need beside what it installs itself."""
    options: Sequence[str] = ()
    """Further arguments for pytest."""

    @property
    def name(self) -> str:
        return self.release.partition("==")[0]


SUITES = [
    Suite("quart-auth==0.12.0", 21),
    Suite(
        "quart-schema==0.25.0",
        207,
        ["attrs", "hypothesis", "msgspec", "pydantic >= 2"],
    ),
    Suite("quart-cors==0.8.0", 33),
    Suite("quart-rate-limiter==0.12.1", 6, ["redis", "valkey"]),
    Suite("quart-tasks==0.5.0", 5, ["freezegun"]),
    Suite(
        "quart-db==0.12.0",
        18,
        ["aiosqlite", "psycopg[binary,pool]"],
        ["-k", "not asyncpg and not psycopg"],  # which want a server
    ),
    Suite("quart-dishka==1.0.1", 18),
    Suite(
        "quart-depends==1.0.1",
        22,
        ["pytest-mock", "aiosqlite", "redis", "SQLAlchemy[asyncio]"],
        # Its own addopts want a plugin that is no more; four tests fail with today's fast-depends.
        ["-o", "addopts=", "-o", "asyncio_default_test_loop_scope=session"],
    ),
    Suite("quart-trio==0.13.0", 15, ["pytest-trio"], ["-p", "no:asyncio"]),
]


def run(command: Sequence[str | Path], log: Path, cwd: Path) -> int:
    """The exit code of a command whose output goes to the end of a file."""
    with log.open("a") as file:
        return subprocess.run(
            list(map(str, command)),
            cwd=cwd,
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=subprocess.STDOUT,
        ).returncode


def install(place: Path, log: Path, *steps: Sequence[str | Path]) -> Path:
    """The Python of a new virtual environment, after `pip install` of each step's arguments."""
    venv.create(place / "venv", with_pip=True, clear=True)
    python = place / "venv" / ("Scripts" if os.name == "nt" else "bin") / "python"
    for step in steps:
        if run([python, "-m", "pip", "install", "-q", *step], log, place):
            raise RuntimeError("could not be installed")
    return python


def source_of(suite: Suite, place: Path, log: Path) -> Path:
    """The directory of the unpacked source distribution."""
    command = ["pip", "download", "-q", "--no-deps", "--no-binary", suite.name, suite.release]
    if run([sys.executable, "-m", *command, "-d", place], log, place):
        raise RuntimeError("could not be downloaded")
    (archive,) = place.glob("*.tar.gz")
    with tarfile.open(archive) as tar:
        tar.extractall(place / "source", filter="data")
    (source,) = (place / "source").iterdir()
    return source


def run_suite(suite: Suite, place: Path) -> str:
    """What became of a suite, in one line; empty when as many tests passed as should."""
    log = place / "log.txt"
    source = source_of(suite, place, log)
    testing = ["pytest", "pytest-asyncio", "pytest-cov", *suite.needs]
    python = install(place, log, [ROOT, *testing], [source])
    results = place / "results.xml"
    command = [python, "-m", "pytest", "-q", f"--junitxml={results}", *suite.options]
    run(command, log, source)
    if not results.exists():
        return "its tests did not run"
    counts = next(ElementTree.parse(results).iter("testsuite")).attrib
    total, *lost = (int(counts[key]) for key in ("tests", "failures", "errors", "skipped"))
    passed = total - sum(lost)
    if passed < suite.passes:
        return f"{passed} of {total} tests passed, where {suite.passes} should"
    return ""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", help="extensions to run; all of them by default")
    parser.add_argument("--work", type=Path, default=ROOT / "build" / "ecosystem")
    parser.add_argument("--jobs", type=int, default=2)
    arguments = parser.parse_args()

    suites = {suite.name: suite for suite in SUITES}
    unknown = set(arguments.names) - suites.keys()
    if unknown:
        parser.error(f"there is no {', '.join(sorted(unknown))} among {', '.join(suites)}")

    def report(name: str) -> bool:
        place = arguments.work.resolve() / name
        shutil.rmtree(place, ignore_errors=True)
        (place / "source").mkdir(parents=True)
        try:
            trouble = run_suite(suites[name], place)
        except Exception as error:
            trouble = str(error)
        print(f"{name}: {trouble or 'ok'}{f' ({place}/log.txt)' if trouble else ''}", flush=True)
        return not trouble

    with ThreadPoolExecutor(arguments.jobs) as pool:
        return 0 if all(list(pool.map(report, arguments.names or suites))) else 1


if __name__ == "__main__":
    sys.exit(main())
