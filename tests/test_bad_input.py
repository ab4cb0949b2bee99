"""What a client should not send, and what it is answered; never an exception, never a traceback.

The corpora for forms, JSON, ranges, conditions and paths are beside the tests of their subjects;
here are those of cookies and of headers that speak of the content, and what holds for all.
"""

import encodings.idna
import importlib.metadata
import logging
from collections.abc import Callable
from pathlib import Path
from time import monotonic
from typing import Any
from urllib.parse import parse_qsl, quote

import flask
import pytest
from asgi import Response, get, post
from asgi import request as ask
from connections import Connection
from hypothesis import example, given
from hypothesis import strategies as st
from test_advisories import assert_linear
from test_forms import MALFORMED, TOO_LARGE, part, view_form
from test_request_body import FORM, MULTIPART, make_app, send
from werkzeug.datastructures import Headers, ImmutableMultiDict, MultiDict
from werkzeug.exceptions import BadRequest, RequestHeaderFieldsTooLarge
from werkzeug.sansio.http import parse_cookie
from werkzeug.wrappers import Request as WSGIRequest

import quart
from quart import Quart, Request, abort, request, send_file, session
from quart.headers import ScopeHeaders
from quart.middleware import ProxyFix
from quart.routing import QuartMap

CONTENT = b"0123456789"

# --- cookies: header, what is read of it

COOKIES = {
    "": {},
    ";": {},
    "; ; ;": {},
    "=": {},
    "a": {"a": ""},
    "a=": {"a": ""},
    "=a": {},
    " a = b ": {"a": "b"},
    "a=b=c": {"a": "b=c"},
    "a=1; a=2": {"a": "1"},
    "a=1,b=2": {"a": "1,b=2"},
    'a="b"': {"a": "b"},
    'a="b;c"': {"a": "b;c"},
    'a="b': {},
    'a=b"': {},
    r'a="\"': {},
    r'a="\073"': {"a": ";"},
    r'a="\999"': {"a": "999"},
    "a=%3B": {"a": "%3B"},
    "a=\xc3\xa9": {"a": "Ã©"},
    "a=\xff": {"a": "ÿ"},
    "\xff=a": {"ÿ": "a"},
    "a=\x01": {"a": "\x01"},
    "a\x00b=c": {"a\x00b": "c"},
    "$Version=1; a=b": {"$Version": "1", "a": "b"},
    "__Host-a=b": {"__Host-a": "b"},
    "a b=c": {},
    "a[]=b": {"a[]": "b"},
}
# What Werkzeug read as a cookie before 3.1.9.
COOKIES_READ_FORMERLY = {'a="b', 'a=b"', r'a="\"', "a b=c"}
WERKZEUG = tuple(map(int, importlib.metadata.version("werkzeug").split(".")[:3]))


async def view_cookies() -> Any:
    return request.cookies.to_dict()


@pytest.mark.parametrize("header", COOKIES)
async def test_cookies(header: str) -> None:
    """What is no cookie is passed over, as in Flask."""
    app = make_app(view_cookies)
    theirs = flask.Flask("tests").test_request_context(environ_overrides={"HTTP_COOKIE": header})

    if header not in COOKIES_READ_FORMERLY or WERKZEUG >= (3, 1, 9):
        assert COOKIES[header] == theirs.request.cookies.to_dict()
    assert theirs.request.cookies.to_dict() == (await get(app, headers={"cookie": header})).json


@given(lines=st.lists(st.text('ab=; "\\\t,1\u00e9', max_size=12), max_size=2))
@example(lines=["theme=dark; seen=1;; a; =b; c=d=e"])
def test_cookies_are_read_as_werkzeug_reads_them(lines: list[str]) -> None:
    raw = [(b"cookie", line.encode("latin-1")) for line in lines]
    ours = Request("GET", "http", "/", b"", ScopeHeaders.of({"headers": raw}), "", "1.1", {})

    theirs = parse_cookie(";".join(lines), ImmutableMultiDict)
    assert [*theirs.items(multi=True)] == [*ours.cookies.items(multi=True)]
    assert type(theirs) is type(ours.cookies)


