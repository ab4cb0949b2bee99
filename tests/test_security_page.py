"""What SECURITY.md promises has its tests, and the settings it names are there."""

import re
from pathlib import Path

from quart.config import DEFAULT_CONFIG

TESTS = Path(__file__).parent
PAGE = TESTS.parent / "SECURITY.md"
LINES = re.findall(r"^\| (?!attack|---)(.+?) \|$", PAGE.read_text(), re.MULTILINE)


def test_each_line_of_the_table_names_its_tests() -> None:
    assert 20 < len(LINES)
    assert [] == [line for line in LINES if "::test_" not in line.split(" | ")[3]]


def test_each_test_that_is_named_exists() -> None:
    lacking = []
    for line in LINES:
        for test in re.findall(r"`([\w/]+\.py)::(\w+)`", line):
            file, name = test
            path = TESTS / file
            if not path.exists() or f"def {name}(" not in path.read_text():
                lacking.append(f"{file}::{name}")

    assert [] == lacking


def test_each_setting_that_is_named_exists() -> None:
    named = {name for line in LINES for name in re.findall(r"`([A-Z_]{4,})`", line.split(" | ")[2])}

    assert {"BODY_TIMEOUT", "MAX_CONTENT_LENGTH"} <= named
    assert set() == named - DEFAULT_CONFIG.keys()
