"""Rate limits: per key and class of routes over all workers together, and per address for wrong keys."""

from __future__ import annotations

import json
import re
import time

import pytest
import requests

from patience import wait_for
from wire import NDJSON, lines, problem


def coupon(name: str) -> dict:
    return {"coupon_id": name, "user_id": "u", "stake": 1, "timestamp": "2026-11-01T10:00:00Z",
            "selections": [{"event_id": "e1", "odds": 2}]}


def push(app, key: str | None, count: int = 1) -> requests.Response:
    headers = {"Content-Type": NDJSON, **({"X-API-Key": key} if key else {})}
    body = lines(coupon(f"c{number}") for number in range(count))
    return requests.post(f"{app.base_url}/v1/coupons", data=body, headers=headers, timeout=10)


def read(app, key: str, **headers: str) -> requests.Response:
    return requests.get(f"{app.base_url}/v1/users/nobody", headers={"X-API-Key": key, **headers}, timeout=10)


def limit_headers(answer: requests.Response) -> dict[str, tuple[str, dict[str, int]]]:
    """{"ratelimit": ("ingest", {"r": 5, "t": 1}), "ratelimit-policy": …}"""
    found = {}
    for name in ("ratelimit", "ratelimit-policy"):
        if name in answer.headers:
            match = re.fullmatch(r'"([a-z]+)";([a-z])=(\d+);([a-z])=(\d+)', answer.headers[name])
            assert match, answer.headers[name]
            found[name] = (match[1], {match[2]: int(match[3]), match[4]: int(match[5])})
    return found


def set_limits(app, company: str, **values: str) -> None:
    app.run("company", "set", company, *[f"limit_{name}={value}" for name, value in values.items()])


@pytest.fixture
def app(server_factory):
    """serve alone; two reads a second per key, twenty at once; no other limit."""
    made = server_factory({"RATE_LIMIT_READ": "2", "RATE_LIMIT_WINDOW_S": "10", "WORKERS": "2"}, start=False)
    made.migrate()
    made.serve.start()
    return made


def spend(app, key: str, attempts: int) -> tuple[int, list[requests.Response], float]:
    """Reads on a connection each, so that both workers get some: how many were taken, those refused, and the seconds it took."""
    begun = time.monotonic()
    answers = [read(app, key) for _ in range(attempts)]
    taken = [answer for answer in answers if answer.status_code == 404]
    refused = [answer for answer in answers if answer.status_code == 429]
    assert len(taken) + len(refused) == attempts, {answer.status_code for answer in answers}
    return len(taken), refused, time.monotonic() - begun


def test_a_key_s_limit_counts_over_all_workers(app) -> None:
    key = app.key("acme", "read", "ingest")
    time.sleep(2.1)  # what waiting for the key has used
    first = read(app, key)
    assert limit_headers(first) == {"ratelimit": ("read", {"r": 19, "t": 1}), "ratelimit-policy": ("read", {"q": 20, "w": 10})}
    taken, refused, seconds = spend(app, key, 80)
    # The rest of the window and what came in meanwhile: two workers that counted for themselves would take twice the window.
    assert 19 <= taken <= 20 + 2 * seconds + 1, (taken, seconds)
    assert refused, "nothing was refused"
    body = problem(refused[-1], 429, "too_many_requests")
    assert int(refused[-1].headers["retry-after"]) == 1 and "limit" in body["detail"]
    assert limit_headers(refused[-1])["ratelimit"][1]["r"] == 0
    # Another class, another key and the anonymous company have limits of their own.
    assert "ratelimit" not in push(app, key).headers
    assert read(app, app.key("acme", "read")).status_code == 404
    assert requests.get(f"{app.base_url}/v1/users/nobody", timeout=10).status_code == 404
    older = [requests.get(f"{app.base_url}/recommend?user_id=nobody", headers={"X-API-Key": key}, timeout=10)
             for _ in range(30)]
    refused = [answer for answer in older if answer.status_code == 429]
    assert refused and list(refused[0].json()) == ["error"] and "retry-after" in refused[0].headers
    # After a rest it goes on.
    time.sleep(2.1)
    assert read(app, key).status_code == 404


