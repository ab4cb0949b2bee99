"""A role that a view needs, and that is told by a signal."""

import flask
from flask_principal import (
    Identity,
    Permission,
    Principal,
    RoleNeed,
    identity_changed,
    identity_loaded,
)


def use(app, views):
    Principal(app)
    admin = Permission(RoleNeed("admin"))

    def load(sender, identity):
        if identity.id == flask.request.args.get("admin", "ada"):
            identity.provides.add(RoleNeed("admin"))

    identity_loaded.connect(load, app, weak=False)

    @views.add("/login/<name>")
    def login(name):
        identity_changed.send(app, identity=Identity(name))
        return name

    @views.add("/admin", admin.require(403))
    def for_admins():
        return f"admin {flask.g.identity.id}"

    @views.add("/both")
    def both():
        with admin.require(401):
            return "both"


def check(client):
    assert (403, 401) == (client.get("/admin").status, client.get("/both").status)
    client.get("/login/ada")
    assert "admin ada" == client.get("/admin").text
    assert "both" == client.get("/both").text
    assert 403 == client.get("/admin?admin=bob").status
