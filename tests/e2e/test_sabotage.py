"""The checker finds out every guarantee that is missing, by the name of what goes wrong without it.

A build with faults (src/base/fault.h) goes without the guarantee that TIPSTER_SABOTAGE names. It goes through the fault that
the guarantee is there for, and `tipster check` must say what was lost or changed; the sound build goes through the same
beside it and must come out clean.
"""

from __future__ import annotations

import os
import signal
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Callable, Iterator

import pytest

from fixtures import IMPATIENT
from ledger import OK, Ledger, LedgerClient
from load import check, require_clean
from patience import served_s, wait_for
from records import coupon, fresh, user
from stack import TOP, Process

FAULTS_BUILD = TOP / "build-faults"


@pytest.fixture(scope="module", autouse=True)
def up_to_date() -> None:
    subprocess.run([TOP / "tools" / "build", "build-faults"], check=True)


def found_out(server_factory: Callable[..., Any], folder: Path, guarantee: str, fault: Callable[[Any, Path], None],
              start: bool = True, **env: str) -> dict[str, Any]:
    """The fault with and without the guarantee: with it all is clean; returns what the checker finds without it."""
    sound = server_factory(start=start, env=env)
    sabotaged = server_factory(start=start, env={**env, "TIPSTER_SABOTAGE": guarantee}, build_dir=FAULTS_BUILD)
    folders = {sound: folder / "sound", sabotaged: folder / "sabotaged"}
    for own in folders.values():
        own.mkdir()
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(fault, folders.keys(), folders.values()))
    require_clean(sound, folders[sound])
    status, result = check(sabotaged, folders[sabotaged])
    assert status == 1, f"without {guarantee} the checker finds nothing"
    return {"kinds": {kind: count for kind, count in result["found"].items() if count}, **result}


# ---- early-ack: serve answers before Kafka has acknowledged


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


def test_an_answer_before_the_acknowledgement(server_factory: Any, tmp_path: Path) -> None:
    sound, sabotaged = server_factory(env=IMPATIENT), server_factory(build_dir=FAULTS_BUILD, env={**IMPATIENT, "TIPSTER_SABOTAGE": "early-ack"})
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
    last = LedgerClient(sound.base_url, Ledger(folders[sound] / "last.ledger"))
    wait_for(lambda: last.post("user", user()) == OK, "the broker to take writes again")
    time.sleep(1)  # what stood in sockets arrives
    require_clean(sound, folders[sound])
    status, result = check(sabotaged, folders[sabotaged])
    assert status == 1 and result["found"]["lost"] > 20, result["found"]
    assert any(finding["kind"] == "lost" and finding["what"] == "coupon" for finding in result["findings"])


# ---- what goes wrong around a transaction that is stopped in the middle


def lock_waits(app: Any) -> int:
    """Transactions of this application that wait for a lock. InnoDB tells news only to who has not asked for 0.1 s."""
    with app.connect(user="root") as connection, connection.cursor() as cursor:
        cursor.execute("select count(*) from information_schema.innodb_trx t join information_schema.processlist p "
                       "on p.id = t.trx_mysql_thread_id where t.trx_state = 'LOCK WAIT' and p.db = %s", (app.name,))
        return int(cursor.fetchone()[0])


def wait_at_the_lock(app: Any, count: int) -> None:
    wait_for(lambda: lock_waits(app) == count, f"{count} consumers at the lock", every_s=0.4)


@contextmanager
def held_batch(app: Any, folder: Path, holder: Process) -> Iterator[Any]:
    """400 coupons wait in Kafka, and one more whose row a rival transaction (the connection that is given) holds.

    That coupon comes last, but is the first in the order of keys: the holder, a consumer that is started here and has it in its
    batch, stands there before it has written any coupon of the batch.
    """
    app.migrate()
    app.serve.start()
    client = LedgerClient(app.base_url, Ledger(folder / "connection.ledger"))
    event_ids = [fresh("e") for _ in range(3)]
    coupons = [coupon(coupon_id=f"c-{i}", user_id=f"u-{i}", events=event_ids) for i in range(400)]
    assert client.post_batch("coupon", coupons) == OK
    assert client.post("coupon", coupon(coupon_id="last", user_id="!", events=event_ids)) == OK
    rival = app.connect(autocommit=False)
    try:
        with rival.cursor() as cursor:
            cursor.execute("insert into coupons (company_id, user_id, coupon_id, stake, placed_at, content_hash, position) "
                           "values ('demo', '!', 'last', 1, '2026-01-01', repeat('x', 32), 1)")
        holder.start()
        wait_at_the_lock(app, 1)
        yield rival
    finally:
        rival.close()


