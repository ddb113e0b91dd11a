#!/usr/bin/python3
"""Whether anything grows or slows down in a long run at half of what the machine can do: `make soak`.

    tests/bench/soak.py [--minutes N] [--share X] [--json PATH]      SOAK_MINUTES (60)

One client posts coupons, one asks for recommendations. Both as fast as they are answered give the mix; in that mix both are made
faster step by step for as long as the load is carried: nothing refused, every answer from the view, ingest not behind, p99 of both
within 50 ms. The last such step is the maximal load, and the run goes on at a share of it (0.5). Each minute gives one line: rates,
p99 of both, how many of some answers the view gave, how far ingest is behind, and of every process what it holds in memory and how
many descriptors.
The verdict at the end compares the run's last third with its first: RssAnon and descriptors of each process of Tipster, and the two
p99. The files that a process maps (the view) and the servers' own caches grow with the data: shown, not judged. Exit status 1: something
grew, slowed down, was refused or was lost.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Callable, NamedTuple, Optional

TOP = Path(__file__).resolve().parent.parent.parent
sys.path[:0] = [str(TOP / "tools"), str(TOP / "tests" / "e2e")]

from loader import World, iso_time  # noqa: E402 - after the path is set
from measure import say, warm_up  # noqa: E402
from patience import wait_for  # noqa: E402
from sampler import memory_kib  # noqa: E402
from scrape import metrics, total  # noqa: E402
from stack import App, StackError  # noqa: E402
from stand import Stand, WrkResult, api_connection, post_lines, running_stand  # noqa: E402

USERS, EVENTS, ITEMS = 1_000_000, 5_000, 10
CONNECTIONS = 16  # of each of the two clients
BUFFER_POOL_MB = 4096  # for the rows of an hour: with less the database begins to read from its disk towards the end
WARM_UP_S, CALIBRATE_S, STEP_S = 10, 20, 60
FIRST_SHARE, FASTER = 0.2, 1.2  # of the mix at full speed: where the steps begin, and from one to the next
CARRIED_P99_MS, CARRIED_BEHIND_S, CARRIED_TRIES = 50, 1, 2
SAMPLE = 20
OWN = ("serve parent", "serve worker", "ingest process", "index process")
GROWTH_SHARE, GROWTH_MIB = 0.05, 4  # of RssAnon: what is still flat
SLOWER_SHARE, SLOWER_MS = 0.5, 5  # of p99
MORE_DESCRIPTORS = 2
BEHIND_S = 10  # of what comes in, at the end of a minute


class Held(NamedTuple):
    rss_mib: float
    anonymous_mib: float
    descriptors: int


class Minute(NamedTuple):
    posts: WrkResult
    reads: WrkResult
    from_view: int  # of SAMPLE answers
    behind: int
    held: dict[str, Held]


def held_by(stand: Stand) -> dict[str, Held]:
    """What each process holds; of several by one name, the one that holds most."""
    found: dict[str, Held] = {}
    for name, pids in stand.processes().items():
        for pid in pids:
            rss, anonymous = memory_kib(pid)
            one = Held(rss / 1024, anonymous / 1024, len(os.listdir(f"/proc/{pid}/fd")))
            found[name] = Held(*map(max, one, found.get(name, one)))
    return found


class Load(NamedTuple):
    coupons_per_s: float
    reads_per_s: float


class Soak:
    def __init__(self, stand: Stand) -> None:
        self.stand = stand
        self.app: App = stand.app("tipster_soak", "soak", index=True)
        self.accepted = 0

    def start(self) -> None:
        self.app.start()
        connection = api_connection(self.app)
        events = World(users=1, events=EVENTS).open_events
        for start in range(0, len(events), 500):
            post_lines(connection, "/v1/events", [json.dumps({
                "event_id": event.event_id, "sport": event.sport, "league": event.league, "country": event.country,
                "participants": event.participants, "begin_timestamp": iso_time(event.begin_ms),
                "end_timestamp": iso_time(event.begin_ms + 7_200_000)}) for event in events[start:start + 500]])
        connection.close()
        self.app.wait_caught_up()
        self._fill_pools()

    def _fill_pools(self) -> None:
        """Workers connect to the database as reads ask for it; a moment without the view would count as growth otherwise."""
        def ask(number: int) -> None:
            connection = api_connection(self.app)
            connection.request("GET", f"/v1/recommendations/u{number:07d}?via=sql")
            connection.getresponse().read()
            connection.close()

        with ThreadPoolExecutor(64) as pool:
            list(pool.map(ask, range(2000)))

    def _post(self, seconds: float, rate: float, pause_ms: float) -> WrkResult:
        placed = iso_time(time.time_ns() // 1_000_000 - 3_600_000)
        ready = int(rate * seconds) + 1000  # per thread, of two: no coupon comes twice
        result = self.stand.wrk("coupon.lua", self.app.base_url, CONNECTIONS, seconds, self.stand.run_tag(), USERS, EVENTS, placed,
                                ready, pause_ms=pause_ms)
        self.accepted += result.ok
        return result

    def _read(self, seconds: float, pause_ms: float) -> WrkResult:
        return self.stand.wrk("recommend.lua", self.app.base_url, CONNECTIONS, seconds, USERS, ITEMS, pause_ms=pause_ms)

    def step(self, seconds: float, rate: float, post_pause_ms: float, read_pause_ms: float) -> tuple[WrkResult, WrkResult]:
        with ThreadPoolExecutor(2) as pool:
            posts = pool.submit(self._post, seconds, rate, post_pause_ms)
            reads = pool.submit(self._read, seconds, read_pause_ms)
            return posts.result(), reads.result()

    def at_full_speed(self) -> Load:
        """Coupons stored and recommendations answered per second when both clients go as fast as they are answered, with the time
        that ingest takes to catch up. Nothing that can go on: the view falls behind, and SQL answers."""
        warm_up(lambda: self._post(WARM_UP_S, 30_000, 0).rate)
        self.app.wait_caught_up(300)
        before, began = self.accepted, time.monotonic()
        answered = self.step(CALIBRATE_S, 30_000, 0, 0)[1].ok
        while self.app.behind() > 0:
            answered += self._read(1, 0).ok
        took = time.monotonic() - began
        self._catch_up()
        return Load((self.accepted - before) / took, answered / took)

    def _catch_up(self) -> None:
        self.app.wait_caught_up(300)
        wait_for(lambda: self.from_view() == SAMPLE, "the view to catch up: without one, SQL answers", 60)

    def _carried(self, asked: Load) -> Optional[Load]:
        """What was reached of a load; None: it was not carried."""
        self._catch_up()
        by_sql = total(metrics(self.app), "tipster_reads_total", served_by="sql")
        posts, reads = self.step(CALIBRATE_S, asked.coupons_per_s, *(1000 * CONNECTIONS / rate for rate in asked))
        good = (self.app.behind() <= CARRIED_BEHIND_S * posts.rate
                and total(metrics(self.app), "tipster_reads_total", served_by="sql") == by_sql
                and all(result.not_2xx + result.lost == 0 and result.p99_ms <= CARRIED_P99_MS for result in (posts, reads)))
        say(f"{posts.rate:.0f} coupons/s (p99 {posts.p99_ms:.0f} ms) and {reads.rate:.0f} recommendations/s (p99 {reads.p99_ms:.0f} ms): "
            f"{'carried' if good else 'not carried'}")
        return Load(posts.rate, reads.rate) if good else None

    def maximal(self) -> Load:
        """The most of the mix that is carried."""
        full, found, share = self.at_full_speed(), None, FIRST_SHARE
        say(f"at full speed {full.coupons_per_s:.0f} coupons/s stored and {full.reads_per_s:.0f} recommendations/s")
        while True:
            asked = Load(*(rate * share for rate in full))
            reached = next(filter(None, (self._carried(asked) for _ in range(CARRIED_TRIES))), None)
            if reached is None:
                break
            if found is not None and reached.coupons_per_s <= found.coupons_per_s:
                return found  # the clients do not get faster
            found, share = reached, share * FASTER
        if found is None:
            raise StackError("not even the first step is carried")
        self._catch_up()
        return found

    def from_view(self) -> int:
        """Of SAMPLE answers, those that the view gave."""
        connection, count = api_connection(self.app), 0
        for number in range(SAMPLE):
            connection.request("GET", f"/v1/recommendations/u{number * (USERS // SAMPLE):07d}?n={ITEMS}")
            answer = connection.getresponse()
            answer.read()
            count += answer.headers["Tipster-Served-By"] == "view"
        connection.close()
        return count

    def lost(self) -> int:
        """Coupons that were answered 202 and are not stored; clients that wrk cut off at its end may have sent more."""
        self.app.wait_caught_up(600)
        with self.app.connect() as connection, connection.cursor() as cursor:
            cursor.execute("select (select coalesce(sum(n), 0) from record_counts where kind = 'coupon'), (select count(*) from rejected)")
            stored, rejected = cursor.fetchone()
        return max(0, self.accepted - int(stored)) + int(rejected)


class Pace:
    """The pause after each answer with which one client's connections reach a rate; corrected after every step by half of what was
    wrong: each client's answers take longer when the other asks more, and both corrected in full would swing."""

    def __init__(self, rate: float) -> None:
        self.rate = rate
        self.pause_ms = 1000 * CONNECTIONS / rate

    def correct(self, result: WrkResult) -> None:
        self.pause_ms = max(0.1, self.pause_ms + 500 * CONNECTIONS * (1 / self.rate - 1 / max(1.0, result.rate)))


