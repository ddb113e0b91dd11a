"""The short form of tests/fuzz/http_fuzz.py: some hundred random requests, with the same seed each time."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any, Callable
from urllib.parse import urlsplit

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "fuzz"))

import http_fuzz  # noqa: E402

COUNT, SEED, SECONDS_MAX = 400, 20261121, 120


@pytest.mark.timing
def test_random_requests(server_factory: Callable[..., Any]) -> None:
    app = server_factory()
    key = app.key("fuzz", "ingest", "read", "admin")
    fuzzer = http_fuzz.Fuzzer(urlsplit(app.base_url).port, SEED, [key, key[:-1] + "x"], app.workers, app.serve.log)
    assert fuzzer.run(SECONDS_MAX, count=COUNT) == COUNT
    assert {200, 202, 400, 404, 422} <= fuzzer.statuses.keys(), "the grammar has lost what it should reach"


def test_a_request_is_repeatable() -> None:
    for index in range(100):
        assert http_fuzz.request_number(1, index, ["k"]) == http_fuzz.request_number(1, index, ["k"])


def test_the_judge_notices() -> None:
    """What would be findings are findings."""
    good = {"content-type": "application/problem+json", "x-request-id": "x", "cache-control": "no-store"}
    http_fuzz.check_answer(400, good, b'{"code":"bad_json","status":400}', False)
    for status, headers, content in [(500, good, b'{"code":"internal","status":500}'), (400, good, b""), (400, good, b'{"code":"x"'),
                                     (400, {**good, "content-type": "text/html"}, b"<html>"), (400, good, b'{"code":"x","status":422}'),
                                     (200, {**good, "content-type": "application/json"}, b"[1,"), (400, {"content-type": "text/plain"}, b"{}")]:
        try:
            http_fuzz.check_answer(status, headers, content, False)
        except http_fuzz.Finding:
            continue
        raise AssertionError(f"{status} {headers} {content!r} passed")
