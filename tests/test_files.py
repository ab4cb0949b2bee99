"""Files as responses: names, headers, conditions, ranges, and what must never be served."""

import asyncio
import gzip
import io
import os
import re
import threading
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from asgi import Response, get, stream
from asgi import request as ask
from werkzeug.exceptions import NotFound
from werkzeug.http import http_date

from quart import Blueprint, Quart, request, send_file, send_from_directory
from quart.files import PRECOMPRESSED

CONTENT = b"0123456789"
MTIME = 1_700_000_000


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A directory that is the root of an application, and its working directory's neighbour."""
    (tmp_path / "static").mkdir()
    write(tmp_path / "file.txt", CONTENT)
    write(tmp_path / "static" / "app.js", CONTENT)
    return tmp_path


def write(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    os.utime(path, (MTIME, MTIME))


def make_app(root: Path, *args: Any, **kwargs: Any) -> Quart:
    """An application that sends a file, given the arguments of `send_file`."""
    app = Quart("tests", root_path=str(root))

    @app.route("/")
    async def view() -> Any:
        return await send_file(*args, **kwargs)

    @app.route("/from/<path:name>")
    async def view_from(name: str) -> Any:
        return await send_from_directory("static", name)

    return app


async def file(root: Path, **headers: str) -> Response:
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    return await get(make_app(root, "file.txt"), headers=names)


# --- what is sent


async def test_the_headers_of_a_file(root: Path) -> None:
    """A file comes with all that Flask says of it."""
    response = await file(root)

    assert (200, CONTENT) == (response.status, response.body)
    etag = response.headers.pop("ETag")
    expires = response.headers.pop("Expires")
    assert f'"{float(MTIME)}-10-' == etag[: len(str(MTIME)) + 7]
    assert expires.endswith(" GMT")
    assert {
        ("content-disposition", "inline; filename=file.txt"),
        ("content-type", "text/plain; charset=utf-8"),
        ("content-length", "10"),
        ("last-modified", http_date(MTIME)),
        ("cache-control", "public, max-age=43200"),
        ("accept-ranges", "bytes"),
    } == set(response.headers)


@pytest.mark.parametrize(
    "kind", [str, Path, os.fsencode, lambda path: path.relative_to(Path.cwd())]
)
async def test_kinds_of_paths(root: Path, kind: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A path may be text, bytes or a path object, absolute or relative."""
    monkeypatch.chdir(root)

    assert CONTENT == (await get(make_app(root, kind(root / "file.txt")))).body


async def test_relative_paths(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """They are looked for under the application's root, then under the working directory."""
    work = root / "work"
    work.mkdir()
    (work / "file.txt").write_bytes(b"not this one")
    (work / "only-here.txt").write_bytes(b"here")
    monkeypatch.chdir(work)

    assert CONTENT == (await get(make_app(root, "file.txt"))).body
    assert b"here" == (await get(make_app(root, "only-here.txt"))).body
    app = make_app(root)
    async with app.app_context():
        assert b"here" == await (await send_from_directory("../work", "only-here.txt")).data
        for name in ("missing.txt", root, "missing/"):
            with pytest.raises(OSError):
                await send_file(name)


@pytest.mark.parametrize("kind", ["bytesio", "file", "pipe"])
async def test_file_objects(root: Path, kind: str) -> None:
    """Open files, BytesIO and what cannot seek are sent; files are closed behind."""
    if kind == "bytesio":
        source: Any = io.BytesIO(CONTENT)
        source.read()
    elif kind == "file":
        source = (root / "file.txt").open("rb")
    else:
        reader, writer = os.pipe()
        os.write(writer, CONTENT)
        os.close(writer)
        source = os.fdopen(reader, "rb")
    response = await get(make_app(root, source, mimetype="text/plain"))

    assert (200, CONTENT) == (response.status, response.body)
    assert (None if kind == "pipe" else "10") == response.headers.get("Content-Length")
    assert (kind != "bytesio") == source.closed
    assert "ETag" not in response.headers


@pytest.mark.parametrize(
    ("headers", "status"),
    [({"range": "bytes=10-"}, 416), ({"if-modified-since": http_date(MTIME)}, 304)],
)
async def test_a_file_object_that_is_not_sent_is_closed(
    root: Path, headers: dict[str, str], status: int
) -> None:
    source = (root / "file.txt").open("rb")
    app = make_app(root, source, mimetype="text/plain", last_modified=MTIME)

    assert status == (await get(app, headers=headers)).status
    assert source.closed


async def test_a_file_without_a_name(root: Path) -> None:
    """It may have been made for one user: it is kept by nobody, unless that is asked for."""
    app = make_app(root)

    @app.route("/kept", defaults={"max_age": 60})
    @app.route("/made", defaults={"max_age": None})
    async def made(max_age: int | None) -> Any:
        return await send_file(io.BytesIO(b"x"), "text/csv", as_attachment=True, max_age=max_age)

    response = await get(app, "/made")

    assert (200, "attachment") == (response.status, response.headers["Content-Disposition"])
    assert "no-cache" == response.headers["Cache-Control"]
    assert "public, max-age=60" == (await get(app, "/kept")).headers["Cache-Control"]
    app.config["SEND_FILE_MAX_AGE_DEFAULT"] = 30
    assert "public, max-age=30" == (await get(app, "/made")).headers["Cache-Control"]


async def test_what_is_no_file(root: Path) -> None:
    """Text files, missing names and types are told apart."""
    async with make_app(root).app_context():
        with pytest.raises(ValueError, match="binary"):
            await send_file(io.StringIO("text"), mimetype="text/plain")  # type: ignore[arg-type]
        with pytest.raises(ValueError, match="mimetype"):
            await send_file(io.BytesIO(b""))
        with pytest.raises(ValueError):
            await send_file()
        with pytest.raises(TypeError):
            await send_from_directory("static")
    with pytest.raises(RuntimeError, match="application context"):
        await send_file(root / "file.txt")


@pytest.mark.parametrize(
    ("name", "disposition"),
    [
        ("file.txt", "attachment; filename=file.txt"),
        ("a b.txt", 'attachment; filename="a b.txt"'),
        ('a"b.txt', 'attachment; filename="a\\"b.txt"'),
        ("é.txt", "attachment; filename=e.txt; filename*=UTF-8''%C3%A9.txt"),
        ("☃.txt", "attachment; filename=.txt; filename*=UTF-8''%E2%98%83.txt"),
    ],
)
async def test_attachments(root: Path, name: str, disposition: str) -> None:
    """The client is told under which name to keep the file."""
    app = make_app(root, "file.txt", as_attachment=True, download_name=name)

    assert disposition == (await get(app)).headers["Content-Disposition"]


async def test_a_name_with_line_breaks_does_not_split_the_header(root: Path) -> None:
    """Whatever the name of a file, it stays in its header."""
    for name in ("a\r\nX-B: c.txt", "a\nb.txt", "a\0b.txt"):
        response = await get(make_app(root, "file.txt", as_attachment=True, download_name=name))
        assert "X-B" not in response.headers


@pytest.mark.parametrize(
    ("name", "mimetype", "attachment", "content_type", "coding"),
    [
        ("x.html", None, False, "text/html; charset=utf-8", None),
        ("x.png", None, False, "image/png", None),
        ("x.unknown", None, False, "application/octet-stream", None),
        ("x.tar.gz", None, False, "application/x-tar", "gzip"),
        ("x.tar.gz", None, True, "application/x-tar", None),
        ("x.html", "a/b", False, "a/b", None),
    ],
)
async def test_the_type_of_a_file(
    root: Path, name: str, mimetype: Any, attachment: bool, content_type: str, coding: str | None
) -> None:
    """The type is guessed of the name, unless it is given."""
    write(root / name, b"x")
    response = await get(make_app(root, name, mimetype=mimetype, as_attachment=attachment))

    assert content_type == response.headers["Content-Type"]
    assert coding == response.headers.get("Content-Encoding")


@pytest.mark.parametrize(
    ("arguments", "default", "expected"),
    [
        ({}, 60, "public, max-age=60"),
        ({}, None, "no-cache"),
        ({"max_age": 5}, 60, "public, max-age=5"),
        ({"max_age": 0}, 60, "no-cache, max-age=0"),
        ({"cache_timeout": 5}, 60, "public, max-age=5"),
        ({"max_age": lambda path: len(Path(path).name)}, 60, "public, max-age=8"),
        ({"max_age": lambda path: None}, 60, "no-cache"),
    ],
)
async def test_max_age(root: Path, arguments: Any, default: Any, expected: str) -> None:
    """Seconds, a function of the path, or the application's default."""
    app = make_app(root, "file.txt", **arguments)
    app.config["SEND_FILE_MAX_AGE_DEFAULT"] = default

    assert expected == (await get(app)).headers["Cache-Control"]


async def test_arguments_of_both_generations(root: Path) -> None:
    """Flask's names and those of Quart 0.22 mean the same."""
    modified = datetime(2020, 1, 2, tzinfo=UTC)
    app = Quart("tests", root_path=str(root))
    async with app.app_context():
        new = await send_file("file.txt", "a/b", True, "name", False, "etag", modified, 5)
        old = await send_file(
            filename_or_io="file.txt",
            mimetype="a/b",
            as_attachment=True,
            attachment_filename="name",
            add_etags=True,
            cache_timeout=5,
            conditional=False,
            last_modified=modified,
        )
        without = await send_file("file.txt", add_etags=False)
        by_name = [
            await send_from_directory("static", **{name: "app.js"})  # type: ignore[arg-type]
            for name in ("path", "file_name", "filename")
        ]

    assert ("etag", False) == new.get_etag()
    assert modified == new.last_modified == old.last_modified
    assert "attachment; filename=name" == new.headers["Content-Disposition"]
    assert new.headers["Content-Disposition"] == old.headers["Content-Disposition"]
    assert 5 == new.cache_control.max_age == old.cache_control.max_age
    assert "ETag" in old.headers
    assert "ETag" not in without.headers
    assert [10] * 3 == [response.content_length for response in by_name]


async def test_x_sendfile(root: Path) -> None:
    """With USE_X_SENDFILE the server in front gets the path, and the body is empty."""
    name = "é.txt"
    write(root / name, CONTENT)
    app = make_app(root, name)
    app.config["USE_X_SENDFILE"] = True
    response = await get(app, headers={"range": "bytes=0-1"})

    assert (200, b"", "0") == (response.status, response.body, response.headers["Content-Length"])
    assert str(root / name).encode() == response.headers["X-Sendfile"].encode("latin-1")


async def test_a_head_request_does_not_read_the_file(root: Path) -> None:
    """The headers are those of GET, nothing is opened."""
    app = make_app(root, "file.txt")

    class Body(app.response_class.file_body_class):  # type: ignore[misc, name-defined]
        async def __aenter__(self) -> Any:
            raise AssertionError("read")

    class Own(app.response_class):  # type: ignore[misc, name-defined]
        file_body_class = Body

    app.response_class = Own
    response = await ask(app, "HEAD")

    assert (200, b"", "10") == (response.status, response.body, response.headers["Content-Length"])


# --- static files


@pytest.mark.parametrize(
    "name",
    [
        "..",
        ".",
        "",
        "/",
        "../file.txt",
        "../../../../etc/passwd",
        "/etc/passwd",
        "//etc/passwd",
        "static/../../file.txt",
        "..\\file.txt",
        "\\etc\\passwd",
        "a\\b",
        "app.js\\",
        "C:/app.js",
        "C:app.js",
        "c:\\app.js",
        "x/C:/app.js",
        "\\\\host\\share",
        "app.js/x",
        "app.js\0",
        "app.js\0.txt",
        "\0",
        "app.js\n",
        "~",
        "~root/x",
        "x" * 300,
        "x/" * 5000,
        "missing",
        "....//file.txt",
        "..%2ffile.txt",
        "%2e%2e/file.txt",
        "..;/file.txt",
        "\uff0e\uff0e/file.txt",
        "\udcff",
        "app.js:stream",
        "con",
    ],
)
@pytest.mark.parametrize("encode", [False, True])
async def test_names_that_are_not_served(root: Path, name: str, encode: bool) -> None:
    """What climbs out, is no file or no name is 404, in every encoding."""
    app = make_app(root)
    async with app.app_context():
        with pytest.raises(NotFound):
            await send_from_directory("static", os.fsencode(name) if encode else name)
    if name and "\udcff" != name:
        quoted = "".join(f"%{byte:02x}" for byte in name.encode())
        for target in (f"/static/{quoted}", f"/from/{quoted}"):
            assert (await get(app, target)).status in (404, 308)


@pytest.mark.parametrize(
    "target",
    [
        "/static/../file.txt",
        "/static/%2e%2e/file.txt",
        "/static/%2e%2e%2ffile.txt",
        "/static/..%2ffile.txt",
        "/static/..%5cfile.txt",
        "/static/%252e%252e%252ffile.txt",
        "/static//../file.txt",
        "/static/%2fetc%2fpasswd",
        "/static/%00",
        "/static/app.js%00",
        "/static/%c0%ae%c0%ae/file.txt",
    ],
)
async def test_path_traversal(root: Path, target: str) -> None:
    """No way of writing it leads out of the static folder."""
    response = await get(make_app(root), target)

    assert response.status in (404, 308)
    assert CONTENT not in response.body


async def test_a_colon_that_ends_no_drive_letter(root: Path) -> None:
    write(root / "static" / "note:1.txt", CONTENT)
    app = make_app(root)

    assert CONTENT == (await get(app, "/static/note:1.txt")).body
    assert CONTENT == (await get(app, "/from/note%3A1.txt")).body


async def test_what_is_no_regular_file(root: Path) -> None:
    """Directories and pipes are 404, and opening one does not hang."""
    os.mkfifo(root / "static" / "pipe")
    (root / "static" / "directory").mkdir()
    app = make_app(root)

    assert 404 == (await get(app, "/static/pipe")).status
    assert 404 == (await get(app, "/static/directory")).status


async def test_static_files(root: Path) -> None:
    """The static folder is served with conditions and ranges."""
    app = make_app(root)
    response = await get(app, "/static/app.js")
    headers = {"if-none-match": response.headers["ETag"]}

    assert (200, CONTENT) == (response.status, response.body)
    assert 304 == (await get(app, "/static/app.js", headers=headers)).status
    assert b"89" == (await get(app, "/static/app.js", headers={"range": "bytes=-2"})).body


async def test_a_blueprint_has_its_own_max_age(root: Path) -> None:
    """`get_send_file_max_age` of application and blueprint are asked."""

    class Own(Blueprint):
        def get_send_file_max_age(self, filename: str | None) -> int | None:
            return 7

    class App(Quart):
        def get_send_file_max_age(self, filename: str | None) -> int | None:
            return 8

    app = App("tests", root_path=str(root))
    blueprint = Own("own", "tests", root_path=str(root), static_folder="static", url_prefix="/own")
    app.register_blueprint(blueprint)

    assert 43200 == Quart("tests").get_send_file_max_age("name")
    assert 7 == int((await get(app, "/own/static/app.js")).headers["Cache-Control"].split("=")[1])
    assert 8 == int((await get(app, "/static/app.js")).headers["Cache-Control"].split("=")[1])


async def test_static_files_answer_while_sync_views_block(root: Path) -> None:
    """File work has threads of its own."""
    app = make_app(root)
    release = threading.Event()

    @app.route("/block")
    def block() -> str:
        release.wait(10)
        return ""

    blocked = [asyncio.ensure_future(get(app, "/block")) for _ in range(200)]
    await asyncio.sleep(0.1)
    try:
        response = await asyncio.wait_for(get(app, "/static/app.js"), 3)
    finally:
        release.set()
    await asyncio.gather(*blocked)

    assert CONTENT == response.body


# --- conditions


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"if-none-match": "ETAG"}, 304),
        ({"if-none-match": "W/ETAG"}, 304),
        ({"if-none-match": '"x", ETAG'}, 304),
        ({"if-none-match": "*"}, 304),
        ({"if-none-match": '"x"'}, 200),
        ({"if-none-match": ""}, 200),
        ({"if-none-match": '"x"', "if-modified-since": http_date(MTIME)}, 200),
        ({"if-modified-since": http_date(MTIME)}, 304),
        ({"if-modified-since": http_date(MTIME + 1)}, 304),
        ({"if-modified-since": http_date(MTIME - 1)}, 200),
        ({"if-modified-since": "yesterday"}, 200),
        ({"if-modified-since": "Fri, 99 Foo 99999 99:99:99 GMT"}, 200),
        ({"if-match": "ETAG"}, 200),
        ({"if-match": "*"}, 200),
        ({"if-match": "W/ETAG"}, 412),
        ({"if-match": '"x"'}, 412),
        ({"if-unmodified-since": http_date(MTIME)}, 200),
        ({"if-unmodified-since": http_date(MTIME - 1)}, 412),
        ({"if-unmodified-since": "x"}, 200),
        ({"if-match": "ETAG", "if-unmodified-since": http_date(MTIME - 1)}, 200),
        ({"if-match": '"x"', "if-none-match": "ETAG"}, 412),
        ({"if-none-match": "\xff\x00"}, 200),
    ],
)
@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_conditions(root: Path, headers: dict[str, str], status: int, method: str) -> None:
    """Conditions are answered in the order of RFC 9110 section 13.2.2."""
    app = make_app(root, "file.txt")
    etag = (await get(app)).headers["ETag"]
    asked = {name: value.replace("ETAG", etag) for name, value in headers.items()}
    response = await ask(app, method, headers=asked)

    assert status == response.status
    assert (CONTENT if (status, method) == (200, "GET") else b"") == response.body
    if status == 304:
        assert {"ETag", "Cache-Control"} <= {
            name for name in ("ETag", "Cache-Control") if name in response.headers
        }
        assert "Content-Length" not in response.headers
        assert "Content-Type" not in response.headers


