"""/metrics: Prometheus' text format, and what an operator wants to see of a coupon on its way."""

from __future__ import annotations

import re
import time
from typing import NamedTuple

import requests

NAME = r"[a-zA-Z_:][a-zA-Z0-9_:]*"
LABEL = r'[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\\n]|\\\\|\\"|\\n)*"'
SAMPLE = re.compile(rf"({NAME})(?:{{({LABEL}(?:,{LABEL})*)}})? (-?[0-9.]+(?:e[+-]?\d+)?|[+-]Inf|NaN)")
TYPES = ("counter", "gauge", "histogram")


class Family(NamedTuple):
    kind: str
    help: str
    samples: list[tuple[str, dict[str, str], float]]


def parse(text: str) -> dict[str, Family]:
    """By the rules of the text format 0.0.4: HELP and TYPE before the samples, each family in one piece, no sample twice."""
    families: dict[str, Family] = {}
    current, help_text, seen = "", "", set()
    assert text.endswith("\n")
    for line in text.splitlines():
        if line.startswith("# HELP "):
            _, _, current, help_text = line.split(" ", 3)
            assert current not in families and help_text, line
        elif line.startswith("# TYPE "):
            _, _, name, kind = line.split(" ")
            assert name == current and kind in TYPES, line
            families[name] = Family(kind, help_text, [])
        else:
            match = SAMPLE.fullmatch(line)
            assert match, f"not a sample: {line}"
            name, labels, value = match.groups()
            family = families[current]
            suffixes = ("_bucket", "_sum", "_count") if family.kind == "histogram" else ("",)
            assert name in [current + suffix for suffix in suffixes], f"{line} stands below {current}"
            assert family.kind != "counter" or name.endswith("_total"), line
            assert (name, labels) not in seen, f"twice: {line}"
            seen.add((name, labels))
            pairs = dict(pair.split("=", 1) for pair in re.findall(LABEL, labels or ""))
            family.samples.append((name, {key: pair[1:-1] for key, pair in pairs.items()}, float(value)))
    return families


def metrics(app) -> dict[str, Family]:
    answer = requests.get(f"{app.ops_url}/metrics", timeout=10)
    assert answer.status_code == 200 and answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    return parse(answer.text)


def total(families: dict[str, Family], name: str, **labels: str) -> float:
    """The sum of a family's samples that have these labels; 0 without any."""
    samples = families[name].samples if name in families else []
    return sum(value for _, own, value in samples if labels.items() <= own.items())


def wait_for(condition, timeout_s: float, what: str) -> None:
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, f"waited {timeout_s} s for {what}"
        time.sleep(0.2)


def coupon(name: str) -> dict:
    return {"coupon_id": name, "user_id": "u1", "stake": 1, "timestamp": "2026-11-01T10:00:00Z",
            "selections": [{"event_id": "e1", "odds": 2}]}


def test_a_coupon_on_its_way(server_factory) -> None:
    app = server_factory({"INGEST_INSTANCE": 'a"b\\c'})
    route = "POST /v1/coupons"
    app.ingest.pause()
    for number in range(7):
        assert requests.post(f"{app.base_url}/v1/coupons", json=coupon(f"c{number}"), timeout=10).status_code == 202
    assert requests.post(f"{app.base_url}/v1/coupons", json={}, timeout=10).status_code == 422
    now = metrics(app)
    assert total(now, "tipster_company_known", company="demo") == 1
    assert total(now, "tipster_records_accepted_total") == 7
    assert total(now, "tipster_http_requests_total", route=route, status="2xx") == 7
    assert total(now, "tipster_http_requests_total", route=route, status="4xx") == 1
    counts = [(labels, value) for name, labels, value in now["tipster_http_request_duration_seconds"].samples
              if name.endswith("_count")]
    assert ({"route": route}, 8) in counts
    topic = app.topics()[2]
    wait_for(lambda: total(metrics(app), "tipster_ingest_lag_records", topic=topic) == 7, 12, "the lag to show")
    app.ingest.resume()
    app.wait_caught_up()
    wait_for(lambda: total(metrics(app), "tipster_ingest_coupons_stored_total", instance='a\\"b\\\\c') == 7, 10,
             "the stored coupons to show")
    wait_for(lambda: total(metrics(app), "tipster_ingest_lag_records", topic=topic) == 0, 12, "the lag to go")
    now = metrics(app)
    assert len({labels["partition"] for _, labels, _ in now["tipster_ingest_lag_records"].samples
                if labels["topic"] == topic}) == 4
    assert total(now, "tipster_ingest_expiring") == 0 and total(now, "tipster_kafka_records_pending") == 0
    seen = total(now, "tipster_ingest_last_seen_timestamp_seconds")
    assert abs(time.time() - seen) < 20


def test_buckets_are_cumulative(stack) -> None:
    requests.get(f"{stack.base_url}/hello", timeout=10)
    samples = metrics(stack)["tipster_http_request_duration_seconds"].samples
    routes = {labels["route"] for _, labels, _ in samples}
    assert "GET /hello" in routes
    for route in routes:
        buckets = [(float(labels["le"]), value) for name, labels, value in samples
                   if name.endswith("_bucket") and labels["route"] == route]
        assert buckets == sorted(buckets) and buckets[-1][0] == float("inf")
        assert [value for _, value in buckets] == sorted(value for _, value in buckets)
        assert buckets[-1][1] == total({"": Family("", "", [s for s in samples if s[0].endswith("_count")])}, "", route=route)
