"""tools/processes.py: children are ready when they say so, die when told to, and never outlive their supervisor."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from processes import Process, StackError, free_ports, require_free_port

TOOLS = Path(__file__).resolve().parents[2] / "tools"


def gone(pid: int, timeout_s: float = 5) -> bool:
    """The process has ended (a zombie counts) within the time."""
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        try:
            if Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] == "Z":
                return True
        except OSError:
            return True
        time.sleep(0.01)
    return False


def wait_for(path: Path, timeout_s: float = 5) -> str:
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        if path.exists() and path.read_text().endswith("\n"):
            return path.read_text().strip()
        time.sleep(0.01)
    raise AssertionError(f"{path} was never written")


def test_ready(tmp_path: Path) -> None:
    flag = tmp_path / "flag"
    child = Process("child", ["sh", "-c", f"sleep 0.2; echo yes > {flag}; exec sleep 60"], tmp_path / "log", ready=flag.exists)
    try:
        child.start()
        assert flag.exists() and child.running()
    finally:
        child.stop()
    assert not child.running()


def test_death_before_ready_shows_the_log(tmp_path: Path) -> None:
    child = Process("child", ["sh", "-c", "echo no such thing; exit 3"], tmp_path / "log", ready=lambda: False)
    with pytest.raises(StackError, match=r"child ended \(status 3\)(.|\n)*no such thing"):
        child.start()


def test_never_ready(tmp_path: Path) -> None:
    child = Process("child", ["sleep", "60"], tmp_path / "log", ready=lambda: False, ready_timeout_s=0.2)
    try:
        with pytest.raises(StackError, match="child is not ready after"):
            child.start()
    finally:
        child.stop()


def test_missing_program(tmp_path: Path) -> None:
    with pytest.raises(StackError, match="cannot start child: /no/such/program"):
        Process("child", ["/no/such/program"], tmp_path / "log").start()


def test_stop_ends_grandchildren_and_the_deaf(tmp_path: Path) -> None:
    note = tmp_path / "pid"
    child = Process("child", ["sh", "-c", f"trap '' TERM; sleep 60 & echo $! > {note}; wait; sleep 60"], tmp_path / "log",
                    stop_timeout_s=0.3)
    child.start()
    grandchild = int(wait_for(note))
    assert grandchild in child.children()
    child.stop()
    assert not child.running() and gone(grandchild)


def test_pause_and_resume(tmp_path: Path) -> None:
    child = Process("child", ["sleep", "60"], tmp_path / "log").start()
    try:
        child.pause()
        deadline = time.monotonic() + 5
        state = ""
        while state != "T" and time.monotonic() < deadline:
            state = Path(f"/proc/{child.pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
        assert state == "T"
        child.stop()  # a frozen child is ended as well
        assert not child.running()
    finally:
        child.kill9()


def test_a_child_started_in_a_short_thread_lives_on(tmp_path: Path) -> None:
    child = Process("child", ["sleep", "60"], tmp_path / "log")
    thread = threading.Thread(target=child.start)
    thread.start()
    thread.join()
    try:
        assert not gone(child.pid, timeout_s=0.3)
    finally:
        child.kill9()


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_children_end_with_their_supervisor(tmp_path: Path, number: int) -> None:
    note = tmp_path / "pid"
    script = (f"import sys, time; sys.path.insert(0, {str(TOOLS)!r})\n"
              "from pathlib import Path\nfrom processes import Process\n"
              f"child = Process('child', ['sleep', '60'], Path({str(tmp_path / 'log')!r})).start()\n"
              f"open({str(note)!r}, 'w').write(f'{{child.pid}}\\n')\ntime.sleep(60)\n")
    supervisor = subprocess.Popen([sys.executable, "-c", script])
    pid = int(wait_for(note))
    os.kill(supervisor.pid, number)
    supervisor.wait()
    assert gone(pid)


def test_taken_port() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(StackError, match=f"port {port} on 127.0.0.1 is taken.*with SETTING="):
            require_free_port(port, "SETTING")
        assert port not in free_ports(3, port, port + 50)
