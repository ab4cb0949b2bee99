"""The tests of the blog: `pytest test_flask_blog.py`."""

import sqlite3

import pytest
from flask import g, session
from flask_blog import create_app
from flask_blog.database import get_database


@pytest.fixture
def app(tmp_path):
    app = create_app({"TESTING": True, "DATABASE": tmp_path / "instance" / "blog.sqlite"})
    app.test_cli_runner().invoke(args=["init-db"])
    return app


@pytest.fixture
def client(app):
    return app.test_client()


def register(client, name="ada", password="engine"):
    data = {"name": name, "password": password}
    return client.post("/auth/register", data=data, follow_redirects=True)


def login(client, name="ada", password="engine"):
    data = {"name": name, "password": password}
    return client.post("/auth/login", data=data, follow_redirects=True)


def join(client, name="ada"):
    register(client, name)
    return login(client, name)


def write(client, headline="Notes", body="On the engine"):
    data = {"headline": headline, "body": body}
    return client.post("/new", data=data, follow_redirects=True)


def test_an_empty_blog(client):
    response = client.get("/")

    assert 200 == response.status_code
    assert "Nobody has written anything yet." in response.text
    assert "Log in" in response.text


def test_registration(client):
    response = register(client)

    assert "/auth/login" == response.request.path
    assert "Welcome! You can log in now." in response.text


@pytest.mark.parametrize("name, password", [("", "engine"), ("  ", "engine"), ("ada", "")])
def test_a_registration_needs_name_and_password(client, name, password):
    response = register(client, name, password)

    assert "A name and a password are needed." in response.text


def test_a_name_is_taken_once(client):
    register(client)
    response = register(client)

    assert "The name ada is taken." in response.text


def test_a_form_without_a_field_is_a_bad_request(client):
    response = client.post("/auth/register", data={"name": "ada"})

    assert 400 == response.status_code


def test_passwords_are_hashed(app, client):
    register(client)

    with app.app_context():
        person = get_database().execute("SELECT password FROM person").fetchone()

    assert "engine" not in person["password"]


def test_login_and_logout(client):
    with client:
        join(client)
        response = client.get("/")
        assert "Log ada out" in response.text
        assert {"person_id": 1} == dict(session)
        assert "ada" == g.person["name"]

        response = client.post("/auth/logout", follow_redirects=True)
        assert "Log in" in response.text
        assert {} == dict(session)


@pytest.mark.parametrize("name, password", [("ada", "wrong"), ("bob", "engine")])
def test_a_login_that_is_wrong(client, name, password):
    register(client)
    response = login(client, name, password)

    assert "Name or password is wrong." in response.text


def test_a_session_of_somebody_who_is_gone(client):
    with client.session_transaction() as cookie:
        cookie["person_id"] = 42
    response = client.get("/")

    assert "Log in" in response.text


@pytest.mark.parametrize("method, path", [("GET", "/new"), ("GET", "/1"), ("POST", "/1/delete")])
def test_writing_needs_a_login(client, method, path):
    response = client.open(path, method=method)

    assert 302 == response.status_code
    assert "/auth/login" == response.location


def test_a_post(client):
    join(client)
    assert "Write a post" in client.get("/new").text
    response = write(client)

    assert 1 == len(response.history)
    assert "<h2>Notes</h2>" in response.text
    assert "On the engine" in response.text


def test_a_post_needs_a_headline(client):
    join(client)

    assert "A headline is needed." in write(client, " ").text
    write(client)
    response = client.post("/1", data={"headline": "", "body": "x"})
    assert "A headline is needed." in response.text


def test_posts_are_escaped(client):
    join(client)
    response = write(client, "<script>", "<b>")

    assert "<script>" not in response.text
    assert "&lt;script&gt;" in response.text


def test_posts_as_json(client):
    join(client)
    write(client, "First")
    write(client, "Second")
    response = client.get("/posts.json")

    assert [("ada", "First"), ("ada", "Second")] == [
        (post["author"], post["headline"]) for post in response.json
    ]


def test_a_post_is_changed(client):
    join(client)
    write(client)
    assert "On the engine" in client.get("/1").text
    data = {"headline": "Notes", "body": "On the loom"}
    response = client.post("/1", data=data, follow_redirects=True)

    assert "On the loom" in response.text
    assert "On the engine" not in response.text


def test_a_post_is_deleted(client):
    join(client)
    write(client)
    response = client.post("/1/delete", follow_redirects=True)

    assert "The post is gone." in response.text
    assert "Nobody has written anything yet." in response.text


def test_only_the_author_changes_a_post(app, client):
    join(client)
    write(client)
    other = app.test_client()
    join(other, "bob")
    response = other.post("/1/delete")

    assert 403 == response.status_code
    assert "Only its author can change a post." in response.text
    assert 403 == other.get("/1").status_code
    assert "Notes" in other.get("/").text


def test_a_post_that_is_not_there(client):
    join(client)
    response = client.get("/42")

    assert 404 == response.status_code
    assert "There is no post 42." in response.text


def test_the_title_is_a_setting(client, monkeypatch):
    monkeypatch.setitem(client.application.config, "TITLE", "Engines")
    response = client.get("/nowhere")

    assert 404 == response.status_code
    assert "<title>Not Found - Engines</title>" in response.text


def test_a_static_file(client):
    response = client.get("/static/style.css", buffered=True)

    assert "text/css" == response.mimetype
    assert "max-width" in response.text


def test_the_database_is_closed(app):
    with app.app_context():
        database = get_database()
        assert database is get_database()

    with pytest.raises(sqlite3.ProgrammingError, match="closed"):
        database.execute("SELECT 1")


def test_the_command(app, client):
    register(client)
    result = app.test_cli_runner().invoke(args=["init-db"])
    response = login(client)

    assert "The database is ready.\n" == result.output
    assert "Name or password is wrong." in response.text
