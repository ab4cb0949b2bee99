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
import sys
from types import ModuleType
from typing import Any

from driver import ASGIClient, Client, Lifespan, WSGIClient
from scenarios import SCENARIOS


class Worker:
    def __init__(self, runner: asyncio.Runner, app: Any, interface: str) -> None:
        self.runner = runner
        self.app = app
        self.clients: dict[str, Client] = {}
        self.client_class = WSGIClient if interface == "wsgi" else ASGIClient
        self.lifespan = Lifespan(app) if interface == "asgi" else None
        self.state: dict[str, Any] = {}
        if self.lifespan:
            self.state = self.lifespan.state
            runner.run(self.lifespan.start())

    def check(self, name: str) -> dict[str, Any]:
        """Compare the first answer with the expected one."""
        client = self.client_class(self.app, SCENARIOS[name], self.state)
        self.runner.run(client.check())
        self.clients[name] = client
        return {}

    def measure(self, name: str, requests: int) -> dict[str, Any]:
        return {"seconds": self.runner.run(self.clients[name].measure(requests))}

    def stop(self) -> None:
        if self.lifespan:
            self.runner.run(self.lifespan.stop())


def about(module: ModuleType, app: str, distribution: str | None) -> dict[str, Any]:
    return {
        "has_app": hasattr(module, app),
        "version": importlib.metadata.version(distribution) if distribution else "",
        "unequal": getattr(module, "UNEQUAL", {}).get(app, ""),
        "missing": getattr(module, "MISSING", {}).get(app, ""),
    }


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("module", help="a file in apps/")
    parser.add_argument("app", help="a function in it that makes an application")
    parser.add_argument("--distribution")
    parser.add_argument("--interface", choices=("asgi", "wsgi"), default="asgi")
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
        worker = Worker(runner, getattr(module, options.app)(), options.interface)
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
