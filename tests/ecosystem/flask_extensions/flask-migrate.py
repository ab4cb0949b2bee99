"""A database whose migration is made at the start, and which a view brings up to date."""

import tempfile
from pathlib import Path

from flask_migrate import Migrate, init, migrate, upgrade
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import inspect
from sqlalchemy.orm import Mapped, mapped_column


def use(app, views):
    directory = Path(tempfile.mkdtemp())
    app.config["SQLALCHEMY_DATABASE_URI"] = f"sqlite:///{directory / 'db'}"
    db = SQLAlchemy(app)
    Migrate(app, db, directory=str(directory / "migrations"))

    class Note(db.Model):
        id: Mapped[int] = mapped_column(primary_key=True)

    @app.before_serving
    async def begin():
        async with app.app_context():
            init()
            migrate()

    @views.add("/upgrade")
    def bring_up_to_date():
        upgrade()
        return " ".join(sorted(inspect(db.engine).get_table_names()))


def check(client):
    assert "alembic_version note" == client.get("/upgrade").text
