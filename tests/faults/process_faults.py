"""Faults of the project's own processes: rows 1-8 and 31 of the table."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import time
from typing import Callable

from groups import owned
from stack import Process
from world import FAULTS_BUILD, Fault, World, kill_parent

FENCED = 3  # ingest's exit status when another process of its name runs
FROZEN_S = float(os.environ.get("FROZEN_S", "60"))


def kill_worker(world: World) -> None:
    """Another one takes its place."""
    world.wait(world.app.workers, 15, "workers of serve")
    workers = world.app.workers()
    victim = random.choice(workers)
    with contextlib.suppress(ProcessLookupError):
        os.kill(victim, signal.SIGKILL)
    world.wait(lambda: victim not in (now := world.app.workers()) and len(now) >= len(workers), 15, "another worker")


def kill_api_parent(world: World) -> None:
    """The workers must not live on without it, holding the port."""
    left = world.app.workers()
    kill_parent(world.app.serve)
    world.wait(lambda: not any(_lives(pid) for pid in left), 15, "the end of workers whose parent is gone")
    world.app.serve.start()


def _lives(pid: int) -> bool:
    try:
        with open(f"/proc/{pid}/stat") as stat:
            return stat.read().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def kill_ingest(world: World) -> None:
    world.app.ingest.kill9()
    world.app.ingest.start()


def die_at_point(point: str) -> Callable[[World], None]:
    """Ingest goes on with TIPSTER_FAULT until it has died of it; then without."""

    def inject(world: World) -> None:
        ingest = world.app.ingest
        ingest.env["TIPSTER_FAULT"] = point
        try:
            ingest.restart()
            world.wait(lambda: not ingest.running(), 60, "ingest to die at its fault point")
            assert ingest.child.returncode == -signal.SIGKILL, ingest.child.returncode
        finally:
            del ingest.env["TIPSTER_FAULT"]
        ingest.start()

    return inject


def freeze_ingest(world: World) -> None:
    """A successor takes over its partitions; what it still holds is fenced when it wakes."""
    if not world.others:
        successor = world.more_ingest(2)
        world.wait(lambda: owned(successor) > 0, 60, "a second process to have partitions")
    world.app.ingest.pause()
    try:
        time.sleep(FROZEN_S)
        world.recover()
    finally:
        world.app.ingest.resume()
    time.sleep(1)
    world.restart_ingest()


def add_and_remove(world: World) -> None:
    """Three processes, of which one after the other leaves and comes back."""
    while len(world.others) < 2:
        world.more_ingest(len(world.others) + 2)
    for process in [*world.others, world.app.ingest]:
        process.stop() if random.random() < 0.5 else process.kill9()
        time.sleep(0.5)
        process.start()
        time.sleep(1)


def same_name_twice(world: World) -> None:
    """The later process of one instance name stays, the earlier ends."""
    older = world.app.ingest
    twin = world.more_ingest(len(world.others) + 2, start=False)
    twin.env["INGEST_INSTANCE"] = older.env["INGEST_INSTANCE"]
    twin.start()
    world.wait(lambda: not older.running(), 60, "the older process of one name to end")
    assert older.child.returncode == FENCED, f"it ended with {older.child.returncode}"
    twin.stop()
    world.others.remove(twin)  # the others have names of their own
    older.start()


def sigterm_api(world: World) -> None:
    """Each worker says at its end that it is one: nobody else would tell of one that dies while it ends."""
    serve = world.app.serve
    workers, before = len(world.app.workers()), _workers_ended(serve)
    assert serve.stop() == 0, f"it ended with {serve.child.returncode}"
    assert _workers_ended(serve) == before + workers, "a worker died while it ended"
    serve.start()


def _workers_ended(serve: Process) -> int:
    return serve.log.read_text(errors="replace").count("has ended")


def sigterm_ingest(world: World) -> None:
    assert world.app.ingest.stop() == 0
    world.app.ingest.start()


FAULTS = [
    Fault("1", "a worker of serve dies", "api", 10, kill_worker, short=True),
    Fault("2", "serve's parent dies", "api", 5, kill_api_parent, short=True),
    Fault("3", "ingest dies in a batch", "ingest", 10, kill_ingest),
    Fault("4", "ingest dies before COMMIT", "ingest", 5, die_at_point("before-commit:20"), short=True,
          options={"build_dir": FAULTS_BUILD}),
    Fault("5", "ingest dies after COMMIT", "ingest", 5, die_at_point("after-commit:20"), short=True,
          options={"build_dir": FAULTS_BUILD}),
    Fault("6", f"ingest is frozen for {FROZEN_S:.0f} s", "ingest", 2, freeze_ingest),
    Fault("7", "ingest processes come and go", "ingest", 3, add_and_remove),
    Fault("8", "two processes of one name", "ingest", 3, same_name_twice),
    Fault("31", "SIGTERM to serve", "api", 5, sigterm_api),
    Fault("31", "SIGTERM to ingest", "ingest", 5, sigterm_ingest),
]
