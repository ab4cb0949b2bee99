"""Flask-Principal: an identity that lasts, what it needs to enter, and who is kept out."""

import quart_flask_patch  # noqa: F401
from flask_principal import (
    Identity,
    Permission,
    PermissionDenied,
    Principal,
    RoleNeed,
    identity_changed,
    identity_loaded,
)

from quart import Quart, current_app

app = Quart(__name__)
app.secret_key = "secret"
Principal(app)
admin = Permission(RoleNeed("admin"))


@identity_loaded.connect_via(app)
def on_loaded(sender, identity):
    if identity.id == "ada":
        identity.provides.add(RoleNeed("admin"))


@app.get("/be/<name>")
async def become(name: str):
    identity_changed.send(current_app._get_current_object(), identity=Identity(name))
    return ""


@app.get("/admin")
@admin.require()
def for_admins():
    return "welcome"


@app.get("/part")
async def part():
    with admin.require():
        return "welcome"


@app.errorhandler(PermissionDenied)
async def denied(error):
    return "denied", 403


def test(client):
    assert 403 == client.get("/admin").status
    client.get("/be/bob")
    assert [403, 403] == [client.get(path).status for path in ("/admin", "/part")]
    client.get("/be/ada")
    assert ["welcome"] * 2 == [client.get(path).text for path in ("/admin", "/part")]
