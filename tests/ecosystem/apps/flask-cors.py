"""Flask-CORS: headers for the origins allowed, the answer to a preflight request, one view."""

import quart_flask_patch  # noqa: F401
from flask_cors import CORS, cross_origin

from quart import Quart

app = Quart(__name__)
# It would wrap the methods that handle errors, and not await them.
CORS(
    app,
    resources={"/api/*": {"origins": "http://friend.example"}},
    intercept_exceptions=False,
)


@app.route("/api/item", methods=["GET", "PUT"])
async def item():
    return "item"


@app.get("/open")
@cross_origin(origins="*")
def open_to_all():
    return "open"


@app.get("/api/error")
async def error():
    raise ValueError


@app.get("/closed")
async def closed():
    return "closed"


def test(client):
    friend, stranger = ({"Origin": f"http://{name}.example"} for name in ("friend", "stranger"))
    answer = client.get("/api/item", friend)
    assert "item" == answer.text
    assert "http://friend.example" == answer.headers["Access-Control-Allow-Origin"]
    assert "Access-Control-Allow-Origin" not in client.get("/api/item", stranger).headers
    assert "Access-Control-Allow-Origin" not in client.get("/closed", friend).headers

    asked = {**friend, "Access-Control-Request-Method": "PUT"}
    preflight = client.request("OPTIONS", "/api/item", None, asked)
    assert 200 == preflight.status
    assert "PUT" in preflight.headers["Access-Control-Allow-Methods"]

    answer = client.get("/open", stranger)
    assert ("open", stranger["Origin"]) == (
        answer.text,
        answer.headers["Access-Control-Allow-Origin"],
    )


def test_errors(client):
    friend = {"Origin": "http://friend.example"}
    for path, status in [("/api/nothing", 404), ("/api/error", 500)]:
        answer = client.get(path, friend)
        assert status == answer.status
        assert "http://friend.example" == answer.headers["Access-Control-Allow-Origin"]
