"""Run what others have built on Quart against this checkout: `tox -e ecosystem`.

Two kinds of proof, in virtual environments of their own. The published source distributions are
downloaded now, their own test suites run, and the number of tests that pass is held against the
number expected; nothing of theirs is kept here. And `apps/` holds a small application for each
further extension, which a server serves and which is asked for what the extension is there for.
Those for Flask are in `flask_extensions/`, each in several ways.

`constraints.txt` names the releases of all they depend on, so that a new one does not fail the
build of a change that has nothing to do with it; `--newest` leaves it out.
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

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
CONSTRAINTS = HERE / "constraints.txt"
TIMEOUT = 300  # seconds for one command
#: The two runs of `flask_extensions/ways.py`, with their further options.
WAYS = {"each way": [], "each way, patched": ["-p", "quart_flask_patch"]}


@dataclass(frozen=True)
class Suite:
    """One extension's release, and how many of its tests have to pass."""

    release: str
    passes: int
    needs: Sequence[str] = ()
    """What its tests need beside what it installs itself."""
    options: Sequence[str] = ()
    """Further arguments for pytest."""
    plugin: str = ""
    """A pytest plugin in `plugins/` that its tests run with."""

    @property
    def name(self) -> str:
        return self.release.partition("==")[0]


@dataclass(frozen=True)
class Group:
    """Extensions that get along in one environment; each has `apps/<name>.py`."""

    name: str
    releases: Sequence[str]
    needs: Sequence[str] = ()
    """What the applications need beside the extensions."""
    also: Sequence[str] = ()
    """Further applications, each for several of the extensions."""
    in_each_way: bool = False
    """Whether the extensions are for Flask, and in `flask_extensions/` instead."""

    @property
    def apps(self) -> list[str]:
        """What is reported on: the releases, and the names of the further applications."""
        return [*(WAYS if self.in_each_way else self.releases), *self.also]


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
    Suite("jinja2==3.1.6", 909, ["trio"], ["-p", "no:asyncio"], "quart_environment"),
]


GROUPS = [
    Group(
        "for-quart",
        [
            "quart-babel==1.0.7",
            "quart-uploads==0.0.4",
            "quart-wtforms==1.0.3",
            "sentry-sdk==2.75.0",
            "strawberry-graphql==0.341.2",
        ],
        also=["sentry-asgi"],
    ),
    Group(
        "for-asgi",
        [
            "asgi-correlation-id==5.0.1",
            "asgi-lifespan==2.1.0",
            "brotli-asgi==1.7.0",
            "opentelemetry-instrumentation-asgi==0.66b2",
            "prometheus-client==0.26.0",
        ],
        ["granian", "httpx", "opentelemetry-sdk", "starlette", "websockets"],
        ["gzip-and-cors", "each-middleware"],
    ),
    # Each of these in each way: `flask_extensions/ways.py`.
    Group(
        "for-flask",
        [
            "authlib==1.9.10",
            "bootstrap-flask==2.6.0",
            "flask-admin==2.2.1",
            "flask-apscheduler==1.13.1",
            "flask-assets==2.1.0",
            "flask-babel==4.0.0",
            "flask-bcrypt==1.0.1",
            "flask-caching==2.5.1",
            "flask-compress==1.25",
            "flask-cors==6.0.5",
            "flask-dance==7.1.0",
            "flask-debugtoolbar==0.16.0",
            "flask-executor==1.0.0",
            "flask-flatpages==0.9.0",
            "flask-httpauth==4.8.1",
            "flask-jwt-extended==4.7.4",
            "flask-limiter==4.1.1",
            "flask-login==0.6.3",
            "flask-mail==0.10.0",
            "flask-mailman==1.1.1",
            "flask-marshmallow==1.5.0",
            "flask-menu==2.0.1",
            "flask-migrate==4.1.0",
            "flask-minify==0.50",
            "flask-moment==1.0.6",
            "flask-paginate==2026.10.22",
            "flask-principal==0.4.0",
            "flask-pydantic==0.14.0",
            "flask-restful==0.3.10",
            "flask-restx==1.3.2",
            "flask-reuploaded==1.6.0",
            "flask-seasurf==2.0.0",
            "flask-security-too==5.9.2",
            "flask-session==0.8.0",
            "flask-smorest==0.47.0",
            "flask-sqlalchemy==3.1.1",
            "flask-talisman==1.1.0",
            "flask-wtf==1.3.0",
        ],
        ["quart-flask-patch==0.3.0", "cachelib", "marshmallow-sqlalchemy", "python-socketio"],
        ["flask-socketio-instead"],
        in_each_way=True,
    ),
    # What `quart new --api` makes.
    Group(
        "for-new-api",
        [],
        ["quart-schema[pydantic]==0.25.0", "pydantic >= 2", "hatchling", "mypy", "pytest-asyncio"],
        ["new-api"],
    ),
    # What `Quart.from_flask` carries over, beside Flask itself; without Flask-Babel, which
    # Flask-Admin wants set up wherever it is installed.
    Group(
        "for-flask-sites",
        [],
        [
            "flask-admin",
            "flask-caching",
            "flask-compress",
            "flask-cors",
            "flask-httpauth",
            "flask-limiter",
            "flask-login",
            "flask-restful",
            "flask-sqlalchemy",
            "flask-wtf",
        ],
        ["flask-sites"],
    ),
]


