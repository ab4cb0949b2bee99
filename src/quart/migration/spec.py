"""What is awaited in Quart and not in Flask: the documentation's table "What is awaited" as data,
and what each call returns. `tests/test_migrate.py` keeps the table and this file equal.

A kind says what a name holds: an `app`, a `client`, a `response` and so on. `flask` is the package
itself, whose functions are in the same tables.
"""

from __future__ import annotations

#: The methods of the test client that send a request.
VERBS = frozenset({"delete", "get", "head", "open", "options", "patch", "post", "put", "trace"})

#: Calls that are awaited, by the kind of their object.
METHODS: dict[str, frozenset[str]] = {
    "flask": frozenset(
        {
            "flash",
            "make_response",
            "render_template",
            "render_template_string",
            "send_file",
            "send_from_directory",
            "stream_template",
            "stream_template_string",
        }
    ),
    "app": frozenset(
        {
            "dispatch_request",
            "do_teardown_appcontext",
            "do_teardown_request",
            "finalize_request",
            "full_dispatch_request",
            "handle_exception",
            "handle_http_exception",
            "handle_user_exception",
            "make_default_options_response",
            "make_response",
            "open_instance_resource",
            "open_resource",
            "preprocess_request",
            "process_response",
            "send_static_file",
        }
    ),
    "blueprint": frozenset({"open_resource", "send_static_file"}),
    "client": VERBS,
    "context": frozenset({"pop", "push"}),
    "file": frozenset({"save"}),
    "request": frozenset({"close", "get_data", "get_json"}),
    "resource": frozenset({"read", "readline", "readlines"}),
    "response": frozenset(
        {"add_etag", "close", "freeze", "get_data", "get_json", "make_conditional"}
    ),
}

#: Attributes that are awaited, by the kind of their object.
ATTRIBUTES: dict[str, frozenset[str]] = {
    "request": frozenset({"data", "files", "form", "json", "values"}),
    "response": frozenset({"data", "json"}),
}

#: Kinds whose `with` becomes `async with`.
CONTEXTS = frozenset({"client", "context", "resource", "transaction"})

#: A `macro` is what `get_template_attribute` returns; calling it is awaited.
CALLED = frozenset({"macro"})

#: The results of calls, by the kind of their object.
GIVES: dict[tuple[str, str], str] = {
    **{("client", verb): "response" for verb in VERBS},
    ("app", "app_context"): "context",
    ("app", "dispatch_request"): "response",
    ("app", "finalize_request"): "response",
    ("app", "full_dispatch_request"): "response",
    ("app", "make_default_options_response"): "response",
    ("app", "make_response"): "response",
    ("app", "open_instance_resource"): "resource",
    ("app", "open_resource"): "resource",
    ("app", "process_response"): "response",
    ("app", "request_context"): "context",
    ("app", "send_static_file"): "response",
    ("app", "test_cli_runner"): "runner",
    ("app", "test_client"): "client",
    ("app", "test_request_context"): "context",
    ("blueprint", "open_resource"): "resource",
    ("blueprint", "send_static_file"): "response",
    ("client", "session_transaction"): "transaction",
    ("json", "response"): "response",
    ("context", "__enter__"): "context",
    ("flask", "get_template_attribute"): "macro",
    ("flask", "jsonify"): "response",
    ("flask", "make_response"): "response",
    ("flask", "redirect"): "response",
    ("flask", "send_file"): "response",
    ("flask", "send_from_directory"): "response",
}

#: The values of attributes, by the kind of their object.
HOLDS: dict[tuple[str, str], str] = {
    ("app", "json"): "json",
    ("client", "application"): "app",
    ("context", "app"): "app",
    ("context", "request"): "request",
    ("response", "request"): "sent request",
}

#: The kinds of Flask's names: what its classes make, and what its proxies refer to.
CLASSES: dict[str, str] = {
    "flask.Blueprint": "blueprint",
    "flask.Flask": "app",
    "flask.Request": "request",
    "flask.Response": "response",
    "flask.app.Flask": "app",
    "flask.blueprints.Blueprint": "blueprint",
    "flask.ctx.AppContext": "context",
    "flask.ctx.RequestContext": "context",
    "flask.testing.FlaskClient": "client",
    "flask.testing.FlaskCliRunner": "runner",
    "flask.wrappers.Request": "request",
    "flask.wrappers.Response": "response",
    "werkzeug.datastructures.FileStorage": "file",
    "werkzeug.test.TestResponse": "response",
}
PROXIES: dict[str, str] = {
    "flask.current_app": "app",
    "flask.globals.current_app": "app",
    "flask.globals.request": "request",
    "flask.request": "request",
}

#: Names that change with the package.
RENAMED = {
    "Flask": "Quart",
    "FlaskClient": "QuartClient",
    "FlaskCliRunner": "QuartCliRunner",
    "FlaskGroup": "QuartGroup",
}
ORIGINAL = {new: old for old, new in RENAMED.items()}


def flasks(name: str) -> str:
    """Return Flask's name for a dotted name of Quart; other names unchanged."""
    package, _, rest = name.partition(".")
    if package != "quart":
        return name
    parts = [ORIGINAL.get(part, part) for part in rest.split(".")] if rest else []
    return ".".join(["flask", *parts])


def quarts(name: str) -> str:
    """Return Quart's name for a dotted name of Flask."""
    package, _, rest = name.partition(".")
    assert package == "flask"
    parts = [RENAMED.get(part, part) for part in rest.split(".")] if rest else []
    return ".".join(["quart", *parts])


def rows() -> set[str]:
    """Return the rows of the documentation's table, spelled in one way: `request.form`,
    `client.get()`, `with client`."""
    found = {f"{kind}.{name}()" for kind, names in METHODS.items() for name in names}
    found |= {f"{kind}.{name}" for kind, names in ATTRIBUTES.items() for name in names}
    found |= {f"{kind}()" for kind in CALLED}
    found |= {f"with {kind}" for kind in CONTEXTS}
    return found
