"""Sessions: cookies as Flask's, what counts as read, rotation, and other interfaces."""

import ast
import asyncio
import gc
import hashlib
import logging
import weakref
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from importlib.metadata import version
from typing import Any
from uuid import UUID

import flask
import flask.sessions
import pytest
from asgi import Rejected, Response, connect, get
from hypothesis import given, settings
from hypothesis import strategies as st
from itsdangerous import BadData, TimestampSigner, URLSafeTimedSerializer
from markupsafe import Markup
from werkzeug.http import parse_cookie

from quart import Quart, abort, request, session, websocket
from quart import Response as QuartResponse
from quart.json.provider import DefaultJSONProvider
from quart.json.tag import JSONTag, TaggedJSONSerializer
from quart.sessions import (
    NullSession,
    SecureCookieSession,
    SecureCookieSessionInterface,
    SessionInterface,
    SessionMixin,
)

KEY = "a secret key"


def make_app(view: Callable[[], Any], **config: Any) -> Quart:
    app = Quart(__name__)
    app.config.update(SECRET_KEY=KEY, **config)

    @app.get("/")
    async def index() -> str:
        return str(view())

    return app


def make_flask_app(view: Callable[[], Any], **config: Any) -> flask.Flask:
    app = flask.Flask(__name__)
    app.config.update(SECRET_KEY=KEY, **config)
    app.json.sort_keys = False  # type: ignore[attr-defined]  # which sorts the items of sessions

    @app.get("/")
    def index() -> str:
        return str(view())

    return app


async def ask(app: Quart, cookie: str | None = None) -> Response:
    return await get(app, headers={"cookie": f"session={cookie}"} if cookie else {})


def cookie_of(response: Any) -> str:
    return parse_cookie(response.headers["Set-Cookie"])["session"]


def sign(value: dict[str, Any], key: str | list[str] = KEY) -> str:
    """A cookie as Flask would set it."""
    app = flask.Flask(__name__)
    app.config["SECRET_KEY"] = key
    app.json.sort_keys = False  # type: ignore[attr-defined]  # as above
    with app.app_context():
        serializer = flask.sessions.SecureCookieSessionInterface().get_signing_serializer(app)
        assert serializer is not None
        return str(serializer.dumps(value))


@pytest.fixture
def stopped_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """Signatures carry the time: the same one on both sides."""
    now = TimestampSigner("").get_timestamp()
    monkeypatch.setattr(TimestampSigner, "get_timestamp", lambda self: now)


# The same as Flask's

SETTINGS: list[Any] = [
    {},
    {"SESSION_COOKIE_NAME": "other"},
    {"SESSION_COOKIE_DOMAIN": "example.com", "SESSION_COOKIE_PATH": "/there"},
    {"SESSION_COOKIE_SECURE": True, "SESSION_COOKIE_HTTPONLY": False},
    {"SESSION_COOKIE_SAMESITE": "Lax"},
    {"SESSION_COOKIE_PARTITIONED": True, "SESSION_COOKIE_SECURE": True},
    {"APPLICATION_ROOT": "/root"},
    pytest.param(
        {"SECRET_KEY_FALLBACKS": ["old", "older"]},
        marks=pytest.mark.skipif(
            version("flask") == "3.1.0", reason="Flask 3.1.0 signs with a key of the fallbacks"
        ),
    ),
]


@pytest.mark.parametrize("config", SETTINGS)
@pytest.mark.usefixtures("stopped_clock")
async def test_the_cookie_is_set_as_flask_sets_it(config: dict[str, Any]) -> None:
    """Value, attributes and ``Vary`` are the same, byte for byte."""

    def flask_view() -> None:
        flask.session.update(b=1, a=[1, (2, 3)], c="ü" * 100)

    def view() -> None:
        session.update(b=1, a=[1, (2, 3)], c="ü" * 100)

    theirs = make_flask_app(flask_view, **config).test_client().get("/")
    ours = await ask(make_app(view, **config))

    assert theirs.headers.getlist("Set-Cookie") == ours.headers.getlist("Set-Cookie")
    assert theirs.headers.getlist("Vary") == ours.headers.getlist("Vary")


