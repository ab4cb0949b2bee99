"""Forms and uploads: urlencoded and multipart, whole and part by part, well-formed and not."""

import asyncio
import io
import os
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import urlencode

import pytest
from asgi import post, stream
from hypothesis import given, settings
from hypothesis import strategies as st
from test_request_body import FORM, MULTIPART, make_app, send
from werkzeug.datastructures import MultiDict
from werkzeug.http import parse_options_header

from quart import Quart, request
from quart.datastructures import FileStorage
from quart.formparser import FormDataParser, MultiPartParser

EVIL = b"\r\n--b\r\n\r\n--b--\r\n-\r\r\n--"


def part(name: str, content: bytes, extra: str = "", headers: str = "") -> bytes:
    head = f'--b\r\nContent-Disposition: form-data; name="{name}"{extra}\r\n{headers}\r\n'
    return head.encode() + content + b"\r\n"


def upload(name: str, filename: str, content: bytes, content_type: str = "") -> bytes:
    headers = f"Content-Type: {content_type}\r\n" if content_type else ""
    return part(name, content, f'; filename="{filename}"', headers)


async def view_form() -> Any:
    """All that there is in a form."""
    form, files = await request.form, await request.files
    return {
        "form": list(form.items(multi=True)),
        "files": [
            (name, file.filename, file.content_type, file.read().decode("latin-1"))
            for name, file in files.items(multi=True)
        ],
    }


@pytest.fixture
def app() -> Quart:
    return make_app(view_form)


async def fields(app: Quart, body: Any, content_type: str = MULTIPART) -> Any:
    response = await send(app, body, content_type)
    assert 200 == response.status, response.text
    return [tuple(item) for item in response.json["form"]]


async def files(app: Quart, body: Any) -> Any:
    response = await send(app, body, MULTIPART)
    assert 200 == response.status, response.text
    return [tuple(item) for item in response.json["files"]]


# --- urlencoded


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b"", []),
        (b"a=1", [("a", "1")]),
        (b"a=1&b=2&a=3", [("a", "1"), ("a", "3"), ("b", "2")]),
        (b"a", [("a", "")]),
        (b"a=", [("a", "")]),
        (b"=1", [("", "1")]),
        (b"&&a=1&", [("a", "1")]),
        (b"a+b=c+d", [("a b", "c d")]),
        (b"a=%C3%A9", [("a", "é")]),
        ("a=é".encode(), [("a", "é")]),
        (b"a=%zz%4", [("a", "%zz%4")]),
        (b"a=%FF", [("a", "%FF")]),
        (b"a=%ff%C3%A9%c3", [("a", "%FFé%C3")]),
        (b"%FF\xfe=\xc3%A9", [("%FF%FE", "é")]),
        (b"a=\xff", [("a", "%FF")]),
        (b"a=1;b=2", [("a", "1;b=2")]),
        (b"a=b=c", [("a", "b=c")]),
        (b"a=%00", [("a", "\0")]),
    ],
)
@pytest.mark.parametrize("cut", [False, True])
async def test_urlencoded(app: Quart, body: bytes, expected: Any, cut: bool) -> None:
    """Fields are parsed as Werkzeug parses a query string."""
    pieces = [body[index : index + 1] for index in range(len(body))] or [b""]

    assert expected == await fields(app, pieces if cut else body, FORM)


async def test_urlencoded_leaves_the_data() -> None:
    """The bytes of a urlencoded form can be read after the form, to check a signature."""

    async def view() -> Any:
        return [await request.form, (await request.get_data()).decode()]

    assert [{"a": "1"}, "a=1"] == (await send(make_app(view), b"a=1", FORM)).json


@pytest.mark.parametrize("content_type", [FORM, MULTIPART])
async def test_a_form_after_the_data(content_type: str) -> None:
    """A form can be read after the data, and the data again."""

    async def view() -> Any:
        first = await request.get_data()
        return [await request.form, first == await request.get_data()]

    body = b"a=1" if content_type is FORM else part("a", b"1") + b"--b--\r\n"

    assert [{"a": "1"}, True] == (await send(make_app(view), body, content_type)).json


async def test_max_form_memory_size_of_a_urlencoded_body(app: Quart) -> None:
    """The whole body counts, announced or not, before it is parsed."""
    app.config["MAX_FORM_MEMORY_SIZE"] = 10
    for body in (b"a=12345678", [b"a=1234", b"5678"]):
        assert 200 == (await send(app, body, FORM)).status
    for body in (b"a=123456789", [b"a=1234", b"56789"]):
        assert 413 == (await send(app, body, FORM)).status

    async with stream(app, "POST", headers={"content-type": FORM}) as http:
        for _ in range(1000):
            http.body(b"a" * 10, more=True)
        assert 413 == (await http.response()).status
        assert 70 > http.received


