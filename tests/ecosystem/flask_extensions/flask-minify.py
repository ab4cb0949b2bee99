"""HTML without what it does not need, of all views and of one."""

from flask_minify import Minify

FAILS = {
    "patch": "it looks for the request inside `with app.app_context()`, where the patch finds none",
}


def use(app, views):
    Minify(app=app, html=True)

    @views.add("/")
    def page():
        return "<html>  <body>   <!-- no --> <p>  one </p> </body></html>"


def check(client):
    text = client.get("/").text
    assert "one" in text and "<!--" not in text and len(text) < 45