@pytest.mark.parametrize("config", SETTINGS)
async def test_the_cookie_is_deleted_as_flask_deletes_it(config: dict[str, Any]) -> None:
    """A session that was emptied goes, with the attributes it was set with."""
    name = config.get("SESSION_COOKIE_NAME", "session")
    cookie = f"{name}={sign({'a': 1})}"
    flask_app = make_flask_app(lambda: flask.session.clear(), **config)
    theirs = flask_app.test_client(use_cookies=False).get("/", headers={"cookie": cookie})
    ours = await get(make_app(lambda: session.clear(), **config), headers={"cookie": cookie})

    assert theirs.headers.getlist("Set-Cookie") == ours.headers.getlist("Set-Cookie")
    assert theirs.headers.getlist("Vary") == ours.headers.getlist("Vary")


text = st.text(max_size=8)
moments = st.datetimes(min_value=datetime(1971, 1, 1), timezones=st.just(UTC))
values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | text
    | st.binary(max_size=8)
    | st.uuids()
    | moments
    | text.map(Markup),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.lists(inner, max_size=3).map(tuple)
        | st.dictionaries(text | st.sampled_from([" t", " d", " b"]), inner, max_size=3)
    ),
    max_leaves=10,
)


@settings(max_examples=50)
@given(st.dictionaries(text, values, min_size=1, max_size=4))
@pytest.mark.usefixtures("stopped_clock")
async def test_every_value_is_stored_as_flask_stores_it(value: dict[str, Any]) -> None:
    """And what was stored is read as Flask reads it."""
    ours = await ask(make_app(lambda: session.update(value)))
    cookie = cookie_of(ours)

    assert sign(value) == cookie

    read: list[Any] = []
    await ask(make_app(lambda: read.append(dict(session))), cookie)
    flask_app = make_flask_app(lambda: read.append(dict(flask.session)))
    flask_app.test_client(use_cookies=False).get("/", headers={"cookie": f"session={cookie}"})

    assert read[1] == read[0]


@given(
    st.text("ab", max_size=140)
    | st.text("0123456789", max_size=140)
    | st.text(st.characters(min_codepoint=48, max_codepoint=126), max_size=120)
    | st.text(max_size=60)
    | st.lists(text, max_size=3).map(lambda parts: "".join(parts) * 3)
)
@pytest.mark.usefixtures("stopped_clock")
def test_a_value_is_compressed_when_flask_compresses_it(value: str) -> None:
    """The shortcuts that are taken for speed do not show."""
    app = Quart(__name__)
    app.secret_key = KEY
    ours = SecureCookieSessionInterface().get_signing_serializer(app)
    theirs = URLSafeTimedSerializer(
        KEY,
        salt="cookie-session",
        serializer=flask.sessions.session_json_serializer,
        signer_kwargs={"key_derivation": "hmac", "digest_method": hashlib.sha1},
    )
    assert ours is not None
    cookie = ours.dumps({"v": value})

    assert theirs.dumps({"v": value}) == cookie
    assert {"v": value} == ours.loads(cookie, max_age=60) == theirs.loads(cookie)
    assert theirs.dumps({"v": value}, salt="x") == ours.dumps({"v": value}, salt="x")


