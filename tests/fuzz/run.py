#!/usr/bin/python3
"""Searches with the fuzz targets, one after the other: `make fuzz`.

    tests/fuzz/run.py [--seconds N] [--seed N] [--minimise] [TARGET…]

Each target starts from the committed inputs (tests/fuzz/corpus/TARGET) and from what earlier runs found
(build-fuzz/corpus/TARGET). An input that breaks something is kept in build-fuzz/findings/TARGET and shown; once mended it
belongs into the committed corpus, which the tests replay. --minimise does not search: it adds to the committed corpus the
few found inputs that reach code the committed ones do not. Exit status 1: something was found.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

TOP = Path(__file__).resolve().parent.parent.parent
HERE = Path(__file__).resolve().parent
BUILD = TOP / "build-fuzz"
MAX_BYTES = 4096
DICTIONARIES = {"user": "json", "event": "json", "coupon": "json", "change": "json", "query": "query",
                "import": "import", "config": "config", "key": "key"}
ENVIRONMENT = {"ASAN_OPTIONS": "detect_leaks=1:allocator_may_return_null=1", "UBSAN_OPTIONS": "halt_on_error=1:print_stacktrace=1"}
COVERAGE = re.compile(r"cov: (\d+) ft: (\d+)")


class Outcome(NamedTuple):
    target: str
    executions: int
    seconds: float
    coverage: int
    inputs: int
    findings: list[Path]


def targets() -> list[str]:
    return sorted(path.name for path in (HERE / "corpus").iterdir() if path.is_dir())


def program(target: str) -> Path:
    return BUILD / "tests" / "fuzz" / f"fuzz_{target}"


def environment() -> dict[str, str]:
    return {"PATH": os.environ["PATH"], **ENVIRONMENT}


def options(target: str) -> list[str]:
    found = [f"-max_len={MAX_BYTES}", "-timeout=10", "-rss_limit_mb=1024"]
    if target in DICTIONARIES:
        found.append(f"-dict={HERE / 'dict' / DICTIONARIES[target]}.dict")
    return found


def search(target: str, seconds: int, seed: int) -> Outcome:
    found = BUILD / "corpus" / target
    findings = BUILD / "findings" / target
    for folder in (found, findings):
        folder.mkdir(parents=True, exist_ok=True)
    before = set(findings.iterdir())
    argv = [program(target), f"-max_total_time={seconds}", f"-seed={seed}", "-print_final_stats=1",
            f"-artifact_prefix={findings}/", *options(target), found, HERE / "corpus" / target]
    started = time.monotonic()
    log = BUILD / f"fuzz-{target}.log"
    with open(log, "wb") as output:
        status = subprocess.run(argv, env=environment(), stdin=subprocess.DEVNULL, stdout=output,
                                stderr=subprocess.STDOUT, check=False).returncode
    text = log.read_text(errors="replace")
    new = sorted(set(findings.iterdir()) - before)
    if status != 0:
        # Progress lines begin with '#'; what comes after the last of them is the report.
        print(re.split(r"^#\d+\t.*\n", text, flags=re.MULTILINE)[-1][:4000], file=sys.stderr)
        new = new or [log]
    executions = re.search(r"stat::number_of_executed_units:\s*(\d+)", text)
    coverage = COVERAGE.findall(text)
    return Outcome(target, int(executions[1]) if executions else 0, time.monotonic() - started,
                   int(coverage[-1][0]) if coverage else 0, len(list(found.iterdir())), new)


def minimise(target: str) -> int:
    """Copies the found inputs that add coverage to the committed ones; the number of them."""
    committed = HERE / "corpus" / target
    with tempfile.TemporaryDirectory() as folder:
        chosen = Path(folder) / "chosen"
        shutil.copytree(committed, chosen)
        subprocess.run([program(target), "-merge=1", "-use_counters=0", *options(target), chosen, BUILD / "corpus" / target],
                       env=environment(), check=True, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        names = {path.read_bytes() for path in committed.iterdir()}
        added = [path for path in chosen.iterdir() if path.read_bytes() not in names]
        for path in added:
            shutil.copy(path, committed / path.name[:12])
    return len(added)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--seconds", type=int, default=int(os.environ.get("FUZZ_SECONDS", 180)), help="per target")
    parser.add_argument("--seed", type=int, default=int(os.environ.get("FUZZ_SEED", int(time.time()) % 100000)))
    parser.add_argument("--minimise", action="store_true")
    parser.add_argument("targets", nargs="*", metavar="TARGET", help=", ".join(targets()))
    arguments = parser.parse_args()
    unknown = set(arguments.targets) - set(targets())
    if unknown:
        parser.error(f"no such target: {', '.join(sorted(unknown))} ({', '.join(targets())})")
    wanted = arguments.targets or targets()
    if arguments.minimise:
        for target in wanted:
            print(f"{target}: {minimise(target)} inputs added")
        return 0
    print(f"seed {arguments.seed}, {arguments.seconds} s per target")
    print(f"{'target':10} {'executions':>12} {'per s':>8} {'edges':>6} {'inputs':>7}  findings", flush=True)
    failed = False
    for target in wanted:
        outcome = search(target, arguments.seconds, arguments.seed)
        failed |= bool(outcome.findings)
        print(f"{target:10} {outcome.executions:12} {outcome.executions / outcome.seconds:8.0f} {outcome.coverage:6} "
              f"{outcome.inputs:7}  {', '.join(str(path) for path in outcome.findings) or 'none'}", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
