"""conf/proxy/haproxy.cfg as it is shipped, run by a real haproxy with a certificate of this run: TLS and HTTP/2 towards callers, nodes
that come and go behind it, and requests made to be understood differently by the proxy and by a node. What a node was asked
is counted at the node, by its access log and its metrics: never anything that the proxy did not mean to ask.
"""

from __future__ import annotations

import json
import re
import socket
import ssl
import subprocess
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Any, Iterator

import pytest
import requests

from fixtures import own_ports
from patience import wait_for
from raw_http import Connection
from scrape import metrics, total
from stack import TOP, Process, http_ready

CONFIG = TOP / "conf" / "proxy" / "haproxy.cfg"
OPERATIONS = ("/readyz", "/metrics", "/healthz")
CANARY = "canary-that-no-log-may-hold"

USER = {"birth_year": 1990, "country": "Spain", "currency": "EUR", "gender": "x", "registration_date": "2026-01-01"}


def make_certificate(directory: Path) -> Path:
    """A self-signed certificate for localhost, and a file of it with its key as haproxy wants it."""
    directory.mkdir()
    subprocess.run(["/usr/bin/openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
                    "-days", "2", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1",
                    "-keyout", directory / "key.pem", "-out", directory / "certificate.pem"], check=True, capture_output=True)
    (directory / "both.pem").write_text((directory / "certificate.pem").read_text() + (directory / "key.pem").read_text())
    return directory / "certificate.pem"


class Node:
    """One more `tipster serve` of an application, with ports of its own."""

    def __init__(self, app: Any, name: str) -> None:
        self.port, self.ops_port = own_ports(2)
        self.ops_url = f"http://127.0.0.1:{self.ops_port}"
        self.serve = Process(name, [app.binary, "serve"], app.dir / f"{name}.log",
                             {**app.env, "PORT": str(self.port), "OPS_BIND": f"127.0.0.1:{self.ops_port}"},
                             ready=http_ready(f"http://127.0.0.1:{self.port}/healthz"), cwd=TOP)


class Proxy:
    """haproxy over nodes, from the shipped configuration with other ports and files put in."""

    def __init__(self, directory: Path, nodes: list[Any]) -> None:
        self.certificate = make_certificate(directory)
        self.plain_port, self.port = own_ports(2)
        self.url = f"https://localhost:{self.port}"
        server = '    server node1 "${TIPSTER_NODE-127.0.0.1}:5000" check port 5001\n'
        servers = "".join(f"    server node{number} 127.0.0.1:{node.port} check port {node.ops_port}\n"
                          for number, node in enumerate(nodes, 1))
        text = CONFIG.read_text()
        for old, new, times in ((server, servers, 2), ("bind :443 ", f"bind 127.0.0.1:{self.port} ", 1),
                                ("bind :80\n", f"bind 127.0.0.1:{self.plain_port}\n", 1),
                                ("/etc/haproxy/tipster.pem", str(directory / "both.pem"), 2)):
            assert text.count(old) == times, old
            text = text.replace(old, new)
        self.config = directory / "haproxy.cfg"
        self.config.write_text(text)
        self.process = Process("haproxy", ["/usr/sbin/haproxy", "-db", "-f", self.config], directory / "log", ready=self._ready)

    def _ready(self) -> bool:
        """It answers, and has found a node for reads and one for writes."""
        try:
            return all(self.session().request(method, f"{self.url}/v1/coupons", timeout=5).status_code != 503 for method in ("GET", "PUT"))
        except requests.RequestException:
            return False

    def session(self) -> requests.Session:
        session = requests.Session()
        session.trust_env = False  # else a bundle named in the environment takes the certificate's place
        session.verify = str(self.certificate)
        return session

    def curl(self, path: str, *options: str) -> subprocess.CompletedProcess:
        return subprocess.run(["/usr/bin/curl", "-sS", "--max-time", "15", "--cacert", str(self.certificate), *options,
                               f"{self.url}{path}"], capture_output=True, text=True, check=False)

    def secure(self, *protocols: str) -> ssl.SSLSocket:
        context = ssl.create_default_context(cafile=str(self.certificate))
        context.set_alpn_protocols(list(protocols))
        return context.wrap_socket(socket.create_connection(("127.0.0.1", self.port), 10), server_hostname="localhost")