@given(
    keys=st.lists(st.text(min_size=1, max_size=80), min_size=1, max_size=3, unique=True),
    salt=st.text(max_size=80),
    derivation=st.sampled_from(["concat", "django-concat", "hmac", "none"]),
    digest=st.sampled_from([hashlib.md5, hashlib.sha1, hashlib.sha256, hashlib.sha512]),
    value=st.dictionaries(st.text(max_size=5), st.text(max_size=90), max_size=3),
    age=st.integers(-5, 70),
    mangle=st.one_of(st.none(), st.tuples(st.integers(0, 200), st.binary(max_size=2))),
)
@pytest.mark.usefixtures("stopped_clock")
def test_itsdangerous_signs_and_reads_the_same(
    keys: list[str],
    salt: str,
    derivation: str,
    digest: Any,
    value: dict[str, str],
    age: int,
    mangle: tuple[int, bytes] | None,
) -> None:
    """Byte for byte, for any keys and settings; what is old or forged is the same error."""
    app = Quart(__name__)
    app.config.update(SECRET_KEY=keys[0], SECRET_KEY_FALLBACKS=keys[1:])
    interface = SecureCookieSessionInterface()
    interface.salt, interface.key_derivation, interface.digest_method = salt, derivation, digest
    ours = interface.get_signing_serializer(app)
    assert ours is not None
    theirs = URLSafeTimedSerializer(
        [*keys[1:], keys[0]],
        salt=salt,
        serializer=flask.sessions.session_json_serializer,
        signer_kwargs={"key_derivation": derivation, "digest_method": digest},
    )
    cookie = theirs.dumps(value)

    assert cookie == ours.dumps(value)
    if mangle is not None:
        place, data = mangle
        mangled = cookie.encode()[:place] + data + cookie.encode()[place + len(data) :]
        cookie = mangled.decode("latin-1")
    for options in ({}, {"max_age": age}, {"max_age": age, "return_timestamp": True}):
        assert outcome(theirs, cookie, options) == outcome(ours, cookie, options)


def outcome(serializer: URLSafeTimedSerializer, cookie: str, options: dict[str, Any]) -> Any:
    try:
        return serializer.loads(cookie, **options)
    except BadData as error:
        return type(error), str(error)


@given(
    st.lists(
        st.sampled_from(
            [
                "session=SIGNED",
                'session="SIGNED"',
                "session=x",
                "session",
                "=SIGNED",
                "",
                "ü=1",
                "xsession=SIGNED",
                "session =SIGNED",
                "Session=SIGNED",
                "a=session=SIGNED",
                "\t",
            ]
        ),
        max_size=4,
    ),
    st.sampled_from(["; ", ";", " ; ", ";  "]),
    st.booleans(),
)
async def test_the_cookie_is_the_one_that_request_cookies_has(
    words: list[str], separator: str, in_two_lines: bool
) -> None:
    """However the client writes its cookies, and whether they are parsed before or not."""
    signed = sign({"a": 1})
    lines = [[word.replace("SIGNED", signed)] for word in words]
    if not in_two_lines:
        lines = [[each for line in lines for each in line]]
    headers = [("cookie", separator.join(line).encode("latin-1")) for line in lines if line]
    first = await get(
        make_app(lambda: (dict(session), request.cookies.get("session"))), headers=headers
    )
    then = await get(
        make_app(lambda: (request.cookies.get("session"), dict(session))), headers=headers
    )
    found, cookie = ast.literal_eval(first.text)

    assert ({"a": 1} if cookie == signed else {}) == found
    assert (cookie, found) == ast.literal_eval(then.text)


async def test_cookies_that_are_too_long_are_refused_for_a_session_too() -> None:
    """As for `request.cookies`, whose parser would hold up the event loop."""
    for view in (lambda: dict(session), lambda: dict(request.cookies)):
        response = await get(make_app(view), headers={"cookie": "a=" + 40_000 * "x"})
        assert 431 == response.status


async def test_flask_reads_ours() -> None:
    response = await ask(make_app(lambda: session.update(user=7)))
    app = make_flask_app(lambda: flask.session["user"])
    theirs = app.test_client(use_cookies=False).get(
        "/", headers={"cookie": f"session={cookie_of(response)}"}
    )

    assert "7" == theirs.text


