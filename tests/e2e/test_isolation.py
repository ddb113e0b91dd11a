"""Two companies on one server: for every route, what one of them does with the other's ids is what it would be with ids that do not exist.

A and B have users, events and coupons of the same ids and other contents ("both"), and A has some of its own ("only A").
CASES names every route that has a scope; a route without a case fails the first test.
"""

from __future__ import annotations

import json
import random
import statistics
import subprocess
import time
from dataclasses import dataclass, field
from typing import Any, Callable, Optional

import pytest
import requests

from fixtures import BUILD
from records import coupon, event, fresh, user
from wire import NDJSON, Wire, lines, problem, rows

LEAGUES = {"A": "League of A", "B": "League of B"}
STAKES = {"A": 11, "B": 22}


class Caller(Wire):
    """A company's calls with its key."""

    def __init__(self, base_url: str, company: str, key: str) -> None:
        super().__init__(base_url)
        self.company = company
        self.key = key

    def call(self, method: str, path: str, **options: Any) -> requests.Response:
        headers = {"Authorization": f"Bearer {self.key}", **(options.pop("headers", None) or {})}
        return super().call(method, path, headers=headers, **options)


@dataclass
class World:
    a: Caller
    b: Caller
    stack: Any
    both: dict[str, str]
    only_a: dict[str, str]
    absent: dict[str, str] = field(default_factory=dict)


def fill(caller: Caller, name: str, ids: dict[str, str]) -> None:
    """A user who has bet on an event, and another event of the same league to recommend."""
    events = [event(ids["event"], league=LEAGUES[name], participants=[f"{name}1", f"{name}2"]),
              event(ids["other"], league=LEAGUES[name], participants=[f"{name}1", f"{name}3"])]
    caller.accept("/v1/users", [user(ids["user"], country=f"Country of {name}")])
    caller.accept("/v1/events", events)
    caller.accept("/v1/coupons", [coupon(ids["coupon"], ids["user"], [ids["event"]], stake=STAKES[name])])
    # The same id again with another content: one reject for each fill.
    caller.accept("/v1/coupons", [coupon(ids["coupon"], ids["user"], [ids["event"]], stake=STAKES[name] + 1)])


def new_ids(prefix: str) -> dict[str, str]:
    return {what: fresh(f"{prefix}-{what}") for what in ("user", "event", "other", "coupon")}


@pytest.fixture(scope="module")
def world(stack: Any) -> World:
    a, b = (Caller(stack.base_url, company, stack.key(company)) for company in (fresh("iso-a")[:32], fresh("iso-b")[:32]))
    made = World(a, b, stack, new_ids("both"), new_ids("onlya"), new_ids("absent"))
    for ids, callers in ((made.both, (("A", a), ("B", b))), (made.only_a, (("A", a),))):
        for name, caller in callers:
            fill(caller, name, ids)
    stack.wait_caught_up()
    return made


def neutral(answer: requests.Response, ids: dict[str, str]) -> tuple[int, str]:
    """Status and body without what must differ: request ids, the time, and the ids that were asked for."""
    text = answer.text
    for what, value in ids.items():
        text = text.replace(value, f"<{what}>")
    try:
        body = json.loads(text)
    except ValueError:
        return answer.status_code, text
    if isinstance(body, dict):
        for name in ("request_id", "as_of"):
            body.pop(name, None)
    return answer.status_code, json.dumps(body, sort_keys=True)


Ask = Callable[[Caller, dict[str, str]], requests.Response]


def get(path: str, **params: Any) -> Ask:
    return lambda caller, ids: caller.get(path.format(**ids), {name: str(value).format(**ids) for name, value in params.items()})


def post(path: str, make: Callable[[dict[str, str]], dict[str, Any]]) -> Ask:
    return lambda caller, ids: caller.post(path, make(ids))


def put(path: str, make: Callable[[dict[str, str]], dict[str, Any]]) -> Ask:
    return lambda caller, ids: caller.put(path.format(**ids), make(ids))


@dataclass
class Case:
    route: str
    ask: Ask
    # What a company may be shown of another's id: the status, None for whatever an id has that does not exist.
    status: Optional[int] = None


def other_user(ids: dict[str, str]) -> dict[str, Any]:
    return user(ids["user"], country="Changed")


def other_event(ids: dict[str, str]) -> dict[str, Any]:
    return event(ids["event"], league="Changed")


def other_coupon(ids: dict[str, str]) -> dict[str, Any]:
    return coupon(ids["coupon"], ids["user"], [ids["event"]], stake=99)


