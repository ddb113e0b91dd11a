"""Each patch of conf/kore/patches: good with it, and the defect shows without it."""

from __future__ import annotations

import http.client
import os
import re
import signal
import socket
import subprocess
import threading
import time
from pathlib import Path
from typing import Callable, Iterator

import pytest

import variants

# All of them judge by what comes within a second or two, some of it by the server's own clock.
pytestmark = pytest.mark.timing

HELLO = b"GET /hello HTTP/1.1\r\nHost: a\r\n\r\n"
SETTLE_S = 0.7
WAIT_S = 15  # for what comes at once on a machine that has nothing else to do
HEADER_TIMEOUT_S = 2  # of probe_server


class Server:
    """One running probe_server."""

    def __init__(self, binary: Path, workers: int, folder: Path) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.process = subprocess.Popen([binary, str(self.port), str(workers)], cwd=folder, stdout=subprocess.DEVNULL,
                                        stderr=subprocess.STDOUT, start_new_session=True)
        deadline = time.monotonic() + 60
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                break
            except OSError:
                assert time.monotonic() < deadline, "the probe server did not start"
                time.sleep(0.02)
        while len(self.worker_pids()) < workers:  # it listens before it has any
            assert time.monotonic() < deadline, "its workers did not start"
            time.sleep(0.005)
        self.get("/hello")  # one of them answers: what follows does not have the start's time in it

    def connect(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), 5)

    def raw(self, *parts: bytes, timeout_s: float = 1.0, pause_s: float = 0.1) -> bytes:
        """Sends the parts, and returns what comes back until the end or the timeout."""
        with self.connect() as connection:
            for number, part in enumerate(parts):
                if number > 0:
                    time.sleep(pause_s)
                connection.sendall(part)
            return receive(connection, timeout_s)

    def get(self, path: str) -> str:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=WAIT_S)
        connection.request("GET", path)
        text = connection.getresponse().read().decode()
        connection.close()
        return text

    def worker_pids(self) -> list[int]:
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text()
        return [int(pid) for pid in children.split()]

    def stop(self) -> None:
        """Ends it and its workers, whatever state they are in."""
        pids = self.worker_pids() if self.process.poll() is None else []
        for pid in [self.process.pid, *pids]:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        self.process.wait()


def receive(connection: socket.socket, timeout_s: float) -> bytes:
    received = b""
    end = time.monotonic() + timeout_s
    try:
        while (left := end - time.monotonic()) > 0:
            connection.settimeout(left)
            data = connection.recv(65536)
            if not data:
                break
            received += data
    except (socket.timeout, ConnectionResetError):
        pass
    return received


def is_whole(answer: bytes) -> bool:
    head, end, rest = answer.partition(b"\r\n\r\n")
    length = re.search(rb"\r\ncontent-length: (\d+)", head)
    return bool(end) and length is not None and len(rest) >= int(length[1])


def receive_one(connection: socket.socket) -> bytes:
    """One whole answer, or what came until the end."""
    connection.settimeout(WAIT_S)
    received = b""
    while not is_whole(received) and (data := connection.recv(65536)):
        received += data
    return received


def status(answer: bytes) -> int | None:
    match = re.match(rb"HTTP/1\.[01] (\d+)", answer)
    return int(match[1]) if match else None


def body(answer: bytes) -> bytes:
    return answer.partition(b"\r\n\r\n")[2]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Server]]:
    """start(without, workers=1): a server of that variant."""
    servers: list[Server] = []

    def start_one(without: str | None, workers: int = 1) -> Server:
        servers.append(Server(variants.build(without), workers, tmp_path))
        return servers[-1]

    yield start_one
    for server in servers:
        server.stop()


def both(patch: str) -> pytest.MarkDecorator:
    """Runs the test with the patch and without it; the test gets (without, good)."""
    return pytest.mark.parametrize("without,good", [(None, True), (patch, False)], ids=["patched", "without"])


def post(path: str, length: int, content: bytes) -> bytes:
    return f"POST {path} HTTP/1.1\r\nHost: a\r\nContent-Length: {length}\r\n\r\n".encode() + content


def test_every_patch_has_a_test() -> None:
    text = Path(__file__).read_text()
    assert [patch for patch in variants.series() if f'both("{patch}")' not in text] == []


