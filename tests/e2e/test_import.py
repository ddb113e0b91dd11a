"""`tipster import`: files of all kinds go in, bad lines are named by file and line, the exit code tells."""

from __future__ import annotations

import datetime
import json
from pathlib import Path
from typing import Any

import pytest

from oracle import to_ms
from records import coupon, event, fresh, user
from stack import TOP
from wire import Wire

COUPON_COLUMNS = "coupon_id,user_id,stake,timestamp,selections"


@pytest.fixture(scope="module")
def wire(stack: Any) -> Wire:
    return Wire(stack.base_url)


def import_(stack: Any, what: str, *arguments: Any, code: int = 0, **options: Any) -> tuple[dict[str, Any], str]:
    """The JSON result, and what it said on stderr."""
    done = stack.run("import", what, "--url", stack.base_url, "--json", *arguments, check=False, **options)
    assert done.returncode == code, f"{done.returncode} instead of {code}: {done.stderr}"
    stack.wait_caught_up()
    return json.loads(done.stdout), done.stderr


def write(path: Path, *lines: Any) -> Path:
    path.write_text("".join((line if isinstance(line, str) else json.dumps(line)) + "\n" for line in lines))
    return path


# ---- fixtures


def test_football_seasons(stack: Any, wire: Wire) -> None:
    """All 15 files, moved so that the last season surrounds a day."""
    files = sorted((TOP / "data" / "football").glob("*.csv"))
    assert len(files) == 15
    day = datetime.date(2026, 11, 21)
    result, _ = import_(stack, "fixtures", *files, "--shift-to", day.isoformat())
    assert result["accepted"] == {"users": 0, "events": 5256, "coupons": 0} and result["bad_lines"] == 0
    shown = wire.get("/v1/events/premier-league-2526-liverpool-bournemouth").json()
    assert (shown["sport"], shown["league"], shown["country"]) == ("Soccer", "Premier League", "England")
    assert shown["participants"] == ["Liverpool", "Bournemouth"]
    begin = datetime.datetime.fromisoformat(shown["begin_timestamp"].replace("Z", "+00:00"))
    original = datetime.date(2025, 8, 15)
    assert begin.weekday() == original.weekday() and (begin.date() - original).days % 7 == 0
    assert to_ms(shown["end_timestamp"]) - to_ms(shown["begin_timestamp"]) == 2 * 3_600_000
    with stack.db() as connection, connection.cursor() as cursor:
        cursor.execute("select count(*), min(begin_at), max(begin_at) from events where company_id = %s"
                       " and event_id like '%%-2526-%%' and sport = 'Soccer'", (stack.company,))
        count, first, last = cursor.fetchone()
    assert count == 1752
    middle = first + (last - first) / 2
    assert abs(middle - datetime.datetime.combine(day, datetime.time())) <= datetime.timedelta(days=3.6)


def test_again_changes_nothing(stack: Any, wire: Wire, tmp_path: Path) -> None:
    path = write(tmp_path / "serie-a-3031.csv", "Date,HomeTeam,AwayTeam", "2030-08-17,Genoa,Inter")
    import_(stack, "fixtures", path)
    first = wire.get("/v1/events/serie-a-3031-genoa-inter").json()
    import_(stack, "fixtures", path)
    assert wire.get("/v1/events/serie-a-3031-genoa-inter").json() == first


def test_another_league(stack: Any, wire: Wire, tmp_path: Path) -> None:
    path = write(tmp_path / "superleague-2930.csv", "Date,HomeTeam,AwayTeam", "2029-08-18,AEK,PAOK")
    _, said = import_(stack, "fixtures", path, code=2)
    assert "superleague-2930.csv: its name says no league" in said
    import_(stack, "fixtures", path, "--league", "Super League", "--country", "Greece", "--sport", "Football")
    shown = wire.get("/v1/events/superleague-2930-aek-paok").json()
    assert (shown["sport"], shown["league"], shown["country"]) == ("Football", "Super League", "Greece")


