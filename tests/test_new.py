"""`quart new`: what it makes runs, passes its own tests and type checks, and is served.

The project with an API needs Quart-Schema: tests/ecosystem/ does the same to it.
"""

from __future__ import annotations

import ast
import json
import os
import re
import subprocess
import sys
import tempfile
import tomllib
import urllib.error
import urllib.request
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from servers.processes import free_port, running

from quart.cli import cli

TIMEOUT = 60  # seconds for one command


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory. Where it has an `app.py`, a command looks for modules in it, too."""
    # Without the directories that other tests have put there, one of which has a `shop`.
    installed = [path for path in sys.path if not path.startswith(tempfile.gettempdir())]
    monkeypatch.setattr(sys, "path", installed)
    monkeypatch.delitem(sys.modules, "shop", raising=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def new(*args: str) -> Result:
    return CliRunner().invoke(cli, ["new", *args])


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project as the command makes it, in a process of its own."""
    return made(tmp_path_factory.mktemp("new"), "shop")


def made(directory: Path, *args: str) -> Path:
    command = [sys.executable, "-m", "quart", "new", *args]
    subprocess.run(command, cwd=directory, check=True, capture_output=True, timeout=TIMEOUT)
    return directory / args[0]


def run_in(project: Path, *args: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *args], cwd=project, capture_output=True, text=True, timeout=TIMEOUT
    )


def instruction(project: Path, word: str) -> list[str]:
    """The command of an instruction in the Dockerfile that has the form of a list."""
    found = re.search(rf"^{word} (\[.*\])$", (project / "Dockerfile").read_text(), re.MULTILINE)
    assert found is not None
    return json.loads(found[1])


def ask(port: int, path: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=10) as response:
            return response.status, response.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def test_its_own_tests_pass(shop: Path) -> None:
    """With warnings as errors."""
    pytest.importorskip("pytest_asyncio")
    ended = run_in(shop, "-m", "pytest", "-W", "error", "-p", "no:cacheprovider")

    assert 0 == ended.returncode, ended.stdout + ended.stderr
    assert " 4 passed" in ended.stdout


def test_mypy_finds_nothing_in_it(shop: Path) -> None:
    """By the project's own settings, which are strict."""
    pytest.importorskip("mypy")
    ended = run_in(shop, "-m", "mypy", "--no-incremental")

    assert "Success: no issues found in 4 source files" in ended.stdout, ended.stdout


def test_the_container_serves_it(shop: Path) -> None:
    """By the very command of the Dockerfile, but for the address; and its health check agrees."""
    port = free_port()
    name, *command = (
        part.replace("0.0.0.0:8000", f"127.0.0.1:{port}") for part in instruction(shop, "CMD")
    )
    assert "quart" == name
    with running(port, "-m", "quart", *command, cwd=shop):
        status, page = ask(port, "/?name=%3CAnn%3E")
        assert (200, True) == (status, "Hello, &lt;Ann&gt;!" in page)
        style = re.findall(r'href="([^"]+)"', page)
        assert ["/static/style.css"] == style
        assert 200 == ask(port, style[0])[0]
        assert 404 == ask(port, "/nowhere")[0]
        _, *check = instruction(shop, "HEALTHCHECK CMD")
        check = [part.replace(":8000", f":{port}") for part in check]
        assert 0 == run_in(shop, *check).returncode
    assert 0 != run_in(shop, *check).returncode


def test_it_runs_for_development(shop: Path) -> None:
    """By the command that the README names."""
    assert "$ quart --app shop run --debug" in (shop / "README.md").read_text()
    port = free_port()
    command = f"-m quart --app shop run --debug --port {port}"
    with running(port, *command.split(), cwd=shop):
        assert "Hello, world!" in ask(port, "/")[1]


@pytest.mark.server
@pytest.mark.parametrize("options", [[], ["--api"]])
def test_what_is_made(tmp_path: Path, options: list[str]) -> None:
    """Nothing stands in it for a name any more; all files parse; the README knows what is there."""
    project = made(tmp_path, "Shop_2", *options)
    files = [path for path in project.rglob("*") if path.is_file()]
    readme = (project / "README.md").read_text()
    settings = tomllib.loads((project / "pyproject.toml").read_text())

    assert {"Dockerfile", ".dockerignore", ".gitignore"} <= {path.name for path in files}
    assert [] == [path for path in files if "project_name" in str(path) + path.read_text()]
    assert [] == [path for path in files if path.suffix == ".in"]
    for path in project.rglob("*.py"):
        ast.parse(path.read_text())
    named = re.findall(r"^\| `([^`]+)` \|", readme, re.MULTILINE)
    assert len(named) >= 3
    assert [] == [path for path in named if not (project / path).exists()]
    assert "Shop_2" == settings["project"]["name"]
    assert bool(options) == ("quart-schema" in str(settings["project"]["dependencies"]))


def test_what_is_said(here: Path) -> None:
    """Each file, and what to do next."""
    result = new("shop")

    assert 0 == result.exit_code
    assert str(Path("shop/tests/conftest.py")) in result.output
    assert result.output.endswith("quart --app shop run --debug\n")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("my-shop", "cannot be the name of a Python package: use letters"),
        ("2nd", "cannot be the name of a Python package"),
        ("", "cannot be the name of a Python package"),
        ("../shop", "cannot be the name of a Python package"),
        ("café", "cannot be the name of a Python package"),
        ("_shop", "cannot be the name of a Python package"),
        ("__main__", "cannot be the name of a Python package"),
        ("class", "'class' is a keyword of Python: choose another name."),
        ("email", "'email' would hide the module of that name, or be hidden by it"),
        ("quart", "'quart' would hide the module of that name"),
        ("jinja2", "'jinja2' would hide the module of that name"),
        ("quart_schema", "'quart_schema' would hide the module of that name"),
        ("tests", "'tests' would hide the module of that name"),
        ("a" * 300, "here: "),
    ],
)
def test_a_name_that_cannot_be(here: Path, name: str, message: str) -> None:
    """One sentence says why, and nothing is made."""
    result = new(name)

    assert 1 == result.exit_code
    assert message in result.output
    assert (True, 1) == (result.output.startswith("Error: "), result.output.count("\n"))
    assert [] == os.listdir()


@pytest.mark.parametrize("made_before", [Path.mkdir, Path.touch, lambda path: path.symlink_to("x")])
def test_what_is_there_already_is_left_alone(here: Path, made_before) -> None:
    """A directory, even an empty one, a file, or a link that leads nowhere."""
    made_before(here / "shop")
    result = new("shop")

    assert 1 == result.exit_code
    assert (
        "Error: 'shop' exists already: choose another name, or another directory.\n"
        == result.output
    )
    assert ["shop"] == os.listdir()
    assert not Path("shop").is_dir() or [] == os.listdir("shop")


def test_an_application_beside_it_does_not_matter(here: Path) -> None:
    """Even if it cannot be loaded."""
    Path("app.py").write_text("1 / 0\n")

    assert 0 == new("shop").exit_code


def test_nothing_is_left_where_a_file_cannot_be_written(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on a disk that is full."""

    def write_text(self: Path, text: str, encoding: str) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_text", write_text)
    result = new("shop")

    assert (1, []) == (result.exit_code, os.listdir())
    assert "Error: Cannot make 'shop' here: No space left on device.\n" == result.output
