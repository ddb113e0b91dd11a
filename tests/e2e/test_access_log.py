"""What serve logs and counts of requests: who, what, how long; never a secret or a body."""

from __future__ import annotations

import json
import re

import pytest
import requests

FIELDS = {"time", "level", "component", "message", "request_id", "company", "key_id", "method", "route", "status", "duration_us",
          "bytes"}


def event(name: str, league: str) -> dict:
    return {"event_id": name, "sport": "Soccer", "league": league, "country": "Spain", "participants": ["A", "B"],
            "begin_timestamp": "2099-01-01T00:00:00Z", "end_timestamp": "2099-01-01T01:00:00Z"}


def access_lines(app) -> list[dict]:
    found = [json.loads(line) for line in app.serve.log.read_text().splitlines() if line.startswith("{")]
    return [line for line in found if line["message"] == "answered"]


def count(app, **labels: str) -> float:
    text = requests.get(f"{app.ops_url}/metrics", timeout=10).text
    wanted = [f'{name}="{value}"' for name, value in labels.items()]
    return sum(float(line.rsplit(" ", 1)[1]) for line in text.splitlines()
               if line.startswith("tipster_company_requests_total{") and all(part in line for part in wanted))


@pytest.fixture
def app(server_factory):
    return server_factory({"ACCESS_LOG": "1", "LOG_FORMAT": "json", "LOG_LEVEL": "debug"})


def test_an_answer_has_its_line(app) -> None:
    key = app.key("acme", "read")
    answer = requests.get(f"{app.base_url}/v1/users/u-17?x=1", headers={"X-API-Key": key, "X-Request-Id": "mine-1"}, timeout=10)
    assert answer.status_code == 400
    requests.get(f"{app.base_url}/v1/users/u-17", headers={"X-API-Key": "wrong", "X-Request-Id": "mine-2"}, timeout=10)
    requests.get(f"{app.base_url}/hello", headers={"X-Request-Id": "mine-3"}, timeout=10)
    by_id = {line["request_id"]: line for line in access_lines(app)}
    line = by_id["mine-1"]
    assert line.keys() == FIELDS and line["level"] == "info"
    assert (line["company"], line["key_id"], line["route"]) == ("acme", key.split("_")[1], "/v1/users/{user_id}")
    assert (line["method"], line["status"], line["bytes"]) == ("GET", 400, len(answer.content))
    assert 0 < line["duration_us"] < 10_000_000
    assert (by_id["mine-2"]["company"], by_id["mine-2"]["key_id"], by_id["mine-2"]["status"]) == ("", "", 401)
    assert (by_id["mine-3"]["company"], by_id["mine-3"]["route"]) == ("", "/hello")


def test_one_of_so_many(server_factory) -> None:
    app = server_factory({"ACCESS_LOG": "10", "WORKERS": "1", "LOG_FORMAT": "json"})
    before = len(access_lines(app))
    for _ in range(50):
        requests.get(f"{app.base_url}/hello", timeout=10)
    assert len(access_lines(app)) - before == 5


def test_neither_secrets_nor_bodies_are_logged(app) -> None:
    """Words that stand in keys, bodies, ids and queries, good and bad ones, at the highest log level; also when servers fail."""
    canary = "canary7Vq3"
    key = app.key("acme", "ingest", "read")
    headers = {"X-API-Key": key}
    base = app.base_url
    for body in (event(f"{canary}-event", f"{canary}-league"), {"event_id": f"{canary}-bad", "colour": canary}):
        for sent in (headers, {"X-API-Key": f"tip_{canary}"}, {"Authorization": f"Basic {canary}"}, {"Cookie": canary}):
            requests.post(f"{base}/v1/events", json=body, headers=sent, timeout=10)
            requests.post(f"{base}/register_event", json=body, headers=sent, timeout=10)
    requests.post(f"{base}/v1/events", data=f'{{"{canary}', headers={**headers, "Content-Type": "application/json"}, timeout=10)
    for path in (f"/v1/events/{canary}", f"/v1/events?league={canary}", f"/{canary}", f"/v1/events?cursor={canary}",
                 f"/recommend?user_id={canary}&n={canary}"):
        requests.get(base + path, headers=headers, timeout=10)
    # The same id with another content: rejected by ingest.
    for stake in (1, 2):
        requests.post(f"{base}/v1/coupons", headers=headers, timeout=10, json={
            "coupon_id": f"{canary}-c", "user_id": f"{canary}-u", "stake": stake, "timestamp": "2026-11-01T10:00:00Z",
            "selections": [{"event_id": f"{canary}-event", "odds": 2}]})
    app.wait_caught_up()
    app.ingest.restart()
    secret = key.split("_")[2]
    logs = {process.log: process.log.read_text() for process in (app.serve, app.ingest)}
    assert "answered" in logs[app.serve.log]
    for path, text in logs.items():
        for word in (canary, secret, key):
            assert word not in text, f"{path}: {[line for line in text.splitlines() if word in line][:3]}"


def test_requests_are_counted_by_company(app) -> None:
    key = app.key("acme", "read")
    before = count(app, company="acme")
    for _ in range(3):
        assert requests.get(f"{app.base_url}/v1/users/nobody", headers={"X-API-Key": key}, timeout=10).status_code == 404
    requests.post(f"{app.base_url}/v1/users", json={}, headers={"X-API-Key": key}, timeout=10)
    assert count(app, company="acme", scope="read", status="4xx") >= 3
    assert count(app, company="acme", scope="ingest", status="4xx") == 1
    assert count(app, company="acme") == before + 4
    anonymous = count(app, company=app.company, scope="read", status="4xx")
    requests.get(f"{app.base_url}/v1/users/nobody", timeout=10)
    assert count(app, company=app.company, scope="read", status="4xx") == anonymous + 1


def test_companies_beyond_the_bound_share_a_place(server_factory) -> None:
    """256 of them have a place in /metrics, in the order in which they call."""
    app = server_factory({"ANONYMOUS_COMPANY": ""}, start=False)
    app.migrate()
    secret = "0" * 32
    with app.db() as connection, connection.cursor() as cursor:
        companies = [f"a{number:04d}" for number in range(260)]
        cursor.executemany("insert into companies (company_id, name, partitions, created_at) values (%s, 'x', 1, now())",
                           [(company,) for company in companies])
        cursor.executemany("insert into api_keys (company_id, key_id, secret_hash, scopes, label, created_at) "
                           "values (%s, %s, unhex(sha2(%s, 256)), 'read', '', now())",
                           [(company, f"{company:0>12}", secret) for company in companies])
    app.serve.start()
    with requests.Session() as session:
        for company in companies:
            headers = {"X-API-Key": f"tip_{company:0>12}_{secret}"}
            assert session.get(f"{app.base_url}/v1/users/nobody", headers=headers, timeout=10).status_code == 404
    assert count(app, company="a0000", scope="read", status="4xx") == 1
    assert count(app, company="", scope="read", status="4xx") == 4
    text = requests.get(f"{app.ops_url}/metrics", timeout=10).text
    assert len(set(re.findall(r'tipster_company_requests_total{company="([^"]*)"', text))) == 257