async def test_we_read_flasks() -> None:
    theirs = make_flask_app(lambda: flask.session.update(user=7)).test_client().get("/")
    ours = await ask(make_app(lambda: session["user"]), cookie_of(theirs))

    assert "7" == ours.text


async def test_sessions_do_not_depend_on_the_json_of_answers() -> None:
    """Items keep their order, and keys may be of several types."""

    class Wrapping(DefaultJSONProvider):
        def dumps(self, obj: Any, **kwargs: Any) -> str:
            return super().dumps({"data": obj}, **kwargs)

        def loads(self, s: str | bytes, **kwargs: Any) -> Any:
            return super().loads(s, **kwargs)["data"]

    value = {"cart": {"pear": 1, "apple": (Decimal("1.5"), date(2026, 1, 2))}, "a": {None: 1, 7: 2}}
    expected = {
        "cart": {"pear": 1, "apple": ("1.5", "Fri, 02 Jan 2026 00:00:00 GMT")},
        "a": {"null": 1, "7": 2},
    }
    app = make_app(lambda: session.update(value))
    app.json = Wrapping(app)
    cookie = cookie_of(await ask(app))

    for app in make_app(lambda: dict(session)), make_flask_app(lambda: dict(flask.session)):
        client = app.test_client()
        client.set_cookie("session", cookie)
        response = client.get("/")
        answer = (await response if isinstance(app, Quart) else response).text
        assert str(expected) == answer


def test_the_classes_are_flasks() -> None:
    """Extensions test for them."""
    assert isinstance(SecureCookieSession(), flask.sessions.SecureCookieSession)
    assert isinstance(NullSession(), flask.sessions.NullSession)
    assert isinstance(SecureCookieSession(), SessionMixin)
    assert isinstance(NullSession(), SecureCookieSession)
    assert SessionMixin is flask.sessions.SessionMixin


# Vary

READS: dict[str, Callable[[], Any]] = {
    "get": lambda: session.get("a"),
    "item": lambda: session["a"],
    "in": lambda: "a" in session,
    "not in": lambda: "b" not in session,
    "len": lambda: len(session),
    "bool": lambda: bool(session),
    "iter": lambda: list(session),
    "reversed": lambda: list(reversed(session)),  # type: ignore[call-overload]
    "keys": lambda: list(session.keys()),
    "values": lambda: list(session.values()),
    "items": lambda: list(session.items()),
    "equal": lambda: session == {},
    "unequal": lambda: session != {},
    "dict": lambda: dict(session),
    "spread": lambda: {**session},
    "or": lambda: session | {},  # type: ignore[operator]
    "ror": lambda: {} | session,  # type: ignore[operator]
    "copy": lambda: session.copy(),  # type: ignore[attr-defined]
    "repr": lambda: repr(session),
    "str": lambda: f"{session}",
    "permanent": lambda: session.permanent,
    "pop nothing": lambda: session.pop("b", None),
    "setdefault": lambda: session.setdefault("a", 1),
    "list of values": lambda: [*session.values()],
    "update from it": lambda: {}.update(session),  # type: ignore[func-returns-value]
}


@pytest.mark.parametrize("name", READS)
async def test_a_session_that_was_read_varies(name: str) -> None:
    """Whichever way it was read, the response says so, and does not set the cookie again."""
    response = await ask(make_app(READS[name]), sign({"a": 1}))

    assert "Cookie" == response.headers["Vary"]
    assert "Set-Cookie" not in response.headers


async def test_an_untouched_session_does_not_vary() -> None:
    response = await ask(make_app(lambda: "untouched"), sign({"a": 1}))

    assert "Vary" not in response.headers
    assert "Set-Cookie" not in response.headers


async def test_vary_is_added_to_what_is_there() -> None:
    app = make_app(lambda: session.get("a"))

    @app.after_request
    async def vary(response: Any) -> Any:
        response.vary.add("Accept-Language")
        return response

    assert "Accept-Language, Cookie" == (await ask(app)).headers["Vary"]


