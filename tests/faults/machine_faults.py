"""Faults of the machine and of clients: rows 27-29 and 32 of the table."""

from __future__ import annotations

import glob
import resource
import socket
import statistics
import subprocess
import time
from pathlib import Path

import requests

from stack import TOP
from world import Fault, World

NO_MEMORY = TOP / "build" / "no_memory.so"
CLOCK_FILE = TOP / "build" / "faults-clock"


def no_memory_env(**settings: str) -> dict[str, str]:
    """Builds the library that makes allocations fail, and gives the environment that preloads it."""
    source = Path(__file__).with_name("no_memory.c")
    if not NO_MEMORY.exists() or NO_MEMORY.stat().st_mtime < source.stat().st_mtime:
        subprocess.run(["/usr/bin/gcc", "-O2", "-shared", "-fPIC", "-o", str(NO_MEMORY), str(source)], check=True)
    return {"LD_PRELOAD": str(NO_MEMORY), **settings}


def out_of_memory(world: World) -> None:
    """Allocations fail now and then: the process that meets it ends and is started again; nothing it promised is lost."""
    starts = _deaths(world)
    world.wait(lambda: _deaths(world) > starts, 60, "a process to die for want of memory")
    time.sleep(1)


def _deaths(world: World) -> int:
    """Workers that Kore started again, and starts of the two processes."""
    said = world.app.serve.log.read_text(errors="replace") + world.app.ingest.log.read_text(errors="replace")
    return said.count("restarting worker") + said.count(": listening on") + said.count("consumers")


def no_descriptors(world: World) -> None:
    """serve's workers may not open any more descriptors than they have, while many clients knock."""
    workers = world.app.workers()
    before = {}
    for pid in workers:
        before[pid] = resource.prlimit(pid, resource.RLIMIT_NOFILE)
        resource.prlimit(pid, resource.RLIMIT_NOFILE, (len(glob.glob(f"/proc/{pid}/fd/*")), before[pid][1]))
    knocking = []
    for _ in range(60):
        try:
            knocking.append(socket.create_connection(("127.0.0.1", world.app.port), timeout=1))
        except OSError:
            break
    time.sleep(3)
    for connection in knocking:
        connection.close()
    left = set(world.app.workers())
    for pid in left & set(workers):
        resource.prlimit(pid, resource.RLIMIT_NOFILE, before[pid])
    assert left == set(workers), "a worker died for want of descriptors"


def clock_env() -> dict[str, str]:
    library = next(iter(glob.glob("/usr/lib/*/faketime/libfaketimeMT.so.1")), "")
    assert library, "libfaketime is not installed (Debian's package faketime)"
    CLOCK_FILE.write_text("+0\n")
    return {"LD_PRELOAD": library, "FAKETIME_TIMESTAMP_FILE": str(CLOCK_FILE), "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "FAKETIME_CACHE_DURATION": "1"}


def jump_clock(world: World) -> None:
    """The wall clock jumps by hours in both directions; time limits go by the monotonic one."""
    try:
        for jump in ("+7200", "-7200", "+0"):
            CLOCK_FILE.write_text(jump + "\n")
            time.sleep(2.5)  # the processes look at the file once a second
            started = time.monotonic()
            assert requests.get(f"{world.app.base_url}/hello", timeout=5).ok
            assert time.monotonic() - started < 2, "a request waits for a clock that jumped"
            world.recover()
    finally:
        CLOCK_FILE.write_text("+0\n")
    seen = requests.get(f"{world.app.base_url}/v1/popular?n=1", timeout=5).json()["as_of"]
    assert seen, "no time in an answer"


def slow_clients(world: World) -> None:
    """Connections that send a head or a body byte by byte are ended with 408; others do not notice."""
    head = b"POST /v1/coupons HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 5000\r\n"
    slow = [socket.create_connection(("127.0.0.1", world.app.port), timeout=5) for _ in range(100)]
    for number, connection in enumerate(slow):
        connection.sendall(head[: 20 + number % 60] if number % 2 else head + b"\r\n{")
    took = []
    ended, deadline = 0, time.monotonic() + 60
    while ended < len(slow) and time.monotonic() < deadline:
        started = time.monotonic()
        assert requests.get(f"{world.app.base_url}/hello", timeout=5).ok
        took.append(time.monotonic() - started)
        for number, connection in enumerate(slow):
            if connection is None:
                continue
            try:
                connection.setblocking(False)
                data = connection.recv(4096)
                assert data == b"" or b" 408 " in data[:20], data[:100]
                ended, slow[number] = ended + 1, None
                connection.close()
            except BlockingIOError:
                try:
                    connection.sendall(b" ")
                except OSError:
                    ended, slow[number] = ended + 1, None
            except OSError:
                ended, slow[number] = ended + 1, None
        time.sleep(0.3)
    assert ended == len(slow), f"{len(slow) - ended} slow connections were never ended"
    assert statistics.median(took) < 0.5, f"others wait {statistics.median(took):.2f} s"


FAULTS = [
    Fault("27", "allocations fail", "machine", 5, out_of_memory, mixed=False,
          options={"keep_running": True, "preload": lambda: no_memory_env(NO_MEMORY_AFTER="200000", NO_MEMORY_ONE_IN="400000")}),
    Fault("28", "no descriptors are left", "api", 3, no_descriptors, short=True),
    Fault("29", "the clock jumps", "machine", 2, jump_clock, options={"preload": clock_env}),
    Fault("32", "slow clients", "api", 1, slow_clients),
]
