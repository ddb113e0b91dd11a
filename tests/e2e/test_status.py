"""`tipster status`: what it says of each part, up and down, and how it is shown."""

from __future__ import annotations

import json
import os
import pty
import re
import select
import signal
import subprocess
import time
from typing import Any

import pytest
import requests

from patience import served_s, wait_for
from records import coupon
from stack import TOP


def status(app: Any, *arguments: str) -> dict[str, Any]:
    """What `status --json` says, by the names of the parts."""
    done = app.run("status", "--json", *arguments, check=False, timeout=60)
    seen = json.loads(done.stdout)
    states = {part["name"]: part["state"] for part in seen["parts"]}
    assert done.returncode == (1 if {"down", "late"} & set(states.values()) else 0), done
    assert seen["good"] == (done.returncode == 0) and done.stderr == "", done
    return {**seen, **states, "parts": {part["name"]: part for part in seen["parts"]},
            "topics": {topic["topic"]: topic for topic in seen["topics"]}}


def push(app: Any, *coupons: dict[str, Any]) -> None:
    """A 503 (a broker that has just begun) asks for a repetition, which changes nothing."""
    for record in coupons:
        wait_for(lambda: requests.post(f"{app.base_url}/v1/coupons", json=record, timeout=10).status_code == 202, "the record to be taken")


@pytest.mark.timing
def test_parts_that_go_down(server_factory: Any, own_servers: Any) -> None:
    database, kafka = own_servers
    app = server_factory(database=database, kafka=kafka, index=True)
    push(app, coupon("c-1", "u-1", stake=1), coupon("c-2", "u-1", stake=1), coupon("c-1", "u-1", stake=2))
    app.wait_caught_up()
    wait_for(lambda: status(app)["good"], "all parts up")
    seen = status(app)
    assert [seen[name] for name in ("serve", "ingest", "index", "database", "kafka")] == ["up"] * 5
    assert seen["topics"]["coupons"]["lag"] == 0 and seen["topics"]["coupons"]["records"] >= 3
    assert {(row["id"], row["user_id"], row["reason"]) for row in seen["rejects"]} == {("c-1", "u-1", "conflict")}
    assert status(app, "--company", "nobody")["rejects"] == []
    assert app.env["INGEST_INSTANCE"] in seen["parts"]["ingest"]["detail"]

    app.ingest.stop()
    push(app, coupon("c-3", "u-2"))
    app.index.kill9()
    wait_for(lambda: status(app)["ingest"] == "down", "ingest is missed", timeout_s=40)
    seen = status(app)
    assert seen["topics"]["coupons"]["lag"] >= 1 and "stream_offsets" in seen["lag_how"]
    assert "silent" in seen["parts"]["ingest"]["detail"] and seen["serve"] == "up"
    wait_for(lambda: status(app)["index"] == "down", "index is missed", timeout_s=40)

    database.stop()
    seen = status(app)
    assert seen["database"] == "down" and seen["rejects"] is None
    assert "serve's /metrics" in seen["parts"]["ingest"]["how"]
    assert seen["parts"]["ingest"]["detail"].startswith(app.env["INGEST_INSTANCE"] + " (silent for ")
    assert seen["topics"]["coupons"]["lag"] >= 1 and "offsets in Kafka" in seen["lag_how"]
    wait_for(lambda: status(app)["serve"] == "late", "serve is not ready")
    assert "database" in status(app)["parts"]["serve"]["detail"]

    kafka.kill9()
    began = served_s()
    seen = status(app)
    assert served_s() - began < 8, "its second look has asked Kafka again"
    assert seen["kafka"] == "down" and seen["topics"]["coupons"]["lag"] is None

    app.serve.stop()
    seen = status(app)
    assert [seen[name] for name in ("serve", "ingest", "index", "database", "kafka")] == ["down", "late", "down", "down", "down"]
    assert seen["requests_per_s"] is None

    database.start()
    assert status(app)["database"] == "up"


def test_rates(stack: Any) -> None:
    """What is accepted, stored and asked while it looks is in its rates."""
    push(stack, coupon())  # the broker has begun

    def seen() -> bool:
        child = subprocess.Popen([stack.binary, "status", "--json"], env=stack.env, stdout=subprocess.PIPE, text=True, cwd=TOP)
        while child.poll() is None:
            push(stack, coupon())
        look = json.loads(child.stdout.read())
        topic = next(topic for topic in look["topics"] if topic["topic"] == "coupons")
        return all((rate or 0) > 0 for rate in (topic["accepted_per_s"], topic["stored_per_s"], look["requests_per_s"]))

    wait_for(seen, "rates", timeout_s=60)


def test_text_without_colour(stack: Any) -> None:
    done = stack.run("status", check=False)
    for word in ("serve ", "ingest ", "index ", "database ", "kafka ", "accepted/s", "coupons", "last rejects"):
        assert word in done.stdout, done.stdout
    assert "\x1b" not in done.stdout


def test_no_view_is_no_fault(stack: Any) -> None:
    done = stack.run("status", "--json", env={"VIEW_DIR": ""}, check=False)
    assert next(part for part in json.loads(done.stdout)["parts"] if part["name"] == "index")["state"] == "off"


def on_a_terminal(app: Any, *arguments: str, env: dict[str, str]) -> str:
    """What --watch draws until it has drawn twice; then Ctrl-C ends it well."""
    child, terminal = pty.fork()
    if child == 0:
        os.execve(app.binary, [str(app.binary), "status", "--watch", "--every", "1", *arguments], {**app.env, "TERM": "xterm", **env})
    said = b""
    deadline = time.monotonic() + 60
    while said.count(b"last rejects") < 2:
        assert time.monotonic() < deadline, said
        if select.select([terminal], [], [], 0.1)[0]:
            said += os.read(terminal, 65536)
    os.kill(child, signal.SIGINT)
    while select.select([terminal], [], [], 10)[0]:
        try:
            said += os.read(terminal, 65536)
        except OSError:
            break
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    os.close(terminal)
    return said.decode()


def test_watch_on_a_terminal(stack: Any) -> None:
    drawn = on_a_terminal(stack, env={})
    assert drawn.count("\x1b[2J") >= 2 and re.search("\x1b\\[32mup", drawn)
    plain = on_a_terminal(stack, env={"NO_COLOR": "1"})
    assert not re.search("\x1b\\[[0-9]+m", plain) and plain.count("\x1b[2J") >= 2
