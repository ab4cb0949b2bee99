"""Flask under WSGI, for reference."""

from flask import Flask, render_template, request, session

from apps.common import (
    CHUNK,
    CHUNKS,
    FIVE_HEADERS,
    GREETING,
    HOOKS,
    RESOURCES,
    ROWS,
    SECRET,
    calls,
    user,
)

UNEQUAL = {
    "plain": "A string is `text/html`, here and below, as in Flask; for others `text/plain`."
    " Flask waits for nothing, because it has no loop."
}
MISSING = {
    "application": "it has no loop to wait on.",
    "async_hooks": "it runs each `async def` on a loop of its own.",
    "echoing": "it has no websockets.",
}


def hello():
    return GREETING


def show_path(name: str):
    return name


def with_headers():
    return GREETING, 200, FIVE_HEADERS


def show_user(id: int):
    return user(id)


def echo_document():
    return request.get_json()


def read_values():
    word, id = request.args["q"], request.headers["X-Request-ID"]
    return f"{word}, {id}, {request.cookies['theme']}"


def show_rows():
    return render_template("rows.html", title="Ten rows", rows=ROWS)


def visit():
    session["visits"] = session.get("visits", 0) + 1
    return str(session["visits"])


def stream():
    return (CHUNK for _ in range(CHUNKS))


def upload():
    form, files = request.form, request.files
    return f"{form['title']}, {form['state']}, {len(files['file'].read())}"


def before():
    calls.before += 1


def after(response):
    calls.after += 1
    return response


def make_app():
    return Flask("apps", static_folder=None)


def greeter():
    app = make_app()
    app.add_url_rule("/", "hello", hello)
    return app


def plain():
    app = greeter()
    app.add_url_rule("/user/<int:id>", "user", show_user)
    app.add_url_rule("/files/<path:name>", "files", show_path)
    app.add_url_rule("/wait", "wait", hello)  # there is no loop to wait on
    app.add_url_rule("/headers", "headers", with_headers)
    return app


def many_routes():
    app = make_app()
    for i in range(RESOURCES):
        app.add_url_rule(f"/resource{i}", f"hello{i}", hello)
        app.add_url_rule(f"/resource{i}/<int:id>", f"user{i}", show_user)
    return app


def def_hooks():
    app = greeter()
    for _ in range(HOOKS):
        app.before_request(before)
        app.after_request(after)
    return app


def def_view():
    return greeter()


def values():
    app = make_app()
    app.add_url_rule("/document", "document", echo_document, methods=["POST"])
    app.add_url_rule("/values", "values", read_values)
    return app


def template():
    app = make_app()
    app.add_url_rule("/rows", "rows", show_rows)
    return app


def with_session():
    app = greeter()
    app.secret_key = SECRET
    app.add_url_rule("/visit", "visit", visit)
    return app


def streaming():
    app = make_app()
    app.add_url_rule("/stream", "stream", stream)
    return app


def uploading():
    app = make_app()
    app.add_url_rule("/upload", "upload", upload, methods=["POST"])
    return app