@pytest.mark.parametrize("kind", [b"a&", b"a=1&", b"%41", b"%FF", b"%", b"\xff", b"+", b"&"])
@pytest.mark.parametrize("size", [499_998, 16_000_000])
async def test_a_hostile_urlencoded_body_is_answered(kind: bytes, size: int) -> None:
    """How long it holds up the loop is measured by bench/blocking.py."""

    async def view() -> Any:
        return {"fields": len(await request.form)}

    app, body = make_app(view), kind * (size // len(kind))
    status = (await send(app, body, FORM)).status

    assert (200 if size < 500_000 else 413) == status


# --- multipart


async def test_multipart(app: Quart) -> None:
    """Fields and files come in their order, with name, file name and type."""
    body = (
        b"preamble\r\n"
        + part("a", b"1")
        + upload("f", "x.txt", b"file\r\n", "text/plain")
        + part("a", "é".encode())
        + upload("f", "", b"")
        + b"--b--\r\nepilogue"
    )
    response = await send(app, body, MULTIPART)

    assert {
        "form": [["a", "1"], ["a", "é"]],
        "files": [["f", "x.txt", "text/plain", "file\r\n"], ["f", "", None, ""]],
    } == response.json


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ('multipart/form-data; boundary="b"', part("a", b"1") + b"--b--"),
        ("multipart/form-data;boundary=b; charset=utf-8", part("a", b"1") + b"--b--\r\n"),
        ("Multipart/Form-Data; Boundary=b", part("a", b"1") + b"--b--\r\n"),
        (MULTIPART, b"\r\n" + part("a", b"1") + b"--b--\r\n"),
        (MULTIPART, part("a", b"1") + b"--b--" + b"x" * 100),
        (
            MULTIPART,
            b"--b\r\ncontent-disposition: form-data; name=a\r\n\r\n1\r\n--b--\r\n",
        ),
        (
            MULTIPART,
            b'--b\r\nContent-Disposition:form-data;name="a"\r\nX-Y: z\r\n\r\n1\r\n--b--\r\n',
        ),
    ],
)
async def test_forms_of_the_same_form(app: Quart, content_type: str, body: bytes) -> None:
    """Clients differ in quotes, case, spaces and what they put around."""
    assert [("a", "1")] == await fields(app, body, content_type)


@pytest.mark.parametrize("body", [b"", b"--b--", b"--b--\r\n", b"\r\n--b--\r\n"])
async def test_an_empty_form(app: Quart, body: bytes) -> None:
    """A form without fields may be its end, or nothing at all."""
    assert [] == await fields(app, body)


@pytest.mark.parametrize(
    ("extra", "filename"),
    [
        ('; filename="x.txt"', "x.txt"),
        ("; filename=x.txt", "x.txt"),
        ('; filename="é.txt"', "é.txt"),
        ('; filename="a%22b.txt"', 'a"b.txt'),
        ("; filename*=UTF-8''%C3%A9.txt", "é.txt"),
        ('; filename="C:\\dir\\x.txt"', parse_options_header('x; a="C:\\dir\\x.txt"')[1]["a"]),
        ('; filename="../../x.txt"', "../../x.txt"),
    ],
)
async def test_file_names(app: Quart, extra: str, filename: str) -> None:
    """File names come as Flask reads them, whichever way a client writes them."""
    body = part("f", b"1", extra) + b"--b--\r\n"

    assert [("f", filename, None, "1")] == await files(app, body)


@pytest.mark.parametrize(
    ("charset", "content", "text"),
    [
        ("utf-8", "é".encode(), "é"),
        ("UTF-8", "é".encode(), "é"),
        ("iso-8859-1", b"\xe9", "é"),
        ("ascii", b"\xe9", "�"),
        ("utf-8", b"\xe9", "�"),
        ("no-such-charset", "é".encode(), "é"),
        ("utf-7", b"+AOk-", "+AOk-"),
        ("hex", b"zz", "zz"),
    ],
)
async def test_the_charset_of_a_field(app: Quart, charset: str, content: bytes, text: str) -> None:
    """A few charsets are known, all else is UTF-8, and nothing raises."""
    body = part("a", content, headers=f"Content-Type: text/plain; charset={charset}\r\n")

    assert [("a", text)] == await fields(app, body + b"--b--\r\n")