def test_bad_fixtures(stack: Any, tmp_path: Path) -> None:
    path = write(tmp_path / "la-liga-3233.csv", "Date,HomeTeam,AwayTeam", "17/08/2032,A,B", "2032-08-17,,B",
                 "2032-08-17,A", '2032-08-17,"A,B', "2032-08-17,C,D", f"2032-08-17,{'x' * 80},D", "2032-08-17,E,E")
    result, said = import_(stack, "fixtures", path, code=1)
    assert result["accepted"]["events"] == 1 and result["bad_lines"] == 6
    for text in ("3233.csv:2: /Date must be a date", "3233.csv:3: /HomeTeam is empty",
                 "3233.csv:4: has 2 cells, the header has 3", "3233.csv:5: a quote is not closed",
                 "3233.csv:7: /event_id must have 1 to 64 bytes", "3233.csv:8: /participants/1 stands here twice"):
        assert text in said


# ---- records


@pytest.mark.parametrize("batch", ["1", "500"])
def test_ndjson_of_all_kinds(stack: Any, wire: Wire, tmp_path: Path, batch: str) -> None:
    people, games = [user() for _ in range(20)], [event() for _ in range(20)]
    bets = [coupon(user_id=people[i]["user_id"], events=[games[i]["event_id"]]) for i in range(20)]
    for what, records in (("users", people), ("events", games), ("coupons", bets)):
        result, _ = import_(stack, what, write(tmp_path / f"{what}.ndjson", *records), "--batch", batch)
        assert result["accepted"][what] == 20
    for what, field, records in (("users", "user_id", people), ("events", "event_id", games),
                                 ("coupons", "coupon_id", bets)):
        for record in records:
            assert wire.get(f"/v1/{what}/{record[field]}").status_code == 200


def test_csv_of_all_kinds(stack: Any, wire: Wire, tmp_path: Path) -> None:
    person, game, bet = fresh("u"), fresh("e:1"), fresh("c")
    import_(stack, "users", write(tmp_path / "u.csv", "user_id,birth_year,country,currency,gender,registration_date,version,x",
                                  f'{person},1990,"Trinidad, Tobago",EUR,"a ""b""",2024-05-01,,?'))
    import_(stack, "events", write(tmp_path / "e.csv", "version,event_id,sport,league,country,participants,begin_timestamp,end_timestamp",
                                   f"3,{game},Soccer,L,C,A; B;Ç,2031-01-01T10:00:00Z,2031-01-01T12:00:00Z"))
    import_(stack, "coupons", write(tmp_path / "c.csv", COUPON_COLUMNS, f"{bet},{person},2.50,2026-01-02,{game}:1.85; other:2"))
    shown = wire.get(f"/v1/users/{person}").json()
    assert (shown["country"], shown["gender"], shown["birth_year"]) == ("Trinidad, Tobago", 'a "b"', 1990)
    shown = wire.get(f"/v1/events/{game}").json()
    assert shown["participants"] == ["A", "B", "Ç"] and shown["version"] == 3
    shown = wire.get(f"/v1/coupons/{bet}").json()
    assert shown["stake"] == 2.5
    assert {s["event_id"]: s["odds"] for s in shown["selections"]} == {game: 1.85, "other": 2}


def test_standard_input(stack: Any, wire: Wire) -> None:
    """The content says what it is; \\r, blank lines, a byte order mark and a missing last newline do no harm."""
    one, two, bet = user(), user(), fresh("c")
    text = "\ufeff" + json.dumps(one) + "\r\n\r\n\n" + json.dumps(two)
    result, _ = import_(stack, "users", "-", input=text)
    assert result["accepted"]["users"] == 2
    result, _ = import_(stack, "coupons", "-", input=f"\ufeff{COUPON_COLUMNS}\r\n{bet},u,1,2026-01-02,e:2\r\n")
    assert result["accepted"]["coupons"] == 1
    assert wire.get(f"/v1/coupons/{bet}").status_code == 200


