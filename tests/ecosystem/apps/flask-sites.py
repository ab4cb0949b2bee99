"""Three sites for Flask, with the extensions that sites have, crawled beside Flask itself.

A forum (Flask-Login, -WTF with CSRF protection, -SQLAlchemy, flashes, uploads), an admin
(Flask-Admin, with its own CSRF tokens) and an API (Flask-RESTful, -CORS, -HTTPAuth, -Limiter,
-Caching, -Compress). `Quart.from_flask` carries each over as it is; each page has to be the same.
"""

import sys
import threading
from contextlib import contextmanager
from pathlib import Path

import flask
import pytest
from flask_admin import Admin
from flask_admin.contrib.sqla import ModelView
from flask_admin.form import SecureForm
from flask_caching import Cache
from flask_compress import Compress
from flask_cors import CORS
from flask_httpauth import HTTPBasicAuth
from flask_limiter import Limiter
from flask_login import (
    LoginManager,
    UserMixin,
    login_required,
    login_user,
    logout_user,
)
from flask_restful import Api, Resource, reqparse
from flask_sqlalchemy import SQLAlchemy
from flask_wtf import CSRFProtect, FlaskForm
from flask_wtf.file import FileField, FileRequired
from served import Client, served
from sqlalchemy.orm import Mapped, mapped_column
from werkzeug.serving import make_server
from wtforms import PasswordField, StringField
from wtforms.validators import DataRequired, Length

from quart import Quart

sys.path.append(str(Path(__file__).resolve().parents[2]))

from crawl import FILE, Page, crawl


def forum(root):
    app = flask.Flask("forum", root_path=str(root))
    app.config.update(SECRET_KEY="secret", SQLALCHEMY_DATABASE_URI=f"sqlite:///{root}/forum.db")
    db = SQLAlchemy(app)
    CSRFProtect(app)
    manager = LoginManager(app)
    manager.login_view = "login"

    class Post(db.Model):
        id: Mapped[int] = mapped_column(primary_key=True)
        title: Mapped[str]
        file: Mapped[bytes]

    class User(UserMixin):
        id = "ada"

    class LoginForm(FlaskForm):
        name = StringField(validators=[DataRequired(), Length(max=10)])
        password = PasswordField(validators=[DataRequired()])

    class PostForm(FlaskForm):
        title = StringField(validators=[DataRequired()])
        file = FileField(validators=[FileRequired()])

    with app.app_context():
        db.drop_all()
        db.create_all()

    @manager.user_loader
    def load(name):
        return User() if name == "ada" else None

    def page(body, **values):
        layout = """<title>forum</title>
        {% for message in get_flashed_messages() %}<p>{{ message }}</p>{% endfor %}
        {% if current_user.is_authenticated %}{{ current_user.id }}
        <a href="{{ url_for('write') }}">write</a>{% endif %}
        <a href="{{ url_for('index') }}">index</a> """
        return flask.render_template_string(layout + body, **values)

    fields = """<form method=post enctype="multipart/form-data">{{ form.hidden_tag() }}
        {% for field in form if field.widget.input_type != "hidden" %}{{ field.label }}{{ field }}
        {{ field.errors }}{% endfor %}</form>"""

    @app.route("/")
    def index():
        posts = db.session.scalars(db.select(Post).order_by(Post.id)).all()
        links = """{% for post in posts %}<a href="{{ url_for('show', id=post.id) }}">
            {{ post.title }}</a>{% endfor %}
            <a href="/private">private</a><a href="/posts/99">none</a>"""
        return page(links, posts=posts)

    @app.route("/login", methods=["GET", "POST"])
    def login():
        form = LoginForm()
        if form.validate_on_submit():
            login_user(User(), remember=True)
            flask.flash(f"Welcome, {form.name.data}")
            return flask.redirect(flask.request.args.get("next") or flask.url_for("index"))
        return page(fields, form=form)

    @app.route("/private")
    @login_required
    def private():
        return page("for {{ current_user.id }} <a href='/plain'>plain</a>")

    @app.route("/write", methods=["GET", "POST"])
    @login_required
    def write():
        form = PostForm()
        if form.validate_on_submit():
            db.session.add(Post(title=form.title.data, file=form.file.data.read()))
            db.session.commit()
            flask.flash("Saved")
            return flask.redirect(flask.url_for("index"))
        return page(fields, form=form)

    @app.route("/plain", methods=["GET", "POST"])
    def plain():
        """A form without its token is refused."""
        return page("<form method=post><input name=a></form><a href='/logout'>out</a>")

    @app.route("/posts/<int:id>")
    def show(id):
        post = db.get_or_404(Post, id)
        return page(
            "<h1>{{ post.title }}</h1><a href='/posts/{{ post.id }}/file'>file</a>", post=post
        )

    @app.route("/posts/<int:id>/file")
    def file(id):
        response = flask.make_response(db.get_or_404(Post, id).file)
        response.headers["Content-Disposition"] = "attachment; filename=file.txt"
        response.mimetype = "text/plain"
        return response

    @app.route("/logout")
    @login_required
    def logout():
        logout_user()
        return flask.redirect(flask.url_for("index"))

    return app


