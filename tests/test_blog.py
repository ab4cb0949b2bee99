"""The blog example, in Flask and in Quart: what its tests say, and how little the two differ."""

import ast
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parent.parent
BLOG = ROOT / "examples/blog"
PAGE = ROOT / "docs/how-to/migrate-from-flask.md"


def run(*command: str, cwd: Path, **environment: str) -> str:
    """The output of a command of this environment, which has to succeed."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        command,
        cwd=cwd,
        env={**os.environ, "PATH": path, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=100,
    )
    assert 0 == done.returncode, done.stdout
    return done.stdout


def passed(directory: Path, tests: str) -> int:
    """How many tests there are in a file, all of which have to pass."""
    pytest_ = ("-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:asyncio", "-W", "error")
    output = run(
        sys.executable, *pytest_, "--rootdir", ".", "-c", "/dev/null", tests, cwd=directory
    )
    found = re.search(r"^(\d+) passed in", output, re.MULTILINE)
    assert found is not None, output
    return int(found[1])


def files(name: str) -> Iterator[Path]:
    """The files of one of the two, its tests among them."""
    yield BLOG / f"test_{name}.py"
    for path in sorted((BLOG / name).rglob("*")):
        if path.is_file() and "__pycache__" not in path.parts:
            yield path


def renamed(text: str) -> str:
    for name in ("flask", "Flask", "FLASK"):
        text = text.replace(name, name.translate(str.maketrans("flaskFLASK", "quartQUART")))
    return text


class WithoutAwait(ast.NodeTransformer):
    """Async code as the sync code that it was."""

    def visit_Await(self, node: ast.Await) -> ast.AST:
        value: ast.AST = self.visit(node.value)
        return value

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> ast.AST:
        return self._as(ast.FunctionDef, node)

    def visit_AsyncWith(self, node: ast.AsyncWith) -> ast.AST:
        return self._as(ast.With, node)

    def visit_AsyncFor(self, node: ast.AsyncFor) -> ast.AST:
        return self._as(ast.For, node)

    def _as(self, cls: type[ast.AST], node: ast.AST) -> ast.AST:
        self.generic_visit(node)
        fields: dict[str, Any] = dict(ast.iter_fields(node))
        return cls(**fields)


def test_both_pass_the_same_tests() -> None:
    flask = passed(BLOG, "test_flask_blog.py")
    quart = passed(BLOG, "test_quart_blog.py")

    assert flask == quart
    assert 20 < quart


def test_they_differ_in_the_name_and_in_async_and_await() -> None:
    """In nothing else: not in a statement, not in a character of a template."""
    ours = {path.relative_to(BLOG): path.read_text() for path in files("quart_blog")}
    theirs = {
        Path(renamed(str(path.relative_to(BLOG)))): renamed(path.read_text())
        for path in files("flask_blog")
    }

    assert theirs.keys() == ours.keys()
    for path, text in ours.items():
        if path.suffix == ".py":
            sync = WithoutAwait().visit(ast.parse(text))
            assert ast.dump(ast.parse(theirs[path])) == ast.dump(sync), path
            comments = [re.findall(r"# .*", source) for source in (theirs[path], text)]
            assert comments[0] == comments[1]
        else:
            assert theirs[path] == text


def test_they_differ_in_the_name_and_in_async_and_await_is_no_empty_claim() -> None:
    """There are names, `async` and `await` to be taken away."""
    before = "".join(path.read_text() for path in files("flask_blog"))
    after = "".join(path.read_text() for path in files("quart_blog"))

    assert "await" not in before and "async" not in before
    assert "flask" not in after.lower()
    assert 50 < after.count("await ")


def test_find_and_replace_is_enough_for_views(tmp_path: Path) -> None:
    """After three of the page's steps the tests pass, every view and hook in a thread."""
    blog = tmp_path / "blog"
    leave_out = shutil.ignore_patterns("quart_blog", "test_quart_blog.py", "__pycache__", ".*")
    shutil.copytree(BLOG, blog, ignore=leave_out)
    steps = re.findall(r"^\$ ((?:cp|grep) .*)$", PAGE.read_text(), re.MULTILINE)
    assert 3 == len(steps)
    for step in steps:
        run("sh", "-c", step, cwd=blog)
    for awaited in ("test_quart_blog.py", "quart_blog/database.py"):
        shutil.copy(BLOG / awaited, blog / awaited)

    views = (blog / "quart_blog/posts.py").read_text()

    assert "from quart import" in views and "async" not in views
    assert passed(blog, "test_quart_blog.py") == passed(BLOG, "test_quart_blog.py")


@pytest.mark.parametrize("name", ["flask", "quart"])
def test_the_command_of_the_page(name: str, tmp_path: Path) -> None:
    """`init-db` makes the database that a variable of the environment names."""
    database = tmp_path / "blog.sqlite"
    output = run(
        *(name, "--app", f"{name}_blog", "init-db"),
        cwd=BLOG,
        **{f"{name.upper()}_DATABASE": str(database)},
    )

    assert "The database is ready." in output
    assert database.exists()
