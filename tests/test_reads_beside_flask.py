"""`def` views read a body as Flask's do, whatever they read of it before.

Each example is a few reads of one body, in any order, made on both. Where Flask has nothing left of
a body that a form was made of, there may be the body here.
"""

from typing import Any

import flask
from asgi import post
from hypothesis import example, given, settings
from hypothesis import strategies as st

import quart
from quart import Quart

FORM = "application/x-www-form-urlencoded"
MULTIPART = "multipart/form-data; boundary=b"
BODIES = [
    (FORM, b"a=1&b=2&a=%C3%BC"),
    (FORM, b""),
    (
        MULTIPART,
        b'--b\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n'
        b'--b\r\nContent-Disposition: form-data; name="f"; filename="f"\r\n\r\nfile\r\n--b--\r\n',
    ),
    ("application/json", b'{"a": 1}'),
    ("application/json", b"{"),
    ("application/json", b""),
    ("application/json", b'"\xfc"'),
    ("text/plain", b"a\nb\n"),
    ("", b"\xff"),
]
READS = {
    "data": lambda request: request.data,
    "get_data()": lambda request: request.get_data(),
    "get_data(cache=False)": lambda request: request.get_data(cache=False),
    "get_data(as_text=True)": lambda request: request.get_data(as_text=True),
    "form": lambda request: list(request.form.items(multi=True)),
    "form['a']": lambda request: request.form["a"],
    "files": lambda request: [(name, file.filename) for name, file in request.files.items()],
    "files['x']": lambda request: request.files["x"],
    "values": lambda request: sorted(request.values.items(multi=True)),
    "json": lambda request: request.json,
    "get_json(silent=True)": lambda request: request.get_json(silent=True),
    "get_json(force=True)": lambda request: request.get_json(force=True),
    "get_json(cache=False)": lambda request: request.get_json(force=True, cache=False),
    "is_json": lambda request: request.is_json,
    "stream.read()": lambda request: request.stream.read(),
}


def read(request: Any, names: list[str]) -> list[str]:
    """What each of the reads gives, or the name of its error."""
    results = []
    for name in names:
        try:
            results.append(repr(READS[name](request)))
        except Exception as error:
            results.append(type(error).__name__)
    return results


@settings(max_examples=300)
@given(st.sampled_from(BODIES), st.lists(st.sampled_from([*READS]), max_size=4))
@example(BODIES[0], ["get_data()", "form", "data"])
@example(BODIES[2], ["get_data()", "files", "data"])
@example(BODIES[0], ["get_data()", "stream.read()", "data"])
@example(BODIES[3], ["json", "get_data(cache=False)", "get_data()"])
async def test_reads(sent: tuple[str, bytes], names: list[str]) -> None:
    content_type, body = sent
    ours: list[str] = []
    app = Quart(__name__)
    app.config["JSON_REQUIRES_CONTENT_TYPE"] = True

    @app.post("/")
    def view() -> str:
        ours.extend(read(quart.request, names))
        return ""

    with flask.Flask(__name__).test_request_context(
        "/", method="POST", data=body, content_type=content_type
    ):
        theirs = read(flask.request, names)
    await post(app, body=body, headers={"Content-Type": content_type})

    left = {repr(body), repr(body.decode(errors="replace"))}
    for their, our, name in zip(theirs, ours, names, strict=True):
        assert their == our or (their in ("b''", "''") and our in left), name
