"""What every measure gets: the servers, the sizes, repetition in turns, sampling and profiling."""

from __future__ import annotations

import argparse
import contextlib
import sys
import time
from pathlib import Path
from typing import Any, Callable, Iterator, Sequence

import profiler
from results import Results
from sampler import merge, sampling
from stack import Process, StackError
from stand import Stand, WrkResult

QUICK_DIVISOR = 20
WARM_UPS_MOST, WARM_RISE = 8, 1.03
# RssAnon of one process, in MiB, however long it runs.
MEMORY_BARS = {"serve worker": 64, "ingest process": 128}
STARTED = time.monotonic()


def say(text: str) -> None:
    print(f"{time.monotonic() - STARTED:6.0f}s  {text}", file=sys.stderr, flush=True)


def warm_up(rate_of_a_run: Callable[[], float]) -> None:
    """Until the rate no longer rises: a new broker compiles its code for half a minute, at the cost of all that run beside it."""
    best = 0.0
    for _ in range(WARM_UPS_MOST):
        rate = rate_of_a_run()
        say(f"warming up: {rate:.0f}/s")
        if rate < best * WARM_RISE:
            break
        best = rate


def drain_rate(process: Process, done: Callable[[], int], count: int, timeout_s: float) -> float:
    """Records per second from the first that is seen done to the last of `count`; where all are at the first sight, from the call."""
    began = time.monotonic()
    first = first_at = 0.0
    while True:
        seen, now = done(), time.monotonic()
        if seen > 0 and first == 0:
            first, first_at = (seen, now) if seen < count else (0, began)
        if seen >= count:
            return (seen - first) / max(0.001, now - first_at)
        if now > began + timeout_s:
            raise StackError(f"{process.name} has done {seen} of {count} records in {timeout_s:.0f} s")
        process.require_running()
        time.sleep(0.02)


class Bench:
    def __init__(self, options: argparse.Namespace, stand: Stand, results: Results) -> None:
        self.options = options
        self.stand = stand
        self.results = results
        self.measure = ""
        self._samples: dict[str, list[dict]] = {}

    def scaled(self, size: int) -> int:
        return max(1, size // QUICK_DIVISOR) if self.options.quick else size

    def seconds(self, length: float) -> float:
        return min(length, 2) if self.options.quick else length

    def interleave(self, cells: dict[str, Callable[[], Any]], sampled: bool = True) -> dict[str, list]:
        """A B A B …: each cell once per round, so that a slow minute of the machine meets all of them.

        sampled: memory and processor time over the whole of each cell; otherwise the cells call sampling() themselves.
        """
        runs: dict[str, list] = {name: [] for name in cells}
        for turn in range(self.options.repeat):
            for name, run in cells.items():
                say(f"{self.measure}: round {turn + 1} of {self.options.repeat}: {name}")
                with self.sampling(name) if sampled else contextlib.nullcontext():
                    runs[name].append(run())
        return runs

    def note_failures(self, result: WrkResult) -> WrkResult:
        """Reads that failed are told of beside the figures."""
        if result.not_2xx > 0 or result.lost > 0:
            self.results.notes.append(f"{self.measure}: of {result.answered} requests {result.not_2xx} were not answered 200, "
                                      f"{result.lost} were lost")
        return result

    @contextlib.contextmanager
    def sampling(self, name: str) -> Iterator[None]:
        with sampling(self.stand.processes) as sampler:
            yield
        self._samples.setdefault(name, []).append(sampler.report())

    def report_memory(self) -> None:
        """After a measure: its samples become part of the results."""
        merged = {name: merge(reports) for name, reports in self._samples.items()}
        for name, report in merged.items():
            self.results.memory[f"{self.measure}: {name}"] = report
        for process, bar in MEMORY_BARS.items():
            peaks = [report[process]["peak_anon_mib"] for report in merged.values() if process in report]
            if peaks:
                self.results.add(self.measure, f"RssAnon peak, {process}", [max(peaks)], "MiB", bar, at_most=True)
        self._samples.clear()

    def profile(self, name: str, processes: Sequence[str], load: Callable[[], Any]) -> None:
        """With --profile: the load once more, under perf. An extra run, so that no figure has perf in it."""
        if not self.options.profile:
            return
        say(f"{self.measure}: profile {name}")
        text = Path(self.options.json).with_name(f"bench-profile-{name}.txt")
        pids = self.stand.pids(*processes, self.stand.database.kind, "kafka")
        if profiler.profile(pids, load, self.stand.folder / f"perf-{name}.data", text):
            self.results.profiles.append(str(text))
        else:
            self.results.notes.append(f"{name}: no profile (perf is missing, or may not record)")
