"""The files of a project that are not code: requirements, names of settings in the environment,
commands, entry points, and how pytest runs the tests. Only the affected lines change."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Iterable
from importlib.metadata import requires
from pathlib import Path

from .names import rename_settings
from .report import Report
from .sources import Source

_FLASK = re.compile(r"(?i)^(flask)(\s*\[(?P<extras>[^\]]*)\])?(?=\s*($|[<>=!~;@#,( ]))")
#: Commands that Flask or a well-known extension adds; the project's own are added to these.
_COMMANDS = frozenset({"db", "routes", "run", "shell"})
_OPTIONS = r"--(?:app|debug|no-debug|env-file)\b|-[Ae]\b"
_WSGI_SERVERS = re.compile(r"\b(gunicorn|uwsgi|waitress-serve|mod_wsgi-express)\b")
_ASGI_WORKER = re.compile(r"uvicorn|hypercorn|asgi")
_KEPT_EXTRAS = {"dotenv"}  # Quart needs no `async`, unlike Flask
_STRING = r"""(?P<quote>["'])(?P<text>[^"'\n]*)(?P=quote)"""


class Settings:
    """The changes to the settings files of one project."""

    def __init__(
        self, report: Report, all_settings: bool, async_tests: bool, commands: Iterable[str] = ()
    ) -> None:
        self.report = report
        self.all_settings = all_settings
        words = "|".join(map(re.escape, sorted(_COMMANDS.union(commands))))
        self._command = re.compile(
            r"""(?P<before>^|[\s"'\[(:=&|;@-])flask(?P<after>["']?,?\s+["']?"""
            rf"(?:{_OPTIONS}|(?:{words})(?![\w-])))"
        )
        self.async_tests = async_tests
        """Whether tests or fixtures for pytest are async now."""
        self.wide_fixtures = False
        """Whether an async fixture lives longer than a test."""
        self.requirement_of_plugin = False
        """Whether pytest-asyncio is among the requirements."""
        self.has_mode = False
        """Whether pytest is told how to run async tests."""

    def change(self, source: Source, before: str) -> str:
        """Return the new text of a file, given its text so far."""
        file = source.parts[-1]
        if file.endswith(("requirements.txt", "requirements.in")) or "requirements" in file:
            text = self._requirement_lines(source, before, hashes="--hash" in before)
        elif file == "pyproject.toml":
            text = self._pyproject(source, before)
        elif file in {"setup.cfg", "tox.ini", "pytest.ini"}:
            text = self._pytest_section(self._requirement_lines(source, before), file)
        elif file == "Pipfile":
            text = self._table_lines(before)
        elif file == "setup.py":
            text = self._strings(before, self._requirement)
        else:
            text = before
        if not file.startswith("requirements"):
            text = self._commands(source, rename_settings(text, self.all_settings))
        text = re.sub(r"\bflask\.commands\b", "quart.commands", text)
        if text != before:
            self.report.count("files of settings changed")
        return text

    # Requirements

    def _requirement(self, text: str) -> str:
        """Turn a requirement of Flask into one of Quart, without the version."""
        found = _FLASK.match(text.strip())
        if found is None:
            return text
        extras = {extra.strip() for extra in (found["extras"] or "").split(",")} & _KEPT_EXTRAS
        name = "Quart" if found[1][0] == "F" else "quart"
        rest = text.strip()[found.end() :]
        marker = rest[rest.index(";") :] if ";" in rest else ""
        inner = f"[{','.join(sorted(extras))}]" if extras else ""
        self.report.count("requirements changed")
        return f"{name}{inner}{marker}"

    def _requirement_lines(self, source: Source, text: str, hashes: bool = False) -> str:
        if hashes:
            if re.search(r"(?im)^flask\b", text):
                self.report.note(source.name, 0, "lock", "it contains hashes; generate it again")
            return text
        lines = text.splitlines(keepends=True)
        result = []
        named = {_name_of(line) for line in lines}
        for number, line in enumerate(lines, 1):
            body = line.strip()
            start = line[: len(line) - len(line.lstrip())]
            if _FLASK.match(body):
                comment = re.search(r"\s+#.*|$", body)[0]  # type: ignore[index]  # it always matches
                new = self._requirement(body.removesuffix(comment))
                ending = line[len(line.rstrip()) :]
                line = f"{start}{new}{comment}{ending}"
            else:
                self._look_at(source, number, body)
            result.append(line)
            if _name_of(line) == "pytest" and "pytest-asyncio" not in named and self.async_tests:
                ending = line[len(line.rstrip()) :] or "\n"
                if not line.endswith("\n"):
                    result[-1] = f"{line}\n"
                result.append(f"{start}pytest-asyncio{ending}")
                self.report.count("requirements added")
                named.add("pytest-asyncio")
        self.requirement_of_plugin |= "pytest-asyncio" in named
        return "".join(result)

    def _look_at(self, source: Source, number: int, line: str) -> None:
        """Note a requirement that Quart is not compatible with."""
        if _name_of(line) == "pytest-flask":
            text = "pytest-flask pushes contexts without awaiting them; write its fixtures out"
            self.report.note(source.name, number, "tests", text)
        found = re.match(r"([\w.-]+)[^<>=!~;#]*(?P<operator>===?|<=?)\s*(?P<version>[\d.]+)", line)
        least = _of_quart().get(_name_of(line))
        if found is None or least is None:
            return
        pinned = _version(found["version"])
        too_old = pinned <= least if found["operator"] == "<" else pinned < least[: len(pinned)]
        if too_old:
            wanted = ".".join(map(str, least))
            text = f"{line} is older than the {found[1]} that Quart wants, {wanted}"
            self.report.note(source.name, number, "requirement", text)

    def _strings(self, text: str, change: Callable[[str], str]) -> str:
        """Change each string that is a requirement; add the plugin after pytest."""
        self.requirement_of_plugin |= re.search(r"""["']pytest[-_]asyncio""", text) is not None
        has_plugin = self.requirement_of_plugin

        def replace(found: re.Match[str]) -> str:
            new = change(found["text"])
            result = f"{found['quote']}{new}{found['quote']}"
            if self.async_tests and not has_plugin and _name_of(found["text"]) == "pytest":
                self.requirement_of_plugin = True
                self.report.count("requirements added")
                line = text.rfind("\n", 0, found.start()) + 1
                before = text[line : found.start()]
                between = f"\n{before}" if not before.strip() and line else " "
                result += f",{between}{found['quote']}pytest-asyncio{found['quote']}"
            return result

        return re.sub(_STRING, replace, text)

    def _pyproject(self, source: Source, text: str) -> str:
        try:
            tables = tomllib.loads(text)
        except tomllib.TOMLDecodeError:
            self.report.note(source.name, 0, "requirement", "it is not TOML; change it by hand")
            return text
        lists = _lists_of_requirements(tables)
        if lists:
            wanted = {item for requirements in lists for item in requirements}
            has_plugin = any(_name_of(item) == "pytest-asyncio" for item in wanted)
            self.requirement_of_plugin |= has_plugin
            text = _change_arrays(text, lists, lambda part: self._strings(part, self._requirement))
        for item in (item for requirements in lists for item in requirements):
            self._look_at(source, 0, item)
        text = self._poetry(text)
        if "pytest" in tables.get("tool", {}):
            text = self._pytest_section(text, "pyproject.toml")
        return text

    def _poetry(self, text: str) -> str:
        """`flask = "^3"` in a table of requirements."""
        parts = re.split(r"(?m)^(?=\[)", text)
        for number, part in enumerate(parts):
            if re.match(r"\[tool\.poetry\.(group\.[\w.-]+\.|dev-)?dependencies\]", part):
                parts[number] = self._table_lines(part)
        return "".join(parts)

    def _table_lines(self, text: str) -> str:
        def flask(found: re.Match[str]) -> str:
            self.report.count("requirements changed")
            name = "Quart" if found[1] == "F" else "quart"
            return f'{name} = "*"'

        text = re.sub(r"(?m)^([Ff])lask *= *.*$", flask, text)
        names = set(re.findall(r"(?m)^([\w-]+) *=", text))
        if self.async_tests and "pytest" in names and "pytest-asyncio" not in names:
            text = re.sub(r"(?m)^(pytest *= *.*)$", '\\1\npytest-asyncio = "*"', text, count=1)
            self.report.count("requirements added")
            names.add("pytest-asyncio")
        self.requirement_of_plugin |= "pytest-asyncio" in names
        return text

    # Commands

    def _commands(self, source: Source, text: str) -> str:
        def quart(found: re.Match[str]) -> str:
            return f"{found['before']}quart{found['after']}"

        file = source.parts[-1]
        lines = text.splitlines(keepends=True)
        for number, line in enumerate(lines, 1):
            if file.endswith((".toml", ".cfg")) and "=" not in line:
                continue
            if not line.lstrip().startswith("#") and not re.search(r"\bpip\b", line):
                lines[number - 1] = line = self._command.sub(quart, line)
                server = _WSGI_SERVERS.search(line)
                if server and not _ASGI_WORKER.search(line) and _is_command(line, file):
                    text = (
                        f"{server[0]} serves WSGI; use hypercorn, or gunicorn with an ASGI worker"
                    )
                    self.report.note(source.name, number, "deployment", text)
        return "".join(lines)

    # pytest

    def _pytest_section(self, text: str, file: str) -> str:
        """Add how pytest-asyncio runs the tests, below the heading of pytest's settings."""
        heads = {
            "pyproject.toml": r"\[tool\.pytest(\.ini_options)?\]",
            "setup.cfg": r"\[tool:pytest\]",
            "tox.ini": r"\[pytest\]",
            "pytest.ini": r"\[pytest\]",
        }
        found = re.search(rf"(?m)^{heads[file]}[ \t]*\r?\n", text)
        if found is None:
            return text
        if not self.async_tests or self.has_mode or re.search(r"(?m)^asyncio_mode\b", text):
            self.has_mode = self.has_mode or "asyncio_mode" in text
            return text
        self.has_mode = True
        ending = "\r\n" if found[0].endswith("\r\n") else "\n"
        quote = '"' if file == "pyproject.toml" else ""
        lines = "".join(f"{name} = {quote}{value}{quote}{ending}" for name, value in self._modes())
        return f"{text[: found.end()]}{lines}{text[found.end() :]}"

    def _modes(self) -> list[tuple[str, str]]:
        """Return the settings of pytest-asyncio. Fixtures that outlive a test need such a loop."""
        modes = [("asyncio_mode", "auto")]
        if self.wide_fixtures:
            modes.append(("asyncio_default_fixture_loop_scope", "session"))
            modes.append(("asyncio_default_test_loop_scope", "session"))
        else:
            modes.append(("asyncio_default_fixture_loop_scope", "function"))
        return modes

    def finish(self, root: Path) -> tuple[Path, str] | None:
        """Return a pytest.ini if none exists after all files were changed, else None."""
        if not self.async_tests:
            return None
        if not self.requirement_of_plugin:
            text = "the tests are async now: install pytest-asyncio with what they need"
            self.report.note(".", 0, "tests", text)
        if self.has_mode:
            return None
        lines = [f"{name} = {value}\n" for name, value in self._modes()]
        return root / "pytest.ini", "".join(["[pytest]\n", *lines])


def _name_of(line: str) -> str:
    """Return the name of the package in a line, in lower case and with hyphens."""
    found = re.match(r"\s*([A-Za-z0-9][\w.-]*)\s*($|[\[<>=!~;@#,( ])", line)
    return found[1].lower().replace("_", "-") if found else ""


def _is_command(line: str, file: str) -> bool:
    return not file.startswith("requirements") and _name_of(line) != line.strip().lower()


def _version(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.split(".") if part.isdigit())


def _of_quart() -> dict[str, tuple[int, ...]]:
    """Return the oldest release of each package that Quart is compatible with."""
    found = (re.match(r"([\w.-]+)\s*>=\s*([\d.]+)", text) for text in requires("quart") or ())
    return {each[1].lower(): _version(each[2]) for each in found if each is not None}


def _lists_of_requirements(tables: dict[str, object]) -> list[list[str]]:
    """Return the arrays of a pyproject.toml that hold requirements."""

    def table(value: object, *names: str) -> dict[str, object]:
        for name in names:
            value = value.get(name, {}) if isinstance(value, dict) else {}
        return value if isinstance(value, dict) else {}

    arrays = [
        table(tables, "project").get("dependencies"),
        *table(tables, "project", "optional-dependencies").values(),
        *table(tables, "dependency-groups").values(),
        table(tables, "tool", "uv").get("dev-dependencies"),
        *table(tables, "tool", "pdm", "dev-dependencies").values(),
    ]
    return [
        [item for item in array if isinstance(item, str)]
        for array in arrays
        if isinstance(array, list)
    ]


def _change_arrays(text: str, lists: list[list[str]], change: Callable[[str], str]) -> str:
    """Return the text of a TOML file in which the arrays in `lists` were changed."""
    result, done = [], 0
    for found in re.finditer(r"=[ \t]*\[", text):
        if found.start() < done:
            continue
        start = found.end() - 1
        end = _end_of_array(text, start)
        try:
            items = tomllib.loads(f"x = {text[start:end]}")["x"]
        except tomllib.TOMLDecodeError:
            continue
        if items and [item for item in items if isinstance(item, str)] in lists:
            result += [text[done:start], change(text[start:end])]
            done = end
    return "".join([*result, text[done:]])


def _end_of_array(text: str, start: int) -> int:
    """Return where the array that begins at a bracket ends."""
    pattern = re.compile(r"""#[^\n]*|"(?:\\.|[^"\\\n])*"|'[^'\n]*'|[\[\]]""")
    depth = 0
    for found in pattern.finditer(text, start):
        if found[0] == "[":
            depth += 1
        elif found[0] == "]":
            depth -= 1
            if depth == 0:
                return found.end()
    return len(text)
