"""`tipster generate`: what it sends arrives, the same from the same seed, also while the server dies and comes back."""

from __future__ import annotations

import json
import subprocess
import threading
import time
from pathlib import Path
from typing import Any, Callable

import pytest

from oracle import to_ms
from patience import wait_for
from records import user
from scrape import metrics, total
from wire import Wire

AS_OF = "2026-11-21T00:00:00Z"


def generate(stack: Any, *arguments: str, code: int = 0, **options: Any) -> dict[str, Any]:
    """Runs it against the stack; the JSON that it ends with."""
    done = stack.run("generate", "--url", stack.base_url, "--json", "--as-of", AS_OF, *arguments, check=False, **options)
    assert done.returncode == code, f"{done.returncode} instead of {code}: {done.stderr}"
    return json.loads(done.stdout)


def printed(stack: Any, kind: str, *arguments: str) -> list[dict[str, Any]]:
    """The same records on standard output."""
    done = stack.run("generate", "--only", kind, "--to", "-", "--as-of", AS_OF, *arguments)
    return [json.loads(line) for line in done.stdout.splitlines()]


def stored(stack: Any, table: str, column: str, prefix: str) -> set[str]:
    with stack.db() as connection, connection.cursor() as cursor:
        cursor.execute(f"select {column} from {table} where company_id = %s and {column} like %s",
                       (stack.company, prefix + "%"))
        return {row[0].decode() if isinstance(row[0], bytes) else row[0] for row in cursor.fetchall()}


def accepted(stack: Any) -> float:
    """Records answered 2xx since serve started."""
    return total(metrics(stack), "tipster_records_accepted_total")


def ids(records: list[dict[str, Any]], field: str) -> set[str]:
    return {record[field] for record in records}


@pytest.mark.parametrize("seed, options", [
    ("70001", ["--batch", "1", "--connections", "8"]),
    ("70002", ["--batch", "700", "--connections", "3"]),
])
def test_everything_arrives(stack: Any, seed: str, options: list[str]) -> None:
    size = ["--seed", seed, "--users", "50", "--events", "120", "--coupons", "900"]
    result = generate(stack, *size, *options)
    assert result["accepted"] == {"users": 50, "events": 120, "coupons": 900}
    assert result["bad_lines"] == result["not_sent"] == 0 and result["failures"] == {}
    assert 0 < result["latency_us"]["p50"] <= result["latency_us"]["p99"] <= result["latency_us"]["max"] * 1.07
    assert result["requests"] == (1070 if options[1] == "1" else 4)
    stack.wait_caught_up()
    assert stored(stack, "users", "user_id", f"u{seed}-") == ids(printed(stack, "users", *size), "user_id")
    assert stored(stack, "events", "event_id", f"e{seed}-") == ids(printed(stack, "events", *size), "event_id")
    assert stored(stack, "coupons", "coupon_id", f"c{seed}-") == ids(printed(stack, "coupons", *size), "coupon_id")


def test_repeating_changes_nothing(stack: Any) -> None:
    size = ["--seed", "70003", "--users", "20", "--events", "50", "--coupons", "100"]
    generate(stack, *size)
    generate(stack, *size)
    stack.wait_caught_up()
    assert len(stored(stack, "coupons", "coupon_id", "c70003-")) == 100
    with stack.db() as connection, connection.cursor() as cursor:
        cursor.execute("select count(*) from rejected where payload like %s", ("%c70003-%",))
        assert cursor.fetchone()[0] == 0


def test_same_seed_same_bytes(stack: Any) -> None:
    for kind in ("users", "events", "coupons"):
        first, again, other = (stack.run("generate", "--only", kind, "--to", "-", "--as-of", AS_OF, "--seed", seed).stdout
                               for seed in ("5", "5", "6"))
        assert first == again != other
        assert len(first.splitlines()) == {"users": 1000, "events": 2000, "coupons": 10000}[kind]


