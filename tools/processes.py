"""Child processes for a supervisor: started in a session of their own, watched, stopped for certain.

Process wraps one child with its log and its readiness; the port helpers say early and clearly what is taken. A child ends when
the Python process that started it ends, however that happens. StackError carries one line for the person at the terminal.
"""

from __future__ import annotations

import ctypes
import os
import queue
import secrets
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Callable, Iterable, Mapping, Optional, Sequence

LOG_ROTATE_BYTES = 10 * 1024 * 1024
PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None, use_errno=True)


class StackError(Exception):
    """Something could not be started; the text begins with one line that says what and what to change."""


def require_free_port(port: int, setting: str, address: str = "127.0.0.1") -> None:
    """Raises StackError when nobody can listen there; names the setting that chooses another port."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((address, port))
        except OSError as error:
            raise StackError(
                f"port {port} on {address} is taken ({error.strerror}); choose another one with {setting}=…"
            ) from None


def free_ports(count: int, first: int, last: int) -> list[int]:
    """Ports of first..last that nobody listens on just now, in a row of their own each."""
    found: list[int] = []
    start = first + secrets.randbelow(max(1, last - first - count))
    for port in [*range(start, last + 1), *range(first, start)]:
        try:
            require_free_port(port, "")
        except StackError:
            continue
        found.append(port)
        if len(found) == count:
            return found
    raise StackError(f"no {count} free ports between {first} and {last}")


class _Spawner:
    """One thread that lives as long as Python and starts every child.

    The kernel sends a child its parent-death signal when the *thread* that started it ends; a test may start processes
    from short-lived threads.
    """

    def __init__(self) -> None:
        self._jobs: queue.Queue = queue.Queue()
        self._lock = threading.Lock()
        self._thread: Optional[threading.Thread] = None

    def _run(self) -> None:
        while True:
            make, answer = self._jobs.get()
            try:
                answer.put((make(), None))
            except BaseException as error:  # handed to the caller
                answer.put((None, error))

    def popen(self, *args, **kwargs) -> subprocess.Popen:
        with self._lock:
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._run, name="spawner", daemon=True)
                self._thread.start()
        answer: queue.Queue = queue.Queue()
        self._jobs.put((lambda: subprocess.Popen(*args, **kwargs), answer))
        child, error = answer.get()
        if error is not None:
            raise error
        return child


_spawner = _Spawner()


def _die_with(parent: int) -> Callable[[], None]:
    def in_child() -> None:
        _libc.prctl(PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
        if os.getppid() != parent:
            os._exit(1)

    return in_child


def _pids_of_session(session: int) -> list[int]:
    pids = []
    for entry in os.listdir("/proc"):
        if not entry.isdigit():
            continue
        try:
            fields = Path("/proc", entry, "stat").read_text().rsplit(")", 1)[1].split()
        except (OSError, IndexError):
            continue
        if int(fields[3]) == session and fields[0] != "Z":
            pids.append(int(entry))
    return pids


def last_lines(path: Path, count: int = 15) -> str:
    """The end of a log, for error messages."""
    try:
        with open(path, "rb") as log:
            log.seek(max(0, os.path.getsize(path) - 16384))
            return "\n".join(log.read().decode("utf-8", "replace").splitlines()[-count:])
    except OSError:
        return ""


class Process:
    """One child in a session of its own, its output appended to a log.

    `ready` is called again and again until it returns true; the child dying first is an error with the log's end.
    """

    def __init__(
        self,
        name: str,
        argv: Sequence[str | os.PathLike],
        log: Path,
        env: Optional[Mapping[str, str]] = None,
        ready: Optional[Callable[[], bool]] = None,
        ready_timeout_s: float = 30.0,
        stop_timeout_s: float = 15.0,
        cwd: Optional[Path] = None,
    ) -> None:
        self.name = name
        self.argv = [str(part) for part in argv]
        self.log = Path(log)
        self.env = dict(env) if env is not None else None
        self.ready = ready
        self.ready_timeout_s = ready_timeout_s
        self.stop_timeout_s = stop_timeout_s
        self.cwd = cwd
        self.child: Optional[subprocess.Popen] = None

    @property
    def pid(self) -> int:
        if self.child is None:
            raise StackError(f"{self.name} was never started")
        return self.child.pid

    def running(self) -> bool:
        return self.child is not None and self.child.poll() is None

    def start(self, wait: bool = True) -> "Process":
        """Starts the child; with `wait`, returns once it is ready."""
        if self.running():
            raise StackError(f"{self.name} is running already")
        self.log.parent.mkdir(parents=True, exist_ok=True)
        if self.log.exists() and self.log.stat().st_size > LOG_ROTATE_BYTES:
            self.log.replace(self.log.with_name(self.log.name + ".1"))
        with open(self.log, "ab") as output:
            try:
                self.child = _spawner.popen(
                    self.argv,
                    env=self.env,
                    cwd=self.cwd,
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                    preexec_fn=_die_with(os.getpid()),
                )
            except OSError as error:
                raise StackError(f"cannot start {self.name}: {self.argv[0]}: {error.strerror}") from None
        if wait:
            self.wait_ready()
        return self

    def wait_ready(self, timeout_s: Optional[float] = None) -> None:
        if self.ready is None:
            return
        timeout_s = self.ready_timeout_s if timeout_s is None else timeout_s
        deadline = time.monotonic() + timeout_s
        while True:
            self.require_running()
            if self.ready():
                return
            if time.monotonic() > deadline:
                raise StackError(f"{self.name} is not ready after {timeout_s:.0f} s; its log is {self.log}:\n"
                                 + last_lines(self.log))
            time.sleep(0.05)

    def require_running(self) -> None:
        """Raises StackError with the log's last lines when the child has ended."""
        if not self.running():
            status = self.child.returncode if self.child is not None else None
            how = f"signal {-status}" if status is not None and status < 0 else f"status {status}"
            raise StackError(f"{self.name} ended ({how}); the end of {self.log}:\n" + last_lines(self.log))

    def children(self) -> list[int]:
        """The processes that the child started (a server's workers), in the order of their ids."""
        return [pid for pid in sorted(_pids_of_session(self.pid)) if pid != self.pid]

    def signal(self, number: int) -> None:
        if self.running():
            os.kill(self.pid, number)

    def _signal_all(self, number: int) -> None:
        if self.child is None:
            return
        for pid in _pids_of_session(self.pid):
            try:
                os.kill(pid, number)
            except ProcessLookupError:
                pass

    def stop(self) -> Optional[int]:
        """SIGTERM, a bounded wait, then SIGKILL; what the child had started ends as well. Its exit status, or None."""
        if self.child is None:
            return None
        self._signal_all(signal.SIGCONT)
        if self.child.poll() is None:
            self.child.send_signal(signal.SIGTERM)
            try:
                self.child.wait(self.stop_timeout_s)
            except subprocess.TimeoutExpired:
                pass
        self.kill9()
        return self.child.returncode

    def kill9(self) -> None:
        """kill -9 for the child and for whatever it started."""
        if self.child is None:
            return
        self._signal_all(signal.SIGKILL)
        self.child.wait()
        # Children that were being started in that moment; the session's id stays theirs until they are gone.
        deadline = time.monotonic() + 5
        while _pids_of_session(self.child.pid) and time.monotonic() < deadline:
            self._signal_all(signal.SIGKILL)
            time.sleep(0.01)

    def restart(self, wait: bool = True) -> "Process":
        self.stop()
        return self.start(wait)

    def pause(self) -> None:
        self._signal_all(signal.SIGSTOP)

    def resume(self) -> None:
        self._signal_all(signal.SIGCONT)


