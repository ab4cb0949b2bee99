"""Flask-Babel: the locale chosen for each request; dates, numbers and translations in it."""

import datetime
import tempfile
from pathlib import Path

import quart_flask_patch  # noqa: F401
from babel.messages.catalog import Catalog
from babel.messages.mofile import write_mo
from flask_babel import Babel, format_date, format_decimal, get_locale, gettext

from quart import Quart, render_template_string, request

translations = Path(tempfile.mkdtemp())
catalog = Catalog(locale="de")
catalog.add("Hello", "Hallo")
(translations / "de" / "LC_MESSAGES").mkdir(parents=True)
with (translations / "de" / "LC_MESSAGES" / "messages.mo").open("wb") as file:
    write_mo(file, catalog)

app = Quart(__name__)
app.config["BABEL_TRANSLATION_DIRECTORIES"] = str(translations)
Babel(
    app,
    locale_selector=lambda: request.accept_languages.best_match(["en", "de"]),
    timezone_selector=lambda: "Europe/Vienna",
)


@app.get("/")
async def index():
    return {
        "locale": str(get_locale()),
        "date": format_date(datetime.date(2026, 2, 1)),
        "number": format_decimal(1234.5),
        "hello": gettext("Hello"),
        "template": await render_template_string("{{ _('Hello') }} {{ 1234.5|numberformat }}"),
    }


def test(client):
    english = {
        "locale": "en",
        "date": "Feb 1, 2026",
        "number": "1,234.5",
        "hello": "Hello",
        "template": "Hello 1,234.5",
    }
    german = {
        "locale": "de",
        "date": "01.02.2026",
        "number": "1.234,5",
        "hello": "Hallo",
        "template": "Hallo 1.234,5",
    }
    assert english == client.get("/", {"Accept-Language": "en"}).json
    assert german == client.get("/", {"Accept-Language": "de"}).json