def admin(root):
    app = flask.Flask("admin", root_path=str(root))
    app.config.update(SECRET_KEY="secret", SQLALCHEMY_DATABASE_URI=f"sqlite:///{root}/admin.db")
    db = SQLAlchemy(app)

    class Book(db.Model):
        id: Mapped[int] = mapped_column(primary_key=True)
        title: Mapped[str] = mapped_column(unique=True)
        year: Mapped[int] = mapped_column(default=1843)

    class Books(ModelView):
        form_base_class = SecureForm
        can_export = True
        can_view_details = True
        column_searchable_list = ("title",)

    with app.app_context():
        db.drop_all()
        db.create_all()
        db.session.add(Book(title="<Notes>", year=1842))
        db.session.commit()

    Admin(app, "Library").add_view(Books(Book, db.session))

    @app.route("/")
    def index():
        return flask.redirect("/admin/book/")

    return app


def api(root):
    app = flask.Flask("api", root_path=str(root))
    app.config.update(SECRET_KEY="secret", CACHE_TYPE="SimpleCache", COMPRESS_MIN_SIZE=1)
    CORS(app)
    Compress(app)
    cache = Cache(app)
    auth = HTTPBasicAuth()
    Limiter(lambda: "all", app=app, default_limits=["1000/hour"], storage_uri="memory://")
    calls = []

    @auth.verify_password
    def verify(name, password):
        return name if password == "right" else None

    class Notes(Resource):
        notes = ("one", "two")

        def get(self):
            return {"notes": self.notes}

        def post(self):
            parser = reqparse.RequestParser()
            parser.add_argument("title", required=True, location="form", help="a title is needed")
            return {"title": parser.parse_args()["title"]}, 201, {"X-Seen": "posted"}

    class Broken(Resource):
        def get(self):
            flask.abort(409)

    rest = Api(app, prefix="/api")
    rest.add_resource(Notes, "/notes")
    rest.add_resource(Broken, "/broken")

    @app.route("/")
    def index():
        links = ("/api/notes", "/api/broken", "/api/none", "/secret", "/cached", "/cached?again")
        links = "".join(f'<a href="{link}">{link}</a>' for link in links)
        form = '<form method=post action="/api/notes"><input name="{}"></form>'
        return links + form.format("title") + form.format("other")

    @app.route("/secret")
    @auth.login_required
    def secret():
        return "secret"

    @app.route("/cached")
    @cache.cached()
    def cached():
        calls.append(1)
        return str(len(calls))

    return app


@contextmanager
def served_by_flask(app):
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield Client(server.server_port)
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def pages_of(client, **options):
    crawling = crawl("/", **options)
    step = next(crawling)
    while True:
        if step.method == "GET":
            answer = client.get(step.path)
        else:
            files = dict.fromkeys(step.files, FILE) or None
            answer = client.post(step.path, dict(step.fields), files=files)
        try:
            headers = answer.headers.items()
            step = crawling.send(Page.of(step, answer.status, headers, answer.body))
        except StopIteration as end:
            return end.value


ANSWERS = {"name": "ada", "password": "secret", "title": "A <title>", "year": "1852"}


@pytest.mark.parametrize(("site", "least"), [(forum, 15), (admin, 15), (api, 9)])
def test_pages_are_those_of_flask(site, least, tmp_path):
    with served_by_flask(site(tmp_path)) as client:
        expected = pages_of(client, answers=ANSWERS)
    with served(Quart.from_flask(site(tmp_path))) as client:
        actual = pages_of(client, answers=ANSWERS)

    assert least <= len(expected)
    for page, here in zip(expected, actual, strict=True):
        assert page == here
