"""One application under load over servers that may be broken, healed, and judged by the ledger's checker.

A fault is a function that breaks something of a World and heals it again. Between faults the load goes on: every client
writes down each attempt before it is sent (tests/e2e/ledger.py).
"""

from __future__ import annotations

import os
import signal
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Callable, Mapping, Optional

import requests

from fixtures import Stack
from kafka_wire import KafkaWireError
from ledger import OK, Ledger, LedgerClient
from load import Load, check
from patience import wait_for
from proxy import Proxy
from records import coupon
from stack import TOP, Database, Kafka, Process, StackError, free_ports, stop_all

FIRST_PORT, LAST_PORT = 29000, 29900
FAULTS_BUILD = TOP / "build-faults"  # with points at which TIPSTER_FAULT breaks something (src/base/fault.h)


@dataclass(frozen=True)
class Fault:
    rows: str  # its numbers in the table of docs/reliability.md
    name: str
    part: str  # what it breaks: api, ingest, database, kafka, network, machine; in the mix, one fault per part at a time
    times: int
    inject: Callable[["World"], None]
    options: Mapping[str, Any] = field(default_factory=dict)  # of World
    note: str = ""  # how far this machine can do it
    after: Optional[Callable[["World"], None]] = None  # what else must hold at the end
    mixed: bool = True  # also in the random mix
    short: bool = False  # also in the short form, once


