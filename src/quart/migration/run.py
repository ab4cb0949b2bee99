"""The whole migration of a project: from its path to the changed files and a report."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from . import sources
from .advice import advise
from .awaits import decide
from .blocking import choose
from .model import Project, check, command_names, is_wide_fixture
from .names import Names
from .report import Change, Report
from .rewriting import rewrite
from .settings import Settings
from .sources import Source, SourceError


@dataclass
class Options:
    """The options of the command."""

    make_async: bool = False
    """Also make views and hooks async if they call nothing that may block."""
    again: bool = False
    """Also change a project that already uses Quart; otherwise it is left alone."""


@dataclass
class Migration:
    """What a migration would do. Nothing is written before `write` is called."""

    root: Path
    report: Report = field(default_factory=Report)
    encoded: dict[Path, bytes] = field(default_factory=dict)

    def write(self) -> None:
        """Write all changes, or nothing.

        :raises SourceError: nothing was changed.
        """
        sources.write(self.report.changes, self.encoded)

    def _change(self, source: Source, after: str) -> None:
        if after != source.text:
            self.report.changes.append(Change(source.path, source.name, source.text, after))
            self.encoded[source.path] = source.encoded(after)


def migrate(root: Path, options: Options | None = None) -> Migration:
    """Migrate the project in a directory, or one file.

    :raises SourceError: a file could not be rewritten, so none may be written.
    """
    options = options or Options()
    migration = Migration(root)
    report = migration.report
    code, settings = sources.find(root, report)
    project = Project(code, report)
    modules = project.modules.values()
    uses_flask = any(module.imports_flask for module in modules)
    uses_quart = any(module.imports_quart for module in modules)
    if uses_quart and not uses_flask and not options.again and not options.make_async:
        report.note(".", 0, "half", "this project uses Quart already; it is left alone")
        return migration
    if root.is_dir() and not uses_flask and not uses_quart:
        return migration  # a `client` here need not be Flask's
    names = Names(project)
    decide(project, choose if options.make_async else None)
    advise(project)
    others = [(source, source.text) for source in settings]
    for module in modules:
        alone = uses_quart and not module.imports_flask
        if module.imports_quart and uses_flask and not options.again:
            text = "it uses Quart already; the async functions in it are left alone"
            report.note(module.source.name, 0, "half", text)
        try:
            after = names.rename(module, rewrite(project, module, alone)).code
            check(after, module.source.name)
        except Exception as error:
            message = f"{module.source.name} could not be rewritten, so nothing was: {error!r}"
            raise SourceError(message) from error
        if module.source.parts[-1] == "setup.py":
            others.append((module.source, after))
        else:
            migration._change(module.source, after)
    if uses_flask:
        _change_settings(migration, project, names, others)
    return migration


def _change_settings(
    migration: Migration, project: Project, names: Names, files: list[tuple[Source, str]]
) -> None:
    functions = list(project.functions())
    made_async = any(
        function.role in {"test", "fixture"}
        and function.is_async
        and not function.was_async
        and (function.owner is None or not project.is_case(function.owner))
        for function in functions
    )
    runs_itself = any(function.name == "pytest_pyfunc_call" for function in functions)
    commands = {name for function in functions for name in command_names(function)}
    settings = Settings(
        migration.report, names.all_settings, made_async and not runs_itself, commands
    )
    settings.wide_fixtures = any(f.is_async and is_wide_fixture(f) for f in functions)
    # pytest reads the first of these files that has settings for it.
    first = ["pytest.ini", "pyproject.toml", "tox.ini", "setup.cfg"]
    order = {name: number for number, name in enumerate(first)}
    for source, text in sorted(files, key=lambda file: order.get(file[0].parts[-1], 9)):
        migration._change(source, settings.change(source, text))
    root = migration.root
    new = settings.finish(root) if root.is_dir() else None
    if new is not None:
        path, text = new
        migration.report.changes.append(Change(path, path.name, None, text))
