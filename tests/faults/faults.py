#!/usr/bin/python3
"""`make faults`: every fault of RELIABILITY's table under load, and the ledger's verdict on each, as one table.

    tests/faults/faults.py [--only 1,9,24] [--times N] [--short] [--mix MINUTES [--seed N]] [--json FILE] [--list] [--keep]

Each fault is injected again and again while clients send; after it everything is healed, and the checker compares what
was acknowledged with what is stored. --mix injects them at random, two at a time, for some minutes; the seed makes the
same choice of faults again. Exit status 1 when anything was lost, doubled or wrong.
As root everything runs in a network namespace of its own, so that faults of the network touch nothing else.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import traceback
from pathlib import Path
from typing import Any, Optional

TOP = Path(__file__).resolve().parent.parent.parent
for folder in (TOP / "tools", TOP / "tests" / "e2e", TOP / "tests" / "faults"):
    sys.path.insert(0, str(folder))

import database_faults  # noqa: E402
import kafka_faults  # noqa: E402
import machine_faults  # noqa: E402
import network_faults  # noqa: E402
import process_faults  # noqa: E402
from stack import Database, StackError, free_ports, start_servers, stop_all  # noqa: E402
from world import FAULTS_BUILD, FIRST_PORT, LAST_PORT, Fault, World  # noqa: E402

ALL: list[Fault] = [fault for module in (process_faults, database_faults, kafka_faults, network_faults, machine_faults)
                    for fault in module.FAULTS]
IN_NAMESPACE = "TIPSTER_FAULTS_NAMESPACE"
KIND = os.environ.get("DB") or "mariadb"


def enter_namespace() -> None:
    """Starts this program again with a network of its own, where that is allowed."""
    if os.environ.get(IN_NAMESPACE) or os.geteuid() != 0:
        return
    if subprocess.run(["unshare", "-n", "true"], stderr=subprocess.DEVNULL, check=False).returncode != 0:
        return
    inner = 'ip link set lo up && exec "$@"'
    os.execvpe("unshare", ["unshare", "-n", "sh", "-c", inner, "sh", sys.executable, *sys.argv], {**os.environ, IN_NAMESPACE: "1"})


class Bench:
    """The servers that worlds share, and a number for each world's name."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.worlds = 0
        self.servers = start_servers(folder / "servers", FIRST_PORT, LAST_PORT, KIND)

    def world(self, options: dict[str, Any]) -> World:
        self.worlds += 1
        database, kafka = self.servers
        return World(self.folder / f"world-{self.worlds}", database, kafka, f"tipster_faults_{self.worlds}", **options)

    def close(self) -> None:
        stop_all(reversed(self.servers))


def without_network(faults: list[Fault]) -> list[Fault]:
    """All of them in a network of this program's own; elsewhere those that would break the machine's are left out."""
    left_out = [fault.rows for fault in faults if fault.part == "network" and not os.environ.get(IN_NAMESPACE)]
    if left_out:
        print(f"rows {', '.join(left_out)} are left out: they need root and a network namespace", flush=True)
    return [fault for fault in faults if fault.rows not in left_out]


def run_fault(bench: Bench, fault: Fault, times: int) -> dict[str, Any]:
    options = dict(fault.options)
    small_disk = options.pop("small_disk", False)
    halts = options.pop("lost_is_expected", False)
    preload = options.pop("preload", None)
    if preload is not None:
        options["serve_env"] = options["ingest_env"] = preload()
    disk, own, shared = None, None, bench.servers
    if small_disk:
        disk = database_faults.SmallDisk(bench.folder / "small-disk")
        port = free_ports(1, FIRST_PORT, LAST_PORT)[0]
        own = Database(disk.folder, port, KIND, extra=["--innodb-log-file-size=32M"])
        own.start()
        bench.servers = (own, shared[1])
    started = time.monotonic()
    row: dict[str, Any] = {"rows": fault.rows, "fault": fault.name, "note": fault.note, "halts": halts}
    try:
        with bench.world(options) as world:
            row["problem"] = _inject(world, fault, times, halts)
            row["injected"], row["recovery_s"] = world.injected, round(world.slowest_recovery_s, 1)
            if not halts:
                _judge(world, row)
    except (AssertionError, StackError, OSError) as error:
        row["problem"] = row.get("problem") or f"{type(error).__name__}: {error}"
    finally:
        if own is not None:
            own.stop()
            bench.servers = shared
            disk.close()
    row["seconds"] = round(time.monotonic() - started)
    return row


def _inject(world: World, fault: Fault, times: int, halts: bool) -> str:
    try:
        for _ in range(1 if halts else times):  # behind what is gone there is nothing to go on with
            time.sleep(0.5)
            fault.inject(world)
            world.injected += 1
            if not halts:
                world.recover()
        if fault.after is not None:
            fault.after(world)
    except Exception as error:  # noqa: BLE001 - told in the table; the checker has its say all the same
        where = traceback.extract_tb(error.__traceback__)[-1]
        return f"{type(error).__name__}: {error} ({Path(where.filename).name}:{where.lineno})"
    return ""


def _judge(world: World, row: dict[str, Any]) -> None:
    result = world.judge()
    kinds = ("users", "events", "coupons")
    for name, field in (("attempted", "attempted"), ("acked", "acknowledged"), ("stored", "stored"), ("rejected", "rejected")):
        row[name] = sum(result[kind].get(field, 0) for kind in kinds)
    row["found"] = {kind: count for kind, count in result["found"].items() if count}
    row["lost"], row["doubled"] = result["found"]["lost"], result["found"]["doubled"]
    if row["found"]:
        row["findings"] = result["findings"]


