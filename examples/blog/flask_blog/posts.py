"""The posts: everybody reads them, their authors change them."""

from flask import Blueprint, abort, flash, g, redirect, render_template, request, url_for

from .auth import login_required
from .database import get_database

blueprint = Blueprint("posts", __name__)

SELECT = """
    SELECT post.id, author_id, name AS author, written, headline, body
    FROM post JOIN person ON person.id = author_id
"""


@blueprint.get("/")
def index():
    posts = get_database().execute(f"{SELECT} ORDER BY post.id DESC")
    return render_template("posts/index.html", posts=posts.fetchall())


@blueprint.get("/posts.json")
def list_posts():
    posts = get_database().execute(f"{SELECT} ORDER BY post.id")
    return [dict(post) for post in posts]


@blueprint.route("/new", methods=["GET", "POST"])
@login_required
def create():
    if request.method == "POST":
        headline, body = read_form()
        if headline:
            with get_database() as database:
                database.execute(
                    "INSERT INTO post (author_id, headline, body) VALUES (?, ?, ?)",
                    (g.person["id"], headline, body),
                )
            return redirect(url_for(".index"))
        flash("A headline is needed.")
    return render_template("posts/edit.html", post=None)


@blueprint.route("/<int:post_id>", methods=["GET", "POST"])
@login_required
def update(post_id):
    post = own_post(post_id)
    if request.method == "POST":
        headline, body = read_form()
        if headline:
            with get_database() as database:
                database.execute(
                    "UPDATE post SET headline = ?, body = ? WHERE id = ?",
                    (headline, body, post_id),
                )
            return redirect(url_for(".index"))
        flash("A headline is needed.")
    return render_template("posts/edit.html", post=post)


@blueprint.post("/<int:post_id>/delete")
@login_required
def delete(post_id):
    own_post(post_id)
    with get_database() as database:
        database.execute("DELETE FROM post WHERE id = ?", (post_id,))
    flash("The post is gone.")
    return redirect(url_for(".index"))


def own_post(post_id):
    """A post of the person who asks; 404 where there is none, 403 where it is another's."""
    post = get_database().execute(f"{SELECT} WHERE post.id = ?", (post_id,)).fetchone()
    if post is None:
        abort(404, f"There is no post {post_id}.")
    if post["author_id"] != g.person["id"]:
        abort(403, "Only its author can change a post.")
    return post


def read_form():
    form = request.form
    return form["headline"].strip(), form["body"]
