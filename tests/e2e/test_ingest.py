"""`tipster ingest`: what stands in Kafka is stored once, in order, with rejects, through outages of the database."""

import json
import time

import pytest
import requests
from kafka import KafkaProducer

from groups import owned
from patience import served_s, wait_for
from stack import Process, TOP


def rows(app, text, *arguments):
    with app.db() as connection, connection.cursor() as cursor:
        cursor.execute(text, arguments)
        return cursor.fetchall()


def coupon(number, user="u1", events=("e1",), stake=1.5, at="2026-11-01T10:00:00Z"):
    return {"coupon_id": f"c{number}", "user_id": user, "stake": stake, "timestamp": at,
            "selections": [{"event_id": event, "odds": 2} for event in events]}


def event(name, **changes):
    return {"event_id": name, "sport": "Soccer", "league": "La Liga", "country": "Spain", "participants": ["A", "B"],
            "begin_timestamp": "2026-12-01T18:00:00Z", "end_timestamp": "2026-12-01T20:00:00Z", **changes}


def user(name, **changes):
    return {"user_id": name, "birth_year": 1990, "country": "Norway", "currency": "NOK", "gender": "f",
            "registration_date": "2020-01-01", **changes}


def post(app, kind, *records):
    body = "\n".join(json.dumps(record) for record in records)
    answer = requests.post(f"{app.base_url}/v1/{kind}", body, headers={"content-type": "application/x-ndjson"}, timeout=10)
    assert answer.status_code == 202, answer.text


def delete(app, name, version=None):
    answer = requests.delete(f"{app.base_url}/v1/events/{name}", params={"version": version} if version is not None else {}, timeout=10)
    assert answer.status_code == 202, answer.text


def produce(app, topic, key, value, headers):
    producer = KafkaProducer(bootstrap_servers=app.kafka.bootstrap, api_version=(2, 6, 0))
    producer.send(f"{app.env['KAFKA_TOPIC_PREFIX']}.{topic}.v1", value, key, list(headers.items()), partition=0).get(10)
    producer.close()


def test_each_record_is_stored_once(server_factory):
    app = server_factory()
    post(app, "users", user("u1"))
    post(app, "events", event("e1"))
    post(app, "coupons", coupon(1, events=("e1", "e2")), coupon(1, events=("e2", "e1")), coupon(2))
    app.wait_caught_up()
    assert rows(app, "select count(*) from users")[0][0] == 1
    assert rows(app, "select coupon_id from coupons order by 1") == ((b"c1",), (b"c2",))
    assert rows(app, "select event_id, sum(n) from event_counts group by event_id order by 1") == ((b"e1", 2), (b"e2", 1))
    assert rows(app, "select count(*) from rejected")[0][0] == 0


@pytest.mark.parametrize("together", [True, False], ids=["one batch", "two batches"])
def test_another_content_under_an_id_is_rejected(server_factory, together):
    app = server_factory({"INGEST_BATCH_MS": "200"})
    first, second, third = coupon(1), coupon(1, stake=9), coupon(1)
    if together:
        post(app, "coupons", first, second, third)
    else:
        for record in (first, second, third):
            post(app, "coupons", record)
            app.wait_caught_up()
    app.wait_caught_up()
    assert [float(row[0]) for row in rows(app, "select stake from coupons")] == [1.5]
    (company, kind, record_id, user_id, reason, payload), = rows(
        app, "select company_id, kind, record_id, user_id, reason, payload from rejected")
    assert (company, kind, record_id, user_id, reason) == (b"demo", b"coupon", b"c1", b"u1", b"conflict")
    assert json.loads(payload)["stake"] == 9
    assert rows(app, "select sum(n) from event_counts")[0][0] == 1


