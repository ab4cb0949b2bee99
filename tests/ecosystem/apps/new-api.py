"""What `quart new --api` makes: its own tests, mypy, a wheel, and its answers over real HTTP."""

import importlib
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from served import served

PYTHON = [sys.executable, "-m"]


@pytest.fixture(scope="module", params=[[], ["--api"]], ids=["pages", "api"])
def project(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("new")
    name = "notes" if request.param else "shop"
    command = [*PYTHON, "quart", "new", name, *request.param]
    subprocess.run(command, cwd=directory, check=True, timeout=60)
    return directory / name


def run_in(project: Path, *args: str) -> subprocess.CompletedProcess[str]:
    # Not the settings that these tests run with.
    environ = {key: value for key, value in os.environ.items() if "PYTEST" not in key}
    return subprocess.run(
        [*PYTHON, *args], cwd=project, env=environ, capture_output=True, text=True, timeout=120
    )


def test_its_own_tests_pass(project: Path) -> None:
    ended = run_in(project, "pytest", "-W", "error", "-p", "no:cacheprovider")

    assert 0 == ended.returncode, ended.stdout + ended.stderr


def test_mypy_finds_nothing_in_it(project: Path) -> None:
    ended = run_in(project, "mypy", "--no-incremental")

    assert 0 == ended.returncode, ended.stdout + ended.stderr


def test_its_wheel_holds_the_package_and_nothing_else(project: Path, tmp_path: Path) -> None:
    ended = run_in(project, "hatchling", "build", "-t", "wheel", "-d", str(tmp_path))
    assert 0 == ended.returncode, ended.stdout + ended.stderr
    (path,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(path) as file:
        names = {name for name in file.namelist() if ".dist-info/" not in name}
    package = project / project.name
    there = {path for path in package.rglob("*") if path.is_file() and path.suffix != ".pyc"}

    assert {path.relative_to(project).as_posix() for path in there} == names


@pytest.mark.parametrize("project", [["--api"]], indirect=True, ids=["api"])
def test_the_api_answers(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(project)
    with served(importlib.import_module("notes").create_app()) as client:
        added = client.post("/notes", json={"text": "buy milk"})
        assert (201, {"id": 1, "text": "buy milk"}) == (added.status, added.json)
        assert added.json == client.get("/notes/1").json
        assert 404 == client.get("/notes/2").status
        assert 400 == client.post("/notes", json={"txt": "buy milk"}).status
        assert "/notes/{id}" in client.get("/openapi.json").json["paths"]
        assert 200 == client.get("/docs").status
        assert 204 == client.get("/health").status
