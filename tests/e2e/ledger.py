"""A client that writes down what it does: each attempt durably before it is sent, its outcome after.

The file is what `tipster check --ledger` reads (docs/reliability.md). One Ledger and one LedgerClient per connection; the
ids of one connection are its own, so that the order of their attempts is known.
"""

from __future__ import annotations

import itertools
import json
import os
from pathlib import Path
from typing import Any, Iterable, Optional

import requests

from wire import JSON, NDJSON, segment

OK, FAIL, UNKNOWN = "ok", "fail", "unknown"


class Ledger:
    """One append-only file. attempt() returns once it is on the disk."""

    def __init__(self, path: Path | str):
        self.path = Path(path)
        self._file = open(self.path, "ab")
        self._numbers = itertools.count(1)
        self.counts = {OK: 0, FAIL: 0, UNKNOWN: 0}

    def attempt(self, kind: str, records: Iterable[dict[str, Any]], change: str = "put", generation: str = "v1") -> list[int]:
        numbers = []
        for record in records:
            number = next(self._numbers)
            payload = json.dumps(record, ensure_ascii=False)
            self._file.write(f"attempt\t{number}\t{kind}\t{change}\t{generation}\t{payload}\n".encode())
            numbers.append(number)
        self._file.flush()
        os.fdatasync(self._file.fileno())
        return numbers

    def outcome(self, numbers: Iterable[int], outcome: str) -> None:
        for number in numbers:
            self._file.write(f"outcome\t{number}\t{outcome}\n".encode())
            self.counts[outcome] += 1
        self._file.flush()

    def close(self) -> None:
        self._file.close()


def outcome_of(answer: Optional[requests.Response]) -> str:
    """2xx is a promise, 4xx a refusal; anything else, and no answer at all, may have been stored."""
    if answer is None or answer.status_code == 408 or answer.status_code >= 500:
        return UNKNOWN
    return OK if answer.ok else FAIL


class LedgerClient:
    """One connection to a server."""

    def __init__(self, base_url: str, ledger: Ledger, timeout_s: float = 10, key: Optional[str] = None):
        self.base_url = base_url
        self.ledger = ledger
        self.timeout_s = timeout_s
        self.session = requests.Session()
        self.session.trust_env = False
        if key is not None:
            self.session.headers["X-API-Key"] = key

    def _send(self, numbers: list[int], method: str, path: str, body: bytes = b"", media: str = JSON) -> str:
        headers = {"Content-Type": media} if body else {}
        try:
            answer = self.session.request(method, self.base_url + path, data=body or None, headers=headers,
                                          timeout=self.timeout_s)
        except requests.RequestException:
            answer = None
        outcome = outcome_of(answer)
        self.ledger.outcome(numbers, outcome)
        return outcome

    @staticmethod
    def _text(record: dict[str, Any]) -> bytes:
        return json.dumps(record, ensure_ascii=False).encode()

    def post(self, kind: str, record: dict[str, Any]) -> str:
        return self._send(self.ledger.attempt(kind, [record]), "POST", f"/v1/{kind}s", self._text(record))

    def post_batch(self, kind: str, records: list[dict[str, Any]]) -> str:
        body = b"".join(self._text(record) + b"\n" for record in records)
        return self._send(self.ledger.attempt(kind, records), "POST", f"/v1/{kind}s", body, NDJSON)

    def register(self, kind: str, record: dict[str, Any]) -> str:
        """By the older route."""
        numbers = self.ledger.attempt(kind, [record], generation="older")
        return self._send(numbers, "POST", f"/register_{kind}", self._text(record))

    def put(self, kind: str, record: dict[str, Any]) -> str:
        numbers = self.ledger.attempt(kind, [record])
        return self._send(numbers, "PUT", f"/v1/{kind}s/{segment(record[kind + '_id'])}", self._text(record))

    def erase_user(self, user_id: str) -> str:
        """With the coupons: their attempts must be in this ledger, too. Needs an admin key."""
        numbers = self.ledger.attempt("user", [{"user_id": user_id}], change="erase")
        return self._send(numbers, "DELETE", f"/v1/users/{segment(user_id)}")

    def delete_event(self, event_id: str, version: Optional[int] = None) -> str:
        payload: dict[str, Any] = {"event_id": event_id} if version is None else {"event_id": event_id, "version": version}
        numbers = self.ledger.attempt("event", [payload], change="delete")
        query = "" if version is None else f"?version={version}"
        return self._send(numbers, "DELETE", f"/v1/events/{segment(event_id)}{query}")
