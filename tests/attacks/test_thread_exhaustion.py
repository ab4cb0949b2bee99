"""Clients that hold worker threads do not keep others from being answered."""

import os
import subprocess
import sys
import time
from contextlib import ExitStack
from pathlib import Path

import pytest
from attackers import HTTP2, Raw, ask
from servers.processes import free_port, running
from targets import Target

#: Seconds in which a view answers, whoever else holds on, on however busy a machine. Where threads
#: are exhausted it answers never, or after ten.
ANSWER = 5
TRIES = 3
#: More than there are worker threads.
MANY = 45
#: Seconds until an attack is under way.
UNDER_WAY = 0.5


def answers(target: Target, path: str = "/sync") -> None:
    answers = [target.ask(path) for _ in range(TRIES)]
    assert {200} == {answer.status for answer in answers}
    assert ANSWER > min(answer.seconds for answer in answers)


def test_slow_readers_of_a_wsgi_application(target: Target) -> None:
    """The threads that wait for them are not counted."""
    with ExitStack() as stack:
        for _ in range(MANY):
            client = stack.enter_context(Raw(target.port, receive_buffer=4096))
            client.request("/wsgi/large")
        time.sleep(UNDER_WAY)
        answers(target)


def test_streams_of_a_wsgi_application_with_closed_windows(http2_target: Target) -> None:
    """For these one connection is enough."""
    with HTTP2(http2_target.port, window=0) as client:
        for _ in range(MANY):
            client.request("/wsgi/large")
        time.sleep(UNDER_WAY)
        answers(http2_target)


def test_streams_of_a_wsgi_application_that_vanish(http2_target: Target) -> None:
    """The disconnect ends the sends that wait for windows to open, and the threads behind them."""
    for _ in range(10):
        client = HTTP2(http2_target.port, window=0)
        for _ in range(50):
            client.request("/wsgi/large")
        client.cut()
    http2_target.settle(2)


def test_slow_generators(target: Target) -> None:
    """As many as there are worker threads, each of whose items takes some time."""
    with ExitStack() as stack:
        for _ in range(40):
            stack.enter_context(Raw(target.port)).request("/generator/0.04")
        time.sleep(0.2)
        # Their responses are cut off after 3 seconds, so the first try has to do.
        assert 2 > target.ask("/sync").seconds
        answers(target)


# Sends 24 documents of 4 MB, whose arrays the parser in C cannot take in one go, at once. It is a
# process of its own: a client that sends and times in one process measures itself.
POSTS = """
import sys
from threading import Thread
from attackers import Raw

document = b"[" + b",".join([b'{"a":[[1,[2,[3]]],{"b":[4]}]}'] * 140_000) + b"]"

def post():
    with Raw(int(sys.argv[1])) as client:
        client.request("/json", "POST", [("Content-Type", "application/json")], document)
        client.answer()

threads = [Thread(target=post) for _ in range(24)]
for thread in threads:
    thread.start()
print("begun", flush=True)
"""


def test_files_do_not_wait_behind_long_documents(target: Target) -> None:
    """Neither while these arrive nor while they are parsed."""
    with subprocess.Popen(
        [sys.executable, "-c", POSTS, str(target.port)],
        cwd=Path(__file__).parent,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    ) as posts:
        try:
            assert posts.stdout is not None
            assert b"begun\n" == posts.stdout.readline()
            answers(target, "/file")
            assert posts.poll() is None  # the documents are not all parsed yet
        finally:
            posts.kill()
    target.settle(15)


HANGS = """
import os
from quart import Quart, request

app = Quart(__name__)
app.config["SHUTDOWN_TIMEOUT"] = 0.3

@app.post("/")
async def save():
    await (await request.files)["file"].save("pipe")  # which nobody reads
    return ""

@app.get("/")
async def index():
    return "hello"

if __name__ == "__main__":
    app.run(port=int(os.environ["PORT"]), use_reloader=False)
"""


def test_a_file_thread_that_hangs_does_not_keep_the_process_from_ending(tmp_path: Path) -> None:
    (tmp_path / "hangs.py").write_text(HANGS)
    os.mkfifo(tmp_path / "pipe")
    port = free_port()
    with (
        pytest.MonkeyPatch.context() as patch,
        ExitStack() as stack,
    ):
        patch.setenv("PORT", str(port))
        process = stack.enter_context(running(port, "hangs.py", cwd=tmp_path))
        form = [("Content-Type", "multipart/form-data; boundary=b")]
        part = b'--b\r\nContent-Disposition: form-data; name="file"; filename="f"\r\n\r\n'
        client = stack.enter_context(Raw(port))
        client.request("/", "POST", form, part + b"x" * 1000 + b"\r\n--b--\r\n")
        time.sleep(UNDER_WAY)
        assert b"hello" == ask(port, "/").body

        assert 5 > process.interrupt()
