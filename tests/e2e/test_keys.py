"""Who may call: keys, scopes, companies that come and go while serve runs, and the commands that manage them."""

from __future__ import annotations

import json
import re
import subprocess

import pytest
import requests

from patience import wait_for
from scrape import metrics, total
from stack import TOP
from wire import problem

KEY = re.compile(r"tip_[0-9A-Za-z]{12}_[0-9A-Za-z]{32}")
LEARNS_S = 5.0  # what is promised for changes of companies and keys


def coupon(name: str, user: str = "u") -> dict:
    return {"coupon_id": name, "user_id": user, "stake": 1, "timestamp": "2026-11-01T10:00:00Z",
            "selections": [{"event_id": "e1", "odds": 2}]}


def bearer(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}


def read(app, headers: dict[str, str] | None = None, path: str = "/v1/users/nobody", **options) -> requests.Response:
    return requests.get(app.base_url + path, headers=headers, timeout=10, **options)


def write(app, headers: dict[str, str] | None = None, record: dict | None = None) -> requests.Response:
    return requests.post(f"{app.base_url}/v1/coupons", headers=headers, json=record or coupon("c"), timeout=10)


def add_key(app, company: str, *options: str) -> dict:
    return json.loads(app.run("key", "add", company, "--json", *options).stdout)


def restart(app, **settings: str) -> None:
    app.serve.env.update(settings)
    app.serve.restart()


@pytest.fixture(scope="module")
def keys(stack) -> dict[str, str]:
    """A key per set of scopes, of the company acme."""
    return {scopes: stack.key("acme", *scopes.split(",")) for scopes in ("ingest", "read", "admin", "ingest,read")}


# --- keys and scopes


def test_the_scope_decides(stack, keys) -> None:
    assert write(stack, bearer(keys["ingest"])).status_code == 202
    assert read(stack, bearer(keys["read"])).status_code == 404
    for key in ("read", "admin"):
        body = problem(write(stack, bearer(keys[key])), 403, "forbidden")
        assert "ingest" in body["detail"]
    for key in ("ingest", "admin"):
        assert "read" in problem(read(stack, bearer(keys[key])), 403, "forbidden")["detail"]
    assert write(stack, bearer(keys["ingest,read"])).status_code == 202
    assert read(stack, bearer(keys["ingest,read"])).status_code == 404


def test_both_headers_and_both_generations(stack, keys) -> None:
    key = keys["read"]
    for headers in (bearer(key), {"Authorization": f"bearer  {key}"}, {"X-API-Key": key}, {**bearer(key), "X-API-Key": key},
                    {**bearer(key), "X-API-Key": ""}, {"Authorization": "", "X-API-Key": key}):
        assert read(stack, headers).status_code == 404, headers
        assert read(stack, headers, "/recommend?user_id=nobody").status_code == 200, headers
    refused = requests.post(f"{stack.base_url}/register_coupon", json=coupon("c"), headers=bearer(key), timeout=10)
    assert refused.status_code == 403 and list(refused.json()) == ["error"] and "ingest" in refused.json()["error"]


def no_keys(good: str) -> dict[str, dict[str, str]]:
    """Credentials that must not work, by what is wrong with them."""
    flipped = good[:-1] + ("a" if good[-1] != "a" else "b")
    stranger = "tip_AAAAAAAAAAAA_" + good[17:]
    return {"another secret": bearer(flipped), "an unknown id": bearer(stranger), "no key at all": bearer("secret"),
            "no token": {"Authorization": "Bearer"}, "another scheme": {"Authorization": "Basic " + good},
            "cut": bearer(good[:-1]), "longer": bearer(good + "0"), "in X-API-Key": {"X-API-Key": flipped},
            "two different ones": {**bearer(good), "X-API-Key": flipped}}


def test_wrong_keys_are_401_never_anonymous(stack, keys) -> None:
    """The stack has an anonymous company: a wrong key does not fall back to it. All answers are the same."""
    bodies = set()
    for what, headers in no_keys(keys["ingest,read"]).items():
        for answer in (read(stack, headers), write(stack, headers)):
            body = problem(answer, 401, "unauthorized")
            assert answer.headers["www-authenticate"].startswith("Bearer"), what
            bodies.add(json.dumps({**body, "request_id": ""}))
        older = read(stack, headers, "/recommend?user_id=nobody")
        assert older.status_code == 401 and list(older.json()) == ["error"], what
        assert older.headers["www-authenticate"].startswith("Bearer")
    assert len(bodies) == 1, bodies