async def test_without_conditions(root: Path) -> None:
    """`conditional=False` sends the file whatever is asked."""
    app = make_app(root, "file.txt", conditional=False)
    response = await get(app, headers={"if-none-match": "*", "range": "bytes=0-1"})

    assert (200, CONTENT) == (response.status, response.body)


async def test_if_match_of_any_etag(root: Path) -> None:
    """`*` holds where there is anything, RFC 9110 section 13.1.1; a weak ETag is no other one."""
    app = make_app(root)

    @app.route("/weak")
    async def weak() -> Any:
        response = app.response_class(CONTENT)
        response.set_etag("weak", weak=True)
        return await response.make_conditional(request)

    for value, status in [("*", 200), ('"weak"', 412), ('W/"weak"', 412)]:
        assert status == (await get(app, "/weak", headers={"if-match": value})).status


# --- ranges


@pytest.mark.parametrize(
    ("asked", "status", "body", "content_range"),
    [
        ("bytes=0-0", 206, b"0", "bytes 0-0/10"),
        ("bytes=0-", 206, CONTENT, "bytes 0-9/10"),
        ("bytes=2-4", 206, b"234", "bytes 2-4/10"),
        ("bytes=9-", 206, b"9", "bytes 9-9/10"),
        ("bytes=5-99", 206, b"56789", "bytes 5-9/10"),
        ("bytes=-1", 206, b"9", "bytes 9-9/10"),
        ("bytes=-3", 206, b"789", "bytes 7-9/10"),
        ("bytes=-99", 206, CONTENT, "bytes 0-9/10"),
        ("Bytes = 1-2", 206, b"12", "bytes 1-2/10"),
        ("bytes=0-1,1-2", 206, b"012", "bytes 0-2/10"),
        ("bytes=2-3,0-1", 206, b"0123", "bytes 0-3/10"),
        ("bytes=0-1,20-30", 206, b"01", "bytes 0-1/10"),
        ("bytes=10-", 416, None, "bytes */10"),
        ("bytes=99-100", 416, None, "bytes */10"),
        ("bytes=-0", 416, None, "bytes */10"),
        ("bytes=5-2", 416, None, "bytes */10"),
        ("bytes=a-b", 416, None, "bytes */10"),
        ("bytes=", 416, None, "bytes */10"),
        ("bytes=-", 416, None, "bytes */10"),
        ("bytes=--1", 416, None, "bytes */10"),
        ("bytes=0-1,", 416, None, "bytes */10"),
        ("bytes=1_0-", 416, None, "bytes */10"),
        ("bytes=+1-2", 416, None, "bytes */10"),
        ("bytes=\u0661-\u0662", 416, None, "bytes */10"),
        ("bytes=" + "9" * 100 + "-", 416, None, "bytes */10"),
        ("bytes=0-" + "9" * 5000, 206, CONTENT, "bytes 0-9/10"),
        ("bytes=-" + "9" * 5000, 206, CONTENT, "bytes 0-9/10"),
        ("bytes=" + "0" * 5000 + "8-", 206, CONTENT[8:], "bytes 8-9/10"),
        ("bytes=10-,20-", 416, None, "bytes */10"),
        ("items=0-1", 200, CONTENT, None),
        ("0-1", 200, CONTENT, None),
        ("", 200, CONTENT, None),
        ("bytes", 200, CONTENT, None),
        ("bytes=" + ",".join(["0-0"] * 33), 200, CONTENT, None),
        ("bytes=" + ",".join(["0-0"] * 5000), 200, CONTENT, None),
    ],
)
async def test_ranges(
    root: Path, asked: str, status: int, body: bytes | None, content_range: str | None
) -> None:
    """Single, open, suffix, overlapping and broken ranges."""
    response = await file(root, range=asked.encode().decode("latin-1"))

    assert status == response.status
    assert content_range == response.headers.get("Content-Range")
    if body is not None:
        assert body == response.body
        assert str(len(body)) == response.headers["Content-Length"]


