"""The Postman collection in assets/postman: it covers the contract, and newman runs it against the server without a failure."""

from __future__ import annotations

import json
import os
import re
import subprocess
from pathlib import Path
from typing import Any, Iterator

from stack import TOP

FOLDER = TOP / "assets" / "postman"
COLLECTION = FOLDER / "tipster.postman_collection.json"
ENVIRONMENT = FOLDER / "tipster.postman_environment.json"
NEWMAN = TOP / ".deps" / "contract" / "node_modules" / "newman" / "bin" / "newman.js"
METHODS = {"get", "put", "post", "delete", "patch"}
# Whose only bad cases are those of every path: there is nothing in the request that could be wrong.
WITHOUT_INPUT = {"/hello", "/healthz", "/openapi.json", "/docs", "/dashboard", "/readyz", "/readyz/read", "/readyz/write", "/metrics"}


def items(folder: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for item in folder["item"]:
        yield from items(item) if "item" in item else [item]


def cases() -> Iterator[tuple[str, str, int]]:
    """(method, path, expected status) of every request of the collection."""
    for item in items(json.loads(COLLECTION.read_text())):
        script = "\n".join(line for event in item["event"] if event["listen"] == "test" for line in event["script"]["exec"])
        expected = re.search(r"pm\.response\.to\.have\.status\((\d+)\)", script)
        assert expected, f"{item['name']}: no expected status"
        yield item["request"]["method"], "/" + "/".join(item["request"]["url"]["path"]), int(expected[1])


def test_every_operation_has_a_good_and_a_bad_case() -> None:
    asked = list(cases())
    missing = []
    for path, operations in json.loads((TOP / "assets" / "openapi.json").read_text())["paths"].items():
        pattern = re.compile(re.sub(r"\\\{[a-z_]+\\\}", "[^/]+", re.escape(path)))
        for method in METHODS & operations.keys():
            statuses = {status for name, where, status in asked if name == method.upper() and pattern.fullmatch(where)}
            if not any(status < 300 for status in statuses):
                missing.append(f"{method.upper()} {path}: no good case")
            if path not in WITHOUT_INPUT and not any(400 <= status < 500 for status in statuses):
                missing.append(f"{method.upper()} {path}: no bad case")
    assert missing == []


def test_newman_runs_it(stack: Any, tmp_path: Path) -> None:
    report = tmp_path / "report.json"
    values = {"baseUrl": stack.base_url, "opsUrl": stack.ops_url, "key": stack.key("postman"),
              "readKey": stack.key("postman", "read"), "ingestKey": stack.key("postman", "ingest")}
    done = subprocess.run(["node", NEWMAN, "run", COLLECTION, "-e", ENVIRONMENT, "--color", "off",
                           *[part for name, value in values.items() for part in ("--env-var", f"{name}={value}")],
                           "-r", "cli,json", "--reporter-json-export", report],
                          cwd=tmp_path, capture_output=True, text=True, check=False, timeout=200,
                          env={**os.environ, "NO_PROXY": "*"})
    assert done.returncode == 0, done.stdout[-12000:] + done.stderr[-3000:]
    ran = json.loads(report.read_text())["run"]["stats"]
    assert ran["assertions"]["total"] > 2 * len(list(cases())) and ran["assertions"]["failed"] == 0
