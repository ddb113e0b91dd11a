#!/usr/bin/python3
"""`make run`: third-party parts, build, a private database and broker, the application, demo data; then stays until Ctrl-C.

State is kept under .run/; the next start goes on from there. Settings come from the environment, then from ./.env:
PORT, OPS_BIND, KAFKA_PORT, DATABASE_PORT, and everything that `tipster` itself reads. A child that dies ends the whole run
with its log's last lines; Ctrl-C and SIGTERM stop every process in order (serve, ingest, index, Kafka, database).
"""

from __future__ import annotations

import datetime
import fcntl
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path
from typing import Optional, Sequence

from stack import TOP, App, Database, Kafka, Process, StackError, require_free_port, stop_all

STATE = TOP / ".run"
DISK_MB = 2000
DEMO_USERS = 10_000
DEMO_COUPONS = 100_000
SETTINGS = {"PORT": "5000", "OPS_BIND": "127.0.0.1:5001", "KAFKA_PORT": "9092", "DATABASE_PORT": "3307",
            "BIND": "127.0.0.1", "ANONYMOUS_COMPANY": "demo"}
STARTED = time.monotonic()


class Stopped(Exception):
    """Ctrl-C or SIGTERM."""


def say(text: str) -> None:
    print(f"{time.monotonic() - STARTED:6.0f}s  {text}", flush=True)


def farewell(text: str) -> None:
    """say() for the end, when the terminal may be gone already; stopping the children goes on regardless."""
    try:
        say(text)
    except OSError:
        sys.stdout = open(os.devnull, "w")


# --- settings


def read_env_file(path: Path) -> dict[str, str]:
    """NAME=value lines; '#' begins a comment line; quotes around a value are dropped."""
    found: dict[str, str] = {}
    if not path.exists():
        return found
    for line in path.read_text().splitlines():
        name, equals, value = line.strip().removeprefix("export ").partition("=")
        if equals and not name.startswith("#"):
            value = value.strip()
            if len(value) >= 2 and value[0] == value[-1] and value[0] in "'\"":
                value = value[1:-1]
            found[name.strip()] = value
    return found


def port_of(env: dict[str, str], name: str) -> int:
    """The port in a setting of the form PORT or ADDRESS:PORT."""
    text = env[name].rsplit(":", 1)[-1]
    if not text.isdigit() or not 1 <= int(text) <= 65535:
        raise StackError(f"{name}={env[name]}: not a port (1 to 65535)")
    return int(text)


def require_ports(env: dict[str, str]) -> None:
    """Every port once, before anything is built or started."""
    ports = [(name, port_of(env, name)) for name in ("PORT", "OPS_BIND", "KAFKA_PORT", "DATABASE_PORT")]
    ports.insert(3, ("KAFKA_PORT", port_of(env, "KAFKA_PORT") + 1))
    taken: dict[int, str] = {}
    for name, port in ports:
        if port in taken:
            raise StackError(f"{name} and {taken[port]} both use port {port} (Kafka uses KAFKA_PORT and the one after it)")
        taken[port] = name
        require_free_port(port, name)


# --- steps


def require_disk() -> None:
    free_mb = shutil.disk_usage(STATE).free // (1024 * 1024)
    if free_mb < DISK_MB:
        raise StackError(f"only {free_mb} MB of disk are free at {STATE}, {DISK_MB} MB are needed")


def only_one() -> object:
    """A lock for as long as the process lives."""
    lock = open(STATE / "lock", "w")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        raise StackError(f"another one is running already on {STATE}: end it first (Ctrl-C where it runs)") from None
    return lock


