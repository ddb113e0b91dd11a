"""tipster-server as an HTTP server, without Kafka and database: heads, bodies, methods, errors, processes."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import time
from pathlib import Path
from typing import Iterator

import pytest

from patience import wait_for

TOP = Path(__file__).resolve().parent.parent.parent
BUILD = Path(os.environ.get("TIPSTER_BUILD", TOP / "build"))
BINARY = next((path for path in (BUILD / "tipster-server", BUILD / "src/http/tipster-server") if path.exists()), BUILD)
USER = {"user_id": "u-1", "birth_year": 1990, "country": "UK", "currency": "GBP", "gender": "f",
        "registration_date": "2024-01-01"}
HELLO = b"GET /hello HTTP/1.1\r\nHost: a\r\n\r\n"


def free_ports(count: int) -> list[int]:
    probes = [socket.socket() for _ in range(count)]
    for probe in probes:
        probe.bind(("127.0.0.1", 0))
    ports = [probe.getsockname()[1] for probe in probes]
    for probe in probes:
        probe.close()
    return ports


class Answer:
    """One answer, taken apart; closed: the server closed the connection after it."""

    def __init__(self, data: bytes, closed: bool) -> None:
        head, _, self.body = data.partition(b"\r\n\r\n")
        lines = head.decode().split("\r\n")
        match = re.match(r"HTTP/1\.[01] (\d+)", lines[0])
        self.status = int(match[1]) if match else None
        self.headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines[1:])}
        self.closed = closed

    def json(self) -> dict:
        return json.loads(self.body)


class Server:
    def __init__(self, folder: Path, **settings: str) -> None:
        self.port, self.ops_port, kafka_port, database_port = free_ports(4)
        self.log = folder / "serve.log"
        env = {"PATH": os.environ["PATH"], "ANONYMOUS_COMPANY": "demo", "PORT": str(self.port),
               "OPS_BIND": f"127.0.0.1:{self.ops_port}", "KAFKA_BOOTSTRAP_SERVERS": f"127.0.0.1:{kafka_port}",
               "DATABASE_URL": f"mysql://nobody:x@127.0.0.1:{database_port}/none", "REQUEST_DEADLINE_MS": "1000", **settings}
        self.env = env
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen([BINARY], env=env, cwd=folder, stdout=log, stderr=log)
        self.wait_ready()

    def wait_ready(self) -> None:
        end = time.monotonic() + 60
        while True:
            try:
                if self.ask(HELLO).status == 200:
                    return
            except OSError:
                pass
            assert self.process.poll() is None and time.monotonic() < end, self.log.read_text()
            time.sleep(0.05)

    def ask(self, *parts: bytes, ops: bool = False, quiet_s: float = 0.25) -> Answer:
        """Sends the parts a moment apart; the answer is complete when the server falls silent or closes."""
        with socket.create_connection(("127.0.0.1", self.ops_port if ops else self.port), 5) as connection:
            for number, part in enumerate(parts):
                if number > 0:
                    time.sleep(0.1)
                connection.sendall(part)
            data = b""
            connection.settimeout(5)
            while True:
                try:
                    piece = connection.recv(65536)
                except socket.timeout:
                    return Answer(data, False)
                if not piece:
                    return Answer(data, True)
                data += piece
                connection.settimeout(5 if b"connection: close" in data.partition(b"\r\n\r\n")[0].lower() else quiet_s)

    def workers(self) -> list[int]:
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text()
        return [int(pid) for pid in children.split()]

    def metrics(self) -> dict[str, float]:
        text = self.ask(b"GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n", ops=True).body.decode()
        rows = (line.rpartition(" ") for line in text.splitlines() if line and not line.startswith("#"))
        return {name: float(value) for name, _, value in rows}

    def total(self, name: str) -> float:
        """Of all workers."""
        return sum(value for sample, value in self.metrics().items() if sample.startswith(name))

    def wait_in_flight(self, count: int) -> None:
        """Returns once so many requests are being worked on, beside the one that asks."""
        wait_for(lambda: self.total("tipster_http_requests_in_flight") == count + 1, f"{count} requests in flight", 20)

    def stop(self) -> int:
        if self.process.poll() is None:
            self.process.terminate()
        try:
            return self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    running = Server(tmp_path_factory.mktemp("serve"))
    yield running
    assert running.stop() == 0


def request(method: str, path: str, *headers: str, body: bytes | None = None, length: bool = True) -> bytes:
    lines = [f"{method} {path} HTTP/1.1", "Host: a", *headers]
    if body is not None and length:
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join([*lines, "", ""]).encode() + (body or b"")


def post(path: str, record: object, *headers: str) -> bytes:
    return request("POST", path, "Content-Type: application/json", *headers, body=json.dumps(record).encode())


def test_hello(server: Server) -> None:
    answer = server.ask(HELLO)
    assert (answer.status, answer.body) == (200, b"Hello World")
    assert answer.headers["content-type"].startswith("text/plain")
    assert answer.headers["cache-control"] == "no-store"
    assert re.fullmatch(r"[A-Z][a-z]{2}, \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d GMT", answer.headers["date"])
    assert "kore" not in answer.headers["server"].lower()


def test_head_is_get_without_a_body(server: Server) -> None:
    answer = server.ask(request("HEAD", "/hello"))
    assert (answer.status, answer.body, answer.headers["content-length"]) == (200, b"", "11")


@pytest.mark.parametrize("given,echoed", [("abc-1.2_3", True), ("x" * 64, True), ("x" * 65, False), ("a b", False), ("", False)])
def test_request_id(server: Server, given: str, echoed: bool) -> None:
    answer = server.ask(request("GET", "/hello", f"X-Request-Id: {given}"))
    assert answer.status == 200
    assert (answer.headers["x-request-id"] == given) == echoed
    if not echoed:
        assert re.fullmatch("[0-9a-f]{32}", answer.headers["x-request-id"])


def test_request_ids_differ(server: Server) -> None:
    assert len({server.ask(HELLO).headers["x-request-id"] for _ in range(5)}) == 5


@pytest.mark.parametrize("data,status,closed", [
    (request("GET", "/nowhere"), 404, False),
    (request("GET", "/hello/"), 404, False),
    (request("GET", "/v1/users/%zz"), 400, False),
    (request("PUT", "/v1/users/%zz", body=b"{}"), 400, False),
    (request("PATCH", "/v1/coupons", body=b"{}"), 405, False),
    (request("DELETE", "/v1/coupons"), 405, False),
    (request("OPTIONS", "/v1/coupons"), 405, False),
    (request("POST", "/v1/users", "Content-Type: application/json"), 411, True),
    (request("POST", "/v1/users", "Content-Type: application/json", "Transfer-Encoding: chunked"), 411, True),
    (request("POST", "/v1/users", "Transfer-Encoding: chunked", body=b"{}"), 400, True),
    (request("POST", "/v1/users", "Content-Length: 2", body=b"{}"), 400, True),
    (request("POST", "/v1/users", "Content-Length: +2", body=b"{}", length=False), 400, True),
    (request("POST", "/v1/users", "Content-Length: 2", body=b"{}!", length=False), 400, True),
    (HELLO + HELLO, 400, True),
    (request("GET", "/hello", body=b"hello"), 400, True),
    (request("DELETE", "/v1/events/e", body=b"{}"), 400, True),
    (request("GET", "/healthz", "Host: b"), 400, True),
    (b"GET /hello HTTP/1.1\r\n\r\n", 400, True),
    (b"GET /hello HTTP/1.1\r\nHost: a\r\nX: a\0b\r\n\r\n", 400, True),
    (b"GET /hello HTTP/3.0\r\nHost: a\r\n\r\n", 505, True),
    (request("GET", "/" + "a" * 7000), 414, True),
    (request("GET", "/hello", *[f"X-{n}: 1" for n in range(80)]), 431, True),
    (request("GET", "/hello", "X: " + "a" * 10000), 431, True),
    (request("POST", "/v1/users", "Content-Type: application/json", "Content-Length: 1048577"), 413, True),
    (request("POST", "/v1/users", "Content-Type: text/plain", body=b"{}"), 415, False),
    (request("POST", "/v1/users", body=b"{}"), 415, False),
    (request("POST", "/v1/users", "Content-Type: application/json", "Content-Encoding: gzip", body=b"{}"), 415, False),
    (request("PUT", "/v1/users/a", "Content-Type: application/x-ndjson", body=b"{}"), 415, False),
    (request("POST", "/v1/users", "Content-Type: application/json", body=b""), 400, False),
    (request("POST", "/v1/users", "Content-Type: application/json; charset=utf-8", body=b"nope"), 400, False),
    (request("PUT", "/v1/users/" + "a" * 65, "Content-Type: application/json", body=b"{}"), 422, False),
    (request("DELETE", "/v1/events/a%0Ab"), 422, False),
    (request("DELETE", "/v1/events/a?version=-1"), 400, False),
    (request("DELETE", "/v1/events/a?version=%"), 400, False),
    (request("POST", "/v1/users", "Content-Type: application/x-ndjson", body=b"{}\n" * 1001), 413, False),
])
def test_bad_requests(server: Server, data: bytes, status: int, closed: bool) -> None:
    answer = server.ask(data)
    assert (answer.status, answer.closed) == (status, closed), answer.body
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert problem["status"] == status and problem["title"] and problem["detail"] and problem["code"]
    assert problem["request_id"] == answer.headers["x-request-id"]
    if status == 405:
        assert answer.headers["allow"] == "POST"


def test_a_body_in_the_next_segment_is_not_a_request(server: Server) -> None:
    answer = server.ask(request("GET", "/hello", f"Content-Length: {len(HELLO)}"), HELLO)
    assert (answer.status, answer.closed) == (400, True)
    assert b"Hello World" not in answer.body


def test_the_answer_reaches_a_client_that_sends_too_much(server: Server) -> None:
    for _ in range(3):
        answer = server.ask(request("POST", "/v1/users", "Content-Type: application/json", body=b"x" * 4_000_000))
        assert (answer.status, answer.closed) == (413, True)


@pytest.mark.parametrize("data", [
    post("/register_user", {**USER, "birth_year": "old"}),
    request("POST", "/register_user", "Content-Type: application/json", body=b"nope"),
    request("POST", "/register_user", "Content-Type: text/plain", body=b"{}"),
], ids=["rule", "syntax", "media type"])
def test_older_routes_say_400_and_error(server: Server, data: bytes) -> None:
    answer = server.ask(data)
    assert answer.status == 400
    assert list(answer.json()) == ["error"] and answer.headers["content-type"] == "application/json"


def test_all_violations_of_all_lines(server: Server) -> None:
    lines = [json.dumps(USER), "nope", json.dumps({**USER, "birth_year": 1, "extra": 2})]
    answer = server.ask(request("POST", "/v1/users", "Content-Type: application/x-ndjson", body="\n".join(lines).encode()))
    assert answer.status == 422
    assert {(error["line"], error["pointer"]) for error in answer.json()["errors"]} == {(2, ""), (3, "/birth_year"), (3, "/extra")}


@pytest.mark.timing
@pytest.mark.parametrize("data", [post("/v1/users", USER), post("/register_user", USER), request("DELETE", "/v1/events/e")],
                         ids=["v1", "older", "delete"])
def test_writes_wait_for_the_servers(server: Server, data: bytes) -> None:
    """No server has answered yet: where a company's records belong is not known."""
    start = time.monotonic()
    answer = server.ask(data)
    assert answer.status == 503 and answer.headers["retry-after"] == "1"
    assert time.monotonic() - start < 1
    problem = answer.json()
    if "error" not in problem:
        assert problem["code"] == "unavailable" and "yet" in problem["detail"]


