"""answers: GET /v1/recommendations from the view against a route that does the same but for the asking, and sends a constant body of
the same size, and against the server's bare hello; in turns, over one serve. flat: the same request over views of several sizes, in
turns, each with a serve of its own.

A data set is generated straight into the view (view_bench.c), which index then keeps. Needs the binaries of build-bench.
"""

from __future__ import annotations

import os
import random
import time
import urllib.request
from pathlib import Path

from measure import Bench, say
from patience import wait_for
from stack import App, StackError
from stand import WrkResult

CONNECTIONS = 64
USERS, EVENTS, SELECTIONS = 1_000_000, 50_000, 20
SAMPLE = 200
DIGITS = 8
RATIO_BAR = 0.8
# flat: users and events, and the pairs whose p50 are compared.
SIZES = [(1_000_000, 5_000), (1_000_000, 50_000), (1_000_000, 500_000), (10_000, 50_000)]
COMPARED = [("5 k → 500 k events", SIZES[2], SIZES[0]), ("10 k → 1 M users", SIZES[1], SIZES[3])]
FLAT_BAR = 1.2


def _topics(app: App) -> tuple[str, list[str]]:
    """(cluster id, the topics' ids), as ingest finds them when it claims its partitions."""
    found: dict[str, tuple[str, str]] = {}

    def claimed() -> bool:
        app.ingest.require_running()
        with app.connect() as connection, connection.cursor() as cursor:
            cursor.execute("select topic, cluster_id, topic_id from stream_offsets")
            found.update({topic: ids for topic, *ids in ([bytes(value).decode() for value in row] for row in cursor.fetchall())})
        return len(found) == len(app.topics())

    app.ingest.start()
    try:
        wait_for(claimed, "ingest to claim its partitions", 60)
    finally:
        app.ingest.stop()
    return found[app.topics()[0]][0], [found[topic][1] for topic in app.topics()]


def _fill(bench: Bench, app: App, users: int, events: int) -> None:
    cluster, ids = _topics(app)
    folder = Path(app.env["VIEW_DIR"]) / "view-1"
    folder.mkdir(parents=True)
    bench.stand.view_bench(folder, users, events, SELECTIONS, "--only", "fill", "--now", time.time_ns() // 1_000_000,
                           "--topics", app.env["KAFKA_TOPIC_PREFIX"], "--partitions", app.env["KAFKA_PARTITIONS"],
                           "--cluster", cluster, "--ids", ",".join(ids))
    os.symlink("view-1", folder.parent / "current")


def _ask(app: App, user: int, n: int) -> tuple[str, int]:
    """(which path answered, bytes of the body)"""
    url = f"{app.base_url}/v1/recommendations/user-{user:0{DIGITS}d}?n={n}"
    with urllib.request.urlopen(url, timeout=10) as answer:
        return answer.headers.get("Tipster-Served-By"), len(answer.read())


def _await_view(app: App) -> None:
    wait_for(lambda: _ask(app, 0, 10)[0] == "view", "serve to answer from the view", 60)


def _mean_bytes(app: App, users: int, n: int) -> int:
    rng = random.Random(3)
    answers = [_ask(app, rng.randrange(users), n) for _ in range(SAMPLE)]
    if any(path != "view" for path, _ in answers):
        raise StackError("an answer is not from the view")
    return round(sum(size for _, size in answers) / SAMPLE)


def _start_over_view(bench: Bench, name: str, users: int, events: int) -> App:
    """A serve that answers from a view of so many users and events."""
    app = bench.stand.app(f"tipster_bench_{name.replace('-', '_')}", f"bench-{name}", {"KAFKA_PARTITIONS": "4"})
    app.migrate()
    say(f"{bench.measure}: filling a view with {users} users and {events} events")
    _fill(bench, app, users, events)
    app.index.start()
    app.serve.start()
    _await_view(app)
    return app


def measure_flat(bench: Bench) -> None:
    """A figure of all that a client waits for: view_bench has the view's part alone."""
    results, seconds = bench.results, bench.seconds(5)
    sizes = {size: (bench.scaled(size[0]), max(100, bench.scaled(size[1]))) for size in SIZES}
    apps = {size: _start_over_view(bench, f"flat-{number}", *sizes[size]) for number, size in enumerate(SIZES)}

    def ask(size: tuple[int, int]) -> WrkResult:
        return bench.note_failures(bench.stand.wrk("recommend.lua", apps[size].base_url, CONNECTIONS, seconds, sizes[size][0], 10,
                                                   "/v1/recommendations/user-", DIGITS))

    runs = bench.interleave({f"{users} × {events}": lambda size=(users, events): ask(size) for users, events in SIZES})
    by_size = dict(zip(SIZES, runs.values()))
    for (users, events), found in by_size.items():
        results.add("flat", f"p50, {users} users × {events} events", [result.p50_ms for result in found], "ms")
        results.add("flat", f"answers, {users} users × {events} events", [result.rate for result in found], "/s")
    for what, one, other in COMPARED:
        results.add("flat", f"p50 of a request, {what}", [a.p50_ms / b.p50_ms for a, b in zip(by_size[one], by_size[other])], "×",
                    FLAT_BAR, at_most=True)
    for app in apps.values():
        if _ask(app, 0, 10)[0] != "view":
            results.notes.append("flat: at the end SQL answered: a view fell behind")
        app.stop()
    results.notes.append(f"flat: requests over HTTP, n = 10, {CONNECTIONS} connections; data and users as for answers")


def measure_answers(bench: Bench) -> None:
    stand, results = bench.stand, bench.results
    users, events = bench.scaled(USERS), bench.scaled(EVENTS)
    app = _start_over_view(bench, "answers", users, events)
    sizes = {n: _mean_bytes(app, users, n) for n in (1, 10, 100)}
    seconds = bench.seconds(5)

    def run(script: str, *arguments: str | int) -> WrkResult:
        url = app.base_url + ("/hello" if script == "hello.lua" else "")
        return bench.note_failures(stand.wrk(script, url, CONNECTIONS, seconds, *arguments))

    for n in (10, 1, 100):
        app.serve.stop()
        app.serve.env["BENCH_BODY_BYTES"] = str(sizes[n])
        app.serve.start()
        _await_view(app)
        cells = {f"view, n={n}": lambda n=n: run("recommend.lua", users, n, "/v1/recommendations/user-", DIGITS),
                 f"constant, {sizes[n]} bytes": lambda n=n: run("recommend.lua", users, n, "/bench/constant/user-", DIGITS),
                 "hello": lambda: run("hello.lua")}
        runs = list(bench.interleave(cells).values())
        for name, one in zip(cells, runs):
            results.add("answers", f"{name} (n={n})" if name == "hello" else name, [result.rate for result in one], "/s")
            results.add("answers", f"p99, {name}", [result.p99_ms for result in one], "ms")
        results.add("answers", f"view ÷ constant, n={n}", [a.rate / b.rate for a, b in zip(runs[0], runs[1])], "×",
                    RATIO_BAR if n == 10 else None)
        results.add("answers", f"view ÷ hello, n={n}", [a.rate / b.rate for a, b in zip(runs[0], runs[2])], "×")
    if _ask(app, 0, 10)[0] != "view":
        results.notes.append("answers: at the end SQL answered: the view fell behind")
    results.notes.append(f"answers: {CONNECTIONS} connections, {users} users × {events} events (one in five is over), {SELECTIONS} "
                         "selections each, data generated straight into the view, users uniformly at random")
    bench.profile("answers", ["serve worker"], lambda: run("recommend.lua", users, 10, "/v1/recommendations/user-", DIGITS))
    app.stop()
