"""Fail when this checkout has become slower against raw ASGI than `recorded.json` says.

Ratios are compared, not seconds: raw runs beside it, so that the machine matters little.
"""

import argparse
import json
import sys

from contest import measure
from frameworks import BENCH, OURS, RAW
from run import names
from scenarios import SCENARIOS

RECORDED = BENCH / "recorded.json"
LOOPS = ("asyncio", "uvloop")
ALLOWED_GROWTH = 1.25

Ratios = dict[str, dict[str, float]]  # By loop and scenario.


def measured_ratios(wanted: dict[str, list[str]], rounds: int, seconds: float) -> Ratios:
    ratios: Ratios = {}
    for loop, scenarios in wanted.items():
        results = measure([RAW, OURS], scenarios, loop, rounds, seconds)
        spreads = {scenario: results.ratio(scenario, OURS.name) for scenario in scenarios}
        ratios[loop] = {name: spread.median for name, spread in spreads.items() if spread}
    return ratios


def too_slow(ratios: Ratios, recorded: Ratios) -> dict[str, list[str]]:
    """The scenarios, by loop, whose ratio has grown by more than is allowed."""
    slow = {
        loop: [
            scenario
            for scenario, ratio in ours.items()
            if ratio > ALLOWED_GROWTH * recorded.get(loop, {}).get(scenario, ratio)
        ]
        for loop, ours in ratios.items()
    }
    return {loop: scenarios for loop, scenarios in slow.items() if scenarios}


def show(ratios: Ratios, recorded: Ratios) -> None:
    for loop, ours in ratios.items():
        for scenario, ratio in ours.items():
            before = recorded.get(loop, {}).get(scenario)
            against = f"recorded {before:.2f}" if before else "not recorded"
            print(f"{loop:8} {scenario:20} {ratio:6.2f} times raw, {against}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--scenarios", type=names(SCENARIOS), default=list(SCENARIOS))
    parser.add_argument("--rounds", type=int, default=80)
    parser.add_argument("--seconds", type=float, default=0.005, help="CPU time of one turn")
    parser.add_argument("--record", action="store_true", help=f"write {RECORDED.name} anew")
    options = parser.parse_args()

    for framework in (RAW, OURS):
        framework.install()
    recorded: Ratios = json.loads(RECORDED.read_text()) if RECORDED.exists() else {}
    wanted = dict.fromkeys(LOOPS, options.scenarios)
    ratios = measured_ratios(wanted, options.rounds, options.seconds)
    show(ratios, recorded)
    if options.record:
        for loop, ours in ratios.items():
            figures = {scenario: round(ratio, 2) for scenario, ratio in ours.items()}
            recorded[loop] = recorded.get(loop, {}) | figures
        RECORDED.write_text(json.dumps(recorded, indent=2) + "\n")
    elif suspects := too_slow(ratios, recorded):
        print("\nonce more, what looks too slow:")
        ratios = measured_ratios(suspects, 2 * options.rounds, options.seconds)
        show(ratios, recorded)
        if slow := too_slow(ratios, recorded):
            sys.exit(f"slower than recorded by more than {ALLOWED_GROWTH - 1:.0%}: {slow}")


if __name__ == "__main__":
    main()