async def test_vary_names_the_cookie_once() -> None:
    app = make_app(lambda: session.update(a=1))

    @app.after_request
    async def vary(response: Any) -> Any:
        response.headers["Vary"] = "cookie"
        return response

    assert "cookie" == (await ask(app)).headers["Vary"].lower()


# Keys


async def test_a_fallback_key_is_still_accepted() -> None:
    """The cookie is read, and set anew it is signed with the key in use."""
    app = make_app(lambda: session.update(b=2), SECRET_KEY_FALLBACKS=["oldest", "old"])
    for key in ("oldest", "old", KEY):
        response = await ask(app, sign({"a": 1}, key))
        assert sign({"a": 1, "b": 2})[:20] == cookie_of(response)[:20]
        serializer = SecureCookieSessionInterface().get_signing_serializer(make_app(lambda: None))
        assert serializer is not None
        assert {"a": 1, "b": 2} == serializer.loads(cookie_of(response))


async def test_a_key_can_change_and_be_retired_at_any_time() -> None:
    app = make_app(lambda: dict(session))
    cookie = sign({"a": 1})

    assert "{'a': 1}" == (await ask(app, cookie)).text
    app.config.update(SECRET_KEY="next", SECRET_KEY_FALLBACKS=[KEY])
    assert "{'a': 1}" == (await ask(app, cookie)).text
    app.config["SECRET_KEY_FALLBACKS"].clear()
    assert "{}" == (await ask(app, cookie)).text
    assert "{'b': 2}" == (await ask(app, sign({"b": 2}, "next"))).text


async def test_two_apps_keep_their_keys_apart() -> None:
    """Although they share the interface."""
    one, two = make_app(lambda: dict(session)), make_app(lambda: dict(session))
    two.secret_key = "two"
    assert one.session_interface is two.session_interface
    for _ in range(2):
        assert "{'a': 1}" == (await ask(one, sign({"a": 1}))).text
        assert "{}" == (await ask(two, sign({"a": 1}))).text


def test_a_serializer_is_made_once() -> None:
    """And anew when what it is made of changes; it does not keep the app alive."""
    app = Quart(__name__)
    app.secret_key = KEY
    interface = SecureCookieSessionInterface()
    first = interface.get_signing_serializer(app)

    assert isinstance(first, URLSafeTimedSerializer)
    assert first is interface.get_signing_serializer(app)
    interface.salt = "another"
    assert first is not interface.get_signing_serializer(app)

    reference = weakref.ref(app)
    del app
    gc.collect()
    assert reference() is None


@pytest.mark.parametrize(
    "cookie",
    [
        "",
        "nonsense",
        "a.b.c",
        ".a.b.c",
        pytest.param(sign({"a": 1}, "another key"), id="another-key"),
        pytest.param(sign({"a": 1})[:-1], id="too-short"),
        pytest.param(sign({"a": 1}) + "x", id="too-long"),
        "%00%ff",
        "ü.ü.ü",
    ],
    ids=range(9),  # signatures have the time in them
)
async def test_a_forged_cookie_is_no_session(cookie: str) -> None:
    response = await get(
        make_app(lambda: dict(session)), headers={"cookie": f"session={cookie}".encode()}
    )

    assert (200, "{}") == (response.status, response.text)


async def test_an_old_cookie_is_no_session(monkeypatch: pytest.MonkeyPatch) -> None:
    now = TimestampSigner("").get_timestamp()
    app = make_app(lambda: dict(session), PERMANENT_SESSION_LIFETIME=timedelta(minutes=1))
    cookie = sign({"a": 1})
    for seconds, expected in ((59, "{'a': 1}"), (62, "{}")):
        monkeypatch.setattr(TimestampSigner, "get_timestamp", lambda self, s=seconds: now + s)
        assert expected == (await ask(app, cookie)).text


