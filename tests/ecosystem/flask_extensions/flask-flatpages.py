"""Pages of Markdown, with what stands at their heads."""

import tempfile
from pathlib import Path

from flask_flatpages import FlatPages

from quart import render_template_string


def use(app, views):
    folder = Path(tempfile.mkdtemp())
    (folder / "one.md").write_text("title: One\n\nA *page*\n")
    app.config.update(FLATPAGES_ROOT=str(folder), FLATPAGES_EXTENSION=".md")
    pages = FlatPages(app)

    @views.add("/<name>")
    def show(name):
        page = pages.get_or_404(name)
        return render_template_string("{{ page.title }} {{ page.html|safe }}", page=page)


def check(client):
    assert "One <p>A <em>page</em></p>" == client.get("/one").text
    assert 404 == client.get("/two").status
