"""What the server answers besides the interface: pages and their parts, as they lie in assets/, with what browsers need."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest

from stack import TOP
from wire import Wire, problem

LINES = [line.split() for line in (TOP / "assets" / "assets.list").read_text().splitlines() if not line.startswith("#")]
TYPES = {".html": "text/html; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8",
         ".json": "application/json", ".svg": "image/svg+xml"}


@pytest.fixture(scope="module")
def wire(stack: Any) -> Wire:
    return Wire(stack.base_url)


@pytest.mark.parametrize("path, name", LINES)
def test_served_as_it_lies_there(wire: Wire, path: str, name: str) -> None:
    file = TOP / "assets" / name
    answer = wire.get(path)
    assert answer.status_code == 200 and answer.content == file.read_bytes()
    assert answer.headers["Content-Type"] == TYPES[file.suffix]
    assert answer.headers["Cache-Control"] == "no-cache"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    policy = answer.headers["Content-Security-Policy"]
    assert "script-src 'self';" in policy and "unsafe" not in policy
    head = wire.call("HEAD", path)
    assert head.status_code == 200 and head.headers["Content-Length"] == str(file.stat().st_size) and not head.content


@pytest.mark.parametrize("form", ["{}", "W/{}", '"other", {}', "*", '"a",W/{} , "b"'])
def test_known_is_not_sent_again(wire: Wire, form: str) -> None:
    tag = wire.get("/docs").headers["ETag"]
    answer = wire.get("/docs", headers={"If-None-Match": form.format(tag)})
    assert answer.status_code == 304 and not answer.content and "Content-Length" not in answer.headers
    assert answer.headers["ETag"] == tag
    assert wire.get("/docs").status_code == 200  # the connection is still good


@pytest.mark.parametrize("form", ['"other"', '{}x', "W/", '"', ",", "{0}{0}"])
def test_anything_else_is_sent(wire: Wire, form: str) -> None:
    tag = wire.get("/docs").headers["ETag"]
    assert wire.get("/docs", headers={"If-None-Match": form.format(tag)}).status_code == 200


@pytest.mark.parametrize("path", ["/assets/absent", "/assets/..%2fopenapi.json", "/assets/" + "x" * 300, "/docs/"])
def test_no_such_asset(wire: Wire, path: str) -> None:
    problem(wire.get(path), 404, "not_found")


def test_a_page_is_read_only(wire: Wire) -> None:
    answer = wire.post("/docs", b"{}")
    problem(answer, 405)
    assert answer.headers["Allow"] == "GET, HEAD"


def test_vendored_files_are_the_published_ones() -> None:
    folder = TOP / "assets" / "vendor"
    sums = dict(reversed(line.split("  ")) for line in (folder / "SHA256SUMS").read_text().splitlines())
    found = {f"./{path.relative_to(folder)}": hashlib.sha256(path.read_bytes()).hexdigest()
             for path in folder.rglob("*") if path.is_file() and path.name not in ("SHA256SUMS", "README.md")}
    assert found == sums
