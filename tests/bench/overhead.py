"""overhead: what the access log and the rate limits cost, as ratios of the same server's rate without them.

Three servers with the same settings but for one: no access log and no limits, the access log as it is by default (one answer of 100),
and a limit that is never reached, whose state stands in each answer's headers. The log is measured by /hello, where it weighs most.
"""

from __future__ import annotations

from measure import Bench
from produce import Writer

CONNECTIONS = 64
PLAIN = {"ACCESS_LOG": "0"}
LOGGED = {"ACCESS_LOG": "100"}
LIMITED = {"ACCESS_LOG": "0", "RATE_LIMIT_INGEST": "1000000", "RATE_LIMIT_READ": "1000000"}


def measure_overhead(bench: Bench) -> None:
    writers: dict[str, Writer] = {}
    for name, env in (("plain", PLAIN), ("logged", LOGGED), ("limited", LIMITED)):
        app = bench.stand.app(f"tipster_bench_{name}", f"bench-{name}", env)
        app.migrate()
        app.serve.start()
        writers[name] = Writer(bench, app)
    seconds = bench.seconds(3)
    for writer in writers.values():
        writer.hello(CONNECTIONS, 1)
        writer.one(CONNECTIONS, bench.seconds(2))
    runs = bench.interleave({
        "hello, plain": lambda: writers["plain"].hello(CONNECTIONS, seconds).rate,
        "hello, logged": lambda: writers["logged"].hello(CONNECTIONS, seconds).rate,
        "POST, plain": lambda: writers["plain"].one(CONNECTIONS, seconds).rate,
        "POST, limited": lambda: writers["limited"].one(CONNECTIONS, seconds).rate})
    for name, rates in runs.items():
        bench.results.add("overhead", name, rates, "/s")
    for what, name, plain, bar in (("access log of one answer in 100", "hello, logged", "hello, plain", 0.95),
                                   ("limit and its headers", "POST, limited", "POST, plain", 0.95)):
        bench.results.add("overhead", f"with ÷ without: {what}", [a / b for a, b in zip(runs[name], runs[plain])], "×", bar)