def test_open_routes_need_no_key(stack) -> None:
    for path in ("/hello", "/healthz"):
        assert read(stack, bearer("nonsense"), path).status_code == 200
    assert read(stack, bearer("nonsense"), "/v1/no/such/path").status_code == 404
    assert requests.patch(f"{stack.base_url}/v1/coupons", timeout=10).status_code == 405


def test_the_key_decides_the_company(stack) -> None:
    event = {"event_id": "whose", "sport": "S", "league": "L", "country": "C", "participants": ["p"],
             "begin_timestamp": "2099-01-01T00:00:00Z", "end_timestamp": "2099-01-01T01:00:00Z"}
    owners = {"acme": stack.key("acme", "ingest", "read"), "zeta": stack.key("zeta", "ingest", "read")}
    for company, key in owners.items():
        answer = requests.put(f"{stack.base_url}/v1/events/whose", json={**event, "league": company}, headers=bearer(key), timeout=10)
        assert answer.status_code == 202
    stack.wait_caught_up()
    for company, key in owners.items():
        assert read(stack, bearer(key), "/v1/events/whose").json()["league"] == company
    assert read(stack, None, "/v1/events/whose").status_code == 404  # the anonymous company's


# --- what changes while serve runs


@pytest.fixture
def app(server_factory):
    """serve alone, without an anonymous company."""
    made = server_factory({"ANONYMOUS_COMPANY": ""}, start=False)
    made.migrate()
    made.serve.start()
    return made


def test_without_an_anonymous_company(app) -> None:
    for answer in (read(app), write(app)):
        problem(answer, 401, "unauthorized")
        assert answer.headers["www-authenticate"].startswith("Bearer")
    older = read(app, None, "/recommend?user_id=u")
    assert older.status_code == 401 and list(older.json()) == ["error"]
    assert read(app, None, "/hello").status_code == 200
    wait_for(lambda: requests.get(f"{app.ops_url}/readyz", timeout=10).status_code == 200, "readiness")
    ready = requests.get(f"{app.ops_url}/readyz", timeout=10)
    assert ready.json()["company"] == "ok", ready.text


@pytest.mark.timing
def test_changes_are_learnt_within_seconds(app) -> None:
    """New, expiring, revoked keys and disabled companies, without a signal; both workers at once."""
    app.run("company", "add", "acme")
    key = add_key(app, "acme", "--scope", "ingest,read")["key"]
    wait_for(lambda: app.takes_key(key), "the new key", LEARNS_S)
    assert all(write(app, bearer(key)).status_code == 202 for _ in range(20))
    short = add_key(app, "acme", "--scope", "read", "--expires", "7s")["key"]
    wait_for(lambda: app.takes_key(short), "the short key", LEARNS_S)
    wait_for(lambda: not app.takes_key(short), "the short key's end", 7 + LEARNS_S)
    app.run("company", "disable", "acme")
    wait_for(lambda: not app.takes_key(key), "the disabled company's key to stop", LEARNS_S)
    problem(write(app, bearer(key)), 401, "unauthorized")
    app.run("company", "enable", "acme")
    wait_for(lambda: app.takes_key(key), "the enabled company's key", LEARNS_S)
    app.run("key", "revoke", key.split("_")[1])
    wait_for(lambda: not app.takes_key(key), "the revoked key to stop", LEARNS_S)
    assert not any(app.takes_key(key) for _ in range(20))


def test_a_hangup_reads_at_once_and_harms_nobody(app) -> None:
    pid, workers = app.serve.pid, app.workers()
    for number in range(5):
        key = app.key(f"company{number}")  # sends SIGHUP
        assert write(app, bearer(key)).status_code == 202
    assert (app.serve.pid, app.workers()) == (pid, workers)


def test_keys_work_while_the_database_is_away(server_factory, own_servers) -> None:
    database, kafka = own_servers
    app = server_factory({"ANONYMOUS_COMPANY": ""}, database=database, kafka=kafka)
    key = app.key("acme", "ingest")
    wait_for(lambda: write(app, bearer(key)).status_code == 202, "a first write")
    database.stop()
    wait_for(lambda: total(metrics(app), "tipster_directory_age_seconds") >= 2, "some attempts to read to fail")
    assert write(app, bearer(key)).status_code == 202
    assert write(app, bearer(key[:-1] + "_")).status_code == 401
    # Without anything read before, keys cannot be judged.
    app.serve.restart()
    assert write(app, bearer(key)).status_code == 503
    assert write(app).status_code == 401
    database.start()
    wait_for(lambda: write(app, bearer(key)).status_code == 202, "the database's return", 10)


