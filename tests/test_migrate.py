"""`quart migrate`: what it changes, what it leaves alone, and what it says."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from textwrap import dedent

import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("libcst", reason="LibCST, which the command needs, is not installed")

from quart.cli import cli
from quart.migration import sources, spec
from quart.migration.advice import COUNTERPARTS
from quart.migration.run import Migration, Options, migrate

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "how-to" / "migrate-from-flask.md"


def laid_out(directory: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(dedent(text))
    return directory


def texts(directory: Path, files: dict[str, str]) -> dict[str, str]:
    return {name: (directory / name).read_text() for name in files}


def migrated(directory: Path, files: dict[str, str], **options: bool) -> dict[str, str]:
    """What becomes of files; a second time nothing may change."""
    laid_out(directory, files)
    migrate(directory, Options(**options)).write()
    assert "" == migrate(directory, Options(again=True, **options)).report.diff()
    return texts(directory, files)


def rules(migration: Migration) -> set[tuple[str, int, str]]:
    """The place and the rule of each finding."""
    return {(found.path, found.line, found.rule) for found in migration.report.findings}


def one(directory: Path, text: str, **options: bool) -> str:
    """What becomes of one file of tests."""
    return migrated(directory, {"test_it.py": text}, **options)["test_it.py"]


def command(*arguments: str | Path, exit_code: int = 0) -> str:
    result = CliRunner().invoke(cli, ["migrate", *map(str, arguments)])
    assert exit_code == result.exit_code, result.output
    return result.output


# The specification


def test_the_table_of_the_page_is_the_specification() -> None:
    """Every row of "What is awaited" is in `spec`, and nothing else is."""
    table = PAGE.read_text().partition("## What is awaited")[2].partition("\n## ")[0]
    rows = [line.split(" | ")[1] for line in table.splitlines() if line.startswith("| `")]
    named = set()
    for code in re.findall(r"`([^`]+)`", " ".join(rows)):
        entered = re.fullmatch(r"async with (await )?(.*?)( as \w+)?:", code)
        if entered is not None:
            what = entered[2].partition("(")[0]
            kind = {"client": "client", "client.session_transaction": "transaction"}.get(what)
            kind = kind or ("resource" if entered[1] else "context")
            named.add(f"with {kind}")
            continue
        found = re.fullmatch(r"await ([\w.]+)(\(.*?\))?(\(.*\))?", code)
        assert found is not None, code
        name = found[1] if "." in found[1] else f"flask.{found[1]}"
        name = "macro" if found[3] else name
        named.add(f"{name}()" if found[2] else name)

    assert spec.rows() == named


# Names


def test_names_become_quarts(tmp_path: Path) -> None:
    """Imports, aliases, attributes, annotations and strings that name modules."""
    files = {
        "shop/app.py": """
            import flask
            import flask.views as v
            from flask import Flask, jsonify as j  # the framework
            from flask.testing import FlaskClient
            from flask_login import LoginManager


            class Shop(flask.Flask):
                client: "FlaskClient | None" = None


            def create_app(name: str = "shop") -> Flask:
                app = Flask(name)
                app.logger.debug(flask.json.dumps({"Flask": Flask}))
                return app
            """,
    }
    text = migrated(tmp_path, files)["shop/app.py"]

    assert text == dedent(
        """
        import quart
        import quart.views as v
        from quart import Quart, jsonify as j  # the framework
        from quart.testing import QuartClient
        from flask_login import LoginManager


        class Shop(quart.Quart):
            client: "QuartClient | None" = None


        def create_app(name: str = "shop") -> Quart:
            app = Quart(name)
            app.logger.debug(quart.json.dumps({"Flask": Quart}))
            return app
        """
    )


def test_what_quart_does_not_have_stays_flasks(tmp_path: Path) -> None:
    laid_out(
        tmp_path,
        {
            "app.py": """
                import flask
                from flask import g, no_such_thing

                flask.no_such_thing()
                app = flask.Flask("app")
                """
        },
    )
    migration = migrate(tmp_path)
    migration.write()

    assert (tmp_path / "app.py").read_text() == dedent(
        """
        import quart
        import flask
        from quart import g
        from flask import no_such_thing

        flask.no_such_thing()
        app = quart.Quart("app")
        """
    )
    assert {("app.py", 3, "name"), ("app.py", 5, "name")} == rules(migration)


def test_a_name_that_others_take_from_a_module_stays(tmp_path: Path) -> None:
    """`from .base import Flask` finds it there afterwards too."""
    files = {
        "p/__init__.py": "",
        "p/base.py": "from flask import Flask\n",
        "p/app.py": "from .base import Flask\n\napp = Flask(__name__)\n",
    }
    after = migrated(tmp_path, files)

    assert "from quart import Quart as Flask\n" == after["p/base.py"]
    assert files["p/app.py"] == after["p/app.py"]


def test_a_name_that_is_taken_is_not_used_twice(tmp_path: Path) -> None:
    text = "from flask import Flask\n\nQuart = 0.25\napp = Flask(str(Quart))\n"

    assert text.replace("import Flask", "import Quart as Flask").replace("flask", "quart") == one(
        tmp_path, text
    )


def test_settings_of_the_environment(tmp_path: Path) -> None:
    """Those that the command line reads; all, where the application reads all."""
    known = {"a.py": "import flask, os\nos.environ['FLASK_DEBUG'], os.environ['FLASK_OWN']\n"}
    every = {"a.py": "import flask\nflask.Flask('a').config.from_prefixed_env()\nx = 'FLASK_OWN'\n"}

    assert (
        "import quart, os\nos.environ['QUART_DEBUG'], os.environ['FLASK_OWN']\n"
        == migrated(tmp_path / "known", known)["a.py"]
    )
    assert "'QUART_OWN'" in migrated(tmp_path / "every", every)["a.py"]


# Tests

CONFTEST = """
    import pytest
    from flask import Flask


    @pytest.fixture
    def app():
        app = Flask(__name__)

        @app.route("/")
        def index():
            return {"a": 1}

        return app


    @pytest.fixture
    def client(app):
        return app.test_client()
    """


def in_conftest(directory: Path, text: str) -> str:
    files = {"conftest.py": CONFTEST, "test_it.py": text}
    after = migrated(directory, files)
    assert (
        dedent(CONFTEST).replace("Flask", "Quart").replace("flask", "quart")
        == (after["conftest.py"])
    )
    return after["test_it.py"]


def test_the_client_and_its_responses_are_awaited(tmp_path: Path) -> None:
    """Comments and the shape of lines stay as they are."""
    before = """
        def test_page(client):
            response = client.get("/")  # the page
            assert response.status_code == 200
            assert b"a" in response.data and response.get_data(
                as_text=True
            )
            assert client.post("/", data={"b": 1}).json["a"] == 1
            assert(client.get("/").json == {"a": 1})


        def test_nothing(app):
            with app.app_context():
                assert app.name
        """

    assert dedent(
        """
        async def test_page(client):
            response = await client.get("/")  # the page
            assert response.status_code == 200
            assert b"a" in await response.data and await response.get_data(
                as_text=True
            )
            assert (await (await client.post("/", data={"b": 1})).json)["a"] == 1
            assert(await (await client.get("/")).json == {"a": 1})


        def test_nothing(app):
            with app.app_context():
                assert app.name
        """
    ) == in_conftest(tmp_path, before)


def test_contexts_become_async_with_their_functions(tmp_path: Path) -> None:
    before = """
        from flask import session


        def test_session(client, app):
            with client, open("x") as file:
                with client.session_transaction() as stored:
                    stored["a"] = 1
                client.get("/")
                assert session["a"] == 1
            with app.app_context() as context:
                pass
        """

    assert dedent(
        """
        from quart import session


        async def test_session(client, app):
            async with client:
                with open("x") as file:
                    async with client.session_transaction() as stored:
                        stored["a"] = 1
                    await client.get("/")
                    assert session["a"] == 1
            async with app.app_context() as context:
                pass
        """
    ) == in_conftest(tmp_path, before)


def test_awaits_come_to_a_fixed_point_over_the_project(tmp_path: Path) -> None:
    """Through helpers in other files, classes, fixtures that use fixtures, and inner functions."""
    files = {
        "tests/conftest.py": """
            import pytest
            from flask import Flask
            from .helpers import Visitor, login


            @pytest.fixture
            def client():
                return Flask(__name__).test_client()


            @pytest.fixture
            def visitor(client):
                return Visitor(client)


            @pytest.fixture
            def logged_in(visitor):
                login(visitor.client)
                yield visitor
            """,
        "tests/__init__.py": "",
        "tests/helpers.py": """
            from contextlib import contextmanager


            class Visitor:
                def __init__(self, client):
                    self.client = client

                def see(self, *paths):
                    return [self.client.get(path).data for path in paths]

                @property
                def front(self):
                    return self.see("/")[0]


            def login(who):
                return who.post("/login").status_code


            @contextmanager
            def away(visitor):
                login(visitor.client)
                yield visitor.client
            """,
        "tests/test_it.py": """
            import pytest
            from . import helpers


            def test_it(logged_in, visitor):
                def look(path):
                    return visitor.see(path)

                assert all(look(path) == b"" for path in "ab")
                assert visitor.front.startswith(b"")
                with helpers.away(visitor) as client:
                    pytest.raises(ValueError, client.get, "/")
                    pytest.raises(ValueError, lambda: client.get("/").data)


            @pytest.mark.parametrize("verb", ["get", "post"])
            def test_verbs(visitor, verb):
                assert getattr(visitor.client, verb)("/").status_code == 200
            """,
    }
    after = migrated(tmp_path, files)

    assert "    await login(visitor.client)\n    yield visitor" in after["tests/conftest.py"]
    assert "async def logged_in(visitor):" in after["tests/conftest.py"]
    assert "\ndef visitor(client):" in after["tests/conftest.py"]
    assert after["tests/helpers.py"] == dedent(
        """
        from contextlib import asynccontextmanager, contextmanager


        class Visitor:
            def __init__(self, client):
                self.client = client

            async def see(self, *paths):
                return [await (await self.client.get(path)).data for path in paths]

            @property
            async def front(self):
                return (await self.see("/"))[0]


        async def login(who):
            return (await who.post("/login")).status_code


        @asynccontextmanager
        async def away(visitor):
            await login(visitor.client)
            yield visitor.client
        """
    )
    assert after["tests/test_it.py"] == dedent(
        """
        import pytest
        from . import helpers


        async def test_it(logged_in, visitor):
            async def look(path):
                return await visitor.see(path)

            assert all([await look(path) == b"" for path in "ab"])
            assert (await visitor.front).startswith(b"")
            async with helpers.away(visitor) as client:
                with pytest.raises(ValueError):
                    await client.get("/")
                with pytest.raises(ValueError):
                    await (await client.get("/")).data


        @pytest.mark.parametrize("verb", ["get", "post"])
        async def test_verbs(visitor, verb):
            assert (await getattr(visitor.client, verb)("/")).status_code == 200
        """
    )


def test_unittest_cases_become_async(tmp_path: Path) -> None:
    """The base changes where the class, or one that comes from it, has an async method."""
    before = """
        import unittest
        from flask import Flask


        class Base(unittest.TestCase):
            def setUp(self):
                self.app = Flask(__name__)
                self.client = self.app.test_client()


        class PageTest(Base):
            def setUp(self):
                super().setUp()
                self.context = self.app.app_context()
                self.context.push()

            def tearDown(self):
                self.context.pop()

            def test_page(self):
                self.assertEqual(404, self.client.get("/").status_code)
                self.assertRaises(ValueError, self.client.get, "/")


        class OtherTest(unittest.TestCase):
            def test_one(self):
                self.assertTrue(1)
        """

    assert dedent(
        """
        import unittest
        from quart import Quart


        class Base(unittest.IsolatedAsyncioTestCase):
            def setUp(self):
                self.app = Quart(__name__)
                self.client = self.app.test_client()


        class PageTest(Base):
            async def asyncSetUp(self):
                pass
                self.context = self.app.app_context()
                await self.context.push()

            async def asyncTearDown(self):
                await self.context.pop()

            async def test_page(self):
                self.assertEqual(404, (await self.client.get("/")).status_code)
                with self.assertRaises(ValueError):
                    await self.client.get("/")


        class OtherTest(unittest.TestCase):
            def test_one(self):
                self.assertTrue(1)
        """
    ) == one(tmp_path, before)


def test_views_and_hooks_stay_def(tmp_path: Path) -> None:
    """In tests too, and however they are registered."""
    before = """
        import flask
        from flask.views import MethodView


        class Page(MethodView):
            def get(self):
                return flask.render_template("page.html")


        def test_it():
            app = flask.Flask(__name__)

            @app.before_request
            def before():
                flask.flash("hello")

            def index():
                return flask.request.form["a"]

            def missing(error):
                return flask.make_response("gone", 404)

            app.add_url_rule("/", view_func=index)
            app.register_error_handler(404, missing)
            app.test_client().get("/")
        """
    after = one(tmp_path, before)

    assert 1 == after.count("async def")
    assert "async def test_it():" in after
    assert 1 == after.count("await")


def test_a_test_that_mocks_is_no_view(tmp_path: Path) -> None:
    """`patch` is a decorator of mocks, and one for a route."""
    before = """
        from unittest import mock
        from unittest.mock import patch

        import flask
        import pytest

        app = flask.Flask(__name__)


        @app.patch("/")
        def change():
            return flask.request.get_json()


        @pytest.fixture
        def client():
            return app.test_client()


        class TestChange:
            def change(self, client):
                return client.patch("/")

            @patch("os.getcwd")
            def test_one(self, getcwd, client):
                assert self.change(client).status_code == 200

            @mock.patch("os.getcwd")
            @patch.object(app, "name", "other")
            def test_two(self, getcwd, client):
                assert self.change(client).status_code == 200
        """
    after = one(tmp_path, before)

    assert 2 == after.count("assert (await self.change(client)).status_code")
    assert '@app.patch("/")\ndef change():' in after


def test_sqlite_in_g_is_freed_from_its_thread(tmp_path: Path) -> None:
    before = """
        import sqlite3
        from flask import g


        def database():
            if "database" not in g:
                g.database = sqlite3.connect("x.db")
            return g.database


        def elsewhere():
            other = sqlite3.connect("y.db")
            other.close()
        """
    after = one(tmp_path, before)

    assert 'g.database = sqlite3.connect("x.db", check_same_thread=False)' in after
    assert 'other = sqlite3.connect("y.db")\n' in after


def test_commands_await_and_what_only_they_call_does(tmp_path: Path) -> None:
    """A command that shares a function with views stays def, where both get values at once."""
    before = """
        import click
        from flask import Flask, current_app, render_template

        app = Flask(__name__)


        def load():
            with current_app.open_resource("a.txt") as file:
                return file.read()


        def page():
            return render_template("a.html")


        def write(name):
            with current_app.open_resource(name) as file:
                click.echo(file.read())


        @app.cli.command()
        def init():
            click.echo(load())


        @click.command("show")
        def show():
            click.echo(load())


        @app.cli.command()
        def both():
            click.echo(page())
            write("b.txt")


        @app.route("/")
        def index():
            return page()


        app.cli.add_command(show)
        """
    after = dedent(
        """
        import click
        from quart import Quart, current_app, render_template
        from quart.cli import with_appcontext

        app = Quart(__name__)


        async def load():
            async with await current_app.open_resource("a.txt") as file:
                return await file.read()


        def page():
            return render_template("a.html")


        def write(name):
            with current_app.open_resource(name) as file:
                click.echo(file.read())


        @app.cli.command()
        async def init():
            click.echo(await load())


        @click.command("show")
        @with_appcontext
        async def show():
            click.echo(await load())


        @app.cli.command()
        def both():
            click.echo(page())
            write("b.txt")


        @app.route("/")
        def index():
            return page()


        app.cli.add_command(show)
        """
    )

    assert {"app.py": after} == migrated(tmp_path, {"app.py": before})


def test_a_test_calls_what_views_call_in_a_thread(tmp_path: Path) -> None:
    """There it gets its values at once, as in a view, also through what it calls."""
    files = {
        "app.py": """
            from flask import Flask, flash, request

            app = Flask(__name__)


            def title():
                return request.form["title"]


            def save():
                flash(title())
                return "saved"


            def plain():
                return 1


            @app.post("/")
            def index():
                return save()
            """,
        "test_app.py": """
            from app import app, index, plain, save


            def test_save():
                with app.test_request_context(method="POST", data={"title": "a"}):
                    assert save() == index() == "saved"
                    assert plain() == 1
            """,
    }

    assert migrated(tmp_path, files)["test_app.py"] == dedent(
        """
        from app import app, index, plain, save
        from quart.utils import run_sync


        async def test_save():
            async with app.test_request_context(method="POST", data={"title": "a"}):
                assert await run_sync(save)() == await run_sync(index)() == "saved"
                assert plain() == 1
        """
    )


def test_contexts_of_def_functions_that_async_ones_call(tmp_path: Path) -> None:
    """An event loop does not allow `with`: functions of tests become async, the application's run
    in a thread. A response is no context manager."""
    files = {
        "app.py": """
            from flask import Flask


            def create_app():
                app = Flask(__name__)
                with app.app_context():
                    app.logger.info("made")
                return app
            """,
        "test_app.py": """
            import pytest
            from app import create_app
            from flask import url_for


            class Urls:
                def __init__(self, app):
                    self.app = app

                @property
                def index(self):
                    with self.app.test_request_context():
                        return url_for("index")


            @pytest.fixture
            def app():
                return create_app()


            def test_it(app):
                other = create_app()
                with other.test_client().get(Urls(app).index) as response:
                    # what it says
                    assert response.status_code == 404


            def test_nothing():
                assert create_app()
            """,
    }

    assert migrated(tmp_path, files)["test_app.py"] == dedent(
        """
        import pytest
        from app import create_app
        from quart import url_for
        from quart.utils import run_sync


        class Urls:
            def __init__(self, app):
                self.app = app

            @property
            async def index(self):
                async with self.app.test_request_context():
                    return url_for("index")


        @pytest.fixture
        def app():
            return create_app()


        async def test_it(app):
            other = await run_sync(create_app)()
            response = await other.test_client().get(await Urls(app).index)
            # what it says
            assert response.status_code == 404


        def test_nothing():
            assert create_app()
        """
    )


def test_attributes_that_fixtures_give_to_classes(tmp_path: Path) -> None:
    """And those that are called `client` or `app` and are set nowhere that can be seen."""
    before = """
        import pytest
        from flask import Flask


        @pytest.fixture
        def visit(request):
            request.cls.browser = Flask(__name__).test_client()


        @pytest.mark.usefixtures("visit")
        class TestPage:
            def see(self):
                return self.browser.get("/").data

            def test_page(self):
                assert self.see()
                assert self.client.get("/").json
        """
    after = one(tmp_path, before)

    assert "async def see(self):\n        return await (await self.browser.get(" in after
    assert "assert await self.see()\n        assert await (await self.client.get(" in after


def test_proxy_fix_becomes_that_of_asgi(tmp_path: Path) -> None:
    """Other middleware, and what else only WSGI has, is reported."""
    laid_out(
        tmp_path,
        {
            "app.py": """
                from flask import Flask, request
                from werkzeug.middleware.proxy_fix import ProxyFix

                app = Flask(__name__)
                app.wsgi_app = ProxyFix(app.wsgi_app, x_for=1)
                app.wsgi_app = print(app)


                @app.route("/")
                def index():
                    return request.environ["wsgi.url_scheme"]
                """,
            "test_app.py": """
                from app import app


                def test():
                    app.test_client().get("/", environ_base={"REMOTE_ADDR": "::1"})
                """,
        },
    )
    migration = migrate(tmp_path)
    migration.write()
    after = (tmp_path / "app.py").read_text()

    assert "from quart.middleware import ProxyFix\n" in after
    assert "\napp.asgi_app = ProxyFix(app.asgi_app, x_for=1)\napp.wsgi_app = print(app)\n" in after
    assert {
        ("app.py", 7, "wsgi"),
        ("app.py", 12, "wsgi"),
        ("test_app.py", 6, "wsgi"),
        (".", 0, "tests"),
    } == rules(migration)


def test_make_response_of_an_application_in_a_view(tmp_path: Path) -> None:
    """The method gives a response in a thread, as the function does."""
    before = """
        from flask import Flask, current_app

        app = Flask(__name__)


        @app.route("/")
        def index():
            return current_app.make_response(app.make_response("a"))
        """

    after = migrated(tmp_path, {"app.py": before})["app.py"]

    assert dedent(before).replace("Flask", "Quart").replace("flask", "quart") == after


def test_the_pages_name_the_counterparts() -> None:
    """The one on migrating has each pair, the one on extensions the release that was tried."""
    docs = Path(__file__).parent.parent / "docs"
    rows = (docs / "how-to" / "migrate-from-flask.md").read_text().splitlines()
    tried = (docs / "reference" / "ecosystem.md").read_text()

    for theirs, ours in COUNTERPARTS.values():
        assert any(row.startswith("| Flask-") and theirs in row and ours in row for row in rows)
        assert f"| {theirs} |" in tried and f"| {ours} |" in tried


def test_counterparts_of_extensions_are_named_once(tmp_path: Path) -> None:
    """The extensions stay, because they work as they are."""
    files = {
        "app.py": "import flask\nfrom flask_cors import CORS, cross_origin\n",
        "forms.py": "import flask_cors\nfrom flask_wtf import FlaskForm as Form\n",
    }
    migration = migrate(laid_out(tmp_path, files))

    assert {("app.py", 2, "counterpart"), ("forms.py", 2, "counterpart")} == rules(migration)
    assert [("app.py", "import quart\nfrom flask_cors import CORS, cross_origin\n")] == [
        (change.name, change.after) for change in migration.report.changes
    ]


def test_what_cannot_be_decided_is_reported(tmp_path: Path) -> None:
    """With its place, and left as it is."""
    text = """
        import unittest
        from flask import Flask

        client = Flask(__name__).test_client()
        client.get("/")


        class PageTest(unittest.TestCase):
            @classmethod
            def setUpClass(cls):
                cls.page = client.get("/")

            def __len__(self):
                return len(client.get("/").data)

            def test_later(self):
                call = lambda: client.get("/").data
                self.assertTrue(call)
        """
    laid_out(tmp_path, {"test_it.py": text})
    migration = migrate(tmp_path)

    assert {
        ("test_it.py", 6, "lambda"),
        ("test_it.py", 11, "setup"),
        ("test_it.py", 14, "lambda"),
        ("test_it.py", 18, "lambda"),
    } == rules(migration)
    assert "async" not in migration.report.diff()


# --async

VIEWS = """
    import time
    from functools import wraps

    import requests
    from flask import Flask, g, jsonify, render_template, request
    from flask_sqlalchemy import SQLAlchemy

    app = Flask(__name__)
    db = SQLAlchemy(app)
    TITLES = {"a": "A"}


    def read(name):
        return request.form[name].strip()


    def both():
        return render_template("both.html")


    @app.route("/", methods=["GET", "POST"])
    def index():
        if request.method == "POST":
            return jsonify(title=TITLES[read("title")], at=time.time(), json=request.json)
        return render_template("index.html", words=[word.upper() for word in "a b".split()])


    @app.route("/<name>")
    def show(name):
        return name.title()


    @app.before_request
    def count():
        app.logger.info("a request")


    @app.route("/slow")
    def slow():
        time.sleep(1)
        return ""


    @app.route("/remote")
    def remote():
        return requests.get("http://localhost").text


    @app.route("/stored")
    def stored():
        return str(db.session.get(int, 1))


    @app.route("/kept")
    def kept():
        return g.thing.name


    @app.route("/both")
    def both_quick():
        return both()


    @app.route("/both-slow")
    def both_slow():
        time.sleep(1)
        return both()


    @app.route("/wrapped")
    @wraps(show)
    def wrapped():
        return ""


    @app.route("/stream")
    def stream():
        yield "a"


    @app.route("/later")
    def later():
        def inside():
            return render_template("a.html")

        return app.response_class(inside())
    """


def test_views_that_do_not_block_become_async(tmp_path: Path) -> None:
    """With the functions that only they call. Each that stays is named with its reason."""
    laid_out(tmp_path, {"app.py": VIEWS})
    migration = migrate(tmp_path, Options(make_async=True))
    migration.write()
    after = (tmp_path / "app.py").read_text()
    stays = {
        found.text.partition(" stays def: it ")[0]: found.text.partition(" stays def: it ")[2]
        for found in migration.report.findings
        if found.rule == "stays"
    }

    assert {"index", "show", "count", "read"} == set(re.findall(r"async def (\w+)", after))
    assert "    return (await request.form)[name].strip()\n" in after
    assert (
        'jsonify(title=TITLES[await read("title")], at=time.time(), json=await request.json)'
        in after
    )
    assert 'return await render_template("index.html", words=' in after
    assert "\ndef both():\n    return render_template(" in after
    assert stays == {
        "slow": "uses time.sleep, which blocks (app.py:41)",
        "remote": "uses requests.get, which blocks (app.py:47)",
        "stored": "uses db, and it is not known what that does (app.py:52)",
        "kept": "uses g, which may hold anything (app.py:57)",
        "both_quick": "uses both, which waits, and which def functions use, too (app.py:18)",
        "both_slow": "uses time.sleep, which blocks (app.py:67)",
        "wrapped": "is decorated by wraps(show) (app.py:72)",
        "stream": "is a generator (app.py:78)",
        "later": "would await in its function inside (app.py:84)",
    }
    assert {"views": 2, "hooks": 1} == {
        kind: migration.report.counts[f"{kind} made async"] for kind in ("views", "hooks")
    }
    assert [] == migrate(tmp_path, Options(make_async=True, again=True)).report.changes


def test_views_of_a_quart_project_become_async_later(tmp_path: Path) -> None:
    """First the names and the tests, and another day the views."""
    laid_out(
        tmp_path,
        {"app.py": "import flask\napp = flask.Flask('a')\n@app.get('/')\ndef a(): return ''\n"},
    )
    migrate(tmp_path).write()
    assert "\ndef a():" in (tmp_path / "app.py").read_text()
    migrate(tmp_path, Options(make_async=True)).write()

    assert "\nasync def a():" in (tmp_path / "app.py").read_text()


# Files that are not code


def test_requirements_settings_and_commands(tmp_path: Path) -> None:
    files = {
        "app.py": "from flask import Flask\n\napp = Flask(__name__)\n",
        "test_app.py": "from app import app\n\n\ndef test_a():\n    app.test_client().get('/')\n",
        "requirements.txt": "# web\nFlask[async,dotenv]==3.0.0 ; python_version > '3'  # the one\n"
        "Flask-Login==0.6\nWerkzeug==2.0.1\n",
        "requirements-dev.txt": "-r requirements.txt\npytest>=7\n",
        "pyproject.toml": '[project]\nname = "a"\ndependencies = [\n    "flask>=2",  # web\n'
        '    "flask-login",\n]\n[project.optional-dependencies]\ntest = [\n    "pytest",\n]\n'
        '[project.entry-points."flask.commands"]\nx = "a:x"\n[tool.pytest.ini_options]\n'
        'testpaths = ["."]\n',
        ".flaskenv": "FLASK_APP=app\nOTHER=flask\n",
        "Dockerfile": 'ENV FLASK_APP=app\nRUN pip install flask\nCMD ["flask", "run"]\n',
        "Makefile": "serve:\n\tflask --app app run\n\tgunicorn app:app\n",
    }
    laid_out(tmp_path, files)
    migration = migrate(tmp_path)
    migration.write()
    after = texts(tmp_path, files)

    assert (
        "# web\nQuart[dotenv]; python_version > '3'  # the one\n"
        "Flask-Login==0.6\nWerkzeug==2.0.1\n" == after["requirements.txt"]
    )
    assert "-r requirements.txt\npytest>=7\npytest-asyncio\n" == after["requirements-dev.txt"]
    assert (
        '[project]\nname = "a"\ndependencies = [\n    "quart",  # web\n    "flask-login",\n]\n'
        '[project.optional-dependencies]\ntest = [\n    "pytest",\n    "pytest-asyncio",\n]\n'
        '[project.entry-points."quart.commands"]\nx = "a:x"\n[tool.pytest.ini_options]\n'
        'asyncio_mode = "auto"\nasyncio_default_fixture_loop_scope = "function"\n'
        'testpaths = ["."]\n' == after["pyproject.toml"]
    )
    assert "QUART_APP=app\nOTHER=flask\n" == after[".flaskenv"]
    assert 'ENV QUART_APP=app\nRUN pip install flask\nCMD ["quart", "run"]\n' == after["Dockerfile"]
    assert "serve:\n\tquart --app app run\n\tgunicorn app:app\n" == after["Makefile"]
    assert {("Makefile", 3, "deployment"), ("requirements.txt", 4, "requirement")} == (
        rules(migration)
    )


def test_a_project_without_settings_for_pytest_gets_some(tmp_path: Path) -> None:
    """And is told to install the plugin, since no file says what its tests need."""
    laid_out(tmp_path, {"test_a.py": "import flask\ndef test(client):\n    client.get('/')\n"})
    migration = migrate(tmp_path)
    migration.write()

    assert "[pytest]\nasyncio_mode = auto\n" in (tmp_path / "pytest.ini").read_text()
    assert {(".", 0, "tests")} == rules(migration)


# What is left alone

BAD_FILES = {
    "syntax": ("bad.py", b"from flask import Flask\nprint 'hello'\n"),
    "encoding": ("bad.py", b"# -*- coding: latin-1 -*-\nfrom flask import Flask  # \xe9\n"),
    "generated": ("bad.py", b"# Generated by a tool. DO NOT EDIT.\nfrom flask import Flask\n"),
    "notebook": ("bad.ipynb", b'{"cells": ["import flask"]}'),
    "lock": ("poetry.lock", b"flask"),
}


@pytest.mark.parametrize("rule", BAD_FILES)
def test_files_that_are_left_alone_are_named(rule: str, tmp_path: Path) -> None:
    name, data = BAD_FILES[rule]
    (tmp_path / name).write_bytes(data)
    (tmp_path / "good.py").write_text("from flask import Flask\n")
    migration = migrate(tmp_path)
    migration.write()

    assert {(name, rule)} == {(path, rule) for path, _, rule in rules(migration)}
    assert data == (tmp_path / name).read_bytes()
    assert "from quart import Quart\n" == (tmp_path / "good.py").read_text()


def test_vendored_code_and_links_are_left_alone(tmp_path: Path) -> None:
    files = {"vendor/a.py": "import flask\n", "b.py": "import flask\n"}
    laid_out(tmp_path, files)
    (tmp_path / "c.py").symlink_to(tmp_path / "b.py")
    (tmp_path / "d").symlink_to(tmp_path / "vendor", target_is_directory=True)
    migration = migrate(tmp_path)
    migration.write()

    assert {("vendor", "generated"), ("c.py", "symlink"), ("d", "symlink")} == {
        (path, rule) for path, _, rule in rules(migration)
    }
    assert {**files, "b.py": "import quart\n"} == texts(tmp_path, files)
    assert (tmp_path / "c.py").is_symlink()


def test_line_ends_and_marks_stay(tmp_path: Path) -> None:
    """CRLF, a byte order mark, and a missing line end at the end of the file."""
    path = tmp_path / "a.py"
    path.write_bytes(b"\xef\xbb\xbfimport flask\r\n\r\napp = flask.Flask('a')")
    migrate(tmp_path).write()

    assert b"\xef\xbb\xbfimport quart\r\n\r\napp = quart.Quart('a')" == path.read_bytes()


def test_a_project_without_flask_is_left_alone(tmp_path: Path) -> None:
    """Its `client` is that of another framework."""
    files = {"test_it.py": "def test_it(client):\n    client.get('/')\n", "tox.ini": "[pytest]\n"}
    laid_out(tmp_path, files)

    assert [] == migrate(tmp_path).report.changes


QUART = """
    from quart import Quart

    app = Quart(__name__)


    def login(client):
        return client.post("/login")


    async def test_it():
        client = app.test_client()
        waiting = client.get("/")
        assert (await waiting).status_code == 404
        await login(client)
    """


def test_a_quart_project_is_left_alone(tmp_path: Path) -> None:
    laid_out(tmp_path, {"test_it.py": QUART, "requirements.txt": "flask\n"})
    migration = migrate(tmp_path)

    assert [] == migration.report.changes
    assert {(".", 0, "half")} == rules(migration)


def test_half_a_quart_project_keeps_its_async_functions(tmp_path: Path) -> None:
    """What is not awaited in them is not on purpose; the rest is migrated."""
    other = "from flask import Flask\n\n\ndef test():\n    Flask('a').test_client().get('/')\n"
    files = {"test_it.py": QUART, "test_other.py": other}
    laid_out(tmp_path, files)
    migration = migrate(tmp_path)
    migration.write()
    after = texts(tmp_path, files)

    assert '        waiting = client.get("/")\n'[4:] in after["test_it.py"]
    assert (
        "async def test():\n    await Quart('a').test_client().get('/')\n"
        in (after["test_other.py"])
    )
    assert ("test_it.py", 0, "half") in rules(migration)


@pytest.mark.parametrize(
    ("failure", "raised"), [(OSError, sources.SourceError), (KeyboardInterrupt, KeyboardInterrupt)]
)
def test_if_one_file_fails_all_stay_as_they_were(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    failure: type[BaseException],
    raised: type[BaseException],
) -> None:
    files = {f"{name}.py": "import flask\n" for name in "abc"}
    laid_out(tmp_path, files)
    migration = migrate(tmp_path)
    replace = os.replace
    done = []

    def fail_at_the_third(source: str, target: str) -> None:
        done.append(target)
        if len(done) == 3:
            raise failure("the disk is full")
        replace(source, target)

    monkeypatch.setattr(os, "replace", fail_at_the_third)
    with pytest.raises(raised, match="the disk is full"):
        migration.write()

    assert files == texts(tmp_path, files)
    assert set(files) == {path.name for path in tmp_path.iterdir()}


def test_a_link_that_is_named_stays_one(tmp_path: Path) -> None:
    laid_out(tmp_path, {"a.py": "import flask\n"})
    (tmp_path / "b").mkdir()
    link = tmp_path / "b" / "link.py"
    link.symlink_to(tmp_path / "a.py")
    migrate(link).write()

    assert link.is_symlink()
    assert "import quart\n" == (tmp_path / "a.py").read_text()


def test_a_file_that_changed_meanwhile_is_not_overwritten(tmp_path: Path) -> None:
    laid_out(tmp_path, {"a.py": "import flask\n", "b.py": "import flask\n"})
    migration = migrate(tmp_path)
    (tmp_path / "b.py").write_text("import flask  # edited\n")
    with pytest.raises(sources.SourceError, match=r"b\.py was changed"):
        migration.write()

    assert "import flask\n" == (tmp_path / "a.py").read_text()


# The command


def test_the_command_shows_a_diff_and_writes_nothing(tmp_path: Path) -> None:
    laid_out(tmp_path, {"a.py": "import flask\n"})
    output = command(tmp_path)

    assert "--- a/a.py\n+++ b/a.py\n@@ -1 +1 @@\n-import flask\n+import quart\n" in output
    assert "1 file would change" in output
    assert "import flask\n" == (tmp_path / "a.py").read_text()


def test_the_command_checks_and_writes(tmp_path: Path) -> None:
    laid_out(tmp_path, {"a.py": "import flask\n"})

    assert "1 file would change" in command("--check", tmp_path, exit_code=1)
    assert "1 file changed" in command("--write", tmp_path)
    assert "import quart\n" == (tmp_path / "a.py").read_text()
    assert "0 files would change" in command("--check", tmp_path)


def test_the_command_takes_one_file(tmp_path: Path) -> None:
    files = {"a.py": "import flask\n", "b.py": "import flask\n"}
    laid_out(tmp_path, files)
    command("--write", tmp_path / "a.py")

    assert {**files, "a.py": "import quart\n"} == texts(tmp_path, files)


def test_the_command_reports_as_json(tmp_path: Path) -> None:
    laid_out(tmp_path, {"a.py": "import flask\n\nflask.no_such_thing\n"})
    report = json.loads(CliRunner().invoke(cli, ["migrate", "--json", str(tmp_path)]).stdout)

    assert [] == report["changed"]
    (finding,) = report["findings"]
    assert ("a.py", 3, "name") == (finding["path"], finding["line"], finding["rule"])


def test_the_command_refuses_a_dirty_tree(tmp_path: Path) -> None:
    git = ("git", "-c", "user.name=a", "-c", "user.email=a@b", "-C", str(tmp_path))
    try:
        subprocess.run([*git, "init", "-q"], check=True)
    except FileNotFoundError:
        pytest.skip("git is not installed")
    laid_out(tmp_path, {"a.py": "import flask\n"})

    assert "--allow-dirty" in command("--write", tmp_path, exit_code=1)
    assert "import flask\n" == (tmp_path / "a.py").read_text()

    subprocess.run([*git, "add", "."], check=True)
    subprocess.run([*git, "commit", "-q", "-m", "a"], check=True)
    command("--write", tmp_path)

    assert "import quart\n" == (tmp_path / "a.py").read_text()
    command("--write", tmp_path, exit_code=1)
    command("--write", "--allow-dirty", tmp_path)


def test_the_command_refuses_a_repository_of_somebody_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Git would run what its settings say; it says itself how to allow that."""
    try:
        subprocess.run(["git", "init", "-q", tmp_path], check=True)
    except FileNotFoundError:
        pytest.skip("git is not installed")
    laid_out(tmp_path, {"a.py": "import flask\n"})
    monkeypatch.setenv("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1")

    assert "safe.directory" in command("--write", tmp_path, exit_code=1)
    assert "import flask\n" == (tmp_path / "a.py").read_text()

    command("--write", "--allow-dirty", tmp_path)
    assert "import quart\n" == (tmp_path / "a.py").read_text()


