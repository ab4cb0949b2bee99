"""The prose is held to the truth: examples run, commands exist, settings match the code.

In README.md and below docs/, the Python blocks of a page run from top to bottom in one module,
in an empty directory, and each function called `test_*` runs as soon as its block is done. An HTML
comment in front of a block changes that: `<!-- file: name -->` writes the block to a file there,
`<!-- fragment -->` says that it only has to compile, `<!-- from: name -->` that it is a part of the
file of that name in the repository. `<!-- test`, Python and `-->` on lines of
their own hold checks that readers do not see.
"""

from __future__ import annotations

import ast
import asyncio
import configparser
import doctest
import importlib
import importlib.metadata
import inspect
import json
import os
import pkgutil
import re
import runpy
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from types import ModuleType
from typing import NamedTuple
from unittest.mock import patch

import pytest
from blinker import NamedSignal
from test_api import SAMPLES

import quart
from quart import signals

ROOT = Path(__file__).resolve().parent.parent
PAGES = [
    ROOT / "README.md",
    *(page for page in sorted(ROOT.glob("docs/**/*.md")) if "_build" not in page.parts),
]
BLOCK = re.compile(
    r"^(?:<!-- (?P<marker>[^\n]*) -->\n+)?```(?P<language>[\w{}+-]*)\n(?P<code>.*?)^```$"
    r"|^<!-- test\n(?P<check>.*?)^-->$",
    re.MULTILINE | re.DOTALL,
)


class Block(NamedTuple):
    """One fenced block of a page: its marker and language, and the number of its first line."""

    marker: str
    language: str
    code: str
    line: int


def blocks_of(page: Path) -> Iterator[Block]:
    text = page.read_text()
    for match in BLOCK.finditer(text):
        part = "check" if match["check"] is not None else "code"
        line = text.count("\n", 0, match.start(part))
        yield Block(
            match["marker"] or "",
            "python" if part == "check" else match["language"],
            match[part],
            line,
        )


def compiled(page: Path, block: Block, flags: int = 0) -> object:
    """The block as code whose line numbers are those of the page."""
    return compile("\n" * block.line + block.code, str(page), "exec", flags, dont_inherit=True)


def name_of(page: Path) -> str:
    return str(page.relative_to(ROOT))


@pytest.mark.filterwarnings("ignore:The application .* is changed after its first request")
@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_examples_run(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a page tells its reader to write works as it stands there."""
    module = ModuleType("example")
    module.__file__ = str(tmp_path / "example.py")
    monkeypatch.setitem(sys.modules, module.__name__, module)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(quart.Quart, "run", lambda app, *args, **kwargs: None)
    try:
        with patch.dict(os.environ):  # what a page sets there is taken back
            run_blocks(page, tmp_path, module)
    finally:  # receivers of `connect_via` would stay
        for signal in vars(signals).values():
            if isinstance(signal, NamedSignal):
                signal._clear_state()


def run_blocks(page: Path, tmp_path: Path, module: ModuleType) -> None:
    for block in blocks_of(page):
        kind, _, name = block.marker.partition(": ")
        if kind == "file":
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(block.code)
        elif kind == "from":
            assert block.code in (ROOT / name).read_text(), f"line {block.line}: not in {name}"
        elif block.language != "python":
            continue
        elif kind == "fragment":
            compiled(page, block, ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
        else:
            before = dict(vars(module))
            exec(compiled(page, block), vars(module))
            for name, value in list(vars(module).items()):
                if name.startswith("test_") and value is not before.get(name):
                    result = value()
                    if inspect.iscoroutine(result):
                        asyncio.run(asyncio.wait_for(result, 10))


@pytest.mark.parametrize(
    "name",
    sorted(
        module.name
        for module in pkgutil.walk_packages(quart.__path__, "quart.")
        if not module.name.endswith("__main__")
    ),
)
def test_docstring_examples(name: str) -> None:
    """Examples in docstrings show what really happens."""
    failed, _ = doctest.testmod(importlib.import_module(name))

    assert 0 == failed


#: Whose attributes the prose speaks of, under the names that users give them.
SPOKEN_OF = {
    "app": quart.Quart,
    "Quart": quart.Quart,
    "Blueprint": quart.Blueprint,
    "client": quart.testing.QuartClient,
    "request": quart.Request,
    "Response": quart.Response,
    "response": quart.testing.TestResponse,  # which has what a Response has
    "websocket": quart.Websocket,
}


def test_names_in_the_prose_exist() -> None:
    """`app.run_task` in a page is a name of the application, and so on."""
    names = "|".join(SPOKEN_OF)
    found, lacking = 0, set()
    for page in PAGES:
        prose = re.sub(r"^```.*?^```$", "", page.read_text(), flags=re.MULTILINE | re.DOTALL)
        for span in re.findall(r"`([^`\n]+)`", prose):
            for owner, name in re.findall(rf"(?<![\w./])({names})\.([a-z]\w*)\b(?!\.\w)", span):
                found += 1
                known = {*dir(SPOKEN_OF[owner]), "py"}  # as in app.py
                known.update(
                    *[vars(item) for item in SAMPLES if isinstance(item, SPOKEN_OF[owner])]
                )
                if name not in known:
                    lacking.add(f"{owner}.{name} in {name_of(page)}")

    assert set() == lacking
    assert 50 < found


def test_readme_commands() -> None:
    """The two commands that set everything up on a fresh machine are in the README."""
    commands = re.findall(r"^    (python3 .*)$", (ROOT / "README.md").read_text(), re.MULTILINE)

    venv = "python3 -m venv .venv && .venv/bin/pip install "
    assert [
        venv + ". && .venv/bin/python examples/hello/app.py",
        venv + "tox && .venv/bin/tox",
    ] == commands


def test_readme_is_short() -> None:
    """It is a front door. A word has a letter or a digit, and is none of the checks' own."""
    text = re.sub(r"<!--.*?-->", "", (ROOT / "README.md").read_text(), flags=re.DOTALL)

    assert len([word for word in text.split() if re.search(r"\w", word)]) <= 900


@pytest.mark.parametrize("page", [*ROOT.glob("*.md"), *ROOT.glob("examples/**/*.md")], ids=name_of)
def test_links_in_the_repository_lead_to_files(page: Path) -> None:
    """Sphinx checks those of docs/; these are the links of the other pages."""
    links = re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text())

    assert [] == [link for link in links if not (page.parent / link).exists()]


