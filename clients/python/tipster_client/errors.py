"""What the server says went wrong (RFC 9457), as exceptions."""

from __future__ import annotations

from typing import Any, List, NamedTuple, Optional


class Violation(NamedTuple):
    """One thing that is wrong in what was sent."""

    line: Optional[int]  # of the batch, from 1; None: a single record or a parameter
    pointer: str
    code: str
    detail: str


class TipsterError(Exception):
    """The server refused."""

    def __init__(self, status: int, code: str, detail: str, request_id: str = "", violations: Optional[List[Violation]] = None) -> None:
        super().__init__(f"{status} {code}: {detail}" if status else detail)
        self.status = status  # 0: no answer came
        self.code = code
        self.detail = detail
        self.request_id = request_id
        self.violations = violations or []


class Unavailable(TipsterError):
    """It did not answer, or answered that it cannot just now, for as long as was tried."""


def error_of(status: int, body: Any, unavailable: bool) -> TipsterError:
    """body: the parsed answer, whatever it is."""
    problem = body if isinstance(body, dict) else {}
    violations = [Violation(error.get("line"), error.get("pointer", ""), error.get("code", ""), error.get("detail", ""))
                  for error in problem.get("errors") or []]
    kind = Unavailable if unavailable else TipsterError
    return kind(status, str(problem.get("code", "")), str(problem.get("detail") or problem.get("title") or "no reason given"),
                str(problem.get("request_id", "")), violations)
