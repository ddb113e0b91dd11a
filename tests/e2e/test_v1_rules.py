"""Every field rule of /v1 at its bounds: what is taken, what is refused, with its pointer and its code."""

from __future__ import annotations

import datetime
import json
from typing import Any, Optional

import pytest

from oracle import to_text
from records import DROP, HOUR_MS, build, coupon, fresh, now_ms, user
from wire import INVALID_RECORD, JSON, Wire, problem, violations

THIS_YEAR = datetime.datetime.now(datetime.timezone.utc).year


@pytest.fixture(scope="module")
def wire(stack: Any) -> Wire:
    return Wire(stack.base_url)


def selections(count: int) -> list[dict[str, Any]]:
    return [{"event_id": f"e{i}", "odds": 1.5} for i in range(count)]


def raw_coupon(stake: str = "10", odds: str = "2.15") -> str:
    """A coupon with its numbers written as given."""
    text = json.dumps(coupon(stake="@s", selections=[{"event_id": "e", "odds": "@o"}]))
    return text.replace('"@s"', stake).replace('"@o"', odds)


# ---- values that are taken

GOOD = [
    ("user", {"user_id": fresh("x").ljust(64, "x")}),
    ("user", {"user_id": fresh("").ljust(24, "x") + "é" * 20}),  # 64 bytes
    ("user", {"user_id": fresh("a/b c?%41#")}),
    ("user", {"user_id": fresh("'; drop table users; --")}),
    ("user", {"birth_year": 1900}),
    ("user", {"birth_year": THIS_YEAR}),
    ("user", {"country": "x"}),
    ("user", {"country": "日" * 100}),
    ("user", {"country": "Côte d'Ivoire \\ \"quoted\" 😀"}),
    ("user", {"currency": "JPY"}),
    ("user", {"gender": "x"}),
    ("user", {"gender": "é" * 20}),
    ("user", {"registration_date": "1900-01-01"}),
    ("user", {"registration_date": "2200-12-31T23:59:59.999Z"}),
    ("user", {"registration_date": "2024-02-29"}),
    ("user", {"registration_date": "2024-05-01T10:00:00.123456789+14:00"}),
    ("user", {"version": 0}),
    ("user", {"version": 2**53}),
    ("event", {"event_id": fresh("y").ljust(64, "y")}),
    ("event", {"sport": "é" * 50, "league": "日" * 50, "country": "😀" * 100}),
    ("event", {"sport": "s", "league": "l", "country": "c"}),
    ("event", {"participants": ["p"]}),
    ("event", {"participants": [f"p{i}" for i in range(64)]}),
    ("event", {"participants": ["é" * 100, "É" * 100]}),
    ("event", {"participants": ["a", "A", "a "]}),
    ("event", {"begin_timestamp": "2030-01-01", "end_timestamp": "2030-01-01T01:00:00+01:00"}),
    ("event", {"version": 2**53}),
    ("coupon", {"coupon_id": fresh("z").ljust(64, "z"), "user_id": fresh("z").ljust(64, "z")}),
    ("coupon", {"stake": 0.0001}),
    ("coupon", {"stake": 10**9}),
    ("coupon", {"stake": 999999999.9999}),
    ("coupon", {"selections": selections(1)}),
    ("coupon", {"selections": selections(100)}),
    ("coupon", {"selections": [{"event_id": "e", "odds": 1.0001}]}),
    ("coupon", {"selections": [{"event_id": "e", "odds": 10**6}]}),
    ("coupon", {"timestamp": to_text(now_ms() + 23 * HOUR_MS)}),
    ("coupon", {"timestamp": "1900-01-01T00:00:00Z"}),
]


@pytest.mark.parametrize("kind, changes", GOOD, ids=lambda v: v if isinstance(v, str) else ",".join(v))
def test_taken(wire: Wire, kind: str, changes: dict[str, Any]) -> None:
    answer = wire.post(f"/v1/{kind}s", build(kind, **changes))
    assert answer.status_code == 202, answer.text
    assert answer.json() == {"accepted": 1}
    assert answer.headers["Content-Type"].split(";")[0] == JSON
    position = answer.headers["Tipster-Position"]
    assert 0 < len(position) <= 1024