@pytest.mark.parametrize("header", ["=", ";", "a", 'a="', 'a="\\', "a=b;", "=a;", "\xff"])
async def test_long_cookies(header: str) -> None:
    """A cookie of any length is read in the time of its length."""
    app = make_app(view_cookies)

    async def attempt(size: int) -> None:
        assert 200 == (await get(app, headers={"cookie": header * size})).status

    await assert_linear(attempt, 2_000)


# --- content-*: headers, the status for a body of three bytes

CONTENT_HEADERS: list[tuple[dict[str, str], int]] = [
    ({"content-length": "-1"}, 200),
    ({"content-length": "x"}, 200),
    ({"content-length": ""}, 200),
    ({"content-length": "+3"}, 200),
    ({"content-length": "3, 3"}, 200),
    ({"content-length": "0x3"}, 200),
    ({"content-length": "1_0"}, 200),
    ({"content-length": "\xb2"}, 200),
    ({"content-length": "3.0"}, 200),
    ({"content-length": "9" * 19}, 413),
    ({"content-length": "9" * 5000}, 200),
    ({"content-length": "99999999"}, 413),
    ({"content-length": "3", "transfer-encoding": "chunked"}, 200),
    ({"content-length": "99999999", "transfer-encoding": "chunked"}, 200),
    ({"content-type": ""}, 200),
    ({"content-type": ";"}, 200),
    ({"content-type": "/"}, 200),
    ({"content-type": "\xff/\xff"}, 200),
    ({"content-type": "text"}, 200),
    ({"content-type": "text/plain; charset=no-such"}, 200),
    ({"content-type": "text/plain; charset=hex"}, 200),
    ({"content-type": "text/plain; charset*=x'y'%ff"}, 200),
    ({"content-type": f"{FORM}; charset=utf-7"}, 200),
    ({"content-type": f"{FORM}, text/plain"}, 200),
    ({"content-type": "application/x-www-form-urlencoded;charset"}, 200),
    ({"content-type": "application/json"}, 400),
    ({"content-type": "application/json; charset=utf-16"}, 400),
    ({"content-type": "application/a+json"}, 400),
    ({"content-type": "multipart/form-data"}, 400),
    ({"content-type": "multipart/form-data; boundary"}, 400),
    ({"content-type": 'multipart/form-data; boundary="'}, 400),
    ({"content-type": "multipart/form-data; boundary=" + "b" * 5000}, 400),
    ({"content-type": "multipart/form-data; boundary=a; boundary=b"}, 400),
    ({"content-type": "multipart/mixed; boundary=b"}, 200),
    ({"content-type": "x" * 60_000}, 431),
    ({"content-encoding": "gzip"}, 200),
    ({"content-encoding": "\xff"}, 200),
    ({"content-range": "bytes 0-2/3"}, 200),
    ({"content-range": "bytes x"}, 200),
    ({"content-md5": "x"}, 200),
    ({"content-disposition": "form-data; name=a"}, 200),
    ({"content-language": "\xff"}, 200),
    ({"content-location": "//evil.org"}, 200),
    ({"expect": "x"}, 200),
]


async def view_content() -> Any:
    await request.form
    await request.get_data()
    return [
        await request.get_json(),
        request.content_length,
        request.content_type,
        request.mimetype_params,
        request.content_encoding,
        request.content_md5,
    ]


@pytest.mark.parametrize(("headers", "status"), CONTENT_HEADERS, ids=repr)
async def test_headers_of_the_content(
    headers: dict[str, str], status: int, caplog: pytest.LogCaptureFixture
) -> None:
    """What cannot be understood is as if it had not been said; too much and no form are refused."""
    response = await post(make_app(view_content), body=[b"a=1"], headers=headers)

    assert status == response.status
    assert [] == tracebacks(caplog)


# --- headers that a client gives and a view reads

