#!/usr/bin/python3
"""Starts and stops private servers: a database (MariaDB, or MySQL) and a Kafka broker.

    tools/stack.py up [--only database,kafka] [--state DIR] [--db mariadb|mysql]
                      [--database-port N] [--kafka-port N] [-- COMMAND...]

starts them in the foreground until Ctrl-C, or runs COMMAND with their addresses in its environment and stops them after it.
As a module it gathers what tools/run.py and the test fixtures need: Database, Kafka, App, Process.
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Optional

from app import App
from processes import Process, StackError, free_ports, http_ready, last_lines, require_free_port, stop_all
from servers import TOP, Database, Kafka

__all__ = ["App", "Database", "Kafka", "Process", "StackError", "TOP", "free_ports", "http_ready", "last_lines",
           "require_free_port", "start_servers", "stop_all"]


def start_servers(directory: Path | str, first_port: int, last_port: int, kind: str = "mariadb",
                  kafka_session_ms: Optional[int] = None) -> tuple[Database, Kafka]:
    """A database and a broker of the caller's own, ready, on free ports of that range."""
    database_port, kafka_port, controller_port = free_ports(3, first_port, last_port)
    database = Database(directory, database_port, kind)
    kafka = Kafka(directory, kafka_port, controller_port, session_ms=kafka_session_ms)
    try:
        kafka.start(wait=False)
        database.start()
        kafka.process.wait_ready()
    except BaseException:
        stop_all([kafka, database])
        raise
    return database, kafka


def _up(options: argparse.Namespace) -> int:
    state = Path(options.state).resolve()
    wanted = options.only.split(",")
    if set(wanted) - {"database", "kafka"}:
        raise StackError(f"--only {options.only}: the parts are database and kafka")
    started: list = []
    env: dict[str, str] = {}
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda *_: stop.set())
    try:
        if "database" in wanted:
            database = Database(state, options.database_port, options.db, setting="--database-port")
            started.insert(0, database)
            database.start()
            env |= {"DATABASE_URL": database.url(), "DATABASE_SOCKET": str(database.socket)}
        if "kafka" in wanted and not stop.is_set():
            kafka = Kafka(state, options.kafka_port, setting="--kafka-port")
            started.insert(0, kafka)
            kafka.start()
            env["KAFKA_BOOTSTRAP_SERVERS"] = kafka.bootstrap
        if options.command:
            return subprocess.run(options.command, env={**os.environ, **env}, check=False).returncode
        env_file = state / "env"
        env_file.touch(mode=0o600)
        env_file.write_text("".join(f"{name}='{value}'\n" for name, value in env.items()))
        print("".join(f"{name}={value}\n" for name, value in env.items()) + f"ready; the same lines are in {env_file}",
              flush=True)
        while not stop.wait(0.2):
            for part in started:
                part.process.require_running()
        return 0
    finally:
        stop_all(started)


def main() -> int:
    parser = argparse.ArgumentParser(description="Private database and Kafka servers below one folder.")
    verbs = parser.add_subparsers(dest="verb", required=True)
    up = verbs.add_parser("up", help="start, and stop at Ctrl-C or when COMMAND ends")
    up.add_argument("--only", default="database,kafka", help="which ones (database,kafka)")
    up.add_argument("--state", default=str(TOP / ".run"), help="the folder for data and logs")
    up.add_argument("--db", default=os.environ.get("DB", "mariadb"), choices=["mariadb", "mysql"])
    up.add_argument("--database-port", type=int, default=int(os.environ.get("DATABASE_PORT", "3307")))
    up.add_argument("--kafka-port", type=int, default=int(os.environ.get("KAFKA_PORT", "9092")))
    up.add_argument("command", nargs="*", metavar="COMMAND", help="run this with the addresses in its environment")
    options = parser.parse_args()
    try:
        return _up(options)
    except StackError as error:
        print(f"stack: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