async def test_without_a_key_a_session_can_be_read_but_not_changed() -> None:
    """The error says what is missing."""
    errors = []

    def view() -> str:
        for change in (
            lambda: session.update(a=1),
            lambda: session.__setitem__("a", 1),
            lambda: session.__ior__({"a": 1}),  # type: ignore[attr-defined]
            lambda: session.pop("a", None),
        ):
            try:
                change()
            except RuntimeError as error:
                errors.append("secret key" in str(error))
        return f"{len(session)} {session.get('a')}"

    app = make_app(view)
    app.secret_key = None
    response = await ask(app, sign({"a": 1}))

    assert (200, "0 None") == (response.status, response.text)
    assert [True] * 4 == errors
    assert "Vary" not in response.headers


# Permanent sessions


async def test_a_permanent_session_lives_on() -> None:
    """Its cookie is set again with each response, untouched or not, until told otherwise."""
    app = make_app(lambda: "untouched")
    cookie = sign({"_permanent": True, "a": 1})
    response = await ask(app, cookie)
    expires = response.headers["Set-Cookie"].partition("Expires=")[2].partition(";")[0]
    ends = datetime.strptime(expires, "%a, %d %b %Y %H:%M:%S GMT").replace(tzinfo=UTC)

    assert timedelta(days=30, hours=23) < ends - datetime.now(UTC) <= timedelta(days=31)
    assert "Cookie" == response.headers["Vary"]
    app.config["SESSION_REFRESH_EACH_REQUEST"] = False
    response = await ask(app, cookie)
    assert "Set-Cookie" not in response.headers
    assert "Vary" not in response.headers


async def test_a_response_class_may_set_cookies_its_own_way() -> None:
    """The session's cookie goes through an overridden `set_cookie`."""

    class Marked(QuartResponse):
        def set_cookie(self, key: str, *args: Any, **kwargs: Any) -> None:
            super().set_cookie(key, *args, **kwargs)
            self.headers["X-Cookie"] = key

    app = make_app(lambda: session.update(a=1))
    app.response_class = Marked

    assert "session" == (await ask(app)).headers["X-Cookie"]


async def test_a_forged_permanent_session_does_not_live_on() -> None:
    response = await ask(make_app(lambda: ""), sign({"_permanent": True}, "another key"))

    assert "Set-Cookie" not in response.headers


async def test_a_large_permanent_session_lives_on() -> None:
    """Although it is compressed in the cookie."""
    response = await ask(make_app(lambda: ""), sign({"_permanent": True, "a": "a" * 1000}))

    assert "Set-Cookie" in response.headers


async def test_a_session_class_of_ones_own_says_what_is_permanent() -> None:
    class Permanent(SecureCookieSession):
        permanent = True

    class Interface(SecureCookieSessionInterface):
        session_class = Permanent

    app = make_app(lambda: "untouched")
    app.session_interface = Interface()

    assert "Expires=" in (await ask(app, sign({"a": 1}))).headers["Set-Cookie"]


async def test_permanent_can_be_set() -> None:
    def view() -> None:
        session.permanent = True

    response = await ask(make_app(view))

    assert "Expires=" in response.headers["Set-Cookie"]


# Bad settings


async def test_a_wrong_samesite_is_named(caplog: pytest.LogCaptureFixture) -> None:
    app = make_app(lambda: session.update(a=1), SESSION_COOKIE_SAMESITE="Sometimes")

    assert 500 == (await ask(app)).status
    assert "SameSite must be" in caplog.text


async def test_a_cookie_that_is_too_large_warns() -> None:
    with pytest.warns(UserWarning, match="'session' cookie is too large"):
        await ask(make_app(lambda: session.update(a=list(range(5000)))))


# Websockets


