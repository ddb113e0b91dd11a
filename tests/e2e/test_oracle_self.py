"""The oracle against cases small enough to work out by hand. Needs no server."""

from __future__ import annotations

import datetime
import random

import pytest

from oracle import DAY_MS, Filters, Oracle, legacy_id, to_decimal, to_legacy_text, to_ms, to_text
from records import Universe

NOW = to_ms("2026-11-21T06:00:00Z")
FULL = 2**30


def event(event_id, sport="Soccer", league="A", country="X", who=("p", "q"), begin=NOW + DAY_MS, **extra):
    return {
        "event_id": event_id,
        "sport": sport,
        "league": league,
        "country": country,
        "participants": list(who),
        "begin_timestamp": to_text(begin),
        "end_timestamp": to_text(begin + 3_600_000),
        **extra,
    }


def coupon(coupon_id, user_id, events, placed=NOW - DAY_MS, stake=1, odds=2):
    return {
        "coupon_id": coupon_id,
        "user_id": user_id,
        "stake": stake,
        "timestamp": to_text(placed),
        "selections": [{"event_id": e, "odds": odds} for e in events],
    }


def ids(items):
    return [item.event_id for item in items]


# ---- times and numbers


def test_times_agree_with_datetime():
    rng = random.Random(1)
    for _ in range(3000):
        then = datetime.datetime(1900, 1, 1) + datetime.timedelta(milliseconds=rng.randrange(301 * 365 * DAY_MS))
        ms = to_ms(then.isoformat(timespec="milliseconds") + "Z")
        assert ms == (then - datetime.datetime(1970, 1, 1)) // datetime.timedelta(milliseconds=1)
        assert to_text(ms) == then.isoformat(timespec="milliseconds") + "Z"


@pytest.mark.parametrize(
    "text, shown",
    [
        ("2026-11-21", "2026-11-21T00:00:00.000Z"),
        ("2026-11-21T06:00:00+02:30", "2026-11-21T03:30:00.000Z"),
        ("2026-11-21T23:00:00-02:00", "2026-11-22T01:00:00.000Z"),
        ("2026-11-21T06:00:00.98765z", "2026-11-21T06:00:00.987Z"),
        ("2026-11-21T06:00:00.5", "2026-11-21T06:00:00.500Z"),
        ("1969-12-31T23:59:59.9999Z", "1969-12-31T23:59:59.999Z"),
    ],
)
def test_times_are_normalised(text, shown):
    assert to_text(to_ms(text)) == shown


def test_small_forms():
    assert to_legacy_text(to_ms("2026-11-21")) == "2026-11-21"
    assert to_legacy_text(to_ms("2026-11-21T02:00:00+01:00")) == "2026-11-21T01:00:00Z"
    assert to_legacy_text(to_ms("2026-11-21T00:00:00.001Z")) == "2026-11-21T00:00:00.001Z"
    assert to_decimal(2.50) == to_decimal("2.5") and to_decimal(1.23456) == to_decimal("1.2346")
    # printf 'demo\0e-1' | sha256sum → 357771148c0408621f…, of which the first 53 bits are taken.
    assert legacy_id("demo", "e-1") == 0x357771148C040862 >> 11


# ---- state


def test_versions_deletes_and_revival():
    o = Oracle()
    o.put_event(event("e", league="five", version=5))
    o.put_event(event("e", league="four", version=4))
    assert o.events["e"].attributes["league"] == "five"
    o.put_event(event("e", league="five again", version=5))
    assert o.events["e"].attributes["league"] == "five again", "equal versions: the newer position"
    o.delete_event("e", 4)
    assert o.events["e"].listed
    o.delete_event("e", 6)
    assert o.events["e"].known and not o.events["e"].listed
    o.put_event(event("e", league="late five", version=5))
    assert not o.events["e"].listed and o.events["e"].attributes["league"] == "five again"
    o.put_event(event("e", league="none"))
    assert o.events["e"].listed and o.events["e"].attributes["league"] == "none"
    o.put_event(event("e", league="one", version=1))
    assert o.events["e"].attributes["league"] == "one", "the stored record carries no version"