def build() -> None:
    for what, argv in (("third-party parts", ["tools/deps"]), ("build", ["tools/build", "build"])):
        begun = time.monotonic()
        # In a session of its own: Ctrl-C reaches this process alone, which then ends it.
        child = subprocess.Popen(argv, cwd=TOP, stdin=subprocess.DEVNULL, start_new_session=True)
        try:
            status = child.wait()
        except BaseException:
            os.killpg(child.pid, signal.SIGTERM)
            child.wait()
            raise
        if status != 0:
            raise StackError(f"{what} failed; the reason stands above")
        if time.monotonic() - begun > 1:
            say(f"{what}: ready")


def demo_commands(app: App, day: str) -> list[list[str]]:
    """The commands that make the demo data through the HTTP API; running them again changes nothing."""
    files = sorted(str(path) for path in (TOP / "data" / "football").glob("*.csv"))
    return [
        ["import", "fixtures", *files, "--shift-to", day, "--to", app.base_url],
        ["generate", "--users", str(DEMO_USERS), "--coupons", str(DEMO_COUPONS), "--seed", "1", "--as-of", day,
         "--events-from", "api", "--to", app.base_url],
    ]


def run_command(app: App, arguments: list[str]) -> None:
    """A tipster command with its own progress on the screen."""
    child = subprocess.Popen([app.binary, *arguments], cwd=TOP, env=app.env, stdin=subprocess.DEVNULL,
                             start_new_session=True)
    try:
        while (status := child.poll()) is None:
            app.serve.require_running()
            app.ingest.require_running()
            time.sleep(0.05)
    except BaseException:
        child.terminate()
        child.wait()
        raise
    if status != 0:
        raise StackError(f"tipster {arguments[0]} failed (status {status}); what it said stands above")


def demo(app: App) -> None:
    """Demo data once. An interrupted first run repeats the same commands with the same day: nothing is doubled."""
    stamp = STATE / "demo.json"
    state = json.loads(stamp.read_text()) if stamp.exists() else {}
    if state.get("done"):
        return
    day = state.get("day") or datetime.date.today().isoformat()
    stamp.write_text(json.dumps({"day": day, "done": False}))
    say(f"demo data: 15 seasons of football moved around {day}, {DEMO_USERS} users, {DEMO_COUPONS} coupons, over HTTP")
    last_said = time.monotonic()

    def tell(count: int) -> None:
        nonlocal last_said
        app.serve.require_running()
        app.ingest.require_running()
        if time.monotonic() - last_said > 2:
            last_said = time.monotonic()
            say(f"demo data: {count} records to go from Kafka to the database")

    for arguments in demo_commands(app, day):
        run_command(app, arguments)
        app.wait_caught_up(timeout_s=600, tell=tell)  # the coupons are placed on what the import has stored
    stamp.write_text(json.dumps({"day": day, "done": True}))
    say("demo data: stored")


# --- what to show


def get_json(url: str) -> Optional[dict]:
    try:
        with urllib.request.urlopen(url, timeout=10) as answer:
            return json.load(answer)
    except (OSError, urllib.error.URLError, ValueError):
        return None


def find_user(app: App) -> tuple[Optional[str], list[dict]]:
    """A user with a history whose recommendations are the most alike it, and those."""
    with app.connect() as connection, connection.cursor() as cursor:
        cursor.execute("select user_id from coupons where company_id = %s group by user_id order by count(*) desc limit 10",
                       (app.env["ANONYMOUS_COMPANY"],))
        users = [row[0].decode() if isinstance(row[0], bytes) else row[0] for row in cursor.fetchall()]
    best: tuple[Optional[str], list[dict]] = (None, [])
    best_score = -1.0
    for user in users:
        answer = get_json(f"{app.base_url}/v1/recommendations/{urllib.parse.quote(user, safe='')}?n=5&explain=1") or {}
        items = answer.get("items", [])
        score = sum(item.get("score", 0) for item in items)
        if score > best_score:
            best, best_score = (user, items), score
    return best


def write_settings(app: App) -> Path:
    """What the processes were started with, as a file for `tipster --env`; it holds passwords."""
    path = STATE / "env"
    names = re.findall(r"^#?([A-Z_]+)=", (TOP / "template.env").read_text(), re.MULTILINE)
    path.touch(mode=0o600)
    path.write_text("".join(f"{name}={app.env[name]}\n" for name in names if name in app.env))
    return path