@pytest.fixture
def silent_database() -> Iterator[dict[str, str]]:
    """A database that takes connections and says nothing: requests that need it wait."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield {"DATABASE_URL": f"mysql://nobody:x@127.0.0.1:{listener.getsockname()[1]}/none"}


@pytest.mark.timing
def test_a_silent_database_is_503_within_the_deadline(tmp_path: Path, silent_database: dict[str, str]) -> None:
    server = Server(tmp_path, **silent_database)
    start = time.monotonic()
    answer = server.ask(request("GET", "/v1/users/u"), quiet_s=0.1)
    assert answer.status == 503 and answer.headers["retry-after"] == "1"
    assert time.monotonic() - start < 1.5
    assert server.stop() == 0


# What a read of the silent database waits for: a thread, or what SQL has not got yet.
WAITS = pytest.mark.parametrize("headers", [(), ("Tipster-After: c:0.1",)], ids=["a thread", "a write"])


@WAITS
def test_clients_that_leave_are_forgotten(tmp_path: Path, silent_database: dict[str, str], headers: tuple[str, ...]) -> None:
    server = Server(tmp_path, **silent_database, REQUEST_DEADLINE_MS="5000", DATABASE_TIMEOUT_MS="4000")
    connections = [socket.create_connection(("127.0.0.1", server.port), 5) for _ in range(20)]
    for connection in connections:
        connection.sendall(request("GET", "/v1/users/u", *headers))
    server.wait_in_flight(20)
    for connection in connections:
        connection.close()
    server.wait_in_flight(0)
    late = server.total("tipster_http_deadline_missed_total") + server.total("tipster_after_missed_total")
    gone = server.total("tipster_http_client_gone_total")
    assert gone > 0 and gone + late == 20
    assert server.stop() == 0


def test_not_ready_without_its_servers(tmp_path: Path) -> None:
    server = Server(tmp_path, REQUEST_DEADLINE_MS="3000")  # the check may stand behind another one of 600 ms
    for path in ("/readyz", "/readyz/read", "/readyz/write"):
        answer = server.ask(request("GET", path), ops=True)
        assert answer.status == 503 and answer.json()["ready"] is False
        assert "company demo is not known yet" in answer.json().get("company", "") or path == "/readyz/read"
    assert server.ask(request("GET", "/healthz"), ops=True).status == 200
    assert server.ask(request("GET", "/metrics")).status == 404  # not on the main listener
    assert server.stop() == 0


@pytest.mark.parametrize("setting", ["PORT", "OPS_BIND"])
def test_a_taken_port_is_one_clear_line(server: Server, setting: str) -> None:
    port, ops_port = free_ports(2)
    free = {"PORT": str(port), "OPS_BIND": f"127.0.0.1:{ops_port}"}
    env = {**server.env, **free, setting: server.env[setting]}
    result = subprocess.run([BINARY], env=env, capture_output=True, text=True, timeout=20, check=False)
    assert result.returncode == 1
    assert len((result.stdout + result.stderr).strip().splitlines()) == 1
    taken = server.port if setting == "PORT" else server.ops_port
    assert f"127.0.0.1:{taken} ({'BIND and PORT' if setting == 'PORT' else 'OPS_BIND'})" in result.stderr
    assert "taken" in result.stderr


@pytest.mark.parametrize("settings,name", [({"BIND": "0.0.0.0"}, "ANONYMOUS_COMPANY"), ({"OPS_BIND": "here"}, "OPS_BIND"),
                                           ({"WORKERS": "none"}, "WORKERS"), ({"LOG_LEVEL": "loud"}, "LOG_LEVEL"),
                                           ({"DATABASE_URL": "postgres://x"}, "DATABASE_URL")])
def test_a_bad_setting_is_named(server: Server, settings: dict[str, str], name: str) -> None:
    port, ops_port = free_ports(2)
    env = {**server.env, "PORT": str(port), "OPS_BIND": f"127.0.0.1:{ops_port}", **settings}
    result = subprocess.run([BINARY], env=env, capture_output=True, text=True, timeout=20, check=False)
    assert result.returncode == 1 and name in result.stderr
    assert len(result.stderr.strip().splitlines()) == 1


def test_killed_workers_come_back_and_counters_stay(tmp_path: Path) -> None:
    server = Server(tmp_path)
    for _ in range(4):
        killed = set(server.workers())
        for pid in killed:
            os.kill(pid, signal.SIGKILL)
        wait_for(lambda: len(set(server.workers()) - killed) == 2, "other workers", 10)
        server.wait_ready()
    answered = sum(value for name, value in server.metrics().items() if name.startswith('tipster_http_requests_total{route="GET /hello"'))
    assert answered >= 5 and len(server.workers()) == 2
    assert server.stop() == 0


@pytest.mark.timing
@WAITS
def test_sigterm_answers_what_is_in_flight(tmp_path: Path, silent_database: dict[str, str], headers: tuple[str, ...]) -> None:
    server = Server(tmp_path, **silent_database, REQUEST_DEADLINE_MS="3000", DATABASE_TIMEOUT_MS="4000")
    connections = [socket.create_connection(("127.0.0.1", server.port), 5) for _ in range(10)]
    for connection in connections:
        connection.sendall(request("GET", "/v1/users/u", *headers))
    server.wait_in_flight(10)
    server.process.terminate()
    for connection in connections:
        connection.settimeout(15)
        answer = Answer(connection.recv(65536), True)
        assert answer.status == 503 and answer.headers["connection"] == "close"
        connection.close()
    assert server.process.wait(5) == 0


@pytest.mark.timing
def test_who_is_connected_may_still_ask_at_the_end(tmp_path: Path) -> None:
    """For a moment (FAREWELL_MS in src/http/main.c), though nothing is left to do; the answer says that the connection ends."""
    server = Server(tmp_path)
    connections = [socket.create_connection(("127.0.0.1", server.port), 5) for _ in range(4)]
    for connection in connections:
        connection.sendall(HELLO)
        assert Answer(connection.recv(65536), False).headers["connection"] == "keep-alive"
    server.process.terminate()
    time.sleep(0.15)  # so long a worker that does not wait for them is gone
    for connection in connections:
        connection.sendall(HELLO)
    for connection in connections:
        answer = Answer(connection.recv(65536), True)
        assert answer.status == 200 and answer.headers["connection"] == "close"
        connection.close()
    assert server.process.wait(5) == 0


@pytest.mark.timing
def test_workers_end_with_a_killed_parent(tmp_path: Path) -> None:
    server = Server(tmp_path)
    workers = server.workers()
    server.process.kill()
    server.process.wait()

    def lives(pid: int) -> bool:
        try:
            return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
        except OSError:
            return False

    wait_for(lambda: not any(map(lives, workers)), "the workers to end with their parent", 5)
