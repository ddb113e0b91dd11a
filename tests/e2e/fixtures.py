"""The real thing as fixtures: a database and a Kafka broker once per run, and the application over them.

stack           (session) the application most tests share: serve + ingest + index, company "demo", database `tipster`.
server_factory  (function) make(env=…) starts another one with a database and topics of its own on the same two servers, for
                tests that kill processes or need other settings; it is stopped and dropped when the test ends.
own_servers     (function) another database and broker, for tests that break those: both run when the test begins.

Environment: DB=mariadb|mysql, TIPSTER_BUILD=folder of the binaries (build), KEEP_STATE=1 keeps data and logs and says where.
Ports are free ones from 30000 on. Every process ends with the test run, however it ends.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import tempfile
import threading
from pathlib import Path
from typing import Callable, Iterable, Iterator, Mapping, Optional

import pytest
import requests

from kafka_wire import KafkaWireError
from patience import wait_for
from records import user
from stack import TOP, App, Database, Kafka, free_ports, http_ready, last_lines, start_servers, stop_all
from view_file import holding

DB_KIND = os.environ.get("DB", "mariadb")
BUILD = Path(os.environ.get("TIPSTER_BUILD", TOP / "build"))
# Processes of one run (pytest -n 2: gw0, gw1) take their ports from ranges of their own.
_PROCESS = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0")[2:]) % 2
FIRST_PORT, LAST_PORT = 30000 + 1350 * _PROCESS, 31340 + 1350 * _PROCESS
MADE = pytest.StashKey[list]()
SANITIZER_REPORT = re.compile(r"AddressSanitizer|LeakSanitizer|runtime error:")


class Stack(App):
    """App with what tests want on top.

    stack.serve, .ingest, .index   Process: kill9(), pause(), resume(), restart(), stop(), start(), children(), pid, log
    stack.database, stack.kafka the servers behind it, with the same verbs
    stack.key("company", "scope", …)  a key that works, for tests of what the anonymous company may not do
    stack.base_url, ops_url, wait_caught_up(), assert_stored(ids), behind(), run("verb", …), topics(), env
    """

    company = "demo"
    _view_lock = threading.Lock()

    def db(self, user: str = "tipster", **options):
        """A new pymysql connection to the application's database; user="root" may do everything. It closes itself in `with`."""
        return self.connect(user=user, **options)

    def wait_caught_up(self, timeout_s: float = 300, tell=None) -> None:
        """Returns once what was in Kafka is in the database and, when index was started, in the view: both paths answer alike."""
        super().wait_caught_up(timeout_s, tell)
        if not (self.with_index and self.index.running()):
            return
        ends = self.known_ends()
        with self._view_lock:  # a file is open once in a process
            wait_for(lambda: holding(self, ends) or not self.index.running(), "the view to hold what was sent", timeout_s, 0.01)

    def known_ends(self) -> dict[tuple[str, int], int]:
        """ends(), asked again while a broker that has just come back has no leader for a partition."""
        found: list[dict[tuple[str, int], int]] = []

        def asked() -> bool:
            with contextlib.suppress(OSError, KafkaWireError):
                found.append(self.ends())
            return bool(found)

        wait_for(asked, "Kafka to say how much it has")
        return found[0]

    def assert_stored(self, coupon_ids: Iterable[str]) -> None:
        """Each of these coupons that were accepted is in the database, and none is there twice."""
        self.wait_caught_up()
        with self.db() as connection, connection.cursor() as cursor:
            cursor.execute("select coupon_id from coupons")
            stored = [row[0].decode() for row in cursor.fetchall()]
        assert len(stored) == len(set(stored))
        assert set(coupon_ids) <= set(stored), f"lost: {sorted(set(coupon_ids) - set(stored))[:5]}"

    def key(self, company: str = "demo", *scopes: str) -> str:
        """A key of a company that serve knows by now; the company is made when there is none. Without scopes: all of them.

        Send it as {"Authorization": "Bearer …"} or {"X-API-Key": …}. The same arguments give the same key.
        """
        words = ",".join(scopes or ("ingest", "read", "admin"))
        keys = self.__dict__.setdefault("_keys", {})
        if (company, words) not in keys:
            if company not in [row["company"] for row in json.loads(self.run("company", "list", "--json").stdout)]:
                self.run("company", "add", company)
            made = json.loads(self.run("key", "add", company, "--scope", words, "--json").stdout)
            self.wait_key(made["key"])
            keys[company, words] = made["key"]
        return keys[company, words]

    def workers(self) -> list[int]:
        """The ids of serve's worker processes."""
        return self.serve.children()


# Whoever breaks no server is not to fail because one was slow for a moment; below the clients' 10 s.
PATIENT = {"REQUEST_DEADLINE_MS": "9000", "DATABASE_TIMEOUT_MS": "6000"}
IMPATIENT = {"REQUEST_DEADLINE_MS": "2000", "DATABASE_TIMEOUT_MS": "1000"}  # the defaults

_given: set[int] = set()  # ports of applications that may not have begun, and of servers that may be down


def own_ports(count: int) -> list[int]:
    """Free ones of this process's range."""
    while True:
        found = free_ports(count, FIRST_PORT, LAST_PORT)
        if not _given & set(found):
            return found


def _env(changes: Optional[Mapping[str, str]] = None) -> dict[str, str]:
    return {"ANONYMOUS_COMPANY": Stack.company, "LOG_LEVEL": "info", **(changes or {})}