class World:
    """The servers, the application, its load, and what was done to them.

    build_dir, env      of the application; env of serve and of ingest alone: serve_env, ingest_env
    database_proxy      ingest talks to the database through self.proxy
    keep_running        processes that die by the fault's own doing are started again by themselves
    pause_s             of each client between two requests
    """

    def __init__(self, folder: Path, database: Database, kafka: Kafka, name: str, *, build_dir: Path = TOP / "build",
                 env: Mapping[str, str] = {}, serve_env: Mapping[str, str] = {}, ingest_env: Mapping[str, str] = {},
                 database_proxy: bool = False, keep_running: bool = False, pause_s: float = 0.01) -> None:
        self.folder = folder
        self.database = database
        self.kafka = kafka
        port, ops_port = free_ports(2, FIRST_PORT, LAST_PORT)
        self.app = Stack(folder, database, kafka, port, ops_port,
                         {"ANONYMOUS_COMPANY": Stack.company, "LOG_LEVEL": "info", "KAFKA_PARTITIONS": "4", "INGEST_SESSION_MS": "6000", **env},
                         name=name, build_dir=build_dir)
        self.app.serve.env.update(serve_env)
        self.app.ingest.env.update(ingest_env)
        self.proxy = Proxy(database.port) if database_proxy else None
        if self.proxy is not None:
            self.app.ingest.env["DATABASE_URL"] = database.url(name).replace(f":{database.port}/", f":{self.proxy.port}/")
        self.load = Load(self.app.base_url, folder / "ledgers")
        self.load.pause_s = pause_s
        self.others: list[Process] = []  # more ingest processes
        self.injected = 0
        self.slowest_recovery_s = 0.0
        self._keeper = threading.Thread(target=self._keep, daemon=True) if keep_running else None
        self._keeping = threading.Event()
        self._busy: set[str] = set()  # parts that a fault has to itself: what dies there it starts again
        self._given_back = threading.Condition()

    # ---- life

    def __enter__(self) -> "World":
        self.app.start()
        self.load.admin_key = self.app.key()
        self.probe = LedgerClient(self.app.base_url, Ledger(self._ledger("probe")), timeout_s=4)
        self.load.__enter__()
        self.wait(lambda: self.load.acknowledged() > 100, 30, "the clients to begin")
        if self._keeper is not None:
            self._keeping.set()
            self._keeper.start()
        return self

    def __exit__(self, *_: Any) -> None:
        self._keeping.clear()
        self.load.stopping.set()
        for server in (self.database, self.kafka):
            server.resume()
        for process in [*self.others, self.app.ingest]:
            process.resume()
        stop_all([*self.others, self.app])
        if self.proxy is not None:
            self.proxy.close()

    def _ledger(self, name: str) -> Path:
        folder = self.folder / "ledgers"
        folder.mkdir(parents=True, exist_ok=True)
        return folder / f"{name}.ledger"

    def _keep(self) -> None:
        while self._keeping.is_set():
            with self._given_back:
                for part, process in (("api", self.app.serve), ("ingest", self.app.ingest)):
                    if part not in self._busy and not process.running():
                        process.start(wait=False)
            time.sleep(0.2)

    def take_part(self, part: str) -> None:
        """In the mix: waits until no other fault breaks this part."""
        with self._given_back:
            self._given_back.wait_for(lambda: part not in self._busy)
            self._busy.add(part)

    def give_back(self, part: str) -> None:
        with self._given_back:
            self._busy.discard(part)
            self._given_back.notify_all()

    # ---- what faults use

    def wait(self, condition: Callable[[], object], timeout_s: float, what: str) -> float:
        return wait_for(condition, what, timeout_s, 0.02)

    def wait_said(self, process: Process, text: str, timeout_s: float) -> None:
        """Until the process has logged something anew."""
        before = process.log.stat().st_size
        self.wait(lambda: text.encode() in process.log.read_bytes()[before:], timeout_s, f"{process.name} to say '{text}'")

    def root(self, *statements: str) -> None:
        """Statements as the database's administrator."""
        with self.database.connect(self.app.name, user="root") as connection, connection.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)

    def rows(self, statement: str, *arguments: Any) -> list[tuple]:
        with self.app.connect() as connection, connection.cursor() as cursor:
            cursor.execute(statement, arguments)
            return list(cursor.fetchall())

    def more_ingest(self, number: int, start: bool = True) -> Process:
        """Another ingest process of the group."""
        process = Process(f"ingest-{number}", self.app.ingest.argv, self.app.dir / f"ingest-{number}.log",
                          {**self.app.ingest.env, "INGEST_INSTANCE": f"{self.app.name}-{number}"}, cwd=TOP)
        self.others.append(process)
        if start:
            process.start()
        return process

    def restart_ingest(self) -> None:
        if not self.app.ingest.running():
            self.app.ingest.start()

    def metric(self, name: str) -> float:
        """The sum over all workers of what /metrics says."""
        text = requests.get(f"{self.app.ops_url}/metrics", timeout=5).text
        return sum(float(line.rsplit(" ", 1)[1]) for line in text.splitlines() if line.startswith((f"{name} ", f"{name}{{")))

    # ---- judging

    def recover(self, timeout_s: float = 90) -> float:
        """Seconds until a new coupon is acknowledged and stored: the time to recover."""
        start = time.monotonic()
        while True:
            record = coupon()
            if self.probe.post("coupon", record) == OK:
                break
            assert time.monotonic() - start < timeout_s, f"no write is accepted {timeout_s:.0f} s after the fault"
            time.sleep(0.05)
        self.wait(lambda: self._stored(record["coupon_id"]), timeout_s, "a coupon to be stored after the fault")
        took_s = time.monotonic() - start
        self.slowest_recovery_s = max(self.slowest_recovery_s, took_s)
        return took_s

    def _stored(self, coupon_id: str) -> bool:
        try:
            return bool(self.rows("select 1 from coupons where coupon_id = %s", coupon_id))
        except Exception:  # noqa: BLE001 - the database may not be back yet
            return False

    def judge(self) -> dict[str, Any]:
        """Stops the load, waits until all is stored, and gives the checker's result."""
        self.load.stop()
        self.probe.ledger.close()
        for _ in range(3):
            try:
                self.app.wait_caught_up(120)
                break
            except (OSError, KafkaWireError, StackError):
                time.sleep(1)  # the checker says it when that was not enough
        return check(self.app, self.folder / "ledgers")[1]


def kill_parent(process: Process) -> None:
    """kill -9 of a server's first process only; its workers are left to notice."""
    os.kill(process.pid, signal.SIGKILL)
    process.child.wait()
