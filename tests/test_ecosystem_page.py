"""The page about extensions names what the ecosystem run installs."""

import ast
import re
import runpy
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PAGE = (ROOT / "docs" / "reference" / "ecosystem.md").read_text()
RUN = ROOT / "tests" / "ecosystem" / "run.py"


def releases() -> set[str]:
    """Every `name==version` that the run installs."""
    strings = (
        node.value
        for node in ast.walk(ast.parse(RUN.read_text()))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    )
    return {text for text in strings if re.fullmatch(r"[\w-]+==[\d.b]+", text)}


def test_the_page_names_the_releases_that_are_run() -> None:
    """The same extensions, in the same versions; Quart-Flask-Patch is in the text."""
    rows = re.findall(r"^\| ([\w-]+) \| ([\d.b]+) \|", PAGE, re.MULTILINE)
    named = {f"{name.lower()}=={version}" for name, version in rows}
    (patch,) = re.findall(r"Quart-Flask-Patch ([\d.]+\d)", PAGE)

    assert releases() == named | {f"quart-flask-patch=={patch}"}


def test_each_application_is_run() -> None:
    """No file in `apps/` and `flask_extensions/` is forgotten by the run, and none is missing."""
    apps = {path.stem for path in (RUN.parent / "apps").glob("*.py")} - {"served", "wrapped"}
    for_flask = {path.stem for path in (RUN.parent / "flask_extensions").glob("*.py")} - {"ways"}
    suites = {"auth", "cors", "db", "depends", "dishka", "rate-limiter", "schema", "tasks", "trio"}
    run = {release.partition("==")[0] for release in releases()} - {"quart-flask-patch"}

    of_their_own = {f"quart-{name}" for name in suites} | {"jinja2"}

    assert apps | for_flask == (run - of_their_own) | {
        "gzip-and-cors",
        "each-middleware",
        "flask-sites",
        "flask-socketio-instead",
        "new-api",
        "sentry-asgi",
    }


def test_the_table_for_flask_is_the_one_of_the_run() -> None:
    """It is written from the modules whose claims the run holds to be true."""
    written = runpy.run_path(str(RUN.parent / "table.py"))["written"]

    assert written(PAGE) == PAGE, "run: python tests/ecosystem/table.py"


def test_how_many_extensions_for_flask_work() -> None:
    """At least 29 in `def` views and 25 in `async` ones, and 37 under Quart-Flask-Patch."""
    table = runpy.run_path(str(RUN.parent / "table.py"))["table"]()
    rows = [line.split(" | ")[2:6] for line in table.splitlines()[2:]]
    works = [sum(row[way] == "yes" for row in rows) for way in range(4)]

    assert len(rows) >= 31
    assert works[0] >= 29 and works[1] >= 25 and works[2] >= 29 and works[3] >= 37
