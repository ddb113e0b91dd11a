"""The wire contract of writing on /v1: bodies, batches all or nothing, media types, PUT and DELETE, repeated records."""

from __future__ import annotations

import gzip
import json
from typing import Any, Optional

import pytest

from oracle import DAY_MS
from records import DROP, build, coupon, event, fresh, now_ms, user
from wire import (
    BAD_JSON,
    BAD_PARAMETER,
    INVALID_RECORD,
    JSON,
    LENGTH_REQUIRED,
    MEDIA_TYPE,
    METHOD_NOT_ALLOWED,
    NDJSON,
    NOT_FOUND,
    TOO_LARGE,
    TOO_MANY_LINES,
    Wire,
    lines,
    problem,
    rows,
    segment,
    violations,
)


@pytest.fixture(scope="module")
def wire(stack: Any) -> Wire:
    return Wire(stack.base_url)


# ---- bodies that are not a record at all

GOOD_USER = json.dumps(user()).encode()

NOT_JSON = [
    (b"", None),
    (b" \n ", None),
    (b"{", "syntax"),
    (b"{'a': 1}", "syntax"),
    (GOOD_USER[:-1], "syntax"),
    (GOOD_USER + b"x", "syntax"),
    (GOOD_USER + GOOD_USER, "syntax"),
    (b"\xef\xbb\xbf" + GOOD_USER, None),
    (b'"text"', None),
    (b"17", None),
    (b"null", None),
    (b'{"birth_year": NaN}', "syntax"),
    (b'{"birth_year": Infinity}', "syntax"),
    (b'{"birth_year": 1e999}', None),
    (b'{"birth_year": 9223372036854775808}', None),
    (b'{"birth_year": 01}', "syntax"),
    (b'{"birth_year": 1, "birth_year": 2}', "duplicate_key"),
    (b'{"x": {"a": 1, "a": 2}}', "duplicate_key"),
    (b'{"country": "\xff"}', "encoding"),
    (b'{"country": "\xc0\xaf"}', "encoding"),
    (b'{"country": "\xed\xa0\x80"}', "encoding"),
    (b'{"country": "\\ud800"}', None),
    (b'{"country": "\\udc00\\ud800"}', None),
    (b'{"country": "a\\u0000b"}', None),
    (b'{"country": "a\x00b"}', None),
    (b'{"a\\u0000b": 1}', None),
    (b'{"country": "a\nb"}', None),
    (b'{"x": ' + b"[" * 16 + b"]" * 16 + b"}", "depth"),
    (b"[" * 100_000, None),
]


@pytest.mark.parametrize("body, code", NOT_JSON, ids=[repr(b[:30]) for b, _ in NOT_JSON])
def test_not_json(wire: Wire, body: bytes, code: Optional[str]) -> None:
    found = problem(wire.post("/v1/users", body), 400, BAD_JSON)
    codes = {error["code"] for error in found.get("errors") or []}
    if code:
        assert codes == {code}
    elif body:  # what is no body at all has nothing to point at
        assert codes and codes <= {"syntax", "encoding", "empty", "depth", "type", "range"}


def test_nesting_of_sixteen_is_parsed(wire: Wire) -> None:
    body = b'{"x": ' + b"[" * 15 + b"]" * 15 + b"}"
    found = problem(wire.post("/v1/users", body), 422, INVALID_RECORD)
    assert ("/x", "unknown_field") in violations(found)


def test_an_array_is_not_a_record(wire: Wire) -> None:
    answer = wire.post("/v1/users", [user()])
    assert answer.status_code in (400, 422)
    problem(answer, answer.status_code)


# ---- batches


def test_a_batch_is_stored(wire: Wire, stack: Any) -> None:
    users = [user() for _ in range(1000)]
    answer = wire.accept("/v1/users", users)
    assert 0 < len(answer.headers["Tipster-Position"]) <= 1024
    stack.wait_caught_up()
    for record in (users[0], users[499], users[999]):
        assert wire.get(f"/v1/users/{record['user_id']}").status_code == 200