async def test_a_websocket_reads_the_session() -> None:
    app = make_app(lambda: "")

    @app.websocket("/ws")
    async def ws() -> None:
        await websocket.send(str(session["a"]))

    async with connect(app, "/ws", headers={"cookie": f"session={sign({'a': 1})}"}) as client:
        assert "1" == await client.receive()


async def test_a_denial_sets_the_cookie() -> None:
    """Until the websocket is accepted there is a response to set it on."""
    app = make_app(lambda: "")

    @app.websocket("/ws")
    async def ws() -> None:
        session["denied"] = True
        abort(403)

    with pytest.raises(Rejected) as caught:
        async with connect(app, "/ws", extensions=["websocket.http.response"]):
            pass

    assert sign({"denied": True})[:20] == cookie_of(caught.value.response)[:20]


async def test_a_change_after_accept_is_lost_and_logged(
    caplog: pytest.LogCaptureFixture,
) -> None:
    app = make_app(lambda: "")

    @app.websocket("/ws")
    async def ws() -> None:
        await websocket.accept()
        session["late"] = True

    with caplog.at_level(logging.ERROR):
        async with connect(app, "/ws") as client:
            await client.closed()

    assert ["lost" in record.message for record in caplog.records] == [True]


# Interfaces of others


class Store(SessionInterface):
    """Sessions in memory, by a cookie that holds their number; async as Quart has it."""

    def __init__(self) -> None:
        self.sessions: dict[str, dict[str, Any]] = {}
        self.opened: list[str] = []

    async def open_session(self, app: Quart, request: Any) -> SecureCookieSession:
        await asyncio.sleep(0)
        self.opened.append(type(request).__name__)
        number = request.cookies.get(self.get_cookie_name(app))
        return SecureCookieSession(self.sessions.get(number))

    async def save_session(self, app: Quart, session: Any, response: Any) -> None:
        await asyncio.sleep(0)
        self.sessions["1"] = dict(session)
        if response is not None:
            response.set_cookie(self.get_cookie_name(app), "1")


class SyncStore(Store):
    """The same with plain methods, as Flask has them."""

    def open_session(self, app: Quart, request: Any) -> SecureCookieSession:  # type: ignore[override]
        self.opened.append(type(request).__name__)
        number = request.cookies.get(self.get_cookie_name(app))
        return SecureCookieSession(self.sessions.get(number))

    def save_session(self, app: Quart, session: Any, response: Any) -> None:  # type: ignore[override]
        self.sessions["1"] = dict(session)
        if response is not None:
            response.set_cookie(self.get_cookie_name(app), "1")


@pytest.mark.parametrize("store_class", [Store, SyncStore])
async def test_another_interface(store_class: type[Store]) -> None:
    """It is asked for each request and each websocket, whether its methods are sync or async."""
    store = store_class()
    app = make_app(lambda: session.setdefault("count", 0))
    app.session_interface = store

    @app.websocket("/ws")
    async def ws() -> None:
        session["count"] += 1
        await websocket.send(str(session["count"]))

    assert "1" == cookie_of(await ask(app))
    async with connect(app, "/ws", headers={"cookie": "session=1"}) as client:
        assert "1" == await client.receive()
        await client.closed()

    assert {"1": {"count": 1}} == store.sessions
    assert ["Request", "Websocket"] == store.opened


async def test_an_interface_without_a_session_gives_a_null_session() -> None:
    class Nothing(SessionInterface):
        async def open_session(self, app: Quart, request: Any) -> None:
            return None

        async def save_session(self, app: Quart, session: Any, response: Any) -> None:
            raise AssertionError("a null session is not saved")

    app = make_app(lambda: type(session._get_current_object()).__name__)  # type: ignore[attr-defined]
    app.session_interface = Nothing()

    assert "NullSession" == (await ask(app)).text