def test_six_sports(stack: Any) -> None:
    leagues: dict[str, set[str]] = {}
    for event in printed(stack, "events", "--events", "3000"):
        leagues.setdefault(event["sport"], set()).add(event["league"])
    assert leagues == {
        "Soccer": {"Champions League", "FIFA", "La Liga", "Premier League"},
        "Basketball": {"NBA", "EuroLeague", "NCAA"},
        "Baseball": {"MLB", "Nippon League", "KBO"},
        "Tennis": {"ATP", "WTA", "Grand Slam"},
        "MMA": {"UFC", "Bellator", "ONE Championship"},
        "Swimming": {"FINA World Championships", "Olympics"},
    }


def test_bets_on_what_the_server_has(server_factory: Callable[..., Any], tmp_path: Any) -> None:
    """--events-from api: real leagues are bet on, none are invented in them, and running it again is the same run."""
    stack = server_factory()
    pairs = [(home, away) for home in range(14) for away in range(14) if home != away]  # an id is league, season and teams
    rows = [f"2026-{10 + i // 3 // 28:02}-{1 + i // 3 % 28:02},Team {home},Team {away}" for i, (home, away) in enumerate(pairs[:168])]
    path = tmp_path / "premier-league-2627.csv"
    path.write_text("\n".join(["Date,HomeTeam,AwayTeam", *rows]) + "\n")
    stack.run("import", "fixtures", str(path), "--url", stack.base_url)
    stack.wait_caught_up()
    size = ["--users", "40", "--events", "300", "--coupons", "400", "--days", "40", "--events-from", "api"]
    assert generate(stack, *size)["accepted"]["coupons"] == 400
    stack.wait_caught_up()
    generate(stack, *size)
    stack.wait_caught_up()
    with stack.db() as connection, connection.cursor() as cursor:
        cursor.execute("select count(*) from coupons")
        assert cursor.fetchone()[0] == 400
        cursor.execute("select count(*) from rejected")
        assert cursor.fetchone()[0] == 0
        cursor.execute("select event_id, league from events")
        league_of = {str(event_id, "ascii"): str(league, "utf-8") for event_id, league in cursor.fetchall()}
        cursor.execute("select event_id from selections")
        bets = [str(row[0], "ascii") for row in cursor.fetchall()]
    invented = {league for event_id, league in league_of.items() if event_id.startswith("e1-")}
    assert "Premier League" not in invented and "NBA" in invented
    of_league = sum(league_of[event_id] == "Premier League" for event_id in bets)
    assert set(bets) <= set(league_of) and 0.1 < of_league / len(bets) < 0.9
    begins = {event["event_id"]: to_ms(event["begin_timestamp"])
              for event in Wire(stack.base_url).get("/v1/events", {"league": "Premier League", "limit": 1000,
                                                                   "from": "2026-01-01"}).json()["items"]}
    for coupon in printed(stack, "coupons", *[*size[:-1], stack.base_url]):
        for selection in coupon["selections"]:
            if selection["event_id"] in begins:
                ahead = begins[selection["event_id"]] - to_ms(coupon["timestamp"])
                assert 0 < ahead <= 21 * 86_400_000


def test_the_server_dies_and_returns(server_factory: Callable[..., Any]) -> None:
    """Every record is sent again until it is acknowledged: nothing is lost, nothing doubled."""
    stack = server_factory()
    size = ["--seed", "3", "--users", "100", "--events", "300", "--coupons", "6000"]
    outcome: dict[str, Any] = {}

    def send() -> None:
        outcome.update(generate(stack, *size, "--batch", "20", "--rate", "1600", "--connections", "4", "--retry-for", "60"))

    sender = threading.Thread(target=send)
    sender.start()
    for _ in range(2):
        wait_for(lambda: accepted(stack) > 300, "records to be accepted")
        stack.serve.kill9()
        time.sleep(0.5)
        stack.serve.start()
    sender.join(timeout=300)
    assert not sender.is_alive()
    assert outcome["accepted"] == {"users": 100, "events": 300, "coupons": 6000}
    assert outcome["not_sent"] == outcome["bad_lines"] == 0
    assert outcome["retries"] > 0 and outcome["failures"].get("connection", 0) > 0
    stack.wait_caught_up()
    assert stored(stack, "coupons", "coupon_id", "c3-") == ids(printed(stack, "coupons", *size), "coupon_id")


