"""Stopping and starting under load: nothing that was read goes unanswered, and who tries again never fails.

The clients here try again what was refused (the connection) or answered 503, at once and on another node where there is one, and
nothing else: a connection that breaks is a failure. Half of them keep their connections, and look whether one is still open before they
use it again.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import select
import signal
import threading
import time
from typing import Callable, Iterator, Sequence

import pytest
import requests

from fixtures import Stack, own_ports
from groups import owned
from patience import served_s, wait_for
from stack import TOP, Database, Kafka, Process, http_ready

pytestmark = pytest.mark.timing

EXIT_WITHIN_S = 10  # of time during which the machine serves us
TRIES_S = 30


def body(name: str) -> str:
    return json.dumps({"coupon_id": name, "user_id": f"u-{name}", "stake": 1.5, "timestamp": "2026-11-01T10:00:00Z",
                       "selections": [{"event_id": "e1", "odds": 2}]})


class Client(threading.Thread):
    """Pushes one coupon after the other until told to stop."""

    def __init__(self, ports: Sequence[int], name: str, keeps: bool) -> None:
        super().__init__(name=name, daemon=True)
        self.ports, self.keeps = list(ports), keeps
        self.connections: dict[int, http.client.HTTPConnection] = {}
        self.accepted: list[str] = []
        self.failed: list[str] = []
        self.stopping = threading.Event()

    def run(self) -> None:
        number = 0
        while not self.stopping.is_set() and not self.failed:
            number += 1
            self._push(f"{self.name}-{number}", number)

    def _push(self, coupon: str, turn: int) -> None:
        until = served_s() + TRIES_S
        while served_s() < until:
            port = self.ports[turn % len(self.ports)]
            turn += 1
            try:
                status = self._try(port, coupon)
            except ConnectionRefusedError:
                status = None
            except (OSError, http.client.HTTPException) as error:
                self.failed.append(f"{coupon} at {port}: {type(error).__name__} {error}")
                return
            if status == 202:
                self.accepted.append(coupon)
                return
            if status not in (None, 503):
                self.failed.append(f"{coupon} at {port}: {status}")
                return
            time.sleep(0.02)
        self.failed.append(f"{coupon}: no answer in {TRIES_S} s of trying")

    def _try(self, port: int, coupon: str) -> int:
        connection = self._connection(port)
        headers = {"Content-Type": "application/json", "Connection": "keep-alive" if self.keeps else "close"}
        connection.request("POST", "/v1/coupons", body(coupon), headers)
        answer = connection.getresponse()
        answer.read()
        if not self.keeps or answer.will_close:
            connection.close()
            self.connections.pop(port, None)
        return answer.status

    def _connection(self, port: int) -> http.client.HTTPConnection:
        known = self.connections.get(port)
        if known is not None and known.sock is not None and not select.select([known.sock], [], [], 0)[0]:
            return known
        fresh = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
        fresh.connect()
        self.connections[port] = fresh
        return fresh


class Load:
    def __init__(self, ports: Sequence[int], count: int = 6) -> None:
        self.clients = [Client(ports, f"c{number}", number % 2 == 0) for number in range(count)]

    def __enter__(self) -> "Load":
        for client in self.clients:
            client.start()
        wait_for(lambda: len(self.accepted()) > 30, "accepted coupons")
        return self

    def __exit__(self, *_: object) -> None:
        for client in self.clients:
            client.stopping.set()
        for client in self.clients:
            client.join()

    def accepted(self) -> list[str]:
        return [name for client in self.clients for name in client.accepted]

    def go_on(self, more: int = 100) -> None:
        """Returns after so many more."""
        goal = len(self.accepted()) + more
        wait_for(lambda: len(self.accepted()) >= goal or self.failed(), f"{more} more accepted coupons")

    def failed(self) -> list[str]:
        return [text for client in self.clients for text in client.failed]


def end(process: Process) -> None:
    """SIGTERM, and the end in time, by itself."""
    begun = served_s()
    process.signal(signal.SIGTERM)
    assert process.child.wait(60) == 0
    assert served_s() - begun < EXIT_WITHIN_S


@pytest.fixture
def second(server_factory) -> Callable[[Stack, str], Process]:
    """make(app, verb): another process of that verb beside the application's own, ended with the test."""
    made: list[Process] = []

    def make(app: Stack, verb: str) -> Process:
        env, ready = dict(app.env), None
        if verb == "serve":
            port, ops_port = own_ports(2)
            env |= {"PORT": str(port), "OPS_BIND": f"127.0.0.1:{ops_port}"}
            ready = http_ready(f"http://127.0.0.1:{ops_port}/readyz/write")
        env["INGEST_INSTANCE"] = f"{app.name}-2"
        process = Process(f"{verb}-2", [app.binary, verb], app.dir / f"{verb}-2.log", env, ready=ready, cwd=TOP)
        made.append(process)
        return process.start()

    yield make
    for process in made:
        process.stop()


