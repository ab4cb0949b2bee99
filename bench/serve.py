"""`quart serve` beside the same server's own command: requests per second, by wrk.

    python bench/serve.py [seconds]

Each server with two workers and one application, the two commands in turn, five rounds; the median
of ours over the server's own. The bar is 0.98. Wants Debian's `wrk`.
"""

import re
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

SECONDS = int(sys.argv[1]) if len(sys.argv) > 1 else 3
APP = """\
from quart import Quart
app = Quart(__name__)

@app.get("/")
async def index():
    return "hello"
"""
OWN = {
    "granian": "granian --interface asgi --http 1 --workers 2 --port {port} shop:app",
    "uvicorn": "uvicorn --workers 2 --no-access-log --port {port} shop:app",
    "hypercorn": "hypercorn --workers 2 --worker-class uvloop --bind 127.0.0.1:{port} shop:app",
}
OURS = "quart --app shop serve --server {name} --workers 2 --bind 127.0.0.1:{port}"


def measure(command: str, cwd: str) -> float:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    words = command.format(port=port, name="{name}").split()
    server = subprocess.Popen(
        [sys.executable, "-m", *words],
        cwd=cwd,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        for _ in range(200):
            try:
                socket.create_connection(("127.0.0.1", port)).close()
                break
            except OSError:
                time.sleep(0.1)
        time.sleep(1)  # until both workers are there
        wrk = ["wrk", "-t1", "-c32", f"-d{SECONDS}s", f"http://127.0.0.1:{port}/"]
        said = subprocess.run(wrk, capture_output=True, text=True, check=True).stdout
        assert "Non-2xx" not in said, said
        return float(re.search(r"Requests/sec:\s+([\d.]+)", said)[1])  # type: ignore[index]
    finally:
        server.terminate()
        server.wait(60)


def main() -> None:
    with tempfile.TemporaryDirectory() as directory:
        Path(directory, "shop.py").write_text(APP)
        for name, own in OWN.items():
            ratios = []
            for number in range(6):
                pair = [own, OURS.replace("{name}", name)]
                figures = [measure(each, directory) for each in (pair, pair[::-1])[number % 2]]
                first, second = figures if number % 2 == 0 else figures[::-1]
                ratios.append(second / first)
            print(f"{name:10} {statistics.median(ratios):.3f} of its own command", flush=True)


main()
