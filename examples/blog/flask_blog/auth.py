"""Who is who: registration, login and logout, and the person behind each request."""

import sqlite3
from functools import wraps

from flask import Blueprint, flash, g, redirect, render_template, request, session, url_for
from werkzeug.security import check_password_hash, generate_password_hash

from .database import get_database

blueprint = Blueprint("auth", __name__, url_prefix="/auth")


@blueprint.before_app_request
def load_person():
    g.person = None
    if "person_id" in session:
        found = get_database().execute(
            "SELECT id, name FROM person WHERE id = ?", (session["person_id"],)
        )
        g.person = found.fetchone()


def login_required(view):
    """Send whoever is not logged in to the login page."""

    @wraps(view)
    def decorated(**arguments):
        if g.person is None:
            return redirect(url_for("auth.login"))
        return view(**arguments)

    return decorated


@blueprint.route("/register", methods=["GET", "POST"])
def register():
    if request.method == "POST":
        name, password = request.form["name"].strip(), request.form["password"]
        if not name or not password:
            flash("A name and a password are needed.")
        else:
            try:
                with get_database() as database:
                    database.execute(
                        "INSERT INTO person (name, password) VALUES (?, ?)",
                        (name, generate_password_hash(password)),
                    )
            except sqlite3.IntegrityError:
                flash(f"The name {name} is taken.")
            else:
                flash("Welcome! You can log in now.")
                return redirect(url_for(".login"))
    return render_template("auth/register.html")


@blueprint.route("/login", methods=["GET", "POST"])
def login():
    if request.method == "POST":
        found = get_database().execute(
            "SELECT id, password FROM person WHERE name = ?", (request.form["name"].strip(),)
        )
        person = found.fetchone()
        if person and check_password_hash(person["password"], request.form["password"]):
            session.clear()
            session["person_id"] = person["id"]
            return redirect(url_for("posts.index"))
        flash("Name or password is wrong.")
    return render_template("auth/login.html")


@blueprint.post("/logout")
def logout():
    session.clear()
    return redirect(url_for("posts.index"))
