"""What a company looks up of its own: coupons of a user, rejects, events; pages stay whole while others write."""

from __future__ import annotations

import json
import re
import socket
import threading
import time
from typing import Any, Callable, Iterator

import pytest
from kafka import KafkaProducer

from oracle import DAY_MS, to_ms, to_text
from records import HOUR_MS, coupon, event, fresh, now_ms, user
from wire import BAD_PARAMETER, NOT_FOUND, Wire, problem, rows, segment


@pytest.fixture(scope="module")
def wire(stack: Any) -> Wire:
    return Wire(stack.base_url, stack.key())


def pages(wire: Wire, path: str, between: Callable[[], None] = lambda: None, **params: Any) -> Iterator[list[dict[str, Any]]]:
    cursor = None
    while True:
        answer = wire.get(path, {**params, **({"cursor": cursor} if cursor else {})})
        assert answer.status_code == 200, answer.text
        body = answer.json()
        assert set(body) == {"items", "next_cursor"}
        yield body["items"]
        cursor = body["next_cursor"]
        if cursor is None:
            return
        between()


# ---- coupons of a user


def test_the_coupons_of_a_user(wire: Wire, stack: Any) -> None:
    who, at = fresh("u/ü"), now_ms()
    mine = [coupon(f"c{i:02}", who, [fresh("e"), fresh("e")], timestamp=to_text(at - (i // 3) * HOUR_MS), stake=i + 1) for i in range(20)]
    wire.accept("/v1/coupons", mine + [coupon("c00", fresh("other"))])
    stack.wait_caught_up()
    newest_first = [f"c{i:02}" for i in range(20)]  # three of a moment: by id
    path = f"/v1/users/{segment(who)}/coupons"
    shown = [item for page in pages(wire, path) for item in page]
    assert [item["coupon_id"] for item in shown] == newest_first
    for item, sent in zip(shown, mine):
        assert item == {**sent, "selections": sorted(sent["selections"], key=lambda s: s["event_id"])}
    for limit in (1, 2, 3, 7, 20):
        assert [[item["coupon_id"] for item in page] for page in pages(wire, path, limit=limit)] == [
            newest_first[at : at + limit] for at in range(0, 20, limit)]


def test_a_coupon_of_the_older_clients_without_selections_is_shown(wire: Wire, stack: Any) -> None:
    who = fresh("u")
    assert wire.post("/register_coupon", coupon("bare", who, selections=[])).status_code == 200
    assert wire.post("/register_coupon", coupon("no odds", who, selections=[{"event_id": "e"}])).status_code == 200
    stack.wait_caught_up()
    items = wire.get(f"/v1/users/{who}/coupons").json()["items"]
    assert {item["coupon_id"]: item["selections"] for item in items} == {"bare": [], "no odds": [{"event_id": "e"}]}


def test_users_without_coupons(wire: Wire, stack: Any) -> None:
    who = fresh("u")
    wire.accept("/v1/users", [user(who)])
    stack.wait_caught_up()
    assert wire.get(f"/v1/users/{who}/coupons").json() == {"items": [], "next_cursor": None}
    problem(wire.get(f"/v1/users/{fresh('nobody')}/coupons"), 404, NOT_FOUND)


def test_pages_of_coupons_while_others_are_written(wire: Wire, stack: Any) -> None:
    """What was there from the start is shown once, whatever comes between two pages: newer, older, of the same moment."""
    who, at = fresh("u"), now_ms() - DAY_MS
    there = [f"m{i:03}" for i in range(300)]
    wire.accept("/v1/coupons", [coupon(own, who, ["e"], timestamp=to_text(at - (i % 50) * HOUR_MS)) for i, own in enumerate(there)])
    stack.wait_caught_up()
    number = iter(range(10_000))

    def write() -> None:
        n = next(number)
        wire.accept("/v1/coupons", [coupon(f"{letter}{n:03}", who, ["e"], timestamp=to_text(when))
                                    for letter in "az" for when in (at + n * HOUR_MS, )] +
                    [coupon(f"{letter}old{n:03}", who, ["e"], timestamp=to_text(at - (n % 50) * HOUR_MS)) for letter in "az"])
        stack.wait_caught_up()

    shown = [item["coupon_id"] for page in pages(wire, f"/v1/users/{who}/coupons", write, limit=17) for item in page]
    assert len(shown) == len(set(shown))
    assert set(there) <= set(shown)
    assert [own for own in shown if own in set(there)] == sorted(there, key=lambda own: (int(own[1:]) % 50, own))


# ---- rejects


@pytest.fixture()
def bad(server_factory: Any) -> Any:
    return server_factory()


def poison(app: Any, values: list[bytes], key: bytes = b"demo\0someone") -> None:
    producer = KafkaProducer(bootstrap_servers=app.kafka.bootstrap, api_version=(2, 6, 0))
    headers = [("company", b"demo"), ("kind", b"put"), ("schema", b"1"), ("request_id", b"by-hand")]
    for number, value in enumerate(values):
        producer.send(f"{app.env['KAFKA_TOPIC_PREFIX']}.users.v1", value, key, headers, partition=number % 4)
    producer.flush(20)
    producer.close()


def test_what_was_rejected(bad: Any) -> None:
    wire = Wire(bad.base_url, bad.key())
    first = coupon("c", "ann", ["e"], stake=1)
    wire.accept("/v1/coupons", [first])
    before = now_ms()
    answer = wire.post("/v1/coupons", {**first, "stake": 2}, headers={"X-Request-Id": "the-second"})
    bad.wait_caught_up()
    body = wire.get("/v1/rejected").json()
    assert body["next_cursor"] is None
    (item,) = body["items"]
    payload = json.loads(item.pop("payload"))
    assert payload["stake"] == 2 and payload["coupon_id"] == "c" and payload["user_id"] == "ann"
    assert before - 60_000 < to_ms(item.pop("time")) < now_ms() + 60_000
    assert item == {"kind": "coupon", "id": "c", "user_id": "ann", "reason": "conflict", "request_id": "the-second",
                    "detail": "this coupon id holds another content", "position": answer.headers["Tipster-Position"]}


def test_rejects_that_are_no_text(bad: Any) -> None:
    wire = Wire(bad.base_url, bad.key())
    poison(bad, [b"\xff\xfe", b'{"half', b"x" * 200_000], key=b"demo\0\xff")
    bad.wait_caught_up()
    items = wire.get("/v1/rejected").json()["items"]
    assert {item["reason"] for item in items} == {"malformed"} and len(items) == 3
    assert all(item["user_id"] is None and item["id"] is None for item in items)
    shown = {item["payload"][:10]: item for item in items}
    assert shown["__4"]["payload_encoding"] == "base64url"
    assert "payload_encoding" not in shown['{"half']
    assert shown["eHh4eHh4eH"]["payload_bytes"] == 200_000


def test_pages_of_rejects_while_others_are_rejected(bad: Any) -> None:
    wire = Wire(bad.base_url, bad.key())
    poison(bad, [b"old %d" % i for i in range(230)])
    bad.wait_caught_up()
    number = iter(range(10_000))

    def more() -> None:
        poison(bad, [b"new %d" % next(number) for _ in range(5)])
        bad.wait_caught_up()

    shown = [item for page in pages(wire, "/v1/rejected", more, limit=60) for item in page]
    payloads = [item["payload"] for item in shown]
    assert len(payloads) == len(set(payloads))
    assert {f"old {i}" for i in range(230)} <= set(payloads)
    times = [item["time"] for item in shown]
    assert times == sorted(times, reverse=True)
    assert len(wire.get("/v1/rejected", {"limit": 1000}).json()["items"]) == 230 + next(number)


def test_a_page_of_large_rejects_ends_early(bad: Any) -> None:
    wire = Wire(bad.base_url, bad.key())
    poison(bad, [b"%03d " % i + b"y" * 60_000 for i in range(120)])
    bad.wait_caught_up()
    found = list(pages(wire, "/v1/rejected", limit=1000))
    assert len(found) > 1 and sum(map(len, found)) == 120
    assert len({item["payload"][:3] for page in found for item in page}) == 120


# ---- parameters


@pytest.mark.parametrize("path", ["/v1/users/u/coupons", "/v1/rejected"])
@pytest.mark.parametrize("query", [{"limit": 0}, {"limit": 1001}, {"limit": "x"}, {"cursor": ""}, {"cursor": "AAAA"}, {"sport": "Soccer"},
                                   {"cursor": "AwAAAZqAAAAAAA"}])
def test_bad_parameters(wire: Wire, path: str, query: dict[str, Any]) -> None:
    problem(wire.get(path, query), 400, BAD_PARAMETER)


def test_a_cursor_belongs_to_its_list(wire: Wire, stack: Any) -> None:
    who = fresh("u")
    wire.accept("/v1/coupons", [coupon(user_id=who) for _ in range(3)])
    stack.wait_caught_up()
    cursor = wire.get(f"/v1/users/{who}/coupons", {"limit": 1}).json()["next_cursor"]
    for path in ("/v1/events", "/v1/rejected"):
        problem(wire.get(path, {"cursor": cursor}), 400, BAD_PARAMETER)


# ---- events


def test_pages_of_events_while_others_are_written(wire: Wire, stack: Any) -> None:
    """Several writers add, edit and withdraw other events all the while; those that were there are listed once, in order."""
    sport, begin = fresh("Sport"), now_ms() + 20 * DAY_MS
    there = [event(fresh("m"), begin + (i % 40) * HOUR_MS, sport=sport) for i in range(250)]
    wire.accept("/v1/events", there)
    stack.wait_caught_up()
    stop = threading.Event()

    def write() -> None:
        n = 0
        while not stop.is_set():
            n += 1
            own = fresh("w")
            wire.accept("/v1/events", [event(own, begin + (n % 40) * HOUR_MS, sport=sport)])
            wire.accept("/v1/events", [event(own, begin + (n * 7 % 40) * HOUR_MS, sport=sport, league="Other")])
            if n % 3 == 0:
                wire.delete(f"/v1/events/{own}")

    writers = [threading.Thread(target=write) for _ in range(2)]
    for writer in writers:
        writer.start()
    try:
        found = [item for page in pages(wire, "/v1/events", sport=sport, limit=13) for item in page]
    finally:
        stop.set()
        for writer in writers:
            writer.join()
    mine = {record["event_id"]: record["begin_timestamp"] for record in there}
    shown = [item["event_id"] for item in found if item["event_id"] in mine]
    assert shown == sorted(mine, key=lambda own: (to_ms(mine[own]), own.encode()))


# ---- export


def export(wire: Wire, user_id: str, **options: Any) -> list[dict[str, Any]]:
    answer = wire.get(f"/v1/users/{segment(user_id)}/export", **options)
    assert answer.status_code == 200, answer.text
    assert answer.headers["Content-Type"] == "application/x-ndjson"
    assert answer.text.endswith("\n")
    return [json.loads(line) for line in answer.text.splitlines()]


def test_all_that_is_stored_of_a_user(wire: Wire, stack: Any) -> None:
    who, other = fresh("u/ä"), fresh("other")
    mine = [coupon(f"c{i}", who, [fresh("e"), fresh("e")]) for i in range(4)]
    wire.accept("/v1/users", [user(who), user(other)])
    wire.accept("/v1/coupons", mine + [{**mine[1], "stake": 77}] + [coupon("c1", other)])
    stack.wait_caught_up()
    lines = export(wire, who)
    assert [line["kind"] for line in lines] == ["user"] + ["coupon"] * 4 + ["rejected"]
    assert lines[0]["record"] == wire.get(f"/v1/users/{segment(who)}").json()
    assert [line["record"] for line in lines[1:5]] == [
        wire.get(f"/v1/coupons/c{i}", {"user_id": who}).json() for i in range(4)]
    assert lines[5]["record"]["reason"] == "conflict" and json.loads(lines[5]["record"]["payload"])["stake"] == 77
    problem(wire.get(f"/v1/users/{fresh('nobody')}/export"), 404, NOT_FOUND)
    problem(wire.get(f"/v1/users/{segment(who)}/export", {"limit": 1}), 400, BAD_PARAMETER)
    assert wire.call("HEAD", f"/v1/users/{segment(who)}/export").status_code == 200
    assert wire.delete(f"/v1/users/{segment(who)}").status_code == 202
    stack.wait_caught_up()
    problem(wire.get(f"/v1/users/{segment(who)}/export"), 404, NOT_FOUND)


def many(wire: Wire, stack: Any, who: str, count: int) -> None:
    for start in range(0, count, 1000):
        wire.accept("/v1/coupons", [coupon(f"c{i:06}", who, [f"e{i % 5}", f"f{i % 7}", f"g{i % 11}"])
                                    for i in range(start, min(start + 1000, count))])
    stack.wait_caught_up()


def large(wire: Wire, stack: Any, who: str) -> None:
    """A user whose export has 9 MB: more than the kernel takes for a client that does not read."""
    events = [f"{i:03}".ljust(60, "x") for i in range(100)]
    for start in range(0, 1000, 100):
        wire.accept("/v1/coupons", [coupon(f"c{i:06}", who, events) for i in range(start, start + 100)])
    stack.wait_caught_up()


def test_an_export_is_sent_in_pieces(wire: Wire, stack: Any) -> None:
    who = fresh("u")
    many(wire, stack, who, 3000)
    first = wire.raw(f"GET /v1/users/{who}/export HTTP/1.1\r\nHost: h\r\nX-API-Key: {wire.key}\r\n\r\n".encode())
    assert first.headers["transfer-encoding"] == "chunked" and "content-length" not in first.headers
    assert first.headers["connection"] == "close" and first.closed
    lines = export(wire, who)
    assert [line["record"]["coupon_id"] for line in lines] == [f"c{i:06}" for i in range(3000)]
    assert all(len(line["record"]["selections"]) == 3 for line in lines)
    old = wire.raw(f"GET /v1/users/{who}/export HTTP/1.0\r\nHost: h\r\nX-API-Key: {wire.key}\r\n\r\n".encode())
    assert "transfer-encoding" not in old.headers and old.closed and old.body.count(b"\n") == 3000


def test_a_client_that_leaves_or_does_not_read_holds_nobody_up(wire: Wire, stack: Any) -> None:
    who = fresh("u")
    large(wire, stack, who)
    request = f"GET /v1/users/{who}/export HTTP/1.1\r\nHost: h\r\nX-API-Key: {wire.key}\r\n\r\n".encode()
    socks = []
    for _ in range(12):  # more than there are database threads
        sock = socket.create_connection(("127.0.0.1", stack.port), timeout=20)
        sock.sendall(request)
        socks.append(sock)
    for sock in socks:
        assert sock.recv(16).startswith(b"HTTP/1.1 200")
    assert wire.get(f"/v1/users/{who}/coupons", {"limit": 1}).status_code == 200  # reads go on
    for sock in socks[1:]:
        sock.close()
    data = b""
    while piece := socks[0].recv(1 << 20):
        data += piece
    assert data.endswith(b"0\r\n\r\n")
    assert len(export(wire, who)) == 1000


def test_a_client_that_stops_reading_is_cut_off(server_factory: Any) -> None:
    app = server_factory({"STALL_TIMEOUT_MS": "4000"})
    wire = Wire(app.base_url, app.key())
    large(wire, app, "u")
    with socket.create_connection(("127.0.0.1", app.port), timeout=30) as sock:
        sock.sendall(f"GET /v1/users/u/export HTTP/1.1\r\nHost: h\r\nX-API-Key: {wire.key}\r\n\r\n".encode())
        deadline = time.monotonic() + 30
        while not re.search(r"^tipster_http_streams_cut_total\S* 1$", Wire(app.ops_url).get("/metrics").text, re.M):
            assert time.monotonic() < deadline, "not cut off"
            time.sleep(0.2)
        data = b""
        try:
            while piece := sock.recv(1 << 20):
                data += piece
        except ConnectionResetError:
            pass
    assert data.startswith(b"HTTP/1.1 200") and not data.endswith(b"0\r\n\r\n")
    assert len(export(wire, "u")) == 1000


# ---- statistics


def stats(wire: Wire) -> dict[str, Any]:
    answer = wire.get("/v1/stats")
    assert answer.status_code == 200, answer.text
    return answer.json()


def fresh_stats(wire: Wire, done: Callable[[dict[str, Any]], bool], timeout_s: float = 30) -> dict[str, Any]:
    deadline = time.monotonic() + timeout_s
    while not done(found := stats(wire)):
        assert time.monotonic() < deadline, found
        time.sleep(0.2)
    return found


def test_the_statistics_of_a_company(server_factory: Any) -> None:
    app = server_factory()
    wire = Wire(app.base_url, app.key())
    assert stats(wire)["counts"] == {"users": 0, "events": 0, "coupons": 0, "rejected": 0}
    wire.accept("/v1/events", [event(f"s{i}", league="Serie A") for i in range(3)] + [event("t", sport="Tennis", league="ATP")] +
                [event("over", begin=now_ms() - DAY_MS), event("off")])
    wire.delete("/v1/events/off")
    wire.accept("/v1/users", [user("ann"), user("bob"), user("ann", country="Norway")])
    first = coupon("c0", "ann", ["s0", "s1", "over"])
    wire.accept("/v1/coupons", [first, {**first, "stake": 3}, first] + [coupon(f"c{i}", "bob", ["s0", "t"]) for i in range(1, 5)])
    app.wait_caught_up()
    found = fresh_stats(wire, lambda s: s["counts"]["coupons"] == 5 and s["busiest"]["sports"])
    assert found["counts"] == {"users": 2, "events": 6, "coupons": 5, "rejected": 1}
    busiest = found["busiest"]
    assert busiest["open_events"] == 4
    assert busiest["sports"] == [{"sport": "Soccer", "open_events": 3, "bets": 6}, {"sport": "Tennis", "open_events": 1, "bets": 4}]
    assert busiest["leagues"][0] == {"sport": "Soccer", "league": "Serie A", "open_events": 3, "bets": 6}
    assert [(line["event"]["event_id"], line["bets"]) for line in busiest["events"]] == [("s0", 5), ("t", 4), ("s1", 1), ("s2", 0)]
    assert busiest["events"][1]["event"] == wire.get("/v1/events/t").json()
    lag = fresh_stats(wire, lambda s: s["lag"] is not None)["lag"]
    assert {line["topic"] for line in lag["partitions"]} == {"users", "events", "coupons"}
    assert lag["records"] == sum(line["records"] for line in lag["partitions"])
    # Rates: what was stored between two readings.
    before = stats(wire)
    wire.accept("/v1/coupons", [coupon(f"d{i}", "bob", ["t"]) for i in range(500)])
    app.wait_caught_up()
    after = fresh_stats(wire, lambda s: s["counts"]["coupons"] == 505)
    assert after["as_of"] > before["as_of"] and after["stored_per_second"]["coupons"] > 0
    wire.delete("/v1/users/bob")
    app.wait_caught_up()
    assert fresh_stats(wire, lambda s: s["counts"]["coupons"] == 1)["counts"]["users"] == 1
    problem(wire.get("/v1/stats", {"limit": 1}), 400, BAD_PARAMETER)


def test_counts_stay_right_when_ingest_is_killed(server_factory: Any) -> None:
    app = server_factory()
    wire = Wire(app.base_url, app.key())
    for turn in range(6):
        wire.accept("/v1/coupons", [coupon(f"c{turn}-{i}", f"u{i % 9}", ["e"]) for i in range(300)])
        wire.accept("/v1/users", [user(f"u{i}") for i in range(9)])
        wire.delete(f"/v1/users/u{turn}")
        app.ingest.kill9()
        app.ingest.start()
    app.wait_caught_up()
    for table, kind in (("users", "user"), ("coupons", "coupon")):
        assert rows(app, "select sum(n) from record_counts where kind = %s", (kind,))[0][0] == rows(app, f"select count(*) from {table}")[0][0]


def test_rows_from_before_there_were_counts_are_counted(server_factory: Any) -> None:
    """The migration that brings the counts, on a database that has rows already."""
    app = server_factory()
    wire = Wire(app.base_url, app.key())
    wire.accept("/v1/coupons", [coupon("c", "u"), coupon("c", "u"), coupon("d", "u")])
    app.wait_caught_up()
    app.ingest.kill9()
    with app.connect(autocommit=True) as connection, connection.cursor() as cursor:
        cursor.execute("drop table record_counts")
        cursor.execute("alter table ingest_status drop column erased")
        cursor.execute("delete from schema_migrations where name like '%%lookups%%' or version > "
                       "(select v from (select version as v from schema_migrations where name like '%%lookups%%') as here)")
    app.run("migrate")
    app.ingest.start()
    wire.accept("/v1/coupons", [coupon("e", "u")])
    app.wait_caught_up()
    assert rows(app, "select sum(n) from record_counts where kind = 'coupon'")[0][0] == 3
    assert rows(app, "select sum(n) from record_counts where kind = 'rejected_coupon'")[0][0] == 1


# ---- who may


@pytest.mark.parametrize("path, scope", [("/v1/users/u/coupons", "read"), ("/v1/users/u/export", "admin"), ("/v1/rejected", "admin"),
                                         ("/v1/stats", "admin")])
def test_scopes(stack: Any, path: str, scope: str) -> None:
    others = [word for word in ("ingest", "read", "admin") if word != scope]
    problem(Wire(stack.base_url, stack.key("demo", *others)).get(path), 403)
    assert Wire(stack.base_url, stack.key("demo", scope)).get(path).status_code in (200, 404)
    if scope == "admin":
        problem(Wire(stack.base_url).get(path), 401)


def test_another_company_sees_nothing(stack: Any, wire: Wire) -> None:
    who = fresh("u")
    wire.accept("/v1/users", [user(who)])
    wire.accept("/v1/coupons", [coupon("c", who), coupon("c", who)])
    stack.wait_caught_up()
    rival = Wire(stack.base_url, stack.key("rival"))
    for path in (f"/v1/users/{who}/coupons", f"/v1/users/{who}/export"):
        problem(rival.get(path), 404, NOT_FOUND)
    assert rival.get("/v1/rejected").json() == {"items": [], "next_cursor": None}
    assert rival.get("/v1/stats").json()["counts"] == {"users": 0, "events": 0, "coupons": 0, "rejected": 0}
    assert rival.delete(f"/v1/users/{who}").status_code == 202
    stack.wait_caught_up()
    assert len(export(wire, who)) == 3