def test_line_forms(wire: Wire, stack: Any) -> None:
    """No newline at the end, and CRLF; a single line is a batch."""
    first, second, third = user(), user(), user()
    body = json.dumps(first).encode() + b"\r\n" + json.dumps(second).encode()
    assert wire.post("/v1/users", body, NDJSON).json() == {"accepted": 2}
    assert wire.post("/v1/users", lines([third]), NDJSON).json() == {"accepted": 1}
    stack.wait_caught_up()
    for record in (first, second, third):
        assert wire.get(f"/v1/users/{record['user_id']}").status_code == 200


def test_lines_of_one_key_keep_their_order(wire: Wire, stack: Any) -> None:
    user_id = fresh("u")
    wire.accept("/v1/users", [user(user_id, country=f"c{i}") for i in range(200)])
    stack.wait_caught_up()
    assert wire.get(f"/v1/users/{user_id}").json()["country"] == "c199"


def test_a_batch_names_every_bad_line_and_stores_nothing(wire: Wire, stack: Any) -> None:
    good = [user(), user(), user()]
    batch = [good[0], user(birth_year=1), good[1], {"user_id": 5}, good[2]]
    body = problem(wire.post("/v1/users", lines(batch), NDJSON), 422, INVALID_RECORD)
    assert violations(body) == {
        (2, "/birth_year", "range"),
        (4, "/user_id", "type"),
        (4, "/birth_year", "required"),
        (4, "/country", "required"),
        (4, "/currency", "required"),
        (4, "/gender", "required"),
        (4, "/registration_date", "required"),
    }
    stack.wait_caught_up()
    for record in good:
        problem(wire.get(f"/v1/users/{record['user_id']}"), 404, NOT_FOUND)


@pytest.mark.parametrize(
    "line, codes",
    [
        (b"", {"empty", "syntax"}),
        (b"  ", {"empty", "syntax"}),
        (b"{", {"syntax"}),
        (b'{"a":1,"a":2}', {"duplicate_key"}),
        (b'{"a":"\xff"}', {"encoding"}),
        (b"5", {"syntax", "type"}),
    ],
)
def test_a_line_that_is_no_record(wire: Wire, stack: Any, line: bytes, codes: set) -> None:
    good = [user(), user()]
    body = lines(good[:1]) + line + b"\n" + lines(good[1:])
    answer = wire.post("/v1/users", body, NDJSON)
    found = problem(answer, 422)
    assert [error["line"] for error in found["errors"]] == [2]
    assert {error["code"] for error in found["errors"]} <= codes
    stack.wait_caught_up()
    for record in good:
        problem(wire.get(f"/v1/users/{record['user_id']}"), 404, NOT_FOUND)


@pytest.mark.parametrize("body", [b"", b"\n", b"\n\n"])
def test_an_empty_batch_is_refused(wire: Wire, body: bytes) -> None:
    answer = wire.post("/v1/users", body, NDJSON)
    assert answer.status_code in (400, 422)
    found = problem(answer, answer.status_code)
    if body:
        assert {error["code"] for error in found["errors"]} == {"empty"}


def test_more_than_1000_lines(wire: Wire, stack: Any) -> None:
    users = [user() for _ in range(1001)]
    found = problem(wire.post("/v1/users", lines(users), NDJSON), 413, TOO_MANY_LINES)
    assert {error["code"] for error in found.get("errors") or [{"code": "too_many_lines"}]} == {"too_many_lines"}
    stack.wait_caught_up()
    problem(wire.get(f"/v1/users/{users[0]['user_id']}"), 404, NOT_FOUND)


def test_at_most_100_errors_of_a_batch(wire: Wire) -> None:
    found = problem(wire.post("/v1/users", lines([{}] * 50), NDJSON), 422, INVALID_RECORD)
    assert len(found["errors"]) == 100
    assert found["errors"][0]["line"] == 1 and found["errors"][99]["line"] == 17


def test_lines_are_numbered_up_to_the_last(wire: Wire) -> None:
    found = problem(wire.post("/v1/users", lines([user() for _ in range(999)] + [{"a": 1}]), NDJSON), 422)
    assert {error["line"] for error in found["errors"]} == {1000}