def json_lines(log: Path) -> list[dict]:
    """What a log says so far; a line may be half written."""
    return [json.loads(line) for line in log.read_text().splitlines() if line.startswith("{") and line.endswith("}")]


class Edge:
    def __init__(self, app: Any, nodes: list[Any], proxy: Proxy) -> None:
        self.app, self.nodes, self.proxy = app, nodes, proxy

    def answered(self) -> list[dict]:
        """What the nodes were asked for by callers, from their access logs."""
        lines = [line for node in self.nodes for line in json_lines(node.serve.log)]
        return [line for line in lines if line["message"] == "answered" and not line["route"].startswith(OPERATIONS)]

    def refused(self) -> float:
        """Requests that the nodes refused before they had found a route."""
        return sum(total(metrics(node), "tipster_http_protocol_errors_total") for node in self.nodes)

    def passed_on(self) -> list[dict]:
        """What the proxy handed to a node, by its own log: one line for each request that it took for one."""
        return [line for line in json_lines(self.proxy.process.log) if line["node"].startswith("node")]

    def require_nothing_hidden(self, refused_before: float) -> None:
        """Every request that a node saw is one that the proxy meant to send: no node has found a second one inside another."""
        time.sleep(1)  # what a node was asked last is in its log by then
        meant = Counter(line["request_id"] for line in self.passed_on())
        seen = Counter(line["request_id"] for line in self.answered())
        direct = Counter(line["request_id"] for line in self.answered() if line["route"] == "/v1/users/{user_id}")
        assert not seen - meant - direct, f"not from the proxy: {seen - meant - direct}"
        tries = sum(1 + int(line["tries"].lstrip("+")) for line in self.passed_on())
        assert sum((seen - direct).values()) + self.refused() - refused_before <= tries


@pytest.fixture
def edge(server_factory: Any, state_dir: Path, request: pytest.FixtureRequest) -> Iterator[Edge]:
    app = server_factory({"ACCESS_LOG": "1", "LOG_FORMAT": "json", "LOG_LEVEL": "debug", "TRUSTED_PROXIES": "127.0.0.1",
                          "AUTH_FAILURES_PER_MINUTE": "5"})
    second = Node(app, "serve-2")
    proxy = None
    try:
        second.serve.start()
        proxy = Proxy(state_dir / f"proxy-{request.node.name}", [app, second])
        proxy.process.start()
        for node in (app, second):
            # A broker that has just been started may still answer the first write too late.
            wait_for(lambda: requests.put(f"http://127.0.0.1:{node.port}/v1/users/u0", timeout=10, json=USER).status_code == 202,
                     "a node that takes writes")
        yield Edge(app, [app, second], proxy)
    finally:
        if proxy is not None:
            proxy.process.stop()
        second.serve.stop()


def test_the_configuration_has_no_warning() -> None:
    text = CONFIG.read_text()
    done = subprocess.run(["/usr/sbin/haproxy", "-c", "-V", "-f", "/dev/stdin"], input=text.replace(
        "ssl crt /etc/haproxy/tipster.pem alpn h2,http/1.1", ""), capture_output=True, text=True, check=False)
    assert done.returncode == 0 and "WARNING" not in done.stderr, done.stderr


