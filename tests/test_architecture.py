"""The shape of the package: imports run downhill, the line is short, the face is a list."""

from __future__ import annotations

import ast
import gc
import re
import runpy
import subprocess
import sys
from collections.abc import Container, Iterator
from pathlib import Path

import pytest

import quart
from quart import Quart
from quart.generations import STAGES

PACKAGE = Path(quart.__file__).parent
ROOT = Path(__file__).resolve().parent.parent

# From the ground up. A room imports from the floors below its own; to move one, move its name.
FLOORS = [
    {"_speedups", "globals", "one_thread", "process", "signals"},
    {"environ", "forgotten", "headers", "reloader", "threads"},
    {"config", "datastructures", "hosts", "matching"},
    {"flask_names", "typing"},
    {"workers"},
    {"command_context", "outside_loop", "under_patch"},
    {"utils"},
    {"formparser", "json"},
    {"wrappers"},
    {
        "broadcast",
        "kinds",
        "logging",
        "routing",
        "sessions",
        "sse",
        "sync_templates",
        "views",
        "files",
        "unawaited",
    },
    {"frontend", "helpers"},
    {"ctx", "registration"},
    {"generations", "templating"},
    {"debug"},
    {"asgi", "dispatch"},
    {"middleware", "migration", "server", "wsgi"},
    {"from_flask", "mounting", "serving"},
    {"cli"},
    {"blueprints", "new", "serve", "testing"},
    {"app"},
    {"__init__", "__main__", "broken"},
]
FLOOR_OF = {room: number for number, floor in enumerate(FLOORS) for room in floor}


def modules() -> list[Path]:
    return sorted(PACKAGE.rglob("*.py"))


