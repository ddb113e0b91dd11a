"""Prometheus and Grafana as an operator gets them in conf/: rules that rise when they should, and a real Prometheus
that scrapes the running server: no target down, no rule in error, no metric named that is not there."""

from __future__ import annotations

import json
import re
import subprocess
import urllib.parse
from pathlib import Path
from typing import Any, Iterator

import pytest
import requests

from fixtures import own_ports
from patience import wait_for
from stack import TOP, Process, http_ready

CONF = TOP / "conf" / "prometheus"
DASHBOARD = TOP / "conf" / "grafana" / "dashboards" / "tipster.json"
METRIC = re.compile(r"\btipster[_:][a-z0-9_:]+")
GROUPED_BY = re.compile(r"\bby \(([\w, ]*)\)")
ALARM_ROW = re.compile(r"^\| (Tipster\w+) \| (\w+) \| ", re.MULTILINE)


def promtool(*arguments: str) -> None:
    done = subprocess.run(["/usr/bin/promtool", *arguments], cwd=CONF, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def alarms() -> dict[str, str]:
    """{alarm: severity}"""
    text = (CONF / "tipster.rules.yml").read_text()
    return dict(re.findall(r"- alert: (\w+)\n(?:.*\n)*?\s+labels: \{severity: (\w+)\}", text))


def panels() -> list[dict[str, Any]]:
    return [panel for panel in json.loads(DASHBOARD.read_text())["panels"] if panel["type"] != "row"]


def queries() -> list[str]:
    """The dashboard's, with Grafana's variables filled in."""
    return [target["expr"].replace("$__rate_interval", "1m").replace("$node", ".*")
            for panel in panels() for target in panel["targets"]]


def test_configuration_and_rules_are_valid() -> None:
    promtool("check", "config", "prometheus.yml")
    promtool("check", "rules", "tipster.rules.yml")


def test_each_alarm_rises_on_its_sign_and_no_other() -> None:
    promtool("test", "rules", "tipster.rules.test.yml")
    shown = set(re.findall(r'alertname="(\w+)"', (CONF / "tipster.rules.test.yml").read_text()))
    assert shown == set(alarms())


def test_each_alarm_is_explained() -> None:
    text = (TOP / "docs" / "operations.md").read_text()
    section = text[text.index("### Alarms"):text.index("### What only the log says")]
    assert dict(ALARM_ROW.findall(section)) == alarms()


class Prometheus:
    """A real one, scraping one server every second."""

    def __init__(self, directory: Path, target: str) -> None:
        (self.port,) = own_ports(1)
        text = (CONF / "prometheus.yml").read_text()
        assert text.count("127.0.0.1:5001") == 1 and text.count("15s") == 2
        directory.mkdir()
        (directory / "prometheus.yml").write_text(text.replace("127.0.0.1:5001", target).replace("15s", "1s"))
        (directory / "tipster.rules.yml").write_text((CONF / "tipster.rules.yml").read_text())
        self.url = f"http://127.0.0.1:{self.port}"
        self.process = Process("prometheus", [
            "/usr/bin/prometheus", f"--config.file={directory}/prometheus.yml", f"--storage.tsdb.path={directory}/data",
            f"--web.listen-address=127.0.0.1:{self.port}", "--log.level=warn"], directory / "log",
            ready=http_ready(f"{self.url}/-/ready"), ready_timeout_s=60)

    def get(self, path: str) -> Any:
        answer = requests.get(f"{self.url}/api/v1/{path}", timeout=30)
        assert answer.status_code == 200, answer.text
        return answer.json()["data"]

    def query(self, expression: str) -> list[dict[str, Any]]:
        return self.get("query?" + urllib.parse.urlencode({"query": expression}))["result"]

    def value(self, expression: str) -> float:
        """Of an expression with one result; -1 while it has none."""
        result = self.query(expression)
        return float(result[0]["value"][1]) if result else -1.0

    def rules(self) -> dict[str, dict[str, Any]]:
        return {rule["name"]: rule for group in self.get("rules")["groups"] for rule in group["rules"]}


@pytest.fixture
def scraped(server_factory: Any, state_dir: Path) -> Iterator[tuple[Any, Prometheus]]:
    app = server_factory()
    prometheus = Prometheus(state_dir / "prometheus", f"127.0.0.1:{app.ops_port}")
    try:
        prometheus.process.start()
        yield app, prometheus
    finally:
        prometheus.process.stop()


def coupons(count: int, name: str) -> bytes:
    return b"\n".join(json.dumps({
        "coupon_id": f"{name}{number}", "user_id": f"u{number % 7}", "stake": 1, "timestamp": "2026-11-01T10:00:00Z",
        "selections": [{"event_id": "e1", "odds": 2}]}).encode() for number in range(count))


def post(app: Any, body: bytes) -> None:
    answer = requests.post(f"{app.base_url}/v1/coupons", data=body, timeout=10,
                           headers={"Content-Type": "application/x-ndjson"})
    assert answer.status_code == 202, answer.text


def test_a_prometheus_that_scrapes_the_server(scraped: Any) -> None:
    app, prometheus = scraped
    wait_for(lambda: prometheus.value('up{job="tipster"}') == 1, "the target to be up")
    # The rest of the metrics appear with what they tell of: requests, lag, ingest's own figures.
    post(app, coupons(5, "a"))
    assert requests.get(f"{app.base_url}/v1/recommendations/u1", timeout=10).status_code == 200
    app.wait_caught_up()
    wait_for(lambda: prometheus.query("tipster_ingest_coupons_stored_total"), "ingest's figures")
    wait_for(lambda: prometheus.query("tipster:recommendation_seconds:p99_5m"), "the recorded figures")

    texts = [(CONF / "tipster.rules.yml").read_text(), *queries()]
    named = {name for text in texts for name in METRIC.findall(text)}
    assert len(named) > 25
    wait_for(lambda: named <= set(prometheus.get("label/__name__/values")), "each metric that is named to be there")
    # What is grouped by a label that nothing has is one group, and no error says so.
    grouped_by = {label for text in texts for labels in GROUPED_BY.findall(text) for label in labels.split(", ") if label}
    labels = set(prometheus.get("labels"))
    assert "ingest_instance" in grouped_by and grouped_by - labels == set()
    assert not [label for label in labels if label.startswith("exported_")], "labels that Prometheus sets itself"
    assert {rule["health"] for rule in prometheus.rules().values()} == {"ok"}
    assert set(alarms()) <= set(prometheus.rules())
    for expression in queries():
        wait_for(lambda: prometheus.query(expression), f"data for {expression}")

    # What waits while ingest is frozen shows as lag, and is gone afterwards; accepted and stored are counted.
    app.ingest.pause()
    post(app, coupons(30, "b"))
    wait_for(lambda: prometheus.value("tipster:ingest_lag_records") == 30, "the lag to show")
    assert prometheus.value("sum(tipster_records_accepted_total)") == 35
    app.ingest.resume()
    app.wait_caught_up()
    wait_for(lambda: prometheus.value("tipster:ingest_lag_records") == 0, "the lag to go")
    wait_for(lambda: prometheus.value("sum(tipster_ingest_coupons_stored_total)") == 35, "the stored coupons")

    wait_for(lambda: prometheus.rules()["TipsterServeDown"]["state"] == "inactive", "no alarm")
    app.serve.stop()
    wait_for(lambda: prometheus.rules()["TipsterServeDown"]["state"] == "pending", "the alarm to be on its way")


def test_the_dashboard_is_whole() -> None:
    dashboard = json.loads(DASHBOARD.read_text())
    source = (TOP / "conf" / "grafana" / "provisioning" / "datasources" / "tipster.yml").read_text()
    everything = json.dumps(dashboard)
    assert set(re.findall(r'"uid": "(tipster-[^"]+)"', everything)) == set(re.findall(r"uid: (\S+)", source))
    assert len({panel["id"] for panel in dashboard["panels"]}) == len(dashboard["panels"])
    taken: set[tuple[int, int]] = set()
    for panel in dashboard["panels"]:
        place = panel["gridPos"]
        cells = {(x, y) for x in range(place["x"], place["x"] + place["w"]) for y in range(place["y"], place["y"] + place["h"])}
        assert place["x"] + place["w"] <= 24 and not cells & taken, f"{panel['title']} lies over another one"
        taken |= cells
