"""What stands in a view's file, read with LMDB from outside: an opinion of its own beside the program's.

The forms of keys and values are those of src/view/layout.h.
"""

from __future__ import annotations

import os
import struct
from pathlib import Path
from typing import Any, Callable, Iterator, NamedTuple, Optional

import lmdb

from stored import EPOCH
from wire import rows

BUILDING, SERVING, RETIRED, DAMAGED = range(4)
KNOWN, WITHDRAWN = 1, 2  # of an event
USER_KNOWN, USER_OLDER, USER_FOREIGN = 1, 2, 8
TIME_BIAS = 1 << 63


class Meta(NamedTuple):
    layout: int
    state: int
    boot_id: bytes
    half_life_ms: int
    heartbeat_ms: int


class ViewFile:
    """The view at `path` (a folder), as of one moment: one read transaction. Use it in `with`."""

    def __init__(self, path: Path | str) -> None:
        self.path = Path(path)

    def __enter__(self) -> "ViewFile":
        self.env = lmdb.open(str(self.path), readonly=True, max_dbs=32, subdir=True)
        self.txn = self.env.begin()
        return self

    def __exit__(self, *_: Any) -> None:
        self.txn.abort()
        self.env.close()

    def table(self, name: str) -> Iterator[tuple[bytes, bytes]]:
        # Opened without a look at its flags: an integer key is unpacked here.
        return iter(self.txn.cursor(self.env.open_db(name.encode(), self.txn, create=False)))

    def meta(self) -> Meta:
        value = dict(self.table("meta"))[b"view"]
        layout, state, boot_id, half_life, heartbeat = struct.unpack_from("<II40sqq", value)
        return Meta(layout, state, boot_id.rstrip(b"\0"), half_life, heartbeat)

    def offsets(self) -> dict[tuple[str, int], int]:
        """{(topic, partition): next offset}"""
        found = {}
        for key, value in self.table("offsets"):
            topic, partition = key[:-5].decode(), struct.unpack(">I", key[-4:])[0]
            found[(topic, partition)] = struct.unpack_from("<Iq", value)[1]
        return found

    def event_ids(self) -> dict[int, str]:
        """{number: event_id}, of one company."""
        return {struct.unpack("<I", value)[0]: key[4:].decode() for key, value in self.table("event_ids")}

    def events(self) -> dict[str, tuple[bool, Optional[int], int]]:
        """{event_id: (withdrawn, begin or None, position)} of those that were put or withdrawn."""
        found = {}
        for _, value in self.table("events"):
            _, _, position, _, begin, _, _, _, flags, _, id_bytes = struct.unpack_from("<IIQqqqIIBBB", value)
            if position:
                name = value[len(value) - id_bytes:].decode()
                found[name] = (bool(flags & WITHDRAWN), begin if flags & KNOWN else None, position)
        return found

    def counts(self) -> dict[str, int]:
        names = self.event_ids()
        return {names[struct.unpack("<I", key)[0]]: struct.unpack("<Q", value)[0] for key, value in self.table("counts")}

    def users(self) -> dict[str, tuple[bool, bool, list[tuple[str, int]]]]:
        """{user_id: (known, has older selections than these, [(event, placed_at)])}"""
        names = self.event_ids()
        found = {}
        for key, value in self.table("users"):
            _, _, coupons, selections, _, flags = struct.unpack_from("<QqIIII", value)
            if flags & USER_FOREIGN:
                found[key[4:].decode()] = (False, True, [])
                continue
            at = 32
            placed = [struct.unpack_from("<QqII", value, at + 24 * i)[1] for i in range(coupons)]
            at += 24 * coupons
            bets = []
            for i in range(selections):
                event, _, bits = struct.unpack_from("<III", value, at + 12 * i)
                bets.append((names[event], placed[bits & 0xFFFFFF]))
            found[key[4:].decode()] = (bool(flags & USER_KNOWN), bool(flags & USER_OLDER), bets)
        return found


def current(app: Any) -> Optional[Path]:
    """The folder of the current view."""
    directory = Path(app.env["VIEW_DIR"])
    try:
        return directory / os.readlink(directory / "current")
    except OSError:
        return None


def holding(app: Any, ends: dict[tuple[str, int], int]) -> Optional[Path]:
    """The folder of the current view once it serves and holds all records before these ends; until then None."""
    path = current(app)
    if path is None:
        return None
    try:
        with ViewFile(path) as view:
            stored = view.offsets()
            serving = view.meta().state == SERVING
    except lmdb.Error:
        return None  # replaced in between
    return path if serving and all(stored.get(at, -1) >= end for at, end in ends.items()) else None


def _ms(value: Any) -> Optional[int]:
    return None if value is None else round((value - EPOCH).total_seconds() * 1000)


def differences(app: Any, path: Path, shard: Callable[[str], bool] = lambda user: True) -> list[str]:
    """Where the view does not say what the database says (one company); both must stand still."""
    with ViewFile(path) as view:
        got = {"events": view.events(), "counts": {name: n for name, n in view.counts().items() if n},
               "users": {}, "bets": {}}
        for name, (known, older, bets) in view.users().items():
            if not shard(name):
                assert not bets, f"{name} belongs to another shard"
                continue
            got["users"][name] = known
            if not older:
                got["bets"][name] = sorted(bets)
            elif len(bets) < 100:
                return [f"{name} has only {len(bets)} bets and older ones"]
            else:
                got["bets"][name] = None
    want: dict[str, dict] = {
        "events": {row[0].decode(): (bool(row[1]), _ms(row[2]), row[3])
                   for row in rows(app, "select event_id, withdrawn, begin_at, position from events")},
        "counts": {row[0].decode(): int(row[1])
                   for row in rows(app, "select event_id, sum(n) from event_counts group by event_id having sum(n) > 0")},
        "users": {row[0].decode(): True for row in rows(app, "select user_id from users") if shard(row[0].decode())},
        "bets": {},
    }
    for user, event, placed in rows(app, "select user_id, event_id, placed_at from selections"):
        if shard(user.decode()):
            want["bets"].setdefault(user.decode(), []).append((event.decode(), _ms(placed)))
    wrong = []
    for user, bets in want["bets"].items():
        want["users"].setdefault(user, False)
        want["bets"][user] = None if got["bets"].get(user, []) is None else sorted(bets)
    for user in want["users"]:
        want["bets"].setdefault(user, [])
    for table, expected in want.items():
        for name in sorted(expected.keys() | got[table].keys()):
            if expected.get(name) != got[table].get(name):
                wrong.append(f"{table} {name}: view {got[table].get(name)}, database {expected.get(name)}")
    return wrong
