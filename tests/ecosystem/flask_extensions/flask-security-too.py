"""Registering, logging in by a form, a view for users, one for a role, logging out."""

import re

from flask_security import (
    Security,
    SQLAlchemyUserDatastore,
    auth_required,
    current_user,
    hash_password,
    roles_required,
)
from flask_security.models import fsqla_v3 as fsqla
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy.pool import StaticPool


def use(app, views):
    app.config.update(
        SECURITY_PASSWORD_SALT="salt",
        SECURITY_PASSWORD_HASH="plaintext",
        SECURITY_PASSWORD_SCHEMES=["plaintext"],
        SECURITY_HASHING_SCHEMES=["hex_md5"],
        SECURITY_DEPRECATED_HASHING_SCHEMES=[],
        SECURITY_EMAIL_VALIDATOR_ARGS={"check_deliverability": False},
        SECURITY_USE_REGISTER_V2=True,
        SECURITY_SEND_REGISTER_EMAIL=False,
        SQLALCHEMY_DATABASE_URI="sqlite://",
        SQLALCHEMY_ENGINE_OPTIONS={
            "poolclass": StaticPool,
            "connect_args": {"check_same_thread": False},
        },
    )
    db = SQLAlchemy(app)
    fsqla.FsModels.set_db_info(db)

    class Role(db.Model, fsqla.FsRoleMixin):
        pass

    class User(db.Model, fsqla.FsUserMixin):
        pass

    security = Security(app, SQLAlchemyUserDatastore(db, User, Role))

    @app.before_serving
    async def create():
        async with app.app_context():
            db.create_all()
            store = security.datastore
            store.create_user(email="ada@example.com", password=hash_password("password"))
            db.session.commit()

    @views.add("/private", auth_required())
    def private():
        return current_user.email

    @views.add("/admin", roles_required("admin"))
    def admin():
        return "admin"


def check(client):
    assert 302 == client.get("/private").status
    token = re.search('name="csrf_token".*?value="(.+?)"', client.get("/login").text)[1]
    fields = {"email": "ada@example.com", "password": "password", "csrf_token": token}
    assert 302 == client.post("/login", form=fields).status
    assert "ada@example.com" == client.get("/private").text
    assert 302 == client.get("/admin").status or 403 == client.get("/admin").status
    assert 302 == client.post("/logout").status
    assert 302 == client.get("/private").status
