"""Measure every framework in every way and print the tables: `python bench/run.py --help`."""

import argparse
import sys

import report
import sockets
import startup
from contest import measure
from frameworks import FRAMEWORKS, RAW, Framework
from scenarios import SCENARIOS

PARTS = ("in-process", "sockets", "startup")


def in_process(frameworks: list[Framework], options: argparse.Namespace) -> str:
    loops = ("asyncio", "uvloop") if options.loop == "both" else (options.loop,)
    results = [
        measure(frameworks, options.scenarios, loop, options.rounds, options.seconds)
        for loop in loops
    ]
    return "\n\n".join((*(result.tables() for result in results), results[0].notes()))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--parts", type=report.names(PARTS), default=list(PARTS))
    parser.add_argument("--frameworks", type=report.names(FRAMEWORKS), default=list(FRAMEWORKS))
    parser.add_argument("--scenarios", type=report.names(SCENARIOS), default=list(SCENARIOS))
    parser.add_argument("--rounds", type=int, default=60, help="in process")
    parser.add_argument("--seconds", type=float, default=0.005, help="CPU time of one such turn")
    parser.add_argument("--loop", choices=("asyncio", "uvloop", "both"), default="both")
    parser.add_argument("--quick", action="store_true", help="few rounds: a rough run")
    parser.add_argument("--upgrade", action="store_true", help="install the newest releases first")
    parser.add_argument("--write", action="store_true", help="put the tables into the READMEs")
    options = parser.parse_args()
    if options.quick:
        options.rounds = 5
    if options.rounds < 2:
        parser.error("one round has no spread: --rounds 2 at least")

    # All else is told as a difference from the raw application.
    chosen = [FRAMEWORKS[name] for name in dict.fromkeys([RAW.name, *options.frameworks])]
    for framework in chosen:
        framework.install(options.upgrade)
    sections = {
        "in-process": lambda: in_process(chosen, options),
        "sockets": lambda: sockets.section(chosen, *((2, 1) if options.quick else (5, 4))),
        "startup": lambda: startup.section(chosen, 3 if options.quick else 15),
    }
    for part in options.parts:
        text = sections[part]()
        print(f"## {part}\n\n{text}\n", flush=True)
        if options.write:
            report.write(part, text)
            print(f"written to {report.README}", file=sys.stderr)


if __name__ == "__main__":
    main()
