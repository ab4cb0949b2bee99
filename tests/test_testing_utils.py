"""Tests of `quart.testing.utils`: what a test asks for becomes headers, a body and a scope."""

from io import BytesIO, StringIO
from pathlib import Path
from typing import Any

import pytest
from werkzeug.datastructures import Authorization, Headers, MultiDict

from quart import Quart
from quart.datastructures import FileStorage
from quart.testing import (
    RequestBuilder,
    describe_request,
    make_test_body_with_headers,
    make_test_headers_path_and_query_string,
    make_test_scope,
    no_op_push,
)


@pytest.fixture
def app() -> Quart:
    return Quart("tests", root_path="tests")


def build(app: Quart, *args: Any, **kwargs: Any) -> RequestBuilder:
    return RequestBuilder(app, describe_request(app, *args, **kwargs))


# --- headers, path and query string ---------------------------------------------------------


def test_host_and_user_agent_are_there_unless_given(app: Quart) -> None:
    """`Host` is SERVER_NAME or localhost; what the test gives stays as it is."""
    headers, path, query = make_test_headers_path_and_query_string(app, "/path")

    assert Headers({"User-Agent": "Quart", "Host": "localhost"}) == headers
    assert ("/path", b"") == (path, query)

    app.config["SERVER_NAME"] = "example.com:5000"
    headers, _, _ = make_test_headers_path_and_query_string(app, "/", {"user-agent": "mine"})

    assert Headers({"user-agent": "mine", "Host": "example.com:5000"}) == headers

    headers, _, _ = make_test_headers_path_and_query_string(app, "/", {"Host": "other"})

    assert "other" == headers["Host"]


def test_subdomain_stands_before_the_server_name(app: Quart) -> None:
    headers, _, _ = make_test_headers_path_and_query_string(app, "/", subdomain="api")

    assert "api.localhost" == headers["Host"]


@pytest.mark.parametrize(
    ("path", "query_string", "expected"),
    [
        ("/?a=b", None, b"a=b"),
        ("/?", None, b""),
        ("/", {"a": "b"}, b"a=b"),
        ("/", {"a": ["1", 2], "none": None}, b"a=1&a=2"),
        ("/", MultiDict([("a", "1"), ("a", "2")]), b"a=1&a=2"),
        ("/", [("a", "1"), ("b", "2")], b"a=1&b=2"),
        ("/", "a=b c", b"a=b%20c"),
        ("/", b"\xff=raw", b"\xff=raw"),
        ("/?name=日本", None, b"name=%E6%97%A5%E6%9C%AC"),
        ("/", {"name": "ä b"}, b"name=%C3%A4+b"),
        ("/?quoted=%E6%97", None, b"quoted=%E6%97"),
    ],
)
def test_query_strings(app: Quart, path: str, query_string: Any, expected: bytes) -> None:
    """A query string may be in the path, a mapping, pairs, a str or bytes; any character may."""
    _, _, query = make_test_headers_path_and_query_string(app, path, query_string=query_string)

    assert expected == query


def test_two_query_strings_are_refused(app: Quart) -> None:
    with pytest.raises(ValueError, match="in the path and as an argument"):
        make_test_headers_path_and_query_string(app, "/?a=b", query_string={"c": "d"})


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/a%20b%2Fc", "/a b/c"),
        ("/日本", "/日本"),
        ("/page#fragment", "/page"),
        ("", "/"),
        ("relative", "/relative"),
        ("//double", "//double"),
        ("http://example.com/path", "/path"),
        ("http://example.com", "/"),
        ("/to/http://x", "/to/http://x"),
    ],
)
def test_paths_are_unquoted(app: Quart, path: str, expected: str) -> None:
    _, path, _ = make_test_headers_path_and_query_string(app, path)

    assert expected == path


@pytest.mark.parametrize(
    ("auth", "expected"),
    [
        (("user", "pass"), "Basic dXNlcjpwYXNz"),
        (Authorization("bearer", token="abc"), "Bearer abc"),
    ],
)
def test_auth(app: Quart, auth: Any, expected: str) -> None:
    """`auth` is a name and a password, or an `Authorization`."""
    headers, _, _ = make_test_headers_path_and_query_string(app, "/", auth=auth)

    assert expected == headers["Authorization"]