@pytest.mark.parametrize("together", [True, False], ids=["one batch", "separately"])
def test_newer_wins_and_versions_win_first(server_factory, together):
    app = server_factory({"INGEST_BATCH_MS": "200"})
    puts = [
        ("plain", [{"league": "A"}, {"league": "B"}], "B"),
        ("late retry", [{"league": "A", "version": 2}, {"league": "B", "version": 1}], "A"),
        ("same version", [{"league": "A", "version": 2}, {"league": "B", "version": 2}], "B"),
        ("then without", [{"league": "A", "version": 2}, {"league": "B"}], "B"),
        # The one without a version forgets the 2: sequentially, 1 applies on top of it.
        ("forgets", [{"league": "A", "version": 2}, {"league": "B"}, {"league": "C", "version": 1}], "C"),
        ("vetoed between", [{"league": "A", "version": 7}, {"league": "B", "version": 5}, {"league": "C"},
                            {"league": "D", "version": 6}], "D"),
    ]
    for round_number in range(max(len(changes) for _, changes, _ in puts)):
        for name, changes, _ in puts:
            if round_number < len(changes):
                post(app, "events", event(name, **changes[round_number]))
        if not together:
            app.wait_caught_up()
    app.wait_caught_up()
    stored = {row[0].decode(): row[1].decode() for row in rows(app, "select event_id, league from events")}
    assert stored == {name: league for name, _, league in puts}
    assert rows(app, "select event_id, league from event_participants order by 1, 2") == \
        rows(app, "select event_id, league from events union all select event_id, league from events order by 1, 2")


@pytest.mark.parametrize("together", [True, False], ids=["one batch", "separately"])
def test_withdrawals(server_factory, together):
    app = server_factory({"INGEST_BATCH_MS": "200"})
    steps = [
        lambda: post(app, "events", event("gone"), event("back"), event("kept", version=5), event("late", version=3)),
        lambda: [delete(app, "gone"), delete(app, "back"), delete(app, "kept", 4), delete(app, "never", 7), delete(app, "late", 3)],
        lambda: [post(app, "events", event("back", league="Again")), post(app, "events", event("never", version=6))],
    ]
    for step in steps:
        step()
        if not together:
            app.wait_caught_up()
    app.wait_caught_up()
    stored = {row[0].decode(): (row[1], row[2]) for row in rows(app, "select event_id, withdrawn, league from events")}
    assert stored == {"gone": (1, b"La Liga"), "back": (0, b"Again"), "kept": (0, b"La Liga"), "never": (1, None),
                      "late": (1, b"La Liga")}
    assert {row[0] for row in rows(app, "select event_id from event_participants")} == {b"back", b"kept"}


def test_poison_is_rejected_and_the_rest_goes_on(server_factory):
    app = server_factory()
    good = {"company": b"demo", "kind": b"put", "schema": b"1", "request_id": b"r1"}
    poison = [
        (b"demo\0u", b"\xff garbage", good),
        (b"demo\0u", b"{}", good),
        (b"", b"{}", {}),
        (b"demo\0u", json.dumps(coupon(1)).encode(), {**good, "schema": b"9"}),
        (b"demo\0u", json.dumps({**coupon(1), "timestamp": 0}).encode(), good),  # the key is not this user's
    ]
    for key, value, headers in poison:
        produce(app, "coupons", key, value, headers)
    post(app, "coupons", coupon(7))
    app.wait_caught_up()
    found = rows(app, "select reason, payload, user_id from rejected order by position")
    assert [row[0] for row in found] == [b"malformed"] * 5
    assert [row[1] for row in found] == [value for _, value, _ in poison]
    assert rows(app, "select coupon_id from coupons") == ((b"c7",),)


def test_what_only_the_database_refuses_is_kept(server_factory):
    """A narrower column stands for a defect: one record of a batch cannot be stored, the others can."""
    app = server_factory({"INGEST_BATCH_MS": "300"})
    with app.db("root") as connection:
        connection.cursor().execute("alter table users modify gender varbinary(3) not null")
    post(app, "users", *[user(f"u{i}", gender="woman" if i == 37 else "f") for i in range(100)])
    app.wait_caught_up()
    assert rows(app, "select count(*) from users")[0][0] == 99
    (record_id, reason), = rows(app, "select record_id, reason from rejected")
    assert (record_id, reason) == (b"u37", b"database")


def test_a_batch_larger_than_the_database_takes_is_halved(server_factory):
    """The server does not refuse such a statement, it closes the connection, as if it were gone: sent again, it never ends."""
    app = server_factory(start=False)
    app.migrate()
    app.serve.start()
    post(app, "coupons", *[coupon(i) for i in range(1000)])
    with app.db("root", autocommit=True) as connection, connection.cursor() as cursor:
        cursor.execute("select @@global.max_allowed_packet")
        (usual,), = cursor.fetchall()
        cursor.execute("set global max_allowed_packet = 16384")
        try:
            app.ingest.start()
            app.wait_caught_up()
        finally:
            cursor.execute("set global max_allowed_packet = %s", (usual,))
    assert rows(app, "select count(*), count(distinct coupon_id) from coupons")[0] == (1000, 1000)
    assert "repeating" not in app.ingest.log.read_text()


