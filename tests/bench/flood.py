#!/usr/bin/python3
"""What one company's flood does to another's records: from the answer 202 to the row in the database, alone and beside the flood.

    tests/bench/flood.py [--phases alone,disjoint,shared] [--seconds N] [--limit N] [--build-dir DIR] [--json PATH]

Company B pushes one coupon every 20 ms. Company A pushes batches of 500 over 4 connections as fast as it is answered; every tenth of
its coupons repeats an id with another content, so that ingest rejects it. `disjoint`: no partition of A is one of B; `shared`: one or two
of the four are. `--limit N` gives A's key a limit of N records per second. Each phase has companies and topics of its own; servers are
the script's own and end with it.
"""

from __future__ import annotations

import argparse
import http.client
import json
import multiprocessing
import statistics
import sys
import time
from pathlib import Path
from typing import Any, Optional

TOP = Path(__file__).resolve().parent.parent.parent
sys.path[:0] = [str(TOP / "tools"), str(TOP / "tests" / "e2e")]

from patience import wait_for  # noqa: E402 - after the path is set
from stack import App  # noqa: E402
from stand import Stand, api_connection, running_stand  # noqa: E402

FLOODERS, LINES, PACE_S, WARM_UP_S = 4, 500, 0.02, 2.0
REFUSED_PAUSE_S = 0.05
PARTITIONS_SEEN = 40  # users, enough to meet each of four partitions


def coupon_text(coupon: str, user: str, stake: int) -> str:
    return json.dumps({"coupon_id": coupon, "user_id": user, "stake": stake, "timestamp": "2026-11-01T10:00:00Z",
                       "selections": [{"event_id": f"e{stake}-{number}", "odds": 2.15} for number in range(3)]})


def flood(port: int, key: str, number: int, stop: Any, accepted: Any, refused: Any) -> None:
    """One connection of A."""
    lines = []
    for line in range(LINES):
        conflict = line % 10 == 9
        name = f"@@@@@@@@-{number}-{line - 1 if conflict else line}"
        user = f"u{number}-{line - 1 if conflict else line}"
        lines.append(coupon_text(name, user, 99 if conflict else line % 50 + 1))
    body = "\n".join(lines).encode()
    headers = {"Content-Type": "application/x-ndjson", "Authorization": f"Bearer {key}"}
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    turn = 0
    while not stop.is_set():
        turn += 1
        connection.request("POST", "/v1/coupons", body.replace(b"@@@@@@@@", b"%08d" % turn), headers)
        answer = connection.getresponse()
        answer.read()
        if answer.status == 202:
            with accepted.get_lock():
                accepted.value += LINES
        else:
            with refused.get_lock():
                refused.value += 1
            stop.wait(REFUSED_PAUSE_S)


class Pusher:
    """B: one coupon at a time, and who looks for it in the database."""

    def __init__(self, app: App, company: str, key: str) -> None:
        self.http = api_connection(app)
        self.connection = app.connect()
        self.company, self.key = company, key
        self.sent: dict[str, float] = {}
        self.visible_s: list[float] = []
        self.answer_s: list[float] = []

    def push(self, name: str, user: str) -> str:
        begun = time.monotonic()
        self.http.request("POST", "/v1/coupons", coupon_text(name, user, 1),
                          {"Content-Type": "application/json", "Authorization": f"Bearer {self.key}"})
        answer = self.http.getresponse()
        said = answer.read()
        if answer.status != 202:
            raise SystemExit(f"B's coupon was answered {answer.status}: {said[:300]!r}")
        now = time.monotonic()
        self.answer_s.append(now - begun)
        self.sent[name] = now
        return answer.headers["tipster-position"]

    def look(self) -> None:
        if not self.sent:
            return
        with self.connection.cursor() as cursor:
            cursor.execute(f"select coupon_id from coupons where company_id = %s and coupon_id in ({','.join(['%s'] * len(self.sent))})",
                           (self.company, *self.sent))
            now = time.monotonic()
            for (name,) in cursor.fetchall():
                name = name.decode() if isinstance(name, bytes) else name
                self.visible_s.append(now - self.sent.pop(name))

    def run(self, seconds: float, tag: str) -> None:
        begun, number = time.monotonic(), 0
        while (now := time.monotonic()) < begun + seconds:
            if now >= begun + number * PACE_S:
                self.push(f"{tag}{number:06d}", f"b{number % 500}")
                number += 1
            self.look()
            time.sleep(0.001)

    def drain(self) -> None:
        def stored() -> bool:
            self.look()
            return not self.sent

        wait_for(stored, "B's coupons to be stored", 60, 0.002)