def test_tombstone_keeps_its_version():
    o = Oracle()
    o.delete_event("e", 3)
    o.put_event(event("e", version=2))
    assert not o.events["e"].known
    o.put_event(event("e", version=3))
    assert o.events["e"].listed


def test_users_follow_the_same_rule():
    o = Oracle()
    o.put_user({"user_id": "u", "country": "a", "version": 2})
    o.put_user({"user_id": "u", "country": "b", "version": 1})
    assert o.users["u"]["country"] == "a"
    o.put_user({"user_id": "u", "country": "c"})
    assert o.users["u"]["country"] == "c"


def test_coupons_first_wins():
    o = Oracle()
    assert o.put_coupon(coupon("c", "u", ["a", "b"], odds=2.5)) == "stored"
    again = coupon("c", "u", ["b", "a"], odds=2.50)
    again["timestamp"] = again["timestamp"].replace(".000Z", "+00:00")
    assert o.put_coupon(again) == "absorbed"
    assert o.put_coupon(coupon("c", "u", ["a"], odds=2.5)) == "conflict"
    assert o.put_coupon(coupon("c", "u", ["a", "b"], odds=2.51)) == "conflict"
    assert o.put_coupon(coupon("c", "v", ["a"])) == "stored"
    assert o.counts == {"a": 2, "b": 1} and o.conflicts == [("u", "c"), ("u", "c")]


# ---- ranking


def test_one_selection_by_hand():
    o = Oracle()
    o.put_event(event("bet", "Soccer", "A", "X", ("p", "q"), begin=NOW - DAY_MS))
    o.put_event(event("all", "Soccer", "A", "X", ("q", "r")))
    o.put_event(event("league", "Soccer", "A", "Y", ("s",)))
    o.put_event(event("country", "Soccer", "B", "X", ("s",)))
    o.put_event(event("sport", "Soccer", "B", "Y", ("s",)))
    o.put_event(event("other", "Tennis", "A", "X", ("p",)))
    o.put_coupon(coupon("c", "u", ["bet"]))
    got = o.recommend("u", NOW, 10)
    assert ids(got) == ["all", "league", "country", "sport", "other"]
    assert [i.score for i in got] == [1.0, 0.65, 0.4, 0.3, 0.0]
    assert [i.source for i in got] == ["similar"] * 4 + ["popular"]
    assert got[0].because == [
        ("league", "A", 0.35),
        ("sport", "Soccer", 0.3),
        ("participant", "q", 0.25),
        ("country", "X", 0.1),
    ]
    assert [r[:2] for r in got[1].because] == [("league", "A"), ("sport", "Soccer")]
    assert got[4].because == []
    assert ids(o.similar("bet", NOW)) == ["all", "league", "country", "sport"]
    assert o.similar("nothing", NOW) is None


