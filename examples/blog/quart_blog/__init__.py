"""A blog: people register, log in, and write posts, which they alone can change and delete.

In the directory above this one::

    quart --app quart_blog init-db
    quart --app quart_blog run
"""

from pathlib import Path

from quart import Quart, render_template

from . import auth, database, posts


def create_app(config=None):
    app = Quart(__name__, instance_relative_config=True)
    app.config.from_mapping(
        SECRET_KEY="for development only",
        SESSION_COOKIE_SAMESITE="Lax",  # so no other site can post in a reader's name
        DATABASE=Path(app.instance_path, "blog.sqlite"),
        TITLE="The blog",
    )
    app.config.from_prefixed_env()  # QUART_SECRET_KEY, QUART_TITLE and so on
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


async def show_error(error):
    return await render_template("error.html", error=error), error.code
