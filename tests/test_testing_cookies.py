"""Tests of the test client's cookies: the rules of RFC 6265 and the doors to the jar."""

from datetime import UTC, datetime
from http.cookiejar import CookieJar as StandardCookieJar

import pytest

from quart import Quart, Response, request
from quart.testing import QuartClient
from quart.testing.cookies import CookieJar


@pytest.fixture
def jar() -> CookieJar:
    return CookieJar()


@pytest.fixture
def app() -> Quart:
    app = Quart("tests", root_path="tests")
    app.testing = True

    @app.route("/", defaults={"path": ""})
    @app.route("/<path:path>")
    async def cookies(path: str) -> Response:
        """Answer with the cookies of the request, and set those in the query string."""
        response = Response(request.headers.get("Cookie", ""))
        for header in request.args.getlist("set"):
            response.headers.add("Set-Cookie", header)
        return response

    return app


@pytest.fixture
def client(app: Quart) -> QuartClient:
    return QuartClient(app)


# --- the rules ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("header", "goes_to", "stays_from"),
    [
        ("a=b", "http://localhost/dir/other", "http://localhost/elsewhere"),
        ("a=b; Path=/", "http://localhost/elsewhere", "http://example.com/"),
        ("a=b; Path=/x", "http://localhost/x", "http://localhost/xy"),
        ("a=b; Path=/x", "http://localhost/x/y", "http://localhost/"),
        ("a=b; Path=/x/", "http://localhost/x/y", "http://localhost/x"),
        ("a=b; Path=odd", "http://localhost/dir", "http://localhost/odd"),
        ("a=b; Path=/", "http://localhost:8000/", "http://sub.localhost/"),
        ("a=b; Path=/; Domain=localhost", "http://sub.localhost/", "http://sublocalhost/"),
        ("a=b; Path=/; Domain=.localhost", "http://localhost/", "http://example.com/"),
        ("a=b; Path=/; Domain=", "http://localhost/", "http://sub.localhost/"),
        ("a=b; Path=/; Path=/y", "http://localhost/y", "http://localhost/z"),
        ("a=b; Path=/", "ws://localhost/ws", "ws://example.com/ws"),
    ],
)
def test_path_and_domain(jar: CookieJar, header: str, goes_to: str, stays_from: str) -> None:
    jar.keep("http://localhost/dir/page", header)

    assert "a=b" == jar.header_for(goes_to)
    assert "" == jar.header_for(stays_from)


@pytest.mark.parametrize("host", ["example.com", "localhost", "127.0.0.1"])
@pytest.mark.parametrize("scheme", ["http", "https", "ws", "wss"])
def test_secure_cookies_go_through_clear_text_too(jar: CookieJar, scheme: str, host: str) -> None:
    """Tests run with the settings of production, as in Flask."""
    jar.keep(f"https://{host}/", "a=b; Secure")

    assert "a=b" == jar.header_for(f"{scheme}://{host}/")


@pytest.mark.parametrize(
    "header",
    [
        "a=; Max-Age=0",
        "a=; Max-Age=-1",
        "a=; Expires=Thu, 01 Jan 1970 00:00:00 GMT",
        "a=; Expires=Fri, 01 Jan 2999 00:00:00 GMT; Max-Age=0",
    ],
)
def test_expired_cookies_are_gone(jar: CookieJar, header: str) -> None:
    jar.keep("http://localhost/", "a=b")
    jar.keep("http://localhost/", header)

    assert "" == jar.header_for("http://localhost/")
    assert [] == list(jar)


def test_max_age_wins_over_expires(jar: CookieJar) -> None:
    jar.keep("http://localhost/", "a=b; Max-Age=60; Expires=Thu, 01 Jan 1970 00:00:00 GMT")

    assert "a=b" == jar.header_for("http://localhost/")


