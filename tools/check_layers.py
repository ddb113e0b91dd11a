#!/usr/bin/python3
"""Checks what the compiler does not: the architecture's include arrows and the house's limits.

    tools/check_layers.py [TOP]        prints file:line: reason for every violation; exit status 1 when there is one

- a folder of src/ includes only what ARROWS allows; a third-party header only in the folder that owns it
- every header compiles alone
- files of at most 800 lines, functions of at most 80
- SQL that changes the schema stands in sql/ only, its journal aside; no words that promise later work
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Iterator, NamedTuple

FILE_LINES_MAX = 800
FUNCTION_LINES_MAX = 80

# Which folders each folder may include, itself aside.
ARROWS = {
    "base": set(),
    "config": {"base"},
    "domain": {"base"},
    "rank": {"base"},
    "stream": {"base", "domain", "config"},
    "store": {"base", "domain", "config"},
    "ingest": {"base", "config", "domain", "stream", "store"},
    "view": {"base", "config", "domain", "stream", "store", "rank"},
    "http": {"base", "config", "domain", "rank", "stream", "store", "view"},
    "cli": {"base", "config", "domain", "rank", "stream", "store", "view", "ingest", "generator"},
    "generator": {"base", "domain"},
}

# Where each third-party header may be included: folders, or single files.
THIRD_PARTY = [
    (re.compile(r"kore/"), {"http"}),
    (re.compile(r"librdkafka/|rdkafka"), {"stream"}),
    (re.compile(r"mysql/|mariadb/|mysql\.h|errmsg\.h|mysqld_error\.h"), {"store"}),
    (re.compile(r"lmdb\.h"), {"view"}),
    (re.compile(r"liburing"), {"http"}),
    (re.compile(r"jansson\.h"), {"cli"}),
    (re.compile(r"curl/"), {"cli"}),
    (re.compile(r"csv\.h"), {"cli"}),
    (re.compile(r"openssl/"), {"base/sha256.c"}),
]

INCLUDE = re.compile(r'^\s*#\s*include\s*(?:"([^"]+)"|<([^>]+)>)')
# Written in two halves so that this file passes its own check.
PROMISES = re.compile(r"\b(TO" r"DO|FIX" r"ME|XX" r"X|HA" r"CK|not imple" r"mented|place" r"holder|for n" r"ow)\b")
# What applies sql/ keeps its journal in a table of its own and knows the statements by their words.
SCHEMA_OWNERS = {"src/store/migrations.c", "src/store/migration_file.c"}
SCHEMA = re.compile(r"\b(create|alter|drop)\s+table\b", re.IGNORECASE)
PROMISE_PLACES = ["src", "generator", "sql", "tools", "tests", "Makefile", ".ci", "meson.build"]
PROMISE_SUFFIXES = {".c", ".h", ".def", ".py", ".sql", ".sh", ".build", ""}


class Violation(NamedTuple):
    path: str
    line: int
    reason: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.reason}"


def folder_of(path: str) -> str:
    """src/stream/producer.c -> stream; generator/world.c -> generator"""
    parts = path.split("/")
    return parts[1] if parts[0] == "src" else parts[0]


def check_includes(path: str, lines: list[str]) -> Iterator[Violation]:
    """Arrows between folders, and who may include third-party headers."""
    folder = folder_of(path)
    in_folder = path.removeprefix("src/")
    if folder not in ARROWS:
        yield Violation(path, 1, f"folder '{folder}' has no place in the architecture (ARROWS in tools/check_layers.py)")
        return
    for number, line in enumerate(lines, 1):
        match = INCLUDE.match(line)
        if not match:
            continue
        ours, system = match.groups()
        name = ours or system
        third_party = next((owners for pattern, owners in THIRD_PARTY if pattern.match(name)), None)
        if third_party is not None:
            if folder not in third_party and in_folder not in third_party:
                yield Violation(path, number, f"<{name}> belongs to {', '.join(sorted(third_party))} only")
        elif ours:
            target = ours.split("/")[0]
            if "/" not in ours or target not in ARROWS:
                yield Violation(path, number, f'"{ours}": give the path from src/ (or generator/), as in "base/err.h"')
            elif target != folder and target not in ARROWS[folder]:
                allowed = ", ".join(sorted(ARROWS[folder])) or "nothing"
                yield Violation(path, number, f"{folder}/ may not include {target}/ (only {allowed})")


def check_lengths(path: str, lines: list[str]) -> Iterator[Violation]:
    """Lengths of the file and of its functions: a body stands between '{' and '}' in the first column."""
    if len(lines) > FILE_LINES_MAX:
        yield Violation(path, FILE_LINES_MAX + 1, f"{len(lines)} lines; at most {FILE_LINES_MAX}")
    start = 0
    for number, line in enumerate(lines, 1):
        if line.rstrip() == "{":
            start = number
        elif line.startswith("}") and start:
            length = number - start + 1
            if length > FUNCTION_LINES_MAX:
                yield Violation(path, start, f"function of {length} lines; at most {FUNCTION_LINES_MAX}")
            start = 0


def check_schema(path: str, lines: list[str]) -> Iterator[Violation]:
    if path in SCHEMA_OWNERS:
        return
    for number, line in enumerate(lines, 1):
        if '"' in line and SCHEMA.search(line.split('"', 1)[1]):
            yield Violation(path, number, "statements that change the schema stand in sql/ only")


def check_promises(path: str, lines: list[str]) -> Iterator[Violation]:
    for number, line in enumerate(lines, 1):
        match = PROMISES.search(line)
        if match:
            yield Violation(path, number, f"'{match.group(0)}' promises later work")


def header_flags(top: Path) -> list[str]:
    packages = ["libmariadb", "jansson", "libcurl", "libcrypto", "lmdb"]
    found = subprocess.run(["pkg-config", "--cflags", *packages], capture_output=True, text=True, check=False)
    return ["-std=gnu17", "-D_GNU_SOURCE", "-DTIPSTER_VERSION=\"0\"", "-Wall", "-Wextra", "-Wno-unused-function",
            f"-I{top / 'src'}", f"-I{top}", "-isystem", str(top / ".deps" / "librdkafka" / "include"),
            "-isystem", "/usr/share/kore/include", *found.stdout.split()]


def check_headers(top: Path, headers: list[str]) -> list[Violation]:
    """Every header compiles alone."""
    flags = header_flags(top)

    def compile_one(path: str) -> list[Violation]:
        done = subprocess.run(["gcc", "-fsyntax-only", "-Werror", *flags, "-include", str(top / path), "-x", "c",
                               "/dev/null"], capture_output=True, text=True, check=False)
        if done.returncode == 0:
            return []
        first = next((line for line in done.stderr.splitlines() if "error" in line), done.stderr[:200])
        return [Violation(path, 1, f"does not compile alone: {first.strip()}")]

    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        return [violation for found in pool.map(compile_one, headers) for violation in found]


def read_lines(path: Path) -> list[str]:
    return path.read_text(encoding="utf-8", errors="replace").splitlines()


def sources(top: Path) -> list[str]:
    """The C files of the product."""
    found = [path for folder in ("src", "generator") for path in (top / folder).rglob("*.[ch]")]
    return sorted(str(path.relative_to(top)) for path in found)


def promise_files(top: Path) -> Iterator[str]:
    for place in PROMISE_PLACES:
        start = top / place
        for path in [start] if start.is_file() else sorted(start.rglob("*")):
            if path.is_file() and path.suffix in PROMISE_SUFFIXES and "__pycache__" not in path.parts:
                yield str(path.relative_to(top))


def check(top: Path, compile_headers: bool = True) -> list[Violation]:
    violations: list[Violation] = []
    files = sources(top)
    for path in files:
        lines = read_lines(top / path)
        for rule in (check_includes, check_lengths, check_schema):
            violations += rule(path, lines)
    for path in promise_files(top):
        violations += check_promises(path, read_lines(top / path))
    if compile_headers:
        violations += check_headers(top, [path for path in files if path.endswith(".h")])
    return violations


def main() -> int:
    top = Path(sys.argv[1] if len(sys.argv) > 1 else Path(__file__).resolve().parent.parent).resolve()
    violations = check(top)
    for violation in violations:
        print(violation)
    print(f"{len(sources(top))} files checked, {len(violations)} violations")
    return 1 if violations else 0


if __name__ == "__main__":
    sys.exit(main())
