"""A client of OAuth 2: the way to the provider, and the state in the session."""

from urllib.parse import parse_qs, urlsplit

import flask
from authlib.integrations.flask_client import OAuth


def use(app, views):
    oauth = OAuth(app)
    oauth.register(
        "provider",
        client_id="id",
        client_secret="secret",
        authorize_url="https://provider.example/authorize",
        access_token_url="https://provider.example/token",
        client_kwargs={"scope": "profile"},
    )

    @views.add("/login")
    def login():
        return oauth.provider.authorize_redirect("https://app.example/back")

    @views.add("/back")
    def back():
        try:
            oauth.provider.authorize_access_token()
        except Exception as error:
            return type(error).__name__
        return flask.session["never"]


def check(client):
    answer = client.get("/login")
    url = urlsplit(answer.headers["Location"])
    assert (302, "provider.example") == (answer.status, url.netloc)
    assert ["profile"] == parse_qs(url.query)["scope"]
    assert "MismatchingStateError" == client.get("/back?state=wrong&code=x").text
