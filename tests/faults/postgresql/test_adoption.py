"""A database of an old server is taken over: what it has is there afterwards, and nothing is when it must not be."""

from __future__ import annotations

import os
import signal
import subprocess
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from tests.testinfra.conftest import SSH_CONFIG, connect, eventually, run, start
from tests.testinfra.playbook import ANSIBLE, play, refused, succeeded
from tests.testinfra.postgresql.cluster import CLIENT, MEMBERS, primary, query

from . import older

if TYPE_CHECKING:
    from collections.abc import Iterator

PORT = 5433
TARGET, SOURCE = "drone", "old_drone"
PLAYBOOK = (
    "playbooks/operations/adopt_database.yml",
    *("--extra-vars", f"old_server={CLIENT} old_database={SOURCE} old_port={PORT}"),
)
# About 60 MB, so that a copy can be interrupted.
CONTENT = """
CREATE ROLE woodpecker;
CREATE DATABASE old_drone OWNER woodpecker;
\\connect old_drone
CREATE EXTENSION pg_trgm;
GRANT ALL ON SCHEMA public TO woodpecker;
SET ROLE woodpecker;
CREATE TABLE "dépôt" (id bigserial PRIMARY KEY, nom text NOT NULL, part double precision, au timestamptz);
INSERT INTO "dépôt" (nom, part, au)
    SELECT 'Émilie du Châtelet ' || n, n / 7.0, '2026-11-26 10:00+01'::timestamptz + n * interval '1 s'
    FROM generate_series(1, 20000) AS n;
CREATE INDEX nom_trgm ON "dépôt" USING gin (nom gin_trgm_ops);
CREATE TABLE journal (n int PRIMARY KEY, contenu bytea);
INSERT INTO journal SELECT n, decode(repeat(md5(n::text), 60), 'hex') FROM generate_series(1, 60000) AS n;
CREATE UNLOGGED TABLE cache (clef text);
INSERT INTO cache VALUES ('là');
CREATE VIEW recent AS SELECT nom FROM "dépôt" ORDER BY id DESC LIMIT 1;
CREATE FUNCTION crie(mot text) RETURNS text LANGUAGE plpgsql AS $$ BEGIN RETURN upper(mot); END $$;
CREATE SEQUENCE tickets START 41;
SELECT nextval('tickets');
SELECT lo_from_bytea(4242, convert_to(repeat('à', 5000), 'UTF8'));
COMMENT ON TABLE journal IS 'ce qui s''est passé';
"""
# As a service that starts too early: once it is copied, it makes its schema where it is declared.
MEANWHILE = """
DO $$ BEGIN
    FOR n IN 1..1200 LOOP
        EXIT WHEN EXISTS (SELECT FROM pg_database WHERE datname = 'adoption_of_drone');
        PERFORM pg_sleep(0.05);
    END LOOP;
END $$;
SET ROLE drone;
CREATE TABLE meanwhile ();
"""


@pytest.fixture(scope="module", autouse=True)
def _old_server() -> Iterator[None]:
    """A server with a database that shall go, beside other services of the client; and the target as it is declared."""
    with older.server(CLIENT, PORT):
        asked = ask_old(CONTENT, "postgres")
        assert asked.returncode == 0, asked.stderr
        yield
    empty_again()


def ask_old(sql: str, database: str = SOURCE) -> subprocess.CompletedProcess[str]:
    """What the old server answers its superuser."""
    return run(*old_psql(database), check=False, input=sql)


def old_psql(database: str) -> tuple[str, ...]:
    """The command by which the old server's superuser asks it."""
    psql = f"psql --no-psqlrc -Atq --set ON_ERROR_STOP=1 --port {PORT} --dbname {database}"
    return ("ssh", "-F", str(SSH_CONFIG), CLIENT, f"cd / && runuser -u postgres -- {psql}")


def empty_again() -> None:
    """Bring the target back to what is declared."""
    sql = f"DROP OWNED BY {TARGET}; DROP EXTENSION IF EXISTS pg_trgm; COMMENT ON DATABASE {TARGET} IS NULL"
    query(primary(), sql, TARGET)


def adopt(*options: str, database: str = TARGET) -> subprocess.CompletedProcess[str]:
    """Run the playbook."""
    return play(*PLAYBOOK, "--extra-vars", f"database={database}", *options)


