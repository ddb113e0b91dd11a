"""ingest: how fast `tipster ingest` drains coupons that wait in Kafka, against clients that only insert the same rows.

Both write the coupons, their selections and the events' counts with statements of up to 1000 rows and transactions of
2000 coupons, over as many connections. The loader's files are rendered beforehand. It comes in two forms: one adds to the
counts in every transaction, as somebody must who does not know what comes; the other writes each count once, at the end.
"""

from __future__ import annotations

import time
import zlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Callable, Iterator, Sequence

from loader import (Coupon, World, count_events, count_inserts, coupon_inserts, selection_inserts, start_clients,
                    wait_clients, write_transactions)
from measure import Bench, drain_rate, say
from stack import App, StackError
from stand import COMPANY, api_connection, post_lines

PREFIX = "bench-ingest"
PARTITIONS = 16
SELECTIONS = 3
TRANSACTION_COUPONS = 2000
POST_LINES = 500
DEFAULT_CONSUMERS = 2
DRAIN_TIMEOUT_S = 900


def _partition(coupon: Coupon) -> int:
    return zlib.crc32(coupon.user_id.encode()) % PARTITIONS


def fill(app: App, coupons: Sequence[Coupon]) -> None:
    """Posts them through the API."""
    def post(part: Sequence[Coupon]) -> None:
        connection = api_connection(app)
        for start in range(0, len(part), POST_LINES):
            post_lines(connection, "/v1/coupons", [coupon.json() for coupon in part[start:start + POST_LINES]])
        connection.close()

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(post, (coupons[0::2], coupons[1::2])))


def _transactions(coupons: Sequence[Coupon], owned: Sequence[int], add_counts: bool) -> Iterator[Iterator[str]]:
    """Of one connection: coupons of one partition at a time in their order, rows in key order, as a backlog is read."""
    by_partition: dict[int, list[Coupon]] = {partition: [] for partition in owned}
    for coupon in coupons:
        if (partition := _partition(coupon)) in by_partition:
            by_partition[partition].append(coupon)
    for start in range(0, max(len(part) for part in by_partition.values()), TRANSACTION_COUPONS):
        for partition, part in by_partition.items():
            chunk = part[start:start + TRANSACTION_COUPONS]
            if chunk:
                yield _statements(chunk, partition, add_counts)
    if not add_counts:
        counts = list(count_inserts(COMPANY, count_events((c for part in by_partition.values() for c in part), _partition),
                                    len(coupons)))
        for start in range(0, len(counts), 10):
            yield iter(counts[start:start + 10])


def _statements(chunk: Sequence[Coupon], partition: int, add_counts: bool) -> Iterator[str]:
    in_key_order = sorted(chunk, key=lambda c: (c.user_id, c.coupon_id))
    yield from coupon_inserts(COMPANY, in_key_order)
    yield from selection_inserts(COMPANY, sorted(chunk, key=lambda c: (c.user_id, -c.placed_ms)))
    if add_counts:
        yield from count_inserts(COMPANY, count_events(chunk, lambda _: partition), chunk[-1].number, add=True)


def _render(folder: Path, coupons: Sequence[Coupon], connections: int, add_counts: bool) -> list[Path]:
    kind = "each" if add_counts else "once"
    return [write_transactions(folder / f"{kind}-{connections}-{number}.sql",
                               _transactions(coupons, range(number, PARTITIONS, connections), add_counts))
            for number in range(connections)]