def room_of(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def runtime_imports(path: Path) -> set[str]:
    """The rooms a module imports from when it is imported: not those for types only."""
    tree = ast.parse(path.read_text())
    package = ["quart", *path.relative_to(PACKAGE).parts[:-1]]
    rooms = set()

    def visit(node: ast.AST) -> None:
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            for child in node.orelse:
                visit(child)
            return
        if isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            dotted = [*base, *(node.module.split(".") if node.module else [])]
            names = [[*dotted, alias.name] for alias in node.names]
        elif isinstance(node, ast.Import):
            names = [alias.name.split(".") for alias in node.names]
        else:
            for child in ast.iter_child_nodes(node):
                visit(child)
            return
        for name in names:
            if name[0] == "quart" and len(name) > 1:
                rooms.add(name[1])

    visit(tree)
    return rooms - {room_of(path)}


def test_every_room_is_on_a_floor() -> None:
    """A new file is given its place in the list above."""

    assert set(FLOOR_OF) == {room_of(path) for path in modules()}


def test_imports_run_downhill() -> None:
    """No room imports from its own floor or from one above, functions' imports included."""
    uphill = [
        f"{room_of(path)} -> {room}"
        for path in modules()
        for room in runtime_imports(path)
        if FLOOR_OF.get(room, -1) >= FLOOR_OF[room_of(path)]
    ]

    assert [] == uphill


def test_the_page_shows_these_floors() -> None:
    """ARCHITECTURE.md lists the same rooms on the same floors, from the top down."""
    page = (ROOT / "ARCHITECTURE.md").read_text().partition("## The floors")[2]
    lines = re.findall(r"^    (\S.*)$", page, re.MULTILINE)
    shown = [re.split(r"\(| {3,}", line)[0].split() for line in lines]

    assert [sorted(floor) for floor in reversed(FLOORS)] == [sorted(rooms) for rooms in shown]


def rooms_of_asgi() -> dict[str, ast.Module]:
    return {path.stem: ast.parse(path.read_text()) for path in (PACKAGE / "asgi").glob("*.py")}


def called(tree: ast.AST) -> set[str]:
    """The names of what is called in a module, without what stands before the last dot."""
    calls = [node.func for node in ast.walk(tree) if isinstance(node, ast.Call)]
    return {getattr(func, "attr", getattr(func, "id", "")) for func in calls}


def test_asgi_knows_no_contexts_and_answers_no_errors() -> None:
    """As the package says of itself: contexts and the stages for errors are `dispatch.py`'s."""
    contexts = {"request_context", "websocket_context", "app_context", "entered"}
    stages = {"handle_user_exception", "handle_http_exception", "handle_exception"}
    stages |= {"finalize_request", "finalize_websocket", "handle_websocket_exception"}

    assert {name: set() for name in rooms_of_asgi()} == {
        name: called(tree) & (contexts | stages) for name, tree in rooms_of_asgi().items()
    }


def test_receive_is_called_in_one_place() -> None:
    """By `Client`; by a websocket where it repeats it; by the lifespan, which has no handler."""
    names = {"receive", "_receive"}
    calling = {name for name, tree in rooms_of_asgi().items() if names & called(tree)}

    assert {"client", "lifespan", "websocket"} == calling


def test_a_handler_is_cancelled_in_one_place() -> None:
    """By `Work`, or by its `Limit`. The client does not know of either's `cancel`."""
    sources = {path.stem: path.read_text() for path in (PACKAGE / "asgi").glob("*.py")}
    cancelling = {name for name, source in sources.items() if re.search(r"_task\.cancel\(", source)}

    assert {"work"} == cancelling


def state_of(cls: ast.ClassDef) -> dict[str, str]:
    """What the methods of a class set on the instance, and the annotation or value."""
    state = {}
    for node in ast.walk(cls):
        if isinstance(node, (ast.Assign, ast.AnnAssign)):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            for target in targets:
                own = (
                    isinstance(target, ast.Attribute) and getattr(target.value, "id", "") == "self"
                )
                if own or (isinstance(target, ast.Name) and node in cls.body):
                    value = getattr(node, "annotation", None) or node.value
                    state[getattr(target, "attr", getattr(target, "id", ""))] = ast.unparse(value)
    return {name: value for name, value in state.items() if name not in ("__slots__", "value")}


def test_connections_have_little_state() -> None:
    """No class has more than nine of them, and all together have two bare booleans.

    What a connection serves, and for whom, is not counted.
    """
    classes = {
        node.name: state_of(node)
        for tree in rooms_of_asgi().values()
        for node in tree.body
        if isinstance(node, ast.ClassDef) and not any("Enum" in ast.unparse(b) for b in node.bases)
    }
    for name in ("ASGIHTTPConnection", "ASGIWebsocketConnection"):
        classes[name] = classes["ASGIConnection"] | classes[name]
    fixed = {"app", "scope", "connection"}
    counted = {name: set(state) - fixed for name, state in classes.items()}
    booleans = [
        f"{cls}.{name}"
        for cls, state in classes.items()
        for name, value in state.items()
        if value in ("bool", "True", "False")
    ]

    assert {} == {name: state for name, state in counted.items() if len(state) > 9}
    assert 2 >= len(booleans), booleans


def test_the_page_on_connections_shows_the_tables() -> None:
    """Its diagrams are those that the script writes: `python docs/connection_states.py`."""
    script = runpy.run_path(str(ROOT / "docs/connection_states.py"))
    page = script["PAGE"].read_text()

    assert script["written"](page) == page


def test_every_assertion_can_fail() -> None:
    """`assert a if b else c == d` asserts nothing of `a` but that it is not empty."""
    chosen = [
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for path in sorted((ROOT / "tests").rglob("*.py"))
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Assert) and not _can_fail(node.test)
    ]

    assert [] == chosen


def _can_fail(test: ast.expr) -> bool:
    if isinstance(test, ast.IfExp):
        return all(isinstance(each, ast.Compare | ast.Call) for each in (test.body, test.orelse))
    if isinstance(test, ast.BoolOp) and isinstance(test.op, ast.Or):
        return all(_can_fail(each) for each in test.values)
    return not isinstance(test, ast.Tuple | ast.List | ast.Dict | ast.Constant | ast.JoinedStr)


def test_all_names_the_public_face() -> None:
    """`quart.__all__` is sorted, complete and every name in it is there."""
    public = {
        name
        for name, value in vars(quart).items()
        if not name.startswith("_") and type(value) is not type(quart)
    }

    assert sorted(quart.__all__) == list(quart.__all__)
    assert public == set(quart.__all__)


