"""Sessions: the interface that opens and saves them, and the default one, Flask's signed cookie."""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Any, cast

from flask.sessions import NullSession as FlaskNullSession
from flask.sessions import SecureCookieSession as FlaskSecureCookieSession
from flask.sessions import SessionMixin
from itsdangerous import (
    BadData,
    BadSignature,
    HMACAlgorithm,
    Signer,
    TimestampSigner,
    URLSafeTimedSerializer,
    base64_decode,
    base64_encode,
    want_bytes,
)
from werkzeug.exceptions import RequestHeaderFieldsTooLarge
from werkzeug.http import dump_cookie
from werkzeug.sansio.response import Response as SansIOResponse

from .json.provider import DefaultJSONProvider
from .json.tag import TaggedJSONSerializer

if TYPE_CHECKING:
    from hashlib import _Hash as Hash

    from .app import Quart
    from .typing import ResponseTypes
    from .wrappers import BaseRequestWebsocket

__all__ = (
    "NullSession",
    "SecureCookieSession",
    "SecureCookieSessionInterface",
    "SessionInterface",
    "SessionMixin",
    "session_json_serializer",
)


def _reading(method: Callable[..., object]) -> Any:
    """Return a method of dict that also records that the session was read."""

    def read(self: SecureCookieSession, *args: object) -> Any:
        self.accessed = True
        return method(self, *args)

    read.__name__ = method.__name__
    return read


def _note_change(session: SecureCookieSession) -> None:
    session.accessed = session.modified = True


class SecureCookieSession(FlaskSecureCookieSession):
    """A dictionary that records whether it was read (``accessed``) and changed (``modified``).

    It notices only changes of its own items. After changing something inside a value, set
    ``modified`` to True.
    """

    # What counts as reading must not depend on the installed Flask release, because a response that
    # may depend on the cookie has to say so in ``Vary``.
    accessed = False

    def __init__(self, initial: Mapping[str, object] | None = None) -> None:
        # PERF: Flask's own constructor defines a function for each session.
        super(FlaskSecureCookieSession, self).__init__(initial, _note_change)

    __contains__ = _reading(dict.__contains__)
    __eq__ = _reading(dict.__eq__)
    __getitem__ = _reading(dict.__getitem__)
    __iter__ = _reading(dict.__iter__)
    __len__ = _reading(dict.__len__)
    __ne__ = _reading(dict.__ne__)
    __or__ = _reading(dict.__or__)
    __repr__ = _reading(FlaskSecureCookieSession.__repr__)
    __reversed__ = _reading(dict.__reversed__)
    __ror__ = _reading(dict.__ror__)
    copy = _reading(dict.copy)
    items = _reading(dict.items)
    keys = _reading(dict.keys)
    values = _reading(dict.values)

    def get(self, key: str, default: object = None) -> Any:
        self.accessed = True
        return dict.get(self, key, default)

    def setdefault(self, key: str, default: object = None) -> Any:
        self.accessed = True
        return super().setdefault(key, default)


class NullSession(SecureCookieSession, FlaskNullSession):
    """Used if there is no secret key: it reads as empty, and any change raises RuntimeError."""

    def __ior__(self, other: Any) -> Any:  # type: ignore[misc]  # unlike `|`, it fails
        return self.update(other)  # raises an error, like every other change


