"""The objects by which user code holds a connection: `Request`, `Websocket` and `Response`."""

from .base import BaseRequestWebsocket, ClientDisconnectedError
from .body import Body
from .request import Request
from .response import Response
from .websocket import Websocket

__all__ = (
    "BaseRequestWebsocket",
    "Body",
    "ClientDisconnectedError",
    "Request",
    "Response",
    "Websocket",
)
