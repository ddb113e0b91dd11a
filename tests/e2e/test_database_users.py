"""A user of the database for each command, with the rights that `tipster migrate --grants` gives: everything works, and nothing else does."""

from __future__ import annotations

import json
from typing import Iterator

import pymysql
import pytest
import requests

from fixtures import Stack, own_ports
from patience import wait_for
from records import coupon, event, user
from stack import stop_all
from wire import rows

DENIED = {1044, 1142, 1143, 1227, 1370}  # access denied, to a database, a table, a column, an operation
TABLES = ("api_keys", "companies", "coupons", "event_counts", "event_participants", "events", "ingest_status", "record_counts",
          "rejected", "schema_migrations", "selections", "stream_offsets", "users")


@pytest.fixture(scope="module")
def app(servers, state_dir) -> Iterator[Stack]:
    port, ops_port = own_ports(2)
    made = Stack(state_dir / "users", *servers, port, ops_port, {"ANONYMOUS_COMPANY": "demo", "KAFKA_PARTITIONS": "4"},
                 name="tipster_users", separate_users=True)
    try:
        yield made.start()
    finally:
        stop_all([made])
        made.drop()


def test_everything_works(app: Stack) -> None:
    """Each kind of write that ingest makes, reads by SQL and by the view, companies and keys."""
    key = {"Authorization": f"Bearer {app.key('demo')}"}

    def push(kind: str, record: dict) -> None:
        def taken() -> bool:  # 503 while a broker that has just started gets ready
            answer = requests.post(f"{app.base_url}/v1/{kind}", json=record, headers=key, timeout=10)
            assert answer.status_code in (202, 503), answer.text
            return answer.status_code == 202

        wait_for(taken, f"{kind} to be accepted")

    for change in range(2):  # inserted, then updated
        push("users", user("u1", birth_year=1980 + change))
        push("events", event("e1", participants=["A", f"B{change}"]))
        app.wait_caught_up()
    push("coupons", coupon("c1", "u1", ["e1"], stake=1))
    push("coupons", coupon("c1", "u1", ["e1"], stake=2))  # a conflict
    app.wait_caught_up()
    assert rows(app, "select reason from rejected") == [(b"conflict",)]
    assert requests.get(f"{app.base_url}/v1/recommendations/u1", headers=key, timeout=10).status_code == 200
    assert requests.delete(f"{app.base_url}/v1/events/e1", headers=key, timeout=10).status_code == 202
    assert requests.delete(f"{app.base_url}/v1/users/u1", headers=key, timeout=10).status_code == 202
    app.wait_caught_up()
    assert rows(app, "select count(*) from coupons") == rows(app, "select count(*) from users") == [(0,)]
    wait_for(lambda: rows(app, "select count(*) from ingest_status") == [(1,)], "ingest's word of itself")
    wait_for(lambda: "serves: " in app.index.log.read_text(), "a view")
    assert json.loads(app.run("company", "list", "--json").stdout)
    for process in app.processes():
        assert process.running() and "denied" not in process.log.read_text()


def refused(app: Stack, who: str, text: str) -> bool:
    with app.db(user=who) as connection, connection.cursor() as cursor:
        try:
            cursor.execute(text)
        except pymysql.MySQLError as error:
            assert error.args[0] in DENIED, f"{who}: {text}: {error}"
            return True
    return False


def writes(table: str) -> dict[str, str]:
    return {"insert": f"insert into {table} select * from {table} where 1 = 0",
            "delete": f"delete from {table} where 1 = 0", "drop": f"drop table {table}",
            "alter": f"alter table {table} add column x int", "truncate": f"truncate table {table}"}


def test_serve_writes_nothing(app: Stack) -> None:
    assert {row[0].decode() if isinstance(row[0], bytes) else row[0] for row in rows(app, "show tables")} == set(TABLES)
    allowed = [(table, what) for table in TABLES for what, text in writes(table).items() if not refused(app, "api", text)]
    assert allowed == []
    for text in ("update users set position = 0 where 1 = 0", "update api_keys set scopes = '' where 1 = 0", "create table t (n int)",
                 "create user x", "select * from mysql.user", "grant select on companies to api@localhost"):
        assert refused(app, "api", text), text


def test_ingest_writes_records_only(app: Stack) -> None:
    closed = {"api_keys", "companies", "schema_migrations"}
    kept = closed | {"events", "event_counts", "record_counts", "rejected", "stream_offsets", "ingest_status"}
    for table in TABLES:
        texts = writes(table)
        assert refused(app, "ingest", texts["insert"]) == (table in closed), table
        assert refused(app, "ingest", texts["delete"]) == (table in kept), table
        for what in ("drop", "alter", "truncate"):
            assert refused(app, "ingest", texts[what]), f"{what} {table}"
    for text in ("select * from api_keys", "select * from companies", "update api_keys set scopes = '' where 1 = 0",
                 "create table t (n int)", "select * from mysql.user"):
        assert refused(app, "ingest", text), text


@pytest.mark.parametrize("users", ["api", "api,", "a'b,ingest", "api,in`gest", "api@h@x,ingest"])
def test_names_that_are_none(stack: Stack, users: str) -> None:
    done = stack.run("migrate", "--grants", users, check=False)
    assert done.returncode == 2 and "user" in done.stderr and done.stdout == ""
