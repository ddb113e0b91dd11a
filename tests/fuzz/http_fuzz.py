#!/usr/bin/python3
"""Random requests against the running server: `make fuzz-http`.

    tests/fuzz/http_fuzz.py [--seconds N] [--seed N] [--build DIR] [--first N --count N]

A grammar over requests: every route of routes.def, ids, parameters, headers and bodies, right ones and hostile ones; then, for
some, damage to the bytes: cut, doubled, lengths that lie, line ends, NULs, another request behind, pieces, a reset. Request
number N of a seed is always the same bytes: --seed S --first N --count 1 sends it again.

It is a finding when an answer is not HTTP, has a status that is not documented or a body that is not what its type says, when
a whole request gets no answer, when a worker dies or another client waits, or when a sanitizer reports. It starts its own
database, broker and server (DB=mysql: MySQL). Exit status 1: something was found.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import re
import socket
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, Callable, NamedTuple, Optional
from urllib.parse import quote, urlsplit

TOP = Path(__file__).resolve().parent.parent.parent
for folder in (TOP / "tools", TOP / "tests" / "e2e"):
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))

from raw_http import HELLO, Connection, Others  # noqa: E402

DOCUMENTED = {200, 202, 400, 401, 403, 404, 405, 408, 409, 411, 413, 414, 415, 422, 429, 431, 503, 504, 505}
UNAVAILABLE_SHARE = 0.02  # of answers that may be 503 while the servers are busy
NO_ANSWER_S = 0.06  # how long a damaged request is waited for
WATCH_EVERY = 50
REPORTS = re.compile(r"AddressSanitizer|LeakSanitizer|runtime error:")
ROUTE = re.compile(r'^ROUTE\(MAIN, \w+, (?:\w+, )?(GET|POST|PUT|DELETE), "([^"]+)"', re.MULTILINE)
ROUTES = ROUTE.findall((TOP / "src" / "http" / "routes.def").read_text())

IDS = ["u1", "e1", "c1", "nobody", "a/b", "é", "x" * 64, "x" * 65, "", " ", "..", "%", "\0", "\n", "\u202e", "'; --", "😀", "{}", "a b+c"]
TEXTS = [*IDS, "Soccer", "England", "日" * 100, "x" * 101, "x" * 5000, "EUR", "eur", "\\u0000"]
NUMBERS = ["0", "-0", "1", "-1", "1.0", "2.15", "1.00001", "1e3", "1e-999", "1e999", "1000000000", "9007199254740993", "9223372036854775807",
           "9223372036854775808", "01", "+1", "NaN", "-", "1990"]
TIMES = ["2026-01-01", "2020-02-30", "2026-11-21T10:00:00Z", "2016-12-31T23:59:60Z", "2026-11-21T10:00:00+14:00", "2026-11-21T10:00:00",
         "1899-12-31", "2201-01-01", "now", "2020-01-01T24:00:00Z", "2020-01-01T10:00:00.123456Z"]
PARAMETERS = ["n", "limit", "cursor", "sport", "league", "country", "participant", "exclude", "from", "to", "before", "as_of", "explain",
              "include_started", "user_id", "version", "via", "x", "", "n%00", "N"]
HEADERS = ["Accept: */*", "Accept-Encoding: gzip", "Connection: close", "Connection: keep-alive", "X-Request-Id: abc", "X-Request-Id: a b",
           "X-Request-Id: " + "x" * 70, "Expect: 100-continue", "Expect: x", "Content-Encoding: gzip", "Transfer-Encoding: chunked",
           "Transfer-Encoding: identity", "Host: b", "Upgrade: h2c", "Upgrade: websocket", "Cookie: " + "c" * 3000, "X-Api-Key:", "X-Api-Key: x",
           "Authorization: Bearer tip_x_y", "Authorization: Basic dTpw", "X-Forwarded-For: 1.2.3.4", "Range: bytes=0-1", "If-Match: *",
           "Content-Length: 0", "Content-Length: +1", "X:", ": x", "X\0: y", " folded", "Tipster-After: x", "TE: trailers", "Origin: http://evil"]
MEDIA = ["application/json", "application/json; charset=utf-8", "application/x-ndjson", "text/plain", "", "application/xml"]
BYTES = [b"\0", b"\r", b"\n", b"\r\n", b"\r\n\r\n", b" ", b"\t", b":", b"\xff", b"\xc3\xa9", b"%", b"GET / HTTP/1.1\r\n", b"A" * 9000]

RECORDS: dict[str, dict[str, Callable[[random.Random], str]]] = {}


def text(rng: random.Random) -> str:
    return json.dumps(rng.choice(TEXTS), ensure_ascii=rng.random() < 0.5)


def number(rng: random.Random) -> str:
    return rng.choice(NUMBERS) if rng.random() < 0.5 else str(round(rng.uniform(1, 1000), 2))


def moment(rng: random.Random) -> str:
    return json.dumps(rng.choice(TIMES) if rng.random() < 0.5 else f"2020-01-{rng.randint(1, 28):02}")


def identity(rng: random.Random) -> str:
    return text(rng) if rng.random() < 0.3 else f'"f{rng.randrange(500)}"'


def selections(rng: random.Random) -> str:
    count = rng.choice((0, 1, 1, 2, 3, 101))
    return "[" + ",".join(f'{{"event_id":{identity(rng)},"odds":{number(rng)}}}' for _ in range(count)) + "]"


def participants(rng: random.Random) -> str:
    return "[" + ",".join(text(rng) for _ in range(rng.choice((0, 1, 2, 65)))) + "]"


RECORDS["user"] = {"user_id": identity, "birth_year": number, "country": text, "currency": lambda rng: rng.choice(('"EUR"', text(rng))),
                   "gender": text, "registration_date": moment}
RECORDS["event"] = {"event_id": identity, "sport": text, "league": text, "country": text, "participants": participants,
                    "begin_timestamp": moment, "end_timestamp": moment}
RECORDS["coupon"] = {"coupon_id": identity, "user_id": identity, "stake": number, "timestamp": moment, "selections": selections}
PLAIN = {"birth_year": "1990", "country": '"UK"', "currency": '"EUR"', "gender": '"f"', "registration_date": '"2024-01-01"', "sport": '"S"',
         "league": '"L"', "participants": '["a","b"]', "begin_timestamp": '"2020-01-01"', "end_timestamp": '"2020-01-02"', "stake": "10",
         "timestamp": '"2020-01-01T10:00:00Z"', "selections": '[{"event_id":"e1","odds":2.5}]'}


def record(rng: random.Random, kind: str) -> str:
    """A record as JSON; about half of them are right."""
    strange = rng.choice((0, 0, 0, 0.3))
    members = []
    for name, make in RECORDS[kind].items():
        if rng.random() < strange * 0.2:
            continue
        value = make(rng) if rng.random() < strange or name not in PLAIN else PLAIN[name]
        members.append(f'"{name}":{value}')
    if rng.random() < 0.1:
        members.append(f'{text(rng)}:{rng.choice(("null", "true", "[]", number(rng), "[" * 20 + "]" * 20))}')
    return "{" + ",".join(members) + "}"


def body(rng: random.Random, path: str, media: str) -> bytes:
    kind = next((kind for kind in RECORDS if kind in path), "user")
    choice = rng.random()
    if choice < 0.05:
        return rng.randbytes(rng.choice((0, 1, 10, 1000)))
    if choice < 0.06:
        return b"[" * rng.choice((17, 100_000))
    if "ndjson" in media:
        return rng.choice((b"\n", b"\r\n", b"\n\n")).join(record(rng, kind).encode() for _ in range(rng.choice((1, 2, 10, 200))))
    return record(rng, kind).encode()


class Request(NamedTuple):
    data: bytes
    whole: bool  # undamaged: it must be answered
    pieces: int
    reset: bool
    is_head: bool


def target(rng: random.Random, path: str) -> str:
    def fill(_: Any) -> str:
        value = rng.choice(IDS) if rng.random() < 0.5 else f"f{rng.randrange(500)}"
        return quote(value, safe="" if rng.random() < 0.9 else "/%") or "%20"
    filled = re.sub(r"\{\w+\}", fill, path)
    if rng.random() < 0.5:
        values = [*NUMBERS, *TIMES, *TEXTS[:16], "AQAAAZ"]
        pairs = [f"{rng.choice(PARAMETERS)}={quote(rng.choice(values))}" for _ in range(rng.choice((1, 1, 2, 6)))]
        filled += "?" + "&".join(pairs)
    return filled


def undamaged(rng: random.Random, keys: list[str]) -> tuple[bytes, bool]:
    """Bytes of a request whose framing is right, and whether it is a HEAD."""
    method, path = rng.choice(ROUTES)
    if rng.random() < 0.1:
        method = rng.choice(("GET", "POST", "PUT", "DELETE", "HEAD", "OPTIONS", "PATCH", "TRACE", "BREW"))
    media = rng.choice(MEDIA) if rng.random() < 0.2 else MEDIA[0] if rng.random() < 0.6 else MEDIA[2]
    content = body(rng, path, media) if method in ("POST", "PUT", "PATCH") else None
    lines = [f"{method} {target(rng, path)} HTTP/1.1", "Host: a"]
    if keys and rng.random() < 0.6:
        lines.append(f"X-API-Key: {rng.choice(keys)}")
    if content is not None:
        lines += [f"Content-Type: {media}"] if media else []
        lines.append(f"Content-Length: {len(content)}")
    return "\r\n".join([*lines, "", ""]).encode() + (content or b""), method == "HEAD"


def damage(rng: random.Random, data: bytes) -> bytes:
    """One to three wounds, most of them in the head."""
    for _ in range(rng.choice((1, 1, 2, 3))):
        head = data.find(b"\r\n\r\n") + 4
        at = rng.randrange(head if head > 4 and rng.random() < 0.8 else max(1, len(data)))
        kind = rng.randrange(8)
        if kind == 0:
            data = data[:at]
        elif kind == 1:
            data = data[:at] + rng.choice(BYTES) + data[at:]
        elif kind == 2:
            data = data[:at] + bytes([rng.randrange(256)]) + data[at + 1 :]
        elif kind == 3:
            data = data[:at] + data[at + rng.randint(1, 20) :]
        elif kind == 4:
            line = data.find(b"\r\n") + 2
            data = data[:line] + rng.choice(HEADERS).encode() + b"\r\n" + data[line:]
        elif kind == 5:
            data = re.sub(rb"Content-Length: \d+", b"Content-Length: %d" % rng.choice((0, 1, 5, 10**6, 2**63)), data)
        elif kind == 6:
            data += rng.choice((HELLO, b"x", data[:100]))
        else:
            data = re.sub(rb" HTTP/1.1", rng.choice((b" HTTP/1.0", b" HTTP/2.0", b"", b" http/1.1", b" HTTP/1.1 x")), data, count=1)
    return data


def request_number(seed: int, index: int, keys: list[str]) -> Request:
    rng = random.Random(f"{seed}:{index}")
    data, is_head = undamaged(rng, keys)
    whole = rng.random() < 0.55
    if not whole:
        data = damage(rng, data)
    return Request(data, whole, rng.choice((1, 1, 1, 1, 2, 3)), not whole and rng.random() < 0.05, is_head)


class Finding(Exception):
    pass


def require(condition: Any, what: str) -> None:
    if not condition:
        raise Finding(what)


def check_answer(status: int, headers: dict[str, str], content: bytes, is_head: bool) -> None:
    require(status in DOCUMENTED, f"the status {status} is not documented")
    media = headers.get("content-type", "").split(";")[0]
    require(headers.get("x-request-id"), f"no request id in {headers}")
    caching = ("no-store",) if status >= 400 else ("no-store", "no-cache")  # pages and their files are revalidated
    require(headers.get("cache-control") in caching, f"headers of {status}: {headers}")
    if is_head and not content:
        return
    try:
        if media in ("application/json", "application/problem+json"):
            told = json.loads(content)
            if status >= 400:
                require(isinstance(told, dict) and (told.get("error") or (told.get("code") and told.get("status") == status)),
                        f"the error {content[:300]!r}")
        elif media == "application/x-ndjson":
            for line in content.splitlines():
                json.loads(line)
        else:
            require(status < 400, f"an error of the type {media}")
    except ValueError as error:
        raise Finding(f"a body that is no JSON ({error}): {content[:300]!r}") from None


class Fuzzer:
    def __init__(self, port: int, seed: int, keys: list[str], workers: Callable[[], list[int]], log: Optional[Path]) -> None:
        self.port, self.seed, self.keys, self.workers, self.log = port, seed, keys, workers, log
        self.statuses: dict[Optional[int], int] = {}

    def send(self, request: Request) -> None:
        with Connection(self.port) as connection:
            step = max(1, len(request.data) // request.pieces + 1)
            for start in range(0, len(request.data), step):
                if start > 0:
                    time.sleep(0.002)
                connection.send(request.data[start : start + step])
            if request.reset:
                connection.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
                return
            if not request.whole:
                connection.socket.settimeout(NO_ANSWER_S)
            self.read(connection, request)

    def read(self, connection: Connection, request: Request) -> None:
        """All answers to a request: one to a whole one; none, one or several to one that is damaged."""
        answered = 0
        while True:
            try:
                status, headers, content = connection.answer(head_only=request.is_head)
            except socket.timeout:
                require(not request.whole, "no answer")
                require(connection.rest == b"", f"half an answer: {connection.rest[:300]!r}")
                status = None
            except (EOFError, ConnectionResetError):
                require(not request.whole and (request.is_head or connection.rest == b""), f"the connection ended: {connection.rest[:300]!r}")
                status = None
            except (AssertionError, KeyError, ValueError) as error:
                # What follows an error that Kore itself answered to HEAD is that error's body.
                require(request.is_head and answered, f"an answer that is not HTTP: {error!r}")
                status = None
            if status is None:
                break
            if status != 100:
                answered += 1
                self.statuses[status] = self.statuses.get(status, 0) + 1
                check_answer(status, headers, content, request.is_head)
                if request.whole:
                    require(connection.rest == b"" or request.is_head, f"bytes behind the answer: {connection.rest[:300]!r}")
                    return
        if not answered:
            self.statuses[None] = self.statuses.get(None, 0) + 1

    def watch(self, others: Others, began: float, workers: list[int]) -> None:
        require(self.workers() == workers, "a worker died")
        slowest = others.slowest_since(began)
        require(slowest < others.bound(), f"another client waited {slowest:.2f} s, usually {others.usual() * 1000:.1f} ms")
        require(self.log is None or not REPORTS.search(self.log.read_text(errors="replace")), f"a sanitizer reports in {self.log}")

    def run(self, seconds: float, first: int = 0, count: Optional[int] = None) -> int:
        """How many were sent. A Finding names the request."""
        workers, others = self.workers(), Others(self.port)
        end, index, began = time.monotonic() + seconds, first, time.monotonic()
        try:
            while time.monotonic() < end and (count is None or index < first + count):
                request = request_number(self.seed, index, self.keys)
                try:
                    self.send(request)
                    if index % WATCH_EVERY == 0:
                        self.watch(others, began, workers)
                        began = time.monotonic()
                except Finding as finding:
                    raise Finding(f"seed {self.seed}, request {index}: {finding}\n{request.data[:1500]!r}") from None
                index += 1
            self.watch(others, began, workers)
        finally:
            others.stop()
        answers = sum(number for status, number in self.statuses.items() if status)
        require(self.statuses.get(503, 0) <= 5 + UNAVAILABLE_SHARE * answers, f"too many 503: {self.statuses}")
        return index - first


def memory_mib(pids: list[int]) -> float:
    def resident(pid: int) -> int:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    return sum(map(resident, pids)) / 2**20


def main() -> int:
    from stack import App, free_ports, start_servers, stop_all

    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--seconds", type=float, default=600)
    parser.add_argument("--seed", type=int, default=int(time.time()) % 1_000_000)
    parser.add_argument("--build", type=Path, default=TOP / "build-asan")
    parser.add_argument("--first", type=int, default=0, help="number of the first request")
    parser.add_argument("--count", type=int, help="how many requests, at most")
    parser.add_argument("--port", type=int, default=30000, help="where to look for free ports")
    arguments = parser.parse_args()
    print(f"seed {arguments.seed}, {arguments.seconds:.0f} s, {arguments.build}", flush=True)
    with tempfile.TemporaryDirectory(prefix="tipster-http-fuzz-") as state:
        database, kafka = start_servers(state, arguments.port, arguments.port + 700, os.environ.get("DB") or "mariadb")
        app = App(Path(state) / "app", database, kafka, *free_ports(2, arguments.port, arguments.port + 700),
                  {"ANONYMOUS_COMPANY": "demo"}, build_dir=arguments.build)
        try:
            app.start()
            app.run("company", "add", "fuzz")
            key = json.loads(app.run("key", "add", "fuzz", "--scope", "ingest,read,admin", "--json").stdout)["key"]
            app.wait_key(key)
            fuzzer = Fuzzer(urlsplit(app.base_url).port, arguments.seed, [key, key[:-1] + "x"], app.serve.children, app.serve.log)
            fuzzer.run(5, first=10**9)
            before = memory_mib(app.serve.children())
            sent = fuzzer.run(arguments.seconds, arguments.first, arguments.count)
            print(f"{sent} requests; answers by status: {dict(sorted(fuzzer.statuses.items(), key=str))}; "
                  f"workers' memory {before:.0f} -> {memory_mib(app.serve.children()):.0f} MiB; nothing found")
            return 0
        except Finding as finding:
            print(f"FOUND {finding}", file=sys.stderr)
            return 1
        finally:
            stop_all([app, kafka, database])


if __name__ == "__main__":
    sys.exit(main())
