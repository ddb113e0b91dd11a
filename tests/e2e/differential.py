"""Random traffic, then random questions to both paths: the view and SQL must answer with the same bytes.

Everything is decided by a seed, which is printed. A difference is shrunk: the operations before it are sent again to a new
company, fewer and fewer of them (ddmin), as long as the same question still gets two answers.
"""

from __future__ import annotations

import http.client
import json
import random
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Callable, Iterator, Optional, Sequence, TypeVar
from urllib.parse import urlencode, urlsplit

from oracle import DAY_MS, to_text
from records import HOUR_MS, Universe, now_ms
from wire import JSON, NDJSON, lines, segment

Op = tuple[str, dict[str, Any]]  # as records.Action, and ("erase", {"user_id": …})
T = TypeVar("T")
ASKING = 4  # threads
SHRINK_TRIALS = 120


class Client:
    """One company's requests on one connection per thread."""

    def __init__(self, base_url: str, key: str) -> None:
        self.at = urlsplit(base_url)
        self.key = key
        self._local = threading.local()

    def call(self, method: str, path: str, body: Optional[bytes] = None, media: str = JSON) -> tuple[int, dict[str, str], bytes]:
        headers = {"X-API-Key": self.key, **({"Content-Type": media} if body is not None else {})}
        for attempt in (0, 1):
            if not hasattr(self._local, "connection"):
                self._local.connection = http.client.HTTPConnection(self.at.hostname, self.at.port, timeout=30)
            try:
                self._local.connection.request(method, path, body, headers)
                answer = self._local.connection.getresponse()
                return answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read()
            except (http.client.HTTPException, OSError):
                self._local.connection.close()
                del self._local.connection
                if attempt:
                    raise
        raise AssertionError("unreachable")

    def take(self, method: str, path: str, body: Optional[bytes] = None, media: str = JSON) -> None:
        """A write until it is taken; a repetition changes nothing."""
        deadline = time.monotonic() + 120
        while True:
            status, _, said = self.call(method, path, body, media)
            if status == 202:
                return
            assert status == 503 and time.monotonic() < deadline, f"{method} {path}: {status} {said[:300]!r}"

    def send(self, ops: Sequence[Op]) -> None:
        """In their order; records of one kind that follow each other go as one batch."""
        batch: list[dict[str, Any]] = []
        for at, (kind, record) in enumerate(ops):
            if kind == "delete":
                version = f"?version={record['version']}" if "version" in record else ""
                self.take("DELETE", f"/v1/events/{segment(record['event_id'])}{version}")
            elif kind == "erase":
                self.take("DELETE", f"/v1/users/{segment(record['user_id'])}")
            else:
                batch.append(record)
                if at + 1 == len(ops) or ops[at + 1][0] != kind:
                    self.take("POST", f"/v1/{kind}s", lines(batch), NDJSON)
                    batch = []


class Question:
    """A path and its parameters but for via."""

    def __init__(self, path: str, params: Sequence[tuple[str, Any]], is_of_now: bool = False) -> None:
        self.path, self.params, self.is_of_now = path, list(params), is_of_now

    def __str__(self) -> str:
        return f"{self.path}?{urlencode(self.params)}"

    def answers(self, client: Client) -> Optional[tuple[Any, Any]]:
        """What view and SQL say; None: the view says that this is SQL's."""
        shown = []
        for via in ("view", "sql"):
            deadline = time.monotonic() + 60
            while True:
                status, headers, body = client.call("GET", f"{self.path}?{urlencode([*self.params, ('via', via)])}")
                if status == 503 and b"go back" in body:
                    return None
                if status != 503 or time.monotonic() > deadline:
                    break
                time.sleep(0.02)  # a view is about to take another one's place, or a server is slow
            assert status in (200, 404), f"via={via} {self}: {status} {body[:400]!r}"
            assert headers["tipster-served-by"] == via
            shown.append((status, body if status == 200 else json.loads(body)["code"]))
        return shown[0], shown[1]

    def differs(self, client: Client) -> Optional[tuple[Any, Any]]:
        """Both answers when they are not the same. One that looks at the clock is asked again: a moment lies between the two."""
        for _ in range(4 if self.is_of_now else 1):
            pair = self.answers(client)
            if pair is None or pair[0] == pair[1]:
                return None
        return pair


