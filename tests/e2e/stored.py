"""What the database holds against what the oracle says it must hold, table by table."""

from __future__ import annotations

import datetime
import json
from typing import Any, Callable

from oracle import Oracle
from wire import rows

EPOCH = datetime.datetime(1970, 1, 1)


def _text(value: Any) -> Any:
    return value.decode() if isinstance(value, (bytes, bytearray)) else value


def _ms(value: Any) -> int:
    return 0 if value is None else (value - EPOCH) // datetime.timedelta(milliseconds=1)


def _number(value: Any) -> Any:
    return None if value is None else value.normalize()


def _found(stack: Any, owns: Callable[[str], bool]) -> dict[str, list[tuple[Any, ...]]]:
    def table(statement: str) -> list[tuple[Any, ...]]:
        found = [tuple(_text(value) for value in row) for row in rows(stack, statement)]
        return [row for row in found if owns(row[0])]

    counts: dict[str, int] = {}
    for event_id, n in table("select event_id, n from event_counts"):
        counts[event_id] = counts.get(event_id, 0) + n
    return {
        "users": table("select user_id, country, version from users"),
        "events": [
            (*row[:5], json.loads(row[5]) if row[5] else None, _ms(row[6]), _ms(row[7]), row[8])
            for row in table(
                "select event_id, withdrawn, sport, league, country, participants, begin_at, end_at, version from events"
            )
        ],
        "event_participants": [
            (event_id, sport, participant, _ms(begin))
            for event_id, sport, participant, begin in table(
                "select event_id, sport, participant, begin_at from event_participants"
            )
        ],
        "coupons": [
            (user_id, coupon_id, _number(stake), _ms(placed))
            for user_id, coupon_id, stake, placed in table("select user_id, coupon_id, stake, placed_at from coupons")
        ],
        "selections": [
            (user_id, coupon_id, event_id, _number(odds), _ms(placed))
            for user_id, coupon_id, event_id, odds, placed in table(
                "select user_id, coupon_id, event_id, odds, placed_at from selections"
            )
        ],
        "event_counts": [(event_id, n) for event_id, n in counts.items() if n != 0],
        "rejected": table("select user_id, record_id, reason from rejected"),
    }


def _expected(oracle: Oracle) -> dict[str, list[tuple[Any, ...]]]:
    events = []
    for event_id, e in oracle.events.items():
        attributes = [e.attributes[n] if e.attributes else None for n in ("sport", "league", "country", "participants")]
        events.append((event_id, int(e.withdrawn), *attributes, e.begin, e.end, e.version))
    return {
        "users": [(user_id, u["country"], u.get("version")) for user_id, u in oracle.users.items()],
        "events": events,
        "event_participants": [
            (event_id, e.attributes["sport"], participant, e.begin)
            for event_id, e in oracle.events.items()
            if e.listed
            for participant in e.attributes["participants"]
        ],
        "coupons": [(c.user_id, c.coupon_id, c.stake, c.placed_at) for c in oracle.coupons.values()],
        "selections": [
            (c.user_id, c.coupon_id, event_id, odds, c.placed_at)
            for c in oracle.coupons.values()
            for event_id, odds in c.selections.items()
        ],
        "event_counts": list(oracle.counts.items()),
        "rejected": [(user_id, coupon_id, "conflict") for user_id, coupon_id in oracle.conflicts],
    }


def stored_differences(stack: Any, oracle: Oracle, owns: Callable[[str], bool]) -> list[str]:
    """Rows that are missing, and rows that are too many; `owns` tells the oracle's ids from other tests'."""
    found, expected = _found(stack, owns), _expected(oracle)
    wrong = []
    for table, wanted in expected.items():
        got = sorted(map(repr, found[table]))
        want = sorted(map(repr, wanted))
        if got != want:
            missing, extra = sorted(set(want) - set(got)), sorted(set(got) - set(want))
            wrong.append(f"{table}: {len(missing)} missing, e.g. {missing[:3]}; {len(extra)} too many, e.g. {extra[:3]}"
                         if missing or extra else f"{table}: {len(got)} rows, {len(want)} wanted")
    return wrong