def make_company(app: App, company: str, limit: Optional[int] = None) -> str:
    app.run("company", "add", company)
    if limit:
        app.run("company", "set", company, f"limit_ingest={limit}")
    return json.loads(app.run("key", "add", company, "--scope", "ingest", "--json").stdout)["key"]


def partitions_of(app: App, company: str, key: str) -> set[int]:
    """Where a company's records go, by the positions in its answers."""
    pusher = Pusher(app, company, key)
    return {int(pusher.push(f"where{number}", f"w{number}").split(":")[1].split(".")[0]) for number in range(PARTITIONS_SEEN)}


def choose(app: App, phase: str, limit: Optional[int]) -> tuple[tuple[str, str], tuple[str, str], str]:
    """Companies A and B with keys, whose partitions overlap as the phase wants."""
    names = [f"{phase}-{number}" for number in range(12)]
    keys = {name: make_company(app, name, limit if name == names[0] else None) for name in names}
    for key in keys.values():
        app.wait_key(key)
    spread = {name: partitions_of(app, name, keys[name]) for name in names}
    a = names[0]
    for b in names[1:]:
        common = len(spread[a] & spread[b])
        if (phase == "shared" and common in (1, 2)) or (phase != "shared" and common == 0):
            return (a, keys[a]), (b, keys[b]), f"{sorted(spread[a])} and {sorted(spread[b])}"
    raise SystemExit(f"no two companies whose partitions are {phase}")


def quantiles(values: list[float]) -> dict[str, float]:
    steps = statistics.quantiles(values, n=100)
    return {"n": len(values), "p50_ms": steps[49] * 1000, "p99_ms": steps[98] * 1000, "max_ms": max(values) * 1000}


def measure(stand: Stand, phase: str, seconds: float, limit: Optional[int]) -> dict[str, Any]:
    app = stand.app(f"tipster_{phase}", f"flood-{phase}", {"ANONYMOUS_COMPANY": ""})
    with app.database.connect(None) as connection:
        connection.cursor().execute(f"create database if not exists `{app.name}`")
    app.start()
    (_, key_a), (company_b, key_b), where = choose(app, phase, limit)
    app.wait_caught_up()
    stop, accepted, refused = multiprocessing.Event(), multiprocessing.Value("q", 0), multiprocessing.Value("q", 0)
    flooders = [multiprocessing.Process(target=flood, args=(app.port, key_a, number, stop, accepted, refused), daemon=True)
                for number in range(FLOODERS if phase != "alone" else 0)]
    pusher = Pusher(app, company_b, key_b)
    for process in flooders:
        process.start()
    pusher.run(WARM_UP_S, "w")
    pusher.visible_s.clear()
    pusher.answer_s.clear()
    accepted_before, refused_before = accepted.value, refused.value
    pusher.run(seconds, "c")
    accepted_by_a, refused_to_a = accepted.value - accepted_before, refused.value - refused_before
    behind = app.behind()
    stop.set()
    pusher.drain()
    for process in flooders:
        process.join()
    result = {"phase": phase, "partitions": where, "a_per_s": accepted_by_a / seconds, "a_refused_requests": refused_to_a,
              "behind": behind, "visible": quantiles(pusher.visible_s), "answer": quantiles(pusher.answer_s)}
    app.stop()
    return result


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--phases", default="alone,disjoint,shared")
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--limit", type=int)
    parser.add_argument("--build-dir", type=Path, default=TOP / "build")
    parser.add_argument("--first-port", type=int, default=28000)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    results = []
    with running_stand("flood", options.build_dir, options.first_port, "mariadb", 512) as stand:
        for phase in options.phases.split(","):
            results.append(result := measure(stand, phase, options.seconds, options.limit))
            visible, answer = result["visible"], result["answer"]
            print(f"{phase:9} A {result['a_per_s']:8.0f}/s accepted, {result['behind']:8d} behind at the end; B visible p50 "
                  f"{visible['p50_ms']:.0f} ms, p99 {visible['p99_ms']:.0f} ms, max {visible['max_ms']:.0f} ms; B answered p50 "
                  f"{answer['p50_ms']:.1f} ms, p99 {answer['p99_ms']:.1f} ms; partitions {result['partitions']}", flush=True)
    if options.json:
        options.json.write_text(json.dumps(results, indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
