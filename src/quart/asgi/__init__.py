"""The only package that knows ASGI messages (https://asgi.readthedocs.io).

It makes a `Request` or `Websocket` from the scope, and turns a `Response` into messages. The
application's `handle_request` or `handle_websocket` runs in between: nothing here makes a context
or calls a stage that answers an error.

`http`, `websocket` and `lifespan` each hold the class for one type of connection. `connection`
holds what requests and websockets share, `client` decides who may read, `work` ends the handler,
and `sending` records what has been sent.
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

# For subclasses of these classes that have a `send` of their own.
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
