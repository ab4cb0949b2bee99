"""A page for `def_views.py`: a `def` view that reads a form and renders a template, and an async
one."""

import flask
from jinja2 import DictLoader

import quart
from quart import Quart

LAYOUT = """<!doctype html>
<html lang="en">
<head><title>{% block title %}A page{% endblock %}</title></head>
<body>{% block body %}{% endblock %}</body>
</html>
"""
PAGE = """{% extends "layout.html" %}
{% block body %}
<h1>Hello {{ name }}</h1>
<p>You are at {{ request.path }}; <a href="{{ url_for('page') }}">the index</a> is here.</p>
<ul>
{% for row in rows %}
<li class="{{ loop.cycle('odd', 'even') }}">{{ row.number }}: {{ row.title }}</li>
{% endfor %}
</ul>
{% endblock %}
"""
ROWS = [{"number": number, "title": f"Row <{number}>"} for number in range(10)]


def make_app(framework, app_class):
    app = app_class("form_app", static_folder=None)
    app.jinja_loader = DictLoader({"layout.html": LAYOUT, "page.html": PAGE})

    @app.post("/")
    def page():
        name = framework.request.form["name"]
        return framework.render_template("page.html", name=name, rows=ROWS)

    return app


by_flask = make_app(flask, flask.Flask)
carried_over = Quart.from_flask(make_app(flask, flask.Flask))
migrated = make_app(quart, Quart)

asynchronous = make_app(quart, Quart)


async def page():
    name = (await quart.request.form)["name"]
    return await quart.render_template("page.html", name=name, rows=ROWS)


asynchronous.view_functions["page"] = page
