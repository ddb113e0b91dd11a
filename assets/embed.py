#!/usr/bin/python3
"""Turns the files of assets.list into one C file: their bytes (by the assembler's .incbin), types and ETags.

    embed.py LIST OUTPUT        the build calls it; see src/http/meson.build and src/http/assets.h

The server answers pages from its own image: it needs no file system in its sandbox, and a page never belongs to another
version than the server behind it.
"""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path

MEDIA_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".json": "application/json",
    ".svg": "image/svg+xml",
}


def entries(list_path: Path) -> list[tuple[str, Path]]:
    """(path of the request, file) of every line."""
    lines = (line.split("#")[0].split() for line in list_path.read_text().splitlines())
    return [(path, (list_path.parent / name).resolve()) for path, name in (line for line in lines if line)]


def source_of(number: int, path: str, file: Path) -> tuple[str, str]:
    """The bytes and the table row of one file."""
    content = file.read_bytes()
    tag = hashlib.sha256(content).hexdigest()[:32]
    escaped = str(file).replace("\\", "\\\\").replace('"', '\\"')
    data = (f'__asm__(".section .rodata\\n.balign 16\\nasset_{number}:\\n.incbin \\"{escaped}\\"\\n.byte 0\\n.previous\\n");\n'
            f"extern const char asset_{number}[];\n")
    row = f'    {{"{path}", "{MEDIA_TYPES[file.suffix]}", "\\"{tag}\\"", {{asset_{number}, {len(content)}}}}},\n'
    return data, row


def main() -> None:
    list_path, output = Path(sys.argv[1]), Path(sys.argv[2])
    sources = [source_of(number, path, file) for number, (path, file) in enumerate(entries(list_path))]
    output.write_text("/* Made by assets/embed.py. */\n#include \"http/assets.h\"\n\n"
                      + "".join(data for data, _ in sources)
                      + "\nconst struct asset assets[] = {\n" + "".join(row for _, row in sources)
                      + f"}};\nconst size_t asset_count = {len(sources)};\n")


if __name__ == "__main__":
    main()
