"""A JSON API for a list of tasks. It checks what it receives, and describes itself."""

import hmac
from datetime import date
from functools import wraps
from itertools import count

from pydantic import BaseModel, ConfigDict, Field
from quart_schema import (
    HttpSecurityScheme,
    Info,
    QuartSchema,
    document_response,
    hide,
    security_scheme,
    tag,
    validate_querystring,
    validate_request,
    validate_response,
)
from werkzeug.datastructures import WWWAuthenticate

from quart import Quart, abort, render_template, request, url_for

app = Quart(__name__)
app.config.from_mapping(ERROR_FORMAT="auto", TOKEN=None)
app.config.from_prefixed_env()
QuartSchema(
    app,
    info=Info(title="Tasks", version="1.0.0", description="A list of things to do."),
    security_schemes={"token": HttpSecurityScheme(scheme="bearer")},
)


class NewTask(BaseModel):
    """What a client sends to add a task."""

    model_config = ConfigDict(extra="forbid")

    title: str = Field(min_length=1, max_length=100)
    due: date | None = None


class Change(BaseModel):
    """What a client sends to change a task: only what is to change."""

    model_config = ConfigDict(extra="forbid")

    title: str = Field(default="", min_length=1, max_length=100)
    due: date | None = None
    done: bool = False


class Task(NewTask):
    """A task as the API gives it out."""

    id: int
    done: bool = False


class Tasks(BaseModel):
    """One page of tasks, and how many there are in all."""

    tasks: list[Task]
    total: int


class Problem(BaseModel):
    """An error (RFC 9457)."""

    title: str
    status: int
    detail: str


class Wanted(BaseModel):
    """The query string of the list."""

    done: bool | None = None
    limit: int = Field(default=20, ge=1, le=100)
    after: int = 0


def needs_token(view):
    """Let in who sends the token, if one is set, and say so in the description of the API."""

    @wraps(view)
    async def checked(**arguments):
        token, sent = app.config["TOKEN"], request.authorization
        allowed = sent is not None and sent.type == "bearer" and same(sent.token, token)
        if token is not None and not allowed:
            abort(401, "The token is missing or wrong.", www_authenticate=WWWAuthenticate("bearer"))
        return await view(**arguments)

    return security_scheme([{"token": []}])(checked)


def same(sent, token):
    """Compare in a time that does not tell how much of it is right."""
    return hmac.compare_digest(str(sent).encode(), str(token).encode())


tasks: dict[int, Task] = {}  # put your database here
numbers = count(1)


@app.post("/tasks")
@tag(["tasks"])
@needs_token
@document_response(Problem, 400)
@validate_request(NewTask)
@validate_response(Task, 201)
async def add_task(data: NewTask):
    """Add a task."""
    task = Task(id=next(numbers), **data.model_dump())
    tasks[task.id] = task
    return task, 201, {"Location": url_for("get_task", id=task.id)}


@app.get("/tasks")
@tag(["tasks"])
@validate_querystring(Wanted)
@validate_response(Tasks)
async def list_tasks(query_args: Wanted):
    """List tasks, oldest first.

    The number of the last one, as `after`, gives the next page.
    """
    found = [task for task in tasks.values() if query_args.done in (None, task.done)]
    page = [task for task in found if task.id > query_args.after]
    return Tasks(tasks=page[: query_args.limit], total=len(found))


@app.get("/tasks/<int:id>")
@tag(["tasks"])
@document_response(Problem, 404)
@validate_response(Task)
async def get_task(id: int):
    """Get one task."""
    return tasks.get(id) or abort(404, "There is no such task.")


@app.patch("/tasks/<int:id>")
@tag(["tasks"])
@needs_token
@document_response(Problem, 404)
@validate_request(Change)
@validate_response(Task)
async def change_task(id: int, data: Change):
    """Change what is sent of a task, and leave the rest."""
    task = tasks.get(id) or abort(404, "There is no such task.")
    tasks[id] = task.model_copy(update=data.model_dump(exclude_unset=True))
    return tasks[id]


@app.delete("/tasks/<int:id>")
@tag(["tasks"])
@needs_token
async def delete_task(id: int):
    """Delete a task. There is no error if it is gone already."""
    tasks.pop(id, None)
    return "", 204


@app.get("/")
@hide
async def page():
    return await render_template("tasks.html")


if __name__ == "__main__":
    app.run()