def show(app: App) -> None:
    base = app.base_url
    user, items = find_user(app)
    print(f"\n  API         {base}/v1/   (health: {base}/healthz)\n"
          f"  dashboard   {base}/dashboard   (log in with a key of scope admin: below)\n"
          f"  contract    {base}/docs\n"
          f"  operations  {app.ops_url}/metrics   {app.ops_url}/readyz\n"
          f"  logs        {STATE.relative_to(TOP)}/serve.log  {STATE.relative_to(TOP)}/ingest.log  "
          f"{STATE.relative_to(TOP)}/index.log")
    if user is not None:
        print(f"\n  What to show user {user} next:")
        for item in items:
            event = item["event"]
            because = ", ".join(f"{tag['tag']} {tag['value']}" for tag in item.get("because", [])[:3])
            print(f"    {item['score']:.2f}  {event['begin_timestamp'][:16].replace('T', ' ')}  "
                  f"{' - '.join(event['participants']):<32} {event['league']}" + (f"   because of {because}" if because else ""))
        quoted = urllib.parse.quote(user, safe="")
        print(f"\n  Try:\n    curl -s '{base}/v1/recommendations/{quoted}?n=3&explain=1' | python3 -m json.tool\n"
              f"    curl -s '{base}/v1/events?league=Premier%20League&limit=3' | python3 -m json.tool")
    company = app.env["ANONYMOUS_COMPANY"]
    tipster = f"{app.binary.relative_to(TOP)} --env {write_settings(app).relative_to(TOP)}"
    print(f"\n  Calls without a key act for company {company}. A key for it, another company; what runs; what is wrong:\n"
          f"    {tipster} key add {company} --scope ingest,read,admin\n"
          f"    {tipster} company add acme\n"
          f"    {tipster} status\n"
          f"    {tipster} doctor")
    print(f"\n  Ready after {time.monotonic() - STARTED:.0f} s. Ctrl-C stops everything and keeps the data.\n", flush=True)


# --- the run


def supervise(processes: Sequence[Process]) -> None:
    """Until one of them ends, which is a StackError."""
    while True:
        for process in processes:
            process.require_running()
        time.sleep(0.25)


def run(env: dict[str, str]) -> None:
    build()
    started: list = []
    try:
        require_ports(env)
        database = Database(STATE, port_of(env, "DATABASE_PORT"), buffer_pool_mb=512)
        kafka = Kafka(STATE, port_of(env, "KAFKA_PORT"))
        started = [kafka, database]
        say(f"database: MariaDB on port {database.port}; broker: Kafka on port {kafka.port}")
        kafka.start(wait=False)
        database.start()
        kafka.process.wait_ready()
        app = App(STATE, database, kafka, port_of(env, "PORT"), port_of(env, "OPS_BIND"), env, separate_users=True)
        started.insert(0, app)
        app.start()
        say("tipster serve, ingest and index are up")
        demo(app)
        show(app)
        supervise([*app.processes(), kafka.process, database.process])
    finally:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)  # a second Ctrl-C does not cut the stopping short
        if started:
            farewell("stopping (serve, ingest, index, Kafka, database)")
            stop_all(started)
            farewell("stopped; the data is kept in .run/")


def main() -> int:
    def stop(*_: object) -> None:
        raise Stopped

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, stop)
    try:
        env = {**SETTINGS, **read_env_file(TOP / ".env"), **os.environ}
        STATE.mkdir(parents=True, exist_ok=True)
        lock = only_one()
        require_ports(env)
        require_disk()
        run(env)
        del lock
    except Stopped:
        return 0
    except (StackError, OSError) as error:
        try:
            print(f"make run: {error}", file=sys.stderr)
        except OSError:
            pass
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
