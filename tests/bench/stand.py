"""The servers of one benchmark run, below a folder of their own, and the tools that load them."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Iterable, Iterator, Mapping, Optional, Sequence

from kafka_wire import KafkaWire, KafkaWireError
from patience import wait_for
from stack import TOP, App, Database, Kafka, Process, StackError, free_ports, last_lines, stop_all

HERE = Path(__file__).resolve().parent
WRK = "/usr/bin/wrk"
COMPANY = "bench"
KAFKA_TOOLS = TOP / ".deps" / "kafka-tools"
KAFKA_TOOLS_JAR = "kafka-tools-4.1.0.jar"
MAVEN_PLUGIN = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1"
KAFKA_LIBS = TOP / ".deps" / "kafka" / "libs"


class WrkResult:
    """What one run of wrk saw; times in milliseconds, rates per second."""

    def __init__(self, said: dict) -> None:
        self.answered = said["requests"]
        self.not_2xx = said["not_2xx"]
        self.ok = self.answered - self.not_2xx
        self.lost = said["connect_errors"] + said["read_errors"] + said["write_errors"] + said["timeouts"]
        self.seconds = said["duration_us"] / 1e6
        self.rate = self.ok / self.seconds
        self.p50_ms = said["p50_us"] / 1000
        self.p90_ms = said["p90_us"] / 1000
        self.p99_ms = said["p99_us"] / 1000
        self.max_ms = said["max_us"] / 1000
        self.bytes_per_answer = said["bytes"] / max(1, self.answered)


class Stand:
    """Database, broker, and any number of applications over them; close() ends all of it."""

    def __init__(self, folder: Path, build_dir: Path, first_port: int, database_kind: str, buffer_pool_mb: int) -> None:
        self.folder = folder
        self.build_dir = build_dir
        self.ports = iter(free_ports(24, first_port, first_port + 900))
        database_port, kafka_port, controller_port = (next(self.ports) for _ in range(3))
        self.database = Database(folder, database_port, database_kind, buffer_pool_mb)
        self.kafka = Kafka(folder, kafka_port, controller_port)
        self.apps: list[App] = []
        self.tools: list[Process] = []
        self._runs = 0
        self._wire = KafkaWire("127.0.0.1", kafka_port)

    def start(self) -> None:
        self.kafka.start(wait=False)
        self.database.start()
        self.kafka.process.wait_ready()

    def close(self) -> None:
        self._wire.close()
        stop_all([*self.tools, *self.apps, self.kafka, self.database])

    # ---- the application

    def app(self, name: str, prefix: str, env: Optional[Mapping[str, str]] = None, socket: bool = False,
            index: bool = False) -> App:
        """Not started. `prefix` names its topics; several applications may share them. socket: the database by Unix socket."""
        settings = {"ANONYMOUS_COMPANY": COMPANY, "LOG_LEVEL": "info", "KAFKA_TOPIC_PREFIX": prefix, **(env or {})}
        app = App(self.folder / name, self.database, self.kafka, next(self.ports), next(self.ports), settings, name,
                  self.build_dir, with_index=index)
        if socket:
            app.serve.env["DATABASE_URL"] += f"?socket={self.database.socket}"
        self.apps.append(app)
        return app

    def processes(self) -> dict[str, list[int]]:
        """Everything that runs, by name, for the sampler."""
        found: dict[str, list[int]] = {}
        for server, name in ((self.database, self.database.kind), (self.kafka, "kafka")):
            if server.running():
                found[name] = [server.process.pid]
        for app in self.apps:
            if app.serve.running():
                found.setdefault("serve parent", []).append(app.serve.pid)
                found.setdefault("serve worker", []).extend(app.serve.children())
            if app.ingest.running():
                found.setdefault("ingest process", []).append(app.ingest.pid)
            if app.index.running():
                found.setdefault("index process", []).append(app.index.pid)
        for tool in list(self.tools):
            if tool.running():
                found.setdefault(f"({tool.name.split()[0]})", []).append(tool.pid)
        return found

    def pids(self, *names: str) -> list[int]:
        running = self.processes()
        return [pid for name in names for pid in running.get(name, [])]

    def records(self, app: App) -> int:
        """Coupon records in Kafka; read until it stands still."""
        topic, seen = app.topics()[2], [-2, -1]

        def still() -> bool:
            try:
                seen.append(sum(self._wire.end_offsets([topic]).values()))
            except KafkaWireError:  # a new topic's partitions have no leader in the first moment
                seen.append(-1)
            return seen[-1] >= 0 and seen[-1] == seen[-2]

        wait_for(still, "the topic to stand still", 60, 0.3)
        return seen[-1]

    # ---- loads

    def tool(self, name: str, argv: Sequence[str | os.PathLike], timeout_s: float, env: Optional[Mapping[str, str]] = None) -> str:
        """Runs a program that ends by itself; what it said. Those that run at the same time have different names."""
        log = self.folder / "tools" / f"{name}.log"
        log.unlink(missing_ok=True)
        process = Process(name, argv, log, {**os.environ, **(env or {})})
        self.tools.append(process)
        try:
            process.start()
            try:
                status = process.child.wait(timeout_s)
            except subprocess.TimeoutExpired:
                raise StackError(f"{name} has not ended after {timeout_s:.0f} s") from None
        finally:
            process.stop()
            self.tools.remove(process)
        said = log.read_text(errors="replace")
        if status != 0:
            raise StackError(f"{name} failed (status {status}):\n" + last_lines(log))
        return said

    def run_tag(self) -> str:
        """A text of fixed length that no other run of this benchmark has."""
        self._runs += 1
        return f"{int(time.time()) % 100000:05d}{self._runs:03d}"

    def wrk(self, script: str, url: str, connections: int, seconds: float, *arguments: str | int, pause_ms: float = 0) -> WrkResult:
        """pause_ms: how long each connection rests after an answer, on average."""
        said = self.tool(f"wrk {script}", [WRK, "-t", "2", "-c", str(connections), "-d", f"{max(1, round(seconds))}s",
                                 "--timeout", "10s", "-s", HERE / "lua" / script, url, "--",
                                 *[str(argument) for argument in arguments]], seconds + 60, {"PAUSE_MS": str(pause_ms)})
        for line in said.splitlines():
            if line.startswith("WRK "):
                result = WrkResult(json.loads(line[4:]))
                if result.answered == 0:
                    raise StackError(f"no answer at all from {url}:\n{said}")
                return result
        raise StackError(f"wrk gave no result:\n{said}")

    def view_bench(self, folder: Path, users: int, events: int, selections: int, *options: str | int) -> list[dict]:
        """What view_bench (view_bench.c) says of the view in the folder, line by line."""
        said = self.tool("view_bench", [self.build_dir / "tests" / "unit" / "view" / "view_bench", folder, "--users", str(users),
                                        "--events", str(events), "--selections", str(selections), *map(str, options)], 900)
        return [json.loads(line) for line in said.splitlines() if line.startswith("{")]

    def kafka_producer_tool(self) -> Optional[list[str]]:
        """The start of the command line of Kafka's own ProducerPerformance; fetched once. None when it cannot be."""
        jar = KAFKA_TOOLS / KAFKA_TOOLS_JAR
        if not jar.exists() and shutil.which("mvn"):
            KAFKA_TOOLS.mkdir(parents=True, exist_ok=True)
            subprocess.run(["mvn", "-B", "-ntp", "-q", "-f", TOP / "conf" / "kafka" / "pom.xml", f"{MAVEN_PLUGIN}:copy",
                            "-Dartifact=org.apache.kafka:kafka-tools:4.1.0:jar", f"-DoutputDirectory={KAFKA_TOOLS}"],
                           stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
        checked = subprocess.run(["sha256sum", "--quiet", "--strict", "-c", HERE / "kafka-tools.sha256"], cwd=KAFKA_TOOLS,
                                 capture_output=True, check=False) if jar.exists() else None
        if checked is None or checked.returncode != 0:
            return None
        java = next(iter(sorted(Path("/usr/lib/jvm").glob("java-17-openjdk-*/bin/java"))), Path("/usr/bin/java"))
        return [str(java), "-Xmx512m", "-cp", f"{jar}:{KAFKA_LIBS}/*", "org.apache.kafka.tools.ProducerPerformance"]

    def settle_database(self, timeout_s: float = 30) -> None:
        """Waits until what earlier loads left in memory is written, so that the next one starts as the first did."""
        with self.database.connect(None, "root") as connection, connection.cursor() as cursor:
            before = {}
            for name in ("innodb_max_dirty_pages_pct_lwm", "innodb_max_dirty_pages_pct"):
                cursor.execute(f"select @@global.{name}")
                before[name] = cursor.fetchone()[0]
                cursor.execute(f"set global {name} = 0")
            deadline = time.monotonic() + timeout_s
            while time.monotonic() < deadline:
                cursor.execute("show global status like 'Innodb_buffer_pool_pages_dirty'")
                if int(cursor.fetchone()[1]) < 50:
                    break
                time.sleep(0.1)
            for name, value in reversed(before.items()):
                cursor.execute(f"set global {name} = {value}")

    def describe(self) -> dict[str, str]:
        """What the figures depend on: the machine and the versions."""
        cpu = [line.split(":", 1)[1].strip() for line in Path("/proc/cpuinfo").read_text().splitlines()
               if line.startswith("model name")]
        memory_kib = int(Path("/proc/meminfo").read_text().split()[1])
        with self.database.connect(None, "root") as connection, connection.cursor() as cursor:
            cursor.execute("select version()")
            version = cursor.fetchone()[0]
        tipster = subprocess.run([self.build_dir / "tipster", "--version"], capture_output=True, text=True, check=False)
        return {"processor": cpu[0] if cpu else "", "cores": str(os.cpu_count()), "memory": f"{memory_kib >> 10} MiB",
                "kernel": os.uname().release, "database": f"{self.database.kind} {version}, "
                f"buffer pool {self.database.buffer_pool_mb} MiB, a flush at each commit",
                "kafka": "4.1.0, one node, replication 1", "tipster": tipster.stdout.strip()}


@contextlib.contextmanager
def running_stand(name: str, build_dir: Path, first_port: int, database_kind: str, buffer_pool_mb: int,
                  state: Optional[Path] = None) -> Iterator[Stand]:
    """Ends with the block, also when a signal ends that, and leaves nothing behind but `state`, where data and logs are kept."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: sys.exit(130))
    folder = state or Path(tempfile.mkdtemp(prefix=f"tipster-{name}-"))
    stand: Optional[Stand] = None
    try:
        stand = Stand(folder.resolve(), build_dir.resolve(), first_port, database_kind, buffer_pool_mb)
        stand.start()
        yield stand
    finally:
        if stand is not None:
            stand.close()
        if state is None:
            shutil.rmtree(folder, ignore_errors=True)


def api_connection(app: App) -> http.client.HTTPConnection:
    return http.client.HTTPConnection("127.0.0.1", app.port, timeout=30)


def post_lines(connection: http.client.HTTPConnection, path: str, lines: Iterable[str]) -> None:
    """One batch. A broker that has just begun is slow at first: what is answered 503 is sent again, and changes nothing."""
    body = "\n".join(lines).encode()

    def accepted() -> bool:
        connection.request("POST", path, body, {"Content-Type": "application/x-ndjson"})
        answer = connection.getresponse()
        said = answer.read()
        if answer.status not in (202, 503):
            raise StackError(f"POST {path}: {answer.status} {said[:500].decode(errors='replace')}")
        return answer.status == 202

    wait_for(accepted, f"POST {path} to be accepted", every_s=0.1)
