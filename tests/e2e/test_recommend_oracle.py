"""The server against the oracle: random worlds, random questions, the same answers.

A world of thousands of users over few events goes in over HTTP in random order. Half-way and at the end the server is
asked thousands of random questions; ids, order, scores, sources and reasons must be the oracle's. The seed is
printed; SEED=… repeats a run, ORACLE_REQUESTS and ORACLE_USERS size it.
"""

from __future__ import annotations

import os
import random
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Callable, Iterable, Optional

import pytest

from oracle import DAY_MS, Filters, Item, Oracle, to_text
from records import Action, Universe, now_ms
from stored import stored_differences
from wire import INVALID_RECORD, NDJSON, NOT_FOUND, Wire, lines, problem, segment

SEED = int(os.environ.get("SEED") or random.SystemRandom().randrange(10**9))
REQUESTS = int(os.environ.get("ORACLE_REQUESTS", "4000"))
USERS = int(os.environ.get("ORACLE_USERS", "2000"))
THREADS = 4
TOLERANCE = 1e-9
SHOWN_DIFFERENCES = 5


class World:
    """A universe, what the oracle knows of it, and the server that was told the same."""

    def __init__(self, stack: Any):
        print(f"SEED={SEED}")
        self.stack = stack
        self.company = getattr(stack, "company", "demo")
        self.wire = Wire(stack.base_url)
        self.universe = Universe(random.Random(SEED), users=USERS)
        self.oracle = Oracle()
        actions = self.universe.actions()
        half = len(actions) // 2
        self.parts = [actions[:half], actions[half:]]

    def tell(self, parts_left: int) -> None:
        """Sends parts until so many are left, and waits until they are stored."""
        while len(self.parts) > parts_left:
            self._send(self.parts.pop(0))
            self.stack.wait_caught_up()

    def _send(self, actions: list[Action]) -> None:
        # The order counts within a kind only: kinds go at once, each in its order.
        streams: dict[str, list[Action]] = {"users": [], "events": [], "coupons": []}
        for action in actions:
            streams["events" if action[0] == "delete" else action[0] + "s"].append(action)
        with ThreadPoolExecutor(len(streams)) as pool:
            for done in [pool.submit(self._stream, kind, part) for kind, part in streams.items()]:
                done.result()
        for kind, record in actions:
            if kind == "user":
                self.oracle.put_user(record)
            elif kind == "event":
                self.oracle.put_event(record)
            elif kind == "delete":
                self.oracle.delete_event(record["event_id"], record.get("version"))
            else:
                self.oracle.put_coupon(record)

    def _stream(self, kind: str, actions: list[Action]) -> None:
        rng = random.Random(f"{SEED} {kind}")
        batch: list[dict[str, Any]] = []
        size = 1

        def flush() -> None:
            if batch:
                self.wire.accept(f"/v1/{kind}", batch)
            batch.clear()

        for action, record in actions:
            if action == "delete":
                flush()
                version = {"version": record["version"]} if "version" in record else None
                answer = self.wire.delete(f"/v1/events/{segment(record['event_id'])}", params=version)
                assert answer.status_code == 202, answer.text
                continue
            batch.append(record)
            if len(batch) >= size:
                flush()
                size = rng.choice((1, 7, 100, 300))
        flush()


@pytest.fixture(scope="module")
def world(stack: Any) -> World:
    return World(stack)


# ---- comparing


def differences(world: World, answer: Any, expected: list[Item], n: int, explain: bool, filtered: bool) -> list[str]:
    """What is wrong with the items of an answer. `expected` is the whole list, not only its first n.

    Other tests' events may stand among the popular ones; without them the list must be exact.
    """
    if answer.status_code != 200:
        return [f"status {answer.status_code}: {answer.text[:300]}"]
    items = answer.json()["items"]
    own = [i for i in items if world.universe.owns(i["event"]["event_id"])]
    foreign = [i for i in items if not world.universe.owns(i["event"]["event_id"])]
    wrong = []
    if any(i["source"] != "popular" for i in foreign) or (filtered and foreign):
        wrong.append(f"events from elsewhere: {foreign}")
    length = len(own) if foreign else min(n, len(expected))
    if len(items) > n or (foreign and len(items) < n and len(own) < len(expected)):
        wrong.append(f"{len(items)} items for n={n}")
    got_ids = [i["event"]["event_id"] for i in own]
    want_ids = [i.event_id for i in expected[:length]]
    if got_ids != want_ids:
        at = next((k for k, (g, w) in enumerate(zip(got_ids, want_ids)) if g != w), min(len(got_ids), len(want_ids)))
        wrong.append(f"ids differ at {at}:\n    got  {got_ids[at:at + 4]} of {len(got_ids)}\n    want {want_ids[at:at + 4]} of {length}")
        wrong.append(f"    wanted there: {expected[at:at + 1]}\n    got there: {own[at:at + 1]}")
        return wrong
    for shown, item in zip(own, expected):
        wrong += item_differences(world, shown, item, explain)
    return wrong


