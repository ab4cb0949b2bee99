"""A blueprint for a provider: the way there, and whether somebody is known."""

from urllib.parse import urlsplit

from flask_dance.contrib.github import github, make_github_blueprint


def use(app, views):
    app.register_blueprint(make_github_blueprint("id", "secret"), url_prefix="/login")

    @views.add("/")
    def page():
        return f"{github.authorized} {len(github.base_url) > 0}"


def check(client):
    assert "False True" == client.get("/").text
    answer = client.get("/login/github")
    assert (302, "github.com") == (answer.status, urlsplit(answer.headers["Location"]).netloc)
    assert 302 == client.get("/login/github/authorized?error=x").status
