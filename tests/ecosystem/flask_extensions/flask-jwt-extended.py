"""A token that is issued, asked for, in a header and in a cookie, and refused."""

import flask
from flask_jwt_extended import (
    JWTManager,
    create_access_token,
    get_jwt_identity,
    jwt_required,
    set_access_cookies,
)


def use(app, views):
    app.config.update(
        JWT_SECRET_KEY="a secret of thirty-two bytes and more",
        JWT_TOKEN_LOCATION=["headers", "cookies"],
        JWT_COOKIE_CSRF_PROTECT=False,
    )
    JWTManager(app)

    @views.add("/token/<name>")
    def token(name):
        response = flask.jsonify(token=create_access_token(identity=name))
        set_access_cookies(response, create_access_token(identity=name))
        return response

    @views.add("/me", jwt_required())
    def me():
        return get_jwt_identity()

    @views.add("/maybe", jwt_required(optional=True))
    def maybe():
        return str(get_jwt_identity())


def check(client):
    assert 401 == client.get("/me").status
    assert "None" == client.get("/maybe").text
    token = client.get("/token/ada").json["token"]
    assert "ada" == client.get("/me").text  # by the cookie
    client.cookies.clear()
    assert "ada" == client.get("/me", {"Authorization": f"Bearer {token}"}).text
    assert 422 == client.get("/me", {"Authorization": "Bearer wrong"}).status
