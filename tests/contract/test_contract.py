"""assets/openapi.json: valid, complete, and kept by the server, by the judgement of public tools."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from pathlib import Path
from typing import Any, Callable

import pytest

from records import coupon, event
from stack import TOP
from wire import Wire

CONTRACT = TOP / "assets" / "openapi.json"
HERE = Path(__file__).resolve().parent
TOOLS = TOP / ".deps" / "contract" / "bin"
EXAMPLES_PER_OPERATION = "8"
SEED = os.environ.get("SEED", "20261121")
OPERATIONS_PATHS = "^/(readyz|metrics)"
METHODS = {"get", "put", "post", "delete", "patch"}


@pytest.fixture(scope="module")
def contract() -> dict[str, Any]:
    return json.loads(CONTRACT.read_text())


def run(*argv: str | os.PathLike, **env: str) -> None:
    """A tool, in a folder of its own: Schemathesis leaves files where it runs."""
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run([str(part) for part in argv], cwd=folder, capture_output=True, text=True, check=False,
                              env={**os.environ, "NO_COLOR": "1", "PYTHONDONTWRITEBYTECODE": "1", **env}, timeout=300)
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr[-4000:]}"


def test_valid() -> None:
    run(TOOLS / "openapi-spec-validator", CONTRACT)


def scope_of(operation: dict[str, Any]) -> str:
    """The scope that each of its two ways to authenticate asks for; "" when it asks for no key."""
    ways = {name: scopes for way in operation["security"] for name, scopes in way.items()}
    assert not ways or (set(ways) == {"bearer", "apiKey"} and ways["bearer"] == ways["apiKey"] and len(ways["bearer"]) == 1)
    return ways["bearer"][0] if ways else ""


def test_every_route_and_no_other(contract: dict[str, Any], stack: Any) -> None:
    """The table of routes and the contract name the same methods, paths, listeners and scopes."""
    server = Path(stack.binary).parent / "src" / "http" / "tipster-server"
    rows = [line.split("\t") for line in subprocess.check_output([server, "--routes"], text=True).splitlines()]
    served = {tuple(row[:4]) for row in rows}
    served.discard(("GET", "/healthz", "operations", ""))  # the same as on the main listener
    described = {(method.upper(), path, "operations" if "servers" in item else "main", scope_of(operation))
                 for path, item in contract["paths"].items() for method, operation in item.items() if method in METHODS}
    assert described == served


def test_operations_are_told_apart(contract: dict[str, Any]) -> None:
    names = [operation["operationId"] for item in contract["paths"].values()
             for method, operation in item.items() if method in METHODS]
    assert len(names) == len(set(names))


@pytest.mark.parametrize("table, schema", [("src/http/problem.def", "Problem"), ("src/domain/violation.h", "Violation")])
def test_codes_are_the_tables(contract: dict[str, Any], table: str, schema: str) -> None:
    """The codes in the contract are those of the server's tables, in their order."""
    source = (TOP / table).read_text()
    if schema == "Problem":
        found = [line.split('"')[1] for line in source.splitlines() if line.startswith("PROBLEM(")]
    else:
        found = [line.split('"')[1] for line in source.splitlines() if line.startswith("    X(")]
    codes = contract["components"]["schemas"][schema]["properties"]["code"]["enum"]
    assert codes == list(dict.fromkeys(found))


def schemathesis(url: str, *options: str, **env: str) -> None:
    run(TOOLS / "schemathesis", "--config-file", HERE / "schemathesis.toml", "run", CONTRACT, "--url", url,
        "--continue-on-failure", "--seed", SEED, *options,
        PYTHONPATH=str(HERE), SCHEMATHESIS_HOOKS="hooks", **env)


def test_the_server_keeps_it(server_factory: Callable[..., Any]) -> None:
    """Requests by the contract and against it, single ones and chains of them; every answer is checked against it.

    A deadline that a busy machine does not miss: 503 is an answer of the contract, but no proof of anything.
    """
    app = server_factory({"REQUEST_DEADLINE_MS": "30000", "ANONYMOUS_COMPANY": ""})
    key = app.key("demo")
    wire = Wire(app.base_url)
    wire.session.headers["X-API-Key"] = key
    positions = wire.accept("/v1/events", [event() for _ in range(3)]).headers["Tipster-Position"]
    wire.accept("/v1/coupons", [coupon(f"c-{i % 3}", "u-17", stake=i + 1) for i in range(9)])
    app.wait_caught_up()
    paths = {"EVENTS": "/v1/events", "COUPONS": "/v1/users/u-17/coupons", "REJECTED": "/v1/rejected"}
    cursors = {f"TIPSTER_CURSORS_{name}": " ".join(wire.get(path, {"limit": limit}).json()["next_cursor"] for limit in (1, 2))
               for name, path in paths.items()}
    schemathesis(app.base_url, "--exclude-path-regex", OPERATIONS_PATHS, "-n", EXAMPLES_PER_OPERATION, TIPSTER_KEY=key,
                 TIPSTER_POSITIONS=positions, **cursors)


def test_the_operations_listener_keeps_it(stack: Any) -> None:
    none = {f"TIPSTER_CURSORS_{name}": "none" for name in ("EVENTS", "COUPONS", "REJECTED")}
    schemathesis(stack.ops_url, "--include-path-regex", OPERATIONS_PATHS, "-n", "3", TIPSTER_KEY="none", **none)
