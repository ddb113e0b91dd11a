"""Memory and processor time of the processes under test, sampled twice a second while a measure runs."""

from __future__ import annotations

import contextlib
import os
import statistics
import threading
import time
from pathlib import Path
from typing import Callable, Iterator

EVERY_S = 0.5
TICKS_PER_S = os.sysconf("SC_CLK_TCK")

# name -> ids of the processes that go by it just now
Lister = Callable[[], dict[str, list[int]]]


def memory_kib(pid: int) -> tuple[int, int]:
    """(VmRSS, RssAnon)"""
    rss = anonymous = 0
    for line in Path("/proc", str(pid), "status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            rss = int(line.split()[1])
        elif line.startswith("RssAnon:"):
            anonymous = int(line.split()[1])
    return rss, anonymous


def _ticks(pid: int) -> int:
    fields = Path("/proc", str(pid), "stat").read_text().rsplit(")", 1)[1].split()
    return int(fields[11]) + int(fields[12])


def _steady(values: list[int]) -> float:
    """The median of the last third: what is left when caches and pools have filled."""
    return statistics.median(values[-max(1, len(values) // 3):])


class Sampler:
    """Collects until stop(); report() says per process what it held and used, in MiB and percent of one core."""

    def __init__(self, processes: Lister) -> None:
        self._processes = processes
        self._rss: dict[str, list[int]] = {}
        self._anonymous: dict[str, list[int]] = {}
        self._ticks: dict[tuple[str, int], tuple[int, int]] = {}  # first, last
        self._seen = False
        self._stop = threading.Event()
        self._started = time.monotonic()
        self._ended = self._started
        self._thread = threading.Thread(target=self._run, name="sampler", daemon=True)
        self._sample()
        self._thread.start()

    def _sample(self) -> None:
        for name, pids in self._processes().items():
            for pid in pids:
                try:
                    rss, anonymous = memory_kib(pid)
                    ticks = _ticks(pid)
                except (OSError, IndexError):
                    continue  # it has just ended
                if rss == 0:
                    continue
                self._rss.setdefault(name, []).append(rss)
                self._anonymous.setdefault(name, []).append(anonymous)
                # One that was not there at the beginning has used all its time since then.
                first = self._ticks.get((name, pid), (0 if self._seen else ticks, 0))[0]
                self._ticks[(name, pid)] = (first, ticks)
        self._seen = True

    def _run(self) -> None:
        while not self._stop.wait(EVERY_S):
            self._sample()

    def stop(self) -> None:
        self._stop.set()
        self._thread.join()
        self._sample()
        self._ended = time.monotonic()

    def report(self) -> dict[str, dict[str, float]]:
        elapsed = max(0.001, self._ended - self._started)
        cpu: dict[str, int] = {}
        for (name, _), (first, last) in self._ticks.items():
            cpu[name] = cpu.get(name, 0) + last - first
        return {name: {"peak_rss_mib": round(max(self._rss[name]) / 1024, 1),
                       "steady_rss_mib": round(_steady(self._rss[name]) / 1024, 1),
                       "peak_anon_mib": round(max(self._anonymous[name]) / 1024, 1),
                       "steady_anon_mib": round(_steady(self._anonymous[name]) / 1024, 1),
                       "cpu_percent": round(100 * cpu.get(name, 0) / TICKS_PER_S / elapsed)}
                for name in sorted(self._rss)}


def merge(reports: list[dict[str, dict[str, float]]]) -> dict[str, dict[str, float]]:
    """Of several runs of one measure: the highest peaks, the medians of the rest."""
    merged: dict[str, dict[str, float]] = {}
    for name in sorted({name for report in reports for name in report}):
        found = [report[name] for report in reports if name in report]
        merged[name] = {key: round(max(one[key] for one in found) if key.startswith("peak")
                                   else statistics.median(one[key] for one in found), 1)
                        for key in found[0]}
    return merged


@contextlib.contextmanager
def sampling(processes: Lister) -> Iterator[Sampler]:
    sampler = Sampler(processes)
    try:
        yield sampler
    finally:
        sampler.stop()