@pytest.mark.parametrize(
    "stake, odds", [("1.10000", "2.150000"), ("1e3", "2E+0"), ("12.50e-1", "1.00010"), ("1000000000.0", "1e6")]
)
def test_numbers_count_by_value(wire: Wire, stake: str, odds: str) -> None:
    assert wire.post("/v1/coupons", raw_coupon(stake, odds)).status_code == 202


# ---- values that are refused: (kind, changes, {(pointer, code)})

LONG = "x" * 65


def one(kind: str, field: str, value: Any, code: str, pointer: Optional[str] = None) -> tuple[str, dict[str, Any], set]:
    return kind, {field: value}, {(pointer or f"/{field}", code)}


def id_rules(kind: str, field: str) -> list[tuple[str, dict[str, Any], set]]:
    return [
        one(kind, field, "", "length"),
        one(kind, field, LONG, "length"),
        one(kind, field, "é" * 33, "length"),  # 66 bytes
        one(kind, field, "a\u0001b", "control_character"),
        one(kind, field, "a\nb", "control_character"),
        one(kind, field, "a\u007fb", "control_character"),
        one(kind, field, "a\u0085b", "control_character"),
        one(kind, field, "a\u202eb", "control_character"),
        one(kind, field, "a\u2066b", "control_character"),
        one(kind, field, 17, "type"),
        one(kind, field, None, "type"),
        one(kind, field, ["a"], "type"),
    ]


def text_rules(kind: str, field: str, longest: int) -> list[tuple[str, dict[str, Any], set]]:
    return [
        one(kind, field, "", "length"),
        one(kind, field, "x" * (longest + 1), "length"),
        one(kind, field, "日" * (longest + 1), "length"),
        one(kind, field, 5, "type"),
        one(kind, field, None, "type"),
        one(kind, field, {}, "type"),
    ]


def time_rules(kind: str, field: str) -> list[tuple[str, dict[str, Any], set]]:
    bad = [
        "yesterday",
        "",
        "2024-02-30",
        "2023-02-29T00:00:00Z",
        "2024-13-01",
        "2024-00-10",
        "2024-1-01",
        "20240101",
        "2024-05-01T10:00:00",  # no offset
        "2024-05-01T10:00Z",
        "2024-05-01T24:00:00Z",
        "2024-05-01T10:60:00Z",
        "2024-05-01T10:00:00.Z",
        "2024-05-01T10:00:00+0200",
        "2024-05-01T10:00:00+24:00",
        "2024-05-01T10:00:00Zjunk",
        " 2024-05-01",
        "2024-05-01T",
        "+2024-05-01",
    ]
    return [one(kind, field, value, "format") for value in bad] + [
        one(kind, field, "1899-12-31", "range"),
        one(kind, field, "2201-01-01", "range"),
        one(kind, field, "9999-12-31T23:59:59Z", "range"),
        one(kind, field, 1714557600, "type"),
        one(kind, field, None, "type"),
    ]


def version_rules(kind: str) -> list[tuple[str, dict[str, Any], set]]:
    return [
        one(kind, "version", -1, "range"),
        one(kind, "version", 2**53 + 1, "range"),
        one(kind, "version", 1.0, "type"),
        one(kind, "version", "1", "type"),
        one(kind, "version", True, "type"),
    ]


def required(kind: str) -> list[tuple[str, dict[str, Any], set]]:
    return [
        (kind, {field: DROP}, {(f"/{field}", "required")})
        for field in sorted(build(kind))
    ]


def unknown_fields(kind: str) -> list[tuple[str, dict[str, Any], set]]:
    return [
        one(kind, "extra", 1, "unknown_field"),
        one(kind, "company", "other", "unknown_field"),
        one(kind, "company_id", "other", "unknown_field"),
        one(kind, "", 1, "unknown_field", "/"),
        one(kind, "a/b~c", 1, "unknown_field", "/a~1b~0c"),
        one(kind, "Country", "x", "unknown_field"),
    ]


