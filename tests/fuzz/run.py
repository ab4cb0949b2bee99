"""Fuzz each target for some seconds: `python tests/fuzz/run.py [SECONDS] [TARGET ...]`.

Each runs in a process of its own, which coverage guides (atheris). An input that fails is kept in
`corpus/<target>/`, which an ordinary test replays.
"""

import hashlib
import re
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).parent
PROGRAM = """
import sys
sys.path[:0] = [{here!r}]
import atheris
with atheris.instrument_imports(include=["quart", "multipart"]):
    from fuzzed import TARGETS
target = TARGETS[{name!r}][0]
atheris.Setup(sys.argv, lambda data: target(bytes(data)))
atheris.Fuzz()
"""


def fuzz(name: str, seeds: list[bytes], seconds: int) -> tuple[int, bytes | None]:
    """The number of executions, and the input that failed, if one did."""
    with tempfile.TemporaryDirectory() as directory:
        corpus = Path(directory, "corpus")
        corpus.mkdir()
        kept = [path.read_bytes() for path in (HERE / "corpus" / name).glob("*")]
        for seed in [*seeds, *kept]:
            (corpus / hashlib.sha1(seed).hexdigest()).write_bytes(seed)
        run = subprocess.run(
            [
                *(sys.executable, "-c", PROGRAM.format(here=str(HERE), name=name), str(corpus)),
                *(f"-max_total_time={seconds}", "-max_len=400", "-timeout=10"),
                f"-artifact_prefix={directory}/found-",
                "-print_final_stats=1",
            ],
            capture_output=True,
            text=True,
            errors="replace",
            timeout=seconds + 120,
            check=False,
        )
        counts = re.findall(r"^#(\d+)", run.stderr, re.MULTILINE)
        executions = max(map(int, counts), default=0)
        found = next((path.read_bytes() for path in Path(directory).glob("found-*")), None)
        if (run.returncode and found is None) or not executions:
            sys.exit(f"{name} did not run:\n{run.stdout[-2000:]}\n{run.stderr[-2000:]}")
        if found is not None:
            print(run.stdout[-2000:], run.stderr[-1500:])
        return executions, found


def main() -> None:
    try:
        import atheris  # noqa: F401
    except ImportError:
        sys.exit("atheris has no wheel for this Python or this system: nothing is fuzzed.")
    sys.path[:0] = [str(HERE)]
    from fuzzed import TARGETS

    seconds = int(sys.argv[1]) if len(sys.argv) > 1 else 60
    total, failed = 0, []
    for name in sys.argv[2:] or TARGETS:
        executions, found = fuzz(name, TARGETS[name][1], seconds)
        total += executions
        print(f"{name}: {executions:,} executions", flush=True)
        if found is not None:
            kept = HERE / "corpus" / name / hashlib.sha1(found).hexdigest()[:12]
            kept.parent.mkdir(parents=True, exist_ok=True)
            kept.write_bytes(found)
            failed.append(name)
            print(f"{name}: FOUND {found!r}, kept as {kept}", flush=True)
    print(f"{total:,} executions, found in: {', '.join(failed) or 'none'}")
    sys.exit(bool(failed))


if __name__ == "__main__":
    main()
