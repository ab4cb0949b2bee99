"""What the API promises: python -m pytest"""

from itertools import count

import app as api
import pytest

JSON = {"Accept": "application/json"}


@pytest.fixture
def client(monkeypatch):
    monkeypatch.setattr(api, "tasks", {})
    monkeypatch.setattr(api, "numbers", count(1))
    return api.app.test_client()


async def test_a_task_is_added_and_found(client):
    added = await client.post("/tasks", json={"title": "Sweep", "due": "2026-12-24"})
    assert 201 == added.status_code
    assert "/tasks/1" == added.headers["Location"]

    found = await client.get("/tasks/1")
    assert {"id": 1, "title": "Sweep", "due": "2026-12-24", "done": False} == await found.json


@pytest.mark.parametrize(
    ("task", "field"),
    [
        ({}, "title"),
        ({"title": ""}, "title"),
        ({"title": "Sweep", "due": "tomorrow"}, "due"),
        ({"title": "Sweep", "id": 7}, "id"),
    ],
)
async def test_a_task_of_another_shape(client, task, field):
    response = await client.post("/tasks", json=task, headers=JSON)

    assert 400 == response.status_code
    assert [field] in [error["loc"] for error in (await response.json)["errors"]]


async def test_a_page_of_the_list(client):
    for title in ("Sweep", "Paint", "Rest"):
        await client.post("/tasks", json={"title": title})
    await client.patch("/tasks/3", json={"done": True})

    page = await (await client.get("/tasks?limit=1&after=1&done=false")).json
    assert (["Paint"], 2) == ([task["title"] for task in page["tasks"]], page["total"])
    assert 400 == (await client.get("/tasks?limit=1000")).status_code


async def test_a_change_leaves_the_rest(client):
    await client.post("/tasks", json={"title": "Sweep", "due": "2026-12-24"})

    changed = await (await client.patch("/tasks/1", json={"due": None})).json
    assert {"id": 1, "title": "Sweep", "due": None, "done": False} == changed
    assert 400 == (await client.patch("/tasks/1", json={"title": ""})).status_code


async def test_a_task_that_is_not_there(client):
    assert 204 == (await client.delete("/tasks/1")).status_code
    response = await client.get("/tasks/1", headers=JSON)

    assert (404, "There is no such task.") == (
        response.status_code,
        (await response.json)["detail"],
    )


async def test_a_token(client, monkeypatch):
    monkeypatch.setitem(api.app.config, "TOKEN", "secret")
    for headers in ({}, {"Authorization": "Bearer wrong"}):
        response = await client.post("/tasks", json={"title": "Sweep"}, headers=headers)
        assert (401, "Bearer") == (response.status_code, response.headers["WWW-Authenticate"][:6])

    headers = {"Authorization": "Bearer secret"}
    response = await client.post("/tasks", json={"title": "Sweep"}, headers=headers)
    assert 201 == response.status_code
    assert 200 == (await client.get("/tasks")).status_code


async def test_the_api_describes_itself(client):
    description = await (await client.get("/openapi.json")).json

    assert {"/tasks", "/tasks/{id}"} == set(description["paths"])
    assert [{"token": []}] == description["paths"]["/tasks"]["post"]["security"]
    assert 200 == (await client.get("/docs")).status_code
