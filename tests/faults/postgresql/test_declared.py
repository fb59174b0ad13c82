"""Databases and roles are what is declared, whatever somebody did by hand."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

import pytest

from tests.testinfra.conftest import connect
from tests.testinfra.playbook import refused, succeeded
from tests.testinfra.postgresql import cluster
from tests.testinfra.postgresql.client import asked, passwords, psql
from tests.testinfra.postgresql.cluster import MEMBERS

from .play import changed, play_role

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(scope="module", autouse=True)
def _passwords() -> Iterator[None]:
    with passwords():
        yield


def test_what_somebody_has_changed_by_hand_is_corrected(tmp_path: Path) -> None:
    cluster.await_health()
    primary, drone = cluster.primary(), "service=primary dbname=drone user=drone"
    state = (
        "SELECT rolcreatedb, has_database_privilege('public', 'drone', 'CONNECT') FROM pg_roles WHERE rolname = 'drone'"
    )
    assert cluster.query(primary, state).strip() == "f|f"
    cluster.query(primary, "ALTER ROLE drone CREATEDB PASSWORD 'other'; GRANT CONNECT ON DATABASE drone TO PUBLIC")
    assert "SASL authentication failed" in psql(drone).stderr
    assert changed(play_role(tmp_path, "postgresql_databases", "--check")) == 2
    assert cluster.query(primary, state).strip() == "t|t"
    assert changed(play_role(tmp_path, "postgresql_databases")) == 2
    assert cluster.query(primary, state).strip() == "f|f"
    assert asked(drone, "SELECT current_user") == "drone"
    assert changed(play_role(tmp_path, "postgresql_databases")) == 0
    secret = cluster.secret("postgresql/drone")
    assert [
        name for name in MEMBERS if secret in connect(name).check_output("journalctl --since -10min --no-pager")
    ] == []


def test_what_is_not_declared_is_told_and_goes_only_when_one_says_so(tmp_path: Path) -> None:
    primary = cluster.primary()
    there = "SELECT count(*) FROM pg_database WHERE datname IN ('stray', 'drone')"
    cluster.query(primary, "CREATE DATABASE stray")
    played = play_role(tmp_path, "postgresql_databases")
    assert changed(played) == 0
    assert re.search(r"WARNING: the database stray \([^)]*, of postgres\) is on the server and", succeeded(played))
    drop = '{"postgresql_databases_drop": {"databases": ["%s"]}}'
    said = refused(play_role(tmp_path, "postgresql_databases", "--extra-vars", drop % "drone"))
    assert "drone of the databases to remove is needed" in said
    assert changed(play_role(tmp_path, "postgresql_databases", "--check", "--extra-vars", drop % "stray")) == 1
    assert cluster.query(primary, there).strip() == "2"
    assert changed(play_role(tmp_path, "postgresql_databases", "--extra-vars", drop % "stray")) == 1
    assert cluster.query(primary, there).strip() == "1"


def test_privileges_inside_of_a_database(tmp_path: Path) -> None:
    primary = cluster.primary()
    may = "has_table_privilege('drone', oid, 'SELECT')::text"
    reads = f"SELECT string_agg({may}, ' ') FROM pg_class WHERE relname IN ('report_1', 'report_2')"
    make = "SET ROLE nextcloud; CREATE TABLE report_{} (id int); RESET ROLE"
    cluster.query(primary, make.format(1), "nextcloud")
    try:
        grant = {"database": "nextcloud", "privileges": ["SELECT"], "roles": ["drone"]}
        declared = ("--extra-vars", json.dumps({"postgresql_databases_grants": [grant]}))
        assert changed(play_role(tmp_path, "postgresql_databases", "--check", *declared)) == 2
        assert changed(play_role(tmp_path, "postgresql_databases", *declared)) == 2
        cluster.query(primary, make.format(2), "nextcloud")
        assert cluster.query(primary, reads, "nextcloud").strip() == "true true"
        again = play_role(tmp_path, "postgresql_databases", *declared)
        assert changed(again) == 0
        assert "drone has" not in succeeded(again)

        undeclared = play_role(tmp_path, "postgresql_databases")
        assert changed(undeclared) == 0
        told = re.findall(
            r"WARNING: drone has SELECT on .*? in nextcloud.*? declare it, or (.*?) there", succeeded(undeclared)
        )
        assert len(told) == 2
        cluster.query(primary, "; ".join(told), "nextcloud")
        assert cluster.query(primary, reads, "nextcloud").strip() == "false false"
        assert "drone has" not in succeeded(play_role(tmp_path, "postgresql_databases"))
    finally:
        cluster.query(primary, "DROP TABLE IF EXISTS report_1, report_2", "nextcloud")


def test_without_the_primary_nothing_is_changed(tmp_path: Path) -> None:
    said = refused(play_role(tmp_path, "postgresql_databases", "--limit", ",".join(cluster.replicas())))
    assert "is the primary, so no database can be changed" in said
