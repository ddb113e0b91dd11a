"""Reads from the node's view: the same bytes as from SQL, SQL whenever the view is not fit to be read, and back by itself."""

from __future__ import annotations

import random
import shutil
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Callable

import pytest
import requests

from differential import Client
from fixtures import IMPATIENT
from oracle import DAY_MS, to_text
from patience import wait_for
from raw_http import Connection
from records import Universe, coupon, event, fresh, now_ms, user
from scrape import metrics, total
from view_file import current
from wire import BAD_PARAMETER, NDJSON, NOT_FOUND, Wire, lines, older_error, problem, segment

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
    Client(stack.base_url, stack.key("demo")).send(universe.actions())
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
    wait_for(lambda: wire.post("/v1/events", lines(events), NDJSON).status_code == 202, "Kafka")  # which may have just started
    wire.accept("/v1/coupons", [coupon(fresh("c"), punter, [events[0]["event_id"]])])
    app.wait_caught_up()
    return punter, [record["event_id"] for record in events]


def with_view(server_factory: Callable[..., Any], *env: dict[str, str], **servers: Any) -> tuple[Any, Wire, str, list[str]]:
    """An application that answers from its view; a user of it, and the events to the user's taste."""
    app = server_factory(*env, **servers, index=True)
    wire = Wire(app.base_url)
    punter, events = bet(app, wire)
    wait_served_by(wire, "view")
    return app, wire, punter, events


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


@pytest.mark.timing
def test_a_silent_index(server_factory: Callable[..., Any]) -> None:
    """Frozen, then killed: SQL within the limit, with what was stored meanwhile; back when it goes on."""
    app, wire, punter, events = with_view(server_factory)
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
    app, wire, punter, events = with_view(server_factory, {"VIEW_BEHIND_MS": "600000"})
    app.index.stop()
    assert recommended(wire, punter) == ("view", events[1:])


def test_rebuilt_beside(server_factory: Callable[..., Any]) -> None:
    """While views come and go every answer is there, and right."""
    app, wire, punter, events = with_view(server_factory)
    ending = threading.Event()

    def ask() -> int:
        asked = 0
        while not ending.is_set():
            assert recommended(wire, punter)[1] == events[1:]
            asked += 1
        return asked

    with ThreadPoolExecutor(1) as pool:
        asking = pool.submit(ask)
        try:
            for _ in range(5):
                old = current(app)
                app.index.signal(1)
                wait_for(lambda: current(app) not in (old, None), "another view")
                wait_served_by(wire, "view")
        finally:
            ending.set()
        assert asking.result() > 5


def test_a_view_that_goes_and_comes(server_factory: Callable[..., Any]) -> None:
    """Its folder is deleted under serve; index makes another one of the same name."""
    app, wire, punter, events = with_view(server_factory)
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
    app, wire, punter, events = with_view(server_factory)
    app.index.stop()
    app.serve.stop()
    data = current(app) / "data.mdb"
    with open(data, "rb") as file:  # which looks much larger than it is
        content = bytearray(file.read(64 * 4096))
    if damage == "no view":
        content[16] ^= 4  # of the head that says which file this is
    with open(data, "r+b") as file:
        file.write(content if damage != "zeros" else bytes(64 * 4096))
        if damage == "cut":
            file.truncate(4 * 4096)
    app.serve.start()
    assert recommended(wire, punter) == ("sql", events[1:])
    app.index.start()
    wait_served_by(wire, "view")
    assert recommended(wire, punter) == ("view", events[1:])
    assert total(metrics(app), "tipster_worker_starts_total") == 2, "a worker died"


