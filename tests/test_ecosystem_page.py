"""The page about extensions names what the ecosystem run installs."""

import ast
import re
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
    """No file in `apps/` is forgotten by the run, and none is missing."""
    apps = {path.stem for path in (RUN.parent / "apps").glob("*.py")} - {"served", "wrapped"}
    suites = {"auth", "cors", "db", "depends", "dishka", "rate-limiter", "schema", "tasks", "trio"}
    run = {release.partition("==")[0] for release in releases()} - {"quart-flask-patch"}

    of_their_own = {f"quart-{name}" for name in suites} | {"jinja2"}

    assert apps == (run - of_their_own) | {
        "gzip-and-cors",
        "each-middleware",
        "flask-sites",
        "new-api",
        "sentry-asgi",
        "without-a-patch",
    }
