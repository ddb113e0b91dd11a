"""The Debian package in a minimal Debian of its own: it installs with what it depends on and nothing more, each service starts
as its user with the settings in /etc/tipster, and nothing is left of it when it is purged.

mmdebstrap makes the system below /tmp, calls this file (as a program) with its folder before it is packed up, and removes it. The
servers are the test's, on this machine's loopback. Needs root, and build-deb/*.deb from tools/package.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).resolve()
TOP = HERE.parent.parent.parent
SETTINGS = "etc/tipster/tipster.env"
SERVICES = ("ingest", "index", "serve")
FOR_SHELLS = {"/usr/share/man/man1/tipster.1.gz", "/usr/share/bash-completion/completions/tipster.bash",
              "/usr/share/zsh/vendor-completions/_tipster"}


def test_it_installs_starts_and_is_purged(servers: Any, tmp_path: Path) -> None:
    from fixtures import FIRST_PORT, LAST_PORT
    from stack import free_ports

    if os.getuid() != 0:
        pytest.skip("needs root: a system of its own is made")
    (package,) = (TOP / "build-deb").glob("tipster_*.deb")
    database, kafka = servers
    port, ops_port = free_ports(2, FIRST_PORT, LAST_PORT)
    settings = tmp_path / "settings"
    settings.write_text(f"DATABASE_URL={database.url()}\nKAFKA_BOOTSTRAP_SERVERS={kafka.bootstrap}\nPORT={port}\n"
                        f"OPS_BIND=127.0.0.1:{ops_port}\nKAFKA_PARTITIONS=4\nVIEW_DIR=/var/lib/tipster/view\n")
    done = subprocess.run([
        "/usr/bin/mmdebstrap", "--quiet", "--variant=apt", "--dpkgopt=force-unsafe-io", "--include=systemd-standalone-sysusers",
        f"--customize-hook=/usr/bin/python3 {HERE} {package} {settings} \"$1\"", "bookworm", "/dev/null"],
        capture_output=True, text=True, check=False, timeout=600)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-6000:]
    assert "purged: nothing is left" in done.stderr, done.stderr  # where mmdebstrap puts what its hooks say


# --- inside, called by mmdebstrap


class Inside:
    def __init__(self, root: Path) -> None:
        self.root = root

    def argv(self, *command: str, user: str = "root") -> list[str]:
        """As the service manager would run it: the settings in the environment, its user, no capabilities."""
        become = ["setpriv", "--reuid", user, "--regid", user, "--clear-groups", "--inh-caps=-all", "--bounding-set=-all",
                  "--no-new-privs"] if user != "root" else []
        return ["chroot", str(self.root), *become, *command]

    def run(self, *command: str, user: str = "root", env: dict[str, str] | None = None) -> str:
        done = subprocess.run(self.argv(*command, user=user), capture_output=True, text=True, check=False,
                              env={"PATH": os.environ["PATH"], "DEBIAN_FRONTEND": "noninteractive", **(env or {})})
        assert done.returncode == 0, f"{command}: {done.stdout[-2000:]}{done.stderr[-2000:]}"
        return done.stdout

    def files(self) -> set[str]:
        """Every path but those that any installation changes."""
        ours = subprocess.run(["find", str(self.root), "-xdev", "-not", "-type", "d", "-printf", "%P\n"],
                              capture_output=True, text=True, check=True).stdout
        return {path for path in ours.splitlines() if "tipster" in path and not path.startswith(("proc/", "sys/", "dev/", "tmp/"))}


def wait_ready(url: str, processes: dict[str, subprocess.Popen]) -> None:
    deadline = time.monotonic() + 60
    while True:
        for name, process in processes.items():
            assert process.poll() is None, f"{name} has ended with status {process.returncode}"
        try:
            with urllib.request.urlopen(url, timeout=5) as answer:
                if answer.status == 200:
                    return
        except OSError as error:
            assert time.monotonic() < deadline, f"{url}: {error}"
        time.sleep(0.1)


def run_services(inside: Inside, settings: dict[str, str]) -> None:
    inside.run("install", "-d", "-o", "tipster", "-g", "tipster", "-m", "0750", "/var/lib/tipster")  # StateDirectory=
    print(inside.run("tipster", "migrate", user="tipster", env=settings))
    processes = {verb: subprocess.Popen(inside.argv("tipster", verb, user="tipster"), env={"PATH": os.environ["PATH"], **settings})
                 for verb in SERVICES}
    try:
        wait_ready(f"http://{settings['OPS_BIND']}/readyz", processes)
        wait_ready(f"http://127.0.0.1:{settings['PORT']}/openapi.json", processes)
        key = inside.run("tipster", "--env", f"/{SETTINGS}", "company", "add", "acme")
        assert "acme" in key
    finally:
        for process in processes.values():
            process.terminate()
        statuses = {verb: process.wait(30) for verb, process in processes.items()}
    assert statuses == {verb: 0 for verb in SERVICES}, statuses


def main(package: str, settings_file: str, folder: str) -> None:
    inside = Inside(Path(folder))
    before = inside.files()
    (inside.root / "tmp/tipster.deb").write_bytes(Path(package).read_bytes())
    inside.run("apt-get", "install", "-y", "--no-install-recommends", "/tmp/tipster.deb")
    owner = inside.run("stat", "-c", "%U %G %a", f"/{SETTINGS}").strip()
    assert owner == "root tipster 640", owner
    assert (inside.root / SETTINGS).read_text() == (TOP / "template.env").read_text()
    assert FOR_SHELLS <= set(inside.run("dpkg", "-L", "tipster").splitlines())
    text = Path(settings_file).read_text()
    with open(inside.root / SETTINGS, "a") as file:
        file.write(text)
    run_services(inside, dict(line.split("=", 1) for line in text.splitlines()))

    # Installed again, as by an upgrade: what was set stays. Removed: settings and view stay. Purged: nothing does.
    inside.run("apt-get", "install", "-y", "--reinstall", "/tmp/tipster.deb")
    assert (inside.root / SETTINGS).read_text().endswith(text)
    assert inside.run("stat", "-c", "%U %G %a", f"/{SETTINGS}").strip() == owner
    inside.run("apt-get", "remove", "-y", "tipster")
    assert (inside.root / SETTINGS).exists() and not (inside.root / "usr/bin/tipster").exists()
    inside.run("apt-get", "purge", "-y", "tipster")
    left = inside.files() - before
    assert not left, left
    print("purged: nothing is left")


if __name__ == "__main__":
    main(*sys.argv[1:])
