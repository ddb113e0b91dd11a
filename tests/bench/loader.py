"""Rows straight into the database: a made-up world (users, events, coupons), its rows as SQL, and a parallel bulk loader.

For benchmarks and for tests of reading that need many rows and not the way they came. The same arguments give the same
rows. Statements are plain multi-row inserts; `load` feeds them to `mariadb` clients, one per file.

    world = World(users=1000, events=500)
    load(database, "tipster_x", world_files(world, Path("/tmp/sql")))      # schema there already: tipster migrate
"""

from __future__ import annotations

import hashlib
import itertools
import os
import random
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Callable, Iterable, Iterator, Optional, Sequence

from stack import Database, Process, StackError, last_lines

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
ROWS_PER_STATEMENT = 1000

# (sport, league, countries, participants): 72 groups of sport, league and country.
LEAGUES: list[tuple[str, str, list[str], int]] = [
    ("Soccer", "Premier League", ["England"], 20),
    ("Soccer", "La Liga", ["Spain"], 20),
    ("Soccer", "Champions League", ["England", "Spain", "Germany", "Italy", "France", "Portugal", "Netherlands"], 32),
    ("Soccer", "FIFA", ["Argentina", "Brazil", "Croatia", "Egypt", "Ghana", "Japan", "Mexico", "Morocco", "Poland",
                        "Senegal", "Serbia", "Uruguay"], 32),
    ("Basketball", "NBA", ["USA", "Canada"], 30),
    ("Basketball", "EuroLeague", ["Spain", "Greece", "Turkey", "Germany", "Italy", "France", "Serbia"], 18),
    ("Basketball", "NCAA", ["USA"], 30),
    ("Baseball", "MLB", ["USA", "Canada"], 30),
    ("Baseball", "Nippon League", ["Japan"], 12),
    ("Baseball", "KBO", ["South Korea"], 10),
    ("Tennis", "ATP", ["USA", "Italy", "Spain", "France", "Monaco", "Japan", "Qatar", "Australia"], 32),
    ("Tennis", "WTA", ["USA", "Italy", "Spain", "France", "Japan", "Qatar", "Australia"], 32),
    ("Tennis", "Grand Slam", ["Australia", "France", "England", "USA"], 32),
    ("MMA", "UFC", ["USA", "United Arab Emirates", "Brazil", "England"], 32),
    ("MMA", "Bellator", ["USA", "France", "Ireland"], 24),
    ("MMA", "ONE Championship", ["Singapore", "Thailand", "Japan", "Philippines"], 24),
    ("Swimming", "FINA World Championships", ["Japan", "Hungary", "Qatar", "South Korea"], 24),
    ("Swimming", "Olympics", ["France", "USA"], 24),
]
GROUPS = [(sport, league, country) for sport, league, countries, _ in LEAGUES for country in countries]


@dataclass
class Event:
    event_id: str
    sport: str
    league: str
    country: str
    participants: list[str]
    begin_ms: int


@dataclass
class Coupon:
    number: int
    user: int
    placed_ms: int
    events: list[str]  # sorted, each once

    @property
    def coupon_id(self) -> str:
        return f"c{self.number:08d}"

    @property
    def user_id(self) -> str:
        return user_id(self.user)

    def json(self) -> str:
        chosen = ",".join(f'{{"event_id":"{event}","odds":2.15}}' for event in self.events)
        return (f'{{"coupon_id":"{self.coupon_id}","user_id":"{self.user_id}","stake":12.5,'
                f'"timestamp":"{iso_time(self.placed_ms)}","selections":[{chosen}]}}')


def user_id(number: int) -> str:
    return f"u{number:07d}"