@pytest.mark.parametrize("header", ["", "novalue", "=noname", "a=b; Domain=example.com"])
def test_what_is_no_cookie_is_not_kept(jar: CookieJar, header: str) -> None:
    """Nor is one for a domain that its sender is not in."""
    jar.keep("http://localhost/", header)

    assert [] == list(jar)


def test_broken_attributes_are_ignored(jar: CookieJar) -> None:
    jar.keep("http://localhost/", "a=b; Max-Age=soon; Expires=later; ;;")

    assert "a=b" == jar.header_for("http://localhost/")


def test_more_specific_paths_come_first(jar: CookieJar) -> None:
    jar.keep("http://localhost/", "a=root; Path=/")
    jar.keep("http://localhost/", "a=deep; Path=/x/y")
    jar.keep("http://localhost/", "a=middle; Path=/x")

    assert "a=deep; a=middle; a=root" == jar.header_for("http://localhost/x/y")


# --- in the client --------------------------------------------------------------------------


async def test_cookies_are_kept_and_sent(client: QuartClient) -> None:
    """By streamed requests too; what the test has in its own `Cookie` header comes first."""
    await client.get("/", query_string={"set": ["a=1; Path=/", "b=2; Path=/b"]})

    assert "a=1" == (await client.get("/")).text
    assert "b=2; a=1" == (await client.get("/b/c")).text
    assert "own=1; a=1" == (await client.get("/", headers={"Cookie": "own=1"})).text

    async with client.request("/?set=c%3D3") as connection:
        await connection.send_complete()
        assert b"a=1" == await connection.receive()

    assert "a=1; c=3" == (await client.get("/")).text


async def test_a_client_may_have_no_cookies(app: Quart) -> None:
    client = QuartClient(app, use_cookies=False)
    await client.get("/?set=a%3D1")

    assert "" == (await client.get("/")).text
    assert client.cookie_jar is None
    with pytest.raises(TypeError, match="use_cookies=True"):
        client.set_cookie("a", "b")
    with pytest.raises(RuntimeError, match="cookies enabled"):
        async with client.session_transaction():
            pass


async def test_non_ascii_paths_have_cookies(client: QuartClient) -> None:
    await client.get("/日本/a", query_string={"set": "a=1"})

    assert "a=1" == (await client.get("/日本/b")).text
    assert "" == (await client.get("/")).text


def test_the_jar_is_the_standard_librarys(client: QuartClient) -> None:
    """Tests look into it, and know that it files "localhost" under "localhost.local"."""
    client.set_cookie("a", "b", httponly=True, samesite="Lax")
    assert isinstance(client.cookie_jar, StandardCookieJar)

    (cookie,) = client.cookie_jar

    assert ("a", "b", "localhost.local", "/") == (
        cookie.name,
        cookie.value,
        cookie.domain,
        cookie.path,
    )
    assert cookie.has_nonstandard_attr("HttpOnly")
    assert "Lax" == cookie.get_nonstandard_attr("SameSite")

    client.cookie_jar.clear("localhost.local", "/", "a")

    assert [] == list(client.cookie_jar)


@pytest.mark.parametrize(
    ("args", "kwargs"),
    [
        (("k", "v"), {}),
        (("k",), {"value": "v"}),
        ((), {"key": "k", "value": "v"}),
        (("k", "v"), {"domain": "localhost", "max_age": 60}),
        (("localhost", "k", "v"), {}),
        (("localhost", "k", "v", 60, None, "/", None, True, True, "Lax"), {}),
        (("localhost",), {"key": "k", "value": "v"}),
        (("localhost", "k"), {"value": "v"}),
        ((), {"server_name": "localhost", "key": "k", "value": "v"}),
    ],
)
async def test_set_cookie_in_flasks_words_and_in_quarts(
    client: QuartClient, args: tuple[str, ...], kwargs: dict[str, object]
) -> None:
    client.set_cookie(*args, **kwargs)

    assert "k=v" == (await client.get("/")).text


