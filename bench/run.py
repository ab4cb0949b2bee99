"""Measure every framework in every scenario and print the tables: `python bench/run.py --help`."""

import argparse
import sys
from typing import Any

import report
from contest import measure
from frameworks import FRAMEWORKS, RAW
from scenarios import SCENARIOS


def names(known: dict[str, Any]) -> Any:
    """An argument type: names separated by commas."""

    def parse(text: str) -> list[str]:
        chosen = text.split(",")
        if unknown := [name for name in chosen if name not in known]:
            raise argparse.ArgumentTypeError(f"unknown: {unknown}; known: {', '.join(known)}")
        return chosen

    return parse


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--frameworks", type=names(FRAMEWORKS), default=list(FRAMEWORKS))
    parser.add_argument("--scenarios", type=names(SCENARIOS), default=list(SCENARIOS))
    parser.add_argument("--rounds", type=int, default=60)
    parser.add_argument("--quick", action="store_true", help="few rounds: a rough run")
    parser.add_argument("--seconds", type=float, default=0.005, help="CPU time of one turn")
    parser.add_argument("--loop", choices=("asyncio", "uvloop", "both"), default="both")
    parser.add_argument("--upgrade", action="store_true", help="install the newest releases first")
    parser.add_argument("--write", action="store_true", help="put the tables into bench/README.md")
    options = parser.parse_args()
    if options.quick:
        options.rounds = 5
    if options.rounds < 2:
        parser.error("one round has no spread: --rounds 2 at least")

    # All else is told as a difference from the raw application.
    chosen = [FRAMEWORKS[name] for name in dict.fromkeys([RAW.name, *options.frameworks])]
    for framework in chosen:
        framework.install(options.upgrade)
    loops = ("asyncio", "uvloop") if options.loop == "both" else (options.loop,)
    results = [
        measure(chosen, options.scenarios, loop, options.rounds, options.seconds) for loop in loops
    ]
    text = "\n\n".join((*(result.tables() for result in results), results[0].notes()))
    print(text)
    if options.write:
        report.write(text)
        print(f"written to {report.README}", file=sys.stderr)


if __name__ == "__main__":
    main()