@pytest.fixture(scope="session")
def state_dir() -> Iterator[Path]:
    """A folder for data and logs of the whole run."""
    path = Path(tempfile.mkdtemp(prefix="tipster-test-"))
    try:
        yield path
    finally:
        if os.environ.get("KEEP_STATE") == "1":
            print(f"\nKEEP_STATE: {path}")
        else:
            shutil.rmtree(path, ignore_errors=True)


def _take_first_write(servers: tuple[Database, Kafka], directory: Path) -> None:
    """A broker that has just been started may answer its first write too late: one that nobody minds."""
    app = Stack(directory / "first-write", *servers, *own_ports(2), _env({**PATIENT, "KAFKA_PARTITIONS": "4"}), name="tipster_first",
                build_dir=BUILD)
    try:
        app.migrate()
        app.serve.start()
        wait_for(lambda: requests.post(f"{app.base_url}/v1/users", json=user(), timeout=10).status_code == 202,
                 "the first write to be taken")
    finally:
        app.stop()
        app.drop()


@pytest.fixture(scope="session")
def servers(state_dir: Path) -> Iterator[tuple[Database, Kafka]]:
    """The database and the broker that all tests share."""
    # Nobody kills this broker; one that had no processor for some seconds is not to lose its partitions.
    database, kafka = start_servers(state_dir, FIRST_PORT, LAST_PORT, DB_KIND, kafka_session_ms=60000)
    try:
        _take_first_write((database, kafka), state_dir)
        yield database, kafka
    finally:
        stop_all([kafka, database])


def _require_clean_log(app: App) -> None:
    for process in app.processes():
        if process.log.exists() and SANITIZER_REPORT.search(process.log.read_text(errors="replace")):
            pytest.fail(f"a sanitizer reports in {process.log}:\n" + last_lines(process.log, 60))


@pytest.fixture(scope="session")
def stack(servers: tuple[Database, Kafka], state_dir: Path) -> Iterator[Stack]:
    """The application that tests share; who kills its processes uses server_factory instead."""
    database, kafka = servers
    port, ops_port = own_ports(2)
    app = Stack(state_dir / "shared", database, kafka, port, ops_port, _env({**PATIENT, "VIEW_BEHIND_MS": "60000"}), build_dir=BUILD)
    try:
        app.start()
        yield app
        _require_clean_log(app)
    finally:
        app.stop()


_made = 0


@pytest.fixture
def server_factory(request: pytest.FixtureRequest, servers: tuple[Database, Kafka],
                   state_dir: Path) -> Iterator[Callable[..., Stack]]:
    """make(env=None, start=True, build_dir=…, database=…, kafka=…, index=False) -> Stack, stopped and dropped when the test ends.

    Its requests are patient (PATIENT), but not over servers that the test may break.
    With start=False nothing runs yet: the test calls migrate(), serve.start(), ingest.start() itself. Its topics have 4 partitions.
    index=True starts `tipster index` as well.
    """
    made: list[Stack] = []
    request.node.stash[MADE] = made

    def make(env: Optional[Mapping[str, str]] = None, start: bool = True, build_dir: Path | str = BUILD,
             database: Optional[Database] = None, kafka: Optional[Kafka] = None, index: bool = False) -> Stack:
        global _made
        _made += 1
        name = f"tipster_{os.getpid()}_{_made}"
        port, ops_port = own_ports(2)
        _given.update((port, ops_port))
        app = Stack(state_dir / name, database or servers[0], kafka or servers[1], port, ops_port,
                    _env({"KAFKA_PARTITIONS": "4", "INGEST_SESSION_MS": "6000", **({} if database else PATIENT), **(env or {})}), name=name,
                    build_dir=build_dir, with_index=index)
        made.append(app)
        if start:
            app.start()
            if "starting without" in app.serve.log.read_text():  # too slow a moment: it goes on looking
                wait_for(http_ready(f"{app.ops_url}/readyz/write"), "serve to know its servers")
        return app

    try:
        yield make
        for app in made:
            _require_clean_log(app)
    finally:
        stop_all(made)
        for app in made:
            _given.difference_update((app.port, app.ops_port))
            if app.database.running():
                app.drop()


@pytest.fixture(scope="session")
def servers_to_break(state_dir: Path) -> Iterator[tuple[Database, Kafka]]:
    database, kafka = start_servers(state_dir / "to-break", FIRST_PORT, LAST_PORT, DB_KIND)
    _given.update((database.port, kafka.port, kafka.controller_port))
    try:
        _take_first_write((database, kafka), state_dir / "to-break")
        yield database, kafka
    finally:
        stop_all([kafka, database])


@pytest.fixture
def own_servers(servers_to_break: tuple[Database, Kafka], state_dir: Path) -> Iterator[tuple[Database, Kafka]]:
    """(Database, Kafka) that the test may break, for server_factory(database=…, kafka=…); the next such test mends them."""
    down = [server for server in servers_to_break if not server.running()]
    for server in down:
        server.start()
    for server in servers_to_break:
        server.process.wait_ready()  # a broker that was frozen registers anew
    if down:
        _take_first_write(servers_to_break, state_dir / "to-break")
    yield servers_to_break
    for server in servers_to_break:
        server.resume()


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo):
    """A failing test shows how the logs of its processes end."""
    outcome = yield
    report = outcome.get_result()
    if report.when == "call" and report.failed:
        apps = [value for value in getattr(item, "funcargs", {}).values() if isinstance(value, App)]
        for app in apps + item.stash.get(MADE, []):
            for process in app.processes():
                report.sections.append((f"the end of {process.log}", last_lines(process.log)))
