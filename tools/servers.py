"""A private database server and a private Kafka broker, each with its files below a folder and bound to 127.0.0.1.

Both can be stopped, killed, frozen and started again on the data they had. Nothing outside the folder is touched, except a
Unix socket below /tmp when the folder's path is too long for one.
"""

from __future__ import annotations

import base64
import json
import os
import secrets
import shutil
import socket
import struct
import uuid
from pathlib import Path
from typing import Optional, Sequence

from kafka_wire import KafkaWire
from processes import Process, StackError, require_free_port, run_logged

TOP = Path(__file__).resolve().parent.parent
DEPS = TOP / ".deps"
CONF = TOP / "conf"


class _Server:
    """What Database and Kafka have in common: a process that is made at start()."""

    process: Optional[Process] = None

    def start(self, wait: bool = True):
        raise NotImplementedError

    def stop(self) -> None:
        if self.process is not None:
            self.process.stop()

    def kill9(self) -> None:
        if self.process is not None:
            self.process.kill9()

    def restart(self):
        self.stop()
        return self.start()

    def pause(self) -> None:
        if self.process is not None:
            self.process.pause()

    def resume(self) -> None:
        if self.process is not None:
            self.process.resume()

    def running(self) -> bool:
        return self.process is not None and self.process.running()


class Database(_Server):
    """A database server with its files below `state_dir`; `kind` is mariadb or mysql.

    It has a database `tipster`, and a user `tipster` who may use it and every database named tipster_*. The users `api` and
    `ingest` have no rights until grant(). Passwords are made once and kept in a file only the owner can read.
    """

    USERS = ("root", "tipster", "api", "ingest")

    def __init__(self, state_dir: Path | str, port: int, kind: str = "mariadb", buffer_pool_mb: int = 256,
                 extra: Sequence[str] = (), setting: str = "DATABASE_PORT") -> None:
        if kind not in ("mariadb", "mysql"):
            raise StackError(f"unknown database kind '{kind}' (mariadb or mysql)")
        self.kind = kind
        self.port = port
        self.setting = setting
        self.dir = Path(state_dir).resolve() / kind
        self.data = self.dir / "data"
        self.tmp = self.dir / "tmp"  # of its own: a server that starts removes others' files from a shared one
        self.log = self.dir / "server.log"
        self.socket = self._socket_path()
        self.buffer_pool_mb = buffer_pool_mb
        self.extra = list(extra)
        self._passwords: dict[str, str] = {}

    def _socket_path(self) -> Path:
        # A Unix socket's path has room for 107 bytes; deep state folders get one in the temporary directory.
        path = self.dir / "server.sock"
        if len(str(path)) <= 100:
            return path
        return Path("/tmp") / f"tipster-{os.getuid()}-{uuid.uuid5(uuid.NAMESPACE_URL, str(path)).hex[:16]}.sock"

    def _server_argv(self) -> list[str | os.PathLike]:
        user = ["--user=root"] if os.getuid() == 0 else []
        if self.kind == "mariadb":
            return ["/usr/sbin/mariadbd", f"--defaults-file={CONF / 'mariadb' / 'mariadb.cnf'}", *user]
        root = DEPS / "mysql"
        return [root / "bin" / "mysqld", f"--defaults-file={CONF / 'mariadb' / 'mysql.cnf'}", *user,
                f"--basedir={root}", f"--lc-messages-dir={root / 'share'}", f"--character-sets-dir={root / 'share' / 'charsets'}"]

    def _create(self) -> None:
        """Makes the data directory; a half-made one from an interrupted start is made anew."""
        marker = self.dir / "created"
        if marker.exists():
            return
        if self.data.exists():
            shutil.rmtree(self.data)
        self.tmp.mkdir(parents=True, exist_ok=True)
        self.log.unlink(missing_ok=True)
        if self.kind == "mariadb":
            user = ["--user=root"] if os.getuid() == 0 else []
            run_logged("making the database's files", [
                "/usr/bin/mariadb-install-db", f"--defaults-file={CONF / 'mariadb' / 'mariadb.cnf'}", *user,
                f"--datadir={self.data}", f"--tmpdir={self.tmp}", "--skip-test-db", "--skip-name-resolve"], self.log)
        else:
            run_logged("making the database's files",
                       [*self._server_argv(), f"--datadir={self.data}", f"--tmpdir={self.tmp}", "--initialize-insecure"],
                       self.log)
        marker.touch()

    def passwords(self) -> dict[str, str]:
        """{"root": …, "tipster": …, …}"""
        if not self._passwords:
            path = self.dir / "passwords.json"
            known = json.loads(path.read_text()) if path.exists() else {}
            if set(self.USERS) - set(known):
                self.dir.mkdir(parents=True, exist_ok=True)
                made = {name: secrets.token_hex(16) for name in self.USERS} | known
                temporary = path.with_suffix(".new")
                temporary.touch(mode=0o600)
                temporary.write_text(json.dumps(made))
                temporary.replace(path)
            self._passwords = json.loads(path.read_text())
        return self._passwords

    def _write_init_file(self) -> Path:
        """Statements that the server runs at every start; all of them can be repeated."""
        password = self.passwords()
        lines = [f"alter user 'root'@'localhost' identified by '{password['root']}';",
                 "create database if not exists tipster;"]
        for host in ("localhost", "127.0.0.1"):
            for user in self.USERS[1:]:
                lines += [f"create user if not exists '{user}'@'{host}' identified by '{password[user]}';",
                          f"alter user '{user}'@'{host}' identified by '{password[user]}';"]
            lines += [f"grant all on tipster.* to 'tipster'@'{host}';",
                      f"grant all on `tipster\\_%`.* to 'tipster'@'{host}';"]
        path = self.dir / "init.sql"
        path.touch(mode=0o600)
        path.write_text("\n".join(lines) + "\n")
        return path

    def start(self, wait: bool = True) -> "Database":
        require_free_port(self.port, self.setting)
        self._create()
        self.tmp.mkdir(exist_ok=True)
        argv = [*self._server_argv(), f"--datadir={self.data}", f"--tmpdir={self.tmp}", f"--socket={self.socket}", f"--port={self.port}",
                f"--pid-file={self.dir / 'server.pid'}", f"--init-file={self._write_init_file()}",
                f"--innodb-buffer-pool-size={self.buffer_pool_mb}M", *self.extra]
        self.process = Process(self.kind, argv, self.log, ready=self._ready, ready_timeout_s=300, stop_timeout_s=30)
        self.process.start(wait)
        return self

    def _ready(self) -> bool:
        """The server says its greeting on the TCP port: the init file has been run by then."""
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=2) as connection:
                greeting = connection.recv(16)
                return len(greeting) > 4 and greeting[4] == 10
        except OSError:
            return False

    def url(self, database: str = "tipster", user: str = "tipster") -> str:
        return f"mysql://{user}:{self.passwords()[user]}@127.0.0.1:{self.port}/{database}"

    def grant(self, statements: str) -> None:
        """Runs what `tipster migrate --grants` has printed."""
        with self.connect(None, "root") as connection, connection.cursor() as cursor:
            for line in statements.splitlines():
                cursor.execute(line)

    def connect(self, database: Optional[str] = "tipster", user: str = "tipster", **options):
        """A pymysql connection by the Unix socket; user "root" may do everything."""
        import pymysql

        options.setdefault("autocommit", True)
        options.setdefault("charset", "utf8mb4")
        return pymysql.connect(unix_socket=str(self.socket), user=user, password=self.passwords()[user],
                               database=database, **options)