@pytest.mark.timing
@pytest.mark.parametrize("damage", ["cut", "pointers", "ones"])
def test_damage_under_the_readers(server_factory: Callable[..., Any], damage: str) -> None:
    """A file that goes bad while it is read may cost each worker its life once, and the requests it had; then SQL answers."""
    # Whoever reads a file that was cut dies, however old it is; the others are found out by their contents, or by their age.
    app, wire, punter, events = with_view(server_factory, {"VIEW_BEHIND_MS": "600000"} if damage == "cut" else {})
    app.index.pause()
    data = current(app) / "data.mdb"
    with open(data, "r+b") as file:
        if damage == "cut":
            file.truncate(2 * 4096)  # behind the two heads
        for page in range(2, 64) if damage != "cut" else ():
            file.seek(page * 4096 + (16 if damage == "pointers" else 0))  # those to the page's nodes
            file.write(b"\xff" * (64 if damage == "pointers" else 4096))

    def answered() -> bool:
        try:
            return recommended(wire, punter) == ("sql", events[1:])
        except requests.RequestException:
            return False

    wait_for(answered, "an answer by SQL", 10)
    for _ in range(50):
        assert answered()
    wait_for(lambda: total(metrics(app), "tipster_view_state", state="serving") == 0, "both workers, or their successors, to know")
    deaths = total(metrics(app), "tipster_worker_starts_total") - 2
    assert deaths <= 2, "a worker did not learn from the other"
    wait_for(lambda: ("a worker died reading the view" in app.serve.log.read_text()) == (deaths > 0), "its successor's word", 10)
    assert deaths > 0 or damage != "cut"
    app.index.kill9()
    app.index.start()
    wait_served_by(wire, "view")
    assert recommended(wire, punter) == ("view", events[1:])
    assert total(metrics(app), "tipster_worker_starts_total") - 2 == deaths


def test_another_run_of_the_machine(server_factory: Callable[..., Any]) -> None:
    """What a machine that was stopped has left is not read, however young it says it is; index makes another one."""
    app, wire, punter, events = with_view(server_factory, {"VIEW_BEHIND_MS": "600000"})
    app.index.stop()
    app.serve.stop()
    app.serve.env["VIEW_BOOT_ID"] = app.index.env["VIEW_BOOT_ID"] = "another"
    app.serve.start()
    assert recommended(wire, punter) == ("sql", events[1:])
    assert "started anew" in problem(wire.get(POPULAR, {"via": "view"}), 503)["detail"]
    app.index.start()
    wait_served_by(wire, "view")
    assert recommended(wire, punter) == ("view", events[1:])


# ---- reading one's own writes


def test_after_a_write(wire: Wire, world: Universe, stack: Any) -> None:
    """Each write is in the answer that names it, on both paths and for every kind of record."""
    sport, punter = fresh("sport"), fresh("u")
    for via in ("view", "sql"):
        ids = [fresh("e") for _ in range(3)]
        answer = wire.accept("/v1/events", [event(own, sport=sport) for own in ids])
        after = {"Tipster-After": answer.headers["Tipster-Position"]}
        page = wire.get("/v1/events", {"sport": sport, "via": via, "limit": 1000}, headers=after)
        assert set(ids) <= {item["event_id"] for item in page.json()["items"]}, "an event put"
        answer = wire.accept("/v1/coupons", [coupon(fresh("c"), punter, [ids[0]])])
        after = {"Tipster-After": answer.headers["Tipster-Position"]}
        shown = wire.get(f"/v1/recommendations/{punter}", {"via": via, "sport": sport, "n": 100}, headers=after).json()["items"]
        assert ids[0] not in {item["event"]["event_id"] for item in shown}, "an event bet on"
        assert shown and shown[0]["source"] == "similar"
        answer = wire.delete(f"/v1/events/{ids[1]}")
        after = {"Tipster-After": answer.headers["Tipster-Position"]}
        problem(wire.get(f"/v1/events/{ids[1]}", {"via": via}, headers=after), 404, NOT_FOUND)
        older = wire.get("/recommend", {"user_id": punter, "n": 100, "via": via}, headers=after)
        assert path_of(older) == via and ids[1] not in {item["event_id"] for item in older.json()}
    answer = wire.accept("/v1/users", [user(punter)])
    after = {"Tipster-After": answer.headers["Tipster-Position"]}
    assert wire.get(f"/v1/users/{punter}", headers=after).status_code == 200, "a route that SQL alone answers"
    assert len(wire.get(f"/v1/users/{punter}/coupons", headers=after).json()["items"]) == 2
    answer = wire.accept("/v1/coupons", [coupon("the-last", punter, [ids[2]])])
    after = {"Tipster-After": answer.headers["Tipster-Position"], "X-API-Key": stack.key("demo")}
    assert "the-last" in wire.get(f"/v1/users/{punter}/export", headers=after).text


