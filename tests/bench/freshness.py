#!/usr/bin/python3
"""How long after its 202 a coupon stands in the view, while 1 000 coupons a second come in.

    tests/bench/freshness.py [SECONDS]      on servers of its own; prints p50 and p99 in milliseconds

The probe is one coupon of a user of its own, posted alone; the view's file is looked at all the time after its answer.
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
from typing import Optional

TOP = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(TOP / "tools"), str(TOP / "tests" / "e2e")]

from patience import wait_for  # noqa: E402
from records import coupon, event  # noqa: E402
from stack import App, free_ports, start_servers, stop_all  # noqa: E402
from stand import api_connection, post_lines  # noqa: E402
from view_file import ViewFile, current  # noqa: E402

RATE, AT_ONCE = 1000, 50


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


def seen_after(view: ViewFile, table, key: bytes) -> float:
    """Seconds until the key is there."""
    began = time.monotonic()
    while True:
        with view.env.begin() as txn:
            if txn.get(key, db=table) is not None:
                return time.monotonic() - began
        assert time.monotonic() - began < 10, "a coupon that does not appear"
        time.sleep(0.0002)


def company_of(view: ViewFile, user: bytes) -> Optional[bytes]:
    """The view's number of the company that has the user; None when none has."""
    view.txn.abort()
    view.txn = view.env.begin()
    return next((key[:4] for key, _ in view.table("users") if key[4:] == user), None)


def measure(app: App, seconds: float) -> list[float]:
    connection, ending, warm, times = api_connection(app), threading.Event(), threading.Event(), []
    post(connection, "events", [event(f"e{i}") for i in range(100)])
    wait_for(lambda: current(app) is not None, "a view")
    with ViewFile(current(app)) as view:
        post(connection, "coupons", [coupon("first", "first", ["e1"])])
        wait_for(lambda: company_of(view, b"first") is not None, "the first user in the view")
        company = company_of(view, b"first")
        view.txn.abort()
        background = threading.Thread(target=load, args=(app, ending, warm))
        background.start()
        assert warm.wait(60), "the load does not come about"  # the first requests meet a cold broker
        until = time.monotonic() + seconds
        table = view.env.open_db(b"users", create=False)
        while time.monotonic() < until:
            name = f"probe{len(times)}"
            post(connection, "coupons", [coupon(name, name, ["e1"])])
            times.append(seen_after(view, table, company + name.encode()) * 1000)
            time.sleep(0.01)
    assert background.is_alive(), "the load has ended by itself"
    ending.set()
    background.join()
    return sorted(times)


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
    print(f"{len(times)} probes: p50 {statistics.median(times):.1f} ms, p99 {times[len(times) * 99 // 100]:.1f} ms, "
          f"longest {times[-1]:.1f} ms")
    return 0


if __name__ == "__main__":
    sys.exit(main())
