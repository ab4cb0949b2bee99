"""`quart new`: makes a directory with an application that runs, is tested and can be deployed.

It copies the files in `scaffolds/`.
"""

from __future__ import annotations

import keyword
import os
import shutil
import sys
from importlib.util import find_spec
from pathlib import Path

import click

SCAFFOLDS = Path(__file__).parent / "scaffolds"

#: The placeholder for the project's name in the paths and contents of the files.
_PLACEHOLDER = "project_name"
_ENDING = ".in"

# What the project imports or has beside its package, even if it is not installed here.
_TAKEN = {"quart", "quart_schema", "pytest", "pytest_asyncio", "tests"}


def check_name(name: str) -> None:
    """Raise click.ClickException, with one sentence, if a project here cannot have this name."""
    if not (name.isascii() and name.isidentifier()) or name[0] == "_" or name[-1] == "_":
        raise click.ClickException(
            f"{name!r} cannot be the name of a Python package: use letters, digits and"
            " underscores, and start with a letter, as in 'my_shop'."
        )
    if keyword.iskeyword(name):
        raise click.ClickException(f"{name!r} is a keyword of Python: choose another name.")
    # Check this before looking for modules, which would find a directory here, too.
    if os.path.lexists(name):
        raise click.ClickException(
            f"{name!r} exists already: choose another name, or another directory."
        )
    if name.lower() in _TAKEN | sys.stdlib_module_names or find_spec(name) is not None:
        raise click.ClickException(
            f"{name!r} would hide the module of that name, or be hidden by it: choose another name."
        )


def make_project(name: str, api: bool) -> list[Path]:
    """Make the directory `name`, and return the paths of the files in it.

    If that fails, it raises click.ClickException and leaves nothing behind.
    """
    check_name(name)
    directory = Path(name)
    written = []
    try:
        directory.mkdir()
        try:
            for kind in ("all", "api" if api else "pages"):
                for source in sorted((SCAFFOLDS / kind).rglob(f"*{_ENDING}")):
                    path = str(source.relative_to(SCAFFOLDS / kind)).removesuffix(_ENDING)
                    target = directory / path.replace(_PLACEHOLDER, name)
                    target.parent.mkdir(parents=True, exist_ok=True)
                    text = source.read_text(encoding="utf-8").replace(_PLACEHOLDER, name)
                    target.write_text(text, encoding="utf-8")
                    written.append(target)
        except BaseException:
            shutil.rmtree(directory, ignore_errors=True)
            raise
    except OSError as error:
        raise click.ClickException(f"Cannot make {name!r} here: {error.strerror}.") from error
    return sorted(written)


@click.command("new", short_help="Make a new project.")
@click.argument("name")
@click.option("--api", is_flag=True, help="Make a JSON API with Quart-Schema, instead of pages.")
def new_command(name: str, api: bool) -> None:
    """Make the directory NAME with a project in it that runs, is tested and can be deployed.

    It has a factory, a blueprint, templates or an API, tests with fixtures, a pyproject.toml, a
    Dockerfile and a README, which says what to do next. NAME becomes the name of a Python package.
    """
    for path in make_project(name, api):
        click.echo(f"  {path}")
    click.echo(
        f"\nNext: cd {name}, then pip install -e '.[dev]' in a virtual environment, and"
        f" quart --app {name} run --debug"
    )
