"""The parent's side: worker processes, and rounds in which every framework takes its turn."""

import json
import random
import subprocess
from collections.abc import Sequence
from contextlib import ExitStack, closing
from typing import Any

import report
from driver import CONNECTIONS
from frameworks import BENCH, Framework
from scenarios import SCENARIOS

WARM_UP = 200  # Requests before the first turn; they tell how many fill one.


class WorkerProcess:
    """The parent's end of `worker.py`: one application of one framework."""

    def __init__(self, framework: Framework, app: str, loop: str) -> None:
        self.framework = framework
        self.app = app
        command = [str(framework.python), str(BENCH / "worker.py"), framework.apps, app]
        command += ["--loop", loop]
        if framework.distribution:
            command += ["--distribution", framework.distribution]
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
        )
        self.about = self._read()

    def ask(self, **command: Any) -> dict[str, Any]:
        self.process.stdin.write(json.dumps(command) + "\n")
        answer = self._read()
        if "error" in answer:
            raise RuntimeError(f"{self.framework.title}, {command}: {answer['error']}")
        return answer

    def microseconds(self, scenario: str, requests: int) -> float:
        """CPU time per request."""
        return self.ask(measure=scenario, requests=requests)["seconds"] * 1e6 / requests

    def _read(self) -> dict[str, Any]:
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(f"the worker of {self.framework.title} ended: {self.process.wait()}")
        return json.loads(line)

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
        worker.microseconds(scenario, WARM_UP)
        guess = worker.microseconds(scenario, WARM_UP)
        self.requests = max(CONNECTIONS, round(seconds * 1e6 / guess))

    def microseconds(self) -> float:
        return self.worker.microseconds(self.scenario, self.requests)


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
    """A figure for each framework, scenario and round; `seconds` is the CPU time of one turn."""
    applications = dict.fromkeys(SCENARIOS[name].app for name in scenarios)
    with ExitStack() as stack:
        workers = [
            stack.enter_context(closing(WorkerProcess(framework, app, loop)))
            for framework in frameworks
            for app in applications
        ]
        results = report.Results(loop, {worker.framework.name: worker.about for worker in workers})
        contests = {}
        for scenario in scenarios:
            raw, *peers = (
                Contestant(worker, scenario, seconds)
                for worker in workers
                if worker.app == SCENARIOS[scenario].app and worker.about["has_app"]
            )
            contests[scenario] = raw, peers
        for _ in range(rounds):
            for scenario, (raw, peers) in contests.items():
                results.add(scenario, play_round(raw, peers))
        return results