@both("01-bytes-past-the-end")
def test_body_longer_than_announced(start, without, good) -> None:
    server = start(without)
    answer = server.raw(post("/echo", 3, b"abcX"), timeout_s=1.0 if good else 0.5)  # before its own clock says 408
    assert status(answer) == (400 if good else None)


@both("01-bytes-past-the-end")
def test_bytes_after_a_request_without_body(start, without, good) -> None:
    server = start(without)
    answer = server.raw(HELLO + b"hello")
    assert status(answer) == (400 if good else 200)


@both("02-request-queue-order")
def test_busy_connections_do_not_starve_others(start, without, good) -> None:
    server = start(without)
    answers = [0] * 20
    stop = time.monotonic() + 2.5

    def ask(number: int) -> None:
        with server.connect() as connection:
            while time.monotonic() < stop:
                connection.sendall(b"GET /busy HTTP/1.1\r\nHost: a\r\n\r\n")
                connection.settimeout(max(0.01, stop - time.monotonic()))
                try:
                    if not connection.recv(4096):
                        return
                except socket.timeout:
                    return
                answers[number] += 1

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(len(answers))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    waiting = sum(1 for count in answers if count < 5)
    assert (waiting == 0) if good else (waiting >= 5), answers


@both("03-any-path")
def test_one_handler_takes_every_path(start, without, good) -> None:
    answer = start(without).raw(b"GET /items/first/12?n=1 HTTP/1.1\r\nHost: any.test\r\n\r\n")
    assert status(answer) == (200 if good else 404)
    if good:
        assert body(answer) == b"/items/first/12"


@both("04-body-timeout")
def test_body_timeout_ends_with_the_body(start, without, good) -> None:
    server = start(without)
    answer = server.raw(post("/nap", 6, b"abc"), b"def", timeout_s=4, pause_s=0.4)
    assert status(answer) == (200 if good else 408)


@both("05-empty-header-values")
def test_empty_header_value(start, without, good) -> None:
    answer = start(without).raw(b"GET /header HTTP/1.1\r\nHost: a\r\nX-Probe:\r\nX-Other: \r\n\r\n")
    assert status(answer) == (200 if good else 400)
    if good:
        assert body(answer).startswith(b"there")


def test_header_without_colon_is_refused(start) -> None:
    assert status(start(None).raw(b"GET /header HTTP/1.1\r\nHost: a\r\nX-Probe\r\n\r\n")) == 400


@both("06-strict-request-head")
@pytest.mark.parametrize("request_bytes", [
    b"GET /hello HTTP/1.1\nHost: a\n\n",
    b"GET /hello HTTP/1.1\r\nHost: a\nX-Other: b\r\n\r\n",
    b"GET /hello HTTP/1.1\r\nHost: a\rX-Other: b\r\n\r\n",
    b"GET /hello HTTP/1.1\r\nHost: a\r\nX-Other: b\0Content-Length: 5\r\n\r\n",
    b"GET /hello HTTP/1.1\r\nHostile: a\r\n\r\n",
], ids=["bare LF", "one bare LF", "bare CR", "NUL", "no Host"])
def test_request_head_by_the_book(start, without, good, request_bytes) -> None:
    assert status(start(without).raw(request_bytes)) == (400 if good else 200)


@both("07-header-limits")
def test_many_headers_are_all_read(start, without, good) -> None:
    head = b"GET /header HTTP/1.1\r\nHost: a\r\n" + b"".join(b"X-%d: v\r\n" % number for number in range(40))
    answer = start(without).raw(head + b"X-Probe: v\r\n\r\n")
    assert body(answer).startswith(b"there" if good else b"absent")


@both("07-header-limits")
def test_too_many_headers(start, without, good) -> None:
    head = b"GET /header HTTP/1.1\r\nHost: a\r\n" + b"".join(b"X-%d: v\r\n" % number for number in range(64))
    assert status(start(without).raw(head + b"\r\n")) == (431 if good else 200)


@both("07-header-limits")
@pytest.mark.parametrize("request_bytes,expected", [
    (b"GET /header HTTP/1.1\r\nHost: a\r\nX: " + b"a" * 9000 + b"\r\n\r\n", 431),
    (b"GET /" + b"a" * 9000 + b" HTTP/1.1\r\nHost: a\r\n\r\n", 414),
], ids=["headers", "address"])
def test_too_long_a_head(start, without, good, request_bytes, expected) -> None:
    assert status(start(without).raw(request_bytes)) == (expected if good else None)