class SessionInterface:
    """How sessions are opened and saved; assign one to ``app.session_interface``.

    Override ``open_session`` and ``save_session``, with plain or async methods. Requests of one
    client may run at the same time, so a store may have to guard itself.
    """

    #: The class of the session that is used if ``open_session`` returns None.
    null_session_class: type[NullSession] = NullSession
    #: Whether values are pickled. Extensions read it.
    pickle_based = False

    async def make_null_session(self, app: Quart) -> NullSession:
        """Make the session that is used if ``open_session`` returns None."""
        return self.null_session_class()

    def is_null_session(self, instance: object = None, *, obj: object = None) -> bool:
        """Whether an object (``obj`` in Flask) is a null session, which is never saved."""
        session = obj if instance is None else instance
        if type(session) is SecureCookieSession:
            return False  # PERF: `isinstance` with an abstract class takes 0.5 us
        return isinstance(session, self.null_session_class)

    def get_cookie_name(self, app: Quart) -> str:
        """The name of the cookie: SESSION_COOKIE_NAME."""
        name: str = app.config["SESSION_COOKIE_NAME"]
        return name

    def get_cookie_domain(self, app: Quart) -> str | None:
        """The domain of the cookie: SESSION_COOKIE_DOMAIN. None means the host that set it."""
        domain: str | None = app.config["SESSION_COOKIE_DOMAIN"]
        return domain

    def get_cookie_path(self, app: Quart) -> str:
        """The path of the cookie: SESSION_COOKIE_PATH, or APPLICATION_ROOT."""
        path: str = app.config["SESSION_COOKIE_PATH"] or app.config["APPLICATION_ROOT"]
        return path

    def get_cookie_httponly(self, app: Quart) -> bool:
        """Whether scripts are kept from reading the cookie: SESSION_COOKIE_HTTPONLY."""
        httponly: bool = app.config["SESSION_COOKIE_HTTPONLY"]
        return httponly

    def get_cookie_secure(self, app: Quart) -> bool:
        """Whether the cookie is sent only over TLS: SESSION_COOKIE_SECURE."""
        secure: bool = app.config["SESSION_COOKIE_SECURE"]
        return secure

    def get_cookie_samesite(self, app: Quart) -> str | None:
        """The cookie's SameSite, "Strict", "Lax", "None" or None: SESSION_COOKIE_SAMESITE."""
        samesite: str | None = app.config["SESSION_COOKIE_SAMESITE"]
        return samesite

    def get_cookie_partitioned(self, app: Quart) -> bool:
        """Whether each embedding site gets its own cookie: SESSION_COOKIE_PARTITIONED."""
        partitioned: bool = app.config["SESSION_COOKIE_PARTITIONED"]
        return partitioned

    def get_expiration_time(self, app: Quart, session: SessionMixin) -> datetime | None:
        """When the cookie expires: PERMANENT_SESSION_LIFETIME from now; None: with the browser."""
        if session.permanent:
            return datetime.now(UTC) + app.permanent_session_lifetime
        return None

    def should_set_cookie(self, app: Quart, session: SessionMixin) -> bool:
        """Whether the response has to set the cookie.

        It has to if the session was modified. For a permanent session it always has to, unless
        SESSION_REFRESH_EACH_REQUEST is false.
        """
        return session.modified or (
            session.permanent and bool(app.config["SESSION_REFRESH_EACH_REQUEST"])
        )

    async def open_session(self, app: Quart, request: BaseRequestWebsocket) -> SessionMixin | None:
        """Open the session of a request or websocket; return None if it cannot be opened."""
        raise NotImplementedError

    async def save_session(
        self, app: Quart, session: SessionMixin, response: ResponseTypes | None
    ) -> None:
        """Save a session before the response is sent.

        The response is None for a websocket that was accepted, where no cookie can be set.
        """
        raise NotImplementedError


class _SessionJSON(DefaultJSONProvider):
    """JSON in the order of the items, whatever JSON provider the application uses."""

    sort_keys = False

    def __init__(self) -> None: ...  # it belongs to no application


class _SessionSerializer(TaggedJSONSerializer):
    """Tagged JSON that does not depend on an application."""

    __slots__ = ()

    _dumps = staticmethod(_SessionJSON()._encode)
    _loads = staticmethod(_SessionJSON().loads)


session_json_serializer: TaggedJSONSerializer = _SessionSerializer()


def _lazy_sha1(string: bytes = b"") -> Hash:
    """SHA-1, looked up only when it is used, because a FIPS build may lack it."""
    return hashlib.sha1(string)


class _KeptHMAC(HMACAlgorithm):
    """The HMAC of itsdangerous, which keeps the hashes of padded keys (RFC 2104, section 4).

    PERF: `hmac.digest` takes three times as long. itsdangerous still compares the signatures.
    """

    def __init__(self, digest_method: Callable[..., object]) -> None:
        super().__init__(digest_method)
        self._kept: dict[bytes, tuple[Hash, Hash]] = {}

    def get_signature(self, key: bytes, value: bytes) -> bytes:
        kept = self._kept.get(key)
        if kept is None:
            kept = self._kept[key] = self._hashes_of(key)
        inner, outer = kept[0].copy(), kept[1].copy()
        inner.update(value)
        outer.update(inner.digest())
        signature: bytes = outer.digest()
        return signature

    def _hashes_of(self, key: bytes) -> tuple[Hash, Hash]:
        size = self.digest_method().block_size
        if len(key) > size:
            key = self.digest_method(key).digest()
        key = key.ljust(size, b"\0")
        inner, outer = (bytes(byte ^ pad for byte in key) for pad in (0x36, 0x5C))
        return self.digest_method(inner), self.digest_method(outer)


