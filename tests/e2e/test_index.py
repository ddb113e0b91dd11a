"""`tipster index`: the view equals the database, whatever happens to the process, to its files and to the topics."""

import json
import os
import random
import shutil
import struct
import threading
import time
from pathlib import Path

import lmdb
import pytest

from kafka_wire import KafkaWire, _string
from records import Universe, coupon, event, fresh, user
from stack import TOP, Process
from view_file import RETIRED, ViewFile, current, differences, holding
from wire import NDJSON, Wire, lines, rows, segment

API_DELETE_TOPICS, API_DELETE_RECORDS = 20, 21
PAGE = 4096


def wait_for(condition, timeout_s=60, what="a condition"):
    deadline = time.monotonic() + timeout_s
    while not (value := condition()):
        assert time.monotonic() < deadline, f"waited {timeout_s} s for {what}"
        time.sleep(0.03)
    return value


def wait_view(app, timeout_s=60):
    """Once the current view holds everything that is in Kafka now. Returns its folder."""
    ends = app.ends()
    return wait_for(lambda: holding(app, ends), timeout_s, "a view that holds everything")


def assert_equal(app):
    """Stands still, then compares; `tipster view check` looks at the view's own rules."""
    app.wait_caught_up()
    path = wait_view(app)
    wrong = differences(app, path)
    assert not wrong, f"{len(wrong)} differences: {wrong[:10]}"
    done = app.run("view", "check", path, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return path


def until_taken(call):
    """A 503 asks for a repetition, which changes nothing."""

    def taken():
        answer = call()
        assert answer.status_code in (202, 503), answer.text
        return answer.status_code == 202

    wait_for(taken, what="the records to be taken")


def send(app, actions):
    """Actions of a Universe, over HTTP, some at once; those of one kind in their order."""
    wire = Wire(app.base_url)
    for at in range(0, len(actions), 20):
        some = actions[at:at + 20]
        for kind in ("user", "event", "coupon"):
            records = [record for each, record in some if each == kind]
            if records:
                until_taken(lambda: wire.post(f"/v1/{kind}s", lines(records), NDJSON))
        for record in [record for kind, record in some if kind == "delete"]:
            version = {"version": record["version"]} if "version" in record else {}
            until_taken(lambda: wire.delete(f"/v1/events/{segment(record['event_id'])}", params=version))


def log_of(app):
    return app.index.log.read_text() if app.index.log.exists() else ""


class Traffic(threading.Thread):
    """Random worlds, one after the other, until stopped."""

    def __init__(self, app, seed):
        super().__init__(daemon=True)
        self.app, self.rng, self.ending, self.problem = app, random.Random(seed), threading.Event(), None

    def run(self):
        try:
            while not self.ending.is_set():
                world = Universe(self.rng, events=40, users=15)
                actions = world.actions()
                for at in range(0, len(actions), 20):
                    if self.ending.is_set():
                        return
                    send(self.app, actions[at:at + 20])
        except Exception as problem:  # told by the test that waits for it
            self.problem = problem

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.ending.set()
        self.join()
        assert self.problem is None, self.problem


def test_follows_what_happens(server_factory):
    app = server_factory(index=True)
    wait_view(app)
    send(app, Universe(random.Random(5), events=60, users=25).actions())
    path = assert_equal(app)
    assert log_of(app).count("building") == 1 and path.name == "view-1"


def test_builds_from_the_database_while_writes_go_on(server_factory):
    app = server_factory()
    send(app, Universe(random.Random(6), events=60, users=25).actions())
    with Traffic(app, 7):
        app.index.start()
        for number in range(1, 6):
            wait_for(lambda: current(app) == Path(app.env["VIEW_DIR"]) / f"view-{number}", what=f"view {number}")
            time.sleep(0.3)
            app.index.signal(1)  # SIGHUP: another one, beside it
        wait_for(lambda: current(app).name == "view-6", what="view 6")
    assert_equal(app)
    wait_for(lambda: [path.name for path in Path(app.env["VIEW_DIR"]).glob("view-*")] == ["view-6"], what="the end of the one before")


def insert(cursor, table, columns, records):
    form = "(" + ",".join(["%s"] * (columns.count(",") + 1)) + ")"
    cursor.executemany(f"insert into {table} ({columns}) values {form}", records)


def test_builds_where_statements_end_within_a_user(server_factory):
    """Rows straight in the database, more of each kind than a statement takes: users without a coupon, users whose rows two
    statements share, one that fills several, with many coupons of one moment."""
    app = server_factory(start=False)
    app.migrate()
    rng = random.Random(8)
    events = [f"e{number:03d}" for number in range(200)]
    moments = [f"2025-03-0{1 + number % 9} 10:00:00.{number:03d}" for number in range(40)]
    coupons, selections, counts = [], [], dict.fromkeys(events, 0)

    def bet(user_id, coupon_id, chosen):
        placed = rng.choice(moments)
        coupons.append(("demo", user_id, coupon_id, 1, placed, os.urandom(32), 0))
        for name in chosen:
            selections.append(("demo", user_id, placed, name, coupon_id))
            counts[name] += 1

    for number in range(700):
        for coupon_id in range(7):
            bet(f"b{number:04d}", f"c{coupon_id}", rng.sample(events, 3))
    for number in range(8100):
        bet("big", f"c{number:05d}", [rng.choice(events)])
    for number in range(50):
        bet(f"d{number}", "c1", rng.sample(events, 60))
    names = [f"a{number:05d}" for number in range(4500)] + [f"b{number:04d}" for number in range(0, 700, 2)]
    with app.connect() as connection, connection.cursor() as cursor:
        insert(cursor, "users", "company_id, user_id, birth_year, country, currency, gender, registration_date, position",
               [("demo", name, 1990, "Greece", "EUR", "female", "2024-05-01 10:00:00", 1) for name in names])
        insert(cursor, "events", "company_id, event_id, withdrawn, sport, league, country, participants, begin_at, end_at, position",
               [("demo", name, 0, "Soccer", f"League {place % 5}", "Spain", '["Home","Guests"]', "2035-01-01 10:00:00",
                 "2035-01-01 12:00:00", place + 1) for place, name in enumerate(events[:180])])  # the others are not known
        insert(cursor, "coupons", "company_id, user_id, coupon_id, stake, placed_at, content_hash, position", coupons)
        insert(cursor, "selections", "company_id, user_id, placed_at, event_id, coupon_id", selections)
        insert(cursor, "event_counts", "company_id, event_id, partition_id, n, position",
               [("demo", name, 0, count, 0) for name, count in counts.items()])
    app.index.start()
    path = wait_for(lambda: current(app), what="a view")
    wrong = differences(app, path)
    assert not wrong, f"{len(wrong)} differences: {wrong[:10]}"
    done = app.run("view", "check", path, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_goes_on_with_the_view_that_is_there(server_factory):
    app = server_factory(index=True)
    send(app, [("event", event("e1")), ("coupon", coupon("c1", "u1", ["e1"]))])
    wait_view(app)
    app.index.stop()
    send(app, [("event", event("e2")), ("coupon", coupon("c2", "u1", ["e1", "e2"]))])
    app.index.start()
    assert_equal(app)
    assert log_of(app).count("building") == 1


def test_readers_of_the_old_view_see_it_until_they_open_the_new_one(server_factory):
    app = server_factory(index=True)
    send(app, [("event", event("e1")), ("coupon", coupon("c1", "u1", ["e1"]))])
    old = wait_view(app)
    with ViewFile(old) as reader:
        before = reader.users(), reader.events()
        app.index.signal(1)
        wait_for(lambda: current(app) not in (old, None), what="another view")
        send(app, [("coupon", coupon("c2", "u1", ["e1", "e2"]))])
        wait_view(app)
        assert (reader.users(), reader.events()) == before  # its transaction is of its own moment

        def is_retired():
            reader.txn.abort()
            reader.txn = reader.env.begin()
            return reader.meta().state == RETIRED

        wait_for(is_retired, what="the next one to say that it is over")
    assert_equal(app)


def test_what_it_shows(server_factory, tmp_path):
    app = server_factory(index=True)
    send(app, [("event", event("e1")), ("user", user("u1")), ("coupon", coupon("c1", "u1", ["e1", "e2"]))])
    path = wait_view(app)

    def show(*arguments):
        assert "\n" in app.run("view", "show", path, *arguments).stdout
        return json.loads(app.run("view", "show", path, *arguments, "--json").stdout)

    head, shown, known, unknown = show(), show("user", "u1"), show("event", "e1"), show("event", "e2")
    assert (head["state"], head["companies"], head["events"], head["pending"]) == ("serving", 1, 2, 0)
    assert head["heartbeat"].endswith("Z") and {"layout", "lists_from", "half_life_ms", "shard", "shards", "source"} <= set(head)
    assert (shown["user_id"], shown["known"], shown["coupons"], shown["older"]) == ("u1", True, 1, False)
    assert [(bet["event_id"], bet["weight"], bet["sport"]) for bet in shown["selections"]] == [("e1", 1, event("e1")["sport"]),
                                                                                            ("e2", 1, None)]
    assert (known["known"], known["listed"], known["withdrawn"], known["selections"]) == (True, True, False, 1)
    assert (known["league"], known["participants"]) == (event("e1")["league"], len(event("e1")["participants"]))
    assert known["document"]["event_id"] == known["older_document"]["event_id"] == "e1"
    assert (unknown["known"], unknown["selections"], unknown["sport"], unknown["begin"], unknown["document"]) == (False, 1, None, None, None)

    for place, arguments, says in ((path, ["user", "nobody"], f"no user 'nobody' of company 'demo' in the view in {path}"),
                                   (path, ["event", "none", "--company", "other"], "no event 'none' of company 'other'"),
                                   (tmp_path, [], f"no view (data.mdb) in {tmp_path}"),
                                   (tmp_path, ["user", "u1"], f"no view (data.mdb) in {tmp_path}")):
        done = app.run("view", "show", place, *arguments, check=False)
        assert done.returncode == 1 and says in done.stderr and done.stdout == "", done


def test_one_process_per_folder(server_factory):
    app = server_factory(index=True)
    wait_view(app)
    second = app.run("index", check=False, timeout=20)
    assert second.returncode == 3 and "another tipster index" in second.stderr
    assert app.index.running()


def test_wrong_use(server_factory):
    app = server_factory(start=False)
    for arguments, env, word in ((["--shard", "2/2"], {}, "I/N"), (["--shard", "x"], {}, "I/N"), ([], {"VIEW_DIR": ""}, "VIEW_DIR")):
        done = app.run("index", *arguments, env=env, check=False, timeout=20)
        assert done.returncode == 2 and word in done.stderr, done


def rebuilt_because(app, *words):
    """Starts index, which must say one of these, not serve what is there, and build another view."""
    old = current(app)
    app.index.start()
    wait_for(lambda: current(app) not in (old, None), what="another view")
    path = assert_equal(app)
    lines = [line for line in log_of(app).splitlines() if "building a new view" in line]
    assert len(lines) == 1 and str(old) in lines[0], log_of(app)
    assert any(word in lines[0] for word in words), log_of(app)
    return path


@pytest.fixture
def stopped(server_factory):
    """An application with a view whose process has been stopped."""
    app = server_factory(index=True)
    send(app, Universe(random.Random(8), events=40, users=15).actions())
    assert_equal(app)
    app.index.stop()
    return app


def test_another_run_of_the_machine(stopped):
    stopped.index.env["VIEW_BOOT_ID"] = "another"
    rebuilt_because(stopped, "the machine was started anew")


def test_another_layout(stopped):
    environment = lmdb.open(str(current(stopped)), max_dbs=32)
    with environment.begin(write=True) as txn:
        table = environment.open_db(b"meta", txn, create=False)
        value = bytearray(txn.get(b"view", db=table))
        struct.pack_into("<I", value, 0, 4711)
        txn.put(b"view", bytes(value), db=table)
    environment.close()
    rebuilt_because(stopped, "layout")


@pytest.mark.parametrize("where", ["a record", "a key", "a page's head", "a page's number", "the file's head", "the end"])
def test_damage(stopped, where):
    """Flipped bits are found before anything is served, and said."""
    path = current(stopped)
    with ViewFile(path) as view:
        name, value = max(view.table("events"), key=lambda record: len(record[1]))
        user = max(key for key, _ in view.table("users"))
        pages = view.env.info()["last_pgno"] + 1
    with open(path / "data.mdb", "r+b") as file:
        content = file.read(pages * PAGE)
        # Earlier copies of a page may stand in the free ones: all of them are hit.
        spots = {"a record": [at + len(value) // 2 for at in all_of(content, value)],
                 "a key": [at + 6 for at in all_of(content, user)],
                 "a page's head": [at // PAGE * PAGE + 12 for at in all_of(content, value)],
                 "a page's number": [at // PAGE * PAGE for at in all_of(content, user)],
                 "the file's head": [16], "the end": []}[where]
        for at in set(spots):
            file.seek(at)
            file.write(bytes([content[at] ^ 4]))
        if where == "the end":
            file.truncate(pages // 2 * PAGE)
    rebuilt_because(stopped, "damaged")


def all_of(content, wanted):
    at = content.find(wanted)
    while at >= 0:
        yield at
        at = content.find(wanted, at + 1)


def test_another_half_life(stopped):
    stopped.index.env["HALF_LIFE_DAYS"] = "7"
    rebuilt_because(stopped, "half-life")


def test_another_shard(stopped):
    stopped.index.env["INDEX_SHARD"] = "0/1"
    stopped.index.start()
    assert_equal(stopped)
    stopped.index.stop()
    old = current(stopped)
    stopped.index.env["INDEX_SHARD"] = "1/2"
    stopped.index.start()
    wait_for(lambda: current(stopped) not in (old, None), what="another view")
    assert "shard" in log_of(stopped)


def test_records_that_are_gone_from_kafka(stopped):
    send(stopped, Universe(random.Random(9), events=20, users=5).actions())
    stopped.wait_caught_up()
    wire = KafkaWire("127.0.0.1", stopped.kafka.port)
    ends = stopped.ends()
    body = struct.pack(">i", len(ends))
    for (topic, partition), end in ends.items():
        body += _string(topic) + struct.pack(">iiq", 1, partition, end)
    wire._request(API_DELETE_RECORDS, 0, body + struct.pack(">i", 10000))
    wire.close()
    rebuilt_because(stopped, "not in Kafka any more")


def test_topics_made_anew(stopped):
    """Other records under the same offsets: a new view, once ingest has begun with the new topics."""
    stopped.serve.stop()
    stopped.ingest.stop()
    wire = KafkaWire("127.0.0.1", stopped.kafka.port)
    topics = stopped.topics()
    body = struct.pack(">i", len(topics)) + b"".join(map(_string, topics)) + struct.pack(">i", 10000)
    wire._request(API_DELETE_TOPICS, 1, body)
    wait_for(lambda: not wire.metadata(topics)[1], what="the topics' end")
    wire.close()
    stopped.run("migrate")
    stopped.serve.start()
    stopped.ingest.start()
    send(stopped, [("coupon", coupon(fresh("c"), "u1", ["e1"])) for _ in range(20)])
    # What it notices first: that the topics are others, or that they are shorter than where it stood.
    rebuilt_because(stopped, "made anew", "not in Kafka any more")


def test_an_unreachable_broker_counts_as_current(server_factory, own_servers):
    database, kafka = own_servers
    app = server_factory(database=database, kafka=kafka, index=True)
    send(app, [("coupon", coupon("c1", "u1", ["e1"]))])
    path = wait_view(app)
    kafka.stop()

    def beat():
        with ViewFile(path) as view:
            return view.meta().heartbeat_ms

    def beats_on():
        first = beat()
        return wait_for(lambda: beat() > first, what="another heartbeat")

    beats_on()
    time.sleep(3)
    beats_on()
    app.index.restart()  # nothing is known of Kafka now
    beats_on()
    kafka.start()
    send(app, [("coupon", coupon("c2", "u1", ["e1"]))])
    assert_equal(app)


def test_builds_again_when_the_database_was_away(server_factory, own_servers):
    database, kafka = own_servers
    app = server_factory(database=database, kafka=kafka)
    send(app, [("coupon", coupon("c1", "u1", ["e1"]))])
    app.wait_caught_up()
    database.kill9()
    app.index.start()
    wait_for(lambda: "trying again" in log_of(app), what="a retry")
    assert current(app) is None
    database.start()
    assert_equal(app)


def keepalive_s(process, port):
    """How soon the kernel asks whether the other end of each connection to the port is there; None: it does not ask."""
    inodes = {os.readlink(link) for link in Path(f"/proc/{process.child.pid}/fd").iterdir() if link.is_symlink()}
    found = []
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        _, _, remote, _, _, timer, _, _, _, inode = line.split()[:10]
        if f"socket:[{inode}]" in inodes and int(remote.split(":")[1], 16) == port:
            kind, jiffies = timer.split(":")
            found.append(int(jiffies, 16) / os.sysconf("SC_CLK_TCK") if kind == "02" else None)
    return found


def test_it_is_noticed_when_the_machine_of_the_database_vanishes(server_factory, servers):
    """An answer may take an hour. That the machine is there is asked after half a minute."""
    app = server_factory()
    with app.connect() as connection, connection.cursor() as cursor:
        cursor.execute("lock tables companies write")
        app.index.start()
        try:
            asked = wait_for(lambda: keepalive_s(app.index, servers[0].port), what="a connection to the database")
            wait_for(lambda: all(after is not None and after <= 30 for after in keepalive_s(app.index, servers[0].port)),
                     what="the kernel to ask soon")
            assert asked
        finally:
            cursor.execute("unlock tables")
    wait_view(app)


def shard_of(company, user_id, shards):
    """FNV-1a over both with a NUL between them, then MurmurHash3's finaliser."""
    value, all_bits = 0xCBF29CE484222325, 2**64 - 1
    for byte in f"{company}\0{user_id}".encode():
        value = (value ^ byte) * 0x100000001B3 & all_bits
    for factor in (0xFF51AFD7ED558CCD, 0xC4CEB9FE1A85EC53):
        value = (value ^ value >> 33) * factor & all_bits
    return (value ^ value >> 33) % shards


def test_shards_together_are_the_whole(server_factory):
    app = server_factory()
    app.env["VIEW_DIR"] = str(app.dir / "view-of-shard-0")
    shards = [Process(f"index-{i}", [app.binary, "index", "--shard", f"{i}/3"], app.dir / f"index-{i}.log",
                      {**app.env, "VIEW_DIR": str(app.dir / f"view-of-shard-{i}")}, cwd=TOP) for i in range(3)]
    send(app, Universe(random.Random(10), events=40, users=30).actions())
    for shard in shards:
        shard.start()
    try:
        send(app, Universe(random.Random(11), events=40, users=30).actions())
        app.wait_caught_up()
        whole = {row[0].decode() for row in rows(app, "select user_id from users union select user_id from coupons")}
        for i in range(3):
            app.env["VIEW_DIR"] = str(app.dir / f"view-of-shard-{i}")
            path = wait_view(app)
            own = {name for name in whole if shard_of("demo", name, 3) == i}
            wrong = differences(app, path, shard=lambda name: name in own)
            assert not wrong, wrong[:10]  # the events and all counts are in each
    finally:
        for shard in shards:
            shard.stop()


KILLS = int(os.environ.get("KILLS", "15"))


def test_kill_9_at_any_moment(server_factory):
    """Under load, building included: what stands there afterwards is right."""
    app = server_factory(index=True)
    rng = random.Random(12)
    with Traffic(app, 13):
        for number in range(KILLS):
            time.sleep(rng.choice((0.05, 0.2, 0.5, 1.0)) * rng.random() + 0.02)
            if rng.random() < 0.3 and app.index.running():
                app.index.signal(1)  # so that it dies while it builds
                time.sleep(rng.random() * 0.3)
            app.index.kill9()
            if rng.random() < 0.15:
                shutil.rmtree(app.env["VIEW_DIR"], ignore_errors=True)  # it may have died before it made it
            app.index.start()
    assert_equal(app)
    assert "damaged" not in log_of(app)