@pytest.mark.parametrize("store_class", [Store, SyncStore])
async def test_a_cookie_that_an_interface_cannot_read_is_answered(
    store_class: type[Store], caplog: pytest.LogCaptureFixture
) -> None:
    """The hooks see a null session, the view is not called, and what was stored stays."""
    store = store_class()
    app = make_app(lambda: "view")
    app.session_interface = store
    seen: list[str] = []

    @app.before_request
    async def before() -> None:
        seen.append(type(session._get_current_object()).__name__)  # type: ignore[attr-defined]

    @app.errorhandler(431)
    async def too_large(error: Exception) -> Any:
        return "too large", 431

    response = await get(app, headers={"cookie": "a=b;" * 10_000})

    assert (431, "too large") == (response.status, response.text)
    assert ["NullSession"] == seen
    assert {} == store.sessions
    assert "" == caplog.text


async def test_is_null_session_takes_both_names() -> None:
    interface = SessionInterface()
    null = await interface.make_null_session(Quart(__name__))

    assert interface.is_null_session(null)
    assert interface.is_null_session(instance=null)
    assert interface.is_null_session(obj=null)
    assert not interface.is_null_session(SecureCookieSession())
    assert not interface.is_null_session(None)


async def test_an_interface_has_to_open_and_save() -> None:
    interface: Any = SessionInterface()
    with pytest.raises(NotImplementedError):
        await interface.open_session(None, None)
    with pytest.raises(NotImplementedError):
        await interface.save_session(None, None, None)


async def test_another_signature() -> None:
    """What a subclass says of salt, digest and serializer holds, and so does its own serializer."""

    class Stronger(SecureCookieSessionInterface):
        salt = "pepper"
        digest_method = staticmethod(hashlib.sha256)

    class Own(SecureCookieSessionInterface):
        def get_signing_serializer(self, app: Quart) -> URLSafeTimedSerializer:
            return URLSafeTimedSerializer("own", salt="own")

    for interface, serializer in (
        (
            Stronger(),
            URLSafeTimedSerializer(
                KEY,
                salt="pepper",
                signer_kwargs={"key_derivation": "hmac", "digest_method": hashlib.sha256},
            ),
        ),
        (Own(), URLSafeTimedSerializer("own", salt="own")),
    ):
        app = make_app(lambda: session.update(a=1))
        app.session_interface = interface
        cookie = cookie_of(await ask(app))
        assert {"a": 1} == serializer.loads(cookie)


async def test_a_tag_of_ones_own() -> None:
    """It is asked even for values that the standard tags leave alone."""

    class Hex(JSONTag):
        key = " x"

        def check(self, value: Any) -> bool:
            return type(value) is int

        def to_json(self, value: Any) -> str:
            return hex(value)

        def to_python(self, value: str) -> int:
            return int(value, 16)

    serializer = TaggedJSONSerializer()
    serializer.register(Hex, index=0)

    assert '{"n":{" x":"0xff"}}' == serializer.dumps({"n": 255})
    assert {"n": 255} == serializer.loads(serializer.dumps({"n": 255}))
    with pytest.raises(KeyError):
        serializer.register(Hex)


@pytest.mark.parametrize("value", [{"a": 1}, {"a": (1, b"2")}])
def test_tagged_json_may_be_bytes(value: Any) -> None:
    """As a store of sessions gives them."""
    serializer = TaggedJSONSerializer()

    assert value == serializer.loads(serializer.dumps(value).encode())


def test_changes_are_noted() -> None:
    """Of the session's own items: what is inside of a value is not watched."""
    session = SecureCookieSession({"list": [1], "id": UUID(int=1)})

    assert (False, False) == (session.accessed, session.modified)
    session["list"].append(2)
    assert (True, False) == (session.accessed, session.modified)
    session |= {"a": 1}  # type: ignore[misc, operator]
    assert session.modified


def test_a_session_names_its_class() -> None:
    assert "<SecureCookieSession {'a': 1}>" == repr(SecureCookieSession({"a": 1}))
    assert "<NullSession {}>" == repr(NullSession())
