#!/usr/bin/python3
"""The whole suite behind `make test`: third-party parts, builds, checks, unit tests under sanitizers, end-to-end tests.

A stage shows one line when it passes and everything it said when it fails; later stages still run where they can.
The last line is "N passed, N failed": checks, cmocka tests and pytest tests together. Exit status 0 only when none failed.
DB=mysql runs the end-to-end tests on MySQL 8. Arguments go to the end-to-end pytest, for example: tools/test.py -k recommend
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from typing import Sequence

TOP = Path(__file__).resolve().parent.parent
LOGS = TOP / "build" / "test-logs"
CMOCKA_COUNT = re.compile(r"^\[  (PASSED|FAILED)  \] (\d+) test\(s\)", re.MULTILINE)
SOME_FAILED, NOTHING_COLLECTED = 1, 5  # exit statuses of pytest
# Most of these tests wait for servers; each of two processes has servers of its own and takes whole files.
IN_PARALLEL = ["-n", "2", "--dist", "loadfile"]
WITH_SERVERS = ["tests/e2e", "tests/contract", "tests/clients"]
WITHOUT_SERVERS = "tests/kore"  # and short of processor time: beside the others
STARTED = time.monotonic()


def say(text: str) -> None:
    print(f"{time.monotonic() - STARTED:6.0f}s  {text}", flush=True)


class Suite:
    """Counts, and the stages so far that failed."""

    def __init__(self) -> None:
        self.passed = 0
        self.failed = 0

    def add(self, name: str, passed: int, failed: int) -> None:
        self.passed += passed
        self.failed += failed
        say(f"{name}: {passed} passed" + (f", {failed} FAILED" if failed else ""))

    def stage(self, name: str, argv: Sequence[str | os.PathLike]) -> bool:
        """A command that counts as one test."""
        log = LOGS / f"{name.replace(' ', '-')}.log"
        if run(argv, log):
            self.passed += 1
            say(f"{name}: ok")
            return True
        self.failed += 1
        say(f"{name}: FAILED")
        print(log.read_text(errors="replace"), flush=True)
        return False


def run(argv: Sequence[str | os.PathLike], log: Path, **options) -> bool:
    log.parent.mkdir(parents=True, exist_ok=True)
    with open(log, "wb") as output:
        return subprocess.run([str(part) for part in argv], cwd=TOP, stdin=subprocess.DEVNULL, stdout=output,
                              stderr=subprocess.STDOUT, check=False, **options).returncode == 0


def unit_tests(suite: Suite) -> None:
    """Meson's tests of the sanitized build; a program that dies counts as one failed test beside those it reported."""
    log = LOGS / "unit.log"
    report = TOP / "build-asan" / "meson-logs" / "testlog.json"
    report.unlink(missing_ok=True)
    environment = {**os.environ, "ASAN_OPTIONS": "detect_leaks=1:abort_on_error=0",
                   "UBSAN_OPTIONS": "halt_on_error=1:print_stacktrace=1"}
    run(["/usr/bin/meson", "test", "-C", "build-asan", "--no-rebuild", "--print-errorlogs", "--timeout-multiplier", "5"],
        log, env=environment)
    passed = failed = 0
    for line in report.read_text().splitlines() if report.exists() else []:
        test = json.loads(line)
        said = (test.get("stdout") or "") + (test.get("stderr") or "")
        counts = {"PASSED": 0, "FAILED": 0}
        for verdict, number in CMOCKA_COUNT.findall(said):
            counts[verdict] += int(number)
        good = test["result"] in ("OK", "EXPECTEDFAIL")
        passed += counts["PASSED"] or (1 if good else 0)
        failed += counts["FAILED"] if counts["FAILED"] else (0 if good else 1)
        if not good:
            print(f"--- {test['name']}: {test['result']}\n{said}", flush=True)
    if passed + failed == 0:
        print(log.read_text(errors="replace"), flush=True)
        failed = 1
    suite.add("unit tests (ASan, UBSan)", passed, failed)


