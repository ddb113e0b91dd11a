"""Reads from the node's view: the same bytes as from SQL, SQL whenever the view is not fit to be read, and back by itself."""

from __future__ import annotations

import random
import shutil
import threading
from pathlib import Path
from typing import Any, Callable

import pytest

from oracle import DAY_MS, to_text
from patience import wait_for
from records import Universe, coupon, event, fresh, now_ms, user
from scrape import metrics, total
from view_file import current
from wire import BAD_PARAMETER, NOT_FOUND, Wire, older_error, problem, segment

POPULAR = "/v1/popular"


def path_of(answer: Any) -> str:
    return answer.headers.get("Tipster-Served-By", "nobody")


def wait_served_by(wire: Wire, path: str, timeout_s: float = 30) -> None:
    def there() -> bool:
        answer = wire.get(POPULAR)
        assert answer.status_code == 200, answer.text
        return path_of(answer) == path

    # Several in a row: each worker looks for itself.
    wait_for(lambda: all(there() for _ in range(8)), f"answers from {path}", timeout_s)


def same(wire: Wire, path: str, params: Any = (), via: str = "view") -> Any:
    """The answer, after asking both paths and finding them equal to the byte."""
    params = list(params.items() if isinstance(params, dict) else params)
    answers = {way: wire.get(path, params + [("via", way)]) for way in ("view", "sql")}
    shown = {way: (answer.status_code, answer.content if answer.status_code == 200 else answer.json()["code"])
             for way, answer in answers.items()}
    assert shown["view"] == shown["sql"], f"{path} {params}:\n{shown['view']}\n{shown['sql']}"
    for way, answer in answers.items():
        assert path_of(answer) == way
        assert answer.headers["Cache-Control"] == "no-store"
    return answers[via]


# ---- every route


@pytest.fixture(scope="module")
def world(stack: Any) -> Universe:
    """Something of everything, known to both paths."""
    universe = Universe(random.Random(11), events=60, users=20)
    wire = Wire(stack.base_url)
    for kind, record in universe.actions():
        if kind == "delete":
            params = {"version": record["version"]} if "version" in record else {}
            assert wire.delete(f"/v1/events/{segment(record['event_id'])}", params=params).status_code == 202
        else:
            assert wire.post(f"/v1/{kind}s", record).status_code == 202
    stack.wait_caught_up()
    wait_served_by(wire, "view")
    return universe


@pytest.fixture(scope="module")
def wire(stack: Any) -> Wire:
    return Wire(stack.base_url)


def test_the_view_is_asked_first(wire: Wire, world: Universe) -> None:
    for path in (POPULAR, f"/v1/recommendations/{segment(world.user_ids[0])}", "/v1/events"):
        assert path_of(wire.get(path)) == "view"
    assert path_of(wire.get("/recommend", {"user_id": world.user_ids[0], "n": 3})) == "view"
    assert path_of(wire.get(f"/v1/users/{segment(world.user_ids[0])}")) == "sql", "the view has no records of users"


@pytest.mark.parametrize("extra", [{}, {"n": 1}, {"n": 100, "explain": 1}, {"n": 100, "country": "Spain"}])
def test_recommendations(wire: Wire, world: Universe, extra: dict[str, Any]) -> None:
    moment = {"as_of": to_text(world.now + DAY_MS)}
    for user_id in world.user_ids + [fresh("nobody")]:
        same(wire, f"/v1/recommendations/{segment(user_id)}", {**moment, **extra})


def test_filters_and_excludes(wire: Wire, world: Universe) -> None:
    params = [("as_of", to_text(world.now)), ("sport", world.sports[0]), ("sport", world.sports[1]), ("league", world.leagues[0]),
              ("before", to_text(world.now + 20 * DAY_MS)), ("n", 50), ("explain", 1)]
    params += [("exclude", event_id) for event_id in world.event_ids[:10]]
    for user_id in world.user_ids:
        same(wire, f"/v1/recommendations/{segment(user_id)}", params)
    items = [item for user_id in world.user_ids
             for item in same(wire, f"/v1/recommendations/{segment(user_id)}", params[:3] + params[4:]).json()["items"]]
    assert {item["source"] for item in items} == {"popular", "similar"}


def test_popular(wire: Wire, world: Universe) -> None:
    for sport in world.sports:
        same(wire, POPULAR, {"as_of": to_text(world.now), "sport": sport, "n": 100})


