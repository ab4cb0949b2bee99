"""One test for each class of security advisory of our kind of software, by its numbers.

Each docstring says what went wrong there, and what has to be so here. How much work something is
counts as the calls of functions, in Python and in C: a number that no busy machine changes.
"""

import asyncio
import gc
import io
import logging
import os
import sys
import threading
import tracemalloc
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from asgi import get, stream
from asgi import request as ask
from test_forms import part, upload, view_form
from test_request_body import FORM, MULTIPART, make_app, send
from werkzeug.http import parse_cookie

from quart import Quart, redirect, request, send_file, session
from quart.formparser import SPOOL_SIZE, MultiPartParser
from quart.sessions import SecureCookieSessionInterface
from quart.wrappers.request import Body


@contextmanager
def counted() -> Iterator[list[int]]:
    """A list whose item is the number of calls so far, here and in threads that start."""
    calls = [0]

    def note(frame: Any, event: str, argument: Any) -> None:
        calls[0] += event in ("call", "c_call")

    gc.collect()
    gc.disable()  # what other tests have left would be counted here
    threading.setprofile(note)
    sys.setprofile(note)
    try:
        yield calls
    finally:
        sys.setprofile(None)
        threading.setprofile(None)  # type: ignore[arg-type]
        gc.enable()


async def calls_of(attempt: Callable[[int], Awaitable[Any]], size: int) -> int:
    with counted() as calls:
        await attempt(size)
    return calls[0]


async def assert_linear(attempt: Callable[[int], Awaitable[Any]], size: int) -> None:
    """Four times as much takes at most four times the work, and a little."""
    await attempt(size)  # what is done once is done
    small, large = await calls_of(attempt, size), await calls_of(attempt, 4 * size)

    assert 4.4 * small + 200 > large


async def refuse_form(body: Any, status: int, content_type: str = MULTIPART) -> None:
    assert status == (await send(make_app(view_form), body, content_type)).status


def pieces(body: bytes, size: int = 65_536) -> list[bytes]:
    return [body[index : index + size] for index in range(0, len(body), size)]


# --- multipart forms


@pytest.mark.parametrize("kind", ["fields", "files"])
async def test_a_form_of_very_many_parts(kind: str) -> None:
    """Each part is cheap to send and dear to keep, so the number of parts has a limit.

    Werkzeug CVE-2023-25577, Starlette CVE-2023-30798, Django CVE-2023-24580.
    """
    one = part("a", b"") if kind == "fields" else upload("a", "x", b"")

    async def attempt(parts: int) -> None:
        await refuse_form(one * parts + b"--b--", 413)

    await attempt(1001)
    small, large = await calls_of(attempt, 2_000), await calls_of(attempt, 100_000)

    assert small + 200 > large  # the rest is not looked at


@pytest.mark.parametrize("start", [b"\r", b"\n", b"\r\n", b"x"])
async def test_a_part_that_begins_with_a_line_break(start: bytes) -> None:
    """Megabytes behind a first CR or LF were searched again with each chunk.

    Werkzeug CVE-2023-46136.
    """

    async def attempt(size: int) -> None:
        body = upload("f", "x", start + b"a" * size) + b"--b--"
        await refuse_form(pieces(body), 200)

    await assert_linear(attempt, 2_000_000)


async def test_a_text_field_without_end() -> None:
    """A part without a file name was kept in memory, however long.

    Werkzeug and Quart CVE-2024-49767, Starlette CVE-2024-47874.
    """
    async with stream(make_app(view_form), "POST", headers={"content-type": MULTIPART}) as http:
        http.body(part("a", b"x" * 10_000)[:-2], more=True)
        for _ in range(150):
            http.body(b"x" * 65_536, more=True)
        assert 413 == (await http.response()).status
        assert 20 > http.received


