"""The real thing as fixtures: a database and a Kafka broker once per run, and the application over them.

stack           (session) the application most tests share: serve + ingest + index, company "demo", database `tipster`.
server_factory  (function) make(env=…) starts another one with a database and topics of its own on the same two servers, for
                tests that kill processes or need other settings; it is stopped and dropped when the test ends.
own_servers     (function) another database and broker, for tests that break those: both run when the test begins.

Environment: DB=mariadb|mysql, TIPSTER_BUILD=folder of the binaries (build), KEEP_STATE=1 keeps data and logs and says where.
Ports are free ones from 30000 on. Every process ends with the test run, however it ends.
"""

from __future__ import annotations

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

from patience import wait_for
from records import user
from stack import TOP, App, Database, Kafka, free_ports, last_lines, start_servers, stop_all
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

    def wait_caught_up(self, timeout_s: float = 60, tell=None) -> None:
        """Returns once what was in Kafka is in the database and, when index was started, in the view: both paths answer alike."""
        super().wait_caught_up(timeout_s, tell)
        if not (self.with_index and self.index.running()):
            return
        ends = self.ends()
        with self._view_lock:  # a file is open once in a process
            wait_for(lambda: holding(self, ends) or not self.index.running(), "the view to hold what was sent", timeout_s, 0.01)

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


@pytest.fixture(scope="session")
def servers(state_dir: Path) -> Iterator[tuple[Database, Kafka]]:
    """The database and the broker that all tests share."""
    database, kafka = start_servers(state_dir, FIRST_PORT, LAST_PORT, DB_KIND)
    try:
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
    port, ops_port = free_ports(2, FIRST_PORT, LAST_PORT)
    app = Stack(state_dir / "shared", database, kafka, port, ops_port, _env(), build_dir=BUILD)
    try:
        app.start()
        # A broker that has just been started may still answer the first write too late.
        wait_for(lambda: requests.post(f"{app.base_url}/v1/users", json=user(), timeout=10).status_code == 202, "the first write to be taken")
        yield app
        _require_clean_log(app)
    finally:
        app.stop()


_made = 0


@pytest.fixture
def server_factory(request: pytest.FixtureRequest, servers: tuple[Database, Kafka],
                   state_dir: Path) -> Iterator[Callable[..., Stack]]:
    """make(env=None, start=True, build_dir=…, database=…, kafka=…, index=False) -> Stack, stopped and dropped when the test ends.

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
        port, ops_port = free_ports(2, FIRST_PORT, LAST_PORT)
        app = Stack(state_dir / name, database or servers[0], kafka or servers[1], port, ops_port,
                    _env({"KAFKA_PARTITIONS": "4", "INGEST_SESSION_MS": "6000", **(env or {})}), name=name,
                    build_dir=build_dir, with_index=index)
        made.append(app)
        return app.start() if start else app

    try:
        yield make
        for app in made:
            _require_clean_log(app)
    finally:
        stop_all(made)
        for app in made:
            if app.database.running():
                app.drop()


@pytest.fixture(scope="session")
def servers_to_break(state_dir: Path) -> Iterator[tuple[Database, Kafka]]:
    database, kafka = start_servers(state_dir / "to-break", FIRST_PORT, LAST_PORT, DB_KIND)
    try:
        yield database, kafka
    finally:
        stop_all([kafka, database])


@pytest.fixture
def own_servers(servers_to_break: tuple[Database, Kafka]) -> Iterator[tuple[Database, Kafka]]:
    """(Database, Kafka) that the test may break, for server_factory(database=…, kafka=…); the next such test mends them."""
    for server in servers_to_break:
        if not server.running():
            server.start()
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