def mix(bench: Bench, minutes: float, seed: int) -> dict[str, Any]:
    """Two lanes of faults at random, each in its own order by the seed; a part is broken by one fault at a time."""
    started = time.monotonic()
    row: dict[str, Any] = {"rows": "all", "fault": f"mixed at random, seed {seed}", "note": "", "halts": False}
    faults = without_network([fault for fault in ALL if fault.mixed])
    injected: dict[str, int] = {}
    problems: list[str] = []

    def lane(number: int, world: World) -> None:
        rng = random.Random(seed * 2 + number)
        while time.monotonic() - started < minutes * 60:
            fault = rng.choice(faults)
            world.take_part(fault.part)
            try:
                fault.inject(world)
                injected[fault.name] = injected.get(fault.name, 0) + 1
            except Exception as error:  # noqa: BLE001
                problems.append(f"{fault.name}: {type(error).__name__}: {error}")
            finally:
                world.give_back(fault.part)
            time.sleep(rng.uniform(0.2, 1.5))

    clock = machine_faults.clock_env()
    random.seed(seed)  # what faults themselves draw
    with bench.world({"build_dir": FAULTS_BUILD, "keep_running": True, "database_proxy": True, "serve_env": clock, "ingest_env": clock,
                      "pause_s": 0.1}) as world:
        lanes = [threading.Thread(target=lane, args=(number, world), daemon=True) for number in range(2)]
        for thread in lanes:
            thread.start()
        for thread in lanes:
            thread.join()
        for server in bench.servers:
            if not server.running():
                server.start()
        row["problem"] = ""
        try:
            world.recover(timeout_s=600)  # behind what came while everything was broken
        except AssertionError as error:
            row["problem"] = str(error)
        row["injected"], row["recovery_s"] = sum(injected.values()), round(world.slowest_recovery_s, 1)
        row["by_fault"], row["interrupted"] = injected, problems
        row["note"] = ", ".join(f"{name} {count}" for name, count in sorted(injected.items())) + "".join(
            f"\n  not to its end, beside the other fault: {problem}" for problem in problems)
        _judge(world, row)
    row["seconds"] = round(time.monotonic() - started)
    return row


COLUMNS = (("row", 4), ("fault", 36), ("times", 5), ("acked", 7), ("stored", 7), ("rejected", 8), ("lost", 5), ("doubled", 7),
           ("recovery", 8), ("verdict", 0))


def verdict(row: dict[str, Any]) -> str:
    if row.get("problem"):
        return f"FAILED: {row['problem']}"
    if row["halts"]:
        return "halts, as it must"
    if row.get("found"):
        return "FAILED: " + ", ".join(f"{count} {kind}" for kind, count in row["found"].items())
    return "clean"


def line(row: dict[str, Any]) -> str:
    values = (row["rows"], row["fault"], row.get("injected", 0), row.get("acked", "-"), row.get("stored", "-"), row.get("rejected", "-"),
              row.get("lost", "-"), row.get("doubled", "-"), f"{row.get('recovery_s', 0)} s", verdict(row))
    return "  ".join(f"{value!s:<{width}}" if name in ("row", "fault", "verdict") else f"{value!s:>{width}}"
                     for (name, width), value in zip(COLUMNS, values))


def chosen(options: argparse.Namespace) -> list[Fault]:
    wanted = options.only.split(",") if options.only else None
    faults = [fault for fault in ALL if (wanted is None or fault.rows in wanted) and (fault.short or not options.short)]
    return without_network(faults)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--only", help="rows of the table, for example 1,9,24")
    parser.add_argument("--times", type=int, help="how often each is injected")
    parser.add_argument("--short", action="store_true", help="the quick ones, once each")
    parser.add_argument("--mix", type=float, metavar="MINUTES", help="all of them at random for so long")
    parser.add_argument("--seed", type=int, default=random.randrange(1_000_000))
    parser.add_argument("--json", type=Path, default=TOP / "build" / "faults.json")
    parser.add_argument("--list", action="store_true")
    parser.add_argument("--keep", action="store_true", help="keep data and logs, and say where")
    options = parser.parse_args()
    if options.list:
        for fault in ALL:
            print(f"{fault.rows:>4}  {fault.name}" + (f" ({fault.note})" if fault.note else ""))
        return 0
    enter_namespace()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # what is started is ended then, too
    folder = Path(tempfile.mkdtemp(prefix="tipster-faults-"))
    rows: list[dict[str, Any]] = []
    bench: Optional[Bench] = None
    try:
        bench = Bench(folder)
        print("  ".join(f"{name:<{width}}" if name in ("row", "fault", "verdict") else f"{name:>{width}}" for name, width in COLUMNS), flush=True)
        if options.mix:
            rows.append(mix(bench, options.mix, options.seed))
            print(line(rows[-1]), flush=True)
        else:
            for fault in chosen(options):
                rows.append(run_fault(bench, fault, options.times or (1 if options.short else fault.times)))
                print(line(rows[-1]), flush=True)
    finally:
        if bench is not None:
            bench.close()
        if options.keep:
            print(f"data and logs: {folder}")
        else:
            shutil.rmtree(folder, ignore_errors=True)
    for row in rows:
        if row["note"]:
            print(f"row {row['rows']}: {row['note']}")
    for row in rows:
        row["passed"] = not verdict(row).startswith("FAILED")
    options.json.parent.mkdir(exist_ok=True)
    options.json.write_text(json.dumps(rows, indent=1) + "\n")
    bad = [row for row in rows if not row["passed"]]
    print(f"{len(rows) - len(bad)} passed, {len(bad)} failed; all of it in {options.json}", flush=True)
    return 1 if bad else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except StackError as error:
        print(f"faults: {error}", file=sys.stderr)
        sys.exit(1)
