"""The wire contract of reading on /v1: records as they are shown, lists and cursors, parameters at their bounds."""

from __future__ import annotations

import json
import random
import re
from decimal import Decimal
from typing import Any

import pytest

from oracle import DAY_MS, to_ms, to_text
from records import HOUR_MS, coupon, event, fresh, now_ms, user
from wire import AMBIGUOUS, BAD_PARAMETER, JSON, NOT_FOUND, Wire, exact, problem, segment

TIME_FORM = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z\Z")


@pytest.fixture(scope="module")
def wire(stack: Any) -> Wire:
    return Wire(stack.base_url)


def store(wire: Wire, stack: Any, kind: str, *records: dict[str, Any]) -> None:
    wire.accept(f"/v1/{kind}s", list(records))
    stack.wait_caught_up()


# ---- one record


def test_a_user(wire: Wire, stack: Any) -> None:
    record = user(country="Côte d'Ivoire 😀", registration_date="2024-05-01T12:00:00.5+02:00")
    store(wire, stack, "user", record)
    answer = wire.get(f"/v1/users/{record['user_id']}")
    assert answer.status_code == 200 and answer.headers["Content-Type"].split(";")[0] == JSON
    assert answer.json() == {**record, "registration_date": "2024-05-01T10:00:00.500Z"}


def test_an_event(wire: Wire, stack: Any) -> None:
    record = event(
        participants=["Zoé", "日本", "a\"b\\c"], begin_timestamp="2031-01-01", end_timestamp="2031-01-01T01:30:00+01:00"
    )
    store(wire, stack, "event", record)
    assert wire.get(f"/v1/events/{record['event_id']}").json() == {
        **record,
        "begin_timestamp": "2031-01-01T00:00:00.000Z",
        "end_timestamp": "2031-01-01T00:30:00.000Z",
    }


def test_a_coupon(wire: Wire, stack: Any) -> None:
    record = coupon(events=[fresh("e"), fresh("e")], timestamp="2026-01-02T03:04:05.006Z")
    store(wire, stack, "coupon", record)
    answer = wire.get(f"/v1/coupons/{record['coupon_id']}")
    shown = answer.json()
    shown["selections"].sort(key=lambda s: s["event_id"])
    assert shown == {**record, "selections": sorted(record["selections"], key=lambda s: s["event_id"])}


@pytest.mark.parametrize("kind", ["user", "event"])
def test_a_version_is_shown(wire: Wire, stack: Any, kind: str) -> None:
    record = user(version=2**53) if kind == "user" else event(version=2**53)
    store(wire, stack, kind, record)
    assert wire.get(f"/v1/{kind}s/{record[f'{kind}_id']}").json()["version"] == 2**53


@pytest.mark.parametrize(
    "sent, shown",
    [
        ("2.15", "2.15"),
        ("2.1500", "2.15"),
        ("2.0", "2"),
        ("1e2", "100"),
        ("1.0001", "1.0001"),
        ("123456.7891", "123456.7891"),
        ("999999.9999", "999999.9999"),
        ("1000000", "1000000"),
        ("10", "10"),
        ("1.1", "1.1"),
        ("3.3", "3.3"),
    ],
)
def test_decimals_are_printed_by_value(wire: Wire, stack: Any, sent: str, shown: str) -> None:
    text = json.dumps(coupon(stake="@", selections=[{"event_id": "e", "odds": "@"}])).replace('"@"', sent)
    own = json.loads(text)["coupon_id"]
    assert wire.post("/v1/coupons", text).status_code == 202
    stack.wait_caught_up()
    answer = wire.get(f"/v1/coupons/{own}")
    found = re.findall(r'"(?:stake|odds)"\s*:\s*([^,}\s]+)', answer.text)
    assert len(found) == 2 and [float(f) for f in found] == [float(sent)] * 2
    for number in found:
        assert re.sub(r"\.0\Z", "", number) == shown, answer.text
    assert exact(answer)["selections"][0]["odds"] == Decimal(sent)


