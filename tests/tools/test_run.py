"""What tools/run.py decides before it starts anything: settings and ports."""

from __future__ import annotations

import socket
from pathlib import Path
from types import SimpleNamespace

import pytest

import run
from processes import StackError, free_ports


def test_env_file(tmp_path: Path) -> None:
    path = tmp_path / ".env"
    path.write_text("# comment\nPORT=6000\nexport BIND = '0.0.0.0'\nEMPTY=\nURL=\"a=b\"\n#X=1\nno equals sign\n")
    assert run.read_env_file(path) == {"PORT": "6000", "BIND": "0.0.0.0", "EMPTY": "", "URL": "a=b"}
    assert run.read_env_file(tmp_path / "absent") == {}


@pytest.mark.parametrize("text", ["", "x", "0", "65536", "127.0.0.1:", "5000x"])
def test_bad_port(text: str) -> None:
    with pytest.raises(StackError, match="PORT="):
        run.port_of({"PORT": text}, "PORT")


def settings() -> dict[str, str]:
    ports = [str(port) for port in free_ports(40, 30000, 32700)]
    return {"PORT": ports[0], "OPS_BIND": f"127.0.0.1:{ports[1]}", "DATABASE_PORT": ports[2], "KAFKA_PORT": ports[-1]}


def test_two_settings_with_one_port() -> None:
    env = settings()
    with pytest.raises(StackError, match="DATABASE_PORT and PORT both use"):
        run.require_ports({**env, "DATABASE_PORT": env["PORT"]})
    with pytest.raises(StackError, match="both use"):
        run.require_ports({**env, "PORT": str(int(env["KAFKA_PORT"]) + 1)})


@pytest.mark.parametrize("name", ["PORT", "OPS_BIND", "DATABASE_PORT", "KAFKA_PORT"])
def test_a_taken_port_is_named(name: str) -> None:
    env = settings()
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", run.port_of(env, name)))
        taken.listen()
        with pytest.raises(StackError, match=f"is taken.*{name}="):
            run.require_ports(env)


def test_settings_for_the_command_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only what Tipster reads, as it reads it back, and for its owner's eyes alone."""
    monkeypatch.setattr(run, "STATE", tmp_path)
    env = {"PORT": "6000", "DATABASE_URL": "mysql://u:secret@h/d", "HOME": "/root", "KAFKA_PORT": "9092"}
    path = run.write_settings(SimpleNamespace(env=env))
    assert run.read_env_file(path) == {"PORT": "6000", "DATABASE_URL": "mysql://u:secret@h/d"}
    assert path.stat().st_mode & 0o777 == 0o600