@dataclass(frozen=True)
class Row:
    """What became of one extension."""

    release: str
    passed: int
    total: int
    wanted: int
    log: Path
    trouble: str = ""

    @property
    def good(self) -> bool:
        return not self.trouble and self.passed >= self.wanted

    def __str__(self) -> str:
        name, _, version = self.release.partition("==")
        counts = f"{self.passed:4} of {self.total:4} passed, {self.wanted:4} wanted"
        return (
            f"{name:20} {version:10} {self.trouble or counts:36} {'ok' if self.good else 'FAILED'}"
        )


class Trouble(Exception):
    """A step failed; the log says more."""


@dataclass(frozen=True)
class Place:
    """A directory for one environment, with its log."""

    path: Path
    wheel: Path
    constraints: Sequence[str | Path]

    @property
    def log(self) -> Path:
        return self.path / "log.txt"

    @property
    def python(self) -> Path:
        return self.path / "venv" / ("Scripts" if os.name == "nt" else "bin") / "python"

    def install(self, *steps: Sequence[str | Path]) -> None:
        """Make the virtual environment, and `pip install` each step's arguments."""
        venv.create(self.path / "venv", clear=True)
        # Ours installs there, and compiles nothing ahead: which nearly halves the work.
        pip = [sys.executable, "-m", "pip", "--python", self.python, "install", "--no-compile"]
        for step in steps:
            command = [*pip, "-q", *self.constraints, *step]
            if run(command, self.log, self.path):
                raise Trouble("could not be installed")

    def test(self, name: str, cwd: Path, arguments: Sequence[str | Path]) -> tuple[int, int]:
        """Run pytest; how many tests passed, and of how many."""
        results = self.path / f"{name}.xml"
        run([self.python, "-m", "pytest", "-q", f"--junitxml={results}", *arguments], self.log, cwd)
        if not results.exists():
            raise Trouble("its tests did not run")
        counts = next(ElementTree.parse(results).iter("testsuite")).attrib
        total, *lost = (int(counts[key]) for key in ("tests", "failures", "errors", "skipped"))
        return total - sum(lost), total


def run(command: Sequence[str | Path], log: Path, cwd: Path) -> int:
    """The exit code of a command whose output goes to the end of a file."""
    with log.open("a") as file:
        try:
            return subprocess.run(
                list(map(str, command)),
                cwd=cwd,
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=subprocess.STDOUT,
                timeout=TIMEOUT,
            ).returncode
        except subprocess.TimeoutExpired:
            file.write(f"\nstopped after {TIMEOUT} seconds\n")
            return -1


def source_of(suite: Suite, place: Place) -> Path:
    """The directory of the unpacked source distribution."""
    command = ["pip", "download", "-q", "--no-deps", "--no-binary", suite.name, suite.release]
    if run([sys.executable, "-m", *command, "-d", place.path], place.log, place.path):
        raise Trouble("could not be downloaded")
    (archive,) = place.path.glob("*.tar.gz")
    with tarfile.open(archive) as tar:
        tar.extractall(place.path / "source", filter="data")
    (source,) = (place.path / "source").iterdir()
    return source