def test_similar_and_single_events(wire: Wire, world: Universe) -> None:
    found = set()
    for event_id in world.event_ids + world.unknown_ids:
        at = segment(event_id)
        found.add(same(wire, f"/v1/events/{at}/similar", {"as_of": to_text(world.now), "n": 20, "explain": 1}).status_code)
        # What is over for long is SQL's alone; here nothing is.
        found.add(wire.get(f"/v1/events/{at}").status_code)
        shown = {way: wire.get(f"/v1/events/{at}", {"via": way}) for way in ("view", "sql")}
        if shown["view"].status_code != 503:
            assert shown["view"].status_code == shown["sql"].status_code
            assert shown["sql"].status_code == 404 or shown["view"].content == shown["sql"].content
    assert found == {200, 404}


@pytest.mark.parametrize("limit", [1, 7, 1000])
def test_lists(wire: Wire, world: Universe, limit: int) -> None:
    asked = [{"sport": world.sports[0]}, {"sport": world.sports[1], "league": world.leagues[1]}, {"participant": "ajax", "sport": world.sports},
             {"country": world.countries[2], "to": to_text(world.now + 10 * DAY_MS)}]
    pages = 0
    for filters in asked:
        params = {"from": to_text(now_ms()), "limit": limit, **filters}
        while True:
            page = same(wire, "/v1/events", [(name, value) for name, values in params.items()
                                             for value in (values if isinstance(values, list) else [values])]).json()
            pages += 1
            if page["next_cursor"] is None:
                break
            params["cursor"] = page["next_cursor"]
    assert (pages > len(asked)) == (limit < 1000)


def test_older_recommend(wire: Wire, world: Universe) -> None:
    for user_id in world.user_ids + [fresh("nobody")]:
        for n in (0, 1, 5, 500):
            same(wire, "/recommend", {"user_id": user_id, "n": n})
    known = wire.get("/recommend", {"user_id": world.user_ids[0], "via": "view"})
    assert known.status_code == 200 and len(known.json() or [1]) == 1


# ---- via, and what is SQL's


def test_via(wire: Wire, world: Universe) -> None:
    for path in (POPULAR, "/v1/events", f"/v1/recommendations/{segment(world.user_ids[0])}"):
        assert "via" in problem(wire.get(path, {"via": "rumour"}), 400, BAD_PARAMETER)["detail"]
    assert "via" in older_error(wire.get("/recommend", {"user_id": "u", "via": ""}))
    assert "via" in problem(wire.get(f"/v1/users/{segment(world.user_ids[0])}", {"via": "view"}), 400, BAD_PARAMETER)["detail"]


def test_what_is_for_sql_alone(wire: Wire, world: Universe) -> None:
    started = {"include_started": 1}
    assert path_of(wire.get(POPULAR, started)) == "sql"
    assert "begun" in problem(wire.get(POPULAR, {**started, "via": "view"}), 400, BAD_PARAMETER)["detail"]
    past = {"as_of": to_text(now_ms() - 300 * DAY_MS)}
    assert path_of(wire.get(POPULAR, past)) == "sql"
    assert "go back" in problem(wire.get(POPULAR, {**past, "via": "view"}), 503)["detail"]


# ---- the view is not fit to be read


def bet(app: Any, wire: Wire) -> tuple[str, list[str]]:
    """A user with a taste, and events to that taste; both stored."""
    sport, punter = fresh("sport"), fresh("u")
    events = [event(fresh("e"), begin=now_ms() + (2 + i) * DAY_MS, sport=sport) for i in range(4)]
    wire.accept("/v1/events", events)
    wire.accept("/v1/coupons", [coupon(fresh("c"), punter, [events[0]["event_id"]])])
    app.wait_caught_up()
    return punter, [record["event_id"] for record in events]


def recommended(wire: Wire, user_id: str) -> tuple[str, list[str]]:
    answer = wire.get(f"/v1/recommendations/{user_id}")
    assert answer.status_code == 200, answer.text
    return path_of(answer), [item["event"]["event_id"] for item in answer.json()["items"]]


