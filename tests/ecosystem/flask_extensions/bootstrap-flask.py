"""The style sheet, a form, messages, and its own static files."""

import flask
from flask_bootstrap import Bootstrap5
from flask_wtf import FlaskForm
from wtforms import StringField

from quart import render_template_string

PAGE = """
{% from 'bootstrap5/form.html' import render_form %}
{% from 'bootstrap5/utils.html' import render_messages %}
{{ bootstrap.load_css() }} {{ render_form(form) }} {{ render_messages() }}
"""


class Names(FlaskForm):
    name = StringField("Your name")


def use(app, views):
    app.config["BOOTSTRAP_SERVE_LOCAL"] = True
    Bootstrap5(app)

    @views.add("/")
    def page():
        if views.way != "async":
            flask.flash("flashed", "info")
        return render_template_string(PAGE, form=Names())


def check(client):
    text = client.get("/").text
    assert "Your name" in text and "form-control" in text
    path = text.partition('href="')[2].partition('"')[0]
    assert client.get(path).text.startswith("@charset")
