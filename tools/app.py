"""`tipster serve`, `tipster ingest` and `tipster index` as one thing that is started, asked whether it has caught up, and stopped."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import time
from pathlib import Path
from typing import Callable, Mapping, Optional

from kafka_wire import KafkaWire, KafkaWireError
from processes import Process, StackError, http_ready, last_lines, require_free_port
from servers import TOP, Database, Kafka


class App:
    """`tipster serve`, `tipster ingest` and `tipster index` over a database and a broker, with a database name and topics of their own.

    `env` is the whole of their settings apart from the addresses, which are set here. Without `with_index`, index is not
    started along with the others. With `separate_users` serve and index, ingest, and migrate each have a user of the database of
    their own, with the least rights.
    """

    TOPICS = ("users", "events", "coupons")

    def __init__(self, state_dir: Path | str, database: Database, kafka: Kafka, port: int, ops_port: int,
                 env: Optional[Mapping[str, str]] = None, name: str = "tipster",
                 build_dir: Path | str = TOP / "build", with_index: bool = True, separate_users: bool = False) -> None:
        self.dir = Path(state_dir).resolve()
        self.database = database
        self.kafka = kafka
        self.name = name
        self.port = port
        self.ops_port = ops_port
        self.binary = Path(build_dir).resolve() / "tipster"
        keep = ("PATH", "HOME", "LANG", "TMPDIR", "ASAN_OPTIONS", "UBSAN_OPTIONS", "LSAN_OPTIONS")
        self.env = {key: os.environ[key] for key in keep if key in os.environ}
        self.env |= {"BIND": "127.0.0.1", "KAFKA_TOPIC_PREFIX": name, "KAFKA_GROUP": f"{name}-ingest",
                     "INGEST_INSTANCE": f"{name}-1", "VIEW_DIR": str(self.dir / "view"), **(env or {}),
                     "PORT": str(port), "DATABASE_URL": database.url(name),
                     "KAFKA_BOOTSTRAP_SERVERS": kafka.bootstrap}
        self.separate_users = separate_users
        if separate_users:
            self.env |= {"DATABASE_URL": database.url(name, "api"), "INGEST_DATABASE_URL": database.url(name, "ingest"),
                         "MIGRATE_DATABASE_URL": database.url(name)}
        self.env.setdefault("OPS_BIND", f"127.0.0.1:{ops_port}")
        self.serve = Process("serve", [self.binary, "serve"], self.dir / "serve.log", self.env,
                             ready=http_ready(f"{self.base_url}/healthz"), ready_timeout_s=120, cwd=TOP)
        self.ingest = Process("ingest", [self.binary, "ingest"], self.dir / "ingest.log", self.env, cwd=TOP)
        self.index = Process("index", [self.binary, "index"], self.dir / "index.log", self.env, cwd=TOP)
        self.with_index = with_index
        self._wire = KafkaWire("127.0.0.1", kafka.port)
        self._connection = None
        self._lock = threading.Lock()

    @property
    def base_url(self) -> str:
        host = self.env["BIND"]
        return f"http://{'127.0.0.1' if host in ('', '0.0.0.0') else host}:{self.port}"

    @property
    def ops_url(self) -> str:
        return f"http://127.0.0.1:{self.ops_port}"

    def processes(self) -> tuple[Process, ...]:
        """In the order of stopping."""
        return self.serve, self.ingest, self.index

    def topics(self) -> list[str]:
        return [f"{self.env['KAFKA_TOPIC_PREFIX']}.{kind}.v1" for kind in self.TOPICS]

    def require_ports(self) -> None:
        require_free_port(self.port, "PORT")
        require_free_port(self.ops_port, "OPS_BIND")

    def run(self, *arguments: str | os.PathLike, check: bool = True, env: Optional[Mapping[str, str]] = None,
            **options) -> subprocess.CompletedProcess:
        """One `tipster` command to its end, with the same settings; with `check`, a failure is a StackError."""
        argv = [str(self.binary), *[str(part) for part in arguments]]
        options = {"capture_output": True, "text": True, "cwd": TOP, **options}
        try:
            done = subprocess.run(argv, env={**self.env, **(env or {})}, check=False, **options)
        except OSError as error:
            raise StackError(f"{self.binary}: {error.strerror} (run make build)") from None
        if check and done.returncode != 0:
            said = ((done.stderr or "") + (done.stdout or "")).strip()
            raise StackError(f"tipster {arguments[0]} failed (status {done.returncode})" + (f": {said}" if said else ""))
        return done

    def migrate(self) -> None:
        if self.name != "tipster":
            with self.database.connect(None) as connection:
                connection.cursor().execute(f"create database if not exists `{self.name}`")
        self.run("migrate")
        if self.separate_users:
            for host in ("localhost", "127.0.0.1"):
                self.database.grant(self.run("migrate", "--grants", f"api@{host},ingest@{host}").stdout)

    def start(self) -> "App":
        """Migrates, then starts the processes."""
        self.migrate()
        self.serve.start()
        self.ingest.start()
        if self.with_index:
            self.index.start()
        return self

    def connect(self, **options):
        """A pymysql connection to the database of this application."""
        return self.database.connect(self.name, **options)

    def ends(self) -> dict[tuple[str, int], int]:
        """{(topic, partition): how many records Kafka has}"""
        ends = self._wire.end_offsets(self.topics())
        absent = set(self.topics()) - {topic for topic, _ in ends}
        if absent:
            raise KafkaWireError(f"no topic {', '.join(sorted(absent))}")
        return ends

    def behind(self) -> int:
        """Records in Kafka that the database does not have yet. OSError or pymysql.Error when one is not reachable."""
        ends = self.ends()
        if self._connection is None:
            self._connection = self.connect()
        try:
            with self._connection.cursor() as cursor:
                cursor.execute("select topic, partition_id, next_offset from stream_offsets")
                stored = {(row[0].decode() if isinstance(row[0], bytes) else row[0], row[1]): row[2]
                          for row in cursor.fetchall()}
        except Exception:
            self._connection = None
            raise
        return sum(max(0, end - stored.get(partition, 0)) for partition, end in ends.items())

    def wait_caught_up(self, timeout_s: float = 300, tell: Optional[Callable[[int], None]] = None) -> None:
        """Returns once everything that was in Kafka at some moment of the call is in the database."""
        import pymysql

        deadline = time.monotonic() + timeout_s
        problem = ""
        while True:
            try:
                with self._lock:
                    count = self.behind()
                if count <= 0:
                    return
                problem = f"{count} records behind"
                if tell is not None:
                    tell(count)
            except (OSError, KafkaWireError, pymysql.Error) as error:
                problem = str(error)
            if time.monotonic() > deadline:
                raise StackError(f"ingest has not caught up after {timeout_s:.0f} s: {problem}; the end of "
                                 f"{self.ingest.log}:\n" + last_lines(self.ingest.log))
            time.sleep(0.01)

    def wait_key(self, key: str, known: bool = True, timeout_s: float = 10) -> None:
        """Returns once serve takes the key (or, with known=False, refuses it); hurries it with SIGHUP."""
        os.kill(self.serve.pid, signal.SIGHUP)
        deadline = time.monotonic() + timeout_s
        while self.takes_key(key) != known:
            if time.monotonic() > deadline:
                raise StackError(f"the key is {'not ' if known else ''}known after {timeout_s:.0f} s")
            time.sleep(0.05)

    def takes_key(self, key: str) -> bool:
        """Whether serve knows the key, whatever its scopes are."""
        import requests

        for _ in range(100):
            answer = requests.get(f"{self.base_url}/v1/users/nobody", headers={"X-API-Key": key}, timeout=10)
            if answer.status_code != 503:  # which says nothing: the database was slow
                break
            time.sleep(0.1)
        if answer.status_code not in (401, 403, 404, 429):
            raise StackError(f"a key is answered {answer.status_code}: {answer.text[:300]}")
        return answer.status_code != 401 and "wrong keys" not in answer.text

    def stop(self) -> None:
        for process in self.processes():
            process.stop()
        self._wire.close()
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def drop(self) -> None:
        """Removes its database (after stop())."""
        with self.database.connect(None) as connection:
            connection.cursor().execute(f"drop database if exists `{self.name}`")