class Drains:
    """Single runs, each into a database of its own that is dropped afterwards."""

    def __init__(self, bench: Bench, coupons: int) -> None:
        self.bench = bench
        self.coupons = coupons
        self._count = 0

    def _app(self, consumers: int) -> App:
        self._count += 1
        name = f"tipster_bench_i{self._count}"
        stand = self.bench.stand
        app = App(stand.folder / name, stand.database, stand.kafka, 1, 2, {
            "ANONYMOUS_COMPANY": COMPANY, "KAFKA_TOPIC_PREFIX": PREFIX, "COMPANY_PARTITIONS": str(PARTITIONS),
            "INGEST_CONSUMERS": str(consumers)}, name, stand.build_dir)
        stand.apps.append(app)
        app.migrate()
        stand.settle_database()
        return app

    def _end(self, app: App) -> None:
        app.stop()
        self._check(app)
        app.drop()
        self.bench.stand.apps.remove(app)

    def _check(self, app: App) -> None:
        with app.connect() as connection, connection.cursor() as cursor:
            cursor.execute("select (select count(*) from coupons), (select count(*) from selections), "
                           "(select sum(n) from event_counts), (select count(*) from event_counts)")
            coupons, selections, bets, rows = cursor.fetchone()
        if (coupons, selections, bets) != (self.coupons, SELECTIONS * self.coupons, SELECTIONS * self.coupons):
            raise StackError(f"{app.name} has {coupons} coupons, {selections} selections and counts of {bets}; "
                             f"{self.coupons} coupons of {SELECTIONS} were written")
        self.count_rows = rows

    def ingest(self, consumers: int, while_running: Callable[[App, Callable[[], float]], float]) -> float:
        """Coupons/s from the first row to the last."""
        app = self._app(consumers)
        app.ingest.start()
        try:
            return while_running(app, lambda: self._watch(app))
        finally:
            self._end(app)

    def _watch(self, app: App) -> float:
        topic = app.topics()[2]
        with app.connect() as connection, connection.cursor() as cursor:
            def stored() -> int:
                cursor.execute("select coalesce(sum(next_offset), 0) from stream_offsets where topic = %s", (topic,))
                return int(cursor.fetchone()[0])

            return drain_rate(app.ingest, stored, self.coupons, DRAIN_TIMEOUT_S)

    def loader(self, files: Sequence[Path]) -> float:
        app = self._app(1)
        began = time.monotonic()
        clients = start_clients(self.bench.stand.database, app.name, files)
        self.bench.stand.tools += clients
        try:
            with self.bench.sampling("loader"):
                wait_clients(clients)
                elapsed = time.monotonic() - began
        finally:
            for client in clients:
                self.bench.stand.tools.remove(client)
        self._end(app)
        return self.coupons / elapsed


def measure_ingest(bench: Bench) -> None:
    stand, results, count = bench.stand, bench.results, bench.scaled(200_000)
    world = World(users=bench.scaled(100_000), events=bench.scaled(5_000))
    say(f"ingest: making {count} coupons")
    coupons = list(world.stream(count, SELECTIONS))
    filler = stand.app("tipster_bench_fill", PREFIX, {"COMPANY_PARTITIONS": str(PARTITIONS)})
    filler.migrate()
    filler.serve.start()
    fill(filler, coupons)
    filler.stop()
    folder = stand.folder / "sql"
    say("ingest: rendering the loader's statements")
    files = {(connections, each): _render(folder, coupons, connections, each)
             for connections, each in ((DEFAULT_CONSUMERS, True), (DEFAULT_CONSUMERS, False), (1, True))}
    drains = Drains(bench, count)

    def sampled(app: App, watch: Callable[[], float]) -> float:
        with bench.sampling("ingest"):
            return watch()

    say("ingest: warm-up")
    drains.ingest(DEFAULT_CONSUMERS, lambda app, watch: watch())
    runs = bench.interleave({
        "ingest": lambda: drains.ingest(DEFAULT_CONSUMERS, sampled),
        "loader": lambda: drains.loader(files[(DEFAULT_CONSUMERS, True)]),
        "loader, counts once": lambda: drains.loader(files[(DEFAULT_CONSUMERS, False)]),
        "ingest, 1 consumer": lambda: drains.ingest(1, lambda app, watch: watch()),
        "loader, 1 connection": lambda: drains.loader(files[(1, True)])}, sampled=False)
    results.add("ingest", f"ingest, {DEFAULT_CONSUMERS} consumers: coupons of {SELECTIONS}", runs["ingest"], "/s")
    results.add("ingest", f"loader, {DEFAULT_CONSUMERS} connections", runs["loader"], "/s")
    results.add("ingest", "ingest ÷ loader", [a / b for a, b in zip(runs["ingest"], runs["loader"])], "×", 0.8)
    results.add("ingest", "loader that writes each count once", runs["loader, counts once"], "/s")
    results.add("ingest", "ingest ÷ that loader", [a / b for a, b in zip(runs["ingest"], runs["loader, counts once"])], "×", 0.8)
    results.add("ingest", "ingest, 1 consumer", runs["ingest, 1 consumer"], "/s")
    results.add("ingest", "loader, 1 connection", runs["loader, 1 connection"], "/s")
    results.add("ingest", "ingest ÷ loader, 1 each",
                [a / b for a, b in zip(runs["ingest, 1 consumer"], runs["loader, 1 connection"])], "×", 0.8)
    results.notes.append(f"ingest: {count} coupons, {SELECTIONS * count} selections, {drains.count_rows} rows of counts; "
                         f"the company spreads over all {PARTITIONS} partitions")

    def profiled(app: App, watch: Callable[[], float]) -> float:
        rate: list[float] = []
        bench.profile("ingest", ["ingest process"], lambda: rate.append(watch()))
        return rate[0] if rate else 0.0

    if bench.options.profile:
        drains.ingest(DEFAULT_CONSUMERS, profiled)
