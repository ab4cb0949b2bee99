"""The types in signatures: what views return, what hooks look like, and what ASGI passes.

Only aliases and protocols. Nothing here runs for a request or imports a server.
"""

from __future__ import annotations

import os
from collections.abc import (
    AsyncIterable,
    AsyncIterator,
    Awaitable,
    Callable,
    Iterable,
    Iterator,
    Mapping,
    Sequence,
)
from contextlib import AbstractAsyncContextManager
from types import TracebackType
from typing import IO, TYPE_CHECKING, Any, AnyStr, ClassVar, Protocol, TypedDict, Union, Unpack

from .datastructures import FileStorage

if TYPE_CHECKING:
    from http.cookiejar import CookieJar

    from werkzeug.datastructures import Authorization, Headers
    from werkzeug.sansio.response import Response as WerkzeugResponse

    from .app import Quart
    from .sessions import SessionMixin
    from .testing.connections import TestResponse
    from .wrappers import Response

__all__ = (
    "ASGIApp",
    "ASGIHTTPProtocol",
    "ASGILifespanProtocol",
    "ASGIReceiveCallable",
    "ASGISendCallable",
    "ASGIWebsocketProtocol",
    "AfterRequestCallable",
    "AfterServingCallable",
    "AfterWebsocketCallable",
    "AppOrBlueprintKey",
    "AttrsValue",
    "BeforeRequestCallable",
    "BeforeServingCallable",
    "BeforeWebsocketCallable",
    "ClientOptions",
    "DataclassValue",
    "ErrorHandlerCallable",
    "Event",
    "FilePath",
    "FileStorage",
    "HTTPScope",
    "HeaderName",
    "HeaderValue",
    "HeadersValue",
    "LifespanScope",
    "Message",
    "ModelValue",
    "PydanticValue",
    "ResponseReturnValue",
    "ResponseTypes",
    "ResponseValue",
    "RouteCallable",
    "Scope",
    "ShellContextProcessorCallable",
    "StatusCode",
    "StructValue",
    "TeardownCallable",
    "TemplateContextProcessorCallable",
    "TemplateFilterCallable",
    "TemplateGlobalCallable",
    "TemplateTestCallable",
    "TestAppProtocol",
    "TestClientProtocol",
    "TestHTTPConnectionProtocol",
    "TestWebsocketConnectionProtocol",
    "URLDefaultCallable",
    "URLValuePreprocessorCallable",
    "WWWScope",
    "WebsocketCallable",
    "WebsocketScope",
    "WhileServingCallable",
)

# Values

FilePath = bytes | str | os.PathLike[str] | os.PathLike[bytes]

HeaderName = str
HeaderValue = str | list[str] | tuple[str, ...]
HeadersValue = Union[
    "Headers",
    Mapping[HeaderName, HeaderValue],
    Sequence[tuple[HeaderName, HeaderValue]],
]
#: A number, or a status line such as ``"201 CREATED"``.
StatusCode = int | str

#: A response of ours or of Werkzeug's. The framework itself makes only :class:`quart.Response`.
ResponseTypes = Union["Response", "WerkzeugResponse"]


#: A part of a body that is sent piece by piece; a str is sent as UTF-8.
Chunk = str | bytes | bytearray | memoryview


class DataclassValue(Protocol):
    """An instance of a dataclass."""

    __dataclass_fields__: ClassVar[dict[str, Any]]


class AttrsValue(Protocol):
    """An instance of an attrs class."""

    __attrs_attrs__: ClassVar[Any]


class StructValue(Protocol):
    """A msgspec struct."""

    __struct_fields__: ClassVar[tuple[str, ...]]


class PydanticValue(Protocol):
    """An instance of a pydantic model."""

    def model_dump(self) -> object: ...


#: A model that a view may return; the JSON provider writes it.
ModelValue = DataclassValue | AttrsValue | StructValue | PydanticValue

#: A value that becomes a response. A mapping must be a dict, but that type would exclude TypedDict.
ResponseValue = (
    ResponseTypes
    | bytes
    | str
    | Mapping[str, object]
    | list[Any]
    | Iterator[bytes]
    | Iterator[str]
    | AsyncIterable[bytes]
    | AsyncIterable[str]
    | ModelValue
)