# --- bodies ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "body", "content_type"),
    [
        ({}, b"", None),
        ({"data": "ä"}, "ä".encode(), None),
        ({"data": b"bytes"}, b"bytes", None),
        ({"data": BytesIO(b"file")}, b"file", None),
        ({"data": StringIO("text file")}, b"text file", None),
        ({"data": "x", "content_type": "text/csv"}, b"x", "text/csv"),
        ({"json": {"a": 1}}, b'{"a": 1}', "application/json"),
        ({"json": None}, b"null", "application/json"),
        ({"json": 1, "content_type": "application/x+json"}, b"1", "application/x+json"),
        ({"form": {"a": 1, "b": ["x", "y"]}}, b"a=1&b=x&b=y", "application/x-www-form-urlencoded"),
        ({"form": {"a": ("x", "y")}}, b"a=x&a=y", "application/x-www-form-urlencoded"),
        ({"form": {}}, b"", "application/x-www-form-urlencoded"),
        ({"data": {"a": "ä", "b": None}}, b"a=%C3%A4", "application/x-www-form-urlencoded"),
        (
            {"data": MultiDict([("a", "1"), ("a", "2")])},
            b"a=1&a=2",
            "application/x-www-form-urlencoded",
        ),
    ],
)
def test_bodies(arguments: dict[str, Any], body: bytes, content_type: str | None) -> None:
    """Each kind of body, in Quart's words and in Flask's, with the content type it tells."""
    made, headers = make_test_body_with_headers(**arguments)

    assert body == made
    assert content_type == headers.get("Content-Type")


def test_multipart_is_written_as_browsers_do() -> None:
    files = {"f": FileStorage(BytesIO(b"abc"), 'a"b.txt'), "empty": FileStorage(BytesIO(), "e")}

    body, headers = make_test_body_with_headers(files=files, form={"name": "ä"})

    assert "multipart/form-data; boundary=----QuartBoundary" == headers["Content-Type"]
    assert (
        b"\r\n------QuartBoundary\r\n"
        b'Content-Disposition: form-data; name="f"; filename="a%22b.txt"\r\n\r\nabc'
        b"\r\n------QuartBoundary\r\n"
        b'Content-Disposition: form-data; name="empty"; filename="e"\r\n\r\n'
        b"\r\n------QuartBoundary\r\n"
        b'Content-Disposition: form-data; name="name"\r\n\r\n\xc3\xa4'
        b"\r\n------QuartBoundary--\r\n"
    ) == body


def test_multipart_takes_the_boundary_that_is_given() -> None:
    body, headers = make_test_body_with_headers(
        form={"a": "b"}, content_type="multipart/form-data; boundary=mine"
    )

    assert "multipart/form-data; boundary=mine" == headers["Content-Type"]
    assert b"\r\n--mine--\r\n" == body[-12:]


@pytest.mark.parametrize(
    "arguments",
    [
        {"json": 1, "data": "x"},
        {"form": {"a": "b"}, "data": "x"},
        {"form": {"a": "b"}, "json": None},
        {"files": {"f": BytesIO()}, "json": None},
        {"files": {"f": BytesIO()}, "data": "x"},
    ],
)
def test_two_bodies_are_refused(arguments: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="Quart test arg"):
        make_test_body_with_headers(**arguments)


def test_data_that_cannot_be_sent_is_named() -> None:
    with pytest.raises(TypeError, match="not int; see 'json'"):
        make_test_body_with_headers(data=1)


# --- scopes ---------------------------------------------------------------------------------


def test_the_scope_is_a_servers() -> None:
    scope = make_test_scope(
        "http", "/ä%", "GET", Headers({"X-Name": "ä"}), b"a=b", "http", "", "1.1", {"client": None}
    )

    assert {
        "type": "http",
        "http_version": "1.1",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "method": "GET",
        "scheme": "http",
        "path": "/ä%",
        "raw_path": b"/%C3%A4%25",
        "query_string": b"a=b",
        "root_path": "",
        "headers": [(b"x-name", b"\xe4")],
        "extensions": {"http.response.early_hint": {}},
        "client": None,
    } == scope


