"""The servers that run while these tests do: each is started once, when it is first asked for."""

import contextlib
import functools
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from processes import SERVERS, TESTS, Server, make_certificate, serving


@pytest.fixture(scope="session")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Server]]:
    """``servers("uvicorn")`` runs the site, other arguments other applications."""
    cert = make_certificate(tmp_path_factory.mktemp("certificate"))
    with contextlib.ExitStack() as stack:

        @functools.cache
        def start(
            name: str, app: str = "servers.site:app", *options: str, cwd: Path = TESTS
        ) -> Server:
            return stack.enter_context(serving(name, app, *options, cwd=cwd, cert=cert))

        yield start


@pytest.fixture(params=SERVERS)
def server(request: pytest.FixtureRequest, servers: Callable[..., Server]) -> Iterator[Server]:
    """The site on each server in turn; what the server says meanwhile is the test's output."""
    server = servers(request.param)
    said = len(server.process.said().encode())
    yield server
    print(server.process.said(said))