BAD = [
    *required("user"),
    *unknown_fields("user"),
    *id_rules("user", "user_id"),
    one("user", "birth_year", 1899, "range"),
    one("user", "birth_year", lambda: datetime.datetime.now(datetime.timezone.utc).year + 1, "range"),
    one("user", "birth_year", -(2**62), "range"),
    one("user", "birth_year", 1990.0, "type"),
    one("user", "birth_year", "1990", "type"),
    one("user", "birth_year", True, "type"),
    one("user", "birth_year", None, "type"),
    *text_rules("user", "country", 100),
    one("user", "currency", "E1R", "format"),
    one("user", "currency", "É€R", "format"),
    one("user", "currency", 978, "type"),
    *text_rules("user", "gender", 20),
    *time_rules("user", "registration_date"),
    *version_rules("user"),
    *required("event"),
    *unknown_fields("event"),
    *id_rules("event", "event_id"),
    *text_rules("event", "sport", 50),
    *text_rules("event", "league", 50),
    *text_rules("event", "country", 100),
    one("event", "participants", [], "length"),
    one("event", "participants", [f"p{i}" for i in range(65)], "length"),
    one("event", "participants", "Arsenal", "type"),
    one("event", "participants", {"0": "Arsenal"}, "type"),
    one("event", "participants", None, "type"),
    one("event", "participants", ["a", 5], "type", "/participants/1"),
    one("event", "participants", ["a", None], "type", "/participants/1"),
    one("event", "participants", ["a", ""], "length", "/participants/1"),
    one("event", "participants", ["日" * 101], "length", "/participants/0"),
    one("event", "participants", ["a", "b", "a"], "duplicate", "/participants/2"),
    *time_rules("event", "begin_timestamp"),
    *time_rules("event", "end_timestamp"),
    (
        "event",
        {"begin_timestamp": "2030-01-01T00:00:00.001Z", "end_timestamp": "2030-01-01"},
        {("/end_timestamp", "order")},
    ),
    *version_rules("event"),
    *required("coupon"),
    *unknown_fields("coupon"),
    one("coupon", "version", 1, "unknown_field"),
    *id_rules("coupon", "coupon_id"),
    *id_rules("coupon", "user_id"),
    one("coupon", "stake", 0, "range"),
    one("coupon", "stake", -0.0, "range"),
    one("coupon", "stake", -1, "range"),
    one("coupon", "stake", 10**9 + 1, "range"),
    one("coupon", "stake", 1000000000.0001, "range"),
    one("coupon", "stake", 2**62, "range"),
    one("coupon", "stake", 1e300, "range"),
    one("coupon", "stake", 1.00001, "decimals"),
    one("coupon", "stake", "10", "type"),
    one("coupon", "stake", True, "type"),
    one("coupon", "stake", None, "type"),
    *time_rules("coupon", "timestamp"),
    one("coupon", "timestamp", lambda: to_text(now_ms() + 25 * HOUR_MS), "future"),
    one("coupon", "timestamp", "2200-01-01", "future"),
    one("coupon", "selections", [], "length"),
    one("coupon", "selections", selections(101), "length"),
    one("coupon", "selections", {}, "type"),
    one("coupon", "selections", "e", "type"),
    one("coupon", "selections", None, "type"),
    one("coupon", "selections", ["e"], "type", "/selections/0"),
    one("coupon", "selections", selections(1) + [None], "type", "/selections/1"),
    *[
        one("coupon", "selections", selections(2) + [selection], code, "/selections/2" + pointer)
        for selection, pointer, code in [
            ({"event_id": "e9"}, "/odds", "required"),
            ({"odds": 2}, "/event_id", "required"),
            ({"event_id": "e9", "odds": 2, "stake": 1}, "/stake", "unknown_field"),
            ({"event_id": "", "odds": 2}, "/event_id", "length"),
            ({"event_id": LONG, "odds": 2}, "/event_id", "length"),
            ({"event_id": "a\u0002", "odds": 2}, "/event_id", "control_character"),
            ({"event_id": 7, "odds": 2}, "/event_id", "type"),
            ({"event_id": "e1", "odds": 2}, "/event_id", "duplicate"),
            ({"event_id": "e9", "odds": 1}, "/odds", "range"),
            ({"event_id": "e9", "odds": 1.0}, "/odds", "range"),
            ({"event_id": "e9", "odds": 0}, "/odds", "range"),
            ({"event_id": "e9", "odds": -2}, "/odds", "range"),
            ({"event_id": "e9", "odds": 10**6 + 1}, "/odds", "range"),
            ({"event_id": "e9", "odds": 1000000.0001}, "/odds", "range"),
            ({"event_id": "e9", "odds": 2.00001}, "/odds", "decimals"),
            ({"event_id": "e9", "odds": "2"}, "/odds", "type"),
            ({"event_id": "e9", "odds": None}, "/odds", "type"),
        ]
    ],
]