async def test_several_ranges(root: Path) -> None:
    """Ranges that lie apart come as multipart/byteranges."""
    response = await file(root, range="bytes=0-1,4-5, -1")
    kind, _, boundary = response.headers["Content-Type"].partition("; boundary=")
    part = (
        "\r\n--{}\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Range: bytes {}\r\n\r\n{}"
    )
    expected = "".join(
        part.format(boundary, *values)
        for values in [("0-1/10", "01"), ("4-5/10", "45"), ("9-9/10", "9")]
    )

    assert (206, "multipart/byteranges") == (response.status, kind)
    assert f"{expected}\r\n--{boundary}--\r\n" == response.text
    assert str(len(response.body)) == response.headers["Content-Length"]
    assert "Content-Range" not in response.headers


@pytest.mark.parametrize("source", ["data", "io"])
async def test_ranges_of_other_bodies(root: Path, source: str) -> None:
    """Data and file objects are sent in ranges too."""
    app = Quart("tests", root_path=str(root))

    @app.route("/")
    async def view() -> Any:
        if source == "io":
            return await send_file(io.BytesIO(CONTENT), mimetype="text/plain")
        response = app.response_class(CONTENT)
        from quart import request

        return await response.make_conditional(request, accept_ranges=True)

    for asked, status, body in [
        ("bytes=-3", 206, b"789"),
        ("bytes=1-2", 206, b"12"),
        ("bytes=20-", 416, None),
    ]:
        response = await get(app, headers={"range": asked})
        assert status == response.status
        assert body in (None, response.body)
    several = await get(app, headers={"range": "bytes=0-0,9-9"})
    assert several.body.count(b"Content-Range") == 2
    assert several.body.count(b"\r\n\r\n0\r\n") == several.body.count(b"\r\n\r\n9\r\n") == 1