def test_generate_and_import_bring_a_key(server_factory) -> None:
    app = server_factory({"ANONYMOUS_COMPANY": ""})
    arguments = ("generate", "--users", "5", "--events", "20", "--coupons", "10")
    refused_run = app.run(*arguments, check=False)
    assert refused_run.returncode != 0 and "401" in refused_run.stderr, refused_run
    key = app.key("acme", "ingest", "read")
    app.run(*arguments, env={"API_KEY": key})
    app.wait_caught_up()
    app.run("generate", "--users", "5", "--coupons", "10", "--seed", "2", "--events-from", "api", env={"API_KEY": key})
    app.wait_caught_up()
    with app.db() as connection, connection.cursor() as cursor:
        cursor.execute("select company_id, count(*) from coupons group by company_id")
        ((company, count),) = cursor.fetchall()
    assert (company, count) == (b"acme", 20)


def test_more_than_fits_is_left_out_and_said(app) -> None:
    for company in ("a", "b", "c"):
        app.run("company", "add", company)
    keys = {company: add_key(app, company, "--scope", "read")["key"] for company in ("a", "b", "c")}
    restart(app, COMPANIES_MAX="2")
    assert [app.takes_key(keys[company]) for company in ("a", "b", "c")] == [True, True, False]
    assert "COMPANIES_MAX" in app.serve.log.read_text()
    assert "tipster_directory_left_out 1\n" in requests.get(f"{app.ops_url}/metrics", timeout=10).text
    restart(app, COMPANIES_MAX="3", KEYS_MAX="1")
    assert sum(app.takes_key(key) for key in keys.values()) == 1


def test_failures_are_counted(app) -> None:
    key = app.key("acme", "read")

    def count(name: str) -> float:
        return total(metrics(app), name)

    failed, forbidden = count("tipster_auth_failed_total"), count("tipster_auth_forbidden_total")
    read(app)
    read(app, bearer("x"))
    write(app, bearer(key))
    assert count("tipster_auth_failed_total") == failed + 2
    assert count("tipster_auth_forbidden_total") == forbidden + 1


# --- the anonymous company


def test_anonymous_calls_are_for_loopback(server_factory) -> None:
    app = server_factory(start=False)
    app.migrate()
    for bind in ("0.0.0.0", "::"):
        done = subprocess.run([app.binary, "serve"], env={**app.env, "BIND": bind}, cwd=TOP, capture_output=True, text=True,
                              timeout=20, check=False)
        said = (done.stdout + done.stderr).strip().splitlines()
        assert done.returncode == 1 and len(said) == 1 and "ANONYMOUS_ANYWHERE" in said[0], said
    restart(app, BIND="0.0.0.0", ANONYMOUS_ANYWHERE="1")
    assert write(app).status_code == 202
    restart(app, BIND="0.0.0.0", ANONYMOUS_ANYWHERE="0", ANONYMOUS_COMPANY="")
    assert write(app).status_code == 401


@pytest.mark.timing
def test_a_disabled_anonymous_company(server_factory) -> None:
    app = server_factory(start=False)
    app.migrate()
    app.serve.start()
    assert write(app).status_code == 202
    app.run("company", "disable", app.company)
    wait_for(lambda: write(app).status_code == 401, "the company to be disabled", LEARNS_S)


# --- the commands


def refused(app, code: int, *words: str) -> None:
    """A command that fails with an exit code and one line that says why."""
    *arguments, wanted = words
    done = app.run(*arguments, check=False)
    assert done.returncode == code and not done.stdout, done
    assert len(done.stderr.strip().splitlines()) == 1 and wanted in done.stderr, done.stderr


def rows(app, *arguments: str) -> list[dict]:
    return json.loads(app.run(*arguments, "list", "--json").stdout)


@pytest.fixture(scope="module")
def admin(stack):
    """The commands need the database alone."""
    return stack


