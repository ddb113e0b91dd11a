"""What callers of serve see while a server behind it, or a part of it, is gone: bounded answers, no loss, no restart needed."""

from __future__ import annotations

import os
import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple, Optional

import pytest
import requests

from kafka_wire import KafkaWireError
from patience import served_s, wait_beside, wait_for
from stack import App

DEADLINE_S = 2.0  # REQUEST_DEADLINE_MS
MARGIN_S = 0.7

pytestmark = pytest.mark.timing


class Answer(NamedTuple):
    status: int
    seconds: float
    headers: dict
    body: dict


def ask(method: str, url: str, session: Optional[requests.Session] = None, **options) -> Answer:
    start = served_s()
    answer = (session or requests).request(method, url, timeout=10, **options)
    seconds = served_s() - start
    try:
        body = answer.json()
    except ValueError:
        body = {}
    return Answer(answer.status_code, seconds, dict(answer.headers), body)


def coupon(name: str, user: str = "u1") -> dict:
    return {"coupon_id": name, "user_id": user, "stake": 1.5, "timestamp": "2026-11-01T10:00:00Z",
            "selections": [{"event_id": "e1", "odds": 2}]}


def push(app, name: str, session: Optional[requests.Session] = None) -> Answer:
    return ask("POST", f"{app.base_url}/v1/coupons", session, json=coupon(name, f"u-{name}"))


def read(app, session: Optional[requests.Session] = None) -> Answer:
    return ask("GET", f"{app.base_url}/v1/popular?n=1", session)


def ready(app, part: str = "") -> Answer:
    return ask("GET", f"{app.ops_url}/readyz{part}")


def is_unavailable(answer: Answer) -> bool:
    """503 as the contract has it."""
    return answer.status == 503 and answer.headers.get("retry-after") == "1" and "code" in answer.body


class Writers:
    """Threads that push coupons, one after the other, until stopped; what was answered stands in `answers`."""

    def __init__(self, app, count: int, prefix: str) -> None:
        self.app = app
        self.answers: list[tuple[str, Answer]] = []
        self.broken: list[tuple[str, float]] = []  # no answer: when it was sent
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._run, args=(f"{prefix}{number}",)) for number in range(count)]

    def _run(self, prefix: str) -> None:
        session = requests.Session()
        number = 0
        while not self._stop.is_set():
            number += 1
            name, sent = f"{prefix}-{number}", time.monotonic()
            try:
                self.answers.append((name, push(self.app, name, session)))
            except requests.RequestException:
                self.broken.append((name, sent))
                time.sleep(0.02)

    def __enter__(self) -> "Writers":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def acknowledged(self) -> list[str]:
        return [name for name, answer in self.answers if answer.status == 202]


@pytest.fixture
def outage(server_factory, own_servers):
    """An application over servers that the test may break."""
    database, kafka = own_servers
    app = server_factory(database=database, kafka=kafka)
    wait_for(lambda: push(app, "first").status == 202, "the first write: the broker has just come back", 30)
    wait_for(lambda: ready(app).status == 200, "readiness", 5)
    return app


def kafka_answers(app: App) -> bool:
    try:
        return app.behind() >= 0
    except (OSError, KafkaWireError):
        return False


@pytest.mark.parametrize("how", ["killed", "frozen"])
def test_kafka_goes_and_returns(outage, how: str) -> None:
    app, kafka = outage, outage.kafka
    app.wait_caught_up()
    with Writers(app, 4, how) as writers:
        wait_for(lambda: len(writers.acknowledged()) > 20, "acknowledged coupons", 10)
        kafka.kill9() if how == "killed" else kafka.pause()
        gone = time.monotonic()
        while time.monotonic() - gone < 3:
            for answer in (ask("GET", f"{app.base_url}/hello"), ask("GET", f"{app.base_url}/healthz"), read(app)):
                assert answer.status == 200 and answer.seconds < 0.5
            time.sleep(0.05)
        assert ready(app, "/read").status == 200
        not_ready = ready(app, "/write")
        assert not_ready.status == 503 and not_ready.body["kafka"] != "ok" and not_ready.body["company"] == "ok"
        assert ready(app).status == 503
        kafka.start() if how == "killed" else kafka.resume()
        wait_for(lambda: kafka_answers(app), "the broker's return: its port is open before it answers", 30)
        back_s = wait_beside(lambda: push(app, f"back-{how}").status == 202, lambda: kafka_answers(app),
                             "writes after the broker's return", 5)
        wait_for(lambda: ready(app).status == 200, "readiness", 5)
        time.sleep(0.3)
    refused = [answer for _, answer in writers.answers if answer.status != 202]
    assert refused, "nothing was refused while the broker was gone"
    for answer in refused:
        assert is_unavailable(answer), answer
    slowest = max(answer.seconds for answer in refused)
    assert slowest < DEADLINE_S + MARGIN_S, f"a 503 after {slowest:.2f} s"
    assert not writers.broken
    assert len(app.workers()) == 2 and app.serve.running()
    print(f"back after {back_s:.1f} s, slowest 503 after {slowest:.2f} s")
    app.assert_stored(["first", *writers.acknowledged()])


