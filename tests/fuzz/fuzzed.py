"""What is fuzzed: each function takes bytes and raises where something is wrong.

Where there is a second opinion (Werkzeug, Flask, the standard library) it has to be the same. What
is compiled has to do what its twin in Python does.
"""

import asyncio
import json
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import flask
from werkzeug.datastructures import ImmutableMultiDict
from werkzeug.exceptions import HTTPException, RequestedRangeNotSatisfiable
from werkzeug.routing import Map, RequestRedirect, Rule
from werkzeug.sansio.http import parse_cookie
from werkzeug.wrappers import Request as WSGIRequest

from quart import Request, _speedups
from quart._speedups import pure
from quart.formparser import FormDataParser
from quart.headers import ScopeHeaders
from quart.json.long import InterruptibleDecoder
from quart.routing import QuartMap, QuartRule
from quart.wrappers.body import Body
from quart.wrappers.ranges import satisfiable_ranges

LENGTH = 1000
SEED = b"--b\r\nContent-Disposition: form-data; name="
BOUNDARY = "multipart/form-data; boundary=b"


def make_request(headers: list[tuple[bytes, bytes]], query: bytes = b"") -> Request:
    scope = {"headers": [(b"host", b"localhost"), *headers]}
    return Request("GET", "http", "/", query, ScopeHeaders.of(scope), "", "1.1", scope)


def compare_twins(name: str, make_arguments: Callable[[], tuple[Any, ...]]) -> None:
    """What is compiled gives, and makes of its arguments, what its twin in Python does."""
    outcomes = []
    for module in (pure, _speedups):
        arguments = make_arguments()
        given = _result(getattr(module, name), *arguments)
        outcomes.append(repr((given, arguments)))
    assert outcomes[0] == outcomes[1]


def _result(function: Callable[..., Any], *arguments: Any) -> Any:
    try:
        return function(*arguments)
    except Exception as error:
        return type(error)


def queries(data: bytes) -> None:
    """`args`, `full_path` and `url`, beside Werkzeug's."""
    compare_twins("split_query", lambda: (data, {}))
    theirs = WSGIRequest(
        {"wsgi.url_scheme": "http", "HTTP_HOST": "localhost", "PATH_INFO": "/", "SCRIPT_NAME": ""}
    )
    theirs.query_string = data
    ours = make_request([], data)
    assert theirs.url == ours.url
    if data.isascii():  # Werkzeug has other bytes in Latin-1 here
        assert [*theirs.args.items(multi=True)] == [*ours.args.items(multi=True)]
    assert ours.full_path is not None


def cookies(data: bytes) -> None:
    """`cookies`, beside Werkzeug's."""
    for line in (data.decode("latin-1"), data.decode("utf-8", "replace")):
        compare_twins("split_cookies", lambda line=line: (line, {}))
        for name in {word.partition("=")[0].strip() for word in line.split(";")[:5]} - {""}:
            compare_twins("find_cookie", lambda line=line, name=name: (line, name))
    ours = make_request([(b"cookie", data)]).cookies
    theirs = parse_cookie(data.decode("latin-1"), ImmutableMultiDict)
    assert [*theirs.items(multi=True)] == [*ours.items(multi=True)]


def ranges(data: bytes) -> None:
    """Ranges are within the body, in order, and do not overlap."""
    try:
        found = satisfiable_ranges(data.decode("latin-1"), LENGTH)
    except RequestedRangeNotSatisfiable:
        return
    at = 0
    for begin, end in found or ():
        assert at <= begin < end <= LENGTH
        at = end


READ = [
    ("accept", "accept_mimetypes"),
    ("accept-encoding", "accept_encodings"),
    ("accept-language", "accept_languages"),
    ("authorization", "authorization"),
    ("cache-control", "cache_control"),
    ("content-length", "content_length"),
    ("content-type", "mimetype_params"),
    ("content-type", "is_json"),
    ("date", "date"),
    ("host", "url"),
    ("if-match", "if_match"),
    ("if-modified-since", "if_modified_since"),
    ("if-none-match", "if_none_match"),
    ("if-range", "if_range"),
    ("if-unmodified-since", "if_unmodified_since"),
    ("max-forwards", "max_forwards"),
    ("pragma", "pragma"),
    ("range", "range"),
    ("x-forwarded-for", "access_route"),
]


def _learn(name: str) -> bytes | None:
    return name.lower().encode() if name.isascii() and name.isidentifier() else None


def _encode(sent: bytes, name: str, value: str) -> bytes:
    return b"%s|%s|%s" % (sent, name.encode(), value.encode("latin-1"))


def headers_as_lines(data: bytes) -> None:
    """Headers, whose names and values are the lines of the data, are read and sent by twins."""
    lines = data.split(b"\n")
    pairs = [*zip(lines[::2], lines[1::2], strict=False)]
    compare_twins("decoded", lambda: (pairs, {b"host": "Host"}))
    for name in lines[:4]:
        for kind in (bytes, bytearray):
            compare_twins("first_value", lambda kind=kind, name=name: (pairs, kind(name)))
            compare_twins("all_values", lambda kind=kind, name=name: (pairs, kind(name)))
    for encoding in ("latin-1", "utf-8"):
        texts = [(a.decode(encoding, "replace"), b.decode(encoding, "replace")) for a, b in pairs]
        given = {name: value.replace("|", "\r") for name, value in texts}
        compare_twins("put_all", lambda given=given: ({}, given, {"Host": b"host"}, _learn))
        unsent = [(sent, text) for (sent, _), text in zip(pairs, texts, strict=True)]
        compare_twins("encoded", lambda unsent=unsent: (unsent + pairs, {b"location"}, _encode))