def test_extensions_are_those_of_the_protocol() -> None:
    """Push and trailers need HTTP/2; a websocket may be refused with a response."""

    def extensions(type_: str, version: str) -> set[str]:
        return set(
            make_test_scope(type_, "/", "GET", Headers(), b"", "", "", version, None)["extensions"]
        )

    assert {"http.response.early_hint"} == extensions("http", "1.1")
    assert {
        "http.response.early_hint",
        "http.response.push",
        "http.response.trailers",
    } == extensions("http", "2")
    assert {"websocket.http.response"} == extensions("websocket", "1.1")


async def test_no_op_push_does_nothing() -> None:
    await no_op_push("/", Headers())


# --- the request builder --------------------------------------------------------------------


def test_base_url_is_scheme_host_and_root_path(app: Quart) -> None:
    """As in Flask, the path is below the root path of a `base_url`."""
    builder = build(app, "/path?a=b", "https://example.com:8443/prä/")

    assert "https://example.com:8443/pr%C3%A4/path?a=b" == builder.url
    assert ("/prä", "/prä/path") == (builder.root_path, builder.path)
    assert "/path" == builder.request().path
    assert "https://example.com:8443/prä/path?a=b" == builder.request().url


def test_root_path_is_part_of_the_path(app: Quart) -> None:
    builder = build(app, "/app/path", root_path="/app")

    assert ("/app", "/app/path") == (builder.scope()["root_path"], builder.scope()["path"])
    assert "http://localhost/app/path" == builder.request().url


def test_a_whole_url_is_scheme_host_and_path(app: Quart) -> None:
    builder = build(app, "https://example.com/path")

    assert "https://example.com/path" == builder.url


def test_scheme_is_the_preferred_one_unless_given(app: Quart) -> None:
    assert "http" == build(app).scheme
    assert "https" == build(app, scheme="https").scheme
    assert "https" == build(app, url_scheme="https").scheme

    app.config["PREFERRED_URL_SCHEME"] = "https"

    assert "https" == build(app).scheme
    assert "http" == build(app, scheme="http").scheme


def test_contradictions_are_refused(app: Quart) -> None:
    with pytest.raises(ValueError, match="with 'base_url'"):
        build(app, base_url="http://x/", subdomain="y")
    with pytest.raises(ValueError, match="no query string"):
        build(app, base_url="http://x/?a=b")
    with pytest.raises(ValueError, match="with 'data'"):
        build(app, input_stream=BytesIO(), data="x")
    with pytest.raises(TypeError, match="unexpected keyword argument 'jsn'"):
        build(app, jsn={})


def test_environ_base_gives_defaults_and_environ_overrides_wins(app: Quart) -> None:
    environ = {
        "REMOTE_ADDR": "10.0.0.1",
        "HTTP_X_NAME": "environ",
        "HTTP_X_OTHER": "environ",
        "wsgi.url_scheme": "https",
        "custom": 1,
    }
    builder = build(app, headers={"x-name": "header"}, environ_base=environ)

    assert ("header", "environ") == (builder.headers["X-Name"], builder.headers["X-Other"])
    assert "https" == builder.scheme == builder.scope()["scheme"]
    assert ("10.0.0.1", 0) == builder.scope()["client"]
    assert 1 == builder.scope()["custom"]

    builder = build(
        app,
        headers={"x-name": "header"},
        scheme="http",
        scope_base={"client": ("10.0.0.2", 1)},
        environ_overrides=environ,
    )

    assert "environ" == builder.headers["X-Name"]
    assert "https" == builder.scheme
    assert ("10.0.0.1", 0) == builder.scope()["client"]