def test_tls_and_http_versions(edge: Edge) -> None:
    proxy = edge.proxy
    for options, version, protocol in ((["--tlsv1.2", "--tls-max", "1.2"], "2", "TLSv1.2"), (["--tlsv1.3"], "2", "TLSv1.3"),
                                       (["--tlsv1.3", "--http1.1"], "1.1", "TLSv1.3")):
        done = proxy.curl("/hello", *options, "-v", "-w", "|%{http_version}|%{http_code}")
        assert done.stdout == f"Hello World|{version}|200", done.stdout + done.stderr
        assert f"SSL connection using {protocol}" in done.stderr
        assert re.search(r"^< strict-transport-security: max-age=", done.stderr, re.MULTILINE | re.IGNORECASE)
    for version in ("-tls1", "-tls1_1"):
        done = subprocess.run(["/usr/bin/openssl", "s_client", "-connect", f"127.0.0.1:{proxy.port}", version, "-cipher",
                               "DEFAULT@SECLEVEL=0"], input="", capture_output=True, text=True, check=False, timeout=15)
        assert "alert protocol version" in done.stderr and "Cipher is (NONE)" in done.stdout, done.stderr
    plain = requests.post(f"http://127.0.0.1:{proxy.plain_port}/v1/coupons", data=b"{}", timeout=10)
    assert plain.status_code == 403 and plain.text == "https only"
    assert {line["route"] for line in edge.answered() if line["method"] == "GET"} >= {"/hello"}
    assert not any(line["method"] == "POST" for line in edge.answered())


def test_a_coupon_by_http2(edge: Edge) -> None:
    body = json.dumps({"coupon_id": "c1", "user_id": "u1", "stake": 1, "timestamp": "2026-11-01T10:00:00Z",
                       "selections": [{"event_id": "e1", "odds": 2}]})
    done = edge.proxy.curl("/v1/coupons", "--http2", "-H", "content-type: application/json", "-H", "x-request-id: mine-7",
                           "-w", "|%{http_version}|%header{x-request-id}", "-d", body)
    assert done.stdout == '{"accepted":1}|2|mine-7', done.stdout + done.stderr
    edge.app.wait_caught_up()
    with edge.app.db() as connection, connection.cursor() as cursor:
        cursor.execute("select count(*) from coupons")
        assert cursor.fetchone()[0] == 1
    (line,) = [line for line in edge.answered() if line["method"] == "POST"]
    assert line["request_id"] == "mine-7" and line["status"] == 202
    # Without a length, HTTP/2 becomes chunked HTTP/1.1, which a node refuses.
    done = subprocess.run(["/usr/bin/curl", "-sS", "--max-time", "15", "--cacert", str(edge.proxy.certificate), "--http2", "-T", "-",
                           "-X", "POST", "-H", "content-type: application/json", "-w", "|%{http_code}",
                           f"{edge.proxy.url}/v1/coupons"], input=body, capture_output=True, text=True, check=False)
    assert done.stdout.endswith("|411"), done.stdout + done.stderr


def test_request_ids_and_the_log(edge: Edge) -> None:
    session = edge.proxy.session()
    for given in ("a" * 65, "two words", "", 'x","client":"1.2.3.4'):
        answer = session.get(f"{edge.proxy.url}/hello?secret={CANARY}", timeout=10,
                             headers={"X-Request-Id": given, "Authorization": f"Bearer {CANARY}"})
        assert answer.status_code == 200 and re.fullmatch(r"[0-9a-f-]{36}", answer.headers["x-request-id"])
    log = edge.proxy.process.log

    def ids() -> set[str]:
        return {line["request_id"] for line in edge.answered() if line["route"] == "/hello"}

    wait_for(lambda: len(ids()) == 4, "the nodes' lines")
    wait_for(lambda: {line["request_id"] for line in json_lines(log)} >= ids(), "the proxy's lines")
    assert {line["client"] for line in json_lines(log)} == {"127.0.0.1"} and CANARY not in log.read_text()
    assert all(line["status"] in (200, 404, 405, 503) and line["node"] for line in json_lines(log))


