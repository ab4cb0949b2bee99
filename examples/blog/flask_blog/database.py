"""The SQLite database: one connection for each request or command that needs one."""

import sqlite3
from pathlib import Path

import click
from flask import current_app, g
from flask.cli import with_appcontext


def get_database():
    """The connection of this request, opened when it is first asked for."""
    if "database" not in g:
        # It is used by one function at a time, but not always by the same thread.
        g.database = sqlite3.connect(current_app.config["DATABASE"], check_same_thread=False)
        g.database.row_factory = sqlite3.Row
        # Commits are written to the log, without waiting for the disk: see schema.sql.
        g.database.executescript("PRAGMA foreign_keys = ON; PRAGMA synchronous = NORMAL")
    return g.database


def close_database(error):
    connection = g.pop("database", None)
    if connection is not None:
        connection.close()


def create_tables():
    Path(current_app.config["DATABASE"]).parent.mkdir(parents=True, exist_ok=True)
    with current_app.open_resource("schema.sql", "r") as file:
        get_database().executescript(file.read())


@click.command("init-db")
@with_appcontext
def init_db():
    """Create the tables anew; what was in them is lost."""
    create_tables()
    click.echo("The database is ready.")


def init_app(app):
    app.teardown_appcontext(close_database)
    app.cli.add_command(init_db)
