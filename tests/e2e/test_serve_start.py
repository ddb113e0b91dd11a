"""What serve checks of its servers when it starts, and what it takes from the database's row of the company."""

from __future__ import annotations

import re
import subprocess
import time

import pytest
import requests

from patience import wait_for
from stack import TOP


def event(name: str, begin: str) -> dict:
    return {"event_id": name, "sport": "Soccer", "league": "La Liga", "country": "Spain", "participants": ["A", "B"],
            "begin_timestamp": begin, "end_timestamp": begin}


def coupon(name: str, user: str) -> dict:
    return {"coupon_id": name, "user_id": user, "stake": 1, "timestamp": "2026-11-01T10:00:00Z",
            "selections": [{"event_id": "e1", "odds": 2}]}


def post(app, kind: str, record: dict) -> requests.Response:
    return requests.post(f"{app.base_url}/v1/{kind}", json=record, timeout=10)


def configure(app, **settings: str) -> None:
    """Other settings for what is started from here on."""
    for env in (app.env, app.serve.env, app.ingest.env):
        env.update(settings)


def assert_refuses_to_start(app, *words: str) -> None:
    done = subprocess.run([app.binary, "serve"], env=app.env, cwd=TOP, capture_output=True, text=True, timeout=20, check=False)
    said = (done.stdout + done.stderr).strip().splitlines()
    assert done.returncode == 1 and len(said) == 1, said
    for word in words:
        assert word in said[0]


@pytest.fixture
def app(server_factory):
    """Migrated, nothing runs."""
    made = server_factory(start=False)
    made.migrate()
    return made


@pytest.mark.timing
def test_other_partitions_are_refused(app) -> None:
    topic = app.topics()[0]
    configure(app, KAFKA_PARTITIONS="3")
    assert_refuses_to_start(app, topic, "4 partitions", "KAFKA_PARTITIONS says 3")


@pytest.mark.timing
def test_a_missing_schema_is_refused(app) -> None:
    with app.db() as connection, connection.cursor() as cursor:
        cursor.execute("drop table schema_migrations")
    assert_refuses_to_start(app, "tipster migrate")


@pytest.mark.timing
def test_an_altered_schema_is_refused(app) -> None:
    with app.db() as connection, connection.cursor() as cursor:
        cursor.execute("update schema_migrations set checksum = 'other'")
    assert_refuses_to_start(app, "altered")


@pytest.mark.timing
def test_a_company_without_a_row(app) -> None:
    configure(app, ANONYMOUS_COMPANY="newcomer")
    app.serve.start()
    for _ in range(3):
        answer = post(app, "coupons", coupon("c", "u"))
        assert answer.status_code == 503 and answer.headers["retry-after"] == "1"
        assert answer.json()["code"] == "unavailable" and "`tipster migrate`" in answer.json()["detail"]
        time.sleep(0.5)
    ready = requests.get(f"{app.ops_url}/readyz/write", timeout=10)
    assert ready.status_code == 503 and "`tipster migrate`" in ready.json()["company"]
    assert requests.get(f"{app.ops_url}/readyz/read", timeout=10).status_code == 200
    assert 'tipster_company_known{company="newcomer"} 0' in requests.get(f"{app.ops_url}/metrics", timeout=10).text
    assert app.serve.log.read_text().count("company newcomer is not in the database") == 1
    app.run("migrate")
    wait_for(lambda: post(app, "coupons", coupon("c", "u")).status_code == 202, "the company", 5)
    assert requests.get(f"{app.ops_url}/readyz", timeout=10).status_code == 200
    assert 'tipster_company_known{company="newcomer"} 1' in requests.get(f"{app.ops_url}/metrics", timeout=10).text


def test_the_spread_is_the_row_s_not_the_setting_s(server_factory) -> None:
    """A company made over one partition stays there, whatever COMPANY_PARTITIONS says later."""
    app = server_factory({"COMPANY_PARTITIONS": "1"}, start=False)
    app.migrate()
    configure(app, COMPANY_PARTITIONS="4")
    app.serve.start()
    answers = [post(app, "coupons", coupon(f"c{number}", f"u{number}")) for number in range(20)]
    assert [answer.status_code for answer in answers] == [202] * 20
    partitions = {re.fullmatch(r"c:(\d+)\.\d+", answer.headers["tipster-position"])[1] for answer in answers}
    assert len(partitions) == 1


@pytest.mark.timing
def test_include_started_is_the_row_s(server_factory) -> None:
    app = server_factory()
    assert post(app, "events", event("over", "2020-01-01T18:00:00Z")).status_code == 202
    app.wait_caught_up()

    def popular() -> list[str]:
        answer = requests.get(f"{app.base_url}/v1/popular", timeout=10)
        assert answer.status_code == 200
        return [item["event"]["event_id"] for item in answer.json()["items"]]

    assert popular() == []
    with app.db() as connection, connection.cursor() as cursor:
        cursor.execute("update companies set include_started = 1")
    wait_for(lambda: popular() == ["over"], "the row to be read again", 8)
    assert requests.get(f"{app.base_url}/v1/popular?include_started=0", timeout=10).json()["items"] == []