def item_differences(world: World, shown: dict[str, Any], item: Item, explain: bool) -> list[str]:
    wrong = []
    if shown["event"] != world.oracle.event_json(item.event_id):
        wrong.append(f"event {shown['event']} is not {world.oracle.event_json(item.event_id)}")
    if abs(shown["score"] - item.score) > TOLERANCE:
        wrong.append(f"{item.event_id}: score {shown['score']} is not {item.score}")
    if shown["source"] != item.source:
        wrong.append(f"{item.event_id}: source {shown['source']} is not {item.source}")
    because = [(r["tag"], r["value"], r["share"]) for r in shown.get("because") or []]
    want = item.because if explain else []
    same = [b[:2] for b in because] == [w[:2] for w in want]
    if not same or any(abs(b[2] - w[2]) > TOLERANCE for b, w in zip(because, want)):
        wrong.append(f"{item.event_id}: because {because} is not {want}")
    return wrong


def compare_all(count: int, seed: str, one: Callable[[random.Random], Optional[str]]) -> None:
    """Runs `one` count times on a few threads; it returns what is wrong, or None."""
    found: list[str] = []
    lock = threading.Lock()

    def work(part: int) -> None:
        rng = random.Random(f"{SEED} {seed} {part}")
        for _ in range(count // THREADS):
            if len(found) >= SHOWN_DIFFERENCES:
                return
            wrong = one(rng)
            if wrong:
                with lock:
                    found.append(wrong)

    with ThreadPoolExecutor(THREADS) as pool:
        for done in [pool.submit(work, part) for part in range(THREADS)]:
            done.result()
    assert not found, f"SEED={SEED}: at least {len(found)} of {count} answers differ\n" + "\n".join(found)


# ---- questions


class Question:
    """Random parameters, as the server gets them and as the oracle does."""

    def __init__(self, rng: random.Random, universe: Universe, default_n: int = 10):
        self.params: list[tuple[str, Any]] = []
        self.n = rng.choice((1, 2, 3, default_n, 25, 100))
        if self.n != default_n or rng.random() < 0.5:
            self.params.append(("n", self.n))
        self.now: Optional[int] = None
        if rng.random() < 0.6:
            self.now = self._moment(rng, universe)
            self.params.append(("as_of", to_text(self.now)))
        self.include_started = rng.random() < 0.2
        if self.include_started:
            self.params.append(("include_started", "1"))
        self.explain = rng.random() < 0.5
        if self.explain:
            self.params.append(("explain", "1"))
        self.filters = self._filters(rng, universe)
        rng.shuffle(self.params)

    @staticmethod
    def _moment(rng: random.Random, universe: Universe) -> int:
        if rng.random() < 0.4:  # the very begin of an event, or beside it
            return rng.choice(universe.begins) + rng.choice((-1, 0, 1))
        return universe.now + rng.randrange(-45 * DAY_MS, 45 * DAY_MS)

    def _filters(self, rng: random.Random, universe: Universe) -> Filters:
        chosen: dict[str, Any] = {}
        values = {"sport": universe.sports, "league": universe.leagues, "country": universe.countries}
        for name, known in values.items():
            if rng.random() < 0.25:
                chosen[name] = tuple(rng.sample(known + [f"no such {name}"], rng.choice((1, 1, 2, 3))))
                self.params += [(name, value) for value in chosen[name]]
        if rng.random() < 0.25:
            chosen["before"] = self._moment(rng, universe)
            self.params.append(("before", to_text(chosen["before"])))
        if rng.random() < 0.25:
            chosen["exclude"] = tuple(rng.sample(universe.event_ids, rng.choice((1, 3, 10))))
            self.params += [("exclude", event_id) for event_id in chosen["exclude"]]
        return Filters(**chosen)

    @property
    def filtered(self) -> bool:
        """Restricted to this universe."""
        return bool(self.filters.sport or self.filters.league or self.filters.country)

    def moment(self) -> int:
        return now_ms() if self.now is None else self.now


def ask(world: World, path: str, question: Question, expected: Callable[[int], Iterable[Item]]) -> Optional[str]:
    answer = world.wire.get(path, question.params)
    wanted = list(expected(question.moment()))
    wrong = differences(world, answer, wanted, question.n, question.explain, question.filtered)
    if not wrong and answer.headers.get("Tipster-Served-By") not in ("sql", "view"):
        wrong = ["no Tipster-Served-By"]
    return f"GET {answer.request.path_url}\n  " + "\n  ".join(wrong) if wrong else None


def one_recommendation(world: World) -> Callable[[random.Random], Optional[str]]:
    users = world.universe.user_ids + [world.universe.tag + "nobody"]
    many = [u for u in users if len(world.oracle.history(u)) > 50] or users

    def one(rng: random.Random) -> Optional[str]:
        question = Question(rng, world.universe)
        user_id = rng.choice(many if rng.random() < 0.2 else users)
        return ask(
            world,
            f"/v1/recommendations/{segment(user_id)}",
            question,
            lambda now: world.oracle.recommend(user_id, now, None, question.filters, question.include_started),
        )

    return one


def test_what_is_stored_half_way(world: World) -> None:
    world.tell(1)
    wrong = stored_differences(world.stack, world.oracle, world.universe.owns)
    assert not wrong, f"SEED={SEED}\n" + "\n".join(wrong)


def test_recommendations_half_way(world: World) -> None:
    world.tell(1)
    compare_all(REQUESTS // 4, "half", one_recommendation(world))


def test_what_is_stored(world: World) -> None:
    world.tell(0)
    wrong = stored_differences(world.stack, world.oracle, world.universe.owns)
    assert not wrong, f"SEED={SEED}\n" + "\n".join(wrong)


def test_recommendations(world: World) -> None:
    world.tell(0)
    compare_all(REQUESTS * 3 // 4, "all", one_recommendation(world))
    histories = [len(world.oracle.history(u)) for u in world.universe.user_ids]
    assert max(histories) == 200 and min(histories) == 0, "the world was not varied enough"


def test_recommendation_frame(world: World) -> None:
    world.tell(0)
    user_id = world.universe.user_ids[0]
    at = world.universe.now
    answer = world.wire.get(f"/v1/recommendations/{segment(user_id)}", {"as_of": to_text(at), "n": 2}).json()
    assert answer["user_id"] == user_id and answer["as_of"] == to_text(at)
    answer = world.wire.get(f"/v1/recommendations/{segment(user_id)}", {"as_of": "2026-11-21"}).json()
    assert answer["as_of"] == "2026-11-21T00:00:00.000Z"


def test_similar(world: World) -> None:
    world.tell(0)
    universe = world.universe

    def one(rng: random.Random) -> Optional[str]:
        question = Question(rng, universe)
        question.params = [p for p in question.params if p[0] in ("n", "as_of", "include_started", "explain")]
        question.filters = Filters()
        event_id = rng.choice(universe.event_ids + universe.unknown_ids)
        path = f"/v1/events/{segment(event_id)}/similar"
        if world.oracle.similar(event_id, 0) is None:
            problem(world.wire.get(path, question.params), 404, NOT_FOUND)
            return None
        return ask(
            world,
            path,
            question,
            lambda now: world.oracle.similar(event_id, now, None, include_started=question.include_started) or [],
        )

    compare_all(REQUESTS // 8, "similar", one)


def test_popular(world: World) -> None:
    world.tell(0)

    def one(rng: random.Random) -> Optional[str]:
        question = Question(rng, world.universe)
        question.params = [p for p in question.params if p[0] not in ("explain", "exclude", "before")]
        question.filters.exclude, question.filters.before = (), None
        question.explain = False
        return ask(
            world,
            "/v1/popular",
            question,
            lambda now: world.oracle.popular(now, None, question.filters, question.include_started),
        )

    compare_all(REQUESTS // 8, "popular", one)


def test_older_recommend(world: World) -> None:
    world.tell(0)
    users = world.universe.user_ids + [world.universe.tag + "nobody"]

    def one(rng: random.Random) -> Optional[str]:
        user_id, n, started = rng.choice(users), rng.choice((0, 0, 1, 3, 10, 500)), rng.random() < 0.2
        params = {"user_id": user_id, "n": n, **({"include_started": "1"} if started else {})}
        answer = world.wire.get("/recommend", params)
        if answer.status_code != 200:
            return f"GET {answer.request.path_url}: {answer.status_code} {answer.text[:300]}"
        ids = world.oracle.legacy(user_id, now_ms(), n, started)
        wanted = ids if ids is None else [world.oracle.legacy_event_json(world.company, e) for e in ids]
        got = answer.json()
        if got == wanted:
            return None
        if got is None or wanted is None or len(got) != len(wanted):
            return f"GET {answer.request.path_url}: got {str(got)[:300]}, want {str(wanted)[:300]}"
        at = next(k for k, (g, w) in enumerate(zip(got, wanted)) if g != w)
        return f"GET {answer.request.path_url}: differs at {at}:\n  got  {got[at]}\n  want {wanted[at]}"

    compare_all(REQUESTS // 8, "older", one)


def test_older_recommend_at_random(world: World) -> None:
    """n = -1, and without n: one open event of the company, whichever."""
    world.tell(0)
    with_record = next(u for u in world.universe.user_ids if u in world.oracle.users)
    open_ids = {e for e, _ in world.oracle.open_events(now_ms(), Filters(), False)}
    seen = set()
    for attempt in range(40):
        params = {"user_id": with_record, **({"n": -1} if attempt % 2 else {})}
        (event,) = world.wire.get("/recommend", params).json()
        seen.add(event["event_id"])
        if world.universe.owns(event["event_id"]):
            assert event["event_id"] in open_ids
            assert event == world.oracle.legacy_event_json(world.company, event["event_id"])
    assert len(seen) > 1, "always the same event"
    assert world.wire.get("/recommend", {"user_id": world.universe.tag + "nobody"}).json() is None


def test_listing(world: World) -> None:
    """GET /v1/events with random filters, page by page."""
    world.tell(0)
    universe = world.universe

    def one(rng: random.Random) -> Optional[str]:
        wanted: dict[str, Any] = {"sport": rng.choice(universe.sports)}
        if rng.random() < 0.3:
            wanted["league"] = rng.choice(universe.leagues)
        if rng.random() < 0.3:
            wanted["country"] = rng.choice(universe.countries)
        if rng.random() < 0.3:
            wanted["participant"] = rng.choice(universe.participants)
        if rng.random() < 0.5:
            wanted["begin_from"] = Question._moment(rng, universe)
        if rng.random() < 0.3:
            wanted["begin_to"] = Question._moment(rng, universe)
        params = {**wanted, "limit": rng.choice((1, 3, 100, 1000))}
        for name in ("from", "to"):
            if f"begin_{name}" in params:
                params[name] = to_text(params.pop(f"begin_{name}"))
        got: list[str] = []
        while True:
            answer = world.wire.get("/v1/events", params)
            if answer.status_code != 200:
                return f"GET {answer.request.path_url}: {answer.status_code} {answer.text[:300]}"
            page = answer.json()
            if len(page["items"]) > params["limit"]:
                return f"GET {answer.request.path_url}: {len(page['items'])} items"
            got += [item["event_id"] for item in page["items"]]
            if page["next_cursor"] is None:
                break
            params["cursor"] = page["next_cursor"]
        want = world.oracle.list_events(now_ms(), **wanted)
        return None if got == want else f"GET /v1/events {params}:\n  got  {got}\n  want {want}"

    compare_all(120, "listing", one)


def test_records_are_what_was_put_last(world: World) -> None:
    world.tell(0)
    universe, oracle = world.universe, world.oracle
    rng = random.Random(f"{SEED} records")
    for event_id in universe.event_ids + universe.unknown_ids:
        answer = world.wire.get(f"/v1/events/{segment(event_id)}")
        event = oracle.events.get(event_id)
        if event is None or not event.listed:
            problem(answer, 404, NOT_FOUND)
        else:
            assert answer.status_code == 200, answer.text
            shown = answer.json()
            assert shown.pop("version", event.version) == event.version
            assert shown == oracle.event_json(event_id)
    for user_id in rng.sample(universe.user_ids, min(100, len(universe.user_ids))):
        answer = world.wire.get(f"/v1/users/{segment(user_id)}")
        if user_id not in oracle.users:
            problem(answer, 404, NOT_FOUND)
        else:
            wanted = oracle.users[user_id]
            shown = answer.json()
            assert shown.pop("version", wanted.get("version")) == wanted.get("version")
            names = ("user_id", "birth_year", "country", "currency", "gender")
            assert {n: shown[n] for n in names} == {n: wanted[n] for n in names}


def test_a_conflicting_coupon_changes_nothing(world: World) -> None:
    world.tell(0)
    oracle = world.oracle
    assert oracle.conflicts, "the world was not varied enough"
    for user_id, coupon_id in oracle.conflicts[:50]:
        answer = world.wire.get(f"/v1/coupons/{coupon_id}", {"user_id": user_id})
        assert answer.status_code == 200, answer.text
        shown, kept = answer.json(), oracle.coupons[(user_id, coupon_id)]
        assert float(shown["stake"]) == float(kept.stake)
        assert {s["event_id"]: s["odds"] for s in shown["selections"]} == {
            e: float(odds) for e, odds in kept.selections.items()
        }


def test_a_refused_batch_changes_nothing(world: World) -> None:
    """A batch with one bad line among good ones is refused whole, also when the good ones are known records."""
    world.tell(0)
    good = world.universe.event(world.universe.event_ids[0])
    before = world.wire.get(f"/v1/events/{segment(good['event_id'])}")
    answer = world.wire.post("/v1/events", lines([good, {"event_id": ""}]), NDJSON)
    problem(answer, 422, INVALID_RECORD)
    world.stack.wait_caught_up()
    after = world.wire.get(f"/v1/events/{segment(good['event_id'])}")
    assert (before.status_code, before.text if before.ok else "") == (after.status_code, after.text if after.ok else "")
