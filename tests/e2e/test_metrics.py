"""/metrics: Prometheus' text format, and what an operator wants to see of a coupon on its way."""

from __future__ import annotations

import time

import pytest
import requests

from patience import wait_for
from scrape import Family, metrics, total

def coupon(name: str) -> dict:
    return {"coupon_id": name, "user_id": "u1", "stake": 1, "timestamp": "2026-11-01T10:00:00Z",
            "selections": [{"event_id": "e1", "odds": 2}]}


@pytest.mark.timing
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
    wait_for(lambda: total(metrics(app), "tipster_ingest_lag_records", topic=topic) == 7, "the lag to show", 12)
    app.ingest.resume()
    app.wait_caught_up()
    wait_for(lambda: total(metrics(app), "tipster_ingest_coupons_stored_total", ingest_instance='a\\"b\\\\c') == 7,
             "the stored coupons to show", 10)
    wait_for(lambda: total(metrics(app), "tipster_ingest_lag_records", topic=topic) == 0, "the lag to go", 12)
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
