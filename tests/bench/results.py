"""Figures, bars and how they are shown: as a table on the terminal, as JSON, as Markdown for docs/performance.md.

    tests/bench/results.py build/bench.json        prints the Markdown of an earlier run
"""

from __future__ import annotations

import json
import statistics
import sys
from pathlib import Path
from typing import Callable, Optional, Sequence


def median(values: Sequence[float]) -> float:
    return statistics.median(values)


def number(value: float) -> str:
    if abs(value) >= 100:
        return f"{value:,.0f}".replace(",", " ")
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"


class Results:
    """Filled by the measures; `figures` are rows of the table, in order."""

    def __init__(self, about: dict) -> None:
        self.about = about
        self.figures: list[dict] = []
        self.memory: dict[str, dict] = {}
        self.profiles: list[str] = []
        self.notes: list[str] = []

    def add(self, measure: str, what: str, runs: Sequence[float], unit: str, bar: Optional[float] = None,
            at_most: bool = False, reduce: Callable[[Sequence[float]], float] = median) -> float:
        """One figure: the median of its runs, beside its bar when it has one."""
        value = reduce(runs)
        figure = {"measure": measure, "what": what, "value": round(value, 4), "unit": unit,
                  "runs": [round(run, 4) for run in runs]}
        if bar is not None:
            figure |= {"bar": bar, "at_most": at_most, "met": value <= bar if at_most else value >= bar}
        self.figures.append(figure)
        return value

    def as_json(self) -> str:
        return json.dumps({"about": self.about, "figures": self.figures, "memory": self.memory, "notes": self.notes,
                           "profiles": self.profiles}, indent=1) + "\n"


def _verdict(figure: dict) -> tuple[str, str]:
    if "bar" not in figure:
        return "", ""
    return ("≤ " if figure["at_most"] else "≥ ") + number(figure["bar"]), "met" if figure["met"] else "NOT met"


def _spread(figure: dict) -> str:
    runs = figure["runs"]
    return f"{number(min(runs))} – {number(max(runs))}" if len(runs) > 1 else ""


def rows_of(figures: Sequence[dict]) -> list[list[str]]:
    return [[figure["measure"], figure["what"], number(figure["value"]), figure["unit"], _spread(figure), *_verdict(figure)]
            for figure in figures]


def memory_rows(memory: dict[str, dict]) -> list[list[str]]:
    return [[measure, name, *[number(values[key]) for key in ("peak_rss_mib", "steady_rss_mib", "peak_anon_mib",
                                                              "steady_anon_mib")], f"{values['cpu_percent']:.0f}"]
            for measure, report in memory.items() for name, values in report.items()]


FIGURE_HEAD = ["measure", "what", "median", "unit", "runs", "bar", ""]
MEMORY_HEAD = ["load", "process", "RSS peak", "steady", "RssAnon peak", "steady", "CPU %"]


def table(head: list[str], rows: list[list[str]], right: set[int]) -> str:
    widths = [max(len(row[i]) for row in [head, *rows]) for i in range(len(head))]
    lines = []
    for row in [head, ["─" * width for width in widths], *rows]:
        lines.append("  ".join(cell.rjust(width) if i in right else cell.ljust(width)
                               for i, (cell, width) in enumerate(zip(row, widths))).rstrip())
    return "\n".join(lines)


def text(data: dict) -> str:
    parts = [table(FIGURE_HEAD, rows_of(data["figures"]), {2}), "Memory in MiB, processor in percent of one core:\n"
             + table(MEMORY_HEAD, memory_rows(data["memory"]), {2, 3, 4, 5, 6})]
    return "\n\n".join(parts + ["\n".join(data["notes"])] if data["notes"] else parts)


def markdown(data: dict) -> str:
    def lines(head: list[str], rows: list[list[str]]) -> str:
        return "\n".join("| " + " | ".join(row) + " |" for row in [head, ["---"] * len(head), *rows])

    about = "\n".join(f"- {name}: {value}" for name, value in data["about"].items())
    parts = [about, lines(FIGURE_HEAD, rows_of(data["figures"])), lines(MEMORY_HEAD, memory_rows(data["memory"]))]
    return "\n\n".join(parts + ["\n".join(f"- {note}" for note in data["notes"])] if data["notes"] else parts)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: tests/bench/results.py FILE.json")
    print(markdown(json.loads(Path(sys.argv[1]).read_text())))