@pytest.mark.timing
def test_freshness(wire: Wire, world: Universe, stack: Any) -> None:
    """A coupon takes its event out of the recommendations, without anybody asking for it in particular."""
    punter, events = bet(stack, wire)
    for gone in events[1:3]:
        wire.accept("/v1/coupons", [coupon(fresh("c"), punter, [gone])])
        wait_for(lambda: gone not in recommended(wire, punter)[1], "the event to go", 10, 0.002)
    path, shown = recommended(wire, punter)
    assert path == "view" and shown[0] == events[3], "the only one left of this taste"


@pytest.mark.parametrize("token", ["", "x", "u:1", "u:99999.1", "u:1.1;u:1.2", pytest.param("c:0.1," * 300, id="long")])
def test_after_what_is_no_position(wire: Wire, world: Universe, stack: Any, token: str) -> None:
    for path in (POPULAR, "/v1/users/nobody", "/v1/rejected"):
        answer = wire.get(path, headers={"Tipster-After": token, **({"X-API-Key": stack.key("demo")} if path == "/v1/rejected" else {})})
        if token == "":  # the same as without
            assert answer.status_code in (200, 404)
        else:
            assert "Tipster-After" in problem(answer, 400, BAD_PARAMETER)["detail"]
    if token:
        assert "Tipster-After" in older_error(wire.get("/recommend", {"user_id": "u"}, headers={"Tipster-After": token}))


@pytest.mark.timing
def test_after_what_never_comes(server_factory: Callable[..., Any]) -> None:
    """504 within the limit, while the same worker goes on answering others."""
    app = server_factory({"WORKERS": "1", **IMPATIENT}, index=True)
    wire, other = Wire(app.base_url), Wire(app.base_url)
    punter, _ = bet(app, wire)
    wait_served_by(wire, "view")
    asked = [(POPULAR, {"via": "view"}), (POPULAR, {"via": "sql"}), ("/v1/users/nobody", {})]
    codes: list[Any] = []

    def ask(path: str, params: dict[str, str]) -> None:
        started = time.monotonic()
        answer = Wire(app.base_url).get(path, params, headers={"Tipster-After": "c:0.999999"})
        codes.append((problem(answer, 504, "timeout")["detail"].split(":")[0], 1.0 < time.monotonic() - started < 10))

    waiting = [threading.Thread(target=ask, args=each) for each in asked]
    for thread in waiting:
        thread.start()
    answered = 0
    while any(thread.is_alive() for thread in waiting):
        assert other.get(POPULAR).status_code == 200
        answered += 1
    assert codes == [("Tipster-After", True)] * len(asked) and answered > 20
    assert total(metrics(app), "tipster_after_missed_total") == len(asked)
    assert total(metrics(app), "tipster_after_waiting") == 0


@pytest.mark.timing
def test_clients_that_leave_while_they_wait(server_factory: Callable[..., Any]) -> None:
    """Nothing of them stays, whatever they wait for: the view, SQL, or SQL before a long answer."""
    app = server_factory({"WORKERS": "1", **IMPATIENT}, index=True)
    wire = Wire(app.base_url)
    bet(app, wire)
    wait_served_by(wire, "view")
    key = app.key("demo")
    asked = [f"{POPULAR}?via=view", f"{POPULAR}?via=sql", "/v1/users/nobody", "/v1/users/nobody/export"] * 5
    connections = [Connection(app.port) for _ in asked]
    for connection, path in zip(connections, asked):
        connection.send(f"GET {path} HTTP/1.1\r\nHost: a\r\nX-API-Key: {key}\r\nTipster-After: c:0.999999\r\n\r\n".encode())
    wait_for(lambda: total(metrics(app), "tipster_after_waits_total") == len(asked), "all of them to wait")
    for connection in connections:
        connection.socket.close()
    wait_for(lambda: total(metrics(app), "tipster_http_requests_in_flight") == 1, "them to be forgotten")  # the one that asks
    seen = metrics(app)
    gone, late = total(seen, "tipster_http_client_gone_total"), total(seen, "tipster_after_missed_total")
    assert gone > 0 and gone + late == len(asked)
    wait_for(lambda: total(metrics(app), "tipster_after_waiting") == 0, "nobody to be waited for", 1)


