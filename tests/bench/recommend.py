"""Reading: recommendations computed from the database, for uniformly random users, over TCP and over a Unix socket.

The rows are loaded straight into the database (loader.py), not through the API.
"""

from __future__ import annotations

import json
import random
import urllib.request

from loader import World, load, user_id, world_files
from measure import Bench, say
from stack import App, StackError
from stand import COMPANY, WrkResult

CONNECTIONS = 32
ITEMS = 10
SAMPLE = 50


def _check(app: App, users: int) -> str:
    """Some answers looked at: full, and from the database. Says what share of the items was similar, not popular."""
    similar = total = 0
    rng = random.Random(7)
    for _ in range(SAMPLE):
        name = user_id(rng.randrange(users))
        url = f"{app.base_url}/v1/recommendations/{name}?n={ITEMS}"
        with urllib.request.urlopen(url, timeout=10) as answer:
            items = json.load(answer)["items"]
            path = answer.headers.get("Tipster-Served-By")
        if len(items) != ITEMS or path != "sql":
            raise StackError(f"{url}: {len(items)} items, served by {path}")
        similar += sum(item["source"] == "similar" for item in items)
        total += len(items)
    return f"recommend: {SAMPLE} answers looked at: {ITEMS} items each, {100 * similar // total} % of them similar, all from SQL"


def measure_recommend(bench: Bench) -> None:
    stand, results = bench.stand, bench.results
    users, events = bench.scaled(100_000), bench.scaled(5_000)
    apps = {"TCP": stand.app("tipster_bench_read", "bench-read"),
            "Unix socket": stand.app("tipster_bench_read", "bench-read", socket=True)}
    apps["TCP"].migrate()
    say(f"recommend: making {users} users with 20 selections each, {events} open and {events} past events")
    files = world_files(World(users=users, events=events), stand.folder / "sql", COMPANY)
    elapsed = load(stand.database, "tipster_bench_read", files)
    say(f"recommend: loaded in {elapsed:.0f} s")
    with apps["TCP"].connect() as connection, connection.cursor() as cursor:
        for table in ("users", "events", "event_participants", "coupons", "selections", "event_counts"):
            cursor.execute(f"analyze table {table}")
    stand.settle_database()
    for app in apps.values():
        app.serve.start()
    results.notes.append(_check(apps["TCP"], users))

    def run(app: App, seconds: float) -> WrkResult:
        return bench.note_failures(stand.wrk("recommend.lua", app.base_url, CONNECTIONS, seconds, users, ITEMS))

    for app in apps.values():
        run(app, bench.seconds(5))
    seconds = bench.seconds(10)
    runs = bench.interleave({name: lambda app=app: run(app, seconds) for name, app in apps.items()})
    for name in apps:
        results.add("recommend", f"GET recommendations, {CONNECTIONS} connections, {name}", [one.rate for one in runs[name]],
                    "/s", 2000)
        results.add("recommend", f"p50, {name}", [one.p50_ms for one in runs[name]], "ms")
        results.add("recommend", f"p99, {name}", [one.p99_ms for one in runs[name]], "ms", 50, at_most=True)
    results.add("recommend", "bytes per answer", [one.bytes_per_answer for one in runs["TCP"]], "B")
    bench.profile("recommend", ["serve worker"], lambda: run(apps["TCP"], seconds))
    for app in apps.values():
        app.stop()
