"""`tipster doctor` finds each mistake that it looks for, made on purpose here, and says what to do."""

from __future__ import annotations

import json
import shutil
import subprocess
import threading
import time
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any, Callable, Iterator, Optional

import pytest
import requests
from kafka import KafkaProducer
from kafka.admin import ConfigResource, ConfigResourceType, KafkaAdminClient

from patience import wait_for
from records import coupon
from stack import TOP


def examined(app: Any, env: Optional[dict[str, str]] = None, before: tuple[str, ...] = (),
             binary: Optional[Path] = None) -> list[dict[str, Any]]:
    """The findings; the exit code says whether something is wrong."""
    done = subprocess.run([*before, str(binary or app.binary), "doctor", "--json"], env={**app.env, **(env or {})}, cwd=TOP,
                          capture_output=True, text=True, check=False, timeout=90)
    found = json.loads(done.stdout)
    verdicts = [finding["verdict"] for finding in found["checks"]]
    assert [found[name] for name in ("ok", "warn", "fail")] == [verdicts.count(name) for name in ("ok", "warn", "fail")]
    assert done.returncode == (1 if "fail" in verdicts else 0) and done.stderr == "", done
    assert all((finding["remedy"] is None) == (finding["verdict"] == "ok") for finding in found["checks"])
    return found["checks"]


def found(findings: list[dict[str, Any]], check: str, verdict: str) -> str:
    """What is said of a check with this verdict: the detail and what to do."""
    texts = [f"{finding['detail']} -> {finding['remedy']}" for finding in findings
             if finding["check"] == check and finding["verdict"] == verdict]
    assert texts, (check, verdict, findings)
    return texts[0]


def test_all_is_well(stack: Any) -> None:
    requests.post(f"{stack.base_url}/v1/coupons", json=coupon(), timeout=10)
    findings = examined(stack)
    assert [finding for finding in findings if finding["verdict"] == "fail"] == []
    for check in ("settings", "programs", "libraries", "database", "schema", "company", "database clock", "database charset",
                  "kafka", "topics", "ports", "view", "open files"):
        found(findings, check, "ok")
    assert [finding["detail"] for finding in findings if finding["check"] == "ports" and "serve answers" not in finding["detail"]] == []
    text = stack.run("doctor", check=False).stdout
    assert "ok    database" in text and "0 wrong" in text and "\x1b" not in text


def other(url: str, **parts: Any) -> str:
    """DATABASE_URL with another password, port or database."""
    head, tail = url.split("@")
    host, database = tail.split("/")
    user = head.split("//")[1].split(":")[0]
    password = parts.get("password", head.split(":")[-1])
    return f"mysql://{user}:{password}@{host.split(':')[0]}:{parts.get('port', host.split(':')[1])}/{parts.get('database', database)}"


@pytest.mark.parametrize("change, check, verdict, says", [
    ({"PORT": "x"}, "settings", "fail", "PORT must be an integer"),
    (lambda env: {"DATABASE_URL": other(env["DATABASE_URL"], password="wrong")}, "database", "fail", "user or password is wrong"),
    (lambda env: {"DATABASE_URL": other(env["DATABASE_URL"], database="tipster_absent")}, "database", "fail", "create the database"),
    (lambda env: {"DATABASE_URL": other(env["DATABASE_URL"], database="somebody_elses")}, "database", "fail", "may not use this database"),
    (lambda env: {"DATABASE_URL": other(env["DATABASE_URL"], port=9)}, "database", "fail", "start the server"),
    ({"DATABASE_URL": "postgres://x"}, "database", "fail", "correct DATABASE_URL"),
    ({"ANONYMOUS_COMPANY": "absent"}, "company", "fail", "no company 'absent'"),
    ({"WORKERS": "64", "DATABASE_POOL": "64"}, "database connections", "warn", "max_connections"),
    ({"KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:9"}, "kafka", "fail", "start a broker"),
    ({"KAFKA_TOPIC_PREFIX": "absent"}, "topics", "fail", "there is no topic absent.users.v1 -> run `tipster migrate`"),
    ({"KAFKA_PARTITIONS": "5"}, "topics", "fail", "KAFKA_PARTITIONS says 5"),
    ({"KAFKA_RETENTION_HOURS": "1000"}, "topic retention", "fail", "keeps records for 168 h"),
    ({"KAFKA_RETENTION_HOURS": "1"}, "topic retention", "warn", "longer than"),
    ({"KAFKA_REPLICATION": "3"}, "topic replicas", "warn", "KAFKA_REPLICATION is 3"),
    ({"OPS_BIND": "192.0.2.1:5001"}, "ports", "fail", "an address of this machine"),
    ({"VIEW_DIR": ""}, "view", "warn", "from SQL"),
    ({"VIEW_DIR": "/etc/passwd/view"}, "view", "fail", "cannot write to /etc/passwd"),
    ({"CONNECTIONS_MAX": "60000"}, "open files", "warn", "LimitNOFILE"),
])
def test_a_wrong_setting(stack: Any, change: dict[str, str] | Callable[[dict[str, str]], dict[str, str]], check: str, verdict: str,
                         says: str) -> None:
    findings = examined(stack, change(stack.env) if callable(change) else change, before=("prlimit", "--nofile=20000:20000"))
    assert says in found(findings, check, verdict)