def test_a_session_that_kafka_refuses_is_named(server_factory):
    app = server_factory({"INGEST_SESSION_MS": "3000"}, start=False)  # brokers ask for six seconds
    app.migrate()
    app.ingest.start()
    wait_for(lambda: not app.ingest.running(), "ingest to end")
    assert app.ingest.child.returncode == 1
    assert "Kafka refuses INGEST_SESSION_MS=3000" in app.ingest.log.read_text()


def test_waits_for_the_database_and_loses_nothing(server_factory, own_servers):
    database, kafka = own_servers
    app = server_factory(database=database, kafka=kafka)
    post(app, "coupons", coupon(1))
    app.wait_caught_up()
    database.kill9()
    post(app, "coupons", *[coupon(i) for i in range(2, 500)])  # the API goes on accepting
    wait_for(lambda: "trying again" in app.ingest.log.read_text(), what="a retry in the log")
    database.start()
    app.wait_caught_up()
    assert rows(app, "select count(*) from coupons")[0][0] == 499


def test_processes_share_the_partitions(server_factory):
    app = server_factory()
    second = Process("ingest-2", [app.binary, "ingest", "--instance", "second", "--consumers", "2"],
                     app.dir / "ingest-2.log", app.env, cwd=TOP)
    second.start()
    try:
        wait_for(lambda: owned(app.ingest) == owned(second) == 6, "each process having half of the partitions")
        for batch in range(20):
            post(app, "coupons", *[coupon(batch * 50 + i, user=f"u{batch}-{i}") for i in range(50)])
        app.wait_caught_up()
        assert rows(app, "select count(*) from coupons")[0][0] == 1000
        wait_for(lambda: len([row for row in rows(app, "select coupons_stored from ingest_status") if row[0] > 0]) == 2,
                 what="both processes having stored coupons")
        wait_for(lambda: sum(row[0] for row in rows(app, "select coupons_stored from ingest_status")) == 1000,
                 what="the last word of both")
    finally:
        second.stop()


def test_a_second_process_of_one_name_replaces_the_first(server_factory):
    app = server_factory()
    post(app, "coupons", coupon(1))
    app.wait_caught_up()
    twin = Process("ingest-twin", [app.binary, "ingest"], app.dir / "ingest-twin.log", app.env, cwd=TOP)
    twin.start()
    try:
        wait_for(lambda: not app.ingest.running(), what="the older process's end")
        assert "another process has this instance id" in app.ingest.log.read_text()
        post(app, "coupons", coupon(2))
        app.wait_caught_up()
        assert rows(app, "select count(*) from coupons")[0][0] == 2
    finally:
        twin.stop()


def test_records_that_are_gone_from_kafka_stop_it(server_factory):
    """A silent skip would be a loss: the offset that comes next is not there, so it ends and says so."""
    app = server_factory()
    post(app, "coupons", coupon(1))
    app.wait_caught_up()
    app.ingest.stop()
    rows(app, "update stream_offsets set next_offset = 1000000 where topic like %s", "%coupons%")
    app.ingest.start()
    wait_for(lambda: not app.ingest.running(), what="its end")
    assert "records are missing" in app.ingest.log.read_text()


@pytest.mark.timing
def test_sigterm_stores_what_it_has(server_factory):
    app = server_factory({"INGEST_BATCH_MS": "10000", "INGEST_BATCH_RECORDS": "20000"})
    wait_for(lambda: "has " in app.ingest.log.read_text(), what="partitions")
    post(app, "coupons", *[coupon(i) for i in range(200)])
    wait_for(lambda: app.behind() == 200, what="200 records behind")
    begun = served_s()
    time.sleep(1)  # into the batch, whose own time is far away
    app.ingest.stop()
    assert served_s() - begun < 8
    assert app.behind() in (0, 200)  # all of the batch or none of it
