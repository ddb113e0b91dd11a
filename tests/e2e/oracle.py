"""What Tipster must answer, by brute force over the records as they were sent.

Written from the definition in the documents and from nothing else: plain integers and floats, no index, no
cache that could be stale. `Oracle.put_*` and `delete_event` take the records of a key in their order; every
answer is computed anew. Times are integers: milliseconds since 1970, UTC.
"""

from __future__ import annotations

import hashlib
import math
import re
from dataclasses import dataclass, field
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any, Iterable, Optional

DAY_MS = 86_400_000
HISTORY_SELECTIONS = 200
LEGACY_LIMIT = 10_000
REASON_ORDER = {"sport": 0, "league": 1, "country": 2, "participant": 3}

_TIME = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)(?:[Tt](\d\d):(\d\d):(\d\d)(?:\.(\d+))?([Zz]|[+-]\d\d:\d\d)?)?\Z", re.ASCII
)


def _days(year: int, month: int, day: int) -> int:
    """Days since 1970-01-01 in the Gregorian calendar (any year, so years before 1970 need no care)."""
    year -= month <= 2
    era = year // 400
    yoe = year - era * 400
    doy = (153 * (month + (-3 if month > 2 else 9)) + 2) // 5 + day - 1
    return era * 146_097 + yoe * 365 + yoe // 4 - yoe // 100 + doy - 719_468


