"""Every rule of tools/check_layers.py catches what it is for, and lets through what is allowed."""

from __future__ import annotations

from pathlib import Path

import pytest

import check_layers


def tree(tmp_path: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return tmp_path


def reasons(tmp_path: Path, files: dict[str, str], compile_headers: bool = False) -> list[str]:
    return [str(violation) for violation in check_layers.check(tree(tmp_path, files), compile_headers)]


@pytest.mark.parametrize("path, include", [
    ("src/domain/record.c", '"base/err.h"'),
    ("src/stream/producer.c", '"domain/record.h"'),
    ("src/stream/producer.c", "<librdkafka/rdkafka.h>"),
    ("src/ingest/batch.c", '"store/writer.h"'),
    ("src/http/route.c", '"rank/score.h"'),
    ("src/http/route.c", "<kore/kore.h>"),
    ("src/cli/generate.c", '"generator/world.h"'),
    ("src/base/sha256.c", "<openssl/evp.h>"),
    ("src/rank/score.c", "<math.h>"),
])
def test_allowed(tmp_path: Path, path: str, include: str) -> None:
    assert reasons(tmp_path, {path: f"#include {include}\n"}) == []


@pytest.mark.parametrize("path, include, reason", [
    ("src/base/buf.c", '"domain/record.h"', "base/ may not include domain/"),
    ("src/rank/score.c", '"domain/record.h"', "rank/ may not include domain/"),
    ("src/stream/producer.c", '"store/writer.h"', "stream/ may not include store/"),
    ("src/http/route.c", '"ingest/batch.h"', "http/ may not include ingest/"),
    ("src/cli/serve.c", '"http/route.h"', "cli/ may not include http/"),
    ("src/domain/record.c", "<librdkafka/rdkafka.h>", "belongs to stream only"),
    ("src/ingest/batch.c", "<mysql/mysql.h>", "belongs to store only"),
    ("src/base/buf.c", "<openssl/evp.h>", "belongs to base/sha256.c only"),
    ("src/http/route.c", "<jansson.h>", "belongs to cli only"),
    ("src/domain/record.c", '"record.h"', "give the path from src/"),
    ("src/domain/record.c", '"../base/err.h"', "give the path from src/"),
    ("src/misc/thing.c", '"base/err.h"', "has no place in the architecture"),
])
def test_forbidden_includes(tmp_path: Path, path: str, include: str, reason: str) -> None:
    (found,) = reasons(tmp_path, {path: f"/* one */\n#include {include}\n"})
    assert reason in found
    assert found.startswith(f"{path}:{1 if 'misc' in path else 2}:")


def body(lines: int) -> str:
    return "int thing(void)\n{\n" + "    thing();\n" * (lines - 2) + "}\n"


def test_function_length(tmp_path: Path) -> None:
    assert reasons(tmp_path, {"src/base/a.c": body(80)}) == []
    (found,) = reasons(tmp_path, {"src/base/a.c": "\n" + body(81)})
    assert found.startswith("src/base/a.c:3: function of 81 lines")


def test_file_length(tmp_path: Path) -> None:
    assert reasons(tmp_path, {"src/base/a.c": "\n" * 800}) == []
    (found,) = reasons(tmp_path, {"src/base/a.c": "\n" * 801})
    assert "801 lines" in found


def test_schema_statements(tmp_path: Path) -> None:
    (found,) = reasons(tmp_path, {"src/store/a.c": 'run("create table t (n int)");\n', "sql/0001_a.sql": "create table t (n int);\n"})
    assert found.startswith("src/store/a.c:1:")


@pytest.mark.parametrize("word", ["TO" "DO", "FIX" "ME", "place" "holder", "for n" "ow"])
def test_promises(tmp_path: Path, word: str) -> None:
    (found,) = reasons(tmp_path, {"src/base/a.c": f"/* {word}: later */\n"})
    assert word in found


def test_headers_compile_alone(tmp_path: Path) -> None:
    good = {"src/base/good.h": "#include <stddef.h>\nsize_t good(void);\n"}
    assert reasons(tmp_path, good, compile_headers=True) == []
    (found,) = reasons(tmp_path, {"src/base/bad.h": "size_t bad(void);\n"}, compile_headers=True)
    assert "src/base/bad.h:1: does not compile alone" in found


def test_exit_status(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture) -> None:
    monkeypatch.setattr("sys.argv", ["check_layers.py", str(tree(tmp_path, {"src/base/a.c": '#include "cli/x.h"\n'}))])
    assert check_layers.main() == 1
    assert "src/base/a.c:1: base/ may not include cli/" in capsys.readouterr().out