def iso_time(time_ms: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(time_ms // 1000)) + f".{time_ms % 1000:03d}Z"


@dataclass
class World:
    """Users u0000000…, half of the events over and `events` open in the next four weeks, spread over the 72 groups.

    `histories` gives each user `selections` of them in at most `groups` groups, `open_share` of them on open events.
    """

    users: int
    events: int
    seed: int = 1
    now_ms: int = 0
    groups: int = 12
    selections: int = 20
    open_share: float = 0.2
    open_events: list[Event] = field(default_factory=list)
    past_events: list[Event] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.now_ms = self.now_ms or time.time_ns() // 1_000_000
        rng = random.Random(self.seed)
        self.open_events = [self._event(rng, f"e{i:06d}", self.now_ms + HOUR_MS + rng.randrange(28 * DAY_MS))
                            for i in range(self.events)]
        self.past_events = [self._event(rng, f"p{i:06d}", self.now_ms - HOUR_MS - rng.randrange(90 * DAY_MS))
                            for i in range(self.events)]

    @staticmethod
    def _event(rng: random.Random, event_id: str, begin_ms: int) -> Event:
        sport, league, country = rng.choice(GROUPS)
        teams = next(count for _, name, _, count in LEAGUES if name == league)
        pair = rng.sample(range(teams), 2)
        return Event(event_id, sport, league, country, [f"{league} {team:02d}" for team in pair], begin_ms)

    def histories(self) -> Iterator[Coupon]:
        """Every user's coupons, user by user."""
        rng = random.Random(self.seed + 1)
        by_group: dict[tuple[str, str, str], tuple[list[str], list[str]]] = {group: ([], []) for group in GROUPS}
        for place, events in enumerate((self.past_events, self.open_events)):
            for event in events:
                by_group[(event.sport, event.league, event.country)][place].append(event.event_id)
        known = [group for group in GROUPS if by_group[group][0]]
        weights = list(itertools.accumulate(1 / (rank + 2) for rank in range(len(known))))
        numbers = itertools.count()
        for user in range(self.users):
            tastes = [by_group[group] for group in rng.choices(known, cum_weights=weights, k=self.groups)]
            chosen: dict[str, None] = {}
            for _ in range(self.selections * 4):
                past, upcoming = rng.choice(tastes)
                pool = upcoming if upcoming and rng.random() < self.open_share else past
                chosen[pool[int(rng.random() * len(pool))]] = None
                if len(chosen) == self.selections:
                    break
            events = list(chosen)
            while events:
                size = rng.randint(1, 4)
                yield Coupon(next(numbers), user, self.now_ms - HOUR_MS - int(rng.random() * 90 * DAY_MS),
                             sorted(events[:size]))
                events = events[size:]

    def stream(self, count: int, selections: int = 3) -> Iterator[Coupon]:
        """Coupons as they arrive: users at random, events by Zipf, times rising."""
        rng = random.Random(self.seed + 2)
        ids = [event.event_id for event in self.open_events]
        weights = list(itertools.accumulate((rank + 1) ** -0.8 for rank in range(len(ids))))
        drawn: list[str] = []
        for number in range(count):
            events: set[str] = set()
            while len(events) < min(selections, len(ids)):
                if not drawn:
                    drawn = rng.choices(ids, cum_weights=weights, k=8192)
                events.add(drawn.pop())
            yield Coupon(number, int(rng.random() * self.users), self.now_ms - 2 * HOUR_MS + number, sorted(events))


# ---- rows as SQL

def quote(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def sql_time(time_ms: int) -> str:
    return "'" + time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(time_ms // 1000)) + f".{time_ms % 1000:03d}'"


def inserts(table: str, columns: str, rows: Iterable[str], suffix: str = "") -> Iterator[str]:
    """Statements of ROWS_PER_STATEMENT rows; a row is "(…)"."""
    rows = iter(rows)
    while chunk := list(itertools.islice(rows, ROWS_PER_STATEMENT)):
        yield f"insert into {table} ({columns}) values {','.join(chunk)}{suffix};\n"


def user_inserts(company: str, count: int) -> Iterator[str]:
    return inserts("users", "company_id, user_id, birth_year, country, currency, gender, registration_date, version, position",
                   (f"('{company}','{user_id(i)}',{1950 + i % 50},'Greece','EUR','female','2024-05-01 10:00:00.000',null,0)"
                    for i in range(count)))


def event_inserts(company: str, events: Sequence[Event]) -> Iterator[str]:
    def row(event: Event) -> str:
        names = "[" + ",".join(f'"{name}"' for name in event.participants) + "]"
        return (f"('{company}',{quote(event.event_id)},0,{quote(event.sport)},{quote(event.league)},{quote(event.country)},"
                f"{quote(names)},{sql_time(event.begin_ms)},{sql_time(event.begin_ms + 2 * HOUR_MS)},null,0)")

    yield from inserts("events", "company_id, event_id, withdrawn, sport, league, country, participants, begin_at, end_at, "
                       "version, position", map(row, events))
    yield from inserts("event_participants", "company_id, sport, participant, begin_at, event_id, league, country",
                       (f"('{company}',{quote(event.sport)},{quote(name)},{sql_time(event.begin_ms)},"
                        f"{quote(event.event_id)},{quote(event.league)},{quote(event.country)})"
                        for event in events for name in event.participants))


def coupon_inserts(company: str, coupons: Iterable[Coupon]) -> Iterator[str]:
    return inserts("coupons", "company_id, user_id, coupon_id, stake, placed_at, content_hash, position",
                   (f"('{company}','{c.user_id}','{c.coupon_id}',12.5000,{sql_time(c.placed_ms)},"
                    f"x'{hashlib.sha256(c.coupon_id.encode()).hexdigest()}',{c.number})" for c in coupons))


def selection_inserts(company: str, coupons: Iterable[Coupon]) -> Iterator[str]:
    return inserts("selections", "company_id, user_id, placed_at, event_id, coupon_id, odds",
                   (f"('{company}','{c.user_id}',{sql_time(c.placed_ms)},'{event}','{c.coupon_id}',2.1500)"
                    for c in coupons for event in c.events))


def count_inserts(company: str, counts: dict[tuple[str, int], int], position: int, add: bool = False) -> Iterator[str]:
    """counts: {(event, partition): n}. add: the rows may be there, and n is added to them."""
    suffix = (" on duplicate key update n = n + values(n), position = greatest(position, values(position))" if add else "")
    return inserts("event_counts", "company_id, event_id, partition_id, n, position",
                   (f"('{company}','{event}',{partition},{n},{position})" for (event, partition), n in sorted(counts.items())),
                   suffix)


def count_events(coupons: Iterable[Coupon], partition_of: Callable[[Coupon], int]) -> dict[tuple[str, int], int]:
    counts: dict[tuple[str, int], int] = {}
    for coupon in coupons:
        partition = partition_of(coupon)
        for event in coupon.events:
            counts[(event, partition)] = counts.get((event, partition), 0) + 1
    return counts


# ---- loading

SESSION = ("set session transaction isolation level read committed;\n"
           "set session sql_mode = 'STRICT_ALL_TABLES,NO_ZERO_DATE,NO_ZERO_IN_DATE,ERROR_FOR_DIVISION_BY_ZERO,"
           "NO_ENGINE_SUBSTITUTION', time_zone = '+00:00';\n")


def write_transactions(path: Path, transactions: Iterable[Iterable[str]]) -> Path:
    """A file for one client: each item of `transactions` is the statements of one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "w") as file:
        file.write(SESSION)
        for statements in transactions:
            file.write("begin;\n")
            file.writelines(statements)
            file.write("commit;\n")
    return path


def _groups_of(statements: Iterable[str], size: int = 20) -> Iterator[list[str]]:
    statements = iter(statements)
    while chunk := list(itertools.islice(statements, size)):
        yield chunk


def world_files(world: World, folder: Path, company: str = "demo", partitions: int = 4) -> list[Path]:
    """The whole of a world in key order, as two files that can be loaded side by side."""
    coupons = list(world.histories())
    in_key_order = sorted(coupons, key=lambda c: (c.user, -c.placed_ms))
    counts = count_events(coupons, lambda c: c.user % partitions)
    first = itertools.chain(user_inserts(company, world.users), event_inserts(company, world.past_events),
                            event_inserts(company, world.open_events), coupon_inserts(company, coupons),
                            count_inserts(company, counts, len(coupons)))
    return [write_transactions(folder / "others.sql", _groups_of(first)),
            write_transactions(folder / "selections.sql", _groups_of(selection_inserts(company, in_key_order)))]


def start_clients(database: Database, name: str, files: Sequence[Path]) -> list[Process]:
    """One `mariadb` client per file, by TCP as the application connects."""
    clients = []
    for number, file in enumerate(files):
        log = file.with_suffix(".log")
        log.unlink(missing_ok=True)
        argv = ["/usr/bin/mariadb", "--no-defaults", "--protocol=tcp", "--host=127.0.0.1", f"--port={database.port}",
                "--user=tipster", "--default-character-set=utf8mb4", "--max-allowed-packet=64M", "--batch",
                "--execute", f"source {file}", name]
        env = {**os.environ, "MYSQL_PWD": database.passwords()["tipster"]}
        clients.append(Process(f"loader {number}", argv, log, env).start())
    return clients


def wait_clients(clients: Sequence[Process], timeout_s: Optional[float] = 1800) -> None:
    """StackError with what a client said when one fails."""
    try:
        for client in clients:
            if client.child.wait(timeout_s) != 0:
                raise StackError(f"{client.name} failed:\n{last_lines(client.log)}")
    finally:
        for client in clients:
            client.stop()


def load(database: Database, name: str, files: Sequence[Path]) -> float:
    """Loads the files side by side; the seconds it took."""
    began = time.monotonic()
    wait_clients(start_clients(database, name, files))
    return time.monotonic() - began
