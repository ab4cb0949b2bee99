"""Functions that are not async, typed by Flask's names, in an application of Quart's."""

import flask

from quart import Blueprint, Quart
from quart.typing import ResponseReturnValue

app = Quart(__name__)
part = Blueprint("part", __name__)


@app.before_request
def load_user() -> ResponseReturnValue | None:
    flask.g.user = flask.session.get("user")
    return None if flask.g.user else flask.redirect(flask.url_for("log_in"))


@app.route("/log-in", methods=["GET", "POST"])
def log_in() -> ResponseReturnValue:
    if flask.request.method == "POST":
        flask.session["user"] = flask.request.form["name"]
        flask.flash("You are logged in.")
        return flask.redirect("/")
    return flask.render_template("log_in.html", name=flask.request.args.get("name", ""))


@part.post("/files")
def keep() -> ResponseReturnValue:
    sent: str | None = flask.request.files["file"].filename
    response = flask.make_response({"name": sent, "size": len(flask.request.get_data())}, 201)
    response.set_cookie("kept", "yes")
    return response


@part.get("/files/<name>")
def give(name: str) -> ResponseReturnValue:
    return flask.send_from_directory("files", name)


app.register_blueprint(part)