def uses_of_proxies(path: Path) -> list[str]:
    """Where a module looks into a proxy: takes an attribute or an item of it, or calls it."""
    tree = ast.parse(path.read_text())
    proxies = {
        alias.asname or alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.level and node.module == "globals"
        for alias in node.names
        if not alias.name.startswith("_")
    }
    # A parameter or variable of that name is another thing.
    own = {node.arg for node in ast.walk(tree) if isinstance(node, ast.arg)} | {
        node.id
        for node in ast.walk(tree)
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
    }
    return [
        f"{path.name}:{node.lineno}"
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute | ast.Subscript)
        and isinstance(node.value, ast.Name)
        and node.value.id in proxies - own
    ]


def test_the_package_reads_no_proxy() -> None:
    """They are for user code: what the package needs it takes from the context."""
    assert [] == [use for path in modules() for use in uses_of_proxies(path)]


def test_who_knows_a_server() -> None:
    """server.py runs Hypercorn, serve.py hands over to it; nothing else imports it."""
    knowing = [
        path.name
        for path in modules()
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Import | ast.ImportFrom)
        and any(
            name.split(".")[0] == "hypercorn"
            for name in (
                [node.module or ""]
                if isinstance(node, ast.ImportFrom) and not node.level
                else [alias.name for alias in node.names if isinstance(node, ast.Import)]
            )
        )
    ]
    assert {"serve.py", "server.py"} == set(knowing)


@pytest.mark.skipif("config.getoption('--long-way')", reason="Werkzeug's matcher is a long way")
async def test_a_get_is_a_short_straight_line(monkeypatch: pytest.MonkeyPatch) -> None:
    """One GET returning JSON: at most 24 own frames, 12 visits to files, 2 messages."""
    app = Quart(__name__)

    @app.get("/hello/<name>")
    async def hello(name: str) -> dict[str, str]:
        return {"hello": name}

    messages: list[dict] = []
    scope = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": "GET",
        "scheme": "http",
        "path": "/hello/bob",
        "raw_path": b"/hello/bob",
        "query_string": b"",
        "root_path": "",
        "headers": [(b"host", b"localhost"), (b"accept", b"*/*")],
        "client": ("127.0.0.1", 50000),
        "server": ("127.0.0.1", 5000),
    }

    async def receive() -> dict:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: dict) -> None:
        messages.append(message)

    # Of tests for Flask's names, which are found by a step more, there may be some beside this one.
    monkeypatch.setattr(quart.flask_names, "are_imported", lambda: False)
    await app(dict(scope), receive, send)  # what is done once is done
    messages.clear()
    gc.collect()  # what other tests have left may run code of the package when it is collected
    calls: list[tuple[str, str]] = []
    seen: set[int] = set()

    def profile(frame, event, arg) -> None:
        path = frame.f_code.co_filename
        # A coroutine's frame is entered again after each wait; it is one frame.
        if event == "call" and path.startswith(str(PACKAGE)) and id(frame) not in seen:
            seen.add(id(frame))
            frames.append(frame)
            calls.append((Path(path).name, frame.f_code.co_qualname))

    frames: list[object] = []
    sys.setprofile(profile)
    try:
        await app(scope, receive, send)
    finally:
        sys.setprofile(None)
    files = [name for name, _ in calls]
    visits = sum(1 for i, name in enumerate(files) if i == 0 or files[i - 1] != name)

    assert ["http.response.start", "http.response.body"] == [m["type"] for m in messages]
    assert b'{"hello":"bob"}\n' == messages[1]["body"]
    assert len(calls) <= 24, calls
    assert visits <= 12, calls