def consumer(app: Any, folder: Path, name: str, *arguments: str, **env: str) -> Process:
    """An ingest process of its own name."""
    return Process(f"ingest-{name}", [app.binary, "ingest", *arguments], folder / f"ingest-{name}.log",
                   {**app.env, "INGEST_INSTANCE": f"{app.name}-{name}", **env}, cwd=TOP)


def overlap(app: Any, folder: Path) -> None:
    """A frozen consumer wakes up with a batch of which its successor, with small batches, has stored the greater part."""
    frozen = consumer(app, folder, "frozen", "--consumers", "1", INGEST_BATCH_MS="1500")
    successor = consumer(app, folder, "successor", INGEST_BATCH_RECORDS="50")
    try:
        with held_batch(app, folder, frozen) as rival:
            frozen.pause()
            successor.start()
            wait_at_the_lock(app, 2)
            rival.rollback()
            frozen.resume()
            app.wait_caught_up()
    finally:
        frozen.stop()
        successor.stop()


def test_missing_offset_checks(server_factory: Any, tmp_path: Path) -> None:
    result = found_out(server_factory, tmp_path, "no-offset-check", overlap, start=False, COMPANY_PARTITIONS="1", INGEST_SESSION_MS="6000")
    assert result["kinds"]["counts"] == 3, result["kinds"]
    assert [finding["what"] for finding in result["findings"]].count("event") == 3


def die_in_a_batch(app: Any, folder: Path) -> None:
    """A consumer dies while it stores a batch; another one goes on in its place."""
    first = consumer(app, folder, "1", "--consumers", "1", INGEST_BATCH_MS="1500")
    try:
        with held_batch(app, folder, first) as rival:
            first.kill9()
            rival.rollback()
        first.start()
        app.wait_caught_up()
    finally:
        first.stop()


def test_offsets_that_are_stored_before_the_data(server_factory: Any, tmp_path: Path) -> None:
    result = found_out(server_factory, tmp_path, "offsets-first", die_in_a_batch, start=False, COMPANY_PARTITIONS="1", INGEST_SESSION_MS="6000")
    assert set(result["kinds"]) == {"lost"} and result["kinds"]["lost"] > 1, result["kinds"]


# ---- what a coupon's row says


def refused_by_the_database(app: Any, folder: Path) -> None:
    """The database is narrower than the API: what it cannot hold stands in `rejected`, beside what it can."""
    with app.connect(user="root") as connection, connection.cursor() as cursor:
        cursor.execute("alter table coupons modify stake decimal(7, 4) not null")
    client = LedgerClient(app.base_url, Ledger(folder / "connection.ledger"))
    assert client.post_batch("coupon", [coupon(stake=stake) for stake in (1, 999.5, 1000, 5000)]) == OK
    app.wait_caught_up()


def test_insert_ignore(server_factory: Any, tmp_path: Path) -> None:
    result = found_out(server_factory, tmp_path, "insert-ignore", refused_by_the_database)
    assert result["kinds"] == {"altered": 2}, result["kinds"]


def conflicts(app: Any, folder: Path) -> None:
    """A coupon's id comes again with another content: in the same batch, and in a later one."""
    client = LedgerClient(app.base_url, Ledger(folder / "connection.ledger"))
    first = coupon()
    assert client.post_batch("coupon", [first, {**first, "stake": 7}, first]) == OK
    app.wait_caught_up()
    assert client.post("coupon", {**first, "stake": 8}) == OK
    app.wait_caught_up()


def test_contents_that_are_not_compared(server_factory: Any, tmp_path: Path) -> None:
    result = found_out(server_factory, tmp_path, "no-payload-compare", conflicts)
    assert result["kinds"] == {"lost": 2}, result["kinds"]
