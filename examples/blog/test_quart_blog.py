"""The tests of the blog: `pytest test_quart_blog.py`."""

import sqlite3

import pytest
from quart import g, session
from quart_blog import create_app
from quart_blog.database import get_database


@pytest.fixture
def app(tmp_path):
    app = create_app({"TESTING": True, "DATABASE": tmp_path / "instance" / "blog.sqlite"})
    app.test_cli_runner().invoke(args=["init-db"])
    return app


@pytest.fixture
def client(app):
    return app.test_client()


async def register(client, name="ada", password="engine"):
    data = {"name": name, "password": password}
    return await client.post("/auth/register", data=data, follow_redirects=True)


async def login(client, name="ada", password="engine"):
    data = {"name": name, "password": password}
    return await client.post("/auth/login", data=data, follow_redirects=True)


async def join(client, name="ada"):
    await register(client, name)
    return await login(client, name)


async def write(client, headline="Notes", body="On the engine"):
    data = {"headline": headline, "body": body}
    return await client.post("/new", data=data, follow_redirects=True)


async def test_an_empty_blog(client):
    response = await client.get("/")

    assert 200 == response.status_code
    assert "Nobody has written anything yet." in response.text
    assert "Log in" in response.text


async def test_registration(client):
    response = await register(client)

    assert "/auth/login" == response.request.path
    assert "Welcome! You can log in now." in response.text


@pytest.mark.parametrize("name, password", [("", "engine"), ("  ", "engine"), ("ada", "")])
async def test_a_registration_needs_name_and_password(client, name, password):
    response = await register(client, name, password)

    assert "A name and a password are needed." in response.text


async def test_a_name_is_taken_once(client):
    await register(client)
    response = await register(client)

    assert "The name ada is taken." in response.text


async def test_a_form_without_a_field_is_a_bad_request(client):
    response = await client.post("/auth/register", data={"name": "ada"})

    assert 400 == response.status_code


async def test_passwords_are_hashed(app, client):
    await register(client)

    async with app.app_context():
        person = get_database().execute("SELECT password FROM person").fetchone()

    assert "engine" not in person["password"]


async def test_login_and_logout(client):
    async with client:
        await join(client)
        response = await client.get("/")
        assert "Log ada out" in response.text
        assert {"person_id": 1} == dict(session)
        assert "ada" == g.person["name"]

        response = await client.post("/auth/logout", follow_redirects=True)
        assert "Log in" in response.text
        assert {} == dict(session)


@pytest.mark.parametrize("name, password", [("ada", "wrong"), ("bob", "engine")])
async def test_a_login_that_is_wrong(client, name, password):
    await register(client)
    response = await login(client, name, password)

    assert "Name or password is wrong." in response.text


async def test_a_session_of_somebody_who_is_gone(client):
    async with client.session_transaction() as cookie:
        cookie["person_id"] = 42
    response = await client.get("/")

    assert "Log in" in response.text


@pytest.mark.parametrize("method, path", [("GET", "/new"), ("GET", "/1"), ("POST", "/1/delete")])
async def test_writing_needs_a_login(client, method, path):
    response = await client.open(path, method=method)

    assert 302 == response.status_code
    assert "/auth/login" == response.location


async def test_a_post(client):
    await join(client)
    assert "Write a post" in (await client.get("/new")).text
    response = await write(client)

    assert 1 == len(response.history)
    assert "<h2>Notes</h2>" in response.text
    assert "On the engine" in response.text


async def test_a_post_needs_a_headline(client):
    await join(client)

    assert "A headline is needed." in (await write(client, " ")).text
    await write(client)
    response = await client.post("/1", data={"headline": "", "body": "x"})
    assert "A headline is needed." in response.text


async def test_posts_are_escaped(client):
    await join(client)
    response = await write(client, "<script>", "<b>")

    assert "<script>" not in response.text
    assert "&lt;script&gt;" in response.text


async def test_posts_as_json(client):
    await join(client)
    await write(client, "First")
    await write(client, "Second")
    response = await client.get("/posts.json")

    assert [("ada", "First"), ("ada", "Second")] == [
        (post["author"], post["headline"]) for post in await response.json
    ]


async def test_a_post_is_changed(client):
    await join(client)
    await write(client)
    assert "On the engine" in (await client.get("/1")).text
    data = {"headline": "Notes", "body": "On the loom"}
    response = await client.post("/1", data=data, follow_redirects=True)

    assert "On the loom" in response.text
    assert "On the engine" not in response.text


async def test_a_post_is_deleted(client):
    await join(client)
    await write(client)
    response = await client.post("/1/delete", follow_redirects=True)

    assert "The post is gone." in response.text
    assert "Nobody has written anything yet." in response.text


async def test_only_the_author_changes_a_post(app, client):
    await join(client)
    await write(client)
    other = app.test_client()
    await join(other, "bob")
    response = await other.post("/1/delete")

    assert 403 == response.status_code
    assert "Only its author can change a post." in response.text
    assert 403 == (await other.get("/1")).status_code
    assert "Notes" in (await other.get("/")).text


async def test_a_post_that_is_not_there(client):
    await join(client)
    response = await client.get("/42")

    assert 404 == response.status_code
    assert "There is no post 42." in response.text


async def test_the_title_is_a_setting(client, monkeypatch):
    monkeypatch.setitem(client.application.config, "TITLE", "Engines")
    response = await client.get("/nowhere")

    assert 404 == response.status_code
    assert "<title>Not Found - Engines</title>" in response.text


async def test_a_static_file(client):
    response = await client.get("/static/style.css", buffered=True)

    assert "text/css" == response.mimetype
    assert "max-width" in response.text


async def test_the_database_is_closed(app):
    async with app.app_context():
        database = get_database()
        assert database is get_database()

    with pytest.raises(sqlite3.ProgrammingError, match="closed"):
        database.execute("SELECT 1")


async def test_the_command(app, client):
    await register(client)
    result = app.test_cli_runner().invoke(args=["init-db"])
    response = await login(client)

    assert "The database is ready.\n" == result.output
    assert "Name or password is wrong." in response.text