@both("08-error-bodies")
def test_own_errors_have_a_body(start, without, good) -> None:
    answer = start(without).raw(b"GET /nowhere HTTP/1.1\r\nHost: a\r\n\r\n")
    assert status(answer) == 404
    assert body(answer) == (b'{"status":404}' if good else b"")


@both("09-lingering-close")
def test_answer_reaches_a_client_that_is_still_sending(start, without, good) -> None:
    server = start(without)
    seen = []
    for _ in range(5):
        with server.connect() as connection:
            try:
                connection.sendall(post("/echo", 5_000_000, b"x" * 5_000_000))
                seen.append(status(receive(connection, 3)))
            except (ConnectionResetError, BrokenPipeError):
                seen.append(None)
    assert (seen == [413] * 5) if good else (None in seen), seen


def wait_stopped(pid: int, state: str = "T") -> None:
    """Until then it may still take up what comes; Z: until it has died."""
    end = time.monotonic() + WAIT_S
    while Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != state:
        assert time.monotonic() < end, "the process does not stop"
        time.sleep(0.001)


def wait_for_workers(server: Server, count: int, but_not: set[int]) -> bool:
    end = time.monotonic() + WAIT_S
    while time.monotonic() < end:
        pids = set(server.worker_pids())
        if len(pids) == count and not pids & but_not:
            return True
        time.sleep(0.02)
    return False


def received_by_worker(server: Server) -> dict[int, int]:
    """The messages that each worker has received, by its pid; asked often enough to meet every worker."""
    answers = [server.get("/received").split() for _ in range(16)]
    return {int(pid): int(count) for pid, count in answers}


@both("10-dead-worker-messages")
def test_each_message_arrives_once_after_restarts(start, without, good) -> None:
    """Without the patch it is a matter of addresses: the new connection must come to lie where a dead one lay."""
    server = start(without, workers=2)
    arrivals = 0
    for _ in range(4 if good else 20):
        victim = max(server.worker_pids())
        os.kill(victim, signal.SIGKILL)
        assert wait_for_workers(server, 2, {victim})
        time.sleep(0.2)
        before = received_by_worker(server)
        server.get("/send")
        time.sleep(SETTLE_S)
        after = received_by_worker(server)
        arrivals = max([arrivals, *(count - before.get(pid, 0) for pid, count in after.items() if pid in before)])
        if arrivals > 1:
            break
    assert arrivals == 1 if good else arrivals > 1


def test_workers_that_die_together_all_come_back(start) -> None:
    server = start(None, workers=2)
    for _ in range(3):
        victims = set(server.worker_pids())
        for victim in victims:
            os.kill(victim, signal.SIGKILL)
        assert wait_for_workers(server, 2, victims)


@both("11-quit-signal")
def test_quit_is_not_lost_behind_another_signal(start, without, good) -> None:
    server = start(without, workers=2)
    parent = server.process.pid
    os.kill(parent, signal.SIGSTOP)
    wait_stopped(parent)
    os.kill(parent, signal.SIGTERM)
    victim = server.worker_pids()[0]
    os.kill(victim, signal.SIGKILL)  # the parent gets SIGCHLD as well
    wait_stopped(victim, "Z")
    os.kill(parent, signal.SIGCONT)
    try:
        server.process.wait(WAIT_S if good else 3)
        ended = True
    except subprocess.TimeoutExpired:
        ended = False
    assert ended == good


@both("12-shared-memory")
def test_no_segment_is_left_by_a_killed_parent(start, without, good) -> None:
    server = start(without)
    server.get("/hello")
    server.stop()
    time.sleep(0.2)
    rows = [line.split() for line in Path("/proc/sysvipc/shm").read_text().splitlines()[1:]]
    left = [row[1] for row in rows if int(row[4]) == server.process.pid]
    for segment in left:
        subprocess.run(["ipcrm", "-m", segment], check=True)
    assert (left == []) if good else (len(left) == 1)


def send_in_one_round(server: Server, requests: dict[socket.socket, bytes]) -> None:
    """The worker finds all of them when it looks."""
    worker = server.worker_pids()[0]
    os.kill(worker, signal.SIGSTOP)
    wait_stopped(worker)
    for connection, request in requests.items():
        connection.sendall(request)
    os.kill(worker, signal.SIGCONT)


