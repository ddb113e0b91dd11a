"""The view: what an answer, a coupon, a user and an event cost in it (view_bench.c, no HTTP), how fast `tipster index` builds one
from the database, and how fast it applies coupons that wait in Kafka.

The data of the first are generated straight into the view, those of the second straight into the database (loader.py).
"""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import NamedTuple

from consume import PARTITIONS, SELECTIONS, fill
from loader import World, load, world_files
from measure import Bench, drain_rate, say
from patience import wait_for
from stack import App, StackError
from stand import COMPANY
from view_file import ViewFile, current

BUILD_TIMEOUT_S = 600
SERVES = re.compile(r"serves: (\d+) events, (\d+) users, (\d+) coupons in ([\d.]+) s")


class Cell(NamedTuple):
    users: int
    events: int
    selections: int

    def __str__(self) -> str:
        return f"{_short(self.users)} × {_short(self.events)}, {self.selections}"


def _short(count: int) -> str:
    return f"{count // 1_000_000} M" if count >= 1_000_000 else f"{count // 1000} k" if count >= 1000 else str(count)


BASE = Cell(1_000_000, 50_000, 20)
CELLS = [BASE, Cell(100_000, 50_000, 20), Cell(100_000, 5_000, 20), Cell(100_000, 500_000, 20), Cell(10_000, 50_000, 20),
         Cell(100_000, 50_000, 1), Cell(100_000, 50_000, 200)]
# Of an answer of ten from the view: what a request with a constant body leaves for 80 % of its rate.
ANSWER_BAR_US = 3.3
FLAT_BAR = 1.2


def measure_view(bench: Bench) -> None:
    """Each cell's view is filled once, then all are asked in turns, so that ratios are of one stretch of time."""
    results = bench.results
    folders: dict[Cell, Path] = {}

    def view_bench(cell: Cell, *options: str) -> list[dict]:
        return bench.stand.view_bench(folders[cell], *cell, *options)

    cells = [Cell(bench.scaled(cell.users), max(100, bench.scaled(cell.events)), cell.selections) for cell in CELLS]
    for number, cell in enumerate(cells):
        say(f"view: filling {cell} selections")
        folders[cell] = bench.stand.folder / f"view-{number}"
        folders[cell].mkdir()
        for line in view_bench(cell, "--only", "fill"):
            if line["what"] == "rebuild":
                results.add("view", f"{cell}: loading, without a database", [line["users_per_s"]], "users/s")
            if line["what"] == "size":
                results.add("view", f"{cell}: bytes per user", [line["bytes_per_user"]], "B", 1024 if cell.selections <= 20 else None,
                            at_most=True)
                results.add("view", f"{cell}: bytes per event", [line["bytes_per_event"]], "B", 2048, at_most=True)
    seconds = str(max(1, round(bench.seconds(2))))
    asked = bench.interleave({str(cell): lambda cell=cell: view_bench(cell, "--only", "ask", "--seconds", seconds) for cell in cells},
                             sampled=False)

    def runs(cell: Cell, n: int, key: str) -> list[float]:
        return [line[key] / 1000 for run in asked[str(cell)] for line in run if line["n"] == n]

    for cell in cells:
        for n in (1, 10, 100):
            bar = ANSWER_BAR_US if cell == cells[0] and n == 10 else None
            results.add("view", f"{cell}: the best {n}", runs(cell, n, "cpu_ns"), "µs", bar, at_most=True)
            results.add("view", f"{cell}: the best {n}, p99", runs(cell, n, "p99_ns"), "µs")
    base, few, many, small = cells[1], cells[2], cells[3], cells[4]
    for what, one, other in (("5 k → 500 k events", many, few), ("10 k → 1 M users", cells[0], small),
                             ("10 k → 100 k users", base, small)):
        results.add("view", f"p50 of the best 10, {what}",
                    [a / b for a, b in zip(runs(one, 10, "p50_ns"), runs(other, 10, "p50_ns"))], "×", FLAT_BAR, at_most=True)
    applied = bench.interleave({str(cell): lambda cell=cell: view_bench(cell, "--only", "apply", "--seconds", seconds) for cell in cells},
                               sampled=False)
    for cell in cells:
        results.add("view", f"{cell}: applying, without Kafka", [line["coupons_per_cpu_s"] for run in applied[str(cell)]
                                                                 for line in run if line["batch"] == 1000], "coupons/s", 50_000)
    results.notes.append("view: users × events (one in five is over), selections per user; data generated straight into the view, "
                         "processor time of one thread, no HTTP, users uniformly at random")


def _await_built(app: App) -> tuple[int, float]:
    """(users, seconds) of what index says it has built."""
    def said() -> re.Match[str] | None:
        app.index.require_running()
        return SERVES.search(app.index.log.read_text(errors="replace"))

    wait_for(said, "a view", BUILD_TIMEOUT_S, 0.02)
    return int(said()[2]), float(said()[4])


def measure_rebuild(bench: Bench) -> None:
    stand, results = bench.stand, bench.results
    users, events = bench.scaled(300_000), bench.scaled(5_000)
    app = stand.app("tipster_bench_view", "bench-view")
    app.migrate()
    say(f"rebuild: making {users} users with 20 selections each")
    load(stand.database, app.name, world_files(World(users=users, events=events), stand.folder / "view-sql", COMPANY))
    with app.connect() as connection, connection.cursor() as cursor:
        for table in ("users", "events", "coupons", "selections"):
            cursor.execute(f"analyze table {table}")
    stand.settle_database()

    def build() -> float:
        shutil.rmtree(app.env["VIEW_DIR"], ignore_errors=True)
        app.index.log.unlink(missing_ok=True)
        app.index.start()
        try:
            built, seconds = _await_built(app)
        finally:
            app.index.stop()
        if built != users:
            raise StackError(f"the view has {built} users, not {users}")
        return users / seconds

    build()  # the database's pages into its memory
    runs = bench.interleave({"rebuild": build})
    results.add("rebuild", "a view from the database, 20 selections per user", runs["rebuild"], "users/s", 75_000)
    results.notes.append(f"rebuild: {users} users, {2 * events} events, everything from the start of index's work to the moment "
                         "that the view serves; the rows were loaded straight into the database")


def measure_apply(bench: Bench) -> None:
    """Coupons wait in Kafka, the view is built from an empty database: index applies all of them."""
    stand, results, count = bench.stand, bench.results, bench.scaled(200_000)
    world = World(users=bench.scaled(100_000), events=bench.scaled(5_000))
    app = stand.app("tipster_bench_apply", "bench-apply", {"COMPANY_PARTITIONS": str(PARTITIONS)})
    app.migrate()
    app.serve.start()
    say(f"apply: posting {count} coupons")
    fill(app, list(world.stream(count, SELECTIONS)))
    app.serve.stop()

    def catch_up() -> float:
        shutil.rmtree(app.env["VIEW_DIR"], ignore_errors=True)
        app.index.log.unlink(missing_ok=True)
        app.index.start()
        try:
            return drain_rate(app.index, lambda: _applied(app), count, BUILD_TIMEOUT_S)
        finally:
            app.index.stop()

    runs = bench.interleave({"apply": catch_up})
    results.add("apply", f"index, coupons of {SELECTIONS} that wait in Kafka", runs["apply"], "/s", 50_000)


def _applied(app: App) -> int:
    """Coupons that the current view holds."""
    folder = current(app)
    if folder is None:
        return 0
    with ViewFile(folder) as view:
        return sum(offset for (topic, _), offset in view.offsets().items() if topic == app.topics()[2])