def test_content_length_is_told_unless_the_test_says_otherwise(app: Quart) -> None:
    assert "4" == build(app, data="body").headers["Content-Length"]
    assert "9" == build(app, data="body", content_length=9).headers["Content-Length"]
    chunked = build(app, data="body", headers={"Transfer-Encoding": "chunked"})

    assert "Content-Length" not in chunked.headers
    assert "Content-Length" not in build(app).headers


def test_content_type_of_the_test_wins(app: Quart) -> None:
    by_header = build(app, json=1, headers={"content-type": "text/plain"})
    by_argument = build(app, json=1, content_type="text/plain")
    by_mimetype = build(app, json=1, mimetype="text/plain")

    assert ["text/plain"] == by_header.headers.getlist("Content-Type")
    assert ["text/plain"] == by_argument.headers.getlist("Content-Type")
    assert ["text/plain; charset=utf-8"] == by_mimetype.headers.getlist("Content-Type")


@pytest.mark.parametrize(
    ("value", "filename", "content_type", "content"),
    [
        (FileStorage(BytesIO(b"a"), "a.txt"), "a.txt", None, b"a"),
        (FileStorage(BytesIO(b"a"), "a.txt", content_type="x/y"), "a.txt", "x/y", b"a"),
        ((BytesIO(b"a"), "a.txt"), "a.txt", "text/plain", b"a"),
        ((BytesIO(b"a"), "a.txt", "x/y"), "a.txt", "x/y", b"a"),
        (BytesIO(b"a"), "field", "application/octet-stream", b"a"),
        ((b"a", "a.bin"), "a.bin", "application/octet-stream", b"a"),
    ],
)
async def test_files(
    app: Quart, value: Any, filename: str, content_type: str | None, content: bytes
) -> None:
    """A file is a `FileStorage`, an open file, or a tuple with its name and type."""
    request = build(app, method="POST", files={"field": value}).request()
    async with app.request_context(request):
        file = (await request.files)["field"]

        assert (filename, content_type) == (file.filename, file.content_type or None)
        assert content == file.read()


async def test_files_from_paths_and_lists_of_files(app: Quart, tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes(b"content")
    with path.open("rb") as open_file:
        request = build(
            app, method="POST", files={"f": [open_file, (path, "b.txt"), (str(path),)]}
        ).request()
    async with app.request_context(request):
        files = (await request.files).getlist("f")

        assert [str(path), "b.txt", str(path)] == [file.filename for file in files]
        assert [b"content"] * 3 == [file.read() for file in files]


async def test_flasks_data_may_hold_fields_and_files(app: Quart) -> None:
    """In `data` a tuple is a file, a list is several values, a file without a name is a field."""
    data = {
        "name": "value",
        "many": ["1", 2],
        "file": (BytesIO(b"a"), "a.txt"),
        "files": [(BytesIO(b"b"), "b"), FileStorage(BytesIO(b"c"), "c.html")],
        "nameless": BytesIO(b"d"),
    }
    request = build(app, method="POST", data=data, content_type="multipart/form-data").request()
    async with app.request_context(request):
        form, files = await request.form, await request.files

        assert {"name": ["value"], "many": ["1", "2"], "nameless": ["d"]} == form.to_dict(False)
        assert ["a.txt", "b", "c.html"] == [file.filename for _, file in files.items(multi=True)]
        assert "text/html" == files.getlist("files")[1].content_type


def test_redirected_keeps_or_drops_method_and_body(app: Quart) -> None:
    """RFC 9110, section 15.4: 307 and 308 repeat the request, others ask anew with GET or HEAD."""
    builder = build(app, "/a/b?c=d", method="POST", json=1, headers={"x": "y"})

    after = RequestBuilder(app, builder.redirected("c?e=f", 303))

    assert ("GET", b"", "http://localhost/a/c?e=f") == (after.method, after.body, after.url)
    assert {"X", "User-Agent", "Host"} == {name.title() for name, _ in after.headers}

    again = RequestBuilder(app, builder.redirected("https://example.com", 307))

    assert ("POST", b"1", "https://example.com/") == (again.method, again.body, again.url)
    assert "application/json" == again.headers["Content-Type"]
    assert "HEAD" == build(app, method="HEAD").redirected("/", 302).method