def begin(*options: str) -> subprocess.Popen[str]:
    """Start the playbook, without awaiting its end."""
    pipe = subprocess.PIPE
    words = (*PLAYBOOK, "--extra-vars", f"database={TARGET}", *options)
    return start(*ANSIBLE, *words, stdin=subprocess.DEVNULL, stdout=pipe, stderr=pipe)


def ended(playing: subprocess.Popen[str]) -> subprocess.CompletedProcess[str]:
    """Await its end."""
    said, problems = playing.communicate()
    return subprocess.CompletedProcess(playing.args, playing.returncode, said, problems)


@contextmanager
def held(table: str) -> Iterator[None]:
    """Lock a table of the old database, so that a copy waits: up to a minute."""
    with start(*old_psql(SOURCE), stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holds:
        assert holds.stdin
        assert holds.stdout
        holds.stdin.write(f"BEGIN; LOCK TABLE {table}; SELECT 'held';\n")
        holds.stdin.flush()
        assert holds.stdout.readline() == "held\n"
        yield


def databases() -> list[str]:
    """The databases of the cluster that adoptions make."""
    return query(primary(), "SELECT datname FROM pg_database WHERE datname LIKE 'adoption%'").split()


def test_a_database_that_nobody_has_declared() -> None:
    said = refused(adopt(database="guild"))
    assert "guild is not declared: add it to postgresql_databases" in said


def test_an_old_server_that_there_is_not() -> None:
    said = refused(adopt("--extra-vars", "old_port=5499"))
    assert "there is no /var/run/postgresql/.s.PGSQL.5499: does the server run, and is that its port?" in said


def test_all_that_stands_in_the_way_is_told_at_once() -> None:
    query(primary(), f"SET ROLE {TARGET}; CREATE TABLE here_already ()", TARGET)
    # Where the program that looks is not there yet, a check has changed nothing either.
    connect(primary()).check_output("rm -rf /usr/local/lib/aurore/postgresql_adoption")
    looked = adopt("--check")
    query(primary(), "DROP TABLE here_already", TARGET)
    said = refused(looked)
    assert "changed=1" not in said
    assert "drone is not empty: it has public.here_already." in said
    assert "Extensions are missing here: pg_trgm." in said


def test_a_rehearsal_changes_nothing_and_a_second_one_leaves_it_alone() -> None:
    # As the declaration would have it.
    query(primary(), "CREATE EXTENSION pg_trgm", TARGET)
    before = query(primary(), "SELECT count(*) FROM pg_class", TARGET)
    with held("journal"):
        rehearsal = begin()
        assert eventually(databases, 60)
        assert f"/.s.PGSQL.{PORT} is in use: await the end of the run that uses it." in refused(adopt("--check"))
    said = succeeded(ended(rehearsal))
    assert "The same on both sides: 5 tables and sequences with 80003 rows, 1 large objects." in said
    assert "So long will the service be away: " in said
    assert "Next: stop the service, and run the same with -e real=true." in said
    assert query(primary(), "SELECT count(*) FROM pg_class", TARGET) == before
    assert databases() == []
    assert ask_old("INSERT INTO cache VALUES ('encore')").returncode == 0


def test_what_is_written_during_the_copy_is_kept() -> None:
    adoption = begin("--extra-vars", "real=true")
    query(primary(), MEANWHILE, TARGET)
    said = refused(ended(adoption))
    assert f"{TARGET} is not empty: it has public.meanwhile. If all of that may go for good, say " in said
    assert f"That came while {SOURCE} was copied" in said
    limit = f"SELECT datconnlimit FROM pg_database WHERE datname = '{TARGET}'"
    assert query(primary(), f"DROP TABLE meanwhile; {limit}", TARGET) == "-1"
    assert "read-only transaction" in ask_old("INSERT INTO cache VALUES ('non')").stderr
    succeeded(adopt("--extra-vars", "way_back=true"))
    assert ask_old("BEGIN; INSERT INTO cache VALUES ('oui'); ROLLBACK").returncode == 0
    assert databases() == []


def test_one_that_is_interrupted_leaves_nothing_half_done() -> None:
    playing = start(
        *ANSIBLE, *PLAYBOOK, "--extra-vars", f"database={TARGET} real=true", start_new_session=True, stdin=-3, stdout=-3
    )
    assert eventually(databases, 60)
    os.killpg(playing.pid, signal.SIGKILL)
    playing.wait()
    works = "pgrep --full '[p]ython3 .*postgresql_adoption' || true"
    assert eventually(lambda: connect(primary()).check_output(works) == "", 90)
    # All of it or nothing: what the old server had told before the end may have sufficed.
    assert query(primary(), "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'", TARGET) in {"0", "3"}
    assert "read-only transaction" in ask_old("INSERT INTO cache VALUES ('trop tard')").stderr


def test_the_next_one_completes_it() -> None:
    said = succeeded(adopt("--extra-vars", "real=true"))
    same = "The same on both sides: 5 tables and sequences with 80004 rows, 1 large objects."
    assert same in said or f"{TARGET} is adopted from {SOURCE} on {CLIENT}" in said
    assert "Next: connect the service to the cluster (service=primary dbname=drone)" in said
    assert databases() == []


def test_what_the_old_one_had_is_on_all_members() -> None:
    expected = {
        "SELECT nom FROM recent": "Émilie du Châtelet 20000",
        """SELECT sum(id), min(nom), max(part), max(au) FROM "dépôt" """: (
            "200010000|Émilie du Châtelet 1|2857.1428571428573|2026-11-26 14:33:20+00"
        ),
        "SELECT count(*), sum(length(contenu)) FROM journal": "60000|57600000",
        "SELECT encode(substr(contenu, 1, 8), 'hex') FROM journal WHERE n = 7": "8f14e45fceea167a",
        "SELECT crie('été'), obj_description('journal'::regclass)": "ÉTÉ|ce qui s'est passé",
        "SELECT last_value, is_called FROM tickets": "41|t",
        "SELECT convert_from(lo_get(4242), 'UTF8') = repeat('à', 5000)": "t",
        "SELECT DISTINCT pg_get_userbyid(relowner) FROM pg_class WHERE relnamespace = 'public'::regnamespace": TARGET,
        "SELECT has_database_privilege('public', current_database(), 'CONNECT')": "f",
    }
    for member in MEMBERS:
        assert {sql: query(member, sql, TARGET) for sql in expected} == expected


def test_it_goes_on_in_the_cluster() -> None:
    assert query(primary(), f"SET ROLE {TARGET}; SELECT nextval('tickets')", TARGET) == "42"
    found = """SET enable_seqscan = off; EXPLAIN SELECT FROM "dépôt" WHERE nom LIKE '%Châtelet 777%'"""
    assert "nom_trgm" in query(primary(), found, TARGET)


def test_once_more_is_no_harm() -> None:
    said = succeeded(adopt("--extra-vars", "real=true"))
    assert " already: nothing was copied." in said
    assert "changed=1 " not in said
    assert query(primary(), "SELECT last_value FROM tickets", TARGET) == "42"


def test_what_is_adopted_is_not_replaced_by_mistake() -> None:
    # As after a run whose last words nobody has read: what was agreed to was said of what was there before.
    said = refused(adopt("--extra-vars", f"real=true replace={TARGET}"))
    assert f"{TARGET} is adopted from {SOURCE} on {CLIENT}, " in said
    assert query(primary(), "SELECT count(*) FROM journal", TARGET) == "60000"


def test_a_check_of_the_way_back_changes_nothing() -> None:
    comment = f"SELECT shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = '{TARGET}'"
    before = query(primary(), comment)
    said = succeeded(adopt("--check", "--extra-vars", "way_back=true"))
    assert "changed=1" not in said
    assert f"{SOURCE} on {CLIENT} takes no writes now, and would take them again." in said
    assert f"{TARGET} is {before}: it would stay as it is, marked as given back" in said
    assert "read-only transaction" in ask_old("INSERT INTO cache VALUES ('non')").stderr
    assert query(primary(), comment) == before


def test_the_way_back() -> None:
    said = succeeded(adopt("--extra-vars", "way_back=true"))
    assert ask_old("INSERT INTO cache VALUES ('oui')").returncode == 0
    said = refused(adopt("--check"))
    assert f"{TARGET} is not empty (given back " in said
    said = succeeded(adopt("--check", "--extra-vars", f"real=true replace={TARGET}"))
    assert f"What {TARGET} has would go for good: " in said
    assert ask_old("INSERT INTO cache VALUES ('toujours')").returncode == 0
    assert query(primary(), "SELECT count(*) FROM journal", TARGET) == "60000"