def run_minutes(soak: Soak, minutes: float, posts: Pace, reads: Pace) -> list[Minute]:
    done: list[Minute] = []
    soak.step(10, posts.rate, posts.pause_ms, reads.pause_ms)  # caches fill
    ending = time.monotonic() + minutes * 60
    while time.monotonic() < ending - STEP_S / 2:
        posted, read = soak.step(STEP_S, posts.rate, posts.pause_ms, reads.pause_ms)
        minute = Minute(posted, read, soak.from_view(), soak.app.behind(), held_by(soak.stand))
        done.append(minute)
        posts.correct(posted)
        reads.correct(read)
        print(line_of(len(done), minute), flush=True)
    return done


def line_of(number: int, minute: Minute) -> str:
    held = "  ".join(f"{name.split()[-1] if name.startswith('serve') else name.split()[0]} {one.anonymous_mib:.1f}/{one.rss_mib:.0f} MiB {one.descriptors} fd"
                     for name, one in sorted(minute.held.items()) if not name.startswith("("))
    return (f"{number:3}  POST {minute.posts.rate:6.0f}/s p99 {minute.posts.p99_ms:6.1f} ms  GET {minute.reads.rate:6.0f}/s "
            f"p99 {minute.reads.p99_ms:6.1f} ms  view {minute.from_view}/{SAMPLE}  behind {minute.behind:6}  {held}")


