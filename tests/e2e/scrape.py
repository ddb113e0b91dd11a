"""What serve says in /metrics: Prometheus' text format, parsed strictly."""

from __future__ import annotations

import re
from typing import NamedTuple

import requests

NAME = r"[a-zA-Z_:][a-zA-Z0-9_:]*"
LABEL = r'[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\\n]|\\\\|\\"|\\n)*"'
SAMPLE = re.compile(rf"({NAME})(?:{{({LABEL}(?:,{LABEL})*)}})? (-?[0-9.]+(?:e[+-]?\d+)?|[+-]Inf|NaN)")
TYPES = ("counter", "gauge", "histogram")


class Family(NamedTuple):
    kind: str
    help: str
    samples: list[tuple[str, dict[str, str], float]]


def parse(text: str) -> dict[str, Family]:
    """By the rules of the text format 0.0.4: HELP and TYPE before the samples, each family in one piece, no sample twice."""
    families: dict[str, Family] = {}
    current, help_text, seen = "", "", set()
    assert text.endswith("\n")
    for line in text.splitlines():
        if line.startswith("# HELP "):
            _, _, current, help_text = line.split(" ", 3)
            assert current not in families and help_text, line
        elif line.startswith("# TYPE "):
            _, _, name, kind = line.split(" ")
            assert name == current and kind in TYPES, line
            families[name] = Family(kind, help_text, [])
        else:
            match = SAMPLE.fullmatch(line)
            assert match, f"not a sample: {line}"
            name, labels, value = match.groups()
            family = families[current]
            suffixes = ("_bucket", "_sum", "_count") if family.kind == "histogram" else ("",)
            assert name in [current + suffix for suffix in suffixes], f"{line} stands below {current}"
            assert family.kind != "counter" or name.endswith("_total"), line
            assert (name, labels) not in seen, f"twice: {line}"
            seen.add((name, labels))
            pairs = dict(pair.split("=", 1) for pair in re.findall(LABEL, labels or ""))
            family.samples.append((name, {key: pair[1:-1] for key, pair in pairs.items()}, float(value)))
    return families


def metrics(app) -> dict[str, Family]:
    answer = requests.get(f"{app.ops_url}/metrics", timeout=10)
    assert answer.status_code == 200 and answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    return parse(answer.text)


def total(families: dict[str, Family], name: str, **labels: str) -> float:
    """The sum of a family's samples that have these labels; 0 without any."""
    samples = families[name].samples if name in families else []
    return sum(value for _, own, value in samples if labels.items() <= own.items())
