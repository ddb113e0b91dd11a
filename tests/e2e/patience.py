"""Waiting and timing on a machine that others use as well.

served_s() is a clock that stands still while the machine serves nobody: a thread asks to run every 20 ms and counts at
most 60 ms for each time it does, so a machine that stops for ten seconds has used up little of a test's limit. What is
slow by itself is not excused: the thread sleeps nearly always, so a merely busy machine does not delay it.
Tests that judge durations are marked `timing`: tools/test.py runs those of them that failed once more, and says so.
"""

from __future__ import annotations

import threading
import time
from typing import Callable

TICK_S, COUNTED_AT_MOST_S = 0.02, 0.06


class _Pulse(threading.Thread):
    def __init__(self) -> None:
        super().__init__(name="pulse", daemon=True)
        self.served_s = 0.0
        self._last = time.monotonic()
        self.start()

    def run(self) -> None:
        while True:
            time.sleep(TICK_S)
            now = time.monotonic()
            self.served_s += min(now - self._last, COUNTED_AT_MOST_S)
            self._last = now


_pulse = _Pulse()


def served_s() -> float:
    """Seconds during which this machine served its processes, since some moment."""
    return _pulse.served_s


def wait_for(condition: Callable[[], object], what: str, timeout_s: float = 30, every_s: float = 0.05) -> float:
    """Seconds until the condition held; fails after timeout_s of them."""
    start = served_s()
    while not condition():
        assert served_s() - start < timeout_s, f"waited {timeout_s} s for {what}"
        time.sleep(every_s)
    return served_s() - start


def wait_beside(condition: Callable[[], object], answers: Callable[[], bool], what: str, timeout_s: float) -> float:
    """The same for what depends on a server: time during which that server does not answer us at once either is not counted."""
    start, end = served_s(), time.monotonic() + 12 * timeout_s
    while not condition():
        asked = time.monotonic()
        if not answers() or time.monotonic() - asked > 0.5:
            start = served_s()
        assert served_s() - start < timeout_s and time.monotonic() < end, f"waited {timeout_s} s for {what}"
        time.sleep(0.05)
    return served_s() - start