def test_off_default_and_per_company(app) -> None:
    key = app.key("acme", "read")
    wait_for(lambda: limit_headers(read(app, key))["ratelimit-policy"][1]["q"] == 20, "the default")
    set_limits(app, "acme", read="100")
    wait_for(lambda: limit_headers(read(app, key))["ratelimit-policy"][1]["q"] == 1000, "the company's own limit")
    set_limits(app, "acme", read="none")
    wait_for(lambda: "ratelimit" not in read(app, key).headers, "no limit")
    assert spend(app, key, 60)[0] == 60
    set_limits(app, "acme", read="default")
    wait_for(lambda: limit_headers(read(app, key)).get("ratelimit-policy", ("", {"q": 0}))[1]["q"] == 20, "the default again")
    (row,) = [row for row in json.loads(app.run("company", "list", "--json").stdout) if row["company"] == "acme"]
    assert (row["limit_ingest"], row["limit_read"], row["limit_admin"]) == ("default", "default", "default")
    for value in ("0", "-1", "1000001", "many", ""):
        done = app.run("company", "set", "acme", f"limit_read={value}", check=False)
        assert done.returncode == 2 and "1 to 1000000" in done.stderr, done


def test_a_batch_counts_by_its_lines(app) -> None:
    key = app.key("acme", "ingest")
    set_limits(app, "acme", ingest="50")
    wait_for(lambda: "ratelimit" in push(app, key).headers, "the limit")
    time.sleep(2.1)
    taken = push(app, key, 300)
    assert taken.status_code == 202 and limit_headers(taken)["ratelimit"][1]["r"] == 200
    refused = push(app, key, 450)
    problem(refused, 429, "too_many_requests")
    assert 1 <= limit_headers(refused)["ratelimit"][1]["r"] <= 500  # what is refused costs nothing
    assert push(app, key, 10).status_code == 202
    # More than the window at once is taken when nothing is owed, and paid for afterwards.
    key = app.key("acme", "ingest", "read")
    assert push(app, key, 900).status_code == 202
    late = push(app, key)
    problem(late, 429)
    assert 4 <= int(late.headers["retry-after"]) <= 9


def test_wrong_keys_are_limited_by_address(server_factory) -> None:
    app = server_factory({"AUTH_FAILURES_PER_MINUTE": "6", "TRUSTED_PROXIES": "127.0.0.0/8"}, start=False)
    app.migrate()
    app.serve.start()
    good = app.key("acme", "read")
    wrong = good[:-1] + ("a" if good[-1] != "a" else "b")

    def attempts(client: str, key: str, count: int) -> list[int]:
        return [read(app, key, **{"X-Forwarded-For": client}).status_code for _ in range(count)]

    statuses = attempts("192.0.2.1", wrong, 12)
    assert statuses[:6] == [401] * 6 and statuses[-1] == 429 and set(statuses) == {401, 429}
    answer = read(app, wrong, **{"X-Forwarded-For": "192.0.2.1"})
    problem(answer, 429, "too_many_requests")
    assert 1 <= int(answer.headers["retry-after"]) <= 10
    assert attempts("192.0.2.1", good, 3) == [404] * 3  # a good key behind the same address goes on
    assert attempts("192.0.2.2", wrong, 3) == [401] * 3  # another address
    # What the client itself wrote before the proxy's entry does not count.
    assert attempts("203.0.113.9, 192.0.2.1", wrong, 2) == [429] * 2
    # Calls without a key are no attempts.
    assert requests.get(f"{app.base_url}/v1/users/nobody", headers={"X-Forwarded-For": "192.0.2.1"}, timeout=10).status_code == 404
    text = requests.get(f"{app.ops_url}/metrics", timeout=10).text
    limited = sum(float(value) for value in re.findall(r"^tipster_auth_limited_total{[^}]*} (\S+)$", text, re.M))
    assert limited >= 9


def test_without_trusted_proxies_the_header_says_nothing(server_factory) -> None:
    app = server_factory({"AUTH_FAILURES_PER_MINUTE": "6"}, start=False)
    app.migrate()
    app.serve.start()
    statuses = [read(app, "wrong", **{"X-Forwarded-For": f"192.0.2.{number}"}).status_code for number in range(12)]
    assert statuses[-1] == 429, statuses


def test_a_bad_list_of_proxies_is_refused(server_factory) -> None:
    app = server_factory({"TRUSTED_PROXIES": "proxy.example"}, start=False)
    app.migrate()
    done = app.run("serve", check=False, timeout=20)
    assert done.returncode == 1 and "TRUSTED_PROXIES" in done.stderr and "proxy.example" in done.stderr