def test_company_commands(admin) -> None:
    made = json.loads(admin.run("company", "add", "bets-1", "--name", "Bêts \"1\"", "--partitions", "2", "--json").stdout)
    assert made["company"] == "bets-1" and made["name"] == 'Bêts "1"' and made["partitions"] == 2
    assert not made["disabled"] and not made["include_started"]
    assert made in rows(admin, "company")
    admin.run("company", "set", "bets-1", "name=Other", "include_started=1")
    admin.run("company", "disable", "bets-1")
    assert {**made, "name": "Other", "include_started": True, "disabled": True} in rows(admin, "company")
    assert "bets-1" in admin.run("company", "list").stdout
    admin.run("company", "enable", "bets-1")
    refused(admin, 1, "company", "add", "bets-1", "already")
    refused(admin, 1, "company", "set", "absent", "name=x", "no company 'absent'")
    refused(admin, 2, "company", "set", "bets-1", "include_started=yes", "must be 0 or 1")
    refused(admin, 2, "company", "set", "bets-1", "colour=red", "set takes name")
    refused(admin, 2, "company", "add", "No Good", "a-z")
    refused(admin, 2, "company", "add", "x" * 33, "1 to 32")
    refused(admin, 2, "company", "add", "ok", "--partitions", "0", "1 to 1024")
    refused(admin, 2, "company", "add", "ok", "--partitions", "999", "KAFKA_PARTITIONS")
    refused(admin, 2, "company", "add", "ok", "--name", "a\tb", "control")
    refused(admin, 2, "company", "list", "--name", "x", "--name is for add, not for list")
    refused(admin, 2, "company", "fly", "add, set")
    refused(admin, 2, "company", "add", "missing")


def test_key_commands(admin) -> None:
    admin.run("company", "add", "keys-1")
    done = admin.run("key", "add", "keys-1", "--scope", "read,ingest", "--label", "the feed")
    key = done.stdout.strip()
    assert KEY.fullmatch(key) and "not shown again" in done.stderr and key not in done.stderr
    key_id = key.split("_")[1]
    (row,) = [row for row in rows(admin, "key") if row["company"] == "keys-1"]
    assert row["key_id"] == key_id and row["scopes"] == "ingest,read" and row["label"] == "the feed"
    assert row["state"] == "live" and row["expires_at"] is None and row["revoked_at"] is None
    listed = admin.run("key", "list", "keys-1").stdout
    assert key_id in listed and key.split("_")[2] not in listed
    assert "secret" not in json.dumps(rows(admin, "key"))

    # Rotation: two live keys for a while.
    rotated = json.loads(admin.run("key", "rotate", key_id, "--keep", "1h", "--json").stdout)
    assert KEY.fullmatch(rotated["key"]) and rotated["scopes"] == "ingest,read" and rotated["label"] == "the feed"
    states = {row["key_id"]: row for row in rows(admin, "key") if row["company"] == "keys-1"}
    assert states[key_id]["state"] == states[rotated["key_id"]]["state"] == "live"
    assert states[key_id]["expires_at"] is not None and states[rotated["key_id"]]["expires_at"] is None
    admin.run("key", "rotate", rotated["key_id"], "--keep", "0")
    assert {row["state"] for row in rows(admin, "key") if row["key_id"] == rotated["key_id"]} == {"revoked"}
    refused(admin, 1, "key", "rotate", rotated["key_id"], "is revoked")

    assert "revoked" in admin.run("key", "revoke", key_id).stdout
    assert "already" in admin.run("key", "revoke", key_id).stdout
    refused(admin, 1, "key", "revoke", "AAAAAAAAAAAA", "no key")
    refused(admin, 1, "key", "add", "absent", "--scope", "read", "no company")
    refused(admin, 2, "key", "add", "keys-1", "--scope is missing")
    refused(admin, 2, "key", "add", "keys-1", "--scope", "write", "ingest, read, admin")
    refused(admin, 2, "key", "add", "keys-1", "--scope", "read", "--expires", "2001-01-01", "in the future")
    refused(admin, 2, "key", "add", "keys-1", "--scope", "read", "--expires", "soon", "in the future")
    refused(admin, 2, "key", "rotate", key_id, "--keep", "long", "24h")
    refused(admin, 2, "key", "rotate", key_id, "--scope", "read", "--scope is for add, not for rotate")
    refused(admin, 2, "key", "revoke", "missing")


def test_the_database_holds_no_secret(admin) -> None:
    admin.run("company", "add", "keys-2")
    key = add_key(admin, "keys-2", "--scope", "admin", "--expires", "90d")["key"]
    secret = key.split("_")[2].encode()
    with admin.db() as connection, connection.cursor() as cursor:
        cursor.execute("select secret_hash, timestampdiff(day, created_at, expires_at) from api_keys where key_id = %s",
                       (key.split("_")[1],))
        ((stored, days),) = cursor.fetchall()
        cursor.execute("select sha2(%s, 256)", (secret,))
        ((wanted,),) = cursor.fetchall()
    assert stored.hex() == (wanted.decode() if isinstance(wanted, bytes) else wanted) and days == 90


def test_commands_without_a_schema(server_factory) -> None:
    app = server_factory(start=False)
    with app.database.connect(None) as connection:
        connection.cursor().execute(f"create database `{app.name}`")
    for verb in ("company", "key"):
        refused(app, 1, verb, "list", "tipster migrate")
