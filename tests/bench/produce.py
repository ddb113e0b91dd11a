"""Writing: coupons one by one and in batches through the API into Kafka, acknowledged by the broker. ingest does not run."""

from __future__ import annotations

import re
import time
from pathlib import Path

from loader import World, iso_time
from measure import Bench, warm_up
from stack import App, StackError
from stand import WrkResult

USERS = 100_000
EVENTS = 5_000
BATCH_LINES = 500
BATCH_CONNECTIONS = 16
TOOL_PROPS = ["acks=all", "enable.idempotence=true", "linger.ms=5", "batch.size=131072", "buffer.memory=67108864"]
TOOL_RATE = re.compile(r"^(\d+) records sent, ([\d.]+) records/sec", re.MULTILINE)


def _coupon_time() -> str:
    return iso_time((time.time_ns() // 1_000_000_000 - 3600) * 1000)


class Writer:
    """Runs wrk against one application and holds every answer against what Kafka then has."""

    def __init__(self, bench: Bench, app: App) -> None:
        self.bench = bench
        self.app = app
        self.answered_202 = 0
        self.surplus = 0  # records of requests that were in flight when wrk ended
        self.refused = 0

    def hello(self, connections: int, seconds: float) -> WrkResult:
        return self.bench.stand.wrk("hello.lua", self.app.base_url + "/hello", connections, seconds)

    def _post(self, script: str, connections: int, seconds: float, per_request: int, *more: int) -> WrkResult:
        stand = self.bench.stand
        before = stand.records(self.app)
        result = stand.wrk(script, self.app.base_url, connections, seconds, stand.run_tag(), USERS, EVENTS,
                           _coupon_time(), *more)
        new, answered = stand.records(self.app) - before, result.ok * per_request
        # Also those wrk gave up on, or that were answered 503, may be in Kafka.
        most = answered + (connections + result.lost + result.not_2xx) * per_request
        if not answered <= new <= most:
            raise StackError(f"{answered} coupons were answered 202, Kafka has {new} new ones (at most {most} were possible)")
        self.answered_202 += answered
        self.surplus += new - answered
        self.refused += result.not_2xx + result.lost
        return result

    def one(self, connections: int, seconds: float) -> WrkResult:
        return self._post("coupon.lua", connections, seconds, 1)

    def batch(self, connections: int, seconds: float) -> WrkResult:
        return self._post("batch.lua", connections, seconds, BATCH_LINES, BATCH_LINES)

    def note(self, name: str) -> None:
        self.bench.results.notes.append(
            f"{name}: {self.answered_202} coupons answered 202, all of them in Kafka; {self.surplus} more were in flight "
            f"when the client stopped; {self.refused} requests failed")


def _start(bench: Bench, name: str) -> Writer:
    app = bench.stand.app(f"tipster_bench_{name}", f"bench-{name}")
    app.migrate()
    app.serve.start()
    return Writer(bench, app)


def measure_post(bench: Bench) -> None:
    """One coupon per request, against the same server's bare hello."""
    writer, results = _start(bench, "post"), bench.results
    seconds = bench.seconds(10)
    writer.hello(256, 1)
    warm_up(lambda: writer.one(256, bench.seconds(10)).rate)
    cells = {}
    for connections in (64, 256):
        cells[f"hello {connections}"] = lambda c=connections: writer.hello(c, seconds)
        cells[f"post {connections}"] = lambda c=connections: writer.one(c, seconds)
    runs = bench.interleave(cells)
    for connections, bar in ((64, 0.2), (256, 0.4)):
        hello, post = runs[f"hello {connections}"], runs[f"post {connections}"]
        results.add("post", f"GET /hello, {connections} connections", [run.rate for run in hello], "/s")
        results.add("post", f"POST one coupon, {connections} connections", [run.rate for run in post], "/s")
        results.add("post", f"POST ÷ hello, {connections} connections", [b.rate / a.rate for a, b in zip(hello, post)], "×", bar)
        results.add("post", f"POST p50, {connections} connections", [run.p50_ms for run in post], "ms")
        results.add("post", f"POST p99, {connections} connections", [run.p99_ms for run in post], "ms")
    bench.profile("post", ["serve worker"], lambda: writer.one(64, seconds))
    writer.note("post")
    writer.app.stop()


def _write_payloads(path: Path) -> Path:
    """Values as the API writes them to Kafka, for Kafka's own tool."""
    world = World(users=USERS, events=EVENTS)
    with open(path, "w") as file:
        for coupon in world.stream(10_000):
            chosen = ",".join(f'{{"event_id":"{event}","odds":2.15}}' for event in coupon.events)
            file.write(f'{{"coupon_id":"{coupon.coupon_id}-0123456789","user_id":"{coupon.user_id}","stake":12.5,'
                       f'"timestamp":{coupon.placed_ms},"selections":[{chosen}]}}\n')
    return path


def measure_batch(bench: Bench) -> None:
    """500 coupons per request, against Kafka's own producer tool with values of the same size."""
    writer, results, stand = _start(bench, "batch"), bench.results, bench.stand
    seconds, records = bench.seconds(8), bench.scaled(2_000_000)
    tool = stand.kafka_producer_tool()
    cells = {"batch": lambda: writer.batch(BATCH_CONNECTIONS, seconds)}
    if tool is not None:
        # The company's coupons go to 4 partitions, so the tool's topic has 4.
        writer.app.run("migrate", "--only", "kafka", env={"KAFKA_TOPIC_PREFIX": "bench-tool", "KAFKA_PARTITIONS": "4"})
        payloads = _write_payloads(stand.folder / "payloads")

        def run_tool() -> float:
            said = stand.tool("ProducerPerformance", [
                *tool, "--topic", "bench-tool.coupons.v1", "--num-records", str(records), "--throughput", "-1",
                "--payload-file", str(payloads), "--producer-props", f"bootstrap.servers={stand.kafka.bootstrap}",
                *TOOL_PROPS], 600)
            found = TOOL_RATE.findall(said)
            if not found:
                raise StackError(f"Kafka's producer tool gave no result:\n{said}")
            return float(found[-1][1])

        cells["tool"] = run_tool
    else:
        results.notes.append("batch: Kafka's producer tool could not be fetched; no ratio to it")
    writer.batch(BATCH_CONNECTIONS, bench.seconds(3))
    runs = bench.interleave(cells)
    rates = [run.rate * BATCH_LINES for run in runs["batch"]]
    results.add("batch", f"POST NDJSON of {BATCH_LINES}, {BATCH_CONNECTIONS} connections: coupons", rates, "/s", 150_000)
    results.add("batch", "POST NDJSON p50", [run.p50_ms for run in runs["batch"]], "ms")
    results.add("batch", "POST NDJSON p99", [run.p99_ms for run in runs["batch"]], "ms")
    if "tool" in runs:
        results.add("batch", "Kafka's ProducerPerformance: records", runs["tool"], "/s")
        results.add("batch", "NDJSON ÷ Kafka's tool", [a / b for a, b in zip(rates, runs["tool"])], "×")
    bench.profile("batch", ["serve worker"], lambda: writer.batch(BATCH_CONNECTIONS, seconds))
    writer.note("batch")
    writer.app.stop()