CONTENT_TYPE = {"content-type": MULTIPART}
GOOD = part("a", b"1")
HEAD = b'--b\r\nContent-Disposition: form-data; name="a"'
MALFORMED = {
    "no boundary": (b"x", "multipart/form-data"),
    "empty boundary": (GOOD + b"--b--", "multipart/form-data; boundary="),
    "empty quoted boundary": (GOOD + b"--b--", 'multipart/form-data; boundary=""'),
    "boundary outside ascii": (GOOD + b"--b--", "multipart/form-data; boundary=\xff"),
    "other boundary": (GOOD + b"--b--", "multipart/form-data; boundary=c"),
    "longer boundary": (GOOD + b"--b--", "multipart/form-data; boundary=bb"),
    "only text": (b"hello", MULTIPART),
    "only a line break": (b"\r\n", MULTIPART),
    "only dashes": (b"--", MULTIPART),
    "half a boundary": (b"--b", MULTIPART),
    "boundary without line break": (b"--bx", MULTIPART),
    "boundary then end": (b"--b\r\n", MULTIPART),
    "one dash at the end": (GOOD + b"--b-", MULTIPART),
    "no end": (GOOD, MULTIPART),
    "no end boundary": (GOOD + b"--b\r\n", MULTIPART),
    "no end after the last line": (GOOD + b"--b", MULTIPART),
    "cut in the header": (HEAD, MULTIPART),
    "cut after the header": (HEAD + b"\r\n", MULTIPART),
    "cut before the content": (HEAD + b"\r\n\r\n", MULTIPART),
    "cut in the content": (HEAD + b"\r\n\r\nabc", MULTIPART),
    "cut in the line break": (HEAD + b"\r\n\r\nabc\r", MULTIPART),
    "no line break before the boundary": (HEAD + b"\r\n\r\nabc--b--", MULTIPART),
    "line feeds only": (GOOD.replace(b"\r\n", b"\n") + b"--b--\n", MULTIPART),
    "carriage returns only": (GOOD.replace(b"\r\n", b"\r") + b"--b--\r", MULTIPART),
    "line feed after the boundary": (b"--b\n" + GOOD[5:] + b"--b--", MULTIPART),
    "line feed in the header": (HEAD + b"\n\r\n1\r\n--b--", MULTIPART),
    "text before the first boundary": (b"x" + GOOD + b"--b--", MULTIPART),
    "text after a boundary": (HEAD.replace(b"--b", b"--b x") + b"\r\n\r\n1\r\n--b--", MULTIPART),
    "text after an inner boundary": (GOOD + b"--b x\r\n\r\n1\r\n--b--", MULTIPART),
    "no headers": (b"--b\r\n\r\n1\r\n--b--", MULTIPART),
    "no disposition": (b"--b\r\nContent-Type: text/plain\r\n\r\n1\r\n--b--", MULTIPART),
    "other disposition": (b'--b\r\nContent-Disposition: x; name="a"\r\n\r\n1\r\n--b--', MULTIPART),
    "empty disposition": (b"--b\r\nContent-Disposition:\r\n\r\n1\r\n--b--", MULTIPART),
    "attachment": (
        b'--b\r\nContent-Disposition: attachment; name="a"\r\n\r\n1\r\n--b--',
        MULTIPART,
    ),
    "header without colon": (HEAD + b"\r\nX\r\n\r\n1\r\n--b--", MULTIPART),
    "header without name": (HEAD + b"\r\n: x\r\n\r\n1\r\n--b--", MULTIPART),
    "header name with space": (HEAD + b"\r\nX Y: x\r\n\r\n1\r\n--b--", MULTIPART),
    "header name with NUL": (HEAD + b"\r\nX\0Y: x\r\n\r\n1\r\n--b--", MULTIPART),
    "header name outside ascii": (HEAD + b"\r\nX\xc3\xa9: x\r\n\r\n1\r\n--b--", MULTIPART),
    "header not utf-8": (HEAD + b"\r\nX: \xff\r\n\r\n1\r\n--b--", MULTIPART),
    "name not utf-8": (
        b'--b\r\nContent-Disposition: form-data; name="\xff"\r\n\r\n1\r\n--b--',
        MULTIPART,
    ),
    "content shorter than it says": (HEAD + b"\r\nContent-Length: 5\r\n\r\n1\r\n--b--", MULTIPART),
    "content longer than it says": (HEAD + b"\r\nContent-Length: 1\r\n\r\n12\r\n--b--", MULTIPART),
    "content length negative": (HEAD + b"\r\nContent-Length: -1\r\n\r\n1\r\n--b--", MULTIPART),
    "content length no number": (HEAD + b"\r\nContent-Length: x\r\n\r\n1\r\n--b--", MULTIPART),
    "content length other digits": (
        HEAD + "\r\nContent-Length: \u0661\r\n\r\n1\r\n--b--".encode(),
        MULTIPART,
    ),
    "content length twice": (
        HEAD + b"\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\n1\r\n--b--",
        MULTIPART,
    ),
    "second part cut": (GOOD + HEAD + b"\r\n\r\nabc", MULTIPART),
    "second part without headers": (GOOD + b"--b\r\n\r\n1\r\n--b--", MULTIPART),
    "file without end": (upload("f", "x", b"x" * 100_000)[:-2], MULTIPART),
    "large file without end": (upload("f", "x", b"x" * 2_000_000)[:-2], MULTIPART),
    "flood of line breaks": (HEAD + b"\r\n\r\n" + b"\r\n" * 100_000, MULTIPART),
    "flood of carriage returns": (HEAD + b"\r\n\r\n" + b"\r" * 100_000, MULTIPART),
    "flood of dashes": (b"-" * 100_000, MULTIPART),
    "flood of near boundaries": (HEAD + b"\r\n\r\n" + b"\r\n--" * 50_000, MULTIPART),
    "flood in the preamble": (b"\r\n-" * 50_000, MULTIPART),
    "nulls": (b"\0" * 10_000, MULTIPART),
    "urlencoded": (b"a=1&b=2", MULTIPART),
    "json": (b'{"a": 1}', MULTIPART),
}
TOO_LARGE = {
    "1001 parts": b"".join(part("a", b"1") for _ in range(1001)) + b"--b--",
    "1001 empty files": b"".join(upload("a", "", b"") for _ in range(1001)) + b"--b--",
    "100,000 parts": b"".join(part("a", b"") for _ in range(100_000)) + b"--b--",
    "a field over the limit": part("a", b"x" * 500_001) + b"--b--",
    "a field of megabytes": part("a", b"x" * 5_000_000) + b"--b--",
    "a huge header": HEAD + b"\r\nX: " + b"x" * 100_000 + b"\r\n\r\n1\r\n--b--",
    "a huge header name": HEAD + b"\r\n" + b"x" * 100_000 + b": x\r\n\r\n1\r\n--b--",
    "a header without end": HEAD + b"\r\n" + b"x" * 100_000,
    "many headers": HEAD
    + b"".join(b"\r\nX-%d: y" % n for n in range(1000))
    + b"\r\n\r\n1\r\n--b--",
    "a huge name": part("a" * 100_000, b"1") + b"--b--",
    "a huge file name": upload("a", "x" * 100_000, b"1") + b"--b--",
}