# ---- media types, lengths, methods


@pytest.mark.parametrize("media", ["application/json", "application/json; charset=utf-8", "Application/JSON"])
def test_json_media_types(wire: Wire, media: str) -> None:
    assert wire.post("/v1/users", user(), media).status_code == 202


@pytest.mark.parametrize("media", [NDJSON, NDJSON + "; charset=utf-8"])
def test_ndjson_media_types(wire: Wire, media: str) -> None:
    assert wire.post("/v1/users", lines([user()]), media).status_code == 202


@pytest.mark.parametrize("media", ["text/plain", "application/x-www-form-urlencoded", "application/jsonx", "json", "*/*"])
@pytest.mark.parametrize("route", ["/v1/users", "/v1/events", "/v1/coupons"])
def test_other_media_types(wire: Wire, route: str, media: str) -> None:
    problem(wire.post(route, user(), media), 415, MEDIA_TYPE)


def test_a_put_takes_no_batch(wire: Wire) -> None:
    record = user()
    answer = wire.put(f"/v1/users/{record['user_id']}", lines([record]), NDJSON)
    problem(answer, 415, MEDIA_TYPE)


@pytest.mark.parametrize("coding", ["gzip", "deflate", "br", "zstd"])
def test_a_compressed_body(wire: Wire, coding: str) -> None:
    body = gzip.compress(GOOD_USER)
    problem(wire.post("/v1/users", body, headers={"Content-Encoding": coding}), 415, MEDIA_TYPE)


def test_a_body_of_one_mebibyte_is_read(wire: Wire) -> None:
    record = json.dumps(user()).encode()
    answer = wire.post("/v1/users", record + b" " * (2**20 - len(record)))
    assert answer.status_code == 202, answer.text


def raw_post(path: str, headers: str, body: bytes = b"") -> bytes:
    return f"POST {path} HTTP/1.1\r\nHost: localhost\r\n{headers}\r\n".encode() + body


@pytest.mark.parametrize("length", [2**20 + 1, 2**24, 2**40])
def test_a_body_over_one_mebibyte(wire: Wire, length: int) -> None:
    """Refused from its declared length, without reading it."""
    request = raw_post("/v1/users", f"Content-Type: {JSON}\r\nContent-Length: {length}\r\n", b"{")
    answer = wire.raw(request)
    problem(answer, 413, TOO_LARGE)
    assert answer.closed


def test_a_body_over_one_mebibyte_that_comes_whole(wire: Wire) -> None:
    body = b" " * (2**20 + 1)
    answer = wire.raw(raw_post("/v1/users", f"Content-Type: {JSON}\r\nContent-Length: {len(body)}\r\n", body))
    problem(answer, 413, TOO_LARGE)


def test_no_length(wire: Wire) -> None:
    problem(wire.raw(raw_post("/v1/users", f"Content-Type: {JSON}\r\n")), 411, LENGTH_REQUIRED)


def test_chunked(wire: Wire) -> None:
    body = b"%x\r\n%s\r\n0\r\n\r\n" % (len(GOOD_USER), GOOD_USER)
    headers = f"Content-Type: {JSON}\r\nTransfer-Encoding: chunked\r\n"
    problem(wire.raw(raw_post("/v1/users", headers, body)), 411, LENGTH_REQUIRED)


@pytest.mark.parametrize(
    "headers, statuses",
    [
        ("Content-Length: 3\r\nContent-Length: 4\r\n", (400,)),
        ("Content-Length: 3\r\nTransfer-Encoding: chunked\r\n", (400,)),
        ("Content-Length: +3\r\n", (400,)),
        ("Content-Length: -3\r\n", (400, 411)),
        ("Content-Length: 0x3\r\n", (400, 411)),
        ("Content-Length: 3, 3\r\n", (400, 411)),
    ],
)
def test_bad_lengths(wire: Wire, headers: str, statuses: tuple) -> None:
    """Where a body ends is not guessed: the connection is closed."""
    answer = wire.raw(raw_post("/v1/users", f"Content-Type: {JSON}\r\n{headers}", b"{ }"))
    assert answer.status in statuses
    problem(answer, answer.status)
    assert answer.closed