def test_the_command_without_libcst_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("quart.cli._is_installed", lambda name: name != "libcst")

    assert "pip install 'quart[migrate]'" in command(tmp_path, exit_code=2)


def test_an_applications_own_migrate_goes_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where an application is named that has one."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    laid_out(
        tmp_path,
        {
            "own_migrate.py": """
                from quart import Quart

                app = Quart(__name__)


                @app.cli.command()
                def migrate():
                    print("the application's own")
                """,
            "no_migrate.py": "from quart import Quart\n\napp = Quart(__name__)\n",
            "x/a.py": "import flask\n",
        },
    )
    own = CliRunner().invoke(cli, ["--app", "own_migrate", "migrate"])
    ours = CliRunner().invoke(cli, ["--app", "no_migrate", "migrate", "x"])
    unnamed = CliRunner().invoke(cli, ["--app", "not_there", "migrate", "x"])

    assert "the application's own\n" == own.output
    assert "+import quart" in ours.output
    assert "+import quart" in unnamed.output


# Twice through

PIECES = [
    "response = client.get('/')",
    "assert client.post('/').data == b''",
    "assert client.get('/').json['a'] == client.get('/').get_json()['b']",
    "with client:\n    client.get('/')",
    "with client.session_transaction() as s:\n    s['a'] = 1",
    "with app.test_request_context('/'):\n    flask.render_template('a')",
    "context = app.app_context()\ncontext.push()\ncontext.pop()",
    "pytest.raises(ValueError, client.get, '/')",
    "pytest.raises(ValueError, lambda: client.get('/'))",
    "values = [client.get(p).data for p in 'ab']",
    "assert any(client.get(p).data for p in 'ab')",
    "later = lambda: client.get('/')",
    "for p in 'ab':\n    r = client.get(p)\n    assert r.data or r.json",
    "def inner(c):\n    return c.get('/').data\nassert inner(client)",
    "@app.route('/')\ndef view():\n    return flask.request.form['a']",
    "x = flask.make_response('a')\nassert x.data if x.data else x.json",
    "return(client.get('/'))",
    "try:\n    client.get('/')\nexcept Exception:\n    assert f'{client.get(\"/\").data}'",
    "helper(client)",
    "assert helper(client)(1)[client.get('/').json]",
    "pass",
]
HEADS = [
    "@pytest.fixture\ndef client(app):\n    yield app.test_client()\n",
    "def helper(c):\n    return c.get('/').data\n",
    "def helper(c):\n    return c\n",
    "@pytest.fixture(scope='module')\n"
    "def app():\n    a = flask.Flask('a')\n    a.app_context().push()\n    return a\n",
]


