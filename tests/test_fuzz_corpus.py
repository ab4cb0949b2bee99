"""What the fuzzer has found before, and what it begins with, is right now."""

import sys
from pathlib import Path

import pytest

FUZZ = Path(__file__).parent / "fuzz"
sys.path.append(str(FUZZ))

from fuzzed import TARGETS  # noqa: E402

INPUTS = [(name, seed) for name, (_, seeds) in TARGETS.items() for seed in seeds]
INPUTS += [(path.parent.name, path.read_bytes()) for path in sorted(FUZZ.glob("corpus/*/*"))]


@pytest.mark.parametrize(("name", "data"), INPUTS)
def test_what_was_found_is_mended(name: str, data: bytes) -> None:
    TARGETS[name][0](data)