def run_suite(suite: Suite, place: Place) -> list[Row]:
    """Run the tests that an extension came with."""
    source = source_of(suite, place)
    testing = ["pytest", "pytest-asyncio", "pytest-cov", *suite.needs]
    place.install([place.wheel, *testing], [source])
    options = list(suite.options)
    if suite.plugin:
        shutil.copy(HERE / "plugins" / f"{suite.plugin}.py", source)
        options += ["-p", suite.plugin]
    passed, total = place.test("results", source, options)
    return [Row(suite.release, passed, total, suite.passes, place.log)]


def run_group(group: Group, place: Place) -> list[Row]:
    """Run our applications for the extensions of a group."""
    place.install([place.wheel, *group.releases, *group.needs, "pytest"])
    options = ["-c", os.devnull, "--rootdir=.", "--confcutdir=."]  # not what Quart's own tests want
    options += ["-p", "no:cacheprovider", "-p", "no:asyncio", "-p", "served"]
    rows = []
    for release in group.apps:
        name = release.partition("==")[0]
        arguments = [*options, f"{name}.py"]
        if name in WAYS:
            # What is imported is Authlib, not the module of that name there.
            options_here = [*WAYS[name], *options, "--import-mode=importlib"]
            arguments = [*options_here, "../flask_extensions/ways.py"]
        try:
            passed, total = place.test(name, HERE / "apps", arguments)
        except Trouble as error:
            rows.append(Row(release, 0, 0, 1, place.log, str(error)))
        else:
            rows.append(Row(release, passed, total, max(total, 1), place.log))
    return rows


def run_job(job: Suite | Group, place: Place) -> list[Row]:
    shutil.rmtree(place.path, ignore_errors=True)
    (place.path / "source").mkdir(parents=True)
    try:
        return run_suite(job, place) if isinstance(job, Suite) else run_group(job, place)
    except Exception as error:
        text = str(error) if isinstance(error, Trouble) else repr(error)
        releases = [job.release] if isinstance(job, Suite) else job.apps
        return [Row(release, 0, 0, 1, place.log, text) for release in releases]


def build_wheel(work: Path) -> Path:
    """A wheel of this checkout, for all the environments."""
    shutil.rmtree(work / "wheel", ignore_errors=True)
    (work / "wheel").mkdir(parents=True)
    command = ["pip", "wheel", "-q", "--no-deps", "-w", work / "wheel", ROOT]
    if run([sys.executable, "-m", *command], work / "wheel" / "log.txt", work):
        sys.exit(f"the wheel could not be built:\n{(work / 'wheel' / 'log.txt').read_text()}")
    (wheel,) = (work / "wheel").glob("*.whl")
    return wheel


def main() -> int:
    jobs: dict[str, Suite | Group] = {job.name: job for job in (*GROUPS, *SUITES)}
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", help=f"what to run, by default all: {', '.join(jobs)}")
    parser.add_argument("--work", type=Path, default=ROOT / "build" / "ecosystem")
    parser.add_argument("--jobs", type=int, default=2, help="how many at a time")
    parser.add_argument("--newest", action="store_true", help="not those of constraints.txt")
    arguments = parser.parse_args()
    unknown = set(arguments.names) - jobs.keys()
    if unknown:
        parser.error(f"there is no {', '.join(sorted(unknown))} among {', '.join(jobs)}")

    work = arguments.work.resolve()
    wheel = build_wheel(work)
    (work / "pytest.ini").touch()  # for suites without settings, which would find those of Quart
    constraints = [] if arguments.newest else ["-c", CONSTRAINTS]

    def report(name: str) -> list[Row]:
        rows = run_job(jobs[name], Place(work / name, wheel, constraints))
        print("\n".join(map(str, rows)), flush=True)
        return rows

    with ThreadPoolExecutor(arguments.jobs) as pool:
        rows = [row for rows in pool.map(report, arguments.names or jobs) for row in rows]

    bad = [row for row in rows if not row.good]
    for log in dict.fromkeys(row.log for row in bad):
        print(f"\n--- the end of {log}")
        print("\n".join(log.read_text(errors="replace").splitlines()[-80:] if log.exists() else []))
    print("\n--- all of it", *sorted(rows, key=lambda row: row.release), sep="\n")
    print(f"{len(rows) - len(bad)} passed, {len(bad)} failed")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
