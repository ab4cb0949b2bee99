"""What a type checker makes of `Quart.from_flask`."""

from typing import Any, assert_type

import flask

from quart import Quart


class Shop(Quart[dict[str, str]]):
    pass


flask_app = flask.Flask(__name__)
app = Quart.from_flask(flask_app)
assert_type(app, Quart[Any])
assert_type(Shop.from_flask(flask_app), Shop)


@app.get("/added")
async def added() -> dict[str, int]:
    return {"number": 1}