@pytest.mark.parametrize("name", MALFORMED)
@pytest.mark.parametrize("size", [None, 1000, 7], ids=["whole", "by 1000", "by 7"])
async def test_malformed_multipart_is_400(app: Quart, name: str, size: int | None) -> None:
    """What is no multipart form or ends too early is refused, however it was cut."""
    body, content_type = MALFORMED[name]
    if size is not None:
        size = max(size, len(body) // 1000)
        body = [body[index : index + size] for index in range(0, len(body), size)]  # type: ignore[assignment]

    assert 400 == (await send(app, body, content_type)).status


@pytest.mark.parametrize("name", TOO_LARGE)
async def test_multipart_over_a_limit_is_413(app: Quart, name: str) -> None:
    """Too many parts, too large fields and headers are refused."""
    assert 413 == (await send(app, TOO_LARGE[name], MULTIPART)).status


@pytest.mark.parametrize(
    "body",
    [
        upload("f", "x", b"\r\n--" * 4_000_000) + b"--b--",
        upload("f", "x", b"\r\n--b" * 3_000_000) + b"--b--",
        upload("f", "x", b"\r" * 16_000_000) + b"--b--",
        upload("f", "x", b"\r\n" * 8_000_000) + b"--b--",
        b"\r\n-" * 5_000_000,
        b"".join(part("a", b"x" * 15_000) for _ in range(1000)) + b"--b--",
        b"--b--" + b"\r\n--b\r\n" * 2_000_000,
    ],
    ids=range(7),
)
async def test_a_hostile_multipart_body_is_answered(body: bytes) -> None:
    """Whatever it holds near its boundaries."""

    async def view() -> Any:
        return {"fields": len(await request.form)}

    app = make_app(view)
    status = (await send(app, body, MULTIPART)).status

    assert status in (200, 400)


async def test_the_limits_of_one_form() -> None:
    """The limits can be set on the request before the form is read."""

    async def view() -> Any:
        request.max_form_memory_size = 3
        request.max_form_parts = 2
        return await request.form

    app = make_app(view)
    two = part("a", b"123") + part("b", b"")

    assert 200 == (await send(app, two + b"--b--", MULTIPART)).status
    assert 413 == (await send(app, two + part("c", b"") + b"--b--", MULTIPART)).status
    assert 413 == (await send(app, part("a", b"1234") + b"--b--", MULTIPART)).status


async def test_the_limits_of_a_route() -> None:
    """A route has limits of its own, above or below those of the application."""
    app = make_app(view_form, max_form_memory_size=3, max_form_parts=2)
    app.add_url_rule(
        "/large", "large", view_form, methods=["POST"], max_form_memory_size=None, max_form_parts=9
    )
    app.config.update(MAX_FORM_MEMORY_SIZE=100, MAX_FORM_PARTS=4)
    headers = {"content-type": MULTIPART}
    for body, status, large in [
        (part("a", b"123") + part("b", b""), 200, 200),
        (part("a", b"1234"), 413, 200),
        (part("a", b"x" * 101), 413, 200),
        (part("a", b"") * 3, 413, 200),
        (part("a", b"") * 9, 413, 200),
        (part("a", b"") * 10, 413, 413),
    ]:
        whole = body + b"--b--"
        assert status == (await send(app, whole, MULTIPART)).status
        assert large == (await post(app, "/large", body=whole, headers=headers)).status
    assert 413 == (await send(app, b"a=12", FORM)).status
    assert 200 == (await post(app, "/large", body=b"a=12", headers={"content-type": FORM})).status


async def test_a_limit_of_none_is_no_limit() -> None:
    """None lifts the limits."""

    async def view() -> Any:
        request.max_form_memory_size = request.max_form_parts = None
        return [len(await request.form), len((await request.form)["a"])]

    body = part("a", b"x" * 600_000) + b"".join(part(str(n), b"") for n in range(1200))

    assert [1201, 600_000] == (await send(make_app(view), body + b"--b--", MULTIPART)).json


async def test_a_failed_parse_fails_again() -> None:
    """The second access does not find an empty form."""

    async def view() -> Any:
        errors = []
        for _ in range(2):
            for what in ("form", "files", "values"):
                try:
                    await getattr(request, what)
                except Exception as error:
                    errors.append(type(error).__name__)
        return errors

    assert ["BadRequest"] * 6 == (await send(make_app(view), GOOD, MULTIPART)).json


async def test_parts_that_failed_fail_again() -> None:
    """A second look does not find the end, or an empty form; nor after the form has failed."""

    async def view() -> Any:
        errors = []
        for what in request.args.getlist("read"):
            try:
                if what == "parts":
                    async for piece in request.multipart():
                        await piece.read()
                else:
                    await request.form
            except Exception as error:
                errors.append(type(error).__name__)
        return errors

    for body, error in (
        (GOOD, "BadRequest"),
        (part("a", b"1") + b"--b\r\nbad", "BadRequest"),
        (part("a", b"1", headers="X: a\n b\r\n") + GOOD, "BadRequest"),
        (part("a", b"1") * 1001 + b"--b--", "RequestEntityTooLarge"),
    ):
        for order in ("parts,parts,form", "form,parts,form"):
            target = "/?read=" + order.replace(",", "&read=")
            response = await post(make_app(view), target, body=body, headers=CONTENT_TYPE)
            assert [error] * 3 == response.json


async def test_a_form_whose_reading_was_cancelled_is_no_partial_form() -> None:
    """What had come of it is lost, and that has to be noticed; other bodies are kept."""

    async def view() -> Any:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.01):
                await request.form
        http.body(later, more=False)
        return list((await request.form).items())

    app = make_app(view)
    for content_type, first, rest, status in (
        (MULTIPART, part("a", b"1"), part("b", b"2") + b"--b--", 500),
        (FORM, b"a=1&", b"b=2", 200),
    ):
        later = rest
        async with stream(app, "POST", headers={"content-type": content_type}) as http:
            http.body(first, more=True)
            response = await http.response()
        assert status == response.status
    assert [["a", "1"], ["b", "2"]] == response.json