PLAIN_REQUEST = """
import asyncio, sys
import flask
of_flask = {*sys.modules}  # an old Werkzeug needs urllib.request
from quart import Blueprint, Quart

app = Quart("plain", root_path=".")
app.register_blueprint(Blueprint("part", "plain", root_path="."))
app.add_url_rule("/", view_func=lambda: "hello")
scope = {
    "type": "http", "http_version": "1.1", "method": "GET", "scheme": "http",
    "path": "/", "query_string": b"", "headers": [],
}

async def receive():
    return {"type": "http.request"}

async def send(message):
    assert 200 == message.get("status", 200)

asyncio.run(app(scope, receive, send))
print(*{*sys.modules} - of_flask)
"""


def test_what_a_plain_request_does_not_need_is_not_imported() -> None:
    """The test client, the debug page, files and the server come when they are asked for."""
    python = subprocess.run(
        [sys.executable, "-c", PLAIN_REQUEST], capture_output=True, text=True, check=True
    )
    imported = set(python.stdout.split())

    assert "quart.app" in imported
    assert set() == imported & {
        "aiofiles",
        "click.testing",
        "http.cookiejar",
        "hypercorn",
        "libcst",
        "pdb",
        "quart.debug",
        "quart.migration",
        "quart.server",
        "quart.testing",
        "urllib.request",
    }


def test_rooms_imported_late_are_there_when_asked_for() -> None:
    """`import quart` is enough to use the names of `quart.testing`, as it was in Quart 0.22."""
    code = "import quart; print(quart.testing.QuartClient.__name__, quart.Quart.test_app_class)"
    python = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )

    assert "QuartClient <class 'quart.testing.app.TestApp'>\n" == python.stdout


# What their type cannot say: a JSON document, what a rule took from the path, an ASGI scope.
OPEN = {"get_json", "json", "json_module", "receive_json", "scope", "view_args"}


def says_any(annotation: ast.expr | None) -> bool:
    return annotation is not None and bool(re.search(r"\bAny\b", ast.unparse(annotation)))


def open_signatures(path: Path, only: Container[str] | None = None) -> set[str]:
    """The functions whose arguments or result may be `Any`, but for those that have to be."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            continue
        if only is not None and node.name not in only:
            continue
        arguments = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
        arguments += [each for each in (node.args.vararg, node.args.kwarg) if each]
        said = [each.annotation for each in arguments if each.arg not in OPEN]
        if node.name not in OPEN and any(map(says_any, [*said, node.returns])):
            found.add(f"{path.name}: {node.name}")
    return found


def test_signatures_say_what_they_take_and_give() -> None:
    """No `Any` in those of stages, of `asgi`, of contexts and of what user code holds."""
    rooms = [
        PACKAGE / "ctx.py",
        *(PACKAGE / "asgi").glob("*.py"),
        *(PACKAGE / "wrappers").glob("*"),
    ]
    found = set().union(*(open_signatures(path) for path in rooms if path.suffix == ".py"))
    for name in ("dispatch", "serving", "app"):
        found |= open_signatures(PACKAGE / f"{name}.py", STAGES | {"handle_request"})

    assert set() == found


def test_any_is_said_seldom() -> None:
    """Only if a library, or a document of JSON, says no more either."""
    said = sum(len(re.findall(r"\bAny\b", path.read_text())) for path in modules())

    assert said <= 350


def test_files_are_short() -> None:
    """600 lines at most, but for the line and the command."""
    lengths = {path.relative_to(PACKAGE).as_posix(): path for path in modules()}
    long = {name for name, path in lengths.items() if len(path.read_text().splitlines()) > 600}

    assert long <= {"dispatch.py", "cli.py"}


def undocumented(body: list[ast.stmt], prefix: str = "") -> Iterator[str]:
    for node in body:
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            if node.name[0] != "_" and not ast.get_docstring(node):
                yield prefix + node.name
            if isinstance(node, ast.ClassDef) and node.name[0] != "_":
                yield from undocumented(node.body, f"{prefix}{node.name}.")


def test_public_names_of_the_migration_have_docstrings() -> None:
    """Nobody calls them but `quart migrate`, so the manual does not list them."""
    modules = sorted((PACKAGE / "migration").glob("*.py"))
    missing = {path.name: [*undocumented(ast.parse(path.read_text()).body)] for path in modules}

    assert {path.name: [] for path in modules} == missing
