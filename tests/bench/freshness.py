#!/usr/bin/python3
"""How long after its 202 a change is in the answers from the view, while 1 000 coupons a second come in.

    tests/bench/freshness.py [SECONDS]      on servers of its own; prints p50 and p99 in milliseconds

Three probes in turns, each posted alone and then asked for over HTTP until the answer shows it: a coupon (its event is gone from the
user's recommendations), an event put (it is there), an event withdrawn (it is not).
"""

from __future__ import annotations

import json
import statistics
import sys
import tempfile
import threading
import time
from http.client import HTTPConnection
from pathlib import Path
from typing import Callable

TOP = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(TOP / "tools"), str(TOP / "tests" / "e2e")]

from patience import wait_for  # noqa: E402
from records import coupon, event  # noqa: E402
from stack import App, free_ports, start_servers, stop_all  # noqa: E402
from stand import api_connection, post_lines  # noqa: E402

RATE, AT_ONCE = 1000, 50
PROBE_PAUSE_S = 0.01


def post(connection: HTTPConnection, kind: str, records: list[dict]) -> None:
    post_lines(connection, f"/v1/{kind}", map(json.dumps, records))


def load(app: App, ending: threading.Event, warm: threading.Event) -> None:
    connection, number, due = api_connection(app), 0, time.monotonic()
    while not ending.is_set():
        post(connection, "coupons", [coupon(f"c{number + i}", f"u{(number + i) % 5000}", [f"e{i}", f"e{i + 50}"])
                                     for i in range(AT_ONCE)])
        number += AT_ONCE
        if number >= 3 * RATE:
            warm.set()
        due += AT_ONCE / RATE
        time.sleep(max(0.0, due - time.monotonic()))
    print(f"load: {number} coupons")


def get(connection: HTTPConnection, path: str) -> tuple[int, bytes]:
    connection.request("GET", path)
    answer = connection.getresponse()
    return answer.status, answer.read()


def seen_after(connection: HTTPConnection, path: str, shows: Callable[[int, bytes], bool]) -> float:
    """Milliseconds until the answer shows it."""
    began = time.monotonic()
    while not shows(*get(connection, path)):
        assert time.monotonic() - began < 10, f"{path} does not change"
    return (time.monotonic() - began) * 1000


def probe(connection: HTTPConnection, number: int) -> dict[str, float]:
    """A new event that ann could be shown, her bet on it, its end."""
    name = f"probe{number}"
    times, own = {}, f"/v1/events/{name}?via=view"
    post(connection, "events", [event(name, league="Probes")])
    times["event put"] = seen_after(connection, own, lambda status, _: status == 200)
    tips, quoted = "/v1/recommendations/ann?league=Probes&n=100&via=view", f'"{name}"'.encode()
    assert quoted in get(connection, tips)[1]
    post(connection, "coupons", [coupon(name, "ann", [name])])
    times["coupon"] = seen_after(connection, tips, lambda status, body: status == 200 and quoted not in body)
    connection.request("DELETE", f"/v1/events/{name}")
    answer = connection.getresponse()
    assert answer.status == 202, answer.read()
    answer.read()
    times["event withdrawn"] = seen_after(connection, own, lambda status, _: status == 404)
    return times


def measure(app: App, seconds: float) -> dict[str, list[float]]:
    connection, ending, warm = api_connection(app), threading.Event(), threading.Event()
    times: dict[str, list[float]] = {}
    post(connection, "events", [event(f"e{i}") for i in range(100)])
    wait_for(lambda: get(connection, "/v1/popular?via=view")[0] == 200, "a view")
    background = threading.Thread(target=load, args=(app, ending, warm))
    background.start()
    assert warm.wait(60), "the load does not come about"  # the first requests meet a cold broker
    until, number = time.monotonic() + seconds, 0
    while time.monotonic() < until:
        for what, took in probe(connection, number).items():
            times.setdefault(what, []).append(took)
        number += 1
        ending.wait(PROBE_PAUSE_S)
    assert background.is_alive(), "the load has ended by itself"
    ending.set()
    background.join()
    return times


def main() -> int:
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 20
    with tempfile.TemporaryDirectory(prefix="tipster-bench-") as folder:
        database, kafka = start_servers(folder, 28000, 28900)
        app = App(folder, database, kafka, *free_ports(2, 28000, 28900), {"ANONYMOUS_COMPANY": "demo", "KAFKA_PARTITIONS": "4"})
        try:
            app.start()
            times = measure(app, seconds)
        finally:
            stop_all([app, kafka, database])
    for what, took in times.items():
        took.sort()
        print(f"{what}: {len(took)} probes, p50 {statistics.median(took):.1f} ms, p99 {took[len(took) * 99 // 100]:.1f} ms, "
              f"longest {took[-1]:.1f} ms")
    return 0


if __name__ == "__main__":
    sys.exit(main())
