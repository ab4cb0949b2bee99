"""The table of extensions for Flask on the page: `python tests/ecosystem/table.py` writes it.

It is made of what the run installs and of what the modules in `flask_extensions/` say, which their
test holds to be true.
"""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
PAGE = HERE.parent.parent / "docs" / "reference" / "ecosystem.md"
BEGIN, END = "<!-- written by tests/ecosystem/table.py -->\n", "<!-- to here -->\n"
WAYS = ("def", "async", "blueprint", "patch")
HEAD = """\
| extension | version | `def` | `async` | blueprint | Quart-Flask-Patch | what was asked for |
|---|---|---|---|---|---|---|
"""
WORDS = {
    "apscheduler": "APScheduler",
    "cors": "CORS",
    "debugtoolbar": "DebugToolbar",
    "flatpages": "FlatPages",
    "httpauth": "HTTPAuth",
    "jwt": "JWT",
    "restful": "RESTful",
    "restx": "RESTX",
    "seasurf": "SeaSurf",
    "sqlalchemy": "SQLAlchemy",
    "wtf": "WTF",
}


def facts(path: Path) -> tuple[str, dict[str, str]]:
    """What a module asks for, and the ways that fail with their reasons."""
    tree = ast.parse(path.read_text())
    fails: dict[str, str] = {}
    for node in tree.body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "FAILS":
            fails = ast.literal_eval(node.value)
    return " ".join((ast.get_docstring(tree) or "").split()), fails


def table() -> str:
    run: Any = (HERE / "run.py").read_text()
    rows = []
    for path in sorted((HERE / "flask_extensions").glob("*.py")):
        if path.stem == "ways":
            continue
        asked, fails = facts(path)
        (version,) = re.findall(rf'"{re.escape(path.stem)}==([\d.b]+)"', run)
        name = "-".join(WORDS.get(word, word.capitalize()) for word in path.stem.split("-"))
        ways = [f"no: {fails[way]}" if way in fails else "yes" for way in WAYS]
        asked = asked.rstrip(".")
        if not asked[1].isupper():
            asked = asked[0].lower() + asked[1:]
        rows.append(f"| {' | '.join([name, version, *ways, asked])} |\n")
    return HEAD + "".join(rows)


def written(page: str) -> str:
    """The page with the table of today."""
    before, _, rest = page.partition(BEGIN)
    return before + BEGIN + "\n" + table() + "\n" + END + rest.partition(END)[2]


if __name__ == "__main__":
    PAGE.write_text(written(PAGE.read_text()))
