"""Fuzz each target for some seconds: `python tests/fuzz/run.py [SECONDS] [TARGET ...]`.

Each runs in a process of its own, which coverage guides (atheris). An input that fails is kept in
`corpus/<target>/`, which an ordinary test replays. Targets that reach the accelerator run with one
that is built with sanitizers and assertions, where a read beyond an end ends the process.
"""

import hashlib
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

try:
    import atheris
except ImportError:
    atheris = None

HERE = Path(__file__).parent
CHECKOUT = HERE.parents[1]
ACCELERATED = {"queries", "cookies", "headers", "forms"}
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


def sanitized(directory: str) -> dict[str, str]:
    """Build the accelerator with sanitizers; return the environment of processes that use it."""
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "install", "-qq"]
    subprocess.run(
        [*pip, "--no-deps", "--target", directory, str(CHECKOUT)],
        env=os.environ | {"QUART_SANITIZE": "1"},
        check=True,
    )
    environment = os.environ | {
        "LD_PRELOAD": f"{atheris.path()}/asan_with_fuzzer.so",
        # The interpreter frees little at its end. Stacks of allocations take most of the time.
        "ASAN_OPTIONS": "detect_leaks=0:malloc_context_size=0:quarantine_size_mb=16",
        "PYTHONMALLOC": "malloc",  # each object by itself, with watched space around it
        "PYTHONPATH": directory,
    }
    program = f"from quart._speedups import compiled; assert {directory!r} in compiled.__file__"
    subprocess.run([sys.executable, "-c", program], env=environment, check=True)
    return environment


def fuzz(
    name: str, seeds: list[bytes], seconds: int, environment: dict[str, str] | None
) -> tuple[int, bytes | None]:
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
            env=environment,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=seconds + 600,  # instrumenting alone takes minutes on a busy machine
            check=False,
        )
        counts = re.findall(r"^#(\d+)", run.stderr, re.MULTILINE)
        executions = max(map(int, counts), default=0)
        found = next((path.read_bytes() for path in Path(directory).glob("found-*")), None)
        if found is None and (run.returncode or not executions):
            sys.exit(f"{name} did not run:\n{run.stdout[-2000:]}\n{run.stderr[-2000:]}")
        if found is not None:
            print(run.stdout[-2000:], run.stderr[max(0, run.stderr.find("ERROR:")) :][:3000])
        return executions, found


def main() -> None:
    if atheris is None:
        sys.exit("atheris has no wheel for this Python or this system: nothing is fuzzed.")
    sys.path[:0] = [str(HERE)]
    from fuzzed import TARGETS

    seconds = int(sys.argv[1]) if len(sys.argv) > 1 else 60
    chosen = sys.argv[2:] or [*TARGETS]
    total, failed = 0, []
    with tempfile.TemporaryDirectory(prefix="quart-sanitized-") as directory:
        watched = sanitized(directory) if ACCELERATED & {*chosen} else None
        for name in chosen:
            environment = watched if name in ACCELERATED else None
            executions, found = fuzz(name, TARGETS[name][1], seconds, environment)
            total += executions
            print(f"{name}: {executions:,} executions", flush=True)
            if found is None:
                continue
            kept = HERE / "corpus" / name / hashlib.sha1(found).hexdigest()[:12]
            kept.parent.mkdir(parents=True, exist_ok=True)
            kept.write_bytes(found)
            failed.append(name)
            print(f"{name}: FOUND {found!r}, kept as {kept}", flush=True)
    print(f"{total:,} executions, found in: {', '.join(failed) or 'none'}")
    sys.exit(bool(failed))


if __name__ == "__main__":
    main()
