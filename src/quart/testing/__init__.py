"""Tools for tests: clients, connections, the lifespan and the command line, without a server."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from functools import partial
from typing import TYPE_CHECKING, Any

from click.testing import CliRunner, Result

from ..cli import ScriptInfo
from ..typing import TestClientProtocol
from .app import DEFAULT_TIMEOUT, LifespanError, TestApp
from .client import ClientRedirectError, QuartClient
from .connections import (
    HTTPDisconnectError,
    TestHTTPConnection,
    TestResponse,
    TestWebsocketConnection,
    WebsocketDisconnectError,
    WebsocketResponseError,
)
from .sync import SyncClient, sync_client
from .utils import (
    RequestBuilder,
    RequestWords,
    describe_request,
    make_test_body_with_headers,
    make_test_headers_path_and_query_string,
    make_test_scope,
    no_op_push,
    sentinel,
)

if TYPE_CHECKING:
    from ..app import Quart

__all__ = (
    "DEFAULT_TIMEOUT",
    "CliRunner",
    "ClientRedirectError",
    "HTTPDisconnectError",
    "LifespanError",
    "QuartCliRunner",
    "QuartClient",
    "RequestBuilder",
    "RequestWords",
    "ScriptInfo",
    "SyncClient",
    "TestApp",
    "TestClientProtocol",
    "TestHTTPConnection",
    "TestResponse",
    "TestWebsocketConnection",
    "WebsocketDisconnectError",
    "WebsocketResponseError",
    "describe_request",
    "make_test_body_with_headers",
    "make_test_headers_path_and_query_string",
    "make_test_scope",
    "no_op_push",
    "sentinel",
    "sync_client",
)


class QuartCliRunner(CliRunner):
    """Runs an application's commands in a test: `app.test_cli_runner().invoke(args=["routes"])`."""

    def __init__(self, app: Quart, **kwargs: Any) -> None:
        self.app = app
        super().__init__(**kwargs)

    def invoke(  # type: ignore[override]  # the command may be left out
        self, cli: Any = None, args: Any = None, **kwargs: Any
    ) -> Result:
        """Run a command, by default one of the application's, and return its result and output.

        Commands find this application, unless `obj` is another `ScriptInfo`. In an async test the
        command runs in a thread, because it may need its own event loop.
        """
        kwargs.setdefault("obj", ScriptInfo(create_app=lambda: self.app))
        if cli is None:
            cli = self.app.cli
        invoke = partial(super().invoke, cli, args, **kwargs)
        if asyncio._get_running_loop() is None:
            return invoke()
        with ThreadPoolExecutor(1) as executor:
            return executor.submit(copy_context().run, invoke).result()
