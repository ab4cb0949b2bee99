"""Who is measured, and the virtual environment of each under `.venvs/`, by Python."""

import hashlib
import subprocess
import sys
import venv
from dataclasses import dataclass
from pathlib import Path

BENCH = Path(__file__).parent
CHECKOUT = BENCH.parent
ENVIRONMENTS = BENCH / ".venvs" / ".".join(map(str, sys.version_info[:2]))
# In every environment: the other loop, and the servers of `sockets.py`.
SERVERS = ("uvloop", "uvicorn", "httptools", "websockets", "granian", "hypercorn")


@dataclass(frozen=True)
class Framework:
    """`name` is what the command line calls it, `apps` its file in `apps/`."""

    name: str
    title: str
    apps: str
    requirements: tuple[str, ...]
    distribution: str | None = None
    interface: str = "asgi"  # Or "wsgi".

    @property
    def python(self) -> Path:
        return ENVIRONMENTS / self.name / "bin" / "python"

    @property
    def version(self) -> str:
        return self.version_of(self.distribution) if self.distribution else ""

    def version_of(self, distribution: str) -> str:
        """Of a distribution in its environment."""
        code = "import importlib.metadata, sys; print(importlib.metadata.version(sys.argv[1]))"
        command = [str(self.python), "-c", code, distribution]
        return subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout.strip()

    def install(self, upgrade: bool = False) -> None:
        """Make the environment unless one that fits is there; `upgrade` makes it anew."""
        wanted = "\n".join((sys.version, *SERVERS, *self.requirements, self._checkout_digest()))
        stamp = ENVIRONMENTS / self.name / "bench-requirements.txt"
        if not upgrade and stamp.exists() and stamp.read_text() == wanted:
            return
        print(
            f"installing {self.title} into {ENVIRONMENTS / self.name}", file=sys.stderr, flush=True
        )
        venv.create(ENVIRONMENTS / self.name, clear=True, with_pip=True)
        install = [str(self.python), "-m", "pip", "--disable-pip-version-check", "install", "-qq"]
        subprocess.run([*install, *SERVERS, *self.requirements], check=True, timeout=600)
        stamp.write_text(wanted)

    def _checkout_digest(self) -> str:
        if self not in (OURS, PURE):
            return ""
        built_of = ("pyproject.toml", "setup.py", "src/quart/_speedups/compiled.pyx")
        return hashlib.sha256(b"".join((CHECKOUT / p).read_bytes() for p in built_of)).hexdigest()


RAW = Framework("raw", "raw ASGI", "raw", ())
# Editable: what is measured is always the checkout as it stands.
OURS = Framework("quart", "Quart (this checkout)", "quart", ("--editable", str(CHECKOUT)), "quart")
PURE = Framework("quart_pure", "Quart in Python", "quart_pure", OURS.requirements, "quart")

FRAMEWORKS = {
    framework.name: framework
    for framework in (
        RAW,
        OURS,
        PURE,
        Framework(
            "blacksheep",
            "BlackSheep",
            "blacksheep",
            ("blacksheep", "jinja2", "itsdangerous"),
            "blacksheep",
        ),
        Framework("falcon", "Falcon", "falcon", ("falcon", "jinja2"), "falcon"),
        Framework("starlette", "Starlette", "starlette", ("starlette[full]",), "starlette"),
        Framework("fastapi", "FastAPI", "fastapi", ("fastapi", "starlette[full]"), "fastapi"),
        Framework(
            "litestar", "Litestar", "litestar", ("litestar[jinja,cryptography]",), "litestar"
        ),
        Framework("sanic", "Sanic (ASGI)", "sanic", ("sanic[ext]", "jinja2", "pydantic"), "sanic"),
        Framework("emmett55", "Emmett55 (ASGI)", "emmett55", ("emmett55", "jinja2"), "emmett55"),
        Framework("quart022", "PyPI's Quart", "quart", ("quart==0.22.0",), "quart"),
        Framework("flask", "Flask (WSGI)", "flask", ("flask",), "flask", interface="wsgi"),
    )
}

# Only over sockets, on servers of their own: a file in `own/`.
OWN_SERVERS = tuple(
    Framework(name, title, name, requirements, name)
    for name, title, requirements in (
        ("robyn", "Robyn", ("robyn",)),
        ("aiohttp", "aiohttp", ("aiohttp[speedups]",)),
        ("sanic", "Sanic", FRAMEWORKS["sanic"].requirements),
    )
)