#: The result of a view: a value, or a tuple of a value with a status, headers, or both.
ResponseReturnValue = (
    ResponseValue
    | tuple[ResponseValue, HeadersValue]
    | tuple[ResponseValue, StatusCode]
    | tuple[ResponseValue, StatusCode, HeadersValue]
)

#: The result of `sys.exc_info()`.
ExcInfo = tuple[type[BaseException], BaseException, TracebackType | None] | tuple[None, None, None]

# Functions that users register. Plain ones run in a thread. Users annotate the parameter with their
# own response class, or with the exception class that a handler is for.

#: The key of registries: None for the app, or the name of a blueprint.
AppOrBlueprintKey = str | None

AfterRequestCallable = Callable[[Any], ResponseTypes] | Callable[[Any], Awaitable[ResponseTypes]]
AfterServingCallable = Callable[[], None] | Callable[[], Awaitable[None]]
AfterWebsocketCallable = (
    Callable[[Any], ResponseTypes | None] | Callable[[Any], Awaitable[ResponseTypes | None]]
)
BeforeRequestCallable = (
    Callable[[], ResponseReturnValue | None] | Callable[[], Awaitable[ResponseReturnValue | None]]
)
BeforeServingCallable = Callable[[], None] | Callable[[], Awaitable[None]]
BeforeWebsocketCallable = BeforeRequestCallable
ErrorHandlerCallable = (
    Callable[[Any], ResponseReturnValue] | Callable[[Any], Awaitable[ResponseReturnValue]]
)
RouteCallable = Callable[..., ResponseReturnValue] | Callable[..., Awaitable[ResponseReturnValue]]
ShellContextProcessorCallable = Callable[[], dict[str, Any]]
TeardownCallable = (
    Callable[[BaseException | None], None] | Callable[[BaseException | None], Awaitable[None]]
)
TemplateContextProcessorCallable = (
    Callable[[], dict[str, Any]] | Callable[[], Awaitable[dict[str, Any]]]
)
TemplateFilterCallable = Callable[..., object]
TemplateGlobalCallable = Callable[..., object]
TemplateTestCallable = Callable[..., object]
URLDefaultCallable = Callable[[str, dict[str, Any]], None]
URLValuePreprocessorCallable = Callable[[str | None, dict[str, Any] | None], None]
WebsocketCallable = (
    Callable[..., ResponseReturnValue | None] | Callable[..., Awaitable[ResponseReturnValue | None]]
)
WhileServingCallable = Callable[[], AsyncIterator[None]]

# ASGI. Mappings, not dicts, because servers describe them with their own typed dictionaries.

Scope = Mapping[str, Any]
HTTPScope = Scope
WebsocketScope = Scope
WWWScope = Scope
LifespanScope = Scope
Message = Mapping[str, Any]
ASGIReceiveCallable = Callable[[], Awaitable[Message]]
#: Takes a message. Each server has its own, narrower type for that.
ASGISendCallable = Callable[[Any], Awaitable[None]]
ASGIApp = Callable[[Any, ASGIReceiveCallable, ASGISendCallable], Awaitable[None]]