def test_weights_halve_and_are_integers():
    o = Oracle()
    o.put_event(event("new", "Soccer", "A", "X", ("p",), begin=NOW - 1))
    o.put_event(event("old", "Soccer", "B", "Y", ("q",), begin=NOW - 1))
    o.put_event(event("cand", "Soccer", "B", "Z", ("z",)))
    o.put_coupon(coupon("c1", "u", ["new"], placed=NOW))
    o.put_coupon(coupon("c2", "u", ["old"], placed=NOW - 30 * DAY_MS))
    (item,) = o.recommend("u", NOW, 1)
    total = FULL + FULL // 2
    assert item.numerator == 3000 * total + 3500 * (FULL // 2)
    assert item.score == pytest.approx(item.numerator / (10_000 * total), abs=1e-15)
    # So old that its weight rounds to nothing: still in S, without effect.
    o.put_coupon(coupon("c3", "u", ["old"], placed=NOW - 3000 * DAY_MS))
    assert o.recommend("u", NOW, 1)[0].numerator == item.numerator


def test_ties_by_begin_then_bytes():
    o = Oracle()
    o.put_event(event("bet", begin=NOW - 1))
    for event_id in ("e10", "e2", "E3", "é"):
        o.put_event(event(event_id))
    o.put_event(event("zz", begin=NOW + 1))
    o.put_coupon(coupon("c", "u", ["bet"]))
    assert ids(o.recommend("u", NOW, 10)) == ["zz", "E3", "e10", "e2", "é"]


def test_candidates_are_open_unbet_and_unwithdrawn():
    o = Oracle()
    o.put_event(event("bet", begin=NOW + 5 * DAY_MS))
    o.put_event(event("now", begin=NOW))
    o.put_event(event("soon", begin=NOW + 1))
    o.put_event(event("gone"))
    o.delete_event("gone")
    o.put_coupon(coupon("c", "u", ["bet", "never put"]))
    assert ids(o.recommend("u", NOW, 10)) == ["soon"]
    assert ids(o.recommend("u", NOW, 10, include_started=True)) == ["now", "soon"]
    assert ids(o.popular(NOW)) == ["bet", "soon"]
    assert ids(o.recommend("u", NOW, 10, Filters(before=NOW + 1))) == []
    o.delete_event("bet")
    assert ids(o.recommend("u", NOW, 10)) == ["soon"], "a withdrawn event is history all the same"
    assert o.similar("bet", NOW) is None


def test_two_sports_of_one_league_name_and_one_participant():
    o = Oracle()
    o.put_event(event("bet", "Soccer", "World", "X", ("Spain", "Italy"), begin=NOW - 1))
    o.put_event(event("bet2", "Rugby", "Cup", "X", ("Spain",), begin=NOW - 1))
    o.put_event(event("r", "Rugby", "World", "Z", ("Italy",)))
    o.put_coupon(coupon("c", "u", ["bet", "bet2"]))
    (item,) = o.recommend("u", NOW, 1)
    assert item.numerator == 3000 * FULL and item.score == 0.15
    assert item.because == [("sport", "Rugby", 1.0)]


def test_best_participant_ties_by_bytes_and_is_not_a_sum():
    o = Oracle()
    o.put_event(event("bet", "Soccer", "A", "X", ("b", "a", "c"), begin=NOW - 1))
    o.put_event(event("e", "Soccer", "N", "N", ("c", "b", "a")))
    o.put_coupon(coupon("c", "u", ["bet"]))
    (item,) = o.recommend("u", NOW, 1)
    assert item.numerator == 5500 * FULL
    assert item.because == [("sport", "Soccer", 3000 / 5500), ("participant", "a", 2500 / 5500)]


def test_reasons_of_one_size_in_their_order():
    o = Oracle((2500, 2500, 2500, 2500))
    o.put_event(event("bet", begin=NOW - 1))
    o.put_event(event("e"))
    o.put_coupon(coupon("c", "u", ["bet"]))
    assert [r[0] for r in o.recommend("u", NOW, 1)[0].because] == ["sport", "league", "country", "participant"]


def test_only_the_newest_200_known_selections_count():
    o = Oracle()
    o.put_event(event("t", "Tennis", begin=NOW - 1))
    o.put_event(event("tennis", "Tennis"))
    for i in range(200):
        o.put_event(event(f"s{i:03d}", begin=NOW - 1))
    o.put_coupon(coupon("old", "u", ["t"], placed=NOW - 2 * DAY_MS))
    o.put_coupon(coupon("c1", "u", [f"s{i:03d}" for i in range(100)]))
    o.put_coupon(coupon("c2", "u", [f"s{i:03d}" for i in range(100, 199)]))
    o.put_coupon(coupon("c3", "u", ["unknown"], placed=NOW))
    assert o.recommend("u", NOW, 1)[0].source == "similar"
    o.put_coupon(coupon("c4", "u", ["s199"]))
    assert len(o.history("u")) == 200 and o.recommend("u", NOW, 1)[0].source == "popular"
    # At one time the smallest event ids stay.
    o.put_coupon(coupon("c5", "u", ["t"]))
    assert all(event_id != "t" for _, event_id in o.history("u"))


def test_filters():
    o = Oracle()
    o.put_event(event("bet", begin=NOW - 1))
    o.put_event(event("1", "Soccer", "A", "X"))
    o.put_event(event("2", "Soccer", "B", "X"))
    o.put_event(event("3", "Soccer", "A", "Y"))
    o.put_event(event("4", "Tennis", "A", "Y"))
    o.put_coupon(coupon("c", "u", ["bet"]))

    def found(**filters):
        return [(i.event_id, i.source[0]) for i in o.recommend("u", NOW, 10, Filters(**filters))]

    assert found(league=("A", "B")) == [("1", "s"), ("3", "s"), ("2", "s"), ("4", "p")]
    assert found(league=("A",), country=("Y",)) == [("3", "s"), ("4", "p")]
    assert found(sport=("Tennis",)) == [("4", "p")], "filters restrict the candidates, never the history"
    assert found(exclude=("1", "4")) == [("3", "s"), ("2", "s")]


def test_popular_by_count_begin_id():
    o = Oracle()
    for event_id, begin in (("a", 5), ("b", 4), ("c", 4), ("d", 9)):
        o.put_event(event(event_id, begin=NOW + begin))
    o.put_coupon(coupon("1", "u", ["d"]))
    o.put_coupon(coupon("1", "v", ["d", "a"]))
    assert ids(o.popular(NOW)) == ["d", "a", "b", "c"]
    assert ids(o.popular(NOW, 2)) == ["d", "a"]
    assert ids(o.recommend("nobody", NOW, 3)) == ["d", "a", "b"]


def test_older_recommend():
    o = Oracle()
    o.put_user({"user_id": "known"})
    o.put_event(event("bet", begin=NOW - 1))
    o.put_event(event("a"))
    o.put_event(event("b"))
    o.put_event(event("t", "Tennis"))
    o.put_coupon(coupon("1", "stranger", ["bet"]))
    o.put_coupon(coupon("1", "early", ["unknown event"]))
    assert o.legacy("nobody", NOW, 5) is None
    assert o.legacy("known", NOW, 5) == [] and o.legacy("early", NOW, 0) == []
    assert o.legacy("stranger", NOW, 1) == ["a"] and o.legacy("stranger", NOW, 0) == ["a", "b"]


def test_listing():
    o = Oracle()
    o.put_event(event("past", begin=NOW - 5))
    o.put_event(event("now", begin=NOW))
    o.put_event(event("b", begin=NOW + 1, who=("w",)))
    o.put_event(event("a", begin=NOW + 1))
    o.put_event(event("gone", begin=NOW + 1))
    o.delete_event("gone")
    assert o.list_events(NOW) == ["a", "b"]
    assert o.list_events(NOW, participant="w") == ["b"]
    assert o.list_events(NOW, begin_from=NOW - 5) == ["past", "now", "a", "b"]
    assert o.list_events(NOW, begin_from=NOW - 4, begin_to=NOW + 1) == ["now"]


# ---- the random world that the server is compared in


def test_a_universe_is_repeatable_and_varied():
    universe, o = Universe(random.Random(3), users=300, tag="w"), Oracle()
    assert universe.event_ids == Universe(random.Random(3), users=300, tag="w").event_ids
    outcomes = set()
    for kind, record in universe.actions():
        if kind == "user":
            o.put_user(record)
        elif kind == "event":
            o.put_event(record)
        elif kind == "delete":
            o.delete_event(record["event_id"], record.get("version"))
        else:
            outcomes.add(o.put_coupon(record))
    assert outcomes == {"stored", "absorbed", "conflict"}
    states = {(e.known, e.withdrawn) for e in o.events.values()}
    assert states == {(True, False), (True, True), (False, True)}
    history = {len(o.history(u)) for u in universe.user_ids}
    assert 0 in history and 200 in history
    ties = sources = 0
    for user_id in universe.user_ids:
        items = o.recommend(user_id, universe.now, 100)
        similar = [i.numerator for i in items if i.source == "similar"]
        ties += len(similar) - len(set(similar))
        sources += len({i.source for i in items}) == 2
    assert ties > 1000 and sources > 20
