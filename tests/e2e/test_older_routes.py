"""The older routes, as their clients use them: the body echoed, lax input, /recommend with its three meanings of n."""

from __future__ import annotations

import json
from typing import Any

import pytest

from oracle import DAY_MS, legacy_id, to_text
from records import DROP, HOUR_MS, build, coupon, event, fresh, now_ms, user
from wire import JSON, NOT_FOUND, Wire, older_error, problem

ROUTES = {"user": "/register_user", "event": "/register_event", "coupon": "/register_coupon"}


@pytest.fixture(scope="module")
def wire(stack: Any) -> Wire:
    return Wire(stack.base_url)


def register(wire: Wire, stack: Any, kind: str, record: Any) -> None:
    answer = wire.post(ROUTES[kind], record)
    assert answer.status_code == 200, answer.text
    stack.wait_caught_up()


def test_hello(wire: Wire) -> None:
    answer = wire.get("/hello")
    assert answer.status_code == 200 and answer.content == b"Hello World"
    assert answer.headers["Content-Type"].split(";")[0] == "text/plain"


# ---- registering


@pytest.mark.parametrize("kind", ROUTES)
def test_registered_and_echoed(wire: Wire, stack: Any, kind: str) -> None:
    record = build(kind)
    text = json.dumps(record, indent=3, ensure_ascii=False) + "\n \t"
    answer = wire.post(ROUTES[kind], text)
    assert answer.status_code == 200 and answer.content == text.encode()
    assert answer.headers["Content-Type"].split(";")[0] == JSON
    stack.wait_caught_up()
    own = record[f"{kind}_id"]
    assert wire.get(f"/v1/{kind}s/{own}").json()[f"{kind}_id"] == own


@pytest.mark.parametrize("kind", ROUTES)
def test_the_echo_is_byte_for_byte(wire: Wire, kind: str) -> None:
    """Escapes, spaces, number forms and fields that mean nothing come back as they were."""
    text = json.dumps(build(kind), ensure_ascii=True)
    text = '{ "extra" : [1.50, 1E+2, {"a":null}] ,"caf\\u00e9":"\\/", ' + text[1:]
    answer = wire.post(ROUTES[kind], text)
    assert answer.status_code == 200 and answer.content == text.encode()


@pytest.mark.parametrize(
    "kind, changes, shown",
    [
        ("user", {"currency": "euro"}, {"currency": "euro"}),
        ("user", {"currency": "x" * 50, "gender": "日" * 50}, {"currency": "x" * 50, "gender": "日" * 50}),
        ("user", {"registration_date": "2024-05-01T10:00:00"}, {"registration_date": "2024-05-01T10:00:00.000Z"}),
        ("user", {"registration_date": "2024-05-01"}, {"registration_date": "2024-05-01T00:00:00.000Z"}),
        ("user", {"registration_date": "2024-05-01T10:00:00.5+01:00"}, {"registration_date": "2024-05-01T09:00:00.500Z"}),
        ("user", {"extra": {"a": []}, "company": "other"}, {}),
        ("user", {"user_id": fresh("k").ljust(64, "k")}, {}),
        ("event", {"participants": []}, {"participants": []}),
        ("event", {"participants": ["b", "a", "b", "a", "c"]}, {"participants": ["b", "a", "c"]}),
        (
            "event",
            {"begin_timestamp": "2030-01-01T10:00:00", "end_timestamp": "2030-01-01T11:00:00"},
            {"begin_timestamp": "2030-01-01T10:00:00.000Z", "end_timestamp": "2030-01-01T11:00:00.000Z"},
        ),
        ("event", {"begin_timestamp": "2030-01-01", "end_timestamp": "2030-01-02"}, {"end_timestamp": "2030-01-02T00:00:00.000Z"}),
        ("coupon", {"selections": []}, {"selections": []}),
        ("coupon", {"stake": 0}, {"stake": 0}),
        ("coupon", {"stake": -5.25}, {"stake": -5.25}),
        ("coupon", {"stake": -(10**9)}, {"stake": -(10**9)}),
        ("coupon", {"stake": 10**9}, {"stake": 10**9}),
        ("coupon", {"stake": 1.23456}, {"stake": 1.2346}),
        ("coupon", {"stake": 2.71828182845}, {"stake": 2.7183}),
        ("coupon", {"stake": -1.00004}, {"stake": -1}),
        ("coupon", {"timestamp": "2026-01-01T10:00:00"}, {"timestamp": "2026-01-01T10:00:00.000Z"}),
        (
            "coupon",
            {"selections": [{"event_id": "a", "odds": 0.5}, {"event_id": "b", "odds": -3}]},
            {"selections": [{"event_id": "a", "odds": 0.5}, {"event_id": "b", "odds": -3}]},
        ),
        (
            "coupon",
            {"selections": [{"event_id": "a", "odds": 1.99999, "market": "1x2"}]},
            {"selections": [{"event_id": "a", "odds": 2}]},
        ),
        ("coupon", {"selections": [{"event_id": "a", "odds": 10**9}]}, {"selections": [{"event_id": "a", "odds": 10**9}]}),
    ],
)
def test_lax_input(wire: Wire, stack: Any, kind: str, changes: dict[str, Any], shown: dict[str, Any]) -> None:
    record = build(kind, **changes)
    text = json.dumps(record)
    answer = wire.post(ROUTES[kind], text)
    assert answer.status_code == 200 and answer.content == text.encode(), answer.text
    stack.wait_caught_up()
    stored = wire.get(f"/v1/{kind}s/{record[f'{kind}_id']}").json()
    assert {name: stored[name] for name in shown} == shown
    assert "extra" not in stored and "company" not in stored