@pytest.mark.timing
def test_what_callers_say_of_their_address_is_worth_nothing(edge: Edge) -> None:
    def wrong_key(address: str, source: str = "127.0.0.1") -> str:
        return edge.proxy.curl("/v1/popular", "--interface", source, "-H", f"X-Forwarded-For: {address}", "-H", f"Forwarded: for={address}",
                               "-H", "X-API-Key: tip_wrong", "-o", "/dev/null", "-w", "%{http_code}").stdout

    # Each node counts for itself: at the latest the eleventh of them is one too many at its node.
    statuses = [wrong_key(f"10.0.0.{number}") for number in range(14)]
    assert statuses[0] == "401" and statuses[-1] == "429" and set(statuses) == {"401", "429"}, statuses
    assert wrong_key("10.0.0.1", source="127.0.0.9") == "401"


class Caller(threading.Thread):
    """Reads, or pushes coupons, one after the other; what the answers were."""

    def __init__(self, proxy: Proxy, writes: bool, number: int) -> None:
        super().__init__(daemon=True)
        self.proxy, self.writes, self.number = proxy, writes, number
        self.statuses: list[int] = []
        self.acknowledged: list[str] = []
        self.errors: list[str] = []
        self.ending = threading.Event()

    def run(self) -> None:
        session = self.proxy.session()
        while not self.ending.is_set():
            name = f"{self.number}-{len(self.statuses)}"
            try:
                if self.writes:
                    answer = session.post(f"{self.proxy.url}/v1/coupons", timeout=20, json={
                        "coupon_id": name, "user_id": "u1", "stake": 1, "timestamp": "2026-11-01T10:00:00Z",
                        "selections": [{"event_id": "e1", "odds": 2}]})
                else:
                    answer = session.get(f"{self.proxy.url}/v1/popular?n=1", timeout=20)
                self.statuses.append(answer.status_code)
            except requests.RequestException as error:
                self.statuses.append(0)
                self.errors.append(str(error))
            if self.writes and self.statuses[-1] == 202:
                self.acknowledged.append(name)
            time.sleep(0.005)


def test_nodes_go_and_come_back(edge: Edge) -> None:
    first, second = (node.serve for node in edge.nodes)
    callers = [Caller(edge.proxy, writes, number) for number, writes in enumerate((False, False, True, True))]
    for caller in callers:
        caller.start()

    def answers_go_on() -> None:
        seen = [len(caller.statuses) for caller in callers]
        wait_for(lambda: all(len(caller.statuses) > before + 20 for caller, before in zip(callers, seen)), "answers")

    try:
        answers_go_on()
        first.stop()
        answers_go_on()
        before = len(edge.passed_on())
        first.start()
        wait_for(lambda: {line["method"] for line in edge.passed_on()[before:] if line["node"] == "node1"} >= {"GET", "POST"},
                 "the first node to be asked again, for reads and for writes: each finds out for itself")
        second.kill9()
        answers_go_on()
        second.start()
        answers_go_on()
    finally:
        for caller in callers:
            caller.ending.set()
        for caller in callers:
            caller.join(30)
    for caller in callers:
        # A request fails when its node dies under it (0: the connection was closed): its sender sends it again. Reads are
        # repeated by the proxy, so that only what meets the very moment fails.
        failed = [status for status in caller.statuses if status not in (200, 202)]
        assert set(failed) <= {502, 503, 0}, (caller.writes, failed, caller.errors)
        assert caller.writes or len(failed) <= 5, (failed, caller.errors, [line for line in edge.passed_on() if line["status"] != 200])
    edge.app.wait_caught_up()
    with edge.app.db() as connection, connection.cursor() as cursor:
        cursor.execute("select coupon_id from coupons")
        stored = {row[0].decode() for row in cursor.fetchall()}
    assert {name for caller in callers for name in caller.acknowledged} <= stored
    assert sum(len(caller.acknowledged) for caller in callers) > 80


def test_no_node_at_all(edge: Edge) -> None:
    for node in edge.nodes:
        node.serve.stop()
    session = edge.proxy.session()
    wait_for(lambda: session.get(f"{edge.proxy.url}/hello", timeout=10).status_code == 503, "the proxy to notice")
    answer = session.post(f"{edge.proxy.url}/v1/coupons", json={}, timeout=10)
    assert answer.status_code == 503 and answer.headers["retry-after"] == "1"
    assert answer.headers["content-type"] == "application/problem+json" and answer.json()["code"] == "unavailable"
    assert re.fullmatch(r"[0-9a-f-]{36}", answer.headers["x-request-id"])


