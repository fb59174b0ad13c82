"""Databases and roles are what is declared, whatever somebody did by hand."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from tests.testinfra.conftest import connect
from tests.testinfra.postgresql import cluster
from tests.testinfra.postgresql.client import asked, passwords, psql
from tests.testinfra.postgresql.cluster import MEMBERS

from .play import changes, play

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
    assert changes(play(tmp_path, "postgresql_databases", "--check")) == 2
    assert cluster.query(primary, state).strip() == "t|t"
    assert changes(play(tmp_path, "postgresql_databases")) == 2
    assert cluster.query(primary, state).strip() == "f|f"
    assert asked(drone, "SELECT current_user") == "drone"
    assert changes(play(tmp_path, "postgresql_databases")) == 0
    secret = cluster.secret("postgresql/drone")
    assert [
        name for name in MEMBERS if secret in connect(name).check_output("journalctl --since -10min --no-pager")
    ] == []


def test_what_is_not_declared_is_told_and_goes_only_when_one_says_so(tmp_path: Path) -> None:
    primary = cluster.primary()
    there = "SELECT count(*) FROM pg_database WHERE datname IN ('stray', 'drone')"
    cluster.query(primary, "CREATE DATABASE stray")
    played = play(tmp_path, "postgresql_databases")
    assert changes(played) == 0
    assert re.search(r"WARNING: the database stray \([^)]*, of postgres\) is on\s+the\s+server\s+and", played.stdout)
    drop = '{"postgresql_databases_drop": {"databases": ["%s"]}}'
    refused = play(tmp_path, "postgresql_databases", "--extra-vars", drop % "drone")
    assert refused.returncode != 0
    assert "drone of the databases to remove is needed" in re.sub(r"\s+", " ", refused.stdout)
    assert changes(play(tmp_path, "postgresql_databases", "--check", "--extra-vars", drop % "stray")) == 1
    assert cluster.query(primary, there).strip() == "2"
    assert changes(play(tmp_path, "postgresql_databases", "--extra-vars", drop % "stray")) == 1
    assert cluster.query(primary, there).strip() == "1"


def test_without_the_primary_nothing_is_changed(tmp_path: Path) -> None:
    refused = play(tmp_path, "postgresql_databases", "--limit", ",".join(cluster.replicas()))
    assert refused.returncode != 0
    assert "is the primary, so no database can be changed" in re.sub(r"\s+", " ", refused.stdout)