HEADERS: list[tuple[str, str]] = [
    (name, value)
    for name in (
        "accept",
        "accept-charset",
        "accept-encoding",
        "accept-language",
        "access-control-request-headers",
        "authorization",
        "cache-control",
        "date",
        "host",
        "if-match",
        "if-modified-since",
        "if-none-match",
        "if-range",
        "if-unmodified-since",
        "max-forwards",
        "origin",
        "pragma",
        "range",
        "referer",
        "user-agent",
        "x-forwarded-for",
    )
    for value in (
        "",
        ",",
        ";q=",
        "\xff",
        "a;q=x, b;q=-1, *;q=nan",
        '"' * 100,
        "basic \xff",
        "Basic !!!",
        "bearer",
        "digest a=b",
        "bytes=9-1,",
        "W/",
        "Thu, 99 Xxx 9999 99:99:99 GMT",
        "Thu, 01 Jan 0000 00:00:00 GMT",
        "Thu, 01 Jan 2026 00:00:00 +" + "9" * 20,
        f"Thu, 01 Jan {'9' * 20} 00:00:00 GMT",
        "9" * 5000,
        "[::1",
        "=?utf-8?q?=ff?=",
    )
]
ATTRIBUTES = [
    "accept_charsets",
    "accept_encodings",
    "accept_languages",
    "accept_mimetypes",
    "access_control_request_headers",
    "access_route",
    "authorization",
    "cache_control",
    "date",
    "if_match",
    "if_modified_since",
    "if_none_match",
    "if_range",
    "if_unmodified_since",
    "max_forwards",
    "origin",
    "pragma",
    "range",
    "referrer",
    "user_agent",
]


