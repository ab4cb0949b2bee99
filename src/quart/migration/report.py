"""What a migration did and what it leaves to do: findings with their places, counts, and ways to
show them."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from difflib import unified_diff
from pathlib import Path

#: The subjects of findings. Only `counterpart` and `stays` leave nothing to do.
RULES = {
    "both": "a function that commands or tests have to await, and views must not",
    "callback": "a function that is async now is handed on to code that may not await it",
    "counterpart": "an extension of Flask's that works as it is, and that Quart has one like",
    "deployment": "a command that serves WSGI, or sets what Quart reads elsewhere",
    "encoding": "a file that is not UTF-8",
    "extension": "an extension of Flask's that does not work",
    "failed": "the rewritten file would not have been Python",
    "generated": "a file that is generated or that others wrote",
    "half": "a file that is Quart's already",
    "lambda": "an await is needed where none can stand",
    "lock": "a file of pinned requirements that a tool writes",
    "loop": "a function that runs on the event loop, and gets what has to be awaited",
    "name": "a name of Flask's that Quart does not have",
    "notebook": "a notebook",
    "override": "a subclass changes what Quart awaits",
    "requirement": "a requirement that Quart does not get along with",
    "setup": "set up for tests that cannot be async",
    "stays": "a view or hook that stays def, and why",
    "symlink": "a symbolic link",
    "syntax": "a file that is not Python 3",
    "tests": "how the tests are run",
    "thread": "state that is bound to a thread",
    "wsgi": "something that only WSGI has",
}


@dataclass(frozen=True, order=True)
class Finding:
    """Something that was not decided: where it is, and what to do by hand."""

    path: str
    line: int
    rule: str
    text: str

    def __str__(self) -> str:
        place = f"{self.path}:{self.line}" if self.line else self.path
        return f"{place}: [{self.rule}] {self.text}"


@dataclass
class Change:
    """A file before and after. `before` is None for a new file."""

    path: Path
    name: str
    before: str | None
    after: str

    def diff(self) -> str:
        """Return the change as a unified diff."""
        lines = unified_diff(
            (self.before or "").splitlines(keepends=True),
            self.after.splitlines(keepends=True),
            "/dev/null" if self.before is None else f"a/{self.name}",
            f"b/{self.name}",
        )
        return "".join(
            line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n"
            for line in lines
        )


@dataclass
class Report:
    """The outcome of a migration. Nothing here writes files."""

    changes: list[Change] = field(default_factory=list)
    findings: set[Finding] = field(default_factory=set)
    counts: Counter[str] = field(default_factory=Counter)

    def note(self, path: str, line: int, rule: str, text: str) -> None:
        """Add a finding. `rule` is one of RULES."""
        assert rule in RULES, rule
        self.findings.add(Finding(path, line, rule, text))

    def count(self, what: str, number: int = 1) -> None:
        """Count a kind of change for the summary."""
        self.counts[what] += number

    def diff(self) -> str:
        """Return all changes as one unified diff."""
        return "".join(change.diff() for change in self.changes)

    def summary(self) -> list[str]:
        """Return lines for people: the findings in the order of their places, and the counts."""
        lines = [str(finding) for finding in sorted(self.findings)]
        counts = ", ".join(f"{number} {what}" for what, number in sorted(self.counts.items()))
        if counts:
            lines.append(counts)
        return lines

    def as_json(self) -> str:
        """Return the same as JSON, for tools."""
        return json.dumps(
            {
                "changed": [change.name for change in self.changes],
                "counts": dict(sorted(self.counts.items())),
                "findings": [asdict(finding) for finding in sorted(self.findings)],
            },
            indent=2,
        )


def plural(number: int, word: str) -> str:
    """Return a number and a word, with an "s" unless the number is 1."""
    return f"{number} {word}" if number == 1 else f"{number} {word}s"


def shorten(code: str, width: int = 60) -> str:
    """Return code on one line, cut if it is long."""
    line = " ".join(code.split())
    return line if len(line) <= width else f"{line[: width - 3]}..."


def joined(words: Iterable[str]) -> str:
    """Return words in alphabetical order, with commas."""
    return ", ".join(sorted(words))