def test_no_view_yet_then_one(server_factory: Callable[..., Any]) -> None:
    app = server_factory()
    wire = Wire(app.base_url)
    punter, events = bet(app, wire)
    assert recommended(wire, punter) == ("sql", events[1:])
    assert "there is none" in problem(wire.get(POPULAR, {"via": "view"}), 503, "unavailable")["detail"]
    app.index.start()
    wait_served_by(wire, "view")
    assert recommended(wire, punter) == ("view", events[1:])


def test_a_silent_index(server_factory: Callable[..., Any]) -> None:
    """Frozen, then killed: SQL within the limit, with what was stored meanwhile; back when it goes on."""
    app = server_factory(index=True)
    wire = Wire(app.base_url)
    punter, events = bet(app, wire)
    wait_served_by(wire, "view")
    for stop, go_on in ((app.index.pause, app.index.resume), (app.index.kill9, app.index.start)):
        stop()
        wait_served_by(wire, "sql", 10)
        assert "older than" in problem(wire.get(POPULAR, {"via": "view"}), 503)["detail"]
        wire.accept("/v1/coupons", [coupon(fresh("c"), punter, [events.pop(1)])])
        wait_for(lambda: recommended(wire, punter) == ("sql", events[1:]), "the coupon in SQL")
        go_on()
        wait_served_by(wire, "view")
        app.wait_caught_up()
        assert recommended(wire, punter) == ("view", events[1:])


def test_behind_can_be_set(server_factory: Callable[..., Any]) -> None:
    app = server_factory({"VIEW_BEHIND_MS": "600000"}, index=True)
    wire = Wire(app.base_url)
    punter, events = bet(app, wire)
    wait_served_by(wire, "view")
    app.index.stop()
    assert recommended(wire, punter) == ("view", events[1:])


def test_rebuilt_beside(server_factory: Callable[..., Any]) -> None:
    """While views come and go every answer is right, and none is late for it."""
    app = server_factory(index=True)
    wire = Wire(app.base_url)
    punter, events = bet(app, wire)
    wait_served_by(wire, "view")
    ending, wrong = threading.Event(), []

    def ask() -> None:
        while not ending.is_set():
            seen = recommended(wire, punter)[1]
            if seen != events[1:]:
                wrong.append(seen)

    asking = threading.Thread(target=ask)
    asking.start()
    try:
        for _ in range(5):
            old = current(app)
            app.index.signal(1)
            wait_for(lambda: current(app) not in (old, None), "another view")
            wait_served_by(wire, "view")
    finally:
        ending.set()
        asking.join()
    assert not wrong, wrong[:3]


def test_a_view_that_goes_and_comes(server_factory: Callable[..., Any]) -> None:
    """Its folder is deleted under serve; index makes another one of the same name."""
    app = server_factory(index=True)
    wire = Wire(app.base_url)
    punter, events = bet(app, wire)
    wait_served_by(wire, "view")
    app.index.stop()
    shutil.rmtree(app.env["VIEW_DIR"])
    wait_served_by(wire, "sql")
    assert recommended(wire, punter) == ("sql", events[1:])
    app.index.start()
    wait_served_by(wire, "view")
    assert current(app).name == "view-1" and recommended(wire, punter) == ("view", events[1:])


@pytest.mark.parametrize("damage", ["cut", "zeros", "no view"])
def test_damage(server_factory: Callable[..., Any], damage: str) -> None:
    """A file that is no view any more is not served, and no worker keeps dying of it; index makes a new one."""
    app = server_factory(index=True)
    wire = Wire(app.base_url)
    punter, events = bet(app, wire)
    wait_served_by(wire, "view")
    app.index.stop()
    app.serve.stop()
    data = current(app) / "data.mdb"
    size = {"cut": 4 * 4096, "zeros": 0, "no view": data.stat().st_size}[damage]
    with open(data, "rb") as file:  # which looks much larger than it is
        content = bytearray(file.read(64 * 4096))
    if damage == "no view":
        content[16] ^= 4  # of the head that says which file this is
    with open(data, "r+b") as file:
        file.write(content if damage != "zeros" else bytes(64 * 4096))
        if damage == "cut":
            file.truncate(size)
    app.serve.start()
    assert recommended(wire, punter) == ("sql", events[1:])
    app.index.start()
    wait_served_by(wire, "view")
    assert recommended(wire, punter) == ("view", events[1:])
    assert total(metrics(app), "tipster_worker_starts_total") == 2, "a worker died"