class Pytest:
    """A run of pytest, begun at once: with its own short output on the screen, or in a file."""

    def __init__(self, name: str, arguments: Sequence[str | os.PathLike], beside: bool = False) -> None:
        self.report = LOGS / f"{name.replace(' ', '-')}.xml"
        self.report.unlink(missing_ok=True)
        self.output = open(self.report.with_suffix(".log"), "w+b") if beside else None
        # What failed last is remembered apart, so that runs beside each other do not mix it up.
        cache = f"cache_dir={LOGS / 'pytest-cache'}{'-beside' if beside else ''}"
        self.process = subprocess.Popen(
            ["/usr/bin/python3", "-m", "pytest", "-q", "--no-header", "-rfE", "--tb=short", "--color=auto",
             f"--junitxml={self.report}", "-o", "junit_logging=no", "-o", cache, *[str(part) for part in arguments]],
            cwd=TOP, stdin=subprocess.DEVNULL, stdout=self.output, stderr=self.output)

    def end(self) -> tuple[int, int, int]:
        """How many passed and failed, from its report, and its exit status."""
        status = self.process.wait()
        if self.output is not None:
            self.output.seek(0)
            print(self.output.read().decode(errors="replace"), end="", flush=True)
            self.output.close()
        passed = failed = 0
        if self.report.exists():
            for run_of in ElementTree.parse(self.report).getroot().iter("testsuite"):
                bad = int(run_of.get("failures")) + int(run_of.get("errors"))
                failed += bad
                passed += int(run_of.get("tests")) - bad - int(run_of.get("skipped"))
        if status not in (0, NOTHING_COLLECTED) and failed == 0:
            failed = 1  # pytest itself could not go on
        return passed, failed, status


def judge(suite: Suite, name: str, first: Pytest, arguments: Sequence[str | os.PathLike], beside: bool = False) -> None:
    """Tests that judge durations get a second try, and it is said when they needed it; no others do."""
    passed, failed, status = first.end()
    if status == SOME_FAILED:
        say(f"{name}, second try of failed tests that judge durations:")
        again, _, _ = Pytest(f"{name} again", ["--last-failed", "--last-failed-no-failures=none", "-m", "timing", *arguments],
                             beside).end()
        passed, failed = passed + again, failed - again
        if again:
            say(f"{name}: {again} passed on the second try only")
    suite.add(name, passed, failed)


def pytests(suite: Suite, name: str, arguments: Sequence[str | os.PathLike], options: Sequence[str] = ()) -> None:
    say(f"{name}:")
    judge(suite, name, Pytest(name, [*options, *arguments]), arguments)


def faults(suite: Suite) -> None:
    """The short form of `make faults`: the quick ones, once each."""
    say("faults, once each:")
    report = LOGS / "faults.json"
    report.unlink(missing_ok=True)
    subprocess.run(["/usr/bin/python3", "tests/faults/faults.py", "--short", "--json", str(report)], cwd=TOP,
                   stdin=subprocess.DEVNULL, check=False)
    rows = json.loads(report.read_text()) if report.exists() else []
    passed = sum(row["passed"] for row in rows)
    suite.add("faults, once each", passed, len(rows) - passed if rows else 1)


def main() -> int:
    suite = Suite()
    kind = os.environ.get("DB") or "mariadb"
    if kind not in ("mariadb", "mysql"):
        print(f"make test: DB={kind} is unknown (mariadb, mysql)", file=sys.stderr)
        return 2
    os.environ["DB"] = kind
    deps = ["tools/deps", "librdkafka", "kafka", "contract", "clients", "lint", *(["mysql"] if kind == "mysql" else [])]
    if subprocess.run(deps, cwd=TOP, check=False).returncode != 0:
        return 1
    suite.stage("layers and limits", ["/usr/bin/python3", "tools/check_layers.py"])
    suite.stage("clang-format", ["tools/check_format"])
    built = suite.stage("build with gcc", ["tools/build", "build"])
    with_faults = suite.stage("build with faults", ["tools/build", "build-faults"])
    if suite.stage("build with clang and sanitizers", ["tools/build", "build-asan"]):
        unit_tests(suite)
    pytests(suite, "tools tests", ["tests/tools"])
    if built:
        kore = [WITHOUT_SERVERS, *sys.argv[1:]]
        kore_run = Pytest("tests of Kore", kore, beside=True)
        pytests(suite, f"end-to-end tests on {kind}", [*WITH_SERVERS, *sys.argv[1:]], IN_PARALLEL)
        say("tests of Kore, which ran beside them:")
        judge(suite, "tests of Kore", kore_run, kore, beside=True)
        if with_faults:
            faults(suite)
    else:
        suite.add("end-to-end tests", 0, 1)
    print(f"{suite.passed} passed, {suite.failed} failed", flush=True)
    return 1 if suite.failed else 0


if __name__ == "__main__":
    sys.exit(main())
