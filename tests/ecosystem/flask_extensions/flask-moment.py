"""The script, and times for it."""

from datetime import datetime

from flask_moment import Moment

from quart import render_template_string


def use(app, views):
    Moment(app)

    @views.add("/")
    def page():
        source = "{{ moment.include_moment() }} {{ moment(time).format('LL') }}"
        return render_template_string(source, time=datetime(2026, 3, 1))


def check(client):
    text = client.get("/").text
    assert "moment" in text and 'data-timestamp="2026-03-01T00:00:00Z"' in text, text