@pytest.mark.parametrize("header", ["X: ", "", "Content-Disposition: form-data; name="])
async def test_a_header_of_a_part_without_end(header: str) -> None:
    """Neither one header nor the number of headers may grow as the client likes.

    Starlette CVE-2024-47874 and its kin: what is no content has a limit too.
    """
    body = b"--b\r\n" + header.encode() + b"x" * 1_000_000
    await refuse_form(pieces(body), 413)
    await refuse_form(b"--b\r\n" + b"X: y\r\n" * 1000, 413)


@pytest.mark.parametrize(
    "headers",
    [
        "Content-Disposition: form-data; name=a" + '; a="b"' * 500,
        'Content-Disposition: form-data; name="' + r"\"" * 1500 + '"',
        'Content-Disposition: form-data; name="a"\r\nContent-Type: text/plain' + "; a=b" * 500,
    ],
)
async def test_long_headers_of_parts(headers: str) -> None:
    """Parsing them, for milliseconds each, held up the loop until all had been parsed.

    Like Django CVE-2023-24580, but the headers of the parts instead of their number.
    """
    body = f"--b\r\n{headers}\r\n\r\n\r\n".encode() * 100 + b"--b--"
    turns = 0

    async def count() -> None:
        nonlocal turns
        while True:
            await asyncio.sleep(0)
            turns += 1

    async def view() -> Any:
        counting = asyncio.create_task(count())
        form = await request.form
        counting.cancel()
        return str(len(form))

    assert b"1" == (await send(make_app(view), body, MULTIPART)).body
    assert turns >= 100