def test_examples_have_their_place_in_the_gallery() -> None:
    """Each example has a README, a row with its command, and a picture."""
    gallery = (ROOT / "examples/README.md").read_text()
    names = {path.name for path in (ROOT / "examples").iterdir() if path.is_dir()}
    names.discard("__pycache__")
    shown = re.findall(r"^\| \[(\w+)\]\(\1\) \|.*\| `.+` \|$", gallery, re.MULTILINE)
    pictures = re.findall(r"\]\(\.\./(docs/_static/screenshots/(\w+)\.png)\)", gallery)

    assert names == set(shown) == {name for _, name in pictures}
    for name in names:
        assert (ROOT / "examples" / name / "README.md").exists(), name
    for path, _ in pictures:
        assert 0 < (ROOT / path).stat().st_size < 100_000, path


def test_ci_runs_the_readme() -> None:
    """CI is a script that bash can read, and takes its command from the README."""
    script = ROOT / ".ci/run"
    if not script.exists():
        pytest.skip("a source distribution holds no .ci/run")

    assert script.stat().st_mode & 0o111
    assert 0 == subprocess.run(["bash", "-n", script], check=False).returncode
    assert "README.md" in script.read_text()


def test_named_environments_exist() -> None:
    """Each `tox -e name` in the prose is an environment of tox.ini."""
    tox = configparser.ConfigParser(interpolation=None)
    tox.read(ROOT / "tox.ini")
    known = {name.removeprefix("testenv:") for name in tox.sections()}
    known.update(re.split(r"[\s,]+", tox["tox"]["env_list"]))

    named = {
        name
        for page in [*PAGES, *ROOT.glob("*.md")]
        for names in re.findall(r"tox -e ([\w,]+)", page.read_text())
        for name in names.split(",")
    }

    assert set() == named - known
    assert named


def test_oldest_dependencies() -> None:
    """The environment `oldest` pins the lowest release that the package says it accepts."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    tox = configparser.ConfigParser(interpolation=None)
    tox.read(ROOT / "tox.ini")
    pins = dict(re.findall(r"^(\w+) == ([\d.]+)$", tox["testenv:oldest"]["deps"], re.MULTILINE))
    extras = project["optional-dependencies"]
    dependencies = project["dependencies"] + extras["orjson"] + extras["migrate"]
    floors = dict(re.split(r" ?>=", dependency) for dependency in dependencies)

    assert floors.keys() == pins.keys()
    for name, floor in floors.items():
        assert floor == pins[name].removesuffix(".0") or floor == pins[name]


def test_changelog_names_the_version() -> None:
    """The newest section of the changelog is for the version that is installed."""
    changelog = (ROOT / "CHANGELOG.md").read_text()
    newest = re.search(r"^## ([\d.]+)", changelog, re.MULTILINE)

    assert newest is not None
    assert importlib.metadata.version("quart") == newest[1]


def test_settings_are_documented() -> None:
    """The table of settings names each setting of an application, with its default."""
    page = (ROOT / "docs/reference/configuration.md").read_text()
    rows = re.findall(r"^\| `(\w+)` \| `(.*?)` \|", page, re.MULTILINE)
    documented = {key: eval(default, {"timedelta": timedelta}) for key, default in rows}

    assert dict(quart.Quart.default_config) == documented
    assert [key for key, _ in rows] == sorted(documented)


def test_new_settings_are_marked() -> None:
    """The table of settings says which of them Quart 0.22 does not have."""
    page = (ROOT / "docs/reference/configuration.md").read_text()
    known = json.loads((ROOT / "tests/data/quart_api.json").read_text())["config"]
    marked = re.findall(r"^\| `(\w+)` \|.*\*New in 1\.0\* \|$", page, re.MULTILINE)

    assert sorted(set(quart.Quart.default_config) - known.keys()) == marked


def test_pictures_are_those_of_their_texts() -> None:
    """`python docs/pictures/draw.py` has been run since a text was changed."""
    script = runpy.run_path(str(ROOT / "docs/pictures/draw.py"))
    sources = sorted(ROOT.glob("docs/pictures/*.txt"))

    assert sources
    for source in sources:
        title, _, text = source.read_text().partition("\n")
        assert script["svg"](text, title) == source.with_suffix(".svg").read_text(), source.name