def allowed(answer: Any) -> set[str]:
    return {method.strip() for method in answer.headers["Allow"].split(",")}


@pytest.mark.parametrize(
    "method, path, must, must_not",
    [
        ("GET", "/v1/users", {"POST"}, {"GET", "PUT"}),
        ("PUT", "/v1/users", {"POST"}, {"PUT"}),
        ("DELETE", "/v1/events", {"POST", "GET"}, {"DELETE"}),
        ("GET", "/v1/coupons", {"POST"}, {"GET"}),
        ("POST", "/v1/users/u", {"GET", "PUT"}, {"POST"}),
        ("POST", "/v1/events/e", {"GET", "PUT", "DELETE"}, {"POST"}),
        ("PUT", "/v1/coupons/c", {"GET"}, {"PUT", "POST"}),
        ("DELETE", "/v1/coupons/c", {"GET"}, {"DELETE"}),
        ("POST", "/v1/recommendations/u", {"GET"}, {"POST"}),
        ("POST", "/v1/events/e/similar", {"GET"}, {"POST"}),
        ("POST", "/v1/popular", {"GET"}, {"POST"}),
        ("POST", "/healthz", {"GET"}, {"POST"}),
        ("PATCH", "/v1/users/u", {"GET", "PUT"}, {"PATCH"}),
    ],
)
def test_wrong_method(wire: Wire, method: str, path: str, must: set, must_not: set) -> None:
    answer = wire.send(method, path, {}) if method in ("POST", "PUT", "PATCH") else wire.call(method, path)
    problem(answer, 405, METHOD_NOT_ALLOWED)
    assert must <= allowed(answer) and not must_not & allowed(answer)


@pytest.mark.parametrize("path", ["/", "/v1", "/v1/", "/v1/user", "/v1/users/", "/v1/users/a/b", "/v2/users", "/V1/users"])
def test_unknown_path(wire: Wire, path: str) -> None:
    problem(wire.get(path), 404, NOT_FOUND)


def test_the_connection_survives_an_error(wire: Wire) -> None:
    """A refused body does not spoil the next request on the same connection."""
    for _ in range(3):
        problem(wire.post("/v1/users", b"{"), 400)
        problem(wire.post("/v1/users", user(), "text/plain"), 415)
        assert wire.post("/v1/users", user()).status_code == 202


# ---- PUT and DELETE


@pytest.mark.parametrize("kind", ["user", "event"])
@pytest.mark.parametrize("with_id", [True, False])
def test_put(wire: Wire, stack: Any, kind: str, with_id: bool) -> None:
    record = build(kind)
    own = record[f"{kind}_id"]
    body = record if with_id else {k: v for k, v in record.items() if k != f"{kind}_id"}
    answer = wire.put(f"/v1/{kind}s/{own}", body)
    assert answer.status_code == 202 and answer.json() == {"accepted": 1}, answer.text
    assert answer.headers["Tipster-Position"]
    stack.wait_caught_up()
    assert wire.get(f"/v1/{kind}s/{own}").json()[f"{kind}_id"] == own
    assert wire.put(f"/v1/{kind}s/{own}", {**body, "country": "Chad"}).status_code == 202
    stack.wait_caught_up()
    assert wire.get(f"/v1/{kind}s/{own}").json()["country"] == "Chad"


@pytest.mark.parametrize("kind", ["user", "event"])
def test_put_of_another_id(wire: Wire, stack: Any, kind: str) -> None:
    record, other = build(kind), fresh("other")
    body = problem(wire.put(f"/v1/{kind}s/{other}", record), 422, INVALID_RECORD)
    assert violations(body) == {(f"/{kind}_id", "mismatch")}
    body = problem(wire.put(f"/v1/{kind}s/{other}", {**record, "country": ""}), 422, INVALID_RECORD)
    assert violations(body) == {(f"/{kind}_id", "mismatch"), ("/country", "length")}
    stack.wait_caught_up()
    problem(wire.get(f"/v1/{kind}s/{other}"), 404)
    problem(wire.get(f"/v1/{kind}s/{record[f'{kind}_id']}"), 404)