@pytest.mark.parametrize("options", [[], ["--no-check"], ["--no-check", "--batch", "1"], ["--no-check", "--batch", "7"]])
def test_bad_lines_are_named_and_the_rest_goes_in(stack: Any, wire: Wire, tmp_path: Path, options: list[str]) -> None:
    """Found here, or by the server (--no-check): the same lines either way."""
    good = [coupon(events=[fresh("e")]) for _ in range(60)]
    lines: list[Any] = list(good)
    lines[10] = coupon(stake=-1, events=["e"])
    lines[20] = {**coupon(events=["e"]), "colour": "red"}
    lines[30] = {"coupon_id": "c"}
    lines[59] = coupon(stake="ten", events=["e"])
    path = write(tmp_path / "coupons.ndjson", *lines)
    result, said = import_(stack, "coupons", path, *options, code=1)
    assert result["accepted"]["coupons"] == 56 and result["bad_lines"] == 4
    for text in ("coupons.ndjson:11: /stake must be above 0", "coupons.ndjson:21: /colour is not a field",
                 "coupons.ndjson:31: /user_id is missing (and 3 more)", "coupons.ndjson:60: /stake must be a number"):
        assert text in said
    for i, record in enumerate(good):
        found = wire.get(f"/v1/coupons/{record['coupon_id']}").status_code
        assert found == (404 if i in (10, 20, 30, 59) else 200)


@pytest.mark.parametrize("options", [[], ["--no-check"]])
def test_lines_that_are_no_json(stack: Any, tmp_path: Path, options: list[str]) -> None:
    path = write(tmp_path / "u.ndjson", user(), "{", user(), "[1]", "nonsense", user())
    result, said = import_(stack, "users", path, *options, code=1)
    assert result["accepted"]["users"] == 3 and result["bad_lines"] == 3
    for line in (2, 4, 5):
        assert f"u.ndjson:{line}: " in said


def test_twenty_bad_lines_are_shown_all_are_counted(stack: Any, tmp_path: Path) -> None:
    path = write(tmp_path / "u.ndjson", *[user(birth_year=1) for _ in range(250)], user())
    for options in ([], ["--no-check"]):
        result, said = import_(stack, "users", path, *options, code=1)
        assert result["accepted"]["users"] == 1 and result["bad_lines"] == 250
        assert result["failures"] == {"range": 250}
        assert said.count("/birth_year") == 20 and "further bad lines" in said


def test_only_bad_lines(stack: Any, tmp_path: Path) -> None:
    result, _ = import_(stack, "users", write(tmp_path / "u.ndjson", user(birth_year=1)), code=2)
    assert result["accepted"]["users"] == 0 and result["bad_lines"] == 1


def test_a_file_with_a_wrong_header(stack: Any, tmp_path: Path) -> None:
    bad = write(tmp_path / "bad.csv", "coupon_id,user,stake", "c,u,1")
    good = write(tmp_path / "good.csv", COUPON_COLUMNS, f"{fresh('c')},u,1,2026-01-02,e:2")
    result, said = import_(stack, "coupons", bad, good, code=1)
    assert "bad.csv:1: /user_id is no column" in said and result["accepted"]["coupons"] == 1


def test_a_missing_file(stack: Any, tmp_path: Path) -> None:
    good = write(tmp_path / "u.ndjson", user())
    _, said = import_(stack, "users", tmp_path / "absent.ndjson", good, code=1)
    assert "absent.ndjson: No such file or directory" in said
    import_(stack, "users", tmp_path / "absent.ndjson", code=2)


@pytest.mark.parametrize("arguments, says", [
    ([], "FILE"),
    (["users"], "an argument is missing"),
    (["people", "f"], "not 'people'"),
    (["users", "--shift-to", "today", "f"], "are for fixtures"),
    (["fixtures", "--shift-to", "soon", "f"], "--shift-to must be a date"),
    (["users", "--to", "nowhere", "f"], "http://HOST:PORT"),
])
def test_wrong_use(stack: Any, arguments: list[str], says: str) -> None:
    done = stack.run("import", *arguments, check=False)
    assert done.returncode == 2 and says in done.stderr
