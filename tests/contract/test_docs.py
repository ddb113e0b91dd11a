"""The commands of the documents do what the documents show.

Every curl and tipster command in a code block of README.md, docs/ and clients/ is run against the server, in the order of the
documents, with the demo data of `make run` in small. What stands behind it is compared with what it answers: JSON member by
member, VOLATILE ones by their shape. Blocks of commands are indented, or fenced without a language; a block that cannot be run
has `<!-- not run: REASON -->` on the line before it, and what it names (targets of make, files) must exist.

Replaced before it is run: the server's address, the company acme in what makes it, and `tip_…` and $KEY by keys that are good for it.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
from pathlib import Path
from typing import Any, Iterator, NamedTuple

import pytest

from fixtures import BUILD
from stack import TOP

# Members whose values depend on the day, the population or chance: same kind of value, same members inside.
VOLATILE = {"as_of", "request_id", "score", "share", "tag", "value", "event_id", "sport", "league", "country", "participants", "begin_timestamp",
            "end_timestamp", "because"}
NOT_RUN = re.compile(r"<!-- not run: \S.* -->")
ADDRESS = "http://127.0.0.1:5000"


class Example(NamedTuple):
    place: str
    command: str
    output: str  # "" where none is shown
    run: bool


def documents() -> list[Path]:
    return [TOP / "README.md", *sorted((TOP / "docs").glob("*.md")), *sorted((TOP / "clients").glob("*/README.md"))]


def blocks(lines: list[str]) -> Iterator[tuple[int, list[str]]]:
    """Blocks of commands, fenced or indented, with the number of the line before them, from 1."""
    number = 0
    while number < len(lines):
        start, block = number, []
        if lines[number].startswith("```"):
            number += 1
            while number < len(lines) and not lines[number].startswith("```"):
                block.append(lines[number])
                number += 1
            if lines[start] == "```":
                yield start, block
        elif lines[number].startswith("    ") and (number == 0 or not lines[number - 1].strip()):
            while number < len(lines) and (lines[number].startswith("    ") or not lines[number].strip()):
                block.append(lines[number][4:])
                number += 1
            yield start, block
            continue
        number += 1


def examples_of(path: Path) -> Iterator[Example]:
    lines = path.read_text().splitlines()
    for start, block in blocks(lines):
        run = start == 0 or not NOT_RUN.fullmatch(lines[start - 1].strip() or lines[start - 2].strip())
        at = 0
        while at < len(block):
            place = f"{path.relative_to(TOP)}:{start + at + 1}"
            shown = block[at].startswith("$ ")
            command = block[at].removeprefix("$ ")
            at += 1
            if not command.strip():
                continue
            while command.count("'") % 2 == 1 and at < len(block):  # a body over several lines
                command += "\n" + block[at]
                at += 1
            output = []
            while shown and at < len(block) and not block[at].startswith("$ "):
                output.append(block[at])
                at += 1
            yield Example(place, command, "\n".join(output), run)


ALL = [example for path in documents() for example in examples_of(path)]
EXAMPLES = [example for example in ALL if example.run]


def compare(shown: Any, said: Any, where: str = "") -> None:
    """The same JSON, apart from the values of VOLATILE members."""
    assert type(shown) is type(said) or {type(shown), type(said)} == {int, float}, f"{where}: {shown!r}, but it says {said!r}"
    name = where.rsplit("/", 1)[-1]
    if isinstance(shown, dict):
        assert list(shown) == list(said), f"{where}: members {list(shown)}, but it has {list(said)}"
        for member in shown:
            compare(shown[member], said[member], f"{where}/{member}")
    elif isinstance(shown, list):
        assert name in VOLATILE or len(shown) == len(said), f"{where}: {len(shown)} items, but it has {len(said)}"
        assert bool(shown) == bool(said), f"{where}: empty or not"
        for one, other in zip(shown, said):
            compare(one, other, where)
    elif name not in VOLATILE:
        assert shown == said, f"{where}: {shown!r}, but it says {said!r}"


@pytest.fixture(scope="module")
def demo(stack: Any) -> Any:
    files = sorted(str(path) for path in (TOP / "data" / "football").glob("*.csv"))
    stack.run("import", "fixtures", *files, "--shift-to", "today", "--to", stack.base_url)
    stack.wait_caught_up()
    stack.run("generate", "--users", "50", "--coupons", "1000", "--seed", "1", "--events-from", "api", "--events", "0",
              "--to", stack.base_url)
    stack.wait_caught_up()
    return stack


def test_there_are_examples() -> None:
    assert len([example for example in EXAMPLES if example.output]) >= 3 and {"README.md", "docs/api.md"} <= {
        example.place.split(":")[0] for example in EXAMPLES}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the commands are run: with what they name."""
    path = tmp_path_factory.mktemp("docs")
    (path / "build").symlink_to(BUILD)
    coupon = {"coupon_id": "docs-1", "user_id": "ben", "stake": 5, "timestamp": "2026-11-21T09:00:00Z",
              "selections": [{"event_id": "serie-a-2526-torino-udinese", "odds": 2}]}
    (path / "coupons.ndjson").write_text(json.dumps(coupon) + "\n")
    return path