async def test_set_cookie_of_another_host(client: QuartClient) -> None:
    """In Flask's words by `domain`, for names below it too unless `origin_only`; or in Quart's."""
    client.set_cookie("flask", "1", domain="a.com")
    client.set_cookie("below", "2", domain="b.com", origin_only=False)
    client.set_cookie("c.com", "quart", "3")

    async def sent(host: str) -> str:
        return (await client.get("/", base_url=f"http://{host}")).text

    assert "quart=3" == await sent("localhost")  # which is the application's, as in 0.22
    assert "flask=1" == await sent("a.com")
    assert "" == await sent("sub.a.com")
    assert "below=2" == await sent("b.com")
    assert "below=2" == await sent("sub.b.com")
    assert "quart=3" == await sent("c.com")


def test_set_cookie_takes_no_eleventh_argument(client: QuartClient) -> None:
    with pytest.raises(TypeError, match=r"server_name, key, value.*11 were given"):
        client.set_cookie(*"abcdefghijk")


@pytest.mark.parametrize(
    ("args", "kwargs"),
    [
        (("k",), {}),
        (("k",), {"domain": "localhost", "path": "/"}),
        (("localhost", "k"), {}),
        (("localhost", "k", "/"), {}),
        (("localhost",), {"key": "k"}),
        ((), {"server_name": "localhost", "key": "k"}),
        ((), {"key": "k"}),
    ],
)
async def test_delete_cookie_in_flasks_words_and_in_quarts(
    client: QuartClient, args: tuple[str, ...], kwargs: dict[str, str]
) -> None:
    client.set_cookie("k", "v")
    client.set_cookie("k", "deep", path="/deep")
    client.delete_cookie(*args, **kwargs)
    client.delete_cookie(*args, **kwargs)

    assert "" == (await client.get("/")).text
    assert "k=deep" == (await client.get("/deep")).text


async def test_the_jar_holds_no_cookie_that_has_ended(client: QuartClient) -> None:
    """Tests iterate over it."""
    jar = client.cookie_jar
    assert jar is not None
    client.set_cookie("ended", "v", max_age=0)
    client.set_cookie("k", "v")

    assert ["k"] == [cookie.name for cookie in jar]

    for end in ("Max-Age=0", "Max-Age=-1", "Expires=Thu, 01 Jan 1970 00:00:00 GMT"):
        await client.get("/", query_string={"set": "k=v; Path=/"})
        assert ["k"] == [cookie.name for cookie in jar]
        await client.get("/", query_string={"set": f"k=; Path=/; {end}"})
        assert [] == list(jar)


async def test_get_cookie_tells_what_was_set(client: QuartClient) -> None:
    header = (
        'k="a\\073b"; Path=/; Max-Age=60; Expires=Fri, 01 Jan 2999 00:00:00 GMT;'
        " Secure; HttpOnly; SameSite=Strict"
    )
    await client.get("/", query_string={"set": header})
    cookie = client.get_cookie("k")

    assert cookie is not None
    assert ('"a\\073b"', "a;b") == (cookie.value, cookie.decoded_value)
    assert (60, datetime(2999, 1, 1, tzinfo=UTC)) == (cookie.max_age, cookie.expires)
    assert ("localhost", True, "/") == (cookie.domain, cookie.origin_only, cookie.path)
    assert (True, True, "Strict") == (cookie.secure, cookie.http_only, cookie.same_site)
    assert client.get_cookie("k", path="/other") is None
    assert client.get_cookie("k", domain="other") is None
    assert client.get_cookie("other") is None


def test_get_cookie_of_the_applications_host(app: Quart, client: QuartClient) -> None:
    """Without a domain it is `SERVER_NAME` that is meant."""
    app.config["SERVER_NAME"] = "example.com:5000"
    client.set_cookie("k", "v", origin_only=False)
    cookie = client.get_cookie("k")

    assert cookie is not None
    assert ("example.com", False) == (cookie.domain, cookie.origin_only)
