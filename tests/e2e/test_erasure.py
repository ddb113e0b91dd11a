"""Erasing a user: nothing of what was sent before it stays, everything after it is new, whatever the order of the topics."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any, Iterable

from kafka import KafkaProducer

from ledger import OK, Ledger, LedgerClient
from records import coupon, event, fresh, user
from wire import INVALID_RECORD, NOT_FOUND, Wire, problem, rows, segment

TABLES = "select table_name from information_schema.tables where table_schema = database()"


def erase(wire: Wire, user_id: str) -> Any:
    answer = wire.delete(f"/v1/users/{segment(user_id)}")
    assert answer.status_code == 202, answer.text
    return answer


def traces(app: Any, user_id: str) -> list[tuple[str, str]]:
    """(table, column) of every value in the whole database that has this id somewhere in it."""
    found = []
    needle = user_id.encode()
    for (table,) in rows(app, TABLES):
        table = table.decode() if isinstance(table, bytes) else table
        with app.db() as connection, connection.cursor() as cursor:
            cursor.execute(f"select * from `{table}`")
            names = [column[0] for column in cursor.description]
            for row in cursor.fetchall():
                for name, value in zip(names, row):
                    text = value if isinstance(value, bytes) else str(value).encode()
                    if needle in text:
                        found.append((table, name))
    return found


def require_true_counts(app: Any) -> None:
    counted = {row[0]: row[1] for row in rows(app, "select event_id, sum(n) from event_counts group by event_id having sum(n) <> 0")}
    recount = {row[0]: row[1] for row in rows(app, "select event_id, count(*) from selections group by event_id")}
    assert counted == recount


def partition_of(answer: Any) -> int:
    return int(re.search(r":(\d+)\.", answer.headers["Tipster-Position"])[1])


def produce(app: Any, topic: str, partition: int, user_id: str, value: dict[str, Any], kind: str) -> None:
    producer = KafkaProducer(bootstrap_servers=app.kafka.bootstrap, api_version=(2, 6, 0))
    headers = [("company", b"demo"), ("kind", kind.encode()), ("schema", b"1"), ("request_id", b"by-hand")]
    producer.send(f"{app.env['KAFKA_TOPIC_PREFIX']}.{topic}.v1", json.dumps(value).encode(), b"demo\0" + user_id.encode(),
                  headers, partition=partition).get(10)
    producer.close()


def test_nothing_of_the_user_stays(server_factory: Any) -> None:
    app = server_factory()
    wire = Wire(app.base_url, app.key())
    gone, other = fresh("gone"), fresh("other")
    shared = fresh("e")
    wire.accept("/v1/events", [event(shared)])
    answer = wire.accept("/v1/users", [user(gone)])
    produce(app, "users", partition_of(answer), gone, {"user_id": gone, "note": f"malformed {gone}"}, "put")
    mine = [coupon(f"c{i}", gone, [shared, fresh("e")]) for i in range(5)]
    wire.accept("/v1/coupons", mine + [coupon("c0", gone, [shared], stake=99)])
    wire.accept("/v1/users", [user(other)])
    wire.accept("/v1/coupons", [coupon("c0", other, [shared]), coupon("c0", other, [shared], stake=98)])
    app.wait_caught_up()
    assert {reason for reason, in rows(app, "select reason from rejected where user_id = %s", (gone,))} == {
        b"malformed", b"conflict"}

    position = erase(wire, gone).headers["Tipster-Position"]
    assert re.fullmatch(r"u:\d+\.\d+;c:\d+\.\d+", position)
    app.wait_caught_up()
    assert traces(app, gone) == []
    require_true_counts(app)
    for path in (f"/v1/users/{gone}", "/v1/coupons/c1"):
        problem(wire.get(path), 404, NOT_FOUND)
    assert wire.get("/recommend", {"user_id": gone}).json() is None
    # The scrubbed rejects are still there, without a trace of whom they were of; the other user's are whole.
    scrubbed = rows(app, "select kind, record_id, user_id, payload, request_id <> '' from rejected where detail = 'erased' order by kind")
    assert scrubbed == [(b"coupon", b"", b"", b"", 1), (b"user", b"", b"", b"", 1)]
    assert len(rows(app, "select 1 from rejected where user_id = %s and payload <> ''", (other,))) == 1
    assert wire.get("/v1/coupons/c0").json()["user_id"] == other


def test_what_comes_after_is_new(server_factory: Any) -> None:
    app = server_factory()
    wire = Wire(app.base_url, app.key())
    who = fresh("u")
    wire.accept("/v1/users", [user(who, version=9)])
    wire.accept("/v1/coupons", [coupon("c", who, ["e"], stake=1)])
    erase(wire, who)
    wire.accept("/v1/users", [user(who, version=1, country="Norway")])
    wire.accept("/v1/coupons", [coupon("c", who, ["e"], stake=2)])
    app.wait_caught_up()
    assert wire.get(f"/v1/users/{who}").json()["country"] == "Norway"
    assert wire.get("/v1/coupons/c").json()["stake"] == 2
    assert rows(app, "select 1 from rejected") == []
    require_true_counts(app)


def _steps(wire: Wire) -> Iterable[None]:
    """Puts, erasures and puts again of three users who share partitions and events; one user is erased twice in a row."""
    for number, stake in ((1, 1), (2, 2), (3, 3)):
        wire.accept("/v1/users", [user(f"u{i}", version=10 - number, country=f"Land {number}") for i in range(3)])
        wire.accept("/v1/coupons", [coupon("same", f"u{i}", ["e1", "e2"], stake=stake, timestamp="2026-11-01") for i in range(3)]
                    + [coupon(f"own{number}", f"u{i}", ["e1"], stake=7, timestamp="2026-11-01") for i in range(3)])
        yield
        if number == 1:
            erase(wire, "u0")
            erase(wire, "u0")
        if number == 2:
            erase(wire, "u0")
            erase(wire, "u1")
        yield


def test_a_batch_folds_as_single_records_do(server_factory: Any) -> None:
    found = []
    for together in (True, False):
        app = server_factory({"INGEST_BATCH_MS": "400"} if together else {})
        wire = Wire(app.base_url, app.key())
        if together:
            app.ingest.stop()
        for _ in _steps(wire):
            if not together:
                app.wait_caught_up()
        if together:
            app.ingest.start()
        app.wait_caught_up()
        require_true_counts(app)
        found.append({table: rows(app, f"select {columns} from {table} order by {columns}") for table, columns in {
            "users": "user_id, country, version", "coupons": "user_id, coupon_id, stake",
            "selections": "user_id, coupon_id, event_id", "rejected": "user_id, record_id, reason, detail, length(payload)",
        }.items()})
        batches = sum(row[0] for row in rows(app, "select batches from ingest_status"))
        assert not together or batches <= 30, "the batch was torn into single records"
    assert found[0] == found[1]
    assert {row[0]: row[1] for row in found[0]["users"]} == {b"u0": b"Land 3", b"u1": b"Land 3", b"u2": b"Land 1"}
    assert {(row[0], row[1]): float(row[2]) for row in found[0]["coupons"] if row[1] == b"same"} == {
        (b"u0", b"same"): 3, (b"u1", b"same"): 3, (b"u2", b"same"): 1}


def test_each_topic_is_erased_at_its_own_place(server_factory: Any) -> None:
    """The users' topic may be far ahead of the coupons', or the other way round."""
    app = server_factory()
    wire = Wire(app.base_url, app.key())
    who = fresh("u")
    partition = partition_of(wire.accept("/v1/users", [user(who)]))
    assert partition_of(wire.accept("/v1/coupons", [coupon("before", who, ["e"])])) == partition
    produce(app, "users", partition, who, {"user_id": who}, "erase")
    app.wait_caught_up()
    assert rows(app, "select count(*) from users")[0][0] == 0
    assert [row[0] for row in rows(app, "select coupon_id from coupons")] == [b"before"]
    # A new record before the coupons' erasure has come: it is no reason to lose it.
    wire.accept("/v1/users", [user(who, country="Norway")])
    wire.accept("/v1/coupons", [coupon("late", who, ["e"])])
    app.wait_caught_up()
    produce(app, "coupons", partition, who, {"user_id": who}, "erase")
    wire.accept("/v1/coupons", [coupon("after", who, ["e"])])
    app.wait_caught_up()
    assert [row[0] for row in rows(app, "select coupon_id from coupons")] == [b"after"]
    assert [row[0] for row in rows(app, "select country from users")] == [b"Norway"]
    require_true_counts(app)


def test_rejects_of_one_batch_with_the_erasure_are_scrubbed(server_factory: Any) -> None:
    app = server_factory()
    wire = Wire(app.base_url, app.key())
    who = fresh("u")
    app.ingest.stop()
    partition = partition_of(wire.accept("/v1/coupons", [coupon("c", who, ["e"], stake=1), coupon("c", who, ["e"], stake=2)]))
    produce(app, "users", partition, who, {"user_id": who}, "put")
    erase(wire, who)
    app.ingest.start()
    app.wait_caught_up()
    assert traces(app, who) == []
    assert sorted(row[0] for row in rows(app, "select reason from rejected where detail = 'erased'")) == [b"conflict", b"malformed"]


def test_many_coupons_go_in_chunks(server_factory: Any) -> None:
    app = server_factory()
    wire = Wire(app.base_url, app.key())
    who, other = fresh("u"), fresh("u")
    for start in range(0, 1500, 500):
        wire.accept("/v1/coupons", [coupon(f"c{i}", who, [f"e{i % 7}", f"e{i % 11 + 7}"]) for i in range(start, start + 500)])
    wire.accept("/v1/coupons", [coupon(f"c{i}", other, [f"e{i}"]) for i in range(20)])
    app.wait_caught_up()
    erase(wire, who)
    app.wait_caught_up()
    assert traces(app, who) == []
    assert rows(app, "select count(*) from coupons")[0][0] == 20
    require_true_counts(app)


def test_only_an_admin_erases(stack: Any) -> None:
    path = f"/v1/users/{fresh('u')}"
    problem(Wire(stack.base_url).delete(path), 401)  # also where calls without a key act for a company
    problem(Wire(stack.base_url, stack.key("demo", "ingest", "read")).delete(path), 403)


def test_an_unknown_user_can_be_erased(stack: Any) -> None:
    wire = Wire(stack.base_url, stack.key())
    assert erase(wire, fresh("never")).json() == {"accepted": 1}
    problem(wire.delete("/v1/users/" + "x" * 65), 422, INVALID_RECORD)
    problem(wire.delete("/v1/users/u", params={"version": 1}), 400)


def test_an_erasure_is_no_matter_of_events(server_factory: Any) -> None:
    app = server_factory()
    produce(app, "events", 0, "x", {"user_id": "x"}, "erase")
    produce(app, "users", 0, "x", {"user_id": ""}, "erase")
    produce(app, "users", 0, "x", {"user_id": "y"}, "erase")
    app.wait_caught_up()
    assert [row[0] for row in rows(app, "select reason from rejected")] == [b"malformed"] * 3


def _check(app: Any, ledger: Path) -> tuple[int, dict[str, int]]:
    done = app.run("check", "--json", "--ledger", ledger, check=False)
    assert done.returncode in (0, 1), done.stderr
    return done.returncode, {kind: count for kind, count in json.loads(done.stdout)["found"].items() if count > 0}


def test_the_checker_finds_what_was_not_erased(server_factory: Any, tmp_path: Path) -> None:
    app = server_factory()
    client = LedgerClient(app.base_url, Ledger(tmp_path / "sent.ledger"), key=app.key())
    first = coupon("c", "gone", ["e"], stake=1)
    assert client.post("user", user("gone")) == OK
    assert client.post("coupon", first) == OK
    assert client.post("coupon", {**first, "stake": 2}) == OK
    app.wait_caught_up()
    tables = ("users", "coupons", "selections", "rejected")
    kept = {table: rows(app, f"select * from {table}") for table in tables}
    assert client.erase_user("gone") == OK
    assert client.post("coupon", coupon("d", "gone", ["e"])) == OK
    app.wait_caught_up()
    assert _check(app, tmp_path / "sent.ledger") == (0, {})
    for table in tables:
        with app.connect(autocommit=True) as connection, connection.cursor() as cursor:
            cursor.executemany(f"replace into {table} values ({','.join(['%s'] * len(kept[table][0]))})", kept[table])
            expected = {"users": {"erased": 1, "totals": 1}, "rejected": {"erased": 1},
                        "coupons": {"erased": 1, "altered": 1, "totals": 1},
                        "selections": {"orphan": 1, "counts": 1}}[table]
            assert _check(app, tmp_path / "sent.ledger") == (1, expected), table
            if table == "rejected":
                cursor.execute("update rejected set record_id = '', user_id = '', detail = 'erased', payload = ''")
            else:
                cursor.execute(f"delete from {table} where user_id = 'gone'" + ("" if table == "users" else " and coupon_id = 'c'"))