@pytest.mark.parametrize(
    ("value", "status"),
    [
        ("ETAG", 206),
        ("W/ETAG", 200),
        ('"x"', 200),
        (http_date(MTIME), 206),
        (http_date(MTIME + 1), 200),
        (http_date(MTIME - 1), 200),
        ("x", 200),
        ("", 200),
        ('"', 200),
    ],
)
async def test_if_range(root: Path, value: str, status: int) -> None:
    """A range is sent only if the validator is strongly the same."""
    app = make_app(root, "file.txt")
    etag = (await get(app)).headers["ETag"]
    headers = {"range": "bytes=0-1", "if-range": value.replace("ETAG", etag)}

    assert status == (await get(app, headers=headers)).status


async def test_a_weak_etag_never_matches_if_range(root: Path) -> None:
    """Strong comparison, RFC 9110 section 13.1.5."""
    app = make_app(root)

    @app.route("/weak")
    async def weak() -> Any:
        from quart import request

        response = await send_file("file.txt", conditional=False)
        response.set_etag("weak", weak=True)
        return await response.make_conditional(request, accept_ranges=True)

    for value in ('"weak"', 'W/"weak"'):
        headers = {"range": "bytes=0-1", "if-range": value}
        assert 200 == (await get(app, "/weak", headers=headers)).status


