"""What was answered 2xx is stored once, whatever dies meanwhile, and the checker that says so notices when it is not.

Clients with ledgers send while processes are killed or frozen; then everything is healed and `tipster check` must find
nothing. Two builds with one guarantee taken out go through the fault that the guarantee is there for, and must be found out.

ROUNDS (10): how often each process is killed.
"""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from groups import owned
from ledger import FAIL, OK, Ledger, LedgerClient
from load import Load, check, require_clean
from patience import served_s, wait_for
from records import coupon, event, fresh, user
from stack import TOP, Process

ROUNDS = int(os.environ.get("ROUNDS", "10"))


# ---- processes die


def kill_worker(app: Any, rng: random.Random) -> None:
    workers = app.workers()
    if workers:
        try:
            os.kill(rng.choice(workers), signal.SIGKILL)
        except ProcessLookupError:
            pass


def test_nothing_is_lost_when_processes_are_killed(server_factory: Any, tmp_path: Path) -> None:
    app = server_factory()
    rng = random.Random(1)
    with Load(app.base_url, tmp_path / "ledgers", admin_key=app.key()) as load:
        wait_for(lambda: load.acknowledged() > 100, "the clients to begin")
        for _ in range(ROUNDS):
            time.sleep(rng.uniform(0.1, 0.5))
            app.ingest.kill9()
            kill_worker(app, rng)
            app.ingest.start()
            time.sleep(rng.uniform(0.3, 0.8))
        enough = max(load.acknowledged() + 500, 4000)
        wait_for(lambda: load.acknowledged() > enough, "service after the last kill", timeout_s=60)
    app.wait_caught_up()
    result = require_clean(app, load.folder)
    coupons = result["coupons"]
    assert coupons["acknowledged"] > 2000 and coupons["absorbed"] > 50, coupons
    assert coupons["rejected"] > 5 and coupons["refused"] > 0, coupons  # the load had conflicts and bad records in it
    assert result["users"]["stored"] > 10 and result["events"]["stored"] > 10


class Mark:
    """What a process logs from now on."""

    def __init__(self, process: Process):
        self.log = process.log
        self.offset = self.log.stat().st_size

    def since(self) -> str:
        return self.log.read_bytes()[self.offset:].decode(errors="replace")


def test_a_frozen_ingest_process_changes_nothing_when_it_wakes(server_factory: Any, tmp_path: Path) -> None:
    app = server_factory(env={"INGEST_SESSION_MS": "6000"})
    other = second_ingest(app, tmp_path)
    try:
        other.start()
        with Load(app.base_url, tmp_path / "ledgers", admin_key=app.key()) as load:
            wait_for(lambda: load.acknowledged() > 500, "the clients to begin")
            wait_for(lambda: owned(other) > 0 and owned(app.ingest) + owned(other) == 12,
                     "both processes to share the partitions", 60)
            other.pause()
            load.pause_s = 0.1  # what waits for the frozen process is not to become much
            frozen = Mark(other)
            # After its session's end; if it was frozen inside a transaction, once the database has dropped that (18 s).
            wait_for(lambda: owned(app.ingest) == 12, "the first process to have all partitions", 60)
            time.sleep(1)
            other.resume()
            wait_for(lambda: "partitions lost" in frozen.since() or "fenced" in frozen.since(), "the frozen one to notice")
            time.sleep(1)
        app.wait_caught_up()
        result = require_clean(app, load.folder)
        assert result["coupons"]["acknowledged"] > 500
    finally:
        other.stop()


# ---- the checker sees what is wrong

