"""The servers that are attacked, as fixtures: see targets.py."""

import contextlib
import functools
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from servers.processes import HTTP2, SERVERS, TESTS, make_certificate, serving
from targets import OPTIONS, Target


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """What an attack leaves behind each time, and not at once, is found in many rounds."""
    rounds = metafunc.config.getoption("--attack-rounds")
    if rounds > 1:
        metafunc.fixturenames.append("attack_round")
        metafunc.parametrize("attack_round", range(rounds))


@pytest.fixture(scope="session")
def targets(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Target]]:
    """``targets("uvicorn")`` runs the site, other arguments other applications, each once."""
    cert = make_certificate(tmp_path_factory.mktemp("certificate"))
    with contextlib.ExitStack() as stack:

        @functools.cache
        def start(
            name: str, app: str = "attacks.site:app", *options: str, cwd: Path = TESTS
        ) -> Target:
            options = (*OPTIONS.get(name, ()), *options)
            server = stack.enter_context(serving(name, app, *options, cwd=cwd, cert=cert))
            target = Target(server)
            target.warm_up()
            return target

        yield start


@pytest.fixture(params=SERVERS)
def target(request: pytest.FixtureRequest, targets: Callable[..., Target]) -> Iterator[Target]:
    """The site on each server in turn. After the test nothing may be left of it.

    What the server says meanwhile is the test's output.
    """
    target = targets(request.param)
    said = len(target.server.process.said().encode())
    yield target
    try:
        target.settle()
    finally:
        print(target.server.process.said(said))


@pytest.fixture(params=HTTP2)
def http2_target(
    request: pytest.FixtureRequest, targets: Callable[..., Target]
) -> Iterator[Target]:
    """The same, of the servers that speak HTTP/2."""
    target = targets(request.param)
    said = len(target.server.process.said().encode())
    yield target
    try:
        target.settle()
    finally:
        print(target.server.process.said(said))
