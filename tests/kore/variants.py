"""Builds probe_server over Kore with the whole patch series, or with one patch left out.

Objects are shared between variants: a source whose text and headers are the same is compiled once.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

TOP = Path(__file__).resolve().parent.parent.parent
CONF = TOP / "conf" / "kore"
PROBE = Path(__file__).resolve().parent / "probe_server.c"
CACHE = Path(os.environ.get("KORE_VARIANTS", TOP / "build" / "kore-variants"))
FLAGS = ["-std=gnu17", "-w", "-O1", "-D_GNU_SOURCE", "-DKORE_SINGLE_BINARY"]
HOOKS = {"08-error-bodies": "-DWITH_ERROR_HOOK", "17-answers-together": "-DWITH_SEND_HOOK"}  # what Kore offers with the patch alone
LIBRARIES = ["-rdynamic", "-lssl", "-lcrypto", "-ldl", "-lpthread"]


def series() -> list[str]:
    return [line.removesuffix(".patch") for line in (CONF / "patches" / "series").read_text().split()]


def sources() -> list[str]:
    """The files that make up Kore: those source.sha256 lists."""
    lines = (CONF / "source.sha256").read_text().splitlines()
    paths = [line.split()[1] for line in lines]
    return [path for path in paths if path.endswith(".c")] + ["version.c"]


def _compile(source: Path, include: Path, headers: str, flags: list[str]) -> Path:
    key = hashlib.sha256(source.read_bytes() + headers.encode() + " ".join(flags).encode()).hexdigest()
    target = CACHE / "objects" / f"{source.stem}-{key[:24]}.o"
    if not target.exists():
        temporary = target.with_suffix(f".{os.getpid()}")
        subprocess.run([os.environ.get("CC", "cc"), *FLAGS, *flags, "-I", include / "include", "-I", include / "include/kore",
                        "-I", include, "-c", source, "-o", temporary], check=True)
        temporary.rename(target)
    return target


def build(without: str | None) -> Path:
    """The path of the binary."""
    tree = CACHE / (without or "complete")
    (CACHE / "objects").mkdir(parents=True, exist_ok=True)
    leave_out = ["--without", without] if without else []
    subprocess.run([CONF / "prepare", tree, *leave_out], check=True)
    headers = hashlib.sha256()
    for header in sorted((tree / "include").rglob("*.h")) + [tree / "platform.h"]:
        headers.update(header.read_bytes())
    digest = headers.hexdigest()
    hooks = [flag for patch, flag in HOOKS.items() if patch != without]
    jobs = [(tree / name, []) for name in sources()] + [(PROBE, hooks)]
    with ThreadPoolExecutor(2) as pool:
        objects = list(pool.map(lambda job: _compile(job[0], tree, digest, job[1]), jobs))
    binary = tree / "probe_server"
    subprocess.run([os.environ.get("CC", "cc"), "-o", binary, *objects, *LIBRARIES], check=True)
    return binary
