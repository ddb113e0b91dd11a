"""overhead: what the access log and the rate limits cost: processor time of serve's workers per request, with and without.

Three servers with the same settings but for one: no access log and no limits; a line for each answer; and a limit that is never reached,
whose state stands in each answer's headers. By default one answer of 100 has a line, so a hundredth of what the lines cost is held
against a request, and that by /hello, where it weighs most. Time of the processor, not rates: what else runs on the machine moves it less.
"""

from __future__ import annotations

from pathlib import Path
from typing import Callable

from measure import Bench
from produce import Writer
from stack import App
from stand import WrkResult

CONNECTIONS = 64
PLAIN = {"ACCESS_LOG": "0"}
LOGGED = {"ACCESS_LOG": "1"}
DEFAULT_SAMPLE = 100
LIMITED = {"ACCESS_LOG": "0", "RATE_LIMIT_INGEST": "1000000", "RATE_LIMIT_READ": "1000000"}


def _worker_ns(app: App) -> int:
    """What all threads of the workers have run so far."""
    return sum(int(task.read_text().split()[0]) for pid in app.serve.children()
               for task in Path(f"/proc/{pid}/task").glob("*/schedstat"))


def _us_per_request(app: App, load: Callable[[], WrkResult]) -> float:
    before = _worker_ns(app)
    answered = load().answered
    return (_worker_ns(app) - before) / 1000 / answered


def measure_overhead(bench: Bench) -> None:
    writers: dict[str, Writer] = {}
    for name, env in (("plain", PLAIN), ("logged", LOGGED), ("limited", LIMITED)):
        app = bench.stand.app(f"tipster_bench_{name}", f"bench-{name}", env)
        app.migrate()
        app.serve.start()
        writers[name] = Writer(bench, app)
    seconds = bench.seconds(2)
    for writer in writers.values():
        writer.hello(CONNECTIONS, 1)
        writer.one(CONNECTIONS, bench.seconds(2))

    def hello(name: str) -> Callable[[], float]:
        return lambda: _us_per_request(writers[name].app, lambda: writers[name].hello(CONNECTIONS, seconds))

    def post(name: str) -> Callable[[], float]:
        return lambda: _us_per_request(writers[name].app, lambda: writers[name].one(CONNECTIONS, seconds))

    runs = bench.interleave({"hello, plain": hello("plain"), "hello, logged": hello("logged"),
                             "POST, plain": post("plain"), "POST, limited": post("limited")})
    for name, times in runs.items():
        bench.results.add("overhead", f"{name}: workers' time per request", times, "µs")
    logged = [1 + (a - b) / DEFAULT_SAMPLE / b for a, b in zip(runs["hello, logged"], runs["hello, plain"])]
    limited = [a / b for a, b in zip(runs["POST, limited"], runs["POST, plain"])]
    bench.results.add("overhead", f"with ÷ without: access log of one answer in {DEFAULT_SAMPLE}", logged, "×", 1.05, at_most=True)
    bench.results.add("overhead", "with ÷ without: limit and its headers", limited, "×", 1.05, at_most=True)