def test_a_frozen_database(server_factory, own_servers) -> None:
    """Reads are refused in time, those beyond the queue at once; writes go on; and it comes back by itself."""
    database, kafka = own_servers
    app = server_factory({"WORKERS": "1", "DATABASE_POOL": "2", "DATABASE_QUEUE": "4", "DATABASE_TIMEOUT_MS": "1000"},
                         database=database, kafka=kafka)
    assert push(app, "before").status == 202 and read(app).status == 200
    app.wait_caught_up()
    database.pause()
    with ThreadPoolExecutor(30) as pool:
        start = served_s()
        reads = [pool.submit(read, app) for _ in range(30)]
        writes = [push(app, f"frozen-{number}") for number in range(20)]
        writes_s = served_s() - start
        answers = [future.result() for future in reads]
    assert all(is_unavailable(answer) for answer in answers)
    assert max(answer.seconds for answer in answers) < DEADLINE_S + MARGIN_S
    full = [answer for answer in answers if answer.body["code"] == "overloaded"]
    assert len(full) >= 20  # all but those that run and those that may wait
    assert max(answer.seconds for answer in full) < 0.5
    assert [answer.status for answer in writes] == [202] * 20
    assert writes_s < 1.5
    assert ready(app, "/read").status == 503 and ready(app).status == 503
    assert ready(app, "/write").status == 200
    assert ask("GET", f"{app.base_url}/hello").seconds < 0.2
    database.resume()
    wait_for(lambda: read(app).status == 200, "reads after the database's return", 5)
    wait_for(lambda: ready(app).status == 200, "readiness", 5)
    app.assert_stored(["before", *(f"frozen-{number}" for number in range(20))])


def test_a_killed_database(outage) -> None:
    app = outage
    app.wait_caught_up()
    app.database.kill9()
    answer = read(app)
    assert is_unavailable(answer) and answer.seconds < DEADLINE_S + MARGIN_S
    assert push(app, "meanwhile").status == 202  # where its records belong stays known
    time.sleep(1)
    assert push(app, "later").status == 202
    assert ready(app, "/read").status == 503 and ready(app, "/write").status == 200
    app.database.start()
    wait_for(lambda: read(app).status == 200, "reads after the database's return", 5)
    app.assert_stored(["first", "meanwhile", "later"])


def test_a_killed_worker(server_factory) -> None:
    app = server_factory()
    with Writers(app, 4, "w") as writers:
        for _ in range(4):
            victim = app.workers()[0]
            os.kill(victim, signal.SIGKILL)
            sent = served_s()
            wait_for(lambda: len(set(app.workers()) - {victim}) == 2, "a worker in place of the killed one", 3)
            assert ready(app).status == 200
            wait_for(lambda: len(writers.answers) and writers.answers[-1][1].status == 202, "writes", 3)
            assert served_s() - sent < 3
            time.sleep(0.2)
    statuses = {answer.status for _, answer in writers.answers}
    assert statuses == {202}
    assert len(writers.broken) <= 4 * 4  # at most the connections of the killed one, each time
    app.assert_stored(writers.acknowledged())


def test_sigterm_under_load(server_factory) -> None:
    """What was sent before it is answered; what comes after is refused whole; what was acknowledged is kept."""
    app = server_factory()
    with Writers(app, 8, "t") as writers:
        wait_for(lambda: len(writers.acknowledged()) > 100, "acknowledged coupons", 10)
        asked_at, clock_s = time.monotonic(), served_s()
        app.serve.signal(signal.SIGTERM)
        assert app.serve.child.wait(6) == 0
        took_s = served_s() - clock_s
    assert took_s < DEADLINE_S + 1
    lost = [name for name, sent in writers.broken if sent < asked_at - 0.02]
    assert not lost, f"sent before SIGTERM and not answered: {lost}"
    assert {answer.status for _, answer in writers.answers} <= {202, 503}
    app.assert_stored(writers.acknowledged())


def test_sigterm_while_kafka_is_slow(outage) -> None:
    """Requests that wait for Kafka when the end comes get its answer."""
    app = outage
    app.kafka.pause()
    with ThreadPoolExecutor(8) as pool:
        waiting = [pool.submit(push, app, f"slow-{number}") for number in range(8)]
        time.sleep(0.4)
        app.serve.signal(signal.SIGTERM)
        time.sleep(0.3)
        app.kafka.resume()
        answers = [future.result() for future in waiting]
    assert [answer.status for answer in answers] == [202] * 8
    assert {answer.headers["connection"] for answer in answers} == {"close"}
    assert app.serve.child.wait(5) == 0
    app.assert_stored(["first", *(f"slow-{number}" for number in range(8))])


def test_started_before_its_servers(server_factory, own_servers) -> None:
    """serve starts without its servers, says what it waits for, and takes up its work when they come."""
    database, kafka = own_servers
    app = server_factory(start=False, database=database, kafka=kafka)
    app.migrate()
    kafka.pause()
    database.kill9()
    app.serve.start()
    answer = push(app, "early")
    assert is_unavailable(answer) and "yet" in answer.body["detail"] and answer.seconds < 0.5
    assert "not known yet" in ready(app, "/write").body["company"] and ready(app, "/read").status == 503
    assert ask("GET", f"{app.base_url}/hello").status == 200
    database.start()
    kafka.resume()
    wait_for(lambda: push(app, "now").status == 202, "writes", 5)
    wait_for(lambda: ready(app).status == 200, "readiness", 5)
    app.ingest.start()
    app.assert_stored(["now"])
