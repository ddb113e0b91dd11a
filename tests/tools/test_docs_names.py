"""What the documents name exists: settings, metrics, make's targets, verbs with their options, files and links.

What they say of it is not looked at here; their curl lines are run by tests/contract/test_docs.py.
"""

from __future__ import annotations

import functools
import os
import re
import subprocess
from pathlib import Path
from typing import Callable, Iterator

import pytest

from stack import TOP

DOCUMENTS = [TOP / "README.md", *sorted((TOP / "docs").rglob("*.md")), *sorted((TOP / "clients").glob("*/README.md")),
             TOP / "conf" / "kore" / "README.md", TOP / "debian" / "tipster.README.Debian"]
TIPSTER = Path(os.environ.get("TIPSTER_BUILD", TOP / "build")) / "tipster"
OF_SQL = {"tipster_api", "tipster_ingest"}  # users of the database in an example, not metrics

TARGET = re.compile(r"(?:`|^ {4})make ([a-z][a-z-]*)", re.MULTILINE)
CONSTANT = re.compile(r"\b[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+\b")
METRIC = re.compile(r"\btipster_[a-z0-9_]+")
CALL = re.compile(r"\btipster(?: --env \S+)? ([a-z]+)((?: [^\n`|#;)]*)?)")
OPTION = re.compile(r"(?<![\w-])--[a-z][a-z-]*")
FILE = re.compile(r"`((?:src|tests|tools|conf|docs|sql|generator|data|assets|clients|debian)/[^`\s…:]*)")
MODULE = re.compile(r"`((?:base|config|domain|rank|stream|store|ingest|view|http|cli)/[^`\s…:]*)")
LINK = re.compile(r"\]\(([^)#:]+)(?:#[^)]*)?\)")
DECISION = re.compile(r"decisions/(\d{4})")


def sources(*folders: str) -> Iterator[Path]:
    for folder in folders:
        for path in (TOP / folder).rglob("*"):
            if path.is_file() and path.suffix in (".c", ".h", ".def", ".py", ".lua", ".yml", ".cfg"):
                yield path


@functools.cache
def words(*folders: str) -> set[str]:
    """Every word of the sources in these folders but this file's."""
    return {word for path in sources(*folders) if path != Path(__file__) for word in re.findall(r"\w+", path.read_text())}


@functools.cache
def constants() -> set[str]:
    """Settings, and what the sources and the Makefile know by a name that looks like one."""
    settings = re.findall(r"^#?(\w+)=", (TOP / "template.env").read_text(), re.MULTILINE)
    return {*settings, *words("src", "tools", "tests"), *re.findall(r"\w+", (TOP / "Makefile").read_text())}


@functools.cache
def help_of(verb: str) -> str:
    return subprocess.run([TIPSTER, verb, "--help"], capture_output=True, text=True, check=False).stdout


def exists(pattern: str) -> bool:
    return any(True for _ in TOP.glob(pattern.rstrip("/")))


def unknown_targets(text: str, _: Path) -> set[str]:
    return set(TARGET.findall(text)) - set(re.findall(r"^([a-z-]+):.*## ", (TOP / "Makefile").read_text(), re.MULTILINE))


def unknown_constants(text: str, _: Path) -> set[str]:
    return set(CONSTANT.findall(text)) - constants()


def unknown_metrics(text: str, _: Path) -> set[str]:
    return set(METRIC.findall(text)) - words("src") - OF_SQL - {"tipster_client"}


def unknown_options(text: str, _: Path) -> set[str]:
    return {f"tipster {verb} {option}" for verb, rest in CALL.findall(text) for option in OPTION.findall(rest)
            if not re.search(rf"{option}(?![\w-])", help_of(verb))}


def unknown_files(text: str, path: Path) -> set[str]:
    return ({name for name in FILE.findall(text) if not exists(name)} | {name for name in MODULE.findall(text) if not exists(f"src/{name}")}
            | {name for name in LINK.findall(text) if not (path.parent / name).exists()}
            | {number for number in DECISION.findall(text) if not exists(f"docs/decisions/{number}-*")})


CHECKS = [unknown_targets, unknown_constants, unknown_metrics, unknown_options, unknown_files]


@pytest.mark.parametrize("unknown", CHECKS, ids=lambda check: check.__name__.removeprefix("unknown_"))
def test_all_of_it_exists(unknown: Callable[[str, Path], set[str]]) -> None:
    found = {str(path.relative_to(TOP)): names for path in DOCUMENTS if (names := unknown(path.read_text(), path))}
    assert not found


@pytest.mark.parametrize("unknown, text", zip(CHECKS, [
    "`make trouble`", "set KAFKA_BOOTSTRAP_SERVICE", "`tipster_kafka_" "records_lost_total`", "`tipster ingest --number 4`",
    "`tools/absent.py`"]), ids=lambda value: value if isinstance(value, str) else "")
def test_what_does_not_exist_is_found(unknown: Callable[[str, Path], set[str]], text: str) -> None:
    assert len(unknown(text, TOP / "README.md")) == 1