def test_odds_may_be_missing(wire: Wire, stack: Any) -> None:
    record = coupon(selections=[{"event_id": "a"}, {"event_id": "b", "odds": 2}])
    register(wire, stack, "coupon", record)
    first, second = wire.get(f"/v1/coupons/{record['coupon_id']}").json()["selections"]
    assert first["event_id"] == "a" and first.get("odds") is None
    assert second == {"event_id": "b", "odds": 2}


@pytest.mark.parametrize("kind", ROUTES)
def test_each_field_is_required(wire: Wire, kind: str) -> None:
    for field in build(kind):
        error = older_error(wire.post(ROUTES[kind], build(kind, **{field: DROP})))
        assert field in error, f"{error!r} does not name {field}"


@pytest.mark.parametrize(
    "kind, changes",
    [
        ("user", {"user_id": ""}),
        ("user", {"user_id": "x" * 65}),
        ("user", {"user_id": "a\u0001"}),
        ("user", {"user_id": 5}),
        ("user", {"user_id": None}),
        ("user", {"birth_year": "1990"}),
        ("user", {"birth_year": 1800}),
        ("user", {"currency": "x" * 51}),
        ("user", {"gender": "x" * 51}),
        ("user", {"registration_date": "yesterday"}),
        ("user", {"registration_date": "2024-02-30"}),
        ("event", {"sport": ""}),
        ("event", {"league": "x" * 51}),
        ("event", {"country": "x" * 101}),
        ("event", {"participants": "Arsenal"}),
        ("event", {"participants": [5]}),
        ("event", {"begin_timestamp": "2030-01-02", "end_timestamp": "2030-01-01"}),
        ("coupon", {"stake": "ten"}),
        ("coupon", {"stake": None}),
        ("coupon", {"stake": 10**9 + 1}),
        ("coupon", {"stake": -(10**9) - 1}),
        ("coupon", {"selections": None}),
        ("coupon", {"selections": ["a"]}),
        ("coupon", {"selections": [{"odds": 2}]}),
        ("coupon", {"selections": [{"event_id": "a", "odds": "2"}]}),
        ("coupon", {"selections": [{"event_id": "a", "odds": 10**9 + 1}]}),
        ("coupon", {"timestamp": to_text(now_ms() + 30 * HOUR_MS)}),
    ],
)
def test_bad_values(wire: Wire, stack: Any, kind: str, changes: dict[str, Any]) -> None:
    record = build(kind, **changes)
    older_error(wire.post(ROUTES[kind], record))
    own = record[f"{kind}_id"]
    if isinstance(own, str) and 0 < len(own) <= 64 and "\u0001" not in own:
        stack.wait_caught_up()
        assert wire.get(f"/v1/{kind}s/{own}").status_code == 404


