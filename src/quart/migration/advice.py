"""What is not changed because it has no known counterpart: a note says what to do by hand."""

from __future__ import annotations

from collections.abc import Iterator

import libcst as cst

from .model import Module, Project, dotted

#: Arguments of Flask's test client that make a WSGI environment.
_ENVIRON_WORDS = frozenset({"environ_base", "environ_overrides", "errors_stream"})
PROXY_FIX = "werkzeug.middleware.proxy_fix.ProxyFix"
#: Packages for tests that push Flask's contexts, or provide Flask's clients, themselves.
_FOR_FLASKS_TESTS = {
    "flask_testing": "Flask-Testing's cases are sync; use unittest.IsolatedAsyncioTestCase",
    "pytest_flask": "pytest-flask pushes contexts without awaiting them; uninstall it",
}
_IDLE = {
    "flask_socketio": "Flask-SocketIO serves by WSGI; use python-socketio's ASGIApp, or websockets",
    "flask_sockets": "Flask-Sockets serves by WSGI; use @app.websocket",
}
#: By package, an extension that works as it is, and one for `async` views with names of its own.
COUNTERPARTS = {
    "flask_babel": ("Flask-Babel", "quart-babel"),
    "flask_cors": ("Flask-CORS", "Quart-CORS"),
    "flask_limiter": ("Flask-Limiter", "Quart-Rate-Limiter"),
    "flask_login": ("Flask-Login", "Quart-Auth"),
    "flask_pydantic": ("Flask-Pydantic", "Quart-Schema"),
    "flask_smorest": ("Flask-Smorest", "Quart-Schema"),
    "flask_uploads": ("Flask-Reuploaded", "quart-uploads"),
    "flask_wtf": ("Flask-WTF", "quart-wtforms"),
}


def advise(project: Project) -> None:
    """Note where a project uses WSGI, threads and extensions, and what to use instead."""
    counterparts = dict(COUNTERPARTS)
    for module in project.modules.values():
        for name, full in sorted(module.imports.items()):
            package = full.partition(".")[0]
            if package in counterparts:
                theirs, ours = counterparts.pop(package)
                text = f"{theirs} works as it is; {ours} is there for async views"
                project.note(module, _import_of(module, name), "counterpart", text)
            for rule, table in (("tests", _FOR_FLASKS_TESTS), ("extension", _IDLE)):
                if package in table:
                    project.note(module, _import_of(module, name), rule, table[package])
        fixed = set(proxy_fixes(module))
        for node in _nodes(module.tree, fixed):
            _look_at(project, module, node)
    for site, module in project.environs:
        text = "request.environ is made when it is read; request.headers and .scope are cheaper"
        project.note(module, site, "wsgi", text)


def _look_at(project: Project, module: Module, node: cst.CSTNode) -> None:
    if isinstance(node, cst.Attribute) and node.attr.value == "wsgi_app":
        text = "wsgi_app is WSGI; wrap app.asgi_app with ASGI middleware, such as quart.middleware"
        project.note(module, node, "wsgi", text)
    elif isinstance(node, cst.Arg) and node.keyword and node.keyword.value in _ENVIRON_WORDS:
        text = f"{node.keyword.value} makes a WSGI environment; use headers or scope_base"
        project.note(module, node, "wsgi", text)
    elif isinstance(node, cst.Call):
        name = module.resolve(dotted(node.func))
        if name in {"threading.local", "_thread._local"}:
            text = "a request may use several threads; set ONE_THREAD_PER_REQUEST, or use g"
            project.note(module, node, "thread", text)
        elif name == "flask.copy_current_request_context" or name == "threading.Thread":
            text = "in a thread of your own, what async code awaits gives coroutines, not values"
            project.note(module, node, "thread", text)


def proxy_fixes(module: Module) -> Iterator[cst.Assign]:
    """Find `app.wsgi_app = ProxyFix(app.wsgi_app, ...)`; Quart's has the same arguments."""
    if PROXY_FIX not in module.imports.values():
        return
    for node in _nodes(module.tree, set()):
        if (
            isinstance(node, cst.Assign)
            and len(node.targets) == 1
            and isinstance(node.value, cst.Call)
            and dotted(node.targets[0].target).endswith(".wsgi_app")
            and module.resolve(dotted(node.value.func)) == PROXY_FIX
        ):
            yield node


def _nodes(node: cst.CSTNode, without: set[cst.Assign]) -> Iterator[cst.CSTNode]:
    if node in without:
        return
    yield node
    for child in node.children:
        yield from _nodes(child, without)


def _import_of(module: Module, name: str) -> cst.CSTNode | None:
    return next(
        (
            node
            for node in _nodes(module.tree, set())
            if isinstance(node, cst.ImportAlias)
            and (dotted(node.name) == name or (node.asname and dotted(node.asname.name) == name))
        ),
        None,
    )
