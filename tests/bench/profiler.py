"""Where the time goes: `perf record -g` on chosen processes while a load runs, and its reports as text."""

from __future__ import annotations

import re
import shutil
import signal
import subprocess
from pathlib import Path
from typing import Callable, Iterable

from stack import Process

PERF = shutil.which("perf")
VIEWS = (
    ("by process and library", ["--no-children", "--sort", "comm,dso"], 30),
    ("by symbol, itself only", ["--no-children", "--sort", "comm,dso,symbol"], 70),
    ("by symbol, with what it calls", ["--children", "--sort", "comm,symbol"], 70),
)


def _report(data: Path, options: list[str], lines: int) -> str:
    done = subprocess.run([PERF, "report", "-i", str(data), "--stdio", "-g", "none", "--percent-limit", "0.3", *options],
                          capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False)
    rows = [re.sub(r"(\s+-)+\s*$", "", line.rstrip())
            for line in done.stdout.splitlines() if line.strip() and not line.startswith("#")]
    return "\n".join(rows[:lines]) or done.stderr.strip()


def profile(pids: Iterable[int], load: Callable[[], None], data: Path, text: Path) -> bool:
    """Runs the load under perf and writes the reports to `text`. False when perf is missing or may not record."""
    if PERF is None:
        return False
    recorder = Process("perf", [PERF, "record", "-q", "-F", "499", "-g", "-o", data, "-p",
                                ",".join(str(pid) for pid in pids)], data.with_suffix(".log"))
    recorder.start()
    try:
        load()
    finally:
        recorder.signal(signal.SIGINT)
        try:
            recorder.child.wait(60)
        except subprocess.TimeoutExpired:
            pass
        recorder.stop()
    if not data.exists():
        return False
    text.parent.mkdir(parents=True, exist_ok=True)
    text.write_text("\n\n".join(f"== {title}\n{_report(data, options, lines)}" for title, options, lines in VIEWS) + "\n")
    data.unlink()
    return True