@pytest.mark.parametrize("method", ["HEAD", "POST"])
async def test_ranges_are_for_get(root: Path, method: str) -> None:
    """Other methods have no ranges, RFC 9110 section 14.2."""
    app = Quart("tests", root_path=str(root))

    @app.route("/", methods=["GET", "POST"])
    async def view() -> Any:
        return await send_file("file.txt")

    assert 200 == (await ask(app, method, headers={"range": "bytes=0-1"})).status


async def test_an_empty_file(root: Path) -> None:
    """It has no ranges: it is sent whole, as in Flask, also to a player that asks for some."""
    write(root / "empty", b"")
    app = make_app(root, "empty")

    assert (200, b"") == ((await get(app)).status, (await get(app)).body)
    for asked in ("bytes=0-", "bytes=-1"):
        answer = await get(app, headers={"range": asked})
        assert (200, b"") == (answer.status, answer.body)


# --- precompressed files


@pytest.mark.parametrize(
    ("config", "accepted", "coding"),
    [
        (None, "br", None),
        (True, "", None),
        (True, "gzip, deflate, br, zstd", "br"),
        (True, "gzip", "gzip"),
        (True, "zstd, gzip", "zstd"),
        (True, "br;q=0.5, gzip;q=0.8", "gzip"),
        (True, "br;q=0, gzip;q=0", None),
        (True, "*", "br"),
        (True, "identity", None),
        (True, "br;q=x,,;;", None),
        (["gzip"], "br, gzip", "gzip"),
        (["gzip"], "br", None),
    ],
)
async def test_precompressed_files(
    root: Path, config: Any, accepted: str, coding: str | None
) -> None:
    """With STATIC_PRECOMPRESSED a compressed sibling is sent to those who take it."""
    for name, ending in PRECOMPRESSED.items():
        write(root / "static" / f"app.js{ending}", name.encode())
    app = make_app(root)
    app.config["STATIC_PRECOMPRESSED"] = config
    plain = await get(app, "/static/app.js", headers={"accept-encoding": "identity"})
    response = await get(app, "/static/app.js", headers={"accept-encoding": accepted})

    assert 200 == response.status
    assert coding == response.headers.get("Content-Encoding")
    assert (CONTENT if coding is None else coding.encode()) == response.body
    assert "text/javascript; charset=utf-8" == response.headers["Content-Type"]
    assert (coding is None) == (plain.headers["ETag"] == response.headers["ETag"])
    assert (config is not None) == (response.headers.get("Vary") == "Accept-Encoding")