@pytest.mark.parametrize("example", EXAMPLES, ids=[example.place for example in EXAMPLES])
def test_example(demo: Any, folder: Path, example: Example) -> None:
    words = re.split(r"\s+", example.command)
    assert words[0] in ("curl", "tipster", "build/tipster"), f"{example.place}: neither run nor said why not: {example.command}"
    command = example.command.replace(ADDRESS, demo.base_url)
    environment = {"PATH": f"{BUILD}:{os.environ['PATH']}", "NO_PROXY": "*"}
    if words[0] == "curl":
        command = command.replace("tip_…", demo.key("acme", "ingest", "read"))
        environment["KEY"] = demo.key()
    else:
        command = command.replace(" --env .run/env", "").replace(" acme", " acme-of-the-docs")
        environment = {**demo.env, **environment}
    done = subprocess.run(["/bin/bash", "-c", f"set -o pipefail; {command}"], capture_output=True, text=True, check=False, timeout=60,
                          cwd=folder, env=environment)
    assert done.returncode == 0, done
    demo.wait_caught_up()
    if not example.output:
        assert '"status":4' not in done.stdout and '"status":5' not in done.stdout, done.stdout
        return
    try:
        shown, said = json.loads(example.output), json.loads(done.stdout)
    except ValueError:
        assert done.stdout.strip() == example.output.strip()
        return
    compare(shown, said)


def test_what_is_not_run_exists() -> None:
    """Targets of make, scripts and files that the other commands name, and the settings they set."""
    targets = re.findall(r"^([a-z-]+):", (TOP / "Makefile").read_text(), re.MULTILINE)
    seen = 0
    for example in ALL:
        if example.run:
            continue
        command = example.command.split(" #")[0].split("   ")[0]
        for target in re.findall(r"\bmake ([a-z-]+(?: [a-z-]+\b(?!=))*)", command):
            assert set(target.split()) <= set(targets), f"{example.place}: make {target}"
            seen += 1
        for name in re.findall(r"(?<![\w/.])((?:tools|tests|conf|src|debian)/[\w./-]+)", command):
            assert (TOP / name).exists(), f"{example.place}: {name}"
            seen += 1
    assert seen >= 20


def test_a_false_document_is_found() -> None:
    """What the comparison is for."""
    shown = {"score": 0.5, "items": [{"event_id": "a", "n": 1}]}
    compare(shown, {"score": 0.7, "items": [{"event_id": "b", "n": 1}]})
    for said in ({"score": "x", "items": [{"event_id": "b", "n": 1}]}, {"score": 0.5, "items": [{"event_id": "b", "n": 2}]},
                 {"score": 0.5, "items": []}, {"score": 0.5, "items": [{"id": "b", "n": 1}]}):
        with pytest.raises(AssertionError):
            compare(shown, said)