def case_name(value: Any) -> Optional[str]:
    if isinstance(value, str):
        return value
    if isinstance(value, set):
        return "+".join(sorted(f"{pointer}:{code}" for pointer, code in value))
    return ""


@pytest.mark.parametrize("kind, changes, wanted", BAD, ids=case_name)
def test_refused(wire: Wire, kind: str, changes: dict[str, Any], wanted: set) -> None:
    changes = {name: value() if callable(value) else value for name, value in changes.items()}
    body = problem(wire.post(f"/v1/{kind}s", build(kind, **changes)), 422, INVALID_RECORD)
    assert violations(body) == wanted


@pytest.mark.parametrize("currency", ["EU", "EURO", "", "€"])
def test_a_currency_has_three_letters(wire: Wire, currency: str) -> None:
    body = problem(wire.post("/v1/users", user(currency=currency)), 422, INVALID_RECORD)
    ((pointer, code),) = violations(body)
    assert pointer == "/currency" and code in ("format", "length")


@pytest.mark.parametrize("stake, odds", [("1e-999", "2"), ("-1e-999", "2"), ("1", "1e-999"), ("0e5", "2")])
def test_a_number_too_small_to_hold_is_out_of_range(wire: Wire, stake: str, odds: str) -> None:
    body = problem(wire.post("/v1/coupons", raw_coupon(stake, odds)), 422, INVALID_RECORD)
    ((pointer, code),) = violations(body)
    assert pointer == ("/stake" if odds == "2" else "/selections/0/odds") and code == "range"


def test_all_violations_at_once(wire: Wire) -> None:
    record = {
        "coupon_id": "",
        "stake": -1,
        "timestamp": "soon",
        "selections": [{"event_id": "a", "odds": 1}, {"event_id": "a"}, 3, {"event_id": 5, "odds": "x", "y": 1}],
        "z": None,
    }
    body = problem(wire.post("/v1/coupons", record), 422, INVALID_RECORD)
    assert violations(body) == {
        ("/coupon_id", "length"),
        ("/user_id", "required"),
        ("/stake", "range"),
        ("/timestamp", "format"),
        ("/selections/0/odds", "range"),
        ("/selections/1/event_id", "duplicate"),
        ("/selections/1/odds", "required"),
        ("/selections/2", "type"),
        ("/selections/3/event_id", "type"),
        ("/selections/3/odds", "type"),
        ("/selections/3/y", "unknown_field"),
        ("/z", "unknown_field"),
    }
    body = problem(wire.post("/v1/events", {"participants": [1, ""], "version": -1}), 422, INVALID_RECORD)
    assert violations(body) == {
        ("/event_id", "required"),
        ("/sport", "required"),
        ("/league", "required"),
        ("/country", "required"),
        ("/participants/0", "type"),
        ("/participants/1", "length"),
        ("/begin_timestamp", "required"),
        ("/end_timestamp", "required"),
        ("/version", "range"),
    }
    assert len(violations(problem(wire.post("/v1/users", {}), 422, INVALID_RECORD))) == 6


def test_at_most_100_errors(wire: Wire) -> None:
    record = coupon(selections=[{"event_id": "", "odds": 0} for _ in range(100)])
    body = problem(wire.post("/v1/coupons", record), 422, INVALID_RECORD)
    assert len(body["errors"]) == 100