@both("17-answers-together")
def test_answers_of_a_round_leave_together(start, without, good) -> None:
    """Two requests that are there at once: the second handler finds the first answer made, and not sent yet."""
    server = start(without)
    with server.connect() as one, server.connect() as other:
        for connection in (one, other):
            connection.sendall(HELLO)
            assert status(receive(connection, 1)) == 200
        ask = b"GET /unsent HTTP/1.1\r\nHost: a\r\n\r\n"
        send_in_one_round(server, {one: ask, other: ask})
        counts = sorted(body(receive(connection, 1)) for connection in (one, other))
    assert counts == ([b"0", b"1"] if good else [b"0", b"0"])


def nothing_waits(connection: socket.socket) -> bool:
    connection.settimeout(0.05)
    try:
        connection.recv(1)
        return False
    except TimeoutError:
        return True


@both("17-answers-together")
def test_answers_of_a_round_are_given_to_the_application(start, without, good) -> None:
    """Its call may send a part of some, nothing of others, or say that a client has left: who is there gets a whole answer, once."""
    server = start(without)
    worker = server.worker_pids()
    connections = [server.connect() for _ in range(40)]
    bodies = [(b"interrupted " if number % 8 == 3 else b"answer ") + str(number).encode() * 100 for number in range(40)]
    requests = {connection: post("/echo", len(content), content) for connection, content in zip(connections, bodies)}
    alone = {}
    for connection, request in requests.items():
        connection.sendall(request)
        alone[connection] = receive_one(connection)
    for _ in range(20):  # a worker that is slow for a millisecond gives away what it has
        send_in_one_round(server, requests)
        for connection in connections:
            assert receive_one(connection) == alone[connection]
        if not good or server.get("/together") == "32":
            break
    assert server.get("/together") == ("32" if good else "0")
    assert all(nothing_waits(connection) for connection in connections)
    assert server.worker_pids() == worker


@both("17-answers-together")
def test_an_answer_that_the_application_cannot_send_ends_its_connection_alone(start, without, good) -> None:
    server = start(without)
    for _ in range(20):  # one is the last of its round now and then, which is left to Kore
        connections = [server.connect() for _ in range(3)]
        send_in_one_round(server, {connection: post("/echo", 7, b"refused" if number == 0 else b"granted")
                                   for number, connection in enumerate(connections)})
        answers = [receive_one(connection) for connection in connections]
        for connection in connections:
            connection.close()
        assert [body(answer) for answer in answers[1:]] == [b"granted", b"granted"]
        if answers[0] == b"":
            break
    assert answers[0] == b"" if good else body(answers[0]) == b"refused"


@both("18-one-read")
def test_a_request_is_read_once(start, without, good) -> None:
    server = start(without)
    with server.connect() as connection:
        counts = []
        for _ in range(3):
            connection.sendall(b"GET /reads HTTP/1.1\r\nHost: a\r\n\r\n")
            counts.append(body(receive_one(connection)))
    assert counts == ([b"0", b"1", b"1"] if good else [b"0", b"2", b"2"])


@both("19-long-answers")
def test_a_long_answer_is_written_once(start, without, good) -> None:
    server = start(without)
    ask = b"GET /writes HTTP/1.1\r\nHost: a\r\n\r\n"
    with server.connect() as connection:
        answers = []
        for request in (ask, ask, post("/echo", 20000, b"e" * 20000), ask):
            connection.sendall(request)
            answers.append(body(receive_one(connection)))
    assert answers == [b"0", b"1", b"e" * 20000, b"2" if good else b"4"]


@pytest.mark.parametrize("length", [8000, 8192, 65536, 65537, 100000])
def test_answers_of_any_length_are_whole(start, length) -> None:
    content = bytes(number % 251 for number in range(length))
    server = start(None)
    with server.connect() as connection:
        for _ in range(3):
            connection.sendall(post("/echo", length, content))
            assert body(receive_one(connection)) == content


@pytest.mark.parametrize("pieces", [(b"GET /hel", b"lo HTTP/1.1\r\nHost: a\r\n", b"\r\n"),
                                    (post("/echo", 5, b"ab"), b"c", b"de"), (post("/echo", 20000, b"x" * 9000), b"x" * 11000)],
                         ids=["head", "body", "long body"])