def test_after_while_the_view_stands_still(server_factory: Callable[..., Any]) -> None:
    """Waits for the view as long as that is to be read, then SQL, which has come further, answers."""
    app, wire, punter, events = with_view(server_factory, {"VIEW_BEHIND_MS": "500"})
    app.index.pause()
    passed_over = total(metrics(app), "tipster_view_passed_over_total")
    try:
        answer = wire.accept("/v1/coupons", [coupon(fresh("c"), punter, [events[1]])])
        answer = wire.get(f"/v1/recommendations/{punter}", headers={"Tipster-After": answer.headers["Tipster-Position"]})
        assert answer.status_code == 200, answer.text
        assert path_of(answer) == "sql" and events[1] not in answer.text
        assert total(metrics(app), "tipster_view_passed_over_total") == passed_over + 1, "one read, however often it was woken"
    finally:
        app.index.resume()


# ---- what operators see


@pytest.mark.timing
def test_readiness_and_figures(server_factory: Callable[..., Any]) -> None:
    app = server_factory(index=True)
    wire, ops = Wire(app.base_url), Wire(app.ops_url)
    key = app.key("demo", "admin")
    bet(app, wire)
    wait_served_by(wire, "view")
    wait_for(lambda: ops.get("/readyz/read").json() == {"ready": True, "view": "ok", "database": "ok"}, "either worker to say so")
    # Index's own figures stand there as well, a little later.
    wait_for(lambda: total(metrics(app), "tipster_index_serving") == 1, "index to say so")
    figures = metrics(app)
    assert total(figures, "tipster_view_state", state="serving") == 2
    assert 0 <= total(figures, "tipster_view_behind_ms") < 4000
    assert total(figures, "tipster_reads_total", served_by="view") > 0
    shown = wire.get("/v1/stats", headers={"X-API-Key": key}).json()["view"]
    assert shown["ready"] is True and 0 <= shown["behind_ms"] < 2000

    app.index.stop()
    wait_served_by(wire, "sql")
    wait_for(lambda: total(metrics(app), "tipster_view_state", state="behind") == 2, "both workers to say so")
    answer = ops.get("/readyz/read")
    assert answer.status_code == 200 and answer.json()["ready"] is True, "SQL can answer"
    assert "older than" in answer.json()["view"] and answer.json()["database"] == "ok"
    assert total(metrics(app), "tipster_view_state", state="serving") == 0
    assert total(metrics(app), "tipster_view_passed_over_total", reason="behind") > 0
    wait_for(lambda: wire.get("/v1/stats", headers={"X-API-Key": key}).json()["view"]["ready"] is False, "the figures", 15)


def test_reads_without_the_database(server_factory: Callable[..., Any], own_servers: tuple[Any, Any]) -> None:
    """While the database is away the view answers what it holds, and readiness says that reads can be answered."""
    database, kafka = own_servers
    app, wire, punter, events = with_view(server_factory, database=database, kafka=kafka)
    ops = Wire(app.ops_url)
    database.stop()
    wait_for(lambda: ops.get("/readyz/read").json()["database"] != "ok", "the loss to be seen")
    answer = ops.get("/readyz/read")
    assert answer.status_code == 200 and answer.json()["view"] == "ok"
    assert recommended(wire, punter) == ("view", events[1:])
    problem(wire.get(f"/v1/users/{punter}"), 503)
    app.index.stop()
    wait_for(lambda: ops.get("/readyz/read").status_code == 503, "neither to be ready")
    problem(wire.get(f"/v1/recommendations/{punter}"), 503)