async def test_a_file_without_compressed_sibling(root: Path) -> None:
    """The file itself is sent where there is no sibling, or only that."""
    app = make_app(root)
    app.config["STATIC_PRECOMPRESSED"] = True
    write(root / "static" / "only.js.br", b"x")
    headers = {"accept-encoding": "br"}

    assert CONTENT == (await get(app, "/static/app.js", headers=headers)).body
    assert 404 == (await get(app, "/static/only.js", headers=headers)).status


# --- sending


async def test_a_large_file(root: Path) -> None:
    """Files longer than a piece are read in pieces, and ranges of them too."""
    content = os.urandom(1_000_000)
    write(root / "large.bin", content)
    app = make_app(root, "large.bin")

    assert content == (await get(app)).body
    asked = {"range": "bytes=300000-900000"}
    assert content[300_000:900_001] == (await get(app, headers=asked)).body


async def test_a_file_that_is_truncated_aborts_the_response(root: Path) -> None:
    """The client gets less than it was told, and can tell."""
    with (root / "large.bin").open("wb") as large:
        large.truncate(100_000_000)
    app = make_app(root, "large.bin")
    async with stream(app, raises=EOFError) as http:
        http.body()
        await http.chunk()
        (root / "large.bin").write_bytes(b"")
        await http.finish()