# --- requests that two servers might understand differently; the second one hidden in each asks for /hello

HIDDEN = b"GET /hello HTTP/1.1\r\nHost: localhost\r\n\r\n"


def post(headers: bytes, body: bytes = b"", method: bytes = b"POST", line_end: bytes = b"\r\n") -> bytes:
    head = method + b" /v1/coupons HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    return head.replace(b"\r\n", line_end) + headers.replace(b"\r\n", line_end) + line_end + body


def lengths(*values: bytes) -> bytes:
    return b"".join(b"Content-Length: " + value + b"\r\n" for value in values)


CHUNKED_END = b"0\r\n\r\n"
WHOLE = str(len(CHUNKED_END + HIDDEN)).encode()
TE = b"Transfer-Encoding: chunked\r\n"
HTTP1_CASES = {
    "CL.TE": post(lengths(WHOLE) + TE, CHUNKED_END + HIDDEN),
    "TE.CL": post(lengths(b"4") + TE, b"%x\r\n" % len(HIDDEN) + HIDDEN + b"\r\n" + CHUNKED_END),
    "CL.TE, the length of nothing": post(lengths(b"0") + TE, CHUNKED_END + HIDDEN),
    **{f"TE.TE {value!r}": post(lengths(WHOLE) + b"Transfer-Encoding" + value + b"\r\n", CHUNKED_END + HIDDEN) for value in (
        b": xchunked", b" : chunked", b":\tchunked", b": chunked, identity", b": identity, chunked", b": x\r\n chunked", b": chunked\x0b",
        b": chunked\r\nTransfer-Encoding: identity", b": identity\r\nTransfer-Encoding: chunked", b": \"chunked\"", b": chunked;q=1",
        b": CHUNKED", b":chunked ", b": \x00chunked", b"\r\n : chunked", b": chunked\rX: y")},
    **{f"TE alone {value!r}": post(b"Transfer-Encoding" + value + b"\r\n", CHUNKED_END + HIDDEN) for value in (
        b": xchunked", b" : chunked", b": identity", b": gzip, chunked", b": x\r\n chunked")},
    "two lengths": post(lengths(b"0", WHOLE), CHUNKED_END + HIDDEN),
    "two lengths, the other way": post(lengths(WHOLE, b"0"), CHUNKED_END + HIDDEN),
    **{f"length {value!r}": post(lengths(value), HIDDEN) for value in (
        b"+0", b"-1", b"0x0", b"0, %d" % len(HIDDEN), b"0 0", b"0\r\n 5", b"", b"18446744073709551616", b"0;", b"0\x0b", b"\t0", b"0\x00")},
    "a folded header": post(lengths(b"0") + b"X-A: 1\r\n GET /hello HTTP/1.1\r\n", HIDDEN),
    "a folded length": post(b"Content-Length:\r\n 0\r\n", HIDDEN),
    "blank before the colon": post(b"Content-Length : 0\r\n", HIDDEN),
    "lines that end in LF": post(lengths(b"0"), HIDDEN.replace(b"\r\n", b"\n"), line_end=b"\n"),
    "a bare CR in a value": post(lengths(b"0") + b"X-A: b\rTransfer-Encoding: chunked\r\n", HIDDEN),
    "NUL in a value": post(lengths(b"0") + b"X-A: b\x00c\r\n", HIDDEN),
    "a header without a name": post(lengths(b"0") + b": x\r\n", HIDDEN),
    "chunk size with 0x": post(TE, b"0x0\r\n\r\n" + HIDDEN),
    "chunk size beyond 64 bits": post(TE, b"fffffffffffffffff0\r\n" + HIDDEN),
    "chunk size below nothing": post(TE, b"-1\r\n" + HIDDEN),
    "chunk lines that end in LF": post(TE, b"0\n\n" + HIDDEN),
    "chunk extension with CR": post(TE, b"0;a\rb\r\n\r\n" + HIDDEN),
    "a trailer that looks like a length": post(TE, b"0\r\nContent-Length: 50\r\n\r\n" + HIDDEN),
    "GET with a body": post(lengths(b"%d" % len(HIDDEN)), HIDDEN, method=b"GET"),
    "HEAD with a body": post(lengths(b"%d" % len(HIDDEN)), HIDDEN, method=b"HEAD"),
    "chunked in HTTP/1.0": post(lengths(WHOLE) + TE, CHUNKED_END + HIDDEN).replace(b"HTTP/1.1", b"HTTP/1.0", 1),
    "an upgrade to h2c": post(b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA\r\n"
                              + lengths(b"0"), b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + HIDDEN),
    "Connection names a length": post(b"Connection: close, Content-Length\r\n" + lengths(WHOLE), CHUNKED_END + HIDDEN),
    "a path with a line end": b"GET /v1/popular\r\nX: y HTTP/1.1\r\nHost: localhost\r\n\r\n" + HIDDEN,
    "a path with a blank": b"GET /v1/popular HTTP/1.1\r\n GET /hello HTTP/1.1\r\nHost: localhost\r\n\r\n" + HIDDEN,
    "two hosts": b"GET /v1/popular HTTP/1.1\r\nHost: localhost\r\nHost: other\r\n\r\n",
    "another host in the line": b"GET http://other/v1/popular HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "HTTP/0.9": b"GET /hello\r\n\r\n",
}