class ASGIHTTPProtocol(Protocol):
    """The object that ``app.asgi_http_class`` makes for each request."""

    def __init__(self, app: Quart, scope: HTTPScope) -> None: ...

    async def __call__(self, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None: ...


class ASGILifespanProtocol(Protocol):
    """The object that ``app.asgi_lifespan_class`` makes for the lifespan."""

    def __init__(self, app: Quart, scope: LifespanScope) -> None: ...

    async def __call__(self, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None: ...


class ASGIWebsocketProtocol(Protocol):
    """The object that ``app.asgi_websocket_class`` makes for each websocket."""

    def __init__(self, app: Quart, scope: WebsocketScope) -> None: ...

    async def __call__(self, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None: ...


class Event(Protocol):
    """An object of ``app.event_class``: an :class:`asyncio.Event`, or its like on another loop."""

    async def wait(self) -> object: ...

    def is_set(self) -> bool: ...

    def set(self) -> None: ...


# Testing. The classes in quart.testing take both Flask's and Quart's arguments.


class TestHTTPConnectionProtocol(Protocol):
    """A request that a test sends, and whose response it reads, piece by piece."""

    push_promises: list[tuple[str, Headers]]

    def __init__(self, app: Quart, scope: HTTPScope, _preserve_context: bool = False) -> None: ...

    async def send(self, data: bytes) -> None: ...

    async def send_complete(self) -> None: ...

    async def receive(self) -> bytes: ...

    async def disconnect(self) -> None: ...

    async def __aenter__(self) -> TestHTTPConnectionProtocol: ...

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc_value: BaseException | None,
        tb: TracebackType | None,
    ) -> None: ...

    async def as_response(self) -> Response: ...


class TestWebsocketConnectionProtocol(Protocol):
    """A websocket through which a test sends and receives messages."""

    def __init__(self, app: Quart, scope: WebsocketScope) -> None: ...

    async def __aenter__(self) -> TestWebsocketConnectionProtocol: ...

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc_value: BaseException | None,
        tb: TracebackType | None,
    ) -> None: ...

    async def receive(self) -> str | bytes: ...

    async def send(self, data: AnyStr) -> None: ...

    async def receive_json(self) -> Any: ...

    async def send_json(self, data: object) -> None: ...

    async def close(self, code: int) -> None: ...

    async def disconnect(self) -> None: ...


#: The fields of a form, a query string or headers.
Fields = Mapping[str, object] | Iterable[tuple[str, object]]


class ClientOptions(TypedDict, total=False):
    """The keywords of a test client's methods: see `quart.testing.utils.describe_request`."""

    path: str
    base_url: str | None
    subdomain: str | None
    url_scheme: str | None
    query_string: Fields | str | bytes | None
    headers: Headers | Fields | None
    data: object
    form: Fields | None
    files: Fields | None
    json: object
    scheme: str | None
    root_path: str
    http_version: str
    scope_base: Mapping[str, object] | None
    auth: Authorization | tuple[str, str] | None
    content_type: str | None
    mimetype: str | None
    content_length: int | None
    input_stream: IO[bytes] | None
    environ_base: Mapping[str, object] | None
    environ_overrides: Mapping[str, object] | None
    follow_redirects: bool
    buffered: bool


class TestClientProtocol(Protocol):
    """A client that calls the app without a server; extensions add their own methods to it."""

    app: Quart
    cookie_jar: CookieJar | None
    http_connection_class: type[TestHTTPConnectionProtocol]
    push_promises: list[tuple[str, Headers]]
    websocket_connection_class: type[TestWebsocketConnectionProtocol]

    def __init__(self, app: Quart, use_cookies: bool = True) -> None: ...

    async def open(self, *args: object, **kwargs: object) -> TestResponse: ...

    async def delete(self, *args: object, **kwargs: Unpack[ClientOptions]) -> TestResponse: ...

    async def get(self, *args: object, **kwargs: Unpack[ClientOptions]) -> TestResponse: ...

    async def head(self, *args: object, **kwargs: Unpack[ClientOptions]) -> TestResponse: ...

    async def options(self, *args: object, **kwargs: Unpack[ClientOptions]) -> TestResponse: ...

    async def patch(self, *args: object, **kwargs: Unpack[ClientOptions]) -> TestResponse: ...

    async def post(self, *args: object, **kwargs: Unpack[ClientOptions]) -> TestResponse: ...

    async def put(self, *args: object, **kwargs: Unpack[ClientOptions]) -> TestResponse: ...

    async def query(self, *args: object, **kwargs: Unpack[ClientOptions]) -> TestResponse: ...

    async def trace(self, *args: object, **kwargs: Unpack[ClientOptions]) -> TestResponse: ...

    def request(self, *args: object, **kwargs: object) -> TestHTTPConnectionProtocol: ...

    def websocket(self, *args: object, **kwargs: object) -> TestWebsocketConnectionProtocol: ...

    def set_cookie(self, *args: object, **kwargs: object) -> None: ...

    def delete_cookie(self, *args: object, **kwargs: object) -> None: ...

    def session_transaction(
        self, *args: object, **kwargs: object
    ) -> AbstractAsyncContextManager[SessionMixin]: ...

    async def __aenter__(self) -> TestClientProtocol: ...

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc_value: BaseException | None,
        tb: TracebackType | None,
    ) -> None: ...


class TestAppProtocol(Protocol):
    """An app in a test, whose lifespan runs for the length of a block."""

    def __init__(self, app: Quart) -> None: ...

    def test_client(self) -> TestClientProtocol: ...

    async def startup(self) -> None: ...

    async def shutdown(self) -> None: ...

    async def __aenter__(self) -> TestAppProtocol: ...

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc_value: BaseException | None,
        tb: TracebackType | None,
    ) -> None: ...
