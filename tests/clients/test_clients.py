"""Both clients against the running server: what they send, what they make of answers, and a server that goes away under them."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Iterator, Optional

import pytest
import requests

from patience import wait_for
from records import coupon, event, fresh, user
from scrape import metrics, total
from stack import TOP

CLIENTS = TOP / "clients"
TOOLS = TOP / ".deps" / "clients"
HERE = Path(__file__).resolve().parent


@pytest.fixture(scope="session")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The TypeScript client as JavaScript; the compiler has nothing to say."""
    folder = tmp_path_factory.mktemp("typescript")
    (folder / "package.json").write_text('{"type": "module"}')
    done = subprocess.run(["node", TOOLS / "node_modules" / "typescript" / "bin" / "tsc", "-p", CLIENTS / "typescript",
                           "--outDir", folder], capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stdout
    return folder


class Client:
    """One of the clients in a process of its own."""

    def __init__(self, language: str, compiled: Path, url: str, key: str, options: dict[str, Any]) -> None:
        words = [url, key, json.dumps(options)]
        argv = ([sys.executable, HERE / "driver.py"] if language == "python"
                else ["node", HERE / "driver.mjs", str(compiled / "src" / "index.js")])
        self.process = subprocess.Popen([*argv, *words], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                                        env={**os.environ, "PYTHONPATH": str(CLIENTS / "python"), "NO_PROXY": "*"})

    def ask(self, call: str, *arguments: Any, **options: Any) -> dict[str, Any]:
        assert self.process.stdin is not None and self.process.stdout is not None
        self.process.stdin.write(json.dumps({"call": call, "arguments": arguments, "options": options}) + "\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())

    def call(self, call: str, *arguments: Any, **options: Any) -> Any:
        answer = self.ask(call, *arguments, **options)
        assert "error" not in answer, answer
        return answer["result"]

    def close(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()
        assert self.process.wait(timeout=20) == 0


@pytest.fixture(params=["python", "typescript"])
def connect(request: pytest.FixtureRequest, compiled: Path) -> Iterator[Any]:
    """connect(url, key="", **options) -> a Client of each language in turn."""
    made: list[Client] = []

    def make(url: str, key: str = "", **options: Any) -> Client:
        made.append(Client(request.param, compiled, url, key, options))
        return made[-1]

    yield make
    for client in made:
        client.close()


def stored_coupons(app: Any, user_ids: set[str]) -> int:
    with app.db() as connection, connection.cursor() as cursor:
        cursor.execute(f"select count(*) from coupons where user_id in ({','.join(['%s'] * len(user_ids))})", tuple(user_ids))
        return cursor.fetchone()[0]


def test_python_types() -> None:
    done = subprocess.run([TOOLS / "bin" / "mypy", "--cache-dir", os.devnull, "tipster_client", "example.py"],
                          cwd=CLIENTS / "python", capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stdout


def test_push_and_ask(stack: Any, connect: Any) -> None:
    client = connect(stack.base_url)
    sport, who = fresh("sport"), fresh("u")
    events = [event(sport=sport) for _ in range(120)]
    assert client.call("push_users", [user(who)])["accepted"] == 1
    assert client.call("push_events", events)["accepted"] == 120
    bet = coupon(user_id=who, selections=[{"event_id": events[0]["event_id"], "odds": 2.15}])
    pushed = client.call("push_coupons", [bet])
    assert pushed["accepted"] == 1 and re.match(r"c:\d", pushed["position"])
    stack.wait_caught_up()
    assert client.call("user", who)["country"] == user(who)["country"]
    assert client.call("coupon", bet["coupon_id"], who)["selections"] == bet["selections"]
    assert [found["coupon_id"] for found in client.call("coupons_of", who)] == [bet["coupon_id"]]
    assert client.call("user", "a/b?c#d%") is None and client.call("event", fresh("none")) is None
    # More than a page: every one, once.
    assert sorted(found["event_id"] for found in client.call("events", sport=[sport])) == sorted(one["event_id"] for one in events)
    tips = client.call("recommendations", who, n=3, sport=[sport], explain=True, exclude=[events[1]["event_id"]],
                       after=pushed["position"])
    shown = [item["event"]["event_id"] for item in tips["items"]]
    assert len(shown) == 3 and not {events[0]["event_id"], events[1]["event_id"]} & set(shown)
    assert tips["items"][0]["because"]
    assert len(client.call("similar", events[0]["event_id"], n=2)) == 2
    assert [item["event"]["event_id"] for item in client.call("popular", n=1, sport=[sport])] == [events[0]["event_id"]]
    assert client.call("withdraw_event", events[2]["event_id"])["accepted"] == 1
    stack.wait_caught_up()
    assert client.call("event", events[2]["event_id"]) is None


def test_batches(stack: Any, connect: Any) -> None:
    """1 200 records are three requests of up to 500; large ones go out before the limit of a body."""
    client = connect(stack.base_url)
    before = total(metrics(stack), "tipster_http_requests_total", route="POST /v1/coupons", status="2xx")
    users = {fresh("u")}
    coupons = [coupon(user_id=min(users)) for _ in range(1200)]
    assert client.call("push_coupons", coupons)["accepted"] == 1200
    assert total(metrics(stack), "tipster_http_requests_total", route="POST /v1/coupons", status="2xx") - before == 3
    wide = [event(participants=[f"{number:03}" + "é" * 97 for number in range(64)]) for _ in range(160)]
    assert client.call("push_events", wide)["accepted"] == 160
    assert client.call("push_coupons", coupons)["accepted"] == 1200  # again: absorbed
    stack.wait_caught_up()
    assert stored_coupons(stack, users) == 1200
    assert client.call("push_users", [])["accepted"] == 0


def test_what_is_refused(stack: Any, connect: Any) -> None:
    client = connect(stack.base_url)
    refused = client.ask("push_coupons", [coupon(), coupon(stake=-1)])
    assert (refused["error"], refused["status"], refused["code"]) == ("TipsterError", 422, "invalid_record")
    assert [(one["line"], one["pointer"], one["code"]) for one in refused["violations"]] == [(2, "/stake", "range")]
    begun = time.monotonic()
    refused = connect(stack.base_url, "tip_wrong_key").ask("popular")
    assert (refused["error"], refused["status"], refused["code"]) == ("TipsterError", 401, "unauthorized")
    assert time.monotonic() - begun < 30  # not tried again for a minute
    assert client.ask("rejected")["status"] in (401, 403)


def test_a_key_with_a_limit(stack: Any, connect: Any) -> None:
    """429 is waited out as long as the server says, and everything arrives."""
    company = fresh("limited").lower()[:30]
    key = stack.key(company)
    stack.run("company", "set", company, "limit_ingest=20")
    os.kill(stack.serve.pid, signal.SIGHUP)
    client = connect(stack.base_url, key, batch_lines=100)
    limited = total(metrics(stack), "tipster_rate_limited_total")
    wait_for(lambda: "RateLimit" in requests.post(f"{stack.base_url}/v1/users", headers={"X-API-Key": key}, json=user(),
                                                  timeout=10).headers, "the limit is known")
    assert client.call("push_coupons", [coupon() for _ in range(300)])["accepted"] == 300
    tries = total(metrics(stack), "tipster_rate_limited_total") - limited
    assert 1 <= tries <= 20, tries  # by back-off alone there would be dozens


class Cutter(ThreadingHTTPServer):
    """Hands requests on to a server; of its next `cuts` answers only the half arrives."""

    def __init__(self, url: str) -> None:
        super().__init__(("127.0.0.1", 0), Cut)
        self.target, self.cuts = url, 0
        self.url = f"http://127.0.0.1:{self.server_port}"


class Cut(BaseHTTPRequestHandler):
    server: Cutter

    def hand_on(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        headers = {name: self.headers[name] for name in ("Content-Type", "Tipster-After") if name in self.headers}
        answer = requests.request(self.command, self.server.target + self.path, data=body, headers=headers, timeout=10)
        self.send_response(answer.status_code)
        self.send_header("Content-Length", str(len(answer.content)))
        self.send_header("Tipster-Position", answer.headers.get("Tipster-Position", ""))
        self.end_headers()
        cut = self.server.cuts > 0
        self.server.cuts -= cut
        self.wfile.write(answer.content[:len(answer.content) // 2] if cut else answer.content)

    do_GET = do_POST = hand_on

    def log_message(self, *arguments: Any) -> None:
        pass


@pytest.fixture
def cutter(stack: Any) -> Iterator[Cutter]:
    with Cutter(stack.base_url) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


def test_an_answer_that_is_lost_on_the_way(stack: Any, cutter: Cutter, connect: Any) -> None:
    """Is asked for again, as one that did not begin: repeated pushes are absorbed."""
    client = connect(cutter.url)
    cutter.cuts = 2
    pushed = client.call("push_coupons", [coupon()])
    assert pushed["accepted"] == 1 and re.match(r"c:\d", pushed["position"]) and cutter.cuts == 0
    cutter.cuts = 1
    assert len(client.call("popular", n=1)) <= 1 and cutter.cuts == 0
    cutter.cuts = 1000
    gave_up = connect(cutter.url, retry_for_s=5).ask("popular")
    assert (gave_up["error"], gave_up["status"]) == ("Unavailable", 0) and cutter.url in gave_up["detail"] and 1 < 1000 - cutter.cuts < 40


def turn_away(port: int) -> None:
    """Until somebody has come to the port in vain: first nobody listens there, then a listener that closes."""
    door: list[socket.socket] = []

    def held() -> bool:
        try:
            door.append(socket.create_server(("127.0.0.1", port)))
        except OSError:  # workers of serve that still end
            return False
        return True

    wait_for(held, "the port to be free")
    with door[0] as listener:
        listener.settimeout(30)
        listener.accept()[0].close()


def test_a_server_that_comes_back(server_factory: Any, connect: Any) -> None:
    """serve is killed and started under a push: all is stored, once."""
    app = server_factory()
    client = connect(app.base_url, batch_lines=1)
    users = {fresh("u")}
    coupons = [coupon(user_id=min(users)) for _ in range(2000)]
    answers: list[Any] = []
    pushing = threading.Thread(target=lambda: answers.append(client.ask("push_coupons", coupons)))
    pushing.start()
    for _ in range(2):
        wait_for(lambda: total(metrics(app), "tipster_records_accepted_total") > 100, "the push is under way")
        assert pushing.is_alive(), "it was over before serve was killed"
        app.serve.kill9()
        turn_away(app.port)
        app.serve.start()
    pushing.join(timeout=600)
    assert answers and answers[0].get("result", {}).get("accepted") == 2000, answers
    app.wait_caught_up()
    assert stored_coupons(app, users) == 2000


def test_a_server_that_stays_away(server_factory: Any, connect: Any) -> None:
    app = server_factory(start=False)
    gave_up = connect(app.base_url, retry_for_s=1).ask("popular")
    assert (gave_up["error"], gave_up["status"]) == ("Unavailable", 0) and app.base_url in gave_up["detail"]
    app.migrate()
    app.serve.env["KAFKA_BOOTSTRAP_SERVERS"] = "127.0.0.1:9"
    app.serve.start()
    gave_up = connect(app.base_url, retry_for_s=1).ask("push_coupons", [coupon()])
    assert (gave_up["error"], gave_up["status"]) == ("Unavailable", 503), gave_up


def example(language: str, compiled: Path, url: str, key: Optional[str] = None) -> str:
    argv = ([sys.executable, CLIENTS / "python" / "example.py"] if language == "python" else ["node", compiled / "example.js"])
    done = subprocess.run([*argv, url], capture_output=True, text=True, check=False, timeout=60,
                          env={**os.environ, "NO_PROXY": "*", **({"API_KEY": key} if key else {})})
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("language, short, sport", [("python", "py", "Chess"), ("typescript", "ts", "Go")])
def test_the_examples(stack: Any, compiled: Path, language: str, short: str, sport: str) -> None:
    example(language, compiled, stack.base_url)
    stack.wait_caught_up()
    said = example(language, compiled, stack.base_url, stack.key("demo", "ingest", "read")).splitlines()
    assert said[0] == "accepted 2 events, 1 coupon"
    assert re.fullmatch(rf"example-{short}-b similar 1\.00 \(.*sport {sport}.*participant Ada.*\)", said[1]), said
