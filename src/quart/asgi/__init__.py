"""The only room that knows ASGI messages (https://asgi.readthedocs.io).

A scope becomes a `Request` or a `Websocket`, a `Response` becomes messages. In between stands the
application's `handle_request` or `handle_websocket`: nothing here makes a context, or calls a
stage that answers an error.

`http`, `websocket` and `lifespan` have one class for each type of connection. What the first two
share is in `connection`; who may read is in `client`, how the handler ends in `work`, what has been
sent in `sending`.
"""

from .http import ASGIHTTPConnection
from .lifespan import ASGILifespan
from .messages import (
    Message,
    Receive,
    Scope,
    Send,
    convert_os_error,
    in_origin_form,
    split_root_path,
)
from .sending import ResponseTimeoutError
from .websocket import ASGIWebsocketConnection

# For classes beside these, which have their own `send`.
_convert_os_error = convert_os_error

__all__ = (
    "ASGIHTTPConnection",
    "ASGILifespan",
    "ASGIWebsocketConnection",
    "Message",
    "Receive",
    "ResponseTimeoutError",
    "Scope",
    "Send",
    "in_origin_form",
    "split_root_path",
)