# What is done to the stored rows, and the kinds of findings that must come of it, each once.
TAMPERING = [
    ("delete from coupons where coupon_id = 'c-0'", {"lost": 1, "orphan": 2, "totals": 1}),
    ("update coupons set stake = stake + 1 where coupon_id = 'c-1'", {"altered": 1}),
    ("update selections set odds = 9 where coupon_id = 'c-2' limit 1", {"altered": 1}),
    ("delete from selections where coupon_id = 'c-3' limit 1", {"altered": 1, "counts": 1}),
    ("insert into coupons select company_id, user_id, 'other', stake, placed_at, content_hash, position from coupons "
     "where coupon_id = 'c-4'", {"foreign": 1, "altered": 1, "totals": 1}),
    ("update event_counts set n = n + 1 limit 1", {"counts": 1}),
    ("delete from rejected", {"lost": 1, "totals": 1}),
    ("insert into rejected select company_id, topic, partition_id, position + 1000, kind, record_id, user_id, reason, detail, "
     "request_id, payload, rejected_at from rejected", {"doubled": 1, "totals": 1}),
    ("update coupons set content_hash = (select unhex(sha2(payload, 256)) from rejected), stake = 99 where coupon_id = 'c-4'",
     {"lost": 1, "doubled": 1, "displaced": 1}),
    ("insert into users select company_id, 'user-refused', birth_year, country, currency, gender, registration_date, version, "
     "position from users where user_id = 'user-0'", {"refused": 1, "totals": 1}),
    ("update users set gender = 'x' where user_id = 'user-0'", {"altered": 1}),
    ("update users set birth_year = 1950 where user_id = 'user-1'", {"lost": 1}),
    ("delete from users where user_id = 'user-2'", {"lost": 1, "totals": 1}),
    ("update record_counts set n = n + 1 where kind = 'event' limit 1", {"totals": 1}),
    ("update events set withdrawn = 0 where event_id = 'event-withdrawn'", {"lost": 1, "participants": 1}),
    ("delete from event_participants where event_id = 'event-open' limit 1", {"participants": 1}),
    ("update events set withdrawn = 1 where event_id = 'event-open'", {"lost": 1, "participants": 1}),
    ("insert into event_counts values ('nobody', 'e', 0, 1, 1)", {"company": 1}),
    ("insert into event_counts values ('', 'e', 0, 1, 1)", {"company": 1}),
]


TABLES = ("coupons", "selections", "event_counts", "record_counts", "rejected", "users", "events", "event_participants")


def all_rows(cursor: Any, table: str) -> list[tuple[Any, ...]]:
    cursor.execute(f"select * from {table}")
    return list(cursor.fetchall())


def test_the_checker_names_what_was_tampered_with(server_factory: Any, tmp_path: Path) -> None:
    app = server_factory()
    client = LedgerClient(app.base_url, Ledger(tmp_path / "sent.ledger"))
    coupons = [coupon(coupon_id=f"c-{i}", user_id="u", events=["event-open", f"event-{i}"]) for i in range(5)]
    assert client.post_batch("coupon", coupons) == OK
    assert client.post("coupon", {**coupons[4], "stake": 99}) == OK  # a conflict
    assert client.post("coupon", {**coupons[4], "stake": 0}) == FAIL
    assert client.post_batch("user", [user(f"user-{i}", birth_year=1950) for i in range(3)]) == OK
    assert client.post_batch("user", [user(f"user-{i}", birth_year=1960) for i in range(3)]) == OK
    assert client.post_batch("user", [user("user-refused", birth_year=1960), user("user-bad", birth_year=0)]) == FAIL
    assert client.post_batch("event", [event("event-open"), event("event-withdrawn")]) == OK
    assert client.delete_event("event-withdrawn") == OK
    app.wait_caught_up()
    require_clean(app, tmp_path)
    for statement, expected in TAMPERING:
        with app.connect(autocommit=True) as connection, connection.cursor() as cursor:
            kept = {table: all_rows(cursor, table) for table in TABLES}
            assert cursor.execute(statement) > 0, statement
            status, result = check(app, tmp_path)
            for table, rows in kept.items():
                cursor.execute(f"delete from {table}")
                if rows:
                    cursor.executemany(f"insert into {table} values ({','.join(['%s'] * len(rows[0]))})", rows)
        found = {kind: count for kind, count in result["found"].items() if count > 0}
        assert (status, found) == (1, expected), statement
    require_clean(app, tmp_path)


# ---- builds that must be found out


def build_sabotaged(name: str) -> Path:
    """A build with one guarantee taken out; made once, brought up to date afterwards."""
    folder = TOP / f"build-sabotage-{name}"
    env = {key: value for key, value in os.environ.items() if key not in ("CFLAGS", "LDFLAGS", "MAKEFLAGS", "MFLAGS")}
    steps = [["/usr/bin/meson", "compile", "-C", str(folder), "tipster", "tipster-server"]]
    if not (folder / "build.ninja").exists():
        steps.insert(0, ["/usr/bin/meson", "setup", f"-Dsabotage={name}", str(folder), str(TOP)])
    for step in steps:
        done = subprocess.run(step, env={**env, "CC": "/usr/bin/gcc"}, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]
    return folder


def second_ingest(app: Any, folder: Path, **env: str) -> Process:
    return Process("ingest-2", [app.binary, "ingest"], folder / "ingest-2.log",
                   {**app.env, "INGEST_INSTANCE": f"{app.name}-2", **env}, cwd=TOP)


