"""One company's backlog and another's records: in separate partitions, these are stored while nearly all of the backlog still waits."""

from __future__ import annotations

import json
import time

import pytest
import requests

from patience import wait_for

BACKLOG, LINES, BATCH = 40_000, 500, 200
PROBES, BATCHES_BEFORE = 3, 10


def coupon(name: str, user: str) -> dict:
    return {"coupon_id": name, "user_id": user, "stake": 1.5, "timestamp": "2026-11-01T10:00:00Z",
            "selections": [{"event_id": f"e{number}", "odds": 2} for number in range(3)]}


def push(app, key: str, records: list[dict]) -> int:
    """The partition of the last one."""
    answer = requests.post(f"{app.base_url}/v1/coupons", "\n".join(map(json.dumps, records)), timeout=30,
                           headers={"content-type": "application/x-ndjson", "authorization": f"Bearer {key}"})
    assert answer.status_code == 202, answer.text
    return int(answer.headers["tipster-position"].split(":")[1].split(".")[0])


def two_companies(app) -> tuple[str, str, str, int]:
    """The keys of A and B, B's name, and A's partition: each has one, and they are not the same."""
    made: dict[int, tuple[str, str]] = {}
    for number in range(30):
        name = f"fair-{number}"
        app.run("company", "add", name, "--partitions", "1")
        key = app.key(name, "ingest")
        made.setdefault(push(app, key, [coupon("first", "u")]), (name, key))
        if len(made) == 2:
            (partition_a, (_, key_a)), (_, (name_b, key_b)) = made.items()
            return key_a, key_b, name_b, partition_a
    raise AssertionError("thirty companies in one partition")


def watch_company(app, company: str) -> None:
    """Each of its coupons notes how many of all coupons were there before it, in the transaction that stores it."""
    with app.db(user="root") as connection, connection.cursor() as cursor:
        cursor.execute("create table witness (coupon_id varbinary(64), before_it bigint)")
        cursor.execute("create trigger watch after insert on coupons for each row "
                       f"if new.company_id = '{company}' then insert into witness "
                       "select new.coupon_id, count(*) from coupons; end if")


def witnessed(app) -> dict[str, int]:
    with app.db() as connection, connection.cursor() as cursor:
        cursor.execute("select coupon_id, before_it from witness")
        return {name.decode(): count for name, count in cursor.fetchall()}


@pytest.mark.timing
def test_a_backlog_does_not_hold_up_others(server_factory) -> None:
    app = server_factory({"INGEST_CONSUMERS": "1", "INGEST_BATCH_RECORDS": str(BATCH), "INGEST_SESSION_MS": "20000"})
    key_a, key_b, name_b, partition_a = two_companies(app)
    app.wait_caught_up()
    watch_company(app, name_b)
    before = []
    for probe in range(PROBES):
        with app.db(autocommit=False) as holder, holder.cursor() as cursor:
            # Ingest has a batch of A's before it and waits; what Kafka has is fetched meanwhile.
            cursor.execute("select count(*) from coupons")
            stored = cursor.fetchone()[0]
            cursor.execute("select next_offset from stream_offsets where topic = %s and partition_id = %s for update",
                           (app.topics()[2], partition_a))
            for start in range(0, BACKLOG, LINES):
                push(app, key_a, [coupon(f"a{probe}-{start + line}", f"u{start + line}") for line in range(LINES)])
            push(app, key_b, [coupon(f"b{probe}", "u")])
            time.sleep(1)  # for it to be fetched; not seen from outside
            holder.rollback()
        wait_for(lambda: f"b{probe}" in witnessed(app), "B's coupon in the database")
        before.append(witnessed(app)[f"b{probe}"] - stored)
        app.wait_caught_up()
        # Once is enough: on a busy machine the fetch may be late.
        if before[-1] < BATCHES_BEFORE * BATCH:
            break
    assert min(before) < BATCHES_BEFORE * BATCH, f"so many of A's {BACKLOG} were stored before B's: {before}"