def thirds(values: list[float], of: Callable[[list[float]], float] = statistics.median) -> tuple[float, float]:
    """Of the first and of the last third: the medians, or what else."""
    size = max(1, len(values) // 3)
    return of(values[:size]), of(values[-size:])


def verdicts(minutes: list[Minute], lost: int) -> list[dict[str, Any]]:
    """Each thing that is judged: from, to, and whether that is flat."""
    found = []

    def judge(what: str, first: float, last: float, allowed: float, unit: str) -> None:
        found.append({"what": what, "first": round(first, 2), "last": round(last, 2), "unit": unit, "flat": last <= first + allowed})

    for name in OWN:
        first, last = thirds([minute.held[name].anonymous_mib for minute in minutes])
        judge(f"RssAnon, {name}", first, last, max(GROWTH_MIB, GROWTH_SHARE * first), "MiB")
        # The most: connections to the database come and go with what SQL has to answer.
        first, last = thirds([minute.held[name].descriptors for minute in minutes], max)
        judge(f"descriptors, {name}", first, last, MORE_DESCRIPTORS, "")
    for what, results in (("POST coupon", [minute.posts for minute in minutes]), ("GET recommendations", [minute.reads for minute in minutes])):
        first, last = thirds([result.p99_ms for result in results])
        judge(f"p99, {what}", first, last, SLOWER_MS + SLOWER_SHARE * first, "ms")
        failed = sum(result.not_2xx + result.lost for result in results)
        judge(f"failed, {what}", 0, failed, 0, "")
    judge("behind at a minute's end", 0, max(minute.behind for minute in minutes), BEHIND_S * max(minute.posts.rate for minute in minutes), "records")
    judge("coupons lost or rejected", 0, lost, 0, "")
    return found


def report(options: argparse.Namespace, maximal: Load, minutes: list[Minute], found: list[dict[str, Any]]) -> None:
    for one in found:
        print(f"{one['what']:32} {one['first']:10.2f} -> {one['last']:10.2f} {one['unit']:8} {'flat' if one['flat'] else 'NOT FLAT'}")
    options.json.parent.mkdir(parents=True, exist_ok=True)
    options.json.write_text(json.dumps({
        "maximal": maximal._asdict(), "share": options.share, "verdicts": found,
        "minutes": [{"posts_per_s": minute.posts.rate, "post_p99_ms": minute.posts.p99_ms, "reads_per_s": minute.reads.rate,
                     "read_p99_ms": minute.reads.p99_ms, "behind": minute.behind,
                     "held": {name: one._asdict() for name, one in minute.held.items()}} for minute in minutes]}, indent=1) + "\n")


def judge_soak(soak: Soak, options: argparse.Namespace) -> int:
    """The run and its verdict; the exit status."""
    soak.start()
    maximal = soak.maximal()
    print(f"the most that is carried: {maximal.coupons_per_s:.0f} coupons/s and {maximal.reads_per_s:.0f} recommendations/s; from here "
          f"{options.share:.0%} of it for {options.minutes:.0f} minutes", flush=True)
    minutes = run_minutes(soak, options.minutes, *[Pace(rate * options.share) for rate in maximal])
    found = verdicts(minutes, soak.lost())
    report(options, maximal, minutes, found)
    good = all(one["flat"] for one in found)
    print(f"soak of {len(minutes)} minutes: {'flat' if good else 'NOT FLAT'}; all of it in {options.json}")
    return 0 if good else 1


def main() -> int:
    parser = argparse.ArgumentParser(description="A long run at half of the maximal load: does anything grow?")
    parser.add_argument("--minutes", type=float, default=float(os.environ.get("SOAK_MINUTES") or 60))
    parser.add_argument("--share", type=float, default=0.5, help="of the maximal load (0.5)")
    parser.add_argument("--build", type=Path, default=TOP / "build")
    parser.add_argument("--json", type=Path, default=TOP / "build" / "soak.json")
    parser.add_argument("--ports", type=int, default=28000)
    options = parser.parse_args()
    try:
        with running_stand("soak", options.build, options.ports, os.environ.get("DB") or "mariadb", BUFFER_POOL_MB) as stand:
            return judge_soak(Soak(stand), options)
    except (StackError, AssertionError) as error:
        print(f"soak: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
