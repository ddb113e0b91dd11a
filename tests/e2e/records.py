"""Builders of valid records for the end-to-end tests.

`user`, `event` and `coupon` make one plain record each, with any field overridden. `Universe` makes a small
random world in which the hard cases of ranking happen often: ties, one league name in two sports, one participant
in two sports, equal begins, ids that differ in one byte, late and repeated and conflicting records.
"""

from __future__ import annotations

import itertools
import os
import random
import time
from typing import Any, Iterator, Optional

from oracle import DAY_MS, to_text

HOUR_MS = 3_600_000
DROP: Any = object()  # user(country=DROP): the record without that field
_FRESH: Any = object()

_serial = itertools.count()
# The same in all processes of a run, which must find the same tests; each has servers of its own.
_run = os.environ.get("PYTEST_XDIST_TESTRUNUID", f"{int(time.time()):x}{os.getpid():x}")[:12]


def fresh(prefix: str) -> str:
    """An id that no other test has used."""
    return f"{prefix}-{_run}-{next(_serial)}"


def now_ms() -> int:
    return time.time_ns() // 1_000_000


def _with(record: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    record.update(changes)
    return {name: value for name, value in record.items() if value is not DROP}


def user(user_id: Any = _FRESH, **changes: Any) -> dict[str, Any]:
    return _with(
        {
            "user_id": fresh("u") if user_id is _FRESH else user_id,
            "birth_year": 1990,
            "country": "Greece",
            "currency": "EUR",
            "gender": "female",
            "registration_date": "2024-05-01T10:00:00Z",
        },
        changes,
    )


def event(event_id: Any = _FRESH, begin: Optional[int] = None, **changes: Any) -> dict[str, Any]:
    begin = now_ms() + 10 * DAY_MS if begin is None else begin
    return _with(
        {
            "event_id": fresh("e") if event_id is _FRESH else event_id,
            "sport": "Soccer",
            "league": "Premier League",
            "country": "England",
            "participants": ["Arsenal", "Everton"],
            "begin_timestamp": to_text(begin),
            "end_timestamp": to_text(begin + 2 * HOUR_MS),
        },
        changes,
    )


def coupon(
    coupon_id: Any = _FRESH, user_id: Any = _FRESH, events: Any = (), **changes: Any
) -> dict[str, Any]:
    return _with(
        {
            "coupon_id": fresh("c") if coupon_id is _FRESH else coupon_id,
            "user_id": fresh("u") if user_id is _FRESH else user_id,
            "stake": 10,
            "timestamp": to_text(now_ms() - HOUR_MS),
            "selections": [{"event_id": e, "odds": 2.15} for e in (events or [fresh("e")])],
        },
        changes,
    )


def build(kind: str, **changes: Any) -> dict[str, Any]:
    """A record of a kind given by its name: user, event or coupon."""
    return {"user": user, "event": event, "coupon": coupon}[kind](**changes)


# One thing to do: ("user", record), ("event", record), ("coupon", record) or ("delete", {event_id, version?}).
Action = tuple[str, dict[str, Any]]


class Universe:
    """A random world of its own names, so that it can share a company with anything else."""

    def __init__(self, rng: random.Random, events: int = 150, users: int = 60, tag: Optional[str] = None):
        self.rng = rng
        self.tag = fresh("w") if tag is None else tag
        self.now = now_ms()
        self.sports = [f"{self.tag} {name}" for name in ("Soccer", "Tennis", "MMA")]
        self.leagues = [f"{self.tag} {name}" for name in ("Cup", "cup", "World")]  # each in every sport
        self.countries = [f"{self.tag} {name}" for name in ("Ελλάδα", "England", "Spain")]
        self.participants = ["Ajax", "ajax", "Bayern", "Élan", "'; drop table users; --", "日本", "Zoé", "a"]
        self.begins = [self.now + rng.choice((-1, 1)) * rng.randrange(HOUR_MS, 40 * DAY_MS) for _ in range(25)]
        self.event_ids = self._near_ids("e", events)
        self.unknown_ids = self._near_ids("x", 6)
        self.user_ids = self._near_ids("u", users)

    def _near_ids(self, kind: str, count: int) -> list[str]:
        forms = ("{}", "{}0", "{}.", "{}é", "{} a", "{}/x", "{}A", "{}a", "{}_", "{}%41", "{}日")
        ids = [f"{self.tag}{kind}{forms[i % len(forms)].format(i // len(forms))}" for i in range(count)]
        return sorted(set(ids))

    def owns(self, event_id: str) -> bool:
        return event_id.startswith(self.tag)

    # ---- records

    def user(self, user_id: str) -> dict[str, Any]:
        rng = self.rng
        record = user(
            user_id,
            birth_year=rng.randint(1900, 2020),
            country=rng.choice(self.countries),
            currency=rng.choice(("EUR", "USD", "JPY")),
            gender=rng.choice(("female", "male", "x")),
            registration_date=self._time(self.now - rng.randrange(5000) * DAY_MS),
        )
        return self._versioned(record)

    def event(self, event_id: str) -> dict[str, Any]:
        rng = self.rng
        begin = rng.choice(self.begins)
        record = event(
            event_id,
            sport=rng.choice(self.sports),
            league=rng.choice(self.leagues),
            country=rng.choice(self.countries),
            participants=rng.sample(self.participants, rng.choice((1, 2, 2, 2, 3, 5))),
            begin_timestamp=self._time(begin),
            end_timestamp=self._time(begin + rng.choice((0, 2 * HOUR_MS))),
        )
        return self._versioned(record)

    def _versioned(self, record: dict[str, Any]) -> dict[str, Any]:
        if self.rng.random() < 0.5:
            record["version"] = self.rng.choice((0, 1, 2, 3, 4, 2**53))
        return record

    def _time(self, ms: int) -> str:
        """One moment in one of the ways to write it."""
        form = self.rng.randrange(4)
        if form == 0:
            return to_text(ms)
        if form == 1:
            return to_text(ms + 9_000_000)[:-1] + "+02:30"
        if form == 2:
            return to_text(ms - 5 * HOUR_MS)[:-1] + "-05:00"
        return to_text(ms)[:-1] + f"{self.rng.randrange(1000):03d}Z"  # microseconds, which are cut

    def _coupons_of(self, user_id: str) -> Iterator[dict[str, Any]]:
        """A user's coupons: none, few, or many; some at one time; some for events that nobody knows."""
        rng = self.rng
        kind = rng.random()
        if kind < 0.12:
            return
        sizes = [rng.randint(1, 4) for _ in range(rng.randint(1, 8))]
        if kind > 0.95:  # past the 200 selections that count
            sizes = [rng.randint(10, 40) for _ in range(rng.randint(9, 14))]
        pool = rng.sample(self.event_ids, rng.randint(4, len(self.event_ids) * 3 // 4))
        moments = [self.now - rng.randrange(int(10 ** rng.uniform(5, 11.1))) for _ in range(4)]
        for number, size in enumerate(sizes):
            events = rng.sample(pool, min(size, len(pool)))
            if rng.random() < 0.15:
                events.append(rng.choice(self.unknown_ids))
            yield {
                "coupon_id": f"c{number}",  # the same ids for every user
                "user_id": user_id,
                "stake": rng.choice((1, 0.0001, 12.5, 99.99, 10**9)),
                "timestamp": self._time(
                    rng.choice(moments) if rng.random() < 0.4 else self.now - rng.randrange(200 * DAY_MS)
                ),
                "selections": [{"event_id": e, "odds": rng.choice((1.01, 2.15, 3.5, 10**6))} for e in events],
            }

    def _again(self, record: dict[str, Any]) -> dict[str, Any]:
        """The same coupon in other words, or another coupon of the same id."""
        again = {**record, "selections": [dict(s) for s in record["selections"]]}
        self.rng.shuffle(again["selections"])
        change = self.rng.randrange(4)
        if change == 0:
            again["stake"] = 7.25
        elif change == 1:
            again["selections"][0]["odds"] = 7.25
        elif change == 2:
            again["selections"] = [{"event_id": self.rng.choice(self.event_ids), "odds": 5}]
        return again

    def actions(self) -> list[Action]:
        """Everything that happens in this world, in the order of sending."""
        rng = self.rng
        actions: list[Action] = []
        for user_id in self.user_ids:
            if rng.random() < 0.8:
                actions += [("user", self.user(user_id)) for _ in range(rng.choice((1, 1, 2, 3)))]
            for record in self._coupons_of(user_id):
                actions.append(("coupon", record))
                if rng.random() < 0.12:
                    actions.append(("coupon", self._again(record)))
        for event_id in self.event_ids:
            actions += [("event", self.event(event_id)) for _ in range(rng.choice((1, 1, 1, 2, 3)))]
            if rng.random() < 0.2:
                actions.append(("delete", self._versioned({"event_id": event_id})))
                if rng.random() < 0.4:
                    actions.append(("delete", self._versioned({"event_id": event_id})))
        for event_id in self.unknown_ids[:3]:  # deleted, never put
            actions.append(("delete", self._versioned({"event_id": event_id})))
        rng.shuffle(actions)
        return actions
