"""What a worker of serve may do: its user, its root, no capabilities, its system calls, its limits; and a worker that dies at once, always."""

from __future__ import annotations

import os
import pwd
import re
import select
import socket
import subprocess
import time
from pathlib import Path

import pytest
import requests

from fixtures import BUILD, DB_KIND, SANITIZER_REPORT
from patience import wait_for
from raw_http import HELLO
from records import coupon
from stack import TOP

HERE = Path(__file__).resolve().parent


def status_of(pid: int) -> dict[str, str]:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}


def limits_of(pid: int) -> dict[str, str]:
    return {line[:26].strip(): line[26:].split()[0] for line in Path(f"/proc/{pid}/limits").read_text().splitlines()[1:]}


def works(app, count: int = 50) -> None:
    """Writes, and reads of the database."""
    names = [f"c{time.monotonic_ns()}-{number}" for number in range(count)]
    for name in names:
        assert requests.post(f"{app.base_url}/v1/coupons", json=coupon(name, f"u-{name}"), timeout=10).status_code == 202
    app.wait_caught_up()
    for name in names:
        assert requests.get(f"{app.base_url}/v1/recommendations/u-{name}", timeout=10).status_code == 200


def preload(tmp_path: Path, what: str) -> dict[str, str]:
    library = tmp_path / "worker_dies.so"
    subprocess.run(["/usr/bin/gcc", "-D_GNU_SOURCE", "-shared", "-fPIC", "-o", library, HERE / "worker_dies.c"], check=True)
    return {"LD_PRELOAD": str(library), "TIPSTER_TEST_WORKER": what}


def test_a_worker_s_limits_and_sandbox(server_factory) -> None:
    app = server_factory({"CONNECTIONS_MAX": "100"})
    works(app, 5)
    for pid in app.workers():
        status = status_of(pid)
        assert status["Seccomp"] == "2" and status["NoNewPrivs"] == "1"
        assert int(limits_of(pid)["Max open files"]) < 100 + 1024 + 256


def test_connections_beyond_the_limit_wait(server_factory) -> None:
    """A worker takes no more than CONNECTIONS_MAX; the others are taken, and answered, when there is room."""
    app = server_factory({"CONNECTIONS_MAX": "16", "WORKERS": "1"})
    held = [socket.create_connection(("127.0.0.1", app.port), timeout=5) for _ in range(40)]
    for connection in held:
        connection.sendall(HELLO)

    def answered() -> list[socket.socket]:
        return select.select(held, [], [], 0)[0]

    waves = []
    try:
        while held:
            wait_for(lambda: len(answered()) >= min(16, len(held)), "answers to as many as there is room for")
            time.sleep(0.3)  # for one too many
            waves.append(len(answered()))
            for connection in answered():
                held.remove(connection)
                connection.close()
    finally:
        for connection in held:
            connection.close()
    assert waves == [16, 16, 8]


@pytest.mark.skipif(os.getuid() != 0, reason="changing user and root needs root")
@pytest.mark.skipif(DB_KIND == "mysql", reason="the client loads MySQL's way to log in from a file that the new root lacks")
def test_another_user_another_root_no_capabilities(server_factory, tmp_path: Path) -> None:
    root = tmp_path / "root"
    root.mkdir(mode=0o755)
    os.chmod(tmp_path, 0o755)
    app = server_factory({"SERVE_USER": "nobody", "SERVE_ROOT": str(root), "VIEW_DIR": ""})
    works(app)
    nobody = str(pwd.getpwnam("nobody").pw_uid)
    workers = app.workers()
    for pid in workers:
        status = status_of(pid)
        assert status["Uid"].split() == [nobody] * 4 and status["Gid"].split()[0] != "0"
        for kind in ("CapEff", "CapPrm", "CapInh", "CapAmb"):
            assert int(status[kind], 16) == 0, kind
        assert status["NoNewPrivs"] == "1" and status["Seccomp"] == "2"
        assert os.readlink(f"/proc/{pid}/root") == str(root)
    assert app.workers() == workers


@pytest.mark.skipif("asan" in BUILD.name, reason="the sanitizers' run-time may call what it wants")
@pytest.mark.parametrize("call", ["call", "ring"])
def test_a_forbidden_call_ends_the_whole_worker(server_factory, tmp_path: Path, call: str) -> None:
    """Not the thread that makes it alone: a worker without its broker's thread would answer 503 for ever."""
    app = server_factory({"WORKERS": "1", **preload(tmp_path, call)}, start=False)
    app.migrate()
    app.serve.start()
    first = app.workers()[0]
    wait_for(lambda: first not in app.workers(), "the worker's end")
    wait_for(lambda: len(app.workers()) == 1, "its successor")
    assert app.serve.running()


@pytest.mark.timing
def test_a_worker_that_dies_at_once_always(server_factory, tmp_path: Path) -> None:
    app = server_factory(preload(tmp_path, "abort"), start=False)
    app.migrate()
    app.serve.ready = None
    app.serve.start()
    wait_for(lambda: not app.serve.running(), "the server giving up", 60)
    said = app.serve.log.read_text()
    assert app.serve.child.returncode == 1
    assert re.search(r"worker \d died \d+ times right after its start: giving up", said), said[-2000:]
    assert said.count("\n") < 400 and not SANITIZER_REPORT.search(said)


def test_ingest_says_what_is_wrong_and_ends(server_factory) -> None:
    """A setting that can never work ends it; a server that may come is waited for."""
    app = server_factory(start=False)
    app.migrate()
    for setting, value, status, words in (("INGEST_DATABASE_URL", "postgres://x", 2, "INGEST_DATABASE_URL is not a mysql:// address"),
                                          ("KAFKA_PARTITIONS", "3", 1, "KAFKA_PARTITIONS")):
        done = subprocess.run([app.binary, "ingest"], env={**app.env, setting: value}, cwd=TOP, capture_output=True, text=True,
                              timeout=30, check=False)
        assert done.returncode == status and words in done.stdout + done.stderr