async def test_two_tasks_read_one_form() -> None:
    """A form is parsed once."""

    async def view() -> Any:
        one, two = await asyncio.gather(*(read() for _ in range(2)))
        return {"same": one is two}

    async def read() -> Any:
        return await request.form

    body = GOOD + b"--b--"
    response = await post(
        make_app(view), body=[body[:9], body[9:]], headers={"content-type": MULTIPART}
    )

    assert {"same": True} == response.json


@pytest.mark.parametrize("content_type", ["", "text/plain", "application/json", "x", ";", "a/b/c"])
async def test_another_content_type_is_an_empty_form(app: Quart, content_type: str) -> None:
    """What is no form has no fields, and its data is still there."""
    assert [] == await fields(app, b"a=1", content_type)


async def test_values() -> None:
    """The values are those of the query and, but for GET, of the form."""

    async def view() -> Any:
        return [(await request.values).getlist("a"), (await request.values)["a"]]

    app = make_app(view)
    headers = {"content-type": FORM}

    assert [["1", "2"], "1"] == (await post(app, "/?a=1", body=b"a=2", headers=headers)).json


@given(data=st.data())
@settings(max_examples=60)
async def test_a_form_cut_anywhere_parses_the_same(data: st.DataObject) -> None:
    """Where the network cuts a form makes no difference."""
    contents = data.draw(
        st.lists(
            st.lists(st.sampled_from([b"\r\n--b", EVIL, b"a", b"-", b"\r", b"\n"]), max_size=6)
        )
    )
    names = data.draw(st.lists(st.booleans(), min_size=len(contents), max_size=len(contents)))
    parts = [b"".join(pieces).replace(b"\r\n--b", b"\r\n--c") for pieces in contents]
    body = b"".join(
        upload("f", "x", content) if is_file else part("a", content)
        for content, is_file in zip(parts, names, strict=True)
    )
    body += b"--b--\r\n"
    cuts = sorted(data.draw(st.sets(st.integers(0, len(body)), max_size=8)))
    pieces = [body[i:j] for i, j in zip([0, *cuts], [*cuts, len(body)], strict=True)]
    response = await send(make_app(view_form), pieces, MULTIPART)

    assert [
        ["a", content.decode()]
        for content, is_file in zip(parts, names, strict=True)
        if not is_file
    ] == response.json["form"]
    assert [content.decode() for content, is_file in zip(parts, names, strict=True) if is_file] == [
        file[3] for file in response.json["files"]
    ]