@pytest.mark.parametrize(("name", "value"), HEADERS, ids=range(len(HEADERS)))
async def test_headers_that_are_read(
    name: str, value: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Whatever they hold, reading them raises nothing, and a file is sent or not by the rules."""
    (tmp_path / "file").write_bytes(CONTENT)

    async def view() -> Any:
        for attribute in ATTRIBUTES:
            getattr(request, attribute)
        return await send_file(tmp_path / "file")

    response = await get(make_app(view), headers={name: value})

    expected = {200}
    if name == "range":
        expected = {416} if value == "bytes=9-1," else {200}
    elif name == "host":
        expected = {200, 400}
    elif name in ("if-match", "if-unmodified-since"):
        expected = {200, 412}
    assert response.status in expected
    assert [] == tracebacks(caplog)


# --- a host of any length

LONG_HOSTS = {
    "one label": "x" * 10_000,
    "many labels": "x." * 5_000,
    "outside ASCII": "\xe9" * 10_000,
    "deleted by IDNA": "\xad" * 10_000,
    "a port": "localhost:" + "8" * 10_000,
    "one byte too many": "x" * 256,
}


@pytest.mark.parametrize("name", LONG_HOSTS)
@pytest.mark.parametrize(
    "how",
    ["plain", "SERVER_NAME", "TRUSTED_HOSTS", "subdomains", "host matching", "behind a proxy"],
)
async def test_a_host_that_is_too_long(
    connection: Connection, how: str, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is a 400 before IDNA, whose time grows with the square of the length, looks at it."""
    app, header = connection.app, "host"
    if how == "host matching":
        app.url_map.host_matching = True
    elif how == "subdomains":
        app.subdomain_matching = True
    elif how == "behind a proxy":
        app.asgi_app, header = ProxyFix(app.asgi_app, x_host=1), "x-forwarded-host"  # type: ignore
    if how in ("SERVER_NAME", "subdomains"):
        app.config["SERVER_NAME"] = "localhost"
    elif how == "TRUSTED_HOSTS":
        app.config["TRUSTED_HOSTS"] = ["localhost"]
    lengths = []

    def noting(convert: Callable[[Any], Any]) -> Callable[[Any], Any]:
        def converted(label: Any) -> Any:
            lengths.append(len(label))
            return convert(label)

        return converted

    connection.route("/", host="localhost" if how == "host matching" else None)(lambda: "in")
    for convert in ("ToASCII", "ToUnicode"):
        monkeypatch.setattr(encodings.idna, convert, noting(getattr(encodings.idna, convert)))

    assert 400 == (await connection.get(headers={header: LONG_HOSTS[name]})).status
    assert 256 > sum(lengths)


async def test_every_way_to_the_host_refuses_one_that_is_too_long() -> None:
    """Also where the view, or a handler, is the first to ask for it."""
    raw = [(b"host", b"x" * 256)]
    names = ("host", "host_url", "url", "base_url", "root_url", "url_root")
    refused = []
    for name in names:
        asked = Request("GET", "http", "/", b"", ScopeHeaders.of({"headers": raw}), "", "1.1", {})
        try:
            getattr(asked, name)
        except BadRequest:
            refused.append(name)

    assert [*names] == refused
    with pytest.raises(BadRequest):
        QuartMap().bind_to_request(asked)


@pytest.mark.parametrize("hosts", [["x" * 256], ["x" * 100] * 3])
async def test_a_long_host_below_a_mount(hosts: list[str]) -> None:
    """A WSGI application, which would be given several as one, is not called for it."""
    app = Quart(__name__)
    below = flask.Flask("below")
    below.get("/")(lambda: "in")
    app.mount("/below", below)

    headers = Headers([("host", host) for host in hosts])
    assert 200 == (await get(app, "/below/", headers={"host": "localhost"})).status
    assert 400 == (await get(app, "/below/", headers=headers)).status


# --- paths, queries and headers of any length

# Headers that are parsed on the event loop, and what is read of each.
PARSED = {
    "Accept": ["accept_mimetypes"],
    "Accept-Charset": ["accept_charsets"],
    "Accept-Encoding": ["accept_encodings"],
    "Accept-Language": ["accept_languages"],
    "Access-Control-Request-Headers": ["access_control_request_headers"],
    "Authorization": ["authorization"],
    "Cache-Control": ["cache_control"],
    "Content-Type": ["mimetype", "mimetype_params", "is_json"],
    "Cookie": ["cookies"],
    "Date": ["date"],
    "If-Match": ["if_match"],
    "If-Modified-Since": ["if_modified_since"],
    "If-None-Match": ["if_none_match"],
    "If-Range": ["if_range"],
    "If-Unmodified-Since": ["if_unmodified_since"],
    "Pragma": ["pragma"],
    "Range": ["range"],
    "X-Forwarded-For": ["access_route"],
}


@pytest.mark.parametrize("name", PARSED)
@pytest.mark.parametrize("set_by", ["client", "middleware"])
async def test_a_header_that_is_too_long_to_be_parsed(name: str, set_by: str) -> None:
    """Of more than 32 KiB: reading it parsed is a 431, and as it came still possible."""
    value = "a=b, " * 7000
    sizes, read = [], []

    async def view() -> Any:
        if set_by == "middleware":
            request.headers = Headers(request.headers)
        sizes.append(len(request.headers[name]))
        for attribute in PARSED[name]:
            try:
                getattr(request, attribute)
            except RequestHeaderFieldsTooLarge:
                read.append(attribute)
        return getattr(request, PARSED[name][0])

    response = await get(make_app(view), headers={name: value + "x"})

    assert 431 == response.status
    assert [len(value) + 1] == sizes
    assert PARSED[name] == read


@pytest.mark.parametrize("name", [name for name in PARSED if name.startswith("Accept")])
async def test_a_list_that_is_too_long_to_be_searched(name: str) -> None:
    """Finding the best match takes longer than parsing: lists have at most 8 KiB."""

    async def view() -> Any:
        return str(len(getattr(request, PARSED[name][0])))

    app = make_app(view)
    assert b"4096" == (await get(app, headers={name: "*," * 4095 + "*"})).body
    assert 431 == (await get(app, headers={name: "*," * 4096 + "*"})).status


@pytest.mark.parametrize("name", ["If-Match", "If-None-Match", "If-Modified-Since", "Range"])
async def test_a_file_and_a_header_that_is_too_long(name: str, tmp_path: Path) -> None:
    """A file, too, is not sent by a condition that takes long to read."""
    (tmp_path / "file").write_bytes(CONTENT)

    async def view() -> Any:
        return await send_file(tmp_path / "file")

    status = (await get(make_app(view), headers={name: "," * 100_000 + "x"})).status

    assert (200 if name == "Range" else 431) == status


@pytest.mark.parametrize("space", [" ", "\t", "0"])
async def test_the_space_in_a_range_is_passed_over_at_once(space: str, tmp_path: Path) -> None:
    """However much there is; trying each way to divide it took time that grew with its square."""
    (tmp_path / "file").write_bytes(CONTENT)

    async def view() -> Any:
        return await send_file(tmp_path / "file")

    begin = monotonic()
    response = await get(make_app(view), headers={"Range": f"bytes={space * 1_000_000}x"})

    assert 416 == response.status
    assert 5 > monotonic() - begin


async def test_many_cookies_are_too_long_together() -> None:
    """HTTP/2 has a line for each."""
    lines = Headers([("cookie", f"name{number}={'x' * 100}") for number in range(400)])

    assert 431 == (await get(make_app(view_cookies), headers=lines)).status


async def test_cookies_that_are_too_long_and_a_session() -> None:
    """A view that reads neither is not troubled; one that opens the session is a 431."""
    app = Quart(__name__)
    app.secret_key = "for this test alone"
    app.get("/", endpoint="view")(lambda: "in")
    app.get("/session", endpoint="session")(lambda: str(dict(session)))
    headers = {"cookie": 'session="' + "x" * 40_000}

    assert "in" == (await get(app, headers=headers)).text
    assert 431 == (await get(app, "/session", headers=headers)).status


@pytest.mark.parametrize("attribute", ["args", "full_path", "url"])
async def test_a_query_that_is_too_long_to_be_parsed(attribute: str) -> None:
    """Of more than 32 KiB: reading it is a 414; as it came it can still be had."""

    async def view() -> Any:
        if attribute in request.query_string.decode():
            getattr(request, attribute)
        return str(len(request.query_string))

    app = make_app(view)
    assert "40000" == (await get(app, "/?" + "x" * 40_000)).text
    assert 414 == (await get(app, "/?" + attribute + "x" * 40_000)).status
    assert 404 == (await get(app, "/nowhere?" + "x" * 40_000)).status


async def test_a_path_that_is_too_long_to_be_parsed() -> None:
    """A plain rule may match it, but it is not taken apart, nor made a part of a URL."""
    app = Quart(__name__)
    app.get("/plain/<name>", endpoint="plain")(lambda name: str(len(name)))
    app.get("/url/<name>", endpoint="url")(lambda name: request.base_url)
    app.get("/path/<path:name>", endpoint="path")(lambda name: str(len(name)))

    assert "40000" == (await get(app, "/plain/" + "x" * 40_000)).text
    assert 414 == (await get(app, "/url/" + "x" * 40_000)).status
    assert 414 == (await get(app, "/path/" + "x/" * 20_000)).status


@pytest.mark.parametrize("piece", [b"%e9", b"\xe9", b"%", b"+", b"%c3%a4", b"&", b"a=b&", b'"'])
async def test_the_work_for_a_query_grows_with_its_length(piece: bytes) -> None:
    """Bytes that are not UTF-8 are no more work than others."""

    async def attempt(size: int) -> None:
        query = piece * (size // len(piece))
        asked = Request("GET", "http", "/", query, Headers({"Host": "x"}), "", "1.1", {})
        assert isinstance(asked.args, MultiDict)
        assert "x" in asked.url
        assert asked.full_path

    await assert_linear(attempt, 8_000)


URL_WORDS = [
    *(b"%", b"%2", b"%2f", b"%C3", b"%A4", b"%c3%a4", b"\xc3\xa4", b"\xff", b"%FF", b"%00", b"%25"),
    *(b"&", b"=", b"+", b"#", b"%23", b"%41", b"a", b"%ed%a0%80", b"%7f", b"?", b"/", b" ", b'"'),
    *(b"\r\n", b"%f0%9f%98%80", b"%F0%9F"),
]
BYTES = st.lists(st.sampled_from(URL_WORDS) | st.binary(max_size=3), max_size=8).map(b"".join)
PATHS = BYTES.map(lambda word: word.decode("latin-1")) | st.text(max_size=8)


@given(query=BYTES, path=PATHS, root_path=st.sampled_from(["", "/app", "/\xe4 b", "/app/"]))
@example(query=b"%2&%&%2", path="", root_path="")
def test_urls_are_read_as_werkzeug_reads_them(query: bytes, path: str, root_path: str) -> None:
    """Only in less time, where a client sends what is not UTF-8."""
    path = path.encode("utf-8", "replace").decode()
    environ = {"SCRIPT_NAME": _wsgi(root_path), "PATH_INFO": _wsgi("/" + path.lstrip("/"))}
    theirs = WSGIRequest({**environ, "wsgi.url_scheme": "http", "HTTP_HOST": "localhost:1"})
    theirs.query_string = query
    headers = Headers({"Host": "localhost:1"})
    ours = Request("GET", "http", path, query, headers, root_path, "1.1", {})
    escaped = quote(query, safe=bytes(range(128)))

    assert theirs.url == ours.url
    assert theirs.base_url == ours.base_url
    assert theirs.root_url == ours.root_url
    assert query.decode(errors="werkzeug.url_quote") == ours.full_path.removeprefix(f"{ours.path}?")
    pairs = parse_qsl(escaped, keep_blank_values=True, errors="werkzeug.url_quote")
    assert MultiDict(pairs) == ours.args


def _wsgi(text: str) -> str:
    return text.encode().decode("latin-1")


# --- what holds for all


def tracebacks(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.exc_info]


@pytest.mark.parametrize("name", [*MALFORMED, *TOO_LARGE])
async def test_a_bad_form_is_no_traceback(name: str, caplog: pytest.LogCaptureFixture) -> None:
    """The log is for our own mistakes; the client hears of its own."""
    caplog.set_level(logging.DEBUG)
    body, content_type = MALFORMED.get(name) or (TOO_LARGE[name], MULTIPART)
    response = await send(make_app(view_form), body, content_type)

    assert response.status in (400, 413)
    assert [] == tracebacks(caplog)


async def view_json() -> Any:
    return {"json": await request.get_json()}


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[1,]",
        b'{"a" 1}',
        b"{1: 2}",
        b'"\xff"',
        b"\xff\xfe",
        b'"\x00"',
        b"\x00",
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b"1" * 5000,
        b"-",
        b"1.",
        b".5",
        b"0x1",
        b'"\\x"',
        b'"\\u12"',
        b'"' + b"a" * 300_000,
        b"[" + b"1," * 200_000,
        b"[" * 300_000 + b"]" * 300_000,
        b"tru",
        b"/* */ 1",
        b"{'a': 1}",
    ],
    ids=range(24),
)
async def test_bad_json_is_no_traceback(body: bytes, caplog: pytest.LogCaptureFixture) -> None:
    """Short and long documents, here and in the thread."""
    caplog.set_level(logging.DEBUG)
    response = await send(make_app(view_json), body, "application/json")

    assert 400 == response.status
    assert [] == tracebacks(caplog)


