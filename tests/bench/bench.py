#!/usr/bin/python3
"""Speed and memory against the bars: prints a table and writes JSON. `make bench` builds first and runs it in full.

    tests/bench/bench.py [--only post,batch,ingest,recommend,overhead,view,rebuild,apply,answers,flat] [--quick] [--repeat N]
                         [--profile] [--json PATH]

Every figure is the median of several runs taken in turns after a warm-up, and every ratio is of figures of one run of this
program. Its servers have a folder and ports of their own and end with it. A bar that is not met does not fail the
program; a lost record, a wrong row or a process that dies does. docs/performance.md says what is measured and how.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from pathlib import Path

TOP = Path(__file__).resolve().parent.parent.parent
sys.path[:0] = [str(TOP / "tools"), str(TOP / "tests" / "e2e")]

import pymysql  # noqa: E402 - after the path is set

from answers import measure_answers, measure_flat  # noqa: E402
from consume import measure_ingest  # noqa: E402
from kafka_wire import KafkaWireError  # noqa: E402
from measure import QUICK_DIVISOR, Bench, say  # noqa: E402
from overhead import measure_overhead  # noqa: E402
from produce import measure_batch, measure_post  # noqa: E402
from recommend import measure_recommend  # noqa: E402
from results import Results, text  # noqa: E402
from stack import StackError  # noqa: E402
from stand import WRK, running_stand  # noqa: E402
from view import measure_apply, measure_rebuild, measure_view  # noqa: E402

MEASURES = {"post": measure_post, "batch": measure_batch, "ingest": measure_ingest, "recommend": measure_recommend,
            "overhead": measure_overhead, "view": measure_view, "rebuild": measure_rebuild, "apply": measure_apply,
            "answers": measure_answers, "flat": measure_flat}
USUAL = ["post", "batch", "ingest", "recommend", "overhead"]  # the others: make bench-view


def options_of(argv: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Speed and memory against the bars.")
    parser.add_argument("--only", metavar="NAME,…", help=f"some of {', '.join(MEASURES)} (usually {', '.join(USUAL)})")
    parser.add_argument("--quick", action="store_true", help=f"a {QUICK_DIVISOR}th of the sizes: does it run?")
    parser.add_argument("--repeat", type=int, default=3, metavar="N", help="runs of each figure (3)")
    parser.add_argument("--profile", action="store_true", help="one more run of each measure under perf")
    parser.add_argument("--json", default=str(TOP / "build" / "bench.json"), metavar="PATH")
    parser.add_argument("--build", default=os.environ.get("TIPSTER_BUILD", str(TOP / "build")), metavar="DIR",
                        help="where the binaries are")
    parser.add_argument("--db", default=os.environ.get("DB") or "mariadb", choices=["mariadb", "mysql"])
    parser.add_argument("--buffer-pool-mb", type=int, default=1024, metavar="N", help="of the database (1024)")
    parser.add_argument("--state", metavar="DIR", help="keep data and logs here (a temporary folder otherwise)")
    parser.add_argument("--ports", type=int, default=28000, metavar="N", help="free ones from here on are used (28000)")
    options = parser.parse_args(argv)
    options.only = options.only.split(",") if options.only else USUAL
    if unknown := set(options.only) - set(MEASURES):
        parser.error(f"--only {','.join(sorted(unknown))}: the measures are {', '.join(MEASURES)}")
    if options.repeat < 1:
        parser.error("--repeat must be at least 1")
    return options


def run_measures(bench: Bench) -> bool:
    """Each on its own: one that breaks does not take the others' figures with it."""
    good = True
    for name in bench.options.only:
        bench.measure = name
        say(f"{name}: begins")
        try:
            MEASURES[name](bench)
        except (StackError, AssertionError, KafkaWireError, OSError, pymysql.Error) as error:
            good = False
            bench.results.notes.append(f"{name}: BROKEN: {error}")
            say(f"{name}: BROKEN: {error}")
        finally:
            for app in list(bench.stand.apps):
                app.stop()
            bench.stand.apps.clear()
            bench.report_memory()
    return good


def write_results(results: Results, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(results.as_json())
    print(text(json.loads(results.as_json())))
    for profile in results.profiles:
        print(f"profile: {profile}")
    print(f"the same as JSON: {path}")


def main() -> int:
    options = options_of(sys.argv[1:])
    for program in (WRK, "/usr/bin/mariadb"):
        if not Path(program).exists():
            print(f"bench: {program} is missing (tools/install test installs it)", file=sys.stderr)
            return 1
    state = Path(options.state) if options.state else None
    if state is not None and state.exists() and any(state.iterdir()):
        print(f"bench: --state {state}: the folder is not empty; rows of an earlier run would spoil this one", file=sys.stderr)
        return 1
    try:
        with running_stand("bench", Path(options.build), options.ports, options.db, options.buffer_pool_mb, state) as stand:
            results = Results({"date": time.strftime("%Y-%m-%d"), **stand.describe(), "runs of each figure": str(options.repeat),
                               "sizes": f"1/{QUICK_DIVISOR} (--quick)" if options.quick else "full"})
            good = run_measures(Bench(options, stand, results))
            write_results(results, Path(options.json))
            return 0 if good else 1
    except StackError as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
