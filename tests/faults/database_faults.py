"""Faults of the database and of the way to it: rows 9-17 of the table."""

from __future__ import annotations

import subprocess
import time
from pathlib import Path

from world import Fault, World

LOCKED_S = 40.0  # longer than ingest's lock wait


def kill(world: World) -> None:
    world.database.kill9()
    time.sleep(1)
    try:
        _writes_go_on(world)
    finally:
        world.database.start()


def freeze(world: World) -> None:
    world.database.pause()
    time.sleep(3)
    try:
        _writes_go_on(world)
    finally:
        world.database.resume()


def restart(world: World) -> None:
    for _ in range(3):
        world.database.restart()


def _writes_go_on(world: World) -> None:
    """While the database is away, serve still accepts."""
    before = world.load.acknowledged()
    world.wait(lambda: world.load.acknowledged() > before, 10, "writes to be accepted without the database")


def lose_commit_reply(world: World) -> None:
    lost = world.proxy.lost
    world.proxy.lose_next_commit()
    world.wait(lambda: world.proxy.lost > lost, 30, "a COMMIT whose answer could be lost")


def deadlock(world: World) -> None:
    """A heavier rival holds rows that ingest needs and asks for the one that ingest holds."""
    with world.app.connect(user="root", autocommit=False) as rival, rival.cursor() as cursor:
        cursor.execute("create table if not exists faults_ballast (n int primary key)")
        cursor.execute("insert into faults_ballast select a.n * 100 + b.n from (select seq n from seq_0_to_99) a, "
                       "(select seq n from seq_0_to_99) b" if world.database.kind == "mariadb" else
                       "insert into faults_ballast with recursive s (n) as (select 0 union all select n + 1 from s "
                       "where n < 900) select n from s")
        cursor.execute("select * from event_counts order by company_id, event_id, partition_id for update")

        def is_waited_for() -> bool:
            time.sleep(0.2)  # InnoDB tells news only to who has not asked for 0.1 s
            cursor.execute("select 1 from information_schema.innodb_trx where trx_state = 'LOCK WAIT'")
            return cursor.fetchone() is not None

        world.wait(is_waited_for, 30, "ingest, which has locked its partitions' rows, to wait for these")
        try:
            cursor.execute("select * from stream_offsets for update")
        except Exception:  # noqa: BLE001 - the rival was the victim: that is a deadlock as well
            pass
        rival.rollback()
    world.root("drop table if exists faults_ballast")


def _retries(world: World) -> int:
    return int(world.rows("select coalesce(sum(database_retries), 0) from ingest_status")[0][0])


def some_deadlocks(world: World) -> None:
    world.wait(lambda: _retries(world) > 0, 30, "ingest to tell of a retried transaction")


def lock_wait(world: World) -> None:
    with world.app.connect(user="root", autocommit=False) as rival, rival.cursor() as cursor:
        cursor.execute("select * from stream_offsets for update")
        time.sleep(LOCKED_S)
        rival.rollback()


def fill_disk(world: World) -> None:
    """The database's files are on a small file system of their own; something else fills it."""
    ballast = world.database.dir / "ballast"
    subprocess.run(["dd", "if=/dev/zero", f"of={ballast}", "bs=1M"], stderr=subprocess.DEVNULL, check=False)
    try:
        world.wait_said(world.app.ingest, "repeating", 60)
    finally:
        ballast.unlink()
    if not world.database.running():  # some servers give up on a full disk
        world.database.start()


def tiny_packets(world: World) -> None:
    """Statements that are too large for the server are cut in half until they fit."""
    world.root("set global max_allowed_packet = 16384")
    try:
        _reconnect(world)
        before = _stored_records(world)
        world.wait(lambda: _stored_records(world) > before + 500, 90, "ingest to go on, if slowly, with small packets")
    finally:
        world.root("set global max_allowed_packet = 16777216")
    _reconnect(world)


def _stored_records(world: World) -> int:
    return int(world.rows("select coalesce(sum(next_offset), 0) from stream_offsets")[0][0])


def _reconnect(world: World) -> None:
    """Ends ingest's connections: a setting counts from the next one on."""
    with world.database.connect(None, user="root") as connection, connection.cursor() as cursor:
        cursor.execute("select id from information_schema.processlist where user = 'tipster' and db = %s", (world.app.name,))
        for (number,) in cursor.fetchall():
            try:
                cursor.execute(f"kill {number}")
            except Exception:  # noqa: BLE001 - it is gone already
                pass


def read_only(world: World) -> None:
    world.root("set global read_only = 1")
    try:
        world.wait_said(world.app.ingest, "repeating", 30)
        time.sleep(2)
    finally:
        world.root("set global read_only = 0")


class SmallDisk:
    """A tmpfs for one database."""

    def __init__(self, folder: Path, size_mb: int = 600) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size_mb}m", "tipster-faults", str(folder)], check=True)

    def close(self) -> None:
        subprocess.run(["umount", "-l", str(self.folder)], check=False)


FAULTS = [
    Fault("9", "the database dies", "database", 5, kill),
    Fault("10", "the database freezes", "database", 5, freeze),
    Fault("11", "the database restarts in a loop", "database", 3, restart),
    Fault("12", "the answer to COMMIT is lost", "database", 10, lose_commit_reply, options={"database_proxy": True}, short=True),
    Fault("13", "deadlock", "database", 10, deadlock, after=some_deadlocks, short=True),
    Fault("14", f"a lock is held for {LOCKED_S:.0f} s", "database", 1, lock_wait),
    Fault("15", "the database's disk is full", "database", 3, fill_disk, options={"small_disk": True}, mixed=False),
    Fault("16", "tiny max_allowed_packet", "database", 3, tiny_packets, short=True),
    Fault("17", "the database is read-only", "database", 3, read_only, short=True),
]
