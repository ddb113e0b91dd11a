"""What was answered 2xx is stored once, whatever dies meanwhile, and the checker that says so notices when it is not.

Clients with ledgers send while processes are killed or frozen; then everything is healed and `tipster check` must find
nothing. That it also finds something when a guarantee is missing: test_sabotage.py.

ROUNDS (10): how often each process is killed.
"""

from __future__ import annotations

import os
import random
import re
import signal
import time
from pathlib import Path
from typing import Any

from groups import owned
from ledger import FAIL, OK, Ledger, LedgerClient
from load import Load, check, require_clean
from patience import wait_for
from records import coupon, event, user
from stack import TOP, Process

ROUNDS = int(os.environ.get("ROUNDS", "10"))
REPLACED = 3  # ingest's exit status when another process of its name has taken over


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


def second_ingest(app: Any, folder: Path, **env: str) -> Process:
    return Process("ingest-2", [app.binary, "ingest"], folder / "ingest-2.log",
                   {**app.env, "INGEST_INSTANCE": f"{app.name}-2", **env}, cwd=TOP)


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


def paused_between_transactions(app: Any) -> bool:
    """Freezes ingest, unless it is in a transaction: then its locks would hold up others, and it would lose its session meanwhile."""
    app.ingest.pause()
    time.sleep(0.2)  # InnoDB tells news only to who has not asked for 0.1 s
    with app.connect(user="root") as connection, connection.cursor() as cursor:
        cursor.execute("select count(*) from information_schema.innodb_trx t join information_schema.processlist p "
                       "on p.id = t.trx_mysql_thread_id where p.db = %s", (app.name,))
        if cursor.fetchone()[0] == 0:
            return True
    app.ingest.resume()
    return False


def test_of_two_processes_of_one_name_the_later_stays(server_factory: Any, tmp_path: Path) -> None:
    """The first is frozen with a batch while the second takes its place: the database fences it before the group says why."""
    app = server_factory({"INGEST_BATCH_MS": "500"})
    later = second_ingest(app, tmp_path, INGEST_INSTANCE=app.ingest.env["INGEST_INSTANCE"])
    try:
        with Load(app.base_url, tmp_path / "ledgers", admin_key=app.key()) as load:
            # Both its consumers have joined: one that is still on its way would be the later one.
            wait_for(lambda: load.acknowledged() > 500 and owned(app.ingest) == 12 and
                     len(set(re.findall(r"ingest: (\S+): has 6 partitions", app.ingest.log.read_text()))) == 2, "both consumers at work")
            load.pause_s = 0.05
            wait_for(lambda: paused_between_transactions(app), "a moment between two transactions")
            mark = Mark(app.ingest)
            later.start()
            wait_for(lambda: owned(later) == 12, "the second process to have all partitions")
            app.ingest.resume()
            wait_for(lambda: not app.ingest.running(), "the first process to end")
            assert app.ingest.child.returncode == REPLACED, mark.since()
            enough = load.acknowledged() + 500
            wait_for(lambda: load.acknowledged() > enough, "the clients to go on")
        assert later.running()
        app.wait_caught_up()
        require_clean(app, load.folder)
        assert later.running() and owned(later) == 12
    finally:
        later.stop()


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
