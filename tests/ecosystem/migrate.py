"""Carry Flask's own tutorial and tests over, and run them: `tox -e ecosystem`.

Both are in Flask's source distribution, which is downloaded now; nothing of it is kept here. They
go through `quart migrate --write`, with no hand edit, and through `quart migrate --check`, which
has to find nothing left to do; then pytest runs them, as their own settings say. The tutorial also
goes through `Quart.from_flask`, with its code and its tests as they are.

Of Flask's tests those are left out that are about WSGI, by the names below: tests that make or read
a WSGI environment, wrap `wsgi_app`, or start Werkzeug's server. Of the others `SHARE` has to pass.
"""

from __future__ import annotations

import argparse
import re
import shutil
import sys
import tarfile
from dataclasses import dataclass
from pathlib import Path

from run import CONSTRAINTS, HERE, ROOT, Place, Trouble, build_wheel, run

#: How many of the tests that are counted have to pass, from 0 to 1.
SHARE = 0.95
#: By file, Flask's tests that are about WSGI, and what of it they are about.
ABOUT_WSGI = {
    "test_appctx.py": {"test_context_refcounts": "environ"},
    "test_basic.py": {
        "test_run_defaults": "Werkzeug's server",
        "test_run_from_config": "Werkzeug's server",
        "test_run_server_port": "Werkzeug's server",
        "test_session_using_application_root": "wsgi_app",
        "test_werkzeug_passthrough_errors": "Werkzeug's server",
    },
    "test_logging.py": {
        "test_log_view_exception": "wsgi.errors",
        "test_wsgi_errors_stream": "wsgi.errors",
    },
    "test_reqctx.py": {
        "test_bad_environ_raises_bad_request": "environ",
        "test_environ_for_valid_idna_completes": "environ",
    },
    "test_request.py": {"test_limit_config": "environ"},
    "test_subclassing.py": {"test_suppressed_exception_logging": "wsgi.errors"},
    "test_templating.py": {"test_templates_auto_reload_debug_run": "Werkzeug's server"},
    "test_testing.py": {
        "test_client_open_environ": "environ",
        "test_environ_base_default": "environ",
        "test_environ_base_modified": "environ",
        "test_environ_defaults": "environ",
        "test_environ_defaults_from_config": "environ",
    },
}


@dataclass(frozen=True)
class Part:
    """What of the source distribution is migrated and tested."""

    name: str
    paths: dict[str, str]
    """Files and directories of the distribution, and where they go."""
    share: float
    options: tuple[str, ...] = ()


PARTS = [
    Part("tutorial", {"examples/tutorial": "."}, 1),
    Part(
        "tests",
        {"tests": "tests", "pyproject.toml": "pyproject.toml"},
        SHARE,
        tuple(
            f"--deselect=tests/{file}::{name}"
            for file, names in ABOUT_WSGI.items()
            for name in names
        ),
    ),
]


def release() -> str:
    """Flask's release, as the other runs have it."""
    found = re.search(r"(?mi)^flask==[\d.]+$", CONSTRAINTS.read_text())
    assert found is not None
    return found[0]


def unpacked(place: Place) -> Path:
    command = ["pip", "download", "-q", "--no-deps", "--no-binary", "flask", release()]
    if run([sys.executable, "-m", *command, "-d", place.path], place.log, place.path):
        raise Trouble("could not be downloaded")
    (archive,) = place.path.glob("*.tar.gz")
    with tarfile.open(archive) as tar:
        tar.extractall(place.path / "source", filter="data")
    (source,) = (place.path / "source").iterdir()
    return source


def carry_over(part: Part, source: Path, place: Place) -> tuple[int, int]:
    """Migrate a part and run its tests; how many pass, and of how many."""
    project = place.path / part.name
    for origin, target in part.paths.items():
        copy = shutil.copytree if (source / origin).is_dir() else shutil.copy
        copy(source / origin, project / target)
    migrate = [place.python, "-m", "quart", "migrate", project]
    if run([*migrate, "--write"], place.log, place.path):
        raise Trouble("could not be migrated")
    if run([*migrate, "--check"], place.log, place.path):
        raise Trouble("changes again when it is migrated again")
    # Flask's tests compare the tracebacks of errors: the long ones take minutes to write.
    options = ("--tb=short", "-p", "no:cacheprovider", *part.options)
    return place.test(part.name, project, options)


def run_as_it_is(source: Path, place: Place) -> tuple[int, int]:
    """Run the tutorial's tests on Quart, without a change; how many pass, and of how many."""
    project = place.path / "as-it-is"
    shutil.copytree(source / "examples/tutorial", project)
    shutil.copy(HERE / "plugins/from_flask.py", project)
    options = ("--tb=short", "-p", "no:cacheprovider", "-p", "no:asyncio", "-p", "from_flask")
    return place.test("as-it-is", project, options)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work", type=Path, default=ROOT / "build" / "ecosystem")
    parser.add_argument("--newest", action="store_true", help="not those of constraints.txt")
    arguments = parser.parse_args()
    work = arguments.work.resolve()
    wheel = build_wheel(work)
    shutil.rmtree(work / "migrated", ignore_errors=True)
    (work / "migrated").mkdir(parents=True)
    # Flask's tests want a name of pytest's that pytest 9 does not have.
    constraints = work / "migrated" / "constraints.txt"
    constraints.write_text(re.sub(r"(?m)^pytest==.*$", "pytest<9", CONSTRAINTS.read_text()))
    place = Place(work / "migrated", wheel, [] if arguments.newest else ["-c", constraints])

    bad = 0
    try:
        needs = ["libcst", "pytest < 9", "pytest-asyncio", "asgiref", "python-dotenv"]
        place.install([place.wheel, *needs])
        source = unpacked(place)
        passed, total = run_as_it_is(source, place)
        bad += not total or passed < total
        print(f"Flask's tutorial, as it is: {passed} of {total} passed", flush=True)
        for part in PARTS:
            passed, total = carry_over(part, source, place)
            good = total > 0 and passed >= part.share * total
            bad += not good
            shown = f"{passed} of {total} passed, {part.share:.0%} wanted"
            print(f"Flask's {part.name}: {shown} {'ok' if good else 'FAILED'}", flush=True)
    except Trouble as error:
        bad += 1
        print(f"Flask {error}", flush=True)
    if bad:
        print(
            f"\n--- the end of {place.log}", place.log.read_text(errors="replace")[-8000:], sep="\n"
        )
    print(f"{len(PARTS) + 1 - bad} passed, {bad} failed")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