READS = [
    Case("GET /v1/users/{user_id}", get("/v1/users/{user}"), 404),
    Case("GET /v1/events/{event_id}", get("/v1/events/{event}"), 404),
    Case("GET /v1/coupons/{coupon_id}", get("/v1/coupons/{coupon}"), 404),
    Case("GET /v1/coupons/{coupon_id}", get("/v1/coupons/{coupon}", user_id="{user}"), 404),
    Case("GET /v1/users/{user_id}/coupons", get("/v1/users/{user}/coupons"), 404),
    Case("GET /v1/users/{user_id}/export", get("/v1/users/{user}/export"), 404),
    Case("GET /v1/events/{event_id}/similar", get("/v1/events/{event}/similar"), 404),
    Case("GET /v1/recommendations/{user_id}", get("/v1/recommendations/{user}", n=100, explain=1), 200),
    Case("GET /v1/recommendations/{user_id}", get("/v1/recommendations/{user}", n=100, exclude="{event}"), 200),
    Case("GET /recommend", get("/recommend", user_id="{user}", n=0), 200),
]
LISTS = [
    Case("GET /v1/popular", get("/v1/popular", n=100)),
    Case("GET /v1/events", get("/v1/events", limit=1000)),
    Case("GET /v1/rejected", get("/v1/rejected", limit=1000)),
    Case("GET /v1/stats", get("/v1/stats")),
]
WRITES = [
    Case("POST /v1/users", post("/v1/users", other_user), 202),
    Case("POST /v1/events", post("/v1/events", other_event), 202),
    Case("POST /v1/coupons", post("/v1/coupons", other_coupon), 202),
    Case("PUT /v1/users/{user_id}", put("/v1/users/{user}", other_user), 202),
    Case("PUT /v1/events/{event_id}", put("/v1/events/{event}", other_event), 202),
    Case("POST /register_user", post("/register_user", other_user), 200),
    Case("POST /register_event", post("/register_event", other_event), 200),
    Case("POST /register_coupon", post("/register_coupon", other_coupon), 200),
    Case("DELETE /v1/events/{event_id}", lambda caller, ids: caller.delete(f"/v1/events/{ids['event']}"), 202),
    Case("DELETE /v1/users/{user_id}", lambda caller, ids: caller.delete(f"/v1/users/{ids['user']}"), 202),
]
CASES = READS + LISTS + WRITES


def names(cases: list[Case]) -> list[str]:
    return [case.route for case in cases]


def test_every_route_has_a_case() -> None:
    server = BUILD / "src/http/tipster-server"
    server = server if server.exists() else BUILD / "tipster-server"
    printed = subprocess.run([server, "--routes"], capture_output=True, text=True, check=True).stdout
    routes = [line.split("\t") for line in printed.splitlines()]
    with_scope = {f"{method} {path}" for method, path, listener, scope, _ in routes if listener == "main" and scope}
    assert with_scope == set(names(CASES))


@pytest.mark.parametrize("case", READS, ids=names(READS))
def test_another_s_id_is_one_that_does_not_exist(world: World, case: Case) -> None:
    there, nowhere = case.ask(world.b, world.only_a), case.ask(world.b, world.absent)
    assert neutral(there, world.only_a) == neutral(nowhere, world.absent)
    assert there.status_code == case.status
    own = case.ask(world.a, world.only_a)
    assert own.status_code == 200 and neutral(own, world.only_a) != neutral(there, world.only_a), "the owner sees no more"


@pytest.mark.parametrize("case", READS + LISTS, ids=names(READS + LISTS))
def test_an_answer_has_nothing_of_the_other(world: World, case: Case) -> None:
    """Also where both have the id: each sees its own."""
    for caller, own, other in ((world.a, "A", "B"), (world.b, "B", "A")):
        answer = case.ask(caller, world.both)
        assert answer.status_code == 200, answer.text
        for word in (LEAGUES[other], f"Country of {other}", f"{other}1", f'"stake":{STAKES[other]}', f'"stake":{STAKES[other] + 1}'):
            assert word not in answer.text, f"{own} is shown {word}: {answer.text[:500]}"
    shown = case.ask(world.b, world.both).text
    assert not [value for value in world.only_a.values() if value in shown]