@settings(max_examples=40)
@given(
    st.lists(st.sampled_from(HEADS), unique=True),
    st.lists(st.lists(st.sampled_from(PIECES), min_size=1, max_size=4), min_size=1, max_size=3),
)
def test_twice_through_changes_nothing(
    tmp_path_factory: pytest.TempPathFactory, heads: list[str], tests: list[list[str]]
) -> None:
    """And what comes out is Python."""
    directory = tmp_path_factory.mktemp("twice")
    blocks = ["import flask\nimport pytest\n", *heads]
    for number, pieces in enumerate(tests):
        body = "\n".join(pieces).replace("\n", "\n    ")
        blocks.append(f"def test_{number}(app, client):\n    {body}\n")
    text = "\n\n".join(blocks)
    after = one(directory, text)

    compile(after, "test_it.py", "exec")
    assert after.count("def ") == text.count("def ")


def test_the_blog_is_migrated_and_passes_its_tests(tmp_path: Path) -> None:
    """The example, with no hand edit; its tests run as its own conftest.py runs them."""
    for path in (ROOT / "examples" / "blog").rglob("*"):
        name = path.relative_to(ROOT / "examples" / "blog")
        if path.is_file() and "__pycache__" not in name.parts and "quart" not in str(name):
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).write_bytes(path.read_bytes())
    migration = migrate(tmp_path)
    migration.write()
    options = (
        "-q",
        "-p",
        "no:cacheprovider",
        "-p",
        "no:asyncio",
        "-W",
        "error",
        "--rootdir",
        ".",
        "-c",
        os.devnull,
    )
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *options, "test_flask_blog.py"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=100,
    )
    passed = re.search(r"^(\d+) passed in", done.stdout, re.MULTILINE)

    assert passed is not None, done.stdout + done.stderr
    assert (tmp_path / "test_flask_blog.py").read_text().count("def test_") <= int(passed[1])
    assert set() == migration.report.findings
    assert [] == migrate(tmp_path, Options(again=True)).report.changes