async def test_a_file_that_vanishes_is_an_error(root: Path) -> None:
    """Between being found and being sent a file may go: that is answered, not half sent."""
    app = make_app(root, "file.txt")

    @app.after_request
    async def remove(response: Any) -> Any:
        (root / "file.txt").unlink()
        return response

    app.config["PROPAGATE_EXCEPTIONS"] = False

    assert 500 == (await get(app)).status


async def test_pathsend(root: Path) -> None:
    """A server that sends files itself is given the path, for the whole file only."""
    app = make_app(root, "file.txt")
    whole = await get(app, extensions=["http.response.pathsend"])
    part = await get(app, headers={"range": "bytes=1-2"}, extensions=["http.response.pathsend"])

    assert "http.response.pathsend" == whole.messages[-1]["type"]
    assert str(root / "file.txt") == whole.messages[-1]["path"]
    assert b"12" == part.body


async def test_file_work_does_not_block_the_loop(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A slow disk holds up nobody else."""
    real = os.stat
    released = threading.Event()

    def slow(*args: Any, **kwargs: Any) -> Any:
        if str(args[0]).endswith("app.js"):
            released.wait(5)
        return real(*args, **kwargs)

    monkeypatch.setattr(os, "stat", slow)
    app = make_app(root)
    slow_file = asyncio.ensure_future(get(app, "/static/app.js"))
    await asyncio.sleep(0.01)

    assert not slow_file.done()
    released.set()
    assert CONTENT == (await slow_file).body


# Resources


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ({}, "é\r\n".encode()),
        ({"mode": "rb"}, "é\r\n".encode()),
        ({"mode": "r"}, "é\n"),
        ({"mode": "rt", "encoding": "latin-1"}, "Ã©\n"),
    ],
)
@pytest.mark.parametrize("owner", ["app", "blueprint", "instance"])
async def test_resources(tmp_path: Path, owner: str, arguments: Any, expected: str | bytes) -> None:
    """They are awaited in async code, and are ordinary files in a sync view, as in Flask."""
    (tmp_path / "resource.txt").write_bytes("é\r\n".encode())
    app = Quart(__name__, root_path=str(tmp_path), instance_path=str(tmp_path))
    blueprint = Blueprint("blueprint", __name__, root_path=str(tmp_path))
    open_resource: Any = {
        "app": app.open_resource,
        "blueprint": blueprint.open_resource,
        "instance": app.open_instance_resource,
    }[owner]
    read: list[str | bytes] = []

    @app.get("/async")
    async def awaited() -> str:
        async with await open_resource("resource.txt", **arguments) as file:
            read.append(await file.read())
        return ""

    @app.get("/sync")
    def plain() -> str:
        with open_resource(resource="resource.txt", **arguments) as file:
            read.append(file.read())
        return ""

    assert [200, 200] == [(await get(app, path)).status for path in ("/async", "/sync")]
    assert [expected, expected] == read


async def test_resources_are_for_reading() -> None:
    app = Quart(__name__)
    for mode in ("w", "a", "r+", "rb+", ""):
        with pytest.raises(ValueError, match=f"for reading, not with mode '{re.escape(mode)}'"):
            await app.open_resource(__file__, mode)
    with pytest.raises(TypeError, match="path of the resource is missing"):
        await app.open_resource()


@pytest.mark.parametrize(
    ("mode", "encoding", "expected"),
    [
        ("w", None, "é".encode()),
        ("xt", "latin-1", b"\xe9"),
        ("a", "utf-8", b"oldest \xc3\xa9"),
        ("wb", "utf-8", b"bytes"),
        ("rb+", None, b"bytest "),
    ],
)
@pytest.mark.parametrize("path", ["/async", "/sync"])
async def test_files_of_the_instance_are_written(
    tmp_path: Path, path: str, mode: str, encoding: Any, expected: bytes
) -> None:
    """As in Flask, where only `open_resource` is for reading."""
    app = Quart(__name__, instance_path=str(tmp_path))
    file_path = tmp_path / "file"
    if not mode.startswith("x"):
        file_path.write_bytes(b"oldest ")
    data: Any = b"bytes" if "b" in mode else "é"

    @app.get("/async")
    async def awaited() -> str:
        async with await app.open_instance_resource("file", mode, encoding) as file:
            await file.write(data)
        return ""

    @app.get("/sync")
    def plain() -> str:
        with app.open_instance_resource("file", mode, encoding) as file:  # type: ignore
            file.write(data)
        return ""

    assert 200 == (await get(app, path)).status
    assert expected == file_path.read_bytes()


ZEROCOPY = ["http.response.zerocopysend"]


@pytest.mark.parametrize("kind", ["path", "file", "unbuffered"])
async def test_zerocopysend(root: Path, kind: str) -> None:
    """A server that copies from a descriptor is given one, for ranges too, and it is closed."""
    app = Quart("tests", root_path=str(root))

    @app.route("/")
    async def view() -> Any:
        if kind == "path":
            return await send_file("file.txt")
        file = (root / "file.txt").open("rb", buffering=0 if kind == "unbuffered" else -1)
        return await send_file(file, mimetype="text/plain")  # type: ignore[arg-type]

    for headers, status, body in [
        ({}, 200, CONTENT),
        ({"range": "bytes=2-4"}, 206, b"234"),
        ({"range": "bytes=-3"}, 206, b"789"),
    ]:
        response = await get(app, headers=headers, extensions=ZEROCOPY)
        message = response.messages[-1]

        assert (status, body) == (response.status, response.body)
        assert "http.response.zerocopysend" == message["type"]
        assert (len(response.messages), message["file"].closed) == (2, True)


async def test_a_file_that_is_deleted_when_it_was_sent(root: Path) -> None:
    """A server might open it later: it is not given the path."""
    path = root / "deleted.txt"
    path.write_bytes(CONTENT)
    app = make_app(root)

    @app.get("/deleted")
    async def deleted() -> Any:
        response = await send_file(path)
        response.call_on_close(path.unlink)
        return response

    assert CONTENT == (await get(app, "/deleted", extensions=["http.response.pathsend"])).body
    assert not path.exists()


async def test_pathsend_comes_before_zerocopysend(root: Path) -> None:
    """A server that offers both gets the path of a whole file, and the descriptor for a part."""
    app = make_app(root, "file.txt")
    both = ["http.response.pathsend", *ZEROCOPY]
    part = await get(app, headers={"range": "bytes=1-2"}, extensions=both)

    assert "http.response.pathsend" == (await get(app, extensions=both)).messages[-1]["type"]
    assert "http.response.zerocopysend" == part.messages[-1]["type"]


@pytest.mark.parametrize("kind", ["empty", "bytesio", "compressed", "own body", "ranges"])
async def test_what_no_descriptor_holds_is_sent_as_bytes(root: Path, kind: str) -> None:
    """Only what a plain file holds as it is can be copied from it."""
    app = Quart("tests", root_path=str(root))
    write(root / "empty", b"")
    with gzip.open(root / "file.gz", "wb") as file:
        file.write(CONTENT)

    class Upper(app.response_class.file_body_class):  # type: ignore[misc, name-defined]
        async def _read(self, size: int) -> bytes:
            return (await super()._read(size)).replace(b"0", b"-")

    class Own(app.response_class):  # type: ignore[misc, name-defined]
        file_body_class = Upper

    if kind == "own body":
        app.response_class = Own

    @app.route("/")
    async def view() -> Any:
        match kind:
            case "empty":
                return await send_file("empty")
            case "bytesio":
                return await send_file(io.BytesIO(CONTENT), mimetype="text/plain")
            case "compressed":
                return await send_file(gzip.open(root / "file.gz"), mimetype="text/plain")  # type: ignore[arg-type]
        return await send_file("file.txt")

    headers = {"range": "bytes=0-0,9-9"} if kind == "ranges" else {}
    response = await get(app, headers=headers, extensions=ZEROCOPY)

    assert "http.response.body" == response.messages[-1]["type"]
    if kind != "ranges":
        expected = {"empty": b"", "own body": b"-123456789"}.get(kind, CONTENT)
        assert expected == response.body


@pytest.mark.parametrize("change", ["shrinks", "vanishes"])
async def test_a_file_that_changed_before_it_is_copied(root: Path, change: str) -> None:
    """A server is given no descriptor of what is not there: that is a 500, as without it."""
    app = make_app(root, "file.txt")
    app.config["PROPAGATE_EXCEPTIONS"] = False

    @app.after_request
    async def alter(response: Any) -> Any:
        if change == "shrinks":
            (root / "file.txt").write_bytes(b"")
        else:
            (root / "file.txt").unlink()
        return response

    assert 500 == (await get(app, extensions=ZEROCOPY)).status


@pytest.mark.parametrize("name", ["\udcff", "\ud800x", "x" * 300, "x/" * 3000, "\0", "a\0b"])
async def test_a_name_that_the_file_system_cannot_say_is_a_404(name: str, tmp_path: Path) -> None:
    """There is no such file; the error would be a 500."""
    app = Quart(__name__)

    async def view() -> Any:
        return await send_from_directory(tmp_path, name)

    app.add_url_rule("/", "view", view)

    assert 404 == (await get(app)).status