def test_what_comes_in_pieces_is_read_to_its_end(start, pieces) -> None:
    server = start(None)
    with server.connect() as connection:
        for _ in range(2):
            for piece in pieces:
                connection.sendall(piece)
                time.sleep(0.05)
            answer = receive_one(connection)
            assert status(answer) == 200 and body(answer) in (b"hello", b"abcde", b"x" * 20000)


@both("13-request-line")
@pytest.mark.parametrize("request_bytes,expected,before", [
    (b"GET /hello HTTP/1.1 more\r\nHost: a\r\n\r\n", 400, 200),
    (b" GET  /hello  HTTP/1.1\r\nHost: a\r\n\r\n", 400, 200),
    (b"get /hello HTTP/1.1\r\nHost: a\r\n\r\n", 200, 200),
    (b"BREW /hello HTTP/1.1\r\nHost: a\r\n\r\n", 200, 400),
    (b"B(EW /hello HTTP/1.1\r\nHost: a\r\n\r\n", 400, 400),
    (b"GET hello HTTP/1.1\r\nHost: a\r\n\r\n", 400, 404),
    (b"GET /h\xc3\xa9 HTTP/1.1\r\nHost: a\r\n\r\n", 400, 404),
    (b"DELETE /hello HTTP/1.0\r\nHost: a\r\n\r\n", 200, 405),
    (b"GET http://a:80/hello HTTP/1.1\r\nHost: a\r\n\r\n", 200, 404),
    (b"GET http://a?b HTTP/1.1\r\nHost: a\r\n\r\n", 404, 404),
    (b"GET /hello HTTP/1.1\r\nHost: a\r\n: b\r\n\r\n", 400, 200),
], ids=["fourth word", "blanks", "lower case", "unknown method", "no method", "no path", "no ASCII", "DELETE in 1.0", "absolute",
        "absolute without path", "no name"])
def test_request_line_by_the_book(start, without, good, request_bytes, expected, before) -> None:
    assert status(start(without).raw(request_bytes)) == (expected if good else before)


def test_method_names_have_a_case(start) -> None:
    """The handler is told HTTP_METHOD_OTHER for "get"."""
    server = start(None)
    assert body(server.raw(b"GET /method HTTP/1.1\r\nHost: a\r\n\r\n")) == b"GET"
    assert body(server.raw(b"get /method HTTP/1.1\r\nHost: a\r\n\r\n")) == b""


@both("14-content-length")
@pytest.mark.parametrize("text,expected,before", [("x", 400, 411), ("9" * 30, 413, 411), ("3  ", 200, 411), ("", 400, 411)])
def test_content_length_by_the_book(start, without, good, text, expected, before) -> None:
    answer = start(without).raw(f"POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: {text}\r\n\r\n".encode(), b"abc")
    assert status(answer) == (expected if good else before)


@both("15-continue")
def test_expectation_is_answered(start, without, good) -> None:
    head = b"POST /echo HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n"
    with start(without).connect() as connection:
        connection.sendall(head)
        interim = receive(connection, 0.5)
        assert interim == (b"HTTP/1.1 100 Continue\r\n\r\n" if good else b"")
        connection.sendall(b"abc")
        assert body(receive(connection, 0.5)) == b"abc"


def test_no_interim_answer_is_owed(start) -> None:
    """Not when the body is there, when it will not be taken, and not in HTTP/1.0."""
    server = start(None)
    head = "POST /echo HTTP/1.{}\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: {}\r\n\r\n"
    assert status(server.raw(head.format(1, 3).encode() + b"abc")) == 200
    assert status(server.raw(head.format(1, 999_999).encode())) == 413
    assert server.raw(head.format(0, 3).encode(), timeout_s=0.5) == b""


@both("16-header-clock")
def test_an_idle_connection_is_not_late(start, without, good) -> None:
    with start(without).connect() as connection:
        time.sleep(HEADER_TIMEOUT_S + 0.5)
        connection.sendall(HELLO)
        assert status(receive(connection, 1)) == (200 if good else 408)


def test_half_a_head_is_late(start) -> None:
    answer = start(None).raw(HELLO[:-5], timeout_s=HEADER_TIMEOUT_S + 1)
    assert status(answer) == 408