@pytest.mark.parametrize(
    "sent, shown",
    [
        ("2024-02-29", "2024-02-29T00:00:00.000Z"),
        ("2024-02-29T23:59:59.9999Z", "2024-02-29T23:59:59.999Z"),
        ("2024-02-29T23:59:59.1-00:30", "2024-03-01T00:29:59.100Z"),
        ("1969-12-31T23:59:59.9999Z", "1969-12-31T23:59:59.999Z"),
        ("1900-01-01", "1900-01-01T00:00:00.000Z"),
        ("1900-03-01T00:00:00+00:01", "1900-02-28T23:59:00.000Z"),
        ("2200-12-31T23:59:59.999Z", "2200-12-31T23:59:59.999Z"),
        ("2100-03-01T00:00:00+14:00", "2100-02-28T10:00:00.000Z"),
        ("2038-01-19T03:14:08Z", "2038-01-19T03:14:08.000Z"),
    ],
)
def test_times_are_normalised(wire: Wire, stack: Any, sent: str, shown: str) -> None:
    record = user(registration_date=sent)
    store(wire, stack, "user", record)
    assert wire.get(f"/v1/users/{record['user_id']}").json()["registration_date"] == shown


@pytest.mark.parametrize(
    "own",
    ["'; drop table users; --", "a/b", "%41", "A", "a", "a ", "ä", "日本", "a?b#c&d=e", "\\", '"', "_%", "+", ".", ".."],
)
def test_ids_are_bytes(wire: Wire, stack: Any, own: str) -> None:
    own = fresh("") + own
    store(wire, stack, "user", user(own, country=f"of {own}"))
    assert wire.get(f"/v1/users/{segment(own)}").json()["country"] == f"of {own}"
    problem(wire.get(f"/v1/users/{segment(own + ' ')}"), 404, NOT_FOUND)
    if own.swapcase() != own:
        problem(wire.get(f"/v1/users/{segment(own.swapcase())}"), 404, NOT_FOUND)


@pytest.mark.parametrize("path", ["/v1/users/{}", "/v1/events/{}", "/v1/coupons/{}", "/v1/events/{}/similar"])
def test_nothing_there(wire: Wire, path: str) -> None:
    problem(wire.get(path.format(fresh("none"))), 404, NOT_FOUND)
    problem(wire.get(path.format(fresh("none").ljust(64, "x"))), 404, NOT_FOUND)
    long = wire.get(path.format("x" * 65))
    assert long.status_code in (400, 404, 422)
    problem(long, long.status_code)


def test_a_coupon_id_of_several_users(wire: Wire, stack: Any) -> None:
    own, first, second = fresh("c"), fresh("u"), fresh("u")
    store(wire, stack, "coupon", coupon(own, first, stake=1))
    assert wire.get(f"/v1/coupons/{own}").json()["user_id"] == first
    store(wire, stack, "coupon", coupon(own, second, stake=2))
    problem(wire.get(f"/v1/coupons/{own}"), 409, AMBIGUOUS)
    assert wire.get(f"/v1/coupons/{own}", {"user_id": first}).json()["stake"] == 1
    assert wire.get(f"/v1/coupons/{own}", {"user_id": second}).json()["stake"] == 2
    problem(wire.get(f"/v1/coupons/{own}", {"user_id": fresh("u")}), 404, NOT_FOUND)


# ---- GET /v1/events


