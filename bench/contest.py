"""The parent's side: worker processes, and rounds in which every framework takes its turn."""

import json
import random
import statistics
import subprocess
import sys
from collections.abc import Sequence
from contextlib import ExitStack, closing
from typing import Any

import report
from driver import CONNECTIONS
from frameworks import BENCH, Framework
from scenarios import SCENARIOS

WARM_UP = 0.05  # CPU seconds before the first turn.
FEWEST_ROUNDS = 5


class WorkerProcess:
    """The parent's end of `worker.py`: one application of one framework."""

    def __init__(self, framework: Framework, app: str, loop: str) -> None:
        self.framework = framework
        command = [str(framework.python), str(BENCH / "worker.py"), framework.apps, app]
        command += ["--loop", loop, "--interface", framework.interface]
        if framework.distribution:
            command += ["--distribution", framework.distribution]
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
        )

    def read(self) -> dict[str, Any]:
        """An answer, or what the worker says of itself before all others."""
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(f"the worker of {self.framework.title} ended: {self.process.wait()}")
        return json.loads(line)

    def ask(self, **command: Any) -> dict[str, Any]:
        self.process.stdin.write(json.dumps(command) + "\n")
        answer = self.read()
        if "error" in answer:
            raise RuntimeError(f"{self.framework.title}, {command}: {answer['error']}")
        return answer

    def close(self) -> None:
        self.process.stdin.close()
        try:
            self.process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process.stdout.close()


class Contestant:
    """One framework in one scenario: checked, warm, its turn filled with so many requests."""

    def __init__(self, worker: WorkerProcess, scenario: str, seconds: float) -> None:
        self.name = worker.framework.name
        self.worker = worker
        self.scenario = scenario
        worker.ask(check=scenario)
        self.requests = CONNECTIONS
        for to_fill in (WARM_UP, seconds):
            each = self._turn() / self.requests
            self.requests = max(CONNECTIONS, round(to_fill / each))
        self.turn_seconds = each * self.requests

    def microseconds(self) -> float:
        """CPU time per request, or per message of a websocket."""
        units = self.requests * (SCENARIOS[self.scenario].messages or 1)
        return self._turn() * 1e6 / units

    def _turn(self) -> float:
        return self.worker.ask(measure=self.scenario, requests=self.requests)["seconds"]


def play_round(raw: Contestant, peers: list[Contestant]) -> dict[str, report.Figure]:
    """Everybody's turn once, each between two turns of raw.

    The speed of a shared machine changes from moment to moment; the neighbours tell which it was.
    """
    figures = {}
    random.shuffle(peers)
    before = raw.microseconds()
    for peer in peers:
        own = peer.microseconds()
        after = raw.microseconds()
        figures[peer.name] = report.Figure(own, (before + after) / 2)
        before = after
    return figures


def measure(
    frameworks: Sequence[Framework],
    scenarios: Sequence[str],
    loop: str,
    rounds: int,
    seconds: float,
) -> report.Results:
    """A figure for each framework, scenario and round; `seconds` is the CPU time of one turn.

    Where sixteen requests take longer than that, fewer rounds do.
    """
    results = report.Results(loop)
    for app in dict.fromkeys(SCENARIOS[name].app for name in scenarios):
        print(f"{loop}: {app}", file=sys.stderr, flush=True)
        with ExitStack() as stack:
            workers = [
                stack.enter_context(closing(WorkerProcess(framework, app, loop)))
                for framework in frameworks
            ]
            abouts = {worker: worker.read() for worker in workers}
            for worker, about in abouts.items():
                results.introduce(worker.framework.name, app, about)
            for scenario in scenarios:
                if SCENARIOS[scenario].app != app:
                    continue
                raw, *peers = (
                    Contestant(worker, scenario, seconds)
                    for worker, about in abouts.items()
                    if about["has_app"]
                )
                longer = statistics.median(peer.turn_seconds for peer in (raw, *peers)) / seconds
                for _ in range(max(FEWEST_ROUNDS, round(rounds / max(1, longer)))):
                    results.add(scenario, play_round(raw, peers))
    return results
