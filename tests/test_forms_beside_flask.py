"""A multipart form is what Flask makes of it, or a 400, never a third.

Filters in front of an application read forms, too, and must not be gone round.
"""

from typing import Any

import flask
from asgi import post
from hypothesis import example, given, settings
from hypothesis import strategies as st

from quart import Quart, request

CONTENT_TYPE = "multipart/form-data; boundary=b"
HEAD = b'Content-Disposition: form-data; name="a"'
WORDS = [
    *(b"--b", b"--b--", b"\r\n", b"\n", b"\r", b"\r\n\r\n", b" ", b"\t", b"x", b"-", b"--", b":"),
    *(HEAD, HEAD[:-2] + b'b"', HEAD + b'; filename="f"', b"Content-Type: text/plain", b"X: y"),
    *(b'Content-Disposition: form-data; filename="f"', b"Content-Disposition: attachment", b"b"),
    *(b"content-disposition: form-data; name=c", b"\r\n--b\r\n" + HEAD + b"\r\n\r\n", b"\r\n--b--"),
    *(b"; name=d", b"; name*=UTF-8''e", b"\xff", b"Content-Type: text/plain; charset=latin-1"),
]


WORD = st.sampled_from(WORDS)
PARTS = st.tuples(
    st.sampled_from([b"--b\r\n", b"--b\n", b"--b \r\n", b"--b\r"]) | WORD,
    st.sampled_from([HEAD, HEAD[:-2] + b'b"', HEAD + b'; filename="f"']) | WORD,
    st.sampled_from([b"", b"\r\nX: y", b"\r\n" + HEAD]) | WORD,
    st.sampled_from([b"\r\n\r\n", b"\r\n", b"\n\n"]),
    st.lists(WORD, max_size=2).map(b"".join),
    st.sampled_from([b"\r\n", b"\n", b"\r", b""]),
)
FORMS = st.lists(PARTS.map(b"".join), max_size=3).map(lambda parts: b"".join(parts) + b"--b--")


async def view() -> Any:
    form, files = await request.form, await request.files
    names = [(name, file.filename, file.read().decode("latin-1")) for name, file in pairs(files)]
    return {"fields": pairs(form), "files": names}


def pairs(values: Any) -> list[Any]:
    return list(values.items(multi=True))


app = Quart(__name__)
app.add_url_rule("/", "view", view, methods=["POST"])
theirs = flask.Flask(__name__)


def of_flask(body: bytes) -> Any:
    with theirs.test_request_context("/", method="POST", data=body, content_type=CONTENT_TYPE):
        files = [
            [name or "", file.filename, file.read().decode("latin-1")]
            for name, file in pairs(flask.request.files)
        ]
        return {"fields": [list(each) for each in pairs(flask.request.form)], "files": files}


@settings(max_examples=300)
@given(st.lists(st.sampled_from(WORDS), max_size=14).map(b"".join) | FORMS, st.integers(1, 9))
@example(b"--b\r\n" + HEAD + b"\r\n\r\n1\n--b\r\n" + HEAD + b"\r\n\r\n2\r\n--b--", 9)
@example(b"--b\r\n" + HEAD + b"\r\n\r\n--b\r\n" + HEAD + b"\r\n\r\n2\r\n--b--", 9)
@example(b"--b\r\n" + HEAD + b"\r\n" + HEAD[:-2] + b'b"\r\n\r\n2\r\n--b--', 9)
@example(b"--b  \r\n" + HEAD + b"\r\n\r\n2\r\n--b--", 9)
@example(b"--b\r\n" + HEAD + b"\r\n\r\n2\r\n--b  \r\n" + HEAD + b"\r\n\r\n3\r\n--b--", 9)
async def test_a_form_is_flasks_or_refused(body: bytes, size: int) -> None:
    """However it is cut into messages."""
    pieces = [body[index : index + size] for index in range(0, len(body), size)] or [b""]
    response = await post(app, body=pieces, headers={"content-type": CONTENT_TYPE})

    assert response.status in (200, 400)
    if response.status == 200:
        assert of_flask(body) == response.json