def test_503_is_sent_again(server_factory: Callable[..., Any], own_servers: tuple[Any, Any]) -> None:
    """While the broker is away the server answers 503; all is in once it is back."""
    database, kafka = own_servers
    stack = server_factory({"REQUEST_DEADLINE_MS": "1500"}, database=database, kafka=kafka)
    outcome: dict[str, Any] = {}
    sender = threading.Thread(target=lambda: outcome.update(
        generate(stack, "--users", "10", "--events", "100", "--coupons", "3000", "--rate", "800", "--batch", "10")))
    sender.start()
    wait_for(lambda: accepted(stack) > 300, "records to be accepted")
    kafka.pause()
    wait_for(lambda: total(metrics(stack), "tipster_http_requests_total", status="5xx") > 0, "a 503")
    kafka.resume()
    sender.join(timeout=300)
    assert outcome["accepted"] == {"users": 10, "events": 100, "coupons": 3000} and outcome["not_sent"] == 0
    assert outcome["failures"].get("status 503", 0) > 0
    stack.wait_caught_up()
    assert len(stored(stack, "coupons", "coupon_id", "c1-")) == 3000


@pytest.mark.timing
def test_rate(stack: Any) -> None:
    begun = time.monotonic()
    result = generate(stack, "--seed", "70004", "--users", "0", "--coupons", "0", "--events", "400", "--rate", "200/s")
    assert 1.8 < time.monotonic() - begun < 6
    assert result["accepted"]["events"] == 400


def test_nobody_there(stack: Any) -> None:
    done = stack.run("generate", "--users", "10", "--to", "http://127.0.0.1:9", "--retry-for", "1", check=False)
    assert done.returncode == 2
    assert "http://127.0.0.1:9: gave up after" in done.stderr and "0 accepted" in done.stderr


@pytest.mark.parametrize("arguments, says", [
    (["--users", "x"], "--users must be a whole number"),
    (["--users", "-1"], "--users must be a whole number"),
    (["--batch", "1001"], "--batch must be a whole number from 1 to 1000"),
    (["--as-of", "yesterday"], "--as-of must be a date"),
    (["--to", "-"], "needs --only"),
    (["--to", "localhost:5000"], "http://HOST:PORT"),
    (["--only", "bets"], "--only must be users, events or coupons, is 'bets'"),
    (["--holdout", "1"], "--holdout-to"),
    (["--users", "0", "--coupons", "5"], "coupons need users"),
    (["--events", "0", "--coupons", "5"], "nothing to bet on"),
    (["extra"], "extra"),
    (["--wrong"], "--wrong"),
])
def test_wrong_use(stack: Any, arguments: list[str], says: str) -> None:
    done = stack.run("generate", *arguments, check=False)
    assert done.returncode == 2 and says in done.stderr


def test_a_reader_that_has_enough(stack: Any) -> None:
    """`tipster generate … | head` ends quietly."""
    child = subprocess.Popen([stack.binary, "generate", "--only", "coupons", "--coupons", "1000000", "--to", "-"],
                             env=stack.env, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert child.stdout is not None and child.stderr is not None
    assert json.loads(child.stdout.readline())
    child.stdout.close()
    assert child.wait(timeout=20) != 0 and child.stderr.read() == b""
    child.stderr.close()


def test_a_wrong_key_and_no_server(stack: Any, tmp_path: Path) -> None:
    """What the server says, or that there is none, in a line."""
    file = tmp_path / "users.ndjson"
    file.write_text(json.dumps(user()) + "\n")
    for arguments, key, says in ((["import", "users", str(file), "--to", stack.base_url], "tip_wrong", "status 401 (API_KEY): A valid key is needed"),
                                 (["generate", "--users", "3", "--to", stack.base_url], "tip_wrong", "status 401 (API_KEY): A valid key is needed"),
                                 (["generate", "--to", stack.base_url, "--events-from", "api"], "tip_wrong", "/v1/events: status 401 (API_KEY): A valid key is needed"),
                                 (["generate", "--to", stack.base_url, "--events-from", "http://127.0.0.1:9"], "",
                                  "cannot fetch events: http://127.0.0.1:9: Failed to connect")):
        done = stack.run(*arguments, env={"API_KEY": key}, check=False)
        assert done.returncode == 2 and says in done.stderr, done
