"""The consumer group of ingest, as its processes tell it."""

from __future__ import annotations

import re

from stack import Process


def owned(process: Process) -> int:
    """How many partitions a process has now, by its log."""
    now: dict[str, int] = {}
    said = process.log.read_text(errors="replace") if process.log.exists() else ""
    for consumer, count in re.findall(r"ingest: (\S+): (?:has (\d+) partitions|partitions (?:given back|lost))", said):
        now[consumer] = int(count or 0)
    return sum(now.values())