def test_two_nodes_are_restarted_in_turn(server_factory, second) -> None:
    app = server_factory()
    app.serve.ready = http_ready(f"{app.ops_url}/readyz/write")
    node = second(app, "serve")
    with Load([app.port, int(node.env["PORT"])]) as load:
        for process in (app.serve, node) * 2:
            end(process)
            load.go_on()
            process.start()
            load.go_on()
    assert load.failed() == []
    app.assert_stored(load.accepted())


def test_a_successor_on_the_same_port(server_factory) -> None:
    """It takes the port over while its predecessor is still answering what it has read."""
    app = server_factory()
    with Load([app.port]) as load:
        for turn in range(3):
            old, app.serve = app.serve, Process("serve", app.serve.argv, app.dir / f"serve-{turn}.log", app.env,
                                                ready=app.serve.ready, cwd=TOP)
            old.signal(signal.SIGTERM)
            app.serve.start()
            assert old.child.wait(60) == 0
            load.go_on()
    assert load.failed() == []
    app.assert_stored(load.accepted())


def test_ingest_processes_are_restarted_in_turn(server_factory, second) -> None:
    app = server_factory(index=True)
    other = second(app, "ingest")
    with Load([app.port]) as load:
        for process in (app.ingest, other) * 2:
            end(process)
            load.go_on()
            process.start()
            load.go_on()
        end(app.index)
    assert load.failed() == []
    app.assert_stored(load.accepted())


@contextlib.contextmanager
def silence(server: Database | Kafka) -> Iterator[None]:
    server.pause()
    try:
        yield
    finally:
        server.resume()


@pytest.fixture
def ingesting(server_factory, own_servers) -> Stack:
    """An application whose ingest has all partitions, over servers that may be silenced."""
    database, kafka = own_servers
    app = server_factory(database=database, kafka=kafka)
    wait_for(lambda: owned(app.ingest) == 12, "ingest to have all partitions")
    return app


def test_ingest_ends_while_kafka_is_silent(ingesting: Stack) -> None:
    with silence(ingesting.kafka):
        time.sleep(1)  # ingest tells Kafka every 0.5 s how far it is, and waits for the answers when it ends
        end(ingesting.ingest)


def test_ingest_ends_while_the_database_is_silent(ingesting: Stack) -> None:
    with silence(ingesting.database):
        wait_for(lambda: requests.post(f"{ingesting.base_url}/v1/coupons", data=body("silent"), timeout=10,
                                       headers={"Content-Type": "application/json"}).status_code == 202, "the coupon to be taken")
        time.sleep(3.5)  # ingest has it by now, or says a word to an idle connection: it waits for the database
        end(ingesting.ingest)
    assert "the database is waited for no longer" in ingesting.ingest.log.read_text()
    ingesting.ingest.start()
    ingesting.assert_stored(["silent"])
