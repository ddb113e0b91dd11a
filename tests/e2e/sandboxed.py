#!/usr/bin/python3
"""Runs a program under the system calls and address families that a unit of conf/systemd allows, as systemd would; whatever is
beyond them ends it, where systemd would answer EPERM.

    sandboxed.py DROPIN PROGRAM [ARGUMENT…]      DROPIN: conf/systemd/tipster-.service.d/tipster.conf
"""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
from pathlib import Path

import seccomp

PROT_WRITE, PROT_EXEC = 2, 4


def setting(text: str, name: str) -> list[str]:
    return re.findall(rf"^{name}=(.*)$", text, re.MULTILINE)


def calls_of(group: str) -> set[str]:
    """The system calls of a name or a group (@…), as this machine's systemd has them."""
    if not group.startswith("@"):
        return {group}
    listed = subprocess.run(["/usr/bin/systemd-analyze", "--no-pager", "syscall-filter", group], capture_output=True, text=True,
                            check=True).stdout.splitlines()
    names = {line.strip() for line in listed if not line.strip().startswith("#")} - {group, ""}
    return set().union(*(calls_of(name) for name in names))


def allowed_calls(text: str) -> set[str]:
    found: set[str] = set()
    for value in setting(text, "SystemCallFilter"):
        removed = value.startswith("~")
        calls = set().union(*(calls_of(word) for word in value.removeprefix("~").split()))
        found = found - calls if removed else found | calls
    return found


def load(text: str) -> None:
    families = [getattr(socket, name) for name in setting(text, "RestrictAddressFamilies")[0].split()]
    filter_ = seccomp.SyscallFilter(seccomp.KILL_PROCESS)
    filter_.set_attr(seccomp.Attr.CTL_NNP, True)
    for call in allowed_calls(text):
        try:
            number = seccomp.resolve_syscall(seccomp.Arch(), call)
        except ValueError:
            continue
        if number < 0 or call in ("socket", "mprotect", "mmap", "pkey_mprotect"):
            continue
        filter_.add_rule(seccomp.ALLOW, call)
    for family in families:
        filter_.add_rule(seccomp.ALLOW, "socket", seccomp.Arg(0, seccomp.EQ, family))
    # MemoryDenyWriteExecute=
    filter_.add_rule(seccomp.ALLOW, "mprotect", seccomp.Arg(2, seccomp.MASKED_EQ, PROT_EXEC, 0))
    for bits in (0, PROT_WRITE, PROT_EXEC):
        filter_.add_rule(seccomp.ALLOW, "mmap", seccomp.Arg(2, seccomp.MASKED_EQ, PROT_WRITE | PROT_EXEC, bits))
    filter_.load()


if __name__ == "__main__":
    load(Path(sys.argv[1]).read_text())
    os.execv(sys.argv[2], sys.argv[2:])
