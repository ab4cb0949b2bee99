"""`quart migrate` as the command line calls it: options in, a report out, and the exit status."""

from __future__ import annotations

from pathlib import Path

import click

from .report import plural
from .run import Options, migrate
from .sources import SourceError, uncommitted


def run(
    path: Path, *, write: bool, check: bool, make_async: bool, allow_dirty: bool, as_json: bool
) -> None:
    """Migrate a project, or show what would change.

    :param check: Fail if something would change; nothing is written.
    :param allow_dirty: Write even if git has uncommitted changes.
    :raises click.ClickException: nothing was written.
    """
    try:
        if write and not allow_dirty:
            _refuse_a_dirty_tree(path)
        migration = migrate(path, Options(make_async=make_async))
        if write:
            migration.write()
    except SourceError as error:
        raise click.ClickException(str(error)) from error
    report = migration.report
    if as_json:
        click.echo(report.as_json())
    else:
        if not write and not check:
            click.echo(report.diff(), nl=False)
        for line in report.summary():
            click.echo(line, err=True)
        verb = "changed" if write else "would change"
        click.echo(f"{plural(len(report.changes), 'file')} {verb}", err=True)
    if check and report.changes:
        raise SystemExit(1)


def _refuse_a_dirty_tree(path: Path) -> None:
    dirty = uncommitted(path)
    if dirty:
        raise SourceError(
            f"git has {plural(len(dirty), 'uncommitted change')} here. Commit first, so that you"
            " can see and undo what this command does, or say --allow-dirty."
        )