@pytest.fixture
def stranger() -> Iterator[int]:
    """The port of a server that is not Tipster's."""
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_error(404)

        def log_message(self, *arguments: Any) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server.server_port
    server.shutdown()
    server.server_close()


def test_ports_that_others_have(stack: Any, stranger: int) -> None:
    findings = examined(stack, {"PORT": str(stranger), "OPS_BIND": f"127.0.0.1:{stranger}"})
    taken = [finding["detail"] for finding in findings if finding["check"] == "ports" and finding["verdict"] == "fail"]
    assert len(taken) == 2 and all("taken by another program" in detail for detail in taken)


def test_a_full_disk(stack: Any) -> None:
    """/proc has no room at all; who may not even write there is told that."""
    findings = [finding for finding in examined(stack, {"VIEW_DIR": "/proc/view"}) if finding["verdict"] == "fail"]
    assert [finding["check"] in ("view", "view disk") for finding in findings] == [True]


def clock_of(offset: str) -> tuple[str, ...]:
    """Another time of day. The monotonic clock stays the kernel's, by which waits end that faketime does not know."""
    return ("env", "FAKETIME_DONT_FAKE_MONOTONIC=1", "faketime", "-f", offset)


def test_the_clock_of_the_database(stack: Any) -> None:
    """A few seconds either way are to be thought about, more than half a minute is wrong; whose clock it is is told."""
    assert "behind ours" in found(examined(stack, before=clock_of("+3s")), "database clock", "warn")
    assert "ahead of ours" in found(examined(stack, before=clock_of("-3s")), "database clock", "warn")
    for offset, says in (("+40s", "s behind ours -> set both machines' clocks"), ("-40s", "s ahead of ours -> set both")):
        assert says in found(examined(stack, before=clock_of(offset)), "database clock", "fail")


def test_before_and_after_migrate(server_factory: Any) -> None:
    app = server_factory(start=False)
    with app.database.connect(None) as connection:
        connection.cursor().execute(f"create database `{app.name}`")
    findings = examined(app)
    assert "tipster migrate" in found(findings, "schema", "fail") and "tipster migrate" in found(findings, "topics", "fail")
    assert "is free" in found(findings, "ports", "ok")
    app.migrate()
    assert [finding for finding in examined(app) if finding["verdict"] == "fail"] == []

    with app.db() as connection, connection.cursor() as cursor:
        cursor.execute("alter table ingest_status convert to character set latin1")
        cursor.execute("update schema_migrations set checksum = 'x' where version = 2")
    admin = KafkaAdminClient(bootstrap_servers=app.kafka.bootstrap, api_version=(2, 6, 0))
    admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, app.topics()[0], {"message.timestamp.type": "CreateTime"})])
    admin.close()
    producer = KafkaProducer(bootstrap_servers=app.kafka.bootstrap, api_version=(2, 6, 0))
    future = int((time.time() + 600) * 1000)
    wait_for(lambda: producer.send(app.topics()[0], b"of the future", timestamp_ms=future, partition=0).get(timeout=30).timestamp == future,
             "the topic's new setting")
    producer.close()
    findings = examined(app)
    assert "1 tables are not utf8mb4" in found(findings, "database charset", "fail")
    assert "was altered" in found(findings, "schema", "fail")
    assert "LogAppendTime" in found(findings, "topic timestamps", "warn")
    assert "ahead of our clock" in found(findings, "kafka clock", "warn")


@pytest.mark.parametrize("variable, value, check, says", [
    ("innodb_flush_log_at_trx_commit", 2, "database durability", "power cut"),
    ("max_allowed_packet", 8 << 20, "database packets", "max_allowed_packet is 8388608 bytes"),
])
def test_a_setting_of_the_database(stack: Any, variable: str, value: int, check: str, says: str) -> None:
    with stack.db(user="root") as connection, connection.cursor() as cursor:
        cursor.execute(f"select @@global.{variable}")
        ((as_it_was,),) = cursor.fetchall()
        try:
            cursor.execute(f"set global {variable} = {value}")
            assert says in found(examined(stack), check, "warn")
        finally:
            cursor.execute(f"set global {variable} = {as_it_was}")
        assert [finding for finding in examined(stack) if finding["check"] == check] == []


def test_a_program_that_is_missing(stack: Any, tmp_path: Path) -> None:
    """`tipster` alone in its folder."""
    copy = Path(shutil.copy(stack.binary, tmp_path))
    assert "install tipster-server" in found(examined(stack, binary=copy), "programs", "fail")
