"""The answers of a moment given to the kernel by one call (io_uring): for whom, where it is allowed, and where it is not."""

from __future__ import annotations

import json
import os
import signal
import socket
import struct
import sys
from pathlib import Path
from typing import Any, Iterator

import pytest
import requests

from patience import wait_for
from raw_http import HELLO, Connection
from scrape import metrics, total

TOGETHER = "tipster_http_answers_together_total"
NONE_HERE = "no io_uring here"
LARGE = "/assets/swagger-ui-bundle.js"
# Runs what follows where the kernel answers EPERM to whoever wants a ring, as containers do.
FORBIDDEN = [sys.executable, "-c", """
import os, sys, seccomp
rules = seccomp.SyscallFilter(seccomp.ALLOW)
rules.add_rule(seccomp.ERRNO(1), "io_uring_setup")
rules.load()
os.execv(sys.argv[1], sys.argv[1:])
"""]


def get(path: str, request_id: str = "r") -> bytes:
    return f"GET {path} HTTP/1.1\r\nHost: a\r\nX-Request-Id: {request_id}\r\n\r\n".encode()


def ask_at_once(app: Any, connections: list[Connection], asked: list[bytes]) -> None:
    """The worker finds all of these requests in one round of its loop."""
    worker = app.workers()[0]
    os.kill(worker, signal.SIGSTOP)
    try:
        wait_for(lambda: Path(f"/proc/{worker}/stat").read_text().rsplit(")", 1)[1].split()[0] == "T", "the worker to stand still")
        for connection, request in zip(connections, asked):
            connection.send(request)
    finally:
        os.kill(worker, signal.SIGCONT)


@pytest.fixture
def serve(server_factory: Any) -> Iterator[Any]:
    """serve(env=None, before=[]): one worker, alone; the connections that serve.connect() makes end with the test."""
    opened: list[Connection] = []

    def start(env: dict[str, str] | None = None, before: list[str] | None = None) -> Any:
        app = server_factory({"WORKERS": "1", **(env or {})}, start=False)
        app.migrate()
        app.serve.argv = [*(before or []), *app.serve.argv]
        app.serve.start()
        return app

    def connect(app: Any, count: int) -> list[Connection]:
        made = [Connection(app.port) for _ in range(count)]
        opened.extend(made)
        for connection in made:
            connection.send(HELLO)
            assert connection.answer()[0] == 200
        return made

    start.connect = connect  # type: ignore[attr-defined]
    yield start
    for connection in opened:
        connection.socket.close()


def need_ring(app: Any) -> None:
    if NONE_HERE in app.serve.log.read_text():
        pytest.skip("this machine forbids io_uring")


def counted(app: Any) -> float:
    return total(metrics(app), TOGETHER)


def test_answers_of_a_moment_leave_by_one_call(serve: Any) -> None:
    app = serve()
    need_ring(app)
    connections = serve.connect(app, 20)
    before = counted(app)
    for round_number in range(10):  # a worker that is slow for a millisecond sends at once what it has
        names = [f"request-{round_number}-{number}" for number in range(20)]
        ask_at_once(app, connections, [get("/none", name) for name in names])
        for connection, name in zip(connections, names):
            status, _, body = connection.answer()
            assert status == 404 and json.loads(body)["request_id"] == name
    together = counted(app) - before
    print(f"{together:.0f} of 200 left with others")
    assert 2 <= together <= 200


def test_long_answers_to_slow_readers_and_clients_that_have_gone(serve: Any) -> None:
    """Among the answers of one moment: the beginnings of some that do not fit into their sockets, some whose client has left."""
    app = serve()
    need_ring(app)
    whole = requests.get(app.base_url + LARGE, timeout=10)
    assert whole.status_code == 200 and len(whole.content) > 500_000
    connections = serve.connect(app, 24)
    slow, gone = connections[0::4], connections[1::4]
    for connection in slow:
        connection.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
    asked = [get(LARGE) if connection in slow else HELLO for connection in connections]
    workers = app.workers()
    ask_at_once(app, connections, asked)
    for connection in gone:
        connection.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        connection.socket.close()
    for connection in connections:
        if connection not in slow and connection not in gone:
            assert connection.answer()[0] == 200
    for connection in slow:
        status, _, body = connection.answer()
        assert status == 200 and body == whole.content
    for connection in slow:  # and it goes on
        connection.send(HELLO)
        assert connection.answer()[0] == 200
    assert app.workers() == workers


@pytest.mark.parametrize("env,before,said", [({"IO_URING": "0"}, [], False), ({}, FORBIDDEN, True)], ids=["off", "forbidden"])
def test_without_a_ring_each_answer_leaves_by_itself(serve: Any, env: dict[str, str], before: list[str], said: bool) -> None:
    app = serve(env, before)
    connections = serve.connect(app, 20)
    ask_at_once(app, connections, [HELLO] * 20)
    for connection in connections:
        assert connection.answer()[0] == 200
    assert counted(app) == 0
    assert app.serve.log.read_text().count(f"{NONE_HERE} (Operation not permitted)") == said
