"""A blog: people register, log in, and write posts, which they alone can change and delete.

In the directory above this one::

    flask --app flask_blog init-db
    flask --app flask_blog run
"""

from pathlib import Path

from flask import Flask, render_template

from . import auth, database, posts


def create_app(config=None):
    app = Flask(__name__, instance_relative_config=True)
    app.config.from_mapping(
        SECRET_KEY="for development only",
        SESSION_COOKIE_SAMESITE="Lax",  # so no other site can post in a reader's name
        DATABASE=Path(app.instance_path, "blog.sqlite"),
        TITLE="The blog",
    )
    app.config.from_prefixed_env()  # FLASK_SECRET_KEY, FLASK_TITLE and so on
    app.config.from_mapping(config or {})

    database.init_app(app)
    app.register_blueprint(auth.blueprint)
    app.register_blueprint(posts.blueprint)
    app.register_error_handler(403, show_error)
    app.register_error_handler(404, show_error)

    @app.context_processor
    def add_title():
        return {"title": app.config["TITLE"]}

    return app


def show_error(error):
    return render_template("error.html", error=error), error.code