def test_put_of_an_encoded_id(wire: Wire, stack: Any) -> None:
    own = fresh("a/b é%41+ ")
    assert wire.put(f"/v1/users/{segment(own)}", user(own)).status_code == 202
    stack.wait_caught_up()
    assert wire.get(f"/v1/users/{segment(own)}").json()["user_id"] == own


@pytest.mark.parametrize("path", ["x" * 65, "%00", "a%01b", "%ff", "%E2%80%AE", "%zz", "a%4"])
@pytest.mark.parametrize("method", ["PUT", "DELETE"])
def test_bad_ids_in_paths(wire: Wire, method: str, path: str) -> None:
    """requests would re-encode a bad escape, so these go raw."""
    body = json.dumps(event(DROP)).encode() if method == "PUT" else b""
    headers = f"Content-Type: {JSON}\r\nContent-Length: {len(body)}\r\n" if method == "PUT" else ""
    request = f"{method} /v1/events/{path} HTTP/1.1\r\nHost: localhost\r\n{headers}\r\n".encode() + body
    answer = wire.raw(request)
    assert answer.status in (400, 404, 422), answer
    problem(answer, answer.status)


def test_versions(wire: Wire, stack: Any) -> None:
    own = fresh("u")
    for version, country in ((5, "five"), (4, "four"), (5, "five again"), (3, "three")):
        assert wire.put(f"/v1/users/{own}", user(own, version=version, country=country)).status_code == 202
    stack.wait_caught_up()
    assert wire.get(f"/v1/users/{own}").json()["country"] == "five again"
    wire.accept("/v1/users", [user(own, country="none")])
    wire.accept("/v1/users", [user(own, country="one", version=1)])
    stack.wait_caught_up()
    assert wire.get(f"/v1/users/{own}").json()["country"] == "one"


@pytest.mark.parametrize("batch, last", [((5, None, 1), 1), ((None, 3), 3), ((8, 10, 9), 10), ((8, 7), 9), ((None,), None)])
def test_versions_within_a_batch(wire: Wire, stack: Any, batch: tuple, last: Optional[int]) -> None:
    """Each line against what the line before it left: 9, then none, then 1 ends at 1, however they are grouped."""
    for kind in ("user", "event"):
        own = fresh(kind)

        def version(number: Optional[int]) -> dict[str, Any]:
            return build(kind, **{f"{kind}_id": own, "country": f"of {number}", "version": DROP if number is None else number})

        wire.accept(f"/v1/{kind}s", [version(9)])
        stack.wait_caught_up()
        wire.accept(f"/v1/{kind}s", [version(number) for number in batch])
        stack.wait_caught_up()
        shown = wire.get(f"/v1/{kind}s/{own}").json()
        assert (shown["country"], shown.get("version")) == (f"of {last}", last)


def test_delete_and_revive(wire: Wire, stack: Any) -> None:
    record = event()
    own = record["event_id"]
    wire.accept("/v1/events", [record])
    answer = wire.delete(f"/v1/events/{own}")
    assert answer.status_code == 202 and answer.headers["Tipster-Position"]
    stack.wait_caught_up()
    problem(wire.get(f"/v1/events/{own}"), 404, NOT_FOUND)
    problem(wire.get(f"/v1/events/{own}/similar"), 404, NOT_FOUND)
    wire.accept("/v1/events", [{**record, "league": "Second life"}])
    stack.wait_caught_up()
    assert wire.get(f"/v1/events/{own}").json()["league"] == "Second life"


def test_delete_with_versions(wire: Wire, stack: Any) -> None:
    own = fresh("e")
    wire.accept("/v1/events", [event(own, version=5)])
    assert wire.delete(f"/v1/events/{own}", params={"version": 4}).status_code == 202
    stack.wait_caught_up()
    assert wire.get(f"/v1/events/{own}").status_code == 200
    assert wire.delete(f"/v1/events/{own}", params={"version": 6}).status_code == 202
    wire.accept("/v1/events", [event(own, version=5)])
    stack.wait_caught_up()
    problem(wire.get(f"/v1/events/{own}"), 404)
    wire.accept("/v1/events", [event(own, version=6)])
    stack.wait_caught_up()
    assert wire.get(f"/v1/events/{own}").status_code == 200