def http_ready(url: str) -> Callable[[], bool]:
    """A readiness check: the URL answers 200."""

    def check() -> bool:
        try:
            with urllib.request.urlopen(url, timeout=2) as answer:
                return answer.status == 200
        except (OSError, urllib.error.URLError):
            return False

    return check


def run_logged(what: str, argv: Sequence[str | os.PathLike], log: Path, env: Optional[Mapping[str, str]] = None) -> None:
    log.parent.mkdir(parents=True, exist_ok=True)
    with open(log, "ab") as output:
        try:
            status = subprocess.run([str(part) for part in argv], stdin=subprocess.DEVNULL, stdout=output,
                                    stderr=subprocess.STDOUT, env=env, check=False).returncode
        except OSError as error:
            raise StackError(f"{what}: {argv[0]}: {error.strerror} (tools/install run installs what is missing)") from None
    if status != 0:
        raise StackError(f"{what} failed (status {status}); the end of {log}:\n" + last_lines(log))


def stop_all(parts: Iterable) -> None:
    """Stops in the given order; one that fails does not keep the others running."""
    for part in parts:
        try:
            part.stop()
        except Exception as error:  # noqa: BLE001 - every part gets its turn
            try:
                print(f"stopping {part}: {error}", file=sys.stderr)
            except OSError:
                pass