@pytest.mark.parametrize(
    "body", [b"", b"{", b"null", b"[]", b'"text"', b"5", b'{"a":1,"a":2}', b'{"user_id":"\xff"}', b"{} {}", b"{\"a\":NaN}"]
)
@pytest.mark.parametrize("kind", ROUTES)
def test_bad_bodies(wire: Wire, kind: str, body: bytes) -> None:
    older_error(wire.post(ROUTES[kind], body))


@pytest.mark.parametrize("kind", ROUTES)
def test_wrong_methods(wire: Wire, kind: str) -> None:
    answer = wire.get(ROUTES[kind])
    assert answer.status_code == 405 and answer.headers["Allow"] == "POST"


def test_a_wrong_method_of_recommend(wire: Wire) -> None:
    answer = wire.post("/recommend", {})
    assert answer.status_code == 405 and "GET" in answer.headers["Allow"]


def test_both_generations_are_one_store(wire: Wire, stack: Any) -> None:
    """The same coupon from an older client and on /v1 is one coupon."""
    record = coupon(events=[fresh("e")], stake=2.5, timestamp="2026-01-02T03:04:05Z")
    register(wire, stack, "coupon", {**record, "timestamp": "2026-01-02T03:04:05", "extra": 1})
    wire.accept("/v1/coupons", [record])
    stack.wait_caught_up()
    shown = wire.get(f"/v1/coupons/{record['coupon_id']}").json()
    assert shown["stake"] == 2.5 and shown["timestamp"] == "2026-01-02T03:04:05.000Z"


# ---- /recommend


