"""The systemd units of conf/systemd: valid, as confined as they say, and not more confined than the programs can live with."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import requests

from patience import wait_for
from scrape import metrics, total
from stack import TOP

UNITS = TOP / "conf" / "systemd"
COMMON = UNITS / "tipster-.service.d" / "tipster.conf"
SERVICES = ("tipster-serve", "tipster-ingest", "tipster-index", "tipster-migrate")
EXPOSURE_MAX = 1.2  # systemd's scale: 0 is a program that can do nothing, 10 one without any confinement
SANDBOX = [sys.executable, str(TOP / "tests" / "e2e" / "sandboxed.py"), str(COMMON)]


def analyze(*arguments: str) -> subprocess.CompletedProcess:
    return subprocess.run(["/usr/bin/systemd-analyze", "--no-pager", *arguments], capture_output=True, text=True, check=False)


@pytest.fixture
def units(tmp_path: Path) -> list[str]:
    """Copies of the units that start a program which is there."""
    shutil.copytree(UNITS, tmp_path / "units")
    found = [tmp_path / "units" / f"{name}.service" for name in SERVICES]
    for path in found:
        assert path.read_text().count("ExecStart=/usr/bin/tipster ") == 1
        path.write_text(path.read_text().replace("/usr/bin/tipster ", "/usr/bin/true "))
    return [str(path) for path in found]


def test_all_units_are_valid(units: list[str]) -> None:
    assert {path.stem for path in UNITS.glob("*.service")} == set(SERVICES)
    done = analyze("verify", *units)
    assert done.returncode == 0 and not done.stderr.strip(), done.stderr


def test_exposure_is_low(units: list[str]) -> None:
    done = analyze("security", "--offline=true", *units)
    found = dict(re.findall(r"Overall exposure level for (\S+)\.service: ([0-9.]+)", done.stdout))
    print(found)
    assert set(found) == set(SERVICES) and all(float(level) <= EXPOSURE_MAX for level in found.values()), found


def test_each_verb_has_its_unit() -> None:
    started = {re.search(r"^ExecStart=/usr/bin/tipster (\w+)$", (UNITS / f"{name}.service").read_text(), re.MULTILINE)[1]
               for name in SERVICES}
    assert started == {"serve", "ingest", "index", "migrate"}


@pytest.mark.parametrize("code", ["import socket; socket.socket(socket.AF_PACKET, socket.SOCK_RAW)",
                                  "import mmap; mmap.mmap(-1, 4096, prot=mmap.PROT_WRITE | mmap.PROT_EXEC)",
                                  "import os; os.chown('/tmp', 0, 0)"])
def test_the_sandbox_of_this_test_confines(code: str) -> None:
    good = subprocess.run([*SANDBOX, "/usr/bin/python3", "-c", "import socket; socket.socket()"], capture_output=True, check=False)
    assert good.returncode == 0, good.stderr
    bad = subprocess.run([*SANDBOX, "/usr/bin/python3", "-c", code], capture_output=True, check=False)
    assert bad.returncode == -31, bad  # SIGSYS


def test_what_the_units_allow_is_enough(server_factory: Any) -> None:
    app = server_factory(start=False, index=True)
    app.migrate()
    for process in (app.serve, app.ingest, app.index):
        process.argv = [*SANDBOX, *process.argv]
        process.start()
    coupon = {"coupon_id": "c1", "user_id": "u1", "stake": 1, "timestamp": "2026-11-01T10:00:00Z",
              "selections": [{"event_id": "e1", "odds": 2}]}
    # A broker that has just been started may still answer the first write too late.
    wait_for(lambda: requests.post(f"{app.base_url}/v1/coupons", json=coupon, timeout=10).status_code == 202, "a 202")
    app.wait_caught_up()
    assert requests.get(f"{app.base_url}/v1/coupons/c1", timeout=10).status_code == 200
    assert requests.get(f"{app.base_url}/v1/recommendations/u1", timeout=10).status_code == 200
    wait_for(lambda: (Path(app.env["VIEW_DIR"]) / "current").exists(), "the view", 60)
    assert requests.get(f"{app.ops_url}/readyz", timeout=10).status_code == 200
    key = app.key("acme", "read")  # SIGHUP works
    assert requests.get(f"{app.base_url}/v1/popular", headers={"X-API-Key": key}, timeout=10).status_code == 200
    assert total(metrics(app), "tipster_worker_starts_total") == len(app.workers()), "a worker died"
    for process in app.processes():
        assert process.running() and process.stop() == 0, process.log.read_text()[-2000:]