class Traffic:
    """What happens to one company, without end, and what may be asked of it."""

    def __init__(self, seed: str) -> None:
        self.rng = random.Random(seed)
        self.universe = Universe(self.rng, events=50, users=24, tag="w")
        self._ops = self._happen()

    def _happen(self) -> Iterator[Op]:
        rng, universe = self.rng, self.universe
        while True:
            for kind, record in universe.actions():
                if kind == "coupon":  # an id that is new, or taken by what was sent a while ago
                    record = {**record, "coupon_id": f"{record['coupon_id']}-{rng.randrange(4)}"}
                elif kind == "event" and rng.random() < 0.15:  # begins any moment, or has just begun
                    begin = now_ms() + rng.randrange(-2000, 30000)
                    record = {**record, "begin_timestamp": to_text(begin), "end_timestamp": to_text(begin + HOUR_MS)}
                yield kind, record
                if rng.random() < 0.02:
                    yield "erase", {"user_id": rng.choice(universe.user_ids)}

    def next_ops(self, count: int) -> list[Op]:
        return [next(self._ops) for _ in range(count)]

    # ---- questions

    def _moment(self) -> int:
        roll = self.rng.random()
        if roll < 0.4:
            return now_ms()
        if roll < 0.7:  # the very begin of an event, or beside it
            return max(self.rng.choice(self.universe.begins) + self.rng.choice((-1, 0, 1)), now_ms() - 30 * HOUR_MS)
        return now_ms() + self.rng.randrange(-30 * HOUR_MS, 45 * DAY_MS)

    def _filters(self, *more: str) -> list[tuple[str, Any]]:
        rng, universe, params = self.rng, self.universe, []
        values = {"sport": universe.sports, "league": universe.leagues, "country": universe.countries,
                  "participant": universe.participants}
        for name in ("sport", "league", "country", *more):
            if rng.random() < 0.25:
                params += [(name, value) for value in rng.sample(values[name] + [f"no such {name}"], rng.choice((1, 1, 2, 3)))]
        return params

    def _ranked(self) -> list[tuple[str, Any]]:
        rng = self.rng
        params: list[tuple[str, Any]] = [("as_of", to_text(self._moment())), ("n", rng.choice((1, 2, 5, 10, 10, 30, 100)))]
        params += self._filters()
        if rng.random() < 0.4:
            params.append(("explain", 1))
        if rng.random() < 0.2:
            params.append(("before", to_text(self._moment())))
        if rng.random() < 0.25:
            params += [("exclude", own) for own in rng.sample(self.universe.event_ids, rng.choice((1, 3, 12)))]
        return params

    def question(self) -> Question:
        rng, universe = self.rng, self.universe
        user_id = rng.choice(universe.user_ids + ["nobody"])
        event_id = rng.choice(universe.event_ids + universe.unknown_ids)
        roll = rng.random()
        if roll < 0.5:
            return Question(f"/v1/recommendations/{segment(user_id)}", self._ranked())
        if roll < 0.62:
            return Question("/v1/popular", self._ranked())
        if roll < 0.75:
            return Question(f"/v1/events/{segment(event_id)}/similar", self._ranked())
        if roll < 0.82:
            return Question(f"/v1/events/{segment(event_id)}", [])
        if roll < 0.92:
            params = [("from", to_text(self._moment())), ("limit", rng.choice((1, 3, 20, 1000))), *self._filters("participant")]
            return Question("/v1/events", params + ([("to", to_text(self._moment()))] if rng.random() < 0.3 else []))
        return Question("/recommend", [("user_id", user_id), ("n", rng.choice((0, 1, 3, 10, 400)))], is_of_now=True)


def shrink(items: list[T], fails: Callable[[list[T]], bool], trials: int = SHRINK_TRIALS) -> list[T]:
    """A small part of the items that fails still, in their order (Zeller's ddmin, bounded)."""
    pieces = 2
    while len(items) >= 2:
        size = -(-len(items) // pieces)
        for at in range(0, len(items), size):
            rest = items[:at] + items[at + size:]
            trials -= 1
            if trials >= 0 and fails(rest):
                items, pieces = rest, max(pieces - 1, 2)
                break
        else:
            if trials < 0 or size == 1:
                return items
            pieces = min(pieces * 2, len(items))
    return items


class Differential:
    def __init__(self, app: Any, seed: int, companies: int = 3, wait: Optional[Callable[[], None]] = None) -> None:
        self.app, self.seed = app, seed
        self.wait = wait or app.wait_caught_up
        self.compared = 0
        self.names = [f"co{i}" for i in range(companies)]
        self.clients = {name: Client(app.base_url, app.key(name)) for name in self.names}
        self.traffic = {name: Traffic(f"{seed} {name}") for name in self.names}
        self.sent: dict[str, list[Op]] = {name: [] for name in self.names}
        print(f"SEED={seed}", flush=True)

    def happen(self, count: int) -> None:
        """So many operations of each company, at once, until both paths have them."""
        with ThreadPoolExecutor(len(self.names)) as pool:
            done = []
            for name in self.names:
                ops = self.traffic[name].next_ops(count)
                self.sent[name] += ops
                done.append(pool.submit(self.clients[name].send, ops))
            for each in done:
                each.result()
        self.wait()

    def ask(self, count: int) -> None:
        """Raises AssertionError with a small case for the first difference."""
        questions = []
        for i in range(count):
            name = self.names[i % len(self.names)]
            questions.append((name, self.traffic[name].question()))
        with ThreadPoolExecutor(ASKING) as pool:
            found = list(pool.map(self._ask_some, [questions[i::ASKING] for i in range(ASKING)]))
        for name, question, pair in filter(None, found):
            raise AssertionError(self._report(name, question, pair))

    def _ask_some(self, questions: list[tuple[str, Question]]) -> Any:
        for name, question in questions:
            pair = question.differs(self.clients[name])
            self.compared += 1
            if pair is not None:
                return name, question, pair
        return None

    def _report(self, name: str, question: Question, pair: tuple[Any, Any]) -> str:
        trial = 0

        def fails(ops: list[Op]) -> bool:
            nonlocal trial
            trial += 1
            client = Client(self.app.base_url, self.app.key(f"{name}-again{trial}"))
            client.send(ops)
            self.wait()
            return question.differs(client) is not None

        head = f"SEED={self.seed}, after {self.compared} compared: {name} {question}\n view {pair[0]}\n sql  {pair[1]}\n"
        ops = self.sent[name]
        if not fails(ops):
            return head + f"it does not happen again when the {len(ops)} operations are sent to a new company"
        few = shrink(ops, fails)
        return head + f"{len(few)} operations suffice:\n" + "\n".join(f"  {kind} {json.dumps(record)}" for kind, record in few)
