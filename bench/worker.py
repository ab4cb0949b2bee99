"""One application of one framework in one process, which does as it is told on standard input.

Commands and answers are lines of JSON: `{"check": scenario}` or `{"measure": scenario,
"requests": n}`.
"""

import argparse
import asyncio
import importlib
import importlib.metadata
import json
import os
import platform
import sys
from types import ModuleType
from typing import Any

from driver import Client, Lifespan
from scenarios import SCENARIOS


class Worker:
    def __init__(self, runner: asyncio.Runner, app: Any) -> None:
        self.runner = runner
        self.lifespan = Lifespan(app)
        self.clients: dict[str, Client] = {}
        runner.run(self.lifespan.start())

    def check(self, name: str) -> dict[str, Any]:
        """Compare the first answer with the expected one."""
        client = Client(self.lifespan.app, SCENARIOS[name], self.lifespan.state)
        self.runner.run(client.check())
        self.clients[name] = client
        return {}

    def measure(self, name: str, requests: int) -> dict[str, Any]:
        return {"seconds": self.runner.run(self.clients[name].measure(requests))}

    def stop(self) -> None:
        self.runner.run(self.lifespan.stop())


def about(module: ModuleType, app: str, distribution: str | None) -> dict[str, Any]:
    return {
        "has_app": hasattr(module, app),
        "version": importlib.metadata.version(distribution) if distribution else "",
        "python": platform.python_version(),
        "unequal": getattr(module, "UNEQUAL", {}),
    }


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("module", help="a file in apps/")
    parser.add_argument("app", help="a function in it that makes an application")
    parser.add_argument("--distribution")
    parser.add_argument("--loop", choices=("asyncio", "uvloop"), required=True)
    options = parser.parse_args()

    # Answers have a channel of their own: what an application prints goes to standard error.
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)

    def tell(answer: dict[str, Any]) -> None:
        answers.write(json.dumps(answer) + "\n")

    module = importlib.import_module(f"apps.{options.module}")
    tell(about(module, options.app, options.distribution))
    if not hasattr(module, options.app):
        return
    loop_factory = importlib.import_module(options.loop).new_event_loop
    with asyncio.Runner(loop_factory=loop_factory) as runner:
        worker = Worker(runner, getattr(module, options.app)())
        for line in sys.stdin:
            command = json.loads(line)
            try:
                if "check" in command:
                    tell(worker.check(command["check"]))
                else:
                    tell(worker.measure(command["measure"], command["requests"]))
            except Exception as error:
                tell({"error": f"{type(error).__name__}: {error}"})
        worker.stop()


if __name__ == "__main__":
    main()