class Kafka(_Server):
    """One Kafka node (broker and controller in one JVM); its log is kept below `state_dir`."""

    def __init__(self, state_dir: Path | str, port: int, controller_port: Optional[int] = None, heap_mb: int = 512,
                 setting: str = "KAFKA_PORT", session_ms: Optional[int] = None) -> None:
        """session_ms: after so long a silence it counts as gone (None: as in conf/kafka, where it may be killed)."""
        self.port = port
        self.session_ms = session_ms
        self.controller_port = controller_port if controller_port is not None else port + 1
        self.setting = setting
        self.dir = Path(state_dir).resolve() / "kafka"
        self.data = self.dir / "data"
        self.log = self.dir / "server.log"
        self.heap_mb = heap_mb

    @property
    def bootstrap(self) -> str:
        return f"127.0.0.1:{self.port}"

    def _java(self, main: str, *arguments: str | os.PathLike, heap_mb: int, initial_mb: int) -> list[str]:
        ours = sorted(Path("/usr/lib/jvm").glob("java-17-openjdk-*/bin/java"))
        return [str(ours[0]) if ours else "/usr/bin/java", f"-Xmx{heap_mb}m", f"-Xms{initial_mb}m", "-XX:+UseG1GC", "-XX:MaxGCPauseMillis=20",
                "-XX:+ExitOnOutOfMemoryError", "-Djava.awt.headless=true",
                f"-Dkafka.logs.dir={self.dir}", f"-Dlog4j2.configurationFile={CONF / 'kafka' / 'log4j2.properties'}",
                "-cp", str(DEPS / "kafka" / "libs" / "*"), main, *[str(part) for part in arguments]]

    def _write_properties(self) -> Path:
        if not (DEPS / "kafka" / "libs").is_dir():
            raise StackError("Kafka is not there yet: run tools/deps first")
        self.dir.mkdir(parents=True, exist_ok=True)
        path = self.dir / "server.properties"
        path.write_text((CONF / "kafka" / "server.properties").read_text() + "\n".join([
            "",
            f"listeners=PLAINTEXT://127.0.0.1:{self.port},CONTROLLER://127.0.0.1:{self.controller_port}",
            f"advertised.listeners=PLAINTEXT://127.0.0.1:{self.port}",
            f"controller.quorum.voters=1@127.0.0.1:{self.controller_port}",
            f"log.dirs={self.data}",
            *([f"broker.session.timeout.ms={self.session_ms}"] if self.session_ms is not None else []),
            ""]))
        return path

    def _format(self, properties: Path) -> None:
        if (self.data / "meta.properties").exists():
            return
        if self.data.exists():
            shutil.rmtree(self.data)
        cluster = _cluster_id()
        run_logged("formatting Kafka's storage", self._java(
            "kafka.tools.StorageTool", "format", "--cluster-id", cluster, "--config", properties,
            heap_mb=128, initial_mb=32), self.log)

    def start(self, wait: bool = True) -> "Kafka":
        require_free_port(self.port, self.setting)
        require_free_port(self.controller_port, self.setting)
        properties = self._write_properties()
        self._format(properties)
        argv = self._java("kafka.Kafka", properties, heap_mb=self.heap_mb, initial_mb=min(256, self.heap_mb))
        self.process = Process("kafka", argv, self.log, ready=self._ready, ready_timeout_s=300, stop_timeout_s=30)
        self.process.start(wait)
        return self

    def _ready(self) -> bool:
        """Metadata names one broker: it is registered and not fenced."""
        wire = KafkaWire("127.0.0.1", self.port, timeout_s=2)
        try:
            return wire.metadata()[0] > 0
        except (OSError, struct.error):
            return False
        finally:
            wire.close()


def _cluster_id() -> str:
    """A random cluster id in Kafka's form: 16 bytes in URL-safe base64 without padding."""
    # Not one that begins with "-": Kafka's own tool would take it for an option.
    return "k" + base64.urlsafe_b64encode(uuid.uuid4().bytes).decode()[1:22]
