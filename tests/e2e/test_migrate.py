"""`tipster migrate`: the schema is made once, altered files and foreign tables are refused, an interruption is mended."""

import json
import shutil

import pytest

from stack import TOP


@pytest.fixture
def bare(server_factory):
    """An application whose database exists and is empty, nothing running; and a copy of sql/ to alter."""
    app = server_factory(start=False)
    with app.database.connect(None) as connection:
        connection.cursor().execute(f"create database `{app.name}`")
    sql = app.dir / "sql"
    shutil.copytree(TOP / "sql", sql)
    app.env["TIPSTER_SQL_DIR"] = str(sql)
    app.sql = sql
    return app


def query(app, text):
    with app.db() as connection, connection.cursor() as cursor:
        cursor.execute(text)
        return cursor.fetchall()


def migrate(app, *arguments):
    return app.run("migrate", "--only", "database", *arguments, check=False)


def test_twice_changes_nothing(bare):
    files = len(list(bare.sql.glob("*.sql")))
    first, second = migrate(bare), migrate(bare)
    assert f"{files} migration" in first.stdout, first
    assert second.returncode == 0 and "0 migrations" in second.stdout, second


def test_topics_are_made_as_the_settings_say(bare):
    assert bare.run("migrate").returncode == 0
    again = json.loads(bare.run("migrate", "--json").stdout)
    assert again == {"migrations_applied": 0, "company_made": False, "topics_created": 0}
    partitions = bare._wire.metadata(bare.topics())[1]  # not the offsets: leaders come a moment later
    assert [len(partitions[topic]) for topic in bare.topics()] == [int(bare.env["KAFKA_PARTITIONS"])] * 3
    refused = bare.run("migrate", env={"KAFKA_PARTITIONS": "5"}, check=False)
    assert refused.returncode == 1 and "KAFKA_PARTITIONS says 5" in refused.stderr, refused


def test_an_altered_file_is_refused(bare):
    assert migrate(bare).returncode == 0
    path = bare.sql / "0001_schema.sql"
    path.write_text(path.read_text() + "\n-- a harmless remark\n")
    refused = migrate(bare)
    assert refused.returncode == 1 and "0001_schema.sql was altered" in refused.stderr, refused
    started = bare.run("ingest", check=False, timeout=20)
    assert started.returncode == 1 and "was altered" in started.stderr, started


def test_foreign_tables_are_refused(bare):
    query(bare, "create table somebody_elses (a int)")
    refused = migrate(bare)
    assert refused.returncode == 1 and "somebody_elses" in refused.stderr, refused
    assert [row[0] for row in query(bare, "show tables")] == ["somebody_elses"]


def test_a_newer_schema_is_refused(bare):
    extra = bare.sql / "0099_later.sql"
    count = len(list(bare.sql.glob("*.sql")))
    extra = bare.sql / f"{count + 1:04d}_later.sql"
    extra.write_text("create table later (\n    a int\n);\n")
    assert migrate(bare).returncode == 0
    extra.unlink()
    refused = migrate(bare)
    assert refused.returncode == 1, refused
    # The table is not one of the files any more: foreign; or the journal is longer than the files.
    assert "older" in refused.stderr or "later" in refused.stderr


def test_an_interrupted_migration_goes_on(bare):
    """Stops after each statement in turn, with and without its entry in the journal, and runs again."""
    count = len(list(bare.sql.glob("*.sql")))
    name = f"{count + 1:04d}_two.sql"
    good = ("create table two_a (\n    a int\n);\nalter table two_a add column b int;\n"
            "create index two_b on two_a (b);\ncreate table two_c (\n    a int\n);\n")
    (bare.sql / name).write_text(good)
    assert migrate(bare).returncode == 0
    for done in range(4):
        for journal in (done, done + 1):
            statements = ["drop table if exists two_a", "drop table if exists two_c", "create table two_a (a int)",
                          "alter table two_a add column b int", "create index two_b on two_a (b)",
                          "create table two_c (a int)"]
            for statement in statements[:2] + statements[2:3 + done]:
                query(bare, statement)
            query(bare, f"update schema_migrations set statements_done = {journal}, finished_at = null "
                        f"where version = {count + 1}")
            again = migrate(bare)
            assert again.returncode == 0, (done, journal, again.stderr)
            assert {row[0] for row in query(bare, "show columns from two_a")} == {"a", "b"}
            assert query(bare, "select count(*) from two_c")[0][0] == 0
            assert query(bare, f"select finished_at is not null from schema_migrations where version = {count + 1}")[0][0]


def test_a_failing_statement_is_named(bare):
    count = len(list(bare.sql.glob("*.sql")))
    (bare.sql / f"{count + 1:04d}_bad.sql").write_text("create table fine (\n    a int\n);\ncreate tabel wrong (\n    a int\n);\n")
    refused = migrate(bare)
    assert refused.returncode == 1 and "_bad.sql, statement 2" in refused.stderr, refused


@pytest.mark.parametrize("url, status, said", [
    ("", 2, "DATABASE_URL is not set (in the environment, or in the file of --env)"),
    ("postgres://a:b@c/d", 2, "not a mysql:// address"),
    ("mysql://tipster:wrong-password@127.0.0.1:1/tipster", 1, "cannot use the database tipster at 127.0.0.1:1: "),
])
def test_a_wrong_address_is_said_in_one_line(bare, url, status, said):
    refused = bare.run("migrate", env={"DATABASE_URL": url}, check=False)
    assert refused.returncode == status
    assert said in refused.stderr and "wrong-password" not in refused.stderr
    assert len(refused.stderr.strip().splitlines()) == 1
