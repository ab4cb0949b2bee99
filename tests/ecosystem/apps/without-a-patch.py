"""Extensions for Flask as they are, without Quart-Flask-Patch, from sync views beside async ones:
Flask-Babel, -Caching, -Limiter, -Login, -Mail, -Principal, -Session, -SQLAlchemy, -Talisman, -WTF.
"""

import re

from cachelib import SimpleCache
from flask_babel import Babel, format_decimal
from flask_caching import Cache
from flask_limiter import Limiter
from flask_limiter.util import get_remote_address
from flask_login import LoginManager, UserMixin, current_user, login_required, login_user
from flask_mail import Mail, Message
from flask_principal import (
    Identity,
    Permission,
    Principal,
    RoleNeed,
    identity_changed,
    identity_loaded,
)
from flask_session import Session
from flask_sqlalchemy import SQLAlchemy
from flask_talisman import Talisman
from flask_wtf import FlaskForm
from flask_wtf.file import FileField
from sqlalchemy.orm import Mapped, mapped_column
from sqlalchemy.pool import StaticPool
from wtforms import StringField
from wtforms.validators import DataRequired

from quart import Quart, flash, redirect, render_template_string, request, session

app = Quart(__name__)
app.secret_key = "secret"
app.config.update(
    SQLALCHEMY_DATABASE_URI="sqlite://",
    SQLALCHEMY_ENGINE_OPTIONS={
        "poolclass": StaticPool,
        "connect_args": {"check_same_thread": False},
    },
    CACHE_TYPE="SimpleCache",
    SESSION_TYPE="cachelib",
    SESSION_CACHELIB=SimpleCache(),
    MAIL_SUPPRESS_SEND=True,
    MAIL_DEFAULT_SENDER="app@example.org",
)
Session(app)
db = SQLAlchemy(app)
cache = Cache(app)
limiter = Limiter(get_remote_address, app=app, storage_uri="memory://")
manager = LoginManager(app)
manager.login_view = "login"
mail = Mail(app)
Babel(app, locale_selector=lambda: request.accept_languages.best_match(["en", "de"]))
Principal(app)
Talisman(app, force_https=False)
admin = Permission(RoleNeed("admin"))
calls = []


class Note(db.Model):
    id: Mapped[int] = mapped_column(primary_key=True)
    text: Mapped[str]


class User(UserMixin):
    id = "ada"


class Form(FlaskForm):
    name = StringField(validators=[DataRequired()])
    file = FileField()


@app.before_serving
def create() -> None:
    with app.app_context():
        db.create_all()


@manager.user_loader
def load(name: str) -> User | None:
    return User() if name == "ada" else None


@identity_loaded.connect_via(app)
def on_loaded(sender, identity):
    if identity.id == "ada":
        identity.provides.add(RoleNeed("admin"))


@app.get("/login")
def login():
    login_user(User())
    identity_changed.send(app, identity=Identity("ada"))
    return redirect("/private")


@app.get("/private")
@login_required
def private():
    flash("welcome")
    return render_template_string("{{ current_user.id }} {{ get_flashed_messages()[-1] }}")


@app.get("/admin")
@login_required
@admin.require(403)
async def private_async():
    return "async"


@app.get("/beside")
async def beside():
    return request.path


@app.post("/notes")
def add():
    note = Note(text=request.get_json()["text"])
    db.session.add(note)
    db.session.commit()
    return {"id": note.id, "all": [note.text for note in db.paginate(db.select(Note)).items]}


@app.get("/cached")
@cache.cached()
def cached():
    calls.append("cached")
    return str(len(calls))


@app.get("/once")
@limiter.limit("1/hour")
def once():
    return current_user.id


@app.get("/number")
def number():
    return format_decimal(1234.5)


@app.get("/mail")
def send():
    with mail.record_messages() as outbox:
        mail.send(Message("Greetings", recipients=["ada@example.org"]))
        return outbox[0].subject


@app.route("/form", methods=["GET", "POST"])
def form():
    form = Form()
    if form.validate_on_submit():
        session["name"] = form.name.data
        return f"{form.name.data} {form.file.data.read().decode()}"
    return render_template_string("{{ form.csrf_token }} {{ form.errors }}", form=form)


def test_logging_in(client):
    assert (302, "/login?next=%2Fprivate") == (
        client.get("/private").status,
        client.get("/private").headers["Location"],
    )
    assert 302 == client.get("/login").status
    assert "ada welcome" == client.get("/private").text
    assert "async" == client.get("/admin").text
    assert ("ada", 429) == (client.get("/once").text, client.get("/once").status)


def test_beside_async_views(client):
    answer = client.get("/beside")
    assert ("/beside", "SAMEORIGIN") == (answer.text, answer.headers["X-Frame-Options"])


def test_rows(client):
    assert {"id": 1, "all": ["one"]} == client.post("/notes", json={"text": "one"}).json
    assert {"id": 2, "all": ["one", "two"]} == client.post("/notes", json={"text": "two"}).json


def test_the_rest(client):
    assert ["1", "1"] == [client.get("/cached").text for _ in range(2)]
    assert "1.234,5" == client.get("/number", {"Accept-Language": "de"}).text
    assert "Greetings" == client.get("/mail").text


def test_forms(client):
    token = re.search('value="(.+?)"', client.get("/form").text)[1]
    file = {"file": ("a.txt", b"content")}
    assert "csrf_token" in client.post("/form", form={"name": "ada"}, files=file).text
    fields = {"name": "ada", "csrf_token": token}
    assert "ada content" == client.post("/form", form=fields, files=file).text