def send_all(connection: Any, data: bytes) -> bytes:
    """Everything that is answered until the other side closes or is silent for a moment."""
    connection.settimeout(1.0)
    got = b""
    try:
        connection.sendall(data)
        while piece := connection.recv(65536):
            got += piece
    except (OSError, ssl.SSLError):
        pass
    finally:
        connection.close()
    return got


def require_others_undisturbed(edge: Edge, case: str) -> None:
    """What follows on another connection is answered as itself."""
    with edge.proxy.session() as session:
        after = session.get(f"{edge.proxy.url}/v1/events/absent", timeout=10)
    assert after.status_code == 404 and after.json()["code"] == "not_found", f"after {case}: {after.status_code} {after.text[:200]}"


def test_what_is_hidden_in_http1_stays_hidden(edge: Edge) -> None:
    refused = edge.refused()
    for name, data in HTTP1_CASES.items():
        got = send_all(edge.proxy.secure("http/1.1"), data)
        assert not got or got.startswith(b"HTTP/1."), f"{name}: {got[:200]!r}"
        require_others_undisturbed(edge, name)
    edge.require_nothing_hidden(refused)
    requests.get(f"{edge.app.base_url}/hello", timeout=10)
    with pytest.raises(AssertionError, match="not from the proxy"):
        edge.require_nothing_hidden(refused)