@pytest.mark.parametrize(
    "kind", [b"a&", b"a=1&", b"%41", b"%FF", b"%", b"\xff", b"+", b"&", b"=", b";"]
)
async def test_a_urlencoded_form_is_read_in_the_time_of_its_length(kind: bytes) -> None:
    """The work is that of its fields."""
    app = make_app(view_form)

    async def attempt(size: int) -> None:
        assert 200 == (await send(app, kind * size, FORM)).status

    await assert_linear(attempt, 10_000)


@pytest.mark.parametrize(
    "unit",
    [part("a", b"1"), part("a", b"x" * 100), part("a", b"", headers="X: y\r\nZ: w\r\n")],
    ids=range(3),
)
@pytest.mark.parametrize("size", [100, 65_536])
async def test_a_multipart_form_is_read_in_the_time_of_its_length(unit: bytes, size: int) -> None:
    """However it is cut."""
    app = make_app(view_form)

    async def attempt(parts: int) -> None:
        body = unit * parts + b"--b--"
        pieces = [body[index : index + size] for index in range(0, len(body), size)]
        assert 200 == (await send(app, pieces, MULTIPART)).status

    await assert_linear(attempt, 200)


@pytest.mark.parametrize("unit", ["a/", "../", "%2e%2e%2f", "./", "%00", "\\", "%5c..", "a"])
async def test_a_long_path_is_answered(unit: str, caplog: pytest.LogCaptureFixture) -> None:
    """With a 404, in the time of its length."""
    app = Quart("tests", root_path="tests")

    async def attempt(size: int) -> None:
        response: Response = await ask(app, "GET", f"/static/{unit * size}")
        assert response.status in (308, 404)

    await assert_linear(attempt, 1_000)
    assert [] == tracebacks(caplog)