@given(data=st.data())
@settings(max_examples=60)
async def test_a_urlencoded_form_cut_anywhere_parses_the_same(data: st.DataObject) -> None:
    """Within an escape too."""
    pairs = data.draw(st.lists(st.tuples(st.text(max_size=5), st.text(max_size=5)), max_size=5))
    body = urlencode(pairs).encode()
    cuts = sorted(data.draw(st.sets(st.integers(0, len(body)), max_size=8)))
    pieces = [body[i:j] for i, j in zip([0, *cuts], [*cuts, len(body)], strict=True)]
    response = await send(make_app(view_form), pieces, FORM)
    names = dict.fromkeys(name for name, _ in pairs)

    assert [[name, value] for first in names for name, value in pairs if name == first] == (
        response.json["form"]
    )


# --- uploads


@pytest.mark.parametrize("size", [0, 1, 1_000_000, 1_048_576, 1_048_577, 5_000_000])
@pytest.mark.parametrize("piece", [65_536, 16_000_000])
async def test_uploads_of_any_size(size: int, piece: int) -> None:
    """Small and large files read the same, from the start."""
    content = bytes(range(256)) * (size // 256) + b"x" * (size % 256)

    async def view() -> Any:
        file = (await request.files)["f"]
        return {"same": content == file.read(), "at end": b"" == file.read()}

    body = upload("f", "x.bin", content) + b"--b--"
    pieces = [body[index : index + piece] for index in range(0, len(body), piece)]

    assert {"same": True, "at end": True} == (await send(make_app(view), pieces, MULTIPART)).json


async def test_uploads_are_closed_when_the_request_ends() -> None:
    """Whatever the view does, its files are closed behind it."""
    seen: list[Any] = []

    async def view() -> Any:
        seen.extend(file.stream for file in (await request.files).values())
        if "fail" in request.args:
            raise ValueError("fail")
        return ""

    app = make_app(view)
    body = upload("f", "x", b"1") + upload("g", "y", b"x" * 2_000_000) + b"--b--"
    for target in ("/", "/?fail"):
        await post(app, target, body=body, headers={"content-type": MULTIPART})

    assert [True] * 4 == [stream.closed for stream in seen]


async def test_uploads_are_closed_by_hand() -> None:
    """A request is a context manager, sync as in Flask, and async."""
    seen: list[Any] = []

    async def view() -> Any:
        file = (await request.files)["f"]
        if "sync" in request.args:
            with request as same:
                assert same is request._get_current_object()
                seen.append(file.stream.closed)
        else:
            async with request:
                seen.append(file.stream.closed)
        seen.append(file.stream.closed)
        return ""

    for target in ("/?sync", "/"):
        await post(
            make_app(view),
            target,
            body=upload("f", "x", b"1") + b"--b--",
            headers={"content-type": MULTIPART},
        )

    assert [False, True] * 2 == seen


async def test_uploads_are_closed_when_the_form_is_refused() -> None:
    """Files that were parsed already do not stay open when a later part is malformed."""
    opened = []

    class Parser(FormDataParser):
        def __init__(self, **kwargs: Any) -> None:
            super().__init__(**kwargs, stream_factory=self.open)

        def open(self, *args: Any) -> Any:
            opened.append(io.BytesIO())
            return opened[-1]

    app = make_app(view_form)

    class Request(app.request_class):  # type: ignore[misc, name-defined]
        form_data_parser_class = Parser

    app.request_class = Request
    body = upload("f", "x", b"1") + upload("g", "y", b"x" * 2_000_000)[:-10]

    assert 400 == (await send(app, body, MULTIPART)).status
    assert [True, True] == [stream.closed for stream in opened]


@pytest.mark.parametrize("pieces", [10, 25, 40])
async def test_a_client_that_leaves_while_it_uploads(pieces: int) -> None:
    """What was spooled so far is closed."""
    opened = []

    class Parser(FormDataParser):
        def __init__(self, **kwargs: Any) -> None:
            super().__init__(**kwargs, stream_factory=self.open)

        def open(self, *args: Any) -> Any:
            opened.append(io.BytesIO())
            return opened[-1]

    app = make_app(view_form)

    class Request(app.request_class):  # type: ignore[misc, name-defined]
        form_data_parser_class = Parser

    app.request_class = Request
    async with stream(app, "POST", headers={"content-type": MULTIPART}) as http:
        http.body(upload("f", "x", b"x" * 65_536)[:-2], more=True)
        for _ in range(pieces):
            http.body(b"x" * 65_536, more=True)
        await asyncio.sleep(0.02)
        http.disconnect()

    assert all(file.closed for file in opened)


async def test_save_an_upload(tmp_path: Path) -> None:
    """A file is saved to a path or to an open file."""

    async def view() -> Any:
        file = (await request.files)["f"]
        await file.save(tmp_path / "path")
        file.seek(0)
        with (tmp_path / "open").open("wb") as target:
            await file.save(target, 3)
            assert not target.closed
        return ""

    await send(make_app(view), upload("f", "x", b"content") + b"--b--", MULTIPART)

    assert b"content" == (tmp_path / "path").read_bytes()
    assert b"content" == (tmp_path / "open").read_bytes()


async def test_load_a_file(tmp_path: Path) -> None:
    """A FileStorage takes the content of a file."""
    (tmp_path / "x").write_bytes(b"content")
    file = FileStorage(filename="x")
    await file.load(tmp_path / "x", 3)
    file.seek(0)

    assert b"content" == file.read()


async def test_a_sync_view_saves_an_upload(tmp_path: Path) -> None:
    """In a sync view nothing is awaited."""
    app = Quart("tests", root_path="tests")

    @app.post("/")
    def view() -> Any:
        request.files["f"].save(tmp_path / "x")  # type: ignore[index]
        return {"a": request.form["a"]}  # type: ignore[index]

    body = part("a", b"1") + upload("f", "x", b"content") + b"--b--"

    assert {"a": "1"} == (await send(app, body, MULTIPART)).json
    assert b"content" == (tmp_path / "x").read_bytes()


async def test_a_stream_factory() -> None:
    """A parser may have its own files."""
    calls = []

    def factory(total: Any, content_type: Any, filename: Any, length: Any = None) -> Any:
        calls.append((content_type, filename))
        return io.BytesIO()

    from quart.wrappers.request import Body

    body = Body(None, None)
    body.set_result(upload("f", "x", b"content", "text/plain") + b"--b--")
    form, uploads = await MultiPartParser(stream_factory=factory).parse(body, b"b", None)

    assert MultiDict() == form
    assert b"content" == uploads["f"].read()
    assert [("text/plain", "x")] == calls


# --- part by part


async def test_multipart_part_by_part() -> None:
    """Parts come as they arrive, and only as fast as they are read."""

    async def view() -> Any:
        seen: list[Any] = []
        async for piece in request.multipart():
            content = b"".join([chunk async for chunk in piece]).decode()
            seen.append([piece.name, piece.filename, piece.content_type, content])
        return seen

    body = part("a", b"1") + upload("f", "x", b"22", "text/plain") + part("c", b"") + b"--b--"
    response = await send(make_app(view), [body[i : i + 9] for i in range(0, 999, 9)], MULTIPART)

    assert [
        ["a", None, None, "1"],
        ["f", "x", "text/plain", "22"],
        ["c", None, None, ""],
    ] == response.json


async def test_parts_that_are_not_read_are_skipped() -> None:
    """A part may be left unread, whole or from its middle."""

    async def view() -> Any:
        names = []
        async for piece in request.multipart():
            names.append(piece.name)
            if piece.name == "b":
                await anext(piece)
        return names

    body = b"".join(part(name, b"x" * 100) for name in "abc") + b"--b--"
    pieces = [body[index : index + 50] for index in range(0, len(body), 50)]

    assert ["a", "b", "c"] == (await send(make_app(view), pieces, MULTIPART)).json


async def test_read_and_save_a_part(tmp_path: Path) -> None:
    """A part is read within a limit, or saved to a file."""

    async def view() -> Any:
        seen: list[Any] = []
        async for piece in request.multipart():
            if piece.filename is not None:
                seen.append(await piece.save(tmp_path / "x"))
            else:
                seen.append(await piece.text(max_size=3))
        return seen

    app = make_app(view)
    body = part("a", b"123") + upload("f", "x", b"content")

    assert ["123", 7] == (await send(app, body + b"--b--", MULTIPART)).json
    assert b"content" == (tmp_path / "x").read_bytes()
    assert 413 == (await send(app, body + part("a", b"1234") + b"--b--", MULTIPART)).status


async def test_the_parts_that_are_taken_elsewhere() -> None:
    """Whoever asks again goes on where the first left off; the form has none of them."""

    async def view() -> Any:
        seen = [(await anext(aiter(request.multipart()))).name]
        async for piece in request.multipart():
            seen.append(piece.name)
            break
        return [*seen, *(await request.form)]

    body = b"".join(part(name, b"x" * 10) for name in "abc") + b"--b--"

    assert ["a", "b"] == (await send(make_app(view), body, MULTIPART)).json


async def test_a_part_in_memory_is_limited_like_a_field() -> None:
    """By MAX_FORM_MEMORY_SIZE, and what the route or the request says."""

    async def view() -> Any:
        if request.args:
            request.max_form_memory_size = None
        return [len(await piece.read()) async for piece in request.multipart()]

    body = part("a", b"1" * 11) + b"--b--"
    app = make_app(view)
    assert [11] == (await send(app, body, MULTIPART)).json
    assert 413 == (await send(app, part("a", b"1" * 500_001) + b"--b--", MULTIPART)).status
    app.config["MAX_FORM_MEMORY_SIZE"] = 10
    assert 413 == (await send(app, body, MULTIPART)).status
    assert [11] == (await post(app, "/?a", body=body, headers=CONTENT_TYPE)).json
    app = make_app(view, max_form_memory_size=10)
    assert 413 == (await send(app, body, MULTIPART)).status


async def test_multipart_pulls_what_is_read() -> None:
    """An upload that the view stops reading stays with the client."""

    async def view() -> Any:
        async for piece in request.multipart():
            await anext(piece)
            break
        await asyncio.sleep(0.05)
        return ""

    app = make_app(view)
    app.config["MAX_CONTENT_LENGTH"] = None
    async with stream(app, "POST", headers={"content-type": MULTIPART}) as http:
        http.body(upload("f", "x", b"x" * 65536)[:-2], more=True)
        for _ in range(1000):
            http.body(b"x" * 65536, more=True)
        assert 200 == (await http.response()).status
        assert 16 >= http.received


async def test_the_parts_that_come_one_by_one_are_counted() -> None:
    """MAX_FORM_PARTS holds for them too, and so does MAX_CONTENT_LENGTH."""
    seen: list[str] = []

    async def view() -> Any:
        async for piece in request.multipart():
            seen.append(piece.name)
        return ""

    app = make_app(view, max_form_parts=2)
    body = part("a", b"x" * 1000) * 3 + b"--b--"
    pieces = [body[index : index + 500] for index in range(0, len(body), 500)]

    assert 413 == (await send(app, pieces, MULTIPART)).status
    assert ["a", "a"] == seen
    app = make_app(view, max_content_length=1500)
    assert 413 == (await send(app, pieces, MULTIPART)).status
    assert ["a", "a"] == seen[2:]


async def test_multipart_of_another_content_type() -> None:
    """What is no multipart form cannot be read as one."""

    async def view() -> Any:
        return [piece.name async for piece in request.multipart()]

    app = make_app(view)

    assert 415 == (await send(app, b"a=1", FORM)).status
    assert 400 == (await send(app, GOOD, MULTIPART)).status


async def test_another_parse_function() -> None:
    """A subclass may parse another content type; its ValueError is an empty form."""

    class Parser(FormDataParser):
        async def parse_lines(self, body: Any, *_: Any) -> Any:
            lines = (await body).decode().split()
            return self.cls([line.split(":", 1) for line in lines]), self.cls()

        parse_functions: ClassVar[Any] = {
            "text/lines": parse_lines,
            **FormDataParser.parse_functions,
        }

    app = make_app(view_form)

    class Request(app.request_class):  # type: ignore[misc, name-defined]
        form_data_parser_class = Parser

    app.request_class = Request

    assert [("a", "1"), ("b", "2")] == await fields(app, b"a:1 b:2", "text/lines")
    assert [] == await fields(app, b"a", "text/lines")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
async def test_a_part_that_is_saved_while_the_client_goes_is_closed(tmp_path: Path) -> None:
    """Also if it goes while the file is being opened, here a pipe that nobody reads yet."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    app = Quart(__name__)
    app.config["DISCONNECT_CHECK_AFTER"] = 0
    begun = asyncio.Event()

    @app.post("/")
    async def view() -> str:
        async for piece in request.multipart():
            begun.set()
            await piece.save(pipe)
        return ""

    async with stream(app, "POST", headers={"Content-Type": MULTIPART}) as http:
        http.body(upload("f", "x", b"content"), more=True)
        await begun.wait()
        await asyncio.sleep(0.02)
        http.disconnect()
        await asyncio.sleep(0.02)
        reader = await asyncio.to_thread(open, pipe, "rb")
        with reader:
            assert b"" == await asyncio.to_thread(reader.read)