def test_delete_of_an_unknown_event(wire: Wire, stack: Any) -> None:
    own = fresh("e")
    assert wire.delete(f"/v1/events/{own}", params={"version": 3}).status_code == 202
    wire.accept("/v1/events", [event(own, version=2)])
    stack.wait_caught_up()
    problem(wire.get(f"/v1/events/{own}"), 404)
    wire.accept("/v1/events", [event(own)])
    stack.wait_caught_up()
    assert wire.get(f"/v1/events/{own}").status_code == 200


@pytest.mark.parametrize("version", ["", "x", "-1", "1.0", str(2**53 + 1), "99999999999999999999", "1 "])
def test_bad_versions_of_a_delete(wire: Wire, version: str) -> None:
    problem(wire.delete("/v1/events/e", params={"version": version}), 400, BAD_PARAMETER)


# ---- coupons: the first of an id stays


def test_coupon_again(wire: Wire, stack: Any) -> None:
    record = coupon(stake=2.5, events=[fresh("e"), fresh("e")], timestamp="2026-01-02T03:04:05Z")
    wire.accept("/v1/coupons", [record])
    stack.wait_caught_up()
    path = f"/v1/coupons/{record['coupon_id']}"
    stored = wire.get(path).json()
    same = {**record, "timestamp": "2026-01-02T05:04:05.0004+02:00", "selections": record["selections"][::-1]}
    wire.accept("/v1/coupons", [same, record])
    wire.accept("/v1/coupons", [{**record, "stake": 3}])
    stack.wait_caught_up()
    assert wire.get(path).json() == stored
    assert rows(stack, "select count(*) from coupons where coupon_id = %s", (record["coupon_id"].encode(),)) == [(1,)]
    reasons = rows(stack, "select reason from rejected where user_id = %s", (record["user_id"].encode(),))
    assert [r.decode() if isinstance(r, bytes) else r for (r,) in reasons] == ["conflict"]


def test_coupons_before_their_user_and_events(wire: Wire, stack: Any) -> None:
    soon, later = event(begin=now_ms() + DAY_MS, league="Late"), event(begin=now_ms() + 2 * DAY_MS, league="Late")
    record = coupon(events=[soon["event_id"]])
    wire.accept("/v1/coupons", [record])
    stack.wait_caught_up()
    assert wire.get(f"/v1/coupons/{record['coupon_id']}").status_code == 200
    wire.accept("/v1/events", [soon, later])
    stack.wait_caught_up()
    found = wire.get(f"/v1/recommendations/{record['user_id']}", {"league": "Late", "n": 100}).json()["items"]
    ids = [item["event"]["event_id"] for item in found if item["source"] == "similar"]
    assert later["event_id"] in ids and soon["event_id"] not in ids


# ---- headers of every answer


def test_request_ids(wire: Wire) -> None:
    answer = wire.post("/v1/users", user(), headers={"X-Request-Id": "abc-123.DEF_4"})
    assert answer.headers["X-Request-Id"] == "abc-123.DEF_4"
    body = problem(wire.post("/v1/users", b"{", headers={"X-Request-Id": "abc-124"}), 400)
    assert body["request_id"] == "abc-124"
    first, second = (wire.post("/v1/users", user()).headers["X-Request-Id"] for _ in range(2))
    assert first and second and first != second
    for bad in ("x" * 300, "a b", 'a"b', "a<b>", ""):
        made = wire.post("/v1/users", user(), headers={"X-Request-Id": bad}).headers["X-Request-Id"]
        assert made and made != bad


def test_answers_are_not_cached(wire: Wire) -> None:
    assert wire.post("/v1/users", user()).headers["Cache-Control"] == "no-store"
    assert wire.post("/v1/users", b"{").headers["Cache-Control"] == "no-store"