def headers(data: bytes) -> None:
    """Nothing that is read of a header raises, but what is an answer."""
    if not data:
        return
    headers_as_lines(data[1:])
    name, attribute = READ[data[0] % len(READ)]
    scope = {"headers": [(name.encode(), data[1:])]}
    asked = Request("GET", "http", "/", b"", ScopeHeaders.of(scope), "", "1.1", scope)
    with suppress(HTTPException):
        getattr(asked, attribute)


def _pairs(values: Any) -> list[tuple[str, Any]]:
    # A part without a name is None to Flask.
    return [(name or "", value) for name, value in values.items(multi=True)]


def _files(values: Any) -> list[tuple[str, Any, bytes]]:
    return [(name, file.filename, file.read()) for name, file in _pairs(values)]


_loop = asyncio.new_event_loop()
_flask = flask.Flask(__name__)


async def _parse(data: bytes) -> Any:
    body = Body(None, None)
    for index in range(0, len(data), 7):
        body.append(data[index : index + 7])
    body.set_complete()
    parser = FormDataParser(max_form_memory_size=500_000, max_form_parts=1000)
    return await parser.parse(body, "multipart/form-data", None, {"boundary": "b"})


def forms(data: bytes) -> None:
    """A multipart form is what Flask makes of it, or refused."""
    try:
        fields, files = _loop.run_until_complete(_parse(data))
    except HTTPException:
        return
    with _flask.test_request_context("/", method="POST", data=data, content_type=BOUNDARY):
        try:
            theirs = flask.request.form, flask.request.files
        except HTTPException:
            return  # Flask's limits are others
        if {None, ""} <= {*theirs[0], *theirs[1]}:
            return  # which are one name here
        assert _pairs(theirs[0]) == _pairs(fields)
        assert _files(theirs[1]) == _files(files)


RULES = """
    / /a /a/ /a/b /a/<x> /a/<int:n> /a/<int:n>/b /<x>/b /p/<path:p> /p/<path:p>/e /f/<float:f>
    /u/<uuid:u> /<any(k,l):k>/z /b/<x>/ /c/<string(length=2):s> /d/<x>-<y> /a//b
""".split()  # noqa: SIM905
RULES += [
    f"{rule}{end}" for rule in ("/g/<path:p>", "/h/<float:f>-<x>") for end in ("/", "/e", ".x")
]


def _rules(rule_class: type[Rule]) -> list[Rule]:
    return [
        rule_class(rule, endpoint=str(number), methods=["GET"] if number % 3 else ["GET", "POST"])
        for number, rule in enumerate(RULES)
    ]


URL_MAP = QuartMap(_rules(QuartRule))
THEIR_MAP = Map(_rules(Rule))


def _matched(match: Callable[[], Any]) -> Any:
    try:
        return match()
    except RequestRedirect as error:
        return error.new_url
    except HTTPException as error:
        return error.code, sorted(getattr(error, "valid_methods", None) or [])
    except ValueError:
        return 404, []


# Werkzeug 3.1.0 merges slashes two by two, so that some are left.
THEY_MERGE_ALL = isinstance(_matched(lambda: THEIR_MAP.bind("localhost").match("/a////b")), str)


def routing(data: bytes) -> None:
    """What is found, redirected or refused, Werkzeug's matcher finds, redirects or refuses."""
    text = data.decode("utf-8", "replace")
    method = "POST" if text[:1] == "p" else "GET"
    path = "/" + text.lstrip("/")
    if "///" in path and not THEY_MERGE_ALL:
        return
    wanted = _matched(lambda: THEIR_MAP.bind("localhost").match(path, method))
    assert wanted == _matched(lambda: URL_MAP.bind("localhost").match(path, method))
    found = URL_MAP.find(path, method, False) or URL_MAP.match(path, method, False)
    if isinstance(found, HTTPException):
        assert wanted == (found.code, sorted(getattr(found, "valid_methods", None) or []))
    elif found is not None:
        assert wanted == (found[0].endpoint, found[1])


_decoder = InterruptibleDecoder()


def documents(data: bytes) -> None:
    """The decoder for long JSON gives the values and the errors of `json.loads`."""
    text = data.decode("utf-8", "replace")
    ours = _outcome(_decoder.decode, text)
    assert ours in (_outcome(json.loads, text), "too deep")  # which is sooner: it is Python code


def _outcome(loads: Any, text: str) -> Any:
    try:
        return repr(loads(text))
    except RecursionError:
        return "too deep"
    except ValueError as error:
        return str(error)


#: Each target with a few words that get it started.
TARGETS = {
    "queries": (queries, [b"a=1&b=%20+%C3%A4", b"%ff=%41&&=", b"\xe4;\xff%"]),
    "cookies": (cookies, [b"a=b; c=d", b'a="b\\"c"; =d', b"a; b=; c==d"]),
    "ranges": (ranges, [b"0-1,2-3", b"-5", b"999-, 5-2"]),
    "headers": (
        headers,
        [
            *(bytes([number]) + b'a/b;q=0.5, "c"' for number in range(len(READ))),
            b"\0host\nlocalhost\nHost\n x y \nlocation\n/\nAllow\n\xe4",
        ],
    ),
    "forms": (
        forms,
        [
            SEED + b'"a"\r\n\r\n1\r\n--b--\r\n',
            SEED + b'"f"; filename="g"\r\nContent-Type: text/plain\r\n\r\nx\r\n--b--',
            SEED + b'"a"\r\n\r\n1\n' + SEED + b'"a"\r\n\r\n2\r\n--b--',
        ],
    ),
    "routing": (routing, [b"a/1", b"p/x/e", b"//a///b", b"f/1.5"]),
    "documents": (documents, [b'{"a":[1,2.5,null,"\\u00e4"]}', b"[[[", b'{"a":1,"a":2}']),
}