@pytest.fixture(scope="module")
def world(wire: Wire, stack: Any) -> dict[str, Any]:
    """A user with one selection in a sport with five open events, one of them at a midnight."""
    sport = fresh("S")
    midnight = (now_ms() // DAY_MS + 3) * DAY_MS
    begins = [midnight, midnight + HOUR_MS + 1000, midnight + HOUR_MS * 2 + 5, midnight + HOUR_MS * 3, midnight + HOUR_MS * 4]
    events = [
        event(sport=sport, begin_timestamp=to_text(b), end_timestamp=to_text(b + DAY_MS)) for b in begins
    ]
    bet = event(begin=now_ms() - DAY_MS, sport=sport)
    started = event(begin=now_ms() - 2 * DAY_MS, sport=sport)
    known, punter, unregistered = user(), user(), fresh("u")
    for record in (known, punter):
        assert wire.post("/register_user", record).status_code == 200
    for record in events + [bet, started]:
        assert wire.post("/register_event", record).status_code == 200
    for user_id in (punter["user_id"], unregistered):
        record = coupon(user_id=user_id, events=[bet["event_id"]])
        assert wire.post("/register_coupon", record).status_code == 200
    stack.wait_caught_up()
    return {
        "known": known["user_id"],
        "punter": punter["user_id"],
        "unregistered": unregistered,
        "ids": [e["event_id"] for e in events],
        "events": events,
        "bet": bet["event_id"],
        "started": started["event_id"],
    }


def recommend(wire: Wire, **params: Any) -> Any:
    answer = wire.get("/recommend", params)
    assert answer.status_code == 200, answer.text
    assert answer.headers["Content-Type"].split(";")[0] == JSON
    return answer.json()


def ids(events: Any) -> list[str]:
    return [e["event_id"] for e in events]


@pytest.mark.parametrize("who", ["punter", "unregistered"])
def test_the_n_best(wire: Wire, world: dict[str, Any], who: str) -> None:
    assert ids(recommend(wire, user_id=world[who], n=1)) == world["ids"][:1]
    assert ids(recommend(wire, user_id=world[who], n=3)) == world["ids"][:3]
    assert ids(recommend(wire, user_id=world[who], n=500)) == world["ids"], "fewer, never filled"
    assert ids(recommend(wire, user_id=world[who], n=0)) == world["ids"]


def test_the_form_of_an_event(wire: Wire, world: dict[str, Any], stack: Any) -> None:
    found = recommend(wire, user_id=world["punter"], n=0)
    company = getattr(stack, "company", "demo")
    for shown, record in zip(found, world["events"]):
        assert set(shown) == {
            "id",
            "event_id",
            "begin_timestamp",
            "end_timestamp",
            "country",
            "league",
            "participants",
            "sport",
        }
        assert shown["id"] == legacy_id(company, record["event_id"]) and 0 < shown["id"] < 2**53
        for name in ("event_id", "country", "league", "sport", "participants"):
            assert shown[name] == record[name]
    midnight = world["events"][0]["begin_timestamp"]
    assert found[0]["begin_timestamp"] == midnight[:10], "a time at midnight is a date"
    assert found[1]["begin_timestamp"] == midnight[:10] + "T01:00:01Z"
    assert found[2]["begin_timestamp"] == midnight[:10] + "T02:00:00.005Z"


def test_started_events_on_request(wire: Wire, world: dict[str, Any]) -> None:
    found = ids(recommend(wire, user_id=world["punter"], n=0, include_started=1))
    assert found == [world["started"]] + world["ids"]
    assert ids(recommend(wire, user_id=world["punter"], n=0, include_started=0)) == world["ids"]


def test_a_random_open_event(wire: Wire, world: dict[str, Any]) -> None:
    for params in ({}, {"n": -1}):
        for who in ("known", "punter", "unregistered"):
            (one,) = recommend(wire, user_id=world[who], **params)
            assert one["event_id"] not in (world["started"], world["bet"])


def test_nobody_and_no_history(wire: Wire, world: dict[str, Any]) -> None:
    for params in ({}, {"n": -1}, {"n": 0}, {"n": 5}):
        answer = wire.get("/recommend", {"user_id": fresh("nobody"), **params})
        assert answer.status_code == 200 and answer.text.strip() == "null"
    assert recommend(wire, user_id=world["known"], n=0) == []
    assert recommend(wire, user_id=world["known"], n=5) == []


@pytest.mark.parametrize("n", ["-2", "abc", "1.5", "", "1e3", "99999999999999999999", "5x"])
def test_bad_n(wire: Wire, world: dict[str, Any], n: str) -> None:
    older_error(wire.get("/recommend", {"user_id": world["punter"], "n": n}))


def test_bad_user_ids(wire: Wire) -> None:
    assert "user_id" in older_error(wire.get("/recommend"))
    older_error(wire.get("/recommend", {"n": 5}))
    older_error(wire.get("/recommend", {"user_id": ""}))
    older_error(wire.get("/recommend", {"user_id": "x" * 65}))


def test_headers(wire: Wire, world: dict[str, Any]) -> None:
    answer = wire.get("/recommend", {"user_id": world["punter"]}, headers={"X-Request-Id": "older-1"})
    assert answer.headers["X-Request-Id"] == "older-1" and answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["Tipster-Served-By"] in ("sql", "view")
    assert wire.post("/register_user", user(), headers={"X-Request-Id": "older-2"}).headers["X-Request-Id"] == "older-2"


@pytest.mark.parametrize("length, statuses", [("", (400, 411)), ("Content-Length: 1048577\r\n", (400, 413))])
def test_no_length_and_too_long(wire: Wire, length: str, statuses: tuple) -> None:
    """Refused before a route is known, so in either form; JSON all the same."""
    head = f"POST /register_user HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n{length}\r\n"
    answer = wire.raw(head.encode() + b"{")
    assert answer.status in statuses and {"error", "detail"} & answer.json().keys()


def test_unknown_path_has_the_problem_form(wire: Wire) -> None:
    problem(wire.get("/register_nobody"), 404, NOT_FOUND)
