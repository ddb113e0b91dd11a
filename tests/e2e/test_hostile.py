"""Bad input over raw sockets: hostile_cases.py row by row, slow clients, and what others notice of it: nothing.

While a case runs, other connections ask for /hello; their slowest answer stays near their usual one. No worker dies.
"""

from __future__ import annotations

import json
import socket
import threading
import time
from typing import Any, Iterator
from urllib.parse import urlsplit

import pytest
import requests

from hostile_cases import CASES, HELLO, LIMITED_KEY, Case
from raw_http import ANSWER_S, Connection, Others
from records import coupon
from wire import NDJSON, lines

CASES_WITH_BODY = next(case.data for case in CASES if case.name == "expect: 100-continue, body at once")
PROBLEM = "application/problem+json"
JSON = "application/json"
PIECE_PAUSE_S = 0.05


class Slow:
    """Clients that begin a request and then send a byte a second, or nothing; each keeps what it was answered."""

    SHAPES = {
        "a head that stops": (b"GET /hello HTTP/1.1\r\nHost: a\r\n", False),
        "a head that drips": (b"GET /hello HTTP/1.1\r\nHost: a\r\nX: ", True),
        "a first line that drips": (b"GET /", True),
        "a body that stops": (b"POST /v1/users HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n{", False),
        "a body that drips": (b"POST /v1/users HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n{", True),
        "a body that never begins": (b"POST /register_user HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n", False),
    }
    CUT_OFF_S = 30  # the longest that a request may take to arrive (BODY_TIMEOUT_S in src/http/listen.c)

    def __init__(self, port: int) -> None:
        self.outcomes: dict[str, Any] = {}
        self.threads = [threading.Thread(target=self._run, args=(port, name), daemon=True) for name in self.SHAPES]
        for thread in self.threads:
            thread.start()

    def _run(self, port: int, name: str) -> None:
        start, drips = self.SHAPES[name]
        end = time.monotonic() + self.CUT_OFF_S + 30
        try:
            with Connection(port) as connection:
                connection.send(start)
                connection.socket.settimeout(1)
                while b"\r\n\r\n" not in connection.rest:
                    assert time.monotonic() < end, "still not cut off"
                    try:
                        connection._more()
                    except socket.timeout:
                        if drips:
                            connection.send(b"a")
                connection.socket.settimeout(ANSWER_S)
                self.outcomes[name] = (*connection.answer(), connection.ended())
        except Exception as error:  # told by the test
            self.outcomes[name] = repr(error)

    def wait(self) -> None:
        for thread in self.threads:
            thread.join()


@pytest.fixture(scope="module")
def port(stack: Any) -> int:
    return urlsplit(stack.base_url).port


@pytest.fixture(scope="module")
def others(port: int) -> Iterator[Others]:
    clients = Others(port)
    yield clients
    clients.stop()
    assert clients.failure is None


@pytest.fixture(scope="module")
def slow(port: int) -> Slow:
    """They are slow while all cases run; the last test looks at how they fared."""
    return Slow(port)


@pytest.fixture(scope="module")
def limited_key(stack: Any) -> bytes:
    """A key of one record a second that has sent a thousand: it owes for longer than these tests take."""
    stack.run("company", "add", "limited")
    stack.run("company", "set", "limited", "limit_ingest=1")
    key = stack.key("limited", "ingest", "read")
    answer = requests.post(f"{stack.base_url}/v1/coupons", lines(coupon() for _ in range(1000)),
                           headers={"Content-Type": NDJSON, "X-API-Key": key}, timeout=10)
    assert answer.status_code == 202, answer.text
    return key.encode()


def pieces(case: Case, limited_key: bytes) -> tuple[bytes, ...]:
    data = case.data if isinstance(case.data, tuple) else (case.data,)
    return tuple(piece.replace(LIMITED_KEY.encode(), limited_key) for piece in data)


def check_error(case: Case, headers: dict[str, str], body: bytes) -> None:
    told = json.loads(body)
    if case.form == "older":
        assert headers["content-type"] == JSON
        assert list(told) == ["error"] and told["error"]
        return
    assert headers["content-type"] == PROBLEM
    assert {"type", "title", "status", "detail", "code", "request_id"} <= told.keys()
    assert told["status"] == case.status and told["detail"] and told["title"]
    assert told["request_id"] == headers["x-request-id"]
    assert told["code"] == case.code
    if case.errors is not None:
        # By what is wrong; two parameters may be wrong in the same way.
        found = {(*([error["line"]] if "line" in error else []), error["pointer"], error["code"]) for error in told["errors"]}
        assert found == case.errors


