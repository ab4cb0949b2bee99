"""The toolbar in a page, with its panels, and its static files."""

from flask_debugtoolbar import DebugToolbarExtension

from quart import render_template_string


def use(app, views):
    app.debug = True
    app.config["PROPAGATE_EXCEPTIONS"] = False
    app.config["DEBUG_TB_INTERCEPT_REDIRECTS"] = False
    DebugToolbarExtension(app)

    @views.add("/")
    def page():
        return render_template_string("<html><body>page {{ word }}</body></html>", word="of ours")


def check(client):
    text = client.get("/").text
    assert "page of ours" in text and "flDebug" in text
    assert 200 == client.get("/_debug_toolbar/static/js/toolbar.js").status
