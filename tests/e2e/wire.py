"""HTTP as the tests speak it: JSON requests, the error form of the contract, and raw bytes on a socket."""

from __future__ import annotations

import json
import socket
import threading
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Iterable, Optional
from urllib.parse import quote, urlsplit

import requests

JSON = "application/json"
NDJSON = "application/x-ndjson"
TIMEOUT_S = 15

# Codes of whole answers that the tests ask for; the codes of single violations stand in the tests' tables.
BAD_JSON = "bad_json"
BAD_PARAMETER = "bad_parameter"
INVALID_RECORD = "invalid_record"
NOT_FOUND = "not_found"
METHOD_NOT_ALLOWED = "method_not_allowed"
AMBIGUOUS = "ambiguous"
LENGTH_REQUIRED = "length_required"
TOO_LARGE = "too_large"
TOO_MANY_LINES = "too_large"
MEDIA_TYPE = "unsupported_media_type"


def segment(value: str) -> str:
    """An id as one segment of a path."""
    return quote(value, safe="")


def lines(records: Iterable[Any]) -> bytes:
    return b"".join(json.dumps(r, ensure_ascii=False).encode() + b"\n" for r in records)


class Wire:
    """One server; a session per thread. With a key, every request carries it (but raw ones)."""

    def __init__(self, base_url: str, key: Optional[str] = None):
        self.base_url = base_url.rstrip("/")
        self.key = key
        self._local = threading.local()

    @property
    def session(self) -> requests.Session:
        if not hasattr(self._local, "session"):
            self._local.session = requests.Session()
            self._local.session.trust_env = False
            if self.key is not None:
                self._local.session.headers["X-API-Key"] = self.key
        return self._local.session

    def call(self, method: str, path: str, **options: Any) -> requests.Response:
        options.setdefault("timeout", TIMEOUT_S)
        return self.session.request(method, self.base_url + path, **options)

    def get(self, path: str, params: Any = None, **options: Any) -> requests.Response:
        return self.call("GET", path, params=params, **options)

    def send(self, method: str, path: str, body: Any, media: str = JSON, **options: Any) -> requests.Response:
        """Bytes and text go as they are, everything else as JSON."""
        if isinstance(body, str):
            body = body.encode()
        elif not isinstance(body, bytes):
            body = json.dumps(body, ensure_ascii=False).encode()
        headers = {"Content-Type": media, **options.pop("headers", {})}
        return self.call(method, path, data=body, headers=headers, **options)

    def post(self, path: str, body: Any, media: str = JSON, **options: Any) -> requests.Response:
        return self.send("POST", path, body, media, **options)

    def put(self, path: str, body: Any, media: str = JSON, **options: Any) -> requests.Response:
        return self.send("PUT", path, body, media, **options)

    def delete(self, path: str, **options: Any) -> requests.Response:
        return self.call("DELETE", path, **options)

    def accept(self, path: str, records: list[dict[str, Any]]) -> requests.Response:
        """Sends a batch that must be taken."""
        answer = self.post(path, lines(records), NDJSON)
        assert answer.status_code == 202, f"{path}: {answer.status_code} {answer.text[:600]}"
        assert answer.json() == {"accepted": len(records)}
        return answer

    def raw(self, request: bytes, timeout_s: float = TIMEOUT_S) -> "RawAnswer":
        """Sends bytes and reads one answer; says whether the server closed the connection after it."""
        at = urlsplit(self.base_url)
        with socket.create_connection((at.hostname, at.port), timeout=timeout_s) as sock:
            sock.settimeout(timeout_s)
            try:
                sock.sendall(request)
            except (BrokenPipeError, ConnectionResetError):
                pass  # answered before the end: the answer is there to read
            return _read_answer(sock)


@dataclass
class RawAnswer:
    status: int
    headers: dict[str, str]
    body: bytes
    closed: bool

    def json(self) -> Any:
        return json.loads(self.body)


def _read_answer(sock: socket.socket) -> RawAnswer:
    data = b""
    closed = False
    while not closed and not _complete(data):
        try:
            piece = sock.recv(65536)
        except ConnectionResetError:
            piece = b""
        data += piece
        closed = not piece
    assert data, "the connection was closed without an answer"
    if not closed:
        # One that says it closes is waited for; of the others it is only seen whether they do.
        sock.settimeout(5 if b"connection: close" in data.partition(b"\r\n\r\n")[0].lower() else 0.3)
        try:
            closed = sock.recv(1) == b""
        except socket.timeout:
            pass
        except ConnectionResetError:
            closed = True
    head, _, body = data.partition(b"\r\n\r\n")
    status, *fields = head.decode("latin-1").split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (f.partition(":") for f in fields)}
    return RawAnswer(int(status.split()[1]), headers, body, closed)


def _complete(data: bytes) -> bool:
    head, end, body = data.partition(b"\r\n\r\n")
    if not end:
        return False
    for line in head.split(b"\r\n")[1:]:
        name, _, value = line.partition(b":")
        if name.strip().lower() == b"content-length":
            return len(body) >= int(value)
    return False


def problem(answer: Any, status: int, code: Optional[str] = None) -> dict[str, Any]:
    """Asserts an RFC 9457 answer and returns it."""
    got = answer.status_code if hasattr(answer, "status_code") else answer.status
    text = answer.text if hasattr(answer, "text") else answer.body.decode()
    assert got == status, f"{got} instead of {status}: {text[:600]}"
    headers = {k.lower(): v for k, v in answer.headers.items()}
    assert headers.get("content-type", "").split(";")[0] == "application/problem+json", headers
    body = json.loads(text)
    assert {"type", "title", "status", "detail", "code", "request_id"} <= body.keys(), body
    assert body["status"] == status
    assert body["request_id"] and body["request_id"] == headers.get("x-request-id")
    if code is not None:
        assert body["code"] == code, body
    return body


def violations(body: dict[str, Any]) -> set[tuple[Any, ...]]:
    """The errors of a problem: (pointer, code), or (line, pointer, code) where a line is named."""
    found = set()
    for error in body["errors"]:
        assert error.get("detail"), error
        entry = (error.get("pointer", ""), error["code"])
        found.add((error["line"], *entry) if "line" in error else entry)
    assert len(found) == len(body["errors"]), f"the same error twice: {body['errors']}"
    return found


def older_error(answer: requests.Response, status: int = 400) -> str:
    """Asserts the error form of the older routes and returns its text."""
    assert answer.status_code == status, f"{answer.status_code} instead of {status}: {answer.text[:600]}"
    assert answer.headers["Content-Type"].split(";")[0] == JSON
    body = answer.json()
    assert list(body) == ["error"] and isinstance(body["error"], str) and body["error"], body
    return body["error"]


def exact(answer: requests.Response) -> Any:
    """The JSON of an answer with its numbers as decimals."""
    return json.loads(answer.content, parse_float=Decimal)


def rows(stack: Any, statement: str, arguments: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """What a query finds in the stack's database."""
    connection = stack.db()
    try:
        with connection.cursor() as cursor:
            cursor.execute(statement, arguments)
            return [tuple(r.values()) if isinstance(r, dict) else tuple(r) for r in cursor.fetchall()]
    finally:
        connection.close()
