"""A bundle of style sheets, by a template's tag and by its name."""

import tempfile
from pathlib import Path

from flask_assets import Bundle, Environment

from quart import render_template_string


def use(app, views):
    app.static_folder = folder = tempfile.mkdtemp()
    for name in ("a", "b"):
        (Path(folder) / f"{name}.css").write_text(f".{name} {{}}")
    assets = Environment(app)
    assets.register("all", Bundle("a.css", "b.css", output="all.css"))

    @views.add("/tag")
    def tag():
        return render_template_string("{% assets 'all' %}<{{ ASSET_URL }}>{% endassets %}")

    @views.add("/urls")
    def urls():
        return " ".join(assets["all"].urls())


def check(client):
    assert client.get("/tag").text.startswith("</static/all.css?")
    url = client.get("/urls").text
    assert ".a {}\n.b {}" == client.get(url).text