@pytest.mark.parametrize("flood", [b"\r", b"\n", b"\r\n", b"-", b"\r\n-", b"\r\n--"])
@pytest.mark.parametrize("where", ["in front", "behind", "within"])
async def test_a_flood_around_the_boundary(
    flood: bytes, where: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Each stray byte around the boundaries was handled, and logged, by itself.

    python-multipart CVE-2024-53981.
    """
    caplog.set_level(logging.DEBUG)

    async def attempt(size: int) -> None:
        noise = flood * (size // len(flood))
        whole = {
            "in front": noise + part("a", b"1") + b"--b--",
            "behind": part("a", b"1") + b"--b--" + noise,
            "within": upload("a", "x", noise) + b"--b--",
        }[where]
        assert (await send(make_app(view_form), pieces(whole), MULTIPART)).status in (200, 400)

    await attempt(100_000)
    assert [] == [record for record in caplog.records if record.name != "asyncio"]
    await assert_linear(attempt, 1_000_000)


async def test_an_upload_goes_to_disk_in_a_thread() -> None:
    """Writing a large upload to disk held up the loop.

    Starlette CVE-2025-54121.
    """
    threads = set()

    class File(io.BytesIO):
        def write(self, data: Any) -> int:
            threads.add(threading.current_thread())
            return super().write(data)

    body = Body(None, None)
    for piece in pieces(upload("f", "x", b"x" * (4 * SPOOL_SIZE)) + b"--b--"):
        body.append(piece)
    body.set_complete()
    parser = MultiPartParser(stream_factory=lambda *_: File())
    _, files = await parser.parse(body, b"b", None)

    assert 4 * SPOOL_SIZE == len(files["f"].read())
    assert threads
    assert threading.main_thread() not in threads


async def test_base64_in_a_form_is_left_alone() -> None:
    """A part that called itself base64 made the parser wait for ever for its last characters.

    Django CVE-2022-23833.
    """
    body = part("a", b"=" * 5000, headers="Content-Transfer-Encoding: base64\r\n") + b"--b--"

    assert ["a", "=" * 5000] in (await send(make_app(view_form), body, MULTIPART)).json["form"]


@pytest.mark.parametrize(
    "content_type",
    [
        'application/x-www-form-urlencoded; !="' + "\\" * 32_000,
        'multipart/form-data; boundary="' + "\\" * 32_000,
        "multipart/form-data; boundary=" + '"' * 32_000,
        "multipart/form-data" + "; a=b" * 6_000,
        "multipart/form-data; " + "a" * 32_000,
        "multipart/form-data;" + " " * 32_000 + "x",
        "application/json; a*0=x" + "".join(f"; a*{n}=x" for n in range(2_800)),
    ],
    ids=range(7),
)
async def test_a_content_type_made_for_regular_expressions(content_type: str) -> None:
    """A Content-Type could keep a regular expression busy for hours: here it ends.

    python-multipart, Starlette and FastAPI CVE-2024-24762.
    """
    status = (await send(make_app(view_form), b"a=1", content_type)).status

    assert (400 if content_type.startswith("multi") else 200) == status


@pytest.mark.parametrize(
    "filename",
    [
        "../../evil",
        "/etc/evil",
        "..\\evil",
        "C:\\evil",
        "a/../../evil",
        "evil\0.txt",
        "%2e%2e/evil",
    ],
)
async def test_the_name_of_an_upload_is_only_a_word(filename: str, tmp_path: Path) -> None:
    """Files were written where their names said.

    Django CVE-2021-28658, CVE-2021-31542 and CVE-2021-45452; python-multipart had the like.
    """
    before = set(Path.cwd().iterdir())

    async def view() -> Any:
        file = (await request.files)["f"]
        await file.save(tmp_path / "chosen")
        return ""

    size = SPOOL_SIZE + 100_000
    body = upload("f", filename, b"x" * size) + b"--b--"

    assert 200 == (await send(make_app(view), body, MULTIPART)).status
    assert size == (tmp_path / "chosen").stat().st_size
    assert ["chosen"] == [path.name for path in tmp_path.rglob("*")]
    assert before == set(Path.cwd().iterdir())


# --- other bodies


async def test_a_urlencoded_form_of_very_many_fields() -> None:
    """The number of fields was unbound, and so was the time for them.

    The class that gave Django DATA_UPLOAD_MAX_NUMBER_FIELDS; here the whole body has a limit.
    """

    async def attempt(size: int) -> None:
        await refuse_form(b"a=1&" * (size // 4), 200, FORM)

    await refuse_form(b"a=1&" * 200_000, 413, FORM)
    await assert_linear(attempt, 20_000)


@pytest.mark.parametrize("encoding", ["utf-16", "utf-32", "utf-16-be", "utf-32-le", "utf-8-sig"])
async def test_json_in_another_encoding(encoding: str) -> None:
    """Encodings that a client claimed, or that were guessed, took unexpected memory.

    Flask CVE-2018-1000656 and CVE-2019-1010083.
    """

    async def view() -> Any:
        return {"length": len(await request.get_json())}

    body = ('["' + "x" * 1_000_000 + '"]').encode(encoding)
    tracemalloc.start()
    status = (await send(make_app(view), body, "application/json; charset=utf-32")).status
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    assert 200 == status
    assert 8 * len(body) > peak


async def test_an_unread_body_is_not_kept() -> None:
    """What a client sends without being asked for must not fill the memory.

    The denial of service that Django's ASGI handler and Quart before 1.0 were open to.
    """

    async def view() -> Any:
        await asyncio.sleep(0.02)
        return ""

    async with stream(make_app(view), "POST") as http:
        for _ in range(1000):
            http.body(b"x" * 65_536, more=True)
        assert 200 == (await http.response()).status
        assert 16 >= http.received


# --- ranges and conditions


@pytest.mark.parametrize("ranges", ["0-0,", "0-,", "-1,", "0-1,2-3,", "5-5,0-9,"])
async def test_a_header_of_very_many_ranges(ranges: str, tmp_path: Path) -> None:
    """Ranges were merged by comparing each with each other.

    Starlette CVE-2025-62727.
    """
    (tmp_path / "file").write_bytes(b"0123456789")

    async def view() -> Any:
        return await send_file(tmp_path / "file")

    app = make_app(view)

    async def attempt(size: int) -> None:
        asked = "bytes=" + (ranges * size)[:-1]
        response = await get(app, headers={"range": asked})
        assert (200, b"0123456789") == (response.status, response.body)

    await assert_linear(attempt, 5_000)


@pytest.mark.parametrize(
    "name", ["if-none-match", "if-match", "accept-language", "accept", "cookie"]
)
async def test_a_header_of_very_many_items(name: str) -> None:
    """Lists in headers were taken apart in more time than their length, or were cached.

    Django CVE-2023-23969 (Accept-Language).
    """

    async def view() -> Any:
        response = app.response_class("x")
        response.set_etag("other")
        return await response.make_conditional(request)

    app = make_app(view)

    @app.before_request
    async def read() -> None:
        assert request.accept_languages.best != request.accept_mimetypes.best != request.cookies

    async def attempt(size: int) -> None:
        item = {"cookie": "a=b;", "if-none-match": '"a",', "if-match": '"a",'}.get(name, "a/b;q=1,")
        assert (await get(app, headers={name: item * size})).status in (200, 412)

    await assert_linear(attempt, 250)


async def test_a_header_that_is_repeated_very_often() -> None:
    """Joining the values of one name one by one took quadratic time.

    Django's ASGI handler.
    """

    async def view() -> Any:
        return str(len(request.headers.getlist("X-A")))

    app = make_app(view)

    async def attempt(size: int) -> None:
        headers = [("x-a", "b")] * size
        assert str(size) == (await get(app, headers=headers)).text

    await assert_linear(attempt, 2_000)


# --- hosts and redirects


@pytest.mark.parametrize(
    "host",
    [
        "evil.org",
        "example.com.evil.org",
        "example.com@evil.org",
        "evil.org#example.com",
        "evil.org/example.com",
        "example.com:80@evil.org",
        "example.com evil.org",
        "example.com\\@evil.org",
        "evil.org?example.com",
        "[::1]",
    ],
)
async def test_a_poisoned_host(host: str) -> None:
    """Links in mails and caches were made of whatever Host the client sent.

    Django CVE-2012-4520 and CVE-2011-4139.
    """

    async def view() -> Any:
        return request.url

    app = make_app(view)
    app.config["TRUSTED_HOSTS"] = ["example.com"]

    assert 400 == (await get(app, headers={"host": host})).status
    assert 200 == (await get(app, headers={"host": "example.com"})).status


@pytest.mark.parametrize("target", ["//evil.org", "///evil.org", "/%2fevil.org", "/\\evil.org/x"])
async def test_a_redirect_stays_on_the_host(target: str) -> None:
    """The slash that was added to a path made of it the name of another host.

    Werkzeug CVE-2020-28724, Django CVE-2018-14574.
    """
    app = Quart("tests", root_path="tests", static_folder=None)
    app.add_url_rule("/<path:name>/", "view", lambda name: "in")
    location = (await get(app, target)).headers.get("Location", "")

    assert location.startswith("http://localhost/")


# --- static files


@pytest.mark.parametrize("name", ["../static-private/x", "%2e%2e/static-private/x", "-private/x"])
async def test_a_folder_whose_name_begins_alike(name: str, tmp_path: Path) -> None:
    """`static-private` was taken to lie within `static`, for its name begins so.

    Starlette CVE-2023-29159.
    """
    for folder in ("static", "static-private"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "x").write_bytes(b"x")
    app = Quart("tests", root_path=str(tmp_path))

    assert 404 == (await get(app, f"/static/{name}")).status
    assert 200 == (await get(app, "/static/x")).status


@pytest.mark.parametrize(
    "name",
    [
        "//host/share/x",
        "\\\\host\\share\\x",
        "C:/x",
        "C:x",
        "c:\\x",
        "C%3A%2Fx",
        "..\\x",
        "%5c%5chost%5cshare",
    ],
)
async def test_names_with_a_meaning_on_windows(name: str, tmp_path: Path) -> None:
    """Drives and shares were joined to the folder, and took its place.

    Werkzeug CVE-2019-14322 and CVE-2024-49766.
    """
    (tmp_path / "static").mkdir()
    app = Quart("tests", root_path=str(tmp_path))

    assert (await get(app, f"/static/{name}")).status in (404, 308)


@pytest.mark.parametrize("device", ["CON", "nul", "NUL.txt", "aux.tar.gz", "COM1", "x/CON", "CON "])
async def test_the_names_of_devices_on_windows(device: str, tmp_path: Path) -> None:
    """Reading a device that every folder there has never ends.

    Werkzeug CVE-2025-66221, and those for names with endings after it. What is no regular file is
    never opened, on any system: here a pipe stands for the device.
    """
    (tmp_path / "static" / "x").mkdir(parents=True)
    os.mkfifo(tmp_path / "static" / device)
    app = Quart("tests", root_path=str(tmp_path))

    assert 404 == (await get(app, f"/static/{device.replace(' ', '%20')}")).status


@pytest.mark.parametrize(
    ("name", "status", "disposition"),
    [
        ('a";x="b.bat', 200, r'attachment; filename="a\";x=\"b.bat"'),
        ("a;b.txt", 200, 'attachment; filename="a;b.txt"'),
        ("a\\b.txt", 200, r'attachment; filename="a\\b.txt"'),
        ("a\r\nX-Evil: 1.txt", 500, None),
    ],
)
async def test_the_name_in_a_content_disposition(
    name: str, status: int, disposition: str | None
) -> None:
    """A file name with quotes or line breaks chose the type of what was saved.

    Django CVE-2022-36359.
    """

    async def view() -> Any:
        return await send_file(io.BytesIO(b""), "text/plain", True, name)

    app = make_app(view)
    app.config["PROPAGATE_EXCEPTIONS"] = False
    response = await get(app)

    assert status == response.status
    assert disposition == response.headers.get("Content-Disposition")
    assert "X-Evil" not in response.headers


# --- sessions and cookies


def make_session_app(view: Callable[[], Any], **config: Any) -> Quart:
    app = Quart("tests", root_path="tests")
    app.config.update(SECRET_KEY="key", **config)

    @app.route("/")
    async def index() -> str:
        return str(view())

    return app


async def test_a_refreshed_session_is_not_for_others() -> None:
    """A cache kept a response with the cookie of a permanent session, and gave it to others.

    Flask CVE-2023-30861.
    """
    app = make_session_app(lambda: "untouched")
    serializer = SecureCookieSessionInterface().get_signing_serializer(app)
    assert serializer is not None
    cookie = serializer.dumps({"_permanent": True})
    response = await get(app, headers={"cookie": f"session={cookie}"})

    assert "Set-Cookie" in response.headers
    assert "Cookie" == response.headers["Vary"]


@pytest.mark.parametrize(
    "read", [lambda: "a" in session, lambda: len(session), lambda: "" or session]
)
async def test_a_session_whose_keys_were_read_varies(read: Any) -> None:
    """Asking for a key, or for how many there are, did not count as reading.

    Flask GHSA-68rp-wp8r-4726.
    """
    assert "Cookie" == (await get(make_session_app(read))).headers["Vary"]


async def test_sessions_are_signed_with_the_key_in_use() -> None:
    """Sessions were signed with the oldest fallback key, not with the current one.

    Flask CVE-2025-47278.
    """
    app = make_session_app(lambda: session.update(a=1), SECRET_KEY_FALLBACKS=["old", "older"])
    cookie = parse_cookie((await get(app)).headers["Set-Cookie"])["session"]
    current = make_session_app(lambda: session.get("a"))
    retired = make_session_app(lambda: session.get("a"))
    retired.secret_key = "old"

    assert "1" == (await get(current, headers={"cookie": f"session={cookie}"})).text
    assert "None" == (await get(retired, headers={"cookie": f"session={cookie}"})).text


async def test_sessions_of_two_requests_do_not_mix() -> None:
    """Requests at the same time each have their own session, whoever waits for whom.

    The class of session mix-ups in asynchronous servers.
    """
    app = make_session_app(lambda: None)

    @app.route("/<name>")
    async def view(name: str) -> str:
        session["name"] = name
        await asyncio.sleep(0.001)
        return str(session["name"])

    names = [f"n{number}" for number in range(20)]
    answers = await asyncio.gather(*(get(app, f"/{name}") for name in names))

    assert names == [answer.text for answer in answers]
    assert 20 == len({answer.headers["Set-Cookie"] for answer in answers})


async def test_a_cookie_without_a_name() -> None:
    """`=__Host-session=evil` was read as a cookie of that name, which no other site can set.

    Werkzeug CVE-2023-23934.
    """

    async def view() -> Any:
        return dict(request.cookies)

    app = make_app(view)
    for cookie in ("=__Host-session=evil", "a=b; =__Host-session=evil", "==__Host-session=evil"):
        assert "__Host-session" not in (await get(app, headers={"cookie": cookie})).json


# --- headers and logs


@pytest.mark.parametrize("value", ["a\r\nX-Evil: 1", "a\nX-Evil: 1", "a\rX-Evil: 1", "a\0b"])
@pytest.mark.parametrize(
    ("where", "status"),
    [
        ("value", 500),
        ("name", 500),
        ("redirect", 500),
        ("type", 500),
        ("cookie", 200),  # is quoted
        ("status", 200),  # of which only the number is sent
    ],
)
async def test_header_injection(value: str, where: str, status: int) -> None:
    """A line break in a client's words ended the header and began another.

    Django CVE-2021-32052 and many before it.
    """

    async def view() -> Any:
        response = app.response_class("")
        match where:
            case "value":
                response.headers._list.append(("X-A", value))
            case "name":
                response.headers._list.append((value, "a"))
            case "cookie":
                response.set_cookie("a", value)
            case "redirect":
                return redirect(f"/{value}")
            case "type":
                return app.response_class("", content_type=value)
            case "status":
                return app.response_class("", status=f"200 {value}")
        return response

    app = make_app(view)
    app.config["PROPAGATE_EXCEPTIONS"] = False
    response = await get(app)

    assert status == response.status
    assert "X-Evil" not in response.headers
    assert value not in "".join(response.headers.values())


async def test_a_log_line_is_one_line(caplog: pytest.LogCaptureFixture) -> None:
    """Line breaks and escape sequences of a path forged lines of the log.

    Django CVE-2025-48432.
    """
    app = Quart("tests", root_path="tests")
    app.config["PROPAGATE_EXCEPTIONS"] = False

    @app.before_request
    async def fail() -> None:
        raise ValueError("fail")

    await get(app, "/a%0AERROR%20forged%1b%5b31m%e2%80%a8")

    assert ["Exception on request GET /a\\nERROR forged\\x1b[31m\\u2028"] == [
        record.getMessage() for record in caplog.records if record.name == app.name
    ]


@pytest.mark.parametrize("host", ["localhost", "evil.org"])
async def test_the_debug_page_runs_nothing(host: str) -> None:
    """A page of another site made the debugger evaluate its code; its page reflected scripts.

    Werkzeug CVE-2024-34069 and CVE-2016-10516.
    """

    async def view() -> Any:
        raise ValueError("<script>alert(1)</script>")

    app = make_app(view)
    app.debug = True
    app.config["PROPAGATE_EXCEPTIONS"] = False
    command = "/?__debugger__=yes&cmd=1%2B1&frm=0&s=secret"
    page = await get(app, command, headers={"host": host})

    assert 500 == page.status
    assert "<script>alert" not in page.text
    assert (await get(app, "/console", headers={"host": host})).status == 404


async def test_a_method_or_path_that_is_odd() -> None:
    """What a server lets through is answered, not raised.

    The class of requests that raised out of ASGI handlers.
    """
    app = make_app(view_form)
    for method in ("", "G E T", "X" * 5000, "\xff", "\0"):
        assert 405 == (await ask(app, method)).status