# --- what is read by short ways

NAMES = st.sampled_from(["accept", "cookie", "host", "remote-addr", "x-é", "x"])


@given(query=st.text("ab=&+%2;\u00e9 ", max_size=12).map(str.encode))
def test_a_query_is_read_as_flask_reads_it(query: bytes) -> None:
    scope = {"type": "http", "headers": [], "query_string": query}
    ours = Request("GET", "http", "/", query, Headers(), "", "1.1", scope)
    environ = {"REQUEST_METHOD": "GET", "QUERY_STRING": query.decode("latin-1")}

    assert [*flask.Request(environ).args.items(multi=True)] == [*ours.args.items(multi=True)]


@pytest.mark.parametrize("client", [("1.2.3.4", 5), (None, 0), None])
async def test_an_address_is_not_forged(client: tuple[str, int] | None) -> None:
    app = Quart(__name__)

    @app.get("/")
    async def index() -> list[Any]:
        name = "Remote-Addr"
        before = request.headers.getlist(name), request.headers[name]
        return [*before, [value for key, value in request.headers if key == name]]

    response = await get(app, headers=[("remote-addr", "6.6.6.6")], client=client)

    address = "1.2.3.4" if client and client[0] else "<local>"
    assert [[address], address, [address]] == response.json


@given(
    headers=st.lists(st.tuples(NAMES, st.text("a; =", max_size=3))),
    client=st.sampled_from([("1.2.3.4", 5), None]),
    name=NAMES,
)
def test_a_header_is_found_as_in_all_of_them(
    headers: list[tuple[str, str]], client: tuple[str, int] | None, name: str
) -> None:
    """Before the headers are decoded and after; the client's address is never what it says.

    The lines of a list are found joined.
    """
    raw = [(key.encode("latin-1"), value.encode()) for key, value in headers]
    scope = {"headers": raw, "client": client}
    after = ScopeHeaders.of(scope)
    every = Headers([*after])
    if name == "accept" and name in every:
        joined = ", ".join(every.getlist(name))
    else:
        joined = every.get(name)

    for found in (ScopeHeaders.of(scope), after, after.copy()):
        assert ["1.2.3.4" if client else "<local>"] == found.getlist("Remote-Addr")
        for key in (name, name.title()):
            assert every.getlist(key) == found.getlist(key)
            assert joined == found.get(key) == found.get(key, type=str)
            assert (key in every) == (key in found)