def send_while_kafka_is_frozen(app: Any, folder: Path) -> None:
    """Clients send while the broker is frozen; then the server's workers die."""

    def send(number: int) -> None:
        ledger = Ledger(folder / f"connection-{number}.ledger")
        client = LedgerClient(app.base_url, ledger)
        start = served_s()
        for _ in range(150):
            client.post("coupon", coupon())
            if served_s() - start > 2.5:
                break
        ledger.close()

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(send, range(4)))
    for worker in app.workers():
        os.kill(worker, signal.SIGKILL)


def test_an_answer_before_the_acknowledgement_is_found_out(server_factory: Any, tmp_path: Path) -> None:
    sound, sabotaged = server_factory(), server_factory(build_dir=build_sabotaged("early-ack"))
    folders = {sound: tmp_path / "sound", sabotaged: tmp_path / "sabotaged"}
    for app, folder in folders.items():  # the producers are connected before the broker freezes
        folder.mkdir()
        assert LedgerClient(app.base_url, Ledger(folder / "first.ledger")).post("user", user()) == OK
    sound.kafka.pause()
    try:
        with ThreadPoolExecutor(2) as pool:
            list(pool.map(send_while_kafka_is_frozen, folders.keys(), folders.values()))
    finally:
        sound.kafka.resume()
    time.sleep(1)  # what stood in sockets arrives
    require_clean(sound, folders[sound])
    status, result = check(sabotaged, folders[sabotaged])
    assert status == 1 and result["found"]["lost"] > 20, result["found"]
    assert any(finding["kind"] == "lost" and finding["what"] == "coupon" for finding in result["findings"])


def lock_waits(app: Any) -> int:
    """Transactions of this application that wait for a lock. InnoDB tells news only to who has not asked for 0.1 s."""
    with app.connect(user="root") as connection, connection.cursor() as cursor:
        cursor.execute("select count(*) from information_schema.innodb_trx t join information_schema.processlist p "
                       "on p.id = t.trx_mysql_thread_id where t.trx_state = 'LOCK WAIT' and p.db = %s", (app.name,))
        return int(cursor.fetchone()[0])


def overlap(app: Any, folder: Path) -> None:
    """A frozen consumer wakes up with a batch of which its successor has stored the greater part.

    The batch's last coupon is the first in the order of keys, and a rival transaction holds its row: the consumer stops
    before it has written anything and is frozen there. The successor, with small batches, stores what comes before that
    coupon and stops at it too. Then the rival gives up, and the frozen one is woken.
    """
    folder.mkdir()
    app.migrate()
    app.serve.start()
    client = LedgerClient(app.base_url, Ledger(folder / "connection.ledger"))
    event_ids = [fresh("e") for _ in range(3)]
    coupons = [coupon(coupon_id=f"c-{i}", user_id=f"u-{i}", events=event_ids) for i in range(400)]
    assert client.post_batch("coupon", coupons) == OK
    assert client.post("coupon", coupon(coupon_id="last", user_id="!", events=event_ids)) == OK
    rival = app.connect(autocommit=False)
    frozen = Process("ingest-frozen", [app.binary, "ingest", "--consumers", "1"], folder / "ingest-frozen.log",
                     {**app.env, "INGEST_BATCH_MS": "1500"}, cwd=TOP)
    successor = second_ingest(app, folder, INGEST_BATCH_RECORDS="50")
    try:
        with rival.cursor() as cursor:
            cursor.execute("insert into coupons (company_id, user_id, coupon_id, stake, placed_at, content_hash, position) "
                           "values ('demo', '!', 'last', 1, '2026-01-01', repeat('x', 32), 1)")
        frozen.start()
        wait_for(lambda: lock_waits(app) == 1, "the first consumer at the lock", every_s=0.4)
        frozen.pause()
        successor.start()
        wait_for(lambda: lock_waits(app) == 2, "its successor at the lock", every_s=0.4)
        rival.rollback()
        frozen.resume()
        app.wait_caught_up()
    finally:
        rival.close()
        frozen.stop()
        successor.stop()


def test_missing_offset_checks_are_found_out(server_factory: Any, tmp_path: Path) -> None:
    env = {"COMPANY_PARTITIONS": "1", "INGEST_SESSION_MS": "6000"}
    sound = server_factory(start=False, env=env)
    sabotaged = server_factory(start=False, env=env, build_dir=build_sabotaged("no-offset-check"))
    folders = [tmp_path / "sound", tmp_path / "sabotaged"]
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(overlap, (sound, sabotaged), folders))
    require_clean(sound, folders[0])
    status, result = check(sabotaged, folders[1])
    assert status == 1 and result["found"]["counts"] == 3, result["found"]
    assert [finding["what"] for finding in result["findings"]].count("event") == 3