def run_case(port: int, case: Case, limited_key: bytes) -> None:
    sent = pieces(case, limited_key)
    with Connection(port) as connection:
        for number, piece in enumerate(sent):
            if number > 0:
                time.sleep(PIECE_PAUSE_S)
            connection.send(piece)
        is_head = sent[0].startswith(b"HEAD ")
        status, headers, body = connection.answer(head_only=is_head)
        assert status == case.status, (status, body[:600])
        assert headers["cache-control"] == "no-store" and headers["date"]
        for name, value in case.headers:
            assert headers[name] == value
        if status in (429, 503):
            assert int(headers["retry-after"]) >= 1
        if status >= 400 and not is_head:
            check_error(case, headers, body)
        if case.closed is True:
            connection.rest = b"" if is_head else connection.rest  # Kore's own errors have a body even here
            assert connection.ended()
            assert headers["connection"] == "close"
        elif case.closed is False:
            connection.send(HELLO)
            assert connection.answer()[0] == 200, "the connection goes on"


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_case(stack: Any, port: int, slow: Any, others: Others, limited_key: bytes, case: Case) -> None:
    workers = stack.workers()
    for attempt in (1, 2, 3):
        began = time.monotonic()
        run_case(port, case, limited_key)
        slowest = others.slowest_since(began)
        if slowest < others.bound():
            break
        # A hanging worker hangs each time; a machine that does something else does not.
        assert attempt < 3, f"another client waited {slowest:.2f} s; usually {others.usual() * 1000:.1f} ms"
    assert stack.workers() == workers, "a worker died"


def test_an_interim_answer_is_asked_for(port: int) -> None:
    """A client that waits for 100 Continue gets it, sends its body and is answered; the next request goes on as usual."""
    body = b'{"user_id":"h-expect"}'
    head = (f"PUT /v1/users/h-expect HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nExpect: 100-Continue\r\n"
            f"Content-Length: {len(body)}\r\n\r\n").encode()
    with Connection(port) as connection:
        for _ in range(2):
            connection.send(head)
            assert connection.answer()[0] == 100
            connection.send(body)
            status, _, answer = connection.answer()
            assert status == 422 and json.loads(answer)["code"] == "invalid_record"


def test_one_connection_takes_many_refusals(port: int, limited_key: bytes) -> None:
    """What is wrong with one request is forgotten at the next."""
    kept = [case for case in CASES if case.closed is False and case.status >= 400 and isinstance(case.data, bytes)
            and not case.data.startswith(b"HEAD ") and len(case.data) < 10_000]
    with Connection(port) as connection:
        for case in kept:
            connection.send(*pieces(case, limited_key))
            status, headers, body = connection.answer()
            assert status == case.status, case.name
            check_error(case, headers, body)


@pytest.mark.timing
def test_clients_that_leave(stack: Any, port: int, others: Others) -> None:
    """A reset in the middle of a head, of a body, or while the answer is made."""
    workers = stack.workers()
    began = time.monotonic()
    for data in (b"GET /hel", HELLO, CASES_WITH_BODY[:-5], CASES_WITH_BODY, b"GET /v1/popular HTTP/1.1\r\nHost: a\r\n\r\n"):
        for _ in range(20):
            with socket.create_connection(("127.0.0.1", port), ANSWER_S) as leaving:
                leaving.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")  # close is a reset
                leaving.sendall(data)
    assert others.slowest_since(began) < others.bound()
    assert stack.workers() == workers


def test_slow_clients_are_cut_off(slow: Slow) -> None:
    slow.wait()
    assert set(slow.outcomes) == set(Slow.SHAPES)
    for name, outcome in slow.outcomes.items():
        assert not isinstance(outcome, str), f"{name}: {outcome}"
        status, headers, body, ended = outcome
        assert (status, ended) == (408, True), name
        assert headers["content-type"] == PROBLEM and json.loads(body)["code"] == "request_timeout", name
