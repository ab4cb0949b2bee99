"""Numbers and dates in the client's language, in views and templates, and a forced one."""

from datetime import date

import flask
from flask_babel import Babel, force_locale, format_date, format_decimal, get_locale, gettext

from quart import render_template_string


def use(app, views):
    def choose():
        return flask.request.accept_languages.best_match(["en", "de"])

    Babel(app, locale_selector=choose)

    @views.add("/number")
    def number():
        return f"{format_decimal(1234.5)} {get_locale()} {gettext('x')}"

    @views.add("/date")
    def show_date():
        return render_template_string("{{ day|dateformat }} {{ _('x') }}", day=date(2026, 3, 1))

    @views.add("/forced")
    def forced():
        with force_locale("fr"):
            return format_date(date(2026, 3, 1), "MMMM")


def check(client):
    german = {"Accept-Language": "de"}
    assert ["1,234.5 en x", "1.234,5 de x"] == [client.get("/number", h).text for h in ({}, german)]
    assert "01.03.2026 x" == client.get("/date", german).text
    assert "mars" == client.get("/forced").text
