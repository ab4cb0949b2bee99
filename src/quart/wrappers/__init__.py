"""The objects that user code works with: `Request`, `Websocket` and `Response`."""

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