def test_lists_and_counts_are_of_the_company(world: World) -> None:
    def ids(caller: Caller) -> set[str]:
        return {item["event_id"] for item in caller.get("/v1/events", {"limit": 1000}).json()["items"]}

    def popular(caller: Caller) -> set[str]:
        return {item["event"]["event_id"] for item in caller.get("/v1/popular", {"n": 100}).json()["items"]}

    shared, own = {world.both["event"], world.both["other"]}, {world.only_a["event"], world.only_a["other"]}
    assert ids(world.b) == popular(world.b) == shared
    assert ids(world.a) == popular(world.a) == shared | own
    rejected = {caller.company: caller.get("/v1/rejected").json()["items"] for caller in (world.a, world.b)}
    assert [item["id"] for item in rejected[world.b.company]] == [world.both["coupon"]]
    assert {item["id"] for item in rejected[world.a.company]} == {world.both["coupon"], world.only_a["coupon"]}
    stats = {caller.company: json.dumps(caller.get("/v1/stats").json()) for caller in (world.a, world.b)}
    assert LEAGUES["A"] in stats[world.a.company] and LEAGUES["B"] not in stats[world.a.company]
    assert LEAGUES["B"] in stats[world.b.company] and LEAGUES["A"] not in stats[world.b.company]


def test_the_other_s_cursor_leads_to_one_s_own(world: World) -> None:
    first = world.a.get("/v1/events", {"limit": 1}).json()
    answer = world.b.get("/v1/events", {"limit": 1000, "cursor": first["next_cursor"]})
    assert answer.status_code == 200
    assert {item["event_id"] for item in answer.json()["items"]} <= {world.both["event"], world.both["other"]}


@pytest.mark.parametrize("name", ["company", "company_id"])
def test_a_company_in_the_body_is_refused(world: World, name: str) -> None:
    record = user(world.only_a["user"], **{name: world.a.company})
    problem(world.b.post("/v1/users", record), 422, "invalid_record")
    problem(world.b.post("/v1/users", lines([record]), NDJSON), 422, "invalid_record")
    problem(world.b.get("/v1/popular", {name: world.a.company}), 400, "bad_parameter")
    header = {"X-Company": world.a.company, "Company": world.a.company}
    assert world.b.get(f"/v1/users/{world.only_a['user']}", headers=header).status_code == 404


TABLES = ["users", "events", "event_participants", "coupons", "selections", "event_counts", "rejected"]


def stored(world: World, company: str) -> dict[str, list[tuple[Any, ...]]]:
    return {table: sorted(rows(world.stack, f"select * from {table} where company_id = %s", (company,)), key=repr) for table in TABLES}


@pytest.mark.parametrize("case", WRITES, ids=names(WRITES))
def test_writes_change_nothing_of_the_other(world: World, case: Case) -> None:
    before = stored(world, world.a.company)
    assert all(before[table] for table in TABLES)
    for ids in (world.only_a, world.both):
        answer = case.ask(world.b, ids)
        assert answer.status_code == case.status, answer.text
    nowhere = case.ask(world.b, world.absent)
    assert nowhere.status_code == case.status
    world.stack.wait_caught_up()
    assert stored(world, world.a.company) == before
    for ids in (world.only_a, world.both):
        assert world.a.get(f"/v1/users/{ids['user']}").json()["country"] == "Country of A"
        assert world.a.get(f"/v1/events/{ids['event']}").json()["league"] == LEAGUES["A"]
        assert world.a.get(f"/v1/coupons/{ids['coupon']}").json()["stake"] == STAKES["A"]


HIDDEN = [case for case in READS if case.status == 404]


def times_of(case: Case, caller: Caller, choices: list[dict[str, str]]) -> list[float]:
    """The quicker quarter of some requests for each of the ids, in an order by chance: a busy machine hits all alike."""
    order = [number % len(choices) for number in range(80 * len(choices))]
    random.Random(len(order)).shuffle(order)
    times: list[list[float]] = [[] for _ in choices]
    for choice in order:
        begun = time.perf_counter()
        assert case.ask(caller, choices[choice]).status_code == 404
        times[choice].append(time.perf_counter() - begun)
    return [statistics.quantiles(values, n=4)[0] for values in times]


@pytest.mark.timing
@pytest.mark.parametrize("case", HIDDEN, ids=names(HIDDEN))
def test_the_time_tells_nothing(stack: Any, case: Case) -> None:
    """What exists for another takes as long as what does not. A difference that is there shows in every round."""
    a, b = (Caller(stack.base_url, company, stack.key(company)) for company in ("iso-time-a", "iso-time-b"))
    there, nowhere = new_ids("there"), new_ids("nowhere")
    fill(a, "A", there)
    stack.wait_caught_up()
    seen = []
    for _ in range(3):
        seen.append(times_of(case, b, [there, nowhere]))
        if abs(seen[-1][0] - seen[-1][1]) < max(0.25 * seen[-1][1], 0.0002):
            return
    pytest.fail(f"seconds for another's id and for none: {seen}")