HTTP2_CASES: dict[str, tuple[list[tuple[bytes, bytes]], bytes]] = {
    "CRLF in a value": ([(b"x-a", b"b\r\ntransfer-encoding: chunked")], CHUNKED_END + HIDDEN),
    "LF in a value": ([(b"x-a", b"b\ncontent-length: 0")], HIDDEN),
    "NUL in a value": ([(b"x-a", b"b\x00c")], HIDDEN),
    "CRLF in a name": ([(b"x-a: b\r\n\r\nGET /hello HTTP/1.1\r\nx", b"y")], HIDDEN),
    "a colon in a name": ([(b"transfer-encoding: chunked\r\nx", b"y")], CHUNKED_END + HIDDEN),
    "a name with a blank": ([(b"content-length ", b"0")], HIDDEN),
    "an upper-case name": ([(b"Content-Length", b"0")], HIDDEN),
    "transfer-encoding": ([(b"transfer-encoding", b"chunked")], CHUNKED_END + HIDDEN),
    "transfer-encoding and a length": ([(b"transfer-encoding", b"chunked"), (b"content-length", WHOLE)], CHUNKED_END + HIDDEN),
    "connection": ([(b"connection", b"keep-alive, content-length")], HIDDEN),
    "a length of nothing": ([(b"content-length", b"0")], HIDDEN),
    "a length below the body's": ([(b"content-length", b"5")], HIDDEN),
    "a length above the body's": ([(b"content-length", b"5000")], HIDDEN),
    "two lengths": ([(b"content-length", b"0"), (b"content-length", b"%d" % len(HIDDEN))], HIDDEN),
    "a length that is a list": ([(b"content-length", b"0, %d" % len(HIDDEN))], HIDDEN),
    "a length with a sign": ([(b"content-length", b"+0")], HIDDEN),
    "CRLF in the path": ([(b":path", b"/v1/popular HTTP/1.1\r\nhost: x\r\n\r\nGET /hello")], b""),
    "a blank in the path": ([(b":path", b"/v1/popular HTTP/1.1 GET /hello")], b""),
    "CRLF in the method": ([(b":method", b"GET /hello HTTP/1.1\r\nhost: x\r\n\r\nPOST")], b""),
    "a blank in the method": ([(b":method", b"GET /hello")], b""),
    "CRLF in the authority": ([(b":authority", b"localhost\r\n\r\nGET /hello HTTP/1.1\r\nx: y")], b""),
    "CRLF in the scheme": ([(b":scheme", b"https://x\r\n\r\nGET /hello HTTP/1.1\r\nx: ")], b""),
    "two paths": ([(b":path", b"/v1/popular"), (b":path", b"/hello")], b""),
    "a pseudo-header at the end": ([(b"x-a", b"b"), (b":path", b"/hello")], b""),
    "a host beside the authority": ([(b"host", b"x\r\n\r\nGET /hello HTTP/1.1")], b""),
}


def http2_request(connection: Any, changes: list[tuple[bytes, bytes]], body: bytes) -> list[int]:
    """Sends one request whose headers nobody has checked; the statuses of the answers (-1: the stream or connection was reset)."""
    import h2.config
    import h2.connection
    import h2.events

    config = h2.config.H2Configuration(client_side=True, header_encoding=None, validate_outbound_headers=False,
                                       normalize_outbound_headers=False, validate_inbound_headers=False)
    peer = h2.connection.H2Connection(config)
    peer.initiate_connection()
    changed = {name for name, _ in changes if name.startswith(b":")}
    fields = [(name, value) for name, value in ((b":method", b"POST"), (b":scheme", b"https"), (b":authority", b"localhost"),
                                                (b":path", b"/v1/coupons")) if name not in changed]
    fields += [*changes, (b"content-type", b"application/json")]
    peer.send_headers(1, fields, end_stream=not body)
    if body:
        peer.send_data(1, body, end_stream=True)
    connection.settimeout(10.0)
    found: list[int] = []
    try:
        connection.sendall(peer.data_to_send())
        while data := connection.recv(65536):
            for event in peer.receive_data(data):
                if isinstance(event, h2.events.ResponseReceived):
                    found += [int(value) for name, value in event.headers if name == b":status"]
                if isinstance(event, (h2.events.StreamReset, h2.events.ConnectionTerminated)):
                    found.append(-1)
            if found:
                break
    except (OSError, h2.connection.ProtocolError):
        pass
    finally:
        connection.close()
    return found


def test_what_is_hidden_in_http2_stays_hidden(edge: Edge) -> None:
    assert http2_request(edge.proxy.secure("h2"), [(b"content-length", b"2")], b"{}") == [422], "the client of this test"
    refused = edge.refused()
    for name, (changes, body) in HTTP2_CASES.items():
        found = http2_request(edge.proxy.secure("h2"), changes, body)
        answers = [status for status in found if status != -1]
        assert len(answers) <= 1 and all(status >= 400 for status in answers), f"{name}: {found}"
        require_others_undisturbed(edge, name)
    assert "/hello" not in {line["route"] for line in edge.answered()}
    edge.require_nothing_hidden(refused)