class _Signer(TimestampSigner):
    """The signer of itsdangerous. PERF: it derives each key once, not for each signature."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._derived: dict[str | bytes | None, bytes] = {}

    def derive_key(self, secret_key: str | bytes | None = None) -> bytes:
        derived = self._derived.get(secret_key)
        if derived is None:
            derived = self._derived[secret_key] = super().derive_key(secret_key)
        return derived


class _Serializer(URLSafeTimedSerializer):
    """The serializer of itsdangerous. It makes the parts that all cookies share only once."""

    default_signer = _Signer
    _signer: Signer | None = None

    def make_signer(self, salt: str | bytes | None = None) -> Signer:
        if salt is not None and salt != self.salt:
            return super().make_signer(salt)
        if self._signer is None:
            self._signer = super().make_signer(salt)
        return self._signer

    def dump_payload(self, obj: object) -> bytes:
        # PERF: zlib sets up 256 KiB, and then finds that most sessions are too short to compress.
        data = want_bytes(self.serializer.dumps(obj, **self.serializer_kwargs))
        if len(data) >= _SHORT or (_repeats(data) and _deflated_size(data) < len(data) - 1):
            compressed = zlib.compress(data)
            if len(compressed) < len(data) - 1:
                return b"." + base64_encode(compressed)
        return base64_encode(data)

    def loads(  # type: ignore[override]  # as in URLSafeTimedSerializer
        self,
        s: str | bytes,
        max_age: int | None = None,
        return_timestamp: bool = False,
        salt: str | bytes | None = None,
    ) -> Any:
        if return_timestamp or self.fallback_signers:
            return super().loads(s, max_age, return_timestamp, salt)
        # PERF: without the time of signing as a datetime, which nobody asked for.
        signer = cast(TimestampSigner, self.make_signer(salt))
        return self.load_payload(signer.unsign(s, max_age))


#: Below this many bytes, deflate with the least memory finds all that it finds with the most.
_SHORT = 128


def _repeats(data: bytes) -> bool:
    """Whether short data may become shorter: each different byte in it takes at least one byte.

    The header, the end of the block and the checksum take eight more (RFC 1950 and 1951). Shorter
    codes have to be described, which takes more than they save.
    """
    return len(data) - len(set(data)) > 9


def _deflated_size(data: bytes) -> int:
    """The size of ``zlib.compress(data)`` for short data."""
    deflate = zlib.compressobj(wbits=9, memLevel=1)
    return len(deflate.compress(data)) + len(deflate.flush())


class SecureCookieSessionInterface(SessionInterface):
    """Keeps the session in a signed cookie. Quart and Flask can read each other's.

    Clients can read it but not change it. SECRET_KEY signs it. Signatures by one of
    SECRET_KEY_FALLBACKS, the oldest key first, are still accepted.
    """

    #: Combined with the secret key to sign sessions.
    salt = "cookie-session"
    digest_method = staticmethod(_lazy_sha1)
    #: How itsdangerous derives a key from the secret key and the salt.
    key_derivation = "hmac"
    #: Turns the session's dictionary into text and back.
    serializer = session_json_serializer
    session_class: type[SecureCookieSession] = SecureCookieSession

    def get_signing_serializer(self, app: Quart) -> URLSafeTimedSerializer | None:
        """Return the serializer that signs the sessions of an app; None without a secret key."""
        secret_key = app.secret_key
        if not secret_key:
            return None
        # The current key comes last, as itsdangerous expects.
        keys = [*(app.config["SECRET_KEY_FALLBACKS"] or ()), secret_key]
        made_of = (keys, self.salt, self.serializer, self.key_derivation, self.digest_method)
        # PERF: it is made once for an app and its keys, not for each session; new keys replace it.
        kept = getattr(app, "_session_serializer", None)
        if kept is None or kept[0] != made_of:
            serializer = _Serializer(
                keys,
                salt=self.salt,
                serializer=self.serializer,
                signer_kwargs={
                    "key_derivation": self.key_derivation,
                    "digest_method": self.digest_method,
                    "algorithm": _KeptHMAC(self.digest_method),
                },
            )
            kept = app._session_serializer = made_of, serializer
        return kept[1]

    def load_session(self, app: Quart, request: BaseRequestWebsocket) -> SecureCookieSession | None:
        """Return the session in the cookie, or a new one if that is missing, forged or too old.

        Returns None if the app has no secret key.
        """
        serializer = self.get_signing_serializer(app)
        if serializer is None:
            return None
        cookie = request._cookie(self.get_cookie_name(app))
        if not cookie:
            return self.session_class()
        max_age = int(app.permanent_session_lifetime.total_seconds())
        try:
            return self.session_class(serializer.loads(cookie, max_age=max_age))
        except BadSignature:
            return self.session_class()

    async def open_session(
        self, app: Quart, request: BaseRequestWebsocket
    ) -> SecureCookieSession | None:
        """Return the session in the cookie, like ``load_session``."""
        return self.load_session(app, request)

    def needs_refresh(self, app: Quart, request: BaseRequestWebsocket) -> bool:
        """Whether an untouched session may have to be saved, because a permanent one is renewed."""
        asks_itself = type(self).should_set_cookie is not SessionInterface.should_set_cookie
        if not (asks_itself or app.config["SESSION_REFRESH_EACH_REQUEST"]):
            return False
        # PERF: only a permanent session has to be opened.
        try:
            cookie = request._cookie(self.get_cookie_name(app))
        except RequestHeaderFieldsTooLarge:
            return False  # the view answers with this error if it reads the cookies
        return cookie is not None and (
            asks_itself
            or self.serializer is not session_json_serializer
            or self.session_class is not SecureCookieSession
            or _may_be_permanent(cookie)
        )

    async def save_session(
        self, app: Quart, session: SessionMixin, response: ResponseTypes | None
    ) -> None:
        """Set the cookie if the session was modified or is renewed; delete it if it was emptied.

        If the session was read, ``Vary: Cookie`` says that the response depends on it.
        """
        if response is None:
            if session.modified:
                app.logger.error(
                    "A session was modified in a websocket after it was accepted, where no cookie"
                    " can be set: the changes are lost."
                )
            return

        depends = session.accessed  # before this method reads it
        has_items = bool(session)
        if self.should_set_cookie(app, session) if has_items else session.modified:
            depends = True
            name = self.get_cookie_name(app)
            settings = (
                self.get_cookie_path(app),
                self.get_cookie_domain(app),
                self.get_cookie_secure(app),
                self.get_cookie_httponly(app),
                self.get_cookie_samesite(app),
                self.get_cookie_partitioned(app),
            )
            if has_items:
                serializer = self.get_signing_serializer(app)
                assert serializer is not None  # or the session would be a null session
                value = serializer.dumps(_items_of(session))
                _set_cookie(response, name, value, self.get_expiration_time(app, session), settings)
            else:
                response.delete_cookie(name, **_named(settings))
        if depends:
            _vary_on_cookie(response)


def _may_be_permanent(cookie: str) -> bool:
    """Whether a cookie may hold a permanent session. Its signature is not checked yet."""
    payload = cookie.partition(".")[0]
    try:
        return not payload or b'"_permanent"' in base64_decode(payload)  # empty: it is compressed
    except BadData:
        return True


def _items_of(session: SessionMixin) -> dict[str, object]:
    # PERF: `dict()` would call the recording methods for each key.
    return dict(dict.items(session) if type(session) is SecureCookieSession else session)


#: Path, domain, secure, httponly, samesite and partitioned of a cookie.
_Settings = tuple[str, str | None, bool, bool, str | None, bool]


def _named(settings: _Settings) -> dict[str, Any]:
    names = ("path", "domain", "secure", "httponly", "samesite", "partitioned")
    return dict(zip(names, settings, strict=True))


def _set_cookie(
    response: ResponseTypes,
    name: str,
    value: str,
    expires: datetime | None,
    settings: _Settings,
) -> None:
    """Set a cookie whose value needs no quotes.

    PERF: this repeats `response.set_cookie`. It is safe if a class has not overridden that.
    """
    if type(expires) is datetime:
        expires = expires.replace(microsecond=0)  # as it is sent, and so found again
    before, after = _cookie_without_value(name, expires, settings)
    line = before + value + after
    limit = response.max_cookie_size
    if (limit and len(line) > limit) or type(response).set_cookie is not SansIOResponse.set_cookie:
        # This warns of a cookie that is too large.
        response.set_cookie(name, value, expires=expires, **_named(settings))
    else:
        response.headers.add("Set-Cookie", line)


@lru_cache(maxsize=64)
def _cookie_without_value(
    name: str, expires: datetime | None, settings: _Settings
) -> tuple[str, str]:
    """The text before and after the value of such a cookie."""
    line = dump_cookie(name, expires=expires, max_size=0, **_named(settings))
    end = len(name.encode()) + 1
    return line[:end], line[end:]


def _vary_on_cookie(response: ResponseTypes) -> None:
    # PERF: ``response.vary`` parses and formats a set, for a header that is usually missing.
    headers = response.headers
    if "Vary" in headers:
        response.vary.add("Cookie")
    else:
        headers["Vary"] = "Cookie"