def in_league(count: int, **changes: Any) -> tuple[str, list[dict[str, Any]]]:
    """Events of a league of their own, a minute apart from tomorrow on, each begin three times."""
    league = fresh("L")
    start = now_ms() + DAY_MS
    return league, [event(begin=start + i // 3 * 60_000, league=league, **changes) for i in range(count)]


def by_begin(events: list[dict[str, Any]]) -> list[str]:
    return [e["event_id"] for e in sorted(events, key=lambda e: (e["begin_timestamp"], e["event_id"].encode()))]


def page_through(wire: Wire, params: dict[str, Any]) -> list[str]:
    found: list[str] = []
    for _ in range(1000):
        page = wire.get("/v1/events", params).json()
        found += [e["event_id"] for e in page["items"]]
        if page["next_cursor"] is None:
            return found
        assert len(page["items"]) == params.get("limit", 100)
        params = {**params, "cursor": page["next_cursor"]}
    raise AssertionError("the pages do not end")


def test_listing_in_order(wire: Wire, stack: Any) -> None:
    league, events = in_league(30)
    random.Random(1).shuffle(events)
    store(wire, stack, "event", *events)
    page = wire.get("/v1/events", {"league": league}).json()
    assert set(page) == {"items", "next_cursor"} and page["next_cursor"] is None
    assert [e["event_id"] for e in page["items"]] == by_begin(events)
    assert page["items"][0] == wire.get(f"/v1/events/{page['items'][0]['event_id']}").json()
    for limit in (1, 2, 3, 7, 29, 30, 31, 1000):
        assert page_through(wire, {"league": league, "limit": limit}) == by_begin(events), limit


def test_listing_defaults(wire: Wire, stack: Any) -> None:
    """100 a page; upcoming only."""
    league, events = in_league(101)
    past = event(begin=now_ms() - HOUR_MS, league=league)
    store(wire, stack, "event", *events, past)
    page = wire.get("/v1/events", {"league": league}).json()
    assert len(page["items"]) == 100 and page["next_cursor"]
    assert page_through(wire, {"league": league}) == by_begin(events)
    everything = page_through(wire, {"league": league, "from": "1900-01-01", "limit": 1000})
    assert everything == by_begin(events + [past])
    assert page_through(wire, {"league": league, "from": "1900-01-01", "to": to_text(now_ms())}) == [past["event_id"]]


def test_listing_is_stable_while_events_come_and_go(wire: Wire, stack: Any) -> None:
    league, events = in_league(60)
    expected = by_begin(events)
    store(wire, stack, "event", *events)
    params: dict[str, Any] = {"league": league, "limit": 7}
    found: list[str] = []
    added: set[str] = set()
    while True:
        page = wire.get("/v1/events", params).json()
        found += [e["event_id"] for e in page["items"]]
        if page["next_cursor"] is None:
            break
        params["cursor"] = page["next_cursor"]
        first = event(begin=now_ms() + HOUR_MS, league=league)  # before every page
        last = event(begin=now_ms() + 90 * DAY_MS + len(added), league=league)
        if len(added) < 6:
            added |= {first["event_id"], last["event_id"]}
            store(wire, stack, "event", first, last)
        # The last row that was shown goes: the cursor stands for a place, not for a row.
        assert wire.delete(f"/v1/events/{found[-1]}").status_code == 202
        stack.wait_caught_up()
    assert [e for e in found if e not in added] == expected
    assert len(found) == len(set(found))


def test_listing_filters(wire: Wire, stack: Any) -> None:
    league, events = in_league(4)
    sport, country, who = fresh("S"), fresh("C"), fresh("P") + " é&="
    events[0] = {**events[0], "sport": sport}
    events[1] = {**events[1], "country": country, "sport": sport}
    events[2] = {**events[2], "participants": ["x", who]}
    store(wire, stack, "event", *events)

    def found(**params: Any) -> list[str]:
        return page_through(wire, params)

    ids = [e["event_id"] for e in events]
    assert set(found(sport=sport)) == {ids[0], ids[1]}
    assert found(country=country) == [ids[1]]
    assert found(sport=sport, country=country) == [ids[1]]
    assert found(participant=who) == [ids[2]]
    assert found(participant=who, league=league) == [ids[2]]
    assert found(participant=who, sport=sport) == []
    assert found(league=league.swapcase()) == [] and found(league=league + " ") == []
    begin = events[3]["begin_timestamp"]  # of events[3] alone
    assert found(league=league, **{"from": begin}) == [ids[3]]
    assert set(found(league=league, to=begin)) == set(ids[:3])


def test_listing_by_a_repeated_participant_shows_an_event_once(wire: Wire, stack: Any) -> None:
    league, events = in_league(1, participants=["a", "b"])
    store(wire, stack, "event", *events)
    pairs = [("league", league), ("participant", "a"), ("participant", "b")]
    answer = wire.get("/v1/events", pairs)
    if answer.status_code == 200:
        assert [e["event_id"] for e in answer.json()["items"]] == by_begin(events)
    else:
        problem(answer, 400, BAD_PARAMETER)


@pytest.mark.parametrize("limit", ["0", "-1", "1001", "abc", "1.5", "", "1e2", "99999999999999999999", " 5", "5x"])
def test_limits(wire: Wire, limit: str) -> None:
    problem(wire.get("/v1/events", {"limit": limit}), 400, BAD_PARAMETER)


@pytest.mark.parametrize("limit", [1, 1000])
def test_limits_at_the_bounds(wire: Wire, limit: int) -> None:
    assert wire.get("/v1/events", {"limit": limit}).status_code == 200


@pytest.mark.parametrize("cursor", ["x", "AAAA", "%00", "é", "x" * 500, "-1", "MTIz"])
def test_bad_cursors(wire: Wire, cursor: str) -> None:
    problem(wire.get("/v1/events", {"cursor": cursor}), 400, BAD_PARAMETER)


@pytest.mark.parametrize("name", ["from", "to"])
@pytest.mark.parametrize("value", ["soon", "", "2026-13-01", "2026-11-21T06:00:00", "1", "2300-01-01"])
def test_bad_times(wire: Wire, name: str, value: str) -> None:
    problem(wire.get("/v1/events", {name: value}), 400, BAD_PARAMETER)


# ---- recommendations: parameters and frame (the ranking is test_recommend_oracle.py's)


@pytest.fixture(scope="module")
def punter(wire: Wire, stack: Any) -> dict[str, Any]:
    """A user with one selection, in a sport of its own with 120 open events."""
    sport = fresh("S")
    start = now_ms() + DAY_MS
    events = [event(begin=start + i * 1000, sport=sport, league="L") for i in range(120)]
    bet = event(begin=now_ms() - DAY_MS, sport=sport, league="L")
    who = user()
    wire.accept("/v1/users", [who])
    wire.accept("/v1/coupons", [coupon(user_id=who["user_id"], events=[bet["event_id"]])])
    wire.accept("/v1/events", events + [bet])
    stack.wait_caught_up()
    return {"user_id": who["user_id"], "ids": [e["event_id"] for e in events], "bet": bet, "sport": sport}


PATHS = ["/v1/recommendations/{user_id}", "/v1/events/{event_id}/similar", "/v1/popular"]


def path_of(path: str, punter: dict[str, Any]) -> str:
    return path.format(user_id=punter["user_id"], event_id=punter["bet"]["event_id"])


@pytest.mark.parametrize("path", PATHS)
def test_n(wire: Wire, punter: dict[str, Any], path: str) -> None:
    for params, count in (({}, 10), ({"n": 1}, 1), ({"n": 100}, 100)):
        assert len(wire.get(path_of(path, punter), params).json()["items"]) == count
    for bad in ("0", "-1", "101", "abc", "1.5", "", "1e1", "99999999999999999999", " 5", "+5x"):
        problem(wire.get(path_of(path, punter), {"n": bad}), 400, BAD_PARAMETER)


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("name", ["as_of"])
@pytest.mark.parametrize("value", ["soon", "", "2026-11-21T06:00:00", "2026-02-30", "1", "1800-01-01"])
def test_bad_moments(wire: Wire, punter: dict[str, Any], path: str, name: str, value: str) -> None:
    problem(wire.get(path_of(path, punter), {name: value}), 400, BAD_PARAMETER)


@pytest.mark.parametrize("value", ["soon", "", "2026-11-21T06:00:00"])
def test_bad_before(wire: Wire, punter: dict[str, Any], value: str) -> None:
    problem(wire.get(path_of(PATHS[0], punter), {"before": value}), 400, BAD_PARAMETER)


def test_the_frame(wire: Wire, punter: dict[str, Any]) -> None:
    answer = wire.get(path_of(PATHS[0], punter), {"n": 2, "explain": 1})
    assert answer.status_code == 200 and answer.headers["Content-Type"].split(";")[0] == JSON
    body = answer.json()
    assert {"user_id", "as_of", "items"} <= body.keys() and body["user_id"] == punter["user_id"]
    assert TIME_FORM.match(body["as_of"]) and abs(_age_ms(body["as_of"])) < 10_000
    assert [item["event"]["event_id"] for item in body["items"]] == punter["ids"][:2]
    item = body["items"][0]
    assert set(item) == {"event", "score", "source", "because"}
    assert set(item["event"]) == {
        "event_id",
        "sport",
        "league",
        "country",
        "participants",
        "begin_timestamp",
        "end_timestamp",
    }
    assert item["score"] == pytest.approx(1, abs=1e-9) and item["source"] == "similar"
    assert [(r["tag"], r["value"]) for r in item["because"]] == [
        ("league", "L"),
        ("sport", punter["sport"]),
        ("participant", "Arsenal"),
        ("country", "England"),
    ]
    assert sum(r["share"] for r in item["because"]) == pytest.approx(1, abs=1e-9)


def _age_ms(text: str) -> int:
    return now_ms() - to_ms(text)


def test_the_moment_can_be_given(wire: Wire, punter: dict[str, Any], stack: Any) -> None:
    begin = wire.get(f"/v1/events/{punter['ids'][4]}").json()["begin_timestamp"]
    body = wire.get(path_of(PATHS[0], punter), {"as_of": begin, "n": 1}).json()
    assert body["as_of"] == begin
    assert body["items"][0]["event"]["event_id"] == punter["ids"][5], "begun at its begin"
    body = wire.get(path_of(PATHS[0], punter), {"before": begin, "n": 100}).json()
    similar = [i["event"]["event_id"] for i in body["items"] if i["source"] == "similar"]
    assert similar == punter["ids"][:4], "before means begin < before"


def test_an_unknown_user_gets_popular_events(wire: Wire, punter: dict[str, Any]) -> None:
    body = wire.get(f"/v1/recommendations/{fresh('nobody')}", {"sport": punter["sport"], "explain": 1}).json()
    assert [i["event"]["event_id"] for i in body["items"]] == punter["ids"][:10]
    assert all(i["source"] == "popular" and i["score"] == 0 and not i.get("because") for i in body["items"])


@pytest.mark.parametrize("path", PATHS)
def test_headers_of_reads(wire: Wire, punter: dict[str, Any], path: str) -> None:
    answer = wire.get(path_of(path, punter), headers={"X-Request-Id": "read-1"})
    assert answer.headers["Tipster-Served-By"] in ("sql", "view")
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["X-Request-Id"] == "read-1"


# ---- health


def test_health(wire: Wire, stack: Any) -> None:
    assert wire.get("/healthz").status_code == 200
    ops = Wire(stack.ops_url)
    for path in ("/readyz", "/readyz/read", "/readyz/write"):
        answer = ops.get(path)
        assert answer.status_code == 200, answer.text
        assert answer.headers["Content-Type"].split(";")[0] == JSON and answer.json()
    metrics = ops.get("/metrics")
    assert metrics.status_code == 200 and metrics.headers["Content-Type"].startswith("text/plain")
    assert re.search(r"^# TYPE \w+ (counter|gauge|histogram)$", metrics.text, re.M)


def test_operations_are_not_on_the_main_listener(wire: Wire) -> None:
    for path in ("/metrics", "/readyz", "/readyz/read", "/readyz/write"):
        problem(wire.get(path), 404, NOT_FOUND)