# The lines in which a header comes, and the attribute that it is read from.
TWO_LINES = {
    "Accept": ("accept_mimetypes", ["text/plain;q=0.5", "text/html"]),
    "Accept-Charset": ("accept_charsets", ["utf-8", "latin-1;q=0.1"]),
    "Accept-Encoding": ("accept_encodings", ["br", "gzip"]),
    "Accept-Language": ("accept_languages", ["", "de, en;q=0.3"]),
    "Access-Control-Request-Headers": ("access_control_request_headers", ["x-a", "x-b, x-c"]),
    "Cache-Control": ("cache_control", ["no-cache", "max-age=0"]),
    "If-Match": ("if_match", ['"a"', 'W/"b"']),
    "If-None-Match": ("if_none_match", ['W/"a"', '"b"']),
    "Pragma": ("pragma", ["no-cache", "x"]),
    "X-Forwarded-For": ("access_route", ["1.1.1.1", "2.2.2.2, 3.3.3.3"]),
}


@pytest.mark.parametrize("name", TWO_LINES)
async def test_a_list_may_come_in_several_lines(connection: Connection, name: str) -> None:
    """It is read as in Flask, where the server has joined them."""
    attribute, lines = TWO_LINES[name]
    environ = {f"HTTP_{name.upper().replace('-', '_')}": ",".join(lines)}
    theirs = getattr(flask.Request(environ), attribute)

    @connection.route("/")
    async def view() -> str:
        return repr(getattr(connection.twin("{}", quart), attribute))

    headers = [(name, line) for line in lines]

    assert repr(theirs) == (await connection.get("/", headers=headers)).text


@pytest.mark.parametrize("own_class", [False, True])
async def test_the_method_is_in_upper_case(own_class: bool) -> None:
    """As in Flask and 0.22. Uvicorn and Daphne pass it on as the client wrote it, so a check of it
    in a hook must not be gone round by a rule that is found for it all the same.
    """
    app = Quart(__name__)
    if own_class:

        class OwnRequest(Request):
            def __init__(self, *args: Any, **kwargs: Any) -> None:
                super().__init__(*args, **kwargs)

        app.request_class = OwnRequest

    @app.before_request
    async def check() -> None:
        if request.method == "DELETE":
            abort(403)

    @app.delete("/")
    async def delete() -> str:
        return "deleted"

    for method in ("DELETE", "delete", "Delete"):
        assert 403 == (await ask(app, method)).status