def _date(days: int) -> tuple[int, int, int]:
    days += 719_468
    era = days // 146_097
    doe = days - era * 146_097
    yoe = (doe - doe // 1460 + doe // 36_524 - doe // 146_096) // 365
    doy = doe - (365 * yoe + yoe // 4 - yoe // 100)
    mp = (5 * doy + 2) // 153
    month = mp + 3 if mp < 10 else mp - 9
    return yoe + era * 400 + (month <= 2), month, doy - (153 * mp + 2) // 5 + 1


def to_ms(text: str) -> int:
    """A valid time of the wire → milliseconds; digits past the millisecond are cut; no offset means UTC."""
    match = _TIME.match(text)
    if not match:
        raise ValueError(f"not a time: {text!r}")
    year, month, day = (int(match.group(i)) for i in (1, 2, 3))
    ms = _days(year, month, day) * DAY_MS
    if match.group(4) is not None:
        hour, minute, second = (int(match.group(i)) for i in (4, 5, 6))
        ms += ((hour * 60 + minute) * 60 + second) * 1000 + int((match.group(7) or "0")[:3].ljust(3, "0"))
        offset = match.group(8)
        if offset and offset not in "Zz":
            minutes = int(offset[1:3]) * 60 + int(offset[4:6])
            ms -= (minutes if offset[0] == "+" else -minutes) * 60_000
    return ms


def to_text(ms: int) -> str:
    """The form of /v1: RFC 3339 in UTC, three decimals."""
    days, rest = divmod(ms, DAY_MS)
    year, month, day = _date(days)
    second, milli = divmod(rest, 1000)
    return (
        f"{year:04d}-{month:02d}-{day:02d}T{second // 3600:02d}:{second // 60 % 60:02d}:{second % 60:02d}"
        f".{milli:03d}Z"
    )


def to_legacy_text(ms: int) -> str:
    """The form of the older routes: a time at midnight is a date, milliseconds only where there are some."""
    if ms % DAY_MS == 0:
        return to_text(ms)[:10]
    return to_text(ms) if ms % 1000 else to_text(ms)[:-5] + "Z"


def to_decimal(value: Any) -> Optional[Decimal]:
    """A JSON number by value, at most four decimals (the older routes round what has more)."""
    if value is None:
        return None
    number = value if isinstance(value, Decimal) else Decimal(str(value))
    return number.quantize(Decimal("0.0001"), rounding=ROUND_HALF_EVEN).normalize()


def legacy_id(company: str, event_id: str) -> int:
    """The number that the older /recommend gives an event: 53 bits of a hash, never 0."""
    digest = hashlib.sha256(company.encode() + b"\0" + event_id.encode()).digest()
    return (int.from_bytes(digest[:8], "big") >> 11) or 1


@dataclass
class Event:
    """State of one event id. `attributes` is None for a tombstone: deleted before it was ever put."""

    attributes: Optional[dict[str, Any]] = None
    begin: int = 0
    end: int = 0
    withdrawn: bool = False
    version: Optional[int] = None

    @property
    def known(self) -> bool:
        return self.attributes is not None

    @property
    def listed(self) -> bool:
        """Visible to readers and possible as an answer."""
        return self.known and not self.withdrawn


@dataclass
class Coupon:
    coupon_id: str
    user_id: str
    stake: Optional[Decimal]
    placed_at: int
    selections: dict[str, Optional[Decimal]]  # event id → odds


@dataclass
class Filters:
    """Restrict candidates, never the history: OR within a name, AND between names."""

    sport: tuple[str, ...] = ()
    league: tuple[str, ...] = ()
    country: tuple[str, ...] = ()
    before: Optional[int] = None
    exclude: tuple[str, ...] = ()

    def admits(self, event_id: str, event: Event) -> bool:
        assert event.attributes is not None
        for name in ("sport", "league", "country"):
            wanted = getattr(self, name)
            if wanted and event.attributes[name] not in wanted:
                return False
        if self.before is not None and not event.begin < self.before:
            return False
        return event_id not in self.exclude


@dataclass
class Item:
    event_id: str
    score: float
    source: str
    because: list[tuple[str, str, float]] = field(default_factory=list)
    numerator: int = 0


def event_tags(event: Event) -> set[tuple[str, ...]]:
    """sport; (sport, league); country; (sport, participant) for each participant."""
    a = event.attributes
    assert a is not None
    tags: set[tuple[str, ...]] = {
        ("sport", a["sport"]),
        ("league", a["sport"], a["league"]),
        ("country", a["country"]),
    }
    tags.update(("participant", a["sport"], p) for p in a["participants"])
    return tags


def _supersedes(version: Optional[int], stored: Optional[int]) -> bool:
    """Whether a later record of a key applies: always, unless both carry a version and its own is lower."""
    return version is None or stored is None or version >= stored


class Oracle:
    def __init__(self, weights: tuple[int, int, int, int] = (3000, 3500, 1000, 2500), half_life_days: float = 30):
        assert sum(weights) == 10_000
        self.weights = weights
        self.half_life_ms = half_life_days * DAY_MS
        self.users: dict[str, dict[str, Any]] = {}
        self.events: dict[str, Event] = {}
        self.coupons: dict[tuple[str, str], Coupon] = {}
        self.by_user: dict[str, list[Coupon]] = {}
        self.counts: dict[str, int] = {}
        self.conflicts: list[tuple[str, str]] = []

    # ---- records, in their order per key

    def put_user(self, record: dict[str, Any]) -> None:
        stored = self.users.get(record["user_id"])
        if stored is None or _supersedes(record.get("version"), stored.get("version")):
            self.users[record["user_id"]] = dict(record)

    def put_event(self, record: dict[str, Any]) -> None:
        event = self.events.setdefault(record["event_id"], Event())
        if not _supersedes(record.get("version"), event.version):
            return
        attributes = {name: record[name] for name in ("sport", "league", "country")}
        attributes["participants"] = list(dict.fromkeys(record["participants"]))
        event.attributes = attributes
        event.begin = to_ms(record["begin_timestamp"])
        event.end = to_ms(record["end_timestamp"])
        event.withdrawn = False
        event.version = record.get("version")

    def delete_event(self, event_id: str, version: Optional[int] = None) -> None:
        event = self.events.setdefault(event_id, Event())
        if _supersedes(version, event.version):
            event.withdrawn = True
            event.version = version

    def put_coupon(self, record: dict[str, Any]) -> str:
        """'stored', 'absorbed' (the same content again) or 'conflict' (another content: the first stays)."""
        coupon = Coupon(
            record["coupon_id"],
            record["user_id"],
            to_decimal(record["stake"]),
            to_ms(record["timestamp"]),
            {s["event_id"]: to_decimal(s.get("odds")) for s in record["selections"]},
        )
        key = (coupon.user_id, coupon.coupon_id)
        stored = self.coupons.get(key)
        if stored is not None:
            if stored == coupon:
                return "absorbed"
            self.conflicts.append(key)
            return "conflict"
        self.coupons[key] = coupon
        self.by_user.setdefault(coupon.user_id, []).append(coupon)
        for event_id in coupon.selections:
            self.counts[event_id] = self.counts.get(event_id, 0) + 1
        return "stored"

    # ---- answers

    def bet_on(self, user_id: str) -> set[str]:
        return {e for c in self.by_user.get(user_id, ()) for e in c.selections}

    def history(self, user_id: str) -> list[tuple[int, str]]:
        """S: (placed_at, event_id) of the newest 200 selections whose event is known."""
        known = [
            (c.placed_at, event_id)
            for c in self.by_user.get(user_id, ())
            for event_id in c.selections
            if event_id in self.events and self.events[event_id].known
        ]
        known.sort(key=lambda s: (-s[0], s[1].encode()))
        return known[:HISTORY_SELECTIONS]

    def open_events(self, now: int, filters: Filters, include_started: bool) -> Iterable[tuple[str, Event]]:
        for event_id, event in self.events.items():
            if not event.listed or not (include_started or event.begin > now):
                continue
            if filters.admits(event_id, event):
                yield event_id, event

    def _similar(
        self, history: list[tuple[int, str]], bet_on: set[str], now: int, filters: Filters, include_started: bool
    ) -> list[Item]:
        """All candidates of a history, best first."""
        if not history:
            return []
        newest = max(placed_at for placed_at, _ in history)
        total = 0
        tag_weight: dict[tuple[str, ...], int] = {}
        for placed_at, event_id in history:
            w = math.floor(2**30 * 2.0 ** (-(newest - placed_at) / self.half_life_ms) + 0.5)
            total += w
            for tag in event_tags(self.events[event_id]):
                tag_weight[tag] = tag_weight.get(tag, 0) + w
        sports = {self.events[event_id].attributes["sport"] for _, event_id in history}

        found: list[tuple[int, bytes, Item]] = []
        for event_id, event in self.open_events(now, filters, include_started):
            attributes = event.attributes
            if event_id in bet_on or attributes["sport"] not in sports:
                continue
            numerator, because = self._score(attributes, tag_weight)
            # Without a weight anywhere (all of them rounded to 0 or masked by a zero factor) there is no score.
            score = numerator / (10_000 * total) if total else 0.0
            item = Item(event_id, score, "similar", because, numerator)
            found.append((event.begin, event_id.encode(), item))
        found.sort(key=lambda f: (-f[2].numerator, f[0], f[1]))
        return [item for _, _, item in found]

    def _score(
        self, attributes: dict[str, Any], tag_weight: dict[tuple[str, ...], int]
    ) -> tuple[int, list[tuple[str, str, float]]]:
        a, b, c, d = self.weights
        sport = attributes["sport"]
        parts = [
            ("sport", sport, a * tag_weight.get(("sport", sport), 0)),
            ("league", attributes["league"], b * tag_weight.get(("league", sport, attributes["league"]), 0)),
            ("country", attributes["country"], c * tag_weight.get(("country", attributes["country"]), 0)),
        ]
        by_weight = [
            (-tag_weight.get(("participant", sport, p), 0), p.encode(), p) for p in attributes["participants"]
        ]
        if by_weight:
            weight, _, participant = min(by_weight)
            parts.append(("participant", participant, d * -weight))
        numerator = sum(part for _, _, part in parts)
        reasons = [p for p in parts if p[2] > 0]
        reasons.sort(key=lambda p: (-p[2], REASON_ORDER[p[0]]))
        return numerator, [(tag, value, part / numerator) for tag, value, part in reasons]

    def popular(
        self,
        now: int,
        n: Optional[int] = None,
        filters: Filters = Filters(),
        include_started: bool = False,
        without: Iterable[str] = (),
    ) -> list[Item]:
        """Open events by count, begin, event id. n=None: all of them."""
        hidden = set(without)
        found = [
            (-self.counts.get(event_id, 0), event.begin, event_id.encode(), event_id)
            for event_id, event in self.open_events(now, filters, include_started)
            if event_id not in hidden
        ]
        found.sort()
        return [Item(event_id, 0.0, "popular") for *_, event_id in found[:n]]

    def recommend(
        self,
        user_id: str,
        now: int,
        n: Optional[int] = 10,
        filters: Filters = Filters(),
        include_started: bool = False,
    ) -> list[Item]:
        bet_on = self.bet_on(user_id)
        items = self._similar(self.history(user_id), bet_on, now, filters, include_started)[:n]
        if n is None or len(items) < n:
            listed = bet_on | {item.event_id for item in items}
            items = items + self.popular(now, None, filters, include_started, without=listed)
        return items[:n]

    def similar(
        self,
        event_id: str,
        now: int,
        n: Optional[int] = 10,
        filters: Filters = Filters(),
        include_started: bool = False,
    ) -> Optional[list[Item]]:
        """As for a user whose only selection is that event; never filled. None: there is no such event."""
        event = self.events.get(event_id)
        if event is None or not event.listed:
            return None
        return self._similar([(0, event_id)], {event_id}, now, filters, include_started)[:n]

    def legacy(self, user_id: str, now: int, n: int, include_started: bool = False) -> Optional[list[str]]:
        """Event ids of the older /recommend for n ≥ 0; None stands for `null`."""
        assert n >= 0
        if user_id not in self.users and not self.by_user.get(user_id):
            return None
        items = self._similar(self.history(user_id), self.bet_on(user_id), now, Filters(), include_started)
        return [item.event_id for item in items[: n or LEGACY_LIMIT]]

    def list_events(
        self,
        now: int,
        sport: Optional[str] = None,
        league: Optional[str] = None,
        country: Optional[str] = None,
        participant: Optional[str] = None,
        begin_from: Optional[int] = None,
        begin_to: Optional[int] = None,
    ) -> list[str]:
        """Ids of GET /v1/events by (begin, event id): from ≤ begin < to; upcoming (begin > now) without `from`."""
        found = []
        for event_id, event in self.events.items():
            if not event.listed:
                continue
            a = event.attributes
            wanted = (("sport", sport), ("league", league), ("country", country))
            if any(value is not None and a[name] != value for name, value in wanted):
                continue
            if participant is not None and participant not in a["participants"]:
                continue
            if event.begin < begin_from if begin_from is not None else event.begin <= now:
                continue
            if begin_to is not None and not event.begin < begin_to:
                continue
            found.append((event.begin, event_id.encode(), event_id))
        return [event_id for *_, event_id in sorted(found)]

    # ---- how a record is shown

    def event_json(self, event_id: str) -> dict[str, Any]:
        event = self.events[event_id]
        assert event.attributes is not None
        shown = {"event_id": event_id, **event.attributes}
        shown["begin_timestamp"] = to_text(event.begin)
        shown["end_timestamp"] = to_text(event.end)
        return shown

    def legacy_event_json(self, company: str, event_id: str) -> dict[str, Any]:
        event = self.events[event_id]
        shown = self.event_json(event_id)
        shown["id"] = legacy_id(company, event_id)
        shown["begin_timestamp"] = to_legacy_text(event.begin)
        shown["end_timestamp"] = to_legacy_text(event.end)
        return shown
