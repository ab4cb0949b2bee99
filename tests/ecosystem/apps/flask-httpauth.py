"""Flask-HTTPAuth: basic and token authentication, a role, and the challenge for everyone else."""

from base64 import b64encode

import quart_flask_patch  # noqa: F401
from flask_httpauth import HTTPBasicAuth, HTTPTokenAuth

from quart import Quart

app = Quart(__name__)
basic = HTTPBasicAuth()
token = HTTPTokenAuth()


@basic.verify_password
def verify_password(name: str, password: str) -> str | None:
    return name if password == f"{name}'s" else None


@basic.get_user_roles
def roles(user: str) -> list[str]:
    return ["admin"] if user == "ada" else []


@token.verify_token
def verify_token(value: str) -> str | None:
    return "bearer" if value == "valid" else None


@app.get("/basic")
@basic.login_required
def for_users():
    return basic.current_user()


@app.get("/async")
@basic.login_required
async def for_users_too():
    return basic.current_user()


@app.get("/admin")
@basic.login_required(role="admin")
def for_admins():
    return "welcome"


@app.get("/token")
@token.login_required
def for_bearers():
    return token.current_user()


def test(client):
    def log_in(name: str, password: str) -> dict[str, str]:
        return {"Authorization": f"Basic {b64encode(f'{name}:{password}'.encode()).decode()}"}

    refused = client.get("/basic")
    assert 401 == refused.status
    assert refused.headers["WWW-Authenticate"].startswith("Basic realm=")
    assert 401 == client.get("/basic", log_in("ada", "wrong")).status
    assert "bob" == client.get("/basic", log_in("bob", "bob's")).text
    assert "bob" == client.get("/async", log_in("bob", "bob's")).text
    assert 403 == client.get("/admin", log_in("bob", "bob's")).status
    assert "welcome" == client.get("/admin", log_in("ada", "ada's")).text
    assert 401 == client.get("/token").status
    assert "bearer" == client.get("/token", {"Authorization": "Bearer valid"}).text
